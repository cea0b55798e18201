//! The cell: what it holds, and never a torn read between real threads. Orderings are
//! `tests/loom.rs`'s business.
#![cfg(not(loom))]

use std::thread;

use ring::latest::{self, Words};

/// Eleven words over two lines, of which the last is the sum of the others.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Checked {
    number: u64,
}

impl Checked {
    fn body(number: u64) -> [u64; 10] {
        std::array::from_fn(|i| number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(i as u32))
    }
}

impl Words<12> for Checked {
    fn to_words(self) -> [u64; 12] {
        let body = Self::body(self.number);
        let mut words = [0; 12];
        words[0] = self.number;
        words[1..11].copy_from_slice(&body);
        words[11] = body.iter().fold(self.number, |sum, word| sum.wrapping_add(*word));
        words
    }

    fn from_words(words: [u64; 12]) -> Self {
        let sum = words[..11].iter().fold(0_u64, |sum, word| sum.wrapping_add(*word));
        assert_eq!(sum, words[11], "torn: {words:?}");
        assert_eq!(words[1..11], Self::body(words[0]), "torn: {words:?}");
        Self { number: words[0] }
    }
}

#[test]
fn holds_the_initial_value_then_the_newest() {
    let (mut writer, reader) = latest::channel(Checked { number: 1 });
    let other = reader.clone();
    assert_eq!(
        (reader.read(), other.try_read()),
        (Checked { number: 1 }, Some(Checked { number: 1 }))
    );
    for number in 2..10 {
        writer.write(Checked { number });
        writer.write(Checked { number: number * 10 });
        assert_eq!(
            (reader.read(), other.try_read()),
            (Checked { number: number * 10 }, Some(Checked { number: number * 10 }))
        );
    }
    drop(writer);
    assert_eq!(reader.read(), Checked { number: 90 });
}

#[test]
fn words_come_back() {
    let (mut writer, reader) = latest::channel(-5_i64);
    assert_eq!(reader.read(), -5);
    writer.write(i64::MIN);
    assert_eq!(reader.read(), i64::MIN);
    assert_eq!(latest::channel(u64::MAX).1.read(), u64::MAX);
    assert_eq!(latest::channel([1_u64, 2, 3]).1.read(), [1, 2, 3]);
}

/// Two readers, on other threads than the writer: every read is whole, and none is older than the
/// one before.
#[test]
fn two_threads_never_torn_never_older() {
    let writes = if cfg!(miri) { 100 } else { 1_000_000 };
    let (mut writer, reader) = latest::channel(Checked { number: 0 });
    thread::scope(|scope| {
        for _ in 0..2 {
            let reader = reader.clone();
            scope.spawn(move || {
                let mut before = 0;
                while before < writes {
                    // `from_words` checks the sum.
                    let Checked { number } = reader.read();
                    assert!(number >= before, "{number} after {before}");
                    if number == before {
                        thread::yield_now();
                    }
                    before = number;
                }
            });
        }
        for number in 1..=writes {
            writer.write(Checked { number });
        }
    });
}

/// `to_words` that panics must leave the cell readable: nothing was begun.
#[test]
fn a_panic_in_to_words_leaves_the_value() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Fussy(u64);
    impl Words<1> for Fussy {
        fn to_words(self) -> [u64; 1] {
            assert_ne!(self.0, 13);
            [self.0]
        }
        fn from_words([word]: [u64; 1]) -> Self {
            Self(word)
        }
    }
    let (mut writer, reader) = latest::channel(Fussy(1));
    let write = std::panic::AssertUnwindSafe(|| writer.write(Fussy(13)));
    assert!(std::panic::catch_unwind(write).is_err());
    assert_eq!(reader.try_read(), Some(Fussy(1)));
    writer.write(Fussy(2));
    assert_eq!(reader.try_read(), Some(Fussy(2)));
}

#[test]
fn ends_are_send_and_readers_are_shared() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    send::<latest::Writer<u64, 1>>();
    send::<latest::Reader<u64, 1>>();
    sync::<latest::Reader<u64, 1>>();
}
