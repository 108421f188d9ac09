//! `GET /v1/me`: who is signed in, with which factors, and whether the account may trade.

use std::sync::Arc;

use account::UserId;
use account::breached::PasswordCheck;
use account::recovery::Stage;
use account::trading_state::TradingState;
use api::{Answer, Operation, Problem, Request, shape};
use schemars::JsonSchema;
use serde::Serialize;

use crate::Deps;

#[derive(Serialize, JsonSchema)]
struct Me {
    id: UserId,
    email: String,
    email_verified: bool,
    factors: Vec<&'static str>,
    /// `active`, `cooling` (no new keys until `cooling_off_until`) or `held` (nothing trades until the account is released).
    trading_state: &'static str,
    #[schemars(with = "Option<shape::Time>")]
    cooling_off_until: Option<String>,
    recovery_codes_left: usize,
    /// SU-4: the password is on a list of stolen ones; until it is changed.
    password_breached: bool,
    /// PR-14: somebody asked to get in without the second factor, and the wait or its window runs.
    recovery: Option<RecoveryShown>,
}

#[derive(Serialize, JsonSchema)]
struct RecoveryShown {
    #[schemars(with = "shape::Time")]
    started_at: String,
    /// From then on a reset link completes it.
    #[schemars(with = "shape::Time")]
    ready_at: String,
    #[schemars(with = "shape::Time")]
    lapses_at: String,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("show_me", "Who is signed in, with which factors, and whether the account may trade")
        .answers::<Me>(200, "The account.")
        .refuses(&[Problem::not_found])
}

/// Shows it.
pub async fn show_me(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let user = request.session()?.user;
    let now = deps.host.clock.now();
    let credential = deps.store.find_credential(user.id).await?.ok_or_else(Problem::not_found)?;
    let trading_state = match user.trading_state {
        TradingState::Held { .. } => "held",
        state if state.counts_as_active(now) => "active",
        TradingState::Active | TradingState::Cooling { .. } => "cooling",
    };
    let recovery = deps.store.find_recovery(user.id).await?.map(|found| found.state);
    let recovery = recovery.filter(|r| r.stage(user.cred_version, now) != Stage::Over).map(|r| RecoveryShown {
        started_at: r.started_at.to_string(),
        ready_at: r.ready_at().to_string(),
        lapses_at: r.lapses_at().to_string(),
    });
    Ok(Answer::ok(&Me {
        id: user.id,
        email: credential.email.to_string(),
        email_verified: user.email_verified,
        factors: credential.factors().into_iter().filter(|factor| *factor != "recovery_code").collect(),
        trading_state,
        cooling_off_until: user.trading_state.cooling_off_until(now).map(|t| t.to_string()),
        password_breached: credential.password_check == PasswordCheck::Breached,
        recovery,
        recovery_codes_left: deps.store.recovery_codes(user.id).await?.len(),
    }))
}
