//! What each address answers with. No route writes anything, and none takes a path of a file.

use std::path::PathBuf;
use std::sync::Arc;

use bicuspid_ledger::RunStore;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
    REFERRER_POLICY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use tokio::sync::Semaphore;

use crate::body::Reply;
use crate::live::{self, Stream};
use crate::metrics;
use crate::pages::{self, Shell};
use crate::query::Query;
use crate::record::Run;
use crate::view::Feed;

/// Name of the folder of run records in the state folder.
const RUNS: &str = "runs";
/// Most runs that the list of runs shows.
const RUNS_SHOWN_MAX: usize = 200;
/// Most browsers that may listen to live runs at a time.
const LISTENERS_MAX: usize = 16;

/// Everything that a page may load comes from this server; nothing is inline, nothing is framed, nothing is sent.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const STYLE: &str = include_str!("../assets/style.css");
const SCRIPT: &str = include_str!("../assets/live.js");
const ICON: &str = include_str!("../assets/icon.svg");

/// The pages, and where they get what they show.
pub struct Site {
    feed: Box<dyn Feed>,
    version: &'static str,
    seats: Arc<Semaphore>,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("version", &self.version).finish_non_exhaustive()
    }
}

impl Site {
    /// Pages over a feed, made by this version of the program.
    #[must_use]
    pub fn new(feed: Box<dyn Feed>, version: &'static str) -> Self {
        Self { feed, version, seats: Arc::new(Semaphore::new(LISTENERS_MAX)) }
    }

    /// Answers a request that was let in.
    pub(crate) async fn answer(&self, head: &Parts) -> Response<Reply> {
        let query = Query::parse(head.uri.query().unwrap_or_default());
        let feed = self.feed.as_ref();
        match head.uri.path() {
            "/" => {
                let (copies, safety, logs) = (feed.copies().await, feed.safety().await, feed.logs().await);
                let (runs, _) = self.runs();
                page(pages::overview::page(&self.shell("/"), &copies, &safety, &logs, &runs))
            }
            "/safety" => {
                let (safety, logs) = (feed.safety().await, feed.logs().await);
                let (runs, _) = self.runs();
                page(pages::safety::page(&self.shell("/safety"), &safety, &logs, &runs))
            }
            "/freshness" => {
                let copies = feed.copies().await;
                page(pages::freshness::page(&self.shell("/freshness"), &copies, &query))
            }
            "/runs" => {
                let (runs, unreadable) = self.runs();
                page(pages::runs::page(&self.shell("/runs"), &runs, unreadable, &query))
            }
            "/practice" => {
                let practice = feed.practice().await;
                page(pages::practice::page(&self.shell("/practice"), practice.as_ref()))
            }
            "/audit" => {
                let logs = feed.logs().await;
                page(pages::audit::page(&self.shell("/audit"), &logs, &query))
            }
            "/metrics" => {
                let copies = feed.copies().await;
                let (runs, _) = self.runs();
                let records: Vec<_> = runs.into_iter().map(|run| run.record).collect();
                let text = metrics::exposition(self.version, feed.now(), &copies, &records);
                reply(StatusCode::OK, metrics::MEDIA_TYPE, Reply::whole(text))
            }
            "/live" => match Arc::clone(&self.seats).try_acquire_owned() {
                Ok(seat) => reply(
                    StatusCode::OK,
                    "text/event-stream; charset=utf-8",
                    Reply::Events(Stream::new(feed.places(), seat)),
                ),
                Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE),
            },
            "/style.css" => reply(StatusCode::OK, "text/css; charset=utf-8", Reply::whole(STYLE)),
            "/live.js" => reply(StatusCode::OK, "text/javascript; charset=utf-8", Reply::whole(SCRIPT)),
            "/favicon.svg" => reply(StatusCode::OK, "image/svg+xml", Reply::whole(ICON)),
            "/favicon.ico" => {
                let mut moved = plain(StatusCode::MOVED_PERMANENTLY);
                moved.headers_mut().insert(LOCATION, HeaderValue::from_static("/favicon.svg"));
                moved
            }
            path => {
                if let Some(run) = path.strip_prefix("/runs/").and_then(|id| self.run(id)) {
                    return page(pages::run::page(&self.shell("/runs"), &run));
                }
                let mut missing = page(pages::missing(&self.shell("")));
                *missing.status_mut() = StatusCode::NOT_FOUND;
                missing
            }
        }
    }

    fn shell(&self, path: &'static str) -> Shell {
        let places = self.feed.places();
        let now = self.feed.now();
        Shell {
            path,
            version: self.version,
            now,
            environments: places.iter().map(|place| place.environment).collect(),
            live: live::runs(&places, now),
        }
    }

    /// The state folders, each once.
    fn folders(&self) -> Vec<PathBuf> {
        let mut folders: Vec<PathBuf> = self.feed.places().into_iter().map(|place| place.folder).collect();
        folders.sort();
        folders.dedup();
        folders
    }

    /// The runs of the environments that are shown, newest first, and how many records could not be read.
    fn runs(&self) -> (Vec<Run>, usize) {
        let shown = self.feed.places();
        let (mut list, mut unreadable) = (Vec::new(), 0);
        for folder in self.folders() {
            // There is no folder before the first run.
            if let Ok((records, bad)) = RunStore::at(folder.join(RUNS)).list() {
                unreadable += bad;
                list.extend(
                    records.into_iter().filter(|record| shown.iter().any(|place| place.shows(record))),
                );
            }
        }
        list.sort_by(|a, b| (&b.started_at, &b.run_id).cmp(&(&a.started_at, &a.run_id)));
        list.truncate(RUNS_SHOWN_MAX);
        (list.into_iter().map(Run::new).collect(), unreadable)
    }

    /// One run of the environments that are shown.
    fn run(&self, id: &str) -> Option<Run> {
        let shown = self.feed.places();
        let record = self
            .folders()
            .iter()
            .find_map(|folder| RunStore::at(folder.join(RUNS)).load(id).ok().flatten())?;
        shown.iter().any(|place| place.shows(&record)).then(|| Run::new(record))
    }
}

/// The answer to a request that was not let in.
pub(crate) fn refused(status: StatusCode) -> Response<Reply> {
    let mut answer = plain(status);
    match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        StatusCode::UNAUTHORIZED => {
            answer.headers_mut().insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static(
                    "Basic realm=\"Bicuspid: any name, and the token as password\", charset=\"UTF-8\"",
                ),
            );
        }
        _ => {}
    }
    answer
}

fn page(html: String) -> Response<Reply> {
    reply(StatusCode::OK, "text/html; charset=utf-8", Reply::whole(html))
}

/// A status and its own words.
fn plain(status: StatusCode) -> Response<Reply> {
    reply(status, "text/plain; charset=utf-8", Reply::whole(format!("{status}\n")))
}

/// An answer with the headers of every answer.
fn reply(status: StatusCode, media_type: &'static str, body: Reply) -> Response<Reply> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, media_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}
