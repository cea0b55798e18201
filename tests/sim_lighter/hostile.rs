//! Clients that mean no good: everything they send is bounded, answered or refused, and others are served.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use evenkeel::sim::server::PeerLimits;
use evenkeel::sim::server::lighter::{LighterRates, Tier};
use evenkeel::venue::lighter::tx::{TimeInForce, Tx};
use proptest::prelude::*;
use serde_json::json;

use crate::bed::{Bed, PATIENCE, QUOTES, US, limit};

fn raw(bed: &Bed) -> TcpStream {
    let stream = TcpStream::connect(bed.server.addr()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Everything until the end, which must come.
fn until_end(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// Asks with a header that ends the connection after the answer.
fn ask(bed: &Bed, head: &str, body: &[u8]) -> String {
    let mut stream = raw(bed);
    let head =
        format!("{head} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    // A refused head may have closed it already.
    let _ = stream.write_all(body);
    until_end(stream)
}

#[test]
fn texts_that_are_no_request_have_a_code() {
    let bed = Bed::new();
    let mut client = bed.client();
    for (text, code) in [
        ("", 30000),
        ("{", 30000),
        ("[]", 30001),
        ("null", 30001),
        ("{\"type\":7}", 30001),
        ("{\"type\":\"subscribe\"}", 30005),
        ("{\"type\":\"subscribe\",\"channel\":7}", 30005),
        ("{\"type\":\"subscribe\",\"channel\":\"order_book/18446744073709551616\"}", 30005),
        ("{\"type\":\"jsonapi/sendtx\"}", 30007),
        ("{\"type\":\"jsonapi/sendtx\",\"data\":{}}", 30007),
        ("{\"type\":\"jsonapi/sendtx\",\"data\":{\"tx_type\":14}}", 30007),
        ("{\"type\":\"jsonapi/sendtx\",\"data\":{\"tx_type\":14,\"tx_info\":{}}}", 21501),
        ("{\"type\":\"jsonapi/sendtx\",\"data\":{\"tx_type\":14,\"tx_info\":\"x\"}}", 21501),
        ("{\"type\":\"jsonapi/sendtx\",\"data\":{\"tx_type\":99,\"tx_info\":{}}}", 21505),
        (
            "{\"type\":\"jsonapi/sendtxbatch\",\"data\":{\"tx_types\":\"[1]\",\"tx_infos\":\"[]\"}}",
            21513,
        ),
        ("{\"type\":\"jsonapi/sendtxbatch\",\"data\":{\"tx_types\":[14],\"tx_infos\":[]}}", 30007),
        (
            "{\"type\":\"jsonapi/sendtxbatch\",\"data\":{\"tx_types\":\"[14]\",\"tx_infos\":\"[7]\"}}",
            21501,
        ),
    ] {
        client.send(text);
        assert_eq!(client.error(), code, "{text}");
    }
    client.settle();
}

#[test]
fn extreme_numbers_are_refused_and_do_not_overflow() {
    let bed = Bed::new();
    bed.fill_book();
    let mut client = bed.client();
    let order = limit(&bed, 1, false, 106_000, 1000, TimeInForce::Gtt);
    let (kind, good) = bed.sign(QUOTES, 0, &Tx::CreateOrder(order));
    let fields = [
        "AccountIndex",
        "ApiKeyIndex",
        "MarketIndex",
        "ClientOrderIndex",
        "BaseAmount",
        "Price",
        "IsAsk",
        "Type",
        "TimeInForce",
        "ReduceOnly",
        "TriggerPrice",
        "OrderExpiry",
        "ExpiredAt",
        "Nonce",
    ];
    for field in fields {
        for value in [
            json!(i64::MAX),
            json!(i64::MIN),
            json!(-1),
            json!(u64::MAX),
            json!(1e300),
            json!("1"),
            json!(null),
        ] {
            let mut bent = good.clone();
            bent[field] = value.clone();
            let code = client.tx(&(kind, bent));
            assert!(
                matches!(code, 21100 | 21102 | 21109 | 21110 | 21120 | 21501),
                "{field} {value}: {code}"
            );
        }
    }
    assert_eq!(client.tx(&(kind, good)), 200);
}

#[test]
fn http_that_is_broken_is_answered_and_ended() {
    let bed = Bed::new();
    for (head, body, status) in [
        ("GET /api/v1/nothing", "", "400"),
        ("GET /", "", "200"),
        ("GET /elsewhere", "", "400"),
        ("GET /api/v1/account?by=index&value=%zz", "", "400"),
        ("GET /api/v1/orderBookOrders?market_id=2&limit=9999", "", "400"),
        ("GET /api/v1/orderBookOrders?market_id=-2&limit=9", "", "400"),
        ("GET /api/v1/trades?sort_by=timestamp&limit=0", "", "400"),
        ("GET /stream", "", "400"),
        ("POST /api/v1/sendTx", "tx_type=14", "400"),
        ("POST /api/v1/sendTx", "tx_type=x&tx_info={}", "400"),
        ("POST /api/v1/sendTx", "%", "400"),
        ("POST /api/v1/sendTxBatch", "tx_types=[]&tx_infos=[]", "400"),
        ("POST /elsewhere", "", "400"),
        ("PUT /api/v1/account", "", "405"),
    ] {
        let answer = ask(&bed, head, body.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {answer}");
    }
    let huge = format!("POST /api/v1/sendTx HTTP/1.1\r\nContent-Length: {}\r\n\r\n", 1 << 30);
    let mut stream = raw(&bed);
    stream.write_all(huge.as_bytes()).unwrap();
    assert!(until_end(stream).starts_with("HTTP/1.1 413 "));
    bed.client().settle();
}

#[test]
fn rates_end_in_refusals_and_connections_have_a_limit() {
    let bed = Bed::with(Tier::PREMIUM, |config| {
        config.rates = LighterRates {
            messages_per_min: Some(5),
            weight_per_min: Some(600),
            ..LighterRates::default()
        };
        config.limits = PeerLimits { connections: 4, ..PeerLimits::default() };
    });
    let mut client = bed.client();
    for _ in 0..5 {
        client.settle();
    }
    client.send("{\"type\":\"ping\"}");
    assert_eq!(client.error(), 30009);
    // 300 and 300, then nothing for the rest of the minute.
    for status in ["200", "200", "429"] {
        let answer = ask(&bed, &format!("GET /api/v1/account?by=index&value={US}"), b"");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    bed.pass(60_000);
    client.settle();
    let idle: Vec<TcpStream> = (0..20).map(|_| raw(&bed)).collect();
    client.settle();
    assert!(bed.server.stats().unwrap().evicted > 0);
    drop(idle);
    bed.client().settle();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the bytes are, the tables behind the form and the transaction do not panic: the next client
    /// is served.
    #[test]
    fn no_text_stops_the_server(text in ".{0,200}", kind in 0u64..60) {
        let (bed, _) = &*SHARED;
        let mut client = bed.client();
        client.send(&text);
        let data = json!({"id": text, "tx_type": kind, "tx_info": text});
        client.send(&json!({"type": "jsonapi/sendtx", "data": data}).to_string());
        client.send(&json!({"type": "subscribe", "channel": text, "auth": text}).to_string());
        client.settle();
    }
}

static SHARED: std::sync::LazyLock<(Bed, ())> = std::sync::LazyLock::new(|| (Bed::new(), ()));
