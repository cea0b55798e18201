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

/// Whose agents sign, and what is traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The master: the venue lists its agents.
    pub account: Address,
    /// A sub-account of it, or a vault that it leads, which is traded in its place.
    pub vault: Option<Address>,
}

impl Owner {
    /// An account that is traded itself.
    pub const fn of(account: Address) -> Owner {
        Owner { account, vault: None }
    }

    /// Reads `--vault`; the error says what to write.
    pub fn with_vault(self, text: &str) -> Result<Owner, &'static str> {
        let vault = Address::parse(text.as_bytes()).ok_or(ADDRESS)?;
        if vault == self.account {
            return Err(
                "this is --account itself: leave --vault out, or name a sub-account or vault",
            );
        }
        Ok(Owner { vault: Some(vault), ..self })
    }

    /// Whose orders, fills, positions, fees and requests these are. The venue is silent about them
    /// when a master or an agent is asked for.
    pub fn traded(self) -> Address {
        self.vault.unwrap_or(self.account)
    }
}

impl From<Address> for Owner {
    fn from(account: Address) -> Owner {
        Owner::of(account)
    }
}

/// How an address is written.
pub const ADDRESS: &str = "write 0x and 40 hexadecimal digits";

/// The account that is traded, and who signs for it.
#[derive(Debug)]
pub struct Access {
    pub network: Network,
    pub owner: Owner,
    pub signer: PooledSigner,
    /// Fills the signer's nonce pool, when it has one.
    pub filler: Option<PoolFiller>,
}

impl Access {
    /// `pool`: nonces prepared at most; without one every order is signed the RFC 6979 way.
    pub fn new(
        network: Network,
        owner: impl Into<Owner>,
        signer: Signer,
        pool: Option<usize>,
    ) -> Access {
        let (signer, filler) = match pool {
            Some(most) => {
                let (filler, taker) = nonce_pool(&signer, most);
                (PooledSigner::with_pool(signer, taker), Some(filler))
            }
            None => (PooledSigner::deterministic(signer), None),
        };
        Access { network, owner: owner.into(), signer, filler }
    }

    /// The account's side. Client order ids have this run's tag.
    pub fn account(self, run_tag: u64, specs: &[InstrumentSpec], options: &Options) -> Account {
        let ids = || (0..).map(InstId);
        let markets: Vec<_> = ids().zip(specs.iter().map(|s| s.symbol)).collect();
        let codec = OrderCodec::new(CodecConfig {
            network: self.network,
            vault: self.owner.vault,
            run_tag,
            assets: ids().zip(specs.iter().map(|s| s.asset)).collect(),
            order_ttl_ms: None,
            ioc_priority: None,
            builder: None,
        });
        let user = UserCodec::new(run_tag, &markets);
        let account = Account::new(codec, user, self.signer, self.owner.traded());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Action, Component, OrderId, Tif};
    use crate::instrument::GridSpec;
    use crate::instrument::VenueId;
    use crate::units::{Bps, Notional, Price, Qty, SCALE, Side};
    use crate::venue::account::Leverage;
    use crate::venue::rest::OpenOrder;

    const NOW: u64 = 1_791_480_444_439;

    fn sol() -> InstrumentSpec {
        InstrumentSpec {
            venue: VenueId::Hyperliquid,
            symbol: Symbol::new("SOL").expect("short"),
            asset: 5,
            grid: GridSpec::SigFigs { figures: 5, max_decimals: 4 },
            lot: Qty(SCALE / 100),
            min_size: Qty(SCALE / 100),
            min_notional: Notional::from_raw(10 * SCALE),
            maker_fee: Bps::ZERO,
            taker_fee: Bps::ZERO,
        }
    }

    /// Everything that an account's side writes: signed, and asked.
    fn written(vault: Option<Address>) -> (Vec<String>, Vec<String>) {
        let signer = Signer::new([0x42; 32]).expect("a key");
        let owner = Owner { account: Address([1; 20]), vault };
        let leverage = vec![Some(Leverage { times: 3, isolated: false })];
        let options = Options { dead_man: true, leverage, ..Options::default() };
        let mut account =
            Access::new(Network::Mainnet, owner, signer, None).account(7, &[sol()], &options);
        let inst = InstId(0);
        let (component, side) = (Component::Maker, Side::Buy);
        let (px, qty, tif) = (Price(100 * SCALE), Qty(SCALE), Tif::Alo);
        let (order, old) = (OrderId(2), OrderId(1));
        let place =
            Action::Place { inst, side, tif, reduce_only: false, component, order: old, px, qty };
        let modify = Action::Modify { inst, side, tif, component, order, old, px, qty };
        let cancel = Action::Cancel { inst, component, order };
        let listed = OpenOrder { inst: Some(inst), id: 9, client: None };
        let room = &mut [0; 4096];
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let mut signed = Vec::new();
        for action in [place, modify, cancel] {
            let len = account.encode(&[action], NOW, room).expect("room");
            signed.push(text(&room[..len]));
        }
        let len = account.cancel_listed(&listed, NOW, room).expect("room");
        signed.push(text(&room[..len]));
        for request in account.cancel_requests(&[listed], NOW, room) {
            signed.push(text(&request.expect("room").body));
        }
        let len = account.set_leverage(NOW, room).expect("one is wanted");
        signed.push(text(&room[..len]));
        let len = account.beat(NOW, room).expect("it is wanted");
        signed.push(text(&room[..len]));
        let mut asked = account.subscriptions();
        let len = account.ask(order, 1 << 40, room).expect("room");
        asked.push(text(&room[..len]));
        let len = account.ask_rate(1 << 41, NOW, room).expect("it is due");
        asked.push(text(&room[..len]));
        (signed, asked)
    }

    #[test]
    fn everything_is_for_what_is_traded() {
        let (master, vault) = (Address([1; 20]), Address([2; 20]));
        let (signed, asked) = written(Some(vault));
        assert_eq!(signed.len(), 7);
        let by = format!(r#""vaultAddress":"{vault}""#);
        assert!(signed.iter().all(|text| text.contains(&by)), "{signed:?}");
        assert!(signed.iter().any(|text| text.contains("scheduleCancel")));
        let of = format!(r#""user":"{vault}""#);
        assert!(asked.len() > 2 && asked.iter().all(|text| text.contains(&of)), "{asked:?}");
        let none = |text: &String| !text.contains(&master.to_string());
        assert!(signed.iter().chain(&asked).all(none));

        let (signed, asked) = written(None);
        assert!(signed.iter().all(|text| text.contains(r#""vaultAddress":null"#)), "{signed:?}");
        let of = format!(r#""user":"{master}""#);
        assert!(asked.iter().all(|text| text.contains(&of)), "{asked:?}");
    }
}
