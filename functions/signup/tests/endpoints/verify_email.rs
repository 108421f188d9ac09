//! `POST /v1/signup/verify` and `/resend`: mailed links.

use account::token::{Purpose, TokenHash, new_token};

use crate::world::{EMAIL, World, call, resend, verify};

#[tokio::test]
async fn ev_1_a_link_verifies_once() {
    let world = World::new();
    let token = world.signed_up(EMAIL).await;
    // 256 bits, of which only the hash is stored.
    assert_eq!(token.len(), 43);
    assert!(!world.dump("identity").await.contains(&token));
    assert_eq!(world.send(verify(&token)).await.status, 204);
    assert!(world.account(EMAIL).await.unwrap().email_verified);
    world.send(verify(&token)).await.refused(400, "verification_refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ev_1_fifty_uses_of_one_link_verify_once() {
    let world = World::new();
    let token = world.signed_up(EMAIL).await;
    let answers = world.at_once((0..50).map(|_| verify(&token))).await;
    assert_eq!(answers.iter().filter(|answered| answered.status == 204).count(), 1);
    for lost in answers.iter().filter(|answered| answered.status != 204) {
        lost.refused(400, "verification_refused");
    }
}

#[tokio::test]
async fn ev_1_a_link_lives_a_day_and_the_newest_supersedes() {
    for (ms, good) in [(86_399_999, true), (86_400_000, false)] {
        let world = World::new();
        let token = world.signed_up(EMAIL).await;
        world.advance_ms(ms);
        assert_eq!(world.send(verify(&token)).await.status == 204, good, "after {ms} ms");
        assert_eq!(world.account(EMAIL).await.unwrap().email_verified, good);
    }
    let world = World::new();
    let old = world.signed_up(EMAIL).await;
    world.advance(1);
    assert_eq!(world.send(resend(EMAIL)).await.status, 202);
    let new = world.mailed_token(EMAIL).await.unwrap();
    assert_ne!(old, new);
    world.send(verify(&old)).await.refused(400, "verification_refused");
    assert_eq!(world.send(verify(&new)).await.status, 204);
}

#[tokio::test]
async fn ev_2_a_link_is_bound_to_purpose_and_credential_version() {
    let world = World::new();
    let token = world.signed_up(EMAIL).await;
    let user = world.account(EMAIL).await.unwrap();
    for purpose in [
        Purpose::Session,
        Purpose::LoginChallenge,
        Purpose::StepUpProof,
        Purpose::PasswordReset,
        Purpose::NotMe,
        Purpose::RecoveryCode,
    ] {
        // Stored as if by mistake where links are: its hash is of its own purpose and is not found.
        let other = new_token(purpose, [7; 32]);
        // EXPOSE: a thief holds it.
        let text = other.text.expose(String::clone);
        world
            .set(
                &format!("VERIFY#{}", other.hash.as_str()),
                "TOKEN",
                "user",
                aws_sdk_dynamodb::types::AttributeValue::S(user.id.to_string()),
            )
            .await;
        world.send(verify(&text)).await.refused(400, "verification_refused");
        assert_ne!(other.hash, TokenHash::of(Purpose::EmailVerification, &text));
    }
    world.raise(user.id, "cred_version").await;
    world.send(verify(&token)).await.refused(400, "verification_refused");
    assert!(!world.account(EMAIL).await.unwrap().email_verified);
}

#[tokio::test]
async fn ev_3_opening_the_link_changes_nothing() {
    let world = World::new();
    let token = world.signed_up(EMAIL).await;
    for method in ["GET", "HEAD", "PUT", "DELETE"] {
        let scanned = world.send(call(method, &format!("/v1/signup/verify?token={token}"))).await;
        assert_eq!(scanned.status, 405);
    }
    assert!(!world.account(EMAIL).await.unwrap().email_verified);
    assert_eq!(world.send(verify(&token)).await.status, 204);
}

#[tokio::test]
async fn su_1_another_link_is_asked_for_with_one_answer_and_the_same_calls() {
    let world = World::new();
    let token = world.signed_up("verified@example.com").await;
    world.send(verify(&token)).await;
    world.sign_up(EMAIL).await;
    world.trace();
    let mut seen = Vec::new();
    for email in [EMAIL, "verified@example.com", "nobody@example.com"] {
        seen.push((world.send(resend(email)).await, world.trace()));
    }
    assert_eq!(seen[0].0.status, 202);
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
    assert_eq!(world.mails().await, [("verify_email".to_owned(), 3)].into(), "two sign-ups and one more link");
}

#[tokio::test]
async fn ev_1_a_flood_of_requests_mails_three_links_and_kills_none_of_them() {
    let world = World::new();
    world.sign_up(EMAIL).await;
    for _ in 0..20 {
        assert_eq!(world.send(resend(EMAIL)).await.status, 202);
        world.advance_ms(1);
    }
    assert_eq!(world.mails().await["verify_email"], 3);
    world.advance(600);
    world.send(resend(EMAIL)).await;
    assert_eq!(world.mails().await["verify_email"], 4);
    world.send(resend(EMAIL)).await;
    let token = world.mailed_token(EMAIL).await.unwrap();
    assert_eq!(world.send(verify(&token)).await.status, 204);
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let world = World::new();
    for token in ["", "canary", &"A".repeat(43), &"x".repeat(60_000)] {
        world.send(verify(token)).await.refused(400, "verification_refused");
    }
}
