//! Hot. The field of p = 2^64 - 2^32 + 1 elements.
//!
//! A value is held in any 64-bit representation: 0 to 2^64-1, of which the 2^32-1 values from p up
//! stand for small ones. So a sum or a product is reduced to 64 bits, not below p, and only
//! [`Gf::to_u64`] makes the canonical one. What comes from outside goes through
//! [`Gf::from_canonical`], which refuses p and above: one value has one encoding.
//!
//! Reduction: 2^64 = 2^32 - 1 and 2^96 = -1 (mod p), so of a 128-bit product `lo + 2^64 mid +
//! 2^96 high` (mid and high of 32 bits) remains `lo + (2^32 - 1) mid - high`.
//!
//! Nothing here branches on a value or indexes with one; carries become masks.
//!
//! Source: the prime and its identities are those of D. Goldilocks-type Solinas primes as in
//! "Plonky2" (Polygon Zero, 2022), section on the field.

use std::ops::{Add, AddAssign, Mul, Neg, Sub};

use zeroize::Zeroize;

/// The order of the field.
pub const P: u64 = 0xffff_ffff_0000_0001;

/// 2^64 mod p.
const EPSILON: u64 = 0xffff_ffff;

/// An element.
#[derive(Clone, Copy, Debug, Default, Zeroize)]
pub struct Gf(u64);

/// All ones when `flag`, else zero.
#[inline(always)]
fn mask(flag: bool) -> u64 {
    u64::from(flag).wrapping_neg()
}

/// The 128-bit value mod p.
#[inline(always)]
pub(super) fn reduce128(value: u128) -> Gf {
    let (low, top) = (value as u64, (value >> 64) as u64);
    let (mid, high) = (top & EPSILON, top >> 32);
    // Below zero, 2^64 is too much by EPSILON. The wrapped difference is at least 2^64 - 2^32.
    let (difference, borrow) = low.overflowing_sub(high);
    let difference = difference.wrapping_sub(EPSILON & mask(borrow));
    // (2^32 - 1)^2 at most; after a carry the sum is below that, so EPSILON still fits.
    let (sum, carry) = difference.overflowing_add((mid << 32).wrapping_sub(mid));
    Gf(sum.wrapping_add(EPSILON & mask(carry)))
}

/// The value mod p, of at most 96 bits.
#[inline(always)]
pub(super) fn reduce96(value: u128) -> Gf {
    let (low, mid) = (value as u64, (value >> 64) as u64);
    let (sum, carry) = low.overflowing_add((mid << 32).wrapping_sub(mid));
    Gf(sum.wrapping_add(EPSILON & mask(carry)))
}

impl Gf {
    pub const ZERO: Gf = Gf(0);
    pub const ONE: Gf = Gf(1);

    /// `None` from p up.
    #[inline]
    pub fn from_canonical(value: u64) -> Option<Gf> {
        (value < P).then_some(Gf(value))
    }

    /// The value mod p, as numbers of a transaction are taken.
    #[inline]
    pub const fn new(value: u64) -> Gf {
        Gf(value)
    }

    /// The canonical value, below p.
    #[inline(always)]
    pub fn to_u64(self) -> u64 {
        let (reduced, borrow) = self.0.overflowing_sub(P);
        reduced.wrapping_add(P & mask(borrow))
    }

    /// Some representation.
    #[inline(always)]
    pub(super) fn raw(self) -> u64 {
        self.0
    }

    #[inline(always)]
    pub fn is_zero(self) -> bool {
        // Of the two representations of zero one is 0 and the other p.
        (self.0 == 0) | (self.0 == P)
    }

    #[inline(always)]
    pub fn square(self) -> Gf {
        self * self
    }

    /// This to the 2^`n`.
    #[inline(always)]
    pub fn square_times(self, n: u32) -> Gf {
        (0..n).fold(self, |value, _| value.square())
    }

    /// This to the seventh.
    #[inline(always)]
    pub(super) fn pow7(self) -> Gf {
        let square = self.square();
        (square * self) * square.square()
    }

    /// This to a power that everybody knows.
    pub fn pow_public(self, mut exponent: u64) -> Gf {
        let (mut base, mut result) = (self, Gf::ONE);
        while exponent > 0 {
            if exponent & 1 == 1 {
                result = result * base;
            }
            base = base.square();
            exponent >>= 1;
        }
        result
    }

    /// The inverse, and zero for zero: this to p - 2 = 2^64 - 2^32 - 1, whose binary form is 31
    /// ones, a zero, 32 ones. 63 squarings and 10 products, whatever the value.
    pub fn invert(self) -> Gf {
        let ones2 = self.square() * self;
        let ones3 = ones2.square() * self;
        let ones6 = ones3.square_times(3) * ones3;
        let ones12 = ones6.square_times(6) * ones6;
        let ones24 = ones12.square_times(12) * ones12;
        let ones30 = ones24.square_times(6) * ones6;
        let ones31 = ones30.square() * self;
        let ones32 = ones31.square() * self;
        ones31.square_times(33) * ones32
    }

    /// A square root; `None` when there is none. The time depends on the value: for points that
    /// were published only. Tonelli-Shanks: p - 1 = 2^32 (2^32 - 1).
    pub fn sqrt_public(self) -> Option<Gf> {
        // 7 generates the group, so this generates the part of order 2^32.
        const ROOT: Gf = Gf(1_753_635_133_440_165_772);
        if self.is_zero() {
            return Some(Gf::ZERO);
        }
        // a^((q-1)/2) with q = 2^32 - 1.
        let half = self.pow_public(0x7fff_ffff);
        let mut root = half * self;
        let mut rest = root * half;
        let (mut generator, mut order_log) = (ROOT, 32);
        while rest != Gf::ONE {
            let mut log = 0;
            let mut power = rest;
            while power != Gf::ONE {
                power = power.square();
                log += 1;
                if log == order_log {
                    return None;
                }
            }
            let step = generator.square_times(order_log - log - 1);
            generator = step.square();
            order_log = log;
            root = root * step;
            rest = rest * generator;
        }
        Some(root)
    }
}

impl PartialEq for Gf {
    #[inline]
    fn eq(&self, other: &Gf) -> bool {
        self.to_u64() == other.to_u64()
    }
}

impl Eq for Gf {}

impl Add for Gf {
    type Output = Gf;

    #[inline(always)]
    fn add(self, other: Gf) -> Gf {
        // Both may be non-canonical, so the first correction may carry once more; after that the
        // sum is below EPSILON.
        let (sum, carry) = self.0.overflowing_add(other.0);
        let (sum, carry) = sum.overflowing_add(EPSILON & mask(carry));
        Gf(sum.wrapping_add(EPSILON & mask(carry)))
    }
}

impl AddAssign for Gf {
    #[inline(always)]
    fn add_assign(&mut self, other: Gf) {
        *self = *self + other;
    }
}

impl Sub for Gf {
    type Output = Gf;

    #[inline(always)]
    fn sub(self, other: Gf) -> Gf {
        let (difference, borrow) = self.0.overflowing_sub(other.0);
        let (difference, borrow) = difference.overflowing_sub(EPSILON & mask(borrow));
        Gf(difference.wrapping_sub(EPSILON & mask(borrow)))
    }
}

impl Neg for Gf {
    type Output = Gf;

    #[inline(always)]
    fn neg(self) -> Gf {
        Gf::ZERO - self
    }
}

impl Mul for Gf {
    type Output = Gf;

    #[inline(always)]
    fn mul(self, other: Gf) -> Gf {
        reduce128(u128::from(self.0).wrapping_mul(other.0.into()))
    }
}
