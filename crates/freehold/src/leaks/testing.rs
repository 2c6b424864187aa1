//! Tests that fail when they leak.

use super::Scope;

/// Runs the body of a test in a scope of its own and fails it when anything
/// stays. Tests that run at the same time do not disturb each other; threads of
/// the body take a [`ScopeHandle`](super::ScopeHandle) along.
///
/// [`leak_tests!`](crate::leak_tests) writes such tests.
///
/// # Panics
/// With what stays; and as the body does.
///
/// ```
/// freehold::verified("my test", |_| {
///     let block = freehold::diagnostic_calloc::<u8>(10).expect("memory");
///     assert_eq!(block[9], 0);
/// });
/// ```
pub fn verified<R>(name: &str, body: impl FnOnce(&Scope) -> R) -> R {
    let scope = Scope::begin(name);
    let result = scope.enter(|| body(&scope));
    if let Err(leaks) = scope.end() {
        panic!("the test {name} leaks:\n{leaks}");
    }
    result
}

/// Tests that fail when they leak: each function becomes a `#[test]` in a scope
/// of its own.
///
/// ```
/// freehold::leak_tests! {
///     /// Releases what it allocates.
///     fn a_test() {
///         let block = freehold::diagnostic_calloc::<u8>(10).expect("memory");
///         assert_eq!(block.len(), 10);
///     }
/// }
/// ```
#[macro_export]
macro_rules! leak_tests {
    ($($(#[$attribute:meta])* fn $name:ident() $body:block)*) => {
        $(
            $(#[$attribute])*
            #[test]
            fn $name() {
                $crate::verified(concat!(module_path!(), "::", stringify!($name)), |_| $body);
            }
        )*
    };
}
