//! Cold. An account of the embedded exchange: money, positions, open orders, what happened.

use std::collections::{BTreeMap, VecDeque};

use crate::units::{Bps, Nanos, Notional, Price, Qty, SCALE, Side};

use super::book::Order;
use super::types::{Cloid, Fill, Margin, OrderRef, OrderView, Position};

/// Position, open quantity and leverage on one market.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holding {
    pub position: Position,
    /// Sum of what is left of open orders that are not reduce-only, by side.
    pub open: [i128; 2],
    pub leverage: u32,
}

impl Holding {
    /// The largest |position| that the open orders could make of it.
    fn exposure(&self, extra: [i128; 2]) -> i128 {
        let qty = i128::from(self.position.qty.0);
        let long = qty + self.open[0] + extra[0];
        let short = qty - self.open[1] - extra[1];
        long.abs().max(short.abs())
    }

    /// How much an order of this side may close.
    pub fn closable(&self, side: Side) -> i64 {
        let qty = self.position.qty.0;
        if Side::of_sign(Qty(qty)) == Some(side.opposite()) { qty.abs() } else { 0 }
    }
}

#[derive(Debug)]
pub(super) struct Account {
    /// Raw 10^-16 quote: deposits less the cost of all fills, fees and funding.
    pub cash: i128,
    pub holdings: Vec<Holding>,
    /// Oids of open orders, growing.
    pub open: Vec<u64>,
    pub reduce_only_open: u32,
    pub dead_man: Option<Nanos>,
    /// Private notices keep their order: none is due before this.
    pub told_until: Nanos,
    cloids: BTreeMap<Cloid, u64>,
    closed: VecDeque<OrderView>,
    fills: VecDeque<Fill>,
    history: usize,
}

impl Account {
    pub fn new(cash: Notional, leverage: &[u32], history: usize) -> Account {
        let holding =
            |&leverage: &u32| Holding { position: Position::default(), open: [0; 2], leverage };
        Account {
            cash: cash.0,
            holdings: leverage.iter().map(holding).collect(),
            open: Vec::new(),
            reduce_only_open: 0,
            dead_man: None,
            told_until: Nanos::ZERO,
            cloids: BTreeMap::new(),
            closed: VecDeque::with_capacity(history),
            fills: VecDeque::with_capacity(history),
            history,
        }
    }

    pub fn opened(&mut self, order: &Order) {
        debug_assert!(self.open.last().is_none_or(|&o| o < order.oid));
        self.open.push(order.oid);
        if let Some(cloid) = order.cloid {
            self.cloids.insert(cloid, order.oid);
        }
        if order.reduce_only {
            self.reduce_only_open += 1;
        } else {
            self.holdings[usize::from(order.inst.0)].open[order.side.index()] +=
                i128::from(order.left);
        }
    }

    /// An open order lost `qty` by a fill or a cancel.
    pub fn reduced(&mut self, order: &Order, qty: i64) {
        if !order.reduce_only {
            self.holdings[usize::from(order.inst.0)].open[order.side.index()] -= i128::from(qty);
        }
    }

    /// An open order is open no more; `view` is its end.
    pub fn closed(&mut self, view: OrderView) {
        if let Ok(at) = self.open.binary_search(&view.oid) {
            self.open.remove(at);
            if view.reduce_only {
                self.reduce_only_open -= 1;
            }
        }
        if let Some(cloid) = view.cloid.filter(|c| self.cloids.get(c) == Some(&view.oid)) {
            self.cloids.remove(&cloid);
        }
        keep(&mut self.closed, view, self.history);
    }

    pub fn record(&mut self, fill: Fill) {
        keep(&mut self.fills, fill, self.history);
    }

    pub fn open_oid(&self, target: OrderRef) -> Option<u64> {
        match target {
            OrderRef::Oid(oid) => self.open.binary_search(&oid).is_ok().then_some(oid),
            OrderRef::Cloid(cloid) => self.cloids.get(&cloid).copied(),
        }
    }

    /// The newest closed order of this name, if it is still kept.
    pub fn closed_order(&self, target: OrderRef) -> Option<&OrderView> {
        self.closed.iter().rev().find(|o| match target {
            OrderRef::Oid(oid) => o.oid == oid,
            OrderRef::Cloid(cloid) => o.cloid == Some(cloid),
        })
    }

    pub fn closed_orders(&self) -> impl DoubleEndedIterator<Item = &OrderView> {
        self.closed.iter()
    }

    pub fn fills(&self) -> impl DoubleEndedIterator<Item = &Fill> {
        self.fills.iter()
    }

    /// Books a trade and returns what it realized, without the fee.
    pub fn book_fill(
        &mut self,
        inst: usize,
        side: Side,
        px: Price,
        qty: i64,
        fee: i64,
    ) -> Notional {
        let holding = &mut self.holdings[inst];
        let cost = Notional::of(px, Qty(qty * side.sign())).0;
        self.cash -= cost + Notional::from_raw(fee).0;
        let position = &mut holding.position;
        position.fees += fee;
        let before = position.qty.0;
        let after = before + qty * side.sign();
        let realized = if before == 0 || before.signum() == side.sign() {
            position.cost.0 += cost;
            0
        } else {
            // What closes takes its share of the cost with it; the rest opens at this price.
            let closing = qty.min(before.abs());
            let released = share(position.cost.0, closing, before.abs());
            let closed = Notional::of(px, Qty(closing * side.sign())).0;
            position.cost.0 += cost - closed - released;
            -(closed + released)
        };
        position.qty = Qty(after);
        position.realized.0 += realized;
        Notional(realized)
    }

    /// Money at these marks, with `extra` open quantity on one market.
    pub fn margin(
        &self,
        mark: impl Fn(usize) -> Price,
        extra: Option<(usize, Side, i64)>,
    ) -> Margin {
        let mut out = Margin { cash: Notional(self.cash), ..Margin::default() };
        out.equity.0 = self.cash;
        for (i, holding) in self.holdings.iter().enumerate() {
            let mut more = [0; 2];
            if let Some((_, side, qty)) = extra.filter(|e| e.0 == i) {
                more[side.index()] = i128::from(qty);
            }
            let exposure = holding.exposure(more);
            if exposure > 0 {
                let mark = mark(i);
                let value = Notional::of(mark, holding.position.qty).0;
                out.equity.0 += value;
                out.position_notional.0 += value.abs();
                let need = exposure.saturating_mul(i128::from(mark.0)) as u128;
                out.used.0 += need.div_ceil(u128::from(holding.leverage)) as i128;
            }
        }
        out
    }
}

/// `cost` x `part` / `whole`, toward zero, for 0 < part <= whole; whole times cost may not fit.
fn share(cost: i128, part: i64, whole: i64) -> i128 {
    let (part, whole) = (i128::from(part), i128::from(whole));
    if part == whole {
        return cost;
    }
    match cost.checked_mul(part) {
        Some(product) => product / whole,
        // cost = q x whole + r: q x part fits because cost does, r x part < 10^19 x 10^19.
        None => cost / whole * part + cost % whole * part / whole,
    }
}

fn keep<T>(list: &mut VecDeque<T>, item: T, most: usize) {
    if list.len() == most {
        list.pop_front();
    }
    list.push_back(item);
}

/// The fee on a notional in raw 10^-8 quote, rounded up: a fee against the account, and a rebate
/// too.
pub(super) fn fee(notional: Notional, rate: Bps) -> i64 {
    const UNIT: i128 = SCALE as i128 * SCALE as i128;
    let scaled = match notional.0.checked_mul(i128::from(rate.0)) {
        Some(product) => ceil(product, UNIT),
        // Beyond 10^38: the last eight places of the notional are far below one unit of fee.
        None => ceil(ceil(notional.0, SCALE.into()) * i128::from(rate.0), SCALE.into()),
    };
    i64::try_from(scaled).unwrap_or(if scaled > 0 { i64::MAX } else { i64::MIN })
}

fn ceil(n: i128, d: i128) -> i128 {
    let q = n.div_euclid(d);
    if n.rem_euclid(d) == 0 { q } else { q + 1 }
}
