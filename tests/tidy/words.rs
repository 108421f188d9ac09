//! Words that must not stand in the source, each with what to write instead.

use std::collections::BTreeSet;

use crate::report;
use crate::source::{code, product_code, words};
use crate::tree::{files, read};

/// Names of files and modules that say nothing, as whole parts between underscores.
const EMPTY_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "manager", "service", "misc"];
/// Where figures may not be floating point (P6).
const MONEY: &[&str] = &[
    "crates/strategy/src",
    "crates/paper/src",
    "crates/exchange/src",
    "crates/store/src",
    "crates/vault/src",
    "functions",
];
/// Where time, environment and randomness enter: the composition roots and the host that they build.
const DOORS: &[&str] = &["crates/host/src/", "crates/local-stack/src/", "cli/src/", "/main.rs", "/config.rs"];
/// Files outside the doors that may name them, with the reason. May only shrink.
const DOORS_LEFT_OPEN: &[&str] = &[
    // Seals the laptop's own data folder; no product code runs on it.
    "crates/emulators/src/seal.rs",
    // A long poll waits for real seconds, as SQS does.
    "crates/emulators/src/sqs/mod.rs",
];
/// Files that may panic on purpose, with the reason. May only shrink.
const MAY_PANIC: &[&str] = &[
    // A machine without randomness must not make keys.
    "crates/host/src/entropy.rs",
];

fn rust_files() -> Vec<String> {
    ["crates", "functions", "cli", "tests"].iter().flat_map(|folder| files(folder, ".rs")).collect()
}

fn is_test_folder(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.contains("/benches/")
}

/// Path and product code of every file that is not a test, with test modules cut wherever they stand.
fn product() -> Vec<(String, String)> {
    let mut kept = Vec::new();
    let mut test_files = BTreeSet::new();
    for path in rust_files().into_iter().filter(|p| !is_test_folder(p)) {
        let (code, elsewhere) = product_code(&read(&path));
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let stem = path.trim_end_matches(".rs");
        for module in elsewhere {
            let file = module.trim_end_matches(".rs");
            test_files.extend([
                format!("{folder}/{file}.rs"),
                format!("{stem}/{file}.rs"),
                format!("{folder}/{file}/mod.rs"),
            ]);
        }
        kept.push((path, code));
    }
    kept.retain(|(path, _)| !test_files.contains(path));
    kept
}

#[test]
fn nothing_is_left_to_do_and_no_test_is_ignored() {
    let mut findings = Vec::new();
    for path in rust_files() {
        for (number, line) in code(&read(&path)).lines().enumerate() {
            for word in ["todo!", "unimplemented!", "#[ignore", "unsafe {", "unsafe fn", "unsafe impl"] {
                if line.contains(word) {
                    findings.push(format!("{path}:{}: {word}", number + 1));
                }
            }
        }
    }
    report("unfinished, switched off or unsafe", &findings);
}

#[test]
fn no_figure_of_money_is_floating_point() {
    let mut findings = Vec::new();
    for (path, code) in product().iter().filter(|(path, _)| MONEY.iter().any(|folder| path.starts_with(folder))) {
        for (line, word) in words(code) {
            if word == "f64" || word == "f32" {
                findings.push(format!("{path}:{line}: {word}; use strategy::money"));
            }
        }
    }
    report("P6: decimals only", &findings);
}

#[test]
fn product_code_does_not_panic_on_what_it_is_given() {
    let mut findings = Vec::new();
    let mut panics = BTreeSet::new();
    for (path, code) in product().iter().filter(|(path, _)| !path.starts_with("cli/") && !path.ends_with("/main.rs")) {
        for (number, line) in code.lines().enumerate() {
            for call in [".unwrap()", ".expect(", "panic!(", "unreachable!("] {
                if line.contains(call) && MAY_PANIC.contains(&path.as_str()) {
                    panics.insert(path.clone());
                } else if line.contains(call) {
                    findings.push(format!("{path}:{}: {call}; return an error of the operation", number + 1));
                }
            }
        }
    }
    findings
        .extend(MAY_PANIC.iter().filter(|p| !panics.contains(**p)).map(|p| format!("take it out of MAY_PANIC: {p}")));
    report("panics outside main.rs, cli and tests", &findings);
}

#[test]
fn names_say_what_a_thing_does() {
    let mut findings = Vec::new();
    let empty = |name: &str| name.starts_with("get_") || name.split(['_', '-']).any(|part| EMPTY_NAMES.contains(&part));
    for path in rust_files() {
        for part in path.trim_end_matches(".rs").split('/') {
            if empty(part) {
                findings.push(format!("{path}: the name `{part}`"));
            }
        }
        let code = code(&read(&path));
        let mut before = "";
        for (line, word) in words(&code) {
            let is_empty = match before {
                // `get` alone is the HTTP method.
                "fn" => word.starts_with("get_") || word == "handle_event" || EMPTY_NAMES.contains(&word),
                "mod" => empty(word),
                "struct" | "enum" | "trait" => ["Manager", "Service", "Helper", "Helpers", "Utils", "Util"]
                    .iter()
                    .any(|end| word.ends_with(end) && word != *end),
                _ => false,
            };
            if is_empty {
                findings.push(format!("{path}:{line}: `{before} {word}`"));
            }
            before = word;
        }
    }
    report("names that say nothing; say what it does or holds", &findings);
}

#[test]
fn the_clock_the_environment_and_chance_come_in_through_their_doors() {
    let mut findings = Vec::new();
    let mut open = BTreeSet::new();
    for (path, code) in &product() {
        if DOORS.iter().any(|door| path.contains(door)) {
            continue;
        }
        for (number, line) in code.lines().enumerate() {
            for call in [
                "SystemTime::now",
                "Instant::now",
                "Utc::now",
                "Zoned::now",
                "Timestamp::now",
                "env::var",
                "getrandom::",
                "rand::",
            ] {
                if line.contains(call) {
                    if DOORS_LEFT_OPEN.contains(&path.as_str()) {
                        open.insert(path.clone());
                    } else {
                        findings.push(format!(
                            "{path}:{}: {call}; take host::Clock, host::Entropy or host::Environment",
                            number + 1
                        ));
                    }
                }
            }
        }
    }
    findings.extend(
        DOORS_LEFT_OPEN.iter().filter(|p| !open.contains(**p)).map(|p| format!("take it out of DOORS_LEFT_OPEN: {p}")),
    );
    report("time, environment and randomness are parameters", &findings);
}
