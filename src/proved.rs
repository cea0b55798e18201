//! Cold. The start-up proof of a market: its settings as the proof's chains, what the rows mean for
//! this engine, and the prices and rules for which they were proved.
//!
//! `strategy::proof` knows sizes; this module knows which setting they come from and what the
//! engine does below the floor. The maker multiplies (volatility, regime, PnL guard, inventory),
//! holds the product within `size_min` and `size_max`, and raises it to the floor or leaves the
//! side out. The hedger caps (`max_clip`, times `guard_factor` while the guard is engaged) and
//! always raises, because an order under the floor is only ever rejected. Unwinding sells what
//! there is in orders of at most `order_size`.
//!
//! A raise makes an order executable, so it is never a refusal. But one that goes past the very
//! setting that caps the size makes that setting a lie: a `max_clip` of 0.03 that sends 0.074. It
//! is a warning, as is an inventory that no hedge can remove, and an entry that could not be closed
//! after a fall of the price. What nothing raises is refused.
//!
//! The band is of order prices, so no row differs by side: one stands for both.

mod hedge;
mod ladder;
pub mod pair;

use crate::core::InstConfig;
use crate::event::{Component, Event, ProofLine};
use crate::instrument::{Instrument, InstrumentSpec};
use crate::strategy::hedge_exec::HedgeParams;
use crate::strategy::maker::MakerParams;
use crate::strategy::proof::{
    Chain, Check, FloorPolicy, Multiplier, PriceBand, ProofError, Row, Setting, Verdict, prove,
};
use crate::units::{Bps, Notional, Price, Qty, RAW_MAX};

/// An entry must be this much above the venue's least notional, in permille, so that its exit still
/// is after a fall of 13 %.
pub const EXIT_MARGIN_PERMILLE: i64 = 1150;

/// What a ladder's capacity in quote is made of.
pub const CAPACITY: &str = "ladder.equity_quote x ladder.leverage";

const ORDER_LIMIT: &str = "limits.order_notional_quote";
const INVENTORY_LIMIT: &str = "limits.inventory_notional_quote";

/// What a row means for a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Executable as configured, at every price of the band.
    Proved,
    /// Executable at every price of the band, raised to the floor within the setting's own cap.
    Raised,
    /// Orders are executable, but not as configured, or something is left that none can remove.
    Warning,
    /// An order that the venue would refuse, or a side that stays silent.
    Refused,
}

impl Standing {
    /// Stable name for tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Standing::Proved => "proved",
            Standing::Raised => "raised",
            Standing::Warning => "warning",
            Standing::Refused => "refused",
        }
    }
}

/// One row of the proof with what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub row: Row,
    pub standing: Standing,
    /// How the size comes about, where it is no setting by itself: `hedger.max_clip 0.03 x
    /// hedger.guard_factor 0.35`.
    pub made_of: Option<String>,
}

/// A component's largest order against a limit in quote, at the band's highest price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitFinding {
    pub component: Component,
    /// The setting that makes the largest order.
    pub key: &'static str,
    pub largest: Notional,
    /// No least order that the venue takes in the band is above this.
    pub least: Notional,
    pub limit_key: &'static str,
    pub limit: Notional,
    /// A least order above the limit is refused, a largest one a warning.
    pub standing: Standing,
}

/// Everything that was proved of one market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketProof {
    pub spec: InstrumentSpec,
    pub band: PriceBand,
    pub findings: Vec<Finding>,
    pub limits: Vec<LimitFinding>,
}

impl MarketProof {
    /// The worst of its findings.
    pub fn standing(&self) -> Standing {
        let limits = self.limits.iter().map(|f| f.standing);
        self.findings.iter().map(|f| f.standing).chain(limits).max().unwrap_or(Standing::Proved)
    }

    /// For which prices and rules this holds.
    pub fn proved_band(&self) -> ProvedBand {
        ProvedBand { spec: self.spec, lo: self.band.lo, hi: self.band.hi }
    }
}

/// The prices and rules that a proof is about. It says nothing of any others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProvedBand {
    spec: InstrumentSpec,
    lo: Price,
    hi: Price,
}

/// Why a proof says nothing about now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproved {
    /// The price has left the band.
    Price,
    /// The venue has changed its grid, lot or minimums.
    Rules,
}

impl Unproved {
    pub fn name(self) -> &'static str {
        match self {
            Unproved::Price => "price left the proved band",
            Unproved::Rules => "the venue's rules are not the proved ones",
        }
    }
}

impl ProvedBand {
    /// Was this price proved under these rules? Fees and the asset's number do not matter to it.
    pub fn covers(&self, px: Price, spec: &InstrumentSpec) -> Result<(), Unproved> {
        let rules = |s: &InstrumentSpec| (s.grid, s.lot, s.min_size, s.min_notional);
        if rules(&self.spec) != rules(spec) {
            return Err(Unproved::Rules);
        }
        if px < self.lo || self.hi < px {
            return Err(Unproved::Price);
        }
        Ok(())
    }
}

/// The narrowest band that is tried at run time, in permille to each side of the mid: below it an
/// answer would not outlive the way back.
const NARROWEST: i64 = 5;

/// The proof at run time: the widest band of mids around `mid`, of at most `permille` to each side,
/// in which nothing is refused; or what refuses even the narrowest one. Orders stand up to the price
/// band away from the mid, so what is proved reaches that much further than what is told.
///
/// `rules`: the number of the rules of `inst`, which goes back with the answer.
pub fn at_run_time(
    inst: &Instrument,
    config: &InstConfig,
    permille: i64,
    mid: Price,
    rules: u16,
) -> Event {
    let mut part = permille;
    loop {
        let mids = PriceBand::around(mid, part);
        let reach = config.limits.price_band;
        let hi = Price(mids.hi.shift(reach).0.min(RAW_MAX));
        let lo = Price(mids.lo.shift(Bps(-reach.0)).0.max(1));
        let failed = failure(prove_market(inst, config, PriceBand { lo, last: mid, hi }));
        let narrower = part / 2;
        if failed.is_some() && narrower >= NARROWEST {
            part = narrower;
            continue;
        }
        let holds = failed.is_none();
        let (line, component, size, px, floor) = failed.unwrap_or((
            ProofLine::Clip,
            Component::Maker,
            Qty::ZERO,
            Price::ZERO,
            Qty::ZERO,
        ));
        let (inst, lo, hi) = (inst.id, mids.lo, mids.hi);
        return Event::Proved { inst, holds, line, component, rules, lo, hi, size, px, floor };
    }
}

/// The first finding that is refused: its line, component, size, price and floor.
fn failure(
    proof: Result<MarketProof, ProofError>,
) -> Option<(ProofLine, Component, Qty, Price, Qty)> {
    let proof = match proof {
        Ok(proof) => proof,
        Err(ProofError::Chain { component }) => {
            return Some((ProofLine::Range, component, Qty::ZERO, Price::ZERO, Qty::ZERO));
        }
        Err(ProofError::Band | ProofError::Floor) => {
            let component = Component::Maker;
            return Some((ProofLine::Range, component, Qty::ZERO, Price::ZERO, Qty::ZERO));
        }
    };
    if let Some(f) = proof.findings.iter().find(|f| f.standing == Standing::Refused) {
        let line = match f.row.check {
            Check::Clip => ProofLine::Clip,
            Check::Cap => ProofLine::Cap,
            Check::DeadBand => ProofLine::DeadBand,
            Check::Exit => ProofLine::Exit,
        };
        return Some((line, f.row.component, f.row.size, f.row.px, f.row.floor));
    }
    let limit = proof.limits.iter().find(|f| f.standing == Standing::Refused)?;
    let line = match limit.limit_key {
        ORDER_LIMIT => ProofLine::OrderNotional,
        _ => ProofLine::InventoryNotional,
    };
    // In quote, which has the scale of a size: the limit, and the least that it would have to be.
    let quote = |n: Notional| Qty(n.to_raw());
    Some((line, limit.component, quote(limit.limit), proof.band.hi, quote(limit.least)))
}

/// Proves every component of a market over a band of order prices.
pub fn prove_market(
    inst: &Instrument,
    config: &InstConfig,
    band: PriceBand,
) -> Result<MarketProof, ProofError> {
    let mut findings = Vec::new();
    if let Some(maker) = &config.maker {
        prove_maker(inst, config, maker, band, &mut findings)?;
    }
    if let Some(hedger) = &config.hedger {
        prove_hedger(inst, config, hedger, band, &mut findings)?;
    }
    if let Some(params) = &config.ladder {
        ladder::prove_ladder(inst, config, params, band, &mut findings)?;
    }
    let size = config.limits.order_qty;
    let unwind = Chain {
        component: Component::Unwind,
        base_key: "limits.order_size",
        base: (size, size),
        multipliers: &[],
        least: None,
        most: None,
        floor: FloorPolicy::Skip,
        trigger: None,
        exit_margin_permille: None,
    };
    let rows = prove(inst, band, &[unwind])?;
    findings.push(judged(row(&rows, Check::Clip), Standing::Refused));
    let mut limits = prove_limits(inst, config, band)?;
    if let Some(params) = &config.ladder {
        let least = least_notional(inst, band)?;
        limits.extend(ladder::prove_capacity(inst, config, params, band, least)?);
    }
    Ok(MarketProof { spec: inst.spec, band, findings, limits })
}

/// Risk refuses an order above a limit in quote, one that only reduces included.
fn prove_limits(
    inst: &Instrument,
    config: &InstConfig,
    band: PriceBand,
) -> Result<Vec<LimitFinding>, ProofError> {
    let limits = &config.limits;
    let least = least_notional(inst, band)?;
    let at = |qty| Notional::of(band.hi, qty).max(least);
    let order = |component, key, largest| (component, key, largest, ORDER_LIMIT);
    let mut rows = Vec::new();
    if let Some(maker) = &config.maker {
        let largest = at(maker.size_max);
        rows.push(order(Component::Maker, "maker.size_max", largest));
        rows.push((Component::Maker, "maker.size_max", largest, INVENTORY_LIMIT));
    }
    if let Some(HedgeParams { rule, .. }) = &config.hedger {
        let hard = rule.max_clip_hard.unwrap_or(rule.max_clip);
        let elsewhere = config.hedge_for.is_some();
        let key = if elsewhere { hedge::HARD_CLIP } else { "hedger.max_clip_hard" };
        rows.push(order(Component::Hedger, key, at(hard)));
    }
    let whole = limits.order_qty.min(limits.position);
    rows.push(order(Component::Unwind, "limits.order_size", at(whole)));
    Ok(rows
        .into_iter()
        .map(|(component, key, largest, limit_key)| {
            let one_order = limit_key == ORDER_LIMIT;
            let limit = if one_order { limits.order_notional } else { limits.inventory_notional };
            let standing = match () {
                () if least > limit => Standing::Refused,
                () if largest > limit => Standing::Warning,
                () => Standing::Proved,
            };
            LimitFinding { component, key, largest, least, limit_key, limit, standing }
        })
        .collect())
}

/// What no floor's notional in the band is above.
fn least_notional(inst: &Instrument, band: PriceBand) -> Result<Notional, ProofError> {
    // The floor's notional is a saw of the price: at most a lot above the venue's minimum, or that
    // of the smallest size, which alone is left of the floor at the highest price there is.
    let smallest = inst.min_qty(Price(RAW_MAX)).ok_or(ProofError::Floor)?;
    let by_notional = inst.spec.min_notional.0 + Notional::of(band.hi, inst.spec.lot).0;
    Ok(Notional(by_notional.max(Notional::of(band.hi, smallest).0)))
}

/// The factors of a maker's size in the engine's order, each over all that it can be.
pub fn maker_multipliers(p: &MakerParams) -> [Multiplier; 4] {
    let over = |key, values: &[i64]| {
        let lo_permille = values.iter().copied().min().unwrap_or(1000);
        let hi_permille = values.iter().copied().max().unwrap_or(1000);
        Multiplier { key, lo_permille, hi_permille }
    };
    let mut inventory = vec![1000];
    inventory.extend(p.inventory_size.rows().iter().map(|r| r.1));
    [
        // While volatility is not known the factor is one.
        over("maker.size_wild_factor", &[p.size_wild_permille, p.size_calm_permille, 1000]),
        over("maker.regime.size_factor", &[p.aggressive.size_permille, p.defensive.size_permille]),
        over("maker.pnl_guard.size_factor", &[p.pnl_guard_size_permille, 1000]),
        over("maker.inventory_size", &inventory),
    ]
}

fn prove_maker(
    inst: &Instrument,
    config: &InstConfig,
    p: &MakerParams,
    band: PriceBand,
    out: &mut Vec<Finding>,
) -> Result<(), ProofError> {
    let multipliers = maker_multipliers(p);
    let plain = Chain {
        component: Component::Maker,
        base_key: "maker.size",
        base: (p.size, p.size),
        multipliers: &multipliers,
        least: Some(Setting { key: "maker.size_min", qty: p.size_min }),
        most: Some(Setting { key: "maker.size_max", qty: p.size_max }),
        floor: FloorPolicy::Skip,
        trigger: None,
        exit_margin_permille: Some(EXIT_MARGIN_PERMILLE),
    };
    let as_set = prove(inst, band, &[plain])?;
    let (clip, cap) = (row(&as_set, Check::Clip), row(&as_set, Check::Cap));
    let made_of = (clip.key == plain.base_key).then(|| made_of(&plain));
    let exit = judged(row(&as_set, Check::Exit), Standing::Warning);
    if !p.raise_to_minimum {
        out.push(Finding { made_of, ..judged(clip, Standing::Refused) });
        out.extend([judged(cap, Standing::Refused), exit]);
        return Ok(());
    }
    // Every level of a side counts against the position as if it had filled.
    let levels = p.aggressive.levels.max(p.defensive.levels).max(1) as i64;
    let limits = &config.limits;
    let share = Setting { key: "limits.position", qty: Qty(limits.position.0 / levels) };
    let order = Setting { key: "limits.order_size", qty: limits.order_qty };
    let up_to = if share.qty < order.qty { share } else { order };
    let floor = FloorPolicy::Raise { up_to: Some(up_to), margin_permille: 1000 };
    let raised = prove(inst, band, &[Chain { floor, ..plain }])?;
    let mut limit = row(&raised, Check::Cap);
    if limit.key == share.key {
        limit.repair = limit.repair.map(|q| Qty(q.0.saturating_mul(levels)));
    }
    let raises = limit.verdict == Verdict::Holds;
    let clip_standing = if raises { Standing::Raised } else { Standing::Refused };
    out.push(Finding { made_of, ..judged(clip, clip_standing) });
    out.push(judged(cap, if raises { Standing::Warning } else { Standing::Refused }));
    out.extend([judged(limit, Standing::Refused), exit]);
    Ok(())
}

fn prove_hedger(
    inst: &Instrument,
    config: &InstConfig,
    p: &HedgeParams,
    band: PriceBand,
    out: &mut Vec<Finding>,
) -> Result<(), ProofError> {
    let guard = [Multiplier {
        key: "hedger.guard_factor",
        lo_permille: p.rule.guard_multiplier_permille,
        hi_permille: 1000,
    }];
    let set = Setting { key: "hedger.trigger", qty: p.rule.trigger };
    let trigger = if config.hedge_for.is_some() { hedge::trigger(inst, set) } else { set };
    let plain = Chain {
        component: Component::Hedger,
        base_key: if config.hedge_for.is_some() { hedge::CLIP } else { "hedger.max_clip" },
        base: (p.rule.max_clip, p.rule.max_clip),
        multipliers: &guard,
        least: None,
        most: None,
        floor: FloorPolicy::Skip,
        trigger: Some(trigger),
        exit_margin_permille: None,
    };
    let as_set = prove(inst, band, &[plain])?;
    let order = Setting { key: "limits.order_size", qty: config.limits.order_qty };
    let floor = FloorPolicy::Raise { up_to: Some(order), margin_permille: 1000 };
    let limit = row(&prove(inst, band, &[Chain { floor, ..plain }])?, Check::Cap);
    // The floor beats the clip, up to what risk lets through.
    let raises = limit.verdict == Verdict::Holds;
    let otherwise = if raises { Standing::Warning } else { Standing::Refused };
    let made_of = Some(made_of(&plain));
    out.push(Finding { made_of, ..judged(row(&as_set, Check::Clip), otherwise) });
    out.push(judged(row(&as_set, Check::Cap), otherwise));
    out.push(judged(limit, Standing::Refused));
    let band = row(&as_set, Check::DeadBand);
    out.push(match &config.hedge_for {
        Some(of) => hedge::dead_band(band, of, set.qty, inst),
        None => judged(band, Standing::Warning),
    });
    Ok(())
}

fn row(rows: &[Row], check: Check) -> Row {
    *rows.iter().find(|r| r.check == check).expect("the chain asks for this check")
}

fn judged(row: Row, otherwise: Standing) -> Finding {
    let standing = if row.verdict == Verdict::Holds { Standing::Proved } else { otherwise };
    Finding { row, standing, made_of: None }
}

/// The smallest size as a product: the base and what shrinks it.
fn made_of(chain: &Chain) -> String {
    let mut text = format!("{} {}", chain.base_key, chain.base.0);
    for m in chain.multipliers.iter().filter(|m| m.lo_permille != 1000) {
        // A permille is 10^-3: times 10^5 it is raw 10^-8.
        let factor = crate::units::raw_text(m.lo_permille * 100_000);
        text.push_str(&format!(" x {} {factor}", m.key));
    }
    text
}
