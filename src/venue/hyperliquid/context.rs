//! Hot. `activeAssetCtx`: mark, oracle and funding rate of a market, about once a second.
//!
//! By the cursor alone: nothing waits for it. A value that our scales cannot hold exactly drops the
//! frame and no more, for no book depends on it.

use super::markets::Markets;
use crate::instrument::InstId;
use crate::units::Price;
use crate::venue::json::{Cursor, Text, once};
use crate::venue::{Malformed, MalformedKind};

/// A decoded context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Context {
    pub inst: InstId,
    pub mark: Price,
    pub oracle: Price,
    /// The hourly rate in 10^-12: the venue writes up to ten places.
    pub funding: i64,
}

/// `None`: a market that the session does not have, or a value that does not fit.
pub(super) fn read(mut data: Cursor<'_>, markets: &Markets) -> Result<Option<Context>, Malformed> {
    let missing = data.refuse(MalformedKind::MissingField);
    let (mut coin, mut ctx) = (None, None);
    let mut members = data.object()?;
    while let Some(name) = members.next(&mut data)? {
        match name.chars(&mut [0; 8]) {
            Some(b"coin") => once(&mut coin, data.text()?, &name)?,
            Some(b"ctx") => {
                once(&mut ctx, data, &name)?;
                data.skip()?;
            }
            _ => data.skip()?,
        }
    }
    let (coin, mut ctx) = (coin.ok_or(missing)?, ctx.ok_or(missing)?);
    let (mut mark, mut oracle, mut funding) = (None, None, None);
    let mut members = ctx.object()?;
    while let Some(name) = members.next(&mut ctx)? {
        match name.chars(&mut [0; 16]) {
            Some(b"markPx") => once(&mut mark, ctx.text()?, &name)?,
            Some(b"oraclePx") => once(&mut oracle, ctx.text()?, &name)?,
            Some(b"funding") => once(&mut funding, ctx.text()?, &name)?,
            _ => ctx.skip()?,
        }
    }
    let (mark, oracle) = (mark.ok_or(missing)?, oracle.ok_or(missing)?);
    let funding = funding.ok_or(missing)?;
    let price = |text: Text<'_>| text.decimal().ok().filter(|raw| *raw > 0).map(Price);
    let context = || {
        Some(Context {
            inst: markets.find_text(&coin)?,
            mark: price(mark)?,
            oracle: price(oracle)?,
            funding: rate(&funding)?,
        })
    };
    Ok(context())
}

/// A decimal below a million with at most twelve places, in 10^-12; `None` for any other text.
fn rate(text: &Text<'_>) -> Option<i64> {
    let mut room = [0; 32];
    let chars = text.chars(&mut room)?;
    let (negative, digits) = match chars {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, chars),
    };
    let (mut value, mut places, mut count) = (0i64, None::<u32>, 0);
    for &c in digits {
        match c {
            b'0'..=b'9' => {
                count += 1;
                if let Some(places) = &mut places {
                    *places += 1;
                }
                // Zeros past the last place that we keep say nothing.
                if places.is_some_and(|n| n > 12) {
                    if c != b'0' {
                        return None;
                    }
                    continue;
                }
                value = value.checked_mul(10)?.checked_add(i64::from(c - b'0'))?;
            }
            b'.' if places.is_none() => places = Some(0),
            _ => return None,
        }
    }
    if count == 0 {
        return None;
    }
    let scale = 10i64.pow(12 - places.unwrap_or(0).min(12));
    let value = value.checked_mul(scale).filter(|v| *v < 1_000_000_000_000_000_000)?;
    Some(if negative { -value } else { value })
}
