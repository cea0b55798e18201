//! Cold. From samples to figures: latencies of one case (a mode on a feed), its stages, its goals.

use crate::market::Feed;
use crate::run::{Hiccups, Mode, Round};
use evenkeel::pipeline::metrics::{Metrics, Stage};
use hdrhistogram::Histogram;

pub type Hdr = Histogram<u64>;

/// The stages that the engine itself measures, in the order in which an event passes them.
pub const STAGES: [Stage; 5] =
    [Stage::Decode, Stage::FeedRing, Stage::Decide, Stage::OrderRing, Stage::Sign];

/// What a case must reach, ns; plaintext.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    pub p50: u64,
    pub p99: u64,
}

/// One row of the table, ns.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quantiles {
    pub p50: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
}

/// A mode on a feed, over all its rounds.
pub struct Case {
    pub name: String,
    pub goal: Option<Goal>,
    /// Read -> first signed frame, of events that caused one.
    pub order: Hdr,
    /// The same from when the event was due.
    pub due: Hdr,
    /// Read -> last signed frame.
    pub last: Hdr,
    /// Read -> decided, of all events.
    pub decision: Hdr,
    pub stages: Vec<(&'static str, Hdr)>,
    /// p50 and p99 of `order` in the round in which the machine took least from the thread.
    pub quiet: Quantiles,
    quiet_loss: f64,
    pub hiccups: Hiccups,
    pub events: u64,
    pub causing: u64,
    pub frames: u64,
    pub places: u64,
    pub cancels: u64,
    /// Frames that no bytes caused: after answers and timers.
    pub uncaused: u64,
}

pub fn hdr() -> Hdr {
    Hdr::new_with_bounds(1, 1 << 40, 3).expect("bounds that hdrhistogram takes")
}

impl Quantiles {
    pub fn of(h: &Hdr) -> Quantiles {
        Quantiles {
            p50: h.value_at_quantile(0.5),
            p99: h.value_at_quantile(0.99),
            p999: h.value_at_quantile(0.999),
            max: h.max(),
        }
    }
}

/// The engine's own histograms now: the difference of two is what lies between.
pub fn stages_of(metrics: &Metrics) -> Vec<(&'static str, Hdr)> {
    STAGES.map(|stage| (stage.name(), metrics.stage(stage).to_hdr())).to_vec()
}

impl Case {
    pub fn new(mode: Mode, feed: Feed, suffix: &str) -> Case {
        let over_rings = if mode == Mode::Fused { 0 } else { 300 };
        let goal = match feed {
            Feed::Book => Goal { p50: 2_400 + over_rings, p99: 5_400 + over_rings },
            Feed::Bbo => Goal { p50: 1_700 + over_rings, p99: 4_400 + over_rings },
        };
        Case {
            name: format!("{} {}{suffix}", mode.name(), feed.name()),
            goal: suffix.is_empty().then_some(goal),
            order: hdr(),
            due: hdr(),
            last: hdr(),
            decision: hdr(),
            stages: STAGES.map(|s| (s.name(), hdr())).to_vec(),
            quiet: Quantiles::default(),
            quiet_loss: f64::INFINITY,
            hiccups: Hiccups::default(),
            events: 0,
            causing: 0,
            frames: 0,
            places: 0,
            cancels: 0,
            uncaused: 0,
        }
    }

    /// Adds a round; `books` says which of its events count.
    pub fn add(&mut self, round: &Round, warm_up: usize, books: bool) {
        let Some(first) = round.ticks.get(warm_up) else { return };
        let mut own = hdr();
        for tick in &round.ticks[warm_up..] {
            if tick.is_book == books {
                self.events += 1;
                if tick.decided > 0 {
                    self.decision.saturating_record(tick.decided - tick.recv);
                }
            }
        }
        let mut samples = round.samples.iter().peekable();
        while let Some(sample) = samples.next() {
            let cause = sample.cause.0;
            if cause == 0 {
                self.uncaused += 1;
                continue;
            }
            let mut last = sample.out.0;
            let mut group = (1, u64::from(sample.places), u64::from(sample.cancels));
            while let Some(next) = samples.next_if(|next| next.cause.0 == cause) {
                last = next.out.0;
                group.0 += 1;
                group.1 += u64::from(next.places);
                group.2 += u64::from(next.cancels);
            }
            // An order whose cause was read in the round before counts in neither.
            let Ok(at) = round.ticks.binary_search_by_key(&cause, |tick| tick.recv) else {
                continue;
            };
            let tick = round.ticks[at];
            if cause < first.recv || tick.is_book != books {
                continue;
            }
            self.causing += 1;
            self.frames += group.0;
            self.places += group.1;
            self.cancels += group.2;
            own.saturating_record(sample.out.0 - cause);
            self.due.saturating_record(sample.out.0 - tick.due);
            self.last.saturating_record(last - cause);
        }
        self.order.add(&own).expect("equal bounds");
        let loss = round.hiccups.lost_ns as f64 / round.hiccups.watched_ns.max(1) as f64;
        if loss < self.quiet_loss {
            self.quiet_loss = loss;
            self.quiet = Quantiles::of(&own);
        }
        self.hiccups.add(&round.hiccups);
    }

    /// Adds what the engine measured between two looks.
    pub fn add_stages(&mut self, before: &[(&'static str, Hdr)], after: &[(&'static str, Hdr)]) {
        for (i, (_, sum)) in self.stages.iter_mut().enumerate() {
            let mut more = after[i].1.clone();
            more.subtract(&before[i].1).expect("counts only grow");
            sum.add(&more).expect("equal bounds");
        }
    }

    /// The rows of the table, in the order of the path.
    pub fn rows(&self) -> Vec<(&'static str, Quantiles)> {
        let mut rows: Vec<_> =
            self.stages.iter().map(|(name, h)| (*name, Quantiles::of(h))).collect();
        if !self.decision.is_empty() {
            rows.push(("tick_to_decision", Quantiles::of(&self.decision)));
        }
        rows.push(("tick_to_order", Quantiles::of(&self.order)));
        rows.push(("  from due", Quantiles::of(&self.due)));
        rows.push(("  all frames", Quantiles::of(&self.last)));
        rows
    }
}
