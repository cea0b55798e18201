//! Cold. What was accepted, at its time: into requests of the exchange.

use super::check::REST_MIN_MS;
use super::hub::{Doing, Due, Hub, Queued};
use super::ledger::Order;
use super::send::{side, tif};
use super::tx::{Body, CANCEL_MARKET, Create, ORDER_VERSION};
use super::wire::ms;
use crate::instrument::InstId;
use crate::sim::exchange::{NewOrder, OrderRef, Request};
use crate::units::{Nanos, Notional, Price, Qty};

impl Hub {
    pub(super) fn execute(&mut self, due: Due) {
        match due {
            Due::Tx(queued) => self.execute_tx(*queued),
            Due::Expiry(index) => {
                let Some(order) = self.ledger.live.get_mut(&index) else { return };
                order.expires = None;
                let (slot, inst, hash) = (order.slot, order.inst, order.hash.clone());
                self.cancel(slot, inst, index, hash, "canceled-expired");
            }
            Due::CancelAll(slot) => {
                self.directory.holders[slot].scheduled = None;
                self.cancel_all(slot, None, String::new());
            }
        }
    }

    fn execute_tx(&mut self, queued: Queued) {
        let Queued { slot, key, tx, hash } = queued;
        if let Body::Create(order) = tx.body {
            let name = (slot, order.client.unsigned_abs());
            if let Some(at) = self.coming.iter().position(|c| *c == name) {
                self.coming.swap_remove(at);
            }
        }
        let late = tx.expires_ms <= ms(self.now).cast_signed();
        let failed = if late {
            // It has not used its nonce, if none was used after it.
            let key = &mut self.directory.holders[slot].keys[key];
            if key.last == tx.nonce {
                key.last -= 1;
            }
            Some("transaction is expired")
        } else {
            match tx.body {
                Body::Create(order) => self.create(slot, &order, tx.nonce, &hash),
                Body::Cancel { index, .. } => match self.ledger.find(slot, index.unsigned_abs()) {
                    None => Some("given order is not an active limit order"),
                    Some(order) => {
                        let (inst, index) = (order.inst, order.index);
                        self.cancel(slot, inst, index, hash.clone(), "canceled");
                        None
                    }
                },
                Body::Modify { index, base, price, .. } => {
                    let version = tx.option(ORDER_VERSION);
                    self.modify(slot, index.unsigned_abs(), (price, base), version, tx.nonce, &hash)
                }
                Body::CancelAll { tif, time_ms } => {
                    let only = tx.option(CANCEL_MARKET).and_then(|m| self.directory.market(m));
                    let only = only.map(|m| m.inst);
                    self.cancel_by(slot, tif, time_ms, only, &hash);
                    None
                }
                Body::Leverage { market, fraction, .. } => {
                    self.leverage(slot, market, fraction);
                    None
                }
            }
        };
        let now = self.now;
        if let Some(row) = self.ledger.txs.get_mut(&hash) {
            row.executed = now;
            row.status = if late { 0 } else { 2 };
            if let Some(text) = failed {
                text.clone_into(&mut row.error);
            }
        }
        self.news.tx(slot, hash);
    }

    fn request(&mut self, slot: usize, hash: &str, request: Request) {
        let number = self.number();
        self.requests.insert(number, hash.to_owned());
        let (now, account) = (self.now, self.slot_account(slot));
        self.exchange.submit(now, account, number, &[request]);
    }

    fn create(&mut self, slot: usize, o: &Create, nonce: i64, hash: &str) -> Option<&'static str> {
        let now = self.now;
        let rests = o.tif != 0;
        if rests && o.expiry_ms < ms(now).cast_signed() + REST_MIN_MS {
            // Taken, and never heard of again.
            return Some("order expiry is too near");
        }
        let market = self.directory.market(o.market)?;
        let (inst, px, qty) = (market.inst, market.price(o.price)?, market.size(o.base)?);
        let side = side(o.is_ask);
        let index = self.ledger.number(side);
        let expires = rests.then(|| {
            // Not negative: it is later than now.
            let at = Nanos(o.expiry_ms.unsigned_abs().saturating_mul(1_000_000));
            self.at(at, Due::Expiry(index))
        });
        self.ledger.open(Order {
            index,
            client: o.client.unsigned_abs(),
            slot,
            inst,
            side,
            kind: o.kind,
            tif: o.tif,
            reduce_only: o.reduce_only == 1,
            px,
            initial: qty,
            left: qty,
            filled: Qty::ZERO,
            filled_quote: Notional::ZERO,
            expiry_ms: o.expiry_ms,
            expires,
            version: 0,
            status: "in-progress",
            nonce,
            created: now,
            updated: now,
            hash: hash.to_owned(),
        });
        let order = NewOrder {
            inst,
            side,
            px,
            qty,
            tif: tif(o.tif),
            reduce_only: o.reduce_only == 1,
            cloid: Some(u128::from(index)),
        };
        self.request(slot, hash, Request::Place(order));
        None
    }

    /// `ends`: the order's last status.
    fn cancel(&mut self, slot: usize, inst: InstId, index: u64, hash: String, ends: &'static str) {
        let target = OrderRef::Cloid(u128::from(index));
        self.request(slot, &hash, Request::Cancel { inst, target });
        self.doing.insert(index, Doing { hash, ends });
    }

    /// Price and whole size are replaced, what was filled stays counted in it, and the order goes to the
    /// end of its queue. A whole size of no more than what was filled ends the order: it is filled, and
    /// whole at that. (The venue's circuit: elliottech/lighter-prover, `l2_modify_order.rs`.)
    fn modify(
        &mut self,
        slot: usize,
        index: u64,
        (price, base): (i64, i64),
        version: Option<i64>,
        nonce: i64,
        hash: &str,
    ) -> Option<&'static str> {
        let Some(index) = self.ledger.find(slot, index).map(|o| o.index) else {
            return Some("given order is not an active order");
        };
        let order = self.ledger.live.get_mut(&index)?;
        if version.is_some_and(|v| v <= order.version) {
            return Some("order version is not newer");
        }
        let market = self.directory.of(order.inst);
        let (px, qty): (Price, Qty) = (market.price(price)?, market.size(base)?);
        order.version = version.unwrap_or(order.version);
        (order.px, order.nonce) = (px, nonce);
        if qty <= order.filled {
            let inst = order.inst;
            self.cancel(slot, inst, index, hash.to_owned(), "filled");
            return None;
        }
        let qty = Qty(qty.0 - order.filled.0);
        (order.initial, order.left) = (Qty(qty.0 + order.filled.0), qty);
        hash.clone_into(&mut order.hash);
        let new = NewOrder {
            inst: order.inst,
            side: order.side,
            px,
            qty,
            tif: tif(order.tif),
            reduce_only: order.reduce_only,
            cloid: Some(u128::from(index)),
        };
        self.replacing = Some(index);
        let target = OrderRef::Cloid(u128::from(index));
        self.request(slot, hash, Request::Modify { target, order: new, always_place: true });
        None
    }

    fn cancel_by(&mut self, slot: usize, tif: i64, time_ms: i64, only: Option<InstId>, hash: &str) {
        if tif == 0 {
            return self.cancel_all(slot, only, hash.to_owned());
        }
        if let Some(place) = self.directory.holders[slot].scheduled.take() {
            self.agenda.remove(&place);
        }
        if tif == 1 {
            // Checked to lie ahead.
            let at = Nanos(time_ms.unsigned_abs().saturating_mul(1_000_000));
            let place = self.at(at, Due::CancelAll(slot));
            self.directory.holders[slot].scheduled = Some(place);
        }
    }

    fn cancel_all(&mut self, slot: usize, only: Option<InstId>, hash: String) {
        let mine = self.ledger.of(slot).filter(|o| only.is_none_or(|inst| inst == o.inst));
        let mine: Vec<(InstId, u64)> = mine.map(|o| (o.inst, o.index)).collect();
        for (inst, index) in mine {
            self.cancel(slot, inst, index, hash.clone(), "canceled");
        }
    }

    fn leverage(&mut self, slot: usize, market: i64, fraction: i64) {
        // Within 1..=10000: it was checked.
        let fraction = u32::try_from(fraction).unwrap_or(10_000).max(1);
        let Some(inst) = self.directory.market(market).map(|m| m.inst) else { return };
        self.directory.holders[slot].fractions.insert(inst, fraction);
        self.request(slot, "", Request::Leverage { inst, leverage: 10_000 / fraction });
        self.news.touch(slot, inst);
    }
}
