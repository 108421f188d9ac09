//! The account's security events, for the owner (LG-6: never a code, token or password).
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | identity | `EVENTS#<user>` | `<ulid>` | `event` S; `at` N (wall ms); `source` S (address, when known); `factor` S |

use account::{UserId, WallTime};
use ulid::Ulid;

use crate::attribute::{Row, n, s};
use crate::write::Write;
use crate::{Key, Table};

/// The write of one event; part of the transaction that makes it true.
pub fn put(
    user: UserId,
    id: Ulid,
    event: &str,
    factor: Option<&str>,
    source: Option<std::net::IpAddr>,
    now: WallTime,
) -> Write {
    let key = Key::new(format!("EVENTS#{user}"), id.to_string());
    let row = Row::keyed(&key)
        .with("event", s(event))
        .with("at", n(now.ms()))
        .with_some("source", source.map(s))
        .with_some("factor", factor.map(s));
    Write::put(Table::Identity, key, row)
}
