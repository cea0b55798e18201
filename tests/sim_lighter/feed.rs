//! Public channels and the rules of subscriptions.

use evenkeel::event::Tif;
use evenkeel::sim::server::lighter::LighterRates;
use evenkeel::sim::server::lighter::Tier;
use evenkeel::units::{Nanos, Side};
use serde_json::{Value, json};

use crate::bed::{Bed, OTHER, SOL_ID, US};

fn level(price: &str, size: &str) -> Value {
    json!({"price": price, "size": size})
}

#[test]
fn a_book_is_whole_and_then_changes_in_a_chain() {
    let bed = Bed::new();
    bed.fill_book();
    let mut client = bed.client();
    client.settle();
    client.subscribe(&format!("order_book/{SOL_ID}"), None);
    let first = client.until("subscribed/order_book");
    assert_eq!(first["channel"], "order_book:2");
    let book = &first["order_book"];
    assert_eq!(book["asks"], json!([level("106.560", "12.250"), level("107.000", "30.000")]));
    assert_eq!(book["bids"], json!([level("106.550", "10.000"), level("106.500", "20.500")]));
    assert_eq!(book["begin_nonce"], 0);
    let mut nonce = book["nonce"].as_u64().unwrap();
    for (side, px, qty, asks, bids) in [
        (Side::Buy, "106.4", "1", json!([]), json!([level("106.400", "1.000")])),
        (Side::Sell, "106.55", "10", json!([]), json!([level("106.550", "0.000")])),
    ] {
        let tif = if side == Side::Sell { Tif::Ioc } else { Tif::Gtc };
        bed.crowd(side, px, qty, tif);
        bed.pass(50);
        let next = client.until("update/order_book");
        let change = &next["order_book"];
        assert_eq!(change["begin_nonce"], nonce);
        assert_eq!((&change["asks"], &change["bids"]), (&asks, &bids));
        nonce = change["nonce"].as_u64().unwrap();
        assert!(nonce > change["begin_nonce"].as_u64().unwrap());
    }
    // Nothing changed: nothing is sent.
    bed.pass(500);
    assert!(client.settle().is_empty());
}

#[test]
fn the_ticker_has_the_books_counter() {
    let bed = Bed::new();
    bed.fill_book();
    let mut client = bed.client();
    client.settle();
    client.subscribe("order_book/2", None);
    client.subscribe("ticker/2", None);
    let book = client.until("subscribed/order_book")["order_book"]["nonce"].as_u64().unwrap();
    let ticker = client.until("subscribed/ticker");
    assert_eq!(ticker["ticker"]["b"], level("106.550", "10.000"));
    assert!(ticker["nonce"].as_u64().unwrap() <= book);
    bed.crowd(Side::Buy, "106.552", "3", Tif::Gtc);
    // At once, and before the change of the book.
    let ticker = client.until("update/ticker");
    assert_eq!(ticker["ticker"]["b"], level("106.552", "3.000"));
    let nonce = ticker["nonce"].as_u64().unwrap();
    assert!(nonce > book);
    bed.pass(50);
    assert_eq!(client.until("update/order_book")["order_book"]["nonce"], nonce);
    // Below the best: the book alone.
    bed.crowd(Side::Buy, "100", "3", Tif::Gtc);
    bed.pass(50);
    let frames = client.settle();
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert!(frames[0]["order_book"]["nonce"].as_u64().unwrap() > nonce);
}

#[test]
fn trades_statistics_and_height() {
    let bed = Bed::new();
    bed.fill_book();
    bed.crowd(Side::Buy, "106.56", "2", Tif::Ioc);
    let mut client = bed.client();
    client.subscribe("trade/2", None);
    client.subscribe("market_stats/2", None);
    client.subscribe("market_stats/all", None);
    client.subscribe("height", None);
    let trades = client.until("subscribed/trade");
    let trade = &trades["trades"][0];
    assert_eq!((&trade["price"], &trade["size"]), (&json!("106.560"), &json!("2.000")));
    assert_eq!(
        (&trade["is_maker_ask"], &trade["usd_amount"]),
        (&json!(true), &json!("213.120000"))
    );
    assert_eq!(trades["liquidation_trades"], json!([]));
    let stats = client.until("subscribed/market_stats");
    assert_eq!(stats["market_stats"]["best_ask_price"], "106.560");
    let all = client.until("subscribed/market_stats");
    assert_eq!(
        (&all["channel"], &all["market_stats"]["0"]["symbol"]),
        (&json!("market_stats:all"), &json!("ETH"))
    );
    client.until("subscribed/height");
    bed.crowd(Side::Sell, "106.5", "1", Tif::Ioc);
    let trade = client.until("update/trade");
    assert_eq!(trade["trades"][0]["is_maker_ask"], false);
    bed.pass(1000);
    let kinds: Vec<String> =
        (0..3).map(|_| client.recv()["type"].as_str().unwrap().to_owned()).collect();
    assert!(kinds.contains(&"update/height".to_owned()), "{kinds:?}");
    assert!(kinds.contains(&"update/market_stats".to_owned()), "{kinds:?}");
}

#[test]
fn subscriptions_have_rules() {
    let bed = Bed::with(Tier::PREMIUM, |config| {
        config.rates = LighterRates { subscriptions: 3, ..LighterRates::default() };
    });
    let mut client = bed.client();
    let say = |frame: Value| frame.to_string();
    client.subscribe("height", None);
    client.until("subscribed/height");
    client.subscribe("height", None);
    let again = client.recv();
    assert_eq!(
        again,
        json!({"error": {"code": 30003, "message": "Already Subscribed to : height"}})
    );
    client.send(&say(json!({"type": "unsubscribe", "channel": "height"})));
    assert_eq!(client.recv(), json!({"type": "unsubscribed", "channel": "height"}));
    client.send(&say(json!({"type": "unsubscribe", "channel": "height"})));
    assert_eq!(client.error(), 30002);
    for unknown in
        ["", "order_book", "order_book/77", "order_book/02", "order_book/2/3", "user_stats/99"]
    {
        client.subscribe(unknown, None);
        assert_eq!(client.error(), 30005, "{unknown}");
    }
    let mine = format!("account_all_orders/{US}");
    client.subscribe(&mine, None);
    let refused = client.recv();
    let text = format!("invalid param : auth field is required: account_all_orders:{US}");
    assert_eq!(refused, json!({"error": {"code": 20001, "message": text}}));
    client.subscribe(&mine, Some(&bed.token(OTHER)));
    assert_eq!(client.error(), 20013);
    let token = bed.token(US);
    for bent in [&token[1..], &token[..token.len() - 1], &token.replace(':', ";"), "", "a:b:c:d"] {
        client.subscribe(&mine, Some(bent));
        assert_eq!(client.error(), 20013, "{bent}");
    }
    client.subscribe(&mine, Some(&token));
    client.until("subscribed/account_all_orders");
    // A token of another key of the account is as good; one that is over is not.
    bed.pass(600_000);
    client.settle();
    client.subscribe(&format!("account_tx/{US}"), Some(&token));
    assert_eq!(client.error(), 20013);
    // These two have been seen without a token; they are the second and third of three.
    client.subscribe(&format!("account_all/{US}"), None);
    assert_eq!(client.until("subscribed/account_all")["account"], US);
    client.subscribe(&format!("user_stats/{US}"), None);
    assert_eq!(client.until("subscribed/user_stats")["stats"]["collateral"], "100000.000000");
    client.subscribe("ticker/2", None);
    assert_eq!(client.error(), 23001);
}

#[test]
fn who_is_silent_for_two_minutes_is_closed() {
    let bed = Bed::with(Tier::PREMIUM, |config| {
        config.ping_every = Some(Nanos::from_secs(60));
    });
    let (mut silent, mut busy) = (bed.client(), bed.client());
    bed.pass(119_000);
    assert_eq!(silent.until("ping")["type"], "ping");
    busy.send("{\"type\":\"pong\"}");
    busy.settle();
    bed.pass(2_000);
    assert!(silent.try_text().is_err());
    busy.settle();
    assert_eq!(bed.server.stats().unwrap().idle_closed, 1);
}
