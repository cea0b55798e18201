//! Cold. What the venue's rate rules leave, in the line language. Quotes are 99.94 / 100.06 x 0.64 at a
//! mid of 100.

mod common;

use common::config::{core, inst};
use common::lines::{Desk, START};
use evenkeel::core::{Core, CoreConfig, Outputs};
use evenkeel::event::{
    Action, CancelReason, Component, Event, Input, Level, Link, RejectReason, Room, Stamp,
};
use evenkeel::instrument::InstId;
use evenkeel::sim::server::{Rates, Requests};
use evenkeel::units::{Bps, Nanos, Price, Qty, SCALE, Side};
use evenkeel::venue::hyperliquid::budget::{Known, RateBudget};

fn config() -> CoreConfig {
    let mut config = core(vec![inst("SOL")]);
    config.standing.requests_low = 1000;
    config.standing.requests_last = 100;
    config.standing.low_permille = 4000;
    config.instruments[0].requote.tolerance = Bps::whole(1);
    config.instruments[0].requote.min_rest = Nanos::from_millis(250);
    config
}

fn desk() -> Desk {
    Desk::new(&config())
}

const QUOTED: &str = "
    up
    book SOL bid 99.98 x 20 ask 100.02 x 20
    decide            -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
    ack #1
    ack #2
    at +500ms
";

#[test]
fn with_plenty_of_requests_nothing_changes() {
    desk().run(QUOTED).run(
        "
            requests 1000
            why requests      -> nothing
            book SOL bid 100.00 x 20 ask 100.04 x 20   // the mid is 2 bps higher
            decide            -> cancel #1, cancel #2, place buy 99.95 x 0.64 #3 alo, place sell 100.09 x 0.64 #4 alo
        ",
    );
}

#[test]
fn with_few_quotes_move_by_more_and_later() {
    desk().run(QUOTED).run(
        "
            requests 999
            why requests      -> low 999 minute 0
            decide
            book SOL bid 100.00 x 20 ask 100.04 x 20
            decide            // 2 bps are within four times the tolerance
            book SOL bid 100.03 x 20 ask 100.07 x 20 -> cancel #2   // without edge: pulled at once all the same
            decide            -> place sell 100.12 x 0.64 #3 alo   // the bid is too young to be moved: four times 250 ms
            at +500ms
            decide            -> cancel #1, place buy 99.98 x 0.64 #4 alo
        ",
    );
}

#[test]
fn with_the_last_ones_nothing_leaves_but_cancels_and_what_reduces() {
    let mut desk = desk();
    desk.run(QUOTED).run(
        "
            requests 99       -> alarm rate_budget
            why requests      -> last 99 minute 0
            decide            // what rests and fits stays
            at +1500ms
            book SOL bid 100.03 x 20 ask 100.07 x 20 -> cancel #2
            decide            -> cancel #1
            why buy           -> silent rate_budget
            canceled #1
            canceled #2
            decide            // and nothing takes its place
            why sell          -> silent rate_budget
            requests 1200
            why requests      -> ample 1200 minute 0
            decide            -> place buy 99.98 x 0.64 #3 alo, place sell 100.12 x 0.64 #4 alo
        ",
    );
    let refusals: u64 = desk.core.refusals()[Component::Maker as usize].iter().sum();
    assert_eq!(refusals, 0, "what there is no room for is not even asked of risk");
}

#[test]
fn what_is_held_is_sold_with_the_last_requests() {
    desk().run(
        "
            up 0.3 @ 100
            requests 50       -> alarm rate_budget
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide            -> place sell 100.08 x 0.32 #1 alo
            why buy           -> silent rate_budget
        ",
    );
}

#[test]
fn a_full_minute_and_a_refusal_count_as_well() {
    desk().run(
        "
            up
            requests 5000 minute 799
            requests 5000 minute 800
            why requests      -> low 5000 minute 800
            requests 5000 minute 950 -> alarm rate_budget
            requests 5000 minute 100
            requests 5000 refused -> alarm rate_budget
            why requests      -> last 5000 minute 0 refused
            requests -3 refused      // no news
            requests 9223372036854775807
            why requests      -> ample 9223372036854775807 minute 0
        ",
    );
    // Thresholds of zero are none.
    let mut config = config();
    (config.standing.requests_low, config.standing.requests_last) = (0, 0);
    Desk::new(&config).run(
        "
            up
            requests -50
            why requests      -> nothing
        ",
    );
}

#[test]
fn replay_reaches_the_same_state() {
    let mut desk = desk();
    desk.run(QUOTED).run("requests 99 -> alarm rate_budget");
    let mut fresh = Core::new(&config()).expect("a valid config");
    for input in &desk.log {
        fresh.apply(input, &mut Outputs::default());
    }
    assert_eq!(fresh.hash(), desk.core.hash());
    assert_eq!(fresh.room_for_actions(), Room::Last);
}

/// What became of a quoter in a market that moves 4 bps every second for an hour of which none of it
/// trades: the venue's own rule over its actions.
struct Hour {
    orders: u64,
    refused: u64,
    cancels_refused: u64,
}

/// The book of a second, which is 4 bps off the one before, and the decision on it.
fn moved(second: u64) -> [Event; 4] {
    let inst = InstId(0);
    let up = if second.is_multiple_of(2) { 0 } else { SCALE / 25 };
    let side = |side, px: i64| {
        let level = Level { px: Price(px + up), qty: Qty(20 * SCALE) };
        let levels = [level, Level::default(), Level::default()];
        Event::Levels { inst, side, start: 0, count: 1, levels }
    };
    let (exch_ms, recv) = (second, Stamp(0));
    let end = Event::BookEnd { inst, bids: 1, asks: 1, decode_ns: 0, exch_ms, recv };
    let decide = Event::Decide { drained: 1 };
    [side(Side::Buy, 9_998_000_000), side(Side::Sell, 10_002_000_000), end, decide]
}

/// `told`: the core hears of the budget, counted as egress counts it.
fn hour(told: bool) -> Hour {
    let rates = Rates { initial_requests: Some(600), ..Rates::default() };
    let mut venue = Requests::default();
    let mut count = RateBudget::new(300);
    let mut config = config();
    (config.standing.requests_low, config.standing.requests_last) = (300, 100);
    let mut core = Core::new(&config).expect("a valid config");
    let mut done = Hour { orders: 0, refused: 0, cancels_refused: 0 };
    let mut out = Outputs::default();
    let recv = Stamp(0);
    let mut apply = |core: &mut Core, now: Nanos, event: Event| {
        out.clear();
        core.apply(&Input { now, event }, &mut out);
        out.actions.iter().map(|(a, _)| a.get()).collect::<Vec<_>>()
    };
    for link in [Link::Market, Link::Orders] {
        apply(&mut core, START, Event::LinkUp { link, recv });
    }
    apply(&mut core, START, Event::Reconciled { open_orders: 0, recv });
    for second in 1..=3600u64 {
        let now = START.after(Nanos::from_secs(second));
        let now_ms = now.0 / 1_000_000;
        if told {
            if count.asks(now_ms) {
                let said = venue.budget(&rates);
                count.answered(Known { used: said.used, cap: said.cap, surplus: 0 });
            }
            if let Some(event) = count.report(0, now_ms, recv) {
                apply(&mut core, now, event);
            }
        }
        let mut actions = Vec::new();
        for event in moved(second) {
            actions.extend(apply(&mut core, now, event));
        }
        for action in actions {
            let cancels = matches!(action, Action::Cancel { .. });
            let answer = match action {
                Action::Place { order, .. } => {
                    Event::Ack { order, venue_oid: 1, resting: true, recv }
                }
                Action::Cancel { order, .. } => {
                    Event::Canceled { order, reason: CancelReason::ByUs, recv }
                }
                _ => continue,
            };
            count.sent(1, now_ms);
            let taken = venue.take(1, cancels, &rates, now).is_ok();
            done.orders += u64::from(!cancels);
            let answer = match action {
                Action::Place { order, .. } if !taken => {
                    done.refused += 1;
                    Event::Reject { order, reason: RejectReason::RateLimit, code: 0, recv }
                }
                Action::Cancel { order, .. } if !taken => {
                    done.cancels_refused += 1;
                    Event::CancelReject { order, gone: false, recv }
                }
                _ => answer,
            };
            apply(&mut core, now, answer);
        }
    }
    done
}

#[test]
fn told_of_the_budget_the_quoter_stays_inside_where_it_is_refused_without() {
    let (with, without) = (hour(true), hour(false));
    assert_eq!((with.refused, with.cancels_refused), (0, 0));
    assert!(with.orders > 100, "it quoted while there was room: {}", with.orders);
    assert!(without.refused > 0, "of {} orders none was refused", without.orders);
}
