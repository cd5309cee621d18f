//! Who may come in: users, passwords, login tokens, and the audit log of what was done.
//!
//! ```text
//! login(name, password, now) ─ reserve an attempt ─ locked? ─▶ Locked(until)
//!                            └ argon2id on a blocking thread ─ wrong ─▶ Wrong
//!                                                            └ right ─▶ token (256 random bits, stored hashed)
//! authenticate(token, now)  ─ unknown, too old, idle too long, user disabled ─▶ none
//! ```
//!
//! **Rules.** Five failures lock a name for 15 minutes; names that do not exist lock in the same way and cost the same
//! time, so an outsider cannot tell who has an account. An attempt is counted before the password is looked at: a
//! hundred parallel guesses are a hundred attempts. Time is always an argument.
//!
//! **Bounds.** At most two passwords are hashed at a time and 32 wait (19 MiB and about 25 ms each); unknown names are
//! remembered for at most 10,000 names; failures of unknown names are audited at most 60 a minute, then counted.
//!
//! **Deliberately absent:** cookies and routes (`dashboards`), what a role may do (each route says so).

mod audit;
mod hashing;
mod lockout;
mod login;
mod policy;
#[cfg(test)]
mod tests;
mod users;

pub use audit::{AuditEntry, AuditLog, AuditVerdict, NewAuditEntry, Outcome, append_in};
pub use login::{Login, LoginConfig, LoginFailure, Session};
pub use policy::{PasswordPolicy, PasswordProblem, PolicyProfile};
pub use users::{AccountError, NewUser, User};

use crate::relational::Database;
use hashing::Hasher;
use lockout::UnknownNames;
use std::sync::Arc;

/// All accounts of the hub.
#[derive(Debug, Clone)]
pub struct Accounts {
    db: Database,
    audit: AuditLog,
    policy: Arc<PasswordPolicy>,
    config: LoginConfig,
    hasher: Hasher,
    unknown: Arc<UnknownNames>,
}

impl Accounts {
    /// Accounts in this database.
    pub fn new(db: Database, policy: PasswordPolicy, config: LoginConfig) -> Self {
        Self {
            audit: AuditLog::new(db.clone()),
            db,
            policy: Arc::new(policy),
            config,
            hasher: Hasher::new(),
            unknown: Arc::default(),
        }
    }

    /// The audit log.
    pub fn audit(&self) -> &AuditLog {
        &self.audit
    }

    /// The rules for passwords.
    pub fn policy(&self) -> &PasswordPolicy {
        &self.policy
    }
}
