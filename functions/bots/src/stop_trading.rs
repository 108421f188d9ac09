//! `POST /v1/kill-switch`: no bot of the account opens a position or adds to one, from the answer on (ST-5).
//!
//! A session or a trade token is enough: nothing is allowed by it. Protective orders stay and follow what is held.

use std::sync::Arc;

use account::id::JobId;
use api::{Answer, Operation, Problem, Request, shape};
use schemars::JsonSchema;
use serde::Serialize;
use store::entity::job::{Mail, Notice};

use crate::Deps;
use crate::tell_bots::{Said, tell_bots};

const SAID: Said = Said {
    code: "trading_stopped",
    text: "The owner stops all trading: resting entries are cancelled and none is placed; exits go on.",
};

/// Where the switch is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct KillSwitch {
    pub trading_stopped: bool,
    /// How many bots were told; resting entries of theirs are being cancelled, or placed again after a release.
    pub bots: usize,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("stop_trading", "Stops all bots of the account at once")
        .details("From the answer on no entry is authorised. Resting entries are cancelled; take profits and stops stay. Stopping twice tells the bots again.")
        .may_take::<shape::Empty>()
        .answers::<KillSwitch>(200, "Trading is stopped.")
        .refuses(&[Problem::try_again])
}

/// Stops it.
pub async fn stop_trading(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    request.no_fields()?;
    let user = request.session()?.user_id();
    let now = deps.host.clock.now();
    let to = deps.store.find_address(user).await?.to_string();
    let mail = Mail { to, notice: Notice::TradingStopped { at: now.to_string() } };
    let job = JobId::new(deps.fresh());
    if deps.store.stop_trading(user, (job, &mail), deps.fresh(), now).await? {
        tracing::info!(%user, "trading was stopped");
    }
    let bots = tell_bots(&deps, user, SAID).await?;
    Ok(Answer::ok(&KillSwitch { trading_stopped: true, bots }))
}
