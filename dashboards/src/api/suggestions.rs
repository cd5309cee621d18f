//! Cause rules that the history suggests: pairs of alarm types that keep coming together, with their evidence. Read from
//! the events of the last days, judged by `alarms::correlate::learn`; never applied by itself. A person takes one into a
//! change request, where it is reviewed and back-tested like any other change.

use super::kpi::rules_now;
use crate::extract::Params;
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use greenhub_alarms::RuleSet;
use greenhub_alarms::correlate::learn::{Example, LearnOptions, Occurrence, Suggestion, learn};
use greenhub_alarms::correlate::rules::{ANY, CauseRule, Matcher, SAME};
use greenhub_model::alarm::AlarmEventKind;
use greenhub_model::kpi::AlarmFact;
use greenhub_model::{AlarmCode, AlarmId, Class, DeviceId};
use greenhub_storage::relational::{FACTS_MAX, FactPlace};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most days looked at.
const DAYS_MAX: u32 = 90;
/// Days where the call does not say.
const DAYS: u32 = 30;
/// Most events read; of a longer history the newest days are not reached, and the answer says so.
const FACTS_READ_MAX: usize = 200_000;
/// Most suggestions told, the best founded first.
const SUGGESTIONS_MAX: usize = 100;
/// A proposed rule takes consequences up to this long before their cause, at least and at most, milliseconds.
const WITHIN_MS: (i64, i64) = (60_000, 900_000);

/// How far back to look.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SuggestionQuery {
    /// Days, 1 to 90; 30 where it is missing.
    #[serde(default)]
    pub days: Option<u32>,
}

/// What the history suggests.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Suggestions {
    /// Begin of the history looked at, Unix ms.
    pub from: i64,
    /// Its end.
    pub to: i64,
    /// Alarms looked at.
    pub occurrences: usize,
    /// There were more events than are read at once; `to` is where reading ended.
    pub truncated: bool,
    /// Pairs that no rule covers yet, the best founded first.
    pub items: Vec<SuggestedCause>,
}

/// A pair of alarm types that may be cause and consequence on one device.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SuggestedCause {
    /// Class of the devices.
    pub class: Class,
    /// Type of the cause.
    #[schema(value_type = String)]
    pub cause: AlarmCode,
    /// Its title.
    pub cause_title: String,
    /// Type of the consequence.
    #[schema(value_type = String)]
    pub effect: AlarmCode,
    /// Its title.
    pub effect_title: String,
    /// The evidence in a sentence.
    pub text: String,
    /// Incidents with both.
    pub incidents: u64,
    /// Share of the incidents with the consequence that also have the cause, 0 to 1.
    pub share: f64,
    /// Sign test of the order, in standard deviations.
    pub z: f64,
    /// Median time from cause to consequence, milliseconds.
    pub typical_lag_ms: Option<i64>,
    /// Some incidents.
    pub examples: Vec<SuggestedExample>,
    /// The rule to ask for (`correlate.causes`).
    #[schema(value_type = Object)]
    pub rule: CauseRule,
}

/// One incident.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SuggestedExample {
    /// Device.
    #[schema(value_type = String)]
    pub device: DeviceId,
    /// When the cause was raised, Unix ms.
    pub cause_at: i64,
    /// When the consequence was raised, Unix ms.
    pub effect_at: i64,
}

/// Cause rules that the history suggests and no rule covers yet.
#[utoipa::path(get, path = "/api/v1/alarm-suggestions", tag = "changes", params(SuggestionQuery),
    responses((status = 200, body = Suggestions), (status = 400, body = Problem)))]
pub async fn list(
    State(state): State<AppState>,
    Params(query): Params<SuggestionQuery>,
) -> Result<Json<Suggestions>, Problem> {
    let days = query.days.unwrap_or(DAYS);
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(Problem::bad_request(format!("days must lie between 1 and {DAYS_MAX}")));
    }
    let _one_of_two = state.reports.acquire().await.expect("the permits are never closed");
    let now = state.now().millis();
    let from = now - i64::from(days) * 86_400_000;
    let history = read(&state, from, now).await?;
    let (rules, to, truncated) = (rules_now(&state), history.to, history.truncated);
    let counted = tokio::task::spawn_blocking(move || {
        let occurrences = history.by_class.values().map(Vec::len).sum();
        (occurrences, suggest(&rules, &history.by_class))
    });
    let (occurrences, items) = counted.await.map_err(|error| Problem::unavailable("learn from the history", &error))?;
    Ok(Json(Suggestions { from, to, occurrences, truncated, items }))
}

struct History {
    by_class: BTreeMap<Class, Vec<Occurrence>>,
    to: i64,
    truncated: bool,
}

/// Raises and returns of the stretch, as occurrences.
async fn read(state: &AppState, from: i64, to: i64) -> Result<History, Problem> {
    let mut open: BTreeMap<AlarmId, (Class, Occurrence)> = BTreeMap::new();
    let mut history = History { by_class: BTreeMap::new(), to, truncated: false };
    let (mut place, mut read): (Option<FactPlace>, usize) = (None, 0);
    loop {
        let facts = state.alarms.facts(from, to, place).await?;
        facts.iter().for_each(|fact| take(fact, &mut open, &mut history.by_class));
        read += facts.len();
        let Some(last) = facts.last().filter(|_| facts.len() as i64 == FACTS_MAX) else { break };
        if read >= FACTS_READ_MAX {
            (history.to, history.truncated) = (last.at, true);
            break;
        }
        place = Some(FactPlace::of(last));
    }
    for (class, occurrence) in open.into_values() {
        history.by_class.entry(class).or_default().push(occurrence);
    }
    Ok(history)
}

fn take(
    fact: &AlarmFact,
    open: &mut BTreeMap<AlarmId, (Class, Occurrence)>,
    by_class: &mut BTreeMap<Class, Vec<Occurrence>>,
) {
    match fact.kind {
        AlarmEventKind::Raised => {
            let fresh = Occurrence { at: fact.at, device: fact.device.clone(), code: fact.code.clone(), end: None };
            open.entry(fact.alarm.clone()).or_insert((fact.class, fresh));
        }
        AlarmEventKind::Returned => {
            if let Some((class, mut occurrence)) = open.remove(&fact.alarm) {
                occurrence.end = Some(fact.at);
                by_class.entry(class).or_default().push(occurrence);
            }
        }
        _ => {}
    }
}

/// Learns class by class, on one device at a time, and across devices where the evidence is strong: then the rule asked for
/// holds within a sub-district, and the person who asks may take a table of topology instead.
fn suggest(rules: &RuleSet, by_class: &BTreeMap<Class, Vec<Occurrence>>) -> Vec<SuggestedCause> {
    let mut found: Vec<SuggestedCause> = vec![];
    for (class, occurrences) in by_class {
        let pairs = learn(occurrences, &LearnOptions::default());
        let fresh = pairs
            .into_iter()
            .filter(|pair| (pair.relation == SAME || pair.relation == ANY) && !is_covered(rules, *class, pair));
        found.extend(fresh.map(|pair| suggested(rules, *class, pair)));
    }
    found.sort_by(|a, b| b.z.total_cmp(&a.z).then_with(|| (&a.cause, &a.effect).cmp(&(&b.cause, &b.effect))));
    found.truncate(SUGGESTIONS_MAX);
    found
}

/// A rule says it already, or says the opposite.
fn is_covered(rules: &RuleSet, class: Class, pair: &Suggestion) -> bool {
    let says = |rule: &CauseRule, cause: &AlarmCode, effect: &AlarmCode| {
        (rule.relation == SAME || pair.relation == ANY)
            && rule.cause.fits(class, cause)
            && rule.effect.fits(class, effect)
    };
    let rule = |rule: &CauseRule| says(rule, &pair.cause, &pair.effect) || says(rule, &pair.effect, &pair.cause);
    rules.correlate.causes.iter().any(rule)
}

fn suggested(rules: &RuleSet, class: Class, pair: Suggestion) -> SuggestedCause {
    let title = |code: &AlarmCode| greenhub_alarms::classify::classify(rules, class, code).title.clone();
    let (cause_title, effect_title) = (title(&pair.cause), title(&pair.effect));
    let only = |code: &AlarmCode| Matcher { class: Some(class), codes: vec![code.clone()] };
    let rule = CauseRule {
        id: format!("{}_{}_{}", class.as_str(), pair.cause, pair.effect),
        title: format!("{cause_title}，随之{effect_title}"),
        relation: pair.relation,
        cause: only(&pair.cause),
        effect: only(&pair.effect),
        within_ms: pair.typical_lag_ms.unwrap_or(0).saturating_mul(4).clamp(WITHIN_MS.0, WITHIN_MS.1),
        grace_ms: WITHIN_MS.0,
    };
    let example =
        |e: Example| SuggestedExample { device: e.effect_device, cause_at: e.cause_at, effect_at: e.effect_at };
    SuggestedCause {
        class,
        cause: pair.cause,
        cause_title,
        effect: pair.effect,
        effect_title,
        text: pair.text,
        incidents: pair.incidents,
        share: pair.share,
        z: pair.z,
        typical_lag_ms: pair.typical_lag_ms,
        examples: pair.examples.into_iter().map(example).collect(),
        rule,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twelve incidents on three fans: the fault first, the strange point a few seconds later.
    fn history() -> BTreeMap<Class, Vec<Occurrence>> {
        let occurrence = |at: i64, device: i64, code: &str| Occurrence {
            at,
            device: DeviceId::new(&format!("FAN-{device}")).expect("grammar"),
            code: AlarmCode::new(code).expect("grammar"),
            end: Some(at + 60_000),
        };
        let incident = |n: i64| {
            let at = n * 3_600_000;
            [occurrence(at, n % 3, "CONVEYOR_JAM"), occurrence(at + 5_000, n % 3, "FAN_FAULT")]
        };
        BTreeMap::from([(Class::Plant, (0..12).flat_map(incident).collect())])
    }

    #[test]
    fn a_pair_that_keeps_coming_together_becomes_a_rule_that_can_be_asked_for() {
        let mut rules = RuleSet::builtin();
        let found = suggest(&rules, &history());
        let [pair] = found.as_slice() else { panic!("one pair: {found:?}") };
        assert_eq!((pair.cause.as_str(), pair.effect.as_str()), ("CONVEYOR_JAM", "FAN_FAULT"));
        assert_eq!((pair.incidents, pair.typical_lag_ms, pair.rule.within_ms), (12, Some(5_000), 60_000));
        assert!(pair.text.contains("12"), "{}", pair.text);
        rules.correlate.causes.push(pair.rule.clone());
        assert_eq!(rules.validate(), Ok(()), "the rule can be taken as it is");
        assert!(suggest(&rules, &history()).is_empty(), "what a rule says is not suggested again");
    }
}
