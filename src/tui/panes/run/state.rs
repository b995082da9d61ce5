//! What the pane knows.

#[derive(Debug, Clone, Default)]
pub struct RunState {
    pub(super) size: (u16, u16),
}

impl RunState {
    /// Whether keys are text.
    pub fn capturing(&self) -> bool {
        false
    }
}
