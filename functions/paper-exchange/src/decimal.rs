//! Decimals as Binance writes them: strings with eight decimals.

use rust_decimal::Decimal;

/// Eight decimals, more only where the value has more.
pub fn text(value: Decimal) -> String {
    let mut value = value.normalize();
    if value.scale() < 8 {
        value.rescale(8);
    }
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn eight_decimals_are_written() {
        let check = |value: &str, expected: &str| assert_eq!(text(value.parse().unwrap()), expected);
        check("0", "0.00000000");
        check("50000", "50000.00000000");
        check("0.1000", "0.10000000");
        check("0.123456789", "0.123456789");
    }
}
