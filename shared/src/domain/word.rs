//! Closed words: the one way to say that a text is one of a few (docs/adr/0015). `words!` makes the type, with all its values
//! and its text both ways; `db::words` makes it readable from a column, and api-server a schema of the document.

use std::fmt::{Debug, Display};
use std::str::FromStr;

/// A word that stands somewhere, in a column or a request, and that this build does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no {what}")]
pub struct UnknownWord {
    /// What it was read as.
    pub what: &'static str,
    /// What stood there.
    pub word: String,
}

/// A closed set of words. Made by `words!` alone.
pub trait Word:
    Copy + Eq + Debug + Display + FromStr<Err = UnknownWord> + Into<&'static str> + Send + Sync + 'static
{
    /// The type's name.
    const NAME: &'static str;
    /// Its description: the type's own doc comment.
    const MEANING: &'static str;
    /// Every value, in the order of the declaration.
    const ALL: &'static [Self];

    /// The texts of all values, in the order of the declaration.
    #[must_use]
    fn texts() -> Vec<&'static str> {
        Self::ALL.iter().map(|word| (*word).into()).collect()
    }
}

/// Declares closed words: `/// What it is. Name, "what one is called in an error" { /// What it means. Variant = "text", }`.
macro_rules! words {
    ($($(#[doc = $doc:literal])+ $name:ident, $what:literal { $($(#[$vdoc:meta])+ $variant:ident = $word:literal,)+ })+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])+ $variant,)+ }

        impl $name {
            /// Every value, in the order of the declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word in the database, in paths and in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl $crate::domain::word::Word for $name {
            const NAME: &'static str = stringify!($name);
            const MEANING: &'static str = concat!($($doc, "\n"),+);
            const ALL: &'static [Self] = Self::ALL;
        }

        impl From<$name> for &'static str {
            fn from(word: $name) -> Self {
                word.as_str()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::domain::word::UnknownWord;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::domain::word::UnknownWord { what: $what, word: text.to_owned() }),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}
pub(crate) use words;

#[cfg(test)]
mod tests {
    use super::*;

    words! {
        /// A fruit,
        /// of two.
        Fruit, "fruit" {
            /// Red.
            Apple = "apple",
            /// Yellow, and crooked.
            LongBanana = "long_banana",
        }
    }

    #[test]
    fn a_word_is_its_text_both_ways_and_any_other_text_is_named_as_none() {
        for fruit in Fruit::ALL {
            assert_eq!(fruit.as_str().parse(), Ok(*fruit));
            assert_eq!(serde_json::from_value::<Fruit>(serde_json::json!(fruit)).unwrap(), *fruit);
        }
        assert_eq!((Fruit::NAME, Fruit::MEANING.trim()), ("Fruit", "A fruit,\n of two."));
        assert_eq!(Fruit::texts(), ["apple", "long_banana"]);
        assert_eq!("Apple".parse::<Fruit>().unwrap_err().to_string(), "`Apple` is no fruit");
        assert!(serde_json::from_str::<Fruit>("\"pear\"").is_err());
    }
}
