//! `export`: writes a table of the store to a file.

use std::path::PathBuf;

use crate::{
    cli::{Context, Exit, Need, Out, Report, Usage},
    engine::{Answer, Link, Query},
    store::{Format, TABLES},
};

/// Arguments of `export`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The table.
    #[arg(value_parser = TABLES)]
    what: String,
    /// The file, which must not exist yet.
    file: PathBuf,
    /// How (default: as the file's ending says).
    #[arg(long)]
    format: Option<FileFormat>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FileFormat {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    Json,
    /// Apache Parquet.
    Parquet,
}

impl Report for Args {
    const NEED: Need = Need::Stored;

    async fn run<L: Link>(&self, context: &Context<'_, L>, out: &mut Out) -> anyhow::Result<Exit> {
        let format = match self.format {
            Some(FileFormat::Csv) => Format::Csv,
            Some(FileFormat::Json) => Format::Json,
            Some(FileFormat::Parquet) => Format::Parquet,
            None => self.by_ending()?,
        };
        // The engine may run in another folder.
        let file =
            std::path::absolute(&self.file).map_err(|error| Usage(format!("{}: {error}", self.file.display())))?;
        let query = Query::Export {
            what: self.what.clone(),
            format,
            file: file.clone(),
        };
        let told = context
            .ask(query, |answer| match answer {
                Answer::Done => Some(Vec::new()),
                Answer::Text(lines) => Some(lines),
                _ => None,
            })
            .await?;
        for line in &told {
            out.note(line);
        }
        if context.json {
            out.json(&serde_json::json!({ "what": self.what, "format": format, "file": file.to_string_lossy() }))?;
        }
        Ok(Exit::Done)
    }
}

impl Args {
    fn by_ending(&self) -> Result<Format, Usage> {
        match self.file.extension().and_then(|ending| ending.to_str()) {
            Some("csv") => Ok(Format::Csv),
            Some("json" | "jsonl" | "ndjson") => Ok(Format::Json),
            Some("parquet") => Ok(Format::Parquet),
            _ => Err(Usage(format!(
                "{}: its ending says no format; add --format csv, json or parquet",
                self.file.display()
            ))),
        }
    }
}
