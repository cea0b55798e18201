//! Cold. A session: everything that a run is made of, started, watched and ended.
//!
//! Start-up is recovery: egress cancels what it finds, positions are read, and only then does the
//! core quote. A thread that panics ends the session: its rings drop, egress cancels everything.

use crate::core::{Core, CoreConfig, InstSnapshot};
use crate::event::{Action, Command, Event, Timed};
use crate::instrument::{InstId, Instrument, InstrumentSpec, SpecError};
use crate::journal::file::Writer;
use crate::journal::{Record, header::Header};
use crate::net::{Endpoint, Limits};
use crate::pipeline::clock::Clock;
use crate::pipeline::dial::Dialer;
use crate::pipeline::egress::{EgressStep, Parts};
use crate::pipeline::feed::FeedStep;
use crate::pipeline::metrics::Metrics;
use crate::pipeline::reconcile::Reconciler;
use crate::pipeline::runner;
use crate::pipeline::sequencer::{Rings, SequencerStep};
use crate::pipeline::table::{Table, ThreadRow};
use crate::risk::Approved;
use crate::venue::eip712::PooledSigner;
use crate::venue::eip712::{Address, PoolFiller};
use crate::venue::hyperliquid::account::Account;
use crate::venue::hyperliquid::feed::FeedCodec;
use crate::venue::hyperliquid::orders::{CodecConfig, OrderCodec};
use crate::venue::hyperliquid::sign::Network;
use crate::venue::hyperliquid::user::UserCodec;
use crate::venue::{MarketFeed, VenueAccount};
use crossbeam::channel::{Receiver, Sender, bounded};
use ring::spsc::{self, Consumer, Producer};
use std::fs::File;
use std::io::BufWriter;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// What a session needs.
#[derive(Debug)]
pub struct Spec {
    /// Where public data comes from; in a paper run another venue than the one that takes orders.
    pub market_ws: Endpoint,
    /// Where orders go.
    pub ws: Endpoint,
    pub rest: Endpoint,
    pub network: Network,
    /// The account that is traded, and who signs for it.
    pub owner: Address,
    pub signer: PooledSigner,
    /// Fills the signer's nonce pool, when it has one.
    pub filler: Option<PoolFiller>,
    /// Tag of this run's client order ids.
    pub run_tag: u64,
    pub specs: Vec<InstrumentSpec>,
    pub core: CoreConfig,
    /// Effective configuration, for the journal's header.
    pub config_text: String,
    pub table: Table,
    pub journal: Option<PathBuf>,
    pub clock: Clock,
}

/// Why a session did not start.
#[derive(Debug)]
pub enum StartError {
    Spec(SpecError),
    /// The journal's file can't be written.
    Journal(PathBuf, std::io::Error),
    /// The machine gives no thread.
    Thread(std::io::Error),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartError::Spec(error) => f.write_str(error.name()),
            StartError::Journal(path, error) => {
                write!(f, "journal {}: {error}: choose journal.path elsewhere", path.display())
            }
            StartError::Thread(error) => write!(f, "no thread: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// The steps of one thread; given back when it ends.
#[derive(Debug, Default)]
struct Steps {
    feed: Option<FeedStep>,
    strategy: Option<SequencerStep>,
    egress: Option<EgressStep>,
}

/// A running session.
#[derive(Debug)]
pub struct Session {
    threads: Vec<JoinHandle<Steps>>,
    journal: Option<JoinHandle<std::io::Result<u64>>>,
    cold: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    quiet: Arc<AtomicBool>,
    pub metrics: Arc<Metrics>,
    ops: Producer<Command>,
    telemetry: Consumer<InstSnapshot>,
    /// What the journal's thread saw, for people: it drops what nobody takes.
    pub tap: Receiver<Record>,
}

/// How a session ended.
#[derive(Debug)]
pub struct Ended {
    /// `None` when the strategy's thread panicked.
    pub core: Option<Core>,
    /// A thread panicked.
    pub panicked: bool,
    pub journal_records: u64,
    pub journal_error: Option<String>,
}

/// Both ends of a ring, before they are handed out.
type Ends<T> = (Producer<T>, Consumer<T>);

/// The rings between the steps.
struct Wires {
    market: Ends<Event>,
    account: Ends<Event>,
    orders: Ends<Timed<Approved<Action>>>,
    asks: Ends<InstId>,
}

impl Session {
    pub fn start(spec: Spec) -> Result<Session, StartError> {
        let metrics = Arc::new(Metrics::default());
        let stop = Arc::new(AtomicBool::new(false));
        let quiet = Arc::new(AtomicBool::new(false));
        let depths = spec.table.depths;
        let ends = Wires {
            market: spsc::channel(depths.market),
            account: spsc::channel(depths.account),
            orders: spsc::channel(depths.orders),
            asks: spsc::channel(depths.asks),
        };
        let (ops, ops_in) = spsc::channel(depths.ops);
        let (telemetry_out, telemetry) = spsc::channel(depths.telemetry);
        let (tap_out, tap) = bounded(1 << 14);
        let (journal_out, journal) = start_journal(&spec, &metrics, tap_out)?;
        let cold = start_pool(spec.filler, &stop)?;

        let markets: Vec<_> =
            spec.specs.iter().enumerate().map(|(i, s)| (InstId(i as u16), s.symbol)).collect();
        let instruments: Vec<Instrument> = spec
            .specs
            .iter()
            .enumerate()
            .map(|(i, s)| Instrument::new(InstId(i as u16), *s))
            .collect::<Result<_, _>>()
            .map_err(StartError::Spec)?;
        let core = Core::new(&spec.core).map_err(StartError::Spec)?;
        let feed = FeedStep::new(
            MarketFeed::Hyperliquid(FeedCodec::new(&markets)),
            Dialer::new(spec.market_ws.clone(), Limits::default(), spec.clock.clone()),
            ends.market.0,
            ends.asks.1,
            markets.len(),
            spec.clock.clone(),
            Arc::clone(&metrics),
        );
        let rings = Rings {
            market: ends.market.1,
            account: ends.account.1,
            ops: ops_in,
            orders: ends.orders.0,
            asks: ends.asks.0,
            journal: journal_out,
            telemetry: telemetry_out,
        };
        let strategy = SequencerStep::new(
            core,
            markets.len(),
            rings,
            spec.clock.clone(),
            Arc::clone(&metrics),
            Arc::clone(&quiet),
        );
        let codec = OrderCodec::new(CodecConfig {
            network: spec.network,
            vault: None,
            run_tag: spec.run_tag,
            assets: markets.iter().zip(&spec.specs).map(|((i, _), s)| (*i, s.asset)).collect(),
            order_ttl_ms: None,
            ioc_priority: None,
            builder: None,
        });
        let user = UserCodec::new(spec.run_tag, &markets);
        let account = Account::new(codec, user, spec.signer, spec.owner);
        let egress = EgressStep::new(Parts {
            venue: VenueAccount::Hyperliquid(account),
            instruments,
            dialer: Dialer::new(spec.ws.clone(), Limits::default(), spec.clock.clone()),
            reconciler: Reconciler::new(&spec.rest, spec.owner, spec.clock.clone()),
            actions: ends.orders.1,
            events: ends.account.0,
            clock: spec.clock.clone(),
            metrics: Arc::clone(&metrics),
        });
        let mut all = Steps { feed: Some(feed), strategy: Some(strategy), egress: Some(egress) };
        let mut threads = Vec::new();
        for (i, row) in spec.table.threads.iter().enumerate() {
            let steps = Steps {
                feed: row.feed.then(|| all.feed.take()).flatten(),
                strategy: row.strategy.then(|| all.strategy.take()).flatten(),
                egress: row.egress.then(|| all.egress.take()).flatten(),
            };
            let thread = start_thread(i, *row, steps, &spec.table, &spec.clock, &metrics, &stop)?;
            threads.push(thread);
        }
        Ok(Session { threads, journal, cold, stop, quiet, metrics, ops, telemetry, tap })
    }

    /// Sends a command to the core. `false`: its ring is full, try again.
    pub fn command(&mut self, command: Command) -> bool {
        self.ops.push(command).is_ok()
    }

    /// The next snapshot for people, if one is there.
    pub fn snapshot(&mut self) -> Option<InstSnapshot> {
        self.telemetry.pop()
    }

    /// Nothing is open at the venue and nothing is left to unwind.
    pub fn is_quiet(&self) -> bool {
        self.quiet.load(Ordering::Acquire)
    }

    /// A thread has ended that should run: it panicked.
    pub fn is_broken(&self) -> bool {
        self.threads.iter().any(|t| t.is_finished())
    }

    /// Ends all threads. The caller has sent `Stop` and waited for quiet before.
    pub fn end(self) -> Ended {
        self.stop.store(true, Ordering::Release);
        let mut ended =
            Ended { core: None, panicked: false, journal_records: 0, journal_error: None };
        // Strategy first where it has a thread of its own would leave egress orphaned, so all are
        // told together and each ends when it is idle.
        for thread in self.threads {
            match thread.join() {
                Ok(steps) => {
                    if let Some(strategy) = steps.strategy {
                        ended.core = Some(strategy.into_core());
                    }
                }
                Err(_) => ended.panicked = true,
            }
        }
        match self.journal.map(JoinHandle::join) {
            None => {}
            Some(Ok(Ok(records))) => ended.journal_records = records,
            Some(Ok(Err(error))) => ended.journal_error = Some(error.to_string()),
            Some(Err(_)) => ended.panicked = true,
        }
        for thread in self.cold {
            ended.panicked |= thread.join().is_err();
        }
        ended
    }
}

fn start_thread(
    index: usize,
    row: ThreadRow,
    mut steps: Steps,
    table: &Table,
    clock: &Clock,
    metrics: &Arc<Metrics>,
    stop: &Arc<AtomicBool>,
) -> Result<JoinHandle<Steps>, StartError> {
    let (wait, clock) = (table.wait, clock.clone());
    let (metrics, stop) = (Arc::clone(metrics), Arc::clone(stop));
    let run = move || {
        if !runner::pin(row.cpu) {
            tracing::warn!(thread = row.name, cpu = row.cpu, "not pinned: the machine refused");
        }
        // A step that panicked is not used again, but egress, which may share its thread, must still
        // cancel what rests at the venue.
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let mut list: Vec<&mut dyn crate::pipeline::Step> = Vec::with_capacity(3);
            if let Some(feed) = &mut steps.feed {
                list.push(feed);
            }
            if let Some(strategy) = &mut steps.strategy {
                list.push(strategy);
            }
            if let Some(egress) = &mut steps.egress {
                list.push(egress);
            }
            runner::run(&mut list, &clock, wait, &metrics.duty[index], &stop);
        }));
        if let Err(panic) = ran {
            tracing::error!(thread = row.name, "panicked: everything is cancelled");
            // Its ends of the rings go, which tells an egress on another thread the same.
            steps.strategy = None;
            if let Some(egress) = &mut steps.egress {
                egress.abandon();
            }
            resume_unwind(panic);
        }
        steps
    };
    std::thread::Builder::new().name(row.name.into()).spawn(run).map_err(StartError::Thread)
}

type JournalThread = JoinHandle<std::io::Result<u64>>;

fn start_journal(
    spec: &Spec,
    metrics: &Arc<Metrics>,
    tap: Sender<Record>,
) -> Result<(Option<Producer<Record>>, Option<JournalThread>), StartError> {
    let Some(path) = &spec.journal else { return Ok((None, None)) };
    let failed = |error| StartError::Journal(path.clone(), error);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let file = File::create(path).map_err(failed)?;
    let header = Header { specs: spec.specs.clone(), config: spec.config_text.clone() };
    let writer = Writer::new(BufWriter::with_capacity(1 << 18, file), &header.to_text());
    let writer = writer.map_err(failed)?;
    let (producer, consumer) = spsc::channel(spec.table.depths.journal);
    let metrics = Arc::clone(metrics);
    let run = move || write_journal(writer, consumer, &tap, &metrics);
    let thread = std::thread::Builder::new()
        .name("journal".into())
        .spawn(run)
        .map_err(StartError::Thread)?;
    Ok((Some(producer), Some(thread)))
}

/// Drains the journal's ring into the file until the sequencer is gone and the ring is empty.
fn write_journal(
    mut writer: Writer<BufWriter<File>>,
    mut ring: Consumer<Record>,
    tap: &Sender<Record>,
    metrics: &Metrics,
) -> std::io::Result<u64> {
    let mut broken = None;
    loop {
        // Asked before the drain: what was pushed before the end is still in the ring.
        let last = ring.is_abandoned();
        let drained = ring.drain(4096, |record| {
            if broken.is_none()
                && let Err(error) = writer.write(&record)
            {
                // A full disk must not stop trading: the rest is counted as dropped.
                tracing::error!(%error, "the journal is not written any more");
                broken = Some(error);
            }
            if broken.is_some() {
                metrics.journal_dropped.add(1);
            }
            if is_news(&record) {
                let _ = tap.try_send(record);
            }
        });
        metrics.journal_written.set(writer.records());
        if drained == 0 {
            if broken.is_none()
                && let Err(error) = writer.flush()
            {
                broken = Some(error);
            }
            if last {
                return broken.map_or(Ok(writer.records()), Err);
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    }
}

/// Is it something that a person watching would want to see?
fn is_news(record: &Record) -> bool {
    match record {
        Record::Input(input) => matches!(
            input.event,
            Event::Fill { .. }
                | Event::Reject { .. }
                | Event::LinkUp { .. }
                | Event::LinkDown { .. }
                | Event::Reconciled { .. }
                | Event::Gap { .. }
        ),
        Record::Action(_) | Record::Note(_) | Record::Torn { .. } => true,
    }
}

/// Keeps the nonce pool full, off the hot threads.
fn start_pool(
    filler: Option<PoolFiller>,
    stop: &Arc<AtomicBool>,
) -> Result<Vec<JoinHandle<()>>, StartError> {
    let Some(mut filler) = filler else { return Ok(Vec::new()) };
    let stop = Arc::clone(stop);
    let run = move || {
        while !stop.load(Ordering::Acquire) {
            // Without randomness the pool runs dry, and signing falls back and is counted.
            if filler.fill(16) != Ok(16) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    };
    let thread =
        std::thread::Builder::new().name("nonces".into()).spawn(run).map_err(StartError::Thread)?;
    Ok(vec![thread])
}
