//! What can go wrong between us and the tables.

/// A failed call. The texts are for logs; no part of them reaches a caller.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Not reachable, throttled after retries, or an internal error of the service. Nothing is known to be written.
    #[error("store unavailable: {what}")]
    Unavailable { what: String },
    /// The write may or may not have happened: the answer was lost. Repeat with the same token, or read back.
    #[error("outcome unknown: {what}")]
    OutcomeUnknown { what: String },
    /// The role of this function does not cover the call.
    #[error("not granted: {what}")]
    NotGranted { what: String },
    /// An item is not what this version of the program writes.
    #[error("corrupt item: {what}")]
    Corrupt { what: String },
}

impl StoreError {
    /// Classifies a failed SDK call. Never prints the raw response: bodies may hold what a log must not.
    pub(crate) fn of<E, R>(operation: &'static str, error: &aws_sdk_dynamodb::error::SdkError<E, R>) -> Self
    where
        E: aws_sdk_dynamodb::error::ProvideErrorMetadata,
    {
        use aws_sdk_dynamodb::error::SdkError;
        match error {
            SdkError::ConstructionFailure(_) => Self::Unavailable { what: format!("{operation}: not sent") },
            SdkError::ServiceError(service) => {
                let code = service.err().code().unwrap_or("unknown").to_owned();
                let what = format!("{operation}: {code}");
                match code.as_str() {
                    "AccessDeniedException" | "ResourceNotFoundException" => Self::NotGranted { what },
                    "InternalServerError" | "ServiceUnavailable" => Self::OutcomeUnknown { what },
                    _ => Self::Unavailable { what },
                }
            }
            // Timeout, broken connection, unreadable answer: the request may have had its effect.
            _ => Self::OutcomeUnknown { what: format!("{operation}: no answer") },
        }
    }
}
