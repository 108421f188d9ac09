//! What exchanges answer, in our words.

use strategy::market::{MarketTime, Pair};
use strategy::money::{Amount, Price, Quantity};
use strategy::order::Filled;

/// A complete HTTP answer.
#[derive(Clone, Copy)]
pub struct Received<'a> {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After` in seconds.
    pub retry_after_s: Option<u32>,
    /// The body, complete.
    pub body: &'a [u8],
}
impl std::fmt::Debug for Received<'_> {
    /// Bodies hold balances and are not printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Received({}, {} bytes)", self.status, self.body.len())
    }
}

/// The exchange's word on an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Accepted, nothing executed.
    New,
    /// Partly executed, still open.
    PartiallyFilled,
    /// Wholly executed. Final.
    Filled,
    /// Cancelled, perhaps partly executed. Final.
    Cancelled,
    /// Ended by the exchange, perhaps partly executed. Final.
    Expired,
    /// Not accepted. Final.
    Rejected,
}
impl Status {
    /// Whether nothing more can happen.
    pub const fn is_final(self) -> bool {
        !matches!(self, Status::New | Status::PartiallyFilled)
    }
}

/// One order as the exchange tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderAnswer {
    /// The name we gave it.
    pub client_order_id: String,
    /// The exchange's name for it.
    pub exchange_order_id: String,
    /// Where it stands.
    pub status: Status,
    /// Executed so far, base units.
    pub executed: Quantity,
    /// The fills, when the answer tells them (placements do, queries do not).
    pub fills: Option<Vec<Trade>>,
}

/// One fill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trade {
    /// Rises within a pair.
    pub trade_id: i64,
    /// The exchange's name for the order.
    pub exchange_order_id: String,
    /// Quote per base.
    pub price: Price,
    /// Base units.
    pub quantity: Quantity,
    /// The fee, in units of `fee_asset`.
    pub fee: Quantity,
    /// What the fee was taken in.
    pub fee_asset: String,
    /// When, on the market's clock.
    pub at: MarketTime,
}

/// A fee was taken in an asset whose price is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a fee was taken in {asset}, whose price is not known")]
pub struct FeeNotConvertible {
    /** The asset. */
    pub asset: String,
}

/// Sums fills. Fees in base and quote are kept apart; `price_of` gives the price in quote of a third asset, whose fees are
/// added to the fees in quote (trading.md, fees by asset).
pub fn sum_fills(
    fills: &[Trade],
    pair: &Pair,
    price_of: impl Fn(&str) -> Option<Price>,
) -> Result<Filled, FeeNotConvertible> {
    fills.iter().try_fold(Filled::ZERO, |sum, fill| {
        let (mut fee_base, mut fee_quote) = (Quantity::ZERO, Amount::ZERO);
        if fill.fee_asset == pair.base() {
            fee_base = fill.fee;
        } else if fill.fee_asset == pair.quote() {
            // One unit of quote is worth one quote.
            fee_quote = Amount::admit(fill.fee.decimal()).unwrap_or(Amount::ZERO);
        } else if !fill.fee.is_zero() {
            let price = price_of(&fill.fee_asset).ok_or_else(|| FeeNotConvertible { asset: fill.fee_asset.clone() })?;
            fee_quote = price * fill.fee;
        }
        Ok(sum.plus(Filled {
            quantity: fill.quantity,
            value: fill.price * fill.quantity,
            fee_base,
            fee_quote,
            last_at: Some(fill.at),
        }))
    })
}

/// What is held of one asset.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Balance {
    /// Such as `USDT`.
    pub asset: String,
    /// Not bound by orders.
    pub free: Quantity,
    /// Bound by open orders.
    pub locked: Quantity,
}

/// The account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Every asset the exchange names.
    pub balances: Vec<Balance>,
}
impl Account {
    /// Free and locked units of an asset together.
    pub fn total(&self, asset: &str) -> Quantity {
        self.balances.iter().filter(|b| b.asset == asset).fold(Quantity::ZERO, |sum, b| sum + b.free + b.locked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(fee: &str, asset: &str) -> Trade {
        Trade {
            trade_id: 1,
            exchange_order_id: "7".into(),
            price: Price::parse("2000").expect("price"),
            quantity: Quantity::parse("0.5").expect("quantity"),
            fee: Quantity::parse(fee).expect("fee"),
            fee_asset: asset.into(),
            at: MarketTime::from_ms(60_000),
        }
    }
    fn check(fills: &[Trade], fee_base: &str, fee_quote: &str) {
        let pair: Pair = "ETH-USDT".parse().expect("pair");
        let sum = sum_fills(fills, &pair, |asset| (asset == "BNB").then(|| Price::parse("600").expect("price")))
            .expect("convertible");
        assert_eq!((sum.fee_base.to_string(), sum.fee_quote.to_string()), (fee_base.to_owned(), fee_quote.to_owned()));
    }

    #[test]
    fn fees_are_summed_by_asset() {
        check(&[], "0", "0");
        check(&[fill("0.0005", "ETH"), fill("0.0005", "ETH")], "0.001", "0");
        check(&[fill("1", "USDT"), fill("0.001", "BNB")], "0", "1.6");
    }
    #[test]
    fn a_fee_in_an_asset_without_price_is_said_and_not_dropped() {
        let pair: Pair = "ETH-USDT".parse().expect("pair");
        assert_eq!(sum_fills(&[fill("1", "DOGE")], &pair, |_| None), Err(FeeNotConvertible { asset: "DOGE".into() }));
        assert!(sum_fills(&[fill("0", "DOGE")], &pair, |_| None).is_ok());
    }
}
