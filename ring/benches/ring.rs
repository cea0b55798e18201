//! The ring beside its peers and beside the floor, in one binary and in interleaved rounds.
//!
//! `cargo bench -p evenkeel-ring` measures (about half a minute) and writes `out/bench/ring.json`. `-- --smoke`, or a run
//! under `cargo test --benches`, only checks within a second or two that all of it still works; its figures mean nothing.
//!
//! * **floor**: two threads bounce a number, each writes one cache line that the other reads. No queue that lives in memory
//!   answers faster.
//! * **round trip**: the same over two queues of each kind; one message in flight; every trip is recorded.
//! * **one way**: a producer pushes as fast as it can, a consumer pops, one message per call, time per message at the
//!   consumer. All queues hold 1024 messages.
//!
//! Both threads are pinned and spin. In each round every queue has its turn, so that a disturbance of the machine hits all
//! of them; each figure is the median over the rounds, and ratios are taken from those medians.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use core_affinity::CoreId;
use crossbeam::queue::ArrayQueue;
use hdrhistogram::Histogram;

const CAPACITY: usize = 1024;

/// The goals that the table is marked against.
const RTT_OVER_FLOOR_MAX: f64 = 1.10;
const RTRB_OVER_OURS_MIN: f64 = 1.4;
const CROSSBEAM_OVER_OURS_MIN: f64 = 1.7;
const THROUGHPUT_MIN: f64 = 150.0;

/// How much to measure.
struct Plan {
    rounds: usize,
    trips: u64,
    trips_warmup: u64,
    messages: u64,
}

const FULL: Plan = Plan { rounds: 25, trips: 40_000, trips_warmup: 4_000, messages: 2_000_000 };
const SMOKE: Plan = Plan { rounds: 1, trips: 2_000, trips_warmup: 100, messages: 20_000 };

/// Two threads on one core make no progress by spinning, so there, and only there, they yield.
static ONE_CORE: AtomicBool = AtomicBool::new(false);

/// Polls until `ready` gives a value. No PAUSE: it would add up to its own length, 40 cycles and more, to each trip.
#[inline(always)]
fn spin<R>(mut ready: impl FnMut() -> Option<R>) -> R {
    loop {
        if let Some(value) = ready() {
            return value;
        }
        if ONE_CORE.load(Ordering::Relaxed) {
            thread::yield_now();
        }
    }
}

/// A message: a number, and for 56 bytes six more words that have to travel with it.
trait Message: Copy + Send + 'static {
    fn new(number: u64) -> Self;
    fn number(&self) -> u64;
}

impl Message for u64 {
    fn new(number: u64) -> Self {
        number
    }
    fn number(&self) -> u64 {
        *self
    }
}

impl Message for [u64; 7] {
    fn new(number: u64) -> Self {
        [number; 7]
    }
    fn number(&self) -> u64 {
        // All of it is read: a consumer that looks at one word would pay for one line only.
        self.iter().fold(0, |all, word| all | word)
    }
}

trait Queue {
    const NAME: &'static str;
    type Tx<M: Message>: Send;
    type Rx<M: Message>: Send;
    fn channel<M: Message>() -> (Self::Tx<M>, Self::Rx<M>);
    fn push<M: Message>(tx: &mut Self::Tx<M>, message: M) -> bool;
    fn pop<M: Message>(rx: &mut Self::Rx<M>) -> Option<M>;
}

macro_rules! queue {
    ($name:ident, $label:literal, $tx:ty, $rx:ty, $channel:expr, $push:expr, $pop:expr) => {
        struct $name;
        impl Queue for $name {
            const NAME: &'static str = $label;
            type Tx<M: Message> = $tx;
            type Rx<M: Message> = $rx;
            fn channel<M: Message>() -> (Self::Tx<M>, Self::Rx<M>) {
                $channel
            }
            #[inline(always)]
            fn push<M: Message>(tx: &mut Self::Tx<M>, message: M) -> bool {
                $push(tx, message)
            }
            #[inline(always)]
            fn pop<M: Message>(rx: &mut Self::Rx<M>) -> Option<M> {
                $pop(rx)
            }
        }
    };
}

queue!(
    Ours,
    "ring::spsc",
    ring::spsc::Producer<M>,
    ring::spsc::Consumer<M>,
    ring::spsc::channel(CAPACITY),
    |tx: &mut ring::spsc::Producer<M>, message| tx.push(message).is_ok(),
    ring::spsc::Consumer::pop
);
queue!(
    Rtrb,
    "rtrb",
    rtrb::Producer<M>,
    rtrb::Consumer<M>,
    rtrb::RingBuffer::new(CAPACITY),
    |tx: &mut rtrb::Producer<M>, message| tx.push(message).is_ok(),
    |rx: &mut rtrb::Consumer<M>| rx.pop().ok()
);
queue!(
    Array,
    "crossbeam ArrayQueue",
    Arc<ArrayQueue<M>>,
    Arc<ArrayQueue<M>>,
    {
        let queue = Arc::new(ArrayQueue::new(CAPACITY));
        (Arc::clone(&queue), queue)
    },
    |tx: &mut Arc<ArrayQueue<M>>, message| tx.push(message).is_ok(),
    |rx: &mut Arc<ArrayQueue<M>>| rx.pop()
);
queue!(
    Channel,
    "crossbeam-channel bounded",
    crossbeam::channel::Sender<M>,
    crossbeam::channel::Receiver<M>,
    crossbeam::channel::bounded(CAPACITY),
    |tx: &mut crossbeam::channel::Sender<M>, message| tx.try_send(message).is_ok(),
    |rx: &mut crossbeam::channel::Receiver<M>| rx.try_recv().ok()
);
queue!(
    Std,
    "std sync_channel",
    mpsc::SyncSender<M>,
    mpsc::Receiver<M>,
    mpsc::sync_channel(CAPACITY),
    |tx: &mut mpsc::SyncSender<M>, message| tx.try_send(message).is_ok(),
    |rx: &mut mpsc::Receiver<M>| rx.try_recv().ok()
);

/// Time stamps that cost less than what is measured: the TSC where there is one (9 ns, against 25 for `Instant`).
struct Clock {
    #[cfg_attr(
        target_arch = "x86_64",
        expect(dead_code, reason = "the clock of the other architectures")
    )]
    origin: Instant,
    ns_per_tick: f64,
    /// The step it usually makes, in ticks. AMD's Zen 4, for one, advances its TSC by 10 ns at a time.
    step: u64,
}

impl Clock {
    fn calibrate() -> Self {
        let origin = Instant::now();
        let mut clock = Self { origin, ns_per_tick: 1.0, step: 1 };
        if cfg!(target_arch = "x86_64") {
            let ticks = clock.ticks();
            thread::sleep(Duration::from_millis(50));
            clock.ns_per_tick = origin.elapsed().as_nanos() as f64 / (clock.ticks() - ticks) as f64;
        }
        let mut steps = [0; 1_001].map(|_: u64| {
            let ticks = clock.ticks();
            spin(|| Some(clock.ticks() - ticks).filter(|&step| step > 0))
        });
        steps.sort_unstable();
        clock.step = steps[steps.len() / 2];
        clock
    }

    #[inline(always)]
    fn ticks(&self) -> u64 {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: every x86-64 has `rdtsc`, and Linux, macOS and Windows let user code run it.
        return unsafe { core::arch::x86_64::_rdtsc() };
        #[cfg(not(target_arch = "x86_64"))]
        return self.origin.elapsed().as_nanos() as u64;
    }

    fn ns(&self, ticks: f64) -> f64 {
        ticks * self.ns_per_tick
    }

    /// The quantile in ns, interpolated between the steps of the clock as for grouped data: a sample of `v` ticks stands for
    /// anything between `v - step/2` and `v + step/2`. Without that a p50 of 124 ns reads as 120.
    fn quantile(&self, histogram: &Histogram<u64>, quantile: f64) -> f64 {
        let value = histogram.value_at_quantile(quantile);
        let step = self.step as f64;
        let middle = (value as f64 / step).round() * step;
        let [low, high] = [middle - step / 2.0, middle + step / 2.0];
        let inside = histogram.count_between(low.max(0.0) as u64, high as u64) as f64;
        let below = histogram.count_between(0, low.max(0.0) as u64) as f64;
        let rank = quantile * histogram.len() as f64;
        self.ns(low + step * ((rank - below) / inside).clamp(0.0, 1.0))
    }
}

struct Bench {
    plan: Plan,
    clock: Clock,
    /// Where the two threads are pinned, if there are two cores.
    cores: Option<[CoreId; 2]>,
}

impl Bench {
    /// Runs `near` on the first core and `far` on the second; returns what `near` returns.
    fn pair<R>(&self, near: impl FnOnce() -> R, far: impl FnOnce() + Send) -> R {
        let start = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                self.cores.map(|[_, second]| core_affinity::set_for_current(second));
                start.wait();
                far();
            });
            start.wait();
            near()
        })
    }

    /// Round trips: `trip(i)` sends `i` and comes back with it. Returns p50 and p99 in ns.
    fn trips(&self, mut trip: impl FnMut(u64)) -> [f64; 2] {
        let mut histogram =
            Histogram::<u64>::new_with_bounds(1, 1 << 40, 3).expect("bounds are valid");
        for i in 0..self.plan.trips_warmup {
            trip(i);
        }
        let mut then = self.clock.ticks();
        for i in 0..self.plan.trips {
            trip(self.plan.trips_warmup + i);
            let now = self.clock.ticks();
            histogram.saturating_record((now - then).max(1));
            then = now;
        }
        [0.50, 0.99].map(|quantile| self.clock.quantile(&histogram, quantile))
    }

    fn floor(&self) -> [f64; 2] {
        #[repr(align(128))]
        struct Line(AtomicU64);
        let [there, back] = &[Line(AtomicU64::new(0)), Line(AtomicU64::new(0))];
        let all = self.plan.trips_warmup + self.plan.trips;
        let wait_for = |line: &Line, number| {
            spin(|| (line.0.load(Ordering::Acquire) == number).then_some(()));
        };
        self.pair(
            || {
                self.trips(|i| {
                    there.0.store(i + 1, Ordering::Release);
                    wait_for(back, i + 1);
                })
            },
            move || {
                for i in 0..all {
                    wait_for(there, i + 1);
                    back.0.store(i + 1, Ordering::Release);
                }
            },
        )
    }

    fn round_trip<Q: Queue, M: Message>(&self) -> [f64; 2] {
        let (mut there_tx, mut there_rx) = Q::channel::<M>();
        let (mut back_tx, mut back_rx) = Q::channel::<M>();
        let all = self.plan.trips_warmup + self.plan.trips;
        self.pair(
            || {
                self.trips(|i| {
                    assert!(Q::push(&mut there_tx, M::new(i)));
                    let message = spin(|| Q::pop(&mut back_rx));
                    assert_eq!(message.number(), i);
                })
            },
            move || {
                for _ in 0..all {
                    let message = spin(|| Q::pop(&mut there_rx));
                    assert!(Q::push(&mut back_tx, M::new(message.number())));
                }
            },
        )
    }

    /// Nanoseconds per message.
    fn one_way<Q: Queue, M: Message>(&self) -> f64 {
        let (mut tx, mut rx) = Q::channel::<M>();
        let messages = self.plan.messages;
        self.pair(
            || {
                black_box(spin(|| Q::pop(&mut rx)));
                let start = self.clock.ticks();
                for i in 1..messages {
                    let message = spin(|| Q::pop(&mut rx));
                    assert_eq!(message.number(), i);
                }
                self.clock.ns((self.clock.ticks() - start) as f64) / (messages - 1) as f64
            },
            move || {
                for i in 0..messages {
                    spin(|| Q::push(&mut tx, M::new(i)).then_some(()));
                }
            },
        )
    }
}

/// The figures of all rounds for one queue and one payload.
#[derive(Default)]
struct Samples {
    rtt_p50: Vec<f64>,
    rtt_p99: Vec<f64>,
    item: Vec<f64>,
}

impl Samples {
    fn take<Q: Queue, M: Message>(&mut self, bench: &Bench) {
        self.trip(bench.round_trip::<Q, M>());
        self.item.push(bench.one_way::<Q, M>());
    }

    fn trip(&mut self, [p50, p99]: [f64; 2]) {
        self.rtt_p50.push(p50);
        self.rtt_p99.push(p99);
    }

    fn row(&self, name: &'static str) -> Row {
        let item_ns = median(&self.item);
        Row {
            name,
            rtt_p50: median(&self.rtt_p50),
            rtt_p99: median(&self.rtt_p99),
            item_ns,
            mops: 1e3 / item_ns,
        }
    }
}

/// Medians over the rounds: nanoseconds, and million messages per second. NaN where there is no such figure.
struct Row {
    name: &'static str,
    rtt_p50: f64,
    rtt_p99: f64,
    item_ns: f64,
    mops: f64,
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// All rounds for one payload. The floor is the first row, ours the second.
fn measure<M: Message>(bench: &Bench) -> Vec<Row> {
    let mut samples: [Samples; 6] = Default::default();
    for _ in 0..bench.plan.rounds {
        let [floor, ours, rtrb, array, channel, std] = &mut samples;
        floor.trip(bench.floor());
        ours.take::<Ours, M>(bench);
        rtrb.take::<Rtrb, M>(bench);
        array.take::<Array, M>(bench);
        channel.take::<Channel, M>(bench);
        std.take::<Std, M>(bench);
    }
    let names =
        ["floor (bare line)", Ours::NAME, Rtrb::NAME, Array::NAME, Channel::NAME, Std::NAME];
    samples.iter().zip(names).map(|(samples, name)| samples.row(name)).collect()
}

/// One goal: what was reached, and whether that is enough.
struct Goal {
    what: &'static str,
    reached: f64,
    goal: f64,
    at_most: bool,
}

impl Goal {
    fn mark(&self) -> &'static str {
        let met = if self.at_most { self.reached <= self.goal } else { self.reached >= self.goal };
        if met { "PASS" } else { "short" }
    }
}

fn goals(rows: &[Row]) -> Vec<Goal> {
    let [floor, ours, rtrb, array, channel, std] = rows else { unreachable!("six rows") };
    let best_peer = [rtrb, array, channel, std].iter().map(|row| row.mops).fold(0.0, f64::max);
    let at_least = |what, reached, goal| Goal { what, reached, goal, at_most: false };
    vec![
        Goal {
            what: "round trip: ours / floor",
            reached: ours.rtt_p50 / floor.rtt_p50,
            goal: RTT_OVER_FLOOR_MAX,
            at_most: true,
        },
        at_least("round trip: rtrb / ours", rtrb.rtt_p50 / ours.rtt_p50, RTRB_OVER_OURS_MIN),
        at_least(
            "round trip: ArrayQueue / ours",
            array.rtt_p50 / ours.rtt_p50,
            CROSSBEAM_OVER_OURS_MIN,
        ),
        at_least(
            "round trip: crossbeam-channel / ours",
            channel.rtt_p50 / ours.rtt_p50,
            CROSSBEAM_OVER_OURS_MIN,
        ),
        at_least("one way: ours, M/s", ours.mops, THROUGHPUT_MIN),
        at_least("one way: ours / best peer", ours.mops / best_peer, 1.0),
    ]
}

fn print_table(payload: usize, rows: &[Row], goals: &[Goal]) {
    let figure = |value: f64, decimals: usize| {
        if value.is_nan() { "-".to_owned() } else { format!("{value:.decimals$}") }
    };
    println!(
        "\n{payload}-byte payload{:>15}{:>9}{:>9}{:>11}{:>9}",
        "RTT p50", "p99", "ns/msg", "M msg/s", "RTT/floor"
    );
    for row in rows {
        println!(
            "{:<26}{:>5} ns{:>6} ns{:>9}{:>11}{:>9}",
            row.name,
            figure(row.rtt_p50, 0),
            figure(row.rtt_p99, 0),
            figure(row.item_ns, 2),
            figure(row.mops, 1),
            figure(row.rtt_p50 / rows[0].rtt_p50, 2),
        );
    }
    for Goal { what, reached, goal, at_most } in goals {
        let sign = if *at_most { "<=" } else { ">=" };
        let goal_mark = Goal { what, reached: *reached, goal: *goal, at_most: *at_most }.mark();
        println!("  {what:<38}{reached:>8.2}   goal {sign} {goal:<6} {goal_mark}");
    }
}

fn json(bench: &Bench, tables: &VecDeque<(usize, Vec<Row>)>) -> String {
    let number = |value: f64| {
        if value.is_nan() { "null".to_owned() } else { format!("{value:.3}") }
    };
    let mut out = String::new();
    let _ = write!(
        out,
        "{{\"bench\":\"ring\",\"capacity\":{CAPACITY},\"rounds\":{},",
        bench.plan.rounds
    );
    let _ = write!(out, "\"pinned\":{},\"payloads\":[", bench.cores.is_some());
    for (i, (payload, rows)) in tables.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        let _ = write!(out, "{comma}{{\"bytes\":{payload},\"rows\":[");
        for (i, row) in rows.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            let _ = write!(
                out,
                "{comma}{{\"name\":\"{}\",\"rtt_p50_ns\":{},\"rtt_p99_ns\":{},\"item_ns\":{},\"mops\":{}}}",
                row.name,
                number(row.rtt_p50),
                number(row.rtt_p99),
                number(row.item_ns),
                number(row.mops),
            );
        }
        out.push_str("],\"goals\":[");
        for (i, goal) in goals(rows).iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            let _ = write!(
                out,
                "{comma}{{\"what\":\"{}\",\"reached\":{},\"goal\":{},\"mark\":\"{}\"}}",
                goal.what,
                number(goal.reached),
                number(goal.goal),
                goal.mark(),
            );
        }
        out.push_str("]}");
    }
    out.push_str("]}\n");
    out
}

fn main() {
    // Cargo says `--bench` for `cargo bench` and nothing for `cargo test --benches`.
    let args: Vec<String> = std::env::args().collect();
    let has = |wanted: &str| args.iter().any(|arg| arg == wanted);
    let smoke = has("--smoke") || has("--test") || !has("--bench");

    let cores = match core_affinity::get_core_ids().unwrap_or_default()[..] {
        [first, .., last] => Some([first, last]),
        _ => None,
    };
    match cores {
        Some([first, second]) => println!("pinned to cores {} and {}", first.id, second.id),
        None => {
            println!(
                "fewer than two cores: the threads take turns, and the figures say nothing about a ring"
            );
            ONE_CORE.store(true, Ordering::Relaxed);
        }
    }
    cores.map(|[first, _]| core_affinity::set_for_current(first));
    let plan = if smoke || cores.is_none() { SMOKE } else { FULL };
    let bench = Bench { plan, clock: Clock::calibrate(), cores };

    let mut tables = VecDeque::new();
    tables.push_back((size_of::<u64>(), measure::<u64>(&bench)));
    tables.push_back((size_of::<[u64; 7]>(), measure::<[u64; 7]>(&bench)));
    for (payload, rows) in &tables {
        print_table(*payload, rows, &goals(rows));
    }
    if smoke {
        println!("\nsmoke run: all queues work; the figures mean nothing and are not kept");
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../out/bench");
    std::fs::create_dir_all(&folder).expect("out/bench can be created");
    let file = folder.join("ring.json");
    std::fs::write(&file, json(&bench, &tables)).expect("out/bench/ring.json can be written");
    println!("\nwritten to out/bench/ring.json; {} rounds, medians", bench.plan.rounds);
}
