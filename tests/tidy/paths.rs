//! What the documents name exists: paths, and after `::` the function or type in that file.

use crate::report;
use crate::tree::{exists, files, read, root};

/// First parts of a path in this repository.
const TOP: &[&str] = &["crates/", "functions/", "cli/", "tests/", "docs/", "infra/", "events/", ".ci/"];

fn documents() -> Vec<String> {
    let mut all: Vec<String> = std::fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".md"))
        .collect();
    all.extend(["docs", "infra", "crates", "functions", "tests"].iter().flat_map(|folder| files(folder, ".md")));
    all
}

#[test]
fn every_path_that_a_document_names_exists() {
    let mut findings = Vec::new();
    for document in documents() {
        let folder = document.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        for (number, line) in read(&document).lines().enumerate() {
            let place = format!("{document}:{}", number + 1);
            for named in in_backticks(line).chain(in_links(line)) {
                let (path, item) = named.split_once("::").map_or((named, None), |(path, item)| (path, Some(item)));
                if !TOP.iter().any(|top| path.starts_with(top)) || path.contains(['<', '*', '{', ' ', '…']) {
                    continue;
                }
                if !exists(path) && !exists(&format!("{folder}{path}")) {
                    findings.push(format!("{place}: {path} does not exist"));
                } else if let Some(item) = item
                    && !declares(&read(path), item)
                {
                    findings.push(format!("{place}: {path} has no `{item}`"));
                }
            }
            for link in in_links(line).filter(|l| !l.contains("://") && !l.starts_with('#')) {
                let link = link.split('#').next().unwrap_or(link);
                if !exists(link) && !exists(&format!("{folder}{link}")) {
                    findings.push(format!("{place}: the link {link} leads nowhere"));
                }
            }
        }
    }
    report("documents that name what is not there", &findings);
}

#[test]
fn the_documents_of_a_newcomer_are_there() {
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "docs/glossary.md",
        "docs/adding-an-exchange.md",
        "docs/adding-a-bot.md",
        "docs/adding-an-endpoint.md",
        "docs/adding-a-security-event.md",
    ] {
        assert!(exists(document), "{document} is missing");
    }
}

#[test]
fn every_crate_has_its_place_on_the_map() {
    let map = read("ARCHITECTURE.md");
    let mut findings = Vec::new();
    for manifest in files("crates", "Cargo.toml").into_iter().chain(files("functions", "Cargo.toml")) {
        let folder = manifest.trim_end_matches("/Cargo.toml");
        if !map.contains(&format!("`{folder}`")) {
            findings.push(format!("{folder}: not in ARCHITECTURE.md"));
        }
    }
    report("the map", &findings);
}

#[test]
fn a_recipe_names_at_most_five_places() {
    let mut findings = Vec::new();
    for recipe in files("docs", ".md").into_iter().filter(|p| p.starts_with("docs/adding-")) {
        let places = read(&recipe).lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).count();
        if !(1..=5).contains(&places) {
            findings.push(format!("{recipe}: {places} numbered places; more than five means that the design is wrong"));
        }
    }
    report("recipes", &findings);
}

/// Whether a file declares this name, whatever kind of item it is.
fn declares(text: &str, item: &str) -> bool {
    ["fn", "struct", "enum", "trait", "const", "type", "mod"].iter().any(|kind| {
        let start = format!("{kind} {item}");
        text.match_indices(&start)
            .any(|(at, _)| !text[at + start.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

fn in_backticks(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn in_links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(link, _)| link))
}
