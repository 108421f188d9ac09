//! The listeners on loopback: which ports they take, and how they end.

use std::io::ErrorKind;
use std::net::SocketAddr;

use axum::Router;
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

/// Answers until told to stop; then lets running requests finish.
pub(crate) async fn serve(listener: TcpListener, router: Router, mut stopping: watch::Receiver<bool>) {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let stop = async move {
        let _gone = stopping.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stop).await {
        tracing::error!(%error, "a listener stopped");
    }
}
