//! `POST /v1/kill-switch/release`: bots open positions again. Takes a proof: it allows what was not allowed (ST-5).

use std::sync::Arc;

use account::id::JobId;
use api::{Answer, Operation, Problem, Request, shape};
use store::entity::job::{Mail, Notice};

use crate::Deps;
use crate::stop_trading::KillSwitch;
use crate::tell_bots::{Said, tell_bots};

const SAID: Said =
    Said { code: "trading_released", text: "The owner releases trading: the bot places its entries again." };

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("release_trading", "Lets the bots trade again after the kill switch")
        .details("Ladders of open deals are placed again, and running bots look for their next deal.")
        .may_take::<shape::Empty>()
        .answers::<KillSwitch>(200, "Trading is released.")
        .refuses(&[Problem::try_again])
}

/// Releases it.
pub async fn release_trading(deps: Arc<Deps>, mut request: Request) -> Result<Answer, Problem> {
    request.no_fields()?;
    let proof = request.take_step_up()?;
    let user = request.session()?.user_id();
    let now = deps.host.clock.now();
    let to = deps.store.find_address(user).await?.to_string();
    let mail = Mail { to, notice: Notice::TradingReleased { at: now.to_string() } };
    let job = JobId::new(deps.fresh());
    if deps.store.release_trading(proof, (job, &mail), deps.fresh(), now).await? {
        tracing::info!(%user, "trading was released");
    }
    let bots = tell_bots(&deps, user, SAID).await?;
    Ok(Answer::ok(&KillSwitch { trading_stopped: false, bots }))
}
