//! Cold. An exchange of ours behind a server on loopback, in the language of its markets' venue, with one
//! account and the keys that sign for it: what a demo and a paper run trade on.

use crate::instrument::VenueId;
use crate::ops::Failure;
use crate::ops::scenario::Stage;
use crate::pipeline::clock::Clock;
use crate::sim::exchange::{AccountId, Rules};
use crate::sim::server::{self, AccountSpec, ServerConfig, ServerHandle, lighter as dialect};
use crate::units::Nanos;
use crate::venue::build::{API_KEY_LEN, Access, Network, Owner};
use crate::venue::eip712::{Address, Signer};
use std::time::Duration;
use zeroize::Zeroizing;

/// Nonces that are prepared at most: several of the largest bursts.
const POOL: usize = 256;

/// A running venue of ours.
#[derive(Debug)]
pub struct Local {
    /// For faults, and for a look at the exchange.
    pub server: ServerHandle,
    pub account: AccountId,
    pub keys: Keys,
}

/// Whose account it is, and what signs for it. They open nothing but the venue that they were made with.
#[derive(Clone)]
pub enum Keys {
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

impl Keys {
    /// Whose account is traded.
    pub fn owner(&self) -> Owner {
        match self {
            Keys::Agent { owner, .. } => Owner::of_address(*owner),
            Keys::Api { owner, .. } => *owner,
        }
    }

    /// `pooled`: signs with nonces that are prepared.
    pub fn access(&self, pooled: bool) -> Result<Access, Failure> {
        let pool = pooled.then_some(POOL);
        match self {
            Keys::Agent { owner, agent } => {
                let signer = Signer::new(*agent).map_err(|_| Failure::bug("a key of our own"))?;
                Ok(Access::agent(Network::Mainnet, *owner, signer, pool))
            }
            Keys::Api { owner, keys } => {
                Access::keyed(Network::Mainnet, *owner, keys.to_vec(), pool).map_err(Failure::bug)
            }
        }
    }
}

pub fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::environment(format!("no randomness: {error}")))?;
    Ok(bytes)
}

/// The rules of an exchange that is served in a venue's language.
pub fn rules(venue: VenueId, seed: u64) -> Rules {
    match venue {
        VenueId::Lighter => dialect::rules(seed),
        VenueId::Hyperliquid | VenueId::Nado => Rules { seed, ..Rules::default() },
    }
}

/// How it is served.
#[derive(Clone, Copy, Debug)]
pub struct Serving {
    /// 0: a free one.
    pub port: u16,
    /// The longest real wait between two looks at the clock.
    pub tick: Duration,
}

/// Starts it in the language of its markets' venue.
pub fn start(stage: Stage, serving: Serving, clock: &Clock) -> Result<Local, Failure> {
    let speaks = stage.exchange.instruments().next().map(|i| i.spec.venue);
    match speaks {
        Some(VenueId::Lighter) => lighter(stage, serving, clock),
        _ => hyperliquid(stage, serving, clock),
    }
}

fn hyperliquid(stage: Stage, serving: Serving, clock: &Clock) -> Result<Local, Failure> {
    let Stage { exchange, account, market } = stage;
    let Serving { port, tick } = serving;
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
        tick,
        // The engine's pings are real time, as at a real venue: so is this minute.
        idle_close: Some(Nanos::from_secs(60 * u64::from(clock.speed()))),
        ..ServerConfig::local()
    };
    let time = clock.clone();
    let server = server::start(config, exchange, market, Box::new(move || time.now()))
        .map_err(Failure::environment)?;
    Ok(Local { server, account, keys: Keys::Agent { owner, agent: agent_key } })
}

/// The standard tier, whose limits hold: no fees, 60 requests with transactions a minute.
fn lighter(stage: Stage, serving: Serving, clock: &Clock) -> Result<Local, Failure> {
    const INDEX: u64 = 1;
    const KEYS: [u8; 2] = [4, 5];
    let Stage { exchange, account, market } = stage;
    let Serving { port, tick } = serving;
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
        tick,
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
    Ok(Local { server, account, keys: Keys::Api { owner, keys } })
}
