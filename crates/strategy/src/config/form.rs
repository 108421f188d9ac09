//! The JSON form of a bot's configuration, as the API takes it and gives it back. Never checks anything: `parse` does.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    AfterStop, DcaConfig, Direction, EntryType, LadderReference, ProfitOf, QuantityRounding, ReferencePrice,
    StopReference, Strategy,
};
use crate::market::Pair;

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
        #[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, schemars::JsonSchema)]
        #[serde(remote = "Self", default, deny_unknown_fields)]
        pub struct $name { $($(#[$field_doc])* pub $field: Option<$kind>,)* }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                // A derived reader takes an array of the fields in order as well; the contract does not.
                struct Object;
                impl<'de> Visitor<'de> for Object {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str("an object") }
                    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<$name, A::Error> {
                        $name::deserialize(MapAccessDeserializer::new(map))
                    }
                }
                from.deserialize_map(Object)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> { $name::serialize(self, to) }
        }
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

impl DcaConfig {
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
