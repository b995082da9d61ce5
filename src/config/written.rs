//! What readers of files that people write have in common: a file that may be missing, the line of a place, the name that was meant.

use std::path::Path;

use color_eyre::Result;
use color_eyre::eyre::WrapErr;

/// Reads with a person's file (its name and text), or without where there is none.
///
/// # Errors
/// If the file cannot be read, or those of `read`.
pub fn written<T>(path: &Path, read: impl FnOnce(Option<(&str, &str)>) -> Result<T>) -> Result<T> {
    let own = match std::fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).wrap_err_with(|| path.display().to_string()),
    };
    let name = path.display().to_string();
    read(own.as_deref().map(|text| (name.as_str(), text)))
}

/// The line, from 1, that a byte of a text is in.
pub fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

/// The known name that is nearest to one that is not known.
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let apart = |name: &&str| strsim::damerau_levenshtein(name, wanted);
    // With more than a third of it to change it is another name.
    known.into_iter().min_by_key(apart).filter(|name| apart(name) * 3 <= name.chars().count().max(3) + 1)
}

/// The end of a message about a name that is not known.
pub fn did_you_mean<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(wanted, known).map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_names() {
        assert_eq!([0, 1, 2, 3, 99].map(|at| line_of("a\nb\n", at)), [1, 1, 2, 2, 3]);
        let known = ["theme", "colours", "fps"];
        assert_eq!(nearest("them", known), Some("theme"));
        assert_eq!(nearest("colors", known), Some("colours"));
        assert_eq!(nearest("fsp", known), Some("fps"));
        assert_eq!(nearest("mouse", known), None);
        assert_eq!(did_you_mean("x", []), "");
    }
}
