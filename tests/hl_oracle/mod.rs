//! Cold. What a Hyperliquid frame means, by other people's parsers and big integers: simd-json and
//! serde_json read the structure, decimals are compared as digit strings.

use evenkeel::event::{Event, LEVELS_PER_EVENT, Level, Stamp};
use evenkeel::instrument::{InstId, Symbol};
use evenkeel::units::{Price, Qty, Side};
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub const RECV: Stamp = Stamp(77);

pub fn markets() -> Vec<(InstId, Symbol)> {
    ["SOL", "BTC", "ETH", "xyz:TSLA", "xyz:LONGESTNAME4444", "kPEPE"]
        .iter()
        .enumerate()
        .map(|(i, name)| (InstId(i as u16 + 3), Symbol::new(name).expect("a valid name")))
        .collect()
}

/// What a decoder made of a frame: refused, or its events (none for foreign markets and channels).
pub type Outcome = Result<Vec<Event>, ()>;

#[derive(Deserialize)]
struct Channel {
    channel: String,
}

#[derive(Deserialize)]
struct Frame<T> {
    data: T,
}

#[derive(Deserialize)]
struct Book {
    coin: String,
    time: u64,
    levels: Vec<Vec<Row>>,
}

#[derive(Deserialize)]
struct Bbo {
    coin: String,
    time: u64,
    bbo: Vec<Option<Row>>,
}

#[derive(Deserialize)]
struct Row {
    px: String,
    sz: String,
    #[serde(rename = "n")]
    _n: u64,
}

#[derive(Deserialize)]
struct Trade {
    coin: String,
    side: String,
    px: String,
    sz: String,
    time: u64,
    tid: u64,
}

#[derive(Deserialize)]
struct Context {
    coin: String,
    ctx: Values,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Values {
    funding: String,
    oracle_px: String,
    mark_px: String,
}

/// A number of ours: digits, at most one point, at least one digit, exact in 10^-8, at most 10^10.
/// Computed on the digit string alone.
pub fn exact(text: &str) -> Option<i64> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, places) = rest.split_once('.').unwrap_or((rest, ""));
    let digits = |s: &str| s.chars().all(|c| c.is_ascii_digit());
    if whole.len() + places.len() == 0 || !digits(whole) || !digits(places) {
        return None;
    }
    let places = places.trim_end_matches('0');
    if places.len() > 8 {
        return None;
    }
    let all = format!("{whole}{places:0<8}");
    let all = all.trim_start_matches('0');
    let limit = "1000000000000000000";
    if all.len() > limit.len() || all.len() == limit.len() && all > limit {
        return None;
    }
    let magnitude: i64 = if all.is_empty() { 0 } else { all.parse().ok()? };
    Some(if negative { -magnitude } else { magnitude })
}

fn positive(text: &str) -> Result<i64, ()> {
    exact(text).filter(|raw| *raw > 0).ok_or(())
}

fn level(row: &Row) -> Result<Level, ()> {
    Ok(Level { px: Price(positive(&row.px)?), qty: Qty(positive(&row.sz)?) })
}

fn ms(time: u64) -> Result<u64, ()> {
    if time.to_string().len() == 13 { Ok(time) } else { Err(()) }
}

fn inst(coin: &str) -> Option<InstId> {
    markets().iter().find(|m| m.1.as_str() == coin).map(|m| m.0)
}

/// A frame is sound when both parsers take it: simd-json lets raw control characters pass in a
/// string, serde_json bytes that are not UTF-8 in a member that nobody reads.
fn parse<T: DeserializeOwned>(frame: &[u8]) -> Result<T, ()> {
    let _: T = serde_json::from_slice(frame).map_err(drop)?;
    simd_json::from_slice(&mut frame.to_vec()).map_err(drop)
}

pub fn decode(frame: &[u8]) -> Outcome {
    match parse::<Channel>(frame)?.channel.as_str() {
        "l2Book" => book(&parse::<Frame<Book>>(frame)?.data),
        "bbo" => bbo(&parse::<Frame<Bbo>>(frame)?.data),
        "trades" => trades(&parse::<Frame<Vec<Trade>>>(frame)?.data),
        "activeAssetCtx" => context(&parse::<Frame<Context>>(frame)?.data),
        _ => Ok(Vec::new()),
    }
}

fn book(book: &Book) -> Outcome {
    let exch_ms = ms(book.time)?;
    if book.levels.len() != 2 || book.levels.iter().any(|side| side.len() > 20) {
        return Err(());
    }
    let mut events = Vec::new();
    let inst = inst(&book.coin);
    for (side, rows) in Side::BOTH.into_iter().zip(&book.levels) {
        for (i, chunk) in rows.chunks(LEVELS_PER_EVENT).enumerate() {
            let mut levels = [Level::default(); LEVELS_PER_EVENT];
            for (slot, row) in levels.iter_mut().zip(chunk) {
                *slot = level(row)?;
            }
            let (start, count) = ((i * LEVELS_PER_EVENT) as u8, chunk.len() as u8);
            let inst = inst.unwrap_or_default();
            events.push(Event::Levels { inst, side, start, count, levels });
        }
    }
    let Some(inst) = inst else { return Ok(Vec::new()) };
    let [bids, asks] = [book.levels[0].len() as u8, book.levels[1].len() as u8];
    events.push(Event::BookEnd { inst, bids, asks, decode_ns: 0, exch_ms, recv: RECV });
    Ok(events)
}

fn bbo(bbo: &Bbo) -> Outcome {
    let exch_ms = ms(bbo.time)?;
    let [bid, ask] = bbo.bbo.as_slice() else { return Err(()) };
    let side = |row: &Option<Row>| row.as_ref().map_or(Ok(Level::default()), level);
    let (bid, ask) = (side(bid)?, side(ask)?);
    let Some(inst) = inst(&bbo.coin) else { return Ok(Vec::new()) };
    Ok(vec![Event::Bbo { inst, decode_ns: 0, bid, ask, exch_ms, recv: RECV }])
}

/// A number of at most twelve places, by its digit string.
fn exact_rate(text: &str) -> Option<i64> {
    let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, places) = rest.split_once('.').unwrap_or((rest, ""));
    let digits = |s: &str| s.chars().all(|c| c.is_ascii_digit());
    let places = places.trim_end_matches('0');
    let empty = rest.chars().filter(char::is_ascii_digit).count() == 0;
    if empty || !digits(whole) || !digits(places) || places.len() > 12 || text.len() > 32 {
        return None;
    }
    let all: i128 = format!("0{whole}{places:0<12}").parse().ok()?;
    let value = i64::try_from(all).ok().filter(|v| *v < 10i64.pow(18))?;
    Some(if negative { -value } else { value })
}

/// A value that does not fit drops the frame and refuses nothing.
fn context(context: &Context) -> Outcome {
    let price = |text: &str| positive(text).ok().map(Price);
    let event = || {
        Some(Event::Context {
            inst: inst(&context.coin)?,
            mark: price(&context.ctx.mark_px)?,
            oracle: price(&context.ctx.oracle_px)?,
            funding: exact_rate(&context.ctx.funding)?,
            recv: RECV,
        })
    };
    Ok(event().into_iter().collect())
}

fn trades(trades: &[Trade]) -> Outcome {
    let mut events = Vec::new();
    let mut known = true;
    for t in trades {
        let side = match t.side.as_str() {
            "A" => Side::Sell,
            "B" => Side::Buy,
            _ => return Err(()),
        };
        let (px, qty) = (Price(positive(&t.px)?), Qty(positive(&t.sz)?));
        let exch_ms = ms(t.time)?;
        if t.tid == 0 {
            return Err(());
        }
        known &= inst(&t.coin).is_some();
        let inst = inst(&t.coin).unwrap_or_default();
        events.push(Event::Trade { inst, side, px, qty, exch_ms, id: t.tid, recv: RECV });
    }
    Ok(if known { events } else { Vec::new() })
}
