//! Hot. One instrument's state, and the copy of it that people see.

use super::InstConfig;
use super::standing::{StandingParams, Watch};
use crate::book::{Book, Top};
use crate::event::{Component, Refused, Stamp};
use crate::instrument::{InstId, Instrument, Quantizer, SpecError};
use crate::ledger::{Ledger, PnlSplit};
use crate::orders::{OrderState, Orders};
use crate::strategy::hedge_exec::{HedgeReason, Hedger, OwnOrders};
use crate::strategy::ladder::Allocated;
use crate::strategy::ladder_quote::LadderMaker;
use crate::strategy::lead::{Lead, LeadShift};
use crate::strategy::maker::{Maker, Silence};
use crate::strategy::quality::{Quality, QualityReport};
use crate::strategy::signal::Signals;
use crate::units::{Bps, Nanos, Notional, Price, Qty, Side};

/// One instrument's state.
#[derive(Debug)]
pub(crate) struct InstState {
    pub config: InstConfig,
    pub quantizer: Quantizer,
    pub book: Book,
    pub signals: Signals,
    pub orders: Orders,
    pub ledger: Ledger,
    pub maker: Maker,
    pub ladder: Option<LadderMaker>,
    pub hedger: Hedger,
    /// The market that hedges this one, and the position that it was last told; `None` in doubt.
    pub hedged_on: Option<InstId>,
    pub told: Option<Qty>,
    pub lead: Option<Lead>,
    /// What the lead last said.
    pub lead_shift: LeadShift,
    /// Stamp of the first bytes since the last decision.
    pub cause: Stamp,
    pub dirty: bool,
    /// A standing rule refused this component's side: not before then.
    pub back_off: [[Nanos; 2]; Component::ALL.len()],
    /// Last explanation of each side and of the hedger, so that only news is written.
    pub said: [Said; 2],
    pub said_ladder: [Option<Allocated>; 2],
    pub said_hedge: Option<HedgeReason>,
    /// Last refusal of each component's side, and when it was said.
    pub said_refused: [[Option<(Refused, Nanos)>; 2]; Component::ALL.len()],
    pub quality: Quality,
    /// The maker's side is not placed before then: its last order was refused.
    pub maker_pause: [Nanos; 2],
    /// The maker's side that makes way for a hedge, and until when at most.
    pub make_way: Option<(Side, Nanos)>,
    /// What the venue says our position is, when it is not the ledger's.
    pub mismatch: Option<Mismatch>,
    /// When a fresh snapshot of the torn book was asked for.
    pub asked_snapshot: Nanos,
    /// Marked result of this instrument, less what an opening position had gained before the run.
    pub total: Notional,
    pub base: Notional,
    /// The opening position's gain is not in `base` yet: there was no mid.
    pub rebase: bool,
    pub max_abs_position: Qty,
    pub valued: Valued,
    pub unwinding: bool,
    /// The next unwinding order is not placed before then.
    pub unwind_after: Nanos,
    /// Rules, proof, clock, margin.
    pub watch: Watch,
}

/// What the venue last said of a market's value; zeros before. For reports: nothing is decided
/// from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Valued {
    pub mark: Price,
    pub oracle: Price,
    /// The rate of an hour in 10^-12, positive when longs pay.
    pub funding: i64,
}

/// A position report that is not the ledger's position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    pub venue: Qty,
    pub entry: Price,
    /// Since when both have stood still and disagreed.
    pub since: Nanos,
    /// When the venue's view was asked for again.
    pub asked: Nanos,
}

/// What was last said about a side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub silence: Option<Silence>,
    pub quoted: bool,
}

/// What people see of one instrument: a copy for the dashboard and the report.
#[derive(Clone, Copy, Debug)]
pub struct InstSnapshot {
    pub inst: InstId,
    pub top: Option<Top>,
    pub position: Qty,
    pub max_abs_position: Qty,
    pub fills: u64,
    pub volatility: Option<Bps>,
    pub trend: Bps,
    pub maker: Maker,
    pub hedger: Hedger,
    pub realized: Notional,
    pub pnl: PnlSplit,
    pub maker_volume: Notional,
    pub taker_volume: Notional,
    pub open_orders: usize,
    pub quality: QualityReport,
    pub valued: Valued,
}

impl InstState {
    pub(crate) fn new(
        instrument: Instrument,
        config: &InstConfig,
        standing: &StandingParams,
    ) -> Result<InstState, SpecError> {
        let ladder = config.ladder.as_ref().map(LadderMaker::new).transpose();
        Ok(InstState {
            ladder: ladder.map_err(|_| SpecError::Model)?,
            quantizer: Quantizer::new(instrument),
            book: Book::default(),
            signals: Signals::new(config.signals),
            orders: Orders::default(),
            ledger: Ledger::new(config.pnl_window),
            maker: Maker::default(),
            hedger: Hedger::default(),
            hedged_on: None,
            told: Some(Qty::ZERO),
            lead: config.lead.map(Lead::new),
            lead_shift: LeadShift::default(),
            config: config.clone(),
            cause: Stamp(0),
            dirty: false,
            back_off: [[Nanos::ZERO; 2]; Component::ALL.len()],
            said: [Said::default(); 2],
            said_ladder: [None; 2],
            said_hedge: None,
            said_refused: [[None; 2]; Component::ALL.len()],
            quality: Quality::default(),
            maker_pause: [Nanos::ZERO; 2],
            make_way: None,
            mismatch: None,
            asked_snapshot: Nanos::ZERO,
            total: Notional::ZERO,
            base: Notional::ZERO,
            rebase: false,
            max_abs_position: Qty::ZERO,
            valued: Valued::default(),
            unwinding: false,
            unwind_after: Nanos::ZERO,
            watch: Watch::new(standing),
        })
    }

    /// Twice the mid at which the position is marked: the book's, or the last one that was valid.
    pub(crate) fn marked_mid2(&self) -> i64 {
        match self.book.top() {
            Some(top) => top.mid2(),
            None => self.signals.last_mid2(),
        }
    }

    pub(crate) fn own_orders(&self, component: Component) -> OwnOrders {
        let mut own = OwnOrders::default();
        for order in self.orders.iter().filter(|o| o.component == component) {
            own.open += 1;
            own.unknown += u32::from(order.state == OrderState::Unknown);
            own.live += u32::from(order.state == OrderState::Live);
        }
        own
    }

    /// Whose the resting quotes of this market are.
    #[inline]
    pub(crate) fn quoting_component(&self) -> Component {
        if self.ladder.is_some() { Component::Ladder } else { Component::Maker }
    }

    /// The side whose fills would shrink the position.
    pub(crate) fn reducing_side(&self) -> Option<Side> {
        Side::of_sign(self.ledger.position()).map(Side::opposite)
    }

    /// A fill came while the venue's position was not ours: it may be what was missing. If not, both
    /// have to stand still anew before one is believed.
    pub(crate) fn recheck(&mut self, now: Nanos) {
        let ours = self.ledger.position();
        match &mut self.mismatch {
            Some(m) if m.venue == ours => self.mismatch = None,
            Some(m) => m.since = now,
            None => {}
        }
    }
}
