//! Cold. What the server says by itself: the events of one step, and the channels with a clock.
//!
//! A step's orders, fills and trades go out as one message per channel and subscriber, as the
//! venue sends those of one block.

use super::hub::Hub;
use super::info::Budget;
use super::subs::Sub;
use super::verify::{Address, address_text};
use super::wire::{self, Paid, list};
use super::{Cadence, PeerId};
use crate::instrument::InstId;
use crate::sim::exchange::{AccountId, Bbo, Fill, OrderView, Trade};
use crate::units::{Nanos, Notional, Price};

/// The events since the last step, and when the channels with a clock are due.
#[derive(Debug, Default)]
pub struct Tape {
    pub orders: Vec<OrderView>,
    pub fills: Vec<Fill>,
    pub trades: Vec<Trade>,
    pub bbos: Vec<(InstId, Bbo, Nanos)>,
    pub funding: Vec<Paid>,
    books: Timer,
    fast_books: Timer,
    contexts: Timer,
    states: Timer,
}

/// Fires at the multiples of a period; those that a step jumped over are one.
#[derive(Debug, Default)]
struct Timer {
    fired: u64,
}

impl Timer {
    fn fires(&mut self, now: Nanos, period: Nanos) -> bool {
        let n = now.0 / period.0.max(1);
        let fires = n > self.fired;
        self.fired = n;
        fires
    }
}

/// Which of the clocked channels are due in a step.
#[derive(Clone, Copy, Debug)]
struct Due {
    books: bool,
    fast_books: bool,
    contexts: bool,
    states: bool,
}

impl Tape {
    /// A tape that begins at `now`: a subscription has just got the present state.
    pub fn new(now: Nanos, cadence: &Cadence) -> Tape {
        let mut tape = Tape::default();
        tape.due(now, cadence);
        tape
    }

    fn due(&mut self, now: Nanos, cadence: &Cadence) -> Due {
        Due {
            books: self.books.fires(now, cadence.l2_book),
            fast_books: self.fast_books.fires(now, cadence.fast_l2_book),
            contexts: self.contexts.fires(now, cadence.context),
            states: self.states.fires(now, cadence.state),
        }
    }

    /// Keeps the buffers: a step of a busy market has hundreds of events.
    fn clear(&mut self) {
        self.orders.clear();
        self.fills.clear();
        self.trades.clear();
        self.bbos.clear();
        self.funding.clear();
    }
}

impl Hub {
    /// Sends what this step brought.
    pub(super) fn publish(&mut self) {
        let mut tape = std::mem::take(&mut self.tape);
        for trade in &tape.trades {
            let session = &mut self.sessions[usize::from(trade.inst.0)];
            session.volume.0 += Notional::of(trade.px, trade.qty).0;
            session.base_volume.0 = session.base_volume.0.saturating_add(trade.qty.0);
        }
        for (i, session) in self.sessions.iter_mut().enumerate() {
            if session.first_px == Price::ZERO {
                let mark = self.exchange.mark(InstId(i as u16));
                session.first_px = mark.unwrap_or(Price::ZERO);
            }
        }
        let due = tape.due(self.now, &self.config.cadence);
        let mut out = Vec::new();
        for (&peer, subs) in &self.subs {
            for sub in subs {
                self.tell(sub, &tape, due, &mut |text| out.push((peer, text)));
            }
        }
        if due.fast_books {
            self.l2_changes(&mut out);
        }
        for (peer, text) in out {
            self.send(peer, text);
        }
        tape.clear();
        self.tape = tape;
    }

    /// What one subscription gets of a step.
    fn tell(&self, sub: &Sub, tape: &Tape, due: Due, say: &mut dyn FnMut(String)) {
        match sub {
            Sub::Bbo(inst) => {
                for (_, bbo, at) in tape.bbos.iter().filter(|b| b.0 == *inst) {
                    let data = wire::bbo(self.directory.coin(*inst), *bbo, *at);
                    say(wire::channel("bbo", &data));
                }
            }
            Sub::Trades(inst) => {
                let trades = tape.trades.iter().filter(|t| t.inst == *inst);
                let mut trades = trades.map(|t| wire::trade(&self.directory, t)).peekable();
                if trades.peek().is_some() {
                    say(wire::channel("trades", &list(trades)));
                }
            }
            Sub::L2Book { fast: true, .. } if !due.fast_books => {}
            Sub::L2Book { fast: false, .. } if !due.books => {}
            Sub::ActiveAssetCtx(_) | Sub::AllMids { .. } | Sub::ActiveAssetData { .. }
                if !due.contexts => {}
            Sub::L2Book { .. }
            | Sub::ActiveAssetCtx(_)
            | Sub::AllMids { .. }
            | Sub::ActiveAssetData { .. } => {
                self.snapshot(sub).into_iter().for_each(say);
            }
            Sub::ClearinghouseState { .. } | Sub::OpenOrders { .. } if due.states => {
                self.snapshot(sub).into_iter().for_each(say);
            }
            Sub::ClearinghouseState { user, .. } => {
                let account = self.directory.account(user);
                if tape.fills.iter().any(|f| Some(f.account) == account) {
                    self.snapshot(sub).into_iter().for_each(say);
                }
            }
            Sub::OpenOrders { user, .. } => {
                let account = self.directory.account(user);
                if tape.orders.iter().any(|o| Some(o.account) == account) {
                    self.snapshot(sub).into_iter().for_each(say);
                }
            }
            Sub::OrderUpdates(user) => {
                let account = self.directory.account(user);
                let orders = tape.orders.iter().filter(|o| Some(o.account) == account);
                let mut orders = orders.map(|o| wire::order_update(&self.directory, o)).peekable();
                if orders.peek().is_some() {
                    say(wire::channel("orderUpdates", &list(orders)));
                }
            }
            Sub::UserFills { user, .. } => {
                if let Some(fills) = self.fills_of(self.directory.account(user), tape) {
                    let user = address_text(user);
                    let data = format!("{{\"user\":\"{user}\",\"fills\":{fills}}}");
                    say(wire::channel("userFills", &data));
                }
            }
            Sub::UserEvents(user) => self.user_events(self.directory.account(user), tape, say),
            Sub::UserFundings(user) => {
                self.fundings(user, &tape.funding, false).into_iter().for_each(say);
            }
            // Has a memory of its own: see `l2_changes`.
            Sub::L2(_) => {}
            // Nothing is deposited or withdrawn here after the start.
            Sub::UserNonFundingLedgerUpdates(_) => {}
        }
    }

    fn fills_of(&self, account: Option<AccountId>, tape: &Tape) -> Option<String> {
        let fills = tape.fills.iter().filter(|f| Some(f.account) == account);
        let mut fills = fills.map(|f| wire::fill(&self.directory, f)).peekable();
        fills.peek().is_some().then(|| list(fills))
    }

    fn user_events(&self, account: Option<AccountId>, tape: &Tape, say: &mut dyn FnMut(String)) {
        if let Some(fills) = self.fills_of(account, tape) {
            say(wire::channel("user", &format!("{{\"fills\":{fills}}}")));
        }
        for paid in tape.funding.iter().filter(|f| Some(f.account) == account) {
            let data = format!("{{\"funding\":{}}}", wire::funding(&self.directory, paid));
            say(wire::channel("user", &data));
        }
    }

    /// The `userFundings` channel: what was paid before, then each step's payments.
    fn fundings(&self, user: &Address, paid: &[Paid], snapshot: bool) -> Option<String> {
        let account = self.directory.account(user);
        let rows = paid.iter().filter(|f| Some(f.account) == account);
        let mut rows = rows.map(|f| wire::funding(&self.directory, f)).peekable();
        if rows.peek().is_none() && !snapshot {
            return None;
        }
        let first = if snapshot { "\"isSnapshot\":true," } else { "" };
        let (user, rows) = (address_text(user), list(rows));
        let data = format!("{{{first}\"user\":\"{user}\",\"fundings\":{rows}}}");
        Some(wire::channel("userFundings", &data))
    }

    /// What a new subscription gets at once, where its channel has a state.
    pub(super) fn first(&mut self, peer: PeerId, sub: Sub) {
        let text = match sub {
            Sub::Bbo(inst) => {
                let data = wire::bbo(self.directory.coin(inst), self.exchange.bbo(inst), self.now);
                wire::channel("bbo", &data)
            }
            Sub::UserFills { user, .. } => {
                let account = self.directory.account(&user);
                let budget = |_: AccountId| Budget::default();
                let fills = self.with_info(&budget, |info| info.fills(account, 0, u64::MAX));
                let user = address_text(&user);
                let data = format!("{{\"isSnapshot\":true,\"user\":\"{user}\",\"fills\":{fills}}}");
                wire::channel("userFills", &data)
            }
            Sub::L2(inst) => self.l2_first(peer, inst),
            _ => match self.snapshot(&sub) {
                Some(text) => text,
                None => return,
            },
        };
        self.send(peer, text);
    }

    /// The present state of a channel that has one.
    fn snapshot(&self, sub: &Sub) -> Option<String> {
        let budget = |_: AccountId| Budget::default();
        Some(match sub {
            Sub::L2Book { inst, fast } => {
                let coin = self.directory.coin(*inst);
                wire::channel("l2Book", &wire::l2_book(&self.exchange, coin, *fast, self.now))
            }
            Sub::ActiveAssetCtx(inst) => {
                let coin = self.directory.coin(*inst);
                let ctx = self.with_info(&budget, |info| info.context(coin));
                let data = format!("{{\"coin\":\"{}\",\"ctx\":{ctx}}}", coin.name);
                wire::channel("activeAssetCtx", &data)
            }
            Sub::AllMids { dex } => {
                let mids = self.with_info(&budget, |info| info.all_mids(dex.unwrap_or(0)));
                let of = dex.map_or(String::new(), |dex| {
                    format!(",\"dex\":\"{}\"", self.directory.dexs()[dex])
                });
                wire::channel("allMids", &format!("{{\"mids\":{mids}{of}}}"))
            }
            Sub::ClearinghouseState { dex, user } => {
                let account = self.directory.account(user);
                let state =
                    wire::clearinghouse(&self.exchange, &self.directory, account, *dex, self.now);
                let name = &self.directory.dexs()[*dex];
                let data = wire::clearinghouse_channel(name, user, &state);
                wire::channel("clearinghouseState", &data)
            }
            Sub::OpenOrders { dex, user } => {
                let account = self.directory.account(user);
                let orders = account.into_iter().flat_map(|a| self.exchange.open_orders(a));
                let of_dex = orders.filter(|o| self.directory.coin(o.inst).dex == *dex);
                let orders = list(of_dex.map(|o| wire::frontend_order(&self.directory, &o)));
                let data = format!(
                    "{{\"dex\":\"{}\",\"user\":\"{}\",\"orders\":{orders}}}",
                    self.directory.dexs()[*dex],
                    address_text(user)
                );
                wire::channel("openOrders", &data)
            }
            Sub::UserFundings(user) => return self.fundings(user, &self.paid, true),
            Sub::UserNonFundingLedgerUpdates(user) => {
                let user = address_text(user);
                let data = format!(
                    "{{\"isSnapshot\":true,\"user\":\"{user}\",\"nonFundingLedgerUpdates\":[]}}"
                );
                wire::channel("userNonFundingLedgerUpdates", &data)
            }
            Sub::ActiveAssetData { inst, user } => {
                let account = self.directory.account(user);
                let coin = self.directory.coin(*inst);
                let data = wire::active_asset_data(&self.exchange, coin, user, account);
                wire::channel("activeAssetData", &data)
            }
            _ => return None,
        })
    }
}
