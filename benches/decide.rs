//! From a book event to quotes: `Core::apply` of a best bid and offer, then of the `Decide`.
//!
//! `cargo bench --bench decide`; with `--smoke` (or `--test`) a short run that checks that it
//! works. Prints one line per case and writes `out/bench/decide.json`. Answers of the venue are
//! applied between the measured pairs. A stamp costs about 9 ns twice a pair and is left in.
//!
//! Cases, with 1, 10 and 100 markets of which one moves at a time:
//! - `keep`: the book changes and the quotes stay;
//! - `requote`: it moves so far that quotes are modified, pulled and placed (1 to 4 actions);
//! - `hedged`: as `keep`, with a hedger and inventory above its trigger, waiting.

use evenkeel::core::{Core, CoreConfig, Outputs};
use evenkeel::event::{Action, CancelReason, Event, Input, LEVELS_PER_EVENT, Level, Link, Stamp};
use evenkeel::instrument::InstId;
use evenkeel::units::{Nanos, Price, Qty, SCALE, Side};
use hdrhistogram::Histogram;
use std::hint::black_box;

#[path = "../tests/common/config.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod config;
#[path = "../tests/common/rng.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod rng;

use rng::Rng;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Case {
    Keep,
    Requote,
    Hedged,
}

impl Case {
    fn name(self) -> &'static str {
        match self {
            Case::Keep => "keep",
            Case::Requote => "requote",
            Case::Hedged => "hedged",
        }
    }
}

fn config(case: Case, markets: usize) -> CoreConfig {
    let instruments = (0..markets).map(|i| {
        let mut inst = config::inst(&format!("M{i}"));
        inst.signals.warm_up = Nanos::from_secs(1);
        inst.requote.min_rest = Nanos::ZERO;
        // As shipped.
        inst.requote.modifies = true;
        inst.stale = Nanos::from_secs(1_000_000);
        let maker = inst.maker.as_mut().expect("a maker");
        maker.quality = evenkeel::strategy::quality::QualityParams::DEFAULT;
        maker.regime.pause = config::bps("100000");
        maker.regime.trend_engage = config::bps("100000");
        if case == Case::Hedged {
            let mut hedger = config::hedger();
            hedger.passive_wait = Nanos::from_secs(1_000_000);
            hedger.deadline = Nanos::from_secs(1_000_000);
            inst.hedger = Some(hedger);
        }
        inst
    });
    let mut cfg = config::core(instruments.collect());
    cfg.limits.actions_per_s = 1_000_000;
    cfg.limits.burst = 1_000_000;
    cfg.limits.loss = config::n("1000000000");
    cfg.limits.drawdown = config::n("1000000000");
    cfg
}

struct Bed {
    core: Core,
    out: Outputs,
    now: Nanos,
    ms: u64,
    mids: Vec<i64>,
}

impl Bed {
    fn new(case: Case, markets: usize) -> Bed {
        let mut bed = Bed {
            core: Core::new(&config(case, markets)).expect("valid"),
            out: Outputs::for_instruments(markets),
            now: Nanos::from_secs(1_000),
            ms: 1,
            mids: vec![100 * SCALE; markets],
        };
        let recv = Stamp(1);
        bed.apply(Event::LinkUp { link: Link::Orders, recv });
        for i in 0..markets {
            let inst = InstId(i as u16);
            if case == Case::Hedged {
                let entry = Price(100 * SCALE);
                bed.apply(Event::Position { inst, qty: config::q("1.6"), entry, recv });
            }
            for side in Side::BOTH {
                let mut levels = [Level::default(); LEVELS_PER_EVENT];
                for (k, l) in levels.iter_mut().enumerate() {
                    let px = 100 * SCALE - side.sign() * (2 + k as i64) * SCALE / 100;
                    *l = Level { px: Price(px), qty: Qty(20 * SCALE) };
                }
                for start in (0..18).step_by(LEVELS_PER_EVENT) {
                    let mut levels = levels;
                    for l in &mut levels {
                        l.px.0 -= side.sign() * i64::from(start) * SCALE / 100;
                    }
                    bed.apply(Event::Levels { inst, side, start, count: 3, levels });
                }
            }
            let counts = 18;
            let end =
                Event::BookEnd { inst, bids: counts, asks: counts, decode_ns: 0, exch_ms: 1, recv };
            bed.apply(end);
        }
        bed.apply(Event::Reconciled { open_orders: 0, recv });
        bed.apply(Event::Decide { drained: 1 });
        bed.answer();
        bed
    }

    fn apply(&mut self, event: Event) {
        self.core.apply(&Input { now: self.now, event }, &mut self.out);
    }

    /// The venue takes everything.
    fn answer(&mut self) {
        let recv = Stamp(1);
        let actions: Vec<Action> = self.out.actions.iter().map(|(a, _)| a.get()).collect();
        self.out.clear();
        for action in actions {
            match action {
                Action::Place { order, .. } => {
                    self.apply(Event::Ack { order, venue_oid: 1, resting: true, recv });
                }
                Action::Modify { order, old, .. } => {
                    let reason = CancelReason::ByUs;
                    self.apply(Event::Canceled { order: old, reason, recv });
                    self.apply(Event::Ack { order, venue_oid: 1, resting: true, recv });
                }
                Action::Cancel { order, .. } => {
                    let reason = CancelReason::ByUs;
                    self.apply(Event::Canceled { order, reason, recv });
                }
                _ => {}
            }
        }
        // The decision that the answers ask for is none of the measured ones.
        self.apply(Event::Decide { drained: 1 });
        self.out.clear();
    }
}

fn measure(case: Case, markets: usize, pairs: u64, clock: &quanta::Clock) -> Histogram<u64> {
    let mut bed = Bed::new(case, markets);
    let mut rng = Rng::new(markets as u64);
    let mut times = Histogram::new_with_bounds(1, 1_000_000, 3).expect("valid bounds");
    let (mut pair, mut actions) = (0, 0u64);
    while pair < pairs {
        bed.now = bed.now.after(Nanos(1_000_000));
        bed.ms += 1;
        let at = rng.below(markets as u64) as usize;
        if case == Case::Requote {
            bed.mids[at] += rng.pick(&[-4, 4]) * SCALE / 100;
            bed.mids[at] = bed.mids[at].clamp(99 * SCALE, 101 * SCALE);
        }
        let recv = Stamp(bed.ms);
        let side = |away: i64, rng: &mut Rng| Level {
            px: Price(bed.mids[at] + away * SCALE / 100),
            qty: Qty(rng.within(10, 30) * SCALE),
        };
        let book = Event::Bbo {
            inst: InstId(at as u16),
            decode_ns: 0,
            bid: side(-2, &mut rng),
            ask: side(2, &mut rng),
            exch_ms: bed.ms,
            recv,
        };
        let book = black_box(Input { now: bed.now, event: book });
        let decide = black_box(Input { now: bed.now, event: Event::Decide { drained: 1 } });
        let begun = clock.raw();
        bed.core.apply(&book, &mut bed.out);
        bed.core.apply(&decide, &mut bed.out);
        let ended = clock.raw();
        let made = black_box(&bed.out).actions.len() as u64;
        if !bed.out.actions.is_empty() {
            bed.answer();
        } else {
            bed.out.clear();
        }
        // A move that the clamp stopped changes nothing: not what this case is about.
        if case == Case::Requote && made == 0 {
            continue;
        }
        actions += made;
        pair += 1;
        // The first tenth warms caches and predictors up.
        if pair > pairs / 10 {
            times.saturating_record(clock.delta_as_nanos(begun, ended).max(1));
        }
    }
    match case {
        Case::Requote => assert!(actions >= pairs, "every pair requotes: {actions}"),
        _ => assert!(actions * 4 < pairs, "hardly any pair does: {actions}"),
    }
    times
}

fn main() {
    let smoke = std::env::args().any(|a| a == "--smoke" || a == "--test");
    let pairs = if smoke { 5_000 } else { 400_000 };
    let clock = quanta::Clock::new();
    let mut rows = Vec::new();
    for case in [Case::Keep, Case::Requote, Case::Hedged] {
        for markets in [1, 10, 100] {
            let times = measure(case, markets, pairs, &clock);
            let q = |p| times.value_at_quantile(p);
            let (p50, p99, p999) = (q(0.5), q(0.99), q(0.999));
            println!(
                "{:8} {markets:>3} markets  p50 {p50:>5} ns  p99 {p99:>5} ns  p99.9 {p999:>6} ns",
                case.name()
            );
            rows.push(format!(
                "  {{\"case\": \"{}\", \"markets\": {markets}, \"pairs\": {}, \"p50_ns\": {p50}, \
                 \"p99_ns\": {p99}, \"p999_ns\": {p999}}}",
                case.name(),
                times.len()
            ));
        }
    }
    std::fs::create_dir_all("out/bench").expect("a directory for results");
    let text = format!("[\n{}\n]\n", rows.join(",\n"));
    std::fs::write("out/bench/decide.json", text).expect("a file for results");
}
