//! Lists, a page at a time.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};

/// How many items a page has at most.
pub const PAGE_ITEMS_MAX: u32 = 1000;
/// How many items a page has unless the client says otherwise.
pub const PAGE_ITEMS: u32 = 100;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// In the order of the list.
    pub items: Vec<T>,
    /// What `after` of the next request is; none: this was the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A list that is as long as something that is bounded, and so is never cut.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }

    /// The same page of what each item becomes.
    pub fn map<U>(self, each: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(each).collect(), next: self.next }
    }

    /// The same where an item may be refused.
    pub fn try_map<U, E>(self, each: impl FnMut(T) -> Result<U, E>) -> Result<Page<U>, E> {
        Ok(Page { items: self.items.into_iter().map(each).collect::<Result<_, E>>()?, next: self.next })
    }
}

/// Which page of a list a request asks for, by the key `K` of the list's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "K: Serialize + DeserializeOwned")]
pub struct Paging<K> {
    /// The `next` of the page before, a text that only the server understands; none: the first page.
    #[serde(default, with = "cursor", skip_serializing_if = "Option::is_none")]
    after: Option<K>,
    /// How many items the page has at most.
    #[serde(default, with = "limit")]
    limit: Limit,
}

/// [`Paging`] as the API's description has it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)]
struct Described {
    /// The `next` of the page before; none: the first page.
    after: Option<String>,
    /// How many items the page has at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

impl<K> IntoParams for Paging<K> {
    fn into_params(place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        Described::into_params(place)
    }
}

impl<K> Paging<K> {
    /// The first page, of so many items: from 1 to [`PAGE_ITEMS_MAX`].
    pub fn first(limit: u32) -> Self {
        Self { after: None, limit: Limit(limit.clamp(1, PAGE_ITEMS_MAX)) }
    }

    /// The key of the last item that the client has; none: it has none yet.
    pub fn after(&self) -> Option<&K> {
        self.after.as_ref()
    }

    /// How many rows to read: one more than the page shows, which tells whether there is a next.
    pub fn rows(&self) -> i64 {
        i64::from(self.limit.0) + 1
    }

    /// The page, of up to [`Paging::rows`] rows that come after [`Paging::after`]; `key` is a row's place in the order.
    pub fn cut<T>(&self, mut rows: Vec<T>, key: impl FnOnce(&T) -> K) -> Page<T>
    where
        K: Serialize,
    {
        let shown = self.limit.0 as usize;
        let more = rows.len() > shown;
        rows.truncate(shown);
        let last = rows.last().filter(|_| more);
        Page { next: last.map(|row| cursor::text(&key(row))), items: rows }
    }
}

/// 1 to [`PAGE_ITEMS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limit(u32);

impl Default for Limit {
    fn default() -> Self {
        Self(PAGE_ITEMS)
    }
}

/// A query is text, so numbers in it are, too.
mod limit {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::{Limit, PAGE_ITEMS_MAX};

    pub fn serialize<S: Serializer>(limit: &Limit, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&limit.0)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Limit, D::Error> {
        let text = String::deserialize(deserializer)?;
        let limit = text.parse().ok().filter(|limit| (1..=PAGE_ITEMS_MAX).contains(limit));
        limit.map(Limit).ok_or_else(|| {
            D::Error::custom(format!("'{text}' is not a limit: write a number from 1 to {PAGE_ITEMS_MAX}"))
        })
    }
}

/// A key as base64url of its JSON.
mod cursor {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use serde::de::{DeserializeOwned, Error as _};
    use serde::{Deserialize as _, Deserializer, Serialize, Serializer};

    pub fn text(key: &impl Serialize) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default())
    }

    /// How JSON writes the one character that no row's text has, and that PostgreSQL refuses to look for.
    const NUL: &[u8] = br"\u0000";

    fn read<K: DeserializeOwned>(text: &str) -> Option<K> {
        let key = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        match key.windows(NUL.len()).any(|part| part == NUL) {
            true => None,
            false => serde_json::from_slice(&key).ok(),
        }
    }

    pub fn serialize<K: Serialize, S: Serializer>(
        after: &Option<K>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        after.as_ref().map(text).serialize(serializer)
    }

    pub fn deserialize<'de, K: DeserializeOwned, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<K>, D::Error> {
        let text = String::deserialize(deserializer)?;
        read(&text).map(Some).ok_or_else(|| {
            D::Error::custom(format!(
                "'{text}' is not the `next` of a page: leave `after` away to begin anew"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    type ByName = Paging<(String, i64)>;

    fn paging(query: Value) -> Result<ByName, String> {
        serde_json::from_value(query).map_err(|error| error.to_string())
    }

    /// What a room does: the rows after the key, in order.
    fn page(all: &[(String, i64)], paging: &ByName) -> Page<(String, i64)> {
        let rows = all.iter().filter(|row| paging.after().is_none_or(|after| *row > after));
        paging.cut(rows.take(paging.rows() as usize).cloned().collect(), Clone::clone)
    }

    #[test]
    fn following_next_shows_every_row_once() {
        let all: Vec<_> = (0..10).map(|i| (format!("name {}", i / 3), i)).collect();
        for limit in ["1", "3", "5", "10", "11"] {
            let (mut seen, mut after) = (Vec::new(), Value::Null);
            loop {
                let query = match &after {
                    Value::Null => json!({ "limit": limit }),
                    after => json!({ "limit": limit, "after": after }),
                };
                let page = page(&all, &paging(query).unwrap());
                seen.extend(page.items);
                match page.next {
                    Some(next) => after = next.into(),
                    None => break,
                }
            }
            assert_eq!(seen, all, "limit {limit}");
        }
    }

    #[test]
    fn what_is_no_page_is_refused() {
        assert_eq!(paging(json!({})).unwrap().rows(), 101);
        for limit in ["0", "1001", "-1", "many", ""] {
            assert!(paging(json!({ "limit": limit })).unwrap_err().contains("1 to 1000"), "{limit}");
        }
        let nul = cursor::text(&("a\0", 1));
        for after in ["", "!", "bnVsbA", "WzFd", &nul] {
            assert!(paging(json!({ "after": after })).unwrap_err().contains("begin anew"), "{after}");
        }
    }
}
