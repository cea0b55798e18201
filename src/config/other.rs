//! Cold. Keys that name another market: the one that a hedger trades on, and the one that leads a
//! maker. What they mean, and what must hold between both markets.

use std::collections::BTreeSet;

use super::check::Scope;
use super::error::ConfigError;
use super::fields::{Decimal, Fields, SHARE, bps};
use super::layer::{Layer, scope_of};
use super::{Config, MarketConfig, schema};
use crate::core::InstConfig;
use crate::instrument::{InstId, Symbol};
use crate::strategy::exposure::{HedgeFor, Ratio, scaled};
use crate::strategy::hedge_exec::HedgeParams;
use crate::strategy::lead::LeadParams;
use crate::units::{Bps, Nanos, SCALE};

/// Where a hedger's orders go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HedgeOn {
    /// `None`: the market itself.
    pub market: Option<Symbol>,
    /// Units of that market for one of this; raw 10^-8.
    pub ratio: i64,
}

impl HedgeOn {
    pub const ITSELF: HedgeOn = HedgeOn { market: None, ratio: SCALE };
}

/// What leads a maker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeadOn {
    /// `None`: nothing does.
    pub market: Option<Symbol>,
    pub weight_permille: i64,
    pub half_life: Nanos,
    pub max_shift: Bps,
}

impl LeadOn {
    pub(super) const BLANK: LeadOn = LeadOn {
        market: None,
        weight_permille: 500,
        half_life: Nanos::from_secs(60),
        max_shift: Bps::whole(10),
    };
}

/// A symbol, or nothing.
fn market(io: &mut dyn Fields, key: &'static str, of: &mut Option<Symbol>) {
    let mut text = of.map_or(String::new(), |s| s.as_str().to_owned());
    let check = |text: &str| if text.is_empty() { Ok(()) } else { schema::check_symbol(text) };
    io.text(key, check, &mut text);
    *of = if text.is_empty() { None } else { Symbol::new(&text).or(*of) };
}

pub(super) fn hedge_on(io: &mut dyn Fields, on: &mut HedgeOn) {
    market(io, "market", &mut on.market);
    let ratio = Decimal { places: 8, min: "0.00000001", max: "1000000", unit: "" };
    io.decimal("ratio", ratio, &mut on.ratio);
}

pub(super) fn lead(io: &mut dyn Fields, lead: &mut LeadOn) {
    io.section("lead", |io| {
        market(io, "market", &mut lead.market);
        let weight = Decimal { min: "0.001", ..SHARE };
        io.permille("weight", weight, &mut lead.weight_permille);
        io.secs("half_life_s", (1, 86_400), &mut lead.half_life);
        io.bps("max_shift_bps", bps("0.1", "200"), &mut lead.max_shift);
    });
}

/// Ties the instruments of `markets`, in the same order: a hedge on another market goes there, in its
/// units, and a lead becomes its number.
pub(super) fn tie(
    markets: &[MarketConfig],
    insts: &mut [InstConfig],
) -> Result<(), (usize, String)> {
    for (i, m) in markets.iter().enumerate() {
        let find = |symbol: Symbol| {
            let at = markets.iter().position(|m| m.symbol == symbol);
            let what = || (i, format!("{} is no configured market", symbol.as_str()));
            at.filter(|at| *at != i).ok_or_else(what)
        };
        if let (Some(symbol), Some(_)) = (m.lead.market, &m.maker) {
            let LeadOn { weight_permille, half_life, max_shift, .. } = m.lead;
            let inst = InstId(find(symbol)? as u16);
            insts[i].lead = Some(LeadParams { inst, weight_permille, half_life, max_shift });
        }
        let (Some(symbol), Some(params)) = (m.hedge_on.market, &m.hedger) else { continue };
        let at = find(symbol)?;
        let ratio = Ratio::new(m.hedge_on.ratio);
        let there = ratio.and_then(|r| Some((r, scaled(params, r)?)));
        let Some((ratio, there)) = there else {
            return Err((i, "a hedge on another market that is no order there".to_owned()));
        };
        insts[i].hedger = None;
        insts[at].hedger = Some(there);
        insts[at].hedge_for = Some(HedgeFor { made: InstId(i as u16), symbol: m.symbol, ratio });
    }
    Ok(())
}

/// What must hold between the markets. `bad`: the keys of each that were refused.
pub(super) fn check(
    config: &Config,
    base: &Layer,
    bad: &[BTreeSet<String>],
    errors: &mut Vec<ConfigError>,
) {
    for (i, m) in config.markets.iter().enumerate() {
        let mut one = One { config, base, bad, errors, i };
        if let (Some(symbol), Some(_)) = (m.lead.market, &m.maker) {
            let own = "a market cannot lead itself: leave it empty for no lead";
            one.other("maker.lead.market", symbol, own);
        }
        let Some(hedger) = &m.hedger else { continue };
        let Some(symbol) = m.hedge_on.market else {
            let why = "a ratio belongs to a hedge on another market: state hedger.market";
            let keys = ["hedger.ratio", "hedger.market"];
            one.scope(|s| s.refuse(m.hedge_on.ratio != SCALE, &keys, why));
            continue;
        };
        let own = "a market that hedges on itself states no market: leave it empty";
        if let Some(at) = one.other("hedger.market", symbol, own) {
            one.alone(at);
            one.fits(hedger, at);
        }
    }
}

/// One market with all others.
struct One<'a> {
    config: &'a Config,
    base: &'a Layer,
    bad: &'a [BTreeSet<String>],
    errors: &'a mut Vec<ConfigError>,
    i: usize,
}

impl One<'_> {
    fn scope(&mut self, check: impl FnOnce(&mut Scope<'_>)) {
        let raw = &self.base.markets[self.i];
        let name = scope_of(&raw.symbol);
        check(&mut Scope::new(&raw.leaves, &name, &self.bad[self.i], self.errors));
    }

    /// The place of a named market, which is another one.
    fn other(&mut self, key: &str, symbol: Symbol, own: &str) -> Option<usize> {
        if self.config.markets[self.i].symbol == symbol {
            self.scope(|s| s.refuse(true, &[key], own));
            return None;
        }
        let at = self.config.markets.iter().position(|m| m.symbol == symbol);
        if at.is_none() {
            let known: Vec<&str> = self.config.markets.iter().map(|m| m.symbol.as_str()).collect();
            let why = format!("no such market is configured; there is {}", known.join(", "));
            self.scope(|s| s.refuse(true, &[key], &why));
        }
        at
    }

    /// Refuses `keys` of this market for what the market `at` has at `leaf`.
    fn told(&mut self, broken: bool, at: usize, leaf: &str, keys: &[&str], why: &str) {
        let raw = &self.base.markets[at];
        let place = raw.leaves.get(leaf).map_or(&raw.at, |l| &l.at);
        let why = format!("{why}; see `market.{}.{leaf}` ({place})", raw.symbol);
        self.scope(|s| s.refuse(broken, keys, &why));
    }

    /// The market that hedges does nothing else, and for one market only.
    fn alone(&mut self, at: usize) {
        let key = ["hedger.market"];
        let config = self.config;
        let other = &config.markets[at];
        let alone =
            |who: &str| format!("a market that hedges another does nothing else: it has {who}");
        self.told(other.maker.is_some(), at, "maker.enabled", &key, &alone("a maker"));
        self.told(other.ladder.is_some(), at, "ladder.enabled", &key, &alone("a ladder"));
        let cycle = self.comes_back(at);
        let why = "these markets hedge on each other in a cycle: no inventory would ever go";
        self.told(cycle, at, "hedger.market", &key, why);
        let hedger = other.hedger.is_some() && !cycle;
        self.told(hedger, at, "hedger.enabled", &key, &alone("a hedger"));
        let leg = |p: &super::PairSettings| p.long == other.symbol || p.short == other.symbol;
        let leg = config.pair.as_ref().is_some_and(leg);
        self.scope(|s| s.refuse(leg, &key, &alone("a pair ([pair])")));
        let same = |m: &MarketConfig| m.hedger.is_some() && m.hedge_on.market == Some(other.symbol);
        if let Some(first) = config.markets[..self.i].iter().position(same) {
            let why = "another market hedges there already: whose its position is would be unknown";
            self.told(true, first, "hedger.market", &key, why);
        }
    }

    fn comes_back(&self, mut at: usize) -> bool {
        let markets = &self.config.markets;
        for _ in 0..markets.len() {
            if at == self.i {
                return true;
            }
            let on = markets[at].hedger.and(markets[at].hedge_on.market);
            let next = on.and_then(|s| markets.iter().position(|m| m.symbol == s));
            let Some(next) = next else { return false };
            at = next;
        }
        false
    }

    /// Its orders pass the other market's limits.
    fn fits(&mut self, p: &HedgeParams, at: usize) {
        let config = self.config;
        let (own, there) = (&config.markets[self.i], &config.markets[at].limits);
        let Some(ratio) = Ratio::new(own.hedge_on.ratio) else { return };
        if scaled(p, ratio).is_none() {
            let why = "the clip times the ratio is nothing";
            self.scope(|s| s.refuse(true, &["hedger.ratio", "hedger.max_clip"], why));
            return;
        }
        let most = ratio.of(own.limits.position);
        let why = format!("a full position asks for a hedge of {most}, above the limit there");
        let keys = ["hedger.ratio", "limits.position"];
        self.told(most > there.position, at, "limits.position", &keys, &why);
        let clip = ratio.of(p.rule.max_clip_hard.unwrap_or(p.rule.max_clip));
        let why = format!("risk would refuse the largest hedge, {clip} in units of that market");
        let keys = ["hedger.ratio", "hedger.max_clip"];
        self.told(clip > there.order_qty, at, "limits.order_size", &keys, &why);
        let reach = Bps(2 * p.slippage.0);
        let why = format!("a cross may lie {reach} bps from the mid there: risk would refuse it");
        let band = "limits.price_band_bps";
        self.told(reach > there.price_band, at, band, &["hedger.slippage_bps"], &why);
        let why = "risk would refuse the passive order: it lies outside the price band there";
        let far = p.passive_offset > there.price_band;
        self.told(far, at, band, &["hedger.passive_offset_bps"], why);
    }
}
