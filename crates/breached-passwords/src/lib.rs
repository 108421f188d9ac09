//! Asks whether a password was stolen somewhere, by five digits of its hash (SU-4).
//!
//! The one place from which a new password is checked: sign-up, reset and change call [`BreachedPasswords::check_new`]
//! (PR-16). Fails open: a list that cannot be asked keeps nobody out, and the account is marked so that the next sign-in asks
//! again. Never sends a password or more than five digits of its hash, never logs either, and never asks twice.

#![deny(missing_docs)]

mod https_range;

use std::sync::Arc;
use std::time::Duration;

use account::EmailAddress;
use account::breached::{PasswordCheck, RangeQuestion};
use account::password::{Password, Weakness, check_policy};

pub use https_range::{HttpsRange, NotARangeUrl};

/// How long the answer may take, in all: somebody is waiting for a page. The service answers within a tenth of it.
const DEADLINE: Duration = Duration::from_millis(800);

/// The list was not asked, or its answer was none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the list of stolen passwords was not asked: {0}")]
pub struct RangeFailed(pub String);

/// Where the list is.
#[async_trait::async_trait]
pub trait RangeSource: Send + Sync + std::fmt::Debug {
    /// Every stolen hash that begins with these five digits, as `SUFFIX:COUNT` lines.
    async fn range(&self, prefix: &str) -> Result<String, RangeFailed>;
}

/// What the list says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The password is on it.
    Breached,
    /// It is not.
    NotFound,
    /// Nobody knows: no list is configured, or it did not answer in time or in form.
    Unchecked,
}

/// The way to the list.
#[derive(Debug, Clone)]
pub struct BreachedPasswords {
    source: Option<Arc<dyn RangeSource>>,
    deadline: Duration,
}

impl BreachedPasswords {
    /// From `BREACHED_RANGE_URL`; without it nothing is asked and the bundled list is all there is.
    pub fn of(environment: &host::Environment) -> Result<Self, NotARangeUrl> {
        let source = environment.optional("BREACHED_RANGE_URL").map(|url| HttpsRange::at(&url)).transpose()?;
        Ok(Self { source: source.map(|source| Arc::new(source) as Arc<dyn RangeSource>), deadline: DEADLINE })
    }
    /// From a source of one's own.
    pub fn asking(source: Arc<dyn RangeSource>) -> Self {
        Self { source: Some(source), deadline: DEADLINE }
    }
    /// Whether there is a list to ask: where there is none, a sign-in need not try again.
    pub const fn can_ask(&self) -> bool {
        self.source.is_some()
    }

    /// PR-16: whether this may become the password of the account with this address: the local policy, then the list. For
    /// sign-up, reset and change alike; after the source's budget was charged (RL-5). What comes back is stored with the hash.
    pub async fn check_new(&self, password: &Password, owner: &EmailAddress) -> Result<PasswordCheck, Weakness> {
        check_policy(password, owner)?;
        match self.look_up(password).await {
            Verdict::Breached => Err(Weakness::Breached),
            Verdict::NotFound => Ok(PasswordCheck::Passed),
            // SU-4: fails open, and is looked up again at the next sign-in.
            Verdict::Unchecked => Ok(PasswordCheck::Due),
        }
    }

    /// Asks once, within 800 ms.
    pub async fn look_up(&self, password: &Password) -> Verdict {
        let Some(source) = &self.source else { return Verdict::Unchecked };
        let question = RangeQuestion::about(password);
        let answer = match tokio::time::timeout(self.deadline, source.range(question.prefix())).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(RangeFailed(format!("no answer within {} ms", self.deadline.as_millis()))),
        };
        let read = answer.and_then(|text| question.is_in(&text).map_err(|failed| RangeFailed(failed.to_string())));
        match read {
            Ok(true) => Verdict::Breached,
            Ok(false) => Verdict::NotFound,
            Err(failed) => {
                tracing::warn!(%failed, "a password is taken without being looked up; the next sign-in tries again");
                Verdict::Unchecked
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// What a source answers with.
    #[derive(Debug, Clone)]
    enum Says {
        Text(String),
        Fails,
        Nothing,
    }
    #[derive(Debug)]
    struct Stub {
        says: Says,
        asked: Mutex<Vec<String>>,
    }
    #[async_trait::async_trait]
    impl RangeSource for Stub {
        async fn range(&self, prefix: &str) -> Result<String, RangeFailed> {
            if let Ok(mut asked) = self.asked.lock() {
                asked.push(prefix.to_owned());
            }
            match &self.says {
                Says::Text(text) => Ok(text.clone()),
                Says::Fails => Err(RangeFailed("HTTP 503".into())),
                Says::Nothing => std::future::pending().await,
            }
        }
    }

    // In no list of ours.
    const WORDS: &str = "oxen ladder fig mudlark tin";

    fn password(text: &str) -> Password {
        Password::new(text.to_owned())
    }
    fn owner() -> EmailAddress {
        EmailAddress::parse("owner@example.com").unwrap_or_else(|_| unreachable!())
    }
    fn sha1_hex(text: &str) -> String {
        use sha1::{Digest, Sha1};
        Sha1::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02X}")).collect()
    }
    fn line(text: &str, count: u32) -> String {
        format!("{}:{count}\r\n", &sha1_hex(text)[5..])
    }
    async fn ask(says: Says) -> (Verdict, Vec<String>) {
        let stub = Arc::new(Stub { says, asked: Mutex::default() });
        let list = BreachedPasswords { source: Some(stub.clone()), deadline: Duration::ZERO };
        let verdict = list.look_up(&password(WORDS)).await;
        let asked = stub.asked.lock().map(|asked| asked.clone()).unwrap_or_default();
        (verdict, asked)
    }
    async fn check(says: Says, expected: Verdict) {
        let (verdict, asked) = ask(says.clone()).await;
        assert_eq!(verdict, expected, "{says:?}");
        // SU-4: once, by five digits of the hash, and by nothing else.
        assert_eq!(asked, [sha1_hex(WORDS)[..5].to_owned()]);
    }

    #[tokio::test]
    async fn su_4_a_hit_a_miss_and_padding() {
        let miss = line("another one", 7);
        check(Says::Text(format!("{miss}{}", line(WORDS, 3))), Verdict::Breached).await;
        check(Says::Text(miss.clone()), Verdict::NotFound).await;
        check(Says::Text(format!("{miss}{}", line(WORDS, 0))), Verdict::NotFound).await;
    }
    #[tokio::test]
    async fn su_4_failures_garbage_and_silence_are_unchecked() {
        check(Says::Fails, Verdict::Unchecked).await;
        check(Says::Text(String::new()), Verdict::Unchecked).await;
        check(Says::Text("<html>".into()), Verdict::Unchecked).await;
        check(Says::Nothing, Verdict::Unchecked).await;
    }
    #[tokio::test]
    async fn su_4_without_a_list_nothing_is_asked_and_the_check_stays_due() {
        let list = BreachedPasswords::of(&host::Environment::of([])).unwrap_or_else(|_| unreachable!());
        assert!(!list.can_ask());
        assert_eq!(list.look_up(&password(WORDS)).await, Verdict::Unchecked);
        assert_eq!(list.check_new(&password(WORDS), &owner()).await, Ok(PasswordCheck::Due));
    }
    #[tokio::test]
    async fn pr_16_a_new_password_meets_the_local_policy_first_and_the_list_then() {
        let stub = |says| Arc::new(Stub { says, asked: Mutex::default() });
        let hit = stub(Says::Text(line(WORDS, 3)));
        let list = BreachedPasswords::asking(hit.clone());
        assert_eq!(list.check_new(&password(WORDS), &owner()).await, Err(Weakness::Breached));
        // What the local policy refuses is not asked about.
        assert_eq!(list.check_new(&password("too short"), &owner()).await, Err(Weakness::TooShort));
        assert_eq!(list.check_new(&password("owner@example.com"), &owner()).await, Err(Weakness::OwnEmail));
        assert_eq!(hit.asked.lock().map(|asked| asked.len()).unwrap_or_default(), 1);
        let miss = BreachedPasswords::asking(stub(Says::Text(line("another one", 3))));
        assert_eq!(miss.check_new(&password(WORDS), &owner()).await, Ok(PasswordCheck::Passed));
        let down = BreachedPasswords::asking(stub(Says::Fails));
        assert_eq!(down.check_new(&password(WORDS), &owner()).await, Ok(PasswordCheck::Due));
    }
}
