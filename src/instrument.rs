//! Hot. One market's rules, precomputed, and the quantizer: the one door to an order.
//!
//! Every price and size of every component passes [`Quantizer::quantize`]. Grids of both kinds,
//! fixed tick (Lighter, Nado) and significant figures (Hyperliquid), are one table of price bands
//! with a step each. The size floor, `max(min_size, ceil_to_lot(min_notional / price))`, is a step
//! function of the price, so it is kept with the band of prices in which it holds: in steady state
//! it costs two integer compares, and a division only when the price leaves the band.

use crate::units::{Bps, Notional, Price, Qty, RAW_MAX, Round, SCALE, Side, StateHasher};

/// Index of an instrument in the engine's table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstId(pub u16);

/// Which venue an instrument trades on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum VenueId {
    Hyperliquid = 0,
    Lighter = 1,
    Nado = 2,
}

impl VenueId {
    pub fn name(self) -> &'static str {
        match self {
            VenueId::Hyperliquid => "hyperliquid",
            VenueId::Lighter => "lighter",
            VenueId::Nado => "nado",
        }
    }
}

/// A market's name as the venue writes it (`SOL`, `xyz:TSLA`), at most 23 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Symbol {
    bytes: [u8; 23],
    len: u8,
}

impl Symbol {
    /// `None` when empty, longer than 23 bytes or not printable ASCII.
    pub fn new(text: &str) -> Option<Symbol> {
        let n = text.len();
        if n == 0 || n > 23 || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return None;
        }
        let mut bytes = [0; 23];
        bytes[..n].copy_from_slice(text.as_bytes());
        Some(Symbol { bytes, len: n as u8 })
    }

    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or("?")
    }
}

impl std::fmt::Debug for Symbol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a venue spaces its prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GridSpec {
    /// Multiples of one tick.
    Tick(Price),
    /// At most `figures` significant figures and at most `max_decimals` decimals; an integer is
    /// always allowed. Hyperliquid: 5 figures, 6 - szDecimals decimals for perps.
    SigFigs { figures: u32, max_decimals: u32 },
}

/// What the venue's metadata says about a market. Cold; [`Instrument`] is made from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstrumentSpec {
    pub venue: VenueId,
    pub symbol: Symbol,
    /// The venue's own number of the market.
    pub asset: u32,
    pub grid: GridSpec,
    /// Smallest size increment.
    pub lot: Qty,
    /// Smallest size of an order; zero when the venue states none.
    pub min_size: Qty,
    /// Smallest notional of an order; zero when the venue states none.
    pub min_notional: Notional,
    /// Fee on the notional of a fill that rested; negative is a rebate.
    pub maker_fee: Bps,
    /// Fee on the notional of a fill that crossed.
    pub taker_fee: Bps,
}

/// Why a spec is not a market that can be quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecError {
    LotNotPositive,
    TickNotPositive,
    NegativeMinimum,
    /// More decimals than the scale of 10^-8 holds, or no figure at all.
    GridOutOfScale,
    /// A tick, lot or minimum size beyond 10^10, or a minimum notional beyond 10^20.
    TooLarge,
    /// Parameters of a ladder or a pricing model for which its formula has no value.
    Model,
}

impl SpecError {
    pub fn name(self) -> &'static str {
        match self {
            SpecError::LotNotPositive => "lot must be positive",
            SpecError::TickNotPositive => "tick must be positive",
            SpecError::NegativeMinimum => "a minimum must not be negative",
            SpecError::GridOutOfScale => "price grid is finer than 10^-8 or has no figure",
            SpecError::TooLarge => "tick, lot or minimum is beyond the scale",
            SpecError::Model => "the model's formula has no value for its parameters",
        }
    }
}

/// Division of a non-negative `i64` by a constant known at run time, as one multiplication.
///
/// Granlund and Montgomery 1994 for 63-bit dividends: with s = ceil(log2 d) and
/// m = ceil(2^(63+s) / d), floor(n m / 2^(63+s)) = floor(n / d) for all 0 <= n < 2^63.
/// Since d > 2^(s-1), m is below 2^64: one 64 x 64-bit product and two shifts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divisor {
    divisor: i64,
    magic: u64,
    shift: u32,
}

impl Divisor {
    /// # Panics
    /// When `divisor` is not positive: the caller has checked its spec.
    pub fn new(divisor: i64) -> Divisor {
        assert!(divisor > 0, "a grid step is positive");
        let shift = 64 - (divisor as u64 - 1).leading_zeros(); // ceil(log2 d), 0 for 1
        let magic = (1u128 << (63 + shift)).div_ceil(divisor as u128) as u64;
        Divisor { divisor, magic, shift }
    }

    #[inline]
    pub fn get(&self) -> i64 {
        self.divisor
    }

    /// floor(n / d) for n >= 0.
    #[inline]
    pub fn div(&self, n: i64) -> i64 {
        debug_assert!(n >= 0);
        // n < 2^63 and magic < 2^64: without its last 63 bits the product is below 2^64.
        let product = u128::from(n as u64) * u128::from(self.magic);
        (((product >> 63) as u64) >> self.shift) as i64
    }

    /// The largest multiple not above n.
    #[inline]
    pub fn floor(&self, n: i64) -> i64 {
        self.div(n) * self.divisor
    }

    /// The smallest multiple not below n; the caller keeps n + d within an `i64`.
    #[inline]
    pub fn ceil(&self, n: i64) -> i64 {
        self.div(n + (self.divisor - 1)) * self.divisor
    }
}

/// A range of prices with one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct GridBand {
    /// First price of the band.
    lo: i64,
    /// First price after the band.
    hi: i64,
    step: Divisor,
}

/// 10^-8 .. 10^10 is eighteen decades; a significant-figure grid has one band for each.
const BANDS_MAX: usize = 20;

/// A market: the venue's rules with everything precomputed that an order needs.
#[derive(Clone, Debug)]
pub struct Instrument {
    pub id: InstId,
    pub spec: InstrumentSpec,
    bands: [GridBand; BANDS_MAX],
    band_count: usize,
    lot: Divisor,
    /// ceil_to_lot(min_size), at least one lot.
    min_size: i64,
}

/// What a price may do to reach the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceIntent {
    /// A resting order never becomes more aggressive: bids down, asks up.
    Passive,
    /// A crossing order rounds toward the cross (bids up, asks down) but never past `bound`.
    Cross { bound: Price },
}

/// What a size below the floor becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizePolicy {
    /// Rounded down to a lot; below the floor it is refused.
    Down,
    /// Any positive size below the floor becomes the floor.
    RaiseToMinimum,
}

/// The outcome of the one quantizer. No caller can take an order without looking at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Quantized {
    Order {
        px: Price,
        qty: Qty,
    },
    /// The venue would refuse it: `asked` as given, `floor` at the rounded price.
    BelowMinimum {
        asked: Qty,
        floor: Qty,
    },
    /// Not positive, or no whole lot.
    Zero,
    /// The price has no place on the grid: not positive, beyond 10^10, or below the first step.
    OutOfGrid,
    /// The size or the floor does not fit the scale.
    Overflow,
}

/// Why a size can't be sent exactly as it is: see [`Quantizer::exact`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// Not positive.
    Zero,
    /// No whole number of lots.
    OffLot,
    BelowMinimum,
    OutOfGrid,
    Overflow,
}

/// The price band in which a floor holds.
#[derive(Clone, Copy, Debug, Default)]
struct FloorBand {
    lo: i64,
    /// Last price at which it holds.
    hi: i64,
    floor: i64,
}

impl FloorBand {
    #[inline]
    fn holds(&self, px: i64) -> bool {
        self.lo <= px && px <= self.hi
    }
}

impl Instrument {
    pub fn new(id: InstId, spec: InstrumentSpec) -> Result<Instrument, SpecError> {
        if spec.lot.0 <= 0 {
            return Err(SpecError::LotNotPositive);
        }
        if spec.min_size.0 < 0 || spec.min_notional.0 < 0 {
            return Err(SpecError::NegativeMinimum);
        }
        // The largest notional is the product of the largest price and size.
        let notional_max = i128::from(RAW_MAX) * i128::from(RAW_MAX);
        if spec.lot.0.max(spec.min_size.0) > RAW_MAX || spec.min_notional.0 > notional_max {
            return Err(SpecError::TooLarge);
        }
        let empty = GridBand { lo: 0, hi: 0, step: Divisor::new(1) };
        let mut bands = [empty; BANDS_MAX];
        let band_count = fill_bands(spec.grid, &mut bands)?;
        let lot = Divisor::new(spec.lot.0);
        let min_size = lot.ceil(spec.min_size.0).max(spec.lot.0);
        Ok(Instrument { id, spec, bands, band_count, lot, min_size })
    }

    /// The step of the price grid at this price; `None` outside the grid.
    pub fn tick_at(&self, px: Price) -> Option<Price> {
        self.band(px.0).map(|b| Price(self.bands[b].step.get()))
    }

    #[inline]
    fn band(&self, px: i64) -> Option<usize> {
        self.bands[..self.band_count].iter().position(|b| b.lo <= px && px < b.hi)
    }

    /// The price on the grid at or next to `px`; `None` outside the grid.
    pub fn round_price(&self, px: Price, round: Round) -> Option<Price> {
        let band = &self.bands[self.band(px.0)?];
        round_in_band(band, px.0, round).map(Price)
    }

    pub fn is_on_grid(&self, px: Price) -> bool {
        self.round_price(px, Round::Down) == Some(px)
    }

    /// Rounds a non-negative size to whole lots.
    #[inline]
    pub fn round_qty(&self, qty: Qty, round: Round) -> Qty {
        match round {
            Round::Down => Qty(self.lot.floor(qty.0)),
            Round::Up => Qty(self.lot.ceil(qty.0)),
        }
    }

    pub fn is_whole_lots(&self, qty: Qty) -> bool {
        self.lot.floor(qty.0.abs()) == qty.0.abs()
    }

    /// The smallest size the venue takes at this price (> 0): ceil, never round, because at 143
    /// with lot 0.001 and a minimum of 10.5 the size 0.073 is 10.439 and would be refused.
    /// `None` when it does not fit the scale.
    pub fn min_qty(&self, px: Price) -> Option<Qty> {
        self.floor_band(px.0).map(|f| Qty(f.floor))
    }

    fn floor_band(&self, px: i64) -> Option<FloorBand> {
        if px <= 0 {
            return None;
        }
        let lot = i128::from(self.lot.get());
        let notional = self.spec.min_notional.0;
        let lots = ceil_div(notional, i128::from(px) * lot);
        let by_size = i128::from(self.min_size) / lot;
        let need = lots.max(by_size);
        let floor = i64::try_from(need * lot).ok().filter(|f| *f <= RAW_MAX)?;
        // It holds from the lowest price at which `need` lots still reach the notional ...
        let lo = ceil_div(notional, need * lot);
        // ... up to the last one at which one lot less does not, unless min_size binds.
        let hi = if need == by_size {
            i128::from(RAW_MAX)
        } else {
            ceil_div(notional, (need - 1) * lot) - 1
        };
        Some(FloorBand { lo: lo.max(1) as i64, hi: hi.min(i128::from(RAW_MAX)) as i64, floor })
    }
}

/// ceil(n / d) for n >= 0, d > 0.
fn ceil_div(n: i128, d: i128) -> i128 {
    (n as u128).div_ceil(d as u128) as i128
}

#[inline]
fn round_in_band(band: &GridBand, px: i64, round: Round) -> Option<i64> {
    let rounded = match round {
        Round::Down => band.step.floor(px),
        // The end of a band is a multiple of this step and of the next one: still on the grid.
        Round::Up => band.step.ceil(px),
    };
    // Up from the last step of the grid would leave the scale.
    (0 < rounded && rounded <= RAW_MAX).then_some(rounded)
}

fn fill_bands(grid: GridSpec, out: &mut [GridBand; BANDS_MAX]) -> Result<usize, SpecError> {
    let end = RAW_MAX + 1;
    match grid {
        GridSpec::Tick(tick) => {
            if tick.0 <= 0 {
                return Err(SpecError::TickNotPositive);
            }
            if tick.0 > RAW_MAX {
                return Err(SpecError::TooLarge);
            }
            out[0] = GridBand { lo: 1, hi: end, step: Divisor::new(tick.0) };
            Ok(1)
        }
        GridSpec::SigFigs { figures, max_decimals } => {
            if figures == 0 || figures > 18 || max_decimals > crate::units::SCALE_DECIMALS {
                return Err(SpecError::GridOutOfScale);
            }
            let finest = SCALE / 10i64.pow(max_decimals);
            let mut count = 0;
            // Decade of raw prices 10^k <= p < 10^(k+1): `figures` figures mean a step of
            // 10^(k+1-figures), not finer than the decimals allow, not coarser than an integer.
            for k in 0..=18u32 {
                let lo = 10i64.pow(k);
                let hi = if k == 18 { end } else { 10i64.pow(k + 1) };
                let by_figures = if k + 1 > figures { 10i64.pow(k + 1 - figures) } else { 1 };
                let step = by_figures.max(finest).min(SCALE);
                if count > 0 && out[count - 1].step.get() == step {
                    out[count - 1].hi = hi;
                } else {
                    out[count] = GridBand { lo, hi, step: Divisor::new(step) };
                    count += 1;
                }
            }
            Ok(count)
        }
    }
}

/// The one door to an order: an instrument's rules with the bands that the last prices were in.
#[derive(Clone, Debug)]
pub struct Quantizer {
    inst: Instrument,
    band: usize,
    /// The floors of the last two bands, the newest first: a bid and an ask on both sides of an
    /// edge would otherwise compute both anew with every quote.
    floors: [FloorBand; 2],
}

impl Quantizer {
    pub fn new(inst: Instrument) -> Quantizer {
        Quantizer { inst, band: 0, floors: [FloorBand { lo: 1, hi: 0, floor: 0 }; 2] }
    }

    pub fn instrument(&self) -> &Instrument {
        &self.inst
    }

    /// The smallest executable size at this price, from the cached band where it holds.
    #[inline]
    pub fn floor(&mut self, px: Price) -> Option<Qty> {
        if self.floors[0].holds(px.0) {
            return Some(Qty(self.floors[0].floor));
        }
        if self.floors[1].holds(px.0) {
            return Some(Qty(self.floors[1].floor));
        }
        self.refloor(px.0)
    }

    #[cold]
    #[inline(never)]
    fn refloor(&mut self, px: i64) -> Option<Qty> {
        self.floors = [self.inst.floor_band(px)?, self.floors[0]];
        Some(Qty(self.floors[0].floor))
    }

    #[inline]
    fn band_of(&mut self, px: i64) -> Option<&GridBand> {
        let cached = &self.inst.bands[self.band];
        if !(cached.lo <= px && px < cached.hi) {
            self.band = self.inst.band(px)?;
        }
        Some(&self.inst.bands[self.band])
    }

    /// As [`Instrument::is_on_grid`], from the cached band where the price lies in it.
    #[inline]
    pub fn is_on_grid(&mut self, px: Price) -> bool {
        let band = self.band_of(px.0);
        band.is_some_and(|band| round_in_band(band, px.0, Round::Down) == Some(px.0))
    }

    /// The price on the grid for this side and intent; `None` outside the grid.
    #[inline]
    pub fn price(&mut self, side: Side, px: Price, intent: PriceIntent) -> Option<Price> {
        let band = self.band_of(px.0)?;
        match intent {
            PriceIntent::Passive => {
                let round = if side == Side::Buy { Round::Down } else { Round::Up };
                round_in_band(band, px.0, round).map(Price)
            }
            PriceIntent::Cross { bound } => {
                let (toward, back) = if side == Side::Buy {
                    (Round::Up, Round::Down)
                } else {
                    (Round::Down, Round::Up)
                };
                let within = |p: &i64| match side {
                    Side::Buy => *p <= bound.0,
                    Side::Sell => *p >= bound.0,
                };
                round_in_band(band, px.0, toward)
                    .filter(within)
                    .or_else(|| round_in_band(band, px.0, back).filter(within))
                    .map(Price)
            }
        }
    }

    /// Makes a wish into an order that the venue takes, or says by name why there is none.
    ///
    /// The floor is taken at the rounded price, because that is the price the venue sees.
    #[inline]
    pub fn quantize(
        &mut self,
        side: Side,
        px: Price,
        qty: Qty,
        intent: PriceIntent,
        policy: SizePolicy,
    ) -> Quantized {
        if qty.0 <= 0 {
            return Quantized::Zero;
        }
        if px.0 <= 0 || px.0 > RAW_MAX {
            return Quantized::OutOfGrid;
        }
        if qty.0 > RAW_MAX {
            return Quantized::Overflow;
        }
        let Some(px) = self.price(side, px, intent) else {
            return Quantized::OutOfGrid;
        };
        let Some(floor) = self.floor(px) else {
            return Quantized::Overflow;
        };
        let lots = self.inst.round_qty(qty, Round::Down);
        if lots >= floor {
            return Quantized::Order { px, qty: lots };
        }
        match policy {
            SizePolicy::RaiseToMinimum => Quantized::Order { px, qty: floor },
            SizePolicy::Down if lots.0 == 0 => Quantized::Zero,
            SizePolicy::Down => Quantized::BelowMinimum { asked: qty, floor },
        }
    }

    /// The price at which exactly `qty` can be sent. It only checks: there is no size in its answer
    /// that could differ from the one that was asked for.
    pub fn exact(
        &mut self,
        side: Side,
        px: Price,
        qty: Qty,
        intent: PriceIntent,
    ) -> Result<Price, Misfit> {
        if qty.0 > 0 && !self.inst.is_whole_lots(qty) {
            return Err(Misfit::OffLot);
        }
        match self.quantize(side, px, qty, intent, SizePolicy::Down) {
            // Whole lots are not rounded, and `Down` raises nothing.
            Quantized::Order { px, qty: same } if same == qty => Ok(px),
            Quantized::Order { .. } => Err(Misfit::OffLot),
            Quantized::BelowMinimum { .. } => Err(Misfit::BelowMinimum),
            Quantized::Zero => Err(Misfit::Zero),
            Quantized::OutOfGrid => Err(Misfit::OutOfGrid),
            Quantized::Overflow => Err(Misfit::Overflow),
        }
    }

    pub fn digest(&self, h: &mut StateHasher) {
        h.word(u64::from(self.inst.id.0));
        h.signed(self.inst.lot.get());
        h.signed(self.inst.min_size);
        h.wide(self.inst.spec.min_notional.0);
    }
}
