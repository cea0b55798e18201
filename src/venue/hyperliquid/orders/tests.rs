//! Cold. Frames against the general encoder and against what they must say.

use super::*;
use crate::event::Component;
use crate::units::{RAW_MAX, SCALE};
use crate::venue::eip712::{Signer, parse_hex};
use crate::venue::hyperliquid::sign::action_json::{Node, connection_id};

const TAG: u64 = 0x0123_4567_89ab_cdef;
const NOW: u64 = 1_791_480_444_439;

fn codec() -> OrderCodec {
    OrderCodec::new(config())
}

fn config() -> CodecConfig {
    CodecConfig {
        network: Network::Mainnet,
        vault: None,
        run_tag: TAG,
        assets: vec![(InstId(0), 5), (InstId(3), 110_003)],
        order_ttl_ms: None,
        ioc_priority: None,
        builder: None,
    }
}

fn signer() -> PooledSigner {
    PooledSigner::deterministic(Signer::new([0x42; 32]).unwrap())
}

fn place(order: u64, tif: Tif) -> Action {
    Action::Place {
        inst: InstId(3),
        side: Side::Sell,
        tif,
        reduce_only: tif == Tif::Ioc,
        component: Component::Maker,
        order: OrderId(order),
        px: Price(14_325 * SCALE / 100),
        qty: Qty(SCALE / 2),
    }
}

fn modify(order: u64, old: u64, tif: Tif) -> Action {
    Action::Modify {
        inst: InstId(0),
        side: Side::Buy,
        tif,
        component: Component::Maker,
        order: OrderId(order),
        old: OrderId(old),
        px: Price(SCALE),
        qty: Qty(SCALE),
    }
}

fn cancel(order: u64) -> Action {
    Action::Cancel { inst: InstId(0), component: Component::Maker, order: OrderId(order) }
}

fn frame(codec: &mut OrderCodec, actions: &[Action], form: Form) -> (Posted, String) {
    let mut out = [0; FRAME_MAX];
    let posted = codec.encode(actions, form, NOW, &mut signer(), &mut out).unwrap();
    (posted, String::from_utf8(out[..posted.len].to_vec()).unwrap())
}

/// Re-derives the digest from the text of a body and checks that the signature is ours.
fn verify(body: &Node, network: Network) {
    let uint = |node: &Node, key: &str| node.get(key).and_then(Node::as_uint);
    let vault = body.get("vaultAddress").and_then(Node::as_text);
    let vault = vault.map(|text| Address::parse(text.as_bytes()).unwrap());
    let nonce = uint(body, "nonce").unwrap();
    let expires = uint(body, "expiresAfter");
    let id = connection_id(body.get("action").unwrap(), nonce, vault.as_ref(), expires);
    let signature = body.get("signature").unwrap();
    let number = |key: &str| {
        let text = signature.get(key).and_then(Node::as_text).unwrap();
        let mut out = [0; 32];
        assert!(parse_hex(text.strip_prefix("0x").unwrap().as_bytes(), &mut out));
        out
    };
    let v = uint(signature, "v").unwrap() as u8;
    let signature = Signature { r: number("r"), s: number("s"), v };
    assert_eq!(signature.recover(&agent_digest(network, &id)), Some(signer().address()));
}

fn payload(text: &str) -> Node {
    let node: Node = serde_json::from_str(text).unwrap();
    node.get("request").unwrap().get("payload").unwrap().clone()
}

#[test]
fn a_frame_is_the_text_the_venue_documents() {
    let (posted, text) = frame(&mut codec(), &[place(258, Tif::Alo)], Form::Post);
    let head = concat!(
        r#"{"method":"post","id":1,"request":{"type":"action","payload":{"action":{"type":"order","#,
        r#""orders":[{"a":110003,"b":false,"p":"143.25","s":"0.5","r":false,"#,
        r#""t":{"limit":{"tif":"Alo"}},"c":"0x0123456789abcdef0000000000000102"}],"#,
        r#""grouping":"na"},"nonce":1791480444439,"signature":{"r":"0x"#,
    );
    assert!(text.starts_with(head), "{text}");
    assert!(text.ends_with(r#"},"vaultAddress":null,"expiresAfter":null}}}"#), "{text}");
    assert_eq!((posted.id, posted.nonce, posted.kind), (1, NOW, PostKind::Place));
    assert_eq!(posted.orders[..posted.count], [OrderId(258)]);
    verify(&payload(&text), Network::Mainnet);
}

#[test]
fn a_body_is_the_payload_of_the_frame() {
    let (_, frame_text) = frame(&mut codec(), &[place(1, Tif::Ioc)], Form::Post);
    let (_, body_text) = frame(&mut codec(), &[place(1, Tif::Ioc)], Form::Body);
    assert_eq!(payload(&frame_text), serde_json::from_str(&body_text).unwrap());
    assert!(body_text.contains(r#""r":true,"t":{"limit":{"tif":"Ioc"}}"#));
}

#[test]
fn every_kind_verifies_alone_and_in_batches() {
    for count in [1, 2, 15, 16, BATCH_MAX] {
        let orders = 1..=count as u64;
        let batches: [Vec<Action>; 3] = [
            orders.clone().map(|n| place(n, Tif::Gtc)).collect(),
            orders.clone().map(|n| modify(n, n + 100, Tif::Alo)).collect(),
            orders.map(cancel).collect(),
        ];
        for actions in batches {
            let (posted, text) = frame(&mut codec(), &actions, Form::Post);
            assert_eq!(posted.count, count);
            assert_eq!(posted.orders[count - 1], OrderId(count as u64));
            verify(&payload(&text), Network::Mainnet);
        }
    }
}

#[test]
fn cancels_are_fast_and_name_the_order_by_cloid() {
    let (posted, text) = frame(&mut codec(), &[cancel(7), cancel(8)], Form::Body);
    let action = concat!(
        r#"{"action":{"type":"cancelByCloid","cancels":["#,
        r#"{"asset":5,"cloid":"0x0123456789abcdef0000000000000007"},"#,
        r#"{"asset":5,"cloid":"0x0123456789abcdef0000000000000008"}],"f":true},"nonce""#,
    );
    assert!(text.starts_with(action), "{text}");
    assert_eq!(posted.kind, PostKind::Cancel);
}

#[test]
fn a_modify_names_the_old_order_and_carries_the_new_one() {
    let (posted, text) = frame(&mut codec(), &[modify(9, 7, Tif::Alo)], Form::Body);
    let action = concat!(
        r#"{"action":{"type":"batchModify","modifies":["#,
        r#"{"oid":"0x0123456789abcdef0000000000000007","order":{"a":5,"b":true,"p":"1","s":"1","#,
        r#""r":false,"t":{"limit":{"tif":"Alo"}},"c":"0x0123456789abcdef0000000000000009"}}]}"#,
    );
    assert!(text.starts_with(action), "{text}");
    assert_eq!((posted.orders[0], posted.replaced[0]), (OrderId(9), OrderId(7)));
}

#[test]
fn a_modify_names_the_old_order_by_the_venues_number_where_that_was_heard() {
    let mut codec = codec();
    let ours = OrderId::new(7, InstId(0));
    let recv = crate::event::Stamp(1);
    codec.heard(&Event::Ack { order: ours, venue_oid: 569_017_209_592, resting: true, recv });
    let entries = [modify(9, ours.0, Tif::Alo), modify(10, 8, Tif::Alo)];
    let (posted, text) = frame(&mut codec, &entries, Form::Body);
    assert!(text.contains(r#"{"oid":569017209592,"order":{"a":5,"#), "{text}");
    assert!(text.contains(r#"{"oid":"0x0123456789abcdef0000000000000008","order":"#), "{text}");
    assert_eq!(posted.replaced[..2], [ours, OrderId(8)]);
    verify(&serde_json::from_str(&text).unwrap(), Network::Mainnet);
}

#[test]
fn vault_expiry_priority_and_network_are_signed() {
    let vault = Address([0x17; 20]);
    let mut codec = OrderCodec::new(CodecConfig {
        network: Network::Testnet,
        vault: Some(vault),
        order_ttl_ms: Some(1500),
        ioc_priority: Some(8000),
        builder: Some(Builder { address: Address([0xb1; 20]), fee: 10 }),
        ..config()
    });
    let (_, ioc) = frame(&mut codec, &[place(1, Tif::Ioc)], Form::Post);
    assert!(ioc.contains(r#""grouping":{"p":8000},"builder":{"b":"0xb1b1"#), "{ioc}");
    assert!(ioc.contains(&format!(r#""vaultAddress":"{vault}""#)));
    assert!(ioc.contains(&format!(r#""expiresAfter":{}}}"#, NOW + 1500)));
    verify(&payload(&ioc), Network::Testnet);
    let (_, alo) = frame(&mut codec, &[place(1, Tif::Alo)], Form::Post);
    assert!(alo.contains(r#""grouping":"na""#));
    let (_, cancel) = frame(&mut codec, &[cancel(1)], Form::Post);
    assert!(cancel.contains(r#""expiresAfter":null"#), "a late cancel is still wanted");
    verify(&payload(&cancel), Network::Testnet);
}

#[test]
fn what_cannot_be_sent_is_named_and_costs_no_nonce() {
    let mut codec = codec();
    let mut out = [0; FRAME_MAX];
    let mut zero = place(1, Tif::Alo);
    if let Action::Place { qty, .. } = &mut zero {
        *qty = Qty(0);
    }
    let mut foreign = cancel(1);
    if let Action::Cancel { inst, .. } = &mut foreign {
        *inst = InstId(1);
    }
    for (actions, want) in [
        (vec![], EncodeError::Empty),
        (vec![cancel(1); BATCH_MAX + 1], EncodeError::TooMany),
        (vec![place(1, Tif::Alo), cancel(2)], EncodeError::Mixed),
        (vec![cancel(2), place(1, Tif::Alo)], EncodeError::Mixed),
        (vec![place(1, Tif::Alo), place(2, Tif::Ioc)], EncodeError::Mixed),
        (vec![modify(1, 2, Tif::Alo), modify(3, 4, Tif::Gtc)], EncodeError::Mixed),
        (vec![modify(1, 2, Tif::Ioc)], EncodeError::IocModify),
        (vec![Action::CancelAll], EncodeError::NotAnOrder),
        (vec![zero], EncodeError::Value),
        (vec![foreign], EncodeError::UnknownInstrument),
    ] {
        let got = codec.encode(&actions, Form::Post, NOW, &mut signer(), &mut out);
        assert_eq!(got.err(), Some(want), "{}", want.name());
    }
    let (posted, text) = frame(&mut codec, &[cancel(1)], Form::Post);
    assert_eq!((posted.id, posted.nonce), (1, NOW), "nothing was used up");
    for room in 0..text.len() {
        let got = codec.encode(&[cancel(1)], Form::Post, NOW, &mut signer(), &mut out[..room]);
        assert_eq!(got.err(), Some(EncodeError::Full), "{room}");
    }
    assert_eq!(frame(&mut codec, &[cancel(1)], Form::Post).0.nonce, NOW + 1, "nor by these");
}

#[test]
fn the_widest_batch_fits() {
    let mut codec = OrderCodec::new(CodecConfig {
        vault: Some(Address([0xff; 20])),
        order_ttl_ms: Some(1_000_000_000_000_000),
        ioc_priority: Some(u32::MAX),
        builder: Some(Builder { address: Address([0xff; 20]), fee: u32::MAX }),
        assets: vec![(InstId(0), u32::MAX - 1)],
        ..config()
    });
    let mut wide = modify(u64::MAX, u64::MAX, Tif::Gtc);
    if let Action::Modify { px, qty, side, .. } = &mut wide {
        (*px, *qty, *side) = (Price(RAW_MAX - 1), Qty(RAW_MAX - 1), Side::Sell);
    }
    let Action::Modify { px, qty, side, component, order, .. } = wide else { unreachable!() };
    let (inst, tif) = (InstId(0), Tif::Ioc);
    let reduce_only = false;
    let place = Action::Place { inst, side, tif, reduce_only, component, order, px, qty };
    for action in [wide, place] {
        let mut out = [0; FRAME_MAX];
        codec.next_id = u64::MAX - 2;
        let got = codec.encode(&[action; BATCH_MAX], Form::Post, NOW, &mut signer(), &mut out);
        assert!(got.is_ok_and(|posted| posted.len > FRAME_MAX * 2 / 3));
    }
}

#[test]
fn account_actions_and_voided_nonces() {
    let mut codec = codec();
    let mut out = [0; FRAME_MAX];
    let action = L1Action::ScheduleCancel { time_ms: Some(NOW + 6000) };
    let posted = codec.encode_l1(&action, Form::Body, NOW, &mut signer(), &mut out).unwrap();
    assert_eq!((posted.kind, posted.nonce), (PostKind::Other, NOW));
    verify(&serde_json::from_slice(&out[..posted.len]).unwrap(), Network::Mainnet);
    let posted = codec.encode_void(NOW - 5, Form::Body, &mut signer(), &mut out).unwrap();
    let text = std::str::from_utf8(&out[..posted.len]).unwrap();
    assert!(text.starts_with(r#"{"action":{"type":"noop"},"nonce":1791480444434,"#), "{text}");
    verify(&serde_json::from_str(text).unwrap(), Network::Mainnet);
}

#[test]
fn client_order_ids_name_the_run() {
    let codec = codec();
    assert_eq!(codec.order_of(codec.cloid(OrderId(9))), Some(OrderId(9)));
    assert_eq!(codec.order_of(Cloid(9)), None, "another run's order");
}
