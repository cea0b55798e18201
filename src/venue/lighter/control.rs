//! Hot. What every Lighter connection says besides its data: greetings, pings, the end, errors.
//!
//! A frame has a `type`; only an error may come without one. Data frames have the type
//! `subscribed/NAME` (the answer to a subscription: the whole state) or `update/NAME`.

use super::errors::{self, Reaction};
use super::markets::ChannelName;
use crate::venue::json::{Cursor, Text, once};
use crate::venue::{Malformed, MalformedKind};

/// The frame that keeps a connection open: the venue asks for one from us every two minutes.
pub const PING: &str = r#"{"type":"ping"}"#;
/// The answer to the venue's own ping, without which it closes the connection.
pub const PONG: &str = r#"{"type":"pong"}"#;

/// A frame that carries no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// The connection greets.
    Connected,
    /// The venue wants a [`PONG`].
    Ping,
    /// The answer to our ping.
    Pong,
    Unsubscribed(Channel, Option<u64>),
    /// The venue is about to close the connection, in so many ms.
    Shutdown {
        close_in_ms: u64,
    },
    /// The venue refuses something we sent: the code's row stands in `errors`. The channel is the
    /// one that its text names, with its number, when it does.
    Error {
        code: u32,
        channel: Channel,
        of: Option<u64>,
    },
    /// A `type` that is not documented.
    Unknown,
}

impl Control {
    /// What is to be done about an error; `None` for other frames.
    pub fn reaction(&self) -> Option<Reaction> {
        let Control::Error { code, channel, .. } = *self else { return None };
        // The venue has one code for every parameter; at a private channel it is the token that is
        // missing.
        let private = matches!(channel, Channel::Orders | Channel::Fills | Channel::Positions);
        if code == errors::INVALID_PARAM && private {
            return Some(Reaction::NewToken);
        }
        Some(errors::reaction(code))
    }
}

/// The channels that a session subscribes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Channel {
    Book,
    Ticker,
    Trades,
    Stats,
    Height,
    Orders,
    Fills,
    Positions,
    UserStats,
    Other,
}

impl Channel {
    pub(super) fn of(name: &[u8]) -> Channel {
        match name {
            b"order_book" => Channel::Book,
            b"ticker" => Channel::Ticker,
            b"trade" => Channel::Trades,
            b"market_stats" => Channel::Stats,
            b"height" => Channel::Height,
            b"account_all_orders" => Channel::Orders,
            b"account_all_trades" => Channel::Fills,
            b"account_all_positions" => Channel::Positions,
            b"user_stats" => Channel::UserStats,
            _ => Channel::Other,
        }
    }

    /// As the venue writes it.
    pub fn name(self) -> &'static str {
        match self {
            Channel::Book => "order_book",
            Channel::Ticker => "ticker",
            Channel::Trades => "trade",
            Channel::Stats => "market_stats",
            Channel::Height => "height",
            Channel::Orders => "account_all_orders",
            Channel::Fills => "account_all_trades",
            Channel::Positions => "account_all_positions",
            Channel::UserStats => "user_stats",
            Channel::Other => "other",
        }
    }
}

/// The frame that asks for a channel of a market, or ends it. Cold.
pub(super) fn request(what: &str, channel: Channel, of: u32) -> String {
    let name = channel.name();
    format!("{{\"type\":\"{what}\",\"channel\":\"{name}/{of}\"}}")
}

/// As [`request`], with the token of a private channel. Cold.
pub(super) fn private_request(what: &str, channel: Channel, account: u64, token: &str) -> String {
    let name = channel.name();
    format!("{{\"type\":\"{what}\",\"channel\":\"{name}/{account}\",\"auth\":\"{token}\"}}")
}

/// What a data frame is: the whole state of its channel, or a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Snapshot(Channel),
    Update(Channel),
    Control,
}

/// The members of a frame that tell what it is, and the places of those that carry data. The syntax
/// of the whole frame has been checked.
#[derive(Debug, Default)]
pub(super) struct Envelope<'a> {
    pub kind: Option<Text<'a>>,
    pub channel: Option<Text<'a>>,
    /// `order_book`, `ticker`, `market_stats`, `height`, `orders`, `positions` or `stats`.
    pub body: Option<Cursor<'a>>,
    pub trades: Option<Cursor<'a>>,
    pub liquidations: Option<Cursor<'a>>,
    pub nonce: Option<u64>,
    pub timestamp: Option<u64>,
    code: Option<u64>,
    message: Option<Text<'a>>,
    error: Option<Cursor<'a>>,
    close_in_ms: Option<u64>,
}

/// Remembers where a value stands and goes on behind it.
fn keep<'a>(
    place: &mut Option<Cursor<'a>>,
    cursor: &mut Cursor<'a>,
    name: &Text<'_>,
) -> Result<(), Malformed> {
    once(place, *cursor, name)?;
    cursor.skip()
}

impl<'a> Envelope<'a> {
    /// Reads a whole frame of at most `limit` bytes.
    pub fn read(frame: &'a [u8], limit: usize) -> Result<Envelope<'a>, Malformed> {
        let mut cursor = Cursor::new(frame);
        if frame.len() > limit {
            return Err(cursor.refuse(MalformedKind::Oversized));
        }
        let mut all = Envelope::default();
        let mut members = cursor.object()?;
        while let Some(name) = members.next(&mut cursor)? {
            match name.chars(&mut [0; 32]) {
                Some(b"type") => once(&mut all.kind, cursor.text()?, &name)?,
                Some(b"channel") => once(&mut all.channel, cursor.text()?, &name)?,
                Some(b"nonce") => once(&mut all.nonce, cursor.unsigned()?, &name)?,
                Some(b"timestamp") => once(&mut all.timestamp, cursor.unsigned()?, &name)?,
                Some(b"code") => once(&mut all.code, cursor.unsigned()?, &name)?,
                Some(b"message") => once(&mut all.message, cursor.text()?, &name)?,
                Some(b"close_in_ms") => once(&mut all.close_in_ms, cursor.unsigned()?, &name)?,
                Some(b"error") => keep(&mut all.error, &mut cursor, &name)?,
                Some(b"trades") => keep(&mut all.trades, &mut cursor, &name)?,
                Some(b"liquidation_trades") => keep(&mut all.liquidations, &mut cursor, &name)?,
                Some(
                    b"order_book" | b"ticker" | b"market_stats" | b"height" | b"orders"
                    | b"positions" | b"stats",
                ) => keep(&mut all.body, &mut cursor, &name)?,
                _ => cursor.skip()?,
            }
        }
        cursor.end()?;
        Ok(all)
    }

    /// What the frame is. A data frame names its channel twice, and both must agree.
    pub fn kind(&self) -> Result<Kind, Malformed> {
        let Some(kind) = &self.kind else {
            // Only an error has no type.
            return match self.error {
                Some(_) => Ok(Kind::Control),
                None => Err(Cursor::new(b"").refuse(MalformedKind::MissingField)),
            };
        };
        let raw = kind.as_raw();
        let (kind_of, name): (fn(Channel) -> Kind, &[u8]) =
            if let Some(name) = raw.strip_prefix(b"update/") {
                (Kind::Update, name)
            } else if let Some(name) = raw.strip_prefix(b"subscribed/") {
                (Kind::Snapshot, name)
            } else {
                return Ok(Kind::Control);
            };
        let channel = self.channel()?;
        if channel.name != name {
            return Err(kind.refuse(MalformedKind::Value));
        }
        Ok(kind_of(Channel::of(name)))
    }

    pub fn channel(&self) -> Result<ChannelName<'a>, Malformed> {
        let text = self.channel.as_ref().ok_or_else(|| self.missing())?;
        Ok(ChannelName::parse(text.as_raw()))
    }

    pub fn body(&self) -> Result<Cursor<'a>, Malformed> {
        self.body.ok_or_else(|| self.missing())
    }

    /// The refusal of a frame in which something is missing.
    pub fn missing(&self) -> Malformed {
        let kind = MalformedKind::MissingField;
        self.kind.as_ref().map_or_else(|| Cursor::new(b"").refuse(kind), |text| text.refuse(kind))
    }

    /// The frame as a control frame.
    pub fn control(&self) -> Result<Control, Malformed> {
        let kind = self.kind.as_ref().map_or(&b"error"[..], |kind| kind.as_raw());
        Ok(match kind {
            b"connected" => Control::Connected,
            b"ping" => Control::Ping,
            b"pong" => Control::Pong,
            b"unsubscribed" => {
                let channel = self.channel()?;
                Control::Unsubscribed(Channel::of(channel.name), channel.number())
            }
            b"shutdown" => Control::Shutdown { close_in_ms: self.close_in_ms.unwrap_or(0) },
            b"error" => self.error()?,
            _ => Control::Unknown,
        })
    }

    /// The two forms of an error: an object of its own, or members of the frame.
    fn error(&self) -> Result<Control, Malformed> {
        let (code, message) = match self.error {
            Some(mut inner) => error_members(&mut inner)?,
            None => (self.code, self.message),
        };
        let code = code.and_then(|code| u32::try_from(code).ok()).ok_or_else(|| self.missing())?;
        // `Already Subscribed to : order_book:0`, or the channel in a member of its own.
        let named = match (&self.channel, &message) {
            (Some(channel), _) => Some(channel.as_raw()),
            (None, Some(text)) => text.as_raw().rsplit(|&byte| byte == b' ').next(),
            (None, None) => None,
        };
        let channel = ChannelName::parse(named.unwrap_or(b""));
        Ok(Control::Error { code, channel: Channel::of(channel.name), of: channel.number() })
    }
}

/// The code and the text of an error object.
pub(super) fn error_members<'a>(
    inner: &mut Cursor<'a>,
) -> Result<(Option<u64>, Option<Text<'a>>), Malformed> {
    let (mut code, mut message) = (None, None);
    let mut members = inner.object()?;
    while let Some(name) = members.next(inner)? {
        match name.chars(&mut [0; 16]) {
            Some(b"code") => once(&mut code, inner.unsigned()?, &name)?,
            Some(b"message") => once(&mut message, inner.text()?, &name)?,
            _ => inner.skip()?,
        }
    }
    Ok((code, message))
}
