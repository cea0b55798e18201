//! Cold. What Lighter's public frames mean, by other people's parsers and a slow book of maps.

use evenkeel::event::{Event, GapReason, Level, Stamp};
use evenkeel::instrument::InstId;
use evenkeel::units::{Price, Qty, Side};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

pub const RECV: Stamp = Stamp(77);
pub const DEPTH: usize = 20;

/// Our number and the venue's number of each market.
pub fn markets() -> Vec<(InstId, u32)> {
    vec![(InstId(3), 0), (InstId(4), 1), (InstId(5), 2), (InstId(6), 4647)]
}

/// What a reader of our events sees of one market.
#[derive(Clone, Debug, Default)]
pub struct View {
    pub sides: [Vec<Level>; 2],
    pub gaps: Vec<GapReason>,
    pub trades: Vec<(u64, Side, i64, i64, u64)>,
    /// The time of the last book or top.
    pub exch_ms: u64,
    /// The last top, which stays on top of a book with an older time.
    last_top: ([Level; 2], u64),
}

fn better(side: usize, a: Price, b: Price) -> bool {
    if side == 0 { a > b } else { a < b }
}

impl PartialEq for View {
    /// What is to be seen; the last top is a means.
    fn eq(&self, other: &View) -> bool {
        (&self.sides, &self.gaps, &self.trades, self.exch_ms)
            == (&other.sides, &other.gaps, &other.trades, other.exch_ms)
    }
}

impl View {
    /// Makes a top the best level of each side; a side without one stands.
    fn top(&mut self, tops: [Level; 2], exch_ms: u64) {
        for (side, top) in tops.into_iter().enumerate() {
            if top.qty.0 > 0 {
                self.sides[side].retain(|level| better(side, top.px, level.px));
                self.sides[side].insert(0, top);
                self.sides[side].truncate(DEPTH);
            }
        }
        self.exch_ms = exch_ms;
        self.last_top = (tops, exch_ms);
    }

    /// A whole book, as the core takes it.
    fn book(&mut self, sides: [Vec<Level>; 2], exch_ms: u64) {
        (self.sides, self.exch_ms) = (sides, exch_ms);
        if self.last_top.1 > exch_ms {
            self.top(self.last_top.0, self.last_top.1);
        }
    }
}

/// Replays our events.
pub fn see(views: &mut BTreeMap<u16, View>, events: &[Event]) {
    let mut staged: [Vec<Level>; 2] = Default::default();
    for event in events {
        match *event {
            Event::Levels { side, start, count, levels, .. } => {
                let staged = &mut staged[side.index()];
                assert_eq!(staged.len(), usize::from(start), "levels come in order");
                staged.extend(&levels[..usize::from(count)]);
                let rest = &levels[usize::from(count)..];
                assert!(rest.iter().all(|level| *level == Level::default()));
            }
            Event::BookEnd { inst, bids, asks, exch_ms, recv, .. } => {
                assert_eq!([bids, asks].map(usize::from), [staged[0].len(), staged[1].len()]);
                assert_eq!(recv, RECV);
                let view = views.entry(inst.0).or_default();
                view.book(std::mem::take(&mut staged), exch_ms);
            }
            Event::Bbo { inst, bid, ask, exch_ms, .. } => {
                views.entry(inst.0).or_default().top([bid, ask], exch_ms);
            }
            Event::Trade { inst, side, px, qty, exch_ms, id, .. } => {
                let trade = (id, side, px.0, qty.0, exch_ms);
                views.entry(inst.0).or_default().trades.push(trade);
            }
            Event::Gap { inst, reason, .. } => {
                views.entry(inst.0).or_default().gaps.push(reason);
            }
            other => panic!("not of a feed: {other:?}"),
        }
    }
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    kind: Option<String>,
    channel: Option<String>,
    error: Option<serde_json::Value>,
    nonce: Option<u64>,
    timestamp: Option<u64>,
    code: Option<u64>,
    #[serde(rename = "message")]
    _message: Option<String>,
    #[serde(rename = "close_in_ms")]
    _close: Option<u64>,
}

#[derive(Deserialize)]
struct BookFrame {
    order_book: Book,
}

#[derive(Deserialize)]
struct Book {
    code: Option<u64>,
    asks: Vec<Row>,
    bids: Vec<Row>,
    nonce: u64,
    begin_nonce: u64,
    last_updated_at: Option<u64>,
}

#[derive(Deserialize)]
struct Row {
    price: String,
    size: String,
}

#[derive(Deserialize)]
struct TickerFrame {
    ticker: Ticker,
}

#[derive(Deserialize)]
struct Ticker {
    a: Row,
    b: Row,
    last_updated_at: Option<u64>,
}

#[derive(Deserialize)]
struct TradeFrame {
    #[serde(default)]
    trades: Option<Vec<Trade>>,
    #[serde(default)]
    liquidation_trades: Option<Vec<Trade>>,
}

#[derive(Deserialize)]
struct Trade {
    trade_id: Option<u64>,
    #[serde(rename = "type")]
    kind: String,
    price: Option<String>,
    size: Option<String>,
    is_maker_ask: Option<bool>,
    timestamp: Option<u64>,
    transaction_time: Option<u64>,
}

/// A number of ours: digits, at most one point, at least one digit, exact in 10^-8, at most 10^10.
/// Computed on the digit string alone; no sign.
pub fn exact(text: &str) -> Result<i64, ()> {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.chars().all(|c| c.is_ascii_digit());
    if whole.len() + places.len() == 0 || !digits(whole) || !digits(places) {
        return Err(());
    }
    let places = places.trim_end_matches('0');
    if places.len() > 8 {
        return Err(());
    }
    let all = format!("{whole}{places:0<8}");
    let all = all.trim_start_matches('0');
    let limit = "1000000000000000000";
    if all.len() > limit.len() || all.len() == limit.len() && all > limit {
        return Err(());
    }
    if all.is_empty() { Ok(0) } else { all.parse().map_err(drop) }
}

fn positive(text: &str) -> Result<i64, ()> {
    exact(text).and_then(|raw| if raw > 0 { Ok(raw) } else { Err(()) })
}

fn ms_of(us: Option<u64>, timestamp: Option<u64>) -> Result<u64, ()> {
    let us = us.unwrap_or(0);
    let (time, digits) = if us == 0 { (timestamp.ok_or(())?, 13) } else { (us, 16) };
    if time.to_string().len() != digits {
        return Err(());
    }
    Ok(if us == 0 { time } else { us / 1000 })
}

/// A frame is sound when both parsers take it: simd-json lets raw control characters pass in a
/// string, serde_json bytes that are not UTF-8 in a member that nobody reads.
fn parse<T: DeserializeOwned>(frame: &[u8]) -> Result<T, ()> {
    let _: T = serde_json::from_slice(frame).map_err(drop)?;
    simd_json::from_slice(&mut frame.to_vec()).map_err(drop)
}

/// Whether a number may be beyond what the two parsers hold in 64 bits: they refuse it in a member
/// that nobody reads, too, and JSON does not.
pub fn beyond_parsers(frame: &[u8]) -> bool {
    let long = |run: &[u8]| run.len() > 18;
    frame.split(|byte| !byte.is_ascii_digit()).any(long)
        || frame.windows(2).any(|two| two[0].is_ascii_digit() && matches!(two[1], b'e' | b'E'))
}

#[derive(Clone, Debug, Default)]
struct Market {
    chain: Option<u64>,
    /// By price; the venue's whole book.
    sides: [BTreeMap<i64, i64>; 2],
    /// Nonce, bid and ask, time.
    ticker: (u64, [Level; 2], u64),
    last_trade: u64,
}

/// The slow reader of a connection.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    markets: BTreeMap<u32, Market>,
    pub views: BTreeMap<u16, View>,
}

impl Oracle {
    /// Reads a frame; an `Err` has changed nothing.
    pub fn decode(&mut self, frame: &[u8]) -> Result<(), ()> {
        let head: Head = parse(frame)?;
        let Some(kind) = &head.kind else {
            let code = head.error.as_ref().ok_or(())?.get("code").and_then(|c| c.as_u64());
            return code.filter(|code| *code < 1 << 32).map(drop).ok_or(());
        };
        let (snapshot, name) =
            match (kind.strip_prefix("update/"), kind.strip_prefix("subscribed/")) {
                (Some(name), _) => (false, name),
                (_, Some(name)) => (true, name),
                _ if kind == "error" => {
                    let inner = head.error.as_ref().map_or(head.code, |e| e["code"].as_u64());
                    return inner.filter(|code| *code < 1 << 32).map(drop).ok_or(());
                }
                _ if kind == "unsubscribed" => return head.channel.map(drop).ok_or(()),
                _ => return Ok(()),
            };
        let channel = head.channel.as_deref().ok_or(())?;
        let mut parts = channel.split([':', '/']);
        if parts.next() != Some(name) {
            return Err(());
        }
        let id = parts.next().filter(|id| id.len() == 1 || !id.starts_with('0'));
        let id =
            id.filter(|id| id.bytes().all(|b| b.is_ascii_digit())).and_then(|id| id.parse().ok());
        let inst = markets().iter().find(|m| Some(m.1) == id).map(|m| m.0.0);
        match name {
            "order_book" => self.book(&head, parse::<BookFrame>(frame)?.order_book, snapshot, inst),
            "ticker" => self.ticker(&head, &parse::<TickerFrame>(frame)?.ticker, inst),
            "trade" => self.trades(parse(frame)?, snapshot, inst),
            _ => Ok(()),
        }
    }

    fn book(
        &mut self,
        head: &Head,
        book: Book,
        snapshot: bool,
        inst: Option<u16>,
    ) -> Result<(), ()> {
        let exch_ms = ms_of(book.last_updated_at, head.timestamp)?;
        if book.code.unwrap_or(0) != 0 || !snapshot && book.begin_nonce > book.nonce {
            return Err(());
        }
        let read = |rows: &[Row]| -> Result<Vec<(i64, i64)>, ()> {
            rows.iter().map(|row| Ok((positive(&row.price)?, exact(&row.size)?))).collect()
        };
        let changes = [read(&book.bids)?, read(&book.asks)?];
        let Some(inst) = inst else { return Ok(()) };
        let market = self.markets.entry(u32::from(inst)).or_default();
        let view = self.views.entry(inst).or_default();
        if snapshot {
            market.chain = None;
            for (side, rows) in changes.iter().enumerate() {
                let there: Vec<i64> = rows.iter().filter(|r| r.1 > 0).map(|r| r.0).collect();
                let sorted = there.windows(2).all(|w| better(side, Price(w[0]), Price(w[1])));
                if !sorted {
                    view.gaps.push(GapReason::Unsorted);
                    return Ok(());
                }
            }
            market.sides = Default::default();
        } else if market.chain.is_none() {
            return Ok(());
        } else if market.chain != Some(book.begin_nonce) {
            market.chain = None;
            view.gaps.push(GapReason::Sequence);
            return Ok(());
        }
        market.chain = Some(book.nonce);
        for (levels, rows) in market.sides.iter_mut().zip(changes) {
            for (px, qty) in rows {
                if qty == 0 {
                    levels.remove(&px)
                } else {
                    levels.insert(px, qty)
                };
            }
        }
        let level = |(px, qty): (&i64, &i64)| Level { px: Price(*px), qty: Qty(*qty) };
        let [bids, asks] = &market.sides;
        view.sides = [
            bids.iter().rev().take(DEPTH).map(level).collect(),
            asks.iter().take(DEPTH).map(level).collect(),
        ];
        view.exch_ms = exch_ms;
        // The newest nonce wins, whatever the times say.
        if market.ticker.0 > book.nonce {
            view.top(market.ticker.1, exch_ms.max(market.ticker.2));
        }
        Ok(())
    }

    fn ticker(&mut self, head: &Head, ticker: &Ticker, inst: Option<u16>) -> Result<(), ()> {
        let nonce = head.nonce.ok_or(())?;
        let exch_ms = ms_of(ticker.last_updated_at, head.timestamp)?;
        let side = |row: &Row| {
            if row.price.is_empty() && row.size.is_empty() {
                return Ok(Level::default());
            }
            Ok(Level { px: Price(positive(&row.price)?), qty: Qty(positive(&row.size)?) })
        };
        let tops = [side(&ticker.b)?, side(&ticker.a)?];
        let Some(inst) = inst else { return Ok(()) };
        let market = self.markets.entry(u32::from(inst)).or_default();
        if nonce > market.ticker.0 && market.chain.is_none_or(|chain| nonce > chain) {
            market.ticker = (nonce, tops, exch_ms);
            self.views.entry(inst).or_default().top(tops, exch_ms);
        }
        Ok(())
    }

    fn trades(&mut self, frame: TradeFrame, snapshot: bool, inst: Option<u16>) -> Result<(), ()> {
        if frame.trades.is_none() && frame.liquidation_trades.is_none() {
            return Err(());
        }
        let mut sound = Vec::new();
        for trade in frame.trades.iter().chain(&frame.liquidation_trades).flatten() {
            if trade.kind != "trade" && trade.kind != "liquidation" {
                continue;
            }
            let exch_ms = match trade.transaction_time.unwrap_or(0) {
                0 => trade.timestamp.ok_or(())?,
                us => us / 1000,
            };
            let id = trade.trade_id.filter(|id| *id > 0).ok_or(())?;
            if exch_ms.to_string().len() != 13 {
                return Err(());
            }
            let side = if trade.is_maker_ask.ok_or(())? { Side::Buy } else { Side::Sell };
            let number = |text: &Option<String>| positive(text.as_deref().ok_or(())?);
            sound.push((id, side, number(&trade.price)?, number(&trade.size)?, exch_ms));
        }
        let Some(inst) = inst else { return Ok(()) };
        sound.sort_by_key(|trade| trade.0);
        let market = self.markets.entry(u32::from(inst)).or_default();
        for trade in sound {
            if trade.0 > market.last_trade {
                market.last_trade = trade.0;
                if !snapshot {
                    self.views.entry(inst).or_default().trades.push(trade);
                }
            }
        }
        Ok(())
    }
}
