//! Cold. The demo's venue: an exchange, a market on it, an account with an agent, a server.

use super::DemoArgs;
use crate::instrument::{InstId, InstrumentSpec, Symbol};
use crate::net::http::HttpLimits;
use crate::net::{Endpoint, http_post};
use crate::ops::Failure;
use crate::pipeline::clock::Clock;
use crate::sim::exchange::{Exchange, Market, Rules, hyperliquid_perp};
use crate::sim::flow::Flow;
use crate::sim::params::{FlowParams, Scenario};
use crate::sim::recording::Recording;
use crate::sim::server::{self, AccountSpec, ServerConfig, ServerHandle};
use crate::units::{Notional, SCALE};
use crate::venue::eip712::{Address, Signer};
use crate::venue::hyperliquid::meta;

/// Quote that the demo's account begins with.
const CASH: i64 = 10_000;

pub struct Venue {
    server: ServerHandle,
    pub owner: Address,
    pub agent_key: [u8; 32],
    pub run_tag: u64,
}

/// A key of the demo's own; it opens nothing but the embedded venue.
fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::environment(format!("no randomness: {error}")))?;
    Ok(bytes)
}

/// Starts the venue; its market plays from a little before now, so that there is a book at once.
pub fn start(args: &DemoArgs, clock: &Clock) -> Result<Venue, Failure> {
    let symbol = Symbol::new(&args.symbol).ok_or_else(|| {
        Failure::usage(format!("--symbol {:?} is not a market's name", args.symbol))
    })?;
    let params = FlowParams::built_in(&args.symbol, Scenario::Calm).map_err(Failure::usage)?;
    let instrument = hyperliquid_perp(InstId(0), symbol, params.asset, params.sz_decimals)
        .map_err(|error| Failure::bug(error.name()))?;
    let now = clock.now();
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
    let (owner_key, agent_key) = (random::<32>()?, random::<32>()?);
    let address = |key: [u8; 32]| {
        Signer::new(key).map(|s| s.address()).map_err(|_| Failure::bug("a random key is no key"))
    };
    let (owner, agent) = (address(owner_key)?, address(agent_key)?);
    let config = ServerConfig {
        addr: ([127, 0, 0, 1], args.port).into(),
        accounts: vec![AccountSpec {
            address: owner.0,
            account,
            agents: vec![agent.0],
            master: None,
        }],
        // A 20th of the market's block of 70 ms at the demo's usual speed.
        tick: std::time::Duration::from_micros(500),
        ..ServerConfig::local()
    };
    let time = clock.clone();
    let server = server::start(config, exchange, market, Box::new(move || time.now()))
        .map_err(Failure::environment)?;
    let run_tag = u64::from_be_bytes(random::<8>()?);
    Ok(Venue { server, owner, agent_key, run_tag })
}

impl Venue {
    pub fn ws_url(&self) -> String {
        self.server.ws_url()
    }

    pub fn http_url(&self) -> String {
        self.server.http_url()
    }

    /// The market's rules as the venue states them, over REST like at any venue.
    pub fn spec(
        &self,
        rest: &Endpoint,
        symbol: &str,
        clock: &Clock,
    ) -> Result<InstrumentSpec, Failure> {
        let info = rest.with_path("/info");
        let ask = |body: String| {
            http_post(&info, body.as_bytes(), &HttpLimits::default(), &|| clock.stamp().0)
                .map_err(|error| Failure::environment(format!("the venue's /info: {error}")))
        };
        let owner = self.owner.text();
        let owner = String::from_utf8_lossy(&owner);
        let mut fees = ask(format!("{{\"type\":\"userFees\",\"user\":\"{owner}\"}}"))?;
        let fees = meta::fees(&mut fees).map_err(Failure::environment)?;
        let mut universe = ask("{\"type\":\"meta\"}".to_owned())?;
        meta::perp(&mut universe, symbol, fees).map_err(Failure::environment)
    }

    /// What the venue knows at the end.
    pub fn stop(self) -> Option<Exchange> {
        self.server.stop()
    }
}
