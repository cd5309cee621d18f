//! What a device must know to be let in: its name and a secret of its own.
//!
//! The hub makes the secret, 128 random bits, and shows it once. Stored is a salted SHA-256 of it: with that much
//! randomness nothing can be guessed, so a slow hash would protect nothing and cost 25 ms at each of the hundreds of
//! connections a second after a power cut. (Passwords that people choose are another matter: see `accounts`.)
//!
//! **Cost.** A verification is one map look-up and one hash, about a microsecond; each device is read from the
//! database again when its entry is older than [`FRESH_US`], so a credential revoked by another process (the command
//! line) stops working within that time. **Bound.** At most [`CACHE_MAX`] entries are remembered, unknown names none.
//! A revoked credential ends new connections; an open one is the broker's to close.

use crate::relational::filter::Select;
use crate::relational::migration::hex;
use crate::relational::{Database, Page, PageRequest, StoreError};
use greenhub_model::{Class, DeviceId, ReceivedTime};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::any::AnyRow;
use std::collections::HashMap;

/// Age at which a remembered credential is read again, microseconds.
pub const FRESH_US: i64 = 10_000_000;
/// Most credentials remembered.
pub const CACHE_MAX: usize = 100_000;

/// A secret on its way to a device; prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new one: 128 random bits as 32 hexadecimal digits.
    pub fn random() -> Result<Self, StoreError> {
        Ok(Self(hex(&random_bytes::<16>()?)))
    }

    /// The text, to be shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// A credential as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DeviceCredential {
    /// The device; also its user name.
    pub device: DeviceId,
    /// Class it may publish under.
    pub class: Class,
    /// Made, Unix ms.
    pub created_at: i64,
    /// Revoked, Unix ms.
    pub revoked_at: Option<i64>,
}

/// Why a credential was not made.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// It has one already; `renew` makes a new secret.
    #[error("device {0} has a credential already; renew it to get a new secret")]
    Exists(DeviceId),
    /// It has none.
    #[error("device {0} has no credential")]
    Unknown(DeviceId),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Debug, Clone)]
struct Known {
    class: Class,
    salt: String,
    hash: String,
    revoked: bool,
    read_at: ReceivedTime,
}

/// Credentials of all devices.
#[derive(Debug)]
pub struct DeviceCredentials {
    db: Database,
    known: Mutex<HashMap<DeviceId, Known>>,
}

impl DeviceCredentials {
    /// Credentials in this database.
    pub fn new(db: Database) -> Self {
        Self { db, known: Mutex::new(HashMap::new()) }
    }

    /// Gives a device its first credential; returns the secret, which is stored nowhere.
    pub async fn add(&self, device: &DeviceId, class: Class, now: ReceivedTime) -> Result<Secret, CredentialError> {
        let secret = Secret::random()?;
        let salt = hex(&random_bytes::<16>()?);
        let sql = "INSERT INTO device_credentials (device, class, salt, hash, created_at, revoked_at) \
                   VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT (device) DO NOTHING";
        let done = sqlx::query(sql)
            .bind(device.as_str())
            .bind(class.as_str())
            .bind(salt.as_str())
            .bind(digest(&salt, secret.reveal().as_bytes()))
            .bind(now.millis())
            .execute(self.db.writer())
            .await
            .map_err(StoreError::when("store a device credential"))?;
        if done.rows_affected() == 0 {
            return Err(CredentialError::Exists(device.clone()));
        }
        Ok(secret)
    }

    /// Gives a device a new secret; the old one stops working, a revocation is lifted.
    pub async fn renew(&self, device: &DeviceId, now: ReceivedTime) -> Result<Secret, CredentialError> {
        let secret = Secret::random()?;
        let salt = hex(&random_bytes::<16>()?);
        let sql =
            "UPDATE device_credentials SET salt = $2, hash = $3, created_at = $4, revoked_at = 0 WHERE device = $1";
        let done = sqlx::query(sql)
            .bind(device.as_str())
            .bind(salt.as_str())
            .bind(digest(&salt, secret.reveal().as_bytes()))
            .bind(now.millis())
            .execute(self.db.writer())
            .await
            .map_err(StoreError::when("renew a device credential"))?;
        self.known.lock().remove(device);
        if done.rows_affected() == 0 {
            return Err(CredentialError::Unknown(device.clone()));
        }
        Ok(secret)
    }

    /// Shuts a device out.
    pub async fn revoke(&self, device: &DeviceId, now: ReceivedTime) -> Result<(), CredentialError> {
        let done = sqlx::query("UPDATE device_credentials SET revoked_at = $2 WHERE device = $1 AND revoked_at = 0")
            .bind(device.as_str())
            .bind(now.millis())
            .execute(self.db.writer())
            .await
            .map_err(StoreError::when("revoke a device credential"))?;
        self.known.lock().remove(device);
        if done.rows_affected() == 0 { Err(CredentialError::Unknown(device.clone())) } else { Ok(()) }
    }

    /// The class under which a device with this name and secret may speak; none when it is not to be let in.
    pub async fn verify(&self, user: &str, secret: &[u8], now: ReceivedTime) -> Result<Option<Class>, StoreError> {
        if !DeviceId::accepts(user) {
            return Ok(None);
        }
        let Some(known) = self.look_up(user, now).await? else {
            return Ok(None);
        };
        let right = equal(digest(&known.salt, secret).as_bytes(), known.hash.as_bytes());
        Ok((right && !known.revoked).then_some(known.class))
    }

    /// The class of a device that is registered and not revoked, for doors that know it by other means (a certificate).
    pub async fn class_of(&self, device: &DeviceId, now: ReceivedTime) -> Result<Option<Class>, StoreError> {
        Ok(self.look_up(device.as_str(), now).await?.filter(|known| !known.revoked).map(|known| known.class))
    }

    async fn look_up(&self, user: &str, now: ReceivedTime) -> Result<Option<Known>, StoreError> {
        let remembered = self.known.lock().get(user).cloned();
        if let Some(known) = remembered.filter(|known| now.0.saturating_sub(known.read_at.0).abs() < FRESH_US) {
            return Ok(Some(known));
        }
        let sql = "SELECT device, class, created_at, revoked_at, salt, hash FROM device_credentials WHERE device = $1";
        let row = sqlx::query(sql)
            .bind(user)
            .fetch_optional(self.db.readers())
            .await
            .map_err(StoreError::when("read a device credential"))?;
        let Some(row) = row else {
            self.known.lock().remove(user);
            return Ok(None);
        };
        let bad = || StoreError::row("device_credentials");
        let credential = credential_of(&row)?;
        let known = Known {
            class: credential.class,
            salt: row.try_get(4).map_err(bad())?,
            hash: row.try_get(5).map_err(bad())?,
            revoked: credential.revoked_at.is_some(),
            read_at: now,
        };
        let mut cache = self.known.lock();
        if cache.len() >= CACHE_MAX {
            cache.clear();
        }
        cache.insert(credential.device, known.clone());
        Ok(Some(known))
    }

    /// A page of credentials by device name.
    pub async fn list(&self, page: &PageRequest) -> Result<Page<DeviceCredential>, StoreError> {
        let mut select = Select::new("SELECT device, class, created_at, revoked_at FROM device_credentials");
        if let Some((_, device)) = page.after()? {
            select.and("device", ">", device);
        }
        let rows = select.fetch(self.db.readers(), "device", page.fetch(), "list device credentials").await?;
        let items = rows.iter().map(credential_of).collect::<Result<Vec<_>, _>>()?;
        Ok(page.page(items, |credential| (0, credential.device.to_string())))
    }
}

fn credential_of(row: &AnyRow) -> Result<DeviceCredential, StoreError> {
    let bad = || StoreError::row("device_credentials");
    let device: String = row.try_get(0).map_err(bad())?;
    let class: String = row.try_get(1).map_err(bad())?;
    let revoked_at: i64 = row.try_get(3).map_err(bad())?;
    Ok(DeviceCredential {
        device: DeviceId::new(&device).map_err(StoreError::row("device_credentials"))?,
        class: Class::parse(&class).ok_or(class).map_err(StoreError::row("device_credentials"))?,
        created_at: row.try_get(2).map_err(bad())?,
        revoked_at: (revoked_at != 0).then_some(revoked_at),
    })
}

fn digest(salt: &str, secret: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(salt.as_bytes());
    hash.update(secret);
    hex(&hash.finalize())
}

/// Random bytes of the system.
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| StoreError::Random(e.to_string()))?;
    Ok(bytes)
}

/// Compares without telling by its time where the difference is.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differences, (x, y)| differences | (x ^ y)) == 0
}
