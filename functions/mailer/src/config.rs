//! The settings of `mailer`, read once and checked.

use std::fmt;

use account::EmailAddress;
use host::Missing;
use store::Store;

/// Why the function does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartRefused {
    /// A setting is missing.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// `MAIL_FROM` is no `Name <address>` or address.
    #[error("MAIL_FROM must be `Name <address>` or an address, in one line of ASCII")]
    From,
    /// `MAIL_LINK_BASE` is no origin.
    #[error("MAIL_LINK_BASE must be an origin such as https://bots.example, without a path; http for localhost alone")]
    LinkBase,
}

/// Who mails come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    pub(crate) name: String,
    pub(crate) address: EmailAddress,
}

impl Sender {
    /// Reads `Name <address>` or a bare address.
    fn read(text: &str) -> Result<Self, StartRefused> {
        let (name, address) = match text.split_once('<') {
            Some((name, rest)) => (name.trim(), rest.strip_suffix('>').ok_or(StartRefused::From)?),
            None => ("", text),
        };
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b" .-_&'".contains(&b));
        let address = EmailAddress::parse(address).map_err(|_| StartRefused::From)?;
        if plain { Ok(Self { name: name.to_owned(), address }) } else { Err(StartRefused::From) }
    }
}

/// What every link in a mail starts with: a constant of the deployment. No request is read for it (PR-5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkBase(String);

impl LinkBase {
    fn read(text: &str) -> Result<Self, StartRefused> {
        let (scheme, host) = text.split_once("://").ok_or(StartRefused::LinkBase)?;
        let name = host.split(':').next().unwrap_or("");
        let secure = scheme == "https" || (scheme == "http" && (name == "localhost" || name == "127.0.0.1"));
        let is_host = !name.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:".contains(&b));
        if secure && is_host { Ok(Self(text.to_owned())) } else { Err(StartRefused::LinkBase) }
    }
    /// A link to a page of the dashboard. A token stands in the fragment, which no server and no log sees (PR-6); opening
    /// the page does nothing by itself (EV-3, PR-7).
    pub(crate) fn to(&self, page: &str, token: Option<&str>) -> String {
        let base = &self.0;
        match token {
            Some(token) => format!("{base}/#/{page}?token={}", encoded(token)),
            None => format!("{base}/#/{page}"),
        }
    }
}

/// Tokens are base64url; anything else is percent-encoded, so that no token can end its link.
fn encoded(token: &str) -> String {
    token
        .bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"-_".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

/// What the function works with.
#[derive(Clone)]
pub struct Deps {
    pub(crate) store: Store,
    pub(crate) ses: aws_sdk_sesv2::Client,
    pub(crate) clock: std::sync::Arc<dyn host::Clock>,
    pub(crate) sender: Sender,
    pub(crate) mail_from: String,
    pub(crate) links: LinkBase,
    pub(crate) configuration_set: Option<String>,
}

impl Deps {
    /// From the host. `MAIL_FROM`, `MAIL_LINK_BASE`, `MAIL_CONFIGURATION_SET` (without click tracking, which would hand
    /// tokens to a third party).
    pub fn of(host: &host::Host) -> Result<Self, StartRefused> {
        let mail_from = host.environment.text("MAIL_FROM")?;
        Ok(Self {
            store: Store::of(host),
            ses: aws_sdk_sesv2::Client::new(&host.aws),
            clock: host.clock.clone(),
            sender: Sender::read(&mail_from)?,
            mail_from,
            links: LinkBase::read(&host.environment.text("MAIL_LINK_BASE")?)?,
            configuration_set: host.environment.optional("MAIL_CONFIGURATION_SET"),
        })
    }
}
impl fmt::Debug for Deps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deps(..)")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sender() -> Sender {
        Sender::read("Shearpin <no-reply@shearpin.example>").expect("a sender")
    }
    pub(crate) fn links() -> LinkBase {
        LinkBase::read("https://shearpin.example").expect("a base")
    }

    #[test]
    fn a_sender_is_one_line_with_one_address() {
        assert_eq!(sender().address.key(), "no-reply@shearpin.example");
        assert_eq!(Sender::read("a@x.com").expect("bare").name, "");
        for bad in [
            "",
            "Name",
            "Name <a@x.com",
            "Na\r\nBcc: b@y.com <a@x.com>",
            "N <a@x.com>\r\nBcc: b@y.com",
            "\"N\" <a@x.com>",
            "N <a@x.com> <b@y.com>",
        ] {
            assert!(Sender::read(bad).is_err(), "{bad:?}");
        }
    }
    #[test]
    fn pr_5_a_link_base_is_an_origin() {
        for good in ["https://x.example", "http://localhost:8080", "http://127.0.0.1:1"] {
            assert!(LinkBase::read(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "x.example",
            "http://x.example",
            "https://x.example/",
            "https://x.example/path",
            "https://user@x.example",
            "javascript://x",
            "https://x.example\r\n",
            "https://:1",
            "http://localhost.evil.example",
        ] {
            assert!(LinkBase::read(bad).is_err(), "{bad:?}");
        }
    }
    #[test]
    fn pr_6_a_token_stays_in_the_fragment_and_cannot_leave_its_link() {
        assert_eq!(links().to("verify", Some("aZ-_09")), "https://shearpin.example/#/verify?token=aZ-_09");
        assert_eq!(
            links().to("verify", Some("a\r\nb\" <&")),
            "https://shearpin.example/#/verify?token=a%0D%0Ab%22%20%3C%26"
        );
    }
}
