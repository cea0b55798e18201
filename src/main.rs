//! Cold. The command line. Without a verb it runs the demo.

use clap::{Parser, Subcommand};
use evenkeel::ops::demo::DemoArgs;
use evenkeel::ops::{
    Failure, calibrate, check, demo, exit, explain, metrics, pair, plan, replay, run, scenario,
    show_config, sign, token, venue,
};
use std::io::{stderr, stdout};
use std::process::ExitCode;

/// Market making, hedging and delta-neutral pairs on perpetual-futures DEXs.
#[derive(Parser)]
#[command(name = "evenkeel", version, about, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    demo: DemoArgs,
}

#[derive(Subcommand)]
enum Verb {
    /// A whole trading run against an embedded venue: no key, network or file needed.
    Demo(DemoArgs),
    /// Trades a configuration: on paper, or live with real orders.
    Run(run::RunArgs),
    /// Is a configuration valid, and is every order that it may make executable?
    Check(check::CheckArgs),
    /// Why did it do that? An order's life, a moment, or the timeline, from a journal.
    Explain(explain::ExplainArgs),
    /// Re-runs a journal and compares every decision and the state hash.
    Replay(replay::ReplayArgs),
    /// Prints the effective configuration: the defaults with a file of yours on them.
    ShowConfig(show_config::ShowConfigArgs),
    /// The calculators: quantize, hedge, ladder, pair.
    Plan(plan::PlanArgs),
    /// Runs every scenario with and without what it shows.
    Scenarios(scenario::compare::ScenariosArgs),
    /// A pair's trades as CSV, and the imbalance of each cycle from such a file.
    #[command(subcommand)]
    Pair(pair::PairVerb),
    /// What a running engine serves at /metrics, or a part of it.
    Metrics(metrics::MetricsArgs),
    /// Signs the cases of a vector file.
    Sign(sign::SignArgs),
    /// Compares a recorded market with the simulated one.
    Calibrate(calibrate::CalibrateArgs),
    /// Auth tokens for a venue's private data.
    #[command(subcommand)]
    Token(token::TokenVerb),
    /// Serves the embedded venue to other programs: SDKs, bots.
    Venue(venue::VenueArgs),
}

/// Cold threads' log lines go to stderr, warnings by default: `EVENKEEL_LOG=info evenkeel demo`.
fn start_log() {
    let level = std::env::var("EVENKEEL_LOG").ok().and_then(|name| name.parse().ok());
    let level = level.unwrap_or(tracing::Level::WARN);
    tracing_subscriber::fmt().with_max_level(level).with_writer(stderr).with_target(false).init();
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log();
    let result = match cli.verb.unwrap_or(Verb::Demo(cli.demo)) {
        Verb::Demo(args) => demo::run(&args),
        Verb::Run(args) => run::run(&args),
        Verb::Check(args) => check::run(&args, &mut stdout().lock()),
        Verb::Explain(args) => explain::run(&args, &mut stdout().lock()),
        Verb::Replay(args) => replay::run(&args, &mut stdout().lock()),
        Verb::ShowConfig(args) => show_config::run(&args, &mut stdout().lock()),
        Verb::Plan(args) => Ok(plan::run(&args, &mut stdout().lock(), &mut stderr().lock())),
        Verb::Scenarios(args) => scenario::compare::run(&args, &mut stdout().lock()),
        Verb::Pair(verb) => pair::run(&verb, &mut stdout().lock()),
        Verb::Metrics(args) => metrics::run(&args, &mut stdout().lock()),
        Verb::Sign(args) => return sign::run(&args),
        Verb::Calibrate(args) => calibrate::run(&args, &mut stdout().lock())
            .map(|()| exit::OK)
            .map_err(Failure::environment),
        Verb::Token(verb) => token::run(&verb, &mut stdout().lock()),
        Verb::Venue(args) => venue::run(&args, &mut stdout().lock()),
    };
    match result {
        Ok(code) => ExitCode::from(code as u8),
        Err(Failure { code, message }) => {
            eprintln!("evenkeel: {message}");
            ExitCode::from(code as u8)
        }
    }
}
