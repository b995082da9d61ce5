//! What the pane knows.

#[derive(Debug, Clone, Default)]
pub struct DifficultyState {
    pub(super) size: (u16, u16),
}

impl DifficultyState {
    /// Whether keys are text.
    pub fn capturing(&self) -> bool {
        false
    }
}
