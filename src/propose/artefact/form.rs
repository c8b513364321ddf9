//! How files in `/etc` write a setting, for those in which it is a line (`observe::etc` reads them).

use super::sed::{Deed, address, append, delete, literal, replace};

/// Words that may stand around a value: in either quotes, in those of SQL, in none.
const EITHER: &str = r#"["']?"#;
const SINGLE: &str = "'?";
const NONE: &str = "";

/// How a value is written anew.
enum Written {
    /// As it is, in the quotes that are there.
    Kept(String),
    /// With quotes of its own, or none.
    Whole(String),
}

/// The line of a setting, by extended regular expressions.
#[derive(Debug)]
pub(super) struct Form {
    /// The lines that it may be among, as sed addresses them; empty for all.
    within: String,
    /// What stands before the value, and how many groups are in it.
    head: String,
    groups: usize,
    /// What parts it from the value.
    gap: &'static str,
    quotes: &'static str,
    /// What stands behind the value.
    tail: &'static str,
    /// What stands behind it on a line that holds nothing else.
    end: &'static str,
    /// Whether the same line may belong to another setting: it must be there once and no more.
    once: bool,
    /// Behind which line a new one comes, and what it says before and behind the value.
    add: Option<(String, String, &'static str)>,
    write: fn(&str) -> Option<Written>,
    /// What a value is with the key in its place, where that is not before it.
    line: fn(&str, &str) -> Option<String>,
    key: String,
}

/// A script, and a pattern that must be found in so many lines for it to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Script {
    pub text: String,
    /// The pattern, and whether it must be there once; else it must not be there.
    pub guard: Option<(String, bool)>,
}

impl Form {
    fn of(key: &str, gap: &'static str) -> Self {
        Self {
            within: String::new(),
            head: format!(r"\s*{}", literal(key)),
            groups: 0,
            gap,
            quotes: NONE,
            tail: r"\s*",
            end: r"\s*",
            once: false,
            add: None,
            write: |value| Some(Written::Kept(value.into())),
            line: |_, value| Some(value.into()),
            key: key.into(),
        }
    }

    /// The script that does `deed`; `None` where a person has to.
    pub fn script(&self, deed: &Deed) -> Option<Script> {
        let line = |value: &str| (self.line)(&self.key, value);
        let q = self.quotes;
        match deed {
            Deed::Replace(was, wants) if was.is_empty() || wants.is_empty() => None,
            Deed::Replace(was, wants) => {
                let (was, wants) = (line(was)?, line(wants)?);
                let [before, was, wants, behind] = apart(&was, &wants);
                let word = |word: &&str| format!("{q}{}{q}", literal(word));
                let before: String = before.iter().map(|one| word(one) + r"\s+").collect();
                let behind: String = behind.iter().map(|one| r"\s+".to_owned() + &word(one)).collect();
                let (head, tail) = (
                    format!("{}{}{before}", self.head, self.gap),
                    format!("{behind}{}", self.tail),
                );
                let (was, wants) = (literal(&was.join(" ")), wants.join(" "));
                let (pattern, wants) = match (self.write)(&wants)? {
                    Written::Kept(wants) => (format!("^({head}{q}){was}({q}{tail})$"), wants),
                    Written::Whole(wants) => (format!("^({head}){q}{was}{q}({tail})$"), wants),
                };
                Some(Script {
                    text: replace(&self.within, &pattern, (1, self.groups + 2), &wants)?,
                    guard: self.once.then_some((pattern, true)),
                })
            }
            Deed::Delete(was) => {
                let was = line(was)?;
                // A word that stands alone has no value.
                let gap = if was.is_empty() && self.gap == r"\s+" {
                    ""
                } else {
                    self.gap
                };
                let pattern = format!("^{}{gap}{q}{}{q}{}$", self.head, literal(&was), self.end);
                Some(Script {
                    text: delete(&self.within, &pattern)?,
                    guard: self.once.then_some((pattern, true)),
                })
            }
            Deed::Add(wants) => {
                let (at, before, behind) = self.add.as_ref()?;
                let (Written::Kept(wants) | Written::Whole(wants)) = (self.write)(&line(wants)?)?;
                let line = format!("{before}{wants}{behind}");
                // In a section others may have the same key.
                let there = match self.head == r"\s*" || at != "$" {
                    true => format!(r"^\s*{}\s*$", literal(&line)),
                    false => format!(r"^{}(\s|=|:|$)", self.head),
                };
                Some(Script {
                    text: append(at, line.trim_end()),
                    guard: Some((there, false)),
                })
            }
        }
    }
}

/// The words that two values begin with, those that differ, and those they end with: what need not be written is left as it is.
fn apart<'a>(was: &'a str, wants: &'a str) -> [Vec<&'a str>; 4] {
    let words = |text: &'a str| -> Vec<&'a str> { text.split_whitespace().collect() };
    let (mut was, mut wants) = (words(was), words(wants));
    if was.len() != wants.len() {
        return [Vec::new(), was, wants, Vec::new()];
    }
    let before = alike(was.iter().zip(&wants)).min(was.len().saturating_sub(1));
    let behind = alike(was[before..].iter().rev().zip(wants[before..].iter().rev()));
    let behind = behind.min((was.len() - before).saturating_sub(1));
    let end = was.len() - behind;
    let last = was.split_off(end);
    wants.truncate(end);
    let (was_here, wants_here) = (was.split_off(before), wants.split_off(before));
    [was, was_here, wants_here, last]
}

/// Pairs of the same words, up to the first that are not.
fn alike<'w>(pairs: impl Iterator<Item = (&'w &'w str, &'w &'w str)>) -> usize {
    pairs.take_while(|(a, b)| a == b).count()
}

/// The forms in which the file `path` below `/etc` may write `key`, of which one fits; empty where a person has to edit it.
pub(super) fn forms(path: &str, key: &str) -> Vec<Form> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    let below = |folder: &str| path.starts_with(folder) || path.contains(&format!("/{folder}"));
    let at_end = |before: String, behind| Some(("$".to_owned(), before, behind));
    if matches!(key, "" | "content" | "line" | "lines" | "order") || key.contains("secret#") {
        return Vec::new();
    }
    let form = match name {
        _ if below("pam.d/") || ends(&[".json", ".yaml", ".yml", ".toml", ".xml"]) => None,
        "fstab" => Some(Form {
            head: r"\s*".into(),
            line: |key, value| {
                Some(format!(
                    "{} {key} {}",
                    value.split_once(' ')?.0,
                    value.split_once(' ')?.1
                ))
            },
            add: at_end(String::new(), ""),
            ..Form::of(key, "")
        }),
        "crypttab" => Some(Form {
            add: at_end(format!("{key} "), ""),
            ..Form::of(key, r"\s+")
        }),
        "nsswitch.conf" => Some(Form {
            add: at_end(format!("{key}: "), ""),
            ..Form::of(key, r"\s*:\s*")
        }),
        // The first rule that fits decides: nobody knows the place of a new one.
        "pg_hba.conf" | "pg_ident.conf" => Some(Form::of(key, r"\s+")),
        "postgresql.conf" | "postgresql.auto.conf" => simple(key).then(|| postgresql(key)),
        _ if path.starts_with("postgresql/") && ends(&[".conf"]) => simple(key).then(|| postgresql(key)),
        _ if below("haproxy/") && ends(&[".cfg"]) => haproxy(key),
        _ if below("nginx/") => nginx(key),
        _ if below("apache2/") || below("httpd/") => {
            let directive = key.rsplit('.').next().unwrap_or(key);
            simple(directive).then(|| Form {
                once: true,
                ..Form::of(directive, r"\s+")
            })
        }
        _ if below("redis/") || below("valkey/") => simple(key).then(|| Form {
            quotes: EITHER,
            add: at_end(format!("{key} "), ""),
            ..Form::of(key, r"\s+")
        }),
        // The first line of a key counts, and what follows `Match` is of that alone: nobody knows the place of a new one.
        _ if path.starts_with("ssh/") => simple(key).then(|| Form {
            within: r"0,/^\s*(Match|Host)\s/".into(),
            quotes: EITHER,
            ..Form::of(key, r"\s+")
        }),
        _ if below("modprobe.d/") || below("modules-load.d/") || name == "modules" || ends(&[".list"]) => {
            (key == "entries").then(|| Form {
                head: r"\s*".into(),
                add: at_end(String::new(), ""),
                ..Form::of(key, "")
            })
        }
        _ if path.starts_with("sysctl") => (simple(key) && key.contains(['.', '/'])).then(|| Form {
            head: format!(r"\s*-?{}", literal(key)),
            add: at_end(format!("{key} = "), ""),
            ..Form::of(key, r"\s*=\s*")
        }),
        _ => {
            return assignment(
                path,
                key,
                ends(&[".conf", ".defs", ".cf", ".cfg"]) || ends(&["_config"]),
            );
        }
    };
    form.into_iter().collect()
}

/// A key that is one word of the usual characters.
fn simple(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-./:".contains(c))
}

/// `name = value`, `name value`, with `'` around what is neither a number nor a word.
fn postgresql(key: &str) -> Form {
    let write = |value: &str| {
        let text = value.strip_prefix('-').unwrap_or(value);
        // An address or a version is neither.
        let dots = usize::from(text.starts_with(|c: char| c.is_ascii_digit()));
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c));
        let bare = plain && text.matches('.').count() <= dots;
        Some(match bare {
            true => Written::Kept(value.into()),
            false => Written::Whole(format!("'{}'", value.replace('\'', "''"))),
        })
    };
    Form {
        quotes: SINGLE,
        tail: r"\s*(#.*)?",
        end: r"\s*(#.*)?",
        add: Some(("$".into(), format!("{key} = "), "")),
        write,
        ..Form::of(key, r"\s*=?\s*")
    }
}

/// `section name` on a line of its own, and below it what is its.
fn haproxy(key: &str) -> Option<Form> {
    // What comes in any order.
    const FREE: [&str; 8] = [
        "server", "bind", "timeout", "option", "balance", "mode", "maxconn", "retries",
    ];
    let (section, directive) = key.split_once('.')?;
    let header = format!(r"^\s*{}(\s|$)", literal(section));
    let header = address(&header)?;
    let first = directive.split(' ').next()?;
    Some(Form {
        within: format!("{header},/^[a-z]/"),
        tail: r"(\s+#.*|\s*)",
        end: r"(\s+#.*|\s*)",
        add: FREE.contains(&first).then(|| (header, format!("    {directive} "), "")),
        ..Form::of(directive, r"\s+")
    })
}

/// `directive value;` in blocks: the same line may stand in several.
fn nginx(key: &str) -> Option<Form> {
    let (block, directive) = key.rsplit_once('.').unwrap_or(("", key));
    let named = |name: &str| {
        name.chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    if directive.is_empty() || !named(directive) {
        return None;
    }
    let line = |indent: &str| format!("{indent}{directive} ");
    let add = match block {
        "" => Some(("$".to_owned(), line(""), ";")),
        "events" | "http" => address(&format!(r"^\s*{block}\s*\{{\s*$")).map(|at| (at, line("    "), ";")),
        _ => None,
    };
    Some(Form {
        quotes: EITHER,
        tail: r"\s*;.*",
        end: r"\s*;\s*(#.*)?",
        once: true,
        add,
        // Which of several words stood in quotes is not known.
        write: |value| {
            let plain = |c: char| !c.is_whitespace() && !"\"';{}#\\".contains(c);
            value.chars().all(plain).then(|| Written::Kept(value.into()))
        },
        ..Form::of(directive, r"\s+")
    })
}

/// `key = value` and `export KEY=value`, below `[section]`s; with `words`, also `key value`.
fn assignment(path: &str, key: &str, words: bool) -> Vec<Form> {
    if key.is_empty()
        || !key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-./*:@+ ".contains(c))
    {
        return Vec::new();
    }
    const ASSIGNED: &str = r"\s*=\s*";
    let gap = if words { r"(\s*=\s*|\s+)" } else { ASSIGNED };
    let variable = |name: &str| {
        name.chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    let mut forms = Vec::new();
    if let Some((section, name)) = key.rsplit_once('.')
        && let Some(header) = address(&format!(r"^\s*\[\s*{}\s*]", literal(section)))
    {
        forms.push(Form {
            within: format!(r"{header},/^\s*\[/"),
            quotes: EITHER,
            add: Some((header, format!("{name} = "), "")),
            ..Form::of(name, ASSIGNED)
        });
    }
    if !variable(key) {
        forms.push(Form {
            // What stands above all sections is of none.
            within: r"0,/^\s*\[/".into(),
            quotes: EITHER,
            groups: usize::from(words),
            ..Form::of(key, gap)
        });
        return forms;
    }
    // Read by a shell, or by what reads it as one does.
    forms.push(Form {
        head: format!(r"\s*(export\s+)?{key}"),
        groups: 1,
        quotes: EITHER,
        add: path
            .starts_with("default/")
            .then(|| ("$".into(), format!("{key}="), "")),
        write: |value| {
            let bare = value
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c));
            match bare {
                true => Some(Written::Kept(value.into())),
                false if value.contains(['"', '$', '`', '\\']) => None,
                false => Some(Written::Whole(format!("\"{value}\""))),
            }
        },
        ..Form::of(key, ASSIGNED)
    });
    forms
}
