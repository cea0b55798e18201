//! Cold. The paper venue: the real market, mirrored into an exchange of ours that takes the orders.
//!
//! Real: every byte of public data, which the engine reads from the venue itself. Simulated:
//! everything about our account. A second connection of the same channels moves the mirror
//! (`sim/mirror.rs`), and the exchange's server takes the engine's signed orders on loopback. What
//! that cannot show: our effect on others, the venue's refusals for reasons of margin or load, its
//! real latency (the exchange draws from its own), hidden queue position (we stand behind
//! everything that is shown).

use crate::book::{Applied, Book};
use crate::event::Event;
use crate::instrument::{InstId, Instrument, InstrumentSpec, VenueId};
use crate::net::{Endpoint, Limits};
use crate::ops::Failure;
use crate::pipeline::Step;
use crate::pipeline::clock::Clock;
use crate::pipeline::dial::Dialer;
use crate::pipeline::feed::FeedStep;
use crate::pipeline::metrics::Metrics;
use crate::pipeline::table::Depths;
use crate::sim::exchange::{AccountId, Exchange, Rules};
use crate::sim::mirror::{Counts, Seen, Teller, mirror};
use crate::sim::server::{self, AccountSpec, ServerConfig, ServerHandle};
use crate::units::{Notional, Side};
use crate::venue::build;
use crate::venue::eip712::{Address, Signer};
use ring::spsc::{self, Consumer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A running paper venue.
#[derive(Debug)]
pub struct Paper {
    pub server: ServerHandle,
    pub account: AccountId,
    pub owner: Address,
    pub agent_key: [u8; 32],
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
        let mut exchange = Exchange::new(instruments, Rules::default());
        let account = exchange.open_account(cash);
        let (owner, _) = fresh_key()?;
        let (agent, agent_key) = fresh_key()?;
        let config = ServerConfig {
            accounts: vec![AccountSpec {
                address: owner.0,
                account,
                agents: vec![agent.0],
                master: None,
            }],
            ..ServerConfig::local()
        };
        let (teller, market, counts) = mirror(specs.len());
        let time = clock.clone();
        let server =
            server::start(config, exchange, Box::new(market), Box::new(move || time.now()))
                .map_err(Failure::environment)?;
        let stop = Arc::new(AtomicBool::new(false));
        let watcher = Watcher::new(market_ws, specs, teller, clock)?;
        let until = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("paper-feed".into())
            .spawn(move || watcher.run(&until))
            .map_err(Failure::environment)?;
        Ok(Paper { server, account, owner, agent_key, counts, stop, thread: Some(thread) })
    }

    /// Ends it; the exchange as it was. `None` when a thread of it panicked.
    pub fn stop(mut self) -> Option<Exchange> {
        self.stop.store(true, Ordering::Release);
        let ended = self.thread.take().is_none_or(|thread| thread.join().is_ok());
        self.server.stop().filter(|_| ended)
    }
}

/// A key that opens nothing but the paper venue.
fn fresh_key() -> Result<(Address, [u8; 32]), Failure> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)
        .map_err(|error| Failure::environment(format!("no randomness: {error}")))?;
    let signer = Signer::new(key).map_err(|_| Failure::bug("a random key is no key"))?;
    Ok((signer.address(), key))
}

/// Watches the real market for the mirror.
#[derive(Debug)]
struct Watcher {
    feed: FeedStep,
    events: Consumer<Event>,
    books: Vec<Book>,
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
        let venue = specs.first().map_or(VenueId::Hyperliquid, |first| first.venue);
        let codec = build::feed(venue, specs).map_err(Failure::config)?;

        let depths = Depths::for_instruments(specs.len());
        // The thread dozes between two looks, so there is room for more than a spinning one needs.
        let (to_us, events) = spsc::channel(depths.market * 16);
        let (_, asks) = spsc::channel(depths.asks);
        let feed = FeedStep::new(
            codec,
            Dialer::new(to.clone(), Limits::default(), clock.clone()),
            to_us,
            asks,
            specs.len(),
            clock.clone(),
            Arc::new(Metrics::default()),
        );
        let books = specs.iter().map(|_| Book::default()).collect();
        Ok(Watcher { feed, events, books, teller, clock: clock.clone() })
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
            if work == 0 {
                std::thread::sleep(Duration::from_micros(200));
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
                let book = &mut self.books[usize::from(inst.0)];
                match book.end(bids, asks, exch_ms, now) {
                    Applied::Changed => {
                        let side = |side| book.levels(side).to_vec();
                        let seen = Seen::Book { bids: side(Side::Buy), asks: side(Side::Sell) };
                        tell(exch_ms, inst, seen)
                    }
                    Applied::Tore(_) => tell(exch_ms, inst, Seen::Lost),
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
            Event::Gap { inst, .. } => tell(0, inst, Seen::Lost),
            Event::LinkDown { .. } => {
                let mut all = 0..self.books.len() as u16;
                all.all(|i| tell(0, InstId(i), Seen::Lost))
            }
            _ => true,
        }
    }
}
