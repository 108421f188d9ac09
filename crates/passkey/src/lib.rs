//! Passkey ceremonies (WebAuthn) of one relying party: makes the options that a browser works with, and verifies what its
//! authenticator answers.
//!
//! User verification is demanded at every ceremony, so a passkey is a device and what opens it. Attestation is not asked
//! for: which make of device somebody uses is no concern of ours.
//!
//! Never stores anything, never counts attempts, and never decides whose passkey it is: whoever calls looks the key up by its
//! id **and** its owner (PK-4), and keeps the state of a ceremony where the client cannot reach it (PK-2).

mod answer;
mod relying_party;

pub use answer::{Assertion, Attestation, CredentialId, NotACredentialId};
pub use relying_party::{Begun, OriginRefused, Registered, RelyingParty, Stored, WrongAnswer};
