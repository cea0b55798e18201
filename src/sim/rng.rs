//! Cold. The simulator's generator of chance: seeded, integers only.

use crate::units::Nanos;

/// The xoshiro256++ generator of Blackman and Vigna, seeded by SplitMix64: small, fast and the same
/// on every machine. Not for keys.
#[derive(Clone, Debug)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    pub fn new(seed: u64) -> Rng {
        let mut x = seed;
        let state = std::array::from_fn(|_| {
            x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = x;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        });
        Rng { state }
    }

    /// 64 uniform bits.
    pub fn word(&mut self) -> u64 {
        let s = &mut self.state;
        let out = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        out
    }

    /// Uniform in 0..n by multiplication (bias below n / 2^64); 0 for n = 0.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.word()) * u128::from(n)) >> 64) as u64
    }

    /// True with probability `permille` / 1000.
    pub fn chance(&mut self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// Exponential with mean 1, in 2^-16.
    ///
    /// X = k ln 2 + Y: an exponential has no memory, so the number of halvings k is the number of
    /// leading zero bits of a random word, and Y, given that it is below ln 2, is -ln(1 - u / 2),
    /// a curve so flat that 16 straight pieces follow it within 2^-16 x 16. Integers only: the
    /// same on every machine.
    pub fn exponential(&mut self) -> u64 {
        let word = self.word();
        let halvings = u64::from((word | 1).leading_zeros());
        let u = self.word() >> 44; // 20 bits: 4 for the piece, 16 within it
        let (piece, part) = ((u >> 16) as usize, u & 0xffff);
        let (low, high) = (LOG_TABLE[piece], LOG_TABLE[piece + 1]);
        halvings * LN_2 + low + (((high - low) * part) >> 16)
    }

    /// A time span around `mean`, exponentially distributed: the gap of a Poisson process.
    pub fn gap(&mut self, mean: Nanos) -> Nanos {
        Nanos(((u128::from(mean.0) * u128::from(self.exponential())) >> 16) as u64)
    }
}

/// ln 2 in 2^-16.
const LN_2: u64 = 45_426;
/// -ln(1 - i / 32) in 2^-16.
const LOG_TABLE: [u64; 17] = [
    0, 2_081, 4_230, 6_451, 8_751, 11_135, 13_608, 16_178, 18_854, 21_643, 24_556, 27_605, 30_802,
    34_164, 37_707, 41_453, 45_426,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_has_its_mean_and_its_tail() {
        let mut rng = Rng::new(7);
        let n = 200_000u64;
        let (mut sum, mut beyond_3) = (0, 0);
        for _ in 0..n {
            let x = rng.exponential();
            sum += x;
            beyond_3 += u64::from(x > 3 << 16);
        }
        let mean_permille = (sum * 1000 / n) >> 16;
        assert!((990..=1010).contains(&mean_permille), "{mean_permille}");
        // e^-3 = 4.98 %.
        assert!((4_750..=5_200).contains(&(beyond_3 * 100_000 / n)), "{beyond_3}");
    }

    #[test]
    fn below_stays_below() {
        let mut rng = Rng::new(1);
        let mut seen = [0u32; 7];
        for _ in 0..7_000 {
            seen[rng.below(7) as usize] += 1;
        }
        assert!(seen.iter().all(|n| (850..1150).contains(n)), "{seen:?}");
        assert_eq!(rng.below(0), 0);
    }
}
