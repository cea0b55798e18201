//! Cold. The user stream's codec on frames in the venue's shape: statuses, fills, snapshots, fees,
//! funding, damaged frames and full sinks.

use evenkeel::event::{CancelReason, Event, OrderId, RejectReason, Stamp};
use evenkeel::instrument::{InstId, Symbol};
use evenkeel::units::{Price, Qty, Side};
use evenkeel::venue::hyperliquid::control::{Channel, Control, ErrorKind};
use evenkeel::venue::hyperliquid::user::{UserCodec, UserDecoded, UserFrame, cloid};
use evenkeel::venue::{Malformed, MalformedKind, Sink};

const RECV: Stamp = Stamp(5);
const TAG: u64 = 0x00c0_ffee_0000_0001;
const BTC: InstId = InstId(1);
const ZEC: InstId = InstId(2);

fn codec() -> UserCodec {
    let symbol = |name| Symbol::new(name).expect("a valid name");
    UserCodec::new(TAG, &[(BTC, symbol("BTC")), (ZEC, symbol("ZEC"))])
}

fn decode(codec: &mut UserCodec, frame: &str) -> (Result<UserDecoded, Malformed>, Vec<Event>) {
    let mut events = Vec::new();
    let result = codec.decode(frame.as_bytes(), RECV, &mut events);
    (result, events)
}

fn ours(order: u64) -> String {
    String::from_utf8(cloid(TAG, OrderId(order)).to_vec()).expect("hex is text")
}

fn update(order: &str, status: &str) -> String {
    format!(
        r#"{{"order":{{"coin":"BTC","side":"B","limitPx":"80462.0","sz":"0.2","oid":77,"timestamp":1791480448890,"origSz":"0.2"{order}}},"status":"{status}","statusTimestamp":1791480448890}}"#
    )
}

fn updates(list: &[String]) -> String {
    format!(r#"{{"channel":"orderUpdates","data":[{}]}}"#, list.join(","))
}

fn fill(tid: u64, time: u64, fee: &str, more: &str) -> String {
    format!(
        r#"{{"coin":"BTC","px":"80499.0","sz":"0.00124","side":"A","time":{time},"startPosition":"-11.8","dir":"Open Short","closedPnl":"0.0","hash":"0xab","oid":569,"crossed":false,"fee":"{fee}","tid":{tid}{more},"feeToken":"USDC","twapId":null}}"#
    )
}

fn fills(members: &str, list: &[String]) -> String {
    format!(
        r#"{{"channel":"userFills","data":{{{members}"user":"0x78dc","fills":[{}]}}}}"#,
        list.join(",")
    )
}

#[test]
fn each_status_becomes_its_event() {
    let mut codec = codec();
    let mine = format!(r#","cloid":"{}""#, ours(42));
    let order = OrderId(42);
    let ack = |resting| Some(Event::Ack { order, venue_oid: 77, resting, recv: RECV });
    let gone = |reason| Some(Event::Canceled { order, reason, recv: RECV });
    let no = |reason| Some(Event::Reject { order, reason, code: 0, recv: RECV });
    for (status, want, unknown) in [
        ("open", ack(true), 0),
        ("filled", ack(false), 0),
        ("triggered", None, 0),
        ("canceled", gone(CancelReason::ByUs), 0),
        ("marginCanceled", gone(CancelReason::Margin), 0),
        ("selfTradeCanceled", gone(CancelReason::SelfTrade), 0),
        ("reduceOnlyCanceled", gone(CancelReason::ReduceOnly), 0),
        ("scheduledCancel", gone(CancelReason::Scheduled), 0),
        ("delistedCanceled", gone(CancelReason::Delisted), 0),
        ("liquidatedCanceled", gone(CancelReason::ByVenue), 0),
        ("badAloPxRejected", no(RejectReason::WouldCross), 0),
        ("iocCancelRejected", no(RejectReason::IocNoMatch), 0),
        ("minTradeNtlRejected", no(RejectReason::MinNotional), 0),
        ("perpMaxPositionRejected", no(RejectReason::PositionLimit), 0),
        ("eclipseCanceled", gone(CancelReason::ByVenue), 1),
        ("eclipseRejected", no(RejectReason::Unrecognized), 1),
        ("eclipsed", None, 1),
    ] {
        let (result, events) = decode(&mut codec, &updates(&[update(&mine, status)]));
        let decoded = result.expect("a sound frame");
        assert_eq!(decoded.frame, UserFrame::OrderUpdates);
        assert_eq!(events, want.into_iter().collect::<Vec<_>>(), "{status}");
        assert_eq!(decoded.unknown_statuses, unknown, "{status}");
        assert_eq!((decoded.external, decoded.full), (0, false));
        assert_eq!(decoded.events as usize, events.len());
    }
}

#[test]
fn orders_of_others_are_external() {
    let mut codec = codec();
    let other_run = String::from_utf8(cloid(TAG + 1, OrderId(42)).to_vec()).expect("hex is text");
    for order in [
        String::new(),
        r#","cloid":null"#.to_owned(),
        r#","cloid":"0x273d565c96b2523ae6a0b5ca299c6f00""#.to_owned(),
        format!(r#","cloid":"{other_run}""#),
        format!(r#","cloid":"{}""#, ours(0)),
        r#","cloid":"something else""#.to_owned(),
    ] {
        let (result, events) = decode(&mut codec, &updates(&[update(&order, "open")]));
        let order = OrderId(0);
        assert_eq!(events, [Event::Ack { order, venue_oid: 77, resting: true, recv: RECV }]);
        assert_eq!(result.expect("a sound frame").external, 1);
    }
}

#[test]
fn keys_may_come_in_any_order() {
    let frame = format!(
        r#" {{ "data" : [ {{ "status":"open" , "x":[{{}}], "order":{{"oid":9,"cloid":"{}"}} }} ] , "channel":"orderUpdates" }} "#,
        ours(3)
    );
    let (result, events) = decode(&mut codec(), &frame);
    assert!(result.is_ok());
    assert_eq!(events, [Event::Ack { order: OrderId(3), venue_oid: 9, resting: true, recv: RECV }]);
}

#[test]
fn fills_are_exact_and_fees_never_flatter_us() {
    let mut codec = codec();
    let mine = format!(r#","cloid":"{}""#, ours(8));
    for (fee, raw, rounded) in [
        ("-0.002994", -299_400, 0),
        ("0.005064", 506_400, 0),
        ("0.0000000001", 1, 1),
        ("-0.0000000001", 0, 1),
        ("0.123456789", 12_345_679, 1),
    ] {
        let frame = fills("", &[fill(167, 1_791_480_468_944, fee, &mine)]);
        let (result, events) = decode(&mut codec, &frame);
        let decoded = result.expect("a sound frame");
        assert_eq!((decoded.frame, decoded.rounded), (UserFrame::Fills, rounded));
        assert_eq!(
            events,
            [Event::Fill {
                inst: BTC,
                side: Side::Sell,
                taker: false,
                order: OrderId(8),
                px: Price(8_049_900_000_000),
                qty: Qty(124_000),
                fee: raw,
                trade_id: 167,
                exch_ms: 1_791_480_468_944,
            }]
        );
    }
}

#[test]
fn a_snapshot_is_no_news_unless_asked_for() {
    let mut codec = codec();
    let list = [fill(1, 1000, "0.1", ""), fill(2, 2000, "0.1", ""), fill(3, 3000, "0.1", "")];
    for frame in [
        fills(r#""isSnapshot":true,"#, &list),
        // The flag behind the fills: they must not leave before it is seen.
        fills("", &list).replace("]}}", r#"],"isSnapshot":true}}"#),
    ] {
        codec.recover_from(None);
        let (result, events) = decode(&mut codec, &frame);
        let decoded = result.expect("a sound frame");
        assert_eq!((decoded.frame, decoded.old_fills), (UserFrame::FillsSnapshot, 3));
        assert!(events.is_empty());

        codec.recover_from(Some(2000));
        let (result, events) = decode(&mut codec, &frame);
        let decoded = result.expect("a sound frame");
        assert_eq!((decoded.old_fills, decoded.events, decoded.external), (1, 2, 2));
        let ids: Vec<u64> = events
            .iter()
            .map(|event| match event {
                Event::Fill { trade_id, .. } => *trade_id,
                _ => 0,
            })
            .collect();
        assert_eq!(ids, [2, 3]);
    }
    // What is no snapshot is news, whatever its time.
    let (_, events) = decode(&mut codec, &fills("", &list));
    assert_eq!(events.len(), 3);
}

#[test]
fn fills_of_foreign_markets_are_counted() {
    let foreign = fill(1, 1000, "0.1", "").replace("BTC", "@107");
    let (result, events) = decode(&mut codec(), &fills("", &[foreign, fill(2, 1, "0", "")]));
    assert_eq!(result.expect("a sound frame").unknown_markets, 1);
    assert_eq!(events.len(), 1);
}

#[test]
fn user_events_are_told_apart() {
    let mut codec = codec();
    let funding = |usdc: &str| {
        format!(
            r#"{{"channel":"user","data":{{"funding":{{"time":1791482400023,"coin":"ZEC","usdc":"{usdc}","szi":"-5.8","fundingRate":"0.0000125","nSamples":null}}}}}}"#
        )
    };
    for (usdc, amount, rounded) in
        [("0.082377", 8_237_700, 0), ("-0.5", -50_000_000, 0), ("-0.0000000011", -1, 1)]
    {
        let (result, events) = decode(&mut codec, &funding(usdc));
        let decoded = result.expect("a sound frame");
        assert_eq!((decoded.frame, decoded.rounded), (UserFrame::Events, rounded));
        assert_eq!(events, [Event::Funding { inst: ZEC, amount, exch_ms: 1_791_482_400_023 }]);
    }
    for (data, counts) in [
        (r#"{"nonUserCancel":[{"coin":"ZEC","oid":1},{"coin":"ZEC","oid":2}]}"#, (2, 0, 0)),
        (r#"{"liquidation":{"lid":1,"liquidator":"0x1","liquidated_user":"0x2"}}"#, (0, 1, 0)),
        (r#"{"fills":[]}"#, (0, 0, 1)),
        (r#"{"twapHistory":[]}"#, (0, 0, 1)),
    ] {
        let (result, events) =
            decode(&mut codec, &format!(r#"{{"channel":"user","data":{data}}}"#));
        let d = result.expect("a sound frame");
        assert_eq!((d.non_user_cancels, d.liquidations, d.ignored), counts, "{data}");
        assert!(events.is_empty());
    }
}

#[test]
fn other_frames_have_names() {
    let mut codec = codec();
    for (frame, want) in [
        ("Websocket connection established.", UserFrame::Control(Control::Established)),
        (r#"{"channel":"pong"}"#, UserFrame::Control(Control::Pong)),
        (r#"{"channel":"post","data":{"id":1,"response":{}}}"#, UserFrame::Post),
        (r#"{"channel":"notification","data":{}}"#, UserFrame::UnknownChannel),
        (
            r#"{"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":"userFills","user":"0x1","aggregateByTime":false}}}"#,
            UserFrame::Control(Control::Subscribed(Channel::UserFills, None)),
        ),
        (
            r#"{"channel":"error","data":"Already subscribed: {}"}"#,
            UserFrame::Control(Control::Error(ErrorKind::AlreadySubscribed)),
        ),
    ] {
        let (result, events) = decode(&mut codec, frame);
        assert_eq!(result.map(|d| d.frame), Ok(want), "{frame}");
        assert!(events.is_empty());
    }
    assert_eq!(
        codec.subscriptions(&[0xab; 20])[1],
        format!(
            r#"{{"method":"subscribe","subscription":{{"type":"userFills","user":"0x{}"}}}}"#,
            "ab".repeat(20)
        )
    );
}

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

/// However small the sink's portions, every event arrives once and in order.
#[test]
fn a_full_sink_loses_nothing_and_repeats_nothing() {
    let mut codec = codec();
    let list: Vec<String> = (1..=7).map(|tid| fill(tid, 1000, "0.1", "")).collect();
    let statuses = ["open", "eclipsed", "canceled", "tickRejected", "filled"];
    let orders: Vec<String> = statuses.iter().map(|s| update("", s)).collect();
    for frame in [fills("", &list), updates(&orders)] {
        let (_, want) = decode(&mut codec, &frame);
        for portion in 1..=want.len() {
            let mut sink = Room(0, Vec::new());
            let mut taken = 0;
            loop {
                assert!(sink.0 < want.len(), "it ends when there is room for all");
                sink.0 += portion;
                let result = codec.decode_after(taken, frame.as_bytes(), RECV, &mut sink);
                let decoded = result.expect("a sound frame");
                taken = decoded.events;
                if !decoded.full {
                    break;
                }
            }
            assert_eq!(sink.1, want);
        }
    }
}

#[test]
fn damaged_frames_are_refused_by_name() {
    let mut codec = codec();
    let fill = fills("", &[fill(1, 1000, "0.1", "")]);
    let order = updates(&[update("", "open")]);
    for (frame, kind) in [
        (fill.replace("\"px\":\"80499.0\"", "\"px\":\"NaN\""), MalformedKind::Number),
        (fill.replace("\"px\":\"80499.0\"", "\"px\":\"-1.0\""), MalformedKind::Number),
        (fill.replace("\"sz\":\"0.00124\"", "\"sz\":\"0.0\""), MalformedKind::Number),
        (fill.replace("\"sz\":\"0.00124\"", "\"sz\":\"1e3\""), MalformedKind::Number),
        (fill.replace("\"fee\":\"0.1\"", "\"fee\":\"99999999999.0\""), MalformedKind::Number),
        (fill.replace("\"fee\":\"0.1\",", ""), MalformedKind::MissingField),
        (fill.replace("\"side\":\"A\"", "\"side\":\"S\""), MalformedKind::Value),
        (fill.replace("\"crossed\":false", "\"crossed\":0"), MalformedKind::Value),
        (fill.replace("\"tid\":1", "\"tid\":1,\"tid\":2"), MalformedKind::Syntax),
        (fill.replace("\"fills\":", "\"fulls\":"), MalformedKind::MissingField),
        (order.replace("\"oid\":77", "\"oid\":-77"), MalformedKind::Number),
        (order.replace("\"oid\":77,", ""), MalformedKind::MissingField),
        (order.replace("\"status\":\"open\",", ""), MalformedKind::MissingField),
        (order.replace("\"open\"", "7"), MalformedKind::Value),
        (order.replace("}]}", "}]"), MalformedKind::Syntax),
    ] {
        let (result, events) = decode(&mut codec, &frame);
        assert_eq!(result.map_err(|m| m.kind), Err(kind), "{frame}");
        assert!(events.is_empty());
    }
    for frame in [&fill, &order] {
        for end in 0..frame.len() {
            let (result, events) = decode(&mut codec, &frame[..end]);
            assert!(result.is_err() && events.is_empty(), "cut at {end}");
        }
        let mut bytes = frame.as_bytes().to_vec();
        for bit in 0..8 * bytes.len() {
            bytes[bit / 8] ^= 1 << (bit % 8);
            // No panic, and what is not JSON to serde_json is not to us.
            let result = codec.decode(&bytes, RECV, &mut Vec::new());
            if serde_json::from_slice::<serde_json::Value>(&bytes).is_err() {
                assert!(result.is_err());
            }
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
