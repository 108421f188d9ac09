//! `POST /v1/login/unlock`: mails a link that opens a login which too many failures have closed (TP-10, RL-2).
//!
//! One answer and the same operations for every address, whether its login is closed, open or nobody's (PR-1). Changes
//! nothing on the account.

use std::sync::Arc;

use account::UserId;
use account::budget::RESET_MAILS;
use account::email::EmailAddress;
use api::problem::Fault;
use api::{Answer, Operation, Problem, Request, shape};
use schemars::JsonSchema;
use serde::Deserialize;
use store::entity::budget::{Stored, Whose};
use store::transaction::request_unlock::Unlocking;

use crate::Deps;
use crate::locked::Locked;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Form {
    #[schemars(with = "shape::Email")]
    email: String,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("unlock_login", "Mails a link that opens a closed login")
        .details("A login is closed after 100 wrong passwords in a row, or 10 wrong second factors. A mail goes out only to an account whose login is closed, three at once and then one in ten minutes; the answer is always the same.")
        .takes::<Form>()
        .answers::<shape::Empty>(202, "If the login of the address is closed, a mail is under way.")
}

/// Queues the link. Two charges, two reads and one transaction, whoever asks for whatever address.
pub async fn unlock(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let Form { email } = request.json()?;
    let email = address(&email)?;
    let now = deps.host.clock.now();
    let room = deps.store.charge_mail(request.source(), now).await?;
    let owner = deps.store.find_user_by_email(&email).await?;
    let whose = owner.map_or_else(|| Whose::UnknownAddress(email.clone()), Whose::User);
    let nobody = UserId::new(deps.host.entropy.ulid(now));
    let found = deps.store.find_for_unlock(&whose, owner.unwrap_or(nobody)).await?;
    // PR-3: over the budget no token is made and none is voided.
    let admitted = RESET_MAILS.admit_in(room, found.mail.state, now);
    let opens = found.user.as_ref().filter(|_| found.is_to_be_opened(now));
    let locked = Locked::of(&deps, opens.filter(|_| admitted.is_some()), &email, now);
    let unlocking = Unlocking {
        whose: &whose,
        budget: &Stored { state: admitted.unwrap_or(found.mail.state), version: found.mail.version },
        link: &locked.link(),
        with_token: admitted.is_some(),
        id: deps.host.entropy.ulid(now),
        now,
    };
    // Losing the race for the budget means that another mail is under way.
    let _sent = deps.store.request_unlock(&unlocking).await?;
    Ok(Answer::accepted())
}

/// SU-5: exactly one plain address.
fn address(text: &str) -> Result<EmailAddress, Problem> {
    EmailAddress::parse(text).map_err(|error| {
        Problem::invalid_fields().with_faults(vec![Fault {
            pointer: "/email".into(),
            code: "not_an_address".into(),
            detail: error.to_string(),
        }])
    })
}
