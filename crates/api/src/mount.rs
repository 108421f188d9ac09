//! Mounts handlers on declared routes. The router is private until every policy is in force.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use account::WallTime;
use account::token::{Purpose, TokenHash};
use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{ConnectInfo, Query, RawPathParams};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use lambda_http::request::RequestContext;
use sha2::{Digest, Sha256};
use store::Store;
use store::transaction::spend_step_up::{Spending, StepUpProof};

use crate::idempotency::{self, Creating, Held, Opened, PresentedKey};
use crate::problem::{Fault, Problem};
use crate::request::{Request, Session};
use crate::route::{Method, Policy, Route};
use crate::{Answer, one_meaning, session_check};

/// The largest body in bytes.
const BODY_MAX: usize = 64 * 1024;

/// What enforcing a policy needs.
#[derive(Clone, Debug)]
pub struct Gate {
    pub store: Store,
    pub clock: Arc<dyn host::Clock>,
    pub entropy: Arc<dyn host::Entropy>,
    /** Scheme, host and port of our own pages. */
    pub allowed_origin: String,
}

impl Gate {
    /// From the function's host. `ALLOWED_ORIGIN` names our own pages.
    pub fn of(host: &host::Host) -> Result<Self, host::Missing> {
        Ok(Self {
            store: Store::of(host),
            clock: host.clock.clone(),
            entropy: host.entropy.clone(),
            allowed_origin: host.environment.text("ALLOWED_ORIGIN")?,
        })
    }
}

/// The HTTP surface of one function.
pub struct Api<D> {
    router: Router,
    gate: Gate,
    deps: Arc<D>,
}

impl<D> fmt::Debug for Api<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Api(..)")
    }
}

impl<D: Send + Sync + 'static> Api<D> {
    /// Starts without routes.
    pub fn new(gate: Gate, deps: D) -> Self {
        Self { router: Router::new(), gate, deps: Arc::new(deps) }
    }

    /// Mounts a handler. Its policy is enforced before it runs. From outside a handler is mounted with what the contract says
    /// of it ([`crate::Mounts`]) or not at all.
    #[must_use]
    pub(crate) fn serve<H, F>(mut self, route: Route, handler: H) -> Self
    where
        H: Fn(Arc<D>, Request) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Answer, Problem>> + Send,
    {
        let (gate, deps) = (self.gate.clone(), self.deps.clone());
        let filter = match route.verb() {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
            Method::Patch => MethodFilter::PATCH,
            Method::Delete => MethodFilter::DELETE,
        };
        let entry = move |parameters: Result<RawPathParams, RawPathParamsRejection>,
                          request: axum::extract::Request| {
            let (gate, deps, handler) = (gate.clone(), deps.clone(), handler.clone());
            let known = request.headers().get(header::IF_NONE_MATCH).filter(|_| request.method().is_safe()).cloned();
            // What is not UTF-8 names nothing of ours.
            let parameters = parameters
                .map_err(|_| Problem::not_found())
                .map(|all| all.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect::<BTreeMap<_, _>>());
            async move {
                let response = match enforce(&gate, &route, parameters, request).await {
                    Ok(Enforced::Run(request, None)) => answer(handler(deps, *request).await),
                    Ok(Enforced::Run(request, Some(held))) => held.settle(handler(deps, *request).await).await,
                    Ok(Enforced::Replay(response)) => response,
                    Err(problem) => problem.into_response(),
                };
                finish(unless_known(known, response))
            }
        };
        self.router = self.router.route(route.path(), on(filter, entry));
        self
    }

    /// The router, with problem bodies for what no route answers.
    pub fn into_router(self) -> Router {
        self.router
            .fallback(async || finish(Problem::no_such_route().into_response()))
            .method_not_allowed_fallback(async || finish(Problem::method_not_allowed().into_response()))
    }
}

fn answer(answered: Result<Answer, Problem>) -> Response {
    answered.map_or_else(IntoResponse::into_response, IntoResponse::into_response)
}

/// 304 in place of an answer that the caller has already: one whose `ETag` stands in `If-None-Match`.
fn unless_known(known: Option<HeaderValue>, response: Response) -> Response {
    let (Some(known), Some(tag)) = (known, response.headers().get(header::ETAG)) else { return response };
    let same = known.to_str().is_ok_and(|all| {
        all.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/").as_bytes() == tag.as_bytes())
    });
    if !same || response.status() != StatusCode::OK {
        return response;
    }
    (StatusCode::NOT_MODIFIED, [(header::ETAG, tag.clone())]).into_response()
}

fn finish(mut response: Response) -> Response {
    let headers = response.headers_mut();
    // SS-6, PR-6: answers hold tokens and balances; no cache and no other page may keep or frame them.
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// What follows from the policy.
enum Enforced {
    /// The handler runs; a creating request holds its claim meanwhile.
    Run(Box<Request>, Option<Held>),
    /// It was answered before.
    Replay(Response),
}

async fn enforce(
    gate: &Gate,
    route: &Route,
    parameters: Result<BTreeMap<String, String>, Problem>,
    request: axum::extract::Request,
) -> Result<Enforced, Problem> {
    let (parts, body) = request.into_parts();
    let now = gate.clock.now();
    one_meaning::check(&parts)?;
    let session = match route.demands() {
        Policy::Public => None,
        Policy::Session | Policy::StepUp => {
            Some(session_check::check(&gate.store, now, &parts.headers, &parts.method, &gate.allowed_origin).await?)
        }
    };
    let parameters = parameters?;
    let query = parse_query(&parts.uri, route.parameters())?;
    if let Some(session) = &session {
        session_check::reaches(session, route, &parameters)?;
    }
    let body = match Limited::new(body, BODY_MAX).collect().await {
        Ok(read) => read.to_bytes().to_vec(),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => return Err(Problem::body_too_large()),
        Err(_) => return Err(Problem::malformed_body().because("The body broke off.")),
    };
    one_meaning::has_length(&parts.headers, &body)?;
    let (method, path) = (parts.method.as_str().to_owned(), parts.uri.path().to_owned());
    // A replay needs no second proof, so it is found before one is spent; whoever has no session finds nothing.
    let held = match (&session, session_check::shown_text(&parts.headers)) {
        (Some(session), Some(token)) if route.creates() => {
            let key = PresentedKey::of(&parts.headers)?;
            let target = parts.uri.path_and_query().map_or(path.as_str(), |target| target.as_str());
            let creating = Creating { user: &session.user, token: &token, method: &method, target, body: &body };
            match idempotency::open(gate, &key, creating, now).await? {
                Opened::Run(held) => Some(held),
                Opened::Replay(response) => return Ok(Enforced::Replay(response)),
            }
        }
        _ => None,
    };
    let step_up = match (route.demands(), &session) {
        (Policy::StepUp, Some(session)) => {
            match spend_step_up(gate, session, &parts.headers, (&method, &path, &body), now).await {
                Ok(proof) => Some(proof),
                Err(problem) => {
                    if let Some(held) = held {
                        held.give_back().await;
                    }
                    return Err(problem);
                }
            }
        }
        _ => None,
    };
    let shown = session_check::shown_hash(&parts.headers);
    let device = session_check::shown_device(&parts.headers);
    let request = Request {
        method,
        path,
        parameters,
        query,
        body,
        json: one_meaning::is_json(&parts.headers),
        source: source(&parts.extensions),
        shown,
        device,
        session,
        step_up,
        shown_proof: shown_proof(&parts.headers),
        creation: held.as_ref().map(Held::creation),
        if_match: parts.headers.get(header::IF_MATCH).cloned(),
    };
    Ok(Enforced::Run(Box::new(request), held))
}

/// ST-1: spends the proof for exactly this method, path and body.
async fn spend_step_up(
    gate: &Gate,
    session: &Session,
    headers: &HeaderMap,
    (method, path, body): (&str, &str, &[u8]),
    now: WallTime,
) -> Result<StepUpProof, Problem> {
    let hash = shown_proof(headers).ok_or_else(Problem::step_up_required)?;
    let body_sha256 = hex::encode(Sha256::digest(body));
    let spending = Spending { hash: &hash, user: &session.user, method, path, body_sha256: &body_sha256 };
    gate.store.spend_step_up(spending, now).await?.ok_or_else(Problem::step_up_required)
}

/// The stored form of the proof that came with the request, whether there is one or not.
fn shown_proof(headers: &HeaderMap) -> Option<TokenHash> {
    headers.get("x-step-up").and_then(|v| v.to_str().ok()).map(|shown| TokenHash::of(Purpose::StepUpProof, shown))
}

/// RL-4: the gateway's context or the socket, never a header.
fn source(extensions: &http::Extensions) -> Option<IpAddr> {
    if let Some(RequestContext::ApiGatewayV2(context)) = extensions.get::<RequestContext>() {
        return context.http.source_ip.as_deref().and_then(|text| text.parse().ok());
    }
    extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip())
}

/// Decoded as forms are. A name given twice is refused: which of the two counts is what attacks are made of (SU-5).
fn parse_query(uri: &http::Uri, taken: &[&str]) -> Result<BTreeMap<String, String>, Problem> {
    let refused =
        || Problem::invalid_fields().because("The query cannot be read: send every parameter once, as name=value.");
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| refused())?;
    let mut query = BTreeMap::new();
    for (name, value) in pairs {
        if !taken.contains(&name.as_str()) {
            return Err(unknown_parameter(taken));
        }
        if query.insert(name, value).is_some() {
            return Err(refused());
        }
    }
    Ok(query)
}

/// A parameter that nobody reads is refused, as a field is: who sent it meant something by it.
fn unknown_parameter(taken: &[&str]) -> Problem {
    let detail = match taken {
        [] => "This route takes no query parameters.".to_owned(),
        taken => format!("There is no such query parameter. Expected {}.", taken.join(", ")),
    };
    let fault = Fault { pointer: String::new(), code: "unknown_parameter".into(), detail };
    Problem::invalid_fields().with_faults(vec![fault])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_and_names_come_once() {
        check("/v1/activity", Some(&[]));
        check("/v1/activity?", Some(&[]));
        check("/v1/activity?cursor=a%2Fb%3D%3D&limit=5", Some(&[("cursor", "a/b=="), ("limit", "5")]));
        check("/v1/activity?cursor=a+b%20c", Some(&[("cursor", "a b c")]));
        check("/v1/activity?after=a", None);
        check("/v1/activity?Limit=5", None);
        check("/v1/activity?limit", Some(&[("limit", "")]));
        check("/v1/activity?limit=5&limit=500", None);
        check("/v1/activity?li%6Dit=5&limit=500", None);
    }

    fn check(uri: &str, expected: Option<&[(&str, &str)]>) {
        let found = parse_query(&uri.parse().unwrap(), &["limit", "cursor"]).ok();
        let expected = expected.map(|all| all.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect());
        assert_eq!(found, expected, "{uri}");
    }
}
