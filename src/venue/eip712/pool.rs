//! Hot. Single-use ECDSA nonces computed ahead, so that a signature costs one multiplication.
//!
//! In s = k^-1 (z + r d) only z depends on the message. A cold thread ([`PoolFiller`]) draws k and
//! stores (k^-1, r d k^-1, r, parity of R.y); the thread that sends ([`PoolTaker`]) takes one and
//! computes s = k^-1 z + r d k^-1: about 0.1 us instead of 38. An entry is as secret as the key:
//! with the published s it gives d, and two messages under one k give d to everybody. Hence:
//!
//! * k is 512 bits of [`super::super::nonces`] mod the order: uniform to 2^-256, distinct and secret
//!   even from a poor source of randomness; no message takes part.
//! * One producer and one consumer by type. A slot is overwritten with zeros before its entry is
//!   used, and a zero entry is refused.
//! * Entries live in this memory only. They must not outlive the process in a core dump, in swap
//!   or in a machine snapshot: lock memory, forbid dumps, and leave the pool off where a machine
//!   can be suspended and resumed from an image.
//! * An empty pool is no error: the caller signs the RFC 6979 way and counts it.

use std::fmt;

use k256::elliptic_curve::ff::FromUniformBytes;
use k256::elliptic_curve::ops::Reduce;
use k256::elliptic_curve::point::AffineCoordinates;
use k256::elliptic_curve::scalar::{FromUintUnchecked, IsHigh};
use k256::elliptic_curve::subtle::ConditionallySelectable;
use k256::{FieldBytes, ProjectivePoint, Scalar, U256};
use zeroize::{Zeroize, Zeroizing};

use super::{Address, Signature, Signer};
use crate::venue::nonces::{NonceSource, RingFiller, RingTaker, Staged, wiping_ring};

pub use crate::venue::nonces::FillError;

/// Words of an [`Entry`].
const WORDS: usize = 13;

/// What is known of a signature before its message: k^-1, r d k^-1 and r of four words each, and
/// the parity of R.y.
#[derive(Default)]
struct Entry(Staged<WORDS>);

/// Makes an empty pool of at least `capacity` entries (rounded up to a power of two) for the key
/// of `signer`.
///
/// # Panics
/// When `capacity` is zero or above 2^20, which is 128 MiB.
pub fn nonce_pool(signer: &Signer, capacity: usize) -> (PoolFiller, PoolTaker) {
    let (filler, taker) = wiping_ring(capacity);
    let key = Box::new(Zeroizing::new(*signer.secret().as_ref()));
    let bytes = Zeroizing::new(<[u8; 32]>::from(key.to_bytes()));
    let source = NonceSource::new(b"evenkeel nonce pool:", &bytes[..]);
    (PoolFiller { ring: filler, key, source }, PoolTaker { ring: taker, address: signer.address() })
}

/// The producing end: holds the key, belongs to a cold thread.
pub struct PoolFiller {
    ring: RingFiller<WORDS>,
    key: Box<Zeroizing<Scalar>>,
    source: NonceSource,
}

impl PoolFiller {
    /// Adds up to `most` entries, about 36 us each, and returns how many: fewer when the pool is
    /// full.
    pub fn fill(&mut self, most: usize) -> Result<usize, FillError> {
        for done in 0..most {
            if self.ring.is_full() {
                return Ok(done);
            }
            let entry = self.draw()?;
            assert!(self.ring.put(&entry.0.0), "only this end fills");
        }
        Ok(most)
    }

    /// Entries ready to be taken.
    pub fn level(&self) -> usize {
        self.ring.level()
    }

    fn draw(&mut self) -> Result<Entry, FillError> {
        loop {
            let k = Zeroizing::new(Scalar::from_uniform_bytes(&*self.source.draw()?));
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
    let mut entry = Entry::default();
    let numbers = [*k_inverse, *key_term, r];
    for (words, number) in entry.0.0.as_chunks_mut::<4>().0.iter_mut().zip(numbers) {
        *words = U256::from(number).to_words();
    }
    entry.0.0[WORDS - 1] = point.y_is_odd().unwrap_u8().into();
    Some(entry)
}

/// The consuming end: belongs to the thread that sends orders.
pub struct PoolTaker {
    ring: RingTaker<WORDS>,
    address: Address,
}

impl PoolTaker {
    /// Entries ready to be taken.
    pub fn level(&self) -> usize {
        self.ring.level()
    }

    /// Takes one entry and wipes its slot; `None` when the pool is empty.
    #[inline]
    fn take(&mut self) -> Option<Entry> {
        let mut entry = Entry::default();
        self.ring.take(&mut entry.0.0);
        entry.is_usable().then_some(entry)
    }
}

impl fmt::Debug for PoolTaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PoolTaker({} ready)", self.level())
    }
}

impl Entry {
    #[inline]
    fn number(&self, at: usize) -> [u64; 4] {
        self.0.0.as_chunks::<4>().0[at]
    }

    /// False for a wiped entry.
    #[inline]
    fn is_usable(&self) -> bool {
        self.number(2) != [0; 4]
    }

    /// s = k^-1 z + r d k^-1, the low one of s and -s; `None` when it is zero (2^-256).
    #[inline]
    fn sign(&self, digest: &[u8; 32]) -> Option<Signature> {
        // Below the order since `entry` made them.
        let scalar = |words| Scalar::from_uint_unchecked(U256::from_words(words));
        let z = <Scalar as Reduce<FieldBytes>>::reduce(&(*digest).into());
        let s = scalar(self.number(0)) * z + scalar(self.number(1));
        if bool::from(s.is_zero()) {
            return None;
        }
        let high = s.is_high();
        let low = Scalar::conditional_select(&s, &s.negate(), high);
        // -s belongs to -R, whose y has the other parity.
        let v = 27 + (self.0.0[WORDS - 1] as u8 ^ high.unwrap_u8());
        let r = scalar(self.number(2)).to_bytes();
        Some(Signature { r: r.into(), s: low.to_bytes().into(), v })
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
        self.staged.0.zeroize();
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
    use crate::venue::eip712::keccak256;

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
    fn a_wiped_entry_is_refused() {
        let (mut filler, mut taker) = nonce_pool(&signer(), 2);
        filler.fill(1).unwrap();
        assert!(taker.take().is_some() && taker.take().is_none());
        assert!(filler.ring.put(&[0; WORDS]));
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
        assert_eq!(pooled.staged.0.0, [0; WORDS], "wiped");
        let second = pooled.sign(&digest);
        assert_ne!(first.r, second.r);
        for signature in [first, second] {
            assert_eq!(signature.recover(&digest), Some(pooled.address()));
        }
        assert_eq!((pooled.pooled, pooled.level()), (2, 0));
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
