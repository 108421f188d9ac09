//! The settings of a function, read once. Each function's `config.rs` names the variables it takes from here.

use std::collections::BTreeMap;

/// A setting that the function needs and the environment lacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the environment variable {variable} is missing or not {expected}: the template sets it for every function that needs it"
)]
pub struct Missing {
    /// The variable's name.
    pub variable: String,
    /// What was expected.
    pub expected: &'static str,
}

/// Name and value of every setting.
#[derive(Clone)]
pub struct Environment(BTreeMap<String, String>);

impl std::fmt::Debug for Environment {
    /// The names alone: on Lambda the role's credentials stand among the values.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Environment {
    /// From pairs; the local stack builds it from the template.
    pub fn of(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().collect())
    }
    /// From the process.
    pub fn of_process() -> Self {
        Self(std::env::vars().collect())
    }
    /// A text that must be there and not be empty.
    pub fn text(&self, variable: &str) -> Result<String, Missing> {
        match self.0.get(variable) {
            Some(value) if !value.is_empty() => Ok(value.clone()),
            _ => Err(Missing { variable: variable.to_owned(), expected: "a text" }),
        }
    }
    /// A text that may be absent.
    pub fn optional(&self, variable: &str) -> Option<String> {
        self.0.get(variable).filter(|v| !v.is_empty()).cloned()
    }
    /// A whole number with a default.
    pub fn number_or(&self, variable: &str, default: u64) -> Result<u64, Missing> {
        match self.0.get(variable) {
            None => Ok(default),
            Some(text) => {
                text.parse().map_err(|_| Missing { variable: variable.to_owned(), expected: "a whole number" })
            }
        }
    }
    /// Every pair; the local stack hands it to unmodified binaries.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_setting_is_printed() {
        let environment = Environment::of([("AWS_SECRET_ACCESS_KEY".to_owned(), "canary".to_owned())]);
        assert_eq!(format!("{environment:?}"), "{\"AWS_SECRET_ACCESS_KEY\"}");
    }
}
