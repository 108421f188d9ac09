//! Turns a notice into subject, text and HTML: pure, from the files under `notices/`.
//!
//! A file is its subject, an empty line, and paragraphs. `{name}` stands for a value; a paragraph that is `{link}` (or
//! `{other_link}`) alone becomes that link. The HTML is made from the same words: no image, no style from outside, nothing
//! that tracks, and no link that acts by being opened (EV-3, PR-7).

use store::entity::job::Notice;

use crate::config::LinkBase;
use crate::words::{Filling, words};

/// The longest value that is shown, in characters.
const VALUE_CHARS_MAX: usize = 200;

/// A message without its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// The message of a notice; `None` when it says nothing (PR-1). There is no setting that it could depend on.
pub(crate) fn render(notice: &Notice, links: &LinkBase) -> Option<Message> {
    words(notice, links).as_ref().map(fill)
}

fn fill(filling: &Filling) -> Message {
    let (subject, body) = filling.template.split_once("\n\n").unwrap_or((filling.template, ""));
    let (mut text, mut html) = (String::new(), String::new());
    for paragraph in body.trim_end().split("\n\n") {
        if let Some(link) = link_of(paragraph, filling) {
            text.push_str(link);
            html.push_str(&format!("<p><a href=\"{0}\">{0}</a></p>\n", escaped(link)));
        } else {
            let words = with_values(paragraph, &filling.values);
            html.push_str(&format!("<p>{}</p>\n", escaped(&words).replace('\n', "<br>\n")));
            text.push_str(&words);
        }
        text.push_str("\n\n");
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    let subject = subject.trim().to_owned();
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title></head>\n<body>\n{html}</body></html>\n",
        escaped(&subject)
    );
    Message { subject, text, html }
}

/// The link that this paragraph stands for.
fn link_of<'f>(paragraph: &str, filling: &'f Filling) -> Option<&'f str> {
    match paragraph {
        "{link}" => Some(&filling.link),
        "{other_link}" => filling.other_link.as_deref(),
        _ => None,
    }
}

/// One pass: what a value holds is never read as a placeholder again.
fn with_values(paragraph: &str, values: &[(&'static str, String)]) -> String {
    let mut filled = String::new();
    let mut rest = paragraph;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            rest = after;
            break;
        };
        match values.iter().find(|(known, _)| *known == name) {
            Some(("orders" | "in_flight", lines)) => filled.push_str(lines),
            Some((_, value)) => filled.push_str(&one_line(value)),
            None => {}
        }
        rest = behind;
    }
    filled.push_str(rest);
    filled
}

/// A value is one short line: a line break in a label must not start a paragraph of its own.
pub(crate) fn one_line(value: &str) -> String {
    value.chars().take(VALUE_CHARS_MAX).map(|c| if c.is_control() || is_direction(c) { ' ' } else { c }).collect()
}

/// Characters that reorder or hide what stands around them.
const fn is_direction(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::tests::links;

    /// One notice of every kind, with this text in every field.
    pub(crate) fn all(text: &str) -> Vec<Notice> {
        let t = || text.to_owned();
        vec![
            Notice::VerifyEmail { token: t() },
            Notice::AlreadyRegistered,
            Notice::ResetPassword { token: t() },
            Notice::PasswordWasReset {
                at: t(),
                connections_removed: 2,
                orders_left_open: vec![t(), t()],
                orders_in_flight: vec![t()],
                may_still_arrive_until: t(),
                not_me_token: t(),
            },
            Notice::SecondFactorAdded { at: t() },
            Notice::SecondFactorRemoved { at: t() },
            Notice::RecoveryCodeUsed { at: t(), codes_left: 9 },
            Notice::RecoveryCodesReplaced { at: t() },
            Notice::KeyAttached { at: t(), exchange: t(), label: t() },
            Notice::KeyDetached { at: t(), exchange: t(), label: t() },
            Notice::WrongSecondFactor { at: t() },
            Notice::SignedInFromNewDevice { at: t(), source: Some(t()) },
            Notice::SignedInAfterFailures { at: t(), source: Some(t()), failures: 4 },
            Notice::LoginLocked { at: t(), unlock_token: t() },
            Notice::LoginUnlocked { at: t() },
            Notice::PasswordChanged { at: t() },
            Notice::PasswordBreached { at: t() },
            Notice::EmailChangeConfirm { token: t() },
            Notice::EmailChangeStarted { at: t(), new_email: t(), revoke_token: t() },
            Notice::EmailChanged { at: t(), new_email: t(), frozen_until: t(), revoke_token: t() },
            Notice::EmailChangeRevoked { at: t() },
            Notice::AccountHeld { at: t(), connections_removed: 2 },
            Notice::AccountReleased { at: t() },
            Notice::RecoveryStarted { at: t(), ready_at: t(), connections_removed: 2, cancel_token: t() },
            Notice::RecoveryReminder { started_at: t(), ready_at: t(), cancel_token: t() },
            Notice::RecoveryReady { started_at: t(), until: t(), cancel_token: t() },
            Notice::RecoveryCancelled { at: t() },
            Notice::RecoveryCompleted { at: t(), not_me_token: t() },
            Notice::PasskeyAdded { at: t(), name: t() },
            Notice::PasskeyRemoved { at: t(), name: t() },
            Notice::TokenMade { at: t(), name: t(), scopes: t() },
            Notice::TokenRevoked { at: t(), name: t() },
            Notice::LimitsLoosened { at: t(), label: t(), effective_at: t() },
            Notice::LimitsLooseningCancelled { at: t(), label: t() },
            Notice::TradingStopped { at: t() },
            Notice::TradingReleased { at: t() },
            Notice::AccountDeleted { at: t(), orders_left_open: vec![t(), t()] },
            Notice::AccountErased { at: t() },
        ]
    }

    #[test]
    fn every_notice_has_words_a_link_and_no_placeholder_left() {
        for notice in all("2026-01-02T03:04:05.000Z") {
            let message = render(&notice, &links()).expect("words");
            assert!(!message.subject.is_empty() && message.subject.len() < 70, "{notice:?}");
            for part in [&message.subject, &message.text, &message.html] {
                assert!(!part.contains(['{', '}']), "{notice:?}: {part}");
            }
            // The mails about a deletion have no account to lead to.
            let leads = !matches!(notice, Notice::AccountDeleted { .. } | Notice::AccountErased { .. });
            assert_eq!(message.text.contains("https://shearpin.example/#/"), leads, "{notice:?}");
            assert_eq!(message.html.contains("<a href=\"https://shearpin.example/#/"), leads, "{notice:?}");
        }
    }
    // A 6.3.7: whoever adds a notice and forgets it here is told; what is here is said, whoever the owner is and whatever
    // the owner wants. `words` takes the notice and the links, and there is no third thing that could say no.
    #[test]
    fn lg_7_every_notice_is_said_and_none_can_be_switched_off() {
        let source = include_str!("../../../crates/store/src/entity/job.rs");
        let declared: BTreeSet<_> = source
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Notice::")?.split_once("=> \""))
            .filter_map(|(_, name)| name.strip_suffix("\","))
            .collect();
        let notices = all("x");
        let said: BTreeSet<_> = notices
            .iter()
            .filter(|notice| render(notice, &links()).is_some())
            .map(Notice::name)
            .chain([Notice::Nothing.name()])
            .collect();
        assert!(declared.len() > 35, "{declared:?}");
        assert_eq!(said, declared);
        for name in said.iter().filter(|name| **name != "nothing") {
            let file = format!("{}/notices/{name}.txt", env!("CARGO_MANIFEST_DIR"));
            assert!(std::path::Path::new(&file).exists(), "{file}");
        }
    }
    // EV-3, PR-7: what a link carries stands in the fragment, so that opening it sends nothing that acts.
    #[test]
    fn ev_3_no_link_of_a_mail_acts_and_none_tracks() {
        for notice in all("t0ken") {
            let message = render(&notice, &links()).expect("words");
            for link in message.html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                let (before, fragment) = link.split_once('#').expect("a fragment");
                assert_eq!(before, "https://shearpin.example/", "{notice:?}");
                assert!(fragment.starts_with('/'), "{notice:?}");
            }
            for outside in ["<img", "<link", "<style", "<script", "src=", "url("] {
                assert!(!message.html.contains(outside), "{notice:?}: {outside}");
            }
        }
    }
    #[test]
    fn pr_14_the_mail_that_ends_the_wait_offers_both_ways() {
        let notice =
            Notice::RecoveryReady { started_at: "then".into(), until: "later".into(), cancel_token: "t0k".into() };
        let message = render(&notice, &links()).expect("words");
        for part in ["/#/reset-request", "/#/recovery-cancel?token=t0k", "Until later"] {
            assert!(message.text.contains(part) && message.html.contains(part), "{part}: {}", message.text);
        }
    }
    #[test]
    fn lg_7_a_sign_in_names_its_source_where_it_is_known() {
        let text = |source: Option<&str>| {
            let notice = Notice::SignedInFromNewDevice { at: "then".into(), source: source.map(str::to_owned) };
            render(&notice, &links()).expect("words").text
        };
        assert!(text(Some("203.0.113.7")).contains("signed in to your account from 203.0.113.7,"));
        assert!(text(None).contains("signed in to your account, with a browser"));
    }
    // Somebody signs up with another's address and waits for its owner to confirm: the mail says what that would do.
    #[test]
    fn ev_3_the_mail_to_verify_tells_a_stranger_to_ignore_it_and_holds_no_password() {
        let text = render(&Notice::VerifyEmail { token: "t0k".into() }, &links()).expect("words").text;
        for part in [
            "If you did not sign up, ignore this mail",
            "whoever signed up chose the password",
            "before it is confirmed",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    #[test]
    fn pr_1_nothing_says_nothing() {
        assert_eq!(render(&Notice::Nothing, &links()), None);
    }

    #[test]
    fn no_value_gets_out_of_its_place() {
        for evil in [
            "</p><script>x</script>",
            "a\r\nBcc: b@y.com\r\n\r\nbody",
            "{link}",
            "{at}",
            "\u{202e}moc.live",
            "https://evil.example",
        ] {
            for notice in all(evil) {
                let message = render(&notice, &links()).expect("words");
                assert!(!message.html.contains("<script"), "{notice:?}");
                assert!(
                    !message.text.contains('\r')
                        && !message.text.contains("\nBcc:")
                        && !message.text.contains('\u{202e}'),
                    "{notice:?}"
                );
                assert!(!message.subject.contains(evil), "{notice:?}");
                // Every link is ours.
                for link in message.html.split("href=\"").skip(1) {
                    assert!(link.starts_with("https://shearpin.example/#/"), "{notice:?}: {link}");
                }
            }
        }
    }
    #[test]
    fn the_mail_of_a_reset_says_what_is_left_open() {
        let orders = vec!["BUY 0.1 ETH-USDT".to_owned(), "SELL 1 ETH-USDT".to_owned()];
        let notice = |orders_left_open| Notice::PasswordWasReset {
            at: "then".into(),
            connections_removed: 3,
            orders_left_open,
            orders_in_flight: vec![],
            may_still_arrive_until: "later".into(),
            not_me_token: "t0k".into(),
        };
        let text = render(&notice(orders), &links()).expect("words").text;
        for part in [
            "reset at then",
            "3 of your exchange keys",
            "until later",
            "\n- BUY 0.1 ETH-USDT\n- SELL 1 ETH-USDT\n",
            "/#/not-me?token=t0k",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(render(&notice(vec![]), &links()).expect("words").text.contains("No order of yours was open."));
    }
    #[test]
    fn rf_2_the_mail_of_a_reset_names_each_order_that_may_still_arrive_and_until_when() {
        let text = |orders_in_flight| {
            let notice = Notice::PasswordWasReset {
                at: "then".into(),
                connections_removed: 1,
                orders_left_open: vec![],
                orders_in_flight,
                may_still_arrive_until: "later".into(),
                not_me_token: "t0k".into(),
            };
            render(&notice, &links()).expect("words").text
        };
        let told = text(vec!["BUY 0.1 ETH-USDT".to_owned(), "SELL 1 ETH-USDT".to_owned()]);
        assert!(
            told.contains(
                "may still arrive until later; look for them on the exchange:\n- BUY 0.1 ETH-USDT\n- SELL 1 ETH-USDT\n"
            ),
            "{told}"
        );
        assert!(text(vec![]).contains("No order of yours was on its way without an answer."));
    }
}
