//! JSON in which every name stands once: of two, one reader takes the first and another the last (RFC 8259, 4).

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Whether no object, however deep, has a name twice; however it is escaped. What is no JSON is not: the caller has read
/// it already.
pub(crate) fn names_stand_once(body: &[u8]) -> bool {
    serde_json::from_slice::<Once>(body).is_ok()
}

struct Once;

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(Walk)
    }
}

struct Walk;

impl<'de> Visitor<'de> for Walk {
    type Value = Once;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without doubled names")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Once, A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("a name stands twice"));
            }
            map.next_value::<Once>()?;
        }
        Ok(Once)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Once, A::Error> {
        while list.next_element::<Once>()?.is_some() {}
        Ok(Once)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Once, E> {
        Ok(Once)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Once, E> {
        Ok(Once)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Once, E> {
        Ok(Once)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Once, E> {
        Ok(Once)
    }
    fn visit_str<E>(self, _: &str) -> Result<Once, E> {
        Ok(Once)
    }
    fn visit_unit<E>(self) -> Result<Once, E> {
        Ok(Once)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn su_5_a_name_stands_once_however_deep_and_however_written() {
        check(r#"{"a":1,"b":[{"a":null},{"a":true}],"c":{"a":"x","b":-1.5e3}}"#, true);
        check(r#"{"a":1,"a":1}"#, false);
        check(r#"{"c":{"a":"x","a":"x"}}"#, false);
        check(r#"{"c":[1,[{"a":"x","a":"x"}]]}"#, false);
        check(r#"{"email":1,"\u0065mail":2}"#, false);
        check(r#"{"a":1,"A":1}"#, true);
        check("{", false);
        check(&format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)), false);
    }

    fn check(body: &str, expected: bool) {
        assert_eq!(names_stand_once(body.as_bytes()), expected, "{}", &body[..body.len().min(80)]);
    }
}
