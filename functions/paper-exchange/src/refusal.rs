//! Binance's error answers: the only place with their codes and texts.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use paper::place::PlaceRefused;
use store::StoreError;

/// An error answer: `{"code": …, "msg": …}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    code: i32,
    text: String,
}

/// What may stand in a decimal parameter.
pub const DECIMAL_RANGE: &str = r"^([0-9]{1,20})(\.[0-9]{1,20})?$";
/// What may stand in an integer parameter.
pub const INTEGER_RANGE: &str = "^[0-9]{1,20}$";
/// What may stand in a client order id.
pub const CLIENT_ID_RANGE: &str = "^[a-zA-Z0-9-_]{1,36}$";
/// What may stand in a symbol.
pub const SYMBOL_RANGE: &str = "^[A-Z0-9-_.]{1,20}$";
/// What may stand in a list of symbols.
pub const SYMBOLS_RANGE: &str = r#"^\["[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}")*\]$"#;

impl Refusal {
    fn new(status: StatusCode, code: i32, text: impl Into<String>) -> Self {
        Self { status, code, text: text.into() }
    }
    fn bad(code: i32, text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, text)
    }

    pub fn illegal(name: &str, range: &str) -> Self {
        Self::bad(-1100, format!("Illegal characters found in parameter '{name}'; legal range is '{range}'."))
    }
    pub fn illegal_somewhere() -> Self {
        Self::bad(-1100, "Illegal characters found in a parameter.")
    }
    pub fn duplicate_parameter() -> Self {
        Self::bad(-1101, "Duplicate values for a parameter detected.")
    }
    pub fn missing(name: &str) -> Self {
        Self::bad(-1102, format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed."))
    }
    pub fn missing_both(one: &str, other: &str) -> Self {
        Self::bad(-1102, format!("Param '{one}' or '{other}' must be sent, but both were empty/null!"))
    }
    pub fn too_large(name: &str, max: u32) -> Self {
        Self::bad(-1102, format!("'{name}' contains unexpected value. Cannot be greater than '{max}'."))
    }
    pub fn unread(read: usize, sent: usize) -> Self {
        Self::bad(
            -1104,
            format!("Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'."),
        )
    }
    pub fn empty(name: &str) -> Self {
        Self::bad(-1105, format!("Parameter '{name}' was empty."))
    }
    pub fn not_required(name: &str) -> Self {
        Self::bad(-1106, format!("Parameter '{name}' sent when not required."))
    }
    pub fn overflow(name: &str) -> Self {
        Self::bad(-1108, format!("Parameter '{name}' overflowed."))
    }
    pub fn too_precise(name: &str) -> Self {
        Self::bad(-1111, format!("Parameter '{name}' has too much precision."))
    }
    pub fn no_depth() -> Self {
        Self::bad(-1112, "No orders on book for symbol.")
    }
    pub fn bad_time_in_force() -> Self {
        Self::bad(-1115, "Invalid timeInForce.")
    }
    pub fn bad_order_type() -> Self {
        Self::bad(-1116, "Invalid orderType.")
    }
    pub fn bad_side() -> Self {
        Self::bad(-1117, "Invalid side.")
    }
    pub fn bad_interval() -> Self {
        Self::bad(-1120, "Invalid interval.")
    }
    pub fn bad_symbol() -> Self {
        Self::bad(-1121, "Invalid symbol.")
    }
    pub fn lookup_too_wide() -> Self {
        Self::bad(-1127, "More than 24 hours between startTime and endTime.")
    }
    pub fn bad_combination() -> Self {
        Self::bad(-1128, "Combination of optional parameters invalid.")
    }
    pub fn bad_value(name: &str) -> Self {
        Self::bad(-1130, format!("Data sent for parameter '{name}' is not valid."))
    }

    pub fn outside_window() -> Self {
        Self::bad(-1021, "Timestamp for this request is outside of the recvWindow.")
    }
    pub fn ahead_of_server() -> Self {
        Self::bad(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    }
    pub fn bad_signature() -> Self {
        Self::bad(-1022, "Signature for this request is not valid.")
    }
    pub fn bad_key_format() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, -2014, "API-key format invalid.")
    }
    pub fn rejected_key() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, -2015, "Invalid API-key, IP, or permissions for action.")
    }

    pub fn filter(filter: paper::filter::Filter) -> Self {
        Self::bad(-1013, format!("Filter failure: {filter}"))
    }
    /// As Binance answers in practice; its documents list the text under -2010 as well.
    pub fn market_closed() -> Self {
        Self::bad(-1013, "Market is closed.")
    }
    pub fn duplicate_order() -> Self {
        Self::bad(-2010, "Duplicate order sent.")
    }
    pub fn would_take() -> Self {
        Self::bad(-2010, "Order would immediately match and take.")
    }
    pub fn insufficient_balance() -> Self {
        Self::bad(-2010, "Account has insufficient balance for requested action.")
    }
    pub fn unsupported_type(kind: &str) -> Self {
        Self::bad(-2010, format!("{kind} orders are not supported for this symbol."))
    }
    pub fn cancel_of_unknown() -> Self {
        Self::bad(-2011, "Unknown order sent.")
    }
    pub fn no_such_order() -> Self {
        Self::bad(-2013, "Order does not exist.")
    }
    pub fn ids_disagree() -> Self {
        Self::bad(-2039, "Client order ID is not correct for this order ID.")
    }

    pub fn no_such_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, -1020, "This operation is not supported.")
    }
    pub fn no_such_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, -1020, "This operation is not supported.")
    }
    pub fn body_too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, -1101, "Too many parameters sent for this endpoint.")
    }
    /// Nothing was written.
    pub fn overloaded() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            -1008,
            "Server is currently overloaded with other requests. Please try again in a few minutes.",
        )
    }
    /// Whether anything was written is not known.
    pub fn timeout() -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            -1007,
            "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
        )
    }
    /// A broken store or item; the cause goes to the log, once, and nowhere else.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(cause = %cause, "paper exchange request failed");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            -1001,
            "Internal error; unable to process your request. Please try again.",
        )
    }
    /// Binance's code.
    #[cfg(test)]
    pub const fn code(&self) -> i32 {
        self.code
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::OutcomeUnknown { .. } => {
                tracing::error!(cause = %error, "paper exchange request has no known outcome");
                Self::timeout()
            }
            StoreError::Unavailable { .. } | StoreError::NotGranted { .. } | StoreError::Corrupt { .. } => {
                Self::internal(&error)
            }
        }
    }
}

impl From<PlaceRefused> for Refusal {
    fn from(refused: PlaceRefused) -> Self {
        match refused {
            PlaceRefused::Closed => Self::market_closed(),
            PlaceRefused::Filter(filter) => Self::filter(filter),
            PlaceRefused::Duplicate => Self::duplicate_order(),
            PlaceRefused::WouldTake => Self::would_take(),
            PlaceRefused::InsufficientBalance => Self::insufficient_balance(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = serde_json::json!({"code": self.code, "msg": self.text}).to_string();
        (self.status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"))], body)
            .into_response()
    }
}
