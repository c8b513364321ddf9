//! The console in a real terminal.

use crate::support::{Home, Terminal, soon};

fn open(home: &Home, rows: u16, columns: u16, environment: &[(&str, &str)]) -> Terminal {
    let mut terminal = home.terminal(rows, columns, &["--interval", "200ms"], environment);
    terminal.until_shows("metrics");
    terminal
}

#[test]
fn every_screen_opens_on_live_data_and_q_leaves_the_terminal_whole() {
    for (rows, columns) in [(24, 80), (40, 120)] {
        let home = Home::new();
        let mut terminal = open(&home, rows, columns, &[]);
        for (key, name) in [
            ("2", "[2 Resource]"),
            ("3", "[3 Forecast]"),
            ("4", "[4 Proposals]"),
            ("5", "[5 What-if]"),
            ("6", "[6 Timeline]"),
            ("7", "[7 Audit]"),
            ("1", "[1 Overview]"),
        ] {
            terminal.keys(key);
            terminal.until(name, |screen| {
                screen.contains(name) && screen.contains("NEXT") && screen.lines().any(|line| line.contains("q quit"))
            });
        }
        terminal.keys("?");
        terminal.until_shows("KEYS EVERYWHERE");
        // On its own: with a key right behind it, Esc would be that key with Alt.
        terminal.keys("\u{1b}");
        terminal.until("the help to close", |screen| !screen.contains("KEYS EVERYWHERE"));
        terminal.keys("q");
        assert!(terminal.end().success());
        assert!(
            !terminal.screen().alternate_screen(),
            "the alternate screen was left on"
        );
        assert!(!terminal.screen().hide_cursor(), "the cursor was left hidden");
        assert!(!terminal.screen().bracketed_paste(), "bracketed paste was left on");
    }
}

#[test]
fn no_size_is_refused() {
    let home = Home::new();
    let mut terminal = open(&home, 24, 80, &[]);
    for (rows, columns) in [(5, 20), (1, 1), (12, 40), (60, 250), (24, 80)] {
        terminal.resize(rows, columns);
        terminal.keys("2345671 jk");
    }
    // This terminal forgot what the small sizes cut off: all of it must have been drawn again.
    terminal.until("all rows", |screen| {
        screen.starts_with("foreshadow ")
            && screen.contains("[1 Overview]")
            && screen.contains("HOSTS ")
            && screen.contains("NEXT ")
            && screen.contains("q quit")
    });
    terminal.keys("q");
    assert!(terminal.end().success());
}

#[test]
fn without_colour_nothing_is_coloured_and_ascii_is_ascii() {
    let home = Home::new();
    let mut terminal = open(&home, 24, 80, &[("NO_COLOR", "1"), ("LC_ALL", "C")]);
    for key in ["2", "3", "4", "5", "6", "7"] {
        terminal.keys(key);
        terminal.until_shows(&format!("[{key} "));
    }
    terminal.keys("q");
    assert!(terminal.end().success());
    assert!(terminal.raw.is_ascii(), "bytes beyond ASCII were sent");
    let text = String::from_utf8_lossy(&terminal.raw);
    for part in text.split("\u{1b}[").skip(1) {
        let Some(end) = part.find(|c: char| c.is_ascii_alphabetic()) else {
            continue;
        };
        let colour = |code: &str| matches!(code.parse::<u16>(), Ok(30..=38 | 40..=48 | 90..=97 | 100..=107));
        assert!(
            !part[end..].starts_with('m') || !part[..end].split(';').any(colour),
            "a colour: {:?}",
            &part[..=end]
        );
    }
}

#[test]
fn a_panic_gives_the_terminal_back_and_says_what_happened() {
    for place in ["ui", "worker"] {
        let home = Home::new();
        let mut terminal = open(&home, 24, 80, &[("FORESHADOW_PANIC", place)]);
        let status = terminal.end();
        assert!(!status.success(), "{place}");
        assert!(!terminal.screen().alternate_screen(), "{place}");
        assert!(terminal.text().contains("panic"), "{place}: {}", terminal.text());
    }
}

fn listens(home: &Home) -> bool {
    std::os::unix::net::UnixStream::connect(home.socket()).is_ok()
}

#[test]
fn a_second_console_attaches_to_the_first_ones_engine() {
    let home = Home::new();
    let first = open(&home, 24, 80, &[]);
    // Until it listens the second one would start an engine of its own.
    soon("an engine", || listens(&home));
    let mut second = home.terminal(24, 80, &[], &[]);
    second.until_shows("settings");
    let (_, status, _) = home.run(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(
        status["engine"]["pid"].as_u64(),
        Some(u64::from(first.child.id())),
        "{status}"
    );
    second.keys("q");
    assert!(second.end().success());
}

#[test]
fn an_engine_that_ends_is_told_at_once_and_taken_again_when_it_is_back() {
    let home = Home::new();
    home.config("interval = \"200ms\"\n");
    let mut engine = home.engine(&[]);
    // Until it listens the console would start one of its own.
    soon("an engine", || listens(&home));
    let mut terminal = home.terminal(24, 80, &[], &[]);
    // With data its clock stands there.
    let live = |screen: &str| {
        screen
            .lines()
            .next()
            .is_some_and(|row| row.contains("LIVE ") && row.contains(":") && !row.contains("--:"))
    };
    terminal.until("live data", |screen| live(screen) && screen.contains("load.1 "));
    for in_order in [false, true] {
        if in_order {
            assert!(engine.terminate().success());
        } else {
            engine.kill();
        }
        terminal.until("GONE", |screen| {
            screen.lines().next().is_some_and(|row| row.contains("GONE "))
        });
        terminal.until_shows("engine gone, data as of");
        assert!(terminal.text().contains("load.1 "), "{}", terminal.text());
        engine = home.engine(&[]);
        terminal.until("live data again", live);
    }
    engine.kill();
    terminal.until_shows(" GONE ");
    terminal.keys(":engine\r");
    terminal.until("an engine of its own", live);
    terminal.keys("q");
    assert!(terminal.end().success());
}

#[test]
fn a_filter_and_a_paste_are_text_and_nothing_else() {
    let home = Home::new();
    let mut terminal = open(&home, 24, 80, &[]);
    terminal.keys("2");
    terminal.until_shows("[2 Resource]");
    // A paste outside an input line is dropped, whatever keys it holds.
    terminal.keys("\u{1b}[200~q7:quit\r\u{1b}[201~");
    terminal.keys("/");
    terminal.keys("mem.\r");
    terminal.until_shows("mem.");
    terminal.keys(":");
    terminal.keys("no-such-command\r");
    terminal.until_shows("no-such-command");
    terminal.keys("q");
    assert!(terminal.end().success());
}
