//! The parameters of a request: from the query, from a form body, or from both. Strings stop here.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::refusal::{CLIENT_ID_RANGE, DECIMAL_RANGE, INTEGER_RANGE, Refusal, SYMBOL_RANGE, SYMBOLS_RANGE};

/// Decimals that an asset can have on the exchange.
const SCALE_MAX: usize = 8;

/// Names and decoded values.
#[derive(Debug, Clone)]
pub struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Reads query and body. A name in both: the query wins. A name twice in one of them is refused.
    pub fn parse(query: &[u8], body: &[u8]) -> Result<Self, Refusal> {
        let mut all = pairs(body)?;
        all.extend(pairs(query)?);
        Ok(Self(all))
    }
    /// Refuses parameters that the endpoint does not read.
    pub fn demand_only(&self, readable: &[&str]) -> Result<(), Refusal> {
        let read = self.0.keys().filter(|name| readable.contains(&name.as_str())).count();
        if read == self.0.len() { Ok(()) } else { Err(Refusal::unread(read, self.0.len())) }
    }
    /// A value that may be absent; an empty one is refused.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.0.get(name).map(String::as_str) {
            Some("") => Err(Refusal::empty(name)),
            other => Ok(other),
        }
    }
    /// A value that must be there.
    pub fn needed(&self, name: &str) -> Result<&str, Refusal> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty()).ok_or_else(|| Refusal::missing(name))
    }
    /// Refuses a parameter that makes no sense here.
    pub fn refuse(&self, name: &str) -> Result<(), Refusal> {
        if self.0.contains_key(name) { Err(Refusal::not_required(name)) } else { Ok(()) }
    }
    /// A plain decimal with at most eight decimals after trailing zeros. No exponents, no signs.
    pub fn decimal(&self, name: &str) -> Result<Option<Decimal>, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| (1..=20).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(Refusal::illegal(name, DECIMAL_RANGE));
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > SCALE_MAX {
            return Err(Refusal::too_precise(name));
        }
        Decimal::from_str_exact(&format!("{whole}.{fraction:0<1}")).map(Some).map_err(|_| Refusal::overflow(name))
    }
    /// A whole number.
    pub fn integer(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        if text.len() > 20 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Refusal::illegal(name, INTEGER_RANGE));
        }
        text.parse().map(Some).map_err(|_| Refusal::overflow(name))
    }
    /// A moment in Unix milliseconds.
    pub fn moment(&self, name: &str) -> Result<Option<i64>, Refusal> {
        self.integer(name)?.map(|ms| i64::try_from(ms).map_err(|_| Refusal::overflow(name))).transpose()
    }
    /// How many rows to answer.
    pub fn limit(&self, default: usize, max: usize) -> Result<usize, Refusal> {
        match self.integer("limit")?.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)) {
            None => Ok(default),
            Some(0) => Err(Refusal::bad_value("limit")),
            Some(limit) => Ok(limit.min(max)),
        }
    }
    /// A symbol name that must be there; whether it is listed is another question.
    pub fn symbol(&self) -> Result<&str, Refusal> {
        symbol_name(self.needed("symbol")?)
    }
    /// A symbol name that may be absent.
    pub fn symbol_if(&self) -> Result<Option<&str>, Refusal> {
        self.text("symbol")?.map(symbol_name).transpose()
    }
    /// A list of symbols, written as a JSON array.
    pub fn symbols(&self) -> Result<Option<Vec<String>>, Refusal> {
        let Some(text) = self.text("symbols")? else { return Ok(None) };
        let names: Vec<String> = serde_json::from_str(text).map_err(|_| Refusal::illegal("symbols", SYMBOLS_RANGE))?;
        for name in &names {
            symbol_name(name).map_err(|_| Refusal::illegal("symbols", SYMBOLS_RANGE))?;
        }
        Ok(Some(names))
    }
    /// A client order id.
    pub fn client_id(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let legal = text.len() <= 36 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if legal { Ok(Some(text)) } else { Err(Refusal::illegal(name, CLIENT_ID_RANGE)) }
    }
}

fn symbol_name(text: &str) -> Result<&str, Refusal> {
    let letter = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    let legal = (1..=20).contains(&text.len()) && text.bytes().all(letter);
    if legal { Ok(text) } else { Err(Refusal::illegal("symbol", SYMBOL_RANGE)) }
}

fn pairs(part: &[u8]) -> Result<BTreeMap<String, String>, Refusal> {
    let mut all = BTreeMap::new();
    for pair in part.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (name, value) = pair.split_at(at);
        let value = value.strip_prefix(b"=").unwrap_or(value);
        if all.insert(decode(name)?, decode(value)?).is_some() {
            return Err(Refusal::duplicate_parameter());
        }
    }
    Ok(all)
}

/// Form decoding: `+` is a blank, `%41` is `A`.
fn decode(text: &[u8]) -> Result<String, Refusal> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (digits, tail) = rest.split_at_checked(2).ok_or_else(Refusal::illegal_somewhere)?;
                bytes.extend(hex::decode(digits).map_err(|_| Refusal::illegal_somewhere())?);
                rest = tail;
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).map_err(|_| Refusal::illegal_somewhere())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str, body: &str) -> Parameters {
        Parameters::parse(query.as_bytes(), body.as_bytes()).unwrap()
    }
    fn check(text: &str, expected: Result<&str, i32>) {
        let read = of(&format!("quantity={text}"), "").decimal("quantity");
        assert_eq!(read.map(|d| d.unwrap().to_string()).map_err(|r| r.code()), expected.map(str::to_owned), "{text}");
    }

    #[test]
    fn decimals_are_plain_and_have_at_most_eight_decimals() {
        check("50000", Ok("50000.0"));
        check("50000.0", Ok("50000.0"));
        check("0.100000000000", Ok("0.1"));
        check("0.00000001", Ok("0.00000001"));
        check("0.000000001", Err(-1111));
        for illegal in ["1e-05", "-1", "+1", ".5", "5.", "1,5", "0x1", "NaN", "123456789012345678901", "1.%00"] {
            check(illegal, Err(-1100));
        }
        check("", Err(-1105));
    }

    #[test]
    fn the_query_wins_over_the_body() {
        assert_eq!(of("a=1", "a=2&b=3").needed("a"), Ok("1"));
        assert_eq!(of("a=1", "a=2&b=3").needed("b"), Ok("3"));
        assert!(Parameters::parse(b"a=1&a=2", b"").is_err());
    }

    #[test]
    fn unread_parameters_are_refused() {
        assert_eq!(of("a=1&b=2", "").demand_only(&["a"]), Err(Refusal::unread(1, 2)));
        assert_eq!(of("a=1", "b=2").demand_only(&["a", "b"]), Ok(()));
    }

    #[test]
    fn symbols_are_a_json_array() {
        assert_eq!(
            of("symbols=%5B%22BTCUSDT%22%2C%22ETHUSDT%22%5D", "").symbols(),
            Ok(Some(vec!["BTCUSDT".into(), "ETHUSDT".into()]))
        );
        assert!(of("symbols=BTCUSDT", "").symbols().is_err());
        assert!(of("symbol=btcusdt", "").symbol().is_err());
    }

    #[test]
    fn broken_encodings_are_refused() {
        for broken in ["a=%", "a=%4", "a=%zz", "a=%ff"] {
            assert!(Parameters::parse(broken.as_bytes(), b"").is_err(), "{broken}");
        }
    }
}
