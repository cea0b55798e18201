//! Cold. Books that are read to a depth: the best levels are those of the whole book, what is passed
//! over changes nothing, and what is cut or misplaced is still refused.

use evenkeel::book::{Applied, Book};
use evenkeel::event::{Event, Level, Stamp};
use evenkeel::instrument::{InstId, Symbol};
use evenkeel::units::{Nanos, Price, Qty, SCALE, Side};
use evenkeel::venue::hyperliquid::feed::{FeedCodec, LEVELS_MAX};

#[path = "common/rng.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod rng;

use rng::Rng;

const INST: InstId = InstId(0);
const MS: u64 = 1_791_480_679_642;

fn codec(depth: usize) -> FeedCodec {
    FeedCodec::new(&[(INST, Symbol::new("SOL").unwrap())]).with_depths(&[depth as u8])
}

/// A sorted side of `count` levels away from 100.
fn side(of: Side, count: usize, rng: &mut Rng) -> Vec<Level> {
    let mut px = 10_000;
    let level = |_| {
        px -= of.sign() * (1 + rng.below(30) as i64);
        Level { px: Price(px * SCALE / 100), qty: Qty((1 + rng.below(1 << 40)) as i64) }
    };
    (0..count).map(level).collect()
}

/// The frame of a book in one of the two layouts that are scanned.
fn frame(sides: &[Vec<Level>; 2], documented: bool, rng: &mut Rng) -> String {
    let text = |raw: i64| evenkeel::units::raw_text(raw);
    let mut level = |l: &Level| {
        let (px, sz, n) = (text(l.px.0), text(l.qty.0), 1 + rng.below(99_999));
        if documented {
            format!(r#"{{"px":"{px}","sz":"{sz}","n":{n}}}"#)
        } else {
            format!(r#"{{"n":{n},"px":"{px}","sz":"{sz}"}}"#)
        }
    };
    let mut rows =
        |levels: &Vec<Level>| levels.iter().map(&mut level).collect::<Vec<_>>().join(",");
    let [bids, asks] = [rows(&sides[0]), rows(&sides[1])];
    if documented {
        let data = format!(r#""coin":"SOL","time":{MS},"levels":[[{bids}],[{asks}]]"#);
        format!(r#"{{"channel":"l2Book","data":{{{data}}}}}"#)
    } else {
        let data = format!(r#""coin":"SOL","levels":[[{bids}],[{asks}]],"time":{MS}"#);
        format!(r#"{{"channel":"l2Book","data":{{{data}}}}}"#)
    }
}

/// The book that a frame's events make; `None` when the frame is refused, and then there are none.
fn read(codec: &mut FeedCodec, frame: &[u8], scanned: bool) -> Option<[Vec<Level>; 2]> {
    let mut events = Vec::new();
    let result = if scanned {
        codec.decode(frame, Stamp(1), &mut events)
    } else {
        codec.decode_exact(frame, Stamp(1), &mut events)
    };
    if result.is_err() {
        assert!(events.is_empty(), "a refused frame emits nothing");
        return None;
    }
    let mut book = Book::default();
    for event in events {
        match event {
            Event::Levels { side, start, count, levels, .. } => {
                book.stage(side, start, &levels, count);
            }
            Event::BookEnd { bids, asks, exch_ms, .. } => {
                assert_eq!(exch_ms, MS);
                assert_eq!(book.end(bids, asks, exch_ms, Nanos(1)), Applied::Changed);
            }
            other => panic!("{other:?}"),
        }
    }
    Some(Side::BOTH.map(|side| book.levels(side).to_vec()))
}

#[test]
fn the_best_levels_are_those_of_the_whole_book() {
    let mut rng = Rng::new(11);
    for round in 0..600 {
        let depth = 1 + rng.below(LEVELS_MAX as u64) as usize;
        let counts = [(); 2].map(|()| 1 + rng.below(LEVELS_MAX as u64) as usize);
        let sides = [side(Side::Buy, counts[0], &mut rng), side(Side::Sell, counts[1], &mut rng)];
        let text = frame(&sides, round % 2 == 0, &mut rng);
        let want = sides.map(|levels| levels[..levels.len().min(depth)].to_vec());
        let mut codec = codec(depth);
        let slow = codec.slow_frames();
        assert_eq!(read(&mut codec, text.as_bytes(), true), Some(want.clone()), "{depth}: {text}");
        assert_eq!(codec.slow_frames(), slow, "the scanner takes it: {text}");
        assert_eq!(read(&mut codec, text.as_bytes(), false), Some(want), "{depth}: {text}");
    }
}

#[test]
fn a_book_that_is_cut_anywhere_is_refused_at_every_depth() {
    let mut rng = Rng::new(12);
    for documented in [true, false] {
        let sides = [side(Side::Buy, 6, &mut rng), side(Side::Sell, 5, &mut rng)];
        let text = frame(&sides, documented, &mut rng);
        for depth in [1, 3, 5, 6, 20] {
            for end in 0..text.len() {
                assert_eq!(read(&mut codec(depth), &text.as_bytes()[..end], true), None, "{end}");
            }
        }
    }
}

/// Any byte of a frame changed to any of those that structure is made of: either it is refused, or
/// the levels that are read are those of the cursor, or the byte was one that is passed over.
#[test]
fn what_is_passed_over_never_changes_what_is_read() {
    let mut rng = Rng::new(13);
    for documented in [true, false] {
        let sides = [side(Side::Buy, 5, &mut rng), side(Side::Sell, 5, &mut rng)];
        let text = frame(&sides, documented, &mut rng);
        let want = sides.map(|levels| levels[..2].to_vec());
        let mut codec = codec(2);
        for at in 0..text.len() {
            for byte in *b"[]{},:\"\\0x \xff" {
                let mut bytes = text.clone().into_bytes();
                bytes[at] = byte;
                let scanned = read_quietly(&mut codec, &bytes, true);
                let exact = read_quietly(&mut codec, &bytes, false);
                let same = scanned == exact || scanned.as_ref() == Some(&want);
                assert!(same, "{}", String::from_utf8_lossy(&bytes));
            }
        }
    }
}

/// As [`read`] for bytes that may say anything: another market, a time, a book that is not sorted.
fn read_quietly(codec: &mut FeedCodec, frame: &[u8], scanned: bool) -> Option<[Vec<Level>; 2]> {
    let mut events = Vec::new();
    let result = if scanned {
        codec.decode(frame, Stamp(1), &mut events)
    } else {
        codec.decode_exact(frame, Stamp(1), &mut events)
    };
    if result.is_err() {
        return None;
    }
    let mut sides = [Vec::new(), Vec::new()];
    for event in events {
        if let Event::Levels { side, count, levels, .. } = event {
            sides[side.index()].extend(&levels[..usize::from(count)]);
        }
    }
    Some(sides)
}
