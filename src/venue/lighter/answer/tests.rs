//! Cold. Answers in the forms that were seen or are documented.

use super::*;
use crate::event::{Component, Tif};
use crate::instrument::InstId;
use crate::units::{Price, Qty, Side};

const HASH: &str =
    "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728";

fn hash() -> Option<[u8; HASH_LEN]> {
    Some(std::array::from_fn(|i| i as u8 + 1))
}

fn refused(code: u32) -> Outcome {
    let (reason, reaction) = (errors::reject_reason(code), errors::reaction(code));
    Outcome::Refused { code, reason, reaction }
}

fn accepted(predicted_ms: Option<u64>, quota: Option<u64>) -> Outcome {
    Outcome::Accepted { predicted_ms, quota }
}

#[test]
fn every_known_form_is_read() {
    for (frame, id, hash, outcome) in [
        (
            format!(r#"{{"code":200,"id":"7","tx_hash":"{HASH}","predicted_execution_time_ms":1792918063399}}"#),
            Some(7),
            hash(),
            accepted(Some(1_792_918_063_399), None),
        ),
        (
            format!(r#"{{"type":"jsonapi/sendtx","code":200,"tx_hash":"0x{HASH}"}}"#),
            None,
            hash(),
            accepted(None, None),
        ),
        (
            format!(r#"{{"type":"jsonapi/sendtxbatch","id":"12","code":200,"tx_hash":["{HASH}","abc"],"volume_quota_remaining":991}}"#),
            Some(12),
            hash(),
            accepted(None, Some(991)),
        ),
        (
            r#"{"type":"jsonapi/sendtxbatch","id":12,"code":200,"tx_hashes":[],"error":null,"volume_quota_remaining":null}"#.to_owned(),
            Some(12),
            None,
            accepted(None, None),
        ),
        (
            r#"{"error":{"code":21104,"message":"invalid nonce"},"id":"3"}"#.to_owned(),
            Some(3),
            None,
            refused(21_104),
        ),
        (
            r#"{"type":"jsonapi/sendtx","code":21149,"message":"integrator is not approved"}"#.to_owned(),
            None,
            None,
            refused(21_149),
        ),
        (
            r#"{ "id" : "somebody's", "error" : "no", "code" : 23000 }"#.to_owned(),
            None,
            None,
            refused(23_000),
        ),
        (r#"{"id":"4","error":{"code":200}}"#.to_owned(), Some(4), None, refused(200)),
    ] {
        let want = Answer { id, hash, outcome };
        assert_eq!(decode_answer(frame.as_bytes()), Ok(Some(want)), "{frame}");
    }
}

#[test]
fn other_frames_are_no_answers_and_bad_ones_are_refused() {
    for frame in [
        r#"{"type":"pong"}"#,
        r#"{"error":{"code":30003,"message":"Already Subscribed to : height"}}"#,
        r#"{"channel":"height","height":1,"type":"update/height"}"#,
    ] {
        assert_eq!(decode_answer(frame.as_bytes()), Ok(None), "{frame}");
    }
    for (frame, kind) in [
        (r#"{"id":"1"}"#, MalformedKind::MissingField),
        (r#"{"id":"1","error":{"message":"x"}}"#, MalformedKind::MissingField),
        (r#"{"id":"1","error":"x"}"#, MalformedKind::MissingField),
        (r#"{"id":"1","code":-1}"#, MalformedKind::Number),
        (r#"{"id":"1","code":4294967296}"#, MalformedKind::Number),
        (r#"{"id":"1","code":200,"code":200}"#, MalformedKind::Syntax),
        (r#"{"id":"1","code":200"#, MalformedKind::Syntax),
    ] {
        assert_eq!(decode_answer(frame.as_bytes()).map_err(|m| m.kind), Err(kind), "{frame}");
    }
}

#[test]
fn rest_answers_have_the_same_members() {
    let body = format!(
        r#"{{"code":200,"message":"{{\"ratelimit\": \"didn't use volume quota\"}}","tx_hash":"{HASH}","predicted_execution_time_ms":1792918063399,"volume_quota_remaining":null}}"#
    );
    let want = Answer { id: None, hash: hash(), outcome: accepted(Some(1_792_918_063_399), None) };
    assert_eq!(decode_rest(body.as_bytes()), Ok(want));
    let refusal = decode_rest(br#"{"code":21706,"message":"invalid order base or quote amount"}"#);
    assert_eq!(refusal.map(|answer| answer.outcome), Ok(refused(21_706)));
}

fn actions() -> [Action; 3] {
    let inst = InstId(1);
    let (side, tif, component) = (Side::Buy, Tif::Alo, Component::Maker);
    let (px, qty) = (Price(1), Qty(1));
    let order = OrderId(10);
    [
        Action::Place { inst, side, tif, reduce_only: false, component, order, px, qty },
        Action::Modify { inst, side, tif, component, order: OrderId(11), old: OrderId(9), px, qty },
        Action::Cancel { inst, component, order: OrderId(8) },
    ]
}

fn events(outcome: Outcome) -> Vec<Event> {
    let mut events = Vec::new();
    assert!(answer_events(&actions(), outcome, Stamp(3), &mut events));
    events
}

#[test]
fn accepted_says_nothing_and_refused_says_it_of_each() {
    assert_eq!(events(accepted(Some(1), Some(1))), []);
    let recv = Stamp(3);
    let no = |order, reason, code| Event::Reject { order: OrderId(order), reason, code, recv };
    let still = |order, gone| Event::CancelReject { order: OrderId(order), gone, recv };
    let nonce = RejectReason::Nonce;
    let want = [no(10, nonce, 21_104), still(9, false), no(11, nonce, 21_104), still(8, false)];
    assert_eq!(events(refused(21_104)), want);
    let gone = RejectReason::BadRequest;
    let none = RejectReason::NothingToModify;
    let want = [no(10, gone, 21_600), still(9, true), no(11, none, 21_600), still(8, true)];
    assert_eq!(events(refused(21_600)), want);
    let unknown = |order| Event::OutcomeUnknown { order: OrderId(order), recv };
    assert_eq!(events(refused(29_501)), [unknown(10), unknown(9), unknown(11), unknown(8)]);
}
