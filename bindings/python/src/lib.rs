//! `freehold._native`: what is called often, or can be known from inside Python only.
//!
//! `buffer` is the type `Buffer`, with `access` (elements), `export` (the buffer
//! protocol) and `layout` (what an element is); `live` knows all of them by address;
//! `calls` are the module's functions,
//! `methods` the buffers'; `frames` takes Python's frames (`walk`) and remembers
//! their stacks; `tracked` is what surrounds a call of the library; `errors` and
//! `hooks` reach the part that is written in Python; `api` is what pyo3-ffi lacks.
//!
//! What is not here: everything that is called seldom, which is in the package and
//! uses `freehold.raw`. The library itself is loaded, never linked.
//!
//! All of it runs under the interpreter's lock, in the main interpreter: `init`
//! refuses others. Builds of Python without that lock do not load modules of the
//! stable ABI that this one is.

mod access;
mod api;
mod buffer;
mod calls;
mod errors;
mod export;
mod frames;
mod hooks;
mod init;
mod layout;
mod live;
mod methods;
mod state;
mod tracked;
mod walk;
