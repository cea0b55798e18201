//! Hot. Single-use ECDSA nonces computed ahead, so that a signature costs one multiplication.
//!
//! In s = k^-1 (z + r d) only z depends on the message. A cold thread ([`PoolFiller`]) draws k and
//! stores (k^-1, r d k^-1, r, parity of R.y); the thread that sends ([`PoolTaker`]) takes one and
//! computes s = k^-1 z + r d k^-1: about 0.1 us instead of 38. An entry is as secret as the key:
//! with the published s it gives d, and two messages under one k give d to everybody. Hence:
//!
//! * k = reduce(keccak(0 || seed) || keccak(1 || seed)), seed = 64 fresh bytes of the operating
//!   system, the hash of the key, and a counter. 512 bits mod a 256-bit order are uniform to
//!   2^-256 (a bias of a few bits would be enough for a lattice attack); the counter and the key
//!   keep k distinct and secret even from bytes that repeat or that somebody else chose; no
//!   message takes part.
//! * One producer and one consumer by type: neither end is `Clone`. A slot is overwritten with
//!   zeros before its entry is used, and a zero entry is refused, so a fault in the index would
//!   find nothing to reuse.
//! * Entries live in this memory only. They must not outlive the process in a core dump, in swap
//!   or in a machine snapshot: lock memory, forbid dumps, and leave the pool off where a machine
//!   can be suspended and resumed from an image.
//! * An empty pool is no error: the caller signs the RFC 6979 way and counts it.
//!
//! The slots are words of `AtomicU64` between two counters, which makes a wiping queue without
//! `unsafe`: a queue that moves values out leaves their bytes behind in its buffer.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, compiler_fence};

use crossbeam::utils::CachePadded;
use k256::elliptic_curve::ff::FromUniformBytes;
use k256::elliptic_curve::ops::Reduce;
use k256::elliptic_curve::point::AffineCoordinates;
use k256::elliptic_curve::scalar::{FromUintUnchecked, IsHigh};
use k256::elliptic_curve::subtle::ConditionallySelectable;
use k256::{FieldBytes, ProjectivePoint, Scalar, U256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{Address, Signature, Signer, keccak256};

/// What is known of a signature before its message: three numbers of four words and a bit.
#[derive(Default, Zeroize, ZeroizeOnDrop)]
struct Entry {
    k_inverse: [u64; 4],
    /// r d k^-1.
    key_term: [u64; 4],
    r: [u64; 4],
    y_is_odd: u64,
}

/// The words of an [`Entry`].
const WORDS: usize = 13;

/// Two cache lines, so that filling one slot does not disturb the taking of its neighbour.
#[repr(align(128))]
#[derive(Default)]
struct Slot([AtomicU64; WORDS]);

struct Shared {
    slots: Box<[Slot]>,
    /// Entries taken so far; written by the taker.
    taken: CachePadded<AtomicU64>,
    /// Entries stored so far; written by the filler.
    stored: CachePadded<AtomicU64>,
}

/// Makes an empty pool of at least `capacity` entries (rounded up to a power of two) for the key
/// of `signer`.
///
/// # Panics
/// When `capacity` is zero or above 2^20, which is 128 MiB.
pub fn nonce_pool(signer: &Signer, capacity: usize) -> (PoolFiller, PoolTaker) {
    assert!((1..=1 << 20).contains(&capacity), "a pool has between 1 and 2^20 entries");
    let shared = Arc::new(Shared {
        slots: (0..capacity.next_power_of_two()).map(|_| Slot::default()).collect(),
        taken: CachePadded::new(AtomicU64::new(0)),
        stored: CachePadded::new(AtomicU64::new(0)),
    });
    let key = Box::new(Zeroizing::new(*signer.secret().as_ref()));
    let mut message = Zeroizing::new([0; 52]);
    message[..20].copy_from_slice(b"evenkeel nonce pool:");
    message[20..].copy_from_slice(&Zeroizing::new(<[u8; 32]>::from(key.to_bytes()))[..]);
    let mix = Box::new(Zeroizing::new(keccak256(&message[..])));
    let filler = PoolFiller { shared: Arc::clone(&shared), key, mix, counter: 0 };
    (filler, PoolTaker { shared, address: signer.address() })
}

/// The producing end: holds the key, belongs to a cold thread.
pub struct PoolFiller {
    shared: Arc<Shared>,
    key: Box<Zeroizing<Scalar>>,
    /// A hash of the key.
    mix: Box<Zeroizing<[u8; 32]>>,
    /// Nonces drawn so far.
    counter: u64,
}

/// The operating system gave no random bytes; nothing was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillError;

impl fmt::Display for FillError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no randomness from the operating system")
    }
}

impl std::error::Error for FillError {}

impl PoolFiller {
    /// Adds up to `most` entries, about 36 us each, and returns how many: fewer when the pool is
    /// full.
    pub fn fill(&mut self, most: usize) -> Result<usize, FillError> {
        for done in 0..most {
            let stored = self.shared.stored.load(Ordering::Relaxed);
            let taken = self.shared.taken.load(Ordering::Acquire);
            if stored - taken == self.shared.slots.len() as u64 {
                return Ok(done);
            }
            let entry = self.draw()?;
            self.shared.slot(stored).put(&entry);
            self.shared.stored.store(stored + 1, Ordering::Release);
        }
        Ok(most)
    }

    /// Entries ready to be taken.
    pub fn level(&self) -> usize {
        self.shared.level()
    }

    fn draw(&mut self) -> Result<Entry, FillError> {
        loop {
            let mut random = Zeroizing::new([0; 64]);
            getrandom::fill(&mut random[..]).map_err(|_| FillError)?;
            self.counter += 1;
            let k = derive(&random, &self.mix, self.counter);
            if let Some(entry) = entry(&k, &self.key) {
                return Ok(entry);
            }
        }
    }
}

impl fmt::Debug for PoolFiller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PoolFiller({} ready, key redacted)", self.level())
    }
}

/// A nonce from 64 random bytes, the hash of the key and a counter.
fn derive(random: &[u8; 64], mix: &[u8; 32], counter: u64) -> Zeroizing<Scalar> {
    let mut seed = Zeroizing::new([0; 105]); // one block
    seed[1..65].copy_from_slice(random);
    seed[65..97].copy_from_slice(mix);
    seed[97..].copy_from_slice(&counter.to_be_bytes());
    let mut wide = Zeroizing::new([0; 64]);
    for (i, half) in wide.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        seed[0] = i as u8;
        *half = keccak256(&seed[..]);
    }
    Zeroizing::new(Scalar::from_uniform_bytes(&wide))
}

/// `None` in the cases of probability 2^-128 that a signature would have to treat apart: k or r
/// zero, or x of R not below the order.
fn entry(k: &Scalar, key: &Scalar) -> Option<Entry> {
    let k_inverse = Zeroizing::new(k.invert().into_option()?);
    let point = ProjectivePoint::mul_by_generator(k).to_affine();
    let x = point.x();
    let r = <Scalar as Reduce<FieldBytes>>::reduce(&x);
    if bool::from(r.is_zero()) || r.to_bytes() != x {
        return None;
    }
    let key_term = Zeroizing::new(r * key * *k_inverse);
    Some(Entry {
        k_inverse: U256::from(*k_inverse).to_words(),
        key_term: U256::from(*key_term).to_words(),
        r: U256::from(r).to_words(),
        y_is_odd: point.y_is_odd().unwrap_u8().into(),
    })
}

/// The consuming end: belongs to the thread that sends orders.
pub struct PoolTaker {
    shared: Arc<Shared>,
    address: Address,
}

impl PoolTaker {
    /// Entries ready to be taken.
    pub fn level(&self) -> usize {
        self.shared.level()
    }

    /// Takes one entry and wipes its slot; `None` when the pool is empty.
    #[inline]
    fn take(&mut self) -> Option<Entry> {
        let taken = self.shared.taken.load(Ordering::Relaxed);
        if taken == self.shared.stored.load(Ordering::Acquire) {
            return None;
        }
        let entry = self.shared.slot(taken).take();
        self.shared.taken.store(taken + 1, Ordering::Release);
        entry.is_usable().then_some(entry)
    }
}

impl fmt::Debug for PoolTaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PoolTaker({} ready)", self.level())
    }
}

impl Entry {
    /// False for a wiped entry.
    #[inline]
    fn is_usable(&self) -> bool {
        self.r != [0; 4]
    }

    /// s = k^-1 z + r d k^-1, the low one of s and -s; `None` when it is zero (2^-256).
    #[inline]
    fn sign(&self, digest: &[u8; 32]) -> Option<Signature> {
        // Below the order since `entry` made them.
        let scalar = |words| Scalar::from_uint_unchecked(U256::from_words(words));
        let z = <Scalar as Reduce<FieldBytes>>::reduce(&(*digest).into());
        let s = scalar(self.k_inverse) * z + scalar(self.key_term);
        if bool::from(s.is_zero()) {
            return None;
        }
        let high = s.is_high();
        let low = Scalar::conditional_select(&s, &s.negate(), high);
        // -s belongs to -R, whose y has the other parity.
        let v = 27 + (self.y_is_odd as u8 ^ high.unwrap_u8());
        let r = scalar(self.r).to_bytes();
        Some(Signature { r: r.into(), s: low.to_bytes().into(), v })
    }
}

impl Shared {
    #[inline]
    fn slot(&self, number: u64) -> &Slot {
        // The length is a power of two.
        &self.slots[(number & (self.slots.len() as u64 - 1)) as usize]
    }

    fn level(&self) -> usize {
        let taken = self.taken.load(Ordering::Acquire);
        (self.stored.load(Ordering::Acquire) - taken) as usize
    }
}

impl Slot {
    /// Relaxed stores: the counter that is stored after them publishes them.
    fn put(&self, entry: &Entry) {
        let numbers = [&entry.k_inverse, &entry.key_term, &entry.r];
        for (words, number) in self.0.as_chunks::<4>().0.iter().zip(numbers) {
            for (word, value) in words.iter().zip(number) {
                word.store(*value, Ordering::Relaxed);
            }
        }
        self.0[WORDS - 1].store(entry.y_is_odd, Ordering::Relaxed);
    }

    #[inline]
    fn take(&self) -> Entry {
        let word = |at: usize| self.0[at].load(Ordering::Relaxed);
        let number = |at| [word(at), word(at + 1), word(at + 2), word(at + 3)];
        let entry = Entry {
            k_inverse: number(0),
            key_term: number(4),
            r: number(8),
            y_is_odd: word(WORDS - 1),
        };
        self.wipe();
        entry
    }

    #[inline]
    fn wipe(&self) {
        for word in &self.0 {
            word.store(0, Ordering::Relaxed);
        }
        compiler_fence(Ordering::SeqCst);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// What the sending thread signs with: the pool when there is one and it has an entry, otherwise
/// RFC 6979.
pub struct PooledSigner {
    signer: Signer,
    pool: Option<PoolTaker>,
    /// The next entry in this thread's own memory; zero when there is none.
    staged: Entry,
    /// Signatures made with an entry of the pool.
    pub pooled: u64,
    /// Signatures made the slow way although there is a pool: it was empty.
    pub fallbacks: u64,
}

impl PooledSigner {
    /// Signs the RFC 6979 way only.
    pub fn deterministic(signer: Signer) -> PooledSigner {
        PooledSigner { signer, pool: None, staged: Entry::default(), pooled: 0, fallbacks: 0 }
    }

    /// # Panics
    /// When the pool was made for another key.
    pub fn with_pool(signer: Signer, pool: PoolTaker) -> PooledSigner {
        assert_eq!(signer.address(), pool.address, "a pool belongs to one key");
        let pool = Some(pool);
        PooledSigner { signer, pool, staged: Entry::default(), pooled: 0, fallbacks: 0 }
    }

    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// Entries that are ready; zero without a pool.
    pub fn level(&self) -> usize {
        self.pool.as_ref().map_or(0, PoolTaker::level) + usize::from(self.staged.is_usable())
    }

    /// Takes the next entry out of the pool ahead of its use. For the idle step after a send: the
    /// two cache lines of a slot were written on another core, and fetching them costs more than
    /// the signature.
    #[inline]
    pub fn prime(&mut self) {
        if !self.staged.is_usable()
            && let Some(entry) = self.pool.as_mut().and_then(PoolTaker::take)
        {
            self.staged = entry;
        }
    }

    #[inline]
    pub fn sign(&mut self, digest: &[u8; 32]) -> Signature {
        if self.pool.is_none() {
            return self.signer.sign(digest);
        }
        self.prime();
        if !self.staged.is_usable() {
            return self.fall_back(digest);
        }
        let signature = self.staged.sign(digest);
        self.staged.zeroize();
        let Some(signature) = signature else {
            return self.fall_back(digest);
        };
        self.pooled += 1;
        signature
    }

    #[cold]
    fn fall_back(&mut self, digest: &[u8; 32]) -> Signature {
        self.fallbacks += 1;
        self.signer.sign(digest)
    }
}

impl fmt::Debug for PooledSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PooledSigner({:?}, {} nonces ready)", self.signer, self.level())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Signer {
        Signer::new([0x42; 32]).unwrap()
    }

    #[test]
    fn pooled_signatures_recover_to_the_key() {
        let (mut filler, taker) = nonce_pool(&signer(), 64);
        assert_eq!(filler.fill(1000), Ok(64), "a full pool takes no more");
        let mut signer = PooledSigner::with_pool(signer(), taker);
        for i in 0..64u8 {
            let digest = keccak256(&[i]);
            let signature = signer.sign(&digest);
            assert_eq!(signature.recover(&digest), Some(signer.address()), "{i}");
            assert!(signature.s[0] < 0x80, "s is low");
        }
        assert_eq!((signer.pooled, signer.fallbacks, signer.level()), (64, 0, 0));
    }

    #[test]
    fn an_empty_pool_signs_the_deterministic_way_and_counts() {
        let (mut filler, taker) = nonce_pool(&signer(), 1);
        let mut pooled = PooledSigner::with_pool(signer(), taker);
        let digest = keccak256(b"order");
        assert_eq!(pooled.sign(&digest), signer().sign(&digest));
        assert_eq!((pooled.pooled, pooled.fallbacks), (0, 1));
        assert_eq!(filler.fill(1), Ok(1));
        assert_ne!(pooled.sign(&digest), signer().sign(&digest), "k is not a function of the key");
        assert_eq!((pooled.pooled, pooled.fallbacks), (1, 1));
    }

    #[test]
    fn a_taken_slot_is_wiped_and_a_wiped_slot_is_refused() {
        let (mut filler, mut taker) = nonce_pool(&signer(), 2);
        filler.fill(2).unwrap();
        let zero = |slot: &Slot| slot.0.iter().all(|word| word.load(Ordering::Relaxed) == 0);
        let shared = Arc::clone(&taker.shared);
        assert!(!zero(&shared.slots[0]) && !zero(&shared.slots[1]));
        assert!(taker.take().is_some());
        assert!(zero(&shared.slots[0]) && !zero(&shared.slots[1]));
        assert!(taker.take().is_some() && taker.take().is_none());
        // An index that went wrong finds zeros, not an old nonce.
        shared.stored.store(3, Ordering::Release);
        assert!(taker.take().is_none());
    }

    #[test]
    fn a_primed_entry_signs_once() {
        let (mut filler, taker) = nonce_pool(&signer(), 2);
        let mut pooled = PooledSigner::with_pool(signer(), taker);
        pooled.prime();
        assert!(!pooled.staged.is_usable(), "nothing to take yet");
        filler.fill(2).unwrap();
        pooled.prime();
        pooled.prime();
        assert_eq!((filler.level(), pooled.level()), (1, 2), "one is staged, not two");
        let digest = keccak256(b"order");
        let first = pooled.sign(&digest);
        assert_eq!(pooled.staged.k_inverse, [0; 4], "wiped");
        let second = pooled.sign(&digest);
        assert_ne!(first.r, second.r);
        for signature in [first, second] {
            assert_eq!(signature.recover(&digest), Some(pooled.address()));
        }
        assert_eq!((pooled.pooled, pooled.level()), (2, 0));
    }

    #[test]
    fn nonces_differ_when_the_random_bytes_repeat() {
        let (random, mix) = ([9; 64], [1; 32]);
        let first = derive(&random, &mix, 1);
        assert_eq!(*first, *derive(&random, &mix, 1));
        for other in [derive(&random, &mix, 2), derive(&random, &[2; 32], 1)] {
            assert_ne!(*first, *other);
        }
        assert_ne!(*first, *derive(&[8; 64], &mix, 1));
    }

    #[test]
    fn degenerate_nonces_make_no_entry() {
        let key = *signer().secret().as_ref();
        assert!(entry(&Scalar::ZERO, &key).is_none());
        assert!(entry(&Scalar::ONE, &key).is_some());
    }

    #[test]
    #[should_panic(expected = "a pool belongs to one key")]
    fn a_pool_of_another_key_is_a_programmer_error() {
        let (_, taker) = nonce_pool(&signer(), 1);
        PooledSigner::with_pool(Signer::new([0x43; 32]).unwrap(), taker);
    }
}
