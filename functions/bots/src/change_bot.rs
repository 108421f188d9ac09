//! `PATCH /v1/bots/{id}`: another name, or another configuration for a bot that stands still.

use std::sync::Arc;

use api::{Answer, Operation, Problem, Request};
use schemars::JsonSchema;
use serde::Deserialize;
use store::entity::bot::{Bot, BotState};
use store::transaction::change_bot::Changing;
use strategy::config::BotForm;
use strategy::id::BotId;

use crate::start_bot::{refused, told};
use crate::view::ShownBot;
use crate::{Deps, door, view};

/// Either of the two.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "BotChange")]
struct Form {
    /// Another name; at any time.
    #[serde(default)]
    name: Option<String>,
    /// The whole new configuration; for a stopped bot without an open deal.
    #[serde(default)]
    config: Option<BotForm>,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("change_bot", "Gives a bot another name, or another configuration while it is stopped")
        .details(
            "Send either name or config; a configuration is sent whole and checked as at the making. \
            A configuration for the key of a real exchange needs a proof in X-Step-Up.",
        )
        .path::<BotId>("id", "The bot.")
        .reads_header("If-Match", "The ETag of the bot as it was read. Missing or `*`: 428; of another version: 412.")
        .takes::<Form>()
        .answers::<ShownBot>(200, "The bot as it is now.")
        .with_header("ETag", "Names the version.")
        .refuses(&[
            Problem::if_match_required,
            Problem::stale_version,
            Problem::bot_is_running,
            Problem::pair_not_allowed,
            Problem::step_up_required,
        ])
}

/// Answers the bot as it is now.
pub async fn change_bot(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let bot = door::own_bot(&deps, &request).await?;
    request.means_version(bot.version)?;
    let form: Form = request.json()?;
    let (next, code, text) = match (form.name, form.config) {
        (Some(name), None) => (renamed(&bot, name)?, "bot_renamed", "The owner gives the bot another name."),
        (None, Some(config)) => (
            configured(&deps, &request, &bot, config).await?,
            "bot_changed",
            "The owner changes the bot's configuration.",
        ),
        (Some(_), Some(_)) | (None, None) => {
            return Err(door::refuse(vec![door::one("", "one_of", "Send either name or config.")]));
        }
    };
    let (id, now) = (deps.fresh(), deps.host.clock.now());
    let activity = Some(told(&next, id, now, code, text));
    let changing = Changing { bot: next, bot_read: bot.version, deal: None, wakes: vec![], gone: vec![], activity };
    let changed = deps.store.change_bot(&id.to_string(), changing).await.map_err(refused)?;
    let shown = view::bot_with_connection(&deps, &changed, request.session()?.user.trade_epoch).await?;
    Ok(Answer::versioned(&shown, changed.version))
}

/// The bot under another name; what it shows as its configuration has the name too.
fn renamed(bot: &Bot, name: String) -> Result<Bot, Problem> {
    let mut form: serde_json::Value = serde_json::from_str(&bot.form).map_err(|e| Problem::unavailable().logged(e))?;
    form["name"] = name.into();
    let form: BotForm = serde_json::from_value(form).map_err(|e| Problem::unavailable().logged(e))?;
    let name = match form.parse() {
        Ok(settings) => settings.name,
        Err(faults) => match faults.iter().find(|fault| fault.pointer == "/name") {
            Some(fault) => return Err(door::refuse(vec![door::one("/name", fault.code, &fault.detail)])),
            // What was kept under older rules keeps its rest; a name is checked alone.
            None => return Err(Problem::unavailable().logged("a stored configuration does not parse")),
        },
    };
    let form = serde_json::to_string(&form).map_err(|e| Problem::unavailable().logged(e))?;
    Ok(Bot { name, form, ..bot.clone() })
}

/// The bot with another configuration, as if it were made now. What it has done stays with it.
async fn configured(deps: &Deps, request: &Request, bot: &Bot, config: BotForm) -> Result<Bot, Problem> {
    let settings = door::read(&config).map_err(|problem| problem.under("/config"))?;
    let connection = door::keepable(deps, request, &settings).await.map_err(|problem| problem.under("/config"))?;
    // LG-4: a token that was made for certain bots is not for whatever connection they could be pointed at.
    if request.session()?.api_token().is_some_and(|token| token.bots.is_some()) && connection.id != bot.connection {
        return Err(Problem::token_out_of_scope());
    }
    // An open deal goes on by the configuration that it was started with.
    if bot.state != BotState::Stopped || bot.open_deal.is_some() {
        return Err(Problem::bot_is_running().because(
            "Stop the bot first, and wait until its open deal has ended; its name can be changed at any time.",
        ));
    }
    door::real_key_needs_proof(deps, request, &connection).await?;
    Ok(Bot {
        connection: connection.id,
        exchange: connection.exchange,
        pair: settings.pair,
        name: settings.name,
        strategy: settings.strategy,
        form: serde_json::to_string(&config).map_err(|e| Problem::unavailable().logged(e))?,
        ..bot.clone()
    })
}
