//! Hot. The live ladder: several levels a side, each as large as it is worth.
//!
//! A side's capacity is the lower of two: what equity x leverage lets it still take, and the room
//! that the position limits leave. Guards and inventory shrink it by named factors. It is spread
//! over the levels by [`allocate`]: a level at distance d is worth its fill intensity times
//! (d - adverse selection - fees), or, by Kelly, its edge over variance.
//!
//! Guards, filters, regimes and quality are the maker's, with the maker's memory: they widen every
//! level by the same distance and silence sides by the same rules. So the same promise holds here:
//! no combination of filters silences both sides while inventory is held that can be sold. Factors
//! never take the reducing side below the inventory; while the adding side is silent for inventory, or
//! a filter would silence the reducing one, that is at most the inventory: it does not flip it.
//!
//! What changes slowly is kept: weights until volatility has moved by a sixteenth, the capacity
//! until the price has moved it by a lot, the sizes until weights, floors or capacity change.

use crate::event::Tif;
use crate::instrument::{PriceIntent, Quantized, Quantizer, SizePolicy};
use crate::strategy::fxmath::FxError;
use crate::strategy::ladder::{
    Allocated, LEVELS_MAX, Ladder, LadderLevel, Shortfall, allocate, kelly_capacity, kelly_weight,
    marginal_value,
};
use crate::strategy::maker::{
    MakerParams, SideQuote, Silence, SizeFactor, away, bounded, reservation,
};
use crate::strategy::pricing::intensity;
use crate::strategy::{Target, View};
use crate::units::{Bps, Notional, Price, Qty, SCALE, Side, StateHasher};
use fixed::types::I64F64;

/// Most levels of a side that can be configured: two sides and the slots that are kept for orders
/// that reduce fill the order table.
pub const QUOTED_MAX: usize = 15;

/// A short list of raw values, one for each level from the touch outward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerLevel {
    values: [i64; LEVELS_MAX],
    count: usize,
}

impl PerLevel {
    /// `None` for more than [`QUOTED_MAX`].
    pub fn new(list: &[i64]) -> Option<PerLevel> {
        if list.len() > QUOTED_MAX {
            return None;
        }
        let mut values = [0; LEVELS_MAX];
        values[..list.len()].copy_from_slice(list);
        Some(PerLevel { values, count: list.len() })
    }

    pub fn as_slice(&self) -> &[i64] {
        &self.values[..self.count]
    }
}

/// What a level's weight is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// Its marginal value.
    Proportional,
    /// A fraction of its log-growth-optimal size.
    Kelly,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LadderParams {
    /// What a ladder shares with the maker: guards, filters, regimes, inventory tables, quality.
    /// Its spread is what these add to each level's distance; its sizes and levels are not read.
    pub shared: MakerParams,
    /// Distance of each level from the reservation price, raw bps, ascending.
    pub distances: PerLevel,
    /// Fill intensity of each level, 10^-6 in any unit; empty: e^(-decay x distance).
    pub intensities: PerLevel,
    /// Decay of the fill intensity per bps of distance, 10^-8.
    pub decay: i64,
    /// What a fill is expected to lose to whoever knew more.
    pub adverse: Bps,
    /// Maker fee of a fill and its share of the exit's.
    pub fees: Bps,
    pub allocation: Allocation,
    /// Part of the log-growth-optimal size that is taken.
    pub kelly_permille: i64,
    /// Kelly's least volatility over the signals' horizon, and the one while none is known.
    pub kelly_volatility: Bps,
    pub shortfall: Shortfall,
    /// Equity that this market may use; the venue's figure holds where it is lower.
    pub equity: Notional,
    pub leverage_permille: i64,
}

/// The weights of all levels at a volatility.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    pub levels: [u64; LEVELS_MAX],
    /// What they were made for; `None` for weights that volatility has no part in.
    volatility: Option<Bps>,
}

impl LadderParams {
    /// The levels' distances from the reservation price.
    pub fn distance(&self, level: usize) -> Bps {
        Bps(self.distances.values[level])
    }

    pub fn levels(&self) -> usize {
        self.distances.count
    }

    /// Most that the ladder's position may be worth by the configured equity.
    pub fn budget(&self) -> Notional {
        leveraged(self.equity, self.leverage_permille)
    }

    /// The fill intensities, as integers that all levels share the unit of.
    pub fn rates(&self) -> Result<[u32; LEVELS_MAX], FxError> {
        let mut rates = [0; LEVELS_MAX];
        for (i, rate) in rates.iter_mut().enumerate().take(self.distances.count) {
            *rate = match self.intensities.as_slice().get(i) {
                // At most 100, which is 10^8 raw.
                Some(stated) => (*stated).clamp(0, i64::from(u32::MAX)) as u32,
                None => {
                    let decay = I64F64::from_num(self.decay) / I64F64::from_num(SCALE);
                    let distance = I64F64::from_num(self.distances.values[i])
                        / I64F64::from_num(Bps::whole(1).0);
                    // In [0, 1], times 2^32 - 1.
                    let part = intensity(I64F64::ONE, decay, distance)?;
                    (part * I64F64::from_num(u32::MAX)).to_num::<i64>() as u32
                }
            };
        }
        Ok(rates)
    }

    /// The weights at a volatility. Cold: once at the start, and by Kelly when volatility has moved.
    pub fn weights(&self, rates: &[u32; LEVELS_MAX], volatility: Bps) -> Weights {
        let mut levels = [0; LEVELS_MAX];
        // sigma in raw bps is 10^-8 of a ratio: its square is 10^-16, cut to 10^-8. At most 1000
        // bps: 10^14.
        let variance = (volatility.0 * volatility.0 / SCALE).max(1);
        for (i, weight) in levels.iter_mut().enumerate().take(self.distances.count) {
            let edge = Bps(self.distances.values[i] - self.adverse.0 - self.fees.0);
            *weight = match self.allocation {
                Allocation::Proportional => {
                    marginal_value(rates[i], self.distance(i), self.adverse, self.fees)
                }
                Allocation::Kelly => kelly_weight(edge, variance, self.kelly_permille as u32),
            };
        }
        let kelly = self.allocation == Allocation::Kelly;
        Weights { levels, volatility: kelly.then_some(volatility) }
    }
}

/// Notional is 10^-16: 10^9 quote x 100 000 permille is 10^30.
fn leveraged(equity: Notional, leverage_permille: i64) -> Notional {
    Notional(equity.0.max(0) * i128::from(leverage_permille) / 1000)
}

/// One side of the ladder with what made it.
#[derive(Clone, Copy, Debug)]
pub struct LadderSide {
    /// The level nearest to the mid; `levels` counts those that are quoted.
    pub quote: SideQuote,
    /// By level.
    pub targets: [Option<Target>; LEVELS_MAX],
    /// `None` where a filter silenced the side before there was anything to allocate.
    pub how: Option<Allocated>,
    pub capacity: Qty,
    /// Smallest floor of the levels that have a weight.
    pub floor: Qty,
    /// By level, what it was weighed with.
    pub weights: [u64; LEVELS_MAX],
    pub floors: [Qty; LEVELS_MAX],
}

impl LadderSide {
    /// A side that is silent for a reason outside of the ladder.
    pub fn silent(quote: SideQuote) -> LadderSide {
        LadderSide {
            quote,
            targets: [None; LEVELS_MAX],
            how: None,
            capacity: Qty::ZERO,
            floor: Qty::ZERO,
            weights: [0; LEVELS_MAX],
            floors: [Qty::ZERO; LEVELS_MAX],
        }
    }

    /// What is quoted in all.
    pub fn total(&self) -> Qty {
        Qty(self.targets.iter().flatten().map(|t| t.qty.0).sum())
    }

    fn hush(mut self, silence: Silence) -> LadderSide {
        self.quote.silence = Some(silence);
        self
    }
}

/// The last allocation of a side and what it was made from.
#[derive(Clone, Copy, Debug)]
struct Kept {
    capacity: Qty,
    levels: [(u64, Qty); LEVELS_MAX],
    ladder: Ladder,
}

/// The ladder of one instrument: what it keeps between quotes.
#[derive(Clone, Copy, Debug)]
pub struct LadderMaker {
    rates: [u32; LEVELS_MAX],
    weights: Weights,
    /// Base units that the budget buys, for a budget and while the mid stays in a band.
    afford: Qty,
    kept: [Option<Kept>; 2],
}

impl LadderMaker {
    /// # Errors
    /// Where the fill intensities have no value in fixed point; `check` refuses such a config.
    pub fn new(params: &LadderParams) -> Result<LadderMaker, FxError> {
        let rates = params.rates()?;
        let weights = params.weights(&rates, params.kelly_volatility);
        Ok(LadderMaker { rates, weights, afford: Qty::ZERO, kept: [None; 2] })
    }

    /// Both sides, from the maker's drafts for this view. `exits`: sides that are quoted as a way out
    /// only, because a filter would silence them. `equity`: what the venue last said.
    pub fn quote(
        &mut self,
        params: &LadderParams,
        view: &View,
        drafts: [SideQuote; 2],
        exits: [bool; 2],
        equity: Option<Notional>,
        quantizer: &mut Quantizer,
    ) -> [LadderSide; 2] {
        self.reweigh(params, view.reading.volatility);
        let equity = equity.map_or(params.equity, |told| Notional(told.0.min(params.equity.0)));
        let budget = leveraged(equity, params.leverage_permille);
        let afford = self.afford(budget, view.top.mid(), quantizer);
        drafts.map(|draft| {
            // Inventory that silences the adding side is worked off, and not turned over.
            let exit =
                exits[draft.side.index()] || view.inventory.abs() > params.shared.asymmetric_above;
            self.side(params, view, draft, exit, afford, quantizer)
        })
    }

    fn reweigh(&mut self, params: &LadderParams, volatility: Option<Bps>) {
        let Some(was) = self.weights.volatility else { return };
        let least = params.kelly_volatility;
        let now = volatility.unwrap_or(least).max(least);
        if (now.0 - was.0).abs() * 16 > was.0 {
            self.weights = params.weights(&self.rates, now);
        }
    }

    /// budget / mid in whole lots: two products while the last answer still holds, else a division.
    fn afford(&mut self, budget: Notional, mid: Price, quantizer: &Quantizer) -> Qty {
        let inst = quantizer.instrument();
        let worth = |qty: i64| i128::from(qty) * i128::from(mid.0);
        let lot = inst.spec.lot.0;
        let holds = worth(self.afford.0) <= budget.0 && budget.0 < worth(self.afford.0 + lot);
        if !holds {
            let exact = budget.0 / i128::from(mid.0.max(1));
            let exact = exact.min(i128::from(crate::units::RAW_MAX)) as i64;
            self.afford = inst.round_qty(Qty(exact), crate::units::Round::Down);
        }
        self.afford
    }

    fn side(
        &mut self,
        params: &LadderParams,
        view: &View,
        mut quote: SideQuote,
        exit: bool,
        afford: Qty,
        quantizer: &mut Quantizer,
    ) -> LadderSide {
        let reducing = quote.reduces(view);
        if reducing {
            // Inventory shrinks what would add to it.
            quote.factors[SizeFactor::Inventory as usize] = 1000;
        }
        let mut side = LadderSide::silent(quote);
        if quote.silence.is_some() {
            return side;
        }
        let (count, levels) = self.levels(params, view, &quote, quantizer);
        let levels = &levels[..count];
        let floor = levels.iter().filter(|l| l.weight > 0).map(|l| l.floor).min();
        let Some(floor) = floor else { return side.hush(Silence::NoEdge) };
        side.floor = floor;
        for (i, level) in levels.iter().enumerate() {
            (side.weights[i], side.floors[i]) = (level.weight, level.floor);
        }
        side.capacity = self.capacity(params, view, &quote, exit, afford, floor);
        if side.capacity.0 <= 0 {
            return side.hush(Silence::Risk);
        }
        let ladder = self.allocated(quote.side, side.capacity, levels, params, quantizer);
        side.how = Some(ladder.how);
        place(&mut side, levels, &ladder, view.order_max, quantizer);
        match (side.quote.levels, ladder.how) {
            (0, Allocated::BelowFloor) => side.hush(Silence::BelowMinimum),
            (0, Allocated::NoEdge) => side.hush(Silence::NoEdge),
            (0, _) => side.hush(Silence::Risk),
            _ => side,
        }
    }

    /// Each level's price on the grid with its floor there. Levels that meet in one price are one
    /// order: the one with the higher weight is kept.
    fn levels(
        &self,
        params: &LadderParams,
        view: &View,
        quote: &SideQuote,
        quantizer: &mut Quantizer,
    ) -> (usize, [LadderLevel; LEVELS_MAX]) {
        let mut levels = [LadderLevel::default(); LEVELS_MAX];
        let centre = reservation(&params.shared, view);
        let wider = quote.spread().0 / 2;
        let mut last: Option<usize> = None;
        for i in 0..params.distances.count {
            let distance = Bps(params.distances.values[i] + wider);
            let wanted = bounded(view, quote.side, away(quote.side, centre, distance));
            let px = quantizer.price(quote.side, wanted, PriceIntent::Passive);
            let Some((px, floor)) = px.and_then(|px| Some((px, quantizer.floor(px)?))) else {
                continue;
            };
            let mut weight = self.weights.levels[i];
            if let Some(before) = last.filter(|at| levels[*at].px == px) {
                if levels[before].weight >= weight {
                    weight = 0;
                } else {
                    levels[before].weight = 0;
                }
            }
            levels[i] = LadderLevel { px, weight, floor };
            if weight > 0 {
                last = Some(i);
            }
        }
        (params.distances.count, levels)
    }

    fn capacity(
        &self,
        params: &LadderParams,
        view: &View,
        quote: &SideQuote,
        exit: bool,
        afford: Qty,
        floor: Qty,
    ) -> Qty {
        let (side, held) = (quote.side, view.inventory.abs());
        let left = afford.0 - side.sign() * view.inventory.0;
        let whole = Qty(left.min(view.room[side.index()].0).max(0));
        let mut wish = whole;
        for factor in quote.factors {
            wish = wish.permille(i64::from(factor)).min(whole);
        }
        if params.allocation == Allocation::Kelly {
            wish = kelly_capacity(wish, self.weights.levels);
        }
        if !quote.reduces(view) {
            return wish;
        }
        let wish = wish.max(held.min(whole));
        // A rest below the floor goes by one order of the floor: there is none that is smaller.
        if exit { wish.min(held.max(floor)) } else { wish }
    }

    fn allocated(
        &mut self,
        side: Side,
        capacity: Qty,
        levels: &[LadderLevel],
        params: &LadderParams,
        quantizer: &Quantizer,
    ) -> Ladder {
        let kept = &mut self.kept[side.index()];
        let same = |kept: &&Kept| {
            let pairs = levels.iter().zip(&kept.levels);
            kept.capacity == capacity && pairs.into_iter().all(|(l, k)| (l.weight, l.floor) == *k)
        };
        if let Some(kept) = kept.as_ref().filter(same) {
            return kept.ladder;
        }
        let ladder = allocate(capacity, levels, params.shortfall, quantizer.instrument());
        let mut from = [(0, Qty::ZERO); LEVELS_MAX];
        for (from, level) in from.iter_mut().zip(levels) {
            *from = (level.weight, level.floor);
        }
        *kept = Some(Kept { capacity, levels: from, ladder });
        ladder
    }

    pub fn digest(&self, h: &mut StateHasher) {
        h.signed(self.weights.volatility.map_or(-1, |v| v.0));
        h.signed(self.afford.0);
    }
}

/// The allotted sizes through the one door, none above what an order may be.
fn place(
    side: &mut LadderSide,
    levels: &[LadderLevel],
    ladder: &Ladder,
    order_max: Qty,
    quantizer: &mut Quantizer,
) {
    side.quote.levels = 0;
    for (i, level) in levels.iter().enumerate() {
        let (at, qty) = (side.quote.side, ladder.sizes[i].min(order_max));
        let order = quantizer.quantize(at, level.px, qty, PriceIntent::Passive, SizePolicy::Down);
        let Quantized::Order { px, qty } = order else { continue };
        side.targets[i] = Some(Target { side: at, px, qty, tif: Tif::Alo, reduce_only: false });
        if side.quote.levels == 0 {
            (side.quote.px, side.quote.qty) = (px, qty);
        }
        side.quote.levels += 1;
    }
}
