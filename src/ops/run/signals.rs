//! Cold. Signals of a run: the first asks for the orderly stop, the second for the quick one.

use crate::ops::Failure;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// What the operating system asks of us, in the order of its urgency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    #[default]
    Nothing,
    /// Stop quoting, cancel, unwind when configured, and prove it.
    Stop,
    /// Cancel everything at once; positions stay.
    Abort,
}

impl Asked {
    /// What so many signals ask for together with what was asked before.
    pub fn after(self, signals: usize) -> Asked {
        match (self, signals) {
            (_, 0) => self,
            (Asked::Nothing, 1) => Asked::Stop,
            _ => Asked::Abort,
        }
    }
}

/// SIGINT and SIGTERM, which from now on end nothing by themselves.
#[derive(Debug)]
pub struct Watch {
    signals: Signals,
    asked: Asked,
}

impl Watch {
    pub fn start() -> Result<Watch, Failure> {
        let signals = Signals::new([SIGINT, SIGTERM])
            .map_err(|error| Failure::environment(format!("no signals: {error}")))?;
        Ok(Watch { signals, asked: Asked::Nothing })
    }

    /// Never waits.
    pub fn asked(&mut self) -> Asked {
        // One signal that comes twice before this is asked may be seen once.
        self.asked = self.asked.after(self.signals.pending().count());
        self.asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_signal_is_more_urgent() {
        let asked = Asked::Nothing;
        assert_eq!(asked.after(0), Asked::Nothing);
        assert_eq!(asked.after(1), Asked::Stop);
        assert_eq!(asked.after(1).after(0), Asked::Stop);
        assert_eq!(asked.after(1).after(1), Asked::Abort);
        assert_eq!(asked.after(2), Asked::Abort);
    }
}
