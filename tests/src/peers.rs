//! Real peers: mosquitto and nats-server, each on a free port with a directory of its own.

use crate::PATIENCE;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A peer process. Dropping it kills it; [`Peer::restart`] brings it back at the same port with its stored state.
pub struct Peer {
    child: Option<Child>,
    program: PathBuf,
    arguments: Vec<String>,
    /// TCP port.
    pub port: u16,
    directory: TempDir,
}

/// A port nobody listens on at this moment.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind port 0");
    listener.local_addr().expect("a bound socket has an address").port()
}

fn program(name: &str) -> PathBuf {
    for directory in ["/usr/sbin", "/usr/bin", "/usr/local/bin"] {
        let path = Path::new(directory).join(name);
        if path.exists() {
            return path;
        }
    }
    panic!("{name} is not installed: run scripts/setup.sh test");
}

impl Peer {
    /// Starts mosquitto with persistence and unlimited queues, as docs/connect.md advises.
    pub fn mosquitto() -> Self {
        let directory = TempDir::new().expect("make a temporary directory");
        let port = free_port();
        let config = directory.path().join("mosquitto.conf");
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {}/\n\
             autosave_interval 1\nautosave_on_changes true\nmax_inflight_messages 0\nmax_queued_messages 0\nuser root\n",
            directory.path().display()
        );
        std::fs::write(&config, text).expect("write mosquitto.conf");
        Self::start("mosquitto", vec!["-c".into(), config.display().to_string()], port, directory)
    }

    /// Starts mosquitto as bare as it comes: no persistence, for side by side benchmarks.
    pub fn mosquitto_bare() -> Self {
        let directory = TempDir::new().expect("make a temporary directory");
        let port = free_port();
        let config = directory.path().join("mosquitto.conf");
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\nmax_inflight_messages 0\nuser root\n"
        );
        std::fs::write(&config, text).expect("write mosquitto.conf");
        Self::start("mosquitto", vec!["-c".into(), config.display().to_string()], port, directory)
    }

    /// Starts nats-server with JetStream.
    pub fn nats() -> Self {
        let directory = TempDir::new().expect("make a temporary directory");
        let port = free_port();
        let arguments = ["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"]
            .into_iter()
            .map(str::to_owned)
            .chain([directory.path().display().to_string()])
            .collect();
        Self::start("nats-server", arguments, port, directory)
    }

    /// Starts prometheus-alertmanager without a cluster, with a route that notifies nobody.
    pub fn alertmanager() -> Self {
        let directory = TempDir::new().expect("make a temporary directory");
        let port = free_port();
        let config = directory.path().join("alertmanager.yml");
        std::fs::write(&config, "route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n")
            .expect("write the configuration");
        let arguments = vec![
            format!("--config.file={}", config.display()),
            format!("--storage.path={}", directory.path().display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--cluster.listen-address=".to_owned(),
            "--log.level=error".to_owned(),
        ];
        Self::start("prometheus-alertmanager", arguments, port, directory)
    }

    fn start(name: &str, arguments: Vec<String>, port: u16, directory: TempDir) -> Self {
        let mut peer = Self { child: None, program: program(name), arguments, port, directory };
        peer.restart();
        peer
    }

    /// Process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Cuts it off: kill -9.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("the peer was running");
            child.wait().expect("reap the peer");
        }
    }

    /// Ends it in order (SIGTERM), so that it stores what it has.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("run kill");
            child.wait().expect("reap the peer");
        }
    }

    /// Starts it again and waits until it listens.
    pub fn restart(&mut self) {
        self.stop();
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().unwrap_or_else(|e| panic!("spawn {}: {e}", self.program.display())));
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(started.elapsed() < PATIENCE, "{} does not listen", self.program.display());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // The process may have ended by itself; then there is nothing to kill.
            let _gone = child.kill();
            let _reaped = child.wait();
        }
    }
}
