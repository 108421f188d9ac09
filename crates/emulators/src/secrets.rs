//! Secrets Manager: create, read, describe, delete.
//!
//! A secret is written once and never updated, so it has one version. Never keeps a deleted value: a forced delete
//! overwrites it and empties the log before it answers. Values lie sealed under the folder's key.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rusqlite::{OptionalExtension, Row, params};
use serde_json::{Value, json};

use crate::access::secret_name;
use crate::answer::Answer;
use crate::seal::random_bytes;
use crate::shelf::{Shelf, seconds};

pub(crate) const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS secrets (
    name TEXT PRIMARY KEY, arn TEXT NOT NULL UNIQUE, version TEXT NOT NULL, sealed BLOB,
    description TEXT, tags TEXT NOT NULL, created_ms INTEGER NOT NULL,
    deleted_ms INTEGER, gone_ms INTEGER)";

/// AWS's limit for a value.
const VALUE_BYTES_MAX: usize = 65_536;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(crate) struct Secrets {
    shelf: Arc<Shelf>,
    // How long a secret deleted by force is still described; AWS promises no moment.
    delay_ms: AtomicI64,
}

struct Stored {
    name: String,
    arn: String,
    version: String,
    sealed: Option<Vec<u8>>,
    description: Option<String>,
    tags: String,
    created_ms: i64,
    deleted_ms: Option<i64>,
}

impl Secrets {
    pub(crate) fn new(shelf: Arc<Shelf>) -> Self {
        Self { shelf, delay_ms: AtomicI64::new(0) }
    }

    pub(crate) fn delay_deletion(&self, ms: i64) {
        self.delay_ms.store(ms, Ordering::SeqCst);
    }

    pub(crate) fn call(&self, operation: &str, request: &Value) -> Answer {
        let done = self.forget_gone().and_then(|()| match operation {
            "CreateSecret" => self.create(request),
            "GetSecretValue" => self.read(request),
            "DescribeSecret" => self.describe(request),
            "DeleteSecret" => self.delete(request),
            "RestoreSecret" => self.restore(request),
            "ListSecrets" => self.list(request),
            _ => Err(Answer::refused(
                400,
                "UnknownOperationException",
                &format!("{operation} is not served by the local Secrets Manager"),
            )),
        });
        match done {
            Ok(body) => Answer::ok(&body),
            Err(refused) => refused,
        }
    }

    fn create(&self, request: &Value) -> Result<Value, Answer> {
        let name = request["Name"].as_str().ok_or_else(|| invalid("You must provide a name."))?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
        if name.is_empty() || name.len() > 512 || !name.chars().all(allowed) {
            return Err(invalid(
                "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: \
                 -/_+=.@!, of 1 to 512 characters",
            ));
        }
        let token = match request["ClientRequestToken"].as_str() {
            Some(token) if (32..=64).contains(&token.len()) => token.to_owned(),
            Some(_) => return Err(invalid("ClientRequestToken must have 32 to 64 characters.")),
            None => hex::encode(random_bytes::<16>().map_err(Answer::broken)?),
        };
        let value = value_of(request)?;
        if let Some(known) = self.find(name)? {
            return self.create_again(&known, name, &token, &value);
        }
        let arn = format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}-{}", suffix()?);
        let sealed = self.shelf.key.seal(&value, arn.as_bytes()).map_err(Answer::broken)?;
        let tags = if request["Tags"].is_array() { request["Tags"].to_string() } else { "[]".to_owned() };
        self.shelf.connection().execute(
            "INSERT INTO secrets VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, NULL)",
            params![name, arn, token, sealed, request["Description"].as_str(), tags, self.shelf.now_ms()],
        )?;
        Ok(json!({ "ARN": arn, "Name": name, "VersionId": token }))
    }

    /// The same token with the same value is the same request; everything else finds the name taken.
    fn create_again(&self, known: &Stored, name: &str, token: &str, value: &[u8]) -> Result<Value, Answer> {
        if known.deleted_ms.is_some() {
            return Err(refused(
                "InvalidRequestException",
                "You can't create this secret because a secret with this name is already scheduled for deletion.",
            ));
        }
        let same = known.version == token && self.opened(known)?.as_deref() == Some(value);
        if same {
            return Ok(json!({ "ARN": known.arn, "Name": name, "VersionId": token }));
        }
        let message = if known.version == token {
            "You can't use ClientRequestToken again for another value: the secret version already exists.".to_owned()
        } else {
            format!("The operation failed because the secret {name} already exists.")
        };
        Err(refused("ResourceExistsException", &message))
    }

    fn read(&self, request: &Value) -> Result<Value, Answer> {
        let found = self.require(request)?;
        if found.deleted_ms.is_some() {
            return Err(refused(
                "InvalidRequestException",
                "You can't perform this operation on the secret because it was marked for deletion.",
            ));
        }
        let version = request["VersionId"].as_str().unwrap_or(&found.version);
        let stage = request["VersionStage"].as_str().unwrap_or("AWSCURRENT");
        let value = self.opened(&found)?;
        let (true, true, Some(value)) = (version == found.version, stage == "AWSCURRENT", value) else {
            return Err(not_found(&format!(
                "Secrets Manager can't find the specified secret value for VersionId: {version} / staging label: {stage}"
            )));
        };
        let mut answer = json!({
            "ARN": found.arn, "Name": found.name, "VersionId": found.version,
            "VersionStages": ["AWSCURRENT"], "CreatedDate": seconds(found.created_ms),
        });
        // The first byte says what it was created from.
        match value.split_first() {
            Some((b's', text)) => answer["SecretString"] = json!(String::from_utf8_lossy(text)),
            Some((_, bytes)) => answer["SecretBinary"] = json!(BASE64.encode(bytes)),
            None => return Err(Answer::broken("an empty value")),
        }
        Ok(answer)
    }

    fn describe(&self, request: &Value) -> Result<Value, Answer> {
        let found = self.require(request)?;
        Ok(described(&found))
    }

    fn delete(&self, request: &Value) -> Result<Value, Answer> {
        let force = request["ForceDeleteWithoutRecovery"].as_bool().unwrap_or(false);
        let days = request["RecoveryWindowInDays"].as_i64();
        if force && days.is_some() {
            return Err(invalid("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays."));
        }
        if days.is_some_and(|days| !(7..=30).contains(&days)) {
            return Err(invalid("RecoveryWindowInDays must be between 7 and 30 days (inclusive)."));
        }
        let now_ms = self.shelf.now_ms();
        let id = request["SecretId"].as_str().ok_or_else(|| invalid("You must provide a secret id."))?;
        let Some(found) = self.find(id)? else {
            // AWS: a forced delete of what is not there reports success, so a wrong ARN does too.
            return if force {
                let arn = id.starts_with("arn:").then_some(id);
                Ok(json!({ "ARN": arn, "Name": secret_name(id), "DeletionDate": seconds(now_ms) }))
            } else {
                Err(missing())
            };
        };
        if force {
            self.erase(&found, now_ms)?;
            return Ok(json!({ "ARN": found.arn, "Name": found.name, "DeletionDate": seconds(now_ms) }));
        }
        if found.deleted_ms.is_some() {
            return Err(refused(
                "InvalidRequestException",
                "You can't perform this operation on the secret because it was already scheduled for deletion.",
            ));
        }
        let deleted_ms = now_ms + days.unwrap_or(30) * DAY_MS;
        self.shelf.connection().execute(
            "UPDATE secrets SET deleted_ms = ?2, gone_ms = ?2 WHERE arn = ?1",
            params![found.arn, deleted_ms],
        )?;
        Ok(json!({ "ARN": found.arn, "Name": found.name, "DeletionDate": seconds(deleted_ms) }))
    }

    fn erase(&self, found: &Stored, now_ms: i64) -> Result<(), Answer> {
        let delay_ms = self.delay_ms.load(Ordering::SeqCst);
        if delay_ms > 0 {
            self.shelf.connection().execute(
                "UPDATE secrets SET sealed = NULL, deleted_ms = ?2, gone_ms = ?3 WHERE arn = ?1",
                params![found.arn, now_ms, now_ms + delay_ms],
            )?;
        } else {
            self.shelf.connection().execute("DELETE FROM secrets WHERE arn = ?1", [&found.arn])?;
        }
        // The log may still hold the page with the value.
        self.shelf.checkpoint()
    }

    fn restore(&self, request: &Value) -> Result<Value, Answer> {
        let found = self.require(request)?;
        if found.sealed.is_none() {
            return Err(missing());
        }
        self.shelf
            .connection()
            .execute("UPDATE secrets SET deleted_ms = NULL, gone_ms = NULL WHERE arn = ?1", [&found.arn])?;
        Ok(json!({ "ARN": found.arn, "Name": found.name }))
    }

    fn list(&self, request: &Value) -> Result<Value, Answer> {
        let prefixes = name_filters(request)?;
        let max = request["MaxResults"].as_u64().unwrap_or(100).clamp(1, 100) as usize;
        let after = request["NextToken"].as_str().unwrap_or_default();
        let planned = request["IncludePlannedDeletion"].as_bool().unwrap_or(false);
        let connection = self.shelf.connection();
        let mut rows = connection.prepare("SELECT * FROM secrets WHERE name > ?1 ORDER BY name")?;
        let mut found = Vec::new();
        for row in rows.query_map([after], read_row)? {
            let row = row?;
            let named = prefixes.is_empty() || prefixes.iter().any(|prefix| row.name.starts_with(prefix.as_str()));
            if named && (planned || row.deleted_ms.is_none()) {
                found.push(row);
            }
        }
        let more = found.len() > max;
        found.truncate(max);
        let next = found.last().filter(|_| more).map(|row| row.name.clone());
        let list: Vec<Value> = found
            .iter()
            .map(|row| {
                let mut entry = described(row);
                // The list calls them otherwise than the description does.
                entry["SecretVersionsToStages"] = entry["VersionIdsToStages"].take();
                if let Some(entry) = entry.as_object_mut() {
                    entry.remove("VersionIdsToStages");
                }
                entry
            })
            .collect();
        Ok(json!({ "SecretList": list, "NextToken": next }))
    }

    /// What has passed its last moment is gone, whenever it is next looked at.
    fn forget_gone(&self) -> Result<(), Answer> {
        self.shelf.connection().execute("DELETE FROM secrets WHERE gone_ms <= ?1", [self.shelf.now_ms()])?;
        Ok(())
    }

    fn require(&self, request: &Value) -> Result<Stored, Answer> {
        let id = request["SecretId"].as_str().ok_or_else(|| invalid("You must provide a secret id."))?;
        self.find(id)?.ok_or_else(missing)
    }

    /// By name, by full ARN, or by an ARN without the random suffix. The ARN of an earlier secret of the same name
    /// finds nothing.
    fn find(&self, id: &str) -> Result<Option<Stored>, Answer> {
        let connection = self.shelf.connection();
        let found = connection
            .prepare_cached(
                "SELECT * FROM secrets WHERE name = ?1 OR arn = ?1 OR substr(arn, 1, length(arn) - 7) = ?1",
            )?
            .query_row([id], read_row)
            .optional()?;
        Ok(found)
    }

    fn opened(&self, row: &Stored) -> Result<Option<Vec<u8>>, Answer> {
        let Some(sealed) = &row.sealed else { return Ok(None) };
        let opened = self.shelf.key.open(sealed, row.arn.as_bytes());
        opened.map(Some).ok_or_else(|| Answer::broken("the value was sealed under another key"))
    }
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        name: row.get("name")?,
        arn: row.get("arn")?,
        version: row.get("version")?,
        sealed: row.get("sealed")?,
        description: row.get("description")?,
        tags: row.get("tags")?,
        created_ms: row.get("created_ms")?,
        deleted_ms: row.get("deleted_ms")?,
    })
}

fn described(row: &Stored) -> Value {
    json!({
        "ARN": row.arn,
        "Name": row.name,
        "Description": row.description,
        "Tags": serde_json::from_str::<Value>(&row.tags).unwrap_or(json!([])),
        "CreatedDate": seconds(row.created_ms),
        "LastChangedDate": seconds(row.created_ms),
        "DeletedDate": row.deleted_ms.map(seconds),
        "VersionIdsToStages": { row.version.as_str(): ["AWSCURRENT"] },
    })
}

/// The value with a first byte that says whether it is text.
fn value_of(request: &Value) -> Result<Vec<u8>, Answer> {
    let (kind, bytes) = match (request["SecretString"].as_str(), request["SecretBinary"].as_str()) {
        (Some(_), Some(_)) => {
            return Err(invalid("You can't specify both a binary secret value and a string secret value."));
        }
        (Some(text), None) => (b's', text.as_bytes().to_vec()),
        (None, Some(encoded)) => {
            let bytes = BASE64.decode(encoded).map_err(|_| invalid("SecretBinary is not base64."))?;
            (b'b', bytes)
        }
        // AWS allows a secret without a value; nothing here ever wants one, and it would hide a mistake.
        (None, None) => return Err(invalid("You must provide SecretString or SecretBinary.")),
    };
    if bytes.is_empty() || bytes.len() > VALUE_BYTES_MAX {
        return Err(refused(
            "ValidationException",
            &format!("1 validation error detected: a secret value has 1 to {VALUE_BYTES_MAX} bytes"),
        ));
    }
    Ok(std::iter::once(kind).chain(bytes).collect())
}

fn name_filters(request: &Value) -> Result<Vec<String>, Answer> {
    let mut prefixes = Vec::new();
    for filter in request["Filters"].as_array().into_iter().flatten() {
        if filter["Key"] != "name" {
            return Err(invalid("The local Secrets Manager filters by name alone."));
        }
        prefixes.extend(filter["Values"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    }
    Ok(prefixes)
}

fn suffix() -> Result<String, Answer> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let bytes = random_bytes::<6>().map_err(Answer::broken)?;
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect())
}

fn refused(error: &str, message: &str) -> Answer {
    Answer::refused(400, error, message)
}

fn invalid(message: &str) -> Answer {
    refused("InvalidParameterException", message)
}

fn not_found(message: &str) -> Answer {
    refused("ResourceNotFoundException", message)
}

fn missing() -> Answer {
    not_found("Secrets Manager can't find the specified secret.")
}
