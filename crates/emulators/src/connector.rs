//! The way of a call from the unchanged AWS SDK to a service in the same process, and everything that stands on it:
//! counters, faults, the allow-list.
//!
//! Never opens a socket. The loopback listener takes the same way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use aws_types::region::Region;
use serde_json::Value;

use crate::access::{accesses, encryption_context};
use crate::answer::Answer;
use crate::faults::{Fault, Faults, Point};
use crate::policy::{Call, Caller, Policy, Service, Verdict};
use crate::services::Services;

/// Stands in front of a caller's name in its access key id, so that a listener can tell who calls.
pub const KEY_PREFIX: &str = "LOCAL";

/// How often each (caller, service, operation) was called.
pub type Counts = BTreeMap<(String, Service, String), u64>;

/// Everything that calls pass through.
pub(crate) struct Border {
    pub(crate) services: Services,
    policies: Mutex<BTreeMap<String, Policy>>,
    faults: Mutex<Option<Arc<dyn Faults>>>,
    counts: Mutex<Counts>,
    // Apart from the counts, which a test sets to zero: a fault's nth call must not move with them.
    ever: Mutex<Counts>,
    refused: Mutex<Vec<Call>>,
}

/// A request after its HTTP clothes are off.
pub(crate) struct Wire<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) target: Option<&'a str>,
    pub(crate) attempt: u32,
    pub(crate) body: Vec<u8>,
}

/// How a call ended for its caller.
#[derive(Debug)]
pub(crate) enum Ended {
    /// With an answer.
    Answered(Answer),
    /// With a connection error.
    Lost(&'static str),
}

impl Border {
    pub(crate) fn new(services: Services) -> Self {
        Self {
            services,
            policies: Mutex::default(),
            faults: Mutex::default(),
            counts: Mutex::default(),
            ever: Mutex::default(),
            refused: Mutex::default(),
        }
    }

    pub(crate) fn register(&self, caller: &Caller) {
        held(&self.policies).insert(caller.name.clone(), caller.policy.clone());
    }

    pub(crate) fn set_faults(&self, faults: Option<Arc<dyn Faults>>) {
        *held(&self.faults) = faults;
    }

    pub(crate) fn counts(&self) -> Counts {
        held(&self.counts).clone()
    }

    pub(crate) fn reset_counts(&self) {
        held(&self.counts).clear();
    }

    pub(crate) fn refused(&self) -> Vec<Call> {
        held(&self.refused).clone()
    }

    /// Takes a call to its service and back.
    pub(crate) async fn serve(&self, caller: &str, wire: Wire<'_>) -> Ended {
        let Some((service, operation)) = addressee(&wire) else {
            return Ended::Answered(Answer::refused(
                404,
                "UnknownOperationException",
                &format!("no local service answers {} {}", wire.method, wire.path),
            ));
        };
        let nth = self.count(caller, service, operation);
        let faults = held(&self.faults).clone();
        let point = Point {
            caller: caller.to_owned(),
            service,
            operation: operation.to_owned(),
            nth,
            attempt: wire.attempt,
            body: wire.body,
        };
        let fault = match &faults {
            Some(faults) => faults.before(&point).await,
            None => Fault::None,
        };
        let answer = match fault {
            Fault::DropRequest => return Ended::Lost("the request was lost"),
            Fault::Status(status) => Answer::refused(status, unavailable(status), "injected"),
            Fault::Throttle => throttled(service),
            Fault::None | Fault::LoseAnswer => self.answer(&point).await,
            Fault::Duplicate => {
                let first = self.answer(&point).await;
                self.answer(&point).await;
                first
            }
        };
        if let Some(faults) = &faults {
            faults.after(&point, answer.status).await;
        }
        if fault == Fault::LoseAnswer { Ended::Lost("the answer was lost") } else { Ended::Answered(answer) }
    }

    async fn answer(&self, point: &Point) -> Answer {
        let request: Value = serde_json::from_slice(&point.body).unwrap_or(Value::Null);
        if let Err(call) = self.allow(point, &request) {
            let answer = access_denied(&call);
            held(&self.refused).push(*call);
            return answer;
        }
        self.services.call(point.service, &point.operation, &point.body, &request).await
    }

    fn allow(&self, point: &Point, request: &Value) -> Result<(), Box<Call>> {
        // Who has no policy here is a tool of the owner: it came over loopback with the owner's own credentials.
        let Some(policy) = held(&self.policies).get(&point.caller).cloned() else { return Ok(()) };
        for access in accesses(&self.services, point.service, &point.operation, request) {
            let call = Call {
                caller: point.caller.clone(),
                service: point.service,
                operation: point.operation.clone(),
                action: format!("{}:{}", point.service.prefix(), access.action),
                resource: access.resource,
                leading_keys: access.leading_keys,
                attributes: access.attributes,
                select: access.select,
                encryption_context: encryption_context(request),
            };
            match policy(&call) {
                Verdict::Allowed => {}
                Verdict::Refused => return Err(Box::new(call)),
            }
        }
        Ok(())
    }

    fn count(&self, caller: &str, service: Service, operation: &str) -> u64 {
        let key = (caller.to_owned(), service, operation.to_owned());
        *held(&self.counts).entry(key.clone()).or_default() += 1;
        let mut ever = held(&self.ever);
        let nth = ever.entry(key).or_default();
        *nth += 1;
        *nth
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which service and operation a request is for.
fn addressee<'a>(wire: &Wire<'a>) -> Option<(Service, &'a str)> {
    if let Some((prefix, operation)) = wire.target.and_then(|target| target.split_once('.')) {
        let service = match prefix {
            "DynamoDB_20120810" | "DynamoDBStreams_20120810" => Service::DynamoDb,
            "secretsmanager" => Service::SecretsManager,
            "TrentService" => Service::Kms,
            "AmazonSQS" => Service::Sqs,
            _ => return None,
        };
        return Some((service, operation));
    }
    let path = wire.path.split('?').next().unwrap_or_default();
    (wire.method == "POST" && path.trim_end_matches('/') == "/v2/email/outbound-emails")
        .then_some((Service::Ses, "SendEmail"))
}

fn unavailable(status: u16) -> &'static str {
    if status == 503 { "ServiceUnavailable" } else { "InternalServerError" }
}

fn throttled(service: Service) -> Answer {
    match service {
        Service::DynamoDb => Answer::refused(
            400,
            "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for the table was exceeded",
        ),
        Service::Ses => Answer::refused(429, "TooManyRequestsException", "Too many requests"),
        Service::SecretsManager | Service::Kms | Service::Sqs => {
            Answer::refused(400, "ThrottlingException", "Rate exceeded")
        }
    }
}

fn access_denied(call: &Call) -> Answer {
    let message = format!(
        "User: arn:aws:sts::000000000000:assumed-role/{caller}/{caller} is not authorized to perform: {action} \
         on resource: {resource} because no identity-based policy allows the {action} action",
        caller = call.caller,
        action = call.action,
        resource = call.resource.arn(),
    );
    let (status, error) = match call.service {
        Service::DynamoDb => (400, "com.amazon.coral.service#AccessDeniedException"),
        Service::Ses => (403, "AccessDeniedException"),
        Service::SecretsManager | Service::Kms | Service::Sqs => (400, "AccessDeniedException"),
    };
    Answer::refused(status, error, &message)
}

/// The HTTP client of one caller.
#[derive(Clone)]
struct InProcess {
    border: Arc<Border>,
    caller: Arc<str>,
}

impl std::fmt::Debug for InProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "InProcess({})", self.caller)
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let me = self.clone();
        HttpConnectorFuture::new(async move {
            let Some(body) = request.body().bytes().map(<[u8]>::to_vec) else {
                return Err(ConnectorError::user("a streaming body cannot be served in process".into()));
            };
            let uri = request.uri();
            let path = uri.find("://").and_then(|at| uri[at + 3..].find('/').map(|slash| &uri[at + 3 + slash..]));
            let wire = Wire {
                method: request.method(),
                path: path.unwrap_or(uri),
                target: request.headers().get("x-amz-target"),
                attempt: attempt(request.headers().get("amz-sdk-request")),
                body,
            };
            match me.border.serve(&me.caller, wire).await {
                Ended::Answered(answer) => response(answer),
                Ended::Lost(why) => Err(ConnectorError::io(why.into())),
            }
        })
    }
}

fn response(answer: Answer) -> Result<HttpResponse, ConnectorError> {
    let status = answer.status.try_into().map_err(|cause| ConnectorError::other(Box::new(cause), None))?;
    let headers = headers(&answer);
    let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
    for (name, value) in headers {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// The headers that clients read beside the body.
pub(crate) fn headers(answer: &Answer) -> Vec<(&'static str, String)> {
    let mut headers = vec![("content-type", "application/x-amz-json-1.0".to_owned())];
    if let Some(error) = &answer.error {
        let short = error.rsplit('#').next().unwrap_or(error);
        headers.push(("x-amzn-errortype", short.to_owned()));
        if let Some(old) = former_sqs_name(short) {
            headers.push(("x-amzn-query-error", format!("{old};Sender")));
        }
    }
    headers
}

/// SQS once spoke another protocol; SDKs know its errors by the names of that time.
fn former_sqs_name(error: &str) -> Option<&'static str> {
    Some(match error {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue",
        "MessageNotInflight" => "AWS.SimpleQueueService.MessageNotInflight",
        "EmptyBatchRequest" => "AWS.SimpleQueueService.EmptyBatchRequest",
        "TooManyEntriesInBatchRequest" => "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        "BatchEntryIdsNotDistinct" => "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        "BatchRequestTooLong" => "AWS.SimpleQueueService.BatchRequestTooLong",
        _ => return None,
    })
}

/// Reads `attempt=2; max=3`.
pub(crate) fn attempt(header: Option<&str>) -> u32 {
    header
        .into_iter()
        .flat_map(|header| header.split(';'))
        .find_map(|part| part.trim().strip_prefix("attempt=")?.parse().ok())
        .unwrap_or(1)
}

/// The configuration with which every SDK client of one caller reaches the services in process.
pub(crate) fn sdk_config(border: &Arc<Border>, caller: Caller) -> SdkConfig {
    border.register(&caller);
    let name = caller.name;
    let credentials = Credentials::new(format!("{KEY_PREFIX}{name}"), "local", None, None, "local");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url("http://in-process")
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .sleep_impl(TokioSleep::new())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(InProcess { border: border.clone(), caller: name.into() })
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attempt_is_read_from_the_sdks_header() {
        assert_eq!(attempt(Some("attempt=2; max=3")), 2);
        assert_eq!(attempt(Some("ttl=x; attempt=3; max=3")), 3);
        assert_eq!(attempt(None), 1);
    }

    #[test]
    fn every_service_is_found_by_its_own_mark() {
        let check = |method: &str, path: &str, target: Option<&str>, expected: Option<(Service, &str)>| {
            let wire = Wire { method, path, target, attempt: 1, body: Vec::new() };
            assert_eq!(addressee(&wire), expected);
        };
        check("POST", "/", Some("DynamoDB_20120810.GetItem"), Some((Service::DynamoDb, "GetItem")));
        check("POST", "/", Some("DynamoDBStreams_20120810.GetRecords"), Some((Service::DynamoDb, "GetRecords")));
        check("POST", "/", Some("secretsmanager.CreateSecret"), Some((Service::SecretsManager, "CreateSecret")));
        check("POST", "/", Some("TrentService.Decrypt"), Some((Service::Kms, "Decrypt")));
        check("POST", "/", Some("AmazonSQS.SendMessage"), Some((Service::Sqs, "SendMessage")));
        check("POST", "/v2/email/outbound-emails", None, Some((Service::Ses, "SendEmail")));
        check("GET", "/v2/email/outbound-emails", None, None);
        check("POST", "/", Some("Elsewhere.Do"), None);
    }
}
