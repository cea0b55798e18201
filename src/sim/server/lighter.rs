//! Cold. The server's second language: Lighter.
//!
//! The same loop, sockets and exchange as the first ([`super::start`]), with this venue's frames, rules
//! and delays ([`start_lighter`]). From the connection inwards: `hub.rs` (the protocol without
//! sockets), `channels.rs`, `feed.rs` and `private.rs` (what is published), `send.rs` and `check.rs`
//! (transactions on their way in, refused or taken), `exec.rs` (executed at their time), `rest.rs`,
//! `auth.rs` (tokens), `ledger.rs` (orders by this venue's numbers), `tx.rs` and `crypto/` (hashes and
//! signatures, on their own), `wire.rs` (how all of it is written).
//!
//! Not modelled: spot and binary options, trigger orders, groups, TWAP, isolated margin, transfers,
//! registering keys, maker-only keys, integrators, read-only tokens, self-trade options but the first,
//! entry quotes in trades, compressed frames.

mod auth;
mod channels;
mod check;
pub mod crypto;
mod directory;
mod exec;
mod faults;
mod feed;
pub(super) mod hub;
mod ledger;
mod private;
pub mod refusal;
mod rest;
mod send;
pub mod tx;
mod wire;

use std::net::SocketAddr;
use std::time::Duration;

use super::dialect::Dialect;
use super::verify::Address;
use super::{PeerLimits, ServerError, ServerHandle};
use crate::instrument::{GridSpec, InstId, Instrument, InstrumentSpec, SpecError, Symbol, VenueId};
use crate::sim::exchange::{AccountId, Exchange, Latency, Market, Rules};
use crate::units::{Bps, Nanos, Notional, Price, Qty, SCALE};

use crypto::PublicKey;
pub use faults::LighterFault;

/// How long the venue holds transactions back before they reach the matching engine, by what they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delays {
    /// IOC and market orders, and others that cross the book when they arrive.
    pub taker: Nanos,
    pub maker: Nanos,
    /// Cancels, modifies, and everything that is no order.
    pub cancel: Nanos,
}

/// What an account's tier decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// As `accountLimits` has it.
    pub name: &'static str,
    pub delays: Delays,
    /// In 10^-6 of the notional. For the making of markets: see [`perp`].
    pub maker_ticks: i64,
    pub taker_ticks: i64,
    /// Transactions that it begins with; `None`: they are not counted.
    pub quota: Option<u64>,
    /// Requests with transactions per minute.
    pub sends_per_min: u32,
}

impl Tier {
    /// Docs, "Account types", 2026-07.
    pub const STANDARD: Tier = Tier {
        name: "standard",
        delays: Delays {
            taker: Nanos::from_millis(300),
            maker: Nanos::from_millis(200),
            cancel: Nanos::from_millis(200),
        },
        maker_ticks: 0,
        taker_ticks: 0,
        quota: None,
        sends_per_min: 60,
    };
    pub const PLUS: Tier = Tier {
        name: "plus",
        maker_ticks: 50,
        taker_ticks: 50,
        sends_per_min: 8000,
        ..Tier::STANDARD
    };
    pub const PREMIUM: Tier = Tier {
        name: "premium",
        delays: Delays { taker: Nanos::from_millis(200), maker: Nanos::ZERO, cancel: Nanos::ZERO },
        maker_ticks: 40,
        taker_ticks: 280,
        quota: Some(1000),
        sends_per_min: 4000,
    };

    pub fn parse(name: &str) -> Option<Tier> {
        [Tier::STANDARD, Tier::PLUS, Tier::PREMIUM].into_iter().find(|tier| tier.name == name)
    }
}

/// A key that may sign for an account.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// 4..=254 for programs; 0 to 3 are the venue's own front ends'.
    pub index: u8,
    pub public: PublicKey,
}

/// An account that the server knows.
#[derive(Clone, Debug)]
pub struct LighterAccount {
    /// The venue's number of it.
    pub index: u64,
    pub account: AccountId,
    pub l1_address: Address,
    pub keys: Vec<ApiKey>,
    pub tier: Tier,
}

/// Which rules against too many requests hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LighterRates {
    /// A tier's requests per minute and its volume quota.
    pub limited: bool,
    /// Messages over WebSockets, transactions not counted.
    pub messages_per_min: Option<u32>,
    /// Weight of REST requests.
    pub weight_per_min: Option<u32>,
    /// Of one connection.
    pub subscriptions: usize,
}

impl LighterRates {
    /// As documented.
    pub const VENUE: LighterRates = LighterRates {
        limited: true,
        messages_per_min: Some(200),
        weight_per_min: Some(24_000),
        subscriptions: 500,
    };
}

impl Default for LighterRates {
    /// What protects the server: a demonstration runs minutes of market in seconds.
    fn default() -> LighterRates {
        LighterRates {
            limited: false,
            messages_per_min: None,
            weight_per_min: None,
            ..LighterRates::VENUE
        }
    }
}

/// What is configurable about the server; the exchange has its own rules: see [`rules`].
#[derive(Clone, Debug)]
pub struct LighterConfig {
    /// Port 0: the operating system chooses.
    pub addr: SocketAddr,
    /// What transactions are signed for: 304 mainnet, 300 testnet.
    pub chain_id: u32,
    pub accounts: Vec<LighterAccount>,
    pub rates: LighterRates,
    pub limits: PeerLimits,
    /// A WebSocket from which nothing was heard for so long is closed; the venue: two minutes.
    pub heard_within: Option<Nanos>,
    /// The venue's own pings; `None`: it sends none.
    pub ping_every: Option<Nanos>,
    /// How often changes of books are sent.
    pub book_every: Nanos,
    /// Longest real wait for sockets between two looks at the clock.
    pub tick: Duration,
}

impl LighterConfig {
    /// Loopback, a port of the system's choice, mainnet's number, no account, defaults.
    pub fn local() -> LighterConfig {
        LighterConfig {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            chain_id: 304,
            accounts: Vec::new(),
            rates: LighterRates::default(),
            limits: PeerLimits::default(),
            heard_within: Some(Nanos::from_secs(120)),
            ping_every: Some(Nanos::from_secs(60)),
            book_every: Nanos::from_millis(50),
            tick: Duration::from_millis(1),
        }
    }
}

/// Rules of an exchange under this dialect. It has no delay of its own, since the tier's are the venue's;
/// the dialect checks minimums and distances before.
pub fn rules(seed: u64) -> Rules {
    Rules {
        latency: Latency::Instant,
        seed,
        open_orders_max: 1500,
        leverage_max: 50,
        price_band_permille: u32::MAX,
        bbo_every: Nanos::ZERO,
        book_every: Nanos::from_secs(1),
        takers_have_minimum: false,
        ..Rules::default()
    }
}

/// A perp of this venue: a market counts in integers of its own decimals, so tick and lot are one unit of
/// them. Fees are the tier's.
pub fn perp(
    id: InstId,
    symbol: Symbol,
    market: u32,
    (px_decimals, sz_decimals): (u32, u32),
    (min_base, min_quote): (Qty, Notional),
    tier: Tier,
) -> Result<Instrument, SpecError> {
    let unit = |decimals: u32| {
        10i64
            .checked_pow(decimals)
            .and_then(|n| SCALE.checked_div(n))
            .ok_or(SpecError::GridOutOfScale)
    };
    let spec = InstrumentSpec {
        venue: VenueId::Lighter,
        symbol,
        asset: market,
        grid: GridSpec::Tick(Price(unit(px_decimals)?)),
        lot: Qty(unit(sz_decimals)?),
        min_size: min_base,
        min_notional: min_quote,
        // Raw basis points are 10^-8 of the notional.
        maker_fee: Bps(tier.maker_ticks * 100),
        taker_fee: Bps(tier.taker_ticks * 100),
    };
    Instrument::new(id, spec)
}

/// Starts a server thread that speaks Lighter; see [`super::start`].
pub fn start_lighter(
    config: LighterConfig,
    exchange: Exchange,
    market: Box<dyn Market + Send>,
    clock: Box<dyn Fn() -> Nanos + Send>,
) -> Result<ServerHandle, ServerError> {
    let directory = directory::Directory::new(&exchange, config.accounts.clone())?;
    let addr = config.addr;
    let hub = hub::Hub::new(exchange, market, directory, config);
    super::serve(addr, Dialect::Lighter(Box::new(hub)), clock)
}
