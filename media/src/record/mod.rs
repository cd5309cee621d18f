//! Recordings as evidence: files that survive a kill, an index that finds every moment, a signed chain over all of it.
//!
//! ```text
//! tap of a unit ─▶ core::cut ─fragment─▶ <unit>/<begin>.mp4   bytes, synced
//!                                   └──▶ <unit>/<begin>.jsonl one line a fragment: times, place, hash, signature; synced
//! ```
//!
//! A line is written after its bytes are on disk, so what the index names is there. What a kill leaves behind the last
//! line, at most the fragment that was being written (a second), is not shown. Every line is signed: an interrupted file
//! is evidence up to where it ends; a whole one has a last line that says so, and misses nothing.

mod index;
mod shelf;
mod signer;
mod writer;

pub use index::{Entry, Index};
pub use shelf::{Keep, Piece, Shelf, ShelfError};
pub use signer::Signer;

use crate::core::cut::{Arrived, Cut, Cutter};
use crate::{Frame, FrameKind};
use greenhub_model::DeviceId;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use writer::Writer;

/// A file of a source that fell silent ends, so that what there is can be seen as whole.
const SILENCE: Duration = Duration::from_secs(5);

/// Records what the tap brings until `over` completes or nothing can be written any more.
///
/// `ask_key` is called when frames were missed and the recording can only go on at a key frame. Errors: of the disk; what
/// was written before stands.
pub async fn record(
    shelf: Arc<Shelf>,
    unit: DeviceId,
    why: String,
    mut tap: Receiver<Arc<Frame>>,
    over: impl Future<Output = ()>,
    ask_key: impl AsyncFn(),
) -> std::io::Result<()> {
    tokio::pin!(over);
    let mut cutter = Cutter::default();
    let mut writer = Writer::new(shelf, unit, why);
    loop {
        let frame = tokio::select! {
            frame = tokio::time::timeout(SILENCE, tap.recv()) => frame,
            () = &mut over => {
                write(&mut writer, cutter.finish()).await?;
                return Ok(());
            }
        };
        let cuts = match frame {
            Ok(Ok(frame)) => cutter.push(Arrived {
                source: frame.source,
                picture: frame.kind == FrameKind::Video,
                key: frame.key,
                ticks: frame.ticks,
                at: frame.at,
                data: &frame.data,
            }),
            // Pictures lean on those before them: what was missed ends the file, the next begins at a key frame.
            Ok(Err(RecvError::Lagged(_))) => {
                ask_key().await;
                cutter.finish()
            }
            Ok(Err(RecvError::Closed)) => {
                write(&mut writer, cutter.finish()).await?;
                return Ok(());
            }
            Err(_) => cutter.finish(),
        };
        write(&mut writer, cuts).await?;
    }
}

/// Lets a blocking thread write, and takes the writer back.
async fn write(writer: &mut Writer, cuts: Vec<Cut>) -> std::io::Result<()> {
    if cuts.is_empty() {
        return Ok(());
    }
    let mut own = writer.take();
    let (own, done) = tokio::task::spawn_blocking(move || {
        let done = cuts.into_iter().try_for_each(|cut| own.write(cut));
        (own, done)
    })
    .await
    .map_err(std::io::Error::other)?;
    *writer = own;
    done
}

#[cfg(test)]
mod tests;
