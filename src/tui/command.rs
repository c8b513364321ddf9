//! The command line: one table of names, arguments, keys and deeds, from which `:`, completion, palette and help are made.

mod complete;
mod deed;
mod named;
mod time;

pub use complete::{candidates, complete};

use crate::tui::state::{Effect, State, Tag};

/// A command of the `:` line.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// Its name.
    pub name: &'static str,
    /// What follows the name; empty when nothing does. Optional parts in brackets.
    pub args: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    /// The key that does the same; empty when none does.
    pub key: &'static str,
    /// Does it with the rest of the line, trimmed.
    run: fn(&mut State, &str) -> Vec<Effect>,
    /// Words that may stand behind those typed already.
    words: fn(&State, &[&str]) -> Vec<String>,
}

impl Command {
    /// Whether it can run without anything behind its name.
    #[must_use]
    pub fn runs_alone(&self) -> bool {
        self.args.is_empty() || self.args.starts_with('[')
    }
}

const fn command(
    name: &'static str,
    args: &'static str,
    key: &'static str,
    help: &'static str,
    run: fn(&mut State, &str) -> Vec<Effect>,
    words: fn(&State, &[&str]) -> Vec<String>,
) -> Command {
    Command {
        name,
        args,
        help,
        key,
        run,
        words,
    }
}

/// All commands, in the order of the help.
pub const COMMANDS: &[Command] = &[
    command("overview", "", "1", "what is off now", deed::overview, deed::nothing),
    command(
        "resource",
        "[HOST]",
        "2",
        "one metric against its shadow",
        deed::resource,
        deed::hosts,
    ),
    command(
        "forecast",
        "",
        "3",
        "when limits are reached",
        deed::forecast,
        deed::nothing,
    ),
    command(
        "proposals",
        "",
        "4",
        "what should be changed",
        deed::proposals,
        deed::nothing,
    ),
    command(
        "whatif",
        "[CHANGE]",
        "5",
        "what a change would do",
        deed::what_if,
        deed::settings,
    ),
    command(
        "timeline",
        "",
        "6",
        "what happened, in which order",
        deed::timeline,
        deed::nothing,
    ),
    command(
        "audit",
        "",
        "7",
        "who did what, and the shadow's health",
        deed::audit,
        deed::nothing,
    ),
    command("go", "HOST", "", "opens a host on screen 2", deed::go, deed::hosts),
    command(
        "metric",
        "NAME",
        "",
        "opens a metric, or a setting, on screen 2",
        deed::metric,
        deed::metrics,
    ),
    command(
        "at",
        "TIME",
        "[ ]",
        "the world at 13:00, -2h, or a date with time",
        deed::at,
        deed::times,
    ),
    command("now", "", "0", "back to now", deed::now, deed::nothing),
    command(
        "freeze",
        "",
        "f",
        "holds the screen still, or lets it go on",
        deed::freeze,
        deed::nothing,
    ),
    command(
        "filter",
        "[TEXT]",
        "/",
        "filters the lists; without text shows all",
        deed::filter,
        deed::nothing,
    ),
    command(
        "limit",
        "VALUE|off [low|high]",
        "",
        "the limit of the metric chosen here",
        deed::limit,
        deed::sides,
    ),
    command(
        "mute",
        "NAME [2h]",
        "",
        "raises no finding about it for a while; * matches any",
        deed::mute,
        deed::metrics,
    ),
    command(
        "note",
        "TEXT",
        "n on 6",
        "keeps a note on the timeline",
        deed::note,
        deed::nothing,
    ),
    command(
        "explain",
        "[NAME]",
        "x",
        "where the number chosen here, or another, comes from",
        deed::explain,
        deed::metrics,
    ),
    command(
        "baseline",
        "diff | accept NAME|all",
        "",
        "shows what differs; accepts it, or where a metric went",
        deed::baseline,
        deed::accepted,
    ),
    command(
        "import",
        "FILE...",
        "",
        "lists what files of other tools say is not as declared",
        deed::import,
        deed::nothing,
    ),
    command(
        "export",
        "md FILE | csv|json|parquet WHAT FILE",
        "e",
        "writes this screen (md) or a table to a new file",
        deed::export,
        deed::tables,
    ),
    command(
        "sql",
        "STATEMENT",
        "",
        "runs a statement that only reads",
        deed::sql,
        deed::nothing,
    ),
    command(
        "store",
        "[retry]",
        "",
        "how the store is; tries it again",
        deed::store,
        deed::retry,
    ),
    command(
        "speed",
        "N|max|hold",
        "P",
        "plays the recording N times as fast as it happened",
        deed::speed,
        deed::speeds,
    ),
    command(
        "compact",
        "",
        "",
        "writes the store anew without holes",
        deed::compact,
        deed::nothing,
    ),
    command(
        "engine",
        "",
        "",
        "attaches to an engine again, or starts one here when none runs",
        deed::engine,
        deed::nothing,
    ),
    command(
        "theme",
        "NAME",
        "",
        "auto, dark, light, contrast, mono, or one of yours",
        deed::theme,
        deed::themes,
    ),
    command(
        "charset",
        "ascii|utf8",
        "",
        "which characters are drawn",
        deed::charset,
        deed::charsets,
    ),
    command("redraw", "", "ctrl-l", "draws all again", deed::redraw, deed::nothing),
    command("help", "", "?", "the keys of this screen", deed::help, deed::nothing),
    command("quit", "", "q", "ends the console", deed::quit, deed::nothing),
];

/// Short forms that other programs taught people.
const SHORT: [(&str, &str); 3] = [("q", "quit"), ("h", "help"), ("exit", "quit")];

/// The command of that name or short form.
#[must_use]
pub fn find(name: &str) -> Option<&'static Command> {
    let long = SHORT
        .iter()
        .find(|(short, _)| *short == name)
        .map_or(name, |(_, long)| long);
    COMMANDS.iter().find(|command| command.name == long)
}

/// Runs a line typed behind `:`. What cannot be done is said in row 23, an unknown command with the nearest known one.
pub fn run(state: &mut State, line: &str) -> Vec<Effect> {
    let line = line.trim().trim_start_matches(':').trim_start();
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    if name.is_empty() {
        return Vec::new();
    }
    let Some(command) = find(&name.to_lowercase()) else {
        let nearest = COMMANDS
            .iter()
            .map(|command| (strsim::jaro_winkler(command.name, &name.to_lowercase()), command.name))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map_or("help", |(_, name)| name);
        state.message = Some(format!("no command :{name}; the nearest is :{nearest}"));
        return Vec::new();
    };
    let rest = rest.trim();
    if rest.is_empty() && !command.runs_alone() {
        state.message = Some(format!(":{} {} - {}", command.name, command.args, command.help));
        return Vec::new();
    }
    state.message = None;
    let effects = (command.run)(state, rest);
    if state.message.is_none() && !command.key.is_empty() && rest.is_empty() {
        state.message = Some(format!("{} does the same", command.key));
    }
    effects
}

fn tag(what: &'static str) -> Tag {
    Tag {
        screen: None,
        what,
        series: None,
    }
}

#[cfg(test)]
mod tests;
