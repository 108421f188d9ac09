//! The form of an attach: strings stop here.

use account::Secret;
use api::Problem;
use api::problem::Fault;
use exchange::Venue;
use schemars::JsonSchema;
use serde::Deserialize;
use strategy::market::Pair;
use strategy::money::Amount;
use vault::{CandidateKey, KeyForm, NotAKey, Sealer};

/// The longest label, in characters.
const LABEL_CHARS_MAX: usize = 60;
/// The most pairs of one connection; a DynamoDB item and an owner's eye have room for these.
const PAIRS_MAX: usize = 50;
/// GU-4: the largest value of one order in quote, unless the form says another.
const ORDER_QUOTE_MAX_DEFAULT: &str = "1000";

/// As sent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttachForm {
    /// `paper`.
    exchange: String,
    /// What the owner calls the key: 1 to 60 letters, digits, blanks and - _ . ( ) # + & '.
    label: String,
    api_key: Secret<String>,
    api_secret: Secret<String>,
    /// For the exchanges that have one.
    #[serde(default)]
    passphrase: Option<Secret<String>>,
    /// 1 to 50 pairs that the key may trade.
    #[schemars(with = "Vec<Pair>")]
    allowed_pairs: Vec<String>,
    /// The largest value of one order, in quote; 1000 unless said.
    #[schemars(with = "Option<Amount>")]
    #[serde(default)]
    order_quote_max: Option<String>,
}

/// What the owner allows the key to be used for.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) label: String,
    pub(crate) allowed_pairs: Vec<Pair>,
    pub(crate) order_quote_max: Amount,
}

/// A form that was understood.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) candidate: CandidateKey,
    limits: Limits,
}

impl Wanted {
    pub(crate) fn parts(self) -> (CandidateKey, Limits) {
        (self.candidate, self.limits)
    }
}

impl AttachForm {
    /// Understands the form, or names every field at fault.
    pub(crate) fn read(self, sealer: &Sealer) -> Result<Wanted, Problem> {
        let exchange: Venue = self.exchange.parse().map_err(|_| Problem::exchange_not_supported())?;
        let mut faults = Vec::new();
        if let Some(fault) = label_fault(&self.label) {
            faults.push(fault);
        }
        let allowed_pairs = pairs(&self.allowed_pairs, &mut faults);
        let order_quote_max = amount(self.order_quote_max.as_deref().unwrap_or(ORDER_QUOTE_MAX_DEFAULT), &mut faults);
        let form = KeyForm { api_key: self.api_key, api_secret: self.api_secret, passphrase: self.passphrase };
        let candidate = sealer.candidate(exchange, form).map_err(|not| faults.push(key_fault(not))).ok();
        match (candidate, order_quote_max, faults.is_empty()) {
            (Some(candidate), Some(order_quote_max), true) => {
                Ok(Wanted { candidate, limits: Limits { label: self.label, allowed_pairs, order_quote_max } })
            }
            _ => Err(Problem::invalid_fields().with_faults(faults)),
        }
    }
}

fn fault(pointer: impl Into<String>, code: &str, detail: impl Into<String>) -> Fault {
    Fault { pointer: pointer.into(), code: code.into(), detail: detail.into() }
}

/// A label stands in mails: letters, digits, blanks and few signs, so that it can be no link and no markup.
fn label_fault(label: &str) -> Option<Fault> {
    let length = label.chars().count();
    let plain = label.chars().all(|c| c.is_alphanumeric() || " -_.()#+&'".contains(c)) && label.trim() == label;
    let ok = (1..=LABEL_CHARS_MAX).contains(&length) && plain;
    (!ok).then(|| {
        fault(
            "/label",
            "invalid_label",
            "Use 1 to 60 letters, digits, blanks and - _ . ( ) # + & ', not starting or ending with a blank.",
        )
    })
}

/// The pairs that the texts name, with every fault noted.
pub(crate) fn pairs(texts: &[String], faults: &mut Vec<Fault>) -> Vec<Pair> {
    if texts.is_empty() || texts.len() > PAIRS_MAX {
        faults.push(fault("/allowed_pairs", "invalid_pairs", "Name 1 to 50 pairs that this key may trade."));
        return Vec::new();
    }
    let mut pairs: Vec<Pair> = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        match text.parse::<Pair>() {
            Ok(pair) if pairs.contains(&pair) => {
                faults.push(fault(format!("/allowed_pairs/{at}"), "duplicate_pair", "This pair is named twice."))
            }
            Ok(pair) => pairs.push(pair),
            Err(not) => faults.push(fault(format!("/allowed_pairs/{at}"), "invalid_pair", not.to_string())),
        }
    }
    pairs
}

fn amount(text: &str, faults: &mut Vec<Fault>) -> Option<Amount> {
    match Amount::parse(text) {
        Ok(amount) if amount > Amount::ZERO => return Some(amount),
        Ok(_) => faults.push(fault("/order_quote_max", "invalid_amount", "must be more than zero")),
        Err(not) => faults.push(fault("/order_quote_max", "invalid_amount", not.to_string())),
    }
    None
}

fn key_fault(not: NotAKey) -> Fault {
    let pointer = match not {
        NotAKey::ApiKey => "/api_key",
        NotAKey::ApiSecret => "/api_secret",
        NotAKey::Passphrase => "/passphrase",
    };
    fault(pointer, "invalid_key", not.to_string())
}
