//! What one evaluation of Argon2id costs. Never weaker than the floor for a new hash (PW-1, PW-4).

use std::fmt;
use std::str::FromStr;

use argon2::{Algorithm, Argon2, Params, Version};

use super::{HashFailed, OUTPUT_BYTES};

/// The cost of one Argon2id evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashParameters {
    m_kib: u32,
    t: u32,
    p: u32,
}

/// Why a cost is refused; a function that is configured so does not start (PW-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CostRefused {
    /// Below every line of the floor.
    #[error("weaker than Argon2id with m=19456 t=2 p=1 (or 47104/1/1, 12288/3/1)")]
    TooWeak,
    /// More memory or passes than a function can spend on one login.
    #[error("more than m=262144 KiB, t=10 or p=4")]
    TooMuch,
    /// Not three whole numbers.
    #[error("not of the form m/t/p, such as 19456/2/1")]
    NotACost,
}

impl HashParameters {
    /// PW-1: the floor (ASVS 5.0 appendix C).
    pub const FLOOR: HashParameters = HashParameters { m_kib: 19_456, t: 2, p: 1 };
    /// What a deployment gets unless it configures more, such as 65536/3/1.
    pub const TARGET: HashParameters = HashParameters::FLOOR;

    /// A cost of `m_kib` KiB of memory, `t` passes and `p` lanes. PW-4: refused when weaker than the floor.
    pub const fn new(m_kib: u32, t: u32, p: u32) -> Result<Self, CostRefused> {
        // Memory and passes trade against each other: these are the floor's three lines.
        let holds = (m_kib >= 19_456 && t >= 2) || (m_kib >= 47_104 && t >= 1) || (m_kib >= 12_288 && t >= 3);
        if !holds || p < 1 {
            return Err(CostRefused::TooWeak);
        }
        Self::bounded(m_kib, t, p)
    }
    /// Also takes what is below the floor: old hashes still verify (PW-2).
    pub(super) const fn bounded(m_kib: u32, t: u32, p: u32) -> Result<Self, CostRefused> {
        if m_kib > 262_144 || t > 10 || p > 4 { Err(CostRefused::TooMuch) } else { Ok(Self { m_kib, t, p }) }
    }
    /// Memory in KiB.
    pub const fn m_kib(self) -> u32 {
        self.m_kib
    }
    /// Passes.
    pub const fn t(self) -> u32 {
        self.t
    }
    /// Lanes.
    pub const fn p(self) -> u32 {
        self.p
    }
    pub(super) fn argon2(self) -> Result<Argon2<'static>, HashFailed> {
        let params = Params::new(self.m_kib, self.t, self.p, Some(OUTPUT_BYTES)).map_err(|_| HashFailed)?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }
}
impl FromStr for HashParameters {
    type Err = CostRefused;
    /// From configuration: `m/t/p` with m in KiB.
    fn from_str(text: &str) -> Result<Self, CostRefused> {
        let mut numbers = text.split('/').map(|number| number.parse::<u32>().map_err(|_| CostRefused::NotACost));
        match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
            (Some(m_kib), Some(t), Some(p), None) => Self::new(m_kib?, t?, p?),
            _ => Err(CostRefused::NotACost),
        }
    }
}
impl fmt::Display for HashParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.m_kib, self.t, self.p)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pw_4_a_weaker_cost_is_refused() {
        use CostRefused::{NotACost, TooMuch, TooWeak};
        for (text, expected) in [
            ("19456/2/1", Ok("19456/2/1")),
            ("47104/1/1", Ok("47104/1/1")),
            ("12288/3/1", Ok("12288/3/1")),
            ("65536/3/1", Ok("65536/3/1")),
            ("262144/10/4", Ok("262144/10/4")),
            ("19455/2/1", Err(TooWeak)),
            ("19456/1/1", Err(TooWeak)),
            ("47103/1/1", Err(TooWeak)),
            ("12287/3/1", Err(TooWeak)),
            ("19456/2/0", Err(TooWeak)),
            ("0/0/0", Err(TooWeak)),
            ("262145/2/1", Err(TooMuch)),
            ("19456/11/1", Err(TooMuch)),
            ("19456/2/5", Err(TooMuch)),
            ("19456/2", Err(NotACost)),
            ("19456/2/1/1", Err(NotACost)),
            ("-1/2/1", Err(NotACost)),
            ("", Err(NotACost)),
        ] {
            let parsed = text.parse::<HashParameters>().map(|cost| cost.to_string());
            assert_eq!(parsed, expected.map(str::to_owned), "{text}");
        }
    }
}
