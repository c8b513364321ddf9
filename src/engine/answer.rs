//! Answers questions: from memory where it can, else through the keeper.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{
    Answer, Chart, Column, ForecastView, Keeper, LinkError, Query,
    accept::accept,
    ahead::ahead,
    explain::{explain, explain_at},
    local::Asked,
    past,
    publish::columns_in_memory,
    rebuild,
    run::Loop,
    whatif::Question,
};
use crate::{
    domain::{Forecast, Limit, SeriesId, Span, Timestamp, text::visible},
    drift::{self, matching},
    shadow::{Coherent, Metric, Shadows},
    store::{Store, StoreError},
};

/// Columns a chart may have.
const COLUMNS: i64 = 4_096;
/// Decisions that wait for the store at most; more are refused.
const MOST_DECIDED: usize = 64;
/// Rows a statement may return.
const ROWS: usize = 10_000;

/// Longest a statement of a user may run.
const LONGEST_STATEMENT: std::time::Duration = std::time::Duration::from_secs(10);

pub(super) type Reply = oneshot::Sender<Result<Answer, LinkError>>;

pub(super) fn refused(why: impl Into<String>) -> LinkError {
    LinkError::Refused(why.into())
}

pub(super) fn answer(engine: &mut Loop, asked: Asked) {
    let Asked {
        query,
        who,
        trusted,
        reply,
    } = asked;
    let keeps = matches!(
        query,
        Query::Compact
            | Query::Export { .. }
            | Query::Hand { .. }
            | Query::Piece { .. }
            | Query::ImportKey
            | Query::Remember(_)
    );
    let changes_things = keeps || matches!(query, Query::BaselineAccept(_) | Query::SetLimit(..) | Query::Mute(..));
    if changes_things && !trusted {
        let _ = reply.send(Err(refused(
            "only the engine's own user or root may do this; `y` copies the command to run as them",
        )));
        return;
    }
    let now = engine.now();
    let decides = matches!(
        query,
        Query::BaselineAccept(_)
            | Query::SetLimit(..)
            | Query::Mute(..)
            | Query::Dismiss(..)
            | Query::Note(_)
            | Query::Apply { .. }
    );
    if engine.opened.is_some() && (decides || matches!(query, Query::ImportKey | Query::Remember(_))) {
        if engine.decided.len() >= MOST_DECIDED {
            let _ = reply.send(Err(refused("the store is being opened; try it again in a moment")));
        } else {
            engine.decided.push(Asked {
                query,
                who,
                trusted,
                reply,
            });
        }
        return;
    }
    let direct = match query {
        Query::Chart { id, from, to, step } => return chart(engine, id, from, to, step, reply),
        Query::AsOf(at) => {
            // What was seen a moment ago is part of the past that is asked for.
            engine.commit(now);
            let options = engine.options.clone();
            return through(engine, reply, move |store| {
                Ok(Answer::AsOf(Arc::new(past::snapshot(store, &options, at)?)))
            });
        }
        Query::Timeline { from, to } => {
            engine.commit(now);
            return through(engine, reply, move |store| {
                past::timeline(store, from, to).map(Answer::Timeline)
            });
        }
        Query::Recorded { from, to, begin } => {
            engine.commit(now);
            return through(engine, reply, move |store| {
                store
                    .recorded(from, to, begin)
                    .map(|batch| Answer::Recorded(Box::new(batch)))
            });
        }
        Query::Audit(limit) => {
            engine.commit(now);
            return through(engine, reply, move |store| {
                let (entries, broken) = store.audit(limit as usize)?;
                let total = store
                    .info()?
                    .rows
                    .iter()
                    .find(|(table, _)| table == "audit_log")
                    .map_or(0, |(_, rows)| *rows);
                Ok(Answer::Audit { entries, total, broken })
            });
        }
        Query::Play(speed) => {
            let done = match &engine.played {
                Some(played) => {
                    played.pace.set(speed);
                    Ok(Answer::Done)
                }
                None => Err(refused("no recording is played here")),
            };
            engine.publish(now);
            done
        }
        Query::Compact => {
            engine.commit(now);
            engine.audit(now, &who, "compact", "store", "asked for");
            let refresh = move |store: &mut Store| {
                let answer = store.compact().map(|(before, after)| {
                    Answer::Text(vec![format!("compacted: {} -> {}", bytes(before), bytes(after))])
                });
                let _ = reply.send(answer.map_err(|error| refused(error.to_string())));
            };
            return engine.keeper.compact(refresh);
        }
        Query::Export { what, format, file } => {
            engine.commit(now);
            engine.audit(now, &who, "export", &what, &file.display().to_string());
            return through(engine, reply, move |store| {
                let rows = store.export(&what, format, &file)?;
                Ok(Answer::Text(vec![format!(
                    "{rows} rows of {what} written to {}",
                    file.display()
                )]))
            });
        }
        Query::Hand { what, format } => {
            engine.commit(now);
            engine.audit(now, &who, "export", &what, "handed over");
            let handed = engine.handed.clone();
            return through(engine, reply, move |store| {
                let (rows, file) = store.exported(&what, format)?;
                Ok(Answer::Handed {
                    number: handed.keep(file),
                    rows,
                })
            });
        }
        Query::Piece { number, from } => {
            let handed = engine.handed.clone();
            tokio::task::spawn_blocking(move || drop(reply.send(handed.piece(number, from).map(Answer::Piece))));
            return;
        }
        Query::Sql(statement) => {
            engine.commit(now);
            let timers = tokio::runtime::Handle::current();
            return through(engine, reply, move |store| {
                // There is one writer: a statement without an end must not hold it up.
                let stop = store.stopper();
                let timer = timers.spawn(async move {
                    tokio::time::sleep(LONGEST_STATEMENT).await;
                    stop.stop();
                });
                let table = store.sql(&statement, ROWS);
                timer.abort();
                table.map(Answer::Table)
            });
        }
        Query::StoreInfo => {
            engine.commit(now);
            return through(engine, reply, |store| store.info().map(Answer::StoreInfo));
        }
        Query::Forecast {
            id,
            horizon,
            steps,
            limit,
            at: Some(at),
        } => return forecast_then(engine, id, horizon, steps, limit, at, reply),
        Query::Forecast {
            id,
            horizon,
            steps,
            limit,
            at: None,
        } => match engine.state.shadows.metrics.get(&id) {
            Some(metric) => {
                let hits = engine.state.ledger.crossings(&id);
                let told = Coherent::new(&engine.state.shadows, horizon, count(steps)).of(metric);
                Ok(Answer::Forecast(Box::new(forecast(metric, told, horizon, limit, hits))))
            }
            None => Err(refused(format!("no metric is called {id}"))),
        },
        Query::WhatIf {
            changes,
            horizon,
            seed,
            at,
            job,
        } => {
            let question = Question {
                changes,
                horizon,
                seed,
                at,
                job,
            };
            return question.answer(engine, now, who, reply);
        }
        Query::Progress(job) => {
            let jobs = engine.jobs.lock().ok();
            let found = jobs.and_then(|jobs| jobs.get(&(who, job)).map(|job| job.progress()));
            Ok(Answer::Progress(found))
        }
        Query::Stop(job) => {
            if let Some(job) = engine.jobs.lock().ok().and_then(|jobs| jobs.get(&(who, job)).cloned()) {
                job.stop();
            }
            Ok(Answer::Done)
        }
        Query::Ahead(spans) => Ok(Answer::Ahead(ahead(&engine.state, &spans))),
        Query::Explain(id) => explain(engine, &id, now).map(Answer::Text),
        Query::ExplainAt(id, at) => {
            engine.commit(now);
            let metric = engine.state.shadows.metrics.get(&id);
            let metric = metric.map(|metric| (metric.meta.clone(), metric.limit.clone()));
            return beside(engine, reply, move |keeper| {
                explain_at(keeper, &id, metric, at).map(Answer::Text)
            });
        }
        Query::BaselineDiff => Ok(Answer::Differences(engine.state.baseline.diff(&engine.state.shadows))),
        Query::Issues => {
            let rules = &engine.options.rules;
            let matches = matching(rules, &engine.state.shadows, now);
            Ok(Answer::Issues(matches, rules.marks()))
        }
        Query::Outlooks(ids) => {
            let settings = &engine.state.shadows.settings;
            Ok(Answer::Outlooks(ids.iter().map(settings.outlooks(now)).collect()))
        }
        Query::ImportKey => Ok(Answer::ImportKey(engine.import_key())),
        Query::Remember(changes) => Ok(Answer::Remembered(engine.remember(changes, now))),
        Query::BaselineAccept(ids) => accept(engine, &ids, &who, now),
        Query::Dismiss(id, reason) => {
            let title = engine
                .state
                .proposals
                .iter()
                .find(|proposal| proposal.id == id)
                .map(|proposal| proposal.title.clone());
            match title {
                Some(title) => {
                    engine.state.dismissed.insert(id, reason.as_str().into());
                    engine.state.proposals.retain(|proposal| proposal.id != id);
                    engine.audit(now, &who, "dismiss", &title, &reason);
                    engine.publish(now);
                    Ok(Answer::Done)
                }
                None => Err(refused("this proposal no longer stands")),
            }
        }
        Query::Note(text) => {
            engine.audit(now, &who, "note", "", &text);
            Ok(Answer::Done)
        }
        Query::Apply { resource, told } => {
            // What cannot be kept must not be done.
            let row = engine.keeper.row();
            if row.ok {
                engine.audit(now, &who, "apply", &visible(&resource), &visible(&told));
                Ok(Answer::Done)
            } else {
                Err(refused(format!("the store keeps nothing now: {}", row.says)))
            }
        }
        Query::SetLimit(id, limit) => {
            let shown = limit.as_ref().map_or("none".into(), |limit| limit.value.to_string());
            engine.audit(now, &who, "limit", &id.to_string(), &shown);
            engine.state.set_limit(&id, limit);
            engine.publish(now);
            Ok(Answer::Done)
        }
        Query::Mute(pattern, until) => {
            engine.audit(now, &who, "mute", &pattern, &format!("until {until}"));
            engine.state.mutes.push((pattern.into(), until));
            Ok(Answer::Done)
        }
        Query::StoreRetry => {
            engine.keeper.retry();
            Ok(Answer::Done)
        }
    };
    if decides && direct.is_ok() {
        // What someone decided is kept before they are told that it is done.
        engine.save(now);
        engine.commit(now);
    }
    let _ = reply.send(direct);
}

/// Runs `read` on the keeper's thread. When there is no store the reply is dropped, and the asker hears so.
fn through(engine: &Loop, reply: Reply, read: impl FnOnce(&mut Store) -> Result<Answer, StoreError> + Send + 'static) {
    let row = engine.keeper.row();
    if !row.ok && row.bytes == 0 && &*row.says != "opening" {
        let _ = reply.send(Err(refused(format!("there is no store to ask: {}", row.says))));
        return;
    }
    engine.keeper.ask(move |store| {
        let _ = reply.send(read(store).map_err(|error| refused(error.to_string())));
    });
}

fn chart(engine: &Loop, id: SeriesId, from: Timestamp, to: Timestamp, step: Span, reply: Reply) {
    let Some(metric) = engine.state.shadows.metrics.get(&id) else {
        let _ = reply.send(Err(refused(format!("no metric is called {id}"))));
        return;
    };
    let step = Span(step.0.max(1));
    let from = from.floor(step);
    let count = ((to - from).0.div_euclid(step.0) + 1).clamp(1, COLUMNS);
    let mut columns = vec![Column::default(); count as usize];
    let until = from + step * count;
    let changes = engine.state.shadows.settings.changes();
    let near = changes
        .iter()
        .rev()
        .filter(|change| change.id.resource == id.resource && change.at < until);
    let mut changes: Vec<_> = near.take_while(|change| change.at >= from).take(50).cloned().collect();
    changes.reverse();
    let oldest = if step >= Span::from_mins(1) {
        metric.minutes.front().map(|minute| minute.at)
    } else {
        metric.recent.front().map(|seen| seen.at)
    };
    columns_in_memory(metric, from, step, &mut columns);
    let known_from = metric.shadow.since();
    let enough = oldest.is_some_and(|oldest| oldest <= from || known_from.is_some_and(|known| oldest <= known));
    let mut chart = Chart {
        id,
        from,
        step,
        columns,
        changes,
    };
    if enough || !engine.keeper.row().ok {
        let _ = reply.send(Ok(Answer::Chart(chart)));
        return;
    }
    through(engine, reply, move |store| {
        for bucket in store.history(&chart.id, from, until, count as usize)? {
            let place = (bucket.at - from).0.div_euclid(step.0);
            let Some(column) = usize::try_from(place)
                .ok()
                .and_then(|place| chart.columns.get_mut(place))
            else {
                continue;
            };
            // What memory holds is newer than the last commit.
            if column.value.is_none() {
                *column = Column {
                    value: Some((bucket.last, bucket.min, bucket.max)),
                    expected: bucket.expected,
                    bits: Some(bucket.bits),
                };
            }
        }
        Ok(Answer::Chart(chart))
    });
}

/// Steps of a forecast that was asked for.
fn count(steps: u32) -> usize {
    steps.clamp(1, 1_000) as usize
}

fn forecast(
    metric: &Metric,
    forecast: Option<Forecast>,
    horizon: Span,
    limit: Option<Limit>,
    hits: (u64, u64),
) -> ForecastView {
    let limit = limit.or_else(|| metric.limit.clone());
    let members = metric.shadow.members().into_iter();
    ForecastView {
        id: metric.meta.id.clone(),
        forecast: match &limit {
            Some(limit) => forecast.map(|forecast| drift::drawn(metric, limit, forecast)),
            None => forecast,
        },
        crossing: limit
            .as_ref()
            .and_then(|limit| drift::crossing(metric, limit, horizon, super::SEED)),
        passed: limit.as_ref().and_then(|limit| drift::passed(metric, limit)),
        limit,
        members: members.map(|(name, weight)| (name.into(), weight)).collect(),
        seasons: metric.shadow.seasons(),
        held: metric.shadow.held(),
        hits,
    }
}

/// Runs `work`, which asks the keeper again and again, beside the loop. Without a store there is nothing to learn from.
pub(super) fn beside(
    engine: &Loop,
    reply: Reply,
    work: impl FnOnce(&Keeper) -> Result<Answer, LinkError> + Send + 'static,
) {
    let keeper = engine.keeper.clone();
    if !keeper.row().ok {
        let _ = reply.send(Err(refused(format!("there is no store to ask: {}", keeper.row().says))));
        return;
    }
    tokio::task::spawn_blocking(move || drop(reply.send(work(&keeper))));
}

fn forecast_then(
    engine: &mut Loop,
    id: SeriesId,
    horizon: Span,
    steps: u32,
    limit: Option<Limit>,
    at: Timestamp,
    reply: Reply,
) {
    engine.commit(engine.now());
    let Some((meta, set)) = engine
        .state
        .shadows
        .metrics
        .get(&id)
        .map(|metric| (metric.meta.clone(), metric.limit.clone()))
    else {
        let _ = reply.send(Err(refused(format!("no metric is called {id}"))));
        return;
    };
    beside(engine, reply, move |keeper| {
        let metric = rebuild::metric(keeper, meta, at, rebuild::FORECAST)?;
        let mut metric = metric.ok_or_else(|| refused(format!("no values of {id} are kept from before then")))?;
        metric.limit = set;
        let alone = Shadows {
            metrics: [(id.clone(), metric)].into(),
            ..Shadows::default()
        };
        let metric = &alone.metrics[&id];
        let told = Coherent::new(&alone, horizon, count(steps)).of(metric);
        Ok(Answer::Forecast(Box::new(forecast(
            metric,
            told,
            horizon,
            limit,
            (0, 0),
        ))))
    });
}

fn bytes(count: u64) -> String {
    crate::domain::Unit::Bytes.show(count as f64)
}
