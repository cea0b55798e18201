//! The embedded exchange: the venue's rules with their texts, matching, and accounting.

mod sim_desk;

use evenkeel::event::{RejectReason, Tif};
use evenkeel::instrument::InstId;
use evenkeel::sim::exchange::*;
use evenkeel::units::{Bps, Notional, Qty, Side};

use sim_desk::*;

const MARGIN: &str = "Insufficient margin to place order. asset=5";

#[test]
fn forms_are_refused_in_the_venues_words() {
    let mut desk = Desk::quoted();
    desk.x.set_mark(SOL, Some(px("100")));
    let far = "Order price cannot be more than 80% away from the reference price asset=5";
    for (price, size, want) in [
        ("100", "0", "Order has zero size. asset=5"),
        ("100", "-1", "Order has zero size. asset=5"),
        ("100", "0.005", "Order has invalid size asset=5"),
        ("0", "1", "Order has invalid price. asset=5"),
        ("100.001", "1", "Price must be divisible by tick size. asset=5"),
        ("100", "0.09", "Order must have minimum value of $10. asset=5"),
        ("99.99", "0.1", "Order must have minimum value of $10. asset=5"),
        ("180.1", "1", far),
        ("19.9", "1", far),
        ("100", "1000000", MARGIN),
    ] {
        assert_eq!(desk.refusal(new(Side::Buy, price, size, Tif::Alo)), want, "{price} x {size}");
    }
    assert_eq!(desk.x.open_orders(desk.me).count(), 0);
    // The limits themselves are legal: a notional of 10, 80 % away.
    desk.rest(new(Side::Buy, "100", "0.1", Tif::Gtc));
    desk.rest(new(Side::Buy, "20", "0.5", Tif::Gtc));
    let nowhere = NewOrder { inst: InstId(7), ..new(Side::Buy, "100", "1", Tif::Gtc) };
    let Outcome::Rejected(reject) = desk.place(nowhere) else { panic!("taken") };
    assert_eq!(reject.kind.reason(), RejectReason::UnknownAsset);
}

#[test]
fn post_only_never_takes() {
    let mut desk = Desk::quoted();
    for (side, price) in [(Side::Buy, "100.01"), (Side::Buy, "101"), (Side::Sell, "99.99")] {
        assert_eq!(
            desk.refusal(new(side, price, "1", Tif::Alo)),
            "Post only order would have immediately matched, bbo was 99.99@100.01. asset=5"
        );
    }
    desk.rest(new(Side::Buy, "100", "1", Tif::Alo));
    desk.rest(new(Side::Sell, "100.01", "1", Tif::Alo));
    assert_eq!(desk.position(), Qty(0));
}

#[test]
fn ioc_takes_what_it_can_and_never_rests() {
    let mut desk = Desk::quoted();
    assert_eq!(
        desk.refusal(new(Side::Buy, "100", "1", Tif::Ioc)),
        "Order could not immediately match against any resting orders. asset=5"
    );
    desk.x.crowd_place(new(Side::Sell, "100.02", "5", Tif::Gtc));
    desk.x.crowd_place(new(Side::Sell, "100.03", "5", Tif::Gtc));
    desk.drain();
    let (outcome, notices) = desk.place_as(desk.me, new(Side::Buy, "100.02", "40", Tif::Ioc));
    // 10 at 100.01 and 5 at 100.02: 1500.2 / 15, truncated.
    let Outcome::Filled { oid, qty: filled, avg_px, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((filled, avg_px), (qty("15"), px("100.01333333")));
    let end = end_of(&notices, oid).expect("its end is told");
    assert_eq!((end.status, end.left), (OrderStatus::IocCanceled, qty("25")));
    assert_eq!(end.status.text(), "canceled");
    assert_eq!(desk.x.open_orders(desk.me).count(), 0);
    assert_eq!(desk.x.bbo(SOL).ask.map(|l| l.px), Some(px("100.03")));
}

#[test]
fn gtc_takes_and_rests_with_the_rest() {
    let mut desk = Desk::quoted();
    let oid = desk.rest(new(Side::Buy, "100.01", "12", Tif::Gtc));
    let view = desk.status(oid);
    assert_eq!((view.qty, view.left, view.status), (qty("12"), qty("2"), OrderStatus::Open));
    assert_eq!(desk.position(), qty("10"));
    // A partial fill is told with what is left, the last one closes it.
    desk.x.crowd_place(new(Side::Sell, "100", "0.5", Tif::Ioc));
    let notices = desk.drain();
    let left = |n: &Notice| if let Notice::Order(o) = n { Some((o.left, o.status)) } else { None };
    assert_eq!(notices.iter().find_map(left), Some((qty("1.5"), OrderStatus::Open)));
    desk.x.crowd_place(new(Side::Sell, "100", "5", Tif::Ioc));
    let notices = desk.drain();
    assert_eq!(end_of(&notices, oid).map(|o| o.status), Some(OrderStatus::Filled));
    let fill = fills(&notices)[0];
    assert_eq!((fill.px, fill.qty, fill.taker), (px("100.01"), qty("1.5"), false));
    assert_eq!(desk.position(), qty("12"));
}

#[test]
fn price_goes_before_time_and_time_before_size() {
    let mut desk = Desk::empty();
    let other = desk.x.open_account(quote(CASH));
    let first = desk.rest(new(Side::Sell, "100", "1", Tif::Gtc));
    desk.place_as(other, new(Side::Sell, "100", "5", Tif::Gtc));
    let second = desk.rest(new(Side::Sell, "100", "1", Tif::Gtc));
    let best = desk.rest(new(Side::Sell, "99.9", "1", Tif::Gtc));
    desk.x.crowd_place(new(Side::Buy, "100", "7.5", Tif::Ioc));
    let notices = desk.drain();
    let seen: Vec<_> = trades(&notices).iter().map(|t| (t.seller, t.px, t.qty)).collect();
    let want = [
        (desk.me, px("99.9"), qty("1")),
        (desk.me, px("100"), qty("1")),
        (other, px("100"), qty("5")),
        (desk.me, px("100"), qty("0.5")),
    ];
    assert_eq!(seen, want);
    assert!(end_of(&notices, best).is_some() && end_of(&notices, first).is_some());
    assert!(end_of(&notices, second).is_none());
    let level: Vec<_> = desk.x.levels(SOL, Side::Sell, 20).map(|l| (l.px, l.qty, l.n)).collect();
    assert_eq!(level, [(px("100"), qty("0.5"), 1)]);
}

#[test]
fn reduce_only_shrinks_waits_and_goes() {
    let mut desk = Desk::quoted();
    let text = "Reduce only order would increase position. asset=5";
    assert_eq!(desk.refusal(reduce(Side::Sell, "99.99", "1", Tif::Ioc)), text);
    desk.fill(Side::Buy, "100.01", "0.5");
    assert_eq!(desk.refusal(reduce(Side::Buy, "100.01", "1", Tif::Ioc)), text);
    // Shrunk to the position; two of them together cannot turn it over.
    let a = desk.rest(reduce(Side::Sell, "100", "3", Tif::Alo));
    let b = desk.rest(reduce(Side::Sell, "100.01", "3", Tif::Gtc));
    assert_eq!(desk.status(a).qty, qty("0.5"));
    desk.x.crowd_place(new(Side::Buy, "100", "0.3", Tif::Ioc));
    assert_eq!(desk.position(), qty("0.2"));
    desk.x.crowd_place(new(Side::Buy, "100", "0.2", Tif::Ioc));
    let notices = desk.drain();
    assert_eq!(desk.position(), Qty(0));
    assert_eq!(end_of(&notices, a).map(|o| o.status), Some(OrderStatus::Filled));
    assert_eq!(end_of(&notices, b).map(|o| o.status.text()), Some("reduceOnlyCanceled"));
    assert_eq!(desk.x.open_orders(desk.me).count(), 0);
}

#[test]
fn a_resting_reduce_only_order_fills_no_more_than_the_position() {
    let mut desk = Desk::quoted();
    desk.fill(Side::Buy, "100.01", "2");
    let oid = desk.rest(reduce(Side::Sell, "100", "2", Tif::Alo));
    desk.fill(Side::Sell, "99.99", "1.5");
    desk.x.crowd_place(new(Side::Buy, "100", "2", Tif::Ioc));
    let notices = desk.drain();
    assert_eq!(desk.position(), Qty(0));
    let end = end_of(&notices, oid).expect("closed");
    assert_eq!((end.status, end.left), (OrderStatus::ReduceOnlyCanceled, qty("1.5")));
}

#[test]
fn only_a_full_close_may_be_below_the_minimum() {
    let mut desk = Desk::quoted();
    desk.fill(Side::Buy, "100.01", "0.12");
    let part = reduce(Side::Sell, "99.99", "0.05", Tif::Ioc);
    assert_eq!(desk.refusal(part), "Order must have minimum value of $10. asset=5");
    for size in ["0.11", "0.01"] {
        let outcome = desk.place(reduce(Side::Sell, "99.99", size, Tif::Ioc));
        assert!(matches!(outcome, Outcome::Filled { .. }), "{size}: {outcome:?}");
    }
    assert_eq!(desk.position(), Qty(0));
}

#[test]
fn a_self_trade_cancels_the_resting_order() {
    let mut desk = Desk::quoted();
    let mine = desk.rest(new(Side::Sell, "100", "1", Tif::Gtc));
    let (outcome, notices) = desk.place_as(desk.me, new(Side::Buy, "100.01", "2", Tif::Ioc));
    assert_eq!(end_of(&notices, mine).map(|o| o.status.text()), Some("selfTradeCanceled"));
    assert!(matches!(outcome, Outcome::Filled { qty: q, .. } if q == qty("2")));
    assert!(trades(&notices).iter().all(|t| t.px == px("100.01") && t.seller == CROWD));
}

#[test]
fn cancels_name_what_is_gone() {
    let mut desk = Desk::quoted();
    let cloid = 0xabc;
    desk.rest(NewOrder { cloid: Some(cloid), ..new(Side::Buy, "99", "1", Tif::Gtc) });
    let other = desk.rest(new(Side::Buy, "98", "1", Tif::Gtc));
    let cancel = |target| Request::Cancel { inst: SOL, target };
    let entries = [
        cancel(OrderRef::Cloid(cloid)),
        cancel(OrderRef::Cloid(cloid)),
        cancel(OrderRef::Oid(12_345)),
        Request::Cancel { inst: InstId(1), target: OrderRef::Oid(other) },
    ];
    let (outcomes, _) = desk.act(desk.me, &entries);
    assert_eq!(outcomes[0], Outcome::Done);
    let gone = "Order was never placed, already canceled, or filled. asset=";
    for (outcome, asset) in outcomes[1..].iter().zip(["5", "5", "1"]) {
        let Outcome::Rejected(reject) = outcome else { panic!("{outcome:?}") };
        assert_eq!(reject.to_string(), format!("{gone}{asset}"));
    }
    let record = desk.x.order_status(desk.me, OrderRef::Cloid(cloid)).expect("kept");
    assert_eq!(record.status, OrderStatus::Canceled);
    // Nobody cancels the orders of others.
    let stranger = desk.x.open_account(quote(CASH));
    let (outcomes, _) = desk.act(stranger, &[cancel(OrderRef::Oid(other))]);
    assert!(matches!(outcomes[0], Outcome::Rejected(_)));
    assert_eq!(desk.act(desk.me, &[Request::CancelAll]).0, [Outcome::Done]);
    assert_eq!(desk.x.open_orders(desk.me).count(), 0);
}

#[test]
fn a_modify_is_a_cancel_and_a_new_order() {
    let mut desk = Desk::quoted();
    let old = desk.rest(new(Side::Buy, "98", "1", Tif::Gtc));
    let to = new(Side::Buy, "98.5", "2", Tif::Gtc);
    let modify =
        |order, always_place| [Request::Modify { target: OrderRef::Oid(old), order, always_place }];
    let ioc = NewOrder { tif: Tif::Ioc, ..to };
    assert!(matches!(desk.act(desk.me, &modify(ioc, false)).0[0], Outcome::Rejected(_)));
    assert_eq!(desk.status(old).status, OrderStatus::Open);
    let (outcomes, notices) = desk.act(desk.me, &modify(to, false));
    let Outcome::Resting { oid, .. } = outcomes[0] else { panic!("{outcomes:?}") };
    assert!(oid > old && end_of(&notices, old).is_some());
    assert_eq!(desk.status(oid).tif, Tif::Alo);
    // The old one is gone: refused, unless the new one is wanted anyway.
    let Outcome::Rejected(reject) = desk.act(desk.me, &modify(to, false)).0[0] else {
        panic!("placed")
    };
    assert_eq!(reject.to_string(), "Cannot modify canceled or filled order asset=5");
    assert!(matches!(desk.act(desk.me, &modify(to, true)).0[0], Outcome::Resting { .. }));
}

#[test]
fn margin_counts_position_and_open_orders_at_the_leverage() {
    let mut desk = Desk::quoted();
    // 100 000 of cash at 20 times: 2 000 000 of notional, 20 000 at the mark of 100.
    desk.rest(new(Side::Buy, "99", "15000", Tif::Gtc));
    assert_eq!(desk.refusal(new(Side::Buy, "99", "5000.01", Tif::Gtc)), MARGIN);
    desk.rest(new(Side::Buy, "99", "5000", Tif::Gtc));
    // The other side needs no margin of its own until it is the larger one.
    desk.rest(new(Side::Sell, "101", "20000", Tif::Gtc));
    assert_eq!(desk.refusal(new(Side::Sell, "101", "0.1", Tif::Gtc)), MARGIN);
    assert_eq!(desk.x.margin(desk.me).used, quote(CASH));
    desk.act(desk.me, &[Request::CancelAll]);
    assert_eq!(desk.x.margin(desk.me).used, Notional(0));
    let leverage = |leverage| Request::Leverage { inst: SOL, leverage };
    let (outcomes, _) = desk.act(desk.me, &[leverage(21), leverage(0), leverage(10)]);
    assert!(matches!(outcomes[..2], [Outcome::Rejected(_), Outcome::Rejected(_)]));
    assert_eq!((outcomes[2], desk.x.leverage(desk.me, SOL)), (Outcome::Done, 10));
    assert_eq!(desk.refusal(new(Side::Buy, "99", "10000.01", Tif::Gtc)), MARGIN);
    desk.rest(new(Side::Buy, "99", "10000", Tif::Gtc));
}

#[test]
fn open_orders_are_capped() {
    let mut desk = Desk::with(Rules { open_orders_max: 3, ..Rules::instant() });
    for _ in 0..3 {
        desk.rest(new(Side::Buy, "99", "1", Tif::Gtc));
    }
    let text = desk.refusal(new(Side::Buy, "99", "1", Tif::Gtc));
    assert_eq!(text, "Too many open orders. asset=5");
}

#[test]
fn pnl_and_directions_of_fills() {
    let mut desk = Desk::quoted();
    desk.x.set_mark(SOL, Some(px("100")));
    let mut seen = Vec::new();
    for (side, price, size) in [
        (Side::Buy, "100.01", "3"),
        (Side::Sell, "99.99", "1"),
        (Side::Sell, "99.99", "5"),
        (Side::Sell, "99.99", "1"),
        (Side::Buy, "100.01", "4"),
        (Side::Sell, "99.99", "1"),
        (Side::Buy, "100.01", "3"),
    ] {
        let (_, notices) = desk.place_as(desk.me, new(side, price, size, Tif::Ioc));
        seen.extend(fills(&notices));
    }
    let dirs: Vec<&str> = seen.iter().map(|f| f.dir.text()).collect();
    let (short, long) = ("Long > Short", "Short > Long");
    let want = ["Open Long", "Close Long", short, "Open Short", "Close Short", "Open Short", long];
    assert_eq!(dirs, want);
    // 3 x 100.01 x 4.5 bps = 0.1350135, exact in 10^-8.
    assert_eq!((seen[0].fee, seen[0].start_position), (13_501_350, Qty(0)));
    assert_eq!(seen[1].start_position, qty("3"));
    // Closed: 1 from 100.01 at 99.99, then 2 of 5; then a short of 4 from 99.99 at 100.01.
    let pnl: Vec<i128> = seen.iter().map(|f| f.closed_pnl.0 / 10i128.pow(14)).collect();
    assert_eq!(pnl, [0, -2, -4, 0, -8, 0, -2]);
    let position = desk.x.position(desk.me, SOL);
    assert_eq!((position.qty, position.entry_px()), (qty("2"), px("100.01")));
    let fees: i64 = seen.iter().map(|f| f.fee).sum();
    assert_eq!((position.fees, desk.x.collected()), (fees, Notional::from_raw(fees)));
    let margin = desk.x.margin(desk.me);
    let realized = position.realized.0 - Notional::from_raw(fees).0;
    assert_eq!(margin.cash.0 + position.cost.0, quote(CASH).0 + realized);
    let value = Notional::of(px("100"), qty("2"));
    assert_eq!((margin.equity.0, margin.position_notional), (margin.cash.0 + value.0, value));
}

#[test]
fn fees_are_rounded_against_the_account() {
    let mut desk = Desk::empty();
    let taker = desk.x.open_account(quote(CASH));
    desk.rest(new(Side::Sell, "33.333", "0.31", Tif::Alo));
    let (_, notices) = desk.place_as(taker, new(Side::Buy, "33.333", "0.31", Tif::Ioc));
    // Notional 10.33323: taker 0.0046499535, maker 0.0015499845, both up at 10^-8.
    let fees: Vec<(bool, i64)> = fills(&notices).iter().map(|f| (f.taker, f.fee)).collect();
    assert_eq!(fees, [(true, 464_996), (false, 154_999)]);
    assert_eq!(fills(&notices)[0].tid, fills(&notices)[1].tid);
    assert_eq!(desk.x.imbalance(), Notional(0));
}

#[test]
fn funding_moves_money_from_longs_to_shorts() {
    let mut desk = Desk::quoted();
    desk.fill(Side::Buy, "100.01", "10");
    desk.x.set_mark(SOL, Some(px("100")));
    let before = desk.x.margin(desk.me).cash;
    // 1000 of notional at 1.25 bps.
    assert!(desk.x.apply_funding(SOL, Bps(12_500)));
    assert_eq!(before.0 - desk.x.margin(desk.me).cash.0, Notional::from_raw(12_500_000).0);
    assert_eq!(desk.x.position(desk.me, SOL).funding, -12_500_000);
    let told = desk.drain();
    assert!(told.iter().any(|n| matches!(n, Notice::Funding { amount: -12_500_000, .. })));
    assert_eq!(desk.x.imbalance(), Notional(0));
    assert_eq!(desk.x.position(CROWD, SOL).funding, 12_500_000);
    assert!(!Desk::empty().x.apply_funding(SOL, Bps(1)), "there is no mark yet");
}
