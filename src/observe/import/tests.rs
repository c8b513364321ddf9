//! Files in, items out.

use std::path::Path;

use proptest::prelude::*;

use super::{Format, Item, read};

const KEY: [u8; 32] = [7; 32];

/// A small file of each format, its name, and words that must never come out of it.
pub(super) const CORPUS: &[(&str, &str, Format, &[&str])] = &[
    (
        "plan.json",
        r#"{"format_version":"1.2","terraform_version":"1.9.0","planned_values":{},"resource_drift":[
{"address":"aws_db_instance.a","type":"aws_db_instance","change":{"actions":["update"],
"before":{"password":"hunter2x","size":1,"hidden":"marked-value"},"after":{"password":"hunter3x","size":2,"hidden":"marked-other"},
"after_unknown":{},"before_sensitive":{"hidden":true},"after_sensitive":{"hidden":true}}}],
"resource_changes":[{"address":"a.b","type":"a","change":{"actions":["create"],"before":null,"after":{"x":1},"after_unknown":{"id":true}}}],
"configuration":{}}"#,
        Format::TerraformPlan,
        &["hunter", "marked"],
    ),
    (
        "state.tfstate",
        r#"{"version":4,"terraform_version":"1.9.0","serial":1,"lineage":"x","resources":[{"mode":"managed","type":"t","name":"n",
"instances":[{"attributes":{"secret_key":"hunter2x","s":"marked-value"},"sensitive_attributes":[[{"type":"get_attr","value":"s"}]]}]}]}"#,
        Format::TerraformState,
        &["hunter", "marked"],
    ),
    (
        "run.json",
        r#"{"plays":[{"tasks":[{"task":{"name":"t"},"hosts":{"h":{"changed":true,"path":"/a","diff":[
{"before":"password = hunter2x\n","after":"password = hunter3x\n"}]}}}]}],"stats":{}}"#,
        Format::Ansible,
        &["hunter"],
    ),
    (
        "report.json",
        r#"{"config_report":{"host":"h","logs":[{"log":{"level":"notice","messages":{"message":"{\"changed\": true}"},"sources":{"source":"t"}}}]}}"#,
        Format::Ansible,
        &[],
    ),
    (
        "objects.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {k: hunter2x}\ndata: {j: aHVudGVyM3g=}\n---\napiVersion: apps/v1\n\
kind: Deployment\nmetadata: {name: b}\nspec:\n  template:\n    spec:\n      containers:\n      - name: c\n        env:\n        - &e {name: API_TOKEN, value: hunter2x}\n",
        Format::Kubernetes,
        &["hunter", "aHVudGVy"],
    ),
    (
        "objects.json",
        r#"{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},
"data":{"url":"postgres://app:hunter2x@db/x"}}]}"#,
        Format::Kubernetes,
        &["hunter"],
    ),
    (
        "report.yaml",
        "--- !ruby/object:Puppet::Transaction::Report\nreport_format: 10\nhost: h\nlogs: []\nmetrics: {}\nresource_statuses:\n  \"User[a]\":\n    \
resource: \"User[a]\"\n    events:\n    - {property: password, previous_value: hunter2x, desired_value: hunter3x, status: success}\n",
        Format::Puppet,
        &["hunter"],
    ),
    (".env", "A=1\nDB_PASSWORD=hunter2x\n", Format::Env, &["hunter"]),
    (
        "values.yaml",
        "replicas: 2\ndb:\n  password: hunter2x\n",
        Format::Settings,
        &["hunter"],
    ),
];

pub(super) fn read_bytes(folder: &Path, name: &str, bytes: &[u8]) -> (Option<Format>, Vec<Item>, Vec<String>) {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    let (mut items, mut faults) = (Vec::new(), Vec::new());
    let format = read(&path, None, &KEY, &mut |item| items.push(item), &mut |fault| {
        faults.push(fault.to_string())
    });
    (format, items, faults)
}

#[test]
fn every_format_is_known_by_its_content_and_keeps_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, format, secrets) in CORPUS {
        let (found, items, faults) = read_bytes(folder.path(), name, text.as_bytes());
        assert_eq!((found, faults), (Some(*format), Vec::new()), "{name}");
        assert!(!items.is_empty(), "{name}");
        let shown = format!("{items:?}");
        for secret in *secrets {
            assert!(!shown.contains(secret), "{name}: {secret} in {shown}");
        }
    }
}

#[test]
fn what_is_wrong_is_one_fault_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, expected) in [
        (
            "a.json",
            &b"{\"format_version\": \"1.2\",\n\"resource_drift\": [{\"address\""[..],
            "2:29: cut off",
        ),
        (
            "a.json",
            b"{\"format_version\": \"2.0\", \"resource_changes\": []}",
            "format 2.0",
        ),
        (
            "a.json",
            b"{\"version\": 5, \"serial\": 1, \"lineage\": \"x\"}",
            "version 5",
        ),
        (
            "a.json",
            b"{\"a\": 1,\n \"a\": 2}",
            "2: the key `a` comes twice; the last one counts",
        ),
        ("a.json", b"{\"a\": \n nonsense}", "2:3: not JSON"),
        (
            "a.json",
            b"{\"resource_changes\": \"hunter2\"}",
            "string \"…\", expected a list at `resource_changes`",
        ),
        ("a.yaml", b"a: 1\nb: \xff\xfe\n", "2: not UTF-8"),
        (
            "a.json",
            b"{\"version\": 4, \"serial\": 1,\n \"x\": \xff\xfe}",
            "2: not UTF-8",
        ),
        ("a.yaml", b"a: 1\nb: [1, 2\n", "not YAML"),
        (
            "a.yaml",
            b"a: 1\nb: 2\na: 3\n",
            "3: the key `a` comes twice; the last one counts",
        ),
        (
            ".env",
            b"A=1\nB=2\nA=3\nA=4\n",
            "3: the key `A` comes twice; the last one counts",
        ),
        (
            "a.json",
            b"{\"b\": {\"a\": 1, \"a\": 2}}",
            "the key `a` comes twice; the last one counts",
        ),
        ("plan", b"PK\x03\x04zip", "terraform show -json"),
        ("a.gz", b"\x1f\x8b\x08", "compressed"),
        ("a.yaml", b"\xff\xfea\0", "UTF-16"),
        ("a.bin", b"ab\0cd", "binary"),
        ("a.yaml", b"", "empty"),
        ("a.json", b" \n\t\n", "empty"),
        (
            "a.yaml",
            b"kind: ConfigMap\napiVersion: v1\n",
            "an object without a name (ConfigMap): passed over",
        ),
        (
            "a.json",
            b"{\"kind\": \"List\", \"items\": [{\"kind\": \"Ingress\", \"apiVersion\": \"v1\"}]}",
            "an object without a name (Ingress): passed over",
        ),
        (
            "a.json",
            b"{\"plays\": [], \"stats\": 3}",
            "`stats` is not what Ansible writes there",
        ),
        (
            "a.json",
            b"{\"plays\": [{\"tasks\": [{\"hosts\": {\"h\": [1, 2]}}]}], \"stats\": {}}",
            "`hosts` is not what Ansible writes there",
        ),
        ("a.json", b"{\"plays\": 3, \"stats\": {}}", "expected an object"),
        ("a.txt", b"just words\n", "1: neither settings nor a report"),
    ] {
        let (_, _, faults) = read_bytes(folder.path(), name, bytes);
        assert_eq!(faults.len(), 1, "{name}: {faults:?}");
        assert!(faults[0].contains(expected), "{name}: {faults:?} has no {expected}");
        assert_eq!(faults[0].lines().count(), 1);
    }
    let deep = [
        b"{\"version\": 4, \"serial\": 1, \"resources\": ",
        "[".repeat(10_000).as_bytes(),
        "]".repeat(10_000).as_bytes(),
        b"}",
    ]
    .concat();
    let (_, _, faults) = read_bytes(folder.path(), "deep.json", &deep);
    assert!(faults[0].contains("nested too deep"), "{faults:?}");
}

#[test]
fn what_has_a_wrong_type_is_told_with_the_line_of_the_first_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let good = r#"{"address":"a.good","type":"a","change":{"actions":["update"],"before":{"x":1},"after":{"x":2}}}"#;
    let object = r#"{"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "good"}}"#;
    for (name, text, read, said) in [
        (
            "a.json",
            "{\"format_version\": {\"a\": 1}, \"resource_drift\": []}".to_owned(),
            0,
            " `format_version` is no version; formats 0 and 1 are known",
        ),
        (
            "a.json",
            format!(
                "{{\"format_version\": \"1.2\", \"resource_drift\": [{good},\n{{\"address\": \"a.b\", \"type\": \"a\"}},\nnull, {good}]}}"
            ),
            2,
            "2: 2 pieces of `resource_drift` passed over: not a change of a resource",
        ),
        (
            "a.json",
            format!(
                "{{\"format_version\": \"1.2\",\n\"resource_changes\": [{},{good}]}}",
                good.replace("update", "frobnicate")
            ),
            1,
            "2: 1 piece of `resource_changes` passed over: not a change of a resource",
        ),
        (
            "a.tfstate",
            "{\"version\": 4, \"serial\": 1, \"resources\": [\n{\"type\": \"a\", \"name\": \"b\", \"instances\": \"x\"},
            {\"type\": \"a\", \"name\": \"good\", \"instances\": [{\"attributes\": {\"x\": 1}}]}]}"
                .to_owned(),
            1,
            "2: 1 piece of `resources` passed over: not a resource",
        ),
        (
            "a.json",
            format!("{{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [{object},\n1, null, \"x\", {{}}, {object}]}}"),
            2,
            "2: 4 pieces of `items` passed over: not an object of Kubernetes",
        ),
        (
            "a.yaml",
            format!("apiVersion: v1\nkind: List\nitems:\n- {object}\n- 3\n- {{nonsense: 1}}\n"),
            1,
            "1: 2 pieces of `items` passed over: not an object of Kubernetes",
        ),
        (
            "a.yaml",
            "host: h\nreport_format: \"x\"\nresource_statuses: []\n".to_owned(),
            0,
            "1: `report_format` is no number; formats 0 to 12 are known",
        ),
        (
            "a.yaml",
            "host: h\nreport_format: 12\nresource_statuses: {\"File[a]\": 3, \"File[c]\": {events: [{status: noop}]}, \"File[d]\": {}}\n"
                .to_owned(),
            1,
            "1: 1 piece of `resource_statuses` passed over: not what Puppet writes there",
        ),
        (
            "a.yaml",
            "host: h\nreport_format: 12\nresource_statuses: {\"File[b]\": {events: x}}\n".to_owned(),
            0,
            "1: 1 piece of `events` passed over: not what Puppet writes there",
        ),
        (
            "a.json",
            "{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"c\"},\n\"data\": {\"a\": \"1\",\n\"a\": \"2\"}}"
                .to_owned(),
            1,
            "3: the key `a` comes twice; the last one counts",
        ),
    ] {
        let (_, items, faults) = read_bytes(folder.path(), name, text.as_bytes());
        assert_eq!(faults, [said], "{text}");
        assert_eq!(items.len(), read, "{text}: {items:?}");
    }
}

#[test]
fn of_a_key_that_comes_twice_the_last_one_counts_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("a.json", "{\"a\": {\"k\": 1, \"k\": 2}}"),
        ("a.yaml", "a:\n  k: 1\n  k: 2\n"),
        ("a.env", "k=1\nk=2\n"),
    ] {
        let (_, items, faults) = read_bytes(folder.path(), name, text.as_bytes());
        let shown = format!("{items:?}");
        assert!(
            faults.len() == 1 && shown.contains("\"k\"") && !shown.contains("Int(1)") && !shown.contains("\"1\""),
            "{shown}"
        );
    }
    let plan = r#"{"format_version":"1.2","resource_drift":[{"address":"a.old","type":"a","change":{"actions":["delete"],"before":{"x":1},"after":null}}],
        "resource_drift":[{"address":"a.new","type":"a","change":{"actions":["delete"],"before":{"x":1},"after":null}}]}"#;
    let (_, items, faults) = read_bytes(folder.path(), "plan.json", plan.as_bytes());
    let shown = format!("{items:?}{faults:?}");
    assert!(
        shown.contains("a.new") && !shown.contains("a.old") && faults.len() == 1,
        "{shown}"
    );
}

#[test]
fn what_did_not_come_to_its_end_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, says) in [
        (
            "plan.json",
            r#"{"format_version":"1.2","errored":true,"resource_changes":[]}"#,
            "not judged",
        ),
        (
            "plan.json",
            r#"{"format_version":"1.2","complete":false,"resource_changes":[]}"#,
            "not judged",
        ),
        (
            "run.json",
            r#"{"plays":[],"stats":{"db1":{"unreachable":1,"failures":0}}}"#,
            "1 host unreachable (db1): not judged",
        ),
        (
            "report.json",
            r#"{"host":"h","status":"failed","report_format":12,"logs":[],"metrics":{},"resource_statuses":{}}"#,
            "not judged",
        ),
    ] {
        let (_, _, faults) = read_bytes(folder.path(), name, text.as_bytes());
        assert!(faults.len() == 1 && faults[0].contains(says), "{faults:?}");
    }
    let calm = r#"{"format_version":"1.2","errored":false,"complete":true,"resource_changes":[]}"#;
    assert!(read_bytes(folder.path(), "plan.json", calm.as_bytes()).2.is_empty());
}

#[test]
fn a_file_that_is_encrypted_is_one_secret() {
    let folder = tempfile::tempdir().unwrap();
    let vault = "$ANSIBLE_VAULT;1.1;AES256\n62313365396662613933373733\n";
    for name in ["vars.yml", "vars", "vars.env"] {
        let (format, items, faults) = read_bytes(folder.path(), name, vault.as_bytes());
        assert_eq!((format, faults), (Some(Format::Settings), Vec::new()));
        let shown = format!("{items:?}");
        assert!(
            items.len() == 1 && shown.contains("secret#") && !shown.contains("6231"),
            "{shown}"
        );
    }
}

#[test]
fn a_format_that_is_not_the_wanted_one_hands_nothing_over() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, format, _) in CORPUS {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        for wanted in [Format::TerraformPlan, Format::Kubernetes, Format::Settings] {
            let (mut items, mut faults) = (0, Vec::new());
            let found = read(&path, Some(wanted), &KEY, &mut |_| items += 1, &mut |fault| {
                faults.push(fault.what)
            });
            if *format == wanted {
                assert_eq!((found, faults.len()), (Some(wanted), 0), "{name}");
            } else {
                assert!(
                    items == 0 && faults.len() == 1 && faults[0].contains(", not "),
                    "{name}: {faults:?}"
                );
            }
        }
    }
}

/// A manifest that is not held: larger than what is read at once, in long lines and short, with letters of several bytes anywhere.
fn large(end: &str) -> Vec<u8> {
    let (value, filler) = ("ä→😀 x".repeat(1 << 13), "ä→😀 x".repeat(1 << 16));
    let mut text = String::from("\u{feff}# one\n---\napiVersion: v1\nkind: List\nitems:\n");
    for number in 0..30 {
        text += &format!(
            "- apiVersion: v1\n  kind: ConfigMap\n  metadata: {{name: m{number}}}\n  data: {{k: '{value}'}}\n# {filler}\n"
        );
    }
    text += end;
    text.into_bytes()
}

#[test]
fn a_large_document_is_streamed_and_what_follows_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let next = "---\napiVersion: v1\nkind: Service\nmetadata: {name: last}\n";
    let text = large(next);
    assert!(text.len() as u64 > super::AT_ONCE);
    let (format, items, faults) = read_bytes(folder.path(), "all.yaml", &text);
    assert_eq!((format, faults), (Some(Format::Kubernetes), Vec::new()));
    assert_eq!(items.len(), 31);
    let Item::Document(document, _) = &items[29] else {
        panic!("a document")
    };
    let value = document.tree.at(&["data", "k"]).and_then(crate::domain::Tree::as_str);
    assert_eq!(value.map(str::len), Some("ä→😀 x".len() << 13));

    // What is wrong near its end is told with its line, and the next document is read.
    let (_, items, faults) = read_bytes(folder.path(), "all.yaml", &large(&format!("broken: [1\n{next}")));
    assert_eq!((items.len(), faults.len()), (31, 1), "{faults:?}");
    assert!(faults[0].starts_with("15"), "{faults:?}");
    let mut no_text = large("k: x");
    no_text.extend_from_slice(b"\xff\n");
    no_text.extend_from_slice(next.as_bytes());
    let (_, items, faults) = read_bytes(folder.path(), "all.yaml", &no_text);
    // The item before it may have had more.
    assert_eq!(items.len(), 30);
    assert!(matches!(&items[29], Item::Document(document, _) if &*document.name == "last"));
    assert_eq!(faults, ["156: not UTF-8 text"]);
}

#[test]
fn a_value_that_would_fill_the_memory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("a: {}\n---\nb: 1\n", "x".repeat(20 << 20));
    let (_, items, faults) = read_bytes(folder.path(), "a.yaml", text.as_bytes());
    assert_eq!(items.len(), 1);
    assert_eq!(faults, ["1: no value ends within 16 MiB"]);
}

#[test]
fn a_byte_order_mark_before_json_of_any_size_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    for filler in [1, 17 << 20] {
        let text = format!(
            "\u{feff}{{\"filler\":\"{}\",\"format_version\":\"1.2\",\"resource_drift\":[{{\"address\":\"a.b\",\"type\":\"a\",
            \"change\":{{\"actions\":[\"update\"],\"before\":{{\"x\":1}},\"after\":{{\"x\":2}}}}}}]}}",
            "x".repeat(filler)
        );
        let (format, items, faults) = read_bytes(folder.path(), "plan.json", text.as_bytes());
        assert_eq!((format, items.len()), (Some(Format::TerraformPlan), 1), "{faults:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Cut, doubled and overwritten anywhere: told or read, and never a secret.
    #[test]
    fn a_damaged_file_is_told_or_read(which in 0..CORPUS.len(), at in 0usize..700, with in prop::collection::vec(any::<u8>(), 0..4), cut in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let (name, text, _, _) = CORPUS[which];
        let mut bytes = text.as_bytes().to_vec();
        let at = at.min(bytes.len());
        if cut {
            bytes.truncate(at);
        }
        bytes.splice(at..at, with);
        let (_, _, faults) = read_bytes(folder.path(), name, &bytes);
        for fault in faults {
            prop_assert_eq!(fault.lines().count(), 1);
        }
    }
}
