//! Sums an order's fills with their fees, per asset (P6).

use exchange::{PublicQuestion, PublicRequest, Status, Trade, Venue, answer};
use store::entity::order::VenueStatus;
use strategy::market::Pair;
use strategy::money::Price;
use strategy::order::Filled;

use crate::{Deps, send};

/// The store's word for the exchange's status.
pub const fn venue_status(status: Status) -> VenueStatus {
    match status {
        Status::New => VenueStatus::New,
        Status::PartiallyFilled => VenueStatus::PartiallyFilled,
        Status::Filled => VenueStatus::Filled,
        Status::Cancelled => VenueStatus::Cancelled,
        Status::Expired => VenueStatus::Expired,
        Status::Rejected => VenueStatus::Rejected,
    }
}

/// The sums. A fee in a third asset is converted at its last price; where there is none it is left out, and said.
pub async fn sum(deps: &Deps, venue: Venue, pair: &Pair, fills: &[Trade]) -> Filled {
    let mut prices: Vec<(&str, Option<Price>)> = Vec::new();
    for fill in fills
        .iter()
        .filter(|fill| fill.fee_asset != pair.base() && fill.fee_asset != pair.quote() && !fill.fee.is_zero())
    {
        if prices.iter().any(|(asset, _)| *asset == fill.fee_asset) {
            continue;
        }
        let question = PublicQuestion::AssetPrice { asset: fill.fee_asset.clone(), quote: pair.quote().to_owned() };
        let price = send::ask_public(
            deps,
            PublicRequest::build(venue, &question),
            match venue {
                Venue::Paper => exchange::binance::last_price,
            },
        )
        .await;
        prices.push((&fill.fee_asset, price));
    }
    let price_of = |asset: &str| prices.iter().find(|(a, _)| *a == asset).and_then(|(_, price)| *price);
    match answer::sum_fills(fills, pair, price_of) {
        Ok(sum) => sum,
        Err(unknown) => {
            tracing::error!(asset = unknown.asset, %pair, "a fee in this asset cannot be converted and is left out of the sums");
            let known: Vec<Trade> = fills
                .iter()
                .map(|fill| {
                    let mut fill = fill.clone();
                    let convertible = fill.fee_asset == pair.base()
                        || fill.fee_asset == pair.quote()
                        || price_of(&fill.fee_asset).is_some();
                    if !convertible {
                        fill.fee = strategy::money::Quantity::ZERO;
                    }
                    fill
                })
                .collect();
            answer::sum_fills(&known, pair, price_of).unwrap_or(Filled::ZERO)
        }
    }
}
