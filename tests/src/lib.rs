//! The world in which stories are told: the whole product in memory, a clock and a market that the story moves, faults
//! where it wants them.

#![expect(missing_debug_implementations, reason = "nobody prints a world")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a story that cannot go on fails its test")]

pub mod runtime_api;
pub mod world;
