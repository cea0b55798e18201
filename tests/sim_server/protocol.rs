//! What can be asked without a key, and in which words it is answered.

use evenkeel::event::Tif;
use evenkeel::net::NetError;
use evenkeel::sim::exchange::{AccountId, Rules, order};
use evenkeel::sim::server::ServerError;
use evenkeel::units::{Bps, Price, Qty, SCALE, Side};

use crate::bed::{Bed, Client, SOL, T0, TSLA, limit};

const BOOK: &str = "[[{\"px\":\"106.55\",\"sz\":\"10.0\",\"n\":1},{\"px\":\"106.5\",\"sz\":\"20.5\",\"n\":1}],\
    [{\"px\":\"106.56\",\"sz\":\"12.25\",\"n\":1},{\"px\":\"107.0\",\"sz\":\"30.0\",\"n\":1}]]";

fn ack(method: &str, sub: &str) -> String {
    format!(
        "{{\"channel\":\"subscriptionResponse\",\"data\":{{\"method\":\"{method}\",\"subscription\":{sub}}}}}"
    )
}

#[test]
fn acknowledgements_have_their_options_filled_in() {
    let bed = Bed::new();
    let user = bed.user.text();
    let mut client = bed.client();
    let of_user =
        |kind: &str, more: &str| format!("{{\"type\":\"{kind}\",\"user\":\"{user}\"{more}}}");
    let of_dex = |kind: &str, dex: &str| {
        format!("{{\"type\":\"{kind}\",\"dex\":\"{dex}\",\"user\":\"{user}\"}}")
    };
    let l2 = |fast| {
        format!(
            "{{\"type\":\"l2Book\",\"coin\":\"SOL\",\"nSigFigs\":null,\"mantissa\":null,\"fast\":{fast}}}"
        )
    };
    for (asked, echoed) in [
        (
            "{\"type\":\"bbo\",\"coin\":\"SOL\"}".to_owned(),
            "{\"type\":\"bbo\",\"coin\":\"SOL\"}".to_owned(),
        ),
        ("{\"type\":\"l2Book\",\"coin\":\"SOL\"}".to_owned(), l2(false)),
        ("{\"fast\":true,\"coin\":\"SOL\",\"type\":\"l2Book\"}".to_owned(), l2(true)),
        (
            "{\"type\":\"trades\",\"coin\":\"xyz:TSLA\"}".to_owned(),
            "{\"type\":\"trades\",\"coin\":\"xyz:TSLA\"}".to_owned(),
        ),
        (of_user("userFills", ""), of_user("userFills", ",\"aggregateByTime\":false")),
        (of_user("orderUpdates", ""), of_user("orderUpdates", "")),
        (of_user("clearinghouseState", ""), of_dex("clearinghouseState", "")),
        (of_dex("openOrders", "xyz"), of_dex("openOrders", "xyz")),
    ] {
        client.subscribe(&asked);
        assert_eq!(client.channel("subscriptionResponse"), ack("subscribe", &echoed));
    }
}

#[test]
fn a_book_comes_at_once_and_then_by_the_clock() {
    let bed = Bed::new();
    bed.fill_book();
    let mut client = bed.client();
    client.subscribe("{\"type\":\"l2Book\",\"coin\":\"SOL\"}");
    let want = |at: u64| {
        format!(
            "{{\"channel\":\"l2Book\",\"data\":{{\"coin\":\"SOL\",\"time\":{at},\"levels\":{BOOK}}}}}"
        )
    };
    assert_eq!(client.channel("l2Book"), want(T0));
    assert_eq!(client.settle(), Vec::<String>::new(), "time stands still");
    bed.pass(500);
    assert_eq!(client.channel("l2Book"), want(T0 + 500));
    // A jump over many periods is one message.
    bed.pass(60_000 - 500);
    assert_eq!(client.channel("l2Book"), want(T0 + 60_000 - 500 + 500));
    client.settle();
}

#[test]
fn a_fast_book_has_five_levels_and_says_so() {
    let bed = Bed::new();
    for i in 0..8 {
        bed.crowd(Side::Buy, &format!("10{i}"), "1", Tif::Gtc);
    }
    let mut client = bed.client();
    client.subscribe("{\"type\":\"l2Book\",\"coin\":\"SOL\",\"fast\":true}");
    let book = client.channel("l2Book");
    assert_eq!(book.matches("\"px\"").count(), 5, "{book}");
    assert!(book.ends_with("],[]],\"fast\":true}}"), "{book}");
}

#[test]
fn the_best_prices_come_when_they_change() {
    let bed = Bed::new();
    let mut client = bed.client();
    client.subscribe("{\"type\":\"bbo\",\"coin\":\"SOL\"}");
    let bbo = |sides: &str| {
        format!(
            "{{\"channel\":\"bbo\",\"data\":{{\"coin\":\"SOL\",\"time\":{T0},\"bbo\":[{sides}]}}}}"
        )
    };
    assert_eq!(client.channel("bbo"), bbo("null,null"));
    bed.crowd(Side::Buy, "106.55", "10", Tif::Gtc);
    assert_eq!(client.channel("bbo"), bbo("{\"px\":\"106.55\",\"sz\":\"10.0\",\"n\":1},null"));
    bed.crowd(Side::Buy, "106", "10", Tif::Gtc);
    assert_eq!(client.settle(), Vec::<String>::new(), "behind the best: no change");
}

#[test]
fn trades_come_in_a_batch_with_the_aggressors_side() {
    let bed = Bed::new();
    bed.fill_book();
    let mut client = bed.client();
    client.subscribe("{\"type\":\"trades\",\"coin\":\"SOL\"}");
    client.channel("subscriptionResponse");
    bed.crowd(Side::Sell, "106.5", "15", Tif::Ioc);
    let trades = client.channel("trades");
    let at = format!("\"time\":{T0},");
    assert!(
        trades.contains(&format!("\"side\":\"A\",\"px\":\"106.55\",\"sz\":\"10.0\",{at}")),
        "{trades}"
    );
    assert!(
        trades.contains(&format!("\"side\":\"A\",\"px\":\"106.5\",\"sz\":\"5.0\",{at}")),
        "{trades}"
    );
    assert_eq!(trades.matches("\"users\":[\"0x").count(), 2);
}

#[test]
fn control_frames_are_answered_in_the_venues_words() {
    let bed = Bed::new();
    let mut client = bed.client();
    let error = |text: &str| format!("{{\"channel\":\"error\",\"data\":{}}}", quoted(text));
    let sub = "{\"type\":\"trades\",\"coin\":\"SOL\"}";
    client.subscribe(sub);
    client.recv();
    client.subscribe(sub);
    assert_eq!(client.recv(), error(&format!("Already subscribed: {sub}")));
    let unsubscribe = format!("{{\"method\":\"unsubscribe\",\"subscription\":{sub}}}");
    client.send(&unsubscribe);
    assert_eq!(client.recv(), ack("unsubscribe", sub));
    client.send(&unsubscribe);
    assert_eq!(client.recv(), error(&format!("Already unsubscribed: {sub}")));
    // Other options are another subscription.
    client.subscribe("{\"type\":\"l2Book\",\"coin\":\"SOL\",\"fast\":true}");
    client.channel("l2Book");
    client.send(
        "{\"method\":\"unsubscribe\",\"subscription\":{\"type\":\"l2Book\",\"coin\":\"SOL\"}}",
    );
    assert_eq!(
        client.recv(),
        error(
            "Already unsubscribed: {\"type\":\"l2Book\",\"coin\":\"SOL\",\"nSigFigs\":null,\"mantissa\":null,\"fast\":false}"
        )
    );
    for bad in [
        "not json",
        "{\"method\":\"subscribe\",\"subscription\":{\"type\":\"l2Book\"}}",
        "{\"method\":\"subscribe\",\"subscription\":{\"type\":\"webData2\",\"user\":\"0x1\"}}",
        "{\"method\":\"subscribe\",\"subscription\":{\"type\":\"bbo\",\"coin\":\"NOPE\"}}",
        "{\"method\":\"post\",\"id\":2,\"request\":{\"type\":\"info\",\"payload\":{\"type\":\"noSuchRead\"}}}",
        "{\"method\":\"post\",\"id\":2,\"request\":{\"type\":\"action\",\"payload\":{}}}",
        "[]",
    ] {
        client.send(bad);
        let want = format!("Error parsing JSON into valid websocket request: {bad}");
        assert_eq!(client.recv(), error(&want));
    }
    client.send("{\"method\":\"ping\"}");
    assert_eq!(client.recv(), "{\"channel\":\"pong\"}");
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[test]
fn info_over_the_socket_is_the_answer_of_rest() {
    let bed = Bed::new();
    bed.fill_book();
    let mut client = bed.client();
    client.send("{\"method\":\"post\",\"id\":7,\"request\":{\"type\":\"info\",\"payload\":{\"type\":\"l2Book\",\"coin\":\"SOL\"}}}");
    let rest = bed.info("{\"type\":\"l2Book\",\"coin\":\"SOL\"}");
    assert_eq!(rest, format!("{{\"coin\":\"SOL\",\"time\":{T0},\"levels\":{BOOK}}}"));
    assert_eq!(
        client.recv(),
        format!(
            "{{\"channel\":\"post\",\"data\":{{\"id\":7,\"response\":{{\"type\":\"info\",\"payload\":{{\"type\":\"l2Book\",\"data\":{rest}}}}}}}}}"
        )
    );
    client.send("{\"method\":\"post\",\"id\":8,\"request\":{\"type\":\"info\",\"payload\":{\"type\":\"l2Book\",\"coin\":\"NOPE\"}}}");
    assert_eq!(
        client.recv(),
        "{\"channel\":\"post\",\"data\":{\"id\":8,\"response\":{\"type\":\"info\",\"payload\":{\"type\":\"l2Book\",\"data\":null}}}}"
    );
}

#[test]
fn the_universe_keeps_its_numbers() {
    let bed = Bed::new();
    let meta: serde_json::Value = serde_json::from_str(&bed.info("{\"type\":\"meta\"}")).unwrap();
    let universe = meta["universe"].as_array().unwrap();
    assert_eq!(universe.len(), 6);
    assert_eq!(
        (universe[5]["name"].as_str(), universe[5]["szDecimals"].as_u64()),
        (Some("SOL"), Some(2))
    );
    assert!(universe[5].get("isDelisted").is_none());
    assert!(universe[..5].iter().all(|m| m["isDelisted"] == true));
    assert_eq!(meta["collateralToken"], 0);
    let dexs: serde_json::Value =
        serde_json::from_str(&bed.info("{\"type\":\"perpDexs\"}")).unwrap();
    assert_eq!((dexs[0].is_null(), dexs[1]["name"].as_str()), (true, Some("xyz")));
    let both = bed.info("{\"type\":\"metaAndAssetCtxs\",\"dex\":\"xyz\"}");
    let both: serde_json::Value = serde_json::from_str(&both).unwrap();
    assert_eq!(both[0]["universe"][1]["name"], "xyz:TSLA");
    assert_eq!(both[0]["universe"][1]["szDecimals"], 3);
    assert_eq!(both[1].as_array().unwrap().len(), 2);
    assert_eq!(bed.info("{\"type\":\"meta\",\"dex\":\"nope\"}"), "null");
    assert!(bed.info("{\"type\":\"spotMeta\"}").ends_with("\"universe\":[]}"));
}

#[test]
fn contexts_follow_the_market() {
    let bed = Bed::new();
    bed.fill_book();
    bed.crowd(Side::Buy, "106.56", "2", Tif::Ioc);
    bed.server.with(|x| assert!(x.apply_funding(SOL, Bps(1250)))).unwrap();
    assert_eq!(bed.info("{\"type\":\"allMids\"}"), "{\"SOL\":\"106.555\"}");
    let mut client = bed.client();
    client.subscribe("{\"type\":\"activeAssetCtx\",\"coin\":\"SOL\"}");
    let ctx = client.channel("activeAssetCtx");
    assert!(
        ctx.starts_with(
            "{\"channel\":\"activeAssetCtx\",\"data\":{\"coin\":\"SOL\",\"ctx\":{\"funding\":\""
        ),
        "{ctx}"
    );
    for part in [
        "\"dayNtlVlm\":\"213.12\"",
        "\"markPx\":\"106.555\"",
        "\"midPx\":\"106.555\"",
        "\"impactPxs\":[\"106.55\",\"106.56\"]",
        "\"dayBaseVlm\":\"2.0\"",
    ] {
        assert!(ctx.contains(part), "{part} in {ctx}");
    }
    bed.pass(1000);
    assert_eq!(client.channel("activeAssetCtx"), ctx);
}

#[test]
fn accounts_answer_by_address() {
    let bed = Bed::new();
    bed.fill_book();
    let (user, agent) = (bed.user.text(), bed.agent.text());
    let ask =
        |kind: &str, who: &str| bed.info(&format!("{{\"type\":\"{kind}\",\"user\":\"{who}\"}}"));
    let empty = "{\"accountValue\":\"100000.0\",\"totalNtlPos\":\"0.0\",\"totalRawUsd\":\"100000.0\",\"totalMarginUsed\":\"0.0\"}";
    assert_eq!(
        ask("clearinghouseState", &user),
        format!(
            "{{\"marginSummary\":{empty},\"crossMarginSummary\":{empty},\"crossMaintenanceMarginUsed\":\"0.0\",\"withdrawable\":\"100000.0\",\"assetPositions\":[],\"time\":{T0}}}"
        )
    );
    // An agent's own address has nothing.
    assert!(ask("clearinghouseState", &agent).contains("\"accountValue\":\"0.0\""));
    assert_eq!(ask("userRole", &user), "{\"role\":\"user\"}");
    assert_eq!(
        ask("userRole", &agent),
        format!("{{\"role\":\"agent\",\"data\":{{\"user\":\"{user}\"}}}}")
    );
    let sub = evenkeel::sim::server::verify::address_text(&bed.sub);
    assert_eq!(
        ask("userRole", &sub),
        format!("{{\"role\":\"subAccount\",\"data\":{{\"master\":\"{user}\"}}}}")
    );
    assert_eq!(ask("userRole", &format!("0x{}", "9".repeat(40))), "{\"role\":\"missing\"}");
    assert_eq!(ask("openOrders", &user), "[]");
    assert_eq!(ask("userFills", &user), "[]");
    assert_eq!(
        ask("userRateLimit", &user),
        "{\"cumVlm\":\"0.0\",\"nRequestsUsed\":0,\"nRequestsCap\":1000000000,\"nRequestsSurplus\":0}"
    );
    assert!(
        ask("userFees", &user)
            .contains("\"userCrossRate\":\"0.00045\",\"userAddRate\":\"0.00015\"")
    );
    assert_eq!(ask("spotClearinghouseState", &user), "{\"balances\":[]}");
    assert!(ask("extraAgents", &user).contains(&agent));
    assert_eq!(bed.http("/info", "{\"type\":\"noSuchRead\"}"), Err(NetError::Status(422)));
    assert_eq!(bed.http("/info", "not json"), Err(NetError::Status(422)));
    assert_eq!(bed.http("/nowhere", "{}"), Err(NetError::Status(404)));
}

#[test]
fn positions_and_orders_are_shown_by_dex() {
    let bed = Bed::new();
    bed.fill_book();
    bed.act(&limit(true, "106.56", "2", "Ioc"));
    bed.act(&limit(true, "100", "3", "Gtc"));
    let user = bed.user.text();
    let state = bed.info(&format!("{{\"type\":\"clearinghouseState\",\"user\":\"{user}\"}}"));
    // 2 x 106.56 bought, marked at 106.555; fee 213.12 x 0.045 % = 0.095904.
    for part in [
        "\"coin\":\"SOL\",\"szi\":\"2.0\",\"leverage\":{\"type\":\"cross\",\"value\":20},\"entryPx\":\"106.56\",\"positionValue\":\"213.11\",\"unrealizedPnl\":\"-0.01\"",
        "\"totalRawUsd\":\"99786.784096\"",
        "\"accountValue\":\"99999.894096\"",
    ] {
        assert!(state.contains(part), "{part} in {state}");
    }
    let dex = bed
        .info(&format!("{{\"type\":\"clearinghouseState\",\"user\":\"{user}\",\"dex\":\"xyz\"}}"));
    assert!(dex.contains("\"assetPositions\":[]"), "{dex}");
    let orders = bed.info(&format!("{{\"type\":\"frontendOpenOrders\",\"user\":\"{user}\"}}"));
    assert!(
        orders.starts_with(
            "[{\"coin\":\"SOL\",\"side\":\"B\",\"limitPx\":\"100.0\",\"sz\":\"3.0\",\"oid\":"
        ),
        "{orders}"
    );
    assert!(
        orders.ends_with(
            "\"orderType\":\"Limit\",\"origSz\":\"3.0\",\"tif\":\"Gtc\",\"cloid\":null}]"
        ),
        "{orders}"
    );
    assert_eq!(
        bed.info(&format!("{{\"type\":\"openOrders\",\"user\":\"{user}\",\"dex\":\"xyz\"}}")),
        "[]"
    );
    let fills = bed
        .info(&format!("{{\"type\":\"userFillsByTime\",\"user\":\"{user}\",\"startTime\":{T0}}}"));
    assert_eq!(fills.matches("\"coin\"").count(), 1);
    let none = bed.info(&format!(
        "{{\"type\":\"userFillsByTime\",\"user\":\"{user}\",\"startTime\":{}}}",
        T0 + 1
    ));
    assert_eq!(none, "[]");
    assert_eq!(
        bed.info(&format!("{{\"type\":\"orderStatus\",\"user\":\"{user}\",\"oid\":999999}}")),
        "{\"status\":\"unknownOid\"}"
    );
}

#[test]
fn funding_is_told_to_who_holds() {
    let bed = Bed::new();
    bed.fill_book();
    bed.act(&limit(true, "106.56", "2", "Ioc"));
    let mut client = bed.client();
    client.subscribe(&format!("{{\"type\":\"userEvents\",\"user\":\"{}\"}}", bed.user.text()));
    client.recv();
    bed.server.with(|x| x.apply_funding(SOL, Bps(1250))).unwrap();
    // 2 x 106.555 x 0.00125 % = 0.002663875, paid, rounded up.
    assert_eq!(
        client.channel("user"),
        format!(
            "{{\"channel\":\"user\",\"data\":{{\"funding\":{{\"time\":{T0},\"coin\":\"SOL\",\"usdc\":\"-0.00266388\",\"szi\":\"2.0\",\"fundingRate\":\"0.0000125\",\"nSamples\":null}}}}}}"
        )
    );
}

#[test]
fn a_port_in_use_is_said_with_its_remedy() {
    let bed = Bed::new();
    let addr = bed.server.addr();
    let exchange = evenkeel::sim::exchange::Exchange::new(Vec::new(), Rules::instant());
    let mut config = evenkeel::sim::server::ServerConfig::local();
    config.addr = addr;
    struct Never;
    impl evenkeel::sim::exchange::Market for Never {
        fn next_at(&self) -> Option<evenkeel::units::Nanos> {
            None
        }
        fn step(&mut self, _: &mut evenkeel::sim::exchange::Exchange, _: evenkeel::units::Nanos) {}
    }
    let clock = Box::new(|| evenkeel::units::Nanos::ZERO);
    let error =
        evenkeel::sim::server::start(config.clone(), exchange, Box::new(Never), clock).unwrap_err();
    assert_eq!(error, ServerError::PortInUse(addr));
    assert!(error.to_string().contains("port 0"), "{error}");
    let exchange = evenkeel::sim::exchange::Exchange::new(Vec::new(), Rules::instant());
    config.accounts.push(evenkeel::sim::server::AccountSpec {
        address: [1; 20],
        account: AccountId(0),
        agents: Vec::new(),
        master: None,
    });
    let clock = Box::new(|| evenkeel::units::Nanos::ZERO);
    let error = evenkeel::sim::server::start(config, exchange, Box::new(Never), clock).unwrap_err();
    assert_eq!(error, ServerError::UnknownAccount(AccountId(0)));
}

#[test]
fn two_clients_see_the_same_book_and_stop_returns_the_exchange() {
    let bed = Bed::new();
    let mut clients: Vec<Client> = (0..5).map(|_| bed.client()).collect();
    for client in &mut clients {
        client.subscribe("{\"type\":\"bbo\",\"coin\":\"xyz:TSLA\"}");
        client.channel("bbo");
    }
    let px = Price(250 * SCALE);
    bed.server
        .with(move |x| x.crowd_place(order(TSLA, Side::Sell, px, Qty(SCALE), Tif::Gtc)))
        .unwrap();
    let texts: Vec<String> = clients.iter_mut().map(|c| c.channel("bbo")).collect();
    assert!(
        texts.iter().all(|t| *t == texts[0] && t.contains("null,{\"px\":\"250.0\"")),
        "{texts:?}"
    );
    let stats = bed.server.stats().unwrap();
    assert_eq!((stats.accepted, stats.messages_in), (5, 5));
    let exchange = bed.server.stop().expect("it did not panic");
    assert_eq!(exchange.bbo(TSLA).ask.map(|l| l.px), Some(px));
}
