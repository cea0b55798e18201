//! Hot. Venue codecs: bytes to events, actions to bytes. No socket, no clock, no book.

pub mod account;
pub mod buf;
pub mod build;
pub mod eip712;
pub mod hyperliquid;
pub mod json;
pub mod lighter;
mod nonces;
pub mod rest;
mod scan;
pub mod swar;

use crate::event::{Action, Event, OrderId, Refused, RejectReason, Stamp};
use crate::instrument::InstId;
use crate::units::Nanos;
use account::{AccountFrame, Asked, Switch};
use hyperliquid::feed::Decoded;
use rest::{Fate, OpenOrder, Pass, Request, VenueView};

/// Where a decoder puts its events: in the pipeline, a ring that stamps them.
pub trait Sink {
    /// Takes one event. `false` when there is no room: the decoder stops, and the caller turns the
    /// rest of the message into one [`Event::Gap`].
    fn put(&mut self, event: Event) -> bool;
}

impl Sink for Vec<Event> {
    fn put(&mut self, event: Event) -> bool {
        self.push(event);
        true
    }
}

/// A message that is not what the venue documents. Small and `Copy`: it is counted by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Byte offset in the frame at which it was noticed.
    pub at: u32,
    pub kind: MalformedKind,
}

/// The kinds of malformed messages, each with a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum MalformedKind {
    /// Not JSON, or cut short.
    Syntax,
    /// A field that must be there is not.
    MissingField,
    /// A number that is not a decimal, is negative, is too precise or too large.
    Number,
    /// A text that is not one of the documented values where it must be.
    Value,
    /// More levels, entries or bytes than the limit.
    Oversized,
}

/// What a frame of public data was, in every venue's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedFrame {
    Book,
    Bbo,
    Trades(u32),
    /// Mark, oracle and funding of a market.
    Context,
    /// Acknowledgements, pongs, greetings, refusals.
    Control,
    /// A channel or market that this session does not read.
    Unknown,
    /// The sink had no room for a message of this market.
    Full(InstId),
    /// Read, and nothing for the core in it that it does not have.
    Silent,
    /// The venue wants [`MarketFeed::pong`].
    Ping,
    /// The venue is about to close the connection: end it, and make a new one.
    Closing,
}

/// The public side of a venue: a closed set with one `match`. A new venue is one arm here.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one a connection; a box would be one more load a frame"
)]
pub enum MarketFeed {
    Hyperliquid(hyperliquid::feed::FeedCodec),
    Lighter(lighter::feed::FeedCodec),
}

impl MarketFeed {
    #[inline]
    pub fn decode(
        &mut self,
        frame: &[u8],
        recv: Stamp,
        sink: &mut impl Sink,
    ) -> Result<FeedFrame, Malformed> {
        match self {
            MarketFeed::Hyperliquid(codec) => Ok(match codec.decode(frame, recv, sink)? {
                Decoded::Book(_) => FeedFrame::Book,
                Decoded::Bbo(_) => FeedFrame::Bbo,
                Decoded::Trades(n) => FeedFrame::Trades(n),
                Decoded::Context(_) => FeedFrame::Context,
                Decoded::Control(_) => FeedFrame::Control,
                Decoded::UnknownChannel | Decoded::UnknownMarket => FeedFrame::Unknown,
                Decoded::Full(inst) => FeedFrame::Full(inst),
            }),
            MarketFeed::Lighter(codec) => Ok(match codec.decode(frame, recv, sink)? {
                lighter::feed::Decoded::Book(_) => FeedFrame::Book,
                lighter::feed::Decoded::Bbo(_) => FeedFrame::Bbo,
                lighter::feed::Decoded::Full(inst) => FeedFrame::Full(inst),
                other => lighter_rare(other),
            }),
        }
    }

    /// A connection stands: nothing of the one before continues.
    pub fn connected(&mut self) {
        match self {
            // Each of its books is whole.
            MarketFeed::Hyperliquid(_) => {}
            MarketFeed::Lighter(codec) => codec.connected(),
        }
    }

    /// The frames that start a session. Cold.
    pub fn subscriptions(&self) -> Vec<String> {
        match self {
            MarketFeed::Hyperliquid(codec) => codec.subscriptions(),
            MarketFeed::Lighter(codec) => codec.subscriptions(),
        }
    }

    /// The frames that make the venue send a fresh snapshot of one market. Cold.
    pub fn resubscribe(&self, inst: InstId) -> Vec<String> {
        match self {
            MarketFeed::Hyperliquid(codec) => codec.resubscribe(inst),
            MarketFeed::Lighter(codec) => codec.resubscribe(inst),
        }
    }

    /// The frame that the venue answers although nothing happens.
    pub fn ping(&self) -> &'static str {
        match self {
            MarketFeed::Hyperliquid(_) => r#"{"method":"ping"}"#,
            MarketFeed::Lighter(_) => lighter::control::PING,
        }
    }

    /// The longest time in which the venue must hear from us although it sends, in ns. Lighter
    /// closes after two minutes; half of that leaves room for one lost frame.
    pub fn heard_within_ns(&self) -> u64 {
        match self {
            MarketFeed::Hyperliquid(_) => u64::MAX,
            MarketFeed::Lighter(_) => 60_000_000_000,
        }
    }

    /// The answer to the venue's own ping.
    pub fn pong(&self) -> &'static str {
        match self {
            // Its pings are the protocol's, which the socket answers.
            MarketFeed::Hyperliquid(_) => r#"{"method":"ping"}"#,
            MarketFeed::Lighter(_) => lighter::control::PONG,
        }
    }
}

/// A Lighter frame that is neither book nor top.
fn lighter_rare(decoded: lighter::feed::Decoded) -> FeedFrame {
    use lighter::control::Control;
    use lighter::feed::Decoded as D;
    match decoded {
        D::Trades(n) => FeedFrame::Trades(n),
        D::Stats(_) => FeedFrame::Context,
        D::Control(Control::Ping) => FeedFrame::Ping,
        D::Control(Control::Shutdown { .. }) => FeedFrame::Closing,
        D::Control(Control::Unknown) | D::UnknownChannel | D::UnknownMarket => FeedFrame::Unknown,
        D::Control(_) => FeedFrame::Control,
        D::Full(inst) => FeedFrame::Full(inst),
        D::Book(_) | D::Bbo(_) | D::Old(_) | D::Gap(..) | D::Waiting(_) | D::Height(_) => {
            FeedFrame::Silent
        }
    }
}

/// Actions that one frame may hold at any venue.
pub const BATCH_MAX: usize = hyperliquid::orders::BATCH_MAX;
/// Room for the longest frame of any venue, bytes.
pub const FRAME_MAX: usize = longer(hyperliquid::orders::FRAME_MAX, lighter::orders::FRAME_MAX);

const fn longer(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

const _: () = assert!(BATCH_MAX >= lighter::orders::BATCH_MAX);

/// Our account's side of a venue. It alone has keys and nonces.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one a session; a box would be one more load an order"
)]
pub enum VenueAccount {
    Hyperliquid(hyperliquid::account::Account),
    Lighter(lighter::account::Account),
}

impl VenueAccount {
    /// The frames that start a session; a venue that wants a token with them signs one for this time.
    /// Cold.
    pub fn subscriptions(&mut self, now_ms: u64) -> Vec<String> {
        match self {
            // Anyone may listen.
            VenueAccount::Hyperliquid(account) => account.subscriptions(),
            VenueAccount::Lighter(account) => account.subscriptions(now_ms),
        }
    }

    /// The frames that keep subscriptions alive whose token ends, when that is due. Asked whenever
    /// [`VenueAccount::wants_beat`] says so. Cold.
    pub fn renewals(&mut self, now_ms: u64) -> Vec<String> {
        match self {
            // Subscriptions have no end.
            VenueAccount::Hyperliquid(_) => Vec::new(),
            VenueAccount::Lighter(account) => account.renewals(now_ms),
        }
    }

    /// What REST wants to see with a question about the account. Cold.
    pub fn pass(&mut self, now_ms: u64) -> Pass {
        match self {
            VenueAccount::Hyperliquid(_) => Pass::default(),
            VenueAccount::Lighter(account) => account.pass(now_ms),
        }
    }

    /// Takes what only the account's side needs of a view: nonces that the venue counts. Cold.
    pub fn take_view(&mut self, view: &VenueView) {
        match self {
            // A nonce is the time here.
            VenueAccount::Hyperliquid(_) => debug_assert!(view.nonces.is_empty()),
            VenueAccount::Lighter(account) => account.take_view(view),
        }
    }

    /// Tells `sink` the fills that a view has shown, before its positions are told; `false` while there
    /// are more. Cold.
    pub fn tell_recovered(&mut self, sink: &mut impl Sink) -> bool {
        match self {
            // The stream repeats them.
            VenueAccount::Hyperliquid(_) => true,
            VenueAccount::Lighter(account) => account.tell_recovered(sink),
        }
    }

    /// What REST's answer to the question about `order` means for it; `None`: nothing yet. Cold.
    pub fn judge(&mut self, order: OrderId, fate: &Fate, now_ms: u64) -> Option<Fate> {
        match self {
            // An order has one number in its life.
            VenueAccount::Hyperliquid(_) => Some(*fate),
            VenueAccount::Lighter(account) => account.judge(order, fate, now_ms),
        }
    }

    /// Actions of one frame, at most [`BATCH_MAX`].
    pub fn batch_max(&self) -> usize {
        match self {
            VenueAccount::Hyperliquid(_) => hyperliquid::orders::BATCH_MAX,
            VenueAccount::Lighter(account) => account.batch_max(),
        }
    }

    /// Writes one signed frame for actions of one kind and, for orders, one time in force. A venue
    /// with one key for quotes and one for hedges knows by that which is to sign: an IOC order is
    /// alone in its frame.
    #[inline]
    pub fn encode(
        &mut self,
        actions: &[Action],
        now_ms: u64,
        out: &mut [u8],
    ) -> Result<usize, Refused> {
        match self {
            VenueAccount::Hyperliquid(account) => account.encode(actions, now_ms, out),
            VenueAccount::Lighter(account) => account.encode(actions, now_ms, out),
        }
    }

    /// Fetches what the next signature needs ahead of it, when nothing is left to send.
    #[inline]
    pub fn prepare(&mut self) {
        match self {
            VenueAccount::Hyperliquid(account) => account.prepare(),
            VenueAccount::Lighter(account) => account.prepare(),
        }
    }

    /// What an answer of the venue teaches beside its event, for who has the event alone: benches.
    pub fn heard(&mut self, event: &Event) {
        match self {
            VenueAccount::Hyperliquid(account) => account.heard(event),
            // Orders are named by our own index alone.
            VenueAccount::Lighter(_) => {}
        }
    }

    /// Asks what became of an order: writes the question, or says how REST is asked. `id` is a number
    /// that no post has.
    pub fn ask(&mut self, order: OrderId, id: u64, out: &mut [u8]) -> Result<Asked, Refused> {
        match self {
            VenueAccount::Hyperliquid(account) => account.ask(order, id, out).map(Asked::Frame),
            VenueAccount::Lighter(account) => account.ask(order),
        }
    }

    /// Writes a signed cancel of an order that the venue lists, by its number. Cold.
    pub fn cancel_listed(
        &mut self,
        order: &OpenOrder,
        now_ms: u64,
        out: &mut [u8],
    ) -> Result<usize, Refused> {
        match self {
            VenueAccount::Hyperliquid(account) => account.cancel_listed(order, now_ms, out),
            VenueAccount::Lighter(account) => account.cancel_listed(order, now_ms, out),
        }
    }

    /// The signed requests that cancel orders that the venue lists: the second path, for when there is
    /// no socket. `room` is for one body, of [`FRAME_MAX`] bytes. Orders on markets that are not
    /// traded here are left out. Cold.
    pub fn cancel_requests(
        &mut self,
        orders: &[OpenOrder],
        now_ms: u64,
        room: &mut [u8],
    ) -> Vec<Result<Request, Refused>> {
        match self {
            VenueAccount::Hyperliquid(account) => account.cancel_requests(orders, now_ms, room),
            VenueAccount::Lighter(account) => account.cancel_requests(orders, now_ms),
        }
    }

    /// Decodes one frame; does not emit the first `taken` events. An answer that says "accepted" and
    /// not "executed" is counted and emits nothing: the stream says what became of it.
    pub fn decode(
        &mut self,
        taken: u32,
        frame: &[u8],
        recv: Stamp,
        sink: &mut impl Sink,
    ) -> Result<AccountFrame, Malformed> {
        match self {
            VenueAccount::Hyperliquid(account) => account.decode(taken, frame, recv, sink),
            VenueAccount::Lighter(account) => account.decode(taken, frame, recv, sink),
        }
    }

    /// Is the venue to be told that we live, or has it answered, or does a token end?
    #[inline]
    pub fn wants_beat(&self, now: Nanos) -> bool {
        match self {
            VenueAccount::Hyperliquid(account) => account.wants_beat(now.0 / 1_000_000),
            VenueAccount::Lighter(account) => account.wants_beat(now.0 / 1_000_000),
        }
    }

    /// Writes the frame that puts the dead man's switch off, when that is due. Cold.
    pub fn beat(&mut self, now_ms: u64, out: &mut [u8]) -> Option<usize> {
        match self {
            VenueAccount::Hyperliquid(account) => account.beat(now_ms, out),
            VenueAccount::Lighter(account) => account.beat(now_ms, out),
        }
    }

    /// Writes the frame that takes an armed switch back. Cold.
    pub fn disarm(&mut self, now_ms: u64, out: &mut [u8]) -> Option<usize> {
        match self {
            VenueAccount::Hyperliquid(account) => account.disarm(now_ms, out),
            VenueAccount::Lighter(account) => account.disarm(now_ms, out),
        }
    }

    /// Writes the next frame that has nothing to do with an order, when one is due: a leverage, the
    /// question how many requests are left. `id`: as for [`VenueAccount::ask`]. Cold.
    pub fn housekeep(&mut self, id: u64, now_ms: u64, out: &mut [u8]) -> Option<usize> {
        match self {
            VenueAccount::Hyperliquid(account) => {
                let leverage = account.set_leverage(now_ms, out);
                leverage.or_else(|| account.ask_rate(id, now_ms, out))
            }
            // The count comes with the answers.
            VenueAccount::Lighter(account) => account.set_leverage(now_ms, out),
        }
    }

    /// The reason for which a leverage was not set; told once.
    pub fn take_leverage_refused(&mut self) -> Option<RejectReason> {
        match self {
            VenueAccount::Hyperliquid(account) => account.take_leverage_refused(),
            VenueAccount::Lighter(account) => account.take_leverage_refused(),
        }
    }

    /// Tells `sink` what the rate rules leave, when that is due.
    pub fn rate_report(&mut self, now_ms: u64, recv: Stamp, sink: &mut impl Sink) {
        match self {
            VenueAccount::Hyperliquid(account) => {
                if let Some(event) = account.rate_report(now_ms, recv)
                    && !sink.put(event)
                {
                    account.rate_unsaid();
                }
            }
            VenueAccount::Lighter(account) => account.rate_report(now_ms, recv, sink),
        }
    }

    pub fn switch(&self) -> Switch {
        match self {
            VenueAccount::Hyperliquid(account) => account.switch(),
            VenueAccount::Lighter(account) => account.switch(),
        }
    }

    pub fn lost(&mut self, now_ms: u64) {
        match self {
            VenueAccount::Hyperliquid(account) => account.lost(now_ms),
            VenueAccount::Lighter(account) => account.lost(now_ms),
        }
    }

    /// The frame that the venue answers although nothing happens.
    pub fn ping(&self) -> &'static str {
        match self {
            VenueAccount::Hyperliquid(_) => r#"{"method":"ping"}"#,
            VenueAccount::Lighter(_) => lighter::control::PING,
        }
    }

    /// The answer to the venue's own ping ([`AccountFrame::ping`]).
    pub fn pong(&self) -> &'static str {
        match self {
            // Its pings are the protocol's, which the socket answers.
            VenueAccount::Hyperliquid(_) => r#"{"method":"ping"}"#,
            VenueAccount::Lighter(_) => lighter::control::PONG,
        }
    }

    /// The longest time in which the venue must hear from us although it sends, ns.
    pub fn heard_within_ns(&self) -> u64 {
        match self {
            VenueAccount::Hyperliquid(_) => u64::MAX,
            VenueAccount::Lighter(_) => 60_000_000_000,
        }
    }

    /// The shortest time between two views of the account, ns. At Lighter a view is six requests of the
    /// sixty that a standard account has in a minute.
    pub fn view_every_ns(&self) -> u64 {
        match self {
            VenueAccount::Hyperliquid(_) => 250_000_000,
            VenueAccount::Lighter(_) => 3_000_000_000,
        }
    }

    pub fn pool_fallbacks(&self) -> u64 {
        match self {
            VenueAccount::Hyperliquid(account) => account.pool_fallbacks(),
            VenueAccount::Lighter(account) => account.pool_fallbacks(),
        }
    }

    /// Frames whose answer never came, and answers that belong to none. (At Hyperliquid the answers'
    /// time is watched by egress.)
    pub fn unanswered(&self) -> u64 {
        match self {
            VenueAccount::Hyperliquid(_) => 0,
            VenueAccount::Lighter(account) => account.unanswered(),
        }
    }

    /// Lists of fills that could not be read. (At Hyperliquid fills come by the stream alone.)
    pub fn unread_fills(&self) -> u64 {
        match self {
            VenueAccount::Hyperliquid(_) => 0,
            VenueAccount::Lighter(account) => account.unread_fills(),
        }
    }

    /// Is this order of this run?
    pub fn is_ours(&self, order: &OpenOrder) -> bool {
        match self {
            VenueAccount::Hyperliquid(account) => {
                order.client.is_some_and(|client| account.order_of(client).is_some())
            }
            VenueAccount::Lighter(account) => account.is_ours(order),
        }
    }
}
