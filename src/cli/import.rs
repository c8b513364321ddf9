//! `import`: what a file of another tool says.

pub(super) mod git;

use std::path::PathBuf;

use serde::Serialize;

use crate::{
    cli::{
        Columns, Exit, Out, OutError,
        drift::{
            View,
            files::{self, Faults, Wanted},
            show, view,
        },
    },
    domain::{Document, Tree},
    drift::{Departure, Path, Step, departures, rank, shown},
    observe::import::{Format, Item},
    store::random_key,
};

/// Arguments of `import`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What the file is.
    tool: Tool,
    /// The file, `-` is stdin; of git the repository or a folder of it.
    file: PathBuf,
    /// Of git: which files, such as `clusters/**/*.yaml`; all where none is named.
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    glob: Vec<String>,
    /// Of git: print what changed, and tell the engine nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Args {
    /// Whether a history is asked for, which an engine takes.
    pub(super) fn is_history(&self) -> bool {
        self.tool == Tool::Git
    }
}

/// What other tools write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Tool {
    /// `terraform show -json PLAN`: what drifted and what it is about to change.
    TerraformPlan,
    /// A state file of version 3 or 4, or `terraform show -json`.
    TerraformState,
    /// The JSON callback's account of a run, or a Foreman report.
    Ansible,
    /// Objects, YAML or JSON.
    Kubernetes,
    /// A report, format 0 to 12.
    Puppet,
    /// The history of a repository of configuration files: what changed of their settings, when and by whom.
    Git,
}

impl Tool {
    /// What its file is; `None` of a repository.
    fn format(self) -> Option<Format> {
        match self {
            Self::TerraformPlan => Some(Format::TerraformPlan),
            Self::TerraformState => Some(Format::TerraformState),
            Self::Ansible => Some(Format::Ansible),
            Self::Kubernetes => Some(Format::Kubernetes),
            Self::Puppet => Some(Format::Puppet),
            Self::Git => None,
        }
    }
}

/// What a tool found or is about to do, as JSON.
#[derive(Serialize)]
struct Change<'a> {
    #[serde(flatten)]
    departure: View<'a>,
    pending: bool,
}

/// A setting of a resource, as JSON.
#[derive(Serialize)]
struct Setting<'a> {
    resource: &'a str,
    path: String,
    value: &'a Tree,
}

/// Reads the file and prints what it holds: changes ranked, settings as they are read, in their order.
///
/// # Errors
/// When nothing can be written. What is wrong with the file is told line by line.
pub(super) fn run(args: &Args, json: bool, out: &mut Out) -> anyhow::Result<Exit> {
    let key = random_key()?;
    let mut faults = Faults::default();
    let (mut drifted, mut pending): (Vec<Departure>, Vec<Departure>) = (Vec::new(), Vec::new());
    let mut settings = Settings {
        json,
        ..Settings::default()
    };
    let files = std::slice::from_ref(&args.file);
    let wanted = args.tool.format().map_or(Wanted::Any, Wanted::Only);
    files::each(files, wanted, &key, out, &mut faults, &mut |item, out| match item {
        Item::Document(document, _) => settings.take(document, out),
        item @ Item::Change { pending: true, .. } => pending.extend(departures(item)),
        item => drifted.extend(departures(item)),
    });
    let told = settings.end(out)?;
    rank(&mut drifted);
    rank(&mut pending);
    if json && told == 0 {
        let drifted = drifted.iter().map(|departure| (departure, false));
        let changes = drifted.chain(pending.iter().map(|departure| (departure, true)));
        let changes = changes.map(|(departure, pending)| Change {
            departure: view(departure),
            pending,
        });
        out.json(&changes.collect::<Vec<_>>())?;
    } else if !json && (faults.told == 0 || drifted.len() + pending.len() + told > 0) {
        page(&drifted, &pending, told, out)?;
    }
    Ok(if faults.told > 0 { Exit::Faults } else { Exit::Done })
}

/// Rows that are set in columns together.
const TOGETHER: usize = 1_000;

/// Prints settings a resource at a time: no more is held than a page of them.
#[derive(Default)]
struct Settings {
    json: bool,
    told: usize,
    columns: Columns,
    rows: usize,
    /// Why nothing more is printed.
    failed: Option<OutError>,
}

impl Settings {
    fn take(&mut self, document: Document, out: &mut Out) {
        let resource = document.resource();
        leaves(document.tree, &mut Path::default(), &mut |path, value| {
            if self.failed.is_some() {
                return;
            }
            self.told += 1;
            if self.json {
                let setting = Setting {
                    resource: &resource,
                    path: path.to_string(),
                    value: &value,
                };
                self.failed = out.item(self.told == 1, &setting).err();
            } else {
                self.columns.row(&[resource.clone(), path.brief(), shown(Some(&value))]);
                self.rows += 1;
            }
        });
        if self.rows >= TOGETHER {
            self.print(out);
        }
    }

    fn print(&mut self, out: &mut Out) {
        let columns = std::mem::take(&mut self.columns);
        self.rows = 0;
        if self.failed.is_none() {
            self.failed = columns.print(out).err();
        }
    }

    /// Prints what is left; gives how many there were.
    fn end(mut self, out: &mut Out) -> Result<usize, OutError> {
        self.print(out);
        match self.failed {
            Some(error) => Err(error),
            None if self.json && self.told > 0 => out.end_of_list().map(|()| self.told),
            None => Ok(self.told),
        }
    }
}

fn page(drifted: &[Departure], pending: &[Departure], settings: usize, out: &mut Out) -> anyhow::Result<()> {
    show::table(drifted, false, out)?;
    if !pending.is_empty() {
        if !drifted.is_empty() {
            out.line("")?;
        }
        out.line("Pending")?;
        out.line("")?;
        show::table(pending, true, out)?;
    }
    out.note(&format!(
        "{} drifted, {} pending, {settings} settings",
        drifted.len(),
        pending.len(),
    ));
    Ok(())
}

/// The single values of a tree, and its lists of single values, with the paths to them.
fn leaves(tree: Tree, path: &mut Path, each: &mut dyn FnMut(Path, Tree)) {
    match tree {
        Tree::Map(fields) => {
            for (key, value) in fields {
                path.0.push(Step::Key(key));
                leaves(value, path, each);
                path.0.pop();
            }
        }
        Tree::List(items) if items.iter().any(|item| matches!(item, Tree::Map(_) | Tree::List(_))) => {
            for (place, item) in items.into_iter().enumerate() {
                path.0.push(Step::Index(place));
                leaves(item, path, each);
                path.0.pop();
            }
        }
        value if value.is_blank() => {}
        value => each(path.clone(), value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{code, out::tests::Page};

    fn import(tool: Tool, text: &str, json: bool) -> (u8, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file.json");
        std::fs::write(&file, text).unwrap();
        let (data, notes) = (Page::default(), Page::default());
        let mut out = Out::new(data.clone(), notes.clone());
        let code = code(
            run(
                &Args {
                    tool,
                    file,
                    glob: Vec::new(),
                    dry_run: false,
                },
                json,
                &mut out,
            ),
            &mut out,
        );
        (code, data.text(), notes.text())
    }

    #[test]
    fn a_plan_is_ranked_and_what_is_to_come_is_told_apart() {
        let plan = r#"{"format_version":"1.2","resource_drift":[],"resource_changes":[
            {"address":"a.a","type":"a","change":{"actions":["update"],"before":{"tags":"x"},"after":{"tags":"y"}}},
            {"address":"a.b","type":"a","change":{"actions":["delete"],"before":{"x":1},"after":null}}]}"#;
        let (code, data, notes) = import(Tool::TerraformPlan, plan, false);
        assert_eq!(code, 0);
        assert_eq!(
            data,
            "Pending\n\na.b\n  HIGH      (all of it)  deleted\n\na.a\n  LOW       tags         x -> y\n"
        );
        assert_eq!(notes, "0 drifted, 2 pending, 0 settings\n");
        let (code, _, notes) = import(Tool::Puppet, plan, false);
        assert_eq!(code, 2);
        assert!(notes.ends_with(": a Terraform plan, not a Puppet report\n"), "{notes}");
        let (_, _, notes) = import(Tool::Ansible, plan, false);
        assert!(notes.ends_with(": a Terraform plan, not an Ansible run\n"), "{notes}");
        let (code, _, notes) = import(Tool::Kubernetes, "hello world", false);
        assert_eq!((code, notes.lines().count()), (2, 1), "{notes}");
    }

    #[test]
    fn what_is_done_with_all_of_a_resource_is_told() {
        let change = |address: &str, more: &str, actions: &str, before: &str, after: &str| {
            format!(
                r#"{{"address":"{address}","type":"t"{more},"change":{{"actions":{actions},"before":{before},"after":{after},
                "after_unknown":{{"id":true}},"replace_paths":{paths}}}}}"#,
                paths = if more.contains("cannot") {
                    r#"[["disk",0,"size"],["ami"]]"#
                } else {
                    "[]"
                }
            )
        };
        let changes = [
            change(
                "t.a",
                r#","action_reason":"replace_because_cannot_update""#,
                r#"["delete","create"]"#,
                r#"{"id":"1","ami":"x"}"#,
                r#"{"ami":"y"}"#,
            ),
            change(
                "t.b",
                r#","action_reason":"replace_because_tainted""#,
                r#"["create","delete"]"#,
                r#"{"id":"1"}"#,
                "{}",
            ),
            change("t.c", "", r#"["forget"]"#, r#"{"x":1}"#, "null"),
            change("t.d", r#","deposed":"ab12cd34""#, r#"["delete"]"#, r#"{"x":1}"#, "null"),
        ];
        let plan = format!(
            r#"{{"format_version":"1.2","resource_changes":[{}]}}"#,
            changes.join(",")
        );
        let (code, data, notes) = import(Tool::TerraformPlan, &plan, false);
        assert_eq!((code, notes.as_str()), (0, "0 drifted, 5 pending, 0 settings\n"));
        insta::assert_snapshot!(data);
        let (_, data, _) = import(Tool::TerraformPlan, &plan, true);
        let told: Vec<serde_json::Value> = serde_json::from_str(&data).unwrap();
        let whole = told
            .iter()
            .find(|one| one["resource"] == "t.a" && one["path"] == "/")
            .unwrap();
        assert_eq!(whole["action"], "destroyed and made anew because of disk[0].size, ami");
        assert_eq!(whole["level"], "HIGH");
    }

    #[test]
    fn objects_are_their_settings() {
        let object =
            r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"1","password":"hunter2x"}}"#;
        let (_, data, _) = import(Tool::Kubernetes, object, true);
        let settings: Vec<serde_json::Value> = serde_json::from_str(&data).unwrap();
        assert_eq!(
            settings[1],
            serde_json::json!({"resource": "ConfigMap/a", "path": "/data/k", "value": "1"})
        );
        assert!(!data.contains("hunter2x") && data.contains("secret#"), "{data}");
    }
}
