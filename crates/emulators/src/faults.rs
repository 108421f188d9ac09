//! Faults at the border between a function and a service: what tests inject, and where.
//!
//! Never changes what a service does: a fault only delays, repeats, hides or replaces a call.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::policy::Service;

/// One call at the border.
#[derive(Debug, Clone)]
pub struct Point {
    /// The function that calls.
    pub caller: String,
    /// The service called.
    pub service: Service,
    /// The operation called.
    pub operation: String,
    /// Counts the calls of this caller to this operation, from 1, since the emulators were opened.
    pub nth: u64,
    /// The SDK's attempt, from 1: above 1 it is the SDK that calls again, not the function.
    pub attempt: u32,
    /// The request body as sent.
    pub body: Vec<u8>,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing out of the ordinary.
    None,
    /// The request never arrives: no effect, a connection error.
    DropRequest,
    /// The service does its work, the answer never arrives: a connection error.
    LoseAnswer,
    /// The request arrives twice; the caller sees the first answer.
    Duplicate,
    /// No effect, and this HTTP status (500, 503).
    Status(u16),
    /// No effect, and the service's own word for being throttled.
    Throttle,
}

/// Decides about faults. Both hooks may wait: that pauses the caller.
#[async_trait::async_trait]
pub trait Faults: Send + Sync + 'static {
    /// Before the service sees the call.
    async fn before(&self, point: &Point) -> Fault;

    /// After the service answered with this HTTP status, before the caller sees it.
    async fn after(&self, point: &Point, status: u16) {
        let _ = (point, status);
    }
}

/// Which calls a rule of a [`Script`] is about. `None` fits all.
#[derive(Debug, Clone, Default)]
pub struct When {
    /// The caller's name.
    pub caller: Option<String>,
    /// The operation's name.
    pub operation: Option<String>,
    /// Text that the request body contains.
    pub body_has: Option<String>,
}

impl When {
    /// Calls of one operation by one caller.
    pub fn calls(caller: &str, operation: &str) -> Self {
        Self { caller: Some(caller.to_owned()), operation: Some(operation.to_owned()), body_has: None }
    }

    /// Calls of one operation by anyone.
    pub fn any(operation: &str) -> Self {
        Self { operation: Some(operation.to_owned()), ..Self::default() }
    }

    /// The same, but only with this text in the body.
    pub fn with_body(mut self, text: &str) -> Self {
        self.body_has = Some(text.to_owned());
        self
    }

    fn fits(&self, point: &Point) -> bool {
        let equal = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        equal(&self.caller, &point.caller)
            && equal(&self.operation, &point.operation)
            && self.body_has.as_deref().is_none_or(|text| String::from_utf8_lossy(&point.body).contains(text))
    }
}

/// A place where a caller stops until the test lets it go on.
#[derive(Debug)]
pub struct Gate {
    reached: Semaphore,
    opened: Semaphore,
}

impl Default for Gate {
    fn default() -> Self {
        Self { reached: Semaphore::new(0), opened: Semaphore::new(0) }
    }
}

impl Gate {
    /// Waits until a caller stands at the gate.
    pub async fn reached(&self) {
        if let Ok(permit) = self.reached.acquire().await {
            permit.forget();
        }
    }

    /// Lets one caller go on, now or when it comes.
    pub fn open(&self) {
        self.opened.add_permits(1);
    }

    /// Stops here until it is opened; for gates outside the border.
    pub async fn pass(&self) {
        self.reached.add_permits(1);
        if let Ok(permit) = self.opened.acquire().await {
            permit.forget();
        }
    }
}

/// Where a rule of a [`Script`] acts.
#[derive(Debug, Clone)]
pub enum Act {
    /// Put this fault on the call.
    Fault(Fault),
    /// Stop before the service sees the call.
    PauseBefore(std::sync::Arc<Gate>),
    /// Stop after the service has done its work.
    PauseAfter(std::sync::Arc<Gate>),
}

#[derive(Debug)]
struct Rule {
    when: When,
    // How many fitting calls pass untouched first, and how many are then acted upon.
    skip: u64,
    times: u64,
    act: Act,
}

/// Faults by a list of rules; the first rule that fits a call acts on it.
#[derive(Debug, Default)]
pub struct Script {
    rules: Mutex<Vec<Rule>>,
}

impl Script {
    /// A script without rules.
    pub fn new() -> Self {
        Self::default()
    }

    /// Acts on the next fitting call.
    pub fn once(&self, when: When, act: Act) {
        self.times(when, 0, 1, act);
    }

    /// Acts on every fitting call from now on.
    pub fn always(&self, when: When, act: Act) {
        self.times(when, 0, u64::MAX, act);
    }

    /// Lets `skip` fitting calls pass and acts on the `times` that follow.
    pub fn times(&self, when: When, skip: u64, times: u64, act: Act) {
        self.rules().push(Rule { when, skip, times, act });
    }

    /// Forgets all rules.
    pub fn clear(&self) {
        self.rules().clear();
    }

    /// How many rules still wait for calls.
    pub fn left(&self) -> usize {
        self.rules().iter().filter(|rule| rule.times > 0).count()
    }

    fn rules(&self) -> std::sync::MutexGuard<'_, Vec<Rule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, point: &Point, after: bool) -> Option<Act> {
        for rule in self.rules().iter_mut() {
            if matches!(rule.act, Act::PauseAfter(_)) != after || rule.times == 0 || !rule.when.fits(point) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times = rule.times.saturating_sub(u64::from(rule.times != u64::MAX));
            return Some(rule.act.clone());
        }
        None
    }
}

#[async_trait::async_trait]
impl Faults for Script {
    async fn before(&self, point: &Point) -> Fault {
        match self.next(point, false) {
            Some(Act::Fault(fault)) => fault,
            Some(Act::PauseBefore(gate)) => {
                gate.pass().await;
                Fault::None
            }
            Some(Act::PauseAfter(_)) | None => Fault::None,
        }
    }

    async fn after(&self, point: &Point, _status: u16) {
        if let Some(Act::PauseAfter(gate)) = self.next(point, true) {
            gate.pass().await;
        }
    }
}
