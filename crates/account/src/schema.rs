//! What ids, secrets and passwords look like in the HTTP contract: their JSON schemas.
//!
//! Never describes a value, only its form.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::Secret;
use crate::password::Password;

/// The form of an id: its prefix and a ULID in its one spelling, whose first character is at most 7.
pub(crate) fn id(prefix: &str) -> Schema {
    json_schema!({ "type": "string", "pattern": format!("^{prefix}[0-7][0-9A-HJKMNP-TV-Z]{{25}}$") })
}

/// A secret is sent like what it wraps.
impl<T: JsonSchema + zeroize::Zeroize> JsonSchema for Secret<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Secret{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Any text: what is too long, too short or too common is said by a problem of its own (SU-2, SU-3).
impl JsonSchema for Password {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Password".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "password" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UserId;

    #[test]
    fn an_id_is_described_with_its_prefix_and_a_secret_like_its_content() {
        let mut generator = SchemaGenerator::default();
        assert_eq!(
            UserId::json_schema(&mut generator).get("pattern").and_then(|p| p.as_str()),
            Some("^usr_[0-7][0-9A-HJKMNP-TV-Z]{25}$")
        );
        assert_eq!(Secret::<String>::json_schema(&mut generator), String::json_schema(&mut generator));
    }
}
