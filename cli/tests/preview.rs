//! `shearpin preview`: the table, the JSON of `POST /v1/bots/preview`, and refusals at JSON pointers.

#![expect(clippy::unwrap_used, reason = "a test ends where its world is not as it must be")]

mod running;

use running::{refused, run};

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/examples/dca.json");

fn shown(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_example_is_shown_as_a_table() {
    insta::assert_snapshot!(shown(&["preview", CONFIG, "--price", "3000"]));
}

#[test]
fn the_example_is_shown_as_json() {
    let json: serde_json::Value =
        serde_json::from_str(&shown(&["preview", CONFIG, "--price", "3000", "--json"])).unwrap();
    insta::assert_json_snapshot!(json);
}

#[test]
fn a_bad_configuration_is_refused_at_its_pointer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bot.json");
    let good = std::fs::read_to_string(CONFIG).unwrap();
    let check = |from: &str, to: &str, words: &[&str]| {
        assert!(good.contains(from), "{from}");
        std::fs::write(&path, good.replacen(from, to, 1)).unwrap();
        let arguments = ["preview", path.to_str().unwrap(), "--price", "3000"];
        refused(&arguments, 2, words);
        let said = refused(&[&arguments[..], &["--json"]].concat(), 2, words);
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert!(said["errors"][0]["pointer"].is_string(), "{said}");
    };
    check(r#""amount": "80""#, r#""amount": 80"#, &["/base_order/amount"]);
    check(r#""amount": "80""#, r#""amount": "-80""#, &["/base_order/amount"]);
    check(r#""kind": "dca""#, r#""kind": "dca", "colour": "red""#, &["colour"]);
    check(r#""count": 3"#, r#""count": "3""#, &["/averaging/count"]);
    check(r#""direction": "long""#, r#""direction": "up""#, &["/direction"]);
    check(r#""kind": "dca","#, r#""kind": "dca",,"#, &["malformed"]);
    refused(&["preview", "/nowhere.json", "--price", "3000"], 2, &["/nowhere.json"]);
    refused(&["preview", CONFIG], 2, &["--price"]);
    refused(&["preview", CONFIG, "--price", "-3"], 2, &["--price"]);
}
