//! A request with its signature: made here alone, sent once.

use account::Secret;
use exchange::{Endpoint, Outgoing, Parts, Unsigned, Venue};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::cipher::DoesNotOpen;

/// A signed request. Spent by sending; prints neither signature nor key.
///
/// It cannot be made outside of this crate:
/// ```compile_fail,E0451
/// use account::Secret;
/// use exchange::{Endpoint, Venue};
/// fn forge(query: Secret<String>, api_key: Secret<String>) -> vault::SignedRequest {
///     vault::SignedRequest { venue: Venue::Paper, endpoint: Endpoint::PlaceOrder, query, api_key }
/// }
/// ```
/// nor sent twice:
/// ```compile_fail,E0382
/// fn send(_: impl exchange::Outgoing) {}
/// fn twice(signed: vault::SignedRequest) { send(signed); send(signed); }
/// ```
/// ```
/// fn send(_: impl exchange::Outgoing) {}
/// fn once(signed: vault::SignedRequest) { send(signed); }
/// ```
#[must_use = "what is signed and not sent is an order whose outcome somebody must look up"]
pub struct SignedRequest {
    venue: Venue,
    endpoint: Endpoint,
    query: Secret<String>,
    api_key: Secret<String>,
}

impl std::fmt::Debug for SignedRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignedRequest({} {:?})", self.venue, self.endpoint)
    }
}

impl SignedRequest {
    /// Signs what was built here. One arm per kind of signature; a new venue stops the build here.
    pub(crate) fn sign(
        unsigned: &Unsigned,
        api_key: &Secret<String>,
        api_secret: &Secret<String>,
    ) -> Result<Self, DoesNotOpen> {
        let query = match unsigned.venue() {
            Venue::Paper => hmac_query(&unsigned.query_string(), api_secret)?,
        };
        // EXPOSE: the key's name goes into the header that identifies the account.
        let api_key = api_key.expose(|name| Secret::new(name.clone()));
        Ok(Self { venue: unsigned.venue(), endpoint: unsigned.endpoint(), query, api_key })
    }
}

impl Outgoing for SignedRequest {
    fn into_parts(self) -> Parts {
        let headers = vec![(self.venue.key_header(), self.api_key)];
        Parts {
            venue: self.venue,
            endpoint: self.endpoint,
            query: self.query,
            headers,
            body: Secret::new(String::new()),
        }
    }
}

/// Binance: HMAC-SHA256 in hex over exactly the bytes of the query string, appended as its last parameter.
fn hmac_query(query: &str, api_secret: &Secret<String>) -> Result<Secret<String>, DoesNotOpen> {
    // EXPOSE: the secret keys the MAC.
    let mac = api_secret.expose(|secret| {
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map(|mac| mac.chain_update(query.as_bytes()))
    });
    let signature = hex::encode(mac.map_err(|_| DoesNotOpen)?.finalize().into_bytes());
    Ok(Secret::new(format!("{query}&signature={signature}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Vector {
        name: String,
        secret: String,
        query: String,
        signature: String,
    }

    #[test]
    fn the_published_vectors_are_reproduced() {
        let vectors: Vec<Vector> =
            serde_json::from_str(include_str!("../../../tests/vectors/binance/signing.json")).expect("vectors");
        assert!(vectors.len() >= 2);
        for vector in vectors {
            let signed = hmac_query(&vector.query, &Secret::new(vector.secret)).expect("signed");
            let expected = format!("{}&signature={}", vector.query, vector.signature);
            signed.expose(|query| assert_eq!(*query, expected, "{}", vector.name));
        }
    }
}
