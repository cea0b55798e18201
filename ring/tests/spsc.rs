//! The ring against a model, at its edges, and between two real threads. Orderings are
//! `tests/loom.rs`'s business.
#![cfg(not(loom))]

use std::collections::VecDeque;
use std::thread;

use ring::spsc::{Consumer, Full, Producer, channel};

/// Vigna's SplitMix64: a seed that fails here fails again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// Seven words that depend on the number and on the place, so that a message put together from two
/// is noticed.
fn message(number: u64) -> [u64; 7] {
    let mut random = Random(number);
    std::array::from_fn(|_| random.next())
}

/// Whatever the order of the calls, the ring does what a bounded `VecDeque` does.
#[test]
fn agrees_with_a_vecdeque() {
    let operations = if cfg!(miri) { 600 } else { 20_000 };
    for (seed, capacity) in [1, 2, 4, 8, 16, 32, 64].into_iter().enumerate() {
        let mut random = Random(seed as u64);
        let (mut producer, mut consumer) = channel::<[u64; 7]>(capacity);
        let mut model = VecDeque::new();
        let mut pushed = 0;
        let (mut was_full, mut was_empty) = (0, 0);
        for operation in 0..operations {
            // Alternating seasons, so that the ring is found full and found empty, and not only in
            // between.
            let filling = operation / (4 * capacity) % 2 == 0;
            match random.below(12) {
                // The season's call, then the same calls out of season.
                roll @ 0..8 if roll == 6 || (roll < 6 && filling) => {
                    let value = message(pushed);
                    if model.len() == capacity {
                        was_full += 1;
                        assert_eq!(producer.push(value), Err(Full(value)));
                    } else {
                        assert_eq!(producer.push(value), Ok(()));
                        model.push_back(value);
                        pushed += 1;
                    }
                }
                0..8 => {
                    was_empty += usize::from(model.is_empty());
                    assert_eq!(consumer.pop(), model.pop_front());
                }
                8 => assert_eq!(consumer.peek(), model.front().copied()),
                9 => {
                    let max = random.below(if filling { 3 } else { capacity + 2 });
                    let expected: Vec<_> = model.drain(..max.min(model.len())).collect();
                    let mut drained = Vec::new();
                    assert_eq!(consumer.drain(max, |value| drained.push(value)), expected.len());
                    assert_eq!(drained, expected);
                }
                10 => {
                    let count = random.below(capacity + 2);
                    assert_eq!(producer.has_room(count), model.len() + count <= capacity);
                }
                _ => {
                    assert_eq!(producer.free(), capacity - model.len());
                    assert_eq!(producer.depth(), model.len());
                }
            }
        }
        assert!(
            was_full > 0 && was_empty > 0,
            "capacity {capacity}: {was_full} full, {was_empty} empty"
        );
    }
}

/// Sends `count` messages through a ring of `capacity` from one thread to another; checks order and
/// content of each.
fn between_two_threads(
    capacity: usize,
    count: u64,
    take: impl Fn(&mut Consumer<[u64; 7]>, &mut dyn FnMut([u64; 7])),
) {
    let (mut producer, mut consumer) = channel(capacity);
    thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0..count {
                let mut value = message(number);
                while let Err(Full(back)) = producer.push(value) {
                    value = back;
                    thread::yield_now();
                }
            }
        });
        let mut next = 0;
        while next < count {
            let before = next;
            take(&mut consumer, &mut |value| {
                assert_eq!(value, message(next), "message {next}");
                next += 1;
            });
            if next == before {
                thread::yield_now();
            }
        }
    });
    assert_eq!(consumer.pop(), None);
    assert!(consumer.is_abandoned());
}

fn at_most(count: u64) -> u64 {
    if cfg!(miri) { count.min(200) } else { count }
}

#[test]
fn two_threads_pop_a_million() {
    between_two_threads(1024, at_most(1_000_000), |consumer, each| {
        if let Some(value) = consumer.pop() {
            each(value);
        }
    });
}

#[test]
fn two_threads_drain_a_million() {
    between_two_threads(64, at_most(1_000_000), |consumer, each| {
        consumer.drain(16, each);
    });
}

/// Every message waits for the one before it: each push finds the ring full, or each pop finds it
/// empty.
#[test]
fn two_threads_through_one_slot() {
    between_two_threads(1, at_most(50_000), |consumer, each| {
        if let Some(value) = consumer.peek() {
            assert_eq!(consumer.pop(), Some(value));
            each(value);
        }
    });
}

/// A batch for which there was room goes in whole, while the consumer is at work.
#[test]
fn two_threads_all_or_nothing() {
    const BATCH: usize = 3;
    let batches = at_most(100_000);
    let (mut producer, mut consumer) = channel::<u64>(8);
    thread::scope(|scope| {
        scope.spawn(move || {
            for batch in 0..batches {
                while !producer.has_room(BATCH) {
                    thread::yield_now();
                }
                assert!(producer.free() >= BATCH);
                for _ in 0..BATCH {
                    producer.push(batch).expect("there was room");
                }
            }
        });
        for number in 0..batches * BATCH as u64 {
            let value = loop {
                match consumer.pop() {
                    Some(value) => break value,
                    None => thread::yield_now(),
                }
            };
            assert_eq!(value, number / BATCH as u64);
        }
    });
}

#[test]
fn full_and_empty_at_every_offset() {
    for capacity in [1, 2, 4, 8] {
        let (mut producer, mut consumer) = channel::<u64>(capacity);
        let mut next = 0;
        for _ in 0..3 * capacity {
            assert_eq!((consumer.pop(), consumer.peek(), producer.free()), (None, None, capacity));
            for i in 0..capacity {
                assert_eq!(producer.depth(), i);
                assert!(producer.has_room(capacity - i) && !producer.has_room(capacity - i + 1));
                producer.push(next + i as u64).expect("not full yet");
            }
            // Full, three ways of asking; and a refusal leaves no trace.
            assert_eq!(producer.push(u64::MAX), Err(Full(u64::MAX)));
            assert_eq!((producer.free(), producer.depth()), (0, capacity));
            assert!(producer.has_room(0) && !producer.has_room(1));
            for i in 0..capacity {
                assert_eq!(consumer.peek(), Some(next + i as u64));
                assert_eq!(consumer.pop(), Some(next + i as u64));
            }
            // Moves both ends on by one, so that the next round starts at another slot.
            producer.push(7).expect("empty");
            assert_eq!(consumer.pop(), Some(7));
            next += capacity as u64;
        }
    }
}

#[test]
fn has_room_beyond_the_capacity_is_false_and_does_not_overflow() {
    let (producer, _consumer) = channel::<u64>(4);
    assert!(producer.has_room(4));
    assert!(!producer.has_room(5));
    assert!(!producer.has_room(usize::MAX));
}

#[test]
fn drain_stops_at_max_and_at_empty() {
    let (mut producer, mut consumer) = channel::<u64>(8);
    (0..5).for_each(|i| producer.push(i).expect("room"));
    assert_eq!(consumer.drain(0, |_| unreachable!()), 0);
    assert_eq!(consumer.drain(2, |_| ()), 2);
    assert_eq!(consumer.drain(usize::MAX, |_| ()), 3);
    assert_eq!(consumer.drain(1, |_| unreachable!()), 0);
}

/// A message that makes the caller panic is gone; those behind it are not.
#[test]
fn a_panic_in_drain_loses_one_message() {
    let (mut producer, mut consumer) = channel::<u64>(4);
    (0..4).for_each(|i| producer.push(i).expect("room"));
    let drain = std::panic::AssertUnwindSafe(|| consumer.drain(4, |value| assert_ne!(value, 1)));
    assert!(std::panic::catch_unwind(drain).is_err());
    assert_eq!(producer.free(), 2);
    assert_eq!([consumer.pop(), consumer.pop(), consumer.pop()], [Some(2), Some(3), None]);
}

#[test]
fn a_dropped_producer_is_noticed_and_its_messages_are_not_lost() {
    let (mut producer, mut consumer) = channel::<u64>(4);
    producer.push(1).expect("room");
    assert!(!consumer.is_abandoned());
    drop(producer);
    assert!(consumer.is_abandoned());
    assert_eq!([consumer.pop(), consumer.pop()], [Some(1), None]);
}

#[test]
fn a_dropped_consumer_is_noticed() {
    let (mut producer, consumer) = channel::<u64>(1);
    assert!(!producer.is_abandoned());
    drop(consumer);
    assert!(producer.is_abandoned());
    // Still a ring: it fills up and refuses, it does not fail in another way.
    assert_eq!([producer.push(1), producer.push(2)], [Ok(()), Err(Full(2))]);
}

/// What makes a thread that panics visible to the others.
#[test]
fn unwinding_abandons() {
    let (producer, mut consumer) = channel::<u64>(4);
    let thread = thread::spawn(move || {
        let mut producer: Producer<u64> = producer;
        producer.push(1).expect("room");
        panic!("as planned");
    });
    assert!(thread.join().is_err());
    assert!(consumer.is_abandoned());
    assert_eq!([consumer.pop(), consumer.pop()], [Some(1), None]);
}

#[test]
fn other_capacities_are_refused_by_name() {
    for capacity in [0, 3, 6, 1000, usize::MAX] {
        let refused = std::panic::catch_unwind(|| channel::<u64>(capacity)).expect_err("refused");
        let text = refused.downcast_ref::<String>().expect("a formatted message");
        assert!(text.contains("power of two") && text.contains(&capacity.to_string()), "{text}");
    }
    for capacity in [1, 2, 1024] {
        let (producer, consumer) = channel::<u64>(capacity);
        assert_eq!((producer.capacity(), consumer.capacity()), (capacity, capacity));
    }
}

#[test]
fn payloads_of_other_shapes() {
    fn through<T: Copy + Send + PartialEq + std::fmt::Debug>(values: [T; 3]) {
        let (mut producer, mut consumer) = channel::<T>(2);
        for value in values {
            producer.push(value).expect("room");
            assert_eq!(consumer.pop(), Some(value));
        }
    }
    through([(), (), ()]);
    through([true, false, true]);
    through([(1_u8, 1_u64), (2, 2), (3, 3)]);
    through([1_u128 << 100, 2, 3]);
    through([[1_u64; 25], [2; 25], [3; 25]]);
}

/// One message, one line: what the speed rests on.
const _: () = {
    assert!(Producer::<u8>::SLOT_BYTES == 64);
    assert!(Producer::<u64>::SLOT_BYTES == 64);
    assert!(Producer::<[u64; 7]>::SLOT_BYTES == 64);
    assert!(Producer::<[u128; 3]>::SLOT_BYTES == 64);
    assert!(Producer::<[u64; 8]>::SLOT_BYTES == 128);
    assert!(Producer::<[u64; 15]>::SLOT_BYTES == 128);
    assert!(align_of::<Producer<u64>>() == 128 && size_of::<Producer<u64>>() == 128);
    assert!(align_of::<Consumer<u64>>() == 128 && size_of::<Consumer<u64>>() == 128);
};

/// Both ends may move to another thread. That they may not be shared is for the `compile_fail`
/// examples of the module.
#[test]
fn ends_are_send() {
    fn send<T: Send>() {}
    send::<Producer<u64>>();
    send::<Consumer<u64>>();
}
