//! What a key may do, and whether that is exactly what we accept (KX-1).

use std::fmt;

/// The outcome of a permission check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Trades spot from fixed addresses and can do nothing else.
    Accepted,
    /// Anything else, with every reason.
    Refused(Vec<PermissionFault>),
}

/// Why a key is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PermissionFault {
    /// The key may do something that a trading key must not.
    TooPowerful(/** The exchange's field. */ String),
    /// The key works from any address (KX-3).
    NotIpRestricted,
    /// The key may not do what trading needs.
    Lacks(/** The exchange's field. */ &'static str),
    /// The exchange did not say; silence is no permission.
    NotSaid(/** The exchange's field. */ &'static str),
    /// The exchange says something that this version does not know: it could be a new power.
    NotKnown(/** The exchange's field. */ String),
}
impl fmt::Display for PermissionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PermissionFault::TooPowerful(field) => {
                write!(f, "the key is allowed {field}; switch it off at the exchange")
            }
            PermissionFault::NotIpRestricted => f.write_str("the key is not restricted to IP addresses"),
            PermissionFault::Lacks(field) => write!(f, "the key is not allowed {field}, which trading needs"),
            PermissionFault::NotSaid(field) => write!(f, "the exchange did not say {field}"),
            PermissionFault::NotKnown(field) => {
                write!(f, "the exchange says {field}, which this version does not know")
            }
        }
    }
}
