//! A MIME message from its parts. Every header is a constant, comes from the deployment, or is an address that was parsed.

use account::id::JobId;
use account::{EmailAddress, WallTime};
use mail_builder::MessageBuilder;
use mail_builder::headers::raw::Raw;

use crate::config::Sender;
use crate::render::Message;

/// Carries the job's id, so that a mail that went out twice can be told for one (RF-28).
pub(crate) const DEDUPE_HEADER: &str = "X-Shearpin-Notice";

/// The bytes of the message; the same job gives the same `Message-ID` every time.
pub(crate) fn mime(job: JobId, to: &EmailAddress, message: Message, sender: &Sender, now: WallTime) -> Vec<u8> {
    let from = (sender.name.as_str(), sender.address.key());
    let mut bytes = Vec::new();
    let builder = MessageBuilder::new()
        .to(to.key())
        .subject(message.subject)
        .message_id(format!("{job}@{}", sender.address.domain()))
        .date(now.seconds())
        // No out-of-office answers to it, and none of ours to those (RFC 3834).
        .header("Auto-Submitted", Raw::new("auto-generated"))
        .header(DEDUPE_HEADER, Raw::new(job.to_string()))
        .text_body(message.text)
        .html_body(message.html);
    let builder = if sender.name.is_empty() { builder.from(sender.address.key()) } else { builder.from(from) };
    builder.serialize(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use mail_parser::MessageParser;

    use super::*;
    use crate::config::tests::{links, sender};
    use crate::render::{render, tests::all};

    fn job() -> JobId {
        "job_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().expect("an id")
    }

    // Header injection, on every field of every notice: the headers are always these and no other.
    #[test]
    fn no_field_reaches_the_headers() {
        let to = EmailAddress::parse("owner@example.com").expect("an address");
        for text in [
            "plain",
            "a\r\nBcc: evil@y.com",
            "\nSubject: x\n\nbody",
            "=?utf-8?q?=0D=0ABcc:_x?=",
            "\u{0}\u{85}\u{2028}x",
        ] {
            for notice in all(text) {
                let message = render(&notice, &links()).expect("words");
                let bytes = mime(job(), &to, message, &sender(), WallTime::from_ms(1_700_000_000_000));
                let parsed = MessageParser::default().parse(&bytes).expect("a message");
                let mut names: Vec<_> = parsed.headers().iter().map(|h| h.name().to_ascii_lowercase()).collect();
                names.sort();
                let expected = [
                    "auto-submitted",
                    "content-type",
                    "date",
                    "from",
                    "message-id",
                    "mime-version",
                    "subject",
                    "to",
                    "x-shearpin-notice",
                ];
                assert_eq!(names, expected, "{notice:?} {text:?}");
                assert_eq!(parsed.to().and_then(|to| to.first()).and_then(|a| a.address()), Some("owner@example.com"));
                assert!(parsed.bcc().is_none() && parsed.cc().is_none());
            }
        }
    }
    #[test]
    fn rf_28_the_same_job_has_the_same_message_id() {
        let to = EmailAddress::parse("owner@example.com").expect("an address");
        let id = |ms| {
            let message = render(&all("x")[0], &links()).expect("words");
            let bytes = mime(job(), &to, message, &sender(), WallTime::from_ms(ms));
            MessageParser::default().parse(&bytes).and_then(|m| m.message_id().map(str::to_owned))
        };
        assert_eq!(id(1), Some("job_01ARZ3NDEKTSV4RRFFQ69G5FAV@shearpin.example".to_owned()));
        assert_eq!(id(1), id(90_000));
    }
    #[test]
    fn su_5_no_address_carries_a_header() {
        for evil in ["a@x.com\r\nBcc: b@y.com", "a@x.com,b@y.com", "<a@x.com>", "a@x.com\n"] {
            assert!(EmailAddress::parse(evil).is_err());
        }
    }
}
