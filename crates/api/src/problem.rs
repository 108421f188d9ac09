//! The catalogue of problems (RFC 9457): the only place with types, titles and statuses. Nothing internal in any of them.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::rate_limit::RateLimit;

/// When to come back after a 429 that names no time, in seconds.
const RETRY_AFTER_S: u64 = 60;

/// One fault of a request body, at a JSON pointer (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Fault {
    pub pointer: String,
    pub code: String,
    pub detail: String,
}

/// An answer that says what went wrong and what to do next.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: String,
    errors: Vec<Fault>,
    retry_after_s: Option<u64>,
    rate_limit: Option<Box<RateLimit>>,
}

/// What went wrong and what to do next (RFC 9457).
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct Body<'a> {
    /// Names the kind of problem; its page in the documentation.
    #[schemars(pattern(r"^https://shearpin\.dev/problems/[a-z_]+$"))]
    r#type: String,
    /// The kind of problem in a few words; the same for every problem of this kind.
    title: &'a str,
    /// The HTTP status again.
    status: u16,
    /// What to do in this case.
    detail: &'a str,
    /// Stable: what a program looks at.
    code: &'a str,
    /// The fields at fault.
    #[serde(skip_serializing_if = "<[Fault]>::is_empty")]
    errors: &'a [Fault],
}

/// A row of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    pub code: &'static str,
    pub status: u16,
    pub title: &'static str,
    /// Makes one.
    pub problem: fn() -> Problem,
}

macro_rules! catalogue {
    ($($(#[$doc:meta])* $name:ident = $status:literal $code:literal, $title:literal, $detail:literal;)*) => {
        impl Problem {
            $($(#[$doc])* pub fn $name() -> Self { Self::new($status, $code, $title, $detail) })*
        }
        /// Every kind of problem: what the contract documents.
        pub const CATALOGUE: &[Kind] =
            &[$(Kind { code: $code, status: $status, title: $title, problem: Problem::$name }),*];
    };
}

catalogue! {
    /// The body is not the JSON that was expected.
    malformed_body = 400 "malformed_body", "The body cannot be read", "Send one JSON object with exactly the documented fields, amounts as strings.";
    /// A field holds what it must not.
    invalid_fields = 422 "invalid_fields", "Some fields are not valid", "Each entry of errors names a field and says what to change.";
    body_too_large = 413 "body_too_large", "The body is too large", "Send at most 64 KiB.";
    /// SS-5, SU-5: what two readers could read in two ways is refused, not guessed.
    ambiguous_request = 400 "ambiguous_request", "The request can be read in two ways", "Send every header once, one session, and the body as it is.";
    /// One that is too old, of another list or of another account: one answer (SS-8).
    cursor_refused = 400 "cursor_refused", "This page cannot be shown", "Use the next_cursor of an answer of this list, within 24 hours, or begin without a cursor.";
    if_match_required = 428 "if_match_required", "Say which version is meant", "Send the ETag of what you read as If-Match; * is not enough.";
    unsupported_media_type = 415 "unsupported_media_type", "Not JSON", "Send the body as application/json.";
    no_such_route = 404 "no_such_route", "There is nothing here", "See the list of routes in the documentation.";
    method_not_allowed = 405 "method_not_allowed", "This path has no such method", "See the list of routes in the documentation.";
    /// SS-8: what belongs to somebody else does not exist.
    not_found = 404 "not_found", "Not found", "There is no such thing in this account.";
    /// No session, a dead one, or one of an older generation: one answer.
    no_session = 401 "no_session", "Sign in first", "Send the token of a live session as Authorization: Bearer, or sign in again.";
    /// SS-5.
    cross_site_request = 403 "cross_site_request", "Request refused", "Requests with the session cookie need the header X-Requested-With: shearpin and an allowed Origin.";
    /// LG-4: an API token on a route that needs a person.
    session_required = 403 "session_required", "Sign in for this", "API tokens cannot do this. Use a session from POST /v1/login.";
    token_out_of_scope = 403 "token_out_of_scope", "The token does not reach this", "This API token was made for less: another scope or other bots. Make one with the scope that this needs.";
    step_up_required = 403 "step_up_required", "Confirm it is you", "Send all your factors to POST /v1/step-up for exactly this method, path and body, then repeat with the proof in X-Step-Up.";
    /// LG-1, RL-6: wrong password, unknown address, locked: one answer.
    sign_in_refused = 401 "sign_in_refused", "Sign-in refused", "The address or the password is wrong, or there were too many tries. Wait a little, or reset the password.";
    challenge_refused = 401 "challenge_refused", "Code refused", "The code is wrong, was used before, or the sign-in took too long. Start again with the password.";
    step_up_refused = 401 "step_up_refused", "Confirmation refused", "The password or the code is wrong or was used before. Wait for the next code and try again.";
    /// TP-10: used, too old, or the mailbox has opened it too often.
    unlock_refused = 400 "unlock_refused", "Link refused", "The link was used or is too old, or the login was opened by mail three times this month. Ask for a new one, or reset the password.";
    verification_refused = 400 "verification_refused", "Link refused", "The link was used, is too old, or a newer one was sent. Ask for a new one.";
    /// One answer to a thief.
    reset_refused = 400 "reset_refused", "Reset refused", "The link was used, is too old, or a newer one was sent; or the second factor was wrong. Ask for a new link.";
    /// PR-14: unknown link, none under way, or over: one answer.
    recovery_refused = 400 "recovery_refused", "Nothing to cancel", "No recovery is under way, or the link belongs to one that is over.";
    recovery_under_way = 409 "recovery_under_way", "A recovery is under way", "Wait until it can be completed, or cancel it with the link in its mails.";
    recovery_blocked = 409 "recovery_blocked", "No recovery now", "A recovery of this account was cancelled with a second factor; a new one can be started 14 days later.";
    /// EV-5: unknown, used, expired, superseded or void: one answer.
    email_change_refused = 400 "email_change_refused", "Link refused", "The link was used, is too old, or a newer one was sent. Ask for the change again.";
    /// EV-5: a second change would leave the first address without its say.
    email_change_under_way = 409 "email_change_under_way", "The address was changed a short time ago", "For 72 hours after a change the old address can take it back; until then it is not changed again.";
    account_held = 409 "account_held", "The account is held", "A reset of this account was disowned: factors and address stay as they are until it is released, or reset again 72 hours later.";
    account_not_held = 409 "account_not_held", "The account is not held", "There is nothing to release.";
    /// RF-35: a factor that the thief could have added releases nothing.
    release_refused = 403 "release_refused", "Not with these second factors", "Every second factor must be older than the hold and than the reset before it. Remove newer ones, or reset the password 72 hours after the hold.";
    recovery_not_ready = 409 "recovery_not_ready", "Not yet", "A recovery can be completed from 72 hours after its start, for 24 hours.";
    second_factor_required = 403 "second_factor_required", "A second factor is needed", "Add an authenticator under POST /v1/second-factors/totp or a passkey under POST /v1/second-factors/passkeys/begin first.";
    second_factor_missing = 422 "second_factor_missing", "The second factor is missing", "This account has a second factor: send totp, passkey or recovery_code as well.";
    second_factor_exists = 409 "second_factor_exists", "There already is one", "Remove the present authenticator first.";
    second_factor_in_use = 409 "second_factor_in_use", "A real key depends on it", "Detach the keys of real exchanges before removing the last second factor.";
    no_second_factor = 409 "no_second_factor", "There is no second factor", "Add one under POST /v1/second-factors/totp first.";
    enrolment_refused = 400 "enrolment_refused", "Code refused", "The code does not match, was used, or the enrolment is older than ten minutes. Start again.";
    /// PK-1, PK-2: a wrong answer, of another ceremony, or too late: one answer.
    passkey_refused = 400 "passkey_refused", "Passkey refused", "The passkey's answer does not belong to this request, or took longer than five minutes. Begin again.";
    passkey_exists = 409 "passkey_exists", "This passkey is registered", "Use another device or another security key.";
    passkeys_full = 409 "passkeys_full", "Too many passkeys", "An account has at most 10 passkeys. Remove one first.";
    email_not_verified = 403 "email_not_verified", "Verify your e-mail first", "Open the link in the mail we sent, or ask for a new one with POST /v1/signup/resend.";
    password_too_weak = 422 "password_too_weak", "Choose another password", "Use at least 15 characters that are not a common password.";
    cooling_off = 409 "cooling_off", "The account is cooling off", "New keys can be attached once the time named in detail has come.";
    connections_full = 409 "connections_full", "Too many connections", "An account has at most 20 connections. Detach one first.";
    exchange_not_supported = 422 "exchange_not_supported", "This exchange is not supported yet", "Use exchange paper.";
    tokens_full = 409 "tokens_full", "Too many API tokens", "An account has at most 20 API tokens. Revoke one first.";
    key_too_powerful = 422 "key_too_powerful", "The key may do too much", "Make a key that can read and trade spot, and nothing else: no withdrawals, no transfers.";
    key_not_ip_restricted = 422 "key_not_ip_restricted", "The key works from anywhere", "Restrict the key to the addresses of this installation.";
    key_rejected = 422 "key_rejected", "The exchange refuses the key", "Check key and secret; copy them again from the exchange.";
    key_in_use = 409 "key_in_use", "This key is attached already", "One exchange key serves one account. Make a new key at the exchange.";
    pair_not_allowed = 422 "pair_not_allowed", "This connection may not trade that pair", "Add the pair to the allowed_pairs of the connection's limits; that takes a confirmation and a wait.";
    connection_not_live = 409 "connection_not_live", "The connection is not live", "Attach a key first.";
    bot_is_running = 409 "bot_is_running", "The bot is running", "Stop the bot first.";
    market_unknown = 409 "market_unknown", "No price yet", "The market of this pair has no closed candle yet. Try again in a minute.";
    stale_version = 412 "stale_version", "It was changed in the meantime", "Read it again and repeat the change.";
    funds_short = 409 "funds_short", "Not enough funds", "The orders of this bot need more than the connection has free. Lower the amounts or free funds.";
    idempotency_key_missing = 400 "idempotency_key_missing", "A key for this request is missing", "Send a fresh Idempotency-Key of 16 to 255 visible characters, and the same one when you repeat the request.";
    idempotency_key_invalid = 400 "idempotency_key_invalid", "The key for this request is not one", "Send one Idempotency-Key of 16 to 255 visible ASCII characters without commas, such as a UUID.";
    idempotency_key_reused = 422 "idempotency_key_reused", "This key belongs to another request", "Another method, path or body was sent with this Idempotency-Key before. Send a fresh key with a new request.";
    idempotency_in_flight = 409 "idempotency_in_flight", "The same request is being worked on", "Repeat the request with the same Idempotency-Key after Retry-After seconds for its answer.";
    idempotency_answered_elsewhere = 409 "idempotency_answered_elsewhere", "This request was answered to another session", "It was answered before, to another session or before your credentials changed, and is not shown again. Look whether what it creates is there; a fresh Idempotency-Key makes another.";
    too_many_requests = 429 "too_many_requests", "Too many requests", "Wait as long as Retry-After says.";
    try_again = 503 "try_again", "Busy", "Nothing was changed. Try again in a moment.";
    unavailable = 503 "unavailable", "A part is not available", "Nothing is known to have changed. Try again in a moment.";
    outcome_unknown = 503 "outcome_unknown", "The outcome is not known", "Look whether it happened before trying again.";
    local_only = 409 "local_only", "Not possible here", "This works in local mode only.";
}

impl Problem {
    fn new(status: u16, code: &'static str, title: &'static str, detail: &str) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            status,
            code,
            title,
            detail: detail.to_owned(),
            errors: Vec::new(),
            retry_after_s: None,
            rate_limit: None,
        }
    }
    /// Says it for this case; never with internal text, ids of others, or which part of a credential was wrong.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
    /// Names the fields at fault.
    #[must_use]
    pub fn with_faults(mut self, faults: Vec<Fault>) -> Self {
        self.errors = faults;
        self
    }
    /// Says that the fields at fault stand below this pointer.
    #[must_use]
    pub fn under(mut self, pointer: &str) -> Self {
        for fault in &mut self.errors {
            fault.pointer.insert_str(0, pointer);
        }
        self
    }
    /// Tells when to come back.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }
    /// Tells the limit that was met; of the request's source alone (SU-1, RL-6).
    #[must_use]
    pub fn with_rate_limit(mut self, limit: RateLimit) -> Self {
        self.rate_limit = Some(Box::new(limit));
        self
    }
    /// Logs the cause, once, where the request ends. Only the log sees it.
    #[must_use]
    pub fn logged(self, cause: impl std::fmt::Display) -> Self {
        tracing::error!(code = self.code, cause = %cause, "request failed");
        self
    }
    /// The fields at fault.
    pub fn faults(&self) -> &[Fault] {
        &self.errors
    }
    /// What is said for this case.
    pub fn detail(&self) -> &str {
        &self.detail
    }
    /// Names the kind of problem for good; its page in `docs/problems` is published there.
    pub fn type_uri(&self) -> String {
        format!("https://shearpin.dev/problems/{}", self.code)
    }
    /// The kind of problem in a few words.
    pub const fn title(&self) -> &'static str {
        self.title
    }
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        self.code
    }
    /// The HTTP status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<store::StoreError> for Problem {
    fn from(error: store::StoreError) -> Problem {
        match &error {
            store::StoreError::OutcomeUnknown { .. } => Problem::outcome_unknown().logged(error),
            store::StoreError::Unavailable { .. }
            | store::StoreError::NotGranted { .. }
            | store::StoreError::Corrupt { .. } => Problem::unavailable().logged(error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            r#type: self.type_uri(),
            title: self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            errors: &self.errors,
        };
        let text = serde_json::to_string(&body).unwrap_or_else(|_| String::from("{}"));
        let mut response = (self.status, text).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(limit) = &self.rate_limit {
            limit.write(headers);
        }
        // Who is told to slow down is told for how long.
        let default =
            (self.status == StatusCode::TOO_MANY_REQUESTS && self.rate_limit.is_none()).then_some(RETRY_AFTER_S);
        if let Some(seconds) = self.retry_after_s.or(default) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
