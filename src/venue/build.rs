//! Cold. The faces of a venue from its name, markets, account and key: the one place, beside the faces
//! themselves, that names every venue. What is done for each lies in `build.rs` of its folder.

pub use super::account::{Leverage, Options};
pub use super::lighter::build::{KEY_LEN as API_KEY_LEN, NoAccess};
use super::rest::{Pass, VenueRest};
use super::{MarketFeed, VenueAccount, hyperliquid, lighter};
use crate::event::RejectReason;
use crate::instrument::{InstrumentSpec, Symbol, VenueId};
use crate::venue::eip712::{self, Address};
use crate::venue::nonces::FillError;
use zeroize::Zeroizing;

/// Which of a venue's chains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    Mainnet,
    Testnet,
}

/// The venue's markets can be described, not traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotTraded(pub VenueId);

impl std::fmt::Display for NotTraded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: this venue's markets can be described and checked, not traded",
            self.0.name()
        )
    }
}

impl std::error::Error for NotTraded {}

/// WebSocket and REST base of a venue.
pub const fn hosts(
    venue: VenueId,
    network: Network,
) -> Result<(&'static str, &'static str), NotTraded> {
    match venue {
        VenueId::Hyperliquid => Ok(hyperliquid::build::hosts(network)),
        VenueId::Lighter => Ok(lighter::build::hosts(network)),
        VenueId::Nado => Err(NotTraded(venue)),
    }
}

/// The public side, for markets of one venue: instrument `i` is `specs[i]`.
pub fn feed(
    venue: VenueId,
    specs: &[InstrumentSpec],
    options: &Options,
) -> Result<MarketFeed, NotTraded> {
    match venue {
        VenueId::Hyperliquid => {
            Ok(MarketFeed::Hyperliquid(hyperliquid::build::feed(specs, options)))
        }
        VenueId::Lighter => Ok(MarketFeed::Lighter(lighter::build::feed(specs))),
        VenueId::Nado => Err(NotTraded(venue)),
    }
}

/// Whose account it is: what a question needs that no key must sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Hyperliquid(hyperliquid::build::Owner),
    Lighter(lighter::build::Owner),
}

/// What is traded, as `--account` or `--vault` names it.
impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // What is traded.
            Owner::Hyperliquid(owner) => owner.traded().fmt(f),
            Owner::Lighter(owner) => owner.fmt(f),
        }
    }
}

impl Owner {
    /// Reads `--account`; the error says what to write.
    pub fn parse(venue: VenueId, text: &str) -> Result<Owner, &'static str> {
        match venue {
            VenueId::Hyperliquid => Address::parse(text.as_bytes())
                .map(Owner::of_address)
                .ok_or(hyperliquid::build::ADDRESS),
            VenueId::Lighter => lighter::build::Owner::parse(text)
                .map(Owner::Lighter)
                .ok_or("write ACCOUNT, ACCOUNT:KEY or ACCOUNT:KEY:HEDGE_KEY, their indices"),
            VenueId::Nado => Err("this venue is not traded"),
        }
    }

    /// The account of an address, at a venue that knows accounts by it.
    pub fn of_address(address: Address) -> Owner {
        Owner::Hyperliquid(hyperliquid::build::Owner::of(address))
    }

    /// Reads `--vault`, the sub-account or vault that is traded in the account's place; the error says
    /// what to write.
    pub fn with_vault(self, text: &str) -> Result<Owner, &'static str> {
        match self {
            Owner::Hyperliquid(owner) => owner.with_vault(text).map(Owner::Hyperliquid),
            Owner::Lighter(_) => {
                Err("a sub-account has an index of its own here: name it as --account")
            }
        }
    }

    /// Whose agents sign; `None` at a venue that knows accounts by another name.
    pub fn address(self) -> Option<Address> {
        match self {
            Owner::Hyperliquid(owner) => Some(owner.account),
            Owner::Lighter(_) => None,
        }
    }

    /// API keys that sign for it, each of [`API_KEY_LEN`] bytes; none where an agent does.
    pub fn api_keys(self) -> usize {
        match self {
            Owner::Hyperliquid(_) => 0,
            Owner::Lighter(owner) => owner.keys().len(),
        }
    }

    /// An account without a history.
    pub fn nobody(venue: VenueId) -> Result<Owner, NotTraded> {
        match venue {
            VenueId::Hyperliquid => Ok(Owner::of_address(Address([0; 20]))),
            // An account that none has: what is public needs none.
            VenueId::Lighter => Ok(Owner::Lighter(lighter::build::Owner::NOBODY)),
            VenueId::Nado => Err(NotTraded(venue)),
        }
    }

    /// The REST side of the account and these markets: instrument `i` is `symbols[i]`.
    pub fn rest(self, symbols: &[Symbol]) -> VenueRest {
        match self {
            Owner::Hyperliquid(owner) => {
                VenueRest::Hyperliquid(hyperliquid::rest::Rest::new(owner, symbols))
            }
            Owner::Lighter(owner) => VenueRest::Lighter(owner.rest(symbols)),
        }
    }
}

/// The account that is traded, with its keys.
#[derive(Debug)]
pub enum Access {
    Hyperliquid(hyperliquid::build::Access),
    Lighter(lighter::build::Access),
}

impl Access {
    /// An account at a venue that signs by EIP-712, traded itself, and its agent. `pool`: nonces
    /// prepared at most; `None` signs every order the slow way.
    pub fn agent(
        network: Network,
        owner: Address,
        agent: eip712::Signer,
        pool: Option<usize>,
    ) -> Access {
        Access::Hyperliquid(hyperliquid::build::Access::new(network, owner, agent, pool))
    }

    /// As [`Access::agent`], for whatever `owner` trades.
    pub fn by_agent(
        network: Network,
        owner: Owner,
        agent: eip712::Signer,
        pool: Option<usize>,
    ) -> Result<Access, NoAccess> {
        match owner {
            Owner::Hyperliquid(owner) => {
                let access = hyperliquid::build::Access::new(network, owner, agent, pool);
                Ok(Access::Hyperliquid(access))
            }
            Owner::Lighter(owner) => Err(NoAccess::Count { stated: owner.keys().len(), given: 0 }),
        }
    }

    /// An account at a venue that knows its API keys by number: the private key of each, in the order
    /// of `owner`. `pool`: as for [`Access::agent`], for each key.
    pub fn keyed(
        network: Network,
        owner: Owner,
        secrets: Vec<Zeroizing<[u8; API_KEY_LEN]>>,
        pool: Option<usize>,
    ) -> Result<Access, NoAccess> {
        match owner {
            Owner::Hyperliquid(_) => Err(NoAccess::Count { stated: 0, given: secrets.len() }),
            Owner::Lighter(owner) => {
                lighter::build::Access::new(network, owner, secrets, pool).map(Access::Lighter)
            }
        }
    }

    /// The keys as [`super::rest::Topic::Key`] takes them.
    pub fn keys(&self) -> Vec<String> {
        match self {
            Access::Hyperliquid(access) => {
                let agent = access.signer.address().text();
                vec![String::from_utf8_lossy(&agent).into_owned()]
            }
            Access::Lighter(access) => access.keys(),
        }
    }

    /// What the questions before a session may show.
    pub fn pass(&mut self, now_ms: u64) -> Pass {
        match self {
            Access::Hyperliquid(_) => Pass::default(),
            Access::Lighter(access) => access.pass(now_ms),
        }
    }

    /// An auth token that is good for so many seconds; `None` at a venue without them.
    pub fn token(&mut self, now_s: u64, life_s: u64) -> Option<String> {
        match self {
            Access::Hyperliquid(_) => None,
            Access::Lighter(access) => access.token(now_s, life_s),
        }
    }

    pub fn venue(&self) -> VenueId {
        match self {
            Access::Hyperliquid(_) => VenueId::Hyperliquid,
            Access::Lighter(_) => VenueId::Lighter,
        }
    }

    pub fn owner(&self) -> Owner {
        match self {
            Access::Hyperliquid(access) => Owner::Hyperliquid(access.owner),
            Access::Lighter(access) => Owner::Lighter(access.owner),
        }
    }

    /// What keeps the nonce pools full, taken out once.
    pub fn fillers(&mut self) -> Vec<Filler> {
        match self {
            Access::Hyperliquid(access) => {
                access.filler.take().map(Filler::Eip712).into_iter().collect()
            }
            Access::Lighter(access) => access.fillers().into_iter().map(Filler::Schnorr).collect(),
        }
    }

    /// The account's side. Client order ids have this run's tag.
    pub fn account(
        self,
        run_tag: u64,
        specs: &[InstrumentSpec],
        options: &Options,
    ) -> VenueAccount {
        match self {
            Access::Hyperliquid(access) => {
                VenueAccount::Hyperliquid(access.account(run_tag, specs, options))
            }
            Access::Lighter(access) => {
                VenueAccount::Lighter(access.account(run_tag, specs, options))
            }
        }
    }
}

/// The producing end of a signer's nonce pool: belongs to a cold thread.
#[derive(Debug)]
pub enum Filler {
    Eip712(eip712::PoolFiller),
    Schnorr(lighter::crypto::pool::PoolFiller),
}

impl Filler {
    /// Adds up to `most` nonces; fewer when the pool is full.
    pub fn fill(&mut self, most: usize) -> Result<usize, FillError> {
        match self {
            Filler::Eip712(filler) => filler.fill(most),
            Filler::Schnorr(filler) => filler.fill(most),
        }
    }
}

/// A venue's refusal of an order, in its own words.
pub fn reject_reason(venue: VenueId, text: &[u8]) -> RejectReason {
    match venue {
        VenueId::Hyperliquid => hyperliquid::errors::reject_reason(text),
        VenueId::Lighter => {
            code(text).map_or(RejectReason::Unrecognized, lighter::errors::reject_reason)
        }
        VenueId::Nado => RejectReason::Unrecognized,
    }
}

/// Does a venue's refusal of a cancel say that the order is not there any more?
pub fn cancel_gone(venue: VenueId, text: &[u8]) -> bool {
    match venue {
        VenueId::Hyperliquid => hyperliquid::errors::cancel_gone(text),
        VenueId::Lighter => code(text)
            .is_some_and(|code| lighter::errors::reaction(code) == lighter::errors::Reaction::Ask),
        VenueId::Nado => false,
    }
}

/// The number of a refusal whose text is one.
fn code(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
