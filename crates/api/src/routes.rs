//! Every route of the product, by function. A test compares this table with the template and with the contract.
//!
//! After the policy a row may say `readable` or `tradable` (an API token of that scope may call it in place of a session)
//! `creating` (a call needs an `Idempotency-Key`) and `paged`
//! (a list: it takes `limit` and `cursor`).

use crate::route::{Policy, Route};

macro_rules! routes {
    ($($(#[$doc:meta])* $name:ident = $function:literal, $method:ident $path:literal, $policy:ident $($flag:ident)*;)*) => {
        $($(#[$doc])* #[doc = concat!("`", $path, "`, served by `", $function, "`.")]
        pub const $name: Route = Route::$method($path).policy(Policy::$policy)$(.$flag())*;)*
        /// All of them with the function that serves each.
        pub const ALL: &[(&str, Route)] = &[$(($function, $name)),*];
    };
}

routes! {
    SIGN_UP = "signup", post "/v1/signup", Public;
    VERIFY_EMAIL = "signup", post "/v1/signup/verify", Public;
    RESEND_VERIFICATION = "signup", post "/v1/signup/resend", Public;

    LOG_IN = "login", post "/v1/login", Public;
    ANSWER_CHALLENGE = "login", post "/v1/login/second-factor", Public;
    UNLOCK_LOGIN = "login", post "/v1/login/unlock", Public;
    CONFIRM_UNLOCK = "login", post "/v1/login/unlock/confirm", Public;
    BEGIN_PASSKEY_LOGIN = "login", post "/v1/login/passkey/begin", Public;
    FINISH_PASSKEY_LOGIN = "login", post "/v1/login/passkey/finish", Public;
    LOG_OUT = "login", post "/v1/logout", Session;
    LIST_SESSIONS = "login", get "/v1/sessions", Session paged;
    END_OTHER_SESSIONS = "login", delete "/v1/sessions", Session;
    END_SESSION = "login", delete "/v1/sessions/{id}", Session;
    LIST_TOKENS = "login", get "/v1/tokens", Session paged;
    MAKE_TOKEN = "login", post "/v1/tokens", StepUp creating;
    REVOKE_TOKEN = "login", delete "/v1/tokens/{id}", Session;
    /// Not for API tokens: address, factors and what is left of the recovery codes are of use to a thief alone. What a
    /// program needs to know stands with the bots and the connections.
    SHOW_ME = "login", get "/v1/me", Session;
    BEGIN_STEP_UP = "login", post "/v1/step-up/begin", Session;
    STEP_UP = "login", post "/v1/step-up", Session;

    ENROL_TOTP = "second-factor", post "/v1/second-factors/totp", StepUp;
    CONFIRM_TOTP = "second-factor", post "/v1/second-factors/totp/confirm", Session;
    REMOVE_TOTP = "second-factor", delete "/v1/second-factors/totp", StepUp;
    BEGIN_PASSKEY = "second-factor", post "/v1/second-factors/passkeys/begin", StepUp;
    FINISH_PASSKEY = "second-factor", post "/v1/second-factors/passkeys/finish", Session;
    LIST_PASSKEYS = "second-factor", get "/v1/second-factors/passkeys", Session;
    REMOVE_PASSKEY = "second-factor", delete "/v1/second-factors/passkeys/{id}", StepUp;
    REPLACE_RECOVERY_CODES = "second-factor", post "/v1/second-factors/recovery-codes", StepUp;

    REQUEST_RESET = "password-reset", post "/v1/password-reset", Public;
    INSPECT_RESET = "password-reset", post "/v1/password-reset/inspect", Public;
    COMPLETE_RESET = "password-reset", post "/v1/password-reset/complete", Public;
    START_RECOVERY = "password-reset", post "/v1/recovery", Public;
    CANCEL_RECOVERY_BY_LINK = "password-reset", post "/v1/recovery/cancel", Public;
    CANCEL_RECOVERY = "password-reset", delete "/v1/recovery", Session;
    COMPLETE_RECOVERY = "password-reset", post "/v1/recovery/complete", Public;
    DISOWN_RESET = "password-reset", post "/v1/password-reset/not-me", Public;
    CHANGE_PASSWORD = "password-reset", post "/v1/password", StepUp;
    START_EMAIL_CHANGE = "password-reset", post "/v1/email", StepUp;
    CONFIRM_EMAIL = "password-reset", post "/v1/email/confirm", Public;
    REVOKE_EMAIL = "password-reset", post "/v1/email/revoke", Public;
    RELEASE_ACCOUNT = "password-reset", post "/v1/account/release", StepUp;
    EXPORT_ACCOUNT = "password-reset", get "/v1/account/export", Session paged;
    DELETE_ACCOUNT = "password-reset", delete "/v1/account", StepUp;

    ATTACH_CONNECTION = "connections", post "/v1/connections", StepUp creating;
    LIST_CONNECTIONS = "connections", get "/v1/connections", Session readable paged;
    SHOW_CONNECTION = "connections", get "/v1/connections/{id}", Session readable;
    DETACH_CONNECTION = "connections", delete "/v1/connections/{id}", Session;
    CHANGE_LIMITS = "connections", patch "/v1/connections/{id}/limits", Session;
    CANCEL_LOOSENING = "connections", delete "/v1/connections/{id}/limits", Session;

    PREVIEW_BOT = "bots", post "/v1/bots/preview", Session readable;
    CREATE_BOT = "bots", post "/v1/bots", Session creating;
    LIST_BOTS = "bots", get "/v1/bots", Session readable paged;
    SHOW_BOT = "bots", get "/v1/bots/{id}", Session readable;
    CHANGE_BOT = "bots", patch "/v1/bots/{id}", Session tradable;
    DELETE_BOT = "bots", delete "/v1/bots/{id}", Session;
    START_BOT = "bots", post "/v1/bots/{id}/start", Session tradable;
    STOP_BOT = "bots", post "/v1/bots/{id}/stop", Session tradable;
    LIST_DEALS = "bots", get "/v1/bots/{id}/deals", Session readable paged;
    SHOW_DEAL = "bots", get "/v1/deals/{id}", Session readable;
    LIST_ACTIVITY = "bots", get "/v1/activity", Session readable paged;
    STOP_TRADING = "bots", post "/v1/kill-switch", Session tradable;
    RELEASE_TRADING = "bots", post "/v1/kill-switch/release", StepUp;
    HEALTH = "bots", get "/v1/health", Public;
    SHOW_CONTRACT = "bots", get "/v1/openapi.json", Public;

    MAKE_PAPER_KEY = "paper-exchange", post "/v1/paper/keys", Session creating;
}
