//! Cold. What a session needs of Lighter, from its markets, an account and its API keys.

use super::account::Account;
use super::crypto::pool::{PoolFiller, PooledSigner, nonce_pool};
use super::crypto::schnorr::{BadKey, Signer};
use super::feed::FeedCodec;
use super::names::Names;
use super::orders::{CodecConfig, Market, NonceMode, OrderCodec};
use super::rest::Rest;
use super::token::{LIFE_MAX_S, auth_token};
use super::tx::{ACCOUNT_MAX, API_KEY_MAX, Sender};
use super::user::UserCodec;
use crate::instrument::{GridSpec, InstId, InstrumentSpec, Symbol};
use crate::units::SCALE;
use crate::venue::account::Options;
use crate::venue::build::Network;
use crate::venue::rest::Pass;
use zeroize::Zeroizing;

/// Bytes of a private key.
pub const KEY_LEN: usize = 40;
/// The key of an account that states none; those below 4 are the venue's own front ends'.
const KEY: u8 = 4;
/// The venue takes a transaction this long, ms. So long "no such order" is not believed.
const TX_TTL_MS: u64 = 10_000;
/// A resting order lives this long, ms: a day. A modify does not prolong it.
const REST_MS: u64 = 24 * 3600 * 1000;

/// WebSocket and REST base.
pub const fn hosts(network: Network) -> (&'static str, &'static str) {
    match network {
        Network::Mainnet => {
            ("wss://mainnet.zklighter.elliot.ai/stream", "https://mainnet.zklighter.elliot.ai")
        }
        Network::Testnet => {
            ("wss://testnet.zklighter.elliot.ai/stream", "https://testnet.zklighter.elliot.ai")
        }
    }
}

/// A signature for one chain is none for another.
const fn chain(network: Network) -> u32 {
    match network {
        Network::Mainnet => 304,
        Network::Testnet => 300,
    }
}

/// An account, and which of its API keys sign: what rests by the first, what takes by the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    pub account: u64,
    pub key: u8,
    pub hedge_key: Option<u8>,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.account, self.key)?;
        self.hedge_key.map_or(Ok(()), |key| write!(f, ":{key}"))
    }
}

impl Owner {
    /// An account that is asked nothing.
    pub const NOBODY: Owner = Owner { account: ACCOUNT_MAX, key: KEY, hedge_key: None };

    /// Reads `ACCOUNT`, `ACCOUNT:KEY` or `ACCOUNT:KEY:HEDGE_KEY`.
    pub fn parse(text: &str) -> Option<Owner> {
        let mut parts = text.split(':');
        let account = parts.next()?.parse().ok().filter(|account| *account <= ACCOUNT_MAX)?;
        let key = |text: &str| text.parse().ok().filter(|key: &u8| *key <= API_KEY_MAX);
        let (first, second) = (parts.next().map(key), parts.next().map(key));
        let owner = Owner {
            account,
            key: first.unwrap_or(Some(KEY))?,
            hedge_key: second.map_or(Some(None), |key| key.map(Some))?,
        };
        (parts.next().is_none() && owner.hedge_key != Some(owner.key)).then_some(owner)
    }

    /// Indices of the keys, in their order.
    pub fn keys(&self) -> Vec<u8> {
        [Some(self.key), self.hedge_key].into_iter().flatten().collect()
    }

    pub fn rest(&self, symbols: &[Symbol]) -> Rest {
        Rest::new(self.account, &self.keys(), symbols)
    }
}

/// The account that is traded, and who signs for it.
#[derive(Debug)]
pub struct Access {
    pub network: Network,
    pub owner: Owner,
    /// As [`Owner::keys`].
    signers: Vec<PooledSigner>,
    fillers: Vec<PoolFiller>,
}

/// Why keys give no access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAccess {
    /// Not as many keys as the account was stated with.
    Count {
        stated: usize,
        given: usize,
    },
    Key(u8, BadKey),
}

impl std::fmt::Display for NoAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NoAccess::Count { stated, given } => write!(
                f,
                "the account is stated with {stated} API keys and {given} are given: state \
                 ACCOUNT:KEY or ACCOUNT:KEY:HEDGE_KEY, and a key for each"
            ),
            NoAccess::Key(index, why) => write!(f, "API key {index}: {why}"),
        }
    }
}

impl std::error::Error for NoAccess {}

impl Access {
    /// `secrets`: the private key of each index; wiped. `pool`: pairs prepared at most for each;
    /// without one every nonce is drawn when it signs.
    pub fn new(
        network: Network,
        owner: Owner,
        secrets: Vec<Zeroizing<[u8; KEY_LEN]>>,
        pool: Option<usize>,
    ) -> Result<Access, NoAccess> {
        let keys = owner.keys();
        let (stated, given) = (keys.len(), secrets.len());
        if stated != given {
            return Err(NoAccess::Count { stated, given });
        }
        let (mut signers, mut fillers) = (Vec::new(), Vec::new());
        for (index, secret) in keys.into_iter().zip(secrets) {
            let signer = Signer::new(*secret).map_err(|why| NoAccess::Key(index, why))?;
            signers.push(match pool {
                Some(most) => {
                    let (filler, taker) = nonce_pool(&signer, most);
                    fillers.push(filler);
                    PooledSigner::with_pool(signer, taker)
                }
                None => PooledSigner::unpooled(signer),
            });
        }
        Ok(Access { network, owner, signers, fillers })
    }

    /// The keys as [`crate::venue::rest::Topic::Key`] takes them: index and public part.
    pub fn keys(&self) -> Vec<String> {
        let name =
            |(index, signer): (u8, &PooledSigner)| format!("{index}:{}", signer.public_key());
        self.owner.keys().into_iter().zip(&self.signers).map(name).collect()
    }

    pub fn fillers(&mut self) -> Vec<PoolFiller> {
        std::mem::take(&mut self.fillers)
    }

    /// A token that is good for this long, s, at most eight hours.
    pub fn token(&mut self, now_s: u64, life_s: u64) -> Option<String> {
        let deadline_s = now_s + life_s.min(LIFE_MAX_S);
        let whose = (self.owner.account, self.owner.key);
        auth_token(self.signers.first_mut()?, whose, deadline_s, now_s).ok()
    }

    /// For the questions before a session.
    pub fn pass(&mut self, now_ms: u64) -> Pass {
        Pass(self.token(now_ms / 1000, 600))
    }

    /// The account's side. Client indices have sixteen bits of this run's tag.
    pub fn account(self, run_tag: u64, specs: &[InstrumentSpec], options: &Options) -> Account {
        let tag = short(run_tag);
        let ids = || (0..).map(InstId);
        let markets: Vec<_> =
            ids().zip(specs).filter_map(|(inst, spec)| Some((inst, counts(spec)?))).collect();
        let numbers: Vec<_> = ids().zip(specs.iter().map(|s| s.asset)).collect();
        let lane = |(api_key, signer)| {
            let sender =
                Sender { chain_id: chain(self.network), account: self.owner.account, api_key };
            let codec = OrderCodec::new(CodecConfig {
                sender,
                run_tag: tag,
                markets: markets.clone(),
                tx_ttl_ms: TX_TTL_MS,
                rest_ms: REST_MS,
                nonces: match options.skip_nonces {
                    true => NonceMode::Skipping,
                    false => NonceMode::Sequential,
                },
            });
            (codec.expect("constants in their ranges, decimals that were counted"), signer)
        };
        let lanes = self.owner.keys().into_iter().zip(self.signers).map(lane).collect();
        let user = UserCodec::new(self.owner.account, tag, &numbers);
        let account = Account::new(lanes, Names::new(tag), user);
        let account = account.with(options, specs.iter().map(|s| s.asset));
        if options.batches { account.with_batches() } else { account }
    }
}

/// Sixteen bits of a tag, not zero.
fn short(tag: u64) -> u16 {
    let folded = (tag ^ tag >> 16 ^ tag >> 32 ^ tag >> 48) as u16;
    folded.max(1)
}

/// How a market counts; `None` where tick or lot is no power of ten, which the venue does not have.
fn counts(spec: &InstrumentSpec) -> Option<Market> {
    let GridSpec::Tick(tick) = spec.grid else { return None };
    let decimals = |unit: i64| (0..=8u8).find(|n| unit == SCALE / 10i64.pow(u32::from(*n)));
    Some(Market {
        index: spec.asset,
        price_decimals: decimals(tick.0)?,
        size_decimals: decimals(spec.lot.0)?,
    })
}

/// Instrument `i` is `specs[i]`, known by its number there.
pub fn feed(specs: &[InstrumentSpec]) -> FeedCodec {
    let markets: Vec<_> = (0..).map(InstId).zip(specs.iter().map(|s| s.asset)).collect();
    FeedCodec::new(&markets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_with_its_keys() {
        let owner = |account, key, hedge_key| Some(Owner { account, key, hedge_key });
        for (text, want) in [
            ("123", owner(123, 4, None)),
            ("123:7", owner(123, 7, None)),
            ("123:7:8", owner(123, 7, Some(8))),
            ("281474976710654:0:254", owner(281_474_976_710_654, 0, Some(254))),
            ("281474976710655", None),
            ("123:255", None),
            ("123:7:7", None),
            ("123:", None),
            ("123:7:8:9", None),
            ("-1", None),
            ("0xab", None),
            ("", None),
        ] {
            assert_eq!(Owner::parse(text), want, "{text}");
            let again = want.map(|owner| Owner::parse(&owner.to_string()));
            assert_eq!(again, want.map(Some), "{text}");
        }
    }

    #[test]
    fn a_key_for_each_index() {
        let owner = Owner { account: 1, key: 4, hedge_key: Some(5) };
        let key = |byte| Zeroizing::new([byte; KEY_LEN]);
        let access = |keys| Access::new(Network::Testnet, owner, keys, None);
        let made = access(vec![key(0x11), key(0x22)]).expect("two keys");
        let names = made.keys();
        assert!(names[0].starts_with("4:") && names[1].starts_with("5:") && names[0].len() == 82);
        assert_ne!(names[0][2..], names[1][2..]);
        assert_eq!(access(vec![key(1)]).err(), Some(NoAccess::Count { stated: 2, given: 1 }));
        assert_eq!(access(vec![key(0x11), key(0)]).err(), Some(NoAccess::Key(5, BadKey::Range)));
    }

    #[test]
    fn a_tag_is_never_zero() {
        assert_eq!((short(0), short(0x0001_0001_0001_0001), short(7)), (1, 1, 7));
    }
}
