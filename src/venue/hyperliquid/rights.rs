//! Cold. May a key trade for the account: what the venue is asked, and how its answers are judged.
//!
//! Two things must hold. The key is the account's own (which was allowed before it came here) or a valid
//! agent of it; and a sub-account or vault that is traded in the account's place is the account's: an agent
//! signs for its master, and for others only by the master's right.

use super::build::Owner;
use super::rest::{malformed, value};
use crate::venue::eip712::Address;
use crate::venue::rest::Unread;
use serde_json::{Value, json};

/// Of one key.
pub struct Rights<'a> {
    owner: Owner,
    key: &'a str,
}

impl<'a> Rights<'a> {
    pub fn new(owner: Owner, key: &'a str) -> Rights<'a> {
        Rights { owner, key }
    }

    /// The account's own key is no agent, and there is nothing to ask about it.
    fn is_agent(&self) -> bool {
        !same(self.key, self.owner.account)
    }

    /// The question behind these answers: the key's role and the account's agents, the role of what is
    /// traded in the account's place, and, of a vault alone, who leads it.
    pub fn next(&self, answers: &[Vec<u8>]) -> Option<String> {
        let mut asked = Vec::new();
        if self.is_agent() {
            asked.push(json!({"type": "userRole", "user": self.key}));
            asked.push(json!({"type": "extraAgents", "user": self.owner.account.to_string()}));
        }
        if let Some(vault) = self.owner.vault {
            let vault = vault.to_string();
            asked.push(json!({"type": "userRole", "user": vault}));
            let role = answers.get(asked.len() - 1).and_then(|role| value(role, "userRole").ok());
            if role.is_some_and(|role| role["role"] == "vault") {
                asked.push(json!({"type": "vaultDetails", "vaultAddress": vault}));
            }
        }
        asked.get(answers.len()).map(Value::to_string)
    }

    pub fn judge(&self, answers: &[Vec<u8>], now_ms: u64) -> Result<(), Unread> {
        let mut answers = answers.iter();
        let mut read = |kind: &str| value(answers.next().ok_or_else(|| malformed(kind))?, kind);
        if self.is_agent() {
            let (role, agents) = (read("userRole")?, read("extraAgents")?);
            self.agent(&role, &agents, now_ms).map_err(Unread::Refused)?;
        }
        let Some(vault) = self.owner.vault else { return Ok(()) };
        let role = read("userRole")?;
        match role["role"].as_str() {
            Some("subAccount") => self.sub_account(vault, &role["data"]),
            Some("vault") => self.leads(vault, &read("vaultDetails")?),
            Some(role) => Err(format!("{vault} is of role {role:?}, no sub-account and no vault")),
            None => return Err(malformed("userRole")),
        }
        .map_err(Unread::Refused)
    }

    fn agent(&self, role: &Value, agents: &Value, now_ms: u64) -> Result<(), String> {
        let (agent, owner) = (self.key, self.owner.account);
        match (role["role"].as_str(), role["data"]["user"].as_str()) {
            (Some("agent"), Some(user)) if same(user, owner) => {}
            (Some("agent"), user) => {
                let user = user.unwrap_or("another account");
                return Err(format!(
                    "{agent} is an agent of {user}, not of {owner}: the account is the agent's \
                     master, a sub-account or vault of it is --vault"
                ));
            }
            (Some("missing"), _) => {
                return Err(format!("{agent} is no agent of {owner}: approve it at the venue"));
            }
            (role, _) => {
                let role = role.unwrap_or("unknown");
                return Err(format!("{agent} is of role {role:?}, not an agent"));
            }
        }
        // The unnamed agent is not listed, and has no end that the venue tells.
        let it = |a: &&Value| a["address"].as_str().is_some_and(|x| x.eq_ignore_ascii_case(agent));
        let list = agents.as_array().ok_or("the venue does not list the account's agents")?;
        match list.iter().find(it).map(|found| found["validUntil"].as_u64()) {
            Some(Some(ms)) if ms <= now_ms => {
                Err(format!("the approval of agent {agent} has expired: approve it again"))
            }
            Some(None) => Err(format!("the venue does not say until when {agent} is valid")),
            _ => Ok(()),
        }
    }

    fn sub_account(&self, sub: Address, data: &Value) -> Result<(), String> {
        let owner = self.owner.account;
        match data["master"].as_str() {
            Some(master) if same(master, owner) => Ok(()),
            Some(master) => Err(format!("{sub} is a sub-account of {master}, not of {owner}")),
            None => Err(format!("the venue does not say whose sub-account {sub} is")),
        }
    }

    fn leads(&self, vault: Address, details: &Value) -> Result<(), String> {
        let owner = self.owner.account;
        match details["leader"].as_str() {
            Some(leader) if !same(leader, owner) => {
                Err(format!("{leader} leads the vault {vault}, not {owner}"))
            }
            None => Err(format!("the venue does not say who leads the vault {vault}")),
            // It may be wound down, not traded.
            Some(_) if details["isClosed"] == true => Err(format!("the vault {vault} is closed")),
            Some(_) => Ok(()),
        }
    }
}

/// Addresses come in letters of both cases.
fn same(text: &str, address: Address) -> bool {
    Address::parse(text.as_bytes()) == Some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: Address = Address([0xb2; 20]);
    const VAULT: Address = Address([0xe5; 20]);

    fn agent() -> String {
        Address([0xa1; 20]).to_string()
    }

    fn bytes(answers: &[Value]) -> Vec<Vec<u8>> {
        answers.iter().map(|a| a.to_string().into_bytes()).collect()
    }

    fn judge(vault: Option<Address>, key: &str, answers: &[Value]) -> Result<(), String> {
        let judged = Rights::new(Owner { account: OWNER, vault }, key).judge(&bytes(answers), 1000);
        judged.map_err(|why| why.to_string())
    }

    fn of_owner() -> Value {
        json!({"role": "agent", "data": {"user": OWNER.to_string().replace('b', "B")}})
    }

    #[test]
    fn an_agent_of_the_account_may_trade_while_it_is_valid() {
        let until = |ms: Value| json!([{"name": "x", "address": agent().replace('a', "A"), "validUntil": ms}]);
        let judge = |agents| judge(None, &agent(), &[of_owner(), agents]);
        assert_eq!(judge(until(json!(1001))), Ok(()));
        assert_eq!(judge(json!([])), Ok(()), "the unnamed one");
        let refused = |agents| judge(agents).expect_err("it may not");
        assert!(refused(until(json!(1000))).contains("has expired"));
        assert!(refused(until(json!(null))).contains("until when"));
        assert!(refused(json!(null)).contains("does not list"));
    }

    #[test]
    fn nobody_else_may() {
        let refused = |role| judge(None, &agent(), &[role, json!([])]).expect_err("it may not");
        let other = json!({"role": "agent", "data": {"user": VAULT.to_string()}});
        let why = refused(other);
        assert!(why.contains(&format!("an agent of {VAULT}, not of {OWNER}: ")), "{why}");
        assert!(refused(json!({"role": "missing"})).contains("approve it"));
        assert!(refused(json!({"role": "vault"})).contains("not an agent"));
        assert!(refused(json!(null)).contains("not an agent"));
        let none = judge(None, &agent(), &[of_owner()]).expect_err("an answer is missing");
        assert!(none.contains("extraAgents"), "{none}");
    }

    #[test]
    fn what_is_traded_must_be_the_accounts() {
        let with = |more: &[Value]| {
            let answers = [&[of_owner(), json!([])], more].concat();
            judge(Some(VAULT), &agent(), &answers)
        };
        let sub = |master: &str| json!({"role": "subAccount", "data": {"master": master}});
        assert_eq!(with(&[sub(&OWNER.to_string())]), Ok(()));
        let vault = json!({"role": "vault"});
        let led = |by: &str| json!({"name": "v", "leader": by, "isClosed": false});
        assert_eq!(with(&[vault.clone(), led(&OWNER.to_string())]), Ok(()));

        let refused = |more: &[Value]| with(more).expect_err("it is not");
        let (other, text) = (agent(), OWNER.to_string());
        assert!(
            refused(&[sub(&other)]).contains(&format!("sub-account of {other}, not of {OWNER}"))
        );
        assert!(refused(&[vault.clone(), led(&other)]).contains(&format!("{other} leads")));
        let closed = json!({"leader": text, "isClosed": true});
        assert!(refused(&[vault.clone(), closed]).contains("is closed"));
        assert!(refused(&[vault.clone(), json!(null)]).contains("who leads"));
        assert!(refused(&[vault]).contains("vaultDetails"), "an answer is missing");
        for role in ["user", "missing", "agent"] {
            let why = refused(&[json!({"role": role})]);
            assert!(why.contains(role) && why.contains("no sub-account and no vault"), "{why}");
        }
        assert!(refused(&[json!({"role": "subAccount"})]).contains("whose sub-account"));
        assert!(refused(&[json!(null)]).contains("userRole"));
        assert!(refused(&[]).contains("userRole"));
        // The account's own key trades the account, and of others what is the account's.
        assert_eq!(judge(None, &text, &[]), Ok(()));
        assert_eq!(judge(Some(VAULT), &text, &[sub(&text)]), Ok(()));
        assert!(judge(Some(VAULT), &text, &[sub(&other)]).is_err());
    }

    #[test]
    fn who_is_asked() {
        let all = |owner: Owner, key: &str, answers: &[Value]| -> Vec<String> {
            let answers = bytes(answers);
            let rights = Rights::new(owner, key);
            (0..=answers.len()).map_while(|n| rights.next(&answers[..n])).collect()
        };
        let text = OWNER.to_string();
        let (key, nothing) = (agent(), json!(null));
        let asked =
            all(Owner::of(OWNER), &key, &[nothing.clone(), nothing.clone(), nothing.clone()]);
        assert!(asked[0].contains("userRole") && asked[0].contains(&key));
        assert!(asked[1].contains("extraAgents") && asked[1].contains(&text));
        assert_eq!(asked.len(), 2);
        let sub = Owner { vault: Some(VAULT), ..Owner::of(OWNER) };
        let answers = [nothing.clone(), nothing.clone(), json!({"role": "vault"}), nothing.clone()];
        let asked = all(sub, &key, &answers);
        assert!(asked[1].contains(&text), "the master's agents");
        assert!(asked[2].contains("userRole") && asked[2].contains(&VAULT.to_string()));
        assert!(asked[3].contains(&format!(r#""vaultAddress":"{VAULT}""#)), "{asked:?}");
        assert_eq!(asked.len(), 4);
        let answers = [nothing.clone(), nothing, json!({"role": "subAccount"})];
        assert_eq!(all(sub, &key, &answers), asked[..3]);
        assert_eq!(all(Owner::of(OWNER), &text, &[]).len(), 0);
        assert_eq!(all(sub, &text, &[json!({"role": "user"})]), asked[2..3]);
    }
}
