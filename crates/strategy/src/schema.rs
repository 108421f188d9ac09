//! What money, ids and pairs look like in the HTTP contract: their JSON schemas. Never describes a value, only its form.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::config::form::{Later, Text, Whole};
use crate::id::{BotId, ClientOrderId, DealId};
use crate::market::Pair;
use crate::money::{Amount, Factor, Percent, Price, Quantity};

/// A decimal number as text; a number in JSON would be rounded on its way through somebody's floats.
const DECIMAL: &str = "^-?[0-9]+(\\.[0-9]+)?$";

macro_rules! text_schema {
    ($($name:ident { $($key:literal : $value:expr),* })*) => {$(
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> { stringify!($name).into() }
            fn json_schema(_: &mut SchemaGenerator) -> Schema { json_schema!({ "type": "string", $($key: $value),* }) }
        }
    )*};
}

text_schema! {
    Price { "format": "decimal", "pattern": DECIMAL, "description": "Quote units per base unit; more than zero." }
    Quantity { "format": "decimal", "pattern": DECIMAL, "description": "Base units; zero or more." }
    Amount { "format": "decimal", "pattern": DECIMAL, "description": "Quote units; negative for a loss." }
    Percent { "format": "decimal", "pattern": DECIMAL, "description": "Hundredths." }
    Factor { "format": "decimal", "pattern": DECIMAL, "description": "A scale such as 1.7." }
    Pair { "pattern": "^[A-Z0-9]{2,12}-[A-Z0-9]{2,12}$", "description": "What is traded against what: BASE-QUOTE." }
    BotId { "pattern": ulid("bot_") }
    DealId { "pattern": ulid("deal_") }
    ClientOrderId { "pattern": "^[0-9a-f]{32}$", "description": "The name of an order at the exchange." }
}

/// A ULID in its one spelling, whose first character is at most 7, behind its prefix.
fn ulid(prefix: &str) -> String {
    format!("^{prefix}[0-7][0-9A-HJKMNP-TV-Z]{{25}}$")
}

macro_rules! field_schema {
    ($($name:ident $schema:tt)*) => {$(
        impl JsonSchema for $name {
            fn inline_schema() -> bool { true }
            fn schema_name() -> Cow<'static, str> { stringify!($name).into() }
            fn json_schema(_: &mut SchemaGenerator) -> Schema { json_schema!($schema) }
        }
    )*};
}

// What is `Other` is refused with a pointer and so no part of the contract.
field_schema! {
    Text { "type": "string" }
    Whole { "type": "integer", "minimum": 0 }
    Later { "enum": [null, false, []] }
}
