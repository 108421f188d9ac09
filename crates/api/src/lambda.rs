//! From the gateway's event to the request that the router sees.
//!
//! The library that takes events apart trusts the gateway: an address that it cannot put together again ends the process, and
//! with it whatever the process was doing. What a stranger can have put into an event is made harmless here first. Never
//! decides anything: what is odd in a request is refused by the router, as on any other host.

use data_encoding::BASE64;
use http::header;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, LambdaEvent};
use tower::ServiceExt;
use tower::util::MapRequest;

/// A function as Lambda's runtime calls it.
pub type OnLambda = MapRequest<
    Adapter<'static, axum::response::Response, axum::Router>,
    fn(LambdaEvent<LambdaRequest>) -> LambdaEvent<LambdaRequest>,
>;

/// The gateway passes on no more than 10,240 bytes of request line and headers together.
const ADDRESS_BYTES_MAX: usize = 10_240;

/// The router behind an API Gateway HTTP API (payload 2.0).
pub fn on_lambda(router: axum::Router) -> OnLambda {
    Adapter::from(router).map_request(harmless)
}

fn harmless(mut event: LambdaEvent<LambdaRequest>) -> LambdaEvent<LambdaRequest> {
    if let LambdaRequest::ApiGatewayV2(request) = &mut event.payload {
        make_harmless(request);
    }
    event
}

fn make_harmless(request: &mut ApiGatewayV2httpRequest) {
    // The request's address is built from these; nothing of ours reads them (PR-5). The gateway's own name stands in its context.
    request.headers.remove("x-forwarded-proto");
    request.headers.remove(header::HOST);
    let path = request.raw_path.take().unwrap_or_default();
    let query = request.raw_query_string.take().unwrap_or_default();
    // No route is that long or begins otherwise: both are answered as paths that are not there.
    let fits = path.len().saturating_add(query.len()) <= ADDRESS_BYTES_MAX;
    let (path, query) = if fits && path.starts_with('/') { (path, query) } else { ("/".to_owned(), String::new()) };
    request.raw_path = Some(path);
    request.raw_query_string = Some(encoded(&query));
    let is_base64 = request.body.as_ref().is_some_and(|body| BASE64.decode(body.as_bytes()).is_ok());
    request.is_base64_encoded = request.is_base64_encoded && is_base64;
}

/// A query as an address may hold it: what is encoded stays as it is, and what may not stand there is encoded.
fn encoded(query: &str) -> String {
    let mut out = String::with_capacity(query.len());
    for byte in query.bytes() {
        if byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_made_fit_for_an_address_and_means_the_same() {
        for (given, expected) in [
            ("", ""),
            ("limit=5&cursor=a%20b", "limit=5&cursor=a%20b"),
            ("a=<b> \"c\"#d", "a=%3Cb%3E%20%22c%22%23d"),
            ("a=\u{e9}\n", "a=%C3%A9%0A"),
        ] {
            assert_eq!(encoded(given), expected);
            assert!(format!("/v1/x?{}", encoded(given)).parse::<http::Uri>().is_ok(), "{given}");
        }
    }

    #[test]
    fn pr_5_nothing_that_an_address_is_built_from_comes_from_a_header() {
        let mut request = ApiGatewayV2httpRequest::default();
        for (name, value) in [("host", "xn--a"), ("x-forwarded-proto", "no scheme")] {
            request.headers.insert(name, value.parse().unwrap());
        }
        request.raw_path = Some("no path".into());
        request.body = Some("no base64".into());
        request.is_base64_encoded = true;
        make_harmless(&mut request);
        assert!(request.headers.is_empty());
        assert_eq!((request.raw_path.as_deref(), request.is_base64_encoded), (Some("/"), false));
    }
}
