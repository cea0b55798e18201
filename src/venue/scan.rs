//! Hot. Fields of a frame by the word: what the schema scanners of all venues are made of.
//!
//! A scanner compares the constant parts of a frame eight bytes at a time and looks only for the
//! ends of the variable ones. Every byte is either compared or validated; what is not recognised
//! makes a function return `None`, and the cursor reads the frame from the start and judges it.

use super::swar::{self, ZEROS, all_digits, find, low_bytes, word};

/// Bytes that the longest level of the scanners' kind can have, with room for a last load.
pub(super) const WINDOW: usize = 64;

/// Where the eight characters at an offset come from.
pub(super) trait Source {
    fn eight(&self, at: usize) -> u64;
}

/// Inside a frame: one bounds check for a whole level.
impl Source for [u8; WINDOW] {
    #[inline(always)]
    fn eight(&self, at: usize) -> u64 {
        word(self, at).unwrap_or(0)
    }
}

/// The end of a frame, which reads as if zeros followed: they match nothing.
pub(super) struct Tail<'a>(pub &'a [u8]);

impl Source for Tail<'_> {
    #[inline(always)]
    fn eight(&self, at: usize) -> u64 {
        let have = self.0.len().saturating_sub(at);
        if have >= 8 {
            return word(self.0, at).unwrap_or(0);
        }
        // The last eight bytes of the frame, pushed down over what lies before `at`.
        let last = self.0.last_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        if have == 0 { 0 } else { last >> (64 - 8 * have) }
    }
}

/// Up to eight characters as a word.
pub(super) const fn literal(text: &[u8]) -> u64 {
    let (mut value, mut i) = (0, 0);
    while i < text.len() {
        value |= (text[i] as u64) << (8 * i);
        i += 1;
    }
    value
}

/// Whether the `len` bytes from `at` are `text`.
#[inline(always)]
pub(super) fn stands(source: &impl Source, at: usize, text: u64, len: usize) -> bool {
    (source.eight(at) ^ text) & low_bytes(len) == 0
}

/// Reads the decimal at `at`, which the `after_len` characters `after`, a quote first, must follow.
/// Returns it (0 when the cursor has to read it) and where it goes on.
///
/// What follows is compared before anything is computed: that proves the length, on which the next
/// field waits, also for eight characters, whose quote is not in the first word, and leaves no
/// branch that depends on the data.
#[inline(always)]
pub(super) fn decimal(
    source: &impl Source,
    at: usize,
    after: u64,
    after_len: usize,
) -> Option<(i64, usize)> {
    let text = source.eight(at);
    let len = find(text, b'"');
    if stands(source, at + len, after, after_len) {
        return Some((swar::short_decimal(text, len), at + len + after_len));
    }
    if len < 8 {
        return None;
    }
    let more = source.eight(at + 8);
    let len = 8 + find(more, b'"');
    let raw = swar::long_decimal(text, more, len);
    stands(source, at + len, after, after_len).then_some((raw, at + len + after_len))
}

/// A venue time: exactly 13 digits, from September 2001 to 2286.
#[inline(always)]
pub(super) fn take_time(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let window: &[u8; 16] = bytes.first_chunk()?;
    let (first, last) = (word(window, 0)? ^ ZEROS, (word(window, 8)? ^ ZEROS) << 24);
    if first as u8 == 0 || !all_digits(first) || !all_digits(last) {
        return None;
    }
    let ms = swar::eight_digits(first).wrapping_mul(100_000).wrapping_add(swar::eight_digits(last));
    Some((ms, &bytes[13..]))
}

/// As [`decimal`] for a field in which zero has a meaning: `None` where the cursor has to read it.
/// Zero is `0`, `0.0` and so on up to 16 characters.
#[inline(always)]
pub(super) fn decimal_or_zero(
    source: &impl Source,
    at: usize,
    after: u64,
    after_len: usize,
) -> Option<(i64, usize)> {
    let (raw, next) = decimal(source, at, after, after_len)?;
    let len = next - after_len - at;
    (raw > 0 || is_zero(source, at, len)).then_some((raw, next))
}

/// Whether the `len` characters at `at` are `0`, `0.0` and so on.
#[inline(always)]
fn is_zero(source: &impl Source, at: usize, len: usize) -> bool {
    let first = source.eight(at) ^ literal(b"0.000000");
    match len {
        0 => false,
        1..=8 => first & low_bytes(len) == 0,
        9..=16 => first == 0 && (source.eight(at + 8) ^ ZEROS) & low_bytes(len - 8) == 0,
        _ => false,
    }
}

/// Splits an unsigned number of at most 16 digits off, which `end` follows; the rest begins there.
#[inline(always)]
pub(super) fn take_unsigned(bytes: &[u8], end: u8) -> Option<(u64, &[u8])> {
    let (number, len) = swar::unsigned(word(bytes, 0)?, word(bytes, 8)?, end)?;
    Some((number, bytes.get(len..)?))
}
