//! Cold. The pricing models through the maker's own path: published vectors to 1e-6, and the same
//! guards, filters and floors as for the spread model.

mod common;

use common::config::{bps, maker, n, p, q, spec};
use evenkeel::book::Top;
use evenkeel::config::Config;
use evenkeel::event::Level;
use evenkeel::instrument::{GridSpec, InstId, Instrument, Quantizer};
use evenkeel::strategy::View;
use evenkeel::strategy::maker::{Maker, MakerParams, SideQuote, Silence, SpreadPart};
use evenkeel::strategy::model::ModelKind;
use evenkeel::strategy::regime::RegimeParams;
use evenkeel::strategy::signal::Reading;
use evenkeel::units::{Bps, Nanos, Notional, Price, Qty};

/// A mid of 10 000, where a bps is one price unit, as the vectors have it.
fn view(volatility: &str, inventory: &str) -> View {
    let level = |px: &str| Level { px: p(px), qty: q("1") };
    View {
        now: Nanos::from_secs(1),
        top: Top { bid: level("9999.99"), ask: level("10000.01") },
        reading: Reading {
            volatility: Some(bps(volatility)),
            trend: Bps::ZERO,
            microprice: p("10000"),
        },
        inventory: q(inventory),
        realized_window: Notional::ZERO,
        realized: Notional::ZERO,
        min_edge: bps("-50"),
        lead: Bps::ZERO,
        room: [q("100"); 2],
        order_max: q("100"),
    }
}

/// No part but the model's; the grid is as fine as it gets.
fn plain(kind: ModelKind) -> MakerParams {
    let mut params = maker();
    params.model.kind = kind;
    params.size = q("1");
    (params.size_calm_permille, params.size_wild_permille) = (1000, 1000);
    params.inventory_spread = evenkeel::strategy::maker::Table::new(&[]).expect("no rows");
    params.asymmetric_above = q("100");
    params.soft_cap = q("100");
    params.regime = RegimeParams { pause: bps("1000"), ..params.regime };
    params
}

fn door() -> Quantizer {
    let spec = evenkeel::instrument::InstrumentSpec {
        grid: GridSpec::Tick(Price(1)),
        min_notional: n("10"),
        ..spec("X")
    };
    Quantizer::new(Instrument::new(InstId(0), spec).expect("valid"))
}

fn quotes(params: &MakerParams, view: &View) -> [SideQuote; 2] {
    Maker::default().quote(params, view, [Bps::ZERO; 2], &mut door())
}

fn near(got: Price, want: &str) {
    let off = (got.0 - p(want).0).abs();
    // 1e-6 is raw 100.
    assert!(off <= 100, "{got} instead of {want}");
}

#[test]
fn avellaneda_stoikov_vector_through_the_maker() {
    // Reservation 9999.2 and spread 1.690770 at q = 2, sigma = 2.
    let [bid, ask] = quotes(&plain(ModelKind::AvellanedaStoikov), &view("2", "2"));
    near(bid.px, "9998.354615");
    near(ask.px, "10000.045385");
    near(Price((bid.px.0 + ask.px.0) / 2), "9999.2");
    assert_eq!(bid.parts[SpreadPart::Model as usize], 16_907);
    assert_eq!(bid.parts[SpreadPart::Volatility as usize], 0);
}

#[test]
fn glft_vector_through_the_maker() {
    // Distances 0.8327486 and 0.5329672 at q = 2, sigma = 0.3; half 0.6828579 at q = 0.
    let [bid, ask] = quotes(&plain(ModelKind::Glft), &view("0.3", "2"));
    near(bid.px, "9999.1672514");
    near(ask.px, "10000.5329672");
    let [bid, ask] = quotes(&plain(ModelKind::Glft), &view("0.3", "0"));
    near(bid.px, "9999.3171421");
    near(ask.px, "10000.6828579");
}

#[test]
fn a_longer_horizon_of_the_signal_is_the_same_sigma() {
    let mut params = plain(ModelKind::AvellanedaStoikov);
    params.model.volatility_horizon = Nanos::from_secs(25);
    let [bid, ask] = quotes(&params, &view("10", "2"));
    near(bid.px, "9998.354615");
    near(ask.px, "10000.045385");
}

#[test]
fn the_model_is_kept_while_volatility_moves_by_less_than_a_256th() {
    let (params, mut maker, mut door) = (plain(ModelKind::Glft), Maker::default(), door());
    let mut at = |vol: &str, held: &str| {
        maker.quote(&params, &view(vol, held), [Bps::ZERO; 2], &mut door)[0].px
    };
    let first = at("4", "0");
    assert_eq!(at("4.015", "0"), first);
    assert!(at("4.02", "0") < first, "wilder is wider");
    assert!(at("4.02", "1") < at("4.02", "0"), "long bids lower");
}

#[test]
fn guards_and_filters_apply_as_to_the_spread_model() {
    for kind in [ModelKind::AvellanedaStoikov, ModelKind::Glft] {
        let mut params = plain(kind);
        params.asymmetric_above = q("0.4");
        let [bid, ask] = quotes(&params, &view("2", "0.5"));
        assert_eq!((bid.silence, ask.silence), (Some(Silence::Asymmetric), None));
        let calm = quotes(&params, &view("2", "0"));
        let mut lost = view("2", "0");
        lost.realized_window = n("-1");
        let guarded = quotes(&params, &lost);
        assert_eq!(guarded[0].parts[SpreadPart::PnlGuard as usize], 60_000);
        // 6 bps of the whole spread are 3 price units a side at 10 000.
        let moved = (calm[0].px.0 - guarded[0].px.0, guarded[1].px.0 - calm[1].px.0);
        let three = |d: i64| (d - p("3").0).abs() <= p("0.01").0;
        assert!(three(moved.0) && three(moved.1), "{moved:?}");
        assert_eq!(guarded[0].qty, q("0.85"));
        // Volatility that nobody knows yet: the base spread.
        let mut unknown = view("2", "0");
        unknown.reading.volatility = None;
        let base = quotes(&params, &unknown);
        assert_eq!(base[0].parts[SpreadPart::Volatility as usize], 120_000);
    }
}

#[test]
fn a_formula_without_a_value_silences_by_name() {
    let mut params = plain(ModelKind::AvellanedaStoikov);
    params.model.as_gamma = q("100").0;
    params.model.as_horizon = Nanos::from_secs(86_400);
    let [bid, ask] = quotes(&params, &view("1000", "0"));
    assert_eq!((bid.silence, ask.silence), (Some(Silence::Overflow), Some(Silence::Overflow)));
    assert_eq!((bid.px, bid.qty), (Price::ZERO, Qty::ZERO));
}

#[test]
fn the_config_takes_a_model_and_refuses_one_that_cannot_quote() {
    let market = |keys: &str| format!("[[market]]\nsymbol = \"SOL\"\n[market.maker]\n{keys}");
    for name in ["avellaneda_stoikov", "glft"] {
        let config = Config::parse(&market(&format!("model = \"{name}\"")), "it");
        let config = config.unwrap_or_else(|e| panic!("{e}"));
        let model = config.markets[0].maker.expect("on").model;
        assert_eq!(model.volatility_horizon, Nanos::from_secs(15));
        assert_eq!(Config::parse(&config.effective_toml(), "it").expect("whole"), config);
        let text = market(&format!("model = \"{name}\"\n[market.maker.{name}]\ngamma = \"100\""));
        let error = Config::parse(&text, "it").expect_err("too shy").to_string();
        assert!(error.contains("model") || error.contains("from the mid"), "{error}");
        let text = market(&format!("model = \"{name}\"\n[market.maker.{name}]\nk_per_bps = \"5\""));
        let error = Config::parse(&text, "it").expect_err("too near").to_string();
        assert!(error.contains("pulled at birth"), "{error}");
    }
}
