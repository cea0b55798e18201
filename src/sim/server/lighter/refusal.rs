//! Cold. Refusals in the venue's codes and words (docs, "Error codes", 2026-07).

use std::borrow::Cow;

/// Why something was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: u32,
    pub text: Cow<'static, str>,
}

impl Refusal {
    pub const fn new(code: u32, text: &'static str) -> Refusal {
        Refusal { code, text: Cow::Borrowed(text) }
    }

    /// 20001, with what is wrong.
    pub fn param(what: &str) -> Refusal {
        Refusal { code: 20001, text: Cow::Owned(format!("invalid param : {what}")) }
    }

    /// A code whose text goes on with what it is about.
    pub fn about(self, what: &str) -> Refusal {
        Refusal { code: self.code, text: Cow::Owned(format!("{}{what}", self.text)) }
    }

    /// Of an HTTP answer with it.
    pub fn status(&self) -> u16 {
        match self.code {
            23000..=23004 => 429,
            20013 => 401,
            _ => 400,
        }
    }

    /// `"code":..,"message":..`
    pub fn members(&self) -> String {
        format!("\"code\":{},\"message\":{}", self.code, super::super::json::quoted(&self.text))
    }
}

macro_rules! refusals {
    ($($name:ident = $code:literal, $text:literal;)+) => {
        $(pub const $name: Refusal = Refusal::new($code, $text);)+
    };
}

refusals! {
    // The text of this one has not been seen: it is ours.
    TOKEN = 20013, "invalid auth token";
    NO_ACCOUNT = 21100, "account not found";
    ACCOUNT_INDEX = 21102, "invalid account index";
    NONCE = 21104, "invalid nonce";
    BATCH_NONCE = 21105, "batch transaction nonce is not increasing";
    NO_KEY = 21109, "api key not found";
    KEY_INDEX = 21110, "invalid api key index";
    MARGIN_FRACTION = 21113, "invalid initial margin fraction";
    SIGNATURE = 21120, "invalid signature";
    BATCH_MIXED = 21121, "all transactions in the batch must have use same account and apikey";
    INTEGRATOR = 21149, "integrator is not approved";
    NO_TX = 21500, "transaction not found";
    TX_INFO = 21501, "invalid tx info";
    TX_TYPE = 21505, "unsupported tx type";
    TOO_MANY_PENDING = 21506, "too many pending txs. Please try again later";
    BATCH_LENGTHS = 21513, "TxInfos and TxTypes should have the same length";
    BATCH_MAX = 21514, "maximum 50 transactions allowed per batch";
    NOT_ACTIVE_LIMIT = 21600, "given order is not an active limit order";
    MARKET = 21602, "invalid market index";
    MARGIN_MODE = 21613, "invalid margin mode";
    ORDER_INDEX = 21700, "invalid order index";
    BASE = 21701, "invalid base amount";
    PRICE = 21702, "invalid price";
    IS_ASK = 21703, "invalid isAsk";
    ORDER_TYPE = 21704, "invalid OrderType";
    ORDER_TIF = 21705, "invalid OrderTimeInForce";
    AMOUNT = 21706, "invalid order base or quote amount";
    UNSUPPORTED_ORDER = 21710, "unsupported order type";
    EXPIRY = 21711, "invalid expiry";
    CANCEL_ALL_QUEUED = 21712, "account has a queued cancel all orders request";
    CANCEL_ALL_TIF = 21713, "invalid cancel all time in force";
    CANCEL_ALL_TIME = 21714, "invalid cancel all time";
    NOT_ACTIVE = 21715, "given order is not an active order";
    MAX_ORDERS = 21717, "maximum active limit order count reached";
    MAX_ORDERS_MARKET = 21718, "maximum active limit order count per market reached";
    CLIENT_INDEX = 21727, "invalid client order index";
    CLIENT_EXISTS = 21728, "client order index already exists";
    TRIGGER_PRICE = 21729, "invalid order trigger price";
    FAT_FINGER = 21733, "order price flagged as an accidental price";
    TOO_FAR = 21734, "limit order price is too far from the mark price";
    REDUCE_ONLY_MODE = 21740, "invalid reduce only mode";
    TOO_MANY_REQUESTS = 23000, "Too Many Requests!";
    TOO_MANY_SUBSCRIPTIONS = 23001, "Too Many Subscriptions!";
    NOT_FOUND = 29404, "not found";
    WS_JSON = 30000, "Invalid Json";
    WS_TYPE = 30001, "Invalid Type";
    WS_NOT_SUBSCRIBED = 30002, "Not Subscribed to : ";
    WS_SUBSCRIBED = 30003, "Already Subscribed to : ";
    WS_CHANNEL = 30005, "Invalid Channel";
    WS_DATA = 30007, "Invalid Data";
    WS_RATE = 30009, "Too Many Websocket Messages!";
}
