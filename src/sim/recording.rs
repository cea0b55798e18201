//! Cold. A recorded market, played into the exchange.
//!
//! Three CSV files of one symbol, plain or gzipped, in the order of the venue's time
//! (`exchange_timestamp`, ms): `orderbooks_*` (20 levels a side), `prices_*` (a bid row and an ask
//! row for each BBO) and `trades_*` (`side` is the aggressor's). Trades from before the first book
//! (a replay on subscription) and repeated trade ids (a reconnect) are dropped and counted.
//! Decimals become integers as text; what does not fit is refused with file and line.
//!
//! The recorded quantities stand in the exchange as the crowd's, and orders of accounts among them:
//!
//! - An order of ours queues behind all quantity that is known at its price when it arrives.
//! - A recorded trade at p first removes crowd quantity at better prices (it was gone by then),
//!   then takes its size from what stands at or better than p, in price-time priority: our orders
//!   at better prices first, then the queue at p. So a trade reaches us at p when it is larger
//!   than the quantity ahead of us, and a trade through our price always fills us.
//! - A level that shrinks without a trade loses quantity from the end of its queue: what is ahead
//!   of us becomes the smaller of what it was and the new total. This is the cautious rule; real
//!   cancels come from ahead of us as well.
//! - A level that grows grows behind us. A recorded bid at or above our ask trades with it.
//! - The record does not answer: quantity that we took is back with the next snapshot.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::event::Level;
use crate::instrument::InstId;
use crate::units::{Nanos, Price, Qty, Side};

use super::csv::{Row, Table};
use super::exchange::{Exchange, Market};
use super::mirror::{play_sides, play_trade};

/// Levels of a side in a recorded book.
pub const LEVELS: usize = 20;

/// Why a recording cannot be played. Its text names the path and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordingError {
    /// No such folder.
    NoFolder(PathBuf),
    /// No such file, neither `.csv.gz` nor `.csv`.
    NoFile(PathBuf),
    /// It is there and cannot be read or unpacked.
    Unreadable {
        path: PathBuf,
        why: String,
    },
    NoColumn {
        path: PathBuf,
        column: String,
    },
    /// A line that is not what the format says; the header is line 1.
    BadRow {
        path: PathBuf,
        line: usize,
        why: &'static str,
    },
    /// No book in it, so nothing can be played.
    Empty(PathBuf),
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NEED: &str = "a recording is a folder with orderbooks_<SYMBOL>.csv.gz, \
                            prices_<SYMBOL>.csv.gz and trades_<SYMBOL>.csv.gz";
        match self {
            RecordingError::NoFolder(path) => {
                write!(f, "{}: no such folder; {NEED}", path.display())
            }
            RecordingError::NoFile(path) => {
                write!(f, "{}(.gz): no such file; {NEED}", path.display())
            }
            RecordingError::Unreadable { path, why } => {
                write!(f, "{}: cannot be read ({why}); copy it again", path.display())
            }
            RecordingError::NoColumn { path, column } => {
                write!(f, "{}: has no column `{column}`; record it again", path.display())
            }
            RecordingError::BadRow { path, line, why } => {
                write!(f, "{}:{line}: {why}; repair or remove the line", path.display())
            }
            RecordingError::Empty(path) => {
                write!(f, "{}: holds no book; record for longer", path.display())
            }
        }
    }
}

impl std::error::Error for RecordingError {}

#[derive(Clone, Copy, Debug)]
enum What {
    Trade {
        side: Side,
        px: Price,
        qty: Qty,
    },
    Bbo {
        bid: Level,
        ask: Level,
    },
    /// `levels[first..]`: `bids`, then `asks`.
    Book {
        first: u32,
        bids: u8,
        asks: u8,
    },
}

/// A recorded market. See the module's head.
#[derive(Clone, Debug)]
pub struct Recording {
    inst: InstId,
    /// Venue time in ms and what was seen, sorted.
    events: Vec<(u64, What)>,
    levels: Vec<Level>,
    at: usize,
    /// Played time of the first event; its recorded time by default.
    start: Nanos,
    dropped_trades: u64,
}

impl Recording {
    /// Reads the recording of a symbol from a folder.
    pub fn open(dir: &Path, symbol: &str) -> Result<Recording, RecordingError> {
        if !dir.is_dir() {
            return Err(RecordingError::NoFolder(dir.to_owned()));
        }
        let mut out = Recording {
            inst: InstId(0),
            events: Vec::new(),
            levels: Vec::new(),
            at: 0,
            start: Nanos::ZERO,
            dropped_trades: 0,
        };
        let books = dir.join(format!("orderbooks_{symbol}.csv"));
        out.read_books(&Table::open(&books)?)?;
        let first = out.events.iter().map(|e| e.0).min().ok_or(RecordingError::Empty(books))?;
        out.read_prices(&Table::open(&dir.join(format!("prices_{symbol}.csv")))?, first)?;
        out.read_trades(&Table::open(&dir.join(format!("trades_{symbol}.csv")))?, first)?;
        // In one instant: trades, then what they left. The sort is stable: files are in order.
        out.events.sort_by_key(|(ms, what)| (*ms, what.rank()));
        out.start = Nanos::from_millis(first);
        Ok(out)
    }

    /// Plays on this market instead of the first.
    pub fn on(mut self, inst: InstId) -> Recording {
        self.inst = inst;
        self
    }

    /// Plays from this time on instead of the recorded one.
    pub fn starting_at(mut self, start: Nanos) -> Recording {
        self.start = start;
        self
    }

    /// Time of the first event as it is played.
    pub fn start(&self) -> Nanos {
        self.start
    }

    /// Time of the last event as it is played.
    pub fn end(&self) -> Nanos {
        self.events.last().map_or(self.start, |e| self.play_time(e.0))
    }

    /// Books, BBOs and trades.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Trades that were left out: before the first book, or repeated.
    pub fn dropped_trades(&self) -> u64 {
        self.dropped_trades
    }

    /// Begins again at this time.
    pub fn rewind(&mut self, start: Nanos) {
        self.at = 0;
        self.start = start;
    }

    fn play_time(&self, ms: u64) -> Nanos {
        let first = self.events.first().map_or(ms, |e| e.0);
        self.start.after(Nanos::from_millis(ms - first))
    }

    fn read_books(&mut self, table: &Table) -> Result<(), RecordingError> {
        let time = table.column("exchange_timestamp")?;
        let mut columns = Vec::with_capacity(2 * LEVELS);
        for side in ["bid", "ask"] {
            for i in 0..LEVELS {
                let px = table.column(&format!("{side}_price_{i}"))?;
                columns.push((px, table.column(&format!("{side}_size_{i}"))?));
            }
        }
        for row in table.rows() {
            let first = self.levels.len();
            let mut counts = [0u8; 2];
            for (side, count) in counts.iter_mut().enumerate() {
                for &(px, qty) in &columns[side * LEVELS..(side + 1) * LEVELS] {
                    if row.is_blank(px)? {
                        break;
                    }
                    self.levels.push(level(&row, px, qty)?);
                    *count += 1;
                }
            }
            let [bids, asks] = counts;
            let (b, a) = self.levels[first..].split_at(usize::from(bids));
            let sorted = b.is_sorted_by(|x, y| x.px > y.px) && a.is_sorted_by(|x, y| x.px < y.px);
            match (b.first(), a.first()) {
                (Some(bid), Some(ask)) if bid.px < ask.px && sorted => {}
                _ => return Err(row.bad("an empty, crossed or unsorted book")),
            }
            let first = u32::try_from(first).map_err(|_| row.bad("too many books"))?;
            self.events.push((row.millis(time)?, What::Book { first, bids, asks }));
        }
        Ok(())
    }

    fn read_prices(&mut self, table: &Table, from_ms: u64) -> Result<(), RecordingError> {
        let time = table.column("exchange_timestamp")?;
        let seen = table.column("timestamp")?;
        let (side, px, qty) =
            (table.column("side")?, table.column("price")?, table.column("size")?);
        let mut bid: Option<(&[u8], Level)> = None;
        for row in table.rows() {
            let this = level(&row, px, qty)?;
            let ms = row.millis(time)?;
            match row.field(side)? {
                b"bid" => bid = Some((row.field(seen)?, this)),
                b"ask" => {
                    let pair = bid.take().filter(|b| row.field(seen).is_ok_and(|s| s == b.0));
                    let (_, bid) = pair.ok_or(row.bad("an ask row without its bid row"))?;
                    if bid.px >= this.px {
                        return Err(row.bad("a crossed BBO"));
                    }
                    if ms >= from_ms {
                        self.events.push((ms, What::Bbo { bid, ask: this }));
                    }
                }
                _ => return Err(row.bad("side is neither bid nor ask")),
            }
        }
        Ok(())
    }

    fn read_trades(&mut self, table: &Table, from_ms: u64) -> Result<(), RecordingError> {
        let time = table.column("exchange_timestamp")?;
        let (side, id) = (table.column("side")?, table.column("trade_id")?);
        let (px, qty) = (table.column("price")?, table.column("size")?);
        let mut seen = BTreeSet::new();
        for row in table.rows() {
            let side = match row.field(side)? {
                b"buy" => Side::Buy,
                b"sell" => Side::Sell,
                _ => return Err(row.bad("side is neither buy nor sell")),
            };
            let Level { px, qty } = level(&row, px, qty)?;
            let ms = row.millis(time)?;
            if !seen.insert(row.number(id)?) || ms < from_ms {
                self.dropped_trades += 1;
                continue;
            }
            self.events.push((ms, What::Trade { side, px, qty }));
        }
        Ok(())
    }

    fn play(&self, exchange: &mut Exchange, what: What) {
        match what {
            What::Trade { side, px, qty } => play_trade(exchange, self.inst, side, px, qty),
            What::Bbo { bid, ask } => play_sides(exchange, self.inst, &[bid], &[ask], false),
            What::Book { first, bids, asks } => {
                let (first, bids) = (first as usize, usize::from(bids));
                let middle = first + bids;
                let (b, a) = (&self.levels[first..middle], &self.levels[middle..]);
                play_sides(exchange, self.inst, b, &a[..usize::from(asks)], true);
            }
        }
    }
}

impl What {
    fn rank(&self) -> u8 {
        match self {
            What::Trade { .. } => 0,
            What::Bbo { .. } => 1,
            What::Book { .. } => 2,
        }
    }
}

impl Market for Recording {
    fn next_at(&self) -> Option<Nanos> {
        self.events.get(self.at).map(|e| self.play_time(e.0))
    }

    fn step(&mut self, exchange: &mut Exchange, now: Nanos) {
        while let Some(&(ms, what)) = self.events.get(self.at) {
            let at = self.play_time(ms);
            if at > now {
                break;
            }
            exchange.advance(at);
            self.play(exchange, what);
            self.at += 1;
        }
        exchange.advance(now);
    }
}

fn level(row: &Row<'_>, px: usize, qty: usize) -> Result<Level, RecordingError> {
    let level = Level { px: Price(row.decimal(px)?), qty: Qty(row.decimal(qty)?) };
    if level.px.0 <= 0 || level.qty.0 <= 0 {
        return Err(row.bad("a price or a size is not positive"));
    }
    Ok(level)
}
