//! Serves the AWS services that Shearpin uses, embedded, on one machine.
//!
//! Functions reach them through the unchanged AWS SDK and an in-process connector ([`Emulators::sdk_config`]); clients
//! outside the process through [`Emulators::router`] on loopback. Never used in the cloud, never talks to it, and never
//! reads a clock of its own: time is the host's local wall clock.

mod access;
mod answer;
mod clock;
mod connector;
mod dynamodb;
mod faults;
mod folder;
mod kms;
mod loopback;
mod policy;
mod seal;
mod secrets;
mod services;
mod ses;
mod shelf;
mod sqs;

use std::path::PathBuf;
use std::sync::Arc;

use aws_types::SdkConfig;

pub use clock::WallClock;
pub use connector::{Counts, KEY_PREFIX};
pub use dynamodb::{IndexSpec, KeyKind, KeySpec, StreamReader, StreamRefused, StreamView, TableSpec, TablesRefused};
pub use faults::{Act, Fault, Faults, Gate, Point, Script, When};
pub use folder::{FORMAT, OpenRefused};
pub use kms::MasterKeySpec;
pub use policy::{Call, Caller, Policy, Resource, Service, Verdict};
pub use ses::Mail;
pub use sqs::{QueueDepth, QueueSpec};

use connector::Border;
use dynamodb::Dynamo;
use folder::DataFolder;
use seal::LocalKey;
use services::Services;
use shelf::Shelf;

/// Where the data lies and what time it is.
#[derive(Clone)]
pub struct Config {
    /// The data folder; `None` keeps everything in memory.
    pub data_dir: Option<PathBuf>,
    /// The local wall clock.
    pub clock: Arc<dyn WallClock>,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("data_dir", &self.data_dir).finish_non_exhaustive()
    }
}

/// A service failed at something that is not a call of the SDK.
#[derive(Debug, thiserror::Error)]
#[error("the local services failed: {0}")]
pub struct ServiceFailed(String);

impl From<answer::Answer> for ServiceFailed {
    fn from(answer: answer::Answer) -> Self {
        Self(answer.body)
    }
}

/// The local AWS. Clones share it, and so do SDK clients; the last one to go releases the data folder.
#[derive(Clone)]
pub struct Emulators {
    border: Arc<Border>,
}

impl std::fmt::Debug for Emulators {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Emulators(..)")
    }
}

impl Emulators {
    /// Opens the services on a data folder, or in memory.
    pub fn open(config: Config) -> Result<Self, OpenRefused> {
        let folder = config.data_dir.as_deref().map(DataFolder::open).transpose()?;
        let file = |name: &str| folder.as_ref().map(|folder| folder.file(name)).transpose();
        let dynamodb = Dynamo::open(file("dynamodb.sqlite")?.as_deref(), config.clock.clone())?;
        let key = match &folder {
            Some(folder) => folder.key()?,
            None => LocalKey::random().map_err(OpenRefused::NoRandomness)?,
        };
        let shelf = Shelf::open(file("services.sqlite")?.as_deref(), key, config.clock)?;
        let services = Services::new(dynamodb, shelf, folder);
        Ok(Self { border: Arc::new(Border::new(services)) })
    }

    /// The configuration from which a caller builds its SDK clients. The caller's policy holds from here on, also for
    /// calls over loopback.
    pub fn sdk_config(&self, caller: Caller) -> SdkConfig {
        connector::sdk_config(&self.border, caller)
    }

    /// Holds a caller to its policy over loopback without building a configuration.
    pub fn register(&self, caller: &Caller) {
        self.border.register(caller);
    }

    /// The services over HTTP. For loopback only: signatures are not verified.
    pub fn router(&self) -> axum::Router {
        loopback::router(self.border.clone())
    }

    /// Creates the tables that are missing; refuses when one exists with another definition.
    pub fn ensure_tables(&self, specs: &[TableSpec]) -> Result<(), TablesRefused> {
        self.border.services.dynamodb.ensure_tables(specs)
    }

    /// Subscribes to a table's stream. What `reader` has acknowledged stays done across restarts.
    pub fn stream(&self, table: &str, reader: &str) -> Result<StreamReader, StreamRefused> {
        StreamReader::open(self.border.services.dynamodb.clone(), table, reader)
    }

    /// Changes with every write to a table: whoever works what writes leave behind wakes by it.
    pub fn writes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.border.services.dynamodb.writes()
    }

    /// Deletes what has expired by the local wall clock and forgets what AWS would have forgotten; answers how many
    /// items went. To be called every wall minute.
    pub fn sweep(&self) -> Result<usize, ServiceFailed> {
        self.border.services.sqs.sweep()?;
        Ok(self.border.services.dynamodb.sweep()?)
    }

    /// Empties the databases' logs, so that what was deleted is gone from the data folder too. To be called after a
    /// shred.
    pub fn checkpoint(&self) -> Result<(), ServiceFailed> {
        self.border.services.shelf.checkpoint()?;
        Ok(self.border.services.dynamodb.checkpoint()?)
    }

    /// The id of the KMS key with this alias (`alias/...`), made on first use.
    pub fn ensure_key(&self, alias: &str, spec: MasterKeySpec) -> Result<String, ServiceFailed> {
        Ok(self.border.services.kms.ensure(alias, spec)?)
    }

    /// Makes the queue, or gives an existing one these settings; its messages stay.
    pub fn ensure_queue(&self, spec: &QueueSpec) -> Result<(), ServiceFailed> {
        Ok(self.border.services.sqs.ensure(spec)?)
    }

    /// How many messages a queue holds now.
    pub fn queue_depth(&self, queue: &str) -> Result<QueueDepth, ServiceFailed> {
        Ok(self.border.services.sqs.depth(queue)?)
    }

    /// To be called when the host has moved the wall clock by a leap: receivers that wait look again.
    pub fn clock_moved(&self) {
        self.border.services.sqs.wake();
    }

    /// Lets this address send mail.
    pub fn verify_sender(&self, address: &str) -> Result<(), ServiceFailed> {
        Ok(self.border.services.ses.verify(address)?)
    }

    /// The mails that were sent, oldest first.
    pub fn mailbox(&self) -> Result<Vec<Mail>, ServiceFailed> {
        Ok(self.border.services.ses.mailbox()?)
    }

    /// Lets a secret deleted by force be described for this many seconds of local wall clock; its value is gone at
    /// once. 0 ends it.
    pub fn delay_secret_deletion(&self, seconds: u32) {
        self.border.services.secrets.delay_deletion(i64::from(seconds) * 1000);
    }

    /// Makes reads of one index answer as its table was `seconds` of local wall clock ago; 0 ends it.
    pub fn lag_index(&self, table: &str, index: &str, seconds: u32) -> Result<(), ServiceFailed> {
        Ok(self.border.services.dynamodb.lag(table, index, i64::from(seconds) * 1000)?)
    }

    /// Puts faults on calls from now on; `None` ends them.
    pub fn set_faults(&self, faults: Option<Arc<dyn Faults>>) {
        self.border.set_faults(faults);
    }

    /// How often each (caller, service, operation) was called since the last reset.
    pub fn calls(&self) -> Counts {
        self.border.counts()
    }

    /// Sets the counters of [`calls`](Self::calls) to zero.
    pub fn reset_calls(&self) {
        self.border.reset_counts();
    }

    /// The calls that a policy refused, oldest first.
    pub fn refused_calls(&self) -> Vec<Call> {
        self.border.refused()
    }
}
