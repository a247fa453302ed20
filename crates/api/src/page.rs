//! Pages: how much is asked for, and where to go on from.

use crate::refusal::invalid_field;
use tonic::Status;

/// Rows of a page when the caller does not say.
const DEFAULT_ROWS: u32 = 100;
/// The most rows of a page; larger wishes get this many.
pub(crate) const MOST_ROWS: u32 = 1_000;
const TOKEN_BYTES_MOST: usize = 1_000;
const NAME_TOKEN: &str = "after:";
/// Stands between a filter, which is one lower-case word or nothing, and the store's token.
const FILTER_END: char = ':';

/// A page as asked for.
#[derive(Debug)]
pub(crate) struct PageAsk {
    pub rows: u32,
    pub after: Option<String>,
}

impl PageAsk {
    /// Reads `page_size` and `page_token` of a request.
    pub fn new(size: u32, token: String) -> Result<Self, Status> {
        if token.len() > TOKEN_BYTES_MOST {
            return Err(invalid_field("page_token", "not a token of this list"));
        }
        let rows = if size == 0 { DEFAULT_ROWS } else { size.min(MOST_ROWS) };
        Ok(Self { rows, after: Some(token).filter(|token| !token.is_empty()) })
    }

    /// The same with the store's own token: of lists whose tokens are made by [`narrowed_token`] with `filter`.
    pub fn narrowed(self, filter: &str) -> Result<Self, Status> {
        let own = |token: &str| token.strip_prefix(filter)?.strip_prefix(FILTER_END).map(str::to_owned);
        match self.after.as_deref().map(own) {
            Some(None) => Err(invalid_field("page_token", "not a token of this list")),
            after => Ok(Self { after: after.flatten(), ..self }),
        }
    }

    /// Cuts a page out of `all`, which is sorted by `name`.
    pub fn of_names<T>(&self, all: Vec<T>, name: impl Fn(&T) -> &str) -> Result<(Vec<T>, String), Status> {
        let after = self.after.as_deref().map(|token| token.strip_prefix(NAME_TOKEN));
        if after == Some(None) {
            return Err(invalid_field("page_token", "not a token of this list"));
        }
        let after = after.flatten();
        let mut rest = all.into_iter().filter(|row| after.is_none_or(|after| name(row) > after));
        let rows: Vec<T> = rest.by_ref().take(self.rows as usize).collect();
        let more = rest.next().is_some();
        let next = rows.last().filter(|_| more).map(|row| format!("{NAME_TOKEN}{}", name(row)));
        Ok((rows, next.unwrap_or_default()))
    }
}

/// A token of the store's for a list that is narrowed here by `filter`: it leads on under no other.
pub(crate) fn narrowed_token(filter: &str, token: &str) -> String {
    format!("{filter}{FILTER_END}{token}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_default_and_a_cap() {
        let rows = |size| PageAsk::new(size, String::new()).unwrap().rows;
        assert_eq!((rows(0), rows(7), rows(u32::MAX)), (100, 7, 1_000));
        assert!(PageAsk::new(1, "x".repeat(1_001)).is_err());
    }

    #[test]
    fn a_token_leads_on_under_its_own_filter_only() {
        let under = |filter: &str, token: String| {
            PageAsk::new(1, token).unwrap().narrowed(filter).map(|ask| ask.after).map_err(|refused| refused.code())
        };
        for filter in ["", "up", "unknown"] {
            assert_eq!(under(filter, narrowed_token(filter, "AbC")), Ok(Some("AbC".into())));
            assert_eq!(under(filter, String::new()), Ok(None));
            for other in ["down", "u", "upp"] {
                assert_eq!(under(filter, narrowed_token(other, "AbC")), Err(tonic::Code::InvalidArgument));
            }
            assert_eq!(under(filter, "AbC".into()), Err(tonic::Code::InvalidArgument));
        }
    }

    #[test]
    fn pages_of_names_meet_without_gap_or_overlap() {
        let all = || vec!["a", "b", "c"];
        let page = |token: &str| PageAsk::new(2, token.into()).unwrap().of_names(all(), |name| name).unwrap();
        assert_eq!(page(""), (vec!["a", "b"], "after:b".to_owned()));
        assert_eq!(page("after:b"), (vec!["c"], String::new()));
        assert!(PageAsk::new(2, "b".into()).unwrap().of_names(all(), |name| name).is_err());
    }
}
