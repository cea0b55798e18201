//! Cold. The modes: which thread runs which part, and the open loop that drives them.
//!
//! The schedule is fixed before a round begins: event `i` is due at `start + i x interval`, whether
//! or not the path is done with the ones before. A latency is counted twice: from the moment at
//! which the event was due (what a hiccup delays, it delays here too: no coordinated omission),
//! and from the stamp of its read, which is what the path alone takes.

use crate::market::Market;
use crate::rig::{EgressEnd, FeedEnd, Rig, Sample};
use evenkeel::event::Stamp;
use evenkeel::journal::file::Writer;
use evenkeel::pipeline::Step;
use evenkeel::pipeline::clock::Clock;
use evenkeel::pipeline::runner::pin;
use evenkeel::pipeline::sequencer::SequencerStep;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How the parts are laid over threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// All on one thread, over the same rings.
    Fused,
    /// Feed and strategy on one core, egress on another.
    Rings,
    /// Feed, strategy and egress each on a core of its own.
    Pipeline,
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Mode::Fused => "fused",
            Mode::Rings => "rings",
            Mode::Pipeline => "pipeline",
        }
    }
}

/// Events of a round.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    pub interval_ns: u64,
    pub events: usize,
    /// The first events of a round are not counted: caches and books are cold.
    pub warm_up: usize,
}

/// One event of a round.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tick {
    pub due: u64,
    pub recv: u64,
    /// When the strategy was done with it; zero where another thread runs it.
    pub decided: u64,
    pub is_book: bool,
}

/// Interruptions of a thread that does nothing but look at the clock and at empty rings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hiccups {
    /// Gaps above 1 us.
    pub count: u64,
    pub lost_ns: u64,
    pub longest_ns: u64,
    pub watched_ns: u64,
}

impl Hiccups {
    pub fn gap(&mut self, ns: u64) {
        self.watched_ns += ns;
        if ns > 1_000 {
            self.count += 1;
            self.lost_ns += ns;
            self.longest_ns = self.longest_ns.max(ns);
        }
    }

    pub fn add(&mut self, other: &Hiccups) {
        self.count += other.count;
        self.lost_ns += other.lost_ns;
        self.longest_ns = self.longest_ns.max(other.longest_ns);
        self.watched_ns += other.watched_ns;
    }
}

/// What one round gave.
#[derive(Debug, Default)]
pub struct Round {
    pub ticks: Vec<Tick>,
    pub samples: Vec<Sample>,
    pub hiccups: Hiccups,
}

/// The parts, on their way between rounds.
pub struct Stage {
    pub rig: Rig,
    journal: Option<(Arc<AtomicBool>, JoinHandle<u64>)>,
}

impl Stage {
    /// Starts the journal's thread, as a session has it: it encodes every record, into nothing.
    pub fn new(mut rig: Rig) -> Stage {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let mut ring = std::mem::replace(&mut rig.journal, ring::spsc::channel(1).1);
        let drain = move || {
            let mut writer = Writer::new(std::io::sink(), "{}").expect("a sink takes all");
            while !seen.load(Ordering::Acquire) {
                let taken = ring.drain(4096, |record| {
                    writer.write(&record).expect("a sink takes all");
                });
                if taken == 0 {
                    std::thread::sleep(Duration::from_micros(500));
                }
            }
            writer.records()
        };
        Stage { rig, journal: Some((stop, std::thread::spawn(drain))) }
    }

    /// Runs one round and gives the parts back.
    pub fn round(
        mut self,
        mode: Mode,
        market: &mut Market,
        schedule: Schedule,
        cpus: &[usize],
    ) -> (Stage, Round) {
        self.rig.fill_pool();
        self.rig.egress.samples.clear();
        let round = match mode {
            Mode::Fused => {
                pin(cpus.first().copied());
                fused(&mut self.rig, market, schedule)
            }
            Mode::Rings => {
                let (rig, round) = rings(self.rig, market, schedule, cpus);
                self.rig = rig;
                round
            }
            Mode::Pipeline => {
                let (rig, round) = pipeline(self.rig, market, schedule, cpus);
                self.rig = rig;
                round
            }
        };
        (self, round)
    }

    /// Ends the journal's thread: records written.
    pub fn end(mut self) -> (Rig, u64) {
        let (stop, thread) = self.journal.take().expect("ended once");
        stop.store(true, Ordering::Release);
        (self.rig, thread.join().expect("the journal's thread ends"))
    }
}

/// The open loop: gives each event to `take` when it is due; `idle` is what the thread does
/// meanwhile, and says how much it did.
fn drive(
    clock: &Clock,
    schedule: Schedule,
    market: &mut Market,
    mut idle: impl FnMut(Stamp) -> usize,
    mut take: impl FnMut(&[u8]) -> (Stamp, u64),
) -> (Vec<Tick>, Hiccups) {
    let mut ticks = Vec::with_capacity(schedule.events);
    let mut hiccups = Hiccups::default();
    let start = clock.stamp().0 + 50_000;
    for i in 0..schedule.events {
        let due = start + i as u64 * schedule.interval_ns;
        let (frame, is_book) = market.next();
        let mut last = clock.stamp();
        while last.0 < due {
            let worked = idle(last);
            let now = clock.stamp();
            if worked == 0 {
                hiccups.gap(now.0 - last.0);
            }
            last = now;
        }
        let (recv, decided) = take(frame);
        ticks.push(Tick { due, recv: recv.0, decided, is_book });
    }
    (ticks, hiccups)
}

fn fused(rig: &mut Rig, market: &mut Market, schedule: Schedule) -> Round {
    let Rig { feed, strategy, egress, clock, .. } = rig;
    // Idle and busy turns both step the strategy and egress, as the runner's loop does.
    let parts = std::cell::RefCell::new((strategy, egress));
    let (ticks, hiccups) = drive(
        clock,
        schedule,
        market,
        |now| {
            let (strategy, egress) = &mut *parts.borrow_mut();
            strategy.step(now) + egress.step()
        },
        |frame| {
            let (strategy, egress) = &mut *parts.borrow_mut();
            let recv = feed.take(frame);
            strategy.step(recv);
            let decided = clock.stamp().0;
            egress.step();
            (recv, decided)
        },
    );
    let (_, egress) = parts.into_inner();
    Round { ticks, samples: std::mem::take(&mut egress.samples), hiccups }.kept(egress)
}

impl Round {
    /// Gives the egress end a buffer for the next round.
    fn kept(self, egress: &mut EgressEnd) -> Round {
        egress.samples = Vec::with_capacity(self.samples.capacity());
        self
    }
}

/// Runs `egress` on a thread of its own until told to stop and idle.
fn egress_thread(
    mut egress: EgressEnd,
    cpu: Option<usize>,
    stop: &Arc<AtomicBool>,
) -> JoinHandle<EgressEnd> {
    let stop = Arc::clone(stop);
    std::thread::spawn(move || {
        pin(cpu);
        while egress.step() > 0 || !stop.load(Ordering::Acquire) {
            std::hint::spin_loop();
        }
        egress
    })
}

/// Takes the answers in after a round, so that nothing is open between two.
fn settle(strategy: &mut SequencerStep, clock: &Clock) {
    let until = clock.stamp().0 + 200_000;
    while clock.stamp().0 < until {
        strategy.step(clock.stamp());
    }
}

fn rings(rig: Rig, market: &mut Market, schedule: Schedule, cpus: &[usize]) -> (Rig, Round) {
    let Rig { mut feed, mut strategy, egress, journal, filler, clock, metrics } = rig;
    let stop = Arc::new(AtomicBool::new(false));
    let thread = egress_thread(egress, cpus.get(1).copied(), &stop);
    pin(cpus.first().copied());
    let cell = std::cell::RefCell::new(&mut strategy);
    let (ticks, hiccups) = drive(
        &clock,
        schedule,
        market,
        |now| cell.borrow_mut().step(now),
        |frame| {
            let recv = feed.take(frame);
            cell.borrow_mut().step(recv);
            (recv, clock.stamp().0)
        },
    );
    settle(&mut strategy, &clock);
    stop.store(true, Ordering::Release);
    let mut egress = thread.join().expect("egress ends");
    let samples = std::mem::take(&mut egress.samples);
    let round = Round { ticks, samples, hiccups }.kept(&mut egress);
    (Rig { feed, strategy, egress, journal, filler, clock, metrics }, round)
}

fn pipeline(rig: Rig, market: &mut Market, schedule: Schedule, cpus: &[usize]) -> (Rig, Round) {
    let Rig { mut feed, mut strategy, egress, journal, filler, clock, metrics } = rig;
    let stop = Arc::new(AtomicBool::new(false));
    let thread = egress_thread(egress, cpus.get(2).copied(), &stop);
    let (seen, cpu, time) = (Arc::clone(&stop), cpus.get(1).copied(), clock.clone());
    let decider = std::thread::spawn(move || {
        pin(cpu);
        while strategy.step(time.stamp()) > 0 || !seen.load(Ordering::Acquire) {
            std::hint::spin_loop();
        }
        strategy
    });
    pin(cpus.first().copied());
    let take = |feed: &mut FeedEnd, frame: &[u8]| (feed.take(frame), 0);
    let (ticks, hiccups) = drive(&clock, schedule, market, |_| 0, |frame| take(&mut feed, frame));
    std::thread::sleep(Duration::from_millis(1));
    stop.store(true, Ordering::Release);
    let strategy = decider.join().expect("the strategy ends");
    let mut egress = thread.join().expect("egress ends");
    let samples = std::mem::take(&mut egress.samples);
    let round = Round { ticks, samples, hiccups }.kept(&mut egress);
    (Rig { feed, strategy, egress, journal, filler, clock, metrics }, round)
}

/// A thread that only looks at the clock.
pub fn spin(clock: &Clock, for_ns: u64, cpu: Option<usize>) -> Hiccups {
    pin(cpu);
    let mut hiccups = Hiccups::default();
    let begun = clock.stamp().0;
    let mut last = begun;
    while last - begun < for_ns {
        let now = clock.stamp().0;
        hiccups.gap(now - last);
        last = now;
    }
    hiccups
}
