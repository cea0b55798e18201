//! Hot. The venue's levels of one side of one market, kept from its changes.
//!
//! The venue sends a book once and then what changed, so the codec must keep levels that the core
//! never sees. They lie in one array, worst first: near the best price, where nearly all changes
//! are, few levels move. Nothing is allocated after [`Ladder::new`].
//!
//! **Beyond the limit.** A side has at most [`LEVELS_MAX`] levels; of more the farthest are
//! dropped, and the price of the worst one kept becomes the *horizon*. Up to the horizon the ladder
//! is the venue's book, beyond it nothing is known: changes out there are not applied, because a
//! ladder with holes would show a far level as the next one. Removals in the near book then eat
//! into the known part, and when fewer than [`DEPTH`] levels are left of it the ladder is *thin*:
//! what the core wants to see is no longer known, and the venue must be asked for a new snapshot.

use crate::event::Level;
use crate::units::{Price, Qty, Side};

/// Levels kept a side. The largest side in recordings of October 2026 (BTC) has 1658.
pub const LEVELS_MAX: usize = 2048;
/// Levels a side that the core is told of.
pub const DEPTH: usize = 20;
/// Levels dropped at one time when a side is full: each drop moves the whole array, 32 kB.
const DROPPED_AT_ONCE: usize = LEVELS_MAX / 8;
/// Changes are looked for among so many levels at once from the best price, and by halves behind it.
const NEAR: usize = 16;

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The level that was set or removed, counted from the best one, which is 0.
    At(usize),
    /// A level was to be removed that is not there.
    Missing,
    /// Beyond the horizon: not applied.
    Beyond,
}

#[derive(Clone, Debug)]
pub struct Ladder {
    side: Side,
    /// Worst first.
    levels: Vec<Level>,
    /// The worst price up to which the levels are known, when some were dropped.
    horizon: Option<Price>,
}

impl Ladder {
    pub fn new(side: Side) -> Ladder {
        Ladder { side, levels: Vec::with_capacity(LEVELS_MAX), horizon: None }
    }

    /// Higher is nearer to the other side.
    #[inline(always)]
    fn rank(&self, px: Price) -> i64 {
        match self.side {
            Side::Buy => px.0,
            Side::Sell => -px.0,
        }
    }

    pub fn len(&self) -> usize {
        self.levels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// Whether fewer levels are known than the core is told of, though the venue has more.
    #[inline]
    pub fn is_thin(&self) -> bool {
        self.horizon.is_some() && self.levels.len() < DEPTH
    }

    /// The level `i` places behind the best one, or no level.
    #[inline(always)]
    pub fn level(&self, i: usize) -> Level {
        // i + 1 <= LEVELS_MAX or the level is not there.
        let at = self.levels.len().wrapping_sub(i + 1);
        self.levels.get(at).copied().unwrap_or_default()
    }

    /// The best `depth` levels, or all when there are fewer; the best one last.
    #[inline(always)]
    pub fn best(&self, depth: usize) -> &[Level] {
        &self.levels[self.levels.len().saturating_sub(depth)..]
    }

    pub fn clear(&mut self) {
        self.levels.clear();
        self.horizon = None;
    }

    /// Replaces everything by a snapshot, best first; levels without a size are none. `more` tells
    /// that the venue has levels behind the last one. `false`, and an empty ladder, when it is not
    /// sorted.
    pub fn load(&mut self, best_first: &[Level], more: bool) -> bool {
        self.clear();
        let kept = best_first.len().min(LEVELS_MAX);
        for level in best_first[..kept].iter().rev() {
            if self.levels.last().is_some_and(|worse| self.rank(worse.px) >= self.rank(level.px)) {
                self.clear();
                return false;
            }
            if level.qty.0 > 0 {
                self.levels.push(*level);
            }
        }
        if more || kept < best_first.len() {
            self.horizon = best_first[..kept].last().map(|level| level.px);
        }
        true
    }

    /// Sets the size at a price; none removes the level.
    #[inline]
    pub fn set(&mut self, px: Price, qty: Qty) -> Change {
        let rank = self.rank(px);
        let at = self.place(rank);
        let found = self.levels.get(at).is_some_and(|level| level.px == px);
        let from_best = self.levels.len() - at;
        if found {
            if qty.0 > 0 {
                self.levels[at].qty = qty;
            } else {
                self.levels.remove(at);
            }
            // `at` is below the length, so at least one level counts from the best.
            return Change::At(from_best - 1);
        }
        if self.horizon.is_some_and(|horizon| rank < self.rank(horizon)) {
            return Change::Beyond;
        }
        if qty.0 <= 0 {
            return Change::Missing;
        }
        let mut at = at;
        if self.levels.len() == LEVELS_MAX {
            self.levels.drain(..DROPPED_AT_ONCE);
            self.horizon = self.levels.first().map(|level| level.px);
            if at < DROPPED_AT_ONCE {
                return Change::Beyond;
            }
            at -= DROPPED_AT_ONCE;
            // Just worse than the new horizon: it would stand where nothing is known.
            if at == 0 {
                return Change::Beyond;
            }
        }
        self.levels.insert(at, Level { px, qty });
        Change::At(from_best)
    }

    /// The first place, from the worst level, whose level is not worse than `rank`.
    ///
    /// The near ones by halves, without a branch: where a change stands cannot be predicted. (Walking them
    /// and counting them were slower, and so was moving a fixed number of levels in [`Ladder::set`].)
    #[inline(always)]
    fn place(&self, rank: i64) -> usize {
        let len = self.levels.len();
        let Some(near) = self.levels.last_chunk::<NEAR>() else {
            return self.levels.partition_point(|level| self.rank(level.px) < rank);
        };
        let at = near.partition_point(|level| self.rank(level.px) < rank);
        if at > 0 {
            return len - NEAR + at;
        }
        self.levels[..len - NEAR].partition_point(|level| self.rank(level.px) < rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(px: i64, qty: i64) -> Level {
        Level { px: Price(px), qty: Qty(qty) }
    }

    fn top(ladder: &Ladder, n: usize) -> Vec<i64> {
        (0..n).map(|i| ladder.level(i).px.0).collect()
    }

    #[test]
    fn changes_near_and_far_keep_the_order() {
        let mut bids = Ladder::new(Side::Buy);
        assert!(bids.load(&[level(30, 1), level(20, 2), level(10, 3)], false));
        assert_eq!(bids.set(Price(25), Qty(4)), Change::At(1));
        assert_eq!(bids.set(Price(31), Qty(4)), Change::At(0));
        assert_eq!(bids.set(Price(5), Qty(4)), Change::At(5));
        assert_eq!(top(&bids, 7), [31, 30, 25, 20, 10, 5, 0]);
        assert_eq!(bids.set(Price(31), Qty(0)), Change::At(0));
        assert_eq!(bids.set(Price(31), Qty(0)), Change::Missing);
        assert_eq!(bids.set(Price(20), Qty(9)), Change::At(2));
        assert_eq!(bids.level(2), level(20, 9));
        let mut asks = Ladder::new(Side::Sell);
        assert!(asks.load(&[level(40, 1), level(41, 0), level(50, 2)], false));
        assert_eq!(asks.set(Price(45), Qty(1)), Change::At(1));
        assert_eq!(top(&asks, 4), [40, 45, 50, 0]);
    }

    #[test]
    fn an_unsorted_snapshot_is_refused() {
        for (levels, sorted) in [
            (vec![level(30, 1), level(20, 1)], true),
            (vec![level(20, 1), level(30, 1)], false),
            (vec![level(20, 1), level(20, 1)], false),
            (vec![], true),
        ] {
            let mut bids = Ladder::new(Side::Buy);
            assert_eq!(bids.load(&levels, false), sorted);
            assert_eq!(bids.is_empty(), !sorted || levels.is_empty());
        }
    }

    #[test]
    fn behind_the_horizon_nothing_is_known() {
        let mut asks = Ladder::new(Side::Sell);
        let all: Vec<Level> = (1..=LEVELS_MAX as i64).map(|px| level(2 * px, 1)).collect();
        assert!(asks.load(&all, true));
        let last = all[LEVELS_MAX - 1].px;
        // Removed and set again at the horizon itself, which is known.
        assert_eq!(asks.set(last, Qty(0)), Change::At(LEVELS_MAX - 1));
        assert_eq!(asks.set(Price(last.0 + 1), Qty(1)), Change::Beyond);
        assert_eq!(asks.set(last, Qty(1)), Change::At(LEVELS_MAX - 1));
        // Full: a new best level drops the farthest ones.
        assert_eq!(asks.set(Price(1), Qty(1)), Change::At(0));
        assert_eq!(asks.len(), LEVELS_MAX - DROPPED_AT_ONCE + 1);
        assert_eq!(asks.set(last, Qty(0)), Change::Beyond);
        assert_eq!(asks.set(last, Qty(5)), Change::Beyond);
        // The near book is eaten up to the last twenty.
        let left = asks.len();
        for i in 0..left - DEPTH {
            assert!(!asks.is_thin());
            let best = asks.level(0).px;
            assert_eq!(asks.set(best, Qty(0)), Change::At(0), "{i}");
        }
        assert!(!asks.is_thin());
        let best = asks.level(0).px;
        assert_eq!(asks.set(best, Qty(0)), Change::At(0));
        assert!(asks.is_thin());
    }

    #[test]
    fn a_far_level_does_not_enter_a_full_side() {
        let mut bids = Ladder::new(Side::Buy);
        let all: Vec<Level> = (0..LEVELS_MAX as i64).map(|i| level(10_000 - 2 * i, 1)).collect();
        assert!(bids.load(&all, false));
        assert_eq!(bids.set(Price(1), Qty(1)), Change::Beyond);
        assert_eq!(bids.len(), LEVELS_MAX - DROPPED_AT_ONCE);
        let horizon = bids.level(bids.len() - 1).px;
        assert_eq!(bids.set(Price(horizon.0 - 1), Qty(1)), Change::Beyond);
        assert_eq!(bids.set(Price(horizon.0 + 1), Qty(1)), Change::At(bids.len() - 2));
    }
}
