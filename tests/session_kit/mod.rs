//! Cold. A session with its venue, over sockets, that ends in order or fails its test.

use std::path::PathBuf;

use evenkeel::config::Config;
use evenkeel::event::{Command, Link};
use evenkeel::explain::Alarm;
use evenkeel::instrument::{InstId, Symbol};
use evenkeel::ops::demo::venue::{self, Venue, Wiring};
use evenkeel::ops::replay;
use evenkeel::ops::scenario::Scenario;
use evenkeel::pipeline::clock::Clock;
use evenkeel::pipeline::runner::{self, Wait};
use evenkeel::pipeline::table::{Table, Topology, Wish};
use evenkeel::session::Session;
use evenkeel::sim::exchange::{Fault, FaultRule};
use evenkeel::sim::server::ServerFault;
use evenkeel::units::Nanos;

/// Market seconds in a real one.
const SPEED: u32 = 100;
/// Longest real wait for anything, ns: of a machine that has a dozen other things to do.
const PATIENCE: u64 = 300_000_000_000;

/// A running session with its venue.
pub struct Run {
    name: &'static str,
    pub session: Session,
    pub venue: Venue,
    pub clock: Clock,
    journal: PathBuf,
    ups: [u64; 2],
}

/// What is left after a session.
pub struct Left {
    pub core: evenkeel::core::Core,
    pub ups: [u64; 2],
}

impl Run {
    pub fn start(name: &'static str, wild: &Scenario, change: fn(&mut Config)) -> Run {
        let clock = Clock::start(SPEED);
        let stage = wild.served(11, clock.now()).expect("a stage");
        let venue = venue::start(stage, 0, &clock).expect("a venue");
        let symbol = Symbol::new(wild.symbol).expect("a symbol");
        let specs = venue.specs(&[symbol], &clock).expect("its rules");
        let wish =
            Wish { topology: Some(Topology::Fused), wait: Some(Wait::BackOff), cpus: Vec::new() };
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let journal = folder.join(format!("session-{name}-{}.journal", std::process::id()));
        let mut config = wild.served_config().expect("its configuration");
        // In fast time 50 ms without the processor would be a stale book, and a busy machine never quote.
        config.markets[0].stale = Nanos::from_secs(120);
        config.guards.standing.clock_jump = Nanos::ZERO;
        change(&mut config);
        let wiring = Wiring {
            config,
            table: Table::build(&wish, runner::cores(), 1).expect("one thread"),
            journal: journal.clone(),
            pooled: true,
        };
        let spec = venue.session(&wiring, specs, &clock).expect("a session's parts");
        let session = Session::start(spec).expect("a session");
        let mut run = Run { name, session, venue, clock, journal, ups: [0; 2] };
        // What goes wrong goes wrong for a session that trades.
        run.until("it never traded", |run| run.has_traded());
        run
    }

    /// Did the venue ever have an order of this account?
    fn has_traded(&self) -> bool {
        let account = self.venue.account;
        let had = self.venue.server.with(move |x| {
            x.open_orders(account).next().is_some() || x.closed_orders(account).next().is_some()
        });
        had.expect("the server runs")
    }

    /// Trades on until it is so.
    pub fn until(&mut self, or_else: &str, so: impl Fn(&Run) -> bool) {
        let end = self.clock.stamp().0 + PATIENCE;
        while !so(self) {
            assert!(self.clock.stamp().0 < end, "{}: {or_else}", self.name);
            self.play(10);
        }
    }

    /// How often the core was told that a link is down.
    pub fn links_down(&self) -> u64 {
        self.session.metrics.core.alarms[Alarm::LinkDown as usize].get()
    }

    pub fn watch(&mut self) {
        use evenkeel::event::Event;
        use evenkeel::journal::Record;
        while self.session.snapshot().is_some() {}
        while let Ok(record) = self.session.tap.try_recv() {
            if let Record::Input(input) = record
                && let Event::LinkUp { link, .. } = input.event
            {
                self.ups[usize::from(link == Link::Orders)] += 1;
            }
        }
    }

    /// Trades on for this many real ms.
    pub fn play(&mut self, ms: u64) {
        let end = self.clock.stamp().0 + ms * 1_000_000;
        while self.clock.stamp().0 < end {
            self.watch();
            assert!(!self.session.is_broken(), "{}: a thread has ended", self.name);
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    pub fn fault(&mut self, fault: ServerFault) {
        assert!(self.venue.server.fault(fault), "the server runs");
    }

    pub fn exchange_fault(&mut self, fault: Fault, permille: u16) {
        let done = self.venue.server.with(move |x| x.add_fault(FaultRule::always(fault, permille)));
        assert!(done.is_some(), "the server runs");
    }

    /// Stops, waits until nothing is open, and checks all that holds however it went.
    pub fn end(mut self) -> Left {
        self.venue.server.with(|x| x.clear_faults()).expect("the server runs");
        self.fault(ServerFault::Heal);
        while !self.session.command(Command::Stop) {
            std::thread::yield_now();
        }
        // The flag is set with the telemetry, ten times a second.
        self.play(400);
        self.until("the stop came to no end", |run| run.session.is_quiet());
        let name = self.name;
        let metrics = std::sync::Arc::clone(&self.session.metrics);
        let ended = self.session.end();
        let exchange = self.venue.server.stop().expect("the venue ended in order");
        assert!(!ended.panicked, "{name}: a thread panicked");
        assert_eq!(ended.journal_error, None, "{name}");
        assert_eq!(metrics.egress.illegal.get(), 0, "{name}: an illegal order");
        assert_eq!(metrics.journal_dropped.get(), 0, "{name}: a hole in the journal");

        let core = ended.core.expect("the strategy's core");
        let hash = core.hash();
        let report = replay::file(&self.journal).expect("a readable journal");
        assert_eq!(report.difference, None, "{name}");
        assert_eq!(report.damage, None, "{name}");
        assert_eq!(report.state_hash, hash, "{name}: replay reached another state");

        let inst = InstId(0);
        let held = exchange.position(self.venue.account, inst).qty;
        assert_eq!(held, core.snapshot(inst).position, "{name}: the venue disagrees");
        assert_eq!(exchange.open_orders(self.venue.account).count(), 0, "{name}: orders rest");
        assert_eq!(exchange.imbalance().0, 0, "{name}: money was made");
        std::fs::remove_file(&self.journal).expect("the journal is ours");
        assert!(core.counts().orders_sent > 0, "{name}: it never traded");
        Left { core, ups: self.ups }
    }
}
