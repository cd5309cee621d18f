//! `greenhub`: the binary. Reads configuration, wires the crates, shuts them down; holds no rule of its own.

#![forbid(unsafe_code)]

mod accounts;
mod admission;
mod backtest;
mod changes;
mod commands;
mod config;
mod demo;
mod devices;
mod export;
mod files;
mod intakes;
mod media;
mod notify;
mod order_notices;
mod orders;
mod outputs;
mod past;
mod ports;
mod replay;
mod serve;
mod staffing;
mod state;
mod system;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Real-time telemetry hub and dispatch desk (绿枢).
#[derive(Parser)]
#[command(name = "greenhub", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the hub.
    Serve(serve::ServeArgs),
    /// Be a district of devices: a separate MQTT client.
    Simulate(SimulateArgs),
    /// Run the recorded log again and print the hash of all outputs.
    Replay(replay::ReplayArgs),
    /// Check a configuration file and print the effective configuration.
    CheckConfig {
        /// TOML file; without it the defaults are shown.
        file: Option<PathBuf>,
    },
    /// Accounts of people.
    #[command(subcommand)]
    User(accounts::UserCommand),
    /// Registered devices and their credentials.
    #[command(subcommand)]
    Device(devices::DeviceCommand),
    /// Write stored data out as JSON lines.
    #[command(subcommand)]
    Export(export::ExportCommand),
}

/// Where a command finds its data.
#[derive(Args, Clone)]
struct Place {
    /// Configuration file (TOML).
    #[arg(long, env = "GREENHUB_CONFIG")]
    config: Option<PathBuf>,
    /// Data directory; overrides the configuration.
    #[arg(long)]
    data: Option<PathBuf>,
}

impl Place {
    /// The configuration with the data directory of the command line.
    fn load(&self) -> Result<config::Config> {
        let mut config = config::Config::load(self.config.as_deref(), std::env::vars())?;
        if let Some(data) = &self.data {
            config.data.clone_from(data);
        }
        Ok(config)
    }
}

#[derive(Args)]
struct SimulateArgs {
    /// Broker, `mqtt://[user:password@]host:port`.
    #[arg(long)]
    mqtt: String,
    /// Devices of the district, at most 20,000; all classes scale with it.
    #[arg(long)]
    units: Option<usize>,
    /// Positions a second of each moving unit.
    #[arg(long)]
    rate: Option<f64>,
    /// Seed: the same seed walks the same district.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    init_log();
    let outcome = match cli.command {
        Command::Serve(args) => serve::run(args),
        Command::Simulate(args) => demo::simulate(&args),
        Command::Replay(args) => replay::run(&args),
        Command::CheckConfig { file } => check_config(file.as_deref()),
        Command::User(command) => accounts::run(command),
        Command::Device(command) => devices::run(command),
        Command::Export(command) => export::run(command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("greenhub: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn check_config(file: Option<&std::path::Path>) -> Result<()> {
    let config = config::Config::load(file, std::env::vars())?;
    print!("{}", config.effective());
    Ok(())
}

/// Log lines go to standard error; `GREENHUB_LOG` filters them (`info` by default).
fn init_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("GREENHUB_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
