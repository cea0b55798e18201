//! Cold. Every key with its kind and range, once. The order here is the order of the effective
//! file.
//!
//! Ranges have two reasons. Some keep the hot path's integers inside their types: a factor of 10 is
//! permille 10 000 in a `u16`, the widest sum of spread parts fits an `i32` many times. The others
//! refuse what no one means: a spread of 20 %, a pause of a week.

use super::fields::{Decimal, FACTOR, Fields, QUOTE, SHARE, SIZE, UNITS, bps};
use super::read::Lister;
use super::{
    BOOK_LEVELS_MAX, Config, Engine, Guards, HedgeOn, Journal, LeadOn, MarketConfig, Metrics, Mode,
    Net, Network, Shape, Topology, Venue, Wait,
};
use crate::instrument::{Symbol, VenueId};
use crate::orders::ORDERS_MAX;
use crate::risk::{InstLimits, Limits};
use crate::strategy::guard::{HealingParams, PnlGuardParams};
use crate::strategy::hedge_exec::HedgeParams;
use crate::strategy::hedger::HedgeRule;
use crate::strategy::ladder::Shortfall;
use crate::strategy::ladder_quote::{Allocation, LadderParams, PerLevel};
use crate::strategy::maker::{LEVELS_MAX, MakerParams, RegimeOverride, Table};
use crate::strategy::model::{ModelKind, ModelParams};
use crate::strategy::quality::{QualityParams, SAMPLES};
use crate::strategy::regime::RegimeParams;
use crate::strategy::requote::RequoteParams;
use crate::strategy::signal::SignalParams;
use crate::units::{Bps, Nanos, Notional, Qty};

/// A day, in seconds and in milliseconds.
const DAY_S: u64 = 86_400;
const MINUTE_MS: u64 = 60_000;

/// The keys outside of markets.
pub(super) fn globals(io: &mut dyn Fields, c: &mut Config) {
    io.section("engine", |io| {
        io.text("name", check_name, &mut c.engine.name);
        io.choice("mode", &["paper", "live"], &[Mode::Paper, Mode::Live], &mut c.engine.mode);
        io.flag("flatten_on_stop", &mut c.engine.flatten_on_stop);
    });
    io.section("venue", |io| {
        let all = [VenueId::Hyperliquid, VenueId::Lighter, VenueId::Nado];
        io.choice("name", &["hyperliquid", "lighter", "nado"], &all, &mut c.venue.name);
        let all = [Network::Mainnet, Network::Testnet, Network::Embedded];
        io.choice("network", &["mainnet", "testnet", "embedded"], &all, &mut c.venue.network);
        io.text("ws_url", check_ws_url, &mut c.venue.ws_url);
        io.text("rest_url", check_rest_url, &mut c.venue.rest_url);
        io.flag("fast_books", &mut c.venue.fast_books);
        io.flag("l2_deltas", &mut c.venue.l2_deltas);
        io.flag("dead_man", &mut c.venue.dead_man);
        io.flag("batches", &mut c.venue.batches);
        io.flag("skip_nonces", &mut c.venue.skip_nonces);
    });
    io.section("topology", |io| {
        let all = [Shape::Auto, Shape::Pipeline, Shape::Pair, Shape::Fused];
        io.choice("name", &["auto", "pipeline", "pair", "fused"], &all, &mut c.topology.shape);
        let all = [Wait::Auto, Wait::Spin, Wait::Yield, Wait::Sleep];
        io.choice("wait", &["auto", "spin", "yield", "sleep"], &all, &mut c.topology.wait);
        io.numbers("cpus", 1024, 3, &mut c.topology.cpus);
    });
    io.section("limits", |io| {
        let limits = &mut c.limits;
        io.count("actions_per_s", (1, 10_000), "actions a second", &mut limits.actions_per_s);
        // Below four, the quarter that is kept for cancels would be less than one of them.
        io.count("burst", (4, 10_000), "actions", &mut limits.burst);
        io.quote("loss_quote", QUOTE, &mut limits.loss);
        io.quote("drawdown_quote", QUOTE, &mut limits.drawdown);
        io.count32("breaker_rejects", (1, 100), &mut limits.breaker_rejects);
        io.millis("back_off_ms", (0, 10 * MINUTE_MS), &mut limits.back_off);
    });
    io.section("guards", |io| {
        let standing = &mut c.guards.standing;
        let share = Decimal { max: "0.9", ..SHARE };
        io.permille("proof_band_share", share, &mut standing.proof_permille);
        io.secs("meta_refresh_s", (0, DAY_S), &mut standing.meta_refresh);
        let leverage = Decimal { min: "0", max: "100", ..FACTOR };
        io.permille("margin_leverage", leverage, &mut standing.leverage_permille);
        io.millis("clock_jump_ms", (0, 10 * MINUTE_MS), &mut standing.clock_jump);
        io.secs("premium_after_s", (0, 7 * DAY_S), &mut standing.premium_after);
        let requests = (0, 1_000_000_000);
        io.count("requests_low", requests, "requests", &mut standing.requests_low);
        io.count("requests_last", requests, "requests", &mut standing.requests_last);
        let factor = Decimal { min: "1", max: "10", ..FACTOR };
        io.permille("requests_low_factor", factor, &mut standing.low_permille);
        io.text("kill_file", check_path, &mut c.guards.kill_file);
    });
    io.section("journal", |io| {
        io.flag("enabled", &mut c.journal.enabled);
        io.text("path", check_path, &mut c.journal.path);
    });
    io.section("metrics", |io| {
        io.flag("enabled", &mut c.metrics.enabled);
        io.text("address", check_address, &mut c.metrics.address);
        io.text("commands_file", check_path, &mut c.metrics.commands_file);
    });
    super::pair::fields(io, &mut c.pair);
    io.section("net", |io| io.text("ca_file", check_path, &mut c.net.ca_file));
}

/// The keys of one market.
pub(super) fn market(io: &mut dyn Fields, m: &mut MarketConfig) {
    let mut symbol = m.symbol.as_str().to_owned();
    io.text("symbol", check_symbol, &mut symbol);
    m.symbol = Symbol::new(&symbol).unwrap_or(m.symbol);
    io.millis("stale_ms", (1, 10 * MINUTE_MS), &mut m.stale);
    io.millis("answer_timeout_ms", (1, 10 * MINUTE_MS), &mut m.answer_timeout);
    io.bps("fast_cancel_edge_bps", bps("-100", "100"), &mut m.fast_cancel_edge);
    io.bps("own_fill_edge_bps", bps("-100", "100"), &mut m.own_fill_edge);
    io.secs("pnl_window_s", (1, 7 * DAY_S), &mut m.pnl_window);
    io.count32("leverage", (0, 100), &mut m.leverage);
    io.flag("isolated", &mut m.isolated);
    io.count32("book_levels", (1, BOOK_LEVELS_MAX), &mut m.book_levels);
    io.section("limits", |io| {
        let limits = &mut m.limits;
        io.qty("position", SIZE, &mut limits.position);
        io.quote("inventory_notional_quote", QUOTE, &mut limits.inventory_notional);
        io.qty("order_size", SIZE, &mut limits.order_qty);
        io.quote("order_notional_quote", QUOTE, &mut limits.order_notional);
        io.bps("price_band_bps", bps("0.1", "2000"), &mut limits.price_band);
        io.index("open_orders", (1, ORDERS_MAX), &mut limits.open_orders);
    });
    io.section("signals", |io| {
        let signals = &mut m.signals;
        io.secs("volatility_half_life_s", (1, DAY_S), &mut signals.half_life);
        io.secs("volatility_horizon_s", (1, DAY_S), &mut signals.horizon);
        io.secs("warm_up_s", (0, DAY_S), &mut signals.warm_up);
        io.secs("trend_span_s", (1, DAY_S), &mut signals.trend_span);
    });
    io.section("requote", |io| {
        io.bps("tolerance_bps", bps("0", "100"), &mut m.requote.tolerance);
        io.permille("size_band_share", SHARE, &mut m.requote.size_band_permille);
        io.millis("min_rest_ms", (0, MINUTE_MS), &mut m.requote.min_rest);
        io.flag("modifies", &mut m.requote.modifies);
    });
    io.section("maker", |io| {
        let mut on = m.maker.is_some();
        let mut params = m.maker.unwrap_or_else(blank_maker);
        io.flag("enabled", &mut on);
        if on || io.wants_disabled() {
            maker(io, &mut params);
            super::other::lead(io, &mut m.lead);
        }
        params.model.volatility_horizon = m.signals.horizon;
        m.maker = on.then_some(params);
    });
    io.section("ladder", |io| {
        let mut on = m.ladder.is_some();
        let mut params = m.ladder.unwrap_or_else(blank_ladder);
        io.flag("enabled", &mut on);
        if on || io.wants_disabled() {
            ladder(io, &mut params);
        }
        m.ladder = on.then_some(params);
    });
    io.section("hedger", |io| {
        let mut on = m.hedger.is_some();
        let mut params = m.hedger.unwrap_or_else(blank_hedger);
        io.flag("enabled", &mut on);
        if on || io.wants_disabled() {
            super::other::hedge_on(io, &mut m.hedge_on);
            hedger(io, &mut params);
        }
        m.hedger = on.then_some(params);
    });
}

fn maker(io: &mut dyn Fields, p: &mut MakerParams) {
    let spread = bps("0.1", "1000");
    let extra = bps("0", "200");
    let all = [ModelKind::Spread, ModelKind::AvellanedaStoikov, ModelKind::Glft];
    let names = &["spread", "avellaneda_stoikov", "glft"];
    io.choice("model", names, &all, &mut p.model.kind);
    io.bps("spread_base_bps", spread, &mut p.spread_base);
    io.bps("spread_calm_bps", spread, &mut p.spread_calm);
    io.bps("spread_wild_bps", spread, &mut p.spread_wild);
    io.bps("volatility_calm_bps", bps("0", "1000"), &mut p.volatility_calm);
    io.bps("volatility_wild_bps", bps("0", "1000"), &mut p.volatility_wild);
    io.qty("size", SIZE, &mut p.size);
    io.qty("size_min", SIZE, &mut p.size_min);
    io.qty("size_max", SIZE, &mut p.size_max);
    io.permille("size_calm_factor", FACTOR, &mut p.size_calm_permille);
    io.permille("size_wild_factor", FACTOR, &mut p.size_wild_permille);
    io.flag("raise_to_minimum", &mut p.raise_to_minimum);
    inventory(io, p);
    io.bps("level_step_bps", extra, &mut p.level_step);
    model(io, &mut p.model);
    guards(io, p);
    io.section("regime", |io| {
        io.bps("defensive_above_bps", bps("0.1", "1000"), &mut p.regime.defensive);
        for (name, over) in [("aggressive", &mut p.aggressive), ("defensive", &mut p.defensive)] {
            io.section(name, |io| {
                regime(io, over);
                io.index("levels", (1, LEVELS_MAX), &mut over.levels);
            });
        }
    });
}

fn model(io: &mut dyn Fields, p: &mut ModelParams) {
    let gamma = Decimal { places: 8, min: "0", max: "100", unit: "" };
    let positive = Decimal { min: "0.00000001", ..gamma };
    io.section("avellaneda_stoikov", |io| {
        io.decimal("gamma", gamma, &mut p.as_gamma);
        io.decimal("k_per_bps", positive, &mut p.as_k);
        io.secs("horizon_s", (1, DAY_S), &mut p.as_horizon);
    });
    io.section("glft", |io| {
        io.decimal("gamma", gamma, &mut p.glft_gamma);
        io.decimal("xi", gamma, &mut p.glft_xi);
        io.decimal("k_per_bps", positive, &mut p.glft_k);
        io.decimal("a_per_s", positive, &mut p.glft_a);
    });
}

/// What inventory does to quotes, of a maker or of a ladder.
fn inventory(io: &mut dyn Fields, p: &mut MakerParams) {
    let extra = bps("0", "200");
    io.table("inventory_spread", "spread_bps", extra, &mut p.inventory_spread);
    io.table("inventory_size", "size_factor", FACTOR, &mut p.inventory_size);
    io.qty("asymmetric_above", UNITS, &mut p.asymmetric_above);
    io.qty("soft_cap", SIZE, &mut p.soft_cap);
    io.bps("skew_at_soft_cap_bps", extra, &mut p.skew_at_soft_cap);
}

/// Guards and filters of a maker or of a ladder.
fn guards(io: &mut dyn Fields, p: &mut MakerParams) {
    let extra = bps("0", "200");
    io.section("pnl_guard", |io| {
        let loss = Decimal { min: "-1000000", max: "-0.01", ..QUOTE };
        io.quote("trigger_quote", loss, &mut p.pnl_guard.trigger);
        io.secs("hold_s", (1, DAY_S), &mut p.pnl_guard.hold);
        io.permille("clear_share", SHARE, &mut p.pnl_guard.clear_permille);
        // At most +8: beyond it the guard would be a pause, and a pause is stated as one.
        io.bps("spread_bps", bps("0", "8"), &mut p.pnl_guard_spread);
        let factor = Decimal { max: "1", ..FACTOR };
        io.permille("size_factor", factor, &mut p.pnl_guard_size_permille);
    });
    io.section("healing", |io| {
        io.secs("slice_s", (1, DAY_S), &mut p.healing.slice);
        io.count32("losses", (1, 100), &mut p.healing.losses);
        io.count32("steps_max", (0, 20), &mut p.healing.steps_max);
        io.bps("step_bps", bps("0", "50"), &mut p.healing_step);
    });
    io.section("quality", |io| {
        let q = &mut p.quality;
        io.millis("quick_ms", (1, MINUTE_MS), &mut q.quick);
        io.permille("quick_share", SHARE, &mut q.quick_share_permille);
        io.bps("markout_bps", bps("0", "100"), &mut q.markout);
        io.bps("tail_bps", bps("0", "1000"), &mut q.tail);
        io.permille("tail_share", SHARE, &mut q.tail_share_permille);
        io.index("samples", (1, SAMPLES), &mut q.samples);
        io.secs("memory_s", (1, DAY_S), &mut q.memory);
        io.bps("widen_bps", bps("0", "50"), &mut q.widen);
        io.bps("alone_bps", bps("0", "50"), &mut q.alone);
        io.millis("alone_hold_ms", (0, MINUTE_MS), &mut q.alone_hold);
    });
    io.section("trend", |io| {
        io.bps("engage_bps", bps("0.1", "1000"), &mut p.regime.trend_engage);
        io.bps("release_bps", bps("0", "1000"), &mut p.regime.trend_release);
        io.secs("hold_s", (0, DAY_S), &mut p.regime.trend_hold);
        io.bps("extra_bps", extra, &mut p.trend_extra);
        io.flag("pauses", &mut p.trend_pauses);
    });
    io.section("pause", |io| {
        io.bps("volatility_bps", bps("0.1", "1000"), &mut p.regime.pause);
        io.qty("resume_inventory", SIZE, &mut p.regime.pause_inventory);
    });
}

fn ladder(io: &mut dyn Fields, p: &mut LadderParams) {
    io.per_level("distances_bps", bps("0.1", "500"), true, &mut p.distances);
    // Two places more than a u32 of them would hold: 10^-6 is the least that counts.
    let rate = Decimal { places: 6, min: "0.000001", max: "100", unit: "" };
    io.per_level("intensities", rate, false, &mut p.intensities);
    let decay = Decimal { places: 8, min: "0", max: "10", unit: "per bps" };
    io.decimal("intensity_decay", decay, &mut p.decay);
    io.bps("adverse_bps", bps("0", "200"), &mut p.adverse);
    io.bps("fees_bps", bps("-20", "100"), &mut p.fees);
    let all = [Allocation::Proportional, Allocation::Kelly];
    io.choice("allocation", &["proportional", "kelly"], &all, &mut p.allocation);
    io.permille("kelly_fraction", Decimal { min: "0.001", ..SHARE }, &mut p.kelly_permille);
    io.bps("kelly_volatility_bps", bps("0.1", "1000"), &mut p.kelly_volatility);
    let all = [Shortfall::Concentrate, Shortfall::WaterFill];
    io.choice("shortfall", &["concentrate", "water_fill"], &all, &mut p.shortfall);
    io.quote("equity_quote", QUOTE, &mut p.equity);
    let leverage = Decimal { places: 3, min: "0.01", max: "100", unit: "" };
    io.permille("leverage", leverage, &mut p.leverage_permille);
    inventory(io, &mut p.shared);
    guards(io, &mut p.shared);
    io.section("regime", |io| {
        io.bps("defensive_above_bps", bps("0.1", "1000"), &mut p.shared.regime.defensive);
        io.section("aggressive", |io| regime(io, &mut p.shared.aggressive));
        io.section("defensive", |io| regime(io, &mut p.shared.defensive));
    });
}

fn regime(io: &mut dyn Fields, over: &mut RegimeOverride) {
    io.bps("spread_bps", bps("-100", "200"), &mut over.spread);
    io.permille("size_factor", FACTOR, &mut over.size_permille);
}

fn hedger(io: &mut dyn Fields, p: &mut HedgeParams) {
    io.qty("trigger", UNITS, &mut p.rule.trigger);
    io.qty("target", UNITS, &mut p.rule.target);
    io.qty("max_clip", SIZE, &mut p.rule.max_clip);
    io.qty_or_auto("max_clip_hard", SIZE, &mut p.rule.max_clip_hard);
    io.permille("guard_factor", SHARE, &mut p.rule.guard_multiplier_permille);
    io.flag("remainder_rule", &mut p.rule.remainder_rule);
    io.bps("passive_offset_bps", bps("0", "100"), &mut p.passive_offset);
    io.millis("passive_wait_ms", (0, MINUTE_MS), &mut p.passive_wait);
    io.bps("second_offset_bps", bps("0", "100"), &mut p.second_offset);
    io.millis("second_wait_ms", (0, MINUTE_MS), &mut p.second_wait);
    io.bps("slippage_bps", bps("0.1", "500"), &mut p.slippage);
    io.millis("cooldown_ms", (0, 10 * MINUTE_MS), &mut p.cooldown);
    io.millis("deadline_ms", (1, 10 * MINUTE_MS), &mut p.deadline);
    io.flag("dry_run", &mut p.dry_run);
}

fn check_name(name: &str) -> Result<(), &'static str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    match name.len() {
        1..=32 if name.bytes().all(plain) => Ok(()),
        _ => Err("a name has 1 to 32 letters, digits, `-` or `_`: it labels files and metrics"),
    }
}

pub(super) fn check_symbol(symbol: &str) -> Result<(), &'static str> {
    match Symbol::new(symbol) {
        Some(_) => Ok(()),
        None => Err("a symbol has 1 to 23 printable ASCII characters, as the venue writes it"),
    }
}

fn check_url(url: &str, schemes: [&str; 2]) -> Result<(), &'static str> {
    let rest = schemes.iter().find_map(|s| url.strip_prefix(s));
    match rest.map(|r| r.split('/').next().unwrap_or(r)) {
        _ if url.is_empty() => Ok(()),
        Some("") | None => Err("not a URL of this kind"),
        Some(host) if host.contains('@') => Err("a URL carries no credentials"),
        Some(_) if !url.bytes().all(|b| b.is_ascii_graphic()) => Err("a URL is printable ASCII"),
        Some(_) => Ok(()),
    }
}

fn check_ws_url(url: &str) -> Result<(), &'static str> {
    check_url(url, ["wss://", "ws://"]).map_err(|e| match e {
        "not a URL of this kind" => "a WebSocket URL begins with wss:// (ws:// for embedded)",
        other => other,
    })
}

fn check_rest_url(url: &str) -> Result<(), &'static str> {
    check_url(url, ["https://", "http://"]).map_err(|e| match e {
        "not a URL of this kind" => "a REST URL begins with https:// (http:// for embedded)",
        other => other,
    })
}

fn check_path(path: &str) -> Result<(), &'static str> {
    if path.contains('\0') { Err("a path has no zero byte") } else { Ok(()) }
}

fn check_address(address: &str) -> Result<(), &'static str> {
    match address.parse::<std::net::SocketAddr>() {
        Err(_) => Err("expected an address with a port, such as 127.0.0.1:9090 (port 0: any)"),
        Ok(at) if !at.ip().is_loopback() => Err(
            "not a loopback address: what is served has no access control; put a proxy before it",
        ),
        Ok(_) => Ok(()),
    }
}

/// A value of each type for the reader to fill; none of it is a default.
pub(super) fn blank() -> Config {
    Config {
        engine: Engine { name: String::new(), mode: Mode::Paper, flatten_on_stop: true },
        venue: Venue {
            name: VenueId::Hyperliquid,
            network: Network::Embedded,
            ws_url: String::new(),
            rest_url: String::new(),
            fast_books: false,
            l2_deltas: false,
            dead_man: true,
            batches: false,
            skip_nonces: true,
        },
        topology: Topology { shape: Shape::Auto, wait: Wait::Auto, cpus: Vec::new() },
        limits: Limits {
            actions_per_s: 0,
            burst: 0,
            loss: Notional::ZERO,
            drawdown: Notional::ZERO,
            breaker_rejects: 0,
            back_off: Nanos::ZERO,
        },
        guards: Guards { standing: Default::default(), kill_file: String::new() },
        journal: Journal { enabled: false, path: String::new() },
        metrics: Metrics { enabled: false, address: String::new(), commands_file: String::new() },
        pair: None,
        net: Net { ca_file: String::new() },
        markets: Vec::new(),
    }
}

pub(super) fn blank_market() -> MarketConfig {
    let zero = Nanos::ZERO;
    MarketConfig {
        symbol: Symbol::new("?").expect("one printable character"),
        limits: InstLimits {
            position: Qty::ZERO,
            inventory_notional: Notional::ZERO,
            order_qty: Qty::ZERO,
            order_notional: Notional::ZERO,
            price_band: Bps::ZERO,
            open_orders: 0,
        },
        signals: SignalParams { half_life: zero, horizon: zero, warm_up: zero, trend_span: zero },
        requote: RequoteParams {
            tolerance: Bps::ZERO,
            size_band_permille: 0,
            min_rest: zero,
            modifies: false,
        },
        maker: Some(blank_maker()),
        ladder: Some(blank_ladder()),
        hedger: Some(blank_hedger()),
        hedge_on: HedgeOn::ITSELF,
        lead: LeadOn::BLANK,
        stale: zero,
        fast_cancel_edge: Bps::ZERO,
        own_fill_edge: Bps::ZERO,
        answer_timeout: zero,
        pnl_window: zero,
        leverage: 0,
        isolated: false,
        book_levels: BOOK_LEVELS_MAX,
    }
}

fn blank_maker() -> MakerParams {
    let empty = Table::new(&[]).expect("no rows ascend");
    let over = RegimeOverride { spread: Bps::ZERO, size_permille: 0, levels: 0 };
    MakerParams {
        spread_base: Bps::ZERO,
        model: ModelParams {
            kind: ModelKind::Spread,
            as_gamma: 0,
            as_k: 1,
            as_horizon: Nanos::ZERO,
            glft_gamma: 0,
            glft_xi: 0,
            glft_k: 1,
            glft_a: 1,
            volatility_horizon: Nanos::ZERO,
        },
        spread_calm: Bps::ZERO,
        spread_wild: Bps::ZERO,
        volatility_calm: Bps::ZERO,
        volatility_wild: Bps::ZERO,
        size: Qty::ZERO,
        size_min: Qty::ZERO,
        size_max: Qty::ZERO,
        size_calm_permille: 0,
        size_wild_permille: 0,
        inventory_spread: empty,
        inventory_size: empty,
        asymmetric_above: Qty::ZERO,
        soft_cap: Qty::ZERO,
        skew_at_soft_cap: Bps::ZERO,
        pnl_guard: PnlGuardParams { trigger: Notional::ZERO, hold: Nanos::ZERO, clear_permille: 0 },
        pnl_guard_spread: Bps::ZERO,
        pnl_guard_size_permille: 0,
        healing: HealingParams { slice: Nanos::ZERO, losses: 0, steps_max: 0 },
        healing_step: Bps::ZERO,
        quality: QualityParams::OFF,
        regime: RegimeParams {
            defensive: Bps::ZERO,
            trend_engage: Bps::ZERO,
            trend_release: Bps::ZERO,
            trend_hold: Nanos::ZERO,
            pause: Bps::ZERO,
            pause_inventory: Qty::ZERO,
        },
        aggressive: over,
        defensive: over,
        trend_extra: Bps::ZERO,
        trend_pauses: false,
        level_step: Bps::ZERO,
        raise_to_minimum: false,
    }
}

fn blank_ladder() -> LadderParams {
    let empty = PerLevel::new(&[]).expect("no values fit");
    // Neutral where a ladder has no key: no spread of its own, sizes as they are.
    let mut shared = blank_maker();
    (shared.size_calm_permille, shared.size_wild_permille) = (1000, 1000);
    (shared.aggressive.levels, shared.defensive.levels) = (1, 1);
    LadderParams {
        shared,
        distances: empty,
        intensities: empty,
        decay: 0,
        adverse: Bps::ZERO,
        fees: Bps::ZERO,
        allocation: Allocation::Proportional,
        kelly_permille: 0,
        kelly_volatility: Bps::ZERO,
        shortfall: Shortfall::Concentrate,
        equity: Notional::ZERO,
        leverage_permille: 0,
    }
}

fn blank_hedger() -> HedgeParams {
    HedgeParams {
        rule: HedgeRule {
            trigger: Qty::ZERO,
            target: Qty::ZERO,
            max_clip: Qty::ZERO,
            max_clip_hard: None,
            guard_multiplier_permille: 0,
            remainder_rule: false,
        },
        passive_offset: Bps::ZERO,
        passive_wait: Nanos::ZERO,
        second_offset: Bps::ZERO,
        second_wait: Nanos::ZERO,
        slippage: Bps::ZERO,
        cooldown: Nanos::ZERO,
        deadline: Nanos::ZERO,
        dry_run: false,
    }
}

/// The keys outside of markets, in order, with what each takes.
pub(super) fn global_keys() -> Vec<(String, String)> {
    let mut lister = Lister::default();
    globals(&mut lister, &mut blank());
    lister.keys
}

/// The keys of a market, in order, with what each takes.
pub(super) fn market_keys() -> Vec<(String, String)> {
    let mut lister = Lister::default();
    market(&mut lister, &mut blank_market());
    lister.keys
}
