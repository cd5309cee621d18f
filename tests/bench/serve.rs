//! The hub as a serious server (no demo), with registered devices and an account, for measuring.

use crate::load::Login;
use anyhow::{Context, Result, bail};
use greenhub_tests::api::Api;
use greenhub_tests::hub::{Hub, Options, binary};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Password of the measuring account.
const PASSWORD: &str = "Messen-1937-Wutong!";

/// A hub, its directory, its devices and a logged-in administrator.
pub struct Bench {
    /// The hub.
    pub hub: Hub,
    /// Logged-in administrator.
    pub api: Api,
    /// Devices with their secrets.
    pub devices: Vec<Login>,
    _directory: TempDir,
}

impl Bench {
    /// Starts a hub with `devices` registered patrol units.
    pub async fn start(devices: usize) -> Result<Self> {
        Self::start_with("patrol", devices).await
    }

    /// Starts a hub with `devices` registered devices of `class`.
    pub async fn start_with(class: &str, devices: usize) -> Result<Self> {
        let directory = tempfile::tempdir().context("make a directory")?;
        let data = directory.path().join("data");
        add_user(&data, "bench", "administrator")?;
        let mut logins = Vec::new();
        if devices > 0 {
            let ids: Vec<String> = (0..devices).map(|n| format!("B-{n:04}")).collect();
            let output = Command::new(binary())
                .args(["device", "add", "--class", class, "--data"])
                .arg(&data)
                .args(&ids)
                .output()
                .context("run greenhub device add")?;
            if !output.status.success() {
                bail!("greenhub device add failed: {}", String::from_utf8_lossy(&output.stderr));
            }
            for line in String::from_utf8(output.stdout)?.lines() {
                let (id, secret) = line.split_once(' ').context("a device and its secret")?;
                logins.push(Login { id: id.to_owned(), password: Some(secret.trim().to_owned()) });
            }
        }
        let hub = Hub::start_in(&data, &Options::default());
        let api = Api::login_as(&hub, "bench", PASSWORD)
            .await
            .map_err(|(status, body)| anyhow::anyhow!("log in: {status} {body}"))?;
        Ok(Self { hub, api, devices: logins, _directory: directory })
    }

    /// People of crews, on shift and logged in.
    pub async fn crews(&self, count: usize) -> Result<Vec<Api>> {
        let mut rules = self.api.get("/api/v1/dispatch/rules").await["rules"].clone();
        let names: Vec<String> = (0..count).map(|n| format!("crew-{n:02}")).collect();
        let member = |name: &String| serde_json::json!({"user": name, "name": name, "team": "crew"});
        let members = rules["members"].as_array_mut().context("rules have members")?;
        members.extend(names.iter().map(member));
        self.api.put("/api/v1/dispatch/rules", &rules).await;
        let mut crews = Vec::new();
        for name in names {
            add_user(self.hub.data(), &name, "crew")?;
            let api = Api::login_as(&self.hub, &name, PASSWORD).await;
            let api = api.map_err(|(status, body)| anyhow::anyhow!("log in: {status} {body}"))?;
            api.post("/api/v1/me/shift", &serde_json::json!({"request_id": "on", "on": true})).await;
            crews.push(api);
        }
        Ok(crews)
    }

    /// A program that may subscribe everything.
    pub fn program(&self) -> Login {
        Login { id: "bench".to_owned(), password: Some(PASSWORD.to_owned()) }
    }

    /// Waits until nothing is pending; returns the ledger's `accepted`.
    pub async fn settled(&self) -> u64 {
        self.api.settled_ledger(0).await["accepted"].as_u64().unwrap_or(0)
    }
}

fn add_user(data: &Path, name: &str, role: &str) -> Result<()> {
    let mut child = Command::new(binary())
        .args(["user", "add", name, "--role", role, "--password-stdin", "--data"])
        .arg(data)
        .stdin(Stdio::piped())
        .spawn()
        .context("run greenhub user add")?;
    writeln!(child.stdin.take().context("stdin is piped")?, "{PASSWORD}")?;
    if !child.wait()?.success() {
        bail!("greenhub user add failed");
    }
    Ok(())
}

/// Waits until the file system has freed the files of earlier runs: while it does, every sync of the machine waits.
pub async fn quiet() -> Result<()> {
    let synced = Command::new("sync").status().context("run sync")?;
    anyhow::ensure!(synced.success(), "sync failed");
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    Ok(())
}

/// The topic of a device of [`Bench::start`].
pub fn topic_of(login: &Login) -> String {
    format!("greenhub/v1/patrol/{}/position", login.id)
}

/// A position payload of ordinary size.
pub fn payload(time: i64) -> Vec<u8> {
    format!(
        r#"{{"time":{time},"lon":121.4234567,"lat":31.2201234,"speed_kmh":12.5,"heading_deg":270,"accuracy_m":5,"battery_pct":80}}"#
    )
    .into_bytes()
}
