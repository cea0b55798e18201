//! Cold. What the venue says of our account, over REST, on a thread of its own: positions and open
//! orders at the start and after every reconnect.

use super::clock::Clock;
use super::fates::Fates;
use super::rescue::Rescue;
use super::rest;
use crate::net::Endpoint;
use crate::venue::rest::{OpenOrder, Pass, Topic, VenueRest, VenueView};
use crossbeam::channel::{Receiver, TryRecvError, bounded};

/// Asks for the venue's view without blocking the thread that wants it.
#[derive(Debug)]
pub struct Reconciler {
    base: Endpoint,
    rest: VenueRest,
    clock: Clock,
    pending: Option<Receiver<Result<VenueView, String>>>,
}

impl Reconciler {
    /// `base`: the venue's REST base.
    pub fn new(base: &Endpoint, rest: VenueRest, clock: Clock) -> Reconciler {
        Reconciler { base: base.clone(), rest, clock, pending: None }
    }

    /// The second path to the same account.
    pub fn rescue(&self) -> Rescue {
        Rescue::new(&self.base, self.rest.clone(), self.clock.clone())
    }

    /// What becomes of single orders, asked at the same place.
    pub fn fates(&self) -> Fates {
        Fates::new(&self.base, self.rest.clone(), self.clock.clone())
    }

    /// Starts asking, unless that is under way.
    pub fn start(&mut self, pass: Pass) {
        if self.pending.is_some() {
            return;
        }
        let (tx, rx) = bounded(1);
        let (base, rest, clock) = (self.base.clone(), self.rest.clone(), self.clock.clone());
        let ask = move || {
            let _ = tx.send(view(&base, &rest, &pass, &clock));
        };
        // Without a thread the receiver is disconnected, which is a failed try.
        let _ = std::thread::Builder::new().name("reconcile".into()).spawn(ask);
        self.pending = Some(rx);
    }

    /// The view when it is there.
    pub fn poll(&mut self) -> Option<Result<VenueView, String>> {
        let result = match self.pending.as_ref()?.try_recv() {
            Ok(result) => result,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err("the request's thread ended".to_owned()),
        };
        self.pending = None;
        if let Err(error) = &result {
            tracing::warn!(%error, "the venue's view of the account could not be read");
        }
        Some(result)
    }

    /// The view now, blocking: for the last cancels.
    pub fn view(&self, pass: &Pass) -> Result<VenueView, String> {
        view(&self.base, &self.rest, pass, &self.clock)
    }

    /// A question whose connection is gone has no use any more.
    pub fn forget(&mut self) {
        self.pending = None;
    }
}

fn view(
    base: &Endpoint,
    rest: &VenueRest,
    pass: &Pass,
    clock: &Clock,
) -> Result<VenueView, String> {
    let answers = rest::ask(base, rest, Topic::View, pass, clock)?;
    rest.view(&answers).map_err(|error| error.to_string())
}

/// The open orders, blocking.
pub fn open_orders(
    base: &Endpoint,
    rest: &VenueRest,
    pass: &Pass,
    clock: &Clock,
) -> Result<Vec<OpenOrder>, String> {
    let answers = rest::ask(base, rest, Topic::OpenOrders, pass, clock)?;
    rest.open_orders(&answers).map_err(|error| error.to_string())
}
