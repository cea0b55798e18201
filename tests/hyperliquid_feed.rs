//! Cold. The public codec against two independent parsers, on frames in the venue's shape: own
//! fixtures, generated frames in any key order and spacing, and damaged ones.

mod hl_oracle;
mod hl_shape;

use evenkeel::event::{Event, Level};
use evenkeel::instrument::InstId;
use evenkeel::units::{Price, Qty, RAW_MAX, parse_raw};
use evenkeel::venue::hyperliquid::control::{Channel, Control, ErrorKind};
use evenkeel::venue::hyperliquid::feed::{Decoded, FRAME_MAX, FeedCodec, TRADES_MAX};
use evenkeel::venue::{Malformed, MalformedKind, Sink};
use hl_oracle::{Outcome, RECV, exact, markets};
use hl_shape::Json;
use proptest::prelude::*;

fn codec() -> FeedCodec {
    FeedCodec::new(&markets())
}

/// Both readers on one frame; they agree or the test fails. Tells whether the scanner took it.
fn both(codec: &mut FeedCodec, frame: &[u8]) -> (Result<Decoded, Malformed>, Vec<Event>, bool) {
    let (mut events, mut exact_events) = (Vec::new(), Vec::new());
    let slow = codec.slow_frames();
    let fast = codec.decode(frame, RECV, &mut events);
    let scanned = codec.slow_frames() == slow;
    let exact = codec.decode_exact(frame, RECV, &mut exact_events);
    assert_eq!(fast, exact, "{}", String::from_utf8_lossy(frame));
    assert_eq!(events, exact_events, "{}", String::from_utf8_lossy(frame));
    if fast.is_err() {
        assert!(events.is_empty(), "a refused frame emits nothing");
    }
    (fast, events, scanned)
}

/// Our outcome in the oracle's terms, checked against it.
fn agree(codec: &mut FeedCodec, frame: &[u8]) -> Outcome {
    let (result, events, _) = both(codec, frame);
    let ours: Outcome = result.map(|_| events).map_err(drop);
    assert_eq!(ours, hl_oracle::decode(frame), "{}", String::from_utf8_lossy(frame));
    ours
}

const BOOK: &str = r#"{"channel":"l2Book","data":{"coin":"SOL","time":1791480679642,"levels":[[{"px":"106.55","sz":"197.7","n":2},{"px":"106.54","sz":"0.00000001","n":13},{"px":"106.5","sz":"1044.72","n":150},{"px":"99.0","sz":"3434.33","n":0}],[{"px":"106.56","sz":"39.47","n":1},{"px":"106.57","sz":"12345678.5","n":1234567}]],"fast":true}}"#;
const BOOK_ALPHA: &str = r#"{"channel":"l2Book","data":{"coin":"BTC","levels":[[{"n":5,"px":"105055.0","sz":"3.03622"},{"n":11,"px":"105054.0","sz":"0.1428"}],[{"n":1,"px":"105056.0","sz":"16.87185"}]],"time":1737918793721}}"#;
const BBO: &str = r#"{"channel":"bbo","data":{"coin":"BTC","time":1791480444656,"bbo":[{"px":"80459.0","sz":"18.36712","n":48},{"px":"80460.0","sz":"1.59648","n":9}]}}"#;
const BBO_ALPHA: &str = r#"{"channel":"bbo","data":{"bbo":[{"n":48,"px":"80459.0","sz":"18.36712"},null],"coin":"BTC","time":1791480444656}}"#;
const TRADES: &str = r#"{"channel":"trades","data":[{"coin":"ETH","side":"A","px":"2410.2","sz":"0.16","time":1791480516231,"hash":"0x1111111111111111111111111111111111111111111111111111111111111111","tid":717978735161105,"users":["0x2222222222222222222222222222222222222222","0x3333333333333333333333333333333333333333"]},{"coin":"ETH","side":"B","px":"2410.3","sz":"12.0","time":1791480516232,"hash":"0x1111111111111111111111111111111111111111111111111111111111111112","tid":7,"users":["0x2222222222222222222222222222222222222222","0x3333333333333333333333333333333333333333"]}]}"#;

const CTX: &str = r#"{"channel":"activeAssetCtx","data":{"coin":"xyz:TSLA","ctx":{"funding":"-0.0000078567","openInterest":"39907.5661399998","prevDayPx":"83180.0","dayNtlVlm":"3316947851.6990442276","premium":"-0.0003826472","oraclePx":"80491.9","markPx":"80454.0","midPx":null,"impactPxs":["80459.0","80461.1"],"dayBaseVlm":"40346.9258300001"}}}"#;

fn l(px: i64, qty: i64) -> Level {
    Level { px: Price(px), qty: Qty(qty) }
}

#[test]
fn a_book_becomes_levels_and_one_end() {
    let mut codec = codec();
    let (decoded, events, scanned) = both(&mut codec, BOOK.as_bytes());
    assert_eq!(decoded, Ok(Decoded::Book(InstId(3))));
    assert!(scanned, "the documented layout is the scanner's");
    let inst = InstId(3);
    let bid = evenkeel::units::Side::Buy;
    let ask = evenkeel::units::Side::Sell;
    let first = [
        l(10_655_000_000, 19_770_000_000),
        l(10_654_000_000, 1),
        l(10_650_000_000, 104_472_000_000),
    ];
    let second = [l(9_900_000_000, 343_433_000_000), Level::default(), Level::default()];
    let third = [
        l(10_656_000_000, 3_947_000_000),
        l(10_657_000_000, 1_234_567_850_000_000),
        Level::default(),
    ];
    assert_eq!(
        events,
        [
            Event::Levels { inst, side: bid, start: 0, count: 3, levels: first },
            Event::Levels { inst, side: bid, start: 3, count: 1, levels: second },
            Event::Levels { inst, side: ask, start: 0, count: 2, levels: third },
            Event::BookEnd {
                inst,
                bids: 4,
                asks: 2,
                decode_ns: 0,
                exch_ms: 1_791_480_679_642,
                recv: RECV
            },
        ]
    );
}

#[test]
fn the_known_layouts_are_scanned_and_others_are_read() {
    let mut codec = codec();
    for frame in [BOOK, BOOK_ALPHA, BBO, BBO_ALPHA, TRADES] {
        assert!(agree(&mut codec, frame.as_bytes()).is_ok_and(|events| !events.is_empty()));
        assert!(both(&mut codec, frame.as_bytes()).2, "scanned: {frame}");
    }
    for frame in [
        BOOK.replace("\"time\":", "\"time\": "),
        BOOK.replace("\"fast\":true", "\"spread\":\"0.01\""),
        BOOK.replace("\"SOL\"", "\"\\u0053OL\""),
        BOOK.replace("197.7", "197"),
        BOOK.replace("\"px\":\"99.0\",\"sz\":\"3434.33\"", "\"sz\":\"3434.33\",\"px\":\"99.0\""),
        BBO.replace("[{", "[ {"),
        TRADES.replace("\"tid\"", "\"liquidation\":{\"a\":[1,{}]},\"tid\""),
    ] {
        let events = agree(&mut codec, frame.as_bytes());
        assert!(events.is_ok_and(|events| !events.is_empty()), "{frame}");
    }
}

#[test]
fn empty_sides_and_lists_are_valid() {
    let mut codec = codec();
    for (frame, want) in [
        (
            r#"{"channel":"l2Book","data":{"coin":"SOL","time":1791480447083,"levels":[[],[]]}}"#,
            Decoded::Book(InstId(3)),
        ),
        (
            r#"{"channel":"bbo","data":{"coin":"SOL","time":1791480447083,"bbo":[null,null]}}"#,
            Decoded::Bbo(InstId(3)),
        ),
        (r#"{"channel":"trades","data":[]}"#, Decoded::Trades(0)),
        (
            r#"{"channel":"l2Book","data":{"coin":"DOGE","time":1791480447083,"levels":[[],[]]}}"#,
            Decoded::UnknownMarket,
        ),
        (r#"{"channel":"allMids","data":{"mids":{"BTC":"80459.5"}}}"#, Decoded::UnknownChannel),
        (r#"{"channel":"pong"}"#, Decoded::Control(Control::Pong)),
        ("Websocket connection established.", Decoded::Control(Control::Established)),
        (
            r#"{"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":"l2Book","coin":"ETH","nSigFigs":null,"mantissa":null,"fast":true}}}"#,
            Decoded::Control(Control::Subscribed(Channel::Book, Some(InstId(5)))),
        ),
        (
            r#"{"channel":"subscriptionResponse","data":{"method":"unsubscribe","subscription":{"type":"trades","coin":"DOGE"}}}"#,
            Decoded::Control(Control::Unsubscribed(Channel::Trades, None)),
        ),
        (
            r#"{"channel":"error","data":"Already subscribed: {\"type\":\"trades\",\"coin\":\"BTC\"}"}"#,
            Decoded::Control(Control::Error(ErrorKind::AlreadySubscribed)),
        ),
        (
            r#"{"channel":"error","data":"Already unsubscribed: {\"type\":\"trades\"}"}"#,
            Decoded::Control(Control::Error(ErrorKind::AlreadyUnsubscribed)),
        ),
        (
            r#"{"channel":"error","data":"Error parsing JSON into valid websocket request: not json"}"#,
            Decoded::Control(Control::Error(ErrorKind::BadRequest)),
        ),
        (
            r#"{"channel":"error","data":"?"}"#,
            Decoded::Control(Control::Error(ErrorKind::Unrecognized)),
        ),
    ] {
        let (decoded, events, _) = both(&mut codec, frame.as_bytes());
        assert_eq!(decoded, Ok(want), "{frame}");
        let puts = matches!(want, Decoded::Book(_) | Decoded::Bbo(_));
        assert_eq!(events.len(), usize::from(puts), "{frame}");
    }
}

#[test]
fn subscriptions_name_every_market_and_option() {
    let frames = codec().with_fast(true).subscriptions();
    assert_eq!(frames.len(), 24);
    assert_eq!(frames[0], r#"{"method":"subscribe","subscription":{"type":"bbo","coin":"SOL"}}"#);
    assert_eq!(
        frames[1],
        r#"{"method":"subscribe","subscription":{"type":"l2Book","coin":"SOL","fast":true}}"#
    );
    assert_eq!(
        frames[14],
        r#"{"method":"subscribe","subscription":{"type":"trades","coin":"xyz:TSLA"}}"#
    );
    assert!(codec().subscriptions()[1].ends_with(r#""coin":"SOL"}}"#));
}

#[test]
fn bad_numbers_and_fields_are_refused_by_name() {
    let mut codec = codec();
    let number = |text: &str| BOOK.replace("\"197.7\"", &format!("\"{text}\""));
    for text in [
        "NaN",
        "Infinity",
        "-1.0",
        "0",
        "0.0",
        "-0.0",
        "1e30",
        "1E5",
        "+5.0",
        "1_000.0",
        "",
        ".",
        " 1.0",
        "1.0 ",
        "1.00000000000000000000000000001",
        "0.000000001",
        "10000000000.00000001",
        "10000000001.0",
        "123456789012345678901234567890.0",
        "1.2.3",
        "0x10",
        "1,5",
        "٣",
        "null",
    ] {
        let result = codec.decode(number(text).as_bytes(), RECV, &mut Vec::new());
        assert_eq!(result.map_err(|m| m.kind), Err(MalformedKind::Number), "{text:?}");
        assert_eq!(agree(&mut codec, number(text).as_bytes()), Err(()));
    }
    for (frame, kind) in [
        (BOOK.replace("\"197.7\"", "197.7"), MalformedKind::Value),
        (BOOK.replace("\"197.7\"", "null"), MalformedKind::Value),
        (BOOK.replace("\"197.7\"", "NaN"), MalformedKind::Syntax),
        (BOOK.replace("\"sz\":\"197.7\",", ""), MalformedKind::MissingField),
        (BOOK.replace(",\"n\":2}", "}"), MalformedKind::MissingField),
        (BOOK.replace("\"n\":2}", "\"n\":2.5}"), MalformedKind::Number),
        (BOOK.replace("\"n\":2}", "\"n\":-2}"), MalformedKind::Number),
        (BOOK.replace("\"n\":2}", "\"n\":02}"), MalformedKind::Syntax),
        (BOOK.replace("\"n\":2}", "\"n\":2,\"n\":2}"), MalformedKind::Syntax),
        (BOOK.replace("\"n\":2}", "\"n\":2,}"), MalformedKind::Syntax),
        (BOOK.replace("1791480679642", "0"), MalformedKind::Value),
        (BOOK.replace("1791480679642", "1791480679"), MalformedKind::Value),
        (BOOK.replace("1791480679642", "1791480679642000"), MalformedKind::Value),
        (BOOK.replace("1791480679642", "99999999999999999999"), MalformedKind::Number),
        (BOOK.replace("\"coin\":\"SOL\",", ""), MalformedKind::MissingField),
        (BOOK.replace("\"channel\":\"l2Book\",", ""), MalformedKind::MissingField),
        (BOOK.replace("]],\"fast\"", "],[]],\"fast\""), MalformedKind::Oversized),
        (format!("\u{feff}{BOOK}"), MalformedKind::Syntax),
        (format!("{BOOK}x"), MalformedKind::Syntax),
        (format!("{BOOK}{BOOK}"), MalformedKind::Syntax),
        (TRADES.replace("\"A\"", "\"C\""), MalformedKind::Value),
        (TRADES.replace("\"tid\":7,", "\"tid\":0,"), MalformedKind::Value),
        (TRADES.replace("\"tid\":7,", ""), MalformedKind::MissingField),
        (TRADES.replace("0x11", "0x\u{1}1"), MalformedKind::Syntax),
        (TRADES.replace("0x11", "0\\ud800"), MalformedKind::Syntax),
        (BBO.replace("]}}", ",null]}}"), MalformedKind::Oversized),
        (r#"{"channel":"l2Book","data":null}"#.to_owned(), MalformedKind::Value),
        (r#"{"channel":"bbo"}"#.to_owned(), MalformedKind::MissingField),
        (String::new(), MalformedKind::Syntax),
    ] {
        let result = codec.decode(frame.as_bytes(), RECV, &mut Vec::new());
        assert_eq!(result.map_err(|m| m.kind), Err(kind), "{frame}");
        assert_eq!(agree(&mut codec, frame.as_bytes()), Err(()));
    }
}

#[test]
fn oversized_frames_are_refused() {
    let mut codec = codec();
    let level = r#"{"px":"1.0","sz":"1.0","n":1}"#;
    for (bids, asks, ok) in [(20, 20, true), (21, 20, false), (20, 21, false), (1000, 0, false)] {
        let side = |n: usize| vec![level; n].join(",");
        let frame = format!(
            r#"{{"channel":"l2Book","data":{{"coin":"SOL","time":1791480447083,"levels":[[{}],[{}]]}}}}"#,
            side(bids),
            side(asks)
        );
        let (result, events, _) = both(&mut codec, frame.as_bytes());
        assert_eq!(result.is_ok(), ok);
        assert_eq!(events.len(), if ok { 15 } else { 0 });
        if !ok {
            assert_eq!(result.map_err(|m| m.kind), Err(MalformedKind::Oversized));
        }
    }
    let trade = &TRADES[r#"{"channel":"trades","data":["#.len()..TRADES.find("},{").unwrap() + 1];
    for (count, ok) in [(TRADES_MAX, true), (TRADES_MAX + 1, false)] {
        let frame = format!(r#"{{"channel":"trades","data":[{}]}}"#, vec![trade; count].join(","));
        let (result, events, _) = both(&mut codec, frame.as_bytes());
        assert_eq!(result.is_ok(), ok);
        assert_eq!(events.len(), if ok { count } else { 0 });
    }
    let mut huge = BOOK.as_bytes().to_vec();
    huge.resize(FRAME_MAX + 1, b' ');
    let (result, ..) = both(&mut codec, &huge);
    assert_eq!(result.map_err(|m| m.kind), Err(MalformedKind::Oversized));
    for open in ["[", "{\"a\":", "[{\"a\":"] {
        let bomb = format!(r#"{{"channel":"x","data":{}"#, open.repeat(100_000));
        let (result, ..) = both(&mut codec, bomb.as_bytes());
        assert_eq!(result.map_err(|m| m.kind), Err(MalformedKind::Oversized));
    }
}

/// A sink with room for so many events.
struct Room(usize, Vec<Event>);

impl Sink for Room {
    fn put(&mut self, event: Event) -> bool {
        let room = self.1.len() < self.0;
        if room {
            self.1.push(event);
        }
        room
    }
}

#[test]
fn a_full_sink_ends_the_message() {
    let mut codec = codec();
    for (frame, inst, whole) in [(BOOK, InstId(3), 4), (BBO, InstId(4), 1), (TRADES, InstId(5), 2)]
    {
        for room in 0..whole {
            let mut sink = Room(room, Vec::new());
            let result = codec.decode(frame.as_bytes(), RECV, &mut sink);
            assert_eq!(result, Ok(Decoded::Full(inst)));
            assert_eq!(sink.1.len(), room);
        }
    }
}

#[test]
fn a_frame_cut_anywhere_is_refused() {
    let mut codec = codec();
    for frame in [BOOK, BOOK_ALPHA, BBO, BBO_ALPHA, TRADES] {
        for end in 0..frame.len() {
            let (result, events, _) = both(&mut codec, &frame.as_bytes()[..end]);
            assert!(result.is_err() && events.is_empty(), "cut at {end}: {frame}");
        }
    }
}

/// Every single bit of every fixture: both readers and the oracles still agree on the meaning.
#[test]
fn one_flipped_bit_never_changes_the_agreement() {
    let mut codec = codec();
    let mut refused = 0;
    let mut frames = 0;
    for frame in [BOOK, BOOK_ALPHA, BBO, BBO_ALPHA, TRADES, CTX] {
        let mut bytes = frame.as_bytes().to_vec();
        for bit in 0..8 * bytes.len() {
            bytes[bit / 8] ^= 1 << (bit % 8);
            refused += usize::from(agree(&mut codec, &bytes).is_err());
            frames += 1;
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
    assert!(frames > 10_000 && refused > frames / 2, "{refused} of {frames}");
}

/// Around every edge that a decimal reader can have, with the fraction written in every length.
#[test]
fn decimals_at_the_edges_equal_the_digit_strings() {
    let mut checked = 0;
    let edges: [i128; 9] = [
        0,
        1 << 53,
        i128::from(i64::MAX),
        i128::from(u64::MAX),
        i128::from(RAW_MAX),
        100_000_000,
        1_000_000_000_000_000,
        10_000_000_000_000_000,
        i128::MAX / 2,
    ];
    let mut codec = codec();
    for edge in edges {
        for near in edge - 20..=edge + 20 {
            for places in 0..=10usize {
                let sign = if near < 0 { "-" } else { "" };
                let digits = format!("{:0>1$}", near.unsigned_abs(), places + 1);
                let (whole, rest) = digits.split_at(digits.len() - places);
                let point = if places > 0 { "." } else { "" };
                let text = format!("{sign}{whole}{point}{rest}");
                assert_eq!(parse_raw(text.as_bytes()).ok(), exact(&text), "{text}");
                let frame = BOOK.replace("\"197.7\"", &format!("\"{text}\""));
                let ours = agree(&mut codec, frame.as_bytes());
                assert_eq!(ours.is_ok(), exact(&text).is_some_and(|raw| raw > 0), "{text}");
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 9 * 41 * 11);
}

/// Decimals as the venue writes them, and now and then ones that it should not.
fn decimal() -> impl Strategy<Value = String> {
    prop_oneof![
        20 => (0u64..2_000_000, 0usize..=7, 0u64..100_000_000).prop_map(|(whole, places, rest)| {
            let rest = format!("{rest:08}");
            format!("{whole}.{}", if places == 0 { "0" } else { &rest[..places] })
        }),
        4 => (0u64..20_000_000_000, 0u64..1_000_000_000)
            .prop_map(|(whole, rest)| format!("{whole}.{rest}")),
        1 => (0u64..1_000_000).prop_map(|whole| whole.to_string()),
        1 => "[0-9.eE+-]{0,20}",
    ]
}

fn sound_decimal() -> impl Strategy<Value = String> {
    (0u64..999_999, 1usize..=8, 1u64..100_000_000).prop_map(|(whole, places, rest)| {
        let rest = format!("{rest:08}");
        let text = format!("{whole}.{}", &rest[..places]);
        if exact(&text) == Some(0) { "1.0".to_owned() } else { text }
    })
}

fn row(decimals: impl Strategy<Value = String> + Clone) -> impl Strategy<Value = Json> {
    (decimals.clone(), decimals, 0u64..200).prop_map(|(px, sz, n)| {
        let n = Json::Plain(n.to_string());
        Json::Object(vec![("px", Json::text(px)), ("sz", Json::text(sz)), ("n", n)])
    })
}

fn coin() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "SOL",
        "BTC",
        "ETH",
        "xyz:TSLA",
        "xyz:LONGESTNAME4444",
        "kPEPE",
        "DOGE",
        "",
    ])
}

fn frame(channel: &'static str, data: Json) -> Json {
    Json::Object(vec![("channel", Json::text(channel)), ("data", data)])
}

fn book(decimals: BoxedStrategy<String>) -> impl Strategy<Value = Json> {
    let side = prop::collection::vec(row(decimals), 0..22).prop_map(Json::List).boxed();
    let time = prop_oneof![20 => 1_600_000_000_000u64..1_900_000_000_000, 1 => any::<u64>()];
    (coin(), time, [side.clone(), side], any::<bool>()).prop_map(
        |(coin, time, [bids, asks], fast)| {
            let mut data = vec![
                ("coin", Json::text(coin)),
                ("time", Json::Plain(time.to_string())),
                ("levels", Json::List(vec![bids, asks])),
            ];
            if fast {
                data.push(("fast", Json::Plain("true".to_owned())));
            }
            frame("l2Book", Json::Object(data))
        },
    )
}

fn bbo() -> impl Strategy<Value = Json> {
    let side = prop_oneof![4 => row(decimal().boxed()), 1 => Just(Json::Plain("null".to_owned()))];
    (coin(), 1_600_000_000_000u64..1_900_000_000_000, [side.clone().boxed(), side.boxed()])
        .prop_map(|(coin, time, sides)| {
            frame(
                "bbo",
                Json::Object(vec![
                    ("coin", Json::text(coin)),
                    ("time", Json::Plain(time.to_string())),
                    ("bbo", Json::List(sides.to_vec())),
                ]),
            )
        })
}

fn trades() -> impl Strategy<Value = Json> {
    let one = (
        coin(),
        prop::sample::select(vec!["A", "B"]),
        decimal(),
        decimal(),
        any::<u64>(),
        0u32..64,
    )
        .prop_map(|(coin, side, px, sz, tid, shift)| {
            let users = ["0x00000000000000000000000000000000000000aa"; 2].map(Json::text);
            Json::Object(vec![
                ("coin", Json::text(coin)),
                ("side", Json::text(side)),
                ("px", Json::text(px)),
                ("sz", Json::text(sz)),
                ("time", Json::Plain("1791480516231".to_owned())),
                ("hash", Json::text(format!("0x{tid:064x}"))),
                ("tid", Json::Plain((tid >> shift).to_string())),
                ("users", Json::List(users.to_vec())),
            ])
        });
    prop::collection::vec(one, 0..5).prop_map(|list| frame("trades", Json::List(list)))
}

fn context() -> impl Strategy<Value = Json> {
    let rate = (any::<bool>(), 0u64..10, 0usize..15, 0u64..100_000_000_000_000).prop_map(
        |(negative, whole, places, rest)| {
            let sign = if negative { "-" } else { "" };
            format!("{sign}{whole}.{:0>places$}", rest % 10u64.pow(places as u32))
        },
    );
    (coin(), rate, decimal(), decimal()).prop_map(|(coin, rate, oracle, mark)| {
        let ctx = Json::Object(vec![
            ("funding", Json::text(rate)),
            ("openInterest", Json::text("39907.5661399998")),
            ("premium", Json::Plain("null".to_owned())),
            ("oraclePx", Json::text(oracle)),
            ("markPx", Json::text(mark)),
            ("impactPxs", Json::List(vec![Json::text("1.0"), Json::text("2.0")])),
        ]);
        frame("activeAssetCtx", Json::Object(vec![("coin", Json::text(coin)), ("ctx", ctx)]))
    })
}

#[test]
fn a_context_is_exact_or_dropped() {
    let mut codec = codec();
    let funding = |text: &str| CTX.replace("-0.0000078567", text);
    let want = |funding| Event::Context {
        inst: InstId(6),
        mark: Price(8_045_400_000_000),
        oracle: Price(8_049_190_000_000),
        funding,
        recv: RECV,
    };
    for (text, rate) in [
        ("-0.0000078567", Some(-7_856_700)),
        ("0.000000000001", Some(1)),
        ("0.0000000000010", Some(1)),
        ("0.0000000000011", None),
        ("1", Some(1_000_000_000_000)),
        ("999999.999999999999", Some(999_999_999_999_999_999)),
        ("1000000.0", None),
        ("1e-5", None),
        ("-", None),
        ("", None),
    ] {
        let events = agree(&mut codec, funding(text).as_bytes()).expect("never refused");
        assert_eq!(events, rate.map(want).into_iter().collect::<Vec<_>>(), "{text}");
    }
    let no_mark = CTX.replace("markPx", "mark");
    assert!(agree(&mut codec, no_mark.as_bytes()).is_err());
}

/// Compact and shuffled, the frame means the same to both readers and to the oracles.
fn check(frame: &Json, seed: u64) -> (Outcome, bool) {
    let mut codec = codec();
    let mut compact = String::new();
    frame.compact(&mut compact);
    let outcome = agree(&mut codec, compact.as_bytes());
    let scanned = both(&mut codec, compact.as_bytes()).2;
    assert_eq!(agree(&mut codec, frame.shuffled(seed).as_bytes()), outcome);
    (outcome, scanned)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_context_means_the_same_to_all_readers(frame in context(), seed in any::<u64>()) {
        let _ = check(&frame, seed);
    }

    #[test]
    fn any_book_means_the_same_to_all_readers(frame in book(decimal().boxed()), seed in any::<u64>()) {
        let _ = check(&frame, seed);
    }

    #[test]
    fn any_bbo_means_the_same_to_all_readers(frame in bbo(), seed in any::<u64>()) {
        let _ = check(&frame, seed);
    }

    #[test]
    fn any_trades_mean_the_same_to_all_readers(frame in trades(), seed in any::<u64>()) {
        let _ = check(&frame, seed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Sound books of the session's markets are all scanned: the fast path is not dead.
    #[test]
    fn sound_books_are_scanned(frame in book(sound_decimal().boxed()), seed in any::<u64>()) {
        let (outcome, scanned) = check(&frame, seed);
        if outcome.is_ok_and(|events| !events.is_empty()) {
            prop_assert!(scanned);
        }
    }

    /// Bytes in the middle replaced at random.
    #[test]
    fn damaged_frames_agree(at in 0usize..2000, bytes in prop::collection::vec(any::<u8>(), 1..6), which in 0usize..5) {
        let mut frame = [BOOK, BOOK_ALPHA, BBO, BBO_ALPHA, TRADES][which].as_bytes().to_vec();
        let at = at % frame.len();
        for (slot, byte) in frame[at..].iter_mut().zip(&bytes) {
            *slot = *byte;
        }
        let mut codec = codec();
        let _ = agree(&mut codec, &frame);
    }

    /// Any bytes at all.
    #[test]
    fn noise_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut codec = codec();
        let _ = agree(&mut codec, &bytes);
    }
}
