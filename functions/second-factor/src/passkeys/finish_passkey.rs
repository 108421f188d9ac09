//! `POST /v1/second-factors/passkeys/finish`: the authenticator's answer registers the passkey.
//!
//! Needs the session in which the ceremony was begun with all factors; see [`super::begin_passkey`].

use std::sync::Arc;

use account::Secret;
use account::id::{JobId, PasskeyId};
use account::token::{Purpose, TokenHash};
use api::problem::Fault;
use api::{Answer, Operation, Problem, Request};
use passkey::Attestation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::entity::ceremony::Use;
use store::entity::job::{Mail, Notice};
use store::entity::passkey::Passkey;
use store::transaction::add_passkey::AddingPasskey;
use store::transaction::enrol_totp::FactorChangeRefused;

use crate::Deps;
use crate::confirm_totp::{code_texts, fresh_codes};
use crate::passkeys::ShownPasskey;
use crate::refusal::problem;

/// PK-3: the longest name in characters.
const NAME_MAX: usize = 64;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Form {
    ceremony: Secret<String>,
    /// What its owner calls it: 1 to 64 characters.
    name: String,
    credential: Attestation,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PasskeyRegistered")]
struct Finished {
    passkey: ShownPasskey,
    /// Ten codes, shown once, when this is the account's first factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_codes: Option<Vec<String>>,
}

/// In the contract.
pub fn operation() -> Operation {
    Operation::of("finish_passkey", "Registers a passkey")
        .details("In the session that began it, within five minutes, once. Other sessions are not ended; end them with `DELETE /v1/sessions`.")
        .takes::<Form>()
        .answers::<Finished>(200, "It can be used to sign in.")
        .refuses(&[
            Problem::passkey_refused,
            Problem::passkey_exists,
            Problem::passkeys_full,
            Problem::try_again,
        ])
}

/// Registers it.
pub async fn finish_passkey(deps: Arc<Deps>, request: Request) -> Result<Answer, Problem> {
    let Form { ceremony, name, credential: shown } = request.json()?;
    check_name(&name)?;
    let session = request.session()?;
    let session_hash = &session.signed_in()?.hash;
    let now = deps.host.clock.now();
    // EXPOSE: only its hash is looked up.
    let hash = ceremony.expose(|text| TokenHash::of(Purpose::PasskeyCeremony, text));
    // PK-2: this purpose, this user, this session, and no change of credentials since the proof.
    let ceremony = deps
        .store
        .find_ceremony(&hash, Use::Register, now)
        .await?
        .filter(|c| c.is_of(session.user_id()) && c.is_bound_to(session_hash))
        .filter(|c| c.cred_version == Some(session.user.cred_version))
        .ok_or_else(Problem::passkey_refused)?;
    let registered = deps.passkeys.finish_registration(&ceremony.state, &shown).map_err(|wrong| {
        tracing::info!(%wrong, user = %session.user_id(), "passkey not registered");
        Problem::passkey_refused()
    })?;
    let credential = deps.store.find_credential(session.user_id()).await?.ok_or_else(Problem::no_session)?;
    let passkey = Passkey {
        id: PasskeyId::new(deps.host.entropy.ulid(now)),
        user: session.user_id(),
        credential_id: registered.credential_id.to_string(),
        name,
        key: registered.key,
        counter: registered.counter,
        created_at: now,
        last_used_at: None,
    };
    let codes = fresh_codes(&deps);
    let notice = Notice::PasskeyAdded { at: now.to_string(), name: passkey.name.clone() };
    let mail = Mail { to: credential.email.to_string(), notice };
    let adding = AddingPasskey {
        user: &session.user,
        credential: &credential,
        passkey: &passkey,
        ceremony: (&hash, &ceremony),
        codes: &codes,
        job: JobId::new(deps.host.entropy.ulid(now)),
        mail: &mail,
        id: deps.host.entropy.ulid(now),
        now,
    };
    deps.store.add_passkey(&adding).await.map_err(|refused| match refused {
        // PK-2: another answer came first, or the time is over.
        FactorChangeRefused::EnrolmentOver => Problem::passkey_refused(),
        refused => problem(refused),
    })?;
    let recovery_codes = (!credential.has_factor()).then(|| code_texts(&codes));
    Ok(Answer::ok(&Finished { passkey: ShownPasskey::of(passkey), recovery_codes }))
}

/// It stands in mails and lists.
fn check_name(name: &str) -> Result<(), Problem> {
    let length = name.chars().count();
    if (1..=NAME_MAX).contains(&length) && !name.chars().any(char::is_control) && name.trim() == name {
        return Ok(());
    }
    Err(Problem::invalid_fields().with_faults(vec![Fault {
        pointer: "/name".into(),
        code: "name".into(),
        detail: "Use 1 to 64 characters without control characters, not beginning or ending with a space.".into(),
    }]))
}
