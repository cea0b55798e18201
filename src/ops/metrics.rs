//! Cold. `evenkeel metrics dump`: the page of a running engine's `GET /metrics`, or a part of it.

use crate::ops::{Failure, exit};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

#[derive(Clone, Debug, clap::Args)]
pub struct MetricsArgs {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Clone, Debug, clap::Subcommand)]
pub enum What {
    /// Prints the metrics of a running engine.
    Dump(DumpArgs),
}

#[derive(Clone, Debug, clap::Args)]
pub struct DumpArgs {
    /// Where the engine serves them: its `metrics.address`, as it says at its start.
    #[arg(long, default_value = "127.0.0.1:9464")]
    pub address: SocketAddr,
    /// Only metrics whose name begins with this.
    #[arg(long, default_value = "")]
    pub filter: String,
}

/// Longest page that is taken: some 30 kB for one market.
const PAGE_MAX: u64 = 16 << 20;
const PATIENCE: Duration = Duration::from_secs(5);

pub fn run(args: &MetricsArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    let What::Dump(args) = &args.what;
    let page = fetch(args.address).map_err(|error| {
        Failure::environment(format!(
            "http://{}/metrics: {error}: does an engine run?",
            args.address
        ))
    })?;
    let (head, body) = page
        .split_once("\r\n\r\n")
        .ok_or_else(|| Failure::environment(format!("{}: not an HTTP answer", args.address)))?;
    if !head.starts_with("HTTP/1.1 200 ") {
        let status = head.lines().next().unwrap_or("");
        return Err(Failure::environment(format!("{}: {status}", args.address)));
    }
    for line in body.lines() {
        let name = line.strip_prefix("# HELP ").or(line.strip_prefix("# TYPE ")).unwrap_or(line);
        if name.starts_with(&args.filter) {
            // A closed pipe is not an error.
            let _ = writeln!(out, "{line}");
        }
    }
    Ok(exit::OK)
}

fn fetch(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut page = String::new();
    stream.take(PAGE_MAX).read_to_string(&mut page)?;
    Ok(page)
}
