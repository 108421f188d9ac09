//! What a handler answers when all is well.

use account::Secret;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use sha2::{Digest, Sha256};
use store::entity::device;

/// A successful answer.
#[derive(Debug)]
pub struct Answer(Response);

impl Answer {
    /// A JSON body.
    pub fn json<T: Serialize>(status: StatusCode, body: &T) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => Self(
                (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], bytes).into_response(),
            ),
            Err(error) => Self(crate::Problem::unavailable().logged(error).into_response()),
        }
    }
    /// 200 with a JSON body.
    pub fn ok<T: Serialize>(body: &T) -> Self {
        Self::json(StatusCode::OK, body)
    }
    /// 201 with a JSON body.
    pub fn created<T: Serialize>(body: &T) -> Self {
        Self::json(StatusCode::CREATED, body)
    }
    /// 202 `{}`: accepted, and nothing more is said (SU-1, PR-1).
    pub fn accepted() -> Self {
        Self::json(StatusCode::ACCEPTED, &serde_json::Map::new())
    }
    /// 200 with a JSON text that is the same for everybody, and its `ETag`: who has it already is told so with 304.
    pub fn text(text: &'static str) -> Self {
        let tag = format!("\"{}\"", hex::encode(&Sha256::digest(text)[..16]));
        let json = [(header::CONTENT_TYPE, "application/json"), (header::ETAG, tag.as_str())];
        Self((StatusCode::OK, json, text).into_response())
    }
    /// 204 without a body.
    pub fn nothing() -> Self {
        Self(StatusCode::NO_CONTENT.into_response())
    }
    /// 200 with a JSON body and its `ETag`: the version, for `If-Match`, and a digest of the rest, for `If-None-Match`: what
    /// is derived at every look (whether a bot is paused, what an order has filled) changes without the version.
    pub fn versioned<T: Serialize>(body: &T, version: u64) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => {
                let tag = format!("\"{version}-{}\"", hex::encode(&Sha256::digest(&bytes)[..8]));
                let json = [(header::CONTENT_TYPE, "application/json"), (header::ETAG, tag.as_str())];
                Self((StatusCode::OK, json, bytes).into_response())
            }
            Err(error) => Self(crate::Problem::unavailable().logged(error).into_response()),
        }
    }
    /// Tells what is left of a limit of the request's source.
    #[must_use]
    pub fn with_rate_limit(mut self, limit: crate::RateLimit) -> Self {
        limit.write(self.0.headers_mut());
        self
    }
    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }
    /// Sets the session cookie beside the body (SS-2).
    #[must_use]
    pub fn with_session_cookie(mut self, token: &Secret<String>) -> Self {
        // EXPOSE: the cookie is how a browser keeps its session.
        let cookie = token.expose(|t| format!("__Host-session={t}; Path=/; Secure; HttpOnly; SameSite=Strict"));
        if let Ok(mut value) = HeaderValue::from_str(&cookie) {
            // Prints `Sensitive` instead of the token (LG-6).
            value.set_sensitive(true);
            self.0.headers_mut().append(header::SET_COOKIE, value);
        }
        self
    }
    /// Lets the browser keep the mark of a known device (RL-2); it opens nothing.
    #[must_use]
    pub fn with_device_cookie(mut self, token: &Secret<String>) -> Self {
        // EXPOSE: the cookie is how a browser is known again.
        let cookie = token.expose(|t| {
            format!("__Host-device={t}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={}", device::LIFE_S)
        });
        if let Ok(mut value) = HeaderValue::from_str(&cookie) {
            value.set_sensitive(true);
            self.0.headers_mut().append(header::SET_COOKIE, value);
        }
        self
    }
    /// Tells the browser to forget its session.
    #[must_use]
    pub fn without_session_cookie(mut self) -> Self {
        let value = HeaderValue::from_static("__Host-session=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
        self.0.headers_mut().append(header::SET_COOKIE, value);
        self
    }
}
impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lg_6_a_session_is_not_printed_with_its_answer() {
        let canary = Secret::new("canary".to_owned());
        let answer = Answer::nothing().with_session_cookie(&canary).with_device_cookie(&canary);
        assert!(!format!("{answer:?}").contains("canary"), "{answer:?}");
    }
}
