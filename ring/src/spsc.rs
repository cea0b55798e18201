//! Hot. A bounded ring for one producer and one consumer: a message and its sequence number in one cache line.
//!
//! ```text
//!            consumer's position (head)                       producer's position (tail)
//!                     |                                                 |
//!   +--------+--------+--------+--------+--------+--------+--------+--------+
//!   | seq  1 | seq  2 | seq  3 | seq  4 | seq  5 | seq  6 | seq  7 | seq  0 |   one slot = one 64-byte line
//!   | value  | value  | value  | value  | value  | value  | value  |        |   (a payload above 56 bytes: more lines)
//!   +--------+--------+--------+--------+--------+--------+--------+--------+
//!     consumed          waiting                                      free
//! ```
//!
//! **Forward: the sequence is in the slot.** Message number `i` (from 0) goes to slot `i mod capacity`, and the slot's
//! sequence becomes `i + 1` once the message is in it. The consumer knows which number it wants and looks only at that slot:
//! any other sequence there means "not yet". One line moves per message, where an index ring moves two.
//!
//! **Back: the consumer's position is on a line of its own.** The consumer writes it with every message it takes, a store to
//! a line that stays in its own cache, since the producer reads it only when it has used up all the room it last saw: once
//! per lap of the ring or less, unless the ring is full. The FastForward queue this descends from (Giacomoni, Moseley and
//! Vachharajani, PPoPP 2008) sends room back through the slot instead, so its consumer writes each line it has just read and
//! the line changes owner twice per message.
//!
//! Sequences and positions are `u64` and never wrap: 2^64 messages at 10^9 per second are 584 years.
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

use crate::CachePadded;
use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering, Site, UnsafeCell, order};

/// One message and its sequence number. `repr(C)` keeps the sequence in the first line of a slot of several lines.
#[repr(C, align(64))]
struct Slot<T> {
    /// The number of the message in `value`, plus 1; 0 before the first lap.
    seq: AtomicU64,
    value: UnsafeCell<MaybeUninit<T>>,
}

/// What both ends hold. The fields before `head` are written at creation and, each flag once, at the end; so reading them
/// is a hit in the own cache for the ring's whole life.
struct Shared<T> {
    slots: Box<[Slot<T>]>,
    producer_gone: AtomicBool,
    consumer_gone: AtomicBool,
    /// How many messages the consumer has taken. Only the consumer writes it.
    head: CachePadded<AtomicU64>,
}

// SAFETY: all of `Shared` but the values in the slots is `Sync` by itself. A value is reached only through a `Producer` or a
// `Consumer`; there is one of each, and `Producer::push` and `Consumer::read` argue that the two never touch the same value
// at the same time. A value crosses threads, hence `T: Send`. No two threads ever hold a reference to one, so `T: Sync` is
// not needed.
unsafe impl<T: Send> Sync for Shared<T> {}
// SAFETY: `Shared` owns its slots, so the last owner may free them on any thread; `T: Copy` (see `channel`) has no drop.
unsafe impl<T: Send> Send for Shared<T> {}

/// Makes a ring for `capacity` messages and returns its two ends. Allocates, and touches every page of, 64 bytes per slot
/// (for a `T` of at most 56 bytes, [`Producer::SLOT_BYTES`]); nothing allocates afterwards.
///
/// `T: Copy` since a message is plain data that moves by value. It also means that nothing has to be dropped: messages still
/// in a ring that goes away are forgotten, and an overwritten slot needs no care. `T: Send` since it changes threads.
///
/// # Panics
///
/// If `capacity` is not a power of two (1 is one, 0 is not). It is not rounded: depths are derived from limits, and a
/// rounded depth would belie the derivation.
pub fn channel<T: Copy + Send>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    assert!(
        capacity.is_power_of_two(),
        "the capacity of a ring is a power of two (1, 2, 4, ...), not {capacity}"
    );
    let empty = || Slot { seq: AtomicU64::new(0), value: UnsafeCell::new(MaybeUninit::uninit()) };
    let shared = Arc::new(Shared {
        slots: std::iter::repeat_with(empty).take(capacity).collect(),
        producer_gone: AtomicBool::new(false),
        consumer_gone: AtomicBool::new(false),
        head: CachePadded(AtomicU64::new(0)),
    });
    let slots = Slots {
        first: NonNull::from(&*shared.slots).cast(),
        mask: capacity as u64 - 1,
        not_sync: PhantomData,
    };
    let producer = Producer {
        slots,
        tail: 0,
        limit: capacity as u64,
        depth_max: 0,
        shared: Arc::clone(&shared),
    };
    let consumer = Consumer { slots, head: 0, shared };
    (producer, consumer)
}

/// A handle's own copy of where the slots are: one load less on the way to each, and no bounds check.
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
    /// The slot of message number `position`.
    ///
    /// # Safety
    ///
    /// The `Shared` that owns the slots must live as long as the reference does.
    #[inline(always)]
    unsafe fn at<'a>(&self, position: u64) -> &'a Slot<T> {
        let index = (position & self.mask) as usize;
        // SAFETY: `first` points to `mask + 1` initialised slots and `index <= mask`. They are on the heap, so they do not
        // move when `Shared` does, they live by the caller's promise, and nobody makes a `&mut` of a slot until `Shared` is
        // dropped.
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
/// Aligned to two lines, like [`Consumer`], so that two ends held side by side do not share one.
#[repr(align(128))]
pub struct Producer<T> {
    slots: Slots<T>,
    /// The number of the next message, which is how many were pushed. `limit - capacity <= tail <= limit`.
    tail: u64,
    /// Messages below this number fit: the consumer's position when last looked at, plus the capacity.
    limit: u64,
    depth_max: u64,
    shared: Arc<Shared<T>>,
}

// SAFETY: the producer is not tied to the thread that made it: its fields are numbers, an `Arc` of a `Shared` that is `Send`
// and `Sync`, and a pointer into that `Shared`. After a move there is still one producer, used by one thread.
unsafe impl<T: Send> Send for Producer<T> {}

impl<T: Copy + Send> Producer<T> {
    /// Bytes of one slot: 64 for a message of at most 56 bytes, else the next multiple of 64 above its size plus 8.
    pub const SLOT_BYTES: usize = size_of::<Slot<T>>();

    /// Appends `value`, or gives it back if the ring is full. The consumer sees it after one cache-line move.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), Full<T>> {
        if self.tail == self.limit && !self.look_for_room() {
            return Err(Full(value));
        }
        // SAFETY: `self.shared` keeps the slots alive.
        let slot = unsafe { self.slots.at(self.tail) };
        slot.value.with_mut(|cell| {
            // SAFETY: `tail < limit`, so the consumer has taken the message that this slot held one lap ago (if any): we
            // have seen its position beyond it, with an acquire that its release store of the position answers, and that
            // store comes after its read. And the consumer does not read the slot again before it finds `tail + 1` in
            // `seq`, which is stored below. So nobody else touches the value now.
            unsafe { cell.write(MaybeUninit::new(value)) }
        });
        self.tail += 1;
        // Release: whoever sees this sequence also sees the value written above.
        slot.seq.store(self.tail, order(Site::SlotPublish, Ordering::Release));
        Ok(())
    }

    /// Whether `count` more pushes will succeed, whatever the consumer does: for a batch that must go in whole or not at
    /// all. Looks at the consumer's position only if the room it last saw is too small. Never true above the capacity.
    #[inline]
    pub fn has_room(&mut self, count: usize) -> bool {
        self.limit - self.tail >= count as u64 || self.free() >= count
    }

    /// How many more pushes will succeed, at least: `0..=capacity`. Looks at the consumer's position, which costs a
    /// cache miss if the consumer has moved; prefer [`has_room`](Self::has_room) per message.
    pub fn free(&mut self) -> usize {
        self.look_for_room();
        (self.limit - self.tail) as usize
    }

    /// The most messages in flight that the producer has seen: `0..=capacity`, for a gauge. It looks when the room it knew of
    /// is used up, hence at least once per lap, and in [`free`](Self::free): a sample, never too high, equal to the capacity
    /// if a push was ever refused.
    pub fn depth_max(&self) -> usize {
        self.depth_max as usize
    }

    /// How many messages fit: the number given to [`channel`].
    pub fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// Whether the consumer is gone: nobody will read what is pushed from now on. Costs a cached load.
    #[inline]
    pub fn is_abandoned(&self) -> bool {
        self.shared.consumer_gone.load(order(Site::GoneObserve, Ordering::Acquire))
    }

    /// Looks at the consumer's position and says whether a message fits now.
    #[cold]
    fn look_for_room(&mut self) -> bool {
        // Acquire: having seen that the consumer is past a message, we may overwrite it only after its read of it; this
        // load and the consumer's release store put the read first.
        let head = self.shared.head.0.load(order(Site::HeadObserve, Ordering::Acquire));
        self.depth_max = self.depth_max.max(self.tail - head);
        self.limit = head + self.slots.capacity() as u64;
        self.tail < self.limit
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        // Release: a consumer that sees the flag also sees every message pushed before, see `Consumer::is_abandoned`.
        self.shared.producer_gone.store(true, order(Site::GonePublish, Ordering::Release));
    }
}

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let capacity = self.slots.capacity();
        f.debug_struct("Producer").field("capacity", &capacity).field("pushed", &self.tail).finish_non_exhaustive()
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

// SAFETY: as for `Producer`: numbers, an `Arc` that may move, and a pointer into what the `Arc` keeps alive.
unsafe impl<T: Send> Send for Consumer<T> {}

impl<T: Copy + Send> Consumer<T> {
    /// Takes the oldest message, if there is one.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        let value = self.peek()?;
        self.head += 1;
        // Release: the producer may overwrite the slot as soon as it sees this, so the read in `peek` has to be over.
        self.shared.head.0.store(self.head, order(Site::HeadPublish, Ordering::Release));
        Some(value)
    }

    /// A copy of the oldest message, if there is one, which stays in the ring.
    #[inline]
    pub fn peek(&self) -> Option<T> {
        // SAFETY: `self.shared` keeps the slots alive.
        let slot = unsafe { self.slots.at(self.head) };
        // Acquire: answers the producer's release store, so that its write of the value comes before our read.
        if slot.seq.load(order(Site::SlotObserve, Ordering::Acquire)) != self.head + 1 {
            return None;
        }
        Some(slot.value.with(|cell| {
            // SAFETY: the sequence says that message number `head` is in the slot, so the value is initialised; and the
            // acquire load puts its write before this read. The producer does not write the slot again before it sees a
            // position beyond `head`, which only `pop` stores, after this read.
            unsafe { (*cell).assume_init() }
        }))
    }

    /// Takes up to `max` messages in order, calls `each` with every one and returns how many there were. Ends at the first
    /// message that is not there yet, so with a finite `max` the caller gets its thread back even from a producer that never
    /// stops. A message counts as taken before `each` sees it, also if `each` panics.
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

    /// Whether the producer is gone. What it pushed before is still there to be taken, and visible: once this is true, the
    /// first `None` from [`pop`](Self::pop) is the end. Costs a cached load.
    #[inline]
    pub fn is_abandoned(&self) -> bool {
        // Acquire: answers the release store in the producer's drop, so its last push is visible with the flag.
        self.shared.producer_gone.load(order(Site::GoneObserve, Ordering::Acquire))
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        // Release: the producer learns nothing else through this flag; the same as on the other side, and off the hot path.
        self.shared.consumer_gone.store(true, order(Site::GonePublish, Ordering::Release));
    }
}

impl<T> fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let capacity = self.slots.capacity();
        f.debug_struct("Consumer").field("capacity", &capacity).field("taken", &self.head).finish_non_exhaustive()
    }
}
