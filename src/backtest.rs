//! Cold. Backtest: the core against the embedded exchange in virtual time, without a socket, a
//! thread or a clock.
//!
//! What a session does over sockets happens here in one loop: the next moment at which anything is
//! due (the market, an action that arrives, an answer, a timer of the core) is found, everything of
//! that moment is applied as inputs, then the core decides once, and its actions travel back into
//! the exchange with the exchange's own latency. Nothing else enters, so the same seeds and the same
//! configuration give the same log: fills, profit and state hash, bit for bit.
//!
//! Cancels and posts of one moment leave as one action each, in the core's order. Public data has
//! no latency of its own (the exchange's conflation holds); questions are answered after
//! [`Setup::ask_latency`].

mod report;

pub use report::{BacktestReport, InstReport, LadderReport};

use crate::core::{Core, CoreConfig, InstConfig, Outputs};
use crate::event::{
    Action, CancelReason, Command, Event, Input, LEVELS_PER_EVENT, Level, Link, OrderId, Stamp,
    VenueOrderState,
};
use crate::explain::Note;
use crate::instrument::{InstId, InstrumentSpec, Quantizer, SpecError, VenueId};
use crate::proved::at_run_time;
use crate::sim::exchange::{
    AccountId, BookLevel, Exchange, Fill, Market, NewOrder, Notice, OrderRef, OrderStatus,
    OrderView, Outcome, Reject, Request,
};
use crate::strategy::maker::Silence;
use crate::units::{Nanos, Price, Qty, Side};
use crate::venue::build;
use std::collections::{BTreeMap, VecDeque};

/// Levels of a side in a book message, as at the venue.
const DEPTH: usize = 20;

/// What a backtest is made of, besides the core's configuration.
pub struct Setup {
    pub exchange: Exchange,
    pub market: Box<dyn Market + Send>,
    /// Whose orders the core's are; opened on `exchange`.
    pub account: AccountId,
    /// From the question what became of an order, or where the account stands, to its answer.
    pub ask_latency: Nanos,
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setup").field("account", &self.account).finish_non_exhaustive()
    }
}

/// A question to the venue on its way.
#[derive(Clone, Copy, Debug)]
enum Ask {
    Fate(OrderId),
    /// Positions, and that the account's state is known.
    Account,
    Rules(InstId),
    /// A fresh snapshot of a torn book.
    Book(InstId),
    /// A proof that is made, on its way.
    Proof(Event),
}

/// A running backtest. See the module's head.
pub struct Backtest {
    core: Core,
    out: Outputs,
    exchange: Exchange,
    market: Box<dyn Market + Send>,
    account: AccountId,
    ask_latency: Nanos,
    now: Nanos,
    /// What each action without an answer asked for, by its request number.
    sent: BTreeMap<u64, Action>,
    next_request: u64,
    /// Questions in the order of their answers: all have the same latency.
    asks: VecDeque<(Nanos, Ask)>,
    doors: Vec<Quantizer>,
    insts: Vec<InstReport>,
    illegal: u64,
    /// What a pair said of its cycles.
    pair_notes: Vec<Note>,
    /// What is proved anew, and over which part of the price.
    settings: Vec<InstConfig>,
    proof_permille: i64,
}

impl std::fmt::Debug for Backtest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backtest").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Backtest {
    /// Both links come up and the account is read at the exchange's time.
    ///
    /// # Panics
    /// When the exchange has fewer markets than the core.
    pub fn new(config: &CoreConfig, setup: Setup) -> Result<Backtest, SpecError> {
        let Setup { exchange, market, account, ask_latency } = setup;
        let count = config.instruments.len();
        assert!(exchange.instruments().count() >= count, "a market of the core is not there");
        let core = Core::new(config)?;
        // The venue's own rules judge what is sent, not the core's idea of them.
        let doors: Vec<_> =
            exchange.instruments().take(count).map(|i| Quantizer::new(i.clone())).collect();
        let now = exchange.now();
        let mut test = Backtest {
            core,
            out: Outputs::for_instruments(count),
            exchange,
            market,
            account,
            ask_latency,
            now,
            sent: BTreeMap::new(),
            next_request: 1,
            asks: VecDeque::new(),
            doors,
            insts: config.instruments.iter().map(InstReport::new).collect(),
            illegal: 0,
            pair_notes: Vec::new(),
            settings: config.instruments.clone(),
            proof_permille: config.standing.proof_permille,
        };
        let recv = test.stamp();
        test.apply(Event::LinkUp { link: Link::Market, recv });
        test.apply(Event::LinkUp { link: Link::Orders, recv });
        test.tell_account();
        Ok(test)
    }

    pub fn now(&self) -> Nanos {
        self.now
    }

    pub fn core(&self) -> &Core {
        &self.core
    }

    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// What the pair said, in order: some ten notes a cycle.
    pub fn pair_notes(&self) -> &[Note] {
        &self.pair_notes
    }

    /// For faults and for trades of others between two runs.
    pub fn exchange_mut(&mut self) -> &mut Exchange {
        &mut self.exchange
    }

    /// A person's command, now.
    pub fn command(&mut self, command: Command) {
        self.apply(Event::Command { command });
        self.decide(1);
    }

    /// Plays everything that is due until `until` (inclusive).
    pub fn run(&mut self, until: Nanos) {
        while let Some(at) = self.next_at().filter(|at| *at <= until) {
            self.moment(at);
        }
        self.moment(until.max(self.now));
    }

    /// Stops as a session does, and plays on until nothing is open, at most for `patience`. `true`
    /// when that was reached.
    pub fn stop(&mut self, patience: Nanos) -> bool {
        self.command(Command::Stop);
        let end = self.now.after(patience);
        while !self.core.is_flat_and_quiet() {
            match self.next_at().filter(|at| *at <= end) {
                Some(at) => self.moment(at),
                None => break,
            }
        }
        self.core.is_flat_and_quiet()
    }

    fn next_at(&self) -> Option<Nanos> {
        let timer = Some(self.core.wake_at()).filter(|at| *at != Nanos::MAX);
        let ask = self.asks.front().map(|(at, _)| *at);
        let due = [self.exchange.next_at(), self.market.next_at(), timer, ask];
        due.into_iter().flatten().min().map(|at| at.max(self.now))
    }

    /// Everything of one moment, then one decision.
    fn moment(&mut self, at: Nanos) {
        self.spend(at);
        self.now = at;
        self.market.step(&mut self.exchange, at);
        let mut drained = 0;
        while let Some((told_at, notice)) = self.exchange.poll(at) {
            drained += 1;
            self.hear(told_at, &notice);
        }
        while let Some((_, ask)) = self.asks.front().copied().filter(|(due, _)| *due <= at) {
            self.asks.pop_front();
            drained += 1;
            self.answer(ask);
        }
        self.decide(drained);
    }

    fn decide(&mut self, drained: u32) {
        if self.core.wants_decision(self.now) {
            self.apply(Event::Decide { drained });
        }
    }

    /// The time until `at` was spent with the inventories of now.
    fn spend(&mut self, at: Nanos) {
        let span = at.since(self.now);
        if span == Nanos::ZERO {
            return;
        }
        let quoting = self.core.account_ready() && !self.core.is_halted();
        for (i, report) in self.insts.iter_mut().enumerate() {
            let state = &mut self.core.insts[i];
            let held = state.ledger.position();
            let mut silent_exit = false;
            if let (Some(side), Some(top), true) =
                (state.reducing_side(), state.book.top(), quoting)
            {
                let said = state.said[side.index()].silence;
                let executable =
                    state.quantizer.floor(top.mid()).is_some_and(|floor| held.abs() >= floor);
                silent_exit = executable && said.is_some_and(is_own);
            }
            report.spend(span, held, silent_exit);
        }
    }

    fn stamp(&self) -> Stamp {
        Stamp(self.now.0.max(1))
    }

    /// One input through the core, and what follows from it.
    fn apply(&mut self, event: Event) {
        let input = Input { now: self.now, event };
        self.core.apply(&input, &mut self.out);
        for i in 0..self.out.notes.len() {
            match self.out.notes[i] {
                Note::Markout { inst, horizon, from_fill, .. } => {
                    self.insts[usize::from(inst.0)].markout(usize::from(horizon), from_fill);
                }
                Note::Ladder { inst, how, levels, total, .. } => {
                    self.insts[usize::from(inst.0)].ladder(how, levels, total);
                }
                _ => {}
            }
        }
        self.pair_notes.extend(self.out.notes.iter().filter(|n| is_pair(n)));
        for i in 0..self.out.actions.len() {
            let action = self.out.actions[i].0.get();
            self.send(action);
        }
        self.out.clear();
    }

    // -- to the venue ----------------------------------------------------------------------------

    fn send(&mut self, action: Action) {
        match action {
            Action::Place { inst, side, tif, reduce_only, order, px, qty, component } => {
                self.judge(inst, px, qty);
                self.insts[usize::from(inst.0)].sent(component, qty);
                let cloid = Some(u128::from(order.0));
                let new = NewOrder { inst, side, px, qty, tif, reduce_only, cloid };
                self.post(action, Request::Place(new));
            }
            Action::Modify { inst, side, tif, order, old, px, qty, .. } => {
                self.judge(inst, px, qty);
                let cloid = Some(u128::from(order.0));
                let new = NewOrder { inst, side, px, qty, tif, reduce_only: false, cloid };
                let target = OrderRef::Cloid(u128::from(old.0));
                self.post(action, Request::Modify { target, order: new, always_place: false });
            }
            Action::Cancel { inst, order, .. } => {
                let target = OrderRef::Cloid(u128::from(order.0));
                self.post(action, Request::Cancel { inst, target });
            }
            Action::CancelAll => self.post(action, Request::CancelAll),
            Action::ReadAccount => {
                self.asks.push_back((self.now.after(self.ask_latency), Ask::Account));
            }
            Action::RefreshRules { inst } => {
                self.asks.push_back((self.now.after(self.ask_latency), Ask::Rules(inst)));
            }
            // A cold thread's work of microseconds: the answer is there before anything else.
            Action::Prove { inst, rules, px } if px > Price::ZERO => {
                let market = self.doors[usize::from(inst.0)].instrument();
                let settings = &self.settings[usize::from(inst.0)];
                let proof = at_run_time(market, settings, self.proof_permille, px, rules);
                self.asks.push_front((self.now, Ask::Proof(proof)));
            }
            Action::Prove { .. } => {}
            Action::Query { order, .. } => {
                self.asks.push_back((self.now.after(self.ask_latency), Ask::Fate(order)));
            }
            // Later, for what it says must not meet the outputs that are being sent.
            Action::Resnapshot { inst } => {
                self.asks.push_back((self.now.after(self.ask_latency), Ask::Book(inst)));
            }
        }
    }

    fn post(&mut self, action: Action, request: Request) {
        let number = self.next_request;
        self.next_request += 1;
        self.sent.insert(number, action);
        self.exchange.submit(self.now, self.account, number, &[request]);
    }

    /// Counts what the venue's rules forbid, before the venue says so.
    fn judge(&mut self, inst: InstId, px: Price, qty: Qty) {
        let door = &mut self.doors[usize::from(inst.0)];
        let market = door.instrument();
        let fits = market.is_on_grid(px) && market.is_whole_lots(qty);
        if !fits || door.floor(px).is_none_or(|floor| qty < floor) {
            self.illegal += 1;
        }
    }

    // -- from the venue --------------------------------------------------------------------------

    fn hear(&mut self, at: Nanos, notice: &Notice) {
        let recv = self.stamp();
        let exch_ms = at.0 / 1_000_000;
        match *notice {
            Notice::Response { account, request, outcome, .. } if account == self.account => {
                if let Some(action) = self.sent.remove(&request)
                    && let Some(event) = answer_event(&action, &outcome, recv)
                {
                    self.apply(event);
                }
            }
            Notice::Order(view) if view.account == self.account => {
                self.apply(order_event(&view, recv));
            }
            Notice::Fill(fill) if fill.account == self.account => {
                self.apply(fill_event(&fill));
            }
            Notice::Funding { account, inst, amount, .. } if account == self.account => {
                self.apply(Event::Funding { inst, amount, exch_ms });
            }
            Notice::Trade(t) => {
                let (inst, side, px, qty, id) = (t.inst, t.side, t.px, t.qty, t.tid);
                self.apply(Event::Trade { inst, side, px, qty, exch_ms, id, recv });
            }
            Notice::Bbo { inst, bbo, .. } => {
                let (bid, ask) = (level(bbo.bid), level(bbo.ask));
                self.apply(Event::Bbo { inst, decode_ns: 0, bid, ask, exch_ms, recv });
            }
            Notice::Book { inst, .. } => self.tell_book(inst, at),
            _ => {}
        }
    }

    /// A whole book, as the venue shows it now.
    fn tell_book(&mut self, inst: InstId, at: Nanos) {
        let mut counts = [0u8; 2];
        for side in Side::BOTH {
            let book: Vec<Level> =
                self.exchange.levels(inst, side, DEPTH).map(|l| level(Some(l))).collect();
            counts[side.index()] = book.len() as u8;
            for (i, part) in book.chunks(LEVELS_PER_EVENT).enumerate() {
                let mut levels = [Level::default(); LEVELS_PER_EVENT];
                levels[..part.len()].copy_from_slice(part);
                let start = (i * LEVELS_PER_EVENT) as u8;
                let count = part.len() as u8;
                self.apply(Event::Levels { inst, side, start, count, levels });
            }
        }
        let [bids, asks] = counts;
        let (exch_ms, recv) = (at.0 / 1_000_000, self.stamp());
        self.apply(Event::BookEnd { inst, bids, asks, decode_ns: 0, exch_ms, recv });
    }

    fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Account => self.tell_account(),
            Ask::Book(inst) => self.tell_book(inst, self.now),
            Ask::Rules(inst) => {
                let InstrumentSpec { grid, lot, min_size, min_notional, .. } =
                    self.doors[usize::from(inst.0)].instrument().spec;
                let (min_notional, recv) = (min_notional.to_raw(), self.stamp());
                let listed = true;
                let rules = Event::Rules { inst, listed, grid, lot, min_size, min_notional, recv };
                self.apply(rules);
            }
            Ask::Proof(event) => self.apply(event),
            Ask::Fate(order) => {
                let target = OrderRef::Cloid(u128::from(order.0));
                let view = self.exchange.order_status(self.account, target);
                let event = fate_event(order, view.as_ref(), self.stamp());
                self.apply(event);
            }
        }
    }

    fn tell_account(&mut self) {
        let recv = self.stamp();
        for i in 0..self.insts.len() {
            let inst = InstId(i as u16);
            let held = self.exchange.position(self.account, inst);
            let (qty, entry) = (held.qty, held.entry_px());
            self.apply(Event::Position { inst, qty, entry, recv });
        }
        let amount = self.exchange.margin(self.account).equity.to_raw();
        self.apply(Event::Equity { amount, recv });
        let open_orders = self.exchange.open_orders(self.account).count() as u32;
        self.apply(Event::Reconciled { open_orders, recv });
    }
}

fn is_pair(note: &Note) -> bool {
    matches!(note, Note::PairSolved { .. } | Note::PairSent { .. })
        || matches!(note, Note::PairEntered { .. })
}

/// A silence that the maker chose itself; the others are the core's protection.
fn is_own(silence: Silence) -> bool {
    matches!(
        silence,
        Silence::Asymmetric
            | Silence::TrendFilter
            | Silence::VolatilityPause
            | Silence::BelowMinimum
            | Silence::NoEdge
    )
}

fn level(level: Option<BookLevel>) -> Level {
    level.map_or(Level::default(), |l| Level { px: l.px, qty: l.qty })
}

fn order_id(cloid: Option<u128>) -> OrderId {
    cloid.and_then(|c| u64::try_from(c).ok()).map_or(OrderId::EXTERNAL, OrderId)
}

/// Whose sentences the exchange speaks.
const DIALECT: VenueId = VenueId::Hyperliquid;

/// The venue's sentence, typed as it would be from the wire.
fn reason(reject: &Reject) -> crate::event::RejectReason {
    build::reject_reason(DIALECT, reject.to_string().as_bytes())
}

fn answer_event(action: &Action, outcome: &Outcome, recv: Stamp) -> Option<Event> {
    match (*action, *outcome) {
        (Action::Place { order, .. } | Action::Modify { order, .. }, outcome) => {
            Some(match outcome {
                Outcome::Resting { oid, .. } => {
                    Event::Ack { order, venue_oid: oid, resting: true, recv }
                }
                Outcome::Filled { oid, qty, .. } => {
                    let state = VenueOrderState::Filled;
                    Event::OrderState { order, state, filled: qty, venue_oid: oid, recv }
                }
                Outcome::Done => return None,
                Outcome::Rejected(reject) => {
                    Event::Reject { order, reason: reason(&reject), code: 0, recv }
                }
            })
        }
        (Action::Cancel { order, .. }, Outcome::Done) => {
            Some(Event::Canceled { order, reason: CancelReason::ByUs, recv })
        }
        (Action::Cancel { order, .. }, Outcome::Rejected(reject)) => {
            let gone = build::cancel_gone(DIALECT, reject.to_string().as_bytes());
            Some(Event::CancelReject { order, gone, recv })
        }
        _ => None,
    }
}

fn order_event(view: &OrderView, recv: Stamp) -> Event {
    let (order, venue_oid) = (order_id(view.cloid), view.oid);
    let canceled = |reason| Event::Canceled { order, reason, recv };
    match view.status {
        OrderStatus::Open => Event::Ack { order, venue_oid, resting: true, recv },
        OrderStatus::Filled => Event::Ack { order, venue_oid, resting: false, recv },
        OrderStatus::Canceled | OrderStatus::IocCanceled => canceled(CancelReason::ByUs),
        OrderStatus::SelfTradeCanceled => canceled(CancelReason::SelfTrade),
        OrderStatus::ReduceOnlyCanceled => canceled(CancelReason::ReduceOnly),
        OrderStatus::ScheduledCancel => canceled(CancelReason::Scheduled),
        OrderStatus::Rejected(reject) => {
            Event::Reject { order, reason: reason(&reject), code: 0, recv }
        }
    }
}

fn fill_event(fill: &Fill) -> Event {
    Event::Fill {
        inst: fill.inst,
        side: fill.side,
        taker: fill.taker,
        order: order_id(fill.cloid),
        px: fill.px,
        qty: fill.qty,
        fee: fill.fee,
        trade_id: fill.tid,
        exch_ms: fill.at.0 / 1_000_000,
    }
}

fn fate_event(order: OrderId, view: Option<&OrderView>, recv: Stamp) -> Event {
    let Some(view) = view else {
        let state = VenueOrderState::NotFound;
        return Event::OrderState { order, state, filled: Qty::ZERO, venue_oid: 0, recv };
    };
    let state = match view.status {
        OrderStatus::Open => VenueOrderState::Open,
        OrderStatus::Filled => VenueOrderState::Filled,
        OrderStatus::Rejected(_) => VenueOrderState::Rejected,
        _ => VenueOrderState::Canceled,
    };
    let filled = Qty(view.qty.0 - view.left.0);
    Event::OrderState { order, state, filled, venue_oid: view.oid, recv }
}
