//! Cold. The `l2` channel against an oracle that keeps whole books, with bytes changed, and with books
//! that do not fit.

use std::io::Write;

use evenkeel::event::{Event, GapReason, Level, Stamp};
use evenkeel::instrument::{InstId, Symbol};
use evenkeel::units::SCALE;
use evenkeel::venue::hyperliquid::feed::{Decoded, FeedCodec};
use flate2::{Compression, write::DeflateEncoder};
use proptest::prelude::*;

const SOL: InstId = InstId(0);
const T: u64 = 1_791_480_444_000;

fn codec() -> FeedCodec {
    let markets = [(SOL, Symbol::new("SOL").unwrap()), (InstId(1), Symbol::new("BTC").unwrap())];
    FeedCodec::new(&markets).with_deltas(true)
}

/// A side as the venue holds it: all levels, best first, price and size in whole units.
type Rows = Vec<(i64, i64)>;

fn list(rows: &Rows, px: &str, qty: &str, more: &str) -> String {
    let row = |(p, q): &(i64, i64)| format!("{{\"{px}\":\"{p}\",\"{qty}\":\"{q}\"{more}}}");
    format!("[{}]", rows.iter().map(row).collect::<Vec<_>>().join(","))
}

fn snapshot(book: &[Rows; 2]) -> String {
    let side = |i: usize| list(&book[i], "px", "sz", ",\"n\":1");
    format!(
        "{{\"channel\":\"l2\",\"data\":{{\"s\":{{\"coin\":\"SOL\",\"time\":{T},\"levels\":[{},{}]}}}}}}",
        side(0),
        side(1)
    )
}

/// What has changed from one top twenty to the next.
fn change(before: &[Rows; 2], after: &[Rows; 2]) -> String {
    let gone = |i: usize| {
        let kept = |px: i64| after[i].iter().any(|r| r.0 == px);
        let places = before[i].iter().enumerate().filter(|(_, r)| !kept(r.0));
        places.map(|(at, _)| at.to_string()).collect::<Vec<_>>().join(",")
    };
    let set = |i: usize| {
        let rows = after[i].iter().filter(|r| !before[i].contains(r)).copied();
        // In no order: the reader sorts.
        list(&rows.rev_if(i == 0), "p", "s", "")
    };
    format!(
        "{{\"c\":\"SOL\",\"t\":{T},\"l\":[{},{}],\"r\":[[{}],[{}]]}}",
        set(0),
        set(1),
        gone(0),
        gone(1)
    )
}

trait RevIf {
    fn rev_if(self, yes: bool) -> Rows;
}

impl<I: DoubleEndedIterator<Item = (i64, i64)>> RevIf for I {
    fn rev_if(self, yes: bool) -> Rows {
        if yes { self.rev().collect() } else { self.collect() }
    }
}

fn base64(bytes: &[u8]) -> String {
    const SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let word = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            let symbol = SYMBOLS[(word >> (18 - 6 * i)) as usize & 63] as char;
            text.push(if i <= chunk.len() { symbol } else { '=' });
        }
    }
    text
}

fn packed(text: &str) -> String {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    format!("{{\"channel\":\"l2\",\"data\":{{\"c\":\"{}\"}}}}", base64(&encoder.finish().unwrap()))
}

fn plain(text: &str) -> String {
    format!("{{\"channel\":\"l2\",\"data\":{{\"u\":{text}}}}}")
}

/// The book that a frame's events make.
fn book_of(events: &[Event]) -> [Rows; 2] {
    let mut book = [Vec::new(), Vec::new()];
    for event in events {
        match *event {
            Event::Levels { side, count, levels, .. } => {
                let row = |l: &Level| (l.px.0 / SCALE, l.qty.0 / SCALE);
                book[side.index()].extend(levels[..usize::from(count)].iter().map(row));
            }
            Event::BookEnd { bids, asks, .. } => {
                assert_eq!([bids, asks].map(usize::from), [book[0].len(), book[1].len()]);
            }
            other => panic!("{other:?}"),
        }
    }
    book
}

fn decode(codec: &mut FeedCodec, frame: &str) -> (Result<Decoded, ()>, Vec<Event>) {
    let mut events = Vec::new();
    let decoded = codec.decode(frame.as_bytes(), Stamp(1), &mut events).map_err(|_| ());
    (decoded, events)
}

/// Twenty a side of a book whose levels come, go and change.
fn steps() -> impl Strategy<Value = Vec<[Rows; 2]>> {
    let side =
        |prices: std::ops::Range<i64>| prop::collection::btree_map(prices, 1..4i64, 0..30usize);
    let book = (side(1..40), side(41..80)).prop_map(|(bids, asks)| {
        let bids: Rows = bids.into_iter().rev().take(20).collect();
        [bids, asks.into_iter().take(20).collect::<Rows>()]
    });
    prop::collection::vec(book, 2..8)
}

proptest! {
    #[test]
    fn a_book_made_of_changes_is_the_whole_one(steps in steps(), pack in any::<[bool; 8]>()) {
        let mut codec = codec();
        let (first, events) = decode(&mut codec, &snapshot(&steps[0]));
        prop_assert_eq!(first, Ok(Decoded::Book(SOL)));
        prop_assert_eq!(book_of(&events), steps[0].clone());
        for (i, pair) in steps.windows(2).enumerate() {
            let text = change(&pair[0], &pair[1]);
            let frame = if pack[i] { packed(&text) } else { plain(&text) };
            let (done, events) = decode(&mut codec, &frame);
            prop_assert_eq!(done, Ok(Decoded::Book(SOL)), "{}", frame);
            prop_assert_eq!(book_of(&events), pair[1].clone(), "{}", frame);
        }
    }

    #[test]
    fn changed_bytes_end_in_a_book_or_a_refusal(
        steps in steps(), pack in any::<bool>(), at in any::<prop::sample::Index>(), byte in any::<u8>()
    ) {
        let mut codec = codec();
        let _ = decode(&mut codec, &snapshot(&steps[0])).0.unwrap();
        let text = change(&steps[0], &steps[1]);
        let mut frame = if pack { packed(&text) } else { plain(&text) }.into_bytes();
        let at = at.index(frame.len());
        frame[at] = byte;
        let mut events = Vec::new();
        let done = codec.decode(&frame, Stamp(1), &mut events);
        if done.is_err() {
            prop_assert!(events.is_empty(), "half a message left");
        }
        // Whatever that was, a frame after it is no danger either.
        let _ = codec.decode(packed(&text).as_bytes(), Stamp(2), &mut events);
    }
}

fn quoted() -> [Rows; 2] {
    [vec![(10, 1), (9, 2)], vec![(11, 1), (12, 2)]]
}

#[test]
fn places_are_those_before_the_change() {
    let mut codec = codec();
    let _ = decode(&mut codec, &snapshot(&quoted())).0.unwrap();
    // The best bid goes, and comes back at another price in the same message.
    let text = format!(
        "{{\"r\":[[0],[]],\"l\":[[{{\"s\":\"3\",\"p\":\"8\"}}],[]],\"t\":{T},\"c\":\"SOL\"}}"
    );
    let (done, events) = decode(&mut codec, &plain(&text));
    assert_eq!(done, Ok(Decoded::Book(SOL)));
    assert_eq!(book_of(&events), [vec![(9, 2), (8, 3)], vec![(11, 1), (12, 2)]]);
}

/// What does not fit ends the channel: a gap for every market, and `l2Book` from then on.
#[test]
fn what_does_not_fit_is_refused_and_the_documented_channel_comes_back() {
    let bomb = {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![b' '; 1 << 20]).unwrap();
        let bytes = encoder.finish().unwrap();
        format!("{{\"channel\":\"l2\",\"data\":{{\"c\":\"{}\"}}}}", base64(&bytes))
    };
    let change =
        |l: &str, r: &str| plain(&format!("{{\"c\":\"SOL\",\"t\":{T},\"l\":{l},\"r\":{r}}}"));
    let many = (100..120).map(|p| format!("{{\"p\":\"{p}\",\"s\":\"1\"}}")).collect::<Vec<_>>();
    let many = format!("[[],[{}]]", many.join(","));
    let wrong = [
        change("[[],[]]", "[[2],[]]"),
        change("[[],[]]", "[[0,0],[]]"),
        change("[[],[]]", "[[20],[]]"),
        change("[[],[]]", "[[]]"),
        change("[[],[],[]]", "[[],[]]"),
        change("[[{\"p\":\"0\",\"s\":\"1\"}],[]]", "[[],[]]"),
        change("[[{\"p\":\"5\",\"s\":\"0\"}],[]]", "[[],[]]"),
        change(&many, "[[],[]]"),
        plain("{}"),
        "{\"channel\":\"l2\",\"data\":{}}".to_owned(),
        "{\"channel\":\"l2\",\"data\":{\"c\":\"AAA\"}}".to_owned(),
        "{\"channel\":\"l2\",\"data\":{\"c\":\"AAAA====\"}}".to_owned(),
        "{\"channel\":\"l2\",\"data\":{\"c\":\"\"}}".to_owned(),
        packed("{\"c\":\"SOL\"} {}"),
        bomb,
    ];
    for frame in wrong {
        let mut codec = codec();
        let asked = codec.subscriptions().join("");
        assert!(asked.contains("{\"type\":\"l2\",\"c\":\"SOL\"}") && !asked.contains("l2Book"));
        let _ = decode(&mut codec, &snapshot(&quoted())).0.unwrap();
        assert_eq!(decode(&mut codec, &frame).0, Err(()), "{frame}");
        let asked = codec.resubscribe(SOL);
        assert_eq!(asked.len(), 3, "{asked:?}");
        assert!(asked[0].contains("unsubscribe") && asked[0].contains("{\"type\":\"l2\","));
        assert!(asked[2].contains("\"subscribe\"") && asked[2].contains("l2Book"));
        assert!(codec.subscriptions().join("").contains("l2Book"));
        // What still comes of the channel is not read any more.
        let (late, events) = decode(&mut codec, &snapshot(&quoted()));
        assert_eq!((late, events.len()), (Ok(Decoded::UnknownChannel), 0));
    }
    // A change without a snapshot.
    let frame = change("[[],[]]", "[[],[]]");
    assert_eq!(decode(&mut codec(), &frame).0, Err(()));
    // A market that the session does not have is nobody's fault.
    let frame = frame.replace("SOL", "ETH");
    assert_eq!(decode(&mut codec(), &frame).0, Ok(Decoded::UnknownMarket));
}

#[test]
fn a_refused_subscription_is_a_gap_that_asks_for_the_other_channel() {
    let mut codec = codec();
    let refusal =
        "{\"channel\":\"error\",\"data\":\"Error parsing JSON into valid websocket request: x\"}";
    let (_, events) = decode(&mut codec, refusal);
    let gap = |inst| Event::Gap { inst, reason: GapReason::Sequence, recv: Stamp(1) };
    assert_eq!(events, [gap(SOL), gap(InstId(1))]);
    assert!(codec.subscriptions().join("").contains("l2Book"));
    // Once.
    assert_eq!(decode(&mut codec, refusal).1, []);
}
