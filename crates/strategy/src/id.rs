//! The names of things: bots, deals and orders.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use ulid::Ulid;

use crate::order::OrderKey;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind: expected `{prefix}` and 26 characters of Crockford base32")]
pub struct NotAnId {
    /// The prefix that ids of this kind carry.
    pub prefix: &'static str,
}

/// Declares an id: a ULID that is shown, stored and parsed with its prefix.
macro_rules! prefixed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Ulid);

        impl $name {
            /// The prefix that tells this kind of id from the others.
            pub const PREFIX: &'static str = $prefix;

            /// Names a new thing; the caller brings the ULID, since this crate has neither clock nor random source.
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
                // One spelling per id: lower case and look-alike letters are refused, since ids are also keys.
                if ulid.to_string() == rest { Ok(Self(ulid)) } else { Err(not) }
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.collect_str(self) }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

prefixed_id!(
    /// Names a bot.
    BotId, "bot_");
prefixed_id!(
    /// Names a deal: one round from base order to exit.
    DealId, "deal_");

/// The id an order carries at the exchange: 128 bits in 32 hex characters, accepted by every venue.
///
/// Derived from (bot, deal, role, level, revision, attempt) and never random, so that the same decision taken twice
/// names the same order (P3).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientOrderId(String);

impl ClientOrderId {
    /// The first 128 bits of `SHA-256("shearpin order" | bot | deal | role | level | revision | attempt)`.
    pub fn derive(bot: BotId, deal: DealId, key: OrderKey) -> Self {
        let text = format!(
            "shearpin order|{bot}|{deal}|{}|{}|{}|{}",
            key.slot.role, key.slot.level, key.revision, key.attempt
        );
        let digest = Sha256::digest(text.as_bytes());
        Self(hex::encode(&digest[..16]))
    }
    /// The 32 hex characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for ClientOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for ClientOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl From<ClientOrderId> for String {
    fn from(id: ClientOrderId) -> String {
        id.0
    }
}
impl TryFrom<String> for ClientOrderId {
    type Error = NotAnId;
    fn try_from(text: String) -> Result<Self, NotAnId> {
        let hex = text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if hex { Ok(Self(text)) } else { Err(NotAnId { prefix: "32 hex characters" }) }
    }
}
