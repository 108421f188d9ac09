//! A list of stolen passwords on this machine, for the tests of every function that asks one; and the table of new passwords
//! that sign-up, reset and change must judge alike (PR-16).
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::allow_attributes, reason = "not every file leaves a part unused, so expect would warn")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_debug_implementations,
    reason = "a test file"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use sha1::{Digest, Sha1};

/// What the list does when it is asked.
#[derive(Default)]
struct State {
    stolen: Vec<String>,
    down: bool,
    seen: Vec<String>,
}

/// Serves the range protocol until the test ends.
#[derive(Clone)]
pub struct List {
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl List {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/range/", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let list = Self { url, state };
        let served = list.clone();
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| served.answer(stream)));
        list
    }
    pub fn steal(&self, password: &str) {
        self.state.lock().unwrap().stolen.push(password.to_owned());
    }
    /// From now on every question is answered with 503, or answered again.
    pub fn down(&self, down: bool) {
        self.state.lock().unwrap().down = down;
    }
    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.state.lock().unwrap().seen.len()
    }
    /// SU-4: of everything that was ever sent here, nothing is a password or more of its hash than five digits.
    pub fn learnt_nothing_of(&self, password: &str) {
        let hash = sha1_hex(password).to_ascii_lowercase();
        for request in &self.state.lock().unwrap().seen {
            let request = request.to_ascii_lowercase();
            assert!(!request.contains(&password.to_ascii_lowercase()), "{request}");
            assert!(!request.contains(&hash[..6]) && !request.contains(&hash[5..15]), "{request}");
            let path = request.split(' ').nth(1).unwrap();
            let digits = path.strip_prefix("/range/").unwrap();
            assert!(digits.len() == 5 && digits.bytes().all(|b| b.is_ascii_hexdigit()), "{path}");
            assert!(request.contains("add-padding: true"), "{request}");
        }
    }

    fn answer(&self, mut stream: TcpStream) {
        let (mut request, mut buffer) = (Vec::new(), [0; 1024]);
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(n) => request.extend_from_slice(&buffer[..n]),
            }
        }
        let request = String::from_utf8(request).unwrap();
        let mut state = self.state.lock().unwrap();
        let body = range_of(&state.stolen, request.split(' ').nth(1).unwrap());
        let status = if state.down { "503 Service Unavailable" } else { "200 OK" };
        state.seen.push(request);
        drop(state);
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        let _closed = stream.write_all(format!("{head}{body}").as_bytes());
    }
}

fn range_of(stolen: &[String], path: &str) -> String {
    let padding = format!("{}:0\r\n{}:4\r\n", "0".repeat(35), "F".repeat(35));
    let hits = stolen.iter().map(|password| sha1_hex(password)).filter(|hash| path.ends_with(&hash[..5]));
    padding + &hits.map(|hash| format!("{}:7\r\n", &hash[5..])).collect::<String>()
}
fn sha1_hex(text: &str) -> String {
    Sha1::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02X}")).collect()
}

/// A password that the list of [`new_passwords`] holds.
pub const STOLEN: &str = "oxen ladder fig mudlark tin";

/// PR-16: new passwords of the account with this address and why each is refused, `None` for those that are taken. The list
/// must hold [`STOLEN`].
pub fn new_passwords(email: &str) -> Vec<(String, Option<&'static str>)> {
    let table: [(&str, Option<&str>); 12] = [
        ("", Some("too_short")),
        ("quiet lanterns", Some("too_short")),
        (&"x".repeat(257), Some("too_long")),
        (&"é".repeat(129), Some("too_long")),
        ("passwordpassword", Some("common")),
        ("zq7 zq7 zq7 zq7 zq7", Some("common")),
        ("shearpin shearpin 7", Some("product_word")),
        (email, Some("own_email")),
        ("qwertyuiop[]asdf", Some("guessable")),
        (STOLEN, Some("breached")),
        ("kqzvmwpxjrtbhdg", None),
        ("  four spaces  around tin lids  ", None),
    ];
    table.map(|(password, refused)| (password.to_owned(), refused)).to_vec()
}
