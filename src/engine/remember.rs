//! Changes of before watching began, as an import hands them over.

use super::run::Loop;
use crate::{
    domain::{Batch, SettingChange, Timestamp},
    observe::import::author,
};

impl Loop {
    /// The key for the secrets of imports: made from the store's own, which stays in the engine.
    pub(super) fn import_key(&self) -> [u8; 32] {
        blake3::derive_key("foreshadow 2026 secrets of imported histories", &self.key)
    }

    /// Takes changes of before watching began; gives how many were not known yet. Whoever made them is told apart and not named. With none all
    /// that was remembered is learnt.
    pub(super) fn remember(&mut self, mut changes: Vec<SettingChange>, now: Timestamp) -> u64 {
        if changes.is_empty() {
            self.state.shadows.settings.learn_past(now);
            self.step(&Batch::default(), now);
            self.publish(now);
            return 0;
        }
        for change in &mut changes {
            change.by = change.by.as_deref().map(|by| author(by, &self.key));
        }
        let before = self.write.changes.len();
        let batch = Batch {
            past: changes,
            ..Batch::default()
        };
        self.step(&batch, now);
        let new = self.write.changes.len() - before;
        self.commit(now);
        new as u64
    }
}
