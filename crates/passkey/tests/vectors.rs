//! Runs the ceremonies of `tests/vectors/passkeys`: what an authenticator and a browser that we did not write made of our
//! options. A new implementation is a new file.
#![allow(clippy::allow_attributes, clippy::unwrap_used, reason = "a test file")]

use account::UserId;
use passkey::{Assertion, Attestation, CredentialId, RelyingParty, Stored};
use serde_json::Value;

const ORIGIN: &str = "http://localhost:8080";

fn vector() -> Value {
    serde_json::from_str(include_str!("../../../tests/vectors/passkeys/passkey-rs.json")).unwrap()
}
fn party(origin: &str) -> RelyingParty {
    RelyingParty::at(origin).unwrap()
}
fn attestation(vector: &Value) -> (String, Attestation) {
    let part = &vector["registration"];
    (part["state"].to_string(), serde_json::from_value(part["credential"].clone()).unwrap())
}
fn assertion(part: &Value) -> (String, Assertion) {
    (part["state"].to_string(), serde_json::from_value(part["credential"].clone()).unwrap())
}

#[test]
fn pk_1_a_ceremony_of_another_implementation_is_verified_step_by_step() {
    let vector = vector();
    let (state, shown) = attestation(&vector);
    let registered = party(ORIGIN).finish_registration(&state, &shown).unwrap();
    assert_eq!(u64::from(registered.counter), vector["registration"]["counter"].as_u64().unwrap());
    let user: UserId = vector["user"].as_str().unwrap().parse().unwrap();
    let mut counter = registered.counter;
    for part in vector["assertions"].as_array().unwrap() {
        let (state, shown) = assertion(part);
        assert_eq!(shown.credential_id().as_ref(), Ok(&registered.credential_id));
        assert_eq!(shown.user(), Some(Ok(user)), "the handle is the account's id");
        let stored = Stored { key: &registered.key, counter };
        counter = party(ORIGIN).finish_assertion(&state, &shown, stored).unwrap();
        assert_eq!(u64::from(counter), part["counter"].as_u64().unwrap());
    }
}

#[test]
fn pk_1_the_same_ceremony_counts_at_no_other_site_challenge_or_counter() {
    let vector = vector();
    let (registration, shown) = attestation(&vector);
    let registered = party(ORIGIN).finish_registration(&registration, &shown).unwrap();
    let parts = vector["assertions"].as_array().unwrap();
    let ((state, answer), (other_state, _)) = (assertion(&parts[0]), assertion(&parts[1]));
    let stored = |counter| Stored { key: &registered.key, counter };
    for origin in ["http://localhost:8081", "https://localhost:8080", "http://example.org", "https://a.localhost:8080"]
    {
        assert!(party(origin).finish_registration(&registration, &shown).is_err(), "{origin}");
        assert!(party(origin).finish_assertion(&state, &answer, stored(registered.counter)).is_err(), "{origin}");
    }
    let here = party(ORIGIN);
    assert!(here.finish_registration(&other_state, &shown).is_err(), "the state of a sign-in registers nothing");
    assert!(here.finish_assertion(&other_state, &answer, stored(registered.counter)).is_err(), "another challenge");
    assert!(here.finish_assertion(&registration, &answer, stored(registered.counter)).is_err(), "another purpose");
    let after = here.finish_assertion(&state, &answer, stored(registered.counter)).unwrap();
    for counter in [after, after + 1, u32::MAX] {
        assert!(
            here.finish_assertion(&state, &answer, stored(counter)).is_err(),
            "PK-1: the counter stands at {counter}"
        );
    }
    let mut tampered = parts[0]["credential"].clone();
    tampered["response"]["authenticatorData"] = parts[1]["credential"]["response"]["authenticatorData"].clone();
    let tampered: Assertion = serde_json::from_value(tampered).unwrap();
    assert!(here.finish_assertion(&state, &tampered, stored(registered.counter)).is_err(), "another signature");
}

#[test]
fn pk_2_every_challenge_is_new_and_has_128_bits_and_more() {
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let begun = party(ORIGIN).begin_assertion(&[]).unwrap();
        let challenge = begun.options["challenge"].as_str().unwrap().to_owned();
        assert!(challenge.len() >= 22, "22 characters of base64url are 132 bits: {challenge}");
        assert_eq!(begun.options["userVerification"], "required");
        assert!(seen.insert(challenge));
        assert_eq!(format!("{begun:?}"), "Begun(..)", "the state is not printed");
    }
}

#[test]
fn pk_1_a_site_needs_a_host_name() {
    for origin in ["", "localhost", "http://127.0.0.1:8080", "http://[::1]:8080", "about:blank", "https://"] {
        assert!(RelyingParty::at(origin).is_err(), "{origin}");
    }
}

#[test]
fn a_credential_id_has_one_spelling() {
    for text in ["", "=", "AA==", "A", "a b", &"A".repeat(1400)] {
        assert!(text.parse::<CredentialId>().is_err(), "{text}");
    }
    let id: CredentialId = "AQID".parse().unwrap();
    assert_eq!((id.as_str(), id.to_string()), ("AQID", "AQID".to_owned()));
}

#[test]
fn lg_6_no_answer_is_printed() {
    let vector = vector();
    assert_eq!(format!("{:?}", attestation(&vector).1), "Attestation(..)");
    assert_eq!(format!("{:?}", assertion(&vector["assertions"][0]).1), "Assertion(..)");
}
