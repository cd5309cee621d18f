//! The demo: district, accounts, and the simulator as a child process.

use crate::SimulateArgs;
use crate::state;
use anyhow::{Context, Result, bail};
use greenhub_model::{ConfigChange, Role};
use greenhub_simulator::{SimulateOptions, Size};
use greenhub_storage::accounts::{Accounts, NewUser};
use greenhub_storage::log::Log;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use tokio::process::{Child, Command};

/// Password of the demo accounts unless `GREENHUB_DEMO_PASSWORD` sets another.
pub const DEFAULT_PASSWORD: &str = "greenhub-demo";
/// The demo accounts: user name, role, name for people.
pub const ACCOUNTS: [(&str, Role, &str); 7] = [
    ("admin", Role::Administrator, "管理员"),
    ("dispatcher", Role::Dispatcher, "调度员"),
    ("operator", Role::PlantOperator, "值班操作员"),
    ("reviewer", Role::Clerk, "审核员"),
    ("officer", Role::PatrolOfficer, "巡查员"),
    ("crew", Role::Crew, "养护班组"),
    ("auditor", Role::Auditor, "审计员"),
];

/// The password of the demo accounts; with the public one only loopback addresses may be bound.
pub fn password(addresses: &[SocketAddr]) -> Result<String> {
    let password = std::env::var("GREENHUB_DEMO_PASSWORD").unwrap_or_else(|_| DEFAULT_PASSWORD.to_owned());
    if password == DEFAULT_PASSWORD
        && let Some(open) = addresses.iter().find(|address| !address.ip().is_loopback())
    {
        bail!(
            "the demo accounts have a public password, so {open} may not be bound; \
             set GREENHUB_DEMO_PASSWORD to another one, or bind a loopback address"
        );
    }
    Ok(password)
}

/// Makes the accounts and registers the district's devices.
pub async fn prepare(accounts: &Accounts, password: &str, log: &Log, data: &Path) -> Result<()> {
    for (username, role, name) in ACCOUNTS {
        let new = NewUser { username, name, role, password, must_change: false };
        accounts.seed(&new, state::now()).await.with_context(|| format!("make demo account {username}"))?;
    }
    let changes: Vec<_> = greenhub_simulator::profiles(&Size::default(), SimulateOptions::default().seed)
        .into_iter()
        .map(|profile| ConfigChange::Device { profile: Box::new(profile) })
        .collect();
    state::put_in_force(log, data, "demo-district", &changes).await
}

/// Starts `greenhub simulate` against our own broker; it ends with the returned handle.
pub fn start_simulator(mqtt: SocketAddr) -> Result<Child> {
    let program = std::env::current_exe().context("find our own binary")?;
    Command::new(program)
        .args(["simulate", "--mqtt", &format!("mqtt://{mqtt}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("start the simulator")
}

/// `greenhub simulate`: runs until interrupted.
pub fn simulate(args: &SimulateArgs) -> Result<()> {
    let mut options = SimulateOptions { mqtt: args.mqtt.clone(), seed: args.seed, ..SimulateOptions::default() };
    if let Some(units) = args.units {
        options.size = Size::of_devices(units);
    }
    if let Some(rate) = args.rate {
        options.rate_hz = rate;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("start the runtime")?;
    let report = runtime
        .block_on(greenhub_simulator::run(options, crate::serve::asked_to_stop()))
        .context("simulate the district")?;
    tracing::info!(?report, "simulated district ends");
    Ok(())
}
