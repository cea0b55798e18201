//! Cold. Public channels: books, best prices, trades, statistics, height.
//!
//! A book is told as its whole and then as changes every 50 ms, each beginning at the nonce where the
//! last one ended. The best prices are told at each change of theirs, with nonces of the same counter,
//! so the newer of two is known by its nonce.

use std::collections::BTreeMap;

use super::channels::Channel;
use super::directory::{Listed, fixed};
use super::hub::Hub;
use super::wire::{self, list, ms, us};
use crate::instrument::InstId;
use crate::sim::exchange::{Bbo, BookLevel, Exchange, Trade};
use crate::units::{Nanos, Notional, Price, Qty, Side};

/// Where the matching engine's counter begins.
const FIRST_NONCE: u64 = 25_000_000_000;
const FIRST_OFFSET: u64 = 37_000_000;
const STATS_EVERY: Nanos = Nanos::from_secs(1);
const HEIGHT_EVERY: Nanos = Nanos::from_millis(500);
/// Trades of a snapshot.
const SNAPSHOT_TRADES: usize = 50;

/// The book as it was last told: quantities by price, both raw 10^-8.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    sides: [BTreeMap<i64, i64>; 2],
    nonce: u64,
    at: Nanos,
    bbo: Bbo,
    bbo_nonce: u64,
    bbo_at: Nanos,
}

/// What was traded since the server began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Session {
    pub first: Price,
    pub low: Price,
    pub high: Price,
    pub base: i128,
    pub quote: i128,
    pub trades: u64,
}

#[derive(Debug)]
pub(super) struct Feed {
    told: Vec<Told>,
    pub sessions: Vec<Session>,
    /// Of this step.
    tickers: Vec<(InstId, Bbo, Nanos, u64)>,
    trades: Vec<(InstId, u64)>,
    nonce: u64,
    offset: u64,
    books: u64,
    stats: u64,
    heights: u64,
}

/// The multiples of a period: those that a step jumped over are one.
fn fires(fired: &mut u64, now: Nanos, period: Nanos) -> bool {
    let n = now.0 / period.0.max(1);
    let fires = n > *fired;
    *fired = n;
    fires
}

impl Feed {
    pub fn new(markets: usize, now: Nanos) -> Feed {
        let told = Told { nonce: FIRST_NONCE, bbo_nonce: FIRST_NONCE, at: now, ..Told::default() };
        Feed {
            told: vec![told; markets],
            sessions: vec![Session::default(); markets],
            tickers: Vec::new(),
            trades: Vec::new(),
            nonce: FIRST_NONCE,
            offset: FIRST_OFFSET,
            books: 0,
            stats: 0,
            heights: 0,
        }
    }

    pub fn nonce(&self) -> u64 {
        self.nonce
    }

    pub fn bbo(&mut self, inst: InstId, bbo: Bbo, at: Nanos) {
        self.nonce += 1;
        let told = &mut self.told[usize::from(inst.0)];
        (told.bbo, told.bbo_nonce, told.bbo_at) = (bbo, self.nonce, at);
        self.tickers.push((inst, bbo, at, self.nonce));
    }

    pub fn traded(&mut self, trade: &Trade) {
        let session = &mut self.sessions[usize::from(trade.inst.0)];
        if session.trades == 0 {
            (session.first, session.low, session.high) = (trade.px, trade.px, trade.px);
        }
        session.low = session.low.min(trade.px);
        session.high = session.high.max(trade.px);
        session.base += i128::from(trade.qty.0);
        session.quote += Notional::of(trade.px, trade.qty).0;
        session.trades += 1;
        self.trades.push((trade.inst, trade.tid));
    }

    /// The levels that changed since they were last told, best first, and the nonce before; `None`
    /// when nothing did.
    fn change(&mut self, exchange: &Exchange, inst: InstId, now: Nanos) -> Option<Change> {
        let told = &mut self.told[usize::from(inst.0)];
        let mut changed = [Vec::new(), Vec::new()];
        for side in Side::BOTH {
            let levels = exchange.levels(inst, side, usize::MAX);
            let new: BTreeMap<i64, i64> = levels.map(|l| (l.px.0, l.qty.0)).collect();
            let old = &mut told.sides[side.index()];
            let gone = old.keys().filter(|px| !new.contains_key(px)).map(|px| (*px, 0));
            let other = new.iter().filter(|(px, qty)| old.get(px) != Some(qty));
            let mut list: Vec<(i64, i64)> = gone.chain(other.map(|(p, q)| (*p, *q))).collect();
            // Best first: the highest bid, the lowest ask.
            list.sort_unstable_by_key(|level| -side.sign() * level.0);
            *old = new;
            changed[side.index()] = list;
        }
        if changed.iter().all(Vec::is_empty) {
            return None;
        }
        // Something beside the best prices changed: that is a moment of its own.
        if told.bbo_nonce <= told.nonce {
            self.nonce += 1;
        }
        let begin = told.nonce;
        (told.nonce, told.at) = (self.nonce, now);
        self.offset += 1;
        Some(Change { sides: changed, begin })
    }
}

struct Change {
    sides: [Vec<(i64, i64)>; 2],
    begin: u64,
}

impl Hub {
    /// Sends what this step brought.
    pub(super) fn publish(&mut self) {
        let (now, every) = (self.now, self.config.book_every);
        let mut out: Vec<(Channel, String)> = Vec::new();
        let tickers = std::mem::take(&mut self.feed.tickers);
        if !self.faults.stale_ticker {
            for (inst, bbo, at, nonce) in tickers {
                out.push((Channel::Ticker(inst), self.ticker(inst, bbo, at, nonce, "update")));
            }
        }
        let traded = std::mem::take(&mut self.feed.trades);
        for market in 0..self.directory.markets.len() {
            let inst = InstId(market as u16);
            let tids: Vec<u64> = traded.iter().filter(|t| t.0 == inst).map(|t| t.1).collect();
            if !tids.is_empty() {
                let text = self.trades(inst, tids.into_iter().rev(), "update");
                out.push((Channel::Trades(inst), text));
            }
        }
        if fires(&mut self.feed.books, now, every) {
            self.books(&mut out);
        }
        if fires(&mut self.feed.stats, now, STATS_EVERY) {
            out.push((Channel::Stats(None), self.stats(None, "update")));
            for market in 0..self.directory.markets.len() {
                let inst = Some(InstId(market as u16));
                out.push((Channel::Stats(inst), self.stats(inst, "update")));
            }
        }
        if fires(&mut self.feed.heights, now, HEIGHT_EVERY) {
            out.push((Channel::Height, self.height("update")));
        }
        for (channel, text) in out {
            let to: Vec<_> = self.subs.iter().filter(|s| s.1.contains(&channel)).collect();
            let to: Vec<_> = to.into_iter().map(|(peer, _)| *peer).collect();
            for peer in to {
                self.send(peer, text.clone());
            }
        }
        self.publish_private();
    }

    fn books(&mut self, out: &mut Vec<(Channel, String)>) {
        let mut dropped = false;
        for market in 0..self.directory.markets.len() {
            let inst = InstId(market as u16);
            let Some(change) = self.feed.change(&self.exchange, inst, self.now) else { continue };
            if self.faults.gap {
                dropped = true;
                continue;
            }
            let text = self.book(inst, &change.sides, change.begin, "update");
            out.push((Channel::Book(inst), text));
        }
        self.faults.gap &= !dropped;
    }

    fn book(&self, inst: InstId, sides: &[Vec<(i64, i64)>; 2], begin: u64, kind: &str) -> String {
        let (market, told) = (self.directory.of(inst), &self.feed.told[usize::from(inst.0)]);
        let levels = |side: Side| {
            let rows = &sides[side.index()];
            list(rows.iter().map(|(px, qty)| wire::level(market, Price(*px), Qty(*qty))))
        };
        let (offset, at) = (self.feed.offset, us(told.at));
        format!(
            "{{\"channel\":\"order_book:{}\",\"last_updated_at\":{at},\"offset\":{offset},\
             \"order_book\":{{\"code\":0,\"asks\":{},\"bids\":{},\"offset\":{offset},\
             \"nonce\":{},\"last_updated_at\":{at},\"begin_nonce\":{begin}}},\"timestamp\":{},\
             \"type\":\"{kind}/order_book\"}}",
            market.id,
            levels(Side::Sell),
            levels(Side::Buy),
            told.nonce,
            ms(self.now),
        )
    }

    fn ticker(&self, inst: InstId, bbo: Bbo, at: Nanos, nonce: u64, kind: &str) -> String {
        let market = self.directory.of(inst);
        let level = |level: Option<BookLevel>| match level {
            Some(level) => wire::level(market, level.px, level.qty),
            None => "{\"price\":\"\",\"size\":\"\"}".to_owned(),
        };
        let at = us(at);
        format!(
            "{{\"channel\":\"ticker:{}\",\"last_updated_at\":{at},\"nonce\":{nonce},\
             \"ticker\":{{\"s\":\"{}\",\"a\":{},\"b\":{},\"last_updated_at\":{at}}},\
             \"timestamp\":{},\"type\":\"{kind}/ticker\"}}",
            market.id,
            market.symbol,
            level(bbo.ask),
            level(bbo.bid),
            ms(self.now),
        )
    }

    /// The newest first.
    fn trades(&self, inst: InstId, tids: impl Iterator<Item = u64>, kind: &str) -> String {
        let rows = tids.filter_map(|tid| self.ledger.rows.get(&tid));
        format!(
            "{{\"channel\":\"trade:{}\",\"liquidation_trades\":[],\"nonce\":{},\"trades\":{},\
             \"type\":\"{kind}/trade\"}}",
            self.directory.of(inst).id,
            self.feed.nonce,
            list(rows.map(|row| wire::trade(&self.directory, row, None))),
        )
    }

    fn height(&self, kind: &str) -> String {
        format!(
            "{{\"channel\":\"height\",\"height\":{},\"timestamp\":{},\"type\":\"{kind}/height\"}}",
            wire::height(self.now),
            ms(self.now)
        )
    }

    fn stats(&self, inst: Option<InstId>, kind: &str) -> String {
        let (name, body) = match inst {
            Some(inst) => {
                let market = self.directory.of(inst);
                (market.id.to_string(), self.market_stats(market))
            }
            None => {
                let one = |m: &Listed| format!("\"{}\":{}", m.id, self.market_stats(m));
                let all: Vec<String> = self.directory.markets.iter().map(one).collect();
                ("all".to_owned(), format!("{{{}}}", all.join(",")))
            }
        };
        format!(
            "{{\"channel\":\"market_stats:{name}\",\"market_stats\":{body},\"timestamp\":{},\
             \"type\":\"{kind}/market_stats\"}}",
            ms(self.now)
        )
    }

    fn market_stats(&self, market: &Listed) -> String {
        let bbo = self.exchange.bbo(market.inst);
        let px = |px: Option<Price>| market.px(px.unwrap_or(Price::ZERO));
        let mark = px(self.exchange.mark(market.inst));
        let hour = ms(self.now) / 3_600_000 * 3_600_000;
        format!(
            "{{\"symbol\":\"{}\",\"market_id\":{},\"index_price\":\"{mark}\",\"mark_price\":\"{mark}\",\
             \"mid_price\":\"{}\",\"best_ask_price\":\"{}\",\"best_bid_price\":\"{}\",\
             \"open_interest\":\"0.000000\",\"open_interest_limit\":\"72057594037927936.000000\",\
             \"open_interest_usd\":\"0.000000\",\"funding_clamp_small\":\"0.0500\",\
             \"funding_clamp_big\":\"4.0000\",\"last_trade_price\":\"{}\",\
             \"current_funding_rate\":\"0.0012\",\"funding_rate\":\"0.0012\",\
             \"funding_timestamp\":{hour},{},\"base_interest_rate\":\"0.0100\",\
             \"premium\":\"0.0000\"}}",
            market.symbol,
            market.id,
            px(bbo.mid()),
            px(bbo.ask.map(|l| l.px)),
            px(bbo.bid.map(|l| l.px)),
            px(self.exchange.last_trade(market.inst)),
            self.daily(market),
        )
    }

    /// The numbers of a day, which are no texts at this venue.
    pub(super) fn daily(&self, market: &Listed) -> String {
        let session = self.feed.sessions[usize::from(market.inst.0)];
        let last = self.exchange.last_trade(market.inst).unwrap_or(session.first);
        // In percent with four places.
        let change = match session.first.0 {
            0 => 0,
            first => (i128::from(last.0 - first) * 1_000_000) / i128::from(first),
        };
        let change = i64::try_from(change).unwrap_or(0).saturating_mul(10_000);
        let base = i64::try_from(session.base).unwrap_or(i64::MAX);
        format!(
            "\"daily_base_token_volume\":{},\"daily_quote_token_volume\":{},\
             \"daily_price_low\":{},\"daily_price_high\":{},\"daily_price_change\":{}",
            market.qty(Qty(base)),
            wire::money(Notional(session.quote)),
            market.px(session.low),
            market.px(session.high),
            fixed(change, 4),
        )
    }

    /// What a new subscription gets at once.
    pub(super) fn snapshot(&self, channel: Channel, text: &str) -> String {
        match channel {
            Channel::Book(inst) => {
                let told = &self.feed.told[usize::from(inst.0)];
                let levels = |side: Side| {
                    let mut rows: Vec<(i64, i64)> =
                        told.sides[side.index()].iter().map(|(p, q)| (*p, *q)).collect();
                    rows.sort_unstable_by_key(|level| -side.sign() * level.0);
                    rows
                };
                let mut sides = [Vec::new(), Vec::new()];
                for side in Side::BOTH {
                    sides[side.index()] = levels(side);
                }
                self.book(inst, &sides, 0, "subscribed")
            }
            Channel::Ticker(inst) => {
                let told = &self.feed.told[usize::from(inst.0)];
                self.ticker(inst, told.bbo, told.bbo_at, told.bbo_nonce, "subscribed")
            }
            Channel::Trades(inst) => {
                let recent = &self.ledger.recent[usize::from(inst.0)];
                let newest = recent.iter().rev().take(SNAPSHOT_TRADES).copied();
                self.trades(inst, newest, "subscribed")
            }
            Channel::Stats(inst) => self.stats(inst, "subscribed"),
            Channel::Height => self.height("subscribed"),
            _ => self.private_snapshot(channel, text),
        }
    }
}
