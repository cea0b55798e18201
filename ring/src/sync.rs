//! Cold. The atomics this crate is built on: the standard library's, or loom's under `--cfg loom`.
//!
//! [`order`] and [`fence`] name each place that needs more than `Relaxed`. In a normal build the
//! name is dropped at compile time. Under loom a test can take one place's ordering away
//! (`sabotage::without`) and watch the model checker find the race.

/// A place in the code whose memory ordering carries an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(loom), allow(dead_code))]
pub enum Site {
    /// `spsc`: the producer says that a slot holds a message.
    MessagePublish,
    /// `spsc`: the consumer asks whether a slot holds its message.
    MessageObserve,
    /// `spsc`: the consumer says that a slot is free.
    RoomPublish,
    /// `spsc`: the producer asks whether a slot is free.
    RoomObserve,
    /// `spsc`: the producer says that it is gone.
    GonePublish,
    /// `spsc`: the consumer asks whether the producer is gone.
    GoneObserve,
    /// `latest`: the fence between the odd version and the words.
    WriteBegin,
    /// `latest`: the writer stores the even version.
    WriteEnd,
    /// `latest`: the reader loads the version before the words.
    ReadBegin,
    /// `latest`: the fence between the words and the second look at the version.
    ReadEnd,
}

#[cfg(loom)]
impl Site {
    /// All of them. The length is the last one's number plus 1: a new one at the end does not
    /// compile before it is here.
    pub const ALL: [Self; Self::ReadEnd as usize + 1] = [
        Self::MessagePublish,
        Self::MessageObserve,
        Self::RoomPublish,
        Self::RoomObserve,
        Self::GonePublish,
        Self::GoneObserve,
        Self::WriteBegin,
        Self::WriteEnd,
        Self::ReadBegin,
        Self::ReadEnd,
    ];
}

#[cfg(not(loom))]
mod imp {
    pub(crate) use std::hint::spin_loop;
    pub(crate) use std::sync::Arc;
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use super::Site;

    /// The ordering that `site` needs.
    #[inline(always)]
    pub(crate) const fn order(_site: Site, ordering: Ordering) -> Ordering {
        ordering
    }

    /// The fence that `site` needs.
    #[inline(always)]
    pub(crate) fn fence(_site: Site, ordering: Ordering) {
        std::sync::atomic::fence(ordering);
    }

    /// `std::cell::UnsafeCell` with loom's interface.
    #[derive(Debug)]
    pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        #[inline(always)]
        pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
            read(self.0.get())
        }

        #[inline(always)]
        pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
            write(self.0.get())
        }
    }
}

#[cfg(loom)]
mod imp {
    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::sync::Arc;
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    /// Not loom's `spin_loop`: a spinning thread has to let the other run, or loom explores
    /// one schedule for ever.
    pub(crate) use loom::thread::yield_now as spin_loop;

    use super::{Site, sabotage};

    pub(crate) fn order(site: Site, ordering: Ordering) -> Ordering {
        if sabotage::is_without(site) { Ordering::Relaxed } else { ordering }
    }

    pub(crate) fn fence(site: Site, ordering: Ordering) {
        if !sabotage::is_without(site) {
            loom::sync::atomic::fence(ordering);
        }
    }
}

pub(crate) use imp::*;

/// Takes one ordering away, so that a test can show that loom would notice. Exists under `--cfg
/// loom` only.
#[cfg(loom)]
pub mod sabotage {
    use std::cell::Cell;

    pub use super::Site;

    thread_local! {
        // One per system thread is right: loom runs all threads of a model as coroutines of the one
        // that called it.
        static WITHOUT: Cell<Option<Site>> = const { Cell::new(None) };
    }

    pub(crate) fn is_without(site: Site) -> bool {
        WITHOUT.get() == Some(site)
    }

    /// Runs `model` with the ordering at `site` weakened to `Relaxed`, or its fence left out.
    pub fn without<R>(site: Site, model: impl FnOnce() -> R) -> R {
        /// Restores on unwind too: the models that run in here are the ones that panic.
        struct Restore;
        impl Drop for Restore {
            fn drop(&mut self) {
                WITHOUT.set(None);
            }
        }
        let _restore = Restore;
        WITHOUT.set(Some(site));
        model()
    }
}
