//! The HTTP contract as an OpenAPI 3.1 document, made from the code.
//!
//! Beside each handler stands an [`Operation`]: what the route takes and answers. A handler cannot be mounted without one
//! ([`Mounts`]), and method, path and policy come from the same [`Route`] that is mounted, so the document cannot name a
//! route that does not exist or miss one that does. What a handler really answers is checked against the document by every
//! story.
//!
//! Never runs in a function: nothing that `main` reaches calls an operation, so none of this is in a release binary.

mod document;
mod operation;
mod parts;
pub mod shape;

use std::future::Future;
use std::sync::Arc;

pub use document::document;
pub use operation::Operation;

use crate::{Answer, Api, Problem, Request, Route};

/// Takes the routes of a function with their handlers and operations.
pub trait Mounts<D>: Sized {
    /// Mounts a handler. Generic over the operation, so that the router's own mounting keeps no reference to it.
    #[must_use]
    fn mount<H, F, O>(self, route: Route, handler: H, operation: O) -> Self
    where
        H: Fn(Arc<D>, Request) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Answer, Problem>> + Send,
        O: Fn() -> Operation;
}

/// Serves them.
impl<D: Send + Sync + 'static> Mounts<D> for Api<D> {
    fn mount<H, F, O>(self, route: Route, handler: H, _operation: O) -> Self
    where
        H: Fn(Arc<D>, Request) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Answer, Problem>> + Send,
        O: Fn() -> Operation,
    {
        self.serve(route, handler)
    }
}

/// Writes them down.
#[derive(Debug, Default)]
pub struct Operations(Vec<(Route, Operation)>);

impl Operations {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }
    /// What was mounted.
    pub fn into_vec(self) -> Vec<(Route, Operation)> {
        self.0
    }
}

impl<D> Mounts<D> for Operations {
    fn mount<H, F, O>(mut self, route: Route, _handler: H, operation: O) -> Self
    where
        H: Fn(Arc<D>, Request) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Answer, Problem>> + Send,
        O: Fn() -> Operation,
    {
        self.0.push((route, operation()));
        self
    }
}
