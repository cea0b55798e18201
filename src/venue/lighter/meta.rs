//! Cold. Instruments from the venue's metadata: `orderBooks`, `orderBookDetails`.
//!
//! A market counts prices and sizes in integers of its own decimals, so tick and lot are one unit
//! of them. A resting order has at least `min_base_amount` and is worth at least
//! `min_quote_amount`; the stricter one holds. Fees are the account's tier's, in 10^-6 of the
//! notional; a market may waive them.

use super::info::{AccountLimits, InfoError, answer};
use super::orders::Market as Scales;
use crate::instrument::{GridSpec, InstrumentSpec, Symbol, VenueId};
use crate::units::{Bps, Notional, Price, Qty, SCALE, SCALE_DECIMALS, parse_raw};
use serde::Deserialize;

/// Raw [`Bps`] in one fee tick: 10^-6 in units of 10^-8.
const BPS_PER_TICK: i64 = 100;

#[derive(Debug, Deserialize)]
struct Books {
    #[serde(default, alias = "order_book_details")]
    order_books: Vec<Row>,
    #[serde(default)]
    spot_order_book_details: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    symbol: String,
    market_id: u32,
    market_type: String,
    status: String,
    min_base_amount: String,
    min_quote_amount: String,
    supported_size_decimals: u32,
    supported_price_decimals: u32,
    #[serde(default = "yes")]
    is_maker_fee_enabled: bool,
    #[serde(default = "yes")]
    is_taker_fee_enabled: bool,
    #[serde(default)]
    is_frozen: bool,
    #[serde(default)]
    mark_price: Option<String>,
    #[serde(default)]
    market_config: MarketConfig,
}

#[derive(Debug, Default, Deserialize)]
struct MarketConfig {
    #[serde(default)]
    force_reduce_only: bool,
}

fn yes() -> bool {
    true
}

/// Why a market can't be traded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetaError {
    Answer(InfoError),
    /// The venue has no such market; the nearest names it has.
    Unknown {
        symbol: String,
        near: Vec<String>,
    },
    /// It is there and does not trade: the venue's own word for its state.
    Inactive {
        symbol: String,
        status: String,
    },
    Frozen(String),
    /// Only orders that reduce are taken.
    ReduceOnly(String),
    /// Spot markets and binary options have no positions as the engine counts them.
    NotPerp {
        symbol: String,
        kind: String,
    },
    /// Its numbers do not fit the scale.
    OutOfScale(String),
}

impl std::fmt::Display for MetaError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MetaError::Answer(error) => write!(f, "{error}"),
            MetaError::Unknown { symbol, near } if near.is_empty() => {
                write!(f, "the venue has no market \"{symbol}\"")
            }
            MetaError::Unknown { symbol, near } => {
                write!(f, "the venue has no market \"{symbol}\"; it has {}", near.join(", "))
            }
            MetaError::Inactive { symbol, status } => {
                write!(f, "market \"{symbol}\" is {status}: choose another")
            }
            MetaError::Frozen(symbol) => write!(f, "market \"{symbol}\" is frozen: choose another"),
            MetaError::ReduceOnly(symbol) => {
                write!(f, "market \"{symbol}\" takes only orders that reduce: choose another")
            }
            MetaError::NotPerp { symbol, kind } => {
                write!(f, "market \"{symbol}\" is {kind}, not a perp: choose another")
            }
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

impl Fees {
    /// 28 ticks are 0.28 bps.
    pub fn of(limits: &AccountLimits) -> Fees {
        let bps = |ticks: u32| Bps(i64::from(ticks) * BPS_PER_TICK);
        Fees { maker: bps(limits.maker_ticks), taker: bps(limits.taker_ticks) }
    }
}

/// A market that can be traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    pub spec: InstrumentSpec,
    /// How its transactions count.
    pub scales: Scales,
}

/// Reads one perp of the answer to `orderBooks` or `orderBookDetails`.
pub fn perp(body: &[u8], symbol: &str, fees: Fees) -> Result<Listed, MetaError> {
    let books: Books = answer(body).map_err(MetaError::Answer)?;
    let mut rows = books.order_books.iter().chain(&books.spot_order_book_details);
    let Some(row) = rows.clone().find(|row| row.symbol == symbol) else {
        let alike = |row: &&Row| {
            let (a, b) = (row.symbol.to_lowercase(), symbol.to_lowercase());
            row.status == "active" && (a.contains(&b) || b.contains(&a))
        };
        let near = rows.by_ref().filter(alike).take(5).map(|row| row.symbol.clone()).collect();
        return Err(MetaError::Unknown { symbol: symbol.to_owned(), near });
    };
    let symbol = symbol.to_owned();
    if row.status != "active" {
        return Err(MetaError::Inactive { symbol, status: row.status.clone() });
    }
    if row.market_type != "perp" {
        return Err(MetaError::NotPerp { symbol, kind: row.market_type.clone() });
    }
    if row.is_frozen {
        return Err(MetaError::Frozen(symbol));
    }
    if row.market_config.force_reduce_only {
        return Err(MetaError::ReduceOnly(symbol));
    }
    listed(row, fees).ok_or(MetaError::OutOfScale(symbol))
}

/// The mark price of each of these markets, by their numbers; `None` where there is none.
pub fn marks(body: &[u8], markets: &[u32]) -> Result<Vec<Option<Price>>, MetaError> {
    let books: Books = answer(body).map_err(MetaError::Answer)?;
    let price = |market: &u32| {
        let row = books.order_books.iter().find(|row| row.market_id == *market)?;
        let raw = parse_raw(row.mark_price.as_ref()?.as_bytes()).ok();
        raw.filter(|raw| *raw > 0).map(Price)
    };
    Ok(markets.iter().map(price).collect())
}

/// `None` when its numbers do not fit the scale.
fn listed(row: &Row, fees: Fees) -> Option<Listed> {
    let (price_decimals, size_decimals) =
        (row.supported_price_decimals, row.supported_size_decimals);
    if price_decimals.max(size_decimals) > SCALE_DECIMALS {
        return None;
    }
    let unit = |decimals: u32| SCALE / 10i64.pow(decimals);
    let minimum = |text: &str| parse_raw(text.as_bytes()).ok().filter(|raw| *raw >= 0);
    let spec = InstrumentSpec {
        venue: VenueId::Lighter,
        symbol: Symbol::new(&row.symbol)?,
        asset: row.market_id,
        grid: GridSpec::Tick(Price(unit(price_decimals))),
        lot: Qty(unit(size_decimals)),
        min_size: Qty(minimum(&row.min_base_amount)?),
        min_notional: Notional::from_raw(minimum(&row.min_quote_amount)?),
        maker_fee: if row.is_maker_fee_enabled { fees.maker } else { Bps::ZERO },
        taker_fee: if row.is_taker_fee_enabled { fees.taker } else { Bps::ZERO },
    };
    let scales = Scales {
        index: row.market_id,
        price_decimals: price_decimals as u8,
        size_decimals: size_decimals as u8,
    };
    Some(Listed { spec, scales })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instrument::{InstId, Instrument};

    const FEES: Fees = Fees { maker: Bps(2_800), taker: Bps(19_600) };

    fn row(symbol: &str, id: u32, more: &str) -> String {
        format!(
            r#"{{"symbol":"{symbol}","market_id":{id},"market_type":"perp","status":"active","taker_fee":"0.0000","maker_fee":"0.0000","min_base_amount":"0.055","min_quote_amount":"10.000000","order_quote_limit":"281474976.710655","supported_size_decimals":3,"supported_price_decimals":3{more}}}"#
        )
    }

    fn books(rows: &[String]) -> String {
        format!(r#"{{"code":200,"order_books":[{}]}}"#, rows.join(","))
    }

    #[test]
    fn a_market_of_the_metadata() {
        let body =
            books(&[row("SOL", 2, ""), row("SOLX", 4_647, r#","is_maker_fee_enabled":false"#)]);
        let listed = perp(body.as_bytes(), "SOL", FEES).expect("SOL is listed");
        assert_eq!(listed.scales, Scales { index: 2, price_decimals: 3, size_decimals: 3 });
        let spec = listed.spec;
        assert_eq!((spec.asset, spec.lot, spec.min_size), (2, Qty(100_000), Qty(5_500_000)));
        assert_eq!((spec.maker_fee, spec.taker_fee), (Bps(2_800), Bps(19_600)));
        let sol = Instrument::new(InstId(0), spec).expect("a valid market");
        assert_eq!(sol.tick_at(Price(101 * SCALE)), Some(Price(100_000)));
        // 10 / 101.114 is 0.0989: above the smallest size.
        assert_eq!(sol.min_qty(Price(10_111_400_000)), Some(Qty(9_900_000)));
        let free = perp(body.as_bytes(), "SOLX", FEES).expect("SOLX is listed").spec;
        assert_eq!((free.asset, free.maker_fee, free.taker_fee), (4_647, Bps::ZERO, Bps(19_600)));
    }

    #[test]
    fn details_are_read_too() {
        let perps =
            row("SOL", 2, r#","size_decimals":3,"market_config":{"force_reduce_only":true}"#);
        let spot = row("ETH/USDC", 2_048, "").replace("\"perp\"", "\"spot\"");
        let body = format!(
            r#"{{"code":200,"order_book_details":[{perps},{}],"spot_order_book_details":[{spot}]}}"#,
            row("BTC", 1, "")
        );
        assert_eq!(perp(body.as_bytes(), "BTC", FEES).map(|listed| listed.spec.asset), Ok(1));
        assert_eq!(perp(body.as_bytes(), "SOL", FEES), Err(MetaError::ReduceOnly("SOL".into())));
        let (symbol, kind) = ("ETH/USDC".to_owned(), "spot".to_owned());
        assert_eq!(
            perp(body.as_bytes(), "ETH/USDC", FEES),
            Err(MetaError::NotPerp { symbol, kind })
        );
    }

    #[test]
    fn refusals_name_the_remedy() {
        let inactive = row("OLD", 9, "").replace("active", "inactive");
        let fine = row("FINE", 8, "").replace("price_decimals\":3", "price_decimals\":9");
        let frozen = row("ICE", 7, r#","is_frozen":true"#);
        let body = books(&[row("SOL", 2, ""), inactive, fine, frozen]);
        let ask = |symbol| perp(body.as_bytes(), symbol, FEES);
        let (symbol, status) = ("OLD".to_owned(), "inactive".to_owned());
        assert_eq!(ask("OLD"), Err(MetaError::Inactive { symbol, status }));
        assert_eq!(ask("FINE"), Err(MetaError::OutOfScale("FINE".into())));
        assert_eq!(ask("ICE"), Err(MetaError::Frozen("ICE".into())));
        let near = vec!["SOL".to_owned()];
        assert_eq!(ask("sol"), Err(MetaError::Unknown { symbol: "sol".into(), near }));
        let refused = perp(br#"{"code":29404,"message":"not found"}"#, "SOL", FEES);
        let text = "not found".to_owned();
        let refusal = InfoError::Refused { code: 29_404, text };
        assert_eq!(refused, Err(MetaError::Answer(refusal)));
    }

    #[test]
    fn fees_are_ticks_of_a_millionth() {
        let limits = AccountLimits { tier: "premium_7".into(), maker_ticks: 28, taker_ticks: 196 };
        assert_eq!(Fees::of(&limits), FEES);
    }
}
