//! A Lighter order, from the action to the last byte of its frame, and what its parts cost.
//!
//! `cargo bench --bench sign_lighter` prints a table and writes `out/bench/sign_lighter.json`; `--
//! --smoke` runs each row once round in about a second. A row is the mean over a batch; the table
//! shows the least and the median of the batches. The peer is the public crate `goldilocks-crypto`
//! with `poseidon-hash`; its rows have no text to write, which is to its advantage.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use evenkeel::event::{Action, Component, OrderId, Tif};
use evenkeel::instrument::InstId;
use evenkeel::units::{Price, Qty, SCALE, Side};
use evenkeel::venue::lighter::crypto::ecgfp5::Point;
use evenkeel::venue::lighter::crypto::goldilocks::Gf;
use evenkeel::venue::lighter::crypto::pool::{PooledSigner, nonce_pool};
use evenkeel::venue::lighter::crypto::poseidon2::{hash_to_quintic, permute};
use evenkeel::venue::lighter::crypto::quintic::Gf5;
use evenkeel::venue::lighter::crypto::scalar::Scalar;
use evenkeel::venue::lighter::crypto::schnorr::Signer;
use evenkeel::venue::lighter::orders::{
    BATCH_MAX, CodecConfig, FRAME_MAX, Market, NonceMode, OrderCodec, REST_MAX_MS,
};
use evenkeel::venue::lighter::tx::Sender;
use poseidon_hash::Goldilocks;

const KEY: [u8; 40] = [0x42; 40];
const NOW: u64 = 1_795_000_000_000;

/// Pooled signatures in a batch: short enough that on a shared machine most are not interrupted.
const BATCH: usize = 64;

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
        (name, goal): (&'static str, Option<f64>),
        per_batch: usize,
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
                start.elapsed().as_nanos() as f64 / per_batch as f64
            })
            .collect();
        means.sort_by(f64::total_cmp);
        let (least, median) = (means[0], means[means.len() / 2]);
        self.rows.push(Row { name, least, median, goal });
    }

    /// A row without state.
    fn plain(
        &mut self,
        name: &'static str,
        goal: Option<f64>,
        per_batch: usize,
        mut work: impl FnMut(),
    ) {
        self.row((name, goal), per_batch, &mut (), |()| {}, |()| work());
    }

    fn median(&self, name: &str) -> f64 {
        self.rows.iter().find(|row| row.name == name).map_or(f64::NAN, |row| row.median)
    }
}

fn signer() -> Signer {
    Signer::new(KEY).expect("a valid key")
}

fn codec(nonces: NonceMode) -> OrderCodec {
    let market = Market { index: 1, price_decimals: 1, size_decimals: 5 };
    OrderCodec::new(CodecConfig {
        sender: Sender { chain_id: 304, account: 12_345, api_key: 4 },
        run_tag: 0x0abc,
        markets: vec![(InstId(0), market)],
        tx_ttl_ms: 10_000,
        rest_ms: REST_MAX_MS,
        nonces,
    })
    .expect("a legal configuration")
}

fn place(order: u64) -> Action {
    Action::Place {
        inst: InstId(0),
        side: Side::Buy,
        tif: Tif::Alo,
        reduce_only: false,
        component: Component::Maker,
        order: OrderId::new(order, InstId(0)),
        px: Price(804_417 * SCALE / 10),
        qty: Qty(SCALE / 2),
    }
}

fn cancel(order: u64) -> Action {
    let order = OrderId::new(order, InstId(0));
    Action::Cancel { inst: InstId(0), component: Component::Maker, order }
}

/// The parts of an order.
fn parts(bench: &mut Bench) {
    let mut state: [Gf; 12] = std::array::from_fn(|i| Gf::new(i as u64 + 1));
    bench.plain("Poseidon2 permutation", Some(2_300.0), 1000, || permute(black_box(&mut state)));
    let input: [Gf; 16] = std::array::from_fn(|i| Gf::new(i as u64 + 1));
    bench.plain("hash of 16 elements", None, 500, || {
        black_box(hash_to_quintic(black_box(&input)));
    });
    let mut a = Gf5::new([1, 2, 3, 4, 5]);
    bench.plain("product in GF(p^5)", None, 10_000, || a = a * black_box(a));
    bench.plain("square in GF(p^5)", None, 10_000, || a = black_box(a).square());
    bench.plain("inverse in GF(p^5)", None, 1000, || a = black_box(a).invert());
    let mut k = Scalar::reduce([7; 5]);
    let prepared = k.prepare();
    bench.plain("product mod n", None, 10_000, || k = black_box(&k).times(&prepared));
    bench.plain("k G", None, 50, || {
        black_box(Point::multiply_generator(black_box(&k)));
    });
    bench.plain("r = encode(k G)", None, 50, || {
        black_box(Point::multiply_generator(black_box(&k)).encode());
    });
    let mut plain = signer();
    let public = plain.public_key();
    let signature = plain.sign(&a);
    bench.plain("verification", None, 10, || {
        assert!(public.verify(black_box(&a), &signature));
    });
    let (mut filler, taker) = nonce_pool(&plain, 1 << 14);
    bench.plain("pool entry (cold thread)", None, 20, || {
        filler.fill(1).expect("the system has randomness");
    });
    drop(taker);
}

/// Whole frames.
fn frames(bench: &mut Bench) {
    let mut out = [0; FRAME_MAX];
    let (mut filler, taker) = nonce_pool(&signer(), BATCH * BATCH_MAX);
    let mut pooled = PooledSigner::with_pool(signer(), taker);
    let most: Vec<Action> = (1..=BATCH_MAX as u64).map(place).collect();
    let one = [place(1)];
    for (name, goal, nonces, actions) in [
        ("order to frame, pooled", Some(10_000.0), NonceMode::Sequential, &one[..]),
        ("order to frame, pooled, SkipNonce", None, NonceMode::Clock, &one),
        ("cancel to frame, pooled", None, NonceMode::Sequential, &[cancel(1)]),
        ("15 orders to frame, pooled", None, NonceMode::Sequential, &most),
    ] {
        let mut codec = codec(nonces);
        let per_batch = BATCH / actions.len();
        let fill = |_: &mut PooledSigner| {
            filler.fill(BATCH).expect("the system has randomness");
        };
        bench.row((name, goal), per_batch, &mut pooled, fill, |pooled| {
            let posted = codec.encode(black_box(actions), NOW, pooled, &mut out);
            black_box(posted.expect("these can be sent").len);
        });
    }
    assert_eq!(pooled.fallbacks, 0);
    let (mut plain, mut codec) = (PooledSigner::unpooled(signer()), codec(NonceMode::Sequential));
    bench.plain("order to frame, unpooled", Some(150_000.0), 20, || {
        let posted = codec.encode(black_box(&one), NOW, &mut plain, &mut out);
        black_box(posted.expect("these can be sent").len);
    });
}

/// The public crate on the same order.
fn peers(bench: &mut Bench) {
    let mut state: [Goldilocks; 12] = std::array::from_fn(|i| Goldilocks(i as u64 + 1));
    bench.plain("peer: permutation", None, 200, || {
        poseidon_hash::permute(black_box(&mut state));
    });
    let input: Vec<Goldilocks> = (1..=16).map(Goldilocks).collect();
    let key = Scalar::reduce([7; 5]).to_bytes();
    bench.plain("peer: hash and sign", None, 5, || {
        let hash = poseidon_hash::hash_to_quintic_extension(black_box(&input)).to_bytes_le();
        black_box(goldilocks_crypto::sign(&key, &hash).expect("a valid key"));
    });
}

fn main() {
    let smoke = std::env::args().any(|arg| arg == "--smoke" || arg == "--test");
    let mut bench = Bench { batches: if smoke { 1 } else { 51 }, rows: Vec::new() };
    parts(&mut bench);
    frames(&mut bench);
    peers(&mut bench);

    let pooled = bench.median("peer: hash and sign") / bench.median("order to frame, pooled");
    let unpooled = bench.median("peer: hash and sign") / bench.median("order to frame, unpooled");
    let mut json = String::from("{\"unit\":\"ns\",\"rows\":[");
    println!("{:<32} {:>10} {:>10} {:>10}", "ns", "least", "median", "goal");
    for (i, Row { name, least, median, goal }) in bench.rows.iter().enumerate() {
        let verdict = goal.map_or(String::new(), |goal| {
            format!("{goal:>10.0} {}", if *median <= goal { "met" } else { "MISSED" })
        });
        println!("{name:<32} {least:>10.1} {median:>10.1} {verdict}");
        let comma = if i == 0 { "" } else { "," };
        let goal = goal.map_or("null".to_owned(), |goal| goal.to_string());
        let _ = write!(
            json,
            "{comma}{{\"name\":\"{name}\",\"min\":{least:.1},\"median\":{median:.1},\"goal\":{goal}}}"
        );
    }
    println!("pooled is {pooled:.0} x faster than the public crate, unpooled {unpooled:.1} x");
    let _ = write!(json, "],\"times_pooled\":{pooled:.1},\"times_unpooled\":{unpooled:.1}}}");
    if !smoke {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("out/bench");
        std::fs::create_dir_all(&folder).expect("the repository is writable");
        std::fs::write(folder.join("sign_lighter.json"), json).expect("the repository is writable");
    }
}
