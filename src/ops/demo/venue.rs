//! Cold. The demo's venue: an exchange, a market on it, an account with an agent, a server.

use super::DemoArgs;
use crate::config::Config;
use crate::instrument::{Instrument, InstrumentSpec, Symbol};
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
use crate::sim::server::{self, AccountSpec, ServerConfig, ServerHandle};
use crate::units::{Nanos, Notional, SCALE};
use crate::venue::build::{Access, Network, Owner};
use crate::venue::eip712::{Address, Signer};
use crate::venue::rest::Pass;
use std::path::PathBuf;

/// Quote that the demo's account begins with.
const CASH: i64 = 10_000;

#[derive(Debug)]
pub struct Venue {
    /// For faults, and for a look at the exchange.
    pub server: ServerHandle,
    pub account: AccountId,
    pub owner: Address,
    agent_key: [u8; 32],
    run_tag: u64,
}

/// A key of the demo's own; it opens nothing but the embedded venue.
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
        return scenario::find(name)?.stage(args.seed, now);
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

/// Starts the venue; its market plays from a little before now, so that there is a book at once.
pub fn start(stage: Stage, port: u16, clock: &Clock) -> Result<Venue, Failure> {
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
        // A 20th of the market's block of 70 ms at the demo's usual speed.
        tick: std::time::Duration::from_micros(500),
        // The engine's pings are real time, as at a real venue: so is this minute.
        idle_close: Some(Nanos::from_secs(60 * u64::from(clock.speed()))),
        ..ServerConfig::local()
    };
    let time = clock.clone();
    let server = server::start(config, exchange, market, Box::new(move || time.now()))
        .map_err(Failure::environment)?;
    tracing::info!(url = %server.http_url(), account = %owner, "the embedded venue listens");
    let run_tag = u64::from_be_bytes(random::<8>()?);
    Ok(Venue { server, account, owner, agent_key, run_tag })
}

impl Venue {
    pub fn ws_url(&self) -> String {
        self.server.ws_url()
    }

    pub fn http_url(&self) -> String {
        self.server.http_url()
    }

    /// The markets' rules as the venue states them, over REST like at any venue.
    pub fn specs(&self, symbols: &[Symbol], clock: &Clock) -> Result<Vec<InstrumentSpec>, Failure> {
        let rest = Endpoint::parse(&self.http_url()).map_err(Failure::environment)?;
        let asked = start::Venue { rest, clock: clock.clone() };
        asked.specs(&mut Owner::of_address(self.owner).rest(symbols), &Pass::default())
    }

    /// A session that trades on this venue, by `specs` (see [`Venue::specs`]).
    pub fn session(
        &self,
        wiring: &Wiring,
        specs: Vec<InstrumentSpec>,
        clock: &Clock,
    ) -> Result<Spec, Failure> {
        let core = wiring.config.core(&specs).map_err(Failure::config)?;
        let signer = Signer::new(self.agent_key).map_err(|_| Failure::bug("the demo's own key"))?;
        let pool = wiring.pooled.then_some(256);
        let access = Access::agent(Network::Mainnet, self.owner, signer, pool);
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
