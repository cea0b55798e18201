//! Hot. The text of a signed transaction, `tx_info`: a JSON object with its keys in the order of the
//! venue's own signer.
//!
//! In a batch the same text is a string inside a string, so its quotation marks carry three
//! backslashes; nothing else in it needs an escape (numbers, base64, hex).

use crate::venue::buf::Buf;

use super::super::crypto::schnorr::{SIGNATURE_LEN, Signature};
use super::{Attributes, Header, Order, Sender, Signed, Tx};

/// Where the text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A JSON object.
    Plain,
    /// In a string in a string.
    Nested,
}

/// Characters of a signature in base64, with padding.
pub const BASE64_LEN: usize = SIGNATURE_LEN.div_ceil(3) * 4;

/// The longest text, nested: three orders of a group, 270 bytes each, and 800 around them.
pub const INFO_MAX: usize = 2_048;

/// The two spellings of a key.
type Key = [&'static [u8]; 2];

/// `,"name":` as both forms write it.
macro_rules! key {
    ($name:literal) => {
        [
            concat!(",\"", $name, "\":").as_bytes(),
            concat!(",\\\\\\\"", $name, "\\\\\\\":").as_bytes(),
        ]
    };
}

struct Out<'a, 'b> {
    buf: &'a mut Buf<'b>,
    form: Form,
}

impl Out<'_, '_> {
    #[inline(always)]
    fn number(&mut self, key: Key, value: u64) {
        self.buf.put(key[self.form as usize]);
        self.buf.decimal(value);
    }

    /// The first key of an object has no comma.
    #[inline(always)]
    fn first(&mut self, key: Key, value: u64) {
        self.buf.byte(b'{');
        self.buf.put(&key[self.form as usize][1..]);
        self.buf.decimal(value);
    }

    #[inline(always)]
    fn quote(&mut self) {
        self.buf.put(match self.form {
            Form::Plain => b"\"",
            Form::Nested => b"\\\\\\\"",
        });
    }

    #[inline(always)]
    fn text(&mut self, key: Key, value: &[u8]) {
        self.buf.put(key[self.form as usize]);
        self.quote();
        self.buf.put(value);
        self.quote();
    }
}

/// Writes `tx_info`.
#[inline]
pub fn write_info(
    buf: &mut Buf<'_>,
    form: Form,
    tx: &Tx<'_>,
    sender: &Sender,
    header: &Header,
    signed: &Signed,
) {
    let mut o = Out { buf, form };
    o.first(key!("AccountIndex"), sender.account);
    o.number(key!("ApiKeyIndex"), sender.api_key.into());
    own_fields(&mut o, tx);
    o.number(key!("ExpiredAt"), header.expires_ms);
    o.number(key!("Nonce"), header.nonce);
    o.text(key!("Sig"), &base64(&signed.signature));
    o.buf.put(key!("L2TxAttributes")[form as usize]);
    attributes(&mut o, &header.attributes);
    o.buf.byte(b'}');
}

#[inline]
fn own_fields(o: &mut Out<'_, '_>, tx: &Tx<'_>) {
    match *tx {
        Tx::CreateOrder(ref order) => {
            o.number(key!("MarketIndex"), order.market.into());
            order_fields(o, order);
        }
        Tx::CancelOrder { market, index } => {
            o.number(key!("MarketIndex"), market.into());
            o.number(key!("Index"), index);
        }
        Tx::CancelAll(cancel) => {
            let (tif, time) = cancel.numbers();
            o.number(key!("TimeInForce"), tif);
            o.number(key!("Time"), time);
        }
        Tx::ModifyOrder { market, index, base, price, trigger_price } => {
            o.number(key!("MarketIndex"), market.into());
            o.number(key!("Index"), index);
            o.number(key!("BaseAmount"), base);
            o.number(key!("Price"), price.into());
            o.number(key!("TriggerPrice"), trigger_price.into());
        }
        Tx::UpdateLeverage { market, initial_margin_fraction, mode } => {
            o.number(key!("MarketIndex"), market.into());
            o.number(key!("InitialMarginFraction"), initial_margin_fraction.into());
            o.number(key!("MarginMode"), mode as u64);
        }
        Tx::UpdateMargin { market, usdc, add } => {
            o.number(key!("MarketIndex"), market.into());
            o.number(key!("USDCAmount"), usdc);
            o.number(key!("Direction"), add.into());
        }
        Tx::CreateGroupedOrders { grouping, orders } => {
            o.number(key!("GroupingType"), grouping as u64);
            o.buf.put(key!("Orders")[o.form as usize]);
            for (i, order) in orders.iter().enumerate() {
                o.buf.byte(if i == 0 { b'[' } else { b',' });
                o.first(key!("MarketIndex"), order.market.into());
                order_fields(o, order);
                o.buf.byte(b'}');
            }
            o.buf.byte(b']');
        }
        Tx::CreateSubAccount => {}
        Tx::ChangePubKey { public } => {
            let mut text = [0; 40_usize.div_ceil(3) * 4];
            write_base64(&public.to_bytes(), &mut text);
            o.text(key!("PubKey"), &text);
            // Made with the owner's Ethereum key, which this program never sees.
            o.text(key!("L1Sig"), b"");
        }
    }
}

/// An order's fields after its market.
#[inline]
fn order_fields(o: &mut Out<'_, '_>, order: &Order) {
    o.number(key!("ClientOrderIndex"), order.client_index);
    o.number(key!("BaseAmount"), order.base);
    o.number(key!("Price"), order.price.into());
    o.number(key!("IsAsk"), order.is_ask.into());
    o.number(key!("Type"), order.kind as u64);
    o.number(key!("TimeInForce"), order.tif as u64);
    o.number(key!("ReduceOnly"), order.reduce_only.into());
    o.number(key!("TriggerPrice"), order.trigger_price.into());
    o.number(key!("OrderExpiry"), order.expiry_ms);
}

#[inline]
fn attributes(o: &mut Out<'_, '_>, attributes: &Attributes) {
    let (list, len) = attributes.list();
    if len == 0 {
        return o.buf.put(b"null");
    }
    for (i, &(number, value)) in list[..len].iter().enumerate() {
        o.buf.byte(if i == 0 { b'{' } else { b',' });
        o.quote();
        o.buf.byte(b'0' + number);
        o.quote();
        o.buf.byte(b':');
        o.buf.decimal(value);
    }
    o.buf.byte(b'}');
}

/// A signature in base64.
#[inline]
pub fn base64(signature: &Signature) -> [u8; BASE64_LEN] {
    let mut text = [0; BASE64_LEN];
    write_base64(&signature.to_bytes(), &mut text);
    text
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Standard base64 with padding; of published bytes only, since the table is indexed with them.
fn write_base64(bytes: &[u8], out: &mut [u8]) {
    debug_assert_eq!(out.len(), bytes.len().div_ceil(3) * 4, "four characters for three bytes");
    for (group, place) in bytes.chunks(3).zip(out.as_chunks_mut::<4>().0) {
        let byte = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (i, character) in place.iter_mut().enumerate() {
            *character =
                if i > group.len() { b'=' } else { DIGITS[(bits >> (18 - 6 * i) & 63) as usize] };
        }
    }
}
