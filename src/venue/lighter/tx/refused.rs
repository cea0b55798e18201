//! Hot. Why a transaction is not signed, by name.

use std::fmt;

/// The first rule that a transaction breaks. Nothing was hashed and no nonce used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxRefused {
    /// Above 2^48 - 2.
    Account,
    /// 255 means none.
    ApiKey,
    /// Above 2^63 - 1.
    Nonce,
    /// The transaction's own expiry is above 2^48 - 1.
    ExpiredAt,
    /// 255 means none; spot where only a perpetual can be.
    Market,
    /// Above 2^48 - 1.
    ClientIndex,
    /// Zero or above 2^60 - 1.
    OrderIndex,
    /// Zero without reduce-only, or above 2^48 - 1.
    BaseAmount,
    /// Zero.
    Price,
    /// On a spot market.
    ReduceOnly,
    /// Missing where an order rests, there where it cannot rest, or above 2^63 - 1.
    OrderExpiry,
    /// Not one that the kind of order can have.
    TimeInForce,
    /// Missing where the kind needs one, there where it cannot be.
    TriggerPrice,
    /// A triggered order on a spot market.
    SpotTrigger,
    /// A scheduled cancel-all without a time.
    CancelAllTime,
    /// One market in anything but an immediate cancel-all.
    CancelAllMarket,
    /// Not 1 to 10 000.
    MarginFraction,
    /// Not 1 to 2^60 - 1.
    Usdc,
    /// Not two orders, or three where one triggers a pair.
    GroupSize,
    /// Orders of different markets in one group.
    GroupMarket,
    /// A client index twice in one group.
    GroupClientIndex,
    /// Integrator account above 2^48 - 2.
    Integrator,
    /// Above 1 000 000.
    IntegratorFee,
    /// Above 2^63 - 1.
    OrderVersion,
    /// More than four.
    TooManyAttributes,
}

impl TxRefused {
    /// Stable name for counters.
    pub fn name(self) -> &'static str {
        match self {
            TxRefused::Account => "account",
            TxRefused::ApiKey => "api_key",
            TxRefused::Nonce => "nonce",
            TxRefused::ExpiredAt => "expired_at",
            TxRefused::Market => "market",
            TxRefused::ClientIndex => "client_index",
            TxRefused::OrderIndex => "order_index",
            TxRefused::BaseAmount => "base_amount",
            TxRefused::Price => "price",
            TxRefused::ReduceOnly => "reduce_only",
            TxRefused::OrderExpiry => "order_expiry",
            TxRefused::TimeInForce => "time_in_force",
            TxRefused::TriggerPrice => "trigger_price",
            TxRefused::SpotTrigger => "spot_trigger",
            TxRefused::CancelAllTime => "cancel_all_time",
            TxRefused::CancelAllMarket => "cancel_all_market",
            TxRefused::MarginFraction => "margin_fraction",
            TxRefused::Usdc => "usdc",
            TxRefused::GroupSize => "group_size",
            TxRefused::GroupMarket => "group_market",
            TxRefused::GroupClientIndex => "group_client_index",
            TxRefused::Integrator => "integrator",
            TxRefused::IntegratorFee => "integrator_fee",
            TxRefused::OrderVersion => "order_version",
            TxRefused::TooManyAttributes => "too_many_attributes",
        }
    }
}

impl fmt::Display for TxRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for TxRefused {}
