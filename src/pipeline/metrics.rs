//! Hot. Counters and latency histograms: one writer each, readable by anyone at any time.
//!
//! A histogram is log-linear, 128 buckets to the octave, so a value is known to 0.8 %. Recording is
//! two relaxed loads and stores on a line that only its thread writes. Reports turn it into an
//! `hdrhistogram::Histogram`, whose quantiles and `.hgrm` form are the field's standard.

use crate::core::{Counts, Standing};
use crate::event::{Component, GapReason, Refused, RejectReason};
use crate::explain::Alarm;
use crate::risk::RefusalCounts;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Buckets to an octave: 2^7.
const SUB_BITS: u32 = 7;
/// Highest value: 2^40 ns is 18 minutes. Above it a value counts in the last bucket.
const TOP_BITS: u32 = 40;
const LINEAR: usize = 1 << (SUB_BITS + 1);
const BUCKETS: usize = LINEAR + ((TOP_BITS - SUB_BITS - 1) as usize) * (1 << SUB_BITS);

/// A counter with one writer: a load and a store, no locked instruction.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed) + n, Relaxed);
    }

    #[inline]
    pub fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    #[inline]
    pub fn raise(&self, n: u64) {
        if n > self.0.load(Relaxed) {
            self.0.store(n, Relaxed);
        }
    }

    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

#[derive(Debug)]
pub struct Histogram {
    buckets: Box<[AtomicU64]>,
    max: Counter,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram {
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            max: Counter::default(),
        }
    }
}

/// The bucket of a value.
#[inline]
fn bucket(value: u64) -> usize {
    if value < LINEAR as u64 {
        return value as usize;
    }
    let octave = 63 - value.leading_zeros();
    if octave >= TOP_BITS {
        return BUCKETS - 1;
    }
    let shift = octave - SUB_BITS;
    let sub = (value >> shift) as usize - (1 << SUB_BITS);
    LINEAR + ((octave - SUB_BITS - 1) as usize) * (1 << SUB_BITS) + sub
}

/// The middle of a bucket.
fn middle(index: usize) -> u64 {
    if index < LINEAR {
        return index as u64;
    }
    let octave = ((index - LINEAR) >> SUB_BITS) as u32 + SUB_BITS + 1;
    let sub = ((index - LINEAR) & ((1 << SUB_BITS) - 1)) as u64 + (1 << SUB_BITS);
    let shift = octave - SUB_BITS;
    (sub << shift) + (1 << shift) / 2
}

impl Histogram {
    #[inline]
    pub fn record(&self, ns: u64) {
        let slot = &self.buckets[bucket(ns)];
        slot.store(slot.load(Relaxed) + 1, Relaxed);
        self.max.raise(ns);
    }

    /// A copy in the field's standard form, 1 ns to 2^40 ns at three digits.
    pub fn to_hdr(&self) -> hdrhistogram::Histogram<u64> {
        let mut hdr = hdrhistogram::Histogram::new_with_bounds(1, 1 << TOP_BITS, 3)
            .expect("the bounds are constants that hdrhistogram takes");
        for (i, slot) in self.buckets.iter().enumerate() {
            let count = slot.load(Relaxed);
            if count > 0 {
                hdr.saturating_record_n(middle(i).max(1), count);
            }
        }
        hdr
    }

    pub fn summary(&self) -> Summary {
        let hdr = self.to_hdr();
        Summary {
            count: hdr.len(),
            p50: hdr.value_at_quantile(0.50),
            p99: hdr.value_at_quantile(0.99),
            p999: hdr.value_at_quantile(0.999),
            max: self.max.get(),
        }
    }
}

/// What a table shows of a histogram, in ns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub count: u64,
    pub p50: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
}

/// The stages between bytes in and bytes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Stage {
    /// Bytes read -> the message's last event decoded.
    Decode = 0,
    /// Decoded -> taken by the sequencer.
    FeedRing = 1,
    /// Taken -> action decided, journaled.
    Decide = 2,
    /// Decided -> taken by egress.
    OrderRing = 3,
    /// Taken -> encoded, hashed and signed.
    Sign = 4,
    /// Signed -> handed to the socket.
    Write = 5,
    /// Bytes read -> signed bytes: what the engine alone takes.
    TickToOrder = 6,
    /// Bytes read -> handed to the socket.
    TickToWire = 7,
}

pub const STAGES: usize = 8;

impl Stage {
    pub const ALL: [Stage; STAGES] = [
        Stage::Decode,
        Stage::FeedRing,
        Stage::Decide,
        Stage::OrderRing,
        Stage::Sign,
        Stage::Write,
        Stage::TickToOrder,
        Stage::TickToWire,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Stage::Decode => "decode",
            Stage::FeedRing => "feed_ring",
            Stage::Decide => "decide",
            Stage::OrderRing => "order_ring",
            Stage::Sign => "sign",
            Stage::Write => "write",
            Stage::TickToOrder => "tick_to_order",
            Stage::TickToWire => "tick_to_wire",
        }
    }
}

/// Where a thread's time goes: how often it found work, its longest cycle, and how often a cycle
/// was longer than its budget.
#[derive(Debug, Default)]
pub struct Duty {
    pub cycles: Counter,
    pub working: Counter,
    pub longest_ns: Counter,
    pub over_budget: Counter,
    /// Time in cycles that did work, and that found none.
    pub working_ns: Counter,
    pub idle_ns: Counter,
}

/// Everything that is measured, by the thread that writes it.
#[derive(Debug, Default)]
pub struct Metrics {
    pub stages: [Histogram; STAGES],
    pub feed: FeedCounts,
    pub egress: EgressCounts,
    pub core: CoreCounts,
    pub journal_dropped: Counter,
    pub journal_written: Counter,
    pub duty: [Duty; 3],
}

impl Metrics {
    #[inline]
    pub fn stage(&self, stage: Stage) -> &Histogram {
        &self.stages[stage as usize]
    }
}

#[derive(Debug, Default)]
pub struct FeedCounts {
    pub frames: Counter,
    pub bytes: Counter,
    pub books: Counter,
    pub bbos: Counter,
    pub trades: Counter,
    pub contexts: Counter,
    pub malformed: Counter,
    pub unknown: Counter,
    /// Messages whose rest was dropped because the ring was full.
    pub dropped: Counter,
    pub reconnects: Counter,
    pub ring_high_water: Counter,
}

#[derive(Debug, Default)]
pub struct EgressCounts {
    pub orders: Counter,
    pub cancels: Counter,
    /// Cancels by the second path, while the socket was down.
    pub rest_cancels: Counter,
    pub queries: Counter,
    pub frames_in: Counter,
    pub answers: Counter,
    pub malformed: Counter,
    pub unsent: Counter,
    pub timeouts: Counter,
    pub reconnects: Counter,
    /// Orders that failed the checks at the last door before the wire. Must stay zero.
    pub illegal: Counter,
    pub pool_empty: Counter,
    /// Messages to the venue that were never answered, and answers to none.
    pub unanswered: Counter,
    /// Lists of fills that could not be read.
    pub unread_fills: Counter,
    /// The venue's dead man's switch: 0 unknown, 1 armed, 2 too little volume, 3 refused.
    pub dead_man: Counter,
    /// Leverages that the venue did not set.
    pub leverage_refused: Counter,
    /// Requests that the address has left, and the fullest limit of the last minute in permille.
    pub requests_left: Counter,
    pub minute_permille: Counter,
}

/// Copies of the core's counters and standing, written a few times a second: every refusal, reject,
/// silence, gap and alarm by its name.
#[derive(Debug, Default)]
pub struct CoreCounts {
    pub decisions: Counter,
    pub orders_sent: Counter,
    pub cancels_sent: Counter,
    pub fast_cancels: Counter,
    pub queries: Counter,
    pub fills: Counter,
    pub hedge_fills: Counter,
    pub unroutable: Counter,
    pub nonsense: Counter,
    pub adopted: Counter,
    pub gaps: [Counter; GapReason::COUNT],
    pub rejects: [Counter; RejectReason::COUNT],
    pub alarms: [Counter; Alarm::ALL.len()],
    pub silences: [Counter; crate::core::SILENCES],
    pub refusals: [[Counter; Refused::COUNT]; Component::ALL.len()],
    /// 1 while no order may leave: killed, stopped, or a loss limit was broken.
    pub halted: Counter,
    /// 1 when the orders link is up and the account is known.
    pub ready: Counter,
    pub breakers_open: Counter,
    /// When this was written, a stamp; zero before the first time.
    pub written: Counter,
}

impl CoreCounts {
    pub fn write(&self, counts: &Counts, refusals: &RefusalCounts, standing: Standing, now: u64) {
        let pairs = [
            (&self.decisions, counts.decisions),
            (&self.orders_sent, counts.orders_sent),
            (&self.cancels_sent, counts.cancels_sent),
            (&self.fast_cancels, counts.fast_cancels),
            (&self.queries, counts.queries),
            (&self.fills, counts.fills),
            (&self.hedge_fills, counts.hedge_fills),
            (&self.unroutable, counts.unroutable),
            (&self.nonsense, counts.nonsense),
            (&self.adopted, counts.adopted),
            (&self.halted, u64::from(standing.halted)),
            (&self.ready, u64::from(standing.ready)),
            (&self.breakers_open, standing.breakers_open),
            (&self.written, now),
        ];
        pairs.into_iter().for_each(|(to, from)| to.set(from));
        let set = |to: &[Counter], from: &[u64]| {
            to.iter().zip(from).for_each(|(to, from)| to.set(*from));
        };
        set(&self.gaps, &counts.gaps);
        set(&self.rejects, &counts.rejects);
        set(&self.alarms, &counts.alarms);
        set(&self.silences, &counts.silences);
        self.refusals.iter().zip(refusals).for_each(|(to, from)| set(to, from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_knows_its_values_to_a_percent() {
        for value in (0..200_000u64).chain((0..39).map(|b| (1 << b) + 12_345)) {
            let got = middle(bucket(value));
            assert!(got.abs_diff(value) * 100 <= value, "{value} -> {got}");
        }
        assert!((0..200_000u64).all(|v| bucket(v) <= bucket(v + 1)));
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_come_out_of_the_standard_form() {
        let h = Histogram::default();
        (1..=1000).for_each(|v| h.record(v * 100));
        let s = h.summary();
        assert_eq!((s.count, s.max), (1000, 100_000));
        assert!(s.p50.abs_diff(50_000) < 500 && s.p99.abs_diff(99_000) < 1000);
    }
}
