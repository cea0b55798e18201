//! The shipped profile of SOL at Lighter: why the original is refused, that the repaired one is
//! proved, and, apart from the proof's own arithmetic, that no order of it can be below the floor.

use std::path::Path;

use evenkeel::backtest::BacktestReport;
use evenkeel::config::Config;
use evenkeel::event::RejectReason;
use evenkeel::instrument::{InstId, Instrument};
use evenkeel::ops::check::{CheckArgs, Outcome, check, rules};
use evenkeel::ops::exit;
use evenkeel::ops::scenario::{self, LIGHTER_SOL, MarketRules, Opening, Scenario};
use evenkeel::proved::Standing;
use evenkeel::strategy::hedger::{self, HedgeSize};
use evenkeel::units::{Nanos, Price, Qty, Side};

const SEED: &str = include_str!("../config/examples/lighter-sol-seed.toml");
const PROFILE: &str = include_str!("../config/examples/lighter-sol.toml");

fn checked(file: &str) -> Outcome {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples").join(file);
    let (price_band, price) = ("20%".to_owned(), Vec::new());
    let args = CheckArgs { config, strict: true, json: false, price_band, price, rules: None };
    check(&args, vec![0, 1]).unwrap_or_else(|e| panic!("{}", e.message))
}

/// Everything that stands against a start: component, what was asked, of which key, and how bad.
fn against(out: &Outcome) -> Vec<(String, String, String, Standing)> {
    let market = &out.markets[0];
    let rows = market.findings.iter().filter(|f| f.standing != Standing::Proved).map(|f| {
        let (component, key) = (f.row.component.name().to_owned(), f.row.key.to_owned());
        (component, format!("{:?}", f.row.check), key, f.standing)
    });
    let limits =
        market.limits.iter().filter(|f| f.standing != Standing::Proved).map(|f| {
            (f.component.name().to_owned(), "Limit".to_owned(), String::new(), f.standing)
        });
    rows.chain(limits).collect()
}

#[test]
fn the_original_is_refused_for_exactly_these_reasons() {
    let out = checked("lighter-sol-seed.toml");
    let (refused, warned) = (Standing::Refused, Standing::Warning);
    let want = [
        // 0.061 SOL are 8.72 USDC at 143, 0.072 are 10.30: below 10.5, and nothing raises them.
        ("maker", "Clip", "maker.size_min", refused),
        ("maker", "Cap", "maker.size_max", refused),
        ("maker", "Exit", "maker.size_min", warned),
        // 0.03 x 0.35 are 1.50 USDC, and 0.03 are 4.29: the floor replaces both.
        ("hedger", "Clip", "hedger.max_clip", warned),
        ("hedger", "Cap", "hedger.max_clip", warned),
        ("hedger", "DeadBand", "hedger.trigger", warned),
        // 0.3 SOL are 51.48 USDC at 171.6.
        ("unwind", "Limit", "", warned),
    ];
    let mut found = against(&out);
    let mut want = want.map(|(c, k, key, s)| (c.to_owned(), k.to_owned(), key.to_owned(), s));
    found.sort_by(|a, b| (&a.0, &a.1, &a.2).cmp(&(&b.0, &b.1, &b.2)));
    want.sort_by(|a, b| (&a.0, &a.1, &a.2).cmp(&(&b.0, &b.1, &b.2)));
    assert_eq!(found, want);
    assert_eq!(out.exit_code(), exit::FAILED);
}

#[test]
fn the_repaired_one_is_proved_and_nothing_stands_against_it() {
    let out = checked("lighter-sol.toml");
    assert_eq!((against(&out), out.exit_code()), (vec![], exit::OK));
}

/// `section.key` -> value and the comment above it.
fn stated(text: &str) -> Vec<(String, String, String)> {
    let (mut section, mut comment, mut found) = (String::new(), String::new(), Vec::new());
    for line in text.lines() {
        if let Some(words) = line.strip_prefix('#') {
            comment.push_str(words);
        } else if let Some((key, value)) = line.split_once(" = ") {
            found.push((format!("{section}{key}"), value.to_owned(), std::mem::take(&mut comment)));
        } else {
            comment.clear();
            if line.starts_with('[') {
                section = line.to_owned();
            }
        }
    }
    found
}

#[test]
fn every_number_that_differs_says_what_it_was_and_why() {
    let (before, after) = (stated(SEED), stated(PROFILE));
    let mut changed = 0;
    for (key, value, comment) in &after {
        let old = before.iter().find(|row| row.0 == *key).map(|row| &row.1);
        match old {
            Some(old) if old == value || key.ends_with("]name") => continue,
            Some(old) => {
                let bare = old.trim_matches('"');
                let says = comment.contains(&format!("Was {bare}")) && comment.len() > 20;
                assert!(says, "{key}: was {old}, is {value}, and the comment is {comment:?}");
            }
            None => assert!(comment.contains("Not stated before"), "{key}: {comment:?}"),
        }
        changed += 1;
    }
    assert_eq!(changed, 20);
    for (key, ..) in &before {
        assert!(after.iter().any(|row| row.0 == *key), "{key} went without a word");
    }
}

/// The venue's floor at a price in ticks of 0.001, in lots of 0.001, by schoolbook arithmetic: the
/// larger of 0.061 and 10.5 / price, rounded up.
fn floor_lots(ticks: i64) -> i64 {
    // lots x ticks are millionths of a USDC.
    61.max((10_500_000 + ticks - 1) / ticks)
}

/// At each of the 57 201 prices of the band: the maker's smallest and largest size, and the hedge of
/// every inventory that triggers one, with and without the guard, clear the floor, also at the lowest
/// price at which a hedge may be sent (7 bps away).
#[test]
fn at_every_price_of_the_band_every_order_is_executable() {
    let spec = rules::shipped()[0].spec;
    let inst = Instrument::new(InstId(0), spec).expect("the rules that ship");
    let config = Config::parse(PROFILE, "lighter-sol.toml").expect("it ships");
    let core = config.core(&[spec]).expect("usable");
    let settings = &core.instruments[0];
    let maker = settings.quoting().expect("a maker");
    let rule = settings.hedger.expect("a hedger").rule;
    let lots = |q: Qty| {
        assert_eq!(q.0 % 100_000, 0, "{q}: whole lots");
        q.0 / 100_000
    };
    assert_eq!((lots(maker.size_min), lots(maker.size_max)), (106, 130));
    let mut floors = std::collections::BTreeSet::new();
    for ticks in 114_400..=171_600 {
        let floor = floor_lots(ticks);
        let px = Price(ticks * 100_000);
        assert_eq!(inst.min_qty(px), Some(Qty(floor * 100_000)), "{px}");
        assert!(lots(maker.size_min) >= floor, "{px}: the maker's smallest");
        // What is bought can be sold again after a fall of 13 %.
        assert!(lots(maker.size_min) >= floor_lots(ticks * 100 / 115), "{px}: its exit");
        floors.insert(floor);
    }
    // A hedge is judged at the floor, which is a step function: each step is asked once, and one lower.
    let lowest = *floors.first().expect("some")..=*floors.last().expect("some") + 1;
    assert_eq!(lowest, 62..=93);
    let mut hedged = 0;
    for floor in lowest {
        let at = Qty(floor * 100_000);
        for held in 1..=300 {
            for (sign, guard) in [(1, false), (-1, false), (1, true), (-1, true)] {
                let inventory = Qty(sign * held * 100_000);
                match hedger::size(&rule, inventory, guard, at, &inst) {
                    HedgeSize::Order { qty, residual, .. } => {
                        hedged += 1;
                        assert!(lots(qty) >= floor && lots(qty) <= held, "{held}: {qty}");
                        assert!(lots(residual) >= 0);
                    }
                    HedgeSize::None => assert!(held <= 91, "{held} is above the trigger"),
                    // Only above the band's own floors: within it what triggers can be hedged.
                    HedgeSize::ResidualBelowMinimum { .. } => {
                        assert!(floor > 92, "{held} at a floor of {floor}");
                    }
                }
            }
        }
    }
    assert!(hedged > 20_000, "{hedged}");
}

fn run(start: &'static str, seed: u64) -> BacktestReport {
    let plain = scenario::find("lighter-sol").expect("a scenario");
    let rules = Some(MarketRules { start_px: start, ..LIGHTER_SOL });
    let opening = Some(Opening { side: Side::Buy, qty: "0.106", px: start });
    let scenario = Scenario { rules, opening, seconds: 900, ..*plain };
    scenario.run_seed(true, seed).expect("a run")
}

/// The same by the whole engine: from any start in the band, nothing that it sends is refused as
/// below the minimum, nor would have been.
#[test]
fn no_order_of_a_run_is_below_the_minimum_wherever_it_starts() {
    let mut sent = 0;
    for start in ["114.4", "115", "121", "128.5", "143", "150.25", "164", "171.6"] {
        for seed in 1..=2 {
            let report = run(start, seed);
            assert_eq!(report.illegal, 0, "{start} {seed}");
            assert_eq!(report.rejected(RejectReason::MinNotional), 0, "{start} {seed}");
            assert_eq!(report.instruments[0].silent_exit, Nanos::ZERO, "{start} {seed}");
            assert_eq!(report.venue_positions[0], report.instruments[0].final_inventory);
            sent += report.orders_sent;
        }
    }
    assert!(sent > 1000, "{sent}");
}
