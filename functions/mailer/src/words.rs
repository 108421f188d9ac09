//! What each notice says: its text under `notices/`, its links, its values.
//!
//! One arm per notice, without a condition: whether somebody is told stands in the transaction that caused the job, and no
//! setting of a user is read anywhere on the way (A 6.3.7). A link leads to a page that asks; it never acts by itself.

use store::entity::job::Notice;

use crate::config::LinkBase;
use crate::render::one_line;

/// A text with what goes into it.
pub(crate) struct Filling {
    pub(crate) template: &'static str,
    pub(crate) link: String,
    pub(crate) other_link: Option<String>,
    pub(crate) values: Vec<(&'static str, String)>,
}

/// The text under `notices/` by its name.
macro_rules! text {
    ($name:literal) => {
        include_str!(concat!("../notices/", $name, ".txt"))
    };
}

/// What to say; `None` for nothing (PR-1).
pub(crate) fn words(notice: &Notice, links: &LinkBase) -> Option<Filling> {
    // Where somebody goes to whom none of this was known.
    let reset = || links.to("reset-request", None);
    let login = || links.to("login", None);
    let page = |page: &str, token: &String| links.to(page, Some(token));
    Some(match notice {
        Notice::Nothing => return None,
        Notice::VerifyEmail { token } => of(text!("verify_email"), page("verify", token), vec![]),
        Notice::AlreadyRegistered => of(text!("already_registered"), login(), vec![]),
        Notice::ResetPassword { token } => of(text!("reset_password"), page("reset", token), vec![]),
        Notice::PasswordWasReset {
            at,
            connections_removed,
            orders_left_open,
            orders_in_flight,
            may_still_arrive_until,
            not_me_token,
        } => of(
            text!("password_was_reset"),
            page("not-me", not_me_token),
            vec![
                ("at", at.clone()),
                ("connections_removed", connections_removed.to_string()),
                ("may_still_arrive_until", may_still_arrive_until.clone()),
                ("orders", orders(orders_left_open)),
                ("in_flight", in_flight(orders_in_flight, may_still_arrive_until)),
            ],
        ),
        Notice::SecondFactorAdded { at } => of(text!("second_factor_added"), reset(), when(at)),
        Notice::SecondFactorRemoved { at } => of(text!("second_factor_removed"), reset(), when(at)),
        Notice::RecoveryCodeUsed { at, codes_left } => {
            of(text!("recovery_code_used"), reset(), and(when(at), "codes_left", codes_left))
        }
        Notice::RecoveryCodesReplaced { at } => of(text!("recovery_codes_replaced"), reset(), when(at)),
        Notice::KeyAttached { at, exchange, label } => of(text!("key_attached"), reset(), key(at, exchange, label)),
        Notice::KeyDetached { at, exchange, label } => of(text!("key_detached"), reset(), key(at, exchange, label)),
        Notice::WrongSecondFactor { at } => of(text!("wrong_second_factor"), reset(), when(at)),
        Notice::SignedInFromNewDevice { at, source } => {
            of(text!("signed_in_from_new_device"), reset(), and(when(at), "from", from(source.as_ref())))
        }
        Notice::SignedInAfterFailures { at, source, failures } => of(
            text!("signed_in_after_failures"),
            reset(),
            and(and(when(at), "from", from(source.as_ref())), "failures", failures),
        ),
        Notice::LoginLocked { at, unlock_token } => of(text!("login_locked"), page("unlock", unlock_token), when(at)),
        Notice::LoginUnlocked { at } => of(text!("login_unlocked"), reset(), when(at)),
        Notice::PasswordChanged { at } => of(text!("password_changed"), reset(), when(at)),
        Notice::PasswordBreached { at } => of(text!("password_breached"), login(), when(at)),
        Notice::EmailChangeConfirm { token } => of(text!("email_change_confirm"), page("email-confirm", token), vec![]),
        Notice::EmailChangeStarted { at, new_email, revoke_token } => {
            of(text!("email_change_started"), page("email-revoke", revoke_token), and(when(at), "new_email", new_email))
        }
        Notice::EmailChanged { at, new_email, frozen_until, revoke_token } => of(
            text!("email_changed"),
            page("email-revoke", revoke_token),
            and(and(when(at), "new_email", new_email), "frozen_until", frozen_until),
        ),
        Notice::EmailChangeRevoked { at } => of(text!("email_change_revoked"), reset(), when(at)),
        Notice::AccountHeld { at, connections_removed } => {
            of(text!("account_held"), reset(), and(when(at), "connections_removed", connections_removed))
        }
        Notice::AccountReleased { at } => of(text!("account_released"), reset(), when(at)),
        Notice::RecoveryStarted { at, ready_at, connections_removed, cancel_token } => of(
            text!("recovery_started"),
            page("recovery-cancel", cancel_token),
            and(and(when(at), "ready_at", ready_at), "connections_removed", connections_removed),
        ),
        Notice::RecoveryReminder { started_at, ready_at, cancel_token } => of(
            text!("recovery_reminder"),
            page("recovery-cancel", cancel_token),
            vec![("started_at", started_at.clone()), ("ready_at", ready_at.clone())],
        ),
        // No mail holds what completes a recovery: the page asks for a fresh reset link.
        Notice::RecoveryReady { started_at, until, cancel_token } => Filling {
            other_link: Some(page("recovery-cancel", cancel_token)),
            ..of(text!("recovery_ready"), reset(), vec![("started_at", started_at.clone()), ("until", until.clone())])
        },
        Notice::RecoveryCancelled { at } => of(text!("recovery_cancelled"), reset(), when(at)),
        Notice::RecoveryCompleted { at, not_me_token } => {
            of(text!("recovery_completed"), page("not-me", not_me_token), when(at))
        }
        Notice::PasskeyAdded { at, name } => of(text!("passkey_added"), reset(), and(when(at), "name", name)),
        Notice::PasskeyRemoved { at, name } => of(text!("passkey_removed"), reset(), and(when(at), "name", name)),
        Notice::TokenMade { at, name, scopes } => {
            of(text!("token_made"), reset(), and(and(when(at), "name", name), "scopes", scopes))
        }
        Notice::TokenRevoked { at, name } => of(text!("token_revoked"), reset(), and(when(at), "name", name)),
        Notice::LimitsLoosened { at, label, effective_at } => {
            of(text!("limits_loosened"), login(), and(and(when(at), "label", label), "effective_at", effective_at))
        }
        Notice::LimitsLooseningCancelled { at, label } => {
            of(text!("limits_loosening_cancelled"), reset(), and(when(at), "label", label))
        }
        Notice::TradingStopped { at } => of(text!("trading_stopped"), login(), when(at)),
        Notice::TradingReleased { at } => of(text!("trading_released"), reset(), when(at)),
        // There is no account left that a link could lead to.
        Notice::AccountDeleted { at, orders_left_open } => {
            of(text!("account_deleted"), String::new(), and(when(at), "orders", orders(orders_left_open)))
        }
        Notice::AccountErased { at } => of(text!("account_erased"), String::new(), when(at)),
    })
}

const fn of(template: &'static str, link: String, values: Vec<(&'static str, String)>) -> Filling {
    Filling { template, link, other_link: None, values }
}

fn when(at: &str) -> Vec<(&'static str, String)> {
    vec![("at", at.to_owned())]
}

fn and(
    mut values: Vec<(&'static str, String)>,
    name: &'static str,
    value: impl std::fmt::Display,
) -> Vec<(&'static str, String)> {
    values.push((name, value.to_string()));
    values
}

fn key(at: &str, exchange: &str, label: &str) -> Vec<(&'static str, String)> {
    and(and(when(at), "exchange", exchange), "label", label)
}

/// Where a request came from, as far as that is known.
fn from(source: Option<&String>) -> String {
    source.map(|source| format!(" from {source}")).unwrap_or_default()
}

/// The paragraph about orders that nobody watches any more (PR-13). Its lines are our own: each order is one value.
fn orders(open: &[String]) -> String {
    if open.is_empty() {
        return "No order of yours was open.".to_owned();
    }
    format!("These orders were open and are no longer watched; look after them on the exchange:\n{}", list(open))
}

/// The paragraph about orders of which nobody knows yet whether the exchange has them (G2, RF-33).
fn in_flight(sent: &[String], until: &str) -> String {
    if sent.is_empty() {
        return "No order of yours was on its way without an answer.".to_owned();
    }
    let until = one_line(until);
    format!(
        "The exchange had not answered these orders. Each may have arrived already or may still arrive until {until}; look for them on the exchange:\n{}",
        list(sent)
    )
}

fn list(orders: &[String]) -> String {
    let lines: Vec<_> = orders.iter().map(|order| format!("- {}", one_line(order))).collect();
    lines.join("\n")
}
