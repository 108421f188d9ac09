//! `POST /v1/email`: asks a new address to confirm, and tells the old one (EV-5). One answer whether the new address has an
//! account or not; nothing changes yet.

use std::sync::Arc;

use account::budget::{AllowanceUsed, RESET_MAILS};
use account::id::JobId;
use account::token::{Purpose, new_token};
use account::trading_state::TradingState;
use api::problem::Fault;
use api::{Answer, Operation, Problem, Request, shape};
use schemars::JsonSchema;
use serde::Deserialize;
use store::entity::budget::{Kind, Stored, Whose};
use store::entity::job::{Mail, Notice};
use store::transaction::start_email_change::{EmailChangeStartRefused, StartingEmailChange};

use crate::Deps;
use crate::request_reset::address;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "EmailChangeForm")]
struct Form {
    #[schemars(with = "shape::Email")]
    email: String,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("start_email_change", "Asks for another e-mail address")
        .details(
            "Nothing changes before the new address confirms, within 24 hours. The old address is told and can stop it, and \
             for 72 hours after the confirmation take it back.",
        )
        .takes::<Form>()
        .answers::<shape::Empty>(202, "Mails are under way.")
        .refuses(&[
            Problem::account_held,
            Problem::email_change_under_way,
            Problem::too_many_requests,
            Problem::try_again,
        ])
}

/// Begins it.
pub async fn start_email_change(deps: Arc<Deps>, mut request: Request) -> Result<Answer, Problem> {
    let Form { email } = request.json()?;
    let new = address(&email)?;
    let proof = request.take_step_up()?;
    let user = &request.session()?.user;
    // A thief's factor must not outlive "this was not me", nor a held account move to another mailbox.
    if matches!(user.trading_state, TradingState::Held { .. }) {
        return Err(Problem::account_held());
    }
    let now = deps.host.clock.now();
    let old = deps.store.find_address(user.id).await?;
    if old.key() == new.key() {
        return Err(Problem::invalid_fields().with_faults(vec![Fault {
            pointer: "/email".into(),
            code: "unchanged".into(),
            detail: "This is the account's address.".into(),
        }]));
    }
    let whose = Whose::User(user.id);
    let found = deps.store.find_budget(&whose, Kind::AddressChange, AllowanceUsed::FRESH).await?;
    let charged = RESET_MAILS.admit(found.state, now).map_err(|_| Problem::too_many_requests().retry_after(600))?;
    let (confirm, revoke) = (
        new_token(Purpose::EmailChange, deps.host.entropy.bytes()),
        new_token(Purpose::EmailRevoke, deps.host.entropy.bytes()),
    );
    // SU-1: a taken address costs the same, and its owner is not written to by whoever names it.
    let is_taken = deps.store.find_user_by_email(&new).await?.is_some();
    let to_new = if is_taken {
        Notice::Nothing
    } else {
        // EXPOSE: the mail is how the token reaches its owner.
        Notice::EmailChangeConfirm { token: confirm.text.expose(String::clone) }
    };
    let to_old = Notice::EmailChangeStarted {
        at: now.to_string(),
        new_email: new.to_string(),
        // EXPOSE: likewise.
        revoke_token: revoke.text.expose(|text| format!("{}.{text}", confirm.hash.as_str())),
    };
    let job = || JobId::new(deps.host.entropy.ulid(now));
    let starting = StartingEmailChange {
        user,
        old: &old,
        new: &new,
        confirm: &confirm.hash,
        revoke: &revoke.hash,
        mails: [
            (job(), &Mail { to: new.to_string(), notice: to_new }),
            (job(), &Mail { to: old.to_string(), notice: to_old }),
        ],
        budget: &Stored { state: charged, version: found.version },
        id: deps.host.entropy.ulid(now),
        source: request.source(),
        now,
    };
    deps.store.start_email_change(&starting, proof).await.map_err(problem)?;
    Ok(Answer::accepted())
}

fn problem(refused: EmailChangeStartRefused) -> Problem {
    match refused {
        EmailChangeStartRefused::ChangedMeanwhile => Problem::no_session(),
        EmailChangeStartRefused::UnderWay => Problem::email_change_under_way(),
        EmailChangeStartRefused::Busy => Problem::try_again().retry_after(1),
        EmailChangeStartRefused::Store(error) => error.into(),
    }
}
