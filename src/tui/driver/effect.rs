//! What the console asks for, done: questions, files, the clipboard, timers.

use std::{fs, io, path::PathBuf, time::Duration};

use crossterm::{Command, clipboard::CopyToClipboard};
use tokio::time::sleep;

use super::{CLIPBOARD_BYTES, Driver, Input, REST, Want, import};
use crate::{
    act,
    domain::text::visible,
    engine::{Link, LinkError, Query},
    tui::{
        screens::proposals::Step,
        state::{Effect, Engine, Msg},
    },
};

impl<L: Link> Driver<L> {
    /// Does one effect; what takes time goes on beside the loop and comes back as a message.
    pub(super) fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Ask(tag, mut query) => {
                // The engine may run in another folder.
                if let Query::Export { file, .. } = &mut query
                    && let Ok(whole) = std::path::absolute(&*file)
                {
                    *file = whole;
                }
                let send = self.send.clone();
                let Some(link) = self.link.clone() else {
                    if self.state.engine == Engine::Awaited {
                        self.unasked.push(Effect::Ask(tag, query));
                    } else {
                        // Full: whoever asked is told by the first row already.
                        let _ = send.try_send(Input::Msg(Msg::Answer(tag, Err(LinkError::Gone))));
                    }
                    return;
                };
                tokio::spawn(async move {
                    let answer = link.ask(query).await.map(Box::new);
                    let _ = send.send(Input::Msg(Msg::Answer(tag, answer))).await;
                });
            }
            Effect::Copy(text) => self.copy(&text),
            Effect::WriteFile(path, text) => {
                let send = self.send.clone();
                tokio::spawn(async move {
                    let said = tokio::task::spawn_blocking(move || write_new(&path, &text)).await;
                    let said = said.unwrap_or_else(|error| error.to_string());
                    let _ = send.send(Input::Msg(Msg::Said(said))).await;
                });
            }
            Effect::Run(commands) => self.run_commands(&commands),
            Effect::StopRun => {
                if let Some(run) = &self.run {
                    run.stop();
                }
            }
            Effect::Import(line) => {
                let send = self.send.clone();
                tokio::spawn(async move {
                    let listed = tokio::task::spawn_blocking(move || import::listed(&line)).await;
                    let msg = match listed {
                        Ok(Ok((title, lines))) => Msg::Listed(title, lines),
                        Ok(Err(said)) => Msg::Said(said),
                        Err(error) => Msg::Said(error.to_string()),
                    };
                    let _ = send.send(Input::Msg(msg)).await;
                });
            }
            Effect::Redraw => self.painter.forget(),
            Effect::TickAfter(span) => self.after(span.into(), Msg::Tick),
            Effect::PollAfter(span) => self.after(span.into(), Msg::Poll),
            Effect::Rest(number) => self.after(REST, Msg::Rested(number)),
            Effect::Suspend => {
                self.terminal.suspend();
                self.painter.forget();
            }
            Effect::FindEngine => self.want = Some(Want::Any),
            Effect::Quit => self.state.quit = true,
        }
    }

    /// Runs commands beside the loop, as the user of this process.
    fn run_commands(&mut self, commands: &str) {
        let send = self.send.clone();
        let run = match act::begin(commands, act::LIMIT) {
            Ok(run) => run,
            Err(error) => {
                // From a task: the loop reads its messages after this.
                let ended = Msg::Ran(Step::Ended(Err(error.to_string())));
                tokio::spawn(async move { drop(send.send(Input::Msg(ended)).await) });
                return;
            }
        };
        self.run = Some(run.stop());
        tokio::task::spawn_blocking(move || {
            let lines = send.clone();
            let ended = run.wait(|all| {
                // Full: the next lines tell the same.
                let _ = lines.try_send(Input::Msg(Msg::Ran(Step::Lines(all.iter().cloned().collect()))));
            });
            let ended = Msg::Ran(Step::Ended(ended.map_err(|error| error.to_string())));
            let _ = send.blocking_send(Input::Msg(ended));
        });
    }

    /// Sends a message to the loop after a while.
    fn after(&self, wait: Duration, msg: Msg) {
        let send = self.send.clone();
        tokio::spawn(async move {
            sleep(wait).await;
            let _ = send.send(Input::Msg(msg)).await;
        });
    }

    /// Hands text to the terminal (OSC 52). Whether it took it nobody tells, so neither do we.
    fn copy(&mut self, text: &str) {
        if text.len() > CLIPBOARD_BYTES {
            self.state.message = Some("too long for a terminal's clipboard: e writes it to a file".into());
            return;
        }
        let mut sequence = String::new();
        let written = CopyToClipboard::to_clipboard_from(text).write_ansi(&mut sequence);
        let sent = written.is_ok() && self.terminal.write(&sequence).unwrap_or(false);
        let tmux = if self.state.in_tmux {
            " (tmux passes it on with: set -g set-clipboard on)"
        } else {
            ""
        };
        self.state.message = Some(if sent {
            format!("sent to the terminal{tmux}")
        } else {
            "the terminal took nothing: e writes a file".into()
        });
    }
}

/// Writes a file that must not exist yet, and says how that went.
pub(super) fn write_new(path: &PathBuf, text: &str) -> String {
    let shown = visible(&path.to_string_lossy()).into_owned();
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    let done = options
        .open(path)
        .and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()));
    match done {
        Ok(()) => format!("written: {shown}"),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            format!("{shown} is there already: nothing was written")
        }
        Err(error) => format!("{shown}: {error}"),
    }
}
