//! The embedded exchange in time: latency, blocks, faults, timers, public channels.

mod sim_desk;

use evenkeel::event::{RejectReason, Tif};
use evenkeel::sim::exchange::*;
use evenkeel::units::{Nanos, Notional, Price, SCALE, Side};

use sim_desk::*;

fn ms(ms: u64) -> Nanos {
    Nanos::from_millis(ms)
}

fn timed(latency: Latency, seed: u64) -> (Exchange, AccountId) {
    exchange_with(Rules { latency, seed, ..Rules::instant() })
}

/// Arrival and number of every answer until then.
fn responses(x: &mut Exchange, until: Nanos) -> Vec<(Nanos, u64)> {
    x.advance(until);
    let response = |(at, n)| match n {
        Notice::Response { request, .. } => Some((at, request)),
        _ => None,
    };
    std::iter::from_fn(|| x.poll(until)).filter_map(response).collect()
}

#[test]
fn blocks_let_quotes_and_cancels_overtake_takers() {
    let latency = Latency::Blocks {
        interval: ms(70),
        entry: ms(10),
        response: ms(5),
        jitter: Nanos::ZERO,
        taker_blocks: 1,
    };
    let (mut x, me) = timed(latency, 1);
    let place = |tif| [Request::Place(new(Side::Buy, "100", "1", tif))];
    x.submit(ms(20), me, 1, &place(Tif::Gtc));
    x.submit(ms(30), me, 2, &[Request::CancelAll]);
    x.submit(ms(40), me, 3, &place(Tif::Alo));
    x.submit(ms(65), me, 4, &place(Tif::Alo));
    x.advance(ms(69));
    assert_eq!(x.open_orders(me).count(), 0);
    assert_eq!(x.next_at(), Some(ms(70)));
    // In the block at 70 the quote, then the cancel; the taker waits for the block at 140 and is
    // the last there.
    let want = [(ms(75), 3), (ms(75), 2), (ms(145), 4), (ms(145), 1)];
    assert_eq!(responses(&mut x, ms(200)), want);
    assert_eq!(x.open_orders(me).count(), 2);
}

/// Lighter's speed bumps: what may take waits longer than what can only rest, and a cancel that is
/// sent after a taker still overtakes it.
#[test]
fn a_speed_bump_is_longer_for_what_may_take() {
    let latency = Latency::Bumps {
        entry: ms(10),
        response: ms(5),
        jitter: Nanos::ZERO,
        rests: ms(200),
        takes: ms(300),
    };
    let (mut x, me) = timed(latency, 1);
    let place = |tif| [Request::Place(new(Side::Buy, "100", "1", tif))];
    x.submit(ms(0), me, 1, &place(Tif::Ioc));
    x.submit(ms(0), me, 2, &place(Tif::Alo));
    x.submit(ms(50), me, 3, &[Request::CancelAll]);
    x.submit(ms(50), me, 4, &place(Tif::Gtc));
    let want = [(ms(215), 2), (ms(265), 3), (ms(315), 1), (ms(365), 4)];
    assert_eq!(responses(&mut x, ms(400)), want);
}

#[test]
fn jitter_is_seeded_and_answers_stay_in_order() {
    let run = |seed| {
        let (mut x, me) =
            timed(Latency::Fixed { entry: ms(10), response: ms(10), jitter: ms(50) }, seed);
        for i in 0..50 {
            x.submit(ms(i), me, i, &[Request::Place(new(Side::Buy, "100", "1", Tif::Alo))]);
        }
        responses(&mut x, ms(1000))
    };
    let seen = run(1);
    assert_eq!(seen.len(), 50);
    assert!(seen.is_sorted_by_key(|r| r.0) && !seen.is_sorted_by_key(|r| r.1));
    assert!(seen.iter().all(|r| r.0 >= ms(20 + r.1) && r.0 < ms(70 + r.1)));
    assert_eq!(seen, run(1));
    assert_ne!(seen, run(2));
}

#[test]
fn a_notice_is_not_seen_before_it_arrives() {
    let (mut x, me) = timed(Latency::Fixed { entry: ms(3), response: ms(4), jitter: ms(0) }, 1);
    x.submit(ms(0), me, 1, &[Request::Place(new(Side::Buy, "100", "1", Tif::Alo))]);
    x.advance(ms(2));
    assert_eq!((x.next_at(), x.open_orders(me).count()), (Some(ms(3)), 0));
    x.advance(ms(6));
    assert_eq!(x.open_orders(me).count(), 1);
    let early = std::iter::from_fn(|| x.poll(ms(6)))
        .all(|n| matches!(n.1, Notice::Bbo { .. } | Notice::Book { .. }));
    assert!(early);
    assert_eq!(x.next_at(), Some(ms(7)));
    assert_eq!(responses(&mut x, ms(7)), [(ms(7), 1)]);
}

#[test]
fn rejects_are_injected() {
    let mut desk = Desk::quoted();
    let buy = new(Side::Buy, "100.01", "1", Tif::Ioc);
    let margin = FaultRule::once(Fault::Reject(RejectReason::Margin));
    desk.x.add_fault(FaultRule { skip: 1, ..margin });
    desk.fill(Side::Buy, "100.01", "1");
    assert_eq!(desk.refusal(buy), "Insufficient margin to place order. asset=5");
    desk.fill(Side::Buy, "100.01", "1");
    // A refusal of the whole action: all of its entries, no order, no suffix.
    desk.x.add_fault(FaultRule::once(Fault::Reject(RejectReason::RateLimit)));
    let (outcomes, notices) = desk.act(desk.me, &[Request::Place(buy), Request::CancelAll]);
    assert_eq!(outcomes.len(), 2);
    for outcome in outcomes {
        let Outcome::Rejected(reject) = outcome else { panic!("{outcome:?}") };
        assert!(reject.is_whole_action() && !reject.to_string().contains("asset="));
    }
    assert!(notices.is_empty());
    // Each reason that an order can be refused for is told as that reason.
    for &reason in RejectReason::ALL {
        desk.x.add_fault(FaultRule::once(Fault::Reject(reason)));
        let Outcome::Rejected(reject) = desk.place(buy) else { panic!("{reason:?}") };
        if reason != RejectReason::Unrecognized {
            assert_eq!(reject.kind.reason(), reason);
        }
        assert!(!reject.to_string().is_empty());
    }
}

#[test]
fn answers_actions_and_fills_are_lost_late_or_doubled() {
    let mut desk = Desk::quoted();
    let buy = [Request::Place(new(Side::Buy, "100.01", "1", Tif::Ioc))];
    desk.x.add_fault(FaultRule::once(Fault::DropResponse));
    let (outcomes, notices) = desk.act(desk.me, &buy);
    assert!(outcomes.is_empty() && fills(&notices).len() == 1, "executed, not answered");
    assert_eq!(desk.position(), qty("1"));

    desk.x.add_fault(FaultRule::once(Fault::DropAction));
    let (outcomes, notices) = desk.act(desk.me, &buy);
    assert!(outcomes.is_empty() && notices.is_empty(), "never arrived");

    desk.x.add_fault(FaultRule::once(Fault::DuplicateFill));
    let (_, notices) = desk.act(desk.me, &buy);
    let twice = fills(&notices);
    assert_eq!((twice.len(), twice[0]), (2, twice[1]));
    assert_eq!(desk.position(), qty("2"));

    desk.x.add_fault(FaultRule::once(Fault::Delay(ms(500))));
    assert!(desk.act(desk.me, &buy).0.is_empty());
    assert_eq!(responses(&mut desk.x, ms(499)).len(), 0);
    assert_eq!(responses(&mut desk.x, ms(500)).len(), 1);
    assert_eq!(desk.x.imbalance(), Notional(0));
}

#[test]
fn a_fault_keeps_to_its_account_and_its_share() {
    let mut desk = Desk::quoted();
    let other = desk.x.open_account(quote(CASH));
    let rule = FaultRule::always(Fault::Reject(RejectReason::Margin), 300);
    desk.x.add_fault(FaultRule { account: Some(other), ..rule });
    let rest = new(Side::Buy, "99", "1", Tif::Alo);
    let refused = |desk: &mut Desk, who| -> usize {
        (0..500).filter(|_| matches!(desk.place_as(who, rest).0, Outcome::Rejected(_))).count()
    };
    let me = desk.me;
    assert_eq!(refused(&mut desk, me), 0);
    let share = refused(&mut desk, other);
    assert!((110..190).contains(&share), "{share} of 500 at 300 permille");
    desk.x.clear_faults();
    desk.act(other, &[Request::CancelAll]);
    assert_eq!(refused(&mut desk, other), 0);
}

#[test]
fn the_dead_man_switch_cancels_at_its_time() {
    let (mut x, me) = timed(Latency::Instant, 1);
    let place = Request::Place(new(Side::Buy, "100", "1", Tif::Alo));
    let schedule = |at| Request::ScheduleCancel { at };
    x.submit(ms(0), me, 1, &[place, schedule(Some(ms(100)))]);
    x.advance(ms(50));
    x.submit(ms(50), me, 2, &[schedule(Some(ms(200)))]);
    x.advance(ms(199));
    assert_eq!(x.open_orders(me).count(), 1);
    x.advance(ms(500));
    assert_eq!(x.open_orders(me).count(), 0);
    let last = x.closed_orders(me).next_back().expect("the order");
    assert_eq!((last.status.text(), last.status_at), ("scheduledCancel", ms(200)));
    x.submit(ms(500), me, 3, &[place, schedule(Some(ms(600))), schedule(None)]);
    x.advance(ms(1000));
    assert_eq!(x.open_orders(me).count(), 1);
}

#[test]
fn public_channels_are_conflated() {
    let rules = Rules { latency: Latency::Instant, ..Rules::default() };
    let (mut x, _) = exchange_with(rules);
    for i in 0..200 {
        x.advance(ms(i * 10));
        let px = Price(99 * SCALE + i as i64 * 1_000_000);
        x.crowd_place(order(SOL, Side::Buy, px, qty("1"), Tif::Gtc));
    }
    x.advance(ms(2000));
    let (mut bbo, mut book) = (Vec::new(), Vec::new());
    while let Some((at, notice)) = x.poll(ms(2000)) {
        match notice {
            Notice::Bbo { .. } => bbo.push(at.0 / 1_000_000),
            Notice::Book { .. } => book.push(at.0 / 1_000_000),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(bbo, (0..=28).map(|i| i * 70).collect::<Vec<_>>());
    assert_eq!(book, [0, 540, 1080, 1620]);
    // The last change is at 1990 ms; then nothing moves, and nothing is said.
    x.advance(ms(10_000));
    let rest: Vec<Nanos> = std::iter::from_fn(|| x.poll(ms(10_000))).map(|n| n.0).collect();
    assert_eq!(rest, [ms(2030), ms(2160)]);
}
