//! The life of an account beside the reset: another password, another address, "this was not me", a release, an export.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::world::{Answered, Owner, World, newest_token};

const HOUR: i64 = 3_600;
const NEW: &str = "seven brass lanterns adrift";

async fn changes_password(owner: &Owner, password: &str) -> Answered {
    owner.stepped_up("POST", "/v1/password", Some(&json!({ "password": password }))).await
}
async fn asks_for(owner: &Owner, email: &str) -> Answered {
    owner.stepped_up("POST", "/v1/email", Some(&json!({ "email": email }))).await
}
fn follows<'a>(owner: &'a Owner, path: &'a str, token: &str) -> impl Future<Output = Answered> + 'a {
    let form = json!({ "token": token });
    async move { owner.post(path, &form).await }
}
async fn confirm(world: &World, owner: &Owner, email: &str) -> Answered {
    world.drain().await;
    let token = newest_token(world, email, "email-confirm?token=");
    follows(owner, "/v1/email/confirm", &token).await
}
fn at(owner: &Owner, email: &str) -> Owner {
    let mut other = owner.clone();
    other.email = email.into();
    other
}
async fn signed_in_at(owner: &Owner, email: &str) -> Owner {
    let mut other = at(owner, email);
    other.token = None;
    other.signs_in().await;
    other
}
async fn identity(world: &World, pk: &str, sk: &str) -> std::collections::BTreeMap<String, Value> {
    let found = world.dump("identity").await.into_iter().find(|item| item["pk"] == pk && item["sk"] == sk);
    found.unwrap_or_else(|| panic!("{pk} {sk}"))
}
fn api_token_in(made: &Value) -> String {
    let text = made.to_string();
    let token = &text[text.find("shp_").unwrap()..];
    token[..token.find('"').unwrap()].to_owned()
}
async fn id(owner: &Owner) -> String {
    owner.get("/v1/me").await.ok()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn lg_3_a_change_of_password_ends_every_other_session_and_gives_the_acting_one_a_new_token() {
    let world = World::seeded(2101);
    let mut owner = world.owner("owner@example.org").await;
    owner.adds_a_factor().await;
    let mut other = owner.clone();
    other.token = None;
    other.signs_in().await;
    let before = owner.token.clone().unwrap();
    let link = owner.prepares_a_reset(&world, NEW).await;
    let changed = changes_password(&owner, NEW).await;
    assert!(changed.headers.contains_key("set-cookie"));
    let given = changed.ok();
    assert_eq!(owner.get("/v1/me").await.refused(), "no_session", "the token that asked is dead");
    assert_eq!(other.get("/v1/me").await.refused(), "no_session", "and so is every other session");
    owner.token = Some(given["session"]["token"].as_str().unwrap().to_owned());
    assert_ne!(owner.token.as_deref(), Some(before.as_str()));
    let sessions = owner.get("/v1/sessions").await.ok();
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1, "{sessions}");
    // EV-2, PR-4: mailed before, dead after.
    assert_eq!(owner.post("/v1/password-reset/complete", &link).await.refused(), "reset_refused");
    world.drain().await;
    assert!(world.mails_to(&owner.email).iter().any(|mail| mail.contains("password")));
    let mut old = owner.clone();
    assert_eq!(old.log_in().await.refused(), "sign_in_refused");
    old.password = NEW.into();
    old.signs_in().await;
    world.no_call_was_refused();
}

#[tokio::test]
async fn pr_11_an_api_token_a_challenge_and_a_proof_die_with_the_password() {
    let world = World::seeded(2102);
    let mut owner = world.owner("owner@example.org").await;
    owner.adds_a_factor().await;
    let form = json!({ "name": "story", "scope": "read", "expires_in_days": 7 });
    let made = owner.stepped_up("POST", "/v1/tokens", Some(&form)).await.ok();
    let bearer = format!("Bearer {}", api_token_in(&made));
    let mut program = owner.clone();
    program.token = None;
    let headers = [("authorization", bearer.as_str())];
    assert!(program.send("GET", "/v1/bots", None, &headers).await.status.is_success());
    let challenge = program.log_in().await.ok()["challenge"]["id"].as_str().unwrap().to_owned();
    let proof = owner.proof_for("DELETE", "/v1/account", b"").await;
    let given = changes_password(&owner, NEW).await.ok();
    assert_eq!(program.send("GET", "/v1/bots", None, &headers).await.refused(), "no_session");
    let answer = json!({ "challenge": challenge, "totp": owner.fresh_code() });
    assert_eq!(owner.post("/v1/login/second-factor", &answer).await.refused(), "challenge_refused");
    owner.token = Some(given["session"]["token"].as_str().unwrap().to_owned());
    let used = owner.send("DELETE", "/v1/account", None, &[("x-step-up", &proof)]).await;
    assert_eq!(used.refused(), "step_up_required");
}

#[tokio::test]
async fn pr_16_a_changed_password_obeys_the_policy_and_st_1_needs_a_proof() {
    let world = World::seeded(2103);
    let owner = world.owner("owner@example.org").await;
    for weak in ["short", "passwordpassword", "shearpin shearpin shearpin", "owner@example.org"] {
        assert_eq!(changes_password(&owner, weak).await.refused(), "password_too_weak", "{weak}");
    }
    let form = json!({ "password": NEW });
    assert_eq!(owner.post("/v1/password", &form).await.refused(), "step_up_required");
    // A proof for another body is none for this one.
    let proof = owner.proof_for("POST", "/v1/password", b"{\"password\":\"another\"}").await;
    let sent = owner.send("POST", "/v1/password", Some(&form.to_string()), &[("x-step-up", &proof)]).await;
    assert_eq!(sent.refused(), "step_up_required");
    owner.get("/v1/me").await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pr_8_of_a_change_of_password_and_a_reset_at_once_one_wins() {
    for seed in 0..4 {
        let world = World::seeded(2110 + seed);
        let owner = world.owner("owner@example.org").await;
        let form = owner.prepares_a_reset(&world, "a lighthouse keeps no secrets at noon").await;
        let change = json!({ "password": NEW });
        let proof = owner.proof_for("POST", "/v1/password", change.to_string().as_bytes()).await;
        world.interleaves_calls();
        let (resetting, changing) = (owner.clone(), owner.clone());
        let reset = tokio::spawn(async move { resetting.post("/v1/password-reset/complete", &form).await });
        let body = change.to_string();
        let changed =
            tokio::spawn(
                async move { changing.send("POST", "/v1/password", Some(&body), &[("x-step-up", &proof)]).await },
            );
        let (reset, changed) = (reset.await.unwrap(), changed.await.unwrap());
        assert_ne!(reset.status.is_success(), changed.status.is_success(), "{} {}", reset.status, changed.status);
        let mut found = owner.clone();
        found.password =
            if changed.status.is_success() { NEW.into() } else { "a lighthouse keeps no secrets at noon".into() };
        found.signs_in().await;
    }
}

#[tokio::test]
async fn ev_5_a_change_of_address_is_confirmed_by_the_new_one_and_freezes() {
    let world = World::seeded(2120);
    let mut owner = world.owner("old@example.org").await;
    owner.trades(&world).await;
    let user = id(&owner).await;
    asks_for(&owner, "new@example.org").await.ok();
    world.drain().await;
    // Nothing changes yet.
    assert!(owner.get("/v1/me").await.status.is_success());
    assert_eq!(owner.get("/v1/me").await.ok()["email"], "old@example.org");
    // A link that the old address was mailed before the change is dead after it.
    let pending = owner.prepares_a_reset(&world, NEW).await;
    assert_eq!(confirm(&world, &owner, "new@example.org").await.status, 204);
    world.drain().await;
    assert_eq!(owner.get("/v1/me").await.refused(), "no_session");
    assert_eq!(owner.post("/v1/password-reset/complete", &pending).await.refused(), "reset_refused");
    // A reset asked for at the old address does nothing any more.
    let mails = world.mails_to("old@example.org").len();
    owner.post("/v1/password-reset", &json!({ "email": "old@example.org" })).await.ok();
    world.drain().await;
    assert_eq!(world.mails_to("old@example.org").len(), mails);
    assert_eq!(owner.log_in().await.refused(), "sign_in_refused");
    let moved = signed_in_at(&owner, "new@example.org").await;
    let me = moved.get("/v1/me").await.ok();
    assert_eq!((&me["email"], &me["trading_state"]), (&json!("new@example.org"), &json!("cooling")));
    let state = identity(&world, &format!("USER#{user}"), "STATE").await;
    assert_eq!(state["frozen_why"], "until");
    // The key stays: an e-mail change fences nothing.
    assert!(moved.connection_item(&world).await.contains_key("wrapped_dk"));
    assert_eq!(identity(&world, &format!("USER#{user}"), "ADDRESS").await["email"], "new@example.org");
    // Used is used, and the address is nobody else's meanwhile.
    let token = newest_token(&world, "new@example.org", "email-confirm?token=");
    assert_eq!(follows(&owner, "/v1/email/confirm", &token).await.refused(), "email_change_refused");
    let thief = world.stranger("old@example.org");
    thief.post("/v1/signup", &json!({ "email": "old@example.org", "password": NEW })).await.ok();
    world.drain().await;
    assert_eq!(identity(&world, "EMAIL#old@example.org", "EMAIL").await["user"], user.as_str());
    world.no_call_was_refused();
}

#[tokio::test]
async fn ev_5_the_old_address_takes_it_back_within_72_hours() {
    let world = World::seeded(2121);
    let owner = world.owner("old@example.org").await;
    asks_for(&owner, "new@example.org").await.ok();
    assert_eq!(confirm(&world, &owner, "new@example.org").await.status, 204);
    world.drain().await;
    let thief = signed_in_at(&owner, "new@example.org").await;
    // Not a second time while the first address has its say.
    assert_eq!(asks_for(&thief, "third@example.org").await.refused(), "email_change_under_way");
    world.clock.advance(71 * HOUR);
    let revoke = newest_token(&world, "old@example.org", "email-revoke?token=");
    assert_eq!(follows(&owner, "/v1/email/revoke", &revoke).await.status, 204);
    assert_eq!(thief.get("/v1/me").await.refused(), "no_session");
    assert_eq!(follows(&owner, "/v1/email/revoke", &revoke).await.refused(), "email_change_refused");
    let back = signed_in_at(&owner, "old@example.org").await;
    assert_eq!(back.get("/v1/me").await.ok()["email"], "old@example.org");
    assert_eq!(at(&owner, "new@example.org").log_in().await.refused(), "sign_in_refused");
    // The new address is free again.
    world.owner("new@example.org").await;
    world.no_call_was_refused();
}

#[tokio::test]
async fn ev_5_the_links_end_and_the_kept_address_with_them() {
    let world = World::seeded(2122);
    let mut owner = world.owner("old@example.org").await;
    asks_for(&owner, "new@example.org").await.ok();
    world.drain().await;
    let late = newest_token(&world, "new@example.org", "email-confirm?token=");
    world.clock.advance(24 * HOUR);
    assert_eq!(follows(&owner, "/v1/email/confirm", &late).await.refused(), "email_change_refused");
    owner.signs_in().await;
    asks_for(&owner, "new@example.org").await.ok();
    assert_eq!(confirm(&world, &owner, "new@example.org").await.status, 204);
    world.drain().await;
    world.clock.advance(72 * HOUR);
    let revoke = newest_token(&world, "old@example.org", "email-revoke?token=");
    assert_eq!(follows(&owner, "/v1/email/revoke", &revoke).await.refused(), "email_change_refused");
    world.machine.emulators().sweep().unwrap();
    world.clock.advance(100);
    world.machine.emulators().sweep().unwrap();
    world.owner("old@example.org").await;
}

#[tokio::test]
async fn ev_5_a_change_that_waits_is_stopped_by_the_old_address_and_by_a_newer_one() {
    let world = World::seeded(2123);
    let owner = world.owner("old@example.org").await;
    asks_for(&owner, "first@example.org").await.ok();
    world.drain().await;
    let first = newest_token(&world, "first@example.org", "email-confirm?token=");
    asks_for(&owner, "second@example.org").await.ok();
    world.drain().await;
    assert_eq!(follows(&owner, "/v1/email/confirm", &first).await.refused(), "email_change_refused", "superseded");
    let second = newest_token(&world, "second@example.org", "email-confirm?token=");
    let revoke = newest_token(&world, "old@example.org", "email-revoke?token=");
    assert_eq!(follows(&owner, "/v1/email/revoke", &revoke).await.status, 204);
    assert_eq!(follows(&owner, "/v1/email/confirm", &second).await.refused(), "email_change_refused", "stopped");
    assert!(owner.get("/v1/me").await.status.is_success(), "nothing else changed");
}

#[tokio::test]
async fn su_1_a_taken_address_answers_like_a_free_one_and_is_never_taken_over() {
    let world = World::seeded(2124);
    let owner = world.owner("old@example.org").await;
    let other = world.owner("taken@example.org").await;
    let free = asks_for(&owner, "free@example.org").await;
    let mails = world.mails_to("taken@example.org").len();
    let taken = asks_for(&owner, "taken@example.org").await;
    assert_eq!((free.status, &free.bytes), (taken.status, &taken.bytes));
    world.drain().await;
    assert_eq!(world.mails_to("taken@example.org").len(), mails, "its owner is not written to");
    world.clock.advance(1200);
    // Somebody signs up with the address between the question and the confirmation.
    asks_for(&owner, "late@example.org").await.ok();
    world.drain().await;
    let token = newest_token(&world, "late@example.org", "email-confirm?token=");
    world.owner("late@example.org").await;
    assert_eq!(follows(&owner, "/v1/email/confirm", &token).await.refused(), "email_change_refused");
    assert!(owner.get("/v1/me").await.status.is_success() && other.get("/v1/me").await.status.is_success());
    let own = asks_for(&owner, "OLD@example.org").await;
    assert_eq!(own.refused(), "invalid_fields");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ev_5_of_fifty_confirmations_and_a_revocation_at_once_one_counts() {
    let world = World::seeded(2125);
    let owner = world.owner("old@example.org").await;
    asks_for(&owner, "new@example.org").await.ok();
    world.drain().await;
    let confirm = json!({ "token": newest_token(&world, "new@example.org", "email-confirm?token=") });
    let answers = owner.at_once(50, "/v1/email/confirm", &confirm).await;
    assert_eq!(answers.iter().filter(|a| a.status.is_success()).count(), 1);
    world.drain().await;
    let revoke = json!({ "token": newest_token(&world, "old@example.org", "email-revoke?token=") });
    let answers = owner.at_once(50, "/v1/email/revoke", &revoke).await;
    assert_eq!(answers.iter().filter(|a| a.status.is_success()).count(), 1);
    signed_in_at(&owner, "old@example.org").await;
}

/// A reset of an account by whoever holds its mailbox, and the "not me" link of its notice.
async fn reset_by_a_thief(world: &World, owner: &Owner) -> (Owner, String) {
    let mut thief = owner.clone();
    thief.resets_the_password(world, "the thief chose this password").await;
    world.drain().await;
    (thief, newest_token(world, &owner.email, "not-me?token="))
}

#[tokio::test]
async fn pr_13_this_was_not_me_ends_everything_and_holds_the_account() {
    let world = World::seeded(2130);
    let mut owner = world.owner("owner@example.org").await;
    owner.attaches_a_key().await;
    let (mut thief, not_me) = reset_by_a_thief(&world, &owner).await;
    thief.signs_in().await;
    thief.attaches_a_key().await;
    let user = id(&thief).await;
    assert_eq!(follows(&owner, "/v1/password-reset/not-me", &not_me).await.status, 204);
    assert_eq!(thief.get("/v1/me").await.refused(), "no_session");
    assert_eq!(thief.log_in().await.refused(), "sign_in_refused", "the password is gone");
    let credential = identity(&world, &format!("CRED#{user}"), "CRED").await;
    assert!(!credential.contains_key("hash") && !credential.contains_key("pepper"));
    let state = identity(&world, &format!("USER#{user}"), "STATE").await;
    assert_eq!((&state["trading_state"], &state["session_gen"]), (&json!("HELD"), &json!(3)));
    let item = thief.connection_item(&world).await;
    assert_eq!((&item["status"], &item["revoked_by"]), (&json!("REVOKED"), &json!("reset_disowned")));
    assert!(!item.contains_key("wrapped_dk"));
    world.drain().await;
    assert!(world.secrets().await.is_empty(), "G4");
    // It works once.
    assert_eq!(follows(&owner, "/v1/password-reset/not-me", &not_me).await.refused(), "reset_refused");
    world.no_call_was_refused();
}

#[tokio::test]
async fn pr_13_a_not_me_link_works_for_72_hours_and_for_its_own_reset_alone() {
    let world = World::seeded(2131);
    let owner = world.owner("owner@example.org").await;
    let other = world.owner("other@example.org").await;
    let (_, mine) = reset_by_a_thief(&world, &owner).await;
    let (_, theirs) = reset_by_a_thief(&world, &other).await;
    let crossed = format!("{}.{}", mine.split_once('.').unwrap().0, theirs.split_once('.').unwrap().1);
    for token in [crossed.as_str(), "nonsense", "", ".", &mine[..mine.len() - 1]] {
        assert_eq!(follows(&owner, "/v1/password-reset/not-me", token).await.refused(), "reset_refused", "{token}");
    }
    world.clock.advance(72 * HOUR - 5);
    assert_eq!(follows(&owner, "/v1/password-reset/not-me", &mine).await.status, 204);
    world.clock.advance(10);
    assert_eq!(follows(&owner, "/v1/password-reset/not-me", &theirs).await.refused(), "reset_refused", "too old");
}

#[tokio::test]
async fn lg_1_a_removed_password_costs_what_a_wrong_one_does() {
    let world = World::seeded(2132);
    let owner = world.owner("owner@example.org").await;
    let (_, not_me) = reset_by_a_thief(&world, &owner).await;
    let mut wrong = owner.clone();
    wrong.password = "a password that was never right".into();
    let trace = async || {
        world.machine.emulators().reset_calls();
        let answered = wrong.log_in().await;
        (answered.refused().to_owned(), answered.bytes, world.machine.emulators().calls())
    };
    let before = trace().await;
    assert_eq!(follows(&owner, "/v1/password-reset/not-me", &not_me).await.status, 204);
    assert_eq!(trace().await, before);
}

#[tokio::test]
async fn rf_35_a_hold_is_released_by_a_factor_from_before_the_reset() {
    let world = World::seeded(2133);
    let mut owner = world.owner("owner@example.org").await;
    owner.adds_a_factor().await;
    let (_, not_me) = reset_by_a_thief(&world, &owner).await;
    follows(&owner, "/v1/password-reset/not-me", &not_me).await;
    owner.resets_the_password(&world, NEW).await;
    owner.signs_in().await;
    assert_eq!(owner.get("/v1/me").await.ok()["trading_state"], "held", "a young hold survives a reset");
    assert_eq!(owner.stepped_up("POST", "/v1/account/release", None).await.status, 204);
    assert_eq!(owner.get("/v1/me").await.ok()["trading_state"], "active");
    assert_eq!(owner.stepped_up("POST", "/v1/account/release", None).await.refused(), "account_not_held");
    world.drain().await;
    assert!(world.mails_to(&owner.email).iter().any(|mail| mail.contains("released")));
    world.no_call_was_refused();
}

#[tokio::test]
async fn rf_35_a_factor_that_the_thief_added_releases_nothing() {
    let world = World::seeded(2134);
    let owner = world.owner("owner@example.org").await;
    let (mut thief, not_me) = reset_by_a_thief(&world, &owner).await;
    thief.signs_in().await;
    // Enrolled before the hold, and after the reset.
    thief.adds_a_factor().await;
    assert_eq!(follows(&owner, "/v1/password-reset/not-me", &not_me).await.status, 204);
    thief.resets_the_password(&world, NEW).await;
    thief.signs_in().await;
    assert_eq!(thief.stepped_up("POST", "/v1/account/release", None).await.refused(), "release_refused");
    assert_eq!(thief.get("/v1/me").await.ok()["trading_state"], "held");
    // 72 hours later a reset ends it.
    world.clock.advance(72 * HOUR);
    thief.resets_the_password(&world, "a lighthouse keeps no secrets at noon").await;
    thief.signs_in().await;
    assert_eq!(thief.get("/v1/me").await.ok()["trading_state"], "cooling");
}

async fn export(owner: &Owner, limit: usize) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = owner.get(&format!("/v1/account/export?limit={limit}{cursor}")).await.ok();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit + 40, "a page is about its limit: {}", items.len());
        all.extend(items.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[tokio::test]
async fn kx_5_the_export_holds_everything_but_secrets_and_nothing_of_others() {
    let world = World::seeded(2140);
    let mut owner = world.owner("owner@example.org").await;
    let codes = owner.adds_a_factor().await;
    owner.trades(&world).await;
    let mut other = world.owner("other@example.org").await;
    other.attaches_a_key().await;
    let other_id = id(&other).await;
    world.quiet_minutes(2).await;
    let form = json!({ "name": "mine", "scope": "read", "expires_in_days": 7 });
    let api_token = api_token_in(&owner.stepped_up("POST", "/v1/tokens", Some(&form)).await.ok());
    let moving = json!({ "email": "next@example.org" });
    owner.stepped_up("POST", "/v1/email", Some(&moving)).await.ok();
    let whole = export(&owner, 100).await;
    let kinds: BTreeSet<&str> = whole.iter().map(|item| item["kind"].as_str().unwrap()).collect();
    for kind in [
        "account",
        "second_factor",
        "session",
        "known_device",
        "api_token",
        "email_change",
        "security_event",
        "connection",
        "bot",
        "deal",
        "order",
    ] {
        assert!(kinds.contains(kind), "{kind} in {kinds:?}");
    }
    let of = |kind: &str| whole.iter().find(|item| item["kind"] == kind).expect("there is one");
    assert_eq!((&of("api_token")["scope"], &of("api_token")["bots"]), (&json!("read"), &Value::Null));
    assert_eq!(
        (&of("email_change")["new_email"], &of("email_change")["state"]),
        (&json!("next@example.org"), &json!("STARTED"))
    );
    assert_eq!(of("connection")["loosening_wait_h"], json!(24));
    // Piece by piece it is the same, but for the sessions' last use.
    let pieces = export(&owner, 3).await;
    let order =
        |items: &[Value]| items.iter().map(|item| (item["kind"].clone(), item["id"].clone())).collect::<Vec<_>>();
    assert_eq!(order(&pieces), order(&whole));
    let text = serde_json::to_string(&whole).unwrap();
    let mut secrets: Vec<String> = vec![owner.password.clone(), owner.token.clone().unwrap(), other_id];
    secrets.extend(codes);
    for table in ["identity", "vault"] {
        for item in world.dump(table).await {
            for name in [
                "hash",
                "pepper",
                "totp_seed",
                "wrapped_dk",
                "secret_arn",
                "fingerprint",
                "token_hash",
                "newest",
                "revoke",
            ] {
                secrets.extend(item.get(name).and_then(Value::as_str).map(str::to_owned));
            }
            let pk = item["pk"].as_str().unwrap();
            if pk.starts_with("SESSION#") || pk.starts_with("TOKEN#") {
                secrets.push(pk.split_once('#').unwrap().1.to_owned());
            }
            if pk.starts_with("DEVICE#") {
                secrets.push(item["sk"].as_str().unwrap().to_owned());
            }
        }
    }
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret}");
    }
    // Another's cursor, and a made-up one, lead nowhere.
    let first = owner.get("/v1/account/export?limit=3").await.ok();
    let cursor = first["next_cursor"].as_str().unwrap();
    for query in [cursor, "nonsense", ""] {
        let answered = other.get(&format!("/v1/account/export?cursor={query}")).await;
        assert_eq!(answered.refused(), "cursor_refused", "{query}");
    }
    for limit in ["0", "101", "x"] {
        assert_eq!(
            owner.get(&format!("/v1/account/export?limit={limit}")).await.refused(),
            "invalid_fields",
            "{limit}"
        );
    }
    // No API token takes everything away (LG-4).
    let mut program = owner.clone();
    program.token = Some(api_token);
    assert_eq!(program.get("/v1/account/export").await.refused(), "session_required");
    world.no_call_was_refused();
}

#[tokio::test]
async fn rl_1_strangers_who_ask_for_mails_keep_no_owner_at_an_address() {
    let world = World::seeded(2190);
    let owner = world.owner("owner@example.org").await;
    let stranger = world.stranger(&owner.email);
    for _ in 0..5 {
        stranger.post("/v1/signup/resend", &json!({ "email": owner.email })).await.ok();
    }
    assert_eq!(asks_for(&owner, "new@example.org").await.status, 202);
}
