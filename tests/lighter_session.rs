//! Whole sessions at the second venue, over sockets: the shipped SOL profile with two API keys, while
//! something goes wrong. What is asserted of every session stands in `session_kit/`.

mod session_kit;

use evenkeel::event::RejectReason;
use evenkeel::explain::Alarm;
use evenkeel::instrument::InstId;
use evenkeel::ops::scenario::{self, Scenario};
use evenkeel::sim::exchange::Fault;
use evenkeel::sim::params::Scenario as Mood;
use evenkeel::sim::server::lighter::LighterFault;
use evenkeel::sim::server::{Scope, ServerFault};
use evenkeel::units::{Nanos, Qty};
use session_kit::Run;

fn start(name: &'static str) -> Run {
    let calm = scenario::find("lighter-sol").expect("a scenario");
    // A market that trades with the profile's wide quotes.
    Run::start(name, &Scenario { mood: Mood::Volatile, ..*calm }, |_| {})
}

fn fault(run: &Run, fault: LighterFault) {
    assert!(run.venue.server.lighter_fault(fault), "the server runs");
}

#[test]
fn nothing_goes_wrong() {
    let mut run = start("lighter-calm");
    let account = run.venue.account;
    run.until("nothing was taken", move |run| {
        run.venue.server.with(move |x| x.fills(account).any(|f| f.taker)) == Some(true)
    });
    run.play(2500);
    let left = run.end();
    assert_eq!(left.ups, [1, 1]);
    let counts = left.core.counts();
    assert_eq!(counts.adopted, 0);
    assert_eq!(counts.rejects[RejectReason::MinNotional as usize], 0, "below the minimum");
    assert_eq!(counts.alarms[Alarm::OrderUnknown as usize], 0);
    // The 0.093 SOL of the opening went, by the key that takes.
    assert!(counts.hedge_fills >= 1, "{counts:?}");
    let held = left.core.snapshot(InstId(0)).position;
    assert!(held.abs() < Qty::parse(b"0.092").expect("a literal"), "{held}");
}

#[test]
fn nonces_are_out_of_step() {
    let mut run = start("lighter-nonces");
    for _ in 0..3 {
        run.play(400);
        fault(&run, LighterFault::RefuseNonces(2));
    }
    run.play(800);
    let left = run.end();
    assert_eq!(left.core.counts().adopted, 0);
}

#[test]
fn books_have_gaps_and_tickers_stand_still() {
    let mut run = start("lighter-gaps");
    for _ in 0..3 {
        run.play(300);
        fault(&run, LighterFault::Gap);
    }
    fault(&run, LighterFault::StaleTicker);
    run.play(500);
    fault(&run, LighterFault::Heal);
    run.play(500);
    let left = run.end();
    let gaps: u64 = left.core.counts().gaps.iter().sum();
    assert!(gaps >= 1, "no gap was noticed");
}

#[test]
fn the_venue_shuts_down_in_order() {
    let mut run = start("lighter-shutdown");
    for _ in 0..2 {
        run.play(500);
        fault(&run, LighterFault::Shutdown { close_in: Nanos::from_secs(5) });
    }
    run.play(1000);
    run.end();
}

#[test]
fn connections_are_dropped() {
    let mut run = start("lighter-drops");
    for scope in [Scope::Private, Scope::Market, Scope::All, Scope::Private] {
        run.play(400);
        run.fault(ServerFault::Drop(scope));
    }
    run.until("the drop was not noticed", |run| run.links_down() > 0);
    run.play(1000);
    let left = run.end();
    assert!(left.core.counts().alarms[Alarm::LinkDown as usize] >= 1);
}

#[test]
fn answers_come_late_or_never() {
    let mut run = start("lighter-answers");
    run.play(300);
    fault(&run, LighterFault::LateAnswers(Nanos::from_secs(2)));
    run.play(700);
    fault(&run, LighterFault::NoAnswers);
    run.play(700);
    fault(&run, LighterFault::Heal);
    run.play(500);
    let left = run.end();
    assert_eq!(left.core.counts().adopted, 0);
}

/// A message in which nothing is executed and to which nothing is answered, three times two of them.
fn lose(mut run: Run) -> session_kit::Left {
    for _ in 0..3 {
        run.play(400);
        fault(&run, LighterFault::LoseTransactions(2));
    }
    run.play(1200);
    let left = run.end();
    assert_eq!(left.core.counts().adopted, 0);
    left
}

#[test]
fn transactions_are_lost_on_their_way() {
    lose(start("lighter-lost"));
}

#[test]
fn transactions_are_lost_where_nonces_have_no_holes() {
    let calm = scenario::find("lighter-sol").expect("a scenario");
    let wild = Scenario { mood: Mood::Volatile, ..*calm };
    let run = Run::start("lighter-lost-nonces", &wild, |c| c.venue.skip_nonces = false);
    let left = lose(run);
    // What came behind them was out of step, and the account learned where it stands.
    let counts = left.core.counts();
    assert!(counts.rejects[RejectReason::Nonce as usize] >= 1, "{:?}", counts.rejects);
}

#[test]
fn requests_are_refused_for_their_rate() {
    let mut run = start("lighter-rate");
    run.play(300);
    fault(&run, LighterFault::RefuseRate(5));
    run.play(1000);
    run.end();
}

#[test]
fn fills_are_told_twice() {
    let mut run = start("lighter-double-fills");
    run.play(300);
    run.exchange_fault(Fault::DuplicateFill, 1000);
    run.play(1500);
    let left = run.end();
    assert_eq!(left.core.counts().adopted, 0);
}
