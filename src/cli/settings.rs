//! `settings`: settings and their values.

use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::{
    cli::{Columns, Context, Exit, Need, Out, Report, findings::brief, plain, series::chosen},
    domain::{SeriesId, SettingChange, Timestamp, Value},
    engine::{Answer, Link, Query, SettingRow},
    shadow::{Outlook, PeerValue},
};

/// Arguments of `settings`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Only those whose name holds this; `*` stands for any run of characters.
    pattern: Option<String>,
}

/// Settings the engine is asked about at once: some milliseconds of its time.
const AT_ONCE: usize = 300;

#[derive(Serialize)]
struct View<'a> {
    id: &'a SeriesId,
    mark: &'static str,
    sort: Option<&'static str>,
    value: Json,
    differs: bool,
    accepted: Json,
    /// P(a change within 24 hours), and within seven days; `null` where it is not known.
    hazard_24h: Option<f32>,
    hazard_7d: Option<f32>,
    /// P(the last change is undone within 14 days), as said when it was seen.
    undone_14d: Option<f64>,
    /// The values it may have in seven days, each with its probability; what is missing to 1 is a value not thought of.
    expected_7d: Vec<Json>,
    /// If it changes: the 80 % interval of a number, and which way a list goes.
    interval80: Option<[Json; 2]>,
    ways: Option<Json>,
    /// What others like it hold, the commonest first, and who moved there first.
    peers: Vec<Json>,
    bits: f32,
    last_change: Option<ChangeView<'a>>,
    since: Timestamp,
}

/// A probability without the digits that a narrow float does not have.
fn share(odds: f32) -> f64 {
    (f64::from(odds) * 1e6).round() / 1e6
}

/// What a setting is now with P(it does not change), and what it becomes if it does.
fn expected(row: &SettingRow, outlook: Option<&Outlook>) -> Vec<Json> {
    let Some((value, week)) = row.value.as_ref().zip(row.week) else {
        return Vec::new();
    };
    let stays = json!({"value": plain::value(Some(value)), "probability": share(1.0 - week)});
    let next = outlook.into_iter().flat_map(|outlook| &outlook.next);
    let next = next.map(|(value, odds)| json!({"value": plain::value(Some(value)), "probability": share(week * odds)}));
    std::iter::once(stays).chain(next).collect()
}

fn peer(peer: &PeerValue) -> Json {
    let first = peer.first.as_ref();
    json!({
        "value": plain::value(Some(&peer.value)),
        "count": peer.count,
        "first": first.map(|(resource, at)| json!({"resource": resource, "setting": peer.sibling, "at": at})),
    })
}

/// A change of a setting, as JSON.
#[derive(Serialize)]
pub(super) struct ChangeView<'a> {
    series: &'a SeriesId,
    at: Timestamp,
    from: Json,
    to: Json,
    by: Option<&'a str>,
    /// Of a list, what went out of it and what came into it.
    went: Vec<String>,
    came: Vec<String>,
    /// Whether a history told of it later.
    backfilled: bool,
}

impl<'a> From<&'a SettingChange> for ChangeView<'a> {
    fn from(change: &'a SettingChange) -> Self {
        let differs = Value::went_and_came(change.from.as_ref(), change.to.as_ref());
        let (went, came) = differs.unwrap_or_default();
        Self {
            series: &change.id,
            at: change.at,
            from: plain::value(change.from.as_ref()),
            to: plain::value(change.to.as_ref()),
            by: change.by.as_deref(),
            went,
            came,
            backfilled: change.backfilled,
        }
    }
}

impl<'a> View<'a> {
    /// `outlook` is what is to be said of it.
    fn of(row: &'a SettingRow, outlook: Option<&Outlook>) -> Self {
        let accepted = row.accepted.as_ref().unwrap_or(&row.value);
        Self {
            id: &row.id,
            mark: row.mark.word(),
            sort: row.value.as_ref().map(|value| value.sort()),
            value: plain::value(row.value.as_ref()),
            differs: row.accepted.is_some(),
            accepted: plain::value(accepted.as_ref()),
            hazard_24h: row.hazard,
            hazard_7d: row.week,
            undone_14d: row.undoing.as_ref().map(|undoing| undoing.probability),
            expected_7d: expected(row, outlook),
            interval80: outlook.and_then(|outlook| {
                let (low, high) = outlook.interval.as_ref()?;
                Some([low, high].map(|value| plain::value(Some(value))))
            }),
            ways: outlook
                .and_then(|outlook| outlook.ways)
                .map(|[grow, shrink, both]| json!({"grow": share(grow), "shrink": share(shrink), "both": share(both)})),
            peers: outlook.map_or_else(Vec::new, |outlook| outlook.peers.iter().map(peer).collect()),
            bits: row.bits,
            last_change: row.last_change.as_deref().map(Into::into),
            since: row.since,
        }
    }
}

/// What is to be said of each: the engine is asked where its rows do not say it yet.
async fn outlooks<L: Link>(context: &Context<'_, L>, rows: &[&SettingRow]) -> anyhow::Result<Vec<Option<Outlook>>> {
    let mut outlooks: Vec<Option<Outlook>> = rows.iter().map(|row| row.outlook.as_deref().cloned()).collect();
    let lacks: Vec<usize> = (0..rows.len())
        .filter(|place| rows[*place].value.is_some() && outlooks[*place].is_none())
        .collect();
    for places in lacks.chunks(AT_ONCE) {
        let ids = places.iter().map(|place| rows[*place].id.clone()).collect();
        let told = context.ask(Query::Outlooks(ids), |answer| match answer {
            Answer::Outlooks(told) => Some(told),
            _ => None,
        });
        for (place, outlook) in places.iter().zip(told.await?) {
            outlooks[*place] = outlook;
        }
    }
    Ok(outlooks)
}

impl Report for Args {
    const NEED: Need = Need::Fresh;

    async fn run<L: Link>(&self, context: &Context<'_, L>, out: &mut Out) -> anyhow::Result<Exit> {
        let snapshot = context.snapshot();
        let pattern = self.pattern.as_deref();
        let rows: Vec<&SettingRow> = snapshot
            .settings
            .iter()
            .filter(|row| chosen(pattern, &row.id))
            .collect();
        if context.json {
            let outlooks = outlooks(context, &rows).await?;
            let told = rows.iter().zip(&outlooks);
            let views = told.map(|(row, outlook)| View::of(row, outlook.as_ref()));
            out.json(&views.collect::<Vec<_>>())?;
            return Ok(Exit::Done);
        }
        if rows.is_empty() {
            out.note("no setting matches");
            return Ok(Exit::Done);
        }
        // What is longest comes last, so that it makes no other line longer.
        let mut columns = Columns::headed(&["mark", "bits", "changed", "setting"]);
        for row in rows {
            let shown = |value: &Option<Value>| brief(&plain::shown(value.as_ref()));
            let accepted = row.accepted.as_ref();
            let accepted = accepted.map_or_else(String::new, |accepted| format!(" (accepted {})", shown(accepted)));
            let change = row.last_change.as_ref();
            columns.row(&[
                row.mark.to_string(),
                format!("{:.1}", row.bits),
                change.map_or_else(|| "-".into(), |change| context.when.show(change.at)),
                format!("{} = {}{accepted}", row.id, shown(&row.value)),
            ]);
        }
        columns.print(out)?;
        Ok(Exit::Done)
    }
}
