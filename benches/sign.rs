//! An order, from the action to the last byte of its frame, and what its parts cost.
//!
//! `cargo bench --bench sign` prints a table and writes `out/bench/sign.json`; `-- --smoke` runs
//! each row once round in about a second. A row is the mean over a batch; the table shows the
//! least and the median of the batches. Peers: the usual Rust way (rmp-serde, sha3, k256) and the
//! best conventional one (our encoder and hash, libsecp256k1).
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use evenkeel::event::{Action, Component, OrderId, Tif};
use evenkeel::instrument::InstId;
use evenkeel::units::{Price, Qty, SCALE, Side};
use evenkeel::venue::eip712::{PooledSigner, Signer, keccak256, nonce_pool};
use evenkeel::venue::hyperliquid::orders::{BATCH_MAX, CodecConfig, FRAME_MAX, Form, OrderCodec};
use evenkeel::venue::hyperliquid::sign::wire::{Both, Buf, Json, Pack};
use evenkeel::venue::hyperliquid::sign::{
    Cloid, Grouping, L1Action, Network, OrderType, OrderWire, action_hash, agent_digest,
};
use k256::ecdsa::SigningKey;
use serde::Serialize;
use sha3::Digest;

const KEY: [u8; 32] = [0x42; 32];
const NOW: u64 = 1_791_480_444_439;

/// Pooled signatures in a batch. Filling the pool between batches leaves caches and predictors to
/// the filler, so a batch is long enough for the first orders not to count.
const BATCH: usize = 1024;

/// One line of the table, ns.
struct Row {
    name: &'static str,
    least: f64,
    median: f64,
    /// What the median must not pass, ns.
    goal: Option<f64>,
}

struct Bench {
    batches: usize,
    rows: Vec<Row>,
}

impl Bench {
    /// Times `per_batch` calls of `work`, `batches` times; `prepare` runs before each batch.
    fn row<S>(
        &mut self,
        name: &'static str,
        goal: Option<f64>,
        per_batch: u32,
        state: &mut S,
        mut prepare: impl FnMut(&mut S),
        mut work: impl FnMut(&mut S),
    ) {
        let mut means: Vec<f64> = (0..self.batches)
            .map(|_| {
                prepare(state);
                let start = Instant::now();
                for _ in 0..per_batch {
                    work(state);
                }
                start.elapsed().as_nanos() as f64 / f64::from(per_batch)
            })
            .collect();
        means.sort_by(f64::total_cmp);
        let (least, median) = (means[0], means[means.len() / 2]);
        self.rows.push(Row { name, least, median, goal });
    }

    /// A row without state.
    fn plain(&mut self, name: &'static str, per_batch: u32, mut work: impl FnMut()) {
        self.row(name, None, per_batch, &mut (), |()| {}, |()| work());
    }

    fn median(&self, name: &str) -> f64 {
        self.rows.iter().find(|row| row.name == name).map_or(f64::NAN, |row| row.median)
    }
}

fn place(order: u64) -> Action {
    Action::Place {
        inst: InstId(0),
        side: Side::Buy,
        tif: Tif::Alo,
        reduce_only: false,
        component: Component::Maker,
        order: OrderId(order),
        px: Price(14_325 * SCALE / 100),
        qty: Qty(73 * SCALE / 1000),
    }
}

fn cancel(order: u64) -> Action {
    Action::Cancel { inst: InstId(0), component: Component::Maker, order: OrderId(order) }
}

fn wire() -> OrderWire {
    OrderWire {
        asset: 5,
        is_buy: true,
        px: Price(14_325 * SCALE / 100),
        qty: Qty(73 * SCALE / 1000),
        reduce_only: false,
        kind: OrderType::Limit(Tif::Alo),
        cloid: Some(Cloid(0x0123_4567_89ab_cdef_0000_0000_0000_0001)),
    }
}

fn codec() -> OrderCodec {
    OrderCodec::new(CodecConfig {
        network: Network::Mainnet,
        vault: None,
        run_tag: 0x0123_4567_89ab_cdef,
        assets: vec![(InstId(0), 5)],
        order_ttl_ms: None,
        ioc_priority: None,
        builder: None,
    })
}

fn signer() -> Signer {
    Signer::new(KEY).expect("a valid key")
}

/// The parts of an order.
fn parts(bench: &mut Bench) {
    let orders = [wire()];
    let action = L1Action::Order { orders: &orders, grouping: Grouping::Na, builder: None };
    let (mut packed, mut text) = ([0; 1024], [0; 1024]);
    bench.plain("encode: msgpack", 1000, || {
        let mut pack = Pack(Buf::new(&mut packed));
        black_box(&action).write(&mut pack);
        black_box(pack.0.written());
    });
    bench.plain("encode: msgpack and JSON", 1000, || {
        let json = Json::new(Buf::new(&mut text));
        let mut both = Both { pack: Pack(Buf::new(&mut packed)), json };
        black_box(&action).write(&mut both);
        black_box((both.pack.0.written(), both.json.buf.written()));
    });
    let mut message = [7; 124];
    bench.plain("keccak256, 124 bytes", 1000, || {
        let hash = keccak256(black_box(&message));
        message[..32].copy_from_slice(&hash);
    });
    bench.plain("sha3's keccak256, 124 bytes", 1000, || {
        let hash = sha3::Keccak256::digest(black_box(&message));
        message[..32].copy_from_slice(&hash);
    });
    let mut id = [7; 32];
    bench.plain("digest of a connection id", 1000, || {
        id = agent_digest(Network::Mainnet, black_box(&id));
    });
    let (mut filler, taker) = nonce_pool(&signer(), BATCH);
    let mut pooled = PooledSigner::with_pool(signer(), taker);
    let fill = |_: &mut PooledSigner| {
        filler.fill(BATCH).expect("the system has randomness");
    };
    bench.row("signature, pooled", None, BATCH as u32, &mut pooled, fill, |pooled| {
        black_box(pooled.sign(black_box(&id)));
    });
    assert_eq!(pooled.fallbacks, 0);
    let plain = signer();
    bench.plain("signature, RFC 6979", 20, || {
        black_box(plain.sign(black_box(&id)));
    });
    let (mut filler, taker) = nonce_pool(&signer(), 1 << 14);
    bench.plain("pool entry (cold thread)", 20, || {
        filler.fill(1).expect("the system has randomness");
    });
    drop(taker);
}

/// Whole frames.
fn frames(bench: &mut Bench) {
    let mut codec = codec();
    let mut out = [0; FRAME_MAX];
    let (mut filler, taker) = nonce_pool(&signer(), BATCH);
    let mut pooled = PooledSigner::with_pool(signer(), taker);
    let mut fill = |_: &mut PooledSigner| {
        filler.fill(BATCH).expect("the system has randomness");
    };
    let ten: Vec<Action> = (1..=10).map(place).collect();
    let most: Vec<Action> = (1..=BATCH_MAX as u64).map(cancel).collect();
    let mut now = NOW;
    for (name, goal, actions) in [
        ("order to frame, pooled", Some(1200.0), &[place(1)][..]),
        ("cancel to frame, pooled", None, &[cancel(1)]),
        ("10 orders to frame, pooled", None, &ten),
        ("39 cancels to frame, pooled", None, &most),
    ] {
        bench.row(name, goal, BATCH as u32, &mut pooled, &mut fill, |pooled| {
            now += 1;
            let posted = codec.encode(black_box(actions), Form::Post, now, pooled, &mut out);
            black_box(posted.expect("these can be sent").len);
        });
    }
    assert_eq!(pooled.fallbacks, 0);
    let mut plain = PooledSigner::deterministic(signer());
    let action = [place(1)];
    let goal = Some(40_000.0);
    bench.row(
        "order to frame, RFC 6979",
        goal,
        20,
        &mut plain,
        |_| {},
        |plain| {
            now += 1;
            let posted = codec.encode(black_box(&action), Form::Post, now, plain, &mut out);
            black_box(posted.expect("these can be sent").len);
        },
    );
}

#[derive(Serialize)]
struct PeerAction<'a> {
    r#type: &'a str,
    orders: [PeerOrder<'a>; 1],
    grouping: &'a str,
}

#[derive(Serialize)]
struct PeerOrder<'a> {
    a: u32,
    b: bool,
    p: String,
    s: String,
    r: bool,
    t: PeerType<'a>,
    c: &'a str,
}

#[derive(Serialize)]
struct PeerType<'a> {
    limit: PeerLimit<'a>,
}

#[derive(Serialize)]
struct PeerLimit<'a> {
    tif: &'a str,
}

/// Other ways to the signature of the same order; no frame, which is to their advantage.
fn peers(bench: &mut Bench) {
    let key = SigningKey::from_slice(&KEY).expect("a valid key");
    let (px, qty) = (rust_decimal::Decimal::new(14_325, 2), rust_decimal::Decimal::new(73, 3));
    let domain = [1; 32];
    let usual = || {
        let order = PeerOrder {
            a: 5,
            b: true,
            p: black_box(px).to_string(),
            s: black_box(qty).to_string(),
            r: false,
            t: PeerType { limit: PeerLimit { tif: "Alo" } },
            c: "0x0123456789abcdef0000000000000001",
        };
        let action = PeerAction { r#type: "order", orders: [order], grouping: "na" };
        let mut packed = rmp_serde::to_vec_named(&action).expect("plain data");
        packed.extend(NOW.to_be_bytes());
        packed.push(0);
        let id = sha3::Keccak256::digest(&packed);
        let agent = sha3::Keccak256::digest([[2; 32], [3; 32], id.into()].concat());
        let digest = sha3::Keccak256::digest([&[0x19, 1], &domain[..], &agent].concat());
        black_box(key.sign_prehash_recoverable(&digest));
    };
    bench.plain("peer: rmp-serde, sha3, k256", 20, usual);

    let secp = secp256k1::Secp256k1::signing_only();
    let key = secp256k1::SecretKey::from_byte_array(KEY).expect("a valid key");
    let orders = [wire()];
    let action = L1Action::Order { orders: &orders, grouping: Grouping::Na, builder: None };
    let mut packed = [0; 1024];
    bench.plain("peer: ours with libsecp256k1", 20, || {
        let mut pack = Pack(Buf::new(&mut packed));
        black_box(&action).write(&mut pack);
        let id = action_hash(&mut pack.0, NOW, None, None).expect("there is room");
        let digest = agent_digest(Network::Mainnet, &id);
        let message = secp256k1::Message::from_digest(digest);
        black_box(secp.sign_ecdsa_recoverable(message, &key));
    });
}

fn main() {
    let smoke = std::env::args().any(|arg| arg == "--smoke" || arg == "--test");
    let mut bench = Bench { batches: if smoke { 3 } else { 101 }, rows: Vec::new() };
    parts(&mut bench);
    frames(&mut bench);
    peers(&mut bench);

    let pooled = bench.median("order to frame, pooled");
    let usual = bench.median("peer: rmp-serde, sha3, k256") / pooled;
    let best = bench.median("peer: ours with libsecp256k1") / pooled;
    let mut json = String::from("{\"unit\":\"ns\",\"rows\":[");
    println!("{:<32} {:>10} {:>10} {:>10}", "ns", "least", "median", "goal");
    for (i, Row { name, least, median, goal }) in bench.rows.iter().enumerate() {
        let verdict = goal.map_or(String::new(), |goal| {
            format!("{goal:>10.0} {}", if *median <= goal { "met" } else { "MISSED" })
        });
        println!("{name:<32} {least:>10.0} {median:>10.0} {verdict}");
        let comma = if i == 0 { "" } else { "," };
        let goal = goal.map_or("null".to_owned(), |goal| goal.to_string());
        let _ = write!(
            json,
            "{comma}{{\"name\":\"{name}\",\"min\":{least:.1},\"median\":{median:.1},\"goal\":{goal}}}"
        );
    }
    println!("pooled is {usual:.0} x faster than the usual way, {best:.0} x than libsecp256k1's");
    let _ = write!(json, "],\"times_usual\":{usual:.1},\"times_libsecp256k1\":{best:.1}}}");
    if !smoke {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("out/bench");
        std::fs::create_dir_all(&folder).expect("the repository is writable");
        std::fs::write(folder.join("sign.json"), json).expect("the repository is writable");
    }
}
