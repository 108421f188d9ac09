//! `POST /v1/password-reset`: mails a link, within the budget; one answer and the same operations for every address (PR-1).
//!
//! Changes nothing on the account (PR-2), and reads no header: the mail's link is built from a deploy-time constant by the
//! mailer (PR-5).

use std::sync::Arc;

use account::UserId;
use account::budget::{AllowanceUsed, RESET_MAILS};
use account::email::EmailAddress;
use account::id::JobId;
use account::token::{Purpose, new_token};
use api::problem::Fault;
use api::{Answer, Operation, Problem, Request, shape};
use schemars::JsonSchema;
use serde::Deserialize;
use store::entity::budget::{Kind, Stored, Whose};
use store::entity::job::{Mail, Notice};
use store::entity::user::User;
use store::transaction::request_reset::Requesting;

use crate::Deps;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Form {
    #[schemars(with = "shape::Email")]
    email: String,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("request_reset", "Mails a link for a new password")
        .details("One answer for every address.")
        .takes::<Form>()
        .answers::<shape::Empty>(202, "If the address has an account, a mail is under way.")
}

/// Queues the link. Two charges, three reads and one transaction, whoever asks for whatever address.
pub async fn request_reset(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let Form { email } = request.json()?;
    let email = address(&email)?;
    let now = deps.host.clock.now();
    let room = deps.store.charge_mail(request.source(), now).await?;
    let owner = deps.store.find_user_by_email(&email).await?;
    let whose = owner.map_or_else(|| Whose::UnknownAddress(email.clone()), Whose::User);
    let budget = deps.store.find_budget(&whose, Kind::ResetMail, AllowanceUsed::FRESH).await?;
    let nobody = UserId::new(deps.host.entropy.ulid(now));
    let user = deps.store.find_user(owner.unwrap_or(nobody)).await?;
    let token = new_token(Purpose::PasswordReset, deps.host.entropy.bytes());
    // PR-3: over the budget no token is made and none is voided, so a live link is in the mailbox however many ask.
    let admitted = RESET_MAILS.admit_in(room, budget.state, now);
    let notice = match (&user, admitted) {
        // EXPOSE: the mail is how the token reaches its owner.
        (Some(_), Some(_)) => Notice::ResetPassword { token: token.text.expose(String::clone) },
        (None, _) | (_, None) => Notice::Nothing,
    };
    let user = user.unwrap_or_else(|| User::new(nobody));
    let requesting = Requesting {
        whose: &whose,
        budget: &Stored { state: admitted.unwrap_or(budget.state), version: budget.version },
        token: admitted.map(|_| (user.id, user.cred_version, &token.hash)),
        mail: &Mail { to: email.to_string(), notice },
        job: JobId::new(deps.host.entropy.ulid(now)),
        id: deps.host.entropy.ulid(now),
        now,
    };
    // Losing the race for the budget means that another mail is under way.
    let _sent = deps.store.request_reset(&requesting).await?;
    Ok(Answer::accepted())
}

/// SU-5: exactly one plain address.
pub(crate) fn address(text: &str) -> Result<EmailAddress, Problem> {
    EmailAddress::parse(text).map_err(|error| {
        Problem::invalid_fields().with_faults(vec![Fault {
            pointer: "/email".into(),
            code: "not_an_address".into(),
            detail: error.to_string(),
        }])
    })
}
