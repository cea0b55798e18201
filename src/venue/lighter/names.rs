//! Hot. Which order a client index names now.
//!
//! A modify keeps the venue's order and its client index; the core gives what comes of it a number of
//! its own. So each client index of this run has an entry here: the orders that it has named, the
//! newest last, and the one that it will name when a modify on its way takes effect.
//!
//! **What the venue does** (its circuit, elliottech/lighter-prover, l2_modify_order): a modify of an
//! order that is not there changes nothing. Else price and size are replaced, the size being the
//! whole one with what has traded, and the order is queued anew, under a new `nonce`. What has
//! traded stays counted.
//!
//! **How a modify is seen to have taken effect.** An answer says only that it was taken. The order's
//! next entry on the stream has the new price or the new whole size, or where both stayed, another
//! `nonce`; or a trade has the new price: what rests trades at its own. Nothing else is evidence. Until
//! then everything said of the client index is said of the old order, so a fill finds a slot: the old
//! one's before, the new one's after. When the order ends without evidence, the modify never took
//! effect, and its order is refused.
//!
//! **What has traded** is counted by the venue over all orders of an index, and by the core for each.
//! How much had traded before the current order began lies between what trades have told of the
//! earlier ones and what is left of the whole after those of this one; within that it is what the
//! whole was when the order began. Each trade narrows it.

use super::errors::OrderStatus;
use super::user::{Namer, OrderTold, TradeTold, by_tag, ends, news_of};
use crate::event::{CancelReason, Event, OrderId, RejectReason, Stamp, VenueOrderState};
use crate::instrument::InstId;
use crate::units::{Price, Qty};

/// Orders of a client index that late trades can still be attributed to.
const LINKS: usize = 4;
/// Client indices that are remembered.
pub const ENTRIES: usize = 256;
/// Trades that are remembered, so that a repeated one is not counted twice.
const TRADES: usize = 256;
/// Beyond a transaction's expiry until which the venue's clock may still take it, ms.
const EXPIRY_MARGIN_MS: u64 = 1_000;

/// One order of a client index.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    order: OrderId,
    px: Price,
    /// The whole size at the venue: what had traded before, and what was asked for.
    whole: Qty,
    /// What trades have told of it.
    traded: Qty,
}

/// A modify on its way.
#[derive(Clone, Copy, Debug)]
struct Move {
    link: Link,
    expires_ms: u64,
}

/// A client index.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// Zero: a free one.
    client: u64,
    inst: InstId,
    links: [Link; LINKS],
    len: u8,
    next: Option<Move>,
    /// Traded by orders that `links` has no room for.
    dropped: Qty,
    /// What had traded before the current order began, as first seen.
    before: Qty,
    /// What the venue has counted, at least.
    total: Qty,
    /// The order's place in the venue's queue.
    nonce: Option<u64>,
    /// The venue takes the order until then.
    expires_ms: u64,
    /// The venue has told of it.
    seen: bool,
    /// It has ended.
    dead: bool,
    /// In the snapshot that was read last.
    listed: bool,
}

/// Why an order can't be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotNamed {
    /// All entries are of orders that may rest.
    Full,
    /// A modify of that order is on its way already, or the order is not known here any more.
    Moving,
}

/// The client indices of a run.
#[derive(Debug)]
pub struct Names {
    entries: Vec<Entry>,
    /// Where the next free entry is looked for.
    at: usize,
    trades: [u64; TRADES],
    trade_at: usize,
    run_tag: u16,
}

impl Entry {
    fn current(&mut self) -> &mut Link {
        let last = usize::from(self.len.max(1)) - 1;
        &mut self.links[last]
    }

    fn now(&self) -> Link {
        self.links[usize::from(self.len.max(1)) - 1]
    }

    fn earlier(&self) -> &[Link] {
        &self.links[..usize::from(self.len.max(1)) - 1]
    }

    fn position(&self, order: OrderId) -> Option<usize> {
        self.links[..usize::from(self.len)].iter().position(|link| link.order == order)
    }

    fn names(&self, order: OrderId) -> bool {
        self.client != 0
            && (self.next.is_some_and(|next| next.link.order == order)
                || self.position(order).is_some())
    }

    /// Traded by the earlier orders, as trades have told. Sizes are far below 2^62, and so are sums of
    /// what has traded of one order.
    fn traded_before(&self) -> i64 {
        self.earlier().iter().map(|link| link.traded.0).sum::<i64>() + self.dropped.0
    }

    fn count(&mut self, total: Qty) {
        let told = self.traded_before() + self.now().traded.0;
        self.total = Qty(self.total.0.max(total.0).max(told));
    }

    /// What had traded when the current order began.
    fn began(&self) -> i64 {
        let least = self.traded_before();
        let most = (self.total.0 - self.now().traded.0).max(least);
        self.before.0.clamp(least, most)
    }

    /// What has traded of the current order.
    fn filled(&self) -> Qty {
        Qty((self.total.0 - self.began()).max(0))
    }

    /// The modify has taken effect: the order that is no more.
    fn settle(&mut self) -> Option<OrderId> {
        let next = self.next.take()?;
        let old = self.now().order;
        self.before = self.total;
        if usize::from(self.len) == LINKS {
            self.dropped.0 += self.links[0].traded.0;
            self.links.rotate_left(1);
        } else {
            self.len += 1;
        }
        *self.current() = next.link;
        self.expires_ms = self.expires_ms.max(next.expires_ms);
        self.seen = true;
        Some(old)
    }

    /// Does this price and whole size show that the modify has taken effect? Zeros tell nothing.
    fn is_moved(&self, px: Price, whole: Qty, nonce: Option<u64>) -> bool {
        let Some(Move { link, .. }) = self.next else { return false };
        let now = self.now();
        let told = |new: i64, old: i64, told: i64| match told {
            0 => None,
            _ if new == old => None,
            told if told == new => Some(true),
            told if told == old => Some(false),
            // The venue's size when more had traded than was known here.
            _ => None,
        };
        let by_price = told(link.px.0, now.px.0, px.0);
        let by_size = told(link.whole.0, now.whole.0, whole.0);
        match (by_price, by_size) {
            (Some(moved), _) | (None, Some(moved)) => moved,
            (None, None) => match (self.nonce, nonce) {
                (Some(before), Some(after)) => before != after,
                _ => false,
            },
        }
    }
}

impl Names {
    /// `run_tag`: the upper part of this run's client indices.
    pub fn new(run_tag: u16) -> Names {
        let entries = vec![Entry::default(); ENTRIES];
        Names { entries, at: 0, trades: [0; TRADES], trade_at: 0, run_tag }
    }

    #[inline]
    fn by_client(&mut self, client: u64) -> Option<&mut Entry> {
        if client == 0 {
            return None;
        }
        self.entries.iter_mut().find(|entry| entry.client == client)
    }

    #[inline]
    fn by_order(&self, order: OrderId) -> Option<usize> {
        // The newest are near.
        let (newer, older) = self.entries.split_at(self.at);
        let is_it = |entry: &Entry| entry.names(order);
        let older = || older.iter().rposition(is_it).map(|at| at + self.at);
        newer.iter().rposition(is_it).or_else(older)
    }

    /// The client index under which the venue knows an order.
    #[inline]
    pub fn client_of(&self, order: OrderId) -> Option<u64> {
        self.by_order(order).map(|at| self.entries[at].client)
    }

    /// Was an order sent under this client index?
    pub fn knows(&self, client: u64, inst: InstId) -> bool {
        client != 0 && self.entries.iter().any(|e| e.client == client && e.inst == inst)
    }

    /// Is there room for so many orders more?
    #[inline]
    pub fn has_room(&self, orders: usize) -> bool {
        let free = |entry: &&Entry| entry.client == 0 || entry.dead;
        self.entries.iter().filter(free).take(orders).count() == orders
    }

    /// An order that is about to be sent under this client index.
    pub fn place(
        &mut self,
        client: u64,
        order: OrderId,
        px: Price,
        qty: Qty,
        expires_ms: u64,
    ) -> Result<(), NotNamed> {
        let free = |entry: &Entry| entry.client == 0 || entry.dead;
        let around = (self.at..ENTRIES).chain(0..self.at);
        let at = around.into_iter().find(|at| free(&self.entries[*at])).ok_or(NotNamed::Full)?;
        self.at = (at + 1) % ENTRIES;
        let mut entry =
            Entry { client, inst: order.inst(), expires_ms, len: 1, ..Entry::default() };
        entry.links[0] = Link { order, px, whole: qty, traded: Qty::ZERO };
        self.entries[at] = entry;
        Ok(())
    }

    /// What a modify that is about to be sent must name: the client index, and the whole size for
    /// which `qty` is left to trade.
    pub fn move_of(&self, old: OrderId, qty: Qty) -> Result<(u64, Qty), NotNamed> {
        let entry = &self.entries[self.by_order(old).ok_or(NotNamed::Moving)?];
        if entry.next.is_some() || entry.dead || entry.now().order != old {
            return Err(NotNamed::Moving);
        }
        Ok((entry.client, Qty(qty.0.checked_add(entry.total.0).ok_or(NotNamed::Moving)?)))
    }

    /// The modify was written.
    pub fn moving(&mut self, old: OrderId, order: OrderId, px: Price, qty: Qty, expires_ms: u64) {
        let Some(at) = self.by_order(old) else { return };
        let entry = &mut self.entries[at];
        let whole = Qty(qty.0.saturating_add(entry.total.0));
        let link = Link { order, px, whole, traded: Qty::ZERO };
        entry.next = Some(Move { link, expires_ms });
    }

    /// What was not taken will not come: the modify that makes `order`, or the order itself. An order
    /// of which the venue has told is not forgotten.
    pub fn refused(&mut self, order: OrderId) {
        let Some(at) = self.by_order(order) else { return };
        let entry = &mut self.entries[at];
        if entry.next.is_some_and(|next| next.link.order == order) {
            entry.next = None;
        } else if entry.len == 1 && !entry.seen {
            entry.dead = true;
        }
    }

    /// What an answer to the question about `order` means for it: the state, and what has traded of
    /// it. `None`: not to be known yet, since what was sent may still come.
    pub fn judge(
        &mut self,
        order: OrderId,
        (state, filled): (VenueOrderState, Qty),
        (px, whole): (Price, Qty),
        now_ms: u64,
    ) -> Option<(VenueOrderState, Qty)> {
        let Some(at) = self.by_order(order) else { return Some((state, filled)) };
        let entry = &mut self.entries[at];
        let late = |until: u64| now_ms > until.saturating_add(EXPIRY_MARGIN_MS);
        if state == VenueOrderState::NotFound {
            let until = entry.next.map_or(entry.expires_ms, |next| next.expires_ms);
            if !late(until.max(entry.expires_ms)) {
                return None;
            }
            (entry.next, entry.dead) = (None, true);
            return Some((state, Qty::ZERO));
        }
        entry.count(filled);
        if entry.is_moved(px, whole, None) {
            entry.settle();
        }
        let ended = state != VenueOrderState::Open;
        entry.dead |= ended;
        if let Some(next) = entry.next.filter(|next| next.link.order == order) {
            // The order that it would have changed is there as it was, or has ended so.
            if !ended && !late(next.expires_ms) {
                return None;
            }
            entry.next = None;
            return Some((VenueOrderState::NotFound, Qty::ZERO));
        }
        let last = usize::from(entry.len.max(1)) - 1;
        match entry.position(order) {
            Some(at) if at == last => Some((state, entry.filled())),
            Some(at) => {
                let link = entry.links[at];
                let others = entry.traded_before() - link.traded.0;
                let until = if at + 1 == last { entry.began() - others } else { 0 };
                Some((VenueOrderState::Canceled, Qty(link.traded.0.max(until))))
            }
            None => Some((state, filled)),
        }
    }
}

impl Entry {
    /// Does a trade show that the modify has taken effect?
    fn is_traded_as_new(&self, px: Price, taker: bool) -> bool {
        let Some(Move { link, .. }) = self.next else { return false };
        let now = self.now();
        // What rested takes nothing.
        (taker && self.seen) || (!taker && px == link.px && link.px != now.px)
    }
}

impl Namer for Names {
    fn told(&mut self, told: &OrderTold, recv: Stamp, put: &mut impl FnMut(Event) -> bool) -> bool {
        let run_tag = self.run_tag;
        let Some(entry) = self.by_client(told.client).filter(|entry| entry.inst == told.inst)
        else {
            let order = by_tag(run_tag, told.client, told.inst);
            return news_of(told, order, recv).is_none_or(put);
        };
        entry.listed = true;
        entry.count(told.filled);
        // What rests is never refused for what it would do when it comes.
        let crossed = matches!(told.status, OrderStatus::Refused(RejectReason::WouldCross, _));
        let moved = entry.is_moved(told.px, told.whole, told.nonce) || (crossed && entry.seen);
        let old = if moved { entry.settle() } else { None };
        entry.nonce = told.nonce.or(entry.nonce);
        entry.seen |= told.status == OrderStatus::Open;
        let Link { order, .. } = entry.now();
        let filled = entry.filled();
        let news = match (told.status, told.snapshot) {
            // Its fills may say less than the core waits for: the size was asked for before all that
            // had traded was known.
            (OrderStatus::Filled, false) if entry.len > 1 => {
                let (state, venue_oid) = (VenueOrderState::Filled, told.venue_oid);
                Some(Event::OrderState { order, state, filled, venue_oid, recv })
            }
            _ => news_of(&OrderTold { filled, ..*told }, order, recv),
        };
        let mut never = None;
        if ends(told.status) {
            entry.dead = true;
            // It ended before its modify came.
            never = entry.next.take().map(|next| next.link.order);
        }
        let reason = CancelReason::ByUs;
        let gone = old.map(|order| Event::Canceled { order, reason, recv });
        let reason = RejectReason::NothingToModify;
        let never = never.map(|order| Event::Reject { order, reason, code: 0, recv });
        gone.into_iter().chain(news).chain(never).all(put)
    }

    fn traded(
        &mut self,
        told: &TradeTold,
        recv: Stamp,
        put: &mut impl FnMut(Event) -> bool,
    ) -> OrderId {
        let TradeTold { inst, client, px, qty, taker, id } = *told;
        let run_tag = self.run_tag;
        let again = self.trades.contains(&id);
        if !again {
            self.trades[self.trade_at] = id;
            self.trade_at = (self.trade_at + 1) % TRADES;
        }
        let Some(entry) = self.by_client(client).filter(|entry| entry.inst == inst) else {
            return by_tag(run_tag, client, inst);
        };
        if !again && entry.is_traded_as_new(px, taker) {
            // What traded before is not told yet, or it is: this trade is of the new one.
            if let Some(order) = entry.settle() {
                let reason = CancelReason::ByUs;
                put(Event::Canceled { order, reason, recv });
            }
        }
        let last = usize::from(entry.len.max(1)) - 1;
        // What rests trades at its own price. A taker's trades are of the order that came last.
        let own = |link: &Link| !taker && link.px == px;
        let at = match entry.links[..=last].iter().rposition(own) {
            Some(at) => at,
            None => last,
        };
        let link = &mut entry.links[at];
        if !again {
            link.traded.0 = link.traded.0.saturating_add(qty.0);
        }
        let order = link.order;
        entry.count(Qty::ZERO);
        order
    }

    fn list(&mut self) {
        for entry in &mut self.entries {
            entry.listed = false;
        }
    }

    fn unlisted(&mut self, recv: Stamp, put: &mut impl FnMut(Event) -> bool) {
        let missing =
            |entry: &&Entry| entry.client != 0 && entry.seen && !entry.dead && !entry.listed;
        for entry in self.entries.iter().filter(missing) {
            put(Event::OutcomeUnknown { order: entry.now().order, recv });
        }
    }
}
