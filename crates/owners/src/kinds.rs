//! The words in which rows say what they say.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$what:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$what])* $variant,)*
        }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: &[$name] = &[$($name::$variant,)*];

            /// The word in data files and in JSON.
            pub fn name(self) -> &'static str {
                match self {
                    $($name::$variant => $text,)*
                }
            }

            pub(crate) fn from_number(number: u32) -> $name {
                let found = Self::ALL.get(number as usize).copied();
                found.unwrap_or(Self::ALL[0])
            }
        }
    };
}

words! {
    /// Whose what a slot gives is.
    ///
    /// ```
    /// use freehold_owners::Kind;
    /// assert_eq!(Kind::Borrowed.name(), "borrowed");
    /// ```
    Kind {
        /// Nobody has checked.
        Unknown = "unknown",
        /// The caller's, who releases it.
        Owned = "owned",
        /// A reference that the caller gives back.
        Refcount = "refcount",
        /// The library's: the caller must not release it.
        Borrowed = "borrowed",
        /// What the caller passes is no longer his.
        Transferred = "transferred",
        /// Held until the caller unlocks or ends it.
        Lock = "lock",
        /// There is nothing to release.
        None = "none",
    }
}

words! {
    /// How sure a row is.
    ///
    /// ```
    /// use freehold_owners::Tier;
    /// assert_eq!(Tier::Documented.name(), "documented");
    /// ```
    Tier {
        /// Not asserted: what is known is a hint.
        Unsure = "unsure",
        /// Somebody called the function, and saw what its release does.
        Checked = "checked",
        /// The function's documentation says so.
        Documented = "documented",
        /// Metadata, a header or introspection data say so of this very slot.
        Declared = "declared",
        /// A rule of the platform says so of all slots of this type.
        Rule = "rule",
        /// The type says so, and the name does not speak against it.
        Type = "type",
    }
}

words! {
    /// To what a function belongs.
    ///
    /// ```
    /// use freehold_owners::Platform;
    /// assert_eq!(Platform::Win32.name(), "win32");
    /// ```
    Platform {
        /// Win32, COM, the Windows Runtime's base.
        Win32 = "win32",
        /// Libraries with a C interface, the C library among them.
        C = "c",
    }
}
