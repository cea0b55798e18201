//! Cold. What became of an order, where the venue says so over REST alone: one question at a time, on
//! a thread of its own.

use super::clock::Clock;
use super::rest;
use crate::event::{Event, OrderId, Stamp};
use crate::net::Endpoint;
use crate::venue::VenueAccount;
use crate::venue::rest::{Fate, Pass, Topic, VenueRest};
use crossbeam::channel::{Receiver, TryRecvError, bounded};

/// Questions that wait. The core asks again, so what finds no room is only late.
const WAITING_MAX: usize = 64;

#[derive(Debug)]
pub struct Fates {
    base: Endpoint,
    rest: VenueRest,
    clock: Clock,
    waiting: Vec<(OrderId, u128)>,
    asking: Option<(OrderId, Receiver<Result<Fate, String>>)>,
    /// An answer that waits for room.
    answer: Option<(OrderId, Fate)>,
}

impl Fates {
    pub fn new(base: &Endpoint, rest: VenueRest, clock: Clock) -> Fates {
        let waiting = Vec::new();
        Fates { base: base.clone(), rest, clock, waiting, asking: None, answer: None }
    }

    /// Nothing is under way: the only question on the hot path.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.asking.is_none() && self.answer.is_none()
    }

    /// Asks for the order with this client order id. `false`: there is no room.
    pub fn want(&mut self, order: OrderId, client: u128) -> bool {
        let asked = self.asking.as_ref().is_some_and(|(asked, _)| *asked == order);
        if asked || self.waiting.iter().any(|(waiting, _)| *waiting == order) {
            return true;
        }
        let room = self.waiting.len() < WAITING_MAX;
        if room {
            self.waiting.push((order, client));
        }
        room
    }

    /// Goes on; a question leaves with a pass of `venue`, which also says what an answer means for the
    /// order, and that goes to `put` when it has room.
    pub fn poll(
        &mut self,
        recv: Stamp,
        now_ms: u64,
        venue: &mut VenueAccount,
        mut put: impl FnMut(Event) -> bool,
    ) {
        if let Some((order, asking)) = &self.asking {
            let result = match asking.try_recv() {
                Ok(result) => result,
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => Err("the request's thread ended".to_owned()),
            };
            match result {
                // Where it says nothing yet, the core asks again when its time is over.
                Ok(fate) => {
                    self.answer = venue.judge(*order, &fate, now_ms).map(|fate| (*order, fate));
                }
                // The core asks again when its time is over.
                Err(error) => tracing::warn!(%error, "an order's fate could not be read"),
            }
            self.asking = None;
        }
        if let Some((order, Fate { state, filled, venue_oid, .. })) = self.answer {
            if !put(Event::OrderState { order, state, filled, venue_oid, recv }) {
                return;
            }
            self.answer = None;
        }
        if !self.waiting.is_empty() {
            let (order, client) = self.waiting.remove(0);
            self.start(order, client, venue.pass(now_ms));
        }
    }

    fn start(&mut self, order: OrderId, client: u128, pass: Pass) {
        let (tx, rx) = bounded(1);
        let (base, rest, clock) = (self.base.clone(), self.rest.clone(), self.clock.clone());
        let ask = move || {
            let topic = Topic::Fate(order.inst(), client);
            let answers = rest::ask(&base, &rest, topic, &pass, &clock);
            let fate =
                answers.and_then(|all| rest.fate(client, &all).map_err(|error| error.to_string()));
            // Nobody waits any more: the session has ended.
            drop(tx.send(fate));
        };
        if let Err(error) = std::thread::Builder::new().name("fate".into()).spawn(ask) {
            tracing::warn!(%error, "no thread to ask for an order's fate");
        }
        // Without a thread the receiver is disconnected, which is a failed try.
        self.asking = Some((order, rx));
    }
}
