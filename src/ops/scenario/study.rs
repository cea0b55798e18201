//! Cold. Many runs as one figure: what a part of the strategy is good for, over seeds.
//!
//! One seed is an anecdote: the same part can help in one run and harm in the next. Runs are paired
//! (the same seed with and without the part), and beside the means stands in how many of the pairs
//! the run with the part was ahead.

use crate::backtest::BacktestReport;
use crate::strategy::quality::HORIZONS;
use crate::units::{Bps, Nanos, Notional, Qty, SCALE};
use serde_json::{Value, json};

/// Raw 10^-8 units of a bps in a raw bps: 10^-8 as a ratio is 10^-4 bps.
const BPS: i128 = 10_000;

/// Sums over runs of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub runs: i64,
    pub fills: u64,
    pub hedge_fills: u64,
    pub guard_engaged: u64,
    pub rejects: u64,
    /// Of each run's mean and largest |inventory|.
    pub mean_inventory: i128,
    pub max_inventory: i128,
    pub markouts: [(u64, i128); HORIZONS.len()],
    pub spread: i128,
    pub inventory: i128,
    pub hedge: i128,
    pub fees: i128,
    pub total: i128,
}

/// What was compared, over all pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Study {
    pub with: Sums,
    pub without: Sums,
    /// Pairs in which the run with the part held less inventory on average, had a smaller largest
    /// one, engaged the PnL guard less often, and ended with a higher total.
    pub less_inventory: i64,
    pub smaller_peak: i64,
    pub calmer_guard: i64,
    pub higher_total: i64,
}

impl Sums {
    fn add(&mut self, report: &BacktestReport, span: Nanos) {
        let inst = &report.instruments[0];
        self.runs += 1;
        self.fills += report.fills;
        self.hedge_fills += report.hedge_fills;
        self.guard_engaged += inst.guard_engaged;
        self.rejects += report.rejects.iter().map(|r| r.1).sum::<u64>();
        self.mean_inventory += i128::from(inst.mean_inventory(span).0);
        self.max_inventory += i128::from(inst.max_abs_inventory.0);
        for (sum, one) in self.markouts.iter_mut().zip(&inst.markouts) {
            *sum = (sum.0 + one.0, sum.1 + one.1);
        }
        self.spread += inst.pnl.spread.0;
        self.inventory += inst.pnl.inventory.0;
        self.hedge += inst.pnl.hedge.0;
        self.fees += inst.pnl.fees.0;
        self.total += report.total().0;
    }

    fn mean(&self, sum: i128) -> i128 {
        sum / i128::from(self.runs.max(1))
    }

    pub fn inventory_mean(&self) -> Qty {
        Qty(self.mean(self.mean_inventory) as i64)
    }

    pub fn inventory_peak(&self) -> Qty {
        Qty(self.mean(self.max_inventory) as i64)
    }

    pub fn total_mean(&self) -> Notional {
        Notional(self.mean(self.total))
    }

    /// The mid's mean move in our favour after a maker's fill, of all fills of all runs.
    pub fn markout(&self, horizon: usize) -> Option<Bps> {
        let (count, sum) = self.markouts[horizon];
        (count > 0).then(|| Bps((sum / i128::from(count)) as i64))
    }

    /// The figures of a table's row, each a mean of one run.
    pub fn cells(&self) -> String {
        let per_run = |count: u64| tenths(i128::from(count) * 10 / i128::from(self.runs.max(1)));
        let money = |sum: i128| decimal(self.mean(sum) / i128::from(SCALE), 3);
        let markout = |h| {
            self.markout(h).map_or_else(|| "-".to_owned(), |b| decimal(i128::from(b.0) * BPS, 2))
        };
        format!(
            "{:>7}{:>7}{:>6}{:>8}{:>8}{:>7}{:>7}{:>7}{:>9}{:>9}{:>9}{:>9}{:>9}",
            per_run(self.fills),
            per_run(self.hedge_fills),
            per_run(self.guard_engaged),
            decimal(self.mean(self.mean_inventory), 4),
            decimal(self.mean(self.max_inventory), 3),
            markout(0),
            markout(1),
            markout(2),
            money(self.spread),
            money(self.inventory),
            money(self.hedge),
            money(self.fees),
            money(self.total),
        )
    }

    pub fn json(&self) -> Value {
        let money = |sum: i128| Notional(self.mean(sum)).to_string();
        let markouts: Vec<_> =
            (0..HORIZONS.len()).map(|h| self.markout(h).map(|b| b.to_string())).collect();
        json!({
            "runs": self.runs,
            "fills": self.fills,
            "hedge_fills": self.hedge_fills,
            "guard_engaged": self.guard_engaged,
            "rejects": self.rejects,
            "mean_abs_inventory": self.inventory_mean().to_string(),
            "max_abs_inventory": self.inventory_peak().to_string(),
            "markout_bps": markouts,
            "pnl": {
                "spread": money(self.spread),
                "inventory": money(self.inventory),
                "hedge": money(self.hedge),
                "fees": money(self.fees),
                "total": money(self.total),
            },
        })
    }
}

impl Study {
    /// One more pair of runs over `span` of market time.
    pub fn add(&mut self, with: &BacktestReport, without: &BacktestReport, span: Nanos) {
        self.with.add(with, span);
        self.without.add(without, span);
        let (a, b) = (&with.instruments[0], &without.instruments[0]);
        self.less_inventory += i64::from(a.inventory_time < b.inventory_time);
        self.smaller_peak += i64::from(a.max_abs_inventory < b.max_abs_inventory);
        self.calmer_guard += i64::from(a.guard_engaged < b.guard_engaged);
        self.higher_total += i64::from(with.total() > without.total());
    }

    pub fn json(&self) -> Value {
        json!({
            "with": self.with.json(),
            "without": self.without.json(),
            "pairs": self.with.runs,
            "pairs_with_less_inventory": self.less_inventory,
            "pairs_with_smaller_peak": self.smaller_peak,
            "pairs_with_calmer_guard": self.calmer_guard,
            "pairs_with_higher_total": self.higher_total,
        })
    }

    /// In how many of the pairs the run with the part was ahead: inventory, peak, guard, total.
    pub fn ahead(&self) -> String {
        let n = self.with.runs;
        let Study { less_inventory, smaller_peak, calmer_guard, higher_total, .. } = self;
        format!("{less_inventory:>4}{smaller_peak:>6}{calmer_guard:>6}{higher_total:>6} of {n}")
    }
}

/// The head of [`Sums::cells`].
pub fn head() -> String {
    format!(
        "{:>7}{:>7}{:>6}{:>8}{:>8}{:>7}{:>7}{:>7}{:>9}{:>9}{:>9}{:>9}{:>9}",
        "fills",
        "hedged",
        "guard",
        "mean|q|",
        "max|q|",
        "m1s",
        "m5s",
        "m30s",
        "spread",
        "invent.",
        "hedge",
        "fees",
        "total",
    )
}

/// A raw 10^-8 number with this many decimals, cut.
pub fn decimal(raw: i128, decimals: u32) -> String {
    let cut = raw / 10i128.pow(8 - decimals);
    let scale = 10i128.pow(decimals);
    let sign = if cut < 0 { "-" } else { "" };
    let (whole, rest) = (cut.abs() / scale, cut.abs() % scale);
    format!("{sign}{whole}.{rest:0width$}", width = decimals as usize)
}

fn tenths(count: i128) -> String {
    format!("{}.{}", count / 10, count % 10)
}
