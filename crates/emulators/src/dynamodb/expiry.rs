//! Tells whether anything has expired, without reading a table.
//!
//! The engine's sweep reads every item of every table with an expiry, and holds up all other calls meanwhile. It is
//! spared by an index over the expiry attribute. Never deletes anything itself.

use dynoxide::storage::Storage;

use crate::answer::Answer;

/// Whether an item of any table has expired.
pub(super) fn any(storage: &Storage, now_ms: i64) -> Result<bool, Answer> {
    for table in storage.list_ttl_enabled_tables().map_err(Answer::broken)? {
        let Some(attribute) = table.ttl_attribute.as_deref() else { continue };
        let quoted = table.table_name.replace('"', "\"\"");
        let path = format!("$.\"{attribute}\".N").replace('\'', "''");
        let expiry = format!("CAST(json_extract(item_json, '{path}') AS INTEGER)");
        let connection = storage.conn();
        connection.execute_batch(&format!(
            "CREATE INDEX IF NOT EXISTS \"_local_expiry_{quoted}\" ON \"{quoted}\" ({expiry})"
        ))?;
        let found: bool = connection.query_row(
            &format!("SELECT EXISTS (SELECT 1 FROM \"{quoted}\" WHERE {expiry} <= ?1)"),
            [now_ms / 1000],
            |row| row.get(0),
        )?;
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}
