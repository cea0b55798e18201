//! Hot. Numbers mod n, the prime order of the group, of 319 bits.
//!
//! Five words, low first, always below n: [`Scalar::from_bytes`] refuses the rest. Products are
//! Montgomery's with R = 2^320: `montgomery(a, b)` is a b / R, so one factor is kept times R. No
//! branch and no index depends on a value; the last subtraction of n is a mask.
//!
//! Source: n from T. Pornin, "EcGFp5" (IACR ePrint 2022/274), section 3; P. Montgomery, "Modular
//! Multiplication Without Trial Division" (1985).

use zeroize::Zeroize;

use super::quintic::{limbs_from_bytes, limbs_to_bytes};

/// The order of the group: 1067993516717146951041484916571792702745057740581727230159139685185762
/// 082554198619328292418486241.
pub const N: [u64; 5] = [
    0xe80f_d996_948b_ffe1,
    0xe888_5c39_d724_a09c,
    0x7fff_ffe6_cfb8_0639,
    0x7fff_fff1_0000_0016,
    0x7fff_fffd_8000_0007,
];

/// -1/n mod 2^64.
const N_NEGATED_INVERSE: u64 = 0xd78b_ef72_057b_7bdf;

/// R^2 mod n.
const R_SQUARED: [u64; 5] = [
    0xa010_01dc_e33d_c739,
    0x6c32_28d3_3f62_accf,
    0xd1d7_96cc_91cf_8525,
    0xaadf_ff5d_1574_c1d8,
    0x4aca_13b2_8ca2_51f5,
];

/// A number below n.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Zeroize)]
pub struct Scalar([u64; 5]);

/// A number below n, times R: the prepared factor of [`Scalar::times`].
#[derive(Clone, Copy, Debug, Default, Zeroize)]
pub struct Prepared([u64; 5]);

/// a + b + carry of one word.
#[inline(always)]
fn add_word(a: u64, b: u64, carry: bool) -> (u64, bool) {
    let (sum, first) = a.overflowing_add(b);
    let (sum, second) = sum.overflowing_add(carry.into());
    (sum, first | second)
}

#[inline(always)]
fn sub_word(a: u64, b: u64, borrow: bool) -> (u64, bool) {
    let (difference, first) = a.overflowing_sub(b);
    let (difference, second) = difference.overflowing_sub(borrow.into());
    (difference, first | second)
}

#[inline(always)]
fn add_words(a: &[u64; 5], b: &[u64; 5]) -> ([u64; 5], bool) {
    let (mut sum, mut carry) = ([0; 5], false);
    for i in 0..5 {
        (sum[i], carry) = add_word(a[i], b[i], carry);
    }
    (sum, carry)
}

#[inline(always)]
fn sub_words(a: &[u64; 5], b: &[u64; 5]) -> ([u64; 5], bool) {
    let (mut difference, mut borrow) = ([0; 5], false);
    for i in 0..5 {
        (difference[i], borrow) = sub_word(a[i], b[i], borrow);
    }
    (difference, borrow)
}

/// `words` less n where that is not below zero.
#[inline(always)]
fn less_n(words: &[u64; 5]) -> [u64; 5] {
    let (difference, borrow) = sub_words(words, &N);
    let keep = u64::from(borrow).wrapping_neg();
    std::array::from_fn(|i| (words[i] & keep) | (difference[i] & !keep))
}

/// a b / R mod n. With a below 2^320 and b below n the result before the last step is below
/// (2^320 n + 2^320 n) / 2^320 = 2 n, which has 320 bits, so no word is missing.
#[inline(always)]
fn montgomery(a: &[u64; 5], b: &[u64; 5]) -> [u64; 5] {
    // a_i b_j + t + carry is at most (2^64 - 1)^2 + 2 (2^64 - 1) = 2^128 - 1.
    let step = |x: u64, y: u64, t: u64, carry: u64| {
        let wide = u128::from(x).wrapping_mul(y.into());
        let wide = wide.wrapping_add(t.into()).wrapping_add(carry.into());
        (wide as u64, (wide >> 64) as u64)
    };
    let mut t = [0u64; 5];
    for &word in a {
        // t is below 2 n here and after each round, so a sixth word lives inside a round only.
        let mut top = 0;
        for j in 0..5 {
            (t[j], top) = step(word, b[j], t[j], top);
        }
        let factor = t[0].wrapping_mul(N_NEGATED_INVERSE);
        let (_, mut carry) = step(factor, N[0], t[0], 0);
        for j in 1..5 {
            (t[j - 1], carry) = step(factor, N[j], t[j], carry);
        }
        t[4] = top.wrapping_add(carry);
    }
    less_n(&t)
}

impl Scalar {
    pub const ZERO: Scalar = Scalar([0; 5]);
    pub const ONE: Scalar = Scalar([1, 0, 0, 0, 0]);

    /// 40 bytes, little-endian; `None` from n up. The answer is public, the time is not the
    /// value's.
    pub fn from_bytes(bytes: &[u8; 40]) -> Option<Scalar> {
        Scalar::from_words(limbs_from_bytes(bytes))
    }

    /// `None` from n up.
    pub fn from_words(words: [u64; 5]) -> Option<Scalar> {
        sub_words(&words, &N).1.then_some(Scalar(words))
    }

    #[inline]
    pub fn to_bytes(&self) -> [u8; 40] {
        limbs_to_bytes(self.0)
    }

    #[inline]
    pub fn words(&self) -> &[u64; 5] {
        &self.0
    }

    #[inline]
    pub fn is_zero(&self) -> bool {
        self.0.iter().fold(0, |all, word| all | word) == 0
    }

    /// Any 320 bits mod n: 2^320 is below 2 n + 2^285, so n goes in at most twice.
    #[inline]
    pub fn reduce(words: [u64; 5]) -> Scalar {
        Scalar(less_n(&less_n(&words)))
    }

    /// 512 bits, little-endian, mod n. Of uniform bits the result is uniform to 2^-193.
    pub fn from_wide(bytes: &[u8; 64]) -> Scalar {
        let mut words = [0; 8];
        for (word, place) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*place);
        }
        let [a, b, c, d, e, f, g, h] = words;
        let mut high = [f, g, h, 0, 0];
        // high R^2 / R is what the upper words count for.
        let scalar = Scalar::reduce([a, b, c, d, e]).plus(&Scalar(montgomery(&high, &R_SQUARED)));
        words.zeroize();
        high.zeroize();
        scalar
    }

    #[inline]
    pub fn plus(&self, other: &Scalar) -> Scalar {
        // Below 2 n, which has 320 bits: no carry out.
        let (sum, _) = add_words(&self.0, &other.0);
        Scalar(less_n(&sum))
    }

    #[inline]
    pub fn minus(&self, other: &Scalar) -> Scalar {
        let (difference, borrow) = sub_words(&self.0, &other.0);
        let add = u64::from(borrow).wrapping_neg();
        let (sum, _) = add_words(&difference, &N.map(|word| word & add));
        Scalar(sum)
    }

    pub fn prepare(&self) -> Prepared {
        Prepared(montgomery(&self.0, &R_SQUARED))
    }

    /// The product with a number that was prepared once.
    #[inline]
    pub fn times(&self, other: &Prepared) -> Scalar {
        Scalar(montgomery(&self.0, &other.0))
    }
}
