//! A form and a path that each route understands, for stories that go through all routes and send something worse.

use api::Route;
use serde_json::{Value, json};

use crate::world::{Owner, PAIR, dca};

/// Stands in every value that is sent; no answer may hold it.
pub const CANARY: &str = "canary7f3a91";

/// The path of a route with the owner's own ids.
pub fn path(route: &Route, owner: &Owner) -> String {
    route
        .path()
        .replace("bots/{id}", &format!("bots/{}", owner.bot))
        .replace("connections/{id}", &format!("connections/{}", owner.connection))
        .replace("{id}", "nothing")
}

/// A form that each route would understand. Routes that take nothing understand an empty object.
pub fn form(route: &Route, owner: &Owner) -> Value {
    let hash = "0".repeat(64);
    match route.path() {
        "/v1/signup" => json!({ "email": "new@example.org", "password": "seven brass lanterns adrift" }),
        "/v1/signup/verify" | "/v1/password-reset/inspect" | "/v1/recovery" | "/v1/recovery/cancel" => {
            json!({ "token": CANARY })
        }
        "/v1/password-reset/not-me" | "/v1/email/confirm" | "/v1/email/revoke" => json!({ "token": CANARY }),
        "/v1/email" => json!({ "email": "elsewhere@example.org" }),
        "/v1/password" => json!({ "password": "seven brass lanterns adrift" }),
        "/v1/login/unlock/confirm" => json!({ "token": CANARY }),
        "/v1/signup/resend" | "/v1/password-reset" | "/v1/login/unlock" => json!({ "email": "nobody@example.org" }),
        "/v1/login" => json!({ "email": "nobody@example.org", "password": "seven brass lanterns adrift" }),
        "/v1/login/second-factor" => json!({ "challenge": CANARY, "totp": "123456" }),
        "/v1/step-up" => {
            json!({ "method": "POST", "path": "/v1/connections", "body_sha256": hash, "password": CANARY })
        }
        "/v1/second-factors/totp/confirm" => json!({ "code": "123456" }),
        "/v1/login/passkey/finish" => {
            let response = json!({ "authenticatorData": "AAAA", "clientDataJSON": "AAAA", "signature": "AAAA" });
            let credential = json!({ "id": "AAAA", "rawId": "AAAA", "response": response, "type": "public-key" });
            json!({ "ceremony": CANARY, "credential": credential })
        }
        "/v1/second-factors/passkeys/finish" => {
            let response = json!({ "attestationObject": "AAAA", "clientDataJSON": "AAAA" });
            let credential = json!({ "id": "AAAA", "rawId": "AAAA", "response": response, "type": "public-key" });
            json!({ "ceremony": CANARY, "name": "phone", "credential": credential })
        }
        "/v1/password-reset/complete" | "/v1/recovery/complete" => {
            json!({ "token": CANARY, "password": "seven brass lanterns adrift" })
        }
        "/v1/connections" => {
            json!({ "exchange": "paper", "label": "story", "api_key": "k".repeat(64), "api_secret": "s".repeat(64), "allowed_pairs": [PAIR] })
        }
        "/v1/bots" | "/v1/bots/preview" => dca(&owner.connection),
        "/v1/bots/{id}/stop" => json!({ "deals": "finish" }),
        "/v1/tokens" => json!({ "name": "story", "scope": "read", "bots": [owner.bot], "expires_in_days": 7 }),
        "/v1/kill-switch" | "/v1/kill-switch/release" => json!({}),
        "/v1/paper/keys" => {
            json!({ "balances": { "USDT": "1" }, "permissions": { "withdraw": false }, "ip_restrict": true })
        }
        "/v1/logout"
        | "/v1/second-factors/totp"
        | "/v1/second-factors/recovery-codes"
        | "/v1/second-factors/passkeys/begin"
        | "/v1/login/passkey/begin"
        | "/v1/step-up/begin"
        | "/v1/account/release"
        | "/v1/bots/{id}/start" => json!({}),
        "/v1/bots/{id}" => json!({ "name": "another" }),
        "/v1/connections/{id}/limits" => json!({ "allowed_pairs": [PAIR], "loosening_wait_h": 24 }),
        other => panic!("a new route: say what it takes: {other}"),
    }
}
