//! Cold. What takes a quote's edge besides its own book: the lead's book, and a fill of ours; and
//! where the lead puts the quotes. Line by line, as in `common/lines.rs`.

mod common;

use common::config::{self, bps, q};
use common::lines::{Desk, sol};
use evenkeel::core::{Core, InstConfig, Outputs};
use evenkeel::instrument::InstId;
use evenkeel::strategy::lead::LeadParams;
use evenkeel::strategy::model::ModelKind;
use evenkeel::units::Nanos;

/// SOL is made and follows half of what ETH does; the basis' half-life is 2 s.
fn led(change: impl FnOnce(&mut [InstConfig])) -> Desk {
    let mut insts = [config::inst("SOL"), config::inst("ETH")];
    insts[1].maker = None;
    insts[0].lead = Some(LeadParams {
        inst: InstId(1),
        weight_permille: 500,
        half_life: Nanos::from_secs(2),
        max_shift: bps("20"),
    });
    change(&mut insts);
    Desk::new(&config::core(insts.to_vec()))
}

/// Both quotes rest, and the basis of 20 is known.
const KNOWN: &str = "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            book ETH bid 1999.9 x 20 ask 2000.1 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            why buy                  -> lead warming_up, volatility 12
            ack #1
            ack #2
            at +2s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            book ETH bid 1999.9 x 20 ask 2000.1 x 20
            decide
";

#[test]
fn a_move_of_the_lead_pulls_the_quote_and_moves_the_others() {
    // ETH +10 bps, half of it: the fair value is 5 bps up, 100.05. An ask must lie 2 bps above the
    // microprice with it, 100.07: the one at 100.06 goes by the lead's own event. Its edge was
    // (100.06 - 100.05) / 100.05 = 0.9995 bps. Then 100.05 +- 6 bps: 100.11003 up to 100.12; the bid
    // of 99.98997 is held below its edge of 2 bps to the microprice, 99.98 less two raw units.
    led(|_| {}).run(KNOWN).run(
        "
            book ETH bid 2001.9 x 20 ask 2002.1 x 20 -> cancel #2
            why fast                 -> #2 edge 0.9995 against lead
            decide                   -> cancel #1, place buy 99.97 x 0.64 #3 alo, place sell 100.12 x 0.64 #4 alo
            why buy                  -> lead 5, volatility 12
            why sell                 -> lead 5, volatility 12
        ",
    );
    // Our own mid follows: nothing is unexplained any more.
    led(|_| {}).run(KNOWN).run(
        "
            book SOL bid 100.08 x 20 ask 100.12 x 20 -> cancel #2
            why fast                 -> #2 edge -3.996
            book ETH bid 2001.9 x 20 ask 2002.1 x 20
            decide                   -> cancel #1, place buy 100.03 x 0.64 #3 alo, place sell 100.17 x 0.64 #4 alo
            why sell                 -> lead 0, volatility 12
        ",
    );
}

#[test]
fn a_lead_that_cannot_be_believed_moves_nothing_and_says_so() {
    led(|_| {}).run(KNOWN).run(
        "
            book ETH bid 2001.9 x 20 ask 2002.1 x 20 -> cancel #2
            decide                   -> cancel #1, place buy 99.97 x 0.64 #3 alo, place sell 100.12 x 0.64 #4 alo
            canceled #1
            canceled #2
            ack #3
            ack #4
            at +200ms
            gap ETH ring_full        -> resnapshot ETH
            decide                   -> cancel #3, cancel #4, place buy 99.94 x 0.64 #5 alo, place sell 100.06 x 0.64 #6 alo
            why buy                  -> lead torn, volatility 12
        ",
    );
    led(|_| {}).run(KNOWN).run(
        "
            at +2s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            at +1s
            book SOL bid 99.88 x 20 ask 99.92 x 20 -> cancel #1
            decide                   -> cancel #2, place buy 99.84 x 0.64 #3 alo, place sell 99.96 x 0.64 #4 alo
            why buy                  -> lead stale, volatility 12
        ",
    );
}

#[test]
fn the_shift_is_capped() {
    // +100 bps, half of it is 50, and 2 are let through: 100.02 +- 6 bps.
    led(|i| i[0].lead.as_mut().expect("a lead").max_shift = bps("2")).run(KNOWN).run(
        "
            book ETH bid 2019.9 x 20 ask 2020.1 x 20
            decide                   -> cancel #1, cancel #2, place buy 99.95 x 0.64 #3 alo, place sell 100.09 x 0.64 #4 alo
            why buy                  -> lead 2, volatility 12
        ",
    );
}

#[test]
fn the_same_log_gives_the_same_state() {
    let mut desk = led(|_| {});
    desk.run(KNOWN);
    desk.run(
        "
            book ETH bid 2001.9 x 20 ask 2002.1 x 20 -> cancel #2
            at +1s
            book SOL bid 99.98 x 20 ask 100.02 x 20
        ",
    );
    let mut insts = [config::inst("SOL"), config::inst("ETH")];
    insts[1].maker = None;
    let params = LeadParams {
        inst: InstId(1),
        weight_permille: 500,
        half_life: Nanos::from_secs(2),
        max_shift: bps("20"),
    };
    insts[0].lead = Some(params);
    let replayed = |insts: &[InstConfig]| {
        let mut core = Core::new(&config::core(insts.to_vec())).expect("valid");
        for input in &desk.log {
            core.apply(input, &mut Outputs::default());
        }
        core.hash()
    };
    assert_eq!(replayed(&insts), desk.core.hash());
    // And what the lead said is part of that state.
    insts[0].lead = Some(LeadParams { half_life: Nanos::from_secs(1), ..params });
    assert_ne!(replayed(&insts), desk.core.hash());
}

#[test]
fn a_fill_of_ours_pulls_what_has_no_edge_against_it() {
    let rest = "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
    ";
    // At a bound of zero the rest of the filled quote stays ...
    sol(|_| {}).run(rest).run("fill #1 buy 0.3 @ 99.94 maker");
    // ... with another one it goes by the fill, and the other side stays.
    sol(|i| i.own_fill_edge = bps("2")).run(rest).run(
        "
            fill #1 buy 0.3 @ 99.94 maker -> cancel #1
            why fast                 -> #1 edge 0 against own_fill
        ",
    );
    // What is priced better than the fill goes either way: (99.91 - 99.94) / 99.91 = -3.0027 bps.
    sol(|_| {}).run(rest).run(
        "
            fill #1 buy 0.3 @ 99.91 maker -> cancel #1
            why fast                 -> #1 edge -3.0027 against own_fill
        ",
    );
}

#[test]
fn a_model_quotes_inside_the_core() {
    // Avellaneda-Stoikov in a market that stands still (sigma 0): the spread is (2 / 0.1) x ln(1 +
    // 0.1 / 1.5) = 1.29077 bps around the mid, 99.99354 and 100.00645 on a grid of 0.01. Calm: the
    // size is 0.64 x 1.1 = 0.704. Before volatility is known the base spread of 12 holds.
    sol(|i| {
        i.signals.warm_up = Nanos::from_secs(1);
        i.fast_cancel_edge = bps("0.1");
        let maker = i.maker.as_mut().expect("a maker");
        maker.model.kind = ModelKind::AvellanedaStoikov;
        maker.size_max = q("1");
    })
    .run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            why buy                  -> volatility 12
            ack #1
            ack #2
            at +1s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> cancel #1, cancel #2, place buy 99.99 x 0.7 #3 alo, place sell 100.01 x 0.7 #4 alo
            why buy                  -> model 1.2907, size x1.1 volatility
        ",
    );
}
