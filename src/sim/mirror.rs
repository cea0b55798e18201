//! Cold. A market that happens elsewhere, mirrored into the exchange while it happens: the crowd's
//! quantities are the venue's, and orders of accounts stand among them.
//!
//! The rules are those of a recording (see `recording.rs`), and every doubt is decided against us:
//! an order queues behind everything that is shown at its price, a level that shrinks without a
//! trade shrinks behind us, and the mirrored market does not react to what we do.
//!
//! Book and trades come through different channels, so what one block did may be seen in either
//! order. A book that is seen first would move us ahead by the very quantity that the trade then
//! takes; so everything waits [`SETTLE`] and is played in the order of the venue's time, trades
//! first. A trade that is older than the book already played fills nobody and is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::event::{Level, Tif};
use crate::instrument::InstId;
use crate::units::{Nanos, Price, Qty, Side};

use super::exchange::{Exchange, Market, order};

/// How long what was seen waits for what belongs before it. Blocks are 70 ms apart.
pub const SETTLE: Nanos = Nanos::from_millis(30);

/// Something of the other market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// `side` is the aggressor's.
    Trade { side: Side, px: Price, qty: Qty },
    /// The best of each side.
    Bbo { bid: Level, ask: Level },
    /// Whole sides, best first.
    Book { bids: Vec<Level>, asks: Vec<Level> },
    /// The market is not seen any more: nothing stands, so nothing trades.
    Lost,
}

impl Seen {
    fn rank(&self) -> u8 {
        match self {
            Seen::Trade { .. } => 0,
            Seen::Bbo { .. } => 1,
            Seen::Book { .. } => 2,
            Seen::Lost => 3,
        }
    }
}

#[derive(Debug)]
struct Told {
    at: Nanos,
    exch_ms: u64,
    inst: InstId,
    seen: Seen,
}

/// Tells a mirror what was seen.
#[derive(Clone, Debug)]
pub struct Teller {
    to: Sender<Told>,
}

impl Teller {
    /// `at`: when it was seen; `exch_ms`: the venue's time of it. `false` when the mirror is gone.
    pub fn tell(&self, at: Nanos, exch_ms: u64, inst: InstId, seen: Seen) -> bool {
        self.to.send(Told { at, exch_ms, inst, seen }).is_ok()
    }
}

/// What a mirror did, for people.
#[derive(Debug, Default)]
pub struct Counts {
    pub played: AtomicU64,
    /// Trades that came after the book that they had made, or twice: they fill nobody.
    pub late_trades: AtomicU64,
}

/// A market that follows another one.
#[derive(Debug)]
pub struct Mirror {
    from: Receiver<Told>,
    held: Vec<Told>,
    /// The venue's time of the newest book that was played, by market; zero: none yet.
    played_ms: Vec<u64>,
    counts: Arc<Counts>,
}

/// A mirror of `markets` markets, the way to tell it, and its counts.
pub fn mirror(markets: usize) -> (Teller, Mirror, Arc<Counts>) {
    let (to, from) = channel();
    let counts = Arc::new(Counts::default());
    let mirror =
        Mirror { from, held: Vec::new(), played_ms: vec![0; markets], counts: Arc::clone(&counts) };
    (Teller { to }, mirror, counts)
}

impl Mirror {
    fn play(&mut self, exchange: &mut Exchange, told: &Told) {
        let Some(played_ms) = self.played_ms.get_mut(usize::from(told.inst.0)) else { return };
        let inst = told.inst;
        match &told.seen {
            Seen::Trade { side, px, qty } => {
                // Before the first book too: what it traded against was not seen.
                if *played_ms == 0 || told.exch_ms <= *played_ms {
                    self.counts.late_trades.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                play_trade(exchange, inst, *side, *px, *qty);
            }
            Seen::Bbo { bid, ask } => {
                if told.exch_ms < *played_ms || *played_ms == 0 {
                    return;
                }
                *played_ms = told.exch_ms;
                play_sides(exchange, inst, &[*bid], &[*ask], false);
            }
            Seen::Book { bids, asks } => {
                if told.exch_ms < *played_ms {
                    return;
                }
                *played_ms = told.exch_ms;
                play_sides(exchange, inst, bids, asks, true);
            }
            Seen::Lost => {
                *played_ms = 0;
                play_sides(exchange, inst, &[], &[], true);
            }
        }
        self.counts.played.fetch_add(1, Ordering::Relaxed);
    }
}

impl Market for Mirror {
    /// Nobody knows.
    fn next_at(&self) -> Option<Nanos> {
        None
    }

    fn step(&mut self, exchange: &mut Exchange, now: Nanos) {
        self.held.extend(self.from.try_iter());
        // Nothing changes its place with a loss: what came behind it is of another connection.
        while let Some(end) = self.held.iter().position(|told| told.seen == Seen::Lost) {
            let behind = self.held.split_off(end);
            self.play_settled(exchange, now);
            if !self.held.is_empty() || behind[0].at.after(SETTLE) > now {
                self.held.extend(behind);
                exchange.advance(now);
                return;
            }
            self.held = behind;
            let lost = self.held.remove(0);
            self.play(exchange, &lost);
        }
        self.play_settled(exchange, now);
        exchange.advance(now);
    }
}

impl Mirror {
    /// Plays what has waited, and what belongs to the same blocks of the venue.
    fn play_settled(&mut self, exchange: &mut Exchange, now: Nanos) {
        let settled = |told: &&Told| told.at.after(SETTLE) <= now;
        let until_ms = self.held.iter().filter(settled).map(|told| told.exch_ms).max();
        let Some(until_ms) = until_ms else { return };
        let (mut due, held): (Vec<Told>, Vec<Told>) =
            std::mem::take(&mut self.held).into_iter().partition(|told| told.exch_ms <= until_ms);
        self.held = held;
        due.sort_by_key(|told| (told.exch_ms, told.seen.rank()));
        for told in &due {
            exchange.advance(told.at.after(SETTLE).min(now));
            self.play(exchange, told);
        }
    }
}

/// A trade that happened elsewhere: it takes its size from what stands at its price or better.
pub(super) fn play_trade(exchange: &mut Exchange, inst: InstId, side: Side, px: Price, qty: Qty) {
    let resting = side.opposite();
    let at_or_better = |p: Price| p.0 * side.sign() <= px.0 * side.sign();
    exchange.crowd_clear_better(inst, resting, px);
    exchange.crowd_clear(inst, side, |p| !at_or_better(p) || p == px);
    // What stands there besides what we know was there too: the trade is printed whole.
    let known: i128 = exchange
        .levels(inst, resting, usize::MAX)
        .take_while(|l| at_or_better(l.px))
        .map(|l| i128::from(l.qty.0))
        .sum();
    let missing = i128::from(qty.0) - known;
    if missing > 0 {
        // It is at most the trade's size, and so is what the crowd has here by then.
        let crowd = exchange.crowd_level(inst, resting, px).0;
        exchange.crowd_set_level(inst, resting, px, Qty(crowd + missing as i64));
    }
    exchange.crowd_place(order(inst, side, px, qty, Tif::Ioc));
}

/// Makes the crowd's levels equal to the ones seen: all of them (`whole`), or only the best of each
/// side and what is better.
pub(super) fn play_sides(
    exchange: &mut Exchange,
    inst: InstId,
    bids: &[Level],
    asks: &[Level],
    whole: bool,
) {
    for (side, levels) in [(Side::Buy, bids), (Side::Sell, asks)] {
        if let (true, Some(best)) = (!whole, levels.first()) {
            exchange.crowd_clear_better(inst, side, best.px);
            let sign = side.sign();
            exchange.crowd_clear(inst, side.opposite(), |p| p.0 * sign <= best.px.0 * sign);
        } else {
            exchange.crowd_clear(inst, side, |p| !levels.iter().any(|l| l.px == p));
        }
    }
    for (side, levels) in [(Side::Buy, bids), (Side::Sell, asks)] {
        for level in levels {
            exchange.crowd_set_level(inst, side, level.px, level.qty);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::exchange::{AccountId, Request, Rules, hyperliquid_perp};
    use super::*;
    use crate::instrument::Symbol;
    use crate::units::{Notional, SCALE};

    const SOL: InstId = InstId(0);

    fn px(cents: i64) -> Price {
        Price(cents * SCALE / 100)
    }

    fn at(cents: i64, qty: i64) -> Level {
        Level { px: px(cents), qty: Qty(qty * SCALE) }
    }

    fn at_ms(ms: u64) -> Nanos {
        Nanos::from_millis(1_000_000 + ms)
    }

    struct Desk {
        exchange: Exchange,
        mirror: Mirror,
        teller: Teller,
        counts: Arc<Counts>,
        account: AccountId,
    }

    impl Desk {
        /// A book of 10 at 100.00 and 10 at 100.10, and a bid of ours of 3 behind the 10.
        fn new() -> Desk {
            let symbol = Symbol::new("SOL").expect("a name");
            let sol = hyperliquid_perp(SOL, symbol, 0, 2).expect("a market");
            let mut exchange = Exchange::new(vec![sol], Rules::instant());
            let account = exchange.open_account(Notional::from_raw(10_000 * SCALE));
            let (teller, mirror, counts) = mirror(1);
            let mut desk = Desk { exchange, mirror, teller, counts, account };
            let (bids, asks) = (vec![at(10_000, 10)], vec![at(10_010, 10)]);
            desk.teller.tell(at_ms(0), 5, SOL, Seen::Book { bids, asks });
            desk.step(100);
            let bid = order(SOL, Side::Buy, px(10_000), Qty(3 * SCALE), Tif::Alo);
            desk.exchange.submit(at_ms(100), account, 1, &[Request::Place(bid)]);
            desk.step(101);
            desk
        }

        fn step(&mut self, ms: u64) {
            self.mirror.step(&mut self.exchange, at_ms(ms));
        }

        fn held(&self) -> i64 {
            self.exchange.position(self.account, SOL).qty.0 / SCALE
        }
    }

    fn sold(qty: i64) -> Seen {
        Seen::Trade { side: Side::Sell, px: px(10_000), qty: Qty(qty * SCALE) }
    }

    #[test]
    fn we_stand_behind_everything_that_was_shown() {
        let mut desk = Desk::new();
        desk.teller.tell(at_ms(110), 6, SOL, sold(10));
        desk.step(200);
        assert_eq!(desk.held(), 0, "the trade was not larger than the queue ahead");
        desk.teller.tell(at_ms(210), 7, SOL, sold(2));
        desk.step(300);
        assert_eq!(desk.held(), 2);
    }

    #[test]
    fn a_trade_that_is_seen_after_its_book_does_not_fill_us_too_early() {
        let mut desk = Desk::new();
        // The block left 2 of the 10: eight were sold. The book comes first.
        let left = Seen::Bbo { bid: at(10_000, 2), ask: at(10_010, 10) };
        desk.teller.tell(at_ms(110), 6, SOL, left.clone());
        desk.teller.tell(at_ms(112), 6, SOL, sold(8));
        desk.step(115);
        assert_eq!(desk.counts.played.load(Ordering::Relaxed), 1, "both wait");
        desk.step(200);
        assert_eq!(desk.held(), 0, "2 are still ahead of us");
        // One that comes after the wait, or twice, fills nobody.
        desk.teller.tell(at_ms(300), 6, SOL, sold(8));
        desk.step(400);
        assert_eq!(desk.held(), 0);
        assert_eq!(desk.counts.late_trades.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn nothing_trades_in_a_market_that_is_not_seen() {
        let mut desk = Desk::new();
        desk.teller.tell(at_ms(110), 0, SOL, Seen::Lost);
        desk.teller.tell(at_ms(150), 8, SOL, sold(50));
        desk.step(300);
        assert_eq!(desk.held(), 0);
        let take = order(SOL, Side::Buy, px(10_020), Qty(SCALE), Tif::Ioc);
        desk.exchange.submit(at_ms(300), desk.account, 2, &[Request::Place(take)]);
        desk.step(310);
        assert_eq!(desk.held(), 0, "there is nothing to take");
    }
}
