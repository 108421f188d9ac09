//! What was shown, step by step.

use crate::exit::{Exit, Failed};
use crate::show;

/// The story as told so far.
pub struct Report {
    json: bool,
    held: u32,
    broken: Vec<String>,
    started: std::time::Instant,
}

/// A story cannot go on: a step that all others need failed.
pub struct Stopped(pub String);

impl Report {
    /// Starts telling.
    #[expect(clippy::disallowed_methods, reason = "shows how long the demo took; decides nothing")]
    pub fn new(json: bool) -> Self {
        Self { json, held: 0, broken: Vec::new(), started: std::time::Instant::now() }
    }
    /// Starts a chapter.
    pub fn chapter(&self, title: &str) {
        if self.json {
            println!("{}", serde_json::json!({ "chapter": title }));
        } else {
            println!("\n{title}");
        }
    }
    /// Something done, without a promise.
    pub fn step(&self, what: &str) {
        if self.json {
            println!("{}", serde_json::json!({ "step": what }));
        } else {
            println!("    {what}");
        }
    }
    /// A promise: what, how it was shown, and whether it held.
    pub fn promise(&mut self, held: bool, what: &str, how: &str) {
        if held {
            self.held += 1;
        } else {
            self.broken.push(what.to_owned());
        }
        if self.json {
            println!("{}", serde_json::json!({ "promise": what, "held": held, "shown_by": how }));
            return;
        }
        let mark = match (held, show::coloured()) {
            (true, true) => "\x1b[32m✓\x1b[0m",
            (true, false) => "✓",
            (false, true) => "\x1b[31m✗\x1b[0m",
            (false, false) => "✗",
        };
        println!("  {mark} {what}\n      shown by: {how}");
    }
    /// The end.
    pub fn finish(self, told: Result<(), Stopped>) -> Result<(), Failed> {
        let seconds = self.started.elapsed().as_secs_f32();
        if let Err(Stopped(why)) = told {
            return Err(Failed::new(Exit::Failed, format!("the story could not go on: {why}")));
        }
        if self.json {
            println!("{}", serde_json::json!({ "held": self.held, "broken": self.broken, "seconds": seconds }));
        }
        if !self.broken.is_empty() {
            let shown = self.broken.len() + usize::try_from(self.held).unwrap_or(usize::MAX);
            let why = format!("{} of {shown} promises did not hold: {}", self.broken.len(), self.broken.join("; "));
            return Err(Failed::new(Exit::Failed, why));
        }
        // Silence proves nothing.
        if self.held == 0 {
            return Err(Failed::new(Exit::Failed, "no promise was shown"));
        }
        if !self.json {
            println!("\nAll {} promises held, in {seconds:.1} s.", self.held);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(promises: &[bool], told: Result<(), Stopped>, expected: Option<&str>) {
        let mut report = Report::new(true);
        for held in promises {
            report.promise(*held, "the promise", "a look");
        }
        match (report.finish(told), expected) {
            (Ok(()), None) => {}
            (Err(failed), Some(words)) => {
                assert_eq!(failed.exit, Exit::Failed);
                assert!(failed.why.contains(words), "{}", failed.why);
            }
            (outcome, expected) => panic!("{outcome:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn one_broken_promise_or_a_story_cut_short_fails() {
        check(&[true, true], Ok(()), None);
        check(&[true, false, true], Ok(()), Some("1 of 3 promises did not hold: the promise"));
        check(&[true], Err(Stopped("no mail".into())), Some("could not go on: no mail"));
        check(&[], Ok(()), Some("no promise was shown"));
    }
}
