//! Cold. A thread of a running session panics, whichever it is: nothing is left at the venue, and
//! the session ends as broken. The panic comes from a step of the test's own on that thread.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use evenkeel::event::Stamp;
use evenkeel::instrument::Symbol;
use evenkeel::ops::demo::venue::{self, Venue, Wiring};
use evenkeel::ops::scenario::{self, Scenario};
use evenkeel::pipeline::Step;
use evenkeel::pipeline::clock::Clock;
use evenkeel::pipeline::runner::Wait;
use evenkeel::pipeline::table::{Table, Topology, Wish};
use evenkeel::session::{Ended, MoreStep, Session};
use evenkeel::sim::params::Scenario as Mood;
use evenkeel::sim::server::{Scope, ServerFault};
use evenkeel::units::Nanos;

/// Market seconds in a real one.
const SPEED: u32 = 10;
/// Longest real wait for anything, ns.
const PATIENCE: u64 = 300_000_000_000;

/// Panics when it is told to.
struct Bomb(Arc<AtomicBool>);

impl Step for Bomb {
    fn step(&mut self, _now: Stamp) -> usize {
        assert!(!self.0.load(Ordering::Acquire), "the fault of this test");
        0
    }
}

fn resting(venue: &Venue) -> usize {
    let account = venue.account;
    venue.server.with(move |x| x.open_orders(account).count()).expect("the server runs")
}

/// Trades until orders rest, lets `thread` panic, and returns how the session ended and what rests.
fn panics(name: &str, topology: Topology, thread: &'static str, drop_link: bool) -> (Ended, usize) {
    // A market whose quotes are neither paused nor pulled: they rest once there is a book.
    let plain = scenario::find("stuck-inventory").expect("a scenario");
    let wild = &Scenario { mood: Mood::Calm, ..*plain };
    let mut config = wild.config(true).expect("its configuration");
    // How long a thread stood still on a busy machine decides nothing here. (In fast time 100 ms of
    // that were a stale book and a clock that had jumped, and nothing rested for as long as that went on.)
    config.guards.standing.clock_jump = Nanos::ZERO;
    config.markets[0].stale = Nanos::from_secs(600);
    config.markets[0].answer_timeout = Nanos::from_secs(600);
    let clock = Clock::start(SPEED);
    let stage = wild.stage(11, clock.now()).expect("a stage");
    let venue = venue::start(stage, 0, &clock).expect("a venue");
    let symbol = Symbol::new(wild.symbol).expect("a symbol");
    let specs = venue.specs(&[symbol], &clock).expect("its rules");
    let wish = Wish { topology: Some(topology), wait: Some(Wait::BackOff), cpus: Vec::new() };
    let journal = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("panic-{name}-{}.journal", std::process::id()));
    let wiring = Wiring {
        config,
        // Not pinned: the threads need not have cores of their own.
        table: Table::build(&wish, vec![0, 1, 2], 1).expect("a table"),
        journal: journal.clone(),
        pooled: true,
    };
    let spec = venue.session(&wiring, specs, &clock).expect("a session's parts");
    let lit = Arc::new(AtomicBool::new(false));
    let bomb = MoreStep { thread, step: Box::new(Bomb(Arc::clone(&lit))) };
    let mut session = Session::start_with(spec, vec![bomb]).expect("a session");
    let end = clock.stamp().0 + PATIENCE;
    while resting(&venue) == 0 {
        assert!(clock.stamp().0 < end, "{name}: nothing ever rested");
        while session.snapshot().is_some() {}
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!session.is_broken());
    if drop_link {
        assert!(venue.server.fault(ServerFault::Drop(Scope::Private)), "the server runs");
    }
    lit.store(true, Ordering::Release);
    while !session.is_broken() {
        assert!(clock.stamp().0 < end, "{name}: the session runs on");
        std::thread::sleep(Duration::from_millis(5));
    }
    let ended = session.end();
    let left = resting(&venue);
    venue.server.stop().expect("the venue ended in order");
    std::fs::remove_file(&journal).expect("the journal is ours");
    (ended, left)
}

#[test]
fn the_one_thread_of_a_fused_session() {
    let (ended, left) = panics("fused", Topology::Fused, "engine", false);
    assert!(ended.panicked && ended.core.is_none());
    assert_eq!(left, 0, "orders rest");
}

#[test]
fn the_feed() {
    let (ended, left) = panics("feed", Topology::Pipeline, "feed", false);
    assert!(ended.panicked && ended.core.is_some(), "the strategy ended in order");
    assert_eq!(left, 0, "orders rest");
}

#[test]
fn the_strategy() {
    let (ended, left) = panics("strategy", Topology::Pipeline, "strategy", false);
    assert!(ended.panicked && ended.core.is_none());
    assert_eq!(left, 0, "orders rest");
}

#[test]
fn egress_itself() {
    let (ended, left) = panics("egress", Topology::Pair, "egress", false);
    assert!(ended.panicked);
    assert_eq!(left, 0, "orders rest");
}

#[test]
fn egress_without_its_connection() {
    let (ended, left) = panics("no-link", Topology::Fused, "engine", true);
    assert!(ended.panicked);
    assert_eq!(left, 0, "orders rest");
}
