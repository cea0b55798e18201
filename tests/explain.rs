//! `evenkeel explain`: a journal of known inputs, and what is told of it.

use evenkeel::config::Config;
use evenkeel::core::{Core, CoreConfig, Outputs};
use evenkeel::event::{
    CancelReason, Event, GapReason, Input, LEVELS_PER_EVENT, Level, Link, OrderId, RejectReason,
    Stamp,
};
use evenkeel::instrument::InstId;
use evenkeel::journal::Record;
use evenkeel::journal::file::{Reader, Writer};
use evenkeel::journal::header::Header;
use evenkeel::ops::check::rules;
use evenkeel::ops::exit;
use evenkeel::ops::explain::{Answer, ExplainArgs, Moment, Question, answer};
use evenkeel::units::{Nanos, Price, Qty, Side, parse_raw};

const START: u64 = 1_790_000_000_000_000_000;
const SOL: InstId = InstId(0);
const STAMP: Stamp = Stamp(1);

fn raw(text: &str) -> i64 {
    parse_raw(text.as_bytes()).expect("a literal of this test")
}

/// The shipped profile, with requotes as quick as the story is.
const LAYERS: [(&str, &str); 2] = [
    (include_str!("../config/examples/lighter-sol.toml"), "lighter-sol.toml"),
    (
        "[[market]]\nsymbol = \"SOL\"\n[market.requote]\ntolerance_bps = \"0.5\"\nmin_rest_ms = 250",
        "x",
    ),
];

fn config() -> CoreConfig {
    let config = Config::layered(&LAYERS, &[], &[]).unwrap_or_else(|e| panic!("{e}"));
    let mut core = config.core(&[rules::shipped()[0].spec]).unwrap_or_else(|e| panic!("{e}"));
    // Nobody proves or answers here.
    core.standing = Default::default();
    core
}

/// A core whose inputs, actions and notes are written as the sequencer writes them.
struct Recorder {
    core: Core,
    out: Outputs,
    now: Nanos,
    exch_ms: u64,
    records: Vec<Record>,
}

impl Recorder {
    fn new() -> Recorder {
        let config = config();
        Recorder {
            core: Core::new(&config).expect("usable"),
            out: Outputs::for_instruments(1),
            now: Nanos(START),
            exch_ms: START / 1_000_000,
            records: Vec::new(),
        }
    }

    fn put(&mut self, event: Event) {
        let input = Input { now: self.now, event };
        self.records.push(Record::Input(input));
        self.core.apply(&input, &mut self.out);
        let actions = self.out.actions.iter().map(|(action, _)| Record::Action(action.get()));
        self.records.extend(actions);
        self.records.extend(self.out.notes.iter().map(|note| Record::Note(*note)));
        self.out.clear();
    }

    fn decide(&mut self) {
        self.put(Event::Decide { drained: 1 });
    }

    fn wait(&mut self, ms: u64) {
        self.now = Nanos(self.now.0 + ms * 1_000_000);
        self.exch_ms += ms;
    }

    /// A book of three levels a side, `half` around `mid`.
    fn book(&mut self, mid: &str) {
        for side in Side::BOTH {
            let level = |i: i64| {
                let away = raw("0.01") * (i + 1);
                Level { px: Price(raw(mid) - side.sign() * away), qty: Qty(raw("5")) }
            };
            let levels: [Level; LEVELS_PER_EVENT] = [level(0), level(1), level(2)];
            self.put(Event::Levels { inst: SOL, side, start: 0, count: 3, levels });
        }
        let (exch_ms, recv) = (self.exch_ms, STAMP);
        self.put(Event::BookEnd { inst: SOL, bids: 3, asks: 3, decode_ns: 1, exch_ms, recv });
    }

    fn bytes(self) -> Vec<u8> {
        file(&self.records)
    }
}

fn file(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, "header").expect("a Vec takes everything");
    for record in records {
        writer.write(record).expect("a Vec takes everything");
    }
    bytes
}

fn id(counter: u64) -> OrderId {
    OrderId::new(counter, SOL)
}

/// Both sides quoted at 143; the bid (#1) fills after two seconds; the mid then falls to 142.9,
/// 142.8 and 142.5 where its markouts are taken. The hedger sells (#4).
fn story() -> Recorder {
    let mut r = Recorder::new();
    r.put(Event::LinkUp { link: Link::Orders, recv: STAMP });
    r.put(Event::Position { inst: SOL, qty: Qty(0), entry: Price(0), recv: STAMP });
    r.put(Event::Reconciled { open_orders: 0, recv: STAMP });
    r.book("143");
    r.decide();
    r.wait(3);
    r.put(Event::Ack { order: id(1), venue_oid: 77, resting: true, recv: STAMP });
    r.put(Event::Ack { order: id(1), venue_oid: 77, resting: true, recv: STAMP });
    r.put(Event::Ack { order: id(2), venue_oid: 78, resting: true, recv: STAMP });
    r.wait(1_997);
    // At the same moment the venue says once more that it had the order, now without resting.
    r.put(Event::Ack { order: id(1), venue_oid: 77, resting: false, recv: STAMP });
    let (px, qty) = (Price(raw("142.914")), Qty(raw("0.106")));
    let (side, exch_ms) = (Side::Buy, r.exch_ms);
    r.put(Event::Fill {
        inst: SOL,
        side,
        taker: false,
        order: id(1),
        px,
        qty,
        fee: raw("0.001"),
        trade_id: 5,
        exch_ms,
    });
    r.book("143");
    r.decide();
    for (ms, mid) in [(900, "142.9"), (4_000, "142.8"), (25_000, "142.5"), (200, "142.5")] {
        r.wait(ms);
        r.book(mid);
        r.decide();
    }
    r
}

fn ask(bytes: &[u8], question: Question) -> Answer {
    let mut reader = Reader::new(bytes).unwrap_or_else(|e| panic!("{e}"));
    answer(&mut reader, &config(), question).unwrap_or_else(|e| panic!("{}", e.message))
}

fn order(bytes: &[u8], number: u64) -> Answer {
    ask(bytes, Question::Order { number, short_only: false })
}

fn has(answer: &Answer, words: &[&str]) {
    for word in words {
        assert!(answer.text.contains(word), "{word}\n{}", answer.text);
    }
}

#[test]
fn an_order_is_told_from_the_book_it_saw_to_its_markouts() {
    let bytes = story().bytes();
    let told = order(&bytes, 1);
    println!("{}", told.text);
    // 12 bps while volatility is unknown, 1 for the defensive regime: 6.5 bps below 143.
    has(
        &told,
        &[
            "order #1 (65536): maker buy 0.108 SOL @ 142.907, post-only",
            "placed    +0.000000 s",
            "book      mid 143; bids 142.99 x 5, 142.98 x 5, 142.97 x 5; asks 143.01 x 5",
            "inventory 0, realized 0",
            "volatility not known yet",
            "spread    13 bps = volatility 12 + regime 1",
            "price     6.5 bps from the mid",
            "size      0.12 x regime 0.9 = 0.108, held within 0.106 and 0.13: 0.108",
            "risk      approved",
            "acked     rests as 77  (+0.003000 s, 3.000 ms after it was placed)",
            "filled    0.106 @ 142.914 as maker, fee 0.001, mid 143  (+2.000000 s",
        ],
    );
    for (word, count) in [("acked     rests", 1), ("markout", 1), ("filled    ", 1)] {
        assert_eq!(told.text.matches(word).count(), count, "{word}\n{}", told.text);
    }
    let json = &told.json;
    assert_eq!(json["why"]["parts"]["volatility"], "12");
    assert_eq!(json["why"]["spread_bps"], "13");
    assert_eq!(json["seen"]["mid"], "143");
    let marks = &json["fills"][0]["markouts"];
    // Bought at 142.914: 142.9 after one second is -0.98 bps, 142.8 after five -7.98; from the
    // mid of 143 they are -6.99 and -13.99. The journal ends 30.1 s after the fill at 142.5.
    for (i, mid, from_price, from_mid) in [
        (0, "142.9", "-0.9796", "-6.993"),
        (1, "142.8", "-7.9768", "-13.986"),
        (2, "142.5", "-28.9684", "-34.965"),
    ] {
        assert_eq!(marks[i]["mid"], mid);
        assert_eq!(marks[i]["from_price_bps"], from_price);
        assert_eq!(marks[i]["from_mid_bps"], from_mid);
    }
}

#[test]
fn the_short_number_the_whole_id_and_neither() {
    let bytes = story().bytes();
    assert_eq!(order(&bytes, 1).text, order(&bytes, id(1).0).text);
    let short = ask(&bytes, Question::Order { number: id(1).0, short_only: true });
    assert!(!short.found);
    has(&short, &["order 65536 was not placed in this journal"]);
    assert_eq!(short.json["found"], false);
}

#[test]
fn a_hedge_is_told_with_its_reason() {
    let told = order(&story().bytes(), 4);
    println!("{}", told.text);
    has(
        &told,
        &[
            "order #4",
            "hedger sell 0.105 SOL @ 143.029",
            "reduce-only",
            "hedge     passive_first, now resting; inventory 0.106, would leave 0.001",
            "end       no answer yet",
        ],
    );
}

#[test]
fn every_end_has_its_cause() {
    let ask_cancel = |with: fn(&mut Recorder), words: &[&str]| {
        let mut r = story_until_acked();
        with(&mut r);
        let told = order(&r.bytes(), 1);
        has(&told, words);
    };
    ask_cancel(
        |r| {
            r.wait(10);
            r.put(Event::Gap { inst: SOL, reason: GapReason::RingFull, recv: STAMP });
            r.put(Event::Canceled { order: id(1), reason: CancelReason::ByUs, recv: STAMP });
        },
        &["cancel    sent: the book tore: ring_full", "end       cancelled: by_us"],
    );
    ask_cancel(
        |r| {
            r.wait(10);
            // The mid falls onto the bid: its edge is gone before any requote.
            r.book("142.91");
        },
        &["cancel    sent: the new book left it an edge of", "end       open"],
    );
    ask_cancel(
        |r| {
            r.wait(300);
            r.book("143.2");
            r.decide();
        },
        &["modify    sent: #3 takes its place, requoted: the quote is 0.108 @ 143.071"],
    );
    ask_cancel(
        |r| {
            r.put(Event::Command { command: evenkeel::event::Command::Kill });
            r.put(Event::CancelReject { order: id(1), gone: true, recv: STAMP });
        },
        &["cancel    sent: command kill", "refused: it is gone", "asked     what became of it"],
    );
    ask_cancel(
        |r| {
            let (reason, code) = (RejectReason::MinNotional, 21_706);
            r.put(Event::Reject { order: id(1), reason, code, recv: STAMP });
        },
        &["rejected  min_notional, code 21706", "end       rejected: min_notional"],
    );
}

fn story_until_acked() -> Recorder {
    let mut r = Recorder::new();
    r.put(Event::LinkUp { link: Link::Orders, recv: STAMP });
    r.put(Event::Reconciled { open_orders: 0, recv: STAMP });
    r.book("143");
    r.decide();
    r.wait(3);
    r.put(Event::Ack { order: id(1), venue_oid: 77, resting: true, recv: STAMP });
    r
}

#[test]
fn a_moment_tells_what_each_side_and_the_hedger_did_and_why() {
    let bytes = story().bytes();
    let at = |text| ask(&bytes, Question::At(Moment::After(Nanos(raw(text) as u64 * 10))));
    let early = at("1");
    has(&early, &["at +1.000000 s", "inventory 0,", "buy quote 0.108 @ 142.907", "sell quote"]);
    let late = at("2.5");
    println!("{}", late.text);
    has(
        &late,
        &[
            "inventory 0.106",
            "buy       SOL buy silent: asymmetric (since +2.000000 s)",
            "sell      SOL sell quote",
            "hedger    SOL hedger resting: passive_first",
        ],
    );
    assert_eq!(late.json["markets"][0]["buy"]["silence"], "asymmetric");
    assert_eq!(late.json["markets"][0]["seen"]["inventory"], "0.106");
    let absolute = ask(&bytes, Question::At(Moment::Absolute(Nanos(START + 2_500_000_000))));
    assert_eq!(absolute.text, late.text);
    has(&at("500"), &["the journal ends before"]);
    assert!(!ask(&bytes, Question::At(Moment::Absolute(Nanos(START - 1)))).found);
}

#[test]
fn the_timeline_has_a_line_for_each_note() {
    let recorder = story();
    let notes = recorder.records.iter().filter(|r| matches!(r, Record::Note(_))).count();
    let bytes = recorder.bytes();
    let all = ask(&bytes, Question::Timeline { last: None });
    let lines = all.json["lines"].as_array().expect("lines");
    // The notes, the link and the fill.
    assert_eq!(lines.len(), notes + 2, "{}", all.text);
    has(&all, &["link orders up", "fill #1 buy 0.106 @ 142.914 as maker, fee 0.001"]);
    let last = ask(&bytes, Question::Timeline { last: Some(2) });
    assert_eq!(last.json["lines"].as_array().map(Vec::len), Some(2));
    assert_eq!(last.json["left_out"], lines.len() - 2);
    let last = last.text.lines().nth(1).map(str::to_owned);
    assert!(all.text.contains(&last.expect("a line")));
}

#[test]
fn damage_holes_and_another_version_are_told() {
    let records = story().records;
    let caveat = |bytes: &[u8]| {
        let told = ask(bytes, Question::Timeline { last: None });
        told.json["caveat"].as_str().map(str::to_owned)
    };
    let whole = file(&records);
    assert_eq!(caveat(&whole), None);
    let damaged = caveat(&whole[..whole.len() - 7]).expect("a torn tail");
    assert!(damaged.contains("damaged"), "{damaged}");
    let mut holed = records.clone();
    holed.insert(10, Record::Torn { missing: 4 });
    assert!(caveat(&file(&holed)).expect("a hole").contains("4 records are missing"));
    // A version that had quoted otherwise.
    let mut other = records.clone();
    let note = other.iter().position(|r| matches!(r, Record::Note(_))).expect("a note");
    other.remove(note);
    assert!(caveat(&file(&other)).expect("different").contains("decides otherwise"));
    // Time that goes back ends the answer instead of the program.
    let mut back = records;
    let early = Input { now: Nanos(1), event: Event::Decide { drained: 0 } };
    back.push(Record::Input(early));
    assert!(caveat(&file(&back)).expect("back").contains("time goes back"));
}

#[test]
fn questions_are_read_from_the_command_line() {
    let args = |order: &str, at: &str| ExplainArgs {
        journal: "x".into(),
        order: (!order.is_empty()).then(|| order.to_owned()),
        at: (!at.is_empty()).then(|| at.to_owned()),
        last: Some(3),
        json: false,
    };
    let of = |order: &str, at: &str| Question::of(&args(order, at)).map_err(|e| e.code);
    assert_eq!(of("#217", ""), Ok(Question::Order { number: 217, short_only: true }));
    assert_eq!(of("217", ""), Ok(Question::Order { number: 217, short_only: false }));
    let half = Moment::After(Nanos(12_500_000_000));
    assert_eq!(of("", "12.5"), Ok(Question::At(half)));
    assert_eq!(of("", "+12.5s"), Ok(Question::At(half)));
    let absolute = Moment::Absolute(Nanos(START));
    let ns = START.to_string();
    assert_eq!(of("", &ns), Ok(Question::At(absolute)));
    assert_eq!(of("", ""), Ok(Question::Timeline { last: Some(3) }));
    for (order, at) in [("x", ""), ("#", ""), ("", "soon"), ("", "-1"), ("", "1e3")] {
        assert_eq!(of(order, at), Err(exit::USAGE), "{order}{at}");
    }
}

#[test]
fn a_whole_file_is_read_with_its_header() {
    let config = Config::layered(&LAYERS, &[], &[]).expect("valid").effective_toml();
    let header = Header { specs: vec![rules::shipped()[0].spec], config };
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("explain.journal");
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, &header.to_text()).expect("fits");
    for record in &story().records {
        writer.write(record).expect("a Vec takes everything");
    }
    std::fs::write(&path, &bytes).expect("the build's own folder");
    let args = |order: &str, journal| ExplainArgs {
        journal,
        order: Some(order.to_owned()),
        at: None,
        last: None,
        json: true,
    };
    let mut out = Vec::new();
    let code = evenkeel::ops::explain::run(&args("#1", path.clone()), &mut out);
    assert_eq!(code, Ok(exit::OK));
    let json: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
    assert_eq!((&json["order"], &json["component"]), (&1.into(), &"maker".into()));
    assert_eq!(evenkeel::ops::explain::run(&args("#99", path), &mut out), Ok(exit::FAILED));
    let missing = evenkeel::ops::explain::run(&args("#1", "no/such".into()), &mut out);
    assert_eq!(missing.map_err(|e| e.code), Err(exit::ENVIRONMENT));
}
