//! Cold. Transactions as they arrive: read from their JSON, and hashed for the check of the signature.
//!
//! The hash is over numbers in a fixed order: chain, type, nonce, expiry, account, key, then what the
//! type has; options that differ from their default are hashed as four pairs and joined to it. Key
//! order and spacing of the JSON do not matter, as at the venue.

use super::super::json::Json;
use super::crypto::{Fe, Fe5, hash5};
use super::refusal::{self as no, Refusal};

/// Options of one transaction.
const OPTIONS_MAX: usize = 4;
/// The numbers of options that are acted upon.
pub const SKIP_NONCE: u8 = 4;
pub const CANCEL_MARKET: u8 = 5;
pub const SELF_TRADE: u8 = 6;
pub const ORDER_VERSION: u8 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Create {
    pub market: i64,
    pub client: i64,
    pub base: i64,
    pub price: i64,
    pub is_ask: i64,
    pub kind: i64,
    pub tif: i64,
    pub reduce_only: i64,
    pub trigger: i64,
    pub expiry_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    Create(Create),
    Cancel { market: i64, index: i64 },
    CancelAll { tif: i64, time_ms: i64 },
    Modify { market: i64, index: i64, base: i64, price: i64, trigger: i64 },
    Leverage { market: i64, fraction: i64, mode: i64 },
}

/// A transaction, not checked yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Tx {
    pub kind: u8,
    pub account: i64,
    pub key: i64,
    pub nonce: i64,
    pub expires_ms: i64,
    pub options: Vec<(u8, i64)>,
    pub signature: [u8; 80],
    pub body: Body,
    pub hash: Fe5,
    /// As it came, for who asks.
    pub info: String,
}

impl Tx {
    /// Reads a transaction of a type that can be executed here.
    pub fn read(kind: u64, info: &Json, chain: u32) -> Result<Tx, Refusal> {
        let number = |name: &str| info.get(name).and_then(Json::int).ok_or(no::TX_INFO);
        let body = match kind {
            14 => Body::Create(Create {
                market: number("MarketIndex")?,
                client: number("ClientOrderIndex")?,
                base: number("BaseAmount")?,
                price: number("Price")?,
                is_ask: number("IsAsk")?,
                kind: number("Type")?,
                tif: number("TimeInForce")?,
                reduce_only: number("ReduceOnly")?,
                trigger: number("TriggerPrice")?,
                expiry_ms: number("OrderExpiry")?,
            }),
            15 => Body::Cancel { market: number("MarketIndex")?, index: number("Index")? },
            16 => Body::CancelAll { tif: number("TimeInForce")?, time_ms: number("Time")? },
            17 => Body::Modify {
                market: number("MarketIndex")?,
                index: number("Index")?,
                base: number("BaseAmount")?,
                price: number("Price")?,
                trigger: number("TriggerPrice")?,
            },
            20 => Body::Leverage {
                market: number("MarketIndex")?,
                fraction: number("InitialMarginFraction")?,
                mode: number("MarginMode")?,
            },
            _ => return Err(no::TX_TYPE),
        };
        let signature = info.get("Sig").and_then(Json::str).and_then(base64_80);
        let mut tx = Tx {
            // One of the five above.
            kind: kind as u8,
            account: number("AccountIndex")?,
            key: number("ApiKeyIndex")?,
            nonce: number("Nonce")?,
            expires_ms: number("ExpiredAt")?,
            options: options(info.given("L2TxAttributes"))?,
            signature: signature.ok_or(no::SIGNATURE)?,
            body,
            hash: Fe5::ZERO,
            info: info.text(),
        };
        tx.hash = tx.hashed(chain);
        Ok(tx)
    }

    pub fn option(&self, number: u8) -> Option<i64> {
        self.options.iter().find(|o| o.0 == number).map(|o| o.1)
    }

    /// It makes the account's volume quota smaller.
    pub fn costs_quota(&self) -> bool {
        !matches!(self.body, Body::Cancel { .. } | Body::Leverage { .. })
    }

    fn hashed(&self, chain: u32) -> Fe5 {
        let mut row = vec![
            i64::from(chain),
            i64::from(self.kind),
            self.nonce,
            self.expires_ms,
            self.account,
            self.key,
        ];
        match self.body {
            Body::Create(o) => row.extend([
                o.market,
                o.client,
                o.base,
                o.price,
                o.is_ask,
                o.kind,
                o.tif,
                o.reduce_only,
                o.trigger,
                o.expiry_ms,
            ]),
            Body::Cancel { market, index } => row.extend([market, index]),
            Body::CancelAll { tif, time_ms } => row.extend([tif, time_ms]),
            Body::Modify { market, index, base, price, trigger } => {
                row.extend([market, index, base, price, trigger]);
            }
            Body::Leverage { market, fraction, mode } => row.extend([market, fraction, mode]),
        }
        let hash = hash5(&elements(&row));
        if self.options.is_empty() {
            return hash;
        }
        let mut pairs = [0; 2 * OPTIONS_MAX];
        for (slot, (number, value)) in pairs.chunks_exact_mut(2).zip(&self.options) {
            slot.copy_from_slice(&[i64::from(*number), *value]);
        }
        let of_options = hash5(&elements(&pairs));
        let both: Vec<Fe> = hash.0.into_iter().chain(of_options.0).collect();
        hash5(&both)
    }
}

/// A negative number counts from 2^64 down, as the venue's own conversion does.
fn elements(row: &[i64]) -> Vec<Fe> {
    row.iter().map(|&n| Fe::reduced(n.cast_unsigned())).collect()
}

/// Options that differ from their default, sorted.
fn options(json: Option<&Json>) -> Result<Vec<(u8, i64)>, Refusal> {
    let Some(json) = json else { return Ok(Vec::new()) };
    let Json::Obj(entries) = json else { return Err(no::TX_INFO) };
    let mut list = Vec::new();
    for (name, value) in entries {
        let number = name.parse::<u8>().ok().filter(|n| (1..=8).contains(n)).ok_or(no::TX_INFO)?;
        let value = value.int().filter(|v| *v >= 0).ok_or(no::TX_INFO)?;
        let default = if number == CANCEL_MARKET { 255 } else { 0 };
        if value != default {
            list.push((number, value));
        }
    }
    list.sort_unstable();
    if list.len() > OPTIONS_MAX { Err(no::TX_INFO) } else { Ok(list) }
}

/// What a token or another text is signed as: eight bytes a word, the last one filled with zeros.
pub fn text_hash(text: &str) -> Fe5 {
    let word = |piece: &[u8]| {
        let mut bytes = [0; 8];
        bytes[..piece.len()].copy_from_slice(piece);
        Fe::reduced(u64::from_le_bytes(bytes))
    };
    let words: Vec<Fe> = text.as_bytes().chunks(8).map(word).collect();
    hash5(&words)
}

/// Eighty bytes in the standard alphabet: 107 characters and one `=`.
fn base64_80(text: &str) -> Option<[u8; 80]> {
    let text = text.as_bytes().strip_suffix(b"=")?;
    if text.len() != 107 {
        return None;
    }
    let mut out = [0; 80];
    let (mut held, mut bits, mut at) = (0u32, 0, 0);
    for byte in text {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        // At most 7 bits are held before these six.
        held = held << 6 | u32::from(six);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out[at] = (held >> bits) as u8;
            held &= (1 << bits) - 1;
            at += 1;
        }
    }
    // 107 x 6 = 642 bits: 80 bytes and two bits, which must be zero.
    (held == 0).then_some(out)
}
