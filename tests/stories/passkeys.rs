//! Passkeys: as a factor and alone, for one site, one purpose, one session, once. Every answer is that of a whole authenticator.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tests::world::{Answered, Authenticator, Browser, Owner, World, newest_token};

const BEGIN: &str = "/v1/second-factors/passkeys/begin";
const FINISH: &str = "/v1/second-factors/passkeys/finish";
const LIST: &str = "/v1/second-factors/passkeys";

async fn owner_with_a_passkey(world: &World, email: &str, seed: u64) -> (Owner, Authenticator, Value) {
    let mut owner = world.owner(email).await;
    let device = Authenticator::new(seed);
    let finished = owner.adds_a_passkey(&device).await;
    (owner, device, finished)
}
/// Ceremony and options of a sole login.
async fn begun(browser: &Browser) -> (Value, Value) {
    let begun = browser.post("/v1/login/passkey/begin", &json!({})).await.ok();
    (begun["ceremony"].clone(), begun["options"].clone())
}
async fn finished(browser: &Browser, ceremony: &Value, credential: &Value) -> Answered {
    browser.post("/v1/login/passkey/finish", &json!({ "ceremony": ceremony, "credential": credential })).await
}
async fn signs_in_alone(browser: &Browser, device: &Authenticator) -> Answered {
    let (ceremony, options) = begun(browser).await;
    finished(browser, &ceremony, &device.answers(&options)).await
}
/// Ceremony and options of a registration, behind a step-up.
async fn registration(owner: &Owner) -> (Value, Value) {
    let begun = owner.stepped_up("POST", BEGIN, Some(&json!({}))).await.ok();
    (begun["ceremony"].clone(), begun["options"].clone())
}
async fn registers(owner: &Owner, ceremony: &Value, credential: &Value) -> Answered {
    owner.post(FINISH, &json!({ "ceremony": ceremony, "name": "phone", "credential": credential })).await
}
/// A challenge: its id and its options.
async fn challenge(owner: &Owner) -> (Value, Value) {
    let given = owner.log_in().await.ok();
    (given["challenge"]["id"].clone(), given["challenge"]["passkey_options"].clone())
}
async fn answers(owner: &Owner, id: &Value, passkey: &Value) -> Answered {
    owner.post("/v1/login/second-factor", &json!({ "challenge": id, "passkey": passkey })).await
}
/// The form of a step-up for a request without a body.
fn step_up(owner: &Owner, method: &str, path: &str, factor: (&str, &Value)) -> Value {
    let empty = hex::encode(Sha256::digest(b""));
    let mut form = json!({ "method": method, "path": path, "body_sha256": empty, "password": owner.password });
    form[factor.0] = factor.1.clone();
    form
}
/// The same owner signed in elsewhere: a browser that showed the session would end it (LG-3).
async fn at_another_browser(owner: &Owner) -> Owner {
    let mut elsewhere = owner.clone();
    elsewhere.token = None;
    elsewhere.signs_in().await;
    elsewhere
}
async fn passkeys(owner: &Owner) -> Vec<Value> {
    owner.get(LIST).await.ok()["items"].as_array().unwrap().clone()
}
fn path_of(passkey: &Value) -> String {
    format!("{LIST}/{}", passkey["id"].as_str().unwrap())
}
async fn recovery_codes(world: &World) -> usize {
    let items = world.dump("identity").await;
    items.iter().filter(|item| item["pk"].as_str().unwrap().starts_with("RECOVERY#")).count()
}
/// Asks for a reset; the token of the mail.
async fn reset_token(world: &World, owner: &Owner) -> String {
    owner.post("/v1/password-reset", &json!({ "email": owner.email })).await.ok();
    world.drain().await;
    newest_token(world, &owner.email, "reset?token=")
}

#[tokio::test]
async fn pk_1_a_passkey_is_a_factor_and_all_factors_at_once() {
    let world = World::seeded(901);
    let (mut owner, device, added) = owner_with_a_passkey(&world, "owner@example.org", 1).await;
    assert_eq!(added["recovery_codes"].as_array().unwrap().len(), 10, "RC-1: the codes come with the first factor");
    assert_eq!(owner.get("/v1/me").await.ok()["factors"], json!(["passkey"]));

    let given = owner.log_in().await.ok();
    assert!(given.get("session").is_none(), "LG-2: the password alone gives no session");
    assert_eq!(given["challenge"]["factors"], json!(["passkey", "recovery_code"]));
    assert_eq!(given["challenge"]["passkey_options"]["userVerification"], "required");
    assert_eq!(given["challenge"]["passkey_options"]["rpId"], "localhost");
    owner.signs_in().await;
    let first = owner.token.clone().unwrap();
    assert!(passkeys(&owner).await[0]["last_used_at"].is_string(), "PK-3: its last use is shown");

    // Alone; the session that the browser still shows ends with it (LG-3).
    let alone = signs_in_alone(&owner, &device).await.ok();
    let second = alone["session"]["token"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    assert_eq!(owner.get("/v1/me").await.refused(), "no_session", "LG-3");
    owner.token = Some(second);
    assert_eq!(owner.get("/v1/me").await.ok()["email"], "owner@example.org");
    world.no_call_was_refused();
}

#[tokio::test]
async fn pk_1_an_answer_of_another_site_unverified_or_of_a_copy_is_refused() {
    let world = World::seeded(902);
    let (mut owner, device, _) = owner_with_a_passkey(&world, "owner@example.org", 1).await;
    let copy = device.copied();
    let stranger = world.stranger("owner@example.org");
    for (what, forged) in [
        ("another origin", device.at("http://localhost.example:8080")),
        ("another port", device.at("http://localhost:8081")),
        ("another scheme", device.at("https://localhost:8080")),
        ("another relying party", device.for_party("example.org")),
        ("a user who was not verified", device.without_a_look()),
        ("nobody's name", device.that_names_nobody()),
    ] {
        let (ceremony, options) = begun(&stranger).await;
        let refused = finished(&stranger, &ceremony, &forged.answers(&options)).await;
        assert_eq!(refused.refused(), "sign_in_refused", "{what}");
        let (id, options) = challenge(&owner).await;
        if what != "nobody's name" {
            assert_eq!(answers(&owner, &id, &forged.answers(&options)).await.refused(), "challenge_refused", "{what}");
        }
        world.clock.advance(10);
        owner.signs_in().await;
    }
    // PK-1: the copy stands where the device stood; the device has gone on.
    assert_eq!(signs_in_alone(&stranger, &copy).await.refused(), "sign_in_refused", "a counter that goes back");
    assert!(signs_in_alone(&stranger, &device).await.status.is_success());
    // A device that does not count was registered so, and stays usable.
    let silent = Authenticator::new(2).that_does_not_count();
    owner.adds_a_passkey(&silent).await;
    for _ in 0..2 {
        assert!(signs_in_alone(&stranger, &silent).await.status.is_success());
    }
}

#[tokio::test]
async fn pk_1_a_registration_of_another_site_or_unverified_is_refused() {
    let world = World::seeded(903);
    let owner = world.owner("owner@example.org").await;
    let device = Authenticator::new(1);
    for (what, forged) in [
        ("another origin", device.at("http://localhost:8081")),
        ("another relying party", device.for_party("example.org")),
        ("a user who was not verified", device.without_a_look()),
    ] {
        world.clock.advance(2);
        let (ceremony, options) = registration(&owner).await;
        let refused = registers(&owner, &ceremony, &forged.creates(&options)).await;
        assert_eq!(refused.refused(), "passkey_refused", "{what}");
    }
    assert!(passkeys(&owner).await.is_empty());
    assert_eq!(owner.get("/v1/me").await.ok()["factors"], json!([]));
}

#[tokio::test]
async fn pk_2_a_ceremony_is_good_once_for_five_minutes_its_purpose_its_session_and_its_user() {
    let world = World::seeded(904);
    let (mut owner, device, _) = owner_with_a_passkey(&world, "owner@example.org", 1).await;
    let stranger = world.stranger("owner@example.org");

    // Once, and for no longer than five minutes.
    let (ceremony, options) = begun(&stranger).await;
    let answer = device.answers(&options);
    assert!(finished(&stranger, &ceremony, &answer).await.status.is_success());
    assert_eq!(finished(&stranger, &ceremony, &answer).await.refused(), "sign_in_refused", "a replay");
    let (newer, _) = begun(&stranger).await;
    assert_eq!(
        finished(&stranger, &newer, &answer).await.refused(),
        "sign_in_refused",
        "the answer to another challenge"
    );
    for (seconds, good) in [(299, true), (301, false)] {
        let (ceremony, options) = begun(&stranger).await;
        world.clock.advance(seconds);
        let answered = finished(&stranger, &ceremony, &device.answers(&options)).await;
        assert_eq!(answered.status.is_success(), good, "after {seconds} s");
    }
    world.clock.advance(30);
    owner.signs_in().await;

    // A registration: for its session, its user, once, in time, and not after a change of factors.
    let second = Authenticator::new(2);
    let (ceremony, options) = registration(&owner).await;
    let answer = second.creates(&options);
    assert_eq!(
        finished(&stranger, &ceremony, &device.answers_with(0, &options)).await.refused(),
        "sign_in_refused",
        "its purpose"
    );
    let elsewhere = at_another_browser(&owner).await;
    assert_eq!(registers(&elsewhere, &ceremony, &answer).await.refused(), "passkey_refused", "another session");
    let other = world.owner("other@example.org").await;
    assert_eq!(registers(&other, &ceremony, &answer).await.refused(), "passkey_refused", "another user");
    assert!(registers(&owner, &ceremony, &answer).await.status.is_success());
    assert_eq!(registers(&owner, &ceremony, &answer).await.refused(), "passkey_refused", "once");
    owner.passkey = Some(second.clone());
    for (seconds, good) in [(299, true), (301, false)] {
        let (ceremony, options) = registration(&owner).await;
        world.clock.advance(seconds);
        let device = Authenticator::new(u64::try_from(seconds).unwrap());
        assert_eq!(
            registers(&owner, &ceremony, &device.creates(&options)).await.status.is_success(),
            good,
            "{seconds} s"
        );
        owner.get("/v1/me").await.ok();
    }
    let (ceremony, options) = registration(&owner).await;
    owner.adds_a_passkey(&Authenticator::new(7)).await;
    let stale = registers(&owner, &ceremony, &Authenticator::new(8).creates(&options)).await;
    assert_eq!(stale.refused(), "passkey_refused", "the factors changed since its proof");
    // A sole login's ceremony registers nothing.
    let (ceremony, options) = begun(&stranger).await;
    let mut as_registration = options.clone();
    as_registration["user"] = json!({ "id": "AAAA" });
    let refused = registers(&owner, &ceremony, &Authenticator::new(9).creates(&as_registration)).await;
    assert_eq!(refused.refused(), "passkey_refused", "its purpose");
}

#[tokio::test]
async fn pk_2_what_a_challenge_or_a_step_up_asked_for_answers_no_other() {
    let world = World::seeded(905);
    let (signed_in, device, _) = owner_with_a_passkey(&world, "owner@example.org", 1).await;
    let mut owner = signed_in.clone();
    owner.token = None;
    let (first, first_options) = challenge(&owner).await;
    let (second, second_options) = challenge(&owner).await;
    let crossed = answers(&owner, &second, &device.answers(&first_options)).await;
    assert_eq!(crossed.refused(), "challenge_refused", "another challenge's options");
    world.clock.advance(10);
    assert!(answers(&owner, &second, &device.answers(&second_options)).await.status.is_success());
    let replayed = answers(&owner, &second, &device.answers(&second_options)).await;
    assert_eq!(replayed.refused(), "challenge_refused", "the challenge is used");
    // What a sole login asked for is not what the challenge asked for.
    let (_, alone) = begun(&owner).await;
    assert_eq!(
        answers(&owner, &first, &device.answers(&alone)).await.refused(),
        "challenge_refused",
        "another purpose"
    );

    let owner = signed_in;
    // A step-up is bound to its session, and asking again voids what was asked before.
    world.clock.advance(10);
    let elsewhere = at_another_browser(&owner).await;
    let asked = owner.post("/v1/step-up/begin", &json!({})).await.ok()["passkey_options"].clone();
    let form =
        |options: &Value| step_up(&owner, "DELETE", "/v1/second-factors/totp", ("passkey", &device.answers(options)));
    let refused = elsewhere.post("/v1/step-up", &form(&asked)).await;
    assert_eq!(refused.refused(), "step_up_refused", "another session");
    world.clock.advance(10);
    let newer = owner.post("/v1/step-up/begin", &json!({})).await.ok()["passkey_options"].clone();
    assert_eq!(owner.post("/v1/step-up", &form(&asked)).await.refused(), "step_up_refused", "an older question");
    world.clock.advance(10);
    let answer = form(&newer);
    assert!(owner.post("/v1/step-up", &answer).await.status.is_success());
    world.clock.advance(10);
    assert_eq!(owner.post("/v1/step-up", &answer).await.refused(), "step_up_refused", "a replay");
    world.clock.advance(10);
    let asked = owner.post("/v1/step-up/begin", &json!({})).await.ok()["passkey_options"].clone();
    world.clock.advance(301);
    assert_eq!(owner.post("/v1/step-up", &form(&asked)).await.refused(), "step_up_refused", "after 5 min 1 s");
    world.clock.advance(10);
    let mut wrong_password = form(&owner.post("/v1/step-up/begin", &json!({})).await.ok()["passkey_options"]);
    wrong_password["password"] = json!("not this one, not this one");
    assert_eq!(owner.post("/v1/step-up", &wrong_password).await.refused(), "step_up_refused", "ST-1: all factors");
}

#[tokio::test]
async fn pk_4_a_key_counts_with_its_owner_alone() {
    let world = World::seeded(906);
    let (first, device, _) = owner_with_a_passkey(&world, "first@example.org", 1).await;
    let (second, others, _) = owner_with_a_passkey(&world, "second@example.org", 2).await;
    // B's credential in A's ceremony.
    let (id, options) = challenge(&first).await;
    assert_eq!(answers(&first, &id, &others.answers_with(0, &options)).await.refused(), "challenge_refused");
    world.clock.advance(10);
    assert!(answers(&first, &id, &device.answers(&options)).await.status.is_success(), "the owner's own");
    // B's key under A's name, and A's key under B's.
    let stranger = world.stranger("first@example.org");
    let (_, options) = begun(&stranger).await;
    let (mine, theirs) = (device.answers(&options), others.answers(&options));
    for (answer, named) in [(&theirs, &mine), (&mine, &theirs)] {
        let (ceremony, options) = begun(&stranger).await;
        let device = if std::ptr::eq(answer, &mine) { &device } else { &others };
        let forged = Authenticator::in_the_name_of(&device.answers(&options), named);
        assert_eq!(finished(&stranger, &ceremony, &forged).await.refused(), "sign_in_refused");
    }
    let (id, options) = challenge(&second).await;
    let forged = Authenticator::in_the_name_of(&others.answers(&options), &mine);
    assert_eq!(answers(&second, &id, &forged).await.refused(), "challenge_refused", "another's handle");
    // A key that somebody has registered is nobody else's: its id is claimed.
    let (ceremony, options) = {
        world.clock.advance(10);
        registration(&second).await
    };
    let taken = Authenticator::new(1).creates(&options);
    assert_eq!(registers(&second, &ceremony, &taken).await.refused(), "passkey_exists");
}

#[tokio::test]
async fn pk_3_up_to_ten_passkeys_each_with_a_name_and_each_revocable() {
    let world = World::seeded(907);
    let (mut owner, first, _) = owner_with_a_passkey(&world, "owner@example.org", 1).await;
    for seed in 2..=10 {
        let added = owner.adds_a_passkey(&Authenticator::new(seed)).await;
        assert!(added.get("recovery_codes").is_none(), "the codes of the first factor stay");
    }
    assert_eq!(passkeys(&owner).await.len(), 10);
    assert_eq!(recovery_codes(&world).await, 10);
    let refused = owner.stepped_up("POST", BEGIN, Some(&json!({}))).await;
    assert_eq!(refused.refused(), "passkeys_full");
    for name in ["", " phone", "a\u{7}b", &"x".repeat(65)] {
        let credential = json!({ "id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": { "attestationObject": "AAAA", "clientDataJSON": "AAAA" } });
        let refused = owner.post(FINISH, &json!({ "ceremony": "x", "name": name, "credential": credential })).await;
        assert_eq!(refused.body["errors"][0]["pointer"], "/name", "{name:?}");
    }
    // A deleted one signs in no more; the others do, and other sessions end.
    let elsewhere = at_another_browser(&owner).await;
    let gone = passkeys(&owner).await[0].clone();
    owner.stepped_up("DELETE", &path_of(&gone), None).await.ok();
    assert_eq!(elsewhere.get("/v1/me").await.refused(), "no_session", "other sessions end");
    let stranger = world.stranger("owner@example.org");
    assert_eq!(signs_in_alone(&stranger, &first).await.refused(), "sign_in_refused", "a deleted passkey");
    let other = owner.passkey.clone().unwrap();
    assert!(signs_in_alone(&stranger, &other).await.status.is_success());
    assert_eq!(passkeys(&owner).await.len(), 9);
    assert_eq!(owner.stepped_up("DELETE", &path_of(&gone), None).await.refused(), "not_found");
    assert_eq!(owner.get("/v1/me").await.ok()["trading_state"], "active", "it was not the last factor");
    world.drain().await;
    let mails = world.mails_to("owner@example.org");
    assert!(
        mails.iter().any(|mail| mail.contains("was added")) && mails.iter().any(|mail| mail.contains("was removed"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pk_2_of_fifty_finishes_at_once_one_opens_a_session() {
    let world = World::seeded(908);
    let (_, device, _) = owner_with_a_passkey(&world, "owner@example.org", 1).await;
    let stranger = world.stranger("owner@example.org");
    let (ceremony, options) = begun(&stranger).await;
    let form = json!({ "ceremony": ceremony, "credential": device.answers(&options) });
    world.interleaves_calls();
    let answered = stranger.at_once(50, "/v1/login/passkey/finish", &form).await;
    let won = answered.iter().filter(|a| a.status.is_success()).count();
    assert_eq!(won, 1, "{:?}", answered.iter().map(|a| a.status).collect::<Vec<_>>());
    for refused in answered.iter().filter(|a| !a.status.is_success()) {
        assert!(["sign_in_refused", "try_again"].contains(&refused.refused()), "{}", refused.body);
    }
    world.no_call_was_refused();
}

#[tokio::test(flavor = "multi_thread")]
async fn pk_2_of_fifty_registrations_at_once_one_counts() {
    let world = World::seeded(909);
    let owner = world.owner("owner@example.org").await;
    let (ceremony, options) = registration(&owner).await;
    let form = json!({ "ceremony": ceremony, "name": "phone", "credential": Authenticator::new(1).creates(&options) });
    world.interleaves_calls();
    let answered = owner.at_once(50, FINISH, &form).await;
    assert_eq!(answered.iter().filter(|a| a.status.is_success()).count(), 1);
    assert_eq!(passkeys(&owner).await.len(), 1);
    assert_eq!(recovery_codes(&world).await, 10, "the codes that were shown, and no others");
}

#[tokio::test]
async fn tp_9_wrong_passkeys_count_with_all_other_factors() {
    let world = World::seeded(910);
    let (owner, device, added) = owner_with_a_passkey(&world, "owner@example.org", 1).await;
    let (id, options) = challenge(&owner).await;
    let wrong = device.at("http://evil.example");
    for _ in 0..5 {
        assert_eq!(answers(&owner, &id, &wrong.answers(&options)).await.refused(), "challenge_refused");
        world.clock.advance(5);
    }
    assert_eq!(answers(&owner, &id, &device.answers(&options)).await.refused(), "challenge_refused", "it is used up");
    // RC-4: a wrong recovery code adds to the same count; at ten the password opens nothing any more (TP-10).
    let (id, _) = challenge(&owner).await;
    for _ in 0..5 {
        world.clock.advance(10);
        let form = json!({ "challenge": id, "recovery_code": "ABCDEFGHIJKLMNOPQRSTUVWXYZ" });
        assert_eq!(owner.post("/v1/login/second-factor", &form).await.refused(), "challenge_refused");
    }
    world.clock.advance(10);
    assert_eq!(owner.log_in().await.refused(), "sign_in_refused", "TP-10");
    assert_eq!(added["recovery_codes"].as_array().unwrap().len(), 10);
    // RL-1: the passkey alone has nothing to do with passwords and codes, and clears what they counted (TP-10a).
    assert!(signs_in_alone(&world.stranger("owner@example.org"), &device).await.status.is_success());
    world.clock.advance(10);
    assert!(owner.log_in().await.ok()["challenge"].is_object());
}

#[tokio::test]
async fn rl_1_who_uses_up_the_passwords_bucket_keeps_no_owner_of_a_passkey_out() {
    let world = World::seeded(911);
    let (owner, device, _) = owner_with_a_passkey(&world, "owner@example.org", 1).await;
    let stranger = world.stranger("owner@example.org");
    for _ in 0..120 {
        world.clock.advance(11);
        let form = json!({ "email": "owner@example.org", "password": "guess after guess after guess" });
        assert_eq!(stranger.post("/v1/login", &form).await.refused(), "sign_in_refused");
    }
    world.clock.advance(11);
    assert_eq!(
        stranger.post("/v1/login", &json!({ "email": owner.email, "password": owner.password })).await.refused(),
        "sign_in_refused"
    );
    assert!(signs_in_alone(&stranger, &device).await.status.is_success());
}

#[tokio::test]
async fn pr_9_a_passkey_is_demanded_in_the_reset_and_counts_once() {
    let world = World::seeded(912);
    let (mut owner, device, _) = owner_with_a_passkey(&world, "owner@example.org", 1).await;
    let token = reset_token(&world, &owner).await;
    let inspected = owner.post("/v1/password-reset/inspect", &json!({ "token": token })).await.ok();
    assert_eq!(inspected["factors"], json!(["passkey", "recovery_code"]));
    let options = inspected["passkey_options"].clone();
    let form = |password: &str, passkey: Option<Value>| {
        let mut form = json!({ "token": token, "password": password });
        if let Some(passkey) = passkey {
            form["passkey"] = passkey;
        }
        form
    };
    const NEW: &str = "eleven copper kettles adrift";
    let alone = owner.post("/v1/password-reset/complete", &form(NEW, None)).await;
    assert_eq!(alone.refused(), "second_factor_missing", "PR-9: the token alone");
    for (what, forged) in [
        ("another origin", device.at("http://evil.example").answers(&options)),
        ("unverified", device.without_a_look().answers(&options)),
        ("what a sole login asked for", device.answers(&begun(&owner).await.1)),
    ] {
        let refused = owner.post("/v1/password-reset/complete", &form(NEW, Some(forged))).await;
        assert_eq!(refused.refused(), "reset_refused", "{what}");
    }
    // Another's key, and the options of an earlier look.
    let (other, others, _) = owner_with_a_passkey(&world, "other@example.org", 2).await;
    let refused = owner.post("/v1/password-reset/complete", &form(NEW, Some(others.answers_with(0, &options)))).await;
    assert_eq!(refused.refused(), "reset_refused", "PK-4");
    let newer =
        owner.post("/v1/password-reset/inspect", &json!({ "token": token })).await.ok()["passkey_options"].clone();
    let refused = owner.post("/v1/password-reset/complete", &form(NEW, Some(device.answers(&options)))).await;
    assert_eq!(refused.refused(), "reset_refused", "an older question");
    let token_of_another = reset_token(&world, &other).await;
    let crossed = json!({ "token": token_of_another, "password": NEW, "passkey": device.answers_with(0, &newer) });
    assert_eq!(owner.post("/v1/password-reset/complete", &crossed).await.refused(), "reset_refused", "another token");
    owner.post("/v1/password-reset/complete", &form(NEW, Some(device.answers(&newer)))).await.ok();
    assert_eq!(owner.get("/v1/me").await.refused(), "no_session", "PR-11: every session ends");
    owner.password = NEW.into();
    world.clock.advance(10);
    owner.signs_in().await;
    assert_eq!(owner.get("/v1/me").await.ok()["factors"], json!(["passkey"]), "the passkey stays on");
    world.no_call_was_refused();
}

#[tokio::test]
async fn lg_5_the_last_factor_stays_while_a_real_key_lives_and_takes_its_codes_along() {
    let world = World::seeded(913);
    let (mut owner, _, _) = owner_with_a_passkey(&world, "owner@example.org", 1).await;
    owner.attaches_a_key().await;
    as_a_real_key(&world, &owner).await;
    let passkey = passkeys(&owner).await[0].clone();
    let refused = owner.stepped_up("DELETE", &path_of(&passkey), None).await;
    assert_eq!(refused.refused(), "second_factor_in_use");
    // Beside an authenticator it is not the last one.
    let confirmed = adds_an_authenticator(&mut owner).await;
    assert!(confirmed.get("recovery_codes").is_none(), "the codes of the passkey stay good");
    assert_eq!(owner.get("/v1/me").await.ok()["factors"], json!(["totp", "passkey"]));
    owner.stepped_up("DELETE", &path_of(&passkey), None).await.ok();
    assert_eq!(owner.get("/v1/me").await.ok()["trading_state"], "active");
    assert_eq!(recovery_codes(&world).await, 10);
    let refused = owner.stepped_up("DELETE", "/v1/second-factors/totp", None).await;
    assert_eq!(refused.refused(), "second_factor_in_use", "now that is the last one");
    // And the other way round: the authenticator goes, the passkey stays.
    owner.adds_a_passkey(&Authenticator::new(2)).await;
    owner.stepped_up("DELETE", "/v1/second-factors/totp", None).await.ok();
    owner.seed = None;
    assert_eq!(owner.get("/v1/me").await.ok()["factors"], json!(["passkey"]));
    assert_eq!(recovery_codes(&world).await, 10, "the codes stay while a factor is on");
    let codes = owner.stepped_up("POST", "/v1/second-factors/recovery-codes", Some(&json!({}))).await.ok();
    assert_eq!(
        codes["recovery_codes"].as_array().unwrap().len(),
        10,
        "RC-2: an account with passkeys alone replaces them"
    );
    // Without a real key the last one may go, and everything goes with it.
    owner.delete(&format!("/v1/connections/{}", owner.connection)).await.ok();
    let last = passkeys(&owner).await[0].clone();
    owner.stepped_up("DELETE", &path_of(&last), None).await.ok();
    let me = owner.get("/v1/me").await.ok();
    assert_eq!((&me["factors"], &me["trading_state"]), (&json!([]), &json!("cooling")));
    assert_eq!(recovery_codes(&world).await, 0);
    owner.passkey = None;
    owner.signs_in().await;
    assert_eq!(
        owner.stepped_up("POST", "/v1/second-factors/recovery-codes", Some(&json!({}))).await.refused(),
        "no_second_factor"
    );
    world.no_call_was_refused();
}

#[tokio::test]
async fn rc_3_a_recovery_code_confirms_the_removal_of_a_lost_passkey() {
    let world = World::seeded(914);
    let (mut owner, _, added) = owner_with_a_passkey(&world, "owner@example.org", 1).await;
    let codes: Vec<Value> = added["recovery_codes"].as_array().unwrap().clone();
    let (id, _) = challenge(&owner).await;
    let form = json!({ "challenge": id, "recovery_code": codes[0] });
    let signed_in = owner.post("/v1/login/second-factor", &form).await.ok();
    owner.token = Some(signed_in["session"]["token"].as_str().unwrap().to_owned());
    let lost = path_of(&passkeys(&owner).await[0]);
    world.clock.advance(10);
    let elsewhere = step_up(&owner, "DELETE", &format!("{LIST}/x"), ("recovery_code", &codes[1]));
    assert_eq!(owner.post("/v1/step-up", &elsewhere).await.refused(), "invalid_fields", "RC-3");
    let given = owner.post("/v1/step-up", &step_up(&owner, "DELETE", &lost, ("recovery_code", &codes[1]))).await.ok();
    let proof = given["proof"].as_str().unwrap().to_owned();
    owner.send("DELETE", &lost, None, &[("x-step-up", &proof)]).await.ok();
    owner.passkey = None;
    world.clock.advance(60);
    owner.signs_in().await;
    owner.adds_a_passkey(&Authenticator::new(2)).await;
    assert_eq!(owner.get("/v1/me").await.ok()["factors"], json!(["passkey"]));
}

#[tokio::test]
async fn pr_5_no_header_says_where_a_passkey_belongs() {
    let world = World::seeded(915);
    let stranger = world.stranger("owner@example.org");
    for (name, value) in [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "host=evil.example"),
        ("origin", "https://evil.example"),
    ] {
        let begun = stranger.send("POST", "/v1/login/passkey/begin", Some("{}"), &[(name, value)]).await.ok();
        assert_eq!(begun["options"]["rpId"], "localhost", "{name}");
    }
}

#[tokio::test]
async fn ev_4_an_address_that_nobody_verified_gets_no_passkey() {
    let world = World::seeded(916);
    let mut browser = world.stranger("owner@example.org");
    browser.post("/v1/signup", &json!({ "email": browser.email, "password": browser.password })).await.ok();
    browser.signs_in().await;
    assert_eq!(browser.stepped_up("POST", BEGIN, Some(&json!({}))).await.refused(), "email_not_verified");
}

/// Adds an authenticator app beside what is there; the whole answer of its first code.
async fn adds_an_authenticator(owner: &mut Owner) -> Value {
    let enrolled = owner.stepped_up("POST", "/v1/second-factors/totp", Some(&json!({}))).await.ok();
    let seed = data_encoding::BASE32_NOPAD.decode(enrolled["secret"].as_str().unwrap().as_bytes()).unwrap();
    owner.seed = Some(seed);
    owner.post("/v1/second-factors/totp/confirm", &json!({ "code": owner.fresh_code() })).await.ok()
}

/// Makes the attached paper key one of a real exchange, as no route does yet.
async fn as_a_real_key(world: &World, owner: &Owner) {
    let item = owner.connection_item(world).await;
    let client =
        aws_sdk_dynamodb::Client::new(&world.machine.emulators().sdk_config(emulators::Caller::owner("auditor")));
    let text = |name: &str| aws_sdk_dynamodb::types::AttributeValue::S(item[name].as_str().unwrap().to_owned());
    client
        .update_item()
        .table_name("shearpin-vault")
        .key("pk", text("pk"))
        .key("sk", text("sk"))
        .update_expression("SET exchange = :exchange")
        .expression_attribute_values(":exchange", aws_sdk_dynamodb::types::AttributeValue::S("binance".into()))
        .send()
        .await
        .expect("an exchange");
}
