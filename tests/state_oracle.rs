//! Cold. Book and ledger against slow models that are obviously right.

mod common;

use common::rng::Rng;
use evenkeel::book::{Applied, Book, DEPTH};
use evenkeel::event::{Component, GapReason, LEVELS_PER_EVENT, Level};
use evenkeel::ledger::{Booked, LOTS_MAX, Ledger, LedgerFill};
use evenkeel::units::{Nanos, Notional, Price, Qty, Side};
use std::collections::{BTreeMap, BTreeSet};

// -- book -----------------------------------------------------------------------------------------

/// A book as two maps from price to size, and the same rules in words.
#[derive(Default)]
struct SlowBook {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    valid: bool,
    snapshot_ms: u64,
    bbo: Option<(Level, Level, u64)>,
    bbo_ms: u64,
}

impl SlowBook {
    fn tear(&mut self, reason: GapReason) -> Applied {
        self.valid = false;
        self.bbo = None;
        if reason == GapReason::Disconnected {
            (self.snapshot_ms, self.bbo_ms) = (0, 0);
        }
        Applied::Tore(reason)
    }

    fn snapshot(&mut self, bids: &[Level], asks: &[Level], ms: u64) -> Applied {
        if bids.is_empty() || asks.is_empty() {
            return self.tear(GapReason::EmptySide);
        }
        if ms < self.snapshot_ms {
            return Applied::Old;
        }
        if bids.iter().chain(asks).any(|l| l.px.0 <= 0 || l.qty.0 <= 0) {
            return self.tear(GapReason::OutOfRange);
        }
        let falling = bids.windows(2).all(|w| w[0].px > w[1].px);
        let rising = asks.windows(2).all(|w| w[0].px < w[1].px);
        if !falling || !rising {
            return self.tear(GapReason::Unsorted);
        }
        if bids[0].px >= asks[0].px {
            return self.tear(GapReason::Crossed);
        }
        self.bids = bids.iter().map(|l| (l.px.0, l.qty.0)).collect();
        self.asks = asks.iter().map(|l| (l.px.0, l.qty.0)).collect();
        self.valid = true;
        self.snapshot_ms = ms;
        match self.bbo {
            Some((bid, ask, at)) if at > ms => self.merge(bid, ask),
            _ => Applied::Changed,
        }
    }

    fn bbo(&mut self, bid: Level, ask: Level, ms: u64) -> Applied {
        if ms < self.bbo_ms {
            return Applied::Old;
        }
        self.bbo_ms = ms;
        self.bbo = Some((bid, ask, ms));
        if !self.valid {
            return Applied::NotReady;
        }
        if ms < self.snapshot_ms {
            return Applied::Old;
        }
        self.merge(bid, ask)
    }

    fn merge(&mut self, bid: Level, ask: Level) -> Applied {
        if bid.qty.0 <= 0 || ask.qty.0 <= 0 || bid.px.0 <= 0 {
            return self.tear(GapReason::EmptySide);
        }
        if bid.px >= ask.px {
            return self.tear(GapReason::Crossed);
        }
        self.bids.retain(|px, _| *px < bid.px.0);
        self.bids.insert(bid.px.0, bid.qty.0);
        self.asks.retain(|px, _| *px > ask.px.0);
        self.asks.insert(ask.px.0, ask.qty.0);
        // Twenty levels are kept: the worst one makes room.
        while self.bids.len() > DEPTH {
            self.bids.pop_first();
        }
        while self.asks.len() > DEPTH {
            self.asks.pop_last();
        }
        Applied::Changed
    }

    fn levels(&self, side: Side) -> Vec<Level> {
        let level = |(px, qty): (&i64, &i64)| Level { px: Price(*px), qty: Qty(*qty) };
        match side {
            _ if !self.valid => Vec::new(),
            Side::Buy => self.bids.iter().rev().map(level).collect(),
            Side::Sell => self.asks.iter().map(level).collect(),
        }
    }

    fn sweep(&self, side: Side, qty: i64) -> Option<i128> {
        let mut units: Vec<i64> = Vec::new();
        for level in self.levels(side.opposite()) {
            units.extend(std::iter::repeat_n(level.px.0, level.qty.0 as usize));
        }
        let taken = units.get(..qty as usize)?;
        (!taken.is_empty() || qty == 0).then(|| taken.iter().map(|px| i128::from(*px)).sum())
    }
}

fn rows(rng: &mut Rng, side: Side, mid: i64) -> Vec<Level> {
    let count = if rng.chance(30) { 0 } else { rng.within(1, DEPTH as i64) };
    let mut px = mid - side.sign() * rng.mostly(30, -3, 4);
    let mut rows = Vec::new();
    for _ in 0..count {
        let qty = if rng.chance(5) { 0 } else { rng.within(1, 9) };
        rows.push(Level { px: Price(px), qty: Qty(qty) });
        px -= side.sign() * rng.mostly(10, 0, 3);
    }
    rows
}

#[test]
fn the_book_is_two_sorted_maps() {
    let (mut changed, mut torn) = (0, 0);
    for seed in 0..1_000 {
        let mut rng = Rng::new(seed);
        let (mut book, mut slow) = (Book::default(), SlowBook::default());
        let mut ms = 100;
        for step in 0..40 {
            let mid = 1_000 + rng.within(-20, 20);
            ms = (ms + rng.below(4)).saturating_sub(rng.below(2));
            let (fast, want) = match rng.below(20) {
                0..=8 => {
                    let sides = [rows(&mut rng, Side::Buy, mid), rows(&mut rng, Side::Sell, mid)];
                    for side in Side::BOTH {
                        for (i, chunk) in sides[side.index()].chunks(LEVELS_PER_EVENT).enumerate() {
                            let mut levels = [Level::default(); LEVELS_PER_EVENT];
                            levels[..chunk.len()].copy_from_slice(chunk);
                            let start = (i * LEVELS_PER_EVENT) as u8;
                            book.stage(side, start, &levels, chunk.len() as u8);
                        }
                        if sides[side.index()].is_empty() {
                            book.stage(side, 0, &[Level::default(); LEVELS_PER_EVENT], 0);
                        }
                    }
                    let [bids, asks] = &sides;
                    let counts = (bids.len() as u8, asks.len() as u8);
                    (book.end(counts.0, counts.1, ms, Nanos(step)), slow.snapshot(bids, asks, ms))
                }
                9..=18 => {
                    let bid =
                        Level { px: Price(mid - rng.within(0, 6)), qty: Qty(rng.mostly(40, 0, 9)) };
                    let ask = Level {
                        px: Price(mid + rng.mostly(40, -3, 6)),
                        qty: Qty(rng.within(1, 9)),
                    };
                    (book.bbo(bid, ask, ms, Nanos(step)), slow.bbo(bid, ask, ms))
                }
                _ => {
                    let reason = rng.pick(&[GapReason::Sequence, GapReason::Disconnected]);
                    (book.tear(reason), slow.tear(reason))
                }
            };
            assert_eq!(fast, want, "seed {seed} step {step}");
            changed += u64::from(fast == Applied::Changed);
            torn += u64::from(matches!(fast, Applied::Tore(_)));
            for side in Side::BOTH {
                assert_eq!(book.levels(side), slow.levels(side), "seed {seed} step {step}");
                let qty = rng.within(1, 60);
                let cost = book.sweep_cost(side, Qty(qty)).map(|c| c.0);
                assert_eq!(cost, slow.sweep(side, qty), "seed {seed} step {step}");
            }
            assert_eq!(book.top().is_some(), slow.valid);
        }
    }
    assert!(changed > 10_000 && torn > 3_000, "{changed} {torn}");
}

#[test]
fn a_part_of_a_snapshot_never_becomes_a_book() {
    for seed in 0..2_000 {
        let mut rng = Rng::new(seed);
        let mut book = Book::default();
        let sides = [rows(&mut rng, Side::Buy, 1_000), rows(&mut rng, Side::Sell, 1_000)];
        let mut events = Vec::new();
        for side in Side::BOTH {
            for (i, chunk) in sides[side.index()].chunks(LEVELS_PER_EVENT).enumerate() {
                let mut levels = [Level::default(); LEVELS_PER_EVENT];
                levels[..chunk.len()].copy_from_slice(chunk);
                events.push((side, (i * LEVELS_PER_EVENT) as u8, levels, chunk.len() as u8));
            }
        }
        if events.is_empty() {
            continue;
        }
        events.remove(rng.below(events.len() as u64) as usize);
        for (side, start, levels, count) in events {
            book.stage(side, start, &levels, count);
        }
        let applied = book.end(sides[0].len() as u8, sides[1].len() as u8, 1, Nanos(1));
        assert!(matches!(applied, Applied::Tore(_)), "seed {seed}: {applied:?}");
    }
}

// -- ledger ---------------------------------------------------------------------------------------

/// Every unit of inventory by itself, oldest first.
#[derive(Default)]
struct SlowLedger {
    units: Vec<i64>,
    short: bool,
    cash: i128,
    realized: i128,
    edge2: [i128; 2],
    fees: i128,
    funding: i128,
    seen: BTreeSet<(u64, u8)>,
    flows: Vec<(u64, i128)>,
}

impl SlowLedger {
    fn position(&self) -> i64 {
        if self.short { -(self.units.len() as i64) } else { self.units.len() as i64 }
    }

    fn fill(&mut self, now: u64, f: &LedgerFill) -> bool {
        if f.trade_id != 0 && !self.seen.insert((f.trade_id, f.side as u8)) {
            return false;
        }
        let mut realized = 0;
        for _ in 0..f.qty.0 {
            let sell = f.side == Side::Sell;
            if self.units.is_empty() || self.short == sell {
                self.short = sell;
                self.units.push(f.px.0);
            } else {
                let opened = self.units.remove(0);
                let gain = i128::from(f.px.0 - opened);
                realized += if self.short { -gain } else { gain };
            }
        }
        let fee = i128::from(f.fee) * 100_000_000;
        self.realized += realized;
        self.fees += fee;
        self.flows.push((now, realized - fee));
        self.cash -= i128::from(f.side.sign()) * i128::from(f.px.0) * i128::from(f.qty.0);
        if f.mid2 != 0 {
            let maker = matches!(f.component, Component::Maker | Component::Ladder);
            let edge = i128::from(f.side.sign()) * i128::from(f.mid2 - 2 * f.px.0);
            self.edge2[usize::from(!maker)] += edge * i128::from(f.qty.0);
        }
        true
    }
}

#[test]
fn the_ledger_is_a_queue_of_single_units() {
    let span = Nanos::from_secs(60);
    for seed in 0..700 {
        let mut rng = Rng::new(seed);
        let (mut ledger, mut slow) = (Ledger::new(span), SlowLedger::default());
        let mut now = 1_000_000_000_000u64;
        if rng.chance(300) {
            let qty = rng.within(-40, 40);
            let entry = 900;
            ledger.open_with(Qty(qty), Price(entry));
            slow.short = qty < 0;
            slow.units = vec![entry; qty.unsigned_abs() as usize];
            slow.cash = -i128::from(qty) * i128::from(entry);
        }
        for step in 0..30 {
            // Whole slices of the window, so that both know alike what has left it.
            now += rng.below(5) * 1_000_000_000;
            if rng.chance(100) {
                let amount = rng.within(-50, 50);
                ledger.fund(Nanos(now), amount);
                slow.funding += i128::from(amount) * 100_000_000;
                slow.flows.push((now, i128::from(amount) * 100_000_000));
                continue;
            }
            let mid2 = if rng.chance(50) { 0 } else { 2_000 + rng.within(-99, 99) };
            let fill = LedgerFill {
                side: rng.pick(&Side::BOTH),
                px: Price(1_000 + rng.within(-50, 50)),
                qty: Qty(rng.within(1, 30)),
                fee: rng.within(-3, 9),
                trade_id: rng.below(200),
                component: rng.pick(&[Component::Maker, Component::Hedger, Component::External]),
                mid2,
            };
            let booked = ledger.fill(Nanos(now), &fill, rng.chance(500));
            let was_new = slow.fill(now, &fill);
            assert_eq!(matches!(booked, Booked::New { .. }), was_new, "seed {seed} step {step}");
            assert_eq!(ledger.position().0, slow.position(), "seed {seed} step {step}");
            let units: Vec<i64> = ledger
                .lots()
                .flat_map(|(px, qty)| std::iter::repeat_n(px.0, qty.0.unsigned_abs() as usize))
                .collect();
            assert_eq!(units, slow.units, "seed {seed} step {step}");
            let realized = slow.realized - slow.fees + slow.funding;
            assert_eq!(ledger.realized(), Notional(realized), "seed {seed} step {step}");
            let since = (now / 1_000_000_000).saturating_sub(59) * 1_000_000_000;
            let window: i128 =
                slow.flows.iter().filter(|(at, _)| *at >= since).map(|(_, f)| f).sum();
            assert_eq!(ledger.realized_window(Nanos(now)), Notional(window), "seed {seed}");
            let mid2 = 2_000 + rng.within(-99, 99);
            let pnl = ledger.split(mid2);
            let total2 = 2 * (slow.cash - slow.fees + slow.funding)
                + i128::from(mid2) * i128::from(slow.position());
            assert_eq!(pnl.total.0, total2 / 2, "seed {seed} step {step}");
            assert_eq!(pnl.spread.0, slow.edge2[0] / 2, "seed {seed} step {step}");
            assert_eq!(pnl.hedge.0, slow.edge2[1] / 2, "seed {seed} step {step}");
        }
    }
}

#[test]
fn a_long_run_of_lots_keeps_position_and_cash() {
    let mut rng = Rng::new(7);
    let mut ledger = Ledger::new(Nanos::from_secs(60));
    let (mut position, mut cash) = (0i64, 0i128);
    for id in 1..20_000u64 {
        // Long stretches of one side, so that the table of lots fills up and merges.
        let side = if (id / 3_000).is_multiple_of(2) { Side::Buy } else { Side::Sell };
        let (px, qty) = (1_000 + rng.within(-9, 9), rng.within(1, 5));
        let fill = LedgerFill {
            side,
            px: Price(px),
            qty: Qty(qty),
            fee: 0,
            trade_id: id,
            component: Component::Maker,
            mid2: 2_000,
        };
        assert!(matches!(ledger.fill(Nanos(id), &fill, false), Booked::New { .. }));
        position += side.sign() * qty;
        cash -= i128::from(side.sign() * px * qty);
        assert_eq!(ledger.position().0, position);
        assert_eq!(ledger.lots().map(|l| l.1.0).sum::<i64>(), position);
        assert!(ledger.lots().count() <= LOTS_MAX);
        let pnl = ledger.split(2_000);
        assert_eq!(pnl.total.0, cash + 1_000 * i128::from(position));
    }
}
