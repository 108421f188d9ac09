//! Pages that a test writes: compared as they stand, or written anew with the results of a run.
//!
//! `make requirements` sets `PAGES_FROM_LOG` to the log of a `cargo test` and `PAGES_DATE` to its day; without them nothing
//! is ever written.

use std::collections::BTreeMap;

use crate::report;
use crate::tree::{exists, read, root};

/// Begins the one line of a page that names the run.
const RUN: &str = "Results of the run of ";

/// One page.
#[derive(Debug)]
pub struct Page {
    path: &'static str,
    text: String,
}

impl Page {
    /// Reads it as it stands.
    pub fn open(path: &'static str) -> Self {
        Self { path, text: if exists(path) { read(path) } else { String::new() } }
    }

    /// Writes the page when a log is given, and else fails when it is not what `written` gives with the results that
    /// stand on it.
    pub fn settle(&self, written: fn(&BTreeMap<String, String>, &str) -> String) {
        if let Some(log) = environment("PAGES_FROM_LOG") {
            let known =
                if log.is_empty() { self.results() } else { results_of(&std::fs::read_to_string(log).unwrap()) };
            let run = if known.is_empty() { String::new() } else { environment("PAGES_DATE").unwrap_or_default() };
            let run = if run.is_empty() { self.run() } else { format!("{RUN}{run}.") };
            std::fs::write(root().join(self.path), written(&known, &run)).unwrap();
            return;
        }
        let expected = written(&self.results(), &self.run());
        let differs = expected.lines().zip(self.text.lines()).find(|(expected, found)| expected != found);
        let findings = match differs {
            _ if expected == self.text => Vec::new(),
            Some((expected, found)) => vec![format!("has    {found}"), format!("should {expected}")],
            None => vec!["is longer or shorter than it should be".to_owned()],
        };
        report(
            &format!(
                "{} is not what the sources give (`make requirements` or, without a run, `make pages`)",
                self.path
            ),
            &findings,
        );
    }

    fn run(&self) -> String {
        self.text.lines().find(|line| line.starts_with(RUN)).map_or(format!("{RUN}no day."), str::to_owned)
    }

    /// The results that stand on it, by name of the test.
    fn results(&self) -> BTreeMap<String, String> {
        let rows = self.text.lines().filter_map(|line| {
            let (result, rest) = line.strip_prefix("* ")?.split_once(" `")?;
            let name = rest.strip_suffix('`')?.rsplit("::").next()?;
            matches!(result, "passed" | "failed").then(|| (name.to_owned(), result.to_owned()))
        });
        rows.collect()
    }
}

/// `passed`, `failed`, or `not run`.
pub fn result_of<'a>(results: &'a BTreeMap<String, String>, name: &str) -> &'a str {
    results.get(name).map_or("not run", String::as_str)
}

/// The results in a log of `cargo test`, by name of the function. One failure outweighs other tests of the same name.
fn results_of(log: &str) -> BTreeMap<String, String> {
    let mut results: BTreeMap<String, String> = BTreeMap::new();
    for line in log.lines() {
        let Some((name, result)) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")) else {
            continue;
        };
        let name = name.trim_end_matches(" - should panic").rsplit("::").next().unwrap_or(name);
        let result = match result {
            "ok" => "passed",
            "FAILED" => "failed",
            _ => continue,
        };
        let kept = results.entry(name.to_owned()).or_insert_with(|| result.to_owned());
        if result == "failed" {
            result.clone_into(kept);
        }
    }
    results
}

#[expect(clippy::disallowed_methods, reason = "`make requirements` hands its log to the test that writes the page")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_from_a_log() {
        let results = results_of(
            "running 3 tests\ntest a::b::one ... ok\ntest two - should panic ... ok\ntest x::one ... FAILED\ntest three ... ignored\ntest result: ok. 3 passed",
        );
        let shown: Vec<_> = results.iter().map(|(name, result)| format!("{name} {result}")).collect();
        assert_eq!(shown, ["one failed", "two passed"]);
        assert_eq!(result_of(&results, "three"), "not run");
    }
}
