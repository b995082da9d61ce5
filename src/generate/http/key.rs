//! Where the key of servers is looked for.

use crate::net::{Secret, SecretError};

/// Variables that may hold it, in this order.
const VARIABLES: [&str; 2] = ["CRIBBLE_API_KEY", "OPENAI_API_KEY"];

impl Secret {
    /// The key for servers of models that the environment holds, if any.
    ///
    /// # Errors
    /// If a variable holds what cannot be a key.
    pub fn from_environment() -> Result<Option<Self>, SecretError> {
        Self::from_variables(&VARIABLES, |name| std::env::var_os(name))
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    #[test]
    fn the_program_s_own_variable_goes_first() {
        let both = |name: &str| Some(OsString::from(if name == "CRIBBLE_API_KEY" { "mine" } else { "general" }));
        assert_eq!(Secret::from_variables(&VARIABLES, both).unwrap().unwrap().reveal(), "mine");
        let one = |name: &str| Some(OsString::from(if name == "CRIBBLE_API_KEY" { "" } else { "general" }));
        assert_eq!(Secret::from_variables(&VARIABLES, one).unwrap().unwrap().reveal(), "general");
        assert_eq!(Secret::from_variables(&VARIABLES, |_| None).unwrap(), None);
        let broken = |name: &str| (name == "OPENAI_API_KEY").then(|| OsString::from("a b"));
        assert!(Secret::from_variables(&VARIABLES, broken).unwrap_err().to_string().starts_with("OPENAI_API_KEY: "));
    }
}
