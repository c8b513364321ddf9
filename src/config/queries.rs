//! The queries of a source: a table of names, or a list of selectors that name themselves.

use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::keys::quoted;
use crate::{domain::text::visible, observe::selected};

/// Name of a metric and how it is asked for, in the order of the file.
pub type Queries = Vec<(Arc<str>, Arc<str>)>;

/// Most queries.
const MOST: usize = 200;
/// Longest name and longest query, bytes.
const LONGEST: (usize, usize) = (120, 4_000);

/// Reads them.
///
/// # Errors
/// What is wrong with one of them, to be put behind the key's name; `None` when it is neither table nor list.
pub fn read(value: &DeValue<'_>) -> Result<Queries, Option<String>> {
    let mut queries = Queries::new();
    match value {
        DeValue::Table(table) => named(table, "", &mut queries)?,
        DeValue::Array(list) => {
            for one in list {
                let query = one.get_ref().as_str().ok_or(None)?;
                let name = selected(query).ok_or_else(|| {
                    Some(format!(
                        " has `{}`, which is more than a selector and needs a name: NAME = \"PROMQL\"",
                        short(query)
                    ))
                })?;
                add(name.into(), query, &mut queries)?;
            }
        }
        _ => return Err(None),
    }
    Ok(queries)
}

/// A name with dots that is not quoted is a table in a table.
fn named(table: &DeTable<'_>, prefix: &str, queries: &mut Queries) -> Result<(), Option<String>> {
    for (key, value) in table {
        let name = format!("{prefix}{}", key.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) => named(inner, &format!("{name}."), queries)?,
            DeValue::String(query) => add(name, query, queries)?,
            _ => {
                return Err(Some(format!(
                    ".{} must be a query in PromQL, as a text",
                    visible(&name)
                )));
            }
        }
    }
    Ok(())
}

fn add(name: String, query: &str, queries: &mut Queries) -> Result<(), Option<String>> {
    let wrong = if query.trim().is_empty() || query.len() > LONGEST.1 {
        Some(format!("must be a query of 1 to {} bytes", LONGEST.1))
    } else if name.is_empty() || name.len() > LONGEST.0 || name.contains(char::is_control) {
        Some(format!("must have a name of 1 to {} printable bytes", LONGEST.0))
    } else if queries.iter().any(|(other, _)| **other == *name) {
        Some("stands there twice".into())
    } else if queries.len() >= MOST {
        Some(format!("is one more than the {MOST} that are taken"))
    } else {
        None
    };
    if let Some(wrong) = wrong {
        return Err(Some(format!(".{} {wrong}", short(&name))));
    }
    queries.push((name.into(), query.into()));
    Ok(())
}

fn short(text: &str) -> String {
    visible(text).chars().take(60).collect()
}

/// A line for each, as it is written in a table of its own.
pub fn shown(queries: &Queries) -> String {
    let lines: Vec<String> = queries
        .iter()
        .map(|(name, query)| format!("{} = {}", quoted(name), quoted(query)))
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    fn queries(text: &str) -> Result<Vec<(String, String)>, String> {
        match parse(text.as_bytes(), "f", &[]) {
            Ok((options, _)) => Ok((options.prometheus.queries.iter())
                .map(|(name, query)| (name.to_string(), query.to_string()))
                .collect()),
            Err(faults) => Err(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
        }
    }

    #[test]
    fn a_table_and_a_list_are_two_ways_to_write_one_thing() {
        let pair = |name: &str, query: &str| (name.to_owned(), query.to_owned());
        let table = "[sources.prometheus.queries]\nload = \"node_load1\"\ncpu.busy_pct = \"1 - a\"\n\"fs.{mountpoint}.x\" = \"b\"\n";
        let wanted = [
            pair("load", "node_load1"),
            pair("cpu.busy_pct", "1 - a"),
            pair("fs.{mountpoint}.x", "b"),
        ];
        assert_eq!(queries(table).unwrap(), wanted);
        let list = "sources.prometheus.queries = [\"up\", \"x{a='b'}\"]";
        assert_eq!(queries(list).unwrap(), [pair("up", "up"), pair("x", "x{a='b'}")]);
        assert_eq!(queries("sources.prometheus.queries = {}").unwrap(), []);
    }

    #[test]
    fn what_is_no_query_is_one_line() {
        for (text, says) in [
            ("queries = 3", "must be a table"),
            ("queries = [\"rate(x[5m])\"]", "needs a name"),
            ("queries = [\"up\", \"up\"]", "twice"),
            ("queries = { a = 1 }", "queries.a must be a query"),
            ("queries = { a = \" \" }", "queries.a must be a query"),
            ("url = \"http://user:hunter2@host\"", "no user in it"),
            ("url = \"ftp://host\"", "http://HOST"),
            ("tokenfile = \"x\"", "did you mean sources.prometheus.token_file?"),
        ] {
            let told = queries(&format!("[sources.prometheus]\n{text}\n")).unwrap_err();
            assert!(told.lines().count() == 1 && told.contains(says), "{text}: {told}");
            assert!(!told.contains("hunter2"));
        }
        let told = queries("[source.prometheus]\nurl = \"http://h\"\n").unwrap_err();
        assert!(told.contains("did you mean sources.prometheus.url?"), "{told}");
    }
}
