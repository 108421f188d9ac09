//! `shearpin`: run the product on this machine, watch its promises being kept, look at a bot before it starts.

mod demo;
mod exit;
mod log_file;
mod preview;
mod rules_file;
mod show;
mod up;

use clap::{Parser, Subcommand};

use crate::exit::{Exit, Failed, TABLE};

/// Self-hosted strategy bots whose exchange keys do not survive a password reset.
#[derive(Parser)]
#[command(
    name = "shearpin",
    version,
    propagate_version = true,
    after_help = format!(
        "Examples:\n  shearpin up\n  shearpin demo\n  shearpin preview docs/examples/dca.json --price 3000\n\n{TABLE}"
    )
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything here: functions, tables, secrets, mailbox, paper exchange
    #[command(after_help = format!(
        "Examples:\n  shearpin up\n  shearpin up --market file:candles-BTCUSDT-1m-.csv.gz --speed 600\n  \
         shearpin up --market file:BTC-USDT=btc.csv --market file:ETH-USDT=eth.csv --data ./try --port 9000\n\n{TABLE}"
    ))]
    Up(up::Arguments),
    /// Tell the owner's story and then the thief's, and prove every promise
    #[command(after_help = format!(
        "Examples:\n  shearpin demo\n  shearpin demo --market file:candles-BTCUSDT-1m-.csv.gz --json\n\n{TABLE}"
    ))]
    Demo(demo::Arguments),
    /// Show every order, cost and exit of a bot before it starts; offline
    #[command(after_help = format!(
        "Examples:\n  shearpin preview docs/examples/dca.json --price 3000\n  \
         shearpin preview docs/examples/dca.json --price 3000 --fee-pct 0.075 --json\n\n{TABLE}"
    ))]
    Preview(preview::Arguments),
}

impl Command {
    const fn as_json(&self) -> bool {
        match self {
            Command::Up(arguments) => arguments.json,
            Command::Demo(arguments) => arguments.json,
            Command::Preview(arguments) => arguments.json,
        }
    }
}

fn main() -> std::process::ExitCode {
    let Arguments { command } = Arguments::parse();
    let as_json = command.as_json();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match (runtime, command) {
        (_, Command::Preview(arguments)) => preview::run(arguments),
        (Err(error), Command::Up(_) | Command::Demo(_)) => {
            Err(Failed::new(Exit::Failed, format!("no threads: {error}")))
        }
        (Ok(runtime), Command::Up(arguments)) => runtime.block_on(up::run(arguments)),
        (Ok(runtime), Command::Demo(arguments)) => runtime.block_on(demo::run(arguments)),
    };
    match outcome {
        Ok(()) => Exit::Fine.into(),
        Err(failed) => {
            failed.tell(as_json);
            failed.exit.into()
        }
    }
}
