//! What of a file is told, and what is only hashed.

use super::*;

#[test]
fn one_line_of_no_known_format_is_kept_as_a_hash() {
    let tree = Tree::new();
    let files = [
        ("myapp/users", "admin:pw12345x\n"),
        ("myapp/restic", "Sup3rS3cret!\n"),
        ("myapp/who", "login;admin;password;topsecret99\n"),
        ("myapp/key", "#Sup3rS3cret!\n"),
    ];
    for (name, text) in files {
        tree.write(&format!("etc/{name}"), text);
    }
    tree.write("etc/timezone", "Europe/Berlin\n");
    let read = || tree.read(&mut Etc::new(&tree.host(), &Witness::default()), 0).unwrap();
    let batch = read();
    let shown = |batch: &Batch, name: &str| setting(batch, name).map(|value| value.to_string());
    for (name, text) in files {
        let content = shown(&batch, &format!("etc.{name}:content")).unwrap();
        assert!(
            content.starts_with("blake3 ") || content.starts_with("secret#"),
            "{name}: {content}"
        );
        let plain = blake3::hash(text.as_bytes()).to_hex();
        assert!(!content.contains(&plain[..16]), "{name}: it could be guessed");
        assert_eq!(shown(&batch, &format!("etc.{name}:line")), None);
    }
    assert_eq!(shown(&batch, "etc.timezone:line").as_deref(), Some("Europe/Berlin"));
    tree.write("etc/myapp/users", "admin:pw12345y\n");
    assert_ne!(
        shown(&read(), "etc.myapp/users:content"),
        shown(&batch, "etc.myapp/users:content")
    );
}

#[test]
fn a_file_of_comments_sets_nothing_until_it_does() {
    let tree = Tree::new();
    let files = [
        ("default/locale", "# File generated\n"),
        ("fstab", "# UNCONFIGURED\n"),
        ("pam.d/other", "# PAM\n"),
        ("hostname", "# none\n"),
        ("systemd/timesyncd.conf", "#  Comment\n\n[Time]\n#NTP=\n"),
        ("ssh/sshd_config", "#Port 22\n"),
    ];
    for (name, text) in files {
        tree.write(&format!("etc/{name}"), text);
    }
    let mut source = Etc::new(&tree.host(), &Witness::default());
    let batch = tree.read(&mut source, 0).unwrap();
    assert_eq!(batch.snapshots[0].settings.as_ref().unwrap().len(), files.len());
    tree.write("etc/systemd/timesyncd.conf", "[Time]\nNTP=a.example\n");
    tree.write("etc/ssh/sshd_config", "#Port 2222\n");
    let batch = tree.read(&mut source, 60).unwrap();
    let changes: Vec<&str> = batch.changes.iter().map(|change| &*change.id.name).collect();
    assert_eq!(changes, ["etc.systemd/timesyncd.conf:Time.NTP"]);
}

#[test]
fn a_share_in_fstab_is_told_without_its_password() {
    let tree = Tree::new();
    tree.write("etc/fstab", "//nas/x /mnt cifs ro,user=a,password=hunter2,vers=3 0 0\n");
    let batch = tree.read(&mut Etc::new(&tree.host(), &Witness::default()), 0).unwrap();
    let told = serde_json::to_string(&batch).unwrap();
    assert!(
        setting(&batch, "etc.fstab:/mnt").is_some() && !told.contains("hunter2"),
        "{told}"
    );
}

#[test]
fn too_many_files_are_told_with_where_most_lie() {
    let tree = Tree::new();
    let mut source = Etc::new(&tree.host(), &Witness::default());
    let found = |path: &str| (path.to_owned(), PathBuf::new(), fs::metadata(tree.path("")).unwrap());
    let files = [
        found("a/b"),
        found("huge/1"),
        found("huge/x/2"),
        found("huge/3"),
        found("c"),
    ];
    source.cut = Some(fullest(&files));
    let why = source.verdict().unwrap_err().to_string();
    assert_eq!(
        why,
        "partly: etc: too many files, most in /etc/huge; only the first 0 are watched"
    );
}

#[test]
fn a_value_of_xml_is_told_and_hidden_by_the_name_beside_it() {
    let tree = Tree::new();
    let property =
        |name: &str, value: &str| format!("<property><name>{name}</name><value>{value}</value></property>\n");
    let all = property("hive.exec.parallel", "true") + &property("javax.jdo.option.ConnectionPassword", "hunter2x");
    tree.write(
        "etc/hive/hive-site.xml",
        format!("<configuration>\n{all}</configuration>\n"),
    );
    let batch = tree.read(&mut Etc::new(&tree.host(), &Witness::default()), 0).unwrap();
    let told = |name: &str| {
        setting(
            &batch,
            &format!("etc.hive/hive-site.xml:configuration.property[{name}].value"),
        )
    };
    assert_eq!(told("hive.exec.parallel"), Some(crate::domain::Value::Bool(true)));
    assert!(matches!(
        told("javax.jdo.option.ConnectionPassword"),
        Some(crate::domain::Value::Secret(_))
    ));
    assert!(!serde_json::to_string(&batch).unwrap().contains("hunter2x"));
}

#[test]
fn settings_that_a_file_declares_are_read_soon_after_it_was_written() {
    let tree = Tree::new();
    tree.write("etc/fstab", "/dev/sda1 / ext4 rw 0 1\n");
    let witness = Witness::default();
    let mut source = Etc::new(&tree.host(), &witness);
    tree.read(&mut source, 0).unwrap();
    let soon = |secs: i64| ["sysctl", "mount"].map(|scope| witness.declared(scope, Timestamp::from_secs(secs)));
    assert_eq!(soon(0), [None; 2]);
    tree.write("etc/sysctl.d/90-x.conf", "vm.swappiness = 10\n");
    tree.read(&mut source, 60).unwrap();
    assert_eq!(soon(60), [Some(Span::from_secs(2)), None]);
    assert_eq!(soon(110), [Some(Span::from_secs(15)), None]);
    // By then whoever wrote it has loaded it, or forgot to.
    assert_eq!(soon(121), [None; 2]);
}

#[test]
fn accounts_are_read_soon_after_their_files_were_written() {
    let tree = Tree::new();
    tree.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    let witness = Witness::default();
    let mut source = Etc::new(&tree.host(), &witness);
    tree.read(&mut source, 0).unwrap();
    tree.write("etc/passwd", "root:x:0:0::/root:/bin/sh\neve:x:0:0::/:/bin/sh\n");
    tree.read(&mut source, 60).unwrap();
    let soon = witness.declared("account", Timestamp::from_secs(0));
    assert_eq!(soon, Some(Span::from_secs(2)));
}
