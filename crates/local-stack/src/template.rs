//! Reads the deployment template: tables, queues, keys, functions with their environment, permissions and routes.
//!
//! The one source of what exists. An expression that is not understood stops the start: guessing here would make the
//! laptop differ from the cloud unseen.

use std::collections::BTreeMap;

use emulators::{IndexSpec, KeyKind, KeySpec, StreamView, TableSpec};
use yaml_serde::Value;

/// The template, as built into the program.
pub const TEMPLATE: &str = include_str!("../../../template.yaml");
/// The name that stands for the stack in local names.
const STACK: &str = "shearpin";
/// The account number of the embedded services.
pub const ACCOUNT: &str = "000000000000";
/// The region of the embedded services.
pub const REGION: &str = "us-east-1";

/// Why the template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template.yaml: {what}")]
pub struct Misread {
    /// What is not understood, and where.
    pub what: String,
}

fn misread<T>(what: impl Into<String>) -> Result<T, Misread> {
    Err(Misread { what: what.into() })
}

/// One statement of a role or of the boundary, resolved.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Allows or denies.
    pub allow: bool,
    /// `service:Action`.
    pub actions: Vec<String>,
    /// ARN patterns.
    pub resources: Vec<String>,
    /// Operator, key, values; all must hold.
    pub conditions: Vec<(String, String, Vec<String>)>,
}

/// One function.
#[derive(Debug, Clone)]
pub struct Function {
    /// The binary's name, such as `password-reset`.
    pub name: String,
    /// Its environment, resolved.
    pub environment: BTreeMap<String, String>,
    /// Its role.
    pub statements: Vec<Statement>,
    /// Method and path of every route, with the logical id of its API.
    pub routes: Vec<(String, String, String)>,
    /// Streams it reads.
    pub streams: Vec<StreamEvent>,
    /// Inputs of its schedules.
    pub schedules: Vec<String>,
    /// Seconds an invocation may take.
    pub timeout_s: u64,
}

/// A stream that a function reads.
#[derive(Debug, Clone)]
pub struct StreamEvent {
    /// The table's name.
    pub table: String,
    /// Records per invocation.
    pub batch: usize,
    /// A record is let go after this many seconds of wall time.
    pub age_s_max: i64,
    /// A record is let go after this many further tries.
    pub retries_max: u32,
    /// Patterns of which one must match; without any, every record is delivered.
    pub filters: Vec<serde_json::Value>,
}

/// A queue.
#[derive(Debug, Clone)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Seconds a received message stays hidden.
    pub visibility_s: u32,
    /// Name of the dead-letter queue and receives before a message goes there.
    pub redrive: Option<(String, u32)>,
}

/// A key.
#[derive(Debug, Clone)]
pub struct Key {
    /// Logical id in the template.
    pub logical: String,
    /// Its alias.
    pub alias: String,
    /// Whether it is an HMAC key.
    pub mac: bool,
}

/// Everything the local stack takes from the template.
#[derive(Debug, Clone)]
pub struct Template {
    /// The tables.
    pub tables: Vec<TableSpec>,
    /// The queues.
    pub queues: Vec<Queue>,
    /// The functions by name.
    pub functions: BTreeMap<String, Function>,
    /// The permissions boundary.
    pub boundary: Vec<Statement>,
}

/// What only the running stack knows.
#[derive(Debug, Clone, Default)]
pub struct Local {
    /// Template parameters that differ from their defaults.
    pub parameters: BTreeMap<String, String>,
    /// ARN of each key by logical id.
    pub key_arns: BTreeMap<String, String>,
    /// URL under which queues are reached, before the name.
    pub queue_base: String,
    /// URL of each API by logical id.
    pub api_urls: BTreeMap<String, String>,
}

/// The keys the template declares: they are made first, since roles and environments name their ARNs.
pub fn keys(text: &str) -> Result<Vec<Key>, Misread> {
    let root = parse(text)?;
    let resources = map(&root, "Resources")?;
    let mut found = Vec::new();
    for (logical, resource) in resources {
        if kind(resource) != "AWS::KMS::Key" {
            continue;
        }
        let alias = resources.iter().find_map(|(_, other)| {
            let target = other.get("Properties")?.get("TargetKeyId")?;
            (kind(other) == "AWS::KMS::Alias" && reference(target) == Some(text_of(logical)))
                .then(|| other["Properties"]["AliasName"].as_str().unwrap_or_default())
        });
        let Some(alias) = alias else { return misread(format!("the key {} has no alias", text_of(logical))) };
        let mac = resource["Properties"]["KeySpec"].as_str() == Some("HMAC_256");
        found.push(Key { logical: text_of(logical).to_owned(), alias: alias.to_owned(), mac });
    }
    Ok(found)
}

impl Template {
    /// Reads the template for a stack on this machine.
    pub fn read(text: &str, local: &Local) -> Result<Self, Misread> {
        let root = parse(text)?;
        let resolver = Resolver { root: &root, local };
        let resources = map(&root, "Resources")?;
        let mut template =
            Self { tables: Vec::new(), queues: Vec::new(), functions: BTreeMap::new(), boundary: Vec::new() };
        for (logical, resource) in resources {
            let (logical, properties) = (text_of(logical), &resource["Properties"]);
            match kind(resource) {
                "AWS::DynamoDB::Table" => template.tables.push(table(logical, properties)?),
                "AWS::SQS::Queue" => template.queues.push(resolver.queue(properties)?),
                "AWS::Serverless::Function" => {
                    let function = resolver.function(resource)?;
                    template.functions.insert(function.name.clone(), function);
                }
                "AWS::IAM::ManagedPolicy" => template.boundary = resolver.statements(&properties["PolicyDocument"])?,
                _ => {}
            }
        }
        Ok(template)
    }
}

/// The local name of a table: `IdentityTable` is `shearpin-identity`.
pub fn table_name(logical: &str) -> String {
    format!("{STACK}-{}", logical.trim_end_matches("Table").to_lowercase())
}

fn parse(text: &str) -> Result<Value, Misread> {
    yaml_serde::from_str(text).map_err(|e| Misread { what: e.to_string() })
}
fn map<'a>(value: &'a Value, name: &str) -> Result<&'a yaml_serde::Mapping, Misread> {
    value.get(name).and_then(Value::as_mapping).ok_or_else(|| Misread { what: format!("{name} is missing") })
}
fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
fn kind(resource: &Value) -> &str {
    resource["Type"].as_str().unwrap_or_default()
}
fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Sequence(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}
fn reference(value: &Value) -> Option<&str> {
    match value {
        Value::Tagged(tagged) if tagged.tag == "!Ref" => tagged.value.as_str(),
        _ => None,
    }
}

fn table(logical: &str, properties: &Value) -> Result<TableSpec, Misread> {
    let kind_of = |name: &str| {
        list(&properties["AttributeDefinitions"])
            .into_iter()
            .find(|a| a["AttributeName"].as_str() == Some(name))
            .map_or(KeyKind::Text, |a| match a["AttributeType"].as_str() {
                Some("N") => KeyKind::Number,
                Some("B") => KeyKind::Bytes,
                _ => KeyKind::Text,
            })
    };
    let keys = |schema: &Value| -> Result<(KeySpec, Option<KeySpec>), Misread> {
        let part = |wanted: &str| {
            list(schema)
                .into_iter()
                .find(|k| k["KeyType"].as_str() == Some(wanted))
                .and_then(|k| k["AttributeName"].as_str())
                .map(|name| KeySpec { name: name.to_owned(), kind: kind_of(name) })
        };
        match part("HASH") {
            Some(hash) => Ok((hash, part("RANGE"))),
            None => misread(format!("{logical} has no partition key")),
        }
    };
    let (partition, sort) = keys(&properties["KeySchema"])?;
    let mut indexes = Vec::new();
    for index in list(&properties["GlobalSecondaryIndexes"]) {
        let (partition, sort) = keys(&index["KeySchema"])?;
        let projection = &index["Projection"];
        let attributes = match projection["ProjectionType"].as_str() {
            Some("ALL") => None,
            Some("KEYS_ONLY") => Some(Vec::new()),
            Some("INCLUDE") => {
                Some(list(&projection["NonKeyAttributes"]).into_iter().map(|v| text_of(v).to_owned()).collect())
            }
            _ => return misread(format!("{logical} has an index without a projection")),
        };
        indexes.push(IndexSpec { name: text_of(&index["IndexName"]).to_owned(), partition, sort, attributes });
    }
    Ok(TableSpec {
        name: table_name(logical),
        partition,
        sort,
        indexes,
        stream: match properties["StreamSpecification"]["StreamViewType"].as_str() {
            None => None,
            Some("NEW_IMAGE") => Some(StreamView::New),
            Some("OLD_IMAGE") => Some(StreamView::Old),
            Some("NEW_AND_OLD_IMAGES") => Some(StreamView::NewAndOld),
            Some(_) => Some(StreamView::Keys),
        },
        ttl: properties["TimeToLiveSpecification"]["AttributeName"].as_str().map(str::to_owned),
    })
}

struct Resolver<'a> {
    root: &'a Value,
    local: &'a Local,
}

impl Resolver<'_> {
    fn text(&self, value: &Value) -> Result<String, Misread> {
        match value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(truth) => Ok(truth.to_string()),
            Value::Tagged(tagged) => match (tagged.tag.to_string().as_str(), tagged.value.as_str()) {
                ("!Ref", Some(name)) => self.reference(name),
                ("!GetAtt", Some(path)) => self.attribute(path),
                ("!Sub", Some(pattern)) => self.substitute(pattern),
                (tag, _) => misread(format!("{tag} is not understood here")),
            },
            other => misread(format!("expected a text, found {other:?}")),
        }
    }
    fn resource_kind(&self, name: &str) -> &str {
        self.root["Resources"].get(name).map_or("", kind)
    }
    fn reference(&self, name: &str) -> Result<String, Misread> {
        match name {
            "AWS::Region" => return Ok(REGION.into()),
            "AWS::AccountId" => return Ok(ACCOUNT.into()),
            "AWS::Partition" => return Ok("aws".into()),
            "AWS::StackName" => return Ok(STACK.into()),
            "AWS::URLSuffix" => return Ok("localhost".into()),
            _ => {}
        }
        if let Some(value) = self.local.parameters.get(name) {
            return Ok(value.clone());
        }
        if let Some(parameter) = self.root["Parameters"].get(name) {
            return self.text(&parameter["Default"]);
        }
        match self.resource_kind(name) {
            "AWS::DynamoDB::Table" => Ok(table_name(name)),
            "AWS::SQS::Queue" => Ok(format!("{}/{}", self.local.queue_base, self.queue_name(name)?)),
            "AWS::KMS::Key"
            | "AWS::Serverless::HttpApi"
            | "AWS::IAM::ManagedPolicy"
            | "AWS::Logs::LogGroup"
            | "AWS::SES::ConfigurationSet"
            | "AWS::SES::EmailIdentity" => Ok(name.to_owned()),
            other => misread(format!("!Ref {name} ({other}) is not understood")),
        }
    }
    fn attribute(&self, path: &str) -> Result<String, Misread> {
        let Some((name, attribute)) = path.split_once('.') else { return misread(format!("!GetAtt {path}")) };
        match (self.resource_kind(name), attribute) {
            ("AWS::DynamoDB::Table", "Arn") => Ok(arn("dynamodb", &format!("table/{}", table_name(name)))),
            ("AWS::DynamoDB::Table", "StreamArn") => {
                Ok(arn("dynamodb", &format!("table/{}/stream/local", table_name(name))))
            }
            ("AWS::SQS::Queue", "Arn") => Ok(arn("sqs", &self.queue_name(name)?)),
            ("AWS::KMS::Key", "Arn") => {
                Ok(self.local.key_arns.get(name).cloned().unwrap_or_else(|| arn("kms", &format!("key/{name}"))))
            }
            (kind, _) => misread(format!("!GetAtt {path} ({kind}) is not understood")),
        }
    }
    fn queue_name(&self, logical: &str) -> Result<String, Misread> {
        self.text(&self.root["Resources"][logical]["Properties"]["QueueName"])
    }
    fn substitute(&self, pattern: &str) -> Result<String, Misread> {
        // The address of an API is the local one, whatever the shape of its cloud address.
        for (api, url) in &self.local.api_urls {
            if pattern.starts_with(&format!("https://${{{api}}}.")) {
                return Ok(url.clone());
            }
        }
        let mut text = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once("${") {
            text.push_str(before);
            let Some((name, after)) = after.split_once('}') else { return misread(format!("!Sub {pattern}")) };
            let value =
                if self.root["Parameters"].get(name).is_none() && name.contains('.') && !name.starts_with("AWS::") {
                    self.attribute(name)?
                } else {
                    self.reference(name)?
                };
            text.push_str(&value);
            rest = after;
        }
        text.push_str(rest);
        Ok(text)
    }
    fn queue(&self, properties: &Value) -> Result<Queue, Misread> {
        let redrive = &properties["RedrivePolicy"];
        let redrive = match &redrive["deadLetterTargetArn"] {
            Value::Null => None,
            target => {
                let arn = self.text(target)?;
                let count = redrive["maxReceiveCount"].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(3);
                Some((arn.rsplit(':').next().unwrap_or_default().to_owned(), count))
            }
        };
        let visibility = properties["VisibilityTimeout"].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(30);
        Ok(Queue { name: self.text(&properties["QueueName"])?, visibility_s: visibility, redrive })
    }
    fn function(&self, resource: &Value) -> Result<Function, Misread> {
        let properties = &resource["Properties"];
        let name = self.text(&resource["Metadata"]["BuildProperties"]["Binary"])?;
        let mut environment = BTreeMap::new();
        if let Some(variables) = properties["Environment"]["Variables"].as_mapping() {
            for (variable, value) in variables {
                environment.insert(text_of(variable).to_owned(), self.text(value)?);
            }
        }
        let mut statements = Vec::new();
        for policy in list(&properties["Policies"]) {
            statements.extend(self.statements(policy)?);
        }
        let (mut routes, mut schedules, mut streams) = (Vec::new(), Vec::new(), Vec::new());
        if let Some(events) = properties["Events"].as_mapping() {
            for (_, event) in events {
                let of = &event["Properties"];
                match kind(event) {
                    "HttpApi" => routes.push((
                        reference(&of["ApiId"]).unwrap_or_default().to_owned(),
                        self.text(&of["Method"])?.to_uppercase(),
                        self.text(&of["Path"])?,
                    )),
                    "DynamoDB" => streams.push(self.stream(of)?),
                    "ScheduleV2" => schedules.push(self.text(&of["Input"])?),
                    _ => {}
                }
            }
        }
        let timeout_s = properties["Timeout"]
            .as_u64()
            .or_else(|| self.root["Globals"]["Function"]["Timeout"].as_u64())
            .unwrap_or(10);
        Ok(Function { name, environment, statements, routes, streams, schedules, timeout_s })
    }
    fn stream(&self, of: &Value) -> Result<StreamEvent, Misread> {
        let arn = self.text(&of["Stream"])?;
        let filters = list(&of["FilterCriteria"]["Filters"])
            .into_iter()
            .map(|filter| {
                serde_json::from_str(filter["Pattern"].as_str().unwrap_or_default())
                    .map_err(|e| Misread { what: format!("a stream filter: {e}") })
            })
            .collect::<Result<_, _>>()?;
        let number = |name: &str, default: u64| of[name].as_u64().unwrap_or(default);
        Ok(StreamEvent {
            table: arn.split('/').nth(1).unwrap_or_default().to_owned(),
            batch: usize::try_from(number("BatchSize", 10)).unwrap_or(10),
            age_s_max: i64::try_from(number("MaximumRecordAgeInSeconds", 86_400)).unwrap_or(86_400),
            retries_max: u32::try_from(number("MaximumRetryAttempts", 10)).unwrap_or(10),
            filters,
        })
    }
    fn statements(&self, document: &Value) -> Result<Vec<Statement>, Misread> {
        list(&document["Statement"])
            .into_iter()
            .map(|statement| {
                let texts =
                    |value: &Value| list(value).into_iter().map(|v| self.text(v)).collect::<Result<Vec<_>, _>>();
                let mut conditions = Vec::new();
                if let Some(operators) = statement["Condition"].as_mapping() {
                    for (operator, keys) in operators {
                        for (key, values) in keys.as_mapping().into_iter().flatten() {
                            conditions.push((text_of(operator).to_owned(), text_of(key).to_owned(), texts(values)?));
                        }
                    }
                }
                Ok(Statement {
                    allow: statement["Effect"].as_str() == Some("Allow"),
                    actions: texts(&statement["Action"])?,
                    resources: texts(&statement["Resource"])?,
                    conditions,
                })
            })
            .collect()
    }
}

fn arn(service: &str, rest: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_understood_to_the_last_expression() {
        let template = Template::read(TEMPLATE, &Local::default()).expect("readable");
        assert_eq!(template.tables.len(), 6);
        assert!(template.functions.contains_key("password-reset"));
        assert_eq!(keys(TEMPLATE).expect("keys").len(), 4);
        assert!(!template.boundary.is_empty());
    }
}
