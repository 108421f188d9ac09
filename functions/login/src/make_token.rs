//! `POST /v1/tokens`: makes an API token, and shows its text once.
//!
//! The ids of bots are not looked up: this function may not read `trading`. They are harmless as they are: a token opens
//! its owner's account alone, so the id of somebody else's bot passes the session check and is then not found by the
//! bot's route, as it would be for a session (SS-8).

use std::sync::Arc;

use account::id::{ApiTokenId, JobId};
use account::token::new_api_token;
use api::problem::Fault;
use api::{Answer, Operation, Problem, Request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::entity::api_token::{ApiToken, Scope};
use store::entity::job::{Mail, Notice};
use store::transaction::make_api_token::{MakeTokenRefused, MakingToken};
use strategy::id::BotId;

use crate::Deps;
use crate::event::note;
use crate::list_tokens::{Listed, TokenScope};

/// How many days a token lives unless the form says another number.
const DAYS_DEFAULT: u32 = 90;
/// The longest life in days.
const DAYS_MAX: u32 = 365;
/// The longest name, in characters.
const NAME_CHARS_MAX: usize = 60;
/// The most bots that one token names; who means more means all.
const BOTS_MAX: usize = 50;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "MakeToken")]
struct Form {
    /// The owner's name for it: 1 to 60 letters, digits, blanks and `- _ . ( ) # + & '`.
    name: String,
    #[schemars(with = "TokenScope")]
    scope: Scope,
    /// The bots it is for, at most 50; left out for all of them.
    #[serde(default)]
    #[schemars(with = "Option<Vec<BotId>>")]
    bots: Option<Vec<String>>,
    /// From 1 to 365; 90 unless said.
    #[serde(default)]
    expires_in_days: Option<u32>,
}
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "MadeToken")]
struct Made {
    token: Listed,
    /** Shown here and nowhere else. */
    secret: String,
}

/// A form that was understood.
struct Wanted {
    name: String,
    scope: Scope,
    bots: Option<Vec<BotId>>,
    days: u32,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("make_token", "Makes an API token for a program")
        .details("A token can do less than a session: it makes no other token, confirms nothing, and dies with every change of the account's credentials. Its text is shown once.")
        .takes::<Form>()
        .answers::<Made>(201, "The token, and its text.")
        .refuses(&[Problem::email_not_verified, Problem::tokens_full, Problem::try_again])
}

/// Makes one.
pub async fn make_token(deps: Arc<Deps>, mut request: Request) -> Result<Answer, Problem> {
    let wanted = request.json::<Form>()?.read()?;
    let proof = request.take_step_up()?;
    let session = request.session()?;
    // A token cannot make another one, whatever the route's row says.
    session.signed_in()?;
    let (user, now) = (&session.user, deps.host.clock.now());
    // EV-4: who has not shown that the address is theirs gets no second way in.
    if !user.email_verified {
        return Err(Problem::email_not_verified());
    }
    let credential = deps.store.find_credential(user.id).await?.ok_or_else(Problem::no_session)?;
    let made = new_api_token(deps.host.entropy.bytes());
    let token = ApiToken {
        // A repetition under the same key takes the place of what its first try has left.
        id: ApiTokenId::new(request.creation()?.id),
        user: user.id,
        name: wanted.name,
        scope: wanted.scope,
        bots: wanted.bots,
        trade_epoch: user.trade_epoch,
        cred_version: user.cred_version,
        created_at: now,
        expires_at: now.plus_seconds(i64::from(wanted.days) * 86_400),
        used_at: None,
    };
    let mail = Mail {
        to: credential.email.to_string(),
        notice: Notice::TokenMade { at: now.to_string(), name: token.name.clone(), scopes: scopes(&token) },
    };
    let making = MakingToken {
        user,
        token: &token,
        hash: &made.hash,
        job: JobId::new(deps.host.entropy.ulid(now)),
        mail: &mail,
        ids: std::array::from_fn(|_| deps.host.entropy.ulid(now)),
        source: request.source(),
        now,
    };
    match deps.store.make_api_token(&making, proof).await {
        Ok(()) => {
            note("token_made", Some(user.id), None, request.source());
            // EXPOSE: a token is handed out once, here.
            let secret = made.text.expose(String::clone);
            Ok(Answer::created(&Made { token: Listed::of(&token), secret }))
        }
        Err(MakeTokenRefused::ChangedMeanwhile) => Err(Problem::no_session()),
        Err(MakeTokenRefused::Full) => Err(Problem::tokens_full()),
        Err(MakeTokenRefused::Busy) => Err(Problem::try_again().retry_after(1)),
        Err(MakeTokenRefused::Store(error)) => Err(error.into()),
    }
}

/// What the mail says the token may be used for.
fn scopes(token: &ApiToken) -> String {
    let what = match token.scope {
        Scope::Read => "reading",
        Scope::Trade => "reading and trading",
    };
    match &token.bots {
        None => what.to_owned(),
        Some(bots) => format!("{what}, for {} of your bots", bots.len()),
    }
}

impl Form {
    fn read(self) -> Result<Wanted, Problem> {
        let mut faults = Vec::new();
        let mut fault = |pointer: String, code: &str, detail: &str| {
            faults.push(Fault { pointer, code: code.into(), detail: detail.into() });
        };
        // The name stands in mails: it can be no link and no markup.
        let plain = self.name.chars().all(|c| c.is_alphanumeric() || " -_.()#+&'".contains(c));
        let length = self.name.chars().count();
        if !(1..=NAME_CHARS_MAX).contains(&length) || !plain || self.name.trim() != self.name {
            fault(
                "/name".into(),
                "invalid_name",
                "Use 1 to 60 letters, digits, blanks and - _ . ( ) # + & ', not starting or ending with a blank.",
            );
        }
        let days = self.expires_in_days.unwrap_or(DAYS_DEFAULT);
        if !(1..=DAYS_MAX).contains(&days) {
            fault("/expires_in_days".into(), "out_of_range", "A whole number of days from 1 to 365.");
        }
        let mut bots: Vec<BotId> = Vec::new();
        for (at, text) in self.bots.iter().flatten().enumerate() {
            match text.parse::<BotId>() {
                Ok(bot) if bots.contains(&bot) => {
                    fault(format!("/bots/{at}"), "duplicate_bot", "This bot is named twice.")
                }
                Ok(bot) => bots.push(bot),
                Err(not) => fault(format!("/bots/{at}"), "invalid_bot", &not.to_string()),
            }
        }
        // An empty list could be meant as none or as all.
        if self.bots.as_ref().is_some_and(|bots| bots.is_empty() || bots.len() > BOTS_MAX) {
            fault("/bots".into(), "out_of_range", "Name 1 to 50 bots, or leave the field out for all of them.");
        }
        if !faults.is_empty() {
            return Err(Problem::invalid_fields().with_faults(faults));
        }
        Ok(Wanted { name: self.name, scope: self.scope, bots: self.bots.map(|_| bots), days })
    }
}
