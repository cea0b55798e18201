//! Cold. A WebSocket and HTTP server that speaks Hyperliquid, or Lighter, over loopback.
//!
//! One thread owns an [`Exchange`], its [`Market`] and all sockets ([`start`]). The engine cannot
//! tell it from the venue: the frames have the recorded forms, actions need a valid signature of a
//! known agent, nonces are counted, refusals come in the venue's words. Beyond that a scenario can
//! break it on purpose ([`ServerFault`]).
//!
//! From the socket inwards: `socket.rs` and `peer.rs` (mio, httparse, tungstenite), `dialect.rs` (which
//! of the two is spoken; `lighter.rs` is the second), and of the first `hub.rs` (the protocol without
//! sockets), `subs.rs`, `actions.rs`, `info.rs` (what can be asked), `verify.rs`
//! (who signed), `rate.rs`, `tape.rs` (what is published), `wire.rs` (how it is written).
//!
//! Time is the argument `clock` of [`start`], the engine's own clock, so that both may run faster
//! than the world. Only the wait for sockets is real: at most [`ServerConfig::tick`].
//!
//! A hostile client is bounded, never waited for: heads, bodies, frames, queues and the number of
//! connections have limits; at the last one the oldest connection without a complete request makes
//! room, so that a slow-loris only evicts itself.

mod actions;
mod dialect;
mod directory;
mod hub;
mod info;
mod json;
mod l2;
pub mod lighter;
mod peer;
mod rate;
mod socket;
mod subs;
mod tape;
pub mod verify;
mod wire;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

pub use json::Json;
pub use lighter::crypto::PublicKey as LighterKey;
pub use lighter::{
    ApiKey as LighterApiKey, LighterAccount, LighterConfig, LighterFault, LighterRates,
    Tier as LighterTier, perp as lighter_perp, rules as lighter_rules, start_lighter,
};
pub use rate::{Rates, Requests};
use verify::Address;

use super::exchange::{AccountId, Exchange, Market};
use crate::instrument::InstId;
use crate::units::{Nanos, Notional, SCALE};

/// An account that the server knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSpec {
    /// The user's address: what private channels and `/info` ask for.
    pub address: Address,
    pub account: AccountId,
    /// Keys that may sign for it, beside its own.
    pub agents: Vec<Address>,
    /// For a sub-account or vault: whose agents may name it as `vaultAddress`.
    pub master: Option<Address>,
}

/// How often, in market time, the channels with a clock are sent, changed or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cadence {
    /// 20 levels a side. The venue: about 5 s since July 2026.
    pub l2_book: Nanos,
    /// 5 levels a side, with `"fast":true`.
    pub fast_l2_book: Nanos,
    /// `activeAssetCtx` and `allMids`.
    pub context: Nanos,
    /// `clearinghouseState` and `openOrders`; beside this, with the account's events.
    pub state: Nanos,
}

impl Default for Cadence {
    fn default() -> Cadence {
        Cadence {
            l2_book: Nanos::from_millis(500),
            fast_l2_book: Nanos::from_millis(500),
            context: Nanos::from_secs(1),
            state: Nanos::from_secs(5),
        }
    }
}

/// The named limits against clients that are hostile or slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerLimits {
    pub connections: usize,
    /// Head of an HTTP request, bytes.
    pub head_max: usize,
    /// Body of an HTTP request and WebSocket message, bytes. 200 orders are about 30 kB.
    pub body_max: usize,
    /// Bytes that may wait for one connection; beyond, it is closed.
    pub queue_max: usize,
}

impl Default for PeerLimits {
    fn default() -> PeerLimits {
        PeerLimits { connections: 64, head_max: 8 * 1024, body_max: 256 * 1024, queue_max: 8 << 20 }
    }
}

/// What is configurable about the server; the exchange has its own rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Port 0: the operating system chooses.
    pub addr: SocketAddr,
    /// Actions are signed for mainnet (`source` "a") or testnet ("b").
    pub mainnet: bool,
    pub accounts: Vec<AccountSpec>,
    /// Of the accounts with a master: those that it leads as vaults.
    pub vaults: Vec<Address>,
    /// Markets that take isolated margin only, as `meta` says it: `strictIsolated`, `noCross`, or
    /// "" for the flag alone.
    pub isolated: Vec<(InstId, &'static str)>,
    pub cadence: Cadence,
    pub rates: Rates,
    pub limits: PeerLimits,
    /// Volume that an account must have traded for `scheduleCancel`; the venue: 1,000,000 USDC.
    pub schedule_cancel_volume: Notional,
    /// A WebSocket to which nothing was sent for so long is closed; the venue: 60 s.
    pub idle_close: Option<Nanos>,
    /// Takes subscriptions to the undocumented channel `l2`.
    pub l2_deltas: bool,
    /// The first text is `Websocket connection established.`, as the venue may do.
    pub greeting: bool,
    /// Longest real wait for sockets between two looks at the clock.
    pub tick: Duration,
}

impl ServerConfig {
    /// Loopback, a port of the system's choice, no account, defaults.
    pub fn local() -> ServerConfig {
        ServerConfig {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            mainnet: true,
            accounts: Vec::new(),
            vaults: Vec::new(),
            isolated: Vec::new(),
            cadence: Cadence::default(),
            rates: Rates::default(),
            limits: PeerLimits::default(),
            schedule_cancel_volume: Notional::from_raw(1_000_000 * SCALE),
            idle_close: Some(Nanos::from_secs(60)),
            l2_deltas: true,
            greeting: false,
            tick: Duration::from_millis(1),
        }
    }
}

/// Why a server did not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerError {
    PortInUse(SocketAddr),
    Bind(SocketAddr, io::ErrorKind),
    /// No thread, no poll.
    System(io::ErrorKind),
    /// A market's number is not one of the dex that its name says, or not unique.
    AssetNumber {
        name: String,
        asset: u32,
    },
    /// An address for an account that the exchange does not have, or for the crowd.
    UnknownAccount(AccountId),
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServerError::PortInUse(addr) => write!(
                f,
                "{addr} is in use by another process: stop it, or configure port 0 to get a free one"
            ),
            ServerError::Bind(addr, kind) => write!(f, "cannot listen on {addr}: {kind}"),
            ServerError::System(kind) => write!(f, "cannot start the server: {kind}"),
            ServerError::AssetNumber { name, asset } => write!(
                f,
                "market {name} cannot have asset number {asset}: it is taken, or of another dex"
            ),
            ServerError::UnknownAccount(account) => {
                write!(f, "the exchange has no account {} to give an address", account.0)
            }
        }
    }
}

impl std::error::Error for ServerError {}

/// A connection of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PeerId(u64);

/// Which WebSocket connections a fault concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    All,
    /// Those without a private subscription.
    Market,
    /// Those with one.
    Private,
}

/// Bytes that no client should survive with a wrong book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadFrame {
    NotUtf8,
    ReservedOpcode,
    Masked,
    /// A header that announces 10 MB.
    Oversized,
    /// A well-formed frame of half a JSON text.
    BrokenJson,
    /// Half a frame, then the end of the stream.
    Truncated,
}

/// What a scenario can do to the connections. Faults of actions and fills are the exchange's: see
/// [`ServerHandle::with`] and `Exchange::add_fault`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerFault {
    /// Ends connections at once, without a close frame.
    Drop(Scope),
    /// Half-open: nothing is read or sent, the sockets stay. Until [`ServerFault::Heal`].
    Silence(Scope),
    /// Everything is sent so much later (market time). Until [`ServerFault::Heal`].
    Delay(Scope, Nanos),
    /// Sends such bytes once.
    Malformed(Scope, BadFrame),
    /// New connections are closed at once. Until [`ServerFault::Heal`].
    RefuseNew,
    /// New WebSockets are closed at once, HTTP is served. Until [`ServerFault::Heal`].
    RefuseWebSockets,
    /// Ends silence, delay and refusal.
    Heal,
}

/// What the server did, since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerStats {
    pub accepted: u64,
    /// Connections beyond the limit, and during [`ServerFault::RefuseNew`].
    pub refused: u64,
    /// Connections that made room before they had asked for anything.
    pub evicted: u64,
    /// Connections whose queue grew beyond the limit.
    pub slow_closed: u64,
    /// Connections closed because nothing was sent for the configured time.
    pub idle_closed: u64,
    /// Malformed HTTP or WebSocket bytes.
    pub protocol_errors: u64,
    pub messages_in: u64,
    pub messages_out: u64,
    pub http_requests: u64,
    /// Readable actions.
    pub actions: u64,
    /// Of those, refused as a whole before the exchange saw them.
    pub actions_refused: u64,
    /// Of those, for a signer that nobody knows.
    pub unknown_signers: u64,
}

/// What the thread is asked to do between two steps.
enum Command {
    Fault(ServerFault, mpsc::Sender<()>),
    Lighter(LighterFault, mpsc::Sender<()>),
    With(Box<dyn FnOnce(&mut Exchange) + Send>),
    Stats(mpsc::Sender<ServerStats>),
    Stop,
}

/// A running server. Dropping it stops the thread.
pub struct ServerHandle {
    addr: SocketAddr,
    ws_path: &'static str,
    commands: mpsc::Sender<Command>,
    waker: Arc<mio::Waker>,
    thread: Option<JoinHandle<Exchange>>,
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandle").field("addr", &self.addr).finish_non_exhaustive()
    }
}

/// Starts a server thread. `clock` gives the market's time; it must not go back.
pub fn start(
    config: ServerConfig,
    exchange: Exchange,
    market: Box<dyn Market + Send>,
    clock: Box<dyn Fn() -> Nanos + Send>,
) -> Result<ServerHandle, ServerError> {
    let directory = directory::Directory::new(&exchange, &config)?;
    let addr = config.addr;
    let hub = hub::Hub::new(exchange, market, directory, config);
    serve(addr, dialect::Dialect::Hyperliquid(Box::new(hub)), clock)
}

fn serve(
    wanted: SocketAddr,
    hub: dialect::Dialect,
    clock: Box<dyn Fn() -> Nanos + Send>,
) -> Result<ServerHandle, ServerError> {
    let ws_path = hub.ws_path();
    let listener = mio::net::TcpListener::bind(wanted).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => ServerError::PortInUse(wanted),
        kind => ServerError::Bind(wanted, kind),
    })?;
    let system = |error: io::Error| ServerError::System(error.kind());
    let addr = listener.local_addr().map_err(system)?;
    let poll = mio::Poll::new().map_err(system)?;
    let waker = Arc::new(mio::Waker::new(poll.registry(), socket::WAKE).map_err(system)?);
    let (commands, inbox) = mpsc::channel();
    let sockets = socket::Sockets::new(hub, poll, listener, inbox).map_err(system)?;
    let thread = std::thread::Builder::new()
        .name("venue".to_owned())
        .spawn(move || sockets.run(&*clock))
        .map_err(system)?;
    Ok(ServerHandle { addr, ws_path, commands, waker, thread: Some(thread) })
}

impl ServerHandle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `ws://127.0.0.1:port/ws`; of Lighter `/stream`.
    pub fn ws_url(&self) -> String {
        format!("ws://{}{}", self.addr, self.ws_path)
    }

    /// `http://127.0.0.1:port`, to which `/info` and `/exchange` are added; of Lighter `/api/v1/..`.
    pub fn http_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Injects a fault; done when this returns. `false` when the server has ended.
    pub fn fault(&self, fault: ServerFault) -> bool {
        let (done, wait) = mpsc::channel();
        self.send(Command::Fault(fault, done)) && wait.recv().is_ok()
    }

    /// Injects a fault of the Lighter dialect; done when this returns. `false` when the server has ended.
    /// A server of the other dialect takes no notice of it.
    pub fn lighter_fault(&self, fault: LighterFault) -> bool {
        let (done, wait) = mpsc::channel();
        self.send(Command::Lighter(fault, done)) && wait.recv().is_ok()
    }

    /// Runs `act` on the exchange between two steps and returns what it returns; `None` when the
    /// server has ended. What it does is told to subscribers before the next command is looked at.
    pub fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Exchange) -> T + Send + 'static,
    ) -> Option<T> {
        let (done, wait) = mpsc::channel();
        let act = Box::new(move |exchange: &mut Exchange| {
            // The caller waits; it is gone only when it panicked.
            let _ = done.send(act(exchange));
        });
        if self.send(Command::With(act)) { wait.recv().ok() } else { None }
    }

    /// `None` when the server has ended.
    pub fn stats(&self) -> Option<ServerStats> {
        let (done, wait) = mpsc::channel();
        if self.send(Command::Stats(done)) { wait.recv().ok() } else { None }
    }

    /// Ends the thread and returns the exchange as it was; `None` when the thread panicked.
    pub fn stop(mut self) -> Option<Exchange> {
        self.join()
    }

    fn send(&self, command: Command) -> bool {
        self.commands.send(command).is_ok() && self.waker.wake().is_ok()
    }

    fn join(&mut self) -> Option<Exchange> {
        let thread = self.thread.take()?;
        self.send(Command::Stop);
        thread.join().ok()
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        self.join();
    }
}
