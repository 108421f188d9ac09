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
            return Err(Failed::new(
                Exit::Failed,
                format!("{} promises did not hold: {}", self.broken.len(), self.broken.join("; ")),
            ));
        }
        if !self.json {
            println!("\nAll {} promises held, in {seconds:.1} s.", self.held);
        }
        Ok(())
    }
}
