//! Cold. Instruments from the venue's metadata: `meta`, `allPerpMetas`, `perpDexs`, `spotMeta`, `userFees`.
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
/// Decimals of a spot price, less those of the base token's size.
const MAX_DECIMALS_SPOT: u32 = 8;
/// Asset numbers of spot pairs, and of the dexs of builders: each has a block of its own.
const SPOT_BASE: u32 = 10_000;
const HIP3_BASE: u32 = 100_000;
const DEX_BLOCK: u32 = 10_000;
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
    #[serde(default)]
    margin_mode: Option<String>,
}

/// One dex, or all of them in the order of `perpDexs`. The documents show pairs with contexts, the
/// venue answers without them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Metas {
    All(Vec<OneOf>),
    First(Meta),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOf {
    Plain(Meta),
    WithContexts(Meta, serde::de::IgnoredAny),
}

#[derive(Debug, Deserialize)]
struct Dex {
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpotMeta {
    tokens: Vec<Token>,
    universe: Vec<Pair>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    name: String,
    sz_decimals: u32,
    index: u32,
}

#[derive(Debug, Deserialize)]
struct Pair {
    name: String,
    tokens: [u32; 2],
    index: u32,
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
    /// It takes isolated margin only, which the engine does not manage: `rule` is the venue's flag.
    Isolated {
        symbol: String,
        rule: &'static str,
    },
    /// The venue names a margin mode that none of its documents has.
    MarginMode {
        symbol: String,
        mode: String,
    },
    /// A market of a builder's dex, in an answer that holds the first dex alone.
    OtherDex(String),
    /// The dex of the name is not where the metadata has the market.
    DexOrder(String),
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
            MetaError::Isolated { symbol, rule } => write!(
                f,
                "market \"{symbol}\" is {rule}: the engine keeps no margin per position, choose a \
                 market with cross margin"
            ),
            MetaError::MarginMode { symbol, mode } => write!(
                f,
                "market \"{symbol}\" has margin mode {mode:?}, which the engine does not know: \
                 choose another"
            ),
            MetaError::OtherDex(symbol) => {
                write!(f, "market \"{symbol}\" is of a builder's dex: ask for {ALL_METAS}")
            }
            MetaError::DexOrder(symbol) => write!(
                f,
                "the dex of market \"{symbol}\" has another place in perpDexs than in allPerpMetas: \
                 its asset number is not certain"
            ),
            MetaError::OutOfScale(symbol) => {
                write!(f, "market \"{symbol}\" has more decimals than the engine's 10^-8")
            }
        }
    }
}

impl std::error::Error for MetaError {}

/// The dex of a coin: `xyz` of `xyz:GOLD`, "" of a coin of the first one.
pub fn dex_of(coin: &str) -> &str {
    coin.split_once(':').map_or("", |(dex, _)| dex)
}

/// The dexs of these coins, each once.
pub fn dexs<'a>(coins: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut dexs: Vec<String> = coins.map(|coin| dex_of(coin).to_owned()).collect();
    dexs.sort();
    dexs.dedup();
    dexs
}

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

/// The question about the first dex, and the one about all.
pub const META: &str = r#"{"type":"meta"}"#;
pub const ALL_METAS: &str = r#"{"type":"allPerpMetas"}"#;
pub const PERP_DEXS: &str = r#"{"type":"perpDexs"}"#;
pub const SPOT_META: &str = r#"{"type":"spotMeta"}"#;

/// The question whose answer [`perp`] reads for a market.
pub fn question(symbol: &str) -> &'static str {
    if dex_of(symbol).is_empty() { META } else { ALL_METAS }
}

/// Reads one perp of the answer to `meta` for the first dex, or to `allPerpMetas`. Its asset number
/// is its place: on the first dex the index, on a builder's 100000 + dex x 10000 + index.
pub fn perp(answer: &mut [u8], symbol: &str, fees: Fees) -> Result<InstrumentSpec, MetaError> {
    let metas: Metas = simd_json::serde::from_slice(answer)
        .map_err(|error| MetaError::Malformed(format!("meta: {error}")))?;
    let dexs = match metas {
        Metas::First(_) if !dex_of(symbol).is_empty() => {
            return Err(MetaError::OtherDex(symbol.to_owned()));
        }
        Metas::First(meta) => vec![meta],
        Metas::All(all) => all
            .into_iter()
            .map(|one| match one {
                OneOf::Plain(meta) | OneOf::WithContexts(meta, _) => meta,
            })
            .collect(),
    };
    let places = dexs.iter().enumerate().flat_map(|(dex, meta)| {
        meta.universe.iter().enumerate().map(move |(index, market)| (dex, index, market))
    });
    let Some((dex, index, market)) = places.clone().find(|(.., m)| m.name == symbol) else {
        let names = places.filter(|(.., m)| !m.is_delisted).map(|(.., m)| m.name.as_str());
        return Err(unknown(symbol, names));
    };
    tradable(market)?;
    let out_of_scale = || MetaError::OutOfScale(symbol.to_owned());
    let asset = match dex {
        0 => index,
        _ => HIP3_BASE as usize + dex * DEX_BLOCK as usize + index,
    };
    let asset = u32::try_from(asset).map_err(|_| out_of_scale())?;
    let rules = Rules { sz_decimals: market.sz_decimals, max_decimals: MAX_DECIMALS_PERP };
    rules.spec(symbol, asset, fees).ok_or_else(out_of_scale)
}

/// Delisted markets keep their place and take no order; isolated ones need margin per position.
fn tradable(market: &Market) -> Result<(), MetaError> {
    if market.is_delisted {
        return Err(MetaError::Delisted(market.name.clone()));
    }
    let symbol = market.name.clone();
    let rule = match market.margin_mode.as_deref() {
        // Margin cannot be taken from a position.
        Some("strictIsolated") => "strictIsolated",
        Some("noCross") => "noCross",
        _ if market.only_isolated => "onlyIsolated",
        Some(mode) => return Err(MetaError::MarginMode { symbol, mode: mode.to_owned() }),
        None => return Ok(()),
    };
    Err(MetaError::Isolated { symbol, rule })
}

/// The names of the dexs by their place; the first is "".
pub fn perp_dexs(answer: &mut [u8]) -> Result<Vec<String>, MetaError> {
    let dexs: Vec<Option<Dex>> = simd_json::serde::from_slice(answer)
        .map_err(|error| MetaError::Malformed(format!("perpDexs: {error}")))?;
    Ok(dexs.into_iter().map(|dex| dex.map_or_else(String::new, |dex| dex.name)).collect())
}

/// Is the dex in a market's number the one of its name? Nothing documents that `allPerpMetas` has
/// the order of `perpDexs`; an order to the wrong number would be one for another market.
pub fn check_dex(spec: &InstrumentSpec, dexs: &[String]) -> Result<(), MetaError> {
    let symbol = spec.symbol.as_str();
    let place = spec.asset.checked_sub(HIP3_BASE).map_or(0, |n| n / DEX_BLOCK);
    let named = dexs.get(place as usize).map(String::as_str);
    if named == Some(dex_of(symbol)) { Ok(()) } else { Err(MetaError::DexOrder(symbol.to_owned())) }
}

/// Reads one pair of the answer to `spotMeta`, by the pair's name (`PURR/USDC`, `@107`) or by the
/// names of its tokens. Its asset number is 10000 + its index.
pub fn spot(answer: &mut [u8], symbol: &str, fees: Fees) -> Result<InstrumentSpec, MetaError> {
    let meta: SpotMeta = simd_json::serde::from_slice(answer)
        .map_err(|error| MetaError::Malformed(format!("spotMeta: {error}")))?;
    let token = |index: u32| meta.tokens.iter().find(|token| token.index == index);
    let by_tokens = |pair: &Pair| {
        let (base, quote) = (token(pair.tokens[0]), token(pair.tokens[1]));
        let text = base.zip(quote).map(|(b, q)| format!("{}/{}", b.name, q.name));
        text.as_deref() == Some(symbol)
    };
    let mut pairs = meta.universe.iter();
    let found = pairs.clone().find(|p| p.name == symbol).or_else(|| pairs.find(|p| by_tokens(p)));
    let Some(pair) = found else {
        return Err(unknown(symbol, meta.universe.iter().map(|p| p.name.as_str())));
    };
    let base = token(pair.tokens[0])
        .ok_or_else(|| MetaError::Malformed(format!("spotMeta: {symbol} has an unknown token")))?;
    let out_of_scale = || MetaError::OutOfScale(symbol.to_owned());
    let rules = Rules { sz_decimals: base.sz_decimals, max_decimals: MAX_DECIMALS_SPOT };
    let asset = SPOT_BASE.checked_add(pair.index).ok_or_else(out_of_scale)?;
    rules.spec(&pair.name, asset, fees).ok_or_else(out_of_scale)
}

/// No such market: the nearest names.
fn unknown<'a>(symbol: &str, names: impl Iterator<Item = &'a str>) -> MetaError {
    let wanted = symbol.to_lowercase();
    let alike = |name: &&str| {
        let name = name.to_lowercase();
        name.contains(&wanted) || wanted.starts_with(&name)
    };
    let near = names.filter(alike).take(5).map(str::to_owned).collect();
    MetaError::Unknown { symbol: symbol.to_owned(), near }
}

/// What makes a market's grid.
struct Rules {
    sz_decimals: u32,
    max_decimals: u32,
}

impl Rules {
    /// `None` when it does not fit the scale.
    fn spec(&self, symbol: &str, asset: u32, fees: Fees) -> Option<InstrumentSpec> {
        let lot = Qty(SCALE / 10i64.checked_pow(self.sz_decimals).filter(|p| *p <= SCALE)?);
        Some(InstrumentSpec {
            venue: VenueId::Hyperliquid,
            symbol: Symbol::new(symbol)?,
            asset,
            grid: GridSpec::SigFigs {
                figures: FIGURES,
                max_decimals: self.max_decimals.checked_sub(self.sz_decimals)?,
            },
            lot,
            min_size: lot,
            min_notional: Notional::from_raw(MIN_NOTIONAL * SCALE),
            maker_fee: fees.maker,
            taker_fee: fees.taker,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instrument::{InstId, Instrument};
    use crate::units::Price;

    const META_TEXT: &str = r#"{"universe":[{"szDecimals":5,"name":"BTC","maxLeverage":40},
        {"szDecimals":2,"name":"SOL","maxLeverage":20},
        {"szDecimals":1,"name":"OLD","maxLeverage":3,"isDelisted":true},
        {"szDecimals":0,"name":"ISO","maxLeverage":3,"onlyIsolated":true}],"marginTables":[]}"#;
    const FEES: Fees = Fees { maker: Bps(15_000), taker: Bps(45_000) };

    #[test]
    fn a_market_of_the_metadata() {
        let spec = perp(&mut META_TEXT.as_bytes().to_vec(), "SOL", FEES).expect("SOL is listed");
        assert_eq!((spec.asset, spec.lot), (1, Qty(1_000_000)));
        let sol = Instrument::new(InstId(0), spec).expect("a valid market");
        assert_eq!(sol.tick_at(Price(202 * SCALE)), Some(Price(1_000_000)));
        assert_eq!(sol.min_qty(Price(202 * SCALE)), Some(Qty(5_000_000)));
    }

    #[test]
    fn refusals_name_the_remedy() {
        let ask = |symbol| perp(&mut META_TEXT.as_bytes().to_vec(), symbol, FEES);
        assert_eq!(ask("OLD"), Err(MetaError::Delisted("OLD".into())));
        let rule = "onlyIsolated";
        assert_eq!(ask("ISO"), Err(MetaError::Isolated { symbol: "ISO".into(), rule }));
        let near = vec!["SOL".to_owned()];
        assert_eq!(ask("sol"), Err(MetaError::Unknown { symbol: "sol".into(), near }));
        assert!(matches!(perp(&mut b"[1".to_vec(), "SOL", FEES), Err(MetaError::Malformed(_))));
    }

    const ALL: &str = r#"[{"universe":[{"szDecimals":5,"name":"BTC","maxLeverage":40}]},
        {"universe":[{"szDecimals":4,"name":"xyz:INDEX","maxLeverage":30},
            {"szDecimals":3,"name":"xyz:GOLD","maxLeverage":20,"growthMode":"enabled"},
            {"szDecimals":3,"name":"xyz:OLD","maxLeverage":3,"onlyIsolated":true,
                "marginMode":"strictIsolated","isDelisted":true}],"collateralToken":0},
        [{"universe":[{"szDecimals":2,"name":"abc:X","maxLeverage":5,"onlyIsolated":true,
                "marginMode":"strictIsolated"},
            {"szDecimals":2,"name":"abc:Y","maxLeverage":5,"onlyIsolated":true,"marginMode":"noCross"},
            {"szDecimals":2,"name":"abc:Z","maxLeverage":5,"onlyIsolated":true},
            {"szDecimals":2,"name":"abc:W","maxLeverage":5,"onlyIsolated":true,"marginMode":"new"},
            {"szDecimals":2,"name":"abc:V","maxLeverage":5,"marginMode":"noCross"},
            {"szDecimals":2,"name":"abc:U","maxLeverage":5,"marginMode":"new"},
            {"szDecimals":2,"name":"abc:T","maxLeverage":5,"marginMode":null},
            {"szDecimals":9,"name":"abc:FINE","maxLeverage":5}]},[]]]"#;

    #[test]
    fn markets_of_builders_have_numbers_of_their_dex() {
        let ask = |symbol| perp(&mut ALL.as_bytes().to_vec(), symbol, FEES);
        let asset = |symbol| ask(symbol).map(|spec| spec.asset);
        assert_eq!(asset("BTC"), Ok(0));
        assert_eq!((asset("xyz:INDEX"), asset("xyz:GOLD")), (Ok(110_000), Ok(110_001)));
        let gold = ask("xyz:GOLD").expect("listed");
        assert_eq!(gold.symbol.as_str(), "xyz:GOLD");
        assert_eq!(gold.grid, GridSpec::SigFigs { figures: 5, max_decimals: 3 });
        assert_eq!((question("xyz:GOLD"), question("BTC")), (ALL_METAS, META));
        let plain = perp(&mut META_TEXT.as_bytes().to_vec(), "xyz:GOLD", FEES);
        assert_eq!(plain, Err(MetaError::OtherDex("xyz:GOLD".into())));
    }

    #[test]
    fn flags_are_refused_by_name() {
        let ask = |symbol| perp(&mut ALL.as_bytes().to_vec(), symbol, FEES);
        assert_eq!(ask("xyz:OLD"), Err(MetaError::Delisted("xyz:OLD".into())));
        for (symbol, rule) in [
            ("abc:X", "strictIsolated"),
            ("abc:Y", "noCross"),
            ("abc:Z", "onlyIsolated"),
            ("abc:W", "onlyIsolated"),
            // One flag says it.
            ("abc:V", "noCross"),
        ] {
            let refused = ask(symbol).expect_err(rule);
            assert_eq!(refused, MetaError::Isolated { symbol: symbol.into(), rule });
            assert!(refused.to_string().contains(rule), "{refused}");
        }
        let unknown = MetaError::MarginMode { symbol: "abc:U".into(), mode: "new".into() };
        assert_eq!(ask("abc:U"), Err(unknown));
        assert!(ask("abc:T").is_ok());
        assert_eq!(ask("abc:FINE"), Err(MetaError::OutOfScale("abc:FINE".into())));
        let near = vec!["xyz:GOLD".to_owned()];
        assert_eq!(ask("gold"), Err(MetaError::Unknown { symbol: "gold".into(), near }));
    }

    #[test]
    fn the_dex_of_a_name_must_be_the_dex_of_the_number() {
        let mut answer = br#"[null,{"name":"xyz","fullName":"XYZ"},{"name":"abc"}]"#.to_vec();
        let mut dexs = perp_dexs(&mut answer).expect("three dexs");
        assert_eq!(dexs, ["", "xyz", "abc"]);
        let spec = |symbol| perp(&mut ALL.as_bytes().to_vec(), symbol, FEES).expect("listed");
        assert_eq!(check_dex(&spec("BTC"), &dexs), Ok(()));
        assert_eq!(check_dex(&spec("xyz:GOLD"), &dexs), Ok(()));
        dexs.swap(1, 2);
        let wrong = Err(MetaError::DexOrder("xyz:GOLD".into()));
        assert_eq!(check_dex(&spec("xyz:GOLD"), &dexs), wrong);
    }

    #[test]
    fn spot_pairs_have_numbers_and_decimals_of_their_own() {
        const SPOT: &str = r#"{"tokens":[{"name":"USDC","szDecimals":8,"index":0},
            {"name":"PURR","szDecimals":0,"index":1},{"name":"HYPE","szDecimals":2,"index":150}],
            "universe":[{"name":"PURR/USDC","tokens":[1,0],"index":0},
            {"name":"@107","tokens":[150,0],"index":107}]}"#;
        let ask = |symbol| spot(&mut SPOT.as_bytes().to_vec(), symbol, FEES);
        assert_eq!(ask("PURR/USDC").map(|s| s.asset), Ok(10_000));
        let hype = ask("HYPE/USDC").expect("by its tokens");
        assert_eq!((hype.asset, hype.symbol.as_str()), (10_107, "@107"));
        assert_eq!(hype.grid, GridSpec::SigFigs { figures: 5, max_decimals: 6 });
        assert_eq!(hype.lot, Qty(1_000_000));
        assert!(matches!(ask("NOPE"), Err(MetaError::Unknown { .. })));
    }

    #[test]
    fn fees_are_ratios() {
        let mut answer = br#"{"userCrossRate":"0.00045","userAddRate":"-0.00001"}"#.to_vec();
        let got = fees(&mut answer).expect("two rates");
        assert_eq!((got.taker, got.maker), (Bps(45_000), Bps(-1_000)));
    }
}
