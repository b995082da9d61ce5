//! A sample that was chosen for training.

/// By key, with how much its loss counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Selected {
    pub problem_id: String,
    pub draw: u32,
    pub settings: String,
    /// 1 is ordinary.
    pub weight: f32,
}
