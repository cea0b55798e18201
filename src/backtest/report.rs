//! Cold. What a backtest found.

use super::Backtest;
use crate::core::InstConfig;
use crate::event::{Component, Refused, RejectReason};
use crate::explain::Alarm;
use crate::instrument::InstId;
use crate::ledger::PnlSplit;
use crate::strategy::ladder::Allocated;
use crate::strategy::maker::Silence;
use crate::strategy::quality::HORIZONS;
use crate::units::{Bps, Nanos, Notional, Qty};

/// One instrument's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstReport {
    pub max_abs_inventory: Qty,
    pub final_inventory: Qty,
    /// Integral of |inventory| over time, raw 10^-8 base units x ns.
    pub inventory_time: i128,
    /// Time with |inventory| above the asymmetric threshold and above the hedger's trigger.
    pub above_asymmetric: Nanos,
    pub above_trigger: Nanos,
    /// Time in which inventory that an order could reduce had its reducing side silenced by a
    /// filter of the maker. Must be zero.
    pub silent_exit: Nanos,
    pub pnl: PnlSplit,
    /// By horizon (1, 5, 30 s): samples and their sum from the fill's price; the mean is
    /// [`InstReport::mean_markout`].
    pub markouts: [(u64, i128); HORIZONS.len()],
    /// Hedges begun.
    pub hedges: u64,
    /// Times that the PnL guard engaged.
    pub guard_engaged: u64,
    /// Sizes that the hedger sent, in order, at most `CLIPS_MAX` of them.
    pub clips: Vec<Qty>,
    /// The most orders of a side that were wanted at once, and the smallest and largest of all
    /// that the ladder sent.
    pub ladder: LadderReport,
    pub breakers: Vec<Component>,
    asymmetric: Option<Qty>,
    trigger: Option<Qty>,
}

/// What a ladder sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LadderReport {
    pub orders: u64,
    pub smallest: Qty,
    pub largest: Qty,
    /// Most levels of a side that it said it quotes, and the largest total of one.
    pub levels: u8,
    pub total: Qty,
    /// Times that a side began to put all on one level, and that every level was filtered.
    pub concentrated: u64,
    pub filtered: u64,
}

/// Hedge sizes that are kept.
pub const CLIPS_MAX: usize = 64;

impl InstReport {
    pub(super) fn new(config: &InstConfig) -> InstReport {
        InstReport {
            max_abs_inventory: Qty::ZERO,
            final_inventory: Qty::ZERO,
            inventory_time: 0,
            above_asymmetric: Nanos::ZERO,
            above_trigger: Nanos::ZERO,
            silent_exit: Nanos::ZERO,
            pnl: PnlSplit::default(),
            markouts: [(0, 0); HORIZONS.len()],
            hedges: 0,
            guard_engaged: 0,
            clips: Vec::new(),
            ladder: LadderReport::default(),
            breakers: Vec::new(),
            asymmetric: config.quoting().map(|m| m.asymmetric_above),
            trigger: config.hedger.map(|h| h.rule.trigger),
        }
    }

    pub(super) fn spend(&mut self, span: Nanos, held: Qty, silent_exit: bool) {
        let held = held.abs();
        self.inventory_time += i128::from(held.0) * i128::from(span.0);
        let add = |to: &mut Nanos, when: bool| {
            if when {
                *to = to.after(span);
            }
        };
        add(&mut self.above_asymmetric, self.asymmetric.is_some_and(|t| held > t));
        add(&mut self.above_trigger, self.trigger.is_some_and(|t| held > t));
        add(&mut self.silent_exit, silent_exit);
    }

    pub(super) fn markout(&mut self, horizon: usize, from_fill: Bps) {
        let row = &mut self.markouts[horizon];
        *row = (row.0 + 1, row.1 + i128::from(from_fill.0));
    }

    pub(super) fn sent(&mut self, component: Component, qty: Qty) {
        if component == Component::Hedger && self.clips.len() < CLIPS_MAX {
            self.clips.push(qty);
        }
        if component == Component::Ladder {
            let l = &mut self.ladder;
            l.smallest = if l.orders == 0 { qty } else { l.smallest.min(qty) };
            l.largest = l.largest.max(qty);
            l.orders += 1;
        }
    }

    pub(super) fn ladder(&mut self, how: Allocated, levels: u8, total: Qty) {
        self.ladder.levels = self.ladder.levels.max(levels);
        self.ladder.total = self.ladder.total.max(total);
        self.ladder.concentrated += u64::from(how == Allocated::Concentrated);
        self.ladder.filtered += u64::from(how == Allocated::BelowFloor);
    }

    /// The mid's mean move in our favour after a maker's fill; `None` without a sample.
    pub fn mean_markout(&self, horizon: usize) -> Option<Bps> {
        let (count, sum) = self.markouts[horizon];
        (count > 0).then(|| Bps((sum / i128::from(count)) as i64))
    }

    /// Mean |inventory| over `span`.
    pub fn mean_inventory(&self, span: Nanos) -> Qty {
        Qty((self.inventory_time / i128::from(span.0.max(1))) as i64)
    }
}

/// What a backtest found. Equal when the runs were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BacktestReport {
    pub fills: u64,
    /// Of these, the hedger's and of unwinding.
    pub hedge_fills: u64,
    pub orders_sent: u64,
    pub cancels_sent: u64,
    pub fast_cancels: u64,
    /// What the venue refused, by [`RejectReason`].
    pub rejects: Vec<(&'static str, u64)>,
    /// What risk refused, by component and [`Refused`].
    pub refusals: Vec<(&'static str, &'static str, u64)>,
    pub alarms: Vec<(&'static str, u64)>,
    pub silences: Vec<(&'static str, u64)>,
    /// Orders that the venue's rules forbid, judged as they left.
    pub illegal: u64,
    pub halted: bool,
    pub state_hash: u64,
    pub instruments: Vec<InstReport>,
    /// The venue's positions at the end, and how many orders rest there.
    pub venue_positions: Vec<Qty>,
    pub venue_open: usize,
}

impl BacktestReport {
    pub fn total(&self) -> Notional {
        Notional(self.instruments.iter().map(|i| i.pnl.total.0).sum())
    }

    pub fn rejected(&self, reason: RejectReason) -> u64 {
        count(&self.rejects, reason.name())
    }

    pub fn alarmed(&self, alarm: Alarm) -> u64 {
        count(&self.alarms, alarm.name())
    }

    pub fn silenced(&self, silence: Silence) -> u64 {
        count(&self.silences, silence.name())
    }

    /// Refusals of risk for this reason, of all components.
    pub fn refused(&self, reason: Refused) -> u64 {
        self.refusals.iter().filter(|r| r.1 == reason.name()).map(|r| r.2).sum()
    }
}

fn count(rows: &[(&'static str, u64)], name: &str) -> u64 {
    rows.iter().find(|r| r.0 == name).map_or(0, |r| r.1)
}

fn counted(rows: impl Iterator<Item = (&'static str, u64)>) -> Vec<(&'static str, u64)> {
    rows.filter(|(_, count)| *count > 0).collect()
}

impl Backtest {
    /// Where the run stands.
    pub fn report(&mut self) -> BacktestReport {
        let mut instruments = Vec::with_capacity(self.insts.len());
        for i in 0..self.insts.len() {
            let inst = InstId(i as u16);
            let snapshot = self.core.snapshot(inst);
            let mut report = self.insts[i].clone();
            report.max_abs_inventory = snapshot.max_abs_position;
            report.final_inventory = snapshot.position;
            report.pnl = snapshot.pnl;
            report.hedges = snapshot.hedger.hedges();
            report.guard_engaged = snapshot.maker.pnl_guard.engaged();
            let open = |c: &Component| self.core.risk.breaker_open(inst, *c);
            report.breakers = Component::ALL.into_iter().filter(open).collect();
            instruments.push(report);
        }
        let counts = self.core.counts();
        let mut refusals = Vec::new();
        for component in Component::ALL {
            for reason in Refused::ALL {
                let count = self.core.refusals()[component as usize][*reason as usize];
                if count > 0 {
                    refusals.push((component.name(), reason.name(), count));
                }
            }
        }
        let markets = 0..self.insts.len() as u16;
        BacktestReport {
            fills: counts.fills,
            hedge_fills: counts.hedge_fills,
            orders_sent: counts.orders_sent,
            cancels_sent: counts.cancels_sent,
            fast_cancels: counts.fast_cancels,
            rejects: counted(
                RejectReason::ALL.iter().map(|r| (r.name(), counts.rejects[*r as usize])),
            ),
            refusals,
            alarms: counted(Alarm::ALL.iter().map(|a| (a.name(), counts.alarms[*a as usize]))),
            silences: counted(
                Silence::ALL.iter().map(|s| (s.name(), counts.silences[*s as usize])),
            ),
            illegal: self.illegal,
            halted: self.core.is_halted(),
            state_hash: self.core.hash(),
            instruments,
            venue_positions: markets
                .map(|i| self.exchange.position(self.account, InstId(i)).qty)
                .collect(),
            venue_open: self.exchange.open_orders(self.account).count(),
        }
    }
}
