//! Whole sessions over sockets, in a market that runs a hundred times as fast, while something goes
//! wrong. Nothing asserted depends on timing: however it went, the session ends in order, every
//! order was legal, the journal replays to the same state, and the venue agrees with the engine.

use std::path::PathBuf;

use evenkeel::config::Config;
use evenkeel::event::{Command, Link};
use evenkeel::explain::Alarm;
use evenkeel::instrument::{InstId, Symbol};
use evenkeel::ops::demo::venue::{self, Venue, Wiring};
use evenkeel::ops::replay;
use evenkeel::ops::scenario::{self, Scenario};
use evenkeel::pipeline::clock::Clock;
use evenkeel::pipeline::runner::{self, Wait};
use evenkeel::pipeline::table::{Table, Topology, Wish};
use evenkeel::session::Session;
use evenkeel::sim::exchange::{Fault, FaultRule};
use evenkeel::sim::server::{BadFrame, Scope, ServerFault};
use evenkeel::units::Nanos;
use evenkeel::venue::hyperliquid::dead_man::Switch;

/// Market seconds in a real one.
const SPEED: u32 = 100;
/// Longest real wait for the end of a stop, ns.
const PATIENCE: u64 = 20_000_000_000;

/// A running session with its venue.
struct Run {
    name: &'static str,
    session: Session,
    venue: Venue,
    clock: Clock,
    journal: PathBuf,
    ups: [u64; 2],
}

/// What is left after a session.
struct Left {
    core: evenkeel::core::Core,
    ups: [u64; 2],
}

impl Run {
    fn start(name: &'static str) -> Run {
        Run::start_with(name, |_| {})
    }

    fn start_with(name: &'static str, change: fn(&mut Config)) -> Run {
        // A market in which both sides trade often.
        let wild: &Scenario = scenario::find("volatile").expect("a scenario");
        let clock = Clock::start(SPEED);
        let stage = wild.stage(11, clock.now()).expect("a stage");
        let venue = venue::start(stage, 0, &clock).expect("a venue");
        let symbol = Symbol::new(wild.symbol).expect("a symbol");
        let specs = venue.specs(&[symbol], &clock).expect("its rules");
        let wish =
            Wish { topology: Some(Topology::Fused), wait: Some(Wait::BackOff), cpus: Vec::new() };
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let journal = folder.join(format!("session-{name}-{}.journal", std::process::id()));
        let mut config = wild.config(true).expect("its configuration");
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
        Run { name, session, venue, clock, journal, ups: [0; 2] }
    }

    fn watch(&mut self) {
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
    fn play(&mut self, ms: u64) {
        let end = self.clock.stamp().0 + ms * 1_000_000;
        while self.clock.stamp().0 < end {
            self.watch();
            assert!(!self.session.is_broken(), "{}: a thread has ended", self.name);
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    fn fault(&mut self, fault: ServerFault) {
        assert!(self.venue.server.fault(fault), "the server runs");
    }

    fn exchange_fault(&mut self, fault: Fault, permille: u16) {
        let done = self.venue.server.with(move |x| x.add_fault(FaultRule::always(fault, permille)));
        assert!(done.is_some(), "the server runs");
    }

    /// Stops, waits until nothing is open, and checks all that holds however it went.
    fn end(mut self) -> Left {
        self.venue.server.with(|x| x.clear_faults()).expect("the server runs");
        self.fault(ServerFault::Heal);
        while !self.session.command(Command::Stop) {
            std::thread::yield_now();
        }
        // The flag is set with the telemetry, ten times a second.
        self.play(400);
        let end = self.clock.stamp().0 + PATIENCE;
        while !self.session.is_quiet() && self.clock.stamp().0 < end {
            self.play(20);
        }
        let name = self.name;
        assert!(self.session.is_quiet(), "{name}: the stop came to no end");
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

#[test]
fn nothing_goes_wrong() {
    let mut run = Run::start("calm");
    run.play(2000);
    // The venue's dead man's switch needs a volume: it says so, and nothing else happens.
    let switch = run.session.metrics.egress.dead_man.get();
    assert_eq!(switch, Switch::TooLittleVolume as u64);
    let left = run.end();
    assert_eq!(left.ups, [1, 1]);
    // By name, once, and in the journal, which was replayed.
    let alarms = left.core.counts().alarms;
    assert_eq!(alarms[Alarm::DeadManRefused as usize], 1);
    assert_eq!(alarms[Alarm::LeverageRefused as usize], 0);
    assert_eq!(left.core.counts().adopted, 0);
}

/// A leverage above the venue's highest is refused: an alarm of the core, and a reason in its health.
#[test]
fn a_leverage_that_is_refused_is_an_alarm() {
    let mut run = Run::start_with("leverage", |config| config.markets[0].leverage = 100);
    run.play(600);
    let count = |run: &Run| run.session.metrics.egress.leverage_refused.get();
    let end = run.clock.stamp().0 + PATIENCE;
    while count(&run) == 0 && run.clock.stamp().0 < end {
        run.play(20);
    }
    assert_eq!(count(&run), 1);
    let left = run.end();
    assert_eq!(left.core.counts().alarms[Alarm::LeverageRefused as usize], 1);
}

#[test]
fn market_connection_is_dropped() {
    let mut run = Run::start("drop-market");
    for _ in 0..3 {
        run.play(500);
        run.fault(ServerFault::Drop(Scope::Market));
    }
    run.play(800);
    run.end();
}

#[test]
fn private_connection_is_dropped() {
    let mut run = Run::start("drop-private");
    for _ in 0..3 {
        run.play(500);
        run.fault(ServerFault::Drop(Scope::Private));
    }
    run.play(800);
    let left = run.end();
    assert!(left.core.counts().alarms[Alarm::LinkDown as usize] >= 1);
}

#[test]
fn venue_falls_silent_and_heals() {
    let mut run = Run::start("silence");
    for _ in 0..2 {
        run.play(400);
        run.fault(ServerFault::Silence(Scope::All));
        run.play(250);
        run.fault(ServerFault::Heal);
    }
    run.play(800);
    run.end();
}

#[test]
fn malformed_frames() {
    let mut run = Run::start("malformed");
    let frames = [
        BadFrame::NotUtf8,
        BadFrame::ReservedOpcode,
        BadFrame::Masked,
        BadFrame::Oversized,
        BadFrame::BrokenJson,
        BadFrame::Truncated,
    ];
    run.play(300);
    for frame in frames {
        for scope in [Scope::Market, Scope::Private] {
            run.fault(ServerFault::Malformed(scope, frame));
            run.play(150);
        }
    }
    run.play(500);
    run.end();
}

#[test]
fn new_connections_are_refused_for_a_while() {
    let mut run = Run::start("refused");
    run.play(400);
    run.fault(ServerFault::RefuseNew);
    run.fault(ServerFault::Drop(Scope::All));
    run.play(600);
    run.fault(ServerFault::Heal);
    run.play(1000);
    let left = run.end();
    assert!(left.core.counts().alarms[Alarm::LinkDown as usize] >= 1);
}

/// While no WebSocket can be made, what rests is cancelled over REST.
#[test]
fn what_rests_is_cancelled_by_rest() {
    let mut run = Run::start("rest");
    let account = run.venue.account;
    let open = move |x: &mut evenkeel::sim::exchange::Exchange| x.open_orders(account).count();
    let wait = |run: &mut Run, rests: bool| {
        let end = run.clock.stamp().0 + PATIENCE;
        while (run.venue.server.with(open) == Some(0)) == rests && run.clock.stamp().0 < end {
            run.play(10);
        }
    };
    wait(&mut run, true);
    run.fault(ServerFault::RefuseWebSockets);
    run.fault(ServerFault::Drop(Scope::All));
    wait(&mut run, false);
    assert_eq!(run.venue.server.with(open), Some(0), "quotes rest that nobody can move");
    assert!(run.session.metrics.egress.rest_cancels.get() > 0);
    run.fault(ServerFault::Heal);
    run.play(1000);
    let left = run.end();
    assert!(left.core.counts().alarms[Alarm::LinkDown as usize] >= 1);
}

#[test]
fn answers_are_lost() {
    let mut run = Run::start("lost-answers");
    run.play(300);
    run.exchange_fault(Fault::DropResponse, 300);
    run.play(1500);
    run.end();
}

#[test]
fn actions_are_lost() {
    let mut run = Run::start("lost-actions");
    run.play(300);
    run.exchange_fault(Fault::DropAction, 200);
    run.play(1500);
    let left = run.end();
    assert_eq!(left.core.counts().adopted, 0, "an action that never arrived moves nothing");
}

#[test]
fn fills_are_told_twice() {
    let mut run = Run::start("double-fills");
    run.play(200);
    run.exchange_fault(Fault::DuplicateFill, 1000);
    run.play(2000);
    let left = run.end();
    assert_eq!(left.core.counts().adopted, 0, "the second telling was booked");
}
