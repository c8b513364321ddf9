//! Files of other tools: what they declare, what they found drifted, what they are about to change.
//!
//! One file a format. A reader says what stands there and judges nothing; secrets are hashed before they leave it. What is large is
//! streamed, resource by resource, task by task, document by document, so that a file of any size is read in bounded memory; what
//! cannot be streamed is bounded by [`LARGEST`].

mod ansible;
#[cfg(test)]
mod damage;
mod env;
mod fault;
mod git;
mod hide;
mod item;
mod json;
mod kubernetes;
mod meant;
mod puppet;
mod source;
mod stream;
mod terraform;
#[cfg(test)]
mod tests;
mod yaml;

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use serde::de::DeserializeSeed;

use self::{
    json::{Outline, Take, Tally, Top, Whole},
    source::{Odd, One, Source, odd, twice_in},
};
use crate::domain::{Document, Tree, text::visible};
pub use fault::Fault;
pub use git::{Each, Told, author, history};
pub use item::{Format, Found, Item, States};
pub use meant::{Meant, meant, named};

/// Largest file of a format that has to be held as a whole, bytes.
pub const LARGEST: u64 = 512 << 20;
/// Files, and documents of YAML, up to this size are read at once, which is faster; beyond it they are streamed.
const AT_ONCE: u64 = 16 << 20;
/// The same of files of JSON, which in memory are read in a third of the time.
const JSON_AT_ONCE: u64 = 128 << 20;
/// What stands in a list of Kubernetes.
const OBJECTS: &str = "an object of Kubernetes";
/// What some editors write before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads the file `path`; `key` hashes the secrets. Where one format is `wanted`, what is of another is a fault.
///
/// `each` gets what it holds, `fault` what is wrong with it; what was read before a fault stays read. Gives the format that it was
/// found to be, if any.
pub fn read(
    path: &Path,
    wanted: Option<Format>,
    key: &[u8; 32],
    each: &mut dyn FnMut(Item),
    fault: &mut dyn FnMut(Fault),
) -> Option<Format> {
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
    let mut sink = Sink {
        name: &name,
        wanted,
        key,
        each,
        fault,
    };
    match read_file(file, &mut sink) {
        Ok(format) => Some(format),
        Err(told) => {
            (sink.fault)(told);
            None
        }
    }
}

/// Where goes what is read of a file.
struct Sink<'s> {
    /// What the file is called.
    name: &'s str,
    wanted: Option<Format>,
    key: &'s [u8; 32],
    each: &'s mut dyn FnMut(Item),
    fault: &'s mut dyn FnMut(Fault),
}

fn read_file(mut file: File, sink: &mut Sink<'_>) -> Result<Format, Fault> {
    let broken = |error: io::Error| Fault::of_file(error.to_string());
    let size = file.metadata().map_err(broken)?.len();
    let mut start = [0; 512];
    let length = file.read(&mut start).map_err(broken)?;
    let start = &start[..length];
    wrong_kind(start, size).map_or(Ok(()), |what| Err(Fault::of_file(what)))?;
    let text = start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(start);
    let mark = (start.len() - text.len()) as u64;
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    file.seek(SeekFrom::Start(mark)).map_err(broken)?;
    let json = matches!(first, Some(b'{' | b'['));
    if !json && size > AT_ONCE {
        return read_yaml(BufReader::with_capacity(1 << 20, file), sink);
    }
    let mut source = if size > JSON_AT_ONCE {
        Source::File(file, mark)
    } else {
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
        file.read_to_end(&mut bytes).map_err(broken)?;
        Source::Bytes(bytes)
    };
    if json {
        if let Source::Bytes(bytes) = &source {
            json::utf8(bytes)?;
        }
        match source.outline() {
            Ok(outline) => return read_json(&mut source, &outline, size, sink),
            Err(error) => {
                // Several objects one after the other, or YAML in its flow style.
                let bytes = match &source {
                    Source::Bytes(bytes) if error.is_syntax() && error.line() > 0 => bytes,
                    _ => return Err(error.into()),
                };
                if let Some(format) = read_several(bytes, sink)? {
                    return Ok(format);
                }
                if !sink.name.ends_with(".yaml") && !sink.name.ends_with(".yml") {
                    return Err(error.into());
                }
            }
        }
    }
    let Source::Bytes(bytes) = source else {
        return Err(too_large(size));
    };
    read_text(json::utf8(&bytes)?, sink)
}

fn too_large(size: u64) -> Fault {
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    Fault::of_file(format!(
        "{:.1} GiB; of this format at most {:.1} GiB are read, split it",
        gib(size),
        gib(LARGEST)
    ))
}

/// What a file of `size` bytes is that is no text of a known format, by how it begins.
fn wrong_kind(start: &[u8], size: u64) -> Option<&'static str> {
    let begins = |mark: &[u8]| start.starts_with(mark);
    let all = size <= start.len() as u64;
    if all && start.iter().all(u8::is_ascii_whitespace) {
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

fn read_json(source: &mut Source, outline: &Outline, size: u64, sink: &mut Sink<'_>) -> Result<Format, Fault> {
    let has = |key: &str| outline.keys.contains_key(key);
    let scalar = |key: &str| outline.scalars.contains_key(key);
    let kubernetes = scalar("kind") && (scalar("apiVersion") || has("items"));
    let doubled = outline.doubled();
    (source.twice(doubled.keys().map(String::as_str)).into_iter()).for_each(&mut *sink.fault);
    let tally = Tally::default();
    let (key, each) = (sink.key, &mut *sink.each);
    let mut top = |take: &dyn Fn(&str) -> Take, each: &mut dyn FnMut(&str, Tree)| {
        source.parse(Top {
            take,
            each,
            tally: &tally,
            doubled: outline.doubled(),
        })
    };
    let mut told = Vec::new();
    let format = if !kubernetes && (has("resource_changes") || has("resource_drift") || has("planned_values")) {
        let format = expected(sink.wanted, Format::TerraformPlan)?;
        terraform::plan_fault(outline).map_or(Ok(()), Err)?;
        let mut odd = Odd::default();
        top(&terraform::of_plan, &mut |section, piece| {
            if !terraform::plan_piece(section, piece, key, each) {
                odd.count(section, tally.piece());
            }
        })?;
        told.extend(odd.faults("a change of a resource", source, &terraform::of_plan, outline));
        told.extend(terraform::broke_off(outline));
        format
    } else if !kubernetes && is_state(outline) {
        let format = expected(sink.wanted, Format::TerraformState)?;
        terraform::state_fault(outline)
            .or_else(|| terraform::plan_fault(outline))
            .map_or(Ok(()), Err)?;
        let mut odd = Odd::default();
        top(&terraform::of_state, &mut |section, piece| {
            if !terraform::state_piece(section, piece, key, each) {
                odd.count(section, tally.piece());
            }
        })?;
        told.extend(odd.faults("a resource", source, &terraform::of_state, outline));
        format
    } else if has("plays") && (has("stats") || has("custom_stats")) {
        let format = expected(sink.wanted, Format::Ansible)?;
        let mut lost = ansible::Lost::default();
        top(&ansible::of_run, &mut |section, piece| {
            ansible::piece(section, &piece, &mut lost, key, each)
        })?;
        told.extend(lost.fault());
        format
    } else if has("config_report") || has("results") && (has("reported_at") || has("check_mode")) {
        let format = expected(sink.wanted, Format::Ansible)?;
        let (mut host, mut lost) = (String::new(), ansible::Lost::default());
        top(&ansible::of_report, &mut |section, piece| {
            ansible::report(section, &piece, &mut host, &mut lost, key, each)
        })?;
        told.extend(lost.fault());
        format
    } else if kubernetes && has("items") {
        let format = expected(sink.wanted, Format::Kubernetes)?;
        let kind = outline.scalars["kind"].clone();
        let version = outline.scalars.get("apiVersion").cloned().unwrap_or(Tree::Null);
        let items = |section: &str| if section == "items" { Take::Items } else { Take::Skip };
        let (mut nameless, mut odd) = (Vec::new(), Odd::default());
        top(&items, &mut |section, piece| {
            let fields = [
                ("kind", kind.clone()),
                ("apiVersion", version.clone()),
                ("items", Tree::List(vec![piece])),
            ];
            let list = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
            let others = objects(Tree::Map(list), key, &mut *each, &mut |fault| {
                once(&mut nameless, fault)
            });
            if others > 0 {
                odd.count(section, tally.piece());
            }
        })?;
        told.append(&mut nameless);
        told.extend(odd.faults(OBJECTS, source, &items, outline));
        format
    } else {
        if size > LARGEST {
            return Err(too_large(size));
        }
        let mut tree = Tree::Null;
        source.parse(One(&mut tree, &tally))?;
        let puppet = puppet::has_keys(outline.keys.keys());
        take_tree(tree, puppet, sink)?
    };
    // Outermost keys were told of.
    let mut inner = tally.doubled();
    inner.retain(|key| !doubled.contains_key(&**key));
    told.extend(source.twice(inner.iter().map(|key| &**key)));
    told.into_iter().for_each(&mut *sink.fault);
    Ok(format)
}

/// Hands over objects of Kubernetes; gives how many items of lists are none. One without a name cannot be told from others; one that the
/// server is to name is of the moment.
fn objects(tree: Tree, key: &[u8; 32], each: &mut dyn FnMut(Item), fault: &mut dyn FnMut(Fault)) -> usize {
    kubernetes::objects(tree, key, &mut |document, applied| {
        let named = !document.name.is_empty() || document.tree.at(&["metadata", "generateName"]).is_some();
        match named {
            true => each(Item::Document(document, applied)),
            false => fault(Fault::of_file(format!(
                "an object without a name ({}): passed over",
                visible(&document.kind)
            ))),
        }
    })
}

/// Whether it is a state, or what is shown of one.
fn is_state(outline: &Outline) -> bool {
    let has = |key: &str| outline.keys.contains_key(key);
    let scalar = |key: &str| outline.scalars.contains_key(key);
    scalar("version") && (has("lineage") || has("serial") || scalar("terraform_version"))
        || scalar("format_version") && (has("values") || outline.keys.len() <= 2 || scalar("terraform_version"))
}

/// Objects of Kubernetes one after the other; `None` when it is nothing of the sort.
fn read_several(bytes: &[u8], sink: &mut Sink<'_>) -> Result<Option<Format>, Fault> {
    let tally = Tally::default();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let mut trees = Vec::new();
    while deserializer.end().is_err() {
        let Ok(tree) = Whole(&tally).deserialize(&mut deserializer) else {
            return Ok(None);
        };
        trees.push(tree);
    }
    let mut format = None;
    for tree in trees {
        format = Some(take_tree(tree, false, sink)?);
    }
    let doubled = tally.doubled();
    (twice_in(bytes, doubled.iter().map(|key| &**key)).into_iter()).for_each(&mut *sink.fault);
    Ok(format)
}

fn read_text(text: &str, sink: &mut Sink<'_>) -> Result<Format, Fault> {
    if hide::is_encrypted(text) {
        // All of it is one secret: that it changed is all that can be said.
        return settings(Tree::text(text.trim_end()), Format::Settings, sink);
    }
    let called_env = sink.name.starts_with(".env") || sink.name.ends_with(".env");
    let yaml = sink.name.ends_with(".yaml") || sink.name.ends_with(".yml");
    if called_env || !yaml && env::looks_like(text) {
        let tree = env::read(text, &mut *sink.fault);
        return settings(tree, Format::Env, sink);
    }
    read_yaml(text.as_bytes(), sink)
}

fn read_yaml(source: impl io::BufRead, sink: &mut Sink<'_>) -> Result<Format, Fault> {
    let (mut told, mut broken) = (Vec::new(), Vec::new());
    let mut format = None;
    {
        let mut tell = |fault| once(&mut told, fault);
        let sink = std::cell::RefCell::new((&mut *sink, &mut format));
        yaml::documents(
            source,
            &mut |outer, name, tree| {
                let (sink, format) = &mut *sink.borrow_mut();
                match outer {
                    "items"
                        if name.is_none()
                            && kubernetes::is_one(&tree)
                            && expected(sink.wanted, Format::Kubernetes).is_ok() =>
                    {
                        **format = Some(Format::Kubernetes);
                        objects(tree, sink.key, &mut *sink.each, &mut *sink.fault);
                        None
                    }
                    "resource_statuses" => Some(puppet::brief(tree)),
                    _ => Some(tree),
                }
            },
            &mut |tree, line| {
                let (sink, format) = &mut *sink.borrow_mut();
                if matches!(tree, Tree::Null) {
                    return;
                }
                if !matches!(tree, Tree::Map(_) | Tree::List(_)) {
                    return tell(Fault::at(line, "neither settings nor a report of a known tool"));
                }
                let puppet = puppet::is_one(&tree);
                let told = &mut *sink.fault;
                let mut sink = Sink {
                    each: &mut *sink.each,
                    fault: &mut |fault: Fault| told(fault.in_line(Some(line))),
                    name: sink.name,
                    wanted: sink.wanted,
                    key: sink.key,
                };
                match take_tree(tree, puppet, &mut sink) {
                    Ok(found) => **format = Some(found),
                    Err(fault) => tell(fault),
                }
            },
            &mut |fault| once(&mut broken, fault),
        );
    }
    broken.append(&mut told);
    let wrong = !broken.is_empty();
    broken.into_iter().for_each(&mut *sink.fault);
    match format {
        Some(format) => Ok(format),
        // What is wrong with a file is told once.
        None if wrong => Ok(Format::Settings),
        None => expected(sink.wanted, Format::Settings),
    }
}

/// What is wrong with one document after the other, be they millions, is said once.
fn once(told: &mut Vec<Fault>, fault: Fault) {
    if told.last().is_none_or(|last| last.what != fault.what) {
        told.push(fault);
    }
}

fn expected(wanted: Option<Format>, found: Format) -> Result<Format, Fault> {
    match wanted {
        Some(wanted) if wanted != found => Err(Fault::of_file(format!("{}, not {}", found.one(), wanted.one()))),
        _ => Ok(found),
    }
}

/// Hands over what a tree holds.
fn take_tree(tree: Tree, puppet: bool, sink: &mut Sink<'_>) -> Result<Format, Fault> {
    if puppet && puppet::is_one(&tree) {
        expected(sink.wanted, Format::Puppet)?;
        puppet::events(&tree, sink.key, &mut *sink.each, &mut *sink.fault);
        return Ok(Format::Puppet);
    }
    let trees = match tree {
        one if kubernetes::is_one(&one) => vec![one],
        // A list of objects is what several of them make.
        Tree::List(items) if !items.is_empty() && items.iter().all(kubernetes::is_one) => items,
        tree => return settings(tree, Format::Settings, sink),
    };
    expected(sink.wanted, Format::Kubernetes)?;
    let mut others = 0;
    for tree in trees {
        others += objects(tree, sink.key, &mut *sink.each, &mut *sink.fault);
    }
    if others > 0 {
        (sink.fault)(odd("items", others, OBJECTS));
    }
    Ok(Format::Kubernetes)
}

fn settings(mut tree: Tree, format: Format, sink: &mut Sink<'_>) -> Result<Format, Fault> {
    expected(sink.wanted, format)?;
    hide::hide(&mut tree, "", sink.key);
    let document = Document {
        group: "".into(),
        kind: "".into(),
        namespace: None,
        name: sink.name.into(),
        tree,
    };
    (sink.each)(Item::Document(document, None));
    Ok(format)
}
