//! What is written together, one file per verb and noun.

pub mod spend_step_up;
pub mod spend_factor;
