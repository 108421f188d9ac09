//! Derives from a request what it does to which resource.
//!
//! Never skips what it does not know: an unknown operation is an access to everything.

use serde_json::Value;

use crate::policy::{Resource, Service};

/// What the services know and a request does not say.
pub(crate) trait Names {
    /// The attribute that is the partition key of a table or index.
    fn partition_key(&self, table: &str, index: Option<&str>) -> Option<String>;
    /// The key that an id, ARN, alias or ciphertext in the request stands for.
    fn key(&self, operation: &str, request: &Value) -> Resource;
}

/// One action on one resource, before it is anyone's call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) action: &'static str,
    pub(crate) resource: Resource,
    pub(crate) leading_keys: Vec<String>,
    pub(crate) attributes: Vec<String>,
    pub(crate) select: Option<String>,
}

/// The accesses of a request. An operation that is not known is an access to everything.
pub(crate) fn accesses(names: &dyn Names, service: Service, operation: &str, request: &Value) -> Vec<Access> {
    match service {
        Service::DynamoDb => dynamodb(names, operation, request),
        Service::SecretsManager => vec![one(operation, secret(request))],
        Service::Kms => vec![one(operation, names.key(operation, request))],
        Service::Sqs => vec![one(operation, queue(request))],
        Service::Ses => vec![one(operation, identity(request))],
    }
}

fn one(operation: &str, resource: Resource) -> Access {
    Access { action: action_of(operation), resource, leading_keys: Vec::new(), attributes: Vec::new(), select: None }
}

/// The action that an operation counts as; `*` for one that is not served.
fn action_of(operation: &str) -> &'static str {
    const SAME: [&str; 45] = [
        "BatchGetItem",
        "BatchWriteItem",
        "ConditionCheckItem",
        "CreateTable",
        "DeleteItem",
        "DeleteTable",
        "DescribeTable",
        "DescribeTimeToLive",
        "DescribeStream",
        "GetItem",
        "GetRecords",
        "GetShardIterator",
        "ListStreams",
        "ListTables",
        "PutItem",
        "Query",
        "Scan",
        "UpdateItem",
        "UpdateTable",
        "UpdateTimeToLive",
        "CreateSecret",
        "DeleteSecret",
        "DescribeSecret",
        "GetSecretValue",
        "ListSecrets",
        "RestoreSecret",
        "Decrypt",
        "DescribeKey",
        "DisableKey",
        "EnableKey",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateMac",
        "VerifyMac",
        "ListKeys",
        "ListAliases",
        "ChangeMessageVisibility",
        "DeleteMessage",
        "GetQueueAttributes",
        "GetQueueUrl",
        "ReceiveMessage",
        "SendMessage",
        "ListQueues",
        "SendEmail",
    ];
    match operation {
        "SendMessageBatch" => "SendMessage",
        "DeleteMessageBatch" => "DeleteMessage",
        "ChangeMessageVisibilityBatch" => "ChangeMessageVisibility",
        _ => SAME.iter().find(|known| **known == operation).copied().unwrap_or("*"),
    }
}

fn dynamodb(names: &dyn Names, operation: &str, request: &Value) -> Vec<Access> {
    let table = |request: &Value| request["TableName"].as_str().unwrap_or_default().to_owned();
    let item = |action: &'static str, request: &Value, attributes: &str| {
        let table = table(request);
        let leading_keys = partition_of(names, &table, &request[attributes]).into_iter().collect();
        Access {
            action,
            resource: Resource::Table(table),
            leading_keys,
            attributes: named(request),
            select: select(action, request),
        }
    };
    let list = |member: &str| request[member].as_array().cloned().unwrap_or_default();
    match operation {
        "GetItem" => vec![item("GetItem", request, "Key")],
        "PutItem" => vec![item("PutItem", request, "Item")],
        "UpdateItem" => vec![item("UpdateItem", request, "Key")],
        "DeleteItem" => vec![item("DeleteItem", request, "Key")],
        "Query" | "Scan" => {
            let table = table(request);
            let index = request["IndexName"].as_str();
            let key = names.partition_key(&table, index);
            let leading_keys = key.and_then(|key| queried(&key, request)).into_iter().collect();
            let resource = match index {
                Some(index) => Resource::Index { table, index: index.to_owned() },
                None => Resource::Table(table),
            };
            let action = action_of(operation);
            vec![Access { action, resource, leading_keys, attributes: named(request), select: select(action, request) }]
        }
        "TransactWriteItems" => list("TransactItems")
            .iter()
            .flat_map(|action| {
                [
                    ("Put", "PutItem", "Item"),
                    ("Update", "UpdateItem", "Key"),
                    ("Delete", "DeleteItem", "Key"),
                    ("ConditionCheck", "ConditionCheckItem", "Key"),
                ]
                .into_iter()
                .filter(|(member, _, _)| action[*member].is_object())
                .map(|(member, name, attributes)| item(name, &action[member], attributes))
                .collect::<Vec<_>>()
            })
            .collect(),
        "TransactGetItems" => {
            list("TransactItems").iter().map(|action| item("GetItem", &action["Get"], "Key")).collect()
        }
        "BatchGetItem" | "BatchWriteItem" => batch(names, action_of(operation), &request["RequestItems"]),
        "DescribeStream" | "GetShardIterator" => {
            vec![one(operation, stream(request["StreamArn"].as_str().unwrap_or_default()))]
        }
        "GetRecords" => {
            let shard = request["ShardIterator"].as_str().unwrap_or_default();
            let table = dynoxide::actions::get_shard_iterator::decode_shard_iterator(shard);
            vec![one(operation, table.map_or(Resource::Any, |(table, _, _)| Resource::Stream(table)))]
        }
        _ if request["TableName"].is_string() => vec![one(operation, Resource::Table(table(request)))],
        _ => vec![one(operation, Resource::Any)],
    }
}

fn batch(names: &dyn Names, action: &'static str, tables: &Value) -> Vec<Access> {
    let mut found = Vec::new();
    for (table, wanted) in tables.as_object().into_iter().flatten() {
        let writes = wanted.as_array().into_iter().flatten().map(|write| {
            let put = &write["PutRequest"]["Item"];
            if put.is_object() { put } else { &write["DeleteRequest"]["Key"] }
        });
        let reads = wanted["Keys"].as_array().into_iter().flatten();
        let leading_keys = reads.chain(writes).filter_map(|key| partition_of(names, table, key)).collect();
        found.push(Access {
            action,
            resource: Resource::Table(table.clone()),
            leading_keys,
            attributes: named(wanted),
            select: select(action, wanted),
        });
    }
    found
}

/// The attributes that a request names. In expressions we write every attribute as `#name`, so the aliases tell all.
fn named(request: &Value) -> Vec<String> {
    let keys = |member: &str| {
        request[member].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let aliased = request["ExpressionAttributeNames"].as_object().into_iter().flatten();
    let mut found: Vec<String> = aliased.filter_map(|(_, name)| name.as_str().map(str::to_owned)).collect();
    for member in [
        "ProjectionExpression",
        "ConditionExpression",
        "KeyConditionExpression",
        "UpdateExpression",
        "FilterExpression",
    ] {
        let words = request[member].as_str().unwrap_or_default();
        let words = words.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '#' || c == ':'));
        found.extend(words.filter(|w| !w.is_empty() && !w.starts_with(['#', ':'])).map(str::to_owned));
    }
    found.extend(keys("Item"));
    found.extend(keys("Key"));
    found.sort_unstable();
    found.dedup();
    found
}

fn select(action: &str, request: &Value) -> Option<String> {
    if !matches!(action, "GetItem" | "BatchGetItem" | "Query" | "Scan") {
        return None;
    }
    let specific = request["ProjectionExpression"].is_string();
    Some(
        request["Select"]
            .as_str()
            .unwrap_or(if specific { "SPECIFIC_ATTRIBUTES" } else { "ALL_ATTRIBUTES" })
            .to_owned(),
    )
}

/// The encryption context of a KMS request.
pub(crate) fn encryption_context(request: &Value) -> std::collections::BTreeMap<String, String> {
    let context = request["EncryptionContext"].as_object().into_iter().flatten();
    context.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

fn partition_of(names: &dyn Names, table: &str, attributes: &Value) -> Option<String> {
    key_text(&attributes[names.partition_key(table, None)?])
}

fn key_text(value: &Value) -> Option<String> {
    ["S", "N", "B"].iter().find_map(|kind| value[*kind].as_str()).map(str::to_owned)
}

/// The value that a key condition asks the partition key to equal.
fn queried(key: &str, request: &Value) -> Option<String> {
    let names = &request["ExpressionAttributeNames"];
    let condition = request["KeyConditionExpression"].as_str()?;
    condition
        .split(|c: char| c.is_whitespace() || c == '(' || c == ')')
        .collect::<Vec<_>>()
        .join(" ")
        .split(" AND ")
        .flat_map(|term| term.split(" and "))
        .filter_map(|term| term.split_once('='))
        .map(|(left, right)| (left.trim(), right.trim()))
        .find(|(left, _)| *left == key || names[*left] == key)
        .and_then(|(_, right)| key_text(&request["ExpressionAttributeValues"][right]))
}

fn stream(arn: &str) -> Resource {
    arn.split('/').nth(1).map_or(Resource::Any, |table| Resource::Stream(table.to_owned()))
}

fn secret(request: &Value) -> Resource {
    match request["SecretId"].as_str().or_else(|| request["Name"].as_str()) {
        Some(id) => Resource::Secret(secret_name(id).to_owned()),
        None => Resource::Any,
    }
}

/// The name inside a secret's id: an ARN carries it with a dash and six random characters behind.
pub(crate) fn secret_name(id: &str) -> &str {
    match id.strip_prefix("arn:").and_then(|rest| rest.split_once(":secret:")) {
        Some((_, name)) if name.len() > 7 && name.is_char_boundary(name.len() - 7) => {
            let (front, suffix) = name.split_at(name.len() - 7);
            if suffix.starts_with('-') { front } else { name }
        }
        Some((_, name)) => name,
        None => id,
    }
}

fn queue(request: &Value) -> Resource {
    let url = request["QueueUrl"].as_str().or_else(|| request["QueueName"].as_str());
    match url.and_then(|url| url.rsplit('/').next()) {
        Some(name) => Resource::Queue(name.to_owned()),
        None => Resource::Any,
    }
}

fn identity(request: &Value) -> Resource {
    match request["FromEmailAddress"].as_str() {
        Some(from) => Resource::Identity(bare_address(from).to_owned()),
        None => Resource::Any,
    }
}

/// The address inside `Name <address>`.
pub(crate) fn bare_address(text: &str) -> &str {
    match text.rsplit_once('<') {
        Some((_, rest)) => rest.trim_end().trim_end_matches('>'),
        None => text.trim(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct Known;

    impl Names for Known {
        fn partition_key(&self, _table: &str, index: Option<&str>) -> Option<String> {
            Some(if index.is_some() { "owner" } else { "pk" }.to_owned())
        }
        fn key(&self, _operation: &str, _request: &Value) -> Resource {
            Resource::Any
        }
    }

    fn check(operation: &str, request: Value, expected: &[(&'static str, &str, &[&str])]) {
        let service = if operation.contains("Secret") { Service::SecretsManager } else { Service::DynamoDb };
        let found = accesses(&Known, service, operation, &request);
        let found: Vec<_> =
            found.iter().map(|access| (access.action, access.resource.arn(), access.leading_keys.clone())).collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(action, arn, keys)| {
                (*action, (*arn).to_owned(), keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(found, expected);
    }

    const T: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/t";

    #[test]
    fn each_item_of_a_transaction_counts_as_its_own_action() {
        let key = json!({ "pk": { "S": "a" }, "sk": { "S": "b" } });
        let request = json!({ "TransactItems": [
            { "Put": { "TableName": "t", "Item": key } },
            { "Update": { "TableName": "t", "Key": key } },
            { "Delete": { "TableName": "t", "Key": key } },
            { "ConditionCheck": { "TableName": "t", "Key": key } },
        ] });
        let a: &[&str] = &["a"];
        check(
            "TransactWriteItems",
            request,
            &[("PutItem", T, a), ("UpdateItem", T, a), ("DeleteItem", T, a), ("ConditionCheckItem", T, a)],
        );
    }

    #[test]
    fn a_query_names_its_index_and_its_partition() {
        let request = json!({
            "TableName": "t", "IndexName": "by-owner",
            "KeyConditionExpression": "#o = :o AND sk BETWEEN :a AND :b",
            "ExpressionAttributeNames": { "#o": "owner" },
            "ExpressionAttributeValues": { ":o": { "S": "me" }, ":a": { "N": "1" }, ":b": { "N": "2" } },
        });
        check("Query", request, &[("Query", &format!("{T}/index/by-owner"), &["me"])]);
        check("Scan", json!({ "TableName": "t" }), &[("Scan", T, &[])]);
    }

    #[test]
    fn a_batch_names_all_its_keys() {
        let request = json!({ "RequestItems": { "t": [
            { "PutRequest": { "Item": { "pk": { "S": "a" } } } },
            { "DeleteRequest": { "Key": { "pk": { "N": "7" } } } },
        ] } });
        check("BatchWriteItem", request, &[("BatchWriteItem", T, &["a", "7"])]);
    }

    #[test]
    fn what_is_not_known_is_an_access_to_everything() {
        check("ExecuteStatement", json!({ "Statement": "DELETE FROM t" }), &[("*", "*", &[])]);
    }

    #[test]
    fn a_secret_is_known_by_its_name_alone() {
        let arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:ex/u/c";
        for id in ["ex/u/c".to_owned(), arn.to_owned() + "-Ab12Cd"] {
            check("GetSecretValue", json!({ "SecretId": id }), &[("GetSecretValue", arn, &[])]);
        }
    }

    #[test]
    fn an_address_stands_in_angle_brackets_or_alone() {
        assert_eq!(bare_address("Shearpin <no-reply@x.test>"), "no-reply@x.test");
        assert_eq!(bare_address(" no-reply@x.test "), "no-reply@x.test");
    }
}
