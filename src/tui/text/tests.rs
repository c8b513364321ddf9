//! Texts in cells, and times in words.

use proptest::prelude::*;

use super::*;

#[test]
fn of_a_sentence_whole_parts_are_kept() {
    assert_eq!(clauses("a b; c d", 8), "a b; c d");
    assert_eq!(clauses("a b; c d", 7), "a b");
    assert_eq!(clauses("a b c; d", 4), "a b~");
    assert_eq!(clauses("", 0), "");
}

#[test]
fn a_unit_alone_is_no_name() {
    let names = [
        "fs./var/lib/containers.used_pct",
        "cpu.steal_pct",
        "process.haproxy.rss",
    ];
    let fitted = fit_names(&names, 11);
    assert!(fitted[0].contains('~') && fitted[0].contains("used"), "{fitted:?}");
    assert_eq!(fitted[2], "haproxy.rss");
}

#[test]
fn a_word_longer_than_a_line_is_not_lost() {
    assert_eq!(wrap("see https://a.b/c d", 6), ["see", "https:", "//a.b/", "c d"]);
    assert_eq!(wrap("東", 1), ["~"]);
    assert_eq!(wrap("  aa bb", 6), ["  aa", "  bb"]);
    assert_eq!(wrap("now 12 %, then", 8), ["now", "12 %,", "then"]);
}

#[test]
fn what_goes_on_behind_a_label_is_set_in() {
    assert_eq!(
        hanging("now    12 % of all that", 20),
        ["now    12 % of all", "       that"]
    );
    assert_eq!(hanging("no label here at all", 10), ["no label", "here at", "all"]);
    assert_eq!(
        hanging("apk   never   2 ms   no such log here", 32),
        ["apk   never   2 ms   no such log", "                     here"]
    );
    assert_eq!(hanging("", 10), [""]);
}

#[test]
fn a_word_of_a_megabyte_is_broken_while_one_waits() {
    let word = "x".repeat(1 << 20);
    assert_eq!(wrap(&word, 64).len(), (1 << 20) / 64);
    // A letter with a megabyte of marks that combine with it takes one cell.
    let marked = format!("e{} f", "\u{301}".repeat(1 << 19));
    assert_eq!(wrap(&marked, 64).len(), 1);
    assert!(cut(&format!("{marked}{word}"), 8).ends_with(" fxxxx~"));
    // Per cent signs all belong to the number before them.
    assert_eq!(wrap(&"% ".repeat(1 << 20), 64).len(), (1 << 21) / 64);
}

#[test]
fn a_sign_takes_the_cells_that_terminals_give_it() {
    // Told to be a picture it would be two cells to some terminals and one to others: that is not told.
    assert_eq!(
        (width("\u{2764}\u{fe0f}"), cut("\u{2764}\u{fe0f}x", 2)),
        (1, "\u{2764}x".to_owned())
    );
    assert_eq!((width("\u{1f525}"), fit("\u{1f525}!", 3)), (2, "\u{1f525}!".to_owned()));
}

proptest! {
    #[test]
    fn any_text_fits_exactly(text in ".{0,30}", cells in 0usize..40) {
        prop_assert_eq!(fit(&text, cells).width(), cells);
        prop_assert_eq!(fit_right(&text, cells).width(), cells);
        prop_assert_eq!(fit_name(&text, cells).width(), cells);
        prop_assert_eq!(fit_value(&format!("a/{text}:1.2"), cells).width(), cells);
        prop_assert!(!fit(&text, cells).chars().any(char::is_control));
    }

    #[test]
    fn wrapped_lines_are_never_too_wide(text in "[ a-z東]{0,60}", cells in 1usize..20) {
        prop_assert!(wrap(&text, cells).iter().all(|line| line.width() <= cells));
    }

    #[test]
    fn nothing_is_lost_in_wrapping(text in "\\PC{0,60}", cells in 2usize..20) {
        let lines = wrap(&text, cells);
        prop_assert!(lines.iter().all(|line| line.width() <= cells), "{lines:?}");
        let kept = |text: &str| -> String { shown(text).chars().filter(|c| *c != ' ').collect() };
        prop_assert_eq!(kept(&lines.concat()), kept(&text));
    }
}

#[test]
fn what_is_cut_says_so() {
    assert_eq!(fit("web-01.example", 6), "web-0~");
    assert_eq!(fit("東京", 3), "東~");
    assert_eq!(fit("東京", 2), "~ ");
    assert_eq!(fit_right("7", 3), "  7");
    assert_eq!(fit("x\u{1b}[2J", 12), "x\\u{1b}[2J  ");
}

#[test]
fn a_long_name_keeps_its_telling_ends() {
    assert_eq!(fit_name("psi.memory.some_pct", 18), "psi.memory.some~  ");
    assert_eq!(fit_name("net.eth0.rx_bytes_per_s", 18), "net.eth0.rx_bytes~");
    assert_eq!(fit_name("etc.sysctl.d/61-fstest.conf", 18), "etc.sy~fstest.conf");
    assert_eq!(fit_name("mem.used_pct", 14), "mem.used_pct  ");
    assert_eq!(fit_name("東京東京東京", 10), "東~京東京 ");
    assert_eq!(fit_name("available_pct", 7), "availa~");
    assert_eq!(fit_name("(all 266 metrics)", 12), "(all 266 me~");
}

#[test]
fn of_an_image_the_tag_stays() {
    let image = |width| fit_value("registry.example/team/app:1.24.3", width);
    assert_eq!(
        [5, 7, 9, 20].map(image),
        ["1.24~", "~1.24.3", "~1.24.3  ", "registr~m/app:1.24.3"]
    );
    assert_eq!(image(40).trim_end(), "registry.example/team/app:1.24.3");
    for (text, cut) in [
        ("1.0.0+git-2019", "1.0.0+gi~"),
        ("1:7.2-3+deb12u1", "1:7.2-3+~"),
        ("sha256:0123456789ab", "sha256:0~"),
        ("2026-11-23T10:22:33", "2026-11-~"),
        ("http://localhost:8080", "http://l~"),
        ("a sentence: with:words", "a senten~"),
    ] {
        assert_eq!(fit_value(text, 9), cut);
    }
}

#[test]
fn names_of_one_family_stay_apart() {
    let names = ["fs./.used_pct", "fs./dev/shm.used_pct", "disk.vda.queue", "load.1"];
    assert_eq!(
        telling(&names),
        ["/.used_pct", "/dev/shm.used_pct", "vda.queue", "load.1"]
    );
    assert_eq!(telling(&["a.b", "a.b"]), ["a.b", "a.b"]);
    let fitted = fit_names(&["mem.committed_bytes", "mem.committed_pct", "mem.free_pct"], 12);
    assert_ne!(fitted[0], fitted[1]);
    assert!(fitted.iter().all(|name| width(name) == 12), "{fitted:?}");
    let names = ["service.cron.starts_1h", "net.eth0.tx_packets_per_s", "mem.used_pct"];
    assert_eq!(
        fit_names(&names, 16),
        ["cron.starts_1h  ", "eth0.tx_packets~", "mem.used_pct    "]
    );
}

#[test]
fn times_say_as_much_as_is_needed() {
    let now: Timestamp = "2026-03-14T14:32:00Z".parse().unwrap();
    let at = |text: &str| when(text.parse().unwrap(), now);
    assert_eq!(at("2026-03-14T09:05:59Z"), "09:05");
    assert_eq!(at("2026-03-12T09:05:00Z"), "12 Mar 09:05");
    assert_eq!(at("2025-12-31T09:05:00Z"), "31 Dec 2025 09:05");
    assert_eq!(clock(now), "14:32:00");
    assert_eq!(
        local_times("peers  2 hold 4, web-1 first at 2026-03-14T09:05:59Z; T 2026 x", now),
        "peers  2 hold 4, web-1 first at 09:05; T 2026 x"
    );
}

#[test]
fn a_beginning_known_to_a_minute_or_more_is_a_span() {
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    let now = at("2026-03-14T14:32:00Z");
    let said = |earliest: &str, latest: &str| began(Some(at(earliest)), at(latest), now);
    assert_eq!(said("2026-03-14T14:30:00Z", "2026-03-14T14:32:00Z"), "14:30-14:32");
    assert_eq!(said("2026-03-14T14:29:59Z", "2026-03-14T14:30:01Z"), "14:30");
    assert_eq!(
        said("2026-03-12T14:00:00Z", "2026-03-12T14:30:01Z"),
        "12 Mar 14:00-14:30"
    );
    assert_eq!(
        said("2026-03-13T23:59:00Z", "2026-03-14T00:02:00Z"),
        "13 Mar 23:59-00:02"
    );
    assert_eq!(began(None, now, now), "14:32");
}

#[test]
fn thousands_are_grouped() {
    assert_eq!(grouped(0), "0");
    assert_eq!(grouped(412), "412");
    assert_eq!(grouped(3_184), "3,184");
    assert_eq!(grouped(1_000_000), "1,000,000");
}
