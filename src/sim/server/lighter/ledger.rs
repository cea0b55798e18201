//! Cold. What the venue knows of orders, trades and transactions beyond the exchange: its own numbers,
//! the client's, versions, expiries.
//!
//! An order keeps its number and its client index through a modify, while the exchange's is cancelled
//! and placed anew; so the exchange's client id is our order's number, and the one thing that both have.

use std::collections::{BTreeMap, VecDeque};

use crate::instrument::InstId;
use crate::sim::exchange::{Bbo, Fill, Trade};
use crate::units::{Nanos, Notional, Price, Qty, Side};

/// Asks are numbered up and bids down, as recorded.
const FIRST_ASK: u64 = 562_953_635_000_000;
const FIRST_BID: u64 = 844_421_215_000_000;
/// Of the crowd's orders, far from ours: they are numbered by their trade.
const CROWD_GAP: u64 = 500_000_000_000;
/// Everybody else's account: a number among those of sub-accounts.
pub const CROWD_INDEX: u64 = (1 << 48) - 1024;

/// Closed orders of an account, trades of a market and of accounts, transactions that are kept.
const DONE_KEPT: usize = 1000;
const TRADES_KEPT: usize = 200;
const OWN_KEPT: usize = 5000;
const TXS_KEPT: usize = 10_000;

#[derive(Clone, Debug)]
pub struct Order {
    pub index: u64,
    /// 0: none.
    pub client: u64,
    /// The account's place in the directory.
    pub slot: usize,
    pub inst: InstId,
    pub side: Side,
    /// 0 limit, 1 market.
    pub kind: i64,
    /// 0 IOC, 1 good till time, 2 post-only.
    pub tif: i64,
    pub reduce_only: bool,
    pub px: Price,
    /// As placed, or as the last modify made it.
    pub initial: Qty,
    pub left: Qty,
    pub filled: Qty,
    pub filled_quote: Notional,
    pub expiry_ms: i64,
    /// Its place in the agenda.
    pub expires: Option<(Nanos, u64)>,
    pub version: i64,
    pub status: &'static str,
    pub nonce: i64,
    pub created: Nanos,
    pub updated: Nanos,
    /// Of the transaction that placed or last changed it.
    pub hash: String,
}

/// One side of a trade.
#[derive(Clone, Debug)]
pub struct Party {
    pub order: u64,
    pub client: u64,
    pub account: u64,
    pub start: Qty,
    pub end: Qty,
    pub pnl: Notional,
    pub version: i64,
}

#[derive(Clone, Debug)]
pub struct TradeRow {
    pub tid: u64,
    pub inst: InstId,
    pub px: Price,
    pub qty: Qty,
    /// The aggressor's.
    pub side: Side,
    pub bid: Party,
    pub ask: Party,
    pub hash: String,
    pub at: Nanos,
}

/// A transaction that was taken.
#[derive(Clone, Debug)]
pub struct TxRow {
    pub hash: String,
    pub kind: u8,
    pub info: String,
    pub slot: usize,
    pub key: i64,
    pub nonce: i64,
    pub expires_ms: i64,
    /// 0 failed, 1 pending, 2 executed.
    pub status: u8,
    pub error: String,
    pub queued: Nanos,
    pub executed: Nanos,
    pub sequence: u64,
}

/// See the module's head.
#[derive(Debug)]
pub struct Ledger {
    pub live: BTreeMap<u64, Order>,
    pub clients: BTreeMap<(usize, u64), u64>,
    /// By account, the oldest first.
    pub done: Vec<VecDeque<Order>>,
    /// By market, the oldest first.
    pub recent: Vec<VecDeque<u64>>,
    /// Of accounts, the oldest first.
    pub own: VecDeque<u64>,
    pub rows: BTreeMap<u64, TradeRow>,
    pub txs: BTreeMap<String, TxRow>,
    tx_order: VecDeque<String>,
    next_ask: u64,
    next_bid: u64,
}

impl Ledger {
    pub fn new(accounts: usize, markets: usize) -> Ledger {
        Ledger {
            live: BTreeMap::new(),
            clients: BTreeMap::new(),
            done: vec![VecDeque::new(); accounts],
            recent: vec![VecDeque::new(); markets],
            own: VecDeque::new(),
            rows: BTreeMap::new(),
            txs: BTreeMap::new(),
            tx_order: VecDeque::new(),
            next_ask: FIRST_ASK,
            next_bid: FIRST_BID,
        }
    }

    /// The next number of an order of this side.
    pub fn number(&mut self, side: Side) -> u64 {
        match side {
            Side::Sell => {
                self.next_ask += 1;
                self.next_ask
            }
            Side::Buy => {
                self.next_bid -= 1;
                self.next_bid
            }
        }
    }

    /// An open order of an account by the venue's number or the client's.
    pub fn find(&self, slot: usize, index: u64) -> Option<&Order> {
        let number = self.clients.get(&(slot, index)).copied().unwrap_or(index);
        self.live.get(&number).filter(|o| o.slot == slot)
    }

    pub fn open(&mut self, order: Order) {
        if order.client != 0 {
            self.clients.insert((order.slot, order.client), order.index);
        }
        self.live.insert(order.index, order);
    }

    pub fn of(&self, slot: usize) -> impl Iterator<Item = &Order> {
        self.live.values().filter(move |o| o.slot == slot)
    }

    /// Takes an order from the open ones.
    pub fn close(&mut self, index: u64) {
        let Some(order) = self.live.remove(&index) else { return };
        if order.client != 0 {
            self.clients.remove(&(order.slot, order.client));
        }
        let done = &mut self.done[order.slot];
        if done.len() == DONE_KEPT {
            done.pop_front();
        }
        done.push_back(order);
    }

    /// A trade of the tape, both sides the crowd's until its fills say otherwise.
    pub fn trade(&mut self, trade: &Trade) {
        let crowd = |base: u64| Party {
            order: base,
            client: 0,
            account: CROWD_INDEX,
            start: Qty::ZERO,
            end: Qty::ZERO,
            pnl: Notional::ZERO,
            version: 0,
        };
        let row = TradeRow {
            tid: trade.tid,
            inst: trade.inst,
            px: trade.px,
            qty: trade.qty,
            side: trade.side,
            bid: crowd(FIRST_BID - CROWD_GAP - trade.tid),
            ask: crowd(FIRST_ASK + CROWD_GAP + trade.tid),
            // Made of the sequence and the time, as the venue's own are where no one's hash applies.
            hash: format!("{:016x}{:016x}{:048x}", trade.tid, trade.at.0 / 1_000_000, 0),
            at: trade.at,
        };
        self.rows.insert(trade.tid, row);
        let recent = &mut self.recent[usize::from(trade.inst.0)];
        recent.push_back(trade.tid);
        if recent.len() > TRADES_KEPT
            && let Some(old) = recent.pop_front()
            && !self.own.contains(&old)
        {
            self.rows.remove(&old);
        }
    }

    /// One side of it is an account's.
    pub fn fill(&mut self, fill: &Fill, account: u64) {
        let (order, client, version) = match fill.cloid.and_then(|id| u64::try_from(id).ok()) {
            None => (0, 0, 0),
            Some(index) => match self.live.get_mut(&index) {
                None => (index, 0, 0),
                Some(order) => {
                    order.filled = Qty(order.filled.0 + fill.qty.0);
                    order.filled_quote.0 += Notional::of(fill.px, fill.qty).0;
                    (index, order.client, order.version)
                }
            },
        };
        let hash = self.live.get(&order).map(|o| o.hash.clone());
        let Some(row) = self.rows.get_mut(&fill.tid) else { return };
        let start = fill.start_position;
        let end = Qty(start.0 + fill.qty.0 * fill.side.sign());
        let party = Party { order, client, account, start, end, pnl: fill.closed_pnl, version };
        match fill.side {
            Side::Buy => row.bid = party,
            Side::Sell => row.ask = party,
        }
        if let Some(hash) = hash.filter(|_| fill.taker) {
            row.hash = hash;
        }
        if self.own.back() != Some(&fill.tid) {
            self.own.push_back(fill.tid);
        }
        if self.own.len() > OWN_KEPT
            && let Some(old) = self.own.pop_front()
            && !self.recent.iter().any(|r| r.contains(&old))
        {
            self.rows.remove(&old);
        }
    }

    pub fn take(&mut self, row: TxRow) {
        self.tx_order.push_back(row.hash.clone());
        self.txs.insert(row.hash.clone(), row);
        if self.tx_order.len() > TXS_KEPT
            && let Some(old) = self.tx_order.pop_front()
        {
            self.txs.remove(&old);
        }
    }

    /// An account's trades, the newest first.
    pub fn trades_of(&self, account: u64) -> impl Iterator<Item = &TradeRow> {
        let rows = self.own.iter().rev().filter_map(|tid| self.rows.get(tid));
        rows.filter(move |row| row.bid.account == account || row.ask.account == account)
    }
}

/// The status of an order that could take and got nothing.
pub fn nothing_taken(bbo: Bbo, side: Side, kind: i64) -> &'static str {
    let other = match side {
        Side::Buy => bbo.ask,
        Side::Sell => bbo.bid,
    };
    match (other, kind) {
        (None, _) => "canceled-not-enough-liquidity",
        (Some(_), 1) => "canceled-too-much-slippage",
        (Some(_), _) => "canceled",
    }
}
