//! Hot. What the book says about the near future: volatility, trend, imbalance, order flow.
//!
//! Integer recurrences on event time, so the same events give the same signals on every machine.
//! - Volatility: an EWMA (half-life 45 s) of squared mid returns over an EWMA of the time they
//!   took, which is a variance per second for irregular samples; scaled to a stated horizon.
//!   With S the decayed sum of r^2 (raw bps^2) and T the decayed sum of dt, sigma^2(h) = S h / T.
//! - Trend: the mid's move over a look-back (45 s), from a ring of samples.
//! - Order-flow imbalance: Cont, Kukanov, Stoikov (arXiv 1011.6402), decayed.
//! - Microprice: the mid weighted by the opposite sizes at the top.

use crate::book::Top;
use crate::instrument::Divisor;
use crate::units::{Bps, Nanos, Price, StateHasher};

/// How old the volatility may be while the mid stands still: 0.015 % of a half-life of 45 s.
const VOLATILITY_REFRESH: Nanos = Nanos::from_millis(10);
/// Samples of the mid over the trend look-back.
const TREND_SAMPLES: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalParams {
    /// Half-life of the volatility EWMA.
    pub half_life: Nanos,
    /// Horizon to which volatility is scaled.
    pub horizon: Nanos,
    /// Observed time before volatility counts as known.
    pub warm_up: Nanos,
    /// Look-back of the trend.
    pub trend_span: Nanos,
}

/// What the signals say now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Volatility over the horizon; `None` until warmed up.
    pub volatility: Option<Bps>,
    /// Mid move over the trend span; zero until there is a sample that old (or the oldest).
    pub trend: Bps,
    pub microprice: Price,
}

#[derive(Clone, Debug)]
pub struct Signals {
    params: SignalParams,
    decay: Decay,
    last: Option<(Nanos, Top)>,
    last_mid2: i64,
    /// Of the last top: it costs a division, and a decision looks at it several times.
    microprice: Price,
    /// Decayed sum of squared returns, raw 10^-8 bps^2.
    square_sum: u64,
    /// Decayed sum of observed time, in ns.
    time_sum: u64,
    /// Observed time since the start, not decayed.
    observed: Nanos,
    /// The volatility, and when it was taken from the sums.
    volatility: Option<Bps>,
    taken: Nanos,
    samples: [(Nanos, i64); TREND_SAMPLES],
    sample_first: usize,
    sample_count: usize,
    /// Decayed order-flow imbalance, raw quantity.
    flow: i64,
}

impl Signals {
    pub fn new(params: SignalParams) -> Signals {
        Signals {
            params,
            decay: Decay::new(params.half_life),
            last: None,
            last_mid2: 0,
            microprice: Price::ZERO,
            square_sum: 0,
            time_sum: 0,
            observed: Nanos::ZERO,
            volatility: None,
            taken: Nanos::ZERO,
            samples: [(Nanos::ZERO, 0); TREND_SAMPLES],
            sample_first: 0,
            sample_count: 0,
            flow: 0,
        }
    }

    /// A valid top at `now`.
    pub fn update(&mut self, now: Nanos, top: Top) {
        if let Some((then, before)) = self.last {
            let dt = now.since(then);
            let factor = self.decay.factor(dt);
            let ret = ret_raw_bps(before.mid2(), top.mid2());
            // 10^4 raw per bps: a return is capped at 10^4 bps so that its square is <= 10^16 and
            // the decayed sum stays far inside a u64.
            let square = (ret * ret) as u64;
            self.square_sum = decayed(self.square_sum, factor).saturating_add(square);
            self.time_sum = decayed(self.time_sum, factor).saturating_add(dt.0);
            self.observed = self.observed.after(dt);
            // A move counts at once; the slow decay between moves is looked at now and then: a
            // division of 128 bits and a root are a tenth of a decision.
            if ret != 0 || now.since(self.taken) >= VOLATILITY_REFRESH {
                self.volatility = self.volatility();
                self.taken = now;
            }
            let flow = decayed_signed(self.flow, factor);
            self.flow = flow.saturating_add(order_flow_imbalance(&before, &top));
        }
        self.last = Some((now, top));
        self.last_mid2 = top.mid2();
        self.microprice = microprice(&top);
        self.sample(now, top.mid2());
    }

    /// The book was torn: the next top starts a new return instead of closing one over the hole.
    pub fn interrupt(&mut self) {
        self.last = None;
    }

    fn sample(&mut self, now: Nanos, mid2: i64) {
        let spacing = self.params.trend_span.0 / (TREND_SAMPLES as u64 - 2);
        if self.sample_count > 0 {
            let newest = (self.sample_first + self.sample_count - 1) % TREND_SAMPLES;
            if now.since(self.samples[newest].0).0 < spacing {
                return;
            }
        }
        let stale = self.oldest(now);
        self.sample_first = (self.sample_first + stale) % TREND_SAMPLES;
        self.sample_count -= stale;
        if self.sample_count == TREND_SAMPLES {
            self.sample_first = (self.sample_first + 1) % TREND_SAMPLES;
            self.sample_count -= 1;
        }
        self.samples[(self.sample_first + self.sample_count) % TREND_SAMPLES] = (now, mid2);
        self.sample_count += 1;
    }

    /// How many samples are older than the one that the trend is measured from: the last one that
    /// is at least a span old, or the oldest.
    #[inline]
    fn oldest(&self, now: Nanos) -> usize {
        let mut stale = 0;
        while stale + 1 < self.sample_count {
            let next = (self.sample_first + stale + 1) % TREND_SAMPLES;
            if now.since(self.samples[next].0) < self.params.trend_span {
                break;
            }
            stale += 1;
        }
        stale
    }

    /// Reading changes nothing: who looks, and how often, is no part of the log.
    pub fn read(&self, now: Nanos) -> Reading {
        let Some((_, top)) = self.last else {
            return Reading::default();
        };
        Reading {
            volatility: self.volatility,
            trend: self.trend(now, top.mid2()),
            microprice: self.microprice,
        }
    }

    fn volatility(&self) -> Option<Bps> {
        if self.observed < self.params.warm_up || self.time_sum == 0 {
            return None;
        }
        let variance = match self.square_sum.checked_mul(self.params.horizon.0) {
            Some(scaled) => scaled / self.time_sum,
            None => {
                let scaled = u128::from(self.square_sum) * u128::from(self.params.horizon.0);
                u64::try_from(scaled / u128::from(self.time_sum)).unwrap_or(u64::MAX)
            }
        };
        // Raw bps^2 under the root gives raw bps.
        Some(Bps(variance.isqrt() as i64))
    }

    fn trend(&self, now: Nanos, mid2: i64) -> Bps {
        if self.sample_count == 0 {
            return Bps::ZERO;
        }
        let from = (self.sample_first + self.oldest(now)) % TREND_SAMPLES;
        Bps(ret_raw_bps(self.samples[from].1, mid2))
    }

    /// (bid size - ask size) / (bid size + ask size) at the last top, permille.
    pub fn imbalance_permille(&self) -> i64 {
        self.last.map_or(0, |(_, top)| imbalance_permille(&top))
    }

    /// The microprice of the last top; zero before the first.
    #[inline]
    pub fn microprice(&self) -> Price {
        self.microprice
    }

    /// Twice the mid of the last top, also after an interruption; zero before the first.
    pub fn last_mid2(&self) -> i64 {
        self.last_mid2
    }

    /// Decayed order-flow imbalance, raw quantity: positive when bids gain.
    pub fn flow(&self) -> i64 {
        self.flow
    }

    pub fn digest(&self, h: &mut StateHasher) {
        h.word(self.square_sum);
        h.word(self.time_sum);
        h.signed(self.flow);
        h.word(self.observed.0);
        h.signed(self.volatility.map_or(-1, |v| v.0));
        h.signed(self.last_mid2);
        h.word(self.last.map_or(0, |(at, _)| at.0));
        for i in 0..self.sample_count {
            let (at, mid2) = self.samples[(self.sample_first + i) % TREND_SAMPLES];
            h.word(at.0);
            h.signed(mid2);
        }
    }
}

/// (bid size - ask size) / (bid size + ask size) at the top, permille, rounded toward zero.
#[inline]
fn imbalance_permille(top: &Top) -> i64 {
    let (bid, ask) = (top.bid.qty.0, top.ask.qty.0);
    // Sizes are not negative and at most 10^18: neither difference nor sum leaves an i64.
    let depth = (bid + ask).max(1);
    match (bid - ask).checked_mul(1000) {
        Some(product) => product / depth,
        None => (i128::from(bid - ask) * 1000 / i128::from(depth)) as i64,
    }
}

/// The mid weighted by the other side's size: it leans to the thin side. Rounded down by less than
/// one raw unit.
#[inline]
pub fn microprice(top: &Top) -> Price {
    let (bid, ask) = (top.bid.qty.0, top.ask.qty.0);
    let gap = top.ask.px.0 - top.bid.px.0;
    // bid + gap x bid_qty / (bid_qty + ask_qty): one division, in an i64 where the product fits.
    let depth = (bid.saturating_add(ask)).max(1);
    let lean = match gap.checked_mul(bid) {
        Some(product) => product / depth,
        None => (i128::from(gap) * i128::from(bid) / i128::from(depth)) as i64,
    };
    Price(top.bid.px.0 + lean)
}

/// Return between two doubled mids in raw 10^-4 bps, capped at +-10^4 bps (a factor of two).
#[inline]
fn ret_raw_bps(from2: i64, to2: i64) -> i64 {
    const CAP: i128 = 10_000 * Bps::ONE as i128;
    if from2 == 0 {
        return 0;
    }
    let diff = i128::from(to2) - i128::from(from2);
    let ratio = match i64::try_from(diff * i128::from(crate::units::SCALE)) {
        Ok(small) => i128::from(small / from2),
        Err(_) => diff * i128::from(crate::units::SCALE) / i128::from(from2),
    };
    ratio.clamp(-CAP, CAP) as i64
}

/// Order-flow imbalance of one update of the top (Cont et al. 2014, equation 2): what the bid
/// gained in size or price, less what the ask did. Raw quantity.
pub fn order_flow_imbalance(before: &Top, after: &Top) -> i64 {
    let mut flow = 0i64;
    if after.bid.px >= before.bid.px {
        flow += after.bid.qty.0;
    }
    if after.bid.px <= before.bid.px {
        flow -= before.bid.qty.0;
    }
    if after.ask.px <= before.ask.px {
        flow -= after.ask.qty.0;
    }
    if after.ask.px >= before.ask.px {
        flow += before.ask.qty.0;
    }
    flow
}

#[inline]
fn decayed(value: u64, factor: u64) -> u64 {
    ((u128::from(value) * u128::from(factor)) >> 32) as u64
}

#[inline]
fn decayed_signed(value: i64, factor: u64) -> i64 {
    ((i128::from(value) * i128::from(factor)) >> 32) as i64
}

/// 2^(-dt / half_life) in units of 2^-32, from a table of 256 steps and a line between them: the
/// line is off by at most (ln 2 / 256)^2 / 8 = 9 x 10^-7 of the value.
#[derive(Clone, Debug)]
pub(super) struct Decay {
    half_life: Divisor,
    table: Box<[u64; 257]>,
}

impl Decay {
    pub(super) fn new(half_life: Nanos) -> Decay {
        // The 256th root of 1/2 by eight square roots, with 62 fraction bits.
        let mut root: u128 = 1 << 61;
        for _ in 0..8 {
            root = (root << 62).isqrt();
        }
        let mut table = [0u64; 257];
        let mut at: u128 = 1 << 62;
        for slot in &mut table {
            *slot = (at >> 30) as u64;
            at = (at * root) >> 62;
        }
        // A day at most, by the configuration.
        let half_life = Divisor::new(i64::try_from(half_life.0.max(1)).unwrap_or(i64::MAX));
        Decay { half_life, table: Box::new(table) }
    }

    #[inline]
    pub(super) fn factor(&self, dt: Nanos) -> u64 {
        // Half-lives in units of 2^-32, so that a millisecond of a 45 s half-life (2 x 10^-5) is
        // still known to 10^-5 of itself. Past 32 of them nothing is left.
        let half_life = self.half_life.get() as u64;
        let steps = match dt.0 >> 31 {
            0 => self.half_life.div((dt.0 << 32) as i64) as u64,
            _ if dt.0 / 32 >= half_life => return 0,
            _ => ((u128::from(dt.0) << 32) / u128::from(half_life)) as u64,
        };
        let (whole, part) = ((steps >> 32) as u32, steps & 0xffff_ffff);
        if whole >= 32 {
            return 0;
        }
        let (index, between) = ((part >> 24) as usize, part & 0xff_ffff);
        let (from, to) = (self.table[index], self.table[index + 1]);
        (from - (((from - to) * between) >> 24)) >> whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Level;
    use crate::units::{Qty, SCALE};

    fn top(bid: i64, ask: i64) -> Top {
        let level = |px| Level { px: Price(px), qty: Qty(SCALE) };
        Top { bid: level(bid), ask: level(ask) }
    }

    /// One of a decay factor.
    const ONE: u64 = 1 << 32;

    fn params() -> SignalParams {
        SignalParams {
            half_life: Nanos::from_secs(45),
            horizon: Nanos::from_secs(15),
            warm_up: Nanos::from_secs(2),
            trend_span: Nanos::from_secs(45),
        }
    }

    #[test]
    fn decay_halves_at_its_half_life() {
        let decay = Decay::new(Nanos::from_secs(45));
        assert_eq!(decay.factor(Nanos::ZERO), ONE);
        for (secs, want) in [(45.0, 0.5), (90.0, 0.25), (10.0, 0.857_244), (0.5, 0.992_328)] {
            let got = decay.factor(Nanos((secs * 1e9f64) as u64)) as f64 / ONE as f64;
            assert!((got - want).abs() < 2e-6, "{secs} s: {got}");
        }
        assert_eq!(decay.factor(Nanos::from_secs(45 * 40)), 0);
    }

    #[test]
    fn volatility_of_a_steady_walk() {
        // +-1 bps every 100 ms: variance 10 bps^2 a second, 12.25 bps over 15 s.
        let mut signals = Signals::new(params());
        let base = 100 * SCALE;
        for i in 0..2_000u64 {
            let mid = base + if i % 2 == 0 { 0 } else { base / 10_000 };
            signals.update(Nanos(i * 100_000_000), top(mid - 1_000_000, mid + 1_000_000));
        }
        let vol = signals.read(Nanos::from_secs(200)).volatility.map(|v| v.0);
        assert!(vol.is_some_and(|v| (v - 122_474).abs() < 100), "{vol:?}");
    }

    #[test]
    fn volatility_is_unknown_before_the_warm_up() {
        let mut signals = Signals::new(params());
        signals.update(Nanos::from_secs(1), top(99, 101));
        signals.update(Nanos::from_secs(2), top(99, 101));
        assert_eq!(signals.read(Nanos::from_secs(2)).volatility, None);
    }

    #[test]
    fn trend_is_the_move_over_the_span() {
        let mut signals = Signals::new(params());
        let base = 100 * SCALE;
        // One bps a second for 100 s: 45 bps over the span.
        for i in 0..100u64 {
            let mid = base + base / 10_000 * i as i64;
            signals.update(Nanos::from_secs(i + 1), top(mid - 1, mid + 1));
        }
        let trend = signals.read(Nanos::from_secs(100)).trend.0;
        assert!((445_000..455_000).contains(&trend), "{trend}");
    }

    #[test]
    fn order_flow_imbalance_vectors() {
        // Cont et al.: bid 100: 10 -> 14, ask 101: 8 -> 5 gives 7.
        let t = |bp: i64, bq: i64, ap: i64, aq: i64| Top {
            bid: Level { px: Price(bp), qty: Qty(bq) },
            ask: Level { px: Price(ap), qty: Qty(aq) },
        };
        assert_eq!(order_flow_imbalance(&t(100, 10, 101, 8), &t(100, 14, 101, 5)), 7);
        // A new better bid of 3 adds its size.
        assert_eq!(order_flow_imbalance(&t(1000, 10, 1010, 8), &t(1005, 3, 1010, 8)), 3);
    }

    #[test]
    fn microprice_leans_to_the_thin_side() {
        let mut signals = Signals::new(params());
        let mut t = top(100, 200);
        t.bid.qty = Qty(3 * SCALE);
        signals.update(Nanos(1), t);
        let reading = signals.read(Nanos(1));
        assert_eq!(reading.microprice, Price(175));
        assert_eq!(signals.imbalance_permille(), 500);
    }
}
