//! `docs/limits.md` says what the code does, and the functions that hash have a concurrency of their own.

use std::collections::{BTreeMap, BTreeSet};

use account::WallTime;
use account::budget::{ChallengeAttempts, FactorBudget, LoginBudget, RESET_MAILS, ResetFactorBudget};
use account::limits::{LOOSENING_WAIT_H_MAX, LOOSENING_WAIT_H_MIN};
use account::recovery;
use store::entity::{
    api_token, budget, ceremony, challenge, connection, device, email_change, idempotency, passkey, proof, reset_token,
    session, unlock_token, verification,
};
use store::transaction::make_api_token;

use crate::report;
use crate::template::Template;
use crate::tree::{files, read};

const PAGE: &str = "docs/limits.md";

/// Every constant that the page names, with its value in the code.
fn constants() -> BTreeMap<&'static str, i64> {
    let of = |value: usize| i64::try_from(value).unwrap();
    BTreeMap::from([
        ("LoginBudget::FAILURES_MAX", i64::from(LoginBudget::FAILURES_MAX)),
        ("device::DEVICES_MAX", of(device::DEVICES_MAX)),
        ("device::LIFE_S", device::LIFE_S),
        ("FAILURES_TOLD_MIN", number_in("functions/login/src/arrival.rs", "FAILURES_TOLD_MIN: u32 = ")),
        ("ChallengeAttempts::MAX", i64::from(ChallengeAttempts::MAX)),
        ("FactorBudget::FAILURES_MAX", i64::from(FactorBudget::FAILURES_MAX)),
        ("FactorBudget::CONFIRMATIONS_MAX", of(FactorBudget::CONFIRMATIONS_MAX)),
        ("FactorBudget::CONFIRMATION_WINDOW_SECONDS", FactorBudget::CONFIRMATION_WINDOW_SECONDS),
        ("ResetFactorBudget::FAILURES_MAX", of(ResetFactorBudget::FAILURES_MAX)),
        ("ResetFactorBudget::WINDOW_SECONDS", ResetFactorBudget::WINDOW_SECONDS),
        ("RESET_MAILS.burst", RESET_MAILS.burst()),
        ("RESET_MAILS.period_seconds", RESET_MAILS.period_seconds()),
        ("budget::MAIL_REQUESTS_PER_HOUR_MAX", i64::from(budget::MAIL_REQUESTS_PER_HOUR_MAX)),
        ("budget::MAIL_REQUESTS_PER_MINUTE_MAX", i64::from(budget::MAIL_REQUESTS_PER_MINUTE_MAX)),
        ("budget::HASHES_PER_MINUTE_MAX", i64::from(budget::HASHES_PER_MINUTE_MAX)),
        ("connection::CONNECTIONS_MAX", of(connection::CONNECTIONS_MAX)),
        ("make_api_token::TOKENS_MAX", of(make_api_token::TOKENS_MAX)),
        ("api_token::LIFE_S_MAX", api_token::LIFE_S_MAX),
        ("LOOSENING_WAIT_H_MIN", i64::from(LOOSENING_WAIT_H_MIN)),
        ("LOOSENING_WAIT_H_MAX", i64::from(LOOSENING_WAIT_H_MAX)),
        ("recovery::WAIT_S", recovery::WAIT_S),
        ("recovery::WINDOW_S", recovery::WINDOW_S),
        ("recovery::BLOCKED_S", recovery::BLOCKED_S),
        ("email_change::LIFE_S", email_change::LIFE_S),
        ("email_change::REVOKE_LIFE_S", email_change::REVOKE_LIFE_S),
        ("reset_token::NOT_ME_LIFE_S", reset_token::NOT_ME_LIFE_S),
        ("idempotency::KEPT_S", idempotency::KEPT_S),
        ("session::LIFE_S", session::LIFE_S),
        ("session::IDLE_S", session::IDLE_S),
        ("challenge::LIFE_S", challenge::LIFE_S),
        ("ceremony::LIFE_S", ceremony::LIFE_S),
        ("passkey::PASSKEYS_MAX", i64::from(passkey::PASSKEYS_MAX)),
        ("proof::LIFE_S", proof::LIFE_S),
        ("reset_token::LIFE_S", reset_token::LIFE_S),
        ("unlock_token::LIFE_S", unlock_token::LIFE_S),
        ("verification::LIFE_S", verification::LIFE_S),
    ])
}

fn number_in(path: &str, before: &str) -> i64 {
    let text = read(path);
    let (_, after) = text.split_once(before).unwrap_or_else(|| panic!("{path} has no `{before}`"));
    after.split(';').next().unwrap().parse().unwrap()
}

fn cells(line: &str) -> Vec<&str> {
    line.trim().trim_matches('|').split('|').map(str::trim).collect()
}

#[test]
fn rl_1_the_page_of_limits_says_what_the_code_does() {
    let page = read(PAGE);
    let mut said = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with('|')) {
        if let [_, value, constant] = cells(line)[..]
            && let (Ok(value), Some(name)) = (value.parse::<i64>(), constant.strip_prefix('`'))
        {
            said.insert(name.trim_end_matches('`').to_owned(), value);
        }
    }
    let found: BTreeMap<String, i64> = constants().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    assert_eq!(said, found, "{PAGE} and the code differ");
}

#[test]
fn rl_2_the_page_has_the_delays_of_the_state_machine() {
    let page = read(PAGE);
    let mut rows = 0;
    let (mut now, mut budget) = (WallTime::from_ms(1_800_057_600_000), LoginBudget::FRESH);
    for line in page.lines() {
        let [failures, wait] = cells(line)[..] else { continue };
        let Some((from, to)) = failures.split_once(" to ") else { continue };
        let (Ok(from), Ok(to), Ok(wait)) = (from.parse::<u32>(), to.parse::<u32>(), wait.parse::<i64>()) else {
            continue;
        };
        rows += 1;
        for failure in from..=to {
            budget = budget.admit(now).unwrap();
            assert_eq!((budget.failures, budget.blocked_until.ms_since(now)), (failure, wait * 1000), "{line}");
            now = budget.blocked_until;
        }
    }
    assert_eq!((rows, budget.failures), (4, LoginBudget::FAILURES_MAX - 1));
}

/// A new budget is documented, or this names it.
#[test]
fn rl_1_no_budget_has_a_limit_that_the_page_does_not_name() {
    let page = read(PAGE);
    let mut findings = Vec::new();
    let sources =
        files("crates/account/src/budget", ".rs").into_iter().chain(["crates/store/src/entity/budget.rs".to_owned()]);
    for path in sources {
        for line in read(&path).lines().map(str::trim).filter(|line| line.starts_with("pub const ")) {
            let name =
                line.trim_start_matches("pub const ").split(|c: char| !c.is_ascii_uppercase() && c != '_').next();
            let name = name.filter(|name| name.ends_with("_MAX") || *name == "MAX" || name.ends_with("_SECONDS"));
            if let Some(name) = name
                && !page.contains(name)
            {
                findings.push(format!("{path}: {name} does not stand in {PAGE}"));
            }
        }
    }
    report("limits that no page names", &findings);
}

#[test]
fn rl_5_the_functions_that_hash_and_no_others_have_their_own_concurrency() {
    let template = Template::open();
    let hashes = |folder: &str| {
        files(&format!("{folder}/src"), ".rs").iter().any(|path| {
            let text = read(path);
            text.contains(".pepper_new(") || text.contains(".pepper_as(")
        })
    };
    let (mut hashing, mut reserved) = (BTreeSet::new(), BTreeSet::new());
    for (_, properties) in template.resources("AWS::Serverless::Function") {
        let folder = properties["CodeUri"].as_str().unwrap().to_owned();
        if hashes(&folder) {
            hashing.insert(folder.clone());
        }
        if format!("{:?}", properties["ReservedConcurrentExecutions"]).contains("HashingConcurrency") {
            reserved.insert(folder);
        }
    }
    assert!(hashing.contains("functions/login") && hashing.contains("functions/signup"), "{hashing:?}");
    let missing: Vec<_> = hashing.difference(&reserved).collect();
    assert!(missing.is_empty(), "hash without a concurrency of their own: {missing:?}");
    for trading in ["functions/tick", "functions/trader", "functions/signer"] {
        assert!(!reserved.contains(trading), "{trading} shares the share of the sign-ins");
    }
}
