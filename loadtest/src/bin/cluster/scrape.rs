//! What a process says on its admin port.

use crate::http::Http;
use anyhow::{Result, ensure};
use std::net::SocketAddr;

/// One answer of `/metrics`, the Prometheus text format.
pub struct Metrics(String);

impl Metrics {
    pub async fn of(admin: SocketAddr) -> Result<Self> {
        let (status, text) = Http::open(admin).await?.get("/metrics").await?;
        ensure!(status == 200, "/metrics answered {status}");
        Ok(Self(text))
    }

    /// The series of a name: labels as they are written, and value.
    pub fn series<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.0.lines().filter_map(move |line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = match rest.strip_prefix('{') {
                Some(labelled) => labelled.rsplit_once("} ")?,
                None => ("", rest.strip_prefix(' ')?),
            };
            Some((labels, value.trim().parse().ok()?))
        })
    }

    /// All series together; 0 when there are none.
    pub fn sum(&self, name: &str) -> f64 {
        self.series(name).map(|(_, value)| value).sum()
    }
}

/// Whether the process says that it can do its job.
pub async fn is_ready(admin: SocketAddr) -> bool {
    let asked = async { Http::open(admin).await?.get("/readyz").await };
    asked.await.is_ok_and(|(status, _)| status == 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_told_apart_by_their_whole_name() {
        let text = "# TYPE a gauge\na 3\na_b{t=\"x y\"} 4\na_b{t=\"z\"} 0.5\na_bc 9\n";
        let metrics = Metrics(text.to_owned());
        assert_eq!((metrics.sum("a"), metrics.sum("a_b"), metrics.sum("nothing")), (3.0, 4.5, 0.0));
        assert_eq!(metrics.series("a_b").next(), Some(("t=\"x y\"", 4.0)));
    }
}
