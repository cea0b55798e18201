//! Hot. The core: a pure function of a numbered log.
//!
//! [`Core::apply`] takes one input and writes what follows from it to [`Outputs`]. The same inputs
//! in the same order give the same actions, notes and hash on any machine. It has no clock (time is
//! in the input), no I/O, no float, no map of random order, and allocates nothing after `new`.
//!
//! Inputs change state; [`Event::Decide`] alone makes new orders. Only what protects us acts at
//! once: a torn book pulls its quotes, and a quote that the new book has made stale is cancelled by
//! the very event that did it.

mod account;
mod budget;
mod decide;
mod fast;
mod hedge;
mod ladder;
mod pair;
mod quote;
mod standing;
mod state;

pub use pair::{PairConfig, PairSnapshot};
pub use standing::StandingParams;
pub use state::{InstSnapshot, Valued};
pub(crate) use state::{InstState, Mismatch, Said};

use crate::book::Applied;
use crate::event::{
    Action, Command, Component, Event, GapReason, Input, Link, OrderId, RejectReason, Stamp, Tif,
};
use crate::explain::{Alarm, Note};
use crate::instrument::{InstId, Instrument, InstrumentSpec, SpecError};
use crate::orders::OrderState;
use crate::risk::{Approved, InstLimits, Limits, RefusalCounts, Risk};
use crate::strategy::exposure::HedgeFor;
use crate::strategy::hedge_exec::HedgeParams;
use crate::strategy::ladder_quote::LadderParams;
use crate::strategy::lead::{LeadParams, LeadState};
use crate::strategy::maker::{MakerParams, Silence};
use crate::strategy::requote::RequoteParams;
use crate::strategy::signal::SignalParams;
use crate::units::{Bps, Nanos, Notional, StateHasher};

/// Inputs between two journaled state hashes.
pub const HASH_EVERY: u64 = 1 << 16;
/// Pause before a cancel is repeated that the venue refused; doubled up to 32 times.
const CANCEL_RETRY: Nanos = Nanos::from_millis(50);

/// Everything that makes one instrument trade.
#[derive(Clone, Debug, PartialEq)]
pub struct InstConfig {
    pub spec: InstrumentSpec,
    pub limits: InstLimits,
    pub signals: SignalParams,
    pub requote: RequoteParams,
    /// A market is quoted by a maker or by a ladder, not by both: the ladder then has none.
    pub maker: Option<MakerParams>,
    pub ladder: Option<LadderParams>,
    pub hedger: Option<HedgeParams>,
    /// The hedger answers for another market's inventory and what is held here, in units of this
    /// market: nothing else trades on it.
    pub hedge_for: Option<HedgeFor>,
    /// Another market whose moves the maker's reservation price follows.
    pub lead: Option<LeadParams>,
    /// A book without an update for this long is not quoted on.
    pub stale: Nanos,
    /// A resting quote with less edge than this against the microprice is pulled at once.
    pub fast_cancel_edge: Bps,
    /// A resting quote with less edge than this against a fill of its own side is pulled at once.
    pub own_fill_edge: Bps,
    /// An order or cancel without an answer for this long is unknown, and asked about.
    pub answer_timeout: Nanos,
    /// Window of the realized PnL that the guard watches.
    pub pnl_window: Nanos,
}

impl InstConfig {
    /// Guards, filters and tables of whatever quotes this market.
    #[inline]
    pub fn quoting(&self) -> Option<&MakerParams> {
        self.maker.as_ref().or(self.ladder.as_ref().map(|l| &l.shared))
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct CoreConfig {
    pub limits: Limits,
    pub instruments: Vec<InstConfig>,
    /// Each on two instruments of its own.
    pub pairs: Vec<PairConfig>,
    /// `Command::Stop` brings inventory to zero, as `Command::Flatten` does.
    pub flatten_on_stop: bool,
    pub standing: StandingParams,
}

/// What follows from one input. Cleared by the caller between inputs.
#[derive(Debug, Default)]
pub struct Outputs {
    /// Each with the stamp of the bytes that caused it.
    pub actions: Vec<(Approved<Action>, Stamp)>,
    pub notes: Vec<Note>,
}

impl Outputs {
    /// Room for what one input can cause at most: every order cancelled, and notes for it.
    pub fn for_instruments(count: usize) -> Outputs {
        let most = count * (crate::orders::ORDERS_MAX + 16) + 16;
        Outputs { actions: Vec::with_capacity(most), notes: Vec::with_capacity(most) }
    }

    pub fn clear(&mut self) {
        self.actions.clear();
        self.notes.clear();
    }
}

/// Length of [`Counts::silences`]: at zero are the quotes that were none.
pub const SILENCES: usize = Silence::ALL.len() + 1;

/// Whether the core may trade, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Killed, stopped, or a loss limit was broken.
    pub halted: bool,
    /// The orders link is up and the account is known.
    pub ready: bool,
    /// Components of instruments that stopped after rejects in a row.
    pub breakers_open: u64,
}

/// Counters of what the core saw and did. All of it is deterministic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub inputs: u64,
    pub decisions: u64,
    pub books: u64,
    pub trades: u64,
    /// Of these, `modifies_sent` took the place of another one.
    pub orders_sent: u64,
    pub modifies_sent: u64,
    pub cancels_sent: u64,
    pub fast_cancels: u64,
    pub queries: u64,
    pub fills: u64,
    pub hedge_fills: u64,
    pub old_updates: u64,
    pub gaps: [u64; GapReason::COUNT],
    pub rejects: [u64; RejectReason::COUNT],
    pub alarms: [u64; Alarm::ALL.len()],
    pub silences: [u64; SILENCES],
    /// Events that name an instrument or order that there is not.
    pub unroutable: u64,
    /// Events that can't be true: a fill of nothing, an answer that no state of its order allows.
    pub nonsense: u64,
    /// Positions that were brought to the venue's.
    pub adopted: u64,
    /// Times that a ladder's side began to put its whole capacity on one level, and times that it
    /// found every level below its floor.
    pub ladder_concentrated: u64,
    pub ladder_filtered: u64,
    /// What decisions with a view of the market made of its lead.
    pub leads: [u64; LeadState::ALL.len()],
}

impl Default for Counts {
    fn default() -> Self {
        Counts {
            inputs: 0,
            decisions: 0,
            books: 0,
            trades: 0,
            orders_sent: 0,
            modifies_sent: 0,
            cancels_sent: 0,
            fast_cancels: 0,
            queries: 0,
            fills: 0,
            hedge_fills: 0,
            old_updates: 0,
            gaps: [0; GapReason::COUNT],
            rejects: [0; RejectReason::COUNT],
            alarms: [0; Alarm::ALL.len()],
            silences: [0; SILENCES],
            unroutable: 0,
            nonsense: 0,
            adopted: 0,
            ladder_concentrated: 0,
            ladder_filtered: 0,
            leads: [0; LeadState::ALL.len()],
        }
    }
}

#[derive(Debug)]
pub struct Core {
    now: Nanos,
    pub(crate) insts: Box<[InstState]>,
    pairs: Box<[pair::PairState]>,
    pub(crate) risk: Risk,
    next_order: u64,
    counts: Counts,
    /// The orders link is up and what rests at the venue is known.
    orders_up: bool,
    reconciled: bool,
    /// The first reconciliation is over: a position report is no opening position any more.
    opened: bool,
    flatten_on_stop: bool,
    /// Sum of all instruments' totals.
    total: i128,
    /// What the venue last said that the account is worth.
    equity: Option<Notional>,
    /// When to decide on an instrument although nothing happens; `Nanos::MAX` for never.
    wakes: Box<[Nanos]>,
    next_wake: Nanos,
    /// Each lead with a market that follows it.
    leads: Box<[(InstId, InstId)]>,
    /// Instruments to decide on, in the order in which something happened to them.
    dirty: Vec<InstId>,
    standing: standing::Standing,
}

impl Core {
    pub fn new(config: &CoreConfig) -> Result<Core, SpecError> {
        let mut insts = Vec::with_capacity(config.instruments.len());
        for (i, inst) in config.instruments.iter().enumerate() {
            let instrument = Instrument::new(InstId(i as u16), inst.spec)?;
            insts.push(InstState::new(instrument, inst, &config.standing)?);
        }
        hedge::tie(&mut insts);
        let leads = (0..).zip(&config.instruments);
        let leads = leads.filter_map(|(i, c)| c.lead.map(|l| (l.inst, InstId(i)))).collect();
        let pairs = config.pairs.iter().map(|p| pair::PairState::new(p, &insts)).collect();
        Ok(Core {
            now: Nanos::ZERO,
            pairs,
            leads,
            risk: Risk::new(config.limits, insts.len()),
            insts: insts.into_boxed_slice(),
            next_order: 1,
            counts: Counts::default(),
            orders_up: false,
            reconciled: false,
            opened: false,
            flatten_on_stop: config.flatten_on_stop,
            total: 0,
            equity: None,
            wakes: vec![Nanos::MAX; config.instruments.len()].into_boxed_slice(),
            next_wake: Nanos::MAX,
            // Within a decision a position can touch the market that hedges it, and a loss limit all.
            dirty: Vec::with_capacity(3 * config.instruments.len() + 1),
            standing: standing::Standing::new(config.standing),
        })
    }

    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    pub fn refusals(&self) -> &RefusalCounts {
        self.risk.refusals()
    }

    pub fn standing(&self) -> Standing {
        let open = |i: usize| {
            let inst = InstId(i as u16);
            Component::ALL.iter().filter(|c| self.risk.breaker_open(inst, **c)).count() as u64
        };
        Standing {
            halted: self.risk.is_killed(),
            ready: self.account_ready(),
            breakers_open: (0..self.insts.len()).map(open).sum(),
        }
    }

    pub fn is_halted(&self) -> bool {
        self.risk.is_killed()
    }

    /// Positions are known, and zero or unexecutable, and nothing is open: a stop is complete.
    pub fn is_flat_and_quiet(&self) -> bool {
        let quiet = |i: &InstState| i.orders.is_empty() && !i.unwinding && i.mismatch.is_none();
        self.insts.iter().all(quiet)
    }

    /// Has anything happened since the last decision, or has a timer come?
    #[inline]
    pub fn wants_decision(&self, now: Nanos) -> bool {
        !self.dirty.is_empty() || now >= self.next_wake
    }

    /// When the core wants a `Decide` although nothing happens.
    #[inline]
    pub fn wake_at(&self) -> Nanos {
        self.next_wake
    }

    /// Applies one input. `out` is not cleared here.
    pub fn apply(&mut self, input: &Input, out: &mut Outputs) {
        assert!(input.now >= self.now, "the log's time never goes back");
        self.now = input.now;
        self.counts.inputs += 1;
        match input.event {
            Event::Decide { .. } => self.decide(out),
            Event::Levels { inst, side, start, count, levels } => {
                if let Some(state) = self.insts.get_mut(usize::from(inst.0)) {
                    state.book.stage(side, start, &levels, count);
                } else {
                    self.counts.unroutable += 1;
                }
            }
            Event::BookEnd { inst, bids, asks, exch_ms, recv, .. } => {
                let now = self.now;
                self.compare_clocks(inst, exch_ms, out);
                self.market(inst, recv, out, |s| s.book.end(bids, asks, exch_ms, now));
            }
            Event::Bbo { inst, bid, ask, exch_ms, recv, .. } => {
                let now = self.now;
                self.compare_clocks(inst, exch_ms, out);
                self.market(inst, recv, out, |s| s.book.bbo(bid, ask, exch_ms, now));
            }
            Event::Gap { inst, reason, recv } => {
                self.market(inst, recv, out, |s| s.book.tear(reason))
            }
            Event::Trade { .. } => self.counts.trades += 1,
            Event::Context { inst, mark, oracle, funding, .. } => {
                if let Some(state) = self.insts.get_mut(usize::from(inst.0)) {
                    state.valued = Valued { mark, oracle, funding };
                }
            }
            Event::Command { command } => self.command(command, out),
            Event::LinkDown { link: Link::Market, recv } => {
                for i in 0..self.insts.len() {
                    let inst = InstId(i as u16);
                    let gap = GapReason::Disconnected;
                    self.market(inst, recv, out, |s| s.book.tear(gap));
                }
                self.alarm(InstId(0), Alarm::LinkDown, OrderId::EXTERNAL, out);
            }
            Event::LinkUp { link: Link::Market, .. } => {}
            Event::ClockJump { .. } => self.clock_jumped(None, out),
            Event::NotSet { setting, .. } => self.not_set(setting, out),
            account => self.account(account, out),
        }
        if self.counts.inputs.is_multiple_of(HASH_EVERY) {
            out.notes.push(Note::Hash { inputs: self.counts.inputs, hash: self.hash() });
        }
    }

    /// Marks an instrument for the next decision. Its cause is the first stamp since the last one:
    /// the latency that is measured is that of the bytes that waited longest.
    #[inline]
    fn touch(&mut self, inst: InstId, cause: Stamp) {
        let state = &mut self.insts[usize::from(inst.0)];
        if !state.dirty {
            state.dirty = true;
            self.dirty.push(inst);
        }
        if state.cause == Stamp(0) {
            state.cause = cause;
        }
    }

    fn touch_all(&mut self) {
        for i in 0..self.insts.len() {
            self.touch(InstId(i as u16), Stamp(0));
        }
    }

    /// A book update of one instrument and what must follow from it at once.
    #[inline]
    fn market(
        &mut self,
        inst: InstId,
        recv: Stamp,
        out: &mut Outputs,
        update: impl FnOnce(&mut InstState) -> Applied,
    ) {
        let now = self.now;
        let Some(state) = self.insts.get_mut(usize::from(inst.0)) else {
            self.counts.unroutable += 1;
            return;
        };
        match update(state) {
            Applied::Changed => {
                self.counts.books += 1;
                if let Some(top) = state.book.top() {
                    state.signals.update(now, top);
                    if state.lead.is_some() {
                        self.read_lead(inst);
                    }
                    self.fast_cancel(inst, recv, out);
                }
                self.touch(inst, recv);
                if !self.leads.is_empty() {
                    self.lead_moved(inst, recv, out);
                }
            }
            Applied::Old => self.counts.old_updates += 1,
            Applied::NotReady => {}
            Applied::Tore(reason) => self.tore(inst, reason, recv, out),
        }
    }

    #[cold]
    fn tore(&mut self, inst: InstId, reason: GapReason, recv: Stamp, out: &mut Outputs) {
        self.counts.gaps[reason as usize] += 1;
        self.insts[usize::from(inst.0)].signals.interrupt();
        self.touch(inst, recv);
        self.read_lead(inst);
        self.lead_moved(inst, recv, out);
        // Everything that rests was priced off a book that we don't have any more. The hedger's
        // order goes too: what it does next it decides on the next book.
        self.pull(inst, recv, out, |o| o.tif != Tif::Ioc);
        if reason != GapReason::Disconnected {
            self.ask_snapshot(inst, recv, out);
        }
    }

    /// Asks feed for a fresh snapshot, not oftener than an answer may take. Returns when it may be
    /// asked for again.
    fn ask_snapshot(&mut self, inst: InstId, recv: Stamp, out: &mut Outputs) -> Nanos {
        let now = self.now;
        let state = &mut self.insts[usize::from(inst.0)];
        let again = state.asked_snapshot.after(state.config.answer_timeout);
        if state.asked_snapshot != Nanos::ZERO && now < again {
            return again;
        }
        state.asked_snapshot = now;
        let next = now.after(state.config.answer_timeout);
        out.actions.push((self.risk.pass(Action::Resnapshot { inst }, now), recv));
        next
    }

    /// Cancels the open orders of an instrument that `which` picks.
    fn pull(
        &mut self,
        inst: InstId,
        cause: Stamp,
        out: &mut Outputs,
        which: impl Fn(&crate::orders::Order) -> bool,
    ) {
        let state = &mut self.insts[usize::from(inst.0)];
        let mut later = Nanos::MAX;
        for order in state.orders.iter_mut() {
            // An order in flight is cancelled too: the cancel names our id, not the venue's.
            let pullable = matches!(order.state, OrderState::Live | OrderState::New);
            if !pullable || !which(order) {
                continue;
            }
            // The venue has refused to cancel it: not again at once, and each time more slowly.
            if order.asks > 0 {
                let pause = Nanos(CANCEL_RETRY.0 << (order.asks - 1).min(5));
                let ripe = order.asked.after(pause);
                if self.now < ripe {
                    later = later.min(ripe);
                    continue;
                }
            }
            order.state = OrderState::Canceling;
            order.asked = self.now;
            self.counts.cancels_sent += 1;
            let cancel = Action::Cancel { inst, component: order.component, order: order.id };
            out.actions.push((self.risk.pass(cancel, self.now), cause));
        }
        if later != Nanos::MAX {
            self.wake(inst, later);
        }
    }

    /// Cancels whatever may be at the venue, also what nobody knows the fate of.
    fn pull_all(&mut self, inst: InstId, out: &mut Outputs) {
        self.pull(inst, Stamp(0), out, |_| true);
        for order in self.insts[usize::from(inst.0)].orders.iter() {
            if order.state == OrderState::Unknown && !order.closing {
                self.counts.cancels_sent += 1;
                let cancel = Action::Cancel { inst, component: order.component, order: order.id };
                out.actions.push((self.risk.pass(cancel, self.now), Stamp(0)));
            }
        }
    }

    fn command(&mut self, command: Command, out: &mut Outputs) {
        self.risk.command(command);
        let unwind = match command {
            Command::Flatten => true,
            Command::Stop => self.flatten_on_stop,
            Command::Kill | Command::Resume => false,
        };
        for i in 0..self.insts.len() {
            let inst = InstId(i as u16);
            if command != Command::Resume {
                self.pull_all(inst, out);
            }
            let state = &mut self.insts[i];
            state.unwinding = unwind;
            state.unwind_after = Nanos::ZERO;
            state.make_way = None;
            state.hedger.halt();
            self.touch(inst, Stamp(0));
        }
        if matches!(command, Command::Kill | Command::Flatten) {
            // Also what nobody here knows of. (What unwinds never rests.)
            out.actions.push((self.risk.pass(Action::CancelAll, self.now), Stamp(0)));
        }
        if command == Command::Kill {
            self.alarm(InstId(0), Alarm::Killed, OrderId::EXTERNAL, out);
        }
    }

    #[cold]
    pub(crate) fn alarm(&mut self, inst: InstId, alarm: Alarm, order: OrderId, out: &mut Outputs) {
        self.counts.alarms[alarm as usize] += 1;
        out.notes.push(Note::Alarm { inst, alarm, order });
    }

    /// A copy of one instrument's state for people. Looking changes nothing: the hash is the log's.
    pub fn snapshot(&self, inst: InstId) -> InstSnapshot {
        let now = self.now;
        let state = &self.insts[usize::from(inst.0)];
        let reading = state.signals.read(now);
        let top = state.book.top();
        let mid2 = state.marked_mid2();
        let (maker_volume, taker_volume) = state.ledger.volume();
        InstSnapshot {
            inst,
            top,
            position: state.ledger.position(),
            max_abs_position: state.max_abs_position,
            fills: state.ledger.fills(),
            volatility: reading.volatility,
            trend: reading.trend,
            maker: state.maker,
            hedger: state.hedger,
            realized: state.ledger.realized(),
            pnl: state.ledger.split(mid2),
            maker_volume,
            taker_volume,
            open_orders: state.orders.len(),
            quality: state.quality.report(),
            valued: state.valued,
        }
    }

    /// The open orders of an instrument, oldest first: what may be at the venue, as far as is known.
    pub fn open_orders(&self, inst: InstId) -> impl Iterator<Item = &crate::orders::Order> {
        self.insts[usize::from(inst.0)].orders.iter()
    }

    pub fn ledger(&self, inst: InstId) -> &crate::ledger::Ledger {
        &self.insts[usize::from(inst.0)].ledger
    }

    pub fn book(&self, inst: InstId) -> &crate::book::Book {
        &self.insts[usize::from(inst.0)].book
    }

    /// A 64-bit digest of the whole state.
    pub fn hash(&self) -> u64 {
        let mut h = StateHasher::default();
        h.word(self.now.0);
        h.word(self.counts.inputs);
        h.word(self.counts.decisions);
        h.word(self.next_order);
        h.word(u64::from(self.orders_up) << 1 | u64::from(self.reconciled));
        h.wide(self.total);
        h.wide(self.equity.map_or(-1, |e| e.0));
        self.risk.digest(&mut h);
        self.standing.digest(&mut h);
        for state in &self.insts {
            state.watch.digest(&mut h);
            state.quantizer.digest(&mut h);
            state.book.digest(&mut h);
            state.signals.digest(&mut h);
            state.orders.digest(&mut h);
            state.ledger.digest(&mut h);
            state.maker.digest(&mut h);
            if let Some(ladder) = &state.ladder {
                ladder.digest(&mut h);
            }
            state.hedger.digest(&mut h);
            if let Some(lead) = &state.lead {
                lead.digest(&mut h);
            }
            state.quality.digest(&mut h);
            h.word(u64::from(state.unwinding) << 1 | u64::from(state.dirty));
            h.word(state.mismatch.map_or(0, |m| m.since.0 + 1));
            h.word(state.maker_pause[0].0 ^ state.maker_pause[1].0.rotate_left(32));
            for back_off in state.back_off.as_flattened() {
                h.word(back_off.0);
            }
        }
        for pair in &self.pairs {
            pair.digest(&mut h);
        }
        for wake in &self.wakes {
            h.word(wake.0);
        }
        h.finish()
    }
}
