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
use store::entity::user::User;

use crate::Deps;
use crate::sign_up::address;

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

/// Sends the link when the address has an account that is not verified yet. Two charges, three reads and one transaction of
/// the same writes, whoever asks for whatever address (SU-1).
pub async fn resend_verification(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let Form { email } = request.json()?;
    let email = address(&email)?;
    let now = deps.host.clock.now();
    let room = deps.store.charge_mail(request.source(), now).await?;
    let owner = deps.store.find_user_by_email(&email).await?;
    let whose = owner.map_or_else(|| Whose::UnknownAddress(email.clone()), Whose::User);
    let budget = deps.store.find_budget(&whose, Kind::VerifyMail, AllowanceUsed::FRESH).await?;
    // For an unknown address nobody is looked up, at the same cost.
    let nobody = UserId::new(deps.host.entropy.ulid(now));
    let user = deps.store.find_user(owner.unwrap_or(nobody)).await?.filter(|user| !user.email_verified);
    let token = new_token(Purpose::EmailVerification, deps.host.entropy.bytes());
    // PR-3: over the budget no token is made and none is voided.
    let admitted = RESET_MAILS.admit_in(room, budget.state, now);
    let notice = match (&user, admitted) {
        // EXPOSE: the mail is how the token reaches its owner.
        (Some(_), Some(_)) => Notice::VerifyEmail { token: token.text.expose(String::clone) },
        (None, _) | (_, None) => Notice::Nothing,
    };
    // Where there is nothing to verify, a token is made that nobody gets.
    let user = user.unwrap_or_else(|| User::new(nobody));
    let mail = Mail { to: email.to_string(), notice };
    let charged = Stored { state: admitted.unwrap_or(budget.state), version: budget.version };
    let job = JobId::new(deps.host.entropy.ulid(now));
    let token = admitted.map(|_| (user.id, user.cred_version, &token.hash));
    // Losing the race for the budget means that another mail is under way.
    let _sent = deps.store.send_verification(&whose, token, job, &mail, Some(&charged), now).await?;
    Ok(Answer::accepted())
}
