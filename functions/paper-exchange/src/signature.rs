//! HMAC-SHA256 over the bytes received: the query string directly followed by the body, without `signature`.
//!
//! Never parses and re-encodes: clients differ in order, place and encoding, and what they signed is what they sent.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::refusal::Refusal;

/// The signed bytes of a request, and the signature that came with them.
#[derive(Debug, PartialEq, Eq)]
pub struct Signed<'a> {
    payload: Vec<u8>,
    signature: &'a [u8],
}

/// Takes `signature` out of query or body, wherever it stands. None: there is none.
pub fn split<'a>(query: &'a [u8], body: &'a [u8]) -> Result<Option<Signed<'a>>, Refusal> {
    let (mut payload, mut signatures) = (Vec::with_capacity(query.len() + body.len()), Vec::new());
    for part in [query, body] {
        let mut first = true;
        for pair in part.split(|byte| *byte == b'&') {
            if let Some(signature) = pair.strip_prefix(b"signature=") {
                signatures.push(signature);
                continue;
            }
            if !first {
                payload.push(b'&');
            }
            first = false;
            payload.extend_from_slice(pair);
        }
    }
    match signatures.as_slice() {
        [] => Ok(None),
        [signature] => Ok(Some(Signed { payload, signature })),
        _ => Err(Refusal::duplicate_parameter()),
    }
}

impl Signed<'_> {
    /// Whether the signature was made with this secret. Constant time; the letter case of the hex digits is ignored.
    pub fn is_made_with(&self, secret: &str) -> bool {
        let (Ok(mut mac), Ok(signature)) =
            (Hmac::<Sha256>::new_from_slice(secret.as_bytes()), hex::decode(self.signature))
        else {
            return false;
        };
        mac.update(&self.payload);
        mac.verify_slice(&signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published by Binance for trying out signatures; no key of anybody.
    const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
    const PAYLOAD: &str = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559";
    const SIGNATURE: &str = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71";

    fn check(query: &str, body: &str, expected: bool) {
        let signed = split(query.as_bytes(), body.as_bytes()).unwrap().unwrap();
        assert_eq!(signed.is_made_with(SECRET), expected, "{query} | {body}");
    }

    #[test]
    fn the_published_vectors_hold_in_query_and_body() {
        check(&format!("{PAYLOAD}&signature={SIGNATURE}"), "", true);
        check("", &format!("{PAYLOAD}&signature={SIGNATURE}"), true);
        let non_ascii = PAYLOAD.replace("LTCBTC", "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96");
        check(
            &format!("{non_ascii}&signature=e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"),
            "",
            true,
        );
    }

    #[test]
    fn query_and_body_are_joined_without_a_separator() {
        // Binance's third published example: the same parameters, split after timeInForce.
        let (query, body) = PAYLOAD.split_at("symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC".len());
        let signature = "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77";
        check(query, &format!("{}&signature={signature}", &body[1..]), true);
    }

    #[test]
    fn the_signature_may_stand_anywhere_and_in_any_case() {
        check(&format!("signature={SIGNATURE}&{PAYLOAD}"), "", true);
        let (front, back) = PAYLOAD.split_at(PAYLOAD.find("&price").unwrap());
        check(&format!("{front}&signature={}{back}", SIGNATURE.to_uppercase()), "", true);
        check(&format!("signature={SIGNATURE}"), PAYLOAD, true);
    }

    #[test]
    fn anything_else_is_not_valid() {
        check(&format!("{PAYLOAD}0&signature={SIGNATURE}"), "", false);
        check(&format!("{PAYLOAD}&signature={}", &SIGNATURE[..62]), "", false);
        check(&format!("{PAYLOAD}&signature="), "", false);
        check(&format!("{PAYLOAD}&signature=zz"), "", false);
        assert_eq!(split(PAYLOAD.as_bytes(), b""), Ok(None));
        let twice = format!("signature={SIGNATURE}&{PAYLOAD}");
        assert!(split(twice.as_bytes(), twice.as_bytes()).is_err());
    }
}
