//! Cold. JSON that keeps the order of its keys, because the venue hashes an action in that order.
//!
//! `serde_json::Value` sorts them. This is the same parser with a value of its own; a key that
//! occurs twice is refused, since two readers could see two different orders.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A JSON value. Integers stay integers.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Uint(u64),
    /// Negative.
    Int(i64),
    /// A number with a point or an exponent, or beyond 64 bits. No action has one.
    Float,
    Str(String),
    Arr(Vec<Json>),
    Obj(Vec<(String, Json)>),
}

impl Json {
    /// `None` for what is not one JSON text.
    pub fn parse(text: &[u8]) -> Option<Json> {
        serde_json::from_slice(text).ok()
    }

    /// The value of a key; `None` for anything but an object that has it.
    pub fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Json::Obj(entries) => entries.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// As [`Json::get`]; a `null` counts as absent.
    pub fn given(&self, key: &str) -> Option<&Json> {
        self.get(key).filter(|value| **value != Json::Null)
    }

    pub fn str(&self) -> Option<&str> {
        match self {
            Json::Str(text) => Some(text),
            _ => None,
        }
    }

    pub fn uint(&self) -> Option<u64> {
        match self {
            Json::Uint(n) => Some(*n),
            _ => None,
        }
    }

    /// An integer within 64 bits with a sign.
    pub fn int(&self) -> Option<i64> {
        match self {
            Json::Uint(n) => i64::try_from(*n).ok(),
            Json::Int(n) => Some(*n),
            _ => None,
        }
    }

    /// As text again, without spaces. What is not an integer has lost its digits: it is `null`.
    pub fn text(&self) -> String {
        match self {
            Json::Null | Json::Float => "null".to_owned(),
            Json::Bool(b) => b.to_string(),
            Json::Uint(n) => n.to_string(),
            Json::Int(n) => n.to_string(),
            Json::Str(text) => quoted(text),
            Json::Arr(items) => {
                let items: Vec<String> = items.iter().map(Json::text).collect();
                format!("[{}]", items.join(","))
            }
            Json::Obj(entries) => {
                let entry =
                    |(key, value): &(String, Json)| format!("{}:{}", quoted(key), value.text());
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(","))
            }
        }
    }

    pub fn bool(&self) -> Option<bool> {
        match self {
            Json::Bool(b) => Some(*b),
            _ => None,
        }
    }

    pub fn arr(&self) -> Option<&[Json]> {
        match self {
            Json::Arr(items) => Some(items),
            _ => None,
        }
    }
}

struct Build;

impl<'de> Visitor<'de> for Build {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, b: bool) -> Result<Json, E> {
        Ok(Json::Bool(b))
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<Json, E> {
        Ok(Json::Uint(n))
    }

    fn visit_i64<E: Error>(self, n: i64) -> Result<Json, E> {
        Ok(u64::try_from(n).map_or(Json::Int(n), Json::Uint))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Float)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Str(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::Arr(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut entries: Vec<(String, Json)> = Vec::new();
        while let Some((key, value)) = map.next_entry()? {
            // Objects of the protocol have at most a dozen keys.
            if entries.len() == 64 || entries.iter().any(|(k, _)| *k == key) {
                return Err(A::Error::custom("a key twice, or too many of them"));
            }
            entries.push((key, value));
        }
        Ok(Json::Obj(entries))
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(Build)
    }
}

/// A text as a JSON string, quotes included.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_order_and_integers_their_digits() {
        let json = Json::parse(br#"{"z":18446744073709551615,"a":[-1,null,true,"x"],"f":1.5}"#);
        let Some(Json::Obj(entries)) = &json else { panic!("{json:?}") };
        let keys: Vec<&str> = entries.iter().map(|(k, _)| k.as_str()).collect();
        assert_eq!(keys, ["z", "a", "f"]);
        let json = json.unwrap();
        assert_eq!(json.get("z").unwrap().uint(), Some(u64::MAX));
        let want = [Json::Int(-1), Json::Null, Json::Bool(true), Json::Str("x".into())];
        assert_eq!(json.get("a").unwrap().arr(), Some(&want[..]));
        assert_eq!(json.get("f"), Some(&Json::Float));
    }

    #[test]
    fn what_is_not_one_value_is_refused() {
        for bad in ["", "{", "{}x", "{\"a\":1,\"a\":2}", "{a:1}", "\u{0}"] {
            assert_eq!(Json::parse(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(Json::parse("[".repeat(10_000).as_bytes()), None);
    }
}
