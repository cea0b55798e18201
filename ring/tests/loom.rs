//! The orderings: every interleaving and every reordering that the memory model allows, on small
//! models, by loom.
//!
//! A loom test can pass because it explored nothing: with a consumer that polls a few times and
//! gives up, loom may try one schedule in which nothing ever arrives. So here each model runs until
//! all messages are through; each test prints how many interleavings there were and demands a
//! minimum, a little below the count at the time of writing; and each ordering in the crate has a
//! twin of a model with just that ordering taken away, in which loom must find the fault.
//!
//! Run by `check.sh`: `RUSTFLAGS="--cfg loom" cargo test --release -p evenkeel-ring --test loom --
//! --nocapture`
#![cfg(loom)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use loom::thread;
use ring::sabotage::{self, Site};
use ring::{latest, spsc};

/// Explores `model` and returns the number of interleavings.
fn explore(model: fn()) -> u64 {
    // The standard library's: it counts the models, so it must not be part of one.
    let count = std::sync::Arc::new(AtomicU64::new(0));
    let counter = std::sync::Arc::clone(&count);
    loom::model(move || {
        counter.fetch_add(1, Relaxed);
        model();
    });
    count.load(Relaxed)
}

fn explores_at_least(name: &str, least: u64, model: fn()) {
    let count = explore(model);
    println!("loom: {name}: {count} interleavings");
    assert!(
        count >= least,
        "{name}: {count} interleavings, {least} expected: does the model still do its work?"
    );
}

/// Loom must refuse `model` when the ordering at `site` is gone, and for that reason: a race it
/// names, or one of our asserts.
fn is_caught(site: Site, model: fn()) {
    let outcome = catch_unwind(AssertUnwindSafe(|| sabotage::without(site, || explore(model))));
    let panic = match outcome {
        Err(panic) => panic,
        Ok(count) => {
            panic!("{site:?} taken away, and loom saw nothing wrong in {count} interleavings")
        }
    };
    let text = panic.downcast_ref::<String>().cloned();
    let text = text
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_default();
    let first = text.lines().next().unwrap_or_default();
    println!("loom: twin without {site:?}: caught: {first}");
    assert!(
        ["Causality violation", "torn", "gone, but"].iter().any(|reason| text.contains(reason)),
        "{text}"
    );
}

/// `messages` through a ring of `capacity`, one by one; all arrive, in order.
fn stream(capacity: usize, messages: u64) {
    let (mut producer, mut consumer) = spsc::channel::<u64>(capacity);
    let thread = thread::spawn(move || {
        for number in 0..messages {
            while producer.push(number).is_err() {
                thread::yield_now();
            }
        }
    });
    for number in 0..messages {
        let value = loop {
            match consumer.pop() {
                Some(value) => break value,
                None => thread::yield_now(),
            }
        };
        assert_eq!(value, number);
    }
    thread.join().unwrap();
    assert_eq!(consumer.pop(), None);
}

fn stream_through_one_slot() {
    stream(1, 3);
}

fn stream_through_two_slots() {
    stream(2, 4);
}

/// Two messages or none, twice, through a ring of two: after `has_room` no push may be refused.
fn batches() {
    let (mut producer, mut consumer) = spsc::channel::<u64>(2);
    let thread = thread::spawn(move || {
        for batch in 0..2 {
            while !producer.has_room(2) {
                thread::yield_now();
            }
            producer.push(2 * batch).unwrap();
            producer.push(2 * batch + 1).unwrap();
        }
    });
    let mut next = 0;
    while next < 4 {
        let taken = consumer.drain(2, |value| {
            assert_eq!(value, next);
            next += 1;
        });
        if taken == 0 {
            thread::yield_now();
        }
    }
    thread.join().unwrap();
}

/// A producer that goes away: whoever sees that it is gone then finds its last message.
fn abandonment() {
    let (mut producer, mut consumer) = spsc::channel::<u64>(2);
    let thread = thread::spawn(move || {
        producer.push(1).unwrap();
        producer.push(2).unwrap();
    });
    let mut sum = 0;
    loop {
        let gone = consumer.is_abandoned();
        let taken = consumer.drain(2, |value| sum += value);
        if gone && taken == 0 {
            break;
        }
        if taken == 0 {
            thread::yield_now();
        }
    }
    assert_eq!(sum, 3, "gone, but its messages are not there");
    thread.join().unwrap();
}

/// A consumer that goes away while the producer pushes: the producer's loop ends.
fn abandoned_by_the_consumer() {
    let (mut producer, mut consumer) = spsc::channel::<u64>(1);
    let thread = thread::spawn(move || {
        while consumer.pop().is_none() {
            thread::yield_now()
        }
    });
    let mut pushed = 0;
    while !producer.is_abandoned() {
        match producer.push(pushed) {
            Ok(()) => pushed += 1,
            Err(_) => thread::yield_now(),
        }
        thread::yield_now();
    }
    assert!(pushed >= 1);
    thread.join().unwrap();
}

/// A read while two writes go on is whole or refused; one after them is the newest.
fn cell_torn() {
    let (mut writer, reader) = latest::channel([0_u64, 0]);
    let thread = thread::spawn(move || {
        writer.write([1, 1]);
        writer.write([2, 2]);
    });
    if let Some([first, second]) = reader.try_read() {
        assert_eq!(first, second, "torn");
    }
    thread.join().unwrap();
    assert_eq!(reader.try_read(), Some([2, 2]));
}

/// Of two reads the second is not older.
fn cell_older() {
    let (mut writer, reader) = latest::channel([0_u64, 0]);
    let thread = thread::spawn(move || writer.write([1, 1]));
    let [before, after] = [reader.try_read(), reader.try_read()];
    assert!(!(before == Some([1, 1]) && after == Some([0, 0])), "older");
    thread.join().unwrap();
}

/// `read` comes back, and with the newest once the writer is done.
fn cell_read() {
    let (mut writer, reader) = latest::channel([0_u64, 0]);
    let other = reader.clone();
    let thread = thread::spawn(move || writer.write([1, 1]));
    let [first, second] = other.read();
    assert_eq!(first, second, "torn");
    thread.join().unwrap();
    assert_eq!(reader.read(), [1, 1]);
}

#[test]
fn ring_of_one() {
    explores_at_least("stream through one slot", 400, stream_through_one_slot);
}

#[test]
fn ring_of_two() {
    explores_at_least("stream through two slots", 1500, stream_through_two_slots);
}

#[test]
fn ring_batches() {
    explores_at_least("batches", 700, batches);
}

#[test]
fn ring_abandoned() {
    explores_at_least("abandoned by the producer", 350, abandonment);
    explores_at_least("abandoned by the consumer", 70, abandoned_by_the_consumer);
}

#[test]
fn latest_cell() {
    explores_at_least("cell, torn", 8000, cell_torn);
    explores_at_least("cell, older", 8000, cell_older);
    explores_at_least("cell, read until whole", 700, cell_read);
}

/// The other half of the proof: take away any one ordering, and loom sees it.
#[test]
fn every_ordering_is_needed() {
    for site in Site::ALL {
        let model = match site {
            Site::MessagePublish | Site::MessageObserve | Site::RoomPublish | Site::RoomObserve => {
                stream_through_one_slot
            }
            Site::GonePublish | Site::GoneObserve => abandonment,
            Site::WriteBegin | Site::WriteEnd | Site::ReadBegin | Site::ReadEnd => cell_torn,
        };
        is_caught(site, model);
    }
}
