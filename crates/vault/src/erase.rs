//! Erasing: what `shredder` may do. Deletes secrets and proves them gone; cannot read one.

use std::fmt;

use crate::failure::CallFailed;

/// Erases secrets for `shredder`.
#[derive(Clone)]
pub struct Eraser {
    secrets: aws_sdk_secretsmanager::Client,
}
impl fmt::Debug for Eraser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Eraser(..)")
    }
}

/// Why nothing is known about the erasure. The secret counts as being there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EraseFailed {
    /// Secrets are erased by their full ARN alone: forcing the deletion of a name that does not exist reports success (RF-24).
    #[error("not the full ARN of an exchange secret")]
    NotAFullArn,
    /// The call failed.
    #[error(transparent)]
    Call(#[from] CallFailed),
}

impl Eraser {
    /// From the function's host.
    pub fn of(host: &host::Host) -> Self {
        Self { secrets: aws_sdk_secretsmanager::Client::new(&host.aws) }
    }

    /// Orders the deletion, without a recovery window. Success proves nothing: see [`Eraser::is_gone`].
    pub async fn delete(&self, secret_arn: &str) -> Result<(), EraseFailed> {
        full(secret_arn)?;
        match self.secrets.delete_secret().secret_id(secret_arn).force_delete_without_recovery(true).send().await {
            Ok(_) => Ok(()),
            Err(error) => match CallFailed::of("DeleteSecret", &error) {
                // Gone already; the proof is the same for all.
                CallFailed::NotFound { .. } => Ok(()),
                failed @ (CallFailed::Unavailable { .. }
                | CallFailed::OutcomeUnknown { .. }
                | CallFailed::NotGranted { .. }) => Err(failed.into()),
            },
        }
    }

    /// Whether the secret is gone: DescribeSecret on the full ARN says not found (G4). Marked for deletion is not gone (RF-25).
    pub async fn is_gone(&self, secret_arn: &str) -> Result<bool, EraseFailed> {
        full(secret_arn)?;
        Ok(self.describe(secret_arn).await?.is_none())
    }

    /// The full ARN of a secret of which only the name is known, since the answer to its creation was lost (RF-20). `None`
    /// is no proof of absence: names become visible with a delay.
    pub async fn find_arn(&self, secret_name: &str) -> Result<Option<String>, EraseFailed> {
        self.describe(secret_name).await
    }

    async fn describe(&self, secret: &str) -> Result<Option<String>, EraseFailed> {
        match self.secrets.describe_secret().secret_id(secret).send().await {
            Ok(answer) => answer
                .arn
                .map(Some)
                .ok_or_else(|| CallFailed::Unavailable { what: "DescribeSecret: no ARN in the answer".into() }.into()),
            Err(error) => match CallFailed::of("DescribeSecret", &error) {
                CallFailed::NotFound { .. } => Ok(None),
                failed @ (CallFailed::Unavailable { .. }
                | CallFailed::OutcomeUnknown { .. }
                | CallFailed::NotGranted { .. }) => Err(failed.into()),
            },
        }
    }
}

/// `arn:…:secretsmanager:…:secret:ex/<name>-<6 characters>`.
fn full(arn: &str) -> Result<(), EraseFailed> {
    let random = arn.rsplit_once('-').map(|(_, random)| random);
    let is_full = arn.starts_with("arn:")
        && arn.contains(":secretsmanager:")
        && arn.contains(":secret:ex/")
        && random.is_some_and(|random| random.len() == 6 && random.bytes().all(|b| b.is_ascii_alphanumeric()));
    if is_full { Ok(()) } else { Err(EraseFailed::NotAFullArn) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RF-24: a name, a partial ARN or another secret's prefix never gets as far as a deletion.
    #[test]
    fn only_full_arns_of_exchange_secrets_are_erased() {
        let prefix = "arn:aws:secretsmanager:us-east-1:000000000000:secret:";
        assert_eq!(full(&format!("{prefix}ex/usr_1/con_2/01ABC-x7Yz12")), Ok(()));
        for wrong in [
            "ex/usr_1/con_2/01ABC",
            "ex/usr_1/con_2/01ABC-x7Yz12",
            &format!("{prefix}ex/usr_1/con_2/01ABC"),
            &format!("{prefix}other-x7Yz12"),
            &format!("{prefix}ex/u/c/1-x7Yz1*"),
            "",
        ] {
            assert_eq!(full(wrong), Err(EraseFailed::NotAFullArn), "{wrong}");
        }
    }
}
