//! Cold. The second path to the venue: while the account's socket is down, what rests is cancelled
//! by REST, by the venue's own list, so that no quote is left behind that nobody can move.
//!
//! The list is asked for and the cancels are posted on threads of their own; the step only signs.
//! Nothing is concluded from an answer: the next list says what is left, and it ends with an empty
//! one. What became of each order, the core asks when the socket is back.

use super::clock::Clock;
use super::reconcile;
use crate::net::http::HttpLimits;
use crate::net::{Endpoint, http_post};
use crate::venue::VenueAccount;
use crate::venue::eip712::Address;
use crate::venue::hyperliquid::info::OpenOrder;
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
    rest: Endpoint,
    owner: Address,
    dexs: Vec<String>,
    clock: Clock,
    state: State,
    pause: u64,
}

impl Rescue {
    /// `rest`: the venue's REST base. `dexs`: those of the traded markets; "" is the first one.
    pub fn new(rest: &Endpoint, owner: Address, dexs: Vec<String>, clock: Clock) -> Rescue {
        let (rest, state) = (rest.clone(), State::Idle);
        Rescue { rest, owner, dexs, clock, state, pause: PAUSE_FIRST }
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

    /// One look; never blocks. `asset` gives the venue's number of a coin that is traded here, and
    /// `frame` is room for signed bodies. Returns how many cancels were signed.
    pub fn step(
        &mut self,
        venue: &mut VenueAccount,
        asset: impl Fn(&str) -> Option<u32>,
        frame: &mut [u8],
    ) -> usize {
        match &self.state {
            State::Idle => 0,
            State::Due(at) => {
                if self.clock.stamp().0 >= *at {
                    self.list();
                }
                0
            }
            State::Listing(list) => match received(list) {
                None => 0,
                Some(Ok(orders)) => self.cancel(&orders, venue, asset, frame),
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
    pub fn finish(
        &mut self,
        tries: usize,
        venue: &mut VenueAccount,
        asset: impl Fn(&str) -> Option<u32>,
        frame: &mut [u8],
    ) {
        self.begin();
        let mut lists = 0;
        while !self.is_idle() && lists < tries {
            let due = matches!(self.state, State::Due(_));
            self.step(venue, &asset, frame);
            lists += usize::from(due && matches!(self.state, State::Listing(_)));
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        // The last answer is waited for, so that the process does not end before it was sent.
        while matches!(self.state, State::Listing(_) | State::Posting(_)) {
            self.step(venue, &asset, frame);
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    fn later(&mut self) {
        self.state = State::Due(self.clock.stamp().0 + self.pause);
        self.pause = (2 * self.pause).min(PAUSE_MOST);
    }

    fn list(&mut self) {
        let (tx, rx) = bounded(1);
        let (info, owner) = (self.rest.with_path("/info"), self.owner);
        let (dexs, clock) = (self.dexs.clone(), self.clock.clone());
        let ask = move || {
            let mut orders = Vec::new();
            let read = dexs.iter().try_for_each(|dex| {
                orders.extend(reconcile::open_orders(&info, owner, dex, &clock)?);
                Ok(())
            });
            // Nobody waits any more: the socket is back.
            let _ = tx.send(read.map(|()| orders));
        };
        // Without a thread the receiver is disconnected, which is a failed try.
        let _ = std::thread::Builder::new().name("rescue".into()).spawn(ask);
        self.state = State::Listing(rx);
    }

    fn cancel(
        &mut self,
        orders: &[OpenOrder],
        venue: &mut VenueAccount,
        asset: impl Fn(&str) -> Option<u32>,
        frame: &mut [u8],
    ) -> usize {
        let ours = orders.iter().filter_map(|o| Some((asset(&o.coin)?, o.oid)));
        let cancels: Vec<(u32, u64)> = ours.collect();
        if cancels.is_empty() {
            self.state = State::Idle;
            return 0;
        }
        let now_ms = self.clock.now().0 / 1_000_000;
        let mut bodies = Vec::new();
        for some in cancels.chunks(crate::venue::hyperliquid::orders::BATCH_MAX) {
            match venue.cancel_body(some, now_ms, frame) {
                Ok(len) => bodies.push(frame[..len].to_vec()),
                Err(reason) => tracing::warn!(reason = reason.name(), "a cancel was not encoded"),
            }
        }
        tracing::warn!(orders = cancels.len(), "no socket: cancelled by REST");
        let (tx, rx) = bounded(1);
        let (to, clock) = (self.rest.with_path("/exchange"), self.clock.clone());
        let post = move || {
            let all = bodies.iter().try_for_each(|body| {
                http_post(&to, body, &HttpLimits::default(), &|| clock.stamp().0)
                    .map(|_| ())
                    .map_err(|error| error.to_string())
            });
            let _ = tx.send(all);
        };
        let _ = std::thread::Builder::new().name("rescue".into()).spawn(post);
        self.state = State::Posting(rx);
        cancels.len()
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
