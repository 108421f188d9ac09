//! `endpoints.json`: where everything is reached, for AWS clients, exchange clients and browsers outside the process.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::machine::Machine;
use crate::remembered::write_whole;

/// Where everything is reached.
#[derive(Debug, Clone, Serialize)]
pub struct Endpoints {
    /// The HTTP API.
    pub api: String,
    /// The mailbox.
    pub mail: String,
    /// The paper exchange, speaking Binance's spot paths.
    pub exchange: String,
    /// Each AWS service by its short name.
    pub aws: BTreeMap<&'static str, String>,
    /// The region to sign for; signatures are not verified.
    pub region: &'static str,
    /// Table names by trust domain.
    pub tables: BTreeMap<String, String>,
}

impl Endpoints {
    pub(crate) fn of(machine: &Machine, api: &str, exchange: &str, aws: &str) -> Self {
        let services = ["dynamodb", "secretsmanager", "kms", "sqs", "ses"];
        let tables = machine.template().tables.iter();
        Self {
            api: api.to_owned(),
            mail: format!("{api}/dev/mail"),
            exchange: exchange.to_owned(),
            aws: services.into_iter().map(|service| (service, aws.to_owned())).collect(),
            region: crate::template::REGION,
            tables: tables.map(|t| (t.name.trim_start_matches("shearpin-").to_owned(), t.name.clone())).collect(),
        }
    }
    /// Writes the file into the data folder, whole or not at all.
    pub(crate) fn write(&self, folder: &Path) -> std::io::Result<()> {
        write_whole(&folder.join("endpoints.json"), &serde_json::to_string_pretty(self)?)
    }
}
