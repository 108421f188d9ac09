//! Output: progress goes to standard error, results to standard output, so that a pipe sees results alone.

use std::io::{IsTerminal, Write as _};

/// Draws a progress line: rewritten in place on a terminal, silent elsewhere.
pub fn progress(line: &str) {
    let mut err = std::io::stderr();
    if err.is_terminal() {
        let _shown = write!(err, "\r\x1b[K{line}");
        let _flushed = err.flush();
    }
}

/// Ends a progress line, so that what follows stands on its own.
pub fn progress_done() {
    if std::io::stderr().is_terminal() {
        eprintln!();
    }
}

/// Whether colour is wanted.
pub fn coloured() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
