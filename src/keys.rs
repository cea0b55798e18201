//! Cold. An agent's private key: where it may come from, and what is done so that it stays there.
//!
//! A key is 32 bytes (an agent's) or 40 (an API key) in hexadecimal in a file of its own: a systemd credential
//! (`LoadCredential=`, which gives a folder in `$CREDENTIALS_DIRECTORY`), or a file that only we can
//! read. There is no other way in: no configuration, no command line, no variable. The file is
//! opened without following a link, and what is asked about it is asked of the open file, so that
//! nobody can put another in its place between the question and the read.
//!
//! In memory the key is wiped when it is dropped. [`harden`] keeps the process's memory, and with
//! it every copy that the signer holds, out of swap and core dumps.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::venue::build::API_KEY_LEN;
use crate::venue::eip712::{Address, Signer};

/// The credential's name where none is given.
pub const CREDENTIAL: &str = "evenkeel-agent-key";
/// The same of an account's second API key, which signs what takes.
pub const HEDGE_CREDENTIAL: &str = "evenkeel-hedge-key";
/// Largest file that is read: 82 characters and some white space.
const FILE_MAX: u64 = 128;

/// Why there is no key. No variant holds a byte of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// Neither a file was named nor does the service manager give credentials.
    NoSource,
    /// A credential is named, not described by a path.
    BadName(String),
    /// The file can't be opened: absent, or not ours to read.
    Unreadable(PathBuf, std::io::ErrorKind),
    /// A link, which may point anywhere tomorrow.
    Link(PathBuf),
    /// A folder, a pipe, a device.
    NotAFile(PathBuf),
    /// Someone else's file.
    NotOurs(PathBuf, u32),
    /// Others may read or write it; its mode.
    Open(PathBuf, u32),
    /// More than a key is in it; bytes.
    TooLong(PathBuf, u64),
    /// Not 64 hexadecimal digits.
    NotHex(PathBuf),
    /// Not 80 hexadecimal digits: an API key has 40 bytes.
    NotApiKey(PathBuf),
    /// Zero, or not below the order of the group.
    NotAKey(PathBuf),
    /// It is the account's own: it may withdraw, and an agent's may not.
    Owner,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::NoSource => write!(
                f,
                "no key: state --key-file FILE, or give the service LoadCredential={CREDENTIAL}:FILE"
            ),
            KeyError::BadName(name) => write!(f, "credential {name:?}: a name, without a /"),
            KeyError::Unreadable(path, kind) => write!(f, "key {}: {kind}", path.display()),
            KeyError::Link(path) => {
                write!(f, "key {}: is a link; name the file itself", path.display())
            }
            KeyError::NotAFile(path) => write!(f, "key {}: not a plain file", path.display()),
            KeyError::NotOurs(path, uid) => {
                write!(f, "key {}: belongs to user {uid}; chown it", path.display())
            }
            KeyError::Open(path, mode) => {
                let path = path.display();
                write!(f, "key {path}: others may read it (mode {mode:04o}); chmod 600 {path}")
            }
            KeyError::TooLong(path, size) => {
                write!(f, "key {}: {size} bytes are no key of 64 digits", path.display())
            }
            KeyError::NotHex(path) => {
                write!(f, "key {}: not 64 hexadecimal digits", path.display())
            }
            KeyError::NotApiKey(path) => {
                write!(f, "key {}: not 80 hexadecimal digits", path.display())
            }
            KeyError::NotAKey(path) => {
                write!(f, "key {}: not a private key of secp256k1", path.display())
            }
            KeyError::Owner => f.write_str(
                "the key is the account's own, which may withdraw: approve an agent and use its \
                 key (--allow-owner-key if this is meant)",
            ),
        }
    }
}

impl std::error::Error for KeyError {}

/// An agent's key that was read. It prints as nothing, is wiped when dropped and cannot be copied.
pub struct AgentKey {
    bytes: Zeroizing<[u8; 32]>,
    address: Address,
}

impl fmt::Debug for AgentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgentKey({})", String::from_utf8_lossy(&self.address.text()))
    }
}

impl AgentKey {
    /// The credential of this name in the service manager's folder.
    pub fn from_credentials(folder: &Path, name: &str) -> Result<AgentKey, KeyError> {
        AgentKey::from_file(&credential(folder, name)?)
    }

    /// A file of ours that nobody else may read.
    pub fn from_file(path: &Path) -> Result<AgentKey, KeyError> {
        let bytes = decode(&content(path)?).ok_or_else(|| KeyError::NotHex(path.to_owned()))?;
        let signer = Signer::new(*bytes).map_err(|_| KeyError::NotAKey(path.to_owned()))?;
        Ok(AgentKey { bytes, address: signer.address() })
    }

    /// Whose signatures it makes.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Refuses the account's own key, unless that is meant.
    pub fn check_owner(&self, account: Address, allowed: bool) -> Result<(), KeyError> {
        if self.address == account && !allowed { Err(KeyError::Owner) } else { Ok(()) }
    }

    /// The signer; this copy of the key is wiped.
    pub fn into_signer(self) -> Signer {
        Signer::new(*self.bytes).expect("it was one when it was read")
    }
}

/// An account's API key that was read: 40 bytes, of which nothing is concluded here. It prints as
/// nothing, is wiped when dropped and cannot be copied.
pub struct ApiKey(Zeroizing<[u8; API_KEY_LEN]>);

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey")
    }
}

impl ApiKey {
    /// The credential of this name in the service manager's folder.
    pub fn from_credentials(folder: &Path, name: &str) -> Result<ApiKey, KeyError> {
        ApiKey::from_file(&credential(folder, name)?)
    }

    /// A file of ours that nobody else may read.
    pub fn from_file(path: &Path) -> Result<ApiKey, KeyError> {
        decode(&content(path)?).map(ApiKey).ok_or_else(|| KeyError::NotApiKey(path.to_owned()))
    }

    /// The bytes, for the signer, which wipes them.
    pub fn into_bytes(self) -> Zeroizing<[u8; API_KEY_LEN]> {
        self.0
    }
}

fn credential(folder: &Path, name: &str) -> Result<PathBuf, KeyError> {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(KeyError::BadName(name.to_owned()));
    }
    Ok(folder.join(name))
}

fn content(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let file = open(path)?;
    read(path, file)
}

/// Opens without following a link at the end of the path, and without waiting at a pipe.
fn open(path: &Path) -> Result<File, KeyError> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    // The flags' bits are a C int.
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| {
        // A link that is not followed is ELOOP, whose kind has no stable name.
        match path.symlink_metadata() {
            Ok(found) if found.is_symlink() => KeyError::Link(path.to_owned()),
            _ => KeyError::Unreadable(path.to_owned(), error.kind()),
        }
    })
}

/// Reads an open file after it was found to be ours alone.
fn read(path: &Path, file: File) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let failed = |error: std::io::Error| KeyError::Unreadable(path.to_owned(), error.kind());
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err(KeyError::NotAFile(path.to_owned()));
    }
    let us = rustix::process::geteuid().as_raw();
    // systemd gives credentials to the service's user, or keeps them root's and readable by us.
    if about.uid() != us && about.uid() != 0 {
        return Err(KeyError::NotOurs(path.to_owned(), about.uid()));
    }
    let mode = about.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Open(path.to_owned(), mode));
    }
    if about.len() > FILE_MAX {
        return Err(KeyError::TooLong(path.to_owned(), about.len()));
    }
    // Room for all of it from the start: a vector that grows leaves copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(FILE_MAX as usize + 1));
    file.take(FILE_MAX + 1).read_to_end(&mut text).map_err(failed)?;
    if text.len() as u64 > FILE_MAX {
        return Err(KeyError::TooLong(path.to_owned(), text.len() as u64));
    }
    Ok(text)
}

/// Two hexadecimal digits for each byte, after `0x` or not, with white space around.
fn decode<const N: usize>(text: &[u8]) -> Option<Zeroizing<[u8; N]>> {
    let text = text.trim_ascii();
    let digits = text.strip_prefix(b"0x").unwrap_or(text);
    if digits.len() != 2 * N {
        return None;
    }
    let mut key = Zeroizing::new([0; N]);
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |b: u8| (b as char).to_digit(16);
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some(key)
}

/// What the operating system did not grant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unhardened {
    /// Memory may be swapped: raise `LimitMEMLOCK`.
    pub swap: bool,
    /// A crash may write a core file.
    pub core: bool,
}

/// Keeps what is in memory from then on out of swap, and all of it out of core dumps and out of
/// reach of debuggers. Called before a key is read. Locking one address would need `unsafe` and
/// would miss the copies that signing makes on stacks; so the whole process is locked, pages
/// when they are first used.
pub fn harden() -> Unhardened {
    use rustix::mm::{MlockAllFlags, mlockall};
    use rustix::process::{DumpableBehavior, Resource, getrlimit, set_dumpable_behavior};
    let core = set_dumpable_behavior(DumpableBehavior::NotDumpable).is_err();
    // With a limit, locking what comes would make later allocations fail in the middle of a run.
    let unlimited = getrlimit(Resource::Memlock).current.is_none();
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    let swap = !unlimited || mlockall(flags).is_err();
    Unhardened { swap, core }
}
