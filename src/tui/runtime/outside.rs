//! A text in the person's own editor: what `VISUAL` or `EDITOR` names, else vi. Not: who reads the keys meanwhile.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;

use color_eyre::Result;
use color_eyre::eyre::{WrapErr, bail};

/// More than this is no text that a person wrote.
const LARGEST: u64 = 4 << 20;

/// The text as the editor left it; `None` where it is the same. The terminal must be the editor's meanwhile.
///
/// # Errors
/// If there is no editor, or it ends with a failure: then nothing is changed.
pub fn edited(text: &str, state: &Path) -> Result<Option<String>> {
    let editor = ["VISUAL", "EDITOR"].into_iter().filter_map(|name| std::env::var(name).ok());
    let editor = editor.into_iter().find(|editor| !editor.trim().is_empty()).unwrap_or_else(|| "vi".into());
    std::fs::create_dir_all(state).wrap_err_with(|| state.display().to_string())?;
    let path = state.join(format!("edit-{}.md", std::process::id()));
    // One that a killed process of the same number left is nobody's.
    let _ = std::fs::remove_file(&path);
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let made = written.and_then(|mut file| file.write_all(text.as_bytes()));
    let read = made.wrap_err_with(|| path.display().to_string()).and_then(|()| run(&editor, &path));
    let _ = std::fs::remove_file(&path);
    let mut edited = read?;
    // Most editors end a text with a line break.
    if !text.ends_with('\n') && edited.ends_with('\n') {
        edited.pop();
    }
    Ok((edited != text).then_some(edited))
}

fn run(editor: &str, path: &Path) -> Result<String> {
    // By the shell, since what is named may have arguments.
    let ended = Command::new("sh").arg("-c").arg(format!("{editor} \"$@\"")).arg("sh").arg(path).status();
    let ended = ended.wrap_err_with(|| format!("`{editor}` cannot be started"))?;
    if !ended.success() {
        bail!("`{editor}` ended with {}: nothing is changed", ended.code().unwrap_or(-1));
    }
    let file = std::fs::File::open(path).wrap_err_with(|| path.display().to_string())?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).wrap_err_with(|| path.display().to_string())?;
    if bytes.len() as u64 > LARGEST {
        bail!("the text is over {} MiB now: nothing is changed", LARGEST >> 20);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_editor_left_is_read_and_a_failure_changes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("text");
        std::fs::write(&path, "one\n").unwrap();
        assert_eq!(run("sed -i s/one/two/", &path).unwrap(), "two\n");
        assert!(run("false", &path).unwrap_err().to_string().contains("`false` ended with 1: nothing is changed"));
        assert!(run("no-such-editor-anywhere", &path).is_err());
    }
}
