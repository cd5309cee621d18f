//! Logins: a password becomes a token, a token becomes a session until it is too old or idle for too long.

use super::Accounts;
use super::audit::{NewAuditEntry, Outcome, append_in};
use super::hashing::Hashed;
use super::lockout::{FAILURES_MAX, LOCKED_MS, Noted};
use super::users::{USERNAME_MAX, User, is_username, user_of};
use crate::devices::random_bytes;
use crate::relational::StoreError;
use crate::relational::migration::hex;
use greenhub_model::{ReceivedTime, Role};
use sha2::{Digest, Sha256};
use sqlx::Row;

/// How long logins last. All in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginConfig {
    /// A login ends this long after it began, whatever happens.
    pub absolute_ms: i64,
    /// A login ends when it was not used for this long.
    pub idle_ms: i64,
    /// Logins one user may have at a time; the oldest ends first.
    pub logins_max: i64,
}

impl Default for LoginConfig {
    fn default() -> Self {
        Self { absolute_ms: 12 * 3_600_000, idle_ms: 30 * 60_000, logins_max: 20 }
    }
}

/// A new login. The token is shown once and stored hashed.
#[derive(Clone)]
pub struct Login {
    /// For the cookie or the `Authorization` header.
    pub token: String,
    /// Whose.
    pub session: Session,
    /// The password is to be changed: first login, or too old.
    pub must_change: bool,
}

/// Somebody who came in.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Session {
    /// What they typed.
    pub username: String,
    /// Name for people.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The login ends then at the latest, Unix ms.
    pub expires_at: i64,
}

/// Why somebody did not come in.
#[derive(Debug, thiserror::Error)]
pub enum LoginFailure {
    /// Name or password wrong, or the account disabled: which, is not told.
    #[error("user name or password is wrong")]
    Wrong,
    /// Too many failures.
    #[error("too many failures, locked until {until}")]
    Locked {
        /// Unix ms.
        until: i64,
    },
    /// Too many logins at this moment.
    #[error("too many logins at a time, try again in a moment")]
    Busy,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Accounts {
    /// Checks a name and password from `origin` (the peer's address, for the audit log).
    pub async fn login(
        &self,
        username: &str,
        password: &str,
        origin: &str,
        now: ReceivedTime,
    ) -> Result<Login, LoginFailure> {
        let at = now.millis();
        let reserved = if is_username(username) { self.reserve(username, at).await? } else { Reserved::NoSuchUser };
        let phc = match &reserved {
            Reserved::Locked { until } => return Err(LoginFailure::Locked { until: *until }),
            Reserved::NoSuchUser => {
                self.unknown.attempt(username, at).map_err(|until| LoginFailure::Locked { until })?;
                self.pad().await?;
                None
            }
            Reserved::Attempt { password, .. } => Some(password.clone()),
        };
        // A password longer than any policy allows is not worth hashing, but takes the same time.
        let tried = if password.len() > self.policy.length_max * 4 { "" } else { password };
        let Hashed::Done(right) = self.hasher.verify(tried, phc).await? else {
            return Err(LoginFailure::Busy);
        };
        match reserved {
            Reserved::Attempt { user, password_at, .. } if right && !user.disabled => {
                self.admit(user, password_at, origin, now).await
            }
            Reserved::Attempt { locked_until, .. } => {
                let detail = if locked_until > at { "locked after too many failures" } else { "" };
                self.note_failure(username, origin, detail, now).await?;
                Err(LoginFailure::Wrong)
            }
            _ => {
                if let Noted::Write { withheld } = self.unknown.note(at) {
                    let detail = match withheld {
                        0 => "no such user".to_owned(),
                        n => format!("no such user; {n} more were not written down"),
                    };
                    let known_form: String = username.chars().take(USERNAME_MAX).collect();
                    self.note_failure(&known_form, origin, &detail, now).await?;
                }
                Err(LoginFailure::Wrong)
            }
        }
    }

    /// Counts the attempt before the password is looked at.
    async fn reserve(&self, username: &str, now: i64) -> Result<Reserved, StoreError> {
        let failed = || StoreError::when("count a login attempt");
        let sql = "UPDATE users SET \
                   failed = CASE WHEN locked_until > 0 THEN 1 ELSE failed + 1 END, \
                   locked_until = CASE WHEN locked_until = 0 AND failed + 1 >= $3 THEN $4 ELSE 0 END \
                   WHERE username = $1 AND locked_until <= $2 \
                   RETURNING username, name, role, disabled, locked_until, must_change, created_at, password, \
                   password_at";
        let row = sqlx::query(sql)
            .bind(username)
            .bind(now)
            .bind(FAILURES_MAX)
            .bind(now + LOCKED_MS)
            .fetch_optional(self.db.writer())
            .await
            .map_err(failed())?;
        if let Some(row) = row {
            let user = user_of(&row)?;
            return Ok(Reserved::Attempt {
                locked_until: user.locked_until,
                user,
                password: row.try_get(7).map_err(failed())?,
                password_at: row.try_get(8).map_err(failed())?,
            });
        }
        Ok(match self.get(username).await? {
            Some(user) => Reserved::Locked { until: user.locked_until },
            None => Reserved::NoSuchUser,
        })
    }

    /// Costs an unknown name the same commit that counting an attempt costs a known one.
    async fn pad(&self) -> Result<(), StoreError> {
        sqlx::query("UPDATE login_padding SET attempts = attempts + 1 WHERE id = 1")
            .execute(self.db.writer())
            .await
            .map_err(StoreError::when("count a login attempt"))?;
        Ok(())
    }

    async fn admit(
        &self,
        user: User,
        password_at: i64,
        origin: &str,
        now: ReceivedTime,
    ) -> Result<Login, LoginFailure> {
        let failed = || StoreError::when("store a login");
        let at = now.millis();
        let token = hex(&random_bytes::<32>()?);
        let expires_at = at + self.config.absolute_ms;
        let mut tx = self.db.begin().await?;
        sqlx::query("UPDATE users SET failed = 0, locked_until = 0 WHERE username = $1")
            .bind(user.username.as_str())
            .execute(&mut *tx)
            .await
            .map_err(failed())?;
        sqlx::query("DELETE FROM login_tokens WHERE username = $1 AND (expires_at <= $2 OR seen_at <= $3)")
            .bind(user.username.as_str())
            .bind(at)
            .bind(at - self.config.idle_ms)
            .execute(&mut *tx)
            .await
            .map_err(failed())?;
        let oldest = "DELETE FROM login_tokens WHERE username = $1 AND token_hash NOT IN (SELECT token_hash FROM \
                      login_tokens WHERE username = $1 ORDER BY created_at DESC, token_hash LIMIT $2)";
        sqlx::query(oldest)
            .bind(user.username.as_str())
            .bind(self.config.logins_max - 1)
            .execute(&mut *tx)
            .await
            .map_err(failed())?;
        let sql = "INSERT INTO login_tokens (token_hash, username, created_at, expires_at, seen_at) \
                   VALUES ($1, $2, $3, $4, $3)";
        sqlx::query(sql)
            .bind(token_hash(&token))
            .bind(user.username.as_str())
            .bind(at)
            .bind(expires_at)
            .execute(&mut *tx)
            .await
            .map_err(failed())?;
        let entry = login_entry(&user.username, origin, Outcome::Done, "", now);
        append_in(&mut tx, self.db.backend(), &entry).await?;
        tx.commit().await.map_err(failed())?;
        let must_change = user.must_change || self.policy.is_due(password_at, at);
        let session = Session { username: user.username, name: user.name, role: user.role, expires_at };
        Ok(Login { token, session, must_change })
    }

    async fn note_failure(
        &self,
        username: &str,
        origin: &str,
        detail: &str,
        now: ReceivedTime,
    ) -> Result<(), StoreError> {
        self.audit.append(&login_entry(username, origin, Outcome::Refused, detail, now)).await
    }

    /// Whose login this token is; none when it is unknown, over, idle for too long, or its user disabled.
    ///
    /// Costs one read; the time of last use is written at most once a minute.
    pub async fn authenticate(&self, token: &str, now: ReceivedTime) -> Result<Option<Session>, StoreError> {
        if token.len() != 64 {
            return Ok(None);
        }
        let failed = || StoreError::when("read a login");
        let at = now.millis();
        let hash = token_hash(token);
        let sql = "SELECT u.username, u.name, u.role, t.expires_at, t.seen_at FROM login_tokens t \
                   JOIN users u ON u.username = t.username \
                   WHERE t.token_hash = $1 AND t.expires_at > $2 AND t.seen_at > $3 AND u.disabled = 0";
        let row = sqlx::query(sql)
            .bind(hash.as_str())
            .bind(at)
            .bind(at - self.config.idle_ms)
            .fetch_optional(self.db.readers())
            .await
            .map_err(failed())?;
        let Some(row) = row else {
            return Ok(None);
        };
        let seen_at: i64 = row.try_get(4).map_err(failed())?;
        if at - seen_at >= (self.config.idle_ms / 10).min(60_000) {
            sqlx::query("UPDATE login_tokens SET seen_at = $2 WHERE token_hash = $1")
                .bind(hash)
                .bind(at)
                .execute(self.db.writer())
                .await
                .map_err(failed())?;
        }
        let role: String = row.try_get(2).map_err(failed())?;
        Ok(Some(Session {
            username: row.try_get(0).map_err(failed())?,
            name: row.try_get(1).map_err(failed())?,
            role: Role::parse(&role).ok_or(role).map_err(StoreError::row("users"))?,
            expires_at: row.try_get(3).map_err(failed())?,
        }))
    }

    /// Ends a login.
    pub async fn logout(&self, token: &str, origin: &str, now: ReceivedTime) -> Result<(), StoreError> {
        let failed = || StoreError::when("end a login");
        let mut tx = self.db.begin().await?;
        let row = sqlx::query("DELETE FROM login_tokens WHERE token_hash = $1 RETURNING username")
            .bind(token_hash(token))
            .fetch_optional(&mut *tx)
            .await
            .map_err(failed())?;
        if let Some(row) = row {
            let username: String = row.try_get(0).map_err(failed())?;
            let entry = NewAuditEntry { action: "logout", ..login_entry(&username, origin, Outcome::Done, "", now) };
            append_in(&mut tx, self.db.backend(), &entry).await?;
        }
        tx.commit().await.map_err(failed())
    }

    /// Removes logins that are over; returns how many. To be called now and then.
    pub async fn forget_expired(&self, now: ReceivedTime) -> Result<u64, StoreError> {
        let done = sqlx::query("DELETE FROM login_tokens WHERE expires_at <= $1 OR seen_at <= $2")
            .bind(now.millis())
            .bind(now.millis() - self.config.idle_ms)
            .execute(self.db.writer())
            .await
            .map_err(StoreError::when("forget expired logins"))?;
        Ok(done.rows_affected())
    }
}

enum Reserved {
    Attempt { user: User, password: String, password_at: i64, locked_until: i64 },
    Locked { until: i64 },
    NoSuchUser,
}

fn login_entry<'a>(
    username: &'a str,
    origin: &'a str,
    outcome: Outcome,
    detail: &'a str,
    at: ReceivedTime,
) -> NewAuditEntry<'a> {
    NewAuditEntry { at, actor: username, origin, action: "login", object: "", outcome, detail }
}

fn token_hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}
