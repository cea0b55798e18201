//! Hot. The reader of the account's frames: any order of keys, any spacing.

use super::super::control::{Channel, Envelope, Kind};
use super::super::errors::{OrderStatus, order_status};
use super::super::markets::number;
use super::{Held, Namer, OrderTold, Out, TradeTold, USER_FRAME_MAX, UserCodec, UserFrame, by_tag};
use crate::event::{CancelReason, Event, OrderId, RejectReason, Stamp, VenueOrderState};
use crate::units::{Price, Qty, SCALE_DECIMALS, Side, parse_raw};
use crate::venue::json::{Cursor, Text, once};
use crate::venue::{Malformed, MalformedKind, Sink};

type Read<T> = Result<T, Malformed>;

/// One order of the stream.
#[derive(Clone, Copy, Debug)]
struct OrderEntry {
    market: u64,
    client: u64,
    venue_oid: u64,
    filled: Qty,
    status: OrderStatus,
    liquidated: bool,
    ioc: bool,
    px: Price,
    whole: Qty,
    nonce: Option<u64>,
}

/// One trade of the stream.
#[derive(Clone, Copy, Debug)]
struct TradeEntry {
    id: u64,
    market: u64,
    px: Price,
    qty: Qty,
    /// Ask and bid: account and client index.
    accounts: [u64; 2],
    clients: [u64; 2],
    maker_ask: bool,
    /// Taker's and maker's, in 10^-6 of the notional.
    fees: [u64; 2],
    exch_ms: u64,
    /// Of a liquidation, whose taker is the liquidated account.
    liquidation: bool,
    /// A deleverage or a settlement, which both sides suffer.
    forced: bool,
}

impl UserCodec {
    pub(super) fn read<S: Sink, N: Namer>(
        &mut self,
        frame: &[u8],
        names: &mut N,
        out: &mut Out<'_, S>,
    ) -> Read<()> {
        let envelope = Envelope::read(frame, USER_FRAME_MAX)?;
        let (channel, snapshot) = match envelope.kind()? {
            Kind::Control => {
                out.done.frame = UserFrame::Control(envelope.control()?);
                return Ok(());
            }
            Kind::Snapshot(channel) => (channel, true),
            Kind::Update(channel) => (channel, false),
        };
        out.done.frame = match (channel, snapshot) {
            (Channel::Orders, false) => UserFrame::Orders,
            (Channel::Orders, true) => UserFrame::OrdersSnapshot,
            (Channel::Fills, false) => UserFrame::Fills,
            (Channel::Fills, true) => UserFrame::FillsSnapshot,
            (Channel::Positions, false) => UserFrame::Positions,
            (Channel::Positions, true) => UserFrame::PositionsSnapshot,
            (Channel::UserStats, _) => UserFrame::Stats,
            _ => return Ok(()),
        };
        if envelope.channel()?.number() != Some(self.account) {
            out.done.frame = UserFrame::OtherAccount;
            return Ok(());
        }
        match channel {
            Channel::Orders => self.orders(envelope.body()?, snapshot, names, out),
            Channel::Fills => {
                let trades = envelope.trades.ok_or_else(|| envelope.missing())?;
                let old = self.recover_from_ms.unwrap_or(u64::MAX);
                self.trades(trades, if snapshot { old } else { 0 }, names, out)
            }
            Channel::Positions => self.positions(envelope.body()?, snapshot, out),
            _ => read_equity(envelope.body()?, out),
        }
    }

    fn orders<S: Sink, N: Namer>(
        &self,
        body: Cursor<'_>,
        snapshot: bool,
        names: &mut N,
        out: &mut Out<'_, S>,
    ) -> Read<()> {
        if snapshot {
            names.list();
        }
        each_of_market(body, |list| {
            let order = read_order(list)?;
            let Some(inst) = self.markets.find(order.market) else {
                out.done.unknown_markets += 1;
                return Ok(true);
            };
            let OrderEntry { client, venue_oid, filled, status, ioc, px, whole, nonce, .. } = order;
            out.done.unknown_statuses += u32::from(matches!(status, OrderStatus::Unknown { .. }));
            let told = OrderTold {
                inst,
                client,
                venue_oid,
                filled,
                status,
                ioc,
                px,
                whole,
                nonce,
                snapshot,
            };
            if !snapshot && !is_news(status) {
                out.done.kept += 1;
            } else {
                let external = by_tag(self.run_tag, client, inst) == OrderId::EXTERNAL;
                out.done.external += u32::from(external);
                out.done.liquidations += u32::from(order.liquidated);
            }
            let recv = out.recv;
            Ok(names.told(&told, recv, &mut |event| out.put(event)))
        })?;
        if snapshot && !out.done.full {
            let recv = out.recv;
            names.unlisted(recv, &mut |event| out.put(event));
        }
        Ok(())
    }

    fn trades<S: Sink, N: Namer>(
        &self,
        mut body: Cursor<'_>,
        news_from: u64,
        names: &mut N,
        out: &mut Out<'_, S>,
    ) -> Read<()> {
        // An object by market; a list without one when there are none.
        if body.peek()? == b'[' {
            return each(&mut body, |list| self.trade(list, news_from, names, out)).map(drop);
        }
        each_of_market(body, |list| self.trade(list, news_from, names, out))
    }

    pub(super) fn read_rest_trades<S: Sink, N: Namer>(
        &self,
        body: &[u8],
        since_ms: u64,
        names: &mut N,
        out: &mut Out<'_, S>,
    ) -> Read<()> {
        let envelope = Envelope::read(body, USER_FRAME_MAX)?;
        let trades = envelope.trades.ok_or_else(|| envelope.missing())?;
        self.trades(trades, since_ms, names, out)
    }

    /// One trade; `false` when the sink is full.
    fn trade<S: Sink, N: Namer>(
        &self,
        list: &mut Cursor<'_>,
        news_from: u64,
        names: &mut N,
        out: &mut Out<'_, S>,
    ) -> Read<bool> {
        list.peek()?;
        let wrong = list.refuse(MalformedKind::Value);
        let trade = read_trade(list)?;
        let TradeEntry { px, qty, id: trade_id, exch_ms, .. } = trade;
        let ours = trade.accounts.map(|account| account == self.account);
        // Ask first, as the fields are read.
        let of_us = match ours {
            [true, true] => {
                out.done.self_trades += 1;
                return Ok(true);
            }
            [true, false] => 0,
            [false, true] => 1,
            [false, false] => return Err(wrong),
        };
        if exch_ms < news_from {
            out.done.old_fills += 1;
            return Ok(true);
        }
        let Some(inst) = self.markets.find(trade.market) else {
            out.done.unknown_markets += 1;
            return Ok(true);
        };
        let side = [Side::Sell, Side::Buy][of_us];
        let taker = trade.maker_ask != (of_us == 0);
        let (fee, rounded) = fee_of(px, qty, trade.fees[usize::from(!taker)]).ok_or(wrong)?;
        let client = trade.clients[of_us];
        let told = TradeTold { inst, client, px, qty, taker, id: trade_id };
        let recv = out.recv;
        let order = names.traded(&told, recv, &mut |event| out.put(event));
        out.done.external += u32::from(order == OrderId::EXTERNAL);
        out.done.rounded += u32::from(rounded);
        out.done.liquidations += u32::from(trade.forced || trade.liquidation && taker);
        Ok(out.put(Event::Fill { inst, side, taker, order, px, qty, fee, trade_id, exch_ms }))
    }

    fn positions<S: Sink>(
        &mut self,
        mut body: Cursor<'_>,
        snapshot: bool,
        out: &mut Out<'_, S>,
    ) -> Read<()> {
        if snapshot {
            // The set is whole: what is not in it is flat.
            self.held.fill(Held::default());
        }
        let mut members = body.object()?;
        while let Some(name) = members.next(&mut body)? {
            let wrong = name.refuse(MalformedKind::Value);
            let id = name.chars(&mut [0; 24]).and_then(number).ok_or(wrong)?;
            let (held, rounded) = read_position(&mut body)?;
            match self.markets.slot(id) {
                Some(slot) => self.held[slot] = held,
                None => {
                    out.done.unknown_markets += u32::from(held.qty != Qty::ZERO);
                    continue;
                }
            }
            out.done.rounded += u32::from(rounded);
            out.done.kept += u32::from(!snapshot);
        }
        if !snapshot {
            return Ok(());
        }
        let recv = out.recv;
        for (&(_, inst), &Held { qty, entry }) in self.markets.rows().iter().zip(&self.held) {
            if !out.put(Event::Position { inst, qty, entry, recv }) {
                break;
            }
        }
        Ok(())
    }
}

/// Each entry of a list, until one returns `false`.
fn each<'a>(
    list: &mut Cursor<'a>,
    mut entry: impl FnMut(&mut Cursor<'a>) -> Read<bool>,
) -> Read<bool> {
    let mut items = list.array()?;
    while items.next(list)? {
        if !entry(list)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Each entry of an object of lists by market, until one returns `false`.
fn each_of_market<'a>(
    mut body: Cursor<'a>,
    mut entry: impl FnMut(&mut Cursor<'a>) -> Read<bool>,
) -> Read<()> {
    let mut members = body.object()?;
    while members.next(&mut body)?.is_some() {
        if !each(&mut body, &mut entry)? {
            break;
        }
    }
    Ok(())
}

/// An order's state as an answer to a question.
pub fn state_of(status: OrderStatus, filled: Qty) -> VenueOrderState {
    match status {
        OrderStatus::Open | OrderStatus::InProgress | OrderStatus::Unknown { dead: false } => {
            VenueOrderState::Open
        }
        OrderStatus::Filled => VenueOrderState::Filled,
        OrderStatus::Canceled(_) | OrderStatus::Unknown { dead: true } => VenueOrderState::Canceled,
        OrderStatus::Refused(..) if filled == Qty::ZERO => VenueOrderState::Rejected,
        OrderStatus::Refused(..) => VenueOrderState::Canceled,
    }
}

/// Has an order in this state ended?
pub fn ends(status: OrderStatus) -> bool {
    !matches!(
        status,
        OrderStatus::Open | OrderStatus::InProgress | OrderStatus::Unknown { dead: false }
    )
}

/// Does a change to this state tell the core something?
fn is_news(status: OrderStatus) -> bool {
    status == OrderStatus::Open || ends(status)
}

/// What an entry tells of the order that it is about; `None` for what is only counted.
pub fn news_of(told: &OrderTold, ours: OrderId, recv: Stamp) -> Option<Event> {
    let OrderTold { venue_oid, filled, .. } = *told;
    if told.snapshot {
        let state = state_of(told.status, filled);
        return Some(Event::OrderState { order: ours, state, filled, venue_oid, recv });
    }
    let canceled = |reason| Event::Canceled { order: ours, reason, recv };
    let rejected = |reason| Event::Reject { order: ours, reason, code: 0, recv };
    let untouched = filled == Qty::ZERO;
    Some(match told.status {
        OrderStatus::Open => Event::Ack { order: ours, venue_oid, resting: true, recv },
        OrderStatus::Filled => Event::Ack { order: ours, venue_oid, resting: false, recv },
        OrderStatus::Canceled(CancelReason::ByUs) if told.ioc && untouched => {
            rejected(RejectReason::IocNoMatch)
        }
        OrderStatus::Canceled(CancelReason::ByUs) if told.ioc => {
            canceled(CancelReason::IocRemainder)
        }
        OrderStatus::Canceled(reason) => canceled(reason),
        OrderStatus::Refused(reason, _) if untouched => rejected(reason),
        OrderStatus::Refused(_, reason) => canceled(reason),
        OrderStatus::Unknown { dead: true } => canceled(CancelReason::ByVenue),
        OrderStatus::InProgress | OrderStatus::Unknown { dead: false } => return None,
    })
}

fn read_order(list: &mut Cursor<'_>) -> Read<OrderEntry> {
    list.peek()?;
    let missing = list.refuse(MalformedKind::MissingField);
    let (mut market, mut client, mut oid, mut filled) = (None, None, None, None);
    let (mut status, mut ioc) = (None, None);
    let (mut px, mut whole, mut nonce) = (None, None, None);
    let mut members = list.object()?;
    while let Some(name) = members.next(list)? {
        match name.chars(&mut [0; 32]) {
            Some(b"market_index") => once(&mut market, list.unsigned()?, &name)?,
            Some(b"client_order_index") => once(&mut client, list.unsigned()?, &name)?,
            Some(b"order_index") => once(&mut oid, list.unsigned()?, &name)?,
            Some(b"filled_base_amount") => once(&mut filled, read_size(list)?, &name)?,
            Some(b"initial_base_amount") => once(&mut whole, read_size(list)?, &name)?,
            Some(b"price") => once(&mut px, read_size(list)?, &name)?,
            Some(b"nonce") => once(&mut nonce, list.unsigned()?, &name)?,
            Some(b"status") => once(&mut status, list.text()?, &name)?,
            Some(b"time_in_force") => {
                once(&mut ioc, list.text()?.is(b"immediate-or-cancel"), &name)?;
            }
            _ => list.skip()?,
        }
    }
    let status = status.ok_or(missing)?;
    let mut room = [0; 64];
    let word = status.chars(&mut room).unwrap_or(b"");
    Ok(OrderEntry {
        market: market.ok_or(missing)?,
        client: client.ok_or(missing)?,
        venue_oid: oid.ok_or(missing)?,
        filled: filled.ok_or(missing)?,
        status: order_status(word),
        liquidated: word == b"canceled-liquidation",
        ioc: ioc.unwrap_or(false),
        px: Price(px.map_or(0, |px| px.0)),
        whole: whole.unwrap_or(Qty::ZERO),
        nonce,
    })
}

fn read_size(list: &mut Cursor<'_>) -> Read<Qty> {
    let text = list.text()?;
    match text.decimal()? {
        raw if raw >= 0 => Ok(Qty(raw)),
        _ => Err(text.refuse(MalformedKind::Number)),
    }
}

fn read_positive(list: &mut Cursor<'_>) -> Read<i64> {
    let text = list.text()?;
    match text.decimal()? {
        raw if raw > 0 => Ok(raw),
        _ => Err(text.refuse(MalformedKind::Number)),
    }
}

fn read_trade(list: &mut Cursor<'_>) -> Read<TradeEntry> {
    let missing = list.refuse(MalformedKind::MissingField);
    let wrong = list.refuse(MalformedKind::Value);
    let (mut id, mut market, mut kind, mut px, mut qty) = (None, None, None, None, None);
    let (mut accounts, mut clients) = ([None; 2], [None; 2]);
    let (mut maker_ask, mut fees, mut ms, mut us) = (None, [None; 2], None, None);
    let mut members = list.object()?;
    while let Some(name) = members.next(list)? {
        match name.chars(&mut [0; 32]) {
            Some(b"trade_id") => once(&mut id, list.unsigned()?, &name)?,
            Some(b"market_id") => once(&mut market, list.unsigned()?, &name)?,
            Some(b"type") => once(&mut kind, list.text()?, &name)?,
            Some(b"price") => once(&mut px, read_positive(list)?, &name)?,
            Some(b"size") => once(&mut qty, read_positive(list)?, &name)?,
            Some(b"ask_account_id") => once(&mut accounts[0], list.unsigned()?, &name)?,
            Some(b"bid_account_id") => once(&mut accounts[1], list.unsigned()?, &name)?,
            Some(b"ask_client_id") => once(&mut clients[0], list.unsigned()?, &name)?,
            Some(b"bid_client_id") => once(&mut clients[1], list.unsigned()?, &name)?,
            Some(b"is_maker_ask") => once(&mut maker_ask, list.boolean()?, &name)?,
            Some(b"taker_fee") => once(&mut fees[0], list.unsigned()?, &name)?,
            Some(b"maker_fee") => once(&mut fees[1], list.unsigned()?, &name)?,
            Some(b"timestamp") => once(&mut ms, list.unsigned()?, &name)?,
            Some(b"transaction_time") => once(&mut us, list.unsigned()?, &name)?,
            _ => list.skip()?,
        }
    }
    let [Some(ask), Some(bid)] = accounts else { return Err(missing) };
    // Of the transaction, not of its block.
    let exch_ms = match us.unwrap_or(0) {
        0 => ms.ok_or(missing)?,
        us => us / 1000,
    };
    let id = id.filter(|id| *id > 0).ok_or(wrong)?;
    Ok(TradeEntry {
        id,
        market: market.ok_or(missing)?,
        px: Price(px.ok_or(missing)?),
        qty: Qty(qty.ok_or(missing)?),
        accounts: [ask, bid],
        // An order without a client index has zero, or no field at all.
        clients: clients.map(|client| client.unwrap_or(0)),
        maker_ask: maker_ask.ok_or(missing)?,
        fees: fees.map(|fee| fee.unwrap_or(0)),
        exch_ms,
        liquidation: kind.is_some_and(|kind| kind.is(b"liquidation")),
        forced: kind.is_some_and(|kind| !kind.is(b"trade") && !kind.is(b"liquidation")),
    })
}

/// px x qty x ticks / 10^6 in raw 10^-8 quote, rounded up, and whether it was; `None` when it does
/// not fit.
pub(super) fn fee_of(px: Price, qty: Qty, ticks: u64) -> Option<(i64, bool)> {
    // The notional is in 10^-16, the rate in 10^-6, the fee in 10^-8.
    const SCALE: i128 = 100_000_000_000_000;
    let notional = i128::from(px.0) * i128::from(qty.0);
    let exact = notional.checked_mul(i128::from(ticks))?;
    let rounded = exact % SCALE != 0;
    let fee = i64::try_from(exact / SCALE + i128::from(rounded)).ok()?;
    Some((fee, rounded))
}

fn read_position(body: &mut Cursor<'_>) -> Read<(Held, bool)> {
    body.peek()?;
    let missing = body.refuse(MalformedKind::MissingField);
    let (mut sign, mut size, mut entry) = (None, None, None);
    let mut members = body.object()?;
    while let Some(name) = members.next(body)? {
        match name.chars(&mut [0; 32]) {
            Some(b"sign") => once(&mut sign, read_sign(body)?, &name)?,
            Some(b"position") => once(&mut size, read_size(body)?, &name)?,
            Some(b"avg_entry_price") => once(&mut entry, read_entry(body)?, &name)?,
            _ => body.skip()?,
        }
    }
    let (sign, size) = (sign.ok_or(missing)?, size.ok_or(missing)?);
    let (entry, rounded) = entry.unwrap_or((Price::ZERO, false));
    let qty = Qty(if sign { size.0 } else { -size.0 });
    Ok((Held { qty, entry }, rounded))
}

/// 1 is long, -1 is short; `true` for long.
fn read_sign(body: &mut Cursor<'_>) -> Read<bool> {
    body.peek()?;
    let wrong = body.refuse(MalformedKind::Value);
    let start = *body;
    body.skip()?;
    // The cursor has no signed integers: only these two texts are known, and zero for flat.
    match start.until(body) {
        b"1" | b"0" => Ok(true),
        b"-1" => Ok(false),
        _ => Err(wrong),
    }
}

/// An average price; places after the eighth are cut off.
fn read_entry(body: &mut Cursor<'_>) -> Read<(Price, bool)> {
    let text: Text<'_> = body.text()?;
    let chars = text.as_raw();
    let places = chars.iter().position(|&c| c == b'.').map_or(chars.len(), |point| point + 1);
    let (kept, cut) = chars.split_at(chars.len().min(places + SCALE_DECIMALS as usize));
    let sound = cut.iter().all(u8::is_ascii_digit);
    match parse_raw(kept) {
        Ok(raw) if raw >= 0 && sound => Ok((Price(raw), cut.iter().any(|&c| c != b'0'))),
        _ => Err(text.refuse(MalformedKind::Number)),
    }
}

/// `portfolio_value`: collateral and what is not realised.
fn read_equity<S: Sink>(mut body: Cursor<'_>, out: &mut Out<'_, S>) -> Read<()> {
    let missing = body.refuse(MalformedKind::MissingField);
    let mut amount = None;
    let mut members = body.object()?;
    while let Some(name) = members.next(&mut body)? {
        if name.is(b"portfolio_value") {
            once(&mut amount, body.text()?.decimal()?, &name)?;
        } else {
            body.skip()?;
        }
    }
    let (amount, recv) = (amount.ok_or(missing)?, out.recv);
    out.put(Event::Equity { amount, recv });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_are_exact_or_rounded_up() {
        for (px, qty, ticks, want) in [
            // 0.7 x 0.20382 at 28: 0.142674 x 28 / 10^6 = 0.000003994872.
            (20_382_000, 70_000_000, 28, Some((400, true))),
            // 0.1336 x 2352.73 at 196: 314.324728 x 196 / 10^6 = 0.061607646688.
            (235_273_000_000, 13_360_000, 196, Some((6_160_765, true))),
            (100_000_000, 100_000_000, 28, Some((2_800, false))),
            (100_000_000, 100_000_000, 0, Some((0, false))),
            (i64::MAX, i64::MAX, 28, None),
        ] {
            assert_eq!(fee_of(Price(px), Qty(qty), ticks), want, "{px} x {qty} at {ticks}");
        }
    }
}
