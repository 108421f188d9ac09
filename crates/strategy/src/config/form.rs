//! The JSON form of a bot's configuration and the door through which it becomes a [`DcaConfig`].
//!
//! Amounts and percentages are decimal strings; a JSON number is refused at its pointer, since it may already have lost
//! digits. Unknown fields are refused. Never guesses: what is missing or not supported yet is named.

use std::str::FromStr;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::{
    AfterStop, Averaging, ConfigFault, DcaConfig, Direction, EntryType, LadderReference, ProfitOf, QuantityRounding,
    ReferencePrice, StopLoss, StopReference, Strategy, TakeProfit,
};
use crate::ladder;
use crate::market::Pair;
use crate::money::{Amount, Factor, NotMoney, Percent};

/// A field that must be a JSON string.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Text {
    /// As it should be.
    Text(String),
    /// Anything else; refused with a pointer.
    #[serde(skip_serializing)]
    Other(IgnoredAny),
}

/// A field that must be a whole JSON number, zero or more.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Whole {
    /// As it should be.
    Whole(u64),
    /// Anything else; refused with a pointer.
    #[serde(skip_serializing)]
    Other(IgnoredAny),
}

/// A field that exists in the format and must still be null, absent, false or empty.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Later {
    /// `null`.
    Null(()),
    /// `false` is as good as absent.
    Flag(bool),
    /// `[]` is as good as absent.
    List(#[serde(serialize_with = "empty_list")] Vec<IgnoredAny>),
    /// Anything else.
    #[serde(skip_serializing)]
    Other(IgnoredAny),
}

fn empty_list<S: serde::Serializer>(_: &[IgnoredAny], to: S) -> Result<S::Ok, S::Error> {
    serde::ser::SerializeSeq::end(to.serialize_seq(Some(0))?)
}

macro_rules! form {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident : $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name { $($(#[$field_doc])* pub $field: Option<$kind>,)* }
    };
}

form!(
    /// A whole bot as `POST /v1/bots` takes it.
    BotForm {
        /// Must be `dca`.
        kind: Text,
        /// 1 to 64 characters.
        name: Text,
        /// The connection's id; whether it exists is the caller's question.
        connection: Text,
        /// `BASE-QUOTE`.
        pair: Text,
        /// See [`DcaForm`].
        direction: Text,
        /// See [`DcaForm`].
        base_order: BaseOrderForm,
        /// See [`DcaForm`].
        averaging: AveragingForm,
        /// See [`DcaForm`].
        reference_price: Text,
        /// See [`DcaForm`].
        rounding: Text,
        /// See [`DcaForm`].
        take_profit: TakeProfitForm,
        /// See [`DcaForm`].
        stop_loss: StopLossForm,
        /// When deals start.
        start: StartForm,
        /// See [`DcaForm`].
        limits: LimitsForm,
    }
);
form!(
    /// The settings of a DCA bot.
    DcaForm {
        /// `long` (default).
        direction: Text,
        /// The first order of a deal.
        base_order: BaseOrderForm,
        /// The ladder; absent or null: the deal never averages.
        averaging: AveragingForm,
        /// `fill_with_fee` (default) or `fill`.
        reference_price: Text,
        /// `up` (default) or `down`.
        rounding: Text,
        /// Where profit is taken.
        take_profit: TakeProfitForm,
        /// Where loss is cut; absent or null: nowhere.
        stop_loss: StopLossForm,
        /// Deals and pauses.
        limits: LimitsForm,
    }
);
form!(
    /// The base order.
    BaseOrderForm {
        /// Quote to spend.
        amount: Text,
        /// `quote` (default).
        unit: Text,
        /// `market` (default) or `limit`.
        r#type: Text,
    }
);
form!(
    /// The averaging ladder.
    AveragingForm {
        /// Quote to spend on averaging order 1.
        amount: Text,
        /// `quote` (default).
        unit: Text,
        /// 0 to 200.
        count: Whole,
        /// 1 to `count`; default: all.
        active: Whole,
        /// More than 0, less than 100.
        deviation_pct: Text,
        /// 0.1 to 10; default 1.
        step_scale: Text,
        /// 0.1 to 10; default 1.
        volume_scale: Text,
        /// `base` (default) or `last`.
        reference: Text,
        /// Custom ladder: not supported yet.
        steps: Later,
    }
);
form!(
    /// The take profit.
    TakeProfitForm {
        /// More than 0, at most 10000; net of both fees.
        pct: Text,
        /// `total` (default) or `base`.
        of: Text,
        /// Not supported yet.
        trailing_pct: Later,
        /// Not supported yet.
        steps: Later,
    }
);
form!(
    /// The stop loss.
    StopLossForm {
        /// 0 (off) to less than 100.
        pct: Text,
        /// `base` (default) or `average`.
        reference: Text,
        /// `keep_running` (default) or `stop_bot`.
        then: Text,
        /// Not supported yet.
        timeout_s: Later,
        /// Not supported yet.
        trailing: Later,
    }
);
form!(
    /// When deals start.
    StartForm {
        /// `immediately` (default) or `manual`.
        when: Text,
    }
);
form!(
    /// Deals and pauses.
    LimitsForm {
        /// Deals at once: 1.
        deals: Whole,
        /// 0 to 2592000 market seconds; default 0.
        cooldown_s: Whole,
        /// 1 or more; absent or null: no end.
        stop_after_deals: Whole,
    }
);

/// When a bot starts its deals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartWhen {
    /// The next deal starts as soon as it may.
    Immediately,
    /// Only when the owner says so.
    Manual,
}

/// A bot's settings after the door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotSettings {
    /// What the owner calls the bot.
    pub name: String,
    /// The connection's id as written; absent in an offline preview.
    pub connection: Option<String>,
    /// What is traded.
    pub pair: Pair,
    /// How it is traded.
    pub strategy: Strategy,
    /// When deals start.
    pub start: StartWhen,
}

const AVERAGING_COUNT_MAX: u64 = 200;
const COOLDOWN_S_MAX: u64 = 2_592_000;
const NAME_LENGTH_MAX: usize = 64;
/// A target a hundred times above the average is a slip of the pen.
const TAKE_PROFIT_PCT_MAX: &str = "10000";

/// Collects faults while reading, so that the owner sees all of them at once.
#[derive(Default)]
struct Door {
    faults: Vec<ConfigFault>,
}

impl Door {
    fn fault(&mut self, pointer: &str, code: &'static str, detail: impl Into<String>) {
        self.faults.push(ConfigFault { pointer: pointer.into(), code, detail: detail.into() });
    }
    fn required(&mut self, pointer: &str) {
        self.fault(pointer, "required", "Give this setting; it has no default.");
    }
    fn text<'a>(&mut self, field: &'a Option<Text>, pointer: &str) -> Option<&'a str> {
        match field.as_ref()? {
            Text::Text(text) => Some(text),
            Text::Other(_) => {
                self.fault(pointer, "not_a_string", "Write this as a JSON string, numbers in quotes: \"12.5\".");
                None
            }
        }
    }
    fn money<T: FromStr<Err = NotMoney>>(
        &mut self,
        field: &Option<Text>,
        pointer: &str,
        default: Option<T>,
    ) -> Option<T> {
        if field.is_none() {
            if default.is_none() {
                self.required(pointer);
            }
            return default;
        }
        let text = self.text(field, pointer)?;
        match text.parse::<T>() {
            Ok(value) => Some(value),
            Err(why @ NotMoney::NotADecimal) => {
                self.none(pointer, "not_a_number", format!("This is not a number: {why}."))
            }
            Err(why @ (NotMoney::TooFine | NotMoney::TooLarge | NotMoney::NotPositive | NotMoney::Negative)) => {
                self.none(pointer, "out_of_range", format!("Change this number: {why}."))
            }
        }
    }
    fn none<T>(&mut self, pointer: &str, code: &'static str, detail: String) -> Option<T> {
        self.fault(pointer, code, detail);
        None
    }
    /// Reads one of `known`; names in `later` exist in the format and are not built yet.
    fn choice<T: Copy>(
        &mut self,
        field: &Option<Text>,
        pointer: &str,
        default: Option<T>,
        known: &[(&str, T)],
        later: &[&str],
    ) -> Option<T> {
        if field.is_none() {
            if default.is_none() {
                self.required(pointer);
            }
            return default;
        }
        let text = self.text(field, pointer)?;
        if let Some((_, value)) = known.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let names = known.iter().map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(" or ");
        if later.contains(&text) {
            return self.none(pointer, "not_supported_yet", format!("\"{text}\" is not supported yet; use {names}."));
        }
        self.none(pointer, "unknown_value", format!("Use {names}."))
    }
    fn whole(&mut self, field: &Option<Whole>, pointer: &str, default: Option<u64>, min: u64, max: u64) -> Option<u64> {
        match field {
            None => {
                if default.is_none() {
                    self.required(pointer);
                }
                default
            }
            Some(Whole::Whole(value)) if (min..=max).contains(value) => Some(*value),
            Some(Whole::Whole(_)) => {
                self.none(pointer, "out_of_range", format!("Use a whole number from {min} to {max}."))
            }
            Some(Whole::Other(_)) => self.none(
                pointer,
                "not_whole",
                format!("Write a whole JSON number from {min} to {max}, without quotes."),
            ),
        }
    }
    fn not_yet(&mut self, field: &Option<Later>, pointer: &str, what: &str) {
        let absent = match field {
            None | Some(Later::Null(()) | Later::Flag(false)) => true,
            Some(Later::List(items)) => items.is_empty(),
            Some(Later::Flag(true) | Later::Other(_)) => false,
        };
        if !absent {
            self.fault(pointer, "not_supported_yet", format!("{what} is not supported yet; leave it out."));
        }
    }
    fn percent(&mut self, value: Option<Percent>, pointer: &str, least: &str, below: &str) -> Option<Percent> {
        let (least, most) = (Percent::parse(least).ok()?, Percent::parse(below).ok()?);
        let value = value?;
        if value > least && value < most {
            return Some(value);
        }
        self.none(pointer, "out_of_range", format!("Use a percentage above {least} and below {most}."))
    }
    fn scale(&mut self, field: &Option<Text>, pointer: &str) -> Option<Factor> {
        let (least, most) = (Factor::parse("0.1").ok()?, Factor::parse("10").ok()?);
        let value = self.money(field, pointer, Factor::parse("1").ok())?;
        if value >= least && value <= most {
            return Some(value);
        }
        self.none(pointer, "out_of_range", "Use a scale from 0.1 to 10.".into())
    }
    fn spend(&mut self, field: &Option<Text>, pointer: &str) -> Option<Amount> {
        let value: Amount = self.money(field, pointer, None)?;
        if value > Amount::ZERO {
            return Some(value);
        }
        self.none(pointer, "out_of_range", "Use an amount of more than 0.".into())
    }
    fn unit(&mut self, field: &Option<Text>, pointer: &str) {
        let _checked = self.choice(field, pointer, Some(()), &[("quote", ())], &["base", "percent"]);
    }

    fn averaging(&mut self, form: &AveragingForm) -> Option<Option<Averaging>> {
        self.unit(&form.unit, "/averaging/unit");
        self.not_yet(&form.steps, "/averaging/steps", "A custom ladder");
        let count = self.whole(&form.count, "/averaging/count", None, 0, AVERAGING_COUNT_MAX);
        if count == Some(0) {
            return Some(None);
        }
        let amount = self.spend(&form.amount, "/averaging/amount");
        let most = count.unwrap_or(AVERAGING_COUNT_MAX);
        let active = self.whole(&form.active, "/averaging/active", Some(most), 1, most);
        let deviation = self.money(&form.deviation_pct, "/averaging/deviation_pct", None);
        let deviation = self.percent(deviation, "/averaging/deviation_pct", "0", "100");
        let step_scale = self.scale(&form.step_scale, "/averaging/step_scale");
        let volume_scale = self.scale(&form.volume_scale, "/averaging/volume_scale");
        let known = [("base", LadderReference::Base), ("last", LadderReference::Last)];
        let reference = self.choice(&form.reference, "/averaging/reference", Some(LadderReference::Base), &known, &[]);
        Some(Some(Averaging {
            amount: amount?,
            count: u16::try_from(count?).ok()?,
            active: u16::try_from(active?).ok()?,
            deviation: deviation?,
            step_scale: step_scale?,
            volume_scale: volume_scale?,
            reference: reference?,
        }))
    }
    fn take_profit(&mut self, form: &Option<TakeProfitForm>) -> Option<TakeProfit> {
        let Some(form) = form else {
            return self.none("/take_profit", "required", "Say where profit is taken: {\"pct\": \"1\"}.".into());
        };
        self.not_yet(&form.trailing_pct, "/take_profit/trailing_pct", "A trailing take profit");
        self.not_yet(&form.steps, "/take_profit/steps", "A take profit in steps");
        let pct = self.money(&form.pct, "/take_profit/pct", None);
        let pct = self.percent(pct, "/take_profit/pct", "0", TAKE_PROFIT_PCT_MAX);
        let known = [("total", ProfitOf::Total), ("base", ProfitOf::Base)];
        let of = self.choice(&form.of, "/take_profit/of", Some(ProfitOf::Total), &known, &[]);
        Some(TakeProfit { pct: pct?, of: of? })
    }
    fn stop_loss(&mut self, form: &StopLossForm) -> Option<Option<StopLoss>> {
        self.not_yet(&form.timeout_s, "/stop_loss/timeout_s", "A stop-loss timeout");
        self.not_yet(&form.trailing, "/stop_loss/trailing", "A trailing stop");
        let pct = self.money::<Percent>(&form.pct, "/stop_loss/pct", None);
        let off = pct == Some(Percent::ZERO);
        let pct = if off { pct } else { self.percent(pct, "/stop_loss/pct", "0", "100") };
        let known = [("base", StopReference::Base), ("average", StopReference::Average)];
        let reference = self.choice(&form.reference, "/stop_loss/reference", Some(StopReference::Base), &known, &[]);
        let known = [("keep_running", AfterStop::KeepRunning), ("stop_bot", AfterStop::StopBot)];
        let then = self.choice(&form.then, "/stop_loss/then", Some(AfterStop::KeepRunning), &known, &[]);
        let stop = StopLoss { pct: pct?, reference: reference?, then: then? };
        Some((!off).then_some(stop))
    }

    fn dca(&mut self, form: &DcaForm) -> Option<DcaConfig> {
        let direction =
            self.choice(&form.direction, "/direction", Some(Direction::Long), &[("long", Direction::Long)], &["short"]);
        let base = form.base_order.clone().unwrap_or_default();
        self.unit(&base.unit, "/base_order/unit");
        let base_amount = self.spend(&base.amount, "/base_order/amount");
        let known = [("market", EntryType::Market), ("limit", EntryType::Limit)];
        let entry = self.choice(&base.r#type, "/base_order/type", Some(EntryType::Market), &known, &[]);
        let averaging = form.averaging.as_ref().map_or(Some(None), |form| self.averaging(form));
        let known = [("fill_with_fee", ReferencePrice::FillWithFee), ("fill", ReferencePrice::Fill)];
        let reference_price =
            self.choice(&form.reference_price, "/reference_price", Some(ReferencePrice::FillWithFee), &known, &[]);
        let known = [("up", QuantityRounding::Up), ("down", QuantityRounding::Down)];
        let rounding = self.choice(&form.rounding, "/rounding", Some(QuantityRounding::Up), &known, &[]);
        let take_profit = self.take_profit(&form.take_profit);
        let stop_loss = form.stop_loss.as_ref().map_or(Some(None), |form| self.stop_loss(form));
        let limits = form.limits.clone().unwrap_or_default();
        if self.whole(&limits.deals, "/limits/deals", Some(1), 1, 199).is_some_and(|deals| deals > 1) {
            self.fault("/limits/deals", "not_supported_yet", "Several deals at once are not supported yet; use 1.");
        }
        let cooldown_s = self.whole(&limits.cooldown_s, "/limits/cooldown_s", Some(0), 0, COOLDOWN_S_MAX);
        let ends = limits.stop_after_deals.is_some();
        let deals = self.whole(&limits.stop_after_deals, "/limits/stop_after_deals", Some(1), 1, u64::from(u32::MAX));
        let config = DcaConfig {
            direction: direction?,
            base_amount: base_amount?,
            entry: entry?,
            averaging: averaging?,
            reference_price: reference_price?,
            rounding: rounding?,
            take_profit: take_profit?,
            stop_loss: stop_loss?,
            cooldown_s: cooldown_s?,
            stop_after_deals: if ends { Some(u32::try_from(deals?).ok()?) } else { None },
        };
        // The sum is bounded at the door, so that no later sum of this deal can leave the range of a decimal.
        let funds = ladder::max_funds(config.base_amount, config.averaging.as_ref());
        let complete = config.averaging.as_ref().is_none_or(|averaging| {
            ladder::configured_steps(averaging).count() == usize::from(averaging.count)
                || ladder::steps(averaging).count() < ladder::configured_steps(averaging).count()
        });
        if Amount::admit(funds.decimal()).is_err() || !complete {
            let why = "The ladder's last orders are absurdly large; lower count or volume_scale.";
            return self.none("/averaging/volume_scale", "ladder_too_expensive", why.into());
        }
        Some(config)
    }
}

impl DcaConfig {
    /// Reads a form. Errors: everything that is wrong with it, each with a pointer and what to do.
    pub fn parse(form: &DcaForm) -> Result<DcaConfig, Vec<ConfigFault>> {
        let mut door = Door::default();
        match door.dca(form) {
            Some(config) if door.faults.is_empty() => Ok(config),
            Some(_) | None => Err(door.faults),
        }
    }
    /// The form that parses to this configuration, with every default written out.
    pub fn to_form(&self) -> DcaForm {
        let word = |text: &str| Some(Text::Text(text.to_owned()));
        DcaForm {
            direction: word(match self.direction {
                Direction::Long => "long",
            }),
            base_order: Some(BaseOrderForm {
                amount: word(&self.base_amount.to_string()),
                unit: word("quote"),
                r#type: word(match self.entry {
                    EntryType::Market => "market",
                    EntryType::Limit => "limit",
                }),
            }),
            averaging: self.averaging.as_ref().map(|averaging| AveragingForm {
                amount: word(&averaging.amount.to_string()),
                unit: word("quote"),
                count: Some(Whole::Whole(averaging.count.into())),
                active: Some(Whole::Whole(averaging.active.into())),
                deviation_pct: word(&averaging.deviation.to_string()),
                step_scale: word(&averaging.step_scale.to_string()),
                volume_scale: word(&averaging.volume_scale.to_string()),
                reference: word(match averaging.reference {
                    LadderReference::Base => "base",
                    LadderReference::Last => "last",
                }),
                steps: Some(Later::List(Vec::new())),
            }),
            reference_price: word(match self.reference_price {
                ReferencePrice::FillWithFee => "fill_with_fee",
                ReferencePrice::Fill => "fill",
            }),
            rounding: word(match self.rounding {
                QuantityRounding::Up => "up",
                QuantityRounding::Down => "down",
            }),
            take_profit: Some(TakeProfitForm {
                pct: word(&self.take_profit.pct.to_string()),
                of: word(match self.take_profit.of {
                    ProfitOf::Total => "total",
                    ProfitOf::Base => "base",
                }),
                trailing_pct: None,
                steps: Some(Later::List(Vec::new())),
            }),
            stop_loss: self.stop_loss.as_ref().map(|stop| StopLossForm {
                pct: word(&stop.pct.to_string()),
                reference: word(match stop.reference {
                    StopReference::Base => "base",
                    StopReference::Average => "average",
                }),
                then: word(match stop.then {
                    AfterStop::KeepRunning => "keep_running",
                    AfterStop::StopBot => "stop_bot",
                }),
                timeout_s: None,
                trailing: Some(Later::Flag(false)),
            }),
            limits: Some(LimitsForm {
                deals: Some(Whole::Whole(1)),
                cooldown_s: Some(Whole::Whole(self.cooldown_s)),
                stop_after_deals: self.stop_after_deals.map(|deals| Whole::Whole(deals.into())),
            }),
        }
    }
}

impl BotForm {
    /// The part that the strategy reads.
    pub fn dca(&self) -> DcaForm {
        DcaForm {
            direction: self.direction.clone(),
            base_order: self.base_order.clone(),
            averaging: self.averaging.clone(),
            reference_price: self.reference_price.clone(),
            rounding: self.rounding.clone(),
            take_profit: self.take_profit.clone(),
            stop_loss: self.stop_loss.clone(),
            limits: self.limits.clone(),
        }
    }
    /// Reads the whole form. Errors: everything that is wrong with it, each with a pointer and what to do.
    pub fn parse(&self) -> Result<BotSettings, Vec<ConfigFault>> {
        let mut door = Door::default();
        let kind = door.choice(&self.kind, "/kind", None, &[("dca", ())], &["grid", "smart_trade", "signal"]);
        let name = match door.text(&self.name, "/name") {
            Some(name)
                if (1..=NAME_LENGTH_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control) =>
            {
                Some(name.to_owned())
            }
            Some(_) => door.none("/name", "out_of_range", format!("Use 1 to {NAME_LENGTH_MAX} visible characters.")),
            None => {
                if self.name.is_none() {
                    door.required("/name");
                }
                None
            }
        };
        let connection = door.text(&self.connection, "/connection").map(str::to_owned);
        let pair = match door.text(&self.pair, "/pair") {
            Some(text) => match text.parse::<Pair>() {
                Ok(pair) => Some(pair),
                Err(why) => door.none("/pair", "unknown_value", format!("Change the pair: {why}.")),
            },
            None => {
                if self.pair.is_none() {
                    door.required("/pair");
                }
                None
            }
        };
        let start = self.start.clone().unwrap_or_default();
        let known = [("immediately", StartWhen::Immediately), ("manual", StartWhen::Manual)];
        let later = ["signal", "condition", "conditions", "indicator"];
        let start = door.choice(&start.when, "/start/when", Some(StartWhen::Immediately), &known, &later);
        let dca = door.dca(&self.dca());
        let settings = kind.zip(name).zip(pair).zip(start).zip(dca);
        match settings {
            Some((((((), name), pair), start), dca)) if door.faults.is_empty() => {
                Ok(BotSettings { name, connection, pair, strategy: Strategy::Dca(dca), start })
            }
            Some(_) | None => Err(door.faults),
        }
    }
}

impl BotSettings {
    /// The form that parses to these settings, with every default written out.
    pub fn to_form(&self) -> BotForm {
        let word = |text: &str| Some(Text::Text(text.to_owned()));
        let Strategy::Dca(config) = &self.strategy;
        let dca = config.to_form();
        BotForm {
            kind: word("dca"),
            name: word(&self.name),
            connection: self.connection.as_deref().and_then(word),
            pair: word(&self.pair.to_string()),
            direction: dca.direction,
            base_order: dca.base_order,
            averaging: dca.averaging,
            reference_price: dca.reference_price,
            rounding: dca.rounding,
            take_profit: dca.take_profit,
            stop_loss: dca.stop_loss,
            start: Some(StartForm {
                when: word(match self.start {
                    StartWhen::Immediately => "immediately",
                    StartWhen::Manual => "manual",
                }),
            }),
            limits: dca.limits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{
        "kind": "dca", "name": "eth ladder", "connection": "con_1", "pair": "ETH-USDT", "direction": "long",
        "base_order": {"amount": "80", "unit": "quote", "type": "limit"},
        "averaging": {"amount": "30", "unit": "quote", "count": 3, "active": 2, "deviation_pct": "1",
                      "step_scale": "4", "volume_scale": "1.7", "reference": "base"}, "reference_price": "fill_with_fee",
        "take_profit": {"pct": "1", "of": "total", "trailing_pct": null, "steps": []},
        "stop_loss": {"pct": "22", "reference": "base", "then": "keep_running", "timeout_s": null, "trailing": false},
        "start": {"when": "immediately"},
        "limits": {"deals": 1, "cooldown_s": 0, "stop_after_deals": null}
    }"#;

    /// Replaces one text of the whole form and names the faults as `pointer code`.
    fn check(replace: &str, with: &str, expected: &[&str]) {
        assert!(WHOLE.contains(replace), "{replace}");
        let form: BotForm = serde_json::from_str(&WHOLE.replacen(replace, with, 1)).unwrap();
        let faults = form.parse().err().unwrap_or_default();
        let found: Vec<_> = faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.code)).collect();
        assert_eq!(found, expected, "{replace} -> {with}");
    }

    #[test]
    fn the_documented_form_is_taken_and_comes_back_the_same() {
        let form: BotForm = serde_json::from_str(WHOLE).unwrap();
        let settings = form.parse().unwrap();
        let written = serde_json::to_string(&settings.to_form()).unwrap();
        let again: BotForm = serde_json::from_str(&written).unwrap();
        assert_eq!(again.parse().unwrap(), settings);
        let stored = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<BotSettings>(&stored).unwrap(), settings);
        let Strategy::Dca(config) = &settings.strategy;
        assert_eq!(DcaConfig::parse(&config.to_form()).as_ref(), Ok(config));
        assert_eq!(config.averaging.as_ref().map(|a| (a.count, a.active)), Some((3, 2)));
    }

    #[test]
    fn numbers_where_decimal_strings_belong_are_refused_at_their_pointer() {
        check(r#""amount": "80""#, r#""amount": 80"#, &["/base_order/amount not_a_string"]);
        check(r#""pct": "22""#, r#""pct": 22.5"#, &["/stop_loss/pct not_a_string"]);
        check(r#""amount": "80""#, r#""amount": "8e1""#, &["/base_order/amount not_a_number"]);
        check(r#""count": 3"#, r#""count": "3""#, &["/averaging/count not_whole"]);
        check(r#""count": 3"#, r#""count": -3"#, &["/averaging/count not_whole"]);
    }

    #[test]
    fn every_range_has_both_its_ends() {
        for absurd in ["0", "-5"] {
            check(r#""amount": "80""#, &format!(r#""amount": "{absurd}""#), &["/base_order/amount out_of_range"]);
        }
        let many = r#""amount": "99999999999999999999""#;
        check(r#""amount": "80""#, many, &["/base_order/amount out_of_range"]);
        check(r#""count": 3"#, r#""count": 201"#, &["/averaging/count out_of_range"]);
        check(r#""active": 2"#, r#""active": 4"#, &["/averaging/active out_of_range"]);
        check(r#""active": 2"#, r#""active": 0"#, &["/averaging/active out_of_range"]);
        check(r#""step_scale": "4""#, r#""step_scale": "0.09""#, &["/averaging/step_scale out_of_range"]);
        check(r#""step_scale": "4""#, r#""step_scale": "0.1""#, &[]);
        check(r#""volume_scale": "1.7""#, r#""volume_scale": "10.01""#, &["/averaging/volume_scale out_of_range"]);
        check(r#""volume_scale": "1.7""#, r#""volume_scale": "10""#, &[]);
        check(r#""deviation_pct": "1""#, r#""deviation_pct": "0""#, &["/averaging/deviation_pct out_of_range"]);
        check(r#""deviation_pct": "1""#, r#""deviation_pct": "100""#, &["/averaging/deviation_pct out_of_range"]);
        check(r#""pct": "1""#, r#""pct": "0""#, &["/take_profit/pct out_of_range"]);
        check(r#""pct": "22""#, r#""pct": "100""#, &["/stop_loss/pct out_of_range"]);
        check(r#""pct": "22""#, r#""pct": "0""#, &[]);
        check(r#""cooldown_s": 0"#, r#""cooldown_s": 2592001"#, &["/limits/cooldown_s out_of_range"]);
        check(r#""cooldown_s": 0"#, r#""cooldown_s": 2592000"#, &[]);
        let deals = r#""stop_after_deals": null"#;
        check(deals, r#""stop_after_deals": 0"#, &["/limits/stop_after_deals out_of_range"]);
        check(r#""name": "eth ladder""#, r#""name": """#, &["/name out_of_range"]);
    }

    #[test]
    fn what_is_not_built_yet_is_refused_by_name() {
        check(r#""direction": "long""#, r#""direction": "short""#, &["/direction not_supported_yet"]);
        check(r#""kind": "dca""#, r#""kind": "grid""#, &["/kind not_supported_yet"]);
        check(r#""trailing_pct": null"#, r#""trailing_pct": "5""#, &["/take_profit/trailing_pct not_supported_yet"]);
        check(r#""steps": []"#, r#""steps": [{"pct": "1"}]"#, &["/take_profit/steps not_supported_yet"]);
        check(r#""timeout_s": null"#, r#""timeout_s": 60"#, &["/stop_loss/timeout_s not_supported_yet"]);
        check(r#""trailing": false"#, r#""trailing": true"#, &["/stop_loss/trailing not_supported_yet"]);
        check(r#""unit": "quote""#, r#""unit": "percent""#, &["/base_order/unit not_supported_yet"]);
        check(r#""deals": 1"#, r#""deals": 2"#, &["/limits/deals not_supported_yet"]);
        check(r#""when": "immediately""#, r#""when": "signal""#, &["/start/when not_supported_yet"]);
        let custom = r#""reference": "base", "steps": [{"deviation": "1"}]}"#;
        check(r#""reference": "base"}"#, custom, &["/averaging/steps not_supported_yet"]);
    }

    #[test]
    fn words_that_nobody_knows_and_settings_without_default_are_named_all_at_once() {
        check(r#""direction": "long""#, r#""direction": "up""#, &["/direction unknown_value"]);
        check(r#""pair": "ETH-USDT""#, r#""pair": "ETHUSDT""#, &["/pair unknown_value"]);
        let faults = BotForm::default().parse().unwrap_err();
        let found: Vec<_> = faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.code)).collect();
        let required = ["/kind", "/name", "/pair", "/base_order/amount", "/take_profit"];
        assert_eq!(found, required.map(|pointer| format!("{pointer} required")));
        assert!(serde_json::from_str::<BotForm>(r#"{"kind": "dca", "leverage": "3"}"#).is_err());
        assert!(serde_json::from_str::<BotForm>(r#"{"limits": {"speed": 1}}"#).is_err());
    }

    #[test]
    fn a_ladder_that_would_cost_more_than_money_exists_is_refused() {
        let ladder = r#""count": 30, "active": 2, "deviation_pct": "0.01", "step_scale": "1", "volume_scale": "10""#;
        let old = "\"count\": 3, \"active\": 2, \"deviation_pct\": \"1\",\n                      \"step_scale\": \"4\", \"volume_scale\": \"1.7\"";
        check(old, ladder, &["/averaging/volume_scale ladder_too_expensive"]);
    }
}
