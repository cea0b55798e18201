//! Recorded markets: reading, refusals, and the rule of the queue. The fixture is invented.

mod sim_desk;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use evenkeel::event::Tif;
use evenkeel::ops::calibrate::{CalibrateArgs, run};
use evenkeel::sim::exchange::*;
use evenkeel::sim::recording::{Recording, RecordingError};
use evenkeel::units::{Nanos, Notional, Price, Qty, Side};

use sim_desk::*;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/recording")
}

fn at(ms: u64) -> Nanos {
    Nanos::from_millis(ms)
}

fn open() -> Recording {
    Recording::open(&fixture(), "TEST").unwrap_or_else(|e| panic!("{e}"))
}

/// A folder of its own with a copy of the fixture in which one file is changed.
fn changed(name: &str, file: &str, change: impl Fn(String) -> String) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&dir).expect("a folder");
    for one in ["orderbooks_TEST.csv", "prices_TEST.csv", "trades_TEST.csv"] {
        let text = fs::read_to_string(fixture().join(one)).expect("the fixture");
        let text = if one == file { change(text) } else { text };
        fs::write(dir.join(one), text).expect("written");
    }
    dir
}

fn levels(x: &Exchange, side: Side) -> Vec<(Price, Qty)> {
    x.levels(SOL, side, 20).map(|l| (l.px, l.qty)).collect()
}

#[test]
fn books_and_bbos_are_reproduced() {
    let mut desk = Desk::empty();
    let mut recording = open();
    assert_eq!((recording.start(), recording.end()), (at(1000), at(9000)));
    // 4 books, 2 BBOs and 3 trades; a trade and a BBO from before the first book and a repeated
    // trade are out.
    assert_eq!((recording.len(), recording.dropped_trades()), (9, 2));
    recording.step(&mut desk.x, at(1999));
    let bids = [(px("100"), qty("5")), (px("99.99"), qty("5.25")), (px("99.98"), qty("0.04"))];
    assert_eq!(levels(&desk.x, Side::Buy), bids);
    assert_eq!(recording.next_at(), Some(at(2000)));
    recording.step(&mut desk.x, at(2000));
    let asks = [(px("100.02"), qty("3")), (px("100.03"), qty("5")), (px("100.04"), qty("5"))];
    assert_eq!(levels(&desk.x, Side::Sell), asks);
    recording.step(&mut desk.x, at(10_000));
    assert_eq!(levels(&desk.x, Side::Buy), [(px("100.2"), qty("6")), (px("100.19"), qty("7"))]);
    assert_eq!((recording.next_at(), desk.x.now()), (None, at(10_000)));
    let tape = std::iter::from_fn(|| desk.x.poll(at(10_000)));
    let tape: Vec<Notice> = tape.map(|n| n.1).collect();
    let tape: Vec<_> = trades(&tape).iter().map(|t| (t.side, t.px, t.qty, t.at)).collect();
    // Printed whole, although nothing was known at 100.05.
    let want = [
        (Side::Buy, px("100.03"), qty("3"), at(4000)),
        (Side::Buy, px("100.03"), qty("1.5"), at(5000)),
        (Side::Buy, px("100.05"), qty("2"), at(6000)),
    ];
    assert_eq!(tape.iter().map(|t| t.2.0).sum::<i64>(), want.iter().map(|t| t.2.0).sum::<i64>());
    assert_eq!(tape.last(), Some(&want[2]));
    assert_eq!(tape[0], want[0]);
}

#[test]
fn an_order_waits_for_what_is_ahead_of_it() {
    let mut desk = Desk::empty();
    let mut recording = open();
    recording.step(&mut desk.x, at(1500));
    let ask = desk.rest(new(Side::Sell, "100.03", "1", Tif::Alo));
    let mut left_at = |ms: u64| {
        recording.step(&mut desk.x, at(ms));
        desk.status(ask).left
    };
    // 5 ahead; at 3000 the level shows 4, so 4 are ahead; at 4000 a trade takes 3 of them.
    assert_eq!(left_at(4000), qty("1"));
    // 1 ahead, 1.5 trade: half of ours.
    assert_eq!(left_at(5000), qty("0.5"));
    // A trade at 100.05 goes through us, and is printed whole.
    assert_eq!(left_at(6000), qty("0"));
    let fill = desk.x.fills(desk.me).next_back().copied().expect("a fill");
    assert_eq!(
        (fill.px, fill.qty, fill.taker, fill.at),
        (px("100.03"), qty("0.5"), false, at(6000))
    );
    let notices = desk.drain();
    let last = trades(&notices).last().copied().expect("trades");
    assert_eq!(
        (last.px, last.qty, last.buyer, last.seller),
        (px("100.05"), qty("1.5"), CROWD, CROWD)
    );
    assert_eq!((desk.position(), desk.x.imbalance()), (qty("-1"), Notional(0)));
}

#[test]
fn a_recorded_bid_at_our_ask_trades_with_it() {
    let mut desk = Desk::empty();
    let mut recording = open();
    recording.step(&mut desk.x, at(7500));
    let ask = desk.rest(new(Side::Sell, "100.2", "1", Tif::Alo));
    recording.step(&mut desk.x, at(8000));
    assert_eq!(desk.status(ask).status, OrderStatus::Filled);
    recording.step(&mut desk.x, at(9000));
    assert_eq!(desk.x.bbo(SOL).bid.map(|l| (l.px, l.qty)), Some((px("100.2"), qty("6"))));
}

#[test]
fn what_we_take_is_back_with_the_next_book() {
    let mut desk = Desk::empty();
    let mut recording = open();
    recording.step(&mut desk.x, at(1500));
    desk.fill(Side::Buy, "100.03", "7");
    assert_eq!(levels(&desk.x, Side::Sell)[0], (px("100.03"), qty("3")));
    recording.step(&mut desk.x, at(3000));
    assert_eq!(levels(&desk.x, Side::Sell)[0], (px("100.02"), qty("3")));
}

#[test]
fn it_plays_at_any_time_and_again() {
    let mut recording = open().starting_at(at(50_000));
    assert_eq!((recording.next_at(), recording.end()), (Some(at(50_000)), at(58_000)));
    let mut desk = Desk::empty();
    recording.step(&mut desk.x, at(60_000));
    assert_eq!(recording.next_at(), None);
    recording.rewind(at(70_000));
    assert_eq!(recording.next_at(), Some(at(70_000)));
}

#[test]
fn zipped_files_are_read() {
    let dir = changed("zipped", "", |t| t);
    for one in ["orderbooks", "prices", "trades"] {
        let plain = dir.join(format!("{one}_TEST.csv"));
        let text = fs::read(&plain).expect("a file");
        let out = fs::File::create(dir.join(format!("{one}_TEST.csv.gz"))).expect("a file");
        let mut zip = flate2::write::GzEncoder::new(out, flate2::Compression::fast());
        zip.write_all(&text).and_then(|()| zip.finish()).expect("zipped");
        fs::remove_file(plain).expect("removed");
    }
    assert_eq!(Recording::open(&dir, "TEST").map(|r| r.len()), Ok(9));
    fs::write(dir.join("trades_TEST.csv.gz"), b"no zip").expect("written");
    let error = Recording::open(&dir, "TEST").unwrap_err();
    assert!(matches!(error, RecordingError::Unreadable { .. }), "{error}");
    fs::remove_dir_all(dir).expect("removed");
}

#[test]
fn refusals_name_the_place_and_the_remedy() {
    let nowhere = Recording::open(Path::new("no/such/folder"), "TEST").unwrap_err();
    assert!(matches!(nowhere, RecordingError::NoFolder(_)));
    assert!(nowhere.to_string().starts_with("no/such/folder: no such folder; a recording is"));
    let other = Recording::open(&fixture(), "OTHER").unwrap_err();
    assert!(other.to_string().contains("orderbooks_OTHER.csv(.gz): no such file"), "{other}");
    for (name, file, from, to, want) in [
        ("column", "trades_TEST.csv", "trade_id", "id", "no column `trade_id`"),
        ("number", "trades_TEST.csv", "100.05", "100,05", "trades_TEST.csv:5: "),
        ("float", "trades_TEST.csv", ",12,4000", ",12,4e3", ":3: not a whole number"),
        ("side", "trades_TEST.csv", "1.5,buy", "1.5,bid", ":4: side is neither buy nor sell"),
        ("zero", "trades_TEST.csv", "1.5,buy", "0,buy", ":4: a price or a size is not positive"),
        ("precise", "trades_TEST.csv", "1.5,buy", "1e-9,buy", ":4: more than 8 decimal places"),
        ("bbo", "prices_TEST.csv", "99.92,1,ask", "99.9,1,ask", ":3: a crossed BBO"),
        ("pair", "prices_TEST.csv", "bid", "ask", ":2: an ask row without its bid row"),
        ("book", "orderbooks_TEST.csv", "100.02,5", "100.00,5", ":2: an empty, crossed or"),
        ("order", "orderbooks_TEST.csv", "99.99,5.25", "100.01,5.25", ":2: an empty, crossed or"),
    ] {
        let dir = changed(name, file, |text| text.replace(from, to));
        let error = Recording::open(&dir, "TEST").unwrap_err().to_string();
        assert!(error.contains(want) && error.contains(file), "{name}: {error}");
        fs::remove_dir_all(dir).expect("removed");
    }
    let dir = changed("empty", "orderbooks_TEST.csv", |text| {
        text.lines().take(1).collect::<String>() + "\n"
    });
    assert!(matches!(Recording::open(&dir, "TEST"), Err(RecordingError::Empty(_))));
    fs::remove_dir_all(dir).expect("removed");
}

#[test]
fn the_calibrate_verb_prints_a_table_and_json() {
    let dir = changed("verb", "", |t| t);
    for one in ["orderbooks", "prices", "trades"] {
        let from = dir.join(format!("{one}_TEST.csv"));
        fs::rename(from, dir.join(format!("{one}_SOL.csv"))).expect("renamed");
    }
    let mut args =
        CalibrateArgs { data: dir.clone(), symbol: "SOL".into(), runs: 2, seed: 1, json: false };
    let mut out = Vec::new();
    run(&args, &mut out).unwrap_or_else(|e| panic!("{e}"));
    let table = String::from_utf8(out).expect("text");
    assert!(table.starts_with("SOL, mean of 2 runs"), "{table}");
    let spread = table.lines().find(|l| l.starts_with("spread median")).expect("a line");
    // 2 bps: a tick of 0.01 twice at 100.
    assert!(spread.contains("1.9"), "{spread}");
    args.json = true;
    let mut out = Vec::new();
    run(&args, &mut out).unwrap_or_else(|e| panic!("{e}"));
    let json: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
    assert_eq!(json.as_array().map(Vec::len), Some(27));
    args.data = "no/such/folder".into();
    let error = run(&args, &mut Vec::new()).unwrap_err().to_string();
    assert!(error.starts_with("no/such/folder"), "{error}");
    fs::remove_dir_all(dir).expect("removed");
}
