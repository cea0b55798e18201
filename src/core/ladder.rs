//! Hot. The ladder's part of a decision: its sides, what is said about them, and the smallest set
//! of changes that brings them about.

use super::{Core, InstState, Outputs};
use crate::event::{Component, Stamp};
use crate::explain::Note;
use crate::instrument::InstId;
use crate::strategy::ladder::Allocated;
use crate::strategy::ladder_quote::LadderSide;
use crate::strategy::maker::{SideQuote, Silence};
use crate::strategy::{Target, View};
use crate::units::{Notional, Qty, Side};

impl Core {
    /// The ladder: sides, explanations, changes. As the maker's, see `quote.rs`.
    pub(super) fn make_ladder(
        &mut self,
        inst: InstId,
        view: Option<&View>,
        silence: Option<Silence>,
        cause: Stamp,
        out: &mut Outputs,
    ) {
        let equity = self.equity;
        let state = &mut self.insts[usize::from(inst.0)];
        if state.ladder.is_none() {
            return;
        }
        let outside = silence.unwrap_or(Silence::BookInvalid);
        let silent = |side, why| LadderSide::silent(SideQuote::silent(side, why));
        let mut sides = Side::BOTH.map(|side| silent(side, outside));
        let mut kept = None;
        if let Some(view) = view {
            let own = state.ladder_sides(inst, view, equity, out);
            match silence {
                None => sides = own,
                Some(Silence::Breaker) => kept = state.reducing_side(),
                Some(_) => {}
            }
            if let Some(side) = kept {
                sides[side.index()] = own[side.index()];
            }
        }
        let mut changes = [None; 2];
        for (side, changes) in sides.iter_mut().zip(&mut changes) {
            let at = side.quote.side;
            if self.makes_way(inst, at) {
                *side = silent(at, Silence::Risk);
            }
            self.counts.silences[side.quote.silence.map_or(0, |s| s as usize)] += 1;
            self.say_ladder(inst, side, out);
            let cancels_only = kept == Some(at);
            *changes = self.requote(inst, &side.quote, &side.targets, cancels_only, cause, out);
        }
        let say = |core: &Core, side: usize, target: Target, out: &mut Outputs| {
            core.say_level(inst, &sides[side], target, out);
        };
        if changes.iter().any(Option::is_some) {
            self.bring_about(inst, Component::Ladder, &changes, cause, out, say);
        }
    }

    /// How the capacity was spread, when that is news.
    fn say_ladder(&mut self, inst: InstId, side: &LadderSide, out: &mut Outputs) {
        let Some(how) = side.how else { return };
        let state = &mut self.insts[usize::from(inst.0)];
        let (at, other) = (side.quote.side.index(), side.quote.side.opposite().index());
        if state.said_ladder[at].replace(how) == Some(how) {
            return;
        }
        // Flat, both sides have one capacity: one warning is enough.
        let both = state.said_ladder[other] == Some(how) && state.ledger.position() == Qty::ZERO;
        if how == Allocated::BelowFloor && both {
            return;
        }
        match how {
            Allocated::Concentrated => self.counts.ladder_concentrated += 1,
            Allocated::BelowFloor => self.counts.ladder_filtered += 1,
            _ => {}
        }
        let levels = side.targets.iter().flatten().count() as u8;
        let (capacity, floor, total) = (side.capacity, side.floor, side.total());
        let side = side.quote.side;
        out.notes.push(Note::Ladder { inst, side, how, levels, capacity, floor, total });
    }

    fn say_level(&self, inst: InstId, side: &LadderSide, target: Target, out: &mut Outputs) {
        let state = &self.insts[usize::from(inst.0)];
        let level = side.targets.iter().position(|t| *t == Some(target));
        let (Some(params), Some(level)) = (&state.config.ladder, level) else { return };
        out.notes.push(Note::Level {
            inst,
            side: target.side,
            level: level as u8,
            px: target.px,
            qty: target.qty,
            distance: params.distance(level),
            weight: side.weights[level],
            floor: side.floors[level],
        });
    }

    /// The account is worth something else: what ladders may take of it has changed.
    pub(super) fn touch_ladders(&mut self) {
        for i in 0..self.insts.len() {
            if self.insts[i].ladder.is_some() {
                self.touch(InstId(i as u16), Stamp(0));
            }
        }
    }
}

impl InstState {
    /// What both sides should be, with our hits in mind.
    fn ladder_sides(
        &mut self,
        inst: InstId,
        view: &View,
        equity: Option<Notional>,
        out: &mut Outputs,
    ) -> [LadderSide; 2] {
        let quality = self.quality_widening(inst, view, out);
        let (Some(params), Some(ladder)) = (&self.config.ladder, &mut self.ladder) else {
            let silent = |side| LadderSide::silent(SideQuote::silent(side, Silence::NotReady));
            return Side::BOTH.map(silent);
        };
        let drafts = self.maker.draft(&params.shared, view, quality);
        let exits = Side::BOTH.map(|side| self.maker.filter(&params.shared, side).is_some());
        ladder.quote(params, view, drafts, exits, equity, &mut self.quantizer)
    }
}
