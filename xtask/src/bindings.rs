//! The packages for other languages: their tests, each with the tools that its users
//! have, fetched where they are not there.

pub(crate) mod dart;
pub(crate) mod python;
