//! Where each exchange is, from the configuration.

use exchange::Venue;
use http::Uri;

/// A configured address is not one that keys may be sent to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} must be https://HOST, or http:// to this machine, without path: {why}")]
pub struct NotABaseUrl {
    /// The environment variable.
    pub variable: &'static str,
    /// What is wrong with it.
    pub why: &'static str,
}

/// The address of each exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrls {
    paper: String,
}

impl BaseUrls {
    /// From `PAPER_BASE_URL`.
    pub fn of(environment: &host::Environment) -> Result<Self, NotABaseUrl> {
        Ok(Self { paper: origin("PAPER_BASE_URL", &environment.optional("PAPER_BASE_URL").unwrap_or_default())? })
    }
    pub(crate) fn of_venue(&self, venue: Venue) -> &str {
        match venue {
            Venue::Paper => &self.paper,
        }
    }
}

/// Hosts that are this machine; there alone a key may travel without TLS. The last one is this machine as seen by
/// `sam local`'s containers.
const LOCAL_HOSTS: [&str; 4] = ["localhost", "127.0.0.1", "[::1]", "host.docker.internal"];

fn origin(variable: &'static str, text: &str) -> Result<String, NotABaseUrl> {
    let not = |why| NotABaseUrl { variable, why };
    let uri: Uri = text.parse().map_err(|_| not("it is missing or not an address"))?;
    let authority = uri.authority().ok_or_else(|| not("it has no host"))?;
    if authority.as_str().contains('@') {
        return Err(not("it holds a name or password"));
    }
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(not("it has a path"));
    }
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if LOCAL_HOSTS.contains(&authority.host()) => {}
        Some(_) | None => return Err(not("it is not https")),
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(origin("PAPER_BASE_URL", text).ok().as_deref(), expected, "{text}");
    }

    #[test]
    fn keys_go_to_https_or_to_this_machine() {
        check("https://x.execute-api.us-east-1.amazonaws.com", Some("https://x.execute-api.us-east-1.amazonaws.com"));
        check("http://localhost:8081/", Some("http://localhost:8081"));
        check("http://[::1]:8081", Some("http://[::1]:8081"));
        for text in [
            "",
            "http://exchange.example",
            "ftp://localhost",
            "https://user@host",
            "https://host/path",
            "https://host?x=1",
            "localhost:8081",
            "/x",
        ] {
            check(text, None);
        }
    }
}
