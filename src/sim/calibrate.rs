//! Cold. The statistics by which a simulated market is compared with a recorded one.
//!
//! Both are played into an exchange without accounts and watched through the same notices, so the
//! conflation of BBOs and books to the venue's cadence is the same on both sides. Statistics are
//! floats: they are read by people, and no price comes from them.

use crate::instrument::InstId;
use crate::units::{Nanos, SCALE, Side};

use super::exchange::{Bbo, Exchange, Market, Notice, Trade};

/// Statistics of a stretch of market.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    pub seconds: f64,
    pub spread_mean_bps: f64,
    pub spread_median_bps: f64,
    /// Mean over both sides, in base units, of what the published 20 levels hold.
    pub depth_best: f64,
    pub depth_5_bps: f64,
    pub depth_10_bps: f64,
    /// BBO notices per second, and those in which a price differs.
    pub bbo_rate: f64,
    pub bbo_price_rate: f64,
    /// Prints per second, and aggressors (prints of one instant and side) per second.
    pub trade_rate: f64,
    pub sweep_rate: f64,
    /// Size of an aggressor, base units.
    pub sweep_mean: f64,
    pub sweep_p25: f64,
    pub sweep_p50: f64,
    pub sweep_p75: f64,
    pub sweep_p90: f64,
    pub sweep_p99: f64,
    /// Share of aggressors that trade at more than one price.
    pub sweep_multi_share: f64,
    /// Standard deviation of mid returns.
    pub vol_1s_bps: f64,
    pub vol_15s_bps: f64,
    pub vol_60s_bps: f64,
    /// Share of one-second steps in which the mid moves.
    pub moves_1s_share: f64,
    /// Autocorrelation of one-second mid returns at lag 1.
    pub return_autocorr: f64,
    /// Autocorrelation of aggressor signs.
    pub sign_autocorr_1: f64,
    pub sign_autocorr_5: f64,
}

impl Stats {
    /// Names and values in the order of the report.
    pub fn rows(&self) -> [(&'static str, f64); 24] {
        [
            ("spread mean, bps", self.spread_mean_bps),
            ("spread median, bps", self.spread_median_bps),
            ("depth at best", self.depth_best),
            ("depth within 5 bps", self.depth_5_bps),
            ("depth within 10 bps", self.depth_10_bps),
            ("bbo updates / s", self.bbo_rate),
            ("bbo price changes / s", self.bbo_price_rate),
            ("trades / s", self.trade_rate),
            ("aggressors / s", self.sweep_rate),
            ("aggressor size mean", self.sweep_mean),
            ("aggressor size p25", self.sweep_p25),
            ("aggressor size p50", self.sweep_p50),
            ("aggressor size p75", self.sweep_p75),
            ("aggressor size p90", self.sweep_p90),
            ("aggressor size p99", self.sweep_p99),
            ("aggressors over > 1 price", self.sweep_multi_share),
            ("mid volatility 1 s, bps", self.vol_1s_bps),
            ("mid volatility 15 s, bps", self.vol_15s_bps),
            ("mid volatility 60 s, bps", self.vol_60s_bps),
            ("seconds in which mid moves", self.moves_1s_share),
            ("mid return autocorr lag 1", self.return_autocorr),
            ("aggressor sign autocorr 1", self.sign_autocorr_1),
            ("aggressor sign autocorr 5", self.sign_autocorr_5),
            ("seconds", self.seconds),
        ]
    }
}

#[derive(Debug, Default)]
struct Observer {
    spreads: Vec<f64>,
    depth: [f64; 3],
    depth_count: f64,
    bbo: Bbo,
    bbo_count: f64,
    bbo_price_count: f64,
    trades: f64,
    sweeps: Vec<f64>,
    signs: Vec<f64>,
    multi: f64,
    last: Option<Trade>,
    last_counted_multi: bool,
    mids: Vec<f64>,
}

/// Plays `market` from `from` until `until` into `exchange` and measures it. What the market does
/// at `from` itself sets the stage and is not measured.
pub fn measure(
    market: &mut dyn Market,
    exchange: &mut Exchange,
    inst: InstId,
    from: Nanos,
    until: Nanos,
) -> Stats {
    const SECOND: Nanos = Nanos::from_secs(1);
    market.step(exchange, from);
    while exchange.poll(from).is_some() {}
    let mut seen = Observer { bbo: exchange.bbo(inst), ..Observer::default() };
    let mut now = from;
    let mut sample_at = from;
    while now < until {
        if sample_at <= now {
            if let Some(mid) = mid_of(&exchange.bbo(inst)) {
                seen.mids.push(mid);
            }
            sample_at = sample_at.after(SECOND);
        }
        let next = market.next_at().unwrap_or(Nanos::MAX);
        let next = next.min(exchange.next_at().unwrap_or(Nanos::MAX));
        now = next.max(Nanos(now.0 + 1)).min(sample_at).min(until);
        market.step(exchange, now);
        while let Some((_, notice)) = exchange.poll(now) {
            seen.watch(exchange, inst, &notice);
        }
    }
    seen.stats(until.since(from).0 as f64 / 1e9)
}

fn units(raw: i64) -> f64 {
    raw as f64 / SCALE as f64
}

fn mid_of(bbo: &Bbo) -> Option<f64> {
    Some((units(bbo.bid?.px.0) + units(bbo.ask?.px.0)) / 2.0)
}

impl Observer {
    fn watch(&mut self, exchange: &Exchange, inst: InstId, notice: &Notice) {
        match notice {
            Notice::Bbo { bbo, .. } => {
                let px = |b: &Bbo| (b.bid.map(|l| l.px), b.ask.map(|l| l.px));
                self.bbo_count += 1.0;
                self.bbo_price_count += f64::from(u8::from(px(bbo) != px(&self.bbo)));
                self.bbo = *bbo;
            }
            Notice::Book { .. } => self.watch_book(exchange, inst),
            Notice::Trade(trade) => self.watch_trade(trade),
            _ => {}
        }
    }

    fn watch_book(&mut self, exchange: &Exchange, inst: InstId) {
        let bbo = exchange.bbo(inst);
        let (Some(mid), Some(bid), Some(ask)) = (mid_of(&bbo), bbo.bid, bbo.ask) else { return };
        self.spreads.push((units(ask.px.0) - units(bid.px.0)) / mid * 1e4);
        self.depth_count += 2.0;
        self.depth[0] += units(bid.qty.0) + units(ask.qty.0);
        for side in Side::BOTH {
            for level in exchange.levels(inst, side, super::recording::LEVELS) {
                let distance_bps = (units(level.px.0) - mid).abs() / mid * 1e4;
                for (sum, within) in self.depth[1..].iter_mut().zip([5.0, 10.0]) {
                    if distance_bps <= within {
                        *sum += units(level.qty.0);
                    }
                }
            }
        }
    }

    fn watch_trade(&mut self, trade: &Trade) {
        self.trades += 1.0;
        let last = self.last.replace(*trade);
        match (last, self.sweeps.last_mut()) {
            (Some(last), Some(sweep)) if last.at == trade.at && last.side == trade.side => {
                *sweep += units(trade.qty.0);
                if last.px != trade.px && !self.last_counted_multi {
                    self.multi += 1.0;
                    self.last_counted_multi = true;
                }
            }
            _ => {
                self.sweeps.push(units(trade.qty.0));
                self.signs.push(trade.side.sign() as f64);
                self.last_counted_multi = false;
            }
        }
    }

    fn stats(mut self, seconds: f64) -> Stats {
        let returns = |step: usize| -> Vec<f64> {
            let mids: Vec<f64> = self.mids.iter().copied().step_by(step).collect();
            mids.windows(2).map(|w| (w[1] / w[0] - 1.0) * 1e4).collect()
        };
        let (short, long) = (returns(1), returns(15));
        let moves = short.iter().filter(|r| **r != 0.0).count() as f64;
        self.sweeps.sort_by(f64::total_cmp);
        self.spreads.sort_by(f64::total_cmp);
        let count = self.sweeps.len() as f64;
        Stats {
            seconds,
            spread_mean_bps: mean(&self.spreads),
            spread_median_bps: quantile(&self.spreads, 0.5),
            depth_best: self.depth[0] / self.depth_count,
            depth_5_bps: self.depth[1] / self.depth_count,
            depth_10_bps: self.depth[2] / self.depth_count,
            bbo_rate: self.bbo_count / seconds,
            bbo_price_rate: self.bbo_price_count / seconds,
            trade_rate: self.trades / seconds,
            sweep_rate: count / seconds,
            sweep_mean: mean(&self.sweeps),
            sweep_p25: quantile(&self.sweeps, 0.25),
            sweep_p50: quantile(&self.sweeps, 0.5),
            sweep_p75: quantile(&self.sweeps, 0.75),
            sweep_p90: quantile(&self.sweeps, 0.9),
            sweep_p99: quantile(&self.sweeps, 0.99),
            sweep_multi_share: self.multi / count,
            vol_1s_bps: deviation(&short),
            vol_15s_bps: deviation(&long),
            vol_60s_bps: deviation(&returns(60)),
            moves_1s_share: moves / short.len() as f64,
            return_autocorr: autocorrelation(&short, 1),
            sign_autocorr_1: autocorrelation(&self.signs, 1),
            sign_autocorr_5: autocorrelation(&self.signs, 5),
        }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn deviation(values: &[f64]) -> f64 {
    let m = mean(values);
    (values.iter().map(|v| (v - m) * (v - m)).sum::<f64>() / values.len() as f64).sqrt()
}

/// Of sorted values; the lower of two neighbours.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = (sorted.len().saturating_sub(1) as f64 * q) as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

fn autocorrelation(values: &[f64], lag: usize) -> f64 {
    let m = mean(values);
    let all: f64 = values.iter().map(|v| (v - m) * (v - m)).sum();
    let lagged: f64 =
        values.iter().zip(values.iter().skip(lag)).map(|(a, b)| (a - m) * (b - m)).sum();
    lagged / all
}
