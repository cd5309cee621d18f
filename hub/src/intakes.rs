//! Switches on the doors that fetch: NATS, JetStream, an external broker.

use crate::config::{Config, Secret};
use anyhow::{Context, Result};
use greenhub_gateway::bridge::{self, BridgeSource};
use greenhub_gateway::intake::{IntakeReport, IntakeState};
use greenhub_gateway::nats::{self, Server, StreamSource};
use greenhub_storage::log::Log;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The running doors.
pub struct Intakes {
    tasks: JoinSet<()>,
    states: Vec<(&'static str, Arc<IntakeState>)>,
    admits_unknown: bool,
}

impl Intakes {
    /// Starts every door that the configuration switches on.
    pub fn start(config: &Config, log: &Log, admits_unknown: bool, stop: &CancellationToken) -> Result<Self> {
        let mut intakes = Intakes { tasks: JoinSet::new(), states: Vec::new(), admits_unknown };
        if config.nats.enabled {
            let state = intakes.state("nats");
            let server = Server {
                url: config.nats.url.clone(),
                credentials: credentials(&config.nats.username, &config.nats.password),
            };
            intakes.tasks.spawn(nats::run_core(server, config.nats.subject.clone(), log.clone(), state, stop.clone()));
        }
        if config.jetstream.enabled {
            let state = intakes.state("jetstream");
            let section = &config.jetstream;
            let server =
                Server { url: section.url.clone(), credentials: credentials(&section.username, &section.password) };
            let source = StreamSource {
                stream: section.stream.clone(),
                durable: section.durable.clone(),
                subject: section.subject.clone(),
            };
            intakes.tasks.spawn(nats::run_jetstream(server, source, log.clone(), state, stop.clone()));
        }
        if config.bridge.enabled {
            let state = intakes.state("bridge");
            let section = &config.bridge;
            let (host, port) = mqtt_address(&section.url)?;
            let source = BridgeSource {
                host,
                port,
                credentials: credentials(&section.username, &section.password),
                client_id: section.client_id.clone(),
                filter: section.filter.clone(),
            };
            intakes.tasks.spawn(bridge::run(source, log.clone(), state, stop.clone()));
        }
        Ok(intakes)
    }

    fn state(&mut self, name: &'static str) -> Arc<IntakeState> {
        let state = Arc::new(IntakeState::new(self.admits_unknown));
        self.states.push((name, Arc::clone(&state)));
        state
    }

    /// State of each door that is switched on.
    pub fn states(&self) -> Vec<(&'static str, Arc<IntakeState>)> {
        self.states.clone()
    }

    /// Waits until all doors are closed; `stop` must have been cancelled.
    pub async fn closed(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// One line of the health page per door.
pub fn describe(report: &IntakeReport) -> String {
    match (&report.trouble, report.connected) {
        (Some(trouble), _) => trouble.clone(),
        (None, true) => "connected".to_owned(),
        (None, false) => "connecting".to_owned(),
    }
}

fn credentials(username: &str, password: &Secret) -> Option<(String, String)> {
    (!username.is_empty()).then(|| (username.to_owned(), password.0.clone()))
}

/// Host and port of `mqtt://host:port`.
pub fn mqtt_address(url: &str) -> Result<(String, u16)> {
    let rest = url.strip_prefix("mqtt://").with_context(|| format!("{url:?} does not start with mqtt://"))?;
    let rest = rest.trim_end_matches('/');
    match rest.rsplit_once(':') {
        Some((host, port)) => {
            let port = port.parse().with_context(|| format!("{url:?} has no valid port"))?;
            Ok((host.trim_matches(['[', ']']).to_owned(), port))
        }
        None => Ok((rest.to_owned(), 1883)),
    }
}
