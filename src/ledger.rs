//! Hot. The ledger: fills into FIFO lots, position, fees, funding, and where the profit came from.
//!
//! Two views of the same cash, both exact:
//! - FIFO: each closing fill is matched with the oldest open lots; realized = matched difference,
//!   less fees, plus funding. The PnL guard looks at its sum over a window.
//! - Attribution: total = cash + inventory x mid. Each fill's distance to the mid at that moment is
//!   `spread` for the maker's components and `hedge` for the others; what remains after fees and
//!   funding is `inventory`, which by construction is the sum of inventory x mid moves.
//!
//! A mid is half a sum of two prices, so attribution is kept doubled (raw 2 x 10^-16).

use crate::event::Component;
use crate::units::{Nanos, Notional, Price, Qty, Side, StateHasher};

/// Open FIFO lots. Full: the two oldest are merged at their average, and that is counted.
pub const LOTS_MAX: usize = 1024;
/// Trade ids that are remembered at least against a replayed fill: Hyperliquid repeats up to 2 000
/// fills when the user stream is subscribed to again.
pub const TRADE_IDS_MAX: usize = 2048;
/// Slices of the sliding window.
const SLICES: usize = 60;

/// A fill as the ledger books it. `fee` raw 10^-8 quote, negative is a rebate.
#[derive(Clone, Copy, Debug)]
pub struct LedgerFill {
    pub side: Side,
    pub px: Price,
    pub qty: Qty,
    pub fee: i64,
    /// Zero: the venue gave none, so that a replay of it can't be noticed.
    pub trade_id: u64,
    pub component: Component,
    /// Twice the mid when the fill came; zero when there was no valid book.
    pub mid2: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Booked {
    /// Booked; `realized` is what this fill closed, before fees.
    New { realized: Notional },
    /// This trade id was booked before: nothing changed.
    Duplicate,
}

#[derive(Clone, Copy, Debug, Default)]
struct Lot {
    px: Price,
    /// Signed: all open lots have the sign of the position.
    qty: i64,
}

/// Profit by where it came from, in quote. `total` is the sum of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PnlSplit {
    /// Distance to the mid that the maker's fills captured.
    pub spread: Notional,
    /// Distance to the mid that hedges and unwinds paid (negative) or captured.
    pub hedge: Notional,
    /// What the inventory gained while the mid moved.
    pub inventory: Notional,
    /// Fees paid (negative) or rebates.
    pub fees: Notional,
    pub funding: Notional,
    pub total: Notional,
}

#[derive(Clone, Debug)]
pub struct Ledger {
    lots: Box<[Lot]>,
    first: usize,
    count: usize,
    position: i64,
    cash: i128,
    fees: i128,
    funding: i128,
    realized: i128,
    spread2: i128,
    hedge2: i128,
    fills: u64,
    maker_volume: i128,
    taker_volume: i128,
    duplicates: u64,
    merged: u64,
    trades: TradeIds,
    window: Window,
}

impl Ledger {
    /// `window`: span over which [`Self::realized_window`] sums.
    pub fn new(window: Nanos) -> Ledger {
        Ledger {
            lots: vec![Lot::default(); LOTS_MAX].into_boxed_slice(),
            first: 0,
            count: 0,
            position: 0,
            cash: 0,
            fees: 0,
            funding: 0,
            realized: 0,
            spread2: 0,
            hedge2: 0,
            fills: 0,
            maker_volume: 0,
            taker_volume: 0,
            duplicates: 0,
            merged: 0,
            trades: TradeIds::new(),
            window: Window::new(window),
        }
    }

    #[inline]
    pub fn position(&self) -> Qty {
        Qty(self.position)
    }

    pub fn fills(&self) -> u64 {
        self.fills
    }

    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Quote volume that rested and that crossed.
    pub fn volume(&self) -> (Notional, Notional) {
        (Notional(self.maker_volume), Notional(self.taker_volume))
    }

    /// Booked realized PnL since the start, fees and funding in.
    pub fn realized(&self) -> Notional {
        Notional(self.realized - self.fees + self.funding)
    }

    /// The same over the last window.
    #[inline]
    pub fn realized_window(&mut self, now: Nanos) -> Notional {
        self.window.sum(now)
    }

    /// The position that was there before this run, at the venue's entry price.
    pub fn open_with(&mut self, qty: Qty, entry: Price) {
        assert!(self.fills == 0 && self.position == 0, "an opening position comes first");
        if qty.0 == 0 {
            return;
        }
        self.position = qty.0;
        self.cash -= Notional::of(entry, qty).0;
        self.push_lot(Lot { px: entry, qty: qty.0 });
    }

    pub fn fill(&mut self, now: Nanos, fill: &LedgerFill, taker: bool) -> Booked {
        if fill.trade_id != 0 && !self.trades.insert(fill.trade_id, fill.side) {
            self.duplicates += 1;
            return Booked::Duplicate;
        }
        let signed = fill.side.sign() * fill.qty.0;
        let notional = Notional::of(fill.px, fill.qty).0;
        let fee = Notional::from_raw(fill.fee).0;
        self.position += signed;
        self.cash -= i128::from(fill.side.sign()) * notional;
        self.fees += fee;
        self.fills += 1;
        if taker {
            self.taker_volume += notional;
        } else {
            self.maker_volume += notional;
        }
        if fill.mid2 != 0 {
            let edge2 = i128::from(fill.side.sign())
                * (i128::from(fill.mid2) - 2 * i128::from(fill.px.0))
                * i128::from(fill.qty.0);
            match fill.component {
                Component::Maker | Component::Ladder => self.spread2 += edge2,
                _ => self.hedge2 += edge2,
            }
        }
        let realized = self.match_lots(fill.px, signed);
        self.realized += realized;
        self.window.add(now, realized - fee);
        Booked::New { realized: Notional(realized) }
    }

    /// Brings the position to what the venue reports, at `px`, as a trade that nobody told us of.
    /// It is booked like a fill of somebody else: lots, cash and position stay one truth.
    pub fn adopt(&mut self, now: Nanos, qty: Qty, px: Price, mid2: i64) {
        let missing = qty.0 - self.position;
        if missing == 0 {
            return;
        }
        let side = if missing > 0 { Side::Buy } else { Side::Sell };
        let component = Component::External;
        let qty = Qty(missing.abs());
        let fill = LedgerFill { side, px, qty, fee: 0, trade_id: 0, component, mid2 };
        let _ = self.fill(now, &fill, true);
        self.fills -= 1;
    }

    pub fn fund(&mut self, now: Nanos, amount_raw: i64) {
        let amount = Notional::from_raw(amount_raw).0;
        self.funding += amount;
        self.window.add(now, amount);
    }

    /// Closes the oldest lots of the other sign; what is left opens a new one.
    fn match_lots(&mut self, px: Price, mut signed: i64) -> i128 {
        let mut realized = 0i128;
        while signed != 0 && self.count > 0 {
            let lot = &mut self.lots[self.first];
            if (lot.qty > 0) == (signed > 0) {
                break;
            }
            let matched = lot.qty.abs().min(signed.abs());
            let closed = matched * lot.qty.signum();
            realized += (i128::from(px.0) - i128::from(lot.px.0)) * i128::from(closed);
            lot.qty -= closed;
            signed += closed;
            if lot.qty == 0 {
                self.first = (self.first + 1) % LOTS_MAX;
                self.count -= 1;
            }
        }
        if signed != 0 {
            self.push_lot(Lot { px, qty: signed });
        }
        realized
    }

    fn push_lot(&mut self, lot: Lot) {
        if self.count == LOTS_MAX {
            self.merge_oldest();
        }
        self.lots[(self.first + self.count) % LOTS_MAX] = lot;
        self.count += 1;
    }

    /// Two lots become one at their average price, rounded down by less than one raw unit a
    /// quantity: the only place where FIFO is not exact, and it is counted.
    #[cold]
    fn merge_oldest(&mut self) {
        let old = self.lots[self.first];
        self.first = (self.first + 1) % LOTS_MAX;
        self.count -= 1;
        let into = &mut self.lots[self.first];
        let qty = old.qty + into.qty;
        let cost = Notional::of(old.px, Qty(old.qty)).0 + Notional::of(into.px, Qty(into.qty)).0;
        *into = Lot { px: Price((cost / i128::from(qty)) as i64), qty };
        self.merged += 1;
    }

    /// Attribution at twice the mid `mid2`; all parts sum to the total exactly.
    pub fn split(&self, mid2: i64) -> PnlSplit {
        let total2 = 2 * (self.cash - self.fees + self.funding)
            + i128::from(mid2) * i128::from(self.position);
        // Each doubled part may be odd: the inventory takes the half units, so that the parts sum.
        let (spread, hedge, total) = (self.spread2 / 2, self.hedge2 / 2, total2 / 2);
        PnlSplit {
            spread: Notional(spread),
            hedge: Notional(hedge),
            inventory: Notional(total - spread - hedge + self.fees - self.funding),
            fees: Notional(-self.fees),
            funding: Notional(self.funding),
            total: Notional(total),
        }
    }

    /// Oldest lots first, as (price, signed quantity).
    pub fn lots(&self) -> impl Iterator<Item = (Price, Qty)> {
        (0..self.count).map(|i| {
            let lot = self.lots[(self.first + i) % LOTS_MAX];
            (lot.px, Qty(lot.qty))
        })
    }

    pub fn digest(&self, h: &mut StateHasher) {
        h.signed(self.position);
        h.wide(self.cash);
        h.wide(self.fees);
        h.wide(self.funding);
        h.wide(self.realized);
        h.word(self.fills);
        for (px, qty) in self.lots() {
            h.signed(px.0);
            h.signed(qty.0);
        }
    }
}

/// The last trade ids in two generations of one open-addressed table each: a look-up is O(1), and
/// a generation is forgotten as a whole when the younger one is half full.
#[derive(Clone, Debug)]
struct TradeIds {
    young: Box<[u64]>,
    old: Box<[u64]>,
    count: usize,
}

impl TradeIds {
    fn new() -> TradeIds {
        let table = || vec![0; 2 * TRADE_IDS_MAX].into_boxed_slice();
        TradeIds { young: table(), old: table(), count: 0 }
    }

    /// The slot of a key, or the free one where it belongs. Half of the slots are free.
    fn slot(table: &[u64], key: u64) -> usize {
        let bits = table.len().trailing_zeros();
        let mut at = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - bits)) as usize;
        while table[at] != 0 && table[at] != key {
            at = (at + 1) & (table.len() - 1);
        }
        at
    }

    /// False when it was there. The two sides of one trade are two fills: a venue without
    /// self-trade prevention gives both the same id. Ids are below 2^63.
    fn insert(&mut self, id: u64, side: Side) -> bool {
        let key = id << 1 | side as u64;
        if self.old[Self::slot(&self.old, key)] == key {
            return false;
        }
        let at = Self::slot(&self.young, key);
        if self.young[at] == key {
            return false;
        }
        self.young[at] = key;
        self.count += 1;
        if self.count == TRADE_IDS_MAX {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.fill(0);
            self.count = 0;
        }
        true
    }
}

/// A sum over a sliding window, in slices: adding is O(1), and a slice leaves as a whole.
#[derive(Clone, Debug)]
struct Window {
    slice_ns: u64,
    sums: [i128; SLICES],
    /// Number of the newest slice since the epoch, and when it ends.
    newest: u64,
    end: Nanos,
    total: i128,
}

impl Window {
    fn new(span: Nanos) -> Window {
        let slice_ns = (span.0 / SLICES as u64).max(1);
        Window { slice_ns, sums: [0; SLICES], newest: 0, end: Nanos::ZERO, total: 0 }
    }

    #[inline]
    fn roll(&mut self, now: Nanos) {
        if now >= self.end {
            self.advance(now);
        }
    }

    #[cold]
    fn advance(&mut self, now: Nanos) {
        let slice = now.0 / self.slice_ns;
        self.end = Nanos((slice + 1).saturating_mul(self.slice_ns));
        if slice <= self.newest {
            return;
        }
        let steps = (slice - self.newest).min(SLICES as u64);
        for i in 0..steps {
            let at = ((slice - i) % SLICES as u64) as usize;
            self.total -= self.sums[at];
            self.sums[at] = 0;
        }
        self.newest = slice;
    }

    fn add(&mut self, now: Nanos, amount: i128) {
        self.roll(now);
        self.sums[(self.newest % SLICES as u64) as usize] += amount;
        self.total += amount;
    }

    fn sum(&mut self, now: Nanos) -> Notional {
        self.roll(now);
        Notional(self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SCALE;

    fn fill(side: Side, px: i64, qty: i64, id: u64) -> LedgerFill {
        LedgerFill {
            side,
            px: Price(px * SCALE),
            qty: Qty(qty * SCALE),
            fee: SCALE / 100,
            trade_id: id,
            component: Component::Maker,
            mid2: 200 * SCALE,
        }
    }

    #[test]
    fn fifo_matches_the_oldest_lots_and_flips() {
        let mut ledger = Ledger::new(Nanos::from_secs(300));
        let now = Nanos::from_secs(10);
        assert_eq!(
            ledger.fill(now, &fill(Side::Buy, 99, 2, 1), false),
            Booked::New { realized: Notional(0) }
        );
        let _ = ledger.fill(now, &fill(Side::Buy, 98, 1, 2), false);
        // Sells 5: 2 x (101 - 99) + 1 x (101 - 98) = 7, and 2 open short at 101.
        let Booked::New { realized } = ledger.fill(now, &fill(Side::Sell, 101, 5, 3), true) else {
            panic!("booked");
        };
        assert_eq!(realized.to_raw(), 7 * SCALE);
        assert_eq!(ledger.position(), Qty(-2 * SCALE));
        assert_eq!(ledger.lots().collect::<Vec<_>>(), [(Price(101 * SCALE), Qty(-2 * SCALE))]);
        assert_eq!(ledger.realized().to_raw(), 7 * SCALE - 3 * SCALE / 100);
    }

    #[test]
    fn a_replayed_trade_changes_nothing() {
        let mut ledger = Ledger::new(Nanos::from_secs(300));
        let _ = ledger.fill(Nanos(1), &fill(Side::Buy, 99, 2, 1), false);
        assert_eq!(ledger.fill(Nanos(1), &fill(Side::Buy, 99, 2, 1), false), Booked::Duplicate);
        assert_eq!(ledger.position(), Qty(2 * SCALE));
        assert_eq!((ledger.fills(), ledger.duplicates()), (1, 1));
    }

    #[test]
    fn the_parts_of_the_profit_sum_to_it() {
        let mut ledger = Ledger::new(Nanos::from_secs(300));
        let now = Nanos(1);
        let _ = ledger.fill(now, &fill(Side::Buy, 99, 2, 1), false);
        let mut hedge = fill(Side::Sell, 98, 1, 2);
        hedge.component = Component::Hedger;
        hedge.mid2 = 197 * SCALE;
        let _ = ledger.fill(now, &hedge, true);
        ledger.fund(now, -SCALE / 2);
        let pnl = ledger.split(204 * SCALE);
        assert_eq!(pnl.spread.to_raw(), 2 * SCALE);
        assert_eq!(pnl.hedge.to_raw(), -SCALE / 2);
        // cash -2 x 99 + 98 = -100, inventory 1 x 102, fees 0.02, funding -0.5.
        assert_eq!(pnl.total.to_raw(), 2 * SCALE - SCALE / 50 - SCALE / 2);
        // 2 x (98.5 - 100) + 1 x (102 - 98.5) = 0.5
        assert_eq!(pnl.inventory.to_raw(), SCALE / 2);
        let sum = pnl.spread.0 + pnl.hedge.0 + pnl.inventory.0 + pnl.fees.0 + pnl.funding.0;
        assert_eq!(sum, pnl.total.0);
    }

    #[test]
    fn trade_ids_are_remembered_for_two_thousand_fills_by_side() {
        let mut ids = TradeIds::new();
        assert!(ids.insert(7, Side::Buy));
        assert!(ids.insert(7, Side::Sell), "the other side of the same trade is another fill");
        for id in 100..100 + TRADE_IDS_MAX as u64 {
            assert!(ids.insert(id, Side::Buy));
            assert!(!ids.insert(7, Side::Buy), "{id}");
        }
        for id in 5_000..5_000 + 2 * TRADE_IDS_MAX as u64 {
            assert!(ids.insert(id, Side::Buy));
        }
        assert!(ids.insert(7, Side::Buy), "forgotten at last: memory is bounded");
    }

    #[test]
    fn a_fill_without_an_id_is_booked() {
        let mut ledger = Ledger::new(Nanos::from_secs(300));
        for _ in 0..2 {
            let booked = ledger.fill(Nanos(1), &fill(Side::Buy, 99, 1, 0), false);
            assert_eq!(booked, Booked::New { realized: Notional(0) });
        }
        assert_eq!(ledger.position(), Qty(2 * SCALE));
    }

    #[test]
    fn odd_half_units_still_sum_to_the_total() {
        let mut ledger = Ledger::new(Nanos::from_secs(300));
        for (id, component) in [(1, Component::Maker), (2, Component::Hedger)] {
            let mut odd = fill(Side::Buy, 99, 0, id);
            (odd.qty, odd.mid2, odd.component) = (Qty(3), 200 * SCALE + 1, component);
            let _ = ledger.fill(Nanos(1), &odd, false);
        }
        let pnl = ledger.split(200 * SCALE + 1);
        let sum = pnl.spread.0 + pnl.hedge.0 + pnl.inventory.0 + pnl.fees.0 + pnl.funding.0;
        assert_eq!(sum, pnl.total.0);
    }

    #[test]
    fn the_window_forgets() {
        let mut ledger = Ledger::new(Nanos::from_secs(300));
        let _ = ledger.fill(Nanos::from_secs(10), &fill(Side::Buy, 99, 1, 1), false);
        let loss = Notional::from_raw(-SCALE / 100);
        assert_eq!(ledger.realized_window(Nanos::from_secs(300)), loss);
        assert_eq!(ledger.realized_window(Nanos::from_secs(320)), Notional(0));
    }

    #[test]
    fn a_full_lot_table_merges_and_keeps_the_position() {
        let mut ledger = Ledger::new(Nanos::from_secs(300));
        for i in 0..(LOTS_MAX as u64 + 10) {
            let _ = ledger.fill(Nanos(i), &fill(Side::Buy, 99, 1, i + 1), false);
        }
        assert_eq!(ledger.merged, 10);
        assert_eq!(ledger.lots().map(|l| l.1.0).sum::<i64>(), ledger.position().0);
    }
}
