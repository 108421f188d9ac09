//! Written by its owner.
pub(crate) fn decide_dca(_: crate::id::BotId, _: &crate::config::DcaConfig, deal: &crate::deal::Deal, _: &[crate::order::KnownOrder], _: &crate::market::MarketView<'_>) -> crate::decide::Decision {
    crate::decide::Decision { deal: deal.clone(), actions: vec![], wakes: crate::wake::Wakes::NONE, timeline: vec![], stop_bot: false }
}
