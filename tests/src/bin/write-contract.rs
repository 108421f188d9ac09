//! Writes `docs/openapi.json` and the pages of `docs/problems` from the code. `make openapi` runs it.

use std::path::Path;

use tests::{contract, problem_pages};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the checkout");
    let document = contract::document().unwrap_or_else(|findings| {
        eprintln!("no contract:\n  {}", findings.join("\n  "));
        std::process::exit(1);
    });
    std::fs::write(root.join("docs/openapi.json"), contract::text(&document)).expect("docs/openapi.json is written");
    let folder = root.join(problem_pages::FOLDER);
    std::fs::create_dir_all(&folder).expect("docs/problems is there");
    let pages = problem_pages::pages(&document, |path| std::fs::read_to_string(root.join(path)).ok());
    for (path, text) in &pages {
        std::fs::write(root.join(path), text).expect("a page is written");
    }
    for entry in std::fs::read_dir(&folder).expect("docs/problems").flatten() {
        let path = format!("{}/{}", problem_pages::FOLDER, entry.file_name().to_string_lossy());
        if !pages.contains_key(&path) {
            println!("no code has this page any more, remove it: {path}");
        }
    }
}
