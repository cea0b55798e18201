//! Hot. The maker: a two-sided quote from named parts, each side with its reason.
//!
//! `spread_bps` is the full distance bid to ask, centred on the reservation price. It is a sum of
//! named parts ([`SpreadPart`]); the size is a product of named factors ([`SizeFactor`]). Both are
//! kept in the quote's explanation, as is whatever silenced a side ([`Silence`]).
//!
//! The one rule above all filters: while inventory is held that can be sold, no combination of
//! filters may silence both sides. The side that reduces it survives the trend filter and the
//! volatility pause. (A torn or stale book and a kill silence everything: those are not filters.)

use crate::event::Tif;
use crate::instrument::{PriceIntent, Quantized, Quantizer, SizePolicy};
use crate::strategy::guard::{Healing, HealingParams, PnlGuard, PnlGuardParams};
use crate::strategy::model::{ModelKind, ModelParams, ModelQuote, Pricer};
use crate::strategy::quality::QualityParams;
use crate::strategy::regime::{Mode, Regime, RegimeParams, Trend};
use crate::strategy::{Target, View, line};
use crate::units::{Bps, Nanos, Price, Qty, Side, StateHasher};

/// Rows of a threshold table.
pub const TABLE_MAX: usize = 8;
/// Quote levels a side.
pub const LEVELS_MAX: usize = 4;

/// Steps by |inventory|: the last row whose threshold is exceeded holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    rows: [(Qty, i64); TABLE_MAX],
    count: usize,
}

impl Table {
    /// Thresholds must ascend; `None` when they don't or there are more than [`TABLE_MAX`].
    pub fn new(rows: &[(Qty, i64)]) -> Option<Table> {
        if rows.len() > TABLE_MAX || rows.windows(2).any(|w| w[0].0 >= w[1].0) {
            return None;
        }
        let mut table = Table { rows: [(Qty(0), 0); TABLE_MAX], count: rows.len() };
        table.rows[..rows.len()].copy_from_slice(rows);
        Some(table)
    }

    #[inline]
    fn at(&self, x: Qty, below: i64) -> i64 {
        self.rows[..self.count].iter().rev().find(|r| x > r.0).map_or(below, |r| r.1)
    }

    pub fn rows(&self) -> &[(Qty, i64)] {
        &self.rows[..self.count]
    }
}

/// What a regime changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegimeOverride {
    /// Added to the spread.
    pub spread: Bps,
    pub size_permille: i64,
    /// Quote levels a side, 1..=[`LEVELS_MAX`].
    pub levels: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MakerParams {
    /// Spread while volatility is not known.
    pub spread_base: Bps,
    /// What makes the spread once volatility is known, and where it is centred.
    pub model: ModelParams,
    /// Spread in calm and in wild volatility; linear between.
    pub spread_calm: Bps,
    pub spread_wild: Bps,
    pub volatility_calm: Bps,
    pub volatility_wild: Bps,
    pub size: Qty,
    pub size_min: Qty,
    pub size_max: Qty,
    pub size_calm_permille: i64,
    pub size_wild_permille: i64,
    /// |inventory| above -> spread added, raw bps.
    pub inventory_spread: Table,
    /// |inventory| above -> size factor, permille.
    pub inventory_size: Table,
    /// |inventory| above which the adding side is not quoted.
    pub asymmetric_above: Qty,
    /// |inventory| at which the reducing size is the whole inventory.
    pub soft_cap: Qty,
    /// How far the reservation price leans against a soft cap of inventory.
    pub skew_at_soft_cap: Bps,
    pub pnl_guard: PnlGuardParams,
    pub pnl_guard_spread: Bps,
    pub pnl_guard_size_permille: i64,
    pub healing: HealingParams,
    pub healing_step: Bps,
    pub regime: RegimeParams,
    pub aggressive: RegimeOverride,
    pub defensive: RegimeOverride,
    pub trend_extra: Bps,
    /// The side that the trend would run over: pause it, or widen it by `trend_extra` too.
    pub trend_pauses: bool,
    /// Distance between quote levels.
    pub level_step: Bps,
    pub raise_to_minimum: bool,
    pub quality: QualityParams,
}

/// The named parts of a spread, in the order of [`SideQuote::parts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum SpreadPart {
    Volatility = 0,
    Regime = 1,
    PnlGuard = 2,
    Inventory = 3,
    Trend = 4,
    Healing = 5,
    Quality = 6,
    /// A pricing model's spread, in place of `Volatility`.
    Model = 7,
}

pub const SPREAD_PARTS: usize = 8;

impl SpreadPart {
    pub const NAMES: [&'static str; SPREAD_PARTS] =
        ["volatility", "regime", "pnl_guard", "inventory", "trend", "healing", "quality", "model"];
}

/// The named factors of a size, permille, in the order of [`SideQuote::factors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum SizeFactor {
    Volatility = 0,
    Regime = 1,
    PnlGuard = 2,
    Inventory = 3,
}

pub const SIZE_FACTORS: usize = 4;

impl SizeFactor {
    pub const NAMES: [&'static str; SIZE_FACTORS] =
        ["volatility", "regime", "pnl_guard", "inventory"];
}

/// Why a side is not quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Silence {
    Asymmetric = 1,
    TrendFilter = 2,
    VolatilityPause = 3,
    BelowMinimum = 4,
    OutOfGrid = 5,
    Overflow = 6,
    // -- not the maker's own: given by the core ------------------------------------------------
    BookInvalid = 7,
    BookStale = 8,
    Halted = 9,
    Breaker = 10,
    NotReady = 11,
    Risk = 12,
    // -- the ladder's -----------------------------------------------------------------------------
    /// No level earns more than adverse selection and fees cost.
    NoEdge = 13,
    // -- standing guards --------------------------------------------------------------------------
    /// The settings are not proved at this price, or under the venue's new rules.
    Unproved = 14,
    /// The venue takes no orders of this market any more.
    Delisted = 15,
}

impl Silence {
    pub const ALL: [Silence; 15] = [
        Silence::Asymmetric,
        Silence::TrendFilter,
        Silence::VolatilityPause,
        Silence::BelowMinimum,
        Silence::OutOfGrid,
        Silence::Overflow,
        Silence::BookInvalid,
        Silence::BookStale,
        Silence::Halted,
        Silence::Breaker,
        Silence::NotReady,
        Silence::Risk,
        Silence::NoEdge,
        Silence::Unproved,
        Silence::Delisted,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Silence::Asymmetric => "asymmetric",
            Silence::TrendFilter => "trend_filter",
            Silence::VolatilityPause => "volatility_pause",
            Silence::BelowMinimum => "below_minimum",
            Silence::OutOfGrid => "out_of_grid",
            Silence::Overflow => "overflow",
            Silence::BookInvalid => "book_invalid",
            Silence::BookStale => "book_stale",
            Silence::Halted => "halted",
            Silence::Breaker => "breaker",
            Silence::NotReady => "not_ready",
            Silence::Risk => "risk",
            Silence::NoEdge => "no_edge",
            Silence::Unproved => "unproved",
            Silence::Delisted => "delisted",
        }
    }

    pub fn from_code(code: u8) -> Option<Silence> {
        Silence::ALL.into_iter().find(|s| *s as u8 == code)
    }
}

/// One side of a quote with what made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SideQuote {
    pub side: Side,
    /// Best level; levels behind it are `level_step` apart. Zero when silent.
    pub px: Price,
    pub qty: Qty,
    pub levels: usize,
    pub silence: Option<Silence>,
    /// Parts of the full spread, raw bps, by [`SpreadPart`].
    pub parts: [i32; SPREAD_PARTS],
    /// Factors of the size, permille, by [`SizeFactor`].
    pub factors: [u16; SIZE_FACTORS],
    /// The size was raised to the venue's minimum.
    pub raised: bool,
}

impl SideQuote {
    /// A side that something outside the maker silenced.
    pub fn silent(side: Side, silence: Silence) -> SideQuote {
        SideQuote {
            side,
            px: Price::ZERO,
            qty: Qty::ZERO,
            levels: 0,
            silence: Some(silence),
            parts: [0; SPREAD_PARTS],
            factors: [1000; SIZE_FACTORS],
            raised: false,
        }
    }

    pub fn spread(&self) -> Bps {
        Bps(self.parts.iter().map(|p| i64::from(*p)).sum())
    }

    /// Would its fills shrink the inventory?
    #[inline]
    pub fn reduces(&self, view: &View) -> bool {
        Side::of_sign(view.inventory) == Some(self.side.opposite())
    }
}

/// The maker of one instrument: its guards' memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Maker {
    pub regime: Regime,
    pub pnl_guard: PnlGuard,
    pub healing: Healing,
    pricer: Pricer,
    /// The model's quote in the last draft; `None` for the spread model.
    model: Option<ModelQuote>,
}

impl Maker {
    /// Both sides' quotes for this view. `quality` widens each side and comes from hit quality.
    pub fn quote(
        &mut self,
        params: &MakerParams,
        view: &View,
        quality: [Bps; 2],
        quantizer: &mut Quantizer,
    ) -> [SideQuote; 2] {
        // In place: a quote is more than a cache line, and each copy of it shows in the profile.
        let mut quotes = self.draft(params, view, quality);
        for quote in &mut quotes {
            if quote.silence.is_none() {
                let px = bounded(view, quote.side, self.wanted(params, view, quote));
                self.size_up(params, view, px, quote, quantizer);
            }
        }
        quotes
    }

    /// What both sides are before they have a price and a size: their guards' parts and factors, and
    /// which of them a filter silences.
    pub fn draft(
        &mut self,
        params: &MakerParams,
        view: &View,
        quality: [Bps; 2],
    ) -> [SideQuote; 2] {
        let reading = &view.reading;
        let vol = reading.volatility;
        self.regime.update(view.now, vol, reading.trend, view.inventory, &params.regime);
        self.pnl_guard.update(view.now, view.realized_window, &params.pnl_guard);
        let steps = self.healing.update(view.now, view.realized, &params.healing);
        let held = view.inventory.abs();
        let over = self.regime_override(params);

        let mut parts = [0i32; SPREAD_PARTS];
        self.model = None;
        let mut failed = false;
        match vol {
            Some(vol) if params.model.kind != ModelKind::Spread => {
                match self.pricer.quote(&params.model, params.size, vol, view.inventory) {
                    Ok(model) => {
                        parts[SpreadPart::Model as usize] = model.part().0 as i32;
                        self.model = Some(model);
                    }
                    Err(_) => failed = true,
                }
            }
            _ => parts[SpreadPart::Volatility as usize] = spread_by_volatility(params, vol) as i32,
        }
        parts[SpreadPart::Regime as usize] = over.spread.0 as i32;
        if self.pnl_guard.is_active() {
            parts[SpreadPart::PnlGuard as usize] = params.pnl_guard_spread.0 as i32;
        }
        parts[SpreadPart::Inventory as usize] = params.inventory_spread.at(held, 0) as i32;
        parts[SpreadPart::Healing as usize] = params.healing_step.0 as i32 * steps as i32;

        let mut factors = [1000u16; SIZE_FACTORS];
        factors[SizeFactor::Volatility as usize] = size_by_volatility(params, vol) as u16;
        factors[SizeFactor::Regime as usize] = over.size_permille as u16;
        if self.pnl_guard.is_active() {
            factors[SizeFactor::PnlGuard as usize] = params.pnl_guard_size_permille as u16;
        }
        factors[SizeFactor::Inventory as usize] = params.inventory_size.at(held, 1000) as u16;

        let draft = SideQuote {
            side: Side::Buy,
            px: Price::ZERO,
            qty: Qty::ZERO,
            levels: over.levels,
            silence: None,
            parts,
            factors,
            raised: false,
        };
        let mut quotes = [draft, draft];
        for (quote, side) in quotes.iter_mut().zip(Side::BOTH) {
            quote.side = side;
            quote.parts[SpreadPart::Quality as usize] = quality[side.index()].0 as i32;
            if failed {
                quote.silence = Some(Silence::Overflow);
            } else {
                self.filter_side(params, view, quote);
            }
        }
        quotes
    }

    /// Half the spread from the reservation price: a model's part as fine as it is, the others in
    /// 10^-4 bps.
    fn wanted(&self, params: &MakerParams, view: &View, quote: &SideQuote) -> Price {
        let Some(model) = self.model else {
            return away(quote.side, reservation(params, view), Bps(quote.spread().0 / 2));
        };
        let fine = model.shift - quote.side.sign() * (model.spread / 2);
        let rest = quote.spread().0 - i64::from(quote.parts[SpreadPart::Model as usize]);
        away(quote.side, ModelQuote::moved(view.top.mid(), fine), Bps(rest / 2))
    }

    fn runs_over(&self, side: Side) -> bool {
        match self.regime.trend {
            Trend::Down => side == Side::Buy,
            Trend::Up => side == Side::Sell,
            Trend::None => false,
        }
    }

    /// What silences this side, unless it reduces inventory.
    pub fn filter(&self, params: &MakerParams, side: Side) -> Option<Silence> {
        if self.regime.paused {
            Some(Silence::VolatilityPause)
        } else if self.runs_over(side) && params.trend_pauses {
            Some(Silence::TrendFilter)
        } else {
            None
        }
    }

    fn regime_override(&self, params: &MakerParams) -> RegimeOverride {
        match self.regime.mode {
            Mode::Aggressive => params.aggressive,
            Mode::Defensive => params.defensive,
        }
    }

    /// Silences the side, or adds the trend's part to it.
    fn filter_side(&self, params: &MakerParams, view: &View, quote: &mut SideQuote) {
        let side = quote.side;
        let held = view.inventory.abs();
        let adding = Side::of_sign(view.inventory) == Some(side);
        let reducing = quote.reduces(view);
        // Filters. The reducing side of an inventory survives all of them.
        let silence = if adding && held > params.asymmetric_above {
            Some(Silence::Asymmetric)
        } else if reducing {
            None
        } else {
            self.filter(params, side)
        };
        if silence.is_some() {
            quote.silence = silence;
            return;
        }
        // The trend's extra belongs to one side, so it counts twice in the full spread of that
        // side's explanation and once in its distance.
        let run_over = self.runs_over(side);
        if self.regime.trend != Trend::None && (!run_over || !params.trend_pauses) {
            quote.parts[SpreadPart::Trend as usize] = 2 * params.trend_extra.0 as i32;
        }
    }

    /// The size, in the room that the limits leave, and through the one door.
    fn size_up(
        &self,
        params: &MakerParams,
        view: &View,
        px: Price,
        quote: &mut SideQuote,
        quantizer: &mut Quantizer,
    ) {
        let (side, reducing) = (quote.side, quote.reduces(view));
        let held = view.inventory.abs();
        let wish = self.size(params, quote, held, reducing).min(view.order_max);
        let room = view.room[side.index()];
        let (wish, levels) = fit(wish, quote.levels.clamp(1, LEVELS_MAX), room);
        quote.levels = levels;
        let policy = size_policy(params);
        let mut order = quantizer.quantize(side, px, wish, PriceIntent::Passive, policy);
        if let (Quantized::BelowMinimum { floor, .. }, true) = (order, reducing)
            && floor <= held
        {
            // `skip_side` must not take the way out of an inventory that can be sold.
            let policy = SizePolicy::RaiseToMinimum;
            order = quantizer.quantize(side, px, wish, PriceIntent::Passive, policy);
        }
        match order {
            // Raising to the minimum stays within the guards, too.
            Quantized::Order { qty, .. } if qty > room || qty > view.order_max => {
                quote.silence = Some(Silence::Risk);
            }
            Quantized::Order { px, qty } => {
                quote.raised = qty > wish;
                quote.px = px;
                quote.qty = qty;
            }
            Quantized::Zero if wish.0 <= 0 => quote.silence = Some(Silence::Risk),
            Quantized::BelowMinimum { .. } | Quantized::Zero => {
                quote.silence = Some(Silence::BelowMinimum);
            }
            Quantized::OutOfGrid => quote.silence = Some(Silence::OutOfGrid),
            Quantized::Overflow => quote.silence = Some(Silence::Overflow),
        }
    }

    /// size x factors, within size_min..size_max; beyond the soft cap the reducing side offers the
    /// whole inventory.
    fn size(&self, params: &MakerParams, quote: &SideQuote, held: Qty, reducing: bool) -> Qty {
        let mut size = params.size;
        for factor in quote.factors {
            // Divided by a constant in an i64 where the product fits: 10^6 units times 65 does.
            size = match size.0.checked_mul(i64::from(factor)) {
                Some(product) => Qty(product / 1000),
                None => size.permille(i64::from(factor)),
            };
        }
        let size = size.max(params.size_min).min(params.size_max);
        if reducing && held > params.soft_cap { size.max(held) } else { size }
    }

    pub fn digest(&self, h: &mut StateHasher) {
        self.regime.digest(h);
        self.pnl_guard.digest(h);
        self.healing.digest(h);
        self.pricer.digest(h);
    }
}

/// As many levels of `wish` as `room` holds; where not even one fits, one of what is left.
#[inline]
fn fit(wish: Qty, levels: usize, room: Qty) -> (Qty, usize) {
    let whole = wish.0.saturating_mul(levels as i64);
    if whole <= room.0 || wish.0 <= 0 {
        return (wish, levels);
    }
    match (room.0 / wish.0).max(0) as usize {
        0 => (room, 1),
        some => (wish, some),
    }
}

fn size_policy(params: &MakerParams) -> SizePolicy {
    if params.raise_to_minimum { SizePolicy::RaiseToMinimum } else { SizePolicy::Down }
}

fn spread_by_volatility(params: &MakerParams, vol: Option<Bps>) -> i64 {
    let Some(vol) = vol else {
        return params.spread_base.0;
    };
    let (calm, wild) = (params.volatility_calm.0, params.volatility_wild.0);
    line(vol.0, calm, wild, params.spread_calm.0, params.spread_wild.0)
}

fn size_by_volatility(params: &MakerParams, vol: Option<Bps>) -> i64 {
    let Some(vol) = vol else {
        return 1000;
    };
    let (calm, wild) = (params.volatility_calm.0, params.volatility_wild.0);
    line(vol.0, calm, wild, params.size_calm_permille, params.size_wild_permille)
}

/// The price at a distance from the reservation price, on its side of it.
#[inline]
pub fn away(side: Side, reservation: Price, distance: Bps) -> Price {
    reservation.shift(Bps(-side.sign() * distance.0))
}

/// A side's wanted price, within what a resting order may be.
///
/// A post-only order may not touch the other side, and a quote without its edge against the
/// microprice would be pulled by the next book: both bound it. (Two raw units cover the rounding of
/// the two divisions.)
#[inline]
pub fn bounded(view: &View, side: Side, wanted: Price) -> Price {
    let edge = Bps(view.min_edge.0 + 2);
    match side {
        Side::Buy => {
            let fair = view.reading.microprice.shift(Bps(-edge.0));
            wanted.min(Price(view.top.ask.px.0 - 1)).min(fair)
        }
        Side::Sell => {
            let fair = view.reading.microprice.shift(edge);
            wanted.max(Price(view.top.bid.px.0 + 1)).max(fair)
        }
    }
}

/// The mid, leaning against the inventory: down when long, so that the ask is met first.
pub fn reservation(params: &MakerParams, view: &View) -> Price {
    let mid = view.top.mid();
    if params.skew_at_soft_cap.0 == 0 || params.soft_cap.0 == 0 {
        return mid;
    }
    let lean = line(
        view.inventory.0,
        -params.soft_cap.0,
        params.soft_cap.0,
        params.skew_at_soft_cap.0,
        -params.skew_at_soft_cap.0,
    );
    mid.shift(Bps(lean))
}

/// The orders that a side's quote asks for: its best level and those behind it.
pub fn targets(
    quote: &SideQuote,
    params: &MakerParams,
    quantizer: &mut Quantizer,
) -> [Option<Target>; LEVELS_MAX] {
    let mut out = [None; LEVELS_MAX];
    if quote.silence.is_some() {
        return out;
    }
    // The best level has been through the door already.
    let (px, qty) = (quote.px, quote.qty);
    out[0] = Some(Target { side: quote.side, px, qty, tif: Tif::Alo, reduce_only: false });
    if quote.levels <= 1 {
        return out;
    }
    let mut last = Some(quote.px);
    for (i, slot) in out.iter_mut().enumerate().take(quote.levels.clamp(1, LEVELS_MAX)).skip(1) {
        let away = Bps(params.level_step.0 * i as i64);
        let px = match quote.side {
            Side::Buy => quote.px.shift(Bps(-away.0)),
            Side::Sell => quote.px.shift(away),
        };
        // The floor rises as a bid's price falls, so each level passes the one door again.
        let policy = size_policy(params);
        let order = quantizer.quantize(quote.side, px, quote.qty, PriceIntent::Passive, policy);
        if let Quantized::Order { px, qty } = order {
            // On a coarse grid two levels can meet in one price: the venue would see a duplicate.
            if last == Some(px) {
                continue;
            }
            last = Some(px);
            *slot = Some(Target { side: quote.side, px, qty, tif: Tif::Alo, reduce_only: false });
        }
    }
    out
}

/// Time after which a quote must be looked at again even if nothing happens.
pub const REVIEW: Nanos = Nanos::from_millis(500);
