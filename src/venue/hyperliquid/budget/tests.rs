//! Cold. The count against the venue's rules, and what is told of it.

use super::*;

fn report(budget: &mut RateBudget, now_ms: u64) -> Option<(i64, u16, bool)> {
    match budget.report(0, now_ms, Stamp(1)) {
        Some(Event::RateBudget { left, minute_permille, refused, .. }) => {
            Some((left, minute_permille, refused))
        }
        None => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_venues_count_and_ours_on_top() {
    let mut budget = RateBudget::new(100);
    assert_eq!(budget.left(), i64::MAX, "not known yet");
    assert!(budget.is_due(1_000) && budget.asks(1_000));
    assert!(!budget.asks(1_001), "asked once");
    budget.sent(3, 1_100);
    budget.answered(Known { used: 500, cap: 10_000, surplus: 10 });
    assert_eq!(budget.left(), 9_507, "what left behind the question counts on top");
    budget.sent(39, 1_200);
    assert_eq!(budget.left(), 9_468);
    // The next answer has all of it.
    assert!(!budget.asks(60_999));
    assert!(budget.asks(61_000));
    budget.answered(Known { used: 542, cap: 10_200, surplus: 0 });
    assert_eq!(budget.left(), 9_658);
    // An answer to nothing changes nothing.
    budget.answered(Known { used: 0, cap: 0, surplus: 0 });
    assert_eq!(budget.left(), 9_658);
}

#[test]
fn it_is_asked_more_often_when_little_is_left_and_again_without_an_answer() {
    let mut budget = RateBudget::new(100);
    assert!(budget.asks(0));
    assert!(!budget.asks(4_999) && budget.asks(5_000));
    budget.answered(Known { used: 9_950, cap: 10_000, surplus: 0 });
    assert!(!budget.asks(14_999) && budget.asks(15_000));
    budget.lost();
    assert!(budget.asks(15_001), "a new connection asks at once");
}

#[test]
fn a_minute_slides() {
    let mut budget = RateBudget::new(0);
    for second in 0..60 {
        (0..10).for_each(|_| budget.sent(39, second * 1000));
        budget.sent(40, second * 1000);
    }
    // 60 x (10 + 2) weight of 1200, 60 x 11 messages of 2000.
    assert_eq!(budget.minute.sums, [720, 660]);
    assert_eq!(budget.minute.permille(), 600);
    budget.minute.reach(60_000);
    assert_eq!(budget.minute.sums, [708, 649]);
    budget.minute.reach(100_000);
    assert_eq!(budget.minute.sums, [19 * 12, 19 * 11]);
    budget.minute.reach(59_000_000);
    assert_eq!(budget.minute.sums, [0, 0]);
    // Back in time: nothing underflows.
    budget.sent(1, 5);
    budget.minute.reach(59_060_000);
    assert_eq!(budget.minute.sums, [0, 0]);
    (0..200_000).for_each(|_| budget.message(20, 59_060_000));
    budget.minute.reach(59_130_000);
    assert_eq!(budget.minute.sums, [0, 0]);
}

#[test]
fn what_is_worse_is_told_at_once_and_the_rest_once_in_a_while() {
    let mut budget = RateBudget::new(100);
    assert_eq!(report(&mut budget, 1_000), Some((i64::MAX, 0, false)));
    assert_eq!(report(&mut budget, 20_000), None, "nothing new");
    assert!(budget.asks(20_000));
    budget.answered(Known { used: 0, cap: 50, surplus: 0 });
    assert_eq!(report(&mut budget, 20_001), Some((50, 16, false)));
    budget.sent(1, 20_002);
    assert_eq!(report(&mut budget, 20_003), None);
    assert_eq!(report(&mut budget, 25_001), Some((49, 17, false)));

    // A refusal is told at once, is over after ten seconds, and doubts our count.
    budget.refused();
    assert!(budget.is_due(25_002));
    assert_eq!(report(&mut budget, 25_002), Some((49, 17, true)));
    assert!(budget.asks(25_003));
    assert_eq!(report(&mut budget, 35_002).map(|r| r.2), Some(false));
}

#[test]
fn a_report_that_found_no_room_is_made_again() {
    let mut budget = RateBudget::new(100);
    assert!(report(&mut budget, 1_000).is_some());
    budget.unsaid();
    assert!(budget.is_due(1_001));
    assert!(report(&mut budget, 1_001).is_some());
}
