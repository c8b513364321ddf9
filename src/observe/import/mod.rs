//! Files of other tools: what they declare, what they found drifted, what they are about to change.
//!
//! One file a format. A reader says what stands there and judges nothing; secrets are hashed before they leave it. JSON is streamed, so
//! that a plan of any size is read in bounded memory; what cannot be streamed is bounded by [`LARGEST`].

mod ansible;
#[cfg(test)]
mod damage;
mod env;
mod fault;
mod git;
mod hide;
mod json;
mod kubernetes;
mod puppet;
mod terraform;
#[cfg(test)]
mod tests;
mod yaml;

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek},
    path::Path,
};

use serde::de::DeserializeSeed;

use self::json::{Outline, Take, Top, Whole};
use crate::domain::{Document, Tree};
pub use fault::Fault;
pub use git::{Told, history};

/// Largest file of a format that has to be held as a whole, bytes.
pub const LARGEST: u64 = 512 << 20;
/// JSON up to this size is read at once, which is faster; beyond it is streamed.
const AT_ONCE: u64 = 64 << 20;

/// A format of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `terraform show -json` of a plan.
    TerraformPlan,
    /// A state file, or `terraform show -json` of one.
    TerraformState,
    /// The JSON callback's account of a run, or a Foreman report of one.
    Ansible,
    /// Objects, YAML or JSON.
    Kubernetes,
    /// A report.
    Puppet,
    /// `.env`.
    Env,
    /// A document of settings in YAML or JSON that is nothing of the above.
    Settings,
}

impl Format {
    /// Its name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TerraformPlan => "Terraform plan",
            Self::TerraformState => "Terraform state",
            Self::Ansible => "Ansible run",
            Self::Kubernetes => "Kubernetes objects",
            Self::Puppet => "Puppet report",
            Self::Env => ".env file",
            Self::Settings => "settings",
        }
    }
}

/// What a file holds, a piece at a time. No secret is in it.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A resource as declared or as it is, and the declaration it says was applied last.
    Document(Document, Option<Document>),
    /// A resource before and after: a tool compared for itself.
    Change {
        /// Its address.
        resource: Box<str>,
        /// Its type.
        kind: Box<str>,
        /// What the tool calls it: `update`, `delete`, `create`.
        actions: Vec<Box<str>>,
        /// As it was recorded; `None` when it was not there.
        before: Option<Tree>,
        /// As it is, or will be; `None` when it is gone.
        after: Option<Tree>,
        /// Whether it is still to come.
        pending: bool,
    },
    /// A setting that a tool found to be otherwise than declared.
    Event {
        /// The resource, as the tool calls it.
        resource: Box<str>,
        /// Its type.
        kind: Box<str>,
        /// Where in it; empty for all of it.
        path: Vec<Box<str>>,
        /// What was declared.
        desired: Option<Tree>,
        /// What was found.
        live: Option<Tree>,
        /// Whether the tool failed to set it right.
        failed: bool,
    },
}

/// Reads the file `path`; `key` hashes the secrets.
///
/// `each` gets what it holds, `fault` what is wrong with it; what was read before a fault stays read. Gives the format that it was
/// found to be, if any.
pub fn read(path: &Path, key: &[u8; 32], each: &mut dyn FnMut(Item), fault: &mut dyn FnMut(Fault)) -> Option<Format> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) => {
            fault(Fault::of_file(error.to_string()));
            return None;
        }
    };
    let name = path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    match read_file(file, &name, key, each, fault) {
        Ok(format) => Some(format),
        Err(told) => {
            fault(told);
            None
        }
    }
}

/// A text of JSON, in memory or to be streamed from a file, as often as it is asked for.
enum Source {
    Bytes(Vec<u8>),
    File(File),
}

impl Source {
    fn parse<S: for<'de> DeserializeSeed<'de, Value = ()>>(&mut self, seed: S) -> Result<(), Fault> {
        match self {
            Self::Bytes(bytes) => {
                let mut deserializer = serde_json::Deserializer::from_slice(bytes);
                seed.deserialize(&mut deserializer)?;
                Ok(deserializer.end()?)
            }
            Self::File(file) => {
                file.rewind().map_err(|error| Fault::of_file(error.to_string()))?;
                let mut deserializer = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 20, file));
                seed.deserialize(&mut deserializer)?;
                Ok(deserializer.end()?)
            }
        }
    }

    fn outline(&mut self) -> Result<Outline, serde_json::Error> {
        match self {
            Self::Bytes(bytes) => serde_json::from_slice(bytes),
            Self::File(file) => {
                file.rewind().map_err(serde_json::Error::io)?;
                serde_json::from_reader(BufReader::with_capacity(1 << 20, file))
            }
        }
    }
}

fn read_file(
    mut file: File,
    name: &str,
    key: &[u8; 32],
    each: &mut dyn FnMut(Item),
    fault: &mut dyn FnMut(Fault),
) -> Result<Format, Fault> {
    let broken = |error: io::Error| Fault::of_file(error.to_string());
    let size = file.metadata().map_err(broken)?.len();
    let mut start = [0; 512];
    let length = file.read(&mut start).map_err(broken)?;
    let start = &start[..length];
    wrong_kind(start).map_or(Ok(()), |what| Err(Fault::of_file(what)))?;
    let first = start
        .iter()
        .find(|byte| !byte.is_ascii_whitespace() && !b"\xef\xbb\xbf".contains(byte));
    file.rewind().map_err(broken)?;
    let json = matches!(first, Some(b'{' | b'['));
    let mut source = if json && size > AT_ONCE {
        Source::File(file)
    } else if size > LARGEST {
        return Err(too_large(size));
    } else {
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
        file.read_to_end(&mut bytes).map_err(broken)?;
        if bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        Source::Bytes(bytes)
    };
    if json {
        if let Source::Bytes(bytes) = &source {
            json::utf8(bytes)?;
        }
        match source.outline() {
            Ok(outline) => return read_json(&mut source, &outline, size, name, key, each, fault),
            Err(error) => {
                // Several objects one after the other, or YAML in its flow style.
                let bytes = match &source {
                    Source::Bytes(bytes) if error.is_syntax() && error.line() > 0 => bytes,
                    _ => return Err(error.into()),
                };
                if let Some(format) = read_several(bytes, name, key, each, fault) {
                    return Ok(format);
                }
                if !name.ends_with(".yaml") && !name.ends_with(".yml") {
                    return Err(error.into());
                }
            }
        }
    }
    let Source::Bytes(bytes) = source else {
        return Err(too_large(size));
    };
    read_text(json::utf8(&bytes)?, name, key, each, fault)
}

fn too_large(size: u64) -> Fault {
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    Fault::of_file(format!(
        "{:.1} GiB; of this format at most {:.1} GiB are read, split it",
        gib(size),
        gib(LARGEST)
    ))
}

/// What a file is that is no text of a known format, by how it begins.
fn wrong_kind(start: &[u8]) -> Option<&'static str> {
    let begins = |mark: &[u8]| start.starts_with(mark);
    if start.is_empty() {
        Some("empty")
    } else if begins(b"PK\x03\x04") {
        Some("a binary plan or an archive; `terraform show -json FILE` prints a plan as JSON")
    } else if begins(b"\x1f\x8b") {
        Some("compressed; unpack it first")
    } else if begins(b"\xff\xfe") || begins(b"\xfe\xff") {
        Some("UTF-16; convert it to UTF-8")
    } else if start.contains(&0) {
        Some("binary")
    } else {
        None
    }
}

fn read_json(
    source: &mut Source,
    outline: &Outline,
    size: u64,
    name: &str,
    key: &[u8; 32],
    each: &mut dyn FnMut(Item),
    fault: &mut dyn FnMut(Fault),
) -> Result<Format, Fault> {
    let has = |key: &str| outline.keys.contains(key);
    let scalar = |key: &str| outline.scalars.contains_key(key);
    let kubernetes = scalar("kind") && (scalar("apiVersion") || has("items"));
    if !kubernetes && (has("resource_changes") || has("resource_drift") || has("planned_values")) {
        terraform::plan_fault(outline).map_or(Ok(()), Err)?;
        source.parse(Top {
            take: &terraform::of_plan,
            each: &mut |section, piece| terraform::plan_piece(section, piece, key, each),
        })?;
        return Ok(Format::TerraformPlan);
    }
    let state = scalar("version") && (has("lineage") || has("serial") || scalar("terraform_version"));
    let shown = scalar("format_version") && (has("values") || outline.keys.len() <= 2 || scalar("terraform_version"));
    if !kubernetes && (state || shown) {
        terraform::state_fault(outline)
            .or_else(|| terraform::plan_fault(outline))
            .map_or(Ok(()), Err)?;
        source.parse(Top {
            take: &terraform::of_state,
            each: &mut |section, piece| terraform::state_piece(section, piece, key, each),
        })?;
        return Ok(Format::TerraformState);
    }
    if has("plays") && (has("stats") || has("custom_stats")) {
        source.parse(Top {
            take: &ansible::of_run,
            each: &mut |_, piece| ansible::play(&piece, key, each),
        })?;
        return Ok(Format::Ansible);
    }
    if has("config_report") || has("results") && (has("reported_at") || has("check_mode")) {
        let mut host = String::new();
        source.parse(Top {
            take: &ansible::of_report,
            each: &mut |section, piece| ansible::report(section, &piece, &mut host, key, each),
        })?;
        return Ok(Format::Ansible);
    }
    if kubernetes && has("items") {
        let kind = outline.scalars["kind"].clone();
        let version = outline.scalars.get("apiVersion").cloned().unwrap_or(Tree::Null);
        source.parse(Top {
            take: &|section| if section == "items" { Take::Items } else { Take::Skip },
            each: &mut |_, piece| {
                let fields = [
                    ("kind", kind.clone()),
                    ("apiVersion", version.clone()),
                    ("items", Tree::List(vec![piece])),
                ];
                let list = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
                kubernetes::objects(Tree::Map(list), key, &mut |document, applied| {
                    each(Item::Document(document, applied))
                });
            },
        })?;
        return Ok(Format::Kubernetes);
    }
    if size > LARGEST {
        return Err(too_large(size));
    }
    let mut tree = Tree::Null;
    source.parse(One(&mut tree))?;
    Ok(take_tree(tree, name, puppet::has_keys(&outline.keys), key, each, fault))
}

/// Reads one tree into its place.
struct One<'t>(&'t mut Tree);

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        *self.0 = Whole(&std::cell::Cell::new(0)).deserialize(deserializer)?;
        Ok(())
    }
}

/// Objects of Kubernetes one after the other; `None` when it is nothing of the sort.
fn read_several(
    bytes: &[u8],
    name: &str,
    key: &[u8; 32],
    each: &mut dyn FnMut(Item),
    fault: &mut dyn FnMut(Fault),
) -> Option<Format> {
    let values = serde_json::Deserializer::from_slice(bytes).into_iter::<serde_json::Value>();
    let trees: Vec<Tree> = values
        .map(|value| value.map(Tree::from))
        .collect::<Result<_, _>>()
        .ok()?;
    let mut format = None;
    for tree in trees {
        format = Some(take_tree(tree, name, false, key, each, fault));
    }
    format
}

fn read_text(
    text: &str,
    name: &str,
    key: &[u8; 32],
    each: &mut dyn FnMut(Item),
    fault: &mut dyn FnMut(Fault),
) -> Result<Format, Fault> {
    let called_env = name.starts_with(".env") || name.ends_with(".env");
    let yaml = name.ends_with(".yaml") || name.ends_with(".yml");
    if called_env || !yaml && env::looks_like(text) {
        let tree = env::read(text, fault);
        settings(tree, name, key, each);
        return Ok(Format::Env);
    }
    let mut format = None;
    let mut told = Vec::new();
    yaml::documents(
        text,
        &mut |tree, line| {
            if matches!(tree, Tree::Null) {
                return;
            }
            if !matches!(tree, Tree::Map(_) | Tree::List(_)) {
                return told.push(Fault::at(line, "neither settings nor a report of a known tool"));
            }
            let puppet = puppet::is_one(&tree);
            format = Some(take_tree(tree, name, puppet, key, each, &mut |fault| told.push(fault)));
        },
        fault,
    );
    told.into_iter().for_each(fault);
    Ok(format.unwrap_or(Format::Settings))
}

/// Hands over what a tree holds.
fn take_tree(
    tree: Tree,
    name: &str,
    puppet: bool,
    key: &[u8; 32],
    each: &mut dyn FnMut(Item),
    fault: &mut dyn FnMut(Fault),
) -> Format {
    if puppet && puppet::is_one(&tree) {
        puppet::events(&tree, key, each, fault);
        return Format::Puppet;
    }
    if kubernetes::is_one(&tree) {
        kubernetes::objects(tree, key, &mut |document, applied| {
            each(Item::Document(document, applied))
        });
        return Format::Kubernetes;
    }
    match tree {
        // A list of objects is what several of them make.
        Tree::List(items) if !items.is_empty() && items.iter().all(kubernetes::is_one) => {
            for item in items {
                kubernetes::objects(item, key, &mut |document, applied| {
                    each(Item::Document(document, applied))
                });
            }
            Format::Kubernetes
        }
        tree => {
            settings(tree, name, key, each);
            Format::Settings
        }
    }
}

fn settings(mut tree: Tree, name: &str, key: &[u8; 32], each: &mut dyn FnMut(Item)) {
    hide::hide(&mut tree, "", key);
    let document = Document {
        group: "".into(),
        kind: "".into(),
        namespace: None,
        name: name.into(),
        tree,
    };
    each(Item::Document(document, None));
}
