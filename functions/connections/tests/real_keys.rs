//! What the key of a real exchange demands of its account, in the transaction that makes it LIVE. No real exchange is
//! offered yet, so the store is asked itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::allow_attributes, reason = "a test file")]

#[path = "../../../crates/vault/tests/world/mod.rs"]
mod world;

use std::sync::Arc;

use account::ConnectionId;
use account::email::EmailAddress;
use account::id::JobId;
use account::trading_state::HeldReason;
use emulators::{Act, Gate, When};
use store::Store;
use store::entity::connection::NewConnection;
use store::entity::job::{Mail, Notice};
use store::entity::user::{TradingState, User};
use store::transaction::attach_connection::{AttachRefused, Attaching};
use world::{Owner, World};

/// The last step of an attach: everything before it was done.
async fn makes_live(world: &World, owner: &Owner, exchange: &str) -> Result<(), AttachRefused> {
    let store = Store::of(&world.host("connections"));
    let id = ConnectionId::new(world.ulid());
    let secret_name = format!("ex/{}/{id}/{}", owner.user, world.ulid());
    assert!(store.open_ledger(&secret_name, owner.user, id, world.now()).await.unwrap());
    let connection = NewConnection {
        id,
        exchange: exchange.into(),
        label: "main".into(),
        secret_arn: "arn:aws:secretsmanager:us-east-1:000000000000:secret:test".into(),
        wrapped_dk: "AA==".into(),
        fingerprint: format!("fingerprint of {id}"),
        allowed_pairs: vec!["ETH-USDT".parse().unwrap()],
        order_quote_max: "1000".parse().unwrap(),
    };
    let to = EmailAddress::parse("owner@example.com").unwrap().to_string();
    let notice = Notice::KeyAttached { at: world.now().to_string(), exchange: exchange.into(), label: "main".into() };
    let attaching = Attaching {
        proof: &world.proof(owner).await,
        connection: &connection,
        secret_name: &secret_name,
        mail_job: JobId::new(world.ulid()),
        mail: &Mail { to, notice },
    };
    store.attach_connection(attaching, world.now()).await
}

async fn keys(world: &World, owner: &Owner) -> usize {
    world.store.list_connections(owner.user).await.unwrap().len()
}

/// What keeps a real key out, and what the refusal says.
type Obstacle = (&'static str, fn(&mut User, account::WallTime));
const OBSTACLES: [Obstacle; 4] = [
    ("SecondFactorRequired", |user, _| user.has_factor = false),
    ("CoolingOff", |user, now| user.trading_state = TradingState::Cooling { until: now.plus_seconds(60) }),
    ("Held", |user, now| {
        user.trading_state = TradingState::Held { reason: HeldReason::ResetDisowned, since: now };
    }),
    ("EmailNotVerified", |user, _| user.email_verified = false),
];

#[tokio::test]
async fn lg_5_pr_14_a_real_key_needs_a_second_factor_and_an_account_that_is_not_cooling_off() {
    for (refusal, obstacle) in OBSTACLES {
        let world = World::new();
        let now = world.now();
        let owner = world
            .owner_with(|user| {
                user.has_factor = true;
                obstacle(user, now);
            })
            .await;
        let refused = makes_live(&world, &owner, "binance").await.unwrap_err();
        assert!(format!("{refused:?}").starts_with(refusal), "{refusal}: {refused:?}");
        assert_eq!(keys(&world, &owner).await, 0, "{refusal}");
    }
    let world = World::new();
    let owner = world.owner_with(|user| user.has_factor = true).await;
    makes_live(&world, &owner, "binance").await.unwrap();
    assert_eq!(keys(&world, &owner).await, 1);
}

#[tokio::test]
async fn lg_5_pr_14_what_keeps_a_real_key_out_counts_up_to_the_commit() {
    for (refusal, obstacle) in OBSTACLES {
        let world = World::new();
        let owner = world.owner_with(|user| user.has_factor = true).await;
        let gate = Arc::new(Gate::default());
        world.script.once(When::calls("connections", "TransactWriteItems"), Act::PauseBefore(gate.clone()));
        let (answer, ()) = tokio::join!(makes_live(&world, &owner, "binance"), async {
            gate.reached().await;
            let now = world.now();
            world.change(&owner, |user| obstacle(user, now)).await;
            gate.open();
        });
        let refused = answer.unwrap_err();
        assert!(format!("{refused:?}").starts_with(refusal), "{refusal}: {refused:?}");
        assert_eq!(keys(&world, &owner).await, 0, "{refusal}");
    }
}

#[tokio::test]
async fn pr_14_cooling_off_ends_at_its_moment_and_keeps_no_paper_key_out() {
    let world = World::new();
    let until = world.now().plus_seconds(60);
    let cooling = |user: &mut User| {
        user.has_factor = true;
        user.trading_state = TradingState::Cooling { until };
    };
    let owner = world.owner_with(cooling).await;
    makes_live(&world, &owner, "paper").await.unwrap();
    world.clock.advance_s(59);
    assert!(
        matches!(makes_live(&world, &owner, "binance").await, Err(AttachRefused::CoolingOff { until: at }) if at == until)
    );
    world.clock.advance_s(1);
    makes_live(&world, &owner, "binance").await.unwrap();
    assert_eq!(keys(&world, &owner).await, 2);
}
