//! Hot. A hedge on another market: what its hedger sees of both, and what ties them together.
//!
//! The hedger stands with the market that it trades on, so that orders, answers, rejects, breakers,
//! limits and the venue's rules are that market's as for any other component. Only what it brings
//! back is another: the exposure of both positions (`strategy/exposure.rs`).

use super::decide::say_hedge;
use super::{Core, InstState, Outputs};
use crate::event::{Component, OrderId, Stamp};
use crate::explain::Alarm;
use crate::instrument::InstId;
use crate::strategy::exposure::HedgeFor;
use crate::strategy::{Target, View};
use crate::units::{Qty, Side};

/// Who hedges for whom, told to both.
///
/// # Panics
/// Where a market hedges for itself or for two, has a strategy of its own besides, or hedges for one
/// that is hedged elsewhere too: the configuration refuses all of it.
pub(super) fn tie(insts: &mut [InstState]) {
    for at in 0..insts.len() {
        let Some(HedgeFor { made, .. }) = insts[at].config.hedge_for else { continue };
        let own = &insts[at].config;
        assert!(own.hedger.is_some() && own.quoting().is_none(), "it hedges and does nothing else");
        let on = &mut insts[usize::from(made.0)];
        assert!(usize::from(made.0) != at, "a market that hedges for itself has a plain hedger");
        let taken = on.config.hedger.is_some() || on.hedged_on.is_some();
        assert!(!taken, "an inventory is hedged once");
        on.hedged_on = Some(InstId(at as u16));
    }
}

impl Core {
    /// The position of a market that is hedged on another one is not what it was: the other decides.
    pub(super) fn tell_hedge(&mut self, inst: InstId, cause: Stamp) {
        let state = &mut self.insts[usize::from(inst.0)];
        let Some(on) = state.hedged_on else { return };
        let known = state.mismatch.is_none().then(|| state.ledger.position());
        if state.told != known {
            state.told = known;
            self.touch(on, cause);
        }
    }

    /// The exposure that this market's hedger answers for; `None` while one of the positions is in
    /// doubt. A plain hedger's is the position.
    pub(super) fn exposure(&self, inst: InstId) -> Option<Qty> {
        let state = &self.insts[usize::from(inst.0)];
        let held = state.ledger.position();
        let Some(HedgeFor { made, ratio, .. }) = state.config.hedge_for else { return Some(held) };
        let made = &self.insts[usize::from(made.0)];
        made.mismatch.is_none().then(|| ratio.exposure(made.ledger.position(), held))
    }

    /// What a hedger on another market sees: this market's book, both positions, and orders that
    /// this market's limits have room for. `None`: it does not know what there is to hedge, and what
    /// rests of it goes.
    pub(super) fn hedge_view(
        &mut self,
        inst: InstId,
        view: &View,
        cause: Stamp,
        out: &mut Outputs,
    ) -> Option<View> {
        let Some(inventory) = self.exposure(inst) else {
            self.pull(inst, cause, out, |o| o.component == Component::Hedger);
            return None;
        };
        // Where it adds to what is held here, it has the room that the position limits leave.
        let side = Side::of_sign(inventory).map_or(Side::Buy, Side::opposite);
        let room = view.room[side.index()].max(Qty::ZERO);
        Some(View { inventory, order_max: view.order_max.min(room), ..*view })
    }

    /// This market can't be traded on now, and hedges for another: what waits for it is not
    /// forgotten, and stuck at its deadline.
    #[cold]
    pub(super) fn hedge_blind(&mut self, inst: InstId, out: &mut Outputs) {
        let now = self.now;
        let config = &self.insts[usize::from(inst.0)].config;
        let (Some(params), Some(_)) = (config.hedger, config.hedge_for) else { return };
        if self.risk.is_killed() || !self.is_ready(inst) {
            return;
        }
        let Some(exposure) = self.exposure(inst) else { return };
        let state = &mut self.insts[usize::from(inst.0)];
        let step = state.hedger.blocked(&params, now, exposure);
        say_hedge(state, inst, exposure, &step, out);
        if step.stuck {
            self.alarm(inst, Alarm::HedgerStuck, OrderId::EXTERNAL, out);
        }
        if let Some(at) = step.wake {
            self.wake(inst, at);
        }
    }

    /// Does the guard of whoever made the inventory shrink the clips?
    pub(super) fn hedge_guarded(&self, inst: InstId) -> bool {
        let state = &self.insts[usize::from(inst.0)];
        let made = state.config.hedge_for.map_or(inst, |f| f.made);
        self.insts[usize::from(made.0)].maker.pnl_guard.is_active()
    }

    /// A hedger's order as this market may take it. On another market a hedge opens a position there,
    /// which an order that only reduces cannot; it only reduces where it closes what is held.
    pub(super) fn hedge_target(&self, inst: InstId, target: Target) -> Target {
        let state = &self.insts[usize::from(inst.0)];
        if state.config.hedge_for.is_none() {
            return target;
        }
        let held = state.ledger.position();
        let closes = state.reducing_side() == Some(target.side) && target.qty <= held.abs();
        Target { reduce_only: closes, ..target }
    }
}
