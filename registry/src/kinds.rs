//! How the rooms of the registry declare their words.

/// Declares kinds, and the list of them: `NAME: word, status, title, when, remedy;`.
macro_rules! kinds {
    ($($name:ident: $word:literal, $status:literal, $title:literal, $when:literal, $remedy:expr;)*) => {
        $(
            #[doc = $when]
            pub const $name: Kind =
                Kind { word: $word, status: $status, title: $title, when: $when, remedy: $remedy };
        )*
        /// The kinds of this crate.
        pub const KINDS: &[&Kind] = &[$(&$name),*];
    };
}
pub(crate) use kinds;
