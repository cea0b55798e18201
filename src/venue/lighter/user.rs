//! Hot. The account's stream: account_all_orders, account_all_trades, account_all_positions,
//! user_stats.
//!
//! What concerns our account is never lost and never applied twice:
//!
//! * The syntax of a whole frame is checked before its first event. Its elements are then emitted
//!   one by one as each is read: a fill that is sound is worth having at once, whatever stands
//!   behind it. An `Err` therefore means: some of this frame is missing, reconcile with the venue.
//! * When the sink is full the result says how many events it took, and
//!   [`UserCodec::decode_after`] goes on behind them once there is room.
//! * Fills of a snapshot are old: none is emitted unless [`UserCodec::recover_from`] was told since
//!   when fills may be missing. The ledger knows trades by their id.
//!
//! **Orders.** The answer to a sent order says only that it was taken. Here an order is first told
//! of: resting (`Ack`), refused by the matching engine (`Reject`), or gone (`Canceled`). The answer to
//! the subscription holds what rests now, each an `OrderState`.
//!
//! **Whose an order is** stands in its client index: 16 bits of the run, 32 of the order's counter,
//! and the market gives the rest of the [`OrderId`]. Any other index is *external* (placed by hand
//! or by an earlier run) and is emitted as `OrderId(0)`.
//!
//! **Fees** are in 10^-6 of the notional, by role, and left out when zero: the fee of a fill is
//! px x qty x ticks / 10^6, exact, and rounded up to 10^-8 where it has more places.
//!
//! **Positions** arrive beside the fills that made them, in either order, so a position between two
//! fills is no news for a ledger that books fills, and would look like a mismatch. The snapshot is
//! emitted; changes are kept for whoever compares ([`UserCodec::position`]).

mod read;

use super::control::{Channel, Control, private_request};
use super::errors::OrderStatus;
use super::markets::Markets;
use crate::event::{Event, OrderId, Stamp};
use crate::instrument::InstId;
use crate::units::{Price, Qty};
use crate::venue::{Malformed, Sink};

/// Bytes of a frame. A snapshot of 1500 orders, the most that may rest, has about 1.4 MB.
pub const USER_FRAME_MAX: usize = 4 << 20;

/// The counter's part of a client index; the run's tag lies above it.
const COUNTER_BITS: u32 = 32;

/// What a frame of the account's stream was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserFrame {
    Orders,
    /// What rests, as of the subscription.
    OrdersSnapshot,
    Fills,
    FillsSnapshot,
    Positions,
    PositionsSnapshot,
    Stats,
    Control(Control),
    /// A channel of another account: nothing was emitted.
    OtherAccount,
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
    /// Order states that are not documented.
    pub unknown_statuses: u32,
    /// Entries of markets that the session does not have: not emitted.
    pub unknown_markets: u32,
    /// Fees and entry prices finer than 10^-8, rounded against us.
    pub rounded: u32,
    /// Snapshot fills from before the time that was asked for: not emitted.
    pub old_fills: u32,
    /// Trades in which both sides are ours: they move nothing and are not emitted.
    pub self_trades: u32,
    /// Trades of our account that a liquidation made, and orders that it took. The caller halts.
    pub liquidations: u32,
    /// Changes of positions, kept and not emitted; orders on their way into the book.
    pub kept: u32,
}

impl UserDecoded {
    fn of(frame: UserFrame) -> UserDecoded {
        UserDecoded {
            frame,
            events: 0,
            full: false,
            external: 0,
            unknown_statuses: 0,
            unknown_markets: 0,
            rounded: 0,
            old_fills: 0,
            self_trades: 0,
            liquidations: 0,
            kept: 0,
        }
    }
}

/// A position as the venue last told it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub qty: Qty,
    pub entry: Price,
}

/// Decodes the frames of one account's connection.
#[derive(Clone, Debug)]
pub struct UserCodec {
    account: u64,
    run_tag: u16,
    markets: Markets,
    held: Vec<Held>,
    recover_from_ms: Option<u64>,
}

/// One order's entry of the stream or of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderTold {
    pub inst: InstId,
    pub client: u64,
    pub venue_oid: u64,
    /// Of the whole order, in its whole life.
    pub filled: Qty,
    pub status: OrderStatus,
    pub ioc: bool,
    /// Zero where it is not told.
    pub px: Price,
    /// The whole size, with what has traded; zero where it is not told.
    pub whole: Qty,
    /// The order's place in the queue of its side: another one after each modify.
    pub nonce: Option<u64>,
    pub snapshot: bool,
}

/// One trade of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeTold {
    pub inst: InstId,
    pub client: u64,
    pub px: Price,
    pub qty: Qty,
    pub taker: bool,
    pub id: u64,
}

/// Who knows the orders behind client indices.
pub trait Namer {
    /// Tells `put` what an order's entry says; `false` when there is no room.
    fn told(&mut self, told: &OrderTold, recv: Stamp, put: &mut impl FnMut(Event) -> bool) -> bool;
    /// Whose a trade is; `put` is told first what the trade shows beside.
    fn traded(
        &mut self,
        told: &TradeTold,
        recv: Stamp,
        put: &mut impl FnMut(Event) -> bool,
    ) -> OrderId;
    /// A snapshot of what rests begins.
    fn list(&mut self);
    /// It is over.
    fn unlisted(&mut self, recv: Stamp, put: &mut impl FnMut(Event) -> bool);
}

/// Each client index names the order that was placed under it: right where nothing is modified.
struct ByTag(u16);

impl Namer for ByTag {
    fn told(&mut self, told: &OrderTold, recv: Stamp, put: &mut impl FnMut(Event) -> bool) -> bool {
        news_of(told, by_tag(self.0, told.client, told.inst), recv).is_none_or(put)
    }

    fn traded(&mut self, told: &TradeTold, _: Stamp, _: &mut impl FnMut(Event) -> bool) -> OrderId {
        by_tag(self.0, told.client, told.inst)
    }

    fn list(&mut self) {}

    fn unlisted(&mut self, _: Stamp, _: &mut impl FnMut(Event) -> bool) {}
}

/// The order of this run that a client index was made for; [`OrderId::EXTERNAL`] for any other.
#[inline]
pub(super) fn by_tag(run_tag: u16, client: u64, inst: InstId) -> OrderId {
    if client >> COUNTER_BITS != u64::from(run_tag) {
        return OrderId::EXTERNAL;
    }
    OrderId::new(client & ((1 << COUNTER_BITS) - 1), inst)
}

pub(super) use read::{ends, news_of, state_of};

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
    /// `run_tag` is the upper part of this run's client indices; `markets` has the venue's number of
    /// each market.
    ///
    /// # Panics
    /// When one number stands for two instruments.
    pub fn new(account: u64, run_tag: u16, markets: &[(InstId, u32)]) -> UserCodec {
        let held = vec![Held::default(); markets.len()];
        UserCodec { account, run_tag, markets: Markets::new(markets), held, recover_from_ms: None }
    }

    /// From which venue time (ms) on the fills of a snapshot may be news: after a reconnect, the
    /// last moment at which the stream was known to be whole. `None`, as at the start: none are.
    pub fn recover_from(&mut self, since_ms: Option<u64>) {
        self.recover_from_ms = since_ms;
    }

    /// The position that the venue last told of; `None` for a market that the session does not have.
    pub fn position(&self, inst: InstId) -> Option<Held> {
        let slot = self.markets.rows().iter().position(|row| row.1 == inst)?;
        Some(self.held[slot])
    }

    /// The channels of this codec.
    const CHANNELS: [Channel; 4] =
        [Channel::Orders, Channel::Fills, Channel::Positions, Channel::UserStats];

    /// The frames that subscribe to everything this codec reads, with a token that the venue takes
    /// for eight hours at most. Cold.
    pub fn subscriptions(&self, token: &str) -> Vec<String> {
        let subscribe = |channel| private_request("subscribe", channel, self.account, token);
        Self::CHANNELS.map(subscribe).to_vec()
    }

    /// The frames that subscribe anew: a channel that stands is ended first, or the venue refuses
    /// with 30003 and keeps the old token. Cold.
    pub fn resubscribe(&self, token: &str) -> Vec<String> {
        let of = |what| move |channel| private_request(what, channel, self.account, token);
        let (end, begin) = (of("unsubscribe"), of("subscribe"));
        Self::CHANNELS.iter().flat_map(|&channel| [end(channel), begin(channel)]).collect()
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
        let done = UserDecoded::of(UserFrame::UnknownChannel);
        let mut out = Out { sink, skip: taken, recv, done };
        self.read(frame, &mut ByTag(self.run_tag), &mut out)?;
        Ok(out.done)
    }

    /// As `decode`, with the orders that `names` knows. It is told of each entry once, so the sink
    /// must have room.
    pub fn decode_named(
        &mut self,
        frame: &[u8],
        recv: Stamp,
        names: &mut impl Namer,
        sink: &mut impl Sink,
    ) -> Result<UserDecoded, Malformed> {
        let done = UserDecoded::of(UserFrame::UnknownChannel);
        let mut out = Out { sink, skip: 0, recv, done };
        self.read(frame, names, &mut out)?;
        Ok(out.done)
    }

    /// As [`UserCodec::decode_trades`], with the orders that `names` knows. Cold.
    pub fn decode_trades_named(
        &mut self,
        since_ms: u64,
        body: &[u8],
        names: &mut impl Namer,
        sink: &mut impl Sink,
    ) -> Result<UserDecoded, Malformed> {
        let done = UserDecoded::of(UserFrame::FillsSnapshot);
        let mut out = Out { sink, skip: 0, recv: Stamp(0), done };
        self.read_rest_trades(body, since_ms, names, &mut out)?;
        Ok(out.done)
    }

    /// Decodes the answer to the REST call `trades` for this account, newest first: what a
    /// reconnect has missed. Fills from before `since_ms` are not emitted. Cold.
    pub fn decode_trades(
        &mut self,
        taken: u32,
        since_ms: u64,
        body: &[u8],
        recv: Stamp,
        sink: &mut impl Sink,
    ) -> Result<UserDecoded, Malformed> {
        let done = UserDecoded::of(UserFrame::FillsSnapshot);
        let mut out = Out { sink, skip: taken, recv, done };
        self.read_rest_trades(body, since_ms, &mut ByTag(self.run_tag), &mut out)?;
        Ok(out.done)
    }
}
