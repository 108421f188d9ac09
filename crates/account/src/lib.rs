//! The rules of an account: secrets in memory, passwords, second factors, epochs, security events.
//!
//! Never does I/O: time, randomness and stored state come in as parameters.

pub mod breached;
pub mod budget;
pub mod email;
pub mod epoch;
pub mod id;
pub mod limits;
pub mod password;
pub mod password_hash;
pub mod recovery;
pub mod recovery_code;
mod schema;
pub mod secret;
pub mod security_event;
pub mod token;
pub mod totp;
pub mod trading_state;
pub mod wall_time;

pub use email::EmailAddress;
pub use epoch::{CredentialVersion, Epoch, SessionGeneration};
pub use id::{ConnectionId, UserId};
pub use secret::Secret;
pub use wall_time::WallTime;
