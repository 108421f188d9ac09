//! Passkeys of an account: registered, listed, removed (PK-3).

pub(crate) mod begin_passkey;
pub(crate) mod finish_passkey;
pub(crate) mod list_passkeys;
pub(crate) mod remove_passkey;

use account::id::PasskeyId;
use api::{Problem, shape};
use passkey::CredentialId;
use schemars::JsonSchema;
use serde::Serialize;
use store::entity::passkey::Passkey;

/// A passkey as its owner sees it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Passkey")]
struct ShownPasskey {
    id: PasskeyId,
    /// What its owner calls it.
    name: String,
    #[schemars(with = "shape::Time")]
    created_at: String,
    #[schemars(with = "Option<shape::Time>")]
    last_used_at: Option<String>,
}

impl ShownPasskey {
    fn of(passkey: Passkey) -> Self {
        Self {
            id: passkey.id,
            name: passkey.name,
            created_at: passkey.created_at.to_string(),
            last_used_at: passkey.last_used_at.map(|at| at.to_string()),
        }
    }
}

/// What the authenticators call these passkeys.
fn credential_ids(passkeys: &[Passkey]) -> Result<Vec<CredentialId>, Problem> {
    let corrupt = |_| Problem::unavailable().logged("the stored id of a passkey is not one");
    passkeys.iter().map(|p| p.credential_id.parse().map_err(corrupt)).collect()
}
