//! `POST /v1/signup`: one answer for all addresses, one account per address, one rule for passwords.

use serde_json::json;

use crate::world::{EMAIL, PASSWORD, World, call, post, sign_up, verify};

#[tokio::test]
async fn su_6_pw_1_pw_3_an_account_comes_with_one_mail_and_a_slow_peppered_hash() {
    let world = World::new();
    // SU-6: nobody is there before the first sign-up, and the first is nobody special.
    assert_eq!(world.dump("identity").await, "[]");
    let answered = world.sign_up("Owner@Example.com").await;
    assert_eq!((answered.status.as_u16(), answered.body.as_slice()), (202, b"{}".as_slice()));
    let user = world.account(EMAIL).await.unwrap();
    assert!(!user.email_verified && !user.has_factor);
    assert_eq!(world.mails().await, [("verify_email".to_owned(), 1)].into());
    // PW-1, PW-3.
    let stored = world.item("identity", &format!("CRED#{}", user.id), "CRED").await.unwrap();
    assert!(stored["hash"].as_s().unwrap().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert!(!stored["pepper"].as_s().unwrap().is_empty());
    assert!(!world.dump("identity").await.contains(PASSWORD));
}

#[tokio::test]
async fn su_1_a_known_address_costs_and_says_the_same_and_its_owner_is_told() {
    let world = World::new();
    world.trace();
    let new = (world.sign_up(EMAIL).await, world.trace());
    let known = (world.sign_up(EMAIL).await, world.trace());
    assert_eq!(new, known);
    assert_eq!(known.1["GenerateMac"], 1);
    world.send(verify(&world.mailed_token(EMAIL).await.unwrap())).await;
    world.trace();
    let verified = (world.sign_up("OWNER@example.com").await, world.trace());
    assert_eq!(new, verified);
    assert_eq!(world.mails().await, [("already_registered".to_owned(), 2), ("verify_email".to_owned(), 1)].into());
    // Beyond the mail budget too: the same calls, no mail.
    let flooded = (world.sign_up(EMAIL).await, world.trace());
    assert_eq!(new, flooded);
    assert_eq!(world.mails().await["already_registered"], 2);
}

#[tokio::test]
async fn su_1_the_first_password_stays() {
    let world = World::new();
    world.sign_up(EMAIL).await;
    let user = world.account(EMAIL).await.unwrap();
    let before = world.item("identity", &format!("CRED#{}", user.id), "CRED").await;
    world.send(sign_up(EMAIL, "another thief's long password")).await;
    assert_eq!(world.item("identity", &format!("CRED#{}", user.id), "CRED").await, before);
    assert_eq!(world.account(EMAIL).await, Some(user));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn su_5_fifty_sign_ups_at_once_make_one_account() {
    let world = World::new();
    let answers =
        world.at_once((0..50).map(|i| sign_up(if i % 2 == 0 { EMAIL } else { "OWNER@EXAMPLE.COM" }, PASSWORD))).await;
    assert!(answers.iter().all(|answered| *answered == answers[0] && answered.status == 202));
    let dump = world.dump("identity").await;
    assert_eq!(dump.matches("\"CRED#").count(), 1, "one account");
    assert_eq!(world.mails().await["verify_email"], 1);
}

#[tokio::test]
async fn su_5_an_address_is_one_plain_json_string() {
    let world = World::new();
    world.trace();
    for (email, code) in [
        (json!(["canary@example.com", "b@example.com"]), "wrong_type_or_value"),
        (json!({ "0": "canary@example.com" }), "wrong_type_or_value"),
        (json!(null), "wrong_type_or_value"),
        (json!("canary@x.com\r\nBcc: b@example.com"), "not_an_address"),
        (json!("canary@x\r\nBcc:"), "not_an_address"),
        (json!("canary@x.com,b@example.com"), "not_an_address"),
        (json!("\u{441}anary@example.com"), "not_an_address"),
        (json!("canary@x.com\u{0}"), "not_an_address"),
        (json!(" canary@x.com"), "not_an_address"),
        (json!("canary"), "not_an_address"),
    ] {
        for path in ["/v1/signup", "/v1/signup/resend"] {
            let mut body = json!({ "email": email });
            if path == "/v1/signup" {
                body["password"] = PASSWORD.into();
            }
            let answered = world.send(post(path, &body)).await;
            answered.refused(422, "invalid_fields");
            assert_eq!(
                (&answered.json()["errors"][0]["pointer"], &answered.json()["errors"][0]["code"]),
                (&json!("/email"), &json!(code)),
                "{email}"
            );
            assert!(!String::from_utf8_lossy(&answered.body).contains("anary"), "{email}");
        }
    }
    let twice = format!(r#"{{"email":"a@example.com","email":"b@example.com","password":"{PASSWORD}"}}"#);
    world.send(call("POST", "/v1/signup").raw("application/json", &twice)).await.refused(422, "invalid_fields");
    world
        .send(post("/v1/signup", &json!({ "email": EMAIL, "password": PASSWORD, "admin": true })))
        .await
        .refused(422, "invalid_fields");
    world.send(call("POST", "/v1/signup").raw("text/plain", &twice)).await.refused(415, "unsupported_media_type");
    world
        .send(call("POST", "/v1/signup").raw("application/json", &"x".repeat(65_537)))
        .await
        .refused(413, "body_too_large");
    assert!(world.trace().is_empty(), "none of them was looked up");
}

#[tokio::test]
async fn su_2_su_3_su_4_a_password_is_long_uncommon_and_not_the_owners_name() {
    let world = World::new();
    world.trace();
    for (password, code) in [
        ("quiet lanterns", "too_short"),
        (&*"x".repeat(257), "too_long"),
        (&*"é".repeat(129), "too_long"),
        ("passwordpassword", "common"),
        ("shearpin shearpin 7", "product_word"),
        ("lighthouse.keeper", "own_email"),
    ] {
        let answered = world.send(sign_up("lighthouse.keeper@example.com", password)).await;
        answered.refused(422, "password_too_weak");
        let fault = &answered.json()["errors"][0];
        assert_eq!((&fault["pointer"], &fault["code"]), (&json!("/password"), &json!(code)), "{password}");
    }
    assert_eq!(world.trace().get("GenerateMac"), None, "SU-3: refused before hashing");
    for (email, password) in
        [("a@example.com", "dim cat on moss"), ("b@example.com", &"dim cat on a wet mossy stone, ".repeat(9)[..256])]
    {
        assert_eq!(world.send(sign_up(email, password)).await.status, 202, "{password}");
        assert!(world.account(email).await.is_some());
    }
}

#[tokio::test]
async fn rf_31_without_the_key_service_no_account_is_made_and_nothing_is_told() {
    let world = World::new();
    world.sign_up("known@example.com").await;
    world.fail("GenerateMac", 0);
    let new = world.sign_up(EMAIL).await;
    new.refused(503, "unavailable");
    assert_eq!(world.sign_up("known@example.com").await, new);
    world.recover();
    assert!(world.account(EMAIL).await.is_none());
    assert_eq!(world.sign_up(EMAIL).await.status, 202);
    assert!(world.account(EMAIL).await.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rl_5_a_source_has_its_share_of_hashes() {
    let world = World::new();
    let minute = world.now().seconds() / 60;
    let full = aws_sdk_dynamodb::types::AttributeValue::N("299".to_owned());
    world.set("BUDGET#SOURCE#192.0.2.1", &minute.to_string(), "counted", full).await;
    world.trace();
    let answers = world
        .at_once(
            (0..20).map(|i| sign_up(&format!("a{i}@example.com"), PASSWORD).header("x-forwarded-for", "198.51.100.9")),
        )
        .await;
    assert_eq!(answers.iter().filter(|answered| answered.status == 202).count(), 1);
    assert_eq!(world.trace()["GenerateMac"], 1);
    for over in answers.iter().filter(|answered| answered.status != 202) {
        over.refused(429, "too_many_requests");
    }
    // The estimate of a password is no cheaper: nobody has it for nothing.
    world.send(sign_up(EMAIL, "passwordpassword")).await.refused(429, "too_many_requests");
    assert_eq!(world.send(sign_up(EMAIL, PASSWORD).from("[2001:db8::1]:5")).await.status, 202);
    world.advance(60);
    assert_eq!(world.sign_up("later@example.com").await.status, 202);
}

#[tokio::test]
async fn pw_4_a_weaker_hash_does_not_start() {
    for cost in ["19455/2/1", "19456/1/1", "8/1/1", "weak", "999999/3/1"] {
        assert!(World::with_cost(cost).is_err(), "{cost}");
    }
}
