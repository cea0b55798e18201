//! Cold. The core against a venue that loses messages: in the end it knows the truth, and on the way
//! the venue's own numbers never break a limit.

mod common;

use common::audit::{Auditor, LOT, TICK, book, go_up, random_config};
use common::rng::Rng;
use evenkeel::event::{
    Action, CancelReason, Command, Component, Event, Link, OrderId, RejectReason, Stamp, Tif,
    VenueOrderState,
};
use evenkeel::instrument::InstId;
use evenkeel::units::{Nanos, Notional, Price, Qty, SCALE, Side};
use std::collections::{BTreeMap, VecDeque};

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
    /// Orders on their way, and the steps until they are there: what is sent later overtakes them.
    way: Vec<(u64, Action)>,
    /// Permille of orders that others overtake.
    slow: u64,
    overtaken: u64,
}

impl Venue {
    /// Sends an order on its way, or lets what never waits arrive at once.
    fn take(&mut self, rng: &mut Rng, action: Action) {
        let order = matches!(action, Action::Place { .. } | Action::Modify { .. });
        if order && rng.chance(self.slow) {
            self.way.push((rng.within(1, 3) as u64, action));
            return;
        }
        if let Action::Cancel { order, .. } | Action::Query { order, .. } = action {
            let id = |a: &Action| match *a {
                Action::Place { order, .. } | Action::Modify { order, .. } => Some(order),
                _ => None,
            };
            self.overtaken += u64::from(self.way.iter().any(|(_, a)| id(a) == Some(order)));
        }
        self.act(rng, action);
    }

    /// A step is over: what has travelled long enough arrives.
    fn arrive(&mut self, rng: &mut Rng) {
        for (steps, _) in &mut self.way {
            *steps -= 1;
        }
        for (_, action) in self.way.extract_if(.., |(steps, _)| *steps == 0).collect::<Vec<_>>() {
            self.act(rng, action);
        }
    }

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
            Action::Modify { order, old, side, qty, .. }
                if !self.down && !rng.chance(self.loss) =>
            {
                self.modify(rng, order, old, side, qty);
            }
            Action::ReadAccount => self.tell_positions(),
            Action::CancelAll => {
                let open: Vec<OrderId> = self.orders.keys().copied().collect();
                for order in open {
                    let (inst, component) = (order.inst(), Component::Unwind);
                    self.act(rng, Action::Cancel { inst, component, order });
                }
            }
            _ => {}
        }
    }

    /// Cancel and new order in one. The venue does not say what it did to the old order when it
    /// refuses the new one.
    fn modify(&mut self, rng: &mut Rng, order: OrderId, old: OrderId, side: Side, qty: Qty) {
        let recv = Stamp(9);
        let state = self.orders.get(&old).map(|o| o.state);
        let refused = match state {
            Some(VenueOrderState::Open) => rng.chance(100).then_some(RejectReason::WouldCross),
            _ => Some(RejectReason::NothingToModify),
        };
        if let Some(reason) = refused {
            if state == Some(VenueOrderState::Open) && rng.chance(500) {
                self.end(rng, old, CancelReason::ByUs);
            }
            self.answer(rng, Event::CancelReject { order: old, gone: true, recv });
            return self.answer(rng, Event::Reject { order, reason, code: 0, recv });
        }
        self.end(rng, old, CancelReason::ByUs);
        let state = VenueOrderState::Open;
        self.orders
            .insert(order, VenueOrder { side, open: qty.0, filled: 0, resting: true, state });
        self.answer(rng, Event::Ack { order, venue_oid: 1, resting: true, recv });
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

/// Steps in which messages are lost, and all steps.
const FAULTY: usize = 160;
const STEPS: usize = 260;

/// The core, the venue, and what lies between them.
struct Run {
    audit: Auditor,
    venue: Venue,
    rng: Rng,
    mids: [i64; 2],
    exch_ms: u64,
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut rng = Rng::new(0x5eed_0000 + seed);
        let mut cfg = random_config(&mut rng);
        cfg.limits.loss = Notional::from_raw(1_000_000 * SCALE);
        cfg.limits.drawdown = cfg.limits.loss;
        cfg.limits.breaker_rejects = 1_000;
        let mut audit = Auditor::new(seed, cfg);
        let venue = Venue { loss: rng.pick(&[0, 30, 150]), slow: 300, ..Venue::default() };
        go_up(&mut audit);
        Run { audit, venue, rng, mids: [100 * SCALE; 2], exch_ms: 1 }
    }

    fn deliver(&mut self, event: Event) {
        for action in self.audit.apply(event) {
            self.venue.take(&mut self.rng, action);
        }
    }

    fn deliver_queued(&mut self, most: u64) {
        for _ in 0..most {
            let Some(event) = self.venue.queue.pop_front() else { break };
            self.deliver(event);
        }
    }

    fn books(&mut self, permille: u64) {
        for i in 0..self.audit.rules.len() {
            if self.rng.chance(permille) {
                self.mids[i] += self.rng.within(-5, 5) * TICK;
                self.exch_ms += 1;
                let inst = InstId(i as u16);
                for event in book(&mut self.rng, inst, self.mids[i], self.exch_ms) {
                    self.deliver(event);
                }
            }
        }
    }

    fn faulty_step(&mut self) {
        let span = self.rng.below(200);
        self.audit.now = self.audit.now.after(Nanos::from_millis(span));
        self.books(500);
        self.venue.arrive(&mut self.rng);
        if self.rng.chance(300) {
            self.venue.trade(&mut self.rng);
        }
        if self.rng.chance(15) {
            if self.venue.down {
                self.come_back();
            } else {
                self.go_down();
            }
        }
        let some = self.rng.below(4);
        self.deliver_queued(some);
        if self.rng.chance(100) {
            // What was sent a moment ago is cancelled while it is on its way.
            let command = self.rng.pick(&[Command::Stop, Command::Resume]);
            self.deliver(Event::Command { command });
        }
        self.deliver(Event::Decide { drained: 1 });
    }

    /// Nothing is lost any more and nothing trades: the truth stands still.
    fn healing_step(&mut self) {
        (self.venue.loss, self.venue.slow) = (0, 0);
        if self.venue.down {
            self.come_back();
        }
        self.audit.now = self.audit.now.after(Nanos::from_millis(500));
        self.books(1_000);
        self.venue.arrive(&mut self.rng);
        self.deliver_queued(1_000);
        self.deliver(Event::Decide { drained: 1 });
    }

    /// What was on its way is lost, but for the fills, which are told again.
    fn go_down(&mut self) {
        self.venue.down = true;
        let queue = std::mem::take(&mut self.venue.queue);
        self.venue.owed.extend(queue.into_iter().filter(|e| matches!(e, Event::Fill { .. })));
        self.deliver(Event::LinkDown { link: Link::Orders, recv: Stamp(9) });
    }

    fn come_back(&mut self) {
        self.venue.down = false;
        let owed = std::mem::take(&mut self.venue.owed);
        self.venue.queue.extend(owed);
        self.deliver(Event::LinkUp { link: Link::Orders, recv: Stamp(9) });
        self.venue.tell_positions();
    }

    /// The same position, no order there that the core doesn't know, none here that isn't there.
    fn check_end(&self, seed: u64) {
        let Run { audit, venue, .. } = self;
        for i in 0..audit.rules.len() {
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
        }
        assert_eq!(audit.core.counts().adopted, 0, "seed {seed}: the fills were enough");
    }
}

#[test]
fn a_venue_that_loses_messages_is_understood_in_the_end() {
    let (mut fills, mut overtaken) = (0, 0);
    for seed in 0..2_000 {
        let mut run = Run::new(seed);
        for step in 0..STEPS {
            if step < FAULTY {
                run.faulty_step();
            } else {
                run.healing_step();
            }
            check_truth(&run.audit, &run.venue, seed);
        }
        run.deliver_queued(u64::MAX);
        run.check_end(seed);
        run.audit.check_replay();
        fills += run.audit.core.counts().fills;
        overtaken += run.venue.overtaken;
    }
    assert!(fills > 20_000 && overtaken > 500, "{fills} fills, {overtaken} overtaken");
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
