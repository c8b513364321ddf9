//! `timeline`: what happened in a time.

use std::collections::BTreeSet;

use serde_json::json;

use crate::{
    cli::{Columns, Context, Exit, Need, Out, Report, Usage, When, findings, settings::ChangeView},
    domain::{Finding, FindingId, Span, Timestamp, Value, and_more, by_thing, text::count, told_later},
    engine::{Answer, Link, Query, Timeline},
};

/// Arguments of `timeline`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// From when: -2h, 13:00, 2026-03-12, "2026-03-12 13:00", or RFC 3339.
    #[arg(long, value_name = "TIME", default_value = "-1h", allow_hyphen_values = true)]
    from: String,
    /// To when, likewise.
    #[arg(long, value_name = "TIME", default_value = "now", allow_hyphen_values = true)]
    to: String,
}

impl Report for Args {
    const NEED: Need = Need::Stored;

    async fn run<L: Link>(&self, context: &Context<'_, L>, out: &mut Out) -> anyhow::Result<Exit> {
        let (from, to) = (context.when.read(&self.from)?, context.when.read(&self.to)?);
        if from > to {
            return Err(Usage(format!(
                "--from {} ({}) is after --to {} ({})",
                self.from,
                context.when.show(from),
                self.to,
                context.when.show(to)
            ))
            .into());
        }
        let mut timeline = context
            .ask(Query::Timeline { from, to }, |answer| match answer {
                Answer::Timeline(timeline) => Some(timeline),
                _ => None,
            })
            .await?;
        // What began before is not what happened then. A finding may stand there once for each mark it had.
        let (findings, before): (Vec<Finding>, Vec<Finding>) = timeline
            .findings
            .drain(..)
            .partition(|finding| finding.since >= timeline.from);
        let before: BTreeSet<FindingId> = before.iter().map(|finding| finding.id).collect();
        timeline.findings = findings;
        if context.json {
            out.json(&json(&timeline))?;
        } else {
            page(&timeline, before.len(), context, out)?;
        }
        Ok(Exit::Done)
    }
}

fn json(timeline: &Timeline) -> serde_json::Value {
    json!({
        "from": timeline.from,
        "to": timeline.to,
        "changes": timeline.changes.iter().map(ChangeView::from).collect::<Vec<_>>(),
        "events": timeline.events,
        "findings": timeline.findings.iter().map(findings::View::from).collect::<Vec<_>>(),
        "notes": timeline.notes,
    })
}

/// All of it in one list, oldest first; of the same time, changes come before what may follow from them. `before` findings were open then
/// that began earlier.
fn page<L: Link>(timeline: &Timeline, before: usize, context: &Context<'_, L>, out: &mut Out) -> anyhow::Result<()> {
    let mut rows: Vec<(Timestamp, Option<Timestamp>, [String; 3])> = Vec::new();
    for parts in by_thing(&timeline.changes) {
        let change = parts[0];
        let by = change.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        let between = Value::change(change.from.as_ref(), change.to.as_ref());
        let (later, more) = (told_later(change.backfilled), and_more(&parts));
        let what = format!("{later}{} {between}{more}{by}", change.id.name);
        let row = ["setting".into(), change.id.resource.to_string(), what];
        rows.push((change.at, change.after, row));
    }
    for event in &timeline.events {
        let who = event.who.as_ref().map_or_else(String::new, |who| format!(" by {who}"));
        rows.push((
            event.at,
            None,
            [
                event.kind.word().into(),
                event.resource.to_string(),
                format!("{}{}{who}", told_later(event.backfilled), event.what),
            ],
        ));
    }
    for finding in &timeline.findings {
        rows.push((finding.since, finding.earliest, finding_row(finding, context.when)));
    }
    for note in &timeline.notes {
        rows.push((
            note.at,
            None,
            [
                note.what.clone(),
                note.resource.clone(),
                format!("{} ({})", note.result, note.who),
            ],
        ));
    }
    rows.sort_by_key(|(at, ..)| *at);
    if rows.is_empty() {
        out.note("nothing happened in that time");
    }
    let mut columns = Columns::default();
    for (at, earliest, [sort, resource, what]) in rows {
        columns.row(&[context.when.began(earliest, at), sort, resource, what]);
    }
    columns.print(out)?;
    if before > 0 {
        let (findings, open) = (count(before, "finding"), if before == 1 { "was" } else { "were" });
        let from = context.when.show(timeline.from);
        out.note(&format!("{findings} that began before {from} {open} still open then"));
    }
    Ok(())
}

fn finding_row(finding: &Finding, when: &When) -> [String; 3] {
    // What is said of it was so later than it began.
    let later = match finding.ended.is_none() && finding.last - finding.since >= Span::from_mins(1) {
        true => format!("at {}: ", when.show(finding.last)),
        false => String::new(),
    };
    [
        finding.mark.to_string(),
        finding.resource.to_string(),
        // What only a rule or a declaration tells of surprises nobody.
        match format!("{:.1}", finding.bits).as_str() {
            "0.0" => format!("{later}{}", finding.summary),
            bits => format!("{later}{}, {bits} bits", finding.summary),
        },
    ]
}
