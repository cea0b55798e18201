//! Cold. The slow, general way from an action in JSON to its msgpack: any map, keys as they come.
//!
//! It knows no action, so it is what the hand-written encoder is compared with, and what signs
//! vectors and actions that the engine never sends. JSON objects keep their key order here because
//! it is part of the hash.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::action_hash;
use super::wire::Buf;
use crate::venue::eip712::Address;

/// A JSON value as an action may hold it: integers, never fractions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    Null,
    Flag(bool),
    Uint(u64),
    /// Below zero.
    Int(i64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The value of a key of a map.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match self {
            Node::Map(pairs) => pairs.iter().find(|(k, _)| k == key).map(|(_, value)| value),
            _ => None,
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match self {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_uint(&self) -> Option<u64> {
        match self {
            Node::Uint(value) => Some(*value),
            _ => None,
        }
    }

    pub fn as_flag(&self) -> Option<bool> {
        match self {
            Node::Flag(value) => Some(*value),
            _ => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Node]> {
        match self {
            Node::List(list) => Some(list),
            _ => None,
        }
    }

    /// The msgpack of the value: counts and integers in their shortest form.
    ///
    /// Written apart from the hot writer on purpose: a test compares the two.
    pub fn pack(&self, out: &mut Vec<u8>) {
        match self {
            Node::Null => out.push(0xc0),
            Node::Flag(value) => out.push(0xc2 + u8::from(*value)),
            Node::Uint(value) => pack_uint(*value, out),
            Node::Int(value) => pack_int(*value, out),
            Node::Text(text) => {
                pack_count(text.len(), 0xa0, 31, [Some(0xd9), Some(0xda), Some(0xdb)], out);
                out.extend(text.as_bytes());
            }
            Node::List(list) => {
                pack_count(list.len(), 0x90, 15, [None, Some(0xdc), Some(0xdd)], out);
                list.iter().for_each(|item| item.pack(out));
            }
            Node::Map(pairs) => {
                pack_count(pairs.len(), 0x80, 15, [None, Some(0xde), Some(0xdf)], out);
                for (key, value) in pairs {
                    Node::Text(key.clone()).pack(out);
                    value.pack(out);
                }
            }
        }
    }
}

/// The hash of an action as the venue takes it: what the hot path computes in place.
pub fn connection_id(
    action: &Node,
    nonce: u64,
    vault: Option<&Address>,
    expires_after: Option<u64>,
) -> [u8; 32] {
    let mut packed = Vec::new();
    action.pack(&mut packed);
    let mut room = vec![0; packed.len() + 38]; // nonce 8, vault 1 + 20, expiry 1 + 8
    let mut preimage = Buf::new(&mut room);
    preimage.put(&packed);
    action_hash(&mut preimage, nonce, vault, expires_after).expect("there is room for the rest")
}

/// A count in the type byte when it is at most `fixed`, else after the type byte for 1, 2 or 4
/// bytes.
fn pack_count(count: usize, base: u8, fixed: usize, kinds: [Option<u8>; 3], out: &mut Vec<u8>) {
    if count <= fixed {
        return out.push(base | count as u8);
    }
    let bytes = (count as u32).to_be_bytes();
    for (kind, width) in kinds.into_iter().zip([1, 2, 4]) {
        if let Some(kind) = kind
            && (count as u64) >> (8 * width) == 0
        {
            out.push(kind);
            return out.extend(&bytes[4 - width..]);
        }
    }
}

fn pack_uint(value: u64, out: &mut Vec<u8>) {
    if let Ok(value) = u8::try_from(value) {
        if value >= 0x80 {
            out.push(0xcc);
        }
        out.push(value);
    } else if let Ok(value) = u16::try_from(value) {
        out.push(0xcd);
        out.extend(value.to_be_bytes());
    } else if let Ok(value) = u32::try_from(value) {
        out.push(0xce);
        out.extend(value.to_be_bytes());
    } else {
        out.push(0xcf);
        out.extend(value.to_be_bytes());
    }
}

fn pack_int(value: i64, out: &mut Vec<u8>) {
    if let Ok(value) = i8::try_from(value) {
        if value < -32 {
            out.push(0xd0);
        }
        out.push(value as u8);
    } else if let Ok(value) = i16::try_from(value) {
        out.push(0xd1);
        out.extend(value.to_be_bytes());
    } else if let Ok(value) = i32::try_from(value) {
        out.push(0xd2);
        out.extend(value.to_be_bytes());
    } else {
        out.push(0xd3);
        out.extend(value.to_be_bytes());
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without fractions")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Flag(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Uint(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(u64::try_from(value).map_or(Node::Int(value), Node::Uint))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut pairs: Vec<(String, Node)> = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            pairs.push(entry);
        }
        Ok(Node::Map(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(json: &str) -> Vec<u8> {
        let mut out = Vec::new();
        serde_json::from_str::<Node>(json).unwrap().pack(&mut out);
        out
    }

    #[test]
    fn keys_keep_their_order() {
        assert_eq!(pack(r#"{"b":1,"a":2}"#), [0x82, 0xa1, b'b', 1, 0xa1, b'a', 2]);
    }

    #[test]
    fn fractions_are_refused() {
        assert!(serde_json::from_str::<Node>(r#"{"a":1.5}"#).is_err());
        assert!(serde_json::from_str::<Node>(r#"{"a":1e3}"#).is_err());
    }

    #[test]
    fn counts_take_their_shortest_form() {
        let head = |n: usize| {
            let mut out = Vec::new();
            Node::Text("x".repeat(n)).pack(&mut out);
            out[..out.len() - n].to_vec()
        };
        assert_eq!(head(31), [0xbf]);
        assert_eq!(head(32), [0xd9, 32]);
        assert_eq!(head(255), [0xd9, 255]);
        assert_eq!(head(256), [0xda, 1, 0]);
        assert_eq!(head(65_535), [0xda, 0xff, 0xff]);
        assert_eq!(head(65_536), [0xdb, 0, 1, 0, 0]);
    }
}
