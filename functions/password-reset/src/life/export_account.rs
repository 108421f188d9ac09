//! `GET /v1/account/export`: what is stored of the caller, in pages, without any secret; left out are budgets, idempotency keys,
//! funds set aside, wakes and intents: counters and notes of ours, which say nothing that the records do not.
//!
//! What leaves is named attribute by attribute: a hash, a seed, a token, a wrapped key or the name of a secret can only get
//! out by being written here. The sections come one after the other; the cursor says where the next page begins.

use std::collections::BTreeSet;
use std::sync::Arc;

use account::WallTime;
use api::{Answer, Operation, Problem, Request, Session};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::attribute::{Row, s};
use store::entity::connection::{Connection, Status};
use store::{Store, StoreError, Table};

use crate::Deps;

/// A page ends early once it is this long, in bytes: the answer of a function may have 6 MB.
const BYTES_MAX: usize = 2_000_000;
/// The most items of a partition that holds a few: ten devices and a mark, one newest change.
const FEW: usize = 20;
/// Rows that are read at once: an item has at most 400 KB.
const CHUNK: usize = 10;

/// One thing that is stored. The other fields depend on the kind.
#[derive(Debug, Serialize, JsonSchema)]
struct ExportedRecord {
    /// `account`, `second_factor`, `session`, `known_device`, `api_token`, `recovery`, `email_change`, `security_event`,
    /// `connection`, `bot`, `deal`, `order`, `activity`.
    kind: &'static str,
    #[serde(flatten)]
    #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
    fields: Map<String, Value>,
}
#[derive(Debug, Serialize, JsonSchema)]
struct ExportedPage {
    items: Vec<ExportedRecord>,
    /// Where the next page begins; `null` after the last one.
    next_cursor: Option<String>,
}

/// Where the next page begins.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
enum Place {
    #[serde(rename = "a")]
    Account,
    /// After this event.
    #[serde(rename = "e")]
    Events(String),
    #[serde(rename = "c")]
    Connections,
    /// In this bot's partition, after this item.
    #[serde(rename = "b")]
    Bots(String, String),
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("export_account", "Everything that is stored of the account, without any secret")
        .details("Pages of records. Keys, passwords, codes and tokens are in none of them, nor are counters and notes of work under way.")
        .paged()
        .answers::<ExportedPage>(200, "One page.")
}

/// Exports one page.
pub async fn export_account(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let session = request.session()?;
    let asked = request.page(deps.host.clock.now())?;
    let mut page = Filling { items: Vec::new(), bytes: 0, limit: asked.limit() };
    let mut place = Some(match asked.after::<String>()? {
        None => Place::Account,
        Some(named) => serde_json::from_str(&named).map_err(|_| Problem::cursor_refused())?,
    });
    // A section that ends leaves room for the next one.
    while let Some(here) = place {
        if page.is_full() {
            place = Some(here);
            break;
        }
        place = match here {
            Place::Account => account(&deps, session, &mut page).await?,
            Place::Events(after) => events(&deps.store, session, &after, &mut page).await?,
            Place::Connections => connections(&deps.store, session, deps.host.clock.now(), &mut page).await?,
            Place::Bots(bot, after) => bots(&deps.store, session, &bot, &after, &mut page).await?,
        };
    }
    let named = place.map(|place| serde_json::to_string(&place)).transpose();
    let next_cursor = named.map_err(|e| Problem::unavailable().logged(e))?.map(|named| asked.cursor(named));
    Ok(Answer::ok(&ExportedPage { items: page.items, next_cursor }))
}

struct Filling {
    items: Vec<ExportedRecord>,
    bytes: usize,
    limit: usize,
}

impl Filling {
    fn is_full(&self) -> bool {
        self.items.len() >= self.limit || self.bytes >= BYTES_MAX
    }
    /// How many rows are read next.
    fn room(&self) -> usize {
        self.limit.saturating_sub(self.items.len()).clamp(1, CHUNK)
    }
    fn add(&mut self, kind: &'static str, fields: Value) {
        let Value::Object(fields) = fields else { return };
        self.bytes += fields.iter().map(|(name, value)| name.len() + value.to_string().len()).sum::<usize>();
        self.items.push(ExportedRecord { kind, fields });
    }
}

/// The account, its factors, sessions and tokens: each a list of a fixed greatest length, so they make one piece.
async fn account(deps: &Deps, session: &Session, page: &mut Filling) -> Result<Option<Place>, Problem> {
    let (store, user, now) = (&deps.store, &session.user, deps.host.clock.now());
    let credential = store.find_credential(user.id).await?.ok_or_else(Problem::no_session)?;
    page.add(
        "account",
        json!({
            "id": user.id.to_string(), "email": credential.email.to_string(), "email_verified": user.email_verified,
            "trading_state": user.trading_state, "frozen": user.frozen, "trade_epoch": user.trade_epoch.value(),
        }),
    );
    if let Some(totp) = &credential.totp {
        page.add("second_factor", json!({"factor": "totp", "enrolled_at": totp.enrolled_at.to_string()}));
    }
    for passkey in store.list_passkeys(user.id).await? {
        page.add(
            "second_factor",
            json!({
                "factor": "passkey", "id": passkey.id.to_string(), "name": passkey.name,
                "enrolled_at": passkey.created_at.to_string(), "last_used_at": time(passkey.last_used_at),
            }),
        );
    }
    let codes = store.recovery_codes(user.id).await?.len();
    if codes > 0 {
        page.add("second_factor", json!({"factor": "recovery_codes", "left": codes}));
    }
    for found in store.list_sessions(user, now).await? {
        page.add(
            "session",
            json!({
                "id": found.id.to_string(), "created_at": found.created_at.to_string(),
                "seen_at": found.seen_at.to_string(), "expires_at": found.expires_at.to_string(),
            }),
        );
    }
    for token in store.list_api_tokens(user, now).await? {
        page.add(
            "api_token",
            json!({
                "id": token.id.to_string(), "name": token.name, "scope": token.scope.name(),
                "bots": token.bots.as_ref().map(|bots| bots.iter().map(ToString::to_string).collect::<Vec<_>>()),
                "created_at": token.created_at.to_string(), "expires_at": token.expires_at.to_string(),
                "last_used_at": time(token.used_at),
            }),
        );
    }
    for row in all(store, format!("DEVICE#{}", user.id)).await? {
        // The mark that somebody signed in before is no device.
        if let Some(made_at) = wall(&row, "made_at")? {
            page.add("known_device", json!({"made_at": made_at, "seen_at": wall(&row, "seen_at")?}));
        }
    }
    if let Some(found) = store.find_recovery(user.id).await? {
        page.add(
            "recovery",
            json!({
                "started_at": found.state.started_at.to_string(), "ready_at": found.state.ready_at().to_string(),
                "ended": found.state.ended, "none_before": found.state.blocked_until.to_string(),
            }),
        );
    }
    for pointer in all(store, format!("EMAIL_CHANGES#{}", user.id)).await? {
        for row in all(store, format!("EMAIL_CHANGE#{}", pointer.text("newest")?)).await? {
            page.add(
                "email_change",
                json!({
                    "old_email": row.text_if("old_email"), "new_email": row.text_if("new_email"),
                    "state": row.text_if("state"), "expires_at": wall(&row, "expires_at")?,
                    "revoke_until": wall(&row, "revoke_until")?,
                }),
            );
        }
    }
    Ok(Some(Place::Events(String::new())))
}

/// A partition of a few items.
async fn all(store: &Store, partition: String) -> Result<Vec<Row>, StoreError> {
    Ok(store.read_page(Table::Identity, &partition, None, FEW).await?.0)
}

async fn events(store: &Store, session: &Session, after: &str, page: &mut Filling) -> Result<Option<Place>, Problem> {
    let partition = format!("EVENTS#{}", session.user_id());
    let mut after = after.to_owned();
    loop {
        let (rows, more) = store.read_page(Table::Identity, &partition, behind(&after), page.room()).await?;
        for row in &rows {
            let fields = json!({
                "id": row.text("sk")?, "event": row.text("event")?, "at": wall(row, "at")?,
                "source": row.text_if("source"), "factor": row.text_if("factor"),
            });
            page.add("security_event", fields);
            row.text("sk")?.clone_into(&mut after);
        }
        if !more {
            return Ok(Some(Place::Connections));
        }
        if page.is_full() {
            return Ok(Some(Place::Events(after)));
        }
    }
}

/// At most twenty that live, and what was removed in the last 90 days.
async fn connections(
    store: &Store,
    session: &Session,
    now: WallTime,
    page: &mut Filling,
) -> Result<Option<Place>, Problem> {
    for connection in store.list_connections(session.user_id()).await? {
        page.add("connection", exported(&connection, now));
    }
    Ok(Some(Place::Bots(String::new(), String::new())))
}

fn exported(connection: &Connection, now: WallTime) -> Value {
    let limits = connection.limits_at(now);
    let waiting = connection.waiting_at(now).map(|waiting| {
        let later = waiting.limits();
        json!({"allowed_pairs": later.allowed_pairs, "loosening_wait_h": later.loosening_wait_h, "at": waiting.at.to_string()})
    });
    let (status, removed_at, removed_by) = match &connection.status {
        Status::Live => ("live", None, None),
        Status::Revoked { at, by } => ("revoked", Some(at.to_string()), Some(by.clone())),
    };
    json!({
        "id": connection.id.to_string(), "exchange": connection.exchange, "label": connection.label, "status": status,
        "trade_epoch": connection.epoch.value(), "verdict_accepted": connection.verdict_accepted,
        "verdict_at": connection.verdict_at.to_string(), "created_at": connection.created_at.to_string(),
        "allowed_pairs": limits.allowed_pairs, "loosening_wait_h": limits.loosening_wait_h, "limits_that_wait": waiting,
        "order_quote_max": connection.order_quote_max.to_string(), "removed_at": removed_at, "removed_by": removed_by,
    })
}

async fn bots(
    store: &Store,
    session: &Session,
    from: &str,
    after: &str,
    page: &mut Filling,
) -> Result<Option<Place>, Problem> {
    // The index lags a little; what is made this second may be missing. A cursor that names another's bot finds none.
    let own = partitions(store, session).await?;
    let mut after = after.to_owned();
    for bot in own.range(from.to_owned()..) {
        if bot != from {
            after.clear();
        }
        loop {
            let (rows, more) = store.read_page(Table::Trading, bot, behind(&after), page.room()).await?;
            for row in &rows {
                trading(row, page)?;
                row.text("sk")?.clone_into(&mut after);
            }
            if page.is_full() {
                return Ok(Some(Place::Bots(bot.clone(), after)));
            }
            if !more {
                break;
            }
        }
    }
    Ok(None)
}

/// The bots that the user has or had, by what is left of them.
async fn partitions(store: &Store, session: &Session) -> Result<BTreeSet<String>, StoreError> {
    let mut found = BTreeSet::new();
    for prefix in ["BOT", "DEAL#"] {
        let values = [(":user", s(format!("USER#{}", session.user_id()))), (":prefix", s(prefix))];
        let condition = "user_key = :user AND begins_with(sk, :prefix)";
        for row in store.query(Table::Trading, Some("user"), condition, values, None).await? {
            found.insert(row.text("pk")?.to_owned());
        }
    }
    Ok(found)
}

/// Wakes and intents are our own notes of what to do next; what came of them stands in deals, orders and activity.
fn trading(row: &Row, page: &mut Filling) -> Result<(), StoreError> {
    let bot = row.text("pk")?.trim_start_matches("BOT#");
    let sk = row.text("sk")?;
    let kind = sk.split_once('#').map_or(sk, |(kind, _)| kind);
    match kind {
        "BOT" => page.add(
            "bot",
            json!({
                "id": bot, "name": row.text_if("name"), "connection": row.text_if("connection"),
                "exchange": row.text_if("exchange"), "pair": row.text_if("pair"), "state": row.text_if("state"),
                "config": inner(row, "form"), "deals_done": row.number_if::<u64>("deals_done")?,
                "created_at": wall(row, "created_at")?,
            }),
        ),
        "DEAL" => page.add(
            "deal",
            json!({"bot": bot, "phase": row.text_if("phase"), "started_at": wall(row, "started_at")?,
                "closed_at": wall(row, "closed_at")?, "deal": inner(row, "deal")}),
        ),
        "ORDER" => page.add(
            "order",
            json!({
                "bot": bot, "deal": row.text_if("deal"), "pair": row.text_if("pair"), "status": row.text_if("status"),
                "exchange_order_id": row.text_if("exchange_order_id"), "order": inner(row, "order"),
                "filled": inner(row, "filled"), "sent_at": wall(row, "sent_at")?, "seen_at": wall(row, "seen_at")?,
            }),
        ),
        "ACTIVITY" => page.add(
            "activity",
            json!({"bot": bot, "deal": row.text_if("deal"), "at": wall(row, "at_wall")?, "entries": inner(row, "entries")}),
        ),
        _ => {}
    }
    Ok(())
}

/// A part that is stored as JSON text.
fn inner(row: &Row, name: &str) -> Value {
    row.json(name).unwrap_or(Value::Null)
}
fn wall(row: &Row, name: &str) -> Result<Option<String>, StoreError> {
    Ok(row.number_if(name)?.map(|ms| WallTime::from_ms(ms).to_string()))
}
fn time(at: Option<WallTime>) -> Option<String> {
    at.map(|at| at.to_string())
}
fn behind(sk: &str) -> Option<&str> {
    (!sk.is_empty()).then_some(sk)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_leads_back_and_nonsense_does_not() {
        for place in [
            Place::Account,
            Place::Events("01J".into()),
            Place::Connections,
            Place::Bots("BOT#bot_1".into(), "DEAL#deal_1".into()),
        ] {
            let named = serde_json::to_string(&place).unwrap();
            assert_eq!(serde_json::from_str::<Place>(&named).unwrap(), place);
        }
        for nonsense in ["", "x", "null", "{\"e\":3}", "{\"b\":[\"BOT#bot_1\"]}"] {
            assert!(serde_json::from_str::<Place>(nonsense).is_err(), "{nonsense}");
        }
    }
}
