//! Forms of texts that are plain strings in the code: `#[schemars(with = "shape::Time")]`.
//!
//! An id, a price or an amount that has a type of its own describes itself and needs none of these.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// A moment: RFC 3339 in UTC with milliseconds.
#[derive(Debug)]
pub struct Time;

/// A decimal number as text.
#[derive(Debug)]
pub struct Decimal;

/// An e-mail address. What is none is said by a problem of its own.
#[derive(Debug)]
pub struct Email;

/// `limit` of a list.
#[derive(Debug)]
pub struct Limit;

/// Any JSON object.
#[derive(Debug)]
pub struct AnyObject;

/// `{}`: an answer that says nothing but that the request was accepted (SU-1, PR-1); as a form, a body with no fields.
#[derive(Debug)]
pub struct Empty;

macro_rules! shapes {
    ($($name:ident $inline:literal $schema:tt)*) => {$(
        impl JsonSchema for $name {
            fn inline_schema() -> bool { $inline }
            fn schema_name() -> Cow<'static, str> { stringify!($name).into() }
            fn json_schema(_: &mut SchemaGenerator) -> Schema { json_schema!($schema) }
        }
    )*};
}

shapes! {
    Time false {
        "type": "string", "format": "date-time", "description": "RFC 3339, UTC, with milliseconds.",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$"
    }
    Decimal false {
        "type": "string", "format": "decimal", "description": "A decimal number as text.",
        "pattern": "^-?[0-9]+(\\.[0-9]+)?$"
    }
    Email true { "type": "string", "format": "email" }
    Limit true { "type": "integer", "minimum": 1, "maximum": 100, "default": 50 }
    AnyObject true { "type": "object" }
    Empty true { "type": "object", "properties": {}, "additionalProperties": false }
}
