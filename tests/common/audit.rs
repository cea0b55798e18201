//! Cold. Every invariant of the core, asked after every input.
//!
//! Numbers as in the case list that they come from: I1 the position is the sum of the fills, I2 the
//! worst case of what is open stays within the limit unless it shrinks, I3 nothing is placed after a
//! kill but to unwind, I4 nothing is placed on a book that is torn or stale, I5 a fill is booked
//! once, I8 the order rate holds. A failure names its seed.

use super::lines::START;
use super::rng::Rng;
use evenkeel::core::{Core, CoreConfig, Outputs};
use evenkeel::event::{
    Action, Component, Event, Input, LEVELS_PER_EVENT, Level, Link, OrderId, Stamp, Tif,
};
use evenkeel::explain::{Alarm, Note};
use evenkeel::instrument::{InstId, Instrument};
use evenkeel::orders::OrderState;
use evenkeel::units::{Nanos, Notional, Price, Qty, SCALE, Side};
use std::collections::{BTreeSet, VecDeque};

pub const TICK: i64 = SCALE / 100;
pub const LOT: i64 = SCALE / 100;

pub fn random_config(rng: &mut Rng) -> CoreConfig {
    let count = 1 + rng.below(2);
    let names = ["SOL", "ETH"];
    let mut instruments = Vec::new();
    for name in &names[..count as usize] {
        let mut inst = super::config::inst(name);
        inst.limits.position = Qty(rng.within(10, 400) * LOT);
        inst.limits.inventory_notional = Notional::from_raw(rng.within(50, 600) * SCALE);
        inst.limits.order_qty = Qty(rng.within(20, 300) * LOT);
        inst.limits.open_orders = rng.within(2, 24) as usize;
        inst.signals.warm_up = Nanos::from_millis(rng.below(3_000));
        inst.requote.modifies = rng.chance(600);
        inst.stale = Nanos::from_millis(500 + rng.below(4_000));
        let maker = inst.maker.as_mut().expect("a maker");
        maker.defensive.levels = 1 + rng.below(4) as usize;
        maker.aggressive.levels = 1 + rng.below(4) as usize;
        maker.asymmetric_above = Qty(rng.within(1, 200) * LOT);
        maker.raise_to_minimum = rng.chance(500);
        maker.trend_pauses = rng.chance(500);
        maker.skew_at_soft_cap = super::config::bps(["0", "5", "20"][rng.below(3) as usize]);
        maker.quality = evenkeel::strategy::quality::QualityParams {
            samples: 1,
            ..evenkeel::strategy::quality::QualityParams::DEFAULT
        };
        if rng.chance(150) {
            inst.maker = None;
        }
        if rng.chance(700) {
            let mut hedger = super::config::hedger();
            hedger.rule.trigger = Qty(rng.within(10, 150) * LOT);
            hedger.rule.target = Qty(rng.within(0, hedger.rule.trigger.0 / LOT) * LOT);
            hedger.passive_wait = Nanos::from_millis(rng.pick(&[0, 100, 400]));
            hedger.dry_run = rng.chance(50);
            inst.hedger = Some(hedger);
        }
        instruments.push(inst);
    }
    let mut cfg = super::config::core(instruments);
    cfg.limits.burst = 8 + rng.below(100);
    cfg.limits.actions_per_s = 1 + rng.below(200);
    cfg.limits.loss = Notional::from_raw(rng.within(1, 50) * SCALE);
    cfg.limits.drawdown = Notional::from_raw(rng.within(1, 50) * SCALE);
    cfg
}

/// Every invariant, asked of the core's own view and of a model that knows only fills.
pub struct Auditor {
    pub seed: u64,
    pub config: CoreConfig,
    pub rules: Vec<Instrument>,
    pub core: Core,
    pub now: Nanos,
    pub log: Vec<Input>,
    pub outcome: u64,
    pub positions: Vec<i64>,
    pub opened: Vec<bool>,
    pub booked: BTreeSet<(u16, u64, u8)>,
    pub last_id: u64,
    pub placed_at: VecDeque<Nanos>,
    /// Given up, and told to rest all the same: nobody decided that.
    pub ghosts: BTreeSet<OrderId>,
}

impl Auditor {
    pub fn new(seed: u64, config: CoreConfig) -> Auditor {
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
            ghosts: BTreeSet::new(),
        }
    }

    pub fn apply(&mut self, event: Event) -> Vec<Action> {
        let input = Input { now: self.now, event };
        self.log.push(input);
        let halted_before = self.core.is_halted();
        let mut out = Outputs::default();
        self.core.apply(&input, &mut out);
        self.outcome = digest(self.outcome, &out);
        self.model(&event, &out);
        for note in &out.notes {
            if let Note::Alarm { alarm: Alarm::Ghost, order, .. } = note {
                self.ghosts.insert(*order);
            }
        }
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
            let mut orders: Vec<_> = self.core.open_orders(inst).copied().collect();
            orders.retain(|o| !self.ghosts.contains(&o.id));
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
            Action::Modify { inst, side, tif, component, order, old, px, qty } => {
                assert!(old != order && old.inst() == inst, "seed {seed}: of another market");
                assert_eq!(tif, Tif::Alo, "seed {seed}: a modify that could trade at once");
                let reduce_only = false;
                let place =
                    Action::Place { inst, side, tif, reduce_only, component, order, px, qty };
                self.check_action(&place, halted_before);
                // The old one is still counted: it may fill until the venue has said that it is gone.
                let row = self.core.open_orders(inst).find(|o| o.id == old);
                let row = row.unwrap_or_else(|| panic!("seed {seed}: {old:?} has no slot"));
                assert_eq!((row.side, row.component), (side, component), "seed {seed}");
                assert_eq!(row.state, OrderState::Canceling, "seed {seed}");
            }
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
            Action::CancelAll
            | Action::ReadAccount
            | Action::Resnapshot { .. }
            | Action::RefreshRules { .. }
            | Action::Prove { .. } => {}
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
    pub fn check_replay(&self) {
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

pub fn level(px: i64, qty: i64) -> Level {
    Level { px: Price(px), qty: Qty(qty) }
}

pub fn book(rng: &mut Rng, inst: InstId, mid: i64, exch_ms: u64) -> [Event; 3] {
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

pub fn go_up(audit: &mut Auditor) {
    let recv = Stamp(1);
    audit.apply(Event::LinkUp { link: Link::Orders, recv });
    for i in 0..audit.rules.len() {
        let inst = InstId(i as u16);
        audit.apply(Event::Position { inst, qty: Qty(0), entry: Price(0), recv });
    }
    audit.apply(Event::Reconciled { open_orders: 0, recv });
}
