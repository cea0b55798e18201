//! Cold. `evenkeel show-config`: the effective configuration, as a file that parses back to it.

use std::io::Write;
use std::path::PathBuf;

use crate::config::Config;
use crate::ops::{Failure, exit};

#[derive(Clone, Debug, clap::Args)]
pub struct ShowConfigArgs {
    /// The configuration, over the defaults; without it, the defaults
    pub config: Option<PathBuf>,
}

pub fn run(args: &ShowConfigArgs, out: &mut impl Write) -> Result<i32, Failure> {
    let config = match &args.config {
        Some(path) => Config::load(path),
        None => Config::parse("", "no file"),
    };
    let text = config.map_err(Failure::config)?.effective_toml();
    // A closed pipe is not an error of the configuration.
    let _ = write!(out, "{text}");
    Ok(exit::OK)
}
