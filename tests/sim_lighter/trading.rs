//! Transactions: taken or refused, delayed, executed, told.

use evenkeel::event::Tif;
use evenkeel::sim::server::lighter::{LighterRates, Tier};
use evenkeel::units::{Price, Qty, SCALE, Side};
use evenkeel::venue::lighter::tx::{
    Attributes, CancelAll, Header, MarginMode, Order, OrderKind, Sender, TimeInForce, Tx,
};
use serde_json::{Value, json};

use crate::bed::{
    Bed, Client, ETH_ID, HEDGES, OTHER, QUOTES, SOL, SOL_ID, US, limit, signed, signer,
};

fn create(order: Order) -> Tx<'static> {
    Tx::CreateOrder(order)
}

/// The code of the refusal of one order, and that no nonce was used.
fn refused(bed: &Bed, client: &mut Client, order: Order, want: u64) {
    let nonce = bed.next_nonce(QUOTES);
    assert_eq!(client.tx(&bed.sign(QUOTES, nonce, &create(order))), want, "{order:?}");
    assert_eq!(bed.next_nonce(QUOTES), nonce);
}

#[test]
fn an_order_lives_and_ends_on_the_stream() {
    let bed = Bed::new();
    bed.fill_book();
    let mut client = bed.trader();
    client.subscribe(&format!("account_all_trades/{US}"), Some(&bed.token(US)));
    client.until("subscribed/account_all_trades");
    let order = limit(&bed, 7, false, 106_552, 1000, TimeInForce::PostOnly);
    let row = bed.sign(QUOTES, 0, &create(order));
    client.sendtx("a", &row);
    let answer = client.until("jsonapi/sendtx");
    assert_eq!((&answer["code"], &answer["id"]), (&json!(200), &json!("a")));
    assert_eq!(client.order(), (7, "open".to_owned()));
    bed.crowd(Side::Sell, "106.55", "0.4", Tif::Ioc);
    let frame = client.until("update/account_all_orders");
    let told = &frame["orders"]["2"][0];
    assert_eq!((&told["status"], &told["filled_base_amount"]), (&json!("open"), &json!("0.400")));
    assert_eq!(told["remaining_base_amount"], "0.600");
    let trade = client.until("update/account_all_trades");
    let trade = &trade["trades"]["2"][0];
    assert_eq!((&trade["bid_account_id"], &trade["bid_client_id"]), (&json!(US), &json!(7)));
    assert_eq!((&trade["is_maker_ask"], &trade["maker_fee"]), (&json!(false), &json!(40)));
    // 0.4 x 106.552 x 40 / 10^6, rounded up to 10^-8.
    let paid = bed.server.with(|x| x.fills(x.accounts().nth(1).unwrap()).next().unwrap().fee);
    assert_eq!(paid, Some(170_484));
    let by_hash =
        bed.get(&format!("tx?by=hash&value={}", answer["tx_hash"].as_str().unwrap()), None);
    assert_eq!(by_hash.unwrap()["status"], 2);
    client.tx(&bed.sign(QUOTES, 1, &Tx::CancelOrder { market: SOL_ID, index: 7 }));
    assert_eq!(client.order(), (7, "canceled".to_owned()));
    assert!(bed.active().is_empty());
}

#[test]
fn what_a_server_refuses_uses_no_nonce() {
    let bed = Bed::new();
    bed.fill_book();
    let mut client = bed.client();
    let quote = |client, price, base| limit(&bed, client, false, price, base, TimeInForce::Gtt);
    let day = 24 * 3_600_000;
    refused(&bed, &mut client, quote(1, 106_000, 54), 21706);
    refused(&bed, &mut client, quote(1, 106_000, 94), 21706);
    refused(&bed, &mut client, Order { market: 77, ..quote(1, 106_000, 1000) }, 21602);
    let late = bed.now_ms() + 31 * day;
    refused(&bed, &mut client, Order { expiry_ms: late, ..quote(1, 106_000, 1000) }, 21711);
    refused(&bed, &mut client, Order { expiry_ms: bed.now_ms(), ..quote(1, 106_000, 1000) }, 21711);
    refused(&bed, &mut client, quote(1, 5_000, 10_000), 21734);
    refused(&bed, &mut client, limit(&bed, 1, true, 100, 1000, TimeInForce::Ioc), 21733);
    let trigger = Order {
        kind: OrderKind::StopLoss,
        tif: TimeInForce::Ioc,
        trigger_price: 100_000,
        ..quote(1, 106_000, 1000)
    };
    refused(&bed, &mut client, trigger, 21710);
    assert_eq!(client.tx(&bed.sign(QUOTES, 0, &create(quote(1, 106_000, 95)))), 200);
    refused(&bed, &mut client, quote(1, 106_000, 1000), 21728);
    refused(&bed, &mut client, Order { market: ETH_ID, ..quote(1, 430_000, 1000) }, 21728);
    let cancel = |market, index| Tx::CancelOrder { market, index };
    assert_eq!(client.tx(&bed.sign(QUOTES, 1, &cancel(SOL_ID, 99))), 21600);
    let leverage = |fraction, mode| Tx::UpdateLeverage {
        market: SOL_ID,
        initial_margin_fraction: fraction,
        mode,
    };
    assert_eq!(client.tx(&bed.sign(QUOTES, 1, &leverage(100, MarginMode::Cross))), 21113);
    assert_eq!(client.tx(&bed.sign(QUOTES, 1, &leverage(500, MarginMode::Isolated))), 21613);
    let margin = Tx::UpdateMargin { market: SOL_ID, usdc: 5, add: true };
    assert_eq!(client.tx(&bed.sign(QUOTES, 1, &margin)), 21505);
    assert_eq!(bed.next_nonce(QUOTES), 1);
}

#[test]
fn signatures_keys_and_nonces() {
    let bed = Bed::new();
    bed.fill_book();
    let mut client = bed.client();
    let order = create(limit(&bed, 1, false, 106_000, 1000, TimeInForce::Gtt));
    let header = |nonce| Header { nonce, expires_ms: bed.now_ms() + 60_000, ..Header::default() };
    let by = |chain_id, account, api_key, key| {
        let sender = Sender { chain_id, account, api_key };
        signed(&sender, &header(0), &order, &mut signer(account, key))
    };
    assert_eq!(client.tx(&by(304, US, QUOTES, HEDGES)), 21120);
    assert_eq!(client.tx(&by(300, US, QUOTES, QUOTES)), 21120);
    assert_eq!(client.tx(&by(304, US, 9, QUOTES)), 21109);
    assert_eq!(client.tx(&by(304, 99, QUOTES, QUOTES)), 21100);
    let (kind, mut bent) = by(304, US, QUOTES, QUOTES);
    bent["Price"] = json!(106_001);
    assert_eq!(client.tx(&(kind, bent.clone())), 21120);
    bent["Price"] = json!(106_000.5);
    assert_eq!(client.tx(&(kind, bent.clone())), 21501);
    bent["Sig"] = json!("AAAA");
    bent["Price"] = json!(106_000);
    assert_eq!(client.tx(&(kind, bent)), 21120);
    for wrong in [1, 2, 1 << 40] {
        assert_eq!(client.tx(&bed.sign(QUOTES, wrong, &order)), 21104, "{wrong}");
    }
    assert_eq!(client.tx(&bed.sign(QUOTES, 0, &order)), 200);
    assert_eq!(client.tx(&bed.sign(QUOTES, 0, &order)), 21104);
    // Each key counts by itself; with the option any larger number is good, and it is in the hash.
    assert_eq!(bed.next_nonce(HEDGES), 0);
    let skip = Attributes { skip_nonce: true, ..Attributes::default() };
    let second = create(limit(&bed, 2, false, 106_000, 1000, TimeInForce::Gtt));
    let row = bed.sign_with(QUOTES, 5000, skip, &second);
    let mut without = row.clone();
    without.1["L2TxAttributes"] = json!(null);
    assert_eq!(client.tx(&without), 21120);
    assert_eq!(client.tx(&row), 200);
    assert_eq!(bed.next_nonce(QUOTES), 5001);
    // Once its time is over a transaction is refused.
    let third = create(limit(&bed, 3, false, 106_000, 1000, TimeInForce::Gtt));
    let old = bed.sign(QUOTES, 5001, &third);
    bed.pass(60_000);
    client.settle();
    assert_eq!(client.tx(&old), 21711);
    assert_eq!(client.tx(&bed.sign(QUOTES, 5001, &third)), 200);
}

#[test]
fn a_key_is_served_in_order_with_the_takers_delay() {
    let bed = Bed::new();
    bed.fill_book();
    let mut client = bed.trader();
    let ioc = create(limit(&bed, 1, false, 106_560, 100, TimeInForce::Ioc));
    let quote = |client| create(limit(&bed, client, false, 106_000, 1000, TimeInForce::PostOnly));
    assert_eq!(client.tx(&bed.sign(HEDGES, 0, &ioc)), 200);
    assert_eq!(client.tx(&bed.sign(HEDGES, 1, &quote(2))), 200);
    assert_eq!(client.tx(&bed.sign(HEDGES, 2, &Tx::CancelOrder { market: SOL_ID, index: 2 })), 200);
    assert_eq!(client.tx(&bed.sign(QUOTES, 0, &quote(3))), 200);
    // Another key's quote does not wait.
    assert_eq!(client.order(), (3, "open".to_owned()));
    bed.pass(199);
    assert!(client.settle().is_empty());
    bed.pass(1);
    let frame = client.until("update/account_all_orders");
    let told: Vec<(u64, &str)> = frame["orders"]["2"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| (o["client_order_index"].as_u64().unwrap(), o["status"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [(1, "filled"), (2, "open"), (2, "canceled")]);
    // A quote that would trade when it arrives waits as a taker does.
    let crossing = create(limit(&bed, 4, false, 106_560, 1000, TimeInForce::Gtt));
    assert_eq!(client.tx(&bed.sign(QUOTES, 1, &crossing)), 200);
    bed.pass(199);
    assert!(client.settle().is_empty());
    bed.pass(1);
    assert_eq!(client.order(), (4, "filled".to_owned()));
}

#[test]
fn tiers_have_their_delays() {
    let bed = Bed::with(Tier::STANDARD, |_| {});
    bed.fill_book();
    let mut client = bed.trader();
    let quote = create(limit(&bed, 1, false, 106_000, 1000, TimeInForce::PostOnly));
    client.tx(&bed.sign(QUOTES, 0, &quote));
    bed.pass(199);
    assert!(client.settle().is_empty());
    bed.pass(1);
    assert_eq!(client.order(), (1, "open".to_owned()));
    let ioc = create(limit(&bed, 2, false, 106_560, 100, TimeInForce::Ioc));
    client.tx(&bed.sign(HEDGES, 0, &ioc));
    bed.pass(299);
    assert!(client.settle().is_empty());
    bed.pass(1);
    assert_eq!(client.order(), (2, "filled".to_owned()));
    // Without a fee there is no field of it.
    let trades = bed.get("recentTrades?market_id=2&limit=1", None).unwrap();
    assert!(trades["trades"][0].get("taker_fee").is_none());
}

#[test]
fn the_engines_refusals_are_states_of_the_order() {
    let bed = Bed::new();
    bed.fill_book();
    let mut client = bed.trader();
    let mut nonce = 0;
    let mut ends = |order: Order, want: &str| {
        assert_eq!(client.tx(&bed.sign(QUOTES, nonce, &create(order))), 200);
        nonce += 1;
        bed.pass(200);
        assert_eq!(client.order(), (order.client_index, want.to_owned()));
    };
    let ioc =
        |client, is_ask, price, base| limit(&bed, client, is_ask, price, base, TimeInForce::Ioc);
    ends(limit(&bed, 1, false, 106_560, 1000, TimeInForce::PostOnly), "canceled-post-only");
    ends(ioc(2, false, 106_500, 1000), "canceled");
    ends(
        Order { kind: OrderKind::Market, ..ioc(3, false, 106_500, 1000) },
        "canceled-too-much-slippage",
    );
    ends(Order { reduce_only: true, ..ioc(4, true, 106_550, 1000) }, "canceled-reduce-only");
    ends(
        limit(&bed, 5, false, 106_000, 900_000_000, TimeInForce::Gtt),
        "canceled-margin-not-allowed",
    );
    // The minimums are for what rests.
    ends(ioc(6, false, 106_560, 1), "filled");
    let no_ask = Order { market: ETH_ID, kind: OrderKind::Market, ..ioc(7, false, 430_000, 100) };
    ends(no_ask, "canceled-not-enough-liquidity");
    ends(ioc(8, false, 106_560, 20_000), "canceled");
    let done =
        bed.get(&format!("accountInactiveOrders?account_index={US}&limit=1"), Some(&bed.token(US)));
    // 12.249 were there.
    assert_eq!(done.unwrap()["orders"][0]["filled_base_amount"], "12.249");
}

#[test]
fn a_near_expiry_comes_to_nothing_and_a_far_one_ends_the_order() {
    let bed = Bed::new();
    bed.fill_book();
    let mut client = bed.trader();
    let until = |client, ms| Order {
        expiry_ms: bed.now_ms() + ms,
        ..limit(&bed, client, false, 106_000, 1000, TimeInForce::Gtt)
    };
    assert_eq!(client.tx(&bed.sign(QUOTES, 0, &create(until(1, 299_999)))), 200);
    assert!(client.settle().is_empty() && bed.active().is_empty());
    assert_eq!(bed.next_nonce(QUOTES), 1);
    assert_eq!(client.tx(&bed.sign(QUOTES, 1, &create(until(2, 300_000)))), 200);
    assert_eq!(client.order(), (2, "open".to_owned()));
    for _ in 0..5 {
        bed.pass(60_000);
        client.settle();
    }
    let done =
        bed.get(&format!("accountInactiveOrders?account_index={US}&limit=1"), Some(&bed.token(US)));
    assert_eq!(done.unwrap()["orders"][0]["status"], "canceled-expired");
}

#[test]
fn a_modify_keeps_the_order_and_its_numbers() {
    let bed = Bed::new();
    bed.fill_book();
    let mut client = bed.trader();
    client.tx(&bed.sign(
        QUOTES,
        0,
        &create(limit(&bed, 9, false, 106_000, 1000, TimeInForce::PostOnly)),
    ));
    let first = client.until("update/account_all_orders")["orders"]["2"][0].clone();
    let modify = |index, price| Tx::ModifyOrder {
        market: SOL_ID,
        index,
        base: 2000,
        price,
        trigger_price: 0,
    };
    let version = |n| Attributes { order_version: n, ..Attributes::default() };
    client.tx(&bed.sign(QUOTES, 1, &modify(9, 106_100)));
    let second = client.until("update/account_all_orders")["orders"]["2"].clone();
    assert_eq!(second.as_array().unwrap().len(), 1, "{second}");
    for key in ["order_index", "client_order_index", "created_at"] {
        assert_eq!(first[key], second[0][key], "{key}");
    }
    assert_eq!((&second[0]["status"], &second[0]["price"]), (&json!("open"), &json!("106.100")));
    assert_eq!(second[0]["remaining_base_amount"], "2.000");
    // By the venue's number, and with versions that must grow.
    let index = first["order_index"].as_u64().unwrap();
    assert_eq!(client.tx(&bed.sign_with(QUOTES, 2, version(10), &modify(index, 106_200))), 200);
    assert_eq!(client.tx(&bed.sign_with(QUOTES, 3, version(10), &modify(9, 106_300))), 200);
    assert_eq!(bed.active(), [(9, "106.200".to_owned(), "2.000".to_owned())]);
    // A post-only order that is moved into the book is gone.
    client.settle();
    assert_eq!(client.tx(&bed.sign(QUOTES, 4, &modify(9, 106_560))), 200);
    assert_eq!(client.order(), (9, "canceled-post-only".to_owned()));
    assert_eq!(client.tx(&bed.sign(QUOTES, 5, &modify(9, 106_000))), 21715);
    assert!(bed.active().is_empty());
}

#[test]
fn a_modify_names_the_whole_size_with_what_was_filled() {
    let bed = Bed::new();
    bed.fill_book();
    let mut client = bed.trader();
    let ours = limit(&bed, 9, false, 106_555, 2000, TimeInForce::PostOnly);
    client.tx(&bed.sign(QUOTES, 0, &create(ours)));
    assert_eq!(client.order(), (9, "open".to_owned()));
    bed.crowd(Side::Sell, "106.555", "0.5", Tif::Ioc);
    let before = client.until("update/account_all_orders")["orders"]["2"][0].clone();
    let sizes = |row: &Value| {
        ["initial_base_amount", "filled_base_amount", "remaining_base_amount"]
            .map(|key| row[key].as_str().unwrap().to_owned())
    };
    assert_eq!(sizes(&before), ["2.000", "0.500", "1.500"]);
    let modify =
        |base, price| Tx::ModifyOrder { market: SOL_ID, index: 9, base, price, trigger_price: 0 };
    assert_eq!(client.tx(&bed.sign(QUOTES, 1, &modify(3000, 106_558))), 200);
    let after = client.until("update/account_all_orders")["orders"]["2"][0].clone();
    assert_eq!(sizes(&after), ["3.000", "0.500", "2.500"]);
    assert_eq!(after["filled_quote_amount"], before["filled_quote_amount"]);
    assert_ne!(after["nonce"], before["nonce"], "it is queued anew");
    let left = bed.server.with(|x| x.levels(SOL, Side::Buy, 1).next().unwrap().qty).unwrap();
    assert_eq!(left, Qty(SCALE / 10 * 25), "what rests is the rest");
    // More trades, and no more is wanted than that.
    bed.crowd(Side::Sell, "106.558", "0.25", Tif::Ioc);
    assert_eq!(client.order(), (9, "open".to_owned()));
    assert_eq!(client.tx(&bed.sign(QUOTES, 2, &modify(750, 106_557))), 200);
    let end = client.until("update/account_all_orders")["orders"]["2"][0].clone();
    assert_eq!(
        (&end["status"], sizes(&end)),
        (&json!("filled"), ["0.750", "0.750", "0.000"].map(str::to_owned))
    );
    assert!(bed.active().is_empty());
    assert_eq!(
        bed.server.with(|x| x.levels(SOL, Side::Buy, 1).next().unwrap().px).unwrap(),
        Price(SCALE / 100 * 10_655)
    );
}

#[test]
fn everything_may_be_cancelled_now_or_later() {
    let bed = Bed::new();
    bed.fill_book();
    let mut client = bed.trader();
    let mut nonce = 0;
    let mut send = |client: &mut Client, attributes, tx: &Tx<'_>| {
        let code = client.tx(&bed.sign_with(QUOTES, nonce, attributes, tx));
        nonce += u64::from(code == 200);
        code
    };
    let none = Attributes::default();
    bed.server.with(|x| {
        x.crowd_place(evenkeel::sim::exchange::order(
            crate::bed::ETH,
            Side::Buy,
            evenkeel::units::Price::parse(b"4300").unwrap(),
            evenkeel::units::Qty::parse(b"1").unwrap(),
            Tif::Gtc,
        ))
    });
    for (n, market, price, base) in
        [(1, SOL_ID, 106_000, 1000), (2, SOL_ID, 105_000, 1000), (3, ETH_ID, 420_000, 1000)]
    {
        let order = Order { market, ..limit(&bed, n, false, price, base, TimeInForce::Gtt) };
        assert_eq!(send(&mut client, none, &create(order)), 200);
    }
    let only = Attributes { cancel_all_market: Some(ETH_ID), ..none };
    assert_eq!(send(&mut client, only, &Tx::CancelAll(CancelAll::Immediate)), 200);
    assert_eq!(bed.active().iter().map(|o| o.0).collect::<Vec<_>>(), [1, 2]);
    let at = |minutes: u64| Tx::CancelAll(CancelAll::Scheduled(bed.now_ms() + minutes * 60_000));
    assert_eq!(send(&mut client, none, &at(4)), 21714);
    assert_eq!(send(&mut client, none, &at(6)), 200);
    assert_eq!(send(&mut client, none, &at(7)), 21712);
    assert_eq!(send(&mut client, none, &Tx::CancelAll(CancelAll::Abort)), 200);
    assert_eq!(send(&mut client, none, &at(5)), 200);
    for _ in 0..5 {
        assert_eq!(bed.active().len(), 2);
        bed.pass(60_000);
        client.settle();
    }
    assert!(bed.active().is_empty());
    let order = limit(&bed, 4, false, 106_000, 1000, TimeInForce::Gtt);
    assert_eq!(send(&mut client, none, &create(order)), 200);
    assert_eq!(send(&mut client, none, &Tx::CancelAll(CancelAll::Immediate)), 200);
    assert!(bed.active().is_empty());
}

#[test]
fn a_batch_is_taken_or_refused_as_a_whole() {
    let bed = Bed::new();
    bed.fill_book();
    let mut client = bed.trader();
    let quote = |n| create(limit(&bed, n, false, 106_000, 1000, TimeInForce::PostOnly));
    let mut ask = |rows: &[(u8, serde_json::Value)]| {
        client.sendbatch("b", rows);
        client.code("b")
    };
    let row = |nonce, n| bed.sign(QUOTES, nonce, &quote(n));
    assert_eq!(ask(&[row(0, 1), row(0, 2)]), 21105);
    assert_eq!(ask(&[row(0, 1), row(2, 2)]), 21105);
    assert_eq!(ask(&[row(1, 1), row(2, 2)]), 21104);
    assert_eq!(ask(&[row(0, 1), bed.sign(HEDGES, 1, &quote(2))]), 21121);
    assert_eq!(ask(&[row(0, 1), row(1, 1)]), 21728);
    assert_eq!(ask(&(0..16).map(|n| row(n, n + 1)).collect::<Vec<_>>()), 21514);
    assert_eq!(ask(&[]), 21501);
    assert_eq!(bed.next_nonce(QUOTES), 0);
    let cancel = bed.sign(QUOTES, 2, &Tx::CancelOrder { market: SOL_ID, index: 1 });
    assert_eq!(ask(&[row(0, 1), row(1, 2), cancel]), 200);
    assert_eq!(bed.active().iter().map(|o| o.0).collect::<Vec<_>>(), [2]);
    // Over REST up to fifty.
    let encode = |text: String| -> String { text.bytes().map(|b| format!("%{b:02x}")).collect() };
    let form = |rows: &[(u8, serde_json::Value)]| {
        let types: Vec<u8> = rows.iter().map(|r| r.0).collect();
        let infos: Vec<String> = rows.iter().map(|r| r.1.to_string()).collect();
        format!(
            "tx_types={}&tx_infos={}",
            encode(json!(types).to_string()),
            encode(json!(infos).to_string())
        )
    };
    let rows: Vec<_> = (3..43).map(|n| row(n, n)).collect();
    let answer = bed.post("sendTxBatch", &form(&rows)).unwrap();
    assert_eq!((&answer["code"], answer["tx_hash"].as_array().unwrap().len()), (&json!(200), 40));
    assert_eq!(bed.active().len(), 41);
    let single = row(43, 100);
    let body = format!("tx_type={}&tx_info={}", single.0, encode(single.1.to_string()));
    let answer = bed.post("sendTx", &body).unwrap();
    assert_eq!(answer["message"], "{\"ratelimit\": \"didn't use volume quota\"}");
    assert!(bed.post("sendTx", &body).is_err(), "a nonce twice: HTTP 400");
}

#[test]
fn quota_and_rates_of_a_tier() {
    let tier = Tier { quota: Some(2), sends_per_min: 6, ..Tier::PREMIUM };
    let bed = Bed::with(tier, |config| {
        config.rates = LighterRates { limited: true, ..LighterRates::default() };
    });
    bed.fill_book();
    let mut client = bed.client();
    let quote = |n| create(limit(&bed, n, false, 106_000, 1000, TimeInForce::PostOnly));
    let mut left = |row: &(u8, serde_json::Value)| {
        client.sendtx("q", row);
        loop {
            let frame = client.recv();
            if frame["id"] == "q" {
                let code = frame["error"]["code"].as_u64();
                return code.or(frame["volume_quota_remaining"].as_u64()).unwrap();
            }
        }
    };
    assert_eq!(left(&bed.sign(QUOTES, 0, &quote(1))), 1);
    assert_eq!(left(&bed.sign(QUOTES, 1, &quote(2))), 0);
    // Nothing is left: one in fifteen seconds is free, and so are cancels.
    assert_eq!(left(&bed.sign(QUOTES, 2, &quote(3))), 0);
    assert_eq!(left(&bed.sign(QUOTES, 3, &quote(4))), 23000);
    let cancel = |index| Tx::CancelOrder { market: SOL_ID, index };
    assert_eq!(left(&bed.sign(QUOTES, 3, &cancel(1))), 0);
    // The minute is over with six requests, the refused one among them.
    assert_eq!(left(&bed.sign(QUOTES, 4, &cancel(2))), 0);
    assert_eq!(left(&bed.sign(QUOTES, 5, &cancel(3))), 23000);
    bed.pass(60_000);
    // A trade earns: one for each 3 quote.
    let ioc = create(limit(&bed, 9, false, 106_560, 1000, TimeInForce::Ioc));
    assert_eq!(left(&bed.sign(QUOTES, 5, &ioc)), 0);
    bed.pass(200);
    assert_eq!(left(&bed.sign(QUOTES, 6, &cancel(3))), 106_560 / 3000);
}

#[test]
fn what_rest_says_of_an_account() {
    let bed = Bed::new();
    bed.fill_book();
    let mut client = bed.trader();
    let ioc = create(limit(&bed, 1, false, 106_560, 2000, TimeInForce::Ioc));
    client.tx(&bed.sign(HEDGES, 0, &ioc));
    bed.pass(200);
    assert_eq!(client.order(), (1, "filled".to_owned()));
    let account = bed.get(&format!("account?by=index&value={US}"), None).unwrap();
    let account = &account["accounts"][0];
    let sol = &account["positions"][0];
    assert_eq!((&sol["sign"], &sol["position"]), (&json!(1), &json!("2.000")));
    assert_eq!(sol["avg_entry_price"], "106.56000000");
    // 213.12 x 280 / 10^6 of fee; bought at the ask, valued at the mid.
    assert_eq!(account["collateral"], "99999.940326");
    assert_eq!(account["total_asset_value"], "99999.930326");
    let keys =
        bed.get(&format!("apikeys?account_index={US}&api_key_index={HEDGES}"), None).unwrap();
    assert_eq!(
        (&keys["api_keys"][0]["nonce"], keys["api_keys"].as_array().unwrap().len()),
        (&json!(1), 1)
    );
    let path = format!("trades?sort_by=timestamp&limit=10&account_index={US}");
    let trades = bed.get(&path, Some(&bed.token(US))).unwrap();
    assert_eq!(trades["trades"].as_array().unwrap().len(), 1);
    assert!(bed.get(&path, None).is_err(), "a token is needed");
    assert!(bed.get(&path, Some(&bed.token(OTHER))).is_err(), "and ours");
    let limits =
        bed.get(&format!("accountLimits?account_index={US}"), Some(&bed.token(US))).unwrap();
    assert_eq!(
        (&limits["user_tier_name"], &limits["current_taker_fee_tick"]),
        (&json!("premium"), &json!(280))
    );
    assert!(bed.get("account?by=index&value=77", None).is_err());
    assert!(bed.get("nothing", None).is_err());
    let leverage = Tx::UpdateLeverage {
        market: SOL_ID,
        initial_margin_fraction: 1000,
        mode: MarginMode::Cross,
    };
    client.tx(&bed.sign(QUOTES, 0, &leverage));
    let account = bed.get(&format!("account?by=index&value={US}"), None).unwrap();
    assert_eq!(account["accounts"][0]["positions"][0]["initial_margin_fraction"], "10.00");
    assert_eq!(bed.server.with(|x| x.imbalance().0), Some(0));
}
