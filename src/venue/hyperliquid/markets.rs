//! Hot. The markets of a session by the name that the venue writes in every message.
//!
//! A session trades a handful of markets, so a name is three words padded with zeros and the table
//! is scanned in order: one comparison per market for names of up to eight bytes, no hash.

use crate::instrument::{InstId, Symbol};
use crate::venue::json::Text;
use crate::venue::swar;

/// A name of at most 23 bytes, padded with zeros.
pub(super) type Name = [u64; 3];

/// The names and what they stand for.
#[derive(Clone, Debug)]
pub(super) struct Markets {
    rows: Vec<(Name, InstId)>,
}

impl Markets {
    /// # Panics
    /// When one name stands for two instruments: the caller's table is wrong.
    pub fn new(markets: &[(InstId, Symbol)]) -> Markets {
        let mut rows: Vec<(Name, InstId)> = Vec::with_capacity(markets.len());
        for (inst, symbol) in markets {
            let name = name_of(symbol.as_bytes()).expect("a Symbol has at most 23 bytes");
            assert!(rows.iter().all(|row| row.0 != name), "{symbol:?} stands twice in the table");
            rows.push((name, *inst));
        }
        Markets { rows }
    }

    #[inline]
    pub fn find(&self, name: Name) -> Option<InstId> {
        self.rows.iter().find(|row| row.0 == name).map(|row| row.1)
    }

    /// The market of a JSON string; `None` when the session does not have it.
    #[inline]
    pub fn find_text(&self, text: &Text<'_>) -> Option<InstId> {
        self.find(name_of(text.chars(&mut [0; 24])?)?)
    }
}

/// `None` when longer than any name in a table.
fn name_of(text: &[u8]) -> Option<Name> {
    let mut padded = [0; 24];
    padded.get_mut(..text.len()).filter(|room| room.len() < 24)?.copy_from_slice(text);
    let mut name = [0; 3];
    for (i, word) in name.iter_mut().enumerate() {
        *word = swar::word(&padded, 8 * i)?;
    }
    Some(name)
}

/// Splits a name off the bytes that follow the opening quote; the rest begins with the closing one.
#[inline(always)]
pub(super) fn take_name(bytes: &[u8]) -> Option<(Name, &[u8])> {
    let first = swar::word(bytes, 0)?;
    let len = swar::find(first, b'"');
    if len.wrapping_sub(1) > 6 {
        return take_long_name(bytes);
    }
    Some(([first & swar::low_bytes(len), 0, 0], &bytes[len..]))
}

/// A name of eight bytes and more.
#[inline(never)]
fn take_long_name(bytes: &[u8]) -> Option<(Name, &[u8])> {
    let len = bytes.iter().take(24).position(|&b| b == b'"')?;
    Some((name_of(&bytes[..len])?, &bytes[len..]))
}
