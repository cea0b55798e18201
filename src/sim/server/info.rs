//! Cold. The answers of `/info`, and of `post` requests of type `info`.

use super::directory::{Coin, Directory};
use super::json::Json;
use super::verify::{Address, address_text, parse_address};
use super::wire::{self, Paid, Session, list, num};
use crate::sim::exchange::{AccountId, Exchange, OrderRef, OrderView};
use crate::units::{Nanos, Notional};

/// Most fills in one answer.
const FILLS_MAX: usize = 2000;

/// Most orders in the answer to `historicalOrders`.
const HISTORY_MAX: usize = 2000;

/// What an answer is made from.
#[derive(Clone, Copy)]
pub struct Info<'a> {
    pub exchange: &'a Exchange,
    pub directory: &'a Directory,
    pub sessions: &'a [Session],
    pub paid: &'a [Paid],
    pub budget: &'a dyn Fn(AccountId) -> Budget,
    pub now: Nanos,
}

/// The address limit of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    pub volume: Notional,
    pub used: u64,
    pub cap: u64,
}

/// The weight of a request against the limit per address of the internet, as documented.
pub fn weight(kind: &str) -> u32 {
    match kind {
        "l2Book"
        | "allMids"
        | "clearinghouseState"
        | "orderStatus"
        | "spotClearinghouseState"
        | "exchangeStatus" => 2,
        "userRole" => 60,
        _ => 20,
    }
}

impl Info<'_> {
    /// The answer as JSON text; `None` for a request that this venue cannot read.
    pub fn answer(&self, request: &Json) -> Option<String> {
        let kind = request.get("type")?.str()?;
        let answer = match kind {
            "meta" => self.dex(request)?.map_or_else(null, |dex| self.meta(dex)),
            "metaAndAssetCtxs" => self
                .dex(request)?
                .map_or_else(null, |dex| format!("[{},{}]", self.meta(dex), self.contexts(dex))),
            "allPerpMetas" => list((0..self.directory.dexs().len()).map(|dex| self.meta(dex))),
            "perpDexs" => self.perp_dexs(),
            "allMids" => self.dex(request)?.map_or_else(null, |dex| self.all_mids(dex)),
            "l2Book" => {
                let coin = self.directory.by_name(request.get("coin")?.str()?);
                coin.map_or_else(null, |c| wire::l2_book(self.exchange, c, false, self.now))
            }
            "spotMeta" => SPOT_META.to_owned(),
            "exchangeStatus" => {
                format!("{{\"time\":{},\"specialStatuses\":null}}", wire::ms(self.now))
            }
            "vaultDetails" => {
                let vault = parse_address(request.get("vaultAddress")?.str()?)?;
                self.vault_details(&vault).unwrap_or_else(null)
            }
            _ => return self.of_user(kind, request),
        };
        Some(answer)
    }

    /// Answers about an account: an address without one has nothing.
    fn of_user(&self, kind: &str, request: &Json) -> Option<String> {
        let user = parse_address(request.get("user")?.str()?)?;
        let account = self.directory.account(&user);
        let answer = match kind {
            "clearinghouseState" => self.dex(request)?.map_or_else(null, |dex| {
                wire::clearinghouse(self.exchange, self.directory, account, dex, self.now)
            }),
            "openOrders" => self.orders(account, request, wire::order)?,
            "frontendOpenOrders" => self.orders(account, request, wire::frontend_order)?,
            "orderStatus" => self.order_status(account, request.get("oid")?)?,
            "userFills" => self.fills(account, 0, u64::MAX),
            "userFillsByTime" => {
                let start = request.get("startTime")?.uint()?;
                let end = match request.given("endTime") {
                    Some(end) => end.uint()?,
                    None => u64::MAX,
                };
                self.fills_by_time(account, start, end)
            }
            "historicalOrders" => self.history(account),
            "userFunding" => {
                let start = request.get("startTime")?.uint()?;
                let of_account = self.paid.iter().filter(|p| Some(p.account) == account);
                let since = of_account.filter(|p| wire::ms(p.at) >= start);
                list(since.map(|p| wire::funding_delta(self.directory, p)))
            }
            "userNonFundingLedgerUpdates" => "[]".to_owned(),
            "activeAssetData" => {
                let coin = self.directory.by_name(request.get("coin")?.str()?);
                coin.map_or_else(null, |c| {
                    wire::active_asset_data(self.exchange, c, &user, account)
                })
            }
            "userRateLimit" => self.rate_limit(account),
            "userFees" => self.fees(),
            "userRole" => self.role(&user),
            "extraAgents" => self.agents(&user),
            "userAbstraction" => "\"disabled\"".to_owned(),
            "spotClearinghouseState" => "{\"balances\":[]}".to_owned(),
            _ => return None,
        };
        Some(answer)
    }

    /// The dex of a request: `None` when the field is unreadable, `Some(None)` when it is unknown.
    fn dex(&self, request: &Json) -> Option<Option<usize>> {
        match request.given("dex") {
            None => Some(Some(0)),
            Some(name) => Some(self.directory.dex(name.str()?)),
        }
    }

    fn meta(&self, dex: usize) -> String {
        let most = self.exchange.rules().leverage_max;
        let markets = self.directory.universe(dex);
        let universe = list(markets.iter().enumerate().map(|(place, coin)| match coin {
            Some(coin) => format!(
                "{{\"szDecimals\":{},\"name\":\"{}\",\"maxLeverage\":{most},\
                 \"marginTableId\":{most}{}}}",
                coin.sz_decimals,
                coin.name,
                self.margin_mode(coin)
            ),
            // The numbers of the others must hold: this place is a market that is no more.
            None => format!(
                "{{\"szDecimals\":0,\"name\":\"{}\",\"maxLeverage\":{most},\
                 \"marginTableId\":{most},\"isDelisted\":true}}",
                self.gone(dex, place)
            ),
        }));
        format!(
            "{{\"universe\":{universe},\"marginTables\":[[{most},{{\"description\":\"\",\
             \"marginTiers\":[{{\"lowerBound\":\"0.0\",\"maxLeverage\":{most}}}]}}]],\
             \"collateralToken\":0}}"
        )
    }

    fn margin_mode(&self, coin: &Coin) -> String {
        match self.directory.isolated(coin.inst) {
            None => String::new(),
            Some("") => ",\"onlyIsolated\":true".to_owned(),
            Some(mode) => format!(",\"onlyIsolated\":true,\"marginMode\":\"{mode}\""),
        }
    }

    fn gone(&self, dex: usize, place: usize) -> String {
        match self.directory.dexs()[dex].as_str() {
            "" => format!("GONE{place}"),
            dex => format!("{dex}:GONE{place}"),
        }
    }

    fn contexts(&self, dex: usize) -> String {
        list(self.directory.universe(dex).iter().map(|coin| match coin {
            Some(coin) => self.context(coin),
            None => GONE_CTX.to_owned(),
        }))
    }

    pub fn context(&self, coin: &Coin) -> String {
        wire::asset_ctx(self.exchange, coin.inst, &self.sessions[usize::from(coin.inst.0)])
    }

    fn perp_dexs(&self) -> String {
        list(self.directory.dexs().iter().enumerate().map(|(i, name)| match i {
            0 => "null".to_owned(),
            _ => format!(
                "{{\"name\":\"{name}\",\"fullName\":\"{name}\",\"deployer\":\"{}\",\
                 \"oracleUpdater\":null,\"feeRecipient\":null,\"assetToStreamingOiCap\":[],\
                 \"subDeployers\":[],\"assetToFundingMultiplier\":[]}}",
                address_text(&[0; 20])
            ),
        }))
    }

    pub fn all_mids(&self, dex: usize) -> String {
        let coins = self.directory.coins().iter().filter(|c| c.dex == dex);
        let mids: Vec<String> = coins
            .filter_map(|c| Some((c, self.exchange.bbo(c.inst).mid()?)))
            .map(|(c, mid)| format!("\"{}\":\"{}\"", c.name, num(mid.0)))
            .collect();
        format!("{{{}}}", mids.join(","))
    }

    fn orders(
        &self,
        account: Option<AccountId>,
        request: &Json,
        write: fn(&Directory, &OrderView) -> String,
    ) -> Option<String> {
        let Some(dex) = self.dex(request)? else { return Some(null()) };
        let Some(account) = account else { return Some("[]".to_owned()) };
        let of_dex = |order: &OrderView| self.directory.coin(order.inst).dex == dex;
        let orders = self.exchange.open_orders(account).filter(of_dex);
        Some(list(orders.map(|order| write(self.directory, &order))))
    }

    /// Open orders, then closed ones, each newest first.
    fn history(&self, account: Option<AccountId>) -> String {
        let Some(account) = account else { return "[]".to_owned() };
        let mut open: Vec<OrderView> = self.exchange.open_orders(account).collect();
        open.sort_by_key(|order| std::cmp::Reverse(order.oid));
        let closed = self.exchange.closed_orders(account).rev().copied();
        list(open.into_iter().chain(closed).take(HISTORY_MAX).map(|order| self.with_status(&order)))
    }

    fn with_status(&self, order: &OrderView) -> String {
        format!(
            "{{\"order\":{},\"status\":\"{}\",\"statusTimestamp\":{}}}",
            wire::frontend_order(self.directory, order),
            order.status.text(),
            wire::ms(order.status_at)
        )
    }

    fn order_status(&self, account: Option<AccountId>, oid: &Json) -> Option<String> {
        let target = order_ref(oid)?;
        let order = account.and_then(|account| self.exchange.order_status(account, target));
        Some(match order {
            None => "{\"status\":\"unknownOid\"}".to_owned(),
            Some(order) => {
                format!("{{\"status\":\"order\",\"order\":{}}}", self.with_status(&order))
            }
        })
    }

    /// The newest fills of a span of milliseconds, newest first.
    pub fn fills(&self, account: Option<AccountId>, start: u64, end: u64) -> String {
        let Some(account) = account else { return "[]".to_owned() };
        let span = start..=end;
        let fills = self.exchange.fills(account).rev();
        let wanted = fills.filter(|f| span.contains(&wire::ms(f.at))).take(FILLS_MAX);
        list(wanted.map(|fill| wire::fill(self.directory, fill)))
    }

    /// The oldest fills of a span, oldest first: a client pages with the last time it saw.
    fn fills_by_time(&self, account: Option<AccountId>, start: u64, end: u64) -> String {
        let Some(account) = account else { return "[]".to_owned() };
        let span = start..=end;
        let fills = self.exchange.fills(account);
        let wanted = fills.filter(|f| span.contains(&wire::ms(f.at))).take(FILLS_MAX);
        list(wanted.map(|fill| wire::fill(self.directory, fill)))
    }

    fn rate_limit(&self, account: Option<AccountId>) -> String {
        let empty = Budget { cap: super::rate::INITIAL_REQUESTS, ..Budget::default() };
        let budget = account.map_or(empty, self.budget);
        format!(
            "{{\"cumVlm\":\"{}\",\"nRequestsUsed\":{},\"nRequestsCap\":{},\"nRequestsSurplus\":0}}",
            num(budget.volume.to_raw()),
            budget.used,
            budget.cap
        )
    }

    /// The base schedule and the rates of the first market, which all accounts pay.
    fn fees(&self) -> String {
        let spec = self.exchange.instruments().next().map(|i| i.spec);
        let rate = |bps: Option<crate::units::Bps>| num(bps.map_or(0, |b| b.0));
        let cross = rate(spec.map(|s| s.taker_fee));
        let add = rate(spec.map(|s| s.maker_fee));
        format!(
            "{{\"dailyUserVlm\":[],\"feeSchedule\":{{\"cross\":\"{cross}\",\"add\":\"{add}\",\
             \"spotCross\":\"0.0\",\"spotAdd\":\"0.0\",\"tiers\":{{\"vip\":[],\"mm\":[]}},\
             \"referralDiscount\":\"0.0\",\"stakingDiscountTiers\":[]}},\
             \"userCrossRate\":\"{cross}\",\"userAddRate\":\"{add}\",\
             \"userSpotCrossRate\":\"0.0\",\"userSpotAddRate\":\"0.0\"}}"
        )
    }

    fn role(&self, user: &Address) -> String {
        match self.directory.signer(user) {
            None => "{\"role\":\"missing\"}".to_owned(),
            Some(account) if account.address != *user => format!(
                "{{\"role\":\"agent\",\"data\":{{\"user\":\"{}\"}}}}",
                address_text(&account.address)
            ),
            Some(account) => match &account.master {
                None => "{\"role\":\"user\"}".to_owned(),
                Some(_) if self.directory.is_vault(user) => "{\"role\":\"vault\"}".to_owned(),
                Some(master) => format!(
                    "{{\"role\":\"subAccount\",\"data\":{{\"master\":\"{}\"}}}}",
                    address_text(master)
                ),
            },
        }
    }

    fn vault_details(&self, vault: &Address) -> Option<String> {
        let mut accounts = self.directory.accounts().iter();
        let account = accounts.find(|a| a.address == *vault && self.directory.is_vault(vault))?;
        let leader = account.master?;
        Some(format!(
            "{{\"name\":\"vault\",\"vaultAddress\":\"{}\",\"leader\":\"{}\",\
             \"description\":\"\",\"followers\":[],\"isClosed\":false,\"allowDeposits\":true}}",
            address_text(vault),
            address_text(&leader)
        ))
    }

    fn agents(&self, user: &Address) -> String {
        let account = self.directory.accounts().iter().find(|a| a.address == *user);
        let agents = account.map_or(&[][..], |a| &a.agents);
        let until = wire::ms(self.now) + 90 * 86_400_000;
        list(agents.iter().enumerate().map(|(i, agent)| {
            let address = address_text(agent);
            format!("{{\"name\":\"agent{i}\",\"address\":\"{address}\",\"validUntil\":{until}}}")
        }))
    }
}

/// How the protocol names an order: its number, or the text of its client id.
pub fn order_ref(value: &Json) -> Option<OrderRef> {
    match value {
        Json::Uint(oid) => Some(OrderRef::Oid(*oid)),
        Json::Str(text) => parse_cloid(text).map(OrderRef::Cloid),
        _ => None,
    }
}

/// Reads `0x` and exactly 32 hex digits.
pub fn parse_cloid(text: &str) -> Option<u128> {
    let digits = text.strip_prefix("0x").filter(|d| d.len() == 32)?;
    // `from_str_radix` would take a sign.
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then_some(())?;
    u128::from_str_radix(digits, 16).ok()
}

fn null() -> String {
    "null".to_owned()
}

/// The context of a market that is no more.
const GONE_CTX: &str = "{\"funding\":\"0.0\",\"openInterest\":\"0.0\",\"prevDayPx\":\"0.0\",\
     \"dayNtlVlm\":\"0.0\",\"premium\":null,\"oraclePx\":\"0.0\",\"markPx\":\"0.0\",\
     \"midPx\":null,\"impactPxs\":null,\"dayBaseVlm\":\"0.0\"}";

/// No spot market; the collateral is a token all the same.
const SPOT_META: &str = "{\"tokens\":[{\"name\":\"USDC\",\"szDecimals\":8,\"weiDecimals\":8,\
     \"index\":0,\"tokenId\":\"0x00000000000000000000000000000000\",\"isCanonical\":true,\
     \"evmContract\":null,\"fullName\":null}],\"universe\":[]}";
