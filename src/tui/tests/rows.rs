//! What a row of the overview says.

use std::sync::Arc;

use crate::{
    domain::{Seen, Value},
    tui::{
        fixture,
        look::Charset,
        state::{Msg, Screen},
        update, view_to_buffer,
    },
};

#[test]
fn a_file_that_came_is_new_whatever_its_mode() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    let mut snapshot = fixture::snapshot();
    let access = [("mode", "0644"), ("owner", "0:0")].map(|(what, text)| (what.into(), Value::text(text)));
    let mut findings = snapshot.findings.to_vec();
    for finding in &mut findings {
        if let Seen::Setting { now, expected } = &mut Arc::make_mut(finding).seen {
            (*now, *expected) = (Some(Value::list(access.clone().into())), None);
        }
    }
    snapshot.findings = findings.into();
    update(&mut state, Msg::Snapshot(Arc::new(snapshot)));
    crate::tui::enter(&mut state, Screen::Overview);
    let text = fixture::text(&view_to_buffer(&state, 80, 24));
    assert!(text.contains("new  (none)") && !text.contains("mode="), "{text}");
}
