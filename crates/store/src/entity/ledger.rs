//! The ledger of secrets: written before a secret is created, so that no secret is ever without a record (RF-20).
//!
//! | table | pk | sk | attributes |
//! | --- | --- | --- | --- |
//! | vault | `LEDGER#<secret name>` | `LEDGER` | `state` S `CREATING`, `LIVE`, `DELETING`, `DELETED`; `user`, `connection` S; `secret_arn` S once known; `updated_at` N; `ledger_key` S (state, while not DELETED) and `ledger_ms` N for the sweep's index; `ttl` N once DELETED |

use crate::Key;

/// Where the record of a secret is. Secret names are never reused: `ex/<user>/<connection>/<ulid>`.
pub fn key(secret_name: &str) -> Key { Key::new(format!("LEDGER#{secret_name}"), "LEDGER") }

/// The name of a secret, from its full ARN: `arn:aws:secretsmanager:<region>:<account>:secret:<name>-<6 characters>`.
pub fn name_of_arn(arn: &str) -> Option<&str> {
    let named = arn.split_once(":secret:")?.1;
    named.rfind('-').map(|dash| &named[..dash])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_read_off_the_arn() {
        let arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:ex/usr_1/con_2/01ABC-x7Yz12";
        assert_eq!(name_of_arn(arn), Some("ex/usr_1/con_2/01ABC"));
        assert_eq!(name_of_arn("nonsense"), None);
    }
}
