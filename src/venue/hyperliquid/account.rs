//! Hot. Our account's side of the venue without a socket: actions to signed frames, frames to
//! events, and the memory in between that matches an answer with its question.
//!
//! The user stream and the answers to posts both report what became of an order, in any order and
//! sometimes twice. Each is turned into the same events; the core takes the first and ignores the
//! rest. Fills come from `userFills` alone, which carries fee and trade id.

use super::budget::{IN_FLIGHT, IN_FLIGHT_FOR_CANCELS, RateBudget};
use super::dead_man::DeadMan;
use super::errors::{OrderStatus, order_status, reject_reason};
use super::info::{self, Fate};
use super::oids::Heard;
use super::orders::answer::{Outcome, answer_events, decode_post};
use super::orders::{BATCH_MAX, Form, OrderCodec, Posted};
use super::sign::{Cloid, L1Action};
use super::user::{UserCodec, UserFrame};
use super::{Leverage, Options};
use crate::event::{Action, Event, OrderId, Refused, RejectReason, Stamp, VenueOrderState};
use crate::units::Qty;
use crate::venue::account::Switch;
use crate::venue::eip712::{Address, PooledSigner};
use crate::venue::rest::{OpenOrder, Request};
use crate::venue::{Malformed, Sink};

pub use crate::venue::account::AccountFrame;
use std::io::Write;

/// Posts that may wait for an answer.
const PENDING_MAX: usize = IN_FLIGHT;
/// What an `orderStatus` weighs.
const FATE_WEIGHT: u64 = 2;

/// What a post that waits for its answer was about.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "96 slots, preallocated; a box would allocate per order"
)]
enum Asked {
    Orders(Posted),
    Fate(OrderId),
    /// The dead man's switch.
    Switch,
    /// How many requests the address has left.
    Rate,
    Leverage,
}

#[derive(Debug)]
pub struct Account {
    orders: OrderCodec,
    user: UserCodec,
    signer: PooledSigner,
    /// The account that the signer acts for; the stream is silent for an agent's own address.
    owner: Address,
    pending: Vec<(u64, Asked)>,
    /// The last post, which the next one is written over.
    posted: Box<Posted>,
    dead_man: DeadMan,
    /// The switch was answered since the last look.
    switched: bool,
    switch_wanted: bool,
    budget: RateBudget,
    /// Leverages to set, each once a run; and the last refusal, until it is taken.
    leverages: Vec<(u32, Leverage)>,
    leverage_refused: Option<RejectReason>,
}

impl Account {
    pub fn new(
        orders: OrderCodec,
        user: UserCodec,
        signer: PooledSigner,
        owner: Address,
    ) -> Account {
        let pending = Vec::with_capacity(PENDING_MAX);
        let dead_man = DeadMan::default();
        Account {
            orders,
            user,
            signer,
            owner,
            pending,
            posted: Box::new(Posted::new(0)),
            dead_man,
            switched: false,
            switch_wanted: true,
            budget: RateBudget::new(0),
            leverages: Vec::new(),
            leverage_refused: None,
        }
    }

    /// As configured; `assets`: the venue's numbers of the markets.
    pub fn with(mut self, options: &Options, assets: impl Iterator<Item = u32>) -> Account {
        self.switch_wanted = options.dead_man;
        self.budget = RateBudget::new(options.requests_low);
        let wanted = assets.zip(&options.leverage);
        self.leverages = wanted.filter_map(|(asset, l)| Some((asset, (*l)?))).collect();
        self
    }

    pub fn owner(&self) -> Address {
        self.owner
    }

    /// Orders that were signed the slow way although there is a nonce pool.
    pub fn pool_fallbacks(&self) -> u64 {
        self.signer.fallbacks
    }

    /// The frames that start a session. Cold.
    pub fn subscriptions(&self) -> Vec<String> {
        self.user.subscriptions(&self.owner.0)
    }

    /// The connection ended at this venue time: what was asked has no answer any more, and fills
    /// since a little before then are news in the next snapshot.
    pub fn lost(&mut self, now_ms: u64) {
        self.pending.clear();
        self.dead_man.lost();
        self.budget.lost();
        self.switched = true;
        // Half a minute covers the time in which a half-open link was not noticed; fills that were
        // heard are booked once, by their trade id.
        self.user.recover_from(Some(now_ms.saturating_sub(30_000)));
    }

    /// What the next signature needs, fetched ahead of it.
    #[inline]
    pub fn prepare(&mut self) {
        self.signer.prime();
    }

    /// Takes the venue's number of an order from an event that came another way.
    pub fn heard(&mut self, event: &Event) {
        self.orders.heard(event);
    }

    /// Writes one signed frame for actions of one kind.
    #[inline]
    pub fn encode(
        &mut self,
        actions: &[Action],
        now_ms: u64,
        out: &mut [u8],
    ) -> Result<usize, Refused> {
        // The last places are for cancels.
        let cancels = matches!(actions.first(), Some(Action::Cancel { .. }));
        let kept = if cancels { 0 } else { IN_FLIGHT_FOR_CANCELS };
        if self.pending.len() + kept >= PENDING_MAX {
            return Err(Refused::RateBudget);
        }
        let Account { orders, posted, signer, .. } = self;
        orders
            .encode_to(posted, actions, Form::Post, now_ms, signer, out)
            .map_err(|_| Refused::Encode)?;
        let len = posted.len;
        self.pending.push((posted.id, Asked::Orders(**posted)));
        self.budget.sent(actions.len(), now_ms);
        Ok(len)
    }

    /// Writes a signed cancel of an order that is known only by the venue's number. Cold.
    pub fn cancel_listed(
        &mut self,
        order: &OpenOrder,
        now_ms: u64,
        out: &mut [u8],
    ) -> Result<usize, Refused> {
        let cancel = self.listed(order).ok_or(Refused::Encode)?;
        self.write_cancels(&[cancel], Form::Post, now_ms, out)
    }

    /// The signed requests that cancel orders by the venue's numbers, `room` being for one body.
    /// Cold.
    pub fn cancel_requests(
        &mut self,
        orders: &[OpenOrder],
        now_ms: u64,
        room: &mut [u8],
    ) -> Vec<Result<Request, Refused>> {
        let cancels: Vec<_> = orders.iter().filter_map(|order| self.listed(order)).collect();
        let request = |some: &[(u32, u64)]| {
            let len = self.write_cancels(some, Form::Body, now_ms, room)?;
            Ok(Request::post_json("/exchange", room[..len].to_vec()))
        };
        cancels.chunks(BATCH_MAX).map(request).collect()
    }

    /// Number of market and order; `None` on a market that is not traded here.
    fn listed(&self, order: &OpenOrder) -> Option<(u32, u64)> {
        Some((self.orders.asset(order.inst?)?, order.id))
    }

    fn write_cancels(
        &mut self,
        cancels: &[(u32, u64)],
        form: Form,
        now_ms: u64,
        out: &mut [u8],
    ) -> Result<usize, Refused> {
        let action = L1Action::Cancel { cancels, fast: true };
        let encoded = self.orders.encode_l1(&action, form, now_ms, &mut self.signer, out);
        self.budget.sent(cancels.len(), now_ms);
        encoded.map(|posted| posted.len).map_err(|_| Refused::Encode)
    }

    #[inline]
    pub fn wants_beat(&self, now_ms: u64) -> bool {
        self.switched
            || (self.switch_wanted && self.dead_man.is_due(now_ms))
            || self.budget.is_due(now_ms)
            || !self.leverages.is_empty()
    }

    /// Writes the next action that sets a market's leverage, where one is left. Cold.
    pub fn set_leverage(&mut self, now_ms: u64, out: &mut [u8]) -> Option<usize> {
        if self.pending.len() == PENDING_MAX {
            return None;
        }
        let (asset, Leverage { times, isolated }) = self.leverages.pop()?;
        let action = L1Action::UpdateLeverage { asset, is_cross: !isolated, leverage: times };
        self.post(&action, Asked::Leverage, now_ms, out)
    }

    /// The reason for which the venue did not set a leverage; told once.
    pub fn take_leverage_refused(&mut self) -> Option<RejectReason> {
        self.leverage_refused.take()
    }

    /// Writes the question how many requests are left, when that is due. Cold.
    pub fn ask_rate(&mut self, id: u64, now_ms: u64, out: &mut [u8]) -> Option<usize> {
        if self.pending.len() == PENDING_MAX || !self.budget.asks(now_ms) {
            return None;
        }
        let owner = self.owner.text();
        let owner = std::str::from_utf8(&owner).ok()?;
        let room = out.len();
        let mut rest = &mut out[..];
        write!(
            rest,
            "{{\"method\":\"post\",\"id\":{id},\"request\":{{\"type\":\"info\",\"payload\":\
             {{\"type\":\"userRateLimit\",\"user\":\"{owner}\"}}}}}}"
        )
        .ok()?;
        let len = room - rest.len();
        self.pending.push((id, Asked::Rate));
        Some(len)
    }

    /// What the core is to be told of the rate rules, if anything.
    pub fn rate_report(&mut self, now_ms: u64, recv: Stamp) -> Option<Event> {
        self.budget.report(self.pending.len(), now_ms, recv)
    }

    /// The core could not be told.
    pub fn rate_unsaid(&mut self) {
        self.budget.unsaid();
    }

    pub fn budget(&self) -> &RateBudget {
        &self.budget
    }

    pub fn switch(&self) -> Switch {
        self.dead_man.switch()
    }

    /// Writes the action that puts the dead man's switch off, when it is due and there is room for
    /// its answer. Cold.
    pub fn beat(&mut self, now_ms: u64, out: &mut [u8]) -> Option<usize> {
        self.switched = false;
        if !self.switch_wanted || !self.dead_man.is_due(now_ms) {
            return None;
        }
        let at = self.dead_man.ask(now_ms);
        self.schedule(Some(at), now_ms, out)
    }

    /// Writes the action that takes the switch back, where it is armed. Cold.
    pub fn disarm(&mut self, now_ms: u64, out: &mut [u8]) -> Option<usize> {
        (self.switch() == Switch::Armed).then(|| self.schedule(None, now_ms, out)).flatten()
    }

    fn schedule(&mut self, time_ms: Option<u64>, now_ms: u64, out: &mut [u8]) -> Option<usize> {
        if self.pending.len() == PENDING_MAX {
            return None;
        }
        self.post(&L1Action::ScheduleCancel { time_ms }, Asked::Switch, now_ms, out)
    }

    fn post(
        &mut self,
        action: &L1Action<'_>,
        asked: Asked,
        now_ms: u64,
        out: &mut [u8],
    ) -> Option<usize> {
        let encoded = self.orders.encode_l1(action, Form::Post, now_ms, &mut self.signer, out);
        let posted = encoded.ok()?;
        self.pending.push((posted.id, asked));
        self.budget.sent(1, now_ms);
        Some(posted.len)
    }

    /// Writes the question what became of an order. Not signed, so not hot.
    pub fn ask(&mut self, order: OrderId, id: u64, out: &mut [u8]) -> Result<usize, Refused> {
        if self.pending.len() == PENDING_MAX {
            return Err(Refused::OrderRate);
        }
        let Cloid(cloid) = self.orders.cloid(order);
        let owner = self.owner.text();
        let owner = std::str::from_utf8(&owner).map_err(|_| Refused::Encode)?;
        let room = out.len();
        let mut rest = &mut out[..];
        write!(
            rest,
            "{{\"method\":\"post\",\"id\":{id},\"request\":{{\"type\":\"info\",\"payload\":\
             {{\"type\":\"orderStatus\",\"user\":\"{owner}\",\"oid\":\"0x{cloid:032x}\"}}}}}}"
        )
        .map_err(|_| Refused::Encode)?;
        let len = room - rest.len();
        // Counted where the last one was: a question has no time of its own.
        self.budget.message(FATE_WEIGHT, 0);
        self.pending.push((id, Asked::Fate(order)));
        Ok(len)
    }

    /// Is this client order id one of this run?
    pub fn order_of(&self, cloid: u128) -> Option<OrderId> {
        self.orders.order_of(Cloid(cloid))
    }

    /// Decodes one frame; does not emit the first `taken` events.
    pub fn decode(
        &mut self,
        taken: u32,
        frame: &[u8],
        recv: Stamp,
        sink: &mut impl Sink,
    ) -> Result<AccountFrame, Malformed> {
        let heard = &mut Heard { sink, oids: &mut self.orders.oids };
        let user = self.user.decode_after(taken, frame, recv, heard)?;
        let mut done = AccountFrame {
            taken: user.events,
            full: user.full,
            ignored: user.unknown_markets + user.unknown_statuses,
            liquidations: user.liquidations,
            ..AccountFrame::default()
        };
        if user.frame == UserFrame::Post {
            let mut emit = Emit { sink, skip: taken, done: 0, full: false };
            match self.answer(frame, recv, &mut emit) {
                Some(()) => done.answers = 1,
                None => done.ignored += 1,
            }
            done.taken = emit.done;
            done.full = emit.full;
        }
        Ok(done)
    }

    /// The events of an answer. The question is forgotten only when all of them were taken.
    fn answer<S: Sink>(&mut self, frame: &[u8], recv: Stamp, emit: &mut Emit<'_, S>) -> Option<()> {
        let answer = decode_post(frame).ok()?;
        let at = self.pending.iter().position(|(asked, _)| *asked == answer.id)?;
        if let Outcome::Refused(text) | Outcome::Failed(text) = &answer.outcome
            && reject_reason(text) == RejectReason::RateLimit
        {
            self.budget.refused();
        }
        match (&self.pending[at].1, &answer.outcome) {
            (Asked::Orders(posted), outcome) => {
                let heard = &mut Heard { sink: emit, oids: &mut self.orders.oids };
                answer_events(posted, outcome, reject_reason, recv, heard);
            }
            (Asked::Fate(order), Outcome::Info(payload)) => {
                let fate = info::fate(payload)?;
                emit.put(fate_event(*order, fate.as_ref(), recv));
            }
            (Asked::Switch, outcome) => {
                self.dead_man.answered(outcome);
                self.switched = true;
            }
            (Asked::Rate, Outcome::Info(payload)) => {
                self.budget.answered(info::rate_limit(payload)?);
            }
            (Asked::Leverage, outcome) => {
                self.leverage_refused = match outcome {
                    Outcome::Taken => None,
                    Outcome::Refused(text) | Outcome::Failed(text) => Some(reject_reason(text)),
                    _ => Some(RejectReason::Unrecognized),
                };
                self.switched = true;
            }
            // The question itself failed: it is asked again when its time is over.
            (Asked::Fate(_) | Asked::Rate, _) => {}
        }
        if !emit.full {
            self.pending.swap_remove(at);
        }
        Some(())
    }
}

/// The sink behind the events that it already has.
struct Emit<'s, S> {
    sink: &'s mut S,
    skip: u32,
    done: u32,
    full: bool,
}

impl<S: Sink> Sink for Emit<'_, S> {
    fn put(&mut self, event: Event) -> bool {
        if self.full || (self.done >= self.skip && !self.sink.put(event)) {
            self.full = true;
            return false;
        }
        self.done += 1;
        true
    }
}

fn fate_event(order: OrderId, fate: Option<&Fate>, recv: Stamp) -> Event {
    let Some(fate) = fate else {
        return Event::OrderState {
            order,
            state: VenueOrderState::NotFound,
            filled: Qty::ZERO,
            venue_oid: 0,
            recv,
        };
    };
    let state = order_state(&fate.status);
    let filled = Qty(fate.orig.0 - fate.open.0);
    Event::OrderState { order, state, filled, venue_oid: fate.oid, recv }
}

/// What a status word of `orderStatus` means for an order.
pub(super) fn order_state(status: &str) -> VenueOrderState {
    match order_status(status.as_bytes()) {
        OrderStatus::Open | OrderStatus::Ignored | OrderStatus::Unknown(None) => {
            VenueOrderState::Open
        }
        OrderStatus::Filled => VenueOrderState::Filled,
        OrderStatus::Rejected(_) => VenueOrderState::Rejected,
        OrderStatus::Canceled(_) | OrderStatus::Unknown(Some(_)) => VenueOrderState::Canceled,
    }
}

#[cfg(test)]
mod tests;
