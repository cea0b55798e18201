//! Cold. The kill switch: signals and a file.
//!
//! - SIGINT and SIGTERM end a run in order: [`Command::Stop`]. The second one cancels everything at
//!   once; positions stay.
//! - SIGUSR1 kills: everything is cancelled, positions stay, and the kill file is written.
//! - The kill file kills a running engine when it appears, and no other one starts while it is
//!   there. With `flatten` as its first word positions are closed first.
//!
//! A kill is for good: the run ends, and only a person who removes the file lets another one begin.

use crate::event::Command;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What is asked of the process, in the order of its urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// Stop quoting, cancel, unwind when configured, and prove it.
    Stop,
    /// Cancel everything at once and end; positions stay.
    Abort,
    /// As [`Asked::Abort`], and nothing starts until a person says so.
    Kill,
    /// As [`Asked::Kill`], but positions are closed first.
    Flatten,
}

impl Asked {
    /// What the core is told.
    pub fn command(self) -> Command {
        match self {
            Asked::Stop => Command::Stop,
            Asked::Abort | Asked::Kill => Command::Kill,
            Asked::Flatten => Command::Flatten,
        }
    }
}

/// Why nothing starts.
#[derive(Debug)]
pub enum SwitchError {
    /// The kill file is there; its first line says why.
    Killed(PathBuf, String),
    /// Nobody can tell whether it is.
    Unreadable(PathBuf, io::Error),
    /// The system takes no handler for a signal.
    Signal(io::Error),
}

impl fmt::Display for SwitchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SwitchError::Killed(path, why) => write!(
                f,
                "killed: {why}: look what happened, then remove {} to start again",
                path.display()
            ),
            SwitchError::Unreadable(path, error) => write!(
                f,
                "the kill file {}: {error}: make its folder readable, or choose guards.kill_file",
                path.display()
            ),
            SwitchError::Signal(error) => write!(f, "no handler for signals: {error}"),
        }
    }
}

impl std::error::Error for SwitchError {}

/// What a person or the system asks of the process. Looked at a few times a second.
#[derive(Debug)]
pub struct Switch {
    file: Option<PathBuf>,
    signals: Option<Signals>,
    /// SIGINT and SIGTERM so far.
    stops: usize,
    kill: bool,
    /// What was told last: only what is more urgent follows, and nothing after a kill.
    told: Option<Asked>,
}

impl Switch {
    /// Refuses while the kill file is there; takes over the process's signals.
    pub fn install(file: Option<PathBuf>) -> Result<Switch, SwitchError> {
        let mut switch = Switch::without_signals(file)?;
        let signals = Signals::new([SIGINT, SIGTERM, SIGUSR1]).map_err(SwitchError::Signal)?;
        switch.signals = Some(signals);
        Ok(switch)
    }

    /// The file alone.
    pub fn without_signals(file: Option<PathBuf>) -> Result<Switch, SwitchError> {
        if let Some(path) = &file
            && let Some(why) = read(path)?
        {
            return Err(SwitchError::Killed(path.clone(), why));
        }
        Ok(Switch { file, signals: None, stops: 0, kill: false, told: None })
    }

    /// What was told last.
    pub fn told(&self) -> Option<Asked> {
        self.told
    }

    pub fn is_killed(&self) -> bool {
        self.told >= Some(Asked::Kill)
    }

    fn signal(&mut self, signal: i32) {
        if signal == SIGUSR1 {
            self.kill = true;
        } else {
            self.stops = self.stops.saturating_add(1);
        }
    }

    /// What is asked now, once. Never waits. A kill file that cannot be looked at is a kill.
    pub fn poll(&mut self) -> Option<Asked> {
        if self.is_killed() {
            return None;
        }
        // One signal that comes twice before this is asked may be seen once.
        let came: Vec<i32> = self.signals.as_mut().map_or(Vec::new(), |s| s.pending().collect());
        for signal in came {
            self.signal(signal);
        }
        let asked = self.file_says().or(match (self.kill, self.stops) {
            (true, _) => Some(Asked::Kill),
            (false, 0) => None,
            (false, 1) => Some(Asked::Stop),
            (false, _) => Some(Asked::Abort),
        });
        if asked <= self.told {
            return None;
        }
        if asked == Some(Asked::Kill) {
            self.keep("killed by SIGUSR1");
        }
        self.told = asked;
        asked
    }

    fn file_says(&self) -> Option<Asked> {
        match read(self.file.as_ref()?) {
            Ok(None) => None,
            Ok(Some(why)) if why.split_whitespace().next() == Some("flatten") => {
                Some(Asked::Flatten)
            }
            Ok(Some(_)) => Some(Asked::Kill),
            Err(error) => {
                tracing::error!(%error, "killed: the kill file can't be looked at");
                Some(Asked::Kill)
            }
        }
    }

    /// Writes the kill file, unless a person has: it outlives this process.
    fn keep(&self, why: &str) {
        let Some(path) = &self.file else { return };
        if path.exists() {
            return;
        }
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
        let made = folder.map_or(Ok(()), std::fs::create_dir_all);
        if let Err(error) = made.and_then(|()| std::fs::write(path, format!("{why}\n"))) {
            tracing::error!(path = %path.display(), %error, "no kill file: a restart would trade");
        }
    }
}

/// The first line of the kill file; `None` where there is none.
fn read(path: &Path) -> Result<Option<String>, SwitchError> {
    match std::fs::read(path) {
        Ok(text) => {
            let text = String::from_utf8_lossy(&text);
            let line = text.lines().next().unwrap_or_default().trim();
            Ok(Some(if line.is_empty() { "no reason is given" } else { line }.to_owned()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SwitchError::Unreadable(path.to_owned(), error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("evenkeel-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder of this test");
        folder.join("kill")
    }

    #[test]
    fn a_kill_outlives_the_process_until_a_person_clears_it() {
        let file = place("kill-stays");
        let mut switch = Switch::without_signals(Some(file.clone())).expect("no file yet");
        assert_eq!(switch.poll(), None);
        switch.signal(SIGUSR1);
        assert_eq!(switch.poll(), Some(Asked::Kill));
        assert_eq!(switch.poll(), None, "once");
        let refused = Switch::without_signals(Some(file.clone())).expect_err("a restart");
        let said = refused.to_string();
        assert!(said.contains("killed by SIGUSR1") && said.contains("remove"), "{said}");
        std::fs::remove_file(&file).expect("the person's file");
        assert!(Switch::without_signals(Some(file.clone())).is_ok());
        assert!(switch.is_killed(), "this run stays off");
        std::fs::remove_dir_all(file.parent().expect("a folder")).expect("ours");
    }

    #[test]
    fn a_file_kills_or_flattens_a_running_engine() {
        for (name, text, want) in [
            ("by-file", "the market is on fire\n", Asked::Kill),
            ("flatten", "flatten the market is on fire\n", Asked::Flatten),
            ("empty", "", Asked::Kill),
        ] {
            let file = place(name);
            let mut switch = Switch::without_signals(Some(file.clone())).expect("no file yet");
            switch.signal(SIGTERM);
            assert_eq!(switch.poll(), Some(Asked::Stop));
            std::fs::write(&file, text).expect("a kill file");
            assert_eq!(switch.poll(), Some(want), "{text:?}: a kill comes even after a stop");
            assert_eq!(switch.poll(), None);
            assert!(Switch::without_signals(Some(file.clone())).is_err());
            std::fs::remove_dir_all(file.parent().expect("a folder")).expect("ours");
        }
    }

    #[test]
    fn a_second_signal_is_more_urgent_and_a_kill_more_than_that() {
        let mut switch = Switch::without_signals(None).expect("no file");
        assert_eq!(switch.poll(), None);
        switch.signal(SIGINT);
        assert_eq!((switch.poll(), switch.poll()), (Some(Asked::Stop), None), "once");
        switch.signal(SIGTERM);
        assert_eq!((switch.poll(), switch.poll()), (Some(Asked::Abort), None));
        switch.signal(SIGINT);
        assert_eq!(switch.poll(), None, "there is nothing between it and a kill");
        switch.signal(SIGUSR1);
        assert_eq!((switch.poll(), switch.is_killed()), (Some(Asked::Kill), true));
        let mut both = Switch::without_signals(None).expect("no file");
        both.signal(SIGINT);
        both.signal(SIGINT);
        assert_eq!(both.poll(), Some(Asked::Abort), "two at once");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_a_kill() {
        let folder = place("unreadable");
        let mut switch = Switch::without_signals(Some(folder.clone())).expect("no file yet");
        // A folder in its place can't be read as a file.
        std::fs::create_dir_all(&folder).expect("a folder");
        assert_eq!(switch.poll(), Some(Asked::Kill));
        assert!(matches!(
            Switch::without_signals(Some(folder.clone())),
            Err(SwitchError::Unreadable(..))
        ));
        std::fs::remove_dir_all(folder.parent().expect("a folder")).expect("ours");
    }
}
