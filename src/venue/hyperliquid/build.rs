//! Cold. Everything that a session needs of Hyperliquid, from markets, an account and its agent's key.

use super::Options;
use super::account::Account;
use super::feed::FeedCodec;
use super::orders::{CodecConfig, OrderCodec};
use super::rest::Rest;
use super::user::UserCodec;
use crate::instrument::{InstId, InstrumentSpec, Symbol};
use crate::venue::build::Network;
use crate::venue::eip712::{Address, PoolFiller, PooledSigner, Signer, nonce_pool};

/// WebSocket and REST base.
pub const fn hosts(network: Network) -> (&'static str, &'static str) {
    match network {
        Network::Mainnet => ("wss://api.hyperliquid.xyz/ws", "https://api.hyperliquid.xyz"),
        Network::Testnet => {
            ("wss://api.hyperliquid-testnet.xyz/ws", "https://api.hyperliquid-testnet.xyz")
        }
    }
}

/// The account that is traded, and who signs for it.
#[derive(Debug)]
pub struct Access {
    pub network: Network,
    pub owner: Address,
    pub signer: PooledSigner,
    /// Fills the signer's nonce pool, when it has one.
    pub filler: Option<PoolFiller>,
}

impl Access {
    /// `pool`: nonces prepared at most; without one every order is signed the RFC 6979 way.
    pub fn new(network: Network, owner: Address, signer: Signer, pool: Option<usize>) -> Access {
        let (signer, filler) = match pool {
            Some(most) => {
                let (filler, taker) = nonce_pool(&signer, most);
                (PooledSigner::with_pool(signer, taker), Some(filler))
            }
            None => (PooledSigner::deterministic(signer), None),
        };
        Access { network, owner, signer, filler }
    }

    /// The account's side. Client order ids have this run's tag.
    pub fn account(self, run_tag: u64, specs: &[InstrumentSpec], options: &Options) -> Account {
        let ids = || (0..).map(InstId);
        let markets: Vec<_> = ids().zip(specs.iter().map(|s| s.symbol)).collect();
        let codec = OrderCodec::new(CodecConfig {
            network: self.network,
            vault: None,
            run_tag,
            assets: ids().zip(specs.iter().map(|s| s.asset)).collect(),
            order_ttl_ms: None,
            ioc_priority: None,
            builder: None,
        });
        let user = UserCodec::new(run_tag, &markets);
        let account = Account::new(codec, user, self.signer, self.owner);
        account.with(options, specs.iter().map(|s| s.asset))
    }

    pub fn rest(&self, symbols: &[Symbol]) -> Rest {
        Rest::new(self.owner, symbols)
    }
}

pub fn feed(specs: &[InstrumentSpec], options: &Options) -> FeedCodec {
    let markets: Vec<_> = (0..).map(InstId).zip(specs.iter().map(|s| s.symbol)).collect();
    let codec = FeedCodec::new(&markets).with_depths(&options.book_levels);
    codec.with_fast(options.fast_books).with_deltas(options.l2_deltas)
}
