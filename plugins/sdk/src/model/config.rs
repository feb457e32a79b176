//! A `config.json` as its model's publisher wrote it: a claim, read by name with bounds, so that no size that follows overflows.

use serde_json::{Map, Value};

use super::Unreadable;

/// The largest width of a matrix: vocabularies have up to a million rows.
const WIDTH_MAX: u64 = 1 << 22;
const LAYERS_MAX: u64 = 1000;
const TOKENS_MAX: u64 = 1 << 32;

/// One object of a `config.json`.
#[derive(Clone, Copy)]
pub(super) struct Config<'a>(&'a Map<String, Value>);

impl<'a> Config<'a> {
    pub(super) fn of(value: &'a Value) -> Result<Self, Unreadable> {
        value.as_object().map(Self).ok_or(Unreadable::NoObject)
    }

    /// The object below the first of these names that is there.
    pub(super) fn section(&self, names: &[&str]) -> Option<Config<'a>> {
        names.iter().find_map(|name| self.0.get(*name)?.as_object()).map(Config)
    }

    /// What stands at the first of these names that is there and is not null.
    pub(super) fn value(&self, names: &[&str]) -> Option<&'a Value> {
        names.iter().find_map(|name| self.0.get(*name).filter(|value| !value.is_null()))
    }

    /// A width, a number of heads or of experts: at most four million.
    pub(super) fn count(&self, names: &[&str]) -> Result<Option<u64>, Unreadable> {
        self.number(names, WIDTH_MAX)
    }

    pub(super) fn count_or(&self, names: &[&str], usual: u64) -> Result<u64, Unreadable> {
        Ok(self.count(names)?.unwrap_or(usual))
    }

    /// A width that the model cannot do without.
    pub(super) fn needed(&self, names: &[&'static str]) -> Result<u64, Unreadable> {
        self.count(names)?.filter(|count| *count > 0).ok_or(Unreadable::Missing(names[0]))
    }

    pub(super) fn layers(&self, names: &[&'static str]) -> Result<u64, Unreadable> {
        self.number(names, LAYERS_MAX)?.ok_or(Unreadable::Missing(names[0]))
    }

    pub(super) fn tokens(&self, names: &[&str]) -> Result<Option<u64>, Unreadable> {
        self.number(names, TOKENS_MAX)
    }

    fn number(&self, names: &[&str], most: u64) -> Result<Option<u64>, Unreadable> {
        let Some(name) = names.iter().find(|name| self.value(&[name]).is_some()) else { return Ok(None) };
        let number = self.0.get(*name).and_then(Value::as_u64).filter(|number| *number <= most);
        number.map(Some).ok_or_else(|| Unreadable::OutOfBounds { name: (*name).into(), most })
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.is_or(name, false)
    }

    pub(super) fn is_or(&self, name: &str, usual: bool) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(usual)
    }

    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.0.get(name)?.as_str()
    }

    /// The texts of a list; none where it is no list.
    pub(super) fn texts(&self, names: &[&str]) -> Option<Vec<&'a str>> {
        Some(self.value(names)?.as_array()?.iter().filter_map(Value::as_str).collect())
    }

    /// The numbers of a list; none where it is no list.
    pub(super) fn numbers(&self, names: &[&str]) -> Option<Vec<u64>> {
        Some(self.value(names)?.as_array()?.iter().filter_map(Value::as_u64).collect())
    }

    /// Every object below, with its name.
    pub(super) fn sections(&self) -> impl Iterator<Item = (&'a str, Config<'a>)> + use<'a> {
        self.0.iter().filter_map(|(name, value)| Some((name.as_str(), Config(value.as_object()?))))
    }

    /// The names that stand in the object.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.0.keys().map(String::as_str)
    }
}
