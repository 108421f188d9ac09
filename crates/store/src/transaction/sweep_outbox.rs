//! Drives jobs that nobody finished: raises `tries`, so that the stream delivers the job again.
//!
//! | write | condition |
//! | --- | --- |
//! | `JOB#` tries + 1 | still open; a mail that waits is due (PR-14) |

use account::WallTime;

use crate::attribute::{n, s};
use crate::write::Write;
use crate::{Key, Store, StoreError, Table};

/// An open job and when it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenJob {
    pub key: Key,
    pub created_at: WallTime,
}

impl Store {
    /// Open jobs of a kind that were written before `before`, oldest first. Candidates only.
    pub async fn find_open_jobs(&self, kind: &str, before: WallTime) -> Result<Vec<OpenJob>, StoreError> {
        let values = [(":kind", s(kind)), (":before", n(before.ms()))];
        let rows = self
            .query(Table::Outbox, Some("open_jobs"), "open_key = :kind AND created_ms < :before", values, None)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(OpenJob {
                    key: Key::new(row.text("pk")?, row.text("sk")?),
                    created_at: WallTime::from_ms(row.number("created_ms")?),
                })
            })
            .collect()
    }
    /// Makes the stream deliver an open job again, unless it waits for a later moment. The index does not know of that
    /// moment, so the write itself asks.
    pub async fn drive_job(&self, key: &Key, now: WallTime) -> Result<bool, StoreError> {
        let write = Write::update(Table::Outbox, key.clone(), "SET #tries = #tries + :one")
            .when("attribute_exists(#open_key) AND (attribute_not_exists(#not_before) OR #not_before <= :now)")
            .value(":one", n(1))
            .value(":now", n(now.ms()));
        Ok(self.write_one(write).await?.is_ok())
    }
}
