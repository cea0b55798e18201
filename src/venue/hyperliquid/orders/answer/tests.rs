//! Cold. Answers in the venue's shapes, and the events that they mean.

use proptest::prelude::*;

use super::*;
use crate::units::SCALE;
use crate::venue::hyperliquid::orders::BATCH_MAX;

const RECV: Stamp = Stamp(77);

fn post(payload: &str) -> String {
    format!(
        r#"{{"channel":"post","data":{{"id":22,"response":{{"type":"action","payload":{payload}}}}}}}"#
    )
}

fn statuses(kind: &str, list: &str) -> String {
    let data = format!(r#"{{"type":"{kind}","data":{{"statuses":[{list}]}}}}"#);
    post(&format!(r#"{{"status":"ok","response":{data}}}"#))
}

fn posted(kind: PostKind, count: usize) -> Posted {
    let mut posted = Posted {
        id: 22,
        nonce: 1,
        kind,
        len: 0,
        count,
        orders: [OrderId(0); BATCH_MAX],
        replaced: [OrderId(0); BATCH_MAX],
    };
    for i in 0..count {
        posted.orders[i] = OrderId(i as u64 + 1);
        posted.replaced[i] = OrderId(i as u64 + 101);
    }
    posted
}

fn reason(text: &[u8]) -> RejectReason {
    if text.starts_with(b"Order must have minimum value") {
        RejectReason::MinNotional
    } else {
        RejectReason::Unrecognized
    }
}

fn events(posted: &Posted, frame: &str) -> Vec<Event> {
    let answer = decode_post(frame.as_bytes()).unwrap();
    assert_eq!(answer.id, posted.id);
    let mut events = Vec::new();
    assert!(answer_events(posted, &answer.outcome, reason, RECV, &mut events));
    events
}

fn ack(order: u64, venue_oid: u64, resting: bool) -> Event {
    Event::Ack { order: OrderId(order), venue_oid, resting, recv: RECV }
}

fn reject(order: u64, reason: RejectReason) -> Event {
    Event::Reject { order: OrderId(order), reason, code: 0, recv: RECV }
}

fn over(order: u64, venue_oid: u64, filled: Qty) -> Event {
    let state = VenueOrderState::Filled;
    Event::OrderState { order: OrderId(order), state, filled, venue_oid, recv: RECV }
}

fn canceled(order: u64) -> Event {
    Event::Canceled { order: OrderId(order), reason: CancelReason::ByUs, recv: RECV }
}

fn cancel_reject(order: u64, gone: bool) -> Event {
    Event::CancelReject { order: OrderId(order), gone, recv: RECV }
}

fn unknown(order: u64) -> Event {
    Event::OutcomeUnknown { order: OrderId(order), recv: RECV }
}

const RESTING: &str =
    r#"{"resting":{"oid":77738308,"cloid":"0x00000000000000000000000000000001"}}"#;
const FILLED: &str = r#"{"filled":{"totalSz":"0.02","avgPx":"1891.4","oid":77747314}}"#;
const SMALL: &str = r#"{"error":"Order must have minimum value of $10. asset=4"}"#;
const GONE: &str = r#"{"error":"Order was never placed, already canceled, or filled. asset=4"}"#;

#[test]
fn each_order_has_its_status() {
    let list = format!(r#"{RESTING}, {FILLED} ,{SMALL},"waitingForTrigger""#);
    let frame = statuses("order", &list);
    let Outcome::Statuses(read) = decode_post(frame.as_bytes()).unwrap().outcome else {
        panic!("{frame}");
    };
    let read: Vec<Status<'_>> = read.collect();
    let filled = Status::Filled {
        oid: 77_747_314,
        qty: Qty(SCALE / 50),
        avg_px: Some(Price(18_914 * SCALE / 10)),
    };
    let error = Status::Error(b"Order must have minimum value of $10. asset=4");
    assert_eq!(read, [Status::Resting { oid: 77_738_308 }, filled, error, Status::Other]);
    assert_eq!(
        events(&posted(PostKind::Place, 4), &frame),
        [
            ack(1, 77_738_308, true),
            over(2, 77_747_314, Qty(SCALE / 50)),
            reject(3, RejectReason::MinNotional),
            unknown(4),
        ]
    );
}

#[test]
fn an_average_price_with_more_places_than_ours_is_left_out() {
    let filled = r#"{"filled":{"oid":9,"avgPx":"0.3333333333","totalSz":"3"}}"#;
    let frame = statuses("order", filled);
    let Outcome::Statuses(mut read) = decode_post(frame.as_bytes()).unwrap().outcome else {
        panic!("{frame}");
    };
    let want = Status::Filled { oid: 9, qty: Qty(3 * SCALE), avg_px: None };
    assert_eq!(read.next(), Some(want));
}

#[test]
fn one_error_for_a_batch_is_every_entrys() {
    let place = events(&posted(PostKind::Place, 3), &statuses("order", SMALL));
    assert_eq!(place, [1, 2, 3].map(|n| reject(n, RejectReason::MinNotional)));
}

#[test]
fn entries_without_a_status_are_in_doubt() {
    let place = events(&posted(PostKind::Place, 3), &statuses("order", RESTING));
    assert_eq!(place, [ack(1, 77_738_308, true), unknown(2), unknown(3)]);
    let none = events(&posted(PostKind::Place, 1), &statuses("order", ""));
    assert_eq!(none, [unknown(1)]);
}

#[test]
fn cancels() {
    let list = format!(r#""success",{GONE},{{"error":"Something else."}}"#);
    let frame = statuses("cancel", &list);
    assert_eq!(
        events(&posted(PostKind::Cancel, 3), &frame),
        [canceled(1), cancel_reject(2, true), cancel_reject(3, false)]
    );
}

#[test]
fn modifies_speak_of_both_orders() {
    let frame = statuses("order", &format!("{RESTING},{SMALL}"));
    assert_eq!(
        events(&posted(PostKind::Modify, 2), &frame),
        [
            canceled(101),
            ack(1, 77_738_308, true),
            cancel_reject(102, true),
            reject(2, RejectReason::MinNotional),
        ]
    );
    let refused = post(r#"{"status":"err","response":"Invalid nonce: duplicate nonce 1"}"#);
    assert_eq!(
        events(&posted(PostKind::Modify, 1), &refused),
        [cancel_reject(101, false), reject(1, RejectReason::Unrecognized)]
    );
}

#[test]
fn a_refused_action_is_every_entrys() {
    let text = "User or API Wallet 0xf9414817e74c92ea33b3e8614efcc3ed198df423 does not exist.";
    let frame = post(&format!(r#"{{"status":"err","response":"{text}"}}"#));
    match decode_post(frame.as_bytes()).unwrap().outcome {
        Outcome::Refused(read) => assert_eq!(read, text.as_bytes()),
        other => panic!("{other:?}"),
    }
    let place = events(&posted(PostKind::Place, 2), &frame);
    assert_eq!(place, [1, 2].map(|n| reject(n, RejectReason::Unrecognized)));
    let cancel = events(&posted(PostKind::Cancel, 2), &frame);
    assert_eq!(cancel, [1, 2].map(|n| cancel_reject(n, false)));
}

#[test]
fn the_transports_errors() {
    let failed = |text: &str| {
        let response = format!(r#"{{"type":"error","payload":"{text}"}}"#);
        format!(r#"{{"channel":"post","data":{{"id":22,"response":{response}}}}}"#)
    };
    for (text, reason) in [
        ("429 Too Many Requests", Some(RejectReason::RateLimit)),
        ("422 Unprocessable Entity: \\\"order\\\"", Some(RejectReason::BadRequest)),
        ("500 Internal Server Error", None),
        ("502", None),
        ("what?", None),
        ("", None),
    ] {
        let place = events(&posted(PostKind::Place, 1), &failed(text));
        assert_eq!(place, [reason.map_or(unknown(1), |reason| reject(1, reason))], "{text}");
        let cancel = events(&posted(PostKind::Cancel, 1), &failed(text));
        let want = if reason.is_some() { cancel_reject(1, false) } else { unknown(1) };
        assert_eq!(cancel, [want], "{text}");
    }
}

#[test]
fn actions_without_entries_make_no_events() {
    let frame = post(r#"{"status":"ok","response":{"type":"default"}}"#);
    assert!(matches!(decode_post(frame.as_bytes()).unwrap().outcome, Outcome::Taken));
    assert_eq!(events(&posted(PostKind::Other, 0), &frame), []);
    let body = br#" {"response":{"type":"default"},"status":"ok"} "#;
    assert!(matches!(decode_body(body), Ok(Outcome::Taken)));
}

#[test]
fn key_order_and_white_space_do_not_matter() {
    let frame = concat!(
        "{ \"data\" : {\"response\": {\"payload\":{\"response\":{\"data\":{\"statuses\":[ ",
        "{\"resting\":{\"oid\": 5 }} ]},\"type\":\"order\"},\"status\":\"ok\"},",
        "\"type\":\"action\"},\n\"new\":[1,{\"a\":[]},null,-1.5e3],\"id\":22},",
        "\"channel\":\"post\"}\r\n",
    );
    assert_eq!(events(&posted(PostKind::Place, 1), frame), [ack(1, 5, true)]);
}

#[test]
fn an_info_answer_is_passed_on() {
    let frame = concat!(
        r#"{"channel":"post","data":{"id":3,"response":{"type":"info","#,
        r#""payload":{"type":"orderStatus","data":{"status":"unknownOid"}}}}}"#,
    );
    match decode_post(frame.as_bytes()).unwrap() {
        PostAnswer { id: 3, outcome: Outcome::Info(payload) } => {
            assert_eq!(payload, br#"{"type":"orderStatus","data":{"status":"unknownOid"}}"#);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_not_an_answer_is_named() {
    use MalformedKind::{MissingField, Number, Oversized, Syntax, Value};
    let deep = post(&format!("{}{}", "[".repeat(40), "]".repeat(40)));
    for (frame, kind) in [
        ("", Syntax),
        ("null", Syntax),
        ("{}", MissingField),
        (r#"{"channel":"post"}"#, MissingField),
        (r#"{"channel":"bbo","data":{}}"#, Value),
        (r#"{"channel":"post","data":{"id":1}}"#, MissingField),
        (r#"{"channel":"post","data":{"id":-1,"response":{}}}"#, Number),
        (r#"{"channel":"post","data":{"id":1.5,"response":{}}}"#, Number),
        (r#"{"channel":"post","data":{"id":18446744073709551616,"response":{}}}"#, Number),
        (r#"{"channel":"post","data":{"id":1,"response":{"type":"x","payload":1}}}"#, Value),
        (&post(r#"{"status":"maybe","response":""}"#), Value),
        (&post(r#"{"status":"ok","response":{"data":{}}}"#), MissingField),
        (&statuses("order", r#"{"resting":{}}"#), MissingField),
        (&statuses("order", r#"{"filled":{"oid":1}}"#), MissingField),
        (&statuses("order", r#"{"filled":{"oid":1,"totalSz":"x"}}"#), Number),
        (&statuses("order", "7 8"), Syntax),
        (&format!("{}x", statuses("order", RESTING)), Syntax),
        (&deep, Oversized),
    ] {
        let error = decode_post(frame.as_bytes()).expect_err(frame);
        assert_eq!(error.kind, kind, "{frame}");
    }
}

proptest! {
    /// Every cut, and every change of one byte, is an answer or a named refusal.
    #[test]
    fn damaged_frames_do_not_panic(at in 0usize..400, byte in any::<u8>(), cut in any::<bool>()) {
        let list = format!(r#"{RESTING},{FILLED},{SMALL},"success""#);
        let mut frame = statuses("order", &list).into_bytes();
        let at = at % frame.len();
        if cut {
            frame.truncate(at);
            prop_assert!(decode_post(&frame).is_err());
        } else {
            frame[at] = byte;
            if let Ok(answer) = decode_post(&frame) {
                let mut events = Vec::new();
                let posted = posted(PostKind::Modify, 4);
                answer_events(&posted, &answer.outcome, reason, RECV, &mut events);
                prop_assert_eq!(events.len(), 8);
            }
        }
    }

    #[test]
    fn any_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_post(&bytes);
        let _ = decode_body(&bytes);
    }
}
