//! The function `password-reset` in its world, and the words in which its tests speak.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::allow_attributes, reason = "not every file leaves a part unused, so expect would warn")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test file")]

use emulators::Call;
use serde_json::{Value, json};

use crate::world::{Answered, NEW_PASSWORD, World, named};

/// The row of `password-reset` in the table of roles: no secret, no vault key, no read of a connection's item.
fn allowed(call: &Call) -> bool {
    let identity = ["ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"];
    let call = named(call);
    identity.iter().any(|action| call == format!("identity dynamodb:{action}"))
        || [
            "outbox dynamodb:PutItem",
            "vault dynamodb:Query",
            "vault dynamodb:UpdateItem",
            "trading/user dynamodb:Query",
            "alias/identity kms:Decrypt",
            "alias/identity-mac kms:GenerateMac",
        ]
        .contains(&call.as_str())
}

pub fn world() -> World {
    World::of("password-reset", allowed, |host| function_password_reset::router(host).unwrap())
}

/// With a list of stolen passwords at this address (SU-4).
pub fn world_asking(list: &str) -> World {
    World::of("password-reset", allowed, |host| {
        let list = [("BREACHED_RANGE_URL", list)];
        let settings = host.environment.pairs().chain(list).map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = host::Environment::of(settings.collect::<Vec<_>>());
        function_password_reset::router(&host::Host { environment, ..host.clone() }).unwrap()
    })
}

/// The body of a completion, with what else is shown.
pub fn form(token: &str, more: Value) -> Value {
    let mut form = json!({"token": token, "password": NEW_PASSWORD});
    for (name, value) in more.as_object().unwrap() {
        form[name] = value.clone();
    }
    form
}
pub async fn complete(world: &World, token: &str, more: Value) -> Answered {
    world.post("/v1/password-reset/complete", form(token, more)).await
}
