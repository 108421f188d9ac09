//! What is written together, one file per verb and noun.

pub mod authorise_cancel;
pub mod authorise_order;
pub mod authorise_query;
pub mod authorising;
pub mod spend_factor;
pub mod change_bot;
pub mod commit_decision;
pub mod create_bot;
pub mod mark_due;
pub mod spend_step_up;
pub mod start_deal;
pub mod sweep_intents;
pub mod sweep_outbox;
pub mod write_query;
pub mod sign_up;
pub mod verify_email;
pub mod start_session;
pub mod answer_challenge;
pub mod issue_step_up;
pub mod end_session;
pub mod abandon_secret;
pub mod attach_connection;
pub mod open_ledger;
pub mod record_outcome;
pub mod close_intent;
pub mod record_query;
