//! Typed memory: [`Block`], which owns what it points to, and [`Checked`], a
//! pointer that asks whether what it points to is still there. The raw layer is
//! Rust's own `*mut T`.

mod block;
mod checked;

pub use block::Block;
pub use checked::{AccessError, Checked};
