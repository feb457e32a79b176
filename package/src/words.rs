//! Enumerations that are words: of an API, of the command line, of a column.

use std::fmt;
use std::str::FromStr;

#[doc(hidden)]
pub use {serde, utoipa};

/// An enumeration each of whose variants is a word. Made by [`words!`](crate::words!).
pub trait Word: Copy + Eq + FromStr<Err = UnknownWord> + Send + Sync + 'static {
    /// Every variant, in the order of its declaration.
    const ALL: &'static [Self];
    /// What one is called in an error, such as `role`.
    const NOUN: &'static str;

    /// The word that it is written as.
    fn as_str(self) -> &'static str;
}

/// A text that is none of the words that were expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWord {
    text: String,
    noun: &'static str,
    expected: Vec<&'static str>,
}

impl UnknownWord {
    fn new<T: Word>(text: &str) -> Self {
        let expected = T::ALL.iter().map(|word| word.as_str()).collect();
        Self { text: text.into(), noun: T::NOUN, expected }
    }
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, noun, expected } = self;
        write!(f, "'{text}' is no {noun}: write {}", expected.join(", "))
    }
}

impl std::error::Error for UnknownWord {}

#[doc(hidden)]
pub fn read<T: Word>(text: &str) -> Result<T, UnknownWord> {
    T::ALL.iter().copied().find(|word| word.as_str() == text).ok_or_else(|| UnknownWord::new::<T>(text))
}

#[doc(hidden)]
pub fn schema<T: Word>(docs: &[&str]) -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    let docs = docs.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n");
    let text = utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::Type::String)
        .description(Some(docs))
        .enum_values(Some(T::ALL.iter().map(|word| word.as_str())));
    utoipa::openapi::Schema::from(text).into()
}

/// Declares an enumeration of words. Its variants are written, read, sent and described as these words, and nothing else is
/// read as one of them; they are ordered as they are declared. `#[derive(Default)]` may stand below the docs.
///
/// ```
/// chandlery_package::words! {
///     /// What a member may do.
///     pub enum Role: "role" {
///         /// Sees what is private.
///         Viewer = "viewer",
///         /// Decides the rest.
///         Owner = "owner",
///     }
/// }
/// assert_eq!("owner".parse(), Ok(Role::Owner));
/// assert_eq!("king".parse::<Role>().unwrap_err().to_string(), "'king' is no role: write viewer, owner");
/// assert_eq!(serde_json::to_string(&Role::ALL).unwrap(), r#"["viewer","owner"]"#);
/// ```
#[macro_export]
macro_rules! words {
    ($(
        $(#[doc = $doc:expr])*
        $(#[derive($derived:ident)])?
        $public:vis enum $name:ident: $noun:literal {
            $($(#[$about:meta])* $variant:ident = $word:literal),+ $(,)?
        }
    )+) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash $(, $derived)?)]
        $public enum $name {
            $($(#[$about])* $variant,)+
        }

        #[allow(dead_code)]
        impl $name {
            /// Every one of them, as declared.
            $public const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            /// The word that it is written as.
            $public const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl $crate::words::Word for $name {
            const ALL: &'static [Self] = &Self::ALL;
            const NOUN: &'static str = $noun;

            fn as_str(self) -> &'static str {
                self.as_str()
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::words::UnknownWord;

            fn from_str(text: &str) -> ::std::result::Result<Self, Self::Err> {
                $crate::words::read(text)
            }
        }

        impl $crate::words::serde::Serialize for $name {
            fn serialize<S: $crate::words::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::std::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> $crate::words::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::words::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::std::result::Result<Self, D::Error> {
                let text = <::std::borrow::Cow<'de, str> as $crate::words::serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err($crate::words::serde::de::Error::custom)
            }
        }

        impl $crate::words::utoipa::PartialSchema for $name {
            fn schema() -> $crate::words::utoipa::openapi::RefOr<$crate::words::utoipa::openapi::Schema> {
                $crate::words::schema::<Self>(&[$($doc),*])
            }
        }

        impl $crate::words::utoipa::ToSchema for $name {}
    )+};
}
