//! Where an agent's key may come from. Each refusal is of a file that differs from a good one in one
//! thing.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use evenkeel::keys::{AgentKey, KeyError};
use evenkeel::venue::eip712::Signer;

/// A key of the tests: 1, whose address is known to everyone.
const GOOD: &str = "0x0000000000000000000000000000000000000000000000000000000000000001\n";
const ADDRESS: &str = "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf";

/// A folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let folder = folder.join(format!("keys-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn write(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn refusal(path: &Path) -> KeyError {
    AgentKey::from_file(path).expect_err("it is refused")
}

#[test]
fn a_key_of_ours_is_read() {
    let folder = folder("good");
    let path = folder.join("key");
    for (text, mode) in [(GOOD, 0o600), (GOOD, 0o400), (&GOOD[2..66], 0o600)] {
        let _ = std::fs::remove_file(&path);
        write(&path, text, mode);
        let key = AgentKey::from_file(&path).unwrap();
        assert_eq!(key.address().text(), *ADDRESS.as_bytes());
        assert_eq!(format!("{key:?}"), format!("AgentKey({ADDRESS})"));
        assert_eq!(key.into_signer().address().text(), *ADDRESS.as_bytes());
    }
    let key = AgentKey::from_credentials(&folder, "key").unwrap();
    assert_eq!(key.address().text(), *ADDRESS.as_bytes());
    for name in ["", "../key", "a/b", "."] {
        let error = AgentKey::from_credentials(&folder, name).expect_err("no name");
        assert_eq!(error, KeyError::BadName(name.to_owned()));
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_file_that_others_may_read_is_refused() {
    let folder = folder("mode");
    let path = folder.join("key");
    for mode in [0o644, 0o640, 0o604, 0o620, 0o602, 0o660, 0o610] {
        write(&path, GOOD, mode);
        assert_eq!(refusal(&path), KeyError::Open(path.clone(), mode));
        assert!(refusal(&path).to_string().contains("chmod 600"));
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn only_a_plain_file_is_opened() {
    let folder = folder("kind");
    let (real, link, nowhere) = (folder.join("real"), folder.join("link"), folder.join("none"));
    write(&real, GOOD, 0o600);
    symlink(&real, &link).unwrap();
    assert_eq!(refusal(&link), KeyError::Link(link.clone()));
    assert_eq!(refusal(&folder), KeyError::NotAFile(folder.clone()));
    assert_eq!(refusal(&nowhere), KeyError::Unreadable(nowhere, std::io::ErrorKind::NotFound));
    // Without NONBLOCK this would wait for a writer for ever.
    let pipe = folder.join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    assert_eq!(refusal(&pipe), KeyError::NotAFile(pipe.clone()));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_is_no_key_is_refused_and_not_repeated() {
    let folder = folder("text");
    let path = folder.join("key");
    let digits = &GOOD[2..66];
    let short = &digits[1..];
    let long = format!("{digits}0");
    let other = format!("{}g", &digits[1..]);
    for text in ["", short, &long, &other, "not a key"] {
        write(&path, text, 0o600);
        let error = refusal(&path);
        assert_eq!(error, KeyError::NotHex(path.clone()));
        assert!(text.is_empty() || !error.to_string().contains(text));
    }
    write(&path, &"0".repeat(64), 0o600);
    assert_eq!(refusal(&path), KeyError::NotAKey(path.clone()));
    write(&path, &"f".repeat(64), 0o600);
    assert_eq!(refusal(&path), KeyError::NotAKey(path.clone()));
    write(&path, &GOOD.repeat(2), 0o600);
    assert_eq!(refusal(&path), KeyError::TooLong(path.clone(), 134));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_accounts_own_key_is_refused_unless_meant() {
    let folder = folder("owner");
    let path = folder.join("key");
    write(&path, GOOD, 0o600);
    let key = AgentKey::from_file(&path).unwrap();
    let other = Signer::new([7; 32]).unwrap().address();
    assert_eq!(key.check_owner(other, false), Ok(()));
    assert_eq!(key.check_owner(key.address(), false), Err(KeyError::Owner));
    assert_eq!(key.check_owner(key.address(), true), Ok(()));
    std::fs::remove_dir_all(folder).unwrap();
}
