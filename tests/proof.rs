//! The start-up proof: the original configurations fail it with the figures they failed with.

use evenkeel::event::{Component, Event};
use evenkeel::instrument::{GridSpec, InstId, Instrument, InstrumentSpec, Symbol, VenueId};
use evenkeel::strategy::proof::{
    Chain, Check, FloorPolicy, Multiplier, PriceBand, ProofError, Row, Setting, Verdict, holds,
    prove,
};
use evenkeel::units::{Bps, Notional, Price, Qty, Round, SCALE};

fn qty(text: &str) -> Qty {
    Qty::parse(text.as_bytes()).expect("a literal of this test")
}

fn px(text: &str) -> Price {
    Price(qty(text).0)
}

fn sol() -> Instrument {
    let spec = InstrumentSpec {
        venue: VenueId::Lighter,
        symbol: Symbol::new("SOL").expect("short"),
        asset: 2,
        grid: GridSpec::Tick(Price(SCALE / 100)),
        lot: qty("0.001"),
        min_size: qty("0.061"),
        min_notional: Notional::from_raw(qty("10.5").0),
        maker_fee: Bps::ZERO,
        taker_fee: Bps::ZERO,
    };
    Instrument::new(InstId(0), spec).expect("a valid spec")
}

const GUARD: [Multiplier; 1] =
    [Multiplier { key: "guard_clip_multiplier", lo_permille: 350, hi_permille: 1000 }];

fn hedger(floor: FloorPolicy) -> Chain<'static> {
    Chain {
        component: Component::Hedger,
        base_key: "max_clip",
        base: (qty("0.03"), qty("0.03")),
        multipliers: &GUARD,
        least: None,
        most: None,
        floor,
        trigger: Some(Setting { key: "trigger", qty: qty("0.008") }),
        exit_margin_permille: None,
    }
}

fn maker() -> Chain<'static> {
    const VOLATILITY: [Multiplier; 2] = [
        Multiplier { key: "volatility", lo_permille: 700, hi_permille: 1100 },
        Multiplier { key: "pnl_guard", lo_permille: 850, hi_permille: 1000 },
    ];
    Chain {
        component: Component::Maker,
        base_key: "size",
        base: (qty("0.064"), qty("0.064")),
        multipliers: &VOLATILITY,
        least: Some(Setting { key: "size_min", qty: qty("0.061") }),
        most: Some(Setting { key: "size_max", qty: qty("0.072") }),
        floor: FloorPolicy::Skip,
        trigger: None,
        exit_margin_permille: Some(1150),
    }
}

fn rows(chain: Chain, permille: i64) -> Vec<Row> {
    prove(&sol(), PriceBand::around(px("143"), permille), &[chain]).expect("provable")
}

fn find(rows: &[Row], check: Check) -> Row {
    *rows.iter().find(|row| row.check == check).expect("a row of this check")
}

#[test]
fn a_clip_of_0_0105_is_1_50_at_143() {
    let rows = rows(hedger(FloorPolicy::Skip), 200);
    let clip = find(&rows, Check::Clip);
    assert_eq!((clip.size, clip.px), (qty("0.0105"), px("143")));
    assert_eq!(clip.notional, Notional::from_raw(qty("1.5015").0));
    assert_eq!((clip.floor, clip.verdict), (qty("0.074"), Verdict::Fails));
    assert_eq!(clip.holds_from, None); // Below the smallest size at every price.
    // At 114.4 the floor is 0.092; 0.092 / 0.35 = 0.262857142857..
    assert_eq!(clip.repair, Some(qty("0.26285715")));
    assert!(!holds(&rows));
    let mut repaired = hedger(FloorPolicy::Skip);
    repaired.base = (qty("0.26285715"), qty("0.26285715"));
    let after = prove(&sol(), PriceBand::around(px("143"), 200), &[repaired]).expect("provable");
    assert_eq!(find(&after, Check::Clip).verdict, Verdict::Holds);
    repaired.base.0.0 -= 1;
    let before = prove(&sol(), PriceBand::around(px("143"), 200), &[repaired]).expect("provable");
    assert_eq!(find(&before, Check::Clip).verdict, Verdict::Partly);
}

#[test]
fn size_max_0_072_contradicts_the_floor_below_145_84() {
    let rows = rows(maker(), 200);
    let cap = find(&rows, Check::Cap);
    assert_eq!((cap.key, cap.size, cap.px), ("size_max", qty("0.072"), px("143")));
    assert_eq!(cap.notional, Notional::from_raw(qty("10.296").0));
    assert_eq!(cap.holds_from, Some(px("145.84")));
    assert_eq!((cap.verdict, cap.repair), (Verdict::Partly, Some(qty("0.092"))));
    let clip = find(&rows, Check::Clip);
    assert_eq!((clip.key, clip.size), ("size_min", qty("0.061")));
    assert_eq!(clip.holds_from, Some(px("172.14")));
    // 143 + 20 % is 171.6: not one price of the band takes every size.
    assert_eq!(clip.verdict, Verdict::Fails);
}

#[test]
fn a_dead_band_lies_between_0_008_and_0_074() {
    let now = PriceBand { lo: px("143"), last: px("143"), hi: px("143") };
    let raise = FloorPolicy::Raise { up_to: None, margin_permille: 1000 };
    let rows = prove(&sol(), now, &[hedger(raise)]).expect("provable");
    let dead = find(&rows, Check::DeadBand);
    assert_eq!((dead.size, dead.floor), (qty("0.008"), qty("0.074")));
    assert_eq!((dead.verdict, dead.repair), (Verdict::Fails, Some(qty("0.073"))));
    // A clip that is raised to the floor is no failure.
    assert_eq!(find(&rows, Check::Clip).verdict, Verdict::Holds);
    let mut repaired = hedger(raise);
    repaired.trigger = Some(Setting { key: "trigger", qty: qty("0.073") });
    assert!(holds(&prove(&sol(), now, &[repaired]).expect("provable")));
    repaired.trigger = Some(Setting { key: "trigger", qty: qty("0.07299999") });
    assert!(!holds(&prove(&sol(), now, &[repaired]).expect("provable")));
}

#[test]
fn an_entry_must_clear_its_exit_with_the_margin() {
    let now = PriceBand { lo: px("172.14"), last: px("172.14"), hi: px("210") };
    let rows = prove(&sol(), now, &[maker()]).expect("provable");
    assert_eq!(find(&rows, Check::Clip).verdict, Verdict::Holds);
    let exit = find(&rows, Check::Exit);
    // 10.5 x 1.15 = 12.075: 0.071 at 172.14, and 0.061 from 197.96 up.
    assert_eq!((exit.size, exit.floor), (qty("0.061"), qty("0.071")));
    assert_eq!((exit.verdict, exit.holds_from), (Verdict::Partly, Some(px("197.96"))));
    assert_eq!((exit.key, exit.repair), ("size_min", Some(qty("0.071"))));
    let raise = FloorPolicy::Raise {
        up_to: Some(Setting { key: "max_position", qty: qty("0.3") }),
        margin_permille: 1150,
    };
    let raised = Chain { floor: raise, ..maker() };
    assert!(holds(&prove(&sol(), now, &[raised]).expect("provable")));
}

#[test]
fn a_position_guard_below_the_floor_is_a_contradiction() {
    let guard = Setting { key: "max_position", qty: qty("0.08") };
    let raise = FloorPolicy::Raise { up_to: Some(guard), margin_permille: 1000 };
    let rows = rows(Chain { floor: raise, exit_margin_permille: None, ..maker() }, 200);
    let cap = find(&rows, Check::Cap);
    assert_eq!((cap.key, cap.verdict), ("max_position", Verdict::Partly));
    // It holds at 143; the witness is the low end, where the floor is 0.092.
    assert_eq!((cap.px, cap.floor, cap.repair), (px("114.4"), qty("0.092"), Some(qty("0.092"))));
    assert_eq!(cap.holds_from, Some(px("131.25")));
}

/// Every combination on a grid of sizes, multipliers and prices against the verdicts.
#[test]
fn verdicts_agree_with_trying_everything() {
    let inst = sol();
    let mut seen = [0; 3];
    for (base_lo, base_hi) in [(60, 70), (80, 80), (90, 130), (110, 200), (20, 300)] {
        for (lo_permille, hi_permille) in [(350, 1000), (700, 1100), (1000, 1000)] {
            for last in [100, 143, 180] {
                let ms = [Multiplier { key: "m", lo_permille, hi_permille }];
                let band = PriceBand::around(Price(last * SCALE), 200);
                let chain = Chain {
                    component: Component::Ladder,
                    base_key: "size",
                    base: (Qty(base_lo * 100_000), Qty(base_hi * 100_000)),
                    multipliers: &ms,
                    least: None,
                    most: None,
                    floor: FloorPolicy::Skip,
                    trigger: None,
                    exit_margin_permille: None,
                };
                let rows = prove(&inst, band, &[chain]).expect("provable");
                let clip = find(&rows, Check::Clip);
                // Prices at which every size of the chain is executable.
                let prices = (0..=40).map(|i| band.lo.0 + (band.hi.0 - band.lo.0) / 40 * i);
                let all = |p: &i64| {
                    (base_lo..=base_hi).all(|base| {
                        (lo_permille..=hi_permille).step_by(10).all(|m| {
                            let size = Qty(base * 100_000).permille(m);
                            let lots = inst.round_qty(size, Round::Down);
                            lots >= inst.min_qty(Price(*p)).expect("in range")
                        })
                    })
                };
                let good: Vec<bool> = prices.clone().map(|p| all(&p)).collect();
                let want = match (good[0], good[40]) {
                    (true, _) => Verdict::Holds,
                    (false, true) => Verdict::Partly,
                    (false, false) => Verdict::Fails,
                };
                assert_eq!(clip.verdict, want, "{chain:?} {band:?}");
                seen[want as usize] += 1;
                for (price, good) in prices.zip(good) {
                    let said = clip.holds_from.is_some_and(|from| price >= from.0);
                    assert_eq!(said, good, "{price} {chain:?}");
                }
            }
        }
    }
    assert!(seen.iter().all(|&n| n > 0), "{seen:?}");
}

#[test]
fn nonsense_is_refused_and_lines_are_readable() {
    let band = PriceBand::around(px("143"), 200);
    let backwards = PriceBand { lo: band.hi, ..band };
    assert_eq!(prove(&sol(), backwards, &[]), Err(ProofError::Band));
    let broken = Chain { base: (qty("2"), qty("1")), ..maker() };
    let refused = ProofError::Chain { component: Component::Maker };
    assert_eq!(prove(&sol(), band, &[broken]), Err(refused));
    let line = find(&rows(maker(), 200), Check::Cap).to_string();
    assert_eq!(
        line,
        "maker    cap       partly size_max 0.072 = 10.296 at 143, floor 0.074; \
         holds from 145.84 up; smallest repair: size_max >= 0.092"
    );
}

/// What the proof says at run time: does it hold, from where to where, and by which line not?
fn at_run_time(px: &str) -> (bool, String, String, &'static str) {
    let text = include_str!("../config/examples/lighter-sol-seed.toml");
    let config = evenkeel::config::Config::parse(text, "seed").expect("a configuration");
    let spec = evenkeel::ops::check::rules::shipped()[0].spec;
    let core = config.core(&[spec]).expect("its rules");
    let market = Instrument::new(InstId(0), spec).expect("a market");
    let px = Price::parse(px.as_bytes()).expect("a price");
    let settings = &core.instruments[0];
    match evenkeel::proved::at_run_time(&market, settings, 200, px, 3) {
        Event::Proved { holds, lo, hi, line, rules: 3, .. } => {
            (holds, lo.to_string(), hi.to_string(), line.name())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_proof_at_run_time_finds_the_widest_band() {
    // Every size of the seed is executable from 172.14 up, and orders stand up to 1 % away. So at 200
    // a band of 10 % is the widest that halving finds (178.2 is its lowest order), at 175 one of
    // 0.6 % (172.21), and below nothing is.
    let at = |px| at_run_time(px);
    assert_eq!(at("250"), (true, "200".into(), "300".into(), "clip"));
    assert_eq!(at("200"), (true, "180".into(), "220".into(), "clip"));
    assert_eq!(at("175"), (true, "173.95".into(), "176.05".into(), "clip"));
    assert_eq!(at("160"), (false, "159.04".into(), "160.96".into(), "clip"));
    assert_eq!(at("143"), (false, "142.142".into(), "143.858".into(), "clip"));
}
