//! The permanent test of the transport: whatever a server does to an answer, exactly one POST is on the wire, and the
//! outcome is Unknown (exchanges.md, Decisions).
#![allow(clippy::allow_attributes, clippy::expect_used, clippy::panic, reason = "a test file")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use account::Secret;
use exchange::{Endpoint, Outgoing, Parts, Venue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wire::{BaseUrls, HttpTransport, Limits, Sent, Transport, Wire};

/// An order as vault would have signed it.
struct Order;
impl Outgoing for Order {
    fn into_parts(self) -> Parts {
        Parts {
            venue: Venue::Paper,
            endpoint: Endpoint::PlaceOrder,
            query: Secret::new("symbol=BTCUSDT&signature=00".into()),
            headers: vec![("x-mbx-apikey", Secret::new("name".into()))],
            body: Secret::new(String::new()),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Server {
    Proper,
    BrokenBody,
    ResetAfterSend,
    CloseAfterSend,
    BadGateway,
    SlowBody,
    Silent,
    Redirect,
}

/// Serves every connection in the same way and counts the requests it has read.
async fn serve(listener: TcpListener, how: Server, posts: Arc<AtomicUsize>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let posts = posts.clone();
        tokio::spawn(async move {
            while read_request(&mut stream).await {
                posts.fetch_add(1, Ordering::SeqCst);
                let answer: &[u8] = match how {
                    Server::Proper => b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
                    Server::BrokenBody => b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"orderId\":",
                    Server::SlowBody => b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
                    Server::BadGateway => {
                        b"HTTP/1.1 502 Bad Gateway\r\nretry-after: 9\r\ncontent-length: 5\r\n\r\nsorry"
                    }
                    Server::Redirect => {
                        b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /api/v3/order\r\ncontent-length: 0\r\n\r\n"
                    }
                    Server::ResetAfterSend | Server::CloseAfterSend | Server::Silent => b"",
                };
                let _ = stream.write_all(answer).await;
                match how {
                    Server::BrokenBody | Server::CloseAfterSend => return,
                    Server::ResetAfterSend => {
                        let _ = stream.set_zero_linger();
                        return;
                    }
                    Server::Proper | Server::BadGateway | Server::SlowBody | Server::Silent | Server::Redirect => {}
                }
            }
        });
    }
}

async fn read_request(stream: &mut TcpStream) -> bool {
    let mut seen = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return false,
            Ok(n) => seen.extend_from_slice(&buffer[..n]),
        }
        if seen.windows(4).any(|w| w == b"\r\n\r\n") {
            return seen.starts_with(b"POST /api/v3/order?symbol=BTCUSDT&signature=00 ");
        }
    }
}

async fn send(how: Server, times: usize) -> (Vec<Sent>, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base_url = format!("http://{}", listener.local_addr().expect("an address"));
    let posts = Arc::new(AtomicUsize::new(0));
    let server = tokio::spawn(serve(listener, how, posts.clone()));
    let transport = HttpTransport::new().expect("a client");
    let limits = Limits { total: Duration::from_millis(300), body_bytes_max: 1000 };
    let mut sent = Vec::new();
    for _ in 0..times {
        sent.push(transport.send(&base_url, Order.into_parts(), limits).await);
    }
    server.abort();
    (sent, posts.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_nothing_is_sent_again() {
    for how in [Server::BrokenBody, Server::ResetAfterSend, Server::CloseAfterSend, Server::SlowBody, Server::Silent] {
        let (sent, posts) = send(how, 1).await;
        assert!(matches!(sent[0], Sent::Unknown { .. }), "{how:?}: {sent:?}");
        assert_eq!(posts, 1, "{how:?}");
    }
}

// 502 comes back as it is; what it means (unknown) is said by `exchange`.
#[tokio::test]
async fn a_gateway_error_is_one_post_and_unknown_to_the_reader() {
    let (sent, posts) = send(Server::BadGateway, 1).await;
    let Sent::Answered(answer) = &sent[0] else { panic!("{sent:?}") };
    assert_eq!((answer.status, answer.retry_after_s, posts), (502, Some(9), 1));
    assert!(matches!(exchange::binance::order(answer.received()), Err(exchange::Failure::Unknown { .. })));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (sent, posts) = send(Server::Redirect, 1).await;
    assert!(matches!(&sent[0], Sent::Answered(answer) if answer.status == 307), "{sent:?}");
    assert_eq!(posts, 1);
}

// A connection that is kept and used again carries each request once.
#[tokio::test]
async fn a_connection_that_is_used_again_does_not_send_twice() {
    let (sent, posts) = send(Server::Proper, 3).await;
    assert!(sent.iter().all(|s| matches!(s, Sent::Answered(a) if a.status == 200)), "{sent:?}");
    assert_eq!(posts, 3);
}

#[tokio::test]
async fn a_refused_connection_is_proven_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base_url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let limits = Limits { total: Duration::from_millis(300), body_bytes_max: 1000 };
    let sent = HttpTransport::new().expect("a client").send(&base_url, Order.into_parts(), limits).await;
    assert!(matches!(sent, Sent::NotSent { .. }), "{sent:?}");
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base_url = format!("http://{}", listener.local_addr().expect("an address"));
    let server = tokio::spawn(serve(listener, Server::Proper, Arc::default()));
    let limits = Limits { total: Duration::from_millis(300), body_bytes_max: 1 };
    let sent = HttpTransport::new().expect("a client").send(&base_url, Order.into_parts(), limits).await;
    server.abort();
    assert!(matches!(sent, Sent::Unknown { .. }), "{sent:?}");
}

// KX-3: a handle for the market cannot carry an order.
#[tokio::test]
async fn an_order_does_not_leave_through_the_market_handle() {
    let environment = host::Environment::of([("PAPER_BASE_URL".to_owned(), "http://127.0.0.1:9".to_owned())]);
    let urls = BaseUrls::of(&environment).expect("an address");
    let transport: Arc<dyn Transport> = Arc::new(HttpTransport::new().expect("a client"));
    for wire in [Wire::for_market(urls.clone(), transport.clone()), Wire::for_permissions(urls, transport)] {
        assert!(matches!(wire.send(Order).await, Sent::NotSent { why } if why.contains("not among")));
    }
}

// LG-6, KX-5: neither signature nor key in an error.
#[tokio::test]
async fn no_error_holds_the_signature_or_the_key() {
    for how in [Server::BrokenBody, Server::ResetAfterSend, Server::SlowBody] {
        let (sent, _) = send(how, 1).await;
        let text = format!("{sent:?}");
        assert!(!text.contains("signature") && !text.contains("name"), "{text}");
    }
}
