//! Real engines on this host: what is acknowledged stays, and nobody's store is harmed.

use std::{fs, path::Path, sync::Arc, time::Duration};

use foreshadow::{
    domain::{Change, ChangeSet, Limit, SeriesId, Side, Span, StoreOptions},
    engine::{Answer, Link, Query, Snapshot, SocketLink, connect},
    store::Store,
};

use crate::support::{Home, PATIENCE, files};

const FAST: &str = "interval = \"100ms\"\n[store]\ncommit_every = \"100ms\"\n";

fn options() -> StoreOptions {
    foreshadow::domain::Options::default().store
}

fn stored(path: &Path) -> u64 {
    let mut store = Store::open(path, &options()).unwrap();
    store.sql("SELECT count(*) FROM metrics", 1).unwrap().rows[0][0]
        .as_u64()
        .unwrap()
}

/// Asks until the engine listens; an engine is ready within milliseconds of making its socket.
async fn attach(socket: &Path) -> SocketLink {
    let patience = tokio::time::Instant::now() + PATIENCE;
    loop {
        match connect(socket, "test@pty").await {
            Ok(link) => return link,
            Err(error) => assert!(tokio::time::Instant::now() < patience, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn kill_9_at_any_moment_loses_nothing_acknowledged() {
    let home = Home::new();
    home.config(FAST);
    let mut draw = fastrand::Rng::with_seed(7);
    let mut kept = 0;
    for round in 0..50 {
        let engine = home.engine(&[]);
        let link = attach(&home.socket()).await;
        let mut snapshots = link.snapshots();
        let mut acknowledged = 0;
        // Some kills hit before the first commit, some a few snapshots after one, so in the middle of the next.
        let (commits, more) = (draw.u32(0..4), draw.u32(0..3));
        let (mut seen, mut left) = (0, more);
        while seen < commits || left > 0 {
            let patience = tokio::time::timeout(PATIENCE, snapshots.changed());
            patience.await.expect("a snapshot").expect("an engine that lives");
            let written = snapshots.borrow_and_update().store.written;
            if seen >= commits {
                left -= 1;
            }
            if written > acknowledged {
                seen += 1;
                acknowledged = written;
            }
        }
        engine.kill();
        let now = stored(&home.store());
        assert!(
            now >= kept + acknowledged,
            "round {round}: {now} rows, {kept} before and {acknowledged} acknowledged"
        );
        kept = now;
    }
    assert!(kept > 5_000, "only {kept} values were ever written");
}

#[tokio::test]
async fn two_consoles_see_one_engine_and_a_second_engine_is_refused() {
    let home = Home::new();
    home.config(FAST);
    let engine = home.engine(&[]);
    let (first, second) = (attach(&home.socket()).await, attach(&home.socket()).await);
    for link in [&first, &second] {
        let mut snapshots = link.snapshots();
        let seen = snapshots.wait_for(|snapshot| snapshot.metrics.len() >= 80 && snapshot.usage.consoles == 2);
        let snapshot = tokio::time::timeout(PATIENCE, seen)
            .await
            .expect("both consoles")
            .unwrap();
        assert_eq!(snapshot.usage.pid, engine.id());
    }
    let (code, out, err) = home.run(&["engine"]);
    assert_eq!((code, out.as_str(), err.lines().count()), (Some(2), "", 1), "{err}");
    assert!(err.contains("another engine"), "{err}");
    engine.kill();
    // The socket file was left behind: the next engine takes its place.
    assert!(home.socket().exists());
    let (code, _, err) = home.run(&["engine", "--once"]);
    assert_eq!(code, Some(0), "{err}");
}

#[test]
fn a_newer_store_and_a_damaged_one_are_refused_and_left_as_they_are() {
    let home = Home::new();
    assert_eq!(home.run(&["engine", "--once"]).0, Some(0));
    let path = home.store();
    fs::write(
        &path,
        b"these are not the bytes of a database, whatever their number may be",
    )
    .unwrap();
    let _ = fs::remove_file(path.with_extension("duckdb.wal"));
    let before = files(path.parent().unwrap());
    let (code, _, err) = home.run(&["sql", "SELECT 1"]);
    assert_eq!((code, err.lines().count()), (Some(2), 1), "{err}");
    assert!(err.contains("not a readable store"), "{err}");
    assert_eq!(files(path.parent().unwrap()), before);
}

#[tokio::test]
async fn what_someone_accepted_survives_kill_9() {
    let home = Home::new();
    home.config(FAST);
    let engine = home.engine(&[]);
    let link = attach(&home.socket()).await;
    let mut snapshots = link.snapshots();
    let settled = snapshots.wait_for(|snapshot| snapshot.settings.len() > 50 && snapshot.store.written > 0);
    let (id, usual) = {
        let settled = tokio::time::timeout(PATIENCE, settled)
            .await
            .expect("settings")
            .unwrap();
        (settled.settings[0].id.clone(), metric(&settled, "mem.used_pct"))
    };
    let accepted_id = id.clone();
    link.ask(Query::BaselineAccept(vec![id])).await.unwrap();
    let refused = link
        .ask(Query::BaselineAccept(vec![usual]))
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("off"), "{refused}");
    link.ask(Query::Note("before the storm".into())).await.unwrap();
    // An answer from the store comes after all that was handed to it before.
    let Answer::Audit { entries, .. } = link.ask(Query::Audit(50)).await.unwrap() else {
        panic!("another answer")
    };
    // What was refused stands in no audit.
    let accepted: Vec<_> = entries.iter().filter(|entry| entry.what == "accept").collect();
    assert!(
        matches!(accepted[..], [entry] if entry.who.ends_with("@pty") && entry.resource == accepted_id.to_string()),
        "{entries:?}"
    );
    engine.kill();
    let (code, out, err) = home.run(&["sql", "SELECT what, result FROM audit"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("accept") && out.contains("before the storm"), "{out}");
}

#[tokio::test]
async fn forecasts_and_what_ifs_of_the_past_know_only_what_was_known_then() {
    let home = Home::new();
    home.config(FAST);
    let engine = home.engine(&[]);
    let link = attach(&home.socket()).await;
    let mut snapshots = link.snapshots();
    let learnt =
        |snapshot: &Arc<Snapshot>| snapshot.health.learnt > 0 && snapshot.metrics.iter().any(|row| row.points > 60);
    let then = tokio::time::timeout(PATIENCE, snapshots.wait_for(learnt))
        .await
        .unwrap()
        .unwrap()
        .clone();
    let at = then.at.unwrap();
    let later = |snapshot: &Arc<Snapshot>| snapshot.at > Some(at + Span::from_secs(1));
    tokio::time::timeout(PATIENCE, snapshots.wait_for(later))
        .await
        .unwrap()
        .unwrap();
    let id = metric(&then, "mem.used_pct");
    let forecast = Query::Forecast {
        id: id.clone(),
        horizon: Span::from_hours(1),
        steps: 10,
        limit: Some(Limit {
            value: 99.0,
            side: Side::Above,
            by: "view".into(),
        }),
        at: Some(at),
    };
    let Answer::Forecast(view) = link.ask(forecast).await.unwrap() else {
        panic!()
    };
    let forecast = view.forecast.unwrap();
    assert!(
        forecast.start <= at && forecast.points > 30,
        "{} {}",
        forecast.start,
        forecast.points
    );
    let what_if = Query::WhatIf {
        changes: ChangeSet::of(Change::parse("traffic x1.5", &id.resource).unwrap()),
        horizon: Span::from_hours(1),
        seed: 7,
        at: Some(at),
        job: Some(1),
    };
    let Answer::WhatIf(outcome) = link.ask(what_if).await.unwrap() else {
        panic!()
    };
    assert_eq!(outcome.at, at);
    assert_eq!(link.ask(Query::Progress(1)).await, Ok(Answer::Progress(None)));
    // What would have been, since a time that memory holds and one that only the store can tell of.
    for back in [Span::from_secs(1), Span::from_days(2)] {
        let mut changes = ChangeSet::of(Change::parse("memory x2", &id.resource).unwrap());
        changes.steps[0].at = Some(at - back);
        let since = Query::WhatIf {
            changes,
            horizon: Span::from_hours(1),
            seed: 7,
            at: None,
            job: Some(2),
        };
        let Answer::WhatIf(outcome) = link.ask(since).await.unwrap() else {
            panic!()
        };
        assert!(outcome.actual && outcome.at < at - back, "{outcome:?}");
        let used = outcome.effects.iter().find(|effect| effect.series == id);
        let used = used.unwrap_or_else(|| panic!("{back}: {:?}", outcome.notes));
        let half = used.before[1] / 2.0;
        assert!(half > 0.0 && (used.after[1] - half).abs() < 0.5, "{used:?}");
    }
    engine.kill();
}

/// Which of the last seconds of a snapshot have a value.
async fn last_seconds(link: &SocketLink, snapshot: &Snapshot) -> Vec<bool> {
    let at = snapshot.at.unwrap();
    let chart = Query::Chart {
        id: metric(snapshot, "mem.used_pct"),
        from: at - Span::from_secs(8),
        to: at,
        step: Span::from_secs(1),
    };
    let Answer::Chart(chart) = link.ask(chart).await.unwrap() else {
        panic!("another answer")
    };
    chart.columns.iter().map(|column| column.value.is_some()).collect()
}

/// What a snapshot says of the setting `workers`.
fn workers(snapshot: &Snapshot) -> Option<String> {
    let row = snapshot.settings.iter().find(|row| row.id.name.ends_with("workers"))?;
    row.value.as_ref().map(ToString::to_string)
}

fn metric(snapshot: &Snapshot, name: &str) -> SeriesId {
    let row = snapshot.metrics.iter().find(|row| &*row.id.name == name);
    row.unwrap().id.clone()
}

fn points(snapshot: &Snapshot, name: &str) -> u64 {
    let row = snapshot.metrics.iter().find(|row| &*row.id.name == name);
    row.map_or(0, |row| row.points)
}

#[tokio::test]
async fn kill_9_leaves_no_false_history() {
    let home = Home::new();
    let file = home.path("app.conf");
    fs::write(&file, "workers = 4\n").unwrap();
    home.config(&format!(
        "interval = \"100ms\"\nsettings_interval = \"1s\"\nsources.files = [\"{}\"]\n[store]\ncommit_every = \"100ms\"\n",
        file.display()
    ));
    let start = || home.engine(&[]);
    let engine = start();
    let link = attach(&home.socket()).await;
    let mut snapshots = link.snapshots();
    let known = snapshots.wait_for(|snapshot| workers(snapshot).is_some() && snapshot.settings.len() > 50);
    let begin = tokio::time::timeout(PATIENCE, known)
        .await
        .expect("settings")
        .unwrap()
        .clone();
    // What was learnt is kept when settings are first seen; all that follows stands in the store alone.
    fs::write(&file, "workers = 8\n").unwrap();
    let first = points(&begin, "mem.used_pct");
    let changed = |snapshot: &Arc<Snapshot>| {
        workers(snapshot).as_deref() == Some("8") && points(snapshot, "mem.used_pct") > first + 60
    };
    let seen = tokio::time::timeout(PATIENCE, snapshots.wait_for(changed)).await;
    let before = seen.expect("a change").unwrap().clone();
    let committed = snapshots.wait_for(|snapshot| snapshot.store.written > before.store.written + 500);
    drop(
        tokio::time::timeout(PATIENCE, committed)
            .await
            .expect("a commit")
            .unwrap(),
    );
    let known = last_seconds(&link, &before).await;
    assert!(known.iter().any(|known| *known), "values before the kill");
    engine.kill();
    drop(link);

    let engine = start();
    let link = attach(&home.socket()).await;
    let mut snapshots = link.snapshots();
    // The baseline is known when the store is open.
    let restored = snapshots.wait_for(|snapshot| snapshot.health.baseline.is_some());
    let after = tokio::time::timeout(PATIENCE, restored)
        .await
        .expect("the store")
        .unwrap()
        .clone();
    for name in ["mem.used_pct", "load.5"] {
        let (was, is) = (points(&before, name), points(&after, name));
        assert!(is >= was, "{name}: {was} values before the kill, {is} after it");
    }
    assert_eq!(workers(&after).as_deref(), Some("8"));
    let again = snapshots.wait_for(|snapshot| {
        let read = |name: &str| {
            snapshot
                .sources
                .iter()
                .any(|row| &*row.name == name && row.read.is_some())
        };
        ["file", "sysctl", "package-history", "login"]
            .iter()
            .all(|name| read(name) || snapshot.sources.iter().any(|row| &*row.name == *name && !row.ok))
    });
    drop(tokio::time::timeout(PATIENCE, again).await.expect("sources").unwrap());
    // An answer from the store comes after all that was handed to it before.
    link.ask(Query::Audit(1)).await.unwrap();
    // On a machine that is busy some seconds have no value; none had one that is gone now.
    let kept = last_seconds(&link, &before).await;
    let gone = known.iter().zip(&kept).any(|(was, is)| *was && !is);
    assert!(!gone && known.len() == kept.len(), "{known:?} {kept:?}");
    engine.kill();
    let mut store = Store::open(&home.store(), &options()).unwrap();
    let mut count = |sql: &str| store.sql(sql, 1).unwrap().rows[0][0].as_i64().unwrap();
    assert_eq!(count("SELECT count(*) FROM changes WHERE setting LIKE '%workers'"), 1);
    assert_eq!(
        count("SELECT count(*) - count(DISTINCT (happened_at, resource, kind, what)) FROM events"),
        0
    );
}

#[tokio::test]
async fn an_export_is_written_by_whoever_asks() {
    let home = Home::new();
    home.config(FAST);
    let engine = home.engine(&[]);
    let link = attach(&home.socket()).await;
    let mut snapshots = link.snapshots();
    let written = snapshots.wait_for(|snapshot| snapshot.store.written > 0);
    drop(tokio::time::timeout(PATIENCE, written).await.expect("values").unwrap());
    let file = home.path("metrics.csv");
    let export = Query::Export {
        what: "metrics".into(),
        format: foreshadow::store::Format::Csv,
        file: file.clone(),
    };
    let Ok(Answer::Text(lines)) = link.ask(export.clone()).await else {
        panic!("another answer")
    };
    assert!(lines[0].contains("rows of metrics written to"), "{lines:?}");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("resource,series,observed_at"), "{text}");
    // What is there is not written over.
    fs::write(&file, "mine").unwrap();
    assert!(link.ask(export).await.is_err());
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    // Nothing is left where the engine wrote.
    let left = files(home.store().parent().unwrap());
    assert!(left.iter().all(|(path, _)| !path.to_string_lossy().ends_with("export")));
    // An unknown table leaves no file.
    let none = home.path("none.csv");
    let unknown = Query::Export {
        what: "secret_key".into(),
        format: foreshadow::store::Format::Csv,
        file: none.clone(),
    };
    assert!(link.ask(unknown).await.is_err() && !none.exists());
    engine.kill();
}

#[test]
fn who_only_asks_leaves_nothing_behind() {
    let home = Home::new();
    for arguments in [["status"], ["timeline"]] {
        let (code, _, err) = home.run(&arguments);
        assert_eq!(code, Some(0), "{err}");
        assert!(!home.path("data").exists(), "{arguments:?}");
    }
    let (code, _, err) = home.run(&["--store", home.path("nope/x.db").to_str().unwrap(), "status"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(!home.path("nope").exists());
    let damaged = home.path("damaged.duckdb");
    fs::write(&damaged, "no database").unwrap();
    let (code, _, err) = home.run(&["--store", damaged.to_str().unwrap(), "status"]);
    assert_eq!((code, err.lines().count()), (Some(2), 1), "{err}");
}
