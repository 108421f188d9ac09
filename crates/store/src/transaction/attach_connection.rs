//! Makes a connection LIVE: the last of the five steps of attaching, and the only one that gives a key any power.
//!
//! | write | condition |
//! | --- | --- |
//! | `CONN#` put, LIVE with the step-up's epoch | there is none of this id |
//! | `USER#` conn_set_version + 1 | trade_epoch is the step-up's (RF-19); conn_set_version as read with the list of connections (RF-21, RF-22); e-mail verified (EV-4); for `paper` not HELD, for a real exchange ACTIVE or cooled off, and a second factor (LG-5) |
//! | `LEDGER#` LIVE with the ARN | it is CREATING |
//! | `FINGERPRINT#` put | absent, or the same user's with the connection that was read as not LIVE (KX-4) |
//! | outbox mail | there is none of this id |

use account::id::JobId;
use account::{ConnectionId, UserId, WallTime};

use crate::attribute::{Row, n, s};
use crate::entity::connection::{self, CONNECTIONS_MAX, NewConnection, Status};
use crate::entity::job::{self, Mail};
use crate::entity::ledger::{self, LedgerState};
use crate::entity::user::{self, TradingState, User};
use crate::transaction::spend_step_up::StepUpProof;
use crate::write::{Cancelled, TransactFailed, Write};
use crate::{Store, StoreError, Table};

/// The exchange whose keys hold no money.
pub const PAPER: &str = "paper";
/// How often contention is met with another try before the answer is "busy".
const TRIES_MAX: usize = 6;

/// Why a connection did not become LIVE; in order of precedence. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum AttachRefused {
    /// A fence was raised since the step-up (RF-19).
    #[error("a fence was raised since the step-up")]
    FenceRaised,
    /// EV-4.
    #[error("the e-mail address is not verified")]
    EmailNotVerified,
    /// LG-5; real exchanges only.
    #[error("a second factor is needed")]
    SecondFactorRequired,
    /// The account is held.
    #[error("the account is held")]
    Held,
    /// The account is cooling off; real exchanges only.
    #[error("the account is cooling off until {until}")]
    CoolingOff {
        /// When it ends by itself.
        until: WallTime,
    },
    /// RF-22.
    #[error("the account has as many connections as it may have")]
    Full,
    /// KX-4: by this account or another; which is not told.
    #[error("the key is attached already")]
    KeyInUse,
    /// The attach took so long that its secret was given up meanwhile.
    #[error("the secret was given up meanwhile")]
    SecretGivenUp,
    /// Others kept changing the same items.
    #[error("too much contention")]
    Busy,
    /// The tables could not be used; `OutcomeUnknown` means that it may be LIVE.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is attached.
#[derive(Debug)]
pub struct Attaching<'a> {
    pub proof: &'a StepUpProof,
    pub connection: &'a NewConnection,
    pub secret_name: &'a str,
    pub mail_job: JobId,
    /// To the owner: `Notice::KeyAttached`.
    pub mail: &'a Mail,
}

/// Where the ledger's write stands: connection, user, ledger, fingerprint, mail.
const LEDGER: usize = 2;

const RAISE_SET: &str = "SET #conn_set_version = #conn_set_version + :one";
const USER_FOR_PAPER: &str =
    "#trade_epoch = :epoch AND #conn_set_version = :set AND #email_verified = :true AND #trading_state <> :held";
const USER_FOR_REAL: &str = "#trade_epoch = :epoch AND #conn_set_version = :set AND #email_verified = :true AND #has_factor = :true \
    AND (#trading_state = :active OR (#trading_state = :cooling AND #cooling_until <= :now))";
const LEDGER_LIVE: &str =
    "SET #state = :live, #ledger_key = :live, #secret_arn = :arn, #updated_at = :now, #ledger_ms = :now";
const FINGERPRINT_FREE: &str = "attribute_not_exists(pk)";
const FINGERPRINT_OWN: &str = "#user = :user AND #connection = :dead";

/// Whether the account may attach now; the transaction checks the same again. For refusing early.
pub fn may_attach(user: &User, exchange: &str, now: WallTime) -> Result<(), AttachRefused> {
    if !user.email_verified {
        return Err(AttachRefused::EmailNotVerified);
    }
    let real = exchange != PAPER;
    if real && !user.has_factor {
        return Err(AttachRefused::SecondFactorRequired);
    }
    match user.trading_state {
        TradingState::Held { .. } => Err(AttachRefused::Held),
        TradingState::Cooling { until } if real && until > now => Err(AttachRefused::CoolingOff { until }),
        TradingState::Cooling { .. } | TradingState::Active => Ok(()),
    }
}

impl Store {
    /// Says before anything is stored what would refuse the attach anyway. Decides nothing: the transaction checks again.
    /// Only for who has shown that the key is theirs: otherwise it would tell which key ids are attached (KX-4).
    pub async fn foresee_attach(
        &self,
        user: &User,
        exchange: &str,
        fingerprint: &str,
        now: WallTime,
    ) -> Result<(), AttachRefused> {
        may_attach(user, exchange, now)?;
        let live = self.list_connections(user.id).await?.iter().filter(|c| c.status == Status::Live).count();
        if live >= CONNECTIONS_MAX {
            return Err(AttachRefused::Full);
        }
        self.claim_on(user.id, fingerprint, None).await.map(|_| ())
    }

    /// Makes the connection LIVE. Safe to repeat with the same ids: what was done is not done again.
    pub async fn attach_connection(&self, attaching: Attaching<'_>, now: WallTime) -> Result<(), AttachRefused> {
        let user_id = attaching.proof.user();
        let new = attaching.connection;
        for attempt in 0..TRIES_MAX {
            let user = self.find_user(user_id).await?.ok_or(AttachRefused::FenceRaised)?;
            if user.trade_epoch != attaching.proof.epoch() {
                return Err(AttachRefused::FenceRaised);
            }
            may_attach(&user, &new.exchange, now)?;
            // RF-22: read after the version that the transaction compares, so that the count cannot be outdated.
            let live = self.list_connections(user_id).await?.iter().filter(|c| c.status == Status::Live).count();
            if live >= CONNECTIONS_MAX {
                return Err(AttachRefused::Full);
            }
            let dead = self.claim_on(user_id, &new.fingerprint, Some(new.id)).await?;
            let writes = writes(&attaching, &user, dead, now)?;
            // One name per set of writes: under the same name another content would be refused. By the secret, which is new
            // with every try; the connection is the same when a request is repeated.
            let secret = attaching.secret_name.rsplit('/').next().unwrap_or_default();
            let token = format!("{secret}-{attempt}");
            match self.commit(&token, &writes).await {
                Ok(()) => return Ok(()),
                Err(TransactFailed::Store(StoreError::OutcomeUnknown { what })) => {
                    if self.is_attached(user_id, new).await? {
                        return Ok(());
                    }
                    return Err(AttachRefused::Store(StoreError::OutcomeUnknown { what }));
                }
                Err(TransactFailed::Store(error)) => return Err(AttachRefused::Store(error)),
                Err(TransactFailed::Cancelled(cancelled)) => self.explain(&cancelled, user_id, new).await?,
            }
            if self.is_attached(user_id, new).await? {
                return Ok(());
            }
        }
        Err(AttachRefused::Busy)
    }

    /// Sends the transaction; a lost answer is asked for again under the same name, which applies nothing twice.
    async fn commit(&self, token: &str, writes: &[Write]) -> Result<(), TransactFailed> {
        let mut answer = self.transact(token, writes).await;
        for _ in 0..2 {
            if !matches!(answer, Err(TransactFailed::Store(StoreError::OutcomeUnknown { .. }))) {
                break;
            }
            answer = self.transact(token, writes).await;
        }
        answer
    }

    /// KX-4: who holds the claim on the key. `Some` is this user's connection that is not LIVE and never will be again (G5).
    async fn claim_on(
        &self,
        user: UserId,
        fingerprint: &str,
        own: Option<ConnectionId>,
    ) -> Result<Option<ConnectionId>, AttachRefused> {
        let Some(claim) = self.read(Table::Vault, &connection::fingerprint_key(fingerprint)).await? else {
            return Ok(None);
        };
        let (holder, held_by) = (claim.parse::<UserId>("user")?, claim.parse::<ConnectionId>("connection")?);
        if holder != user {
            return Err(AttachRefused::KeyInUse);
        }
        if own == Some(held_by) {
            return Ok(Some(held_by));
        }
        match self.find_connection(user, held_by).await? {
            Some(connection) if connection.status == Status::Live => Err(AttachRefused::KeyInUse),
            // Revoked, or gone by its time to live, which only revoked ones have.
            Some(_) | None => Ok(Some(held_by)),
        }
    }

    async fn is_attached(&self, user: UserId, new: &NewConnection) -> Result<bool, StoreError> {
        Ok(self
            .find_connection(user, new.id)
            .await?
            .is_some_and(|c| c.secret_arn == new.secret_arn && c.status == Status::Live))
    }

    /// Names what cannot change by trying again; the rest is read anew.
    async fn explain(&self, cancelled: &Cancelled, user: UserId, new: &NewConnection) -> Result<(), AttachRefused> {
        let already = self.is_attached(user, new).await?;
        if cancelled.failed_at(LEDGER) && !already {
            return Err(AttachRefused::SecretGivenUp);
        }
        Ok(())
    }
}

fn writes(
    attaching: &Attaching<'_>,
    user: &User,
    dead: Option<ConnectionId>,
    now: WallTime,
) -> Result<Vec<Write>, StoreError> {
    let (new, epoch) = (attaching.connection, attaching.proof.epoch());
    let raise = Write::update(Table::Identity, user::key(user.id), RAISE_SET)
        .value(":one", n(1))
        .value(":epoch", n(epoch.value()))
        .value(":set", n(user.conn_set_version.value()))
        .value(":true", crate::attribute::truth(true));
    let raise = if new.exchange == PAPER {
        raise.when(USER_FOR_PAPER).value(":held", s("HELD"))
    } else {
        raise
            .when(USER_FOR_REAL)
            .value(":active", s("ACTIVE"))
            .value(":cooling", s("COOLING"))
            .value(":now", n(now.ms()))
    };
    let fingerprint_key = connection::fingerprint_key(&new.fingerprint);
    let claim = Row::keyed(&fingerprint_key).with("user", s(user.id)).with("connection", s(new.id));
    let claim = Write::put(Table::Vault, fingerprint_key, claim);
    let claim = match dead {
        None => claim.when(FINGERPRINT_FREE),
        Some(dead) => claim.when(FINGERPRINT_OWN).value(":user", s(user.id)).value(":dead", s(dead)),
    };
    let ledger = Write::update(Table::Vault, ledger::key(attaching.secret_name), LEDGER_LIVE)
        .when("#state = :creating")
        .value(":creating", s(LedgerState::Creating.as_str()))
        .value(":live", s(LedgerState::Live.as_str()))
        .value(":arn", s(&new.secret_arn))
        .value(":now", n(now.ms()));
    let put = Write::put(Table::Vault, connection::key(user.id, new.id), new.to_row(user.id, epoch, now)?)
        .when("attribute_not_exists(pk)");
    let mail = job::put_mail(attaching.mail_job, Some(user.id), attaching.mail, now)?;
    Ok(vec![put, raise, ledger, claim, mail])
}
