//! Hot. One instrument's order book as we see it: sorted levels, and whether they can be trusted.
//!
//! A snapshot arrives as several events into a second buffer and becomes the book in one step at
//! its `BookEnd`; until then the old book stands. A best-bid-offer update, which Hyperliquid sends
//! on every block while snapshots come every 0.5 to 5 s, is merged into the top. A book is valid
//! only after a whole, sorted, uncrossed snapshot with both sides; anything else tears it, and a
//! torn book has no top.

use crate::event::{GapReason, LEVELS_PER_EVENT, Level};
use crate::units::{Nanos, Notional, Price, Qty, Side, StateHasher};

/// Levels kept a side: what Hyperliquid sends at most.
pub const DEPTH: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookState {
    /// No snapshot yet.
    Empty,
    Valid,
    /// Not to be used until the next complete snapshot.
    Torn(GapReason),
}

/// Best bid and offer of a valid book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Top {
    pub bid: Level,
    pub ask: Level,
}

impl Top {
    /// Twice the mid, exact: the sum of the best prices, in raw 10^-8 units.
    #[inline]
    pub fn mid2(&self) -> i64 {
        self.bid.px.0 + self.ask.px.0
    }

    /// The mid, rounded down by at most half a raw unit.
    #[inline]
    pub fn mid(&self) -> Price {
        Price(self.mid2() / 2)
    }

    #[inline]
    pub fn side(&self, side: Side) -> Level {
        match side {
            Side::Buy => self.bid,
            Side::Sell => self.ask,
        }
    }
}

/// What an update did to the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    Changed,
    /// Older than what the book holds: ignored.
    Old,
    /// The update tore the book.
    Tore(GapReason),
    /// A top update on a book without a snapshot, or a torn one: kept back.
    NotReady,
}

#[derive(Clone, Copy, Debug)]
struct Ladder {
    levels: [Level; DEPTH],
    count: usize,
}

impl Ladder {
    const EMPTY: Ladder = Ladder { levels: [Level { px: Price(0), qty: Qty(0) }; DEPTH], count: 0 };

    /// Every level has a price and a size: a codec refuses others, so one here is a torn message.
    fn is_whole(&self) -> bool {
        self.levels[..self.count].iter().all(|l| l.px.0 > 0 && l.qty.0 > 0)
    }

    fn is_sorted(&self, side: Side) -> bool {
        self.levels[..self.count].windows(2).all(|w| better(side, w[0].px, w[1].px))
    }

    /// Makes `top` the best level: what was better is gone, what was equal is replaced.
    #[inline]
    fn set_top(&mut self, side: Side, top: Level) {
        // Mostly the price stands and its size changes.
        if self.count > 0 && self.levels[0].px == top.px {
            self.levels[0] = top;
            return;
        }
        let kept = self.levels[..self.count]
            .iter()
            .position(|l| better(side, top.px, l.px))
            .unwrap_or(self.count);
        // `kept` levels at or better than the new top go; one takes their place.
        let tail = (self.count - kept).min(DEPTH - 1);
        self.levels.copy_within(kept..kept + tail, 1);
        self.levels[0] = top;
        self.count = tail + 1;
    }
}

/// Is `a` strictly nearer to the other side than `b`?
#[inline]
fn better(side: Side, a: Price, b: Price) -> bool {
    match side {
        Side::Buy => a > b,
        Side::Sell => a < b,
    }
}

#[derive(Clone, Debug)]
pub struct Book {
    sides: [Ladder; 2],
    staged: [Ladder; 2],
    state: BookState,
    snapshot_ms: u64,
    bbo: Option<(Level, Level)>,
    bbo_ms: u64,
    updated: Nanos,
}

impl Default for Book {
    fn default() -> Self {
        Book {
            sides: [Ladder::EMPTY; 2],
            staged: [Ladder::EMPTY; 2],
            state: BookState::Empty,
            snapshot_ms: 0,
            bbo: None,
            bbo_ms: 0,
            updated: Nanos::ZERO,
        }
    }
}

impl Book {
    pub fn state(&self) -> BookState {
        self.state
    }

    /// When the last update was applied, on the engine's clock.
    pub fn updated(&self) -> Nanos {
        self.updated
    }

    /// The venue's time of the newest update, in ms since the Unix epoch.
    pub fn exch_ms(&self) -> u64 {
        self.snapshot_ms.max(self.bbo_ms)
    }

    /// `None` unless the book is valid.
    #[inline]
    pub fn top(&self) -> Option<Top> {
        match self.state {
            BookState::Valid => {
                Some(Top { bid: self.sides[0].levels[0], ask: self.sides[1].levels[0] })
            }
            _ => None,
        }
    }

    /// Best first; empty unless the book is valid.
    pub fn levels(&self, side: Side) -> &[Level] {
        match self.state {
            BookState::Valid => {
                let ladder = &self.sides[side.index()];
                &ladder.levels[..ladder.count]
            }
            _ => &[],
        }
    }

    /// Stages levels of a snapshot in progress. Levels past [`DEPTH`] or out of step are left
    /// out; the count at [`Book::end`] then shows it.
    #[inline]
    pub fn stage(&mut self, side: Side, start: u8, levels: &[Level; LEVELS_PER_EVENT], count: u8) {
        let ladder = &mut self.staged[side.index()];
        let start = usize::from(start);
        let count = usize::from(count).min(LEVELS_PER_EVENT);
        if start == 0 {
            ladder.count = 0;
        }
        if start != ladder.count || start + count > DEPTH {
            return;
        }
        ladder.levels[start..start + count].copy_from_slice(&levels[..count]);
        ladder.count = start + count;
    }

    /// Ends a snapshot of `bids` and `asks` levels: it becomes the book, or tears it.
    pub fn end(&mut self, bids: u8, asks: u8, exch_ms: u64, now: Nanos) -> Applied {
        let [staged_bids, staged_asks] = &self.staged;
        if staged_bids.count != usize::from(bids) || staged_asks.count != usize::from(asks) {
            return self.tear(GapReason::RingFull);
        }
        if bids == 0 || asks == 0 {
            return self.tear(GapReason::EmptySide);
        }
        if exch_ms < self.snapshot_ms {
            return Applied::Old;
        }
        if !staged_bids.is_whole() || !staged_asks.is_whole() {
            return self.tear(GapReason::OutOfRange);
        }
        if !staged_bids.is_sorted(Side::Buy) || !staged_asks.is_sorted(Side::Sell) {
            return self.tear(GapReason::Unsorted);
        }
        // Locked (equal) counts as crossed: no price is left between the sides.
        if staged_bids.levels[0].px >= staged_asks.levels[0].px {
            return self.tear(GapReason::Crossed);
        }
        std::mem::swap(&mut self.sides, &mut self.staged);
        self.staged[0].count = 0;
        self.staged[1].count = 0;
        self.state = BookState::Valid;
        self.snapshot_ms = exch_ms;
        self.updated = now;
        // The two channels race: a newer top that came first is put on top again.
        match self.bbo {
            Some((bid, ask)) if self.bbo_ms > exch_ms => self.merge(bid, ask),
            _ => Applied::Changed,
        }
    }

    /// Merges a best bid and offer; a side without a price tears the book.
    #[inline]
    pub fn bbo(&mut self, bid: Level, ask: Level, exch_ms: u64, now: Nanos) -> Applied {
        if exch_ms < self.bbo_ms {
            return Applied::Old;
        }
        self.bbo = Some((bid, ask));
        self.bbo_ms = exch_ms;
        if self.state != BookState::Valid {
            return Applied::NotReady;
        }
        if exch_ms < self.snapshot_ms {
            return Applied::Old;
        }
        self.updated = now;
        self.merge(bid, ask)
    }

    fn merge(&mut self, bid: Level, ask: Level) -> Applied {
        if bid.qty.0 <= 0 || ask.qty.0 <= 0 || bid.px.0 <= 0 {
            return self.tear(GapReason::EmptySide);
        }
        if bid.px >= ask.px {
            return self.tear(GapReason::Crossed);
        }
        let [bids, asks] = &mut self.sides;
        bids.set_top(Side::Buy, bid);
        asks.set_top(Side::Sell, ask);
        Applied::Changed
    }

    /// Marks the book as not to be trusted.
    #[cold]
    pub fn tear(&mut self, reason: GapReason) -> Applied {
        self.state = BookState::Torn(reason);
        self.bbo = None;
        if matches!(reason, GapReason::Disconnected | GapReason::ClockJump) {
            // Times order messages of one connection. After it the venue's clock may be another.
            self.snapshot_ms = 0;
            self.bbo_ms = 0;
        }
        self.staged[0].count = 0;
        self.staged[1].count = 0;
        Applied::Tore(reason)
    }

    /// Average price of taking `qty` from this side's opposite, walking the levels; `None` when the
    /// book does not hold that much.
    pub fn sweep_cost(&self, side: Side, qty: Qty) -> Option<Notional> {
        let mut left = qty.0;
        let mut cost = 0i128;
        for level in self.levels(side.opposite()) {
            let take = left.min(level.qty.0);
            cost += Notional::of(level.px, Qty(take)).0;
            left -= take;
            if left == 0 {
                return Some(Notional(cost));
            }
        }
        None
    }

    pub fn digest(&self, h: &mut StateHasher) {
        h.word(match self.state {
            BookState::Empty => 0,
            BookState::Valid => 1,
            BookState::Torn(reason) => 2 + reason as u64,
        });
        for side in Side::BOTH {
            for level in self.levels(side) {
                h.signed(level.px.0);
                h.signed(level.qty.0);
            }
        }
        h.word(self.snapshot_ms);
        h.word(self.bbo_ms);
        h.word(self.updated.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SCALE;

    fn level(px: i64, qty: i64) -> Level {
        Level { px: Price(px * SCALE), qty: Qty(qty * SCALE) }
    }

    fn snapshot(book: &mut Book, bids: &[(i64, i64)], asks: &[(i64, i64)], ms: u64) -> Applied {
        for (side, rows) in [(Side::Buy, bids), (Side::Sell, asks)] {
            for (i, chunk) in rows.chunks(LEVELS_PER_EVENT).enumerate() {
                let mut levels = [Level::default(); LEVELS_PER_EVENT];
                for (to, from) in levels.iter_mut().zip(chunk) {
                    *to = level(from.0, from.1);
                }
                book.stage(side, (i * LEVELS_PER_EVENT) as u8, &levels, chunk.len() as u8);
            }
        }
        book.end(bids.len() as u8, asks.len() as u8, ms, Nanos(ms))
    }

    #[test]
    fn a_snapshot_becomes_the_book_only_at_its_end() {
        let mut book = Book::default();
        assert_eq!(book.top(), None);
        assert_eq!(
            snapshot(&mut book, &[(99, 1), (98, 2), (97, 3), (96, 4)], &[(101, 5)], 1),
            Applied::Changed
        );
        assert_eq!(book.levels(Side::Buy).len(), 4);
        // The next one is being staged: the old one stands.
        book.stage(Side::Buy, 0, &[level(50, 1); LEVELS_PER_EVENT], 1);
        assert_eq!(book.top().map(|t| t.bid), Some(level(99, 1)));
    }

    #[test]
    fn a_book_that_lacks_an_event_is_torn() {
        let mut book = Book::default();
        book.stage(Side::Buy, 0, &[level(99, 1); LEVELS_PER_EVENT], 1);
        assert_eq!(book.end(4, 1, 1, Nanos(1)), Applied::Tore(GapReason::RingFull));
        assert_eq!(book.top(), None);
    }

    #[test]
    fn crossed_locked_empty_and_unsorted_books_are_torn() {
        for (bids, asks, reason) in [
            (&[(101, 1)][..], &[(100, 1)][..], GapReason::Crossed),
            (&[(100, 1)], &[(100, 1)], GapReason::Crossed),
            (&[], &[(100, 1)], GapReason::EmptySide),
            (&[(98, 1), (99, 1)], &[(100, 1)], GapReason::Unsorted),
            (&[(98, 1), (98, 1)], &[(100, 1)], GapReason::Unsorted),
        ] {
            let mut book = Book::default();
            assert_eq!(snapshot(&mut book, bids, asks, 1), Applied::Tore(reason));
            assert_eq!(book.top(), None);
        }
    }

    #[test]
    fn a_newer_top_is_merged_and_an_older_snapshot_keeps_it() {
        let mut book = Book::default();
        assert_eq!(book.bbo(level(99, 1), level(101, 1), 5, Nanos(5)), Applied::NotReady);
        assert_eq!(
            snapshot(&mut book, &[(98, 1), (97, 1)], &[(101, 7), (102, 1)], 4),
            Applied::Changed
        );
        assert_eq!(book.top().map(|t| t.bid), Some(level(99, 1)));
        assert_eq!(book.levels(Side::Buy), &[level(99, 1), level(98, 1), level(97, 1)]);
        assert_eq!(book.levels(Side::Sell), &[level(101, 1), level(102, 1)]);
        // The best bid falls back: levels that are better go.
        assert_eq!(book.bbo(level(97, 9), level(103, 2), 6, Nanos(6)), Applied::Changed);
        assert_eq!(book.levels(Side::Buy), &[level(97, 9)]);
        assert_eq!(book.levels(Side::Sell), &[level(103, 2)]);
        assert_eq!(book.bbo(level(1, 1), level(2, 1), 5, Nanos(7)), Applied::Old);
        assert_eq!(
            book.bbo(level(99, 0), level(103, 2), 8, Nanos(8)),
            Applied::Tore(GapReason::EmptySide)
        );
    }

    #[test]
    fn sweep_walks_the_levels() {
        let mut book = Book::default();
        assert_eq!(snapshot(&mut book, &[(99, 1)], &[(100, 1), (102, 1)], 1), Applied::Changed);
        let cost = book.sweep_cost(Side::Buy, Qty(2 * SCALE)).map(|n| n.to_raw());
        assert_eq!(cost, Some(202 * SCALE));
        assert_eq!(book.sweep_cost(Side::Buy, Qty(3 * SCALE)), None);
    }
}
