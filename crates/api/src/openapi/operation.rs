//! What one route takes and answers, as its endpoint file says it.

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::Problem;

/// Makes a schema in a generator that collects what it refers to.
pub(super) type Describe = fn(&mut SchemaGenerator) -> Schema;

/// One route of the contract. What follows from the route itself is added to it: the session, the step-up, the body's
/// limits, and the problems of all of them.
#[derive(Debug, Clone)]
pub struct Operation {
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
    pub(super) details: Option<&'static str>,
    pub(super) body: Option<Body>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) successes: Vec<Success>,
    pub(super) problems: Vec<fn() -> Problem>,
    pub(super) stateless: bool,
}

/// A body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Body {
    pub(super) schema: Describe,
    pub(super) required: bool,
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
    Header,
}

/// A parameter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameter {
    pub(super) place: Place,
    pub(super) name: &'static str,
    pub(super) schema: Describe,
    pub(super) description: &'static str,
    pub(super) required: bool,
}

/// An answer that is no problem.
#[derive(Debug, Clone)]
pub(super) struct Success {
    pub(super) status: u16,
    pub(super) content: Option<(&'static str, Describe)>,
    pub(super) description: &'static str,
    pub(super) headers: Vec<(&'static str, &'static str)>,
}

impl Operation {
    /// `name` is the handler's and the operation's id; `summary` says in a few words what a call does.
    pub const fn of(name: &'static str, summary: &'static str) -> Self {
        Self {
            name,
            summary,
            details: None,
            body: None,
            parameters: Vec::new(),
            successes: Vec::new(),
            problems: Vec::new(),
            stateless: false,
        }
    }
    /// What a caller has to know beyond the summary.
    #[must_use]
    pub const fn details(mut self, text: &'static str) -> Self {
        self.details = Some(text);
        self
    }
    /// The body is this form.
    #[must_use]
    pub fn takes<T: JsonSchema>(mut self) -> Self {
        self.body = Some(Body { schema: T::json_schema, required: true });
        self
    }
    /// The body is this form, or there is none.
    #[must_use]
    pub fn may_take<T: JsonSchema>(mut self) -> Self {
        self.body = Some(Body { schema: T::json_schema, required: false });
        self
    }
    /// A variable part of the path.
    #[must_use]
    pub fn path<T: JsonSchema>(mut self, name: &'static str, description: &'static str) -> Self {
        let schema = SchemaGenerator::subschema_for::<T>;
        self.parameters.push(Parameter { place: Place::Path, name, schema, description, required: true });
        self
    }
    /// An optional query parameter.
    #[must_use]
    pub fn query<T: JsonSchema>(mut self, name: &'static str, description: &'static str) -> Self {
        let schema = SchemaGenerator::subschema_for::<T>;
        self.parameters.push(Parameter { place: Place::Query, name, schema, description, required: false });
        self
    }
    /// An optional header of the request.
    #[must_use]
    pub fn reads_header(mut self, name: &'static str, description: &'static str) -> Self {
        let schema = SchemaGenerator::subschema_for::<String>;
        self.parameters.push(Parameter { place: Place::Header, name, schema, description, required: false });
        self
    }
    /// The two parameters of a list (`limit`, `cursor`).
    #[must_use]
    pub fn paged(self) -> Self {
        self.query::<super::shape::Limit>("limit", "How many items at most; 50 unless said.")
            .query::<String>("cursor", "The `next_cursor` of the page before.")
    }
    /// An answer with a JSON body.
    #[must_use]
    pub fn answers<T: JsonSchema>(self, status: u16, description: &'static str) -> Self {
        self.answers_as::<T>(status, "application/json", description)
    }
    /// An answer with another kind of body.
    #[must_use]
    pub fn answers_as<T: JsonSchema>(
        mut self,
        status: u16,
        content_type: &'static str,
        description: &'static str,
    ) -> Self {
        let content = Some((content_type, SchemaGenerator::subschema_for::<T> as Describe));
        self.successes.push(Success { status, content, description, headers: Vec::new() });
        self
    }
    /// An answer without a body.
    #[must_use]
    pub fn answers_nothing(mut self, status: u16, description: &'static str) -> Self {
        self.successes.push(Success { status, content: None, description, headers: Vec::new() });
        self
    }
    /// A header of the answer before it.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, description: &'static str) -> Self {
        if let Some(last) = self.successes.last_mut() {
            last.headers.push((name, description));
        }
        self
    }
    /// Problems of its own, beyond those that follow from the route.
    #[must_use]
    pub fn refuses(mut self, problems: &[fn() -> Problem]) -> Self {
        self.problems.extend_from_slice(problems);
        self
    }
    /// It reads and writes nothing, and so cannot be unavailable.
    #[must_use]
    pub const fn stateless(mut self) -> Self {
        self.stateless = true;
        self
    }
}
