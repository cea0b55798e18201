//! Cold. A session: everything that a run is made of, started, watched and ended.
//!
//! Start-up is recovery: egress cancels what it finds, positions are read, and only then does the
//! core quote. A thread that panics ends the session, whichever it is: all threads end, and egress
//! cancels everything that the venue lists.

use crate::core::{Core, CoreConfig, InstSnapshot};
use crate::event::{Action, Command, Event, Timed};
use crate::instrument::{InstId, Instrument, InstrumentSpec, SpecError};
use crate::journal::file::Writer;
use crate::journal::{Record, header::Header};
use crate::net::{Endpoint, Limits};
use crate::pipeline::Step;
use crate::pipeline::chores::{Ask, Chores, Prove};
use crate::pipeline::clock::Clock;
use crate::pipeline::dial::Dialer;
use crate::pipeline::egress::{EgressStep, Parts};
use crate::pipeline::feed::FeedStep;
use crate::pipeline::metrics::Metrics;
use crate::pipeline::reconcile::Reconciler;
use crate::pipeline::rest;
use crate::pipeline::runner::{self, Wait};
use crate::pipeline::sequencer::{Rings, SequencerStep};
use crate::pipeline::table::{Table, ThreadRow};
use crate::proved::at_run_time;
use crate::risk::Approved;
use crate::venue::build::{self, Access, Filler, NotTraded};
use crate::venue::rest::{Pass, Topic, VenueRest};
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
    /// The account that is traded, and who signs for it.
    pub access: Access,
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
    Venue(NotTraded),
    /// The journal's file can't be written.
    Journal(PathBuf, std::io::Error),
    /// The machine gives no thread.
    Thread(std::io::Error),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartError::Spec(error) => f.write_str(error.name()),
            StartError::Venue(error) => write!(f, "{error}"),
            StartError::Journal(path, error) => {
                write!(f, "journal {}: {error}: choose journal.path elsewhere", path.display())
            }
            StartError::Thread(error) => write!(f, "no thread: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// The steps of one thread; given back when it ends.
#[derive(Default)]
struct Steps {
    feed: Option<FeedStep>,
    strategy: Option<SequencerStep>,
    egress: Option<EgressStep>,
    more: Vec<Box<dyn Step + Send>>,
}

/// A step of the caller's on one of the session's threads, behind those that are there: a probe, or
/// a test's fault.
pub struct MoreStep {
    /// The thread's name in the table.
    pub thread: &'static str,
    pub step: Box<dyn Step + Send>,
}

impl std::fmt::Debug for MoreStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MoreStep").field("thread", &self.thread).finish_non_exhaustive()
    }
}

/// What all threads of a session share.
#[derive(Clone, Debug)]
struct Shared {
    clock: Clock,
    wait: Wait,
    metrics: Arc<Metrics>,
    /// End when there is nothing to do.
    stop: Arc<AtomicBool>,
    /// A thread has panicked: egress cancels everything at its end.
    broken: Arc<AtomicBool>,
}

/// A running session.
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

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
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
        Session::start_with(spec, Vec::new())
    }

    /// As [`Session::start`], with steps of the caller's on its threads.
    pub fn start_with(mut spec: Spec, more: Vec<MoreStep>) -> Result<Session, StartError> {
        let metrics = Arc::new(Metrics::default());
        let stop = Arc::new(AtomicBool::new(false));
        let shared = Shared {
            clock: spec.clock.clone(),
            wait: spec.table.wait,
            metrics: Arc::clone(&metrics),
            stop: Arc::clone(&stop),
            broken: Arc::new(AtomicBool::new(false)),
        };
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
        let cold = start_pools(spec.access.fillers(), &stop)?;

        let market_venue = spec.specs.first().map_or(spec.access.venue(), |first| first.venue);
        let codec = build::feed(market_venue, &spec.specs).map_err(StartError::Venue)?;
        let markets = spec.specs.len();
        let core = Core::new(&spec.core).map_err(StartError::Spec)?;
        let feed = FeedStep::new(
            codec,
            Dialer::new(spec.market_ws.clone(), Limits::default(), spec.clock.clone()),
            ends.market.0,
            ends.asks.1,
            markets,
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
            markets,
            rings,
            spec.clock.clone(),
            Arc::clone(&metrics),
            Arc::clone(&quiet),
        )
        .watch_clocks(spec.core.standing.clock_jump);
        let table = spec.table.clone();
        let egress = egress(spec, ends.orders.1, ends.account.0, &metrics)?;
        let all = (Some(feed), Some(strategy), Some(egress));
        let threads = start_threads(all, more, &table, &shared)?;
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

/// The step of our account, with what it has done on cold threads.
fn egress(
    spec: Spec,
    actions: Consumer<Timed<Approved<Action>>>,
    events: Producer<Event>,
    metrics: &Arc<Metrics>,
) -> Result<EgressStep, StartError> {
    let Spec { ws, rest: base, access, run_tag, specs, core, clock, .. } = spec;
    let ids = (0..).map(InstId);
    let instruments = ids.zip(&specs).map(|(i, s)| Instrument::new(i, *s));
    let instruments = instruments.collect::<Result<_, _>>().map_err(StartError::Spec)?;
    let symbols: Vec<_> = specs.iter().map(|s| s.symbol).collect();
    let mut rest = access.owner().rest(&symbols);
    rest.know(&specs);
    Ok(EgressStep::new(Parts {
        venue: access.account(run_tag, &specs),
        instruments,
        dialer: Dialer::new(ws, Limits::default(), clock.clone()),
        reconciler: Reconciler::new(&base, rest.clone(), clock.clone()),
        chores: Chores::new(rules_asker(&base, rest, &clock), prover(&core), specs),
        actions,
        events,
        clock,
        metrics: Arc::clone(metrics),
    }))
}

/// Reads the rules of markets again.
fn rules_asker(base: &Endpoint, rest: VenueRest, clock: &Clock) -> Ask {
    let (base, clock) = (base.clone(), clock.clone());
    Arc::new(move |known| {
        // Rules are public.
        let answers = rest::ask(&base, &rest, Topic::Listings, &Pass::default(), &clock)?;
        rest.listings(&answers, known).map_err(|error| error.to_string())
    })
}

/// Proves the settings of a market anew.
fn prover(core: &CoreConfig) -> Prove {
    let (settings, permille) = (core.instruments.clone(), core.standing.proof_permille);
    Arc::new(move |inst, px, rules| {
        at_run_time(inst, &settings[usize::from(inst.id.0)], permille, px, rules)
    })
}

fn start_threads(
    mut all: (Option<FeedStep>, Option<SequencerStep>, Option<EgressStep>),
    mut more: Vec<MoreStep>,
    table: &Table,
    shared: &Shared,
) -> Result<Vec<JoinHandle<Steps>>, StartError> {
    let mut threads = Vec::new();
    for (i, row) in table.threads.iter().enumerate() {
        let (mine, others) = more.into_iter().partition(|m| m.thread == row.name);
        more = others;
        let mine: Vec<MoreStep> = mine;
        let steps = Steps {
            feed: row.feed.then(|| all.0.take()).flatten(),
            strategy: row.strategy.then(|| all.1.take()).flatten(),
            egress: row.egress.then(|| all.2.take()).flatten(),
            more: mine.into_iter().map(|m| m.step).collect(),
        };
        threads.push(start_thread(i, *row, steps, shared.clone())?);
    }
    Ok(threads)
}

fn start_thread(
    index: usize,
    row: ThreadRow,
    mut steps: Steps,
    shared: Shared,
) -> Result<JoinHandle<Steps>, StartError> {
    let run = move || {
        if !runner::pin(row.cpu) {
            tracing::warn!(thread = row.name, cpu = row.cpu, "not pinned: the machine refused");
        }
        // A step that panicked is not used again, but egress, which may share its thread, must still
        // cancel what rests at the venue.
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let mut list: Vec<&mut dyn Step> = Vec::with_capacity(4);
            if let Some(feed) = &mut steps.feed {
                list.push(feed);
            }
            if let Some(strategy) = &mut steps.strategy {
                list.push(strategy);
            }
            if let Some(egress) = &mut steps.egress {
                list.push(egress);
            }
            for more in &mut steps.more {
                list.push(more.as_mut());
            }
            let Shared { clock, wait, metrics, stop, .. } = &shared;
            runner::run(&mut list, clock, *wait, &metrics.duty[index], stop);
        }));
        if ran.is_err() {
            tracing::error!(thread = row.name, "panicked: everything is cancelled");
            // The other threads end, and the one with egress then cancels as this one does.
            shared.broken.store(true, Ordering::Release);
            shared.stop.store(true, Ordering::Release);
            steps.strategy = None;
        }
        if shared.broken.load(Ordering::Acquire)
            && let Some(egress) = &mut steps.egress
            && !egress.was_abandoned()
        {
            egress.abandon();
        }
        if let Err(panic) = ran {
            resume_unwind(panic);
        }
        if let Some(egress) = &mut steps.egress {
            egress.farewell();
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

/// Keeps the nonce pools full, off the hot threads.
fn start_pools(
    fillers: Vec<Filler>,
    stop: &Arc<AtomicBool>,
) -> Result<Vec<JoinHandle<()>>, StartError> {
    let start = |mut filler: Filler| {
        let stop = Arc::clone(stop);
        let run = move || {
            while !stop.load(Ordering::Acquire) {
                // Without randomness the pool runs dry, and signing falls back and is counted.
                if filler.fill(16) != Ok(16) {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        };
        std::thread::Builder::new().name("nonces".into()).spawn(run).map_err(StartError::Thread)
    };
    fillers.into_iter().map(start).collect()
}
