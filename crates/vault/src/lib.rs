//! The only crate in which a plaintext exchange key exists: sealing it, signing with it, erasing it.
//!
//! Three handles, one per role: [`Sealer`] (connections) can make secrets and never read one, [`Signer`] (signer) can read
//! and never make or delete one, [`Eraser`] (shredder) can delete and never read one. A function that holds none of them
//! cannot touch a key.
//!
//! Never signs bytes that it is given: requests are built here from evidence, so what was authorised is what gets signed
//! (KX-6). Never prints an answer of Secrets Manager or KMS: their bodies hold plaintext (KX-5).

#![deny(missing_docs)]

mod candidate;
mod cipher;
mod context;
mod erase;
mod failure;
mod seal;
mod sign;
mod signature;

pub use candidate::{CandidateKey, KeyForm, NotAKey};
pub use context::SealContext;
pub use erase::{EraseFailed, Eraser};
pub use failure::CallFailed;
pub use seal::{SealFailed, Sealed, Sealer};
pub use sign::{SignRefused, Signer};
pub use signature::SignedRequest;
