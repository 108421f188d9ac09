//! The services side by side.
//!
//! Never decides who may call: that is done before a call comes here.

use serde_json::Value;
use std::sync::Arc;

use crate::answer::Answer;
use crate::dynamodb::Dynamo;
use crate::policy::{Names, Resource, Service};

pub(crate) struct Services {
    pub(crate) dynamodb: Arc<Dynamo>,
}

impl Services {
    pub(crate) async fn call(&self, service: Service, operation: &str, body: &[u8], _request: &Value) -> Answer {
        match service {
            Service::DynamoDb => self.dynamodb.call(operation, body),
            _ => Answer::broken("not there yet"),
        }
    }
}

impl Names for Services {
    fn partition_key(&self, table: &str, index: Option<&str>) -> Option<String> {
        self.dynamodb.partition_key(table, index)
    }

    fn key(&self, _operation: &str, _request: &Value) -> Resource {
        Resource::Any
    }
}
