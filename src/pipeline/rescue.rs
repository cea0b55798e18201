//! Cold. The second path to the venue: while the account's socket is down, what rests is cancelled
//! by REST, by the venue's own list, so that no quote is left behind that nobody can move.
//!
//! The list is asked for and the cancels are posted on threads of their own; the step only signs.
//! Nothing is concluded from an answer: the next list says what is left, and it ends with an empty
//! one. What became of each order, the core asks when the socket is back.

use super::clock::Clock;
use super::{reconcile, rest};
use crate::net::Endpoint;
use crate::venue::VenueAccount;
use crate::venue::rest::{OpenOrder, Pass, VenueRest};
use crossbeam::channel::{Receiver, TryRecvError, bounded};

/// Real time between two lists. A list costs 20 of the 1200 that an address may spend a minute:
/// doubling from half a second to 8 s, the first minute has 10 lists of each dex.
const PAUSE_FIRST: u64 = 500_000_000;
const PAUSE_MOST: u64 = 8_000_000_000;

#[derive(Debug)]
enum State {
    /// The socket is up, or nothing rests any more.
    Idle,
    /// The next list is due at this stamp.
    Due(u64),
    Listing(Receiver<Result<Vec<OpenOrder>, String>>),
    Posting(Receiver<Result<(), String>>),
}

/// Cancels by REST what rests while there is no socket.
#[derive(Debug)]
pub struct Rescue {
    base: Endpoint,
    rest: VenueRest,
    clock: Clock,
    state: State,
    pause: u64,
}

impl Rescue {
    /// `base`: the venue's REST base.
    pub fn new(base: &Endpoint, rest: VenueRest, clock: Clock) -> Rescue {
        let (base, state) = (base.clone(), State::Idle);
        Rescue { base, rest, clock, state, pause: PAUSE_FIRST }
    }

    /// The socket went down: the first list is due at once.
    pub fn begin(&mut self) {
        self.pause = PAUSE_FIRST;
        self.state = State::Due(0);
    }

    /// The socket is back; its reconciliation does the rest.
    pub fn end(&mut self) {
        self.state = State::Idle;
    }

    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// One look; never blocks. `frame` is room for signed bodies. Returns how many orders were to be
    /// cancelled.
    pub fn step(&mut self, venue: &mut VenueAccount, frame: &mut [u8]) -> usize {
        match &self.state {
            State::Idle => 0,
            State::Due(at) => {
                if self.clock.stamp().0 >= *at {
                    let pass = venue.pass(self.clock.now().0 / 1_000_000);
                    self.list(pass);
                }
                0
            }
            State::Listing(list) => match received(list) {
                None => 0,
                Some(Ok(orders)) => self.cancel(orders, venue, frame),
                Some(Err(error)) => {
                    tracing::warn!(%error, "no socket, and the open orders could not be read");
                    self.later();
                    0
                }
            },
            State::Posting(posted) => {
                match received(posted) {
                    None => {}
                    Some(Ok(())) => self.later(),
                    Some(Err(error)) => {
                        tracing::warn!(%error, "no socket, and a cancel by REST failed");
                        self.later();
                    }
                }
                0
            }
        }
    }

    /// Until nothing rests or `tries` lists were read: for a thread whose core is gone. Blocks.
    pub fn finish(&mut self, tries: usize, venue: &mut VenueAccount, frame: &mut [u8]) {
        self.begin();
        let mut lists = 0;
        while !self.is_idle() && lists < tries {
            let due = matches!(self.state, State::Due(_));
            self.step(venue, frame);
            lists += usize::from(due && matches!(self.state, State::Listing(_)));
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        // The last answer is waited for, so that the process does not end before it was sent.
        while matches!(self.state, State::Listing(_) | State::Posting(_)) {
            self.step(venue, frame);
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    fn later(&mut self) {
        self.state = State::Due(self.clock.stamp().0 + self.pause);
        self.pause = (2 * self.pause).min(PAUSE_MOST);
    }

    fn list(&mut self, pass: Pass) {
        let (tx, rx) = bounded(1);
        let (base, rest, clock) = (self.base.clone(), self.rest.clone(), self.clock.clone());
        let ask = move || {
            // Nobody waits any more: the socket is back.
            let _ = tx.send(reconcile::open_orders(&base, &rest, &pass, &clock));
        };
        // Without a thread the receiver is disconnected, which is a failed try.
        let _ = std::thread::Builder::new().name("rescue".into()).spawn(ask);
        self.state = State::Listing(rx);
    }

    fn cancel(
        &mut self,
        mut orders: Vec<OpenOrder>,
        venue: &mut VenueAccount,
        frame: &mut [u8],
    ) -> usize {
        orders.retain(|order| order.inst.is_some());
        if orders.is_empty() {
            self.state = State::Idle;
            return 0;
        }
        let now_ms = self.clock.now().0 / 1_000_000;
        let mut requests = Vec::new();
        for request in venue.cancel_requests(&orders, now_ms, frame) {
            match request {
                Ok(request) => requests.push(request),
                Err(reason) => tracing::warn!(reason = reason.name(), "a cancel was not encoded"),
            }
        }
        tracing::warn!(orders = orders.len(), "no socket: cancelled by REST");
        let (tx, rx) = bounded(1);
        let (base, clock) = (self.base.clone(), self.clock.clone());
        let post = move || {
            let all = requests
                .iter()
                .try_for_each(|request| rest::fetch(&base, request, &clock).map(|_| ()));
            let _ = tx.send(all);
        };
        let _ = std::thread::Builder::new().name("rescue".into()).spawn(post);
        self.state = State::Posting(rx);
        orders.len()
    }
}

/// `None` while nothing has come; a thread that is gone is a failed try.
fn received<T>(from: &Receiver<Result<T, String>>) -> Option<Result<T, String>> {
    match from.try_recv() {
        Ok(result) => Some(result),
        Err(TryRecvError::Empty) => None,
        Err(TryRecvError::Disconnected) => Some(Err("the request's thread ended".to_owned())),
    }
}
