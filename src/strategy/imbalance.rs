//! Hot. The imbalance of two notionals as an exact ratio.
//!
//! Ratios are compared by full 256-bit products, never by a rounded quotient: two pairs that
//! differ in the thirtieth place are still told apart, and a limit is met exactly or not at all.

use std::cmp::Ordering;
use std::fmt;

use crate::units::{Bps, Notional, SCALE};

/// Decimal places of an [`Imbalance`] in text.
pub const IMBALANCE_PLACES: usize = 12;

/// |N_a - N_b| / N_a as an exact fraction.
#[derive(Clone, Copy, Debug)]
pub struct Imbalance {
    diff: u128,
    of: u128,
}

impl Imbalance {
    /// Of two achieved notionals, from the solver or from fills. `None` when `a` is not positive,
    /// `b` is negative, or one is beyond 10^37 raw.
    pub fn of(a: Notional, b: Notional) -> Option<Imbalance> {
        const END: i128 = 10_i128.pow(37);
        let known = 0 < a.0 && a.0 <= END && 0 <= b.0 && b.0 <= END;
        known.then(|| Imbalance { diff: a.0.abs_diff(b.0), of: a.0 as u128 })
    }

    /// Whether it is at or below a ratio.
    #[inline]
    pub fn within(self, limit: Bps) -> bool {
        limit.0 >= 0 && self <= Imbalance { diff: limit.0 as u128, of: SCALE as u128 }
    }
}

impl PartialEq for Imbalance {
    fn eq(&self, other: &Imbalance) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Imbalance {}

impl PartialOrd for Imbalance {
    fn partial_cmp(&self, other: &Imbalance) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Imbalance {
    #[inline]
    fn cmp(&self, other: &Imbalance) -> Ordering {
        mul_wide(self.diff, other.of).cmp(&mul_wide(other.diff, self.of))
    }
}

/// A decimal ratio of at most [`IMBALANCE_PLACES`] places, rounded up: it is never shown better
/// than it is, and zero only when it is zero.
impl fmt::Display for Imbalance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ONE: u128 = 10_u128.pow(IMBALANCE_PLACES as u32);
        let (mut whole, mut rest) = (self.diff / self.of, self.diff % self.of);
        let mut places = 0;
        for _ in 0..IMBALANCE_PLACES {
            rest *= 10; // of <= 10^37: it fits.
            places = places * 10 + rest / self.of;
            rest %= self.of;
        }
        if rest > 0 {
            places += 1;
        }
        if places == ONE {
            (whole, places) = (whole + 1, 0);
        }
        if places == 0 {
            return f.pad(&whole.to_string());
        }
        let text = format!("{whole}.{places:0width$}", width = IMBALANCE_PLACES);
        f.pad(text.trim_end_matches('0'))
    }
}

/// The 256-bit product, high half first.
#[inline]
fn mul_wide(x: u128, y: u128) -> (u128, u128) {
    const LOW: u128 = u64::MAX as u128;
    let (xh, xl, yh, yl) = (x >> 64, x & LOW, y >> 64, y & LOW);
    // Each partial product is at most (2^64 - 1)^2; two halves more still fit in 128 bits.
    let low = xl * yl;
    let cross = xh * yl + (low >> 64);
    let middle = xl * yh + (cross & LOW);
    (xh * yh + (cross >> 64) + (middle >> 64), (middle << 64) | (low & LOW))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_products() {
        assert_eq!(mul_wide(u128::MAX, u128::MAX), (u128::MAX - 1, 1));
        assert_eq!(mul_wide(u128::MAX, 2), (1, u128::MAX - 1));
        assert_eq!(mul_wide(1 << 100, 1 << 100), (1 << 72, 0));
        assert_eq!(mul_wide(u64::MAX as u128, u64::MAX as u128), (0, (u64::MAX as u128).pow(2)));
    }

    #[test]
    fn imbalance_is_rounded_up_in_text() {
        let text = |a: i128, b: i128| Imbalance::of(Notional(a), Notional(b)).unwrap().to_string();
        assert_eq!(text(3, 2), "0.333333333334");
        assert_eq!(text(4, 5), "0.25");
        assert_eq!(text(7, 7), "0");
        assert_eq!(text(10_i128.pow(37), 10_i128.pow(37) - 1), "0.000000000001");
        assert_eq!(text(1, 3), "2");
        assert_eq!(text(10_i128.pow(20), 1), "1");
        assert_eq!(Imbalance::of(Notional(0), Notional(1)), None);
        assert_eq!(Imbalance::of(Notional(1), Notional(-1)), None);
        let tenth = Imbalance::of(Notional(1000), Notional(999)).unwrap();
        assert!(tenth.within(Bps::whole(10)) && !tenth.within(Bps(99_999)));
    }
}
