//! Hot. The numbers of the engine: one fixed scale, exact text, no float.
//!
//! Every price and every size is an `i64` counted in 10^-8 of its unit. One scale for all
//! instruments makes the prices of two venues comparable without a conversion, which a hedger does
//! all day, and survives Hyperliquid's price-dependent tick. A product of a price and a size is
//! exact in 10^-16 and needs `i128`: 10^18 x 10^18 = 10^36 < 1.7 x 10^38.
//!
//! Bounds: codecs and config accept |value| <= 10^10 units (raw 10^18, [`RAW_MAX`]); an `i64` ends
//! at 9.2 x 10^18, so nine such values can be summed before a check is needed. Arithmetic beyond
//! that is checked: release builds keep overflow checks on.

use std::fmt;

/// Raw units in one whole unit: 10^8.
pub const SCALE: i64 = 100_000_000;
/// Decimal places that [`SCALE`] holds.
pub const SCALE_DECIMALS: u32 = 8;
/// Largest raw magnitude that enters from outside: 10^10 units.
pub const RAW_MAX: i64 = 1_000_000_000_000_000_000;

/// A price in quote units per base unit, raw 10^-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(pub i64);

/// A quantity in base units, raw 10^-8. Signed where it is an inventory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Qty(pub i64);

/// An amount in quote units, raw 10^-16: the exact product of a [`Price`] and a [`Qty`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Notional(pub i128);

/// A ratio in basis points, raw 10^-4 bps, which is a ratio of 10^-8: 12.5 bps is raw 125 000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bps(pub i64);

/// Nanoseconds. As a point in time: since the Unix epoch, on the engine's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

/// Which side of the book an order rests on, or which way an aggressor trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Side {
    Buy = 0,
    Sell = 1,
}

/// Which way a value moves to reach a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    Down,
    Up,
}

/// Why a text is not one of our numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumError {
    /// No digit at all.
    Empty,
    /// A byte that no decimal has: sign `+`, exponent, `_`, a letter, a second point.
    BadByte,
    /// More than eight decimal places that are not zero: it would have to be rounded.
    TooPrecise,
    /// Beyond [`RAW_MAX`].
    TooLarge,
}

impl NumError {
    /// A short name for counters and messages.
    pub fn name(self) -> &'static str {
        match self {
            NumError::Empty => "empty number",
            NumError::BadByte => "not a decimal number",
            NumError::TooPrecise => "more than 8 decimal places",
            NumError::TooLarge => "beyond 10^10",
        }
    }
}

impl fmt::Display for NumError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads a decimal text into raw 10^-8 units, exactly or not at all.
///
/// Grammar: `-? digits* [. digits*]` with at least one digit. Decimal places after the eighth must
/// be zero. `rust_decimal` would round them in silence and take `1_000` and `+5`; this does not.
pub fn parse_raw(text: &[u8]) -> Result<i64, NumError> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let mut raw: i64 = 0;
    let mut decimals: Option<u32> = None;
    let mut seen = false;
    for &byte in digits {
        match byte {
            b'0'..=b'9' => {
                seen = true;
                match &mut decimals {
                    Some(n) if *n == SCALE_DECIMALS => {
                        if byte != b'0' {
                            return Err(NumError::TooPrecise);
                        }
                        continue;
                    }
                    Some(n) => *n += 1,
                    None => {}
                }
                let digit = i64::from(byte - b'0');
                // raw x 10 + digit <= RAW_MAX, asked without leaving the range of an i64.
                if raw > (RAW_MAX - digit) / 10 {
                    return Err(NumError::TooLarge);
                }
                raw = raw * 10 + digit;
            }
            b'.' if decimals.is_none() => decimals = Some(0),
            _ => return Err(NumError::BadByte),
        }
    }
    if !seen {
        return Err(NumError::Empty);
    }
    for _ in decimals.unwrap_or(0)..SCALE_DECIMALS {
        raw = match raw.checked_mul(10) {
            Some(tens) if tens <= RAW_MAX => tens,
            _ => return Err(NumError::TooLarge),
        };
    }
    Ok(if negative { -raw } else { raw })
}

/// Longest text of [`write_raw`]: sign, 11 digits, point, 8 places, with room to spare.
pub const TEXT_MAX: usize = 24;

/// The eight decimal digits of a number below 10^8 as values, the first in the lowest byte: fours,
/// then pairs, then digits, each step for all groups at once. Multiplying by 5243 / 2^19 divides what
/// is below 10^4 by 100 exactly, by 103 / 2^10 what is below 100 by 10; no product leaves its lane.
#[inline(always)]
pub const fn eight_digits(value: u32) -> u64 {
    let value = value as u64;
    let fours = (value / 10_000) | ((value % 10_000) << 32);
    let high = ((fours * 5_243) >> 19) & 0x0000_007f_0000_007f;
    let pairs = high | ((fours - high * 100) << 16);
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((pairs - tens * 10) << 8)
}

/// `0` in every byte: digits become characters.
const ZERO_DIGITS: u64 = 0x3030_3030_3030_3030;

/// The characters of a number below 10^8, with leading zeros.
#[inline(always)]
pub const fn eight_chars(value: u32) -> [u8; 8] {
    (eight_digits(value) | ZERO_DIGITS).to_le_bytes()
}

/// The same without leading zeros, and how many there are; what follows them means nothing.
#[inline(always)]
pub fn short_chars(value: u32) -> ([u8; 8], usize) {
    let digits = eight_digits(value);
    // A lone zero is a digit.
    let leading = (digits.trailing_zeros() / 8).min(7);
    (((digits | ZERO_DIGITS) >> (8 * leading)).to_le_bytes(), 8 - leading as usize)
}

/// Writes raw 10^-8 units as the shortest decimal (no exponent, no trailing zero, no `-0`) into
/// `out` and returns its length. It is the form that Hyperliquid hashes. What follows the text in
/// `out` is overwritten.
#[inline]
pub fn write_raw(raw: i64, out: &mut [u8; TEXT_MAX]) -> usize {
    let magnitude = raw.unsigned_abs();
    let (whole, places) = (magnitude / SCALE as u64, (magnitude % SCALE as u64) as u32);
    let mut at = usize::from(raw < 0);
    out[0] = b'-';
    // i64::MAX has eleven digits before the point: three, then eight, at most.
    let (high, low) = (whole / SCALE as u64, (whole % SCALE as u64) as u32);
    if high > 0 {
        at = put_at(out, at, short_chars(high as u32));
        at = put_at(out, at, (eight_chars(low), 8));
    } else {
        at = put_at(out, at, short_chars(low));
    }
    if places == 0 {
        return at;
    }
    out[at] = b'.';
    let width = 8 - (eight_digits(places).leading_zeros() / 8) as usize;
    put_at(out, at + 1, (eight_chars(places), width))
}

/// Puts eight characters at `at`, of which `len` are meant; where it goes on. A text of [`write_raw`]
/// has the room: sign, eleven digits, point and eight places are 21.
#[inline(always)]
fn put_at(out: &mut [u8; TEXT_MAX], at: usize, (chars, len): ([u8; 8], usize)) -> usize {
    out[at..at + 8].copy_from_slice(&chars);
    at + len
}

/// The text of [`write_raw`] as a `String`. Cold callers only.
pub fn raw_text(raw: i64) -> String {
    let mut out = [0; TEXT_MAX];
    let n = write_raw(raw, &mut out);
    String::from_utf8_lossy(&out[..n]).into_owned()
}

/// A raw 10^-16 amount as the shortest decimal. Cold callers only.
pub fn notional_text(raw: i128) -> String {
    const ONE: u128 = 10_000_000_000_000_000;
    let magnitude = raw.unsigned_abs();
    let sign = if raw < 0 { "-" } else { "" };
    let (whole, places) = (magnitude / ONE, magnitude % ONE);
    if places == 0 {
        return format!("{sign}{whole}");
    }
    let text = format!("{sign}{whole}.{places:016}");
    text.trim_end_matches('0').to_owned()
}

impl Side {
    pub const BOTH: [Side; 2] = [Side::Buy, Side::Sell];

    #[inline]
    pub fn opposite(self) -> Side {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }

    /// +1 for a buy, -1 for a sell: the sign of the inventory that a fill on this side adds.
    #[inline]
    pub fn sign(self) -> i64 {
        match self {
            Side::Buy => 1,
            Side::Sell => -1,
        }
    }

    /// The side whose fill adds to an inventory of this sign; `None` when flat.
    #[inline]
    pub fn of_sign(qty: Qty) -> Option<Side> {
        match qty.0 {
            0 => None,
            q if q > 0 => Some(Side::Buy),
            _ => Some(Side::Sell),
        }
    }

    #[inline]
    pub fn index(self) -> usize {
        self as usize
    }

    pub fn name(self) -> &'static str {
        match self {
            Side::Buy => "buy",
            Side::Sell => "sell",
        }
    }
}

impl Price {
    pub const ZERO: Price = Price(0);

    /// Reads a price from text: exact, positive or zero, at most 10^10.
    pub fn parse(text: &[u8]) -> Result<Price, NumError> {
        match parse_raw(text)? {
            raw if raw < 0 => Err(NumError::BadByte),
            raw => Ok(Price(raw)),
        }
    }

    /// `self` moved by `offset` of itself. The moved distance is rounded toward zero: it is below
    /// one raw unit, and the quantizer rounds to the grid afterwards.
    #[inline]
    pub fn shift(self, offset: Bps) -> Price {
        Price(self.0 + self.bps(offset))
    }

    /// The raw distance that `ratio` of this price is, rounded toward zero.
    #[inline]
    pub fn bps(self, ratio: Bps) -> i64 {
        match self.0.checked_mul(ratio.0) {
            // The usual case: 100 000 x 10^8 x 9 bps fits; the division is by a constant.
            Some(product) => product / SCALE,
            None => (i128::from(self.0) * i128::from(ratio.0) / i128::from(SCALE)) as i64,
        }
    }

    /// How far `other` lies above `self`, in bps of `self`. Zero when `self` is zero.
    #[inline]
    pub fn bps_to(self, other: Price) -> Bps {
        if self.0 == 0 {
            return Bps(0);
        }
        // The usual case: a distance of less than 922 units, by the machine's own division.
        if let Some(scaled) = other.0.checked_sub(self.0).and_then(|d| d.checked_mul(SCALE)) {
            return Bps((scaled / self.0).clamp(-RAW_MAX, RAW_MAX));
        }
        let diff = i128::from(other.0) - i128::from(self.0);
        let ratio = diff * i128::from(SCALE) / i128::from(self.0);
        Bps(ratio.clamp(-i128::from(RAW_MAX), i128::from(RAW_MAX)) as i64)
    }
}

impl Qty {
    pub const ZERO: Qty = Qty(0);

    /// Reads a quantity from text: exact, signed, at most 10^10.
    pub fn parse(text: &[u8]) -> Result<Qty, NumError> {
        parse_raw(text).map(Qty)
    }

    #[inline]
    pub fn abs(self) -> Qty {
        Qty(self.0.abs())
    }

    /// `self` times a ratio given in permille, rounded toward zero.
    #[inline]
    pub fn permille(self, permille: i64) -> Qty {
        match self.0.checked_mul(permille) {
            Some(product) => Qty(product / 1000),
            None => Qty((i128::from(self.0) * i128::from(permille) / 1000) as i64),
        }
    }
}

impl Notional {
    pub const ZERO: Notional = Notional(0);

    #[inline]
    pub fn of(px: Price, qty: Qty) -> Notional {
        Notional(i128::from(px.0) * i128::from(qty.0))
    }

    /// An amount that was given in raw 10^-8 quote units (a fee, a balance).
    #[inline]
    pub fn from_raw(raw: i64) -> Notional {
        Notional(i128::from(raw) * i128::from(SCALE))
    }

    /// In raw 10^-8 quote units, rounded toward zero, saturating. For reports and gauges.
    #[inline]
    pub fn to_raw(self) -> i64 {
        (self.0 / i128::from(SCALE)).clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }
}

impl Bps {
    pub const ZERO: Bps = Bps(0);
    /// Raw units in one basis point.
    pub const ONE: i64 = 10_000;

    /// From whole basis points.
    pub const fn whole(bps: i64) -> Bps {
        Bps(bps * Bps::ONE)
    }

    /// Reads `12.5` as 12.5 bps; at most four places.
    pub fn parse(text: &[u8]) -> Result<Bps, NumError> {
        let raw = parse_raw(text)?;
        if raw % (SCALE / Bps::ONE) != 0 {
            return Err(NumError::TooPrecise);
        }
        Ok(Bps(raw / (SCALE / Bps::ONE)))
    }
}

impl Nanos {
    pub const ZERO: Nanos = Nanos(0);
    pub const MAX: Nanos = Nanos(u64::MAX);

    pub const fn from_millis(ms: u64) -> Nanos {
        Nanos(ms * 1_000_000)
    }

    pub const fn from_secs(s: u64) -> Nanos {
        Nanos(s * 1_000_000_000)
    }

    /// Time since `earlier`; zero when that lies in the future.
    #[inline]
    pub fn since(self, earlier: Nanos) -> Nanos {
        Nanos(self.0.saturating_sub(earlier.0))
    }

    #[inline]
    pub fn after(self, span: Nanos) -> Nanos {
        Nanos(self.0.saturating_add(span.0))
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&raw_text(self.0))
    }
}

impl fmt::Display for Qty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&raw_text(self.0))
    }
}

impl fmt::Display for Notional {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&notional_text(self.0))
    }
}

impl fmt::Display for Bps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&raw_text(self.0 * (SCALE / Bps::ONE)))
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A 64-bit state hash: the words of a state in a fixed order, mixed by multiplication and rotation
/// (the finisher of SplitMix64). Not cryptographic; equal on every machine.
#[derive(Clone, Copy, Debug)]
pub struct StateHasher(u64);

impl Default for StateHasher {
    fn default() -> Self {
        StateHasher(0x9e37_79b9_7f4a_7c15)
    }
}

impl StateHasher {
    #[inline]
    pub fn word(&mut self, word: u64) {
        let mut z = (self.0 ^ word).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z ^= z >> 27;
        self.0 = z.rotate_left(23).wrapping_add(0x94d0_49bb_1331_11eb);
    }

    #[inline]
    pub fn signed(&mut self, word: i64) {
        self.word(word as u64);
    }

    #[inline]
    pub fn wide(&mut self, word: i128) {
        self.word(word as u64);
        self.word((word >> 64) as u64);
    }

    pub fn finish(self) -> u64 {
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_equal_the_standard_librarys() {
        let want = |raw: i64| {
            let (sign, rest) = (if raw < 0 { "-" } else { "" }, raw.unsigned_abs());
            let text = format!("{sign}{}.{:08}", rest / SCALE as u64, rest % SCALE as u64);
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        let powers = (0..19).map(|n| 10i64.pow(n));
        let edges = powers.flat_map(|p| [p - 1, p, p + 1, p.wrapping_mul(7) / 3, p * 9]);
        let mut state = 7u64;
        let random = (0..200_000).map(|i| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state as i64) >> (i % 60)
        });
        for raw in (0..20_000).chain(edges).chain(random).chain([i64::MIN, i64::MAX]) {
            for raw in [raw, raw.wrapping_neg()] {
                assert_eq!(raw_text(raw), want(raw), "{raw}");
            }
        }
        for value in (0..100_000_000).step_by(997).chain([9_999, 10_000, 99_999_999]) {
            assert_eq!(eight_chars(value), *format!("{value:08}").as_bytes());
        }
    }

    #[test]
    fn text_is_exact_or_refused() {
        for (text, want) in [
            ("0", Ok(0)),
            ("-0", Ok(0)),
            ("1", Ok(SCALE)),
            ("1.", Ok(SCALE)),
            (".5", Ok(SCALE / 2)),
            ("-0.00000001", Ok(-1)),
            ("0.000000010", Ok(1)),
            ("0.000000001", Err(NumError::TooPrecise)),
            ("10000000000", Ok(RAW_MAX)),
            ("10000000000.00000001", Err(NumError::TooLarge)),
            ("99999999999999999999999999", Err(NumError::TooLarge)),
            ("", Err(NumError::Empty)),
            (".", Err(NumError::Empty)),
            ("-", Err(NumError::Empty)),
            ("+5", Err(NumError::BadByte)),
            ("1_000", Err(NumError::BadByte)),
            ("1e30", Err(NumError::BadByte)),
            ("NaN", Err(NumError::BadByte)),
            ("1.2.3", Err(NumError::BadByte)),
            (" 1", Err(NumError::BadByte)),
        ] {
            assert_eq!(parse_raw(text.as_bytes()), want, "{text:?}");
        }
    }

    #[test]
    fn text_round_trips() {
        for raw in [0, 1, -1, 10, SCALE, SCALE + 1, 12_345_678_900, RAW_MAX, -RAW_MAX, i64::MAX] {
            let text = raw_text(raw);
            assert!(!text.ends_with('.') && !text.starts_with("-0") || raw < 0 && raw > -SCALE);
            if raw.abs() <= RAW_MAX {
                assert_eq!(parse_raw(text.as_bytes()), Ok(raw), "{text}");
            }
        }
        assert_eq!(raw_text(14_300_000_000), "143");
        assert_eq!(notional_text(105_820_000_000_000_000), "10.582");
    }

    #[test]
    fn bps_of_a_price() {
        let px = Price(143 * SCALE);
        assert_eq!(px.bps(Bps::whole(10)), 14_300_000); // 0.143
        assert_eq!(px.bps_to(Price(px.0 + 14_300_000)), Bps::whole(10));
        // Beyond the i64 product: 10^10 x 100 %.
        assert_eq!(Price(RAW_MAX).bps(Bps(SCALE)), RAW_MAX);
    }
}
