//! Makes the confirmed address the account's, and takes it back (EV-5). Both are changes of address: sessions end, entries
//! freeze, and every mailed token dies, in one commit.
//!
//! | write | confirming demands | taking back demands |
//! | --- | --- | --- |
//! | `EMAIL_CHANGE#` | it waits | as far as it was read, in time |
//! | `EMAIL_CHANGES#` | it is the newest; then blocked until it cannot be taken back | it is the newest; not blocked any more |
//! | `EMAIL#` of the address that comes | nobody has it | it is kept for this user |
//! | `EMAIL#` of the address that goes | it is this user's; then kept for him until it cannot be taken back | it is this user's; deleted |
//! | `CRED#` email | the address that goes | the address that goes |
//! | `USER#` ADDRESS | none | none |
//! | outbox notice, `USER#`, audit row | see [`fencing`](crate::transaction::fencing) | likewise |
//!
//! Whoever follows a link has no session of his own here, so every session ends. A change that nobody has confirmed is
//! stopped by its own item alone.

use std::net::IpAddr;

use account::email::EmailAddress;
use account::id::JobId;
use account::security_event::SecurityEvent;
use account::token::NewToken;
use account::{CredentialVersion, UserId, WallTime};
use host::Host;

use crate::attribute::{Row, n, s, truth};
use crate::entity::email_change::{self, CONFIRMED_BY, ChangeState, EmailChange, REVOKE_LIFE_S, REVOKED_BY};
use crate::entity::job::{self, Mail, Notice};
use crate::entity::{address, audit, credential};
use crate::transaction::fencing::{Attempt, FenceRefused, Fencing, Marker, Own};
use crate::write::{TransactFailed, Write};
use crate::{Store, StoreError, Table};

/// Why the address is what it was (but for `OutcomeUnknown`).
#[derive(Debug, thiserror::Error)]
pub enum EmailChangeRefused {
    /// Unknown, used, expired, superseded, or made before a change of credentials; or the address is somebody's by now.
    #[error("the token is dead")]
    TokenDead,
    /// Others kept changing the same items.
    #[error("too much contention")]
    Busy,
    /// No answer came and nothing shows that it happened.
    #[error("the outcome is not known")]
    OutcomeUnknown,
    /// The tables could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<FenceRefused> for EmailChangeRefused {
    fn from(refused: FenceRefused) -> Self {
        match refused {
            FenceRefused::Changed | FenceRefused::Own(_) => Self::TokenDead,
            FenceRefused::Busy => Self::Busy,
            FenceRefused::OutcomeUnknown => Self::OutcomeUnknown,
            FenceRefused::Store(error) => Self::Store(error),
        }
    }
}

const NOBODYS: &str = "attribute_not_exists(pk) OR #reserved_until <= :now";
const HIS: &str = "#user = :user AND attribute_not_exists(#reserved_until)";
const KEPT_FOR_HIM: &str = "#user = :user AND attribute_exists(#reserved_until)";
const MOVE: &str = "SET #email = :to";
const IS_AT: &str = "#email = :from";

impl Store {
    /// Confirms it. `revoke` is the token that the old address is mailed.
    pub async fn confirm_email_change(
        &self,
        change: &EmailChange,
        revoke: &NewToken,
        source: Option<IpAddr>,
        host: &Host,
    ) -> Result<(), EmailChangeRefused> {
        let fencing = (CONFIRMED_BY, change.cred_version, source);
        self.move_address(change, fencing, host, |trying| {
            let &Attempt { user, done_by, now, host, .. } = trying;
            let mut writes = Vec::from(email_change::confirmed(change, &revoke.hash, done_by, now));
            let claim = Row::keyed(&credential::email_key(&change.new)).with("user", s(user.id));
            let until = now.plus_seconds(REVOKE_LIFE_S);
            writes.push(
                Write::put(Table::Identity, credential::email_key(&change.new), claim)
                    .when(NOBODYS)
                    .value(":now", n(now.ms())),
            );
            writes.push(keep(&change.old, user.id, until));
            writes.extend(moved(user.id, &change.old, &change.new));
            // EXPOSE: the mail is how the token reaches its owner.
            let revoke_token = revoke.text.expose(|text| format!("{}.{text}", change.confirm));
            let frozen_until = user.frozen.after(SecurityEvent::EmailChanged, now).frozen_until();
            let notice = Notice::EmailChanged {
                at: now.to_string(),
                new_email: change.new.to_string(),
                frozen_until: frozen_until.to_string(),
                revoke_token,
            };
            let mail = Mail { to: change.old.to_string(), notice };
            writes.push(job::put_mail(JobId::new(host.entropy.ulid(now)), Some(user.id), &mail, now)?);
            // EV-5: the new address has shown that it is read.
            Ok(Own {
                writes,
                user_set: "#email_verified = :verified",
                user_values: vec![(":verified", truth(true))],
                ..Own::default()
            })
        })
        .await
    }

    /// Stops a change that waits, or takes a confirmed one back.
    pub async fn revoke_email_change(
        &self,
        change: &EmailChange,
        source: Option<IpAddr>,
        host: &Host,
    ) -> Result<(), EmailChangeRefused> {
        match change.state {
            ChangeState::Started => self.stop_email_change(change, source, host).await,
            ChangeState::Confirmed => {
                // Not bound to the version at the start: whatever the new address has led to since, the old one has its say.
                let user = self.find_user(change.user).await?.ok_or(EmailChangeRefused::TokenDead)?;
                let fencing = (REVOKED_BY, user.cred_version, source);
                self.move_address(change, fencing, host, |trying| taken_back(change, trying)).await
            }
            ChangeState::Revoked => Err(EmailChangeRefused::TokenDead),
        }
    }

    async fn stop_email_change(
        &self,
        change: &EmailChange,
        source: Option<IpAddr>,
        host: &Host,
    ) -> Result<(), EmailChangeRefused> {
        let (now, id) = (host.clock.now(), host.entropy.ulid(host.clock.now()));
        let notice = Notice::EmailChangeRevoked { at: now.to_string() };
        let writes = [
            email_change::revoked(change, &id.to_string(), now),
            job::put_mail(
                JobId::new(host.entropy.ulid(now)),
                Some(change.user),
                &Mail { to: change.old.to_string(), notice },
                now,
            )?,
            audit::put(change.user, id, "email_change_revoked", None, source, now),
        ];
        match self.transact_surely(&id.to_string(), &writes).await {
            Ok(()) => Ok(()),
            Err(TransactFailed::Cancelled(c)) if c.only_contention() => Err(EmailChangeRefused::Busy),
            Err(TransactFailed::Cancelled(_)) => Err(EmailChangeRefused::TokenDead),
            Err(TransactFailed::Store(error)) => Err(error.into()),
        }
    }

    async fn move_address<F>(
        &self,
        change: &EmailChange,
        (attribute, cred_version, source): (&'static str, CredentialVersion, Option<IpAddr>),
        host: &Host,
        own: F,
    ) -> Result<(), EmailChangeRefused>
    where
        F: Fn(&Attempt<'_>) -> Result<Own, FenceRefused>,
    {
        let marker = Marker { key: change.key(), attribute };
        let fencing = Fencing {
            event: SecurityEvent::EmailChanged,
            beside: None,
            user: change.user,
            cred_version,
            marker: &marker,
            revoked_by: SecurityEvent::EmailChanged.name(),
            factor: None,
            source,
        };
        self.fence(&fencing, host, own).await?;
        Ok(())
    }
}

fn taken_back(change: &EmailChange, trying: &Attempt<'_>) -> Result<Own, FenceRefused> {
    let &Attempt { user, done_by, now, host, .. } = trying;
    let old = Row::keyed(&credential::email_key(&change.old)).with("user", s(user.id));
    let mut writes = vec![
        email_change::revoked(change, done_by, now),
        email_change::unblocked(change),
        Write::put(Table::Identity, credential::email_key(&change.old), old)
            .when(KEPT_FOR_HIM)
            .value(":user", s(user.id)),
        Write::delete(Table::Identity, credential::email_key(&change.new)).when(HIS).value(":user", s(user.id)),
    ];
    writes.extend(moved(user.id, &change.new, &change.old));
    let mail = Mail { to: change.old.to_string(), notice: Notice::EmailChangeRevoked { at: now.to_string() } };
    writes.push(job::put_mail(JobId::new(host.entropy.ulid(now)), Some(user.id), &mail, now)?);
    writes.push(audit::put(user.id, host.entropy.ulid(now), "email_change_revoked", None, None, now));
    Ok(Own { writes, ..Own::default() })
}

/// The claim that nobody else can take meanwhile, and that leads to nobody.
fn keep(email: &EmailAddress, user: UserId, until: WallTime) -> Write {
    let key = credential::email_key(email);
    let row = Row::keyed(&key)
        .with("user", s(user))
        .with("reserved_until", n(until.ms()))
        .with("ttl", n(until.seconds().saturating_add(60)));
    Write::put(Table::Identity, key, row).when(HIS).value(":user", s(user))
}

fn moved(user: UserId, from: &EmailAddress, to: &EmailAddress) -> [Write; 2] {
    [
        Write::update(Table::Identity, credential::key(user), MOVE)
            .when(IS_AT)
            .value(":to", s(to))
            .value(":from", s(from)),
        address::put(user, to),
    ]
}
