//! Hot. Schema scanners: the exact bytes that the venue sends, read in one pass.
//!
//! The venue writes its messages without white space and with a fixed order of keys, so a scanner
//! compares the constant parts eight bytes at a time and only looks for the ends of the variable
//! ones. Every byte of a frame is either compared or validated: what deviates anywhere (another
//! order, a space, an escape, a number that is not plain) makes the scanner return `None`, and the
//! cursor reads the frame from the start and judges it. So a scanner never refuses a frame and can
//! only agree with the cursor.
//!
//! One exception, and only where a session asks for it: of a side's levels past the market's depth
//! nothing is read but where they end. No brackets lie in a level, so the first `]` is the side's; what
//! stands before and behind it is compared.
//!
//! Two layouts of a level are known: `px,sz,n`, written since 2025, and the alphabetical `n,px,sz`
//! of older recordings. Trades are scanned in the documented order only.
//!
//! Cost of a level: its three fields hang on one another through their lengths, about 13 cycles
//! each (load, find the quote, add), so 40 levels are at least 40 x 40 cycles however wide the core
//! is; the arithmetic on the digits hides behind that.

use super::feed::{Book, LEVELS_MAX, Quote, TRADES_MAX, Trade};
use super::markets::{Markets, take_name};
use crate::event::Level;
use crate::instrument::InstId;
use crate::units::{Price, Qty, Side};
use crate::venue::scan::{Source, Tail, decimal, literal, stands, take_time};
use crate::venue::swar::{self, ZEROS, all_digits, find, word};

/// Length of the number of orders `n` that ends before `end`: 1..=7 digits.
#[inline(always)]
fn count(source: &impl Source, at: usize, end: u8) -> Option<usize> {
    let digits = source.eight(at);
    let len = find(digits, end);
    if len.wrapping_sub(1) > 6 || digits as u8 == b'0' && len > 1 {
        return None;
    }
    all_digits((digits ^ ZEROS) << (64 - 8 * len)).then_some(len)
}

/// One level at the start of the source, behind the byte `lead`, and the length of both.
#[inline(always)]
fn level<const DOCUMENTED: bool>(source: &impl Source, lead: u8) -> Option<(Level, usize)> {
    let lead = u64::from(lead);
    let mut at;
    if DOCUMENTED {
        at = 8;
        if !stands(source, 0, literal(b"\0{\"px\":\"") | lead, 8) {
            return None;
        }
    } else {
        if !stands(source, 0, literal(b"\0{\"n\":") | lead, 6) {
            return None;
        }
        at = 6 + count(source, 6, b',')?;
        if !stands(source, at, literal(b",\"px\":\""), 7) {
            return None;
        }
        at += 7;
    }
    let (px, sz_at) = decimal(source, at, literal(b"\",\"sz\":\""), 8)?;
    if DOCUMENTED {
        let (qty, n_at) = decimal(source, sz_at, literal(b"\",\"n\":"), 6)?;
        at = n_at + count(source, n_at, b'}')? + 1;
        return (px > 0 && qty > 0).then_some((Level { px: Price(px), qty: Qty(qty) }, at));
    }
    let (qty, at) = decimal(source, sz_at, literal(b"\"}"), 2)?;
    (px > 0 && qty > 0).then_some((Level { px: Price(px), qty: Qty(qty) }, at))
}

/// One level behind the byte `lead` at the start of `bytes`, and what follows it. Near the end of
/// a frame a whole window is not left.
#[inline(always)]
fn take_level<const DOCUMENTED: bool>(bytes: &[u8], lead: u8) -> Option<(Level, &[u8])> {
    let (level, len) = match bytes.first_chunk() {
        Some(window) => level::<DOCUMENTED>(window, lead)?,
        None => last_level::<DOCUMENTED>(bytes, lead)?,
    };
    Some((level, bytes.get(len..)?))
}

#[inline(never)]
fn last_level<const DOCUMENTED: bool>(bytes: &[u8], lead: u8) -> Option<(Level, usize)> {
    level::<DOCUMENTED>(&Tail(bytes), lead)
}

/// What follows the `]` that ends a side, of whose levels the last one behind `bytes` is whole.
#[inline]
fn past_side(bytes: &[u8]) -> Option<&[u8]> {
    // 32 bytes at a time in one comparison: a level has about 40.
    let (chunks, _) = bytes.as_chunks::<32>();
    let has_end = |chunk: &[u8; 32]| chunk.iter().fold(false, |any, &b| any | (b == b']'));
    let from = 32 * chunks.iter().position(has_end).unwrap_or(chunks.len());
    let end = from + bytes.get(from..)?.iter().position(|&b| b == b']')?;
    (bytes.get(end.checked_sub(1)?) == Some(&b'}')).then(|| &bytes[end + 1..])
}

/// One side, from its `[` to after its `]`: its best `depth` levels.
#[inline(always)]
fn take_side<'a, const DOCUMENTED: bool>(
    mut bytes: &'a [u8],
    depth: usize,
    out: &mut [Level; LEVELS_MAX],
) -> Option<(u8, &'a [u8])> {
    if let Some(rest) = bytes.strip_prefix(b"[]") {
        return Some((0, rest));
    }
    let mut lead = b'[';
    for (i, slot) in out.iter_mut().take(depth).enumerate() {
        let (level, rest) = take_level::<DOCUMENTED>(bytes, lead)?;
        *slot = level;
        if let [b']', rest @ ..] = rest {
            return Some((i as u8 + 1, rest));
        }
        (bytes, lead) = (rest, b',');
    }
    // More than the venue documents is for the cursor to refuse.
    if depth >= LEVELS_MAX {
        return None;
    }
    Some((depth as u8, past_side(bytes)?))
}

/// Both sides, from after `[` to after `]`.
#[inline(always)]
fn take_sides<'a, const DOCUMENTED: bool>(
    bytes: &'a [u8],
    depth: usize,
    levels: &mut [[Level; LEVELS_MAX]; 2],
) -> Option<([u8; 2], &'a [u8])> {
    let [bids, asks] = levels;
    let (bid_count, rest) = take_side::<DOCUMENTED>(bytes, depth, bids)?;
    let (ask_count, rest) = take_side::<DOCUMENTED>(rest.strip_prefix(b",")?, depth, asks)?;
    Some(([bid_count, ask_count], rest.strip_prefix(b"]")?))
}

/// A whole `l2Book` frame, with as many levels of a side as `depth` says of its market.
pub(super) fn book(
    frame: &[u8],
    markets: &Markets,
    depth: impl Fn(InstId) -> usize,
    levels: &mut [[Level; LEVELS_MAX]; 2],
) -> Option<Book> {
    let rest = frame.strip_prefix(b"{\"channel\":\"l2Book\",")?;
    let rest = rest.strip_prefix(b"\"data\":{\"coin\":\"")?;
    let (name, rest) = take_name(rest)?;
    let inst = markets.find(name)?;
    let depth = depth(inst);
    if let Some(rest) = rest.strip_prefix(b"\",\"time\":") {
        let (exch_ms, rest) = take_time(rest)?;
        let rest = rest.strip_prefix(b",\"levels\":[")?;
        let (counts, rest) = take_sides::<true>(rest, depth, levels)?;
        let whole = rest == b"}}" || rest == b",\"fast\":true}}";
        return whole.then_some(Book { inst, counts, exch_ms });
    }
    let rest = rest.strip_prefix(b"\",\"levels\":[")?;
    let (counts, rest) = take_sides::<false>(rest, depth, levels)?;
    // The time is the last field here: 13 digits and the two braces, shorter than a window.
    let rest = rest.strip_prefix(b",\"time\":")?;
    let exch_ms = last_time(rest)?;
    Some(Book { inst, counts, exch_ms })
}

/// A time that ends the frame.
#[inline(never)]
fn last_time(bytes: &[u8]) -> Option<u64> {
    let bytes: &[u8; 15] = bytes.try_into().ok()?;
    let mut window = [0; 16];
    window[..15].copy_from_slice(bytes);
    let (ms, rest) = take_time(&window)?;
    (rest == b"}}\0").then_some(ms)
}

/// One side of a `bbo` behind the byte `lead`: a level, or `null` where there is none.
#[inline(always)]
fn take_best<const DOCUMENTED: bool>(bytes: &[u8], lead: u8) -> Option<(Level, &[u8])> {
    match bytes {
        [first, b'n', b'u', b'l', b'l', rest @ ..] if *first == lead => {
            Some((Level::default(), rest))
        }
        _ => take_level::<DOCUMENTED>(bytes, lead),
    }
}

/// A whole `bbo` frame.
#[inline]
pub(super) fn quote(frame: &[u8], markets: &Markets) -> Option<Quote> {
    let rest = frame.strip_prefix(b"{\"channel\":\"bbo\",\"data\":{\"")?;
    if let Some(rest) = rest.strip_prefix(b"coin\":\"") {
        let (name, rest) = take_name(rest)?;
        let inst = markets.find(name)?;
        let (exch_ms, rest) = take_time(rest.strip_prefix(b"\",\"time\":")?)?;
        let (bid, rest) = take_best::<true>(rest.strip_prefix(b",\"bbo\":")?, b'[')?;
        let (ask, rest) = take_best::<true>(rest, b',')?;
        return (rest == b"]}}").then_some(Quote { inst, bid, ask, exch_ms });
    }
    let (bid, rest) = take_best::<false>(rest.strip_prefix(b"bbo\":")?, b'[')?;
    let (ask, rest) = take_best::<false>(rest, b',')?;
    let (name, rest) = take_name(rest.strip_prefix(b"],\"coin\":\"")?)?;
    let inst = markets.find(name)?;
    let exch_ms = last_time(rest.strip_prefix(b"\",\"time\":")?)?;
    Some(Quote { inst, bid, ask, exch_ms })
}

/// Whether nothing in these bytes ends or changes a JSON string.
#[inline(always)]
fn plain<const N: usize>(bytes: &[u8; N]) -> bool {
    let special = |b: u8| !(0x20..0x80).contains(&b) || b == b'"' || b == b'\\';
    !bytes.iter().fold(false, |any, &b| any | special(b))
}

/// Takes `N` bytes of a string, with nothing special in them.
#[inline(always)]
fn take_plain<const N: usize>(bytes: &[u8]) -> Option<&[u8]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    plain(head).then_some(rest)
}

/// One trade, from its `{` to after its `}`.
#[inline(always)]
fn take_trade<'a>(bytes: &'a [u8], markets: &Markets) -> Option<(Trade, &'a [u8])> {
    let (name, rest) = take_name(bytes.strip_prefix(b"{\"coin\":\"")?)?;
    let inst = markets.find(name)?;
    let (side, rest) = match rest.strip_prefix(b"\",\"side\":\"")? {
        [b'A', rest @ ..] => (Side::Sell, rest),
        [b'B', rest @ ..] => (Side::Buy, rest),
        _ => return None,
    };
    let rest = rest.strip_prefix(b"\",\"px\":\"")?;
    let (px, at) = decimal(&Tail(rest), 0, literal(b"\",\"sz\":\""), 8)?;
    let rest = rest.get(at..)?;
    let (qty, at) = decimal(&Tail(rest), 0, literal(b"\",\"time"), 7)?;
    let (exch_ms, rest) = take_time(rest.get(at..)?.strip_prefix(b"\":")?)?;
    let rest = take_plain::<64>(rest.strip_prefix(b",\"hash\":\"0x")?)?;
    let rest = rest.strip_prefix(b"\",\"tid\":")?;
    let (id, len) = swar::unsigned(word(rest, 0)?, word(rest, 8)?, b',')?;
    let rest = take_plain::<40>(rest[len..].strip_prefix(b",\"users\":[\"0x")?)?;
    let rest = take_plain::<40>(rest.strip_prefix(b"\",\"0x")?)?;
    let rest = rest.strip_prefix(b"\"]}")?;
    let sound = px > 0 && qty > 0 && id > 0;
    let (px, qty) = (Price(px), Qty(qty));
    sound.then_some((Trade { inst, side, px, qty, exch_ms, id }, rest))
}

/// A whole `trades` frame, into `out`.
pub(super) fn trades(frame: &[u8], markets: &Markets, out: &mut Vec<Trade>) -> Option<()> {
    out.clear();
    let mut rest = frame.strip_prefix(b"{\"channel\":\"trades\",\"data\":[")?;
    while out.len() < TRADES_MAX {
        let (trade, after) = take_trade(rest, markets)?;
        out.push(trade);
        match after {
            [b',', after @ ..] => rest = after,
            b"]}" => return Some(()),
            _ => return None,
        }
    }
    None
}
