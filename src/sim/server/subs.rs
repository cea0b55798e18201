//! Cold. Subscriptions: what a client may ask for and how it is echoed.

use super::directory::Directory;
use super::json::Json;
use super::verify::{Address, address_text, parse_address};
use crate::instrument::InstId;

/// One subscription, with its options filled in. Two that are equal are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sub {
    Bbo(InstId),
    L2Book { inst: InstId, fast: bool },
    L2(InstId),
    Trades(InstId),
    ActiveAssetCtx(InstId),
    AllMids { dex: Option<usize> },
    OrderUpdates(Address),
    UserFills { user: Address, aggregate: bool },
    UserEvents(Address),
    ClearinghouseState { dex: usize, user: Address },
    OpenOrders { dex: usize, user: Address },
    UserFundings(Address),
    UserNonFundingLedgerUpdates(Address),
    ActiveAssetData { inst: InstId, user: Address },
}

impl Sub {
    /// Reads the `subscription` object. `None` for what this venue does not know: it answers that
    /// it cannot parse the request. Price grouping (`nSigFigs`) is not modelled.
    pub fn parse(json: &Json, directory: &Directory) -> Option<Sub> {
        let inst = || {
            let coin = json.get("coin")?.str()?;
            directory.by_name(coin).map(|c| c.inst)
        };
        let user = || parse_address(json.get("user")?.str()?);
        let flag = |key: &str| match json.given(key) {
            None => Some(false),
            Some(value) => value.bool(),
        };
        let dex = || match json.given("dex") {
            None => Some(0),
            Some(name) => directory.dex(name.str()?),
        };
        Some(match json.get("type")?.str()? {
            "bbo" => Sub::Bbo(inst()?),
            "l2Book" if json.given("nSigFigs").is_none() && json.given("mantissa").is_none() => {
                Sub::L2Book { inst: inst()?, fast: flag("fast")? }
            }
            "l2" => {
                let coin = json.get("c")?.str()?;
                Sub::L2(directory.by_name(coin).map(|c| c.inst)?)
            }
            "trades" => Sub::Trades(inst()?),
            "activeAssetCtx" => Sub::ActiveAssetCtx(inst()?),
            "allMids" => match json.given("dex") {
                None => Sub::AllMids { dex: None },
                Some(_) => Sub::AllMids { dex: Some(dex()?) },
            },
            "orderUpdates" => Sub::OrderUpdates(user()?),
            "userFills" => Sub::UserFills { user: user()?, aggregate: flag("aggregateByTime")? },
            "userEvents" => Sub::UserEvents(user()?),
            "clearinghouseState" => Sub::ClearinghouseState { dex: dex()?, user: user()? },
            "openOrders" => Sub::OpenOrders { dex: dex()?, user: user()? },
            "userFundings" => Sub::UserFundings(user()?),
            "userNonFundingLedgerUpdates" => Sub::UserNonFundingLedgerUpdates(user()?),
            "activeAssetData" => Sub::ActiveAssetData { inst: inst()?, user: user()? },
            _ => return None,
        })
    }

    /// The object as the venue echoes it: every option with its value.
    pub fn text(&self, directory: &Directory) -> String {
        let of_coin = |kind: &str, inst: InstId, more: &str| {
            format!("{{\"type\":\"{kind}\",\"coin\":\"{}\"{more}}}", directory.coin(inst).name)
        };
        let of_user = |kind: &str, user: &Address, more: &str| {
            format!("{{\"type\":\"{kind}\",\"user\":\"{}\"{more}}}", address_text(user))
        };
        let of_dex = |kind: &str, dex: usize, user: &Address| {
            format!(
                "{{\"type\":\"{kind}\",\"dex\":\"{}\",\"user\":\"{}\"}}",
                directory.dexs()[dex],
                address_text(user)
            )
        };
        match self {
            Sub::Bbo(inst) => of_coin("bbo", *inst, ""),
            Sub::L2Book { inst, fast } => {
                let options = format!(",\"nSigFigs\":null,\"mantissa\":null,\"fast\":{fast}");
                of_coin("l2Book", *inst, &options)
            }
            Sub::L2(inst) => {
                format!("{{\"type\":\"l2\",\"c\":\"{}\"}}", directory.coin(*inst).name)
            }
            Sub::Trades(inst) => of_coin("trades", *inst, ""),
            Sub::ActiveAssetCtx(inst) => of_coin("activeAssetCtx", *inst, ""),
            Sub::AllMids { dex: None } => "{\"type\":\"allMids\"}".to_owned(),
            Sub::AllMids { dex: Some(dex) } => {
                format!("{{\"type\":\"allMids\",\"dex\":\"{}\"}}", directory.dexs()[*dex])
            }
            Sub::OrderUpdates(user) => of_user("orderUpdates", user, ""),
            Sub::UserFills { user, aggregate } => {
                of_user("userFills", user, &format!(",\"aggregateByTime\":{aggregate}"))
            }
            Sub::UserEvents(user) => of_user("userEvents", user, ""),
            Sub::ClearinghouseState { dex, user } => of_dex("clearinghouseState", *dex, user),
            Sub::OpenOrders { dex, user } => of_dex("openOrders", *dex, user),
            Sub::UserFundings(user) => of_user("userFundings", user, ""),
            Sub::UserNonFundingLedgerUpdates(user) => {
                of_user("userNonFundingLedgerUpdates", user, "")
            }
            Sub::ActiveAssetData { inst, user } => {
                let coin = format!(",\"coin\":\"{}\"", directory.coin(*inst).name);
                of_user("activeAssetData", user, &coin)
            }
        }
    }

    /// It concerns an account: the connection is one for orders.
    pub fn is_private(&self) -> bool {
        matches!(
            self,
            Sub::OrderUpdates(_)
                | Sub::UserFills { .. }
                | Sub::UserEvents(_)
                | Sub::ClearinghouseState { .. }
                | Sub::OpenOrders { .. }
                | Sub::UserFundings(_)
                | Sub::UserNonFundingLedgerUpdates(_)
                | Sub::ActiveAssetData { .. }
        )
    }
}
