//! Hot. The `l2` channel: a snapshot of the book, then what changed of it, plain or compressed.
//!
//! The channel is not documented; the venue's own pages read it. It has twenty levels every 0.55 s
//! where `l2Book` has them every 5 s, and may change or go without notice. So nothing is guessed: a
//! message that does not fit what we hold ends the use of this channel for the run, with a gap, and
//! `l2Book` takes its place.
//!
//! A change removes levels by their places, then sets levels by their prices, and the side is sorted
//! again. Bounds: a message of [`PACKED_MAX`] bytes unpacks to [`TEXT_MAX`], and no further.

use super::feed::{Book, LEVELS_MAX, read_positive, read_time};
use super::markets::Markets;
use crate::event::Level;
use crate::instrument::InstId;
use crate::units::{Price, Qty};
use crate::venue::json::{Cursor, Text, once};
use crate::venue::{Malformed, MalformedKind};
use flate2::{Decompress, FlushDecompress, Status};

/// Bytes of a compressed change, as base64 and as DEFLATE.
const BASE64_MAX: usize = 16 << 10;
const PACKED_MAX: usize = BASE64_MAX / 4 * 3;
/// Bytes that one may unpack to: 80 levels of 60 bytes are 4800.
const TEXT_MAX: usize = 32 << 10;

/// One side as it stands, best price first.
#[derive(Clone, Copy, Debug, Default)]
struct Ladder {
    levels: [Level; LEVELS_MAX],
    count: usize,
}

/// What changes of one side.
#[derive(Clone, Copy, Debug)]
struct Change {
    /// By place: a bit for each level that goes.
    removed: u32,
    set: [Level; LEVELS_MAX],
    count: usize,
}

const NOTHING: Change =
    Change { removed: 0, set: [Level { px: Price(0), qty: Qty(0) }; LEVELS_MAX], count: 0 };

/// The books of a connection's markets. Boxed by its owner: it holds 40 kB.
#[derive(Debug)]
pub(super) struct Deltas {
    /// Both sides by instrument; `None` before the snapshot.
    books: Vec<Option<[Ladder; 2]>>,
    changes: [Change; 2],
    inflate: Decompress,
    packed: [u8; PACKED_MAX],
    text: [u8; TEXT_MAX],
}

// The state of a decompressor says nothing between two messages.
impl Clone for Deltas {
    fn clone(&self) -> Deltas {
        Deltas { books: self.books.clone(), ..Deltas::new(self.books.len()) }
    }
}

/// What a frame of the channel holds.
pub(super) enum Form<'a> {
    Snapshot(Cursor<'a>),
    Plain(Cursor<'a>),
    Packed(Text<'a>),
}

/// Reads the `data` of a frame: exactly one of the three forms.
pub(super) fn form<'a>(mut data: Cursor<'a>) -> Result<Form<'a>, Malformed> {
    let missing = data.refuse(MalformedKind::MissingField);
    let mut found = None;
    let mut members = data.object()?;
    while let Some(name) = members.next(&mut data)? {
        match name.chars(&mut [0; 8]) {
            Some(b"s") => once(&mut found, Form::Snapshot(data), &name)?,
            Some(b"u") => once(&mut found, Form::Plain(data), &name)?,
            Some(b"c") => {
                let mut text = data;
                once(&mut found, Form::Packed(text.text()?), &name)?;
            }
            _ => {}
        }
        data.skip()?;
    }
    found.ok_or(missing)
}

impl Deltas {
    pub fn new(markets: usize) -> Deltas {
        Deltas {
            books: vec![None; markets],
            changes: [NOTHING; 2],
            inflate: Decompress::new(false),
            packed: [0; PACKED_MAX],
            text: [0; TEXT_MAX],
        }
    }

    /// Takes the snapshot of a market, with which every subscription begins, also the one after a
    /// reconnect: the levels of a book that was read.
    pub fn replace(&mut self, book: &Book, levels: &[[Level; LEVELS_MAX]; 2]) {
        let Some(slot) = self.books.get_mut(usize::from(book.inst.0)) else { return };
        let ladder = |side: usize| {
            let count = usize::from(book.counts[side]);
            let mut ladder = Ladder { count, ..Ladder::default() };
            ladder.levels[..count].copy_from_slice(&levels[side][..count]);
            ladder
        };
        *slot = Some([ladder(0), ladder(1)]);
    }

    /// Applies a compressed change; the book that follows from it lies in `out`.
    pub fn unpack(
        &mut self,
        packed: &Text<'_>,
        markets: &Markets,
        out: &mut [[Level; LEVELS_MAX]; 2],
    ) -> Result<Option<Book>, Malformed> {
        let refused = packed.refuse(MalformedKind::Value);
        let oversized = packed.refuse(MalformedKind::Oversized);
        let mut room = [0; BASE64_MAX];
        let text = packed.chars(&mut room).filter(|t| t.len() <= BASE64_MAX).ok_or(oversized)?;
        let len = base64(text, &mut self.packed).ok_or(refused)?;
        self.inflate.reset(false);
        let input = &self.packed[..len];
        match self.inflate.decompress(input, &mut self.text, FlushDecompress::Finish) {
            Ok(Status::StreamEnd) => {}
            // The room is full and the stream goes on.
            Ok(_) if self.inflate.total_out() == TEXT_MAX as u64 => return Err(oversized),
            Ok(_) | Err(_) => return Err(refused),
        }
        let len = self.inflate.total_out() as usize;
        let mut cursor = Cursor::new(&self.text[..len]);
        // Syntax of the whole first: a text that goes on behind its object is none.
        cursor.skip().and_then(|()| cursor.end()).map_err(|_| refused)?;
        let (coin, exch_ms) =
            read_change(Cursor::new(&self.text[..len]), markets, &mut self.changes)
                .map_err(|_| refused)?;
        self.apply(coin, exch_ms, out).ok_or(refused)
    }

    /// Applies a change as it stands in its frame.
    pub fn plain(
        &mut self,
        data: Cursor<'_>,
        markets: &Markets,
        out: &mut [[Level; LEVELS_MAX]; 2],
    ) -> Result<Option<Book>, Malformed> {
        let refused = data.refuse(MalformedKind::Value);
        let (coin, exch_ms) = read_change(data, markets, &mut self.changes)?;
        self.apply(coin, exch_ms, out).ok_or(refused)
    }

    /// Outer `None`: the change does not fit the book. Inner: the session does not have the market.
    fn apply(
        &mut self,
        inst: Option<InstId>,
        exch_ms: u64,
        out: &mut [[Level; LEVELS_MAX]; 2],
    ) -> Option<Option<Book>> {
        let Some(inst) = inst else { return Some(None) };
        let book = self.books.get_mut(usize::from(inst.0))?.as_mut()?;
        let mut next = *book;
        for (side, change) in next.iter_mut().zip(&self.changes) {
            side.remove(change.removed)?;
            for level in &change.set[..change.count] {
                side.set(*level)?;
            }
        }
        next[0].levels[..next[0].count].sort_unstable_by_key(|l| std::cmp::Reverse(l.px));
        next[1].levels[..next[1].count].sort_unstable_by_key(|l| l.px);
        *book = next;
        for (to, side) in out.iter_mut().zip(&next) {
            to[..side.count].copy_from_slice(&side.levels[..side.count]);
        }
        Some(Some(Book { inst, counts: [next[0].count as u8, next[1].count as u8], exch_ms }))
    }
}

impl Ladder {
    /// `None` when a place is empty.
    fn remove(&mut self, removed: u32) -> Option<()> {
        // At most 20 levels: the shift stays inside the 32 bits.
        if removed >> self.count != 0 {
            return None;
        }
        let mut kept = 0;
        for i in 0..self.count {
            if removed & (1 << i) == 0 {
                self.levels[kept] = self.levels[i];
                kept += 1;
            }
        }
        self.count = kept;
        Some(())
    }

    /// `None` when the side is full.
    fn set(&mut self, level: Level) -> Option<()> {
        match self.levels[..self.count].iter_mut().find(|l| l.px == level.px) {
            Some(known) => *known = level,
            None => {
                *self.levels.get_mut(self.count)? = level;
                self.count += 1;
            }
        }
        Some(())
    }
}

/// `{"c":coin,"t":ms,"l":[[{"p","s"}..bids],[..asks]],"r":[[places],[places]]}`
fn read_change(
    mut data: Cursor<'_>,
    markets: &Markets,
    changes: &mut [Change; 2],
) -> Result<(Option<InstId>, u64), Malformed> {
    let missing = data.refuse(MalformedKind::MissingField);
    *changes = [NOTHING; 2];
    let (mut coin, mut time, mut levels, mut removed) = (None, None, None, None);
    let mut members = data.object()?;
    while let Some(name) = members.next(&mut data)? {
        match name.chars(&mut [0; 8]) {
            Some(b"c") => once(&mut coin, data.text()?, &name)?,
            Some(b"t") => once(&mut time, read_time(&mut data)?, &name)?,
            Some(b"l") => once(&mut levels, sides(&mut data, changes, read_set)?, &name)?,
            Some(b"r") => once(&mut removed, sides(&mut data, changes, read_removed)?, &name)?,
            _ => data.skip()?,
        }
    }
    levels.and(removed).ok_or(missing)?;
    let coin: Text<'_> = coin.ok_or(missing)?;
    Ok((markets.find_text(&coin), time.ok_or(missing)?))
}

/// Exactly two lists.
fn sides(
    data: &mut Cursor<'_>,
    changes: &mut [Change; 2],
    read: impl Fn(&mut Cursor<'_>, &mut Change) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut both = data.array()?;
    for change in changes {
        if !both.next(data)? {
            return Err(data.refuse(MalformedKind::MissingField));
        }
        let mut items = data.array()?;
        while items.next(data)? {
            read(data, change)?;
        }
    }
    if both.next(data)? { Err(data.refuse(MalformedKind::Oversized)) } else { Ok(()) }
}

fn read_set(data: &mut Cursor<'_>, change: &mut Change) -> Result<(), Malformed> {
    data.peek()?;
    let missing = data.refuse(MalformedKind::MissingField);
    let oversized = data.refuse(MalformedKind::Oversized);
    let (mut px, mut qty) = (None, None);
    let mut members = data.object()?;
    while let Some(name) = members.next(data)? {
        match name.chars(&mut [0; 8]) {
            Some(b"p") => once(&mut px, read_positive(data)?, &name)?,
            Some(b"s") => once(&mut qty, read_positive(data)?, &name)?,
            _ => data.skip()?,
        }
    }
    let level = Level { px: Price(px.ok_or(missing)?), qty: Qty(qty.ok_or(missing)?) };
    *change.set.get_mut(change.count).ok_or(oversized)? = level;
    change.count += 1;
    Ok(())
}

/// A place that stands twice is no error of ours to guess about.
fn read_removed(data: &mut Cursor<'_>, change: &mut Change) -> Result<(), Malformed> {
    data.peek()?;
    let refused = data.refuse(MalformedKind::Value);
    let place = data.unsigned()?;
    if place >= LEVELS_MAX as u64 || change.removed & (1 << place) != 0 {
        return Err(refused);
    }
    change.removed |= 1 << place;
    Ok(())
}

/// Standard base64 with its padding; the bytes written. `None` for anything else.
fn base64(text: &[u8], out: &mut [u8]) -> Option<usize> {
    if text.is_empty() || !text.len().is_multiple_of(4) {
        return None;
    }
    let padding = text.iter().rev().take_while(|b| **b == b'=').count();
    let len = text.len() / 4 * 3;
    if padding > 2 || len > out.len() {
        return None;
    }
    let symbols = &text[..text.len() - padding];
    for (chunk, bytes) in symbols.chunks(4).zip(out.chunks_mut(3)) {
        let mut word = 0u32;
        for (i, symbol) in chunk.iter().enumerate() {
            word |= u32::from(sextet(*symbol)?) << (18 - 6 * i);
        }
        bytes.copy_from_slice(&word.to_be_bytes()[1..]);
    }
    Some(len - padding)
}

fn sextet(symbol: u8) -> Option<u8> {
    Some(match symbol {
        b'A'..=b'Z' => symbol - b'A',
        b'a'..=b'z' => symbol - b'a' + 26,
        b'0'..=b'9' => symbol - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}
