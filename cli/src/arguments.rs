//! Arguments of more than one command.

use chandlery_package::words::Word;
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// Takes one word of an enumeration, and shows all of them in the help.
pub fn one_of<T: Word>() -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(T::ALL.iter().map(|word| word.as_str())).try_map(|text| text.parse())
}
