//! `POST /v1/signup/resend`: sends another verification link within the mail budget; one answer for all addresses.

use std::sync::Arc;

use account::UserId;
use account::budget::{AllowanceUsed, RESET_MAILS};
use account::id::JobId;
use account::token::{Purpose, new_token};
use api::{Answer, Operation, Problem, Request, shape};
use schemars::JsonSchema;
use serde::Deserialize;
use store::entity::budget::{Kind, Stored, Whose};
use store::entity::job::{Mail, Notice};

use crate::Deps;
use crate::sign_up::{address, notify};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Form {
    #[schemars(with = "shape::Email")]
    email: String,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("resend_verification", "Sends another verification link")
        .details("One answer for every address.")
        .takes::<Form>()
        .answers::<shape::Empty>(202, "If there is an address to verify, a mail is under way.")
}

/// Sends the link when the address has an account that is not verified yet.
pub async fn resend_verification(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let Form { email } = request.json()?;
    let email = address(&email)?;
    let now = deps.host.clock.now();
    let owner = deps.store.find_user_by_email(&email).await?;
    let whose = owner.map_or_else(|| Whose::UnknownAddress(email.clone()), Whose::User);
    let budget = deps.store.find_budget(&whose, Kind::VerifyMail, AllowanceUsed::FRESH).await?;
    // For an unknown address nobody is looked up, at the same cost.
    let user = deps.store.find_user(owner.unwrap_or_else(|| UserId::new(deps.host.entropy.ulid(now)))).await?;
    let (Some(user), Ok(used)) = (user.filter(|u| !u.email_verified), RESET_MAILS.admit(budget.state, now)) else {
        return notify(&deps, &whose, &email, Notice::Nothing, &budget, now).await;
    };
    let token = new_token(Purpose::EmailVerification, deps.host.entropy.bytes());
    // EXPOSE: the mail is how the token reaches its owner.
    let mail = Mail { to: email.to_string(), notice: Notice::VerifyEmail { token: token.text.expose(String::clone) } };
    let charged = Stored { state: used, version: budget.version };
    let job = JobId::new(deps.host.entropy.ulid(now));
    let _sent = deps
        .store
        .send_verification(&whose, Some((user.id, user.cred_version, &token.hash)), job, &mail, Some(&charged), now)
        .await?;
    Ok(Answer::accepted())
}
