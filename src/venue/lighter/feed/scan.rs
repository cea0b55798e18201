//! Hot. Schema scanners of `order_book` and `ticker`: the exact bytes that the venue sends, in one
//! pass. They can only agree with the cursor; what deviates anywhere is left to it.

use super::{BookFrame, Header, Sides, TIME_US, TickerFrame};
use crate::event::Level;
use crate::units::{Price, Qty};
use crate::venue::lighter::ladder::LEVELS_MAX;
use crate::venue::lighter::markets::Markets;
use crate::venue::scan::{
    Source, Tail, WINDOW, decimal, decimal_or_zero, literal, stands, take_time, take_unsigned,
};
use crate::venue::swar::{ZEROS, all_digits, eight_digits, short_decimal, word};

/// The first guess of a price's length: 80459.0 and 101.114 have seven characters.
const GUESS: usize = 7;

/// One level at the start of the source, behind the byte `lead`, and the length of both. `guess` is
/// the length of the price before it: nearly always its own, and then the size does not wait for the
/// end of the price to be found (that it ends there, and not before, its digits prove).
#[inline(always)]
fn level(source: &impl Source, lead: u8, guess: &mut usize) -> Option<(Level, usize)> {
    if !stands(source, 0, literal(b"\0{\"price") | u64::from(lead), 8)
        || !stands(source, 8, literal(b"\":\""), 3)
    {
        return None;
    }
    const AFTER: u64 = literal(b"\",\"size\"");
    let (px, at) = if stands(source, 11 + *guess, AFTER, 8) {
        (short_decimal(source.eight(11), *guess), 11 + *guess + 8)
    } else {
        let (px, at) = decimal(source, 11, AFTER, 8)?;
        *guess = (at - 11 - 8).min(8);
        (px, at)
    };
    if !stands(source, at, literal(b":\""), 2) {
        return None;
    }
    let (qty, at) = decimal_or_zero(source, at + 2, literal(b"\"}"), 2)?;
    (px > 0).then_some((Level { px: Price(px), qty: Qty(qty) }, at))
}

/// One level behind the byte `lead` at the start of `bytes`, and what follows it. Near the end of
/// a frame a whole window is not left.
#[inline(always)]
fn take_level<'a>(bytes: &'a [u8], lead: u8, guess: &mut usize) -> Option<(Level, &'a [u8])> {
    let (level, len) = match bytes.first_chunk::<WINDOW>() {
        Some(window) => level(window, lead, guess)?,
        None => last_level(bytes, lead, guess)?,
    };
    Some((level, bytes.get(len..)?))
}

#[inline(never)]
fn last_level(bytes: &[u8], lead: u8, guess: &mut usize) -> Option<(Level, usize)> {
    level(&Tail(bytes), lead, guess)
}

/// One side, from its `[` to after its `]`. More levels than are kept are the cursor's.
#[inline(always)]
fn take_side<'a>(mut bytes: &'a [u8], out: &mut Vec<Level>, guess: &mut usize) -> Option<&'a [u8]> {
    out.clear();
    if let Some(rest) = bytes.strip_prefix(b"[]") {
        return Some(rest);
    }
    let mut lead = b'[';
    while out.len() < LEVELS_MAX {
        let (level, rest) = take_level(bytes, lead, guess)?;
        out.push(level);
        if let [b']', rest @ ..] = rest {
            return Some(rest);
        }
        (bytes, lead) = (rest, b',');
    }
    None
}

/// A venue time in us, exactly 16 digits, and what follows it; as us.
#[inline(always)]
fn take_us(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let window: &[u8; 16] = bytes.first_chunk()?;
    let (first, last) = (word(window, 0)? ^ ZEROS, word(window, 8)? ^ ZEROS);
    if !all_digits(first) || !all_digits(last) {
        return None;
    }
    let us = eight_digits(first).wrapping_mul(100_000_000).wrapping_add(eight_digits(last));
    TIME_US.contains(&us).then_some((us, &bytes[16..]))
}

/// The number that `text` says too: the frame repeats its times and counters. Anything else in its
/// place is read anew.
#[inline(always)]
fn skip_again<'a>(bytes: &'a [u8], text: &[u8], end: u8) -> Option<&'a [u8]> {
    match bytes.split_at_checked(text.len()) {
        Some((again, rest)) if again == text && rest.first() == Some(&end) => Some(rest),
        _ => take_unsigned(bytes, end).map(|(_, rest)| rest),
    }
}

/// The market behind `"channel":"NAME:`, and what follows its quote.
#[inline(always)]
fn take_slot<'a>(bytes: &'a [u8], markets: &Markets) -> Option<(usize, &'a [u8])> {
    let (id, rest) = take_unsigned(bytes, b'"')?;
    Some((markets.slot(id)?, rest.strip_prefix(b"\",\"")?))
}

/// A whole `order_book` frame; its levels are in `sides`.
pub(super) fn book(frame: &[u8], markets: &Markets, sides: &mut Sides) -> Option<BookFrame> {
    let rest = frame.strip_prefix(b"{\"channel\":\"order_book:")?;
    let (slot, rest) = take_slot(rest, markets)?;
    let (_, rest) = take_us(rest.strip_prefix(b"last_updated_at\":")?)?;
    let offset = rest.strip_prefix(b",\"offset\":")?;
    let (_, rest) = take_unsigned(offset, b',')?;
    let offset = &offset[..offset.len() - rest.len()];
    let rest = rest.strip_prefix(b",\"order_book\":{\"code\":0,\"asks\":")?;
    sides.more = [false; 2];
    let [bids, asks] = &mut sides.levels;
    let mut guess = GUESS;
    let rest = take_side(rest, asks, &mut guess)?;
    let rest = take_side(rest.strip_prefix(b",\"bids\":")?, bids, &mut guess)?;
    let rest = skip_again(rest.strip_prefix(b",\"offset\":")?, offset, b',')?;
    let (nonce, rest) = take_unsigned(rest.strip_prefix(b",\"nonce\":")?, b',')?;
    let (us, rest) = take_us(rest.strip_prefix(b",\"last_updated_at\":")?)?;
    let (begin, rest) = take_unsigned(rest.strip_prefix(b",\"begin_nonce\":")?, b'}')?;
    let (_, rest) = take_time(rest.strip_prefix(b"},\"timestamp\":")?)?;
    let snapshot = match rest {
        b",\"type\":\"update/order_book\"}" => false,
        b",\"type\":\"subscribed/order_book\"}" => true,
        _ => return None,
    };
    let header = Header { slot, nonce, exch_ms: us / 1000 };
    (snapshot || begin <= nonce).then_some(BookFrame { header, begin, snapshot })
}

/// A whole `ticker` frame with both sides.
#[inline]
pub(super) fn ticker(frame: &[u8], markets: &Markets) -> Option<TickerFrame> {
    let rest = frame.strip_prefix(b"{\"channel\":\"ticker:")?;
    let (slot, rest) = take_slot(rest, markets)?;
    let (_, rest) = take_us(rest.strip_prefix(b"last_updated_at\":")?)?;
    let (nonce, rest) = take_unsigned(rest.strip_prefix(b",\"nonce\":")?, b',')?;
    let rest = take_symbol(rest.strip_prefix(b",\"ticker\":{\"s\":\"")?)?;
    let mut guess = GUESS;
    let (ask, rest) = take_level(rest.strip_prefix(b"\",\"a\"")?, b':', &mut guess)?;
    let (bid, rest) = take_level(rest.strip_prefix(b",\"b\"")?, b':', &mut guess)?;
    let (us, rest) = take_us(rest.strip_prefix(b",\"last_updated_at\":")?)?;
    let (_, rest) = take_time(rest.strip_prefix(b"},\"timestamp\":")?)?;
    let whole =
        rest == b",\"type\":\"update/ticker\"}" || rest == b",\"type\":\"subscribed/ticker\"}";
    let sound = whole && ask.qty.0 > 0 && bid.qty.0 > 0;
    let header = Header { slot, nonce, exch_ms: us / 1000 };
    sound.then_some(TickerFrame { header, bid, ask })
}

/// Skips a market's symbol of letters, digits and what else stands in one; the rest begins with
/// its quote.
#[inline(always)]
fn take_symbol(bytes: &[u8]) -> Option<&[u8]> {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.');
    let len = bytes.iter().take(24).position(|b| !plain(b))?;
    Some(&bytes[len..])
}
