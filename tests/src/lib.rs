//! The world in which stories are told: the whole product in memory, a clock and a market that the story moves, faults
//! where it wants them.

pub mod contract;
pub mod forms;
pub mod problem_pages;
pub mod runtime_api;
pub mod world;
