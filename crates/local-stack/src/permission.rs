//! The allow-list of a function, as its role in the template grants it: what the cloud would refuse is refused here.

use std::sync::Arc;

use emulators::{Call, Policy, Resource, Verdict};

use crate::template::Statement;

/// The policy of a function: no denial matches, and both its role and the boundary allow the call.
pub fn policy(role: Vec<Statement>, boundary: Vec<Statement>) -> Policy {
    Arc::new(move |call| {
        let matching =
            |statements: &[Statement], allow: bool| statements.iter().any(|s| s.allow == allow && covers(s, call));
        let denied = matching(&role, false) || matching(&boundary, false);
        if !denied && matching(&role, true) && matching(&boundary, true) { Verdict::Allowed } else { Verdict::Refused }
    })
}

fn covers(statement: &Statement, call: &Call) -> bool {
    let action = format!("{}:{}", call.service.prefix(), call.action.rsplit(':').next().unwrap_or_default());
    statement.actions.iter().any(|pattern| glob(pattern, &action))
        && statement.resources.iter().any(|pattern| resource_matches(pattern, &call.resource))
        && statement
            .conditions
            .iter()
            .all(|(operator, key, values)| holds(operator, key, values, call, statement.allow))
}

fn resource_matches(pattern: &str, resource: &Resource) -> bool {
    if let Resource::Identity(address) = resource {
        // A domain identity covers every address of the domain, as SES has it.
        let named = pattern.rsplit_once("identity/").map_or("", |(_, name)| name);
        return pattern == "*"
            || named == address
            || address.ends_with(&format!("@{named}"))
            || pattern.contains(":configuration-set/");
    }
    glob(pattern, &resource.arn())
}

/// Whether a condition holds. One that is not known holds for denials and fails for grants: unknown means refused.
fn holds(operator: &str, key: &str, values: &[String], call: &Call, allow: bool) -> bool {
    let any_of = |text: &str| values.iter().any(|pattern| glob(pattern, text));
    match (operator, key) {
        ("ForAllValues:StringLike" | "ForAllValues:StringEquals", "dynamodb:LeadingKeys") => {
            !call.leading_keys.is_empty() && call.leading_keys.iter().all(|k| any_of(k))
        }
        ("ForAnyValue:StringLike" | "ForAnyValue:StringEquals", "dynamodb:LeadingKeys") => {
            call.leading_keys.iter().any(|k| any_of(k))
        }
        ("ForAllValues:StringNotEquals", "dynamodb:Attributes") => call.attributes.iter().all(|a| !values.contains(a)),
        ("ForAnyValue:StringEquals", "dynamodb:Attributes") => call.attributes.iter().any(|a| values.contains(a)),
        ("StringEquals" | "StringEqualsIfExists", "dynamodb:Select") => {
            call.select.as_ref().map_or(operator == "StringEqualsIfExists", |select| values.contains(select))
        }
        ("StringEquals" | "StringLike", key) if key.starts_with("kms:EncryptionContext:") => {
            let name = key.trim_start_matches("kms:EncryptionContext:");
            call.encryption_context.get(name).is_some_and(|value| any_of(value))
        }
        ("ForAllValues:StringEquals", "kms:EncryptionContextKeys") => {
            call.encryption_context.keys().all(|k| values.contains(k))
        }
        ("Null", key) if key.starts_with("kms:EncryptionContext:") => {
            let name = key.trim_start_matches("kms:EncryptionContext:");
            values.iter().all(|v| (v == "true") != call.encryption_context.contains_key(name))
        }
        _ => !allow,
    }
}

/// `*` stands for any run of characters, `?*` for one that is not empty.
fn glob(pattern: &str, text: &str) -> bool {
    if pattern == "?*" {
        return !text.is_empty();
    }
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    if !pattern.contains('*') {
        return rest.is_empty();
    }
    let parts: Vec<_> = parts.collect();
    for (i, part) in parts.iter().enumerate() {
        if i + 1 == parts.len() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn a_star_stands_for_any_run() {
        for (pattern, text, expected) in [
            ("a*", "abc", true),
            ("a*c", "abc", true),
            ("a*d", "abc", false),
            ("*", "x", true),
            ("USER#*", "USERS#1", false),
            ("abc", "abcd", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} against {text}");
        }
    }
}
