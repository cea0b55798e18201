//! Cold. Instruments from the venue's metadata: `meta`, `userFees`.
//!
//! Source: the venue's "Info endpoint", "Tick and lot size" and "Asset IDs" pages. A perp's sizes
//! have `szDecimals` decimals; its prices five significant figures and at most 6 - szDecimals
//! decimals; an order is worth at least 10 quote.

use crate::instrument::{GridSpec, InstrumentSpec, Symbol, VenueId};
use crate::units::{Bps, Notional, Qty, SCALE, parse_raw};
use serde::Deserialize;

/// Significant figures of a price.
const FIGURES: u32 = 5;
/// Decimals of a perp's price, less those of its size.
const MAX_DECIMALS_PERP: u32 = 6;
/// Smallest notional of an order, in quote.
const MIN_NOTIONAL: i64 = 10;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    universe: Vec<Market>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Market {
    name: String,
    sz_decimals: u32,
    #[serde(default)]
    is_delisted: bool,
    #[serde(default)]
    only_isolated: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserFees {
    user_cross_rate: String,
    user_add_rate: String,
}

/// Why a market can't be traded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetaError {
    /// The answer is not what the venue documents.
    Malformed(String),
    /// The venue has no such market; the nearest names it has.
    Unknown {
        symbol: String,
        near: Vec<String>,
    },
    Delisted(String),
    /// Traded with isolated margin only, which the engine's account of margin does not know.
    OnlyIsolated(String),
    /// Its numbers do not fit the scale.
    OutOfScale(String),
}

impl std::fmt::Display for MetaError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MetaError::Malformed(what) => write!(f, "the venue's metadata is malformed: {what}"),
            MetaError::Unknown { symbol, near } if near.is_empty() => {
                write!(f, "the venue has no market \"{symbol}\"")
            }
            MetaError::Unknown { symbol, near } => {
                write!(f, "the venue has no market \"{symbol}\"; it has {}", near.join(", "))
            }
            MetaError::Delisted(symbol) => {
                write!(f, "market \"{symbol}\" is delisted: choose another")
            }
            MetaError::OnlyIsolated(symbol) => write!(
                f,
                "market \"{symbol}\" takes isolated margin only, which is not supported: choose another"
            ),
            MetaError::OutOfScale(symbol) => {
                write!(f, "market \"{symbol}\" has more decimals than the engine's 10^-8")
            }
        }
    }
}

impl std::error::Error for MetaError {}

/// Maker and taker fee of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fees {
    pub maker: Bps,
    pub taker: Bps,
}

/// Reads the answer to `userFees`. A rate of 0.00045 is 4.5 bps.
pub fn fees(answer: &mut [u8]) -> Result<Fees, MetaError> {
    let fees: UserFees = simd_json::serde::from_slice(answer)
        .map_err(|error| MetaError::Malformed(format!("userFees: {error}")))?;
    let rate = |text: &str| {
        let raw = parse_raw(text.as_bytes());
        raw.map(Bps).map_err(|error| MetaError::Malformed(format!("fee {text:?}: {error}")))
    };
    Ok(Fees { maker: rate(&fees.user_add_rate)?, taker: rate(&fees.user_cross_rate)? })
}

/// Reads one market of the answer to `meta` for the main dex. Its index is its asset number.
pub fn perp(answer: &mut [u8], symbol: &str, fees: Fees) -> Result<InstrumentSpec, MetaError> {
    let meta: Meta = simd_json::serde::from_slice(answer)
        .map_err(|error| MetaError::Malformed(format!("meta: {error}")))?;
    let found = meta.universe.iter().position(|m| m.name == symbol);
    let Some(index) = found else {
        let alike = |m: &&Market| {
            let (a, b) = (m.name.to_lowercase(), symbol.to_lowercase());
            a.starts_with(&b) || b.starts_with(&a) || a.contains(&b)
        };
        let names = meta.universe.iter().filter(|m| !m.is_delisted);
        let near = names.filter(alike).take(5).map(|m| m.name.clone()).collect();
        return Err(MetaError::Unknown { symbol: symbol.to_owned(), near });
    };
    let market = &meta.universe[index];
    if market.is_delisted {
        return Err(MetaError::Delisted(symbol.to_owned()));
    }
    if market.only_isolated {
        return Err(MetaError::OnlyIsolated(symbol.to_owned()));
    }
    let out_of_scale = || MetaError::OutOfScale(symbol.to_owned());
    if market.sz_decimals > MAX_DECIMALS_PERP {
        return Err(out_of_scale());
    }
    Ok(InstrumentSpec {
        venue: VenueId::Hyperliquid,
        symbol: Symbol::new(symbol).ok_or_else(out_of_scale)?,
        asset: index as u32,
        grid: GridSpec::SigFigs {
            figures: FIGURES,
            max_decimals: MAX_DECIMALS_PERP - market.sz_decimals,
        },
        lot: Qty(SCALE / 10i64.pow(market.sz_decimals)),
        min_size: Qty(SCALE / 10i64.pow(market.sz_decimals)),
        min_notional: Notional::from_raw(MIN_NOTIONAL * SCALE),
        maker_fee: fees.maker,
        taker_fee: fees.taker,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instrument::{InstId, Instrument};
    use crate::units::Price;

    const META: &str = r#"{"universe":[{"szDecimals":5,"name":"BTC","maxLeverage":40},
        {"szDecimals":2,"name":"SOL","maxLeverage":20},
        {"szDecimals":1,"name":"OLD","maxLeverage":3,"isDelisted":true},
        {"szDecimals":0,"name":"ISO","maxLeverage":3,"onlyIsolated":true}],"marginTables":[]}"#;
    const FEES: Fees = Fees { maker: Bps(15_000), taker: Bps(45_000) };

    #[test]
    fn a_market_of_the_metadata() {
        let spec = perp(&mut META.as_bytes().to_vec(), "SOL", FEES).expect("SOL is listed");
        assert_eq!((spec.asset, spec.lot), (1, Qty(1_000_000)));
        let sol = Instrument::new(InstId(0), spec).expect("a valid market");
        assert_eq!(sol.tick_at(Price(202 * SCALE)), Some(Price(1_000_000)));
        assert_eq!(sol.min_qty(Price(202 * SCALE)), Some(Qty(5_000_000)));
    }

    #[test]
    fn refusals_name_the_remedy() {
        let ask = |symbol| perp(&mut META.as_bytes().to_vec(), symbol, FEES);
        assert_eq!(ask("OLD"), Err(MetaError::Delisted("OLD".into())));
        assert_eq!(ask("ISO"), Err(MetaError::OnlyIsolated("ISO".into())));
        let near = vec!["SOL".to_owned()];
        assert_eq!(ask("sol"), Err(MetaError::Unknown { symbol: "sol".into(), near }));
        assert!(matches!(perp(&mut b"[1".to_vec(), "SOL", FEES), Err(MetaError::Malformed(_))));
    }

    #[test]
    fn fees_are_ratios() {
        let mut answer = br#"{"userCrossRate":"0.00045","userAddRate":"-0.00001"}"#.to_vec();
        let got = fees(&mut answer).expect("two rates");
        assert_eq!((got.taker, got.maker), (Bps(45_000), Bps(-1_000)));
    }
}
