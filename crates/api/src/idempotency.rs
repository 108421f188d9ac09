//! Idempotency keys: a creating request that is repeated is answered again, and nothing is created twice.
//!
//! The key, the body and the answer are stored in no form that a dump could use: the key as its hash, the body as a MAC under
//! a key made from the idempotency key, the answer (which may hold a new API token) sealed under a key made from the
//! idempotency key **and** the session's token. Never runs before the session check.

use account::{Secret, UserId, WallTime};
use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::Store;
use store::entity::idempotency::{Claiming, Idempotency, State};
use store::entity::user::User;
use ulid::Ulid;
use zeroize::Zeroizing;

use crate::problem::Problem;
use crate::request::Creation;
use crate::{Answer, Gate};

/// The request's header.
const KEY: &str = "idempotency-key";
/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Characters of a key.
const KEY_CHARS: std::ops::RangeInclusive<usize> = 16..=255;
/// The headers of an answer that belong to it; the others are set anew for every answer.
const KEPT_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::ETAG];
/// The largest sealed answer that is kept, in bytes; an item of the table holds 400 KB. One that is larger is not repeated:
/// the caller is told to look.
const ANSWER_BYTES_MAX: usize = 300 * 1024;
/// When to come back while another works on the same request, in seconds: most are done by then.
const COME_BACK_S: u64 = 2;
/// As AES-GCM wants it, in bytes.
const NONCE_BYTES: usize = 12;

/// The key as presented; from it follow its stored hash and what only its holder can compute.
pub(crate) struct PresentedKey(Secret<String>);

impl PresentedKey {
    /// From the headers, where it stands once.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut all = headers.get_all(KEY).iter();
        let key = all.next().ok_or_else(Problem::idempotency_key_missing)?;
        if all.next().is_some() {
            return Err(Problem::idempotency_key_invalid());
        }
        let text = std::str::from_utf8(key.as_bytes()).map_err(|_| Problem::idempotency_key_invalid())?;
        // A gateway joins a header that comes twice with a comma.
        let fits = KEY_CHARS.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && b != b',');
        if fits { Ok(Self(Secret::new(text.to_owned()))) } else { Err(Problem::idempotency_key_invalid()) }
    }
    fn hash(&self) -> String {
        // EXPOSE: hashed; only the hash is stored.
        self.0.expose(|key| {
            hex::encode(Sha256::new().chain_update(b"shearpin idempotency key|").chain_update(key).finalize())
        })
    }
    /// A key of 256 bits that nobody can compute without the presented parts (HKDF's extract and expand, RFC 5869).
    fn derive(&self, purpose: &str, with: &str) -> Zeroizing<[u8; 32]> {
        // EXPOSE: goes into a MAC; what comes out tells nothing of it.
        let extracted = self.0.expose(|key| mac(b"shearpin idempotency", &[key.as_bytes(), with.as_bytes()]));
        mac(&*extracted, &[purpose.as_bytes(), &[1]])
    }
}

/// HMAC-SHA-256 over the parts, each with its length before it, so that no two lists of parts are the same message.
fn mac(key: &[u8], parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    // An HMAC takes a key of any length, so this cannot fail; were it to, nothing would ever open again.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Zeroizing::new([0; 32]) };
    for part in parts {
        mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// What a creating request is about.
pub(crate) struct Creating<'a> {
    pub(crate) user: &'a User,
    /// The token that the request showed: a replay opens for this session alone.
    pub(crate) token: &'a Secret<String>,
    pub(crate) method: &'a str,
    /// Path and query as called.
    pub(crate) target: &'a str,
    pub(crate) body: &'a [u8],
}

/// What is to be done with a creating request.
pub(crate) enum Opened {
    /// Run it.
    Run(Held),
    /// It was answered before: the same again.
    Replay(Response),
}

/// A claim that this request holds until it is settled.
pub(crate) struct Held {
    store: Store,
    user: UserId,
    key_hash: String,
    claim: Ulid,
    seal: Seal,
    nonce: [u8; NONCE_BYTES],
    creation: Creation,
}

/// Claims the key for this request, or finds what it was answered.
pub(crate) async fn open(
    gate: &Gate,
    key: &PresentedKey,
    creating: Creating<'_>,
    now: WallTime,
) -> Result<Opened, Problem> {
    let key_hash = key.hash();
    let request_mac = {
        let under = key.derive("body", "");
        let parts = [creating.method.as_bytes(), creating.target.as_bytes(), creating.body];
        hex::encode(*mac(&*under, &parts))
    };
    // EXPOSE: one half of the key that answers are sealed under.
    let seal = creating.token.expose(|token| Seal {
        under: key.derive("answer", token),
        bound_to: format!("{}|{key_hash}|{request_mac}", creating.user.id),
    });
    let (claim, creation) = (gate.entropy.ulid(now), gate.entropy.ulid(now));
    let claiming = Claiming { user: creating.user, key_hash: &key_hash, request_mac: &request_mac, claim, creation };
    let found = gate.store.claim_idempotency(&claiming, now).await?;
    let creation = match found {
        None => Creation { id: creation, repeated: false },
        Some(found) => {
            if found.request_mac != request_mac {
                return Err(Problem::idempotency_key_reused());
            }
            // PR-11: what was answered before a reset is not told after it. Nor is it done again: it may be there.
            if !found.is_of(creating.user) {
                return Err(Problem::idempotency_answered_elsewhere());
            }
            match found.state {
                State::Done => return seal.replay(&found).map(Opened::Replay),
                State::InFlight | State::Released => {}
            }
            if found.is_leased(now) || !gate.store.take_over_idempotency(&claiming, &found, now).await? {
                return Err(Problem::idempotency_in_flight().retry_after(COME_BACK_S));
            }
            Creation { id: found.creation, repeated: true }
        }
    };
    let (store, user, nonce) = (gate.store.clone(), creating.user.id, gate.entropy.bytes());
    Ok(Opened::Run(Held { store, user, key_hash, claim, seal, nonce, creation }))
}

impl Held {
    /// What the request creates.
    pub(crate) const fn creation(&self) -> Creation {
        self.creation
    }
    /// The request was refused before its handler ran: it may come again under the same key.
    pub(crate) async fn give_back(self) {
        if let Err(error) = self.store.release_idempotency(self.user, &self.key_hash, self.claim).await {
            tracing::warn!(%error, "a claim waits for its lease to end");
        }
    }
    /// Keeps a final answer, gives the claim back after one that may be repeated, and leaves it when nobody knows.
    pub(crate) async fn settle(self, answered: Result<Answer, Problem>) -> Response {
        let fate = fate(&answered);
        let response = answered.map_or_else(IntoResponse::into_response, IntoResponse::into_response);
        match fate {
            Fate::Unknown => response,
            Fate::Repeatable => {
                self.give_back().await;
                response
            }
            Fate::Final => self.keep(response).await,
        }
    }
    async fn keep(self, response: Response) -> Response {
        let (parts, body) = response.into_parts();
        let Ok(body) = body.collect().await else { return Problem::outcome_unknown().into_response() };
        let body = body.to_bytes();
        let sealed = self.seal.close(&parts, &body, self.nonce);
        let kept = self.store.finish_idempotency(self.user, &self.key_hash, self.claim, sealed.as_deref()).await;
        match kept {
            Ok(true) => {}
            Ok(false) => tracing::warn!("an answer came after its lease had ended"),
            // What was done is done; a repetition names the same creation once the lease is over.
            Err(error) => tracing::error!(%error, "an answer was not kept"),
        }
        Response::from_parts(parts, Body::from(body))
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Final,
    Repeatable,
    Unknown,
}

/// Whether an answer is the last word on its request.
fn fate(answered: &Result<Answer, Problem>) -> Fate {
    match answered {
        Ok(answer) if answer.status().is_server_error() => Fate::Repeatable,
        Ok(_) => Fate::Final,
        Err(problem) if problem.code() == Problem::outcome_unknown().code() => Fate::Unknown,
        Err(problem) => {
            let again = problem.status().is_server_error()
                || [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS].contains(&problem.status())
                || problem.code() == Problem::step_up_required().code();
            if again { Fate::Repeatable } else { Fate::Final }
        }
    }
}

/// Seals and opens answers for one key, session and request.
struct Seal {
    under: Zeroizing<[u8; 32]>,
    bound_to: String,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Seal {
    /// `nonce | ciphertext` in base64; `None` when it is too large.
    fn close(&self, parts: &http::response::Parts, body: &[u8], nonce: [u8; NONCE_BYTES]) -> Option<String> {
        let headers = KEPT_HEADERS
            .iter()
            .filter_map(|name| Some((name.to_string(), parts.headers.get(name)?.to_str().ok()?.to_owned())))
            .collect();
        let kept = Kept { status: parts.status.as_u16(), headers, body: BASE64.encode(body) };
        let plain = Zeroizing::new(serde_json::to_vec(&kept).ok()?);
        let cipher = Aes256Gcm::new_from_slice(&*self.under).ok()?;
        let payload = Payload { msg: &plain, aad: self.bound_to.as_bytes() };
        let mut sealed = nonce.to_vec();
        sealed.extend(cipher.encrypt(&Nonce::from(nonce), payload).ok()?);
        let text = BASE64.encode(&sealed);
        (text.len() <= ANSWER_BYTES_MAX).then_some(text)
    }
    fn open(&self, sealed: &str) -> Option<Kept> {
        let sealed = BASE64.decode(sealed.as_bytes()).ok()?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let cipher = Aes256Gcm::new_from_slice(&*self.under).ok()?;
        let payload = Payload { msg: sealed, aad: self.bound_to.as_bytes() };
        let plain = Zeroizing::new(cipher.decrypt(&Nonce::from(*nonce), payload).ok()?);
        serde_json::from_slice(&plain).ok()
    }
    /// The same answer; only for the session that had it. Another is told that there is one.
    fn replay(&self, found: &Idempotency) -> Result<Response, Problem> {
        let kept = found
            .answer
            .as_deref()
            .and_then(|sealed| self.open(sealed))
            .ok_or_else(Problem::idempotency_answered_elsewhere)?;
        let unreadable = || Problem::unavailable().logged("a kept answer cannot be read");
        let body = BASE64.decode(kept.body.as_bytes()).map_err(|_| unreadable())?;
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(kept.status).map_err(|_| unreadable())?;
        for (name, value) in kept.headers {
            let name = HeaderName::try_from(name).map_err(|_| unreadable())?;
            response.headers_mut().insert(name, HeaderValue::try_from(value).map_err(|_| unreadable())?);
        }
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_16_to_255_visible_characters_and_stands_once() {
        check(&[], "idempotency_key_missing");
        check(&["1234567890abcdef"], "");
        check(&["1234567890abcde"], "idempotency_key_invalid");
        check(&[&"k".repeat(255)], "");
        check(&[&"k".repeat(256)], "idempotency_key_invalid");
        check(&["1234567890 abcdef"], "idempotency_key_invalid");
        check(&["1234567890,abcdef"], "idempotency_key_invalid");
        check(&["1234567890\u{e4}bcdef"], "idempotency_key_invalid");
        check(&["1234567890abcdef", "1234567890abcdef"], "idempotency_key_invalid");
        check(&["\"8e03978e-40d5-43dd-bc93-6894a57f9324\""], "");
    }

    fn check(keys: &[&str], refused: &str) {
        let mut headers = HeaderMap::new();
        for key in keys {
            headers.append(KEY, HeaderValue::from_bytes(key.as_bytes()).unwrap());
        }
        let code = PresentedKey::of(&headers).err().map_or("", |problem| problem.code());
        assert_eq!(code, refused, "{keys:?}");
    }

    fn seal(key: &str, token: &str, bound_to: &str) -> Seal {
        let key = PresentedKey(Secret::new(key.to_owned()));
        Seal { under: key.derive("answer", token), bound_to: bound_to.to_owned() }
    }

    #[test]
    fn kx_5_an_answer_opens_for_its_key_session_and_request_alone() {
        let (parts, ()) = Response::new(()).into_parts();
        let sealed = seal("key-1", "token-1", "request-1").close(&parts, b"canary", [7; NONCE_BYTES]).unwrap();
        assert!(!sealed.contains("canary") && !sealed.contains(&BASE64.encode(b"canary")));
        let opened = seal("key-1", "token-1", "request-1").open(&sealed).unwrap();
        assert_eq!(BASE64.decode(opened.body.as_bytes()).unwrap(), b"canary");
        for other in [
            seal("key-2", "token-1", "request-1"),
            seal("key-1", "token-2", "request-1"),
            seal("key-1", "token-1", "request-2"),
            seal("key-1t", "oken-1", "request-1"),
        ] {
            assert!(other.open(&sealed).is_none());
        }
        assert!(seal("key-1", "token-1", "request-1").open("bm9uc2Vuc2U=").is_none());
        let large = vec![0; ANSWER_BYTES_MAX];
        assert!(seal("key-1", "token-1", "request-1").close(&parts, &large, [7; NONCE_BYTES]).is_none());
    }

    #[test]
    fn what_may_be_repeated_is_not_kept() {
        let fate_of = |problem: Problem| fate(&Err(problem));
        assert_eq!(fate(&Ok(Answer::nothing())), Fate::Final);
        assert_eq!(fate_of(Problem::invalid_fields()), Fate::Final);
        assert_eq!(fate_of(Problem::second_factor_required()), Fate::Final);
        assert_eq!(fate_of(Problem::outcome_unknown()), Fate::Unknown);
        for again in [
            Problem::unavailable(),
            Problem::try_again(),
            Problem::too_many_requests(),
            Problem::step_up_required(),
            Problem::no_session(),
        ] {
            assert_eq!(fate_of(again), Fate::Repeatable);
        }
    }
}
