//! Hot. Our account's side of the venue without a socket: actions to signed frames, frames to events,
//! and the memory in between.
//!
//! * **Two keys.** The venue handles the transactions of one key strictly in order, speed bumps
//!   included, so a taker would hold up every quote behind it. What rests, its modifies and cancels go
//!   by the first key (also a hedge that rests: its cancel must not overtake it); what takes, by the
//!   last. With one key all go by it.
//! * **Nonces** are in a row for each key. A refused frame used none: the counter goes back when no
//!   frame left behind it; else those behind are refused too, and the key rests until the venue's view
//!   has said its next nonce.
//! * **Taken is not executed.** An accepted answer makes no event; the stream tells. An order without
//!   word is asked about over REST, and "not there" is believed only after its transaction has expired.
//! * **Modified orders** keep their client index: [`Names`] says which order it names.
//! * **A batch that is refused** for something in one of its transactions does not say for which, nor
//!   whether those before it were taken: each of them is unknown then, and asked about. So a frame
//!   holds one transaction unless configured otherwise.

mod lane;
mod told;

use super::answer::{Answer, Outcome, answer_events, decode_answer};
use super::control::{Channel, Control};
use super::crypto::pool::PooledSigner;
use super::dead_man::DeadMan;
use super::errors::{self, Reaction};
use super::names::{Names, NotNamed};
use super::orders::form::REST_BATCH_MAX;
use super::orders::{BATCH_MAX, EncodeError, OrderCodec, Posted};
use super::quota::{Cost, Tier};
use super::rate::Rate;
use super::token::{LIFE_MAX_S, auth_token};
use super::tx::{CancelAll, MarginMode, Tx};
use super::user::{UserCodec, UserFrame};
use crate::event::{Action, Event, OrderId, Refused, RejectReason, Stamp, Tif};
use crate::venue::account::{AccountFrame, Asked, Leverage, Options, Switch};
use crate::venue::rest::{Fate, OpenOrder, Pass, Request, VenueView};
use crate::venue::{Malformed, Sink};
use lane::{Lane, Waiting, What};

/// Frames that may wait for an answer; the last places are for cancels.
const WAITING_MAX: usize = 128;
const WAITING_FOR_CANCELS: usize = 32;
/// A token is signed for this long, s: an hour less than the venue takes.
const TOKEN_S: u64 = LIFE_MAX_S - 3600;
/// It is renewed when it has this long to live, s; one that was refused not sooner than after this, ms.
const RENEW_S: u64 = 1800;
const RENEW_AGAIN_MS: u64 = 10_000;
/// How long before a loss was noticed the stream may have been silent, ms: half-open links.
const UNHEARD_MS: u64 = 60_000;
/// Room for the events of a frame; only a long snapshot makes it grow.
const EVENTS: usize = 512;

/// Our account's side.
#[derive(Debug)]
pub struct Account {
    account: u64,
    /// One, or two: what rests, and what takes.
    lanes: Vec<Lane>,
    names: Names,
    user: UserCodec,
    waiting: Vec<Waiting>,
    rate: Rate,
    dead_man: DeadMan,
    switch_wanted: bool,
    /// Something was answered that the caller looks at.
    answered: bool,
    leverages: Vec<(u32, Leverage)>,
    leverage_refused: Option<RejectReason>,
    token: Option<(String, u64)>,
    /// The private channels are to be asked for anew, not before this time.
    renew: bool,
    renew_at_ms: u64,
    token_made_ms: u64,
    /// The account is to be read again.
    wants_view: bool,
    /// Events of the frame that is being told, and how many the sink has.
    events: Vec<Event>,
    /// The last call had no room for all of them.
    stalled: bool,
    /// Fills of a view that the core does not have yet.
    recovered: Vec<Event>,
    missed_since_ms: Option<u64>,
    batches: bool,
    /// Frames whose answer never came, and answers that belong to none.
    unanswered: u64,
    /// Lists of fills that could not be read.
    unread_fills: u64,
}

impl Account {
    /// `lanes`: the codec of each key with its signer, in the order of [`Account`].
    ///
    /// # Panics
    /// Without a key.
    pub fn new(lanes: Vec<(OrderCodec, PooledSigner)>, names: Names, user: UserCodec) -> Account {
        assert!(!lanes.is_empty(), "an account trades with a key");
        let account = lanes[0].0.sender().account;
        let step = lanes.len() as u64;
        let lane = |(at, (codec, signer)): (u64, (OrderCodec, PooledSigner))| {
            Lane::new(codec.with_ids(at + 1, step), signer)
        };
        Account {
            account,
            lanes: (0..).zip(lanes).map(lane).collect(),
            names,
            user,
            waiting: Vec::with_capacity(WAITING_MAX),
            rate: Rate::new(0),
            dead_man: DeadMan::default(),
            switch_wanted: true,
            answered: false,
            leverages: Vec::new(),
            leverage_refused: None,
            token: None,
            renew: false,
            renew_at_ms: u64::MAX,
            token_made_ms: 0,
            wants_view: false,
            events: Vec::with_capacity(EVENTS),
            stalled: false,
            recovered: Vec::new(),
            missed_since_ms: None,
            batches: false,
            unanswered: 0,
            unread_fills: 0,
        }
    }

    /// As configured; `markets`: the venue's numbers.
    pub fn with(mut self, options: &Options, markets: impl Iterator<Item = u32>) -> Account {
        self.switch_wanted = options.dead_man;
        self.rate = Rate::new(options.requests_low);
        let wanted = markets.zip(&options.leverage);
        self.leverages = wanted.filter_map(|(market, l)| Some((market, (*l)?))).collect();
        self
    }

    /// Frames of several transactions.
    pub fn with_batches(mut self) -> Account {
        self.batches = true;
        self
    }

    pub fn batch_max(&self) -> usize {
        if self.batches { BATCH_MAX } else { 1 }
    }

    pub fn pool_fallbacks(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.signer.fallbacks).sum()
    }

    /// Frames without an answer, and answers without a frame.
    pub fn unanswered(&self) -> u64 {
        self.unanswered
    }

    pub fn unread_fills(&self) -> u64 {
        self.unread_fills
    }

    // -- tokens --------------------------------------------------------------------------------

    fn new_token(&mut self, now_ms: u64) -> Option<&str> {
        let (now_s, lane) = (now_ms / 1000, &mut self.lanes[0]);
        let key = lane.codec.sender().api_key;
        let deadline_s = now_s + TOKEN_S;
        let text = auth_token(&mut lane.signer, (self.account, key), deadline_s, now_s).ok()?;
        (self.token_made_ms, self.renew_at_ms) = (now_ms, (deadline_s - RENEW_S) * 1000);
        self.token = Some((text, deadline_s));
        self.token.as_ref().map(|(text, _)| text.as_str())
    }

    /// The frames that start a session, with a fresh token. Cold.
    pub fn subscriptions(&mut self, now_ms: u64) -> Vec<String> {
        self.renew = false;
        match self.new_token(now_ms).map(str::to_owned) {
            Some(token) => self.user.subscriptions(&token),
            // Ten digits of seconds and our own indices: cannot be.
            None => Vec::new(),
        }
    }

    /// The frames that ask for the private channels anew, when a token is about to end or was refused.
    /// Cold.
    pub fn renewals(&mut self, now_ms: u64) -> Vec<String> {
        if !self.is_renewal_due(now_ms) {
            return Vec::new();
        }
        self.renew = false;
        let Some(token) = self.new_token(now_ms).map(str::to_owned) else { return Vec::new() };
        // What trades between the end of a channel and its new beginning is in a view.
        self.missed(now_ms);
        self.wants_view = true;
        self.user.resubscribe(&token)
    }

    #[inline]
    fn is_renewal_due(&self, now_ms: u64) -> bool {
        // Just after a token was made, the answer that it was asked for is on its way.
        let asked = self.renew && now_ms >= self.token_made_ms.saturating_add(RENEW_AGAIN_MS);
        asked || now_ms >= self.renew_at_ms
    }

    fn missed(&mut self, now_ms: u64) {
        let since = now_ms.saturating_sub(UNHEARD_MS);
        self.user.recover_from(Some(since));
        self.missed_since_ms.get_or_insert(since);
    }

    /// What REST wants to see. Cold.
    pub fn pass(&mut self, now_ms: u64) -> Pass {
        let lives = |(_, deadline_s): &(String, u64)| *deadline_s > now_ms / 1000 + 60;
        if let Some((text, _)) = self.token.as_ref().filter(|token| lives(token)) {
            return Pass(Some(text.clone()));
        }
        Pass(self.new_token(now_ms).map(str::to_owned))
    }

    // -- orders --------------------------------------------------------------------------------

    /// What the next signature of each key needs, fetched ahead of it.
    #[inline]
    pub fn prepare(&mut self) {
        for lane in &mut self.lanes {
            lane.signer.prime();
        }
    }

    /// Writes one signed frame for actions of one kind.
    #[inline]
    pub fn encode(
        &mut self,
        actions: &[Action],
        now_ms: u64,
        out: &mut [u8],
    ) -> Result<usize, Refused> {
        let (cost, ioc, places) = match actions.first() {
            Some(Action::Cancel { .. }) => (Cost::Free, false, 0),
            Some(Action::Place { tif, .. }) => (Cost::One, *tif == Tif::Ioc, actions.len()),
            Some(Action::Modify { .. }) => (Cost::One, false, 0),
            _ => return Err(Refused::Encode),
        };
        let at = if ioc { self.lanes.len() - 1 } else { 0 };
        let kept = if cost == Cost::Free { 0 } else { WAITING_FOR_CANCELS };
        if self.waiting.len() + kept >= WAITING_MAX {
            self.forget_unanswered(now_ms);
        }
        let lane = &mut self.lanes[at];
        if !lane.is_synced() {
            return Err(Refused::NotReconciled);
        }
        if lane.stopped && cost != Cost::Free {
            return Err(Refused::Halted);
        }
        // At most BATCH_MAX.
        let count = actions.len() as u32;
        if self.waiting.len() + kept >= WAITING_MAX || !self.rate.allows(count, cost, now_ms) {
            return Err(Refused::RateBudget);
        }
        if !self.names.has_room(places) {
            return Err(Refused::TableFull);
        }
        let (names, signer) = (Some(&self.names), &mut lane.signer);
        let posted =
            lane.codec.encode_named(actions, names, now_ms, signer, out).map_err(|error| {
                match error {
                    EncodeError::Named(NotNamed::Moving) => Refused::UnknownOrder,
                    EncodeError::Named(NotNamed::Full) => Refused::TableFull,
                    _ => Refused::Encode,
                }
            })?;
        self.remember(at, actions, now_ms);
        self.rate.sent(count, cost, now_ms);
        let key = self.lanes[at].codec.sender().api_key;
        self.waiting.push(Waiting::of(&posted, at, key, What::Orders, actions, now_ms));
        Ok(posted.len)
    }

    /// What was written is on its way.
    #[inline]
    fn remember(&mut self, at: usize, actions: &[Action], now_ms: u64) {
        let codec = &self.lanes[at].codec;
        let until = codec.expires_ms(now_ms);
        for action in actions {
            match *action {
                Action::Place { order, px, qty, .. } => {
                    // It has an index and there is room, or it could not have been written.
                    let client = codec.client_index(order).unwrap_or(0);
                    let placed = self.names.place(client, order, px, qty, until);
                    debug_assert_eq!(placed, Ok(()), "there was room");
                }
                Action::Modify { order, old, px, qty, .. } => {
                    self.names.moving(old, order, px, qty, until);
                }
                _ => {}
            }
        }
    }

    /// One transaction that is no order, by the first key.
    fn post(&mut self, tx: &Tx<'_>, what: What, now_ms: u64, out: &mut [u8]) -> Option<usize> {
        let cost = if matches!(tx, Tx::CancelAll(_)) { Cost::One } else { Cost::Free };
        let lane = &mut self.lanes[0];
        let full = self.waiting.len() == WAITING_MAX;
        if full || !lane.is_synced() || !self.rate.allows(1, Cost::Free, now_ms) {
            return None;
        }
        let posted = lane.codec.encode_tx(tx, now_ms, &mut lane.signer, out).ok()?;
        self.rate.sent(1, cost, now_ms);
        let key = lane.codec.sender().api_key;
        self.waiting.push(Waiting::of(&posted, 0, key, what, &[], now_ms));
        Some(posted.len)
    }

    /// The client index by which the venue is asked what became of an order.
    pub fn ask(&mut self, order: OrderId) -> Result<Asked, Refused> {
        let placed = || self.lanes[0].codec.client_index(order);
        let client = self.names.client_of(order).or_else(placed).ok_or(Refused::Encode)?;
        Ok(Asked::Rest(u128::from(client)))
    }

    /// What an answer to the question about `order` means for it; `None`: nothing yet.
    pub fn judge(&mut self, order: OrderId, fate: &Fate, now_ms: u64) -> Option<Fate> {
        let told = (fate.state, fate.filled);
        let (state, filled) = self.names.judge(order, told, fate.now, now_ms)?;
        Some(Fate { state, filled, ..*fate })
    }

    fn listed(&self, order: &OpenOrder) -> Option<Tx<'static>> {
        let market = self.lanes[0].codec.market(order.inst?)?.index;
        Some(Tx::CancelOrder { market, index: order.id })
    }

    /// Writes a signed cancel of an order by the venue's number. Cold.
    pub fn cancel_listed(
        &mut self,
        order: &OpenOrder,
        now_ms: u64,
        out: &mut [u8],
    ) -> Result<usize, Refused> {
        let tx = self.listed(order).ok_or(Refused::Encode)?;
        if !self.lanes[0].is_synced() {
            return Err(Refused::NotReconciled);
        }
        self.post(&tx, What::Listed, now_ms, out).ok_or(Refused::RateBudget)
    }

    /// The signed requests that cancel orders by the venue's numbers. Cold.
    pub fn cancel_requests(
        &mut self,
        orders: &[OpenOrder],
        now_ms: u64,
    ) -> Vec<Result<Request, Refused>> {
        let cancels: Vec<_> = orders.iter().filter_map(|order| self.listed(order)).collect();
        let lane = &mut self.lanes[0];
        let mut request = |some: &[Tx<'_>]| {
            let made = lane.codec.request(some, now_ms, &mut lane.signer);
            self.rate.sent(some.len() as u32, Cost::Free, now_ms);
            made.map_err(|error| match error {
                EncodeError::Nonce => Refused::NotReconciled,
                _ => Refused::Encode,
            })
        };
        cancels.chunks(REST_BATCH_MAX).map(&mut request).collect()
    }

    /// Is it an order of this run? By what was sent: an earlier run may have had the same tag.
    pub fn is_ours(&self, order: &OpenOrder) -> bool {
        let client = order.client.and_then(|client| u64::try_from(client).ok());
        match (client, order.inst) {
            (Some(client), Some(inst)) => self.names.knows(client, inst),
            _ => false,
        }
    }

    // -- beside orders -------------------------------------------------------------------------

    /// Is there something to send or to tell that is no order?
    #[inline]
    pub fn wants_beat(&self, now_ms: u64) -> bool {
        self.answered
            || self.is_renewal_due(now_ms)
            || (self.switch_wanted && self.dead_man.is_due(now_ms))
            || self.rate.is_due(now_ms)
            || !self.leverages.is_empty()
    }

    /// Writes the transaction that puts the switch off, when that is due. Cold.
    pub fn beat(&mut self, now_ms: u64, out: &mut [u8]) -> Option<usize> {
        self.answered = false;
        if !self.switch_wanted || !self.dead_man.is_due(now_ms) {
            return None;
        }
        let cancel = self.dead_man.ask(now_ms);
        let sent = self.post(&Tx::CancelAll(cancel), What::Switch(cancel), now_ms, out);
        if sent.is_none() {
            self.dead_man.unsent();
        }
        sent
    }

    /// Writes the transaction that takes an armed switch back. Cold.
    pub fn disarm(&mut self, now_ms: u64, out: &mut [u8]) -> Option<usize> {
        if self.dead_man.switch() != Switch::Armed {
            return None;
        }
        let abort = CancelAll::Abort;
        self.post(&Tx::CancelAll(abort), What::Switch(abort), now_ms, out)
    }

    pub fn switch(&self) -> Switch {
        self.dead_man.switch()
    }

    /// Writes the next transaction that sets a market's leverage, where one is left. Cold.
    pub fn set_leverage(&mut self, now_ms: u64, out: &mut [u8]) -> Option<usize> {
        let &(market, Leverage { times, isolated }) = self.leverages.last()?;
        // The share of margin in 10^-4, rounded up: never more leverage than is meant.
        let share = 10_000u32.div_ceil(times.max(1));
        let tx = Tx::UpdateLeverage {
            market,
            initial_margin_fraction: u16::try_from(share).unwrap_or(u16::MAX),
            mode: if isolated { MarginMode::Isolated } else { MarginMode::Cross },
        };
        let len = self.post(&tx, What::Leverage, now_ms, out)?;
        self.leverages.pop();
        Some(len)
    }

    pub fn take_leverage_refused(&mut self) -> Option<RejectReason> {
        self.leverage_refused.take()
    }

    /// Tells `sink` what the rate rules leave, when that is due.
    pub fn rate_report(&mut self, now_ms: u64, recv: Stamp, sink: &mut impl Sink) {
        self.forget_unanswered(now_ms);
        let in_flight = (self.waiting.len() * 1000 / WAITING_MAX) as u64;
        if let Some(event) = self.rate.report(in_flight, now_ms, recv)
            && !sink.put(event)
        {
            self.rate.unsaid();
        }
    }

    pub fn rate(&self) -> &Rate {
        &self.rate
    }

    /// Frames whose transactions have expired are not answered any more. What they were about, the core
    /// asks. Of a nonce that may or may not be used nothing is concluded: the venue refuses the next
    /// one if it was not.
    fn forget_unanswered(&mut self, now_ms: u64) {
        let before = self.waiting.len();
        let lanes = &self.lanes;
        self.waiting.retain(|w| now_ms <= lanes[w.lane].codec.expires_ms(w.sent_ms));
        self.unanswered += (before - self.waiting.len()) as u64;
    }

    /// The connection ended at this time.
    pub fn lost(&mut self, now_ms: u64) {
        self.unanswered += self.waiting.len() as u64;
        self.waiting.clear();
        self.dead_man.lost();
        self.renew = false;
        self.answered = true;
        for lane in &mut self.lanes {
            // What was on its way used its nonces or did not.
            lane.desync();
        }
        self.missed(now_ms);
    }

    /// Takes nonces, tier and missed fills of a view. Cold.
    pub fn take_view(&mut self, view: &VenueView) {
        self.wants_view = false;
        for lane in &mut self.lanes {
            let key = lane.codec.sender().api_key;
            let at_work = self.waiting.iter().any(|w| w.key == key);
            let next = view.nonces.iter().find(|next| next.key == key);
            // While frames are on their way, what the venue counts is not what it will count.
            if let (Some(next), false, false) = (next, lane.is_synced(), at_work) {
                lane.sync(next.nonce);
            }
        }
        if let Some(tier) = view.tier {
            let tier = Tier { sends_per_minute: tier.per_minute, has_quota: tier.has_quota };
            self.rate.set_tier(tier);
        }
        if let Some(since) = self.missed_since_ms
            && !view.fills.is_empty()
        {
            let (names, events) = (&mut self.names, &mut self.recovered);
            match self.user.decode_trades_named(since, &view.fills, names, events) {
                Ok(_) => self.missed_since_ms = None,
                // The next view is read again; positions that differ are found by the core.
                Err(_) => self.unread_fills += 1,
            }
        }
    }

    /// Fills that a view has shown go to `sink`; `false` while there are more.
    pub fn tell_recovered(&mut self, sink: &mut impl Sink) -> bool {
        let told = self.recovered.iter().take_while(|event| sink.put(**event)).count();
        self.recovered.drain(..told);
        self.recovered.is_empty()
    }
}
