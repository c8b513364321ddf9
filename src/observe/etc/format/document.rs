//! Files that are one document with a tree of values: JSON, YAML, TOML, XML.

use quick_xml::{Reader, XmlVersion, events::BytesStart, events::Event as Xml};
use saphyr_parser::{Event, Parser};
use serde_json::{Map, Value};

use super::Pair;
use crate::observe::secret::{is_name_field, is_value_field};

/// A document with more values, or with deeper ones, is no file of settings.
const MOST_VALUES: usize = 4_000;
const DEEPEST: usize = 64;
/// Longest name that a thing of a document is called by.
const LONGEST_NAME: usize = 80;

/// All single values of a JSON document, by the path to them.
pub(super) fn json(text: &str) -> Option<Vec<Pair>> {
    flat(&serde_json::from_str(text).ok()?)
}

/// The same of a TOML document.
pub(super) fn toml(text: &str) -> Option<Vec<Pair>> {
    let table: toml::Table = text.parse().ok()?;
    flat(&plain(toml::Value::Table(table)))
}

/// The same values as JSON has them; dates and times as they are written.
fn plain(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => {
            serde_json::Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
        }
        toml::Value::Boolean(on) => on.into(),
        toml::Value::Datetime(at) => at.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(plain).collect(),
        toml::Value::Table(fields) => fields
            .into_iter()
            .map(|(key, value)| (key, plain(value)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

/// The same of one or several YAML documents. What an alias stands for is not written out again.
pub(super) fn yaml(text: &str) -> Option<Vec<Pair>> {
    let mut documents: Vec<Value> = Vec::new();
    // The collections that are open; a mapping with the key whose value comes next.
    let mut open: Vec<(Value, Option<String>)> = Vec::new();
    let mut count = 0;
    for event in Parser::new_from_str(text) {
        count += 1;
        if count > 2 * MOST_VALUES || open.len() > DEEPEST {
            return None;
        }
        let value = match event.ok()?.0 {
            Event::MappingStart(..) => {
                open.push((Value::Object(Map::new()), None));
                continue;
            }
            Event::SequenceStart(..) => {
                open.push((Value::Array(Vec::new()), None));
                continue;
            }
            Event::MappingEnd | Event::SequenceEnd => open.pop()?.0,
            Event::Scalar(text, ..) => Value::String(text.into_owned()),
            Event::Alias(_) => Value::String("*alias".into()),
            _ => continue,
        };
        match open.last_mut() {
            None => documents.push(value),
            Some((Value::Array(items), _)) => items.push(value),
            Some((Value::Object(fields), key)) => match key.take() {
                Some(key) => {
                    fields.insert(key, value);
                }
                None => *key = Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
            },
            Some(_) => return None,
        }
    }
    match documents.len() {
        // A file of plain words is YAML, too, but no list of settings.
        1 if documents[0].is_string() => None,
        1 => flat(&documents[0]),
        _ => flat(&Value::Array(documents)),
    }
}

/// The line, from 1, in which a text stops being JSON. What is only too deep or too long is none the worse.
pub(super) fn json_fault(text: &str) -> Option<usize> {
    let error = serde_json::from_str::<serde::de::IgnoredAny>(text).err()?;
    Some(error.line())
}

/// The same of YAML.
pub(super) fn yaml_fault(text: &str) -> Option<usize> {
    let mut deep = 0_usize;
    for (count, event) in Parser::new_from_str(text).enumerate() {
        match event {
            Err(error) => return Some(error.marker().line()),
            Ok((Event::MappingStart(..) | Event::SequenceStart(..), _)) => deep += 1,
            Ok((Event::MappingEnd | Event::SequenceEnd, _)) => deep = deep.saturating_sub(1),
            Ok(_) => {}
        }
        if count > 2 * MOST_VALUES || deep > DEEPEST {
            return None;
        }
    }
    None
}

/// The same of TOML.
pub(super) fn toml_fault(text: &str) -> Option<usize> {
    let error = text.parse::<toml::Table>().err()?;
    let at = error.span().map_or(text.len(), |span| span.start);
    (!error.message().contains("recursion")).then(|| line_of(text, at))
}

/// The same of XML.
pub(super) fn xml_fault(text: &str) -> Option<usize> {
    let mut reader = Reader::from_str(text);
    let (mut deep, mut seen) = (0_usize, false);
    loop {
        match reader.read_event() {
            Err(_) => {
                return Some(line_of(
                    text,
                    usize::try_from(reader.error_position()).unwrap_or(text.len()),
                ));
            }
            Ok(Xml::Eof) => return (deep > 0 || !seen).then(|| line_of(text, text.trim_end().len())),
            Ok(Xml::Start(_)) => (deep, seen) = (deep + 1, true),
            Ok(Xml::Empty(_)) => seen = true,
            Ok(Xml::End(_)) => deep = deep.saturating_sub(1),
            Ok(_) => {}
        }
        if deep > DEEPEST {
            return None;
        }
    }
}

/// The line, from 1, of the byte at `at`.
fn line_of(text: &str, at: usize) -> usize {
    let before = &text.as_bytes()[..at.min(text.len())];
    1 + before.iter().filter(|b| **b == b'\n').count()
}

/// The single values of a document; a list of plain values is one setting with several, a list of things goes by their names.
fn flat(document: &Value) -> Option<Vec<Pair>> {
    let mut found = Vec::new();
    walk(document, "", 0, &mut found)?;
    Some(found)
}

fn walk(value: &Value, path: &str, deep: usize, into: &mut Vec<Pair>) -> Option<()> {
    if deep > DEEPEST || into.len() > MOST_VALUES {
        return None;
    }
    let below = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
    };
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                walk(value, &below(key), deep + 1, into)?;
            }
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                if item.is_object() || item.is_array() {
                    let own = identity(item).unwrap_or_else(|| place.to_string());
                    walk(item, &below(&own), deep + 1, into)?;
                } else {
                    walk(item, if path.is_empty() { "item" } else { path }, deep + 1, into)?;
                }
            }
        }
        Value::String(text) => into.push((path.to_owned(), text.clone())),
        other => into.push((path.to_owned(), other.to_string())),
    }
    Some(())
}

/// What a thing in a list is called, so that its place there does not matter.
fn identity(item: &Value) -> Option<String> {
    ["name", "id", "key", "job_name", "host", "alias", "path"]
        .iter()
        .find_map(|field| item.get(field)?.as_str())
        .filter(|name| name.len() <= LONGEST_NAME)
        .map(|name| format!("[{name}]"))
}

/// All attributes and texts of an XML document, by the names of the elements around them.
pub(super) fn xml(text: &str) -> Option<Vec<Pair>> {
    let mut reader = Reader::from_str(text);
    let mut found = Vec::new();
    let mut path: Vec<String> = Vec::new();
    // Where the values of each open element begin among those found.
    let mut begins: Vec<usize> = Vec::new();
    let mut words = String::new();
    loop {
        if path.len() > DEEPEST || found.len() > MOST_VALUES {
            return None;
        }
        match reader.read_event().ok()? {
            Xml::Start(element) => {
                words.clear();
                begins.push(found.len());
                path.push(open(&element, &path, &mut found)?);
            }
            Xml::Empty(element) => {
                open(&element, &path, &mut found)?;
            }
            Xml::Text(text) => words.push_str(&text.xml_content(XmlVersion::Implicit1_0)),
            Xml::CData(text) => words.push_str(&text),
            Xml::GeneralRef(reference) => {
                let known = quick_xml::escape::resolve_predefined_entity(&reference);
                words.push_str(known.unwrap_or("?"));
            }
            Xml::End(_) => {
                let value = words.trim();
                if !value.is_empty() {
                    found.push((path.join("."), value.to_owned()));
                }
                words.clear();
                call(&path.join("."), &mut found, begins.pop()?);
                path.pop();
            }
            Xml::Eof => break,
            _ => {}
        }
    }
    path.is_empty().then_some(found)
}

/// Calls the element at `path` by the name that one of its own gives the value of another, as attributes do
/// (`<property><name>k</name><value>v</value></property>`). Its values begin at `from`.
fn call(path: &str, found: &mut Vec<Pair>, from: usize) {
    let place = |is: fn(&str) -> bool| {
        let field = |pair: &Pair| pair.0.strip_prefix(path)?.strip_prefix('.').map(is);
        found[from..].iter().position(|pair| field(pair) == Some(true))
    };
    let (Some(name), Some(_)) = (place(is_name_field), place(is_value_field)) else {
        return;
    };
    if found[from + name].1.len() > LONGEST_NAME {
        return;
    }
    let (_, called) = found.remove(from + name);
    for (key, _) in &mut found[from..] {
        key.insert_str(path.len(), &format!("[{called}]"));
    }
}

/// Notes the attributes of an element; gives its own part of the path, with what it is called by.
fn open(element: &BytesStart, path: &[String], found: &mut Vec<Pair>) -> Option<String> {
    let mut attributes = Vec::new();
    for attribute in element.attributes() {
        let attribute = attribute.ok()?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
        attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
    }
    let mut own = element.name().as_ref().to_owned();
    let called = attributes
        .iter()
        .position(|(key, _)| matches!(key.as_str(), "name" | "id" | "key"));
    if let Some(place) = called {
        own = format!("{own}[{}]", attributes.remove(place).1);
    }
    let full: String = path.iter().chain([&own]).cloned().collect::<Vec<_>>().join(".");
    found.extend(
        attributes
            .into_iter()
            .map(|(key, value)| (format!("{full}@{key}"), value)),
    );
    Some(own)
}
