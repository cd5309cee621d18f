//! Who may connect to the broker: devices by credential or certificate, programs by account, anybody from loopback in a
//! demo.

use futures_util::future::BoxFuture;
use greenhub_gateway::auth::{Authenticate, Credentials, Denied, Identity, Rights, certificate_common_name};
use greenhub_model::{DeviceId, Role};
use greenhub_storage::accounts::{Accounts, LoginFailure};
use greenhub_storage::devices::DeviceCredentials;
use greenhub_storage::log::Clock;
use std::sync::Arc;
use tracing::{info, warn};

/// The hub's answer at the broker's door.
pub struct Admission {
    /// Credentials of devices.
    pub devices: DeviceCredentials,
    /// Accounts of people; programs use them too.
    pub accounts: Accounts,
    /// Let unknown clients in from loopback.
    pub demo: bool,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
}

impl Authenticate for Admission {
    fn authenticate(&self, credentials: Credentials) -> BoxFuture<'_, Result<Identity, Denied>> {
        Box::pin(async move {
            let answer = self.judge(&credentials).await;
            if let Err(denied) = &answer {
                info!(client = %credentials.client_id, user = credentials.user_name, peer = ?credentials.peer,
                      error = %denied, "client refused");
            }
            answer
        })
    }
}

impl Admission {
    async fn judge(&self, credentials: &Credentials) -> Result<Identity, Denied> {
        if let Some(der) = &credentials.certificate {
            return self.by_certificate(der).await;
        }
        let loopback = credentials.peer.is_some_and(|peer| peer.ip().is_loopback());
        let (Some(user), Some(password)) = (&credentials.user_name, &credentials.password) else {
            return if self.demo && loopback { Ok(guest(credentials)) } else { Err(Denied::BadCredentials) };
        };
        match self.by_password(user, &password.0, credentials).await {
            Err(Denied::BadCredentials) if self.demo && loopback && !self.is_known(user).await? => {
                Ok(guest(credentials))
            }
            other => other,
        }
    }

    async fn by_certificate(&self, der: &[u8]) -> Result<Identity, Denied> {
        let name = certificate_common_name(der).ok_or(Denied::NotAuthorised)?;
        let device = DeviceId::new(&name).map_err(|_| Denied::NotAuthorised)?;
        let class = self.devices.class_of(&device, self.clock.now()).await.map_err(unavailable)?;
        class.map(|class| as_device(device, class)).ok_or(Denied::NotAuthorised)
    }

    async fn by_password(&self, user: &str, password: &[u8], credentials: &Credentials) -> Result<Identity, Denied> {
        let now = self.clock.now();
        if let Ok(device) = DeviceId::new(user)
            && let Some(class) = self.devices.verify(user, password, now).await.map_err(unavailable)?
        {
            return Ok(as_device(device, class));
        }
        let password = std::str::from_utf8(password).map_err(|_| Denied::BadCredentials)?;
        let origin = credentials.peer.map(|peer| peer.ip().to_string()).unwrap_or_default();
        let login = self.accounts.login(user, password, &origin, now).await.map_err(|failure| match failure {
            LoginFailure::Locked { .. } => Denied::Banned,
            LoginFailure::Busy | LoginFailure::Store(_) => Denied::Unavailable,
            LoginFailure::Wrong => Denied::BadCredentials,
        })?;
        // A program needs no token: the connection itself is its session.
        self.accounts.logout(&login.token, &origin, now).await.map_err(unavailable)?;
        let everything = || vec!["#".to_owned()];
        let rights = match login.session.role {
            Role::Administrator => Rights::all(),
            Role::Auditor => Rights::Program { publish: vec![], subscribe: everything() },
            _ => return Err(Denied::NotAuthorised),
        };
        Ok(Identity { principal: Arc::from(format!("user:{user}")), rights, unregistered: false })
    }

    async fn is_known(&self, user: &str) -> Result<bool, Denied> {
        if let Ok(device) = DeviceId::new(user)
            && self.devices.class_of(&device, self.clock.now()).await.map_err(unavailable)?.is_some()
        {
            return Ok(true);
        }
        Ok(self.accounts.get(user).await.map_err(unavailable)?.is_some())
    }
}

/// A registered device. Its profile may still be on its way into the log, so the dataflow is told to admit it.
fn as_device(device: DeviceId, class: greenhub_model::Class) -> Identity {
    Identity {
        principal: Arc::from(device.as_str()),
        rights: Rights::Device { class: Some(class), device },
        unregistered: true,
    }
}

/// Anybody from loopback in a demo.
fn guest(credentials: &Credentials) -> Identity {
    Identity { principal: Arc::clone(&credentials.client_id), rights: Rights::all(), unregistered: true }
}

fn unavailable(error: impl std::fmt::Display) -> Denied {
    warn!(%error, "credentials cannot be checked");
    Denied::Unavailable
}
