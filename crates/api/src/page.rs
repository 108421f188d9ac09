//! Pages of lists: `?limit=&cursor=`, answered `{items, next_cursor}`.
//!
//! A cursor names the last item that was shown, so a page stays what it is while items are added or removed. It opens
//! nothing: a handler looks in its caller's own partition whatever the cursor says. It is bound to its owner, its list and
//! a day, so that one that went astray is refused and not read as something else. Never holds what a client may not see.

use std::fmt::Display;
use std::str::FromStr;

use account::WallTime;
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};

use crate::problem::{Fault, Problem};
use crate::request::Request;

/// How long a cursor can be used, in seconds: 24 h.
const LIFE_S: i64 = 24 * 3600;
/// Items of a page unless the caller says otherwise, and at most.
const LIMIT: usize = 50;
const LIMIT_MAX: usize = 100;
/// The first byte of every cursor; a second form would get another.
const FORM: u8 = 1;
const DIGEST_BYTES: usize = 16;
/// The longest position, in bytes: an id, or a section with the keys of its last item.
const POSITION_BYTES_MAX: usize = 512;

/// Which way a list goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Its names rise.
    Rising,
    /// Its names fall: the newest first.
    Falling,
}

/// Which page of a list is asked for.
#[derive(Debug)]
pub struct Page {
    limit: usize,
    after: Option<String>,
    bound_to: String,
    expires_s: i64,
}

impl Request {
    /// The page that the query asks for: `limit` from 1 to 100, `cursor` from an earlier answer of the same list to the
    /// same account. Other lists' cursors, others', and those of more than a day ago are refused alike.
    pub fn page(&self, now: WallTime) -> Result<Page, Problem> {
        let limit = match self.query("limit") {
            None => LIMIT,
            Some(text) => whole(text).filter(|limit| (1..=LIMIT_MAX).contains(limit)).ok_or_else(|| {
                let detail = format!("limit is a whole number from 1 to {LIMIT_MAX}.");
                let fault = Fault { pointer: String::new(), code: "out_of_range".into(), detail };
                Problem::invalid_fields().with_faults(vec![fault])
            })?,
        };
        let bound_to = format!("{}|{}", self.session()?.user_id(), self.path());
        let after = self.query("cursor").map(|cursor| read(cursor, &bound_to, now)).transpose()?;
        Ok(Page { limit, after, bound_to, expires_s: now.seconds().saturating_add(LIFE_S) })
    }
}

impl Page {
    /// How many items it has at most.
    pub const fn limit(&self) -> usize {
        self.limit
    }
    /// The last item of the page before; `None` on the first page.
    pub fn after<K: FromStr>(&self) -> Result<Option<K>, Problem> {
        self.after.as_deref().map(|name| name.parse().map_err(|_| Problem::cursor_refused())).transpose()
    }
    /// The cursor of the page after the one that ends with this item.
    pub fn cursor(&self, last: impl Display) -> String {
        write(&last.to_string(), &self.bound_to, self.expires_s)
    }
    /// Cuts the page out of a list that is sorted by these names, with the cursor of the next one.
    pub fn cut<T, K: FromStr + Ord + Display>(
        &self,
        items: Vec<T>,
        name: impl Fn(&T) -> K,
        order: Order,
    ) -> Result<(Vec<T>, Option<String>), Problem> {
        let after: Option<K> = self.after()?;
        let is_behind = |item: &T| {
            after.as_ref().is_none_or(|after| match order {
                Order::Rising => name(item) > *after,
                Order::Falling => name(item) < *after,
            })
        };
        let mut left = items.into_iter().filter(is_behind);
        let page: Vec<T> = left.by_ref().take(self.limit).collect();
        let next = left.next().and_then(|_| page.last()).map(|last| self.cursor(name(last)));
        Ok((page, next))
    }
}

/// Digits alone: one spelling for one number.
fn whole(text: &str) -> Option<usize> {
    if text.is_empty() || text.len() > 9 || !text.bytes().all(|b| b.is_ascii_digit()) || text.starts_with('0') {
        return None;
    }
    text.parse().ok()
}

/// `form | expires, seconds | digest | position`.
fn write(position: &str, bound_to: &str, expires_s: i64) -> String {
    let mut bytes = vec![FORM];
    bytes.extend(expires_s.to_be_bytes());
    bytes.extend(digest(position, bound_to, expires_s));
    bytes.extend(position.as_bytes());
    BASE64URL_NOPAD.encode(&bytes)
}

fn read(cursor: &str, bound_to: &str, now: WallTime) -> Result<String, Problem> {
    let parsed = || {
        let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).ok()?;
        let (form, rest) = bytes.split_first()?;
        let (expires, rest) = rest.split_first_chunk::<8>()?;
        let (found, position) = rest.split_first_chunk::<DIGEST_BYTES>()?;
        let (expires_s, position) = (i64::from_be_bytes(*expires), std::str::from_utf8(position).ok()?);
        let fits = *form == FORM
            && position.len() <= POSITION_BYTES_MAX
            && now.seconds() < expires_s
            && *found == digest(position, bound_to, expires_s);
        fits.then(|| position.to_owned())
    };
    parsed().ok_or_else(Problem::cursor_refused)
}

fn digest(position: &str, bound_to: &str, expires_s: i64) -> [u8; DIGEST_BYTES] {
    let hash: [u8; 32] =
        Sha256::digest(format!("shearpin cursor|{}|{bound_to}|{expires_s}|{position}", bound_to.len())).into();
    let mut digest = [0; DIGEST_BYTES];
    digest.copy_from_slice(&hash[..DIGEST_BYTES]);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallTime = WallTime::from_ms(1_764_000_000_000);

    fn page(limit: usize, after: Option<&str>) -> Page {
        let after = after.map(str::to_owned);
        Page { limit, after, bound_to: "usr_1|/v1/bots".into(), expires_s: NOW.seconds() + LIFE_S }
    }

    #[test]
    fn ss_8_a_cursor_is_read_by_its_owner_for_its_list_and_for_a_day() {
        let cursor = write("7", "usr_1|/v1/bots", NOW.seconds() + LIFE_S);
        let at = |s: i64| NOW.plus_seconds(s);
        check(&cursor, "usr_1|/v1/bots", at(0), true);
        check(&cursor, "usr_1|/v1/bots", at(LIFE_S - 1), true);
        check(&cursor, "usr_1|/v1/bots", at(LIFE_S), false);
        check(&cursor, "usr_2|/v1/bots", at(0), false);
        check(&cursor, "usr_1|/v1/activity", at(0), false);
        check(&cursor[1..], "usr_1|/v1/bots", at(0), false);
        check(&format!("{cursor}AA"), "usr_1|/v1/bots", at(0), false);
        check("", "usr_1|/v1/bots", at(0), false);
        check("bot_01ARZ3NDEKTSV4RRFFQ69G5FAV", "usr_1|/v1/bots", at(0), false);
        check(&"A".repeat(5_000), "usr_1|/v1/bots", at(0), false);
        check(&write(&"7".repeat(513), "usr_1|/v1/bots", NOW.seconds() + LIFE_S), "usr_1|/v1/bots", at(0), false);
        // Every changed bit.
        let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            check(&BASE64URL_NOPAD.encode(&changed), "usr_1|/v1/bots", at(0), false);
        }
    }

    fn check(cursor: &str, bound_to: &str, now: WallTime, good: bool) {
        let read = read(cursor, bound_to, now);
        assert_eq!(read.is_ok(), good, "{cursor} {bound_to}");
        if let Err(problem) = read {
            assert_eq!(problem.code(), "cursor_refused");
        }
    }

    #[test]
    fn pages_follow_each_other_while_items_come_and_go() {
        let cut = |page: &Page, items: &[u32], order| page.cut(items.to_vec(), |n| *n, order).unwrap();
        let (first, next) = cut(&page(2, None), &[1, 3, 5, 7], Order::Rising);
        assert_eq!((first, next.is_some()), (vec![1, 3], true));
        // One before was added, the last one was removed.
        assert_eq!(cut(&page(2, Some("3")), &[1, 2, 5, 7], Order::Rising).0, [5, 7]);
        assert_eq!(cut(&page(2, Some("3")), &[5, 7], Order::Rising), (vec![5, 7], None));
        assert_eq!(cut(&page(2, Some("7")), &[1, 3, 5, 7], Order::Rising), (vec![], None));
        assert_eq!(cut(&page(2, Some("5")), &[9, 7, 5, 3, 1], Order::Falling), (vec![3, 1], None));
        assert_eq!(cut(&page(1, Some("5")), &[9, 7, 5, 3, 1], Order::Falling).0, [3]);
        assert!(page(2, Some("x")).after::<u32>().is_err());
    }

    #[test]
    fn a_limit_is_digits() {
        for (text, expected) in
            [("1", Some(1)), ("100", Some(100)), ("0", None), ("+1", None), ("1e1", None), ("", None), ("007", None)]
        {
            assert_eq!(whole(text), expected, "{text}");
        }
    }
}
