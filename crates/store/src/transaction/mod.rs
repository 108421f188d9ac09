//! What is written together, one file per verb and noun.

