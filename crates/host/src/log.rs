//! One JSON line per event on standard output, which Lambda ships to CloudWatch.

use tracing_subscriber::EnvFilter;

/// Starts logging once; later calls do nothing. The level comes from `RUST_LOG`, `info` by default; the SDK's own
/// lines stay at `warn`, since at `debug` they print response bodies.
pub fn start() {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,aws=warn,hyper=warn,h2=warn"));
    // A second start in one process (tests) is no error.
    let _already = tracing_subscriber::fmt().json().with_env_filter(filter).with_current_span(false).try_init();
}
