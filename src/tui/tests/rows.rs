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

/// The overview where every setting that is off is `value`, and was `before`.
fn overview(value: &Value, before: Option<&Value>) -> String {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    let mut snapshot = fixture::snapshot();
    let mut findings = snapshot.findings.to_vec();
    for finding in &mut findings {
        if let Seen::Setting { now, expected } = &mut Arc::make_mut(finding).seen {
            (*now, *expected) = (Some(value.clone()), before.cloned());
        }
    }
    snapshot.findings = findings.into();
    update(&mut state, Msg::Snapshot(Arc::new(snapshot)));
    crate::tui::enter(&mut state, Screen::Overview);
    fixture::text(&view_to_buffer(&state, 80, 24))
}

#[test]
fn two_sums_of_a_content_say_that_it_differs() {
    let [now, before] = ["blake3 00112233aabbccdd", "blake3 99887766aabbccdd"].map(Value::text);
    let text = overview(&now, Some(&before));
    assert!(
        text.contains("differs  as it was") && !text.contains("blake3"),
        "{text}"
    );
}

#[test]
fn a_file_that_came_is_new_whatever_its_mode() {
    let access = [("mode", "0644"), ("owner", "0:0")].map(|(what, text)| (what.into(), Value::text(text)));
    let text = overview(&Value::list(access.into()), None);
    assert!(text.contains("new  (none)") && !text.contains("mode="), "{text}");
}
