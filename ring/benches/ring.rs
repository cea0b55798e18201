//! The ring beside its peers and beside the floor, in one binary and in interleaved rounds.
//!
//! `cargo bench -p evenkeel-ring` measures (under a minute) and writes `out/bench/ring.json`. `--
//! --smoke`, or a run under `cargo test --benches`, only checks within a second or two that all of
//! it still works; its figures mean nothing.
//!
//! * **floor**: two threads bounce a number, each writes one cache line that the other reads. No
//!   queue that lives in memory answers faster.
//! * **lines in turn**: the floor of a ring: the same over as many lines as the ring has slots, one
//!   after the other. What it loses against the floor it loses to the caches, not to the ring.
//! * **round trip**: the same over two queues of each kind; one message in flight; every trip is
//!   recorded.
//! * **one way**: a producer pushes as fast as it can, a consumer pops, one message per call, time
//!   per message at the consumer.
//!
//! Both threads are pinned and spin. In each round every queue has its turn, so that a disturbance
//! of the machine hits all of them. Each figure is the median over the rounds; each ratio is the
//! median over the rounds of the ratio in a round, since a virtual machine may move its cores
//! between rounds and all figures with them.

use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use core_affinity::CoreId;
use crossbeam::queue::ArrayQueue;
use hdrhistogram::Histogram;

/// Messages that a queue holds: the usual choice, and one small enough for the first-level cache.
const CAPACITIES: [usize; 2] = [1024, 128];

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

const FULL: Plan = Plan { rounds: 11, trips: 40_000, trips_warmup: 4_000, messages: 2_000_000 };
const SMOKE: Plan = Plan { rounds: 1, trips: 500, trips_warmup: 50, messages: 5_000 };

/// Two threads on one core make no progress by spinning, so there they yield; and in a smoke run, which
/// may share its cores with other tests.
static YIELDING: AtomicBool = AtomicBool::new(false);

/// Polls until `ready` gives a value. No PAUSE: it would add up to its own length, 40 cycles and
/// more, to each trip.
#[inline(always)]
fn spin<R>(mut ready: impl FnMut() -> Option<R>) -> R {
    loop {
        if let Some(value) = ready() {
            return value;
        }
        if YIELDING.load(Ordering::Relaxed) {
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
    fn channel<M: Message>(capacity: usize) -> (Self::Tx<M>, Self::Rx<M>);
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
            fn channel<M: Message>(capacity: usize) -> (Self::Tx<M>, Self::Rx<M>) {
                $channel(capacity)
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
    ring::spsc::channel,
    |tx: &mut ring::spsc::Producer<M>, message| tx.push(message).is_ok(),
    ring::spsc::Consumer::pop
);
queue!(
    Rtrb,
    "rtrb",
    rtrb::Producer<M>,
    rtrb::Consumer<M>,
    rtrb::RingBuffer::new,
    |tx: &mut rtrb::Producer<M>, message| tx.push(message).is_ok(),
    |rx: &mut rtrb::Consumer<M>| rx.pop().ok()
);
queue!(
    Array,
    "crossbeam ArrayQueue",
    Arc<ArrayQueue<M>>,
    Arc<ArrayQueue<M>>,
    |capacity| {
        let queue = Arc::new(ArrayQueue::new(capacity));
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
    crossbeam::channel::bounded,
    |tx: &mut crossbeam::channel::Sender<M>, message| tx.try_send(message).is_ok(),
    |rx: &mut crossbeam::channel::Receiver<M>| rx.try_recv().ok()
);
queue!(
    Std,
    "std sync_channel",
    mpsc::SyncSender<M>,
    mpsc::Receiver<M>,
    mpsc::sync_channel,
    |tx: &mut mpsc::SyncSender<M>, message| tx.try_send(message).is_ok(),
    |rx: &mut mpsc::Receiver<M>| rx.try_recv().ok()
);

/// Time stamps that cost less than what is measured: the TSC where there is one (9 ns, against 25
/// for `Instant`).
struct Clock {
    #[cfg_attr(
        target_arch = "x86_64",
        expect(dead_code, reason = "the clock of the other architectures")
    )]
    origin: Instant,
    ns_per_tick: f64,
    /// The step it usually makes, in ticks. AMD's Zen 4, for one, advances its TSC by 10 ns at a
    /// time.
    step: u64,
}

impl Clock {
    fn calibrate() -> Self {
        #[expect(clippy::disallowed_methods, reason = "a bench's own clock, read beside the TSC")]
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

    /// The quantile in ns, interpolated between the steps of the clock as for grouped data: a
    /// sample of `v` ticks stands for anything between `v - step/2` and `v + step/2`. Without
    /// that a p50 of 124 ns reads as 120.
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

    /// Round trips over bare atomics, `lines` of them each way in turn; a power of two.
    fn bare(&self, lines: usize) -> [f64; 2] {
        #[repr(align(64))]
        struct Line(AtomicU64);
        let fresh = || (0..lines).map(|_| Line(AtomicU64::new(0))).collect::<Vec<_>>();
        let [there, back] = &[fresh(), fresh()];
        let all = self.plan.trips_warmup + self.plan.trips;
        let mask = lines as u64 - 1;
        self.pair(
            || {
                self.trips(|i| {
                    there[(i & mask) as usize].0.store(i + 1, Ordering::Release);
                    let back = &back[(i & mask) as usize].0;
                    spin(|| (back.load(Ordering::Acquire) == i + 1).then_some(()));
                })
            },
            || {
                for i in 0..all {
                    let there = &there[(i & mask) as usize].0;
                    spin(|| (there.load(Ordering::Acquire) == i + 1).then_some(()));
                    back[(i & mask) as usize].0.store(i + 1, Ordering::Release);
                }
            },
        )
    }

    fn round_trip<Q: Queue, M: Message>(&self, capacity: usize) -> [f64; 2] {
        let (mut there_tx, mut there_rx) = Q::channel::<M>(capacity);
        let (mut back_tx, mut back_rx) = Q::channel::<M>(capacity);
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
    fn one_way<Q: Queue, M: Message>(&self, capacity: usize) -> f64 {
        let (mut tx, mut rx) = Q::channel::<M>(capacity);
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

/// The figures of one queue, a value per round: nanoseconds.
struct Row {
    name: &'static str,
    rtt_p50: Vec<f64>,
    rtt_p99: Vec<f64>,
    /// Empty for the floors, which are no queues.
    item: Vec<f64>,
}

impl Row {
    fn new(name: &'static str) -> Self {
        Self { name, rtt_p50: Vec::new(), rtt_p99: Vec::new(), item: Vec::new() }
    }

    fn trips(&mut self, [p50, p99]: [f64; 2]) {
        self.rtt_p50.push(p50);
        self.rtt_p99.push(p99);
    }

    fn queue<Q: Queue, M: Message>(&mut self, bench: &Bench, capacity: usize) {
        self.trips(bench.round_trip::<Q, M>(capacity));
        self.item.push(bench.one_way::<Q, M>(capacity));
    }
}

/// The median; NaN of nothing.
fn median(samples: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = samples.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The median over the rounds of `above / below` in one round.
fn ratio(above: &[f64], below: &[f64]) -> f64 {
    median(above.iter().zip(below).map(|(above, below)| above / below))
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

/// All rounds for one payload and one capacity.
struct Table {
    payload: usize,
    capacity: usize,
    floor: Row,
    lines: Row,
    ours: Row,
    peers: [Row; 4],
}

impl Table {
    fn measure<M: Message>(bench: &Bench, capacity: usize) -> Self {
        let mut table = Self {
            payload: size_of::<M>(),
            capacity,
            floor: Row::new("floor: one line"),
            lines: Row::new("lines in turn"),
            ours: Row::new(Ours::NAME),
            peers: [Rtrb::NAME, Array::NAME, Channel::NAME, Std::NAME].map(Row::new),
        };
        for _ in 0..bench.plan.rounds {
            let [rtrb, array, channel, std] = &mut table.peers;
            table.floor.trips(bench.bare(1));
            table.lines.trips(bench.bare(capacity));
            table.ours.queue::<Ours, M>(bench, capacity);
            rtrb.queue::<Rtrb, M>(bench, capacity);
            array.queue::<Array, M>(bench, capacity);
            channel.queue::<Channel, M>(bench, capacity);
            std.queue::<Std, M>(bench, capacity);
        }
        table
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        [&self.floor, &self.lines, &self.ours].into_iter().chain(&self.peers)
    }

    fn goals(&self) -> [Goal; 7] {
        let at_most = |what, reached, goal| Goal { what, reached, goal, at_most: true };
        let at_least = |what, reached, goal| Goal { what, reached, goal, at_most: false };
        let ours = &self.ours;
        let [rtrb, array, channel, _] = &self.peers;
        let answer = |peer: &Row| ratio(&peer.rtt_p50, &ours.rtt_p50);
        let item_ratio = |peer: &Row| ratio(&peer.item, &ours.item);
        let over_floor = ratio(&ours.rtt_p50, &self.floor.rtt_p50);
        let over_lines = ratio(&ours.rtt_p50, &self.lines.rtt_p50);
        [
            at_most("round trip: ours / floor", over_floor, RTT_OVER_FLOOR_MAX),
            at_most("round trip: ours / lines in turn", over_lines, RTT_OVER_FLOOR_MAX),
            at_least("round trip: rtrb / ours", answer(rtrb), RTRB_OVER_OURS_MIN),
            at_least("round trip: ArrayQueue / ours", answer(array), CROSSBEAM_OVER_OURS_MIN),
            at_least(
                "round trip: crossbeam-channel / ours",
                answer(channel),
                CROSSBEAM_OVER_OURS_MIN,
            ),
            at_least("one way: ours, M/s", 1e3 / median(ours.item.clone()), THROUGHPUT_MIN),
            at_least(
                "one way: best peer / ours, in time",
                self.peers.iter().map(item_ratio).fold(f64::MAX, f64::min),
                1.0,
            ),
        ]
    }

    fn print(&self) {
        let (payload, capacity) = (format!("{} bytes", self.payload), self.capacity);
        println!(
            "\n{payload:<9} capacity {capacity:<8}  RTT p50   RTT p99    ns/msg   M msg/s   x floor"
        );
        for Row { name, rtt_p50, rtt_p99, item } in self.rows() {
            let [p50, p99] = [rtt_p50, rtt_p99].map(|samples| median(samples.clone()));
            let item = median(item.clone());
            let over_floor = ratio(rtt_p50, &self.floor.rtt_p50);
            print!("{name:<27}{p50:>9.0} {p99:>9.0}");
            if item.is_nan() {
                print!("         -         -");
            } else {
                print!(" {item:>9.2} {:>9.1}", 1e3 / item);
            }
            println!(" {over_floor:>9.2}");
        }
        for goal in self.goals() {
            let sign = if goal.at_most { "<=" } else { ">=" };
            println!(
                "  {:<38}{:>8.2}   goal {sign} {:<5} {}",
                goal.what,
                goal.reached,
                goal.goal,
                goal.mark()
            );
        }
    }

    fn json(&self) -> String {
        let number = |value: f64| {
            if value.is_nan() { "null".to_owned() } else { format!("{value:.3}") }
        };
        let rows = self.rows().map(|row| {
            let [p50, p99, item] = [&row.rtt_p50, &row.rtt_p99, &row.item].map(|samples| median(samples.clone()));
            let [mops, p50, p99, item] = [1e3 / item, p50, p99, item].map(number);
            let name = row.name;
            format!(r#"{{"name":"{name}","rtt_p50_ns":{p50},"rtt_p99_ns":{p99},"item_ns":{item},"mops":{mops}}}"#)
        });
        let rows = rows.collect::<Vec<_>>().join(",");
        let goals = self.goals().map(|goal| {
            let [reached, limit] = [goal.reached, goal.goal].map(number);
            let (what, mark) = (goal.what, goal.mark());
            format!(r#"{{"what":"{what}","reached":{reached},"goal":{limit},"mark":"{mark}"}}"#)
        });
        let (payload, capacity, goals) = (self.payload, self.capacity, goals.join(","));
        format!(r#"{{"bytes":{payload},"capacity":{capacity},"rows":[{rows}],"goals":[{goals}]}}"#)
    }
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
        }
    }
    YIELDING.store(smoke || cores.is_none(), Ordering::Relaxed);
    cores.map(|[first, _]| core_affinity::set_for_current(first));
    let plan = if smoke || cores.is_none() { SMOKE } else { FULL };
    let bench = Bench { plan, clock: Clock::calibrate(), cores };

    let mut tables = Vec::new();
    for capacity in CAPACITIES {
        tables.push(Table::measure::<[u64; 7]>(&bench, capacity));
        tables.push(Table::measure::<u64>(&bench, capacity));
    }
    tables.iter().for_each(Table::print);
    if smoke || bench.cores.is_none() {
        println!("\nall queues work; the figures mean nothing and are not kept");
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../out/bench");
    std::fs::create_dir_all(&folder).expect("out/bench can be created");
    let file = folder.join("ring.json");
    let tables = tables.iter().map(Table::json).collect::<Vec<_>>().join(",\n");
    let rounds = bench.plan.rounds;
    let text = format!("{{\"bench\":\"ring\",\"rounds\":{rounds},\"tables\":[\n{tables}\n]}}\n");
    std::fs::write(&file, text).expect("out/bench/ring.json can be written");
    println!("\nwritten to out/bench/ring.json; {rounds} rounds, medians");
}
