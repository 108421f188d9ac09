//! One JSON line per event on standard output, which Lambda ships to CloudWatch.
//!
//! Must never print what a library has in its hands: the SDK, the HTTP stack and Lambda's runtime print bodies, headers and
//! whole events below `info`, and these hold passwords, codes and keys (LG-6).

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

/// What is said when nobody asked for anything else.
const LEVELS: &str = "info,aws=warn,hyper=warn,h2=warn";

/// The crates of this product, as they stand in a line's target. Whatever is not named here is a library, and is heard from
/// `info` up: a new one is quiet until somebody has read what it prints.
const OURS: [&str; 16] = [
    "account",
    "api",
    "breached_passwords",
    "decision_queue",
    "emulators",
    "exchange",
    "host",
    "identity_key",
    "local_stack",
    "paper",
    "passkey",
    "shearpin",
    "store",
    "strategy",
    "vault",
    "wire",
];

/// Starts logging once; later calls do nothing. The levels come from `RUST_LOG`; what libraries say below `info` stays
/// unsaid whatever it holds.
pub fn start() {
    let levels = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LEVELS));
    // A second start in one process (tests) is no error.
    let _already = lines(levels, std::io::stdout).try_init();
}

/// The same with levels and a place of one's own.
pub fn lines<W>(levels: EnvFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'line> MakeWriter<'line> + Send + Sync + 'static,
{
    let json = fmt::layer().json().with_current_span(false).with_writer(writer);
    tracing_subscriber::registry().with(levels).with(filter_fn(may_be_said)).with(json)
}

/// LG-6: below `info` only what we wrote ourselves.
fn may_be_said(line: &Metadata<'_>) -> bool {
    *line.level() <= Level::INFO || is_ours(line.target())
}
fn is_ours(target: &str) -> bool {
    let name = target.split("::").next().unwrap_or(target);
    name.starts_with("function_") || OURS.contains(&name)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Said(Arc<Mutex<Vec<u8>>>);
    impl Write for Said {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Says one line below `info` and one at it in the name of each crate, and gives back what was written.
    fn said(levels: &str) -> String {
        let said = Said::default();
        let writer = said.clone();
        tracing::subscriber::with_default(lines(EnvFilter::new(levels), move || writer.clone()), || {
            tracing::debug!(target: "aws_sdk_dynamodb::operation", "a body of dynamodb");
            tracing::trace!(target: "aws_smithy_runtime::client", "a body of smithy");
            tracing::debug!(target: "hyper::proto", "a body of hyper");
            tracing::debug!(target: "hyper_util::client", "a body of hyper_util");
            tracing::trace!(target: "h2::codec", "a body of h2");
            tracing::debug!(target: "rustls::client", "a body of rustls");
            tracing::trace!(target: "lambda_runtime::layers", "a body of lambda_runtime");
            tracing::debug!(target: "webauthn_rs_core::core", "a body of webauthn");
            tracing::debug!(target: "functions", "a body of functions");
            tracing::info!(target: "aws_config", "a word of the SDK");
            tracing::debug!(target: "function_login::log_in", "a word of a function");
            tracing::trace!(target: "store", "a word of the store");
        });
        let bytes = said.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn lg_6_no_level_makes_a_library_print_what_it_has_in_its_hands() {
        for levels in
            ["debug", "trace", "aws_sdk_dynamodb=trace,hyper=debug,lambda_runtime=trace,info", "trace,aws=trace"]
        {
            let text = said(levels);
            assert!(!text.contains("a body of"), "{levels}: {text}");
            assert!(text.contains("a word of the SDK"), "{levels}: {text}");
        }
        let text = said("trace");
        assert!(text.contains("a word of a function") && text.contains("a word of the store"), "{text}");
        assert!(!said(LEVELS).contains("a word of"), "{}", said(LEVELS));
    }
}
