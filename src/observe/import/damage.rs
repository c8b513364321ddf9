//! Every reader of files against what files may hold: no panic, one line a fault, no secret, bounded memory.

use super::{
    Item,
    tests::{CORPUS, read_bytes},
};

/// Most that a small file may become.
const MOST: usize = 8 << 20;

/// Reads, and looks at what every reading must keep to.
fn look(folder: &std::path::Path, name: &str, bytes: &[u8], secrets: &[&str]) -> (Vec<Item>, Vec<String>) {
    let (_, items, faults) = read_bytes(folder, name, bytes);
    for fault in &faults {
        assert_eq!(fault.lines().count(), 1, "{name}: {fault:?}");
        assert!(
            fault.len() < 2_000 && !fault.chars().any(char::is_control),
            "{name}: {fault:?}"
        );
    }
    if !secrets.is_empty() {
        let shown = format!("{items:?}{faults:?}");
        assert!(shown.len() < MOST, "{name}: {} bytes", shown.len());
        for secret in secrets {
            assert!(!shown.contains(secret), "{name}: {secret}");
        }
    }
    (items, faults)
}

#[test]
fn every_file_cut_off_at_every_byte_is_told_or_read() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, _, _) in CORPUS {
        for end in 0..text.len() {
            let (items, faults) = look(folder.path(), name, &text.as_bytes()[..end], &[]);
            // What is cut off in the middle is never taken for a whole by a reader of JSON.
            if name.ends_with(".json") && end > 0 && end < text.trim_end().len() {
                assert!(!faults.is_empty(), "{name} cut at {end}: {items:?}");
            }
        }
    }
}

#[test]
fn every_byte_replaced_by_what_is_no_text_is_told_or_read() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, _, _) in CORPUS {
        for at in (0..text.len()).step_by(3) {
            for byte in [0xff, 0, b'{', b'\n', b'"'] {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] = byte;
                look(folder.path(), name, &bytes, &[]);
            }
        }
    }
}

#[test]
fn every_file_under_the_name_of_every_other_keeps_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    for (name, ..) in CORPUS {
        for (_, text, _, secrets) in CORPUS {
            look(folder.path(), name, text.as_bytes(), secrets);
        }
    }
}

#[test]
fn ten_thousand_levels_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let deep = 10_000;
    let indented: String = (0..deep).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    for (name, text) in [
        ("a.json", "[".repeat(deep)),
        ("a.json", format!("{}1{}", "{\"a\":".repeat(deep), "}".repeat(deep))),
        ("a.yaml", format!("a: {}{}", "[".repeat(deep), "]".repeat(deep))),
        ("a.yaml", format!("a: {}1{}", "{b: ".repeat(deep), "}".repeat(deep))),
        ("a.yaml", format!("{}1\n", "- ".repeat(deep))),
        ("a.yaml", indented),
        (
            "plan.json",
            format!(
                "{{\"format_version\":\"1.2\",\"resource_drift\":[{}{}]}}",
                "[".repeat(deep),
                "]".repeat(deep)
            ),
        ),
        (
            "a.yaml",
            format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {}{}\n",
                "[".repeat(deep),
                "]".repeat(deep)
            ),
        ),
    ] {
        let (_, faults) = look(folder.path(), name, text.as_bytes(), &[]);
        assert_eq!(faults.len(), 1, "{name}: {}", &text[..20]);
    }
    // JSON within JSON, as what was last applied is.
    let inner = format!("{}{}", "[".repeat(deep), "]".repeat(deep));
    let object = serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": inner, "other": inner}}});
    look(folder.path(), "a.json", object.to_string().as_bytes(), &[]);
}

#[test]
fn bombs_of_anchors_do_not_go_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut lists = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    let mut maps = String::from("m0: &m0 {a: 1, b: 2}\n");
    for level in 1..30 {
        let last = level - 1;
        lists += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{last}"); 10].join(", "));
        maps += &format!("m{level}: &m{level} {{a: *m{last}, b: *m{last}}}\n");
    }
    for text in [lists, maps] {
        let (items, faults) = look(folder.path(), "a.yaml", text.as_bytes(), &[]);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(format!("{items:?}").len() < MOST);
    }
    for text in ["a: &a [*a]\n", "a: *nowhere\n", "&a a: *a\n", "a: &a {b: *a}\n"] {
        look(folder.path(), "a.yaml", text.as_bytes(), &[]);
    }
    let (_, faults) = look(folder.path(), "a.yaml", "- ".repeat(200_000).as_bytes(), &[]);
    assert_eq!(faults.len(), 1);
}

#[test]
fn keys_that_come_twice_and_formats_to_come_are_told() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, says) in [
        (
            "a.json",
            r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","name":"b"}}"#,
            "comes twice",
        ),
        (
            "a.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  name: b\n",
            "comes twice",
        ),
        ("a.json", r#"{"format_version":"9.0","resource_drift":[]}"#, "9.0"),
        (
            "a.json",
            r#"{"version":99,"serial":1,"lineage":"x","resources":[]}"#,
            "99",
        ),
        (
            "a.yaml",
            "--- !ruby/object:Puppet::Transaction::Report\nreport_format: 99\nhost: h\nresource_statuses: {}\n",
            "99",
        ),
    ] {
        let (_, faults) = look(folder.path(), name, text.as_bytes(), &[]);
        assert_eq!(faults.len(), 1, "{text}: {faults:?}");
        assert!(faults[0].contains(says), "{text}: {faults:?}");
    }
}
