//! Which exchanges there are.

use std::fmt;
use std::str::FromStr;

/// An exchange. A new one gets a variant here, a file with its requests and answers, and a folder of vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Venue {
    /// The paper exchange; it speaks Binance's spot REST protocol.
    Paper,
}

/// The exchange is not one that keys can be attached for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this exchange is not supported: only \"paper\" is")]
pub struct NotAVenue;

impl Venue {
    /// All of them.
    pub const ALL: [Venue; 1] = [Venue::Paper];
    /// As stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Venue::Paper => "paper",
        }
    }
    /// The largest time between authorising an order and its acceptance, in ms: receive window plus the exchange's own
    /// tolerance of one second (G2).
    pub const fn send_window_ms_max(self) -> i64 {
        match self {
            Venue::Paper => crate::binance::RECEIVE_WINDOW_MS_MAX + 1_000,
        }
    }
    /// Whether money of the owner is at stake. What holds for real exchanges alone is chosen by this and nothing else.
    pub const fn is_real(self) -> bool {
        match self {
            Venue::Paper => false,
        }
    }
}
impl fmt::Display for Venue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl FromStr for Venue {
    type Err = NotAVenue;
    fn from_str(text: &str) -> Result<Self, NotAVenue> {
        Self::ALL.into_iter().find(|v| v.as_str() == text).ok_or(NotAVenue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paper_is_a_venue() {
        assert_eq!("paper".parse(), Ok(Venue::Paper));
        for other in ["binance", "Paper", "", "paper "] {
            assert_eq!(other.parse::<Venue>(), Err(NotAVenue), "{other}");
        }
    }
}
