//! The services side by side.
//!
//! Never decides who may call: that is done before a call comes here.

use std::sync::Arc;

use serde_json::Value;

use crate::access::Names;
use crate::answer::Answer;
use crate::dynamodb::Dynamo;
use crate::folder::DataFolder;
use crate::kms::Kms;
use crate::policy::{Resource, Service};
use crate::secrets::Secrets;
use crate::ses::Ses;
use crate::shelf::Shelf;
use crate::sqs::Sqs;

pub(crate) struct Services {
    pub(crate) dynamodb: Arc<Dynamo>,
    pub(crate) secrets: Secrets,
    pub(crate) kms: Kms,
    pub(crate) sqs: Sqs,
    pub(crate) ses: Ses,
    pub(crate) shelf: Arc<Shelf>,
    // Last, so that the lock outlives the databases.
    _folder: Option<DataFolder>,
}

impl Services {
    pub(crate) fn new(dynamodb: Dynamo, shelf: Shelf, folder: Option<DataFolder>) -> Self {
        let shelf = Arc::new(shelf);
        Self {
            dynamodb: Arc::new(dynamodb),
            secrets: Secrets::new(shelf.clone()),
            kms: Kms::new(shelf.clone()),
            sqs: Sqs::new(shelf.clone()),
            ses: Ses::new(shelf.clone()),
            shelf,
            _folder: folder,
        }
    }

    pub(crate) async fn call(&self, service: Service, operation: &str, body: &[u8], request: &Value) -> Answer {
        if service != Service::DynamoDb && !request.is_object() {
            return Answer::refused(400, "SerializationException", "the body is not a JSON object");
        }
        match service {
            // Reads the bytes itself: the engine wants numbers as they were written.
            Service::DynamoDb => self.dynamodb.call(operation, body),
            Service::SecretsManager => self.secrets.call(operation, request),
            Service::Kms => self.kms.call(operation, request),
            Service::Sqs => self.sqs.call(operation, request).await,
            Service::Ses => self.ses.call(operation, request),
        }
    }
}

impl Names for Services {
    fn partition_key(&self, table: &str, index: Option<&str>) -> Option<String> {
        self.dynamodb.partition_key(table, index)
    }

    fn key(&self, operation: &str, request: &Value) -> Resource {
        self.kms.resource(operation, request)
    }
}
