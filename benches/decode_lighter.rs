//! Cold. What it costs to turn a Lighter frame into events, beside the parser one would otherwise
//! take.
//!
//! As `decode.rs`: 256 messages of each kind, sixteen at a time, copied afresh before each batch
//! (simd-json destroys its input); contenders take turns inside each round; a figure is the median
//! over the rounds of the mean over one pass. A change of a book needs the book: every contender
//! keeps its levels in the same ladders, shows the same twenty a side, and makes the same events,
//! checked message by message before anything is timed. Two rows leave the book out: parser and
//! numbers alone.
//!
//! `cargo bench --bench decode_lighter`; `--smoke` or `--test` checks everything and times one short
//! round.

use evenkeel::event::{Event, LEVELS_PER_EVENT, Level, Stamp};
use evenkeel::instrument::InstId;
use evenkeel::units::{Price, Qty, Side, parse_raw};
use evenkeel::venue::Sink;
use evenkeel::venue::lighter::feed::{Decoded, FeedCodec};
use evenkeel::venue::lighter::ladder::{DEPTH, Ladder};
use serde::Deserialize;
use std::fmt::Write;
use std::hint::black_box;

const MESSAGES: usize = 256;
const BATCH: usize = 16;
const RECV: Stamp = Stamp(1);
/// Ratio to `simd-json structs` that counts as reached.
const GOAL: f64 = 8.0;

/// Room for the events of one message, overwritten by the next: a ring that is always drained.
struct Slots {
    events: [Event; 32],
    used: usize,
}

impl Sink for Slots {
    #[inline]
    fn put(&mut self, event: Event) -> bool {
        self.events[self.used & 31] = event;
        self.used += 1;
        true
    }
}

#[derive(Deserialize)]
struct BookFrame<'a> {
    channel: &'a str,
    #[serde(borrow)]
    order_book: Book<'a>,
    #[serde(rename = "type")]
    kind: &'a str,
}

#[derive(Deserialize)]
struct Book<'a> {
    #[serde(borrow)]
    asks: Vec<Row<'a>>,
    #[serde(borrow)]
    bids: Vec<Row<'a>>,
    nonce: u64,
    last_updated_at: u64,
    begin_nonce: u64,
}

#[derive(Deserialize)]
struct Row<'a> {
    price: &'a str,
    size: &'a str,
}

#[derive(Deserialize)]
struct TickerFrame<'a> {
    channel: &'a str,
    nonce: u64,
    #[serde(borrow)]
    ticker: Ticker<'a>,
}

#[derive(Deserialize)]
struct Ticker<'a> {
    #[serde(borrow)]
    a: Row<'a>,
    #[serde(borrow)]
    b: Row<'a>,
    last_updated_at: u64,
}

fn level(row: &Row<'_>) -> Level {
    let raw = |text: &str| parse_raw(text.as_bytes()).expect("the messages are sound");
    Level { px: Price(raw(row.price)), qty: Qty(raw(row.size)) }
}

fn market(channel: &str) -> usize {
    let id = channel.rsplit(':').next().expect("a channel has a market");
    MARKETS.iter().position(|m| m.id.to_string() == id).expect("a market of the bench")
}

/// What the contender keeps of a market.
struct Kept {
    inst: InstId,
    ladders: [Ladder; 2],
    nonce: u64,
}

impl Kept {
    fn new(market: &Market) -> Kept {
        Kept { inst: market.inst, ladders: Side::BOTH.map(Ladder::new), nonce: 0 }
    }

    fn apply(&mut self, book: &Book<'_>, snapshot: bool, out: &mut Slots) {
        if snapshot {
            self.ladders = Side::BOTH.map(Ladder::new);
        } else {
            assert_eq!(book.begin_nonce, self.nonce);
        }
        self.nonce = book.nonce;
        for (ladder, rows) in self.ladders.iter_mut().zip([&book.bids, &book.asks]) {
            for row in rows {
                let Level { px, qty } = level(row);
                let _ = black_box(ladder.set(px, qty));
            }
        }
        let inst = self.inst;
        let mut counts = [0; 2];
        for (side, ladder) in Side::BOTH.into_iter().zip(&self.ladders) {
            let depth = ladder.len().min(DEPTH);
            counts[side.index()] = depth as u8;
            for start in (0..depth).step_by(LEVELS_PER_EVENT) {
                let count = (depth - start).min(LEVELS_PER_EVENT);
                let level =
                    |i: usize| if i < count { ladder.level(start + i) } else { Level::default() };
                let levels = [level(0), level(1), level(2)];
                let (start, count) = (start as u8, count as u8);
                out.put(Event::Levels { inst, side, start, count, levels });
            }
        }
        let [bids, asks] = counts;
        let exch_ms = book.last_updated_at / 1000;
        out.put(Event::BookEnd { inst, bids, asks, decode_ns: 0, exch_ms, recv: RECV });
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Delta,
    Ticker,
}

impl Kind {
    const ALL: [Kind; 2] = [Kind::Delta, Kind::Ticker];

    fn name(self) -> &'static str {
        match self {
            Kind::Delta => "order_book change (0-7 levels a side)",
            Kind::Ticker => "ticker",
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Contender {
    Ours,
    Cursor,
    Simd,
    OursNumbers,
    SimdNumbers,
}

impl Contender {
    const ALL: [Contender; 5] = [
        Contender::Ours,
        Contender::Cursor,
        Contender::Simd,
        Contender::OursNumbers,
        Contender::SimdNumbers,
    ];

    fn name(self) -> &'static str {
        match self {
            Contender::Ours => "scanner (ours)",
            Contender::Cursor => "cursor (ours)",
            Contender::Simd => "simd-json structs (&str)",
            Contender::OursNumbers => "no book: scanner (ours)",
            Contender::SimdNumbers => "no book: simd-json structs",
        }
    }
}

struct Bench {
    codec: FeedCodec,
    exact: FeedCodec,
    /// Without a snapshot: it reads changes and leaves them.
    waiting: FeedCodec,
    kept: Vec<Kept>,
    buffers: simd_json::Buffers,
    out: Slots,
}

impl Bench {
    fn new() -> Bench {
        let markets = MARKETS.map(|m| (m.inst, m.id));
        Bench {
            codec: FeedCodec::new(&markets),
            exact: FeedCodec::new(&markets),
            waiting: FeedCodec::new(&markets),
            kept: MARKETS.iter().map(Kept::new).collect(),
            buffers: simd_json::Buffers::new(4096),
            out: Slots { events: [Event::Decide { drained: 0 }; 32], used: 0 },
        }
    }

    /// One received message through one contender; its events are in `out`.
    #[inline(always)]
    fn run(&mut self, contender: Contender, kind: Kind, frame: &mut [u8]) {
        let Bench { codec, exact, waiting, kept, buffers, out } = self;
        out.used = 0;
        match contender {
            Contender::Ours => check(codec.decode(black_box(frame), RECV, out)),
            Contender::Cursor => check(exact.decode_exact(black_box(frame), RECV, out)),
            Contender::OursNumbers => {
                let read = waiting.decode(black_box(frame), RECV, out);
                assert!(matches!(read, Ok(Decoded::Waiting(_) | Decoded::Bbo(_))));
            }
            Contender::SimdNumbers => simd(kind, frame, buffers, kept, out, false),
            Contender::Simd => simd(kind, frame, buffers, kept, out, true),
        }
        black_box(&self.out.events);
    }

    /// Every contender begins a pass with the same books and without a ticker.
    fn begin(&mut self, snapshots: &[Vec<u8>]) {
        self.codec.connected();
        self.exact.connected();
        self.waiting.connected();
        for snapshot in snapshots {
            for contender in [Contender::Ours, Contender::Cursor, Contender::Simd] {
                self.run(contender, Kind::Delta, &mut snapshot.clone());
            }
        }
    }
}

fn check(decoded: Result<Decoded, evenkeel::venue::Malformed>) {
    assert!(matches!(decoded, Ok(Decoded::Book(_) | Decoded::Bbo(_))));
}

fn simd(
    kind: Kind,
    frame: &mut [u8],
    buffers: &mut simd_json::Buffers,
    kept: &mut [Kept],
    out: &mut Slots,
    events: bool,
) {
    use simd_json::serde::from_slice_with_buffers as parse;
    const SOUND: &str = "the messages are sound";
    match kind {
        Kind::Delta => {
            let frame: BookFrame<'_> = parse(frame, buffers).expect(SOUND);
            let kept = &mut kept[market(frame.channel)];
            if events {
                kept.apply(&frame.order_book, frame.kind.starts_with("sub"), out);
            } else {
                for row in frame.order_book.asks.iter().chain(&frame.order_book.bids) {
                    black_box(level(row));
                }
            }
        }
        Kind::Ticker => {
            let frame: TickerFrame<'_> = parse(frame, buffers).expect(SOUND);
            black_box(frame.nonce);
            let (bid, ask) = (level(&frame.ticker.b), level(&frame.ticker.a));
            if events {
                let inst = kept[market(frame.channel)].inst;
                let exch_ms = frame.ticker.last_updated_at / 1000;
                out.put(Event::Bbo { inst, decode_ns: 0, bid, ask, exch_ms, recv: RECV });
            } else {
                black_box((bid, ask));
            }
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
}

/// How the venue writes the numbers of a market: all its decimals.
struct Market {
    symbol: &'static str,
    id: u32,
    inst: InstId,
    mid_ticks: u64,
    price_places: usize,
    size_places: usize,
}

const MARKETS: [Market; 2] = [
    Market {
        symbol: "BTC",
        id: 1,
        inst: InstId(1),
        mid_ticks: 804_417,
        price_places: 1,
        size_places: 5,
    },
    Market {
        symbol: "SOL",
        id: 2,
        inst: InstId(2),
        mid_ticks: 101_114,
        price_places: 3,
        size_places: 3,
    },
];

fn decimal(units: u64, places: usize) -> String {
    let unit = 10u64.pow(places as u32);
    format!("{}.{:02$}", units / unit, units % unit, places)
}

impl Market {
    fn row(&self, ticks: u64, size: u64) -> String {
        let (price, size) = (decimal(ticks, self.price_places), decimal(size, self.size_places));
        format!(r#"{{"price":"{price}","size":"{size}"}}"#)
    }

    /// Sizes spread over the decades, as in a real book.
    fn size(&self, rng: &mut Rng) -> u64 {
        let decade = [100, 10_000, 1_000_000][rng.below(3) as usize];
        1 + rng.below(decade)
    }

    fn book(&self, rows: [&[String]; 2], kind: &str, begin: u64, nonce: u64, us: u64) -> String {
        let Market { id, .. } = self;
        let [bids, asks] = rows.map(|rows| rows.join(","));
        let offset = nonce % 10_000_000;
        let ms = us / 1000 + 20;
        format!(
            r#"{{"channel":"order_book:{id}","last_updated_at":{us},"offset":{offset},"order_book":{{"code":0,"asks":[{asks}],"bids":[{bids}],"offset":{offset},"nonce":{nonce},"last_updated_at":{us},"begin_nonce":{begin}}},"timestamp":{ms},"type":"{kind}/order_book"}}"#
        )
    }
}

const NONCE: u64 = 25_652_761_941;
const START_US: u64 = 1_792_918_164_414_954;

/// A hundred levels a side, two ticks apart.
fn snapshot(market: &Market, rng: &mut Rng) -> Vec<u8> {
    let mut side = |down: bool| -> Vec<String> {
        let at = |k: u64| if down { market.mid_ticks - 2 * k } else { market.mid_ticks + 2 * k };
        (1..=100).map(|k| market.row(at(k), market.size(rng))).collect()
    };
    let (bids, asks) = (side(true), side(false));
    market.book([&bids, &asks], "subscribed", 0, NONCE, START_US).into_bytes()
}

/// The messages take turns between the markets; each market's chain goes on.
fn messages(kind: Kind, rng: &mut Rng) -> Vec<Vec<u8>> {
    let mut last = [NONCE; MARKETS.len()];
    (0..MESSAGES)
        .map(|i| {
            let at = i % MARKETS.len();
            let market = &MARKETS[at];
            let us = START_US + 50_000 * (i as u64 + 1) + rng.below(20_000);
            let begin = last[at];
            last[at] += 1 + rng.below(90);
            let (nonce, mid) = (last[at], market.mid_ticks);
            match kind {
                Kind::Delta => {
                    let mut rows = |down: bool| {
                        let mut ticks: Vec<u64> =
                            (0..rng.below(7)).map(|_| 2 + rng.below(30)).collect();
                        ticks.sort_unstable();
                        ticks.dedup();
                        let price = |k: u64| if down { mid - k } else { mid + k };
                        ticks
                            .iter()
                            .map(|k| {
                                let gone = rng.below(10) < 4;
                                let size = if gone { 0 } else { market.size(rng) };
                                market.row(price(*k), size)
                            })
                            .collect::<Vec<String>>()
                    };
                    let (bids, mut asks) = (rows(true), rows(false));
                    // One change is at the top: a whole book has to be shown.
                    asks.insert(0, market.row(mid + 1, market.size(rng)));
                    market.book([&bids, &asks], "update", begin, nonce, us).into_bytes()
                }
                Kind::Ticker => {
                    let (ask, bid) = (
                        market.row(mid + 1 + rng.below(5), market.size(rng)),
                        market.row(mid - rng.below(5), market.size(rng)),
                    );
                    let (id, s, ms) = (market.id, market.symbol, us / 1000 + 4);
                    format!(
                        r#"{{"channel":"ticker:{id}","last_updated_at":{us},"nonce":{nonce},"ticker":{{"s":"{s}","a":{ask},"b":{bid},"last_updated_at":{us}}},"timestamp":{ms},"type":"update/ticker"}}"#
                    )
                    .into_bytes()
                }
            }
        })
        .collect()
}

/// Every contender makes the same events of every message, and the scanner takes them all.
fn verify(bench: &mut Bench, kind: Kind, snapshots: &[Vec<u8>], messages: &[Vec<u8>]) {
    bench.begin(snapshots);
    let slow = bench.codec.slow_frames();
    for message in messages {
        bench.run(Contender::Simd, kind, &mut message.clone());
        let want: Vec<Event> = bench.out.events[..bench.out.used].to_vec();
        assert!(!want.is_empty());
        for contender in [Contender::Ours, Contender::Cursor] {
            bench.run(contender, kind, &mut message.clone());
            assert_eq!(&bench.out.events[..bench.out.used], want, "{}", contender.name());
        }
    }
    assert_eq!(bench.codec.slow_frames(), slow, "the scanner takes the layout");
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
    let snapshots = MARKETS.each_ref().map(|market| snapshot(market, &mut rng));
    let mut json = String::from("[\n");
    for kind in Kind::ALL {
        let messages = messages(kind, &mut rng);
        verify(&mut bench, kind, &snapshots, &messages);
        let mut samples = Contender::ALL.map(|_| Vec::with_capacity(rounds));
        for round in 0..rounds + 1 {
            bench.begin(&snapshots);
            for (contender, samples) in Contender::ALL.into_iter().zip(&mut samples) {
                let ns = pass_ns(&mut bench, contender, kind, &messages);
                // The first round warms caches and predictors.
                if round > 0 {
                    samples.push(ns);
                }
            }
        }
        let medians = samples.each_mut().map(|samples| median(samples));
        let bytes = messages.iter().map(Vec::len).sum::<usize>() / messages.len();
        println!("{} ({bytes} bytes, {MESSAGES} messages, {rounds} rounds)", kind.name());
        println!("  {:44} {:>10} {:>10} {:>8}", "contender", "min ns", "median ns", "x ours");
        for ((contender, samples), ns) in Contender::ALL.into_iter().zip(&samples).zip(medians) {
            let (name, ratio) = (contender.name(), ns / medians[0]);
            println!("  {name:44} {:10.1} {ns:10.1} {ratio:8.2}", samples[0]);
            let _ = writeln!(
                json,
                r#"  {{"message":"{}","contender":"{name}","median_ns":{ns:.1},"ratio_to_ours":{ratio:.2}}},"#,
                kind.name()
            );
        }
        let reached = medians[2] / medians[0];
        let verdict = if reached >= GOAL { "met" } else { "NOT met" };
        println!("  goal >= {GOAL} x simd-json structs: {reached:.1} x, {verdict}");
        println!("  without a book: {:.1} x", medians[4] / medians[3]);
    }
    if !smoke {
        let json = json.trim_end_matches(",\n").to_owned() + "\n]\n";
        std::fs::create_dir_all("out/bench").expect("out/bench can be made");
        std::fs::write("out/bench/decode_lighter.json", json).expect("out/bench is writable");
    }
}
