//! Cold. Every pre-trade rule by itself: a legal order, and one change that breaks one rule. A rule
//! that is taken out lets its order through, and its row fails.

mod common;

use common::config::{inst, limits, n, p, q};
use evenkeel::book::{Book, Top};
use evenkeel::event::{
    Action, Command, Component, LEVELS_PER_EVENT, Level, OrderId, Refused, RejectReason, Tif,
};
use evenkeel::instrument::{InstId, Instrument, Quantizer};
use evenkeel::orders::{ORDERS_MAX, Order, OrderState, Orders};
use evenkeel::risk::{Context, InstLimits, Risk};
use evenkeel::units::{Bps, Nanos, Notional, Price, Qty, Side};

const SOL: InstId = InstId(0);
const NOW: Nanos = Nanos::from_secs(1_000);

/// An order and the world that it meets.
struct Case {
    risk: Risk,
    quantizer: Quantizer,
    orders: Orders,
    limits: InstLimits,
    top: Option<Top>,
    stale: bool,
    position: Qty,
    margin: Notional,
    proved: bool,
    affords: bool,
    side: Side,
    px: Price,
    qty: Qty,
    reduce_only: bool,
    component: Component,
}

fn top() -> Top {
    let mut book = Book::default();
    for (side, px) in [(Side::Buy, "99.98"), (Side::Sell, "100.02")] {
        let mut levels = [Level::default(); LEVELS_PER_EVENT];
        levels[0] = Level { px: p(px), qty: q("20") };
        book.stage(side, 0, &levels, 1);
    }
    let _ = book.end(1, 1, 1, NOW);
    book.top().expect("a book")
}

/// A buy of 0.64 at 99.94 that nothing speaks against.
fn legal() -> Case {
    let config = inst("SOL");
    Case {
        risk: Risk::new(limits(), 1),
        quantizer: Quantizer::new(Instrument::new(SOL, config.spec).expect("a market")),
        orders: Orders::default(),
        limits: config.limits,
        top: Some(top()),
        stale: false,
        position: Qty::ZERO,
        margin: Notional(i128::MAX),
        proved: true,
        affords: true,
        side: Side::Buy,
        px: p("99.94"),
        qty: q("0.64"),
        reduce_only: false,
        component: Component::Maker,
    }
}

fn order(side: Side, px: &str, qty: &str, component: Component) -> Order {
    Order {
        id: OrderId::new(7, SOL),
        side,
        tif: Tif::Alo,
        component,
        reduce_only: false,
        state: OrderState::Live,
        px: p(px),
        open: q(qty),
        qty: q(qty),
        venue_oid: 1,
        sent: NOW,
        acked: NOW,
        asked: NOW,
        asks: 0,
        closing: false,
    }
}

impl Case {
    fn judge(mut self) -> Result<(), Refused> {
        let action = Action::Place {
            inst: SOL,
            side: self.side,
            tif: Tif::Alo,
            reduce_only: self.reduce_only,
            component: self.component,
            order: OrderId::new(9, SOL),
            px: self.px,
            qty: self.qty,
        };
        let mut ctx = Context {
            now: NOW,
            inst: SOL,
            top: self.top,
            stale: self.stale,
            position: self.position,
            orders: &self.orders,
            quantizer: &mut self.quantizer,
            limits: &self.limits,
            margin: self.margin,
            proved: self.proved,
            affords: self.affords,
        };
        let judged = self.risk.approve(action, &mut ctx).map(|_| ());
        if let Err(reason) = judged {
            let counted = self.risk.refusals()[self.component as usize][reason as usize];
            assert_eq!(counted, 1, "{} is counted", reason.name());
        }
        judged
    }
}

type Change = fn(&mut Case);

/// One change each, and the rule that it breaks.
const RULES: &[(&str, Change, Refused)] = &[
    ("no book", |c| c.top = None, Refused::BookInvalid),
    ("an old book", |c| (c.top, c.stale) = (None, true), Refused::BookStale),
    ("no size", |c| c.qty = Qty::ZERO, Refused::ZeroSize),
    ("between two ticks", |c| c.px = p("99.945"), Refused::OutOfGrid),
    ("part of a lot", |c| c.qty = q("0.645"), Refused::OutOfGrid),
    ("below the floor of 0.11", |c| c.qty = q("0.10"), Refused::BelowMinimum),
    ("above the size", |c| c.limits.order_qty = q("0.63"), Refused::OrderSize),
    ("above the notional", |c| c.limits.order_notional = n("63.96"), Refused::OrderSize),
    ("6 bps away", |c| c.limits.price_band = Bps::whole(5), Refused::PriceBand),
    ("a reduction of nothing", |c| c.reduce_only = true, Refused::ReduceOnlyFlip),
    (
        "a reduction past zero",
        |c| (c.reduce_only, c.position) = (true, q("-0.63")),
        Refused::ReduceOnlyFlip,
    ),
    ("above the position", |c| c.limits.position = q("0.63"), Refused::PositionLimit),
    ("with what is held", |c| c.position = q("4.37"), Refused::PositionLimit),
    (
        "a flip beyond the limit",
        |c| {
            (c.position, c.qty, c.limits.order_qty) = (q("-0.1"), q("1"), q("9"));
            c.limits.position = q("0.8");
        },
        Refused::PositionLimit,
    ),
    (
        "with what is open",
        |c| {
            c.orders.insert(order(Side::Buy, "99.9", "4.37", Component::Hedger));
        },
        Refused::PositionLimit,
    ),
    ("above the inventory", |c| c.limits.inventory_notional = n("63.9"), Refused::NotionalLimit),
    ("above the equity", |c| c.margin = n("63.9"), Refused::Margin),
    ("not proved", |c| c.proved = false, Refused::Unproved),
    ("no requests left", |c| c.affords = false, Refused::RateBudget),
    (
        "there already",
        |c| {
            c.orders.insert(order(Side::Buy, "99.94", "0.2", Component::Maker));
        },
        Refused::Duplicate,
    ),
    (
        "against an own ask",
        |c| {
            c.orders.insert(order(Side::Sell, "99.94", "0.2", Component::Hedger));
        },
        Refused::SelfCross,
    ),
    (
        "too many open",
        |c| {
            c.limits.open_orders = 1;
            c.orders.insert(order(Side::Buy, "99.9", "0.2", Component::Maker));
        },
        Refused::OrderCount,
    ),
    (
        "no slot",
        |c| {
            c.limits.open_orders = ORDERS_MAX;
            for _ in 0..ORDERS_MAX - 2 {
                c.orders.insert(order(Side::Buy, "99.9", "0.01", Component::Maker));
            }
        },
        Refused::TableFull,
    ),
    ("after a kill", |c| c.risk.command(Command::Kill), Refused::Halted),
    (
        "after a loss",
        |c| {
            assert_eq!(c.risk.judge(n("-999.99")), None);
            assert_eq!(c.risk.judge(n("-1000")), Some(Refused::DailyLoss));
        },
        Refused::Halted,
    ),
    (
        "after a fall from the best",
        |c| {
            assert_eq!(c.risk.judge(n("500")), None);
            assert_eq!(c.risk.judge(n("-499.99")), None);
            assert_eq!(c.risk.judge(n("-500")), Some(Refused::Drawdown));
        },
        Refused::Halted,
    ),
    (
        "after rejects in a row",
        |c| {
            for row in 1..=3 {
                let margin = RejectReason::Margin;
                let opens = c.risk.rejected(Component::Maker, Side::Buy, margin, SOL, q("1"));
                assert_eq!(opens, row == 3);
            }
        },
        Refused::BreakerOpen,
    ),
    (
        "a size that was refused",
        |c| {
            let reason = RejectReason::MinNotional;
            c.risk.rejected(Component::Maker, Side::Sell, reason, SOL, q("0.64"));
        },
        Refused::RejectedSize,
    ),
    (
        "too fast",
        |c| {
            let mut slow = limits();
            (slow.burst, slow.actions_per_s) = (4, 1);
            c.risk = Risk::new(slow, 1);
            // Two leave the reserve of one for cancels.
            for _ in 0..3 {
                c.risk.pass(Action::Query { inst: SOL, order: OrderId::EXTERNAL }, NOW);
            }
        },
        Refused::OrderRate,
    ),
];

#[test]
fn a_legal_order_goes_out() {
    assert_eq!(legal().judge(), Ok(()));
}

#[test]
fn each_rule_stops_what_breaks_it_alone() {
    for (what, change, want) in RULES {
        let mut case = legal();
        change(&mut case);
        assert_eq!(case.judge(), Err(*want), "{what}");
    }
}

#[test]
fn what_reduces_passes_the_limits_of_what_adds() {
    let mut case = legal();
    case.position = q("-6");
    case.limits.position = q("1");
    case.limits.inventory_notional = n("1");
    case.margin = n("1");
    case.proved = false;
    case.reduce_only = true;
    assert_eq!(case.judge(), Ok(()));
}

#[test]
fn a_refused_size_is_free_after_new_rules_only() {
    let mut case = legal();
    case.risk.rejected(Component::Maker, Side::Sell, RejectReason::MinNotional, SOL, q("0.64"));
    case.risk.rules_refreshed(SOL);
    assert_eq!(case.judge(), Ok(()));
}
