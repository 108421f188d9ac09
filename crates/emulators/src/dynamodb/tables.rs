//! Creates the tables from a neutral list, once, and refuses a list that no longer fits what is there.
//!
//! Never changes or drops a table: a changed definition is an error that names the difference.

use serde_json::{Value, json};

use super::{Dynamo, dispatch};
use crate::answer::Answer;

/// The type of a key attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// A string, `S`.
    Text,
    /// A number, `N`.
    Number,
    /// Bytes, `B`.
    Bytes,
}

impl KeyKind {
    fn letter(self) -> &'static str {
        match self {
            Self::Text => "S",
            Self::Number => "N",
            Self::Bytes => "B",
        }
    }
}

/// One key attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpec {
    /// The attribute's name.
    pub name: String,
    /// Its type.
    pub kind: KeyKind,
}

/// A global secondary index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexSpec {
    /// The index's name.
    pub name: String,
    /// Partition key.
    pub partition: KeySpec,
    /// Sort key.
    pub sort: Option<KeySpec>,
    /// The attributes it carries beside the keys: `None` all, `Some(&[])` none, otherwise those named.
    pub attributes: Option<Vec<String>>,
}

/// What a stream record carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamView {
    /// Keys alone.
    Keys,
    /// The item after the change.
    New,
    /// The item before the change.
    Old,
    /// Both.
    NewAndOld,
}

impl StreamView {
    fn wire_name(self) -> &'static str {
        match self {
            Self::Keys => "KEYS_ONLY",
            Self::New => "NEW_IMAGE",
            Self::Old => "OLD_IMAGE",
            Self::NewAndOld => "NEW_AND_OLD_IMAGES",
        }
    }
}

/// A table as the template declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSpec {
    /// The table's name.
    pub name: String,
    /// Partition key.
    pub partition: KeySpec,
    /// Sort key.
    pub sort: Option<KeySpec>,
    /// Global secondary indexes.
    pub indexes: Vec<IndexSpec>,
    /// Stream, if it has one.
    pub stream: Option<StreamView>,
    /// The attribute with the expiry in seconds since 1970, if items expire.
    pub ttl: Option<String>,
}

/// Why the tables are not as asked.
#[derive(Debug, thiserror::Error)]
pub enum TablesRefused {
    /// A table exists with another definition.
    #[error(
        "the table {table} in this data folder has {part} {found}, the template says {wanted}: \
         use a fresh data folder, or the version that made this one"
    )]
    Changed {
        /// The table.
        table: String,
        /// Which part of its definition differs.
        part: String,
        /// What the folder has.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// The engine refused a table.
    #[error("the table {table} cannot be created: {why}")]
    Refused {
        /// The table.
        table: String,
        /// The engine's words.
        why: String,
    },
}

impl Dynamo {
    /// Creates the tables that are missing and compares those that exist.
    pub(crate) fn ensure_tables(&self, specs: &[TableSpec]) -> Result<(), TablesRefused> {
        for spec in specs {
            let named = json!({ "TableName": spec.name });
            let found = self.run("DescribeTable", &named);
            match found {
                Ok(found) => compare(spec, &found["Table"])?,
                Err(answer) if answer.error.as_deref() == Some("ResourceNotFoundException") => {
                    self.run("CreateTable", &creation(spec)).map_err(|answer| refused(spec, answer))?;
                }
                Err(answer) => return Err(refused(spec, answer)),
            }
            self.ensure_ttl(spec, &named)?;
        }
        Ok(())
    }

    // Apart from the creation, because a crash may come between the two calls.
    fn ensure_ttl(&self, spec: &TableSpec, named: &Value) -> Result<(), TablesRefused> {
        let found = self.run("DescribeTimeToLive", named).map_err(|answer| refused(spec, answer))?;
        let found = found["TimeToLiveDescription"]["AttributeName"].as_str().map(str::to_owned);
        match (&spec.ttl, found) {
            (Some(attribute), None) => {
                let ttl = json!({ "AttributeName": attribute, "Enabled": true });
                let request = json!({ "TableName": spec.name, "TimeToLiveSpecification": ttl });
                self.run("UpdateTimeToLive", &request).map_err(|answer| refused(spec, answer))?;
                Ok(())
            }
            (wanted, found) => same(spec, "expiry attribute", &json!(found), &json!(wanted)),
        }
    }

    fn run(&self, operation: &str, request: &Value) -> Result<Value, Answer> {
        dispatch::run(&self.engine(), operation, &request.to_string()).map(|answer| answer.json())
    }
}

fn refused(spec: &TableSpec, answer: Answer) -> TablesRefused {
    let body = answer.json();
    let why = body["message"].as_str().unwrap_or(&answer.body).to_owned();
    TablesRefused::Refused { table: spec.name.clone(), why }
}

fn same(spec: &TableSpec, part: &str, found: &Value, wanted: &Value) -> Result<(), TablesRefused> {
    if found == wanted {
        return Ok(());
    }
    Err(TablesRefused::Changed {
        table: spec.name.clone(),
        part: part.to_owned(),
        found: found.to_string(),
        wanted: wanted.to_string(),
    })
}

fn compare(spec: &TableSpec, found: &Value) -> Result<(), TablesRefused> {
    let wanted = creation(spec);
    same(spec, "keys", &found["KeySchema"], &wanted["KeySchema"])?;
    let definitions = |table: &Value| sorted(&table["AttributeDefinitions"], "AttributeName", &["AttributeType"]);
    same(spec, "key types", &definitions(found), &definitions(&wanted))?;
    let indexes = |table: &Value| sorted(&table["GlobalSecondaryIndexes"], "IndexName", &["KeySchema", "Projection"]);
    same(spec, "indexes", &indexes(found), &indexes(&wanted))?;
    let stream = |table: &Value| match table["StreamSpecification"]["StreamEnabled"].as_bool() {
        Some(true) => table["StreamSpecification"]["StreamViewType"].clone(),
        Some(false) | None => Value::Null,
    };
    same(spec, "stream", &stream(found), &stream(&wanted))
}

/// The named members of each entry, in the order of their names.
fn sorted(list: &Value, name: &str, members: &[&str]) -> Value {
    let mut entries: Vec<Value> = Vec::new();
    for entry in list.as_array().into_iter().flatten() {
        let mut kept = json!({ name: entry[name] });
        for member in members {
            kept[*member] = entry[*member].clone();
            let carried = kept[*member].get_mut("NonKeyAttributes").and_then(Value::as_array_mut);
            if let Some(carried) = carried {
                carried.sort_by_key(Value::to_string);
            }
        }
        entries.push(kept);
    }
    entries.sort_by_key(|entry| entry[name].to_string());
    Value::Array(entries)
}

fn creation(spec: &TableSpec) -> Value {
    let mut kinds: Vec<&KeySpec> = Vec::new();
    let keys = std::iter::once((&spec.partition, &spec.sort));
    let index_keys = spec.indexes.iter().map(|index| (&index.partition, &index.sort));
    for key in keys.chain(index_keys).flat_map(|(partition, sort)| std::iter::once(partition).chain(sort.as_ref())) {
        if !kinds.contains(&key) {
            kinds.push(key);
        }
    }
    let definitions: Vec<Value> =
        kinds.iter().map(|key| json!({ "AttributeName": key.name, "AttributeType": key.kind.letter() })).collect();
    let mut request = json!({
        "TableName": spec.name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": definitions,
        "KeySchema": key_schema(&spec.partition, spec.sort.as_ref()),
    });
    if !spec.indexes.is_empty() {
        request["GlobalSecondaryIndexes"] = spec.indexes.iter().map(index).collect();
    }
    if let Some(view) = spec.stream {
        request["StreamSpecification"] = json!({ "StreamEnabled": true, "StreamViewType": view.wire_name() });
    }
    request
}

fn key_schema(partition: &KeySpec, sort: Option<&KeySpec>) -> Value {
    let mut schema = vec![json!({ "AttributeName": partition.name, "KeyType": "HASH" })];
    schema.extend(sort.map(|sort| json!({ "AttributeName": sort.name, "KeyType": "RANGE" })));
    Value::Array(schema)
}

fn index(index: &IndexSpec) -> Value {
    let projection = match index.attributes.as_deref() {
        None => json!({ "ProjectionType": "ALL" }),
        Some([]) => json!({ "ProjectionType": "KEYS_ONLY" }),
        Some(attributes) => json!({ "ProjectionType": "INCLUDE", "NonKeyAttributes": attributes }),
    };
    json!({
        "IndexName": index.name,
        "KeySchema": key_schema(&index.partition, index.sort.as_ref()),
        "Projection": projection,
    })
}
