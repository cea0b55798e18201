//! Hot for the writer, cold for the readers. A cell with one writer and many readers in which the
//! newest value wins.
//!
//! For what is observed rather than processed: gauges, a clock, a top of book for a screen. The
//! writer never waits and never learns who reads; a reader gets some value that was written whole,
//! at least as new as any it got before, and misses those that came and went in between.
//!
//! It is a seqlock: a version number, odd while a write is going on, around the payload. A reader
//! looks at the version, copies, looks again, and throws the copy away if the version moved. The
//! textbook version copies plain memory, which is a data race in the C++ and Rust memory models
//! even though the torn copy is thrown away: undefined behaviour. So here the payload is an array
//! of atomic words, read and written `Relaxed`, one by one (Boehm, "Can Seqlocks Get Along With
//! Programming Language Memory Models?", MSPC 2012). On x86 and ARM these are plain loads and
//! stores; what it costs is that a payload has to say how it is spelled in words ([`Words`]). An
//! array of `u64` could not be filled from just any `Copy` type: padding bytes have no value, and
//! reading them as integers would be undefined again. The gain is that this module has no `unsafe`
//! code at all.
//!
//! The version is a `u64` that grows by 2 per write and never wraps: 2^63 writes at 10^9 per second
//! are 292 years.
//!
//! ```
//! use ring::latest::{self, Words};
//!
//! #[derive(Clone, Copy, Debug, PartialEq)]
//! struct Gauges {
//!     orders: u64,
//!     position: i64,
//! }
//!
//! impl Words<2> for Gauges {
//!     fn to_words(self) -> [u64; 2] {
//!         [self.orders, self.position.cast_unsigned()]
//!     }
//!     fn from_words([orders, position]: [u64; 2]) -> Self {
//!         Self { orders, position: position.cast_signed() }
//!     }
//! }
//!
//! let (mut writer, reader) = latest::channel(Gauges { orders: 0, position: 0 });
//! writer.write(Gauges { orders: 7, position: -3 });
//! assert_eq!(reader.read(), Gauges { orders: 7, position: -3 });
//! ```
//!
//! There is one writer; readers are as many as their clones:
//!
//! ```compile_fail,E0599
//! let (writer, _reader) = ring::latest::channel(0_u64);
//! let second = writer.clone();
//! ```

use std::fmt;
use std::marker::PhantomData;

use crate::sync::{Arc, AtomicU64, Ordering, Site, fence, order, spin_loop};

/// A value that can be spelled as `N` words of 64 bits and back: `from_words(x.to_words())` is `x`.
///
/// `from_words` sees only words that one `to_words` returned, never a mixture.
pub trait Words<const N: usize>: Copy {
    /// The value as words.
    fn to_words(self) -> [u64; N];
    /// The value back from its words.
    fn from_words(words: [u64; N]) -> Self;
}

impl<const N: usize> Words<N> for [u64; N] {
    fn to_words(self) -> [u64; N] {
        self
    }
    fn from_words(words: [u64; N]) -> Self {
        words
    }
}

impl Words<1> for u64 {
    fn to_words(self) -> [u64; 1] {
        [self]
    }
    fn from_words([word]: [u64; 1]) -> Self {
        word
    }
}

impl Words<1> for i64 {
    fn to_words(self) -> [u64; 1] {
        [self.cast_unsigned()]
    }
    fn from_words([word]: [u64; 1]) -> Self {
        word.cast_signed()
    }
}

/// The version and the payload, in one line for up to 7 words. Two lines of alignment, as for
/// everything that is shared.
#[repr(C, align(128))]
struct Cell<const N: usize> {
    /// Twice the number of writes; plus 1 during one.
    version: AtomicU64,
    words: [AtomicU64; N],
}

/// Makes a cell that holds `initial` and returns its writer and a first reader. Allocates once.
pub fn channel<T: Words<N>, const N: usize>(initial: T) -> (Writer<T, N>, Reader<T, N>) {
    let words = initial.to_words().map(AtomicU64::new);
    let cell = Arc::new(Cell { version: AtomicU64::new(0), words });
    (
        Writer { cell: Arc::clone(&cell), version: 0, payload: PhantomData },
        Reader { cell, payload: PhantomData },
    )
}

/// The writing end of a cell. One per cell: not `Clone`, and writing takes `&mut`.
pub struct Writer<T, const N: usize> {
    cell: Arc<Cell<N>>,
    /// Our copy of the cell's version, which nobody else writes. Even between writes.
    version: u64,
    payload: PhantomData<fn(T)>,
}

impl<T: Words<N>, const N: usize> Writer<T, N> {
    /// Replaces the value. Never waits: `N + 2` stores.
    #[inline]
    pub fn write(&mut self, value: T) {
        // First, since it may panic: between the two versions there is only code that cannot.
        let words = value.to_words();
        self.cell.version.store(self.version + 1, Ordering::Relaxed);
        // Release: a reader that sees any word below, and then passes its own fence, sees the odd
        // version above (or a later one) when it looks again. So it cannot miss that it
        // read during a write.
        fence(Site::WriteBegin, Ordering::Release);
        for (cell, word) in self.cell.words.iter().zip(words) {
            cell.store(word, Ordering::Relaxed);
        }
        self.version += 2;
        // Release: a reader that starts from this version sees all the words above.
        self.cell.version.store(self.version, order(Site::WriteEnd, Ordering::Release));
    }
}

impl<T, const N: usize> fmt::Debug for Writer<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("writes", &(self.version / 2)).finish_non_exhaustive()
    }
}

/// A reading end of a cell. Clone it for more; each may go to its own thread, or one be shared.
pub struct Reader<T, const N: usize> {
    cell: Arc<Cell<N>>,
    payload: PhantomData<fn() -> T>,
}

impl<T: Words<N>, const N: usize> Reader<T, N> {
    /// The newest value. Tries again while a write is going on, which is a matter of nanoseconds
    /// unless the writer's thread is descheduled in the middle of one; a reader that must not
    /// wait for that takes [`try_read`](Self::try_read).
    #[inline]
    pub fn read(&self) -> T {
        loop {
            if let Some(value) = self.try_read() {
                return value;
            }
            spin_loop();
        }
    }

    /// The newest value, or `None` if a write was going on meanwhile. Never waits: `N + 2` loads.
    #[inline]
    pub fn try_read(&self) -> Option<T> {
        // Acquire: answers the release store of the even version, so the words are of that write or
        // a later one.
        let before = self.cell.version.load(order(Site::ReadBegin, Ordering::Acquire));
        if before % 2 == 1 {
            return None;
        }
        let words = std::array::from_fn(|i| self.cell.words[i].load(Ordering::Relaxed));
        // Acquire: if any word above was of a later write, this pairs with that write's release
        // fence, and the look below finds its odd version or a later one: not `before`.
        fence(Site::ReadEnd, Ordering::Acquire);
        let after = self.cell.version.load(Ordering::Relaxed);
        (before == after).then(|| T::from_words(words))
    }
}

impl<T, const N: usize> Clone for Reader<T, N> {
    fn clone(&self) -> Self {
        Self { cell: Arc::clone(&self.cell), payload: PhantomData }
    }
}

impl<T, const N: usize> fmt::Debug for Reader<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("words", &N).finish_non_exhaustive()
    }
}
