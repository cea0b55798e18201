//! Cold. Who and what the server serves: markets by the venue's names and numbers, accounts by
//! address.

use super::verify::{Address, keccak};
use super::{AccountSpec, ServerConfig, ServerError};
use crate::instrument::InstId;
use crate::sim::exchange::{AccountId, Exchange};
use crate::units::SCALE;

/// First asset number of the dexs of builders; each has a block of [`DEX_BLOCK`].
const HIP3_BASE: u32 = 100_000;
const DEX_BLOCK: u32 = 10_000;

/// A market as the protocol names it.
#[derive(Clone, Debug)]
pub struct Coin {
    pub inst: InstId,
    /// `SOL`, `xyz:TSLA`.
    pub name: String,
    pub asset: u32,
    pub sz_decimals: u32,
    /// Position in the answer to `perpDexs`; 0 is the first dex.
    pub dex: usize,
}

/// Markets and accounts.
#[derive(Debug)]
pub struct Directory {
    /// In the order of `InstId`.
    coins: Vec<Coin>,
    /// Names of the dexs; the first is empty.
    dexs: Vec<String>,
    accounts: Vec<AccountSpec>,
    vaults: Vec<Address>,
    isolated: Vec<(InstId, &'static str)>,
}

impl Directory {
    pub fn new(exchange: &Exchange, config: &ServerConfig) -> Result<Directory, ServerError> {
        let mut dexs = vec![String::new()];
        let mut coins: Vec<Coin> = Vec::new();
        for instrument in exchange.instruments() {
            let spec = &instrument.spec;
            let name = spec.symbol.as_str().to_owned();
            let dex = spec.asset.checked_sub(HIP3_BASE).map_or(0, |n| n / DEX_BLOCK) as usize;
            let prefix = name.split_once(':').map_or("", |(dex, _)| dex);
            if (dex == 0) != prefix.is_empty() || dex > 64 || spec.asset % DEX_BLOCK > 2000 {
                return Err(ServerError::AssetNumber { name, asset: spec.asset });
            }
            if dexs.len() <= dex {
                dexs.resize(dex + 1, String::new());
            }
            if dex > 0 && !dexs[dex].is_empty() && dexs[dex] != prefix {
                return Err(ServerError::AssetNumber { name, asset: spec.asset });
            }
            prefix.clone_into(&mut dexs[dex]);
            if coins.iter().any(|c| c.asset == spec.asset || c.name == name) {
                return Err(ServerError::AssetNumber { name, asset: spec.asset });
            }
            let inst = instrument.id;
            let sz_decimals = sz_decimals(spec.lot.0);
            coins.push(Coin { inst, name, asset: spec.asset, sz_decimals, dex });
        }
        // The numbers of a dex need every dex before it.
        for (i, name) in dexs.iter_mut().enumerate().skip(1).filter(|(_, n)| n.is_empty()) {
            *name = format!("dex{i}");
        }
        let known = |id: AccountId| exchange.accounts().any(|a| a == id && a.0 != 0);
        let accounts = config.accounts.clone();
        if let Some(bad) = accounts.iter().find(|a| !known(a.account)) {
            return Err(ServerError::UnknownAccount(bad.account));
        }
        let (vaults, isolated) = (config.vaults.clone(), config.isolated.clone());
        Ok(Directory { coins, dexs, accounts, vaults, isolated })
    }

    pub fn coins(&self) -> &[Coin] {
        &self.coins
    }

    pub fn coin(&self, inst: InstId) -> &Coin {
        &self.coins[usize::from(inst.0)]
    }

    pub fn by_name(&self, name: &str) -> Option<&Coin> {
        self.coins.iter().find(|c| c.name == name)
    }

    pub fn by_asset(&self, asset: u64) -> Option<&Coin> {
        self.coins.iter().find(|c| u64::from(c.asset) == asset)
    }

    pub fn dexs(&self) -> &[String] {
        &self.dexs
    }

    pub fn dex(&self, name: &str) -> Option<usize> {
        self.dexs.iter().position(|d| d == name)
    }

    /// A dex's markets by their place in its `universe`; `None` where there is none.
    pub fn universe(&self, dex: usize) -> Vec<Option<&Coin>> {
        let base = if dex == 0 { 0 } else { HIP3_BASE + dex as u32 * DEX_BLOCK };
        let mut places: Vec<Option<&Coin>> = Vec::new();
        for coin in self.coins.iter().filter(|c| c.dex == dex) {
            let place = (coin.asset - base) as usize;
            if places.len() <= place {
                places.resize(place + 1, None);
            }
            places[place] = Some(coin);
        }
        places
    }

    /// Does its master lead it as a vault?
    pub fn is_vault(&self, user: &Address) -> bool {
        self.vaults.contains(user)
    }

    /// The margin mode of a market that takes isolated margin only.
    pub fn isolated(&self, inst: InstId) -> Option<&'static str> {
        self.isolated.iter().find(|(id, _)| *id == inst).map(|(_, mode)| *mode)
    }

    pub fn accounts(&self) -> &[AccountSpec] {
        &self.accounts
    }

    /// The account of an address; an agent's address has none.
    pub fn account(&self, user: &Address) -> Option<AccountId> {
        self.accounts.iter().find(|a| a.address == *user).map(|a| a.account)
    }

    /// Whose key or agent this is.
    pub fn signer(&self, signer: &Address) -> Option<&AccountSpec> {
        self.accounts.iter().find(|a| a.address == *signer || a.agents.contains(signer))
    }

    /// The account that an action of this signer is for: its own, or the sub-account it names.
    pub fn acts_for(&self, signer: &Address, vault: Option<&Address>) -> Option<&AccountSpec> {
        let own = self.signer(signer)?;
        match vault {
            None => Some(own),
            Some(vault) => {
                self.accounts.iter().find(|a| a.address == *vault && a.master == Some(own.address))
            }
        }
    }

    /// The address that a trade shows: the account's, or one made up for the crowd.
    pub fn address(&self, account: AccountId) -> Address {
        let of_account = self.accounts.iter().find(|a| a.account == account).map(|a| a.address);
        of_account.unwrap_or_else(|| {
            let hash = keccak(&[b"crowd", &account.0.to_be_bytes()]);
            hash.first_chunk().copied().unwrap_or_default()
        })
    }
}

/// Decimals of a lot that is a power of ten: 10^-2 has two. A coarser lot than 1 has none.
fn sz_decimals(lot: i64) -> u32 {
    let mut decimals = 0;
    let mut unit = SCALE;
    while unit > lot && decimals < 8 {
        unit /= 10;
        decimals += 1;
    }
    decimals
}
