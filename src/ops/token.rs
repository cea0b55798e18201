//! Cold. `evenkeel token`: auth tokens for an account's private data at Lighter, for other programs. A running engine
//! makes and renews its own.

use crate::instrument::VenueId;
use crate::ops::run::access::{KeyArgs, access};
use crate::ops::{Failure, exit};
use crate::pipeline::clock::Clock;
use crate::venue::build::{Network, Owner};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What can be asked of tokens.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum TokenVerb {
    /// Makes a fresh token from the account's key, and prints it or writes it to a file.
    Refresh(RefreshArgs),
}

#[derive(Clone, Debug, clap::Args)]
pub struct RefreshArgs {
    /// ACCOUNT or ACCOUNT:KEY: the indices of the account and of the API key that signs.
    #[arg(long)]
    pub account: String,
    #[command(flatten)]
    pub keys: KeyArgs,
    /// For how long it is good.
    #[arg(long, default_value_t = 420, value_parser = clap::value_parser!(u64).range(1..=480))]
    pub minutes: u64,
    /// A file of mode 0600, replaced whole; by default the token is printed.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// One JSON object: token, account, expiry in seconds since the epoch.
    #[arg(long)]
    pub json: bool,
}

pub fn run(verb: &TokenVerb, out: &mut impl Write) -> Result<i32, Failure> {
    let TokenVerb::Refresh(args) = verb;
    let now_s = Clock::start(1).now().0 / 1_000_000_000;
    refresh(args, now_s, out)
}

/// At this time, in seconds since the epoch.
pub fn refresh(args: &RefreshArgs, now_s: u64, out: &mut impl Write) -> Result<i32, Failure> {
    let owner = Owner::parse(VenueId::Lighter, &args.account)
        .map_err(|remedy| Failure::usage(format!("--account {:?}: {remedy}", args.account)))?;
    // A token names no chain.
    let mut access = access(&args.keys, owner, Network::Mainnet, None)?;
    let life_s = args.minutes * 60;
    let token = access.token(now_s, life_s).ok_or_else(|| Failure::bug("no token"))?;
    let expires_s = now_s + life_s;
    let text = match args.json {
        true => serde_json::json!({
            "token": token,
            "account": args.account,
            "expires_s": expires_s,
        })
        .to_string(),
        false => token,
    };
    let said = match &args.out {
        None => writeln!(out, "{text}"),
        Some(path) => {
            write_private(path, &text).map_err(|error| {
                Failure::environment(format!("--out {}: {error}", path.display()))
            })?;
            let minutes = args.minutes;
            writeln!(out, "{}: good for {minutes} min, until {expires_s}", path.display())
        }
    };
    said.map_err(Failure::environment)?;
    Ok(exit::OK)
}

/// Whoever reads the file sees the old text or the new one, and nobody else may read it.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}
