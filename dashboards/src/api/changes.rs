//! Requests to change the rules. Who may do what when is decided by `alarms::change`; here a request is read, the decision
//! asked for, and the outcome saved over the revision that was read, with a line in the audit log either way.

use super::List;
use super::audit::note;
use crate::access::Caller;
use crate::extract::{Body, Named, Params, paging, words};
use crate::problem::{PlacedProblem, Problem};
use crate::state::AppState;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use greenhub_alarms::RuleSet;
use greenhub_alarms::change::candidate::{Candidate, same_effect};
use greenhub_alarms::change::{self as control, Actor, Facts, Source};
use greenhub_model::change::{Backtest, Change, ChangeAct, ChangeEvent, ChangeState, Difference};
use greenhub_storage::accounts::Outcome;
use greenhub_storage::changes::{CandidateText, ChangeFilter, RuleVersion};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which requests.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ChangeQuery {
    /// Comma list of states.
    #[serde(default)]
    pub state: Option<String>,
    /// Only of this person.
    #[serde(default)]
    pub requester: Option<String>,
    /// Only emergency changes whose approval is overdue.
    #[serde(default)]
    pub overdue: Option<bool>,
    /// Rows wanted, 1 to 1000; 100 where it is missing.
    #[serde(default)]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// A request with all that belongs to it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ChangeDetail {
    /// As it stands.
    pub change: Change,
    /// What differs from its base.
    pub diff: Vec<Difference>,
    /// What was done to it, in order.
    pub events: Vec<ChangeEvent>,
    /// What the caller may do now.
    pub may: Vec<ChangeAct>,
    /// The newest back-test.
    pub backtest: Option<Backtest>,
    /// Its base is no longer the newest version.
    pub stale: bool,
    /// What is wrong with its candidate.
    pub problems: Vec<PlacedProblem>,
}

/// A page of requests, newest first.
#[utoipa::path(get, path = "/api/v1/changes", tag = "changes", params(ChangeQuery),
    responses((status = 200, body = List<Change>), (status = 400, body = Problem)))]
pub async fn list(
    State(state): State<AppState>,
    Params(query): Params<ChangeQuery>,
) -> Result<Json<List<Change>>, Problem> {
    let page = paging(query.limit, query.cursor)?;
    let overdue = query.overdue.unwrap_or(false);
    let filter = ChangeFilter {
        states: words("state", query.state.as_deref())?,
        requester: query.requester,
        waits_for_approval: overdue,
    };
    let now = state.now().millis();
    let mut rows = state.changes.list(&filter, &page).await?;
    rows.items.iter_mut().for_each(|change| change.overdue = change.is_overdue(now));
    rows.items.retain(|change| change.overdue || !overdue);
    Ok(Json(rows.into()))
}

/// One request.
#[utoipa::path(get, path = "/api/v1/changes/{id}", tag = "changes", params(("id" = i64, Path)),
    responses((status = 200, body = ChangeDetail), (status = 404, body = Problem)))]
pub async fn get(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<i64>,
) -> Result<Json<ChangeDetail>, Problem> {
    let change = found(&state, id).await?;
    Ok(Json(detail(&state, &caller, change).await?))
}

/// The whole candidate rule set.
#[utoipa::path(get, path = "/api/v1/changes/{id}/rules", tag = "changes", params(("id" = i64, Path)),
    responses((status = 200, body = Value), (status = 404, body = Problem)))]
pub async fn candidate(State(state): State<AppState>, Named(id): Named<i64>) -> Result<Json<Value>, Problem> {
    Ok(Json(candidate_text(&state, id).await?.rules))
}

/// What to change, and when. Exactly one of `edits`, `patch`, `rules`, `restore` says how the candidate is made.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CandidateRequest {
    /// Version it starts from; the newest one where it is missing.
    #[serde(default)]
    pub base: Option<u64>,
    /// JSON Patch (RFC 6902): `add`, `remove`, `replace`, `test`.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Object>>)]
    pub edits: Option<Vec<control::patch::Operation>>,
    /// JSON Merge Patch (RFC 7396).
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub patch: Option<Value>,
    /// A whole rule set.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub rules: Option<Value>,
    /// An older version to bring back.
    #[serde(default)]
    pub restore: Option<u64>,
}

impl CandidateRequest {
    fn source(self) -> Result<Option<Source>, Problem> {
        let Self { edits, patch, rules, restore, .. } = self;
        let mut given = [
            edits.map(Source::Edits),
            patch.map(Source::Patch),
            rules.map(Source::Rules),
            restore.map(Source::Restore),
        ]
        .into_iter()
        .flatten();
        match (given.next(), given.next()) {
            (source, None) => Ok(source),
            _ => Err(Problem::unusable("edits、patch、rules、restore 只能填写其中一项，请删除多余的")),
        }
    }

    fn required(self) -> Result<Source, Problem> {
        self.source()?.ok_or_else(|| Problem::unusable("没有说明改什么：请填写 edits、patch、rules、restore 之一"))
    }
}

/// A request to be written down.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub struct ChangeRequest {
    /// What is to change, in a few words.
    pub title: String,
    /// Why.
    pub reason: String,
    /// When it is to be in force, Unix ms; missing: as soon as it is approved.
    #[serde(default)]
    pub effective_at: Option<i64>,
    /// What to change.
    #[serde(flatten)]
    pub what: CandidateRequest,
}

/// Write a request down, as a draft.
#[utoipa::path(post, path = "/api/v1/changes", tag = "changes", request_body = ChangeRequest,
    responses((status = 201, body = ChangeDetail), (status = 409, body = Problem, description = "an older base"),
        (status = 422, body = Problem, description = "the candidate cannot be used; `problems` lists why")))]
pub async fn create(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Body(request): Body<ChangeRequest>,
) -> Result<(StatusCode, Json<ChangeDetail>), Problem> {
    let base = request.what.base;
    let source = request.what.required()?;
    let new = NewChange { title: request.title, reason: request.reason, effective_at: request.effective_at };
    let change = write_down(&state, &caller, new, base, source).await?;
    Ok((StatusCode::CREATED, Json(detail(&state, &caller, change).await?)))
}

pub(super) struct NewChange {
    pub title: String,
    pub reason: String,
    pub effective_at: Option<i64>,
}

pub(super) async fn write_down(
    state: &AppState,
    caller: &Caller,
    new: NewChange,
    base: Option<u64>,
    source: Source,
) -> Result<Change, Problem> {
    let (facts, master) = facts(state).await?;
    checked_text("title", &new.title, TITLE_CHARS_MAX)?;
    checked_text("reason", &new.reason, TEXT_CHARS_MAX)?;
    let base = base.unwrap_or(facts.master);
    let mut change = control::new_change(&new.title, &new.reason, base, actor(caller), &facts)?;
    change.effective_at = checked_time(new.effective_at, facts.now)?;
    let made = build(state, &rules_of(&master)?, &source).await?;
    change.differences = made.differences.len() as u64;
    change.restores = restored(&source);
    let event = event(&change, ChangeAct::Create, None, caller, "", &facts);
    let change = state.changes.create(&change, &text_of(&source, &made)?, &event).await?;
    note_act(state, caller, ChangeAct::Create, change.id, Outcome::Done, &change.title).await;
    Ok(change)
}

/// A candidate as it would be.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CheckAnswer {
    /// Version it starts from.
    pub base: u64,
    /// What would differ.
    pub diff: Vec<Difference>,
    /// What is wrong with it; `diff` is empty then.
    pub problems: Vec<PlacedProblem>,
}

/// Look at a candidate without writing anything down.
#[utoipa::path(post, path = "/api/v1/changes/check", tag = "changes", request_body = CandidateRequest,
    responses((status = 200, body = CheckAnswer), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn check(
    State(state): State<AppState>,
    Body(request): Body<CandidateRequest>,
) -> Result<Json<CheckAnswer>, Problem> {
    let base = match request.base {
        Some(number) => version(&state, number).await?,
        None => master(&state).await?,
    };
    let source = request.required()?;
    let older = older(&state, &source).await?;
    let (base, number) = (rules_of(&base)?, base.row.number);
    Ok(Json(match control::build(&base, &source, older.as_ref()) {
        Ok(made) => CheckAnswer { base: number, diff: made.differences, problems: vec![] },
        Err(error) => CheckAnswer {
            base: number,
            diff: vec![],
            problems: error.problems().into_iter().map(PlacedProblem::from).collect(),
        },
    }))
}

/// What to change of a draft.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub struct ChangeEdit {
    /// Another title.
    #[serde(default)]
    pub title: Option<String>,
    /// Another reason.
    #[serde(default)]
    pub reason: Option<String>,
    /// Another time, Unix ms; 0: as soon as it is approved.
    #[serde(default)]
    pub effective_at: Option<i64>,
    /// Revision the caller saw.
    #[serde(default)]
    pub revision: Option<i64>,
    /// Another candidate; `base` alone takes the edits over to that version.
    #[serde(flatten)]
    pub what: CandidateRequest,
}

/// Change a draft.
#[utoipa::path(patch, path = "/api/v1/changes/{id}", tag = "changes", params(("id" = i64, Path)),
    request_body = ChangeEdit,
    responses((status = 200, body = ChangeDetail), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn edit(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<i64>,
    Body(request): Body<ChangeEdit>,
) -> Result<Json<ChangeDetail>, Problem> {
    let before = found(&state, id).await?;
    seen(&before, request.revision)?;
    let (facts, _) = facts(&state).await?;
    let mut change = before.clone();
    control::advance(&mut change, ChangeAct::Edit, actor(&caller), "", true, &facts)?;
    if let Some(title) = request.title {
        checked_text("title", &title, TITLE_CHARS_MAX)?;
        change.title = title;
    }
    if let Some(reason) = request.reason {
        checked_text("reason", &reason, TEXT_CHARS_MAX)?;
        change.reason = reason;
    }
    match request.effective_at {
        Some(0) => change.effective_at = None,
        Some(at) => change.effective_at = checked_time(Some(at), facts.now)?,
        None => {}
    }
    let base = request.what.base.unwrap_or(before.base);
    let source = request.what.source()?;
    let mut candidate = None;
    if source.is_some() || base != before.base {
        if base != facts.master {
            return Err(control::ChangeRefusal::Stale { base, master: facts.master }.into());
        }
        let text = candidate_text(&state, id).await?;
        let taken_over = source.is_none();
        let source = match source {
            Some(source) => source,
            None => serde_json::from_value(text.source.clone()).map_err(|e| unreadable(&e))?,
        };
        let made = build(&state, &rules_of(&version(&state, base).await?)?, &source).await?;
        if taken_over {
            let was = control::diff(&rules_of(&version(&state, before.base).await?)?, &parse(&text.rules)?);
            if !same_effect(&was, &made.differences) {
                return Err(Problem::new(
                    StatusCode::CONFLICT,
                    format!("原来的修改套用到第 {base} 版规则后含义不同；请在第 {base} 版规则上重新编辑"),
                ));
            }
        }
        change.base = base;
        change.candidate += 1;
        change.backtested = false;
        change.differences = made.differences.len() as u64;
        change.restores = restored(&source);
        candidate = Some(text_of(&source, &made)?);
    }
    let event = event(&change, ChangeAct::Edit, Some(before.state), &caller, "", &facts);
    save(&state, &change, before.revision, candidate.as_ref(), &event).await?;
    note_act(&state, &caller, ChangeAct::Edit, id, Outcome::Done, "").await;
    Ok(Json(detail(&state, &caller, change).await?))
}

/// A step of a request.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActRequest {
    /// Remark; a rejection and an emergency need one.
    #[serde(default)]
    pub comment: String,
    /// Revision the caller saw; another one is refused.
    #[serde(default)]
    pub revision: Option<i64>,
}

/// A check in operation.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyRequest {
    /// It does what it should.
    pub passed: bool,
    /// Remark; needed when it does not.
    #[serde(default)]
    pub comment: String,
    /// Revision the caller saw.
    #[serde(default)]
    pub revision: Option<i64>,
}

macro_rules! step {
    ($(#[$doc:meta])* $name:ident, $path:literal, $act:expr) => {
        $(#[$doc])*
        #[utoipa::path(post, path = $path, tag = "changes", params(("id" = i64, Path)), request_body = ActRequest,
            responses((status = 200, body = ChangeDetail), (status = 403, body = Problem),
                (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
        pub async fn $name(
            State(state): State<AppState>,
            Extension(caller): Extension<Caller>,
            Named(id): Named<i64>,
            Body(request): Body<ActRequest>,
        ) -> Result<Json<ChangeDetail>, Problem> {
            act(&state, &caller, id, $act, &request.comment, true, request.revision).await
        }
    };
}

step! {
    /// Hand it to the reviewers.
    submit, "/api/v1/changes/{id}/submit", ChangeAct::Submit
}
step! {
    /// Take it back.
    withdraw, "/api/v1/changes/{id}/withdraw", ChangeAct::Withdraw
}
step! {
    /// Put it in force at once; the approval follows within the time that the configuration allows.
    emergency, "/api/v1/changes/{id}/emergency", ChangeAct::Emergency
}
step! {
    /// It is technically right.
    review, "/api/v1/changes/{id}/review", ChangeAct::Review
}
step! {
    /// Approve it, or an emergency change after the fact.
    approve, "/api/v1/changes/{id}/approve", ChangeAct::Approve
}
step! {
    /// Refuse it.
    reject, "/api/v1/changes/{id}/reject", ChangeAct::Reject
}

/// Say whether it does in operation what it should.
#[utoipa::path(post, path = "/api/v1/changes/{id}/verify", tag = "changes", params(("id" = i64, Path)),
    request_body = VerifyRequest,
    responses((status = 200, body = ChangeDetail), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn verify(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<i64>,
    Body(request): Body<VerifyRequest>,
) -> Result<Json<ChangeDetail>, Problem> {
    act(&state, &caller, id, ChangeAct::Verify, &request.comment, request.passed, request.revision).await
}

async fn act(
    state: &AppState,
    caller: &Caller,
    id: i64,
    act: ChangeAct,
    comment: &str,
    passed: bool,
    revision: Option<i64>,
) -> Result<Json<ChangeDetail>, Problem> {
    checked_text("comment", comment, TEXT_CHARS_MAX)?;
    let before = found(state, id).await?;
    let result = step(state, caller, &before, act, comment, passed, revision).await;
    match result {
        Ok(change) => {
            note_act(state, caller, act, id, Outcome::Done, comment).await;
            if change.state == ChangeState::Scheduled {
                state.rules.look();
            }
            Ok(Json(detail(state, caller, change).await?))
        }
        Err(problem) => {
            note_act(state, caller, act, id, Outcome::Refused, &problem.detail).await;
            Err(problem)
        }
    }
}

async fn step(
    state: &AppState,
    caller: &Caller,
    before: &Change,
    act: ChangeAct,
    comment: &str,
    passed: bool,
    revision: Option<i64>,
) -> Result<Change, Problem> {
    seen(before, revision)?;
    let (facts, _) = facts(state).await?;
    let mut change = before.clone();
    control::advance(&mut change, act, actor(caller), comment, passed, &facts)?;
    if matches!(act, ChangeAct::Submit | ChangeAct::Emergency) {
        // Rules of validity may have become stricter since the draft was written.
        let rules = parse(&candidate_text(state, change.id).await?.rules)?;
        rules.validate().map_err(|problems| Problem::from(control::CandidateError::Invalid(problems)))?;
    }
    let event = event(&change, act, Some(before.state), caller, comment, &facts);
    save(state, &change, before.revision, None, &event).await?;
    Ok(change)
}

const TITLE_CHARS_MAX: usize = 200;
const TEXT_CHARS_MAX: usize = 2_000;
/// Furthest time at which a change may be planned to be in force.
const AHEAD_MS_MAX: i64 = 400 * 86_400_000;
/// A time that has just passed while somebody was typing is now.
const BEHIND_MS_MAX: i64 = 60_000;

fn checked_text(name: &str, text: &str, chars_max: usize) -> Result<(), Problem> {
    if text.chars().count() > chars_max {
        return Err(Problem::unusable(format!("{name} 最多 {chars_max} 字，请精简")));
    }
    Ok(())
}

fn checked_time(at: Option<i64>, now: i64) -> Result<Option<i64>, Problem> {
    match at {
        Some(at) if at < now - BEHIND_MS_MAX => {
            Err(Problem::unusable("生效时间已过；请改为将来的时间，或留空（批准后立即生效）"))
        }
        Some(at) if at > now + AHEAD_MS_MAX => Err(Problem::unusable("生效时间超出 400 天；请改为较近的时间")),
        at => Ok(at),
    }
}

fn seen(change: &Change, revision: Option<i64>) -> Result<(), Problem> {
    if revision.is_some_and(|seen| seen != change.revision) { Err(overtaken()) } else { Ok(()) }
}

fn overtaken() -> Problem {
    Problem::new(StatusCode::CONFLICT, "该申请已被他人更新；请刷新页面，核对后再操作")
}

async fn save(
    state: &AppState,
    change: &Change,
    read_at: i64,
    candidate: Option<&CandidateText>,
    event: &ChangeEvent,
) -> Result<(), Problem> {
    if state.changes.save(change, read_at, candidate, event).await? { Ok(()) } else { Err(overtaken()) }
}

pub(super) fn actor(caller: &Caller) -> Actor<'_> {
    Actor::Person { name: &caller.session.username, role: caller.session.role }
}

fn event(
    change: &Change,
    act: ChangeAct,
    from: Option<ChangeState>,
    caller: &Caller,
    comment: &str,
    facts: &Facts,
) -> ChangeEvent {
    let by = caller.session.username.clone();
    ChangeEvent { seq: 0, at: facts.now, by, act, from, to: change.state, comment: comment.trim().to_owned() }
}

async fn facts(state: &AppState) -> Result<(Facts, RuleVersion), Problem> {
    let master = master(state).await?;
    let scheduled = state.changes.scheduled().await?.first().map(|change| change.id);
    let facts = Facts {
        now: state.now().millis(),
        master: master.row.number,
        scheduled,
        approve_within_ms: state.options.approve_within_ms,
    };
    Ok((facts, master))
}

pub(super) async fn found(state: &AppState, id: i64) -> Result<Change, Problem> {
    let change = state.changes.get(id).await?;
    let mut change = change.ok_or_else(|| Problem::not_found(format!("没有第 {id} 号变更申请")))?;
    change.overdue = change.is_overdue(state.now().millis());
    Ok(change)
}

pub(super) async fn candidate_text(state: &AppState, id: i64) -> Result<CandidateText, Problem> {
    let text = state.changes.candidate(id).await?;
    text.ok_or_else(|| Problem::not_found(format!("没有第 {id} 号变更申请")))
}

pub(super) async fn master(state: &AppState) -> Result<RuleVersion, Problem> {
    let newest = state.changes.newest().await?;
    newest.ok_or_else(|| Problem::unavailable("read the rules", &"there is no version yet"))
}

pub(super) async fn version(state: &AppState, number: u64) -> Result<RuleVersion, Problem> {
    let version = state.changes.version(number).await?;
    version.ok_or_else(|| Problem::not_found(format!("没有第 {number} 版规则")))
}

pub(super) fn rules_of(version: &RuleVersion) -> Result<RuleSet, Problem> {
    parse(&version.rules)
}

pub(super) fn parse(rules: &Value) -> Result<RuleSet, Problem> {
    serde_json::from_value(rules.clone()).map_err(|error| unreadable(&error))
}

fn unreadable(error: &serde_json::Error) -> Problem {
    Problem::unavailable("read stored rules", error)
}

fn restored(source: &Source) -> Option<u64> {
    if let Source::Restore(number) = source { Some(*number) } else { None }
}

async fn older(state: &AppState, source: &Source) -> Result<Option<RuleSet>, Problem> {
    match restored(source) {
        Some(number) => Ok(Some(rules_of(&version(state, number).await?)?)),
        None => Ok(None),
    }
}

async fn build(state: &AppState, base: &RuleSet, source: &Source) -> Result<Candidate, Problem> {
    let older = older(state, source).await?;
    Ok(control::build(base, source, older.as_ref())?)
}

fn text_of(source: &Source, made: &Candidate) -> Result<CandidateText, Problem> {
    let value = |result: serde_json::Result<Value>| result.map_err(|error| unreadable(&error));
    Ok(CandidateText { source: value(serde_json::to_value(source))?, rules: value(serde_json::to_value(&made.rules))? })
}

pub(super) async fn detail(state: &AppState, caller: &Caller, mut change: Change) -> Result<ChangeDetail, Problem> {
    change.overdue = change.is_overdue(state.now().millis());
    let rules = parse(&candidate_text(state, change.id).await?.rules)?;
    let base = rules_of(&version(state, change.base).await?)?;
    let diff = control::diff(&base, &rules);
    let problems = rules.validate().err().unwrap_or_default().into_iter().map(PlacedProblem::from).collect();
    let master = master(state).await?.row.number;
    let stale = change.version.is_none() && change.closed_at.is_none() && change.base != master;
    Ok(ChangeDetail {
        diff,
        events: state.changes.events(change.id).await?,
        may: control::may(&change, actor(caller)),
        backtest: super::backtests::newest(state, &change).await?,
        stale,
        problems,
        change,
    })
}

async fn note_act(state: &AppState, caller: &Caller, act: ChangeAct, id: i64, outcome: Outcome, detail: &str) {
    let action = match act {
        ChangeAct::Create => "change_create",
        ChangeAct::Edit => "change_edit",
        ChangeAct::Submit => "change_submit",
        ChangeAct::Withdraw => "change_withdraw",
        ChangeAct::Emergency => "change_emergency",
        ChangeAct::Review => "change_review",
        ChangeAct::Approve => "change_approve",
        ChangeAct::Reject => "change_reject",
        ChangeAct::PutInForce => "change_in_force",
        ChangeAct::SendBack => "change_send_back",
        ChangeAct::Verify => "change_verify",
    };
    note(state, caller, action, &format!("change {id}"), outcome, detail).await;
}
