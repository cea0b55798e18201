//! Cold. Numbers modulo p = 2^64 - 2^32 + 1, and the field of degree five over them.

const P: u64 = 0xffff_ffff_0000_0001;

/// A number below p.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fe(u64);

impl Fe {
    pub const ZERO: Fe = Fe(0);
    pub const ONE: Fe = Fe(1);

    /// A constant below p, of a table.
    pub(super) const fn constant(n: u64) -> Fe {
        assert!(n < P);
        Fe(n)
    }

    /// Modulo p.
    pub fn reduced(n: u64) -> Fe {
        Fe(if n >= P { n - P } else { n })
    }

    pub fn value(self) -> u64 {
        self.0
    }

    pub fn plus(self, other: Fe) -> Fe {
        let (sum, over) = self.0.overflowing_add(other.0);
        // Below 2 p: one subtraction, which takes back the overflow too.
        Fe(if over || sum >= P { sum.wrapping_sub(P) } else { sum })
    }

    pub fn less(self, other: Fe) -> Fe {
        let (rest, under) = self.0.overflowing_sub(other.0);
        Fe(if under { rest.wrapping_add(P) } else { rest })
    }

    pub fn times(self, other: Fe) -> Fe {
        Fe::of(self.product(other))
    }

    /// A number that is the product modulo p, below 2^66. With the product a + 2^64 b + 2^96 c, b and
    /// c of 32 bits: 2^64 is 2^32 - 1 and 2^96 is -1.
    fn product(self, other: Fe) -> u128 {
        let n = u128::from(self.0) * u128::from(other.0);
        let (a, b, c) = (n & 0xffff_ffff_ffff_ffff, (n >> 64) & 0xffff_ffff, n >> 96);
        a + b * 0xffff_ffff + (u128::from(P) - c)
    }

    /// n mod p, for n below 2^96.
    fn of(n: u128) -> Fe {
        let (a, b) = (n & 0xffff_ffff_ffff_ffff, n >> 64);
        // Below 2^64 + 2^64: two subtractions are enough.
        let mut rest = a + b * 0xffff_ffff;
        while rest >= u128::from(P) {
            rest -= u128::from(P);
        }
        Fe(rest as u64)
    }
}

/// c0 + c1 z + .. + c4 z^4 with z^5 = 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fe5(pub [Fe; 5]);

/// Exponents of 320 bits, the lowest word first.
type Exponent = [u64; 5];

/// p^5 - 2.
const INVERSE: Exponent = [
    0xffff_fffa_ffff_ffff,
    0xffff_ffe2_0000_000e,
    0xffff_ffcd_0000_002c,
    0xffff_ffe2_0000_002c,
    0xffff_fffb_0000_000e,
];
/// (p^5 - 1) / 2.
const HALF: Exponent = [
    0x7fff_fffd_8000_0000,
    0x7fff_fff1_0000_0007,
    0x7fff_ffe6_8000_0016,
    0x7fff_fff1_0000_0016,
    0x7fff_fffd_8000_0007,
];
/// q of p^5 - 1 = 2^32 q, q odd.
const ODD: Exponent = [
    0x0000_000e_ffff_fffb,
    0x0000_002c_ffff_ffe2,
    0x0000_002c_ffff_ffcd,
    0x0000_000e_ffff_ffe2,
    0x0000_0000_ffff_fffb,
];
/// (q + 1) / 2.
const ODD_HALF: Exponent = [
    0x0000_0007_7fff_fffe,
    0x8000_0016_7fff_fff1,
    0x0000_0016_7fff_ffe6,
    0x8000_0007_7fff_fff1,
    0x0000_0000_7fff_fffd,
];
/// 2 + z has no square root.
const NO_SQUARE: Fe5 = Fe5([Fe(2), Fe(1), Fe(0), Fe(0), Fe(0)]);

impl Fe5 {
    pub const ZERO: Fe5 = Fe5([Fe::ZERO; 5]);
    pub const ONE: Fe5 = Fe5::small(1);

    pub const fn small(n: u64) -> Fe5 {
        Fe5([Fe(n), Fe::ZERO, Fe::ZERO, Fe::ZERO, Fe::ZERO])
    }

    /// `None` when one of the five words is p or more: each element has one encoding.
    pub fn from_bytes(bytes: &[u8; 40]) -> Option<Fe5> {
        let mut out = Fe5::ZERO;
        for (slot, word) in out.0.iter_mut().zip(bytes.chunks_exact(8)) {
            let word = u64::from_le_bytes(word.try_into().ok()?);
            if word >= P {
                return None;
            }
            *slot = Fe(word);
        }
        Some(out)
    }

    pub fn to_bytes(self) -> [u8; 40] {
        let mut out = [0; 40];
        for (place, word) in out.chunks_exact_mut(8).zip(self.0) {
            place.copy_from_slice(&word.0.to_le_bytes());
        }
        out
    }

    pub fn plus(self, other: Fe5) -> Fe5 {
        Fe5(std::array::from_fn(|i| self.0[i].plus(other.0[i])))
    }

    pub fn less(self, other: Fe5) -> Fe5 {
        Fe5(std::array::from_fn(|i| self.0[i].less(other.0[i])))
    }

    pub fn times(self, other: Fe5) -> Fe5 {
        let (mut low, mut high) = ([0u128; 5], [0u128; 5]);
        for (i, a) in self.0.into_iter().enumerate() {
            for (j, b) in other.0.into_iter().enumerate() {
                let place = if i + j < 5 { &mut low[i + j] } else { &mut high[i + j - 5] };
                *place += a.product(b);
            }
        }
        // At most four times three of them and one: below 2^70.
        Fe5(std::array::from_fn(|i| Fe::of(low[i] + 3 * high[i])))
    }

    /// Times n z, for a small n.
    pub fn times_z(self, n: u64) -> Fe5 {
        let [c0, c1, c2, c3, c4] = self.0.map(|c| c.times(Fe(n)));
        Fe5([c4.times(Fe(3)), c0, c1, c2, c3])
    }

    pub fn square(self) -> Fe5 {
        self.times(self)
    }

    fn power(self, exponent: &Exponent) -> Fe5 {
        let mut out = Fe5::ONE;
        for word in exponent.iter().rev() {
            for bit in (0..64).rev() {
                out = out.square();
                if word >> bit & 1 == 1 {
                    out = out.times(self);
                }
            }
        }
        out
    }

    /// 1 / self; zero of zero.
    pub fn inverse(self) -> Fe5 {
        self.power(&INVERSE)
    }

    /// Zero counts.
    pub fn is_square(self) -> bool {
        self == Fe5::ZERO || self.power(&HALF) == Fe5::ONE
    }

    /// Tonelli and Shanks. Either of the two roots.
    pub fn root(self) -> Option<Fe5> {
        if self == Fe5::ZERO {
            return Some(self);
        }
        if !self.is_square() {
            return None;
        }
        let mut step = NO_SQUARE.power(&ODD);
        let mut rest = self.power(&ODD);
        let mut root = self.power(&ODD_HALF);
        let mut order = 32;
        while rest != Fe5::ONE {
            // rest has order 2^depth, and depth < order because self is a square.
            let (mut depth, mut probe) = (0, rest);
            while probe != Fe5::ONE {
                probe = probe.square();
                depth += 1;
            }
            for _ in depth + 1..order {
                step = step.square();
            }
            root = root.times(step);
            step = step.square();
            rest = rest.times(step);
            order = depth;
        }
        Some(root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_divided_is_the_factor() {
        let a = Fe5([Fe(P - 1), Fe(7), Fe(1 << 63), Fe(P - 2), Fe(12345)]);
        let b = Fe5([Fe(3), Fe(P - 5), Fe(1 << 32), Fe(0), Fe(P - 1)]);
        assert_eq!(a.times(b).times(b.inverse()), a);
        assert_eq!(a.square().root().map(Fe5::square), Some(a.square()));
        assert_eq!(NO_SQUARE.root(), None);
        assert_eq!(a.square().times(NO_SQUARE).root(), None);
    }

    #[test]
    fn words_of_p_and_more_are_no_encoding() {
        let mut bytes = Fe5::ONE.to_bytes();
        assert_eq!(Fe5::from_bytes(&bytes), Some(Fe5::ONE));
        bytes[8..16].copy_from_slice(&P.to_le_bytes());
        assert_eq!(Fe5::from_bytes(&bytes), None);
    }
}
