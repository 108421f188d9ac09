//! `docs/requirements.md`: every requirement of an account with the code that keeps it and the tests that show it.
//!
//! The sentences stand in `tests/tidy/requirements.tsv`, the incidents of others in `tests/tidy/lessons.tsv`; all else is
//! read from the source. `make requirements` writes the page; a test only compares.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::pages::{Page, result_of};
use crate::report;
use crate::traces::{ACCOUNT_FAMILIES, FENCE_FAMILIES, TestFn, ids_in_name, places, tests};
use crate::tree::read;

const PAGE: &str = "docs/requirements.md";
/// Requirements that no test shows yet. May only shrink: a test with the id in its name fails this rule until its line is gone.
const WAITING: &[&str] = &[];
/// Requirements that no comment of the product code names yet. May only shrink.
const UNPLACED: &[&str] = &[];

struct Requirement {
    id: String,
    asvs: String,
    sentence: String,
    /// Why no code place can be named, such as for what is absent.
    no_place: String,
}

fn requirements() -> Vec<Requirement> {
    rows("tests/tidy/requirements.tsv")
        .into_iter()
        .map(|[id, asvs, sentence, no_place]| Requirement { id, asvs, sentence, no_place })
        .collect()
}

/// The rows of a table with tabs, without its head.
pub fn rows<const N: usize>(path: &str) -> Vec<[String; N]> {
    let text = read(path);
    let row = |line: &str| {
        let fields: Vec<String> = line.split('\t').map(str::to_owned).collect();
        fields.try_into().unwrap_or_else(|_| panic!("{path}: not {N} fields: {line}"))
    };
    text.lines().skip(1).filter(|line| !line.is_empty()).map(row).collect()
}

/// What each id of these families is shown by.
fn shown(families: &[&str]) -> BTreeMap<String, Vec<TestFn>> {
    let mut shown: BTreeMap<String, Vec<TestFn>> = BTreeMap::new();
    for test in tests() {
        for id in ids_in_name(&test.name, families) {
            shown.entry(id).or_default().push(test.clone());
        }
    }
    shown
}

/// What each id of the account's families is named by.
fn placed() -> BTreeMap<String, BTreeSet<String>> {
    let mut placed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for place in places(ACCOUNT_FAMILIES) {
        placed.entry(place.id).or_default().insert(place.place);
    }
    placed
}

#[test]
fn every_requirement_has_a_test_that_names_it() {
    let known: BTreeSet<String> = requirements().into_iter().map(|r| r.id).collect();
    assert_eq!(known.len(), requirements().len(), "an id stands twice in requirements.tsv");
    let shown = shown(ACCOUNT_FAMILIES);
    let mut findings = Vec::new();
    for id in &known {
        match (shown.contains_key(id), WAITING.contains(&id.as_str())) {
            (false, false) => findings.push(format!("{id}: no test has it in its name")),
            (true, true) => findings.push(format!("{id}: has a test now, take it out of WAITING")),
            (true, false) | (false, true) => {}
        }
    }
    for (id, tests) in shown.iter().filter(|(id, _)| !known.contains(*id)) {
        findings.push(format!("{id}: no such requirement, but {} shows it", tests[0].name));
    }
    report("requirements without a test", &findings);
}

#[test]
fn every_requirement_has_a_place_in_the_code() {
    let placed = placed();
    let mut findings = Vec::new();
    for Requirement { id, no_place, .. } in requirements() {
        match (placed.contains_key(&id), !no_place.is_empty(), UNPLACED.contains(&id.as_str())) {
            (false, false, false) => findings.push(format!("{id}: no comment in crates/ or functions/ names it")),
            (true, true, _) => findings.push(format!("{id}: has a place, take the reason out of requirements.tsv")),
            (true, _, true) | (_, true, true) => findings.push(format!("{id}: take it out of UNPLACED")),
            (true, false, false) | (false, true, false) | (false, false, true) => {}
        }
    }
    let known: BTreeSet<String> = requirements().into_iter().map(|r| r.id).collect();
    findings.extend(placed.keys().filter(|id| !known.contains(*id)).map(|id| format!("{id}: no such requirement")));
    report("requirements without a place in the code", &findings);
}

#[test]
fn every_lesson_of_others_has_its_tests() {
    let names: BTreeSet<String> = tests().into_iter().map(|test| test.name).collect();
    let known: BTreeSet<String> = requirements().into_iter().map(|r| r.id).collect();
    let mut findings = Vec::new();
    for [incident, _, ids, shown_by] in rows("tests/tidy/lessons.tsv") {
        for id in ids.split_whitespace().filter(|id| !known.contains(*id)) {
            findings.push(format!("{incident}: {id} is no requirement"));
        }
        if shown_by.split_whitespace().next().is_none() {
            findings.push(format!("{incident}: no test"));
        }
        for name in shown_by.split_whitespace().filter(|name| !names.contains(*name)) {
            findings.push(format!("{incident}: there is no test {name}"));
        }
    }
    report("tests/tidy/lessons.tsv", &findings);
}

#[test]
fn the_page_of_requirements_is_what_the_sources_give() {
    Page::open(PAGE).settle(written);
}

/// The page, with the result of each test by its name and the line that says of which run they are.
fn written(results: &BTreeMap<String, String>, run: &str) -> String {
    let (shown, placed) = (shown(ACCOUNT_FAMILIES), placed());
    let requirements = requirements();
    let mut page = format!(
        "# Requirements of an account\n\n\
         Written by `make requirements` from `tests/tidy/requirements.tsv`, `tests/tidy/lessons.tsv`, the comments that name an\n\
         id and the names of the tests: do not edit. `tests/tidy/requirements.rs` fails when an id has no test or no place, or\n\
         when this page is not what the sources give. ASVS is OWASP ASVS 5.0.0: `docs/asvs.md`.\n\n{run}\n\n"
    );
    let passed = |id: &str| {
        let all = shown.get(id).map_or(&[][..], Vec::as_slice);
        (all.iter().filter(|test| result_of(results, &test.name) == "passed").count(), all.len())
    };
    page.push_str("| ids | requirements | with a passing test | tests |\n| --- | --- | --- | --- |\n");
    for family in ACCOUNT_FAMILIES {
        let of: Vec<_> = requirements.iter().filter(|r| r.id.split('-').next() == Some(family)).collect();
        let good = of.iter().filter(|r| matches!(passed(&r.id), (good, all) if all > 0 && good == all)).count();
        let tests: usize = of.iter().map(|r| passed(&r.id).1).sum();
        let _ = writeln!(page, "| {family} | {} | {good} | {tests} |", of.len());
    }
    for Requirement { id, asvs, sentence, no_place } in &requirements {
        let _ = write!(page, "\n## {id}\n\n{sentence}\n\n");
        if !asvs.is_empty() {
            let _ = writeln!(page, "* ASVS {}", asvs.replace(' ', ", "));
        }
        match placed.get(id) {
            Some(places) => {
                let places: Vec<String> = places.iter().map(|place| format!("`{place}`")).collect();
                let _ = writeln!(page, "* code: {}", places.join(", "));
            }
            None if no_place.is_empty() => page.push_str("* code: none yet\n"),
            None => {
                let _ = writeln!(page, "* code: none, because {no_place}");
            }
        }
        match shown.get(id) {
            Some(tests) => tests.iter().for_each(|test| page.push_str(&line_of(test, results))),
            None => page.push_str("* no test yet\n"),
        }
    }
    page.push_str(
        "\n## Regression tests that the field has paid for\n\nWhat went wrong elsewhere, and what shows that it does not here.\n",
    );
    let by_name: BTreeMap<String, TestFn> = tests().into_iter().map(|test| (test.name.clone(), test)).collect();
    for [incident, lesson, ids, shown_by] in rows("tests/tidy/lessons.tsv") {
        let _ = write!(page, "\n### {incident}\n\n{lesson} ({})\n\n", ids.replace(' ', ", "));
        for test in shown_by.split_whitespace().filter_map(|name| by_name.get(name)) {
            page.push_str(&line_of(test, results));
        }
    }
    page.push_str(
        "\n## The reset fence and its neighbours\n\nScenarios (RF), exchange keys (KX), guards (GU) and guarantees (G) that tests name; listed, not enforced.\n",
    );
    let mut fence: Vec<(String, Vec<TestFn>)> = self::shown(FENCE_FAMILIES).into_iter().collect();
    fence.sort_by_key(|(id, _)| id.split_once('-').map(|(f, n)| (f.to_owned(), n.parse::<u32>().unwrap_or(0))));
    for (id, tests) in fence {
        let _ = write!(page, "\n### {id}\n\n");
        tests.iter().for_each(|test| page.push_str(&line_of(test, results)));
    }
    page
}

fn line_of(test: &TestFn, results: &BTreeMap<String, String>) -> String {
    format!("* {} `{}::{}`\n", result_of(results, &test.name), test.path, test.name)
}
