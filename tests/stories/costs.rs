//! What the account's requests cost, counted at the border to the services; and that known and unknown addresses cost the
//! same, in the same order, with the same bytes (SU-1, LG-1, PR-1).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use emulators::{Act, Fault, Faults, Point, Script, Service, When};
use serde_json::{Value, json};
use tests::world::{Answered, Browser, World};

/// Notes every call of one function, in order.
#[derive(Default)]
struct Trace {
    calls: Mutex<Vec<Called>>,
    script: Script,
}
#[derive(Debug, Clone, PartialEq)]
struct Called {
    service: Service,
    operation: String,
    /// How many writes a transaction has, how many keys a batch asks for.
    size: usize,
    body: String,
}
const ACCOUNT_FUNCTIONS: [&str; 4] = ["signup", "login", "second-factor", "password-reset"];

#[async_trait::async_trait]
impl Faults for Trace {
    async fn before(&self, point: &Point) -> Fault {
        if ACCOUNT_FUNCTIONS.contains(&point.caller.as_str()) {
            let body = String::from_utf8_lossy(&point.body).into_owned();
            let read: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
            let keys = read["RequestItems"].as_object().and_then(|tables| tables.values().next()?["Keys"].as_array());
            let size = keys.or(read["TransactItems"].as_array()).map_or(1, Vec::len);
            let called = Called { service: point.service, operation: point.operation.clone(), size, body };
            self.calls.lock().unwrap().push(called);
        }
        self.script.before(point).await
    }
}

impl Trace {
    fn of(world: &World) -> Arc<Self> {
        let trace = Arc::new(Self::default());
        world.machine.emulators().set_faults(Some(trace.clone()));
        trace
    }
    fn taken(&self) -> Vec<Called> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }
}

/// The sequence of operations with their sizes.
fn sequence(calls: &[Called]) -> Vec<(Service, String, usize)> {
    calls.iter().map(|call| (call.service, call.operation.clone(), call.size)).collect()
}
fn of(calls: &[Called], service: Service) -> usize {
    calls.iter().filter(|call| call.service == service).count()
}
fn named(calls: &[Called], operation: &str) -> usize {
    calls.iter().filter(|call| call.operation == operation).count()
}

fn report(what: &str, calls: &[Called]) {
    let names: Vec<_> = calls.iter().map(|call| call.operation.as_str()).collect();
    println!("{what}: {} calls: {}", calls.len(), names.join(", "));
}

fn log_in(browser: &Browser, password: &str) -> Value {
    json!({ "email": browser.email, "password": password })
}

#[tokio::test]
async fn a_login_costs_one_hash_and_six_store_calls_and_a_session_check_two_reads() {
    let world = World::seeded(4_200);
    let mut owner = world.owner("owner@example.org").await;
    let trace = Trace::of(&world);
    world.clock.advance(2);
    let stranger = world.stranger(&owner.email);
    let new = stranger.post("/v1/login", &log_in(&stranger, &owner.password)).await;
    let calls = trace.taken();
    report("a login at a new browser", &calls);
    // Each GenerateMac is the input of one Argon2id, and there is no other.
    assert_eq!((named(&calls, "GenerateMac"), of(&calls, Service::Kms)), (1, 1));
    assert!(of(&calls, Service::DynamoDb) <= 6, "{calls:#?}");
    let cookie = |start: &str| {
        let cookies = new.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
        cookies.filter(|c| c.starts_with(start)).map(|c| c.split(';').next().unwrap().to_owned()).next().unwrap()
    };
    let both = format!("{}; {}", cookie("__Host-device="), cookie("__Host-session="));
    let body = log_in(&stranger, &owner.password).to_string();
    let headers = [("cookie", both.as_str()), ("x-requested-with", "shearpin"), ("origin", "http://localhost:8080")];
    stranger.send("POST", "/v1/login", Some(&body), &headers).await.ok();
    let calls = trace.taken();
    report("a login at a known browser with an old session", &calls);
    assert!(of(&calls, Service::DynamoDb) <= 5 && named(&calls, "GenerateMac") == 1, "{calls:#?}");

    owner.get("/v1/sessions").await.ok();
    trace.taken();
    world.clock.advance(1);
    owner.get("/v1/me").await.ok();
    let calls = trace.taken();
    report("GET /v1/me with its session check", &calls);
    let reads: Vec<_> =
        calls.iter().take_while(|call| call.body.contains("SESSION#") || call.body.contains("STATE")).collect();
    assert!(reads.len() == 2 && reads.iter().all(|call| call.body.contains("\"ConsistentRead\":true")), "{reads:?}");

    owner.adds_a_factor().await;
    world.clock.advance(2);
    let challenge = stranger.post("/v1/login", &log_in(&stranger, &owner.password)).await.ok();
    let calls = trace.taken();
    let last = calls.iter().rev().take_while(|call| !call.body.contains("totp_last_step")).cloned().collect::<Vec<_>>();
    report("a login with a second factor, first half", &last.into_iter().rev().collect::<Vec<_>>());
    let form = json!({ "challenge": challenge["challenge"]["id"], "totp": owner.fresh_code() });
    stranger.post("/v1/login/second-factor", &form).await.ok();
    let calls = trace.taken();
    report("a login with a second factor, second half", &calls);
    assert!(of(&calls, Service::DynamoDb) <= 6, "{calls:#?}");
    // TP-5: the code is used up in one transaction with all that it brings; the charge before it is the budget's.
    let verified: Vec<_> = calls.iter().filter(|call| call.body.contains("#totp_last_step < :step")).collect();
    assert_eq!(verified.len(), 1);
    assert!(verified[0].operation == "TransactWriteItems" && verified[0].body.contains("SESSION#"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rl_3_five_hundred_parallel_guesses_evaluate_no_more_hashes_than_the_budget() {
    let world = World::seeded(4_201);
    let owner = world.owner("owner@example.org").await;
    world.clock.advance(60);
    let trace = Trace::of(&world);
    let guesses = (0..500).map(|n: u32| {
        let mut stranger = world.stranger(&owner.email);
        // From many sources, so that no other limit is what holds.
        stranger.source = Some(std::net::Ipv4Addr::from(0x0b00_0000 + n).into());
        let body = log_in(&stranger, &format!("guess number {n} of many"));
        tokio::spawn(async move { stranger.post("/v1/login", &body).await })
    });
    let guesses: Vec<_> = guesses.collect();
    let mut bytes = Vec::new();
    for guess in guesses {
        let answered = guess.await.unwrap();
        assert_eq!(answered.refused(), "sign_in_refused");
        bytes.push((answered.status, answered.headers, answered.bytes));
    }
    assert!(bytes.windows(2).all(|two| two[0] == two[1]), "RL-6: nobody can tell which of them was looked at");
    let hashes = named(&trace.taken(), "GenerateMac");
    println!("500 parallel guesses: {hashes} hash evaluated");
    assert_eq!(hashes, 1, "the first failure makes the next one wait a second");
}

#[tokio::test(flavor = "multi_thread")]
async fn tp_9_two_hundred_wrong_codes_over_parallel_challenges_evaluate_no_more_than_the_budget() {
    let world = World::seeded(4_202);
    let mut owner = world.owner("owner@example.org").await;
    owner.adds_a_factor().await;
    let mut challenges = Vec::new();
    for _ in 0..8 {
        world.clock.advance(10);
        let given = world.stranger(&owner.email).post("/v1/login", &log_in(&owner, &owner.password)).await.ok();
        challenges.push(given["challenge"]["id"].clone());
    }
    let trace = Trace::of(&world);
    // Bursts, until the account has had its ten.
    let mut evaluated = 0;
    for burst in 0..4 {
        let tries = (0..50).map(|n| {
            let stranger = world.stranger(&owner.email);
            let form = json!({ "challenge": challenges[(n + burst) % 8], "totp": "000000" });
            tokio::spawn(async move { stranger.post("/v1/login/second-factor", &form).await })
        });
        for one in tries.collect::<Vec<_>>() {
            assert_eq!(one.await.unwrap().refused(), "challenge_refused");
        }
        let opened = named(&trace.taken(), "Decrypt");
        assert_eq!(opened, 1, "one of each burst");
        evaluated += opened;
        world.clock.advance(10);
    }
    println!("200 wrong codes in 4 bursts over 8 challenges: {evaluated} evaluated");
    assert!(evaluated <= 10);
}

/// The address of an account and one that has none, sent side by side; everything else is the same.
async fn side_by_side(world: &World, trace: &Trace, path: &str, forms: [Value; 2]) -> [(Answered, Vec<Called>); 2] {
    let [known, unknown] = forms;
    let stranger = world.stranger("");
    trace.taken();
    let first = stranger.post(path, &known).await;
    let calls = trace.taken();
    let second = stranger.post(path, &unknown).await;
    [(first, calls), (second, trace.taken())]
}

fn same(what: &str, [known, unknown]: &[(Answered, Vec<Called>); 2]) {
    assert_eq!(known.0.status, unknown.0.status, "{what}");
    assert_eq!(known.0.headers, unknown.0.headers, "{what}");
    assert_eq!(known.0.bytes, unknown.0.bytes, "{what}");
    assert_eq!(sequence(&known.1), sequence(&unknown.1), "{what}");
}

const GOOD: &str = "forty copper lanterns adrift";

fn forms(path: &str, known: &str, unknown: &str) -> [Value; 2] {
    [known, unknown].map(|email| match path {
        "/v1/login" => json!({ "email": email, "password": "a wrong password of good length" }),
        "/v1/signup" => json!({ "email": email, "password": GOOD }),
        _ => json!({ "email": email }),
    })
}

#[tokio::test]
async fn lg_1_and_pr_1_known_and_unknown_addresses_cost_the_same_in_the_same_order_also_over_the_budget() {
    let world = World::seeded(4_203);
    let owner = world.owner("owner@example.org").await;
    let unverified = world.stranger("new@example.org");
    unverified.post("/v1/signup", &json!({ "email": unverified.email, "password": GOOD })).await.ok();
    world.drain().await;
    world.clock.advance(3_600);
    let trace = Trace::of(&world);
    for path in ["/v1/login", "/v1/login/unlock", "/v1/password-reset", "/v1/signup/resend"] {
        for known in [&owner.email, &unverified.email] {
            // The sixth is over every budget.
            for round in 0..6 {
                let seen = side_by_side(&world, &trace, path, forms(path, known, &format!("nobody-{known}"))).await;
                same(&format!("{path} {known} round {round}"), &seen);
                if round == 0 {
                    report(path, &seen[0].1);
                }
            }
        }
        // And when the source is over its budget too.
        world.clock.advance(600);
    }
    let asked = world.machine.emulators().mailbox().expect("the mailbox").len();
    println!("{asked} mails in all");
}

#[tokio::test]
async fn su_1_a_sign_up_costs_the_same_kinds_of_calls_in_the_same_order() {
    let world = World::seeded(4_204);
    let owner = world.owner("owner@example.org").await;
    world.clock.advance(3_600);
    let trace = Trace::of(&world);
    for round in 0..5 {
        let unknown = format!("nobody{round}@example.org");
        let seen = side_by_side(&world, &trace, "/v1/signup", forms("/v1/signup", &owner.email, &unknown)).await;
        let kinds =
            |calls: &[Called]| calls.iter().map(|call| (call.service, call.operation.clone())).collect::<Vec<_>>();
        assert_eq!(kinds(&seen[0].1), kinds(&seen[1].1), "round {round}");
        assert_eq!((seen[0].0.status, &seen[0].0.bytes), (seen[1].0.status, &seen[1].0.bytes));
        assert_eq!(seen[0].0.headers, seen[1].0.headers);
    }
}

/// What a stranger could learn from a mail service or a table that fails: nothing.
#[tokio::test]
async fn pr_1_and_su_1_a_failing_mail_service_or_table_answers_alike_for_all_addresses() {
    for (operation, caller) in
        [("SendEmail", "mailer"), ("TransactWriteItems", ""), ("GetItem", ""), ("BatchGetItem", ""), ("UpdateItem", "")]
    {
        let world = World::seeded(4_205);
        let owner = world.owner("owner@example.org").await;
        world.clock.advance(3_600);
        let trace = Trace::of(&world);
        let when = if caller.is_empty() { When::any(operation) } else { When::calls(caller, operation) };
        trace.script.times(when, 0, u64::MAX, Act::Fault(Fault::Status(500)));
        let mut seen: BTreeMap<&str, u16> = BTreeMap::new();
        for path in ["/v1/login", "/v1/login/unlock", "/v1/password-reset", "/v1/signup/resend", "/v1/signup"] {
            let answers = side_by_side(&world, &trace, path, forms(path, &owner.email, "nobody@example.org")).await;
            let [known, unknown] = &answers;
            assert_eq!(known.0.status, unknown.0.status, "{operation} {path}");
            assert_eq!(
                (&known.0.headers, &known.0.bytes),
                (&unknown.0.headers, &unknown.0.bytes),
                "{operation} {path}"
            );
            assert_eq!(known.1.len(), unknown.1.len(), "{operation} {path}");
            seen.insert(path, known.0.status.as_u16());
        }
        println!("{operation} fails: {seen:?}");
        if caller == "mailer" {
            // The mailer fails beside it, and is tried again later; who asks meanwhile sees nothing of it.
            let _tried = world.machine.drain().await;
            let [known, unknown] = side_by_side(
                &world,
                &trace,
                "/v1/password-reset",
                forms("/v1/password-reset", &owner.email, "nobody@example.org"),
            )
            .await;
            assert_eq!((known.0.status, known.0.bytes), (unknown.0.status, unknown.0.bytes));
            assert!(
                seen.iter().all(|(path, status)| *status == if *path == "/v1/login" { 401 } else { 202 }),
                "{seen:?}"
            );
        }
    }
}
