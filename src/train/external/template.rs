//! What may stand in a trainer's command for a path or a name. How templates become commands: `launch::template`.

use crate::launch::template::{self, listed};
pub use crate::launch::template::{
    TemplateError, Word, check_launcher, fill, is_remote, join, launch, quote, runs_scripts, split, uses,
};

/// What stands in a command template for a path or a name. Where there is none (`{validation}` without problems that are held
/// out, `{resume}` at a start) it is empty.
pub const PLACEHOLDERS: [&str; 6] = ["config", "data", "validation", "output", "model", "resume"];

/// All placeholders, for a person to choose from.
pub fn known() -> String {
    listed(PLACEHOLDERS)
}

/// Whether all placeholders are known.
///
/// # Errors
/// Which one is not.
pub fn check(words: &[Word]) -> Result<(), TemplateError> {
    template::check(words, &PLACEHOLDERS)
}
