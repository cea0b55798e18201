//! Cold. What must hold between a ladder's values; as `check`, each rule with its reason.

use super::MarketConfig;
use super::check::{Scope, inventory, switches};
use crate::strategy::ladder_quote::LadderParams;
use crate::units::Bps;

pub(super) fn ladder(m: &MarketConfig, p: &LadderParams, s: &mut Scope<'_>) {
    s.refuse(
        m.maker.is_some(),
        &["ladder.enabled", "maker.enabled"],
        "a market is quoted by a maker or by a ladder, not by both: set maker.enabled = false",
    );
    inventory(m, &p.shared, "ladder", s);
    switches(&p.shared, "ladder", s);
    levels(m, p, s);
    prices(m, p, s);
}

fn levels(m: &MarketConfig, p: &LadderParams, s: &mut Scope<'_>) {
    let key = "ladder.distances_bps";
    let count = p.levels();
    s.refuse(count == 0, &[key], "a ladder has one level at least");
    let stated = p.intensities.as_slice().len();
    let why = format!("{stated} intensities for {count} levels: state one for each, or none");
    s.refuse(stated != 0 && stated != count, &["ladder.intensities", key], &why);
    let costs = Bps(p.adverse.0 + p.fees.0);
    let worth = p.rates().map(|rates| p.weights(&rates, p.kelly_volatility).levels);
    let none = !worth.is_ok_and(|all| all[..count].iter().any(|w| *w > 0));
    let why = format!(
        "no level is worth anything: adverse selection and fees cost {costs} bps, and a level \
         must be further out and have a fill intensity"
    );
    s.refuse(count > 0 && none, &[key, "ladder.adverse_bps", "ladder.fees_bps"], &why);
    let most = 2 * count + usize::from(m.hedger.is_some());
    let open = m.limits.open_orders;
    let why = format!("{count} levels a side and a hedge are {most} orders; {open} may be open");
    s.refuse(most > open, &["limits.open_orders", key], &why);
}

fn prices(m: &MarketConfig, p: &LadderParams, s: &mut Scope<'_>) {
    let (Some(near), Some(far)) = (p.distances.as_slice().first(), p.distances.as_slice().last())
    else {
        return;
    };
    let shared = &p.shared;
    let regimes = [shared.aggressive.spread.0, shared.defensive.spread.0];
    let (low, high) = (regimes[0].min(regimes[1]), regimes[0].max(regimes[1]));
    let key = "ladder.distances_bps";
    let edge = Bps(near + low / 2);
    let why = format!(
        "the nearest level's edge of {edge} bps is already not above the bound: it would be pulled \
         at birth"
    );
    s.refuse(m.fast_cancel_edge >= edge, &["fast_cancel_edge_bps", key], &why);
    let steps = shared.inventory_spread.rows().iter().map(|r| r.1).max().unwrap_or_default();
    let healing = shared.healing_step.0 * i64::from(shared.healing.steps_max);
    let quality = shared.quality.widen.0 + shared.quality.alone.0;
    let extras = shared.pnl_guard_spread.0 + steps + 2 * shared.trend_extra.0 + healing + quality;
    let reach = Bps(far + (high + extras) / 2 + shared.skew_at_soft_cap.0);
    let why = format!("a level can lie {reach} bps from the mid: risk would refuse it");
    s.refuse(reach > m.limits.price_band, &["limits.price_band_bps", key], &why);
}
