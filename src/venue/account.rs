//! Hot. Our account's side of a venue, in every venue's terms.

/// What became of a frame of the account's connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountFrame {
    /// Events of this frame that the sink has, with those of earlier calls.
    pub taken: u32,
    /// The sink had no room: call again with `taken`.
    pub full: bool,
    /// An answer that waited for nothing, or an entry that was not emitted.
    pub ignored: u32,
    pub answers: u32,
    /// The account was liquidated.
    pub liquidations: u32,
    /// The venue wants [`super::VenueAccount::pong`] on this connection.
    pub ping: bool,
    /// The venue is about to close the connection: end it, and make a new one.
    pub closing: bool,
    /// The venue refused a frame for what a new view of the account sets right (a nonce that is not
    /// the next one): read it, and give it to [`super::VenueAccount::take_view`].
    pub stale: bool,
}

/// What is known of the venue's dead man's switch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Switch {
    /// Not asked for on this connection, or not answered.
    #[default]
    Unknown = 0,
    Armed = 1,
    /// This account may not have it yet.
    TooLittleVolume = 2,
    /// Refused for another reason; tried again at the next time.
    Refused = 3,
}

impl Switch {
    pub fn name(self) -> &'static str {
        match self {
            Switch::Unknown => "unknown",
            Switch::Armed => "armed",
            Switch::TooLittleVolume => "too_little_volume",
            Switch::Refused => "refused",
        }
    }
}

/// How the venue is asked what became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// By a frame of so many bytes; the answer comes as an event.
    Frame(usize),
    /// Over REST: [`super::rest::Topic::Fate`] with this client order id.
    Rest(u128),
}

/// A market's leverage as it is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leverage {
    pub times: u32,
    /// The position has margin of its own; else it shares the account's.
    pub isolated: bool,
}

/// What is configured of a venue beside its markets; each takes what it knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Five levels every 0.5 s instead of twenty every 5 s.
    pub fast_books: bool,
    /// Books of the undocumented channel `l2`, for as long as it can be read.
    pub l2_deltas: bool,
    /// Several transactions share a frame where the venue then tells less about each.
    pub batches: bool,
    /// Transactions are marked so that the refusal of one does not hold up those behind it, where nonces
    /// are the venue's to count.
    pub skip_nonces: bool,
    /// The venue cancels everything when it has not heard of us for a while.
    pub dead_man: bool,
    /// By market; `None` leaves it as it is.
    pub leverage: Vec<Option<Leverage>>,
    /// Levels of a side that are read of a market's book; all of them where nothing is said.
    pub book_levels: Vec<u8>,
    /// With fewer requests left the venue is asked for its count, or the core told, more often.
    pub requests_low: u64,
}
