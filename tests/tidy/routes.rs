//! One set of routes: the code's table, the template's events and the contract in `docs/routes.csv`.

use std::collections::BTreeSet;

use api::Policy;

use crate::report;
use crate::template::Template;
use crate::tree::read;

/// Routes of the contract that nothing serves yet. May only shrink: building one fails this test until its line is gone.
const NOT_BUILT: &[&str] = &[
    "DELETE /v1/bots/{id}/signal-secret",
    "GET /v1/backtests/{id}",
    "GET /v1/bots/{id}/chart",
    "GET /v1/bots/{id}/signals",
    "GET /v1/connections/{id}/balances",
    "GET /v1/events",
    "GET /v1/exchanges/{exchange}/pairs",
    "GET /v1/export/deals.csv",
    "GET /v1/export/fills.csv",
    "GET /v1/export/profit.csv",
    "GET /v1/health/deep",
    "POST /v1/backtests",
    "POST /v1/bots/import",
    "POST /v1/bots/{id}/adopt",
    "POST /v1/bots/{id}/close",
    "POST /v1/bots/{id}/signal-secret",
    "POST /v1/connections/{id}/check",
    "POST /v1/deals/{id}/add-funds",
    "POST /v1/deals/{id}/cancel",
    "POST /v1/deals/{id}/close",
    "POST /v1/signals/{bot_id}",
];
/// Routes that the template declares ahead of the code. May only shrink.
const DECLARED_AHEAD: &[&str] = &[];

#[test]
fn the_code_and_the_template_serve_the_same_routes_with_the_same_functions() {
    let coded: BTreeSet<_> = api::routes::ALL
        .iter()
        .map(|(function, route)| ((*function).to_owned(), route.method().to_owned(), route.path().to_owned()))
        .collect();
    assert_eq!(coded.len(), api::routes::ALL.len(), "api::routes::ALL has a route twice");
    let declared = Template::open().routes("Api");
    let name = |(function, method, path): &(String, String, String)| format!("{method} {path} by {function}");
    let mut findings = Vec::new();
    findings.extend(coded.difference(&declared).map(|r| format!("no event in template.yaml: {}", name(r))));
    let ahead: BTreeSet<String> =
        declared.difference(&coded).map(|(_, method, path)| format!("{method} {path}")).collect();
    let allowed: BTreeSet<String> = DECLARED_AHEAD.iter().map(|&r| r.to_owned()).collect();
    findings.extend(ahead.difference(&allowed).map(|r| format!("no row in crates/api/src/routes.rs: {r}")));
    findings.extend(allowed.difference(&ahead).map(|r| format!("take it out of DECLARED_AHEAD: {r}")));
    report("code and template differ", &findings);
}

#[test]
fn the_contract_is_served_but_for_a_list_that_shrinks() {
    let text = read("docs/routes.csv");
    let contract: BTreeSet<[&str; 4]> = text
        .lines()
        .skip(1)
        .map(|line| {
            line.split(',').collect::<Vec<_>>().try_into().unwrap_or_else(|_| panic!("docs/routes.csv: {line}"))
        })
        .collect();
    let built: BTreeSet<[&str; 4]> = api::routes::ALL
        .iter()
        .map(|(function, route)| [route.method(), route.path(), *function, word(route.demands())])
        .collect();
    let mut findings = Vec::new();
    findings
        .extend(built.difference(&contract).map(|r| format!("not in docs/routes.csv in this form: {}", r.join(","))));
    let missing: BTreeSet<String> =
        contract.difference(&built).map(|[method, path, ..]| format!("{method} {path}")).collect();
    let allowed: BTreeSet<String> = NOT_BUILT.iter().map(|&r| r.to_owned()).collect();
    findings.extend(missing.difference(&allowed).map(|r| format!("of the contract and not served: {r}")));
    findings.extend(allowed.difference(&missing).map(|r| format!("served now, take it out of NOT_BUILT: {r}")));
    report("code and contract differ", &findings);
}

#[test]
fn the_exchange_host_serves_only_the_paper_exchange() {
    let routes = Template::open().routes("ExchangeApi");
    assert!(!routes.is_empty());
    let foreign = routes.iter().filter(|(function, _, path)| function != "paper-exchange" || path.starts_with("/v1/"));
    report("routes under the exchange's host name", &foreign.map(|r| format!("{r:?}")).collect::<Vec<_>>());
}

fn word(policy: Policy) -> &'static str {
    match policy {
        Policy::Public => "public",
        Policy::Session => "session",
        Policy::StepUp => "step_up",
    }
}
