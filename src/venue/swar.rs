//! Hot. Eight bytes at a time: the arithmetic under the schema scanners.
//!
//! A `u64` loaded in little-endian order holds eight characters of the text, the first in its
//! lowest byte. All of it is integer arithmetic on any machine; no intrinsic, no `unsafe`. Byte
//! tests are the classic ones (Mycroft 1987, Warren "Hacker's Delight" 6-1); eight digits become a
//! number in three multiplications: pairs, then fours, then all eight (Lemire 2022).

use crate::units::{RAW_MAX, SCALE, parse_raw};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// `byte` in all eight places.
pub const fn splat(byte: u8) -> u64 {
    ONES * byte as u64
}

/// Eight bytes from `at`; `None` where the text is shorter.
#[inline(always)]
pub fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Flags of the bytes that are zero. The lowest flag is exact; a byte of 1 just above a zero byte
/// may be flagged too, so only the lowest one means anything.
#[inline(always)]
const fn zero_flags(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// Place of the first `byte` in the word, 8 when there is none.
#[inline(always)]
pub const fn find(word: u64, byte: u8) -> usize {
    (zero_flags(word ^ splat(byte)).trailing_zeros() >> 3) as usize
}

/// The lowest `count` bytes, for 1 <= count <= 8.
#[inline(always)]
pub const fn low_bytes(count: usize) -> u64 {
    u64::MAX >> (64 - 8 * count)
}

/// How many of the lowest bytes are ASCII from 0x20 on and neither `"` nor `\`: what neither ends
/// nor changes a JSON string. 8 when all are.
#[inline(always)]
pub const fn plain_run(word: u64) -> usize {
    let special = zero_flags(word ^ splat(b'"')) | zero_flags(word ^ splat(b'\\'));
    // A byte below 0x20 borrows when 0x20 is subtracted. A borrow or a false zero flag only ever
    // reaches bytes above the one that caused it, so the lowest flag of the union is exact.
    let control = word.wrapping_sub(splat(0x20));
    (((special | control | word) & HIGHS).trailing_zeros() >> 3) as usize
}

/// Whether every byte of `digits` (characters minus `0`) is at most 9.
#[inline(always)]
pub const fn all_digits(digits: u64) -> bool {
    // 9 + 0x76 = 0x7f keeps the high bit clear, 10 + 0x76 sets it; a byte from 0x80 sets it itself.
    (digits.wrapping_add(splat(0x76)) | digits) & HIGHS == 0
}

/// The number of eight digits (characters minus `0`), the first in the lowest byte.
#[inline(always)]
pub const fn eight_digits(digits: u64) -> u64 {
    const PAIRS: u64 = 0x0000_00ff_0000_00ff;
    // d0 10 + d1 in byte 1, and so on; the bytes between hold leftovers that the masks drop.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    // Pairs 0 and 2, and pairs 1 and 3, each with its power of 100 in the upper half.
    let even = (pairs & PAIRS).wrapping_mul(100 + (1_000_000 << 32));
    let odd = ((pairs >> 16) & PAIRS).wrapping_mul(1 + (10_000 << 32));
    even.wrapping_add(odd) >> 32
}

/// The characters `0` in all places: subtracting them makes digits.
pub const ZEROS: u64 = splat(b'0');

/// 10^(8 - places): what a number with so many places is multiplied with.
const SCALES: [u64; 8] = [100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10];

/// Reads the decimal that starts the window and ends before its first quote: raw 10^-8 units and
/// its length. Positive, exact and at most 16 characters, or `None`: the caller then takes the
/// exact path, which names what is wrong. The caller also compares what follows: after 16
/// characters the quote lies behind the window.
///
/// The straight path wants at most eight characters with a point among them, which is what the
/// venue nearly always writes (`80459.0`, `0.00589`): the point is squeezed out, the digits are
/// pushed up to the end of the word, and one conversion makes the number.
#[inline(always)]
pub fn decimal(window: &[u8; 16]) -> Option<(i64, usize)> {
    let text = word(window, 0)?;
    let quote = find(text, b'"');
    if quote == 8 && window[8] != b'"' {
        return long_decimal(window);
    }
    let points = zero_flags(text ^ splat(b'.'));
    let point = (points.trailing_zeros() >> 3) as usize;
    // Without a point in the text it is an integer; the venue writes `.0` after those.
    let places = quote.wrapping_sub(point + 1);
    if places > 7 {
        return plain_decimal(window, quote);
    }
    let digits = text ^ ZEROS;
    // All bytes below the first point: its flag is the bit 0x80 of its byte.
    let whole = ((points & points.wrapping_neg()) >> 7).wrapping_sub(1);
    let squeezed = (digits & whole) | (digits >> 8 & !whole);
    // quote - 1 digits; in two steps, because 64 places are too far for one.
    let digits = (squeezed << 8) << (64 - 8 * quote);
    if !all_digits(digits) {
        return None;
    }
    // Below 10^7 x 10^8: no overflow, and within RAW_MAX.
    let raw = eight_digits(digits).wrapping_mul(SCALES[places & 7]) as i64;
    (raw > 0).then_some((raw, quote))
}

/// Nine characters and more: up to seven digits, a point and eight places. The places, padded with
/// zeros on the right, are the raw fraction.
#[inline(never)]
fn long_decimal(window: &[u8; 16]) -> Option<(i64, usize)> {
    let (low, high) = (word(window, 0)?, word(window, 8)?);
    let (len, point) = (8 + find(high, b'"'), find(low, b'.'));
    let places = len - (point + 1);
    // One comparison for 1 <= point <= 7.
    if point.wrapping_sub(1) > 6 || places > 8 {
        return plain_decimal(window, len);
    }
    let whole = (low ^ ZEROS) << (64 - 8 * point);
    let fraction = (word(window, point + 1)? ^ ZEROS) & low_bytes(places);
    if !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let raw = eight_digits(whole).wrapping_mul(SCALE as u64).wrapping_add(eight_digits(fraction));
    let raw = raw as i64;
    (raw > 0).then_some((raw, len))
}

/// An integer, one with eight digits and more before the point, or no number at all: rare, so byte
/// by byte.
#[cold]
#[inline(never)]
fn plain_decimal(window: &[u8; 16], len: usize) -> Option<(i64, usize)> {
    let raw = parse_raw(&window[..len]).ok()?;
    (0 < raw && raw <= RAW_MAX).then_some((raw, len))
}

/// Reads an unsigned integer that ends before `end`, at the start of the window: at most 16 digits,
/// no leading zero, or `None`. Returns its length too; the caller compares what follows.
#[inline(always)]
pub fn unsigned(window: &[u8; 16], end: u8) -> Option<(u64, usize)> {
    let (low, high) = (word(window, 0)?, word(window, 8)?);
    let mut len = find(low, end);
    if len == 8 {
        len += find(high, end);
    }
    if len.wrapping_sub(1) > 15 || low as u8 == b'0' && len > 1 {
        return None;
    }
    // Pushed up so that the last digit is the highest byte; what is pushed in below is zero.
    let digits = (u128::from(low ^ ZEROS) | u128::from(high ^ ZEROS) << 64) << (128 - 8 * len);
    let (first, last) = (digits as u64, (digits >> 64) as u64);
    if !all_digits(first) || !all_digits(last) {
        return None;
    }
    Some((eight_digits(first).wrapping_mul(SCALE as u64).wrapping_add(eight_digits(last)), len))
}
