//! The real list: one GET over TLS to the configured host, in the range protocol of "Pwned Passwords".
//!
//! Asks for padding, so that the length of an answer does not tell which range it is. No redirect, no proxy, no retry, no
//! connection that is kept: a frozen process must not find a dead one. The client is the one that the AWS SDK brings; a second
//! one would be a megabyte in every function that asks.

use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Connector, proxy::ProxyConfig};
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::http::Request;
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt, Limited};

use crate::{RangeFailed, RangeSource};

/// The longest answer, in bytes: with padding about 40 KB are usual.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Hosts that are this machine; there alone it may go without TLS.
const LOCAL_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The configured address is not one that may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("BREACHED_RANGE_URL must be https://HOST/PATH/, or http:// to this machine: {0}")]
pub struct NotARangeUrl(&'static str);

/// The list at one address.
#[derive(Debug)]
pub struct HttpsRange {
    base: String,
    connector: Connector,
}

impl HttpsRange {
    /// At this address, which ends with a slash.
    pub fn at(url: &str) -> Result<Self, NotARangeUrl> {
        let uri: http::Uri = url.parse().map_err(|_| NotARangeUrl("it is no address"))?;
        let authority = uri.authority().ok_or(NotARangeUrl("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(NotARangeUrl("it holds a name or password"));
        }
        if uri.query().is_some() || !uri.path().ends_with('/') || !url.ends_with('/') {
            return Err(NotARangeUrl("its path must end with a slash"));
        }
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if LOCAL_HOSTS.contains(&authority.host()) => {}
            Some(_) | None => return Err(NotARangeUrl("it is not https")),
        }
        let connector = Connector::builder()
            .proxy_config(ProxyConfig::disabled())
            .pool_max_idle_per_host(0)
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .build();
        Ok(Self { base: url.to_owned(), connector })
    }
}

#[async_trait::async_trait]
impl RangeSource for HttpsRange {
    async fn range(&self, prefix: &str) -> Result<String, RangeFailed> {
        let is_prefix =
            prefix.len() == account::breached::PREFIX_DIGITS && prefix.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_prefix {
            return Err(RangeFailed("more or less than five digits".into()));
        }
        let request = http::Request::get(format!("{}{prefix}", self.base))
            .header("add-padding", "true")
            .header(http::header::USER_AGENT, concat!("shearpin/", env!("CARGO_PKG_VERSION")))
            .body(SdkBody::empty())
            .map_err(|_| RangeFailed("no request".into()))?;
        let request = Request::try_from(request).map_err(|_| RangeFailed("no request".into()))?;
        // An error's text may name the address with the digits in it: its kind is enough.
        let response = self.connector.call(request).await.map_err(|error| RangeFailed(kind(&error).to_owned()))?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(RangeFailed(format!("HTTP {status}")));
        }
        let body = Limited::new(response.into_body(), BODY_BYTES_MAX)
            .collect()
            .await
            .map_err(|_| RangeFailed("the answer broke off or is longer than 1 MiB".into()))?;
        String::from_utf8(body.to_bytes().into()).map_err(|_| RangeFailed("the answer is no text".into()))
    }
}

fn kind(error: &aws_smithy_runtime_api::client::result::ConnectorError) -> &'static str {
    if error.is_timeout() {
        "it took too long"
    } else if error.is_io() {
        "no connection"
    } else {
        "the connection failed"
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use account::password::Password;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::{BreachedPasswords, Verdict};

    /// SHA-1 5BAA6 1E4C9B93F3F0682250B6CF8331B7EE68FD8.
    const PASSWORD: &str = "password";
    const HIT: &str = "0018A45C4D1DEF81644B54AB7F969B88D65:0\r\n1E4C9B93F3F0682250B6CF8331B7EE68FD8:9545824\r\n";

    fn ok(body: &str) -> Vec<u8> {
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    /// Answers every request with these bytes and keeps what it read.
    async fn serve(listener: TcpListener, answer: Vec<u8>, seen: Arc<Mutex<Vec<String>>>) {
        while let Ok((mut stream, _)) = listener.accept().await {
            if let Some(request) = read_request(&mut stream).await {
                if let Ok(mut seen) = seen.lock() {
                    seen.push(request);
                }
                let _closed = stream.write_all(&answer).await;
                if answer.is_empty() {
                    // Silence: the connection stays up.
                    std::future::pending::<()>().await;
                }
            }
        }
    }
    async fn read_request(stream: &mut TcpStream) -> Option<String> {
        let (mut seen, mut buffer) = (Vec::new(), [0; 1024]);
        loop {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(n) => seen.extend_from_slice(buffer.get(..n)?),
            }
            if seen.ends_with(b"\r\n\r\n") {
                return String::from_utf8(seen).ok();
            }
        }
    }
    async fn ask(answer: Vec<u8>, deadline: Duration) -> (Verdict, Vec<String>) {
        let Ok(listener) = TcpListener::bind("127.0.0.1:0").await else { unreachable!() };
        let Ok(address) = listener.local_addr() else { unreachable!() };
        let seen = Arc::new(Mutex::new(Vec::new()));
        let server = tokio::spawn(serve(listener, answer, seen.clone()));
        let Ok(source) = HttpsRange::at(&format!("http://{address}/range/")) else { unreachable!() };
        let list = BreachedPasswords { source: Some(Arc::new(source)), deadline };
        let verdict = list.look_up(&Password::new(PASSWORD.into())).await;
        server.abort();
        let seen = seen.lock().map(|seen| seen.clone()).unwrap_or_default();
        (verdict, seen)
    }
    /// Long enough for a busy machine; what is tested here does not wait for it.
    const PATIENT: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn su_4_one_request_goes_out_with_five_digits_and_without_password_or_hash() {
        let (verdict, seen) = ask(ok(HIT), PATIENT).await;
        assert_eq!((verdict, seen.len()), (Verdict::Breached, 1));
        let request = &seen[0].to_ascii_lowercase();
        assert!(request.starts_with("get /range/5baa6 http/1.1\r\n"), "{request}");
        assert!(request.contains("\r\nadd-padding: true\r\n"), "{request}");
        // Nothing of what comes behind the fifth digit, and no password.
        assert!(!request.contains("5baa61") && !request.contains("1e4c") && !request.contains(PASSWORD), "{request}");
        let mut names: Vec<_> =
            request.lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
        names.sort_unstable();
        assert_eq!(names, ["add-padding", "host", "user-agent"]);
    }
    #[tokio::test]
    async fn su_4_a_miss_over_http() {
        assert_eq!(ask(ok("0018A45C4D1DEF81644B54AB7F969B88D65:3\r\n"), PATIENT).await.0, Verdict::NotFound);
    }
    #[tokio::test]
    async fn su_4_errors_redirects_garbage_and_floods_are_unchecked_after_one_request() {
        let flood = format!("{}:1\r\n", "A".repeat(35)).repeat(BODY_BYTES_MAX / 38);
        for answer in [
            b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".to_vec(),
            b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n".to_vec(),
            b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /range/5BAA6\r\ncontent-length: 0\r\n\r\n".to_vec(),
            format!("HTTP/1.1 404 Not Found\r\ncontent-length: {}\r\n\r\n{HIT}", HIT.len()).into_bytes(),
            ok("<html>"),
            ok(""),
            ok(&format!("{flood}{HIT}")),
            format!("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{HIT}").into_bytes(),
            b"no HTTP at all\r\n\r\n".to_vec(),
        ] {
            let (verdict, seen) = ask(answer.clone(), PATIENT).await;
            let start = String::from_utf8_lossy(answer.get(..40).unwrap_or(&answer)).into_owned();
            assert_eq!((verdict, seen.len()), (Verdict::Unchecked, 1), "{start}");
        }
    }
    #[tokio::test]
    async fn su_4_silence_ends_with_the_deadline() {
        assert_eq!(ask(Vec::new(), Duration::from_millis(20)).await.0, Verdict::Unchecked);
    }
    #[tokio::test]
    async fn su_4_a_closed_port_is_unchecked() {
        let Ok(source) = HttpsRange::at("http://127.0.0.1:1/range/") else { unreachable!() };
        assert!(source.range("5BAA6").await.is_err());
    }
    #[tokio::test]
    async fn su_4_more_than_five_digits_are_never_asked_for() {
        let Ok(source) = HttpsRange::at("http://127.0.0.1:1/range/") else { unreachable!() };
        for bad in ["5BAA61", "5BAA", "", "../../", "5BAA/", "5BAA\n"] {
            assert_eq!(source.range(bad).await, Err(RangeFailed("more or less than five digits".into())), "{bad:?}");
        }
    }
    #[test]
    fn su_4_only_https_or_this_machine_is_asked() {
        for good in [
            "https://api.pwnedpasswords.com/range/",
            "http://127.0.0.1:8080/range/",
            "http://localhost/",
            "http://[::1]:1/x/",
        ] {
            assert!(HttpsRange::at(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "api.pwnedpasswords.com/range/",
            "http://api.pwnedpasswords.com/range/",
            "https://user@host/range/",
            "https://host/range",
            "https://host/range/?x=/",
            "ftp://localhost/",
        ] {
            assert!(HttpsRange::at(bad).is_err(), "{bad}");
        }
    }
}
