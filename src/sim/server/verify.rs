//! Cold. Who signed an action: worked out from its JSON, with no line of the engine's own encoder.
//!
//! The engine writes msgpack by hand and has its own keccak. A venue that checked those signatures
//! with the same code would agree with every mistake in it, so this one has a generic msgpack
//! writer, the keccak of `sha3` and its own EIP-712, and recovers the signer with `k256`.
//!
//! Like the venue, it first reads the action into its own form: keys in the documented order, decimals
//! without trailing zeros, hex in lower case, no `f` or `a` that is false. A client that hashed
//! another form is then some random address, `User or API Wallet 0x.. does not exist.`, which is
//! how such a mistake shows itself in production.

use std::collections::BTreeSet;

use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use sha3::{Digest, Keccak256};

use super::json::Json;
use crate::units::{parse_raw, raw_text};

/// An account's or a key's address.
pub type Address = [u8; 20];

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;
/// Nonces remembered for a signer.
const NONCES_KEPT: usize = 100;

pub fn keccak(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Keccak256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Reads `0x` and exactly 40 hex digits.
pub fn parse_address(text: &str) -> Option<Address> {
    let digits = text.strip_prefix("0x").filter(|d| d.len() == 40)?;
    let mut out = [0; 20];
    for (byte, pair) in out.iter_mut().zip(digits.as_bytes().as_chunks::<2>().0) {
        *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
    }
    Some(out)
}

pub fn address_text(address: &Address) -> String {
    use std::fmt::Write;
    address.iter().fold(String::from("0x"), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|d| d as u8)
}

/// Reads a signature's number: `0x` and 1 to 64 hex digits, leading zeros or not.
fn parse_scalar(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix("0x").filter(|d| (1..=64).contains(&d.len()))?;
    let mut out = [0; 32];
    for (i, digit) in digits.bytes().rev().enumerate() {
        out[31 - i / 2] |= hex_digit(digit)? << (4 * (i % 2));
    }
    Some(out)
}

/// The documented key orders, by what the object is.
const ACTION_KEYS: &[(&str, &[&str])] = &[
    ("order", &["type", "orders", "grouping", "builder"]),
    ("cancel", &["type", "cancels", "f"]),
    ("cancelByCloid", &["type", "cancels", "f"]),
    ("modify", &["type", "oid", "order", "a"]),
    ("batchModify", &["type", "modifies", "a"]),
    ("scheduleCancel", &["type", "time"]),
    ("updateLeverage", &["type", "asset", "isCross", "leverage"]),
    ("updateIsolatedMargin", &["type", "asset", "isBuy", "ntli"]),
    ("reserveRequestWeight", &["type", "weight", "destination"]),
    ("noop", &["type"]),
];

const ORDER_KEYS: &[&str] = &["a", "b", "p", "s", "r", "t", "c"];

/// The action in the venue's own form. An action of an unknown type is left as it is.
pub fn canonical(action: &Json) -> Json {
    let mut action = action.clone();
    let kind = action.get("type").and_then(Json::str).unwrap_or("").to_owned();
    let Some((_, keys)) = ACTION_KEYS.iter().find(|(name, _)| *name == kind) else {
        return action;
    };
    arrange(&mut action, keys);
    if let Json::Obj(entries) = &mut action {
        entries.retain(|(key, value)| {
            !(matches!(key.as_str(), "f" | "a") && *value == Json::Bool(false))
        });
        for (key, value) in entries.iter_mut() {
            match (key.as_str(), value) {
                ("orders", Json::Arr(orders)) => orders.iter_mut().for_each(arrange_order),
                ("order", order) => arrange_order(order),
                ("modifies", Json::Arr(list)) => list.iter_mut().for_each(arrange_modify),
                ("cancels", Json::Arr(list)) => {
                    let keys: &[&str] =
                        if kind == "cancel" { &["a", "o"] } else { &["asset", "cloid"] };
                    list.iter_mut().for_each(|cancel| arrange(cancel, keys));
                }
                ("builder", builder) => arrange(builder, &["b", "f"]),
                _ => {}
            }
        }
    }
    lower_hex(&mut action);
    action
}

fn arrange_modify(modify: &mut Json) {
    arrange(modify, &["oid", "order"]);
    if let Json::Obj(entries) = modify {
        entries.iter_mut().filter(|(k, _)| k == "order").for_each(|(_, v)| arrange_order(v));
    }
}

fn arrange_order(order: &mut Json) {
    arrange(order, ORDER_KEYS);
    let Json::Obj(entries) = order else { return };
    for (key, value) in entries {
        match key.as_str() {
            "p" | "s" => shortest(value),
            "t" => {
                let Json::Obj(types) = value else { continue };
                for (_, trigger) in types.iter_mut().filter(|(k, _)| k == "trigger") {
                    arrange(trigger, &["isMarket", "triggerPx", "tpsl"]);
                    let Json::Obj(fields) = trigger else { continue };
                    fields
                        .iter_mut()
                        .filter(|(k, _)| k == "triggerPx")
                        .for_each(|(_, v)| shortest(v));
                }
            }
            _ => {}
        }
    }
}

/// Sorts an object's known keys into this order; unknown ones are not part of the form.
fn arrange(object: &mut Json, keys: &[&str]) {
    let Json::Obj(entries) = object else { return };
    let place = |key: &str| keys.iter().position(|k| *k == key);
    entries.retain(|(key, _)| place(key).is_some());
    entries.sort_by_key(|(key, _)| place(key));
}

/// A decimal text in its shortest form; what is no decimal stays.
fn shortest(value: &mut Json) {
    if let Json::Str(text) = value
        && let Ok(raw) = parse_raw(text.as_bytes())
    {
        *text = raw_text(raw);
    }
}

fn lower_hex(value: &mut Json) {
    match value {
        Json::Str(text) if text.starts_with("0x") => text.make_ascii_lowercase(),
        Json::Arr(items) => items.iter_mut().for_each(lower_hex),
        Json::Obj(entries) => entries.iter_mut().for_each(|(_, v)| lower_hex(v)),
        _ => {}
    }
}

/// Generic msgpack, each value in its shortest form. `None` for a float: no action has one.
pub fn msgpack(value: &Json, out: &mut Vec<u8>) -> Option<()> {
    match value {
        Json::Null => out.push(0xc0),
        Json::Bool(b) => out.push(0xc2 + u8::from(*b)),
        Json::Uint(n) => pack_uint(*n, out),
        Json::Int(n) => pack_int(*n, out),
        Json::Float => return None,
        Json::Str(text) => {
            match text.len() {
                n @ 0..=31 => out.push(0xa0 | n as u8),
                n @ 32..=255 => out.extend([0xd9, n as u8]),
                n => pack_len(0xda, 0xdb, n, out)?,
            }
            out.extend_from_slice(text.as_bytes());
        }
        Json::Arr(items) => {
            match items.len() {
                n @ 0..=15 => out.push(0x90 | n as u8),
                n => pack_len(0xdc, 0xdd, n, out)?,
            }
            for item in items {
                msgpack(item, out)?;
            }
        }
        Json::Obj(entries) => {
            match entries.len() {
                n @ 0..=15 => out.push(0x80 | n as u8),
                n => pack_len(0xde, 0xdf, n, out)?,
            }
            for (key, value) in entries {
                msgpack(&Json::Str(key.clone()), out)?;
                msgpack(value, out)?;
            }
        }
    }
    Some(())
}

/// A length of 16 or 32 bits with its marker.
fn pack_len(short: u8, long: u8, n: usize, out: &mut Vec<u8>) -> Option<()> {
    if let Ok(n) = u16::try_from(n) {
        out.push(short);
        out.extend(n.to_be_bytes());
    } else {
        out.push(long);
        out.extend(u32::try_from(n).ok()?.to_be_bytes());
    }
    Some(())
}

fn pack_uint(n: u64, out: &mut Vec<u8>) {
    match n {
        0..=0x7f => out.push(n as u8),
        0x80..=0xff => out.extend([0xcc, n as u8]),
        0x100..=0xffff => {
            out.push(0xcd);
            out.extend((n as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xce);
            out.extend((n as u32).to_be_bytes());
        }
        _ => {
            out.push(0xcf);
            out.extend(n.to_be_bytes());
        }
    }
}

fn pack_int(n: i64, out: &mut Vec<u8>) {
    if let Ok(n) = i8::try_from(n) {
        if n < -32 {
            out.push(0xd0);
        }
        out.push(n as u8);
    } else if let Ok(n) = i16::try_from(n) {
        out.push(0xd1);
        out.extend(n.to_be_bytes());
    } else if let Ok(n) = i32::try_from(n) {
        out.push(0xd2);
        out.extend(n.to_be_bytes());
    } else {
        out.push(0xd3);
        out.extend(n.to_be_bytes());
    }
}

/// What is hashed of a request beside its action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    pub nonce: u64,
    pub vault: Option<Address>,
    pub expires_after: Option<u64>,
    pub mainnet: bool,
}

/// The hash of an action that is in its canonical form: the venue's `connectionId`.
pub fn action_hash(action: &Json, envelope: &Envelope) -> Option<[u8; 32]> {
    let mut bytes = Vec::new();
    msgpack(action, &mut bytes)?;
    bytes.extend(envelope.nonce.to_be_bytes());
    match &envelope.vault {
        None => bytes.push(0),
        Some(vault) => {
            bytes.push(1);
            bytes.extend(vault);
        }
    }
    if let Some(expires) = envelope.expires_after {
        bytes.push(0);
        bytes.extend(expires.to_be_bytes());
    }
    Some(keccak(&[&bytes]))
}

/// The EIP-712 digest of the phantom agent `{source, connectionId}`.
pub fn digest(action_hash: &[u8; 32], mainnet: bool) -> [u8; 32] {
    const DOMAIN: &[u8] =
        b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
    const AGENT: &[u8] = b"Agent(string source,bytes32 connectionId)";
    let mut chain_id = [0; 32];
    chain_id[30..].copy_from_slice(&1337u16.to_be_bytes());
    let domain = keccak(&[
        &keccak(&[DOMAIN]),
        &keccak(&[b"Exchange"]),
        &keccak(&[b"1"]),
        &chain_id,
        &[0; 32],
    ]);
    let source: &[u8] = if mainnet { b"a" } else { b"b" };
    let agent = keccak(&[&keccak(&[AGENT]), &keccak(&[source]), action_hash]);
    keccak(&[&[0x19, 0x01], &domain, &agent])
}

/// The address whose key signed `digest`. `None` when the signature is not one.
pub fn recover(digest: &[u8; 32], signature: &Json) -> Option<Address> {
    let r = parse_scalar(signature.get("r")?.str()?)?;
    let s = parse_scalar(signature.get("s")?.str()?)?;
    let odd = match signature.get("v")?.uint()? {
        27 => false,
        28 => true,
        _ => return None,
    };
    let signature = Signature::from_scalars(r, s).ok()?;
    let key =
        VerifyingKey::recover_from_prehash(digest, &signature, RecoveryId::new(odd, false)).ok()?;
    address_of(&key)
}

/// The address of a public key.
pub fn address_of(key: &VerifyingKey) -> Option<Address> {
    let point = key.to_sec1_point(false);
    let hash = keccak(&[point.as_bytes().get(1..)?]);
    hash[12..].try_into().ok()
}

/// Why a nonce is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonceError {
    Duplicate,
    /// Not above the smallest of the hundred that are kept.
    TooOld,
    /// Outside two days back, one day ahead.
    OutsideWindow,
}

/// The nonces that one signer used: the hundred highest.
#[derive(Clone, Debug, Default)]
pub struct Nonces(BTreeSet<u64>);

impl Nonces {
    /// Takes a nonce or says why not; `now_ms` is the venue's time.
    pub fn take(&mut self, nonce: u64, now_ms: u64) -> Result<(), NonceError> {
        if self.0.contains(&nonce) {
            return Err(NonceError::Duplicate);
        }
        if nonce <= now_ms.saturating_sub(2 * DAY_MS) || nonce >= now_ms.saturating_add(DAY_MS) {
            return Err(NonceError::OutsideWindow);
        }
        if self.0.len() == NONCES_KEPT {
            match self.0.first() {
                Some(smallest) if nonce <= *smallest => return Err(NonceError::TooOld),
                _ => self.0.pop_first(),
            };
        }
        self.0.insert(nonce);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTORS: &[u8] = include_bytes!("../../../tests/data/hyperliquid/signing_vectors.json");

    fn hex(text: &str) -> Vec<u8> {
        let digits = text.strip_prefix("0x").unwrap().as_bytes();
        digits
            .as_chunks::<2>()
            .0
            .iter()
            .map(|p| hex_digit(p[0]).unwrap() << 4 | hex_digit(p[1]).unwrap())
            .collect()
    }

    fn envelope(case: &Json) -> Envelope {
        Envelope {
            nonce: case.get("nonce").unwrap().uint().unwrap(),
            vault: case.given("vault_address").map(|v| parse_address(v.str().unwrap()).unwrap()),
            expires_after: case.given("expires_after").map(|v| v.uint().unwrap()),
            mainnet: case.get("is_mainnet").unwrap().bool().unwrap(),
        }
    }

    /// Each vector of the venue's own SDK, step by step: bytes, hash, digest, signer.
    #[test]
    fn all_vectors_of_the_sdk() {
        let vectors = Json::parse(VECTORS).unwrap();
        let cases = vectors.get("cases").unwrap().arr().unwrap();
        assert_eq!(cases.len(), 49);
        for case in cases {
            let text = |key: &str| case.get(key).unwrap().str().unwrap();
            let name = text("name");
            let sent = Json::parse(text("action_json_compact").as_bytes()).unwrap();
            let action = canonical(&sent);
            assert_eq!(action, sent, "{name}: the SDK's form is the venue's");
            let mut bytes = Vec::new();
            msgpack(&action, &mut bytes).unwrap();
            assert_eq!(bytes, hex(text("msgpack_hex")), "{name}");
            let envelope = envelope(case);
            let hash = action_hash(&action, &envelope).unwrap();
            assert_eq!(hash[..], hex(text("connection_id")), "{name}");
            let digest = digest(&hash, envelope.mainnet);
            assert_eq!(digest[..], hex(text("eip712_digest")), "{name}");
            let signer = parse_address(text("signer_address"));
            assert_eq!(recover(&digest, case.get("signature").unwrap()), signer, "{name}");
            assert_eq!(recover(&digest, case.get("signature_padded").unwrap()), signer, "{name}");
            let other = super::digest(&hash, !envelope.mainnet);
            assert_ne!(recover(&other, case.get("signature").unwrap()), signer, "{name}");
        }
    }

    #[test]
    fn another_form_of_the_same_action_is_brought_into_the_venues() {
        let form = |text: &str| canonical(&Json::parse(text.as_bytes()).unwrap());
        let want = form(
            r#"{"type":"order","orders":[{"a":0,"b":true,"p":"80459","s":"0.1","r":false,"t":{"limit":{"tif":"Alo"}},"c":"0xab"}],"grouping":"na"}"#,
        );
        let odd = form(
            r#"{"grouping":"na","extra":1,"orders":[{"b":true,"a":0,"s":"0.10","p":"80459.0","c":"0xAB","r":false,"t":{"limit":{"tif":"Alo"}}}],"type":"order"}"#,
        );
        assert_eq!(odd, want);
        let want = form(r#"{"type":"cancel","cancels":[{"a":0,"o":1}]}"#);
        assert_eq!(form(r#"{"type":"cancel","cancels":[{"o":1,"a":0}],"f":false}"#), want);
        assert_ne!(form(r#"{"type":"cancel","cancels":[{"a":0,"o":1}],"f":true}"#), want);
    }

    #[test]
    fn integers_take_their_shortest_form() {
        for (value, want) in [
            (Json::Uint(127), &[0x7f][..]),
            (Json::Uint(128), &[0xcc, 0x80]),
            (Json::Uint(65_536), &[0xce, 0, 1, 0, 0]),
            (Json::Uint(1 << 32), &[0xcf, 0, 0, 0, 1, 0, 0, 0, 0]),
            (Json::Int(-1), &[0xff]),
            (Json::Int(-32), &[0xe0]),
            (Json::Int(-33), &[0xd0, 0xdf]),
            (Json::Int(-129), &[0xd1, 0xff, 0x7f]),
            (Json::Int(-32_769), &[0xd2, 0xff, 0xff, 0x7f, 0xff]),
        ] {
            let mut out = Vec::new();
            msgpack(&value, &mut out).unwrap();
            assert_eq!(out, want, "{value:?}");
        }
        assert_eq!(msgpack(&Json::Float, &mut Vec::new()), None);
    }

    #[test]
    fn nonces() {
        let now = 1_791_480_444_439;
        let mut nonces = Nonces::default();
        assert_eq!(nonces.take(now, now), Ok(()));
        assert_eq!(nonces.take(now, now), Err(NonceError::Duplicate));
        assert_eq!(nonces.take(now - 2 * DAY_MS, now), Err(NonceError::OutsideWindow));
        assert_eq!(nonces.take(now + DAY_MS, now), Err(NonceError::OutsideWindow));
        assert_eq!(nonces.take(now + DAY_MS - 1, now), Ok(()));
        for i in 1..=98 {
            assert_eq!(nonces.take(now + i, now), Ok(()));
        }
        // A hundred are kept, `now` is the smallest: below it nothing is taken any more.
        assert_eq!(nonces.take(now - 1, now), Err(NonceError::TooOld));
        assert_eq!(nonces.take(now + 99, now), Ok(()));
        assert_eq!(nonces.take(now, now), Err(NonceError::TooOld));
    }

    #[test]
    fn broken_signatures_have_no_signer() {
        let sign = |text: &str| recover(&[1; 32], &Json::parse(text.as_bytes()).unwrap());
        for bad in [
            "{}",
            r#"{"r":"0x1","s":"0x1"}"#,
            r#"{"r":"0x0","s":"0x1","v":27}"#,
            r#"{"r":"0x1","s":"0x0","v":27}"#,
            r#"{"r":"1","s":"0x1","v":27}"#,
            r#"{"r":"0xzz","s":"0x1","v":27}"#,
            r#"{"r":"0x1","s":"0x1","v":29}"#,
            r#"{"r":"0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff","s":"0x1","v":27}"#,
            r#"{"r":"0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff","s":"0x1","v":27}"#,
            "null",
        ] {
            assert_eq!(sign(bad), None, "{bad}");
        }
    }
}
