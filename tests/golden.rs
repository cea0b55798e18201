//! The golden decisions, each by name: what the engine must answer to the digit.

use evenkeel::instrument::{
    GridSpec, InstId, Instrument, InstrumentSpec, PriceIntent, Quantized, Quantizer, SizePolicy,
    Symbol, VenueId,
};
use evenkeel::strategy::hedger::{self, HedgeRule, HedgeSize};
use evenkeel::strategy::ladder::{self, Allocated, Ladder, LadderLevel, Shortfall};
use evenkeel::strategy::pair::{
    self, PairFigures, PairLeg, PairLimits, PairOutcome, PairPolicy, balance,
};
use evenkeel::strategy::pricing::{
    AvellanedaStoikov, Best, Glft, GlftParams, order_flow, queue_step,
};
use evenkeel::units::{Bps, Notional, Price, Qty, Side};
use fixed::types::I64F64;

fn qty(text: &str) -> Qty {
    Qty::parse(text.as_bytes()).expect("a literal of this test")
}

fn px(text: &str) -> Price {
    Price::parse(text.as_bytes()).expect("a literal of this test")
}

fn quote(text: &str) -> Notional {
    Notional::from_raw(qty(text).0)
}

fn market(grid: GridSpec, lot: &str, min_size: &str, min_notional: &str) -> Instrument {
    let spec = InstrumentSpec {
        venue: VenueId::Lighter,
        symbol: Symbol::new("SOL").expect("short"),
        asset: 2,
        grid,
        lot: qty(lot),
        min_size: qty(min_size),
        min_notional: quote(min_notional),
        maker_fee: Bps::ZERO,
        taker_fee: Bps::ZERO,
    };
    Instrument::new(InstId(0), spec).expect("a valid spec")
}

fn sol() -> Instrument {
    market(GridSpec::Tick(px("0.001")), "0.001", "0.061", "10.5")
}

// -- 1. Quantization -----------------------------------------------------------------------------

#[test]
fn floor_at_143_is_0_074_and_not_0_073() {
    assert_eq!(sol().min_qty(px("143")), Some(qty("0.074")));
    assert_eq!(Notional::of(px("143"), qty("0.074")), quote("10.582"));
    assert!(Notional::of(px("143"), qty("0.073")) < quote("10.5"));
    let mut door = Quantizer::new(sol());
    let mut ask = |size: &str, policy| {
        door.quantize(Side::Buy, px("143"), qty(size), PriceIntent::Passive, policy)
    };
    let refused = Quantized::BelowMinimum { asked: qty("0.073"), floor: qty("0.074") };
    assert_eq!(ask("0.073", SizePolicy::Down), refused);
    let order = Quantized::Order { px: px("143"), qty: qty("0.074") };
    assert_eq!(ask("0.074", SizePolicy::Down), order);
    assert_eq!(ask("0.0105", SizePolicy::RaiseToMinimum), order);
}

#[test]
fn guarded_clip_of_the_seed_is_1_50_at_143() {
    let clip = qty("0.03").permille(350);
    assert_eq!(clip, qty("0.0105"));
    assert_eq!(Notional::of(px("143"), clip), quote("1.5015"));
}

#[test]
fn size_max_0_072_is_feasible_from_145_84_and_size_min_from_172_14() {
    // Prices of two places: 10.5 / 0.072 = 145.83.., 10.5 / 0.061 = 172.13..
    let floor = |at: &str| sol().min_qty(px(at)).expect("in range");
    assert_eq!(floor("145.83"), qty("0.073"));
    assert_eq!(floor("145.84"), qty("0.072"));
    assert_eq!(floor("172.13"), qty("0.062"));
    assert_eq!(floor("172.14"), qty("0.061"));
    assert_eq!(floor("10000000"), qty("0.061"));
}

// -- 3. Pricing models ---------------------------------------------------------------------------

fn fx(text: &str) -> I64F64 {
    text.parse().expect("a decimal")
}

/// Equal to the printed digits: half a unit of the last of six or seven places.
fn is(got: I64F64, want: &str) {
    let error = (got - fx(want)).abs();
    assert!(error <= fx("0.0000005"), "{got} instead of {want}");
}

#[test]
fn avellaneda_stoikov_vector() {
    let model = AvellanedaStoikov::new(fx("0.1"), fx("1.5")).expect("in its domain");
    let got = model.quote(fx("100"), fx("2"), fx("2"), fx("1")).expect("in range");
    is(got.price, "99.2");
    is(got.spread, "1.690770");
}

#[test]
fn glft_vector() {
    let params =
        GlftParams { a: fx("1.5"), k: fx("1.5"), gamma: fx("0.1"), xi: fx("0.1"), delta: fx("1") };
    let (model, sigma) = (Glft::new(&params).expect("in its domain"), fx("0.3"));
    is(model.c1(), "0.6453852");
    is(model.c2(), "0.2498179");
    is(model.half_spread(sigma).expect("in range"), "0.6828579");
    is(model.skew(sigma).expect("in range"), "0.0749454");
    let at_2 = model.quote(fx("2"), sigma).expect("in range");
    is(at_2.bid, "0.8327486");
    is(at_2.ask, "0.5329672");
}

#[test]
fn order_flow_imbalance_vectors() {
    let best = |at: &str, size: &str| Best { px: px(at), qty: qty(size) };
    let both_sides =
        order_flow((best("100", "10"), best("101", "8")), (best("100", "14"), best("101", "5")));
    assert_eq!(both_sides, qty("7"));
    let bid_up =
        order_flow((best("100", "10"), best("101", "8")), (best("100.5", "3"), best("101", "8")));
    assert_eq!(bid_up, qty("3"));
}

#[test]
fn queue_model_vector() {
    let got = queue_step(fx("100"), fx("5"), fx("40"), fx("-10")).expect("in its domain");
    is(got.ahead_share, "0.479856");
    assert!((got.ahead - fx("35.2014")).abs() < fx("0.00005"), "{}", got.ahead);
}

// -- 4. Ladder -----------------------------------------------------------------------------------

fn five_levels(capacity: &str, shortfall: Shortfall, weights: [u64; 5]) -> Ladder {
    let btc = market(GridSpec::Tick(px("1")), "0.00001", "0", "10");
    let floor = btc.min_qty(px("90000")).expect("in range");
    assert_eq!(floor, qty("0.00012"));
    assert_eq!(Notional::of(px("90000"), qty("0.00011")), quote("9.9"));
    let levels = weights.map(|weight| LadderLevel { px: px("90000"), weight, floor });
    ladder::allocate(qty(capacity), &levels, shortfall, &btc)
}

#[test]
fn ladder_of_237_dollars_has_five_orders() {
    for shortfall in [Shortfall::Concentrate, Shortfall::WaterFill] {
        let got = five_levels("0.002633", shortfall, [1; 5]);
        assert_eq!((got.count(), got.how), (5, Allocated::ByWeight));
        assert!(got.sizes[..5].iter().all(|size| *size >= qty("0.00012")));
    }
}

#[test]
fn ladder_of_0_0003_concentrates_on_the_best_level() {
    let got = five_levels("0.0003", Shortfall::Concentrate, [3, 5, 4, 2, 1]);
    assert_eq!((got.count(), got.how), (1, Allocated::Concentrated));
    assert_eq!(got.sizes[1], qty("0.0003"));
    let equal = five_levels("0.0003", Shortfall::Concentrate, [1; 5]);
    assert_eq!((equal.count(), equal.sizes[0]), (1, qty("0.0003")));
}

#[test]
fn ladder_of_0_0003_water_fills_two_levels() {
    let got = five_levels("0.0003", Shortfall::WaterFill, [3, 5, 4, 2, 1]);
    assert_eq!((got.count(), got.how), (2, Allocated::WaterFilled));
    assert!(got.sizes[1] >= qty("0.00012") && got.sizes[2] >= qty("0.00012"));
}

#[test]
fn ladder_of_0_0001_has_no_order() {
    for shortfall in [Shortfall::Concentrate, Shortfall::WaterFill] {
        let got = five_levels("0.0001", shortfall, [1; 5]);
        assert_eq!((got.count(), got.how), (0, Allocated::BelowFloor));
        assert_eq!(got.floor, qty("0.00012"));
    }
}

// -- 5. Hedger -----------------------------------------------------------------------------------

fn hedge(inventory: &str, guard: bool, remainder_rule: bool) -> HedgeSize {
    let rule = HedgeRule {
        trigger: qty("0.010"),
        target: qty("0.001"),
        max_clip: qty("0.03"),
        max_clip_hard: None,
        guard_multiplier_permille: 350,
        remainder_rule,
    };
    rule.validate().expect("the defaults");
    let floor = sol().min_qty(px("143")).expect("in range");
    hedger::size(&rule, qty(inventory), guard, floor, &sol())
}

#[test]
fn hedge_of_0_093_takes_all_with_the_remainder_rule() {
    let all = HedgeSize::Order { side: Side::Sell, qty: qty("0.093"), residual: Qty::ZERO };
    assert_eq!(hedge("0.093", true, true), all);
    let part = HedgeSize::Order { side: Side::Sell, qty: qty("0.074"), residual: qty("0.019") };
    assert_eq!(hedge("0.093", true, false), part);
}

#[test]
fn hedge_of_0_073_is_a_residual() {
    let want = HedgeSize::ResidualBelowMinimum { residual: qty("0.073"), floor: qty("0.074") };
    assert_eq!(hedge("0.073", true, true), want);
}

#[test]
fn hedge_of_0_027_is_a_residual() {
    let want = HedgeSize::ResidualBelowMinimum { residual: qty("0.027"), floor: qty("0.074") };
    assert_eq!(hedge("0.027", false, true), want);
    assert_eq!(hedge("0.027", true, true), want);
}

#[test]
fn hedge_of_short_0_300_buys_0_074_at_a_time() {
    let mut held = qty("-0.300");
    let mut bought = Vec::new();
    while let HedgeSize::Order { side, qty, .. } = hedge(&held.to_string(), false, true) {
        assert_eq!(side, Side::Buy);
        held = Qty(held.0 + qty.0);
        bought.push(qty.to_string());
    }
    // 0.226, 0.152, 0.078: the last would leave 0.004, which triggers nothing.
    assert_eq!(bought, ["0.074", "0.074", "0.074", "0.074"]);
    assert_eq!(held, qty("-0.004"));
}

// -- 6. Pair -------------------------------------------------------------------------------------

fn pair_of(
    target: &str,
    eth: &str,
    tolerance: Bps,
    floor: &str,
    policy: PairPolicy,
) -> PairOutcome {
    let leg = |at: &str, lot: &str| {
        let inst = market(GridSpec::Tick(px("0.01")), lot, "0", floor);
        PairLeg { px: px(at), lot: qty(lot), floor: inst.min_qty(px(at)).expect("in range") }
    };
    let limits = PairLimits { tolerance, policy };
    balance(quote(target), &leg(eth, "0.001"), &leg("115.86", "0.1"), &limits).expect("valid")
}

fn accepted(target: &str, eth: &str, tolerance: Bps, floor: &str) -> PairFigures {
    match pair_of(target, eth, tolerance, floor, PairPolicy::Accept) {
        PairOutcome::Balanced(pair) => pair.figures(),
        other => panic!("{other:?}"),
    }
}

fn sizes(found: &PairFigures) -> (String, String) {
    (found.qty_a.to_string(), found.qty_b.to_string())
}

fn named(a: &str, b: &str) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

#[test]
fn pair_of_100_is_0_042_eth_against_1_sol() {
    let found = accepted("100", "2756.9", Bps::whole(2000), "0");
    assert_eq!(sizes(&found), named("0.042", "1"));
    assert_eq!(found.notional_a, quote("115.7898"));
    assert_eq!(found.notional_b, quote("115.86"));
    // 0.0702 / 115.7898 = 0.000606271018..
    assert!(found.imbalance().to_string().starts_with("0.000606271"));
}

#[test]
fn pair_at_2756_94_with_a_minimum_of_100() {
    let wide = accepted("100", "2756.94", Bps::whole(2000), "100");
    assert_eq!(sizes(&wide), named("0.042", "1"));
    assert!(wide.imbalance().to_string().starts_with("0.00059"), "{}", wide.imbalance());
    let narrow = accepted("100", "2756.94", Bps::whole(500), "100");
    assert_eq!(sizes(&narrow), named("0.038", "0.9"));
    assert!(narrow.imbalance().to_string().starts_with("0.00467"), "{}", narrow.imbalance());
    let large = accepted("500", "2756.94", Bps::whole(200), "100");
    assert_eq!(sizes(&large), named("0.181", "4.3"));
    assert!(large.imbalance().to_string().starts_with("0.0016194991"), "{}", large.imbalance());
}

#[test]
fn pair_of_production_was_5_06_percent() {
    let sent = pair::Imbalance::of(
        Notional::of(px("2756.9"), qty("0.036")),
        Notional::of(px("115.86"), qty("0.9")),
    );
    assert!(sent.expect("positive").to_string().starts_with("0.0506"));
}

#[test]
fn pair_waits_or_grows_by_policy() {
    let limit = Bps::whole(10);
    let wait = PairPolicy::Wait { max_imbalance: limit };
    match pair_of("100", "2756.94", Bps::whole(500), "100", wait) {
        PairOutcome::Wait { best } => assert_eq!(sizes(&best), named("0.038", "0.9")),
        other => panic!("{other:?}"),
    }
    let grow = |cap| PairPolicy::Grow { max_imbalance: limit, cap: quote(cap) };
    match pair_of("100", "2756.94", Bps::whole(500), "100", grow("120")) {
        PairOutcome::Balanced(pair) => {
            assert_eq!(sizes(&pair.figures()), named("0.042", "1"));
            // The smallest target whose window reaches 115.86: 115.86 / 1.05, in 10^-8.
            assert_eq!(pair.figures().target, quote("110.34285715"));
        }
        other => panic!("{other:?}"),
    }
    let outcome = pair_of("100", "2756.94", Bps::whole(500), "100", grow("110"));
    assert!(matches!(outcome, PairOutcome::Wait { .. }), "{outcome:?}");
}

#[test]
fn pair_below_the_venue_floor_names_the_smallest_target() {
    match pair_of("80", "2756.9", Bps::whole(500), "100", PairPolicy::Accept) {
        PairOutcome::Infeasible { smallest, next } => {
            // 0.037 ETH is 102.0053, 0.9 SOL is 104.274; the window that holds both starts there.
            assert_eq!(smallest, Some(quote("99.30857143")));
            assert_eq!(next, smallest);
        }
        other => panic!("{other:?}"),
    }
}
