//! Cold. Generated connections, flipped bits and damaged bytes: readers and slow book agree.

use crate::common::rng::Rng;
use crate::hl_shape::Json;
use crate::{Both, DELTA, NO_QUOTE, SNAPSHOT, SOL, TICKER, TRADES, oracle};
use evenkeel::units::{Qty, Side, raw_text};
use evenkeel::venue::lighter::feed::Decoded;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Every single bit of every fixture: readers and oracle still agree on what is to be seen.
#[test]
fn one_flipped_bit_never_changes_the_agreement() {
    let base = Both::after(&[SNAPSHOT]);
    let (mut refused, mut all) = (0, 0);
    for frame in [SNAPSHOT, DELTA, TICKER, NO_QUOTE, TRADES] {
        let mut both = base.clone();
        for at in 0..frame.len() {
            for bit in 0..8 {
                let mut damaged = frame.as_bytes().to_vec();
                damaged[at] ^= 1 << bit;
                let result = both.agree(&damaged);
                refused += u32::from(result.is_err());
                all += 1;
                if result.is_ok() {
                    both = base.clone();
                }
            }
        }
    }
    assert!(refused > all / 2, "{refused} of {all}");
}

/// A matching engine: changes with a counter and a clock, told by tickers at once and by changes of
/// the book some steps later.
struct Engine {
    rng: Rng,
    nonce: u64,
    us: u64,
    sides: [BTreeMap<i64, i64>; 2],
    /// Since the last message of the book.
    changed: [BTreeMap<i64, i64>; 2],
    told: u64,
}

const TICK: i64 = 100_000;

impl Engine {
    fn new(seed: u64) -> Engine {
        let mut engine = Engine {
            rng: Rng::new(seed),
            nonce: 25_652_761_941,
            us: 1_792_918_164_414_954,
            sides: Default::default(),
            changed: Default::default(),
            told: 0,
        };
        for i in 1..40 {
            engine.sides[0].insert(TICK * (100_000 - 3 * i), 100_000 * i);
            engine.sides[1].insert(TICK * (100_000 + 3 * i), 100_000 * i);
        }
        engine
    }

    /// One order more or less, near the top or far.
    fn step(&mut self) {
        self.nonce += 1 + self.rng.below(5);
        self.us += self.rng.below(900);
        let side = self.rng.below(2) as usize;
        let reach = self.rng.pick(&[4, 30, 200]);
        let off = self.rng.within(1, reach);
        let px = TICK * if side == 0 { 100_000 - off } else { 100_000 + off };
        let there = self.sides[side].contains_key(&px);
        let few = self.sides[side].len() < 25;
        let qty = if there && !few && self.rng.chance(600) {
            0
        } else {
            100_000 * self.rng.within(1, 99_999)
        };
        if qty == 0 {
            self.sides[side].remove(&px);
        } else {
            self.sides[side].insert(px, qty);
        }
        self.changed[side].insert(px, qty);
    }

    fn best(&self) -> [(i64, i64); 2] {
        let bid = self.sides[0].last_key_value().expect("never empty");
        let ask = self.sides[1].first_key_value().expect("never empty");
        [(*bid.0, *bid.1), (*ask.0, *ask.1)]
    }

    fn row((px, qty): (i64, i64)) -> Json {
        let text = |raw: i64| {
            Json::text(format!("{}.{:03}", raw / 100_000_000, raw % 100_000_000 / 100_000))
        };
        Json::Object(vec![("price", text(px)), ("size", text(qty))])
    }

    fn ticker(&self) -> Json {
        let [bid, ask] = self.best().map(Engine::row);
        let time = || Json::Plain(self.us.to_string());
        Json::Object(vec![
            ("channel", Json::text("ticker:2")),
            ("last_updated_at", time()),
            ("nonce", Json::Plain(self.nonce.to_string())),
            (
                "ticker",
                Json::Object(vec![
                    ("s", Json::text("SOL")),
                    ("a", ask),
                    ("b", bid),
                    ("last_updated_at", time()),
                ]),
            ),
            ("timestamp", Json::Plain((self.us / 1000 + 4).to_string())),
            ("type", Json::text("update/ticker")),
        ])
    }

    fn book(&mut self, snapshot: bool) -> Json {
        let list = |map: &BTreeMap<i64, i64>, down: bool| {
            let mut rows: Vec<(i64, i64)> = map.iter().map(|(px, qty)| (*px, *qty)).collect();
            if down {
                rows.reverse();
            }
            Json::List(rows.into_iter().map(Engine::row).collect())
        };
        let of = if snapshot { &self.sides } else { &self.changed };
        let (bids, asks) = (list(&of[0], true), list(&of[1], false));
        let begin = if snapshot { 0 } else { self.told };
        let number = |n: u64| Json::Plain(n.to_string());
        let book = Json::Object(vec![
            ("code", number(0)),
            ("asks", asks),
            ("bids", bids),
            ("offset", number(self.nonce % 1_000_000)),
            ("nonce", number(self.nonce)),
            ("last_updated_at", number(self.us)),
            ("begin_nonce", number(begin)),
        ]);
        self.told = self.nonce;
        self.changed = Default::default();
        let kind = if snapshot { "subscribed/order_book" } else { "update/order_book" };
        Json::Object(vec![
            ("channel", Json::text("order_book:2")),
            ("last_updated_at", number(self.us)),
            ("offset", number(self.nonce % 1_000_000)),
            ("order_book", book),
            ("timestamp", number(self.us / 1000 + 20)),
            ("type", Json::text(kind)),
        ])
    }
}

/// A connection of a few hundred messages: changes arrive late behind tickers, some are lost, some
/// come twice, and a snapshot follows each gap.
fn connection(seed: u64, shuffled: bool) {
    let mut engine = Engine::new(seed);
    let mut both = Both::new();
    let mut late: Vec<Json> = vec![engine.book(true)];
    let mut gaps = 0;
    for i in 0..300 {
        engine.step();
        let mut due = Vec::new();
        if engine.rng.chance(700) {
            due.push(engine.ticker());
        }
        if engine.rng.chance(300) {
            late.push(engine.book(false));
        }
        if engine.rng.chance(400) || i == 0 {
            due.append(&mut late);
        }
        for json in due {
            let copies = if engine.rng.chance(985) { 1 } else { engine.rng.below(2) * 2 };
            for _ in 0..copies {
                let mut frame = String::new();
                if shuffled {
                    frame = json.shuffled(engine.rng.next());
                } else {
                    json.compact(&mut frame);
                }
                let decoded = both.agree(frame.as_bytes()).expect("a sound frame");
                if let Decoded::Gap(..) = decoded {
                    gaps += 1;
                    late = vec![engine.book(true)];
                }
            }
        }
    }
    let slow = both.fast.slow_frames();
    assert!(shuffled || slow == 0, "{slow} frames in the venue's layout were not scanned");
    assert_eq!(both.fast.counts().gaps, gaps);
}

#[test]
fn connections_agree_with_the_slow_book() {
    for seed in 0..60 {
        connection(seed, seed % 4 == 3);
    }
}

/// Snippets of JSON that may stand in a damaged frame.
fn damage() -> impl Strategy<Value = Vec<(usize, Vec<u8>, usize)>> {
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..3),
        Just(b"\"".to_vec()),
        Just(b"}".to_vec()),
        Just(b"0".to_vec()),
        Just(b"-".to_vec()),
        Just(b"9999".to_vec()),
        Just(b",".to_vec()),
        Just(b" ".to_vec()),
    ];
    proptest::collection::vec((any::<usize>(), bytes, 0usize..3), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Bytes replaced, removed and put in: no panic, and never another meaning than the oracle's.
    #[test]
    fn damaged_frames_are_never_misread(which in 0usize..5, damages in damage()) {
        let mut both = Both::after(&[SNAPSHOT]);
        let mut frame = [SNAPSHOT, DELTA, TICKER, NO_QUOTE, TRADES][which].as_bytes().to_vec();
        for (at, bytes, cut) in damages {
            let at = at % (frame.len() + 1);
            let end = (at + cut).min(frame.len());
            frame.splice(at..end, bytes);
        }
        prop_assume!(!oracle::beyond_parsers(&frame));
        let _ = both.agree(&frame);
    }

    /// Numbers of every length that fits a field, and those that do not.
    #[test]
    fn every_size_is_exact(whole in 0u64..100_000_000, places in "[0-9]{0,9}", dot in any::<bool>()) {
        let text = if dot { format!("{whole}.{places}") } else { whole.to_string() };
        let frame = DELTA.replace("4.250", &text);
        let mut both = Both::after(&[SNAPSHOT]);
        let result = both.agree(frame.as_bytes());
        if let Ok(raw) = oracle::exact(&text) {
            prop_assert!(result.is_ok());
            let best = both.fast.kept(SOL, Side::Sell).next().expect("asks are left");
            if raw > 0 {
                prop_assert_eq!(best.qty, Qty(raw), "{} {}", text, raw_text(raw));
            }
        }
    }
}
