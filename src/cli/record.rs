//! `record`: keeps everything the sources say in a file.

use std::path::PathBuf;

use crate::domain::Span;

/// Arguments of `record`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The file, which must not exist yet (name it *.jsonl.gz).
    pub file: PathBuf,
    /// End after this long: 90s, 1h (default: until ctrl-c).
    #[arg(long = "for", value_name = "SPAN", value_parser = super::span)]
    pub length: Option<Span>,
    /// Replace host names, people, addresses, texts of settings and words of log lines by hashes nobody can undo.
    #[arg(long)]
    pub redact: bool,
}
