//! Hot. What every Hyperliquid connection says besides its data: the envelope, acks, pongs, errors.

use super::markets::Markets;
use crate::instrument::InstId;
use crate::venue::json::{Cursor, Text, once};
use crate::venue::{Malformed, MalformedKind};

/// The first frame of a connection, which is not JSON.
pub const ESTABLISHED: &[u8] = b"Websocket connection established.";

/// A frame that carries no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// The connection greets.
    Established,
    /// The answer to a ping.
    Pong,
    /// A subscription stands. The market is `None` for a subscription without one, or with one
    /// that is not in the session.
    Subscribed(Channel, Option<InstId>),
    Unsubscribed(Channel, Option<InstId>),
    /// The venue refuses something we sent.
    Error(ErrorKind),
}

/// The channels that a session subscribes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Channel {
    Book,
    Bbo,
    Trades,
    OrderUpdates,
    UserFills,
    UserEvents,
    Other,
}

/// What an error frame complains about. A malformed `post` is answered here, without its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ErrorKind {
    AlreadySubscribed,
    AlreadyUnsubscribed,
    /// The request was not understood, or names something that does not exist.
    BadRequest,
    Unrecognized,
}

/// The two members of every frame. The data's syntax has been checked.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    pub channel: Text<'a>,
    data: Option<Cursor<'a>>,
}

impl<'a> Envelope<'a> {
    /// Reads a whole frame of at most `limit` bytes.
    pub fn read(frame: &'a [u8], limit: usize) -> Result<Envelope<'a>, Malformed> {
        let mut cursor = Cursor::new(frame);
        if frame.len() > limit {
            return Err(cursor.refuse(MalformedKind::Oversized));
        }
        let (mut channel, mut data) = (None, None);
        let mut members = cursor.object()?;
        while let Some(name) = members.next(&mut cursor)? {
            if name.is(b"channel") {
                once(&mut channel, cursor.text()?, &name)?;
            } else if name.is(b"data") {
                once(&mut data, cursor, &name)?;
                cursor.skip()?;
            } else {
                cursor.skip()?;
            }
        }
        cursor.end()?;
        let channel = channel.ok_or_else(|| cursor.refuse(MalformedKind::MissingField))?;
        Ok(Envelope { channel, data })
    }

    pub fn data(&self) -> Result<Cursor<'a>, Malformed> {
        self.data.ok_or_else(|| self.channel.refuse(MalformedKind::MissingField))
    }

    /// The frame as a control frame; `None` when its channel carries data.
    pub fn control(&self, markets: &Markets) -> Result<Option<Control>, Malformed> {
        Ok(Some(match self.channel.chars(&mut [0; 32]) {
            Some(b"pong") => Control::Pong,
            Some(b"error") => Control::Error(error_kind(self.data()?)?),
            Some(b"subscriptionResponse") => subscription(self.data()?, markets)?,
            _ => return Ok(None),
        }))
    }
}

fn error_kind(mut data: Cursor<'_>) -> Result<ErrorKind, Malformed> {
    let text = data.text()?;
    // The beginning of the text tells; what it quotes may be of any length.
    let starts = |part: &[u8]| text.as_raw().starts_with(part);
    Ok(if starts(b"Already subscribed") {
        ErrorKind::AlreadySubscribed
    } else if starts(b"Already unsubscribed") {
        ErrorKind::AlreadyUnsubscribed
    } else if starts(b"Error parsing JSON into valid websocket request") {
        ErrorKind::BadRequest
    } else {
        ErrorKind::Unrecognized
    })
}

fn subscription(mut data: Cursor<'_>, markets: &Markets) -> Result<Control, Malformed> {
    let missing = data.refuse(MalformedKind::MissingField);
    let (mut method, mut inner) = (None, None);
    let mut members = data.object()?;
    while let Some(name) = members.next(&mut data)? {
        if name.is(b"method") {
            once(&mut method, data.text()?, &name)?;
        } else if name.is(b"subscription") {
            once(&mut inner, data, &name)?;
            data.skip()?;
        } else {
            data.skip()?;
        }
    }
    let (method, mut inner) = (method.ok_or(missing)?, inner.ok_or(missing)?);
    let (mut channel, mut inst) = (Channel::Other, None);
    let mut members = inner.object()?;
    while let Some(name) = members.next(&mut inner)? {
        if name.is(b"type") {
            channel = channel_of(&inner.text()?);
        } else if name.is(b"coin") {
            inst = markets.find_text(&inner.text()?);
        } else {
            inner.skip()?;
        }
    }
    if method.is(b"subscribe") {
        Ok(Control::Subscribed(channel, inst))
    } else if method.is(b"unsubscribe") {
        Ok(Control::Unsubscribed(channel, inst))
    } else {
        Err(method.refuse(MalformedKind::Value))
    }
}

fn channel_of(name: &Text<'_>) -> Channel {
    match name.chars(&mut [0; 32]) {
        Some(b"l2Book") => Channel::Book,
        Some(b"bbo") => Channel::Bbo,
        Some(b"trades") => Channel::Trades,
        Some(b"orderUpdates") => Channel::OrderUpdates,
        Some(b"userFills") => Channel::UserFills,
        Some(b"userEvents") => Channel::UserEvents,
        _ => Channel::Other,
    }
}
