//! Cold. The headline: bytes of a market-data frame in, a signed order frame out, with everything
//! between that a live run has.
//!
//! `cargo bench --bench tick_to_order` prints the tables, compares with the run before, and writes
//! `out/bench/tick_to_order.{*.hgrm, json, svg}`; `-- --smoke` does one short round of everything,
//! `-- --fused` the cases on one thread; neither writes anything.
//!
//! What is inside `tick_to_order`: frame header and UTF-8 check, decode, market ring, sequencer
//! (journal ring included), signals, maker, hedger, risk, order ring, the last checks, msgpack,
//! three hashes, signature, JSON, mask. What is not: the socket calls, TLS. Of a book as many levels are
//! read as the default profile says; `BOOK_LEVELS=20` in the environment reads all of them.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod figures;
mod market;
mod plot;
mod report;
mod rig;
mod run;
mod sdk;

use evenkeel::pipeline::clock::Clock;
use evenkeel::pipeline::runner::cores;
use figures::{Case, Hdr, Quantiles, hdr, stages_of};
use market::{Feed, Market};
use report::Peer;
use rig::Rig;
use run::{Mode, Schedule, Stage, spin};
use std::hint::black_box;
use std::path::Path;

/// The engine's clock against the real one: an event each 50 us stands for one each 50 ms, so every
/// timer and rate limit of the profile means what it means live.
const SPEED: u32 = 1000;
const INTERVAL_NS: u64 = 50_000;
/// Nonces for one round.
const POOL: usize = 1 << 15;

/// How much is run.
#[derive(Clone, Copy)]
struct Scale {
    rounds: usize,
    events: usize,
    sdk: usize,
}

const FULL: Scale = Scale { rounds: 10, events: 10_000, sdk: 200 };
const SMOKE: Scale = Scale { rounds: 1, events: 2_000, sdk: 20 };

fn main() {
    let has = |names: &[&str]| std::env::args().any(|arg| names.contains(&arg.as_str()));
    let smoke = has(&["--smoke", "--test"]);
    // One thread only, not kept: to compare two builds that take turns.
    let fused = has(&["--fused"]);
    let scale = if smoke { SMOKE } else { FULL };
    let cpus = cores();
    let mut modes = vec![Mode::Fused];
    if cpus.len() >= 2 && !fused {
        modes.push(Mode::Rings);
    }
    if cpus.len() >= 4 && !fused {
        modes.push(Mode::Pipeline);
    }
    // The first core usually serves interrupts.
    let pinned: Vec<usize> = cpus.iter().rev().copied().collect();
    let clock = Clock::start(SPEED);
    let machine =
        spin(&clock, if smoke { 100_000_000 } else { 1_000_000_000 }, pinned.first().copied());
    println!(
        "machine: {} cores; a thread that only spins: {}",
        cpus.len(),
        report::hiccups_text(&machine)
    );
    println!(
        "open loop, one event each {} us, {} rounds of {}; the engine's clock runs {SPEED} x\n",
        INTERVAL_NS / 1000,
        scale.rounds,
        scale.events
    );
    let (cases, peers) = measure(scale, &modes, &clock, &pinned);
    for case in &cases {
        println!("{}", report::case_text(case));
    }
    let ratios = ratios(&cases, &peers);
    for peer in &peers {
        let q = Quantiles::of(&peer.order);
        println!(
            "{}: p50 {:.1} us, p99 {:.1} us",
            peer.name,
            q.p50 as f64 / 1e3,
            q.p99 as f64 / 1e3
        );
    }
    for (name, ratio) in &ratios {
        let verdict = if *ratio >= 25.0 { "PASS" } else { "short" };
        println!("{name}: {ratio:.1} x (goal 25) {verdict}");
    }
    let json = report::json(&cases, &peers, &ratios, &machine);
    if !smoke && !fused {
        keep(&cases, &peers, &json);
    }
}

/// All cases, interleaved with the peer, so that a noisy neighbour meets all of them.
fn measure(scale: Scale, modes: &[Mode], clock: &Clock, cpus: &[usize]) -> (Vec<Case>, Vec<Peer>) {
    let schedule =
        Schedule { interval_ns: INTERVAL_NS, events: scale.events, warm_up: scale.events / 10 };
    let mut cases = Vec::new();
    let mut peers = Vec::new();
    let mut bench = sdk::Sdk::new();
    for feed in [Feed::Book, Feed::Bbo] {
        let name = format!("SDK-style {}", feed.name());
        let mut peer = Peer { name, order: hdr() };
        for (i, &mode) in modes.iter().enumerate() {
            let mut case = Case::new(mode, feed, "");
            let mut market = Market::new(feed, 0x5eed);
            let mut stage = Stage::new(Rig::new(clock, Some(POOL)));
            for _ in 0..scale.rounds {
                stage = round(stage, &mut case, mode, feed, &mut market, schedule, cpus);
                if i == 0 {
                    sdk_round(&mut bench, &market, feed, scale.sdk, clock, &mut peer.order);
                }
            }
            finish(stage, &case);
            cases.push(case);
        }
        peers.push(peer);
    }
    cases.push(slow_signing(scale, clock, cpus));
    (cases, peers)
}

/// The fused path with signatures made on the spot: what a pool saves, and what an empty one costs.
fn slow_signing(scale: Scale, clock: &Clock, cpus: &[usize]) -> Case {
    let events = scale.events / 10;
    // Four times the longest path apart, so that one event does not wait for another.
    let schedule = Schedule { interval_ns: 4 * INTERVAL_NS, events, warm_up: events / 10 };
    let mut case = Case::new(Mode::Fused, Feed::Book, ", RFC 6979");
    let mut market = Market::new(Feed::Book, 0x5eed);
    let mut stage = Stage::new(Rig::new(clock, None));
    for _ in 0..scale.rounds {
        stage = round(stage, &mut case, Mode::Fused, Feed::Book, &mut market, schedule, cpus);
    }
    finish(stage, &case);
    case
}

fn round(
    stage: Stage,
    case: &mut Case,
    mode: Mode,
    feed: Feed,
    market: &mut Market,
    schedule: Schedule,
    cpus: &[usize],
) -> Stage {
    let before = stages_of(&stage.rig.metrics);
    let (stage, result) = stage.round(mode, market, schedule, cpus);
    case.add_stages(&before, &stages_of(&stage.rig.metrics));
    case.add(&result, schedule.warm_up, feed == Feed::Book);
    stage
}

/// What must hold for the figures to mean anything.
fn finish(stage: Stage, case: &Case) {
    let (rig, _records) = stage.end();
    let metrics = &rig.metrics;
    assert_eq!(metrics.feed.malformed.get() + metrics.feed.dropped.get(), 0, "all was decoded");
    assert_eq!(metrics.egress.unsent.get() + metrics.egress.illegal.get(), 0, "all was sent");
    let empty = metrics.egress.pool_empty.get();
    assert!(empty == 0 || case.goal.is_none(), "{}: the pool ran dry {empty} times", case.name);
    assert!(case.causing > 0, "{}: no event caused an order", case.name);
    let dropped = metrics.journal_dropped.get();
    if dropped > 0 {
        println!("note: {}: the journal's thread was behind, {dropped} records dropped", case.name);
    }
}

fn sdk_round(
    sdk: &mut sdk::Sdk,
    market: &Market,
    feed: Feed,
    count: usize,
    clock: &Clock,
    into: &mut Hdr,
) {
    for i in 0..count {
        // Frame zero of a bbo feed is a book.
        let i = 1 + i % (market::BOOK_EVERY - 1);
        let text = market.text(i);
        let begun = clock.stamp().0;
        black_box(sdk.path(text, feed == Feed::Book));
        into.saturating_record(clock.stamp().0 - begun);
    }
}

/// SDK-style p50 over ours, by feed, on one thread.
fn ratios(cases: &[Case], peers: &[Peer]) -> Vec<(String, f64)> {
    let feeds = [Feed::Book, Feed::Bbo];
    let pairs = feeds.iter().zip(peers).filter_map(|(feed, peer)| {
        let name = format!("fused {}", feed.name());
        let case = cases.iter().find(|c| c.name == name)?;
        let ours = case.order.value_at_quantile(0.5).max(1) as f64;
        let theirs = peer.order.value_at_quantile(0.5) as f64;
        Some((format!("{} over {name}", peer.name), theirs / ours))
    });
    pairs.collect()
}

fn keep(cases: &[Case], peers: &[Peer], json: &serde_json::Value) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("out/bench");
    let before = std::fs::read_to_string(folder.join("tick_to_order.json"))
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok());
    match before {
        None => println!("no saved run to compare with; this one is saved"),
        Some(old) => {
            println!("\nthe run before -> this one, us\n{}", report::comparison(&old, json))
        }
    }
    let ours = cases.iter().map(|c| plot::Curve { name: &c.name, h: &c.order, is_peer: false });
    let theirs = peers.iter().map(|p| plot::Curve { name: &p.name, h: &p.order, is_peer: true });
    let curves: Vec<_> = ours.chain(theirs).collect();
    let subtitle = format!(
        "whole strategy, plaintext, open loop at {} events/s; tails are this machine's",
        1_000_000_000 / INTERVAL_NS
    );
    let svg = plot::svg(&curves, &subtitle);
    report::save(&folder, cases, peers, json, &svg).expect("the repository is writable");
    println!("written: out/bench/tick_to_order.{{*.hgrm, json, svg}}");
}
