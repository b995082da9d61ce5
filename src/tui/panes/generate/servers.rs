//! Servers in a form: the two fields that name them, which the forms that draw samples have in common, and the two of what they
//! may cost; and what is wrong with what these say. Asking servers is the job's business.

use std::path::PathBuf;

use crate::config::expand_home;
use crate::pipeline::Servers;
use crate::pipeline::budget::Budget;
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

/// Of both fields below, where this process writes.
pub const NOT_PAID: &str = "Not used: only servers are paid.";

/// The field of what their tokens cost.
pub fn price(key: &'static str) -> FieldSpec {
    FieldSpec {
        label: "price",
        key,
        first: "",
        empty: "(not counted)",
        help: "Of servers: USD for a million tokens of prompts and of answers, such as 0.15,0.60.",
        choices: &[],
        long: false,
    }
}

/// The field of what the session may cost.
pub fn max_cost(key: &'static str) -> FieldSpec {
    FieldSpec {
        label: "max cost",
        key,
        first: "",
        empty: "(no limit)",
        help: "Of servers: nothing is begun once this session has cost so many USD; needs a price.",
        choices: &[],
        long: false,
    }
}

/// Where the two of the cost stand in their form.
#[derive(Debug, Clone, Copy)]
pub struct Purse {
    pub price: usize,
    pub max_cost: usize,
}

impl Purse {
    /// What servers may be paid, with what is wrong at its field.
    pub fn read(self, read: &mut FieldReader<'_>) -> Budget {
        let mut budget = Budget::default();
        if !read.text(self.price).is_empty() {
            budget.price = read.text(self.price).parse().ok();
            if budget.price.is_none() {
                read.wrong(self.price, "such as 0.15,0.60");
            }
        }
        if !read.text(self.max_cost).is_empty() {
            let cost = read.real(self.max_cost, |cost: &f64| cost.is_finite() && *cost > 0.0, "above 0");
            budget.cost = Some(cost);
            if read.text(self.price).is_empty() {
                read.wrong(self.max_cost, "needs a price");
            }
        }
        budget
    }
}

/// Where addresses and key stand in their form.
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
    use crate::pipeline::budget::Price;
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
    fn what_servers_may_cost_is_read() {
        let read = |price_text: &str, cost_text: &str| {
            let mut fields = Fields::new(vec![price("price"), max_cost("max_cost")], 0);
            fields.set(0, price_text);
            fields.set(1, cost_text);
            let mut read = FieldReader::new(&fields);
            let budget = Purse { price: 0, max_cost: 1 }.read(&mut read);
            (budget, read.errors.into_iter().map(|(at, _)| at).collect::<Vec<_>>())
        };
        assert_eq!(read("", " "), (Budget::default(), Vec::new()));
        let (budget, errors) = read("0.15,0.60", "2.5");
        assert_eq!((budget.cost, budget.price, errors), (Some(2.5), "0.15,0.6".parse::<Price>().ok(), Vec::new()));
        assert_eq!(budget.check(), Ok(()));
        assert_eq!((read("cheap", "").1, read("-1", "").1), (vec![0], vec![0]));
        for cost in ["0", "-2", "NaN", "inf", "much"] {
            assert_eq!(read("1", cost).1, [1], "{cost}");
        }
        assert_eq!(read("", "2.5").1, [1], "a cost needs a price");
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
