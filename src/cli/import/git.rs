//! `import git`: a repository's history, handed to the engine.

use std::ops::ControlFlow;

use anyhow::Context as _;
use serde::Serialize;

use super::Args;
use crate::{
    cli::{Columns, Context, Exit, Need, Out, Runtime, Setup, Usage, plain},
    domain::{SettingChange, Timestamp},
    engine::{Answer, Link, Query},
    observe::import::{Each, Told, author, history},
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
    /// What stands for its author.
    by: Option<&'a str>,
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
        let key = random_key()?;
        let told = read(args, &key, &mut |mut change| {
            if changes.len() < SHOWN {
                change.by = change.by.as_deref().map(|by| author(by, &key));
                changes.push(change);
            }
            ControlFlow::Continue(())
        })?;
        print(&changes, json, out)?;
        note(&told, "", out);
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
    let args = args.clone();
    let (told, new) = hand_over(&context, move |each| read(&args, &key, each)).await?;
    note(&told, &format!("; {new} were not known yet"), out);
    Ok(Exit::Done)
}

/// Hands the engine what `read` gives, a piece at a time; gives what was read, and how many changes the engine did not know.
///
/// It streams from a thread of its own, which waits while the engine takes a piece, and ends when nobody takes more.
async fn hand_over<L: Link>(
    context: &Context<'_, L>,
    read: impl FnOnce(Each<'_>) -> anyhow::Result<Told> + Send + 'static,
) -> anyhow::Result<(Told, u64)> {
    let (give, mut take) = tokio::sync::mpsc::channel::<Vec<SettingChange>>(2);
    let reading = tokio::task::spawn_blocking(move || {
        let mut piece = Vec::new();
        let told = read(&mut |change| {
            piece.push(change);
            // Nobody takes it any more when the engine is gone, which is told below.
            if piece.len() >= PIECE && give.blocking_send(std::mem::take(&mut piece)).is_err() {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        if !piece.is_empty() {
            let _ = give.blocking_send(piece);
        }
        told
    });
    let (mut handed, mut new) = (0, 0);
    while let Some(piece) = take.recv().await {
        let count = piece.len();
        new += remember(context, piece)
            .await
            .with_context(|| format!("the import stopped after {handed} changes; import again for the rest"))?;
        handed += count;
    }
    let told = reading.await??;
    // Those were all, which nobody can say of a history that broke off: they are learnt before the import has ended.
    remember(context, Vec::new()).await?;
    Ok((told, new))
}

async fn remember<L: Link>(context: &Context<'_, L>, changes: Vec<SettingChange>) -> anyhow::Result<u64> {
    let taken = |answer| match answer {
        Answer::Remembered(new) => Some(new),
        _ => None,
    };
    context.ask(Query::Remember(changes), taken).await
}

fn read(args: &Args, key: &[u8; 32], each: Each<'_>) -> anyhow::Result<Told> {
    history(&args.file, &args.glob, key, each).map_err(|error| Usage(error.to_string()).into())
}

fn note(told: &Told, more: &str, out: &mut Out) {
    out.note(&format!(
        "{} commits, {} changes of settings, {} left out{more}",
        told.commits, told.changes, told.left_out
    ));
    for fault in &told.faults {
        out.note(&format!("left out: {fault}"));
    }
}

fn print(changes: &[SettingChange], json: bool, out: &mut Out) -> anyhow::Result<()> {
    if json {
        let views = changes.iter().map(|change| View {
            series: &change.id,
            at: change.at,
            from: plain::value(change.from.as_ref()),
            to: plain::value(change.to.as_ref()),
            by: change.by.as_deref(),
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
            change.by.as_deref().map_or_else(String::new, |by| format!("by {by}")),
        ]);
    }
    Ok(columns.print(out)?)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::sync::watch;

    use super::*;
    use crate::{
        cli::When,
        domain::{ResourceId, SeriesId, Value},
        engine::{LinkError, Snapshot},
    };

    /// An engine that is gone after so many pieces; it keeps how many changes each had.
    struct Ends(usize, Mutex<Vec<usize>>);

    impl Link for Ends {
        fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
            unreachable!("an import looks at no snapshot")
        }

        async fn ask(&self, query: Query) -> Result<Answer, LinkError> {
            let Query::Remember(changes) = query else {
                return Err(LinkError::Refused("another question".into()));
            };
            let mut taken = self.1.lock().unwrap();
            if taken.len() >= self.0 {
                return Err(LinkError::Gone);
            }
            taken.push(changes.len());
            Ok(Answer::Remembered(changes.len() as u64))
        }
    }

    fn change(number: i64) -> SettingChange {
        SettingChange {
            id: SeriesId::new(&ResourceId::new("repo", "a"), "git.a:b"),
            at: Timestamp(number),
            after: None,
            from: Some(Value::Int(number)),
            to: Some(Value::Int(number + 1)),
            by: None,
            backfilled: true,
        }
    }

    /// What an engine gone after `pieces` was handed of a history without an end, or of one of 1500 changes that ends with `end`.
    async fn handed(pieces: usize, end: Option<anyhow::Result<Told>>) -> (anyhow::Result<(Told, u64)>, Vec<usize>) {
        let link = Ends(pieces, Mutex::default());
        let when = When {
            now: Timestamp(0),
            zone: jiff::tz::TimeZone::UTC,
        };
        let context = Context {
            link: &link,
            when: &when,
            json: false,
        };
        let result = hand_over(&context, move |each| {
            let most = if end.is_some() { 1_500 } else { i64::MAX };
            let broke = (0..most).any(|number| each(change(number)).is_break());
            assert!(broke || end.is_some());
            end.unwrap_or_else(|| Ok(Told::default()))
        })
        .await;
        (result, link.1.into_inner().unwrap())
    }

    #[tokio::test]
    async fn a_history_is_read_no_further_when_the_engine_is_gone() {
        let (result, taken) = handed(2, None).await;
        let said = format!("{:#}", result.unwrap_err());
        assert_eq!(
            said,
            "the import stopped after 2000 changes; import again for the rest: the engine is gone"
        );
        assert_eq!(taken, [1_000, 1_000]);
    }

    #[tokio::test]
    async fn only_a_history_that_was_read_to_its_end_is_said_to_be_whole() {
        let (result, taken) = handed(9, Some(Ok(Told::default()))).await;
        assert_eq!((result.unwrap().1, taken), (1_500, vec![1_000, 500, 0]));
        let (result, taken) = handed(9, Some(Err(Usage("cut off".into()).into()))).await;
        assert_eq!(
            (result.unwrap_err().to_string(), taken),
            ("cut off".into(), vec![1_000, 500])
        );
    }
}
