//! API tokens: for programs, scoped, with an end, shown once; only their hash is stored.
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | identity | `TOKEN#<token hash>` | `TOKEN` | `user`, `token` (id), `name` S; `scope` S `read`, `trade`; `bots` S (JSON list of bot ids; absent is all); `trade_epoch`, `cred_version` N as at its making; `created_at`, `expires_at`, `used_at` N (wall ms, 0 never used); `ttl` N (s) |
//! | identity | `TOKENS#<user>` | `<token id>` | `token_hash` S; `created_at`, `expires_at` N; `ttl` N: the owner's list |
//! | identity | `TOKENS#<user>` | `SET` | `version` N: raised with every token made, so that none is made uncounted |
//!
//! A token lives under the credentials and the epoch it was made with: any change of either kills it in the same commit
//! (PR-11), since every use compares both with the user's state.

use account::id::ApiTokenId;
use account::token::TokenHash;
use account::{CredentialVersion, Epoch, UserId, WallTime};
use strategy::id::BotId;

use crate::attribute::{Row, json, n, s};
use crate::entity::session::SKEW_S;
use crate::entity::user::User;
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// The longest life of a token, in seconds: one year.
pub const LIFE_S_MAX: i64 = 365 * 86_400;

/// Where a token is.
pub fn key(hash: &TokenHash) -> Key {
    Key::new(format!("TOKEN#{}", hash.as_str()), "TOKEN")
}
/// Where the owner's list entry is.
pub fn list_key(user: UserId, token: ApiTokenId) -> Key {
    Key::new(format!("TOKENS#{user}"), token.to_string())
}

/// Where the version of the owner's set of tokens is.
pub fn set_key(user: UserId) -> Key {
    Key::new(format!("TOKENS#{user}"), "SET")
}
/// The token that a list entry names.
pub fn key_of_entry(entry: &Row) -> Result<Key, StoreError> {
    Ok(Key::new(format!("TOKEN#{}", entry.text("token_hash")?), "TOKEN"))
}

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Look.
    Read,
    /// Look, and start, stop and change bots.
    Trade,
}

impl Scope {
    /// As stored and shown.
    pub const fn name(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Trade => "trade",
        }
    }
}

/// A token as stored. Being stored proves nothing: the session check compares it with the clock and the user.
#[derive(Debug, Clone)]
pub struct ApiToken {
    pub id: ApiTokenId,
    pub user: UserId,
    /// The owner's name for it.
    pub name: String,
    pub scope: Scope,
    /// The bots it is for; `None` is all of them.
    pub bots: Option<Vec<BotId>>,
    pub trade_epoch: Epoch,
    pub cred_version: CredentialVersion,
    pub created_at: WallTime,
    pub expires_at: WallTime,
    pub used_at: Option<WallTime>,
}

impl ApiToken {
    /// Whether clock and user let it live (PR-11).
    pub fn is_alive(&self, user: &User, now: WallTime) -> bool {
        // Made further ahead than clocks differ: the clock was set back since, and the token would outlive its days.
        now >= self.created_at.plus_seconds(-SKEW_S)
            && now < self.expires_at
            && self.trade_epoch == user.trade_epoch
            && self.cred_version == user.cred_version
    }
    /// The writes that store it; over the list entry that names another text, when a broken-off making left one.
    pub fn writes(&self, hash: &TokenHash, over: Option<&Row>) -> Result<Vec<Write>, StoreError> {
        let ttl = n(self.expires_at.seconds().saturating_add(60));
        let bots = self.bots.as_ref().map(json).transpose()?;
        let row = Row::keyed(&key(hash))
            .with("user", s(self.user))
            .with("token", s(self.id))
            .with("name", s(&self.name))
            .with("scope", s(self.scope.name()))
            .with_some("bots", bots)
            .with("trade_epoch", n(self.trade_epoch.value()))
            .with("cred_version", n(self.cred_version.value()))
            .with("created_at", n(self.created_at.ms()))
            .with("expires_at", n(self.expires_at.ms()))
            .with("used_at", n(self.used_at.map_or(0, WallTime::ms)))
            .with("ttl", ttl.clone());
        let entry = Row::keyed(&list_key(self.user, self.id))
            .with("token_hash", s(hash.as_str()))
            .with("created_at", n(self.created_at.ms()))
            .with("expires_at", n(self.expires_at.ms()))
            .with("ttl", ttl);
        let entry = Write::put(Table::Identity, list_key(self.user, self.id), entry);
        let mut writes = vec![Write::put(Table::Identity, key(hash), row).when("attribute_not_exists(pk)")];
        match over {
            None => writes.push(entry.when("attribute_not_exists(pk)")),
            Some(old) => {
                writes.push(entry.when("#token_hash = :old").value(":old", s(old.text("token_hash")?)));
                writes.push(Write::delete(Table::Identity, key_of_entry(old)?));
            }
        }
        Ok(writes)
    }
    /// From a stored item.
    pub fn from_row(row: &Row) -> Result<Self, StoreError> {
        let bad = |what: &str| StoreError::Corrupt { what: format!("{what} of an API token") };
        let used_at: i64 = row.number("used_at")?;
        Ok(Self {
            id: row.parse("token")?,
            user: row.parse("user")?,
            name: row.text("name")?.to_owned(),
            scope: match row.text("scope")? {
                "read" => Scope::Read,
                "trade" => Scope::Trade,
                _ => return Err(bad("scope")),
            },
            bots: row.text_if("bots").map(|_| row.json("bots")).transpose()?,
            trade_epoch: Epoch::from_stored(row.number("trade_epoch")?),
            cred_version: CredentialVersion::from_stored(row.number("cred_version")?),
            created_at: WallTime::from_ms(row.number("created_at")?),
            expires_at: WallTime::from_ms(row.number("expires_at")?),
            used_at: (used_at != 0).then_some(WallTime::from_ms(used_at)),
        })
    }
}

impl Store {
    /// An API token, read consistently.
    pub async fn find_api_token(&self, hash: &TokenHash) -> Result<Option<ApiToken>, StoreError> {
        self.read(Table::Identity, &key(hash)).await?.map(|row| ApiToken::from_row(&row)).transpose()
    }
    /// Notes that the token was used; at most once a minute.
    pub async fn touch_api_token(&self, hash: &TokenHash, now: WallTime) -> Result<(), StoreError> {
        let write = Write::update(Table::Identity, key(hash), "SET #used_at = :now")
            .when("attribute_exists(pk)")
            .value(":now", n(now.ms()));
        // Revoked in the meantime: nothing to note, and the next request finds out.
        self.write_one(write).await.map(|_| ())
    }
}
