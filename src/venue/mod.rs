//! Hot. Venue codecs: bytes to events, actions to bytes. No socket, no clock, no book.

pub mod eip712;
pub mod hyperliquid;
pub mod json;
pub mod swar;

use crate::event::Event;

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
