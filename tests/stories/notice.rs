//! What a reset tells its owner about orders of which nobody knows yet whether the exchange has them (RF-2, RF-33).

use account::WallTime;
use exchange::Endpoint;
use serde_json::{Value, json};
use tests::world::{Lost, Owner, World, dca, newest_token};

const NEW_PASSWORD: &str = "eleven copper kettles whistling";
/// G2: receive window and clock tolerance, in seconds.
const W_S: i64 = 4;

/// An owner with a key and a bot that is not started yet, and the form of a reset whose link was mailed.
async fn about_to_trade(world: &World) -> (Owner, Value) {
    let mut owner = world.owner("owner@example.org").await;
    world.quiet_minutes(1).await;
    owner.attaches_a_key().await;
    owner.post("/v1/password-reset", &json!({ "email": owner.email })).await.ok();
    world.drain().await;
    let form = json!({ "token": newest_token(world, &owner.email, "reset?token="), "password": NEW_PASSWORD });
    (owner, form)
}
async fn starts(owner: &mut Owner) {
    let form = dca(&owner.connection);
    owner.starts_a_bot(&form).await;
}
async fn completes(owner: &Owner, form: &Value) -> Value {
    owner.post("/v1/password-reset/complete", form).await.ok()
}

/// Client ids under this name of the answer.
fn ids(done: &Value, name: &str) -> Vec<String> {
    done[name]
        .as_array()
        .unwrap_or_else(|| panic!("{name} in {done}"))
        .iter()
        .map(|o| o["client_order_id"].as_str().expect("an id").to_owned())
        .collect()
}
/// The one notice of the reset.
fn notice(world: &World, owner: &Owner) -> String {
    let mails = world.machine.emulators().mailbox().expect("the mailbox");
    let texts: Vec<_> = mails
        .iter()
        .filter(|m| m.to.contains(&owner.email))
        .filter_map(|m| m.text.clone())
        .filter(|text| text.contains("was reset at"))
        .collect();
    assert_eq!(texts.len(), 1, "one notice: {texts:?}");
    texts[0].clone()
}
async fn accepted(world: &World) -> Vec<String> {
    world.accepted_since(WallTime::from_ms(0)).await.into_iter().map(|order| order.client_order_id).collect()
}
/// Whether the notice names the order among those that may still arrive.
fn tells_of(notice: &str, id: &str, t0: WallTime) {
    let (_, in_flight) = notice
        .split_once(&format!("may still arrive until {};", t0.plus_seconds(W_S)))
        .unwrap_or_else(|| panic!("{notice}"));
    assert!(in_flight.contains(&format!("({id})")), "{id} in {notice}");
    assert!(notice.contains("No order of yours was open."), "{notice}");
}

#[tokio::test]
async fn rf_2_an_order_that_waits_to_be_sent_is_named_with_the_moment_until_which_it_may_arrive() {
    let world = World::seeded(71);
    let (mut owner, form) = about_to_trade(&world).await;
    let gate = world.exchange.pause_before(Endpoint::PlaceOrder);
    starts(&mut owner).await;
    let meanwhile = async {
        gate.reached().await;
        // The index that names it lists no more bots and deals than there are.
        let (bots, deals) =
            (owner.get("/v1/bots").await.ok(), owner.get(&format!("/v1/bots/{}/deals", owner.bot)).await.ok());
        assert_eq!(
            (bots["items"].as_array().map(Vec::len), deals["items"].as_array().map(Vec::len)),
            (Some(1), Some(1)),
            "{bots} {deals}"
        );
        let done = completes(&owner, &form).await;
        let t0 = host::Clock::now(&*world.clock);
        world.clock.advance_ms(1_000);
        gate.open();
        (done, t0)
    };
    let ((), (done, t0)) = tokio::join!(world.drain(), meanwhile);
    world.drain().await;
    let arrived = accepted(&world).await;
    assert_eq!(
        (arrived.len(), ids(&done, "orders_in_flight"), ids(&done, "orders_left_open").len()),
        (1, arrived.clone(), 0),
        "{done}"
    );
    let order = &done["orders_in_flight"][0];
    for field in ["pair", "side", "quantity"] {
        assert!(order[field].as_str().is_some_and(|text| !text.is_empty()), "{field} of {order}");
    }
    tells_of(&notice(&world, &owner), &arrived[0], t0);
    world.holds_no_order_accepted_after(t0.plus_seconds(W_S)).await;
    world.no_call_was_refused();
}

#[tokio::test]
async fn rf_33_an_order_whose_answer_was_lost_is_named_as_one_that_may_have_arrived() {
    let world = World::seeded(72);
    let (mut owner, form) = about_to_trade(&world).await;
    for endpoint in [Endpoint::PlaceOrder, Endpoint::QueryOrder] {
        world.exchange.once(endpoint, Lost::Answer);
    }
    starts(&mut owner).await;
    world.drain().await;
    let arrived = accepted(&world).await;
    let t0 = host::Clock::now(&*world.clock);
    let done = completes(&owner, &form).await;
    world.drain().await;
    assert_eq!(
        (arrived.len(), ids(&done, "orders_in_flight"), ids(&done, "orders_left_open").len()),
        (1, arrived.clone(), 0),
        "{done}"
    );
    tells_of(&notice(&world, &owner), &arrived[0], t0);
    assert_eq!(accepted(&world).await, arrived, "never sent again");
    world.no_call_was_refused();
}

#[tokio::test]
async fn an_order_that_was_answered_is_open_and_not_in_flight() {
    let world = World::seeded(73);
    let (mut owner, form) = about_to_trade(&world).await;
    starts(&mut owner).await;
    world.drain().await;
    world.quiet_minutes(2).await;
    let done = completes(&owner, &form).await;
    world.drain().await;
    assert!(!ids(&done, "orders_left_open").is_empty(), "{done}");
    assert!(ids(&done, "orders_in_flight").is_empty(), "{done}");
    assert!(notice(&world, &owner).contains("No order of yours was on its way without an answer."));
}
