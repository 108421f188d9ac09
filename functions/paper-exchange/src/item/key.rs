//! API keys: which account they open, with which secret and permissions.

use account::{Secret, UserId, WallTime};
use store::attribute::{Row, n, s, truth};
use store::{Key, Store, StoreError, Table, Write};

use super::account::AccountId;

/// Keys that one user can make; each opens an account of its own.
pub const KEYS_MAX: u32 = 100;

/// A key as the exchange knows it.
#[derive(Debug)]
pub struct ApiKey {
    /// Which account it opens.
    pub account: AccountId,
    /// Signs requests.
    pub secret: Secret<String>,
    /// Who made it.
    pub user: UserId,
    /// Whether it may withdraw: kept so that refusals of such keys can be tried.
    pub withdraw: bool,
    /// Whether it works from listed addresses only: kept for the same reason.
    pub ip_restrict: bool,
    /// When it was made.
    pub created_at: WallTime,
}

fn key(api_key: &str) -> Key {
    Key::new(format!("KEY#{api_key}"), "KEY")
}

/// Looks up a key.
pub async fn find(store: &Store, api_key: &str) -> Result<Option<ApiKey>, StoreError> {
    let Some(row) = store.read(Table::Paper, &key(api_key)).await? else { return Ok(None) };
    Ok(Some(ApiKey {
        account: row.parse("account")?,
        secret: Secret::new(row.text("secret")?.to_owned()),
        user: row.parse("user")?,
        withdraw: row.is("withdraw"),
        ip_restrict: row.is("ip_restrict"),
        created_at: WallTime::from_ms(row.number("created_ms")?),
    }))
}

/// The writes of a new key: itself, and one more on its maker's count.
pub fn put(api_key: &str, new: &ApiKey) -> [Write; 2] {
    // EXPOSE: the paper exchange is the exchange; verifying an HMAC needs the secret itself.
    let secret = new.secret.expose(|secret| s(secret));
    let row = Row::keyed(&key(api_key))
        .with("account", s(new.account))
        .with("secret", secret)
        .with("user", s(new.user))
        .with("withdraw", truth(new.withdraw))
        .with("ip_restrict", truth(new.ip_restrict))
        .with("created_ms", n(new.created_at.ms()));
    [
        Write::put(Table::Paper, key(api_key), row).when("attribute_not_exists(#pk)"),
        Write::update(Table::Paper, Key::new(format!("USER#{}", new.user), "KEYS"), "ADD #keys :one")
            .when("attribute_not_exists(#keys) OR #keys < :max")
            .value(":one", n(1))
            .value(":max", n(KEYS_MAX)),
    ]
}
