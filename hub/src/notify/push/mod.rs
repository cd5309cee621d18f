//! Web Push: one more way a notice takes, to browsers that their people have subscribed.
//!
//! ```text
//! journal: row per (notice, browser) ─due─▶ one lane per push service ─▶ seal (RFC 8291) ─▶ POST (RFC 8030, 8292)
//!                                               201 sent │ 404, 410 browser forgotten │ 429, 5xx again later
//! ```
//!
//! Each push service has a lane of its own, so one that is away keeps only its own browsers waiting; at most
//! [`LANES_MAX`] lanes at one time. A lane works in order, stops at the first trouble of the service and rests before it
//! ends. What has waited longer than the message lives is given up: an alarm of yesterday wakes nobody.

mod payload;
mod seal;
mod vapid;

pub use vapid::Vapid;

use super::adapters::{Answer, Call};
use super::client::Client;
use super::{PAUSE, PAUSE_MAX, SEND_EVERY, Sending, TOGETHER, next_try};
use greenhub_model::notify::Delivery;
use greenhub_model::push::Endpoint;
use greenhub_storage::notify::{Browser, Tried};
use greenhub_storage::relational::StoreError;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Push services that are called at one time.
const LANES_MAX: usize = 32;

/// What the lanes share.
pub struct Pusher {
    /// Who we are.
    pub vapid: Arc<Vapid>,
    /// For push services of the world: no private addresses.
    pub outside: Client,
    /// For those of one's own.
    pub inside: Client,
    /// Those of one's own.
    pub hosts: Vec<String>,
    /// How long a message is worth something.
    pub ttl: Duration,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    /// The push service has it.
    Taken,
    /// The browser is gone.
    Gone,
    /// The push service asks for patience, perhaps for so long.
    Patience(Option<Duration>),
    /// It will never take this one.
    Refused,
}

fn judge(answer: &Answer) -> Verdict {
    match answer.status {
        200..=299 => Verdict::Taken,
        404 | 410 => Verdict::Gone,
        408 | 425 | 429 | 500..=599 => Verdict::Patience(answer.retry_after),
        _ => Verdict::Refused,
    }
}

impl Pusher {
    /// Pushes what is due until `stop`.
    pub async fn serve(self: Arc<Self>, sending: Arc<Sending>, stop: CancellationToken) {
        let mut lanes: BTreeMap<String, JoinHandle<()>> = BTreeMap::new();
        let mut pause = SEND_EVERY;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
            lanes.retain(|_, lane| !lane.is_finished());
            pause = match self.open_lanes(&sending, &mut lanes).await {
                Ok(()) => SEND_EVERY,
                Err(error) => {
                    warn!(%error, "pushes wait for the database");
                    PAUSE
                }
            };
        }
        // A call that runs when the hub stops is cut; its delivery is tried again at the next start.
        lanes.values().for_each(JoinHandle::abort);
    }

    async fn open_lanes(
        self: &Arc<Self>,
        sending: &Arc<Sending>,
        lanes: &mut BTreeMap<String, JoinHandle<()>>,
    ) -> Result<(), StoreError> {
        let now = sending.clock.now().millis();
        let mut work: BTreeMap<String, Vec<(Delivery, Browser)>> = BTreeMap::new();
        for (delivery, browser) in sending.journal.due_pushes(now, lanes.keys().cloned(), TOGETHER).await? {
            match browser {
                None => {
                    let why = Tried::GaveUp("the browser is subscribed no more".into());
                    sending.journal.settle(&delivery, &why, now).await?;
                }
                Some(browser) => {
                    let lane = browser.subscription.endpoint.authority().to_owned();
                    work.entry(lane).or_default().push((delivery, browser));
                }
            }
        }
        for (lane, work) in work {
            if lanes.len() >= LANES_MAX {
                break;
            }
            lanes.insert(lane, tokio::spawn(self.clone().lane(sending.clone(), work)));
        }
        Ok(())
    }

    /// Pushes in order; after a trouble of the service it rests and leaves what follows for later.
    async fn lane(self: Arc<Self>, sending: Arc<Sending>, work: Vec<(Delivery, Browser)>) {
        for (delivery, browser) in work {
            let tried = self.try_one(&sending, &delivery, &browser).await;
            let now = sending.clock.now().millis();
            let settled = match &tried {
                Ok(tried) => sending.journal.settle(&delivery, tried, now).await.map(|()| tried),
                Err(error) => {
                    warn!(%error, "a browser could not be forgotten, its push is tried again");
                    return tokio::time::sleep(PAUSE).await;
                }
            };
            match settled {
                Ok(Tried::Sent(_)) => {}
                Ok(Tried::GaveUp(why)) => info!(seq = delivery.seq, %why, "a push was given up"),
                Ok(Tried::Again(why, at)) => {
                    warn!(service = browser.subscription.endpoint.authority(), seq = delivery.seq, %why, "a push was not delivered, it is tried again");
                    let rest = Duration::from_millis(u64::try_from(at - now).unwrap_or(0));
                    return tokio::time::sleep(rest.clamp(SEND_EVERY.min(sending.retry_min), PAUSE_MAX)).await;
                }
                Err(error) => {
                    warn!(%error, "pushes wait for the database");
                    return tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn try_one(&self, sending: &Sending, delivery: &Delivery, browser: &Browser) -> Result<Tried, StoreError> {
        let now = sending.clock.now().millis();
        let age = Duration::from_millis(u64::try_from(now - delivery.at).unwrap_or(0));
        if age >= self.ttl {
            return Ok(Tried::GaveUp("it has waited longer than such a message is worth".into()));
        }
        let call = match self.call(delivery, browser, self.ttl - age, now) {
            Ok(call) => call,
            Err(why) => {
                sending.journal.forget_browser(&browser.id).await?;
                return Ok(Tried::GaveUp(why));
            }
        };
        let own = self.hosts.iter().any(|host| host == browser.subscription.endpoint.authority());
        let client = if own { &self.inside } else { &self.outside };
        let (why, wait) = match client.send(call).await {
            Err(why) => (why, None),
            Ok(answer) => match judge(&answer) {
                Verdict::Taken => return Ok(Tried::Sent(answer.excerpt())),
                Verdict::Refused => return Ok(Tried::GaveUp(answer.excerpt())),
                Verdict::Gone => {
                    sending.journal.forget_browser(&browser.id).await?;
                    return Ok(Tried::GaveUp(format!("the browser is gone: {}", answer.excerpt())));
                }
                Verdict::Patience(wait) => (answer.excerpt(), wait),
            },
        };
        if delivery.tries + 1 >= sending.tries_max {
            return Ok(Tried::GaveUp(why));
        }
        let now = sending.clock.now().millis();
        let asked = wait.unwrap_or_default().min(sending.retry_max).max(sending.retry_min);
        let next = next_try(now, delivery.tries, asked, sending.retry_max);
        Ok(Tried::Again(why, next))
    }

    /// The call that carries this delivery; the error says why this browser can never be reached.
    fn call(&self, delivery: &Delivery, browser: &Browser, ttl: Duration, now: i64) -> Result<Call, String> {
        let subscription = &browser.subscription;
        // The configuration may have changed since the browser was subscribed.
        let endpoint = Endpoint::new(subscription.endpoint.as_str(), &self.hosts)?;
        let shown = payload::shown(&delivery.notice);
        let body = seal::seal(&shown.to_bytes(), &subscription.keys).map_err(|error| error.to_string())?;
        let mut headers = vec![
            ("authorization".to_owned(), self.vapid.authorization(endpoint.origin(), now)),
            ("content-encoding".to_owned(), "aes128gcm".to_owned()),
            ("content-type".to_owned(), "application/octet-stream".to_owned()),
            ("ttl".to_owned(), ttl.as_secs().max(1).to_string()),
            ("urgency".to_owned(), shown.urgency.as_str().to_owned()),
        ];
        if let Some(topic) = shown.topic() {
            headers.push(("topic".to_owned(), topic));
        }
        Ok(Call { method: "POST", url: endpoint.as_str().to_owned(), headers, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_judged_as_the_standard_says() {
        let answer = |status, retry_after| Answer { status, body: vec![], retry_after };
        let minute = Some(Duration::from_secs(60));
        for (status, want) in [
            (200, Verdict::Taken),
            (201, Verdict::Taken),
            (202, Verdict::Taken),
            (302, Verdict::Refused),
            (400, Verdict::Refused),
            (403, Verdict::Refused),
            (404, Verdict::Gone),
            (410, Verdict::Gone),
            (413, Verdict::Refused),
            (429, Verdict::Patience(minute)),
            (500, Verdict::Patience(minute)),
            (503, Verdict::Patience(minute)),
        ] {
            assert_eq!(judge(&answer(status, minute)), want, "{status}");
        }
    }
}
