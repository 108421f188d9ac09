//! Imports point one way. Read from `cargo metadata`, so that a manifest cannot say it in a form this rule overlooks.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::report;
use crate::tree::root;

/// Our crates in the order of the arrow with those of ours that each may name. Functions are below.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("strategy", &[]),
    ("account", &[]),
    ("host", &["account"]),
    ("exchange", &["account", "strategy"]),
    ("paper", &["strategy"]),
    ("store", &["account", "host", "strategy"]),
    ("wire", &["exchange", "host"]),
    ("identity-key", &["account", "host"]),
    ("breached-passwords", &["account", "host"]),
    ("passkey", &["account"]),
    ("decision-queue", &["host", "store"]),
    ("vault", &["account", "exchange", "host", "store", "strategy"]),
    ("api", &["account", "host", "store", "strategy"]),
    ("emulators", &[]),
];
/// What a function may name; `vault` only those that `POWERS` says.
const FUNCTIONS_MAY_NAME: &[&str] = &[
    "account",
    "api",
    "breached-passwords",
    "decision-queue",
    "exchange",
    "host",
    "identity-key",
    "paper",
    "passkey",
    "store",
    "strategy",
    "vault",
    "wire",
];
/// Who may name all of ours: the machine, the command line and the tests.
const COMPOSE: &[&str] = &["local-stack", "shearpin", "tests"];
/// Crates that give a power, with the only crates under `crates/` and `functions/` that may have it.
const POWERS: &[(&str, &[&str])] = &[
    ("aws-sdk-dynamodb", &["store"]),
    ("aws-sdk-kms", &["identity-key", "vault"]),
    ("aws-sdk-secretsmanager", &["vault"]),
    ("aws-sdk-sesv2", &["function-mailer"]),
    ("aws-sdk-sqs", &["decision-queue"]),
    // A bare HTTP client: the way out to the list of stolen passwords, and to nothing else.
    ("aws-smithy-http-client", &["breached-passwords"]),
    ("breached-passwords", &["function-login", "function-password-reset", "function-signup"]),
    ("dynoxide-rs", &["emulators"]),
    ("identity-key", &["function-login", "function-password-reset", "function-second-factor", "function-signup"]),
    // Passkeys stay with the functions that ask for one.
    ("passkey", &["function-login", "function-password-reset", "function-second-factor"]),
    ("reqwest", &["wire"]),
    ("rusqlite", &["emulators"]),
    ("vault", &["function-connections", "function-shredder", "function-signer"]),
    ("webauthn-rs", &["passkey"]),
];
/// Grants of `POWERS` beyond it, with the reason. May only shrink.
const POWERS_LENT: &[(&str, &str)] = &[];
/// What a pure crate cannot name: whatever does input or output, or brings time and chance.
const IMPURE: &[&str] = &[
    "aws-",
    "aws_",
    "axum",
    "getrandom",
    "hyper",
    "lambda_",
    "rand",
    "reqwest",
    "rusqlite",
    "tokio",
    "tower",
    "tracing",
];
const PURE: &[&str] = &["account", "exchange", "paper", "strategy"];

struct Manifest {
    /// Normal dependencies.
    needs: BTreeSet<String>,
    /// Every dependency, also those of tests, with whether its default features are on.
    defaults: BTreeMap<String, bool>,
}

#[test]
fn every_crate_names_only_what_stands_before_it() {
    let manifests = manifests();
    let ours: BTreeSet<&str> = manifests.keys().map(String::as_str).collect();
    let mut findings = Vec::new();
    for (name, manifest) in &manifests {
        if COMPOSE.contains(&name.as_str()) {
            continue;
        }
        let allowed = if name.starts_with("function-") {
            FUNCTIONS_MAY_NAME
        } else {
            match MAY_NAME.iter().find(|(crate_name, _)| crate_name == name) {
                Some((_, allowed)) => allowed,
                None => {
                    findings.push(format!("{name}: give it a place in MAY_NAME and in ARCHITECTURE.md"));
                    continue;
                }
            }
        };
        for needed in manifest.needs.iter().filter(|n| ours.contains(n.as_str()) && !allowed.contains(&n.as_str())) {
            findings.push(format!("{name} names {needed}"));
        }
    }
    report("against the arrow", &findings);
}

#[test]
fn a_power_is_held_by_those_who_need_it() {
    let mut findings = Vec::new();
    let mut lent = BTreeSet::new();
    for (name, manifest) in manifests() {
        if COMPOSE.contains(&name.as_str()) {
            continue;
        }
        for (power, holders) in POWERS {
            if manifest.needs.contains(*power) && !holders.contains(&name.as_str()) {
                match POWERS_LENT.iter().find(|(to, what)| *to == name && what == power) {
                    Some(grant) => {
                        lent.insert(*grant);
                    }
                    None => {
                        findings.push(format!("{name} depends on {power}, which belongs to {}", holders.join(", ")))
                    }
                }
            }
        }
    }
    findings.extend(
        POWERS_LENT
            .iter()
            .filter(|g| !lent.contains(*g))
            .map(|(to, what)| format!("take it out of POWERS_LENT: {to} {what}")),
    );
    report("a crate that gives a power in the wrong hands", &findings);
}

#[test]
fn pure_crates_cannot_do_input_or_output() {
    let manifests = manifests();
    let mut findings = Vec::new();
    for name in PURE {
        for needed in &manifests[*name].needs {
            if IMPURE.iter().any(|start| needed.starts_with(start)) {
                findings.push(format!("{name} depends on {needed}"));
            }
        }
    }
    report("a pure crate that could do I/O", &findings);
}

#[test]
fn no_aws_crate_brings_its_default_features() {
    let mut findings = Vec::new();
    for (name, manifest) in manifests() {
        for (needed, default) in &manifest.defaults {
            // They bring a second TLS stack and open advisories. The smithy crates have no TLS in theirs.
            let brings_tls = needed.starts_with("aws-sdk-")
                || needed == "aws-config"
                || needed.starts_with("lambda_")
                || needed == "reqwest";
            if brings_tls && *default {
                findings.push(format!("{name}: {needed} with default features"));
            }
        }
    }
    report("default-features = false", &findings);
}

/// Every crate of the workspace by name.
fn manifests() -> BTreeMap<String, Manifest> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let manifests: BTreeMap<String, Manifest> = packages
        .iter()
        .map(|package| {
            let mut manifest = Manifest { needs: BTreeSet::new(), defaults: BTreeMap::new() };
            for dependency in package["dependencies"].as_array().unwrap() {
                let name = dependency["name"].as_str().unwrap().to_owned();
                manifest.defaults.insert(name.clone(), dependency["uses_default_features"].as_bool().unwrap());
                // Development dependencies are free: tests bring the embedded services.
                if dependency["kind"].as_str() != Some("dev") {
                    manifest.needs.insert(name);
                }
            }
            (package["name"].as_str().unwrap().to_owned(), manifest)
        })
        .collect();
    assert!(manifests.len() > 20);
    manifests
}
