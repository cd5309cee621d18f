//! Configuration: raw in, validated out, printed at start with secrets masked.
//!
//! One TOML file. Every key is typed, has a default and carries its unit in the value (`"15s"`, `"64MiB"`). Unknown keys
//! are refused. `GREENHUB_<SECTION>_<KEY>` overrides a key (`GREENHUB_HTTP_LISTEN=0.0.0.0:80`, `GREENHUB_DATA=/srv/hub`).

use anyhow::{Context, Result, bail};
use greenhub_model::notify::NotifyChannel;
use greenhub_storage::files::Scanner;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A duration written like `"15s"`, `"2h"` or `"90days"`.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

impl TryFrom<String> for Span {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        humantime::parse_duration(&text)
            .map(Span)
            .map_err(|error| format!("{text:?} is no duration ({error}); write for example \"15s\""))
    }
}
impl From<Span> for String {
    fn from(span: Span) -> String {
        humantime::format_duration(span.0).to_string()
    }
}

/// A size in bytes written like `"64MiB"`, `"512KiB"` or `"1000"`.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(pub u64);

const SIZE_UNITS: [(&str, u64); 5] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("", 1)];

impl TryFrom<String> for Size {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let refusal = || format!("{text:?} is no size; write for example \"64MiB\"");
        let trimmed = text.trim();
        let (digits, unit) = SIZE_UNITS
            .iter()
            .find_map(|(name, unit)| trimmed.strip_suffix(name).map(|digits| (digits.trim(), *unit)))
            .ok_or_else(refusal)?;
        let number: u64 = digits.parse().map_err(|_| refusal())?;
        number.checked_mul(unit).map(Size).ok_or_else(refusal)
    }
}
impl From<Size> for String {
    fn from(size: Size) -> String {
        let (name, unit) =
            SIZE_UNITS.iter().find(|(_, unit)| size.0 != 0 && size.0.is_multiple_of(*unit)).unwrap_or(&("", 1));
        format!("{}{name}", size.0 / unit)
    }
}

/// A secret: shown as `***` wherever it is printed. Empty means none.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.0.is_empty() { "" } else { "***" })
    }
}
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident : $type:ty = $default:expr),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type),* }
        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default),* }
            }
        }
    };
}

section! {
    /// Everything that `greenhub serve` can be told.
    Config {
        /// Directory of the log, snapshots, databases and history.
        data: PathBuf = PathBuf::from("./data"),
        /// Pages, API, live socket and MQTT over WebSocket.
        http: Http = Http::default(),
        /// Embedded MQTT broker.
        mqtt: Mqtt = Mqtt::default(),
        /// The log of everything received.
        log: LogSection = LogSection::default(),
        /// The dataflow.
        streams: StreamsSection = StreamsSection::default(),
        /// Change control of the rules.
        changes: ChangesSection = ChangesSection::default(),
        /// Tracks and readings.
        history: HistorySection = HistorySection::default(),
        /// Telling people and other systems of orders.
        dispatch: DispatchSection = DispatchSection::default(),
        /// Photos and other files of cases.
        files: FilesSection = FilesSection::default(),
        /// Alarms, orders, accounts.
        database: DatabaseSection = DatabaseSection::default(),
        /// People.
        accounts: AccountsSection = AccountsSection::default(),
        /// Notices of alarms.
        notify: Notify = Notify::default(),
        /// Patrol media.
        media: MediaSection = MediaSection::default(),
        /// A NATS server to subscribe at.
        nats: Nats = Nats::default(),
        /// A NATS JetStream consumer.
        jetstream: Jetstream = Jetstream::default(),
        /// An MQTT broker of your own to subscribe at.
        bridge: Bridge = Bridge::default(),
    }
}

section! {
    /// `[http]`
    Http {
        /// Address; port 0 picks a free one.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080)),
        /// The page is served by TLS in front of the hub: cookies get the `Secure` attribute.
        behind_tls: bool = false,
        /// Viewers of the live socket at one time.
        viewers_max: usize = 20_000,
    }
}

section! {
    /// `[mqtt]`
    Mqtt {
        /// Address; port 0 picks a free one.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 1883)),
        /// Address for TLS; empty for none.
        tls_listen: String = String::new(),
        /// PEM file with the certificate chain.
        tls_certificate: PathBuf = PathBuf::new(),
        /// PEM file with the private key.
        tls_key: PathBuf = PathBuf::new(),
        /// PEM file with the authorities whose client certificates are accepted; empty for none.
        tls_client_authorities: PathBuf = PathBuf::new(),
        /// Refuse TLS clients without a certificate.
        tls_client_required: bool = false,
        /// Connections at one time.
        connections_max: usize = 50_000,
        /// Largest packet of a client.
        packet_max: Size = Size(1 << 20),
        /// Bytes queued for one subscriber before the oldest are dropped (and counted).
        subscriber_queue: Size = Size(4 << 20),
        /// Longest session expiry that is granted.
        session_expiry_max: Span = Span(Duration::from_secs(7 * 86_400)),
        /// Publishes a second that one client may send; 0 for no limit.
        publish_rate_max: u32 = 0,
    }
}

section! {
    /// `[log]`
    LogSection {
        /// Size of a segment file.
        segment: Size = Size(64 << 20),
        /// Bytes that may wait for the disk before senders wait.
        buffer: Size = Size(16 << 20),
        /// Oldest segments go when the log is larger than this and no consumer needs them.
        retain: Size = Size(20 << 30),
        /// Oldest segments go when they are older than this and no consumer needs them.
        retain_age: Span = Span(Duration::from_secs(90 * 86_400)),
    }
}

section! {
    /// `[streams]`
    StreamsSection {
        /// Worker threads of the dataflow.
        workers: usize = 1,
        /// Operator state is written this often.
        snapshot_every: Span = Span(Duration::from_secs(15)),
        /// Rule set (TOML or JSON) that becomes the first version; later ones come by change requests. Empty for the built-in one.
        rules: PathBuf = PathBuf::new(),
    }
}

section! {
    /// `[media]`
    MediaSection {
        /// Switch.
        enabled: bool = true,
        /// UDP address of the relay; empty: a free port at the address that HTTP listens on.
        listen: String = String::new(),
        /// Address that clients are told, where it is another one (behind NAT); empty: the one it listens on.
        advertise: String = String::new(),
        /// Units that send at one time.
        senders_max: usize = 64,
        /// Watchers of one unit at one time.
        watchers_per_unit_max: usize = 64,
        /// Sessions at one time in all.
        sessions_max: usize = 512,
        /// Whether a unit that calls for help is recorded by itself.
        record_sos: bool = true,
        /// Recordings that are not held are kept so many days.
        keep_days: u32 = 30,
        /// Bytes that recordings may take; above, the oldest that are not held go.
        bytes_max: u64 = 50_000_000_000,
    }
}

section! {
    /// `[changes]`
    ChangesSection {
        /// An emergency change of the rules may run this long without its approval before it is shown as overdue.
        approve_within: Span = Span(Duration::from_secs(24 * 3600)),
    }
}

section! {
    /// `[history]`
    HistorySection {
        /// Tracks and readings older than this go.
        retain: Span = Span(Duration::from_secs(400 * 86_400)),
    }
}

section! {
    /// `[dispatch]`: ways beyond the app; times and tries of calls are those of `[notify]`.
    DispatchSection {
        /// Gateway for text messages, with the keys of a receiver (`kind` and `to` do not count); no `url`: none.
        sms: ReceiverSection = ReceiverSection::default(),
        /// Gateway for voice calls; no `url`: none.
        voice: TargetSection = TargetSection::default(),
        /// Where the voice gateway reaches this hub, for example `https://hub.example`; empty: it reports no results.
        callback: String = String::new(),
        /// Other systems that take a team's orders, by the name that the team's `target` says: `[dispatch.targets.NAME]`.
        targets: BTreeMap<String, TargetSection> = BTreeMap::new(),
        /// Notices of orders go after this long.
        retain_notices: Span = Span(Duration::from_secs(400 * 86_400)),
    }
}

section! {
    /// `[dispatch.voice]` and `[dispatch.targets.NAME]`: an address that is called with a signature.
    TargetSection {
        /// Address.
        url: Secret = Secret::default(),
        /// File with the secret of the signature; a line end at its end does not count.
        secret_file: PathBuf = PathBuf::new(),
        /// The secret itself, where no file holds it.
        secret: Secret = Secret::default(),
    }
}

impl TargetSection {
    /// The secret, from its file where one is named.
    pub fn secret(&self) -> Result<String> {
        secret_of(&self.secret_file, &self.secret)
    }
}

/// A secret, from its file where one is named.
fn secret_of(file: &Path, secret: &Secret) -> Result<String> {
    if file.as_os_str().is_empty() {
        return Ok(secret.0.clone());
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

section! {
    /// `[files]`
    FilesSection {
        /// Largest photo.
        photo_max: Size = Size(20 << 20),
        /// Largest video.
        video_max: Size = Size(200 << 20),
        /// Largest document.
        document_max: Size = Size(20 << 20),
        /// What one person may upload in 24 hours.
        daily_max: Size = Size(2 << 30),
        /// Uploads leave this much of the disk free.
        disk_floor: Size = Size(1 << 30),
        /// Most pixels of a picture: an open one takes four bytes each, two are open at one time.
        pixels_max: u64 = 50_000_000,
        /// An unfinished upload goes after this long.
        unfinished_for: Span = Span(Duration::from_secs(7 * 86_400)),
        /// A file that no order names goes after this long.
        unreferenced_for: Span = Span(Duration::from_secs(30 * 86_400)),
        /// Minutes east of UTC of cameras that do not say.
        utc_offset_min: i32 = 480,
        /// Virus scanner (clamd): `tcp://HOST:PORT` or `unix:///PATH`; empty for none.
        scanner: String = String::new(),
        /// A scan takes at most this long.
        scanner_timeout: Span = Span(Duration::from_secs(60)),
        /// Without a verdict of the scanner take a file and scan it later; else its upload waits.
        take_unscanned: bool = false,
    }
}

section! {
    /// `[database]`
    DatabaseSection {
        /// `sqlite://…` or `postgres://…`; empty for a file in the data directory.
        url: Secret = Secret::default(),
    }
}

section! {
    /// `[accounts]`
    AccountsSection {
        /// A login ends after this long without use.
        idle: Span = Span(Duration::from_secs(30 * 60)),
        /// A login ends after this long in any case.
        lifetime: Span = Span(Duration::from_secs(12 * 3600)),
        /// Password policy: `dengbao3` or `asvs5`.
        policy: String = "dengbao3".to_owned(),
    }
}

section! {
    /// `[notify]`
    Notify {
        /// Switch.
        enabled: bool = true,
        /// A call to a receiver takes at most this long.
        timeout: Span = Span(Duration::from_secs(10)),
        /// A failed delivery is tried again after this long, then after twice that, and so on.
        retry_min: Span = Span(Duration::from_secs(5)),
        /// Longest time between tries.
        retry_max: Span = Span(Duration::from_secs(15 * 60)),
        /// Tries before a delivery is given up.
        tries_max: u32 = 20,
        /// Rows of the journal that have come to their end go after this long.
        retain: Span = Span(Duration::from_secs(90 * 86_400)),
        /// Receivers may lie at private addresses; switch it off where all of them are outside.
        private_addresses: bool = true,
        /// Pushes to browsers.
        push: PushSection = PushSection::default(),
        /// Receivers by name: `[notify.receivers.NAME]`.
        receivers: BTreeMap<String, ReceiverSection> = BTreeMap::new(),
    }
}

section! {
    /// `[notify.push]`
    PushSection {
        /// Whom a push service may ask about us, `mailto:duty@example.org` or `https://…`; Apple's wants it.
        contact: String = String::new(),
        /// Push services of one's own (`push.lan:8443`): they may speak plain HTTP and lie at private addresses.
        hosts: Vec<String> = vec![],
        /// A message that could not be delivered for so long is worth nothing any more.
        ttl: Span = Span(Duration::from_secs(4 * 3600)),
    }
}

section! {
    /// `[notify.receivers.NAME]`
    ReceiverSection {
        /// `webhook`, `sms` or `wecom`.
        kind: String = String::new(),
        /// Address; for `sms` a template with `{to}`, `{text}` and `{secret}`, for `wecom` with `{secret}`.
        url: Secret = Secret::default(),
        /// File with the secret; a line end at its end does not count.
        secret_file: PathBuf = PathBuf::new(),
        /// The secret itself, where no file holds it.
        secret: Secret = Secret::default(),
        /// `sms`: numbers.
        to: Vec<String> = vec![],
        /// `sms`: template of the body; empty for a call without one.
        body: String = String::new(),
        /// `sms`: type of the body; values are put in as JSON texts where it says json, else percent-encoded.
        content_type: String = "application/json".to_owned(),
        /// `sms`: the Authorization header, with `{secret}`; empty for none.
        authorization: Secret = Secret::default(),
        /// `sms`: the answer must contain this; empty for any.
        success_contains: String = String::new(),
    }
}

impl ReceiverSection {
    /// The channel that `kind` names, if it names one.
    pub fn channel(&self) -> Option<NotifyChannel> {
        match self.kind.as_str() {
            "webhook" => Some(NotifyChannel::Webhook),
            "sms" => Some(NotifyChannel::Sms),
            "wecom" => Some(NotifyChannel::Wecom),
            _ => None,
        }
    }

    /// The secret, from its file where one is named.
    pub fn secret(&self) -> Result<String> {
        secret_of(&self.secret_file, &self.secret)
    }
}

section! {
    /// `[nats]`
    Nats {
        /// Switch.
        enabled: bool = false,
        /// Server, for example `nats://127.0.0.1:4222`.
        url: String = "nats://127.0.0.1:4222".to_owned(),
        /// User name; empty for none.
        username: String = String::new(),
        /// Password.
        password: Secret = Secret::default(),
        /// Subject to subscribe.
        subject: String = "greenhub.v1.>".to_owned(),
    }
}

section! {
    /// `[jetstream]`
    Jetstream {
        /// Switch.
        enabled: bool = false,
        /// Server.
        url: String = "nats://127.0.0.1:4222".to_owned(),
        /// User name; empty for none.
        username: String = String::new(),
        /// Password.
        password: Secret = Secret::default(),
        /// Stream name.
        stream: String = "GREENHUB".to_owned(),
        /// Durable consumer name.
        durable: String = "greenhub".to_owned(),
        /// Subject the stream takes when it has to be created.
        subject: String = "greenhub.v1.>".to_owned(),
    }
}

section! {
    /// `[bridge]`
    Bridge {
        /// Switch.
        enabled: bool = false,
        /// Broker, `mqtt://host:port`.
        url: String = "mqtt://127.0.0.1:1884".to_owned(),
        /// User name; empty for none.
        username: String = String::new(),
        /// Password.
        password: Secret = Secret::default(),
        /// Client id; the broker keeps our session under it.
        client_id: String = "greenhub".to_owned(),
        /// Topic filter to subscribe.
        filter: String = "greenhub/v1/+/+/+".to_owned(),
    }
}

/// Environment variables with our prefix that are no configuration keys.
const NOT_KEYS: [&str; 3] = ["GREENHUB_DEMO_PASSWORD", "GREENHUB_LOG", "GREENHUB_CONFIG"];

impl Config {
    /// Reads `file` (or the defaults), applies `environment`, checks the whole.
    pub fn load(file: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> Result<Self> {
        let mut table = match file {
            Some(path) => std::fs::read_to_string(path)
                .with_context(|| format!("read configuration {}", path.display()))?
                .parse::<toml::Table>()
                .with_context(|| format!("parse configuration {}", path.display()))?,
            None => toml::Table::new(),
        };
        for (name, value) in environment {
            if let Some(key) = name.strip_prefix("GREENHUB_")
                && !NOT_KEYS.contains(&name.as_str())
                && !key.starts_with("TEST_")
            {
                set(&mut table, key, &value).with_context(|| format!("apply environment variable {name}"))?;
            }
        }
        let config: Config = table.try_into().context("read configuration")?;
        config.check()?;
        Ok(config)
    }

    /// Rules that span several keys.
    fn check(&self) -> Result<()> {
        if !self.mqtt.tls_listen.is_empty() {
            self.mqtt.tls_listen.parse::<SocketAddr>().context("mqtt.tls_listen is no address like 0.0.0.0:8883")?;
            if self.mqtt.tls_certificate.as_os_str().is_empty() || self.mqtt.tls_key.as_os_str().is_empty() {
                bail!("mqtt.tls_listen needs mqtt.tls_certificate and mqtt.tls_key");
            }
        }
        if !(1..=64).contains(&self.streams.workers) {
            bail!("streams.workers is {}, expected 1 to 64", self.streams.workers);
        }
        if self.log.segment.0 < 1 << 20 || self.log.segment.0 > 1 << 32 {
            bail!("log.segment must lie between 1MiB and 4GiB");
        }
        if self.log.retain.0 < 2 * self.log.segment.0 {
            bail!("log.retain must hold at least two segments of log.segment");
        }
        for (name, receiver) in &self.notify.receivers {
            if receiver.channel().is_none() {
                bail!(
                    "notify.receivers.{name}: kind is {:?}, expected \"webhook\", \"sms\" or \"wecom\"",
                    receiver.kind
                );
            }
        }
        if let Err(why) = Scanner::parse(&self.files.scanner) {
            bail!("files.scanner: {why}");
        }
        if self.files.pixels_max == 0 || self.files.pixels_max > 400_000_000 {
            bail!("files.pixels_max must lie between 1 and 400000000");
        }
        let contact = &self.notify.push.contact;
        if !contact.is_empty() && !contact.starts_with("mailto:") && !contact.starts_with("https://") {
            bail!("notify.push.contact is {contact:?}, expected \"mailto:…\" or \"https://…\"");
        }
        if self.notify.push.hosts.iter().any(|host| host.is_empty() || host.contains(['/', '@'])) {
            bail!("notify.push.hosts holds names like \"push.lan:8443\", without scheme and path");
        }
        if self.notify.tries_max == 0 {
            bail!("notify.tries_max must be at least 1");
        }
        if !matches!(self.accounts.policy.as_str(), "dengbao3" | "asvs5") {
            bail!("accounts.policy is {:?}, expected \"dengbao3\" or \"asvs5\"", self.accounts.policy);
        }
        Ok(())
    }

    /// The effective configuration as TOML, secrets masked.
    pub fn effective(&self) -> String {
        toml::to_string(self).expect("every section serialises to TOML tables and scalars")
    }
}

/// Puts `value` at the key that `name` (`SECTION_KEY` or `DATA`) means. TOML scalars keep their type.
fn set(table: &mut toml::Table, name: &str, value: &str) -> Result<()> {
    let key = name.to_ascii_lowercase();
    let known = toml::Table::try_from(Config::default()).context("list the known keys")?;
    let (section, key) = match key.split_once('_') {
        _ if !known.get(&key).is_none_or(toml::Value::is_table) => (None, key),
        Some((section, key)) if known.get(section).and_then(|s| s.get(key)).is_some() => {
            (Some(section.to_owned()), key.to_owned())
        }
        _ => bail!("there is no such key; `greenhub check-config` prints them all"),
    };
    let like = match &section {
        Some(section) => &known[section.as_str()][key.as_str()],
        None => &known[key.as_str()],
    };
    let value = match like {
        toml::Value::Integer(_) => toml::Value::Integer(value.parse().context("expected a whole number")?),
        toml::Value::Boolean(_) => toml::Value::Boolean(value.parse().context("expected true or false")?),
        _ => toml::Value::String(value.to_owned()),
    };
    match section {
        Some(section) => {
            let inner = table.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            inner.as_table_mut().context("the section is no table")?.insert(key, value);
        }
        None => {
            table.insert(key, value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config> {
        let file = std::env::temp_dir().join(format!("greenhub-config-{}-{:p}", std::process::id(), text));
        std::fs::write(&file, text)?;
        let pairs = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let config = Config::load(Some(&file), pairs);
        std::fs::remove_file(&file)?;
        config
    }

    #[test]
    fn units_stand_in_the_value() {
        let config = load("[streams]\nsnapshot_every = \"2m 5s\"\n[log]\nsegment = \"16MiB\"", &[]).expect("good");
        assert_eq!(config.streams.snapshot_every.0, Duration::from_secs(125));
        assert_eq!(config.log.segment.0, 16 << 20);
        assert!(load("[streams]\nsnapshot_every = 15", &[]).is_err());
        assert!(load("[log]\nsegment = \"64 parsecs\"", &[]).is_err());
    }

    #[test]
    fn unknown_keys_are_refused() {
        let error = format!("{:#}", load("[http]\nlisten_on = \"x\"", &[]).err().expect("refused"));
        assert!(error.contains("listen_on"), "{error}");
        assert!(load("", &[("GREENHUB_HTTP_LISTEN_ON", "x")]).is_err());
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let config = load(
            "data = \"a\"\n[http]\nlisten = \"127.0.0.1:1\"",
            &[
                ("GREENHUB_HTTP_LISTEN", "127.0.0.1:2"),
                ("GREENHUB_DATA", "b"),
                ("GREENHUB_NATS_ENABLED", "true"),
                ("GREENHUB_DEMO_PASSWORD", "ignored here"),
                ("HOME", "/"),
            ],
        )
        .expect("good");
        assert_eq!((config.http.listen.port(), config.data.as_path()), (2, Path::new("b")));
        assert!(config.nats.enabled);
    }

    #[test]
    fn secrets_are_masked_and_the_effective_file_loads_again() {
        let config = load("[nats]\npassword = \"hush\"", &[]).expect("good");
        let effective = config.effective();
        assert!(!effective.contains("hush") && effective.contains("***"), "{effective}");
        load(&effective, &[]).expect("what is printed is valid");
    }

    #[test]
    fn receivers_keep_their_secrets() {
        let text = "[notify.receivers.ops]\nkind = \"webhook\"\nurl = \"https://x/hush\"\nsecret = \"hush\"";
        let config = load(text, &[]).expect("good");
        assert_eq!(config.notify.receivers["ops"].secret().expect("a secret"), "hush");
        let effective = config.effective();
        assert!(!effective.contains("hush"), "{effective}");
        load(&effective, &[]).expect("what is printed is valid");
    }

    #[test]
    fn rules_across_keys_are_checked() {
        assert!(load("[mqtt]\ntls_listen = \"127.0.0.1:8883\"", &[]).is_err());
        assert!(load("[streams]\nworkers = 0", &[]).is_err());
        assert!(load("[log]\nretain = \"64MiB\"", &[]).is_err());
        assert!(load("[accounts]\npolicy = \"none\"", &[]).is_err());
        assert!(load("[notify.receivers.ops]\nkind = \"pigeon\"", &[]).is_err());
        assert!(load("[notify.push]\ncontact = \"duty@example.org\"", &[]).is_err());
        assert!(load("[notify.push]\nhosts = [\"https://push.lan\"]", &[]).is_err());
    }
}
