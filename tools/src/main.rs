//! Cold. `evenkeel-tools doctor [--cpus LIST] [--json] [--root FOLDER]`.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;
use tools::doctor;
use tools::host::{Cpus, Host, cpu_list};

const USAGE: &str = "usage: evenkeel-tools doctor [--cpus LIST] [--json] [--root FOLDER]

Checks that this host is fit for the engine's threads on these cpus.
  --cpus LIST    such as 2-4 or 2,3,4; the isolated ones by default, or all but the first
  --json         one JSON object
  --root FOLDER  reads proc/ and sys/ below this folder instead of /

Exit codes: 0 all pass, 1 a warning, 2 the command line is wrong.";

struct Args {
    cpus: Option<Cpus>,
    json: bool,
    root: PathBuf,
}

fn parse(words: impl Iterator<Item = String>) -> Option<Args> {
    let mut words = words;
    if words.next().as_deref() != Some("doctor") {
        return None;
    }
    let mut args = Args { cpus: None, json: false, root: PathBuf::from("/") };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--json" => args.json = true,
            "--cpus" => args.cpus = Some(cpu_list(&words.next()?).filter(|c| !c.is_empty())?),
            "--root" => args.root = PathBuf::from(words.next()?),
            _ => return None,
        }
    }
    Some(args)
}

fn main() -> ExitCode {
    let Some(args) = parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let host = Host::at(&args.root);
    let cpus = args.cpus.unwrap_or_else(|| doctor::default_cpus(&host));
    let findings = doctor::examine(&host, &cpus);
    if args.json {
        println!("{}", doctor::json(&findings));
    } else {
        print!("{}", doctor::text(&findings));
    }
    ExitCode::from(u8::from(findings.iter().any(|f| f.remedy.is_some())))
}
