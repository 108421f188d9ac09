//! `shearpin preview`: every order, cost and exit of a bot before it starts, offline.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use strategy::config::{BotForm, BotSettings, ConfigFault};
use strategy::market::{FeeAsset, Fees, SymbolRules};
use strategy::money::{Amount, Lot, Percent, Price, Tick};
use strategy::preview::{Preview, preview};

use crate::exit::{Exit, Failed};

/// Options of `preview`.
#[derive(Args)]
pub struct Arguments {
    /// A bot configuration as POST /v1/bots takes it
    config: PathBuf,
    /// Price of the base asset now, in quote
    #[arg(long)]
    price: Price,
    /// Price step
    #[arg(long, default_value = "0.01")]
    tick: Tick,
    /// Quantity step
    #[arg(long, default_value = "0.00001")]
    lot: Lot,
    /// Fee of one side in percent
    #[arg(long = "fee-pct", default_value = "0.1")]
    fee_pct: Percent,
    /// Smallest value of an order in quote
    #[arg(long = "min-notional", default_value = "5")]
    notional_min: Amount,
    /// The answer of POST /v1/bots/preview instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Prints the report.
pub fn run(arguments: Arguments) -> Result<(), Failed> {
    let settings = read(&arguments.config)?;
    let rules = SymbolRules { tick: arguments.tick, lot: arguments.lot, notional_min: arguments.notional_min };
    let fees = Fees { maker: arguments.fee_pct, taker: arguments.fee_pct, asset: FeeAsset::Received };
    let report = preview(&settings.strategy, rules, fees, arguments.price).map_err(|e| Failed::new(Exit::Usage, e))?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report).map_err(|e| Failed::new(Exit::Failed, e))?);
    } else {
        print_table(&report, settings.pair.base(), settings.pair.quote());
    }
    Ok(())
}

/// Reads a configuration; each fault is named at its JSON pointer.
fn read(path: &Path) -> Result<BotSettings, Failed> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|e| Failed::new(Exit::Usage, format!("{name}: {e}")))?;
    let refused = |errors| Failed::new(Exit::Usage, format!("{name} is not a valid bot")).with_errors(errors);
    let mut reader = serde_json::Deserializer::from_str(&text);
    let form: BotForm = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer: String = error.path().iter().map(|part| format!("/{part}")).collect();
        let code = if error.inner().is_data() { "wrong_type_or_value" } else { "malformed" };
        refused(vec![json!({ "pointer": pointer, "code": code, "detail": error.inner().to_string() })])
    })?;
    reader.end().map_err(|e| {
        refused(vec![json!({ "pointer": "", "code": "malformed", "detail": format!("after the JSON object: {e}") })])
    })?;
    form.parse().map_err(|faults| {
        let shown =
            |fault: &ConfigFault| json!({ "pointer": fault.pointer, "code": fault.code, "detail": fault.detail });
        refused(faults.iter().map(shown).collect())
    })
}

fn print_table(report: &Preview, base: &str, quote: &str) {
    println!(
        "{:<12} {:>5} {:>5} {:>14} {:>16} {:>14} {:>8}",
        "order",
        "level",
        "side",
        format!("price {quote}"),
        format!("quantity {base}"),
        format!("value {quote}"),
        "below %"
    );
    for order in &report.orders {
        let side = format!("{:?}", order.side).to_lowercase();
        let deviation = order.deviation_pct.map_or_else(String::new, |d| d.to_string());
        println!(
            "{:<12} {:>5} {:>5} {:>14} {:>16} {:>14} {:>8}",
            order.role.to_string(),
            order.level,
            side,
            order.price.to_string(),
            order.quantity.to_string(),
            order.value.to_string(),
            deviation
        );
    }
    let price = |p: Option<Price>| p.map_or_else(|| "none".to_owned(), |p| p.to_string());
    println!(
        "\nfunds needed {} {quote}   take profit {}   stop loss {}   break-even {}   worst case loss {} {quote}",
        report.funds.quote,
        price(report.take_profit),
        price(report.stop_loss),
        price(report.breakeven),
        report.worst_case_loss
    );
    for warning in &report.warnings {
        println!("warning {}: {}", warning.code, warning.detail);
    }
    for cadence in &report.cadence {
        println!(
            "{:<14} {:<12} {}",
            cadence.what,
            if cadence.native { "at once" } else { "next tick" },
            cadence.detail
        );
    }
}
