//! A function's `main.rs` is a shell: it reads the host, builds what the library needs and runs it.

use crate::report;
use crate::source::{code, words};
use crate::tree::{files, read};

/// Lines of a `main.rs`.
const LINES_MAX: usize = 40;

#[test]
fn a_main_is_short_and_decides_nothing() {
    let mut findings = Vec::new();
    let mains: Vec<String> =
        files("functions", "main.rs").into_iter().filter(|p| p.ends_with("/src/main.rs")).collect();
    assert!(mains.len() >= 12);
    for path in mains {
        let text = read(&path);
        let lines = text.lines().count();
        if lines > LINES_MAX {
            findings.push(format!("{path}: {lines} lines, at most {LINES_MAX}"));
        }
        if words(&code(&text)).any(|(_, word)| word == "if" || word == "match") {
            findings.push(format!("{path}: decides; that belongs into lib.rs or config.rs"));
        }
        if text.trim_end().ends_with("fn main() {}") {
            findings.push(format!("{path}: an empty main"));
        }
    }
    report("main.rs of a function", &findings);
}
