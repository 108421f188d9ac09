//! Who may touch what: the roles of `template.yaml` are exactly the rows of `infra/permissions.csv`.

use std::collections::BTreeSet;

use crate::report;
use crate::template::{Grant, Template};
use crate::tree::read;

#[test]
fn every_role_is_exactly_its_rows_in_the_matrix() {
    let declared = Template::open().grants();
    let text = read("infra/permissions.csv");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("function,effect,service,action,resource,condition"));
    let lines: Vec<&str> = lines.collect();
    assert!(lines.is_sorted(), "infra/permissions.csv is not sorted");
    let expected: BTreeSet<Grant> = lines.iter().map(|line| row(line)).collect();
    assert_eq!(expected.len(), lines.len(), "infra/permissions.csv has a line twice");
    let mut findings = Vec::new();
    findings.extend(declared.difference(&expected).map(|grant| format!("only in template.yaml: {}", grant.join(","))));
    findings.extend(
        expected.difference(&declared).map(|grant| format!("only in infra/permissions.csv: {}", grant.join(","))),
    );
    report("a role and its row differ; decide which of the two is right, then write the other", &findings);
}

/// Who keeps passwords and factors: the functions that the account's owner talks to, and nobody that acts for others.
const ACCOUNT_FUNCTIONS: &[&str] = &["login", "password-reset", "second-factor", "signup"];

#[test]
fn pr_15_nobody_but_the_accounts_own_functions_writes_credentials_and_no_route_is_an_administrators() {
    let mut findings = Vec::new();
    for line in read("infra/permissions.csv").lines() {
        let [function, effect, _, action, resource, condition] = row(line);
        let writes = ["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"].contains(&action.as_str());
        if effect != "allow" || resource != "IdentityTable" || !writes || function == "(boundary)" {
            continue;
        }
        let keys =
            condition.split("; ").find_map(|part| part.strip_prefix("ForAllValues:StringLike dynamodb:LeadingKeys="));
        let reaches = keys.is_none_or(|keys| keys.split('|').any(|key| "CRED#".starts_with(key.trim_end_matches('*'))));
        if reaches && !ACCOUNT_FUNCTIONS.contains(&function.as_str()) {
            findings.push(format!("{function} may {action} a password: {line}"));
        }
    }
    for (_, route) in api::routes::ALL {
        if ["admin", "users", "accounts", "operator"].iter().any(|word| route.path().contains(word)) {
            findings.push(format!("a route for acting on others: {} {}", route.method(), route.path()));
        }
    }
    report("PR-15: only its owner sets a password", &findings);
}

#[test]
fn a_star_is_written_with_its_reason() {
    let mut findings = Vec::new();
    for (number, line) in read("template.yaml").lines().enumerate() {
        let item = line.trim_start().trim_start_matches("- ").trim_start_matches("Resource:").trim();
        let (value, comment) = item.split_once('#').unwrap_or((item, ""));
        let value = value.trim().trim_matches('"');
        let everything = value == "*" || value.ends_with(":*") && !value.contains(' ');
        if everything && !comment.trim_start().starts_with("star_ok: ") {
            findings.push(format!("template.yaml:{}: {}", number + 1, line.trim()));
        }
    }
    report("`*` without `# star_ok: reason`", &findings);
}

#[test]
fn only_the_signer_may_open_a_key_and_nobody_both_seals_and_opens() {
    let grants = Template::open().grants();
    let who = |service: &str, action: &str, resource: &str| -> Vec<String> {
        let allows = grants.iter().filter(|g| g[0] != "(boundary)" && g[1] == "allow");
        allows
            .filter(|g| g[2] == service && g[3] == action && g[4].starts_with(resource))
            .map(|g| g[0].clone())
            .collect()
    };
    // P2 and the role table of the README, said twice on purpose: a wrong matrix does not make it right.
    assert_eq!(who("secretsmanager", "GetSecretValue", ""), ["signer"]);
    assert_eq!(who("kms", "Decrypt", "VaultKey"), ["signer"]);
    assert_eq!(who("kms", "GenerateDataKey", "VaultKey"), ["connections"]);
    assert_eq!(who("secretsmanager", "DeleteSecret", ""), ["shredder"]);
    assert_eq!(
        who("ses", "SendRawEmail", "").into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>(),
        ["mailer"]
    );
}

#[test]
fn pw_3_the_peppers_mac_is_made_by_who_compares_passwords_alone() {
    let grants = Template::open().grants();
    let allowed = grants.iter().filter(|grant| grant[0] != "(boundary)" && grant[1] == "allow");
    let makers: Vec<&str> = allowed
        .filter(|grant| grant[3] == "GenerateMac" && grant[4] == "IdentityMacKey")
        .map(|grant| grant[0].as_str())
        .collect();
    assert_eq!(makers, ["login", "password-reset", "signup"]);
}

#[test]
fn st_1_a_proof_is_spent_by_a_function_with_something_to_confirm() {
    let mut findings = Vec::new();
    for [function, effect, _, _, _, condition] in &Template::open().grants() {
        let confirms = api::routes::ALL
            .iter()
            .any(|(served_by, route)| served_by == function && route.demands() == api::Policy::StepUp);
        // The erasure deletes proofs among all that is an account's, and spends none.
        if effect == "allow" && condition.ends_with("LeadingKeys=PROOF#*") && !confirms {
            findings.push(format!("{function} may spend proofs and has no route that takes one"));
        }
    }
    report("ST-1: a grant that nothing needs", &findings);
}

fn row(line: &str) -> Grant {
    let fields: Vec<String> = line.splitn(6, ',').map(str::to_owned).collect();
    fields.try_into().unwrap_or_else(|_| panic!("infra/permissions.csv: {line}"))
}
