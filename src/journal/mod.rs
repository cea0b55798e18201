//! Cold. The journal: the numbered log as a file, with what was decided beside it.
//!
//! A file is a header and 64-byte records. The header names the format and holds, as text, the
//! effective configuration and the instruments, because they are part of what is replayed. A
//! record is one input, action or note; its last two bytes are a checksum, so a bit flip or a torn
//! tail ends the good prefix instead of becoming another decision. The writer is a cold thread
//! behind a ring: when that is full, records are dropped, counted, and a `Torn` record says how
//! many inputs are missing; replay refuses to cross it.
//!
//! The file survives the death of the process (page cache), not of the machine.

pub mod file;
pub mod header;
mod record;

use crate::event::{Action, Input};
use crate::explain::Note;

/// Bytes of a record.
pub const RECORD: usize = 64;
/// First bytes of a file: name and version of the format.
pub const MAGIC: [u8; 8] = *b"EVKEEL01";
/// Longest header text: configuration and instruments.
pub const HEADER_MAX: usize = 1 << 20;

/// One line of the journal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Record {
    Input(Input),
    /// Follows the input that caused it, as do notes.
    Action(Action),
    Note(Note),
    /// `missing` records could not be written here.
    Torn {
        missing: u64,
    },
}

/// Why a record or file can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalError {
    /// Not a journal, or of another version.
    Magic,
    /// The header is cut short or too long.
    Header,
    Checksum,
    /// A code that this version does not know.
    Code,
    /// The file ends within a record.
    Truncated,
}

impl JournalError {
    pub fn name(self) -> &'static str {
        match self {
            JournalError::Magic => "not an Evenkeel journal of this version",
            JournalError::Header => "the journal's header is damaged",
            JournalError::Checksum => "a record's checksum is wrong",
            JournalError::Code => "a record has a code that this version does not know",
            JournalError::Truncated => "the file ends within a record",
        }
    }
}
