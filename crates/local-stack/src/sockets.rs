//! The listeners on loopback: which ports they take, under which names they answer, and how they end.
//!
//! Loopback keeps other machines out, not the pages that a browser on this one visits: a page whose own name is made to lead
//! here is of the same origin as what it reads, which would be the mailbox and, over the AWS services, every table.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};

use api::Problem;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// The port of the API when none is asked for.
pub(crate) const PORT_DEFAULT: u16 = 8080;
/// How many ports are tried, from the first on.
const PORTS_TRIED: u16 = 50;

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum NoListener {
    /// A port that was asked for is taken.
    #[error("port {port} is taken: choose another with --port, or leave --port out to take the next free one")]
    Taken {
        /// The port.
        port: u16,
    },
    /// A port that was asked for cannot be opened, for another reason.
    #[error("port {port} cannot be opened: {cause}; choose another with --port")]
    Refused {
        /// The port.
        port: u16,
        /// The system's reason.
        cause: std::io::Error,
    },
    /// No port at all.
    #[error("no port can be opened on this machine: {0}")]
    NoPort(std::io::Error),
}

/// Listens on exactly this port.
pub(crate) async fn listen_on(port: u16) -> Result<TcpListener, NoListener> {
    TcpListener::bind(("127.0.0.1", port)).await.map_err(|cause| match cause.kind() {
        ErrorKind::AddrInUse => NoListener::Taken { port },
        _ => NoListener::Refused { port, cause },
    })
}

/// Listens on the first free port from here on; on any when all of those are taken.
pub(crate) async fn listen_from(first: u16) -> Result<TcpListener, NoListener> {
    for port in first..first.saturating_add(PORTS_TRIED) {
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
            return Ok(listener);
        }
    }
    TcpListener::bind(("127.0.0.1", 0)).await.map_err(NoListener::NoPort)
}

/// The port that was taken.
pub(crate) fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().map_or(0, |address| address.port())
}

/// How a container reaches this machine; nobody can own the name.
const FROM_CONTAINERS: &str = "host.docker.internal";

/// Answers to this machine's own names alone.
fn guarded(router: Router) -> Router {
    router.layer(from_fn(async |request: Request, next: Next| -> Response {
        if is_ours(request.headers()) {
            return next.run(request).await;
        }
        let detail = "Call this by an address of this machine, such as localhost or 127.0.0.1.";
        Problem::cross_site_request().because(detail).into_response()
    }))
}

/// SS-5: whether what was called is an address, or a name that nobody else can let lead here. Programs may leave it out,
/// browsers never do.
fn is_ours(headers: &HeaderMap) -> bool {
    let Some(called) = headers.get(header::HOST) else { return true };
    let Ok(called) = called.to_str() else { return false };
    let name = match called.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) | None => called,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name == FROM_CONTAINERS || name.parse::<IpAddr>().is_ok()
}

/// Answers until told to stop; then lets running requests finish.
pub(crate) async fn serve(listener: TcpListener, router: Router, mut stopping: watch::Receiver<bool>) {
    let service = guarded(router).into_make_service_with_connect_info::<SocketAddr>();
    let stop = async move {
        let _gone = stopping.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stop).await {
        tracing::error!(%error, "a listener stopped");
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn ss_5_a_page_whose_name_was_made_to_lead_here_reads_nothing() {
        for (called, answered) in [
            (None, 200),
            (Some("localhost:8080"), 200),
            (Some("LOCALHOST"), 200),
            (Some("up.localhost:8080"), 200),
            (Some("127.0.0.1:8080"), 200),
            (Some("[::1]:8080"), 200),
            (Some("host.docker.internal:8082"), 200),
            (Some("evil.example:8080"), 403),
            (Some("evil.example"), 403),
            (Some("localhost.evil.example:8080"), 403),
            (Some("evillocalhost"), 403),
            (Some("127.0.0.1.evil.example"), 403),
            (Some("localhost@evil.example"), 403),
            (Some(""), 403),
        ] {
            let mut request = http::Request::get("/dev/mail");
            if let Some(called) = called {
                request = request.header("host", called);
            }
            let router = guarded(Router::new().route("/dev/mail", get(async || "mails")));
            let found = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(found.status(), answered, "{called:?}");
        }
    }
}
