//! Cold. What it costs to turn a Hyperliquid frame into events, beside the parsers one would
//! otherwise take.
//!
//! 256 different messages of each kind are cycled, sixteen at a time: these are copied afresh into
//! receive buffers (simd-json destroys its input), then decoded against the clock. The copy is not
//! timed: on a socket the bytes were written long before, by the kernel or the record layer.
//! Contenders take turns inside each round, so that a noisy neighbour hits all of them; a figure is
//! the median over the rounds of the mean over one pass. All contenders produce the same events,
//! checked message by message before anything is timed. Ratios within one run are what can be
//! compared.
//!
//! `cargo bench --bench decode`; `--smoke` or `--test` checks everything and times one short round.

use evenkeel::event::{Event, LEVELS_PER_EVENT, Level, Stamp};
use evenkeel::instrument::{InstId, Symbol};
use evenkeel::units::{Price, Qty, Side, parse_raw};
use evenkeel::venue::Sink;
use evenkeel::venue::hyperliquid::feed::{Decoded, FeedCodec};
use rust_decimal::Decimal;
use serde::Deserialize;
use std::fmt::Write;
use std::hint::black_box;
use std::str::FromStr;

const MESSAGES: usize = 256;
/// Messages between two looks at the clock: 25 kB of books, which stay in the L1 cache.
const BATCH: usize = 16;
const RECV: Stamp = Stamp(1);

/// Room for the events of one message, overwritten by the next: a ring that is always drained.
struct Slots {
    events: [Event; 64],
    used: usize,
}

impl Sink for Slots {
    #[inline]
    fn put(&mut self, event: Event) -> bool {
        self.events[self.used & 63] = event;
        self.used += 1;
        true
    }
}

#[derive(Deserialize)]
struct Frame<T> {
    data: T,
}

#[derive(Deserialize)]
struct Book<S> {
    coin: S,
    time: u64,
    levels: Vec<Vec<Row<S>>>,
}

#[derive(Deserialize)]
struct Bbo<S> {
    coin: S,
    time: u64,
    bbo: [Option<Row<S>>; 2],
}

#[derive(Deserialize)]
struct Row<S> {
    px: S,
    sz: S,
    n: u64,
}

#[derive(Deserialize)]
struct Trade<S> {
    coin: S,
    side: S,
    px: S,
    sz: S,
    time: u64,
    tid: u64,
}

/// How a contender turns the text of a number into raw 10^-8.
trait Number: AsRef<str> {
    fn raw(&self) -> i64;
}

impl Number for &str {
    fn raw(&self) -> i64 {
        parse_raw(self.as_bytes()).expect("the messages are sound")
    }
}

impl Number for String {
    fn raw(&self) -> i64 {
        let mut value = Decimal::from_str(self).expect("the messages are sound");
        value.rescale(8);
        value.mantissa() as i64
    }
}

fn inst(name: &str) -> InstId {
    COINS.iter().find(|c| c.name == name).expect("a coin of the bench").inst
}

fn level<S: Number>(row: &Row<S>) -> Level {
    black_box(row.n);
    Level { px: Price(row.px.raw()), qty: Qty(row.sz.raw()) }
}

fn put_book<S: Number>(book: &Book<S>, out: &mut Slots) {
    let inst = inst(book.coin.as_ref());
    for (side, rows) in Side::BOTH.into_iter().zip(&book.levels) {
        for (i, chunk) in rows.chunks(LEVELS_PER_EVENT).enumerate() {
            let mut levels = [Level::default(); LEVELS_PER_EVENT];
            for (slot, row) in levels.iter_mut().zip(chunk) {
                *slot = level(row);
            }
            let (start, count) = ((i * LEVELS_PER_EVENT) as u8, chunk.len() as u8);
            out.put(Event::Levels { inst, side, start, count, levels });
        }
    }
    let [bids, asks] = [book.levels[0].len() as u8, book.levels[1].len() as u8];
    out.put(Event::BookEnd { inst, bids, asks, decode_ns: 0, exch_ms: book.time, recv: RECV });
}

fn put_bbo<S: Number>(bbo: &Bbo<S>, out: &mut Slots) {
    let inst = inst(bbo.coin.as_ref());
    let [bid, ask] =
        [&bbo.bbo[0], &bbo.bbo[1]].map(|row| row.as_ref().map_or(Level::default(), level));
    out.put(Event::Bbo { inst, decode_ns: 0, bid, ask, exch_ms: bbo.time, recv: RECV });
}

fn put_trades<S: Number>(trades: &[Trade<S>], out: &mut Slots) {
    for t in trades {
        let inst = inst(t.coin.as_ref());
        let side = if t.side.as_ref() == "A" { Side::Sell } else { Side::Buy };
        let (px, qty) = (Price(t.px.raw()), Qty(t.sz.raw()));
        out.put(Event::Trade { inst, side, px, qty, exch_ms: t.time, id: t.tid, recv: RECV });
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Book,
    Bbo,
    Trades,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Book, Kind::Bbo, Kind::Trades];

    fn name(self) -> &'static str {
        match self {
            Kind::Book => "l2Book 20+20",
            Kind::Bbo => "bbo",
            Kind::Trades => "trades (1-4)",
        }
    }

    /// Least ratio of `simd-json structs` to ours, and most ns, that count as reached.
    fn goals(self) -> (f64, Option<f64>) {
        match self {
            Kind::Book => (10.0, Some(700.0)),
            Kind::Bbo => (10.0, None),
            Kind::Trades => (8.0, None),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Contender {
    Ours,
    Cursor,
    SimdTexts,
    Simd,
    SerdeDecimal,
}

impl Contender {
    const ALL: [Contender; 5] = [
        Contender::Ours,
        Contender::Cursor,
        Contender::SimdTexts,
        Contender::Simd,
        Contender::SerdeDecimal,
    ];

    fn name(self) -> &'static str {
        match self {
            Contender::Ours => "scanner (ours)",
            Contender::Cursor => "cursor (ours)",
            Contender::SimdTexts => "simd-json structs, numbers left as &str",
            Contender::Simd => "simd-json structs (&str)",
            Contender::SerdeDecimal => "serde_json structs (String) + rust_decimal",
        }
    }
}

struct Bench {
    codec: FeedCodec,
    buffers: simd_json::Buffers,
    out: Slots,
}

impl Bench {
    fn new() -> Bench {
        let markets = COINS.map(|c| (c.inst, Symbol::new(c.name).expect("a valid name")));
        Bench {
            codec: FeedCodec::new(&markets),
            buffers: simd_json::Buffers::new(4096),
            out: Slots { events: [Event::Decide { drained: 0 }; 64], used: 0 },
        }
    }

    /// One received message through one contender; its events are in `out`.
    #[inline(always)]
    fn run(&mut self, contender: Contender, kind: Kind, frame: &mut [u8]) {
        let Bench { codec, buffers, out } = self;
        out.used = 0;
        match contender {
            Contender::Ours => check(codec.decode(black_box(frame), RECV, out)),
            Contender::Cursor => check(codec.decode_exact(black_box(frame), RECV, out)),
            Contender::SimdTexts => simd(kind, frame, buffers, out, false),
            Contender::Simd => simd(kind, frame, buffers, out, true),
            Contender::SerdeDecimal => serde_decimal(kind, frame, out),
        }
        black_box(&self.out.events);
    }
}

fn check(decoded: Result<Decoded, evenkeel::venue::Malformed>) {
    assert!(!matches!(decoded, Err(_) | Ok(Decoded::Full(_) | Decoded::UnknownMarket)));
}

fn simd(
    kind: Kind,
    frame: &mut [u8],
    buffers: &mut simd_json::Buffers,
    out: &mut Slots,
    numbers: bool,
) {
    use simd_json::serde::from_slice_with_buffers as parse;
    const SOUND: &str = "the messages are sound";
    match kind {
        Kind::Book => {
            let frame: Frame<Book<&str>> = parse(frame, buffers).expect(SOUND);
            if numbers {
                put_book(&frame.data, out)
            } else {
                let _ = black_box(frame);
            }
        }
        Kind::Bbo => {
            let frame: Frame<Bbo<&str>> = parse(frame, buffers).expect(SOUND);
            if numbers {
                put_bbo(&frame.data, out)
            } else {
                let _ = black_box(frame);
            }
        }
        Kind::Trades => {
            let frame: Frame<Vec<Trade<&str>>> = parse(frame, buffers).expect(SOUND);
            if numbers {
                put_trades(&frame.data, out)
            } else {
                let _ = black_box(frame);
            }
        }
    }
}

fn serde_decimal(kind: Kind, frame: &[u8], out: &mut Slots) {
    const SOUND: &str = "the messages are sound";
    match kind {
        Kind::Book => {
            let frame: Frame<Book<String>> = serde_json::from_slice(frame).expect(SOUND);
            put_book(&frame.data, out);
        }
        Kind::Bbo => {
            let frame: Frame<Bbo<String>> = serde_json::from_slice(frame).expect(SOUND);
            put_bbo(&frame.data, out);
        }
        Kind::Trades => {
            let frame: Frame<Vec<Trade<String>>> = serde_json::from_slice(frame).expect(SOUND);
            put_trades(&frame.data, out);
        }
    }
}

/// SplitMix64: the same messages in every run.
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(z ^ (z >> 31)) * u128::from(n)) >> 64) as u64
    }

    /// As the venue writes: no trailing zeros, but at least one place.
    fn decimal(&mut self, whole_below: u64, places: usize) -> String {
        let whole = self.below(whole_below);
        let rest = format!("{:0places$}", self.below(10u64.pow(places as u32)).max(1));
        match rest.trim_end_matches('0') {
            "" => format!("{whole}.0"),
            rest => format!("{whole}.{rest}"),
        }
    }

    /// Sizes spread over the decades, as in a real book.
    fn size(&mut self, coin: &Coin) -> String {
        let decade = coin.sizes[self.below(3) as usize];
        self.decimal(decade, coin.size_places)
    }

    fn row(&mut self, coin: &Coin, ticks: u64) -> String {
        let n = [1 + self.below(9), 1 + self.below(99)][self.below(2) as usize];
        format!(r#"{{"px":"{}","sz":"{}","n":{n}}}"#, coin.price(ticks), self.size(coin))
    }
}

/// How the venue writes the numbers of a market: five significant figures of price, at least one
/// place, and the market's own places of size.
struct Coin {
    name: &'static str,
    inst: InstId,
    mid_ticks: u64,
    /// Places of a tick.
    places: usize,
    size_places: usize,
    sizes: [u64; 3],
}

const COINS: [Coin; 3] = [
    Coin {
        name: "BTC",
        inst: InstId(1),
        mid_ticks: 80_459,
        places: 0,
        size_places: 5,
        sizes: [1, 1, 20],
    },
    Coin {
        name: "ETH",
        inst: InstId(2),
        mid_ticks: 24_102,
        places: 1,
        size_places: 4,
        sizes: [10, 100, 1000],
    },
    Coin {
        name: "SOL",
        inst: InstId(3),
        mid_ticks: 10_655,
        places: 2,
        size_places: 2,
        sizes: [100, 1000, 10_000],
    },
];

impl Coin {
    fn price(&self, ticks: u64) -> String {
        if self.places == 0 {
            return format!("{ticks}.0");
        }
        let unit = 10u64.pow(self.places as u32);
        let text = format!("{}.{:02$}", ticks / unit, ticks % unit, self.places);
        let short = text.trim_end_matches('0');
        if short.ends_with('.') { format!("{short}0") } else { short.to_owned() }
    }
}

/// The messages take turns between the coins.
fn message(kind: Kind, rng: &mut Rng, i: usize) -> String {
    let coin = &COINS[i % COINS.len()];
    let name = coin.name;
    let time = 1_791_480_000_000 + i as u64 * 79 + rng.below(79);
    let mid = coin.mid_ticks + rng.below(400);
    match kind {
        Kind::Book => {
            let bids: Vec<_> = (0..20).map(|k| rng.row(coin, mid - k)).collect();
            let asks: Vec<_> = (1..=20).map(|k| rng.row(coin, mid + k)).collect();
            format!(
                r#"{{"channel":"l2Book","data":{{"coin":"{name}","time":{time},"levels":[[{}],[{}]]}}}}"#,
                bids.join(","),
                asks.join(",")
            )
        }
        Kind::Bbo => {
            let (bid, ask) = (rng.row(coin, mid), rng.row(coin, mid + 1));
            format!(
                r#"{{"channel":"bbo","data":{{"coin":"{name}","time":{time},"bbo":[{bid},{ask}]}}}}"#
            )
        }
        Kind::Trades => {
            let mut list = String::new();
            for k in 0..1 + rng.below(4) {
                let side = ["A", "B"][rng.below(2) as usize];
                let (px, sz) = (coin.price(mid), rng.size(coin));
                let hash: String =
                    (0..4).map(|_| format!("{:016x}", rng.below(u64::MAX))).collect();
                let tid = rng.below(1_125_899_906_842_624).max(1);
                let user = |rng: &mut Rng| format!("0x{:040x}", rng.below(u64::MAX));
                let (buyer, seller) = (user(rng), user(rng));
                let comma = if k > 0 { "," } else { "" };
                let _ = write!(
                    list,
                    r#"{comma}{{"coin":"{name}","side":"{side}","px":"{px}","sz":"{sz}","time":{time},"hash":"0x{hash}","tid":{tid},"users":["{buyer}","{seller}"]}}"#
                );
            }
            format!(r#"{{"channel":"trades","data":[{list}]}}"#)
        }
    }
}

/// Every contender makes the same events of every message, and the scanner takes them all.
fn verify(bench: &mut Bench, kind: Kind, messages: &[Vec<u8>]) {
    for message in messages {
        bench.run(Contender::Simd, kind, &mut message.clone());
        let want: Vec<Event> = bench.out.events[..bench.out.used].to_vec();
        assert!(!want.is_empty());
        for contender in [Contender::Ours, Contender::Cursor, Contender::SerdeDecimal] {
            let slow = bench.codec.slow_frames();
            bench.run(contender, kind, &mut message.clone());
            assert_eq!(&bench.out.events[..bench.out.used], want, "{}", contender.name());
            if contender == Contender::Ours {
                assert_eq!(bench.codec.slow_frames(), slow, "the scanner takes the layout");
            }
        }
    }
}

#[allow(clippy::disallowed_methods)] // A bench is a clock.
#[inline(never)]
fn pass_ns(bench: &mut Bench, contender: Contender, kind: Kind, messages: &[Vec<u8>]) -> f64 {
    let mut total = std::time::Duration::ZERO;
    let mut received: [Vec<u8>; BATCH] = std::array::from_fn(|_| Vec::with_capacity(4096));
    for batch in messages.chunks_exact(BATCH) {
        for (frame, message) in received.iter_mut().zip(batch) {
            frame.clear();
            frame.extend_from_slice(message);
        }
        let start = std::time::Instant::now();
        for frame in &mut received {
            bench.run(contender, kind, frame);
        }
        total += start.elapsed();
    }
    total.as_nanos() as f64 / messages.len() as f64
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let smoke = std::env::args().any(|arg| arg == "--smoke" || arg == "--test");
    let rounds = if smoke { 3 } else { 401 };
    let mut bench = Bench::new();
    let mut rng = Rng(2026);
    let mut json = String::from("[\n");
    for kind in Kind::ALL {
        let messages: Vec<Vec<u8>> =
            (0..MESSAGES).map(|i| message(kind, &mut rng, i).into_bytes()).collect();
        verify(&mut bench, kind, &messages);
        let mut samples = Contender::ALL.map(|_| Vec::with_capacity(rounds));
        for round in 0..rounds + 1 {
            for (contender, samples) in Contender::ALL.into_iter().zip(&mut samples) {
                let ns = pass_ns(&mut bench, contender, kind, &messages);
                // The first round warms caches and predictors.
                if round > 0 {
                    samples.push(ns);
                }
            }
        }
        let medians = samples.each_mut().map(|samples| median(samples));
        let of = |contender| {
            medians[Contender::ALL.iter().position(|c| *c == contender).expect("in the list")]
        };
        report(kind, &messages, &samples, &medians, of(Contender::Ours), of(Contender::Simd));
        for (contender, ns) in Contender::ALL.into_iter().zip(medians) {
            let _ = writeln!(
                json,
                r#"  {{"message":"{}","contender":"{}","median_ns":{ns:.1},"ratio_to_ours":{:.2}}},"#,
                kind.name(),
                contender.name(),
                ns / of(Contender::Ours)
            );
        }
    }
    if !smoke {
        let json = json.trim_end_matches(",\n").to_owned() + "\n]\n";
        std::fs::create_dir_all("out/bench").expect("out/bench can be made");
        std::fs::write("out/bench/decode.json", json).expect("out/bench/decode.json is writable");
    }
}

fn report(
    kind: Kind,
    messages: &[Vec<u8>],
    samples: &[Vec<f64>; 5],
    medians: &[f64; 5],
    ours: f64,
    simd: f64,
) {
    let bytes = messages.iter().map(Vec::len).sum::<usize>() / messages.len();
    println!(
        "{} ({bytes} bytes, {} messages, {} rounds)",
        kind.name(),
        messages.len(),
        samples[0].len()
    );
    println!("  {:44} {:>10} {:>10} {:>8}", "contender", "min ns", "median ns", "x ours");
    for ((contender, samples), median) in Contender::ALL.into_iter().zip(samples).zip(medians) {
        println!(
            "  {:44} {:10.1} {median:10.1} {:8.2}",
            contender.name(),
            samples[0],
            median / ours
        );
    }
    let (ratio, most_ns) = kind.goals();
    let verdict = |met: bool| if met { "met" } else { "NOT met" };
    let reached = simd / ours;
    println!(
        "  goal >= {ratio} x simd-json structs: {reached:.1} x, {}",
        verdict(reached >= ratio)
    );
    if let Some(most_ns) = most_ns {
        println!("  goal <= {most_ns} ns: {ours:.0} ns, {}", verdict(ours <= most_ns));
    }
}
