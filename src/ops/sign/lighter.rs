//! Cold. The Lighter half of `evenkeel sign`: transactions as the venue's own signer writes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{SignError, bare_hex};
use crate::venue::lighter::crypto::pool::{PooledSigner, nonce_pool};
use crate::venue::lighter::crypto::quintic::Gf5;
use crate::venue::lighter::crypto::schnorr::{PublicKey, Signature, Signer};
use crate::venue::lighter::tx::{
    Attributes, CancelAll, Grouping, Header, MarginMode, Order, OrderKind, SelfTrade, Sender,
    TimeInForce, Tx,
};

#[derive(Deserialize)]
struct Input {
    keys: Vec<Key>,
    transactions: Vec<Transaction>,
}

#[derive(Deserialize)]
struct Key {
    name: String,
    private_key: String,
}

/// One transaction of a vectors file. A refused one has `err` and no `tx_info`.
#[derive(Deserialize)]
struct Transaction {
    err: Option<String>,
    key: String,
    chain_id: u32,
    tx_type: Option<u8>,
    tx_info: Option<String>,
}

/// The signed form of one transaction.
#[derive(Clone, Debug)]
pub struct SignedTx {
    pub hash: Gf5,
    pub signature: Signature,
    pub public: PublicKey,
}

#[derive(Debug, Serialize)]
pub struct OutputTx {
    pub tx_hash: String,
    pub signature: String,
    pub public_key: String,
}

impl From<&SignedTx> for OutputTx {
    fn from(tx: &SignedTx) -> OutputTx {
        OutputTx {
            tx_hash: bare_hex(&tx.hash.to_bytes()),
            signature: bare_hex(&tx.signature.to_bytes()),
            public_key: tx.public.to_string(),
        }
    }
}

/// Signs the transactions of a vectors file given as text, in order, without those that it marks as
/// refused. What our rules refuse besides is an error.
pub fn sign_transactions(text: &[u8], pooled: bool) -> Result<Vec<SignedTx>, SignError> {
    let input: Input = serde_json::from_slice(text).map_err(SignError::Json)?;
    let mut signers = BTreeMap::new();
    for key in input.keys {
        let signer = signer(&key.private_key, pooled, input.transactions.len())
            .map_err(|error| error.of(&key.name))?;
        signers.insert(key.name, signer);
    }
    let mut signed = Vec::new();
    for (i, transaction) in input.transactions.iter().enumerate() {
        if transaction.err.is_some() {
            continue;
        }
        let place = format!("{i} (from 0)");
        let Some(signer) = signers.get_mut(&transaction.key) else {
            return Err(SignError::Key(place));
        };
        signed.push(sign(transaction, signer).map_err(|error| error.of(&place))?);
    }
    Ok(signed)
}

fn signer(key: &str, pooled: bool, most: usize) -> Result<PooledSigner, Problem> {
    let signer = Signer::parse(key).map_err(|_| Problem::Key)?;
    if !pooled {
        return Ok(PooledSigner::unpooled(signer));
    }
    let (mut filler, taker) = nonce_pool(&signer, most.max(1));
    filler.fill(most).map_err(|_| Problem::Randomness)?;
    Ok(PooledSigner::with_pool(signer, taker))
}

/// What is wrong with a transaction, before its name is known.
enum Problem {
    Key,
    Randomness,
    Json(serde_json::Error),
    /// A field that is missing, is no number, or is too large for its type.
    Field(&'static str),
    Refused(&'static str),
}

impl Problem {
    fn of(self, case: &str) -> SignError {
        match self {
            Problem::Key => SignError::Key(case.to_owned()),
            Problem::Randomness => SignError::Randomness,
            Problem::Json(error) => SignError::Json(error),
            Problem::Field(name) => SignError::Field(case.to_owned(), name),
            Problem::Refused(name) => SignError::Refused(case.to_owned(), name),
        }
    }
}

fn sign(transaction: &Transaction, signer: &mut PooledSigner) -> Result<SignedTx, Problem> {
    let info = transaction.tx_info.as_ref().ok_or(Problem::Field("tx_info"))?;
    let info: Value = serde_json::from_str(info).map_err(Problem::Json)?;
    let kind = transaction.tx_type.ok_or(Problem::Field("tx_type"))?;
    let sender = Sender {
        chain_id: transaction.chain_id,
        account: number(&info, "AccountIndex")?,
        api_key: number(&info, "ApiKeyIndex")?,
    };
    let header = Header {
        nonce: number(&info, "Nonce")?,
        expires_ms: number(&info, "ExpiredAt")?,
        attributes: attributes(&info["L2TxAttributes"])?,
    };
    let orders = match &info["Orders"] {
        Value::Array(orders) => orders.iter().map(order).collect::<Result<Vec<_>, _>>()?,
        _ => Vec::new(),
    };
    let tx = tx(kind, &info, &orders)?;
    let signed =
        tx.sign(&sender, &header, signer).map_err(|refused| Problem::Refused(refused.name()))?;
    Ok(SignedTx { hash: signed.hash, signature: signed.signature, public: signer.public_key() })
}

/// A number of the type that its field has.
fn number<T: TryFrom<u64>>(info: &Value, name: &'static str) -> Result<T, Problem> {
    let value = info[name].as_u64().and_then(|value| T::try_from(value).ok());
    value.ok_or(Problem::Field(name))
}

fn flag(info: &Value, name: &'static str) -> Result<bool, Problem> {
    pick(info, name, &[false, true])
}

/// The value that a small number stands for.
fn pick<T: Copy>(info: &Value, name: &'static str, values: &[T]) -> Result<T, Problem> {
    let index: usize = number(info, name)?;
    values.get(index).copied().ok_or(Problem::Field(name))
}

fn order(info: &Value) -> Result<Order, Problem> {
    const KINDS: [OrderKind; 7] = [
        OrderKind::Limit,
        OrderKind::Market,
        OrderKind::StopLoss,
        OrderKind::StopLossLimit,
        OrderKind::TakeProfit,
        OrderKind::TakeProfitLimit,
        OrderKind::Twap,
    ];
    const TIFS: [TimeInForce; 3] = [TimeInForce::Ioc, TimeInForce::Gtt, TimeInForce::PostOnly];
    Ok(Order {
        market: number(info, "MarketIndex")?,
        client_index: number(info, "ClientOrderIndex")?,
        base: number(info, "BaseAmount")?,
        price: number(info, "Price")?,
        is_ask: flag(info, "IsAsk")?,
        kind: pick(info, "Type", &KINDS)?,
        tif: pick(info, "TimeInForce", &TIFS)?,
        reduce_only: flag(info, "ReduceOnly")?,
        trigger_price: number(info, "TriggerPrice")?,
        expiry_ms: number(info, "OrderExpiry")?,
    })
}

fn tx<'a>(kind: u8, info: &Value, orders: &'a [Order]) -> Result<Tx<'a>, Problem> {
    let market = || number(info, "MarketIndex");
    let index = || number(info, "Index");
    Ok(match kind {
        8 => Tx::ChangePubKey { public: public_key(&info["PubKey"])? },
        9 => Tx::CreateSubAccount,
        14 => Tx::CreateOrder(order(info)?),
        15 => Tx::CancelOrder { market: market()?, index: index()? },
        16 => {
            let at_ms: u64 = number(info, "Time")?;
            let scheduled = CancelAll::Scheduled(at_ms);
            let kinds = [CancelAll::Immediate, scheduled, CancelAll::Abort];
            let cancel = pick(info, "TimeInForce", &kinds)?;
            // Only a scheduled one has a time.
            if cancel != scheduled && at_ms != 0 {
                return Err(Problem::Refused("cancel_all_time"));
            }
            Tx::CancelAll(cancel)
        }
        17 => Tx::ModifyOrder {
            market: market()?,
            index: index()?,
            base: number(info, "BaseAmount")?,
            price: number(info, "Price")?,
            trigger_price: number(info, "TriggerPrice")?,
        },
        20 => Tx::UpdateLeverage {
            market: market()?,
            initial_margin_fraction: number(info, "InitialMarginFraction")?,
            mode: pick(info, "MarginMode", &[MarginMode::Cross, MarginMode::Isolated])?,
        },
        28 => {
            let kinds =
                [Grouping::OneTriggersOther, Grouping::OneCancelsOther, Grouping::OneTriggersPair];
            let index: usize = number(info, "GroupingType")?;
            let grouping = index.checked_sub(1).and_then(|index| kinds.get(index)).copied();
            let grouping = grouping.ok_or(Problem::Field("GroupingType"))?;
            Tx::CreateGroupedOrders { grouping, orders }
        }
        29 => Tx::UpdateMargin {
            market: market()?,
            usdc: number(info, "USDCAmount")?,
            add: flag(info, "Direction")?,
        },
        _ => return Err(Problem::Field("tx_type")),
    })
}

/// Attributes by number; absent or null: none.
fn attributes(info: &Value) -> Result<Attributes, Problem> {
    const NAME: &str = "L2TxAttributes";
    let mut all = Attributes::default();
    let entries = match info {
        Value::Null => return Ok(all),
        Value::Object(entries) => entries,
        _ => return Err(Problem::Field(NAME)),
    };
    for (key, value) in entries {
        let value = value.as_u64().ok_or(Problem::Field(NAME))?;
        let small = u32::try_from(value);
        let small = || small.map_err(|_| Problem::Field(NAME));
        match (key.as_str(), value) {
            ("1", _) => all.integrator = value,
            ("2", _) => all.integrator_taker_fee = small()?,
            ("3", _) => all.integrator_maker_fee = small()?,
            ("4", 0 | 1) => all.skip_nonce = value == 1,
            ("5", 255) => all.cancel_all_market = None,
            ("5", _) => all.cancel_all_market = Some(small()?),
            ("6", 0) => all.self_trade = SelfTrade::ExpireMaker,
            ("6", 1) => all.self_trade = SelfTrade::ExpireTaker,
            ("6", 2) => all.self_trade = SelfTrade::CancelBoth,
            ("6", 3) => all.self_trade = SelfTrade::Reduce,
            ("7", 0 | 1) => all.same_master = value == 1,
            ("8", _) => all.order_version = value,
            _ => return Err(Problem::Field(NAME)),
        }
    }
    Ok(all)
}

/// A public key in base64, or in hex with `0x`.
fn public_key(info: &Value) -> Result<PublicKey, Problem> {
    let text = info.as_str().ok_or(Problem::Field("PubKey"))?;
    let key = if text.starts_with("0x") {
        PublicKey::parse(text).ok()
    } else {
        from_base64(text).and_then(|bytes| PublicKey::from_bytes(&bytes).ok())
    };
    key.ok_or(Problem::Field("PubKey"))
}

/// 40 bytes of standard base64 with padding: 54 characters and two signs.
fn from_base64(text: &str) -> Option<[u8; 40]> {
    let digits = text.strip_suffix("==").filter(|digits| digits.len() == 54)?;
    let mut bytes = [0; 42];
    let padded: Vec<u8> = digits.bytes().chain(*b"AA").collect();
    for (group, place) in padded.as_chunks::<4>().0.iter().zip(bytes.as_chunks_mut::<3>().0) {
        let mut bits = 0;
        for digit in group {
            bits = bits << 6
                | u32::from(match digit {
                    b'A'..=b'Z' => digit - b'A',
                    b'a'..=b'z' => digit - b'a' + 26,
                    b'0'..=b'9' => digit - b'0' + 52,
                    b'+' => 62,
                    b'/' => 63,
                    _ => return None,
                });
        }
        place.copy_from_slice(&bits.to_be_bytes()[1..]);
    }
    bytes[..40].try_into().ok()
}
