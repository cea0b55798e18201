//! What a scenario can break.

use evenkeel::event::Tif;
use evenkeel::sim::server::{LighterFault, Scope, ServerFault};
use evenkeel::units::{Nanos, Side};
use evenkeel::venue::lighter::tx::{TimeInForce, Tx};

use crate::bed::{Bed, QUOTES, limit};

#[test]
fn a_gap_breaks_the_chain_once() {
    let bed = Bed::new();
    bed.fill_book();
    let mut client = bed.client();
    client.settle();
    client.subscribe("order_book/2", None);
    let nonce = client.until("subscribed/order_book")["order_book"]["nonce"].as_u64().unwrap();
    bed.server.lighter_fault(LighterFault::Gap);
    bed.crowd(Side::Buy, "106.1", "1", Tif::Gtc);
    bed.pass(50);
    assert!(client.settle().is_empty());
    bed.crowd(Side::Buy, "106.2", "1", Tif::Gtc);
    bed.pass(50);
    let after = client.until("update/order_book");
    assert!(after["order_book"]["begin_nonce"].as_u64().unwrap() > nonce);
    // The way out: a new subscription, and the whole book.
    client.send("{\"type\":\"unsubscribe\",\"channel\":\"order_book/2\"}");
    client.subscribe("order_book/2", None);
    let whole = client.until("subscribed/order_book");
    assert_eq!(whole["order_book"]["bids"].as_array().unwrap().len(), 4);
}

#[test]
fn a_stale_ticker_says_nothing_while_the_book_goes_on() {
    let bed = Bed::new();
    bed.fill_book();
    let mut client = bed.client();
    client.settle();
    client.subscribe("order_book/2", None);
    client.subscribe("ticker/2", None);
    client.until("subscribed/ticker");
    bed.server.lighter_fault(LighterFault::StaleTicker);
    bed.crowd(Side::Buy, "106.552", "1", Tif::Gtc);
    bed.pass(50);
    let kinds: Vec<_> = client.settle().iter().map(|f| f["type"].clone()).collect();
    assert_eq!(kinds, ["update/order_book"]);
    bed.server.lighter_fault(LighterFault::Heal);
    bed.crowd(Side::Buy, "106.553", "1", Tif::Gtc);
    client.until("update/ticker");
}

#[test]
fn a_planned_end_is_announced() {
    let bed = Bed::new();
    let mut client = bed.client();
    bed.server.lighter_fault(LighterFault::Shutdown { close_in: Nanos::from_secs(5) });
    assert_eq!(client.until("shutdown")["close_in_ms"], 5000);
    bed.pass(4999);
    client.settle();
    bed.pass(1);
    assert!(client.try_text().is_err());
    bed.client().settle();
}

#[test]
fn nonces_and_rates_are_refused_on_demand_and_use_nothing() {
    let bed = Bed::new();
    bed.fill_book();
    let mut client = bed.client();
    let order = limit(&bed, 1, false, 106_000, 1000, TimeInForce::Gtt);
    let row = bed.sign(QUOTES, 0, &Tx::CreateOrder(order));
    bed.server.lighter_fault(LighterFault::RefuseNonces(1));
    assert_eq!(client.tx(&row), 21104);
    bed.server.lighter_fault(LighterFault::RefuseRate(1));
    assert_eq!(client.tx(&row), 23000);
    assert_eq!(bed.next_nonce(QUOTES), 0);
    assert_eq!(client.tx(&row), 200);
    assert_eq!(bed.next_nonce(QUOTES), 1);
}

#[test]
fn an_answer_may_come_after_the_stream_or_never() {
    let bed = Bed::new();
    bed.fill_book();
    let mut client = bed.trader();
    bed.server.lighter_fault(LighterFault::LateAnswers(Nanos::from_millis(70)));
    let order =
        |client| Tx::CreateOrder(limit(&bed, client, false, 106_000, 1000, TimeInForce::Gtt));
    client.sendtx("late", &bed.sign(QUOTES, 0, &order(1)));
    assert_eq!(client.order(), (1, "open".to_owned()));
    assert!(client.settle().is_empty());
    bed.pass(70);
    assert_eq!(client.code("late"), 200);
    bed.server.lighter_fault(LighterFault::Heal);
    bed.server.lighter_fault(LighterFault::NoAnswers);
    client.sendtx("never", &bed.sign(QUOTES, 1, &order(2)));
    assert_eq!(client.order(), (2, "open".to_owned()));
    bed.pass(1000);
    assert!(client.settle().iter().all(|f| f["id"] != "never"));
}

#[test]
fn connections_break_as_those_of_the_other_dialect() {
    let bed = Bed::new();
    bed.fill_book();
    let (mut market, mut trader) = (bed.client(), bed.trader());
    market.settle();
    bed.server.fault(ServerFault::Drop(Scope::Private));
    assert!(trader.try_text().is_err());
    market.settle();
    market.subscribe("order_book/2", None);
    market.until("subscribed/order_book");
    bed.server.fault(ServerFault::Delay(Scope::Market, Nanos::from_millis(300)));
    market.send("{\"type\":\"ping\"}");
    bed.server.stats();
    bed.crowd(Side::Buy, "106.1", "1", Tif::Gtc);
    bed.pass(50);
    bed.server.stats();
    bed.pass(300);
    market.until("pong");
    market.until("update/order_book");
    bed.server.fault(ServerFault::Drop(Scope::All));
    assert!(market.try_text().is_err());
}
