//! Hot. Eight bytes at a time: the arithmetic under the schema scanners.
//!
//! A `u64` loaded in little-endian order holds eight characters of the text, the first in its
//! lowest byte. All of it is integer arithmetic on any machine; no intrinsic, no `unsafe`. Byte
//! tests are the classic ones (Mycroft 1987, Warren "Hacker's Delight" 6-1); eight digits become a
//! number in three multiplications: pairs, then fours, then all eight (Lemire 2022).

use crate::units::{SCALE, parse_raw};

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

/// The decimal in the first `len` <= 8 characters, which a quote follows: raw 10^-8 units,
/// positive and exact, or 0 where the caller has to take the exact path, which names what is wrong.
///
/// Eight characters with a point among them are what the venue nearly always writes (`80459.0`,
/// `0.00589`): the point is squeezed out, the digits are pushed up to the end of the word, and one
/// conversion makes the number.
#[inline(always)]
pub fn short_decimal(text: u64, len: usize) -> i64 {
    let points = zero_flags(text ^ splat(b'.'));
    let point = (points.trailing_zeros() >> 3) as usize;
    // Without a point in the text it is an integer; the venue writes `.0` after those.
    let places = len.wrapping_sub(point + 1);
    if places > 7 {
        return long_decimal(text, splat(b'"'), len);
    }
    // All bytes below the first point, whose flag is the bit 0x80 of its byte.
    let whole = (points.wrapping_sub(1) & !points) >> 7;
    let digits = text ^ ZEROS;
    let behind = digits >> 8;
    let squeezed = behind ^ ((digits ^ behind) & whole);
    // len - 1 digits. Of a lone point nothing is pushed out, but its quote is no digit.
    let digits = squeezed.wrapping_shl(72 - 8 * len as u32);
    if !all_digits(digits) {
        return 0;
    }
    // Below 10^7 x 10^8: no overflow, and within RAW_MAX.
    eight_digits(digits).wrapping_mul(SCALES[places & 7]) as i64
}

/// As [`short_decimal`] for at most 16 characters. The straight path has up to seven digits, a point
/// and up to eight places: those, padded with zeros on the right, are the raw fraction.
#[inline(never)]
pub fn long_decimal(text: u64, more: u64, len: usize) -> i64 {
    let point = find(text, b'.');
    let places = len.wrapping_sub(point + 1);
    if point.wrapping_sub(1) > 6 || places.wrapping_sub(1) > 7 {
        return plain_decimal(text, more, len);
    }
    let behind = (u128::from(text) | u128::from(more) << 64) >> (8 * (point + 1));
    let whole = (text ^ ZEROS) << (64 - 8 * point);
    let fraction = (behind as u64 ^ ZEROS) & low_bytes(places);
    if !all_digits(whole) || !all_digits(fraction) {
        return 0;
    }
    eight_digits(whole).wrapping_mul(SCALE as u64).wrapping_add(eight_digits(fraction)) as i64
}

/// An integer, one with eight digits and more before the point, or no number at all: rare, so byte
/// by byte.
#[cold]
#[inline(never)]
fn plain_decimal(text: u64, more: u64, len: usize) -> i64 {
    let chars = (u128::from(text) | u128::from(more) << 64).to_le_bytes();
    chars.get(..len).and_then(|chars| parse_raw(chars).ok()).unwrap_or(0).max(0)
}

/// Reads the unsigned integer that starts these 16 characters and ends before `end`: no leading
/// zero, or `None`. Returns its length too; the caller compares what follows.
#[inline(always)]
pub fn unsigned(text: u64, more: u64, end: u8) -> Option<(u64, usize)> {
    let mut len = find(text, end);
    if len == 8 {
        len += find(more, end);
    }
    if len == 0 || text as u8 == b'0' && len > 1 {
        return None;
    }
    // Pushed up so that the last digit is the highest byte; what is pushed in below is zero.
    let digits = (u128::from(text ^ ZEROS) | u128::from(more ^ ZEROS) << 64) << (128 - 8 * len);
    let (first, last) = (digits as u64, (digits >> 64) as u64);
    if !all_digits(first) || !all_digits(last) {
        return None;
    }
    Some((eight_digits(first).wrapping_mul(SCALE as u64).wrapping_add(eight_digits(last)), len))
}
