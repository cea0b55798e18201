//! Hot. Single-use pairs of k and r = encode(k G), made ahead.
//!
//! Only e and s depend on the message, so a cold thread ([`PoolFiller`]) computes k G and the
//! thread that sends ([`PoolTaker`]) is left with one hash and one product. A pair is as secret
//! as the key, for the reasons and with the rules of `venue::nonces`. Here only the pool
//! knows k: the filler does not hold the key, since r does not depend on it.
//!
//! Entries live in this memory only. They must not outlive the process in a core dump, in swap or
//! in a machine snapshot: lock memory, forbid dumps, and leave the pool off where a machine can
//! be suspended and resumed from an image. An empty pool is no error: the signer draws a nonce
//! itself and counts it.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

use super::ecgfp5::Point;
use super::quintic::Gf5;
use super::scalar::Scalar;
use super::schnorr::{PublicKey, Signature, Signer};
use crate::venue::nonces::{NonceSource, RingFiller, RingTaker, Staged, wiping_ring};

pub use crate::venue::nonces::FillError;

/// Five words of k, five of r.
const WORDS: usize = 10;

/// Makes an empty pool of at least `capacity` pairs (rounded up to a power of two) for the key of
/// `signer`.
///
/// # Panics
/// When `capacity` is zero or above 2^20, which is 128 MiB.
pub fn nonce_pool(signer: &Signer, capacity: usize) -> (PoolFiller, PoolTaker) {
    let (filler, taker) = wiping_ring(capacity);
    let filler = PoolFiller { ring: filler, source: signer.nonce_source() };
    (filler, PoolTaker { ring: taker, owner: signer.public_key() })
}

/// The producing end: belongs to a cold thread.
pub struct PoolFiller {
    ring: RingFiller<WORDS>,
    source: NonceSource,
}

impl PoolFiller {
    /// Adds up to `most` pairs, tens of microseconds each, and returns how many: fewer when the
    /// pool is full.
    pub fn fill(&mut self, most: usize) -> Result<usize, FillError> {
        for done in 0..most {
            if self.ring.is_full() {
                return Ok(done);
            }
            let k = Zeroizing::new(Scalar::from_wide(&*self.source.draw()?));
            assert!(self.ring.put(&pair(&k).0), "only this end fills");
        }
        Ok(most)
    }

    /// Pairs ready to be taken.
    pub fn level(&self) -> usize {
        self.ring.level()
    }
}

impl fmt::Debug for PoolFiller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PoolFiller({} ready)", self.level())
    }
}

/// k and r of k G. (A k of zero, 2^-319, would make an entry that the taker refuses.)
fn pair(k: &Scalar) -> Staged<WORDS> {
    let mut entry = Staged::default();
    let r = Point::multiply_generator(k).encode();
    entry.0[..5].copy_from_slice(k.words());
    entry.0[5..].copy_from_slice(&r.to_limbs());
    entry
}

/// The consuming end: belongs to the thread that sends orders.
pub struct PoolTaker {
    ring: RingTaker<WORDS>,
    owner: PublicKey,
}

impl PoolTaker {
    /// Pairs ready to be taken.
    pub fn level(&self) -> usize {
        self.ring.level()
    }
}

impl fmt::Debug for PoolTaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PoolTaker({} ready)", self.level())
    }
}

/// What the sending thread signs with: the pool when there is one and it has a pair, otherwise a
/// nonce drawn at once.
pub struct PooledSigner {
    signer: Signer,
    pool: Option<PoolTaker>,
    /// The next pair in this thread's own memory; zero when there is none.
    staged: Staged<WORDS>,
    /// Signatures made with a pair of the pool.
    pub pooled: u64,
    /// Signatures made the slow way although there is a pool: it was empty.
    pub fallbacks: u64,
}

impl PooledSigner {
    /// Draws every nonce when it signs.
    pub fn unpooled(signer: Signer) -> PooledSigner {
        PooledSigner { signer, pool: None, staged: Staged::default(), pooled: 0, fallbacks: 0 }
    }

    /// # Panics
    /// When the pool was made for another key.
    pub fn with_pool(signer: Signer, pool: PoolTaker) -> PooledSigner {
        assert_eq!(signer.public_key(), pool.owner, "a pool belongs to one key");
        PooledSigner { pool: Some(pool), ..PooledSigner::unpooled(signer) }
    }

    pub fn public_key(&self) -> PublicKey {
        self.signer.public_key()
    }

    /// Pairs that are ready; zero without a pool.
    pub fn level(&self) -> usize {
        self.pool.as_ref().map_or(0, PoolTaker::level) + usize::from(self.is_staged())
    }

    /// Signatures for which the operating system gave no random bytes.
    pub fn unseeded(&self) -> u64 {
        self.signer.unseeded
    }

    #[inline]
    fn is_staged(&self) -> bool {
        self.staged.0[..5] != [0; 5]
    }

    /// Takes the next pair out of the pool ahead of its use. For the idle step after a send: the
    /// lines of a slot were written on another core.
    #[inline]
    pub fn prime(&mut self) {
        if !self.is_staged()
            && let Some(pool) = &mut self.pool
        {
            pool.ring.take(&mut self.staged.0);
        }
    }

    #[inline]
    pub fn sign(&mut self, hash: &Gf5) -> Signature {
        if self.pool.is_none() {
            return self.signer.sign(hash);
        }
        self.prime();
        if !self.is_staged() {
            return self.fall_back(hash);
        }
        let (k, r) = self.staged.0.split_at(5);
        let word = |half: &[u64], i: usize| half[i];
        let k = Scalar::from_words(std::array::from_fn(|i| word(k, i)));
        let r = Gf5::from_limbs(std::array::from_fn(|i| word(r, i)));
        let signature = match (k.map(Zeroizing::new), r) {
            (Some(k), Some(r)) => Some(self.signer.finish(&k, &r, hash)),
            _ => None,
        };
        self.staged.zeroize();
        let Some(signature) = signature else {
            return self.fall_back(hash);
        };
        self.pooled += 1;
        signature
    }

    #[cold]
    fn fall_back(&mut self, hash: &Gf5) -> Signature {
        self.fallbacks += 1;
        self.signer.sign(hash)
    }
}

impl fmt::Debug for PooledSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PooledSigner({:?}, {} pairs ready)", self.signer, self.level())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Signer {
        Signer::new([0x42; 40]).unwrap()
    }

    #[test]
    fn pooled_signatures_verify_and_use_a_pair_once() {
        let (mut filler, taker) = nonce_pool(&signer(), 8);
        assert_eq!(filler.fill(100), Ok(8), "a full pool takes no more");
        let mut signer = PooledSigner::with_pool(signer(), taker);
        let hash = Gf5::new([1, 2, 3, 4, 5]);
        let mut seen = Vec::new();
        for _ in 0..8 {
            let signature = signer.sign(&hash);
            assert!(signer.public_key().verify(&hash, &signature));
            assert!(!seen.contains(&signature.to_bytes()));
            seen.push(signature.to_bytes());
            assert_eq!(signer.staged.0, [0; WORDS], "wiped");
        }
        assert_eq!((signer.pooled, signer.fallbacks, signer.level()), (8, 0, 0));
    }

    #[test]
    fn an_empty_pool_draws_a_nonce_and_counts() {
        let (mut filler, taker) = nonce_pool(&signer(), 1);
        let mut signer = PooledSigner::with_pool(signer(), taker);
        let hash = Gf5::ONE;
        let first = signer.sign(&hash);
        assert!(signer.public_key().verify(&hash, &first));
        assert_eq!((signer.pooled, signer.fallbacks), (0, 1));
        assert_eq!(filler.fill(1), Ok(1));
        signer.prime();
        signer.prime();
        assert_eq!((filler.level(), signer.level()), (0, 1));
        let second = signer.sign(&hash);
        assert!(signer.public_key().verify(&hash, &second));
        assert_eq!((signer.pooled, signer.fallbacks, signer.unseeded()), (1, 1, 0));
    }

    #[test]
    fn entries_that_are_no_pair_are_not_used() {
        let (mut filler, taker) = nonce_pool(&signer(), 4);
        let mut signer = PooledSigner::with_pool(signer(), taker);
        for words in [[0; WORDS], [u64::MAX; WORDS], pair(&Scalar::ZERO).0] {
            assert!(filler.ring.put(&words));
            let signature = signer.sign(&Gf5::ONE);
            assert!(signer.public_key().verify(&Gf5::ONE, &signature));
        }
        assert_eq!((signer.pooled, signer.fallbacks), (0, 3));
    }

    #[test]
    #[should_panic(expected = "a pool belongs to one key")]
    fn a_pool_of_another_key_is_a_programmer_error() {
        let (_, taker) = nonce_pool(&signer(), 1);
        PooledSigner::with_pool(Signer::new([0x43; 40]).unwrap(), taker);
    }
}
