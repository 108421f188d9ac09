//! The working memory of Argon2, kept between hashes: fresh memory costs a page fault for every 4 KiB, which is a third of
//! a hash (`docs/measurements.md`).
//!
//! Never keeps more than one piece, and never what a hash has left in it.

use std::sync::{Mutex, PoisonError};

use argon2::Block;

use super::HashFailed;

/// The one idle piece. Hashes that run at the same time get fresh memory.
static IDLE: Mutex<Vec<Block>> = Mutex::new(Vec::new());

/// Working memory of one hash. Wiped when it is given back.
pub(super) struct Memory(Vec<Block>);

impl Memory {
    /// At least so many blocks of 1 KiB. Fails when the machine has not so much memory.
    pub(super) fn of(blocks: usize) -> Result<Self, HashFailed> {
        let mut kept = std::mem::take(&mut *IDLE.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(missing) = blocks.checked_sub(kept.len()) {
            kept.try_reserve_exact(missing).map_err(|_| HashFailed)?;
            kept.resize(blocks, Block::new());
        }
        Ok(Self(kept))
    }
    /// The blocks.
    pub(super) fn blocks(&mut self) -> &mut [Block] {
        &mut self.0
    }
}
impl Drop for Memory {
    fn drop(&mut self) {
        // Another hash may read these bytes, so the writes are not left out by the compiler.
        self.0.fill(Block::new());
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.0.len() {
            *idle = std::mem::take(&mut self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_leaves_nothing_in_the_memory_of_the_next() {
        for _ in 0..50 {
            let mut memory = Memory::of(64).unwrap();
            assert!(memory.blocks().len() >= 64);
            assert!(memory.blocks().iter().all(|block| block.as_ref().iter().all(|&word| word == 0)));
            memory.blocks().iter_mut().for_each(|block| block.as_mut().fill(7));
        }
    }

    #[test]
    fn hashes_at_the_same_time_have_memory_of_their_own() {
        let (mut one, mut other) = (Memory::of(8).unwrap(), Memory::of(8).unwrap());
        one.blocks()[0].as_mut().fill(1);
        other.blocks()[0].as_mut().fill(2);
        assert_eq!((one.blocks()[0].as_ref()[0], other.blocks()[0].as_ref()[0]), (1, 2));
    }
}
