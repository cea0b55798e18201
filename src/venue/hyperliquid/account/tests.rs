//! Cold. What the account's side learns from what the venue says.

use super::*;
use crate::event::{Component, Tif};
use crate::instrument::{InstId, Symbol};
use crate::units::{Price, SCALE, Side};
use crate::venue::eip712::Signer;
use crate::venue::hyperliquid::orders::{CodecConfig, FRAME_MAX};
use crate::venue::hyperliquid::sign::Network;

const INST: InstId = InstId(0);
const TAG: u64 = 0x0123_4567_89ab_cdef;
const NOW: u64 = 1_791_480_444_439;

fn account() -> Account {
    let config = CodecConfig {
        network: Network::Testnet,
        vault: None,
        run_tag: TAG,
        assets: vec![(INST, 5)],
        order_ttl_ms: None,
        ioc_priority: None,
        builder: None,
    };
    let signer = Signer::new([0x42; 32]).unwrap();
    let owner = signer.address();
    let user = UserCodec::new(TAG, &[(INST, Symbol::new("SOL").unwrap())]);
    Account::new(OrderCodec::new(config), user, PooledSigner::deterministic(signer), owner)
}

fn encoded(account: &mut Account, action: Action) -> String {
    let mut out = [0; FRAME_MAX];
    let len = account.encode(&[action], NOW, &mut out).unwrap();
    String::from_utf8(out[..len].to_vec()).unwrap()
}

fn order(n: u64) -> OrderId {
    OrderId::new(n, INST)
}

fn modify(old: u64, new: u64) -> Action {
    Action::Modify {
        inst: INST,
        side: Side::Buy,
        tif: Tif::Alo,
        component: Component::Maker,
        order: order(new),
        old: order(old),
        px: Price(100 * SCALE),
        qty: Qty(SCALE),
    }
}

#[test]
fn the_venues_number_of_an_order_is_learned_from_answers_and_from_the_stream() {
    let mut account = account();
    let cloid = |n: u64| format!("\"oid\":\"0x{TAG:016x}{:016x}\"", order(n).0);
    assert!(encoded(&mut account, modify(1, 2)).contains(&cloid(1)), "nothing was heard of it");

    let answer = concat!(
        r#"{"channel":"post","data":{"id":1,"response":{"type":"action","payload":{"status":"ok","#,
        r#""response":{"type":"order","data":{"statuses":[{"resting":{"oid":569017209592}}]}}}}}}"#,
    );
    let mut events = Vec::new();
    let done = account.decode(0, answer.as_bytes(), Stamp(1), &mut events).unwrap();
    assert_eq!((done.answers, events.len()), (1, 2));
    assert!(encoded(&mut account, modify(2, 3)).contains(r#""oid":569017209592,"#));
    assert!(encoded(&mut account, modify(3, 4)).contains(&cloid(3)), "not answered yet");

    let update = format!(
        r#"{{"channel":"orderUpdates","data":[{{"order":{{"coin":"SOL","side":"B","limitPx":"100.0","sz":"1.0","oid":77,"timestamp":1,"origSz":"1.0","cloid":"0x{TAG:016x}{:016x}"}},"status":"open","statusTimestamp":1}}]}}"#,
        order(4).0
    );
    account.decode(0, update.as_bytes(), Stamp(1), &mut events).unwrap();
    assert!(encoded(&mut account, modify(4, 5)).contains(r#""oid":77,"#));

    // The connection ends: what the venue called an order it still calls it.
    account.lost(NOW);
    assert!(encoded(&mut account, modify(4, 6)).contains(r#""oid":77,"#));
}
