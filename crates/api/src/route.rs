//! A route is a method, a path and a policy. Without a policy there is no route: it does not compile.

/// What a caller must show before the handler runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Nothing.
    Public,
    /// A live session of the current generation.
    Session,
    /// A session, and a proof in `X-Step-Up` for exactly this method, path and body (ST-1).
    StepUp,
}

/// Which API tokens may call a route in place of a session (LG-4). Routes with [`Policy::StepUp`] take none: a token has
/// no factors to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tokens {
    /// None: a session alone.
    Refused,
    /// Those that may read.
    Read,
    /// Those that may trade.
    Trade,
}

/// A method and a path that have no policy yet; nothing can be done with it but giving it one.
///
/// ```compile_fail,E0308
/// const FORGOTTEN: api::Route = api::Route::post("/v1/forgotten");
/// ```
/// ```
/// const DECLARED: api::Route = api::Route::post("/v1/declared").policy(api::Policy::Session);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Undeclared {
    method: Method,
    path: &'static str,
}

/// The methods that the contract knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Patch,
    Delete,
}

/// A declared route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    method: Method,
    path: &'static str,
    policy: Policy,
    tokens: Tokens,
    creates: bool,
    paged: bool,
}

impl Undeclared {
    /// Declares who may call it.
    pub const fn policy(self, policy: Policy) -> Route {
        Route { method: self.method, path: self.path, policy, tokens: Tokens::Refused, creates: false, paged: false }
    }
}
impl Route {
    /// `GET`; changes nothing (EV-3, PR-7).
    pub const fn get(path: &'static str) -> Undeclared {
        Undeclared { method: Method::Get, path }
    }
    /// `POST`.
    pub const fn post(path: &'static str) -> Undeclared {
        Undeclared { method: Method::Post, path }
    }
    /// `PATCH`.
    pub const fn patch(path: &'static str) -> Undeclared {
        Undeclared { method: Method::Patch, path }
    }
    /// `DELETE`.
    pub const fn delete(path: &'static str) -> Undeclared {
        Undeclared { method: Method::Delete, path }
    }
    /// Lets API tokens that may read call it.
    #[must_use]
    pub const fn readable(self) -> Route {
        Route { tokens: Tokens::Read, ..self }
    }
    /// Lets API tokens that may trade call it.
    #[must_use]
    pub const fn tradable(self) -> Route {
        Route { tokens: Tokens::Trade, ..self }
    }
    /// Says that it creates something: a call needs an `Idempotency-Key`.
    #[must_use]
    pub const fn creating(self) -> Route {
        Route { creates: true, ..self }
    }
    /// Says that it answers a list page by page: it takes `limit` and `cursor`.
    #[must_use]
    pub const fn paged(self) -> Route {
        Route { paged: true, ..self }
    }
    /// The query parameters that it takes; any other is refused, as an unknown field is.
    pub const fn parameters(&self) -> &'static [&'static str] {
        if self.paged { &["limit", "cursor"] } else { &[] }
    }
    /// The method in capitals.
    pub const fn method(&self) -> &'static str {
        match self.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
    /// The method.
    pub const fn verb(&self) -> Method {
        self.method
    }
    /// The path with `{name}` for its variable parts.
    pub const fn path(&self) -> &'static str {
        self.path
    }
    /// What the caller must show.
    pub const fn demands(&self) -> Policy {
        self.policy
    }
    /// Which API tokens may call it in place of a session.
    pub const fn tokens(&self) -> Tokens {
        self.tokens
    }
    /// Whether a call needs an `Idempotency-Key`.
    pub const fn creates(&self) -> bool {
        self.creates
    }
}
