//! `greenhub device …`: who may connect, and what the district knows of a device. Works beside a running hub.
//!
//! Credentials go into the database. A profile is deciding configuration and belongs into the log; the command drops it
//! into the data directory's inbox, from where the hub appends it (at once when it runs, else at its next start).

use crate::Place;
use crate::state::{self, now};
use anyhow::{Context, Result, bail};
use clap::Subcommand;
use greenhub_model::geodesy::{Datum, LonLat};
use greenhub_model::{Class, ConfigChange, DeviceId, DeviceProfile};
use greenhub_storage::devices::DeviceCredentials;
use greenhub_storage::relational::{Database, PageRequest};
use std::path::PathBuf;

#[derive(Subcommand)]
pub enum DeviceCommand {
    /// Register devices of one class; prints each with its secret, once.
    Add {
        /// Device ids, `[A-Za-z0-9_-]{1,64}`.
        #[arg(required = true)]
        devices: Vec<String>,
        /// patrol, vehicle, plant, charger, environment or light.
        #[arg(long)]
        class: String,
        /// Name for people (one device only).
        #[arg(long, default_value = "")]
        name: String,
        /// Fixed place, degrees east (WGS-84).
        #[arg(long, requires = "lat", allow_negative_numbers = true)]
        lon: Option<f64>,
        /// Fixed place, degrees north.
        #[arg(long, requires = "lon", allow_negative_numbers = true)]
        lat: Option<f64>,
        /// Datum of the positions it sends: wgs84 or gcj02.
        #[arg(long, default_value = "wgs84")]
        datum: String,
        #[command(flatten)]
        place: Place,
    },
    /// Register or replace profiles from a JSON file with an array of device profiles.
    Profiles {
        /// The file.
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// List registered credentials.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Renew or revoke a device's secret.
    Credentials {
        /// Device id.
        device: String,
        /// Shut the device out instead of giving it a new secret.
        #[arg(long)]
        revoke: bool,
        #[command(flatten)]
        place: Place,
    },
}

pub fn run(command: DeviceCommand) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(async {
        match command {
            DeviceCommand::Add { devices, class, name, lon, lat, datum, place } => {
                add(&devices, &class, &name, lon.zip(lat), &datum, &place).await
            }
            DeviceCommand::Profiles { file, place } => {
                let text =
                    std::fs::read_to_string(&file).with_context(|| format!("read profiles {}", file.display()))?;
                let profiles: Vec<DeviceProfile> =
                    serde_json::from_str(&text).with_context(|| format!("parse profiles {}", file.display()))?;
                let count = profiles.len();
                let changes: Vec<_> =
                    profiles.into_iter().map(|p| ConfigChange::Device { profile: Box::new(p) }).collect();
                state::drop_into_inbox(&place.load()?, &changes)?;
                println!("{count} profiles handed over");
                Ok(())
            }
            DeviceCommand::List { place } => list(&place).await,
            DeviceCommand::Credentials { device, revoke, place } => {
                let device = DeviceId::new(&device)?;
                let (credentials, db) = credentials(&place).await?;
                if revoke {
                    credentials.revoke(&device, now()).await.context("revoke the credential")?;
                    println!("{device} revoked");
                } else {
                    let secret = credentials.renew(&device, now()).await.context("renew the credential")?;
                    println!("{device} {}", secret.reveal());
                }
                db.close().await;
                Ok(())
            }
        }
    })
}

async fn add(
    devices: &[String],
    class: &str,
    name: &str,
    at: Option<(f64, f64)>,
    datum: &str,
    place: &Place,
) -> Result<()> {
    let words: Vec<_> = Class::ALL.iter().map(|c| c.as_str()).collect();
    let class =
        Class::parse(class).with_context(|| format!("{class:?} is no class; the classes are {}", words.join(", ")))?;
    let datum = match datum {
        "wgs84" => Datum::Wgs84,
        "gcj02" => Datum::Gcj02,
        other => bail!("{other:?} is no datum; use wgs84 or gcj02"),
    };
    let fixed = at.map(|(lon, lat)| LonLat { lon, lat });
    if let Some(fixed) = fixed.filter(|place| !place.is_plausible()) {
        bail!("lon {}, lat {} is not a place on the earth", fixed.lon, fixed.lat);
    }
    if devices.len() > 1 && (!name.is_empty() || fixed.is_some()) {
        bail!("--name, --lon and --lat describe one device");
    }
    let devices: Vec<DeviceId> = devices.iter().map(|d| DeviceId::new(d)).collect::<Result<_, _>>()?;
    let (credentials, db) = credentials(place).await?;
    let mut changes = Vec::new();
    for device in devices {
        let secret = credentials.add(&device, class, now()).await.with_context(|| format!("add device {device}"))?;
        println!("{device} {}", secret.reveal());
        let profile = DeviceProfile {
            class,
            name: if name.is_empty() { device.to_string() } else { name.to_owned() },
            place: fixed,
            datum,
            sub_district: String::new(),
            parent: None,
            kind: String::new(),
            points: Vec::new(),
            device,
        };
        changes.push(ConfigChange::Device { profile: Box::new(profile) });
    }
    db.close().await;
    state::drop_into_inbox(&place.load()?, &changes)
}

async fn list(place: &Place) -> Result<()> {
    let (credentials, db) = credentials(place).await?;
    let mut page = PageRequest::first(1000);
    loop {
        let rows = credentials.list(&page).await.context("list the devices")?;
        for row in rows.items {
            let state = if row.revoked_at.is_some() { "revoked" } else { "active" };
            println!("{} {} {state}", row.device, row.class);
        }
        match rows.next {
            Some(next) => page.cursor = Some(next),
            None => break,
        }
    }
    db.close().await;
    Ok(())
}

async fn credentials(place: &Place) -> Result<(DeviceCredentials, Database)> {
    let db = state::open_database(&place.load()?).await?;
    Ok((DeviceCredentials::new(db.clone()), db))
}
