//! What a room declares of its errors: their kinds, and that they share the words of all rooms.

/// Declares kinds, and the list of them: `NAME: word, status, title, when, remedy;`.
#[macro_export]
macro_rules! kinds {
    ($($name:ident: $word:literal, $status:literal, $title:literal, $when:literal, $remedy:expr;)*) => {
        $(
            #[doc = $when]
            pub const $name: $crate::sources::Kind = $crate::sources::Kind {
                word: $word,
                status: $status,
                title: $title,
                when: $when,
                remedy: $remedy,
            };
        )*
        /// The kinds that are declared here, for the list of all of them.
        pub const KINDS: &[&$crate::sources::Kind] = &[$(&$name),*];
    };
}

/// Makes a room's own error, which has a variant `Shared` for [`crate::Error`], out of whatever that one is made of, and an answer out of it.
#[macro_export]
macro_rules! shares_errors {
    ($error:ty) => {
        $crate::shares_errors! { $error:
            $crate::sources::Database, $crate::sources::Store, $crate::sources::Name, $crate::sources::Digest
        }

        impl $error {
            /// What is not here, or may not be known of. `what` follows "there is no".
            pub fn not_found(what: impl Into<String>) -> Self {
                Self::Shared($crate::Error::NotFound(what.into()))
            }

            /// What cannot be read or is not allowed, in a whole sentence.
            pub fn invalid(why: impl Into<String>) -> Self {
                Self::Shared($crate::Error::Invalid(why.into()))
            }

            /// What contradicts what is here, in a whole sentence.
            pub fn conflict(why: impl Into<String>) -> Self {
                Self::Shared($crate::Error::Conflict(why.into()))
            }

            /// Stored data that no version of the registry writes.
            pub fn damaged(what: impl Into<String>) -> Self {
                Self::Shared($crate::Error::damaged(what))
            }
        }

        impl $crate::sources::IntoResponse for $error {
            fn into_response(self) -> $crate::sources::Response {
                $crate::answer(&self)
            }
        }
    };
    ($error:ty: $($source:path),*) => {
        $(impl From<$source> for $error {
            fn from(error: $source) -> Self {
                Self::Shared(error.into())
            }
        })*
    };
}
