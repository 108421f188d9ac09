//! What `template.yaml` declares, by logical ids. Read on its own, not through the local stack, so that the two check each
//! other.

use std::collections::BTreeSet;

use yaml_serde::Value;

use crate::tree::read;

/// One line of `infra/permissions.csv`.
pub type Grant = [String; 6];

/// The parsed template.
pub struct Template {
    root: Value,
}

impl Template {
    /// From the checkout.
    pub fn open() -> Self {
        Self { root: yaml_serde::from_str(&read("template.yaml")).unwrap() }
    }

    /// Logical id and body of every resource of this type.
    pub fn resources(&self, kind: &str) -> Vec<(&str, &Value)> {
        let all = self.root["Resources"].as_mapping().unwrap();
        let of_kind = all.iter().filter(|(_, body)| body["Type"].as_str() == Some(kind));
        of_kind.map(|(id, body)| (id.as_str().unwrap(), &body["Properties"])).collect()
    }

    /// The binary's name of a function's logical id.
    fn binary(&self, logical: &str) -> &str {
        self.root["Resources"][logical]["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap()
    }

    /// Function, method and path of every HTTP event of this API.
    pub fn routes(&self, api: &str) -> BTreeSet<(String, String, String)> {
        let mut routes = BTreeSet::new();
        for (logical, properties) in self.resources("AWS::Serverless::Function") {
            for (_, event) in properties["Events"].as_mapping().into_iter().flatten() {
                let of = &event["Properties"];
                if event["Type"].as_str() == Some("HttpApi") && text(&of["ApiId"]) == api {
                    routes.insert((
                        self.binary(logical).to_owned(),
                        text(&of["Method"]).to_uppercase(),
                        text(&of["Path"]),
                    ));
                }
            }
        }
        routes
    }

    /// Every grant and denial of every role and of the boundary, in the words of `infra/README.md`.
    pub fn grants(&self) -> BTreeSet<Grant> {
        let mut grants = BTreeSet::new();
        for (_, properties) in self.resources("AWS::IAM::ManagedPolicy") {
            add(&mut grants, "(boundary)", &properties["PolicyDocument"]);
        }
        for (logical, properties) in self.resources("AWS::Serverless::Function") {
            for policy in list(&properties["Policies"]) {
                add(&mut grants, self.binary(logical), policy);
            }
        }
        grants
    }
}

fn add(grants: &mut BTreeSet<Grant>, function: &str, policy: &Value) {
    assert!(policy.get("Statement").is_some(), "{function} has a policy that is not a plain list of statements");
    for statement in list(&policy["Statement"]) {
        let effect = text(&statement["Effect"]).to_lowercase();
        let condition = conditions(&statement["Condition"]);
        for action in list(&statement["Action"]) {
            let action = text(action);
            let (service, action) = action.split_once(':').unwrap_or(("", &action));
            for resource in list(&statement["Resource"]) {
                grants.insert([
                    function.to_owned(),
                    effect.clone(),
                    service.to_owned(),
                    action.to_owned(),
                    short(&text(resource)),
                    condition.clone(),
                ]);
            }
        }
    }
}

fn conditions(value: &Value) -> String {
    let mut said = BTreeSet::new();
    for (operator, keys) in value.as_mapping().into_iter().flatten() {
        for (key, values) in keys.as_mapping().into_iter().flatten() {
            let values: BTreeSet<String> = list(values).into_iter().map(text).collect();
            let values: Vec<String> = values.into_iter().collect();
            said.insert(format!("{} {}={}", text(operator), text(key), values.join("|")));
        }
    }
    said.into_iter().collect::<Vec<_>>().join("; ")
}

/// A resource by logical id, or by the end of its ARN after the account.
fn short(resource: &str) -> String {
    if let Some((_, name)) = resource.split_once("${AWS::AccountId}:") {
        return name.to_owned();
    }
    resource.replace("${", "").replace('}', "").replace(".Arn", "")
}

/// A scalar; of a tagged one (`!Ref`, `!GetAtt`, `!Sub`) what stands behind the tag.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Tagged(tagged) => text(&tagged.value),
        other => panic!("template.yaml: expected a text, found {other:?}"),
    }
}

fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Sequence(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}
