//! Hot. The vocabularies: what the world tells us ([`Event`]), what the core is told ([`Input`]),
//! what we ask of a venue ([`Action`]), and the names of everything that did not happen.
//!
//! An [`Event`] is 56 bytes, so that with the ring's 8-byte sequence it is one cache line. A book
//! of 2 x 20 levels is fifteen of them; the last, [`Event::BookEnd`], makes the book valid.

use crate::instrument::{GridSpec, InstId};
use crate::units::{Nanos, Price, Qty, Side};

/// Our own number of an order: a counter in the core, never reused in a run, above the 16-bit number
/// of its instrument, so that an answer finds its market without a table. Zero is never one of
/// ours: it stands for an order that was placed by hand or by somebody else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(pub u64);

impl OrderId {
    pub const EXTERNAL: OrderId = OrderId(0);

    #[inline]
    pub fn new(counter: u64, inst: InstId) -> OrderId {
        assert!(counter < 1 << 48, "2^48 orders are a million a second for nine years");
        OrderId(counter << 16 | u64::from(inst.0))
    }

    #[inline]
    pub fn inst(self) -> InstId {
        InstId(self.0 as u16)
    }

    /// The core's counter: the short number that people see.
    #[inline]
    pub fn counter(self) -> u64 {
        self.0 >> 16
    }
}

/// One level of a book. `qty` zero means that there is no such level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    pub px: Price,
    pub qty: Qty,
}

/// A raw stamp of the monotonic clock, in ns since the process started. Only differences of two
/// stamps mean anything; the engine's time is [`Nanos`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub u64);

/// Levels in one [`Event::Levels`].
pub const LEVELS_PER_EVENT: usize = 3;

/// How long an order may rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Tif {
    /// Post-only: refused if it would trade at once.
    Alo = 0,
    /// Trades at once what it can, the rest is cancelled.
    Ioc = 1,
    /// Rests until filled or cancelled.
    Gtc = 2,
}

/// Which part of the engine asked for an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Component {
    Maker = 0,
    Hedger = 1,
    Pair = 2,
    Ladder = 3,
    /// Shut-down, kill switch, recovery.
    Unwind = 4,
    /// Not ours: placed by hand or by an earlier run.
    External = 5,
}

impl Component {
    pub const ALL: [Component; 6] = [
        Component::Maker,
        Component::Hedger,
        Component::Pair,
        Component::Ladder,
        Component::Unwind,
        Component::External,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Component::Maker => "maker",
            Component::Hedger => "hedger",
            Component::Pair => "pair",
            Component::Ladder => "ladder",
            Component::Unwind => "unwind",
            Component::External => "external",
        }
    }

    /// Does it make the resting quotes of a market? (A market has one of the two.)
    #[inline]
    pub fn is_quoting(self) -> bool {
        matches!(self, Component::Maker | Component::Ladder)
    }
}

/// A reason with a stable code and a name, so that each can have a counter.
macro_rules! named_codes {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $code:literal => $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $name { $($(#[$vmeta])* $variant = $code,)+ }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];
            pub const COUNT: usize = $name::ALL.len();

            /// Stable snake_case name for counters, journals and JSON.
            pub fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }

            /// The variant of a code read from a journal.
            pub fn from_code(code: u8) -> Option<$name> {
                match code { $($code => Some($name::$variant),)+ _ => None }
            }
        }
    };
}

pub(crate) use named_codes;

named_codes! {
    /// Why the venue refused an order (typed from its text or code).
    RejectReason {
        Tick = 0 => "tick",
        Lot = 1 => "lot",
        MinNotional = 2 => "min_notional",
        Margin = 3 => "margin",
        ReduceOnly = 4 => "reduce_only",
        /// A post-only order that would have traded.
        WouldCross = 5 => "would_cross",
        /// An IOC that met nothing within its limit.
        IocNoMatch = 6 => "ioc_no_match",
        PriceTooFar = 7 => "price_too_far",
        OpenInterest = 8 => "open_interest",
        PositionLimit = 9 => "position_limit",
        TooManyOrders = 10 => "too_many_orders",
        RateLimit = 11 => "rate_limit",
        Nonce = 12 => "nonce",
        Signature = 13 => "signature",
        Expired = 14 => "expired",
        /// Only post-only orders are taken now (after an upgrade).
        PostOnlyMode = 15 => "post_only_mode",
        UnknownAsset = 16 => "unknown_asset",
        BadRequest = 17 => "bad_request",
        /// A text or code that no table knows: never answered by sending again.
        Unrecognized = 18 => "unrecognized",
        /// A modify of an order that had gone: filled or cancelled on the way.
        NothingToModify = 19 => "nothing_to_modify",
    }
}

named_codes! {
    /// Why we did not do something: each refusal is a value with a counter.
    Refused {
        BelowMinimum = 0 => "below_minimum",
        ZeroSize = 1 => "zero_size",
        OutOfGrid = 2 => "out_of_grid",
        Overflow = 3 => "overflow",
        BookInvalid = 4 => "book_invalid",
        BookStale = 5 => "book_stale",
        PositionLimit = 6 => "position_limit",
        NotionalLimit = 7 => "notional_limit",
        OrderSize = 8 => "order_size",
        PriceBand = 9 => "price_band",
        OrderCount = 10 => "order_count",
        OrderRate = 11 => "order_rate",
        Duplicate = 12 => "duplicate",
        SelfCross = 13 => "self_cross",
        DailyLoss = 14 => "daily_loss",
        Drawdown = 15 => "drawdown",
        Halted = 16 => "halted",
        NotConnected = 17 => "not_connected",
        /// K rejects in a row for one reason.
        BreakerOpen = 18 => "breaker_open",
        BackOff = 19 => "back_off",
        TableFull = 20 => "table_full",
        /// An order of this side whose fate is not known yet.
        UnknownOrder = 21 => "unknown_order",
        Encode = 22 => "encode",
        NotReconciled = 23 => "not_reconciled",
        RejectedSize = 24 => "rejected_size",
        ReduceOnlyFlip = 25 => "reduce_only_flip",
        Margin = 26 => "margin",
        /// Its size was not proved at this price, or under these rules.
        Unproved = 27 => "unproved",
        /// The venue's rate rules leave room for cancels and what reduces only.
        RateBudget = 28 => "rate_budget",
    }
}

named_codes! {
    /// Why a book cannot be trusted.
    GapReason {
        /// A ring was full and the rest of a message was dropped.
        RingFull = 0 => "ring_full",
        Malformed = 1 => "malformed",
        Crossed = 2 => "crossed",
        EmptySide = 3 => "empty_side",
        Unsorted = 4 => "unsorted",
        Disconnected = 5 => "disconnected",
        Sequence = 6 => "sequence",
        OutOfRange = 7 => "out_of_range",
        Oversized = 8 => "oversized",
        Stale = 9 => "stale",
        /// The venue's time went backwards.
        TimeBack = 10 => "time_back",
        /// A clock jumped: how old the book is cannot be told.
        ClockJump = 11 => "clock_jump",
    }
}

named_codes! {
    /// Why an order left the book without being asked to fill.
    CancelReason {
        ByUs = 0 => "by_us",
        IocRemainder = 1 => "ioc_remainder",
        ReduceOnly = 2 => "reduce_only",
        SelfTrade = 3 => "self_trade",
        Margin = 4 => "margin",
        Scheduled = 5 => "scheduled",
        Delisted = 6 => "delisted",
        ByVenue = 7 => "by_venue",
    }
}

named_codes! {
    /// A command from a person or from the process itself.
    Command {
        /// Stop quoting and cancel everything; positions stay.
        Kill = 0 => "kill",
        /// Kill, then bring inventory to zero with reduce-only orders.
        Flatten = 1 => "flatten",
        /// A person clears a kill or a breaker.
        Resume = 2 => "resume",
        /// Orderly end of a run: as `Flatten` when configured, then no more orders.
        Stop = 3 => "stop",
    }
}

named_codes! {
    /// Which line of the proof an answer is about.
    ProofLine {
        /// The smallest size that a component makes.
        Clip = 0 => "clip",
        /// The largest one that it may make.
        Cap = 1 => "cap",
        /// An inventory that nothing can remove.
        DeadBand = 2 => "dead_band",
        /// An entry that could not be closed later.
        Exit = 3 => "exit",
        /// The venue's smallest order against `limits.order_notional_quote`.
        OrderNotional = 4 => "order_notional",
        /// The same against `limits.inventory_notional_quote`.
        InventoryNotional = 5 => "inventory_notional",
        /// Nothing could be proved: the prices or sizes are out of range.
        Range = 6 => "range",
    }
}

named_codes! {
    /// How much the venue's rate rules leave.
    Room {
        Ample = 0 => "ample",
        /// Quotes move by more, and less often.
        Low = 1 => "low",
        /// Only cancels and what reduces.
        Last = 2 => "last",
    }
}

named_codes! {
    /// What the venue was asked to set beside orders.
    Setting {
        /// The dead man's switch, refused.
        DeadMan = 0 => "dead_man",
        /// The same, because the account has traded too little to have it.
        DeadManVolume = 1 => "dead_man_volume",
        Leverage = 2 => "leverage",
    }
}

named_codes! {
    /// A connection, as the core knows it.
    Link {
        Market = 0 => "market",
        Orders = 1 => "orders",
    }
}

/// What became of an order that was asked about, or was found at start-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum VenueOrderState {
    Open = 0,
    Filled = 1,
    Canceled = 2,
    Rejected = 3,
    /// The venue does not know it: it never arrived.
    NotFound = 4,
}

/// What the world told us. Public data may be dropped as a message ends in a gap; what concerns
/// our account never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    // -- public, from feed ---------------------------------------------------------------------
    /// Up to three levels of one side, the first of them at index `start`. `start` zero begins a
    /// new snapshot of that side.
    Levels {
        inst: InstId,
        side: Side,
        start: u8,
        count: u8,
        levels: [Level; LEVELS_PER_EVENT],
    },
    /// The snapshot is complete: `bids` and `asks` levels were sent.
    BookEnd {
        inst: InstId,
        bids: u8,
        asks: u8,
        decode_ns: u32,
        exch_ms: u64,
        recv: Stamp,
    },
    Bbo {
        inst: InstId,
        decode_ns: u32,
        bid: Level,
        ask: Level,
        exch_ms: u64,
        recv: Stamp,
    },
    /// A public trade; `side` is the aggressor's.
    Trade {
        inst: InstId,
        side: Side,
        px: Price,
        qty: Qty,
        exch_ms: u64,
        id: u64,
        recv: Stamp,
    },
    /// What the venue values a market at. `funding`: the rate of an hour in 10^-12, positive when
    /// longs pay.
    Context {
        inst: InstId,
        mark: Price,
        oracle: Price,
        funding: i64,
        recv: Stamp,
    },
    /// The book of this instrument is not to be trusted until the next complete snapshot.
    Gap {
        inst: InstId,
        reason: GapReason,
        recv: Stamp,
    },
    // -- our account, from egress --------------------------------------------------------------
    /// The venue has the order (resting, or about to report its fills).
    Ack {
        order: OrderId,
        venue_oid: u64,
        resting: bool,
        recv: Stamp,
    },
    Reject {
        order: OrderId,
        reason: RejectReason,
        code: u32,
        recv: Stamp,
    },
    /// Quantity that traded, never cumulative. `fee` raw 10^-8 quote, negative is a rebate.
    Fill {
        inst: InstId,
        side: Side,
        taker: bool,
        order: OrderId,
        px: Price,
        qty: Qty,
        fee: i64,
        trade_id: u64,
        exch_ms: u64,
    },
    Canceled {
        order: OrderId,
        reason: CancelReason,
        recv: Stamp,
    },
    /// A cancel or modify was refused; `gone` when the order is no longer there.
    CancelReject {
        order: OrderId,
        gone: bool,
        recv: Stamp,
    },
    /// Sent, and no answer may come any more: its fate must be asked for.
    OutcomeUnknown {
        order: OrderId,
        recv: Stamp,
    },
    /// The answer to a question about an order, or an order found at start-up.
    OrderState {
        order: OrderId,
        state: VenueOrderState,
        filled: Qty,
        venue_oid: u64,
        recv: Stamp,
    },
    /// Egress did not send it.
    Unsent {
        order: OrderId,
        reason: Refused,
        recv: Stamp,
    },
    /// The position that the venue reports; raw 10^-8 entry price.
    Position {
        inst: InstId,
        qty: Qty,
        entry: Price,
        recv: Stamp,
    },
    /// Start-up or reconnect reconciliation is complete: everything before it is the venue's view.
    Reconciled {
        open_orders: u32,
        recv: Stamp,
    },
    /// Funding paid (negative) or received, raw 10^-8 quote.
    Funding {
        inst: InstId,
        amount: i64,
        exch_ms: u64,
    },
    /// Equity that the venue reports, raw 10^-8 quote.
    Equity {
        amount: i64,
        recv: Stamp,
    },
    LinkUp {
        link: Link,
        recv: Stamp,
    },
    LinkDown {
        link: Link,
        recv: Stamp,
    },
    /// The venue's rules of a market, read again. `min_notional` raw 10^-8 quote. Not `listed`: it
    /// takes no orders any more, and the rest of the fields is what was known.
    Rules {
        inst: InstId,
        listed: bool,
        grid: GridSpec,
        lot: Qty,
        min_size: Qty,
        min_notional: i64,
        recv: Stamp,
    },
    /// The answer to [`Action::Prove`], for the rules of that number: what `line` says of
    /// `component` where it does not hold. `lo` and `hi` are mids, both included.
    Proved {
        inst: InstId,
        holds: bool,
        line: ProofLine,
        component: Component,
        rules: u16,
        lo: Price,
        hi: Price,
        /// What fails, the price at which it does, and what it should have been.
        size: Qty,
        px: Price,
        floor: Qty,
    },
    /// What the venue's rate rules leave: `left` requests of the address (`i64::MAX` before the venue
    /// has said), the share of the fullest limit of a minute, and whether the venue has refused
    /// for its rate within the time that it then wants.
    RateBudget {
        refused: bool,
        minute_permille: u16,
        left: i64,
        used: u64,
        recv: Stamp,
    },
    /// The venue has not set what it was asked to; what it had stays.
    NotSet {
        setting: Setting,
        recv: Stamp,
    },
    // -- the process ---------------------------------------------------------------------------
    Command {
        command: Command,
    },
    /// A clock of this machine moved by this many ns beyond what the others say, or the process
    /// stood still for as long.
    ClockJump {
        by: i64,
        recv: Stamp,
    },
    /// The end of a drained batch of `drained` inputs: decide now, once.
    Decide {
        drained: u32,
    },
}

/// A numbered line of the log. Its number is its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// The engine's time, stamped by the sequencer; never goes back.
    pub now: Nanos,
    pub event: Event,
}

/// What we ask of a venue. Only `risk` can make one into the `Approved` form that egress takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Place {
        inst: InstId,
        side: Side,
        tif: Tif,
        reduce_only: bool,
        component: Component,
        order: OrderId,
        px: Price,
        qty: Qty,
    },
    /// Replaces `old`, which keeps its slot until the venue answers, by `order`.
    Modify {
        inst: InstId,
        side: Side,
        tif: Tif,
        component: Component,
        order: OrderId,
        old: OrderId,
        px: Price,
        qty: Qty,
    },
    Cancel {
        inst: InstId,
        component: Component,
        order: OrderId,
    },
    /// Cancels every order of the account on every instrument, by the venue's own list.
    CancelAll,
    /// Ask for positions, equity and open orders: the answer ends with [`Event::Reconciled`].
    ReadAccount,
    /// Ask what became of an order.
    Query {
        inst: InstId,
        order: OrderId,
    },
    /// Ask feed for a fresh snapshot of a book that is torn.
    Resnapshot {
        inst: InstId,
    },
    /// Ask the venue for a market's rules: [`Event::Rules`] answers.
    RefreshRules {
        inst: InstId,
    },
    /// Ask for a proof of the settings around this mid, under the rules of this number, which all
    /// later actions obey: [`Event::Proved`] answers, unless the price is zero.
    Prove {
        inst: InstId,
        rules: u16,
        px: Price,
    },
}

/// An action on its way, with the stamps that ride along: when the bytes that caused it were read,
/// and when it was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed<T> {
    pub action: T,
    pub cause: Stamp,
    pub decided: Stamp,
}

// With the ring's 8-byte sequence each of these is exactly one cache line.
const _: () = assert!(size_of::<Event>() == 56);
const _: () = assert!(size_of::<Input>() == 64);
const _: () = assert!(size_of::<Action>() == 40);
const _: () = assert!(size_of::<Timed<Action>>() == 56);
