//! One file per subject of Binance's spot REST: parse, run, answer in Binance's fields.

pub mod account;
pub mod book;
pub mod exchange_info;
pub mod klines;
pub mod order;
pub mod orders;
pub mod ping;
pub mod trades;

use paper::symbol::Symbol;

use crate::item::symbol;
use crate::refusal::Refusal;
use crate::router::Call;

impl Call {
    /// The symbol that the request names; it must be listed.
    async fn symbol(&self) -> Result<Symbol, Refusal> {
        self.listed(self.parameters.symbol()?).await
    }
    /// The symbols that the request names, or every listed one; and whether it named a single one.
    async fn symbols(&self) -> Result<(Vec<Symbol>, bool), Refusal> {
        let (one, several) = (self.parameters.symbol_if()?, self.parameters.symbols()?);
        match (one, several) {
            (Some(_), Some(_)) => Err(Refusal::bad_combination()),
            (Some(name), None) => Ok((vec![self.listed(name).await?], true)),
            (None, Some(names)) => {
                let mut listed = Vec::with_capacity(names.len());
                for name in &names {
                    listed.push(self.listed(name).await?);
                }
                Ok((listed, false))
            }
            (None, None) => Ok((symbol::all(&self.deps.store).await?, false)),
        }
    }
    async fn listed(&self, name: &str) -> Result<Symbol, Refusal> {
        Ok(symbol::find(&self.deps.store, name).await?.ok_or_else(Refusal::bad_symbol)?.symbol)
    }
}
