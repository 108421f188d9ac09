//! Fees: a share of what is received, in the asset received, rounded up to 8 decimals.

use rust_decimal::{Decimal, RoundingStrategy};
use strategy::money::Percent;

/// Decimals of a fee, as on Binance (`baseCommissionPrecision`, `quoteCommissionPrecision`).
const FEE_SCALE: u32 = 8;

/// The fee on `received` units at `rate`; never more than was received.
pub fn fee_on(received: Decimal, rate: Percent) -> Decimal {
    let exact = received * rate.fraction();
    exact
        .round_dp_with_strategy(FEE_SCALE, RoundingStrategy::ToPositiveInfinity)
        .min(received)
        .max(Decimal::ZERO)
        .normalize()
}
