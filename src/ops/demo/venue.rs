//! Cold. The demo's venue: an exchange, a market on it, an account with an agent, a server.

use super::DemoArgs;
use crate::config::Config;
use crate::instrument::{Instrument, InstrumentSpec, Symbol, VenueId};
use crate::net::Endpoint;
use crate::ops::Failure;
use crate::ops::run::start;
use crate::ops::scenario::{self, Stage};
use crate::pipeline::clock::Clock;
use crate::pipeline::table::Table;
use crate::session::Spec;
use crate::sim::exchange::{AccountId, Exchange, Market, Rules};
use crate::sim::flow::Flow;
use crate::sim::params::FlowParams;
use crate::sim::recording::Recording;
use crate::sim::server::{self, AccountSpec, ServerConfig, ServerHandle, lighter as dialect};
use crate::units::{Nanos, Notional, SCALE};
use crate::venue::build::{API_KEY_LEN, Access, Network, Owner};
use crate::venue::eip712::{Address, Signer};
use crate::venue::rest::Pass;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Quote that the demo's account begins with.
const CASH: i64 = 10_000;

#[derive(Debug)]
pub struct Venue {
    /// For faults, and for a look at the exchange.
    pub server: ServerHandle,
    pub account: AccountId,
    keys: Keys,
    run_tag: u64,
}

/// Whose account it is, and what signs for it. They open nothing but the embedded venue.
enum Keys {
    Agent {
        owner: Address,
        agent: [u8; 32],
    },
    /// One for what rests, one for what takes: the venue holds a key's transactions in their order.
    Api {
        owner: Owner,
        keys: [Zeroizing<[u8; API_KEY_LEN]>; 2],
    },
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::environment(format!("no randomness: {error}")))?;
    Ok(bytes)
}

/// What is asked of a venue's server and of the session that trades on it.
#[derive(Clone, Debug)]
pub struct Wiring {
    pub config: Config,
    pub table: Table,
    pub journal: PathBuf,
    /// Signs with a pool of prepared nonces.
    pub pooled: bool,
}

/// The market of the demo's arguments, from `now` on: a scenario's, a recording, or the calm one.
pub fn stage(args: &DemoArgs, now: Nanos) -> Result<Stage, Failure> {
    if let Some(name) = &args.scenario {
        return scenario::find(name)?.served(args.seed, now);
    }
    // A builder's market has no calibrated flow of its own.
    let name = match is_builders(&args.symbol) {
        false => args.symbol.clone(),
        true => format!("{}={BUILDERS_FLOW}", args.symbol),
    };
    let (instrument, params) = market(&name)?;
    let market: Box<dyn Market + Send> = match &args.data {
        None => Box::new(Flow::new(&instrument, params, args.seed, now)),
        Some(folder) => {
            let recording = Recording::open(folder, &args.symbol).map_err(Failure::environment)?;
            Box::new(recording.starting_at(now))
        }
    };
    let rules = Rules { seed: args.seed, ..Rules::default() };
    let mut exchange = Exchange::new(vec![instrument], rules);
    let account = exchange.open_account(Notional::from_raw(CASH * SCALE));
    Ok(Stage { exchange, account, market })
}

/// The market whose flow and settings a market of a builder's dex runs on.
pub const BUILDERS_FLOW: &str = "SOL";

/// A market of a builder's dex, `xyz:GOLD`: the embedded venue names them so.
pub fn is_builders(symbol: &str) -> bool {
    symbol.contains(':')
}

fn market(name: &str) -> Result<(Instrument, FlowParams), Failure> {
    let mut list = crate::ops::venue::markets(&[name.to_owned()])?;
    list.pop().ok_or_else(|| Failure::bug("a name without a market"))
}

/// Starts the venue in the language of its markets' venue.
pub fn start(stage: Stage, port: u16, clock: &Clock) -> Result<Venue, Failure> {
    let speaks = stage.exchange.instruments().next().map(|i| i.spec.venue);
    let account = stage.account;
    let (server, keys) = match speaks {
        Some(VenueId::Lighter) => lighter(stage, port, clock)?,
        _ => hyperliquid(stage, port, clock)?,
    };
    tracing::info!(url = %server.http_url(), "the embedded venue listens");
    let run_tag = u64::from_be_bytes(random::<8>()?);
    Ok(Venue { server, account, keys, run_tag })
}

/// A 20th of the market's block of 70 ms at the demo's usual speed.
const TICK: std::time::Duration = std::time::Duration::from_micros(500);

fn hyperliquid(stage: Stage, port: u16, clock: &Clock) -> Result<(ServerHandle, Keys), Failure> {
    let Stage { exchange, account, market } = stage;
    let (owner_key, agent_key) = (random::<32>()?, random::<32>()?);
    let address = |key: [u8; 32]| {
        Signer::new(key).map(|s| s.address()).map_err(|_| Failure::bug("a random key is no key"))
    };
    let (owner, agent) = (address(owner_key)?, address(agent_key)?);
    let config = ServerConfig {
        addr: ([127, 0, 0, 1], port).into(),
        accounts: vec![AccountSpec {
            address: owner.0,
            account,
            agents: vec![agent.0],
            master: None,
        }],
        tick: TICK,
        // The engine's pings are real time, as at a real venue: so is this minute.
        idle_close: Some(Nanos::from_secs(60 * u64::from(clock.speed()))),
        ..ServerConfig::local()
    };
    let time = clock.clone();
    let server = server::start(config, exchange, market, Box::new(move || time.now()))
        .map_err(Failure::environment)?;
    Ok((server, Keys::Agent { owner, agent: agent_key }))
}

/// The standard tier, whose limits hold: no fees, 60 requests with transactions a minute.
fn lighter(stage: Stage, port: u16, clock: &Clock) -> Result<(ServerHandle, Keys), Failure> {
    const INDEX: u64 = 1;
    const KEYS: [u8; 2] = [4, 5];
    let Stage { exchange, account, market } = stage;
    let seed = u64::from_be_bytes(random::<8>()?);
    let keys = KEYS.map(|key| dialect::crypto::test_key(seed, INDEX, key));
    let known =
        |(index, key)| dialect::ApiKey { index, public: dialect::crypto::PublicKey::of(key) };
    let real = u64::from(clock.speed());
    let config = dialect::LighterConfig {
        addr: ([127, 0, 0, 1], port).into(),
        accounts: vec![dialect::LighterAccount {
            index: INDEX,
            account,
            l1_address: [0x11; 20],
            keys: KEYS.into_iter().zip(&keys).map(known).collect(),
            tier: dialect::Tier::STANDARD,
        }],
        rates: dialect::LighterRates { limited: true, ..dialect::LighterRates::default() },
        tick: TICK,
        // The engine's pings are real time.
        heard_within: Some(Nanos::from_secs(120 * real)),
        ping_every: Some(Nanos::from_secs(60 * real)),
        ..dialect::LighterConfig::local()
    };
    let time = clock.clone();
    let server = server::start_lighter(config, exchange, market, Box::new(move || time.now()))
        .map_err(Failure::environment)?;
    let text = format!("{INDEX}:{}:{}", KEYS[0], KEYS[1]);
    let owner = Owner::parse(VenueId::Lighter, &text).map_err(Failure::bug)?;
    let keys = keys.map(|key| Zeroizing::new(key.to_bytes()));
    Ok((server, Keys::Api { owner, keys }))
}

impl Venue {
    pub fn ws_url(&self) -> String {
        self.server.ws_url()
    }

    /// Whose account is traded.
    pub fn owner(&self) -> Owner {
        match &self.keys {
            Keys::Agent { owner, .. } => Owner::of_address(*owner),
            Keys::Api { owner, .. } => *owner,
        }
    }

    fn access(&self, pooled: bool) -> Result<Access, Failure> {
        let pool = pooled.then_some(256);
        match &self.keys {
            Keys::Agent { owner, agent } => {
                let signer = Signer::new(*agent).map_err(|_| Failure::bug("the demo's own key"))?;
                Ok(Access::agent(Network::Mainnet, *owner, signer, pool))
            }
            Keys::Api { owner, keys } => {
                Access::keyed(Network::Mainnet, *owner, keys.to_vec(), pool).map_err(Failure::bug)
            }
        }
    }

    pub fn http_url(&self) -> String {
        self.server.http_url()
    }

    /// The markets' rules as the venue states them, over REST like at any venue.
    pub fn specs(&self, symbols: &[Symbol], clock: &Clock) -> Result<Vec<InstrumentSpec>, Failure> {
        let rest = Endpoint::parse(&self.http_url()).map_err(Failure::environment)?;
        let asked = start::Venue { rest, clock: clock.clone() };
        asked.specs(&mut self.owner().rest(symbols), &Pass::default())
    }

    /// A session that trades on this venue, by `specs` (see [`Venue::specs`]).
    pub fn session(
        &self,
        wiring: &Wiring,
        specs: Vec<InstrumentSpec>,
        clock: &Clock,
    ) -> Result<Spec, Failure> {
        let core = wiring.config.core(&specs).map_err(Failure::config)?;
        let access = self.access(wiring.pooled)?;
        Ok(Spec {
            market_ws: Endpoint::parse(&self.ws_url()).map_err(Failure::environment)?,
            ws: Endpoint::parse(&self.ws_url()).map_err(Failure::environment)?,
            rest: Endpoint::parse(&self.http_url()).map_err(Failure::environment)?,
            access,
            run_tag: self.run_tag,
            specs,
            options: crate::ops::options(&wiring.config),
            core,
            config_text: wiring.config.effective_toml(),
            table: wiring.table.clone(),
            journal: Some(wiring.journal.clone()),
            clock: clock.clone(),
        })
    }

    /// What the venue knows at the end.
    pub fn stop(self) -> Option<Exchange> {
        self.server.stop()
    }
}
