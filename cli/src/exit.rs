//! Exit codes: what a script may rely on.

use std::fmt::Display;
use std::process::ExitCode;

/// Shown at the end of every help.
pub const TABLE: &str = "Exit codes: 0 fine, 1 failed (a promise of the demo did not hold), 2 usage, 3 not signed in, 4 not found or in conflict\n(a taken port, a data folder in use), 5 something remote is not available";

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Fine,
    Failed,
    Usage,
    Conflict,
    Unavailable,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Fine => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Conflict => 4,
            Exit::Unavailable => 5,
        })
    }
}

/// Why a command did not do it.
#[derive(Debug)]
pub struct Failed {
    pub exit: Exit,
    pub why: String,
}

impl Failed {
    /// With an exit code and a sentence.
    pub fn new(exit: Exit, why: impl Display) -> Self {
        Self { exit, why: why.to_string() }
    }
}
