//! `--filters FILE`: symbol rules that differ from the paper exchange's defaults.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use strategy::market::{Pair, SymbolRules};
use strategy::money::{Amount, Lot, Tick};

use crate::exit::{Exit, Failed};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    tick: Tick,
    lot: Lot,
    notional_min: Amount,
}

/// Reads `{"BTC-USDT": {"tick": "0.01", "lot": "0.00001", "notional_min": "5"}}`.
pub fn read(path: &Path) -> Result<BTreeMap<Pair, SymbolRules>, Failed> {
    let usage = |why: String| Failed::new(Exit::Usage, format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| usage(e.to_string()))?;
    let rules: BTreeMap<Pair, Rules> = serde_json::from_str(&text).map_err(|e| {
        usage(format!(
            "{e}; expected {{\"BTC-USDT\": {{\"tick\": \"0.01\", \"lot\": \"0.00001\", \"notional_min\": \"5\"}}}}"
        ))
    })?;
    Ok(rules
        .into_iter()
        .map(|(pair, r)| (pair, SymbolRules { tick: r.tick, lot: r.lot, notional_min: r.notional_min }))
        .collect())
}
