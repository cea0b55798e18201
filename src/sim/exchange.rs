//! Cold. The matching engine: price-time priority, the venue's rules and its texts.
//!
//! [`Exchange`] is a deterministic machine without a clock, a thread or a float: time is an
//! argument, chance is seeded, so the same calls give the same notices, bit for bit. A driver does
//!
//! 1. [`Exchange::submit`]: an action enters and travels (latency, faults);
//! 2. [`Exchange::advance`]: everything due until then happens, in the order of its time;
//! 3. [`Exchange::poll`]: notices come out when they are due, in time order.
//!
//! The market around the accounts trades as [`CROWD`] through the `crowd_*` calls (`crowd.rs`),
//! which happen at once at [`Exchange::now`]. The two markets are `flow.rs` (seeded) and
//! `recording.rs`; both are a [`Market`] and drive `advance` themselves.
//!
//! When an order of ours fills: price-time priority against everything that arrives later, whole
//! or in part, at the resting price. Where the crowd's quantity comes from a recording, the queue
//! rule is in `recording.rs`.
//!
//! Not modelled: liquidation, trigger orders, spot, isolated margin, borrow limits per tier.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::event::Tif;
use crate::instrument::{GridSpec, InstId, Instrument, InstrumentSpec, SpecError, Symbol, VenueId};
use crate::units::{Bps, Nanos, Notional, Price, Qty, SCALE, Side};

pub use super::crowd::CrowdOrder;
pub use super::latency::{Fault, FaultRule, Latency};
pub use super::market::{Market, Markets};
pub use super::reject::{Reject, RejectKind};
pub use super::rng::Rng;
pub use super::types::*;

use super::account::Account;
use super::book::{Book, Orders};
use super::latency::Faults;

/// What is configurable about the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    pub latency: Latency,
    /// Seed of latencies and faults.
    pub seed: u64,
    /// Open orders of an account.
    pub open_orders_max: u32,
    /// Leverage of a new account on every market, and the most that it may ask for.
    pub leverage_max: u32,
    /// Most distance of a limit price from the mark, in permille of the mark.
    pub price_band_permille: u32,
    /// Shortest time between two [`Notice::Bbo`] of a market; they are sent at its multiples.
    /// Zero: at every change.
    pub bbo_every: Nanos,
    /// The same of [`Notice::Book`].
    pub book_every: Nanos,
    /// Closed orders and fills that are kept for each account (the venue answers with 2000).
    pub history: usize,
    /// The smallest size and notional of a market hold for IOC orders too.
    pub takers_have_minimum: bool,
}

impl Default for Rules {
    /// The venue's rules with [`Latency::DEMO`]; books every 540 ms as recorded in 2025-09.
    fn default() -> Rules {
        Rules {
            latency: Latency::DEMO,
            seed: 1,
            open_orders_max: 1000,
            leverage_max: 20,
            price_band_permille: 800,
            bbo_every: Nanos::from_millis(70),
            book_every: Nanos::from_millis(540),
            history: 2000,
            takers_have_minimum: true,
        }
    }
}

impl Rules {
    /// No latency and a notice at every change: for tests and for reasoning.
    pub fn instant() -> Rules {
        Rules {
            latency: Latency::Instant,
            bbo_every: Nanos::ZERO,
            book_every: Nanos::ZERO,
            ..Rules::default()
        }
    }
}

/// One market: its rules, its book, and what of it was last published.
#[derive(Debug)]
pub(super) struct Venue {
    pub inst: Instrument,
    pub book: Book,
    pub last_trade: Option<Price>,
    mark: Option<Price>,
    bbo: Channel,
    book_channel: Channel,
    bbo_sent: Bbo,
}

/// A conflated public channel.
#[derive(Clone, Copy, Debug)]
struct Channel {
    due: Nanos,
    sent: Option<Nanos>,
}

impl Channel {
    const IDLE: Channel = Channel { due: Nanos::MAX, sent: None };

    /// The next multiple of `every`, and not the moment of the last notice again.
    fn schedule(&mut self, now: Nanos, every: Nanos) {
        if self.due != Nanos::MAX {
            return;
        }
        let mut due = now;
        if every.0 > 0 {
            due = Nanos(now.0.div_ceil(every.0).saturating_mul(every.0));
            if self.sent == Some(due) {
                due = due.after(every);
            }
        }
        self.due = due;
    }
}

/// An action on its way.
#[derive(Debug)]
struct Pending {
    due: Nanos,
    /// Inside a block: 0 neither cancels nor takes, 1 cancels, 2 may take.
    class: u8,
    seq: u64,
    account: AccountId,
    request: u64,
    entries: Vec<Request>,
}

/// A private notice on its way.
#[derive(Debug)]
struct Told {
    at: Nanos,
    seq: u64,
    notice: Notice,
}

macro_rules! ordered_by {
    ($name:ident, $($field:ident),+) => {
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.cmp(other).is_eq()
            }
        }
        impl Eq for $name {}
        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }
        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                ($(self.$field,)+).cmp(&($(other.$field,)+))
            }
        }
    };
}

ordered_by!(Pending, due, class, seq);
ordered_by!(Told, at, seq);

/// The embedded venue. See the module's head.
#[derive(Debug)]
pub struct Exchange {
    pub(super) rules: Rules,
    pub(super) now: Nanos,
    pub(super) venues: Vec<Venue>,
    pub(super) orders: Orders,
    pub(super) accounts: Vec<Account>,
    pub(super) faults: Faults,
    pub(super) trades: u64,
    /// Fees and the dust of rounding: with all accounts' cash it sums up to the deposits.
    pub(super) collected: i128,
    deposited: i128,
    pending: BinaryHeap<Reverse<Pending>>,
    spare: Vec<Vec<Request>>,
    public: VecDeque<(Nanos, u64, Notice)>,
    private: BinaryHeap<Reverse<Told>>,
    seq: u64,
    rng: Rng,
    publish_at: Nanos,
    dead_man_at: Nanos,
}

impl Exchange {
    /// Markets by their place: `instruments[i].id` is `InstId(i)`.
    ///
    /// # Panics
    /// When an instrument is not at its place.
    pub fn new(instruments: Vec<Instrument>, rules: Rules) -> Exchange {
        let leverage = vec![rules.leverage_max; instruments.len()];
        let mut venues = Vec::with_capacity(instruments.len());
        for (i, inst) in instruments.into_iter().enumerate() {
            assert_eq!(usize::from(inst.id.0), i, "instruments are in the order of their ids");
            venues.push(Venue {
                inst,
                book: Book::with_capacity(1024),
                last_trade: None,
                mark: None,
                bbo: Channel::IDLE,
                book_channel: Channel::IDLE,
                bbo_sent: Bbo::default(),
            });
        }
        Exchange {
            rules,
            now: Nanos::ZERO,
            venues,
            orders: Orders::with_capacity(1 << 14),
            accounts: vec![Account::new(Notional::ZERO, &leverage, 0)],
            faults: Faults::new(rules.seed),
            trades: 0,
            collected: 0,
            deposited: 0,
            pending: BinaryHeap::with_capacity(1024),
            spare: Vec::with_capacity(64),
            public: VecDeque::with_capacity(4096),
            private: BinaryHeap::with_capacity(1024),
            seq: 0,
            rng: Rng::new(rules.seed),
            publish_at: Nanos::MAX,
            dead_man_at: Nanos::MAX,
        }
    }

    /// Opens an account with this much cash (raw 10^-16 quote) and no position.
    pub fn open_account(&mut self, cash: Notional) -> AccountId {
        let leverage = vec![self.rules.leverage_max; self.venues.len()];
        self.accounts.push(Account::new(cash, &leverage, self.rules.history));
        self.deposited += cash.0;
        AccountId(self.accounts.len() as u32 - 1)
    }

    /// The exchange's time: of the last `advance`, or of what is happening now.
    pub fn now(&self) -> Nanos {
        self.now
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Changes the latency of actions that leave from now on.
    pub fn set_latency(&mut self, latency: Latency) {
        self.rules.latency = latency;
    }

    /// Adds a fault to inject; rules are tried in the order in which they were added.
    pub fn add_fault(&mut self, rule: FaultRule) {
        self.faults.add(rule);
    }

    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// Sends an action of an account: it leaves at `now` and is executed by a later
    /// [`Exchange::advance`]. `request` comes back in its [`Notice::Response`]s. A `now` before
    /// the exchange's time counts as the exchange's time. An empty action is not answered.
    ///
    /// # Panics
    /// When the account does not exist, or is the crowd.
    pub fn submit(&mut self, now: Nanos, account: AccountId, request: u64, entries: &[Request]) {
        assert!(account != CROWD && (account.0 as usize) < self.accounts.len(), "no such account");
        if entries.is_empty() {
            return;
        }
        let takes = entries.iter().any(|e| match e {
            Request::Place(order) | Request::Modify { order, .. } => order.tif != Tif::Alo,
            _ => false,
        });
        let cancels =
            entries.iter().any(|e| matches!(e, Request::Cancel { .. } | Request::CancelAll));
        let class = if takes { 2 } else { u8::from(cancels) };
        let mut due = self.rules.latency.due(now.max(self.now), takes, &mut self.rng);
        match self
            .faults
            .strike(account, None, |f| matches!(f, Fault::DropAction | Fault::Delay(_)))
        {
            Some(Fault::DropAction) => return,
            Some(Fault::Delay(late)) => due = due.after(late),
            _ => {}
        }
        let mut list = self.spare.pop().unwrap_or_default();
        list.extend_from_slice(entries);
        self.seq += 1;
        let seq = self.seq;
        self.pending.push(Reverse(Pending { due, class, seq, account, request, entries: list }));
    }

    /// Does everything that is due until `now` (inclusive), in the order of its time: actions
    /// first, then dead-man switches, then public channels. Time never goes back.
    pub fn advance(&mut self, now: Nanos) {
        loop {
            let action = self.pending.peek().map_or(Nanos::MAX, |p| p.0.due);
            let at = action.min(self.dead_man_at).min(self.publish_at);
            if at > now || at == Nanos::MAX {
                break;
            }
            self.now = self.now.max(at);
            if action == at {
                let Some(Reverse(mut action)) = self.pending.pop() else { break };
                self.execute(action.account, action.request, &action.entries);
                action.entries.clear();
                self.spare.push(action.entries);
            } else if self.dead_man_at == at {
                self.dead_man(at);
            } else {
                self.publish(at);
            }
        }
        self.now = self.now.max(now);
    }

    /// When [`Exchange::advance`] or [`Exchange::poll`] has something to do next.
    pub fn next_at(&self) -> Option<Nanos> {
        let action = self.pending.peek().map_or(Nanos::MAX, |p| p.0.due);
        let private = self.private.peek().map_or(Nanos::MAX, |t| t.0.at);
        let public = self.public.front().map_or(Nanos::MAX, |p| p.0);
        let at = action.min(private).min(public).min(self.dead_man_at).min(self.publish_at);
        (at != Nanos::MAX).then_some(at)
    }

    /// The next notice that is due at `now`, with the time at which it was sent (public) or
    /// arrived (private).
    pub fn poll(&mut self, now: Nanos) -> Option<(Nanos, Notice)> {
        let private = self.private.peek().map(|t| (t.0.at, t.0.seq));
        let public = self.public.front().map(|p| (p.0, p.1));
        let take_private = match (private, public) {
            (Some(a), Some(b)) => a < b,
            (a, _) => a.is_some(),
        };
        if take_private {
            private.filter(|t| t.0 <= now)?;
            self.private.pop().map(|t| (t.0.at, t.0.notice))
        } else {
            public.filter(|t| t.0 <= now)?;
            self.public.pop_front().map(|t| (t.0, t.2))
        }
    }

    // -- public state ----------------------------------------------------------------------------

    pub fn instruments(&self) -> impl Iterator<Item = &Instrument> {
        self.venues.iter().map(|v| &v.inst)
    }

    /// `None` when there is no such market.
    pub fn instrument(&self, inst: InstId) -> Option<&Instrument> {
        self.venues.get(usize::from(inst.0)).map(|v| &v.inst)
    }

    /// Up to `n` aggregated levels of a side, from the best outwards.
    ///
    /// # Panics
    /// When there is no such market.
    pub fn levels(&self, inst: InstId, side: Side, n: usize) -> impl Iterator<Item = BookLevel> {
        self.venue(inst).book.levels(side).take(n)
    }

    /// # Panics
    /// When there is no such market.
    pub fn bbo(&self, inst: InstId) -> Bbo {
        let book = &self.venue(inst).book;
        Bbo { bid: book.best(Side::Buy), ask: book.best(Side::Sell) }
    }

    /// The price at which positions are valued: set by [`Exchange::set_mark`], else the mid, else
    /// the last trade; `None` before there is any.
    pub fn mark(&self, inst: InstId) -> Option<Price> {
        let venue = self.venue(inst);
        venue.mark.or_else(|| self.bbo(inst).mid()).or(venue.last_trade)
    }

    /// Fixes the mark; `None` lets it follow the mid again.
    pub fn set_mark(&mut self, inst: InstId, mark: Option<Price>) {
        self.venue_mut(inst).mark = mark;
    }

    pub fn last_trade(&self, inst: InstId) -> Option<Price> {
        self.venue(inst).last_trade
    }

    // -- an account's state: what REST would answer at the exchange's time -----------------------

    pub fn accounts(&self) -> impl Iterator<Item = AccountId> {
        (0..self.accounts.len() as u32).map(AccountId)
    }

    pub fn position(&self, account: AccountId, inst: InstId) -> Position {
        self.account(account).holdings[usize::from(inst.0)].position
    }

    pub fn leverage(&self, account: AccountId, inst: InstId) -> u32 {
        self.account(account).holdings[usize::from(inst.0)].leverage
    }

    pub fn margin(&self, account: AccountId) -> Margin {
        self.account(account).margin(|i| self.mark_or(i, Price::ZERO), None)
    }

    /// Open orders in the order of their oids.
    pub fn open_orders(&self, account: AccountId) -> impl Iterator<Item = OrderView> {
        let live = |oid: &u64| {
            let order = self.orders.get(*oid).expect("an account's open order rests");
            order.view(OrderStatus::Open, order.placed_at)
        };
        self.account(account).open.iter().map(live)
    }

    /// An order, open or among the newest closed ones; `None` when it is not known (any more).
    pub fn order_status(&self, account: AccountId, target: OrderRef) -> Option<OrderView> {
        let account = self.account(account);
        if let Some(order) = account.open_oid(target).and_then(|oid| self.orders.get(oid)) {
            return Some(order.view(OrderStatus::Open, order.placed_at));
        }
        account.closed_order(target).copied()
    }

    /// The newest closed orders, oldest first.
    pub fn closed_orders(&self, account: AccountId) -> impl DoubleEndedIterator<Item = &OrderView> {
        self.account(account).closed_orders()
    }

    /// The newest fills, oldest first.
    pub fn fills(&self, account: AccountId) -> impl DoubleEndedIterator<Item = &Fill> {
        self.account(account).fills()
    }

    /// What the venue took: fees less rebates, and the dust of rounded funding.
    pub fn collected(&self) -> Notional {
        Notional(self.collected)
    }

    /// Deposits - cash of all accounts - collected. Zero, always: nothing is made or lost.
    pub fn imbalance(&self) -> Notional {
        let cash: i128 = self.accounts.iter().map(|a| a.cash).sum();
        Notional(self.deposited - cash - self.collected)
    }

    /// Every account pays (longs at a positive `rate`) or receives position x mark x rate, rounded
    /// against it. `false` when there is no mark yet.
    pub fn apply_funding(&mut self, inst: InstId, rate: Bps) -> bool {
        let Some(mark) = self.mark(inst) else { return false };
        for i in 0..self.accounts.len() {
            let account = AccountId(i as u32);
            let holding = &mut self.accounts[i].holdings[usize::from(inst.0)];
            let value = Notional::of(mark, holding.position.qty);
            let paid = super::account::fee(value, rate);
            if paid == 0 {
                continue;
            }
            holding.position.funding -= paid;
            self.accounts[i].cash -= Notional::from_raw(paid).0;
            self.collected += Notional::from_raw(paid).0;
            let at = self.now;
            self.tell(account, at, Notice::Funding { account, inst, amount: -paid, rate, at });
        }
        true
    }

    // -- inside ----------------------------------------------------------------------------------

    pub(super) fn venue(&self, inst: InstId) -> &Venue {
        &self.venues[usize::from(inst.0)]
    }

    pub(super) fn venue_mut(&mut self, inst: InstId) -> &mut Venue {
        &mut self.venues[usize::from(inst.0)]
    }

    fn account(&self, account: AccountId) -> &Account {
        &self.accounts[account.0 as usize]
    }

    pub(super) fn mark_or(&self, inst: usize, other: Price) -> Price {
        self.mark(InstId(inst as u16)).unwrap_or(other)
    }

    /// Queues a private notice; the crowd is told nothing.
    pub(super) fn tell(&mut self, account: AccountId, at: Nanos, notice: Notice) {
        if account == CROWD {
            return;
        }
        let owner = &mut self.accounts[account.0 as usize];
        let at = at.after(self.rules.latency.response()).max(owner.told_until);
        owner.told_until = at;
        self.seq += 1;
        self.private.push(Reverse(Told { at, seq: self.seq, notice }));
    }

    pub(super) fn tell_public(&mut self, notice: Notice) {
        self.seq += 1;
        self.public.push_back((self.now, self.seq, notice));
    }

    /// The book of a market changed: its channels have something to say.
    pub(super) fn touched(&mut self, inst: InstId) {
        let (now, rules) = (self.now, self.rules);
        let venue = self.venue_mut(inst);
        venue.bbo.schedule(now, rules.bbo_every);
        venue.book_channel.schedule(now, rules.book_every);
        let due = venue.bbo.due.min(venue.book_channel.due);
        self.publish_at = self.publish_at.min(due);
    }

    fn publish(&mut self, at: Nanos) {
        let mut next = Nanos::MAX;
        for i in 0..self.venues.len() {
            let inst = InstId(i as u16);
            let bbo = self.bbo(inst);
            let venue = &mut self.venues[i];
            let (mut say_bbo, mut say_book) = (false, false);
            if venue.bbo.due <= at {
                venue.bbo = Channel { due: Nanos::MAX, sent: Some(at) };
                say_bbo = venue.bbo_sent != bbo;
                venue.bbo_sent = bbo;
            }
            if venue.book_channel.due <= at {
                venue.book_channel = Channel { due: Nanos::MAX, sent: Some(at) };
                say_book = true;
            }
            next = next.min(venue.bbo.due).min(venue.book_channel.due);
            if say_bbo {
                self.tell_public(Notice::Bbo { inst, bbo, at });
            }
            if say_book {
                self.tell_public(Notice::Book { inst, at });
            }
        }
        self.publish_at = next;
    }

    pub(super) fn schedule_dead_man(&mut self, account: AccountId, at: Option<Nanos>) {
        self.accounts[account.0 as usize].dead_man = at;
        self.dead_man_at =
            self.accounts.iter().filter_map(|a| a.dead_man).min().unwrap_or(Nanos::MAX);
    }

    fn dead_man(&mut self, at: Nanos) {
        for i in 0..self.accounts.len() {
            let account = AccountId(i as u32);
            if self.accounts[i].dead_man.is_some_and(|due| due <= at) {
                self.schedule_dead_man(account, None);
                self.cancel_all(account, OrderStatus::ScheduledCancel);
            }
        }
    }
}

/// A Hyperliquid perp by the venue's rules: five significant figures, at most `6 - sz_decimals`
/// decimals, sizes of `sz_decimals` decimals, at least 10 quote, fees of the base tier (taker
/// 4.5 bps, maker 1.5 bps; docs, "Fees").
pub fn hyperliquid_perp(
    id: InstId,
    symbol: Symbol,
    asset: u32,
    sz_decimals: u32,
) -> Result<Instrument, SpecError> {
    let max_decimals = 6u32.checked_sub(sz_decimals).ok_or(SpecError::GridOutOfScale)?;
    let spec = InstrumentSpec {
        venue: VenueId::Hyperliquid,
        symbol,
        asset,
        grid: GridSpec::SigFigs { figures: 5, max_decimals },
        lot: Qty(SCALE / 10i64.pow(sz_decimals)),
        min_size: Qty::ZERO,
        min_notional: Notional::from_raw(10 * SCALE),
        maker_fee: Bps(15_000),
        taker_fee: Bps(45_000),
    };
    Instrument::new(id, spec)
}

/// A plain order, for tests and drivers.
pub fn order(inst: InstId, side: Side, px: Price, qty: Qty, tif: Tif) -> NewOrder {
    NewOrder { inst, side, px, qty, tif, reduce_only: false, cloid: None }
}
