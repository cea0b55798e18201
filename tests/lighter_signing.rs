//! Lighter's transactions against those of the official signer. A folder named by SIGNING_VECTORS is
//! checked beside the vectors kept here.

use std::path::{Path, PathBuf};

use evenkeel::ops::sign::lighter::sign_transactions;
use evenkeel::venue::eip712::parse_hex;
use evenkeel::venue::lighter::crypto::pool::PooledSigner;
use evenkeel::venue::lighter::crypto::quintic::Gf5;
use evenkeel::venue::lighter::crypto::schnorr::{PublicKey, Signature, Signer};
use evenkeel::venue::lighter::token::{LIFE_MAX_S, TokenRefused, auth_token, text_hash};
use evenkeel::venue::lighter::tx::{
    Attributes, CancelAll, Grouping, Header, MarginMode, Order, OrderKind, SelfTrade, Sender,
    TimeInForce as Tif, Tx, TxRefused,
};
use serde_json::{Value, json};

fn bytes<const LEN: usize>(text: &str) -> [u8; LEN] {
    let mut out = [0; LEN];
    let digits = text.strip_prefix("0x").unwrap_or(text);
    assert!(parse_hex(digits.as_bytes(), &mut out), "{text}");
    out
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} of {value}"))
}

/// The kept file, then those of the folder in SIGNING_VECTORS that have transactions.
fn vector_files() -> Vec<(PathBuf, Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = vec![root.join("tests/data/lighter/signing_vectors.json")];
    if let Some(folder) = std::env::var_os("SIGNING_VECTORS") {
        let entries = std::fs::read_dir(folder).expect("SIGNING_VECTORS is a folder");
        let named = entries.map(|entry| entry.unwrap().path());
        let mut more: Vec<_> =
            named.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
        more.sort();
        assert!(!more.is_empty(), "SIGNING_VECTORS has no files of vectors");
        paths.extend(more);
    }
    let read = |path: PathBuf| {
        let value: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        (path, value)
    };
    paths.into_iter().map(read).filter(|(_, file)| file["transactions"].is_array()).collect()
}

/// The transactions of a file that the official signer signed.
fn accepted(file: &Value) -> Vec<&Value> {
    let all = file["transactions"].as_array().unwrap();
    all.iter().filter(|case| case["err"].is_null()).collect()
}

fn public_key(file: &Value, name: &Value) -> PublicKey {
    let keys = file["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["name"] == *name).unwrap();
    PublicKey::parse(text(key, "public_key")).unwrap()
}

#[test]
fn hashes_equal_the_vectors_and_both_signatures_verify() {
    for (path, file) in vector_files() {
        for pooled in [false, true] {
            let signed = sign_transactions(&std::fs::read(&path).unwrap(), pooled).unwrap();
            let cases = accepted(&file);
            assert_eq!(signed.len(), cases.len(), "{}", path.display());
            for (got, want) in signed.iter().zip(cases) {
                let hash = Gf5::from_bytes(&bytes(text(want, "tx_hash"))).unwrap();
                assert_eq!(got.hash, hash, "{want}");
                let public = public_key(&file, &want["key"]);
                assert_eq!(got.public, public, "{want}");
                assert!(public.verify(&hash, &got.signature), "ours: {want}");
                if let Some(theirs) = want["sig_hex"].as_str() {
                    let theirs = Signature::from_bytes(&bytes(theirs)).unwrap();
                    assert!(public.verify(&hash, &theirs), "theirs: {want}");
                }
            }
        }
    }
}

#[test]
fn the_kept_vectors_are_all_there() {
    let (_, file) = vector_files().swap_remove(0);
    let all = file["transactions"].as_array().unwrap();
    assert_eq!((accepted(&file).len(), all.len()), (47, 58));
    let mut kinds: Vec<i64> =
        accepted(&file).iter().map(|case| case["tx_type"].as_i64().unwrap()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, [8, 9, 14, 15, 16, 17, 20, 28, 29]);
}

/// The fields of a transaction as the vectors give them, from the arguments of one that the
/// official signer refused.
fn info_of(case: &Value) -> Value {
    let args = &case["args"];
    let mut info = json!({
        "AccountIndex": case["account_index"], "ApiKeyIndex": case["api_key_index"],
        "Nonce": args["nonce"], "ExpiredAt": 1_795_254_337_349_u64, "L2TxAttributes": {},
    });
    for (name, arg) in [
        ("MarketIndex", "market_index"),
        ("ClientOrderIndex", "client_order_index"),
        ("BaseAmount", "base_amount"),
        ("Price", "price"),
        ("IsAsk", "is_ask"),
        ("Type", "order_type"),
        ("TimeInForce", "time_in_force"),
        ("ReduceOnly", "reduce_only"),
        ("TriggerPrice", "trigger_price"),
        ("OrderExpiry", "order_expiry"),
        ("Index", "index"),
        ("Time", "time"),
    ] {
        info[name] = args[arg].clone();
    }
    if !args["cancel_all_market_index"].is_null() {
        info["L2TxAttributes"]["5"] = args["cancel_all_market_index"].clone();
    }
    info
}

#[test]
fn what_the_official_signer_refuses_we_refuse() {
    for (_, file) in vector_files() {
        for case in file["transactions"].as_array().unwrap() {
            if case["err"].is_null() {
                continue;
            }
            let kind = match text(case, "function") {
                "SignCreateOrder" => 14,
                "SignCancelOrder" => 15,
                "SignCancelAllOrders" => 16,
                "SignModifyOrder" => 17,
                other => panic!("{other}: what are its fields?"),
            };
            let one = json!({"keys": file["keys"], "transactions": [{
                "key": case["key"], "chain_id": case["chain_id"], "tx_type": kind,
                "tx_info": info_of(case).to_string(),
            }]});
            let refused = sign_transactions(one.to_string().as_bytes(), false).unwrap_err();
            let message = refused.to_string();
            assert!(message.contains("refused: "), "{message}, official: {}", case["err"]);
        }
    }
}

#[test]
fn tokens_hash_as_the_official_ones_and_both_verify() {
    for (_, file) in vector_files() {
        for case in file["auth_tokens"].as_array().into_iter().flatten() {
            let (message, signature) = text(case, "token").rsplit_once(':').unwrap();
            let hash = text_hash(message);
            assert_eq!(hash.to_bytes(), bytes(text(case, "message_hash")));
            let public = public_key(&file, &case["key"]);
            let theirs = Signature::from_bytes(&bytes(signature)).unwrap();
            assert!(public.verify(&hash, &theirs), "{case}");
            let keys = file["keys"].as_array().unwrap();
            let key = keys.iter().find(|key| key["name"] == case["key"]).unwrap();
            let mut signer =
                PooledSigner::unpooled(Signer::parse(text(key, "private_key")).unwrap());
            let number = |name: &str| case[name].as_u64().unwrap();
            let (deadline, of) = (number("deadline_unix"), number("account_index"));
            let who = (of, number("api_key_index") as u8);
            let ours = auth_token(&mut signer, who, deadline, deadline - 600).unwrap();
            let (ours, signature) = ours.rsplit_once(':').unwrap();
            assert_eq!(ours, message);
            let signature = Signature::from_bytes(&bytes(signature)).unwrap();
            assert!(public.verify(&hash, &signature));
        }
    }
}

#[test]
fn tokens_that_the_venue_would_not_take_are_refused() {
    let mut signer = PooledSigner::unpooled(Signer::new([1; 40]).unwrap());
    let now = 1_795_000_000;
    let mut token = |who, deadline| auth_token(&mut signer, who, deadline, now).map(|_| ());
    assert_eq!(token((1, 4), now + LIFE_MAX_S), Ok(()));
    assert_eq!(token((1, 4), now + LIFE_MAX_S + 1), Err(TokenRefused::Deadline));
    assert_eq!(token((1, 4), now), Err(TokenRefused::Deadline));
    assert_eq!(token((1, 4), now - 1), Err(TokenRefused::Deadline));
    assert_eq!(token((1, 255), now + 1), Err(TokenRefused::ApiKey));
    assert_eq!(token((1 << 48, 4), now + 1), Err(TokenRefused::Account));
}

const SENDER: Sender = Sender { chain_id: 304, account: 12_345, api_key: 4 };

fn header() -> Header {
    Header { nonce: 1, expires_ms: 1_795_254_337_349, attributes: Attributes::default() }
}

fn limit() -> Order {
    Order {
        market: 1,
        client_index: 7,
        base: 100,
        price: 100,
        is_ask: false,
        kind: OrderKind::Limit,
        tif: Tif::PostOnly,
        reduce_only: false,
        trigger_price: 0,
        expiry_ms: 1_893_456_000_000,
    }
}

/// An order with changes.
fn order(change: impl FnOnce(&mut Order)) -> Order {
    let mut order = limit();
    change(&mut order);
    order
}

#[test]
fn an_order_is_exact_or_refused_by_name() {
    use TxRefused::*;
    let kind = |kind, tif, trigger_price, expiry_ms| {
        order(|o| {
            (o.kind, o.tif, o.trigger_price, o.expiry_ms) = (kind, tif, trigger_price, expiry_ms)
        })
    };
    let (ioc, gtt) = (Tif::Ioc, Tif::Gtt);
    let cases = [
        (limit(), None),
        (order(|o| o.market = 255), Some(Market)),
        (order(|o| o.client_index = 1 << 48), Some(ClientIndex)),
        (order(|o| o.base = 0), Some(BaseAmount)),
        (order(|o| (o.base, o.reduce_only) = (0, true)), None),
        (order(|o| o.base = 1 << 48), Some(BaseAmount)),
        (order(|o| o.price = 0), Some(Price)),
        (order(|o| (o.market, o.reduce_only) = (2048, true)), Some(ReduceOnly)),
        (order(|o| o.expiry_ms = 1 << 63), Some(OrderExpiry)),
        (kind(OrderKind::Limit, gtt, 0, 0), Some(OrderExpiry)),
        (kind(OrderKind::Limit, ioc, 0, 5), Some(OrderExpiry)),
        (kind(OrderKind::Limit, ioc, 0, 0), None),
        (kind(OrderKind::Limit, gtt, 9, 5), Some(TriggerPrice)),
        (kind(OrderKind::Market, ioc, 0, 0), None),
        (kind(OrderKind::Market, gtt, 0, 0), Some(TimeInForce)),
        (kind(OrderKind::Market, ioc, 0, 5), Some(OrderExpiry)),
        (kind(OrderKind::StopLoss, ioc, 9, 5), None),
        (kind(OrderKind::StopLoss, gtt, 9, 5), Some(TimeInForce)),
        (kind(OrderKind::TakeProfit, ioc, 0, 5), Some(TriggerPrice)),
        (kind(OrderKind::TakeProfitLimit, gtt, 9, 5), None),
        (kind(OrderKind::StopLossLimit, gtt, 9, 0), Some(OrderExpiry)),
        (
            order(|o| (o.market, o.kind, o.trigger_price) = (2048, OrderKind::StopLossLimit, 9)),
            Some(SpotTrigger),
        ),
        (kind(OrderKind::Twap, gtt, 0, 5), None),
        (kind(OrderKind::Twap, ioc, 0, 5), Some(TimeInForce)),
    ];
    for (order, want) in cases {
        assert_eq!(Tx::CreateOrder(order).check(&SENDER, &header()).err(), want, "{order:?}");
    }
}

#[test]
fn every_other_transaction_is_exact_or_refused_by_name() {
    use TxRefused::*;
    let cancel = |market, index| Tx::CancelOrder { market, index };
    let modify =
        |index, base, price| Tx::ModifyOrder { market: 1, index, base, price, trigger_price: 0 };
    let leverage = |market, initial_margin_fraction| Tx::UpdateLeverage {
        market,
        initial_margin_fraction,
        mode: MarginMode::Isolated,
    };
    let margin = |market, usdc| Tx::UpdateMargin { market, usdc, add: true };
    let group = |grouping, orders| Tx::CreateGroupedOrders { grouping, orders };
    let (pair, triple) = (Grouping::OneCancelsOther, Grouping::OneTriggersPair);
    let other = |client_index| order(|o| o.client_index = client_index);
    let (two, same) = ([limit(), other(8)], [limit(), limit()]);
    let apart = [limit(), order(|o| o.market = 2)];
    let spot = [order(|o| o.market = 2048), order(|o| (o.market, o.client_index) = (2048, 0))];
    let cases = [
        (cancel(1, 1), None),
        (cancel(255, 1), Some(Market)),
        (cancel(1, 0), Some(OrderIndex)),
        (cancel(1, 1 << 60), Some(OrderIndex)),
        (modify(1, 0, 1), None),
        (modify(0, 1, 1), Some(OrderIndex)),
        (modify(1, 1 << 48, 1), Some(BaseAmount)),
        (modify(1, 1, 0), Some(Price)),
        (leverage(1, 10_000), None),
        (leverage(1, 0), Some(MarginFraction)),
        (leverage(1, 10_001), Some(MarginFraction)),
        (leverage(255, 1), Some(Market)),
        (margin(1, 1 << 59), None),
        (margin(1, 0), Some(Usdc)),
        (margin(1, 1 << 60), Some(Usdc)),
        (margin(2048, 1), Some(Market)),
        (Tx::CancelAll(CancelAll::Scheduled(0)), Some(CancelAllTime)),
        (Tx::CancelAll(CancelAll::Abort), None),
        (group(pair, &two), None),
        (group(triple, &two), Some(GroupSize)),
        (group(pair, &two[..1]), Some(GroupSize)),
        (group(pair, &same), Some(GroupClientIndex)),
        (group(pair, &apart), Some(GroupMarket)),
        (group(pair, &spot), Some(Market)),
    ];
    for (tx, want) in cases {
        assert_eq!(tx.check(&SENDER, &header()).err(), want, "{tx:?}");
    }
}

#[test]
fn sender_header_and_attributes_are_checked() {
    use TxRefused::*;
    type Change = fn(&mut Sender, &mut Header);
    let cases: [(Change, Option<TxRefused>); 12] = [
        (|s, _| s.account = (1 << 48) - 2, None),
        (|s, _| s.account = (1 << 48) - 1, Some(Account)),
        (|s, _| s.api_key = 255, Some(ApiKey)),
        (|_, h| h.nonce = 1 << 63, Some(Nonce)),
        (|_, h| h.expires_ms = 1 << 48, Some(ExpiredAt)),
        (|_, h| h.attributes.integrator = 1 << 48, Some(Integrator)),
        (|_, h| h.attributes.integrator_maker_fee = 1_000_001, Some(IntegratorFee)),
        (|_, h| h.attributes.order_version = 1 << 63, Some(OrderVersion)),
        (|_, h| h.attributes.cancel_all_market = Some(255), Some(Market)),
        (|_, h| h.attributes.cancel_all_market = Some(1), None),
        (
            |_, h| {
                h.attributes.self_trade = SelfTrade::Reduce;
                (h.attributes.integrator, h.attributes.skip_nonce) = (5, true);
                (h.attributes.same_master, h.attributes.order_version) = (true, 0);
            },
            None,
        ),
        (
            |_, h| {
                h.attributes.self_trade = SelfTrade::CancelBoth;
                (h.attributes.integrator, h.attributes.skip_nonce) = (5, true);
                (h.attributes.same_master, h.attributes.order_version) = (true, 9);
            },
            Some(TooManyAttributes),
        ),
    ];
    for (change, want) in cases {
        let (mut sender, mut header) = (SENDER, header());
        change(&mut sender, &mut header);
        let got = Tx::CancelAll(CancelAll::Immediate).check(&sender, &header).err();
        assert_eq!(got, want, "{sender:?} {header:?}");
    }
    let mut header = header();
    header.attributes.cancel_all_market = Some(1);
    for tx in [Tx::CancelAll(CancelAll::Scheduled(5)), Tx::CreateOrder(limit())] {
        assert_eq!(tx.check(&SENDER, &header), Err(CancelAllMarket));
    }
}

/// Each field is in the hash: two transactions that differ have different hashes.
#[test]
fn every_field_changes_the_hash() {
    type Change = fn(&mut Sender, &mut Header, &mut Order);
    let changes: [Change; 21] = [
        |_, _, _| {},
        |s, _, _| s.chain_id = 300,
        |s, _, _| s.account += 1,
        |s, _, _| s.api_key += 1,
        |_, h, _| h.nonce += 1,
        |_, h, _| h.expires_ms += 1,
        |_, h, _| h.attributes.skip_nonce = true,
        |_, h, _| h.attributes.same_master = true,
        |_, h, _| h.attributes.order_version = 1,
        |_, h, _| h.attributes.self_trade = SelfTrade::ExpireTaker,
        |_, h, _| h.attributes.integrator = 1,
        |_, _, o| o.market += 1,
        |_, _, o| o.client_index += 1,
        |_, _, o| o.base += 1,
        |_, _, o| o.price += 1,
        |_, _, o| o.is_ask = true,
        |_, _, o| o.kind = OrderKind::Twap,
        |_, _, o| o.tif = Tif::Gtt,
        |_, _, o| o.reduce_only = true,
        |_, _, o| o.trigger_price = 1,
        |_, _, o| o.expiry_ms += 1,
    ];
    let mut hashes = Vec::new();
    for change in changes {
        let (mut sender, mut header, mut order) = (SENDER, header(), limit());
        change(&mut sender, &mut header, &mut order);
        let hash = Tx::CreateOrder(order).hash(&sender, &header).to_bytes();
        assert!(!hashes.contains(&hash));
        hashes.push(hash);
    }
}
