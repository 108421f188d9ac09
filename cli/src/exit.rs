//! Exit codes: what a script may rely on.

use std::fmt::Display;
use std::process::ExitCode;

use serde_json::{Value, json};

/// Shown at the end of every help.
pub const TABLE: &str =
    "Exit codes: 0 fine, 1 failed (a promise of the demo did not hold), 2 usage (a bad option, file or bot),
3 not signed in, 4 not found or in conflict (a taken port, a data folder in use or from a newer version),
5 something remote is not available";

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything was done.
    Fine,
    /// It was tried and did not succeed.
    Failed,
    /// What was asked for makes no sense: nothing was tried.
    Usage,
    /// Something else holds what is needed.
    Conflict,
    /// Something outside this machine does not answer.
    Unavailable,
}

impl Exit {
    /// The code, as documented in [`TABLE`].
    pub const fn code(self) -> u8 {
        match self {
            Exit::Fine => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Conflict => 4,
            Exit::Unavailable => 5,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// Why a command did not do it.
#[derive(Debug)]
pub struct Failed {
    /// The exit code.
    pub exit: Exit,
    /// What happened and what to do, in sentences.
    pub why: String,
    /// Single faults with JSON pointers, when a file was refused.
    pub errors: Vec<Value>,
}

impl Failed {
    /// With an exit code and a sentence.
    pub fn new(exit: Exit, why: impl Display) -> Self {
        Self { exit, why: why.to_string(), errors: Vec::new() }
    }
    /// Names the faults of a file.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<Value>) -> Self {
        self.errors = errors;
        self
    }
    /// Tells it on standard error; as one JSON line for a script.
    pub fn tell(&self, as_json: bool) {
        if as_json {
            eprintln!("{}", json!({ "error": self.why, "exit_code": self.exit.code(), "errors": self.errors }));
            return;
        }
        eprintln!("shearpin: {}", self.why);
        for error in &self.errors {
            let text = |name: &str| error[name].as_str().unwrap_or_default();
            let pointer = if text("pointer").is_empty() { "the whole file" } else { text("pointer") };
            eprintln!("  {pointer} ({}): {}", text("code"), text("detail"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_the_table_of_the_help() {
        let table = TABLE.split_once(": ").map_or(TABLE, |(_, codes)| codes).replace('\n', " ");
        for exit in [Exit::Fine, Exit::Failed, Exit::Usage, Exit::Conflict, Exit::Unavailable] {
            let code = format!("{} ", exit.code());
            assert!(table.starts_with(&code) || table.contains(&format!(", {code}")), "{exit:?} is not documented");
        }
    }
}
