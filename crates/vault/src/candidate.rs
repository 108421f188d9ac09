//! A key that an owner has sent and that nobody has accepted yet.

use account::Secret;
use exchange::Venue;

/// The longest key id, secret and passphrase, in bytes. The longest in use is Kraken's secret with 88.
const KEY_BYTES_MAX: usize = 256;

/// The secrets of an attach form, as they came in.
#[derive(Debug)]
pub struct KeyForm {
    /// The key's public name.
    pub api_key: Secret<String>,
    /// What signs.
    pub api_secret: Secret<String>,
    /// A third part, where the exchange has one.
    pub passphrase: Option<Secret<String>>,
}

/// Why a text is no key; names the field, never its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    /// Empty, too long, or not of printable ASCII without spaces.
    #[error("api_key must be 1 to 256 printable characters without spaces; copy it again from the exchange")]
    ApiKey,
    /// The same of the secret.
    #[error("api_secret must be 1 to 256 printable characters without spaces; copy it again from the exchange")]
    ApiSecret,
    /// The exchange has no passphrase, or it is empty, too long or not printable.
    #[error("this exchange has no passphrase; leave the field out")]
    Passphrase,
}

/// A key in plaintext, in memory for one request. No `Clone`, no way out but through [`crate::Sealer`].
///
/// ```compile_fail,E0616
/// fn peek(candidate: &vault::CandidateKey) { candidate.api_secret.expose(|secret| println!("{secret}")); }
/// ```
/// ```
/// fn peek(candidate: &vault::CandidateKey) { println!("{candidate:?}"); }
/// ```
pub struct CandidateKey {
    pub(crate) exchange: Venue,
    pub(crate) api_key: Secret<String>,
    pub(crate) api_secret: Secret<String>,
    pub(crate) passphrase: Option<Secret<String>>,
}

impl std::fmt::Debug for CandidateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CandidateKey({})", self.exchange)
    }
}

impl CandidateKey {
    pub(crate) fn read(exchange: Venue, form: KeyForm) -> Result<Self, NotAKey> {
        // EXPOSE: only the shape is looked at; a key id with a line break would reach into the request's headers.
        if !form.api_key.expose(|text| is_key(text)) {
            return Err(NotAKey::ApiKey);
        }
        // EXPOSE: only the shape is looked at.
        if !form.api_secret.expose(|text| is_key(text)) {
            return Err(NotAKey::ApiSecret);
        }
        let takes_passphrase = match exchange {
            Venue::Paper => false,
        };
        // EXPOSE: only the shape is looked at.
        if form.passphrase.as_ref().is_some_and(|p| !takes_passphrase || !p.expose(|text| is_key(text))) {
            return Err(NotAKey::Passphrase);
        }
        Ok(Self { exchange, api_key: form.api_key, api_secret: form.api_secret, passphrase: form.passphrase })
    }
    /// For which exchange.
    pub const fn exchange(&self) -> Venue {
        self.exchange
    }
}

fn is_key(text: &str) -> bool {
    (1..=KEY_BYTES_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(api_key: &str, api_secret: &str, passphrase: Option<&str>, expected: Result<(), NotAKey>) {
        let secret = |text: &str| Secret::new(text.to_owned());
        let form =
            KeyForm { api_key: secret(api_key), api_secret: secret(api_secret), passphrase: passphrase.map(secret) };
        assert_eq!(CandidateKey::read(Venue::Paper, form).map(|_| ()), expected);
    }

    #[test]
    fn a_key_is_printable_and_of_a_sane_length() {
        check("k", "s", None, Ok(()));
        check(&"k".repeat(256), &"s".repeat(256), None, Ok(()));
        for bad in ["", "a b", "a\r\nx-evil: 1", "schlüssel", "a\0", &"k".repeat(257)] {
            check(bad, "s", None, Err(NotAKey::ApiKey));
            check("k", bad, None, Err(NotAKey::ApiSecret));
        }
    }
    #[test]
    fn a_passphrase_is_refused_where_the_exchange_has_none() {
        check("k", "s", Some("p"), Err(NotAKey::Passphrase));
    }
}
