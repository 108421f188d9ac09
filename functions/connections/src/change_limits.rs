//! `PATCH /v1/connections/{id}/limits`: less at once with a session, more with a proof and after a wait (ST-2, ST-3).

use std::sync::Arc;

use account::ConnectionId;
use account::id::JobId;
use account::limits::{Change, LOOSENING_WAIT_H_MAX, LOOSENING_WAIT_H_MIN, Limits};
use api::problem::Fault;
use api::{Answer, Operation, Problem, Request};
use schemars::JsonSchema;
use serde::Deserialize;
use store::entity::connection::{Connection, Status};
use store::entity::job::{Mail, Notice};
use store::transaction::change_limits::ChangeLimitsRefused;
use strategy::market::Pair;

use crate::attach::form::pairs;
use crate::config::Deps;
use crate::shown::OneConnection;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ChangeLimits")]
pub(crate) struct Form {
    /// All pairs that the key shall be allowed to trade, 1 to 50; left out to leave them as they are.
    #[serde(default)]
    #[schemars(with = "Option<Vec<Pair>>")]
    allowed_pairs: Option<Vec<String>>,
    /// How long a loosening shall wait, in hours, from 24 to 720; left out to leave it as it is.
    #[serde(default)]
    loosening_wait_h: Option<u32>,
}

/// In the contract.
pub(crate) fn operation() -> Operation {
    Operation::of("change_limits", "Changes what an exchange key may be used for")
        .details("What allows less holds at once. What allows more, in any part, needs a step-up proof in X-Step-Up, waits at least 24 h, is announced by mail, and can be cancelled meanwhile. A pair that is taken away cannot be sold by a bot any more either.")
        .path::<ConnectionId>("id", "The connection.")
        .reads_header("X-Step-Up", "A proof for exactly this request; needed where anything is loosened.")
        .takes::<Form>()
        .answers::<OneConnection>(200, "The connection with its limits, and with those that wait.")
        .refuses(&[
            Problem::step_up_required,
            Problem::connection_not_live,
            Problem::stale_version,
        ])
}

/// Changes them.
pub(crate) async fn change_limits(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let id: ConnectionId = request.id("id")?;
    let form: Form = request.json()?;
    let session = request.session()?;
    let found = deps.store.find_connection(session.user_id(), id).await?.ok_or_else(Problem::not_found)?;
    if found.status != Status::Live {
        return Err(Problem::connection_not_live());
    }
    let now = deps.host.clock.now();
    let held = found.limits_at(now);
    let wanted = form.read(&held)?;
    let ulid = deps.host.entropy.ulid(now);
    match held.change_to(&wanted) {
        // What waits is left to wait: it is taken back by DELETE alone.
        Change::Neutral => {}
        Change::Tightening => deps.store.tighten_limits(&found, &wanted, ulid, now).await.map_err(refused)?,
        Change::Loosening => {
            // ST-4: decided here, on what the change does, whoever calls by whatever page.
            let proof = request.demand_step_up(&deps.store, now).await?;
            if found.waiting_at(now).is_some_and(|waiting| waiting.limits() == wanted) {
                // Asked for again: it waits already, and not longer for that.
                return Ok(Answer::ok(&OneConnection::of(&found, now)));
            }
            // On paper as well: what an owner tries there is what a real key will do.
            let at = held.loosened_at(now, session.user.trading_state.cooling_off_until(now));
            let notice = Notice::LimitsLoosened {
                at: now.to_string(),
                label: found.label.clone(),
                effective_at: at.to_string(),
            };
            let mail = Mail { to: deps.store.find_address(found.user).await?.to_string(), notice };
            let job = JobId::new(deps.host.entropy.ulid(now));
            deps.store.loosen_limits(&found, &wanted, at, (job, &mail), (ulid, now), proof).await.map_err(refused)?;
            tracing::info!(user = %found.user, connection = %id, effective_at = %at, "looser limits wait");
        }
    }
    shown(&deps, &found).await
}

/// The connection as it is after the change.
pub(crate) async fn shown(deps: &Deps, read: &Connection) -> Result<Answer, Problem> {
    let changed = deps.store.find_connection(read.user, read.id).await?.ok_or_else(Problem::not_found)?;
    Ok(Answer::ok(&OneConnection::of(&changed, deps.host.clock.now())))
}

/// What the store's refusal means to the caller.
pub(crate) fn refused(refused: ChangeLimitsRefused) -> Problem {
    match refused {
        ChangeLimitsRefused::ChangedMeanwhile => Problem::stale_version(),
        ChangeLimitsRefused::WouldLoosen => Problem::step_up_required(),
        ChangeLimitsRefused::Store(error) => error.into(),
    }
}

impl Form {
    fn read(self, held: &Limits) -> Result<Limits, Problem> {
        let mut faults = Vec::new();
        let mut wanted = held.clone();
        if self.allowed_pairs.is_none() && self.loosening_wait_h.is_none() {
            faults.push(fault("", "no_field", "Name at least one limit: allowed_pairs or loosening_wait_h."));
        }
        if let Some(texts) = &self.allowed_pairs {
            wanted.allowed_pairs = pairs(texts, &mut faults).iter().map(Pair::to_string).collect();
        }
        if let Some(hours) = self.loosening_wait_h {
            if !(LOOSENING_WAIT_H_MIN..=LOOSENING_WAIT_H_MAX).contains(&hours) {
                faults.push(fault("/loosening_wait_h", "out_of_range", "A whole number of hours from 24 to 720."));
            }
            wanted.loosening_wait_h = hours;
        }
        if faults.is_empty() { Ok(wanted) } else { Err(Problem::invalid_fields().with_faults(faults)) }
    }
}

fn fault(pointer: &str, code: &str, detail: &str) -> Fault {
    Fault { pointer: pointer.into(), code: code.into(), detail: detail.into() }
}
