//! What the pane knows.

#[derive(Debug, Clone, Default)]
pub struct ChatState {
    pub(super) size: (u16, u16),
}

impl ChatState {
    /// Whether keys are text.
    pub fn capturing(&self) -> bool {
        false
    }
}
