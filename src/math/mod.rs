//! Answers: finding one in a text, and telling whether two are equal. Pure.
