//! Cold. Answers to questions about the account over REST, as typed values: what reconciliation
//! needs.
//!
//! Every answer has a `code`; anything but 200 is the venue's refusal. Amounts are texts and are
//! taken exactly; average prices may have more places than ours and are cut after the eighth.

use super::errors::{self, OrderStatus, Reaction};
use crate::units::{Price, Qty, Side, parse_raw};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Bytes of a public key.
pub const PUBLIC_KEY_LEN: usize = 40;

/// Why an answer is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InfoError {
    /// Not what the venue documents.
    Malformed(String),
    /// The venue refuses, with its own text.
    Refused { code: u32, text: String },
}

impl InfoError {
    /// What is to be done about it; `None` for an answer that cannot be read.
    pub fn reaction(&self) -> Option<Reaction> {
        match self {
            InfoError::Malformed(_) => None,
            InfoError::Refused { code, .. } => Some(errors::reaction(*code)),
        }
    }
}

impl std::fmt::Display for InfoError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            InfoError::Malformed(what) => write!(f, "the venue's answer is malformed: {what}"),
            InfoError::Refused { code, text } => write!(f, "the venue refuses: {code} {text}"),
        }
    }
}

impl std::error::Error for InfoError {}

/// Reads an answer of which the code is 200.
pub(super) fn answer<T: DeserializeOwned>(body: &[u8]) -> Result<T, InfoError> {
    #[derive(Deserialize)]
    struct Head {
        code: u32,
        #[serde(default)]
        message: String,
    }
    let malformed = |error: serde_json::Error| InfoError::Malformed(error.to_string());
    let head: Head = serde_json::from_slice(body).map_err(malformed)?;
    if head.code != 200 {
        return Err(InfoError::Refused { code: head.code, text: head.message });
    }
    serde_json::from_slice(body).map_err(malformed)
}

fn raw(what: &str, text: &str) -> Result<i64, InfoError> {
    parse_raw(text.as_bytes())
        .map_err(|error| InfoError::Malformed(format!("{what} {text:?}: {error}")))
}

/// An average price: places after the eighth are cut off.
fn average(text: &str) -> Result<Price, InfoError> {
    let kept = match text.split_once('.') {
        Some((whole, places)) if places.len() > 8 && places.is_ascii() => {
            format!("{whole}.{}", &places[..8])
        }
        _ => text.to_owned(),
    };
    raw("avg_entry_price", &kept).map(Price)
}

/// A position of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The venue's number of the market.
    pub market: u32,
    pub qty: Qty,
    pub entry: Price,
}

/// The account as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountView {
    pub index: u64,
    /// Collateral and what is not realised, raw 10^-8 quote.
    pub equity: i64,
    pub available: i64,
    pub open_orders: u32,
    /// Of them, by market, where the answer lists the market.
    pub orders_of: Vec<(u32, u32)>,
    /// A scheduled cancel of all orders, ms; 0 when none is.
    pub cancel_all_ms: u64,
    /// Positions other than flat.
    pub positions: Vec<Position>,
}

/// Reads the answer to `account` for one account.
pub fn account(body: &[u8]) -> Result<AccountView, InfoError> {
    #[derive(Deserialize)]
    struct Accounts {
        accounts: Vec<Account>,
    }
    #[derive(Deserialize)]
    struct Account {
        index: u64,
        available_balance: String,
        total_asset_value: String,
        total_order_count: u32,
        cancel_all_time: u64,
        positions: Vec<Row>,
    }
    #[derive(Deserialize)]
    struct Row {
        market_id: u32,
        sign: i8,
        position: String,
        avg_entry_price: String,
        #[serde(default)]
        open_order_count: u32,
    }
    let found: Accounts = answer(body)?;
    let [account] = &found.accounts[..] else {
        return Err(InfoError::Malformed(format!("{} accounts, not one", found.accounts.len())));
    };
    let position = |row: &Row| -> Result<Position, InfoError> {
        let size = raw("position", &row.position)?;
        let qty = match row.sign {
            1 | 0 => size,
            -1 => -size,
            other => return Err(InfoError::Malformed(format!("sign {other}"))),
        };
        let entry = average(&row.avg_entry_price)?;
        Ok(Position { market: row.market_id, qty: Qty(qty), entry })
    };
    let mut positions: Vec<Position> =
        account.positions.iter().map(position).collect::<Result<_, _>>()?;
    positions.retain(|position| position.qty != Qty::ZERO);
    Ok(AccountView {
        index: account.index,
        equity: raw("total_asset_value", &account.total_asset_value)?,
        available: raw("available_balance", &account.available_balance)?,
        open_orders: account.total_order_count,
        orders_of: account.positions.iter().map(|r| (r.market_id, r.open_order_count)).collect(),
        cancel_all_ms: account.cancel_all_time,
        positions,
    })
}

/// An order of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountOrder {
    pub market: u32,
    pub venue_oid: u64,
    /// 0 when it has none.
    pub client_index: u64,
    pub side: Side,
    pub px: Price,
    /// The whole size, with what has traded; zero where it is not told.
    pub whole: Qty,
    pub filled: Qty,
    pub remaining: Qty,
    pub status: OrderStatus,
}

/// A page of orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderPage {
    pub orders: Vec<AccountOrder>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<String>,
}

/// Reads the answer to `accountActiveOrders` or `accountInactiveOrders`.
pub fn orders(body: &[u8]) -> Result<OrderPage, InfoError> {
    #[derive(Deserialize)]
    struct Page {
        orders: Vec<Row>,
        next_cursor: Option<String>,
    }
    #[derive(Deserialize)]
    struct Row {
        order_index: u64,
        client_order_index: u64,
        market_index: u32,
        is_ask: bool,
        price: String,
        #[serde(default)]
        initial_base_amount: Option<String>,
        filled_base_amount: String,
        remaining_base_amount: String,
        status: String,
    }
    let page: Page = answer(body)?;
    let order = |row: &Row| -> Result<AccountOrder, InfoError> {
        Ok(AccountOrder {
            market: row.market_index,
            venue_oid: row.order_index,
            client_index: row.client_order_index,
            side: if row.is_ask { Side::Sell } else { Side::Buy },
            px: Price(raw("price", &row.price)?),
            whole: match &row.initial_base_amount {
                Some(text) => Qty(raw("initial_base_amount", text)?),
                None => Qty::ZERO,
            },
            filled: Qty(raw("filled_base_amount", &row.filled_base_amount)?),
            remaining: Qty(raw("remaining_base_amount", &row.remaining_base_amount)?),
            status: errors::order_status(row.status.as_bytes()),
        })
    };
    let orders = page.orders.iter().map(order).collect::<Result<_, _>>()?;
    Ok(OrderPage { orders, next: page.next_cursor.filter(|next| !next.is_empty()) })
}

/// Reads the answer to `nextNonce`: the nonce to use next.
pub fn next_nonce(body: &[u8]) -> Result<u64, InfoError> {
    #[derive(Deserialize)]
    struct Next {
        nonce: u64,
    }
    answer::<Next>(body).map(|next| next.nonce)
}

/// Tier and fees of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountLimits {
    /// As `feeTiers` names it: `standard`, `plus`, `premium`, `premium_1` and so on.
    pub tier: String,
    /// Fees in 10^-6 of the notional.
    pub maker_ticks: u32,
    pub taker_ticks: u32,
}

/// Reads the answer to `accountLimits`.
pub fn limits(body: &[u8]) -> Result<AccountLimits, InfoError> {
    #[derive(Deserialize)]
    struct Limits {
        user_tier_name: String,
        current_maker_fee_tick: u32,
        current_taker_fee_tick: u32,
    }
    let found: Limits = answer(body)?;
    Ok(AccountLimits {
        tier: found.user_tier_name,
        maker_ticks: found.current_maker_fee_tick,
        taker_ticks: found.current_taker_fee_tick,
    })
}

/// A key of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiKey {
    pub index: u8,
    /// The nonce to use next.
    pub nonce: u64,
    pub public_key: [u8; PUBLIC_KEY_LEN],
}

/// Reads the answer to `apikeys`.
pub fn api_keys(body: &[u8]) -> Result<Vec<ApiKey>, InfoError> {
    #[derive(Deserialize)]
    struct Keys {
        api_keys: Vec<Row>,
    }
    #[derive(Deserialize)]
    struct Row {
        api_key_index: u8,
        nonce: u64,
        public_key: String,
    }
    let found: Keys = answer(body)?;
    let key = |row: &Row| {
        let public_key = hex_key(&row.public_key)
            .ok_or_else(|| InfoError::Malformed(format!("public_key {:?}", row.public_key)))?;
        Ok(ApiKey { index: row.api_key_index, nonce: row.nonce, public_key })
    };
    found.api_keys.iter().map(key).collect()
}

pub(super) fn hex_key(text: &str) -> Option<[u8; PUBLIC_KEY_LEN]> {
    let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
    if digits.len() != 2 * PUBLIC_KEY_LEN {
        return None;
    }
    let mut key = [0; PUBLIC_KEY_LEN];
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = (digit(0)? << 4 | digit(1)?) as u8;
    }
    Some(key)
}

/// Why a key can't sign for the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRefused {
    /// The account has no key with this index.
    Missing,
    /// The index was never used: its key is zero.
    Unregistered,
    /// Another key is registered there.
    Differs,
}

impl KeyRefused {
    pub fn text(self) -> &'static str {
        match self {
            KeyRefused::Missing => "the account has no API key with this index: register one",
            KeyRefused::Unregistered => "no key was registered at this API key index",
            KeyRefused::Differs => {
                "another public key is registered at this API key index: check key and index"
            }
        }
    }
}

/// Whether `public_key` is the one registered at `index`: its next nonce.
pub fn check_key(
    keys: &[ApiKey],
    index: u8,
    public_key: &[u8; PUBLIC_KEY_LEN],
) -> Result<u64, KeyRefused> {
    let key = keys.iter().find(|key| key.index == index).ok_or(KeyRefused::Missing)?;
    if key.public_key == [0; PUBLIC_KEY_LEN] {
        return Err(KeyRefused::Unregistered);
    }
    if key.public_key != *public_key {
        return Err(KeyRefused::Differs);
    }
    Ok(key.nonce)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::CancelReason;
    use crate::units::SCALE;

    #[test]
    fn the_account_and_its_positions() {
        let body = br#"{"code":200,"total":1,"accounts":[{"index":77,"available_balance":"90.5","total_asset_value":"100.000001",
            "total_order_count":3,"cancel_all_time":0,"positions":[
            {"market_id":2,"sign":-1,"position":"1.500","avg_entry_price":"101.1234567899"},
            {"market_id":0,"sign":1,"position":"0.0000","avg_entry_price":"0.00"}]}]}"#;
        let view = account(body).expect("the documented form");
        assert_eq!((view.index, view.open_orders), (77, 3));
        assert_eq!((view.equity, view.available), (10_000_000_100, 9_050_000_000));
        let want = Position { market: 2, qty: Qty(-3 * SCALE / 2), entry: Price(10_112_345_678) };
        assert_eq!(view.positions, [want]);
        let two = br#"{"code":200,"accounts":[]}"#;
        assert!(matches!(account(two), Err(InfoError::Malformed(_))));
        let sign = String::from_utf8_lossy(body).replace("\"sign\":-1", "\"sign\":2");
        assert!(matches!(account(sign.as_bytes()), Err(InfoError::Malformed(_))));
    }

    #[test]
    fn orders_come_in_pages() {
        let body = br#"{"code":200,"next_cursor":"c1","orders":[{"order_index":281476929510110,"client_order_index":42,
            "market_index":2,"is_ask":true,"price":"101.5","initial_base_amount":"0.005","filled_base_amount":"0.002","remaining_base_amount":"0.003","status":"open"},
            {"order_index":5,"client_order_index":0,"market_index":2,"is_ask":false,"price":"99.5","filled_base_amount":"0.000",
            "remaining_base_amount":"0.000","status":"canceled"}]}"#;
        let page = orders(body).expect("the documented form");
        assert_eq!(page.next.as_deref(), Some("c1"));
        let first = AccountOrder {
            market: 2,
            venue_oid: 281_476_929_510_110,
            client_index: 42,
            side: Side::Sell,
            px: Price(10_150_000_000),
            whole: Qty(500_000),
            filled: Qty(200_000),
            remaining: Qty(300_000),
            status: OrderStatus::Open,
        };
        assert_eq!(page.orders[0], first);
        assert_eq!(page.orders[1].status, OrderStatus::Canceled(CancelReason::ByUs));
        let last = orders(br#"{"code":200,"orders":[]}"#).expect("no order is an answer");
        assert_eq!((last.orders.len(), last.next), (0, None));
    }

    #[test]
    fn nonce_limits_and_refusals() {
        assert_eq!(next_nonce(br#"{"code":200,"nonce":4}"#), Ok(4));
        let body = br#"{"code":200,"user_tier":"p","user_tier_name":"premium_3","current_maker_fee_tick":36,"current_taker_fee_tick":252}"#;
        let found = limits(body).expect("the documented form");
        assert_eq!(
            (found.tier.as_str(), found.maker_ticks, found.taker_ticks),
            ("premium_3", 36, 252)
        );
        let refused = next_nonce(br#"{"code":20013,"message":"invalid auth: invalid deadline"}"#);
        let text = "invalid auth: invalid deadline".to_owned();
        assert_eq!(refused, Err(InfoError::Refused { code: 20_013, text }));
        assert_eq!(refused.map_err(|e| e.reaction()), Err(Some(Reaction::NewToken)));
        assert!(matches!(next_nonce(b"{"), Err(InfoError::Malformed(_))));
        assert!(matches!(next_nonce(br#"{"nonce":4}"#), Err(InfoError::Malformed(_))));
        assert!(matches!(next_nonce(br#"{"code":200,"nonce":-4}"#), Err(InfoError::Malformed(_))));
    }

    #[test]
    fn a_key_is_registered_or_refused_by_name() {
        let (ours, zero) = ("01".repeat(40), "00".repeat(40));
        let body = format!(
            r#"{{"code":200,"api_keys":[{{"account_index":1,"api_key_index":4,"nonce":12,"public_key":"{ours}"}},
            {{"account_index":1,"api_key_index":5,"nonce":1,"public_key":"{zero}"}}]}}"#
        );
        let keys = api_keys(body.as_bytes()).expect("the documented form");
        assert_eq!(check_key(&keys, 4, &[1; 40]), Ok(12));
        assert_eq!(check_key(&keys, 4, &[2; 40]), Err(KeyRefused::Differs));
        assert_eq!(check_key(&keys, 5, &[0; 40]), Err(KeyRefused::Unregistered));
        assert_eq!(check_key(&keys, 6, &[1; 40]), Err(KeyRefused::Missing));
        let short = body.replace(&ours, "01");
        assert!(matches!(api_keys(short.as_bytes()), Err(InfoError::Malformed(_))));
    }
}
