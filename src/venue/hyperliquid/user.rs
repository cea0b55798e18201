//! Hot. The user stream: orderUpdates, userFills, userEvents.
//!
//! What concerns our account is never lost and never applied twice:
//!
//! * The syntax of a whole frame is checked before its first event. Its elements are then emitted
//!   one by one as each is read: a fill that is sound is worth having at once, whatever stands
//!   behind it. An `Err` therefore means: some of this frame is missing, reconcile with the venue.
//! * When the sink is full the result says how many events it took, and
//!   [`UserCodec::decode_after`] goes on behind them once there is room.
//! * `userFills` begins with a snapshot of old fills. They are not news: none is emitted unless
//!   [`UserCodec::recover_from`] was told since when fills may be missing, and the ledger knows
//!   trades by their id.
//! * `orderUpdates` and `userEvents` name no user, so a connection carries one account only.
//!
//! Whose an order is stands in its client order id: `0x`, 16 hex digits of the run's tag, 16 of
//! the [`OrderId`], both big-endian. Any other id, none, or order number zero is *external* (placed
//! by hand or by an earlier run) and is emitted as `OrderId(0)`.
//!
//! Not emitted, but counted: fills that arrive a second time on channel `user` (`userFills` has
//! them), `nonUserCancel`, which names no client id (`orderUpdates` reports the same cancel with
//! it), liquidations of the account, for which the caller halts.

use super::control::{Control, ESTABLISHED, Envelope};
use super::errors::{Dead, OrderStatus, order_status};
use super::feed::{read_positive, read_side};
use super::markets::Markets;
use crate::event::{CancelReason, Event, OrderId, RejectReason, Stamp};
use crate::instrument::{InstId, Symbol};
use crate::units::{Price, Qty, Round, SCALE_DECIMALS, parse_raw};
use crate::venue::json::{Cursor, Text, once};
use crate::venue::{Malformed, MalformedKind, Sink};
use std::fmt::Write;

/// Bytes of a frame. A snapshot of 2000 fills, the documented most, has about 1 MB.
pub const USER_FRAME_MAX: usize = 4 << 20;
/// Bytes of a client order id: `0x` and 32 hex digits.
pub const CLOID_LEN: usize = 34;

/// What a frame of the user stream was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserFrame {
    OrderUpdates,
    Fills,
    /// The snapshot that `userFills` begins with.
    FillsSnapshot,
    /// Channel `user`.
    Events,
    Control(Control),
    /// The answer to a `post`, for the orders codec.
    Post,
    UnknownChannel,
}

/// What became of a frame. Every entry that is not an event is in one of the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct UserDecoded {
    pub frame: UserFrame,
    /// Events of this frame that the sink has, with those of earlier calls.
    pub events: u32,
    /// The sink had no room for the next event: call `decode_after` with `events`.
    pub full: bool,
    /// Events of orders that are not of this run.
    pub external: u32,
    /// Order statuses that are not documented.
    pub unknown_statuses: u32,
    /// Fills and fundings of markets that the session does not have: not emitted.
    pub unknown_markets: u32,
    /// Fees and fundings finer than 10^-8, rounded against us.
    pub rounded: u32,
    /// Snapshot fills from before the time that was asked for: not emitted.
    pub old_fills: u32,
    /// Cancels by the venue on channel `user`, without client ids: not emitted.
    pub non_user_cancels: u32,
    /// Liquidations of the account. The caller halts.
    pub liquidations: u32,
    /// Members of channel `user` that are not read, known or not.
    pub ignored: u32,
}

/// Decodes the frames of one account's connection.
#[derive(Clone, Debug)]
pub struct UserCodec {
    run_tag: u64,
    markets: Markets,
    recover_from_ms: Option<u64>,
}

/// The sink behind the count of events that it already has.
struct Out<'s, S> {
    sink: &'s mut S,
    skip: u32,
    recv: Stamp,
    done: UserDecoded,
}

impl<S: Sink> Out<'_, S> {
    /// `false` when there is no room.
    fn put(&mut self, event: Event) -> bool {
        if self.done.events >= self.skip && !self.sink.put(event) {
            self.done.full = true;
            return false;
        }
        self.done.events += 1;
        true
    }
}

impl UserCodec {
    /// `run_tag` is the tag of this run's client order ids.
    ///
    /// # Panics
    /// When one name stands for two instruments.
    pub fn new(run_tag: u64, markets: &[(InstId, Symbol)]) -> UserCodec {
        UserCodec { run_tag, markets: Markets::new(markets), recover_from_ms: None }
    }

    /// From which venue time (ms) on the fills of a snapshot may be news: after a reconnect, the
    /// last moment at which the stream was known to be whole. `None`, as at the start: none are.
    pub fn recover_from(&mut self, since_ms: Option<u64>) {
        self.recover_from_ms = since_ms;
    }

    /// The frames that subscribe to everything this codec reads, for an account address (never an
    /// agent's: the venue answers those with silence). Cold.
    pub fn subscriptions(&self, account: &[u8; 20]) -> Vec<String> {
        let mut user = String::from("0x");
        for byte in account {
            let _ = write!(user, "{byte:02x}");
        }
        ["orderUpdates", "userFills", "userEvents"]
            .map(|channel| {
                format!(
                    "{{\"method\":\"subscribe\",\"subscription\":{{\"type\":\"{channel}\",\"user\":\"{user}\"}}}}"
                )
            })
            .to_vec()
    }

    /// Decodes one frame that was read at `recv`.
    pub fn decode(
        &mut self,
        frame: &[u8],
        recv: Stamp,
        sink: &mut impl Sink,
    ) -> Result<UserDecoded, Malformed> {
        self.decode_after(0, frame, recv, sink)
    }

    /// As `decode`, but does not emit the first `taken` events: the sink has them.
    pub fn decode_after(
        &mut self,
        taken: u32,
        frame: &[u8],
        recv: Stamp,
        sink: &mut impl Sink,
    ) -> Result<UserDecoded, Malformed> {
        let mut out = Out { sink, skip: taken, recv, done: nothing(UserFrame::UnknownChannel) };
        if frame == ESTABLISHED {
            out.done.frame = UserFrame::Control(Control::Established);
            return Ok(out.done);
        }
        let envelope = Envelope::read(frame, USER_FRAME_MAX)?;
        match envelope.channel.chars(&mut [0; 32]) {
            Some(b"orderUpdates") => self.order_updates(envelope.data()?, &mut out)?,
            Some(b"userFills") => self.user_fills(envelope.data()?, &mut out)?,
            Some(b"user") => self.user_events(envelope.data()?, &mut out)?,
            Some(b"post") => out.done.frame = UserFrame::Post,
            _ => {
                if let Some(control) = envelope.control(&self.markets)? {
                    out.done.frame = UserFrame::Control(control);
                }
            }
        }
        Ok(out.done)
    }

    fn order_updates<S: Sink>(
        &self,
        mut data: Cursor<'_>,
        out: &mut Out<'_, S>,
    ) -> Result<(), Malformed> {
        out.done.frame = UserFrame::OrderUpdates;
        let mut items = data.array()?;
        while items.next(&mut data)? {
            let missing = data.refuse(MalformedKind::MissingField);
            let (mut order, mut status) = (None, None);
            let mut members = data.object()?;
            while let Some(name) = members.next(&mut data)? {
                match name.chars(&mut [0; 8]) {
                    Some(b"order") => once(&mut order, self.order_ids(&mut data)?, &name)?,
                    Some(b"status") => once(&mut status, data.text()?, &name)?,
                    _ => data.skip()?,
                }
            }
            let (order, venue_oid) = order.ok_or(missing)?;
            let status = match status.ok_or(missing)?.chars(&mut [0; 64]) {
                Some(word) => order_status(word),
                None => OrderStatus::Unknown(None),
            };
            let recv = out.recv;
            let canceled = |reason| Event::Canceled { order, reason, recv };
            let rejected = |reason| Event::Reject { order, reason, code: 0, recv };
            out.done.unknown_statuses += u32::from(matches!(status, OrderStatus::Unknown(_)));
            let event = match status {
                OrderStatus::Open => Event::Ack { order, venue_oid, resting: true, recv },
                OrderStatus::Filled => Event::Ack { order, venue_oid, resting: false, recv },
                OrderStatus::Canceled(reason) => canceled(reason),
                OrderStatus::Rejected(reason) => rejected(reason),
                OrderStatus::Unknown(Some(Dead::Canceled)) => canceled(CancelReason::ByVenue),
                OrderStatus::Unknown(Some(Dead::Rejected)) => rejected(RejectReason::Unrecognized),
                OrderStatus::Ignored | OrderStatus::Unknown(None) => continue,
            };
            out.done.external += u32::from(order == OrderId(0));
            if !out.put(event) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Our number and the venue's number of an order.
    fn order_ids(&self, data: &mut Cursor<'_>) -> Result<(OrderId, u64), Malformed> {
        let missing = data.refuse(MalformedKind::MissingField);
        let (mut oid, mut order) = (None, None);
        let mut members = data.object()?;
        while let Some(name) = members.next(data)? {
            match name.chars(&mut [0; 8]) {
                Some(b"oid") => once(&mut oid, data.unsigned()?, &name)?,
                Some(b"cloid") => once(&mut order, self.read_cloid(data)?, &name)?,
                _ => data.skip()?,
            }
        }
        Ok((order.unwrap_or(OrderId(0)), oid.ok_or(missing)?))
    }

    fn read_cloid(&self, data: &mut Cursor<'_>) -> Result<OrderId, Malformed> {
        if data.null()? {
            return Ok(OrderId(0));
        }
        let text = data.text()?;
        let ids = text.chars(&mut [0; CLOID_LEN]).and_then(parse_cloid);
        Ok(ids.filter(|(tag, _)| *tag == self.run_tag).map_or(OrderId(0), |(_, order)| order))
    }

    fn user_fills<S: Sink>(
        &self,
        mut data: Cursor<'_>,
        out: &mut Out<'_, S>,
    ) -> Result<(), Malformed> {
        let missing = data.refuse(MalformedKind::MissingField);
        let (mut snapshot, mut fills) = (None, None);
        let mut members = data.object()?;
        while let Some(name) = members.next(&mut data)? {
            match name.chars(&mut [0; 16]) {
                Some(b"isSnapshot") => once(&mut snapshot, data.boolean()?, &name)?,
                // Read last: whether they are news stands beside them, in any order.
                Some(b"fills") => {
                    once(&mut fills, data, &name)?;
                    data.skip()?;
                }
                _ => data.skip()?,
            }
        }
        let snapshot = snapshot.unwrap_or(false);
        out.done.frame = if snapshot { UserFrame::FillsSnapshot } else { UserFrame::Fills };
        let news_from = if snapshot { self.recover_from_ms.unwrap_or(u64::MAX) } else { 0 };
        let mut fills = fills.ok_or(missing)?;
        let mut items = fills.array()?;
        while items.next(&mut fills)? {
            if !self.fill(&mut fills, news_from, out)? {
                break;
            }
        }
        Ok(())
    }

    /// One fill; `false` when the sink is full.
    fn fill<S: Sink>(
        &self,
        data: &mut Cursor<'_>,
        news_from: u64,
        out: &mut Out<'_, S>,
    ) -> Result<bool, Malformed> {
        let missing = data.refuse(MalformedKind::MissingField);
        let (mut coin, mut side, mut px, mut qty, mut fee) = (None, None, None, None, None);
        let (mut taker, mut tid, mut time, mut order) = (None, None, None, None);
        let mut members = data.object()?;
        while let Some(name) = members.next(data)? {
            match name.chars(&mut [0; 8]) {
                Some(b"coin") => once(&mut coin, data.text()?, &name)?,
                Some(b"side") => once(&mut side, read_side(data)?, &name)?,
                Some(b"px") => once(&mut px, read_positive(data)?, &name)?,
                Some(b"sz") => once(&mut qty, read_positive(data)?, &name)?,
                // What we pay is rounded up, what we get back down: toward plus infinity.
                Some(b"fee") => once(&mut fee, read_amount(data, Round::Up)?, &name)?,
                Some(b"crossed") => once(&mut taker, data.boolean()?, &name)?,
                Some(b"tid") => once(&mut tid, data.unsigned()?, &name)?,
                Some(b"time") => once(&mut time, data.unsigned()?, &name)?,
                Some(b"cloid") => once(&mut order, self.read_cloid(data)?, &name)?,
                _ => data.skip()?,
            }
        }
        let (coin, side) = (coin.ok_or(missing)?, side.ok_or(missing)?);
        let (px, qty) = (Price(px.ok_or(missing)?), Qty(qty.ok_or(missing)?));
        let (fee, rounded) = fee.ok_or(missing)?;
        let (taker, trade_id) = (taker.ok_or(missing)?, tid.ok_or(missing)?);
        let exch_ms = time.ok_or(missing)?;
        if exch_ms < news_from {
            out.done.old_fills += 1;
            return Ok(true);
        }
        let Some(inst) = self.markets.find_text(&coin) else {
            out.done.unknown_markets += 1;
            return Ok(true);
        };
        let order = order.unwrap_or(OrderId(0));
        out.done.external += u32::from(order == OrderId(0));
        out.done.rounded += u32::from(rounded);
        Ok(out.put(Event::Fill { inst, side, taker, order, px, qty, fee, trade_id, exch_ms }))
    }

    fn user_events<S: Sink>(
        &self,
        mut data: Cursor<'_>,
        out: &mut Out<'_, S>,
    ) -> Result<(), Malformed> {
        out.done.frame = UserFrame::Events;
        let mut members = data.object()?;
        while let Some(name) = members.next(&mut data)? {
            match name.chars(&mut [0; 16]) {
                Some(b"funding") => {
                    if !self.funding(&mut data, out)? {
                        return Ok(());
                    }
                }
                Some(b"liquidation") => {
                    out.done.liquidations += 1;
                    data.skip()?;
                }
                Some(b"nonUserCancel") => {
                    let mut items = data.array()?;
                    while items.next(&mut data)? {
                        out.done.non_user_cancels += 1;
                        data.skip()?;
                    }
                }
                _ => {
                    out.done.ignored += 1;
                    data.skip()?;
                }
            }
        }
        Ok(())
    }

    /// A funding payment; `false` when the sink is full.
    fn funding<S: Sink>(
        &self,
        data: &mut Cursor<'_>,
        out: &mut Out<'_, S>,
    ) -> Result<bool, Malformed> {
        let missing = data.refuse(MalformedKind::MissingField);
        let (mut coin, mut amount, mut time) = (None, None, None);
        let mut members = data.object()?;
        while let Some(name) = members.next(data)? {
            match name.chars(&mut [0; 8]) {
                Some(b"coin") => once(&mut coin, data.text()?, &name)?,
                // Positive is received, so against us is down.
                Some(b"usdc") => once(&mut amount, read_amount(data, Round::Down)?, &name)?,
                Some(b"time") => once(&mut time, data.unsigned()?, &name)?,
                _ => data.skip()?,
            }
        }
        let (coin, exch_ms) = (coin.ok_or(missing)?, time.ok_or(missing)?);
        let (amount, rounded) = amount.ok_or(missing)?;
        let Some(inst) = self.markets.find_text(&coin) else {
            out.done.unknown_markets += 1;
            return Ok(true);
        };
        out.done.rounded += u32::from(rounded);
        Ok(out.put(Event::Funding { inst, amount, exch_ms }))
    }
}

fn nothing(frame: UserFrame) -> UserDecoded {
    UserDecoded {
        frame,
        events: 0,
        full: false,
        external: 0,
        unknown_statuses: 0,
        unknown_markets: 0,
        rounded: 0,
        old_fills: 0,
        non_user_cancels: 0,
        liquidations: 0,
        ignored: 0,
    }
}

/// The client order id of an order of a run.
pub fn cloid(run_tag: u64, order: OrderId) -> [u8; CLOID_LEN] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'0'; CLOID_LEN];
    text[1] = b'x';
    let id = u128::from(run_tag) << 64 | u128::from(order.0);
    for (i, digit) in text[2..].iter_mut().enumerate() {
        *digit = HEX[(id >> (124 - 4 * i)) as usize & 15];
    }
    text
}

/// The run tag and order of a client order id that has the form of ours.
pub fn parse_cloid(text: &[u8]) -> Option<(u64, OrderId)> {
    let digits: &[u8; 32] = text.strip_prefix(b"0x")?.try_into().ok()?;
    let mut id = 0u128;
    for &digit in digits {
        id = id << 4 | u128::from(char::from(digit).to_digit(16)?);
    }
    Some(((id >> 64) as u64, OrderId(id as u64)))
}

/// An amount in raw 10^-8, rounded when it has more places, and whether it was.
fn read_amount(data: &mut Cursor<'_>, round: Round) -> Result<(i64, bool), Malformed> {
    let text: Text<'_> = data.text()?;
    let mut room = [0; 64];
    text.chars(&mut room)
        .and_then(|chars| amount(chars, round))
        .ok_or_else(|| text.refuse(MalformedKind::Number))
}

fn amount(chars: &[u8], round: Round) -> Option<(i64, bool)> {
    let places = chars.iter().position(|&c| c == b'.').map_or(chars.len(), |point| point + 1);
    let end = chars.len().min(places + SCALE_DECIMALS as usize);
    let (kept, cut) = chars.split_at(end);
    let raw = parse_raw(kept).ok()?;
    if !cut.iter().all(u8::is_ascii_digit) {
        return None;
    }
    if cut.iter().all(|&c| c == b'0') {
        return Some((raw, false));
    }
    // `kept` is rounded toward zero: one unit away from it is due on one side of zero only.
    let negative = chars.first() == Some(&b'-');
    let step = match (round, negative) {
        (Round::Up, false) => 1,
        (Round::Down, true) => -1,
        _ => 0,
    };
    Some((raw + step, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cloids_round_trip_and_others_are_not_ours() {
        let text = cloid(0x0123_4567_89ab_cdef, OrderId(0xfedc));
        assert_eq!(&text, b"0x0123456789abcdef000000000000fedc");
        assert_eq!(parse_cloid(&text), Some((0x0123_4567_89ab_cdef, OrderId(0xfedc))));
        for other in
            ["", "0x", "0x0123456789abcdef000000000000fed", "0x0123456789abcdef00000000000+fedc"]
        {
            assert_eq!(parse_cloid(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn amounts_are_exact_or_rounded_against_us() {
        use Round::{Down, Up};
        for (text, round, want) in [
            ("0.005064", Up, Some((506_400, false))),
            ("-0.002994", Up, Some((-299_400, false))),
            ("0.123456780", Up, Some((12_345_678, false))),
            ("0.123456781", Up, Some((12_345_679, true))),
            ("-0.123456789", Up, Some((-12_345_678, true))),
            ("-0.000000001", Up, Some((0, true))),
            ("0.123456789", Down, Some((12_345_678, true))),
            ("-0.123456781", Down, Some((-12_345_679, true))),
            ("-0.000000001", Down, Some((-1, true))),
            ("1e-9", Up, None),
            ("0.12345678x", Up, None),
            ("0.1234567890.", Up, None),
            ("NaN", Up, None),
            ("", Up, None),
        ] {
            assert_eq!(amount(text.as_bytes(), round), want, "{text}");
        }
    }
}
