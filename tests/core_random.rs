//! Cold. The core under seeded noise: whatever comes in, its invariants hold after every input.
//!
//! Numbers as in the case list that they come from: I1 the position is the sum of the fills, I2 the
//! worst case of what is open stays within the limit unless it shrinks, I3 nothing is placed after a
//! kill but to unwind, I4 nothing is placed on a book that is torn or stale, I5 a fill is booked
//! once, I8 the order rate holds. A failure names its seed.

mod common;

use common::config::{self, bps};
use common::lines::START;
use common::rng::Rng;
use evenkeel::core::{Core, CoreConfig, Outputs};
use evenkeel::event::{
    Action, CancelReason, Command, Component, Event, GapReason, Input, LEVELS_PER_EVENT, Level,
    Link, OrderId, Refused, RejectReason, Stamp, Tif, VenueOrderState,
};
use evenkeel::explain::Note;
use evenkeel::instrument::{InstId, Instrument};
use evenkeel::units::{Nanos, Notional, Price, Qty, SCALE, Side};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const TICK: i64 = SCALE / 100;
const LOT: i64 = SCALE / 100;

fn random_config(rng: &mut Rng) -> CoreConfig {
    let count = 1 + rng.below(2);
    let names = ["SOL", "ETH"];
    let mut instruments = Vec::new();
    for name in &names[..count as usize] {
        let mut inst = config::inst(name);
        inst.limits.position = Qty(rng.within(10, 400) * LOT);
        inst.limits.inventory_notional = Notional::from_raw(rng.within(50, 600) * SCALE);
        inst.limits.order_qty = Qty(rng.within(20, 300) * LOT);
        inst.limits.open_orders = rng.within(2, 24) as usize;
        inst.signals.warm_up = Nanos::from_millis(rng.below(3_000));
        inst.stale = Nanos::from_millis(500 + rng.below(4_000));
        let maker = inst.maker.as_mut().expect("a maker");
        maker.defensive.levels = 1 + rng.below(4) as usize;
        maker.aggressive.levels = 1 + rng.below(4) as usize;
        maker.asymmetric_above = Qty(rng.within(1, 200) * LOT);
        maker.raise_to_minimum = rng.chance(500);
        maker.trend_pauses = rng.chance(500);
        maker.skew_at_soft_cap = bps(["0", "5", "20"][rng.below(3) as usize]);
        maker.quality = evenkeel::strategy::quality::QualityParams {
            samples: 1,
            ..evenkeel::strategy::quality::QualityParams::DEFAULT
        };
        if rng.chance(150) {
            inst.maker = None;
        }
        if rng.chance(700) {
            let mut hedger = config::hedger();
            hedger.rule.trigger = Qty(rng.within(10, 150) * LOT);
            hedger.rule.target = Qty(rng.within(0, hedger.rule.trigger.0 / LOT) * LOT);
            hedger.passive_wait = Nanos::from_millis(rng.pick(&[0, 100, 400]));
            hedger.dry_run = rng.chance(50);
            inst.hedger = Some(hedger);
        }
        instruments.push(inst);
    }
    let mut cfg = config::core(instruments);
    cfg.limits.burst = 8 + rng.below(100);
    cfg.limits.actions_per_s = 1 + rng.below(200);
    cfg.limits.loss = Notional::from_raw(rng.within(1, 50) * SCALE);
    cfg.limits.drawdown = Notional::from_raw(rng.within(1, 50) * SCALE);
    cfg
}

/// Every invariant, asked of the core's own view and of a model that knows only fills.
struct Auditor {
    seed: u64,
    config: CoreConfig,
    rules: Vec<Instrument>,
    core: Core,
    now: Nanos,
    log: Vec<Input>,
    outcome: u64,
    positions: Vec<i64>,
    opened: Vec<bool>,
    booked: BTreeSet<(u16, u64, u8)>,
    last_id: u64,
    placed_at: VecDeque<Nanos>,
}

impl Auditor {
    fn new(seed: u64, config: CoreConfig) -> Auditor {
        let count = config.instruments.len();
        let rules = config.instruments.iter().enumerate();
        Auditor {
            seed,
            rules: rules
                .map(|(i, c)| Instrument::new(InstId(i as u16), c.spec).expect("valid"))
                .collect(),
            core: Core::new(&config).expect("valid"),
            config,
            now: START,
            log: Vec::new(),
            outcome: 0,
            positions: vec![0; count],
            opened: vec![false; count],
            booked: BTreeSet::new(),
            last_id: 0,
            placed_at: VecDeque::new(),
        }
    }

    fn apply(&mut self, event: Event) -> Vec<Action> {
        let input = Input { now: self.now, event };
        self.log.push(input);
        let halted_before = self.core.is_halted();
        let mut out = Outputs::default();
        self.core.apply(&input, &mut out);
        self.outcome = digest(self.outcome, &out);
        self.model(&event, &out);
        let actions: Vec<Action> = out.actions.iter().map(|(a, _)| a.get()).collect();
        for action in &actions {
            self.check_action(action, halted_before);
        }
        self.check_state();
        if matches!(event, Event::Decide { .. }) {
            assert!(self.core.wake_at() > self.now, "seed {}: a timer in the past", self.seed);
            assert!(!self.core.wants_decision(self.now), "seed {}: a busy loop", self.seed);
        }
        actions
    }

    /// I1 and I5: the position by fills alone.
    fn model(&mut self, event: &Event, out: &Outputs) {
        match *event {
            Event::Fill { inst, side, qty, px, trade_id, .. } => {
                let counts = usize::from(inst.0) < self.positions.len() && qty.0 > 0 && px.0 > 0;
                let key = (inst.0, trade_id, side as u8);
                if counts && (trade_id == 0 || self.booked.insert(key)) {
                    self.positions[usize::from(inst.0)] += side.sign() * qty.0;
                }
            }
            Event::Position { inst, qty, .. } if usize::from(inst.0) < self.positions.len() => {
                let i = usize::from(inst.0);
                if self.core.ledger(inst).position() == qty && self.positions[i] != qty.0 {
                    let adopted = out.notes.iter().any(|n| matches!(n, Note::Adopted { .. }));
                    assert!(adopted || !self.opened[i], "seed {}: silently taken", self.seed);
                    self.positions[i] = qty.0;
                }
            }
            Event::Reconciled { .. } => self.opened.fill(true),
            _ => {}
        }
    }

    fn check_state(&mut self) {
        let seed = self.seed;
        for i in 0..self.rules.len() {
            let inst = InstId(i as u16);
            let ledger = self.core.ledger(inst);
            assert_eq!(ledger.position().0, self.positions[i], "seed {seed}: I1");
            let lots: i64 = ledger.lots().map(|l| l.1.0).sum();
            assert_eq!(lots, ledger.position().0, "seed {seed}: lots");
            let signs = ledger.lots().all(|l| l.1.0.signum() == ledger.position().0.signum());
            assert!(signs, "seed {seed}: a lot against the position");
            let pnl = self.core.snapshot(inst).pnl;
            let parts = pnl.spread.0 + pnl.hedge.0 + pnl.inventory.0 + pnl.fees.0 + pnl.funding.0;
            assert_eq!(parts, pnl.total.0, "seed {seed}: parts of the profit");
            let orders: Vec<_> = self.core.open_orders(inst).copied().collect();
            for a in &orders {
                assert!(a.open.0 > 0 && a.open <= a.qty, "seed {seed}: open {a:?}");
                for b in orders.iter().filter(|b| b.side != a.side && a.side == Side::Buy) {
                    assert!(a.px < b.px, "seed {seed}: own orders cross: {a:?} {b:?}");
                }
            }
        }
    }

    fn check_action(&mut self, action: &Action, halted_before: bool) {
        let seed = self.seed;
        match *action {
            Action::Place { inst, side, tif, reduce_only, component, order, px, qty } => {
                let i = usize::from(inst.0);
                assert!(order.counter() > self.last_id, "seed {seed}: ids grow");
                self.last_id = order.counter();
                let unwind = component == Component::Unwind;
                assert!(unwind || !self.core.is_halted(), "seed {seed}: I3");
                assert!(unwind || !halted_before, "seed {seed}: I3 in the same input");
                let book = self.core.book(inst);
                let top = book.top().unwrap_or_else(|| panic!("seed {seed}: I4, no book"));
                let age = self.now.since(book.updated());
                assert!(age < self.config.instruments[i].stale, "seed {seed}: I4, stale");
                let rules = &self.rules[i];
                assert!(rules.is_on_grid(px) && rules.is_whole_lots(qty), "seed {seed}: grid");
                assert!(Some(qty) >= rules.min_qty(px), "seed {seed}: below the floor");
                let limits = &self.config.instruments[i].limits;
                assert!(qty <= limits.order_qty, "seed {seed}: order size");
                assert!(Notional::of(px, qty) <= limits.order_notional, "seed {seed}: notional");
                assert!(top.mid().bps_to(px).0.abs() <= limits.price_band.0, "seed {seed}: band");
                if tif == Tif::Alo {
                    let crosses = match side {
                        Side::Buy => px >= top.ask.px,
                        Side::Sell => px <= top.bid.px,
                    };
                    assert!(!crosses, "seed {seed}: a post-only order that would trade");
                }
                let position = self.core.ledger(inst).position().0;
                if reduce_only {
                    assert!(position * side.sign() < 0 && qty.0 <= position.abs());
                }
                self.check_exposure(inst, side, position, top.mid());
                self.placed_at.push_back(self.now);
                self.check_rate();
            }
            Action::Cancel { order, .. } | Action::Query { order, .. } => {
                assert!(order.counter() <= self.last_id, "seed {seed}: an order we never sent");
            }
            Action::Modify { .. } => panic!("seed {seed}: nothing modifies"),
            Action::CancelAll | Action::Resnapshot { .. } => {}
        }
    }

    /// I2, on the core's own count of what may be open, which the venue model checks in turn.
    fn check_exposure(&self, inst: InstId, side: Side, position: i64, mid: Price) {
        let limits = &self.config.instruments[usize::from(inst.0)].limits;
        let open: i64 =
            self.core.open_orders(inst).filter(|o| o.side == side).map(|o| o.open.0).sum();
        let worst = position + side.sign() * open;
        let shrinks = worst.abs() <= position.abs() && worst.signum() * position.signum() >= 0;
        let within = worst.abs() <= limits.position.0
            && i128::from(worst.abs()) * i128::from(mid.0) <= limits.inventory_notional.0;
        assert!(shrinks || within, "seed {}: I2, {worst} from {position}", self.seed);
    }

    /// I8: what leaves in any second is the burst and a second's refill at most.
    fn check_rate(&mut self) {
        while self.placed_at.front().is_some_and(|t| self.now.since(*t) > Nanos::from_secs(1)) {
            self.placed_at.pop_front();
        }
        let most = self.config.limits.burst + self.config.limits.actions_per_s + 1;
        assert!(self.placed_at.len() as u64 <= most, "seed {}: I8", self.seed);
    }

    /// The same inputs again: the same outputs and the same state.
    fn check_replay(&self) {
        let mut core = Core::new(&self.config).expect("valid");
        let mut outcome = 0;
        for input in &self.log {
            let mut out = Outputs::default();
            core.apply(input, &mut out);
            outcome = digest(outcome, &out);
        }
        assert_eq!(outcome, self.outcome, "seed {}: outputs differ", self.seed);
        assert_eq!(core.hash(), self.core.hash(), "seed {}: states differ", self.seed);
    }
}

fn digest(before: u64, out: &Outputs) -> u64 {
    let text = format!("{:?}{:?}", out.actions, out.notes);
    text.bytes().fold(before ^ 0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn level(px: i64, qty: i64) -> Level {
    Level { px: Price(px), qty: Qty(qty) }
}

fn book(rng: &mut Rng, inst: InstId, mid: i64, exch_ms: u64) -> [Event; 3] {
    let half = rng.within(1, 6) * TICK;
    let rows = |side: Side, at: i64, rng: &mut Rng| {
        let mut levels = [Level::default(); LEVELS_PER_EVENT];
        let mut px = at;
        for l in &mut levels {
            *l = level(px, rng.within(1, 500) * LOT);
            px -= side.sign() * TICK * rng.within(1, 3);
        }
        Event::Levels { inst, side, start: 0, count: 3, levels }
    };
    [
        rows(Side::Buy, mid - half, rng),
        rows(Side::Sell, mid + half, rng),
        Event::BookEnd { inst, bids: 3, asks: 3, decode_ns: 0, exch_ms, recv: Stamp(exch_ms) },
    ]
}

/// Any event at all: ids that never were, answers to the wrong state, fills of nothing, torn books.
fn noise(rng: &mut Rng, audit: &Auditor, mid: &mut [i64], exch_ms: &mut u64) -> Vec<Event> {
    let recv = Stamp(audit.now.0);
    let absent = u64::from(rng.chance(10));
    let inst = InstId(rng.below(audit.rules.len() as u64 + absent) as u16);
    let i = usize::from(inst.0).min(mid.len() - 1);
    let counter = match rng.below(10) {
        0 => rng.below(1 << 20),
        _ => audit.last_id.saturating_sub(rng.below(12)),
    };
    let order = match rng.below(30) {
        0 => OrderId::EXTERNAL,
        _ => OrderId::new(counter, inst),
    };
    let side = rng.pick(&Side::BOTH);
    let event = match rng.below(24) {
        0..=6 => {
            mid[i] = (mid[i] + rng.within(-12, 12) * TICK).clamp(20 * SCALE, 500 * SCALE);
            *exch_ms += rng.below(3);
            let events = book(rng, inst, mid[i], *exch_ms);
            return match rng.below(20) {
                0 => events[1..].to_vec(),
                _ => events.to_vec(),
            };
        }
        7 => Event::Bbo {
            inst,
            decode_ns: 0,
            bid: level(mid[i] - rng.within(-1, 5) * TICK, rng.within(0, 100) * LOT),
            ask: level(mid[i] + rng.within(0, 5) * TICK, rng.within(0, 100) * LOT),
            exch_ms: *exch_ms,
            recv,
        },
        8 => Event::Gap { inst, reason: rng.pick(GapReason::ALL), recv },
        9..=11 => Event::Ack { order, venue_oid: rng.next(), resting: rng.chance(900), recv },
        12 => Event::Reject { order, reason: rng.pick(RejectReason::ALL), code: 0, recv },
        13..=15 => Event::Fill {
            inst,
            side,
            taker: rng.chance(300),
            order,
            px: Price(mid[i] + rng.within(-9, 9) * TICK),
            qty: Qty(rng.within(0, 40) * LOT),
            fee: rng.within(-1_000, 5_000),
            trade_id: rng.below(400),
            exch_ms: *exch_ms,
        },
        16 => Event::Canceled { order, reason: rng.pick(CancelReason::ALL), recv },
        17 => Event::CancelReject { order, gone: rng.chance(500), recv },
        18 => Event::OutcomeUnknown { order, recv },
        19 => Event::OrderState {
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
        20 => Event::Unsent { order, reason: rng.pick(Refused::ALL), recv },
        21 => Event::Position {
            inst,
            qty: match rng.below(2) {
                0 => Qty(rng.within(-150, 150) * LOT),
                _ => Qty(audit.positions[i]),
            },
            entry: Price(mid[i]),
            recv,
        },
        22 => match rng.below(6) {
            0 => Event::LinkDown { link: rng.pick(&[Link::Market, Link::Orders]), recv },
            1 => Event::LinkUp { link: rng.pick(&[Link::Market, Link::Orders]), recv },
            2 => Event::Reconciled { open_orders: 3, recv },
            _ => Event::Funding { inst, amount: rng.within(-9, 9), exch_ms: 0 },
        },
        _ => match rng.below(8) {
            0 => Event::Command { command: rng.pick(Command::ALL) },
            1 => Event::Trade { inst, side, px: Price(0), qty: Qty(0), exch_ms: 0, id: 0, recv },
            2 => Event::Equity { amount: -5, recv },
            _ => Event::Command { command: Command::Resume },
        },
    };
    vec![event]
}

fn go_up(audit: &mut Auditor) {
    let recv = Stamp(1);
    audit.apply(Event::LinkUp { link: Link::Orders, recv });
    for i in 0..audit.rules.len() {
        let inst = InstId(i as u16);
        audit.apply(Event::Position { inst, qty: Qty(0), entry: Price(0), recv });
    }
    audit.apply(Event::Reconciled { open_orders: 0, recv });
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

// -- a venue with faults --------------------------------------------------------------------------

#[derive(Clone, Copy, Debug)]
struct VenueOrder {
    side: Side,
    open: i64,
    filled: i64,
    resting: bool,
    state: VenueOrderState,
}

/// A venue that does what it is told and loses messages on the way: the truth that the core has to
/// find.
#[derive(Debug, Default)]
struct Venue {
    orders: BTreeMap<OrderId, VenueOrder>,
    positions: [i64; 2],
    queue: VecDeque<Event>,
    trade_id: u64,
    /// Permille of answers that are lost, and of orders that never arrive.
    loss: u64,
    /// A link that is down loses every answer; fills are told again when it is back.
    down: bool,
    owed: Vec<Event>,
}

impl Venue {
    fn answer(&mut self, rng: &mut Rng, event: Event) {
        if !self.down && !rng.chance(self.loss) {
            self.queue.push_back(event);
        }
    }

    fn act(&mut self, rng: &mut Rng, action: Action) {
        let recv = Stamp(9);
        match action {
            Action::Place { order, side, qty, tif, .. } => {
                if self.down || rng.chance(self.loss) {
                    return;
                }
                let ioc = tif == Tif::Ioc;
                if rng.chance(60) {
                    let reason = rng.pick(&[RejectReason::WouldCross, RejectReason::Margin]);
                    return self.answer(rng, Event::Reject { order, reason, code: 0, recv });
                }
                let state = VenueOrderState::Open;
                let row = VenueOrder { side, open: qty.0, filled: 0, resting: !ioc, state };
                self.orders.insert(order, row);
                if ioc {
                    let part = qty.0 / LOT / rng.within(1, 3) * LOT;
                    self.fill(rng, order, part, true);
                    self.end(rng, order, CancelReason::IocRemainder);
                } else {
                    self.answer(rng, Event::Ack { order, venue_oid: 1, resting: true, recv });
                }
            }
            Action::Cancel { order, .. } => {
                if self.down || rng.chance(self.loss) {
                    return;
                }
                match self.orders.get(&order).map(|o| o.state) {
                    Some(VenueOrderState::Open) if rng.chance(100) => {
                        self.answer(rng, Event::CancelReject { order, gone: false, recv });
                    }
                    Some(VenueOrderState::Open) => self.end(rng, order, CancelReason::ByUs),
                    _ => self.answer(rng, Event::CancelReject { order, gone: true, recv }),
                }
            }
            Action::Query { order, .. } => {
                let (state, filled) = match self.orders.get(&order) {
                    Some(o) => (o.state, Qty(o.filled)),
                    None => (VenueOrderState::NotFound, Qty(0)),
                };
                let event = Event::OrderState { order, state, filled, venue_oid: 1, recv };
                self.answer(rng, event);
            }
            Action::CancelAll => self.tell_positions(),
            Action::Modify { .. } | Action::Resnapshot { .. } => {}
        }
    }

    fn tell_positions(&mut self) {
        if self.down {
            return;
        }
        let recv = Stamp(9);
        for i in 0..2 {
            let (inst, entry) = (InstId(i as u16), Price(100 * SCALE));
            let qty = Qty(self.positions[i]);
            self.queue.push_back(Event::Position { inst, qty, entry, recv });
        }
        self.queue.push_back(Event::Reconciled { open_orders: 0, recv });
    }

    fn fill(&mut self, rng: &mut Rng, order: OrderId, qty: i64, taker: bool) {
        let Some(row) = self.orders.get_mut(&order) else { return };
        let qty = qty.min(row.open);
        if qty <= 0 {
            return;
        }
        row.open -= qty;
        row.filled += qty;
        let side = row.side;
        if row.open == 0 {
            row.state = VenueOrderState::Filled;
        }
        self.positions[usize::from(order.inst().0)] += side.sign() * qty;
        self.trade_id += 1;
        let fill = Event::Fill {
            inst: order.inst(),
            side,
            taker,
            order,
            px: Price(100 * SCALE),
            qty: Qty(qty),
            fee: 0,
            trade_id: self.trade_id,
            exch_ms: 0,
        };
        if self.down {
            self.owed.push(fill);
        } else {
            self.queue.push_back(fill);
            if rng.chance(50) {
                self.queue.push_back(fill);
            }
        }
    }

    fn end(&mut self, rng: &mut Rng, order: OrderId, reason: CancelReason) {
        let row = self.orders.get_mut(&order).expect("it was there");
        if row.open > 0 {
            row.state = VenueOrderState::Canceled;
            row.open = 0;
            self.answer(rng, Event::Canceled { order, reason, recv: Stamp(9) });
        }
    }

    fn trade(&mut self, rng: &mut Rng) {
        let resting: Vec<OrderId> = self
            .orders
            .iter()
            .filter(|(_, o)| o.resting && o.state == VenueOrderState::Open)
            .map(|(id, _)| *id)
            .collect();
        if !resting.is_empty() {
            let order = rng.pick(&resting);
            let open = self.orders[&order].open / LOT;
            let qty = rng.within(1, open) * LOT;
            self.fill(rng, order, qty, false);
        }
    }

    /// What the position could become if everything that rests here filled.
    fn worst(&self, inst: InstId, side: Side) -> i64 {
        let open: i64 = self
            .orders
            .iter()
            .filter(|(id, o)| id.inst() == inst && o.side == side)
            .map(|(_, o)| o.open)
            .sum();
        self.positions[usize::from(inst.0)] + side.sign() * open
    }
}

fn deliver(audit: &mut Auditor, venue: &mut Venue, rng: &mut Rng, event: Event) {
    for action in audit.apply(event) {
        venue.act(rng, action);
    }
}

#[test]
fn a_venue_that_loses_messages_is_understood_in_the_end() {
    let mut fills = 0;
    for seed in 0..2_000 {
        let mut rng = Rng::new(0x5eed_0000 + seed);
        let mut cfg = random_config(&mut rng);
        cfg.limits.loss = Notional::from_raw(1_000_000 * SCALE);
        cfg.limits.drawdown = cfg.limits.loss;
        cfg.limits.breaker_rejects = 1_000;
        let mut audit = Auditor::new(seed, cfg);
        let count = audit.rules.len();
        let mut venue = Venue { loss: rng.pick(&[0, 30, 150]), ..Venue::default() };
        let mut mid = [100 * SCALE; 2];
        let mut exch_ms = 1;
        go_up(&mut audit);
        for step in 0..260 {
            let healing = step >= 160;
            if healing {
                // Nothing is lost any more and nothing trades: the truth stands still.
                venue.loss = 0;
                if venue.down {
                    come_back(&mut audit, &mut venue, &mut rng);
                }
            }
            let span = if healing { 500 } else { rng.below(200) };
            audit.now = audit.now.after(Nanos::from_millis(span));
            for (i, mid) in mid.iter_mut().enumerate().take(count) {
                if healing || rng.chance(500) {
                    *mid += rng.within(-5, 5) * TICK;
                    exch_ms += 1;
                    for event in book(&mut rng, InstId(i as u16), *mid, exch_ms) {
                        deliver(&mut audit, &mut venue, &mut rng, event);
                    }
                }
            }
            if !healing && rng.chance(300) {
                venue.trade(&mut rng);
            }
            if !healing && rng.chance(15) {
                let link = Link::Orders;
                if venue.down {
                    come_back(&mut audit, &mut venue, &mut rng);
                } else {
                    // What was on its way is lost, but for the fills, which are told again.
                    venue.down = true;
                    let queue = std::mem::take(&mut venue.queue);
                    venue
                        .owed
                        .extend(queue.into_iter().filter(|e| matches!(e, Event::Fill { .. })));
                    deliver(
                        &mut audit,
                        &mut venue,
                        &mut rng,
                        Event::LinkDown { link, recv: Stamp(9) },
                    );
                }
            }
            for _ in 0..if healing { 1_000 } else { rng.below(4) } {
                let Some(event) = venue.queue.pop_front() else { break };
                deliver(&mut audit, &mut venue, &mut rng, event);
            }
            deliver(&mut audit, &mut venue, &mut rng, Event::Decide { drained: 1 });
            check_truth(&audit, &venue, seed);
        }
        // Understood: the same position, and no order there that we don't know of.
        while let Some(event) = venue.queue.pop_front() {
            deliver(&mut audit, &mut venue, &mut rng, event);
        }
        for i in 0..count {
            let inst = InstId(i as u16);
            assert_eq!(audit.positions[i], venue.positions[i], "seed {seed}: I1 at the end");
            let rests = venue.orders.iter().filter(|(_, o)| o.open > 0);
            for (id, _) in rests.filter(|(id, _)| id.inst() == inst) {
                let known = audit.core.open_orders(inst).any(|o| o.id == *id);
                assert!(known, "seed {seed}: I6, {id:?} is a ghost");
            }
            for order in audit.core.open_orders(inst) {
                let there = venue.orders.get(&order.id).is_some_and(|o| o.open > 0);
                assert!(there, "seed {seed}: {order:?} is not there");
            }
            assert_eq!(audit.core.counts().adopted, 0, "seed {seed}: the fills were enough");
        }
        audit.check_replay();
        fills += audit.core.counts().fills;
    }
    assert!(fills > 20_000, "{fills}");
}

fn come_back(audit: &mut Auditor, venue: &mut Venue, rng: &mut Rng) {
    venue.down = false;
    let link = Link::Orders;
    let owed = std::mem::take(&mut venue.owed);
    venue.queue.extend(owed);
    deliver(audit, venue, rng, Event::LinkUp { link, recv: Stamp(9) });
    venue.tell_positions();
}

/// I2 in the venue's own numbers: fills are told in order here, so nothing can exceed the limit
/// that did not have it already.
fn check_truth(audit: &Auditor, venue: &Venue, seed: u64) {
    for i in 0..audit.rules.len() {
        let inst = InstId(i as u16);
        let limit = audit.config.instruments[i].limits.position.0;
        for side in Side::BOTH {
            let worst = venue.worst(inst, side);
            assert!(side.sign() * worst <= limit, "seed {seed}: I2 at the venue, {worst}");
        }
    }
}

// -- the way out ----------------------------------------------------------------------------------

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
