//! Human commands: into the log, and their result back out of the dataflow.

use greenhub_dashboards::ports::{Answer, CommandFailure, CommandPort};
use greenhub_model::record::{Record, RecordKind};
use greenhub_model::{Channel, CommandRefusal, CommandRequest};
use greenhub_storage::log::{Burst, Log};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a caller waits for the result of a stored command.
const PATIENCE: Duration = Duration::from_secs(10);
/// Commands that may wait for their result at one time.
const WAITING_MAX: usize = 10_000;

type Sender = oneshot::Sender<Result<(), CommandRefusal>>;

/// Callers waiting for results, by request id. Two callers with one id both hear the result.
#[derive(Default)]
pub struct Waiting(Mutex<HashMap<String, Vec<Sender>>>);

impl Waiting {
    fn register(&self, request_id: &str) -> Option<oneshot::Receiver<Result<(), CommandRefusal>>> {
        let mut waiting = self.0.lock();
        if waiting.len() >= WAITING_MAX {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        waiting.entry(request_id.to_owned()).or_default().push(sender);
        Some(receiver)
    }

    /// The dataflow's answer, once the tables have it.
    pub fn answer(&self, request_id: &str, result: Result<(), CommandRefusal>) {
        for sender in self.0.lock().remove(request_id).into_iter().flatten() {
            // A caller that gave up is no loss: repeating the command with its id gives the same result.
            let _gone = sender.send(result.clone());
        }
    }

    fn forget(&self, request_id: &str) {
        let mut waiting = self.0.lock();
        if let Some(senders) = waiting.get_mut(request_id) {
            senders.retain(|sender| !sender.is_closed());
            if senders.is_empty() {
                waiting.remove(request_id);
            }
        }
    }
}

/// The way of a command through the log.
pub struct Commands {
    /// The log.
    pub log: Log,
    /// Who waits.
    pub waiting: Arc<Waiting>,
}

impl CommandPort for Commands {
    fn submit(&self, request: CommandRequest) -> Answer<'_, Result<(), CommandFailure>> {
        Box::pin(async move {
            let refused = |why: String| CommandFailure::NotAccepting { why };
            let payload = serde_json::to_vec(&request).map_err(|error| refused(error.to_string()))?;
            let record = Record { channel: Channel::Http, ..Record::own(RecordKind::Command, &request.by, &payload) };
            let mut burst = Burst::new();
            burst.push(&record).map_err(|error| refused(error.to_string()))?;
            let Some(result) = self.waiting.register(&request.request_id) else {
                return Err(refused("too many commands wait for their result".to_owned()));
            };
            let stored = async {
                let ticket = self.log.append(&burst).await.map_err(|error| error.to_string())?;
                ticket.committed().await.map_err(|error| error.to_string())
            };
            if let Err(why) = stored.await {
                drop(result);
                self.waiting.forget(&request.request_id);
                return Err(refused(why));
            }
            match tokio::time::timeout(PATIENCE, result).await {
                Ok(Ok(result)) => result.map_err(CommandFailure::Refused),
                _ => {
                    self.waiting.forget(&request.request_id);
                    Err(CommandFailure::Pending)
                }
            }
        })
    }
}
