//! Hot. The quintic extension GF(p^5): polynomials in z over GF(p), modulo z^5 - 3.
//!
//! An element is five limbs, low power first; its encoding is 40 bytes, each limb 8 bytes
//! little-endian and below p. Products are sums of five 128-bit products each, kept in 192 bits
//! and reduced once.
//!
//! Source: T. Pornin, "EcGFp5: a Specialized Elliptic Curve" (IACR ePrint 2022/274), section 2.

use std::ops::{Add, Mul, Neg, Sub};

use zeroize::Zeroize;

use super::goldilocks::{Gf, reduce128};

/// An element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Zeroize)]
pub struct Gf5(pub [Gf; 5]);

/// Powers of w = 3^((p-1)/5): z^p = w z, so raising to the p multiplies limb i by w^i.
const FROBENIUS: [Gf; 5] = [
    Gf::ONE,
    Gf::new(1_041_288_259_238_279_555),
    Gf::new(15_820_824_984_080_659_046),
    Gf::new(211_587_555_138_949_697),
    Gf::new(1_373_043_270_956_696_022),
];

/// A sum of up to 2^32 products.
struct Sum {
    low: u128,
    /// How often `low` overflowed: each is 2^128 = -2^32 (mod p).
    carries: u64,
}

impl Sum {
    #[inline(always)]
    fn of(a: u64, b: u64) -> Sum {
        Sum { low: u128::from(a).wrapping_mul(b.into()), carries: 0 }
    }

    #[inline(always)]
    fn plus(self, a: u64, b: u64) -> Sum {
        let (low, carry) = self.low.overflowing_add(u128::from(a).wrapping_mul(b.into()));
        Sum { low, carries: self.carries.wrapping_add(carry.into()) }
    }

    #[inline(always)]
    fn reduce(self) -> Gf {
        reduce128(self.low) - Gf::new(self.carries << 32)
    }
}

impl Gf5 {
    pub const ZERO: Gf5 = Gf5([Gf::ZERO; 5]);
    pub const ONE: Gf5 = Gf5([Gf::ONE, Gf::ZERO, Gf::ZERO, Gf::ZERO, Gf::ZERO]);

    /// An element from numbers that are below p.
    pub const fn new(limbs: [u64; 5]) -> Gf5 {
        let [a, b, c, d, e] = limbs;
        Gf5([Gf::new(a), Gf::new(b), Gf::new(c), Gf::new(d), Gf::new(e)])
    }

    /// The canonical limbs.
    #[inline]
    pub fn to_limbs(self) -> [u64; 5] {
        self.0.map(Gf::to_u64)
    }

    /// `None` when a limb is p or above.
    pub fn from_limbs(limbs: [u64; 5]) -> Option<Gf5> {
        let mut element = Gf5::ZERO;
        for (place, limb) in element.0.iter_mut().zip(limbs) {
            *place = Gf::from_canonical(limb)?;
        }
        Some(element)
    }

    /// The one encoding.
    #[inline]
    pub fn to_bytes(self) -> [u8; 40] {
        limbs_to_bytes(self.to_limbs())
    }

    /// `None` when it is not an encoding.
    pub fn from_bytes(bytes: &[u8; 40]) -> Option<Gf5> {
        Gf5::from_limbs(limbs_from_bytes(bytes))
    }

    #[inline(always)]
    pub fn double(self) -> Gf5 {
        self + self
    }

    /// This times a small number.
    #[inline(always)]
    pub fn times(self, small: u32) -> Gf5 {
        Gf5(self.0.map(|limb| limb * Gf::new(small.into())))
    }

    /// This times `small` z.
    #[inline(always)]
    pub fn times_z(self, small: u32) -> Gf5 {
        let [a, b, c, d, e] = self.0;
        let (by, by_3) = (Gf::new(small.into()), Gf::new(3 * u64::from(small)));
        Gf5([e * by_3, a * by, b * by, c * by, d * by])
    }

    #[inline]
    pub fn square(self) -> Gf5 {
        let [a, b, c, d, e] = self.0.map(Gf::raw);
        let two = |limb: Gf| (limb + limb).raw();
        let three = |limb: Gf| (limb + limb + limb).raw();
        let (b2, a2) = (two(self.0[1]), two(self.0[0]));
        let (b6, c6, d3) = (two(Gf::new(three(self.0[1]))), six(self.0[2]), three(self.0[3]));
        let (d6, e3) = (two(Gf::new(d3)), three(self.0[4]));
        Gf5([
            Sum::of(a, a).plus(b6, e).plus(c6, d).reduce(),
            Sum::of(a2, b).plus(c6, e).plus(d3, d).reduce(),
            Sum::of(a2, c).plus(b, b).plus(d6, e).reduce(),
            Sum::of(a2, d).plus(b2, c).plus(e3, e).reduce(),
            Sum::of(a2, e).plus(b2, d).plus(c, c).reduce(),
        ])
    }

    /// This to the p, or to the p^2 with `twice`: no product of two elements.
    #[inline]
    fn frobenius(self, times: usize) -> Gf5 {
        let mut power = self;
        for (i, limb) in power.0.iter_mut().enumerate() {
            *limb = *limb * FROBENIUS[i * times % 5];
        }
        power
    }

    /// This to the p + p^2 + p^3 + p^4, and to the 1 + p + p^2 + p^3 + p^4: the norm, which is in
    /// GF(p).
    fn norm(self) -> (Gf5, Gf) {
        let first = self.frobenius(1);
        let pair = first * first.frobenius(1);
        let rest = pair * pair.frobenius(2);
        let [a, b, c, d, e] = self.0.map(Gf::raw);
        let [f, g, h, i, j] = rest.0.map(Gf::raw);
        let crossed = Sum::of(b, j).plus(c, i).plus(d, h).plus(e, g).reduce();
        (rest, Sum::of(a, f).reduce() + crossed + crossed + crossed)
    }

    /// The inverse, and zero for zero, in the same time for every value (Itoh and Tsujii: the norm
    /// is inverted in GF(p)).
    pub fn invert(self) -> Gf5 {
        let (rest, norm) = self.norm();
        let inverse = norm.invert();
        Gf5(rest.0.map(|limb| limb * inverse))
    }

    /// Whether a square root exists. Not for secrets.
    pub fn is_square_public(self) -> bool {
        self.norm().1.pow_public((super::goldilocks::P - 1) / 2) != -Gf::ONE
    }

    /// A square root; `None` when there is none. Not for secrets. With r = 1 + p + .. + p^4, which
    /// is odd, a = a^r / a^(r-1): the root of the norm a^r is taken in GF(p), and (r-1)/2 =
    /// p (1 + p^2) (1 + p)/2.
    pub fn sqrt_public(self) -> Option<Gf5> {
        let root = self.norm().1.sqrt_public()?;
        let base = self.frobenius(1) * self.frobenius(3);
        let below = base.pow_public(super::goldilocks::P.div_ceil(2)).invert();
        Some(Gf5(below.0.map(|limb| limb * root)))
    }

    fn pow_public(self, mut exponent: u64) -> Gf5 {
        let (mut base, mut result) = (self, Gf5::ONE);
        while exponent > 0 {
            if exponent & 1 == 1 {
                result = result * base;
            }
            base = base.square();
            exponent >>= 1;
        }
        result
    }
}

#[inline(always)]
fn six(limb: Gf) -> u64 {
    let double = limb + limb;
    (double + double + double).raw()
}

/// Five words as 40 bytes, little-endian.
#[inline]
pub(super) fn limbs_to_bytes(limbs: [u64; 5]) -> [u8; 40] {
    let mut bytes = [0; 40];
    for (place, limb) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(limbs) {
        *place = limb.to_le_bytes();
    }
    bytes
}

#[inline]
pub(super) fn limbs_from_bytes(bytes: &[u8; 40]) -> [u64; 5] {
    let mut limbs = [0; 5];
    for (limb, place) in limbs.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *limb = u64::from_le_bytes(*place);
    }
    limbs
}

impl Add for Gf5 {
    type Output = Gf5;

    #[inline(always)]
    fn add(self, other: Gf5) -> Gf5 {
        Gf5(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }
}

impl Sub for Gf5 {
    type Output = Gf5;

    #[inline(always)]
    fn sub(self, other: Gf5) -> Gf5 {
        Gf5(std::array::from_fn(|i| self.0[i] - other.0[i]))
    }
}

impl Neg for Gf5 {
    type Output = Gf5;

    #[inline(always)]
    fn neg(self) -> Gf5 {
        Gf5(self.0.map(Neg::neg))
    }
}

impl Mul for Gf5 {
    type Output = Gf5;

    #[inline]
    fn mul(self, other: Gf5) -> Gf5 {
        let [a, b, c, d, e] = self.0.map(Gf::raw);
        let [f, g, h, i, j] = other.0.map(Gf::raw);
        // What wraps around z^5 counts three times.
        let [_, g3, h3, i3, j3] = other.0.map(|limb| (limb + limb + limb).raw());
        Gf5([
            Sum::of(a, f).plus(b, j3).plus(c, i3).plus(d, h3).plus(e, g3).reduce(),
            Sum::of(a, g).plus(b, f).plus(c, j3).plus(d, i3).plus(e, h3).reduce(),
            Sum::of(a, h).plus(b, g).plus(c, f).plus(d, j3).plus(e, i3).reduce(),
            Sum::of(a, i).plus(b, h).plus(c, g).plus(d, f).plus(e, j3).reduce(),
            Sum::of(a, j).plus(b, i).plus(c, h).plus(d, g).plus(e, f).reduce(),
        ])
    }
}
