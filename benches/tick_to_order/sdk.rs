//! Cold. The same path as it is usually built from public crates: serde_json into `String`s, rust_decimal, a
//! trivial quote, rmp-serde, sha3, k256, serde_json again. No TLS, no WebSocket frame, no ring, no
//! strategy: all of that is to its advantage.

use k256::ecdsa::SigningKey;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sha3::{Digest, Keccak256};
use std::str::FromStr;

#[derive(Deserialize)]
struct Frame<T> {
    #[expect(dead_code, reason = "a client reads it")]
    channel: String,
    data: T,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "a client reads all of it")]
struct Book {
    coin: String,
    time: u64,
    levels: Vec<Vec<Row>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "a client reads all of it")]
struct Bbo {
    coin: String,
    time: u64,
    bbo: [Option<Row>; 2],
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "a client reads all of it")]
struct Row {
    px: String,
    sz: String,
    n: u32,
}

#[derive(Serialize)]
struct Action<'a> {
    r#type: &'a str,
    orders: [Order<'a>; 1],
    grouping: &'a str,
}

#[derive(Serialize)]
struct Order<'a> {
    a: u32,
    b: bool,
    p: String,
    s: String,
    r: bool,
    t: Type<'a>,
    c: String,
}

#[derive(Serialize)]
struct Type<'a> {
    limit: Limit<'a>,
}

#[derive(Serialize)]
struct Limit<'a> {
    tif: &'a str,
}

#[derive(Serialize)]
struct Post<'a> {
    method: &'a str,
    id: u64,
    request: Request<'a>,
}

#[derive(Serialize)]
struct Request<'a> {
    r#type: &'a str,
    payload: Payload<'a>,
}

#[derive(Serialize)]
struct Payload<'a> {
    action: Action<'a>,
    nonce: u64,
    signature: Sig,
    #[serde(rename = "vaultAddress")]
    vault: Option<String>,
}

#[derive(Serialize)]
struct Sig {
    r: String,
    s: String,
    v: u8,
}

type Levels = Vec<(Decimal, Decimal)>;

pub struct Sdk {
    key: SigningKey,
    domain: [u8; 32],
    nonce: u64,
}

impl Sdk {
    pub fn new() -> Sdk {
        let key = SigningKey::from_slice(&[0x42; 32]).expect("a valid key");
        Sdk { key, domain: [1; 32], nonce: 1_760_000_000_000 }
    }

    /// Text of a message to the signed text of an order.
    pub fn path(&mut self, text: &[u8], is_book: bool) -> String {
        let (bids, asks) = if is_book { book(text) } else { bbo(text) };
        let (bid, ask) = (bids[0].0, asks[0].0);
        let mid = (bid + ask) / Decimal::TWO;
        // 1.5 bps below the mid, on a tick of 0.01.
        let px = (mid * Decimal::new(99_985, 5)).round_dp(2).normalize();
        self.nonce += 1;
        self.order(px, Decimal::new(2, 1))
    }

    fn order(&self, px: Decimal, qty: Decimal) -> String {
        let order = Order {
            a: 5,
            b: true,
            p: px.to_string(),
            s: qty.to_string(),
            r: false,
            t: Type { limit: Limit { tif: "Alo" } },
            c: format!("0x{:032x}", self.nonce),
        };
        let action = Action { r#type: "order", orders: [order], grouping: "na" };
        let mut packed = rmp_serde::to_vec_named(&action).expect("plain data");
        packed.extend(self.nonce.to_be_bytes());
        packed.push(0);
        let id: [u8; 32] = Keccak256::digest(&packed).into();
        let agent = Keccak256::digest([[2; 32], [3; 32], id].concat());
        let digest = Keccak256::digest([&[0x19, 1], &self.domain[..], &agent].concat());
        let (signature, parity) = self.key.sign_prehash_recoverable(&digest);
        let (r, s) = signature.split_bytes();
        let hex = |bytes: &[u8]| {
            bytes.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
        };
        let signature = Sig { r: hex(&r), s: hex(&s), v: 27 + parity.to_byte() };
        let payload = Payload { action, nonce: self.nonce, signature, vault: None };
        let request = Request { r#type: "action", payload };
        let post = Post { method: "post", id: self.nonce, request };
        serde_json::to_string(&post).expect("plain data")
    }
}

fn level(row: &Row) -> (Decimal, Decimal) {
    let number = |text: &str| Decimal::from_str(text).expect("a decimal");
    (number(&row.px), number(&row.sz))
}

fn book(text: &[u8]) -> (Levels, Levels) {
    let frame: Frame<Book> = serde_json::from_slice(text).expect("a book");
    let side = |i: usize| frame.data.levels[i].iter().map(level).collect();
    (side(0), side(1))
}

fn bbo(text: &[u8]) -> (Levels, Levels) {
    let frame: Frame<Bbo> = serde_json::from_slice(text).expect("a bbo");
    let side = |i: usize| frame.data.bbo[i].iter().map(level).collect();
    (side(0), side(1))
}
