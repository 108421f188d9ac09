//! The same services over HTTP, for clients outside the process: the `aws` command, boto3, unmodified Lambda binaries.
//!
//! Never verifies a signature: the listener is for loopback. It reads the caller from the access key id, so that a
//! function's binary meets the same allow-list as in process.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Request, Response, StatusCode};

use crate::connector::{Border, Ended, KEY_PREFIX, Wire, attempt, headers};

/// Larger than any request that a service accepts (16 MB, a DynamoDB batch).
const BODY_BYTES_MAX: usize = 17 * 1024 * 1024;

/// Who calls when the credentials name no function.
const OWNER: &str = "owner";

pub(crate) fn router(border: Arc<Border>) -> Router {
    Router::new().fallback(answer).with_state(border)
}

async fn answer(State(border): State<Arc<Border>>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large or was cut off");
    };
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let wire = Wire {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        target: text("x-amz-target"),
        attempt: attempt(text("amz-sdk-request")),
        body: body.to_vec(),
    };
    match border.serve(&caller(&parts.headers), wire).await {
        Ended::Answered(answer) => {
            let mut response = Response::builder().status(answer.status);
            for (name, value) in headers(&answer) {
                response = response.header(name, value);
            }
            response.body(Body::from(answer.body)).unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR, ""))
        }
        // A listener cannot cut the line from here; a gateway that lost its peer says this.
        Ended::Lost(why) => plain(StatusCode::GATEWAY_TIMEOUT, why),
    }
}

/// The function that the credentials name, or the owner.
fn caller(headers: &HeaderMap) -> String {
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let scope = authorization.split_once("Credential=").map(|(_, rest)| rest).unwrap_or_default();
    let key = scope.split('/').next().unwrap_or_default();
    key.strip_prefix(KEY_PREFIX).filter(|name| !name.is_empty()).unwrap_or(OWNER).to_owned()
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_is_read_from_the_credential_scope() {
        let check = |authorization: &str, expected: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("authorization", authorization.parse().unwrap());
            assert_eq!(caller(&headers), expected);
        };
        check("AWS4-HMAC-SHA256 Credential=LOCALsigner/20261124/us-east-1/kms/aws4_request, Sig=x", "signer");
        check("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261124/us-east-1/kms/aws4_request, Sig=x", "owner");
        check("nonsense", "owner");
        assert_eq!(caller(&HeaderMap::new()), "owner");
    }
}
