//! Cold. Lighter's account stream on frames in the venue's shape: states, fills, fees, positions,
//! snapshots, damaged frames and full sinks.

use evenkeel::event::{CancelReason, Event, OrderId, RejectReason, Stamp, VenueOrderState};
use evenkeel::instrument::InstId;
use evenkeel::units::{Price, Qty, Side};
use evenkeel::venue::lighter::control::{Channel, Control};
use evenkeel::venue::lighter::errors::Reaction;
use evenkeel::venue::lighter::user::{Held, UserCodec, UserDecoded, UserFrame};
use evenkeel::venue::{Malformed, MalformedKind, Sink};

const RECV: Stamp = Stamp(5);
const TAG: u16 = 0x00c0;
const ACCOUNT: u64 = 281_474_976_619_631;
const BTC: InstId = InstId(1);
const SOL: InstId = InstId(2);

fn codec() -> UserCodec {
    UserCodec::new(ACCOUNT, TAG, &[(BTC, 1), (SOL, 4647)])
}

fn decode(codec: &mut UserCodec, frame: &str) -> (Result<UserDecoded, Malformed>, Vec<Event>) {
    let mut events = Vec::new();
    let result = codec.decode(frame.as_bytes(), RECV, &mut events);
    (result, events)
}

/// The client index of an order of this run.
fn index(counter: u64) -> u64 {
    u64::from(TAG) << 32 | counter
}

fn order(client: u64, status: &str, filled: &str, tif: &str) -> String {
    format!(
        r#"{{"order_index":844424914280027,"client_order_index":{client},"order_id":"844424914280027","client_order_id":"{client}","market_index":4647,"owner_account_index":{ACCOUNT},"initial_base_amount":"1.500","price":"101.5","nonce":281474960858715,"remaining_base_amount":"1.000","is_ask":false,"base_size":100,"base_price":583000,"filled_base_amount":"{filled}","filled_quote_amount":"0.000000","side":"","type":"limit","time_in_force":"{tif}","reduce_only":false,"status":"{status}","transaction_time":1785431774184833}}"#
    )
}

fn orders(kind: &str, market: u32, list: &[String]) -> String {
    format!(
        r#"{{"channel":"account_all_orders:{ACCOUNT}","orders":{{"{market}":[{}]}},"type":"{kind}/account_all_orders"}}"#,
        list.join(",")
    )
}

struct Side2 {
    ask: (u64, u64),
    bid: (u64, u64),
    maker_ask: bool,
}

fn trade(id: u64, sides: &Side2, kind: &str, us: u64, fees: &str) -> String {
    let Side2 { ask, bid, maker_ask } = sides;
    format!(
        r#"{{"trade_id":{id},"trade_id_str":"{id}","tx_hash":"00","type":"{kind}","market_id":4647,"size":"0.7","price":"0.20382","usd_amount":"0.142674","ask_id":1,"bid_id":2,"ask_client_id":{},"bid_client_id":{},"ask_account_id":{},"bid_account_id":{},"is_maker_ask":{maker_ask},"block_height":1,"timestamp":1785358835916{fees},"transaction_time":{us}}}"#,
        ask.1, bid.1, ask.0, bid.0
    )
}

fn trades(kind: &str, list: &[String]) -> String {
    format!(
        r#"{{"channel":"account_all_trades:{ACCOUNT}","daily_volume":0,"total_volume":2935377.596694,"trades":{{"4647":[{}]}},"type":"{kind}/account_all_trades"}}"#,
        list.join(",")
    )
}

const FEES: &str = r#","taker_fee":196,"maker_fee":28"#;
const US: u64 = 1_785_358_835_917_189;
const MS: u64 = 1_785_358_835_917;

#[test]
fn each_state_becomes_its_event() {
    let id = OrderId::new(42, SOL);
    let venue_oid = 844_424_914_280_027;
    let recv = RECV;
    let ack = |resting| Some(Event::Ack { order: id, venue_oid, resting, recv });
    let gone = |reason| Some(Event::Canceled { order: id, reason, recv });
    let no = |reason| Some(Event::Reject { order: id, reason, code: 0, recv });
    let (gtt, ioc) = ("good-till-time", "immediate-or-cancel");
    for (status, filled, tif, want, unknown) in [
        ("open", "0.000", gtt, ack(true), 0),
        ("pending", "0.000", gtt, ack(true), 0),
        ("filled", "1.500", gtt, ack(false), 0),
        ("in-progress", "0.000", gtt, None, 0),
        ("canceled", "0.500", gtt, gone(CancelReason::ByUs), 0),
        ("canceled", "0.500", ioc, gone(CancelReason::IocRemainder), 0),
        ("canceled", "0.000", ioc, no(RejectReason::IocNoMatch), 0),
        ("canceled-post-only", "0.000", "post-only", no(RejectReason::WouldCross), 0),
        ("canceled-reduce-only", "0.000", gtt, no(RejectReason::ReduceOnly), 0),
        ("canceled-reduce-only", "0.001", gtt, gone(CancelReason::ReduceOnly), 0),
        ("canceled-position-not-allowed", "0", gtt, no(RejectReason::PositionLimit), 0),
        ("canceled-margin-not-allowed", "0.5", gtt, gone(CancelReason::Margin), 0),
        ("canceled-too-much-slippage", "0.000", ioc, no(RejectReason::IocNoMatch), 0),
        ("canceled-not-enough-liquidity", "0.5", ioc, gone(CancelReason::IocRemainder), 0),
        ("canceled-self-trade", "0.000", gtt, gone(CancelReason::SelfTrade), 0),
        ("canceled-expired", "0.000", gtt, gone(CancelReason::Scheduled), 0),
        ("canceled-oco", "0.000", gtt, gone(CancelReason::ByVenue), 0),
        ("canceled-by-the-moon", "0.000", gtt, gone(CancelReason::ByVenue), 1),
        ("eclipsed", "0.000", gtt, None, 1),
    ] {
        let frame = orders("update", 4647, &[order(index(42), status, filled, tif)]);
        let (result, events) = decode(&mut codec(), &frame);
        let decoded = result.expect("a sound frame");
        assert_eq!(decoded.frame, UserFrame::Orders);
        assert_eq!(events, want.into_iter().collect::<Vec<_>>(), "{status} {filled} {tif}");
        assert_eq!(decoded.unknown_statuses, unknown, "{status}");
        assert_eq!(decoded.kept, u32::from(want.is_none()), "{status}");
        assert_eq!((decoded.external, decoded.full, decoded.liquidations), (0, false, 0));
    }
    let taken = orders("update", 4647, &[order(index(42), "canceled-liquidation", "0", gtt)]);
    assert_eq!(decode(&mut codec(), &taken).0.expect("a sound frame").liquidations, 1);
}

#[test]
fn a_snapshot_tells_what_rests() {
    let list =
        [order(index(42), "open", "0.250", "post-only"), order(7, "open", "0.000", "post-only")];
    let (result, events) = decode(&mut codec(), &orders("subscribed", 4647, &list));
    let state = |order, filled| Event::OrderState {
        order,
        state: VenueOrderState::Open,
        filled: Qty(filled),
        venue_oid: 844_424_914_280_027,
        recv: RECV,
    };
    assert_eq!(events, [state(OrderId::new(42, SOL), 25_000_000), state(OrderId(0), 0)]);
    let decoded = result.expect("a sound frame");
    assert_eq!((decoded.frame, decoded.external), (UserFrame::OrdersSnapshot, 1));
    let none = format!(
        r#"{{"channel":"account_all_orders:{ACCOUNT}","orders":{{}},"type":"subscribed/account_all_orders"}}"#
    );
    assert_eq!(decode(&mut codec(), &none).1, []);
}

#[test]
fn orders_of_others_are_external_and_other_markets_are_counted() {
    let other_run = u64::from(TAG + 1) << 32 | 42;
    for client in [0, 42, other_run, (1 << 48) - 1] {
        let frame = orders("update", 4647, &[order(client, "open", "0", "post-only")]);
        let (result, events) = decode(&mut codec(), &frame);
        let venue_oid = 844_424_914_280_027;
        assert_eq!(
            events,
            [Event::Ack { order: OrderId(0), venue_oid, resting: true, recv: RECV }]
        );
        assert_eq!(result.expect("a sound frame").external, 1);
    }
    let foreign = order(index(42), "open", "0", "post-only").replace(":4647,", ":9,");
    let (result, events) = decode(&mut codec(), &orders("update", 9, &[foreign]));
    assert_eq!((events.len(), result.expect("a sound frame").unknown_markets), (0, 1));
    let whose = orders("update", 4647, &[order(index(42), "open", "0", "post-only")]);
    let whose = whose.replace(&format!("account_all_orders:{ACCOUNT}"), "account_all_orders:7");
    let (result, events) = decode(&mut codec(), &whose);
    assert_eq!((events.len(), result.expect("sound").frame), (0, UserFrame::OtherAccount));
}

#[test]
fn fills_have_our_side_role_and_fee() {
    let ours = (ACCOUNT, index(42));
    let theirs = (722_982, 5);
    let (px, qty, trade_id, exch_ms) = (Price(20_382_000), Qty(70_000_000), 9, MS);
    // 0.142674 x 28 / 10^6 = 0.000003994872 and x 196 = 0.000027964104, both rounded up.
    for (sides, side, taker, fee) in [
        (Side2 { ask: ours, bid: theirs, maker_ask: true }, Side::Sell, false, 400),
        (Side2 { ask: ours, bid: theirs, maker_ask: false }, Side::Sell, true, 2_797),
        (Side2 { ask: theirs, bid: ours, maker_ask: true }, Side::Buy, true, 2_797),
        (Side2 { ask: theirs, bid: ours, maker_ask: false }, Side::Buy, false, 400),
    ] {
        let frame = trades("update", &[trade(9, &sides, "trade", US, FEES)]);
        let (result, events) = decode(&mut codec(), &frame);
        let (inst, order) = (SOL, OrderId::new(42, SOL));
        let want = Event::Fill { inst, side, taker, order, px, qty, fee, trade_id, exch_ms };
        assert_eq!(events, [want]);
        let decoded = result.expect("a sound frame");
        assert_eq!((decoded.frame, decoded.rounded), (UserFrame::Fills, 1));
        // A fee of zero is left out.
        let free = trades("update", &[trade(9, &sides, "trade", US, "")]);
        let (result, events) = decode(&mut codec(), &free);
        assert!(matches!(events[..], [Event::Fill { fee: 0, .. }]));
        assert_eq!(result.expect("a sound frame").rounded, 0);
    }
    let both = Side2 { ask: ours, bid: ours, maker_ask: true };
    let (result, events) =
        decode(&mut codec(), &trades("update", &[trade(9, &both, "trade", US, FEES)]));
    assert_eq!((events.len(), result.expect("sound").self_trades), (0, 1));
    let nobody = Side2 { ask: theirs, bid: theirs, maker_ask: true };
    let (result, _) =
        decode(&mut codec(), &trades("update", &[trade(9, &nobody, "trade", US, FEES)]));
    assert_eq!(result.map_err(|m| m.kind), Err(MalformedKind::Value));
}

#[test]
fn liquidations_of_ours_are_counted_and_booked() {
    let (ours, theirs) = ((ACCOUNT, 0), (5, 5));
    for (maker_ask, kind, count) in [
        (false, "liquidation", 1),
        (true, "liquidation", 0),
        (true, "deleverage", 1),
        (false, "trade", 0),
    ] {
        let sides = Side2 { ask: ours, bid: theirs, maker_ask };
        let (result, events) =
            decode(&mut codec(), &trades("update", &[trade(9, &sides, kind, US, FEES)]));
        let decoded = result.expect("a sound frame");
        assert_eq!((events.len(), decoded.liquidations, decoded.external), (1, count, 1), "{kind}");
    }
}

#[test]
fn old_fills_are_news_only_after_a_reconnect() {
    let sides = Side2 { ask: (ACCOUNT, index(1)), bid: (5, 5), maker_ask: true };
    let list = [trade(9, &sides, "trade", US, ""), trade(8, &sides, "trade", US - 5_000_000, "")];
    let snapshot = trades("subscribed", &list);
    let mut codec = codec();
    let (result, events) = decode(&mut codec, &snapshot);
    assert_eq!((events.len(), result.expect("sound").old_fills), (0, 2));
    codec.recover_from(Some(MS - 1_000));
    let (result, events) = decode(&mut codec, &snapshot);
    assert!(matches!(events[..], [Event::Fill { trade_id: 9, .. }]));
    assert_eq!(result.expect("sound").old_fills, 1);
    // The same list by REST.
    let body = format!(r#"{{"code":200,"trades":[{}],"next_cursor":"x"}}"#, list.join(","));
    let mut events = Vec::new();
    let decoded = codec.decode_trades(0, MS - 10_000, body.as_bytes(), RECV, &mut events);
    assert_eq!((events.len(), decoded.map(|d| d.events)), (2, Ok(2)));
    for empty in [r#""trades":{}"#, r#""trades":[]"#] {
        let frame = format!(
            r#"{{"channel":"account_all_trades:{ACCOUNT}",{empty},"type":"subscribed/account_all_trades"}}"#
        );
        assert_eq!(decode(&mut codec, &frame).1, []);
    }
}

fn positions(kind: &str, list: &str) -> String {
    format!(
        r#"{{"channel":"account_all_positions:{ACCOUNT}","positions":{{{list}}},"shares":[],"last_funding_round":null,"type":"{kind}/account_all_positions"}}"#
    )
}

#[test]
fn a_snapshot_of_positions_is_whole_and_changes_are_kept() {
    let short = r#""4647":{"market_id":4647,"symbol":"SOL","sign":-1,"position":"1.500","avg_entry_price":"101.123456789","margin_mode":0}"#;
    let long = r#""1":{"market_id":1,"sign":1,"position":"0.25","avg_entry_price":"80000.5"}"#;
    let mut codec = codec();
    let (result, events) = decode(&mut codec, &positions("subscribed", short));
    let at =
        |inst, qty, entry| Event::Position { inst, qty: Qty(qty), entry: Price(entry), recv: RECV };
    assert_eq!(events, [at(BTC, 0, 0), at(SOL, -150_000_000, 10_112_345_678)]);
    assert_eq!(result.expect("sound").rounded, 1);
    let (result, events) = decode(&mut codec, &positions("update", long));
    assert_eq!((events.len(), result.expect("sound").kept), (0, 1));
    let held = Held { qty: Qty(25_000_000), entry: Price(8_000_050_000_000) };
    assert_eq!(codec.position(BTC), Some(held));
    assert_eq!(codec.position(SOL).map(|held| held.qty), Some(Qty(-150_000_000)));
    // Not in a later snapshot: flat.
    let (_, events) = decode(&mut codec, &positions("subscribed", long));
    assert_eq!(events, [at(BTC, 25_000_000, 8_000_050_000_000), at(SOL, 0, 0)]);
    let foreign = short.replace("4647", "9");
    let (result, _) = decode(&mut codec, &positions("update", &foreign));
    assert_eq!(result.expect("sound").unknown_markets, 1);
    for (from, to, kind) in [
        ("\"sign\":-1", "\"sign\":2", MalformedKind::Value),
        ("\"sign\":-1,", "", MalformedKind::MissingField),
        ("\"1.500\"", "\"-1.500\"", MalformedKind::Number),
        ("101.123456789", "101.12345678x", MalformedKind::Number),
        ("\"4647\":", "\"SOL\":", MalformedKind::Value),
    ] {
        let (result, _) = decode(&mut codec, &positions("update", &short.replace(from, to)));
        assert_eq!(result.map_err(|m| m.kind), Err(kind), "{to}");
    }
}

#[test]
fn equity_is_the_portfolios_value() {
    let frame = format!(
        r#"{{"channel":"user_stats:{ACCOUNT}","stats":{{"account_trading_mode":0,"available_balance":"39.168314","portfolio_value":"39.995169","cross_stats":{{"portfolio_value":"1"}}}},"timestamp":1781161854677,"type":"update/user_stats"}}"#
    );
    let (result, events) = decode(&mut codec(), &frame);
    assert_eq!(events, [Event::Equity { amount: 3_999_516_900, recv: RECV }]);
    assert_eq!(result.expect("sound").frame, UserFrame::Stats);
}

#[test]
fn refused_tokens_ask_for_a_new_one() {
    for (frame, want) in [
        (
            r#"{"error":{"code":20001,"message":"invalid param : auth field is required: account_all_orders:10"}}"#,
            Some(Reaction::NewToken),
        ),
        (
            r#"{"error":{"code":20013,"message":"invalid auth: invalid deadline"}}"#,
            Some(Reaction::NewToken),
        ),
        (
            r#"{"error":{"code":20001,"message":"invalid param : x"}}"#,
            Some(Reaction::CountToBreaker),
        ),
        (
            r#"{"error":{"code":30003,"message":"Already Subscribed to : account_all_orders:10"}}"#,
            Some(Reaction::Resubscribe),
        ),
        (r#"{"type":"ping"}"#, None),
    ] {
        let (result, events) = decode(&mut codec(), frame);
        let UserFrame::Control(control) = result.expect("sound").frame else {
            panic!("no control frame: {frame}");
        };
        assert_eq!((control.reaction(), events.len()), (want, 0), "{frame}");
    }
    let named = Control::Error { code: 20_001, channel: Channel::Orders, of: Some(10) };
    let (result, _) = decode(
        &mut codec(),
        r#"{"error":{"code":20001,"message":"auth field is required: account_all_orders:10"}}"#,
    );
    assert_eq!(result.expect("sound").frame, UserFrame::Control(named));
}

#[test]
fn subscriptions_carry_the_token() {
    let frames = codec().subscriptions("1:2:3:ab");
    assert_eq!(frames.len(), 4);
    assert_eq!(
        frames[0],
        format!(
            r#"{{"type":"subscribe","channel":"account_all_orders/{ACCOUNT}","auth":"1:2:3:ab"}}"#
        )
    );
    let again = codec().resubscribe("t");
    assert_eq!(again.len(), 8);
    assert!(again[0].starts_with(r#"{"type":"unsubscribe","channel":"account_all_orders/"#));
    assert!(again[1].starts_with(r#"{"type":"subscribe","channel":"account_all_orders/"#));
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
fn a_full_sink_loses_nothing() {
    let sides = Side2 { ask: (ACCOUNT, index(1)), bid: (5, 5), maker_ask: true };
    let fills: Vec<String> = (1..6).map(|id| trade(id, &sides, "trade", US, FEES)).collect();
    let list: Vec<String> = (1..6).map(|n| order(index(n), "open", "0", "post-only")).collect();
    let short = r#""4647":{"sign":-1,"position":"1.5","avg_entry_price":"101"}"#;
    for frame in
        [trades("update", &fills), orders("update", 4647, &list), positions("subscribed", short)]
    {
        let whole = decode(&mut codec(), &frame).1;
        let (mut codec, mut got, mut taken) = (codec(), Vec::new(), 0);
        loop {
            let mut sink = Room(1, Vec::new());
            let decoded =
                codec.decode_after(taken, frame.as_bytes(), RECV, &mut sink).expect("sound");
            got.append(&mut sink.1);
            taken = decoded.events;
            if !decoded.full {
                break;
            }
        }
        assert_eq!(got, whole);
    }
}

#[test]
fn damaged_frames_never_panic_and_cut_ones_are_refused() {
    let sides = Side2 { ask: (ACCOUNT, index(1)), bid: (5, 5), maker_ask: true };
    let short = r#""4647":{"sign":-1,"position":"1.5","avg_entry_price":"101"}"#;
    for frame in [
        trades("update", &[trade(1, &sides, "trade", US, FEES)]),
        orders("update", 4647, &[order(index(1), "open", "0", "post-only")]),
        positions("subscribed", short),
    ] {
        for at in 0..frame.len() {
            let (result, events) = decode(&mut codec(), &frame[..at]);
            assert!(result.is_err() && events.is_empty(), "cut at {at}: {frame}");
            for bit in 0..8 {
                let mut damaged = frame.as_bytes().to_vec();
                damaged[at] ^= 1 << bit;
                let mut events = Vec::new();
                // Refused, or nothing but what still stands there.
                if codec().decode(&damaged, RECV, &mut events).is_ok() {
                    let sound = String::from_utf8(damaged).expect("checked as text");
                    assert!(serde_json::from_str::<serde_json::Value>(&sound).is_ok(), "{sound}");
                }
            }
        }
    }
}
