//! The life of an account beside the reset: its password and its address are changed, a reset is disowned, a hold released,
//! everything exported, everything deleted.
//!
//! Never fences anything by itself: what an event brings is the event table's, written by `store::transaction::fencing`.

pub(crate) mod change_password;
pub(crate) mod confirm_email;
pub(crate) mod delete_account;
pub(crate) mod disown_reset;
pub(crate) mod export_account;
pub(crate) mod release_account;
pub(crate) mod revoke_email;
pub(crate) mod start_email_change;

use api::Problem;
use store::transaction::confirm_email_change::EmailChangeRefused;

/// The two halves of a mailed token that names what it is about: `<hash>.<secret>`.
fn halves(token: &str) -> Option<(&str, &str)> {
    let (hash, secret) = token.split_once('.')?;
    let is_hash = hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    is_hash.then_some((hash, secret))
}

/// Of the confirmation and the revocation alike.
fn email_change_problem(refused: EmailChangeRefused) -> Problem {
    match refused {
        EmailChangeRefused::TokenDead => Problem::email_change_refused(),
        EmailChangeRefused::Busy => Problem::try_again().retry_after(2),
        EmailChangeRefused::OutcomeUnknown => Problem::outcome_unknown(),
        EmailChangeRefused::Store(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::halves;

    #[test]
    fn a_token_that_names_what_it_is_about_has_two_halves() {
        let hash = "0123456789abcdef".repeat(4);
        assert_eq!(halves(&format!("{hash}.secret")), Some((hash.as_str(), "secret")));
        for wrong in ["", ".", "secret", &hash, &format!("{}G.s", &hash[1..]), &format!("{}.s", &hash[1..])] {
            assert_eq!(halves(wrong), None, "{wrong}");
        }
    }
}
