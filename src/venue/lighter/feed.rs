//! Hot. Public market data: order_book, ticker, trade, market_stats, height.
//!
//! A frame is one unit: it is read and checked to its last byte before anything of it is applied or
//! emitted, so an `Err` has changed nothing but what the caller does about it: a gap on all markets
//! of the connection, because bytes that cannot be read do not say which market they were about.
//! The exact bytes that the venue sends are scanned (`feed/scan.rs`), any other layout is read by
//! the cursor (`feed/read.rs`), which alone decides what is refused.
//!
//! **The book.** The venue sends a snapshot and then changes, each with the counter of the matching
//! engine: `begin_nonce` of a change is the `nonce` of the message before it. A change that does not
//! continue the chain is a [`GapReason::Sequence`]: the book waits for the next snapshot, which
//! [`FeedCodec::resubscribe`] asks for. (`offset` belongs to one of the venue's servers and is not
//! contiguous.) The levels are kept in a [`Ladder`] per side, and the core gets its own form of
//! them: the best [`DEPTH`] of each side when one of those changed or a ticker came between, else
//! their top alone, which says that the book is alive.
//!
//! **The ticker** has the same counter, comes 12 to 23 ms earlier and on every change of the top.
//! The newest nonce wins: an older ticker is left out; a book that is older than the last ticker is
//! followed by that ticker's top once more, unless its time already tells the core.
//!
//! Times are the matching engine's (`last_updated_at`), the same clock on both channels; only a
//! market without any update has the server's (`timestamp`).
//!
//! **Trades** come newest first and are emitted oldest first, each id once. The answer to the
//! subscription repeats old trades, which are no news: only their ids are remembered.

mod read;
mod scan;

use super::control::{Channel, Control, request};
use super::ladder::{Change, DEPTH, LEVELS_MAX, Ladder};
use super::markets::Markets;
use crate::event::{Event, GapReason, LEVELS_PER_EVENT, Level, Stamp};
use crate::instrument::InstId;
use crate::units::{Price, Qty, Side};
use crate::venue::{Malformed, Sink};
use std::ops::Range;

/// Trades in one frame; a snapshot has 50 and 50.
pub const TRADES_MAX: usize = 1024;
/// Bytes of a frame. The largest snapshot of a book in recordings has 125 kB.
pub const FRAME_MAX: usize = 1 << 20;
/// Venue times have 13 digits in ms and 16 in us: other units are refused.
const TIME_MS: Range<u64> = 1_000_000_000_000..10_000_000_000_000;
const TIME_US: Range<u64> = 1_000_000_000_000_000..10_000_000_000_000_000;

/// What a frame was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decoded {
    Book(InstId),
    Bbo(InstId),
    /// A ticker that is not newer than what was emitted: nothing was emitted.
    Old(InstId),
    /// The book is not to be trusted; a `Gap` was emitted.
    Gap(InstId, GapReason),
    /// A change of a book that waits for its snapshot: nothing was emitted.
    Waiting(InstId),
    /// How many trades were emitted.
    Trades(u32),
    /// Of so many markets. Kept: [`FeedCodec::stats`]; mark, index and funding are emitted where all
    /// three are there.
    Stats(u32),
    /// The venue's block height. Kept: [`FeedCodec::height`].
    Height(u64),
    Control(Control),
    /// A channel that this codec does not read.
    UnknownChannel,
    /// Well-formed data of a market that the session does not have.
    UnknownMarket,
    /// The sink had no room: what was put of this market's message is to be followed by a gap. The
    /// next message of the market emits its whole book.
    Full(InstId),
}

/// What the codec left out or could not use, since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedCodecCounts {
    /// Book and ticker frames that only the cursor could read: a venue that changes its layout
    /// shows here, not in wrong prices.
    pub slow_frames: u64,
    /// Chains that broke, snapshots that were not sorted, ladders that ran out of levels.
    pub gaps: u64,
    /// Changes that came while a book waited for its snapshot.
    pub waiting: u64,
    pub old_tickers: u64,
    /// Trades whose id was not new.
    pub old_trades: u64,
    /// Deleverages and settlements, which are no trades in the book.
    pub other_trades: u64,
    /// Removals of levels that were not there.
    pub missing_levels: u64,
    /// Changes beyond the horizon of a ladder.
    pub beyond_horizon: u64,
    /// Numbers of market_stats that do not fit our scale.
    pub stats_refused: u64,
}

/// What market_stats says of a market. A number that the frame does not have, or that does not fit
/// the scale, is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MarketStats {
    pub index: Option<Price>,
    pub mark: Option<Price>,
    /// The estimate of the next hour's funding rate, in percent, raw 10^-8.
    pub funding_next: Option<i64>,
    /// The last one paid, in percent, raw 10^-8.
    pub funding_last: Option<i64>,
    /// When it was paid, ms.
    pub funding_ms: u64,
    /// The server's time of the frame, ms.
    pub exch_ms: u64,
}

/// What book and ticker frames have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    slot: usize,
    nonce: u64,
    exch_ms: u64,
}

/// A decoded `order_book`; its levels lie in the scratch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BookFrame {
    header: Header,
    begin: u64,
    snapshot: bool,
}

/// A decoded `ticker`. A side without a quote is `Level::default()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TickerFrame {
    header: Header,
    bid: Level,
    ask: Level,
}

/// A decoded trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Trade {
    id: u64,
    side: Side,
    px: Price,
    qty: Qty,
    exch_ms: u64,
}

/// The levels of one frame, bids first, best first.
#[derive(Clone, Debug)]
struct Sides {
    levels: [Vec<Level>; 2],
    /// A snapshot had more than [`LEVELS_MAX`].
    more: [bool; 2],
}

/// What a frame holds, before any of it is applied.
enum Parsed {
    Book(BookFrame),
    Ticker(TickerFrame),
    /// In the scratch.
    Trades {
        slot: usize,
        snapshot: bool,
    },
    /// Of so many markets; kept in their books.
    Stats(u32),
    Other(Decoded),
}

/// The last ticker that was emitted.
#[derive(Clone, Copy, Debug, Default)]
struct Ticker {
    nonce: u64,
    exch_ms: u64,
    bid: Level,
    ask: Level,
}

/// One market, as the venue has told it.
#[derive(Clone, Debug)]
struct MarketBook {
    inst: InstId,
    ladders: [Ladder; 2],
    /// The end of the chain; `None` while the book waits for a snapshot.
    nonce: Option<u64>,
    exch_ms: u64,
    ticker: Ticker,
    /// The core may not have the levels that the ladders have: a message had no room, or a ticker
    /// has passed over some.
    resend: bool,
    last_trade: u64,
    stats: MarketStats,
    /// Not emitted yet.
    fresh_stats: bool,
}

/// Decodes the public frames of one connection.
#[derive(Clone, Debug)]
pub struct FeedCodec {
    markets: Markets,
    /// By the row of the market.
    books: Vec<MarketBook>,
    sides: Sides,
    trades: Vec<Trade>,
    height: u64,
    counts: FeedCodecCounts,
}

impl FeedCodec {
    /// `markets`: the venue's number of each. 64 kB a market are allocated here, and none later.
    ///
    /// # Panics
    /// When one number stands for two instruments.
    pub fn new(markets: &[(InstId, u32)]) -> FeedCodec {
        let book = |&(inst, _): &(InstId, u32)| MarketBook {
            inst,
            ladders: Side::BOTH.map(Ladder::new),
            nonce: None,
            exch_ms: 0,
            ticker: Ticker::default(),
            resend: false,
            last_trade: 0,
            stats: MarketStats::default(),
            fresh_stats: false,
        };
        let room = || Vec::with_capacity(LEVELS_MAX);
        FeedCodec {
            markets: Markets::new(markets),
            books: markets.iter().map(book).collect(),
            sides: Sides { levels: [room(), room()], more: [false; 2] },
            trades: Vec::with_capacity(2 * TRADES_MAX),
            height: 0,
            counts: FeedCodecCounts::default(),
        }
    }

    pub fn counts(&self) -> FeedCodecCounts {
        self.counts
    }

    pub fn slow_frames(&self) -> u64 {
        self.counts.slow_frames
    }

    /// The last block height that was told; 0 before the first.
    pub fn height(&self) -> u64 {
        self.height
    }

    pub fn stats(&self, inst: InstId) -> Option<&MarketStats> {
        self.books.iter().find(|book| book.inst == inst).map(|book| &book.stats)
    }

    /// The kept levels of one side, best first.
    pub fn kept(&self, inst: InstId, side: Side) -> impl Iterator<Item = Level> {
        let found = self.books.iter().find(|book| book.inst == inst);
        let ladder = found.map(|book| &book.ladders[side.index()]);
        ladder.into_iter().flat_map(|ladder| (0..ladder.len()).map(|i| ladder.level(i)))
    }

    /// A new connection: nothing of the last one continues.
    pub fn connected(&mut self) {
        for book in &mut self.books {
            book.nonce = None;
            book.ticker = Ticker::default();
            book.resend = false;
        }
    }

    /// The frames that subscribe to everything this codec reads. Cold.
    pub fn subscriptions(&self) -> Vec<String> {
        let channels = [Channel::Ticker, Channel::Book, Channel::Trades, Channel::Stats];
        let all = self.markets.rows().iter().flat_map(|(id, _)| channels.map(|c| (*id, c)));
        let each = all.map(|(id, channel)| request("subscribe", channel, id));
        each.chain([r#"{"type":"subscribe","channel":"height"}"#.to_owned()]).collect()
    }

    /// The frames that make the venue send a fresh snapshot of one market's book. A subscription to
    /// a channel that stands is refused with 30003 and brings no snapshot, so the old one ends
    /// first; that it did not stand (30002) does no harm. Cold.
    pub fn resubscribe(&self, inst: InstId) -> Vec<String> {
        let listed = self.markets.rows().iter().find(|row| row.1 == inst);
        let Some((id, _)) = listed else { return Vec::new() };
        ["unsubscribe", "subscribe"].map(|what| request(what, Channel::Book, *id)).to_vec()
    }

    /// Decodes one frame that was read at `recv`. An `Err` has emitted nothing and applied nothing.
    ///
    /// Events of a book: the bids' levels, the asks' levels, `BookEnd`, and perhaps a newer `Bbo`.
    /// `decode_ns` is 0: the sink fills it in.
    pub fn decode(
        &mut self,
        frame: &[u8],
        recv: Stamp,
        sink: &mut impl Sink,
    ) -> Result<Decoded, Malformed> {
        // The first letters of the channel's name, behind `{"channel":"`. (What the scanner takes
        // stays below FRAME_MAX: 2 x 2048 levels of at most 55 bytes.)
        match frame.get(12) {
            Some(b'o') => {
                if let Some(book) = scan::book(frame, &self.markets, &mut self.sides) {
                    return Ok(self.apply_book(book, recv, sink));
                }
            }
            Some(b't') if frame.get(13) == Some(&b'i') => {
                if let Some(ticker) = scan::ticker(frame, &self.markets) {
                    return Ok(self.apply_ticker(ticker, recv, sink));
                }
            }
            _ => {}
        }
        self.decode_exact(frame, recv, sink)
    }

    /// As [`FeedCodec::decode`] by the cursor alone: the reference that tests and benches hold the
    /// scanners against.
    #[cold]
    #[inline(never)]
    pub fn decode_exact(
        &mut self,
        frame: &[u8],
        recv: Stamp,
        sink: &mut impl Sink,
    ) -> Result<Decoded, Malformed> {
        Ok(match self.read(frame)? {
            Parsed::Book(book) => self.apply_book(book, recv, sink),
            Parsed::Ticker(ticker) => self.apply_ticker(ticker, recv, sink),
            Parsed::Trades { slot, snapshot } => self.apply_trades(slot, snapshot, recv, sink),
            Parsed::Stats(markets) => self.apply_stats(markets, recv, sink),
            Parsed::Other(decoded) => decoded,
        })
    }

    fn apply_stats(&mut self, markets: u32, recv: Stamp, sink: &mut impl Sink) -> Decoded {
        for book in self.books.iter_mut().filter(|book| book.fresh_stats) {
            book.fresh_stats = false;
            let MarketStats { mark, index, funding_next, .. } = book.stats;
            let (Some(mark), Some(oracle), Some(percent)) = (mark, index, funding_next) else {
                continue;
            };
            // A percent in 10^-8 is 10^-10 of one: 100 of the event's 10^-12. (At most 10^18 x 100
            // from outside, so it is asked whether it fits.)
            let Some(funding) = percent.checked_mul(100) else {
                self.counts.stats_refused += 1;
                continue;
            };
            let inst = book.inst;
            if !sink.put(Event::Context { inst, mark, oracle, funding, recv }) {
                book.resend = true;
                return Decoded::Full(inst);
            }
        }
        Decoded::Stats(markets)
    }

    #[inline]
    fn apply_book(&mut self, frame: BookFrame, recv: Stamp, sink: &mut impl Sink) -> Decoded {
        let BookFrame { header: Header { slot, nonce, exch_ms }, begin, snapshot } = frame;
        let book = &mut self.books[slot];
        // The nearest level that changed, counted from the best.
        let mut nearest = usize::MAX;
        if snapshot {
            let Sides { levels, more } = &self.sides;
            let sorted = [0, 1].map(|side| book.ladders[side].load(&levels[side], more[side]));
            if sorted != [true; 2] {
                return self.gap(slot, GapReason::Unsorted, recv, sink);
            }
            nearest = 0;
        } else {
            match book.nonce {
                Some(last) if last == begin => {}
                Some(_) => return self.gap(slot, GapReason::Sequence, recv, sink),
                None => {
                    self.counts.waiting += 1;
                    return Decoded::Waiting(book.inst);
                }
            }
            for (ladder, levels) in book.ladders.iter_mut().zip(&self.sides.levels) {
                for level in levels {
                    match ladder.set(level.px, level.qty) {
                        Change::At(place) => nearest = nearest.min(place),
                        Change::Missing => self.counts.missing_levels += 1,
                        Change::Beyond => self.counts.beyond_horizon += 1,
                    }
                }
            }
        }
        if book.ladders.iter().any(Ladder::is_thin) {
            return self.gap(slot, GapReason::Oversized, recv, sink);
        }
        book.nonce = Some(nonce);
        book.exch_ms = exch_ms;
        let full = if nearest < DEPTH || book.resend {
            !emit_book(book, nonce, recv, sink)
        } else {
            // Nothing that the core has changed; that the book is alive it is told by the top.
            !sink.put(top(book, recv))
        };
        book.resend = full || book.ticker.nonce > nonce;
        if full { Decoded::Full(book.inst) } else { Decoded::Book(book.inst) }
    }

    /// The book waits for a snapshot from now on.
    #[cold]
    fn gap(
        &mut self,
        slot: usize,
        reason: GapReason,
        recv: Stamp,
        sink: &mut impl Sink,
    ) -> Decoded {
        let book = &mut self.books[slot];
        book.nonce = None;
        self.counts.gaps += 1;
        if sink.put(Event::Gap { inst: book.inst, reason, recv }) {
            Decoded::Gap(book.inst, reason)
        } else {
            Decoded::Full(book.inst)
        }
    }

    #[inline]
    fn apply_ticker(&mut self, frame: TickerFrame, recv: Stamp, sink: &mut impl Sink) -> Decoded {
        let TickerFrame { header: Header { slot, nonce, exch_ms }, bid, ask } = frame;
        let book = &mut self.books[slot];
        let inst = book.inst;
        if nonce <= book.ticker.nonce || book.nonce.is_some_and(|last| nonce <= last) {
            self.counts.old_tickers += 1;
            return Decoded::Old(inst);
        }
        book.ticker = Ticker { nonce, exch_ms, bid, ask };
        // What the top passed over is gone from the core's levels, and may be back in ours.
        book.resend = true;
        if sink.put(Event::Bbo { inst, decode_ns: 0, bid, ask, exch_ms, recv }) {
            return Decoded::Bbo(inst);
        }
        Decoded::Full(inst)
    }

    fn apply_trades(
        &mut self,
        slot: usize,
        snapshot: bool,
        recv: Stamp,
        sink: &mut impl Sink,
    ) -> Decoded {
        let book = &mut self.books[slot];
        // Both lists of the frame in the order in which they happened; ids are one counter.
        self.trades.sort_unstable_by_key(|trade| trade.id);
        let mut emitted = 0;
        for &Trade { id, side, px, qty, exch_ms } in &self.trades {
            if id <= book.last_trade {
                self.counts.old_trades += 1;
                continue;
            }
            book.last_trade = id;
            if snapshot {
                continue;
            }
            let inst = book.inst;
            if !sink.put(Event::Trade { inst, side, px, qty, exch_ms, id, recv }) {
                book.resend = true;
                return Decoded::Full(inst);
            }
            emitted += 1;
        }
        Decoded::Trades(emitted)
    }
}

/// The best levels of both sides, their end, and the last ticker when it is newer and the core can't
/// tell by its time. `false` when there was no room.
#[inline]
fn emit_book(book: &MarketBook, nonce: u64, recv: Stamp, sink: &mut impl Sink) -> bool {
    let MarketBook { inst, exch_ms, ticker, .. } = *book;
    let mut counts = [0; 2];
    for (side, ladder) in Side::BOTH.into_iter().zip(&book.ladders) {
        let best = ladder.best(DEPTH);
        counts[side.index()] = best.len() as u8;
        // The usual case with a length that is known: no loop to leave, no chunk to look at.
        if let Ok(best) = <&[Level; DEPTH]>::try_from(best) {
            if !emit_whole(inst, side, best, sink) {
                return false;
            }
            continue;
        }
        let mut start = 0;
        // From the end, where the best are.
        for chunk in best.rchunks(LEVELS_PER_EVENT) {
            let levels = match *chunk {
                [c, b, a] => [a, b, c],
                [b, a] => [a, b, Level::default()],
                [a] => [a, Level::default(), Level::default()],
                _ => [Level::default(); LEVELS_PER_EVENT],
            };
            let count = chunk.len() as u8;
            if !sink.put(Event::Levels { inst, side, start, count, levels }) {
                return false;
            }
            start += count;
        }
    }
    let [bids, asks] = counts;
    if !sink.put(Event::BookEnd { inst, bids, asks, decode_ns: 0, exch_ms, recv }) {
        return false;
    }
    if ticker.nonce > nonce && ticker.exch_ms <= exch_ms {
        let Ticker { bid, ask, .. } = ticker;
        return sink.put(Event::Bbo { inst, decode_ns: 0, bid, ask, exch_ms, recv });
    }
    true
}

/// A side with all the levels that the core is told of, the best one last.
#[inline(always)]
fn emit_whole(inst: InstId, side: Side, best: &[Level; DEPTH], sink: &mut impl Sink) -> bool {
    let mut start = 0;
    while start < DEPTH {
        let count = (DEPTH - start).min(LEVELS_PER_EVENT);
        let at = |i: usize| if i < count { best[DEPTH - 1 - start - i] } else { Level::default() };
        let levels = std::array::from_fn(at);
        let event = Event::Levels { inst, side, start: start as u8, count: count as u8, levels };
        if !sink.put(event) {
            return false;
        }
        start += count;
    }
    true
}

/// The top of the kept levels.
#[inline]
fn top(book: &MarketBook, recv: Stamp) -> Event {
    let [bid, ask] = [0, 1].map(|side| book.ladders[side].level(0));
    Event::Bbo { inst: book.inst, decode_ns: 0, bid, ask, exch_ms: book.exch_ms, recv }
}
