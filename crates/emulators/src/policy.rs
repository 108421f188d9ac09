//! The allow-list: who calls what, and whether it may.
//!
//! Never decides by itself: the verdict is the policy's that the host gives each caller.

use std::sync::Arc;

/// The services that are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// DynamoDB and its streams.
    DynamoDb,
    /// Secrets Manager.
    SecretsManager,
    /// Key Management Service.
    Kms,
    /// Simple Queue Service.
    Sqs,
    /// Simple Email Service, version 2.
    Ses,
}

impl Service {
    /// The prefix of the service's actions in a policy.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::DynamoDb => "dynamodb",
            Self::SecretsManager => "secretsmanager",
            Self::Kms => "kms",
            Self::Sqs => "sqs",
            Self::Ses => "ses",
        }
    }
}

/// What a call is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// A table.
    Table(String),
    /// An index of a table.
    Index {
        /// The table.
        table: String,
        /// The index.
        index: String,
    },
    /// The stream of a table.
    Stream(String),
    /// A secret, by its name without the random suffix.
    Secret(String),
    /// A key.
    Key {
        /// Its id.
        id: String,
        /// Its alias, with `alias/` in front, if it has one.
        alias: Option<String>,
    },
    /// A queue, by name.
    Queue(String),
    /// A mail address that sends.
    Identity(String),
    /// Nothing in particular, or something that does not exist.
    Any,
}

impl Resource {
    /// The resource as a policy writes it. A secret stands without its random suffix.
    pub fn arn(&self) -> String {
        let arn = |service: &str, rest: &str| format!("arn:aws:{service}:us-east-1:000000000000:{rest}");
        match self {
            Self::Table(name) => arn("dynamodb", &format!("table/{name}")),
            Self::Index { table, index } => arn("dynamodb", &format!("table/{table}/index/{index}")),
            Self::Stream(table) => arn("dynamodb", &format!("table/{table}/stream/local")),
            Self::Secret(name) => arn("secretsmanager", &format!("secret:{name}")),
            Self::Key { id, .. } => arn("kms", &format!("key/{id}")),
            Self::Queue(name) => arn("sqs", name),
            Self::Identity(address) => arn("ses", &format!("identity/{address}")),
            Self::Any => "*".to_owned(),
        }
    }
}

/// One action on one resource. A request with several (a batch, a transaction) makes several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The function that calls.
    pub caller: String,
    /// The service called.
    pub service: Service,
    /// The operation called, for example `TransactWriteItems`.
    pub operation: String,
    /// The action in a policy's words, for example `dynamodb:PutItem`.
    pub action: String,
    /// What it is about.
    pub resource: Resource,
    /// The partition keys that it names, as `dynamodb:LeadingKeys` has them. Empty for a scan and outside DynamoDB.
    pub leading_keys: Vec<String>,
    /// The attributes that it names, as `dynamodb:Attributes` has them: keys, items and every expression.
    pub attributes: Vec<String>,
    /// `dynamodb:Select` of a read: `SPECIFIC_ATTRIBUTES` when it says what it wants, `ALL_ATTRIBUTES` otherwise.
    pub select: Option<String>,
    /// The context of a KMS call, as `kms:EncryptionContext:...` has it.
    pub encryption_context: std::collections::BTreeMap<String, String>,
}

/// Whether a call may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Allowed,
    /// No statement allows it.
    Refused,
}

/// Decides about calls.
pub type Policy = Arc<dyn Fn(&Call) -> Verdict + Send + Sync>;

/// Someone who calls: a function by its name, with its policy.
#[derive(Clone)]
pub struct Caller {
    pub(crate) name: String,
    pub(crate) policy: Policy,
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Caller({})", self.name)
    }
}

impl Caller {
    /// A function with its policy.
    pub fn new(name: &str, policy: Policy) -> Self {
        Self { name: name.to_owned(), policy }
    }

    /// Someone who may do everything: the owner's tools, and tests of the services themselves.
    pub fn owner(name: &str) -> Self {
        Self::new(name, Arc::new(|_| Verdict::Allowed))
    }
}
