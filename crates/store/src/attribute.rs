//! DynamoDB attributes: making them, and reading them without guessing.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StoreError;

/// A string attribute.
pub fn s(value: impl Display) -> AttributeValue {
    AttributeValue::S(value.to_string())
}
/// A number attribute from a whole number; money is stored as strings.
pub fn n(value: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}
/// A truth attribute.
pub const fn truth(value: bool) -> AttributeValue {
    AttributeValue::Bool(value)
}
/// A structured value as JSON text, for parts that no condition looks into.
pub fn json<T: Serialize>(value: &T) -> Result<AttributeValue, StoreError> {
    serde_json::to_string(value)
        .map(AttributeValue::S)
        .map_err(|e| StoreError::Corrupt { what: format!("cannot be written: {e}") })
}

/// One stored item.
#[derive(Debug, Clone, Default)]
pub struct Row(pub HashMap<String, AttributeValue>);

impl Row {
    /// Starts an item with its key.
    pub fn keyed(key: &crate::Key) -> Self {
        Self(key.attributes())
    }
    /// Adds an attribute.
    #[must_use]
    pub fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }
    /// Adds an attribute when there is a value.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<AttributeValue>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
    /// A string that must be there.
    pub fn text(&self, name: &str) -> Result<&str, StoreError> {
        self.0.get(name).and_then(|v| v.as_s().ok()).map(String::as_str).ok_or_else(|| corrupt(name, "a string"))
    }
    /// A string that may be absent.
    pub fn text_if(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(|v| v.as_s().ok()).map(String::as_str)
    }
    /// A whole number that must be there.
    pub fn number<T: FromStr>(&self, name: &str) -> Result<T, StoreError> {
        self.number_if(name)?.ok_or_else(|| corrupt(name, "a number"))
    }
    /// A whole number that may be absent.
    pub fn number_if<T: FromStr>(&self, name: &str) -> Result<Option<T>, StoreError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => {
                value.as_n().ok().and_then(|t| t.parse().ok()).map(Some).ok_or_else(|| corrupt(name, "a number"))
            }
        }
    }
    /// A truth; absent is false.
    pub fn is(&self, name: &str) -> bool {
        self.0.get(name).and_then(|v| v.as_bool().ok()).copied().unwrap_or(false)
    }
    /// Parses a string attribute.
    pub fn parse<T: FromStr>(&self, name: &str) -> Result<T, StoreError> {
        self.text(name)?.parse().map_err(|_| corrupt(name, "of the right form"))
    }
    /// Reads a JSON attribute.
    pub fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T, StoreError> {
        serde_json::from_str(self.text(name)?).map_err(|e| StoreError::Corrupt { what: format!("{name}: {e}") })
    }
}

fn corrupt(name: &str, expected: &str) -> StoreError {
    StoreError::Corrupt { what: format!("attribute {name} is not {expected}") }
}
