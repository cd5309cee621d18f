//! argon2id with the parameters of the OWASP advice (19 MiB, 2 passes), on blocking threads, few at a time.

use crate::relational::StoreError;
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use std::sync::{Arc, OnceLock};
use tokio::sync::Semaphore;

const AT_ONCE: usize = 2;
const WAITING_MAX: usize = 32;

/// What came of a request to hash.
#[derive(Debug)]
pub(super) enum Hashed<T> {
    /// Done.
    Done(T),
    /// Too many are waiting already.
    Busy,
}

#[derive(Debug, Clone)]
pub(super) struct Hasher {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    nobody: Arc<OnceLock<String>>,
}

impl Hasher {
    pub(super) fn new() -> Self {
        Self {
            running: Arc::new(Semaphore::new(AT_ONCE)),
            admitted: Arc::new(Semaphore::new(AT_ONCE + WAITING_MAX)),
            nobody: Arc::default(),
        }
    }

    /// The PHC string of a password.
    pub(super) async fn hash(&self, password: &str) -> Result<Hashed<String>, StoreError> {
        let password = password.to_owned();
        self.run(move || hash_now(&password)).await
    }

    /// Whether the password belongs to this PHC string. With no string it takes the same time and says no.
    pub(super) async fn verify(&self, password: &str, phc: Option<String>) -> Result<Hashed<bool>, StoreError> {
        let (password, nobody) = (password.to_owned(), Arc::clone(&self.nobody));
        self.run(move || {
            let known = phc.is_some();
            let text = match phc {
                Some(text) => text,
                None => match nobody.get() {
                    Some(text) => text.clone(),
                    None => {
                        let made = hash_now("the password of nobody")?;
                        nobody.get_or_init(|| made).clone()
                    }
                },
            };
            let parsed = PasswordHash::new(&text).map_err(StoreError::row("users"))?;
            let right = Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
            Ok(right && known)
        })
        .await
    }

    /// Whether the password belongs to any of these PHC strings.
    pub(super) async fn verify_any(&self, password: &str, phcs: Vec<String>) -> Result<Hashed<bool>, StoreError> {
        let password = password.to_owned();
        self.run(move || {
            let argon2 = Argon2::default();
            let belongs = |text: &String| {
                PasswordHash::new(text).is_ok_and(|phc| argon2.verify_password(password.as_bytes(), &phc).is_ok())
            };
            Ok(phcs.iter().any(belongs))
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Hashed<T>, StoreError> {
        let Ok(_admitted) = self.admitted.try_acquire() else {
            return Ok(Hashed::Busy);
        };
        let _turn = self.running.acquire().await.expect("this semaphore is never closed");
        let result = tokio::task::spawn_blocking(work).await.map_err(|e| StoreError::Task(e.to_string()))?;
        result.map(Hashed::Done)
    }
}

fn hash_now(password: &str) -> Result<String, StoreError> {
    let hash: PasswordHash =
        Argon2::default().hash_password(password.as_bytes()).map_err(|e| StoreError::Random(e.to_string()))?;
    Ok(hash.to_string())
}
