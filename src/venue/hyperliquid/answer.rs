//! Cold. Answers to posts and to questions over REST, as typed values.

use crate::units::{Price, Qty, parse_raw};
use serde::Deserialize;

/// An answer to a post, by the number that the post had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub id: u64,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Action(ActionAnswer),
    /// The answer to `orderStatus`; `None`: the venue does not know the order.
    Info(Option<Fate>),
    /// The transport's words, which mirror an HTTP status.
    Error(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionAnswer {
    /// One a batch entry; empty for actions without entries.
    Statuses(Vec<Status>),
    /// The whole action was refused, with the venue's text.
    Refused(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    Resting {
        oid: u64,
    },
    Filled {
        oid: u64,
        filled: Qty,
    },
    Error(String),
    /// A cancel that was done.
    Success,
    /// A trigger order that waits.
    Waiting,
}

/// What the venue knows about an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    pub status: String,
    pub oid: u64,
    pub orig: Qty,
    pub open: Qty,
}

#[derive(Deserialize)]
struct Frame {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    id: u64,
    response: Response,
}

#[derive(Deserialize)]
#[serde(tag = "type", content = "payload", rename_all = "lowercase")]
enum Response {
    Action(Action),
    Info(InfoBody),
    Error(String),
}

#[derive(Deserialize)]
struct Action {
    status: String,
    response: serde_json::Value,
}

#[derive(Deserialize)]
struct InfoBody {
    data: serde_json::Value,
}

/// Reads a frame of channel `post`; `None` when it is not one that the venue documents.
pub fn decode(frame: &[u8]) -> Option<Answer> {
    let Frame { data: Data { id, response } } = serde_json::from_slice(frame).ok()?;
    let outcome = match response {
        Response::Action(action) => Outcome::Action(action_answer(&action)?),
        Response::Info(InfoBody { data }) => Outcome::Info(fate(&data)?),
        Response::Error(text) => Outcome::Error(text),
    };
    Some(Answer { id, outcome })
}

fn action_answer(action: &Action) -> Option<ActionAnswer> {
    if action.status != "ok" {
        let text = action.response.as_str().unwrap_or("no text");
        return Some(ActionAnswer::Refused(text.to_owned()));
    }
    let Some(statuses) = action.response.pointer("/data/statuses") else {
        return Some(ActionAnswer::Statuses(Vec::new()));
    };
    let statuses = statuses.as_array()?.iter().map(status).collect::<Option<Vec<_>>>()?;
    Some(ActionAnswer::Statuses(statuses))
}

fn status(value: &serde_json::Value) -> Option<Status> {
    if let Some(word) = value.as_str() {
        return Some(if word == "success" { Status::Success } else { Status::Waiting });
    }
    if let Some(text) = value.get("error") {
        return Some(Status::Error(text.as_str()?.to_owned()));
    }
    if let Some(resting) = value.get("resting") {
        return Some(Status::Resting { oid: resting.get("oid")?.as_u64()? });
    }
    let filled = value.get("filled")?;
    let total = filled.get("totalSz")?.as_str()?;
    let qty = Qty::parse(total.as_bytes()).ok()?;
    Some(Status::Filled { oid: filled.get("oid")?.as_u64()?, filled: qty })
}

/// Outer `None`: not the documented form. Inner `None`: unknown to the venue.
fn fate(data: &serde_json::Value) -> Option<Option<Fate>> {
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

    fn read(response: &str) -> Option<Outcome> {
        let frame = format!(r#"{{"channel":"post","data":{{"id":7,"response":{response}}}}}"#);
        decode(frame.as_bytes()).map(|answer| {
            assert_eq!(answer.id, 7);
            answer.outcome
        })
    }

    #[test]
    fn every_documented_answer() {
        let statuses = r#"{"type":"action","payload":{"status":"ok","response":{"type":"order","data":
            {"statuses":[{"resting":{"oid":5}},{"filled":{"totalSz":"0.5","avgPx":"1","oid":6}},
            {"error":"Order has zero size. asset=1"},"waitingForFill"]}}}}"#;
        let want = vec![
            Status::Resting { oid: 5 },
            Status::Filled { oid: 6, filled: Qty(SCALE / 2) },
            Status::Error("Order has zero size. asset=1".into()),
            Status::Waiting,
        ];
        assert_eq!(read(statuses), Some(Outcome::Action(ActionAnswer::Statuses(want))));
        let refused = r#"{"type":"action","payload":{"status":"err","response":"Invalid nonce"}}"#;
        let want = ActionAnswer::Refused("Invalid nonce".into());
        assert_eq!(read(refused), Some(Outcome::Action(want)));
        let error = r#"{"type":"error","payload":"429 Too Many Requests"}"#;
        assert_eq!(read(error), Some(Outcome::Error("429 Too Many Requests".into())));
        let unknown =
            r#"{"type":"info","payload":{"type":"orderStatus","data":{"status":"unknownOid"}}}"#;
        assert_eq!(read(unknown), Some(Outcome::Info(None)));
        assert_eq!(read(r#"{"type":"new"}"#), None);
        assert_eq!(decode(b"{"), None);
    }

    #[test]
    fn positions_and_open_orders() {
        let state = br#"{"assetPositions":[{"type":"oneWay","position":{"coin":"SOL","szi":"-0.5","entryPx":"200.1"}}]}"#;
        let want =
            Position { coin: "SOL".into(), qty: Qty(-SCALE / 2), entry: Price(20_010_000_000) };
        assert_eq!(positions(state), Some(vec![want]));
        let orders =
            br#"[{"coin":"SOL","side":"B","limitPx":"1","sz":"1","oid":9,"cloid":"0x0f"}]"#;
        let want = OpenOrder { coin: "SOL".into(), oid: 9, cloid: Some(15) };
        assert_eq!(open_orders(orders), Some(vec![want]));
    }
}
