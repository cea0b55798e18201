//! Cold. The paper venue: the real market, mirrored into an exchange of ours that takes the orders.
//!
//! Real: every byte of public data, which the engine reads from the venue itself. Simulated:
//! everything about our account. A second connection of the same channels moves the mirror
//! (`sim/mirror.rs`), and the exchange's server takes the engine's signed orders on loopback, in the
//! language of the venue that is mirrored and with its limits. What that cannot show: our effect on
//! others, the venue's refusals for reasons of margin or load, its real latency (of Hyperliquid the
//! exchange draws from its own; of Lighter it has the standard tier's delays and nothing of the way
//! there), hidden queue position (we stand behind everything that is shown).

use crate::book::{Applied, Book};
use crate::event::{Event, Stamp};
use crate::instrument::{InstId, Instrument, InstrumentSpec, VenueId};
use crate::net::{Endpoint, Limits};
use crate::ops::Failure;
use crate::ops::local::{self, Keys, Local, Serving};
use crate::ops::scenario::Stage;
use crate::pipeline::Step;
use crate::pipeline::clock::Clock;
use crate::pipeline::dial::Dialer;
use crate::pipeline::feed::FeedStep;
use crate::pipeline::metrics::Metrics;
use crate::pipeline::table::Depths;
use crate::sim::exchange::{AccountId, Exchange};
use crate::sim::mirror::{Counts, Seen, Teller, mirror};
use crate::sim::server::ServerHandle;
use crate::units::{Notional, Side};
use crate::venue::build::{self, Options};
use ring::spsc::{self, Consumer, Producer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Of the exchange's latencies.
const SEED: u64 = 1;
const TICK: Duration = Duration::from_millis(1);
/// Between two questions for a book that broke: the venue's answer takes one way there and back.
const ASK_AGAIN_NS: u64 = 1_000_000_000;

/// A running paper venue.
#[derive(Debug)]
pub struct Paper {
    pub server: ServerHandle,
    pub account: AccountId,
    pub keys: Keys,
    pub counts: Arc<Counts>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Paper {
    /// `cash`: what the account begins with.
    pub fn start(
        market_ws: &Endpoint,
        specs: &[InstrumentSpec],
        cash: Notional,
        clock: &Clock,
    ) -> Result<Paper, Failure> {
        let instruments: Vec<Instrument> = specs
            .iter()
            .enumerate()
            .map(|(i, spec)| Instrument::new(InstId(i as u16), *spec))
            .collect::<Result<_, _>>()
            .map_err(|why| Failure::config(why.name()))?;
        let mut exchange = Exchange::new(instruments, local::rules(venue_of(specs), SEED));
        let account = exchange.open_account(cash);
        let (teller, market, counts) = mirror(specs.len());
        let stage = Stage { exchange, account, market: Box::new(market) };
        let Local { server, account, keys } =
            local::start(stage, Serving { port: 0, tick: TICK }, clock)?;
        let stop = Arc::new(AtomicBool::new(false));
        let watcher = Watcher::new(market_ws, specs, teller, clock)?;
        let until = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("paper-feed".into())
            .spawn(move || watcher.run(&until))
            .map_err(Failure::environment)?;
        Ok(Paper { server, account, keys, counts, stop, thread: Some(thread) })
    }

    /// Ends it; the exchange as it was. `None` when a thread of it panicked.
    pub fn stop(mut self) -> Option<Exchange> {
        self.stop.store(true, Ordering::Release);
        let ended = self.thread.take().is_none_or(|thread| thread.join().is_ok());
        self.server.stop().filter(|_| ended)
    }
}

fn venue_of(specs: &[InstrumentSpec]) -> VenueId {
    specs.first().map_or(VenueId::Hyperliquid, |first| first.venue)
}

/// Watches the real market for the mirror.
#[derive(Debug)]
struct Watcher {
    feed: FeedStep,
    events: Consumer<Event>,
    /// Asks the venue for a whole book.
    asks: Producer<InstId>,
    books: Vec<Book>,
    /// When to ask for the books that are not known.
    ask_at: Vec<Option<Stamp>>,
    teller: Teller,
    clock: Clock,
}

impl Watcher {
    fn new(
        to: &Endpoint,
        specs: &[InstrumentSpec],
        teller: Teller,
        clock: &Clock,
    ) -> Result<Watcher, Failure> {
        let venue = venue_of(specs);
        // Whole books, by the documented channels: the mirror is matched against them.
        let codec = build::feed(venue, specs, &Options::default()).map_err(Failure::config)?;

        let depths = Depths::for_instruments(specs.len());
        // The thread dozes between two looks, so there is room for more than a spinning one needs.
        let (to_us, events) = spsc::channel(depths.market * 16);
        let (asks, asked) = spsc::channel(depths.asks);
        let feed = FeedStep::new(
            codec,
            Dialer::new(to.clone(), Limits::default(), clock.clone()),
            to_us,
            asked,
            specs.len(),
            clock.clone(),
            Arc::new(Metrics::default()),
        );
        let books = specs.iter().map(|_| Book::default()).collect();
        let ask_at = vec![None; specs.len()];
        Ok(Watcher { feed, events, asks, books, ask_at, teller, clock: clock.clone() })
    }

    fn run(mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Acquire) {
            let mut work = self.feed.step(self.clock.stamp());
            while let Some(event) = self.events.pop() {
                work += 1;
                if !self.take(event) {
                    // The server has ended.
                    return;
                }
            }
            self.ask();
            if work == 0 {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
    }

    /// A book that broke is not told again by itself where books come as changes.
    fn ask(&mut self) {
        let now = self.clock.stamp();
        for (inst, due) in (0..).map(InstId).zip(&mut self.ask_at) {
            // A full ring holds what asks already.
            if due.is_some_and(|at| at <= now) && self.asks.push(inst).is_ok() {
                *due = Some(Stamp(now.0 + ASK_AGAIN_NS));
            }
        }
    }

    /// `false` when nobody listens any more.
    fn take(&mut self, event: Event) -> bool {
        let now = self.clock.now();
        let tell = |exch_ms, inst, seen| self.teller.tell(now, exch_ms, inst, seen);
        match event {
            Event::Levels { inst, side, start, count, levels } => {
                self.books[usize::from(inst.0)].stage(side, start, &levels, count);
                true
            }
            Event::BookEnd { inst, bids, asks, exch_ms, .. } => {
                let at = usize::from(inst.0);
                let book = &mut self.books[at];
                match book.end(bids, asks, exch_ms, now) {
                    Applied::Changed => {
                        self.ask_at[at] = None;
                        let side = |side| book.levels(side).to_vec();
                        let seen = Seen::Book { bids: side(Side::Buy), asks: side(Side::Sell) };
                        tell(exch_ms, inst, seen)
                    }
                    Applied::Tore(_) => {
                        self.ask_at[at] = Some(self.clock.stamp());
                        tell(exch_ms, inst, Seen::Lost)
                    }
                    _ => true,
                }
            }
            Event::Bbo { inst, bid, ask, exch_ms, .. } => {
                // A side without a price: nothing is known until the next book.
                let whole = bid.px.0 > 0 && ask.px.0 > bid.px.0;
                tell(exch_ms, inst, if whole { Seen::Bbo { bid, ask } } else { Seen::Lost })
            }
            Event::Trade { inst, side, px, qty, exch_ms, .. } => {
                tell(exch_ms, inst, Seen::Trade { side, px, qty })
            }
            Event::Gap { inst, .. } => {
                self.ask_at[usize::from(inst.0)] = Some(self.clock.stamp());
                tell(0, inst, Seen::Lost)
            }
            Event::LinkDown { .. } => {
                // The next connection begins with whole books.
                self.ask_at.fill(None);
                let mut all = 0..self.books.len() as u16;
                all.all(|i| tell(0, InstId(i), Seen::Lost))
            }
            _ => true,
        }
    }
}
