//! Cold. The start-up proof: can every order that a configuration may make be executed?
//!
//! Each component is described by a [`Chain`]: the sizes it starts from, what multiplies, caps and
//! raises them, in the order in which the engine does it. Every step is monotone in the size, and
//! the venue's floor falls with the price. So two sizes and the ends of the price band decide about
//! all combinations of multipliers and all prices between: the smallest size at the lowest price is
//! the worst case, the largest size at the highest price the best.
//!
//! A requirement "size s is executable" holds exactly from one price upward: from min_notional / s,
//! rounded up to the price grid, if s reaches the venue's smallest size at all. Each [`Row`]
//! carries that price, a witness where it fails, and the smallest change of one setting that makes
//! it hold over the whole band.

use std::fmt;

use crate::event::Component;
use crate::instrument::Instrument;
use crate::units::{Notional, Price, Qty, RAW_MAX, Round};

/// A range of a multiplier, in permille: a guard of 0.35 that may be off is 350 ..= 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Multiplier {
    pub key: &'static str,
    pub lo_permille: i64,
    pub hi_permille: i64,
}

/// A setting with its name in the config, so that a row can say which one to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    pub key: &'static str,
    pub qty: Qty,
}

/// What the component does with a size below the floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloorPolicy {
    /// No order.
    Skip,
    /// The size becomes the floor, with its notional minimum times a margin (1000 permille for
    /// none) where it opens a position, unless that is above `up_to`, the position guard.
    Raise { up_to: Option<Setting>, margin_permille: i64 },
}

/// How a component comes to its sizes.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a> {
    pub component: Component,
    /// The setting that the sizes start from, smallest and largest.
    pub base_key: &'static str,
    pub base: (Qty, Qty),
    /// Applied one after the other, each product cut to 10^-8 as [`Qty::permille`] does.
    pub multipliers: &'a [Multiplier],
    /// Raised to this after the multipliers.
    pub least: Option<Setting>,
    /// Capped by this after that.
    pub most: Option<Setting>,
    pub floor: FloorPolicy,
    /// Acts on an inventory above this, and then must be able to.
    pub trigger: Option<Setting>,
    /// What it opens must still be closable after the price has fallen: the least notional of an
    /// entry over the venue's minimum, in permille (1150); `None` for a component that only
    /// reduces.
    pub exit_margin_permille: Option<i64>,
}

/// The prices that are proved, and the price now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceBand {
    pub lo: Price,
    pub last: Price,
    pub hi: Price,
}

impl PriceBand {
    /// The last price plus and minus a part of it, in permille (200 for 20 %).
    pub fn around(last: Price, permille: i64) -> PriceBand {
        let width = Qty(last.0).permille(permille.clamp(0, 999)).0;
        let hi = last.0.saturating_add(width).min(RAW_MAX);
        PriceBand { lo: Price(last.0 - width), last, hi: Price(hi) }
    }
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The smallest size that the chain makes is executable, or is raised to one that is.
    Clip,
    /// The largest allowed size is executable: no minimum lies above a cap.
    Cap,
    /// Every inventory that triggers can be removed.
    DeadBand,
    /// The smallest entry can be closed again.
    Exit,
}

impl Check {
    pub fn name(self) -> &'static str {
        match self {
            Check::Clip => "clip",
            Check::Cap => "cap",
            Check::DeadBand => "dead_band",
            Check::Exit => "exit",
        }
    }
}

/// Where in the band a check holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// At every price of the band.
    Holds,
    /// From [`Row::holds_from`] to the end of the band.
    Partly,
    /// At no price of the band.
    Fails,
}

impl Verdict {
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::Partly => "partly",
            Verdict::Fails => "fails",
        }
    }
}

/// One line of the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub component: Component,
    pub check: Check,
    /// The setting that decides, and the size that comes of it. For a dead band the size is the
    /// trigger: the smallest inventory that cannot be removed lies just above it.
    pub key: &'static str,
    pub size: Qty,
    /// The witness: the last price where it fails there or holds everywhere, else the lowest.
    pub px: Price,
    /// size x px.
    pub notional: Notional,
    /// What the size is compared with at the witness; for `Exit`, the floor with its margin.
    pub floor: Qty,
    /// The lowest price on the grid from which it holds; `None` when there is none.
    pub holds_from: Option<Price>,
    pub verdict: Verdict,
    /// The least value of `key` with which it holds over the whole band, everything else kept.
    pub repair: Option<Qty>,
}

/// Why nothing could be proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofError {
    /// The band is empty, not positive, beyond 10^10, or does not hold the last price.
    Band,
    /// A size or multiplier is negative, or a range ends before it starts.
    Chain { component: Component },
    /// A floor in the band is beyond 10^10.
    Floor,
}

impl ProofError {
    pub fn name(self) -> &'static str {
        match self {
            ProofError::Band => "price band is empty or out of range",
            ProofError::Chain { .. } => "a size range or multiplier range is not one",
            ProofError::Floor => "smallest size in the price band is beyond 10^10",
        }
    }
}

/// Proves all chains over the band: one row for each check that concerns a chain.
pub fn prove(inst: &Instrument, band: PriceBand, chains: &[Chain]) -> Result<Vec<Row>, ProofError> {
    let ordered = 0 < band.lo.0 && band.lo <= band.last && band.last <= band.hi;
    if !ordered || band.hi.0 > RAW_MAX {
        return Err(ProofError::Band);
    }
    let mut rows = Vec::new();
    for chain in chains {
        chain.validate()?;
        prove_chain(inst, band, chain, &mut rows)?;
    }
    Ok(rows)
}

/// Whether every row holds over the whole band.
pub fn holds(rows: &[Row]) -> bool {
    rows.iter().all(|row| row.verdict == Verdict::Holds)
}

impl Chain<'_> {
    fn validate(&self) -> Result<(), ProofError> {
        let size = |q: Qty| 0 <= q.0 && q.0 <= RAW_MAX;
        let setting = |s: Option<Setting>| s.is_none_or(|s| size(s.qty));
        let raise = match self.floor {
            FloorPolicy::Skip => None,
            FloorPolicy::Raise { up_to, .. } => up_to,
        };
        let ranges = self.multipliers.iter().all(|m| {
            0 <= m.lo_permille && m.lo_permille <= m.hi_permille && m.hi_permille <= 1_000_000
        });
        let settings = [self.least, self.most, self.trigger, raise].into_iter().all(setting);
        let base = size(self.base.0) && self.base.0 <= self.base.1 && size(self.base.1);
        let margin = self.exit_margin_permille.is_none_or(|m| (1000..=1_000_000).contains(&m));
        if base && ranges && settings && margin {
            Ok(())
        } else {
            Err(ProofError::Chain { component: self.component })
        }
    }

    /// The smallest and the largest size, before lots and floor.
    fn sizes(&self) -> (Setting, Setting) {
        let scale = |from: Qty, permille: fn(&Multiplier) -> i64| {
            let end = self.multipliers.iter().fold(i128::from(from.0), |size, m| {
                (size * i128::from(permille(m)) / 1000).min(i128::from(RAW_MAX))
            });
            let mut size = Setting { key: self.base_key, qty: Qty(end as i64) };
            if let Some(least) = self.least.filter(|least| least.qty > size.qty) {
                size = least;
            }
            if let Some(most) = self.most.filter(|most| most.qty < size.qty) {
                size = most;
            }
            size
        };
        (scale(self.base.0, |m| m.lo_permille), scale(self.base.1, |m| m.hi_permille))
    }

    /// Where the base decides, its repair is what the multipliers leave of it: the wanted size
    /// divided by all of them, rounded up at each. None when one of them can be zero.
    fn repaired(&self, mut row: Row) -> Row {
        if row.key == self.base_key {
            row.repair = row.repair.and_then(|enough| {
                self.multipliers.iter().rev().try_fold(enough, |size, m| {
                    let (n, d) = (i128::from(size.0) * 1000, i128::from(m.lo_permille));
                    let before = (d > 0).then(|| n / d + i128::from(n % d != 0))?;
                    i64::try_from(before).ok().filter(|raw| *raw <= RAW_MAX).map(Qty)
                })
            });
        }
        row
    }
}

fn prove_chain(
    inst: &Instrument,
    band: PriceBand,
    chain: &Chain,
    rows: &mut Vec<Row>,
) -> Result<(), ProofError> {
    let plain = Floors { inst: inst.clone() };
    let (smallest, largest) = chain.sizes();
    // What the smallest size counts as: itself, or whatever floor it may be raised to.
    let clip = match chain.floor {
        FloorPolicy::Skip => smallest.qty,
        FloorPolicy::Raise { up_to, .. } => {
            up_to.map_or(Qty(RAW_MAX), |guard| guard.qty).max(smallest.qty)
        }
    };
    let row = plain.row(chain.component, Check::Clip, band, smallest, clip)?;
    rows.push(chain.repaired(row));
    let cap = match chain.floor {
        FloorPolicy::Raise { up_to: Some(guard), .. } => Some(guard),
        FloorPolicy::Raise { up_to: None, .. } => None,
        FloorPolicy::Skip => Some(chain.most.unwrap_or(largest)),
    };
    if let Some(cap) = cap {
        rows.push(plain.row(chain.component, Check::Cap, band, cap, cap.qty)?);
    }
    if let Some(trigger) = chain.trigger {
        // Inventories are whole lots: the first above the trigger must reach the floor.
        let first = inst.round_qty(trigger.qty, Round::Down).0 + inst.spec.lot.0;
        rows.push(plain.row(chain.component, Check::DeadBand, band, trigger, Qty(first))?);
    }
    if let Some(margin) = chain.exit_margin_permille {
        let raised = matches!(
            chain.floor,
            FloorPolicy::Raise { margin_permille, .. } if margin_permille >= margin
        );
        let counts = if raised { clip } else { smallest.qty };
        let floors = Floors::with_margin(inst, margin)?;
        let row = floors.row(chain.component, Check::Exit, band, smallest, counts)?;
        rows.push(chain.repaired(row));
    }
    Ok(())
}

/// The floor of a venue, perhaps with a margin on its notional.
struct Floors {
    inst: Instrument,
}

impl Floors {
    fn with_margin(inst: &Instrument, permille: i64) -> Result<Floors, ProofError> {
        let mut spec = inst.spec;
        // At most 10^36 x 10^6 before the division: split it to stay within an i128.
        let (whole, rest) = (spec.min_notional.0 / 1000, spec.min_notional.0 % 1000);
        let margin = i128::from(permille);
        let raised = whole.checked_mul(margin).ok_or(ProofError::Floor)?;
        spec.min_notional = Notional(raised + (rest * margin + 999) / 1000);
        let inst = Instrument::new(inst.id, spec).map_err(|_| ProofError::Floor)?;
        Ok(Floors { inst })
    }

    fn at(&self, px: Price) -> Result<Qty, ProofError> {
        self.inst.min_qty(px).ok_or(ProofError::Floor)
    }

    /// The lowest price on the grid at which `size` is executable.
    fn from(&self, size: Qty) -> Option<Price> {
        let lots = self.inst.round_qty(size, Round::Down);
        // At the highest price only the smallest size is left of the floor.
        if lots < self.inst.min_qty(Price(RAW_MAX))? {
            return None;
        }
        let (notional, lots) = (self.inst.spec.min_notional.0, i128::from(lots.0));
        let exact = notional / lots + i128::from(notional % lots != 0);
        let exact = i64::try_from(exact).ok()?.max(1);
        self.inst.round_price(Price(exact), Round::Up)
    }

    /// One check: `counts` is the size that must reach the floor, `size` the setting that is shown.
    fn row(
        &self,
        component: Component,
        check: Check,
        band: PriceBand,
        size: Setting,
        counts: Qty,
    ) -> Result<Row, ProofError> {
        let counts = Qty(counts.0.min(RAW_MAX));
        let holds_from = self.from(counts);
        // Asked at the ends themselves, which need not be on the grid.
        let executable = |px| Ok(self.inst.round_qty(counts, Round::Down) >= self.at(px)?);
        let worst = self.at(band.lo)?;
        let verdict = if executable(band.lo)? {
            Verdict::Holds
        } else if executable(band.hi)? {
            Verdict::Partly
        } else {
            Verdict::Fails
        };
        let fails_now = !executable(band.last)?;
        let px = if verdict == Verdict::Holds || fails_now { band.last } else { band.lo };
        let lot = self.inst.spec.lot;
        let enough = if check == Check::DeadBand { Qty(worst.0 - lot.0) } else { worst };
        Ok(Row {
            component,
            check,
            key: size.key,
            size: size.qty,
            px,
            notional: Notional::of(px, size.qty),
            floor: self.at(px)?,
            holds_from,
            verdict,
            repair: (verdict != Verdict::Holds).then_some(enough),
        })
    }
}

/// One line of the table.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, check, verdict) =
            (self.component.name(), self.check.name(), self.verdict.name());
        write!(
            f,
            "{name:<8} {check:<9} {verdict:<6} {} {} = {} at {}, floor {}",
            self.key, self.size, self.notional, self.px, self.floor
        )?;
        match self.holds_from {
            _ if self.verdict == Verdict::Holds => {}
            Some(from) => write!(f, "; holds from {from} up")?,
            None => f.write_str("; holds at no price")?,
        }
        match self.repair {
            Some(enough) => write!(f, "; smallest repair: {} >= {enough}", self.key),
            None => Ok(()),
        }
    }
}
