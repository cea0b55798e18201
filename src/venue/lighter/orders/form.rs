//! Cold. Transactions for REST: `sendTx` and `sendTxBatch`, whose bodies are forms.

use super::{EncodeError, OrderCodec};
use crate::venue::buf::Buf;
use crate::venue::lighter::crypto::pool::PooledSigner;
use crate::venue::lighter::tx::wire::{Form, INFO_MAX, write_info};
use crate::venue::lighter::tx::{Signed, Tx};
use crate::venue::rest::{Method, Request};
use serde_json::{Value, json};

/// The type of the bodies.
const FORM: &str = "application/x-www-form-urlencoded";
/// Transactions of one REST batch.
pub const REST_BATCH_MAX: usize = 50;

impl OrderCodec {
    /// Signs each transaction and makes one request of all, at most [`REST_BATCH_MAX`]. Any nonce above
    /// the venue's last is good for them: what is on its way on a lost connection may have used some
    /// of ours or none, and no answer would say.
    pub fn request(
        &mut self,
        txs: &[Tx<'_>],
        now_ms: u64,
        signer: &mut PooledSigner,
    ) -> Result<Request, EncodeError> {
        let Some(last) = self.last_nonce else { return Err(EncodeError::Nonce) };
        let (mut kinds, mut infos) = (Vec::new(), Vec::new());
        for (nonce, tx) in (last + 1..).zip(txs) {
            let mut header = self.terms.header(nonce, now_ms);
            header.attributes.skip_nonce = true;
            let sender = &self.terms.config.sender;
            tx.check(sender, &header).map_err(EncodeError::Tx)?;
            let hash = tx.hash(sender, &header);
            let signed = Signed { hash, signature: signer.sign(&hash) };
            let mut room = [0; INFO_MAX];
            let mut buf = Buf::new(&mut room);
            write_info(&mut buf, Form::Plain, tx, sender, &header, &signed);
            let info = buf.written().ok_or(EncodeError::Full)?;
            kinds.push(tx.kind());
            infos.push(String::from_utf8_lossy(info).into_owned());
            self.last_nonce = Some(nonce);
        }
        let (path, fields) = match (&kinds[..], &infos[..]) {
            ([], _) | (_, []) => return Err(EncodeError::Empty),
            ([kind], [info]) => {
                ("/api/v1/sendTx", [("tx_type", kind.to_string()), ("tx_info", info.clone())])
            }
            _ if kinds.len() > REST_BATCH_MAX => return Err(EncodeError::TooMany),
            _ => {
                let infos: Vec<Value> = infos.into_iter().map(Value::String).collect();
                let fields = [json!(kinds).to_string(), Value::Array(infos).to_string()];
                let [kinds, infos] = fields;
                ("/api/v1/sendTxBatch", [("tx_types", kinds), ("tx_infos", infos)])
            }
        };
        let mut body = String::new();
        for (name, value) in &fields {
            body.push_str(if body.is_empty() { "" } else { "&" });
            body.push_str(name);
            body.push('=');
            escape(value, &mut body);
        }
        let headers = vec![("Content-Type", FORM.to_owned())];
        Ok(Request {
            method: Method::Post,
            path: path.to_owned(),
            headers,
            body: body.into_bytes(),
        })
    }
}

/// Percent-encodes what is not unreserved (RFC 3986, 2.3).
pub fn escape(text: &str, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}
