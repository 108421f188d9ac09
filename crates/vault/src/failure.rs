//! How calls to Secrets Manager and KMS fail, in words that hold nothing of their bodies.

use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};

/// A failed call. Names the operation and the service's error code, never a body (KX-5).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallFailed {
    /// Not reachable, throttled after retries, refused or broken. Nothing is known to have happened.
    #[error("unavailable: {what}")]
    Unavailable {
        /// Operation and code.
        what: String,
    },
    /// The call may or may not have had its effect: the answer was lost.
    #[error("outcome unknown: {what}")]
    OutcomeUnknown {
        /// Operation.
        what: String,
    },
    /// The role of this function does not cover the call.
    #[error("not granted: {what}")]
    NotGranted {
        /// Operation and code.
        what: String,
    },
    /// There is no such secret or key.
    #[error("not found: {what}")]
    NotFound {
        /// Operation and code.
        what: String,
    },
}

impl CallFailed {
    /// Classifies a failed SDK call. `{:?}` of an `SdkError` prints the raw body; only its code is looked at.
    pub(crate) fn of<E: ProvideErrorMetadata, R>(operation: &'static str, error: &SdkError<E, R>) -> Self {
        match error {
            SdkError::ConstructionFailure(_) => Self::Unavailable { what: format!("{operation}: not sent") },
            SdkError::ServiceError(service) => {
                let code = service.err().code().unwrap_or("unknown");
                let what = format!("{operation}: {code}");
                match code {
                    "ResourceNotFoundException" | "NotFoundException" => Self::NotFound { what },
                    "AccessDeniedException" => Self::NotGranted { what },
                    "InternalServiceError"
                    | "InternalServiceErrorException"
                    | "InternalServerError"
                    | "ServiceUnavailable"
                    | "KMSInternalException"
                    | "DependencyTimeoutException" => Self::OutcomeUnknown { what },
                    _ => Self::Unavailable { what },
                }
            }
            // Timeout, broken connection, unreadable answer.
            _ => Self::OutcomeUnknown { what: format!("{operation}: no answer") },
        }
    }
}
