//! Cold. Whose keys sign: from files or the service's credentials, never from anywhere else.

use crate::keys::{self, AgentKey, ApiKey, KeyError};
use crate::ops::Failure;
use crate::venue::build::{self, Access, Owner};
use std::path::{Path, PathBuf};

/// Where keys are.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct KeyArgs {
    /// The key that signs: a file of mode 0600. Hyperliquid: an agent's, 64 digits. Lighter: the first
    /// API key's, 80 digits. Without it, the service's credential `evenkeel-agent-key`.
    #[arg(long)]
    pub key_file: Option<PathBuf>,
    /// The second API key, which signs what takes. Without it, the credential `evenkeel-hedge-key`.
    #[arg(long)]
    pub hedge_key_file: Option<PathBuf>,
    /// Takes the account's own key, which may withdraw.
    #[arg(long)]
    pub allow_owner_key: bool,
}

/// Reads the keys that `owner` needs, after the process was hardened. `pool`: nonces prepared at most.
pub fn access(
    args: &KeyArgs,
    owner: Owner,
    network: build::Network,
    pool: Option<usize>,
) -> Result<Access, Failure> {
    let missing = keys::harden();
    if missing.swap {
        tracing::warn!(
            "memory with the key may be swapped: give the service LimitMEMLOCK=infinity"
        );
    }
    if missing.core {
        tracing::warn!("a crash may write a core file with the key");
    }
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let folder = credentials.as_deref();
    if let Some(account) = owner.address() {
        let key = agent(args.key_file.as_deref(), folder).map_err(Failure::config)?;
        key.check_owner(account, args.allow_owner_key).map_err(Failure::config)?;
        return Access::by_agent(network, owner, key.into_signer(), pool).map_err(Failure::config);
    }
    let places =
        [(&args.key_file, keys::CREDENTIAL), (&args.hedge_key_file, keys::HEDGE_CREDENTIAL)];
    let mut secrets = Vec::new();
    for (file, credential) in places.into_iter().take(owner.api_keys()) {
        let key = match (file, folder) {
            (Some(file), _) => ApiKey::from_file(file),
            (None, Some(folder)) => ApiKey::from_credentials(folder, credential),
            (None, None) => Err(KeyError::NoSource),
        };
        secrets.push(key.map_err(Failure::config)?.into_bytes());
    }
    Access::keyed(network, owner, secrets, pool).map_err(Failure::config)
}

/// A file that was named, or the service's credential.
fn agent(file: Option<&Path>, credentials: Option<&Path>) -> Result<AgentKey, KeyError> {
    match (file, credentials) {
        (Some(file), _) => AgentKey::from_file(file),
        (None, Some(folder)) => AgentKey::from_credentials(folder, keys::CREDENTIAL),
        (None, None) => Err(KeyError::NoSource),
    }
}
