//! Cold. The core under seeded noise: whatever comes in, its invariants hold after every input.

mod common;

use common::audit::{Auditor, LOT, TICK, book, go_up, level, random_config};
use common::config::{self, bps};
use common::rng::Rng;
use evenkeel::event::{
    Action, CancelReason, Command, Event, GapReason, Link, OrderId, Refused, RejectReason, Stamp,
    VenueOrderState,
};
use evenkeel::instrument::InstId;
use evenkeel::units::{Nanos, Notional, Price, Qty, SCALE, Side};

/// Any event at all: ids that never were, answers to the wrong state, fills of nothing, torn books.
fn noise(rng: &mut Rng, audit: &Auditor, mid: &mut [i64], exch_ms: &mut u64) -> Vec<Event> {
    let absent = u64::from(rng.chance(10));
    let inst = InstId(rng.below(audit.rules.len() as u64 + absent) as u16);
    let i = usize::from(inst.0).min(mid.len() - 1);
    match rng.below(24) {
        0..=6 => {
            mid[i] = (mid[i] + rng.within(-12, 12) * TICK).clamp(20 * SCALE, 500 * SCALE);
            *exch_ms += rng.below(3);
            let events = book(rng, inst, mid[i], *exch_ms);
            let lost = usize::from(rng.chance(50));
            events[lost..].to_vec()
        }
        7..=8 => vec![market_noise(rng, inst, mid[i], *exch_ms)],
        9..=20 => vec![answer_noise(rng, audit, inst, mid[i])],
        21 => {
            let held = audit.positions[i.min(audit.positions.len() - 1)];
            let qty = if rng.chance(500) { rng.within(-150, 150) * LOT } else { held };
            let (qty, entry) = (Qty(qty), Price(mid[i]));
            vec![Event::Position { inst, qty, entry, recv: Stamp(1) }]
        }
        _ => vec![process_noise(rng, inst)],
    }
}

fn market_noise(rng: &mut Rng, inst: InstId, mid: i64, exch_ms: u64) -> Event {
    let recv = Stamp(exch_ms);
    match rng.below(3) {
        0 => Event::Gap { inst, reason: rng.pick(GapReason::ALL), recv },
        _ => Event::Bbo {
            inst,
            decode_ns: 0,
            bid: level(mid - rng.within(-1, 5) * TICK, rng.within(0, 100) * LOT),
            ask: level(mid + rng.within(0, 5) * TICK, rng.within(0, 100) * LOT),
            exch_ms,
            recv,
        },
    }
}

fn answer_noise(rng: &mut Rng, audit: &Auditor, inst: InstId, mid: i64) -> Event {
    let recv = Stamp(audit.now.0);
    let counter = match rng.below(10) {
        0 => rng.below(1 << 20),
        _ => audit.last_id.saturating_sub(rng.below(12)),
    };
    let order = match rng.below(30) {
        0 => OrderId::EXTERNAL,
        _ => OrderId::new(counter, inst),
    };
    match rng.below(12) {
        0..=2 => Event::Ack { order, venue_oid: rng.next(), resting: rng.chance(900), recv },
        3 => Event::Reject { order, reason: rng.pick(RejectReason::ALL), code: 0, recv },
        4..=6 => Event::Fill {
            inst,
            side: rng.pick(&Side::BOTH),
            taker: rng.chance(300),
            order,
            px: Price(mid + rng.within(-9, 9) * TICK),
            qty: Qty(rng.within(0, 40) * LOT),
            fee: rng.within(-1_000, 5_000),
            trade_id: rng.below(400),
            exch_ms: 1,
        },
        7 => Event::Canceled { order, reason: rng.pick(CancelReason::ALL), recv },
        8 => Event::CancelReject { order, gone: rng.chance(500), recv },
        9 => Event::OutcomeUnknown { order, recv },
        10 => Event::OrderState {
            order,
            state: rng.pick(&[
                VenueOrderState::Open,
                VenueOrderState::Filled,
                VenueOrderState::Canceled,
                VenueOrderState::Rejected,
                VenueOrderState::NotFound,
            ]),
            filled: Qty(rng.within(0, 80) * LOT),
            venue_oid: 7,
            recv,
        },
        _ => Event::Unsent { order, reason: rng.pick(Refused::ALL), recv },
    }
}

fn process_noise(rng: &mut Rng, inst: InstId) -> Event {
    let recv = Stamp(1);
    let link = rng.pick(&[Link::Market, Link::Orders]);
    match rng.below(14) {
        0 => Event::LinkDown { link, recv },
        1 => Event::LinkUp { link, recv },
        2 => Event::Reconciled { open_orders: 3, recv },
        3..=5 => Event::Funding { inst, amount: rng.within(-9, 9), exch_ms: 0 },
        6 => Event::Command { command: rng.pick(Command::ALL) },
        7 => {
            let (px, qty, side) = (Price(0), Qty(0), Side::Buy);
            Event::Trade { inst, side, px, qty, exch_ms: 0, id: 0, recv }
        }
        8 => Event::Equity { amount: -5, recv },
        _ => Event::Command { command: Command::Resume },
    }
}

#[test]
fn invariants_hold_under_noise() {
    let mut placed = 0;
    for seed in 0..2_500 {
        let mut rng = Rng::new(seed);
        let mut audit = Auditor::new(seed, random_config(&mut rng));
        let mut mid = [100 * SCALE; 2];
        let mut exch_ms = 1;
        go_up(&mut audit);
        let jumps = rng.chance(300);
        for _ in 0..200 {
            let step = rng.pick(&[0, 1_000, 1_000_000, 20_000_000, 150_000_000]);
            audit.now = audit.now.after(Nanos(step));
            if jumps && rng.chance(20) {
                audit.now = audit.now.after(Nanos::from_secs(rng.below(5_000)));
            }
            if rng.chance(60) {
                let recv = Stamp(1);
                audit.apply(Event::LinkUp { link: Link::Orders, recv });
                audit.apply(Event::Reconciled { open_orders: 0, recv });
            }
            if rng.chance(30) {
                // What a person does who looks at the alarms.
                for (i, mid) in mid.iter().enumerate().take(audit.rules.len()) {
                    let (inst, qty) = (InstId(i as u16), Qty(audit.positions[i]));
                    let entry = Price(*mid);
                    audit.apply(Event::Position { inst, qty, entry, recv: Stamp(1) });
                }
                audit.apply(Event::Command { command: Command::Resume });
            }
            if rng.chance(450) {
                audit.apply(Event::Decide { drained: 1 });
            } else {
                for event in noise(&mut rng, &audit, &mut mid, &mut exch_ms) {
                    audit.apply(event);
                }
            }
        }
        audit.check_replay();
        placed += audit.last_id;
    }
    assert!(placed > 10_000, "the noise must leave room for orders: {placed}");
}

#[test]
fn held_inventory_always_has_a_way_out() {
    // Whatever the filters say: with a valid book and inventory that can be sold, the side that
    // reduces it is quoted.
    let mut paused = 0;
    for seed in 0..4_000 {
        let mut rng = Rng::new(0xacce_5500 + seed);
        let mut cfg = random_config(&mut rng);
        cfg.instruments.truncate(1);
        cfg.limits.burst = 1_000;
        cfg.limits.loss = Notional::from_raw(1_000_000 * SCALE);
        cfg.limits.drawdown = cfg.limits.loss;
        let inst = &mut cfg.instruments[0];
        inst.hedger = None;
        let mut maker = inst.maker.take().unwrap_or_else(config::maker);
        maker.size = Qty(rng.within(1, 100) * LOT);
        maker.size_min = Qty(rng.within(1, 20) * LOT);
        maker.size_max = Qty(rng.within(20, 300) * LOT);
        maker.soft_cap = Qty(rng.within(10, 300) * LOT);
        maker.regime.pause = bps(["1", "10", "30"][rng.below(3) as usize]);
        maker.regime.trend_engage = bps(["1", "12"][rng.below(2) as usize]);
        maker.regime.trend_release = bps("0.5");
        inst.maker = Some(maker);
        inst.signals.warm_up = Nanos::from_millis(1);
        inst.limits.open_orders = 24;
        let mut audit = Auditor::new(seed, cfg);
        let held = Qty(rng.pick(&[-1, 1]) * rng.within(1, 500) * LOT);
        let recv = Stamp(1);
        audit.apply(Event::LinkUp { link: Link::Orders, recv });
        let entry = Price(100 * SCALE);
        audit.apply(Event::Position { inst: InstId(0), qty: held, entry, recv });
        audit.apply(Event::Reconciled { open_orders: 0, recv });
        let mut mid = 100 * SCALE;
        for i in 0..rng.within(1, 12) {
            audit.now = audit.now.after(Nanos::from_millis(rng.below(400)));
            mid += rng.within(-60, 60) * TICK;
            for event in book(&mut rng, InstId(0), mid, 1 + i as u64) {
                audit.apply(event);
            }
        }
        let actions = audit.apply(Event::Decide { drained: 1 });
        let floor = audit.rules[0].min_qty(Price(mid * 98 / 100)).expect("in range");
        paused += u64::from(audit.core.snapshot(InstId(0)).maker.regime.paused);
        if held.abs() < floor || floor > audit.config.instruments[0].limits.order_qty {
            continue;
        }
        let out = Side::of_sign(held).expect("held").opposite();
        let quoted =
            actions.iter().any(|a| matches!(a, Action::Place { side, .. } if *side == out));
        assert!(quoted, "seed {seed}: {held} held, {actions:?}");
    }
    assert!(paused > 500, "{paused}");
}
