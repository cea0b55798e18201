//! Hot. The sequencer: merges all rings into one numbered log, stamps time on it, journals it and
//! applies it to the core.
//!
//! The merge is the nondeterminism of the machine: which ring had data first depends on it. So the
//! log is numbered and journaled after the merge, and the batch's end, which decides, is an input.

use super::Step;
use super::clock::Clock;
use super::metrics::{Metrics, Stage};
use crate::core::{Core, InstSnapshot, Outputs};
use crate::event::{Action, Command, Event, Input, Stamp, Timed};
use crate::instrument::InstId;
use crate::journal::Record;
use crate::risk::Approved;
use crate::units::Nanos;
use ring::spsc::{Consumer, Producer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Inputs of one ring in one batch: bounds how long a decision waits for its batch.
const DRAIN_MAX: usize = 256;
/// Real time between two snapshots for people.
const TELEMETRY_NS: u64 = 100_000_000;

/// Records that wait at most, fifteen books: more make room by going to the ring first.
const STAGED: usize = 256;

/// The journal's end. Records wait in a small buffer, which stays in the first-level cache, until
/// a step finds nothing to do: the ring is 2^16 slots of cold memory, and the fifteen events of a
/// book went into it before the order left (5 to 8 % of the time of a decision, two builds taking
/// turns). What happened to our account does not wait: it goes at the end of its step, behind the
/// orders, so that a process that is killed loses public data at most. What waits when the core
/// panics is written on the way out, the input that did it included.
#[derive(Debug)]
struct Journal {
    ring: Option<Producer<Record>>,
    staged: Vec<Record>,
    /// Records that the ring had no room for since the last one it took.
    missing: u64,
    metrics: Arc<Metrics>,
}

impl Journal {
    fn new(ring: Option<Producer<Record>>, metrics: Arc<Metrics>) -> Journal {
        Journal { ring, staged: Vec::with_capacity(STAGED), missing: 0, metrics }
    }

    #[inline]
    fn put(&mut self, record: Record) {
        if self.ring.is_none() {
            return;
        }
        if self.staged.len() == STAGED {
            self.flush();
        }
        self.staged.push(record);
    }

    /// Gives what waits to the journal's thread.
    #[inline(never)]
    fn flush(&mut self) {
        let Some(ring) = &mut self.ring else { return };
        for record in self.staged.drain(..) {
            if self.missing > 0 && ring.push(Record::Torn { missing: self.missing }).is_ok() {
                self.missing = 0;
            }
            if self.missing > 0 || ring.push(record).is_err() {
                self.missing += 1;
                self.metrics.journal_dropped.add(1);
            }
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.flush();
    }
}

/// The ends of the rings that the sequencer holds.
#[derive(Debug)]
pub struct Rings {
    pub market: Consumer<Event>,
    pub account: Consumer<Event>,
    pub ops: Consumer<Command>,
    pub orders: Producer<Timed<Approved<Action>>>,
    pub asks: Producer<InstId>,
    pub journal: Option<Producer<Record>>,
    pub telemetry: Producer<InstSnapshot>,
}

#[derive(Debug)]
pub struct SequencerStep {
    core: Core,
    rings: Rings,
    clock: Clock,
    metrics: Arc<Metrics>,
    out: Outputs,
    journal: Journal,
    next_telemetry: u64,
    /// Last engine time: it never goes back, even if two cores' counters should differ.
    last: Nanos,
    instruments: usize,
    /// Set when nothing is open and nothing is left to unwind.
    quiet: Arc<AtomicBool>,
    jumps: Jumps,
}

/// Looks for clocks that jump, in real time: a process that stood still (a suspended machine), and
/// a wall clock that was set. The venue's clock is compared by the core.
#[derive(Clone, Copy, Debug)]
struct Jumps {
    bound_ns: u64,
    /// When the last step began.
    before: u64,
    drift: Option<i64>,
}

impl Jumps {
    /// The standstill before a step that begins now, if it was one.
    #[inline]
    fn stood_still(&mut self, begun: Stamp) -> Option<i64> {
        let span = begun.0.saturating_sub(self.before);
        let first = self.before == 0;
        self.before = begun.0;
        (span > self.bound_ns && !first).then_some(span as i64)
    }

    /// The wall clock's move since it was last found to be right, if it was a jump.
    fn set(&mut self, drift: i64) -> Option<i64> {
        let known = *self.drift.get_or_insert(drift);
        let by = drift.wrapping_sub(known);
        if by.unsigned_abs() <= self.bound_ns {
            return None;
        }
        self.drift = Some(drift);
        Some(by)
    }
}

impl SequencerStep {
    pub fn new(
        core: Core,
        instruments: usize,
        mut rings: Rings,
        clock: Clock,
        metrics: Arc<Metrics>,
        quiet: Arc<AtomicBool>,
    ) -> SequencerStep {
        SequencerStep {
            core,
            journal: Journal::new(rings.journal.take(), Arc::clone(&metrics)),
            rings,
            clock,
            metrics,
            out: Outputs::for_instruments(instruments),
            next_telemetry: 0,
            last: Nanos::ZERO,
            instruments,
            quiet,
            jumps: Jumps { bound_ns: u64::MAX, before: 0, drift: None },
        }
    }

    /// Clocks that move by more than this against each other have jumped; zero: not compared.
    pub fn watch_clocks(mut self, bound: Nanos) -> SequencerStep {
        self.jumps.bound_ns = if bound == Nanos::ZERO { u64::MAX } else { bound.0 };
        self
    }

    pub fn into_core(self) -> Core {
        self.core
    }

    pub fn core(&self) -> &Core {
        &self.core
    }

    /// One input through the journal and the core.
    #[inline]
    fn apply(&mut self, now: Nanos, event: Event) {
        let input = Input { now, event };
        self.journal.put(Record::Input(input));
        self.core.apply(&input, &mut self.out);
        if !self.out.actions.is_empty() || !self.out.notes.is_empty() {
            self.emit();
        }
    }

    #[inline]
    fn emit(&mut self) {
        if !self.out.actions.is_empty() {
            let decided = self.clock.stamp();
            for i in 0..self.out.actions.len() {
                let (action, cause) = self.out.actions[i];
                match action.get() {
                    // A lost request is made again by the next gap.
                    Action::Resnapshot { inst } => drop(self.rings.asks.push(inst)),
                    _ => {
                        let timed = Timed { action, cause, decided };
                        let sent = self.rings.orders.push(timed);
                        assert!(sent.is_ok(), "the order ring's depth is derived from limits");
                    }
                }
            }
            for i in 0..self.out.actions.len() {
                self.journal.put(Record::Action(self.out.actions[i].0.get()));
            }
        }
        for i in 0..self.out.notes.len() {
            self.journal.put(Record::Note(self.out.notes[i]));
        }
        self.out.clear();
    }

    /// Copies of the state for people, on a countdown.
    #[cold]
    fn telemetry(&mut self, now: Stamp) {
        self.next_telemetry = now.0 + TELEMETRY_NS;
        if self.jumps.bound_ns != u64::MAX
            && let Some(by) = self.jumps.set(self.clock.wall_drift(now))
        {
            self.apply(self.last, Event::ClockJump { by, recv: now });
        }
        self.quiet.store(self.core.is_flat_and_quiet(), Ordering::Release);
        let (counts, refusals) = (self.core.counts(), self.core.refusals());
        self.metrics.core.write(counts, refusals, self.core.standing(), now.0);
        for i in 0..self.instruments {
            let snapshot = self.core.snapshot(InstId(i as u16));
            // A full ring means that nobody looks.
            let _ = self.rings.telemetry.push(snapshot);
        }
    }

    #[inline]
    fn drain_market(&mut self, now: Nanos, begun: Stamp) -> usize {
        let mut count = 0;
        while count < DRAIN_MAX {
            let Some(event) = self.rings.market.pop() else { break };
            if let Event::BookEnd { decode_ns, recv, .. } | Event::Bbo { decode_ns, recv, .. } =
                event
            {
                let waited = begun.0.saturating_sub(recv.0 + u64::from(decode_ns));
                self.metrics.stage(Stage::FeedRing).record(waited);
            }
            self.apply(now, event);
            count += 1;
        }
        count
    }

    #[inline]
    fn drain_account(&mut self, now: Nanos) -> usize {
        let mut count = 0;
        while count < DRAIN_MAX {
            let Some(event) = self.rings.account.pop() else { break };
            self.apply(now, event);
            count += 1;
        }
        while let Some(command) = self.rings.ops.pop() {
            self.apply(now, Event::Command { command });
            count += 1;
        }
        count
    }

    /// The engine is told to end: records that still fit are written, the rings drop.
    pub fn is_orphaned(&self) -> bool {
        self.rings.orders.is_abandoned()
    }
}

impl Step for SequencerStep {
    #[inline]
    fn step(&mut self, _now: Stamp) -> usize {
        let begun = self.clock.stamp();
        let now = self.clock.time(begun).max(self.last);
        self.last = now;
        if let Some(by) = self.jumps.stood_still(begun) {
            self.apply(now, Event::ClockJump { by, recv: begun });
        }
        // What happened to our account first: it decides how much more may be asked for.
        let account = self.drain_account(now);
        let mut drained = account + self.drain_market(now, begun);
        if self.core.wants_decision(now) {
            self.apply(now, Event::Decide { drained: drained as u32 });
            if drained > 0 {
                let took = self.clock.stamp().0 - begun.0;
                self.metrics.stage(Stage::Decide).record(took);
            }
            drained += 1;
        }
        if begun.0 >= self.next_telemetry {
            self.telemetry(begun);
        }
        if (drained == 0 || account > 0) && !self.journal.staged.is_empty() {
            // Nothing waits: the orders of the steps before are gone. Or something is known of our
            // account that must outlive this process.
            self.journal.flush();
        }
        drained
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_jumps_is_noticed_once() {
        let mut jumps = Jumps { bound_ns: 1_000, before: 0, drift: None };
        assert_eq!(jumps.stood_still(Stamp(50_000)), None, "nothing was before the first step");
        assert_eq!(jumps.stood_still(Stamp(51_000)), None);
        assert_eq!(jumps.stood_still(Stamp(52_001)), Some(1_001));
        assert_eq!(jumps.stood_still(Stamp(52_002)), None);

        assert_eq!(jumps.set(7), None, "where it stands at the start is right");
        assert_eq!(jumps.set(1_007), None);
        assert_eq!(jumps.set(1_008), Some(1_001));
        assert_eq!(jumps.set(1_008), None, "said once");
        assert_eq!(jumps.set(-500), Some(-1_508), "back again");
    }
}
