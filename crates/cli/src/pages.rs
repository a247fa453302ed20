//! Lists come in pages; people and scripts want them whole.

use crate::exit::Failure;
use crate::repeat::until_told;
use tonic::Status;

/// The most the server gives at once.
const PAGE_SIZE: u32 = 1_000;
/// Pages of things that carry bodies are kept smaller.
pub const HEAVY_PAGE_SIZE: u32 = 200;
/// What people see of a history when they do not say how much.
const SHOWN_TO_PEOPLE: usize = 50;

/// `--limit`, for what grows with every ping.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Limit {
    /// The newest N only; 0: all. Without it people see 50, `--json` prints all
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<usize>,
}

impl Limit {
    /// How many to fetch at most.
    pub fn most(self, json: bool) -> usize {
        match self.limit {
            Some(0) => usize::MAX,
            Some(limit) => limit,
            None if json => usize::MAX,
            None => SHOWN_TO_PEOPLE,
        }
    }
}

/// Everything, page after page.
pub async fn all<T>(page: impl AsyncFnMut(u32, String) -> Result<(Vec<T>, String), Status>) -> Result<Vec<T>, Failure> {
    up_to(usize::MAX, PAGE_SIZE, page).await
}

/// The first `most` things. `page` gets a page size and a token and gives things and the next token; an empty
/// or repeated token ends the list, so that no server can make this run for ever.
pub async fn up_to<T>(
    most: usize,
    page_size: u32,
    mut page: impl AsyncFnMut(u32, String) -> Result<(Vec<T>, String), Status>,
) -> Result<Vec<T>, Failure> {
    let (mut all, mut token) = (Vec::new(), String::new());
    loop {
        let wanted = u32::try_from(most.saturating_sub(all.len())).unwrap_or(u32::MAX).min(page_size);
        let (things, next) = until_told(async || page(wanted, token.clone()).await).await?;
        all.extend(things);
        if next.is_empty() || next == token || all.len() >= most {
            all.truncate(most);
            return Ok(all);
        }
        token = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Serves 0..25 in pages whose token is the next number.
    async fn page(size: u32, token: String) -> Result<(Vec<u32>, String), Status> {
        let from: u32 = token.parse().unwrap_or(0);
        let to = (from + size.min(10)).min(25);
        Ok(((from..to).collect(), if to < 25 { to.to_string() } else { String::new() }))
    }

    #[tokio::test]
    async fn pages_are_joined_and_limits_kept() {
        assert_eq!(all(page).await.unwrap(), (0..25).collect::<Vec<_>>());
        assert_eq!(up_to(12, 1_000, page).await.unwrap(), (0..12).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_token_that_repeats_ends_the_list() {
        let same = async |_: u32, _: String| Ok::<_, Status>((vec![1], "again".to_owned()));
        assert_eq!(all(same).await.unwrap(), [1, 1]);
    }
}
