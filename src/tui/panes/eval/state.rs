//! What the pane knows.

#[derive(Debug, Clone, Default)]
pub struct EvalState {
    pub(super) size: (u16, u16),
}

impl EvalState {
    /// Whether keys are text.
    pub fn capturing(&self) -> bool {
        false
    }
}
