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
    method: &'static str,
    path: &'static str,
}

/// A declared route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    method: &'static str,
    path: &'static str,
    policy: Policy,
}

impl Undeclared {
    /// Declares who may call it.
    pub const fn policy(self, policy: Policy) -> Route {
        Route { method: self.method, path: self.path, policy }
    }
}
impl Route {
    /// `GET`; changes nothing (EV-3, PR-7).
    pub const fn get(path: &'static str) -> Undeclared {
        Undeclared { method: "GET", path }
    }
    /// `POST`.
    pub const fn post(path: &'static str) -> Undeclared {
        Undeclared { method: "POST", path }
    }
    /// `DELETE`.
    pub const fn delete(path: &'static str) -> Undeclared {
        Undeclared { method: "DELETE", path }
    }
    /// The method in capitals.
    pub const fn method(&self) -> &'static str {
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
}
