//! Sealing: what `connections` may do with a key. There is no way from here to the plaintext of a stored key.

use std::fmt;
use std::sync::Arc;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeySpec, MacAlgorithmSpec};
use aws_smithy_types::base64;
use exchange::{ExchangeTimeMs, Question, ReceiveWindowMs, Signable, Venue};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::candidate::{CandidateKey, KeyForm, NotAKey};
use crate::cipher::{self, DATA_KEY_BYTES};
use crate::context::SealContext;
use crate::failure::CallFailed;
use crate::signature::SignedRequest;

/// How often a creation whose answer was lost is asked for again, under the same token.
const CREATE_TRIES_MAX: usize = 3;

/// Seals keys for `connections`: the vault key to make data keys with, and the right to create secrets.
#[derive(Clone)]
pub struct Sealer {
    kms: aws_sdk_kms::Client,
    secrets: aws_sdk_secretsmanager::Client,
    entropy: Arc<dyn host::Entropy>,
    vault_key: String,
    vault_mac_key: String,
}
impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(..)")
    }
}

/// Where a key went.
pub struct Sealed {
    /// The exchange it was sealed for: the same field of the candidate that chose the host which vouched for it.
    pub exchange: Venue,
    /// The full ARN of the secret.
    pub secret_arn: String,
    /// The data key under the vault key, base64.
    pub wrapped_dk: String,
}
impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({})", self.secret_arn)
    }
}

/// Why a key was not sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealFailed {
    /// No data key. Nothing was stored.
    #[error("no data key: {0}")]
    NoDataKey(CallFailed),
    /// The key could not be encrypted. Nothing was stored.
    #[error("the key could not be encrypted")]
    NotEncrypted,
    /// The secret was not stored, or nobody knows whether it was (`OutcomeUnknown`): give its name up through the ledger.
    #[error("the secret was not stored: {0}")]
    NotStored(CallFailed),
}

impl Sealer {
    /// From the function's host. `KEY_VAULT` makes data keys, `KEY_VAULT_MAC` fingerprints.
    pub fn of(host: &host::Host) -> Result<Self, host::Missing> {
        Ok(Self {
            kms: aws_sdk_kms::Client::new(&host.aws),
            secrets: aws_sdk_secretsmanager::Client::new(&host.aws),
            entropy: host.entropy.clone(),
            vault_key: host.environment.text("KEY_VAULT")?,
            vault_mac_key: host.environment.text("KEY_VAULT_MAC")?,
        })
    }

    /// Takes the secrets of a form into custody, if they have the shape of a key.
    pub fn candidate(&self, exchange: Venue, form: KeyForm) -> Result<CandidateKey, NotAKey> {
        CandidateKey::read(exchange, form)
    }

    /// The signed question what this key may do (KX-1). The only request that is ever signed with a key that nobody has
    /// authorised yet; it changes nothing and reads no balance.
    pub fn sign_permission_check(
        &self,
        candidate: &CandidateKey,
        at: ExchangeTimeMs,
    ) -> Result<SignedRequest, SealFailed> {
        let unsigned = Signable::Ask(&Question::Permissions).build(candidate.exchange, at, ReceiveWindowMs::MAX);
        SignedRequest::sign(&unsigned, &candidate.api_key, &candidate.api_secret).map_err(|_| SealFailed::NotEncrypted)
    }

    /// The name under which the platform knows this key: hex of a MAC under a key of its own over exchange and key id, so
    /// that a stolen table tells nobody which keys are attached (KX-4).
    pub async fn fingerprint(&self, candidate: &CandidateKey) -> Result<String, CallFailed> {
        // EXPOSE: the key's name, not its secret, goes to the key service.
        let message = candidate.api_key.expose(|name| format!("shearpin exchange key|{}|{name}", candidate.exchange));
        let answer = self
            .kms
            .generate_mac()
            .key_id(&self.vault_mac_key)
            .mac_algorithm(MacAlgorithmSpec::HmacSha256)
            .message(Blob::new(message))
            .send()
            .await
            .map_err(|e| CallFailed::of("GenerateMac", &e))?;
        let mac =
            answer.mac.ok_or_else(|| CallFailed::Unavailable { what: "GenerateMac: no MAC in the answer".into() })?;
        Ok(hex::encode(mac))
    }

    /// Encrypts the key under a fresh data key and stores the ciphertext as `secret_name`, which must have its ledger row
    /// (RF-20). Names are never reused.
    pub async fn seal(
        &self,
        candidate: CandidateKey,
        context: SealContext,
        secret_name: &str,
    ) -> Result<Sealed, SealFailed> {
        if candidate.exchange != context.exchange {
            return Err(SealFailed::NotEncrypted);
        }
        let data_key = self
            .kms
            .generate_data_key()
            .key_id(&self.vault_key)
            .key_spec(DataKeySpec::Aes256)
            .set_encryption_context(Some(context.encryption_context()))
            .send()
            .await
            .map_err(|e| SealFailed::NoDataKey(CallFailed::of("GenerateDataKey", &e)))?;
        let (Some(plain), Some(wrapped)) = (data_key.plaintext, data_key.ciphertext_blob) else {
            return Err(SealFailed::NoDataKey(CallFailed::Unavailable {
                what: "GenerateDataKey: no key in the answer".into(),
            }));
        };
        let plain = Zeroizing::new(plain.into_inner());
        if plain.len() != DATA_KEY_BYTES {
            return Err(SealFailed::NotEncrypted);
        }
        // A data key encrypts one message, so a random nonce cannot repeat under it.
        let value =
            cipher::close(&plain, self.entropy.bytes(), &context, &candidate).map_err(|_| SealFailed::NotEncrypted)?;
        drop((plain, candidate));
        let secret_arn = self.create(secret_name, &value).await.map_err(SealFailed::NotStored)?;
        Ok(Sealed { exchange: context.exchange, secret_arn, wrapped_dk: base64::encode(wrapped) })
    }

    /// The same token for the same name: a creation whose answer was lost is answered again and not done twice.
    async fn create(&self, secret_name: &str, value: &str) -> Result<String, CallFailed> {
        let token = hex::encode(&Sha256::digest(format!("shearpin secret|{secret_name}"))[..16]);
        let mut tries = 1;
        loop {
            let sent = self
                .secrets
                .create_secret()
                .name(secret_name)
                .client_request_token(&token)
                .secret_string(value)
                .send()
                .await;
            match sent.map_err(|e| CallFailed::of("CreateSecret", &e)) {
                Ok(answer) => {
                    return answer.arn.ok_or_else(|| CallFailed::OutcomeUnknown {
                        what: "CreateSecret: no ARN in the answer".into(),
                    });
                }
                Err(CallFailed::OutcomeUnknown { .. }) if tries < CREATE_TRIES_MAX => tries += 1,
                Err(failed) => return Err(failed),
            }
        }
    }
}
