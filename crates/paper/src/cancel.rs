//! Ends an order at its owner's wish and releases what it locked.

use rust_decimal::Decimal;

use crate::account::{Account, Delta, Overdrawn};
use crate::order::{Order, Status};

/// Why an order is not cancelled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CancelRefused {
    /// It is filled, expired or cancelled already.
    #[error("the order is not open")]
    NotOpen,
    /// The account does not hold what the order locked: the two do not belong together.
    #[error(transparent)]
    Overdrawn(#[from] Overdrawn),
}

/// A cancelled order and the account that got its lock back. Both are stored together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancelled {
    pub account: Account,
    pub order: Order,
}

/// Cancels an open order at once, whether it has arrived in the book or not: fills of candles already applied stand.
pub fn cancel(account: &Account, order: &Order) -> Result<Cancelled, CancelRefused> {
    if !order.status.is_open() {
        return Err(CancelRefused::NotOpen);
    }
    let (mut account, mut order, mut delta) = (account.clone(), order.clone(), Delta::default());
    end(&mut order, &mut delta, Status::Canceled);
    account.apply(&delta)?;
    Ok(Cancelled { account, order })
}

/// Ends an order and frees what is still locked for it.
pub(crate) fn end(order: &mut Order, delta: &mut Delta, status: Status) {
    order.status = status;
    delta.add_locked(order.locked_asset(), -order.locked);
    delta.add_free(order.locked_asset(), order.locked);
    order.locked = Decimal::ZERO;
}
