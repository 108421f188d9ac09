//! Credentials: the password hash and the second factor of a user. Only the four account functions read them.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | identity | `CRED#<user>` | `CRED` | `email`, `hash` (PHC), `pepper` S (both absent once "this was not me" was said: then only a reset lets anyone in); `totp_last_step` N (one counter for all paths, TP-7); `totp_seed` S (base64 KMS ciphertext; absent without a factor), `enrolled_at` N; `pending_seed` S, `pending_until`, `pending_tries` N while enrolling; `passkeys` N (how many are registered; absent is none); `codes_set` S (names the present set of recovery codes, so that two replacements at once leave one set); `password_check` S `passed`, `due` (absent likewise), `breached`: written with every new hash (SU-4) |
//! | identity | `EMAIL#<normalised address>` | `EMAIL` | `user` S: uniqueness by conditional put (SU-5); `reserved_until` N (wall ms), `ttl` N: given up by `user`, who can take it back until then (EV-5) |

use account::breached::PasswordCheck;
use account::email::EmailAddress;
use account::password_hash::{PasswordHash, PepperId};
use account::totp::TotpStep;
use account::{UserId, WallTime};

use crate::attribute::{Row, n, s};
use crate::{Key, Store, StoreError, Table};

/// Where a user's credentials are.
pub fn key(user: UserId) -> Key {
    Key::new(format!("CRED#{user}"), "CRED")
}
/// Where an address is claimed.
pub fn email_key(email: &EmailAddress) -> Key {
    Key::new(format!("EMAIL#{}", email.key()), "EMAIL")
}

/// A second factor that is on.
#[derive(Debug, Clone)]
pub struct TotpFactor {
    /** Base64 of the sealed seed. */
    pub sealed_seed: String,
    pub enrolled_at: WallTime,
}

/// An enrolment that waits for its first code.
#[derive(Debug, Clone)]
pub struct PendingTotp {
    pub sealed_seed: String,
    pub until: WallTime,
    /** Codes tried so far (TP-9). */
    pub tries: u32,
}

/// The credentials of a user.
#[derive(Debug, Clone)]
pub struct Credential {
    pub user: UserId,
    pub email: EmailAddress,
    /// `None`: the password was removed, and nothing matches it.
    pub hash: Option<PasswordHash>,
    pub totp_last_step: TotpStep,
    pub totp: Option<TotpFactor>,
    pub pending: Option<PendingTotp>,
    /// How many passkeys are registered; each is an item of its own (see `entity::passkey`).
    pub passkeys: u32,
    /// Names the present set of recovery codes.
    pub codes_set: Option<String>,
    /// SU-4: whether the password is known to be stolen.
    pub password_check: PasswordCheck,
}

impl Credential {
    /// As stored for a new account.
    pub fn to_new_row(user: UserId, email: &EmailAddress, hash: &PasswordHash) -> Row {
        Row::keyed(&key(user))
            .with("email", s(email))
            .with("hash", s(hash.as_phc()))
            .with("pepper", s(hash.pepper().as_str()))
            .with("totp_last_step", n(TotpStep::NEVER.value()))
    }
    /// From a stored item.
    pub fn from_row(row: &Row) -> Result<Self, StoreError> {
        let bad = |what: &str| StoreError::Corrupt { what: format!("{what} of a credential") };
        let timed = |seed: &str, at: &str| -> Result<Option<(String, WallTime)>, StoreError> {
            Ok(row.text_if(seed).map(str::to_owned).zip(row.number_if(at)?.map(WallTime::from_ms)))
        };
        Ok(Self {
            user: row.text("pk")?.strip_prefix("CRED#").and_then(|u| u.parse().ok()).ok_or_else(|| bad("pk"))?,
            email: EmailAddress::parse(row.text("email")?).map_err(|_| bad("email"))?,
            hash: match row.text_if("hash") {
                None => None,
                Some(phc) => {
                    let pepper = PepperId::new(row.text("pepper")?).map_err(|_| bad("pepper"))?;
                    Some(PasswordHash::from_stored(phc, pepper).map_err(|_| bad("hash"))?)
                }
            },
            totp_last_step: TotpStep::from_stored(row.number("totp_last_step")?),
            totp: timed("totp_seed", "enrolled_at")?
                .map(|(sealed_seed, enrolled_at)| TotpFactor { sealed_seed, enrolled_at }),
            pending: {
                let tries = row.number_if("pending_tries")?.unwrap_or(0);
                timed("pending_seed", "pending_until")?.map(|(sealed_seed, until)| PendingTotp {
                    sealed_seed,
                    until,
                    tries,
                })
            },
            passkeys: row.number_if("passkeys")?.unwrap_or(0),
            codes_set: row.text_if("codes_set").map(str::to_owned),
            password_check: PasswordCheck::from_stored(row.text_if("password_check"))
                .ok_or_else(|| bad("password_check"))?,
        })
    }
    /// Whether a second factor is on: an authenticator or a passkey.
    pub const fn has_factor(&self) -> bool {
        self.totp.is_some() || self.passkeys > 0
    }
    /// The factors that a sign-in may be finished with, by the contract's names; none when no factor is on.
    pub fn factors(&self) -> Vec<&'static str> {
        let mut factors = Vec::new();
        if self.totp.is_some() {
            factors.push("totp");
        }
        if self.passkeys > 0 {
            factors.push("passkey");
        }
        if !factors.is_empty() {
            factors.push("recovery_code");
        }
        factors
    }
}

impl Store {
    /// A user's credentials, read consistently.
    pub async fn find_credential(&self, user: UserId) -> Result<Option<Credential>, StoreError> {
        self.read(Table::Identity, &key(user)).await?.map(|row| Credential::from_row(&row)).transpose()
    }
    /// Whose address this is, read consistently.
    pub async fn find_user_by_email(&self, email: &EmailAddress) -> Result<Option<UserId>, StoreError> {
        let found = self.read(Table::Identity, &email_key(email)).await?;
        // EV-5: an address that was given up leads to nobody, and is nobody else's either.
        found
            .filter(|row| row.text_if("user").is_some() && !row.0.contains_key("reserved_until"))
            .map(|row| row.parse("user"))
            .transpose()
    }
}
