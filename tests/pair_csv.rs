//! Cold. The trades of a pair as CSV, and the imbalance that is recomputed from them.

mod common;

use common::config;
use common::lines::paired;
use evenkeel::core::{Core, Outputs};
use evenkeel::journal::Record;
use evenkeel::ops::pair::{HEAD, rows, verify};
use std::path::Path;
use std::process::Command;

/// What the desk's inputs, actions and notes are in a journal.
fn records(desk: &common::lines::Desk) -> Vec<Record> {
    let mut core = Core::new(&config::pair(|_, _| {})).expect("valid");
    let mut out = Vec::new();
    for input in &desk.log {
        let mut said = Outputs::default();
        core.apply(input, &mut said);
        out.push(Record::Input(*input));
        out.extend(said.actions.iter().map(|(a, _)| Record::Action(a.get())));
        out.extend(said.notes.iter().map(|n| Record::Note(*n)));
    }
    out
}

fn golden() -> String {
    let mut desk = paired(|_, _| {});
    desk.run(
        "
            up
            decide
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            book SOL bid 115.86 x 20 ask 115.87 x 20
            decide                   -> place pair buy 2762.4 x 0.042 #1 ioc, place pair sell 115.63 x 1 SOL#2 ioc
            fill #1 buy 0.042 @ 2756.9 taker id 7 fee 0.0521
            fill #1 buy 0.042 @ 2756.9 taker id 7 fee 0.0521
            fill SOL#2 sell 0.4 @ 115.86 taker
            fill SOL#2 sell 0.6 @ 115.86 taker
            decide
            at +2s
            book ETH bid 2756.8 x 20 ask 2756.9 x 20
            book SOL bid 115.86 x 20 ask 115.87 x 20
            decide                   -> place pair sell 2751.3 x 0.042 #3 ioc reduce, place pair buy 116.1 x 1 SOL#4 ioc reduce
            fill #3 sell 0.042 @ 2756.8 taker
            fill SOL#4 buy 1 @ 115.87 taker
            decide
        ",
    );
    let rows = rows(records(&desk).into_iter(), &config::pair(|_, _| {}));
    let lines: Vec<String> = rows.iter().map(|r| r.line()).collect();
    format!("{HEAD}\n{}\n", lines.join("\n"))
}

#[test]
fn a_journal_gives_exact_trades() {
    let csv = golden();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 6, "a fill that was told twice is one trade:\n{csv}");
    assert_eq!(lines[0], "timestamp,leg,side,quantity,price,notional,fee,cycle,intent");
    assert!(lines[1].ends_with(",ETH,buy,0.042,2756.9,115.7898,0.0521,1,enter"), "{}", lines[1]);
    assert!(lines[2].ends_with(",SOL,sell,0.4,115.86,46.344,0,1,enter"), "{}", lines[2]);
    assert!(lines[4].ends_with(",ETH,sell,0.042,2756.8,115.7856,0,1,exit"), "{}", lines[4]);
}

#[test]
fn the_imbalance_is_recomputed_from_the_file_alone() {
    let csv = golden();
    let found = verify(&csv).expect("a good file");
    assert_eq!((found.cycles.len(), found.trades), (1, 5));
    let ratio = found.cycles[0].imbalance().expect("two legs").to_string();
    assert_eq!(ratio, "0.000606271019"); // 0.0606 % of 115.7898 against 115.86.
    assert!(found.cycles[0].is_flat());
    // The same without the last column: what goes the other way is an exit.
    let plain: String =
        csv.lines().map(|l| format!("{}\n", l.rsplit_once(',').expect("columns").0)).collect();
    assert_eq!(verify(&plain).expect("a good file").cycles, found.cycles);
    // The bug of production: 0.036 against 0.9 is 5.06 %.
    let old = "timestamp,leg,side,quantity,price,notional,fee,cycle\n\
               1,ETH,buy,0.036,2756.9,99.2484,0,1\n2,SOL,sell,0.9,115.86,104.274,0,1\n";
    let found = verify(old).expect("a good file");
    let ratio = found.cycles[0].imbalance().expect("two legs").to_string();
    assert_eq!(ratio, "0.05063658457");
    assert!(!found.cycles[0].is_flat());
}

#[test]
fn a_rebalance_gives_back_what_it_took() {
    let csv = format!(
        "{HEAD}\n1,ETH,buy,0.042,2756.9,115.7898,0,3,enter\n2,SOL,sell,0.8,115.86,92.688,0,3,enter\n\
         3,ETH,sell,0.008,2756.9,22.0552,0,3,rebalance\n"
    );
    let found = verify(&csv).expect("a good file");
    let eth = found.cycles[0].legs.iter().find(|l| l.name == "ETH").expect("a leg");
    assert_eq!(eth.qty, config::q("0.034").0);
    let ratio = found.cycles[0].imbalance().expect("two legs").to_string();
    assert_eq!(ratio, "0.011165567464");
}

#[test]
fn nonsense_is_one_line_and_exit_code_two() {
    let head = "timestamp,leg,side,quantity,price,notional,fee,cycle";
    let cases = [
        ("", "1: expected the columns"),
        ("a,b\n", "1: expected the columns"),
        ("1,ETH,buy,0.1,100,10,0", "2: 7 values for 8 columns"),
        ("x,ETH,buy,0.1,100,10,0,1", "2: timestamp"),
        ("1,ETH,bid,0.1,100,10,0,1", "2: side \"bid\""),
        ("1,ETH,buy,-0.1,100,10,0,1", "2: quantity \"-0.1\" is not positive"),
        ("1,ETH,buy,0.1,1e2,10,0,1", "2: price \"1e2\""),
        ("1,ETH,buy,0.1,100,10.01,0,1", "2: notional 10.01 is not quantity x price = 10"),
        ("1,ETH,buy,0.1,100,10,zero,1", "2: fee"),
        ("1,ETH,buy,0.1,100,10,0,first", "2: cycle"),
        ("1,ETH,buy,0.1,100,10,0,1\n1,SOL,buy,0.1,100,10,0,1", "3: cycle 1: both legs"),
    ];
    for (i, (text, why)) in cases.into_iter().enumerate() {
        let csv =
            if text.is_empty() || i == 1 { text.to_owned() } else { format!("{head}\n{text}\n") };
        let error = verify(&csv).expect_err(text);
        assert!(error.starts_with(why), "{text}\ngave {error}");
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("nonsense-{i}.csv"));
        std::fs::write(&file, csv).expect("the build's folder takes files");
        let out = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
            .args(["pair", "verify"])
            .arg(&file)
            .output()
            .expect("the test's own binary runs");
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(2), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn the_verb_prints_the_figures_and_exits_with_zero() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden-pair.csv");
    std::fs::write(&file, golden()).expect("the build's folder takes files");
    let out = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .args(["pair", "verify", "--json"])
        .arg(&file)
        .output()
        .expect("the test's own binary runs");
    assert!(out.status.success());
    let json: serde_json::Value = serde_json::from_slice(&out.stdout).expect("one JSON object");
    assert_eq!(json["cycles"][0]["imbalance"], "0.000606271019");
    assert_eq!((&json["within_goal"], &json["trades"]), (&1.into(), &5.into()));
}
