//! Cold. What is gathered about one order while the journal passes by.

use crate::core::{Core, CoreConfig};
use crate::event::{
    Action, CancelReason, Component, Event, OrderId, Refused, RejectReason, Tif, VenueOrderState,
};
use crate::explain::{Alarm, Note};
use crate::instrument::InstId;
use crate::ops::explain::walk::Group;
use crate::ops::explain::words::Seen;
use crate::strategy::quality::HORIZONS;
use crate::units::{Bps, Nanos, Price, Qty, SCALE, Side};

/// How far the mid has moved for us after a fill: from the fill's price, and from the mid then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Markout {
    pub mid2: i64,
    pub from_price: Bps,
    pub from_mid: Bps,
}

#[derive(Clone, Debug)]
pub struct Filled {
    pub now: Nanos,
    pub px: Price,
    pub qty: Qty,
    pub taker: bool,
    pub fee: i64,
    /// Twice the mid when the fill came; zero where there was none.
    pub mid2: i64,
    /// By [`HORIZONS`]; `None` where the journal does not reach.
    pub markouts: [Option<Markout>; HORIZONS.len()],
}

/// What happened to it, beside fills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    Acked {
        resting: bool,
        venue_oid: u64,
    },
    /// We asked for its end, for this reason.
    CancelSent(String),
    /// We asked that this order take its place, for this reason.
    ModifySent(OrderId, String),
    CancelRefused {
        gone: bool,
    },
    Canceled(CancelReason),
    Rejected {
        reason: RejectReason,
        code: u32,
    },
    Unsent(Refused),
    Unknown,
    Asked,
    State(VenueOrderState),
}

#[derive(Debug)]
pub struct Story {
    pub id: OrderId,
    pub inst: InstId,
    pub component: Component,
    pub side: Side,
    pub tif: Tif,
    pub reduce_only: bool,
    pub px: Price,
    pub qty: Qty,
    pub placed: Nanos,
    pub record: u64,
    pub seen: Seen,
    /// The quote or the hedge step that wanted it.
    pub why: Option<Note>,
    pub happened: Vec<(Nanos, Happened)>,
    pub fills: Vec<Filled>,
}

impl Story {
    /// `None` when the action places no order of a market that the configuration has.
    pub fn begin(
        action: &Action,
        group: &Group,
        core: &mut Core,
        config: &CoreConfig,
    ) -> Option<Story> {
        let (inst, side, tif, reduce_only, component, order, px, qty) = match *action {
            Action::Place { inst, side, tif, reduce_only, component, order, px, qty } => {
                (inst, side, tif, reduce_only, component, order, px, qty)
            }
            Action::Modify { inst, side, tif, component, order, px, qty, .. } => {
                (inst, side, tif, false, component, order, px, qty)
            }
            _ => return None,
        };
        let seen = Seen::of(core, inst)?;
        debug_assert!(usize::from(inst.0) < config.instruments.len(), "the core has it");
        let why = group.notes.iter().find(|note| match **note {
            Note::Quote { inst: i, side: s, silence: None, .. } => {
                component == Component::Maker && (i, s) == (inst, side)
            }
            Note::Hedge { inst: i, .. } => component == Component::Hedger && i == inst,
            Note::Level { inst: i, side: s, px: p, .. } => {
                component == Component::Ladder && (i, s, p) == (inst, side, px)
            }
            _ => false,
        });
        Some(Story {
            id: order,
            inst,
            component,
            side,
            tif,
            reduce_only,
            px,
            qty,
            placed: group.input.now,
            record: group.record,
            seen,
            why: why.copied(),
            happened: Vec::new(),
            fills: Vec::new(),
        })
    }

    /// The sum of its fills.
    pub fn filled(&self) -> Qty {
        Qty(self.fills.iter().map(|f| f.qty.0).sum())
    }

    /// Markouts that come due before an input at `now`: the core still holds the mid of then.
    pub fn mark(&mut self, now: Nanos, core: &Core) {
        let Some(state) = core.insts.get(usize::from(self.inst.0)) else { return };
        let (mid2, sign) = (state.marked_mid2(), self.side.sign());
        for fill in &mut self.fills {
            for (slot, horizon) in fill.markouts.iter_mut().zip(HORIZONS) {
                let due = fill.now.after(horizon);
                if slot.is_some() || now <= due || mid2 == 0 {
                    continue;
                }
                let from_price = moved(2 * fill.px.0, mid2, sign);
                *slot = Some(Markout { mid2, from_price, from_mid: moved(fill.mid2, mid2, sign) });
            }
        }
    }

    pub fn group(&mut self, group: &Group, said: &[[Option<Note>; 2]], core: &Core) {
        let now = group.input.now;
        if let Some(happened) = self.event(&group.input.event, now, core) {
            // Venues say some things twice, in the answer and on the user's stream: told once.
            if self.happened.iter().all(|(_, before)| *before != happened) {
                self.happened.push((now, happened));
            }
        }
        for action in &group.actions {
            match *action {
                Action::Cancel { order, .. } if order == self.id => {
                    let why = self.cancel_cause(group, said);
                    self.happened.push((now, Happened::CancelSent(why)));
                }
                Action::Modify { old, order, .. } if old == self.id => {
                    let why = self.cancel_cause(group, said);
                    self.happened.push((now, Happened::ModifySent(order, why)));
                }
                Action::Query { order, .. } if order == self.id => {
                    self.happened.push((now, Happened::Asked));
                }
                _ => {}
            }
        }
    }

    fn event(&mut self, event: &Event, now: Nanos, core: &Core) -> Option<Happened> {
        let id = self.id;
        Some(match *event {
            Event::Ack { order, venue_oid, resting, .. } if order == id => {
                Happened::Acked { resting, venue_oid }
            }
            Event::Reject { order, reason, code, .. } if order == id => {
                Happened::Rejected { reason, code }
            }
            Event::Canceled { order, reason, .. } if order == id => Happened::Canceled(reason),
            Event::CancelReject { order, gone, .. } if order == id => {
                Happened::CancelRefused { gone }
            }
            Event::OutcomeUnknown { order, .. } if order == id => Happened::Unknown,
            Event::OrderState { order, state, .. } if order == id => Happened::State(state),
            Event::Unsent { order, reason, .. } if order == id => Happened::Unsent(reason),
            Event::Fill { order, px, qty, taker, fee, .. } if order == id => {
                let state = core.insts.get(usize::from(self.inst.0))?;
                let (mid2, markouts) = (state.marked_mid2(), [None; HORIZONS.len()]);
                self.fills.push(Filled { now, px, qty, taker, fee, mid2, markouts });
                return None;
            }
            _ => return None,
        })
    }

    /// Why we asked for its end, from what stands beside the cancel.
    fn cancel_cause(&self, group: &Group, said: &[[Option<Note>; 2]]) -> String {
        match group.input.event {
            Event::Gap { reason, .. } => return format!("the book tore: {}", reason.name()),
            Event::LinkDown { link, .. } => return format!("the {} link went down", link.name()),
            Event::Command { command } => return format!("command {}", command.name()),
            Event::Reject { .. } => return "rejects in a row opened the breaker".to_owned(),
            _ => {}
        }
        for note in &group.notes {
            match *note {
                Note::FastCancel { order, edge, .. } if order == self.id => {
                    return format!("the new book left it an edge of {} bps", Bps(edge));
                }
                Note::Alarm { alarm: alarm @ (Alarm::LossLimit | Alarm::Drawdown), .. } => {
                    return alarm.name().to_owned();
                }
                Note::Hedge { inst, reason, .. }
                    if self.component == Component::Hedger && inst == self.inst =>
                {
                    return format!("the hedge goes on: {}", reason.name());
                }
                Note::Refused { inst, side, component, reason: Refused::SelfCross, .. }
                    if inst == self.inst && side != self.side =>
                {
                    return format!("it makes way for an order of the {}", component.name());
                }
                _ => {}
            }
        }
        let side = said.get(usize::from(self.inst.0)).and_then(|s| s[self.side.index()]);
        match side {
            Some(Note::Quote { silence: Some(why), .. }) => {
                format!("the side fell silent: {}", why.name())
            }
            Some(Note::Quote { px, qty, .. }) if self.component.is_quoting() => {
                format!("requoted: the quote is {qty} @ {px}")
            }
            _ => "no longer wanted".to_owned(),
        }
    }
}

/// How far `to` lies from `from` in our favour; both are doubled prices, so it is exact to the bps'
/// last place.
fn moved(from: i64, to: i64, sign: i64) -> Bps {
    if from == 0 {
        return Bps::ZERO;
    }
    let diff = (i128::from(to) - i128::from(from)) * i128::from(sign);
    Bps((diff * i128::from(SCALE) / i128::from(from)) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_is_in_our_favour_by_side() {
        // Bought at 100, mid 100.05 later: 5 bps for us; sold, 5 bps against us.
        let (at, later) = (2 * 100 * SCALE, 2 * 100 * SCALE + SCALE / 10);
        assert_eq!(moved(at, later, 1), Bps::whole(5));
        assert_eq!(moved(at, later, -1), Bps::whole(-5));
        assert_eq!(moved(0, later, 1), Bps::ZERO);
    }
}
