//! Cold. What must hold for a pricing model: a value wherever the maker may ask it for one, a spread
//! that is not pulled at birth, and quotes within the price band.

use super::MarketConfig;
use super::check::Scope;
use crate::strategy::maker::MakerParams;
use crate::strategy::model::{ModelKind, Pricer};
use crate::units::{Bps, Qty};

pub(super) fn model(m: &MarketConfig, p: &MakerParams, s: &mut Scope<'_>) {
    let keys: [&str; 3] = match p.model.kind {
        ModelKind::Spread => return,
        ModelKind::AvellanedaStoikov => {
            ["maker.model", "maker.avellaneda_stoikov.gamma", "maker.avellaneda_stoikov.k_per_bps"]
        }
        ModelKind::Glft => ["maker.model", "maker.glft.gamma", "maker.glft.k_per_bps"],
    };
    let at = |vol, held| Pricer::default().quote(&p.model, p.size, vol, held);
    let (Ok(calm), Ok(wild)) = (at(Bps::ZERO, Qty::ZERO), at(p.regime.pause, m.limits.position))
    else {
        s.refuse(true, &keys, "the model has no value for these parameters");
        return;
    };
    let narrow = Bps(calm.part().0 + p.aggressive.spread.0.min(p.defensive.spread.0));
    let why = format!(
        "the model's narrowest spread is {narrow} bps: its edge is not above the bound, and every \
         quote would be pulled at birth"
    );
    s.refuse(m.fast_cancel_edge.0 >= narrow.0 / 2, &["fast_cancel_edge_bps", keys[2]], &why);
    let lead = m.lead.market.map_or(0, |_| m.lead.max_shift.0);
    let reach = Bps(wild.part().0 / 2 + wild.shift.abs() / 100_000 + lead);
    let why = format!(
        "at the volatility of the pause and a full position a quote lies {reach} bps from the mid: \
         risk would refuse it"
    );
    s.refuse(reach > m.limits.price_band, &["limits.price_band_bps", keys[1]], &why);
}
