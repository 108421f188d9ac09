//! Uses the identity KMS keys: seals TOTP seeds and peppers passwords.
