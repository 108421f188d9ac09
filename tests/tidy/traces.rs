//! Where a requirement's id stands: in names of tests and in comments of product code.

use std::collections::BTreeSet;

use crate::tree::{files, read};

/// Families of ids, as they stand in comments (`PR-8`) and, in small letters, in names of tests (`pr_8_…`).
pub const ACCOUNT_FAMILIES: &[&str] = &["SU", "EV", "LG", "TP", "RC", "PR", "ST", "RL", "SS", "PW", "PK"];
/// Families of the reset fence, the guards and the guarantees: listed, not enforced.
pub const FENCE_FAMILIES: &[&str] = &["RF", "KX", "GU", "G"];

/// One test function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TestFn {
    /// The file, from the checkout.
    pub path: String,
    /// The function.
    pub name: String,
}

/// One place in product code that names an id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The id, such as `PR-8`.
    pub id: String,
    /// The file, and after `::` the item that the comment is about when the file declares one.
    pub place: String,
}

/// Every test function of the repository, by file.
pub fn tests() -> Vec<TestFn> {
    let paths = ["crates", "functions", "cli", "tests"].iter().flat_map(|folder| files(folder, ".rs"));
    paths
        .flat_map(|path| {
            let names = test_names(&read(&path));
            names.into_iter().map(move |name| TestFn { path: path.clone(), name })
        })
        .collect()
}

/// Every place in product code that names an id of these families, sorted and once each.
pub fn places(families: &[&str]) -> Vec<Place> {
    let mut found = BTreeSet::new();
    let sources = ["crates", "functions"].iter().flat_map(|folder| files(folder, ".rs"));
    for path in sources.filter(|path| !path.contains("/tests/") && !path.ends_with("_tests.rs")) {
        let text = read(&path);
        let lines: Vec<&str> = without_tests(&text).lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some((_, comment)) = line.split_once("//") else { continue };
            for id in ids_in_text(comment, families) {
                let item = (!comment.starts_with('!')).then(|| item_of(&lines, at)).flatten();
                let place = item.map_or_else(|| path.clone(), |item| format!("{path}::{item}"));
                found.insert(Place { id, place });
            }
        }
    }
    for path in files("", "template.yaml").into_iter().filter(|path| path == "template.yaml") {
        let text = read(&path);
        let ids = text.lines().flat_map(|line| ids_in_text(line, families));
        found.extend(ids.map(|id| Place { id, place: path.clone() }));
    }
    found.into_iter().collect()
}

/// The ids that a test's name shows: `tp_10a_…` is TP-10a, `ev_2_and_lg_2_…` is both.
pub fn ids_in_name(name: &str, families: &[&str]) -> Vec<String> {
    let parts: Vec<&str> = name.split('_').collect();
    let mut found = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let Some(family) = families.iter().find(|family| family.eq_ignore_ascii_case(part)) else { continue };
        if let Some(number) = parts.get(at + 1).filter(|number| is_number(number)) {
            found.push(format!("{family}-{number}"));
        }
    }
    found
}

/// The ids in a text: `PR-8`, `TP-10a`.
fn ids_in_text(text: &str, families: &[&str]) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let is_id = |word: &&str| {
        word.split_once('-').is_some_and(|(family, number)| families.contains(&family) && is_number(number))
    };
    words.filter(is_id).map(str::to_owned).collect()
}

/// Digits, and perhaps one letter `a` behind them.
fn is_number(text: &str) -> bool {
    let digits = text.strip_suffix('a').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// The source up to its unit tests, which stand at the end of a file.
fn without_tests(text: &str) -> &str {
    let end = text.match_indices("#[cfg(test)]\n").map(|(at, _)| at).find(|&at| text[at..].contains("\nmod tests"));
    &text[..end.unwrap_or(text.len())]
}

fn test_names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line == "#[test]" || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if is_test && let Some((_, rest)) = line.split_once("fn ") {
            names.push(rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(rest).to_owned());
            is_test = false;
        }
    }
    names
}

/// The item that the comment in a line is about: what its doc comment stands above, or what it stands in.
fn item_of<'a>(lines: &[&'a str], at: usize) -> Option<&'a str> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let depth = indent(lines[at]);
    let is_remark = |line: &str| line.is_empty() || line.starts_with("//") || line.starts_with("#[");
    let next = lines[at + 1..].iter().find(|line| !is_remark(line.trim()));
    let is_alone = lines[at].trim_start().starts_with("//");
    if is_alone && let Some(name) = next.filter(|line| indent(line) == depth).and_then(|line| declared(line)) {
        return Some(name);
    }
    let mut depth = if is_alone { depth } else { depth + 1 };
    for line in lines[..at].iter().rev().chain((!is_alone).then_some(&lines[at])) {
        if line.trim().is_empty() || is_remark(line.trim()) || indent(line) >= depth {
            continue;
        }
        if let Some(name) = declared(line) {
            return Some(name);
        }
        depth = indent(line);
        if depth == 0 {
            return None;
        }
    }
    None
}

/// The name that a line declares, as a function, type, constant or module.
fn declared(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| {
        matches!(*word, "pub" | "async" | "unsafe")
            || word.starts_with("pub(")
            || *word == "const" && line.contains(" fn ")
    });
    let kind = words.next()?;
    let name = words.next()?;
    if !matches!(kind, "fn" | "struct" | "enum" | "trait" | "const" | "type" | "mod") {
        return None;
    }
    let name = name.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_from_names_of_tests() {
        let ids = |name| ids_in_name(name, ACCOUNT_FAMILIES);
        assert_eq!(ids("tp_10a_ten_failures"), ["TP-10a"]);
        assert_eq!(ids("tp_9_five_tries_and_tp_10_ten"), ["TP-9", "TP-10"]);
        assert_eq!(ids("ss_5_a_change_by_cookie"), ["SS-5"]);
        assert!(ids("of_50_first_st_ones").is_empty());
        assert_eq!(ids_in_name("g_7_and_rf_2_hold", FENCE_FAMILIES), ["G-7", "RF-2"]);
    }

    #[test]
    fn ids_are_read_from_comments_with_the_item_they_are_about() {
        let text = "/// PR-8: one.\npub const fn reset() {\n    // PR-9: here.\n    x();\n}\nimpl X {\n    /// TP-10a.\n    pub const MAX: u8 = 1;\n}\nstruct S {\n    /// RL-2.\n    field: u8, // RL-3\n}\n";
        let lines: Vec<&str> = text.lines().collect();
        let item = |needle: &str| item_of(&lines, lines.iter().position(|line| line.contains(needle)).unwrap());
        assert_eq!((item("PR-8"), item("PR-9"), item("TP-10a")), (Some("reset"), Some("reset"), Some("MAX")));
        assert_eq!((item("RL-2"), item("RL-3")), (Some("S"), Some("S")));
        assert_eq!(ids_in_text(" (PR-8), TP-10a; XPR-1 PR-x", ACCOUNT_FAMILIES), ["PR-8", "TP-10a"]);
    }

    #[test]
    fn tests_are_found_with_and_without_attributes_between() {
        let text = "#[test]\nfn a() {}\n    #[tokio::test(start_paused = true)]\n    #[expect(x)]\n    async fn b_1() {}\nfn c() {}\n";
        assert_eq!(test_names(text), ["a", "b_1"]);
    }
}
