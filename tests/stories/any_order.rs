//! Whatever three clients call in whatever order: a password changes only by a link of its account that was consumed with the
//! account's factor (PR-10), and a session begins only with all factors of its account (LG-2). Random sequences over the
//! reset and the sign-in of two accounts, one with an authenticator; the tables are looked at after every call.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tests::world::{Answered, Browser, Owner, World};

const WITH_FACTOR: usize = 0;
const PLAIN: usize = 1;
const PASSWORDS: [&str; 4] = [
    "nineteen paper lanterns adrift",
    "seven brass lanterns adrift",
    "a lighthouse keeps no secrets at noon",
    "eleven copper kettles whistling",
];
/// RL-5 lets one source cause so many hashes in a minute: each call comes a moment later.
const STEPS_MAX: usize = 40;

/// One call. What it shows is drawn from everything that was ever handed out or mailed, to whomever: `usize` picks.
#[derive(Debug, Clone)]
enum Call {
    AskForLink { account: usize },
    Inspect { token: usize },
    Complete { token: usize, password: usize, code: Code },
    StartRecovery { token: usize },
    CancelRecovery { token: usize },
    CompleteRecovery { token: usize, password: usize },
    Verify { token: usize },
    NotMe { token: usize },
    LogIn { account: usize, password: usize },
    Answer { challenge: usize, code: Code },
    Wait { seconds: i64 },
}

/// What is typed as the second factor.
#[derive(Debug, Clone, Copy)]
enum Code {
    Nothing,
    Wrong,
    /// Of the account with the authenticator, now.
    Right,
    /// The last right one again.
    Again,
}

fn call() -> impl Strategy<Value = Call> {
    let account = 0..2_usize;
    let pick = any::<u16>().prop_map(usize::from);
    let password = 0..PASSWORDS.len();
    let code =
        prop_oneof![1 => Just(Code::Nothing), 1 => Just(Code::Wrong), 3 => Just(Code::Right), 1 => Just(Code::Again)];
    prop_oneof![
        3 => account.clone().prop_map(|account| Call::AskForLink { account }),
        1 => pick.clone().prop_map(|token| Call::Inspect { token }),
        5 => (pick.clone(), password.clone(), code.clone())
            .prop_map(|(token, password, code)| Call::Complete { token, password, code }),
        1 => pick.clone().prop_map(|token| Call::StartRecovery { token }),
        1 => pick.clone().prop_map(|token| Call::CancelRecovery { token }),
        1 => (pick.clone(), password.clone()).prop_map(|(token, password)| Call::CompleteRecovery { token, password }),
        1 => pick.clone().prop_map(|token| Call::Verify { token }),
        1 => pick.clone().prop_map(|token| Call::NotMe { token }),
        5 => (account, password).prop_map(|(account, password)| Call::LogIn { account, password }),
        5 => (pick, code).prop_map(|(challenge, code)| Call::Answer { challenge, code }),
        2 => prop_oneof![1..90_i64, 300..700_i64, Just(73 * 3_600)].prop_map(|seconds| Call::Wait { seconds }),
    ]
}

/// What was read of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Credentials {
    hash: Value,
    factor: bool,
    versions: (i64, i64, i64),
}

/// Everything of the tables that the two invariants are about.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    /// By user id.
    accounts: BTreeMap<String, Credentials>,
    /// Session token hash and its user.
    sessions: BTreeSet<(String, String)>,
    /// Reset token hash, its user, and whether it was used.
    links: BTreeMap<String, (String, bool)>,
}

fn number(item: &BTreeMap<String, Value>, name: &str) -> i64 {
    item.get(name)
        .map(|v| v.as_i64().unwrap_or_else(|| v.as_str().and_then(|t| t.parse().ok()).unwrap_or(-1)))
        .unwrap_or(-1)
}

impl Seen {
    async fn of(world: &World) -> Self {
        let items = world.dump("identity").await;
        let with = |prefix: &'static str| {
            items.iter().filter_map(move |item| {
                let rest = item["pk"].as_str().unwrap_or_default().strip_prefix(prefix)?.to_owned();
                Some((rest, item))
            })
        };
        let states: BTreeMap<_, _> = with("USER#").filter(|(_, item)| item["sk"] == "STATE").collect();
        let accounts = with("CRED#")
            .map(|(user, item)| {
                let state = states[&user];
                let versions =
                    (number(state, "cred_version"), number(state, "session_gen"), number(state, "trade_epoch"));
                let hash = item.get("hash").cloned().unwrap_or(Value::Null);
                (user, Credentials { hash, factor: item.contains_key("totp_seed"), versions })
            })
            .collect();
        let sessions =
            with("SESSION#").map(|(hash, item)| (hash, item["user"].as_str().unwrap_or_default().to_owned())).collect();
        let links = with("RESET_TOKEN#")
            .map(|(hash, item)| {
                (hash, (item["user"].as_str().unwrap_or_default().to_owned(), item.contains_key("used_at")))
            })
            .collect();
        Self { accounts, sessions, links }
    }
}

/// Everything that was ever handed out or mailed, and what the model knows of it.
struct Known {
    users: [String; 2],
    /// Tokens of every mail.
    tokens: Vec<String>,
    /// Challenge and its user.
    challenges: Vec<(String, usize)>,
    /// The passwords that are right now.
    passwords: [Option<usize>; 2],
    last_code: String,
    /// Whether a call that succeeded has spent it (TP-5): a code that no effect used is still good within its time.
    spent: bool,
    /// What succeeded, so that the test can tell that its sequences get anywhere.
    reached: BTreeSet<&'static str>,
}

struct Model<'a> {
    world: &'a World,
    owner: Owner,
    client: Browser,
    known: Known,
}

impl Model<'_> {
    fn token(&self, pick: usize) -> String {
        if self.known.tokens.is_empty() {
            "none yet".into()
        } else {
            self.known.tokens[pick % self.known.tokens.len()].clone()
        }
    }
    fn typed(&mut self, code: Code, form: &mut Value) -> bool {
        match code {
            Code::Nothing => return false,
            Code::Wrong => form["totp"] = json!("000000"),
            Code::Again => form["totp"] = json!(self.known.last_code),
            Code::Right => {
                self.known.last_code = self.owner.fresh_code();
                self.known.spent = false;
                form["totp"] = json!(self.known.last_code);
            }
        }
        !matches!(code, Code::Wrong) && !self.known.spent
    }
    fn collect_mail(&mut self) {
        for address in [self.owner.email.clone(), "plain@example.org".into()] {
            for text in self.world.mails_to(&address) {
                for rest in text.split("token=").skip(1) {
                    let token: String = rest.chars().take_while(|c| !c.is_whitespace()).collect();
                    if !self.known.tokens.contains(&token) {
                        self.known.tokens.push(token);
                    }
                }
            }
        }
    }
    fn email(account: usize) -> &'static str {
        if account == WITH_FACTOR { "owner@example.org" } else { "plain@example.org" }
    }

    /// Makes the call and holds what the tables show against what may have happened.
    async fn step(&mut self, call: &Call) {
        self.world.clock.advance(3);
        let before = Seen::of(self.world).await;
        let (answered, showed_code) = self.make(call).await;
        let after = Seen::of(self.world).await;
        let done = answered.as_ref().is_some_and(|a| a.status.is_success());
        if let Some(answered) = &answered {
            assert!(answered.status.as_u16() < 500 || answered.status.as_u16() == 503, "{call:?}: {}", answered.status);
        }
        self.passwords_change_by_their_link(call, &before, &after, done, showed_code);
        self.sessions_begin_with_all_factors(call, &before, &after, answered.as_ref(), showed_code);
        self.world.drain().await;
        self.collect_mail();
    }

    async fn make(&mut self, call: &Call) -> (Option<Answered>, bool) {
        let mut showed = false;
        let answered = match call {
            Call::AskForLink { account } => {
                self.client.post("/v1/password-reset", &json!({ "email": Self::email(*account) })).await
            }
            Call::Inspect { token } => {
                self.client.post("/v1/password-reset/inspect", &json!({ "token": self.token(*token) })).await
            }
            Call::Complete { token, password, code } => {
                let mut form = json!({ "token": self.token(*token), "password": PASSWORDS[*password] });
                showed = self.typed(*code, &mut form);
                self.client.post("/v1/password-reset/complete", &form).await
            }
            Call::StartRecovery { token } => {
                self.client.post("/v1/recovery", &json!({ "token": self.token(*token) })).await
            }
            Call::CancelRecovery { token } => {
                self.client.post("/v1/recovery/cancel", &json!({ "token": self.token(*token) })).await
            }
            Call::CompleteRecovery { token, password } => {
                let form = json!({ "token": self.token(*token), "password": PASSWORDS[*password] });
                self.client.post("/v1/recovery/complete", &form).await
            }
            Call::Verify { token } => {
                self.client.post("/v1/signup/verify", &json!({ "token": self.token(*token) })).await
            }
            Call::NotMe { token } => {
                self.client.post("/v1/password-reset/not-me", &json!({ "token": self.token(*token) })).await
            }
            Call::LogIn { account, password } => {
                let form = json!({ "email": Self::email(*account), "password": PASSWORDS[*password] });
                self.client.post("/v1/login", &form).await
            }
            Call::Answer { challenge, code } => {
                let known = &self.known.challenges;
                let id = if known.is_empty() { "none yet".into() } else { known[challenge % known.len()].0.clone() };
                let mut form = json!({ "challenge": id });
                showed = self.typed(*code, &mut form);
                self.client.post("/v1/login/second-factor", &form).await
            }
            Call::Wait { seconds } => {
                self.world.clock.advance(*seconds);
                return (None, false);
            }
        };
        (Some(answered), showed)
    }

    /// PR-10, PR-9, G6: "password changed ⇒ a link of this user was used up by this very call, with the factor where one is
    /// on, and sessions and epoch went with it".
    fn passwords_change_by_their_link(&mut self, call: &Call, before: &Seen, after: &Seen, done: bool, showed: bool) {
        for (place, user) in self.known.users.clone().iter().enumerate() {
            let (was, is) = (&before.accounts[user], &after.accounts[user]);
            let used_now = after.links.iter().filter(|(hash, (whose, used))| {
                whose == user && *used && !before.links.get(*hash).is_some_and(|(_, used)| *used)
            });
            let used_now = used_now.count();
            if was.hash == is.hash {
                if was.versions != is.versions {
                    let allowed = matches!(call, Call::StartRecovery { .. }) && used_now == 1
                        || matches!(call, Call::NotMe { .. });
                    assert!(allowed && done, "{call:?}: versions {was:?} became {is:?}");
                }
                continue;
            }
            assert!(done, "{call:?} was refused and changed a password");
            let (cred, sessions, epoch) = was.versions;
            assert_eq!(is.versions, (cred + 1, sessions + 1, epoch + 1), "G6: {call:?}");
            match call {
                Call::Complete { password, .. } => {
                    self.known.reached.insert(if was.factor { "reset with a factor" } else { "reset" });
                    assert_eq!(used_now, 1, "PR-10: {call:?} used up no link of this user");
                    assert!(!was.factor || showed, "PR-9: {call:?} had no factor");
                    self.known.spent |= was.factor;
                    self.known.passwords[place] = Some(*password);
                }
                Call::CompleteRecovery { password, .. } => {
                    assert_eq!(used_now, 1, "PR-10: {call:?} used up no link of this user");
                    assert!(!is.factor, "PR-14");
                    self.known.passwords[place] = Some(*password);
                }
                Call::NotMe { .. } => {
                    assert_eq!(is.hash, Value::Null, "not-me removes a password and sets none");
                    self.known.passwords[place] = None;
                }
                _ => panic!("PR-10: {call:?} changed a password"),
            }
        }
    }

    /// LG-2: "a session began ⇒ this call showed the right password of an account without factor, or answered a challenge of
    /// its account with a right code"; and nobody is handed one otherwise.
    fn sessions_begin_with_all_factors(
        &mut self,
        call: &Call,
        before: &Seen,
        after: &Seen,
        answered: Option<&Answered>,
        showed: bool,
    ) {
        let begun: Vec<_> = after.sessions.difference(&before.sessions).collect();
        let handed = answered.is_some_and(|a| a.body["session"]["token"].is_string());
        assert_eq!(begun.len(), usize::from(handed), "{call:?}");
        if let Call::LogIn { account, password } = call
            && let Some(id) = answered.and_then(|a| a.body["challenge"]["id"].as_str())
        {
            assert_eq!(self.known.passwords[*account], Some(*password), "a challenge for a wrong password");
            assert!(before.accounts[&self.known.users[*account]].factor);
            self.known.challenges.push((id.to_owned(), *account));
        }
        let Some((_, whose)) = begun.first() else {
            if let Some(cookie) = answered.and_then(|a| a.headers.get("set-cookie")).and_then(|v| v.to_str().ok()) {
                assert!(cookie.starts_with("__Host-session=;"), "{call:?} hands out {cookie}");
            }
            return;
        };
        self.known.reached.insert(if showed { "session with a factor" } else { "session" });
        match call {
            Call::LogIn { account, password } => {
                assert_eq!(*whose, self.known.users[*account]);
                assert_eq!(self.known.passwords[*account], Some(*password), "LG-2: a wrong password");
                assert!(!before.accounts[whose].factor, "LG-2: the factor is missing");
            }
            Call::Answer { challenge, .. } => {
                let (_, account) = &self.known.challenges[challenge % self.known.challenges.len()];
                assert_eq!(*whose, self.known.users[*account], "a challenge of another account");
                assert!(showed && *account == WITH_FACTOR, "LG-2: no right and fresh code");
                self.known.spent = true;
            }
            _ => panic!("LG-2, PR-11: {call:?} began a session"),
        }
    }
}

async fn run(calls: Vec<Call>, seed: u64) -> BTreeSet<&'static str> {
    let world = World::seeded(seed);
    let mut owner = world.owner("owner@example.org").await;
    owner.adds_a_factor().await;
    owner.signs_in().await;
    let plain = world.owner("plain@example.org").await;
    let id = async |owner: &Owner| owner.get("/v1/me").await.ok()["id"].as_str().expect("an id").to_owned();
    let users = [id(&owner).await, id(&plain).await];
    let known = Known {
        users,
        tokens: Vec::new(),
        challenges: Vec::new(),
        passwords: [Some(0), Some(0)],
        last_code: owner.code(),
        // The sign-in just now.
        spent: true,
        reached: BTreeSet::new(),
    };
    debug_assert_eq!(PLAIN, 1);
    let client = world.stranger("nobody@example.org");
    let mut model = Model { world: &world, owner, client, known };
    model.collect_mail();
    for call in &calls {
        model.step(call).await;
    }
    world.no_call_was_refused();
    model.known.reached
}

#[test]
fn pr_10_lg_2_no_order_of_calls_changes_a_password_or_begins_a_session_without_its_proofs() {
    let config = Config { cases: 24, max_shrink_iters: 60, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let sequences = (proptest::collection::vec(call(), 20..STEPS_MAX), 0..1_000_000_u64);
    let reached = std::cell::RefCell::new(BTreeSet::new());
    runner
        .run(&sequences, |(calls, seed)| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            reached.borrow_mut().extend(runtime.block_on(run(calls, seed)));
            Ok(())
        })
        .unwrap_or_else(|failed| panic!("{failed}"));
    let reached = reached.into_inner();
    for what in ["reset", "reset with a factor", "session", "session with a factor"] {
        assert!(reached.contains(what), "no sequence reached a {what}: {reached:?}");
    }
}
