//! Cold. What the exchange does with an action: checks, matching, accounting.
//!
//! The order of the checks is the venue's as far as it is known: form (market, size, price), band,
//! minimum, reduce-only, open-order limit, margin, then the post-only test against the book.

use crate::event::Tif;
use crate::instrument::InstId;
use crate::units::{Notional, Price, Qty, RAW_MAX, Side};

use super::account::fee;
use super::book::{Draft, Order};
use super::exchange::{Exchange, Fault};
use super::reject::{Reject, RejectKind};
use super::types::*;

/// Largest notional of an order, raw 10^-16: 10^14 quote. Sums of many stay far within an `i128`.
const VALUE_MAX: i128 = 1_000_000_000_000_000_000_000_000_000_000;
/// Largest position with all open orders filled: four times the largest order, within an `i64`.
const POSITION_MAX: i128 = 4 * RAW_MAX as i128;

/// How an incoming order met the book.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    pub qty: i64,
    /// Sum of price x quantity.
    pub value: i128,
}

impl Exchange {
    /// Executes one action and answers each of its entries.
    pub(super) fn execute(&mut self, account: AccountId, request: u64, entries: &[Request]) {
        let reject_all = |f| matches!(f, Fault::Reject(reason) if RejectKind::of_reason(reason).is_whole_action());
        let refused = match self.faults.strike(account, None, reject_all) {
            Some(Fault::Reject(reason)) => {
                Some(Reject { kind: RejectKind::of_reason(reason), asset: 0 })
            }
            _ => None,
        };
        let lost = self.faults.strike(account, None, |f| f == Fault::DropResponse).is_some();
        for (i, entry) in entries.iter().enumerate() {
            let outcome = match refused {
                Some(reject) => Outcome::Rejected(reject),
                None => match self.execute_entry(account, entry) {
                    Ok(outcome) => outcome,
                    Err(reject) => Outcome::Rejected(reject),
                },
            };
            if !lost {
                let (entry, last) = (i as u16, i + 1 == entries.len());
                let now = self.now;
                let notice = Notice::Response { account, request, entry, last, outcome };
                self.tell(account, now, notice);
            }
        }
    }

    fn execute_entry(&mut self, account: AccountId, entry: &Request) -> Result<Outcome, Reject> {
        match *entry {
            Request::Place(order) => self.place(account, order),
            Request::Cancel { inst, target } => {
                let found = self.accounts[account.0 as usize].open_oid(target);
                let oid = found.filter(|&oid| self.orders.get(oid).is_some_and(|o| o.inst == inst));
                let Some(oid) = oid else { return Err(self.reject(inst, RejectKind::NotOpen)) };
                self.cancel(oid, OrderStatus::Canceled);
                Ok(Outcome::Done)
            }
            Request::Modify { target, mut order, always_place } => {
                let found = self.accounts[account.0 as usize].open_oid(target);
                if !always_place {
                    if found.is_none() {
                        return Err(self.reject(order.inst, RejectKind::ModifyNotOpen));
                    }
                    if order.tif == Tif::Ioc {
                        return Err(self.reject(order.inst, RejectKind::ModifyTif));
                    }
                    order.tif = Tif::Alo;
                }
                if let Some(oid) = found {
                    self.cancel(oid, OrderStatus::Canceled);
                }
                self.place(account, order)
            }
            Request::CancelAll => {
                self.cancel_all(account, OrderStatus::Canceled);
                Ok(Outcome::Done)
            }
            Request::ScheduleCancel { at } => {
                self.schedule_dead_man(account, at);
                Ok(Outcome::Done)
            }
            Request::Leverage { inst, leverage } => {
                if leverage == 0 || leverage > self.rules.leverage_max {
                    return Err(self.reject(inst, RejectKind::Leverage));
                }
                if usize::from(inst.0) >= self.venues.len() {
                    return Err(self.reject(inst, RejectKind::UnknownAsset));
                }
                self.accounts[account.0 as usize].holdings[usize::from(inst.0)].leverage = leverage;
                Ok(Outcome::Done)
            }
        }
    }

    fn reject(&self, inst: InstId, kind: RejectKind) -> Reject {
        let asset = self.instrument(inst).map_or(u32::from(inst.0), |i| i.spec.asset);
        Reject { kind, asset }
    }

    /// Places an order of an account, and tells it what became of it.
    fn place(&mut self, account: AccountId, mut order: NewOrder) -> Result<Outcome, Reject> {
        if self.instrument(order.inst).is_none() {
            return Err(self.reject(order.inst, RejectKind::UnknownAsset));
        }
        let checked = self.check(account, &mut order);
        let mut draft = self.draft(account, &order);
        let taken = checked.map(|()| self.take(&mut draft));
        let refused = match taken {
            Err(kind) => Some(kind),
            Ok(Taken { qty: 0, .. }) if order.tif == Tif::Ioc => Some(RejectKind::IocNoMatch),
            Ok(_) => None,
        };
        if let Some(kind) = refused {
            let reject = self.reject(order.inst, kind);
            self.close_unrested(&draft, OrderStatus::Rejected(reject));
            return Err(reject);
        }
        let (oid, cloid) = (draft.oid, order.cloid);
        if draft.left > 0 && order.tif != Tif::Ioc {
            self.rest(&draft);
            return Ok(Outcome::Resting { oid, cloid });
        }
        let whole = draft.left == 0;
        let status = if whole { OrderStatus::Filled } else { OrderStatus::IocCanceled };
        self.close_unrested(&draft, status);
        let Taken { qty, value } = taken.unwrap_or_default();
        let avg_px = Price((value / i128::from(qty)) as i64);
        Ok(Outcome::Filled { oid, cloid, qty: Qty(qty), avg_px })
    }

    pub(super) fn draft(&mut self, account: AccountId, order: &NewOrder) -> Draft {
        Draft {
            oid: self.orders.reserve(),
            account,
            inst: order.inst,
            side: order.side,
            px: order.px.0,
            qty: order.qty.0,
            left: order.qty.0,
            tif: order.tif,
            reduce_only: order.reduce_only,
            cloid: order.cloid,
        }
    }

    /// The venue's rules, in the order of the module's head. Shrinks a reduce-only order.
    fn check(&mut self, account: AccountId, order: &mut NewOrder) -> Result<(), RejectKind> {
        let inst = order.inst;
        let reject_one = |f| matches!(f, Fault::Reject(reason) if !RejectKind::of_reason(reason).is_whole_action());
        if let Some(Fault::Reject(reason)) = self.faults.strike(account, Some(inst), reject_one) {
            return Err(match RejectKind::of_reason(reason) {
                RejectKind::WouldCross { .. } => self.would_cross(inst),
                kind => kind,
            });
        }
        let venue = self.venue(inst);
        let spec = &venue.inst.spec;
        let (min_size, min_notional) = (spec.min_size, spec.min_notional);
        if order.qty.0 <= 0 {
            return Err(RejectKind::ZeroSize);
        }
        let value = Notional::of(order.px, order.qty);
        if order.qty.0 > RAW_MAX || value.0 > VALUE_MAX || !venue.inst.is_whole_lots(order.qty) {
            return Err(RejectKind::InvalidSize);
        }
        if order.px.0 <= 0 || order.px.0 > RAW_MAX {
            return Err(RejectKind::InvalidPrice);
        }
        if !venue.inst.is_on_grid(order.px) {
            return Err(RejectKind::Tick);
        }
        if let Some(mark) = self.mark(inst) {
            let distance = i128::from((order.px.0 - mark.0).abs()) * 1000;
            if distance > i128::from(mark.0) * i128::from(self.rules.price_band_permille) {
                return Err(RejectKind::PriceTooFar);
            }
        }
        let holding = &self.accounts[account.0 as usize].holdings[usize::from(inst.0)];
        let position = holding.position.qty.0;
        if order.reduce_only {
            let closable = holding.closable(order.side);
            if closable == 0 {
                return Err(RejectKind::ReduceOnly);
            }
            order.qty = order.qty.min(Qty(closable));
        }
        let closes = order.reduce_only && order.qty.0 == position.abs()
            || order.tif == Tif::Ioc && !self.rules.takers_have_minimum;
        if !closes && order.qty < min_size {
            return Err(RejectKind::InvalidSize);
        }
        if !closes && Notional::of(order.px, order.qty) < min_notional {
            return Err(RejectKind::MinNotional);
        }
        self.check_account(account, order)
    }

    fn check_account(&self, account: AccountId, order: &NewOrder) -> Result<(), RejectKind> {
        let owner = &self.accounts[account.0 as usize];
        if order.tif != Tif::Ioc && owner.open.len() >= self.rules.open_orders_max as usize {
            return Err(RejectKind::TooManyOrders);
        }
        let (inst, side) = (usize::from(order.inst.0), order.side);
        if !order.reduce_only {
            let holding = &owner.holdings[inst];
            let most = i128::from(holding.position.qty.0.abs())
                + holding.open[side.index()]
                + i128::from(order.qty.0);
            if most > POSITION_MAX {
                return Err(RejectKind::PositionLimit);
            }
            let mark = |i: usize| self.mark_or(i, if i == inst { order.px } else { Price::ZERO });
            let with = owner.margin(mark, Some((inst, side, order.qty.0)));
            // An order that needs no more than is in use already is let through: it reduces.
            if with.used > with.equity && with.used > owner.margin(mark, None).used {
                return Err(RejectKind::Margin);
            }
        }
        if order.tif == Tif::Alo && self.crosses(order.inst, side, order.px.0) {
            return Err(self.would_cross(order.inst));
        }
        Ok(())
    }

    fn would_cross(&self, inst: InstId) -> RejectKind {
        let Bbo { bid, ask } = self.bbo(inst);
        let px = |level: Option<BookLevel>| level.map_or(Price::ZERO, |l| l.px);
        RejectKind::WouldCross { bid: px(bid), ask: px(ask) }
    }

    /// Would an order at this price trade at once?
    pub(super) fn crosses(&self, inst: InstId, side: Side, px: i64) -> bool {
        let best = self.venue(inst).book.best_px(side.opposite());
        best.is_some_and(|best| best * side.sign() <= px * side.sign())
    }

    /// Matches an incoming order until it is filled or does not cross any more.
    pub(super) fn take(&mut self, draft: &mut Draft) -> Taken {
        let mut taken = Taken::default();
        let (inst, side, account) = (draft.inst, draft.side, draft.account);
        while draft.left > 0 && self.crosses(inst, side, draft.px) {
            let Some(slot) = self.venue(inst).book.front(side.opposite()) else { break };
            let maker = *self.orders.at(slot);
            if maker.account == account && account != CROWD {
                self.cancel(maker.oid, OrderStatus::SelfTradeCanceled);
                continue;
            }
            let mut qty = draft.left.min(maker.left);
            if maker.reduce_only {
                let owner = &self.accounts[maker.account.0 as usize];
                qty = qty.min(owner.holdings[usize::from(inst.0)].closable(maker.side));
                debug_assert!(qty > 0, "reduce-only orders without a position are cancelled");
            }
            draft.left -= qty;
            taken.qty += qty;
            taken.value += Notional::of(Price(maker.px), Qty(qty)).0;
            self.trade(draft, &maker, slot, qty);
        }
        if taken.qty > 0 {
            self.touched(inst);
            self.drop_reduce_only(account, inst);
        }
        taken
    }

    /// One trade of an incoming order with the resting order in `slot`.
    fn trade(&mut self, taker: &Draft, maker: &Order, slot: u32, qty: i64) {
        let (inst, px, now) = (taker.inst, Price(maker.px), self.now);
        self.trades += 1;
        let tid = self.trades;
        let venue = &mut self.venues[usize::from(inst.0)];
        venue.last_trade = Some(px);
        let rest = venue.book.reduce(&mut self.orders, slot, qty);
        let (buyer, seller) = match taker.side {
            Side::Buy => (taker.account, maker.account),
            Side::Sell => (maker.account, taker.account),
        };
        let side = taker.side;
        self.tell_public(Notice::Trade(Trade {
            inst,
            side,
            px,
            qty: Qty(qty),
            tid,
            buyer,
            seller,
            at: now,
        }));
        // The crowd's trades with itself move no account.
        if buyer == CROWD && seller == CROWD {
            return;
        }
        self.book(&taker.order(now), true, px, qty, tid);
        self.book(maker, false, px, qty, tid);
        if maker.account == CROWD {
            return;
        }
        self.accounts[maker.account.0 as usize].reduced(maker, qty);
        if rest.left == 0 {
            self.close(rest.view(OrderStatus::Filled, now));
        } else {
            self.tell(maker.account, now, Notice::Order(rest.view(OrderStatus::Open, now)));
        }
        self.drop_reduce_only(maker.account, inst);
    }

    /// Books one side of a trade and tells its account.
    fn book(&mut self, order: &Order, taker: bool, px: Price, qty: i64, tid: u64) {
        let spec = &self.venue(order.inst).inst.spec;
        let rate = if taker { spec.taker_fee } else { spec.maker_fee };
        let crowd = order.account == CROWD;
        let fee = if crowd { 0 } else { fee(Notional::of(px, Qty(qty)), rate) };
        let owner = &mut self.accounts[order.account.0 as usize];
        let inst = usize::from(order.inst.0);
        let start_position = owner.holdings[inst].position.qty;
        let closed_pnl = owner.book_fill(inst, order.side, px, qty, fee);
        self.collected += Notional::from_raw(fee).0;
        if crowd {
            return;
        }
        let fill = Fill {
            account: order.account,
            inst: order.inst,
            oid: order.oid,
            cloid: order.cloid,
            side: order.side,
            px,
            qty: Qty(qty),
            fee,
            tid,
            taker,
            start_position,
            dir: Dir::of(start_position, owner.holdings[inst].position.qty),
            closed_pnl,
            at: self.now,
        };
        owner.record(fill);
        self.tell(order.account, self.now, Notice::Fill(fill));
        let again = |f| f == Fault::DuplicateFill;
        if self.faults.strike(order.account, Some(order.inst), again).is_some() {
            self.tell(order.account, self.now, Notice::Fill(fill));
        }
    }

    /// Puts what is left of an incoming order on the book.
    pub(super) fn rest(&mut self, draft: &Draft) {
        let now = self.now;
        let venue = &mut self.venues[usize::from(draft.inst.0)];
        venue.book.push(&mut self.orders, draft, now);
        if draft.account != CROWD {
            let order = draft.order(now);
            self.accounts[draft.account.0 as usize].opened(&order);
            self.tell(draft.account, now, Notice::Order(order.view(OrderStatus::Open, now)));
            self.drop_reduce_only(draft.account, draft.inst);
        }
        self.touched(draft.inst);
    }

    /// Takes a resting order off the book.
    ///
    /// # Panics
    /// When it does not rest: the caller has looked it up.
    pub(super) fn cancel(&mut self, oid: u64, status: OrderStatus) {
        let inst = self.orders.get(oid).expect("the caller looked it up").inst;
        let order = self.venues[usize::from(inst.0)].book.remove(&mut self.orders, oid);
        if order.account != CROWD {
            self.accounts[order.account.0 as usize].reduced(&order, order.left);
            self.close(order.view(status, self.now));
        }
        self.touched(inst);
    }

    pub(super) fn cancel_all(&mut self, account: AccountId, status: OrderStatus) {
        for oid in self.accounts[account.0 as usize].open.clone() {
            self.cancel(oid, status);
        }
    }

    /// Reduce-only orders that have nothing left to reduce are cancelled by the venue.
    fn drop_reduce_only(&mut self, account: AccountId, inst: InstId) {
        let owner = &self.accounts[account.0 as usize];
        if owner.reduce_only_open == 0 {
            return;
        }
        let holding = &owner.holdings[usize::from(inst.0)];
        let idle = |oid: &&u64| {
            self.orders
                .get(**oid)
                .is_some_and(|o| o.reduce_only && o.inst == inst && holding.closable(o.side) == 0)
        };
        let idle: Vec<u64> = owner.open.iter().filter(idle).copied().collect();
        for oid in idle {
            self.cancel(oid, OrderStatus::ReduceOnlyCanceled);
        }
    }

    /// The end of an order that is not on the book any more.
    fn close(&mut self, view: OrderView) {
        self.accounts[view.account.0 as usize].closed(view);
        self.tell(view.account, self.now, Notice::Order(view));
    }

    /// The end of an order that never rested.
    fn close_unrested(&mut self, draft: &Draft, status: OrderStatus) {
        self.orders.release(draft.oid);
        self.close(draft.order(self.now).view(status, self.now));
    }
}
