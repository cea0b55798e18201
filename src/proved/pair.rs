//! Cold. The start-up proof of a pair: each leg's way in and out over the band of its prices, and how
//! often the solver finds two legs within the limit.
//!
//! Whether a leg has a size is a matter of its own price alone: a whole number of lots, at or above
//! the raised floor, whose notional lies in the window around the target. That is proved for every
//! price where a lot is not wider than the window and the floor lies below its end; otherwise prices
//! of the band are tried and the first one without a size is the witness. The imbalance depends on
//! both prices, lot against lot, so it is counted over a grid of them and not proved.

use super::Standing;
use crate::core::InstConfig;
use crate::instrument::{Instrument, Symbol};
use crate::strategy::pair::{PairLeg, PairOutcome, PairPolicy, balance};
use crate::strategy::pair_exec::PairParams;
use crate::strategy::proof::PriceBand;
use crate::units::{Notional, Price, Qty, SCALE};

/// Prices of a band that are tried.
const PRICES: i64 = 41;

/// What is asked of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairCheck {
    /// Is there a size in the window, at or above the raised floor?
    Entry,
    /// Does the smallest entry still clear the floor where the price is lowest?
    Exit,
    /// Does the largest entry pass the limits of an order and of the position?
    Limit,
}

impl PairCheck {
    pub fn name(self) -> &'static str {
        match self {
            PairCheck::Entry => "entry",
            PairCheck::Exit => "exit",
            PairCheck::Limit => "limit",
        }
    }
}

/// One row: a leg, what was asked, and the price at which it is tightest, or fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairFinding {
    pub leg: Symbol,
    pub check: PairCheck,
    pub px: Price,
    /// The size in question, and what it is compared with.
    pub size: Qty,
    pub bound: Qty,
    pub standing: Standing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairProof {
    pub legs: [Symbol; 2],
    pub findings: Vec<PairFinding>,
    /// Pairs of prices that were tried, and how many of them have legs within the limit.
    pub tried: u32,
    pub solved: u32,
    /// The first pair of prices that has none.
    pub unsolved: Option<[Price; 2]>,
    /// A policy that waits, and waits everywhere.
    pub balance: Standing,
}

impl PairProof {
    pub fn standing(&self) -> Standing {
        self.findings.iter().map(|f| f.standing).chain([self.balance]).max().unwrap_or(self.balance)
    }
}

/// Proves both legs over their bands of prices.
pub fn prove_pair(
    insts: [&Instrument; 2],
    configs: [&InstConfig; 2],
    bands: [PriceBand; 2],
    params: &PairParams,
) -> PairProof {
    let mut findings = Vec::new();
    for leg in 0..2 {
        findings.push(entry(insts[leg], bands[leg], params));
        findings.push(exit(insts[leg], bands[leg], params));
        findings.push(limit(insts[leg], configs[leg], bands[leg], params));
    }
    let (mut tried, mut solved, mut unsolved) = (0, 0, None);
    for a in prices(bands[0]) {
        for b in prices(bands[1]) {
            tried += 1;
            if is_solved(insts, [a, b], params) {
                solved += 1;
            } else {
                unsolved = unsolved.or(Some([a, b]));
            }
        }
    }
    let balance = if solved == 0 { Standing::Warning } else { Standing::Proved };
    let legs = insts.map(|i| i.spec.symbol);
    PairProof { legs, findings, tried, solved, unsolved, balance }
}

/// The last price, both ends, and what lies evenly between them.
fn prices(band: PriceBand) -> impl Iterator<Item = Price> {
    let width = band.hi.0 - band.lo.0;
    let at = move |i: i64| Price(band.lo.0 + (i128::from(width) * i128::from(i) / 40) as i64);
    (0..PRICES).map(at)
}

fn is_solved(insts: [&Instrument; 2], px: [Price; 2], params: &PairParams) -> bool {
    let leg = |i: usize| PairLeg::of(insts[i], px[i], params.exit_margin_permille);
    let (Some(a), Some(b)) = (leg(0), leg(1)) else { return false };
    matches!(balance(params.target, &a, &b, &params.limits), Ok(PairOutcome::Balanced(_)))
}

/// The ends of what a leg's notional may be.
fn window(params: &PairParams) -> [Notional; 2] {
    let most = match params.limits.policy {
        PairPolicy::Grow { cap, .. } => cap,
        _ => params.target,
    };
    let (one, wide) = (i128::from(SCALE), i128::from(params.limits.tolerance.0));
    [Notional(params.target.0 * (one - wide) / one), Notional(most.0 * (one + wide) / one)]
}

/// The smallest size in the window at a price, whether or not it lies below the window's end.
fn smallest(inst: &Instrument, px: Price, params: &PairParams) -> Option<Qty> {
    let leg = PairLeg::of(inst, px, params.exit_margin_permille)?;
    let [lo, _] = window(params);
    let step = Notional::of(px, leg.lot).0;
    let lots = (lo.0 + step - 1) / step;
    let by_window = lots.checked_mul(i128::from(leg.lot.0)).and_then(|q| i64::try_from(q).ok())?;
    Some(leg.floor.max(Qty(by_window)))
}

fn largest(px: Price, params: &PairParams) -> Qty {
    let raw = window(params)[1].0 / i128::from(px.0.max(1));
    Qty(i64::try_from(raw).unwrap_or(i64::MAX))
}

fn entry(inst: &Instrument, band: PriceBand, params: &PairParams) -> PairFinding {
    let at = |px: Price| {
        let size = smallest(inst, px, params);
        (px, size.unwrap_or(Qty(i64::MAX)), largest(px, params))
    };
    let fails = |px: &Price| {
        let (_, size, most) = at(*px);
        size > most
    };
    // A lot that is not wider than the window always has a multiple in it; and the floor is at most
    // a lot above the raised minimum, or the smallest size.
    let [lo, hi] = window(params);
    let lot = Notional::of(band.hi, inst.spec.lot).0;
    let margin = i128::from(params.exit_margin_permille);
    let floor = (inst.spec.min_notional.0 * margin / 1000 + 1 + lot)
        .max(Notional::of(band.hi, inst.spec.min_size).0 + lot);
    let proved = lot <= hi.0 - lo.0 && floor <= hi.0;
    let witness = if proved { None } else { prices(band).find(|px| fails(px)) };
    let (px, size, bound) = at(witness.unwrap_or(band.last));
    let standing = match witness {
        None => Standing::Proved,
        Some(_) if fails(&band.last) => Standing::Refused,
        Some(_) => Standing::Warning,
    };
    PairFinding { leg: inst.spec.symbol, check: PairCheck::Entry, px, size, bound, standing }
}

/// Entered where the price is highest, closed where it is lowest.
fn exit(inst: &Instrument, band: PriceBand, params: &PairParams) -> PairFinding {
    let size = smallest(inst, band.hi, params).unwrap_or(Qty::ZERO);
    let bound = inst.min_qty(band.lo).unwrap_or(Qty(i64::MAX));
    let standing = if size >= bound { Standing::Proved } else { Standing::Warning };
    let px = band.lo;
    PairFinding { leg: inst.spec.symbol, check: PairCheck::Exit, px, size, bound, standing }
}

fn limit(
    inst: &Instrument,
    config: &InstConfig,
    band: PriceBand,
    params: &PairParams,
) -> PairFinding {
    let size = largest(band.lo, params);
    let bound = config.limits.order_qty.min(config.limits.position);
    let least = smallest(inst, band.last, params).unwrap_or(Qty(i64::MAX));
    let standing = match () {
        () if least > bound => Standing::Refused,
        () if size > bound => Standing::Warning,
        () => Standing::Proved,
    };
    let px = band.lo;
    PairFinding { leg: inst.spec.symbol, check: PairCheck::Limit, px, size, bound, standing }
}
