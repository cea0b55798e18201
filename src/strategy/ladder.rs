//! Hot. The ladder: one side's capacity spread over its levels.
//!
//! [`allocate`] gives each level its share of the capacity by integer weights, drops what the venue
//! would refuse, and where nothing (or not everything) is left, falls back by policy. Fixed arrays,
//! no allocation, one 128-bit division per level.
//!
//! Rounding. Shares are cut to whole lots once, so their sum never passes the capacity; the rest of
//! at most one lot per level stays unused rather than make a level larger than its share. A floor
//! is whole lots, so cutting first decides `share < floor` as the exact share would. The share of a
//! dropped level is not handed to the others. After the last rounding each size is compared with
//! its floor once more, and the sum with the capacity.

use crate::instrument::Instrument;
use crate::units::{Bps, Price, Qty, RAW_MAX, Round, SCALE};

/// Most levels of one side.
pub const LEVELS_MAX: usize = 16;

/// One level that may be quoted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LadderLevel {
    /// On the grid: a later rounding of the price would move the floor.
    pub px: Price,
    /// Relative worth, any unit ([`marginal_value`], [`kelly_weight`]); zero is never quoted.
    pub weight: u64,
    /// The venue's smallest size at `px` ([`Instrument::min_qty`]), nothing stricter.
    pub floor: Qty,
}

/// What is done where shares fall below their floors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortfall {
    /// Levels below their floor are dropped; if that is all of them, the whole capacity goes to the
    /// level of the highest weight that can take it.
    Concentrate,
    /// If a level falls below its floor: as many of the best levels as the capacity has floors for
    /// get their floor, and the rest is shared among them by weight.
    WaterFill,
}

/// How the sizes came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Allocated {
    /// By weight; some levels may have been dropped.
    ByWeight,
    Concentrated,
    WaterFilled,
    /// Nothing: the capacity is below the smallest floor of the levels that have a weight.
    BelowFloor,
    /// Nothing: no level has a weight.
    NoEdge,
}

impl Allocated {
    pub const ALL: [Allocated; 5] = [
        Allocated::ByWeight,
        Allocated::Concentrated,
        Allocated::WaterFilled,
        Allocated::BelowFloor,
        Allocated::NoEdge,
    ];

    /// Stable snake_case name for counters and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Allocated::ByWeight => "by_weight",
            Allocated::Concentrated => "concentrated",
            Allocated::WaterFilled => "water_filled",
            Allocated::BelowFloor => "below_floor",
            Allocated::NoEdge => "no_edge",
        }
    }
}

/// The sizes of a ladder: `sizes[i]` belongs to level i, zero where it is not quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Ladder {
    pub sizes: [Qty; LEVELS_MAX],
    pub how: Allocated,
    /// The smallest floor of the levels that have a weight; what `BelowFloor` is compared with.
    pub floor: Qty,
}

impl Ladder {
    /// Levels that are quoted.
    pub fn count(&self) -> usize {
        self.sizes.iter().filter(|q| q.0 > 0).count()
    }

    /// What is allotted in all.
    pub fn total(&self) -> Qty {
        Qty(self.sizes.iter().map(|q| q.0).sum())
    }
}

/// The marginal value of a level: fill intensity x (distance - adverse selection - fees), zero
/// where that is negative. `intensity` in any unit that all levels share; saturates at 2^64.
pub fn marginal_value(intensity: u32, distance: Bps, adverse: Bps, fees: Bps) -> u64 {
    let edge = i128::from(distance.0) - i128::from(adverse.0) - i128::from(fees.0);
    let value = (edge.max(0) as u128) * u128::from(intensity);
    value.min(u128::from(u64::MAX)) as u64
}

/// The Kelly weight of a level: `fraction` x edge / variance, the fraction of the capacity at which
/// the expected logarithm of wealth grows fastest (mu / sigma^2), in 10^-8.
///
/// `edge`: the expected return of a fill. `variance`: of the return over the holding time, as a
/// ratio in 10^-8 (1 % of standard deviation is 10^-4, raw 10 000). Zero for no edge; a variance
/// that is not positive says nothing, and gives zero too.
pub fn kelly_weight(edge: Bps, variance: i64, fraction_permille: u32) -> u64 {
    if edge.0 <= 0 || variance <= 0 {
        return 0;
    }
    let scaled = edge.0 as u128 * SCALE as u128 * u128::from(fraction_permille);
    (scaled / (variance as u128 * 1000)).min(u128::from(u64::MAX)) as u64
}

/// The part of the capacity that Kelly weights ask for: all of it when they sum to one or more,
/// else their sum. The sizes are then shares of this by weight, so the fraction acts where risk is
/// high against edge, and the capacity where it is low.
pub fn kelly_capacity(capacity: Qty, weights: impl IntoIterator<Item = u64>) -> Qty {
    let sum: u128 = weights.into_iter().map(u128::from).sum();
    let part = sum.min(SCALE as u128);
    // capacity <= i64::MAX and part <= 10^8: below 2^90.
    Qty((capacity.0.max(0) as u128 * part / SCALE as u128) as i64)
}

/// Spreads `capacity` (base units, at most 10^10) over at most [`LEVELS_MAX`] levels. Each size in
/// the answer is whole lots and at or above its level's floor; their sum is at most the capacity.
///
/// Among equal weights the earlier level is the better one: give them from the touch outward.
///
/// # Panics
/// With more than [`LEVELS_MAX`] levels: the config is checked against it.
pub fn allocate(
    capacity: Qty,
    levels: &[LadderLevel],
    shortfall: Shortfall,
    inst: &Instrument,
) -> Ladder {
    assert!(levels.len() <= LEVELS_MAX, "the number of levels is checked where it is configured");
    let capacity = inst.round_qty(Qty(capacity.0.clamp(0, RAW_MAX)), Round::Down);
    let order = Order::by_weight(levels);
    let best = order.iter(levels);
    let Some(floor) = best.clone().map(|(_, level)| level.floor).min() else {
        return Ladder { sizes: [Qty::ZERO; LEVELS_MAX], how: Allocated::NoEdge, floor: Qty::ZERO };
    };
    let mut ladder = Ladder { sizes: [Qty::ZERO; LEVELS_MAX], how: Allocated::BelowFloor, floor };
    if capacity < floor {
        return ladder;
    }
    ladder.how = Allocated::ByWeight;
    let dropped = share(capacity, best.clone(), inst, &mut ladder.sizes);
    match shortfall {
        Shortfall::Concentrate if ladder.count() == 0 => {
            ladder.how = Allocated::Concentrated;
            // One exists: the smallest floor is within the capacity.
            if let Some((i, _)) = best.clone().find(|(_, level)| level.floor <= capacity) {
                ladder.sizes[i] = capacity;
            }
        }
        Shortfall::WaterFill if dropped > 0 => {
            ladder.how = Allocated::WaterFilled;
            ladder.sizes = water_fill(capacity, best, inst);
        }
        _ => {}
    }
    check(&ladder, levels, capacity, inst);
    ladder
}

/// Each level's share in whole lots, zero where it is below the floor; how many were.
fn share<'a>(
    capacity: Qty,
    levels: impl Iterator<Item = (usize, &'a LadderLevel)> + Clone,
    inst: &Instrument,
    sizes: &mut [Qty; LEVELS_MAX],
) -> usize {
    let sum: u128 = levels.clone().map(|(_, level)| u128::from(level.weight)).sum();
    let mut dropped = 0;
    for (i, level) in levels {
        let size = portion(capacity, level.weight, sum, inst);
        if size >= level.floor {
            sizes[i] = size;
        } else {
            dropped += 1;
        }
    }
    dropped
}

/// L(capacity x weight / sum). The product is below 2^60 x 2^64.
#[inline]
fn portion(capacity: Qty, weight: u64, sum: u128, inst: &Instrument) -> Qty {
    let exact = capacity.0 as u128 * u128::from(weight) / sum;
    inst.round_qty(Qty(exact as i64), Round::Down)
}

/// The best levels whose floors fit the capacity together get them; the rest is shared by weight.
/// With one floor for all these are min(levels, capacity / floor) levels.
fn water_fill<'a>(
    capacity: Qty,
    best: impl Iterator<Item = (usize, &'a LadderLevel)> + Clone,
    inst: &Instrument,
) -> [Qty; LEVELS_MAX] {
    let mut sizes = [Qty::ZERO; LEVELS_MAX];
    let mut rest = capacity;
    let mut sum = 0;
    for (i, level) in best.clone() {
        // A level whose floor does not fit is passed over: the next one may have a smaller floor.
        if level.floor <= rest {
            sizes[i] = level.floor;
            rest = Qty(rest.0 - level.floor.0);
            sum += u128::from(level.weight);
        }
    }
    for (i, level) in best {
        if sizes[i].0 > 0 {
            sizes[i] = Qty(sizes[i].0 + portion(rest, level.weight, sum, inst).0);
        }
    }
    sizes
}

/// After the last rounding: what leaves is executable and within the capacity.
fn check(ladder: &Ladder, levels: &[LadderLevel], capacity: Qty, inst: &Instrument) {
    for (level, size) in levels.iter().zip(ladder.sizes) {
        let executable = size >= level.floor && inst.is_whole_lots(size);
        assert!(size.0 == 0 || executable, "a ladder size below its floor or of broken lots");
    }
    assert!(ladder.total() <= capacity, "a ladder above its capacity");
}

/// The indices of the levels that have a weight, best first.
#[derive(Clone, Copy, Debug)]
struct Order {
    index: [u8; LEVELS_MAX],
    len: usize,
}

impl Order {
    /// Insertion sort: at most 16, nearly sorted as they come, and stable.
    fn by_weight(levels: &[LadderLevel]) -> Order {
        let mut order = Order { index: [0; LEVELS_MAX], len: 0 };
        for (i, level) in levels.iter().enumerate() {
            if level.weight == 0 {
                continue;
            }
            let mut at = order.len;
            while at > 0 && levels[usize::from(order.index[at - 1])].weight < level.weight {
                order.index[at] = order.index[at - 1];
                at -= 1;
            }
            order.index[at] = i as u8;
            order.len += 1;
        }
        order
    }

    fn iter<'a>(
        &'a self,
        levels: &'a [LadderLevel],
    ) -> impl Iterator<Item = (usize, &'a LadderLevel)> + Clone {
        self.index[..self.len].iter().map(|&i| (usize::from(i), &levels[usize::from(i)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instrument::{GridSpec, InstId, InstrumentSpec, Symbol, VenueId};
    use crate::units::Notional;

    fn btc() -> Instrument {
        let spec = InstrumentSpec {
            venue: VenueId::Hyperliquid,
            symbol: Symbol::new("BTC").expect("short"),
            asset: 0,
            grid: GridSpec::Tick(Price(SCALE)),
            lot: Qty(1000),
            min_size: Qty(0),
            min_notional: Notional::from_raw(10 * SCALE),
            maker_fee: Bps::ZERO,
            taker_fee: Bps::ZERO,
        };
        Instrument::new(InstId(0), spec).expect("a valid spec")
    }

    fn levels(weights: &[u64]) -> Vec<LadderLevel> {
        let px = Price(90_000 * SCALE);
        let floor = btc().min_qty(px).expect("in range");
        assert_eq!(floor, Qty(12_000));
        weights.iter().map(|&weight| LadderLevel { px, weight, floor }).collect()
    }

    fn sizes(capacity: i64, weights: &[u64], shortfall: Shortfall) -> (Vec<i64>, Allocated) {
        let ladder = allocate(Qty(capacity), &levels(weights), shortfall, &btc());
        (ladder.sizes[..weights.len()].iter().map(|q| q.0).collect(), ladder.how)
    }

    #[test]
    fn shares_follow_the_weights() {
        let (got, how) = sizes(100_500, &[1, 3, 6], Shortfall::Concentrate);
        // The first share, 10 050, is below 12 000 and is not handed on.
        assert_eq!((got, how), (vec![0, 30_000, 60_000], Allocated::ByWeight));
        let (got, how) = sizes(100_500, &[1, 3, 6], Shortfall::WaterFill);
        // 36 000 are floors; 64 500 are shared 6 450, 19 350, 38 700.
        assert_eq!((got, how), (vec![18_000, 31_000, 50_000], Allocated::WaterFilled));
    }

    #[test]
    fn fallbacks_go_to_the_best_level() {
        // Shares of 5 800, 11 600, 11 600: all dropped; of two equals the earlier one.
        let (got, how) = sizes(29_999, &[1, 2, 2], Shortfall::Concentrate);
        assert_eq!((got, how), (vec![0, 29_000, 0], Allocated::Concentrated));
        let (got, how) = sizes(25_000, &[1, 2, 2], Shortfall::WaterFill);
        assert_eq!((got, how), (vec![0, 12_000, 12_000], Allocated::WaterFilled));
        assert_eq!(
            sizes(11_999, &[1, 2], Shortfall::WaterFill),
            (vec![0, 0], Allocated::BelowFloor)
        );
        assert_eq!(sizes(90_000, &[0, 0], Shortfall::Concentrate).1, Allocated::NoEdge);
        assert_eq!(sizes(90_000, &[], Shortfall::Concentrate).1, Allocated::NoEdge);
        assert_eq!(sizes(-5, &[1], Shortfall::Concentrate).1, Allocated::BelowFloor);
    }

    #[test]
    fn weights_do_not_wrap() {
        let (got, _) = sizes(RAW_MAX, &[u64::MAX; 4], Shortfall::Concentrate);
        assert_eq!(got, vec![RAW_MAX / 4; 4]);
        assert_eq!(marginal_value(u32::MAX, Bps(i64::MAX), Bps(i64::MIN), Bps::ZERO), u64::MAX);
        assert_eq!(marginal_value(7, Bps::whole(3), Bps::whole(2), Bps::whole(2)), 0);
        assert_eq!(marginal_value(7, Bps::whole(5), Bps::whole(2), Bps::whole(1)), 140_000);
    }

    #[test]
    fn kelly_is_edge_over_variance() {
        // 2 bps of edge, 1 % of deviation: 0.0002 / 0.0001 = 2; a quarter of it is 0.5.
        assert_eq!(kelly_weight(Bps::whole(2), 10_000, 250), 50_000_000);
        assert_eq!(kelly_weight(Bps(-1), 10_000, 250), 0);
        assert_eq!(kelly_weight(Bps::whole(2), 0, 250), 0);
        assert_eq!(kelly_capacity(Qty(1000), [50_000_000]), Qty(500));
        assert_eq!(kelly_capacity(Qty(1000), [50_000_000, 90_000_000]), Qty(1000));
        assert_eq!(kelly_capacity(Qty(i64::MAX), [u64::MAX; 16]), Qty(i64::MAX));
    }
}
