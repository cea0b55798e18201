//! Cold. Answers to questions about the account (`/info`, over REST or as a post), as typed values.

use super::budget::Known;
use crate::units::{Price, Qty, parse_raw};

/// What the venue knows about an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    pub status: String,
    pub oid: u64,
    pub orig: Qty,
    pub open: Qty,
}

/// Reads the payload of an answered `orderStatus`. Outer `None`: not the documented form. Inner
/// `None`: the venue does not know the order.
pub fn fate(payload: &[u8]) -> Option<Option<Fate>> {
    let payload: serde_json::Value = serde_json::from_slice(payload).ok()?;
    // Over the WebSocket the answer lies in `data`, beside its type.
    let data = payload.get("data").unwrap_or(&payload);
    match data.get("status")?.as_str()? {
        "unknownOid" => return Some(None),
        "order" => {}
        _ => return None,
    }
    let outer = data.get("order")?;
    let order = outer.get("order")?;
    let qty = |key: &str| Qty::parse(order.get(key)?.as_str()?.as_bytes()).ok();
    Some(Some(Fate {
        status: outer.get("status")?.as_str()?.to_owned(),
        oid: order.get("oid")?.as_u64()?,
        orig: qty("origSz")?,
        open: qty("sz")?,
    }))
}

/// A position of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub coin: String,
    pub qty: Qty,
    pub entry: Price,
}

/// An open order of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenOrder {
    pub coin: String,
    pub oid: u64,
    pub cloid: Option<u128>,
}

/// Reads the answer to `clearinghouseState`.
pub fn positions(body: &[u8]) -> Option<Vec<Position>> {
    let state: serde_json::Value = serde_json::from_slice(body).ok()?;
    let rows = state.get("assetPositions")?.as_array()?;
    let position = |row: &serde_json::Value| {
        let position = row.get("position")?;
        let raw = |key: &str| parse_raw(position.get(key)?.as_str()?.as_bytes()).ok();
        Some(Position {
            coin: position.get("coin")?.as_str()?.to_owned(),
            qty: Qty(raw("szi")?),
            entry: Price(raw("entryPx").unwrap_or(0)),
        })
    };
    rows.iter().map(position).collect()
}

/// The account's value of the answer to `clearinghouseState`, raw 10^-8 quote.
pub fn equity(body: &[u8]) -> Option<i64> {
    let state: serde_json::Value = serde_json::from_slice(body).ok()?;
    let value = state.get("marginSummary")?.get("accountValue")?.as_str()?;
    parse_raw(value.as_bytes()).ok()
}

/// Reads the payload of an answered `userRateLimit`.
pub fn rate_limit(payload: &[u8]) -> Option<Known> {
    let payload: serde_json::Value = serde_json::from_slice(payload).ok()?;
    let data = payload.get("data").unwrap_or(&payload);
    let count = |key: &str| data.get(key)?.as_u64();
    Some(Known {
        used: count("nRequestsUsed")?,
        cap: count("nRequestsCap")?,
        // Newer than the rest of the answer.
        surplus: count("nRequestsSurplus").unwrap_or(0),
    })
}

/// Reads the answer to `openOrders`.
pub fn open_orders(body: &[u8]) -> Option<Vec<OpenOrder>> {
    let rows: Vec<serde_json::Value> = serde_json::from_slice(body).ok()?;
    let order = |row: &serde_json::Value| {
        let cloid = row.get("cloid").and_then(|c| c.as_str());
        Some(OpenOrder {
            coin: row.get("coin")?.as_str()?.to_owned(),
            oid: row.get("oid")?.as_u64()?,
            cloid: cloid.and_then(|c| u128::from_str_radix(c.strip_prefix("0x")?, 16).ok()),
        })
    };
    rows.iter().map(order).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SCALE;

    #[test]
    fn the_fate_of_an_order() {
        let known = br#"{"type":"orderStatus","data":{"status":"order","order":{"order":
            {"coin":"SOL","oid":5,"sz":"0.25","origSz":"1"},"status":"canceled","statusTimestamp":1}}}"#;
        let want =
            Fate { status: "canceled".into(), oid: 5, orig: Qty(SCALE), open: Qty(SCALE / 4) };
        assert_eq!(fate(known), Some(Some(want)));
        assert_eq!(fate(br#"{"data":{"status":"unknownOid"}}"#), Some(None));
        assert_eq!(fate(br#"{"data":{"status":"new"}}"#), None);
        assert_eq!(fate(b"{"), None);
    }

    #[test]
    fn the_requests_of_an_address() {
        let bare = br#"{"cumVlm":"14427.78","nRequestsUsed":582,"nRequestsCap":24427,"nRequestsSurplus":7}"#;
        let want = Known { used: 582, cap: 24_427, surplus: 7 };
        assert_eq!(rate_limit(bare), Some(want));
        let post = br#"{"type":"userRateLimit","data":{"nRequestsUsed":5,"nRequestsCap":10000}}"#;
        assert_eq!(rate_limit(post), Some(Known { used: 5, cap: 10_000, surplus: 0 }));
        assert_eq!(rate_limit(br#"{"nRequestsUsed":-5,"nRequestsCap":10000}"#), None);
        assert_eq!(rate_limit(b"null"), None);
    }

    #[test]
    fn positions_and_open_orders() {
        let state = br#"{"assetPositions":[{"type":"oneWay","position":{"coin":"SOL","szi":"-0.5","entryPx":"200.1"}}]}"#;
        let want =
            Position { coin: "SOL".into(), qty: Qty(-SCALE / 2), entry: Price(20_010_000_000) };
        assert_eq!(positions(state), Some(vec![want]));
        assert_eq!(equity(state), None, "no summary");
        let summary = br#"{"marginSummary":{"accountValue":"1234.5"},"assetPositions":[]}"#;
        assert_eq!(equity(summary), Some(123_450_000_000));
        let orders =
            br#"[{"coin":"SOL","side":"B","limitPx":"1","sz":"1","oid":9,"cloid":"0x0f"}]"#;
        let want = OpenOrder { coin: "SOL".into(), oid: 9, cloid: Some(15) };
        assert_eq!(open_orders(orders), Some(vec![want]));
    }
}
