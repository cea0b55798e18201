//! Cold. Actions to frames.

use super::super::crypto::schnorr::{Signature, Signer};
use super::*;
use crate::event::Component;
use crate::units::SCALE;

const NOW: u64 = 1_795_000_000_000;

fn config() -> CodecConfig {
    let market =
        |index, price_decimals, size_decimals| Market { index, price_decimals, size_decimals };
    CodecConfig {
        sender: Sender { chain_id: 304, account: 12_345, api_key: 4 },
        run_tag: 0xabc,
        markets: vec![(InstId(0), market(1, 1, 5)), (InstId(2), market(2048, 4, 2))],
        tx_ttl_ms: 10_000,
        rest_ms: REST_MAX_MS,
        nonces: NonceMode::Sequential,
    }
}

fn codec() -> OrderCodec {
    let mut codec = OrderCodec::new(config()).unwrap();
    codec.resync(7);
    codec
}

fn signer() -> PooledSigner {
    PooledSigner::unpooled(Signer::new([0x42; 40]).unwrap())
}

fn place(px: i64, qty: i64, tif: Tif) -> Action {
    Action::Place {
        inst: InstId(0),
        side: Side::Sell,
        tif,
        reduce_only: false,
        component: Component::Maker,
        order: OrderId::new(9, InstId(0)),
        px: Price(px),
        qty: Qty(qty),
    }
}

fn cancel() -> Action {
    Action::Cancel {
        inst: InstId(2),
        component: Component::Maker,
        order: OrderId::new(10, InstId(2)),
    }
}

/// The frame as JSON.
fn frame(posted: &Posted, out: &[u8]) -> serde_json::Value {
    serde_json::from_slice(&out[..posted.len]).unwrap()
}

fn from_base64(text: &str) -> [u8; 80] {
    let digit = |c: u8| {
        let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        digits.iter().position(|&d| d == c).unwrap_or(0) as u32
    };
    let mut bytes = Vec::new();
    for group in text.as_bytes().as_chunks::<4>().0 {
        let bits = group.iter().fold(0, |bits, &c| bits << 6 | digit(c));
        bytes.extend(&bits.to_be_bytes()[1..]);
    }
    bytes[..80].try_into().unwrap()
}

fn check_signature(info: &serde_json::Value, hash: &Gf5) {
    let signature = Signature::from_bytes(&from_base64(info["Sig"].as_str().unwrap())).unwrap();
    assert!(signer().public_key().verify(hash, &signature));
}

#[test]
fn one_order_is_an_object_in_a_frame() {
    let (mut codec, mut out) = (codec(), [0; FRAME_MAX]);
    let action = place(80_441 * SCALE + 7 * SCALE / 10, SCALE / 2, Tif::Alo);
    let posted = codec.encode(&[action], NOW, &mut signer(), &mut out).unwrap();
    let text = str::from_utf8(&out[..posted.len]).unwrap();
    let (head, tail) = text.split_once("\"Sig\":\"").unwrap();
    assert_eq!(
        head,
        "{\"type\":\"jsonapi/sendtx\",\"data\":{\"id\":\"1\",\"tx_type\":14,\"tx_info\":\
         {\"AccountIndex\":12345,\"ApiKeyIndex\":4,\"MarketIndex\":1,\
         \"ClientOrderIndex\":11802570129417,\"BaseAmount\":50000,\"Price\":804417,\"IsAsk\":1,\
         \"Type\":0,\"TimeInForce\":2,\"ReduceOnly\":0,\"TriggerPrice\":0,\
         \"OrderExpiry\":1797592000000,\"ExpiredAt\":1795000010000,\"Nonce\":7,"
    );
    assert!(tail.ends_with("=\",\"L2TxAttributes\":null}}}"), "{tail}");
    check_signature(&frame(&posted, &out)["data"]["tx_info"], &posted.hashes[0]);
    assert_eq!((posted.id, posted.nonce, posted.count), (1, 7, 1));
    assert_eq!(codec.order_of(11_802_570_129_417, 1), Some(OrderId::new(9, InstId(0))));
    assert_eq!(codec.order_of(11_802_570_129_417, 5), None, "not a market of ours");
    assert_eq!(codec.order_of(9, 1), None, "not of this run");
}

#[test]
fn several_are_strings_in_a_string_with_nonces_in_a_row() {
    let (mut codec, mut out) = (codec(), [0; FRAME_MAX]);
    let order = place(80_441 * SCALE, SCALE, Tif::Ioc);
    let modify = Action::Modify {
        inst: InstId(0),
        side: Side::Sell,
        tif: Tif::Alo,
        component: Component::Maker,
        order: OrderId::new(12, InstId(0)),
        old: OrderId::new(9, InstId(0)),
        px: Price(80_440 * SCALE),
        qty: Qty(SCALE),
    };
    let actions = [order, cancel(), modify, Action::CancelAll];
    let posted = codec.encode(&actions, NOW, &mut signer(), &mut out).unwrap();
    let data = frame(&posted, &out)["data"].clone();
    assert_eq!(data["tx_types"], "[14,15,17,16]");
    let infos: Vec<String> = serde_json::from_str(data["tx_infos"].as_str().unwrap()).unwrap();
    assert_eq!(infos.len(), 4);
    for (i, info) in infos.iter().enumerate() {
        let info: serde_json::Value = serde_json::from_str(info).unwrap();
        assert_eq!(info["Nonce"], 7 + i);
        check_signature(&info, &posted.hashes[i]);
    }
    assert!(infos[0].contains("\"TimeInForce\":0,") && infos[0].contains("\"OrderExpiry\":0,"));
    assert!(infos[1].contains("\"MarketIndex\":2048,\"Index\":11802570129418,"));
    assert!(infos[2].contains("\"Index\":11802570129417,\"BaseAmount\":100000,\"Price\":804400,"));
    assert!(infos[3].contains("\"TimeInForce\":0,\"Time\":0,"));
    let again = codec.encode(&[cancel()], NOW, &mut signer(), &mut out).unwrap();
    assert_eq!((again.nonce, again.id), (11, 2));
}

#[test]
fn the_fullest_batch_fits() {
    let mut config = config();
    (config.nonces, config.run_tag) = (NonceMode::Clock, u16::MAX);
    config.sender.account = crate::venue::lighter::tx::ACCOUNT_MAX;
    let (mut codec, mut out) = (OrderCodec::new(config).unwrap(), [0; FRAME_MAX]);
    let largest = 4_294_967_295 * (SCALE / 10);
    let actions = [place(largest, 1_000_000_000 * SCALE, Tif::Gtc); BATCH_MAX];
    let posted = codec.encode(&actions, NOW, &mut signer(), &mut out).unwrap();
    assert_eq!(frame(&posted, &out)["data"]["id"], "1");
    let mut small = [0; 100];
    assert_eq!(
        codec.encode(&actions, NOW, &mut signer(), &mut small).unwrap_err(),
        EncodeError::Full
    );
}

#[test]
fn what_cannot_be_sent_is_refused_by_name_and_uses_no_nonce() {
    let (mut codec, mut out) = (codec(), [0; FRAME_MAX]);
    let mut stranger = cancel();
    if let Action::Cancel { inst, .. } = &mut stranger {
        *inst = InstId(1);
    }
    let late = Action::Cancel {
        inst: InstId(0),
        component: Component::Maker,
        order: OrderId::new(1 << 32, InstId(0)),
    };
    let px = 80_441 * SCALE;
    let cases: [(&[Action], EncodeError); 11] = [
        (&[], EncodeError::Empty),
        (&[cancel(); BATCH_MAX + 1], EncodeError::TooMany),
        (&[stranger], EncodeError::UnknownInstrument),
        (&[place(px + SCALE / 100, SCALE, Tif::Alo)], EncodeError::Price),
        (&[place(0, SCALE, Tif::Alo)], EncodeError::Price),
        (&[place(429_496_730 * SCALE, SCALE, Tif::Alo)], EncodeError::Price),
        (&[place(px, 1, Tif::Alo)], EncodeError::Size),
        (&[place(px, -SCALE, Tif::Alo)], EncodeError::Size),
        (&[cancel(), place(px, 0, Tif::Alo)], EncodeError::Size),
        (&[late], EncodeError::Counter),
        (&[Action::Resnapshot { inst: InstId(0) }], EncodeError::NotAnOrder),
    ];
    for (actions, want) in cases {
        let got = codec.encode(actions, NOW, &mut signer(), &mut out);
        assert_eq!(got.unwrap_err(), want, "{actions:?}");
    }
    assert_eq!(codec.encode(&[cancel()], NOW, &mut signer(), &mut out).unwrap().nonce, 7);
}

#[test]
fn the_dead_mans_switch_lies_five_minutes_to_fifteen_days_ahead() {
    let (mut codec, mut out) = (codec(), [0; FRAME_MAX]);
    for (ahead, good) in [
        (SCHEDULE_MIN_MS - 1, false),
        (SCHEDULE_MIN_MS, true),
        (SCHEDULE_MAX_MS, true),
        (SCHEDULE_MAX_MS + 1, false),
    ] {
        let tx = Tx::CancelAll(CancelAll::Scheduled(NOW + ahead));
        let posted = codec.encode_tx(&tx, NOW, &mut signer(), &mut out);
        assert_eq!(posted.is_ok(), good, "{ahead}");
        assert!(good || posted.unwrap_err() == EncodeError::Schedule);
    }
    let tx = Tx::CancelOrder { market: 255, index: 1 };
    let refused = codec.encode_tx(&tx, NOW, &mut signer(), &mut out).unwrap_err();
    assert_eq!(refused, EncodeError::Tx(TxRefused::Market));
}

#[test]
fn clock_nonces_never_fall_and_say_so_to_the_venue() {
    let mut config = config();
    config.nonces = NonceMode::Clock;
    let (mut codec, mut out) = (OrderCodec::new(config).unwrap(), [0; FRAME_MAX]);
    let mut nonces = Vec::new();
    for now in [NOW, NOW, NOW - 50, NOW + 10] {
        let posted = codec.encode(&[cancel()], now, &mut signer(), &mut out).unwrap();
        let info = &frame(&posted, &out)["data"]["tx_info"];
        assert_eq!(info["L2TxAttributes"]["4"], 1);
        nonces.push(posted.nonce - NOW);
    }
    assert_eq!(nonces, [0, 1, 2, 10]);
    codec.resync((1 << 47) - 2);
    let refused = codec.encode(&[cancel()], NOW, &mut signer(), &mut out).unwrap_err();
    assert_eq!(refused, EncodeError::Nonce);
}

#[test]
fn a_codec_that_would_lose_orders_is_not_made() {
    type Change = fn(&mut CodecConfig);
    let cases: [(Change, ConfigRefused); 5] = [
        (|c| c.rest_ms = REST_MIN_MS - 1, ConfigRefused::RestMs),
        (|c| c.rest_ms = REST_MAX_MS + 1, ConfigRefused::RestMs),
        (|c| c.tx_ttl_ms = 0, ConfigRefused::TxTtlMs),
        (|c| c.run_tag = 0, ConfigRefused::RunTag),
        (|c| c.markets[0].1.size_decimals = 9, ConfigRefused::Decimals(InstId(0))),
    ];
    for (change, want) in cases {
        let mut config = config();
        change(&mut config);
        assert_eq!(OrderCodec::new(config).unwrap_err(), want);
    }
}
