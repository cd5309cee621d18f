//! The hub as a child process.

use crate::PATIENCE;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Instant;
use tempfile::TempDir;

/// A running hub. Dropping it kills the process.
pub struct Hub {
    child: Child,
    data: PathBuf,
    own: Option<TempDir>,
    http: String,
    mqtt: String,
    stderr: std::thread::JoinHandle<String>,
}

/// How to start a hub.
#[derive(Clone, Default)]
pub struct Options {
    /// Demo district and accounts, unknown devices from loopback.
    pub demo: bool,
    /// TOML text of a configuration file.
    pub config: String,
    /// Fixed HTTP port (for a restart at the same place); 0 for a free one.
    pub http_port: u16,
    /// Fixed MQTT port; 0 for a free one.
    pub mqtt_port: u16,
    /// Extra environment.
    pub environment: Vec<(String, String)>,
}

/// The binary under test, beside this test's own executable.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("GREENHUB_TEST_BINARY") {
        return path.into();
    }
    let exe = std::env::current_exe().expect("a test knows its own path");
    let directory = exe.parent().and_then(Path::parent).expect("tests run from target/<profile>/deps");
    directory.join("greenhub")
}

impl Hub {
    /// A demo hub without simulator, in a directory of its own.
    pub fn demo() -> Self {
        Self::start(&Options { demo: true, ..Options::default() })
    }

    /// Starts a hub in a new directory.
    pub fn start(options: &Options) -> Self {
        let own = TempDir::new().expect("make a temporary directory");
        let mut hub = Self::start_in(own.path(), options);
        hub.own = Some(own);
        hub
    }

    /// Starts a hub on an existing data directory.
    pub fn start_in(data: &Path, options: &Options) -> Self {
        Self::try_start_in(data, options).unwrap_or_else(|error| panic!("the hub did not start: {error}"))
    }

    /// Starts a hub; its standard error as `Err` when it ends before it is ready.
    pub fn try_start_in(data: &Path, options: &Options) -> Result<Self, String> {
        let config = data.with_extension("toml");
        std::fs::write(&config, &options.config).map_err(|e| e.to_string())?;
        let mut command = Command::new(binary());
        command.arg("serve").arg("--data").arg(data).arg("--config").arg(&config);
        command.arg("--http").arg(format!("127.0.0.1:{}", options.http_port));
        command.arg("--mqtt").arg(format!("127.0.0.1:{}", options.mqtt_port));
        if options.demo {
            command.args(["--demo", "--no-simulator"]);
        }
        for (key, value) in &options.environment {
            command.env(key, value);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("spawn {}: {e}", binary().display()))?;
        let mut errors = child.stderr.take().expect("stderr is piped");
        let stderr = std::thread::spawn(move || {
            let mut text = Vec::new();
            // A broken pipe ends the text; what was read so far still helps.
            let _ended = errors.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let stdout = child.stdout.take().expect("stdout is piped");
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let started = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(started.elapsed());
            match receive.recv_timeout(left) {
                Ok(line) => {
                    if let Some(rest) = line.strip_prefix("greenhub ready ") {
                        let word = |key: &str| {
                            rest.split(' ').find_map(|w| w.strip_prefix(key)).map(str::to_owned).unwrap_or_default()
                        };
                        let (http, mqtt) = (word("http="), word("mqtt="));
                        // Keep draining standard output so that the hub never blocks on a full pipe.
                        std::thread::spawn(move || receive.iter().for_each(drop));
                        return Ok(Self { child, data: data.to_owned(), own: None, http, mqtt, stderr });
                    }
                }
                Err(_) => {
                    let _already_gone = child.kill();
                    let _reaped = child.wait();
                    return Err(stderr.join().unwrap_or_default());
                }
            }
        }
    }

    /// `host:port` of HTTP.
    pub fn http(&self) -> &str {
        &self.http
    }
    /// `host:port` of MQTT.
    pub fn mqtt(&self) -> &str {
        &self.mqtt
    }
    /// Port of MQTT.
    pub fn mqtt_port(&self) -> u16 {
        port(&self.mqtt)
    }
    /// Port of HTTP.
    pub fn http_port(&self) -> u16 {
        port(&self.http)
    }
    /// Data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }
    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, reaped. Keeps a temporary data directory alive through the returned guard.
    pub fn kill(mut self) -> Option<TempDir> {
        self.child.kill().expect("the hub was running");
        self.child.wait().expect("reap the hub");
        self.own.take()
    }

    /// Asks it to end (SIGTERM) and waits; returns its standard error.
    pub fn stop(mut self) -> (String, Option<TempDir>) {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().expect("run kill");
        let status = self.child.wait().expect("reap the hub");
        let own = self.own.take();
        let stderr = std::mem::replace(&mut self.stderr, std::thread::spawn(String::new));
        let text = stderr.join().unwrap_or_default();
        assert!(status.success(), "the hub ended with {status}:\n{text}");
        (text, own)
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // Already reaped after kill() or stop(); then both calls fail harmlessly.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn port(address: &str) -> u16 {
    address.rsplit(':').next().and_then(|p| p.parse().ok()).expect("the ready line names ports")
}

/// Runs the binary with arguments; returns (success, stdout, stderr).
pub fn run(arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new(binary()).args(arguments).stdin(Stdio::null()).output().expect("run the binary");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}
