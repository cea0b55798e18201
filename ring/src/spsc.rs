//! Hot. A bounded ring for one producer and one consumer: a message and its sequence number in one
//! cache line.
//!
//! ```text
//!             consumer reads message 9 next                producer writes message 13 next
//!                        |                                         |
//!   +---------+----------+----------+----------+----------+---------+---------+---------+
//!   | free 16 | holds 9  | holds 10 | holds 11 | holds 12 | free 13 | free 14 | free 15 |
//!   |         | value    | value    | value    | value    |         |         |         |
//!   +---------+----------+----------+----------+----------+---------+---------+---------+
//! ```
//!
//! Each box is a slot, one 64-byte line (more for a payload above 56 bytes). Message number `i`
//! (from 0) goes to slot `i mod capacity`. A slot's sequence says one of two
//! things: "free for message `i`", which the producer waits for, or "holds message `i`", which the
//! consumer waits for. Each side knows its next number, so it looks at one slot and asks one
//! question; anything else it finds there means "not yet". The producer turns free into holds; the
//! consumer turns holds into free for `i + capacity`, the next lap. There is no shared index: the
//! line that carries the message also carries the news of it, and on its way back the news of room.
//! This is the FastForward queue (Giacomoni, Moseley and Vachharajani, PPoPP 2008) with the lap in
//! the slot, as Vyukov's bounded queue has it.
//!
//! Measured beside it (Zen 4, two cores of one chiplet) and not taken: an index of the consumer's
//! position on a line of its own instead of the write back into the slot (the same round trip; 56-byte
//! messages one way slower at every capacity, since a full ring fights over that line); prefetching later slots,
//! for reading or for writing, at either end (no gain in a round trip, and 25 ns lost in a small
//! ring: it takes a line from the side that polls it); consecutive messages in distant slots (no
//! gain).
//!
//! **Small is fast.** The slots of all rings of a thread want to fit its first-level cache, 32 to
//! 48 kB. On the same machine a round trip over two rings of 128 slots takes about 20 % longer than
//! over a single bounced line, and over two rings of 1024 slots about 40 %; bare lines used in turn,
//! without any ring, show most of that step, and the ring stays within about 10 % of those.
//!
//! Sequences never wrap: 2^63 messages at 10^9 per second are 292 years.
//!
//! ```
//! let (mut producer, mut consumer) = ring::spsc::channel::<u64>(2);
//! producer.push(1).unwrap();
//! producer.push(2).unwrap();
//! assert_eq!(producer.push(3), Err(ring::spsc::Full(3)));
//! assert_eq!(consumer.pop(), Some(1));
//! producer.push(3).unwrap();
//! assert_eq!(consumer.drain(10, |message| print!("{message} ")), 2);
//! assert_eq!(consumer.pop(), None);
//! ```
//!
//! # Misuse that does not compile
//!
//! Each end has one owner, which may move to another thread but not be shared with it:
//!
//! ```compile_fail,E0277
//! fn shared<T: Sync>(_: T) {}
//! let (producer, _consumer) = ring::spsc::channel::<u64>(2);
//! shared(producer);
//! ```
//! ```compile_fail,E0277
//! fn shared<T: Sync>(_: T) {}
//! let (_producer, consumer) = ring::spsc::channel::<u64>(2);
//! shared(consumer);
//! ```
//! ```compile_fail,E0599
//! let (producer, _consumer) = ring::spsc::channel::<u64>(2);
//! let second = producer.clone();
//! ```
//! ```compile_fail,E0599
//! let (_producer, consumer) = ring::spsc::channel::<u64>(2);
//! let second = consumer.clone();
//! ```
//! A message is plain data: nothing that owns memory, nothing that is tied to a thread.
//!
//! ```compile_fail,E0277
//! let _ = ring::spsc::channel::<String>(2);
//! ```
//! ```compile_fail,E0277
//! let _ = ring::spsc::channel::<*const u8>(2);
//! ```

use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering, Site, UnsafeCell, order};

/// Set in a slot's sequence: it holds the message with that number. Clear: it is free for it.
const HOLDS: u64 = 1 << 63;

/// One message and its sequence. `repr(C)` keeps the sequence in the first line of a slot that has
/// several.
#[repr(C, align(64))]
struct Slot<T> {
    /// `i`: the slot is free, and message `i` comes next. `HOLDS | i`: it holds message `i`. See
    /// the module's picture.
    seq: AtomicU64,
    value: UnsafeCell<MaybeUninit<T>>,
}

/// What both ends hold. All of it is written at creation and, each flag once, at the end: reading
/// it is a hit in the own cache for the ring's whole life.
struct Shared<T> {
    slots: Box<[Slot<T>]>,
    producer_gone: AtomicBool,
    consumer_gone: AtomicBool,
}

// SAFETY: all of `Shared` but the values in the slots is `Sync` by itself. A value is reached only
// through a `Producer` or a `Consumer`; there is one of each, and `Producer::push` and
// `Consumer::peek` argue that they never touch the same value at the same time. A value changes
// threads, hence `T: Send`. No two threads ever hold a reference to one, so `T: Sync` is not
// needed.
unsafe impl<T: Send> Sync for Shared<T> {}
// SAFETY: `Shared` owns its slots, so whoever is last may free them on any thread; `T: Copy` (see
// `channel`) has no drop.
unsafe impl<T: Send> Send for Shared<T> {}

/// Makes a ring for `capacity` messages and returns its two ends. Allocates, and touches every page
/// of, 64 bytes per slot (for a `T` of at most 56 bytes, [`Producer::SLOT_BYTES`]); nothing
/// allocates afterwards.
///
/// `T: Copy` since a message is plain data that moves by value. It also means that nothing has to
/// be dropped: messages still in a ring that goes away are forgotten, and an overwritten slot needs
/// no care. `T: Send` since it changes threads.
///
/// # Panics
///
/// If `capacity` is not a power of two (1 is one, 0 is not). It is not rounded: depths are derived
/// from limits, and a rounded depth would belie the derivation.
pub fn channel<T: Copy + Send>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    assert!(
        capacity.is_power_of_two(),
        "the capacity of a ring is a power of two (1, 2, 4, ...), not {capacity}"
    );
    let free_for =
        |i| Slot { seq: AtomicU64::new(i), value: UnsafeCell::new(MaybeUninit::uninit()) };
    let shared = Arc::new(Shared {
        slots: (0..capacity as u64).map(free_for).collect(),
        producer_gone: AtomicBool::new(false),
        consumer_gone: AtomicBool::new(false),
    });
    let slots = Slots {
        first: NonNull::from(&*shared.slots).cast(),
        mask: capacity as u64 - 1,
        not_sync: PhantomData,
    };
    let producer = Producer { slots, tail: 0, shared: Arc::clone(&shared) };
    let consumer = Consumer { slots, head: 0, shared };
    (producer, consumer)
}

/// A handle's own copy of where the slots are: one load less on the way to each, and no bounds
/// check.
struct Slots<T> {
    first: NonNull<Slot<T>>,
    /// Capacity - 1.
    mask: u64,
    /// Says what `NonNull` implies anyway: a handle must not be `Sync`.
    not_sync: PhantomData<*mut T>,
}

impl<T> Clone for Slots<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Slots<T> {}

impl<T> Slots<T> {
    /// The slot of message `number`.
    ///
    /// # Safety
    ///
    /// The `Shared` that owns the slots must live as long as the reference does.
    #[inline(always)]
    unsafe fn at<'a>(&self, number: u64) -> &'a Slot<T> {
        let index = (number & self.mask) as usize;
        // SAFETY: `first` points to `mask + 1` initialised slots and `index <= mask`. They are on
        // the heap, so they do not move when `Shared` does, they live by the caller's
        // promise, and nobody makes a `&mut` of a slot until `Shared` is dropped.
        unsafe { self.first.add(index).as_ref() }
    }

    fn capacity(&self) -> usize {
        self.mask as usize + 1
    }
}

/// The ring is full; the message that did not fit comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full<T>(pub T);

impl<T> fmt::Display for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the ring is full")
    }
}

impl<T: fmt::Debug> std::error::Error for Full<T> {}

/// The writing end of a ring. `Send`, not `Sync`, not `Clone`.
///
/// Aligned to 128 bytes, like [`Consumer`], so that the ends, when they lie side by side in memory,
/// do not share a line or a pair of lines that a prefetcher fetches together (crossbeam and rtrb
/// pad by as much).
#[repr(align(128))]
pub struct Producer<T> {
    slots: Slots<T>,
    /// The number of the next message, which is how many were pushed.
    tail: u64,
    shared: Arc<Shared<T>>,
}

// SAFETY: the producer is not tied to the thread that made it: its fields are numbers, an `Arc` of
// a `Shared` that is `Send` and `Sync`, and a pointer into that `Shared`. After a move there is
// still one producer, used by one thread.
unsafe impl<T: Send> Send for Producer<T> {}

impl<T: Copy + Send> Producer<T> {
    /// Bytes of one slot: 64 for a message of at most 56 bytes; above, the message and its 8-byte
    /// sequence rounded up to a multiple of 64.
    pub const SLOT_BYTES: usize = size_of::<Slot<T>>();

    /// Appends `value`, or gives it back if the ring is full. The consumer sees it after one move
    /// of a cache line.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), Full<T>> {
        // SAFETY: `self.shared` keeps the slots alive.
        let slot = unsafe { self.slots.at(self.tail) };
        // Acquire: answers the consumer's release store, so that its read of the value one lap ago
        // comes before our write.
        let seq = slot.seq.load(order(Site::RoomObserve, Ordering::Acquire));
        if seq != self.tail {
            return Err(Full(value));
        }
        slot.value.with_mut(|cell| {
            // SAFETY: the slot is free for message `tail`. So the consumer is done with what it
            // held a lap ago, by the acquire above, and it will not look at the value
            // again before it finds `HOLDS | tail`, stored below. Nobody else touches
            // the value now.
            unsafe { cell.write(MaybeUninit::new(value)) }
        });
        // Release: whoever sees this sequence also sees the value written above.
        let holds = HOLDS | self.tail;
        slot.seq.store(holds, order(Site::MessagePublish, Ordering::Release));
        self.tail += 1;
        Ok(())
    }

    /// Whether the next `count` pushes will succeed, whatever the consumer does: for a batch that
    /// must go in whole or not at all. True for 0, false above the capacity. Costs a look at
    /// the slot of the last of them, at any `count`.
    #[inline]
    pub fn has_room(&self, count: usize) -> bool {
        if count == 0 {
            return true;
        }
        if count > self.capacity() {
            return false;
        }
        let last = self.tail + (count as u64 - 1);
        // SAFETY: `self.shared` keeps the slots alive.
        let slot = unsafe { self.slots.at(last) };
        // The consumer frees slots in order, so with the last one they are all free. Acquire:
        // having seen the last one's release store, the pushes to come also see those
        // before it.
        let seq = slot.seq.load(order(Site::RoomObserve, Ordering::Acquire));
        seq == last
    }

    /// How many of the next pushes will succeed, at least: `0..=capacity`. For gauges: a search
    /// over log2(capacity) slots, most of them cache misses. A decision about a batch takes
    /// [`has_room`](Self::has_room).
    pub fn free(&self) -> usize {
        // Invariant: `least` pushes succeed; `most + 1` were refused when looked at. The consumer
        // may free more meanwhile.
        let (mut least, mut most) = (0, self.capacity());
        while least < most {
            let middle = most - (most - least) / 2;
            if self.has_room(middle) { least = middle } else { most = middle - 1 }
        }
        least
    }

    /// How many messages wait to be taken, at most: `0..=capacity`. For gauges, like
    /// [`free`](Self::free).
    pub fn depth(&self) -> usize {
        self.capacity() - self.free()
    }

    /// How many messages fit: the number given to [`channel`].
    pub fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// Whether the consumer is gone: nobody will read what is pushed from now on. Costs a cached
    /// load.
    #[inline]
    pub fn is_abandoned(&self) -> bool {
        // Relaxed: nothing else is concluded from the flag, it stands for itself.
        self.shared.consumer_gone.load(Ordering::Relaxed)
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        // Release: a consumer that sees the flag also sees every message that was pushed before.
        self.shared.producer_gone.store(true, order(Site::GonePublish, Ordering::Release));
    }
}

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let capacity = self.slots.capacity();
        f.debug_struct("Producer")
            .field("capacity", &capacity)
            .field("pushed", &self.tail)
            .finish_non_exhaustive()
    }
}

/// The reading end of a ring. `Send`, not `Sync`, not `Clone`.
#[repr(align(128))]
pub struct Consumer<T> {
    slots: Slots<T>,
    /// The number of the next message, which is how many were taken.
    head: u64,
    shared: Arc<Shared<T>>,
}

// SAFETY: as for `Producer`: numbers, an `Arc` that may move, and a pointer into what the `Arc`
// keeps alive.
unsafe impl<T: Send> Send for Consumer<T> {}

impl<T: Copy + Send> Consumer<T> {
    /// Takes the oldest message, if there is one.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        let value = self.peek()?;
        // SAFETY: `self.shared` keeps the slots alive.
        let slot = unsafe { self.slots.at(self.head) };
        // Release: the producer may overwrite the value as soon as it sees this, so the read in
        // `peek` has to be over.
        let next_lap = self.head + self.slots.capacity() as u64;
        slot.seq.store(next_lap, order(Site::RoomPublish, Ordering::Release));
        self.head += 1;
        Some(value)
    }

    /// A copy of the oldest message, if there is one, which stays in the ring.
    #[inline]
    pub fn peek(&self) -> Option<T> {
        // SAFETY: `self.shared` keeps the slots alive.
        let slot = unsafe { self.slots.at(self.head) };
        // Acquire: answers the producer's release store, so that its write of the value comes
        // before our read.
        let seq = slot.seq.load(order(Site::MessageObserve, Ordering::Acquire));
        if seq != HOLDS | self.head {
            return None;
        }
        Some(slot.value.with(|cell| {
            // SAFETY: the slot holds message `head`, so the value is initialised, and by the
            // acquire above its write comes before this read. The producer does not
            // write it again before it finds the slot free, which only `pop`
            // says, after this read.
            unsafe { (*cell).assume_init() }
        }))
    }

    /// Takes up to `max` messages in order, calls `each` with every one and returns how many there
    /// were. Ends at the first message that is not there yet, so with a finite `max` the caller
    /// gets its thread back even from a producer that never stops. A message counts as taken
    /// before `each` sees it, also if `each` panics.
    #[inline]
    pub fn drain(&mut self, max: usize, mut each: impl FnMut(T)) -> usize {
        for taken in 0..max {
            match self.pop() {
                Some(value) => each(value),
                None => return taken,
            }
        }
        max
    }

    /// How many messages fit: the number given to [`channel`].
    pub fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// Whether the producer is gone. What it pushed before is still there to be taken, and visible:
    /// once this is true, the first `None` from [`pop`](Self::pop) is the end. Costs a cached
    /// load.
    #[inline]
    pub fn is_abandoned(&self) -> bool {
        // Acquire: answers the release store in the producer's drop, so its last push is visible
        // with the flag.
        self.shared.producer_gone.load(order(Site::GoneObserve, Ordering::Acquire))
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        // Relaxed: see `Producer::is_abandoned`.
        self.shared.consumer_gone.store(true, Ordering::Relaxed);
    }
}

impl<T> fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let capacity = self.slots.capacity();
        f.debug_struct("Consumer")
            .field("capacity", &capacity)
            .field("taken", &self.head)
            .finish_non_exhaustive()
    }
}
