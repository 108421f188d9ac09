//! The contract is served to everybody, is the one that was committed, and is sent once to who has it already.

use http::StatusCode;
use serde_json::Value;
use tests::contract;
use tests::world::World;

const PATH: &str = "/v1/openapi.json";

#[tokio::test]
async fn a_stranger_reads_the_contract_as_it_is_committed() {
    let world = World::seeded(901);
    let stranger = world.stranger("nobody@example.org");
    let answered = stranger.get(PATH).await;
    assert_eq!(answered.status, StatusCode::OK);
    assert_eq!(answered.headers["content-type"], "application/json");
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    assert!(answered.bytes == std::fs::read(committed).expect("docs/openapi.json"), "not the committed document");
    assert_eq!(answered.body["openapi"], "3.1.0");
}

#[tokio::test]
async fn who_has_the_contract_is_told_so() {
    let world = World::seeded(902);
    let stranger = world.stranger("nobody@example.org");
    let tag = stranger.get(PATH).await.headers["etag"].to_str().expect("text").to_owned();
    for known in [tag.clone(), format!("W/{tag}"), format!("\"older\", {tag}"), "*".to_owned()] {
        let answered = stranger.send("GET", PATH, None, &[("if-none-match", &known)]).await;
        assert_eq!((answered.status, answered.bytes.len()), (StatusCode::NOT_MODIFIED, 0), "{known}");
        assert_eq!(answered.headers["etag"], *tag, "{known}");
    }
    for other in ["\"older\"", "", "nonsense"] {
        assert_eq!(
            stranger.send("GET", PATH, None, &[("if-none-match", other)]).await.status,
            StatusCode::OK,
            "{other}"
        );
    }
}

#[tokio::test]
async fn every_route_of_the_table_is_in_the_contract_with_its_policy_and_nothing_else() {
    let document = contract::document().expect("a contract");
    let methods = |path: &Value| path.as_object().map_or(0, serde_json::Map::len);
    let paths = document["paths"].as_object().expect("paths");
    assert_eq!(paths.values().map(methods).sum::<usize>(), api::routes::ALL.len());
    for (function, route) in api::routes::ALL {
        let operation = &document["paths"][route.path()][route.method().to_lowercase()];
        let name = format!("{} {}", route.method(), route.path());
        assert_eq!(operation["tags"][0], *function, "{name}");
        assert_eq!(operation["x-policy"], serde_json::json!(route.demands()), "{name}");
        assert_eq!(
            operation["security"].as_array().is_some_and(Vec::is_empty),
            route.demands() == api::Policy::Public,
            "{name}"
        );
    }
}
