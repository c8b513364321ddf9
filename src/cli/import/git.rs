//! `import git`: a repository's history, handed to the engine.

use serde::Serialize;

use super::Args;
use crate::{
    cli::{Columns, Context, Exit, Need, Out, Runtime, Setup, Usage, plain},
    domain::{SettingChange, Timestamp},
    engine::{Answer, Query},
    observe::import::{Told, history},
    store::random_key,
};

/// Changes that are handed over at once.
const PIECE: usize = 1_000;
/// Changes that are printed.
const SHOWN: usize = 100_000;

/// A change as JSON.
#[derive(Serialize)]
struct View<'a> {
    series: &'a crate::domain::SeriesId,
    at: Timestamp,
    from: serde_json::Value,
    to: serde_json::Value,
}

/// Reads the history and hands it to the engine; with `--dry-run` prints what it would.
pub(in crate::cli) async fn run<R: Runtime>(
    args: &Args,
    setup: &Setup,
    runtime: &R,
    json: bool,
    out: &mut Out,
) -> anyhow::Result<Exit> {
    if args.dry_run {
        let mut changes: Vec<SettingChange> = Vec::new();
        // Nothing is kept that these hashes could be told from.
        let told = read(args, &random_key()?, &mut |change| {
            if changes.len() < SHOWN {
                changes.push(change);
            }
        })?;
        print(&changes, json, out)?;
        out.note(&counted(told));
        return Ok(Exit::Done);
    }
    let link = runtime.connect(setup, Need::Kept).await?;
    let context = Context {
        link: &link,
        when: &runtime.when(),
        json,
    };
    let key = context
        .ask(Query::ImportKey, |answer| match answer {
            Answer::ImportKey(key) => Some(key),
            _ => None,
        })
        .await?;
    // The history streams from a thread of its own, a piece at a time; it waits while the engine takes one.
    let (give, mut take) = tokio::sync::mpsc::channel::<Vec<SettingChange>>(2);
    let reading = tokio::task::spawn_blocking({
        let args = args.clone();
        move || {
            let mut piece = Vec::new();
            let told = read(&args, &key, &mut |change| {
                piece.push(change);
                if piece.len() >= PIECE {
                    // Nobody takes it any more when the engine has failed, which is told below.
                    let _ = give.blocking_send(std::mem::take(&mut piece));
                }
            });
            if !piece.is_empty() {
                let _ = give.blocking_send(piece);
            }
            // Those were all: they are learnt before the import has ended.
            let _ = give.blocking_send(Vec::new());
            told
        }
    });
    let mut new = 0;
    while let Some(piece) = take.recv().await {
        new += context
            .ask(Query::Remember(piece), |answer| match answer {
                Answer::Remembered(new) => Some(new),
                _ => None,
            })
            .await?;
    }
    let told = reading.await??;
    out.note(&format!("{}; {new} were not known yet", counted(told)));
    Ok(Exit::Done)
}

fn read(args: &Args, key: &[u8; 32], each: &mut dyn FnMut(SettingChange)) -> anyhow::Result<Told> {
    history(&args.file, &args.glob, key, each).map_err(|error| Usage(error.to_string()).into())
}

fn counted(told: Told) -> String {
    format!(
        "{} commits, {} changes of settings, {} left out",
        told.commits, told.changes, told.left_out
    )
}

fn print(changes: &[SettingChange], json: bool, out: &mut Out) -> anyhow::Result<()> {
    if json {
        let views = changes.iter().map(|change| View {
            series: &change.id,
            at: change.at,
            from: plain::value(change.from.as_ref()),
            to: plain::value(change.to.as_ref()),
        });
        return Ok(out.json(&views.collect::<Vec<_>>())?);
    }
    let mut columns = Columns::default();
    for change in changes {
        let shown =
            |value: &Option<crate::domain::Value>| value.as_ref().map_or("(absent)".into(), ToString::to_string);
        columns.row(&[
            change.at.to_string(),
            change.id.name.to_string(),
            format!("{} -> {}", shown(&change.from), shown(&change.to)),
        ]);
    }
    Ok(columns.print(out)?)
}
