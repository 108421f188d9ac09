//! Hashes when it is told to: a line `m/t/p` on standard input is answered by the nanoseconds of one verification.
//!
//! `make bench-hash` runs it in turns with the reference implementation in C, so that both meet the same machine.

#![expect(clippy::expect_used, reason = "a bench that cannot go on ends")]

use std::io::{BufRead as _, Write as _};
use std::time::Duration;

use account::password_hash::{HashPolicy, PepperId, PepperedInput, UserSalt, hash, verify};

fn main() {
    let pepper = PepperId::new("bench").expect("a good id");
    let salt = UserSalt::new(*b"0123456789abcdef");
    let input = PepperedInput::from_mac([1; 32]);
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let parameters = line.parse().expect("m/t/p at the floor or above");
        let policy = HashPolicy { parameters, pepper: pepper.clone() };
        let stored = hash(&input, &salt, &policy).expect("enough memory");
        let took = timed(|| assert!(verify(&input, &stored, &policy).expect("enough memory").matches));
        let mut out = std::io::stdout().lock();
        writeln!(out, "{} {}", took.as_nanos(), stored.as_phc()).expect("somebody reads");
        out.flush().expect("somebody reads");
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench measures")]
fn timed(work: impl FnOnce()) -> Duration {
    let began = std::time::Instant::now();
    work();
    began.elapsed()
}
