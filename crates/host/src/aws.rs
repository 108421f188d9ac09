//! The AWS configuration of a process, from its environment and from nothing else.
//!
//! What Lambda gives a function is there: region and the role's credentials. Files of profiles, instance metadata and the token
//! service are never asked, so that nothing but the role decides who a function is; and they would be a tenth of its size.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::Environment;

/// The SDK's own default: what a connection may take to be there.
const CONNECT: Duration = Duration::from_millis(3_100);

/// `AWS_REGION`, the role's credentials, and `AWS_ENDPOINT_URL` with or without a service's name behind it.
pub(crate) fn aws_of(environment: &Environment) -> SdkConfig {
    let mut aws = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard())
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).build())
        .sleep_impl(TokioSleep::new())
        .service_config(Endpoints(environment.clone()));
    let region = environment.optional("AWS_REGION").or_else(|| environment.optional("AWS_DEFAULT_REGION"));
    aws.set_region(region.map(Region::new));
    aws.set_endpoint_url(environment.optional("AWS_ENDPOINT_URL"));
    aws.set_credentials_provider(credentials(environment).map(SharedCredentialsProvider::new));
    aws.build()
}

fn credentials(environment: &Environment) -> Option<Credentials> {
    let (key, secret) = (environment.optional("AWS_ACCESS_KEY_ID")?, environment.optional("AWS_SECRET_ACCESS_KEY")?);
    Some(Credentials::new(key, secret, environment.optional("AWS_SESSION_TOKEN"), None, "environment"))
}

/// Where a service is, if not where it always is: a local stack sets these.
#[derive(Debug)]
struct Endpoints(Environment);

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace([' ', '-'], "_");
        self.0.optional(&format!("{}_{service}", key.env()))
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::provider::ProvideCredentials;

    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        Environment::of(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }
    fn endpoint(aws: &SdkConfig, service: &str) -> Option<String> {
        let key = ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url");
        aws.service_config()?.load_config(key.build().ok()?)
    }

    #[tokio::test]
    async fn what_lambda_gives_is_taken() {
        let aws = aws_of(&environment(&[
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "canary"),
            ("AWS_SESSION_TOKEN", "session"),
        ]));
        assert_eq!(aws.region().map(Region::as_ref), Some("eu-central-1"));
        assert_eq!((aws.endpoint_url(), endpoint(&aws, "DynamoDB")), (None, None));
        let found = aws.credentials_provider().expect("a provider").provide_credentials().await.expect("credentials");
        assert_eq!((found.access_key_id(), found.session_token()), ("id", Some("session")));
        assert!(!format!("{aws:?}").contains("canary"));
    }
    #[test]
    fn a_service_may_be_elsewhere() {
        let aws = aws_of(&environment(&[
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL", "http://localhost:1"),
            ("AWS_ENDPOINT_URL_DYNAMODB", "http://localhost:2"),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://localhost:3"),
        ]));
        assert_eq!(aws.region().map(Region::as_ref), Some("us-east-1"));
        assert_eq!(aws.endpoint_url(), Some("http://localhost:1"));
        assert_eq!(endpoint(&aws, "DynamoDB").as_deref(), Some("http://localhost:2"));
        assert_eq!(endpoint(&aws, "Secrets Manager").as_deref(), Some("http://localhost:3"));
        assert_eq!(endpoint(&aws, "KMS"), None);
    }
    #[test]
    fn without_a_role_there_are_no_credentials() {
        assert!(aws_of(&environment(&[("AWS_ACCESS_KEY_ID", "id")])).credentials_provider().is_none());
    }
}
