//! The binary as a person uses it: what it prints, and how it exits.

use evenkeel::event::Action;
use evenkeel::journal::Record;
use evenkeel::journal::file::{Reader, Writer};
use serde_json::Value;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn evenkeel(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .args(args)
        .output()
        .expect("the test's own binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A file of this test in the build's folder.
fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// One short run; returns its JSON.
fn demo(journal: &Path, more: &[&str]) -> Value {
    let journal = journal.to_str().expect("a plain path");
    let args = ["demo", "--json", "--seconds", "2", "--speed", "100", "--journal", journal];
    let out = evenkeel(&[&args[..], more].concat());
    assert!(out.status.success(), "{}{}", text(&out.stdout), text(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("one JSON object")
}

/// Copies a journal record by record, with `edit` in between.
fn rewrite(from: &Path, to: &Path, mut edit: impl FnMut(u64, Record) -> Option<Record>) {
    let bytes = std::fs::read(from).expect("the run wrote it");
    let mut reader = Reader::new(&bytes[..]).expect("a journal");
    let header = reader.header().to_owned();
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out, &header).expect("a Vec takes everything");
    for (i, record) in reader.by_ref().enumerate() {
        if let Some(record) = edit(i as u64, record.expect("undamaged")) {
            writer.write(&record).expect("a Vec takes everything");
        }
    }
    std::fs::write(to, out).expect("the build's folder takes files");
}

#[test]
fn scenarios_run_over_real_sockets() {
    for name in ["pair-entry", "small-account"] {
        let run = demo(&scratch(&format!("{name}.journal")), &["--scenario", name]);
        assert_eq!(run["illegal_orders"], 0, "{name}: {run}");
        assert_eq!(run["replay_identical"], true, "{name}: {run}");
        assert!(run["orders_sent"].as_u64() > Some(0), "{name}: {run}");
    }
    let out = evenkeel(&["demo", "--scenario", "nowhere"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out.stderr).contains("pair-entry"), "{}", text(&out.stderr));
}

#[test]
fn the_main_job_trades_and_proves_itself() {
    let journal = scratch("main_job.journal");
    let run = demo(&journal, &[]);
    for key in [
        "fills",
        "hedges",
        "orders_sent",
        "orders_rejected",
        "illegal_orders",
        "max_abs_inventory",
        "final_inventory",
        "replay_identical",
        "decisions",
        "state_hash",
    ] {
        assert!(!run[key].is_null(), "{key} is missing: {run}");
    }
    for key in ["p50", "p99", "p999", "max"] {
        assert!(run["tick_to_order_ns"][key].is_u64(), "{key}: {run}");
    }
    assert_eq!(run["illegal_orders"], 0);
    assert_eq!(run["replay_identical"], true);
    assert_eq!(run["stopped_in_order"], true);
    assert_eq!(run["venue_inventory"], run["final_inventory"]);
    assert_eq!(run["venue_open_orders"], 0);
    assert!(run["orders_sent"].as_u64() > Some(0), "it never quoted: {run}");

    // The file replays by itself, to the same state.
    let path = journal.to_str().expect("a plain path");
    let out = evenkeel(&["replay", path, "--json"]);
    assert_eq!(out.status.code(), Some(0));
    let replay: Value = serde_json::from_slice(&out.stdout).expect("one JSON object");
    assert_eq!(replay["state_hash"], run["state_hash"]);
    assert_eq!(replay["decisions"], run["decisions"]);

    a_changed_decision_is_found(&journal);
    a_damaged_journal_is_told(&journal);
}

/// One order's price is changed by one raw unit, with a valid checksum.
fn a_changed_decision_is_found(journal: &Path) {
    let forged = scratch("forged.journal");
    let mut done = false;
    rewrite(journal, &forged, |_, record| match record {
        Record::Action(Action::Place {
            inst,
            side,
            tif,
            reduce_only,
            component,
            order,
            px,
            qty,
        }) if !done => {
            done = true;
            let px = evenkeel::units::Price(px.0 + 1);
            let place = Action::Place { inst, side, tif, reduce_only, component, order, px, qty };
            Some(Record::Action(place))
        }
        other => Some(other),
    });
    assert!(done, "the run placed an order");
    let out = evenkeel(&["replay", forged.to_str().expect("a plain path")]);
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stdout).contains("DIFFERENT"), "{}", text(&out.stdout));
}

/// A hole, a cut and a flipped bit each end the good prefix and the exit status says so.
fn a_damaged_journal_is_told(journal: &Path) {
    let bytes = std::fs::read(journal).expect("the run wrote it");
    let check = |name: &str, bytes: &[u8], word: &str| {
        let path = scratch(name);
        std::fs::write(&path, bytes).expect("the build's folder takes files");
        let out = evenkeel(&["replay", path.to_str().expect("a plain path")]);
        assert_eq!(out.status.code(), Some(1), "{name}");
        assert!(text(&out.stdout).contains(word), "{name}: {}", text(&out.stdout));
    };
    check("cut.journal", &bytes[..bytes.len() - 10], "ends within a record");
    let mut flipped = bytes.clone();
    let at = bytes.len() - 100;
    flipped[at] ^= 1;
    check("flipped.journal", &flipped, "checksum");
    let holed = scratch("holed.journal");
    rewrite(journal, &holed, |i, record| {
        Some(if i == 5 { Record::Torn { missing: 3 } } else { record })
    });
    let out = evenkeel(&["replay", holed.to_str().expect("a plain path")]);
    assert_eq!(out.status.code(), Some(1));
}

#[test]
fn every_topology_that_fits_the_machine_runs() {
    for (topology, wait) in [("fused", "sleep"), ("fused", "yield"), ("pair", "sleep")] {
        let journal = scratch(&format!("{topology}_{wait}.journal"));
        let more = ["--topology", topology, "--wait", wait, "--seconds", "1"];
        let out = evenkeel(
            &[
                &["demo", "--json", "--speed", "100", "--journal"][..],
                &[journal.to_str().expect("a plain path")],
                &more,
            ]
            .concat(),
        );
        // A machine of one core refuses the pair, by name.
        let code = out.status.code();
        let refused = code == Some(4) && text(&out.stderr).contains("needs 2 cores");
        assert!(code == Some(0) || refused, "{topology} {wait}: {}", text(&out.stderr));
    }
}

#[test]
fn what_is_missing_outside_is_told_with_its_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let bad = scratch("unknown_key.toml");
    std::fs::write(&bad, "[limits]\nburts = 3\n").expect("the build's folder takes files");
    let bad = bad.to_str().expect("a plain path");
    for (args, code, words) in [
        (&["demo", "--data", "/nonexistent"][..], 4, "no such folder"),
        (&["demo", "--port", &port], 4, "in use"),
        (&["demo", "--symbol", "NOPE"], 2, "has SOL"),
        (&["demo", "--topology", "ring"], 2, "choose pipeline"),
        (&["demo", "--wait", "long"], 2, "choose spin"),
        (&["demo", "--seconds", "0"], 2, "1..="),
        (&["demo", "--config", "/nonexistent.toml"], 4, "/nonexistent.toml"),
        (&["demo", "--config", bad], 3, "unknown_key.toml:2:1"),
        (&["demo", "--journal", "/proc/none/x"], 4, "journal"),
        (&["replay", "/nonexistent"], 4, "/nonexistent"),
        (&["replay", bad], 4, "not an Evenkeel journal"),
        (&["nonsense"], 2, "nonsense"),
    ] {
        let out = evenkeel(args);
        assert_eq!(out.status.code(), Some(code), "{args:?}: {}", text(&out.stderr));
        assert!(text(&out.stderr).contains(words), "{args:?}: {}", text(&out.stderr));
    }
}

#[test]
fn the_venue_serves_and_reports_each_account() {
    let (owner, agent) = (format!("0x{}", "0a".repeat(20)), format!("0x{}", "0b".repeat(20)));
    let account = format!("{owner}+{agent}");
    // Without a terminal the input ends at once.
    let out = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .args(["venue", "--market", "SOL,xyz:GOLD=SOL", "--until-eof", "--account", &account])
        .stdin(std::process::Stdio::null())
        .output()
        .expect("the test's own binary runs");
    assert!(out.status.success(), "{}", text(&out.stderr));
    let told = text(&out.stdout);
    let mut lines = told.lines().map(|l| serde_json::from_str::<Value>(l).expect("JSON lines"));
    let first = lines.next().expect("where it listens");
    assert!(first["http"].as_str().is_some_and(|url| url.starts_with("http://127.0.0.1:")));
    assert_eq!(first["network"], "testnet");
    let report = lines.next().expect("what it knows at the end");
    assert_eq!(report["accounts"][0]["address"], owner.as_str());
    assert_eq!(report["accounts"][0]["cash"], "10000");
    assert_eq!(report["accounts"][0]["fills"].as_array().map(Vec::len), Some(0));
    let bad = evenkeel(&["venue", "--market", "DOGE", "--account", &owner]);
    assert_eq!(bad.status.code(), Some(2), "{}", text(&bad.stderr));
    assert!(text(&bad.stderr).contains("DOGE"));
}

/// A market of a builder's dex, from its metadata to its fills and the stop.
#[test]
fn a_builders_market_is_traded_end_to_end() {
    let journal = scratch("builders_market.journal");
    let run = demo(&journal, &["--symbol", "xyz:GOLD"]);
    assert!(run["fills"].as_u64() > Some(0), "{run}");
    assert_eq!(run["illegal_orders"], 0);
    assert_eq!(run["venue_open_orders"], 0);
    assert_eq!(run["final_inventory"], run["venue_inventory"]);
    assert_eq!(run["replay_identical"], true);
}
