//! Signing: what `signer` may do with a key. Opens it for one request that is built here from evidence, and forgets it.

use std::fmt;

use aws_sdk_kms::primitives::Blob;
use aws_smithy_types::base64;
use exchange::{ExchangeTimeMs, Question, ReceiveWindowMs, Signable, Venue};
use store::entity::connection::SealedKey;
use store::transaction::authorise_cancel::CancelIntent;
use store::transaction::authorise_order::OrderIntent;
use store::transaction::authorise_query::QueryGrant;
use store::transaction::authorising::Scope;
use zeroize::Zeroizing;

use crate::cipher::{self, DATA_KEY_BYTES};
use crate::context::SealContext;
use crate::failure::CallFailed;
use crate::signature::SignedRequest;

/// Signs requests for `signer`. Holds no key between calls (G3, RF-6).
///
/// An authorised order is signed once:
/// ```compile_fail,E0382
/// # use exchange::ReceiveWindowMs; use store::entity::connection::SealedKey; use store::transaction::authorise_order::OrderIntent;
/// async fn twice(signer: &vault::Signer, order: OrderIntent, key: &SealedKey) {
///     let first = signer.sign_order(order, key, 0, ReceiveWindowMs::MAX).await;
///     let second = signer.sign_order(order, key, 0, ReceiveWindowMs::MAX).await;
/// }
/// ```
/// and only an authorised one; there is no signing of an order that no transaction has authorised:
/// ```compile_fail,E0308
/// # use exchange::ReceiveWindowMs; use store::entity::connection::SealedKey; use strategy::order::PlannedOrder;
/// async fn forged(signer: &vault::Signer, order: PlannedOrder, key: &SealedKey) {
///     let signed = signer.sign_order(order, key, 0, ReceiveWindowMs::MAX).await;
/// }
/// ```
/// nor of bytes (KX-6):
/// ```compile_fail,E0599
/// async fn bytes(signer: &vault::Signer) { let signed = signer.sign(b"symbol=BTCUSDT").await; }
/// ```
/// ```
/// # use exchange::ReceiveWindowMs; use store::entity::connection::SealedKey; use store::transaction::authorise_order::OrderIntent;
/// async fn once(signer: &vault::Signer, order: OrderIntent, key: &SealedKey) {
///     let signed = signer.sign_order(order, key, 0, ReceiveWindowMs::MAX).await;
/// }
/// ```
#[derive(Clone)]
pub struct Signer {
    kms: aws_sdk_kms::Client,
    secrets: aws_sdk_secretsmanager::Client,
    vault_key: String,
}
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(..)")
    }
}

/// Why nothing was signed; in order of precedence. Nothing has left, so nothing can arrive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignRefused {
    /// The sealed key belongs to another user, connection, epoch or exchange than the evidence (RF-6).
    #[error("the sealed key is not the one that was authorised")]
    OtherKey,
    /// The exchange of the evidence is not one of ours.
    #[error("the exchange is not supported")]
    VenueUnknown,
    /// The secret was erased: a reset or a detach came between.
    #[error("the secret is gone")]
    SecretGone,
    /// The wrapped key or the ciphertext does not open under this context: tampered with, or moved.
    #[error("the key does not open")]
    DoesNotOpen,
    /// Secrets Manager or KMS could not be used.
    #[error(transparent)]
    Call(CallFailed),
}

impl Signer {
    /// From the function's host. `KEY_VAULT` opens data keys.
    pub fn of(host: &host::Host) -> Result<Self, host::Missing> {
        Ok(Self {
            kms: aws_sdk_kms::Client::new(&host.aws),
            secrets: aws_sdk_secretsmanager::Client::new(&host.aws),
            vault_key: host.environment.text("KEY_VAULT")?,
        })
    }

    /// Signs an authorised order. Its timestamp is the moment of authorisation on the exchange's clock, `offset_ms` ahead of
    /// ours, so that nothing authorised before a fence is accepted later than the window after it (G2, RF-3).
    pub async fn sign_order(
        &self,
        order: OrderIntent,
        key: &SealedKey,
        offset_ms: i64,
        window: ReceiveWindowMs,
    ) -> Result<SignedRequest, SignRefused> {
        let what = Signable::Place { pair: order.pair(), order: order.order() };
        self.sign_built(order.scope(), key, &what, ExchangeTimeMs::of(order.authorised_at(), offset_ms), window).await
    }

    /// Signs an authorised cancel, under the same rule of time.
    pub async fn sign_cancel(
        &self,
        cancel: CancelIntent,
        key: &SealedKey,
        offset_ms: i64,
        window: ReceiveWindowMs,
    ) -> Result<SignedRequest, SignRefused> {
        let what = Signable::Cancel { pair: cancel.pair(), order: cancel.order() };
        self.sign_built(cancel.scope(), key, &what, ExchangeTimeMs::of(cancel.authorised_at(), offset_ms), window).await
    }

    /// Signs one question of an authorised QUERY, which may take several. A question cannot place or cancel anything, so its
    /// timestamp is now, `at`, on the exchange's clock.
    pub async fn sign_query(
        &self,
        grant: &QueryGrant,
        key: &SealedKey,
        question: &Question,
        at: ExchangeTimeMs,
        window: ReceiveWindowMs,
    ) -> Result<SignedRequest, SignRefused> {
        self.sign_built(grant.scope(), key, &Signable::Ask(question), at, window).await
    }

    async fn sign_built(
        &self,
        scope: &Scope,
        key: &SealedKey,
        what: &Signable<'_>,
        at: ExchangeTimeMs,
        window: ReceiveWindowMs,
    ) -> Result<SignedRequest, SignRefused> {
        let context = context(scope, key)?;
        let value = self.ciphertext(key.secret_arn()).await?;
        let data_key = self.data_key(key.wrapped_dk(), &context).await?;
        let open = cipher::open(&data_key, &context, &value).map_err(|_| SignRefused::DoesNotOpen)?;
        drop(data_key);
        let unsigned = what.build(context.exchange, at, window);
        SignedRequest::sign(&unsigned, &open.api_key, &open.api_secret).map_err(|_| SignRefused::DoesNotOpen)
        // G3: `open` is wiped here; what stays is the request alone.
    }

    async fn ciphertext(&self, secret_arn: &str) -> Result<String, SignRefused> {
        let answer = self.secrets.get_secret_value().secret_id(secret_arn).send().await;
        let answer = answer.map_err(|error| match CallFailed::of("GetSecretValue", &error) {
            CallFailed::NotFound { .. } => SignRefused::SecretGone,
            // A secret that is marked for deletion is refused with this code.
            CallFailed::Unavailable { what } if what.ends_with("InvalidRequestException") => SignRefused::SecretGone,
            failed @ (CallFailed::Unavailable { .. }
            | CallFailed::OutcomeUnknown { .. }
            | CallFailed::NotGranted { .. }) => SignRefused::Call(failed),
        })?;
        answer.secret_string.ok_or(SignRefused::DoesNotOpen)
    }

    async fn data_key(&self, wrapped_dk: &str, context: &SealContext) -> Result<Zeroizing<Vec<u8>>, SignRefused> {
        let wrapped = base64::decode(wrapped_dk).map_err(|_| SignRefused::DoesNotOpen)?;
        let answer = self
            .kms
            .decrypt()
            .key_id(&self.vault_key)
            .ciphertext_blob(Blob::new(wrapped))
            .set_encryption_context(Some(context.encryption_context()))
            .send()
            .await;
        let answer = answer.map_err(|error| match CallFailed::of("Decrypt", &error) {
            CallFailed::Unavailable { what }
                if what.ends_with("InvalidCiphertextException") || what.ends_with("IncorrectKeyException") =>
            {
                SignRefused::DoesNotOpen
            }
            failed @ (CallFailed::Unavailable { .. }
            | CallFailed::OutcomeUnknown { .. }
            | CallFailed::NotGranted { .. }
            | CallFailed::NotFound { .. }) => SignRefused::Call(failed),
        })?;
        let plain = answer.plaintext.map(|plain| Zeroizing::new(plain.into_inner())).ok_or(SignRefused::DoesNotOpen)?;
        if plain.len() == DATA_KEY_BYTES { Ok(plain) } else { Err(SignRefused::DoesNotOpen) }
    }
}

/// The context in which the key must open: the evidence's, which the sealed key must share.
fn context(scope: &Scope, key: &SealedKey) -> Result<SealContext, SignRefused> {
    let same = scope.user() == key.user()
        && scope.connection() == key.connection()
        && scope.epoch() == key.epoch()
        && scope.exchange() == key.exchange();
    if !same {
        return Err(SignRefused::OtherKey);
    }
    let exchange: Venue = scope.exchange().parse().map_err(|_| SignRefused::VenueUnknown)?;
    Ok(SealContext { user: scope.user(), connection: scope.connection(), epoch: scope.epoch(), exchange })
}
