//! Makes an API token, and shows the owner's.
//!
//! | write | condition |
//! | --- | --- |
//! | `USER#` check | credential version, generation and epoch as read, address verified (EV-4) |
//! | `TOKENS#<user>` `SET`: `version` + 1 | version as read: of many at once each counts those before it |
//! | `TOKEN#` and the list entry put | there are none; a repetition puts them over what its first try has left |
//! | mail job, audit row | |
//!
//! The count is taken after the version was read and holds at the commit, since whoever makes one raises the version; a
//! revocation meanwhile only makes us stricter.

use std::net::IpAddr;

use account::id::{ApiTokenId, JobId};
use account::token::TokenHash;
use account::{UserId, WallTime};
use ulid::Ulid;

use crate::attribute::{n, truth};
use crate::entity::api_token::{ApiToken, key_of_entry, list_key, set_key};
use crate::entity::audit;
use crate::entity::job::{Mail, put_mail};
use crate::entity::user::{self, User};
use crate::transaction::spend_step_up::StepUpProof;
use crate::write::{TransactFailed, Write};
use crate::{Store, StoreError, Table};

/// The most live tokens of one account: more than programs that anyone runs, few enough to look through.
pub const TOKENS_MAX: usize = 20;

/// How often a count that was overtaken is taken anew.
pub const TRIES: usize = 5;

/// Why there is no token.
#[derive(Debug)]
pub enum MakeTokenRefused {
    /** The account changed in between, or its address is not verified. */
    ChangedMeanwhile,
    /** There are [`TOKENS_MAX`] already. */
    Full,
    /** Another one was made at this moment; nothing was written. */
    Busy,
    Store(StoreError),
}

/// A token to be stored.
#[derive(Debug)]
pub struct MakingToken<'a> {
    pub user: &'a User,
    pub token: &'a ApiToken,
    pub hash: &'a TokenHash,
    pub job: JobId,
    pub mail: &'a Mail,
    /// One name per try: others may be made at the same moment.
    pub ids: [Ulid; TRIES],
    pub source: Option<IpAddr>,
    pub now: WallTime,
}

const AS_READ: &str = "#cred_version = :cred_version AND #session_gen = :session_gen AND #trade_epoch = :trade_epoch \
    AND #email_verified = :verified";
const NEXT: &str = "SET #version = :next";
const FIRST: &str = "attribute_not_exists(pk)";
const SAME_SET: &str = "#version = :version";

#[derive(Clone, Copy)]
enum Item {
    User,
}

impl Store {
    /// Makes it. The proof shows that all factors were just shown for it (ST-1).
    pub async fn make_api_token(&self, making: &MakingToken<'_>, proof: StepUpProof) -> Result<(), MakeTokenRefused> {
        // The proof's owner alone decides whose token it is.
        if proof.user() != making.token.user || proof.epoch() != making.token.trade_epoch {
            return Err(MakeTokenRefused::ChangedMeanwhile);
        }
        for id in making.ids {
            match self.try_api_token(making, id).await {
                Err(MakeTokenRefused::Busy) => {}
                settled => return settled,
            }
        }
        Err(MakeTokenRefused::Busy)
    }
    async fn try_api_token(&self, making: &MakingToken<'_>, id: Ulid) -> Result<(), MakeTokenRefused> {
        let MakingToken { user, token, hash, job, mail, ids: _, source, now } = making;
        let version: Option<u64> = match self.read(Table::Identity, &set_key(user.id)).await? {
            Some(row) => Some(row.number("version")?),
            None => None,
        };
        // An earlier try of the same request: nobody has seen its text, so its place is taken (`Creation::repeated`).
        let left = self.read(Table::Identity, &list_key(user.id, token.id)).await?;
        let others = self.list_api_tokens(user, *now).await?.into_iter().filter(|other| other.id != token.id).count();
        if others >= TOKENS_MAX {
            return Err(MakeTokenRefused::Full);
        }
        let counted = Write::update(Table::Identity, set_key(user.id), NEXT)
            .value(":next", n(version.map_or(1, |v| v.saturating_add(1))));
        let mut writes = vec![
            Write::check(Table::Identity, user::key(user.id))
                .when(AS_READ)
                .value(":cred_version", n(token.cred_version.value()))
                .value(":session_gen", n(user.session_gen.value()))
                .value(":trade_epoch", n(token.trade_epoch.value()))
                .value(":verified", truth(true)),
            match version {
                None => counted.when(FIRST),
                Some(version) => counted.when(SAME_SET).value(":version", n(version)),
            },
        ];
        writes.extend(token.writes(hash, left.as_ref())?);
        writes.push(put_mail(*job, Some(user.id), mail, *now)?);
        writes.push(audit::put(user.id, id, "token_made", None, *source, *now));
        match self.transact_surely(&id.to_string(), &writes).await {
            Ok(()) => Ok(()),
            Err(TransactFailed::Cancelled(c)) if c.failed_at(Item::User as usize) => {
                Err(MakeTokenRefused::ChangedMeanwhile)
            }
            Err(TransactFailed::Cancelled(_)) => Err(MakeTokenRefused::Busy),
            Err(TransactFailed::Store(error)) => Err(error.into()),
        }
    }

    /// The tokens of a user that would pass the session check now, oldest first.
    pub async fn list_api_tokens(&self, user: &User, now: WallTime) -> Result<Vec<ApiToken>, StoreError> {
        let entries = self.api_token_entries(user.id).await?;
        let keys = entries.iter().map(key_of_entry).collect::<Result<Vec<_>, _>>()?;
        let rows = self.read_many(Table::Identity, &keys).await?;
        let mut tokens = rows.iter().map(ApiToken::from_row).collect::<Result<Vec<_>, _>>()?;
        tokens.retain(|token| token.is_alive(user, now));
        tokens.sort_by_key(|token| token.id);
        Ok(tokens)
    }
    async fn api_token_entries(&self, user: UserId) -> Result<Vec<crate::attribute::Row>, StoreError> {
        self.read_partition(Table::Identity, &format!("TOKENS#{user}"), ApiTokenId::PREFIX).await
    }
}

impl From<StoreError> for MakeTokenRefused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
