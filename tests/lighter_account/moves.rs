//! Cold. Orders that are modified keep their client index: what is said of it is said of the right one.

use super::kit::*;
use evenkeel::event::{Refused, VenueOrderState};
use evenkeel::units::{Price, Qty};
use evenkeel::venue::VenueAccount;
use evenkeel::venue::rest::Fate;

const OPEN: Told<'_> =
    Told { client: TAG << 32 | 1, px: 100_000, whole: 500, filled: 0, status: "open", nonce: 50 };

/// Order 1 rests at 100 with 0.5.
fn resting() -> VenueAccount {
    let mut account = account();
    let sent = send(&mut account, &[place(1, 100_000, 500)], NOW).expect("sent");
    heard(&mut account, &taken(&sent));
    assert_eq!(heard(&mut account, &update(OPEN)), ["ack 1"]);
    account
}

/// A modify of order 1 to order 2 is on its way: to 101, 0.5.
fn moving() -> VenueAccount {
    let mut account = resting();
    let sent = send(&mut account, &[modify(1, 2, 101_000, 500)], NOW).expect("sent");
    assert_eq!((sent.kinds[0], sent.number("Index")), (17, client(1)));
    assert_eq!((sent.number("BaseAmount"), sent.number("Price")), (500, 101_000));
    assert_eq!(heard(&mut account, &taken(&sent)), [""; 0]);
    account
}

fn moved() -> Told<'static> {
    Told { px: 101_000, nonce: 49, ..OPEN }
}

fn fill(trade_id: u64, at: i64, size: i64) -> String {
    trade(trade_id, client(1), at, size, false)
}

#[test]
fn the_new_one_rests_and_the_old_one_is_no_more() {
    let mut account = moving();
    assert_eq!(heard(&mut account, &update(OPEN)), ["ack 1"], "not yet");
    assert_eq!(heard(&mut account, &update(moved())), ["canceled 1 by_us", "ack 2"]);
    assert_eq!(heard(&mut account, &fill(1, 101_000, 200)), ["fill 2 200"]);
    let filled = Told { filled: 500, status: "filled", ..moved() };
    assert_eq!(heard(&mut account, &fill(2, 101_000, 300)), ["fill 2 300"]);
    assert_eq!(heard(&mut account, &update(filled)), ["state 2 Filled 500"]);
}

#[test]
fn a_fill_before_is_the_old_ones_and_a_fill_after_the_new_ones() {
    let mut account = moving();
    assert_eq!(heard(&mut account, &fill(1, 100_000, 100)), ["fill 1 100"]);
    let part = Told { filled: 100, ..OPEN };
    assert_eq!(heard(&mut account, &update(part)), ["ack 1"]);
    // The trade comes before the order's own entry: it has a slot already.
    assert_eq!(heard(&mut account, &fill(2, 101_000, 150)), ["canceled 1 by_us", "fill 2 150"]);
    let part = Told { filled: 250, ..moved() };
    assert_eq!(heard(&mut account, &update(part)), ["ack 2"]);
    // One of the old price that was late.
    assert_eq!(heard(&mut account, &fill(3, 100_000, 50)), ["fill 1 50"]);
    // 0.5 were asked for as the whole: 0.35 of them are the new one's.
    let all = Told { filled: 500, status: "filled", ..moved() };
    assert_eq!(heard(&mut account, &update(all)), ["state 2 Filled 350"]);
}

#[test]
fn the_size_at_the_venue_includes_what_has_traded() {
    let mut account = resting();
    assert_eq!(heard(&mut account, &fill(1, 100_000, 200)), ["fill 1 200"]);
    let sent = send(&mut account, &[modify(1, 2, 101_000, 500)], NOW).expect("sent");
    assert_eq!(sent.number("BaseAmount"), 700, "so that 0.5 are left");
    let moved = Told { whole: 700, filled: 200, ..moved() };
    assert_eq!(heard(&mut account, &update(moved)), ["canceled 1 by_us", "ack 2"]);
    let canceled = Told { filled: 300, status: "canceled", ..moved };
    assert_eq!(heard(&mut account, &fill(2, 101_000, 100)), ["fill 2 100"]);
    assert_eq!(heard(&mut account, &update(canceled)), ["canceled 2 by_us"]);
}

#[test]
fn a_change_of_the_size_alone_is_seen_by_the_size_or_by_the_queue() {
    let mut account = resting();
    send(&mut account, &[modify(1, 2, 100_000, 300)], NOW).expect("sent");
    assert_eq!(heard(&mut account, &update(OPEN)), ["ack 1"]);
    let smaller = Told { whole: 300, ..OPEN };
    assert_eq!(heard(&mut account, &update(smaller)), ["canceled 1 by_us", "ack 2"]);
    // Neither changes: the place in the queue does.
    send(&mut account, &[modify(2, 3, 100_000, 300)], NOW).expect("sent");
    assert_eq!(heard(&mut account, &update(smaller)), ["ack 2"]);
    let queued = Told { nonce: 48, ..smaller };
    assert_eq!(heard(&mut account, &update(queued)), ["canceled 2 by_us", "ack 3"]);
}

#[test]
fn a_chain_of_modifies_keeps_its_one_index() {
    let mut account = resting();
    for n in 2..=40 {
        let at = 100_000 + n as i64;
        let sent = send(&mut account, &[modify(n - 1, n, at, 500)], NOW).expect("sent");
        heard(&mut account, &taken(&sent));
        assert_eq!(sent.number("Index"), client(1));
        let told = heard(&mut account, &update(Told { px: at, nonce: 100 + n, ..OPEN }));
        assert_eq!(told, [format!("canceled {} by_us", n - 1), format!("ack {n}")]);
        if n == 20 {
            assert_eq!(heard(&mut account, &fill(20, at, 10)), ["fill 20 10"]);
        }
        // The rate's minute is full after fifty.
        if n % 20 == 0 {
            account.rate_report(NOW, RECV, &mut Vec::new());
        }
    }
    // Late ones of the last few are theirs.
    assert_eq!(heard(&mut account, &fill(38, 100_038, 10)), ["fill 38 10"]);
    assert_eq!(heard(&mut account, &fill(40, 100_040, 10)), ["fill 40 10"]);
    let sent = send(&mut account, &[cancel(40)], NOW).expect("sent");
    assert_eq!((sent.kinds[0], sent.number("Index")), (15, client(1)));
    let gone = Told { px: 100_040, filled: 30, status: "canceled", ..OPEN };
    assert_eq!(heard(&mut account, &update(gone)), ["canceled 40 by_us"]);
}

#[test]
fn one_modify_at_a_time() {
    let mut account = moving();
    for old in [1, 2, 77] {
        let next = send(&mut account, &[modify(old, 3, 102_000, 500)], NOW).map(drop);
        assert_eq!(next, Err(Refused::UnknownOrder), "of {old}");
    }
    let sent = send(&mut account, &[cancel(2)], NOW).expect("what is on its way can be cancelled");
    assert_eq!(sent.number("Index"), client(1));
    // Both took effect before the next entry.
    let gone = Told { status: "canceled", ..moved() };
    assert_eq!(heard(&mut account, &update(gone)), ["canceled 1 by_us", "canceled 2 by_us"]);
}

#[test]
fn a_refused_modify_leaves_the_old_one_as_it_was() {
    let mut account = resting();
    let sent = send(&mut account, &[modify(1, 2, 101_000, 500)], NOW).expect("sent");
    assert_eq!(
        heard(&mut account, &refused(&sent, 21_733)),
        ["cancel_reject 1 false", "reject 2 price_too_far"]
    );
    assert_eq!(heard(&mut account, &fill(1, 100_000, 100)), ["fill 1 100"]);
    let open = fate(VenueOrderState::Open, 100, 100_000, 500);
    let told = account.judge(id(1), &open, NOW).expect("it is known");
    assert_eq!((told.state, told.filled), (VenueOrderState::Open, qty(100)));
    let sent =
        send(&mut account, &[modify(1, 3, 102_000, 400)], NOW).expect("it can be moved again");
    assert_eq!(sent.number("BaseAmount"), 500);
    let sent_gone = refused(&sent, 21_600);
    assert_eq!(
        heard(&mut account, &sent_gone),
        ["cancel_reject 1 true", "reject 3 nothing_to_modify"]
    );
}

#[test]
fn an_order_that_ends_first_is_not_modified() {
    let mut account = moving();
    assert_eq!(heard(&mut account, &fill(1, 100_000, 500)), ["fill 1 500"]);
    let filled = Told { filled: 500, status: "filled", ..OPEN };
    assert_eq!(heard(&mut account, &update(filled)), ["done 1", "reject 2 nothing_to_modify"]);
    let fate = fate(VenueOrderState::Filled, 500, 100_000, 500);
    let told = account.judge(id(2), &fate, NOW).map(|f| f.state);
    assert_eq!(told, Some(VenueOrderState::Filled), "it is not known here any more");
}

#[test]
fn a_modify_that_would_cross_takes_the_order_with_it() {
    for at in [101_000, 100_000] {
        // The venue may tell the price that was refused or the one that it had.
        let mut account = moving();
        let crossed = Told { px: at, status: "canceled-post-only", ..moved() };
        assert_eq!(
            heard(&mut account, &update(crossed)),
            ["canceled 1 by_us", "reject 2 would_cross"]
        );
    }
}

#[test]
fn a_modify_to_less_than_has_traded_ends_the_order() {
    let mut account = resting();
    send(&mut account, &[modify(1, 2, 101_000, 100)], NOW).expect("sent");
    // 0.2 trade before it arrives: the whole is 0.2 then, and all of it has traded.
    let full = Told { whole: 200, filled: 200, status: "filled", ..moved() };
    assert_eq!(heard(&mut account, &update(full)), ["canceled 1 by_us", "state 2 Filled 0"]);
    assert_eq!(heard(&mut account, &fill(1, 100_000, 200)), ["fill 1 200"]);
}

fn fate(state: VenueOrderState, filled: i64, at: i64, whole: i64) -> Fate {
    Fate { state, filled: qty(filled), venue_oid: 3, now: (px(at), qty(whole)) }
}

#[test]
fn fates_after_a_lost_connection_are_of_the_right_one() {
    // It took effect, and has traded 0.1 before and 0.2 after.
    let mut account = moving();
    heard(&mut account, &fill(1, 100_000, 100));
    account.lost(NOW + 100);
    heard(&mut account, &fill(2, 101_000, 200));
    let open = fate(VenueOrderState::Open, 300, 101_000, 500);
    let judge = |account: &mut VenueAccount, order, fate: &Fate, at| {
        account.judge(id(order), fate, at).map(|f| (f.state, f.filled))
    };
    assert_eq!(judge(&mut account, 1, &open, NOW), Some((VenueOrderState::Canceled, qty(100))));
    assert_eq!(judge(&mut account, 2, &open, NOW), Some((VenueOrderState::Open, qty(200))));

    // It is there as it was: the modify may still come, until it has expired.
    let mut account = moving();
    account.lost(NOW + 100);
    let old = fate(VenueOrderState::Open, 0, 100_000, 500);
    assert_eq!(judge(&mut account, 1, &old, NOW + 200), Some((VenueOrderState::Open, Qty::ZERO)));
    assert_eq!(judge(&mut account, 2, &old, NOW + TTL), None);
    assert_eq!(
        judge(&mut account, 2, &old, NOW + TTL + 1_001),
        Some((VenueOrderState::NotFound, Qty::ZERO))
    );

    // It ended as it was.
    let mut account = moving();
    account.lost(NOW + 100);
    let gone = fate(VenueOrderState::Canceled, 100, 100_000, 500);
    assert_eq!(
        judge(&mut account, 2, &gone, NOW + 200),
        Some((VenueOrderState::NotFound, Qty::ZERO))
    );
    assert_eq!(judge(&mut account, 1, &gone, NOW), Some((VenueOrderState::Canceled, qty(100))));

    // Nothing is there any more, and nothing can come.
    let mut account = moving();
    account.lost(NOW + 100);
    let none = Fate { now: (Price::ZERO, Qty::ZERO), ..fate(VenueOrderState::NotFound, 0, 0, 0) };
    assert_eq!(judge(&mut account, 1, &none, NOW + TTL), None);
    let over = NOW + TTL + 1_001;
    assert_eq!(judge(&mut account, 1, &none, over), Some((VenueOrderState::NotFound, Qty::ZERO)));
}

#[test]
fn what_a_new_snapshot_does_not_list_is_asked_about() {
    let mut account = resting();
    send(&mut account, &[place(7, 99_000, 500)], NOW).expect("sent, and not told of yet");
    let sent = orders_frame("subscribed", &[OPEN]);
    assert_eq!(heard(&mut account, &sent), ["state 1 Open 0"]);
    assert_eq!(heard(&mut account, &orders_frame("subscribed", &[])), ["unknown 1"]);
}

#[test]
fn a_snapshot_shows_a_modify_too() {
    let mut account = moving();
    let sent = orders_frame("subscribed", &[Told { filled: 50, ..moved() }]);
    assert_eq!(heard(&mut account, &sent), ["canceled 1 by_us", "state 2 Open 0"]);
}
