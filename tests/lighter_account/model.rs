//! Cold. A model of the venue's matching engine, and random actions against it: each fill is told to the
//! order that was there when it happened, each order's end is told once, and what is asked about is
//! answered as it was.
//!
//! Answers, orders and trades arrive as three streams, each in its own order, in any order to each
//! other: the venue says nothing about that.

use super::kit::*;
use evenkeel::event::{Action, Event, VenueOrderState};
use evenkeel::units::{Price, Qty, SCALE};
use evenkeel::venue::VenueAccount;
use evenkeel::venue::account::Options;
use evenkeel::venue::rest::{Fate, SendTier, VenueView};
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};

/// An order at the venue.
#[derive(Clone, Debug)]
struct Resting {
    client: u64,
    px: i64,
    whole: i64,
    filled: i64,
    nonce: u64,
    status: &'static str,
    /// Whose it is, in truth, and what has traded of each that it was.
    now: u64,
    traded: BTreeMap<u64, i64>,
}

#[derive(Default)]
struct Venue {
    /// Transactions that were taken: what they ask for, and of which order.
    queue: VecDeque<(Sent, Action)>,
    orders: Vec<Resting>,
    streams: [VecDeque<String>; 3],
    trades: u64,
    queued: u64,
    truth: BTreeMap<u64, u64>,
    never: Vec<u64>,
}

impl Venue {
    fn tell(&mut self, at: usize) {
        let Resting { client, px, whole, filled, nonce, status, .. } = self.orders[at];
        self.streams[1].push_back(update(Told { client, px, whole, filled, status, nonce }));
    }

    /// Executes the next transaction.
    fn execute(&mut self) {
        let Some((sent, action)) = self.queue.pop_front() else { return };
        let n = |name: &str| sent.number(name);
        self.queued += 1;
        let nonce = self.queued;
        let by_index = |v: &Venue| v.orders.iter().position(|o| o.client == n("Index"));
        let rests = |v: &Venue, at: &usize| v.orders[*at].status == "open";
        match action {
            Action::Place { order, .. } => {
                self.orders.push(Resting {
                    client: n("ClientOrderIndex"),
                    px: n("Price") as i64,
                    whole: n("BaseAmount") as i64,
                    filled: 0,
                    nonce,
                    status: "open",
                    now: order.counter(),
                    traded: BTreeMap::new(),
                });
                self.tell(self.orders.len() - 1);
            }
            Action::Modify { order, .. } => {
                let Some(at) = by_index(self).filter(|at| rests(self, at)) else {
                    self.never.push(order.counter());
                    return;
                };
                let o = &mut self.orders[at];
                (o.px, o.nonce, o.now) = (n("Price") as i64, nonce, order.counter());
                o.whole = (n("BaseAmount") as i64).max(o.filled);
                if o.whole == o.filled {
                    o.status = "filled";
                }
                self.tell(at);
            }
            Action::Cancel { .. } => {
                if let Some(at) = by_index(self).filter(|at| rests(self, at)) {
                    self.orders[at].status = "canceled";
                    self.tell(at);
                }
            }
            _ => unreachable!("only orders are sent"),
        }
    }

    /// Somebody trades with one of the orders.
    fn trade(&mut self, pick: usize, size: i64) {
        let open: Vec<usize> =
            (0..self.orders.len()).filter(|at| self.orders[*at].status == "open").collect();
        let Some(&at) = open.get(pick % open.len().max(1)) else { return };
        let o = &mut self.orders[at];
        let size = size.min(o.whole - o.filled);
        o.filled += size;
        *o.traded.entry(o.now).or_default() += size;
        if o.filled == o.whole {
            o.status = "filled";
        }
        self.trades += 1;
        self.truth.insert(self.trades, o.now);
        let frame = trade(self.trades, o.client, o.px, size, false);
        self.streams[2].push_back(frame);
        self.tell(at);
    }

    fn fate(&self, client: u64) -> Fate {
        let state = |status| match status {
            "open" => VenueOrderState::Open,
            "filled" => VenueOrderState::Filled,
            _ => VenueOrderState::Canceled,
        };
        match self.orders.iter().find(|o| o.client == client) {
            None => Fate {
                state: VenueOrderState::NotFound,
                filled: Qty::ZERO,
                venue_oid: 0,
                now: (Price::ZERO, Qty::ZERO),
            },
            Some(o) => Fate {
                state: state(o.status),
                filled: qty(o.filled),
                venue_oid: 1,
                now: (px(o.px), qty(o.whole)),
            },
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Place {
        size: i64,
    },
    /// Of one of the orders that the account believes to rest.
    Move {
        pick: usize,
        size: i64,
    },
    Cancel {
        pick: usize,
    },
    Execute,
    Trade {
        pick: usize,
        size: i64,
    },
    /// The next frame of a stream is heard, or not at all.
    Hear {
        stream: usize,
    },
    Refuse,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (1..900i64).prop_map(|size| Step::Place { size }),
        4 => (any::<usize>(), 1..900i64).prop_map(|(pick, size)| Step::Move { pick, size }),
        1 => any::<usize>().prop_map(|pick| Step::Cancel { pick }),
        6 => Just(Step::Execute),
        4 => (any::<usize>(), 1..300i64).prop_map(|(pick, size)| Step::Trade { pick, size }),
        12 => (0..3usize).prop_map(|stream| Step::Hear { stream }),
        1 => Just(Step::Refuse),
    ];
    proptest::collection::vec(step, 1..120)
}

/// What the core would hold: the orders that rest as far as it was told.
#[derive(Default)]
struct Core {
    live: Vec<u64>,
    ended: BTreeMap<u64, u32>,
    filled: BTreeMap<u64, i64>,
    sent: Vec<u64>,
}

impl Core {
    fn hear(&mut self, venue: &Venue, events: &[Event]) {
        for event in events {
            match *event {
                Event::Ack { order, resting: true, .. } => {
                    let n = order.counter();
                    if !self.live.contains(&n) && !self.ended.contains_key(&n) {
                        self.live.push(n);
                    }
                }
                Event::Fill { order, qty, trade_id, .. } => {
                    assert_eq!(Some(&order.counter()), venue.truth.get(&trade_id), "{event:?}");
                    *self.filled.entry(order.counter()).or_default() += qty.0 * 1000 / SCALE;
                }
                Event::Canceled { order, .. }
                | Event::Reject { order, .. }
                | Event::OrderState { order, .. }
                | Event::Ack { order, resting: false, .. } => {
                    *self.ended.entry(order.counter()).or_default() += 1;
                    self.live.retain(|n| *n != order.counter());
                }
                Event::CancelReject { .. } | Event::OutcomeUnknown { .. } => {}
                ref other => panic!("{other:?}"),
            }
        }
    }
}

struct World {
    account: VenueAccount,
    venue: Venue,
    core: Core,
    /// Frames that the venue has not looked at yet.
    wire: VecDeque<(Sent, Action)>,
    next: u64,
}

impl World {
    fn new() -> World {
        let mut account = account_with("77:4:5", &Options::default());
        view(&mut account, &[(4, 10), (5, 20)]);
        let tier = Some(SendTier { per_minute: 40_000, has_quota: false });
        account.take_view(&VenueView { tier, ..VenueView::default() });
        let (venue, core) = (Venue::default(), Core::default());
        World { account, venue, core, wire: VecDeque::new(), next: 1 }
    }

    fn send(&mut self, action: Action, order: Option<u64>) {
        if let Ok(sent) = send(&mut self.account, &[action], NOW) {
            self.wire.push_back((sent, action));
            self.core.sent.extend(order);
        }
    }

    fn hear(&mut self, stream: usize) {
        if let Some(frame) = self.venue.streams[stream].pop_front() {
            let (_, events) = tell(&mut self.account, &frame);
            self.core.hear(&self.venue, &events);
        }
    }

    fn take(&mut self) {
        if let Some((sent, action)) = self.wire.pop_front() {
            self.venue.streams[0].push_back(taken(&sent));
            self.venue.queue.push_back((sent, action));
        }
    }

    fn step(&mut self, step: &Step) {
        let live = |pick: usize, core: &Core| core.live.get(pick % core.live.len().max(1)).copied();
        // Prices and the like are of one order alone.
        let (n, at) = (self.next, 100_000 + 7 * self.next as i64);
        match *step {
            Step::Place { size } => {
                self.send(place(n, at, size), Some(n));
                self.next += 1;
            }
            Step::Move { pick, size } => {
                let Some(old) = live(pick, &self.core) else { return };
                self.send(modify(old, n, at, size), Some(n));
                self.next += 1;
            }
            Step::Cancel { pick } => {
                let Some(old) = live(pick, &self.core) else { return };
                self.send(cancel(old), None);
            }
            Step::Execute => {
                self.take();
                self.venue.execute();
            }
            Step::Trade { pick, size } => self.venue.trade(pick, size),
            Step::Hear { stream } => self.hear(stream),
            Step::Refuse => {
                // The last frame alone: those behind it would be refused for their nonces.
                if self.wire.len() == 1 && self.venue.queue.is_empty() {
                    let (sent, _) = self.wire.pop_front().expect("one");
                    self.venue.streams[0].push_back(refused(&sent, 21_733));
                }
            }
        }
    }

    /// Everything is executed and heard.
    fn settle(&mut self) {
        while !self.wire.is_empty() || !self.venue.queue.is_empty() {
            self.take();
            self.venue.execute();
        }
        for stream in 0..3 {
            while !self.venue.streams[stream].is_empty() {
                self.hear(stream);
            }
        }
    }

    /// What the venue says of each order is what is told to the core.
    fn check_fates(&mut self) {
        let late = NOW + TTL + 2_000;
        for n in self.core.sent.clone() {
            let held = self.venue.orders.iter().find(|o| o.now == n || o.traded.contains_key(&n));
            let Some(held) = held.cloned() else { continue };
            let fate = self.venue.fate(held.client);
            let told = self.account.judge(id(n), &fate, late).expect("all has expired");
            let traded = held.traded.get(&n).copied().unwrap_or(0);
            if held.now == n {
                assert_eq!((told.state, told.filled), (fate.state, qty(traded)), "#{n} {held:?}");
            } else if self.core.filled.contains_key(&n) && told.state != fate.state {
                assert_eq!((told.state, told.filled), (VenueOrderState::Canceled, qty(traded)));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_fill_is_told_to_a_wrong_order(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        world.settle();
        for o in &world.venue.orders {
            let told = |n: &u64| world.core.filled.get(n).copied().unwrap_or(0);
            for (n, traded) in &o.traded {
                prop_assert_eq!(told(n), *traded, "#{}", n);
            }
            let ends = world.core.ended.get(&o.now).copied().unwrap_or(0);
            prop_assert_eq!(ends, u32::from(o.status != "open"), "#{} is {}", o.now, o.status);
            prop_assert_eq!(world.core.live.contains(&o.now), o.status == "open", "#{}", o.now);
        }
        // What never took effect was refused, and nothing is believed to rest that does not.
        for n in &world.venue.never {
            prop_assert_eq!(world.core.ended.get(n), Some(&1), "#{} never was", n);
        }
        let rest = world.venue.orders.iter().filter(|o| o.status == "open").count();
        prop_assert_eq!(world.core.live.len(), rest);
        world.check_fates();
    }

    #[test]
    fn no_frame_panics(
        steps in steps(),
        damage in proptest::collection::vec((any::<usize>(), any::<u8>(), 0..3usize), 1..40),
    ) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        while !world.wire.is_empty() || !world.venue.queue.is_empty() {
            world.take();
            world.venue.execute();
        }
        for (at, byte, stream) in damage {
            let Some(frame) = world.venue.streams[stream].pop_front() else { continue };
            let mut frame = frame.into_bytes();
            let at = at % frame.len();
            frame[at] = byte;
            let mut events: Vec<Event> = Vec::new();
            // Whatever it says, it is told or refused.
            let result = world.account.decode(0, &frame, RECV, &mut events);
            prop_assert!(result.is_ok() || events.len() < 8);
        }
    }
}
