//! Cold. The whole hot path without sockets: the real steps over the real rings, wired as a session
//! wires them, with a venue that takes every order in place of the one behind the socket.
//!
//! ```text
//!  server frame -> [FeedEnd: FrameReader, FeedStep] -> market ring -> SequencerStep -> order ring
//!    -> [EgressEnd: EgressStep, masked frame] -> answers -> account ring -> SequencerStep
//! ```
//! The strategy is the demo's profile but for four things: one level a side and quotes that are
//! modified, as the default profile has it, so that a moved quote is one order and both sides share a
//! frame; a quote may be moved after 20 ms, which is before the next event, so that events and not
//! timers move it; and the hedger acts on every fill, so that hedges are part of what is measured.

use evenkeel::config::Config;
use evenkeel::core::Core;
use evenkeel::event::{
    Action, CancelReason, Component, Event, Link, OrderId, ProofLine, Stamp, Tif, Timed,
    VenueOrderState,
};
use evenkeel::instrument::{InstId, Instrument, Symbol};
use evenkeel::journal::Record;
use evenkeel::net::frame::{FrameReader, Opcode, write_masked};
use evenkeel::net::mask::MaskKeys;
use evenkeel::net::{Endpoint, Limits};
use evenkeel::pipeline::chores::Chores;
use evenkeel::pipeline::clock::Clock;
use evenkeel::pipeline::dial::Dialer;
use evenkeel::pipeline::egress::{EgressStep, Parts};
use evenkeel::pipeline::feed::FeedStep;
use evenkeel::pipeline::metrics::Metrics;
use evenkeel::pipeline::reconcile::Reconciler;
use evenkeel::pipeline::sequencer::{Rings, SequencerStep};
use evenkeel::pipeline::table::Depths;
use evenkeel::sim::exchange::hyperliquid_perp;
use evenkeel::units::{Price, Qty, Side};
use evenkeel::venue::MarketFeed;
use evenkeel::venue::build::{self, Network};
use evenkeel::venue::eip712::{PoolFiller, Signer};
use evenkeel::venue::hyperliquid::build::Access;
use evenkeel::venue::hyperliquid::feed::FeedCodec;
use evenkeel::venue::hyperliquid::orders::FRAME_MAX;
use evenkeel::venue::rest::VenueRest;
use ring::spsc::{Consumer, Producer, channel};
use std::hint::black_box;
use std::sync::Arc;

const INST: InstId = InstId(0);
const KEY: [u8; 32] = [0x42; 32];
const RUN_TAG: u64 = 0x0123_4567_89ab_cdef;
/// One resting order in so many is filled whole, so that there is inventory to lean on and hedge.
const FILL_EVERY: u64 = 24;
/// The venue's number of an order has twelve digits, which is nine bytes where it is hashed.
const FIRST_OID: u64 = 569_000_000_000;
/// Samples that one round can take; more would allocate while it runs.
const SAMPLES_MAX: usize = 1 << 18;

/// The path in its parts: each can move to a thread of its own.
pub struct Rig {
    pub feed: FeedEnd,
    pub strategy: SequencerStep,
    pub egress: EgressEnd,
    pub journal: Consumer<Record>,
    pub filler: Option<PoolFiller>,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
}

/// The market's socket: bytes lie in the receive buffer, where a read put them.
pub struct FeedEnd {
    reader: FrameReader,
    pub step: FeedStep,
    clock: Clock,
}

/// One frame that left.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When the bytes that caused it were read; zero when none did (an answer, a timer).
    pub cause: Stamp,
    /// When it lay masked in the write buffer.
    pub out: Stamp,
    pub places: u8,
    pub cancels: u8,
}

/// The orders' socket, and the venue behind it.
pub struct EgressEnd {
    egress: EgressStep,
    keys: MaskKeys,
    wire: Box<[u8]>,
    venue: Venue,
    clock: Clock,
    pub samples: Vec<Sample>,
}

/// Takes every order, fills one in [`FILL_EVERY`], cancels what it is told to.
struct Venue {
    account: Producer<Event>,
    /// Answers are given after the last frame of a step, outside of what is measured.
    due: Vec<Event>,
    orders: u64,
    trades: u64,
}

/// The strategy of the path, and the levels of a side that are read for it.
fn configuration(instrument: &Instrument) -> (Core, u8) {
    let demo = (include_str!("../../config/demo.toml"), "config/demo.toml");
    let set = |key: &str, value: &str| (format!("market.SOL.{key}"), value.to_owned());
    let flags = [
        set("maker.regime.aggressive.levels", "1"),
        set("requote.min_rest_ms", "20"),
        set("requote.modifies", "true"),
        set("hedger.trigger", "0.15"),
        set("hedger.target", "0.05"),
    ];
    let config = Config::layered(&[demo], &[], &flags).expect("the demo's profile is tested");
    let core = config.core(&[instrument.spec]).expect("the profile fits the market");
    let asked = std::env::var("BOOK_LEVELS").ok().and_then(|text| text.parse().ok());
    let core = Core::new(&core).expect("the profile is valid");
    (core, asked.unwrap_or(config.markets[0].book_levels as u8))
}

impl Rig {
    /// `pool`: nonces prepared at most; `None` signs every order the RFC 6979 way.
    ///
    /// Books are read as deep as the default profile has it, or as deep as `BOOK_LEVELS` says.
    pub fn new(clock: &Clock, pool: Option<usize>) -> Rig {
        let symbol = Symbol::new("SOL").expect("a symbol");
        let instrument = hyperliquid_perp(INST, symbol, 5, 2).expect("SOL's rules");
        let metrics = Arc::new(Metrics::default());
        let depths = Depths::for_instruments(1);
        let (market_in, market) = channel(depths.market);
        let (account_in, account) = channel(depths.account);
        let (orders, orders_out) = channel(depths.orders);
        let (asks, asks_out) = channel(depths.asks);
        let (journal_in, journal) = channel(depths.journal);
        // Nobody commands and nobody watches: these ends are dropped, as when they have no reader.
        let ops = channel(depths.ops).1;
        let telemetry = channel(depths.telemetry).0;
        let (core, levels) = configuration(&instrument);
        let endpoint = Endpoint::parse("ws://127.0.0.1:1").expect("an address, never dialled");
        let dialer = || Dialer::new(endpoint.clone(), Limits::default(), clock.clone());
        let feed = FeedStep::new(
            MarketFeed::Hyperliquid(FeedCodec::new(&[(INST, symbol)]).with_depths(&[levels])),
            dialer(),
            market_in,
            asks_out,
            1,
            clock.clone(),
            Arc::clone(&metrics),
        );
        let journal_in = Some(journal_in);
        let rings = Rings { market, account, ops, orders, asks, journal: journal_in, telemetry };
        let strategy =
            SequencerStep::new(core, 1, rings, clock.clone(), Arc::clone(&metrics), Arc::default());
        let signer = Signer::new(KEY).expect("a valid key");
        let owner = signer.address();
        let mut access = Access::new(Network::Mainnet, owner, signer, pool);
        let filler = access.filler.take();
        let rest = VenueRest::Hyperliquid(access.rest(&[symbol]));
        let egress = EgressStep::new(Parts {
            venue: build::Access::Hyperliquid(access).account(
                RUN_TAG,
                &[instrument.spec],
                &build::Options::default(),
            ),
            instruments: vec![instrument.clone()],
            dialer: dialer(),
            reconciler: Reconciler::new(&endpoint, rest, clock.clone()),
            chores: Chores::none(vec![instrument.spec]),
            actions: orders_out,
            // The venue below answers in place of a socket; this end would only hear of failures.
            events: channel(depths.account).0,
            clock: clock.clone(),
            metrics: Arc::clone(&metrics),
        });
        let mut rig = Rig {
            feed: FeedEnd { reader: FrameReader::new(1 << 16), step: feed, clock: clock.clone() },
            strategy,
            egress: EgressEnd {
                egress,
                keys: MaskKeys::from_seed([7; 32]),
                wire: vec![0; FRAME_MAX + 64].into_boxed_slice(),
                venue: Venue {
                    account: account_in,
                    due: Vec::with_capacity(256),
                    orders: 0,
                    trades: 0,
                },
                clock: clock.clone(),
                samples: Vec::with_capacity(SAMPLES_MAX),
            },
            journal,
            filler,
            clock: clock.clone(),
            metrics,
        };
        rig.egress.open();
        rig
    }

    /// Fills the nonce pool, which a cold thread does in production.
    pub fn fill_pool(&mut self) {
        if let Some(filler) = &mut self.filler {
            filler.fill(1 << 20).expect("the system has randomness");
        }
    }
}

impl FeedEnd {
    /// One server frame: what a read brings, stamped, cut, checked and decoded into the ring.
    #[inline]
    pub fn take(&mut self, mut bytes: &[u8]) -> Stamp {
        let read = self.reader.fill(&mut bytes).expect("the buffer was emptied before");
        assert!(read > 0 && bytes.is_empty(), "a frame is one read");
        let recv = self.clock.stamp();
        let item = self.reader.next_item().expect("a sound frame").expect("a whole frame");
        self.step.frame(self.reader.payload(item), recv);
        recv
    }
}

impl EgressEnd {
    /// Tells the core that it may quote.
    fn open(&mut self) {
        let recv = self.clock.stamp();
        self.venue.due.push(Event::LinkUp { link: Link::Orders, recv });
        self.venue.due.push(Event::Reconciled { open_orders: 0, recv });
        self.venue.answer();
    }

    /// Everything that waits in the order ring, as masked frames in the write buffer; then the
    /// venue's answers.
    #[inline]
    pub fn step(&mut self) -> usize {
        let EgressEnd { egress, keys, wire, venue, clock, samples } = self;
        drain(egress, venue, clock, samples, |text, _| {
            let len = write_masked(wire, Opcode::Text, text, keys.next_key());
            black_box(&wire[..len.expect("the buffer takes the longest frame")]);
        })
    }

    /// As [`EgressEnd::step`], with the text of each frame given to `send`, and when the bytes that
    /// caused it were read: zero when none did.
    #[inline]
    #[allow(dead_code, reason = "for the bench with sockets")]
    pub fn step_to(&mut self, send: impl FnMut(&[u8], Stamp)) -> usize {
        let EgressEnd { egress, venue, clock, samples, .. } = self;
        drain(egress, venue, clock, samples, send)
    }
}

#[inline]
fn drain(
    egress: &mut EgressStep,
    venue: &mut Venue,
    clock: &Clock,
    samples: &mut Vec<Sample>,
    mut send: impl FnMut(&[u8], Stamp),
) -> usize {
    let sent = egress.drain_to(|text, batch| {
        if !text.is_empty() {
            send(text, batch[0].cause);
        }
        let out = clock.stamp();
        let places = batch.iter().filter(|t| is_order(&t.action)).count();
        let cancels = batch.iter().filter(|t| matches!(t.action, Action::Cancel { .. })).count();
        let (places, cancels) = (places as u8, cancels as u8);
        if samples.len() < SAMPLES_MAX {
            samples.push(Sample { cause: batch[0].cause, out, places, cancels });
        }
        batch.iter().for_each(|timed| venue.take(timed, out));
    });
    if sent > 0 {
        venue.due.iter().for_each(|event| egress.heard(event));
        venue.answer();
    }
    sent
}

/// A modify is an order that takes another one's place.
fn is_order(action: &Action) -> bool {
    matches!(action, Action::Place { .. } | Action::Modify { .. })
}

impl Venue {
    fn take(&mut self, timed: &Timed<Action>, recv: Stamp) {
        match timed.action {
            Action::Place { inst, side, tif, order, px, qty, .. } => {
                self.orders += 1;
                if tif == Tif::Ioc {
                    let (state, filled) = (VenueOrderState::Filled, qty);
                    let venue_oid = FIRST_OID + self.orders;
                    self.due.push(Event::OrderState { order, state, filled, venue_oid, recv });
                    self.fill(inst, side, order, px, qty, true);
                    return;
                }
                self.due.push(Event::Ack {
                    order,
                    venue_oid: FIRST_OID + self.orders,
                    resting: true,
                    recv,
                });
                if self.orders.is_multiple_of(FILL_EVERY) {
                    self.fill(inst, side, order, px, qty, false);
                }
            }
            Action::Modify { inst, side, order, old, px, qty, .. } => {
                self.orders += 1;
                let reason = CancelReason::ByUs;
                self.due.push(Event::Canceled { order: old, reason, recv });
                self.due.push(Event::Ack {
                    order,
                    venue_oid: FIRST_OID + self.orders,
                    resting: true,
                    recv,
                });
                if self.orders.is_multiple_of(FILL_EVERY) {
                    self.fill(inst, side, order, px, qty, false);
                }
            }
            Action::Cancel { order, .. } => {
                self.due.push(Event::Canceled { order, reason: CancelReason::ByUs, recv });
            }
            Action::Query { order, .. } => {
                let (state, venue_oid) = (VenueOrderState::Open, 1);
                let filled = Qty::ZERO;
                self.due.push(Event::OrderState { order, state, filled, venue_oid, recv });
            }
            // What a proof of the whole scale would say: none is measured here.
            Action::Prove { inst, rules, px } => self.due.push(Event::Proved {
                inst,
                holds: true,
                line: ProofLine::Clip,
                component: Component::Maker,
                rules,
                lo: Price(1),
                hi: Price(2 * px.0),
                size: Qty::ZERO,
                px,
                floor: Qty::ZERO,
            }),
            _ => {}
        }
    }

    fn fill(&mut self, inst: InstId, side: Side, order: OrderId, px: Price, qty: Qty, taker: bool) {
        self.trades += 1;
        let (trade_id, exch_ms) = (self.trades, 1_760_000_000_000);
        self.due.push(Event::Fill { inst, side, taker, order, px, qty, fee: 0, trade_id, exch_ms });
    }

    fn answer(&mut self) {
        for event in self.due.drain(..) {
            assert!(self.account.push(event).is_ok(), "the core drains the ring at every step");
        }
    }
}
