//! Cold. What must hold between values: each rule with its reason, told at both places.
//!
//! A rule here refuses what can never do what it says, whatever the market does: a threshold that
//! no position can reach, a quote that risk would refuse on sight. What depends on prices and on
//! the venue's minimums is proved before a run, by `check`.

use std::collections::BTreeSet;

use super::error::{ConfigError, Origin};
use super::layer::{Leaves, join};
use super::{Config, MarketConfig, Mode, Network, Shape, ladder, model};
use crate::instrument::VenueId;
use crate::strategy::hedge_exec::HedgeParams;
use crate::strategy::maker::MakerParams;
use crate::units::{Bps, Nanos};

/// The values of a scope with their places.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    leaves: &'a Leaves,
    name: &'a str,
    /// Keys whose value was refused: nothing is concluded from them.
    bad: &'a BTreeSet<String>,
    errors: &'a mut Vec<ConfigError>,
}

impl<'a> Scope<'a> {
    pub fn new(
        leaves: &'a Leaves,
        name: &'a str,
        bad: &'a BTreeSet<String>,
        errors: &'a mut Vec<ConfigError>,
    ) -> Self {
        Scope { leaves, name, bad, errors }
    }

    fn at(&self, key: &str) -> &Origin {
        &self.leaves.get(key).expect("a key of the schema").at
    }

    /// When `broken`, the key stated last is told that it contradicts the others, and where
    /// they are.
    pub fn refuse(&mut self, broken: bool, keys: &[&str], why: &str) {
        if !broken || keys.iter().any(|k| self.bad.contains(*k)) {
            return;
        }
        let last = *keys.iter().max_by_key(|k| self.at(k)).expect("a rule names its keys");
        let others = keys.iter().filter(|k| **k != last);
        let others: Vec<String> =
            others.map(|k| format!("`{}` ({})", join(self.name, k), self.at(k))).collect();
        let what = match others.as_slice() {
            [] => why.to_owned(),
            others => format!("{why}; see {}", others.join(", ")),
        };
        let (at, key) = (self.at(last).clone(), join(self.name, last));
        self.errors.push(ConfigError { at, key, what });
    }
}

pub(super) fn globals(c: &Config, s: &mut Scope<'_>) {
    let (live, network) = (c.engine.mode == Mode::Live, c.venue.network);
    let unnamed = c.venue.ws_url.is_empty() || c.venue.rest_url.is_empty();
    s.refuse(
        live && network == Network::Embedded && unnamed,
        &["engine.mode", "venue.network"],
        "a live run needs a real network; the embedded venue is for mode = \"paper\"",
    );
    let embedded = network == Network::Embedded;
    s.refuse(
        c.venue.name == VenueId::Nado && (live || embedded),
        &["venue.name", if live { "engine.mode" } else { "venue.network" }],
        "this venue's markets can be described and checked, not traded; hyperliquid and lighter can",
    );
    s.refuse(
        c.venue.name == VenueId::Lighter && !live && embedded && unnamed,
        &["venue.name", "venue.network"],
        "the embedded venue speaks hyperliquid: state venue.ws_url and venue.rest_url of one that \
         speaks lighter",
    );
    let standing = &c.guards.standing;
    s.refuse(
        standing.requests_last > standing.requests_low,
        &["guards.requests_last", "guards.requests_low"],
        "quotes must move less before they stop: requests_last is above requests_low",
    );
    url(s, network, "venue.ws_url", &c.venue.ws_url);
    url(s, network, "venue.rest_url", &c.venue.rest_url);
    let cpus = c.topology.cpus.len();
    let keys = ["topology.cpus", "topology.name"];
    s.refuse(
        c.topology.shape == Shape::Auto && cpus > 0,
        &keys,
        "cpus are given for the threads of a named topology; with \"auto\" the machine decides",
    );
    if let Some(threads) = c.topology.shape.threads() {
        let why = format!("this topology has {threads} threads and {cpus} cpus are given");
        s.refuse(cpus > 0 && cpus != threads, &keys, &why);
    }
    let nowhere = c.journal.enabled && c.journal.path.is_empty();
    s.refuse(nowhere, &["journal.enabled", "journal.path"], "a journal needs a path");
}

/// A URL of one network under the name of another is an order at the wrong venue.
fn url(s: &mut Scope<'_>, network: Network, key: &str, url: &str) {
    if url.is_empty() {
        return;
    }
    let keys = [key, "venue.network"];
    let rest = url.split("://").nth(1).unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let loopback = matches!(host, "127.0.0.1" | "localhost" | "[::1]");
    let encrypted = url.starts_with("wss://") || url.starts_with("https://");
    let testnet = host.contains("testnet");
    let why = match network {
        Network::Embedded if !loopback => "the embedded venue is on loopback",
        Network::Embedded => return,
        _ if loopback => "a loopback URL is no real network: use network = \"embedded\"",
        _ if !encrypted => "a real network is spoken to encrypted only: wss:// and https://",
        Network::Mainnet if testnet => "a testnet URL with network = \"mainnet\"",
        Network::Testnet if !testnet => "not a testnet URL, with network = \"testnet\"",
        _ => return,
    };
    s.refuse(true, &keys, why);
}

/// In a live run no limit comes from the defaults; one that does is told at `at`, and nothing else
/// is concluded from it.
pub(super) fn unstated(
    leaves: &Leaves,
    name: &str,
    at: &Origin,
    bad: &mut BTreeSet<String>,
    errors: &mut Vec<ConfigError>,
) {
    let why = "a live run states every limit itself: no default is right for your account";
    for (key, leaf) in leaves {
        if key.starts_with("limits.") && leaf.at.layer == 0 {
            let what = why.to_owned();
            errors.push(ConfigError { at: at.clone(), key: join(name, key), what });
            bad.insert(key.clone());
        }
    }
}

pub(super) fn market(m: &MarketConfig, s: &mut Scope<'_>) {
    let limits = &m.limits;
    s.refuse(
        limits.order_qty.0 > 2 * limits.position.0,
        &["limits.order_size", "limits.position"],
        "an order above twice the position limit can never pass it, not even from limit to limit",
    );
    if let Some(maker) = &m.maker {
        sizes(m, maker, s);
        inventory(m, maker, "maker", s);
        prices(m, maker, s);
        model::model(m, maker, s);
        switches(maker, "maker", s);
        let levels = maker.aggressive.levels.max(maker.defensive.levels);
        s.refuse(
            i128::from(maker.size_min.0) * levels as i128 > i128::from(limits.position.0),
            &["maker.size_min", "limits.position"],
            "the smallest quotes of all levels together pass the position limit: the outer ones \
             would always be refused",
        );
        let levels_key = if maker.aggressive.levels >= maker.defensive.levels {
            "maker.regime.aggressive.levels"
        } else {
            "maker.regime.defensive.levels"
        };
        let most = 2 * levels + usize::from(m.hedger.is_some());
        let open = limits.open_orders;
        let why =
            format!("{levels} levels a side and a hedge are {most} orders; {open} may be open");
        s.refuse(most > open, &["limits.open_orders", levels_key], &why);
        s.refuse(
            levels > 1 && maker.level_step.0 == 0,
            &["maker.level_step_bps", levels_key],
            "several levels at one price are one order, refused as a duplicate: state a step",
        );
    }
    if let Some(params) = &m.ladder {
        ladder::ladder(m, params, s);
    }
    if let Some(hedger) = &m.hedger {
        hedge(m, hedger, s);
    }
}

fn sizes(m: &MarketConfig, p: &MakerParams, s: &mut Scope<'_>) {
    let order = ["maker.size_min", "maker.size", "maker.size_max"];
    s.refuse(
        p.size_min > p.size_max,
        &[order[0], order[2]],
        "the smallest size is above the largest",
    );
    s.refuse(
        p.size_min <= p.size_max && p.size < p.size_min,
        &[order[1], order[0]],
        "the size is below the smallest size",
    );
    s.refuse(
        p.size_min <= p.size_max && p.size > p.size_max,
        &[order[1], order[2]],
        "the size is above the largest size",
    );
    s.refuse(
        p.size_max > m.limits.order_qty,
        &[order[2], "limits.order_size"],
        "risk would refuse the largest quote: its size is above the limit of an order",
    );
    s.refuse(
        p.size_wild_permille > p.size_calm_permille,
        &["maker.size_wild_factor", "maker.size_calm_factor"],
        "quotes would grow as the market gets wilder",
    );
}

/// `who`: `maker` or `ladder`.
pub(super) fn inventory(m: &MarketConfig, p: &MakerParams, who: &str, s: &mut Scope<'_>) {
    let key = |name: &str| format!("{who}.{name}");
    s.refuse(
        p.asymmetric_above > p.soft_cap,
        &[&key("asymmetric_above"), &key("soft_cap")],
        "the adding side must fall silent before the soft cap, not behind it",
    );
    s.refuse(
        p.soft_cap > m.limits.position,
        &[&key("soft_cap"), "limits.position"],
        "the soft cap is above the position limit: it could never be reached",
    );
    s.refuse(
        p.regime.pause_inventory > p.soft_cap,
        &[&key("pause.resume_inventory"), &key("soft_cap")],
        "a pause would end with more inventory than the soft cap allows",
    );
    let tables = [
        (key("inventory_spread"), p.inventory_spread.rows()),
        (key("inventory_size"), p.inventory_size.rows()),
    ];
    for (key, rows) in tables {
        let last = rows.last().map_or(0, |r| r.0.0);
        s.refuse(
            last >= m.limits.position.0 && last > 0,
            &[&key, "limits.position"],
            "its last row lies at or above the position limit: it can never hold",
        );
    }
}

/// Keys whose values make the spread.
const SPREAD_KEYS: [&str; 11] = [
    "maker.spread_base_bps",
    "maker.spread_calm_bps",
    "maker.spread_wild_bps",
    "maker.regime.aggressive.spread_bps",
    "maker.regime.defensive.spread_bps",
    "maker.inventory_spread",
    "maker.pnl_guard.spread_bps",
    "maker.trend.extra_bps",
    "maker.healing.step_bps",
    "maker.healing.steps_max",
    "maker.level_step_bps",
];

fn prices(m: &MarketConfig, p: &MakerParams, s: &mut Scope<'_>) {
    s.refuse(
        p.spread_calm > p.spread_wild,
        &["maker.spread_calm_bps", "maker.spread_wild_bps"],
        "the spread would narrow as the market gets wilder",
    );
    s.refuse(
        p.volatility_calm >= p.volatility_wild,
        &["maker.volatility_calm_bps", "maker.volatility_wild_bps"],
        "calm must lie below wild: between them the spread is a line",
    );
    if SPREAD_KEYS.iter().any(|k| s.bad.contains(*k)) {
        return;
    }
    let known = [p.spread_base, p.spread_calm, p.spread_wild];
    let regimes = [p.aggressive.spread, p.defensive.spread];
    let keyed = || known.iter().zip(&SPREAD_KEYS[..3]);
    let keyed_regimes = || regimes.iter().zip(&SPREAD_KEYS[3..5]);
    // The narrowest full spread that the named parts can make, and who makes it.
    let (Some(low), Some(lower)) = (keyed().min(), keyed_regimes().min()) else { return };
    let narrow = Bps(low.0.0 + lower.0.0);
    s.refuse(narrow.0 <= 0, &[low.1, lower.1], "the narrowest spread would be zero or negative");
    let why = format!(
        "the narrowest spread is {narrow} bps, so a fresh quote's edge of {} bps is already not \
         above the bound: every quote would be pulled at birth",
        Bps(narrow.0 / 2)
    );
    s.refuse(
        narrow.0 > 0 && m.fast_cancel_edge.0 >= narrow.0 / 2,
        &["fast_cancel_edge_bps", low.1],
        &why,
    );
    // The widest one. The trend's extra counts twice in the full spread of its side.
    let (Some(high), Some(higher)) = (keyed().max(), keyed_regimes().max()) else { return };
    let steps = p.inventory_spread.rows().iter().map(|r| r.1).max().unwrap_or_default();
    let healing = p.healing_step.0 * i64::from(p.healing.steps_max);
    let extras = p.pnl_guard_spread.0 + steps + 2 * p.trend_extra.0 + healing;
    let wide = high.0.0 + higher.0.0 + extras;
    let levels = p.aggressive.levels.max(p.defensive.levels) as i64;
    let lead = m.lead.market.map_or(0, |_| m.lead.max_shift.0);
    let reach = Bps(wide / 2 + p.skew_at_soft_cap.0 + lead + p.level_step.0 * (levels - 1));
    let why = format!("a quote can lie {reach} bps from the mid: risk would refuse it");
    let keys = ["limits.price_band_bps", high.1];
    s.refuse(reach > m.limits.price_band, &keys, &why);
}

/// `who`: `maker` or `ladder`.
pub(super) fn switches(p: &MakerParams, who: &str, s: &mut Scope<'_>) {
    let key = |name: &str| format!("{who}.{name}");
    s.refuse(
        p.regime.trend_release > p.regime.trend_engage,
        &[&key("trend.release_bps"), &key("trend.engage_bps")],
        "the trend filter would release before it engages, and flap",
    );
    s.refuse(
        p.regime.pause <= p.regime.defensive,
        &[&key("pause.volatility_bps"), &key("regime.defensive_above_bps")],
        "quoting would pause before it turns defensive: that regime could never hold",
    );
}

fn hedge(m: &MarketConfig, p: &HedgeParams, s: &mut Scope<'_>) {
    let rule = &p.rule;
    s.refuse(
        rule.target > rule.trigger,
        &["hedger.target", "hedger.trigger"],
        "the target lies above the trigger: it would act and have nothing to do",
    );
    s.refuse(
        rule.trigger >= m.limits.position,
        &["hedger.trigger", "limits.position"],
        "the trigger is not below the position limit: it could never be passed",
    );
    // On another market its orders pass that one's limits, see `other`.
    let here = m.hedge_on.market.is_none();
    s.refuse(
        here && rule.max_clip > m.limits.order_qty,
        &["hedger.max_clip", "limits.order_size"],
        "risk would refuse the largest hedge: its size is above the limit of an order",
    );
    if let Some(hard) = rule.max_clip_hard {
        let key = "hedger.max_clip_hard";
        let why = "the hard cap lies below the clip that it caps";
        s.refuse(hard < rule.max_clip, &[key, "hedger.max_clip"], why);
        let why = "risk would refuse the largest hedge: its size is above the limit of an order";
        s.refuse(here && hard > m.limits.order_qty, &[key, "limits.order_size"], why);
    }
    let reach = Bps(2 * p.slippage.0);
    let why = format!(
        "a cross is bound to the mid at its decision, which may have moved by as much: up to \
         {reach} bps from the mid that risk sees, which would refuse it"
    );
    let keys = ["hedger.slippage_bps", "limits.price_band_bps"];
    s.refuse(here && reach > m.limits.price_band, &keys, &why);
    s.refuse(
        here && p.passive_offset > m.limits.price_band,
        &["hedger.passive_offset_bps", "limits.price_band_bps"],
        "risk would refuse the passive order: it lies outside the price band",
    );
    s.refuse(
        p.deadline.0 <= p.passive_wait.0 + p.second_wait.0,
        &["hedger.deadline_ms", "hedger.passive_wait_ms"],
        "every hedge would be stuck before its passive orders have waited",
    );
    if p.second_wait > Nanos::ZERO {
        s.refuse(
            p.passive_wait == Nanos::ZERO,
            &["hedger.second_wait_ms", "hedger.passive_wait_ms"],
            "a second passive order comes after a first one, and the first does not wait",
        );
        s.refuse(
            p.second_offset > p.passive_offset,
            &["hedger.second_offset_bps", "hedger.passive_offset_bps"],
            "the second passive order would rest farther away than the first",
        );
    }
}
