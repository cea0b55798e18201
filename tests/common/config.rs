//! Cold. A market of round numbers: price about 100, tick 0.01, lot 0.01, floor 10 quote.

use evenkeel::core::{CoreConfig, InstConfig, PairConfig, StandingParams};
use evenkeel::instrument::{GridSpec, InstId, InstrumentSpec, Symbol, VenueId};
use evenkeel::risk::{InstLimits, Limits};
use evenkeel::strategy::exposure::{HedgeFor, Ratio, scaled};
use evenkeel::strategy::guard::{HealingParams, PnlGuardParams};
use evenkeel::strategy::hedge_exec::HedgeParams;
use evenkeel::strategy::hedger::HedgeRule;
use evenkeel::strategy::ladder::Shortfall;
use evenkeel::strategy::ladder_quote::{Allocation, LadderParams, PerLevel};
use evenkeel::strategy::maker::{MakerParams, RegimeOverride, Table};
use evenkeel::strategy::model::{ModelKind, ModelParams};
use evenkeel::strategy::pair::{PairLimits, PairPolicy};
use evenkeel::strategy::pair_exec::{FoundPolicy, PairParams};
use evenkeel::strategy::quality::QualityParams;
use evenkeel::strategy::regime::RegimeParams;
use evenkeel::strategy::requote::RequoteParams;
use evenkeel::strategy::signal::SignalParams;
use evenkeel::units::{Bps, Nanos, Notional, Price, Qty, Side};

pub fn q(text: &str) -> Qty {
    Qty::parse(text.as_bytes()).expect("a quantity of this test")
}

pub fn p(text: &str) -> Price {
    Price::parse(text.as_bytes()).expect("a price of this test")
}

pub fn n(text: &str) -> Notional {
    Notional::from_raw(q(text).0)
}

pub fn bps(text: &str) -> Bps {
    Bps::parse(text.as_bytes()).expect("bps of this test")
}

pub fn ms(ms: u64) -> Nanos {
    Nanos::from_millis(ms)
}

pub fn limits() -> Limits {
    Limits {
        actions_per_s: 1_000,
        burst: 400,
        loss: n("1000"),
        drawdown: n("1000"),
        breaker_rejects: 3,
        back_off: Nanos::from_secs(5),
    }
}

pub fn spec(symbol: &str) -> InstrumentSpec {
    InstrumentSpec {
        venue: VenueId::Hyperliquid,
        symbol: Symbol::new(symbol).expect("short"),
        asset: 5,
        grid: GridSpec::Tick(p("0.01")),
        lot: q("0.01"),
        min_size: q("0.01"),
        min_notional: n("10"),
        maker_fee: Bps::ZERO,
        taker_fee: Bps::ZERO,
    }
}

/// Quotes 0.64 a side 12 bps apart: 99.94 / 100.06 at a mid of 100. Volatility is never known.
pub fn maker() -> MakerParams {
    let plain = RegimeOverride { spread: Bps::ZERO, size_permille: 1000, levels: 1 };
    MakerParams {
        spread_base: bps("12"),
        model: model(),
        spread_calm: bps("7"),
        spread_wild: bps("13"),
        volatility_calm: bps("4"),
        volatility_wild: bps("16"),
        size: q("0.64"),
        size_min: q("0.2"),
        size_max: q("1"),
        size_calm_permille: 1100,
        size_wild_permille: 700,
        inventory_spread: Table::new(&[
            (q("0.1"), bps("2").0),
            (q("0.2"), bps("4").0),
            (q("0.3"), bps("6").0),
        ])
        .expect("ascending"),
        inventory_size: Table::new(&[(q("0.1"), 750), (q("0.2"), 500)]).expect("ascending"),
        asymmetric_above: q("0.4"),
        soft_cap: q("2"),
        skew_at_soft_cap: Bps::ZERO,
        pnl_guard: PnlGuardParams {
            trigger: n("-0.2"),
            hold: Nanos::from_secs(60),
            clear_permille: 500,
        },
        pnl_guard_spread: bps("6"),
        pnl_guard_size_permille: 850,
        healing: HealingParams { slice: Nanos::from_secs(30), losses: 3, steps_max: 4 },
        healing_step: bps("2"),
        regime: RegimeParams {
            defensive: bps("6"),
            trend_engage: bps("12"),
            trend_release: bps("6"),
            trend_hold: Nanos::from_secs(60),
            pause: bps("30"),
            pause_inventory: q("0.5"),
        },
        aggressive: plain,
        defensive: plain,
        trend_extra: bps("2.5"),
        trend_pauses: true,
        level_step: bps("4"),
        raise_to_minimum: true,
        quality: QualityParams::OFF,
    }
}

/// The spread model; the others with the parameters of their published vectors.
pub fn model() -> ModelParams {
    ModelParams {
        kind: ModelKind::Spread,
        as_gamma: q("0.1").0,
        as_k: q("1.5").0,
        as_horizon: Nanos::from_secs(1),
        glft_gamma: q("0.1").0,
        glft_xi: q("0.1").0,
        glft_k: q("1.5").0,
        glft_a: q("1.5").0,
        volatility_horizon: Nanos::from_secs(1),
    }
}

/// Hedges above 1.0 toward 0.1, 0.5 at a time.
pub fn hedger() -> HedgeParams {
    HedgeParams {
        rule: HedgeRule {
            trigger: q("1"),
            target: q("0.1"),
            max_clip: q("0.5"),
            max_clip_hard: None,
            guard_multiplier_permille: 350,
            remainder_rule: true,
        },
        passive_offset: bps("2"),
        passive_wait: ms(400),
        second_offset: Bps::ZERO,
        second_wait: ms(0),
        slippage: bps("7"),
        cooldown: Nanos::from_secs(2),
        deadline: Nanos::from_secs(10),
        dry_run: false,
    }
}

pub fn inst(symbol: &str) -> InstConfig {
    InstConfig {
        spec: spec(symbol),
        limits: InstLimits {
            position: q("5"),
            inventory_notional: n("1000"),
            order_qty: q("3"),
            order_notional: n("400"),
            price_band: bps("200"),
            open_orders: 16,
        },
        signals: SignalParams {
            half_life: Nanos::from_secs(45),
            horizon: Nanos::from_secs(15),
            warm_up: Nanos::from_secs(1_000_000),
            trend_span: Nanos::from_secs(45),
        },
        requote: RequoteParams {
            tolerance: bps("1"),
            size_band_permille: 200,
            min_rest: ms(100),
            modifies: false,
        },
        maker: Some(maker()),
        ladder: None,
        hedger: None,
        hedge_for: None,
        lead: None,
        stale: Nanos::from_secs(3),
        fast_cancel_edge: bps("2"),
        own_fill_edge: Bps::ZERO,
        answer_timeout: ms(1_000),
        pnl_window: Nanos::from_secs(300),
    }
}

pub fn core(instruments: Vec<InstConfig>) -> CoreConfig {
    CoreConfig {
        limits: limits(),
        instruments,
        pairs: Vec::new(),
        flatten_on_stop: true,
        standing: StandingParams::default(),
    }
}

/// SOL at about 100, hedged on ETH at about 2000 (tick 0.1, lot 0.001) with a ratio of 0.05.
///
/// The plain hedger's rule times 0.05 is in ETH: trigger 1 -> 0.05, target 0.1 -> 0.005, clip 0.5 ->
/// 0.025. The floor of 10 quote is 0.005 ETH at 2000 and 0.006 below, which is 0.1 or 0.12 SOL.
pub fn hedged_on() -> CoreConfig {
    let (mut sol, mut eth) = (inst("SOL"), inst("ETH"));
    eth.spec.grid = GridSpec::Tick(p("0.1"));
    eth.spec.lot = q("0.001");
    eth.spec.min_size = q("0.001");
    (sol.maker, eth.maker) = (None, None);
    let ratio = Ratio::new(q("0.05").0).expect("in range");
    eth.hedger = scaled(&hedger(), ratio);
    let symbol = sol.spec.symbol;
    eth.hedge_for = Some(HedgeFor { made: InstId(0), symbol, ratio });
    core(vec![sol, eth])
}

/// Long 100 quote of ETH (tick 0.1, lot 0.001), short as much SOL (tick 0.01, lot 0.1).
pub fn pair(change: impl FnOnce(&mut PairParams, &mut [InstConfig])) -> CoreConfig {
    let mut legs = [inst("ETH"), inst("SOL")];
    for (leg, tick, lot) in [(0, "0.1", "0.001"), (1, "0.01", "0.1")] {
        legs[leg].spec.grid = GridSpec::Tick(p(tick));
        legs[leg].spec.lot = q(lot);
        legs[leg].spec.min_size = q(lot);
        legs[leg].maker = None;
    }
    let policy = PairPolicy::Wait { max_imbalance: bps("10") };
    let mut params = PairParams {
        sides: [Side::Buy, Side::Sell],
        target: n("100"),
        limits: PairLimits { tolerance: bps("2000"), policy },
        max_imbalance: bps("10"),
        refuse_above: bps("20"),
        slippage: bps("20"),
        exit_margin_permille: 1150,
        hold: Nanos::from_secs(2),
        rest: Nanos::from_secs(1),
        max_cycles: 0,
        deadline: Nanos::from_secs(5),
        found: FoundPolicy::Rebalance,
    };
    change(&mut params, &mut legs);
    let mut config = core(legs.to_vec());
    config.pairs.push(PairConfig { legs: [InstId(0), InstId(1)], params });
    config
}

/// Five levels of one BTC at 90 000, tick 1, lot 0.00001, floor 10 quote; `equity` quote in all.
pub fn btc(equity: &str) -> InstConfig {
    let mut inst = inst("BTC");
    inst.spec = InstrumentSpec {
        grid: GridSpec::Tick(p("1")),
        lot: q("0.00001"),
        min_size: Qty(0),
        ..spec("BTC")
    };
    inst.limits.position = q("1");
    inst.limits.inventory_notional = n("100000");
    inst.limits.order_qty = q("1");
    inst.limits.order_notional = n("100000");
    inst.maker = None;
    inst.ladder = Some(ladder(equity));
    inst
}

/// Levels 6 to 14 bps out, equal in worth; the plain maker's guards at the account's scale.
pub fn ladder(equity: &str) -> LadderParams {
    let list = |all: &[i64]| PerLevel::new(all).expect("few");
    let mut shared = maker();
    (shared.spread_base, shared.spread_calm, shared.spread_wild) =
        (Bps::ZERO, Bps::ZERO, Bps::ZERO);
    (shared.size_calm_permille, shared.size_wild_permille) = (1000, 1000);
    shared.inventory_spread = Table::new(&[]).expect("no rows");
    shared.inventory_size = Table::new(&[(q("0.0005"), 500)]).expect("one row");
    shared.asymmetric_above = q("0.001");
    shared.soft_cap = q("0.002");
    shared.regime.pause_inventory = q("0.0005");
    LadderParams {
        shared,
        distances: list(&[60_000, 80_000, 100_000, 120_000, 140_000]),
        // Edges of 4, 6, 8, 10, 12 bps: the products are one.
        intensities: list(&[15_000_000, 10_000_000, 7_500_000, 6_000_000, 5_000_000]),
        decay: 0,
        adverse: bps("1"),
        fees: bps("1"),
        allocation: Allocation::Proportional,
        kelly_permille: 250,
        kelly_volatility: bps("5"),
        shortfall: Shortfall::Concentrate,
        equity: n(equity),
        leverage_permille: 1000,
    }
}
