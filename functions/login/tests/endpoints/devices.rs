//! Known devices and what an owner is told of a sign-in (RL-1, RL-2, LG-7).

use crate::world::{Answered, EMAIL, PASSWORD, World, answer, call, log_in, me};

const WRONG: &str = "seven quiet lanterns drown";

async fn from(world: &World, device: &str, password: &str) -> Answered {
    world.send(log_in(EMAIL, password).device(device)).await
}

#[tokio::test]
async fn rl_1_a_known_device_gets_in_past_strangers_who_closed_the_common_bucket() {
    for failures in [1, 50, 100] {
        let world = World::new();
        let user = world.account(EMAIL).await;
        let device = world.log_in(EMAIL).await.device();
        world.exhaust(user, "LOGIN", failures).await;
        // Somebody was there a moment ago, and is there again.
        world.send(log_in(EMAIL, WRONG)).await.refused(401, "sign_in_refused");
        world.send(log_in(EMAIL, PASSWORD)).await.refused(401, "sign_in_refused");
        from(&world, &device, PASSWORD).await.session();
        // RL-2: its success clears its own bucket and gives no stranger another hundred tries.
        assert!(world.failures(user, "LOGIN").await >= i64::from(failures));
    }
}

#[tokio::test]
async fn rl_2_a_device_is_a_bucket_and_no_factor_and_no_password() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let challenge = world.challenge(user).await;
    let device = world.send(answer(&challenge, "totp", &world.code(0))).await.device();
    from(&world, &device, WRONG).await.refused(401, "sign_in_refused");
    world.advance(1);
    let answered = from(&world, &device, PASSWORD).await;
    assert!(answered.headers.get("set-cookie").is_none());
    world.send(me(&device)).await.refused(401, "no_session");
    world.send(call("GET", "/v1/me").device(&device)).await.refused(401, "no_session");
    // The second factor still is asked for.
    let challenge = answered.challenge();
    world.advance(30);
    let done = world.send(answer(&challenge, "totp", &world.code(0)).device(&device)).await;
    assert_eq!(done.device(), device, "the same mark, with a new end");
    assert!(done.headers.get_all("set-cookie").iter().any(|cookie| {
        cookie.to_str().unwrap().ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=15552000")
    }));
}

#[tokio::test]
async fn rl_2_a_devices_own_bucket_delays_and_used_up_it_is_a_strangers() {
    let world = World::new();
    let user = world.account(EMAIL).await;
    let device = world.log_in(EMAIL).await.device();
    let wrong = from(&world, &device, WRONG).await;
    // RL-6: and strangers are not slowed down by it.
    assert_eq!(from(&world, &device, PASSWORD).await, wrong);
    world.log_in(EMAIL).await.session();
    world.advance(1);
    from(&world, &device, PASSWORD).await.session();
    for _ in 0..100 {
        world.advance(86_400);
        from(&world, &device, WRONG).await.refused(401, "sign_in_refused");
        // Stays within the 180 days of the device and the 40 of its bucket.
        world.advance(-86_400 + 10);
    }
    assert_eq!(world.failures(user, "LOGIN").await, 0, "a hundred in the device's bucket");
    from(&world, &device, WRONG).await.refused(401, "sign_in_refused");
    assert_eq!(world.failures(user, "LOGIN").await, 1, "and the next in the common one");
    assert!(world.notices("login_locked").await.is_empty(), "nothing is closed by it");
}

#[tokio::test]
async fn pr_11_a_device_is_forgotten_with_every_change_of_credentials_and_generation() {
    for counter in ["cred_version", "session_gen"] {
        let world = World::new();
        let user = world.account(EMAIL).await;
        let device = world.log_in(EMAIL).await.device();
        world.raise(user, counter).await;
        world.exhaust(user, "LOGIN", 100).await;
        from(&world, &device, PASSWORD).await.refused(401, "sign_in_refused");
    }
    let world = World::new();
    let user = world.account(EMAIL).await;
    let answered = world.log_in(EMAIL).await;
    world.send(call("DELETE", "/v1/sessions").bearer(&answered.session())).await;
    world.exhaust(user, "LOGIN", 100).await;
    from(&world, &answered.device(), PASSWORD).await.refused(401, "sign_in_refused");
}

#[tokio::test]
async fn rl_2_ten_devices_are_kept_and_the_one_longest_away_goes_and_nobody_elses_counts() {
    let world = World::new();
    let user = world.account(EMAIL).await;
    world.account("other@example.com").await;
    let foreign = world.log_in("other@example.com").await.device();
    let mut devices = Vec::new();
    for _ in 0..10 {
        devices.push(world.log_in(EMAIL).await.device());
        world.advance(60);
    }
    // The first was used again; so the second is the one that goes.
    from(&world, &devices[0], PASSWORD).await.session();
    devices.push(world.log_in(EMAIL).await.device());
    world.exhaust(user, "LOGIN", 100).await;
    for (index, device) in devices.iter().enumerate() {
        let answered = from(&world, device, PASSWORD).await;
        assert_eq!(answered.status == 200, index != 1, "device {index}");
    }
    from(&world, &foreign, PASSWORD).await.refused(401, "sign_in_refused");
    // EV-1: of a mark only the hash is stored.
    assert!(devices.iter().all(|device| !format!("{device:?}").is_empty()));
    let dump = world.dump("identity").await;
    assert!(devices.iter().all(|device| !dump.contains(device)));
}

#[tokio::test]
async fn lg_1_a_mark_that_nobody_knows_costs_the_same_for_known_and_unknown_addresses() {
    let world = World::new();
    world.account(EMAIL).await;
    world.account_with_totp("careful@example.com").await;
    let mark = "A".repeat(43);
    world.trace();
    let mut seen = Vec::new();
    for email in [EMAIL, "careful@example.com", "nobody@example.com"] {
        seen.push((world.send(log_in(email, WRONG).device(&mark)).await, world.trace()));
    }
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
}

#[tokio::test]
async fn lg_7_a_new_device_is_told_and_the_first_sign_in_and_a_known_one_are_not() {
    let world = World::new();
    world.account(EMAIL).await;
    let device = world.log_in(EMAIL).await.device();
    from(&world, &device, PASSWORD).await.session();
    assert!(!world.mails().await.contains_key("signed_in_from_new_device"));
    world.log_in(EMAIL).await.session();
    let told = world.notices("signed_in_from_new_device").await;
    assert_eq!((told.len(), told[0]["source"].as_str()), (1, Some("192.0.2.1")));
    // Long after the devices were forgotten it still is not the first.
    world.advance(200 * 86_400);
    from(&world, &device, PASSWORD).await.session();
    assert_eq!(world.notices("signed_in_from_new_device").await.len(), 2);
}

#[tokio::test]
async fn lg_7_a_success_after_three_failures_is_told_once_with_their_number() {
    let world = World::new();
    world.account(EMAIL).await;
    let device = world.log_in(EMAIL).await.device();
    for (failures, told) in [(2, 0), (3, 1)] {
        for _ in 0..failures {
            from(&world, &device, WRONG).await.refused(401, "sign_in_refused");
            world.advance(5);
        }
        // A plain wrong password tells nobody.
        assert_eq!(world.notices("signed_in_after_failures").await.len(), 0);
        from(&world, &device, PASSWORD).await.session();
        assert_eq!(world.notices("signed_in_after_failures").await.len(), told);
    }
    assert_eq!(world.notices("signed_in_after_failures").await[0]["failures"], 3);
    from(&world, &device, PASSWORD).await.session();
    assert_eq!(world.mails().await.values().sum::<u32>(), 1, "one mail for one sign-in");
}

/// A counter that the right password clears lets whoever has it guess the second factor for ever (wilddragon 72fc608).
#[tokio::test]
async fn tp_9_a_right_password_clears_no_counter_before_the_second_factor() {
    let world = World::new();
    let user = world.account_with_totp(EMAIL).await;
    let first = world.send(answer(&world.challenge(user).await, "totp", &world.code(0))).await;
    let device = first.device();
    for mark in [None, Some(&device)] {
        let attempt = |password: &str| match mark {
            Some(mark) => log_in(EMAIL, password).device(mark),
            None => log_in(EMAIL, password),
        };
        for _ in 0..3 {
            world.send(attempt(WRONG)).await.refused(401, "sign_in_refused");
            world.advance(5);
            let challenge = world.send(attempt(PASSWORD)).await.challenge();
            world.advance(5);
            world.send(answer(&challenge, "totp", &world.wrong_code())).await.refused(401, "challenge_refused");
        }
    }
    // Two passwords of three rounds, of which none was forgotten; and six wrong factors over six challenges.
    assert_eq!((world.failures(user, "LOGIN").await, world.failures(user, "FACTOR").await), (6, 6));
    world.advance(60);
    let challenge = world.send(log_in(EMAIL, PASSWORD).device(&device)).await.challenge();
    let done = world.send(answer(&challenge, "totp", &world.code(0)).device(&device)).await;
    done.session();
    assert_eq!(world.failures(user, "FACTOR").await, 0);
    assert_eq!(world.failures(user, "LOGIN").await, 6, "strangers' tries stay counted");
    let told = world.notices("signed_in_after_failures").await;
    assert_eq!((told.len(), &told[0]["failures"]), (1, &serde_json::json!(12)));
}
