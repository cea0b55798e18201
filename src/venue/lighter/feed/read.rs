//! Hot. The cursor's reader of public frames: any order of keys, any spacing, the last word on what
//! is refused.

use super::super::control::{Channel, Envelope, Kind};
use super::super::ladder::LEVELS_MAX;
use super::super::markets::number;
use super::{
    BookFrame, Decoded, FRAME_MAX, FeedCodec, Header, MarketStats, Parsed, TIME_MS, TIME_US,
    TRADES_MAX, TickerFrame, Trade,
};
use crate::event::Level;
use crate::units::{Price, Qty, Side};
use crate::venue::json::{Cursor, Text, once};
use crate::venue::{Malformed, MalformedKind};

type Read<T> = Result<T, Malformed>;

impl FeedCodec {
    /// Reads any frame.
    pub(super) fn read(&mut self, frame: &[u8]) -> Read<Parsed> {
        let envelope = Envelope::read(frame, FRAME_MAX)?;
        let (channel, snapshot) = match envelope.kind()? {
            Kind::Control => return Ok(Parsed::Other(Decoded::Control(envelope.control()?))),
            Kind::Snapshot(channel) => (channel, true),
            Kind::Update(channel) => (channel, false),
        };
        let id = envelope.channel()?.number();
        let slot = id.and_then(|id| self.markets.slot(id));
        let unknown = Parsed::Other(Decoded::UnknownMarket);
        Ok(match channel {
            Channel::Book => {
                self.counts.slow_frames += 1;
                let (header, begin) = self.read_book(&envelope, snapshot)?;
                slot.map_or(unknown, |slot| {
                    let header = Header { slot, ..header };
                    Parsed::Book(BookFrame { header, begin, snapshot })
                })
            }
            Channel::Ticker => {
                self.counts.slow_frames += 1;
                let (header, [bid, ask]) = read_ticker(&envelope)?;
                slot.map_or(unknown, |slot| {
                    let header = Header { slot, ..header };
                    Parsed::Ticker(TickerFrame { header, bid, ask })
                })
            }
            Channel::Trades => {
                self.trades.clear();
                self.read_trades(envelope.trades)?;
                self.read_trades(envelope.liquidations)?;
                if envelope.trades.is_none() && envelope.liquidations.is_none() {
                    return Err(envelope.missing());
                }
                slot.map_or(unknown, |slot| Parsed::Trades { slot, snapshot })
            }
            Channel::Stats => self.read_stats(&envelope, id)?,
            Channel::Height => {
                let height = envelope.body()?.unsigned()?;
                self.height = height;
                Parsed::Other(Decoded::Height(height))
            }
            _ => Parsed::Other(Decoded::UnknownChannel),
        })
    }

    /// The levels go into the scratch.
    fn read_book(&mut self, envelope: &Envelope<'_>, snapshot: bool) -> Read<(Header, u64)> {
        let mut body = envelope.body()?;
        let missing = body.refuse(MalformedKind::MissingField);
        let wrong = body.refuse(MalformedKind::Value);
        let (mut code, mut sides, mut nonce, mut begin, mut us) =
            (None, [None; 2], None, None, None);
        let mut members = body.object()?;
        while let Some(name) = members.next(&mut body)? {
            match name.chars(&mut [0; 16]) {
                Some(b"code") => once(&mut code, body.unsigned()?, &name)?,
                Some(b"bids") => once(&mut sides[0], self.read_side(0, &mut body)?, &name)?,
                Some(b"asks") => once(&mut sides[1], self.read_side(1, &mut body)?, &name)?,
                Some(b"nonce") => once(&mut nonce, body.unsigned()?, &name)?,
                Some(b"begin_nonce") => once(&mut begin, body.unsigned()?, &name)?,
                Some(b"last_updated_at") => once(&mut us, body.unsigned()?, &name)?,
                _ => body.skip()?,
            }
        }
        let [Some(bids), Some(asks)] = sides else { return Err(missing) };
        let (nonce, begin) = (nonce.ok_or(missing)?, begin.ok_or(missing)?);
        self.sides.more = [bids, asks];
        // A code is an error's; a change goes forward; and only a snapshot may leave levels out.
        if code.unwrap_or(0) != 0 || !snapshot && begin > nonce {
            return Err(wrong);
        }
        if !snapshot && (bids || asks) {
            return Err(body.refuse(MalformedKind::Oversized));
        }
        let exch_ms = time(us, envelope)?;
        Ok((Header { slot: 0, nonce, exch_ms }, begin))
    }

    /// One list of levels into the scratch. `true` when there were more than are kept; those must
    /// be worse than the last one that is, or the list is not sorted.
    fn read_side(&mut self, side: usize, body: &mut Cursor<'_>) -> Read<bool> {
        let levels = &mut self.sides.levels[side];
        levels.clear();
        let mut more = false;
        let mut items = body.array()?;
        while items.next(body)? {
            let refusal = body.refuse(MalformedKind::Value);
            let level = read_level(body)?;
            if levels.len() < LEVELS_MAX {
                levels.push(level);
                continue;
            }
            let last = levels[LEVELS_MAX - 1].px;
            let worse = if side == 0 { level.px < last } else { level.px > last };
            if !worse {
                return Err(refusal);
            }
            more = true;
        }
        Ok(more)
    }

    fn read_trades(&mut self, list: Option<Cursor<'_>>) -> Read<()> {
        let Some(mut list) = list else { return Ok(()) };
        // Both lists of a frame lie in one scratch, each of at most so many.
        let most = self.trades.len() + TRADES_MAX;
        if list.null()? {
            return Ok(());
        }
        let mut items = list.array()?;
        while items.next(&mut list)? {
            if self.trades.len() == most {
                return Err(list.refuse(MalformedKind::Oversized));
            }
            match read_trade(&mut list)? {
                Some(trade) => self.trades.push(trade),
                None => self.counts.other_trades += 1,
            }
        }
        Ok(())
    }

    /// Of one market, or of all: an object by the market's number.
    fn read_stats(&mut self, envelope: &Envelope<'_>, id: Option<u64>) -> Read<Parsed> {
        let mut body = envelope.body()?;
        let exch_ms = envelope.timestamp.filter(|ms| TIME_MS.contains(ms)).unwrap_or(0);
        if let Some(id) = id {
            let stats = self.read_market_stats(&mut body, exch_ms)?;
            return Ok(if self.keep_stats(id, stats) {
                Parsed::Stats(1)
            } else {
                Parsed::Other(Decoded::UnknownMarket)
            });
        }
        let mut kept = 0;
        let mut members = body.object()?;
        while let Some(name) = members.next(&mut body)? {
            let stats = self.read_market_stats(&mut body, exch_ms)?;
            let id = name.chars(&mut [0; 16]).and_then(number);
            kept += u32::from(id.is_some_and(|id| self.keep_stats(id, stats)));
        }
        Ok(Parsed::Stats(kept))
    }

    fn keep_stats(&mut self, id: u64, stats: MarketStats) -> bool {
        let Some(slot) = self.markets.slot(id) else { return false };
        self.books[slot].stats = stats;
        self.books[slot].fresh_stats = true;
        true
    }

    fn read_market_stats(&mut self, body: &mut Cursor<'_>, exch_ms: u64) -> Read<MarketStats> {
        let mut stats = MarketStats { exch_ms, ..MarketStats::default() };
        let refused = &mut self.counts.stats_refused;
        let mut decimal = |text: Text<'_>| {
            let raw = text.decimal().ok();
            *refused += u64::from(raw.is_none());
            raw
        };
        let mut members = body.object()?;
        while let Some(name) = members.next(body)? {
            match name.chars(&mut [0; 32]) {
                Some(b"index_price") => stats.index = decimal(body.text()?).map(Price),
                Some(b"mark_price") => stats.mark = decimal(body.text()?).map(Price),
                Some(b"current_funding_rate") => stats.funding_next = decimal(body.text()?),
                Some(b"funding_rate") => stats.funding_last = decimal(body.text()?),
                Some(b"funding_timestamp") => stats.funding_ms = body.unsigned()?,
                _ => body.skip()?,
            }
        }
        Ok(stats)
    }
}

/// The matching engine's time as ms, or the server's for a market without any update.
fn time(us: Option<u64>, envelope: &Envelope<'_>) -> Read<u64> {
    let refuse = |kind| envelope.kind.as_ref().map_or(envelope.missing(), |text| text.refuse(kind));
    match us.unwrap_or(0) {
        0 => {
            let ms = envelope.timestamp.ok_or_else(|| envelope.missing())?;
            if TIME_MS.contains(&ms) { Ok(ms) } else { Err(refuse(MalformedKind::Value)) }
        }
        us if TIME_US.contains(&us) => Ok(us / 1000),
        _ => Err(refuse(MalformedKind::Value)),
    }
}

/// A level of a book: a price above zero and a size, in which zero means that the level is gone.
fn read_level(body: &mut Cursor<'_>) -> Read<Level> {
    body.peek()?;
    let missing = body.refuse(MalformedKind::MissingField);
    let (mut px, mut qty) = (None, None);
    let mut members = body.object()?;
    while let Some(name) = members.next(body)? {
        match name.chars(&mut [0; 8]) {
            Some(b"price") => once(&mut px, decimal_from(body, 1)?, &name)?,
            Some(b"size") => once(&mut qty, decimal_from(body, 0)?, &name)?,
            _ => body.skip()?,
        }
    }
    Ok(Level { px: Price(px.ok_or(missing)?), qty: Qty(qty.ok_or(missing)?) })
}

/// A decimal in a string, of at least `least` raw units.
fn decimal_from(body: &mut Cursor<'_>, least: i64) -> Read<i64> {
    let text = body.text()?;
    match text.decimal()? {
        // "-0" is no size that the venue writes.
        raw if raw >= least && text.as_raw().first() != Some(&b'-') => Ok(raw),
        _ => Err(text.refuse(MalformedKind::Number)),
    }
}

/// Nonce and time, bid and ask.
fn read_ticker(envelope: &Envelope<'_>) -> Read<(Header, [Level; 2])> {
    let mut body = envelope.body()?;
    let missing = body.refuse(MalformedKind::MissingField);
    let (mut bid, mut ask, mut us) = (None, None, None);
    let mut members = body.object()?;
    while let Some(name) = members.next(&mut body)? {
        match name.chars(&mut [0; 16]) {
            Some(b"a") => once(&mut ask, read_quote(&mut body)?, &name)?,
            Some(b"b") => once(&mut bid, read_quote(&mut body)?, &name)?,
            Some(b"last_updated_at") => once(&mut us, body.unsigned()?, &name)?,
            _ => body.skip()?,
        }
    }
    let nonce = envelope.nonce.ok_or(missing)?;
    let exch_ms = time(us, envelope)?;
    Ok((Header { slot: 0, nonce, exch_ms }, [bid.ok_or(missing)?, ask.ok_or(missing)?]))
}

/// One side of a ticker: both texts are empty when there is no quote.
fn read_quote(body: &mut Cursor<'_>) -> Read<Level> {
    body.peek()?;
    let missing = body.refuse(MalformedKind::MissingField);
    let (mut px, mut qty) = (None, None);
    let mut members = body.object()?;
    while let Some(name) = members.next(body)? {
        match name.chars(&mut [0; 8]) {
            Some(b"price") => once(&mut px, body.text()?, &name)?,
            Some(b"size") => once(&mut qty, body.text()?, &name)?,
            _ => body.skip()?,
        }
    }
    let (px, qty) = (px.ok_or(missing)?, qty.ok_or(missing)?);
    if px.as_raw().is_empty() && qty.as_raw().is_empty() {
        return Ok(Level::default());
    }
    let positive = |text: Text<'_>| match text.decimal()? {
        raw if raw > 0 => Ok(raw),
        _ => Err(text.refuse(MalformedKind::Number)),
    };
    Ok(Level { px: Price(positive(px)?), qty: Qty(positive(qty)?) })
}

/// `None` for what is no trade in the book.
fn read_trade(list: &mut Cursor<'_>) -> Read<Option<Trade>> {
    list.peek()?;
    let missing = list.refuse(MalformedKind::MissingField);
    let wrong = list.refuse(MalformedKind::Value);
    let (mut id, mut kind, mut px, mut qty) = (None, None, None, None);
    let (mut maker_ask, mut ms, mut us) = (None, None, None);
    let mut members = list.object()?;
    while let Some(name) = members.next(list)? {
        match name.chars(&mut [0; 32]) {
            Some(b"trade_id") => once(&mut id, list.unsigned()?, &name)?,
            Some(b"type") => once(&mut kind, list.text()?, &name)?,
            Some(b"price") => once(&mut px, list.text()?, &name)?,
            Some(b"size") => once(&mut qty, list.text()?, &name)?,
            Some(b"is_maker_ask") => once(&mut maker_ask, list.boolean()?, &name)?,
            Some(b"timestamp") => once(&mut ms, list.unsigned()?, &name)?,
            Some(b"transaction_time") => once(&mut us, list.unsigned()?, &name)?,
            _ => list.skip()?,
        }
    }
    match kind.ok_or(missing)?.chars(&mut [0; 32]) {
        Some(b"trade" | b"liquidation") => {}
        _ => return Ok(None),
    }
    let positive = |text: Option<Text<'_>>| {
        let text = text.ok_or(missing)?;
        match text.decimal()? {
            raw if raw > 0 => Ok(raw),
            _ => Err(text.refuse(MalformedKind::Number)),
        }
    };
    let (px, qty, id) = (Price(positive(px)?), Qty(positive(qty)?), id.ok_or(missing)?);
    // The time of the transaction, not of its block, which may lie before it was sent.
    let exch_ms = match us.unwrap_or(0) {
        0 => ms.ok_or(missing)?,
        us => us / 1000,
    };
    if id == 0 || !TIME_MS.contains(&exch_ms) {
        return Err(wrong);
    }
    // The aggressor is the other side of the maker's.
    let side = if maker_ask.ok_or(missing)? { Side::Buy } else { Side::Sell };
    Ok(Some(Trade { id, side, px, qty, exch_ms }))
}
