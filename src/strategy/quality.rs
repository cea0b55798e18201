//! Hot. Hit quality: are our quotes hit by chance, or because they are wrong?
//!
//! A quote that trades within a blink of its acknowledgement was there to be picked off, and a mid
//! that runs against us after a fill says what the fill was worth: in published real-money runs of
//! a maker on these venues the loss was the markout (-7.8 bps at 30 s against +2.8 captured).
//! So three things are watched over the last [`SAMPLES`] of each, none older than `memory`:
//! - the share of resting orders that traded within `quick` of their acknowledgement;
//! - the mid's move against us 1, 5 and 30 s after each fill, from the fill's price (what it earned)
//!   and from the mid at the fill (what the market knew) apart: mean, and the share of a bad tail;
//! - the age of the quote when it was hit.
//!
//! Bad quality, or being alone at the top of the book, widens at once, and only the side that adds
//! to the inventory: the side that reduces it is favoured. Everything is in fixed rings with running
//! sums: a fill costs a few stores, a decision with nothing due costs three compares.

use crate::units::{Bps, Nanos, Price, Side, StateHasher};

/// Samples that each figure is made of.
pub const SAMPLES: usize = 64;
/// Fills that wait for their markouts: more than four a second for 30 s.
const PENDING: usize = 128;
/// When the mid is looked at after a fill.
pub const HORIZONS: [Nanos; 3] = [Nanos::from_secs(1), Nanos::from_secs(5), Nanos::from_secs(30)];
/// The horizon that is judged.
const JUDGED: usize = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QualityParams {
    /// A trade so soon after the acknowledgement is a quick hit.
    pub quick: Nanos,
    /// A larger share of quick hits is bad, permille.
    pub quick_share_permille: i64,
    /// A mean 5 s markout from the fill's price worse than this loss (positive) is bad.
    pub markout: Bps,
    /// One 5 s markout worse than this loss (positive) belongs to the tail.
    pub tail: Bps,
    /// A larger share of the tail is bad, permille.
    pub tail_share_permille: i64,
    /// Fewer samples say nothing; 1 ..= [`SAMPLES`].
    pub samples: usize,
    /// Older samples are forgotten, so that bad quality ends even when nothing trades any more.
    pub memory: Nanos,
    /// Added to the full spread while quality is bad. Zero: off.
    pub widen: Bps,
    /// Added to the full spread while we are alone at the top of our side. Zero: off.
    pub alone: Bps,
    /// How long being alone counts after it was seen: without it the quote would step back, be in
    /// company, step forward and be alone again.
    pub alone_hold: Nanos,
}

impl QualityParams {
    /// What a market gets that states nothing else.
    pub const DEFAULT: QualityParams = QualityParams {
        quick: Nanos::from_millis(250),
        quick_share_permille: 500,
        markout: Bps::whole(3),
        tail: Bps::whole(10),
        tail_share_permille: 250,
        samples: 8,
        memory: Nanos::from_secs(600),
        widen: Bps::whole(4),
        alone: Bps::whole(2),
        alone_hold: Nanos::from_secs(2),
    };
    /// Watches and never widens.
    pub const OFF: QualityParams =
        QualityParams { widen: Bps::ZERO, alone: Bps::ZERO, ..QualityParams::DEFAULT };
}

/// The last values of one figure with their running sum. `marked` counts those that are quick or
/// in the tail.
///
/// The rows lie apart: a decision reads the sums only, and with a hundred markets what a decision
/// reads has to fit the cache.
#[derive(Clone, Debug)]
struct Ring {
    rows: Box<[(Nanos, i64, bool)]>,
    first: usize,
    count: usize,
    sum: i64,
    marked: usize,
}

impl Ring {
    fn new() -> Ring {
        let rows = vec![(Nanos::ZERO, 0, false); SAMPLES].into_boxed_slice();
        Ring { rows, first: 0, count: 0, sum: 0, marked: 0 }
    }

    fn push(&mut self, now: Nanos, value: i64, mark: bool) {
        if self.count == SAMPLES {
            self.pop();
        }
        self.rows[(self.first + self.count) % SAMPLES] = (now, value, mark);
        self.count += 1;
        self.sum += value;
        self.marked += usize::from(mark);
    }

    fn pop(&mut self) {
        let (_, value, mark) = self.rows[self.first];
        self.first = (self.first + 1) % SAMPLES;
        self.count -= 1;
        self.sum -= value;
        self.marked -= usize::from(mark);
    }

    #[inline]
    fn expire(&mut self, now: Nanos, memory: Nanos) {
        while self.count > 0 && now.since(self.rows[self.first].0) > memory {
            self.pop();
        }
    }

    fn mean(&self) -> i64 {
        self.sum / self.count.max(1) as i64
    }

    fn share_permille(&self) -> i64 {
        (self.marked * 1000 / self.count.max(1)) as i64
    }
}

/// A fill that waits for its markouts.
#[derive(Clone, Copy, Debug)]
struct Hit {
    at: Nanos,
    side: Side,
    px: Price,
    mid2: i64,
    age: Nanos,
}

/// One markout, as it is journaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Markout {
    pub side: Side,
    pub horizon: usize,
    pub from_fill: Bps,
    pub from_mid: Bps,
    pub age: Nanos,
}

/// What is wrong with our hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Too many orders are hit at once.
    QuickHits,
    /// The mean fill loses.
    Markout,
    /// Too many fills lose much.
    Tail,
}

/// The figures, for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QualityReport {
    /// Resting orders that were judged, and the share that traded at once.
    pub orders: usize,
    pub quick_share_permille: i64,
    /// By horizon: samples, mean from the fill's price, mean from the mid, share of the tail.
    pub markouts: [(usize, Bps, Bps, i64); HORIZONS.len()],
    /// Mean age of a quote when it was hit.
    pub age: Nanos,
    /// Markouts that could not be taken: no valid book when they were due, or too many at once.
    pub missed: u64,
}

#[derive(Clone, Debug)]
pub struct Quality {
    orders: Ring,
    ages: Ring,
    from_fill: [Ring; HORIZONS.len()],
    from_mid: [Ring; HORIZONS.len()],
    pending: Box<[Hit]>,
    /// Fills so far, and how many of them have had their markout, by horizon.
    hits: u64,
    done: [u64; HORIZONS.len()],
    missed: u64,
    alone_until: [Nanos; 2],
}

impl Default for Quality {
    fn default() -> Self {
        let none =
            Hit { at: Nanos::ZERO, side: Side::Buy, px: Price::ZERO, mid2: 0, age: Nanos::ZERO };
        Quality {
            orders: Ring::new(),
            ages: Ring::new(),
            from_fill: std::array::from_fn(|_| Ring::new()),
            from_mid: std::array::from_fn(|_| Ring::new()),
            pending: vec![none; PENDING].into_boxed_slice(),
            hits: 0,
            done: [0; HORIZONS.len()],
            missed: 0,
            alone_until: [Nanos::ZERO; 2],
        }
    }
}

impl Quality {
    /// One of the maker's orders traded. `acked` is when it was acknowledged, zero before that;
    /// `first`: nothing of it had traded; `mid2`: twice the mid at the fill, zero without a book.
    #[expect(clippy::too_many_arguments, reason = "the fields of one fill")]
    pub fn hit(
        &mut self,
        params: &QualityParams,
        now: Nanos,
        side: Side,
        px: Price,
        mid2: i64,
        acked: Nanos,
        first: bool,
    ) {
        // A fill that outran its acknowledgement is as quick as can be.
        let age = if acked == Nanos::ZERO { Nanos::ZERO } else { now.since(acked) };
        if first {
            self.orders.push(now, 1, age <= params.quick);
            self.ages.push(now, age.0.min(1 << 50) as i64, false);
        }
        if mid2 <= 0 || px.0 <= 0 {
            self.missed += HORIZONS.len() as u64;
            return;
        }
        for done in &mut self.done {
            if self.hits - *done == PENDING as u64 {
                *done += 1;
                self.missed += 1;
            }
        }
        self.pending[self.hits as usize % PENDING] = Hit { at: now, side, px, mid2, age };
        self.hits += 1;
    }

    /// A resting order left without a trade.
    pub fn untouched(&mut self, now: Nanos) {
        self.orders.push(now, 1, false);
    }

    /// Takes the markouts that are due at twice the mid `mid2` and gives each to `each`.
    #[inline]
    pub fn update(
        &mut self,
        params: &QualityParams,
        now: Nanos,
        mid2: i64,
        mut each: impl FnMut(Markout),
    ) {
        for (horizon, span) in HORIZONS.into_iter().enumerate() {
            while self.done[horizon] < self.hits {
                let hit = self.pending[self.done[horizon] as usize % PENDING];
                let age = now.since(hit.at);
                if age < span {
                    break;
                }
                self.done[horizon] += 1;
                // Much later it is not that horizon's markout any more.
                if age.0 > span.0 + span.0 / 2 + Nanos::from_secs(1).0 {
                    self.missed += 1;
                    continue;
                }
                each(self.mark(params, now, horizon, &hit, mid2));
            }
        }
    }

    #[cold]
    fn mark(
        &mut self,
        params: &QualityParams,
        now: Nanos,
        horizon: usize,
        hit: &Hit,
        mid2: i64,
    ) -> Markout {
        // Doubled prices, so that a half tick of the mid is not lost.
        let from = |px2: i64| Bps(hit.side.sign() * Price(px2).bps_to(Price(mid2)).0);
        let (from_fill, from_mid) = (from(2 * hit.px.0), from(hit.mid2));
        let tail = from_fill.0 < -params.tail.0;
        // 10^4 bps at most, so that a sum of 64 stays small.
        let cap = |b: Bps| b.0.clamp(-10_000 * Bps::ONE, 10_000 * Bps::ONE);
        self.from_fill[horizon].push(now, cap(from_fill), tail);
        self.from_mid[horizon].push(now, cap(from_mid), false);
        Markout { side: hit.side, horizon, from_fill, from_mid, age: hit.age }
    }

    /// What is wrong now, if anything.
    pub fn fault(&mut self, params: &QualityParams, now: Nanos) -> Option<Fault> {
        self.orders.expire(now, params.memory);
        let markouts = &mut self.from_fill[JUDGED];
        markouts.expire(now, params.memory);
        if markouts.count >= params.samples {
            if markouts.sum < -params.markout.0 * markouts.count as i64 {
                return Some(Fault::Markout);
            }
            if over(markouts.marked, markouts.count, params.tail_share_permille) {
                return Some(Fault::Tail);
            }
        }
        let quick = self.orders.count >= params.samples
            && over(self.orders.marked, self.orders.count, params.quick_share_permille);
        quick.then_some(Fault::QuickHits)
    }

    /// How much each side is wider now. `alone`: we are all there is at the best price of a side;
    /// `reducing`: the side whose fills shrink the inventory, which is never made wider.
    #[inline]
    pub fn widening(
        &mut self,
        params: &QualityParams,
        now: Nanos,
        alone: [bool; 2],
        reducing: Option<Side>,
    ) -> [Bps; 2] {
        let bad = match params.widen {
            Bps::ZERO => 0,
            widen if self.fault(params, now).is_some() => widen.0,
            _ => 0,
        };
        Side::BOTH.map(|side| {
            let until = &mut self.alone_until[side.index()];
            if alone[side.index()] {
                *until = now.after(params.alone_hold);
            }
            let extra = if now < *until { params.alone.0 } else { 0 };
            if reducing == Some(side) { Bps::ZERO } else { Bps(bad + extra) }
        })
    }

    pub fn report(&self) -> QualityReport {
        let row = |h: usize| {
            let (fill, mid) = (&self.from_fill[h], &self.from_mid[h]);
            (fill.count, Bps(fill.mean()), Bps(mid.mean()), fill.share_permille())
        };
        QualityReport {
            orders: self.orders.count,
            quick_share_permille: self.orders.share_permille(),
            markouts: [row(0), row(1), row(2)],
            age: Nanos(self.ages.mean() as u64),
            missed: self.missed,
        }
    }

    pub fn digest(&self, h: &mut StateHasher) {
        h.word(self.hits);
        h.word(self.missed);
        for ring in [&self.orders, &self.ages].into_iter().chain(&self.from_fill) {
            h.word((ring.count as u64) << 32 | ring.marked as u64);
            h.signed(ring.sum);
        }
        for ring in &self.from_mid {
            h.signed(ring.sum);
        }
        h.word(self.alone_until[0].0);
        h.word(self.alone_until[1].0);
    }
}

/// Is `part` of `whole` more than this share? Without a division.
#[inline]
fn over(part: usize, whole: usize, permille: i64) -> bool {
    part as i64 * 1000 > whole as i64 * permille
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SCALE;

    const P: QualityParams = QualityParams { samples: 2, ..QualityParams::DEFAULT };
    const ALONE: [bool; 2] = [false; 2];

    fn secs(s: u64) -> Nanos {
        Nanos::from_secs(s)
    }

    fn buy(q: &mut Quality, at: Nanos, acked: Nanos) {
        // Bought at 99.95 with the mid at 100.
        q.hit(&P, at, Side::Buy, Price(9_995_000_000), 200 * SCALE, acked, true);
    }

    #[test]
    fn markouts_are_taken_once_from_the_fill_and_from_the_mid() {
        let mut q = Quality::default();
        buy(&mut q, secs(100), secs(99));
        let mut seen = Vec::new();
        // The mid falls to 99.90: 5 bps under the fill, 10 under the mid then.
        for at in [100, 101, 102, 105, 106, 130, 131] {
            q.update(&P, secs(at), 19_980_000_000, |m| seen.push(m));
        }
        assert_eq!(seen.iter().map(|m| m.horizon).collect::<Vec<_>>(), [0, 1, 2]);
        for m in &seen {
            assert_eq!((m.from_fill.0, m.from_mid.0), (-50_025 / 10 * 10 - 5, -100_000));
            assert_eq!(m.age, secs(1));
        }
        let report = q.report();
        assert_eq!(report.markouts[1].0, 1);
        assert_eq!(report.markouts[1].2, Bps::whole(-10));
        assert_eq!(report.age, secs(1));
    }

    #[test]
    fn a_sale_gains_when_the_mid_falls() {
        let mut q = Quality::default();
        q.hit(&P, secs(1), Side::Sell, Price(100 * SCALE), 200 * SCALE, secs(1), true);
        let mut seen = Vec::new();
        q.update(&P, secs(2), 199 * SCALE, |m| seen.push(m.from_fill));
        assert_eq!(seen, [Bps::whole(50)]);
    }

    #[test]
    fn bad_markouts_widen_the_adding_side_and_are_forgotten() {
        let mut q = Quality::default();
        for i in 0..2 {
            buy(&mut q, secs(100 + i), secs(1));
        }
        assert_eq!(q.widening(&P, secs(102), ALONE, None), [Bps::ZERO; 2]);
        for at in [105, 106] {
            q.update(&P, secs(at), 19_980_000_000, |_| ());
        }
        assert_eq!(q.fault(&P, secs(106)), Some(Fault::Markout));
        assert_eq!(q.widening(&P, secs(106), ALONE, None), [Bps::whole(4); 2]);
        let long = q.widening(&P, secs(106), ALONE, Some(Side::Sell));
        assert_eq!(long, [Bps::whole(4), Bps::ZERO]);
        assert_eq!(q.widening(&P, secs(1_000), ALONE, None), [Bps::ZERO; 2]);
    }

    #[test]
    fn quick_hits_are_a_share_of_resting_orders() {
        let mut q = Quality::default();
        buy(&mut q, Nanos::from_millis(1_200), secs(1));
        buy(&mut q, secs(3), secs(1));
        // One of two: not more than half.
        assert_eq!(q.fault(&P, secs(3)), None);
        buy(&mut q, secs(4), Nanos::ZERO);
        assert_eq!(q.fault(&P, secs(4)), Some(Fault::QuickHits));
        for _ in 0..2 {
            q.untouched(secs(4));
        }
        assert_eq!(q.fault(&P, secs(4)), None);
        assert_eq!(q.report().quick_share_permille, 400);
    }

    #[test]
    fn a_tail_is_a_fault_although_the_mean_is_fine() {
        let mut q = Quality::default();
        for i in 0..4u64 {
            buy(&mut q, secs(100 + i), secs(1));
        }
        // Three gain 10 bps, one (of four: not more than a quarter) loses 15; then two of five.
        for (at, mid2) in [(105, 200_100), (106, 200_100), (107, 200_100), (108, 199_600)] {
            q.update(&P, secs(at), mid2 * SCALE / 1000, |_| ());
        }
        assert_eq!(q.fault(&P, secs(108)), None);
        buy(&mut q, secs(110), secs(1));
        q.update(&P, secs(115), 199_600 * SCALE / 1000, |_| ());
        assert_eq!(q.report().markouts[1].3, 400);
        assert_eq!(q.fault(&P, secs(115)), Some(Fault::Tail));
    }

    #[test]
    fn being_alone_holds_a_while() {
        let mut q = Quality::default();
        let w = q.widening(&P, secs(10), [true, false], None);
        assert_eq!(w, [Bps::whole(2), Bps::ZERO]);
        assert_eq!(q.widening(&P, secs(11), ALONE, None)[0], Bps::whole(2));
        assert_eq!(q.widening(&P, secs(12), ALONE, None)[0], Bps::ZERO);
    }

    #[test]
    fn more_hits_than_room_are_counted_as_missed() {
        let mut q = Quality::default();
        for _ in 0..PENDING + 3 {
            buy(&mut q, secs(1), secs(1));
        }
        assert_eq!(q.report().missed, 9);
        // And a hole in the book makes all of them too late.
        q.update(&P, secs(600), 200 * SCALE, |_| unreachable!("too late"));
        assert_eq!(q.report().missed, 9 + 3 * PENDING as u64);
    }
}
