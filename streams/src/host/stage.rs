//! One operator of the dataflow: collects what is routed to it, and runs a batch when it is complete.

use std::collections::BTreeMap;
use timely::ExchangeData;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::Operator;

/// Sends each item to worker `route(item) % peers` and calls `run` once per batch, in the order of batches, with all
/// items of the batch that came to this worker, in no promised order between senders.
///
/// It keeps at most the batches under way (bounded by the host).
pub(super) fn staged<'scope, In, Out, Run>(
    stream: Stream<'scope, u64, Vec<In>>,
    name: &str,
    route: fn(&In) -> u64,
    mut run: Run,
) -> Stream<'scope, u64, Vec<Out>>
where
    In: ExchangeData,
    Out: ExchangeData,
    Run: FnMut(u64, Vec<In>) -> Vec<Out> + 'static,
{
    stream.unary_frontier::<CapacityContainerBuilder<Vec<Out>>, _, _, _>(
        Exchange::new(move |item: &In| route(item)),
        name,
        move |_first, _info| {
            let mut waiting: BTreeMap<u64, (Capability<u64>, Vec<In>)> = BTreeMap::new();
            move |(input, frontier), output| {
                let port = output.output_index();
                input.for_each(|capability, items| {
                    if let Some(own) = capability.retain_least(port) {
                        waiting.entry(*own.time()).or_insert_with(|| (own, Vec::new())).1.append(items);
                    }
                });
                while let Some(entry) = waiting.first_entry() {
                    if frontier.less_equal(entry.key()) {
                        break;
                    }
                    let (batch, (capability, items)) = entry.remove_entry();
                    output.session(&capability).give_iterator(run(batch, items).into_iter());
                }
            }
        },
    )
}
