//! Requests of hostile shape: each has one meaning or is refused.
