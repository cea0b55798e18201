//! Hot. The markets of a session by the venue's number.
//!
//! A session trades a handful of markets, so the table is scanned in order: one comparison each.

use crate::instrument::InstId;

/// The venue's numbers and what they stand for.
#[derive(Clone, Debug)]
pub(super) struct Markets {
    rows: Vec<(u32, InstId)>,
}

impl Markets {
    /// # Panics
    /// When one number stands for two instruments: the caller's table is wrong.
    pub fn new(markets: &[(InstId, u32)]) -> Markets {
        let mut rows: Vec<(u32, InstId)> = Vec::with_capacity(markets.len());
        for (inst, id) in markets {
            assert!(rows.iter().all(|row| row.0 != *id), "market {id} stands twice in the table");
            rows.push((*id, *inst));
        }
        Markets { rows }
    }

    /// The row of a number; `None` when the session does not have the market.
    #[inline]
    pub fn slot(&self, id: u64) -> Option<usize> {
        self.rows.iter().position(|row| u64::from(row.0) == id)
    }

    #[inline]
    pub fn find(&self, id: u64) -> Option<InstId> {
        self.slot(id).map(|slot| self.rows[slot].1)
    }

    pub fn rows(&self) -> &[(u32, InstId)] {
        &self.rows
    }
}

/// The number in a text of digits alone: the key of an object by market, the end of a channel's
/// name. `None` for anything else, and for a number beyond 10^18, which no account has.
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 18 || digits.len() > 1 && digits[0] == b'0' {
        return None;
    }
    digits.iter().try_fold(0, |number, &digit| {
        digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0'))
    })
}

/// A channel as the venue writes it in its frames: `name:market` or `name:account`, or the name
/// alone; `account_orders:market:account` has two numbers, of which this is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChannelName<'a> {
    pub name: &'a [u8],
    pub of: Option<&'a [u8]>,
}

impl<'a> ChannelName<'a> {
    pub fn parse(chars: &'a [u8]) -> ChannelName<'a> {
        let mut parts = chars.split(|&byte| byte == b':' || byte == b'/');
        let name = parts.next().unwrap_or(chars);
        ChannelName { name, of: parts.next() }
    }

    pub fn number(&self) -> Option<u64> {
        self.of.and_then(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_and_numbers() {
        for (text, name, number) in [
            ("order_book:0", "order_book", Some(0)),
            ("order_book/4095", "order_book", Some(4095)),
            ("account_orders:7:1234", "account_orders", Some(7)),
            ("market_stats:all", "market_stats", None),
            ("height", "height", None),
            ("trade:01", "trade", None),
            ("trade:", "trade", None),
            ("trade:9999999999999999999", "trade", None),
        ] {
            let channel = ChannelName::parse(text.as_bytes());
            assert_eq!((channel.name, channel.number()), (name.as_bytes(), number), "{text}");
        }
    }
}
