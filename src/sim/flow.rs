//! Cold. A seeded market, calibrated on real recordings.
//!
//! What a recording of a calm hour shows, and what is modelled, once per block of 70 ms:
//!
//! - **The price stands and jumps.** In two of three seconds the mid of SOL does not move at all,
//!   then it moves several ticks at once, mostly without a trade: makers follow other venues. So
//!   there is a fair price that jumps with exponential sizes; a jump breeds others for some
//!   seconds, in its own direction more often than not, and the next such cluster would rather go
//!   back. That gives the heavy tails, the clusters, the positive autocorrelation of one-second
//!   returns, and what becomes of a quote within half a minute after it was hit.
//! - **Makers flee at once and come back late.** The side in the way of a jump is cancelled in the
//!   same block (at times an aggressor gets there first and sweeps what is left); the other side
//!   follows with a delay, in which the spread is wide.
//! - **Levels breathe.** Orders come and go at every level around its usual size.
//! - **Aggressors take**, with heavy-tailed sizes that can eat several levels. An eaten level is
//!   filled again or given up, and then the price has moved.
//!
//! An order of an account is in the way like any other: it is hit by aggressors in its turn, and
//! whoever quotes a price that the fair price has left is taken by the makers that come back.
//!
//! Everything is decided by integers and one seeded generator: a seed is a market, bit for bit.

use crate::event::Tif;
use crate::instrument::{InstId, Instrument};
use crate::units::{Bps, Nanos, Price, Qty, Round, Side};

use super::exchange::{Exchange, Market, Rng, order};
pub use super::params::{FlowParams, ParamsError, Quantiles, Scenario, known};

/// The market acts at multiples of this, as the venue's blocks do.
pub const BLOCK: Nanos = Nanos::from_millis(70);

/// A seeded market on one instrument. See the module's head.
#[derive(Clone, Debug)]
pub struct Flow {
    inst: Instrument,
    params: FlowParams,
    rng: Rng,
    next: Nanos,
    /// Raw price that the best prices enclose.
    fair: i64,
    /// Slow mean of `fair`, to which a new cluster of jumps would rather return.
    anchor: i64,
    /// Prices of the levels by side, from the best outwards.
    ladder: [Vec<Price>; 2],
    /// When the next order of makers, and the next aggressor, is due.
    quote_at: Nanos,
    aggressor_at: Nanos,
    aggressor: Side,
    jump: Side,
    /// Chance of a bred jump in the next block, in 2^-32.
    excited: u64,
}

impl Flow {
    /// A market on `inst` from `start` on (the first block at or after it).
    ///
    /// # Panics
    /// When the start price has no place on the instrument's grid.
    pub fn new(inst: &Instrument, params: FlowParams, seed: u64, start: Nanos) -> Flow {
        let next = Nanos(start.0.div_ceil(BLOCK.0) * BLOCK.0);
        let fair = params.start_px.0;
        let fits = inst.round_price(Price(fair), Round::Down).is_some();
        assert!(fits, "the start price is on the grid");
        Flow {
            inst: inst.clone(),
            fair,
            anchor: fair,
            params,
            rng: Rng::new(seed),
            next,
            ladder: [Vec::new(), Vec::new()],
            quote_at: next,
            aggressor_at: next,
            aggressor: Side::Buy,
            jump: Side::Buy,
            excited: 0,
        }
    }

    /// The price that the market thinks right.
    pub fn fair(&self) -> Price {
        Price(self.fair)
    }

    /// Moves the fair price by this much in the next block, as news would.
    pub fn shock(&mut self, to: Price) {
        self.set_fair(to.0);
    }

    fn id(&self) -> InstId {
        self.inst.id
    }

    fn set_fair(&mut self, fair: i64) {
        if self.inst.round_price(Price(fair), Round::Down).is_some() {
            self.fair = fair;
        }
    }

    fn block(&mut self, exchange: &mut Exchange) {
        if self.ladder[0].is_empty() {
            self.populate(exchange);
        }
        self.jumps();
        self.retarget(exchange, true);
        for side in Side::BOTH {
            self.refill(exchange, side);
        }
        while self.aggressor_at <= self.next {
            self.aggress(exchange);
            let mean = Nanos(1_000_000_000_000 / self.params.aggressors_per_1000_s);
            self.aggressor_at = self.aggressor_at.after(self.rng.gap(mean));
        }
        self.retarget(exchange, false);
        let gaps = Side::BOTH.map(|side| self.gap(exchange, side));
        while self.quote_at <= self.next {
            self.quote(exchange, gaps);
            let mean = Nanos(1_000_000_000_000 / self.params.quotes_per_1000_s);
            self.quote_at = self.quote_at.after(self.rng.gap(mean));
        }
    }

    // -- the fair price --------------------------------------------------------------------------

    /// One jump or none: a base rate, and what earlier jumps breed.
    fn jumps(&mut self) {
        const ONE: u64 = 1 << 32;
        let p = &self.params;
        // Per 1000 s times ns, in 10^-12: at most 10^6 x 7 x 10^7, times 2^32 needs 128 bits.
        let base = u128::from(p.jumps_per_1000_s) * u128::from(BLOCK.0) * u128::from(ONE)
            / 1_000_000_000_000;
        let memory_ns = p.jump_memory_ms * 1_000_000;
        let (happens, up) = (base as u64 + self.excited, self.up_permille());
        let decay = u128::from(self.excited) * u128::from(BLOCK.0) / u128::from(memory_ns);
        self.excited = self.excited.saturating_sub(decay as u64);
        if self.rng.below(ONE) >= happens {
            return;
        }
        if !self.rng.chance(self.params.jump_persist_permille) {
            self.jump = if self.rng.chance(up) { Side::Buy } else { Side::Sell };
        }
        // Over its memory the jump breeds `excite` others: sum of a geometric series.
        let p = &self.params;
        self.excited += p.jump_excite_permille * ONE / 1000 * BLOCK.0 / memory_ns.max(BLOCK.0);
        let mean = i128::from(Price(self.fair).bps(p.jump_mean_bps));
        let size = (mean * i128::from(self.rng.exponential())) >> 16;
        self.set_fair(self.fair + size as i64 * self.jump.sign());
    }

    /// Chance that a new cluster of jumps goes up: less above the anchor, more below it.
    fn up_permille(&mut self) -> u64 {
        let p = &self.params;
        let memory_ns = i128::from(p.revert_memory_ms) * 1_000_000;
        let gap = i128::from(self.fair - self.anchor);
        self.anchor += (gap * i128::from(BLOCK.0) / memory_ns) as i64;
        let away = Price(self.anchor).bps_to(Price(self.fair)).0;
        let pull = i128::from(away) * i128::from(p.revert_permille_per_bps) / i128::from(Bps::ONE);
        (i128::from(p.jump_up_permille) - pull).clamp(0, 1000) as u64
    }

    /// Moves the ladders to where the fair price is. Makers leave the prices that it has passed,
    /// and new outer levels are filled.
    fn retarget(&mut self, exchange: &mut Exchange, may_snipe: bool) {
        let Some((bid, ask)) = self.targets() else { return };
        let old = [self.ladder[0].first().copied(), self.ladder[1].first().copied()];
        if old == [Some(bid), Some(ask)] {
            return;
        }
        for (side, best) in [(Side::Buy, bid), (Side::Sell, ask)] {
            let first = old[side.index()].unwrap_or(best);
            let flees = best.0 * side.sign() < first.0 * side.sign();
            if flees && may_snipe && self.rng.chance(self.params.snipe_permille) {
                self.snipe(exchange, side, best);
            }
            exchange.crowd_clear_better(self.id(), side, best);
            self.rebuild(side, best);
            if let Some(&last) = self.ladder[side.index()].last() {
                exchange.crowd_clear_worse(self.id(), side, last);
            }
            let gap = self.gap(exchange, side);
            for i in gap..self.ladder[side.index()].len() {
                self.seed_level(exchange, side, i);
            }
        }
    }

    /// Best bid and ask around the fair price; `None` at the end of the grid.
    fn targets(&self) -> Option<(Price, Price)> {
        let bid = self.inst.round_price(Price(self.fair), Round::Down)?;
        Some((bid, Price(bid.0 + self.inst.tick_at(bid)?.0)))
    }

    fn rebuild(&mut self, side: Side, best: Price) {
        let levels = self.params.levels as usize;
        let inst = &self.inst;
        let worse = |px: &Price| match side {
            Side::Sell => inst.tick_at(*px).map(|tick| Price(px.0 + tick.0)),
            Side::Buy => inst.round_price(Price(px.0 - 1), Round::Down),
        };
        self.ladder[side.index()].clear();
        self.ladder[side.index()].extend(std::iter::successors(Some(best), worse).take(levels));
    }

    /// An aggressor is faster than the makers: they leave one small order at each price up to the
    /// new best, and it takes them.
    fn snipe(&mut self, exchange: &mut Exchange, side: Side, best: Price) {
        let stale: Vec<Price> = exchange
            .levels(self.id(), side, self.params.levels as usize)
            .map(|l| l.px)
            .take_while(|px| px.0 * side.sign() > best.0 * side.sign())
            .collect();
        let Some(&last) = stale.last() else { return };
        for &px in &stale {
            let u = (self.rng.word() >> 34) as u32; // the lower quarter
            let left = self.lots(self.params.order_sizes.at(u));
            let now = exchange.crowd_level(self.id(), side, px);
            exchange.crowd_set_level(self.id(), side, px, now.min(left));
        }
        let u = (self.rng.word() >> 33) as u32 | 1 << 31; // the upper half
        let qty = self.lots(self.params.aggressor_sizes.at(u));
        exchange.crowd_place(order(self.id(), side.opposite(), last, qty, Tif::Ioc));
    }

    // -- makers ----------------------------------------------------------------------------------

    fn populate(&mut self, exchange: &mut Exchange) {
        let Some((bid, ask)) = self.targets() else { return };
        for (side, best) in [(Side::Buy, bid), (Side::Sell, ask)] {
            self.rebuild(side, best);
            for i in 0..self.ladder[side.index()].len() {
                self.seed_level(exchange, side, i);
            }
        }
    }

    /// Leading levels of a ladder without an order of the crowd.
    fn gap(&self, exchange: &Exchange, side: Side) -> usize {
        let ladder = &self.ladder[side.index()];
        let full = |px: &Price| exchange.crowd_level(self.id(), side, *px).0 > 0;
        ladder.iter().position(full).unwrap_or(ladder.len())
    }

    /// The side behind a jump comes back.
    fn refill(&mut self, exchange: &mut Exchange, side: Side) {
        let gap = self.gap(exchange, side);
        if gap > 0 && self.rng.chance(self.params.refill_permille) {
            for i in 0..gap {
                self.seed_level(exchange, side, i);
            }
        }
    }

    fn usual_size(&self, level: usize) -> Qty {
        let sizes = &self.params.level_sizes;
        sizes.get(level).or(sizes.last()).copied().unwrap_or(Qty(0))
    }

    /// Fills an empty level with orders to half or up to one and a half of its usual size.
    fn seed_level(&mut self, exchange: &mut Exchange, side: Side, level: usize) {
        const ORDERS_MAX: usize = 64;
        let px = self.ladder[side.index()][level];
        if exchange.crowd_level(self.id(), side, px).0 > 0 {
            return;
        }
        let share = 500 + self.rng.below(1000) as i64;
        let mut missing = self.usual_size(level).permille(share).0;
        for _ in 0..ORDERS_MAX {
            if missing <= 0 {
                break;
            }
            let qty = self.order_size();
            exchange.crowd_place(order(self.id(), side, px, qty, Tif::Gtc));
            missing -= qty.0;
        }
    }

    fn order_size(&mut self) -> Qty {
        let u = (self.rng.word() >> 32) as u32;
        self.lots(self.params.order_sizes.at(u))
    }

    /// Whole lots, at least one.
    fn lots(&self, qty: Qty) -> Qty {
        self.inst.round_qty(qty, Round::Down).max(self.inst.spec.lot)
    }

    /// An order comes or goes, so that the level returns to its usual size.
    fn quote(&mut self, exchange: &mut Exchange, gaps: [usize; 2]) {
        let side = if self.rng.chance(500) { Side::Buy } else { Side::Sell };
        let (gap, ladder) = (gaps[side.index()], &self.ladder[side.index()]);
        if gap >= ladder.len() {
            return;
        }
        let behind = (ladder.len() - gap - 1) as u64;
        let mut level = gap;
        if behind > 0 && !self.rng.chance(self.params.quotes_at_best_permille) {
            level += 1 + self.rng.below(behind) as usize;
        }
        let px = self.ladder[side.index()][level];
        let usual = self.usual_size(level).0.unsigned_abs();
        let now = exchange.crowd_level(self.id(), side, px).0.unsigned_abs();
        if self.rng.below(usual + now) < usual {
            let qty = self.order_size();
            exchange.crowd_place(order(self.id(), side, px, qty, Tif::Gtc));
        } else {
            let pick = self.rng.word();
            exchange.crowd_cancel_at(self.id(), side, px, pick, level == gap);
        }
    }

    // -- aggressors ------------------------------------------------------------------------------

    fn aggress(&mut self, exchange: &mut Exchange) {
        if !self.rng.chance(self.params.aggressor_persist_permille) {
            let buys = self.rng.chance(self.params.aggressor_buy_permille);
            self.aggressor = if buys { Side::Buy } else { Side::Sell };
        }
        let (side, hit) = (self.aggressor, self.aggressor.opposite());
        let Some(&bound) = self.ladder[hit.index()].last() else { return };
        let u = (self.rng.word() >> 32) as u32;
        let qty = self.lots(self.params.aggressor_sizes.at(u));
        let done = exchange.crowd_place(order(self.id(), side, bound, qty, Tif::Ioc));
        if done.filled.0 == 0 {
            return;
        }
        let usual = i128::from(self.usual_size(0).0.max(1));
        let step = i128::from(Price(self.fair).bps(self.params.impact_bps));
        // A whale moves the price as ten usual levels do, not more.
        let push = step * i128::from(done.filled.0).min(usual * 10) / usual;
        self.set_fair(self.fair + push as i64 * side.sign());
        let gap = self.gap(exchange, hit);
        if gap > 0 && self.rng.chance(self.params.yield_permille) {
            self.give_up(hit, gap);
        }
    }

    /// The first level that still has orders becomes the best, by way of the fair price.
    fn give_up(&mut self, side: Side, gap: usize) {
        let Some(&px) = self.ladder[side.index()].get(gap) else { return };
        let fair = match side {
            Side::Buy => self.fair.min(px.0),
            // Just below the ask: the bid is then one tick under it.
            Side::Sell => self.fair.max(px.0 - 1),
        };
        self.set_fair(fair);
    }
}

impl Market for Flow {
    fn next_at(&self) -> Option<Nanos> {
        Some(self.next)
    }

    fn step(&mut self, exchange: &mut Exchange, now: Nanos) {
        while self.next <= now {
            exchange.advance(self.next);
            self.block(exchange);
            self.next = self.next.after(BLOCK);
        }
        exchange.advance(now);
    }
}
