//! `docs/asvs.md`: OWASP ASVS 5.0.0 at level 2 for the chapters on authentication, sessions, authorisation, self-contained
//! tokens, cryptography, configuration and logging, and what else `tests/tidy/requirements.tsv` cites.
//!
//! The table is `tests/tidy/asvs.tsv`, in our own words. An item is met by tests, or its row says why not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::pages::{Page, result_of};
use crate::report;
use crate::requirements::rows;
use crate::traces::{TestFn, tests};

const PAGE: &str = "docs/asvs.md";
/// What a row may say.
const STATUSES: &[&str] = &["met", "met outside", "partly", "not met", "not applicable"];
/// Every item of levels 1 and 2 by section, from the standard. Items of level 3 are listed where our requirements cite them.
const LEVEL_2: &[(&str, &[u32])] = &[
    ("6.1", &[1, 2, 3]),
    ("6.2", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ("6.3", &[1, 2, 3, 4]),
    ("6.4", &[1, 2, 3, 4]),
    ("6.5", &[1, 2, 3, 4, 5]),
    ("6.6", &[1, 2, 3]),
    ("6.8", &[1, 2, 3, 4]),
    ("7.1", &[1, 2, 3]),
    ("7.2", &[1, 2, 3, 4]),
    ("7.3", &[1, 2]),
    ("7.4", &[1, 2, 3, 4, 5]),
    ("7.5", &[1, 2]),
    ("7.6", &[1, 2]),
    ("8.1", &[1, 2]),
    ("8.2", &[1, 2, 3]),
    ("8.3", &[1]),
    ("8.4", &[1]),
    ("9.1", &[1, 2, 3]),
    ("9.2", &[1, 2, 3, 4]),
    ("11.1", &[1, 2]),
    ("11.2", &[1, 2, 3]),
    ("11.3", &[1, 2, 3]),
    ("11.4", &[1, 2, 3, 4]),
    ("11.5", &[1]),
    ("11.6", &[1]),
    ("13.1", &[1]),
    ("13.2", &[1, 2, 3, 4, 5]),
    ("13.3", &[1, 2]),
    ("13.4", &[1, 2, 3, 4, 5]),
    ("16.1", &[1]),
    ("16.2", &[1, 2, 3, 4, 5]),
    ("16.3", &[1, 2, 3, 4]),
    ("16.4", &[1, 2, 3]),
    ("16.5", &[1, 2, 3]),
];
/// The level 3 items that our requirements mark.
const LEVEL_3: &[&str] =
    &["6.3.5", "6.3.6", "6.3.7", "6.3.8", "6.4.6", "6.5.6", "6.5.8", "6.7.2", "7.5.3", "8.3.2", "11.2.4", "15.4.2"];

struct Item {
    id: String,
    level: String,
    status: String,
    asks: String,
    tests: String,
    reason: String,
}

fn items() -> Vec<Item> {
    let item = |[id, level, status, asks, tests, reason]: [String; 6]| Item { id, level, status, asks, tests, reason };
    rows("tests/tidy/asvs.tsv").into_iter().map(item).collect()
}

#[test]
fn every_item_is_listed_once_and_has_tests_or_a_reason() {
    let items = items();
    let listed: BTreeSet<&str> = items.iter().map(|item| item.id.as_str()).collect();
    let names: BTreeSet<String> = tests().into_iter().map(|test| test.name).collect();
    let mut findings = Vec::new();
    if listed.len() != items.len() {
        findings.push("an id stands twice".to_owned());
    }
    let demanded =
        LEVEL_2.iter().flat_map(|(section, items)| items.iter().map(move |item| format!("{section}.{item}")));
    let cited = rows("tests/tidy/requirements.tsv")
        .into_iter()
        .flat_map(|[_, asvs, ..]: [String; 4]| asvs.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    for id in demanded.chain(LEVEL_3.iter().map(|&id| id.to_owned())).chain(cited).collect::<BTreeSet<_>>() {
        if !listed.contains(id.as_str()) {
            findings.push(format!("{id}: not in asvs.tsv"));
        }
    }
    for Item { id, status, tests, reason, .. } in &items {
        if !STATUSES.contains(&status.as_str()) {
            findings.push(format!("{id}: {status} is none of {}", STATUSES.join(", ")));
        }
        if reason.is_empty() && (tests.is_empty() || status != "met") {
            findings.push(format!("{id}: {status} without a reason"));
        }
        for name in tests.split_whitespace().filter(|name| !names.contains(*name)) {
            findings.push(format!("{id}: there is no test {name}"));
        }
    }
    report("tests/tidy/asvs.tsv", &findings);
}

#[test]
fn the_page_of_asvs_is_what_the_sources_give() {
    Page::open(PAGE).settle(written);
}

fn written(results: &BTreeMap<String, String>, run: &str) -> String {
    let items = items();
    let by_name: BTreeMap<String, TestFn> = tests().into_iter().map(|test| (test.name.clone(), test)).collect();
    let mut page = format!(
        "# OWASP ASVS 5.0.0\n\n\
         Every item of levels 1 and 2 of the chapters on authentication (6), sessions (7), authorisation (8), self-contained tokens\n\
         (9), cryptography (11), configuration (13) and logging (16), the level 3 items that our requirements mark, and what else they\n\
         cite; in our own words, the standard's text is at [owasp.org/ASVS](https://owasp.org/www-project-application-security-verification-standard/).\n\
         Written by `make requirements` from `tests/tidy/asvs.tsv`: do not edit. An item is met by the tests below it, or says why not.\n\n{run}\n\n"
    );
    page.push_str("| status | items |\n| --- | --- |\n");
    for status in STATUSES {
        let _ = writeln!(page, "| {status} | {} |", items.iter().filter(|item| item.status == *status).count());
    }
    let open = items.iter().filter(|item| matches!(item.status.as_str(), "partly" | "not met"));
    page.push_str("\nNot or not wholly met:\n\n");
    for Item { id, asks, reason, .. } in open {
        let _ = writeln!(page, "* {id} {asks}: {reason}");
    }
    let mut chapter = "";
    for Item { id, level, status, asks, tests, reason } in &items {
        let of = id.split('.').next().unwrap_or_default();
        if of != chapter {
            chapter = of;
            let _ = write!(page, "\n## V{chapter}\n");
        }
        let _ = write!(
            page,
            "\n### {id} (level {level}): {status}\n\n{asks}.{}{reason}\n",
            if reason.is_empty() { "" } else { " " }
        );
        if !tests.is_empty() {
            page.push('\n');
        }
        for test in tests.split_whitespace().filter_map(|name| by_name.get(name)) {
            let _ = writeln!(page, "* {} `{}::{}`", result_of(results, &test.name), test.path, test.name);
        }
    }
    page
}
