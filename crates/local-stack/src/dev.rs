//! What exists in local mode only: the mailbox and the clock.

use std::sync::Arc;

use account::WallTime;
use api::Problem;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::clock::{ClockRefused, LocalClock};
use crate::machine::Machine;
use crate::progress::Progress;

/// What the pages look at.
#[derive(Clone, Debug)]
pub(crate) struct Dev {
    pub(crate) machine: Arc<Machine>,
    pub(crate) clock: Arc<LocalClock>,
    /// Tells the market time.
    pub(crate) progress: watch::Receiver<Progress>,
    /// On a live market the wall clock stays the world's.
    pub(crate) live: bool,
    /// The API's own address, the one origin whose pages may move the clock.
    pub(crate) api: String,
}

#[derive(Serialize)]
struct MailShown {
    id: String,
    to: String,
    subject: String,
    text: Option<String>,
    html: Option<String>,
    sent_at: String,
}
#[derive(Serialize)]
struct ClockShown {
    wall: String,
    market: Option<String>,
    offset_s: i64,
}
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_s: i64,
}

/// The routes under `/dev/`.
pub(crate) fn routes(dev: Dev) -> Router {
    Router::new()
        .route("/dev/mail", get(list_mail))
        .route("/dev/clock", get(show_clock).post(advance_clock))
        .route("/", get(front_page))
        .with_state(dev)
}

async fn list_mail(State(dev): State<Dev>, headers: HeaderMap) -> Response {
    let mails = match dev.machine.emulators().mailbox() {
        Ok(mails) => mails,
        Err(error) => return Problem::unavailable().logged(error).into_response(),
    };
    let mails: Vec<_> = mails
        .into_iter()
        .rev()
        .map(|m| MailShown {
            id: m.id,
            to: m.to.join(", "),
            subject: m.subject,
            text: m.text,
            html: m.html,
            sent_at: WallTime::from_ms(m.sent_at_ms).to_string(),
        })
        .collect();
    let wants_json =
        headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("application/json"));
    if wants_json { Json(mails).into_response() } else { Html(mail_page(&mails, &banner(&dev))).into_response() }
}

async fn show_clock(State(dev): State<Dev>) -> Json<ClockShown> {
    Json(clock_shown(&dev))
}

async fn advance_clock(State(dev): State<Dev>, headers: HeaderMap, body: axum::body::Bytes) -> Response {
    // SS-5: no foreign page may move the clock of whoever visits it; programs send no Origin.
    if headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes() != dev.api.as_bytes()) {
        return Problem::cross_site_request()
            .because("Only pages of this installation may move the clock.")
            .into_response();
    }
    // The other 409, with a key of a real exchange attached, cannot occur: only paper keys can be attached so far.
    if dev.live {
        return Problem::local_only().because("On a live market the clock cannot be moved.").into_response();
    }
    let Ok(Advance { advance_s }) = serde_json::from_slice(&body) else {
        return Problem::malformed_body().because("Send {\"advance_s\": seconds}, a whole number.").into_response();
    };
    match dev.clock.advance(advance_s) {
        Ok(_) => {
            dev.machine.emulators().clock_moved();
            // What the passed time makes due is due now.
            if let Err(error) = dev.machine.sweep().await {
                tracing::warn!(%error, "the sweep after moving the clock failed; the next one repeats it");
            }
            Json(clock_shown(&dev)).into_response()
        }
        Err(refused @ ClockRefused::NotForward) => {
            Problem::invalid_fields().because(refused.to_string()).into_response()
        }
        Err(refused @ ClockRefused::NotStored(_)) => Problem::unavailable().logged(refused).into_response(),
    }
}

fn clock_shown(dev: &Dev) -> ClockShown {
    let market = dev.progress.borrow().close;
    ClockShown {
        wall: dev.machine.now().to_string(),
        market: market.map(|m| WallTime::from_ms(m.ms()).to_string()),
        offset_s: dev.clock.offset_s(),
    }
}

/// Shown on every page while the clock is ahead.
fn banner(dev: &Dev) -> String {
    match dev.clock.offset_s() {
        0 => String::new(),
        ahead => format!("<p role=\"status\"><strong>The local clock is {ahead} s ahead of the system's.</strong></p>"),
    }
}

async fn front_page(State(dev): State<Dev>) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Shearpin</title><h1>Shearpin</h1>{}<p>The HTTP API is under \
         <code>/v1</code>. <a href=\"/dev/mail\">Mailbox</a> · <a href=\"/dev/clock\">Clock</a></p></html>",
        banner(&dev)
    );
    (StatusCode::OK, Html(page)).into_response()
}

fn mail_page(mails: &[MailShown], banner: &str) -> String {
    let items: String = mails
        .iter()
        .map(|m| {
            format!(
                "<article><h2>{}</h2><p>To {} at {}</p><pre>{}</pre></article>",
                escaped(&m.subject),
                escaped(&m.to),
                escaped(&m.sent_at),
                escaped(m.text.as_deref().unwrap_or(""))
            )
        })
        .collect();
    let empty = if mails.is_empty() { "<p>No mail yet.</p>" } else { "" };
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Mailbox</title><h1>Mailbox</h1>{banner}{empty}{items}</html>"
    )
}

/// Text as HTML text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
