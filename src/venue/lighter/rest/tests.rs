//! Cold. Which request comes next, and what answers say, on bodies in the venue's shape.

use super::*;
use crate::units::SCALE;

const OURS: u64 = 0x0abc_0000_0001;

fn rest() -> Rest {
    let symbol = |name| Symbol::new(name).expect("short");
    let mut rest = Rest::new(77, &[4, 5], &[symbol("SOL"), symbol("BTC")]);
    rest.markets = vec![2, 1];
    rest
}

fn pass() -> Pass {
    Pass(Some("1:77:4:ab".to_owned()))
}

fn order(client: u64, market: u32, status: &str, filled: &str) -> String {
    format!(
        r#"{{"order_index":281476929510110,"client_order_index":{client},"market_index":{market},"is_ask":true,"price":"101.5","initial_base_amount":"0.500","filled_base_amount":"{filled}","remaining_base_amount":"0.000","status":"{status}"}}"#
    )
}

fn page(orders: &[String], next: &str) -> Vec<u8> {
    let list = orders.join(",");
    format!(r#"{{"code":200,"next_cursor":"{next}","orders":[{list}]}}"#).into_bytes()
}

const ACCOUNT: &str = r#"{"code":200,"total":1,"accounts":[{"index":77,"available_balance":"90.5","total_asset_value":"100.5","total_order_count":5,"cancel_all_time":0,"positions":[
    {"market_id":2,"sign":-1,"position":"1.500","avg_entry_price":"101.1","open_order_count":2},
    {"market_id":9,"sign":1,"position":"1","avg_entry_price":"7","open_order_count":2}]}]}"#;
const LIMITS: &str = r#"{"code":200,"user_tier_name":"premium_3","current_maker_fee_tick":36,"current_taker_fee_tick":252}"#;

/// The paths of a topic's requests, each answered by the next of `answers`.
fn paths(topic: Topic<'_>, pass: &Pass, answers: &[Vec<u8>]) -> Vec<String> {
    let mut asked: Vec<String> = Vec::new();
    loop {
        let next = rest().next(topic, &answers[..asked.len()], pass).expect("sound answers");
        let Some(request) = next else { return asked };
        let private = request.path.contains("Orders?") || request.path.contains("imits?");
        let shown = request.headers.iter().any(|(name, _)| *name == "Authorization");
        assert!(shown || !private, "{} needs a token", request.path);
        asked.push(request.path.replace("/api/v1/", ""));
    }
}

#[test]
fn a_view_is_orders_positions_nonces_tier_and_fills() {
    let answers = [
        page(&[order(OURS, 2, "open", "0.100"), order(0, 9, "open", "0")], "c 1"),
        page(&[order(8, 1, "canceled", "0")], ""),
        ACCOUNT.into(),
        br#"{"code":200,"nonce":12}"#.to_vec(),
        br#"{"code":200,"nonce":3}"#.to_vec(),
        LIMITS.into(),
        b"fills".to_vec(),
    ];
    let active = "accountActiveOrders?account_index=77&market_id=255";
    assert_eq!(
        paths(Topic::View, &pass(), &answers),
        [
            active.to_owned(),
            format!("{active}&cursor=c%201"),
            "account?by=index&value=77".into(),
            "nextNonce?account_index=77&api_key_index=4".into(),
            "nextNonce?account_index=77&api_key_index=5".into(),
            "accountLimits?account_index=77".into(),
            "trades?sort_by=timestamp&limit=100&account_index=77".into(),
        ]
    );
    let view = rest().view(&answers).expect("a view");
    let id = 281_476_929_510_110;
    let ours = OpenOrder { inst: Some(InstId(0)), id, client: Some(OURS.into()) };
    assert_eq!(view.orders, [ours, OpenOrder { inst: None, id, client: None }], "one has ended");
    let held: Vec<_> = view.positions.iter().map(|p| (p.inst, p.qty.0)).collect();
    assert_eq!(held, [(Some(InstId(0)), -3 * SCALE / 2), (None, SCALE)]);
    assert_eq!(view.equity, Some(10_050_000_000));
    let nonces: Vec<_> = view.nonces.iter().map(|n| (n.key, n.nonce)).collect();
    assert_eq!(nonces, [(4, 12), (5, 3)]);
    assert_eq!(view.tier, Some(SendTier { per_minute: 7_000, has_quota: true }));
    assert_eq!(view.fills, b"fills");
    for cut in 1..answers.len() {
        assert!(rest().view(&answers[..cut]).is_err(), "{cut} answers are no view");
    }
}

#[test]
fn without_a_pass_what_is_public_is_seen() {
    let account = [ACCOUNT.as_bytes().to_vec()];
    let none = Pass::default();
    assert_eq!(paths(Topic::View, &none, &account), ["account?by=index&value=77"]);
    let view = rest().view(&account).expect("a view");
    assert_eq!((view.positions.len(), view.orders.len(), view.nonces.len()), (2, 0, 0));
    assert_eq!(paths(Topic::Resting, &none, &account), ["account?by=index&value=77"]);
    // Five, of which two are on a market that is not traded here.
    assert_eq!(rest().resting(&account), Ok(3));
}

#[test]
fn a_fate_is_looked_for_among_what_rests_and_then_among_what_has_ended() {
    let topic = Topic::Fate(InstId(0), OURS.into());
    let active = "accountActiveOrders?account_index=77&market_id=2";
    let ended = "accountInactiveOrders?account_index=77&limit=100&market_id=2";
    let rests = [page(&[order(OURS, 2, "open", "0.100")], "")];
    assert_eq!(paths(topic, &pass(), &rests), [active]);
    let fate = |answers: &[Vec<u8>]| rest().fate(OURS.into(), answers).expect("answers");
    let now = (Price(10_150_000_000), Qty(50_000_000));
    let venue_oid = 281_476_929_510_110;
    let filled = Qty(10_000_000);
    assert_eq!(fate(&rests), Fate { state: VenueOrderState::Open, filled, venue_oid, now });
    let gone = [
        page(&[], ""),
        page(&[order(9, 2, "filled", "0.500")], "c1"),
        page(&[order(OURS, 2, "canceled-margin-not-allowed", "0")], ""),
    ];
    assert_eq!(
        paths(topic, &pass(), &gone),
        [active.to_owned(), ended.to_owned(), format!("{ended}&cursor=c1")]
    );
    assert_eq!(fate(&gone).state, VenueOrderState::Rejected);
    let nowhere = [page(&[], ""), page(&[], "")];
    assert_eq!(paths(topic, &pass(), &nowhere).len(), 2);
    assert_eq!(fate(&nowhere).state, VenueOrderState::NotFound);
    let endless: Vec<_> = (0..9).map(|i| page(&[], if i == 0 { "" } else { "more" })).collect();
    assert_eq!(paths(topic, &pass(), &endless).len(), 1 + ENDED_PAGES, "it comes to an end");
    // It ended between the two answers.
    let both =
        [page(&[order(OURS, 2, "open", "0")], ""), page(&[order(OURS, 2, "filled", "0.500")], "")];
    assert_eq!(fate(&both).state, VenueOrderState::Filled);
    assert!(rest().next(Topic::Fate(InstId(7), 1), &[], &pass()).is_err());
}

fn details(more: &str) -> Vec<u8> {
    let row = |symbol: &str, id: u32, mark: &str| {
        format!(
            r#"{{"symbol":"{symbol}","market_id":{id},"market_type":"perp","status":"active","min_base_amount":"0.055","min_quote_amount":"10.000000","supported_size_decimals":3,"supported_price_decimals":3,"mark_price":"{mark}"{more}}}"#
        )
    };
    let rows = [row("BTC", 1, "80465.4"), row("SOL", 2, "0")].join(",");
    format!(r#"{{"code":200,"order_book_details":[{rows}]}}"#).into_bytes()
}

#[test]
fn rules_fees_and_prices() {
    let answers = [details(""), LIMITS.as_bytes().to_vec()];
    let asked = "orderBookDetails?filter=perp";
    assert_eq!(paths(Topic::Specs, &Pass::default(), &answers), [asked]);
    assert_eq!(paths(Topic::Specs, &pass(), &answers), [asked, "accountLimits?account_index=77"]);
    let fees = |answers: &[Vec<u8>]| {
        let specs = rest().specs(answers).expect("two markets");
        assert_eq!((specs[0].asset, specs[1].asset), (2, 1));
        (specs[0].maker_fee, specs[0].taker_fee)
    };
    assert_eq!(fees(&answers[..1]), (Bps::ZERO, Bps::ZERO));
    assert_eq!(fees(&answers), (Bps(3_600), Bps(25_200)));
    assert_eq!(paths(Topic::Prices, &Pass::default(), &answers), [asked]);
    assert_eq!(rest().prices(&answers), Ok(vec![None, Some(Price(8_046_540_000_000))]));
    let known = rest().specs(&answers).expect("two markets");
    let listed = |known: &[InstrumentSpec]| known.iter().copied().map(Listing::Listed).collect();
    assert_eq!(rest().listings(&answers, &known), Ok(listed(&known)), "fees stay as they are");
    let frozen = [details(r#","is_frozen":true"#)];
    assert_eq!(rest().listings(&frozen, &known), Ok(vec![Listing::Gone; 2]));
    let mut other = known.clone();
    other[0].asset = 3;
    let read = rest().listings(&answers, &other).expect("an answer");
    assert_eq!(read[0], Listing::Gone, "another number is another market");
    let refused = [br#"{"code":29404,"message":"not found"}"#.to_vec()];
    assert!(matches!(rest().listings(&refused, &known), Err(Unread::Malformed(_))));
}

#[test]
fn a_key_must_be_the_registered_one() {
    let public = "01".repeat(40);
    let key = format!("4:{public}");
    let body = |registered: &str| {
        format!(
            r#"{{"code":200,"api_keys":[{{"account_index":77,"api_key_index":4,"nonce":1,"public_key":"{registered}"}}]}}"#
        )
        .into_bytes()
    };
    assert_eq!(
        paths(Topic::Key(&key), &Pass::default(), &[body(&public)]),
        ["apikeys?account_index=77&api_key_index=4"]
    );
    assert_eq!(rest().check_key(&key, &[body(&public)]), Ok(()));
    let other = rest().check_key(&key, &[body(&"02".repeat(40))]);
    let Err(Unread::Refused(why)) = other else { panic!("{other:?}") };
    assert!(why.contains("account 77, key 4") && why.contains("another public key"), "{why}");
    assert!(rest().check_key("4", &[body(&public)]).is_err());
    assert!(rest().check_key(&format!("5:{public}"), &[body(&public)]).is_err());
}
