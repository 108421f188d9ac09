//! `POST /v1/password-reset/not-me`: "this was not me" of a completed reset or recovery, with the link of its notice (PR-13).
//! Everything ends, the password is removed, the account is held.

use std::sync::Arc;

use account::Secret;
use account::token::{Purpose, TokenHash};
use api::{Answer, Operation, Problem, Request};
use schemars::JsonSchema;
use serde::Deserialize;
use store::transaction::disown_reset::{DisownRefused, Disowning};

use super::halves;
use crate::Deps;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NotMeForm")]
struct Form {
    token: Secret<String>,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("disown_reset", "Says that a password reset was not the owner's; the account is held")
        .details(
            "Works once, for 72 hours, for the reset that it was mailed about. Every session ends, the password and every \
             exchange key are removed, and trading is held until it is released.",
        )
        .takes::<Form>()
        .answers_nothing(204, "The account is held.")
        .refuses(&[Problem::reset_refused, Problem::try_again, Problem::outcome_unknown])
}

/// Holds it.
pub async fn disown_reset(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let Form { token } = request.json()?;
    // EXPOSE: only its hash is looked up.
    let (hash, not_me) = token
        .expose(|text| halves(text).map(|(hash, secret)| (hash.to_owned(), TokenHash::of(Purpose::NotMe, secret))))
        .ok_or_else(Problem::reset_refused)?;
    let now = deps.host.clock.now();
    let reset = deps.store.find_disownable(&hash, &not_me, now).await?.ok_or_else(Problem::reset_refused)?;
    let user = deps.store.find_user(reset.user).await?.ok_or_else(Problem::reset_refused)?;
    // A deleted account has no address any more, and nothing to hold.
    if deps.store.is_being_erased(user.id).await? {
        return Err(Problem::reset_refused());
    }
    let to = deps.store.find_address(user.id).await?;
    // So that a busy bot cannot starve it. Should the credentials change at this moment, the commit finds out.
    deps.store.raise_fence(&user, deps.host.clock.now()).await?;
    let disowning = Disowning {
        reset: &reset,
        hash: &hash,
        not_me: &not_me,
        cred_version: user.cred_version,
        to: &to,
        source: request.source(),
    };
    deps.store.disown_reset(&disowning, &deps.host).await.map_err(problem)?;
    tracing::warn!(event = "reset_disowned", user = %user.id, "authentication");
    Ok(Answer::nothing())
}

fn problem(refused: DisownRefused) -> Problem {
    match refused {
        DisownRefused::TokenDead => Problem::reset_refused(),
        DisownRefused::Busy => Problem::try_again().retry_after(2),
        DisownRefused::OutcomeUnknown => Problem::outcome_unknown(),
        DisownRefused::Store(error) => error.into(),
    }
}
