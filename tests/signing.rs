//! Hyperliquid's signatures: other people's bytes, and the hand-written encoder against the
//! general one. A folder named by SIGNING_VECTORS is checked beside the vectors kept here.

use std::path::{Path, PathBuf};

use evenkeel::event::Tif;
use evenkeel::ops::sign::sign_cases;
use evenkeel::units::{NumError, Price, Qty, RAW_MAX, parse_raw, raw_text};
use evenkeel::venue::eip712::{Address, PooledSigner, Signer, keccak256, nonce_pool, parse_hex};
use evenkeel::venue::hyperliquid::sign::action_json::Node;
use evenkeel::venue::hyperliquid::sign::read::Owned;
use evenkeel::venue::hyperliquid::sign::wire::{Buf, Json, Pack};
use evenkeel::venue::hyperliquid::sign::{
    Builder, Cloid, Grouping, L1Action, OrderType, OrderWire, Target, Tpsl, action_hash,
};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Vector>,
}

/// The fields that a file must have.
#[derive(Deserialize)]
struct Vector {
    name: String,
    signer_address: String,
    action: Node,
    action_json_compact: String,
    nonce: u64,
    vault_address: Option<String>,
    expires_after: Option<u64>,
    msgpack_hex: String,
    connection_id: String,
    eip712_digest: String,
    signature: Numbers,
}

#[derive(Deserialize)]
struct Numbers {
    r: String,
    s: String,
    v: u8,
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hyperliquid")
}

/// The kept files, then every `*.json` of the folder in SIGNING_VECTORS.
fn vector_files() -> Vec<PathBuf> {
    let kept = ["signing_vectors.json", "signing_vectors_sdk_tests.json"];
    let mut files: Vec<PathBuf> = kept.iter().map(|name| data().join(name)).collect();
    if let Some(folder) = std::env::var_os("SIGNING_VECTORS") {
        let entries = std::fs::read_dir(folder).expect("SIGNING_VECTORS is a folder");
        let named = entries.map(|entry| entry.unwrap().path());
        let json = named.filter(|path| path.extension().is_some_and(|e| e == "json"));
        let mut more: Vec<_> = json.collect();
        assert!(!more.is_empty(), "SIGNING_VECTORS has no vectors");
        // Another venue's are for another test.
        more.retain(|path| has_keys(path));
        more.sort();
        files.extend(more);
    }
    files
}

/// Whether a file is of signing vectors: its cases have keys.
fn has_keys(path: &Path) -> bool {
    let node: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    node["cases"][0].get("private_key").is_some()
}

fn each_vector(mut check: impl FnMut(&Vector)) {
    for file in vector_files() {
        let text = std::fs::read(&file).unwrap();
        let vectors: Vectors = serde_json::from_slice(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(!vectors.cases.is_empty(), "{}", file.display());
        vectors.cases.iter().for_each(&mut check);
    }
}

fn bytes(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix("0x").unwrap();
    let mut out = vec![0; digits.len() / 2];
    assert!(parse_hex(digits.as_bytes(), &mut out), "{text}");
    out
}

/// A number of up to 64 digits: leading zeros are left out by some.
fn number(text: &str) -> Vec<u8> {
    bytes(&format!("0x{:0>64}", text.strip_prefix("0x").unwrap()))
}

#[test]
fn hashes_and_signatures_equal_the_vectors() {
    for file in vector_files() {
        let text = std::fs::read(&file).unwrap();
        let vectors: Vectors = serde_json::from_slice(&text).unwrap();
        let signed = sign_cases(&text, false).unwrap();
        assert_eq!(signed.len(), vectors.cases.len());
        for (got, want) in signed.iter().zip(&vectors.cases) {
            let name = &want.name;
            assert_eq!(got.name, *name);
            assert_eq!(got.signer.to_string(), want.signer_address.to_lowercase(), "{name}");
            assert_eq!(got.connection_id[..], bytes(&want.connection_id), "{name}");
            assert_eq!(got.digest[..], bytes(&want.eip712_digest), "{name}");
            assert_eq!(got.signature.r[..], number(&want.signature.r), "{name}");
            assert_eq!(got.signature.s[..], number(&want.signature.s), "{name}");
            assert_eq!(got.signature.v, want.signature.v, "{name}");
        }
    }
}

#[test]
fn pooled_signatures_of_the_vectors_recover() {
    for file in vector_files() {
        for case in sign_cases(&std::fs::read(file).unwrap(), true).unwrap() {
            assert_eq!(case.signature.recover(&case.digest), Some(case.signer), "{}", case.name);
        }
    }
}

#[test]
fn the_general_encoder_equals_the_vectors() {
    each_vector(|vector| {
        let mut packed = Vec::new();
        vector.action.pack(&mut packed);
        assert_eq!(packed, bytes(&vector.msgpack_hex), "{}", vector.name);
    });
}

#[test]
fn the_hand_encoder_equals_the_vectors() {
    let mut seen = 0;
    each_vector(|vector| {
        let Some(action) = Owned::read(&vector.action) else {
            let kind = vector.action.get("type").and_then(Node::as_text).unwrap();
            assert!(!HAND_WRITTEN.contains(&kind), "{}", vector.name);
            return;
        };
        seen += 1;
        let (packed, json) = action.with(encode);
        assert_eq!(packed, bytes(&vector.msgpack_hex), "{}", vector.name);
        assert_eq!(json, vector.action_json_compact, "{}", vector.name);
        let mut room = vec![0; packed.len() + 38];
        let mut preimage = Buf::new(&mut room);
        preimage.put(&packed);
        let vault = vector.vault_address.as_ref();
        let vault = vault.map(|text| Address::parse(text.as_bytes()).unwrap());
        let id = action_hash(&mut preimage, vector.nonce, vault.as_ref(), vector.expires_after);
        assert_eq!(id.unwrap()[..], bytes(&vector.connection_id), "{}", vector.name);
    });
    assert!(seen >= 60, "{seen}");
}

/// What the hand-written encoder gives: msgpack and JSON.
fn encode(action: &L1Action<'_>) -> (Vec<u8>, String) {
    let (mut packed, mut text) = ([0; 65_536], [0; 65_536]);
    let mut pack = Pack(Buf::new(&mut packed));
    action.write(&mut pack);
    let mut json = Json::new(Buf::new(&mut text));
    action.write(&mut json);
    let json = json.buf.written().unwrap().to_vec();
    (pack.0.written().unwrap().to_vec(), String::from_utf8(json).unwrap())
}

const HAND_WRITTEN: [&str; 10] = [
    "order",
    "cancel",
    "cancelByCloid",
    "modify",
    "batchModify",
    "scheduleCancel",
    "updateLeverage",
    "updateIsolatedMargin",
    "noop",
    "reserveRequestWeight",
];

// Integers of every width, because msgpack writes each width its own way.
fn any_uint() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0..64u32).prop_map(|(value, shift)| value >> shift)
}

fn any_asset() -> impl Strategy<Value = u32> {
    (any::<u32>(), 0..32u32).prop_map(|(value, shift)| value >> shift)
}

/// Positive raw values with any number of trailing zeros.
fn any_raw() -> impl Strategy<Value = i64> {
    (1..=RAW_MAX, 0..19u32).prop_map(|(value, digits)| {
        let unit = 10i64.pow(digits);
        (value / unit * unit).max(unit)
    })
}

fn any_order() -> impl Strategy<Value = OrderWire> {
    let limit = prop_oneof![Just(Tif::Alo), Just(Tif::Ioc), Just(Tif::Gtc)];
    let trigger = (any::<bool>(), any_raw(), any::<bool>()).prop_map(|(is_market, px, tp)| {
        let tpsl = if tp { Tpsl::TakeProfit } else { Tpsl::StopLoss };
        OrderType::Trigger { is_market, px: Price(px), tpsl }
    });
    let kind = prop_oneof![3 => limit.prop_map(OrderType::Limit), 1 => trigger];
    let cloid = proptest::option::of(any::<u128>().prop_map(Cloid));
    (any_asset(), any::<(bool, bool)>(), any_raw(), any_raw(), kind, cloid).prop_map(
        |(asset, (is_buy, reduce_only), px, qty, kind, cloid)| OrderWire {
            asset,
            is_buy,
            px: Price(px),
            qty: Qty(qty),
            reduce_only,
            kind,
            cloid,
        },
    )
}

fn any_action() -> impl Strategy<Value = Owned> {
    let entries = 0..20usize; // to both sides of the 16-entry list header
    let target = || {
        prop_oneof![
            any_uint().prop_map(Target::Oid),
            any::<u128>().prop_map(|c| Target::Cloid(Cloid(c))),
        ]
    };
    let grouping = prop_oneof![Just(Grouping::Na), any_asset().prop_map(Grouping::Priority)];
    let builder = (any::<[u8; 20]>(), any_asset())
        .prop_map(|(address, fee)| Builder { address: Address(address), fee });
    let orders = proptest::collection::vec(any_order(), entries.clone());
    let cancels = proptest::collection::vec((any_asset(), any_uint()), entries.clone());
    let by_cloid = (any_asset(), any::<u128>().prop_map(Cloid));
    let by_cloid = proptest::collection::vec(by_cloid, entries.clone());
    let modifies = proptest::collection::vec((target(), any_order()), entries);
    prop_oneof![
        (orders, grouping, proptest::option::of(builder))
            .prop_map(|(orders, grouping, builder)| Owned::Order(orders, grouping, builder)),
        (cancels, any::<bool>()).prop_map(|(cancels, fast)| Owned::Cancel(cancels, fast)),
        (by_cloid, any::<bool>()).prop_map(|(list, fast)| Owned::CancelByCloid(list, fast)),
        (modifies, any::<bool>()).prop_map(|(list, place)| Owned::BatchModify(list, place)),
        (target(), any_order(), any::<bool>()).prop_map(|(target, order, always_place)| {
            Owned::Plain(L1Action::Modify { target, order, always_place })
        }),
        any_account_action().prop_map(Owned::Plain),
    ]
}

fn any_account_action() -> impl Strategy<Value = L1Action<'static>> {
    let signed = (any::<i64>(), 0..64u32).prop_map(|(value, shift)| value >> shift);
    prop_oneof![
        Just(L1Action::Noop),
        proptest::option::of(any_uint()).prop_map(|time_ms| L1Action::ScheduleCancel { time_ms }),
        (any_asset(), any::<bool>(), any_asset()).prop_map(|(asset, is_cross, leverage)| {
            L1Action::UpdateLeverage { asset, is_cross, leverage }
        }),
        (any_asset(), any::<bool>(), signed).prop_map(|(asset, is_buy, amount)| {
            L1Action::UpdateIsolatedMargin { asset, is_buy, amount }
        }),
        any_asset().prop_map(|weight| L1Action::ReserveRequestWeight { weight }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 10_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// The JSON that is sent, packed by the general encoder, is the msgpack that is hashed.
    #[test]
    fn the_hand_encoder_equals_the_general_one(action in any_action()) {
        let (packed, json) = action.with(encode);
        let node: Node = serde_json::from_str(&json).unwrap();
        let mut general = Vec::new();
        node.pack(&mut general);
        prop_assert_eq!(&packed, &general, "{}", json);
    }
}

#[derive(Deserialize)]
struct FloatCases {
    cases: Vec<FloatCase>,
}

#[derive(Deserialize)]
struct FloatCase {
    input: String,
    wire: Option<String>,
    error: Option<String>,
}

#[test]
fn decimals_are_the_venues_text_or_refused() {
    let text = std::fs::read(data().join("float_to_wire_cases.json")).unwrap();
    let cases: FloatCases = serde_json::from_slice(&text).unwrap();
    let mut exact = 0;
    for case in cases.cases {
        let raw = parse_raw(case.input.as_bytes());
        match (case.input.as_str(), raw) {
            // Texts with an exponent are no input of ours; the SDK has numbers, not texts.
            (text, raw) if text.contains('e') => {
                assert_eq!(raw, Err(NumError::BadByte), "{text}");
            }
            // The SDK writes a negative zero; the venue never gets one from us.
            ("-0.0", raw) => assert_eq!(raw.map(raw_text).as_deref(), Ok("0")),
            // The SDK takes what is 10^-12 off a float; we refuse what is not exact.
            (text @ "0.30000000000000004", raw) => {
                assert_eq!(raw, Err(NumError::TooPrecise), "{text}");
            }
            (text, Ok(raw)) => {
                assert_eq!(Some(raw_text(raw)), case.wire, "{text}");
                exact += 1;
            }
            (text, Err(error)) => {
                assert_eq!(error, NumError::TooPrecise, "{text}");
                assert!(case.error.is_some(), "{text} is refused by us alone");
            }
        }
    }
    assert!(exact >= 25, "{exact}");
    for (tiny, error) in [("1e-9", NumError::BadByte), ("0.000000001", NumError::TooPrecise)] {
        assert_eq!(parse_raw(tiny.as_bytes()), Err(error));
    }
}

/// r is x of k G, so two entries with one k have one r, and with k and -k too.
#[test]
fn ten_thousand_nonces_are_distinct_and_even() {
    const ENTRIES: usize = 10_000;
    let signer = || Signer::new([0x11; 32]).unwrap();
    let (mut filler, taker) = nonce_pool(&signer(), ENTRIES);
    assert_eq!(filler.fill(ENTRIES), Ok(ENTRIES));
    let mut signer = PooledSigner::with_pool(signer(), taker);
    let digest = keccak256(b"one message under many nonces");
    let signatures: Vec<_> = (0..ENTRIES).map(|_| signer.sign(&digest)).collect();
    assert_eq!((signer.pooled, signer.fallbacks), (ENTRIES as u64, 0));

    let mut numbers: Vec<_> = signatures.iter().map(|signature| signature.r).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), ENTRIES, "an r came twice");

    // Each bit of r and of s is a coin: 10 000 throws stay within 6 standard deviations, 300, of
    // 5000 but for one run in 10^6 (s is low, so its top bit is zero and the next one is a coin).
    for bit in 0..512 {
        let set = |n: &[u8; 32], bit: usize| usize::from(n[bit / 8] >> (7 - bit % 8) & 1);
        let ones: usize = signatures
            .iter()
            .map(|x| if bit < 256 { set(&x.r, bit) } else { set(&x.s, bit - 256) })
            .sum();
        match bit {
            256 => assert_eq!(ones, 0),
            _ => assert!(ones.abs_diff(ENTRIES / 2) < 300, "bit {bit}: {ones} ones"),
        }
    }
    let odd = signatures.iter().filter(|signature| signature.v == 28).count();
    assert!(odd.abs_diff(ENTRIES / 2) < 300, "{odd} of parity 28");
}

/// A small pool that wraps often, filled on one thread and used on another: nothing is torn, lost
/// or taken twice.
#[test]
fn a_pool_between_two_threads() {
    const SIGNATURES: u64 = 500;
    let signer = || Signer::new([0x11; 32]).unwrap();
    let (mut filler, taker) = nonce_pool(&signer(), 4);
    let mut pooled = PooledSigner::with_pool(signer(), taker);
    let filling = std::thread::spawn(move || {
        let mut filled = 0;
        while filled < SIGNATURES {
            filled += filler.fill(1).unwrap() as u64;
            std::thread::yield_now();
        }
    });
    let mut numbers = Vec::new();
    while pooled.pooled < SIGNATURES {
        if pooled.level() == 0 {
            std::thread::yield_now();
            continue;
        }
        let digest = keccak256(&pooled.pooled.to_be_bytes());
        let signature = pooled.sign(&digest);
        assert_eq!(signature.recover(&digest), Some(pooled.address()));
        numbers.push(signature.r);
    }
    filling.join().unwrap();
    assert_eq!((pooled.fallbacks, pooled.level()), (0, 0));
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len() as u64, SIGNATURES);
}
