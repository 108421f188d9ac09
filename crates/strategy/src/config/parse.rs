//! The door: a form becomes a [`DcaConfig`] or a list of faults.
//!
//! Amounts and percentages are decimal strings; a JSON number is refused at its pointer, since it may already have lost
//! digits. Unknown fields are refused. Never guesses: what is missing or not supported yet is named, all at once.

use std::str::FromStr;

use super::form::{AveragingForm, Later, StopLossForm, TakeProfitForm, Text, Whole};
use super::{
    AfterStop, Averaging, BotForm, BotSettings, ConfigFault, DcaConfig, DcaForm, Direction, EntryType, LadderReference,
    ProfitOf, QuantityRounding, ReferencePrice, StartWhen, StopLoss, StopReference, Strategy, TakeProfit,
};
use crate::ladder;
use crate::market::Pair;
use crate::money::{Amount, Factor, NotMoney, Percent};

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
}

impl BotForm {
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

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
