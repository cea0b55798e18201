//! Cold. The ladder's part of the proof: can its capacity buy a floor, and can its smallest level?
//!
//! The capacity is the lowest of three: the position limit, which is a size, and two amounts in
//! quote, equity x leverage and the inventory limit. Where the whole of one is below the floor,
//! nothing is ever quoted: refused. Where a level's share is, with every factor at its smallest, the
//! ladder runs with fewer levels than were configured: a warning.

use super::{CAPACITY, Finding, INVENTORY_LIMIT, LimitFinding, ORDER_LIMIT, Standing};
use super::{EXIT_MARGIN_PERMILLE, judged, made_of, row};
use crate::core::InstConfig;
use crate::event::Component;
use crate::instrument::Instrument;
use crate::strategy::ladder::LEVELS_MAX;
use crate::strategy::ladder_quote::LadderParams;
use crate::strategy::proof::{Chain, Check, FloorPolicy, Multiplier, PriceBand, ProofError, prove};
use crate::units::Notional;

const POSITION: &str = "limits.position";

/// The smallest and the largest level's weight, and the sum of all.
fn weights(p: &LadderParams) -> Result<(u128, u128, u128), ProofError> {
    let failed = ProofError::Chain { component: Component::Ladder };
    let rates = p.rates().map_err(|_| failed)?;
    let all: [u64; LEVELS_MAX] = p.weights(&rates, p.kelly_volatility).levels;
    let quoted = || all.iter().copied().filter(|w| *w > 0).map(u128::from);
    let (Some(least), Some(most)) = (quoted().min(), quoted().max()) else { return Err(failed) };
    Ok((least, most, quoted().sum()))
}

/// What shrinks the capacity, each over all that it can be.
fn multipliers(p: &LadderParams, share_permille: i64) -> [Multiplier; 4] {
    let over = |key, values: &[i64]| {
        let lo_permille = values.iter().copied().min().unwrap_or(1000);
        let hi_permille = values.iter().copied().max().unwrap_or(1000);
        Multiplier { key, lo_permille, hi_permille }
    };
    let shared = &p.shared;
    let mut inventory = vec![1000];
    inventory.extend(shared.inventory_size.rows().iter().map(|r| r.1));
    let regimes = [shared.aggressive.size_permille, shared.defensive.size_permille];
    [
        over("the smallest level's share", &[share_permille]),
        over("ladder.regime.size_factor", &regimes),
        over("ladder.pnl_guard.size_factor", &[shared.pnl_guard_size_permille, 1000]),
        over("ladder.inventory_size", &inventory),
    ]
}

/// The position limit over the levels.
pub(super) fn prove_ladder(
    inst: &Instrument,
    config: &InstConfig,
    p: &LadderParams,
    band: PriceBand,
    out: &mut Vec<Finding>,
) -> Result<(), ProofError> {
    let (least, _, sum) = weights(p)?;
    let position = config.limits.position;
    let whole = Chain {
        component: Component::Ladder,
        base_key: POSITION,
        base: (position, position),
        multipliers: &[],
        least: None,
        most: None,
        floor: FloorPolicy::Skip,
        trigger: None,
        exit_margin_permille: Some(EXIT_MARGIN_PERMILLE),
    };
    let cap = row(&prove(inst, band, &[whole])?, Check::Cap);
    out.push(judged(cap, Standing::Refused));
    // A share is cut to a permille: never shown larger than it is.
    let shares = multipliers(p, (least * 1000 / sum) as i64);
    let chain = Chain { multipliers: &shares, ..whole };
    let rows = prove(inst, band, &[chain])?;
    // The smallest level by itself, and what is left to close it after a fall.
    for check in [Check::Clip, Check::Exit] {
        let found = judged(row(&rows, check), Standing::Warning);
        out.push(Finding { made_of: Some(made_of(&chain)), ..found });
    }
    Ok(())
}

/// The amounts in quote over the levels. `least`: no floor of the band is worth more.
pub(super) fn prove_capacity(
    inst: &Instrument,
    config: &InstConfig,
    p: &LadderParams,
    band: PriceBand,
    least: Notional,
) -> Result<Vec<LimitFinding>, ProofError> {
    let (smallest, largest, sum) = weights(p)?;
    let limits = &config.limits;
    let (sum, smallest, largest) = (sum as i128, smallest as i128, largest as i128);
    // In parts of 10^6 of a weight, so that products with 10^30 of notional stay below 2^127.
    let part = |weight: i128| (weight * 1_000_000 / sum).max(1);
    let mut shrunk = part(smallest);
    for m in &multipliers(p, 1000)[1..] {
        shrunk = shrunk * i128::from(m.lo_permille) / 1000;
    }
    // Capacity and share are each cut to whole lots: the second cut costs one more.
    let one = least.0 + Notional::of(band.hi, inst.spec.lot).0;
    let every = Notional(one * 1_000_000 / shrunk.max(1));
    let row = |key, largest: Notional, limit_key, limit: Notional| LimitFinding {
        component: Component::Ladder,
        key,
        largest,
        least,
        limit_key,
        limit,
        standing: match () {
            () if least > limit => Standing::Refused,
            () if largest > limit => Standing::Warning,
            () => Standing::Proved,
        },
    };
    let budget = p.budget();
    let capacity =
        Notional::of(band.hi, limits.position).min(budget).min(limits.inventory_notional);
    let level = Notional(capacity.0 / 1_000_000 * part(largest)).max(least);
    Ok(vec![
        row("ladder.distances_bps", every, CAPACITY, budget),
        row("ladder.distances_bps", every, INVENTORY_LIMIT, limits.inventory_notional),
        row("ladder.distances_bps", level, ORDER_LIMIT, limits.order_notional),
    ])
}
