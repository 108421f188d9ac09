//! The real transport: one HTTP/1.1 request over a connection to the configured host.

use std::time::Duration;

use exchange::{Method, Parts};

use crate::{Answer, Sent, Transport};

/// Bounds of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the start of connecting to the last byte of the answer.
    pub total: Duration,
    /// Longest answer read.
    pub body_bytes_max: usize,
}

/// Connecting takes this long at most; nothing of the request has left by then.
const CONNECT: Duration = Duration::from_millis(1_500);

/// Sends over the network.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    client: reqwest::Client,
}

/// The network cannot be used at all: the TLS library does not start.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client does not start: {0}")]
pub struct CannotStart(String);

impl HttpTransport {
    /// One client for the life of the process.
    pub fn new() -> Result<Self, CannotStart> {
        let client = reqwest::Client::builder()
            // P3: exactly one POST on the wire. The official SDK re-sent a market order four times (exchanges.md).
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .connect_timeout(CONNECT)
            .user_agent(concat!("shearpin/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| CannotStart(e.without_url().to_string()))?;
        Ok(Self { client })
    }

    async fn exchange(&self, base_url: &str, parts: Parts, limits: Limits) -> Sent {
        // EXPOSE: the query goes onto the wire, with its signature.
        let url = parts.query.expose(|query| {
            let path = parts.path();
            if query.is_empty() { format!("{base_url}{path}") } else { format!("{base_url}{path}?{query}") }
        });
        let mut request = match parts.method() {
            Method::Get => self.client.get(url),
            Method::Post => self.client.post(url),
            Method::Delete => self.client.delete(url),
        };
        for (name, value) in &parts.headers {
            // EXPOSE: the key goes into its header; marked sensitive, so that the client never prints it.
            let value = value.expose(|text| http::HeaderValue::from_str(text));
            let Ok(mut value) = value else {
                return Sent::NotSent { why: format!("the header {name} cannot be written") };
            };
            value.set_sensitive(true);
            request = request.header(*name, value);
        }
        // EXPOSE: the body goes onto the wire.
        request = parts.body.expose(|body| if body.is_empty() { request } else { request.body(body.clone()) });
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_builder() || error.is_connect() => return Sent::NotSent { why: said(error) },
            Err(error) => return Sent::Unknown { why: said(error) },
        };
        let status = response.status().as_u16();
        let retry_after_s = response
            .headers()
            .get(http::header::RETRY_AFTER)
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.trim().parse().ok());
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= limits.body_bytes_max => body.extend_from_slice(&chunk),
                Ok(Some(_)) => {
                    return Sent::Unknown {
                        why: format!("HTTP {status} with an answer of more than {} bytes", limits.body_bytes_max),
                    };
                }
                Ok(None) => return Sent::Answered(Answer { status, retry_after_s, body }),
                Err(error) => return Sent::Unknown { why: format!("HTTP {status}, then {}", said(error)) },
            }
        }
    }
}

#[async_trait::async_trait]
impl Transport for HttpTransport {
    async fn send(&self, base_url: &str, parts: Parts, limits: Limits) -> Sent {
        match tokio::time::timeout(limits.total, self.exchange(base_url, parts, limits)).await {
            Ok(sent) => sent,
            // The connection may have been up: nobody knows what the other side has read.
            Err(_) => Sent::Unknown { why: format!("no complete answer within {} ms", limits.total.as_millis()) },
        }
    }
}

/// The error without its address, whose query holds the signature.
fn said(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
