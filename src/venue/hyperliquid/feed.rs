//! Hot. Public market data: l2Book (or l2), bbo, trades, activeAssetCtx.
//!
//! A frame is one unit: it is read and checked to its last byte before the first event leaves, so
//! an `Err` has emitted nothing and no book is ever torn by bad bytes. That costs one copy of the
//! levels through a cache-hot scratch (640 bytes against a frame of 1.7 kB) and spares the caller
//! every question about half a message. The caller answers an `Err` with a gap on all markets of
//! the connection: bytes that cannot be read do not say which market they were about.
//!
//! Two readers, one answer: the schema scanners of `scan.rs` take the layouts the venue is known to
//! write; whatever they do not recognise byte for byte is read again by the cursor, in any order
//! and spacing, which alone decides what is refused. A frame that only the cursor could read is
//! counted in [`FeedCodec::slow_frames`]: a venue that changes its layout shows there, not in wrong
//! prices.
//!
//! Not judged here: whether a book is sorted or crossed, and whether a time is old. The book does.

use super::context::{self, Context};
use super::control::{Control, ESTABLISHED, Envelope, ErrorKind};
use super::deltas::{self, Deltas, Form};
use super::markets::Markets;
use super::scan;
use crate::event::{Event, GapReason, LEVELS_PER_EVENT, Level, Stamp};
use crate::instrument::{InstId, Symbol};
use crate::units::{Price, Qty, Side};
use crate::venue::json::{Cursor, Text, once};
use crate::venue::{Malformed, MalformedKind, Sink};

/// Levels on one side of an `l2Book`, as documented.
pub const LEVELS_MAX: usize = 20;
/// Trades in one frame: 56 kB of scratch; a frame of so many has 330 kB.
pub const TRADES_MAX: usize = 1024;
/// Bytes of a frame. The largest public one, `allMids`, has 22 kB.
pub const FRAME_MAX: usize = 1 << 20;
/// Venue times are in ms and have 13 digits: seconds, microseconds and zero are refused.
const TIME_MS: std::ops::Range<u64> = 1_000_000_000_000..10_000_000_000_000;

/// What a frame was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decoded {
    Book(InstId),
    Bbo(InstId),
    /// How many trades; the venue sends empty lists too.
    Trades(u32),
    Context(InstId),
    Control(Control),
    /// A channel that this codec does not read.
    UnknownChannel,
    /// Well-formed data of a market that the session does not have, or a context whose values do
    /// not fit our scales.
    UnknownMarket,
    /// The sink had no room: what was put of this market's message is to be followed by a gap.
    Full(InstId),
}

/// A decoded `l2Book`; its levels lie in the scratch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Book {
    pub inst: InstId,
    pub counts: [u8; 2],
    pub exch_ms: u64,
}

/// A decoded `bbo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quote {
    pub inst: InstId,
    pub bid: Level,
    pub ask: Level,
    pub exch_ms: u64,
}

/// A decoded trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trade {
    pub inst: InstId,
    pub side: Side,
    pub px: Price,
    pub qty: Qty,
    pub exch_ms: u64,
    pub id: u64,
}

/// What a frame holds, before any of it is emitted.
enum Parsed {
    Book(Book),
    Quote(Quote),
    /// In the scratch.
    Trades,
    Context(Context),
    /// The venue does not know the channel `l2`.
    NoDeltas,
    Other(Decoded),
}

/// Decodes the public frames of one connection.
#[derive(Clone, Debug)]
pub struct FeedCodec {
    markets: Markets,
    listed: Vec<(InstId, Symbol)>,
    /// Levels of a side that are read, by instrument.
    depths: Vec<u8>,
    fast: bool,
    levels: [[Level; LEVELS_MAX]; 2],
    trades: Vec<Trade>,
    slow_frames: u64,
    /// The books of the channel `l2`, while it is used.
    deltas: Option<Box<Deltas>>,
    /// It was given up: `l2Book` takes its place.
    gave_up: bool,
}

impl FeedCodec {
    /// # Panics
    /// When one name stands for two instruments.
    pub fn new(markets: &[(InstId, Symbol)]) -> FeedCodec {
        FeedCodec {
            markets: Markets::new(markets),
            listed: markets.to_vec(),
            depths: Vec::new(),
            fast: false,
            levels: [[Level::default(); LEVELS_MAX]; 2],
            trades: Vec::with_capacity(TRADES_MAX),
            slow_frames: 0,
            deltas: None,
            gave_up: false,
        }
    }

    /// Reads books from the undocumented channel `l2`, until it cannot be read.
    pub fn with_deltas(mut self, on: bool) -> FeedCodec {
        let markets = self.listed.iter().map(|(id, _)| usize::from(id.0) + 1).max();
        self.deltas = on.then(|| Box::new(Deltas::new(markets.unwrap_or(0))));
        self
    }

    /// Of a market's book no more than the best `depths[inst]` levels of a side go to the core, 1 to
    /// [`LEVELS_MAX`]; all of them where nothing is said. What lies deeper is not even read in the
    /// layouts that the venue is known to write: its bytes are passed over.
    pub fn with_depths(mut self, depths: &[u8]) -> FeedCodec {
        self.depths = depths.to_vec();
        self
    }

    #[inline]
    fn depth(&self, inst: InstId) -> usize {
        depth_of(&self.depths, inst)
    }

    /// Asks for five levels every 0.5 s instead of twenty every 5 s.
    pub fn with_fast(mut self, fast: bool) -> FeedCodec {
        self.fast = fast;
        self
    }

    /// Book, bbo and trade frames that only the cursor could read.
    pub fn slow_frames(&self) -> u64 {
        self.slow_frames
    }

    /// The frames that subscribe to the bbo, book, trades and context of every market. Cold.
    pub fn subscriptions(&self) -> Vec<String> {
        let channels = ["bbo", self.book_channel(), "trades", "activeAssetCtx"];
        let all = self.listed.iter().flat_map(|(_, symbol)| channels.map(|c| (*symbol, c)));
        all.map(|(symbol, channel)| self.request("subscribe", symbol, channel)).collect()
    }

    /// The frames that make the venue send a fresh snapshot of one market's book. Cold.
    pub fn resubscribe(&self, inst: InstId) -> Vec<String> {
        let listed = self.listed.iter().find(|(id, _)| *id == inst);
        let Some((_, symbol)) = listed else { return Vec::new() };
        let channel = self.book_channel();
        let methods = ["unsubscribe", "subscribe"];
        let asks = methods.map(|method| self.request(method, *symbol, channel));
        // What is not subscribed is only told so.
        let old = self.gave_up.then(|| self.request("unsubscribe", *symbol, "l2"));
        old.into_iter().chain(asks).collect()
    }

    fn book_channel(&self) -> &'static str {
        if self.deltas.is_some() { "l2" } else { "l2Book" }
    }

    #[cold]
    fn give_up(&mut self) {
        self.gave_up = self.deltas.take().is_some();
    }

    /// Cold.
    fn request(&self, method: &str, symbol: Symbol, channel: &str) -> String {
        // The undocumented channel has a key of its own.
        let key = if channel == "l2" { "c" } else { "coin" };
        let options = if self.fast && channel == "l2Book" { ",\"fast\":true" } else { "" };
        format!(
            "{{\"method\":\"{method}\",\"subscription\":{{\"type\":\"{channel}\",\"{key}\":{:?}{options}}}}}",
            symbol.as_str(),
        )
    }

    /// Decodes one frame that was read at `recv`. An `Err` has emitted nothing.
    ///
    /// Events of a book: the bids' levels, the asks' levels, `BookEnd`. A side of a bbo that the
    /// venue sends as `null` is `Level::default()`. `decode_ns` is 0: the sink fills it in.
    pub fn decode(
        &mut self,
        frame: &[u8],
        recv: Stamp,
        sink: &mut impl Sink,
    ) -> Result<Decoded, Malformed> {
        // The first letter of the channel's name, behind `{"channel":"`.
        match frame.get(12) {
            Some(b'l') => {
                let depth = |inst| depth_of(&self.depths, inst);
                if let Some(book) = scan::book(frame, &self.markets, depth, &mut self.levels) {
                    return Ok(self.emit_book(book, recv, sink));
                }
            }
            Some(b'b') => {
                if let Some(quote) = scan::quote(frame, &self.markets) {
                    return Ok(emit_quote(quote, recv, sink));
                }
            }
            // (As many trades as the scanner takes stay below FRAME_MAX: 1024 x 360 bytes.)
            Some(b't') if scan::trades(frame, &self.markets, &mut self.trades).is_some() => {
                return Ok(self.emit_trades(recv, sink));
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
            Parsed::Book(book) => self.emit_book(book, recv, sink),
            Parsed::Quote(quote) => emit_quote(quote, recv, sink),
            Parsed::Trades => self.emit_trades(recv, sink),
            Parsed::Context(context) => emit_context(context, recv, sink),
            Parsed::NoDeltas => {
                self.give_up();
                for (inst, _) in &self.listed {
                    let reason = GapReason::Sequence;
                    if !sink.put(Event::Gap { inst: *inst, reason, recv }) {
                        return Ok(Decoded::Full(*inst));
                    }
                }
                Decoded::Control(Control::Error(ErrorKind::BadRequest))
            }
            Parsed::Other(decoded) => decoded,
        })
    }

    #[inline]
    fn emit_book(&self, book: Book, recv: Stamp, sink: &mut impl Sink) -> Decoded {
        let Book { inst, counts, exch_ms } = book;
        let depth = self.depth(inst) as u8;
        let [bids, asks] = counts.map(|count| count.min(depth));
        for (side, count) in Side::BOTH.into_iter().zip([bids, asks]) {
            let of_side = &self.levels[side.index()][..usize::from(count)];
            for start in (0..of_side.len()).step_by(LEVELS_PER_EVENT) {
                let level = |i: usize| of_side.get(start + i).copied().unwrap_or_default();
                let levels = [level(0), level(1), level(2)];
                let count = (of_side.len() - start).min(LEVELS_PER_EVENT) as u8;
                let event = Event::Levels { inst, side, start: start as u8, count, levels };
                if !sink.put(event) {
                    return Decoded::Full(inst);
                }
            }
        }
        if !sink.put(Event::BookEnd { inst, bids, asks, decode_ns: 0, exch_ms, recv }) {
            return Decoded::Full(inst);
        }
        Decoded::Book(inst)
    }

    #[inline]
    fn emit_trades(&self, recv: Stamp, sink: &mut impl Sink) -> Decoded {
        for &Trade { inst, side, px, qty, exch_ms, id } in &self.trades {
            if !sink.put(Event::Trade { inst, side, px, qty, exch_ms, id, recv }) {
                return Decoded::Full(inst);
            }
        }
        Decoded::Trades(self.trades.len() as u32)
    }

    /// Reads any frame with the cursor.
    fn read(&mut self, frame: &[u8]) -> Result<Parsed, Malformed> {
        if frame == ESTABLISHED {
            return Ok(Parsed::Other(Decoded::Control(Control::Established)));
        }
        let envelope = Envelope::read(frame, FRAME_MAX)?;
        if let Some(control) = envelope.control(&self.markets)? {
            let refused = control == Control::Error(ErrorKind::BadRequest);
            if refused && self.deltas.is_some() {
                return Ok(Parsed::NoDeltas);
            }
            return Ok(Parsed::Other(Decoded::Control(control)));
        }
        let parsed = match envelope.channel.chars(&mut [0; 32]) {
            Some(b"l2") if self.deltas.is_some() => {
                let book = self.read_deltas(envelope.data()?);
                if book.is_err() {
                    self.give_up();
                }
                let foreign = Parsed::Other(Decoded::UnknownMarket);
                return Ok(book?.map_or(foreign, Parsed::Book));
            }
            Some(b"l2Book") => self.read_book(envelope.data()?)?.map(Parsed::Book),
            Some(b"bbo") => self.read_quote(envelope.data()?)?.map(Parsed::Quote),
            Some(b"trades") => self.read_trades(envelope.data()?)?.then_some(Parsed::Trades),
            Some(b"activeAssetCtx") => {
                let context = context::read(envelope.data()?, &self.markets)?;
                let foreign = Parsed::Other(Decoded::UnknownMarket);
                return Ok(context.map_or(foreign, Parsed::Context));
            }
            _ => return Ok(Parsed::Other(Decoded::UnknownChannel)),
        };
        self.slow_frames += 1;
        Ok(parsed.unwrap_or(Parsed::Other(Decoded::UnknownMarket)))
    }

    /// The book of a market as it stands after this frame.
    fn read_deltas(&mut self, data: Cursor<'_>) -> Result<Option<Book>, Malformed> {
        let snapshot = match deltas::form(data)? {
            Form::Snapshot(data) => self.read_book(data)?,
            change => {
                let FeedCodec { deltas: Some(deltas), markets, levels, .. } = self else {
                    return Ok(None);
                };
                return match change {
                    Form::Plain(data) => deltas.plain(data, markets, levels),
                    Form::Packed(text) => deltas.unpack(&text, markets, levels),
                    Form::Snapshot(_) => Ok(None),
                };
            }
        };
        if let (Some(book), Some(deltas)) = (&snapshot, &mut self.deltas) {
            deltas.replace(book, &self.levels);
        }
        Ok(snapshot)
    }

    /// `None` when the session does not have the market.
    fn read_book(&mut self, mut data: Cursor<'_>) -> Result<Option<Book>, Malformed> {
        let missing = data.refuse(MalformedKind::MissingField);
        let (mut coin, mut time, mut counts) = (None, None, None);
        let mut members = data.object()?;
        while let Some(name) = members.next(&mut data)? {
            match name.chars(&mut [0; 16]) {
                Some(b"coin") => once(&mut coin, data.text()?, &name)?,
                Some(b"time") => once(&mut time, read_time(&mut data)?, &name)?,
                Some(b"levels") => once(&mut counts, self.read_sides(&mut data)?, &name)?,
                _ => data.skip()?,
            }
        }
        let (coin, exch_ms) = (coin.ok_or(missing)?, time.ok_or(missing)?);
        let counts = counts.ok_or(missing)?;
        Ok(self.markets.find_text(&coin).map(|inst| Book { inst, counts, exch_ms }))
    }

    /// Exactly two lists of levels, into the scratch.
    fn read_sides(&mut self, data: &mut Cursor<'_>) -> Result<[u8; 2], Malformed> {
        let mut counts = [0; 2];
        let mut sides = data.array()?;
        for (count, levels) in counts.iter_mut().zip(&mut self.levels) {
            if !sides.next(data)? {
                return Err(data.refuse(MalformedKind::MissingField));
            }
            let mut items = data.array()?;
            while items.next(data)? {
                let Some(slot) = levels.get_mut(usize::from(*count)) else {
                    return Err(data.refuse(MalformedKind::Oversized));
                };
                *slot = read_level(data)?;
                *count += 1;
            }
        }
        if sides.next(data)? {
            return Err(data.refuse(MalformedKind::Oversized));
        }
        Ok(counts)
    }

    fn read_quote(&self, mut data: Cursor<'_>) -> Result<Option<Quote>, Malformed> {
        let missing = data.refuse(MalformedKind::MissingField);
        let (mut coin, mut time, mut best) = (None, None, None);
        let mut members = data.object()?;
        while let Some(name) = members.next(&mut data)? {
            match name.chars(&mut [0; 16]) {
                Some(b"coin") => once(&mut coin, data.text()?, &name)?,
                Some(b"time") => once(&mut time, read_time(&mut data)?, &name)?,
                Some(b"bbo") => once(&mut best, read_best(&mut data)?, &name)?,
                _ => data.skip()?,
            }
        }
        let (coin, exch_ms) = (coin.ok_or(missing)?, time.ok_or(missing)?);
        let [bid, ask] = best.ok_or(missing)?;
        Ok(self.markets.find_text(&coin).map(|inst| Quote { inst, bid, ask, exch_ms }))
    }

    /// `false` when a trade is of a market that the session does not have: none is emitted then,
    /// for a frame holds the trades of one subscription.
    fn read_trades(&mut self, mut data: Cursor<'_>) -> Result<bool, Malformed> {
        self.trades.clear();
        let mut known = true;
        let mut items = data.array()?;
        while items.next(&mut data)? {
            if self.trades.len() == TRADES_MAX {
                return Err(data.refuse(MalformedKind::Oversized));
            }
            match read_trade(&mut data, &self.markets)? {
                Some(trade) => self.trades.push(trade),
                None => known = false,
            }
        }
        Ok(known)
    }
}

/// What is configured of a market, within what the venue sends.
#[inline]
fn depth_of(depths: &[u8], inst: InstId) -> usize {
    let depth = depths.get(usize::from(inst.0)).map_or(LEVELS_MAX, |d| usize::from(*d));
    depth.clamp(1, LEVELS_MAX)
}

#[inline]
fn emit_quote(quote: Quote, recv: Stamp, sink: &mut impl Sink) -> Decoded {
    let Quote { inst, bid, ask, exch_ms } = quote;
    let event = Event::Bbo { inst, decode_ns: 0, bid, ask, exch_ms, recv };
    if sink.put(event) { Decoded::Bbo(inst) } else { Decoded::Full(inst) }
}

fn emit_context(context: Context, recv: Stamp, sink: &mut impl Sink) -> Decoded {
    let Context { inst, mark, oracle, funding } = context;
    let event = Event::Context { inst, mark, oracle, funding, recv };
    if sink.put(event) { Decoded::Context(inst) } else { Decoded::Full(inst) }
}

/// A time in ms that has 13 digits.
pub(super) fn read_time(data: &mut Cursor<'_>) -> Result<u64, Malformed> {
    data.peek()?;
    let refusal = data.refuse(MalformedKind::Value);
    let ms = data.unsigned()?;
    if TIME_MS.contains(&ms) { Ok(ms) } else { Err(refusal) }
}

/// A decimal above zero, in a string.
pub(super) fn read_positive(data: &mut Cursor<'_>) -> Result<i64, Malformed> {
    let text = data.text()?;
    match text.decimal()? {
        raw if raw > 0 => Ok(raw),
        _ => Err(text.refuse(MalformedKind::Number)),
    }
}

fn read_level(data: &mut Cursor<'_>) -> Result<Level, Malformed> {
    data.peek()?;
    let missing = data.refuse(MalformedKind::MissingField);
    let (mut px, mut qty, mut orders) = (None, None, None);
    let mut members = data.object()?;
    while let Some(name) = members.next(data)? {
        match name.chars(&mut [0; 8]) {
            Some(b"px") => once(&mut px, read_positive(data)?, &name)?,
            Some(b"sz") => once(&mut qty, read_positive(data)?, &name)?,
            Some(b"n") => once(&mut orders, data.unsigned()?, &name)?,
            _ => data.skip()?,
        }
    }
    orders.ok_or(missing)?;
    Ok(Level { px: Price(px.ok_or(missing)?), qty: Qty(qty.ok_or(missing)?) })
}

/// Exactly two sides, each a level or `null`.
fn read_best(data: &mut Cursor<'_>) -> Result<[Level; 2], Malformed> {
    let mut best = [Level::default(); 2];
    let mut sides = data.array()?;
    for level in &mut best {
        if !sides.next(data)? {
            return Err(data.refuse(MalformedKind::MissingField));
        }
        if !data.null()? {
            *level = read_level(data)?;
        }
    }
    if sides.next(data)? {
        return Err(data.refuse(MalformedKind::Oversized));
    }
    Ok(best)
}

/// The side of an aggressor or of our own fill: `A` sells, `B` buys.
pub(super) fn read_side(data: &mut Cursor<'_>) -> Result<Side, Malformed> {
    let text: Text<'_> = data.text()?;
    match text.chars(&mut [0; 8]) {
        Some(b"A") => Ok(Side::Sell),
        Some(b"B") => Ok(Side::Buy),
        _ => Err(text.refuse(MalformedKind::Value)),
    }
}

fn read_trade(data: &mut Cursor<'_>, markets: &Markets) -> Result<Option<Trade>, Malformed> {
    data.peek()?;
    let missing = data.refuse(MalformedKind::MissingField);
    let no_id = data.refuse(MalformedKind::Value);
    let (mut coin, mut side, mut px, mut qty) = (None, None, None, None);
    let (mut time, mut id) = (None, None);
    let mut members = data.object()?;
    while let Some(name) = members.next(data)? {
        match name.chars(&mut [0; 8]) {
            Some(b"coin") => once(&mut coin, data.text()?, &name)?,
            Some(b"side") => once(&mut side, read_side(data)?, &name)?,
            Some(b"px") => once(&mut px, read_positive(data)?, &name)?,
            Some(b"sz") => once(&mut qty, read_positive(data)?, &name)?,
            Some(b"time") => once(&mut time, read_time(data)?, &name)?,
            Some(b"tid") => once(&mut id, data.unsigned()?, &name)?,
            _ => data.skip()?,
        }
    }
    let (coin, side) = (coin.ok_or(missing)?, side.ok_or(missing)?);
    let (px, qty) = (Price(px.ok_or(missing)?), Qty(qty.ok_or(missing)?));
    let (exch_ms, id) = (time.ok_or(missing)?, id.ok_or(missing)?);
    if id == 0 {
        return Err(no_id);
    }
    Ok(markets.find_text(&coin).map(|inst| Trade { inst, side, px, qty, exch_ms, id }))
}
