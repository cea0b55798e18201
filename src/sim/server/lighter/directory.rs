//! Cold. Markets and accounts by the venue's numbers, and how its numbers are written.

use std::collections::BTreeMap;

use super::super::ServerError;
use super::super::rate::Window;
use super::super::verify::Address;
use super::crypto::PublicKey;
use super::{LighterAccount, Tier};
use crate::instrument::{GridSpec, InstId};
use crate::sim::exchange::{AccountId, CROWD, Exchange};
use crate::units::{Nanos, Price, Qty, SCALE, SCALE_DECIMALS};

/// A market as the protocol names and counts it.
#[derive(Clone, Debug)]
pub struct Listed {
    pub inst: InstId,
    pub id: u32,
    pub symbol: String,
    pub px_decimals: u32,
    pub sz_decimals: u32,
    /// One unit of the venue's integers, raw 10^-8.
    px_unit: i64,
    sz_unit: i64,
    /// Of a resting order, raw 10^-8.
    pub min_base: Qty,
    pub min_quote: i64,
    /// In 10^-6 of the notional.
    pub maker_ticks: i64,
    pub taker_ticks: i64,
}

impl Listed {
    /// With all its decimals, trailing zeros too.
    pub fn px(&self, px: Price) -> String {
        fixed(px.0, self.px_decimals)
    }

    pub fn qty(&self, qty: Qty) -> String {
        fixed(qty.0, self.sz_decimals)
    }

    pub fn px_int(&self, px: Price) -> i64 {
        px.0 / self.px_unit
    }

    pub fn qty_int(&self, qty: Qty) -> i64 {
        qty.0 / self.sz_unit
    }

    /// `None` beyond the scale.
    pub fn price(&self, n: i64) -> Option<Price> {
        n.checked_mul(self.px_unit).map(Price)
    }

    pub fn size(&self, n: i64) -> Option<Qty> {
        n.checked_mul(self.sz_unit).map(Qty)
    }
}

/// `raw` 10^-8 with this many places, at most eight; what lies behind them is cut off.
pub fn fixed(raw: i64, places: u32) -> String {
    let sign = if raw < 0 { "-" } else { "" };
    let n = raw.unsigned_abs() / 10u64.pow(SCALE_DECIMALS - places);
    let unit = 10u64.pow(places);
    if places == 0 {
        return format!("{sign}{n}");
    }
    format!("{sign}{}.{:02$}", n / unit, n % unit, places as usize)
}

/// Money: six places.
pub fn usd(raw: i64) -> String {
    fixed(raw, 6)
}

/// An API key.
#[derive(Clone, Debug)]
pub struct Key {
    pub index: u8,
    pub public: PublicKey,
    /// The newest nonce that was used; -1 before the first.
    pub last: i64,
    /// Its transactions are executed in their order: none is before this.
    pub busy_until: Nanos,
    pub used_us: u64,
}

/// An account with everything that only this venue knows of it.
#[derive(Debug)]
pub struct Holder {
    pub index: u64,
    pub account: AccountId,
    pub l1: Address,
    pub tier: Tier,
    pub keys: Vec<Key>,
    /// Initial margin in 10^-4, where it was set.
    pub fractions: BTreeMap<InstId, u32>,
    /// The queued cancel of everything, and its place in the agenda.
    pub scheduled: Option<(Nanos, u64)>,
    pub quota: Option<u64>,
    /// When the next transaction is free of quota.
    pub free_at: Nanos,
    /// Traded since the last unit of quota that was earned, raw 10^-8 quote.
    pub towards_quota: i64,
    pub sends: Window,
    pub trades: u64,
    pub volume: i128,
}

/// Everything that has a number.
#[derive(Debug)]
pub struct Directory {
    /// In the order of `InstId`.
    pub markets: Vec<Listed>,
    pub holders: Vec<Holder>,
}

impl Directory {
    pub fn new(
        exchange: &Exchange,
        accounts: Vec<LighterAccount>,
    ) -> Result<Directory, ServerError> {
        let mut markets: Vec<Listed> = Vec::new();
        for instrument in exchange.instruments() {
            let spec = &instrument.spec;
            let symbol = spec.symbol.as_str().to_owned();
            let refused = ServerError::AssetNumber { name: symbol.clone(), asset: spec.asset };
            let GridSpec::Tick(tick) = spec.grid else { return Err(refused) };
            let (Some(px_decimals), Some(sz_decimals)) = (places(tick.0), places(spec.lot.0))
            else {
                return Err(refused);
            };
            if markets.iter().any(|m| m.id == spec.asset || m.symbol == symbol) {
                return Err(refused);
            }
            markets.push(Listed {
                inst: instrument.id,
                id: spec.asset,
                symbol,
                px_decimals,
                sz_decimals,
                px_unit: tick.0,
                sz_unit: spec.lot.0,
                min_base: spec.min_size,
                min_quote: spec.min_notional.to_raw(),
                // Raw basis points are 10^-8 of the notional.
                maker_ticks: spec.maker_fee.0 / 100,
                taker_ticks: spec.taker_fee.0 / 100,
            });
        }
        let mut holders: Vec<Holder> = Vec::new();
        for spec in accounts {
            let known = exchange.accounts().any(|a| a == spec.account) && spec.account != CROWD;
            if !known || holders.iter().any(|h| h.index == spec.index) {
                return Err(ServerError::UnknownAccount(spec.account));
            }
            holders.push(holder(spec));
        }
        Ok(Directory { markets, holders })
    }

    pub fn market(&self, id: i64) -> Option<&Listed> {
        self.markets.iter().find(|m| i64::from(m.id) == id)
    }

    pub fn of(&self, inst: InstId) -> &Listed {
        &self.markets[usize::from(inst.0)]
    }

    /// The place of an account by the venue's number.
    pub fn slot(&self, index: u64) -> Option<usize> {
        self.holders.iter().position(|h| h.index == index)
    }

    pub fn slot_of(&self, account: AccountId) -> Option<usize> {
        self.holders.iter().position(|h| h.account == account)
    }
}

fn holder(spec: LighterAccount) -> Holder {
    let key = |key: super::ApiKey| Key {
        index: key.index,
        public: key.public,
        last: -1,
        busy_until: Nanos::ZERO,
        used_us: 0,
    };
    Holder {
        index: spec.index,
        account: spec.account,
        l1: spec.l1_address,
        tier: spec.tier,
        keys: spec.keys.into_iter().map(key).collect(),
        fractions: BTreeMap::new(),
        scheduled: None,
        quota: spec.tier.quota,
        free_at: Nanos::ZERO,
        towards_quota: 0,
        sends: Window::default(),
        trades: 0,
        volume: 0,
    }
}

/// Decimals of a unit that is a power of ten of at most 1.
fn places(unit: i64) -> Option<u32> {
    (0..=SCALE_DECIMALS).find(|d| SCALE / 10i64.pow(*d) == unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_places() {
        assert_eq!(fixed(8_044_170_000_000, 1), "80441.7");
        assert_eq!(fixed(20_000, 5), "0.00020");
        assert_eq!(fixed(-150_000_000, 4), "-1.5000");
        assert_eq!(fixed(300_000_000, 0), "3");
        assert_eq!(usd(123_456_789), "1.234567");
        assert_eq!((places(1000), places(SCALE), places(5)), (Some(5), Some(0), None));
    }
}
