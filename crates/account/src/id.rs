//! The names of users, connections, sessions and jobs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind: expected `{prefix}` and 26 characters of Crockford base32")]
pub struct NotAnId {
    /// The prefix that ids of this kind carry.
    pub prefix: &'static str,
}

macro_rules! prefixed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Ulid);

        impl $name {
            /// The prefix that tells this kind of id from the others.
            pub const PREFIX: &'static str = $prefix;
            /// Names a new thing; the caller brings the ULID.
            pub const fn new(ulid: Ulid) -> Self { Self(ulid) }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{}{}", $prefix, self.0) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Display::fmt(self, f) }
        }
        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let not = NotAnId { prefix: $prefix };
                let rest = text.strip_prefix($prefix).ok_or_else(|| not.clone())?;
                let ulid = Ulid::from_string(rest).map_err(|_| not.clone())?;
                // One spelling per id, since ids are also keys.
                if ulid.to_string() == rest { Ok(Self(ulid)) } else { Err(not) }
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.collect_str(self) }
        }
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> { stringify!($name).into() }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema { crate::schema::id($prefix) }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

prefixed_id!(
    /// Names a user.
    UserId, "usr_");
prefixed_id!(
    /// Names a connection to an exchange account.
    ConnectionId, "con_");
prefixed_id!(
    /// Names a session in lists; says nothing about its token.
    SessionId, "ses_");
prefixed_id!(
    /// Names an API token in lists; says nothing about its text.
    ApiTokenId, "tok_");
prefixed_id!(
    /// Names a passkey in lists.
    PasskeyId, "psk_");
prefixed_id!(
    /// Names a job in the outbox.
    JobId, "job_");

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "usr_01ARZ3NDEKTSV4RRFFQ69G5FAV";

    #[test]
    fn an_id_is_its_prefix_and_a_ulid() {
        let id: UserId = TEXT.parse().unwrap();
        assert_eq!((id.to_string(), format!("{id:?}")), (TEXT.to_owned(), TEXT.to_owned()));
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{TEXT}\""));
        assert_eq!(serde_json::from_str::<UserId>(&format!("\"{TEXT}\"")).unwrap(), id);
    }

    #[test]
    fn an_id_has_one_spelling_and_one_kind() {
        for text in [
            "",
            "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "con_01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "usr_01arz3ndektsv4rrffq69g5fav",
            "usr_O1ARZ3NDEKTSV4RRFFQ69G5FAV",
            "usr_01ARZ3NDEKTSV4RRFFQ69G5FA",
            "usr_01ARZ3NDEKTSV4RRFFQ69G5FAVX",
            "usr_81ARZ3NDEKTSV4RRFFQ69G5FAV",
            " usr_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        ] {
            assert_eq!(text.parse::<UserId>(), Err(NotAnId { prefix: "usr_" }), "{text}");
        }
        let other = TEXT.replace("usr_", "con_");
        assert!(other.parse::<ConnectionId>().is_ok());
        assert!(serde_json::from_str::<UserId>(&format!("\"{other}\"")).is_err());
    }
}
