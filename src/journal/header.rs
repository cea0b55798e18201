//! Cold. A journal's header: what replay needs besides the records. Text, so that a person can read
//! it with `head`.

use crate::instrument::{GridSpec, InstrumentSpec, Symbol, VenueId};
use crate::units::{Bps, Notional, Price, Qty, notional_text, parse_raw};
use serde::{Deserialize, Serialize};

/// Between the instruments and the configuration.
const CUT: &str = "\n# ---- effective configuration ----\n";

/// Instruments as the venue stated them when the run began, and the effective configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    pub specs: Vec<InstrumentSpec>,
    pub config: String,
}

#[derive(Serialize, Deserialize)]
struct Text {
    engine: String,
    instrument: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    venue: String,
    symbol: String,
    asset: u32,
    grid: String,
    lot: String,
    min_size: String,
    min_notional: String,
    maker_fee_raw: i64,
    taker_fee_raw: i64,
}

impl Header {
    pub fn to_text(&self) -> String {
        let text = Text {
            engine: env!("CARGO_PKG_VERSION").to_owned(),
            instrument: self.specs.iter().map(row).collect(),
        };
        let head = toml::to_string(&text).expect("strings and integers make TOML");
        format!("{head}{CUT}{}", self.config)
    }

    /// # Errors
    /// One line that says what is missing or wrong.
    pub fn parse(text: &str) -> Result<Header, String> {
        let (head, config) = text.split_once(CUT).ok_or("the header has no configuration")?;
        let head: Text = toml::from_str(head).map_err(|e| format!("the header: {e}"))?;
        let specs = head.instrument.iter().map(spec).collect::<Result<_, _>>()?;
        Ok(Header { specs, config: config.to_owned() })
    }
}

fn row(spec: &InstrumentSpec) -> Row {
    let grid = match spec.grid {
        GridSpec::Tick(tick) => format!("tick {tick}"),
        GridSpec::SigFigs { figures, max_decimals } => format!("figures {figures} {max_decimals}"),
    };
    Row {
        venue: spec.venue.name().to_owned(),
        symbol: spec.symbol.as_str().to_owned(),
        asset: spec.asset,
        grid,
        lot: spec.lot.to_string(),
        min_size: spec.min_size.to_string(),
        min_notional: notional_text(spec.min_notional.0),
        maker_fee_raw: spec.maker_fee.0,
        taker_fee_raw: spec.taker_fee.0,
    }
}

fn spec(row: &Row) -> Result<InstrumentSpec, String> {
    let number = |name: &str, text: &str| {
        parse_raw(text.as_bytes()).map_err(|e| format!("{} {name} {text:?}: {e}", row.symbol))
    };
    let venues = [VenueId::Hyperliquid, VenueId::Lighter, VenueId::Nado];
    let venue = venues.into_iter().find(|v| v.name() == row.venue);
    let words: Vec<&str> = row.grid.split(' ').collect();
    let count = |text: &str| text.parse::<u32>().map_err(|_| format!("grid {:?}", row.grid));
    let grid = match words[..] {
        ["tick", tick] => GridSpec::Tick(Price(number("tick", tick)?)),
        ["figures", figures, max] => {
            GridSpec::SigFigs { figures: count(figures)?, max_decimals: count(max)? }
        }
        _ => return Err(format!("grid {:?} is none", row.grid)),
    };
    Ok(InstrumentSpec {
        venue: venue.ok_or_else(|| format!("venue {:?} is none", row.venue))?,
        symbol: Symbol::new(&row.symbol).ok_or_else(|| format!("symbol {:?}", row.symbol))?,
        asset: row.asset,
        grid,
        lot: Qty(number("lot", &row.lot)?),
        min_size: Qty(number("min_size", &row.min_size)?),
        min_notional: Notional::from_raw(number("min_notional", &row.min_notional)?),
        maker_fee: Bps(row.maker_fee_raw),
        taker_fee: Bps(row.taker_fee_raw),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_round_trips() {
        let spec = |grid| InstrumentSpec {
            venue: VenueId::Lighter,
            symbol: Symbol::new("SOL").expect("a name"),
            asset: 2,
            grid,
            lot: Qty(100_000),
            min_size: Qty(6_100_000),
            min_notional: Notional::from_raw(1_050_000_000),
            maker_fee: Bps(-20),
            taker_fee: Bps(45_000),
        };
        let header = Header {
            specs: vec![
                spec(GridSpec::Tick(Price(100_000))),
                spec(GridSpec::SigFigs { figures: 5, max_decimals: 4 }),
            ],
            config: "[limits]\nburst = 3\n".into(),
        };
        assert_eq!(Header::parse(&header.to_text()), Ok(header));
        assert!(Header::parse("nothing").is_err());
    }
}
