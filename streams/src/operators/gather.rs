//! Puts the pieces of all workers together: one ordered output per batch.

use super::correlate::Hanging;
use super::{Parts, Piece, ToGather};
use greenhub_model::BatchOutput;

/// The output of a batch, what hangs on what since it, and the parts of a snapshot where the batch asked for one.
///
/// Sorting is by place, which is unique; pieces come nearly sorted, which the standard sort uses.
pub(crate) fn gather(pieces: Vec<ToGather>) -> Option<(BatchOutput, Vec<Hanging>, Parts)> {
    let head = pieces.first()?.head.clone();
    let mut whole = Piece::default();
    pieces.into_iter().for_each(|one| whole.absorb(one.piece));
    whole.outputs.sort_by(|a, b| a.place.cmp(&b.place));
    let output = BatchOutput {
        batch: head.number,
        received: head.received,
        end: head.end,
        items: whole.outputs.into_iter().map(|placed| placed.value).collect(),
        counts: whole.counts,
    };
    Some((output, whole.hanging, whole.parts))
}
