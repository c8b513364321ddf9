//! `baseline`: the values accepted as good.

use clap::Subcommand;
use serde_json::json;

use crate::{
    cli::{Columns, Context, Exit, Need, Out, Report, findings::brief, plain, series},
    domain::SeriesId,
    drift::Difference,
    engine::{Answer, Link, Query},
};

/// Arguments of `baseline`.
#[derive(Clone, Debug, clap::Args)]
#[command(arg_required_else_help = false)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Clone, Debug, Subcommand)]
enum What {
    /// Show the accepted values.
    Show {
        /// Only settings whose name holds this; `*` stands for any run of characters.
        pattern: Option<String>,
    },
    /// Show what differs from them.
    Diff,
    /// Accept the values now of these settings, or of `all` that differ.
    Accept {
        /// Settings by name, or `all`.
        #[arg(required = true)]
        names: Vec<String>,
    },
}

impl Report for Args {
    const NEED: Need = Need::Kept;

    async fn run<L: Link>(&self, context: &Context<'_, L>, out: &mut Out) -> anyhow::Result<Exit> {
        match &self.what {
            What::Show { pattern } => show(pattern.as_deref(), context, out)?,
            What::Diff => diff(&differences(context).await?, context, out)?,
            What::Accept { names } => accept(names, context, out).await?,
        }
        Ok(Exit::Done)
    }
}

async fn differences<L: Link>(context: &Context<'_, L>) -> anyhow::Result<Vec<Difference>> {
    context
        .ask(Query::BaselineDiff, |answer| match answer {
            Answer::Differences(differences) => Some(differences),
            _ => None,
        })
        .await
}

fn show<L: Link>(pattern: Option<&str>, context: &Context<'_, L>, out: &mut Out) -> anyhow::Result<()> {
    let snapshot = context.snapshot();
    // A setting that is as accepted has no other value to show; one that is new has none accepted.
    let rows = snapshot
        .settings
        .iter()
        .filter(|row| series::chosen(pattern, &row.id))
        .filter_map(|row| Some((&row.id, row.accepted.as_ref().unwrap_or(&row.value).as_ref()?)));
    if context.json {
        let values: serde_json::Map<_, _> = rows
            .map(|(id, value)| (id.to_string(), plain::value(Some(value))))
            .collect();
        out.json(&json!({ "taken_at": snapshot.health.baseline, "values": values }))?;
        return Ok(());
    }
    match snapshot.health.baseline {
        Some(at) => out.note(&format!("accepted {}", context.when.show(at))),
        None => out.note("no baseline yet: it is taken at the first full snapshot"),
    }
    let mut columns = Columns::default();
    for (id, value) in rows {
        columns.row(&[id.to_string(), value.to_string()]);
    }
    columns.print(out)?;
    Ok(())
}

fn diff<L: Link>(differences: &[Difference], context: &Context<'_, L>, out: &mut Out) -> anyhow::Result<()> {
    if context.json {
        let rows: Vec<_> = differences
            .iter()
            .map(|one| {
                json!({
                    "id": one.id,
                    "accepted": plain::value(one.accepted.as_ref()),
                    "actual": plain::value(one.actual.as_ref()),
                })
            })
            .collect();
        out.json(&rows)?;
        return Ok(());
    }
    if differences.is_empty() {
        out.note("nothing differs from the baseline");
        return Ok(());
    }
    let mut columns = Columns::headed(&["setting", "accepted", "now"]);
    for one in differences {
        columns.row(&[
            one.id.to_string(),
            brief(&plain::shown(one.accepted.as_ref())),
            brief(&plain::shown(one.actual.as_ref())),
        ]);
    }
    columns.print(out)?;
    Ok(())
}

async fn accept<L: Link>(names: &[String], context: &Context<'_, L>, out: &mut Out) -> anyhow::Result<()> {
    let differences = differences(context).await?;
    let snapshot = context.snapshot();
    // A setting that is gone is no longer watched, but can be accepted as gone.
    let known = differences
        .iter()
        .map(|one| &one.id)
        .chain(snapshot.settings.iter().map(|row| &row.id));
    let mut ids: Vec<SeriesId> = Vec::new();
    let all = names == ["all"];
    for name in names.iter().filter(|_| !all) {
        let mut ids_of_name: Vec<&SeriesId> = known.clone().collect();
        ids_of_name.sort();
        ids_of_name.dedup();
        ids.push(series::find(name, "setting", ids_of_name.into_iter())?);
    }
    let accepted: Vec<&Difference> = differences
        .iter()
        .filter(|one| ids.is_empty() || ids.contains(&one.id))
        .collect();
    if !accepted.is_empty() {
        context
            .ask(Query::BaselineAccept(ids.clone()), |answer| match answer {
                Answer::Done | Answer::Text(_) => Some(()),
                _ => None,
            })
            .await?;
    }
    if context.json {
        out.json(&json!({ "accepted": accepted.iter().map(|one| &one.id).collect::<Vec<_>>() }))?;
    } else {
        for one in &accepted {
            out.line(&format!("{} = {}", one.id, plain::shown(one.actual.as_ref())))?;
        }
        out.note(&format!(
            "settings that differed and are accepted now: {}",
            accepted.len()
        ));
    }
    Ok(())
}
