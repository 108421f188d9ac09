//! Decimal money: prices, quantities, amounts, percentages, and the only arithmetic that makes sense between them.
//!
//! Never a float. Values enter through `parse`, which bounds them, so that sums and products of admitted values
//! stay far inside the 28 digits of a decimal; the operators saturate beyond that instead of wrapping or panicking.
//! Rounding is always a named call.

use std::fmt;
use std::ops::{Add, Mul, Sub};
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The largest price, quantity and amount admitted at the door: a million millions.
const ADMITTED_MAX: Decimal = Decimal::from_parts(0xD4A5_1000, 0xE8, 0, false, 0);
/// Decimals admitted at the door; finer input is refused, never cut.
const ADMITTED_SCALE_MAX: u32 = 18;
/// The longest text that is read at all.
const DIGITS_MAX: usize = 40;

/// Why a text is not a money value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotMoney {
    /// Not plain decimal digits with at most one point (exponents, blanks and signs where none belong are refused).
    #[error("write a plain decimal number such as \"12.5\"")]
    NotADecimal,
    /// More decimals than any exchange has.
    #[error("at most 18 decimals")]
    TooFine,
    /// Above a million millions.
    #[error("too large: at most 1000000000000")]
    TooLarge,
    /// Zero or negative where only more than zero makes sense.
    #[error("must be more than zero")]
    NotPositive,
    /// Negative where zero or more makes sense.
    #[error("must not be negative")]
    Negative,
}

fn parse_decimal(text: &str) -> Result<Decimal, NotMoney> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let shape = !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.bytes().filter(|b| *b == b'.').count() <= 1
        && !digits.starts_with('.')
        && !digits.ends_with('.');
    if !shape {
        return Err(NotMoney::NotADecimal);
    }
    let significant = digits.split_once('.').map_or(0, |(_, fraction)| fraction.trim_end_matches('0').len());
    if significant > ADMITTED_SCALE_MAX as usize {
        return Err(NotMoney::TooFine);
    }
    // What the decimal type cannot read is far beyond the bounds, and still a number: its owner is told which bound.
    if digits.len() > DIGITS_MAX {
        return Err(NotMoney::TooLarge);
    }
    let value = Decimal::from_str_exact(text).map_err(|_| NotMoney::TooLarge)?;
    if value.abs() > ADMITTED_MAX { Err(NotMoney::TooLarge) } else { Ok(value) }
}

macro_rules! decimal_type {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Decimal);

        impl $name {
            /// Reads a decimal text. Errors name what is wrong with it.
            pub fn parse(text: &str) -> Result<Self, NotMoney> { Self::admit(parse_decimal(text)?) }
            /// Admits an exact decimal that was computed elsewhere. Same bounds as [`Self::parse`].
            pub fn admit(value: Decimal) -> Result<Self, NotMoney> {
                let check: fn(Decimal) -> Result<(), NotMoney> = $check;
                check(value)?;
                if value.abs() > ADMITTED_MAX { return Err(NotMoney::TooLarge); }
                Ok(Self(value))
            }
            /// The exact value.
            pub const fn decimal(self) -> Decimal { self.0 }
        }
        impl FromStr for $name {
            type Err = NotMoney;
            fn from_str(text: &str) -> Result<Self, NotMoney> { Self::parse(text) }
        }
        impl fmt::Display for $name {
            /// Without trailing zeros, so that equal values print alike.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.normalize().fmt(f) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{}({})", stringify!($name), self.0.normalize()) }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.collect_str(self) }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = String::deserialize(d)?;
                // Computed values may be finer than the door admits (averages); they come back as they were stored.
                let value = Decimal::from_str_exact(&text).map_err(serde::de::Error::custom)?;
                Self::admit(value).map_err(serde::de::Error::custom)
            }
        }
    };
}

const fn positive(value: Decimal) -> Result<(), NotMoney> {
    if value.is_sign_negative() || value.is_zero() { Err(NotMoney::NotPositive) } else { Ok(()) }
}
const fn not_negative(value: Decimal) -> Result<(), NotMoney> {
    if value.is_sign_negative() && !value.is_zero() { Err(NotMoney::Negative) } else { Ok(()) }
}
const fn any(_: Decimal) -> Result<(), NotMoney> {
    Ok(())
}

decimal_type!(
    /// Quote units per base unit; more than zero.
    Price, positive);
decimal_type!(
    /// Base units; zero or more.
    Quantity, not_negative);
decimal_type!(
    /// Quote units; may be negative (a loss).
    Amount, any);
decimal_type!(
    /// Hundredths; may be negative.
    Percent, any);
decimal_type!(
    /// A scale such as 1.7; more than zero.
    Factor, positive);
decimal_type!(
    /// The step of prices; more than zero.
    Tick, positive);
decimal_type!(
    /// The step of quantities; more than zero.
    Lot, positive);

impl Mul<Quantity> for Price {
    type Output = Amount;
    /// Value in quote = price x quantity, exact to 28 digits.
    fn mul(self, quantity: Quantity) -> Amount {
        Amount(self.0.saturating_mul(quantity.0))
    }
}
impl Add for Amount {
    type Output = Amount;
    fn add(self, other: Amount) -> Amount {
        Amount(self.0.saturating_add(other.0))
    }
}
impl Sub for Amount {
    type Output = Amount;
    fn sub(self, other: Amount) -> Amount {
        Amount(self.0.saturating_sub(other.0))
    }
}
impl Add for Quantity {
    type Output = Quantity;
    fn add(self, other: Quantity) -> Quantity {
        Quantity(self.0.saturating_add(other.0))
    }
}

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount(Decimal::ZERO);
    /// Amount / quantity: an average price. `None` for nothing held or nothing paid.
    pub fn per(self, quantity: Quantity) -> Option<Price> {
        let value = self.0.checked_div(quantity.0)?;
        Price::admit(value).ok()
    }
    /// The share `percent` / 100 of this amount.
    pub fn share(self, percent: Percent) -> Amount {
        Amount(self.0.saturating_mul(percent.0) * Decimal::new(1, 2))
    }
}
impl Quantity {
    /// Nothing.
    pub const ZERO: Quantity = Quantity(Decimal::ZERO);
    /// What is left, at least zero.
    pub fn less(self, other: Quantity) -> Quantity {
        Quantity(self.0.saturating_sub(other.0).max(Decimal::ZERO))
    }
    /// Whether there is none.
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }
    /// Down to a multiple of the lot: for sells, which never exceed what is held.
    pub fn floor_to_lot(self, lot: Lot) -> Quantity {
        Quantity(to_step(self.0, lot.0, RoundingStrategy::ToNegativeInfinity))
    }
    /// Up to a multiple of the lot: the default for ladder quantities.
    pub fn ceil_to_lot(self, lot: Lot) -> Quantity {
        Quantity(to_step(self.0, lot.0, RoundingStrategy::ToPositiveInfinity))
    }
    /// Whether it is a multiple of the lot.
    pub fn is_multiple_of(self, lot: Lot) -> bool {
        self.floor_to_lot(lot) == self
    }
}
impl Price {
    /// Down to a multiple of the tick: where less is better for the owner, such as a buy. `None` below one tick.
    pub fn floor_to_tick(self, tick: Tick) -> Option<Price> {
        Price::admit(to_step(self.0, tick.0, RoundingStrategy::ToNegativeInfinity)).ok()
    }
    /// Up to a multiple of the tick: where more is better for the owner, such as a sell.
    pub fn ceil_to_tick(self, tick: Tick) -> Price {
        Price(to_step(self.0, tick.0, RoundingStrategy::ToPositiveInfinity))
    }
    /// Whether it is a multiple of the tick.
    pub fn is_multiple_of(self, tick: Tick) -> bool {
        self.ceil_to_tick(tick) == self
    }
    /// The whole number of ticks at or below this price; what price wakes are ordered by in the store.
    pub fn ticks_floor(self, tick: Tick) -> i64 {
        ticks(self.0, tick.0, RoundingStrategy::ToNegativeInfinity)
    }
    /// The whole number of ticks at or above this price.
    pub fn ticks_ceil(self, tick: Tick) -> i64 {
        ticks(self.0, tick.0, RoundingStrategy::ToPositiveInfinity)
    }
    /// What an amount buys at this price, unrounded.
    pub fn quantity_for(self, amount: Amount) -> Quantity {
        Quantity(amount.0.checked_div(self.0).unwrap_or(Decimal::ZERO).max(Decimal::ZERO))
    }
}
impl Percent {
    /// Zero.
    pub const ZERO: Percent = Percent(Decimal::ZERO);
    /// As a fraction of one: 22 % is 0.22.
    pub fn fraction(self) -> Decimal {
        self.0 * Decimal::new(1, 2)
    }
}

fn to_step(value: Decimal, step: Decimal, how: RoundingStrategy) -> Decimal {
    match value.checked_div(step) {
        Some(steps) => steps.round_dp_with_strategy(0, how).saturating_mul(step),
        None => value,
    }
}
fn ticks(value: Decimal, tick: Decimal, how: RoundingStrategy) -> i64 {
    use rust_decimal::prelude::ToPrimitive;
    value.checked_div(tick).and_then(|t| t.round_dp_with_strategy(0, how).to_i64()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, NotMoney>) {
        let found = Quantity::parse(text).map(|quantity| quantity.to_string());
        assert_eq!(found, expected.map(str::to_owned), "{text}");
    }

    #[test]
    fn only_plain_decimals_within_bounds_come_in() {
        check("12.50", Ok("12.5"));
        check("0", Ok("0"));
        check("1000000000000", Ok("1000000000000"));
        check("1000000000000.000000000000000001", Err(NotMoney::TooLarge));
        check("0.0000000000000000001", Err(NotMoney::TooFine));
        check(&"9".repeat(41), Err(NotMoney::TooLarge));
        check("-1", Err(NotMoney::Negative));
        for text in ["", "-", ".5", "5.", "1e3", " 1", "1 ", "+1", "1,5", "NaN", "0x1", "1.2.3", "١"] {
            check(text, Err(NotMoney::NotADecimal));
        }
        assert_eq!(Price::parse("0"), Err(NotMoney::NotPositive));
        assert_eq!(Lot::parse("-1"), Err(NotMoney::NotPositive));
        assert!(Amount::parse("-1").is_ok());
    }

    #[test]
    fn computed_values_survive_the_store_with_all_their_digits() {
        let third = Amount::parse("100").unwrap().per(Quantity::parse("3").unwrap()).unwrap();
        let text = serde_json::to_string(&third).unwrap();
        assert_eq!(serde_json::from_str::<Price>(&text).unwrap(), third);
        assert!(serde_json::from_str::<Price>("1.5").is_err(), "a JSON number is no money");
    }

    #[test]
    fn less_than_nothing_is_nothing() {
        let (one, two) = (Quantity::parse("1").unwrap(), Quantity::parse("2").unwrap());
        assert_eq!(one.less(two), Quantity::ZERO);
        assert_eq!(Amount::ZERO.per(Quantity::ZERO), None);
        assert_eq!(Price::parse("0.004").unwrap().floor_to_tick(Tick::parse("0.01").unwrap()), None);
    }
}
