//! Cold. `evenkeel token refresh`: the token is the key's, for the time that was asked for, and a file of
//! it is ours alone.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use evenkeel::keys::{ApiKey, KeyError};
use evenkeel::ops::run::access::KeyArgs;
use evenkeel::ops::token::{RefreshArgs, refresh};
use evenkeel::venue::lighter::crypto::schnorr::{Signature, Signer};
use evenkeel::venue::lighter::token::text_hash;

const NOW_S: u64 = 1_795_000_000;
/// A key of the tests.
const KEY: [u8; 40] = [0x42; 40];

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let folder = folder.join(format!("token-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
}

fn bytes(digits: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal");
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// The key signed the token, which names this deadline, account and key.
fn verify(token: &str, head: &str) {
    let (message, signature) = token.trim().rsplit_once(':').expect("four parts");
    assert_eq!(message, head);
    let signature: [u8; 80] = bytes(signature).try_into().expect("80 bytes");
    let signature = Signature::from_bytes(&signature).expect("canonical");
    let public = Signer::new(KEY).expect("a key").public_key();
    assert!(public.verify(&text_hash(message), &signature));
}

fn args(key: &Path, out: Option<PathBuf>, json: bool) -> RefreshArgs {
    let keys = KeyArgs { key_file: Some(key.to_owned()), ..KeyArgs::default() };
    let account = "77:6".to_owned();
    RefreshArgs { account, keys, minutes: 30, out, json }
}

#[test]
fn a_token_is_signed_by_the_key() {
    let folder = folder("signed");
    let key = folder.join("key");
    write(&key, &hex(&KEY), 0o600);
    let head = format!("{}:77:6", NOW_S + 1800);
    let mut said = Vec::new();
    assert_eq!(refresh(&args(&key, None, false), NOW_S, &mut said), Ok(0));
    verify(&String::from_utf8(said).expect("text"), &head);
    let mut said = Vec::new();
    assert_eq!(refresh(&args(&key, None, true), NOW_S, &mut said), Ok(0));
    let value: serde_json::Value = serde_json::from_slice(&said).expect("JSON");
    assert_eq!((&value["account"], &value["expires_s"]), (&"77:6".into(), &(NOW_S + 1800).into()));
    verify(value["token"].as_str().expect("a token"), &head);
    std::fs::remove_dir_all(folder).expect("gone");
}

#[test]
fn a_file_of_it_is_ours_alone_and_replaced_whole() {
    let folder = folder("file");
    let (key, out) = (folder.join("key"), folder.join("token"));
    write(&key, &hex(&KEY), 0o400);
    // Somebody's that others may read, and the rest of a run that was interrupted.
    write(&out, "old", 0o644);
    write(&folder.join("token.new"), "half", 0o644);
    let mut said = Vec::new();
    assert_eq!(refresh(&args(&key, Some(out.clone()), false), NOW_S, &mut said), Ok(0));
    let said = String::from_utf8(said).expect("text");
    assert!(said.contains("good for 30 min, until 1795001800"), "{said}");
    let mode = std::fs::metadata(&out).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let token = std::fs::read_to_string(&out).expect("text");
    assert!(!said.contains(token.trim()), "it is not shown as well");
    verify(&token, &format!("{}:77:6", NOW_S + 1800));
    assert!(!folder.join("token.new").exists());
    std::fs::remove_dir_all(folder).expect("gone");
}

fn evenkeel(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
    command.args(args).env_remove("CREDENTIALS_DIRECTORY").output().expect("it runs")
}

#[test]
fn what_is_no_key_of_ours_is_refused() {
    let folder = folder("refused");
    let key = folder.join("key");
    write(&key, &hex(&KEY), 0o644);
    let file = key.to_str().expect("text");
    let with = |account: &str| {
        let done = evenkeel(&["token", "refresh", "--account", account, "--key-file", file]);
        (done.status.code(), String::from_utf8(done.stderr).expect("text"))
    };
    let (code, why) = with("77");
    assert!(code == Some(3) && why.contains("chmod 600"), "{why}");
    write(&key, &hex(&KEY[1..]), 0o600);
    let (code, why) = with("77");
    assert!(code == Some(3) && why.contains("not 80 hexadecimal digits"), "{why}");
    write(&key, &hex(&[0; 40]), 0o600);
    let (code, why) = with("77");
    assert!(code == Some(3) && why.contains("API key 4"), "{why}");
    write(&key, &hex(&KEY), 0o600);
    let (code, why) = with("0xab");
    assert!(code == Some(2) && why.contains("ACCOUNT:KEY"), "{why}");
    assert_eq!(with("77").0, Some(0));
    assert_eq!(
        ApiKey::from_credentials(&folder, "../key").expect_err("a path"),
        KeyError::BadName("../key".to_owned())
    );
    let read = ApiKey::from_credentials(&folder, "key").expect("a key");
    assert_eq!(format!("{read:?}"), "ApiKey", "it prints as nothing");
    assert_eq!(*read.into_bytes(), KEY);
    std::fs::remove_dir_all(folder).expect("gone");
}
