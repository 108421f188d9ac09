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
    if wants_json {
        return Json(mails).into_response();
    }
    ([(header::CONTENT_SECURITY_POLICY, MAILBOX_POLICY)], Html(mail_page(&mails, &banner(&dev)))).into_response()
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

/// What the mailbox and the mails framed in it may load: nothing. They inherit it.
const MAILBOX_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; frame-ancestors 'none'";

fn mail_page(mails: &[MailShown], banner: &str) -> String {
    let items: String = mails
        .iter()
        .map(|m| {
            format!(
                "<article><h2>{}</h2><p>To {} at {}</p>{}</article>",
                escaped(&m.subject),
                escaped(&m.to),
                escaped(&m.sent_at),
                body(m)
            )
        })
        .collect();
    let empty = if mails.is_empty() { "<p>No mail yet.</p>" } else { "" };
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Mailbox</title><h1>Mailbox</h1>{banner}{empty}{items}</html>"
    )
}

/// A mail as its reader sees it: the HTML in a frame of its own without scripts, forms or this page's origin, whose links
/// open beside it as a mail program's do; and the text part, which readers without HTML see.
fn body(mail: &MailShown) -> String {
    let text = mail.text.as_deref().map(|text| format!("<pre>{}</pre>", escaped(text)));
    match (&mail.html, text) {
        (Some(html), text) => {
            let framed = escaped(&format!("<base target=\"_blank\">{html}"));
            let text = text.unwrap_or_else(|| "<p>This mail has no text part.</p>".to_owned());
            format!(
                "<iframe sandbox=\"allow-popups allow-popups-to-escape-sandbox\" referrerpolicy=\"no-referrer\" title=\"{}\" \
                 style=\"width:100%;height:22em;border:1px solid\" srcdoc=\"{framed}\"></iframe>\
                 <details><summary>As text</summary>{text}</details>",
                escaped(&mail.subject)
            )
        }
        (None, Some(text)) => text,
        (None, None) => "<p>This mail is empty.</p>".to_owned(),
    }
}

/// Text as HTML text, also inside quotes.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: Option<&str>, html: Option<&str>) -> String {
        let mail = MailShown {
            id: "1".into(),
            to: "a@example.com".into(),
            subject: "Say <hello>".into(),
            text: text.map(str::to_owned),
            html: html.map(str::to_owned),
            sent_at: "now".into(),
        };
        mail_page(&[mail], "")
    }

    #[test]
    fn a_mail_is_shown_as_its_reader_sees_it_and_its_markup_stays_in_its_frame() {
        let page = shown(Some("a < b"), Some("<p title=\"x\">Open <a href=\"https://x.example/#/y\">this</a></p>"));
        assert!(
            page.contains("srcdoc=\"&lt;base target=&quot;_blank&quot;&gt;&lt;p title=&quot;x&quot;&gt;Open "),
            "{page}"
        );
        // No script, no form, no way to this page's origin.
        assert!(page.contains("sandbox=\"allow-popups allow-popups-to-escape-sandbox\""));
        assert!(page.contains("<pre>a &lt; b</pre>") && page.contains("Say &lt;hello&gt;"));
        assert_eq!(page.matches("<a ").count(), 0, "a link of a mail is in its frame alone");
    }
    #[test]
    fn no_mail_breaks_out_of_its_frame() {
        let evil = "\"></iframe><script>x</script><img src=x onerror='x'>";
        for page in [shown(Some(evil), Some(evil)), shown(Some(evil), None), shown(None, Some(evil)), shown(None, None)]
        {
            assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
            assert_eq!(page.matches("<iframe").count(), page.matches("</iframe>").count());
        }
        assert!(MAILBOX_POLICY.starts_with("default-src 'none'"));
    }
}
