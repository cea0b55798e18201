//! Signed actions: what is taken, what is refused, and what the account hears of it.

use evenkeel::event::{RejectReason, Tif};
use evenkeel::net::{Conn, Endpoint, Limits, NetError};
use evenkeel::sim::exchange::{Fault, FaultRule, Latency, Rules};
use evenkeel::sim::server::Rates;
use evenkeel::units::{Nanos, Notional, Side};

use crate::bed::{Bed, Key, PATIENCE, T0, limit};

fn oid_of(answer: &str) -> u64 {
    let from = answer.find("\"oid\":").expect(answer) + 6;
    answer[from..].chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

fn err(text: &str) -> String {
    format!("{{\"status\":\"err\",\"response\":\"{text}\"}}")
}

fn statuses(kind: &str, list: &str) -> String {
    format!(
        "{{\"status\":\"ok\",\"response\":{{\"type\":\"{kind}\",\"data\":{{\"statuses\":[{list}]}}}}}}"
    )
}

const DEFAULT: &str = "{\"status\":\"ok\",\"response\":{\"type\":\"default\"}}";

#[test]
fn an_order_rests_fills_and_is_told() {
    let bed = Bed::new();
    bed.fill_book();
    let user = bed.user.text();
    let mut client = bed.client();
    for kind in ["orderUpdates", "userFills", "clearinghouseState"] {
        client.subscribe(&format!("{{\"type\":\"{kind}\",\"user\":\"{user}\"}}"));
    }
    let snapshot = client.channel("userFills");
    assert_eq!(
        snapshot,
        format!(
            "{{\"channel\":\"userFills\",\"data\":{{\"isSnapshot\":true,\"user\":\"{user}\",\"fills\":[]}}}}"
        )
    );
    client.channel("clearinghouseState");
    let cloid = "0x000000000000000000000000000000a1";
    let action =
        limit(true, "106.55", "2", "Alo").replace("}}}]", &format!("}}}},\"c\":\"{cloid}\"}}]"));
    let answer = client.post(3, &bed.agent.sign(&action, bed.nonce()));
    let oid = oid_of(&answer);
    assert_eq!(
        answer,
        statuses("order", &format!("{{\"resting\":{{\"oid\":{oid},\"cloid\":\"{cloid}\"}}}}"))
    );
    let order = |left: &str| {
        format!(
            "{{\"coin\":\"SOL\",\"side\":\"B\",\"limitPx\":\"106.55\",\"sz\":\"{left}\",\"oid\":{oid},\"timestamp\":{T0},\"origSz\":\"2.0\",\"cloid\":\"{cloid}\"}}"
        )
    };
    let update = |left: &str, status: &str| {
        format!(
            "{{\"channel\":\"orderUpdates\",\"data\":[{{\"order\":{},\"status\":\"{status}\",\"statusTimestamp\":{T0}}}]}}",
            order(left)
        )
    };
    assert_eq!(client.channel("orderUpdates"), update("2.0", "open"));
    // The crowd's 10 were there first.
    bed.crowd(Side::Sell, "106.55", "12", Tif::Ioc);
    let fills = client.channel("userFills");
    assert!(fills.starts_with(&format!("{{\"channel\":\"userFills\",\"data\":{{\"user\":\"{user}\",\"fills\":[{{\"coin\":\"SOL\",\"px\":\"106.55\",\"sz\":\"2.0\",\"side\":\"B\",\"time\":{T0},\"startPosition\":\"0.0\",\"dir\":\"Open Long\",\"closedPnl\":\"0.0\",\"hash\":\"0x")), "{fills}");
    // 213.1 x 0.015 %
    assert!(
        fills.contains(&format!("\"oid\":{oid},\"crossed\":false,\"fee\":\"0.031965\",\"tid\":")),
        "{fills}"
    );
    assert!(
        fills.ends_with(&format!(
            "\"cloid\":\"{cloid}\",\"feeToken\":\"USDC\",\"twapId\":null}}]}}}}"
        )),
        "{fills}"
    );
    let status =
        bed.info(&format!("{{\"type\":\"orderStatus\",\"user\":\"{user}\",\"oid\":\"{cloid}\"}}"));
    assert!(
        status.starts_with("{\"status\":\"order\",\"order\":{\"order\":{\"coin\":\"SOL\""),
        "{status}"
    );
    assert!(
        status.ends_with(&format!("\"status\":\"filled\",\"statusTimestamp\":{T0}}}}}")),
        "{status}"
    );
    // A snapshot after the fact has it too.
    let mut late = bed.client();
    late.subscribe(&format!("{{\"type\":\"userFills\",\"user\":\"{user}\"}}"));
    assert!(late.channel("userFills").contains(&format!(
        "\"isSnapshot\":true,\"user\":\"{user}\",\"fills\":[{{\"coin\":\"SOL\""
    )));
}

#[test]
fn an_ioc_is_filled_or_says_that_nothing_matched() {
    let bed = Bed::new();
    bed.fill_book();
    let answer = bed.act(&limit(true, "106.56", "20", "Ioc"));
    let oid = oid_of(&answer);
    assert_eq!(
        answer,
        statuses(
            "order",
            &format!("{{\"filled\":{{\"totalSz\":\"12.25\",\"avgPx\":\"106.56\",\"oid\":{oid}}}}}")
        )
    );
    let answer = bed.act(&limit(true, "106.56", "20", "Ioc"));
    assert_eq!(
        answer,
        statuses(
            "order",
            "{\"error\":\"Order could not immediately match against any resting orders. asset=5\"}"
        )
    );
}

#[test]
fn cancels_by_number_and_by_name() {
    let bed = Bed::new();
    bed.fill_book();
    let oid = oid_of(&bed.act(&limit(true, "100", "1", "Alo")));
    let cancel = format!(
        "{{\"type\":\"cancel\",\"cancels\":[{{\"a\":5,\"o\":{oid}}},{{\"a\":5,\"o\":1}}],\"f\":true}}"
    );
    let gone = "{\"error\":\"Order was never placed, already canceled, or filled. asset=5\"}";
    assert_eq!(bed.act(&cancel), statuses("cancel", &format!("\"success\",{gone}")));
    assert_eq!(bed.act(&cancel), statuses("cancel", &format!("{gone},{gone}")));
    let cloid = "0x000000000000000000000000000000b2";
    bed.act(&limit(true, "100", "1", "Gtc").replace("}}}]", &format!("}}}},\"c\":\"{cloid}\"}}]")));
    let cancel = format!(
        "{{\"type\":\"cancelByCloid\",\"cancels\":[{{\"asset\":5,\"cloid\":\"{cloid}\"}}]}}"
    );
    assert_eq!(bed.act(&cancel), statuses("cancel", "\"success\""));
}

#[test]
fn modifies_replace_an_order() {
    let bed = Bed::new();
    bed.fill_book();
    let oid = oid_of(&bed.act(&limit(true, "100", "1", "Alo")));
    let order = "{\"a\":5,\"b\":true,\"p\":\"101\",\"s\":\"1\",\"r\":false,\"t\":{\"limit\":{\"tif\":\"Alo\"}}}";
    let modify = format!("{{\"type\":\"modify\",\"oid\":{oid},\"order\":{order}}}");
    assert_eq!(bed.act(&modify), DEFAULT);
    let open = bed.info(&format!("{{\"type\":\"openOrders\",\"user\":\"{}\"}}", bed.user.text()));
    let new = oid_of(&open);
    assert!(new != oid && open.contains("\"limitPx\":\"101.0\""), "{open}");
    let batch = format!(
        "{{\"type\":\"batchModify\",\"modifies\":[{{\"oid\":{new},\"order\":{order}}}],\"a\":true}}"
    );
    let answer = bed.act(&batch);
    assert_eq!(
        answer,
        statuses("order", &format!("{{\"resting\":{{\"oid\":{}}}}}", oid_of(&answer)))
    );
    assert!(bed.act(&modify).starts_with("{\"status\":\"err\",\"response\":\"Cannot modify"));
}

#[test]
fn every_refused_order_has_its_text() {
    let bed = Bed::new();
    bed.fill_book();
    for (action, text) in [
        (limit(true, "106.555", "1", "Gtc"), "Price must be divisible by tick size. asset=5"),
        (limit(true, "106.5", "0.09", "Gtc"), "Order must have minimum value of $10. asset=5"),
        (
            limit(true, "106.56", "1", "Alo"),
            "Post only order would have immediately matched, bbo was 106.55@106.56. asset=5",
        ),
        (limit(true, "x", "1", "Gtc"), "Order has invalid price. asset=5"),
        (limit(true, "106.5", "-1", "Gtc"), "Order has invalid size. asset=5"),
        (limit(true, "106.5", "1000000", "Gtc"), "Insufficient margin to place order. asset=5"),
        (limit(true, "106.5", "1", "Gtc").replace("\"a\":5", "\"a\":6"), "Unknown asset. asset=6"),
        (
            limit(true, "106.5", "1", "Gtc").replace("\"r\":false", "\"r\":true"),
            "Reduce only order would increase position. asset=5",
        ),
    ] {
        assert_eq!(
            bed.act(&action),
            statuses("order", &format!("{{\"error\":\"{text}\"}}")),
            "{action}"
        );
    }
    // One bad entry does not spoil the others, and the order of answers is that of the entries.
    let good = limit(true, "100", "1", "Gtc");
    let order = &good[good.find('[').unwrap() + 1..good.find(']').unwrap()];
    let bad = order.replace("\"a\":5", "\"a\":6");
    let answer = bed.act(&good.replace(order, &format!("{bad},{order},{bad}")));
    assert!(
        answer.contains("[{\"error\":\"Unknown asset. asset=6\"},{\"resting\":{\"oid\":"),
        "{answer}"
    );
    assert!(answer.ends_with("},{\"error\":\"Unknown asset. asset=6\"}]}}}"), "{answer}");
}

#[test]
fn only_known_signers_over_the_right_bytes() {
    let bed = Bed::new();
    let stranger = Key::new(9);
    let action = limit(true, "100", "1", "Alo");
    let answer = bed.http("/exchange", &stranger.sign(&action, bed.nonce())).unwrap();
    assert_eq!(answer, err(&format!("User or API Wallet {} does not exist.", stranger.text())));
    // What the venue's own form of the action does not have must not be hashed.
    let cancel = "{\"type\":\"cancel\",\"cancels\":[{\"a\":5,\"o\":1}]";
    let modify = format!(
        "{{\"type\":\"modify\",\"oid\":1,\"order\":{}",
        &action[action.find('[').unwrap() + 1..action.find(']').unwrap()]
    );
    for hashed in [
        format!("{cancel},\"f\":false}}"),
        format!("{modify},\"a\":false}}"),
        limit(true, "100.0", "1", "Alo"),
        limit(true, "100", "1.0", "Alo"),
        action.replace("\"a\":5,\"b\":true", "\"b\":true,\"a\":5"),
    ] {
        let answer = bed.http("/exchange", &bed.agent.sign(&hashed, bed.nonce())).unwrap();
        assert!(
            answer.starts_with("{\"status\":\"err\",\"response\":\"User or API Wallet 0x"),
            "{hashed}: {answer}"
        );
        assert!(answer.ends_with(" does not exist.\"}"), "{answer}");
    }
    // Another action, nonce, vault or expiry than was signed.
    let nonce = bed.nonce();
    let body = bed.agent.sign(&action, nonce);
    for tampered in [
        body.replace("\"p\":\"100\"", "\"p\":\"101\""),
        body.replace(&format!("\"nonce\":{nonce}"), &format!("\"nonce\":{}", nonce + 500)),
        body.replace("\"expiresAfter\":null", &format!("\"expiresAfter\":{}", T0 + 1)),
    ] {
        assert_ne!(tampered, body);
        let answer = bed.http("/exchange", &tampered).unwrap();
        assert!(answer.ends_with(" does not exist.\"}"), "{answer}");
    }
    assert_eq!(bed.server.stats().unwrap().unknown_signers, 9);
    // Nothing of all this used up the nonce.
    assert!(bed.http("/exchange", &body).unwrap().contains("\"resting\""));
}

#[test]
fn nonces_are_used_once_and_in_time() {
    let bed = Bed::new();
    let noop = "{\"type\":\"noop\"}";
    let act = |nonce| bed.http("/exchange", &bed.agent.sign(noop, nonce)).unwrap();
    assert_eq!(act(T0), DEFAULT);
    assert_eq!(act(T0), err(&format!("Invalid nonce: duplicate nonce {T0}")));
    let day = 86_400_000;
    for nonce in [T0 - 2 * day, T0 + day, 0, u64::MAX] {
        assert_eq!(act(nonce), err(&format!("Invalid nonce: nonce {nonce} is out of range")));
    }
    // Another signer has nonces of its own.
    assert_eq!(bed.http("/exchange", &bed.user.sign(noop, T0)).unwrap(), DEFAULT);
    for i in 1..100 {
        assert_eq!(act(T0 + i), DEFAULT);
    }
    assert_eq!(act(T0 - 1), err(&format!("Invalid nonce: nonce {} is too old", T0 - 1)));
}

#[test]
fn whole_actions_are_refused_with_their_text() {
    let bed = Bed::new();
    let cancels = vec!["{\"a\":5,\"o\":1}"; 201].join(",");
    let act = |cancels: &str| bed.act(&format!("{{\"type\":\"cancel\",\"cancels\":[{cancels}]}}"));
    assert_eq!(act(&cancels), err("Signed action over weight limit of 200."));
    assert!(act(&cancels[14..]).starts_with("{\"status\":\"ok\""));
    let action = limit(true, "100", "1", "Alo");
    let expired = bed.agent.sign_with(&action, &action, bed.nonce(), None, Some(T0 - 1));
    assert_eq!(bed.http("/exchange", &expired).unwrap(), err("Action expired."));
    let schedule = |at: u64| format!("{{\"type\":\"scheduleCancel\",\"time\":{at}}}");
    assert_eq!(
        bed.act(&schedule(T0 + 10_000)),
        err(
            "Cannot set scheduled cancel time until enough volume traded. Required: $1000000. Traded: $0."
        )
    );
    for (body, status) in [("{}", 422), ("{\"action\":{\"type\":\"order\"}}", 422), ("", 422)] {
        assert_eq!(bed.http("/exchange", body), Err(NetError::Status(status)), "{body}");
    }
    let unknown = bed.agent.sign("{\"type\":\"withdrawEverything\"}", bed.nonce());
    assert_eq!(bed.http("/exchange", &unknown), Err(NetError::Status(422)));
}

#[test]
fn a_dead_man_switch_cancels_at_its_time() {
    let bed = Bed::with(|c| c.schedule_cancel_volume = Notional::ZERO, Rules::instant());
    let user = bed.user.text();
    let mut client = bed.client();
    client.subscribe(&format!("{{\"type\":\"orderUpdates\",\"user\":\"{user}\"}}"));
    bed.act(&limit(true, "100", "1", "Alo"));
    client.channel("orderUpdates");
    let schedule = |at: u64| format!("{{\"type\":\"scheduleCancel\",\"time\":{at}}}");
    assert!(bed.act(&schedule(T0 + 4_999)).starts_with("{\"status\":\"err\""));
    assert_eq!(bed.act(&schedule(T0 + 5_000)), DEFAULT);
    bed.pass(4_999);
    assert_eq!(client.settle(), Vec::<String>::new());
    bed.pass(1);
    let update = client.channel("orderUpdates");
    assert!(update.contains("\"status\":\"scheduledCancel\""), "{update}");
}

#[test]
fn leverage_and_sub_accounts() {
    let bed = Bed::new();
    let leverage = |n: u64| {
        format!("{{\"type\":\"updateLeverage\",\"asset\":5,\"isCross\":true,\"leverage\":{n}}}")
    };
    assert_eq!(bed.act(&leverage(5)), DEFAULT);
    assert!(bed.act(&leverage(500)).starts_with("{\"status\":\"err\""));
    let action = limit(true, "100", "1", "Alo");
    let of_sub = bed.agent.sign_with(&action, &action, bed.nonce(), Some(bed.sub), None);
    assert!(bed.http("/exchange", &of_sub).unwrap().contains("\"resting\""));
    let open = |who: &str| bed.info(&format!("{{\"type\":\"openOrders\",\"user\":\"{who}\"}}"));
    assert_eq!(open(&bed.user.text()), "[]");
    let sub = evenkeel::sim::server::verify::address_text(&bed.sub);
    assert_eq!(open(&sub).matches("\"oid\"").count(), 1);
    // Somebody else's sub-account.
    let theirs = bed.other.sign_with(&action, &action, bed.nonce(), Some(bed.sub), None);
    assert!(bed.http("/exchange", &theirs).unwrap().ends_with(" does not exist.\"}"));
}

#[test]
fn answers_wait_for_the_venues_blocks() {
    let latency = Latency::Fixed {
        entry: Nanos::from_millis(30),
        response: Nanos::from_millis(20),
        jitter: Nanos::ZERO,
    };
    let bed = Bed::with(|_| {}, Rules { latency, ..Rules::instant() });
    let mut client = bed.client();
    let body = bed.agent.sign(&limit(true, "100", "1", "Alo"), bed.nonce());
    client.send(&format!(
        "{{\"method\":\"post\",\"id\":1,\"request\":{{\"type\":\"action\",\"payload\":{body}}}}}"
    ));
    assert_eq!(client.settle(), Vec::<String>::new());
    bed.pass(49);
    assert_eq!(client.settle(), Vec::<String>::new());
    bed.pass(1);
    assert!(client.channel("post").contains("\"resting\""));
}

#[test]
fn requests_are_counted_where_the_rules_are_on() {
    let rates = Rates {
        initial_requests: Some(3),
        weight_per_min: Some(20),
        posts_in_flight: 2,
        ..Rates::default()
    };
    let never =
        Latency::Fixed { entry: Nanos::from_secs(1), response: Nanos::ZERO, jitter: Nanos::ZERO };
    let bed = Bed::with(|c| c.rates = rates, Rules { latency: never, ..Rules::instant() });
    let mut client = bed.client();
    let post = |id: u64| {
        let body = bed.agent.sign(&limit(true, "100", "1", "Alo"), bed.nonce());
        format!(
            "{{\"method\":\"post\",\"id\":{id},\"request\":{{\"type\":\"action\",\"payload\":{body}}}}}"
        )
    };
    client.send(&post(1));
    client.send(&post(2));
    client.send(&post(3));
    assert_eq!(
        client.recv(),
        "{\"channel\":\"post\",\"data\":{\"id\":3,\"response\":{\"type\":\"error\",\"payload\":\"429 Too Many Requests\"}}}"
    );
    bed.pass(1000);
    for _ in 0..2 {
        assert!(client.channel("post").contains("\"resting\""));
    }
    let budget = format!("{{\"type\":\"userRateLimit\",\"user\":\"{}\"}}", bed.user.text());
    assert_eq!(
        bed.info(&budget),
        "{\"cumVlm\":\"0.0\",\"nRequestsUsed\":2,\"nRequestsCap\":3,\"nRequestsSurplus\":0}"
    );
    // The weight of this minute is used up; the socket has no such limit.
    assert_eq!(bed.http("/info", &budget), Err(NetError::Status(429)));
    client.send(&post(4));
    client.send(&post(5));
    client.settle();
    bed.pass(1000);
    client.channel("post");
    client.channel("post");
    client.send(&post(6));
    let refused = client.channel("post");
    assert!(
        refused.contains(
            "\"status\":\"err\",\"response\":\"Too many cumulative requests sent (5 > 3)"
        ),
        "{refused}"
    );
}

#[test]
fn injected_refusals_come_through() {
    let bed = Bed::new();
    bed.server
        .with(|x| x.add_fault(FaultRule::once(Fault::Reject(RejectReason::PostOnlyMode))))
        .unwrap();
    assert_eq!(
        bed.act(&limit(true, "100", "1", "Gtc")),
        err("Only post-only orders allowed immediately after a network upgrade")
    );
    // A lost answer: the order is there, the post is never answered.
    bed.server.with(|x| x.add_fault(FaultRule::once(Fault::DropResponse))).unwrap();
    let mut client = bed.client();
    client.subscribe(&format!("{{\"type\":\"orderUpdates\",\"user\":\"{}\"}}", bed.user.text()));
    let body = bed.agent.sign(&limit(true, "100", "1", "Alo"), bed.nonce());
    client.send(&format!(
        "{{\"method\":\"post\",\"id\":1,\"request\":{{\"type\":\"action\",\"payload\":{body}}}}}"
    ));
    assert!(client.channel("orderUpdates").contains("\"status\":\"open\""));
    assert!(!client.settle().iter().any(|t| t.contains("\"post\"")));
}

/// The engine's own connection against the same server.
#[test]
fn our_connection_trades() {
    let bed = Bed::new();
    bed.fill_book();
    let to = Endpoint::parse(&bed.server.ws_url()).unwrap();
    let mut conn = Conn::connect(&to, &Limits::default(), &|| 0).unwrap();
    let mut poll = mio::Poll::new().unwrap();
    conn.register(poll.registry(), mio::Token(0)).unwrap();
    let body = bed.agent.sign(&limit(true, "100", "1", "Alo"), bed.nonce());
    for text in [
        "{\"method\":\"subscribe\",\"subscription\":{\"type\":\"l2Book\",\"coin\":\"SOL\"}}"
            .to_owned(),
        format!(
            "{{\"method\":\"subscribe\",\"subscription\":{{\"type\":\"orderUpdates\",\"user\":\"{}\"}}}}",
            bed.user.text()
        ),
        format!(
            "{{\"method\":\"post\",\"id\":1,\"request\":{{\"type\":\"action\",\"payload\":{body}}}}}"
        ),
    ] {
        conn.send(text.as_bytes()).unwrap();
    }
    let mut texts: Vec<String> = Vec::new();
    let mut events = mio::Events::with_capacity(4);
    while !texts.iter().any(|t| t.contains("\"status\":\"open\"")) {
        while conn
            .poll_read(|text| texts.push(String::from_utf8(text.to_vec()).unwrap()))
            .unwrap()
            .bytes
            > 0
        {}
        if texts.iter().any(|t| t.contains("\"status\":\"open\"")) {
            break;
        }
        poll.poll(&mut events, Some(PATIENCE)).unwrap();
        assert!(!events.is_empty(), "{texts:?}");
    }
    for channel in ["subscriptionResponse", "l2Book", "post", "orderUpdates"] {
        let head = format!("{{\"channel\":\"{channel}\"");
        assert!(texts.iter().any(|t| t.starts_with(&head)), "{channel} in {texts:?}");
    }
    conn.close();
}
