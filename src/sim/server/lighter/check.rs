//! Cold. What the venue's server checks of a transaction before it takes it.
//!
//! Which of the codes the server gives and which the matching engine is not documented. Here the server
//! has what can be known from numbers and from the open orders; margin, reduce-only and post-only are
//! the engine's, and told by the order's status. How far a price may be from the mark is not documented
//! either: these distances are ours.

use super::hub::Hub;
use super::refusal::{self as no, Refusal};
use super::send::side;
use super::tx::{Body, CANCEL_MARKET, Create, SELF_TRADE, Tx};
use super::wire::ms;
use crate::units::{Notional, Price, Qty, Side};

const BASE_MAX: i64 = (1 << 48) - 1;
const CLIENT_MAX: i64 = (1 << 48) - 1;
const INDEX_MAX: i64 = (1 << 60) - 1;
const PRICE_MAX: i64 = (1 << 32) - 1;
const TIME_MAX: i64 = (1 << 48) - 1;
pub const REST_MIN_MS: i64 = 5 * 60 * 1000;
const REST_MAX_MS: i64 = 30 * 24 * 3600 * 1000;
const SCHEDULE_MAX_MS: i64 = 15 * 24 * 3600 * 1000;
/// Open orders of an account, and on one market.
const ORDERS_MAX: usize = 1500;
const ORDERS_MARKET_MAX: usize = 1000;
/// A taker's limit beyond the mark by more than this share of it, in percent, is an accident.
const ACCIDENT_PERCENT: i64 = 50;
/// A quote is at least a twentieth of the mark, and at most twenty times it.
const FAR: i64 = 20;

impl Hub {
    /// `coming`: client indices of the batch so far.
    pub(super) fn check(
        &self,
        slot: usize,
        tx: &Tx,
        protect: bool,
        coming: &mut Vec<(usize, u64)>,
    ) -> Result<(), Refusal> {
        let now = ms(self.now).cast_signed();
        // Which code it is here has not been seen.
        if !(0..=TIME_MAX).contains(&tx.expires_ms) || tx.expires_ms <= now {
            return Err(no::EXPIRY);
        }
        if tx.options.iter().any(|o| (1..=3).contains(&o.0)) {
            return Err(no::INTEGRATOR);
        }
        // Other ways to treat a trade with oneself are not modelled.
        if tx.option(SELF_TRADE).is_some() {
            return Err(no::TX_INFO);
        }
        match tx.body {
            Body::Create(order) => {
                self.check_create(slot, &order, protect, coming)?;
                if order.client != 0 {
                    coming.push((slot, order.client.unsigned_abs()));
                }
                Ok(())
            }
            Body::Cancel { market, index } => {
                self.market_of(market)?;
                self.check_target(slot, index, coming, no::NOT_ACTIVE_LIMIT)
            }
            Body::Modify { market, index, base, price, trigger } => {
                let inst = self.market_of(market)?;
                if trigger != 0 {
                    return Err(no::TRIGGER_PRICE);
                }
                self.check_target(slot, index, coming, no::NOT_ACTIVE)?;
                let (px, qty) = self.amounts(market, price, base)?;
                let taker = false;
                self.check_minimum(market, px, qty)?;
                let side = self.ledger.find(slot, index.unsigned_abs()).map(|o| o.side);
                match side {
                    Some(side) => self.check_distance(inst, side, px, taker, protect),
                    None => Ok(()),
                }
            }
            Body::CancelAll { tif, time_ms } => self.check_cancel_all(slot, tx, tif, time_ms),
            Body::Leverage { market, fraction, mode } => {
                self.market_of(market)?;
                let least = 10_000 / i64::from(self.exchange.rules().leverage_max);
                if !(least..=10_000).contains(&fraction) {
                    return Err(no::MARGIN_FRACTION);
                }
                if mode == 0 { Ok(()) } else { Err(no::MARGIN_MODE) }
            }
        }
    }

    fn market_of(&self, id: i64) -> Result<crate::instrument::InstId, Refusal> {
        self.directory.market(id).map(|m| m.inst).ok_or(no::MARKET)
    }

    /// An open order, or one on its way.
    fn check_target(
        &self,
        slot: usize,
        index: i64,
        coming: &[(usize, u64)],
        refusal: Refusal,
    ) -> Result<(), Refusal> {
        if !(1..=INDEX_MAX).contains(&index) {
            return Err(no::ORDER_INDEX);
        }
        let index = index.unsigned_abs();
        let on_its_way = coming.contains(&(slot, index)) || self.coming.contains(&(slot, index));
        let open = self.ledger.find(slot, index).is_some();
        if on_its_way || open { Ok(()) } else { Err(refusal) }
    }

    fn amounts(&self, market: i64, price: i64, base: i64) -> Result<(Price, Qty), Refusal> {
        let market = self.directory.market(market).ok_or(no::MARKET)?;
        if !(1..=PRICE_MAX).contains(&price) {
            return Err(no::PRICE);
        }
        if !(1..=BASE_MAX).contains(&base) {
            return Err(no::BASE);
        }
        let px = market.price(price).ok_or(no::PRICE)?;
        Ok((px, market.size(base).ok_or(no::BASE)?))
    }

    /// Of what may rest: the stricter of the two minimums.
    fn check_minimum(&self, market: i64, px: Price, qty: Qty) -> Result<(), Refusal> {
        let market = self.directory.market(market).ok_or(no::MARKET)?;
        let worth = Notional::of(px, qty);
        if qty < market.min_base || worth < Notional::from_raw(market.min_quote) {
            return Err(no::AMOUNT);
        }
        Ok(())
    }

    fn check_distance(
        &self,
        inst: crate::instrument::InstId,
        side: Side,
        px: Price,
        taker: bool,
        protect: bool,
    ) -> Result<(), Refusal> {
        let Some(mark) = self.exchange.mark(inst) else { return Ok(()) };
        let (px, mark) = (i128::from(px.0), i128::from(mark.0));
        let far = i128::from(FAR);
        if taker {
            // Positive beyond the mark, into the book.
            let beyond = (px - mark) * i128::from(side.sign());
            let accident = beyond * 100 > mark * i128::from(ACCIDENT_PERCENT);
            return if accident && protect { Err(no::FAT_FINGER) } else { Ok(()) };
        }
        if px > mark * far || px * far < mark { Err(no::TOO_FAR) } else { Ok(()) }
    }

    fn check_create(
        &self,
        slot: usize,
        order: &Create,
        protect: bool,
        coming: &[(usize, u64)],
    ) -> Result<(), Refusal> {
        let inst = self.market_of(order.market)?;
        check_form(order)?;
        if !(0..=CLIENT_MAX).contains(&order.client) {
            return Err(no::CLIENT_INDEX);
        }
        let name = (slot, order.client.unsigned_abs());
        let taken = self.ledger.clients.contains_key(&name)
            || self.coming.contains(&name)
            || coming.contains(&name);
        if order.client != 0 && taken {
            return Err(no::CLIENT_EXISTS);
        }
        let (px, qty) = self.amounts(order.market, order.price, order.base)?;
        let taker = order.tif == 0;
        if !taker {
            self.check_minimum(order.market, px, qty)?;
            let now = ms(self.now).cast_signed();
            // Nearer than five minutes is taken, and then comes to nothing.
            if order.expiry_ms <= now || order.expiry_ms > now + REST_MAX_MS {
                return Err(no::EXPIRY);
            }
            if self.ledger.of(slot).count() >= ORDERS_MAX {
                return Err(no::MAX_ORDERS);
            }
            if self.open_orders(slot, inst) >= ORDERS_MARKET_MAX {
                return Err(no::MAX_ORDERS_MARKET);
            }
        }
        self.check_distance(inst, side(order.is_ask), px, taker, protect)
    }

    fn check_cancel_all(&self, slot: usize, tx: &Tx, tif: i64, time: i64) -> Result<(), Refusal> {
        let now = ms(self.now).cast_signed();
        if let Some(market) = tx.option(CANCEL_MARKET) {
            self.market_of(market)?;
            if tif != 0 {
                return Err(no::CANCEL_ALL_TIF);
            }
        }
        match tif {
            0 | 2 if time != 0 => Err(no::CANCEL_ALL_TIME),
            0 | 2 => Ok(()),
            1 if !(now + REST_MIN_MS..=now + SCHEDULE_MAX_MS).contains(&time) => {
                Err(no::CANCEL_ALL_TIME)
            }
            // One is taken back before another is queued.
            1 if self.directory.holders[slot].scheduled.is_some() => Err(no::CANCEL_ALL_QUEUED),
            1 => Ok(()),
            _ => Err(no::CANCEL_ALL_TIF),
        }
    }
}

/// What type, time in force, expiry and trigger may be together.
fn check_form(order: &Create) -> Result<(), Refusal> {
    if !(0..=1).contains(&order.is_ask) {
        return Err(no::IS_ASK);
    }
    if !(0..=1).contains(&order.reduce_only) {
        return Err(no::REDUCE_ONLY_MODE);
    }
    match order.kind {
        0 | 1 => {}
        // Triggers and TWAP are not modelled.
        2..=6 => return Err(no::UNSUPPORTED_ORDER),
        _ => return Err(no::ORDER_TYPE),
    }
    if order.trigger != 0 {
        return Err(no::TRIGGER_PRICE);
    }
    if !(0..=2).contains(&order.tif) || order.kind == 1 && order.tif != 0 {
        return Err(no::ORDER_TIF);
    }
    if (order.tif == 0) != (order.expiry_ms == 0) {
        return Err(no::EXPIRY);
    }
    Ok(())
}
