//! A market of one account among the crowd, for the tests of the embedded exchange.
#![allow(dead_code, reason = "each test file uses its part")]

use evenkeel::event::Tif;
use evenkeel::instrument::{InstId, Instrument, Symbol};
use evenkeel::sim::exchange::*;
use evenkeel::units::{Notional, Price, Qty, SCALE, Side};

pub const SOL: InstId = InstId(0);
/// Quote units of a new account.
pub const CASH: i64 = 100_000;

pub fn px(text: &str) -> Price {
    Price::parse(text.as_bytes()).expect("a price")
}

pub fn qty(text: &str) -> Qty {
    Qty::parse(text.as_bytes()).expect("a quantity")
}

pub fn quote(units: i64) -> Notional {
    Notional::from_raw(units * SCALE)
}

pub fn new(side: Side, price: &str, size: &str, tif: Tif) -> NewOrder {
    order(SOL, side, px(price), qty(size), tif)
}

pub fn reduce(side: Side, price: &str, size: &str, tif: Tif) -> NewOrder {
    NewOrder { reduce_only: true, ..new(side, price, size, tif) }
}

pub fn sol() -> Instrument {
    let symbol = Symbol::new("SOL").expect("a symbol");
    hyperliquid_perp(SOL, symbol, 5, 2).expect("a perp")
}

pub fn exchange_with(rules: Rules) -> (Exchange, AccountId) {
    let mut x = Exchange::new(vec![sol()], rules);
    let me = x.open_account(quote(CASH));
    (x, me)
}

pub struct Desk {
    pub x: Exchange,
    pub me: AccountId,
    requests: u64,
}

impl Desk {
    pub fn empty() -> Desk {
        Desk::with(Rules::instant())
    }

    pub fn with(rules: Rules) -> Desk {
        let (x, me) = exchange_with(rules);
        Desk { x, me, requests: 0 }
    }

    /// The crowd quotes 10 @ 99.99 and 10 @ 100.01.
    pub fn quoted() -> Desk {
        let mut desk = Desk::empty();
        desk.x.crowd_place(new(Side::Buy, "99.99", "10", Tif::Gtc));
        desk.x.crowd_place(new(Side::Sell, "100.01", "10", Tif::Gtc));
        desk.drain();
        desk
    }

    pub fn drain(&mut self) -> Vec<Notice> {
        let now = self.x.now();
        self.x.advance(now);
        std::iter::from_fn(|| self.x.poll(now)).map(|n| n.1).collect()
    }

    /// Sends an action: the outcomes of its entries, and everything else that was told.
    pub fn act(&mut self, who: AccountId, entries: &[Request]) -> (Vec<Outcome>, Vec<Notice>) {
        self.requests += 1;
        let now = self.x.now();
        self.x.submit(now, who, self.requests, entries);
        let (mut outcomes, mut others) = (Vec::new(), Vec::new());
        for notice in self.drain() {
            match notice {
                Notice::Response { account, request, entry, last, outcome } => {
                    assert_eq!((account, request), (who, self.requests));
                    assert_eq!(usize::from(entry), outcomes.len());
                    outcomes.push(outcome);
                    assert_eq!(last, outcomes.len() == entries.len());
                }
                other => others.push(other),
            }
        }
        (outcomes, others)
    }

    pub fn place_as(&mut self, who: AccountId, order: NewOrder) -> (Outcome, Vec<Notice>) {
        let (outcomes, notices) = self.act(who, &[Request::Place(order)]);
        (outcomes[0], notices)
    }

    pub fn place(&mut self, order: NewOrder) -> Outcome {
        self.place_as(self.me, order).0
    }

    pub fn rest(&mut self, order: NewOrder) -> u64 {
        match self.place(order) {
            Outcome::Resting { oid, .. } => oid,
            other => panic!("not resting: {other:?}"),
        }
    }

    /// Crosses at once and fills, whole or in part.
    pub fn fill(&mut self, side: Side, price: &str, size: &str) {
        let outcome = self.place(new(side, price, size, Tif::Ioc));
        assert!(matches!(outcome, Outcome::Filled { .. }), "{outcome:?}");
    }

    /// The text with which an order is refused; its record carries the same reason.
    pub fn refusal(&mut self, order: NewOrder) -> String {
        match self.place(order) {
            Outcome::Rejected(reject) => {
                let record = self.x.closed_orders(self.me).next_back().expect("a record");
                assert_eq!(record.status, OrderStatus::Rejected(reject));
                assert_ne!(record.oid, 0);
                reject.to_string()
            }
            other => panic!("not refused: {other:?}"),
        }
    }

    pub fn status(&self, oid: u64) -> OrderView {
        self.x.order_status(self.me, OrderRef::Oid(oid)).expect("a known order")
    }

    pub fn position(&self) -> Qty {
        self.x.position(self.me, SOL).qty
    }
}

pub fn fills(notices: &[Notice]) -> Vec<Fill> {
    let fill = |n: &Notice| if let Notice::Fill(f) = n { Some(*f) } else { None };
    notices.iter().filter_map(fill).collect()
}

pub fn trades(notices: &[Notice]) -> Vec<Trade> {
    let trade = |n: &Notice| if let Notice::Trade(t) = n { Some(*t) } else { None };
    notices.iter().filter_map(trade).collect()
}

/// The last word about an order, if it is its end.
pub fn end_of(notices: &[Notice], oid: u64) -> Option<OrderView> {
    let view = |n: &Notice| if let Notice::Order(o) = n { Some(*o) } else { None };
    let last = notices.iter().filter_map(view).rfind(|o| o.oid == oid);
    last.filter(|o| o.status != OrderStatus::Open)
}
