//! Cold. The kill switch: signals and a file.
//!
//! - SIGINT and SIGTERM end a run in order: [`Command::Stop`].
//! - SIGUSR1 kills: everything is cancelled, positions stay, and the kill file is written.
//! - The kill file kills a running engine when it appears, and no other one starts while it is
//!   there. With `flatten` as its first word positions are closed first.
//!
//! A kill is for good: the run ends, and only a person who removes the file lets another one begin.

use crate::event::Command;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
    stop: Arc<AtomicBool>,
    kill: Arc<AtomicBool>,
    /// What was told last: each command once, and none after a kill.
    told: Option<Command>,
}

impl Switch {
    /// Refuses while the kill file is there; takes over the process's signals.
    pub fn install(file: Option<PathBuf>) -> Result<Switch, SwitchError> {
        let switch = Switch::without_signals(file)?;
        let flags = [(SIGINT, &switch.stop), (SIGTERM, &switch.stop), (SIGUSR1, &switch.kill)];
        for (signal, flag) in flags {
            signal_hook::flag::register(signal, Arc::clone(flag)).map_err(SwitchError::Signal)?;
        }
        Ok(switch)
    }

    /// The file alone.
    pub fn without_signals(file: Option<PathBuf>) -> Result<Switch, SwitchError> {
        if let Some(path) = &file
            && let Some(why) = read(path)?
        {
            return Err(SwitchError::Killed(path.clone(), why));
        }
        let flag = || Arc::new(AtomicBool::new(false));
        Ok(Switch { file, stop: flag(), kill: flag(), told: None })
    }

    /// As the signals of the same name do.
    pub fn ask(&self, command: Command) {
        let flag = if command == Command::Stop { &self.stop } else { &self.kill };
        flag.store(true, Ordering::Release);
    }

    pub fn is_killed(&self) -> bool {
        matches!(self.told, Some(Command::Kill | Command::Flatten))
    }

    /// The next command, once. A kill file that cannot be looked at is one.
    pub fn poll(&mut self) -> Option<Command> {
        if self.is_killed() {
            return None;
        }
        let command = self.file_says().or_else(|| {
            let stop = self.stop.load(Ordering::Acquire).then_some(Command::Stop);
            let kill = self.kill.load(Ordering::Acquire).then_some(Command::Kill);
            kill.or(stop)
        })?;
        if self.told == Some(command) {
            return None;
        }
        if command == Command::Kill {
            self.keep("killed by SIGUSR1");
        }
        self.told = Some(command);
        Some(command)
    }

    fn file_says(&self) -> Option<Command> {
        match read(self.file.as_ref()?) {
            Ok(None) => None,
            Ok(Some(why)) if why.split_whitespace().next() == Some("flatten") => {
                Some(Command::Flatten)
            }
            Ok(Some(_)) => Some(Command::Kill),
            Err(error) => {
                tracing::error!(%error, "killed: the kill file can't be looked at");
                Some(Command::Kill)
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
        switch.ask(Command::Kill);
        assert_eq!(switch.poll(), Some(Command::Kill));
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
            ("by-file", "the market is on fire\n", Command::Kill),
            ("flatten", "flatten the market is on fire\n", Command::Flatten),
            ("empty", "", Command::Kill),
        ] {
            let file = place(name);
            let mut switch = Switch::without_signals(Some(file.clone())).expect("no file yet");
            switch.ask(Command::Stop);
            assert_eq!(switch.poll(), Some(Command::Stop));
            std::fs::write(&file, text).expect("a kill file");
            assert_eq!(switch.poll(), Some(want), "{text:?}: a kill comes even after a stop");
            assert_eq!(switch.poll(), None);
            assert!(Switch::without_signals(Some(file.clone())).is_err());
            std::fs::remove_dir_all(file.parent().expect("a folder")).expect("ours");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_a_kill() {
        let folder = place("unreadable");
        let mut switch = Switch::without_signals(Some(folder.clone())).expect("no file yet");
        // A folder in its place can't be read as a file.
        std::fs::create_dir_all(&folder).expect("a folder");
        assert_eq!(switch.poll(), Some(Command::Kill));
        assert!(matches!(
            Switch::without_signals(Some(folder.clone())),
            Err(SwitchError::Unreadable(..))
        ));
        std::fs::remove_dir_all(folder.parent().expect("a folder")).expect("ours");
    }
}
