//! Cold. What the venue says of our account, over REST, on a thread of its own: positions and open
//! orders at the start and after every reconnect.

use super::clock::Clock;
use super::rescue::Rescue;
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
    rest: Endpoint,
    owner: Address,
    /// Of the traded markets; "" is the first one.
    dexs: Vec<String>,
    clock: Clock,
    pending: Option<Receiver<Result<VenueView, String>>>,
}

impl Reconciler {
    /// `rest`: the venue's REST base.
    pub fn new(rest: &Endpoint, owner: Address, clock: Clock) -> Reconciler {
        let dexs = vec![String::new()];
        Reconciler { rest: rest.clone(), owner, dexs, clock, pending: None }
    }

    /// The coins that are traded: each dex has open orders and positions of its own.
    pub fn trades<'a>(&mut self, coins: impl Iterator<Item = &'a str>) {
        self.dexs = crate::venue::hyperliquid::meta::dexs(coins);
    }

    /// The second path to the same account.
    pub fn rescue(&self) -> Rescue {
        Rescue::new(&self.rest, self.owner, self.dexs.clone(), self.clock.clone())
    }

    /// Starts asking, unless that is under way.
    pub fn start(&mut self) {
        if self.pending.is_some() {
            return;
        }
        let (tx, rx) = bounded(1);
        let (info, owner, clock) = (self.rest.with_path("/info"), self.owner, self.clock.clone());
        let dexs = self.dexs.clone();
        let ask = move || {
            let _ = tx.send(view(&info, owner, &dexs, &clock));
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
        view(&self.rest.with_path("/info"), self.owner, &self.dexs, &self.clock)
    }

    /// A question whose connection is gone has no use any more.
    pub fn forget(&mut self) {
        self.pending = None;
    }
}

/// Positions and open orders on these dexs, blocking.
pub fn view(
    to: &Endpoint,
    owner: Address,
    dexs: &[String],
    clock: &Clock,
) -> Result<VenueView, String> {
    let mut view = VenueView { positions: Vec::new(), orders: Vec::new(), equity: None };
    // Orders first: a fill between the two then shows in the position and is known by its trade id.
    for dex in dexs {
        view.orders.extend(open_orders(to, owner, dex, clock)?);
    }
    for dex in dexs {
        let answer = ask(to, "clearinghouseState", owner, dex, clock)?;
        // Each dex has collateral of its own; what the account is worth is their sum.
        if let Some(worth) = info::equity(&answer) {
            view.equity = view.equity.unwrap_or(0).checked_add(worth);
        }
        let positions = info::positions(&answer);
        view.positions.extend(positions.ok_or_else(|| malformed("clearinghouseState"))?);
    }
    Ok(view)
}

/// The open orders on one dex, blocking.
pub fn open_orders(
    to: &Endpoint,
    owner: Address,
    dex: &str,
    clock: &Clock,
) -> Result<Vec<OpenOrder>, String> {
    let answer = ask(to, "openOrders", owner, dex, clock)?;
    info::open_orders(&answer).ok_or_else(|| malformed("openOrders"))
}

fn malformed(kind: &str) -> String {
    format!("{kind}: not what the venue documents")
}

fn ask(
    to: &Endpoint,
    kind: &str,
    owner: Address,
    dex: &str,
    clock: &Clock,
) -> Result<Vec<u8>, String> {
    let owner = owner.text();
    let owner = String::from_utf8_lossy(&owner);
    let body = serde_json::json!({"type": kind, "user": owner, "dex": dex}).to_string();
    http_post(to, body.as_bytes(), &HttpLimits::default(), &|| clock.stamp().0)
        .map_err(|error| format!("{kind}: {error}"))
}
