//! What comes in and goes out: problem files, data exports.
