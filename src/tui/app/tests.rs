//! Checks the whole screen without a terminal.
