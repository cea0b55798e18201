//! Cold. `/info` and `/exchange` over REST: the questions of each topic, and what the answers say.
//!
//! Every dex has open orders and positions of its own. Orders are asked for before positions: a fill
//! between the two then shows in the position and is known by its trade id.

use super::account::order_state;
use super::build::Owner;
use super::info;
use super::meta::{self, Fees, MetaError};
use super::rights::Rights;
use crate::event::VenueOrderState;
use crate::instrument::{InstId, InstrumentSpec, Symbol};
use crate::units::{Price, Qty, parse_raw};
use crate::venue::rest::{Fate, Listing, OpenOrder, Position, Request, Topic, Unread, VenueView};
use serde_json::{Value, json};

/// An order is one order here.
const NOTHING: (Price, Qty) = (Price::ZERO, Qty::ZERO);

/// The account and the markets of a session.
#[derive(Clone, Debug)]
pub struct Rest {
    owner: Owner,
    markets: Vec<Symbol>,
    /// Of the markets, each once; "" is the first one.
    dexs: Vec<String>,
}

impl Rest {
    /// Instrument `i` is `markets[i]`.
    pub fn new(owner: Owner, markets: &[Symbol]) -> Rest {
        let dexs = meta::dexs(markets.iter().map(Symbol::as_str));
        Rest { owner, markets: markets.to_vec(), dexs }
    }

    /// The request behind these answers.
    pub fn next(&self, topic: Topic<'_>, answers: &[Vec<u8>]) -> Option<Request> {
        let body = match topic {
            Topic::Key(key) => Rights::new(self.owner, key).next(answers)?,
            _ => self.questions(topic).into_iter().nth(answers.len())?,
        };
        Some(Request::post_json("/info", body.into_bytes()))
    }

    /// What is asked whatever the answers are.
    fn questions(&self, topic: Topic<'_>) -> Vec<String> {
        let owner = self.owner.traded().to_string();
        let of_dexs = |kind: &str| -> Vec<String> {
            let ask = |dex| json!({"type": kind, "user": owner, "dex": dex}).to_string();
            self.dexs.iter().map(ask).collect()
        };
        match topic {
            Topic::View => [of_dexs("openOrders"), of_dexs("clearinghouseState")].concat(),
            Topic::OpenOrders | Topic::Resting => of_dexs("openOrders"),
            Topic::Fate(_, client) => {
                let oid = format!("0x{client:032x}");
                vec![json!({"type": "orderStatus", "user": owner, "oid": oid}).to_string()]
            }
            Topic::Specs => {
                let fees = json!({"type": "userFees", "user": owner}).to_string();
                let metas = self.metas().into_iter().map(str::to_owned);
                [fees, meta::PERP_DEXS.to_owned()].into_iter().chain(metas).collect()
            }
            Topic::Listings => self.metas().into_iter().map(str::to_owned).collect(),
            Topic::Prices => vec![json!({"type": "allMids"}).to_string()],
            Topic::Key(_) => Vec::new(), // `Rights`
        }
    }

    /// The questions about rules, each once: an answer is some 60 kB.
    fn metas(&self) -> Vec<&'static str> {
        let mut asked = Vec::new();
        for market in &self.markets {
            let question = meta::question(market.as_str());
            if !asked.contains(&question) {
                asked.push(question);
            }
        }
        asked
    }

    /// The answer to the question about a market's rules, among those of [`Rest::metas`].
    fn meta_of<'a>(&self, answers: &'a [Vec<u8>], symbol: &str) -> Option<&'a Vec<u8>> {
        let at = self.metas().iter().position(|asked| *asked == meta::question(symbol))?;
        answers.get(at)
    }

    fn inst(&self, coin: &str) -> Option<InstId> {
        let at = self.markets.iter().position(|market| market.as_str() == coin)?;
        Some(InstId(at as u16))
    }

    pub fn view(&self, answers: &[Vec<u8>]) -> Result<VenueView, Unread> {
        let (orders, states) = answers
            .split_at_checked(self.dexs.len())
            .filter(|(_, states)| states.len() == self.dexs.len())
            .ok_or_else(|| malformed("clearinghouseState"))?;
        let orders = self.open_orders(orders)?;
        let mut view = VenueView { orders, ..VenueView::default() };
        for state in states {
            // Each dex has collateral of its own; what the account is worth is their sum.
            if let Some(worth) = info::equity(state) {
                view.equity = view.equity.unwrap_or(0).checked_add(worth);
            }
            let positions =
                info::positions(state).ok_or_else(|| malformed("clearinghouseState"))?;
            view.positions.extend(positions.into_iter().map(|position| Position {
                inst: self.inst(&position.coin),
                qty: position.qty,
                entry: position.entry,
            }));
        }
        Ok(view)
    }

    pub fn open_orders(&self, answers: &[Vec<u8>]) -> Result<Vec<OpenOrder>, Unread> {
        let mut all = Vec::new();
        for answer in answers {
            let orders = info::open_orders(answer).ok_or_else(|| malformed("openOrders"))?;
            all.extend(orders.into_iter().map(|order| OpenOrder {
                inst: self.inst(&order.coin),
                id: order.oid,
                client: order.cloid,
            }));
        }
        Ok(all)
    }

    pub fn fate(&self, answers: &[Vec<u8>]) -> Result<Fate, Unread> {
        let fate = info::fate(first(answers, "orderStatus")?);
        Ok(match fate.ok_or_else(|| malformed("orderStatus"))? {
            None => Fate {
                state: VenueOrderState::NotFound,
                filled: Qty::ZERO,
                venue_oid: 0,
                now: NOTHING,
            },
            Some(fate) => Fate {
                state: order_state(&fate.status),
                filled: Qty(fate
                    .orig
                    .0
                    .checked_sub(fate.open.0)
                    .ok_or_else(|| malformed("orderStatus"))?),
                venue_oid: fate.oid,
                now: NOTHING,
            },
        })
    }

    pub fn specs(&self, answers: &[Vec<u8>]) -> Result<Vec<InstrumentSpec>, Unread> {
        let [fees, dexs, metas @ ..] = answers else { return Err(malformed("userFees")) };
        let fees = meta::fees(&mut fees.clone()).map_err(unread)?;
        let dexs = meta::perp_dexs(&mut dexs.clone()).map_err(unread)?;
        let spec = |symbol: &Symbol| {
            let symbol = symbol.as_str();
            let mut answer = self.meta_of(metas, symbol).cloned().unwrap_or_default();
            let spec = meta::perp(&mut answer, symbol, fees).map_err(unread)?;
            meta::check_dex(&spec, &dexs).map_err(unread)?;
            Ok(spec)
        };
        self.markets.iter().map(spec).collect()
    }

    pub fn listings(
        &self,
        answers: &[Vec<u8>],
        known: &[InstrumentSpec],
    ) -> Result<Vec<Listing>, Unread> {
        let of = |known: &InstrumentSpec| {
            let answer = self.meta_of(answers, known.symbol.as_str());
            listing(answer.map_or(&[][..], |bytes| bytes), known)
        };
        known.iter().map(of).collect()
    }

    pub fn prices(&self, answers: &[Vec<u8>]) -> Result<Vec<Option<Price>>, Unread> {
        let mids = value(first(answers, "allMids")?, "allMids")?;
        let price = |symbol: &Symbol| {
            let text = mids[symbol.as_str()].as_str()?;
            let raw = parse_raw(text.as_bytes()).ok();
            raw.filter(|raw| *raw > 0).map(Price)
        };
        Ok(self.markets.iter().map(price).collect())
    }

    pub fn check_key(&self, agent: &str, answers: &[Vec<u8>], now_ms: u64) -> Result<(), Unread> {
        Rights::new(self.owner, agent).judge(answers, now_ms)
    }
}

pub(super) fn malformed(kind: &str) -> Unread {
    Unread::Malformed(format!("{kind}: not what the venue documents"))
}

fn first<'a>(answers: &'a [Vec<u8>], kind: &str) -> Result<&'a [u8], Unread> {
    answers.first().map(Vec::as_slice).ok_or_else(|| malformed(kind))
}

pub(super) fn value(answer: &[u8], kind: &str) -> Result<Value, Unread> {
    serde_json::from_slice(answer)
        .map_err(|error| Unread::Malformed(format!("the venue's {kind} is malformed: {error}")))
}

fn unread(error: MetaError) -> Unread {
    match error {
        MetaError::Malformed(_) => Unread::Malformed(error.to_string()),
        _ => Unread::Refused(error.to_string()),
    }
}

/// What an answer to `meta` says of a market that is known. The venue states the decimals of sizes,
/// and with them grid and lot, and whether a market is listed; its minimums are documented, not
/// stated, so with the same decimals what is known of them stays.
fn listing(answer: &[u8], known: &InstrumentSpec) -> Result<Listing, Unread> {
    let fees = Fees { maker: known.maker_fee, taker: known.taker_fee };
    match meta::perp(&mut answer.to_vec(), known.symbol.as_str(), fees) {
        // Under another number it is another market: orders would go astray.
        Ok(stated) if stated.asset != known.asset => Ok(Listing::Gone),
        Ok(stated) if (stated.grid, stated.lot) == (known.grid, known.lot) => {
            Ok(Listing::Listed(*known))
        }
        Ok(stated) => Ok(Listing::Listed(stated)),
        // One market that may not be traded any more does not keep the others' rules from being read.
        Err(MetaError::Delisted(_) | MetaError::Unknown { .. } | MetaError::Isolated { .. }) => {
            Ok(Listing::Gone)
        }
        Err(error) => Err(unread(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Bps, Notional, SCALE};
    use crate::venue::eip712::Address;

    #[test]
    fn what_the_metadata_says_of_a_known_market() {
        let meta = |decimals: u32, more: &str| {
            format!(
                r#"{{"universe":[{{"szDecimals":5,"name":"BTC"}},
                {{"szDecimals":{decimals},"name":"SOL"{more}}}]}}"#
            )
        };
        let fees = Fees { maker: Bps(1), taker: Bps(2) };
        let mut known =
            meta::perp(&mut meta(2, "").into_bytes(), "SOL", fees).expect("SOL is listed");
        known.min_notional = Notional::from_raw(105 * SCALE / 10);
        let read = |text: String| listing(text.as_bytes(), &known);
        assert_eq!(read(meta(2, "")), Ok(Listing::Listed(known)), "minimums are not stated");
        let Ok(Listing::Listed(finer)) = read(meta(3, "")) else { panic!("listed") };
        assert_eq!((finer.lot, finer.maker_fee), (Qty(SCALE / 1000), Bps(1)));
        assert_eq!(read(meta(2, r#","isDelisted":true"#)), Ok(Listing::Gone));
        assert_eq!(read(meta(2, r#","onlyIsolated":true"#)), Ok(Listing::Gone));
        assert!(read(meta(2, r#","marginMode":"new""#)).is_err());
        assert_eq!(
            read(r#"{"universe":[{"szDecimals":2,"name":"SOL"}]}"#.into()),
            Ok(Listing::Gone)
        );
        assert_eq!(read(r#"{"universe":[]}"#.into()), Ok(Listing::Gone));
        assert!(read("[".into()).is_err());
    }

    fn rest(markets: &[&str]) -> Rest {
        let symbol = |name: &&str| Symbol::new(name).expect("short");
        Rest::new(Owner::of(Address([0; 20])), &markets.iter().map(symbol).collect::<Vec<_>>())
    }

    /// The bodies of a topic, as its requests come.
    fn bodies(rest: &Rest, topic: Topic<'_>) -> Vec<String> {
        // What is asked here does not depend on what was answered.
        let requests = (0..).map_while(|at| rest.next(topic, &vec![Vec::new(); at]));
        requests.map(|r| r.path + " " + &String::from_utf8(r.body).expect("text")).collect()
    }

    #[test]
    fn every_dex_is_asked_and_orders_come_first() {
        let rest = rest(&["SOL", "xyz:GOLD", "BTC"]);
        let asked = bodies(&rest, Topic::View);
        let kinds: Vec<bool> = asked.iter().map(|b| b.contains("openOrders")).collect();
        assert_eq!(kinds, [true, true, false, false]);
        assert!(asked[0].contains(r#""dex":"""#) && asked[1].contains(r#""dex":"xyz""#));
        assert!(asked.iter().all(|b| b.starts_with("/info ")));
        assert_eq!(bodies(&rest, Topic::OpenOrders), asked[..2]);
        let metas = [format!("/info {}", meta::META), format!("/info {}", meta::ALL_METAS)];
        assert_eq!(bodies(&rest, Topic::Listings), metas);
        assert_eq!(bodies(&rest, Topic::Specs)[2..], metas);
    }

    /// A master or an agent has no orders, fees or positions of its sub-account.
    #[test]
    fn what_is_asked_is_about_what_is_traded() {
        let owner = Owner { account: Address([1; 20]), vault: Some(Address([2; 20])) };
        let rest = Rest::new(owner, &[Symbol::new("SOL").expect("short")]);
        for topic in [Topic::View, Topic::OpenOrders, Topic::Resting, Topic::Fate(InstId(0), 1)] {
            for body in bodies(&rest, topic) {
                assert!(body.contains(&format!(r#""user":"0x{}""#, "02".repeat(20))), "{body}");
            }
        }
        assert!(bodies(&rest, Topic::Specs)[0].contains(&"02".repeat(20)), "userFees");
    }

    #[test]
    fn a_view_names_our_markets_and_sums_what_the_dexs_are_worth() {
        let rest = rest(&["SOL", "xyz:GOLD"]);
        let state = |coin: &str, worth: &str| {
            let position = json!({"coin": coin, "szi": "-0.5", "entryPx": "200.1"});
            json!({"marginSummary": {"accountValue": worth},
                "assetPositions": [{"position": position}]})
        };
        let answers = [
            json!([{"coin": "ETH", "oid": 9, "cloid": null}, {"coin": "SOL", "oid": 8, "cloid": "0x0f"}]),
            json!([]),
            state("SOL", "1.5"),
            state("xyz:GOLD", "2"),
        ];
        let answers: Vec<Vec<u8>> = answers.iter().map(|a| a.to_string().into_bytes()).collect();
        let view = rest.view(&answers).expect("a view");
        let order = |inst, id, client| OpenOrder { inst, id, client };
        assert_eq!(view.orders, [order(None, 9, None), order(Some(InstId(0)), 8, Some(15))]);
        let held: Vec<_> = view.positions.iter().map(|p| (p.inst, p.qty.0)).collect();
        let short = -SCALE / 2;
        assert_eq!(held, [(Some(InstId(0)), short), (Some(InstId(1)), short)]);
        assert_eq!((view.equity, view.nonces.len()), (Some(350_000_000), 0));
        assert!(rest.view(&answers[..3]).is_err(), "an answer is missing");
        assert!(rest.view(&[]).is_err());
    }

    #[test]
    fn the_fate_of_an_order() {
        let rest = rest(&["SOL"]);
        let asked = bodies(&rest, Topic::Fate(InstId(0), 15));
        assert!(asked[0].contains("0x0000000000000000000000000000000f"), "{asked:?}");
        let fate = |sz: &str| {
            let order = json!({"coin": "SOL", "oid": 5, "sz": sz, "origSz": "1"});
            let answer =
                json!({"status": "order", "order": {"order": order, "status": "canceled"}});
            rest.fate(&[answer.to_string().into_bytes()])
        };
        let state = VenueOrderState::Canceled;
        let filled = Qty(SCALE / 4 * 3);
        assert_eq!(fate("0.25"), Ok(Fate { state, filled, venue_oid: 5, now: NOTHING }));
        let unknown = rest.fate(&[br#"{"status":"unknownOid"}"#.to_vec()]).expect("an answer");
        assert_eq!(unknown.state, VenueOrderState::NotFound);
        assert!(rest.fate(&[b"{".to_vec()]).is_err() && rest.fate(&[]).is_err());
    }
}
