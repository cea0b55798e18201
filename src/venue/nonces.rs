//! Hot. Single-use secrets made ahead: where nonces come from and the queue that wipes itself.
//!
//! Both signing schemes (ECDSA and Schnorr over ecGFp5) have a secret number k per signature that
//! does not depend on the message, and both lose the key when one k signs twice or when k is
//! biased by a few bits. So both use what is here:
//!
//! * [`NonceSource`]: keccak(0 || seed) || keccak(1 || seed), seed = 64 fresh bytes of the operating
//!   system, the hash of the key, and a counter. 512 bits mod the order of the group are uniform
//!   to 2^-193 or better; the counter and the key keep k distinct and secret even from bytes that
//!   repeat or that somebody else chose.
//! * [`wiping_ring`]: one producer and one consumer by type (neither end is `Clone`). A slot is
//!   overwritten with zeros before its entry is used, and the owner refuses a zero entry, so a fault
//!   in the index would find nothing to reuse.
//!
//! The slots are words of `AtomicU64` between two counters, which makes a wiping queue without
//! `unsafe`: a queue that moves values out leaves their bytes behind in its buffer.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, compiler_fence};

use crossbeam::utils::CachePadded;
use zeroize::{Zeroize, Zeroizing};

use super::eip712::keccak256;

/// The operating system gave no random bytes; nothing was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillError;

impl fmt::Display for FillError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no randomness from the operating system")
    }
}

impl std::error::Error for FillError {}

/// Draws 512-bit numbers for one key.
pub(super) struct NonceSource {
    /// A hash of the key.
    mix: Box<Zeroizing<[u8; 32]>>,
    /// Numbers drawn so far.
    counter: u64,
}

/// The longest key and message that a source takes.
const PART_MAX: usize = 40;

impl NonceSource {
    /// `label` keeps the uses of one key apart.
    pub(super) fn new(label: &[u8; 20], key: &[u8]) -> NonceSource {
        let mut message = Zeroizing::new([0; 20 + PART_MAX]);
        message[..20].copy_from_slice(label);
        message[20..20 + key.len()].copy_from_slice(key);
        NonceSource {
            mix: Box::new(Zeroizing::new(keccak256(&message[..20 + key.len()]))),
            counter: 0,
        }
    }

    /// A number that no message takes part in.
    pub(super) fn draw(&mut self) -> Result<Zeroizing<[u8; 64]>, FillError> {
        let mut random = Zeroizing::new([0; 64]);
        getrandom::fill(&mut random[..]).map_err(|_| FillError)?;
        self.counter += 1;
        Ok(derive(&random, &self.mix, self.counter, &[]))
    }

    /// A number for one message, and whether the operating system had a part in it. Without, it is
    /// still a secret function of key, counter and message, as a deterministic signature's.
    pub(super) fn draw_for(&mut self, message: &[u8; PART_MAX]) -> (Zeroizing<[u8; 64]>, bool) {
        let mut random = Zeroizing::new([0; 64]);
        let seeded = getrandom::fill(&mut random[..]).is_ok();
        self.counter += 1;
        (derive(&random, &self.mix, self.counter, message), seeded)
    }
}

/// 64 bytes from random ones, the hash of the key, a counter, and a message of no or 40 bytes.
fn derive(random: &[u8; 64], mix: &[u8; 32], counter: u64, message: &[u8]) -> Zeroizing<[u8; 64]> {
    let mut seed = Zeroizing::new([0; 105 + PART_MAX]);
    seed[1..65].copy_from_slice(random);
    seed[65..97].copy_from_slice(mix);
    seed[97..105].copy_from_slice(&counter.to_be_bytes());
    seed[105..105 + message.len()].copy_from_slice(message);
    let mut wide = Zeroizing::new([0; 64]);
    for (i, half) in wide.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        seed[0] = i as u8;
        *half = keccak256(&seed[..105 + message.len()]);
    }
    wide
}

/// Two cache lines, so that filling one slot does not disturb the taking of its neighbour.
#[repr(align(128))]
struct Slot<const WORDS: usize>([AtomicU64; WORDS]);

struct Shared<const WORDS: usize> {
    slots: Box<[Slot<WORDS>]>,
    /// Entries taken so far; written by the taker.
    taken: CachePadded<AtomicU64>,
    /// Entries stored so far; written by the filler.
    stored: CachePadded<AtomicU64>,
}

/// The producing end.
pub(super) struct RingFiller<const WORDS: usize>(Arc<Shared<WORDS>>);

/// The consuming end.
pub(super) struct RingTaker<const WORDS: usize>(Arc<Shared<WORDS>>);

/// An empty ring of at least `capacity` entries (rounded up to a power of two).
///
/// # Panics
/// When `capacity` is zero or above 2^20, which is 128 MiB.
pub(super) fn wiping_ring<const WORDS: usize>(
    capacity: usize,
) -> (RingFiller<WORDS>, RingTaker<WORDS>) {
    assert!((1..=1 << 20).contains(&capacity), "a pool has between 1 and 2^20 entries");
    let slot = || Slot(std::array::from_fn(|_| AtomicU64::new(0)));
    let shared = Arc::new(Shared {
        slots: (0..capacity.next_power_of_two()).map(|_| slot()).collect(),
        taken: CachePadded::new(AtomicU64::new(0)),
        stored: CachePadded::new(AtomicU64::new(0)),
    });
    (RingFiller(Arc::clone(&shared)), RingTaker(shared))
}

impl<const WORDS: usize> RingFiller<WORDS> {
    pub(super) fn is_full(&self) -> bool {
        let stored = self.0.stored.load(Ordering::Relaxed);
        stored - self.0.taken.load(Ordering::Acquire) == self.0.slots.len() as u64
    }

    /// Stores an entry. For a ring that is not full; `false`, and nothing stored, when it is.
    pub(super) fn put(&mut self, words: &[u64; WORDS]) -> bool {
        if self.is_full() {
            return false;
        }
        let stored = self.0.stored.load(Ordering::Relaxed);
        // Relaxed stores: the counter that is stored after them publishes them.
        for (place, &word) in self.0.slot(stored).0.iter().zip(words) {
            place.store(word, Ordering::Relaxed);
        }
        self.0.stored.store(stored + 1, Ordering::Release);
        true
    }

    pub(super) fn level(&self) -> usize {
        self.0.level()
    }
}

impl<const WORDS: usize> RingTaker<WORDS> {
    /// Moves the oldest entry to `words` and wipes its slot; `false` when there is none.
    #[inline]
    pub(super) fn take(&mut self, words: &mut [u64; WORDS]) -> bool {
        let taken = self.0.taken.load(Ordering::Relaxed);
        if taken == self.0.stored.load(Ordering::Acquire) {
            return false;
        }
        let slot = self.0.slot(taken);
        for (word, place) in words.iter_mut().zip(&slot.0) {
            *word = place.load(Ordering::Relaxed);
        }
        slot.wipe();
        self.0.taken.store(taken + 1, Ordering::Release);
        true
    }

    pub(super) fn level(&self) -> usize {
        self.0.level()
    }
}

impl<const WORDS: usize> Shared<WORDS> {
    #[inline]
    fn slot(&self, number: u64) -> &Slot<WORDS> {
        // The length is a power of two.
        &self.slots[(number & (self.slots.len() as u64 - 1)) as usize]
    }

    fn level(&self) -> usize {
        let taken = self.taken.load(Ordering::Acquire);
        (self.stored.load(Ordering::Acquire) - taken) as usize
    }
}

impl<const WORDS: usize> Slot<WORDS> {
    #[inline]
    fn wipe(&self) {
        for word in &self.0 {
            word.store(0, Ordering::Relaxed);
        }
        compiler_fence(Ordering::SeqCst);
    }
}

impl<const WORDS: usize> Drop for Slot<WORDS> {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// An entry in its owner's own memory, wiped when dropped.
pub(super) struct Staged<const WORDS: usize>(pub(super) [u64; WORDS]);

impl<const WORDS: usize> Default for Staged<WORDS> {
    fn default() -> Self {
        Staged([0; WORDS])
    }
}

impl<const WORDS: usize> Zeroize for Staged<WORDS> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl<const WORDS: usize> Drop for Staged<WORDS> {
    fn drop(&mut self) {
        self.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_slot_is_wiped_and_an_index_gone_wrong_finds_zeros() {
        let (mut filler, mut taker) = wiping_ring::<3>(2);
        assert!(filler.put(&[1, 2, 3]) && filler.put(&[4, 5, 6]));
        assert!(filler.is_full() && !filler.put(&[7, 8, 9]));
        let zero = |slot: &Slot<3>| slot.0.iter().all(|word| word.load(Ordering::Relaxed) == 0);
        let shared = Arc::clone(&taker.0);
        let mut words = [0; 3];
        assert!(taker.take(&mut words));
        assert_eq!(words, [1, 2, 3]);
        assert!(zero(&shared.slots[0]) && !zero(&shared.slots[1]));
        assert!(taker.take(&mut words) && !taker.take(&mut words));
        assert_eq!(words, [4, 5, 6], "an empty ring changes nothing");
        shared.stored.store(3, Ordering::Release);
        assert!(taker.take(&mut words));
        assert_eq!(words, [0; 3]);
    }

    #[test]
    fn numbers_differ_when_the_random_bytes_repeat() {
        let (random, mix, message) = ([9; 64], [1; 32], [7; 40]);
        let first = derive(&random, &mix, 1, &[]);
        assert_eq!(*first, *derive(&random, &mix, 1, &[]));
        for other in [
            derive(&random, &mix, 2, &[]),
            derive(&random, &[2; 32], 1, &[]),
            derive(&[8; 64], &mix, 1, &[]),
            derive(&random, &mix, 1, &message),
        ] {
            assert_ne!(*first, *other);
        }
        assert_ne!(first[..32], first[32..]);
    }

    #[test]
    fn labels_keep_the_uses_of_a_key_apart() {
        let source = |label: &[u8; 20]| *NonceSource::new(label, &[5; 32]).mix.clone();
        assert_ne!(*source(b"evenkeel nonce pool:"), *source(b"evenkeel other pool:"));
    }
}
