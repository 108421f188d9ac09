//! The signer's transactions as they go to the table, word for word: a changed condition is a changed snapshot.
#![allow(clippy::allow_attributes, clippy::unwrap_used, reason = "a test file")]

mod world;

use std::sync::{Arc, Mutex};

use emulators::{Fault, Faults, Point};
use serde_json::Value;
use strategy::order::Role;
use world::{World, order_of};

/// Keeps the bodies of the signer's transactions.
#[derive(Default)]
struct Recorder(Mutex<Vec<Value>>);
#[async_trait::async_trait]
impl Faults for Recorder {
    async fn before(&self, point: &Point) -> Fault {
        if point.caller == "signer" && point.operation == "TransactWriteItems" {
            let mut body: Value = serde_json::from_slice(&point.body).unwrap();
            body.as_object_mut().unwrap().remove("ClientRequestToken");
            self.0.lock().unwrap().push(body);
        }
        Fault::None
    }
}

async fn transactions(run: impl AsyncFnOnce(&World)) -> Vec<Value> {
    let world = World::new().await;
    let recorder = Arc::new(Recorder::default());
    world.emulators.set_faults(Some(recorder.clone()));
    run(&world).await;
    std::mem::take(&mut *recorder.0.lock().unwrap())
}

#[tokio::test]
async fn the_transactions_of_an_entry() {
    let bodies = transactions(async |world| {
        world.place(&order_of(Role::Base, 0)).await;
    })
    .await;
    insta::assert_json_snapshot!("entry", bodies);
}

#[tokio::test]
async fn the_transactions_of_an_exit_a_cancel_and_a_question() {
    let bodies = transactions(async |world| {
        let order = order_of(Role::TakeProfit, 0);
        world.place(&order).await;
        world.exchange.with(|b| b.orders[0].status = "EXPIRED");
        world.query(&order).await;
    })
    .await;
    insta::assert_json_snapshot!("exit_and_question", bodies);
    let bodies = transactions(async |world| {
        let order = order_of(Role::TakeProfit, 0);
        world.place(&order).await;
        let cancel = world.propose_cancel(&order).await;
        world.handle(cancel).await;
    })
    .await;
    insta::assert_json_snapshot!("cancel", bodies[2..]);
}
