//! `greenhub user …`: accounts of people, on the database of a data directory. Works beside a running hub.

use crate::Place;
use crate::state::{self, now};
use anyhow::{Context, Result, bail};
use clap::Subcommand;
use greenhub_model::Role;
use greenhub_storage::accounts::{Accounts, LoginConfig, NewUser, PasswordPolicy, PolicyProfile};
use greenhub_storage::relational::Database;
use std::io::IsTerminal;

/// Name that the audit log shows for acts on the command line.
const BY: &str = "command-line";

#[derive(Subcommand)]
pub enum UserCommand {
    /// Make an account; asks for the password.
    Add {
        /// User name.
        username: String,
        /// dispatcher, plant_operator, clerk, patrol_officer, crew, auditor or administrator.
        #[arg(long)]
        role: String,
        /// Name for people.
        #[arg(long, default_value = "")]
        name: String,
        /// Read the password from standard input instead of asking.
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Give an account another password; ends its logins.
    Passwd {
        /// User name.
        username: String,
        /// Read the password from standard input instead of asking.
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        place: Place,
    },
    /// List all accounts.
    List {
        #[command(flatten)]
        place: Place,
    },
}

/// Accounts as the configuration wants them.
pub fn open(config: &crate::config::Config, db: Database) -> Accounts {
    let profile = match config.accounts.policy.as_str() {
        "asvs5" => PolicyProfile::Asvs5,
        _ => PolicyProfile::Dengbao3,
    };
    let millis = |span: crate::config::Span| i64::try_from(span.0.as_millis()).unwrap_or(i64::MAX);
    let login = LoginConfig {
        absolute_ms: millis(config.accounts.lifetime),
        idle_ms: millis(config.accounts.idle),
        ..LoginConfig::default()
    };
    Accounts::new(db, PasswordPolicy::of(profile), login)
}

pub fn run(command: UserCommand) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(async {
        match command {
            UserCommand::Add { username, role, name, password_stdin, place } => {
                let words: Vec<_> = Role::ALL.iter().map(|r| r.as_str()).collect();
                let role = Role::parse(&role)
                    .with_context(|| format!("{role:?} is no role; the roles are {}", words.join(", ")))?;
                let password = password(password_stdin)?;
                let (accounts, db) = accounts(&place).await?;
                let new = NewUser { username: &username, name: &name, role, password: &password, must_change: false };
                accounts.add(BY, &new, now()).await.context("add the user")?;
                db.close().await;
                println!("user {username} added as {role}");
            }
            UserCommand::Passwd { username, password_stdin, place } => {
                let password = password(password_stdin)?;
                let (accounts, db) = accounts(&place).await?;
                accounts.set_password(BY, &username, &password, now()).await.context("change the password")?;
                db.close().await;
                println!("password of {username} changed");
            }
            UserCommand::List { place } => {
                let (accounts, db) = accounts(&place).await?;
                for user in accounts.list().await.context("list the users")? {
                    let state = if user.disabled { " disabled" } else { "" };
                    println!("{} {} {}{state}", user.username, user.role, user.name);
                }
                db.close().await;
            }
        }
        Ok(())
    })
}

async fn accounts(place: &Place) -> Result<(Accounts, Database)> {
    let config = place.load()?;
    let db = state::open_database(&config).await?;
    Ok((open(&config, db.clone()), db))
}

/// Asks twice at a terminal, reads one line otherwise.
fn password(from_stdin: bool) -> Result<String> {
    if !from_stdin {
        if !std::io::stdin().is_terminal() {
            bail!("standard input is no terminal; use --password-stdin");
        }
        let first = rpassword::prompt_password("password: ").context("read the password")?;
        let second = rpassword::prompt_password("again: ").context("read the password")?;
        if first != second {
            bail!("the two passwords differ");
        }
        return Ok(first);
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("read the password from standard input")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
