//! Cold. Venue rules from a file: what a market's metadata says, for a check without a network.
//!
//! The known ones ship inside the binary (`config/rules/*.toml`), so that a shipped example can be
//! checked anywhere. Numbers are decimals in quotes and read exactly, as in the configuration.

use serde::Deserialize;

use crate::instrument::{GridSpec, InstId, Instrument, InstrumentSpec, Symbol, VenueId};
use crate::units::{Bps, Notional, Price, Qty, parse_raw};

/// What ships, by its name in messages.
const SHIPPED: [(&str, &str); 2] = [
    ("config/rules/lighter.toml", include_str!("../../../config/rules/lighter.toml")),
    ("config/rules/hyperliquid.toml", include_str!("../../../config/rules/hyperliquid.toml")),
];

/// One market's rules and its last known price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    pub spec: InstrumentSpec,
    pub price: Option<Price>,
}

/// The rules that ship.
pub fn shipped() -> Vec<Rules> {
    let all = SHIPPED.iter().map(|(file, text)| parse(text, file));
    all.collect::<Result<Vec<_>, _>>().expect("what ships is tested").concat()
}

/// Reads a rules file.
///
/// # Errors
/// One line for everything that is wrong, each with the file and the market.
pub fn parse(text: &str, file: &str) -> Result<Vec<Rules>, String> {
    let table: Table = toml::from_str(text).map_err(|e| format!("{file}: {}", e.message()))?;
    let mut rules = Vec::new();
    let mut errors = Vec::new();
    for (i, row) in table.market.iter().enumerate() {
        match row.rules() {
            Ok(found) => rules.push(found),
            Err(what) => errors.push(format!("{file}: market {}: {what}", i + 1)),
        }
    }
    if errors.is_empty() { Ok(rules) } else { Err(errors.join("\n")) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    market: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    venue: String,
    symbol: String,
    tick: Option<String>,
    figures: Option<u32>,
    max_decimals: Option<u32>,
    lot: String,
    min_size: String,
    min_notional: String,
    maker_fee_bps: String,
    taker_fee_bps: String,
    price: Option<String>,
}

impl Row {
    fn rules(&self) -> Result<Rules, String> {
        let raw = |key: &str, text: &str| {
            parse_raw(text.as_bytes()).map_err(|why| format!("{key} {text:?}: {why}"))
        };
        let bps = |key: &str, text: &str| {
            Bps::parse(text.as_bytes()).map_err(|why| format!("{key} {text:?}: {why}"))
        };
        let venues = [VenueId::Hyperliquid, VenueId::Lighter, VenueId::Nado];
        let venue = venues.into_iter().find(|v| v.name() == self.venue);
        let grid = match (&self.tick, self.figures, self.max_decimals) {
            (Some(tick), None, None) => GridSpec::Tick(Price(raw("tick", tick)?)),
            (None, Some(figures), Some(max_decimals)) => {
                GridSpec::SigFigs { figures, max_decimals }
            }
            _ => return Err("state either tick, or figures and max_decimals".to_owned()),
        };
        let spec = InstrumentSpec {
            venue: venue.ok_or_else(|| format!("venue {:?} is none", self.venue))?,
            symbol: Symbol::new(&self.symbol).ok_or_else(|| format!("symbol {:?}", self.symbol))?,
            // The number names a market in orders; no order is made here.
            asset: 0,
            grid,
            lot: Qty(raw("lot", &self.lot)?),
            min_size: Qty(raw("min_size", &self.min_size)?),
            min_notional: Notional::from_raw(raw("min_notional", &self.min_notional)?),
            maker_fee: bps("maker_fee_bps", &self.maker_fee_bps)?,
            taker_fee: bps("taker_fee_bps", &self.taker_fee_bps)?,
        };
        Instrument::new(InstId(0), spec).map_err(|why| why.name().to_owned())?;
        let price = self.price.as_deref().map(|text| raw("price", text)).transpose()?;
        if price.is_some_and(|p| p <= 0) {
            return Err("price: must be positive".to_owned());
        }
        Ok(Rules { spec, price: price.map(Price) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ships_is_whole() {
        let names: Vec<_> = shipped().iter().map(|r| (r.spec.venue, r.spec.symbol)).collect();
        let symbol = |text| Symbol::new(text).expect("short");
        assert_eq!(
            names,
            [
                (VenueId::Lighter, symbol("SOL")),
                (VenueId::Hyperliquid, symbol("SOL")),
                (VenueId::Hyperliquid, symbol("BTC")),
                (VenueId::Hyperliquid, symbol("ETH")),
            ]
        );
        assert!(shipped().iter().all(|r| r.price.is_some()));
    }

    #[test]
    fn a_wrong_file_is_told_with_its_market() {
        let good = SHIPPED[0].1;
        for (from, to, want) in [
            ("tick = \"0.001\"", "tick = \"0\"", "tick must be positive"),
            ("tick = \"0.001\"", "figures = 5", "either tick"),
            ("lot = \"0.001\"", "lot = \"1e-3\"", "lot \"1e-3\": not a decimal"),
            ("lot = \"0.001\"", "lot = 0.001", "string"),
            ("\"lighter\"", "\"heavier\"", "venue \"heavier\""),
            ("price = \"143\"", "price = \"0\"", "price: must be positive"),
            ("price = ", "prize = ", "prize"),
            ("maker_fee_bps = \"0\"", "maker_fee_bps = \"0.00001\"", "maker_fee_bps"),
        ] {
            assert!(good.contains(from), "{from}");
            let error = parse(&good.replace(from, to), "r.toml").expect_err(to);
            assert!(error.starts_with("r.toml: ") && error.contains(want), "{to}: {error}");
        }
    }
}
