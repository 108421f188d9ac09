//! `POST /v1/paper/keys`: makes an account on the paper exchange and a key to it. A convenience of the paper exchange.

use std::collections::BTreeMap;
use std::sync::Arc;

use account::{Secret, UserId};
use api::problem::Fault;
use api::{Answer, Creation, Operation, Problem, Request};
use paper::account::Account;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::StoreError;

use crate::Deps;
use crate::commit::{Committed, commit};
use crate::item::account::{self as account_item, AccountId};
use crate::item::key::{self, ApiKey};

/// What an account starts with unless its maker says otherwise: 10,000 USDT.
const DEFAULT_BALANCE: (&str, u32) = ("USDT", 10_000);
/// Units of one asset at most, so that every sum stays exact.
const UNITS_MAX: u32 = 1_000_000_000;
/// Assets at most.
const ASSETS_MAX: usize = 50;
/// Random bytes of a secret; 64 hex characters, as long as Binance's, and so is a key's name.
const KEY_BYTES: usize = 32;

/// What may be asked for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MakeKey {
    /// Units per asset as decimal texts.
    #[schemars(with = "Option<BTreeMap<String, strategy::money::Quantity>>")]
    pub balances: Option<BTreeMap<String, String>>,
    /// What the key may do beyond reading and trading.
    #[serde(default, deserialize_with = "api::request::object")]
    pub permissions: PermissionsWanted,
    /// Whether the key counts as restricted to addresses; default true.
    pub ip_restrict: Option<bool>,
}

/// Permissions exist so that refusals of too powerful keys can be tried; nothing can be withdrawn here.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PermissionsWanted {
    /// Whether `apiRestrictions` says that the key may withdraw.
    #[serde(default)]
    pub withdraw: bool,
}

/// A new key. The secret is shown this once.
#[derive(Debug)]
pub struct NewKey {
    pub api_key: String,
    pub api_secret: Secret<String>,
}

/// Why no key was made; nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum MakeKeyRefused {
    /// These balances cannot be given.
    #[error("some balances are not valid")]
    Balances(Vec<Fault>),
    /// This user has made as many keys as one user can.
    #[error("too many keys")]
    TooManyKeys,
    /// The table failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<MakeKeyRefused> for Problem {
    fn from(refused: MakeKeyRefused) -> Problem {
        match refused {
            MakeKeyRefused::Balances(faults) => Problem::invalid_fields().with_faults(faults),
            MakeKeyRefused::TooManyKeys => Problem::too_many_requests()
                .because(format!("At most {} paper keys per user; use one you have.", key::KEYS_MAX)),
            MakeKeyRefused::Store(error) => error.into(),
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PaperKey")]
struct KeyMade {
    api_key: String,
    api_secret: String,
}

/// In the contract.
pub(crate) fn operation() -> Operation {
    Operation::of("make_paper_key", "Makes an account on the paper exchange and a key to it")
        .details("A convenience of the paper exchange. Without `balances` the account holds 10,000 USDT. The permissions exist so that refusals of too powerful keys can be tried.")
        .may_take::<MakeKey>()
        .answers::<KeyMade>(201, "The key; its secret is shown this once.")
        .refuses(&[Problem::too_many_requests])
}

/// The endpoint: parse, make, answer.
pub(crate) async fn answer(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let form: MakeKey = if request.body().is_empty() { MakeKey::default() } else { request.json()? };
    let made = make_key_for(&deps, request.session()?.user_id(), form, request.creation()?).await?;
    // EXPOSE: the maker of a key sees its secret, once.
    let api_secret = made.api_secret.expose(Clone::clone);
    Ok(Answer::created(&KeyMade { api_key: made.api_key, api_secret }))
}

/// Opens an account with these balances and makes a key to it.
pub async fn make_key(deps: &Deps, user: UserId, form: MakeKey) -> Result<NewKey, MakeKeyRefused> {
    let creation = Creation { id: deps.entropy.ulid(deps.clock.now()), repeated: false };
    make_key_for(deps, user, form, creation).await
}

/// The same for one request: its repetition finds the key that an earlier try has made.
async fn make_key_for(deps: &Deps, user: UserId, form: MakeKey, creation: Creation) -> Result<NewKey, MakeKeyRefused> {
    // The name is no secret; from the creation it follows, so that there is one key for one request.
    let api_key = hex::encode(Sha256::digest(format!("shearpin paper key|{}", creation.id)));
    if creation.repeated
        && let Some(made) = made_before(deps, user, &api_key).await?
    {
        return Ok(made);
    }
    let balances = balances(form.balances).map_err(MakeKeyRefused::Balances)?;
    let opened = Account::open(balances).map_err(|error| StoreError::Corrupt { what: error.to_string() })?;
    let now = deps.clock.now();
    let id = AccountId::new(creation.id);
    let secret = hex::encode(deps.entropy.bytes::<KEY_BYTES>());
    let new = ApiKey {
        account: id,
        secret: Secret::new(secret.clone()),
        user,
        withdraw: form.permissions.withdraw,
        ip_restrict: form.ip_restrict.unwrap_or(true),
        created_at: now,
    };
    let [put_key, count] = key::put(&api_key, &new);
    match commit(deps, &[put_key, count, account_item::put_new(id, &opened)?]).await? {
        Committed::Yes => Ok(NewKey { api_key, api_secret: Secret::new(secret) }),
        // An earlier try was only slow, or the count is full.
        Committed::Outdated => made_before(deps, user, &api_key).await?.ok_or(MakeKeyRefused::TooManyKeys),
    }
}

async fn made_before(deps: &Deps, user: UserId, api_key: &str) -> Result<Option<NewKey>, StoreError> {
    let found = key::find(&deps.store, api_key).await?.filter(|key| key.user == user);
    Ok(found.map(|key| NewKey { api_key: api_key.to_owned(), api_secret: key.secret }))
}

fn balances(asked: Option<BTreeMap<String, String>>) -> Result<Vec<(String, Decimal)>, Vec<Fault>> {
    let Some(asked) = asked else { return Ok(vec![(DEFAULT_BALANCE.0.to_owned(), Decimal::from(DEFAULT_BALANCE.1))]) };
    if asked.len() > ASSETS_MAX {
        let detail = format!("At most {ASSETS_MAX} assets.");
        return Err(vec![Fault { pointer: "/balances".into(), code: "too_many".into(), detail }]);
    }
    let (mut good, mut faults) = (Vec::new(), Vec::new());
    for (asset, text) in asked {
        match units(&asset, &text) {
            Ok(units) => good.push((asset, units)),
            Err(detail) => {
                // RFC 6901: the name comes from outside.
                let pointer = format!("/balances/{}", asset.replace('~', "~0").replace('/', "~1"));
                faults.push(Fault { pointer, code: "not_a_balance".into(), detail });
            }
        }
    }
    if faults.is_empty() { Ok(good) } else { Err(faults) }
}

fn units(asset: &str, text: &str) -> Result<Decimal, String> {
    if !(2..=12).contains(&asset.len()) || !asset.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
        return Err("An asset is 2 to 12 capital letters or digits, such as USDT.".into());
    }
    let units = strategy::money::Quantity::parse(text).map_err(|error| format!("{error}."))?.decimal().normalize();
    if units.scale() > 8 {
        Err("At most 8 decimals.".into())
    } else if units > Decimal::from(UNITS_MAX) {
        Err(format!("At most {UNITS_MAX} units."))
    } else {
        Ok(units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(asset: &str, text: &str, expected: bool) {
        assert_eq!(balances(Some([(asset.to_owned(), text.to_owned())].into())).is_ok(), expected, "{asset} {text}");
    }

    #[test]
    fn balances_are_decimal_texts_within_bounds() {
        check("USDT", "0.00000001", true);
        check("USDT", "1000000000", true);
        check("USDT", "1000000001", false);
        check("USDT", "0.000000001", false);
        check("USDT", "-1", false);
        check("USDT", "1e3", false);
        check("usdt", "1", false);
        check("US/DT", "1", false);
    }

    #[test]
    fn a_new_account_has_ten_thousand_usdt() {
        assert_eq!(balances(None), Ok(vec![("USDT".to_owned(), Decimal::from(10_000))]));
    }
}
