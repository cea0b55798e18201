//! Cold. `evenkeel sign`: signs a file of actions, so that our bytes can be compared with another
//! implementation's. Keys in such a file are throw-away; the engine's own key never comes this way.

pub mod lighter;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::venue::eip712::{
    Address, PooledSigner, Signature, Signer, nonce_pool, parse_hex, write_hex,
};
use crate::venue::hyperliquid::sign::action_json::{Node, connection_id};
use crate::venue::hyperliquid::sign::read::Owned;
use crate::venue::hyperliquid::sign::{Network, agent_digest};

/// Signs the actions of a vectors file and prints hashes and signatures.
#[derive(Args, Clone, Debug)]
pub struct SignArgs {
    /// Whose signing scheme.
    #[arg(long, value_enum)]
    pub venue: SignVenue,
    /// Hyperliquid: {"cases":[{"name","private_key","is_mainnet","action","nonce","vault_address",
    /// "expires_after"}..]}. Lighter: {"keys":[{"name","private_key"}..],"transactions":[{"key",
    /// "chain_id","tx_type","tx_info","err"}..]}, where what has an `err` is left out. Other fields
    /// are ignored.
    #[arg(long)]
    pub input: PathBuf,
    /// Print JSON instead of one line per case.
    #[arg(long)]
    pub json: bool,
    /// Sign with precomputed nonces: other signatures each time, all of them valid.
    #[arg(long)]
    pub pooled: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SignVenue {
    Hyperliquid,
    Lighter,
}

/// Why a file was not signed.
#[derive(Debug)]
pub enum SignError {
    Io(std::io::Error),
    Json(serde_json::Error),
    /// The named case has no valid private key.
    Key(String),
    /// The named case has a vault address that is none.
    Vault(String),
    /// The named case lacks the field, or it has no value that the field can have.
    Field(String, &'static str),
    /// The named case breaks the rule.
    Refused(String, &'static str),
    Randomness,
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SignError::Io(error) => write!(f, "cannot read the input: {error}"),
            SignError::Json(error) => write!(f, "not a file of cases: {error}"),
            SignError::Key(case) => write!(f, "case {case}: not a private key"),
            SignError::Vault(case) => write!(f, "case {case}: not a vault address"),
            SignError::Field(case, field) => write!(f, "case {case}: {field} is missing or wrong"),
            SignError::Refused(case, rule) => write!(f, "case {case}: refused: {rule}"),
            SignError::Randomness => f.write_str("no randomness from the operating system"),
        }
    }
}

impl std::error::Error for SignError {}

#[derive(Deserialize)]
struct Input {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    private_key: String,
    is_mainnet: bool,
    action: Node,
    nonce: u64,
    vault_address: Option<String>,
    expires_after: Option<u64>,
}

/// The signed form of one case.
#[derive(Clone, Debug)]
pub struct SignedCase {
    pub name: String,
    pub signer: Address,
    pub connection_id: [u8; 32],
    pub digest: [u8; 32],
    pub signature: Signature,
    /// The engine's hot encoder writes the same bytes.
    pub hand: bool,
}

/// Signs every case of a vectors file given as text.
pub fn sign_cases(text: &[u8], pooled: bool) -> Result<Vec<SignedCase>, SignError> {
    let input: Input = serde_json::from_slice(text).map_err(SignError::Json)?;
    input.cases.into_iter().map(|case| sign_case(case, pooled)).collect()
}

fn sign_case(case: Case, pooled: bool) -> Result<SignedCase, SignError> {
    let mut key = Zeroizing::new([0; 32]);
    let digits = case.private_key.strip_prefix("0x").unwrap_or(&case.private_key);
    if !parse_hex(digits.as_bytes(), &mut key[..]) {
        return Err(SignError::Key(case.name));
    }
    let Ok(signer) = Signer::new(*key) else {
        return Err(SignError::Key(case.name));
    };
    let vault = match case.vault_address.as_ref().map(|text| Address::parse(text.as_bytes())) {
        Some(None) => return Err(SignError::Vault(case.name)),
        Some(address) => address,
        None => None,
    };
    let network = if case.is_mainnet { Network::Mainnet } else { Network::Testnet };
    let connection_id = connection_id(&case.action, case.nonce, vault.as_ref(), case.expires_after);
    let digest = agent_digest(network, &connection_id);
    let mut packed = Vec::new();
    case.action.pack(&mut packed);
    let hand = Owned::read(&case.action).is_some_and(|action| action.pack() == packed);
    let mut signer = if pooled {
        let (mut filler, taker) = nonce_pool(&signer, 1);
        filler.fill(1).map_err(|_| SignError::Randomness)?;
        PooledSigner::with_pool(signer, taker)
    } else {
        PooledSigner::deterministic(signer)
    };
    let signature = signer.sign(&digest);
    let (name, signer) = (case.name, signer.address());
    Ok(SignedCase { name, signer, connection_id, digest, signature, hand })
}

#[derive(Serialize)]
struct Output<T> {
    cases: Vec<T>,
}

#[derive(Serialize)]
struct OutputCase<'a> {
    name: &'a str,
    connection_id: String,
    digest: String,
    signature: OutputSignature,
    /// `hand`: the engine's own encoder writes the same bytes; `general`: the engine does not
    /// write such an action.
    encoder: &'static str,
}

#[derive(Serialize)]
struct OutputSignature {
    r: String,
    s: String,
    v: u8,
}

impl<'a> From<&'a SignedCase> for OutputCase<'a> {
    fn from(case: &'a SignedCase) -> OutputCase<'a> {
        let Signature { r, s, v } = case.signature;
        OutputCase {
            name: &case.name,
            connection_id: hex(&case.connection_id),
            digest: hex(&case.digest),
            signature: OutputSignature { r: hex(&r), s: hex(&s), v },
            encoder: if case.hand { "hand" } else { "general" },
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    format!("0x{}", bare_hex(bytes))
}

fn bare_hex(bytes: &[u8]) -> String {
    let mut digits = vec![0; 2 * bytes.len()];
    write_hex(bytes, &mut digits);
    String::from_utf8(digits).expect("hex digits")
}

/// The verb: reads, signs, prints. Exit code 1 with a line on standard error when it cannot.
pub fn run(args: &SignArgs) -> ExitCode {
    let text = std::fs::read(&args.input).map_err(SignError::Io);
    let done = text.and_then(|text| match args.venue {
        SignVenue::Hyperliquid => sign_cases(&text, args.pooled).map(|cases| show(args, &cases)),
        SignVenue::Lighter => {
            lighter::sign_transactions(&text, args.pooled).map(|txs| show_lighter(args, &txs))
        }
    });
    if let Err(error) = done {
        eprintln!("sign: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn show(args: &SignArgs, cases: &[SignedCase]) {
    let output = Output { cases: cases.iter().map(OutputCase::from).collect() };
    if args.json {
        return print_json(&output);
    }
    for OutputCase { name, digest, signature: OutputSignature { r, s, v }, .. } in output.cases {
        println!("{name}\n  digest {digest}\n  r {r}\n  s {s}\n  v {v}");
    }
}

fn show_lighter(args: &SignArgs, txs: &[lighter::SignedTx]) {
    let output = Output { cases: txs.iter().map(lighter::OutputTx::from).collect() };
    if args.json {
        return print_json(&output);
    }
    for lighter::OutputTx { tx_hash, signature, public_key } in output.cases {
        println!("{tx_hash}\n  signature {signature}\n  public key {public_key}");
    }
}

fn print_json(output: &impl Serialize) {
    println!("{}", serde_json::to_string_pretty(output).expect("strings and numbers only"));
}
