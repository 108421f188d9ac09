//! The committed contract and the pages of the problems are what the code says.

use std::collections::BTreeSet;

use tests::{contract, problem_pages};

use crate::report;
use crate::tree::{exists, files, read};

/// The shortest sentence that says when something happens.
const SENTENCE_MIN: usize = 40;

#[test]
fn the_committed_contract_is_what_the_code_says() {
    let document = contract::document().unwrap_or_else(|findings| panic!("no contract:\n  {}", findings.join("\n  ")));
    let (written, committed) = (contract::text(&document), read("docs/openapi.json"));
    let differs = written.lines().zip(committed.lines()).find(|(ours, theirs)| ours != theirs);
    let findings: Vec<String> = match differs {
        _ if written == committed => Vec::new(),
        Some((ours, theirs)) => vec![format!("has    {theirs}"), format!("should {ours}")],
        None => vec!["it is longer or shorter than it should be".to_owned()],
    };
    report("docs/openapi.json is not what the code says (`make openapi`, and commit it)", &findings);
}

#[test]
fn every_problem_has_a_page_and_every_page_a_problem() {
    let document = contract::document().unwrap_or_else(|findings| panic!("no contract:\n  {}", findings.join("\n  ")));
    let present = |path: &str| exists(path).then(|| read(path));
    let pages = problem_pages::pages(&document, present);
    let mut findings = Vec::new();
    for (path, text) in &pages {
        match present(path) {
            None => findings.push(format!("missing: {path}")),
            Some(now) if now != *text => findings.push(format!("not what the code says: {path}")),
            Some(_) => {}
        }
        let by_hand = problem_pages::by_hand(text);
        if !path.ends_with("README.md") && (by_hand == problem_pages::DUE || by_hand.len() < SENTENCE_MIN) {
            findings.push(format!("write a sentence under \"When it happens\": {path}"));
        }
    }
    let known: BTreeSet<&String> = pages.keys().collect();
    findings.extend(
        files(problem_pages::FOLDER, ".md")
            .iter()
            .filter(|path| !known.contains(path))
            .map(|path| format!("no code has this page: {path}")),
    );
    report("docs/problems is not what the catalogue says (`make openapi`, and commit it)", &findings);
}
