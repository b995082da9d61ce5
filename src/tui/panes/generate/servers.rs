//! Servers in a form: the two fields that name them, and what is wrong with what they say. The forms that draw samples have them
//! in common; asking servers is the job's business.

use std::path::PathBuf;

use crate::config::expand_home;
use crate::pipeline::Servers;
use crate::tui::widgets::{FieldReader, FieldSpec};

/// Of the field that names a model, where servers write.
pub const MODEL_HELP: &str = "The model's name at the servers; empty takes the only one that they serve.";
/// Stands in that field where it is empty.
pub const NO_MODEL: &str = "(needed; of servers the one that they serve)";

/// The field of their addresses. `key`: name for keeping it.
pub fn addresses(key: &'static str) -> FieldSpec {
    FieldSpec {
        label: "servers",
        key,
        first: "",
        empty: "(this process)",
        help: "Servers that write, such as http://localhost:8000/v1; spaces between them.",
        choices: &[],
        long: true,
    }
}

/// The field of the file with their key; the key itself is in no form.
pub fn key_file(key: &'static str) -> FieldSpec {
    FieldSpec {
        label: "servers' key",
        key,
        first: "",
        empty: "(environment)",
        help: "A file with the servers' key, yours alone; empty: CRIBBLE_API_KEY if it is set.",
        choices: &[],
        long: false,
    }
}

/// Where both stand in their form.
#[derive(Debug, Clone, Copy)]
pub struct Places {
    pub addresses: usize,
    pub key_file: usize,
}

impl Places {
    /// The servers that a form names, with what is wrong at its field. The key is looked for when the form is to `start`: it may be
    /// in a file.
    pub fn read(self, read: &mut FieldReader<'_>, start: bool) -> Option<Servers> {
        let named = Some(read.text(self.key_file)).filter(|text| !text.is_empty());
        let servers = Servers::named(read.text(self.addresses), named.map(|path| PathBuf::from(expand_home(path))))?;
        let wrong = match servers.options(None) {
            Ok(_) if start => self.with_key(&servers),
            Ok(_) => None,
            Err(error) => Some((self.addresses, error.to_string())),
        };
        read.errors.extend(wrong);
        Some(servers)
    }

    /// What is wrong with the key, or with sending it there.
    fn with_key(self, servers: &Servers) -> Option<(usize, String)> {
        match servers.key() {
            Ok(key) => servers.options(key).err().map(|error| (self.addresses, error.to_string())),
            Err(error) => Some((self.key_file, error.to_string())),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::tui::widgets::Fields;

    fn read(line: &str, key_file_text: &str, start: bool) -> (Option<Servers>, Vec<(usize, String)>) {
        let mut fields = Fields::new(vec![addresses("servers"), key_file("key")], 0);
        fields.set(0, line);
        fields.set(1, key_file_text);
        let mut read = FieldReader::new(&fields);
        let servers = Places { addresses: 0, key_file: 1 }.read(&mut read, start);
        (servers, read.errors)
    }

    #[test]
    fn addresses_are_checked_at_once_and_the_key_when_it_starts() {
        assert_eq!(read("  ", "/no/such/key", true), (None, Vec::new()));
        for (line, says) in [("localhost:8000", "http://localhost:8000/v1"), ("http://x http://x", "given twice")] {
            let (_, errors) = read(line, "", false);
            assert!(matches!(&errors[..], [(0, error)] if error.contains(says)), "{errors:?}");
        }
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("key");
        std::fs::write(&path, "sk-secret\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let file = path.to_str().unwrap();
        let (servers, errors) = read("http://localhost:8000 https://far/v1", file, true);
        assert_eq!((servers.unwrap().key_file.as_deref(), errors), (Some(path.as_path()), Vec::new()));
        let (_, errors) = read("http://far:8000", file, true);
        assert!(matches!(&errors[..], [(0, error)] if error.contains("plain http") && !error.contains("sk-")));
        assert_eq!(read("http://far:8000", file, false).1, [], "whoever leaves a field reads no file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let (_, errors) = read("http://localhost:8000", file, true);
        assert!(matches!(&errors[..], [(1, error)] if error.contains("chmod 600")), "{errors:?}");
    }
}
