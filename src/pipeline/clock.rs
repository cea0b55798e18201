//! Hot. The only clock. A stamp is the TSC where it is invariant (the vDSO clock otherwise, which
//! `quanta` decides at calibration), as ns since the process began.
//!
//! The engine's time is the Unix time at the start plus the stamps' advance, so it never goes back
//! when the system's clock is set. Against the embedded venue it may run faster than the wall: the
//! market, its venue and every timer of the engine then see the same accelerated time, while stamps,
//! and with them all latencies, stay true nanoseconds.

use crate::event::Stamp;
use crate::units::Nanos;

/// Copied to every thread; all copies agree.
#[derive(Clone, Debug)]
pub struct Clock {
    tsc: quanta::Clock,
    start: u64,
    epoch: Nanos,
    speed: u32,
}

impl Clock {
    /// `speed`: engine nanoseconds per real one, 1..=1000; live it is 1. Cold.
    pub fn start(speed: u32) -> Clock {
        assert!((1..=1000).contains(&speed), "speed is between 1 and 1000");
        #[expect(clippy::disallowed_methods, reason = "the one clock")]
        let wall = std::time::SystemTime::now();
        let unix = wall.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Clock::at(Nanos(unix.as_nanos() as u64), speed)
    }

    /// A clock whose engine time begins at `epoch`.
    pub fn at(epoch: Nanos, speed: u32) -> Clock {
        Clock::over(quanta::Clock::new(), epoch, speed)
    }

    /// A clock over a given counter: a test moves `quanta::Clock::mock` by hand.
    pub fn over(tsc: quanta::Clock, epoch: Nanos, speed: u32) -> Clock {
        let start = tsc.raw();
        Clock { tsc, start, epoch, speed }
    }

    /// Real nanoseconds since the process began; at least 1, because zero means "no stamp".
    #[inline]
    pub fn stamp(&self) -> Stamp {
        Stamp(self.tsc.delta_as_nanos(self.start, self.tsc.raw()).max(1))
    }

    /// The engine's time at a stamp.
    #[inline]
    pub fn time(&self, stamp: Stamp) -> Nanos {
        Nanos(self.epoch.0 + stamp.0 * u64::from(self.speed))
    }

    #[inline]
    pub fn now(&self) -> Nanos {
        self.time(self.stamp())
    }

    /// How far the system's wall clock has moved against the counter since the start, in real ns.
    /// Cold. It asks the system.
    pub fn wall_drift(&self, stamp: Stamp) -> i64 {
        #[expect(clippy::disallowed_methods, reason = "the one clock")]
        let wall = std::time::SystemTime::now();
        let unix = wall.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        // Nanoseconds since 1970 fit an i64 until the year 2262.
        (unix.as_nanos() as i64).wrapping_sub(self.epoch.0 as i64).wrapping_sub(stamp.0 as i64)
    }

    /// The wall clock's date in ms, for nonces that a venue compares with its own clock.
    pub fn speed(&self) -> u32 {
        self.speed
    }
}
