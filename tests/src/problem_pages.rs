//! The documentation pages of the problem codes. What follows from the catalogue and the contract is written by this; when a
//! problem happens is written by hand and kept.

use std::collections::{BTreeMap, BTreeSet};

use api::problem::{CATALOGUE, Problem};
use serde_json::{Value, json};

/// The folder, from the checkout.
pub const FOLDER: &str = "docs/problems";
/// Stands where a sentence is due.
pub const DUE: &str = "(a sentence is due here)";

const WHEN: &str = "## When it happens\n\n";
const WHAT: &str = "\n\n## What to do\n\n";

/// The part of a page that is written by hand.
pub fn by_hand(page: &str) -> &str {
    page.split_once(WHEN).and_then(|(_, rest)| rest.split_once(WHAT)).map_or(DUE, |(text, _)| text)
}

/// Every file of the folder with the text it should have; `present` gives the text that a file has now.
pub fn pages(document: &Value, present: impl Fn(&str) -> Option<String>) -> BTreeMap<String, String> {
    let answered = routes_by_code(document);
    let none = BTreeSet::new();
    let mut pages: BTreeMap<String, String> = CATALOGUE
        .iter()
        .map(|entry| {
            let path = format!("{FOLDER}/{}.md", entry.code);
            let now = present(&path).unwrap_or_default();
            let text = page(&(entry.problem)(), answered.get(entry.code).unwrap_or(&none), by_hand(&now));
            (path, text)
        })
        .collect();
    pages.insert(format!("{FOLDER}/README.md"), index());
    pages
}

/// Which routes say that they answer a code.
fn routes_by_code(document: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let object = |value: &Value| value.as_object().cloned().unwrap_or_default();
    for (path, methods) in object(&document["paths"]) {
        for (method, operation) in object(&methods) {
            for (_, answer) in object(&operation["responses"]) {
                let answer = crate::contract::resolved(document, &answer);
                let codes = &answer["content"]["application/problem+json"]["schema"]["properties"]["code"]["enum"];
                for code in codes.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    found.entry(code.to_owned()).or_default().insert(format!("{} {path}", method.to_uppercase()));
                }
            }
        }
    }
    found
}

fn page(problem: &Problem, routes: &BTreeSet<String>, by_hand: &str) -> String {
    let (code, status) = (problem.code(), problem.status());
    let mut body = json!({
        "type": problem.type_uri(), "title": problem.title(), "status": status.as_u16(),
        "detail": problem.detail(), "code": code,
    });
    if matches!(code, "invalid_fields" | "password_too_weak") {
        let (pointer, fault) =
            if code == "invalid_fields" { ("/email", "not_an_address") } else { ("/password", "too_short") };
        body["errors"] = json!([{ "pointer": pointer, "code": fault, "detail": "What to change in this field." }]);
    }
    let example = serde_json::to_string_pretty(&body).expect("JSON");
    let all = document_wide(routes.len());
    let list = if all {
        "Almost every route; see the responses of each in `docs/openapi.json`.".to_owned()
    } else if routes.is_empty() {
        "No route of the contract; it answers for paths, methods or hosts beside it.".to_owned()
    } else {
        routes.iter().map(|route| format!("- `{route}`")).collect::<Vec<_>>().join("\n")
    };
    format!(
        "# {}\n\n`{code}` · HTTP {} · `{}`\n\n{WHEN}{by_hand}{WHAT}{}\n\n## Example\n\n```json\n{example}\n```\n\n## Routes\n\n{list}\n",
        problem.title(),
        status.as_u16(),
        problem.type_uri(),
        problem.detail(),
    )
}

/// A list that long tells nothing.
const fn document_wide(routes: usize) -> bool {
    routes > 15
}

fn index() -> String {
    let mut rows: Vec<(u16, &str, &str)> =
        CATALOGUE.iter().map(|entry| (entry.status, entry.code, entry.title)).collect();
    rows.sort_unstable();
    let rows: Vec<String> =
        rows.iter().map(|(status, code, title)| format!("| {status} | [`{code}`]({code}.md) | {title} |")).collect();
    format!(
        "# Problems\n\n\
        Every refusal of the API is a problem (RFC 9457, `application/problem+json`). `code` is stable: programs look at it and \
        never at `title` or `detail`. `type` is `https://shearpin.dev/problems/<code>`, a name that does not change; it is the \
        address under which the pages of this folder are published, and in a checkout it stands for `docs/problems/<code>.md`. \
        No program has to fetch it.\n\n\
        `errors`, where there is one, names the fields at fault: `pointer` is a JSON pointer into the body (empty where the \
        fault is in the query), `code` is stable, `detail` says what to change. What was sent is never repeated.\n\n\
        These pages are written by `make openapi` from the catalogue in `crates/api/src/problem.rs` and the contract; the text \
        under *When it happens* is written by hand and kept.\n\n\
        | status | code | title |\n| --- | --- | --- |\n{}\n",
        rows.join("\n")
    )
}
