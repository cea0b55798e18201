//! Cold. Lighter's public codec against two independent parsers and a slow book: own fixtures,
//! generated connections in any key order and spacing, and damaged frames.

#[path = "../common/mod.rs"]
mod common;
#[path = "../hl_shape/mod.rs"]
mod hl_shape;
mod oracle;
mod random;

use evenkeel::book::{Applied, Book};
use evenkeel::event::{Event, GapReason, Level, Stamp};
use evenkeel::instrument::InstId;
use evenkeel::units::{Nanos, Price, Qty, Side};
use evenkeel::venue::lighter::control::{Channel, Control};
use evenkeel::venue::lighter::errors::Reaction;
use evenkeel::venue::lighter::feed::{Decoded, FRAME_MAX, FeedCodec, TRADES_MAX};
use evenkeel::venue::lighter::ladder::LEVELS_MAX;
use evenkeel::venue::{FeedFrame, Malformed, MalformedKind, MarketFeed, Sink};
use oracle::{Oracle, RECV, View, markets, see};
use std::collections::BTreeMap;

const SNAPSHOT: &str = r#"{"channel":"order_book:2","last_updated_at":1792918164414954,"offset":37354955,"order_book":{"code":0,"asks":[{"price":"101.114","size":"12.500"},{"price":"101.120","size":"3.001"},{"price":"101.2","size":"1000000.125"}],"bids":[{"price":"101.113","size":"0.055"},{"price":"101.100","size":"7.000"},{"price":"99.000","size":"41.250"}],"offset":37354955,"nonce":25652761941,"last_updated_at":1792918164414954,"begin_nonce":0},"timestamp":1792918164430,"type":"subscribed/order_book"}"#;
const DELTA: &str = r#"{"channel":"order_book:2","last_updated_at":1792918164508299,"offset":37354956,"order_book":{"code":0,"asks":[{"price":"101.114","size":"0.000"},{"price":"101.115","size":"4.250"}],"bids":[{"price":"101.112","size":"1.000"},{"price":"99.000","size":"0"}],"offset":37354956,"nonce":25652762001,"last_updated_at":1792918164508299,"begin_nonce":25652761941},"timestamp":1792918164530,"type":"update/order_book"}"#;
const TICKER: &str = r#"{"channel":"ticker:2","last_updated_at":1792918164515449,"nonce":25652762005,"ticker":{"s":"SOL","a":{"price":"101.116","size":"2.125"},"b":{"price":"101.113","size":"0.055"},"last_updated_at":1792918164515449},"timestamp":1792918164519,"type":"update/ticker"}"#;
const NO_QUOTE: &str = r#"{"channel":"ticker:2","nonce":25652762006,"ticker":{"a":{"price":"","size":""},"b":{"price":"101.113","size":"0.055"},"last_updated_at":0,"s":"SOL"},"timestamp":1792918164521,"type":"subscribed/ticker"}"#;
const TRADES: &str = r#"{"channel":"trade:2","liquidation_trades":[{"trade_id":36388689012,"type":"liquidation","market_id":2,"size":"0.400","price":"101.110","is_maker_ask":false,"timestamp":1792918164490,"taker_fee":10000,"transaction_time":1792918164491500}],"nonce":25652762001,"trades":[{"trade_id":36388689014,"trade_id_str":"36388689014","tx_hash":"00","type":"trade","market_id":2,"size":"0.610","price":"101.114","usd_amount":"61.679540","is_maker_ask":true,"block_height":365159552,"timestamp":1792918164491,"transaction_time":1792918164492223},{"trade_id":36388689013,"type":"deleverage","market_id":2,"size":"1","price":"0","is_maker_ask":true,"timestamp":1792918164490}],"type":"update/trade"}"#;
const STATS: &str = r#"{"channel":"market_stats:2","market_stats":{"symbol":"SOL","market_id":2,"index_price":"101.150","mark_price":"101.115","open_interest_limit":"72057594037927936.000000","current_funding_rate":"-0.0012","funding_rate":"0.0011","funding_timestamp":1792915200002,"daily_price_change":-0.195909110083798},"timestamp":1792918164497,"type":"update/market_stats"}"#;

const SOL: InstId = InstId(5);

fn codec() -> FeedCodec {
    FeedCodec::new(&markets())
}

/// Both readers of one connection; they agree or the test fails.
#[derive(Clone)]
struct Both {
    fast: FeedCodec,
    exact: FeedCodec,
    views: BTreeMap<u16, View>,
    oracle: Oracle,
}

impl Both {
    fn new() -> Both {
        let (views, oracle) = (BTreeMap::new(), Oracle::default());
        Both { fast: codec(), exact: codec(), views, oracle }
    }

    fn decode(&mut self, frame: &[u8]) -> (Result<Decoded, Malformed>, Vec<Event>) {
        let (mut events, mut exact_events) = (Vec::new(), Vec::new());
        let fast = self.fast.decode(frame, RECV, &mut events);
        let exact = self.exact.decode_exact(frame, RECV, &mut exact_events);
        let text = String::from_utf8_lossy(frame);
        assert_eq!((&fast, &events), (&exact, &exact_events), "{text}");
        if fast.is_err() {
            assert!(events.is_empty(), "a refused frame emits nothing");
        }
        see(&mut self.views, &events);
        (fast, events)
    }

    /// As `decode`, held against the oracle: refused by both or the same to see.
    fn agree(&mut self, frame: &[u8]) -> Result<Decoded, Malformed> {
        let (result, _) = self.decode(frame);
        let text = String::from_utf8_lossy(frame);
        assert_eq!(result.is_ok(), self.oracle.decode(frame).is_ok(), "{result:?} {text}");
        for (inst, want) in &self.oracle.views {
            let seen = self.views.entry(*inst).or_default();
            assert_eq!(seen, want, "market {inst} after {text}");
        }
        assert!(self.views.len() <= self.oracle.views.len());
        result
    }

    fn after(frames: &[&str]) -> Both {
        let mut both = Both::new();
        for frame in frames {
            assert!(both.agree(frame.as_bytes()).is_ok(), "{frame}");
        }
        both
    }
}

fn l(px: i64, qty: i64) -> Level {
    Level { px: Price(px), qty: Qty(qty) }
}

#[test]
fn a_snapshot_and_a_change_become_books() {
    let mut both = Both::new();
    let (decoded, events) = both.decode(SNAPSHOT.as_bytes());
    assert_eq!(decoded, Ok(Decoded::Book(SOL)));
    let bids = [
        l(10_111_300_000, 5_500_000),
        l(10_110_000_000, 700_000_000),
        l(9_900_000_000, 4_125_000_000),
    ];
    let asks = [
        l(10_111_400_000, 1_250_000_000),
        l(10_112_000_000, 300_100_000),
        l(10_120_000_000, 100_000_012_500_000),
    ];
    let (inst, start, count) = (SOL, 0, 3);
    let levels = |side, levels| Event::Levels { inst, side, start, count, levels };
    let exch_ms = 1_792_918_164_414;
    let end = |bids, asks, exch_ms| Event::BookEnd {
        inst,
        bids,
        asks,
        decode_ns: 0,
        exch_ms,
        recv: RECV,
    };
    assert_eq!(events, [levels(Side::Buy, bids), levels(Side::Sell, asks), end(3, 3, exch_ms)]);
    let (decoded, events) = both.decode(DELTA.as_bytes());
    assert_eq!(decoded, Ok(Decoded::Book(SOL)));
    let bids = [bids[0], l(10_111_200_000, 100_000_000), bids[1]];
    let asks = [l(10_111_500_000, 425_000_000), asks[1], asks[2]];
    assert_eq!(
        events,
        [levels(Side::Buy, bids), levels(Side::Sell, asks), end(3, 3, 1_792_918_164_508)]
    );
    assert_eq!(both.fast.slow_frames(), 0, "the venue's layout is the scanner's");
    assert_eq!(both.exact.slow_frames(), 2);
    let kept: Vec<Level> = both.fast.kept(SOL, Side::Buy).collect();
    assert_eq!(kept, bids);
}

#[test]
fn a_broken_chain_is_a_gap_and_waits_for_a_snapshot() {
    let mut both = Both::after(&[SNAPSHOT]);
    let lost = DELTA.replace("\"begin_nonce\":25652761941", "\"begin_nonce\":25652761942");
    assert_eq!(both.agree(lost.as_bytes()), Ok(Decoded::Gap(SOL, GapReason::Sequence)));
    assert_eq!(both.agree(DELTA.as_bytes()), Ok(Decoded::Waiting(SOL)));
    assert_eq!(both.agree(lost.as_bytes()), Ok(Decoded::Waiting(SOL)));
    assert_eq!(
        both.fast.resubscribe(SOL),
        [
            r#"{"type":"unsubscribe","channel":"order_book/2"}"#,
            r#"{"type":"subscribe","channel":"order_book/2"}"#
        ]
    );
    assert_eq!(both.agree(SNAPSHOT.as_bytes()), Ok(Decoded::Book(SOL)));
    assert_eq!(both.agree(DELTA.as_bytes()), Ok(Decoded::Book(SOL)));
    assert_eq!((both.fast.counts().gaps, both.fast.counts().waiting), (1, 2));
    // A change that is sent twice does not continue the chain either.
    assert_eq!(both.agree(DELTA.as_bytes()), Ok(Decoded::Gap(SOL, GapReason::Sequence)));
    // A change without a snapshot, as after a reconnect.
    let mut both = Both::after(&[SNAPSHOT, DELTA]);
    both.fast.connected();
    let next =
        DELTA.replace("25652761941", "25652762001").replace(":25652762001,\"l", ":25652762009,\"l");
    let decoded = both.fast.decode(next.as_bytes(), RECV, &mut Vec::new());
    assert_eq!(decoded, Ok(Decoded::Waiting(SOL)));
}

#[test]
fn the_newest_nonce_wins_between_book_and_ticker() {
    let mut both = Both::after(&[SNAPSHOT, TICKER]);
    // The change ends before the ticker, so the ticker's top is on top again.
    let (decoded, events) = both.decode(DELTA.as_bytes());
    assert_eq!(decoded, Ok(Decoded::Book(SOL)));
    // Its time tells the core: it merges what it has.
    assert!(matches!(events.last(), Some(Event::BookEnd { .. })));
    let tie = DELTA.replace("1792918164508299", "1792918164515999");
    let mut both = Both::after(&[SNAPSHOT, TICKER, &tie]);
    let top = both.views[&SOL.0].clone();
    assert_eq!(top.sides[1][0], l(10_111_600_000, 212_500_000), "the ticker's, in the same ms");
    // Not newer than the book: left out.
    let old = TICKER.replace("25652762005", "25652762001");
    assert_eq!(both.agree(old.as_bytes()), Ok(Decoded::Old(SOL)));
    assert_eq!(both.agree(TICKER.as_bytes()), Ok(Decoded::Old(SOL)));
    assert_eq!(both.fast.counts().old_tickers, 2);
    assert_eq!(both.agree(NO_QUOTE.as_bytes()), Ok(Decoded::Bbo(SOL)));
}

/// The core's own book, fed with our events, shows the ticker although the change has its time.
#[test]
fn the_cores_book_follows_the_newest_nonce() {
    let tie = DELTA.replace("1792918164508299", "1792918164515999");
    for (frames, ask) in [
        (vec![SNAPSHOT, DELTA], 10_111_500_000),
        (vec![SNAPSHOT, TICKER, DELTA], 10_111_600_000),
        (vec![SNAPSHOT, TICKER, &tie], 10_111_600_000),
        (vec![TICKER, SNAPSHOT], 10_111_600_000),
    ] {
        let (mut codec, mut book, mut events) = (codec(), Book::default(), Vec::new());
        for frame in &frames {
            assert!(codec.decode(frame.as_bytes(), RECV, &mut events).is_ok());
        }
        for event in events {
            let applied = match event {
                Event::Levels { side, start, count, levels, .. } => {
                    book.stage(side, start, &levels, count);
                    Applied::Changed
                }
                Event::BookEnd { bids, asks, exch_ms, .. } => {
                    book.end(bids, asks, exch_ms, Nanos(1))
                }
                Event::Bbo { bid, ask, exch_ms, .. } => book.bbo(bid, ask, exch_ms, Nanos(1)),
                other => panic!("{other:?}"),
            };
            assert!(!matches!(applied, Applied::Tore(_)));
        }
        let top = book.top().expect("a valid book");
        assert_eq!(top.ask.px, Price(ask), "{frames:?}");
    }
}

#[test]
fn trades_are_emitted_once_and_in_order_and_a_snapshot_is_none() {
    let mut both = Both::new();
    let (decoded, events) = both.decode(TRADES.as_bytes());
    assert_eq!(decoded, Ok(Decoded::Trades(2)));
    let trade = |id, side, px, qty, exch_ms| Event::Trade {
        inst: SOL,
        side,
        px: Price(px),
        qty: Qty(qty),
        exch_ms,
        id,
        recv: RECV,
    };
    assert_eq!(
        events,
        [
            trade(36_388_689_012, Side::Sell, 10_111_000_000, 40_000_000, 1_792_918_164_491),
            trade(36_388_689_014, Side::Buy, 10_111_400_000, 61_000_000, 1_792_918_164_492),
        ]
    );
    assert_eq!(both.decode(TRADES.as_bytes()).0, Ok(Decoded::Trades(0)));
    assert_eq!((both.fast.counts().old_trades, both.fast.counts().other_trades), (2, 2));
    let snapshot = TRADES.replace("update/", "subscribed/");
    let mut both = Both::after(&[&snapshot]);
    assert_eq!(both.agree(TRADES.as_bytes()), Ok(Decoded::Trades(0)));
    let newer = TRADES.replace("36388689012", "36388689020");
    assert_eq!(both.agree(newer.as_bytes()), Ok(Decoded::Trades(1)));
}

#[test]
fn stats_and_height_are_kept() {
    let mut codec = codec();
    let mut decode = |frame: &str| {
        let mut events = Vec::new();
        let decoded = codec.decode(frame.as_bytes(), RECV, &mut events);
        let (mark, oracle) = (Price(10_111_500_000), Price(10_115_000_000));
        // -0.0012 % an hour is -12 in 10^6.
        let told = Event::Context { inst: SOL, mark, oracle, funding: -12_000_000, recv: RECV };
        // All three of them stand in the first frame alone.
        assert_eq!(events, if frame == STATS { vec![told] } else { vec![] });
        (decoded, *codec.stats(SOL).expect("a market of the session"), codec.height())
    };
    let (decoded, stats, _) = decode(STATS);
    assert_eq!(decoded, Ok(Decoded::Stats(1)));
    assert_eq!(
        (stats.index, stats.mark),
        (Some(Price(10_115_000_000)), Some(Price(10_111_500_000)))
    );
    assert_eq!((stats.funding_next, stats.funding_last), (Some(-120_000), Some(110_000)));
    assert_eq!((stats.funding_ms, stats.exch_ms), (1_792_915_200_002, 1_792_918_164_497));
    let all = r#"{"channel":"market_stats:all","market_stats":{"9":{"mark_price":"1"},"2":{"mark_price":"101.5","index_price":"0.123456789"}},"timestamp":1,"type":"update/market_stats"}"#;
    let (decoded, stats, _) = decode(all);
    assert_eq!(decoded, Ok(Decoded::Stats(1)));
    assert_eq!((stats.mark, stats.index, stats.exch_ms), (Some(Price(10_150_000_000)), None, 0));
    let height = r#"{"channel":"height","height":365159557,"timestamp":1792918165000,"type":"update/height"}"#;
    assert_eq!(
        (decode(height).0, decode(height).2),
        (Ok(Decoded::Height(365_159_557)), 365_159_557)
    );
    assert_eq!(codec.counts().stats_refused, 1);
}

#[test]
fn control_frames_are_named() {
    let error = |code, channel, of| Control::Error { code, channel, of };
    for (frame, want) in [
        (r#"{"session_id":"9","type":"connected"}"#, Control::Connected),
        (r#"{"type":"ping"}"#, Control::Ping),
        (r#"{"type": "pong"}"#, Control::Pong),
        (
            r#"{"type":"unsubscribed","channel":"order_book:2"}"#,
            Control::Unsubscribed(Channel::Book, Some(2)),
        ),
        (r#"{"type":"shutdown","close_in_ms":1500}"#, Control::Shutdown { close_in_ms: 1_500 }),
        (
            r#"{"error":{"code":30003,"message":"Already Subscribed to : order_book:2"}}"#,
            error(30_003, Channel::Book, Some(2)),
        ),
        (
            r#"{"error":{"code":30005,"message":"Invalid Channel"}}"#,
            error(30_005, Channel::Other, None),
        ),
        (
            r#"{"type":"error","code":30012,"channel":"ticker:0","message":"failed to subscribe"}"#,
            error(30_012, Channel::Ticker, Some(0)),
        ),
        (r#"{"type":"hello"}"#, Control::Unknown),
    ] {
        assert_eq!(Both::new().agree(frame.as_bytes()), Ok(Decoded::Control(want)), "{frame}");
    }
    assert_eq!(error(30_003, Channel::Book, None).reaction(), Some(Reaction::Resubscribe));
    assert_eq!(Control::Pong.reaction(), None);
    for (frame, want) in [
        (
            r#"{"channel":"order_book:9","order_book":{"asks":[],"bids":[],"nonce":1,"begin_nonce":1,"last_updated_at":0},"timestamp":1792918164430,"type":"update/order_book"}"#,
            Decoded::UnknownMarket,
        ),
        (r#"{"channel":"rfq:9","type":"update/rfq"}"#, Decoded::UnknownChannel),
    ] {
        assert_eq!(Both::new().agree(frame.as_bytes()), Ok(want), "{frame}");
    }
}

#[test]
fn the_venue_side_of_the_pipeline_knows_pings_and_ends() {
    let mut feed = MarketFeed::Lighter(codec());
    let mut decode = |frame: &str| feed.decode(frame.as_bytes(), RECV, &mut Vec::new());
    assert_eq!(decode(r#"{"type":"ping"}"#), Ok(FeedFrame::Ping));
    assert_eq!(decode(r#"{"type":"shutdown","close_in_ms":0}"#), Ok(FeedFrame::Closing));
    assert_eq!(decode(r#"{"type":"hello"}"#), Ok(FeedFrame::Unknown));
    assert_eq!(decode(SNAPSHOT), Ok(FeedFrame::Book));
    assert_eq!(decode(TICKER), Ok(FeedFrame::Bbo));
    assert_eq!(decode(TICKER), Ok(FeedFrame::Silent));
    assert_eq!(decode(STATS), Ok(FeedFrame::Context));
    assert_eq!(decode(TRADES), Ok(FeedFrame::Trades(2)));
    assert_eq!((feed.ping(), feed.pong()), (r#"{"type":"ping"}"#, r#"{"type":"pong"}"#));
    assert_eq!(feed.heard_within_ns(), 60_000_000_000);
    let frames = feed.subscriptions();
    assert_eq!(frames.len(), 4 * 4 + 1);
    assert_eq!(frames[0], r#"{"type":"subscribe","channel":"ticker/0"}"#);
    assert_eq!(frames[13], r#"{"type":"subscribe","channel":"order_book/4647"}"#);
    assert_eq!(frames[16], r#"{"type":"subscribe","channel":"height"}"#);
}

#[test]
fn bad_frames_are_refused_by_name_and_change_nothing() {
    use MalformedKind as K;
    let number = |text: &str| DELTA.replace("\"4.250\"", &format!("\"{text}\""));
    for text in ["", ".", "-1", "-0", "1e3", "+1", "1,5", " 1", "0.000000001", "10000000001", "NaN"]
    {
        let mut both = Both::after(&[SNAPSHOT]);
        let refused = both.agree(number(text).as_bytes()).map_err(|m| m.kind);
        assert_eq!(refused, Err(K::Number), "{text:?}");
        // The chain stands: the sound frame continues it.
        assert_eq!(both.agree(DELTA.as_bytes()), Ok(Decoded::Book(SOL)));
    }
    for (frame, kind) in [
        (DELTA.replace("\"101.115\"", "\"0\""), K::Number),
        (DELTA.replace("\"101.115\"", "101.115"), K::Value),
        (DELTA.replace("\"price\":\"101.115\",", ""), K::MissingField),
        (DELTA.replace("\"code\":0", "\"code\":1"), K::Value),
        (DELTA.replace("\"begin_nonce\":25652761941", "\"begin_nonce\":25652762002"), K::Value),
        (DELTA.replace(",\"begin_nonce\":25652761941", ""), K::MissingField),
        (DELTA.replace("1792918164508299,\"b", "1792918164508,\"b"), K::Value),
        (DELTA.replace("update/order_book", "update/ticker"), K::Value),
        (DELTA.replace("\"channel\":\"order_book:2\",", ""), K::MissingField),
        (DELTA.replace(",\"type\":\"update/order_book\"", ""), K::MissingField),
        (format!("{DELTA}x"), K::Syntax),
        (TICKER.replace("\"size\":\"0.055\"", "\"size\":\"\""), K::Number),
        (TICKER.replace("\"nonce\":25652762005,", ""), K::MissingField),
        (TRADES.replace("36388689014,\"trade_id_str\"", "0,\"trade_id_str\""), K::Value),
        (TRADES.replace("\"0.610\"", "\"0\""), K::Number),
        (String::new(), K::Syntax),
        ("{}".to_owned(), K::MissingField),
        (r#"{"error":{"message":"x"}}"#.to_owned(), K::MissingField),
    ] {
        let mut both = Both::after(&[SNAPSHOT]);
        assert_eq!(both.agree(frame.as_bytes()).map_err(|m| m.kind), Err(kind), "{frame}");
        assert_eq!(both.agree(DELTA.as_bytes()), Ok(Decoded::Book(SOL)));
    }
}

#[test]
fn other_layouts_are_read_and_counted() {
    for frame in [
        DELTA.replace(",\"nonce\"", ", \"nonce\""),
        DELTA.replace(
            "\"price\":\"101.115\",\"size\":\"4.250\"",
            "\"size\":\"4.250\",\"price\":\"101.115\"",
        ),
        DELTA.replace("\"price\":\"101.115\",", "\"price\":\"101.115\",\"n\":[1],"),
        DELTA.replace("101.115", "101.11500000000000000"),
        DELTA.replace("\"code\":0,", ""),
        DELTA.replace("order_book:2\"", "\\u006frder_book:2\""),
    ] {
        let mut both = Both::after(&[SNAPSHOT]);
        let escaped = frame.contains('\\');
        let result = both.decode(frame.as_bytes()).0;
        // An escape in a channel's name is not unescaped: refused, never misread.
        assert_eq!(result.is_ok(), !escaped, "{frame}");
        assert_eq!(both.fast.slow_frames(), u64::from(!escaped), "{frame}");
    }
}

#[test]
fn oversized_frames_are_refused_and_deep_books_are_kept_to_the_limit() {
    let row = |px: usize, size: &str| format!(r#"{{"price":"{px}","size":"{size}"}}"#);
    let frame = |asks: usize, kind: &str, begin: u64, nonce: u64| {
        let asks: Vec<String> = (0..asks).map(|i| row(1_000 + i, "1.5")).collect();
        format!(
            r#"{{"channel":"order_book:2","last_updated_at":1792918164414954,"offset":1,"order_book":{{"code":0,"asks":[{}],"bids":[{}],"offset":1,"nonce":{nonce},"last_updated_at":1792918164414954,"begin_nonce":{begin}}},"timestamp":1792918164430,"type":"{kind}/order_book"}}"#,
            asks.join(","),
            row(999, "1")
        )
    };
    let mut both = Both::new();
    let deep = frame(LEVELS_MAX + 500, "subscribed", 0, 7);
    assert_eq!(both.agree(deep.as_bytes()), Ok(Decoded::Book(SOL)));
    assert_eq!(both.fast.kept(SOL, Side::Sell).count(), LEVELS_MAX);
    // Behind the horizon nothing is applied, and the near book runs out at last.
    let gone = |from: usize, to: usize, begin: u64| {
        let asks: Vec<String> = (from..to).map(|i| row(1_000 + i, "0")).collect();
        frame(0, "update", begin, begin + 1)
            .replace("\"asks\":[]", &format!("\"asks\":[{}]", asks.join(",")))
    };
    let far = gone(LEVELS_MAX, LEVELS_MAX + 10, 7);
    assert_eq!(both.agree(far.as_bytes()), Ok(Decoded::Book(SOL)));
    assert_eq!(both.fast.counts().beyond_horizon, 10);
    let near = gone(0, LEVELS_MAX - 20, 8);
    assert_eq!(both.agree(near.as_bytes()), Ok(Decoded::Book(SOL)));
    let last = gone(LEVELS_MAX - 20, LEVELS_MAX - 19, 9);
    assert_eq!(both.decode(last.as_bytes()).0, Ok(Decoded::Gap(SOL, GapReason::Oversized)));
    let wide = frame(LEVELS_MAX + 1, "update", 7, 8);
    assert_eq!(both.decode(wide.as_bytes()).0.map_err(|m| m.kind), Err(MalformedKind::Oversized));
    let mut huge = DELTA.as_bytes().to_vec();
    huge.resize(FRAME_MAX + 1, b' ');
    assert_eq!(both.decode(&huge).0.map_err(|m| m.kind), Err(MalformedKind::Oversized));
    let trade = r#"{"trade_id":1,"type":"x"}"#;
    let list = vec![trade; TRADES_MAX + 1].join(",");
    let many = format!(r#"{{"channel":"trade:2","trades":[{list}],"type":"update/trade"}}"#);
    // What is no trade in the book takes no place in the scratch.
    assert_eq!(both.decode(many.as_bytes()).0, Ok(Decoded::Trades(0)));
    let sound = r#"{"trade_id":1,"type":"trade","price":"1","size":"1","is_maker_ask":true,"timestamp":1792918164430}"#;
    let list = vec![sound; TRADES_MAX + 1].join(",");
    let many = format!(r#"{{"channel":"trade:2","trades":[{list}],"type":"update/trade"}}"#);
    assert_eq!(both.decode(many.as_bytes()).0.map_err(|m| m.kind), Err(MalformedKind::Oversized));
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
fn a_full_sink_ends_the_message_and_the_next_one_is_whole() {
    for room in 0..3 {
        let mut codec = codec();
        let mut sink = Room(room, Vec::new());
        assert_eq!(codec.decode(SNAPSHOT.as_bytes(), RECV, &mut sink), Ok(Decoded::Full(SOL)));
        // A change far below the twentieth level would show the top alone.
        let far = DELTA
            .replace("101.112", "0.5")
            .replace("101.115\",\"size\":\"4.250\"", "900\",\"size\":\"0\"");
        let mut events = Vec::new();
        assert_eq!(codec.decode(far.as_bytes(), RECV, &mut events), Ok(Decoded::Book(SOL)));
        assert!(matches!(events.last(), Some(Event::BookEnd { .. })));
    }
    let mut sink = Room(0, Vec::new());
    assert_eq!(codec().decode(TICKER.as_bytes(), RECV, &mut sink), Ok(Decoded::Full(SOL)));
    assert_eq!(codec().decode(TRADES.as_bytes(), RECV, &mut sink), Ok(Decoded::Full(SOL)));
    let mut codec = codec();
    assert!(codec.decode(SNAPSHOT.as_bytes(), RECV, &mut Vec::new()).is_ok());
    let lost = DELTA.replace("\"begin_nonce\":25652761941", "\"begin_nonce\":3");
    assert_eq!(codec.decode(lost.as_bytes(), RECV, &mut sink), Ok(Decoded::Full(SOL)));
}

#[test]
fn a_change_out_of_sight_shows_the_top_alone() {
    let asks: Vec<String> =
        (0..30).map(|i| format!(r#"{{"price":"{}.000","size":"1.000"}}"#, 102 + i)).collect();
    let snapshot = SNAPSHOT.replace(
        r#"{"price":"101.114","size":"12.500"},{"price":"101.120","size":"3.001"},{"price":"101.2","size":"1000000.125"}"#,
        &asks.join(","),
    );
    let far = DELTA
        .replace("\"101.114\"", "\"122.000\"")
        .replace("\"101.115\"", "\"123.000\"")
        .replace(r#"{"price":"101.112","size":"1.000"},{"price":"99.000","size":"0"}"#, "");
    let mut both = Both::after(&[&snapshot]);
    let (decoded, events) = both.decode(far.as_bytes());
    assert_eq!(decoded, Ok(Decoded::Book(SOL)));
    let (bid, ask) = (l(10_111_300_000, 5_500_000), l(10_200_000_000, 100_000_000));
    let (exch_ms, recv) = (1_792_918_164_508, RECV);
    assert_eq!(events, [Event::Bbo { inst: SOL, decode_ns: 0, bid, ask, exch_ms, recv }]);
    // Behind a ticker, which may have passed over levels, the whole book.
    let ticker = TICKER.replace("25652762005", "25652761990");
    let mut both = Both::after(&[&snapshot, &ticker]);
    let (_, events) = both.decode(far.as_bytes());
    assert!(matches!(events.last(), Some(Event::BookEnd { .. })));
}

#[test]
fn a_frame_cut_anywhere_is_refused() {
    for frame in [SNAPSHOT, DELTA, TICKER, NO_QUOTE, TRADES, STATS] {
        let mut both = Both::after(&[SNAPSHOT]);
        for end in 0..frame.len() {
            let (result, events) = both.decode(&frame.as_bytes()[..end]);
            assert!(result.is_err() && events.is_empty(), "cut at {end}: {frame}");
        }
    }
}

#[test]
fn stamps_ride_along() {
    let mut events = Vec::new();
    assert!(codec().decode(TICKER.as_bytes(), Stamp(99), &mut events).is_ok());
    assert!(matches!(events[..], [Event::Bbo { recv: Stamp(99), .. }]));
}
