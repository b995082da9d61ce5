//! What everyone here who asks the network needs in the same way: keys that are never shown, clients that follow nobody, and
//! which addresses are of this machine. Not: requests, answers, and what is done when there is none. Those differ between the
//! Hub (`hub`) and servers of models (`generate::http`).

mod address;
mod client;
mod secret;

pub use self::address::is_of_this_machine;
pub use self::client::{ClientOptions, client};
pub use self::secret::{Secret, SecretError};
