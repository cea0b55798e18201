//! Hot. The maker's part of a decision: what it sees of its own hits, its quotes, and the smallest
//! set of changes that brings them about.

use super::{Core, InstState, Outputs, Said};
use crate::event::{Component, OrderId, Stamp};
use crate::explain::Note;
use crate::instrument::InstId;
use crate::orders::{Order, OrderState};
use crate::strategy::maker::{self, SideQuote, Silence};
use crate::strategy::requote;
use crate::strategy::{Target, View};
use crate::units::{Bps, Price, Qty, Side};

impl Core {
    /// The maker: quotes, explanations, changes.
    pub(super) fn make(
        &mut self,
        inst: InstId,
        view: Option<&View>,
        silence: Option<Silence>,
        cause: Stamp,
        out: &mut Outputs,
    ) {
        let state = &mut self.insts[usize::from(inst.0)];
        if state.config.maker.is_none() {
            return;
        }
        // The maker always sees the market, so that its guards keep their memory; what silences it
        // from outside then takes the place of its quotes.
        let silent = |side| SideQuote::silent(side, silence.unwrap_or(Silence::BookInvalid));
        let mut quotes;
        let mut kept = None;
        if let Some(view) = view {
            quotes = state.quotes(inst, view, out);
            let stays = match silence {
                // The venue refuses our orders, so nothing new is placed; but a resting quote that
                // reduces inventory stays as long as it is where it should be.
                Some(Silence::Breaker) => {
                    kept = state.reducing_side();
                    kept
                }
                // Nothing that adds is proved; what reduces goes on as it is.
                Some(Silence::Unproved) => state.reducing_side(),
                _ => None,
            };
            if silence.is_some() {
                for quote in quotes.iter_mut().filter(|q| stays != Some(q.side)) {
                    *quote = silent(quote.side);
                }
            }
        } else {
            quotes = [silent(Side::Buy), silent(Side::Sell)];
        }
        // Every cancel goes before every new order: egress puts neighbours of one kind into one
        // frame, so a quote that moves on both sides costs two signatures and not four.
        let mut changes = [None; 2];
        for (quote, changes) in quotes.iter_mut().zip(&mut changes) {
            if self.makes_way(inst, quote.side) {
                *quote = SideQuote::silent(quote.side, Silence::Risk);
            }
            self.counts.silences[quote.silence.map_or(0, |s| s as usize)] += 1;
            let state = &mut self.insts[usize::from(inst.0)];
            // Borrowed: the parameters are half a kilobyte.
            let Some(params) = &state.config.maker else { return };
            let targets = maker::targets(quote, params, &mut state.quantizer);
            let cancels_only = kept == Some(quote.side);
            *changes = self.requote(inst, quote, &targets, cancels_only, cause, out);
        }
        if changes.iter().any(Option::is_some) {
            self.bring_about(inst, Component::Maker, &changes, cause, out, |_, _, _, _| {});
        }
    }

    /// The orders of both sides: the modifies of all, then the new ones, so that egress can put
    /// neighbours of one kind into one frame. `placed` is told of each that was let out.
    pub(super) fn bring_about<const N: usize>(
        &mut self,
        inst: InstId,
        component: Component,
        changes: &[Option<Wanted<N>>; 2],
        cause: Stamp,
        out: &mut Outputs,
        placed: impl Fn(&Core, usize, Target, &mut Outputs),
    ) {
        let sides = || {
            changes.iter().enumerate().filter_map(|(side, wanted)| Some((side, wanted.as_ref()?)))
        };
        // A refusal has its own note and counter.
        for (side, wanted) in sides() {
            for (old, target) in wanted.moves() {
                if self.modify(inst, component, old, target, cause, out).is_ok() {
                    placed(self, side, target, out);
                }
            }
        }
        for (side, wanted) in sides() {
            for target in wanted.new_ones() {
                if self.place(inst, component, target, cause, out).is_ok() {
                    placed(self, side, target, out);
                }
            }
        }
    }

    /// Does this side stay away for a hedge that it would trade with?
    pub(super) fn makes_way(&self, inst: InstId, side: Side) -> bool {
        let way = self.insts[usize::from(inst.0)].make_way;
        way.is_some_and(|(away, until)| away == side && self.now < until)
    }

    /// Cancels what does not fit the quote's targets; returns what is to take its place. `cancels_only`:
    /// nothing takes the place of what goes.
    pub(super) fn requote<const N: usize>(
        &mut self,
        inst: InstId,
        quote: &SideQuote,
        targets: &[Option<Target>; N],
        cancels_only: bool,
        cause: Stamp,
        out: &mut Outputs,
    ) -> Option<Wanted<N>> {
        let now = self.now;
        let state = &mut self.insts[usize::from(inst.0)];
        let own = state.orders.iter().filter(|o| o.component.is_quoting());
        let mut changes = requote::diff(&state.config.requote, now, quote.side, targets, own);
        let pause = state.maker_pause[quote.side.index()];
        if cancels_only || now < pause {
            if !cancels_only && changes.places() {
                changes.later = Some(changes.later.map_or(pause, |at| at.min(pause)));
            }
            changes.cancels_only();
        }
        let any = changes.places();
        say_quote(state, inst, quote, any, out);
        for id in changes.cancel.into_iter().flatten() {
            self.cancel(inst, id, cause, out);
        }
        if let Some(at) = changes.later {
            self.wake(inst, at);
        }
        any.then_some(Wanted { place: changes.place, old: changes.old })
    }
}

/// What one side is to get, after its cancels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<const N: usize> {
    place: [Option<Target>; N],
    /// Whose place each target takes, if not a new one.
    old: [Option<OrderId>; N],
}

impl<const N: usize> Wanted<N> {
    fn moves(&self) -> impl Iterator<Item = (OrderId, Target)> {
        self.old.iter().zip(&self.place).filter_map(|(old, target)| Some(((*old)?, (*target)?)))
    }

    fn new_ones(&self) -> impl Iterator<Item = Target> {
        let rows = self.old.iter().zip(&self.place);
        rows.filter_map(|(old, target)| if old.is_none() { *target } else { None })
    }
}

impl InstState {
    /// The maker's quotes with our hits in mind.
    fn quotes(&mut self, inst: InstId, view: &View, out: &mut Outputs) -> [SideQuote; 2] {
        let quality = self.quality_widening(inst, view, out);
        let Some(params) = &self.config.maker else {
            return Side::BOTH.map(|side| SideQuote::silent(side, Silence::NotReady));
        };
        self.maker.quote(params, view, quality, &mut self.quantizer)
    }

    /// Takes the markouts that are due; by how much they widen each side.
    pub(super) fn quality_widening(
        &mut self,
        inst: InstId,
        view: &View,
        out: &mut Outputs,
    ) -> [Bps; 2] {
        let reducing = self.reducing_side();
        let alone = [self.is_alone(Side::Buy, view), self.is_alone(Side::Sell, view)];
        let Some(params) = self.config.quoting() else { return [Bps::ZERO; 2] };
        let notes = &mut out.notes;
        self.quality.update(&params.quality, view.now, view.top.mid2(), |m| {
            notes.push(Note::Markout {
                inst,
                side: m.side,
                horizon: m.horizon as u8,
                from_fill: m.from_fill,
                from_mid: m.from_mid,
                age: m.age,
            });
        });
        self.quality.widening(&params.quality, view.now, alone, reducing)
    }

    /// Is our resting quote all there is at the best price of its side?
    #[inline]
    fn is_alone(&self, side: Side, view: &View) -> bool {
        let best = view.top.side(side);
        let at_best = |o: &&Order| {
            o.component.is_quoting()
                && o.side == side
                && o.px == best.px
                && matches!(o.state, OrderState::Live | OrderState::Canceling)
        };
        let ours: i64 = self.orders.iter().filter(at_best).map(|o| o.open.0).sum();
        ours > 0 && best.qty.0 <= ours
    }

    /// How much this side may add until a position limit, with everything of other components on
    /// it counted as filled. Its own quotes are what the new targets replace.
    #[inline]
    pub(super) fn room(&self, side: Side, inventory: Qty, mid: Price) -> Qty {
        let limits = &self.config.limits;
        let others: i64 = self
            .orders
            .iter()
            .filter(|o| o.side == side && !o.component.is_quoting())
            .map(|o| o.open.0)
            .sum();
        let taken = side.sign() * inventory.0 + others;
        let by_qty = limits.position.0 - taken;
        // The notional limit costs a division only when it is nearer than the other one.
        let reach = i128::from(limits.position.0) * i128::from(mid.0);
        if reach <= limits.inventory_notional.0 {
            return Qty(by_qty);
        }
        let most = limits.inventory_notional.0 / i128::from(mid.0.max(1));
        Qty(by_qty.min((most - i128::from(taken)) as i64))
    }

    /// The largest order that the limits let through at this mid. A quote stands up to the price
    /// band away from it, where the same size has a larger notional.
    #[inline]
    pub(super) fn order_max(&self, mid: Price) -> Qty {
        let limits = &self.config.limits;
        let far = mid.shift(limits.price_band).0.max(1);
        if i128::from(limits.order_qty.0) * i128::from(far) <= limits.order_notional.0 {
            return limits.order_qty;
        }
        Qty((limits.order_notional.0 / i128::from(far)) as i64)
    }
}

/// Writes a quote's explanation when it places something, or when its silence is news.
fn say_quote(
    state: &mut InstState,
    inst: InstId,
    quote: &SideQuote,
    places: bool,
    out: &mut Outputs,
) {
    let said = Said { silence: quote.silence, quoted: quote.silence.is_none() };
    let before = std::mem::replace(&mut state.said[quote.side.index()], said);
    if !places && before == said {
        return;
    }
    let SideQuote { side, silence, raised, px, qty, parts, factors, .. } = *quote;
    out.notes.push(Note::Quote { inst, side, silence, raised, px, qty, parts, factors });
}
