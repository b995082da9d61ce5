//! The values of the Generate form over a restart: a small JSON file in the state directory.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// A file larger than this was not written here.
const MOST: u64 = 1 << 20;

fn file(state: &Path) -> PathBuf {
    state.join("generate-form.json")
}

/// The values that were kept, by name. A file that is missing or damaged is none.
pub fn load(state: &Path) -> Vec<(String, String)> {
    let path = file(state);
    let small = std::fs::metadata(&path).is_ok_and(|data| data.is_file() && data.len() <= MOST);
    let text = small.then(|| std::fs::read_to_string(&path).ok()).flatten();
    let values: Map<String, Value> = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    values.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect()
}

/// Keeps the values: written whole beside the old file, then put in its place.
pub fn save(state: &Path, values: &[(&'static str, String)]) -> std::io::Result<()> {
    let values: Map<String, Value> =
        values.iter().map(|(name, value)| ((*name).to_owned(), Value::String(value.clone()))).collect();
    let path = file(state);
    let fresh = state.join(format!("generate-form.json.{}", std::process::id()));
    std::fs::create_dir_all(state)?;
    std::fs::write(&fresh, serde_json::to_string_pretty(&values)?)?;
    std::fs::rename(&fresh, &path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_and_a_damaged_file_is_none() {
        let root = tempfile::tempdir().unwrap();
        let state = root.path().join("state");
        assert_eq!(load(&state), []);
        let values = [("model", "a \"b\"\n".to_owned()), ("samples", "8".to_owned())];
        save(&state, &values).unwrap();
        let loaded = load(&state);
        assert_eq!(loaded, values.map(|(name, value)| (name.to_owned(), value)));
        assert_eq!(std::fs::read_dir(&state).unwrap().count(), 1, "nothing is left beside it");
        for damaged in ["", "{\"model\": ", "[1, 2]", "{\"model\": 7}", "\u{0}"] {
            std::fs::write(file(&state), damaged).unwrap();
            assert_eq!(load(&state), [], "{damaged:?}");
        }
    }
}
