//! Lists symbols and opens and closes their trading. Called by the host, never over HTTP.

use paper::symbol::{RulesTooFine, Symbol, default_rules};
use store::StoreError;
use strategy::market::{Pair, SymbolRules, SymbolStatus};

use crate::Deps;
use crate::commit::{Committed, ROUNDS_MAX, commit};
use crate::item::symbol;

/// Why a symbol was not listed or changed.
#[derive(Debug, thiserror::Error)]
pub enum ListRefused {
    /// Another pair has the same joined name.
    #[error("{listed} is listed under the same symbol")]
    SymbolTaken { listed: Pair },
    /// The rules would make amounts inexact.
    #[error(transparent)]
    RulesTooFine(#[from] RulesTooFine),
    /// Others kept changing it; nothing was written.
    #[error("the symbol is being changed by others")]
    Busy,
    /// The table failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Lists a pair under these rules, or gives a listed one new rules. Open orders stay as they are.
///
/// A new symbol is TRADING, but takes no order before its first candle.
pub async fn list_symbol(deps: &Deps, pair: &Pair, rules: SymbolRules) -> Result<(), ListRefused> {
    change(deps, pair, rules, |symbol| Ok(Symbol { rules, ..symbol })).await
}

/// Opens or closes trading: BREAK at the end of a candle file. A pair not listed yet is listed under the default rules.
pub async fn set_status(deps: &Deps, pair: &Pair, status: SymbolStatus) -> Result<(), ListRefused> {
    change(deps, pair, standard_rules()?, |symbol| Ok(Symbol { status, ..symbol })).await
}

/// The rules of pairs that nobody gave rules to.
pub(crate) fn standard_rules() -> Result<SymbolRules, StoreError> {
    default_rules().map_err(|error| StoreError::Corrupt { what: format!("the default rules: {error}") })
}

async fn change(
    deps: &Deps,
    pair: &Pair,
    rules: SymbolRules,
    to: impl Fn(Symbol) -> Result<Symbol, ListRefused>,
) -> Result<(), ListRefused> {
    Symbol::list(pair.clone(), rules)?;
    for _ in 0..ROUNDS_MAX {
        let write = match symbol::find(&deps.store, &pair.symbol()).await? {
            Some(read) if read.symbol.pair != *pair => {
                return Err(ListRefused::SymbolTaken { listed: read.symbol.pair });
            }
            Some(read) => {
                let changed = to(read.symbol.clone())?;
                if changed == read.symbol {
                    return Ok(());
                }
                symbol::put_changed(&read, &changed)?
            }
            None => symbol::put_new(&to(Symbol::list(pair.clone(), rules)?)?)?,
        };
        if commit(deps, &[write]).await? == Committed::Yes {
            return Ok(());
        }
    }
    Err(ListRefused::Busy)
}
