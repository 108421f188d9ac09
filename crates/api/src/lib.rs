//! The HTTP contract: routes with their policies, the session check, step-up, and the catalogue of problems.
//!
//! A function mounts handlers on [`routes`] through [`Api`]; there is no other way to a router, so no handler runs
//! before its policy was enforced.

pub mod answer;
mod idempotency;
pub mod lambda;
pub mod mount;
mod one_meaning;
pub mod openapi;
pub mod page;
pub mod problem;
pub mod rate_limit;
pub mod request;
pub mod route;
pub mod routes;
pub mod session_check;
mod unambiguous;

pub use answer::Answer;
pub use mount::{Api, Gate};
pub use openapi::{Mounts, Operation, Operations, shape};
pub use page::{Order, Page};
pub use problem::Problem;
pub use rate_limit::RateLimit;
pub use request::{Creation, Request, Session, ShownDevice, SignedIn};
pub use route::{Method, Policy, Route, Tokens};

/// Runs a router on Lambda behind an API Gateway HTTP API (payload 2.0), until the runtime ends the process.
pub async fn run_on_lambda(router: axum::Router) -> Result<(), lambda_http::Error> {
    lambda_http::lambda_runtime::run(lambda::on_lambda(router)).await
}
