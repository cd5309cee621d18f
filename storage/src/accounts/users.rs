//! Users: made, changed, disabled, listed. Each change and its line in the audit log are one transaction.

use super::Accounts;
use super::audit::{NewAuditEntry, Outcome, append_in};
use super::hashing::Hashed;
use super::policy::PasswordProblem;
use crate::relational::StoreError;
use greenhub_model::{ReceivedTime, Role};
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

/// Longest user name in bytes.
pub const USERNAME_MAX: usize = 64;
const NAME_CHARS_MAX: usize = 100;

/// An account as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct User {
    /// What the person types.
    pub username: String,
    /// Name for people.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Shut out by an administrator.
    pub disabled: bool,
    /// Locked by failures until then, Unix ms; 0 when not.
    pub locked_until: i64,
    /// The password must be changed at the next login.
    pub must_change: bool,
    /// Made, Unix ms.
    pub created_at: i64,
}

/// An account to make.
#[derive(Clone)]
pub struct NewUser<'a> {
    /// What the person types: `[A-Za-z0-9._-]{1,64}`.
    pub username: &'a str,
    /// Name for people; empty means the user name.
    pub name: &'a str,
    /// What they may do.
    pub role: Role,
    /// First password.
    pub password: &'a str,
    /// Ask for another password at the first login.
    pub must_change: bool,
}

/// Why an account was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Not a user name.
    #[error("user name {0:?} is not 1 to 64 characters of [A-Za-z0-9._-]")]
    BadName(String),
    /// Taken.
    #[error("user {0:?} exists already")]
    Exists(String),
    /// Not there.
    #[error("there is no user {0:?}")]
    Unknown(String),
    /// Against the rules.
    #[error(transparent)]
    Password(#[from] PasswordProblem),
    /// The last one who could undo it.
    #[error("{0:?} is the last administrator who can come in")]
    LastAdministrator(String),
    /// Too many passwords are being checked.
    #[error("too many logins at a time, try again in a moment")]
    Busy,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Accounts {
    /// Makes an account, its password judged by the policy.
    pub async fn add(&self, by: &str, new: &NewUser<'_>, now: ReceivedTime) -> Result<User, AccountError> {
        self.policy.judge(new.username, new.role, new.password)?;
        self.insert(by, new, now).await
    }

    /// Makes an account with a password that the policy might refuse: for the demonstration accounts only, whose
    /// password is public anyway. An account that exists already stays as it is.
    pub async fn seed(&self, new: &NewUser<'_>, now: ReceivedTime) -> Result<(), AccountError> {
        match self.get(new.username).await? {
            Some(_) => Ok(()),
            None => self.insert("hub", new, now).await.map(drop),
        }
    }

    async fn insert(&self, by: &str, new: &NewUser<'_>, now: ReceivedTime) -> Result<User, AccountError> {
        if !is_username(new.username) {
            return Err(AccountError::BadName(new.username.chars().take(80).collect()));
        }
        let Hashed::Done(phc) = self.hasher.hash(new.password).await? else {
            return Err(AccountError::Busy);
        };
        let name = if new.name.is_empty() { new.username } else { new.name };
        let name: String = name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
        let mut tx = self.db.begin().await?;
        let sql = "INSERT INTO users (username, name, role, password, password_at, must_change, disabled, failed, \
                   locked_until, created_at) VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0, $5) \
                   ON CONFLICT (username) DO NOTHING";
        let done = sqlx::query(sql)
            .bind(new.username)
            .bind(name.as_str())
            .bind(new.role.as_str())
            .bind(phc)
            .bind(now.millis())
            .bind(i64::from(new.must_change))
            .execute(&mut *tx)
            .await
            .map_err(StoreError::when("add a user"))?;
        if done.rows_affected() == 0 {
            return Err(AccountError::Exists(new.username.to_owned()));
        }
        self.trace(&mut tx, by, "user_added", new.username, new.role.as_str(), now).await?;
        commit(tx).await?;
        Ok(User {
            username: new.username.to_owned(),
            name,
            role: new.role,
            disabled: false,
            locked_until: 0,
            must_change: new.must_change,
            created_at: now.millis(),
        })
    }

    /// Gives a user another password, ends all their logins, lifts a lock.
    pub async fn set_password(
        &self,
        by: &str,
        username: &str,
        password: &str,
        now: ReceivedTime,
    ) -> Result<(), AccountError> {
        let user = self.get(username).await?.ok_or_else(|| AccountError::Unknown(shown(username)))?;
        self.policy.judge(username, user.role, password)?;
        match self.hasher.verify_any(password, self.old_passwords(username).await?).await? {
            Hashed::Busy => return Err(AccountError::Busy),
            Hashed::Done(true) => return Err(PasswordProblem::UsedBefore.into()),
            Hashed::Done(false) => {}
        }
        let Hashed::Done(phc) = self.hasher.hash(password).await? else {
            return Err(AccountError::Busy);
        };
        let failed = || StoreError::when("change a password");
        // Somebody else's hand: the person must choose their own at the next login.
        let must_change = i64::from(by != username);
        let mut tx = self.db.begin().await?;
        let keep = "INSERT INTO password_history (username, set_at, n, password) \
                    SELECT username, $2, (SELECT COALESCE(MAX(n), 0) + 1 FROM password_history WHERE username = $1), \
                    password FROM users WHERE username = $1";
        sqlx::query(keep).bind(username).bind(now.millis()).execute(&mut *tx).await.map_err(failed())?;
        let trim = "DELETE FROM password_history WHERE username = $1 AND n <= \
                    (SELECT MAX(n) FROM password_history WHERE username = $1) - $2";
        let kept = self.policy.history.saturating_sub(1) as i64;
        sqlx::query(trim).bind(username).bind(kept).execute(&mut *tx).await.map_err(failed())?;
        let set = "UPDATE users SET password = $2, password_at = $3, must_change = $4, failed = 0, locked_until = 0 \
                   WHERE username = $1";
        sqlx::query(set)
            .bind(username)
            .bind(phc)
            .bind(now.millis())
            .bind(must_change)
            .execute(&mut *tx)
            .await
            .map_err(failed())?;
        end_logins(&mut tx, username).await?;
        self.trace(&mut tx, by, "password_changed", username, "", now).await?;
        commit(tx).await
    }

    async fn old_passwords(&self, username: &str) -> Result<Vec<String>, StoreError> {
        if self.policy.history == 0 {
            return Ok(vec![]);
        }
        let sql = "SELECT password FROM users WHERE username = $1 \
                   UNION ALL SELECT password FROM password_history WHERE username = $1";
        let failed = || StoreError::when("read old passwords");
        let rows = sqlx::query(sql).bind(username).fetch_all(self.db.readers()).await.map_err(failed())?;
        rows.iter().map(|row| row.try_get(0).map_err(failed())).collect()
    }

    /// Shuts a user out and ends their logins, or lets them in again.
    pub async fn set_disabled(
        &self,
        by: &str,
        username: &str,
        disabled: bool,
        now: ReceivedTime,
    ) -> Result<(), AccountError> {
        let mut tx = self.db.begin().await?;
        if disabled {
            refuse_last_administrator(&mut tx, username).await?;
        }
        let done = sqlx::query("UPDATE users SET disabled = $2 WHERE username = $1")
            .bind(username)
            .bind(i64::from(disabled))
            .execute(&mut *tx)
            .await
            .map_err(StoreError::when("disable a user"))?;
        if done.rows_affected() == 0 {
            return Err(AccountError::Unknown(shown(username)));
        }
        if disabled {
            end_logins(&mut tx, username).await?;
        }
        let action = if disabled { "user_disabled" } else { "user_enabled" };
        self.trace(&mut tx, by, action, username, "", now).await?;
        commit(tx).await
    }

    /// Gives a user another role; their logins end, because what a login may do never changes.
    pub async fn set_role(&self, by: &str, username: &str, role: Role, now: ReceivedTime) -> Result<(), AccountError> {
        let mut tx = self.db.begin().await?;
        if role != Role::Administrator {
            refuse_last_administrator(&mut tx, username).await?;
        }
        let done = sqlx::query("UPDATE users SET role = $2 WHERE username = $1")
            .bind(username)
            .bind(role.as_str())
            .execute(&mut *tx)
            .await
            .map_err(StoreError::when("change a role"))?;
        if done.rows_affected() == 0 {
            return Err(AccountError::Unknown(shown(username)));
        }
        end_logins(&mut tx, username).await?;
        self.trace(&mut tx, by, "role_changed", username, role.as_str(), now).await?;
        commit(tx).await
    }

    /// One account.
    pub async fn get(&self, username: &str) -> Result<Option<User>, StoreError> {
        let row = sqlx::query(USER_BY_NAME)
            .bind(username)
            .fetch_optional(self.db.readers())
            .await
            .map_err(StoreError::when("read a user"))?;
        row.as_ref().map(user_of).transpose()
    }

    /// All accounts by name, at most 1,000.
    pub async fn list(&self) -> Result<Vec<User>, StoreError> {
        let sql = "SELECT username, name, role, disabled, locked_until, must_change, created_at FROM users \
                   ORDER BY username LIMIT 1000";
        let rows = sqlx::query(sql).fetch_all(self.db.readers()).await.map_err(StoreError::when("list users"))?;
        rows.iter().map(user_of).collect()
    }

    /// Whether there is an administrator who can come in; a server without one asks for the first password.
    pub async fn has_administrator(&self) -> Result<bool, StoreError> {
        Ok(self.list().await?.iter().any(|user| user.role == Role::Administrator && !user.disabled))
    }

    async fn trace(
        &self,
        tx: &mut Transaction<'static, Any>,
        by: &str,
        action: &str,
        object: &str,
        detail: &str,
        at: ReceivedTime,
    ) -> Result<(), StoreError> {
        let entry = NewAuditEntry { at, actor: by, origin: "", action, object, outcome: Outcome::Done, detail };
        append_in(tx, self.db.backend(), &entry).await
    }
}

const USER_BY_NAME: &str =
    "SELECT username, name, role, disabled, locked_until, must_change, created_at FROM users WHERE username = $1";

pub(super) fn is_username(text: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    !text.is_empty() && text.len() <= USERNAME_MAX && text.bytes().all(allowed)
}

fn shown(username: &str) -> String {
    username.chars().take(80).collect()
}

pub(super) fn user_of(row: &AnyRow) -> Result<User, StoreError> {
    let bad = || StoreError::row("users");
    let role: String = row.try_get(2).map_err(bad())?;
    Ok(User {
        username: row.try_get(0).map_err(bad())?,
        name: row.try_get(1).map_err(bad())?,
        role: Role::parse(&role).ok_or(role).map_err(StoreError::row("users"))?,
        disabled: row.try_get::<i64, _>(3).map_err(bad())? != 0,
        locked_until: row.try_get(4).map_err(bad())?,
        must_change: row.try_get::<i64, _>(5).map_err(bad())? != 0,
        created_at: row.try_get(6).map_err(bad())?,
    })
}

async fn refuse_last_administrator(tx: &mut Transaction<'static, Any>, username: &str) -> Result<(), AccountError> {
    let sql = "SELECT username FROM users WHERE role = 'administrator' AND disabled = 0 LIMIT 2";
    let rows = sqlx::query(sql).fetch_all(&mut **tx).await.map_err(StoreError::when("count administrators"))?;
    let names: Vec<String> = rows.iter().filter_map(|row| row.try_get(0).ok()).collect();
    match names.as_slice() {
        [only] if only == username => Err(AccountError::LastAdministrator(shown(username))),
        _ => Ok(()),
    }
}

async fn end_logins(tx: &mut Transaction<'static, Any>, username: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM login_tokens WHERE username = $1")
        .bind(username)
        .execute(&mut **tx)
        .await
        .map_err(StoreError::when("end logins"))?;
    Ok(())
}

async fn commit(tx: Transaction<'static, Any>) -> Result<(), AccountError> {
    tx.commit().await.map_err(StoreError::when("commit a change of accounts"))?;
    Ok(())
}
