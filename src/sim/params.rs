//! Cold. The parameters of a seeded market: read from `config/flow.toml`, bent by a scenario.
//!
//! Rates are counts per 1000 s and shares are permille, so that all of them are integers; prices,
//! sizes and basis points are decimal texts and become integers without passing through a float.

use std::fmt;

use serde::Deserialize;

use crate::units::{Bps, Price, Qty};

/// The file that is built in.
const BUILT_IN: &str = include_str!("../../config/flow.toml");

/// What a market does besides its calibrated self.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scenario {
    /// As recorded: the hour of the calibration was a calm one.
    #[default]
    Calm,
    /// Three times as many jumps, half as large again, half the depth, twice the aggressors.
    Volatile,
    /// Nine of ten clusters of jumps go up.
    TrendUp,
    /// Nine of ten clusters of jumps go down.
    TrendDown,
    /// Nine of ten aggressors buy, three times as many, and the price gives way to them.
    OneSided,
}

impl Scenario {
    pub const ALL: [Scenario; 5] = [
        Scenario::Calm,
        Scenario::Volatile,
        Scenario::TrendUp,
        Scenario::TrendDown,
        Scenario::OneSided,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Scenario::Calm => "calm",
            Scenario::Volatile => "volatile",
            Scenario::TrendUp => "trend_up",
            Scenario::TrendDown => "trend_down",
            Scenario::OneSided => "one_sided",
        }
    }

    pub fn parse(name: &str) -> Option<Scenario> {
        Scenario::ALL.into_iter().find(|s| s.name() == name)
    }
}

/// The parameters of one market. `config/flow.toml` says what each of them does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowParams {
    pub asset: u32,
    pub sz_decimals: u32,
    pub start_px: Price,
    /// Levels that are kept on each side.
    pub levels: u32,
    /// Usual size of the levels from the best outwards; the last one holds for all beyond.
    pub level_sizes: Vec<Qty>,
    pub order_sizes: Quantiles,
    pub quotes_per_1000_s: u64,
    pub quotes_at_best_permille: u64,
    pub refill_permille: u64,
    pub aggressors_per_1000_s: u64,
    pub aggressor_sizes: Quantiles,
    pub aggressor_buy_permille: u64,
    pub aggressor_persist_permille: u64,
    pub impact_bps: Bps,
    pub yield_permille: u64,
    pub jumps_per_1000_s: u64,
    pub jump_mean_bps: Bps,
    pub jump_up_permille: u64,
    pub jump_persist_permille: u64,
    pub jump_excite_permille: u64,
    pub jump_memory_ms: u64,
    pub revert_permille_per_bps: u64,
    pub revert_memory_ms: u64,
    pub snipe_permille: u64,
}

/// A distribution of sizes as points of its quantile function, straight in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantiles {
    /// Permille and size, both growing, from 0 to 1000.
    points: Vec<(u64, Qty)>,
}

impl Quantiles {
    /// The size at `u` in 2^-32 of the distribution.
    pub fn at(&self, u: u32) -> Qty {
        let scaled = u64::from(u) * 1000; // permille in 2^-32
        let after = self.points.partition_point(|p| p.0 << 32 <= scaled);
        let after = after.clamp(1, self.points.len() - 1);
        let ((p0, q0), (p1, q1)) = (self.points[after - 1], self.points[after]);
        let part = u128::from(scaled - (p0 << 32));
        let span = u128::from((p1 - p0) << 32);
        Qty(q0.0 + ((q1.0 - q0.0) as u128 * part / span) as i64)
    }

    fn scaled(&self, permille: i64) -> Quantiles {
        Quantiles { points: self.points.iter().map(|(p, q)| (*p, q.permille(permille))).collect() }
    }
}

/// Why a parameter file is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParamsError {
    /// Not TOML, or a key is unknown, missing or of another type.
    Toml(String),
    /// No market of this name.
    NoMarket(String),
    Value {
        market: String,
        key: &'static str,
        why: &'static str,
    },
}

impl fmt::Display for ParamsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParamsError::Toml(why) => write!(f, "flow parameters: {why}"),
            ParamsError::NoMarket(name) => {
                write!(f, "no flow parameters for `{name}`; known are: {}", known().join(", "))
            }
            ParamsError::Value { market, key, why } => {
                write!(f, "flow parameters of {market}: {key}: {why}")
            }
        }
    }
}

impl std::error::Error for ParamsError {}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    market: std::collections::BTreeMap<String, Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    asset: u32,
    sz_decimals: u32,
    start_px: String,
    levels: u32,
    level_sizes: Vec<String>,
    order_sizes: Vec<(u64, String)>,
    quotes_per_1000_s: u64,
    quotes_at_best_permille: u64,
    refill_permille: u64,
    aggressors_per_1000_s: u64,
    aggressor_sizes: Vec<(u64, String)>,
    aggressor_buy_permille: u64,
    aggressor_persist_permille: u64,
    impact_bps: String,
    yield_permille: u64,
    jumps_per_1000_s: u64,
    jump_mean_bps: String,
    jump_up_permille: u64,
    jump_persist_permille: u64,
    jump_excite_permille: u64,
    jump_memory_ms: u64,
    revert_permille_per_bps: u64,
    revert_memory_ms: u64,
    snipe_permille: u64,
}

/// Markets with built-in parameters.
pub fn known() -> Vec<String> {
    toml::from_str::<File>(BUILT_IN)
        .map(|file| file.market.into_keys().collect())
        .unwrap_or_default()
}

impl FlowParams {
    /// The built-in parameters of a market, bent by a scenario.
    pub fn built_in(symbol: &str, scenario: Scenario) -> Result<FlowParams, ParamsError> {
        FlowParams::parse(BUILT_IN, symbol).map(|p| p.with(scenario))
    }

    /// Reads the parameters of a market from the text of a file like `config/flow.toml`.
    pub fn parse(text: &str, symbol: &str) -> Result<FlowParams, ParamsError> {
        let mut file: File =
            toml::from_str(text).map_err(|e| ParamsError::Toml(e.message().to_owned()))?;
        let entry = file.market.remove(symbol);
        let entry = entry.ok_or_else(|| ParamsError::NoMarket(symbol.to_owned()))?;
        read(entry).map_err(|(key, why)| ParamsError::Value { market: symbol.to_owned(), key, why })
    }

    /// These parameters in a scenario.
    pub fn with(mut self, scenario: Scenario) -> FlowParams {
        match scenario {
            Scenario::Calm => {}
            Scenario::Volatile => {
                self.jumps_per_1000_s *= 3;
                self.jump_mean_bps = Bps(self.jump_mean_bps.0 * 3 / 2);
                self.aggressors_per_1000_s *= 2;
                self.order_sizes = self.order_sizes.scaled(500);
                for size in &mut self.level_sizes {
                    *size = size.permille(500);
                }
            }
            Scenario::TrendUp => self.jump_up_permille = 900,
            Scenario::TrendDown => self.jump_up_permille = 100,
            Scenario::OneSided => {
                self.aggressor_buy_permille = 900;
                self.aggressors_per_1000_s *= 3;
                self.impact_bps = Bps(self.impact_bps.0 * 4);
            }
        }
        self
    }
}

type Wrong = (&'static str, &'static str);

fn read(e: Entry) -> Result<FlowParams, Wrong> {
    let bps = |key, text: &str| Bps::parse(text.as_bytes()).map_err(|why| (key, why.name()));
    check(&e)?;
    let start_px = Price::parse(e.start_px.as_bytes()).map_err(|why| ("start_px", why.name()))?;
    let level_sizes: Result<_, _> =
        e.level_sizes.iter().map(|s| positive("level_sizes", s)).collect();
    Ok(FlowParams {
        asset: e.asset,
        sz_decimals: e.sz_decimals,
        start_px,
        levels: e.levels,
        level_sizes: level_sizes?,
        order_sizes: quantiles("order_sizes", &e.order_sizes)?,
        quotes_per_1000_s: e.quotes_per_1000_s,
        quotes_at_best_permille: e.quotes_at_best_permille,
        refill_permille: e.refill_permille,
        aggressors_per_1000_s: e.aggressors_per_1000_s,
        aggressor_sizes: quantiles("aggressor_sizes", &e.aggressor_sizes)?,
        aggressor_buy_permille: e.aggressor_buy_permille,
        aggressor_persist_permille: e.aggressor_persist_permille,
        impact_bps: bps("impact_bps", &e.impact_bps)?,
        yield_permille: e.yield_permille,
        jumps_per_1000_s: e.jumps_per_1000_s,
        jump_mean_bps: bps("jump_mean_bps", &e.jump_mean_bps)?,
        jump_up_permille: e.jump_up_permille,
        jump_persist_permille: e.jump_persist_permille,
        jump_excite_permille: e.jump_excite_permille,
        jump_memory_ms: e.jump_memory_ms,
        revert_permille_per_bps: e.revert_permille_per_bps,
        revert_memory_ms: e.revert_memory_ms,
        snipe_permille: e.snipe_permille,
    })
}

fn check(e: &Entry) -> Result<(), Wrong> {
    for (key, permille) in [
        ("quotes_at_best_permille", e.quotes_at_best_permille),
        ("refill_permille", e.refill_permille),
        ("aggressor_buy_permille", e.aggressor_buy_permille),
        ("aggressor_persist_permille", e.aggressor_persist_permille),
        ("yield_permille", e.yield_permille),
        ("jump_up_permille", e.jump_up_permille),
        ("jump_persist_permille", e.jump_persist_permille),
        ("snipe_permille", e.snipe_permille),
    ] {
        if permille > 1000 {
            return Err((key, "more than 1000 permille"));
        }
    }
    for (key, rate) in [
        ("quotes_per_1000_s", e.quotes_per_1000_s),
        ("aggressors_per_1000_s", e.aggressors_per_1000_s),
        ("jumps_per_1000_s", e.jumps_per_1000_s),
    ] {
        if !(1..=1_000_000).contains(&rate) {
            return Err((key, "not within 1..=1000000"));
        }
    }
    if e.jump_excite_permille >= 1000 {
        return Err(("jump_excite_permille", "1000 or more: jumps would breed without end"));
    }
    if e.levels == 0 || e.levels > 1000 || e.level_sizes.is_empty() {
        return Err(("levels", "no level, or more than 1000"));
    }
    for (key, ms) in
        [("jump_memory_ms", e.jump_memory_ms), ("revert_memory_ms", e.revert_memory_ms)]
    {
        if !(1..=86_400_000).contains(&ms) {
            return Err((key, "zero, or more than a day"));
        }
    }
    if e.revert_permille_per_bps > 1000 {
        return Err(("revert_permille_per_bps", "more than 1000 permille"));
    }
    Ok(())
}

fn positive(key: &'static str, text: &str) -> Result<Qty, Wrong> {
    match Qty::parse(text.as_bytes()) {
        Ok(qty) if qty.0 > 0 => Ok(qty),
        Ok(_) => Err((key, "not positive")),
        Err(why) => Err((key, why.name())),
    }
}

fn quantiles(key: &'static str, list: &[(u64, String)]) -> Result<Quantiles, Wrong> {
    let points: Result<Vec<_>, Wrong> =
        list.iter().map(|(p, text)| Ok((*p, positive(key, text)?))).collect();
    let points = points?;
    let ends = points.first().map(|p| p.0) == Some(0) && points.last().map(|p| p.0) == Some(1000);
    let grows = points.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 <= w[1].1);
    if ends && grows { Ok(Quantiles { points }) } else { Err((key, "must grow from 0 to 1000")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_parameters_are_valid() {
        let names = known();
        assert!(names.iter().any(|n| n == "SOL"));
        for name in names {
            for scenario in Scenario::ALL {
                FlowParams::built_in(&name, scenario).unwrap_or_else(|e| panic!("{e}"));
            }
        }
        let unknown = FlowParams::built_in("NOPE", Scenario::Calm).unwrap_err();
        assert!(unknown.to_string().contains("SOL"), "{unknown}");
    }

    #[test]
    fn a_wrong_value_is_named() {
        let broken = BUILT_IN.replacen("refill_permille = ", "refill_permille = 1", 1);
        let entry = BUILT_IN.find("[market.").expect("a market");
        let name = BUILT_IN[entry + 8..].split(']').next().expect("its name");
        let error = FlowParams::parse(&broken, name).unwrap_err();
        assert!(error.to_string().contains("refill_permille"), "{error}");
        let unknown = format!("{BUILT_IN}\nsurprise = 1\n");
        assert!(matches!(FlowParams::parse(&unknown, name), Err(ParamsError::Toml(_))));
    }

    #[test]
    fn quantiles_are_straight_between_their_points() {
        let q = Quantiles { points: vec![(0, Qty(10)), (500, Qty(20)), (1000, Qty(120))] };
        assert_eq!(q.at(0), Qty(10));
        assert_eq!(q.at(1 << 30), Qty(15));
        assert_eq!(q.at(1 << 31), Qty(20));
        assert_eq!(q.at(3 << 30), Qty(70));
        assert_eq!(q.at(u32::MAX), Qty(119));
    }
}
