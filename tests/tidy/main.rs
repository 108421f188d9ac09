//! The house rules that a machine can check. Each module is one rule, names what breaks it and says what to do instead.
//!
//! Lists of exceptions stand as constants in the rule's file. They may only shrink: an exception that is no longer needed
//! fails the rule, so that it is taken out.

mod alarms;
mod asvs;
mod contract;
mod directions;
mod limits;
mod pages;
mod paths;
mod permissions;
mod requirements;
mod routes;
mod shells;
mod source;
mod template;
mod traces;
mod tree;
mod words;

/// Fails with every finding at once.
fn report(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}:\n  {}\n", findings.join("\n  "));
}
