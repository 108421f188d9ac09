//! What the endpoints check alike: forms, ownership, the market, and whether a plan can be started at all.

use account::ConnectionId;
use api::problem::Fault;
use api::{Problem, Request};
use store::entity::bot::Bot;
use store::entity::connection::{Connection, ENTRY_EQUITY_PCT};
use store::entity::market::{MarketRules, MarketState};
use store::transaction::attach_connection::PAPER;
use strategy::config::{BotForm, BotSettings, ConfigFault, StartWhen, Strategy};
use strategy::id::BotId;
use strategy::market::Pair;
use strategy::money::Amount;
use strategy::preview::{Preview, PreviewRefused, preview};

use crate::Deps;
use crate::preview_bot::unknown_connection;

/// Reads a bot's form; every fault at once.
pub fn settings(request: &Request) -> Result<(BotForm, BotSettings), Problem> {
    let form: BotForm = request.json()?;
    let settings = read(&form)?;
    Ok((form, settings))
}

/// Reads a configuration; every fault at once.
pub fn read(form: &BotForm) -> Result<BotSettings, Problem> {
    let settings = form.parse().map_err(|faults| refuse(faults.iter().map(fault).collect()))?;
    if settings.start == StartWhen::Manual {
        return Err(refuse(vec![one(
            "/start/when",
            "not_supported_yet",
            "Deals cannot be started by hand yet; use \"immediately\".",
        )]));
    }
    Ok(settings)
}

/// What a configuration needs to be kept: a connection of its owner, a pair that it may trade, and orders that the exchange
/// would take. Answers the connection.
pub async fn keepable(deps: &Deps, request: &Request, settings: &BotSettings) -> Result<Connection, Problem> {
    let named = settings
        .connection
        .as_deref()
        .ok_or_else(|| refuse(vec![one("/connection", "required", "Name the connection that the bot trades with.")]))?;
    let id: ConnectionId = named.parse().map_err(|_| unknown_connection())?;
    let user = request.session()?.user_id();
    let connection = deps.store.find_connection(user, id).await?.ok_or_else(unknown_connection)?;
    known_pair(deps, &connection.exchange, &settings.pair)?;
    // GU-1: said now, and checked again at the start and at every order.
    if !connection.allowed_pairs_at(deps.host.clock.now()).contains(&settings.pair) {
        return Err(Problem::pair_not_allowed());
    }
    let rules = deps.store.find_rules(&connection.exchange, &settings.pair).await?;
    let state = deps.store.find_market(&connection.exchange, &settings.pair).await?;
    if let Some((rules, state)) = rules.zip(state) {
        startable(&plan(&settings.strategy, &rules, &state)?)?;
    }
    Ok(connection)
}

/// ST-1: what trades with real money is confirmed with all factors; paper needs a session alone.
pub async fn real_key_needs_proof(deps: &Deps, request: &Request, connection: &Connection) -> Result<(), Problem> {
    if connection.exchange != PAPER {
        let proof = request.demand_step_up(&deps.store, deps.host.clock.now()).await?;
        tracing::info!(user = %proof.user(), "a change for a real key was confirmed");
    }
    Ok(())
}

/// Refuses with faults.
pub fn refuse(faults: Vec<Fault>) -> Problem {
    Problem::invalid_fields().with_faults(faults)
}
/// One fault.
pub fn one(pointer: &str, code: &str, detail: &str) -> Fault {
    Fault { pointer: pointer.into(), code: code.into(), detail: detail.into() }
}
fn fault(fault: &ConfigFault) -> Fault {
    one(&fault.pointer, fault.code, &fault.detail)
}

/// The caller's bot; anybody else's does not exist (SS-8).
pub async fn own_bot(deps: &Deps, request: &Request) -> Result<Bot, Problem> {
    let user = request.session()?.user_id();
    let bot = deps.store.find_bot(request.id::<BotId>("id")?).await?;
    bot.filter(|bot| bot.user == user).ok_or_else(Problem::not_found)
}

/// Refuses a pair whose market is not kept.
pub fn known_pair(deps: &Deps, exchange: &str, pair: &Pair) -> Result<(), Problem> {
    if deps.pairs.iter().any(|(e, p)| e == exchange && p == pair) {
        return Ok(());
    }
    let known =
        deps.pairs.iter().filter(|(e, _)| e == exchange).map(|(_, p)| p.to_string()).collect::<Vec<_>>().join(", ");
    Err(refuse(vec![one("/pair", "unknown_pair", &format!("This installation trades {known} on {exchange}."))]))
}

/// Rules and last price; 409 while there are none.
pub async fn market(deps: &Deps, exchange: &str, pair: &Pair) -> Result<(MarketRules, MarketState), Problem> {
    let (rules, state) =
        tokio::try_join!(deps.store.find_rules(exchange, pair), deps.store.find_market(exchange, pair))?;
    rules.zip(state).ok_or_else(Problem::market_unknown)
}

/// What a deal would be at the last price.
pub fn plan(strategy: &Strategy, rules: &MarketRules, state: &MarketState) -> Result<Preview, Problem> {
    preview(strategy, rules.rules, rules.fees, state.last).map_err(|refused| match refused {
        PreviewRefused::PriceTooSmall => {
            refuse(vec![one("/base_order/amount", "below_minimum", &format!("Change this amount: {refused}."))])
        }
    })
}

/// Refuses a plan with orders under the exchange's minimum, with the smallest size that would do; never raises one.
pub fn startable(preview: &Preview) -> Result<(), Problem> {
    if preview.can_start() {
        return Ok(());
    }
    let minimum = |code: &str| matches!(code, "below_minimum" | "take_profit_below_minimum");
    Err(refuse(
        preview
            .warnings
            .iter()
            .filter(|warning| minimum(warning.code))
            .map(|warning| {
                let pointer = if warning.detail.contains("averaging.amount") {
                    "/averaging/amount"
                } else {
                    "/base_order/amount"
                };
                one(pointer, warning.code, &warning.detail)
            })
            .collect(),
    ))
}

/// GU-4: refuses a plan with entries that the signer would refuse for their size, so that a bot is not started only to
/// fail. The last word is the signer's: markets and balances move.
pub fn within_limits(preview: &Preview, connection: &Connection) -> Result<(), Problem> {
    let max = connection.order_quote_max;
    // 100 / share: multiplied, not divided, as the signer does.
    let times = 100 / ENTRY_EQUITY_PCT;
    let above_equity = |value: Amount| {
        connection.equity.filter(|(equity, _)| (0..times).fold(Amount::ZERO, |sum, _| sum + value) > *equity)
    };
    let mut faults = Vec::new();
    for row in preview.orders.iter().filter(|row| row.role.is_entry()) {
        let (order, pointer) = match row.level {
            0 => ("The base order".to_owned(), "/base_order/amount"),
            level => (format!("Averaging order {level}"), "/averaging/amount"),
        };
        if row.value > max {
            let detail = format!(
                "{order} would be worth {}, more than the {max} this connection allows for one order. Lower the amounts, or attach the key with a larger order_quote_max.",
                row.value
            );
            faults.push(one(pointer, "above_order_max", &detail));
        } else if let Some((equity, _)) = above_equity(row.value) {
            let detail = format!(
                "{order} would be worth {}, more than {ENTRY_EQUITY_PCT} % of the account's {equity}. Lower the amounts.",
                row.value
            );
            faults.push(one(pointer, "above_equity_share", &detail));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(refuse(faults)) }
}
