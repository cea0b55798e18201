//! Cold. The protocol without a socket: requests in, messages out, the exchange in between.
//!
//! What was accepted waits in the agenda for its time and is then executed between two moments of the
//! market, so it does not matter how often [`Hub::step`] is called.

use std::collections::BTreeMap;

use super::super::dialect::{Get, Out};
use super::super::json::Json;
use super::super::rate::Window;
use super::super::{PeerId, ServerStats};
use super::channels::Channel;
use super::directory::Directory;
use super::faults::Faults;
use super::feed::Feed;
use super::ledger::{Ledger, nothing_taken};
use super::private::News;
use super::refusal::{self as no, Refusal};
use super::tx::Tx;
use super::{LighterConfig, LighterFault, wire};
use crate::instrument::InstId;
use crate::sim::exchange::{
    AccountId, Exchange, Market, Notice, OrderStatus, OrderView, Outcome, RejectKind,
};
use crate::units::{Nanos, Qty};

/// What happens at a time.
#[derive(Debug)]
pub(super) enum Due {
    Tx(Box<Queued>),
    /// An order's own expiry.
    Expiry(u64),
    /// An account's scheduled cancel of everything.
    CancelAll(usize),
}

/// A transaction that was accepted.
#[derive(Debug)]
pub(super) struct Queued {
    pub slot: usize,
    pub key: usize,
    pub tx: Tx,
    pub hash: String,
}

/// An order that an event concerns, from the exchange's point of view.
#[derive(Clone, Debug)]
pub(super) struct Doing {
    pub hash: String,
    /// The order's status when it is gone: its own expiry may have come, or a modify may want no more of
    /// it than was filled.
    pub ends: &'static str,
}

/// See the module's head.
pub struct Hub {
    pub exchange: Exchange,
    pub out: Vec<(PeerId, Out)>,
    pub stats: ServerStats,
    pub now: Nanos,
    pub(super) market: Box<dyn Market + Send>,
    pub(super) directory: Directory,
    pub config: LighterConfig,
    pub(super) subs: BTreeMap<PeerId, Vec<Channel>>,
    pub(super) ledger: Ledger,
    pub(super) agenda: BTreeMap<(Nanos, u64), Due>,
    /// Client indices of accepted orders that are not executed yet.
    pub(super) coming: Vec<(usize, u64)>,
    pub(super) feed: Feed,
    pub(super) news: News,
    pub(super) faults: Faults,
    pub(super) sequence: u64,
    /// Orders whose place at the exchange is given up for another one of theirs.
    pub(super) replacing: Option<u64>,
    pub(super) doing: BTreeMap<u64, Doing>,
    /// The transaction of each request to the exchange that has no answer yet.
    pub(super) requests: BTreeMap<u64, String>,
    pub(super) weight: Window,
    messages: Window,
    sessions: u64,
    /// When a peer was last pinged.
    pinged: Nanos,
}

impl Hub {
    pub fn new(
        exchange: Exchange,
        market: Box<dyn Market + Send>,
        directory: Directory,
        config: LighterConfig,
    ) -> Hub {
        let now = exchange.now();
        let ledger = Ledger::new(directory.holders.len(), directory.markets.len());
        let feed = Feed::new(directory.markets.len(), now);
        Hub {
            exchange,
            out: Vec::new(),
            stats: ServerStats::default(),
            now,
            market,
            directory,
            config,
            subs: BTreeMap::new(),
            ledger,
            agenda: BTreeMap::new(),
            coming: Vec::new(),
            feed,
            news: News::default(),
            faults: Faults::default(),
            sequence: 0,
            replacing: None,
            doing: BTreeMap::new(),
            requests: BTreeMap::new(),
            weight: Window::default(),
            messages: Window::default(),
            sessions: 0,
            pinged: now,
        }
    }

    /// A WebSocket was opened.
    pub fn opened(&mut self, peer: PeerId) {
        self.sessions += 1;
        let id = format!("00000000-0000-4000-8000-{:012x}", self.sessions);
        self.subs.insert(peer, Vec::new());
        self.send(peer, format!("{{\"session_id\":\"{id}\",\"type\":\"connected\"}}"));
    }

    /// A connection ended.
    pub fn gone(&mut self, peer: PeerId) {
        self.subs.remove(&peer);
        self.faults.late.retain(|late| late.peer != peer);
    }

    /// The connection has asked for something of an account.
    pub fn is_private(&self, peer: PeerId) -> bool {
        self.subs.get(&peer).is_some_and(|subs| subs.iter().any(|s| s.account().is_some()))
    }

    /// A connection from which nothing was heard since then is closed.
    pub fn is_idle(&self, heard_at: Nanos) -> bool {
        self.config.heard_within.is_some_and(|most| self.now.since(heard_at) >= most)
    }

    pub fn fault(&mut self, fault: LighterFault) {
        self.faults.set(fault);
        if let LighterFault::Shutdown { close_in } = fault {
            let text = format!("{{\"type\":\"shutdown\",\"close_in_ms\":{}}}", wire::ms(close_in));
            for peer in self.peers() {
                self.send(peer, text.clone());
            }
            self.faults.close_at = Some(self.now.after(close_in));
        }
    }

    pub(super) fn peers(&self) -> Vec<PeerId> {
        self.subs.keys().copied().collect()
    }

    pub(super) fn send(&mut self, peer: PeerId, text: String) {
        self.out.push((peer, Out::Text(text)));
    }

    pub(super) fn number(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    pub(super) fn at(&mut self, at: Nanos, due: Due) -> (Nanos, u64) {
        let place = (at, self.number());
        self.agenda.insert(place, due);
        place
    }

    /// Lets the market, the exchange and what was accepted reach `now`, and tells everybody.
    pub fn step(&mut self, now: Nanos) {
        let now = self.now.max(now);
        while let Some((&(at, _), _)) = self.agenda.first_key_value()
            && at <= now
        {
            let Some((_, due)) = self.agenda.pop_first() else { break };
            self.play(at);
            self.execute(due);
            self.play(at);
        }
        self.play(now);
        self.publish();
        self.faults.release(now, &mut self.out);
        if self.faults.close_at.is_some_and(|at| at <= now) {
            self.faults.close_at = None;
            for peer in self.peers() {
                self.out.push((peer, Out::Close));
            }
        }
        if let Some(every) = self.config.ping_every
            && now.since(self.pinged) >= every
        {
            self.pinged = now;
            for peer in self.peers() {
                self.send(peer, "{\"type\":\"ping\"}".to_owned());
            }
        }
    }

    fn play(&mut self, at: Nanos) {
        self.now = self.now.max(at);
        self.market.step(&mut self.exchange, self.now);
        self.exchange.advance(self.now);
        while let Some((_, notice)) = self.exchange.poll(self.now) {
            self.notice(notice);
        }
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Trade(trade) => {
                self.ledger.trade(&trade);
                self.feed.traded(&trade);
            }
            Notice::Fill(fill) => {
                let Some(slot) = self.directory.slot_of(fill.account) else { return };
                let holder = &mut self.directory.holders[slot];
                holder.trades += 1;
                let value = crate::units::Notional::of(fill.px, fill.qty);
                holder.volume += value.0;
                let raw = value.to_raw();
                super::send::earn_quota(holder, raw);
                let index = holder.index;
                self.ledger.fill(&fill, index);
                self.news.fill(slot, &fill);
            }
            Notice::Order(view) => self.order(&view),
            Notice::Response { request, outcome, .. } => self.response(request, outcome),
            Notice::Bbo { inst, bbo, at } => self.feed.bbo(inst, bbo, at),
            Notice::Funding { account, inst, .. } => {
                if let Some(slot) = self.directory.slot_of(account) {
                    self.news.touch(slot, inst);
                }
            }
            Notice::Book { .. } => {}
        }
    }

    /// What the exchange says of an order, in this venue's words.
    fn order(&mut self, view: &OrderView) {
        let Some(index) = view.cloid.and_then(|id| u64::try_from(id).ok()) else { return };
        if self.replacing == Some(index) && view.status == OrderStatus::Canceled {
            // The first half of a modify.
            self.replacing = None;
            return;
        }
        let bbo = self.exchange.bbo(view.inst);
        let now = self.now;
        let doing = self.doing.remove(&index);
        let Some(order) = self.ledger.live.get_mut(&index) else { return };
        order.left = view.left;
        if view.reduce_only {
            // The exchange shrinks it to the position.
            order.initial = Qty(view.left.0 + order.filled.0);
        }
        order.updated = now;
        if let Some(doing) = &doing {
            order.hash.clone_from(&doing.hash);
        }
        let ends = doing.map_or("canceled", |d| d.ends);
        order.status = match view.status {
            OrderStatus::Open => "open",
            OrderStatus::Filled => "filled",
            OrderStatus::Canceled => ends,
            OrderStatus::ScheduledCancel => "canceled",
            // Part of it traded, or nothing did although it met a price.
            OrderStatus::IocCanceled => "canceled",
            OrderStatus::SelfTradeCanceled => "canceled-self-trade",
            OrderStatus::ReduceOnlyCanceled => "canceled-reduce-only",
            OrderStatus::Rejected(reject) => match reject.kind {
                RejectKind::WouldCross { .. } => "canceled-post-only",
                RejectKind::Margin => "canceled-margin-not-allowed",
                RejectKind::ReduceOnly => "canceled-reduce-only",
                RejectKind::PositionLimit | RejectKind::OpenInterest => {
                    "canceled-position-not-allowed"
                }
                RejectKind::IocNoMatch => nothing_taken(bbo, view.side, order.kind),
                _ => "canceled",
            },
        };
        if order.status == "filled" && view.status == OrderStatus::Canceled {
            // By a modify.
            (order.initial, order.left) = (order.filled, Qty::ZERO);
        }
        let text = wire::order(&self.directory, order);
        let order = order.clone();
        self.news.order(order.slot, order.inst, text);
        if order.status != "open" {
            if let Some(place) = order.expires {
                self.agenda.remove(&place);
            }
            self.ledger.close(index);
        }
    }

    /// The end of a transaction at the exchange.
    fn response(&mut self, request: u64, outcome: Outcome) {
        let Some(hash) = self.requests.remove(&request) else { return };
        let Outcome::Rejected(reject) = outcome else { return };
        if let Some(row) = self.ledger.txs.get_mut(&hash) {
            row.error = reject.to_string();
        }
    }

    pub(super) fn slot_account(&self, slot: usize) -> AccountId {
        self.directory.holders[slot].account
    }

    pub(super) fn open_orders(&self, slot: usize, inst: InstId) -> usize {
        self.ledger.of(slot).filter(|o| o.inst == inst).count()
    }

    /// A text of a WebSocket connection.
    pub fn on_text(&mut self, peer: PeerId, text: &str) {
        self.stats.messages_in += 1;
        let Some(json) = Json::parse(text.as_bytes()) else {
            return self.refuse(peer, &no::WS_JSON, None);
        };
        let kind = json.get("type").and_then(Json::str).unwrap_or("");
        // Transactions have limits of their own.
        let sends = kind.starts_with("jsonapi/");
        let limit = self.config.rates.messages_per_min;
        if !sends && !self.messages.take(1, limit, self.now) {
            return self.refuse(peer, &no::WS_RATE, None);
        }
        match kind {
            "ping" => self.send(peer, "{\"type\":\"pong\"}".to_owned()),
            "pong" => {}
            "subscribe" => {
                if let Err(refusal) = self.subscribe(peer, &json) {
                    self.refuse(peer, &refusal, None);
                }
            }
            "unsubscribe" => {
                if let Err(refusal) = self.unsubscribe(peer, &json) {
                    self.refuse(peer, &refusal, None);
                }
            }
            "jsonapi/sendtx" | "jsonapi/sendtxbatch" => self.on_sent(peer, kind, &json),
            _ => self.refuse(peer, &no::WS_TYPE, None),
        }
    }

    pub(super) fn refuse(&mut self, peer: PeerId, refusal: &Refusal, id: Option<&str>) {
        let id =
            id.map_or(String::new(), |id| format!(",\"id\":{}", super::super::json::quoted(id)));
        self.send(peer, format!("{{\"error\":{{{}}}{id}}}", refusal.members()));
    }

    /// A `GET`. Answered at once.
    pub fn on_get(&mut self, peer: PeerId, get: &Get) {
        self.stats.http_requests += 1;
        let (status, body) = match self.ask(get) {
            Ok(body) => (200, body),
            Err(refusal) => (refusal.status(), format!("{{{}}}", refusal.members())),
        };
        self.out.push((peer, Out::Http(status, body)));
    }
}
