//! `sql`: a statement that only reads the store.

use serde_json::Value as Json;

use crate::{
    cli::{Columns, Context, Exit, Need, Out, Report},
    engine::{Answer, Link, Query},
};

/// Arguments of `sql`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The statement: "SELECT ...".
    statement: String,
}

impl Report for Args {
    const NEED: Need = Need::Stored;

    async fn run<L: Link>(&self, context: &Context<'_, L>, out: &mut Out) -> anyhow::Result<Exit> {
        let table = context
            .ask(Query::Sql(self.statement.clone()), |answer| match answer {
                Answer::Table(table) => Some(table),
                _ => None,
            })
            .await?;
        if context.json {
            out.json(&table)?;
            return Ok(Exit::Done);
        }
        let mut columns = Columns::default();
        columns.row(&table.columns);
        for row in &table.rows {
            columns.row(&row.iter().map(cell).collect::<Vec<_>>());
        }
        columns.print(out)?;
        out.note(&match table.rows.len() {
            1 => "1 row".to_owned(),
            rows => format!("{rows} rows"),
        });
        Ok(Exit::Done)
    }
}

fn cell(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
