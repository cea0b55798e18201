//! Cold. The live ladder, line by line. The language is described in `common/lines.rs`.

mod common;

use common::config::{bps, btc, core, hedger, q};
use common::lines::Desk;
use common::rng::Rng;
use evenkeel::core::{Core, InstConfig, Outputs};
use evenkeel::event::{Action, Component, Event, Input, Level, Link, Stamp};
use evenkeel::explain::Note;
use evenkeel::instrument::{InstId, Instrument};
use evenkeel::strategy::ladder::{Allocated, Shortfall};
use evenkeel::strategy::ladder_quote::{Allocation, LadderParams, PerLevel};
use evenkeel::units::{Bps, Nanos, Notional, Price, Qty, SCALE, Side};

fn desk(equity: &str, change: impl FnOnce(&mut InstConfig)) -> Desk {
    let mut inst = btc(equity);
    change(&mut inst);
    Desk::new(&core(vec![inst]))
}

fn ladder(inst: &mut InstConfig) -> &mut LadderParams {
    inst.ladder.as_mut().expect("a ladder")
}

// -- the golden cases ----------------------------------------------------------------------------

#[test]
fn golden_capacity_0_002633_is_five_orders_of_at_least_0_00012() {
    for shortfall in [Shortfall::Concentrate, Shortfall::WaterFill] {
        desk("237", |i| ladder(i).shortfall = shortfall).run(
            "
            up
            book BTC bid 89999 x 20 ask 90001 x 20
            decide                   -> place ladder buy 89946 x 0.00052 #1 alo, place ladder buy 89928 x 0.00052 #2 alo, place ladder buy 89910 x 0.00052 #3 alo, place ladder buy 89892 x 0.00052 #4 alo, place ladder buy 89874 x 0.00052 #5 alo, place ladder sell 90054 x 0.00052 #6 alo, place ladder sell 90072 x 0.00052 #7 alo, place ladder sell 90090 x 0.00052 #8 alo, place ladder sell 90108 x 0.00052 #9 alo, place ladder sell 90126 x 0.00052 #10 alo
            why ladder               -> sell by_weight, 5 levels, capacity 0.00263, floor 0.00012
            why level                -> sell level 4 at 14, floor 0.00012
            ",
        );
    }
}

#[test]
fn golden_capacity_0_0003_is_one_order_concentrated_or_two_filled() {
    desk("27", |_| {}).run(
        "
            up
            book BTC bid 89999 x 20 ask 90001 x 20
            decide                   -> place ladder buy 89946 x 0.0003 #1 alo, place ladder sell 90054 x 0.0003 #2 alo
            why ladder               -> sell concentrated, 1 levels, capacity 0.0003, floor 0.00012
            shows BTC concentrated   -> 2   // once a side
            ack #1
            ack #2
            book BTC bid 89999 x 21 ask 90001 x 20
            decide
            shows BTC concentrated   -> 2
        ",
    );
    desk("27", |i| ladder(i).shortfall = Shortfall::WaterFill).run(
        "
            up
            book BTC bid 89999 x 20 ask 90001 x 20
            decide                   -> place ladder buy 89946 x 0.00015 #1 alo, place ladder buy 89928 x 0.00015 #2 alo, place ladder sell 90054 x 0.00015 #3 alo, place ladder sell 90072 x 0.00015 #4 alo
            why ladder               -> sell water_filled, 2 levels, capacity 0.0003, floor 0.00012
        ",
    );
}

#[test]
fn golden_capacity_0_0001_is_no_order_and_one_warning() {
    desk("9", |_| {}).run(
        "
            up
            book BTC bid 89999 x 20 ask 90001 x 20
            decide
            why ladder               -> buy below_floor, 0 levels, capacity 0.0001, floor 0.00012
            why buy                  -> silent below_minimum
            why sell                 -> silent below_minimum
            shows BTC filtered       -> 1
            at +500ms
            book BTC bid 89999 x 21 ask 90001 x 20
            decide
            shows BTC filtered       -> 1
        ",
    );
}

// -- capacity ------------------------------------------------------------------------------------

#[test]
fn the_venues_equity_counts_where_it_is_lower() {
    desk("237", |_| {}).run(
        "
            up
            book BTC bid 89999 x 20 ask 90001 x 20
            equity 27.5
            decide                   -> place ladder buy 89946 x 0.0003 #1 alo, place ladder sell 90054 x 0.0003 #2 alo
            ack #1
            ack #2
            equity -3
            decide                   -> cancel #1, cancel #2
            why buy                  -> silent risk
            canceled #1
            canceled #2
            equity 1000
            decide                   -> place ladder buy 89946 x 0.00052 #3 alo, place ladder buy 89928 x 0.00052 #4 alo, place ladder buy 89910 x 0.00052 #5 alo, place ladder buy 89892 x 0.00052 #6 alo, place ladder buy 89874 x 0.00052 #7 alo, place ladder sell 90054 x 0.00052 #8 alo, place ladder sell 90072 x 0.00052 #9 alo, place ladder sell 90090 x 0.00052 #10 alo, place ladder sell 90108 x 0.00052 #11 alo, place ladder sell 90126 x 0.00052 #12 alo
            why ladder               -> sell by_weight, 5 levels, capacity 0.00263, floor 0.00012
        ",
    );
}

#[test]
fn the_position_limit_counts_where_it_leaves_less() {
    desk("237", |i| i.limits.position = q("0.0003")).run(
        "
            up
            book BTC bid 89999 x 20 ask 90001 x 20
            decide                   -> place ladder buy 89946 x 0.0003 #1 alo, place ladder sell 90054 x 0.0003 #2 alo
            why ladder               -> sell concentrated, 1 levels, capacity 0.0003, floor 0.00012
        ",
    );
    // Twice the equity, capped by 27 quote of inventory.
    desk("237", |i| {
        ladder(i).leverage_permille = 2000;
        i.limits.inventory_notional = common::config::n("27");
    })
    .run(
        "
            up
            book BTC bid 89999 x 20 ask 90001 x 20
            decide                   -> place ladder buy 89946 x 0.0003 #1 alo, place ladder sell 90054 x 0.0003 #2 alo
        ",
    );
}

#[test]
fn an_order_limit_caps_a_level() {
    desk("27", |i| i.limits.order_qty = q("0.0002")).run(
        "
            up
            book BTC bid 89999 x 20 ask 90001 x 20
            decide                   -> place ladder buy 89946 x 0.0002 #1 alo, place ladder sell 90054 x 0.0002 #2 alo
        ",
    );
}

// -- inventory, filters, guards ------------------------------------------------------------------

#[test]
fn inventory_shrinks_the_adding_side_and_then_silences_it() {
    desk("237", |_| {}).run(
        "
            up 0.0006 @ 90000
            book BTC bid 89999 x 20 ask 90001 x 20
            decide                   -> place ladder buy 89946 x 0.0002 #1 alo, place ladder buy 89928 x 0.0002 #2 alo, place ladder buy 89910 x 0.0002 #3 alo, place ladder buy 89892 x 0.0002 #4 alo, place ladder buy 89874 x 0.0002 #5 alo, place ladder sell 90054 x 0.00064 #6 alo, place ladder sell 90072 x 0.00064 #7 alo, place ladder sell 90090 x 0.00064 #8 alo, place ladder sell 90108 x 0.00064 #9 alo, place ladder sell 90126 x 0.00064 #10 alo
            why buy                  -> size x0.5 inventory
            why sell
            why ladder               -> sell by_weight, 5 levels, capacity 0.00323, floor 0.00012
        ",
    );
    desk("237", |_| {}).run(
        "
            up 0.0012 @ 90000
            book BTC bid 89999 x 20 ask 90001 x 20
            decide                   -> place ladder sell 90054 x 0.00024 #1 alo, place ladder sell 90072 x 0.00024 #2 alo, place ladder sell 90090 x 0.00024 #3 alo, place ladder sell 90108 x 0.00024 #4 alo, place ladder sell 90126 x 0.00024 #5 alo   // at most the inventory: it does not flip
            why ladder               -> sell by_weight, 5 levels, capacity 0.0012, floor 0.00012
            why buy                  -> silent asymmetric
        ",
    );
}

#[test]
fn a_trend_silences_the_side_it_runs_over_and_never_the_way_out() {
    desk("27", |_| {}).run(
        "
            up
            book BTC bid 89999 x 20 ask 90001 x 20
            at +1s
            book BTC bid 89819 x 20 ask 89821 x 20
            decide                   -> place ladder sell 89897 x 0.0003 #1 alo
            why buy                  -> silent trend_filter
            why sell                 -> trend 5
        ",
    );
    desk("27", |_| {}).run(
        "
            up -0.0002 @ 90000
            book BTC bid 89999 x 20 ask 90001 x 20
            at +1s
            book BTC bid 89819 x 20 ask 89821 x 20
            decide                   -> place ladder buy 89766 x 0.0002 #1 alo   // what there is, and not through zero
            why sell                 -> silent below_minimum
            why ladder               -> sell below_floor, 0 levels, capacity 0.0001, floor 0.00012
        ",
    );
}

#[test]
fn a_pause_silences_what_adds() {
    desk("27", |i| {
        i.signals.warm_up = Nanos::from_secs(1);
        ladder(i).shared.trend_pauses = false;
    })
    .run(
        "
            up 0.0002 @ 90000
            book BTC bid 89999 x 20 ask 90001 x 20
            at +1s
            book BTC bid 89999 x 20 ask 90001 x 20
            at +1s
            book BTC bid 91999 x 20 ask 92001 x 20
            decide                   -> place ladder sell 92079 x 0.0002 #1 alo
            why buy                  -> silent volatility_pause
            why sell                 -> trend 5
        ",
    );
}

#[test]
fn the_profit_guard_widens_and_shrinks_all_levels() {
    desk("237", |_| {}).run(
        "
            up
            book BTC bid 89999 x 20 ask 90001 x 20
            funding BTC -0.3
            decide                   -> place ladder buy 89919 x 0.00044 #1 alo, place ladder buy 89901 x 0.00044 #2 alo, place ladder buy 89883 x 0.00044 #3 alo, place ladder buy 89865 x 0.00044 #4 alo, place ladder buy 89847 x 0.00044 #5 alo, place ladder sell 90081 x 0.00044 #6 alo, place ladder sell 90099 x 0.00044 #7 alo, place ladder sell 90117 x 0.00044 #8 alo, place ladder sell 90135 x 0.00044 #9 alo, place ladder sell 90153 x 0.00044 #10 alo
            why buy                  -> pnl_guard 6, size x0.85 pnl_guard
            shows BTC guard          -> on
            why ladder               -> sell by_weight, 5 levels, capacity 0.0022355, floor 0.00012
        ",
    );
}

// -- requotes, fast cancel, faults ---------------------------------------------------------------

#[test]
fn levels_without_edge_are_pulled_by_the_book_itself() {
    desk("237", |i| i.hedger = Some(hedger())).run(
        "
            up
            book BTC bid 89999 x 20 ask 90001 x 20
            decide                   -> place ladder buy 89946 x 0.00052 #1 alo, place ladder buy 89928 x 0.00052 #2 alo, place ladder buy 89910 x 0.00052 #3 alo, place ladder buy 89892 x 0.00052 #4 alo, place ladder buy 89874 x 0.00052 #5 alo, place ladder sell 90054 x 0.00052 #6 alo, place ladder sell 90072 x 0.00052 #7 alo, place ladder sell 90090 x 0.00052 #8 alo, place ladder sell 90108 x 0.00052 #9 alo, place ladder sell 90126 x 0.00052 #10 alo
            ack #1
            ack #2
            ack #3
            bbo BTC 89940 x 1 / 89960 x 20 -> cancel #1, cancel #2
            why fast                 -> #2 edge 1.44
        ",
    );
}

#[test]
fn a_level_that_filled_is_replaced_alone() {
    desk("237", |i| i.hedger = Some(hedger())).run(
        "
            up
            book BTC bid 89999 x 20 ask 90001 x 20
            decide                   -> place ladder buy 89946 x 0.00052 #1 alo, place ladder buy 89928 x 0.00052 #2 alo, place ladder buy 89910 x 0.00052 #3 alo, place ladder buy 89892 x 0.00052 #4 alo, place ladder buy 89874 x 0.00052 #5 alo, place ladder sell 90054 x 0.00052 #6 alo, place ladder sell 90072 x 0.00052 #7 alo, place ladder sell 90090 x 0.00052 #8 alo, place ladder sell 90108 x 0.00052 #9 alo, place ladder sell 90126 x 0.00052 #10 alo
            ack #1
            ack #2
            ack #3
            ack #4
            ack #5
            ack #6
            ack #7
            ack #8
            ack #9
            ack #10
            at +200ms
            fill #1 buy 0.00052 @ 89946 maker
            decide                   -> cancel #2, cancel #3, cancel #4, cancel #5, place ladder buy 89946 x 0.00021 #11 alo, place ladder buy 89928 x 0.00021 #12 alo, place ladder buy 89910 x 0.00021 #13 alo, place ladder buy 89892 x 0.00021 #14 alo, place ladder buy 89874 x 0.00021 #15 alo
        ",
    );
}

#[test]
fn rejects_in_a_row_open_the_ladders_breaker() {
    desk("27", |_| {}).run(
        "
            up
            book BTC bid 89999 x 20 ask 90001 x 20
            decide                   -> place ladder buy 89946 x 0.0003 #1 alo, place ladder sell 90054 x 0.0003 #2 alo
            ack #2
            reject #1 margin
            decide
            timer                    -> place ladder buy 89946 x 0.0003 #3 alo
            reject #3 margin
            timer                    -> place ladder buy 89946 x 0.0003 #4 alo
            reject #4 margin         -> cancel #2, alarm breaker_opened
            decide
            why buy                  -> silent breaker
        ",
    );
}

#[test]
fn a_gap_pulls_every_level() {
    desk("27", |_| {}).run(
        "
            up
            book BTC bid 89999 x 20 ask 90001 x 20
            decide                   -> place ladder buy 89946 x 0.0003 #1 alo, place ladder sell 90054 x 0.0003 #2 alo
            ack #1
            ack #2
            gap BTC sequence         -> cancel #1, cancel #2, resnapshot BTC
            decide
            why buy                  -> silent book_invalid
        ",
    );
}

#[test]
fn kelly_takes_less_where_the_market_is_wild() {
    let wild = |i: &mut InstConfig| {
        ladder(i).allocation = Allocation::Kelly;
        ladder(i).kelly_volatility = bps("500");
    };
    // (4 + 6 + 8 + 10 + 12) bps x 0.25 / 0.05^2 = 0.4 of the capacity of 0.00263.
    desk("237", wild).run(
        "
            up
            book BTC bid 89999 x 20 ask 90001 x 20
            decide                   -> place ladder buy 89928 x 0.00015 #1 alo, place ladder buy 89910 x 0.00021 #2 alo, place ladder buy 89892 x 0.00026 #3 alo, place ladder buy 89874 x 0.00031 #4 alo, place ladder sell 90072 x 0.00015 #5 alo, place ladder sell 90090 x 0.00021 #6 alo, place ladder sell 90108 x 0.00026 #7 alo, place ladder sell 90126 x 0.00031 #8 alo
            why ladder               -> sell by_weight, 4 levels, capacity 0.001052, floor 0.00012
        ",
    );
}

// -- against an oracle ---------------------------------------------------------------------------

/// The rule once more, in the plainest form: what a side may hold, by rational arithmetic.
fn oracle_capacity(i: &InstConfig, mid2: i64, side: Side, held: Qty) -> i128 {
    let l = i.ladder.as_ref().expect("a ladder");
    let budget = l.equity.0 * i128::from(l.leverage_permille) / 1000;
    let afford = 2 * budget / i128::from(mid2);
    let by_notional = 2 * i.limits.inventory_notional.0 / i128::from(mid2);
    let most = afford.min(by_notional).min(i128::from(i.limits.position.0));
    most - i128::from(side.sign() * held.0)
}

fn random_ladder(rng: &mut Rng) -> InstConfig {
    let mut i = btc("1");
    i.limits.open_orders = 30;
    let count = 1 + rng.below(9) as usize;
    let l = ladder(&mut i);
    let mut at = 20_000 + rng.below(40_000) as i64;
    let distances: Vec<i64> = (0..count)
        .map(|_| {
            at += 2_000 + rng.below(40_000) as i64;
            at
        })
        .collect();
    let rates: Vec<i64> = (0..count).map(|_| 1 + rng.below(50_000_000) as i64).collect();
    l.distances = PerLevel::new(&distances).expect("few");
    l.intensities = PerLevel::new(&rates).expect("few");
    l.equity = Notional::from_raw((5 + rng.below(400) as i64) * SCALE);
    l.leverage_permille = 500 + rng.below(3_000) as i64;
    l.allocation = [Allocation::Proportional, Allocation::Kelly][rng.below(2) as usize];
    l.kelly_volatility = Bps(10_000 + rng.below(3_000_000) as i64);
    l.shortfall = [Shortfall::Concentrate, Shortfall::WaterFill][rng.below(2) as usize];
    i.limits.position = Qty(10_000 + 1_000 * rng.below(900) as i64);
    i
}

/// One decision of a core that holds `held` and sees one level a side, in raw prices.
fn decided(inst: &InstConfig, held: Qty, bid: i64, ask: i64) -> Outputs {
    let mut out = Outputs::for_instruments(1);
    let mut core = Core::new(&core(vec![inst.clone()])).expect("valid");
    let (recv, inst) = (Stamp(1), InstId(0));
    let levels = |side, px| {
        let best = Level { px: Price(px), qty: Qty(SCALE) };
        let levels = [best, Level::default(), Level::default()];
        Event::Levels { inst, side, start: 0, count: 1, levels }
    };
    let events = [
        Event::LinkUp { link: Link::Market, recv },
        Event::LinkUp { link: Link::Orders, recv },
        Event::Position { inst, qty: held, entry: Price(bid), recv },
        Event::Reconciled { open_orders: 0, recv },
        levels(Side::Buy, bid),
        levels(Side::Sell, ask),
        Event::BookEnd { inst, bids: 1, asks: 1, decode_ns: 0, exch_ms: 1, recv },
        Event::Decide { drained: 1 },
    ];
    for event in events {
        core.apply(&Input { now: Nanos::from_secs(1_000), event }, &mut out);
    }
    out
}

#[test]
fn every_order_reaches_its_floor_and_no_side_passes_its_capacity() {
    let mut rng = Rng::new(11);
    let (mut quoted, mut refused, mut concentrated) = (0, 0, 0);
    for case in 0..3_000 {
        let inst = random_ladder(&mut rng);
        let market = Instrument::new(InstId(0), inst.spec).expect("a valid spec");
        let held = Qty(1_000 * (rng.below(601) as i64 - 300));
        let bid = 60_000 + rng.below(60_000) as i64;
        let (bid, ask) = (bid * SCALE, (bid + 1 + rng.below(8) as i64) * SCALE);
        let out = decided(&inst, held, bid, ask);
        for side in Side::BOTH {
            let mut total = 0;
            for (action, _) in &out.actions {
                let Action::Place { side: at, px, qty, component, .. } = action.get() else {
                    continue;
                };
                assert_eq!(component, Component::Ladder);
                if at == side {
                    let floor = market.min_qty(px).expect("in range");
                    assert!(qty >= floor, "case {case}: {qty} below {floor} at {px}");
                    assert!(market.is_whole_lots(qty) && market.is_on_grid(px), "case {case}");
                    total += i128::from(qty.0);
                    quoted += 1;
                }
            }
            let capacity = oracle_capacity(&inst, bid + ask, side, held);
            assert!(total <= capacity.max(0), "case {case}: {total} of {capacity} {side:?}");
            let reducing = Side::of_sign(held) == Some(side.opposite());
            let floor = market.min_qty(Price(bid * 9 / 10)).expect("in range");
            if reducing && held.abs() >= floor && capacity >= i128::from(held.abs().0) {
                assert!(total > 0, "case {case}: no way out of {held}");
            }
        }
        for note in &out.notes {
            match note {
                Note::Ladder { how: Allocated::BelowFloor, .. } => refused += 1,
                Note::Ladder { how: Allocated::Concentrated, .. } => concentrated += 1,
                Note::Refused { reason, .. } => panic!("case {case}: {reason:?}"),
                _ => {}
            }
        }
    }
    // The cases are worth something: all outcomes happened.
    assert!(
        quoted > 3_000 && refused > 20 && concentrated > 20,
        "{quoted} {refused} {concentrated}"
    );
}
