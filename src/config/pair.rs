//! Cold. The `[pair]` section: its keys, what they mean, and what must hold between them and the
//! markets that are its legs.

use std::collections::BTreeSet;

use super::MarketConfig;
use super::check::Scope;
use super::error::ConfigError;
use super::fields::{Decimal, FACTOR, Fields, QUOTE, SHARE, bps};
use super::layer::Layer;
use super::{Config, schema};
use crate::instrument::{InstId, Symbol};
use crate::strategy::pair::{PairLimits, PairPolicy};
use crate::strategy::pair_exec::{FoundPolicy, PairParams};
use crate::units::{Bps, Nanos, Notional, Side};

/// What is done where the best pair is above the limit of imbalance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairGrowth {
    Accept,
    Grow,
    Wait,
}

/// The pair as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairSettings {
    /// Leg a: bought on the way in.
    pub long: Symbol,
    /// Leg b: sold on the way in.
    pub short: Symbol,
    pub target: Notional,
    pub tolerance_permille: i64,
    pub policy: PairGrowth,
    pub max_imbalance: Bps,
    pub cap: Notional,
    pub refuse_above: Bps,
    pub slippage: Bps,
    pub exit_margin_permille: i64,
    pub hold: Nanos,
    pub rest: Nanos,
    pub max_cycles: u32,
    pub deadline: Nanos,
    pub found: FoundPolicy,
}

impl PairSettings {
    fn blank() -> PairSettings {
        PairSettings {
            long: Symbol::new("?").expect("one printable character"),
            short: Symbol::new("?").expect("one printable character"),
            target: Notional::ZERO,
            tolerance_permille: 0,
            policy: PairGrowth::Wait,
            max_imbalance: Bps::ZERO,
            cap: Notional::ZERO,
            refuse_above: Bps::ZERO,
            slippage: Bps::ZERO,
            exit_margin_permille: 1000,
            hold: Nanos::ZERO,
            rest: Nanos::ZERO,
            max_cycles: 0,
            deadline: Nanos::ZERO,
            found: FoundPolicy::Rebalance,
        }
    }

    /// The instruments of both legs: their places among the markets.
    pub fn legs(&self, markets: &[MarketConfig]) -> Result<[InstId; 2], String> {
        let find = |symbol: Symbol| {
            let at = markets.iter().position(|m| m.symbol == symbol);
            let what = || format!("{} is no configured market", symbol.as_str());
            at.map(|i| InstId(i as u16)).ok_or_else(what)
        };
        Ok([find(self.long)?, find(self.short)?])
    }

    pub fn params(&self) -> PairParams {
        let max_imbalance = self.max_imbalance;
        let policy = match self.policy {
            PairGrowth::Accept => PairPolicy::Accept,
            PairGrowth::Grow => PairPolicy::Grow { max_imbalance, cap: self.cap },
            PairGrowth::Wait => PairPolicy::Wait { max_imbalance },
        };
        PairParams {
            sides: [Side::Buy, Side::Sell],
            target: self.target,
            // A permille of one is ten basis points.
            limits: PairLimits { tolerance: Bps::whole(10 * self.tolerance_permille), policy },
            max_imbalance,
            refuse_above: self.refuse_above,
            slippage: self.slippage,
            exit_margin_permille: self.exit_margin_permille,
            hold: self.hold,
            rest: self.rest,
            max_cycles: self.max_cycles,
            deadline: self.deadline,
            found: self.found,
        }
    }

    /// The largest notional that the solver may give a leg.
    pub fn largest(&self) -> Notional {
        let target = if self.policy == PairGrowth::Grow { self.cap } else { self.target };
        Notional(target.0 * i128::from(1000 + self.tolerance_permille) / 1000)
    }
}

/// The keys of the section.
pub(super) fn fields(io: &mut dyn Fields, pair: &mut Option<PairSettings>) {
    io.section("pair", |io| {
        let mut on = pair.is_some();
        let mut params = pair.clone().unwrap_or_else(PairSettings::blank);
        io.flag("enabled", &mut on);
        if on || io.wants_disabled() {
            of(io, &mut params);
        }
        *pair = on.then_some(params);
    });
}

fn of(io: &mut dyn Fields, p: &mut PairSettings) {
    for (key, symbol) in [("long", &mut p.long), ("short", &mut p.short)] {
        let mut text = symbol.as_str().to_owned();
        io.text(key, schema::check_symbol, &mut text);
        *symbol = Symbol::new(&text).unwrap_or(*symbol);
    }
    io.quote("target_quote", QUOTE, &mut p.target);
    let tolerance = Decimal { max: "0.999", ..SHARE };
    io.permille("tolerance_share", tolerance, &mut p.tolerance_permille);
    let all = [PairGrowth::Accept, PairGrowth::Grow, PairGrowth::Wait];
    io.choice("policy", &["accept", "grow", "wait"], &all, &mut p.policy);
    io.bps("max_imbalance_bps", bps("0", "1000"), &mut p.max_imbalance);
    io.quote("cap_quote", QUOTE, &mut p.cap);
    io.bps("refuse_slippage_bps", bps("0.1", "500"), &mut p.refuse_above);
    io.bps("slippage_bps", bps("0.1", "500"), &mut p.slippage);
    let margin = Decimal { min: "1", max: "3", ..FACTOR };
    io.permille("exit_margin_factor", margin, &mut p.exit_margin_permille);
    io.secs("hold_s", (0, 604_800), &mut p.hold);
    io.secs("rest_s", (0, 604_800), &mut p.rest);
    io.count32("max_cycles", (0, 1_000_000), &mut p.max_cycles);
    io.millis("deadline_ms", (1, 600_000), &mut p.deadline);
    let all = [FoundPolicy::Rebalance, FoundPolicy::Exit, FoundPolicy::Alarm];
    io.choice("found", &["rebalance", "exit", "alarm"], &all, &mut p.found);
}

/// What must hold between the section's values, and between them and the legs' markets.
pub(super) fn check(
    config: &Config,
    base: &Layer,
    bad: &BTreeSet<String>,
    errors: &mut Vec<ConfigError>,
) {
    let Some(pair) = &config.pair else { return };
    let mut s = Scope::new(&base.globals, "", bad, errors);
    let same = pair.long == pair.short;
    s.refuse(same, &["pair.long", "pair.short"], "both legs are the same market");
    s.refuse(
        pair.policy == PairGrowth::Grow && pair.cap < pair.target,
        &["pair.cap_quote", "pair.target_quote"],
        "the target can only grow: its cap lies below it",
    );
    s.refuse(
        pair.policy == PairGrowth::Accept && pair.tolerance_permille == 0,
        &["pair.tolerance_share", "pair.policy"],
        "without a tolerance no two legs of whole lots come to exactly the target",
    );
    if same {
        return;
    }
    for (key, symbol) in [("pair.long", pair.long), ("pair.short", pair.short)] {
        let market = config.markets.iter().position(|m| m.symbol == symbol);
        let Some(at) = market else {
            let known: Vec<&str> = config.markets.iter().map(|m| m.symbol.as_str()).collect();
            let what = format!("no such market is configured; there is {}", known.join(", "));
            Scope::new(&base.globals, "", bad, errors).refuse(true, &[key], &what);
            continue;
        };
        leg(pair, key, config, base, at, bad, errors);
    }
}

/// One leg's market: the pair's alone, with limits that let its orders through.
fn leg(
    pair: &PairSettings,
    key: &str,
    config: &Config,
    base: &Layer,
    at: usize,
    bad: &BTreeSet<String>,
    errors: &mut Vec<ConfigError>,
) {
    let (market, raw) = (&config.markets[at], &base.markets[at]);
    let place = |leaf: &str| raw.leaves.get(leaf).map_or(&raw.at, |l| &l.at);
    let mut told = |broken: bool, other: &str, keys: &[&str], why: String| {
        if broken {
            let why = format!("{why}; see `market.{}.{other}` ({})", raw.symbol, place(other));
            Scope::new(&base.globals, "", bad, errors).refuse(true, keys, &why);
        }
    };
    let alone = |who: &str| format!("a leg is the pair's alone, and this market has a {who}");
    told(market.maker.is_some(), "maker.enabled", &[key], alone("maker"));
    told(market.hedger.is_some(), "hedger.enabled", &[key], alone("hedger"));
    let limits = &market.limits;
    let largest = pair.largest();
    let why = format!("a leg may come to {}, above the limit of an order", largest);
    let sizes = ["pair.target_quote", "pair.tolerance_share"];
    told(largest > limits.order_notional, "limits.order_notional_quote", &sizes, why);
    let why = format!("a leg may come to {}, above the limit of the inventory", largest);
    let inventory = "limits.inventory_notional_quote";
    told(largest > limits.inventory_notional, inventory, &sizes, why);
    let why = "risk would refuse a leg: its worst price lies outside the price band".to_owned();
    // From the best price, which itself lies off the mid.
    let band = "limits.price_band_bps";
    told(pair.slippage >= limits.price_band, band, &["pair.slippage_bps"], why);
}
