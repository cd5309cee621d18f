//! NATS doors: a core subscription, and a JetStream durable pull consumer.
//!
//! Subjects are the topics of the contract with `.` for `/`. Core NATS has no acknowledgement: a message is logged when
//! it arrives and that is all that can be promised. JetStream redelivers until it hears our acknowledgement, which leaves
//! only after the fsync of the batch that holds the message: **at least once**, so a crash between fsync and
//! acknowledgement brings a second copy, never a gap.
//!
//! ```text
//! connect ─▶ subscribe / consumer ─▶ take what is ready (≤ 1,024) ─▶ one burst, one fsync ─▶ acknowledge all ─┐
//!    ▲                                     └───────────────────────◀──────────────────────────────────────────┘
//!    └── back-off 0.2 s … 5 s on any trouble
//! ```

use crate::intake::{BURST_MESSAGES_MAX, BackOff, Intake, IntakeState};
use async_nats::jetstream::{self, AckKind, consumer::AckPolicy, consumer::pull};
use async_nats::{Client, ConnectOptions};
use futures_util::StreamExt;
use greenhub_model::record::{Channel, Record};
use greenhub_storage::log::Log;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How to reach a NATS server.
#[derive(Clone)]
pub struct Server {
    /// `nats://host:port`
    pub url: String,
    /// User name and password, where the server wants them.
    pub credentials: Option<(String, String)>,
}

/// What the JetStream door consumes.
#[derive(Clone)]
pub struct StreamSource {
    /// Stream name; created with `subject` where it does not exist.
    pub stream: String,
    /// Durable consumer name.
    pub durable: String,
    /// Subject filter, for example `greenhub.v1.>`.
    pub subject: String,
}

/// Unacknowledged messages JetStream may have given us.
const ACK_PENDING_MAX: i64 = 20_000;
/// JetStream gives a message again when we have not acknowledged it for this long.
const ACK_WAIT: Duration = Duration::from_secs(30);

impl Server {
    async fn connect(&self, state: &Arc<IntakeState>) -> Result<Client, String> {
        let watcher = Arc::clone(state);
        let mut options = ConnectOptions::new()
            .name("greenhub")
            .connection_timeout(Duration::from_secs(5))
            .ping_interval(Duration::from_secs(10))
            .subscription_capacity(64 * 1024)
            .reconnect_delay_callback(|attempt| BackOff::after(attempt).next())
            .event_callback(move |event| {
                let state = Arc::clone(&watcher);
                async move {
                    match event {
                        async_nats::Event::Connected => state.up(),
                        async_nats::Event::Disconnected => state.down("disconnected from the NATS server".to_owned()),
                        other => warn!(event = %other, "nats event"),
                    }
                }
            });
        if let Some((user, password)) = &self.credentials {
            options = options.user_and_password(user.clone(), password.clone());
        }
        options.connect(self.url.as_str()).await.map_err(|error| format!("connect to {}: {error}", self.url))
    }
}

fn record<'a>(channel: Channel, topic: &'a str, payload: &'a [u8]) -> Record<'a> {
    Record {
        qos: u8::from(channel == Channel::Jetstream),
        ..Record::message(channel, topic, channel.as_str(), payload)
    }
}

/// Runs the core subscription until `stop`. Never returns on trouble: it waits and tries again.
pub async fn run_core(server: Server, subject: String, log: Log, state: Arc<IntakeState>, stop: CancellationToken) {
    let attempt = || core(server.clone(), subject.clone(), log.clone(), Arc::clone(&state));
    retry_until(&stop, &state, "nats", attempt).await;
}

async fn core(server: Server, subject: String, log: Log, state: Arc<IntakeState>) -> Result<(), String> {
    let client = server.connect(&state).await?;
    let subscription =
        client.subscribe(subject.clone()).await.map_err(|error| format!("subscribe {subject}: {error}"))?;
    client.flush().await.map_err(|error| format!("flush the subscription: {error}"))?;
    state.up();
    info!(url = %server.url, %subject, "nats subscribed");
    let mut bursts = subscription.ready_chunks(BURST_MESSAGES_MAX);
    let mut intake = Intake::new(log, state);
    while let Some(messages) = bursts.next().await {
        for message in &messages {
            let topic = message.subject.as_str().replace('.', "/");
            intake.push(&record(Channel::Nats, &topic, &message.payload));
        }
        intake.store().await?;
    }
    Err("the subscription ended".to_owned())
}

/// Runs the JetStream consumer until `stop`.
pub async fn run_jetstream(
    server: Server,
    source: StreamSource,
    log: Log,
    state: Arc<IntakeState>,
    stop: CancellationToken,
) {
    let attempt = || pull(server.clone(), source.clone(), log.clone(), Arc::clone(&state));
    retry_until(&stop, &state, "jetstream", attempt).await;
}

async fn pull(server: Server, source: StreamSource, log: Log, state: Arc<IntakeState>) -> Result<(), String> {
    let client = server.connect(&state).await?;
    let context = jetstream::new(client);
    let consumer = consumer(&context, &source).await?;
    state.up();
    info!(url = %server.url, stream = %source.stream, durable = %source.durable, "jetstream consuming");
    let messages = consumer
        .stream()
        .max_messages_per_batch(BURST_MESSAGES_MAX)
        .expires(Duration::from_secs(20))
        .heartbeat(Duration::from_secs(5))
        .messages()
        .await
        .map_err(|error| format!("open the message stream: {error}"))?;
    let mut bursts = messages.ready_chunks(BURST_MESSAGES_MAX);
    let mut intake = Intake::new(log, state);
    while let Some(messages) = bursts.next().await {
        let mut taken = Vec::with_capacity(messages.len());
        let mut trouble = None;
        for message in messages {
            match message {
                Ok(message) => {
                    let topic = message.subject.as_str().replace('.', "/");
                    intake.push(&record(Channel::Jetstream, &topic, &message.payload));
                    taken.push(message);
                }
                Err(error) => trouble = Some(format!("take from the stream: {error}")),
            }
        }
        if let Err(why) = intake.store().await {
            for message in &taken {
                // Giving it back is a courtesy; without it the server gives it again after ACK_WAIT.
                let _courtesy = message.ack_with(AckKind::Nak(Some(Duration::from_secs(1)))).await;
            }
            return Err(format!("store: {why}"));
        }
        for message in &taken {
            message.ack().await.map_err(|error| format!("acknowledge: {error}"))?;
        }
        if let Some(trouble) = trouble {
            return Err(trouble);
        }
    }
    Err("the message stream ended".to_owned())
}

async fn consumer(
    context: &jetstream::Context,
    source: &StreamSource,
) -> Result<jetstream::consumer::Consumer<pull::Config>, String> {
    let stream = context
        .get_or_create_stream(jetstream::stream::Config {
            name: source.stream.clone(),
            subjects: vec![source.subject.clone()],
            ..Default::default()
        })
        .await
        .map_err(|error| format!("open stream {}: {error}", source.stream))?;
    stream
        .get_or_create_consumer(
            &source.durable,
            pull::Config {
                durable_name: Some(source.durable.clone()),
                ack_policy: AckPolicy::Explicit,
                ack_wait: ACK_WAIT,
                max_ack_pending: ACK_PENDING_MAX,
                filter_subject: source.subject.clone(),
                ..Default::default()
            },
        )
        .await
        .map_err(|error| format!("open consumer {}: {error}", source.durable))
}

/// Runs `attempt` again and again, with growing pauses, until `stop`.
pub(crate) async fn retry_until<F: Future<Output = Result<(), String>> + Send>(
    stop: &CancellationToken,
    state: &IntakeState,
    door: &'static str,
    attempt: impl Fn() -> F,
) {
    let mut back_off = BackOff::default();
    loop {
        let stored = state.report().stored;
        let ended = tokio::select! {
            () = stop.cancelled() => return,
            ended = attempt() => ended,
        };
        if state.report().stored > stored {
            back_off.reset();
        }
        let why = ended.err().unwrap_or_else(|| "ended".to_owned());
        let wait = back_off.next();
        warn!(%door, error = %why, retry_in = ?wait, "door is closed");
        state.down(why);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}
