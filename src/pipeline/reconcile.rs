//! Cold. What the venue says of our account, over REST, on a thread of its own: positions and open
//! orders at the start and after every reconnect.

use super::clock::Clock;
use crate::net::http::HttpLimits;
use crate::net::{Endpoint, http_post};
use crate::venue::eip712::Address;
use crate::venue::hyperliquid::info::{self, OpenOrder, Position};
use crossbeam::channel::{Receiver, TryRecvError, bounded};

/// The venue's view at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VenueView {
    pub positions: Vec<Position>,
    pub orders: Vec<OpenOrder>,
    /// Raw 10^-8 quote; `None` where the answer has none that can be read.
    pub equity: Option<i64>,
}

/// Asks for the venue's view without blocking the thread that wants it.
#[derive(Debug)]
pub struct Reconciler {
    info: Endpoint,
    owner: Address,
    clock: Clock,
    pending: Option<Receiver<Result<VenueView, String>>>,
}

impl Reconciler {
    /// `rest`: the venue's REST base.
    pub fn new(rest: &Endpoint, owner: Address, clock: Clock) -> Reconciler {
        Reconciler { info: rest.with_path("/info"), owner, clock, pending: None }
    }

    /// Starts asking, unless that is under way.
    pub fn start(&mut self) {
        if self.pending.is_some() {
            return;
        }
        let (tx, rx) = bounded(1);
        let (info, owner, clock) = (self.info.clone(), self.owner, self.clock.clone());
        let ask = move || {
            let _ = tx.send(view(&info, owner, &clock));
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
    pub fn view(&self) -> Result<VenueView, String> {
        view(&self.info, self.owner, &self.clock)
    }

    /// A question whose connection is gone has no use any more.
    pub fn forget(&mut self) {
        self.pending = None;
    }
}

/// Positions and open orders, blocking.
pub fn view(to: &Endpoint, owner: Address, clock: &Clock) -> Result<VenueView, String> {
    let owner = owner.text();
    let owner = String::from_utf8_lossy(&owner);
    let ask = |kind: &str| {
        let body = format!("{{\"type\":\"{kind}\",\"user\":\"{owner}\"}}");
        http_post(to, body.as_bytes(), &HttpLimits::default(), &|| clock.stamp().0)
            .map_err(|error| format!("{kind}: {error}"))
    };
    let malformed = |kind: &str| format!("{kind}: not what the venue documents");
    // Orders first: a fill between the two then shows in the position and is known by its trade id.
    let orders = info::open_orders(&ask("openOrders")?).ok_or_else(|| malformed("openOrders"))?;
    let state = ask("clearinghouseState")?;
    let positions = info::positions(&state).ok_or_else(|| malformed("clearinghouseState"))?;
    Ok(VenueView { positions, orders, equity: info::equity(&state) })
}
