//! YAML documents as trees, one after the other, whatever a file tries.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::BufRead,
};

use saphyr_parser::{Event, Input, Parser, ScalarStyle};

use super::{
    AT_ONCE, Fault,
    json::utf8,
    stream::{Chars, Pieces, Stream},
};
use crate::domain::Tree;

/// Deepest nesting.
pub(super) const DEEPEST: usize = 200;
/// Most values of a document, those that aliases stand for counted each time, and so many bytes of text as one more.
pub(super) const MOST_VALUES: usize = 2_000_000;
const BYTES_A_VALUE: usize = 64;

/// How many values a text counts as.
pub(super) fn weight(text: &str) -> usize {
    1 + text.len() / BYTES_A_VALUE
}

/// How many values a tree counts as.
fn size(tree: &Tree) -> usize {
    1 + match tree {
        Tree::Map(fields) => fields.iter().map(|(key, value)| weight(key) + size(value)).sum(),
        Tree::List(items) => items.iter().map(size).sum(),
        Tree::Text(text) => weight(text) - 1,
        _ => 0,
    }
}

/// What is said of a document, or a piece of one, that is larger.
pub(super) fn too_many(of: &str) -> String {
    format!("more than {MOST_VALUES} values in one {of}, {BYTES_A_VALUE} bytes of text counted as one")
}

/// A collection that is open.
struct Open {
    tree: Tree,
    /// The key whose value comes next.
    key: Option<Box<str>>,
    /// Mappings of `<<`, whose keys count where there are none of the same name.
    merged: Vec<Tree>,
    anchor: usize,
    /// How many values were read before it.
    before: usize,
}

/// Is told each value in a collection that stands at an outermost key of a document: that key, its own key in a map, and the value; gives
/// what of it is to be held. So a list of any length is gone through item by item.
pub(super) type Part<'p> = dyn FnMut(&str, Option<&str>, Tree) -> Option<Tree> + 'p;

/// Calls `each` with the documents of a text and the line they begin on, one after the other: of a large one no more is held than its
/// values. What is wrong goes to `fault`; a document that is wrong is left out, and those behind it are read.
pub(super) fn documents(
    source: impl BufRead,
    part: &mut Part<'_>,
    each: &mut dyn FnMut(Tree, usize),
    fault: &mut dyn FnMut(Fault),
) {
    let mut pieces = Pieces::of(source);
    let mut held = Vec::new();
    while !pieces.over {
        let before = pieces.number;
        held.clear();
        pieces.begin();
        while held.len() < AT_ONCE as usize && pieces.next(&mut held) {}
        if held.len() < AT_ONCE as usize {
            if pieces.says {
                match utf8(&held) {
                    Ok(text) => read(
                        Parser::new_from_str(text),
                        before,
                        &Stream::default(),
                        part,
                        each,
                        fault,
                    ),
                    Err(told) => fault(told.behind(before)),
                }
            }
        } else {
            let stream = Stream::default();
            let chars = Chars::new(std::mem::take(&mut held), before, &mut pieces, &stream);
            read(Parser::new_from_iter(chars), before, &stream, part, each, fault);
            if let Some(told) = stream.fault.take() {
                fault(told);
            }
            // What follows that which broke it off.
            while pieces.next(&mut held) {
                held.clear();
            }
        }
        if let Some(error) = pieces.error.take() {
            return fault(Fault::of_file(error.to_string()));
        }
    }
}

/// Reads one document, which is what `parser` tells of; `before` lines stand before it.
fn read<'t>(
    parser: Parser<'t, impl Input>,
    before: usize,
    stream: &Stream,
    part: &mut Part<'_>,
    each: &mut dyn FnMut(Tree, usize),
    fault: &mut dyn FnMut(Fault),
) {
    let mut reader = Reader::default();
    for event in parser {
        stream.silent.set(0);
        if stream.broken.get() {
            return;
        }
        let (event, span) = match event {
            Ok(event) => event,
            // One line a document: what broke it off has been told.
            Err(_) if reader.broken => return,
            Err(error) => {
                let what = match error.info() {
                    deep if deep.contains("recursion limit") => "nested too deep".to_owned(),
                    other => format!("not YAML: {other}"),
                };
                return fault(Fault::at(before + error.marker().line(), what));
            }
        };
        let line = before + span.start.line();
        match event {
            Event::DocumentStart(_) => {
                reader = Reader {
                    line,
                    ..Reader::default()
                }
            }
            Event::DocumentEnd => {
                let read = std::mem::take(&mut reader);
                if !read.broken
                    && let Some(tree) = read.done
                {
                    each(tree, read.line);
                }
            }
            _ if reader.broken => {}
            event => {
                if let Some(told) = reader.take(event, line, part) {
                    fault(told);
                }
            }
        }
    }
}

#[derive(Default)]
struct Reader {
    line: usize,
    open: Vec<Open>,
    done: Option<Tree>,
    anchors: BTreeMap<usize, (Tree, usize)>,
    /// Keys that came twice, told once each.
    doubled: BTreeSet<Box<str>>,
    values: usize,
    /// Values among them that anchors hold or aliases stood for: they count although a part was handed over.
    kept: usize,
    /// Values of the parts that are held of the collection they stand in.
    parts: usize,
    broken: bool,
}

impl Reader {
    fn take(&mut self, event: Event<'_>, line: usize, part: &mut Part<'_>) -> Option<Fault> {
        let size = match &event {
            Event::Scalar(text, ..) => weight(text),
            _ => 1,
        };
        self.values += size;
        if self.values > MOST_VALUES {
            return self.break_off(line, too_many("document"));
        }
        let (tree, anchor) = match event {
            Event::MappingStart(anchor, _) => return self.begin(Tree::Map(BTreeMap::new()), anchor, line),
            Event::SequenceStart(anchor, _) => return self.begin(Tree::List(Vec::new()), anchor, line),
            Event::MappingEnd | Event::SequenceEnd => {
                let mut open = self.open.pop()?;
                if let Tree::Map(fields) = &mut open.tree {
                    for merged in open.merged {
                        let Tree::Map(merged) = merged else { continue };
                        for (key, value) in merged {
                            fields.entry(key).or_insert(value);
                        }
                    }
                }
                if open.anchor > 0 {
                    let size = self.values - open.before;
                    // What is kept for aliases takes room, too.
                    self.values += size;
                    self.kept += size;
                    self.anchors.insert(open.anchor, (open.tree.clone(), size));
                }
                (open.tree, 0)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let named = tag.as_ref().map(|tag| tag.suffix.as_str());
                // `!ruby/sym info` is text; so is whatever is quoted or tagged.
                let plain =
                    style == ScalarStyle::Plain && matches!(named, None | Some("int" | "float" | "bool" | "null"));
                (if plain { plain_scalar(&text) } else { Tree::text(&text) }, anchor)
            }
            Event::Alias(anchor) => {
                let Some((tree, size)) = self.anchors.get(&anchor).cloned() else {
                    return self.break_off(line, "an alias of something that is not there, or contains it".into());
                };
                self.values += size;
                self.kept += size;
                if self.values > MOST_VALUES {
                    return self.break_off(line, format!("aliases stand for more than {MOST_VALUES} values"));
                }
                (tree, 0)
            }
            _ => return None,
        };
        if anchor > 0 {
            self.values += size;
            self.kept += size;
            self.anchors.insert(anchor, (tree.clone(), size));
        }
        self.put(tree, line, part)
    }

    fn begin(&mut self, tree: Tree, anchor: usize, line: usize) -> Option<Fault> {
        if self.open.len() >= DEEPEST {
            return self.break_off(line, format!("nested deeper than {DEEPEST}"));
        }
        if self.open.len() < 2 {
            self.parts = 0;
        }
        self.open.push(Open {
            tree,
            key: None,
            merged: Vec::new(),
            anchor,
            before: self.values,
        });
        None
    }

    fn put(&mut self, mut tree: Tree, line: usize, part: &mut Part<'_>) -> Option<Fault> {
        if let [root, open] = &self.open[..]
            && let Some(outer) = &root.key
            && (open.key.is_some() || matches!(open.tree, Tree::List(_)))
        {
            // Of a part counts what is held of it.
            let rest = part(outer, open.key.as_deref(), tree);
            self.parts += rest.as_ref().map_or(0, size);
            self.values = open.before + self.kept + self.parts;
            let Some(rest) = rest else {
                self.open.last_mut()?.key = None;
                return None;
            };
            tree = rest;
        }
        let Some(open) = self.open.last_mut() else {
            self.done = Some(tree);
            return None;
        };
        match &mut open.tree {
            Tree::List(items) => items.push(tree),
            Tree::Map(fields) => match open.key.take() {
                None => {
                    let key = tree
                        .scalar()
                        .unwrap_or_else(|| serde_json::to_string(&tree).unwrap_or_default());
                    open.key = Some(key.into());
                }
                Some(key) if &*key == "<<" => match tree {
                    Tree::List(items) => open.merged.extend(items),
                    tree => open.merged.push(tree),
                },
                Some(key) => {
                    if fields.insert(key.clone(), tree).is_some() && self.doubled.insert(key.clone()) {
                        return Some(Fault::twice_at(line, &key));
                    }
                }
            },
            _ => {}
        }
        None
    }

    fn break_off(&mut self, line: usize, what: String) -> Option<Fault> {
        self.broken = true;
        self.open.clear();
        self.anchors.clear();
        Some(Fault::at(line, what))
    }
}

/// The value of a plain scalar as the tools of this trade read it (YAML 1.1 booleans and octals, as go-yaml and PyYAML do).
fn plain_scalar(text: &str) -> Tree {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Tree::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Tree::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Tree::Bool(false),
        _ => {}
    }
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let based = |digits: &str, base| {
        i64::from_str_radix(digits, base)
            .ok()
            .filter(|_| !digits.starts_with(['+', '-']))
    };
    let int = match digits.as_bytes() {
        [b'0', b'x', ..] => based(&digits[2..], 16),
        [b'0', b'o', ..] => based(&digits[2..], 8),
        [b'0', _, ..] if digits.bytes().all(|b| b.is_ascii_digit()) => based(digits, 8),
        [b'0'..=b'9', ..] => based(digits, 10),
        _ => None,
    };
    if let Some(int) = int {
        return Tree::Int(sign * int);
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'))
        && text.bytes().any(|b| b.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    match text.parse::<f64>() {
        Ok(float) if numeric && float.is_finite() && (text.contains(['.', 'e', 'E'])) => Tree::Float(float),
        _ => Tree::text(text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> (Vec<serde_json::Value>, Vec<String>) {
        let (mut trees, mut faults) = (Vec::new(), Vec::new());
        documents(
            text.as_bytes(),
            &mut |_, _, tree| Some(tree),
            &mut |tree, _| trees.push(serde_json::to_value(&tree).unwrap()),
            &mut |fault| faults.push(format!("{}: {}", fault.line.unwrap_or(0), fault.what)),
        );
        (trees, faults)
    }

    #[test]
    fn yaml_of_the_wild_is_read() {
        let (trees, faults) = read(
            "a: &x {b: 1}\nc: *x\nd:\n  <<: *x\n  e: 0644\nf: &x on\ng: *x\nh: '5'\ni: 1.10.2\nj: 1e3\n---\n---\n- !ruby/sym info\n- !!binary aGk=\n",
        );
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(
            trees[0],
            json!({"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1, "e": 420}, "f": true, "g": true, "h": "5", "i": "1.10.2", "j": 1000.0})
        );
        assert_eq!(trees.last().unwrap(), &json!(["info", "aGk="]));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let (trees, faults) = read("a: 1\nb: 2\na: 3\n");
        assert_eq!(trees, vec![json!({"a": 3, "b": 2})]);
        assert_eq!(faults, ["3: the key `a` comes twice; the last one counts"]);
        let (trees, faults) = read("a: 1\n---\nb: [1\n");
        assert_eq!(trees, vec![json!({"a": 1})]);
        assert!(faults[0].contains("not YAML"), "{faults:?}");
        let deep = format!("a: 1\n---\n{}\n---\nb: 2\n", "[".repeat(10_000) + &"]".repeat(10_000));
        let (trees, faults) = read(&deep);
        assert!(!trees.is_empty() && !faults.is_empty(), "{faults:?}");
        let nested: String = (0..300).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
        let (trees, faults) = read(&format!("{nested}---\nb: 2\n"));
        assert_eq!(
            (trees, faults),
            (vec![json!({"b": 2})], vec!["201: nested deeper than 200".to_owned()])
        );
    }

    #[test]
    fn documents_behind_one_that_is_broken_are_read() {
        let (trees, faults) = read("%YAML 1.2\n---\na: 1\n---\nb: \"open\n---\n# c\nc: [1\n...\n---\nd: 4\n");
        assert_eq!(trees, [json!({"a": 1}), json!({"d": 4})]);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with(['5', '6']), "{faults:?}");
    }

    #[test]
    fn a_list_is_handed_over_item_by_item() {
        let text = format!("kind: List\nitems:\n{}other: {{a: 1}}\n", "- {a: 1}\n".repeat(100));
        let (mut count, mut held) = (0, Vec::new());
        documents(
            text.as_bytes(),
            &mut |outer, _, tree| {
                if outer != "items" {
                    return Some(tree);
                }
                count += 1;
                None
            },
            &mut |tree, _| held.push(serde_json::to_value(&tree).unwrap()),
            &mut |fault| panic!("{fault:?}"),
        );
        assert_eq!(count, 100);
        assert_eq!(held, [json!({"kind": "List", "items": [], "other": {"a": 1}})]);
    }

    #[test]
    fn of_what_is_gone_through_only_what_is_held_counts() {
        let item = "- {a: 1, b: 2, c: 3, d: 4, e: 5}\n";
        let text = format!("rest: 1\nitems:\n{}", item.repeat(220_000));
        let held = |each: &dyn Fn(Tree) -> Option<Tree>| {
            let (mut trees, mut faults) = (0, 0);
            documents(
                text.as_bytes(),
                &mut |_, _, tree| each(tree),
                &mut |_, _| trees += 1,
                &mut |_| faults += 1,
            );
            (trees, faults)
        };
        assert_eq!(held(&|_| None), (1, 0));
        assert_eq!(held(&|_| Some(Tree::Null)), (1, 0));
        assert_eq!(held(&Some), (0, 1));
    }

    #[test]
    fn a_text_that_aliases_repeat_does_not_fill_the_memory() {
        let text = format!("a: &a {}\n{}", "x".repeat(1 << 20), "k: *a\n".repeat(1_000));
        let (trees, faults) = read(&text);
        assert!(
            trees.is_empty() && faults.last().unwrap().contains("aliases stand for more than"),
            "{faults:?}"
        );
        // Each level keeps what the ones within it keep.
        let nested = format!("{}{}{}", "&a {a: ".repeat(150), "x".repeat(1 << 20), "}".repeat(150));
        let numbered: String = (0..150).fold(nested, |text, level| text.replacen("&a ", &format!("&a{level} "), 1));
        let (trees, faults) = read(&numbered);
        assert!(trees.is_empty() && faults.len() == 1, "{faults:?}");
    }

    #[test]
    fn a_bomb_does_not_go_off() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let alias = format!("*a{}", level - 1);
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 9].join(", ")));
        }
        let (trees, faults) = read(&bomb);
        assert!(trees.is_empty());
        assert!(faults[0].contains("more than 2000000 values"), "{faults:?}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[-a-c:\\[\\]{}&*!|>'\" \n#0-9<.]{0,80}") {
            let _ = read(&text);
        }
    }
}
