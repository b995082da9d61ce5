//! What can be wrong with strategies, policies and their templates.

/// Each says what, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum DialogueError {
    /// Everything that is wrong with the files, in one line.
    #[error("{}", .0.join("; "))]
    Files(Vec<String>),
    #[error("no policy `{name}`{}", hint(.nearest))]
    NoPolicy { name: String, nearest: Vec<String> },
    #[error("{what}: template error: {message}")]
    Template { what: String, message: String },
    #[error("a dialogue has 1 to 6 turns, not {0}")]
    Turns(usize),
}

fn hint(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!("; there are {}", known.join(", ")) }
}
