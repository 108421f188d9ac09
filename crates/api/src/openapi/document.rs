//! Puts the document together from the route table and the operations.

use std::collections::{BTreeMap, BTreeSet};

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::operation::{Operation, Parameter, Place, Success};
use super::parts;
use crate::Route;
use crate::problem::Body;

/// Where a schema that others refer to stands.
const SCHEMAS: &str = "/components/schemas";

/// The schemas of what is sent to us and of what we answer. A field with a default may be left out of the one and is
/// always in the other, so a type can have two forms.
struct Schemas {
    sent: SchemaGenerator,
    answered: SchemaGenerator,
    /// Many routes refuse in the same words; each set of problems is written once.
    refusals: BTreeMap<String, Value>,
}

/// The whole document for these routes (each with its function's name), and everything that does not fit together: an empty
/// list, or the document is not to be published.
pub fn document(routes: &[(&'static str, Route)], operations: &[(Route, Operation)]) -> (Value, Vec<String>) {
    let mut findings = Vec::new();
    let mut schemas = Schemas {
        sent: generator(SchemaSettings::draft2020_12().for_deserialize()),
        answered: generator(SchemaSettings::draft2020_12().for_serialize()),
        refusals: BTreeMap::new(),
    };
    let _problem = schemas.answered.subschema_for::<Body<'static>>();
    let mut names = BTreeSet::new();
    let mut paths: Map<String, Value> = Map::new();
    for (function, route) in routes {
        let written: Vec<_> = operations.iter().filter(|(mounted, _)| mounted == route).collect();
        let [(_, operation)] = written.as_slice() else {
            findings.push(format!("{} {} has {} operations", route.method(), route.path(), written.len()));
            continue;
        };
        if !names.insert(operation.name) {
            findings.push(format!("two operations are named {}", operation.name));
        }
        findings.extend(faults(route, operation));
        let methods = paths.entry(route.path()).or_insert_with(|| json!({}));
        if let Value::Object(methods) = methods {
            methods.insert(route.method().to_lowercase(), schemas.operation(function, route, operation));
        }
    }
    for (route, operation) in operations {
        if !routes.iter().any(|(_, known)| known == route) {
            findings.push(format!("{} describes {}, which is not in the route table", operation.name, route.path()));
        }
    }
    let (mut components, renamed) = schemas.components();
    let mut paths = Value::Object(paths);
    rename(&mut paths, &renamed);
    let (twins, strangers) = twins(&components);
    components.retain(|name, _| !twins.contains_key(&reference(name)));
    let mut components = Value::Object(components);
    rename(&mut components, &twins);
    rename(&mut paths, &twins);
    findings.extend(
        strangers
            .iter()
            .map(|name| format!("two types are called {name}: give one of them #[schemars(rename = \"…\")]")),
    );
    let document = json!({
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": parts::info(),
        "servers": [{ "url": "/", "description": "Where this document came from." }],
        "paths": paths,
        "components": {
            "schemas": components, "responses": schemas.refusals, "securitySchemes": parts::security_schemes(),
        },
    });
    (document, findings)
}

/// One status with two bodies.
fn either(first: &mut Value, second: Value) {
    let text =
        format!("{} Or: {}", first["description"].as_str().unwrap_or(""), second["description"].as_str().unwrap_or(""));
    let schema = |answer: &Value| answer["content"]["application/json"]["schema"].clone();
    first["content"]["application/json"]["schema"] = json!({ "anyOf": [schema(first), schema(&second)] });
    first["description"] = json!(text);
    if let Some(headers) = second.get("headers") {
        first["headers"] = headers.clone();
    }
}

fn generator(settings: SchemaSettings) -> SchemaGenerator {
    settings
        .with(|settings| {
            settings.definitions_path = SCHEMAS.into();
            settings.meta_schema = None;
        })
        .into_generator()
}

/// What an operation leaves out.
fn faults(route: &Route, operation: &Operation) -> Vec<String> {
    let name = operation.name;
    let mut findings = Vec::new();
    let variable: BTreeSet<&str> =
        route.path().split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
    let described: BTreeSet<&str> =
        operation.parameters.iter().filter(|p| p.place == Place::Path).map(|p| p.name).collect();
    if variable != described {
        findings.push(format!("{name} describes the path's {described:?}, which has {variable:?}"));
    }
    let asked: BTreeSet<&str> =
        operation.parameters.iter().filter(|p| p.place == Place::Query).map(|p| p.name).collect();
    let taken: BTreeSet<&str> = route.parameters().iter().copied().collect();
    if asked != taken {
        findings.push(format!("{name} describes the query's {asked:?}, and its route takes {taken:?}"));
    }
    if operation.successes.is_empty() {
        findings.push(format!("{name} has no answer"));
    }
    if operation.successes.iter().any(|success| success.description.trim().is_empty()) {
        findings.push(format!("{name} has an answer without a description"));
    }
    if route.method() == "GET" && operation.body.is_some() {
        findings.push(format!("{name} is a GET with a body"));
    }
    findings
}

impl Schemas {
    fn operation(&mut self, function: &str, route: &Route, operation: &Operation) -> Value {
        let mut written = json!({
            "operationId": operation.name,
            "tags": [function],
            "summary": operation.summary,
            "x-policy": route.demands(),
            "security": parts::security(route),
            "responses": self.responses(route, operation),
        });
        let Value::Object(fields) = &mut written else { return written };
        if let Some(details) = operation.details {
            fields.insert("description".into(), json!(details));
        }
        if let Some(scope) = parts::scope(route) {
            fields.insert("x-token-scope".into(), json!(scope));
        }
        let mut parameters: Vec<Value> = operation.parameters.iter().map(|p| self.parameter(p)).collect();
        parameters.extend(parts::headers(route));
        if !parameters.is_empty() {
            fields.insert("parameters".into(), Value::Array(parameters));
        }
        if let Some(body) = operation.body {
            let mut schema = (body.schema)(&mut self.sent).to_value();
            mark_sent(&mut schema);
            let content = json!({ "application/json": { "schema": schema } });
            fields.insert("requestBody".into(), json!({ "required": body.required, "content": content }));
        }
        written
    }

    fn parameter(&mut self, parameter: &Parameter) -> Value {
        let mut schema = (parameter.schema)(&mut self.sent).to_value();
        mark_sent(&mut schema);
        let place = match parameter.place {
            Place::Path => "path",
            Place::Query => "query",
            Place::Header => "header",
        };
        json!({
            "name": parameter.name, "in": place, "required": parameter.required,
            "description": parameter.description, "schema": schema,
        })
    }

    fn responses(&mut self, route: &Route, operation: &Operation) -> Value {
        let mut responses = Map::new();
        for success in &operation.successes {
            let written = self.success(success);
            match responses.get_mut(&success.status.to_string()) {
                Some(other) => either(other, written),
                None => {
                    responses.insert(success.status.to_string(), written);
                }
            }
        }
        for (status, codes) in parts::problems(route, operation) {
            let name = parts::refusal_name(status, &codes);
            responses.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/{name}") }));
            self.refusals.entry(name).or_insert_with(|| parts::refusal(status, &codes));
        }
        Value::Object(responses)
    }

    fn success(&mut self, success: &Success) -> Value {
        let mut written = json!({ "description": success.description });
        let Value::Object(fields) = &mut written else { return written };
        if let Some((kind, describe)) = success.content {
            let mut schema = describe(&mut self.answered).to_value();
            close(&mut schema);
            fields.insert("content".into(), json!({ kind: { "schema": schema } }));
        }
        if !success.headers.is_empty() {
            let headers: Map<String, Value> = success
                .headers
                .iter()
                .map(|(name, text)| {
                    ((*name).to_owned(), json!({ "description": text, "schema": { "type": "string" } }))
                })
                .collect();
            fields.insert("headers".into(), Value::Object(headers));
        }
        written
    }

    /// Everything that was referred to, and how references to what is sent read in the end: a type that has one form has
    /// one name, and of two forms the one that is sent is called `…Input`.
    fn components(&mut self) -> (Map<String, Value>, BTreeMap<String, String>) {
        let mut all = self.answered.take_definitions(true);
        all.values_mut().for_each(close);
        let sent = self.sent.take_definitions(true);
        let two_forms = two_forms(&sent, &all);
        let target = |name: &str| if two_forms.contains(name) { format!("{name}Input") } else { name.to_owned() };
        let renamed = sent
            .keys()
            .map(|name| (reference(&format!("{SENT}{name}")), reference(&target(name))))
            .collect::<BTreeMap<_, _>>();
        for (name, schema) in &sent {
            let mut schema = schema.clone();
            mark_sent(&mut schema);
            rename(&mut schema, &renamed);
            all.insert(target(name), schema);
        }
        (all, renamed)
    }
}

/// Types of the same name, which the generator numbers from the second on: those that are the same, with the reference that
/// stands for both, and those that are not.
fn twins(all: &Map<String, Value>) -> (BTreeMap<String, String>, Vec<String>) {
    let mut same = BTreeMap::new();
    let mut different = Vec::new();
    for (name, schema) in all {
        let first = name.trim_end_matches(|c: char| c.is_ascii_digit());
        if first == name {
            continue;
        }
        if all.get(first) == Some(schema) {
            same.insert(reference(name), reference(first));
        } else {
            different.push(first.to_owned());
        }
    }
    (same, different)
}

/// The types whose two forms differ, themselves or in something they refer to.
fn two_forms(sent: &Map<String, Value>, answered: &Map<String, Value>) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = BTreeSet::new();
    loop {
        let before = found.len();
        for (name, schema) in sent {
            let Some(other) = answered.get(name) else { continue };
            let mut refers = false;
            each_reference(&mut schema.clone(), &mut |text| {
                refers |= text.strip_prefix(&reference("")).is_some_and(|name| found.contains(name));
            });
            if refers || schema != other {
                found.insert(name.clone());
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

/// Stands before a name while it is not known yet whether the type has two forms.
const SENT: &str = "~sent~";

fn reference(name: &str) -> String {
    format!("#{SCHEMAS}/{name}")
}

/// Tells references of what is sent from those of what is answered.
fn mark_sent(schema: &mut Value) {
    each_reference(schema, &mut |text| {
        if let Some(name) = text.strip_prefix(&reference("")) {
            *text = reference(&format!("{SENT}{name}"));
        }
    });
}

fn rename(value: &mut Value, renamed: &BTreeMap<String, String>) {
    each_reference(value, &mut |text| {
        if let Some(target) = renamed.get(text.as_str()) {
            *text = target.clone();
        }
    });
}

fn each_reference(value: &mut Value, change: &mut impl FnMut(&mut String)) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(text) if name == "$ref" => change(text),
                    other => each_reference(other, change),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each_reference(item, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// An answer holds what is described and nothing else, so that a field nobody described is found.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            let composed = ["$ref", "allOf", "anyOf", "oneOf"].iter().any(|key| fields.contains_key(*key));
            let open = fields.contains_key("properties") && !fields.contains_key("additionalProperties");
            if open && !composed {
                fields.insert("additionalProperties".into(), Value::Bool(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
