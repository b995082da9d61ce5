//! Requests to the Hub and to where it sends on to: bounded in time and size, a person's wish to stop heard all the while.
//!
//! The token goes to the Hub's own address and nowhere else, whatever a redirect says; so redirects are followed here. Addresses
//! of storage carry signatures, so no message has an address in it.

use std::error::Error;
use std::pin::pin;
use std::time::{Duration, Instant};

use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, LINK, LOCATION, RANGE, RETRY_AFTER,
};
use reqwest::{Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::timeout;

use super::HubError;
use super::error::{bytes, shown};
use super::options::{Options, Pace};
use super::progress::Meter;
use crate::net::{self, ClientOptions, Secret};

/// Between two looks at whether a person wants it to end.
const TICK: Duration = Duration::from_millis(100);
const MOST_REDIRECTS: usize = 8;
/// No server keeps this program waiting for longer than this at a time.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A list that is not whole by then never will be.
const LONGEST_LIST: Duration = Duration::from_secs(120);

/// Why a request brought nothing.
#[derive(Debug)]
pub(super) enum Failure {
    Interrupted,
    /// No connection, a cut one, or none that says anything: may be better next time.
    Broken(String),
    /// An answer other than the one that was asked for.
    Status {
        code: u16,
        /// Of the Hub, such as `GatedRepo`; empty where it says none.
        word: String,
        retry_after: Option<Duration>,
    },
    /// An answer that no new attempt makes better.
    Nonsense(String),
}

impl Failure {
    /// Whether nobody answered at all.
    pub(super) fn is_silence(&self) -> bool {
        matches!(self, Self::Broken(_))
    }

    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Broken(_) => true,
            Self::Status { code, .. } => matches!(code, 408 | 425 | 429 | 500..=599),
            Self::Interrupted | Self::Nonsense(_) => false,
        }
    }

    fn retry_after(&self) -> Duration {
        match self {
            Self::Status { retry_after: Some(wait), .. } => (*wait).min(LONGEST_WAIT),
            _ => Duration::ZERO,
        }
    }

    /// What happened below HTTP, without an address.
    fn of_transport(error: &reqwest::Error) -> Self {
        let mut last: &dyn Error = error;
        while let Some(source) = last.source() {
            last = source;
        }
        let what = if error.is_connect() { "no connection" } else { "the connection broke off" };
        // An error without a source would repeat its address.
        let why = if error.source().is_some() { shown(&last.to_string()) } else { "no reason given".to_owned() };
        Self::Broken(format!("{what}: {why}"))
    }
}

/// An answer whose body has not been read.
pub(super) struct Answer {
    response: Response,
    pub status: u16,
    /// The first byte of the body in the whole file, and the size of that; of a partial answer alone.
    pub range: Option<(u64, Option<u64>)>,
    /// Of the body.
    pub length: Option<u64>,
    /// As the Hub itself said it, before it sent on to a storage.
    pub commit: Option<String>,
    /// The same of the file's hash: what stands between the quotes.
    pub linked_etag: Option<String>,
}

/// A page of a list, and where the next one is.
pub(super) struct Page<T> {
    pub value: T,
    pub next: Option<Url>,
}

#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    /// Taken when dropped.
    runtime: Option<Runtime>,
    endpoint: Url,
    token: Option<Secret>,
    pace: Pace,
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A name that is being looked up must not keep the program.
            runtime.shutdown_background();
        }
    }
}

impl Client {
    /// # Errors
    /// If the address is none, or certificates cannot be read.
    pub(super) fn new(options: &Options) -> Result<Self, HubError> {
        if Handle::try_current().is_ok() {
            let reason = "a download was begun inside asynchronous work".to_owned();
            return Err(HubError::Transport { reason });
        }
        let endpoint = options.address()?;
        let mut token = options.token.clone();
        if token.is_some() && endpoint.scheme() != "https" && !is_local(&endpoint) {
            tracing::warn!("HF_ENDPOINT is no https address, so the token is not sent there");
            token = None;
        }
        Self::with(endpoint, token, options.pace.clone())
    }

    /// Another one that does not wait for long, for where the cache has an answer too.
    pub(super) fn hasty(&self) -> Result<Self, HubError> {
        Self::with(self.endpoint.clone(), self.token.clone(), self.pace.hasty())
    }

    fn with(endpoint: Url, token: Option<Secret>, pace: Pace) -> Result<Self, HubError> {
        let wrong = |reason: String| HubError::Transport { reason };
        // A server on this machine needs neither certificates nor a proxy.
        let elsewhere = !is_local(&endpoint);
        let client = ClientOptions { connect_timeout: pace.connect, proxies: elsewhere, certificates: elsewhere };
        let http = net::client(&client).map_err(|error| match Failure::of_transport(&error) {
            Failure::Broken(reason) => wrong(reason),
            _ => wrong("no reason given".to_owned()),
        })?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| wrong(error.to_string()))?;
        Ok(Self { http, runtime: Some(runtime), endpoint, token, pace })
    }

    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    pub(super) fn pace(&self) -> &Pace {
        &self.pace
    }

    /// An address below that of the Hub. Each part is one step of the path, whatever is in it.
    pub(super) fn url<'p>(&self, parts: impl IntoIterator<Item = &'p str>) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }

    /// Begins to get a file, from this byte on. Any status but 200 and 206 is a failure.
    pub(super) fn open(&self, url: &Url, from: u64, meter: &mut Meter<'_>) -> Result<Answer, Failure> {
        let mut url = url.clone();
        let (mut commit, mut linked_etag): (Option<String>, Option<String>) = (None, None);
        for _ in 0..=MOST_REDIRECTS {
            let mut request = self.http.get(url.clone()).header(ACCEPT_ENCODING, "identity");
            if from > 0 {
                request = request.header(RANGE, format!("bytes={from}-"));
            }
            if let Some(token) = &self.token
                && url.origin() == self.endpoint.origin()
            {
                request = request.header(AUTHORIZATION, token.bearer());
            }
            // Made inside: the request may start timers.
            let response = self.watched(self.pace.idle, meter, async move { request.send().await })?;
            let response = response.map_err(|error| Failure::of_transport(&error))?;
            let headers = response.headers();
            // The first to say it is the Hub.
            commit = commit.or_else(|| word(headers, "x-repo-commit"));
            linked_etag = linked_etag.or_else(|| word(headers, "x-linked-etag")).map(|etag| unquoted(&etag));
            if response.status().is_redirection() {
                url = onward(&url, headers)?;
                continue;
            }
            if !matches!(response.status(), StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
                return Err(of_status(&response));
            }
            if word(headers, "content-encoding").is_some_and(|encoding| encoding != "identity") {
                return Err(Failure::Nonsense("a compressed answer that was not asked for".to_owned()));
            }
            let status = response.status().as_u16();
            let range =
                if status == 206 { word(headers, CONTENT_RANGE.as_str()).and_then(|text| range(&text)) } else { None };
            let length = word(headers, CONTENT_LENGTH.as_str()).and_then(|text| text.parse().ok());
            return Ok(Answer { response, status, range, length, commit, linked_etag });
        }
        Err(Failure::Nonsense(format!("more than {MOST_REDIRECTS} redirects")))
    }

    /// The next piece of the body, `None` at its end.
    pub(super) fn piece(&self, answer: &mut Answer, meter: &mut Meter<'_>) -> Result<Option<Vec<u8>>, Failure> {
        let piece = self.watched(self.pace.idle, meter, answer.response.chunk())?;
        let piece = piece.map_err(|error| Failure::of_transport(&error))?;
        Ok(piece.map(|piece| piece.to_vec()))
    }

    /// Gets JSON of at most `most` bytes; tries again where that may help.
    pub(super) fn json<T: DeserializeOwned>(
        &self,
        url: &Url,
        most: usize,
        meter: &mut Meter<'_>,
    ) -> Result<Page<T>, Failure> {
        let mut tried = 0;
        loop {
            match self.json_once(url, most, meter) {
                Err(failure) if failure.may_pass() && tried < self.pace.tries => {
                    self.wait(tried, &failure, meter)?;
                    tried += 1;
                }
                done => return done,
            }
        }
    }

    fn json_once<T: DeserializeOwned>(
        &self,
        url: &Url,
        most: usize,
        meter: &mut Meter<'_>,
    ) -> Result<Page<T>, Failure> {
        let end = Instant::now() + LONGEST_LIST;
        let mut answer = self.open(url, 0, meter)?;
        let next = next_page(answer.response.headers(), &self.endpoint)?;
        let too_long = || Failure::Nonsense(format!("an answer of more than {}", bytes(most as u64)));
        if answer.length.is_some_and(|length| length > most as u64) {
            return Err(too_long());
        }
        let mut body = Vec::new();
        while let Some(piece) = self.piece(&mut answer, meter)? {
            if piece.len() > most - body.len() {
                return Err(too_long());
            }
            if Instant::now() > end {
                return Err(Failure::Broken(format!("no whole answer after {} s", LONGEST_LIST.as_secs())));
            }
            body.extend_from_slice(&piece);
        }
        let value = serde_json::from_slice(&body).map_err(|error| {
            Failure::Nonsense(format!("not the JSON that was expected: {}", shown(&error.to_string())))
        })?;
        Ok(Page { value, next })
    }

    /// Waits before a new attempt: `tried` have failed before this one.
    pub(super) fn wait(&self, tried: u32, failure: &Failure, meter: &mut Meter<'_>) -> Result<(), Failure> {
        let doubled = self.pace.first_wait.saturating_mul(1 << tried.min(5));
        let end = Instant::now() + doubled.min(LONGEST_WAIT).max(failure.retry_after());
        loop {
            if meter.tick().is_break() {
                return Err(Failure::Interrupted);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(TICK));
        }
    }

    /// Runs work to its end, to the end of patience, or until a person wants no more.
    fn watched<T>(
        &self,
        patience: Duration,
        meter: &mut Meter<'_>,
        work: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        let Some(runtime) = &self.runtime else { return Err(Failure::Interrupted) };
        runtime.block_on(async {
            let mut work = pin!(work);
            let end = Instant::now() + patience;
            loop {
                if let Ok(done) = timeout(TICK, work.as_mut()).await {
                    return Ok(done);
                }
                if meter.tick().is_break() {
                    return Err(Failure::Interrupted);
                }
                if Instant::now() >= end {
                    return Err(Failure::Broken(format!("nothing was said for {} s", patience.as_secs_f32())));
                }
            }
        })
    }
}

/// Whether it is a server of this machine that needs no https.
fn is_local(url: &Url) -> bool {
    url.scheme() == "http" && net::is_of_this_machine(url)
}

/// A header as text.
fn word(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn unquoted(etag: &str) -> String {
    etag.trim_start_matches("W/").trim_matches('"').to_owned()
}

/// Where a redirect leads.
fn onward(url: &Url, headers: &HeaderMap) -> Result<Url, Failure> {
    let nowhere = || Failure::Nonsense("a redirect to no usable address".to_owned());
    let place = headers.get(LOCATION).and_then(|place| place.to_str().ok()).ok_or_else(nowhere)?;
    let next = url.join(place).map_err(|_| nowhere())?;
    match next.scheme() {
        "https" => Ok(next),
        "http" if url.scheme() == "http" => Ok(next),
        _ => Err(Failure::Nonsense("a redirect that leaves https".to_owned())),
    }
}

fn of_status(response: &Response) -> Failure {
    let headers = response.headers();
    let retry_after = word(headers, RETRY_AFTER.as_str()).and_then(|text| text.trim().parse().ok());
    Failure::Status {
        code: response.status().as_u16(),
        word: shown(&word(headers, "x-error-code").unwrap_or_default()),
        retry_after: retry_after.map(Duration::from_secs),
    }
}

/// `bytes 5-9/10`: the first byte and the size, which may be `*`.
fn range(text: &str) -> Option<(u64, Option<u64>)> {
    let (span, size) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = span.split_once('-')?;
    let size = if size == "*" { None } else { Some(size.parse().ok()?) };
    Some((first.parse().ok()?, size))
}

/// The address in `Link: <…>; rel="next"`. Pages lie on the Hub itself.
fn next_page(headers: &HeaderMap, endpoint: &Url) -> Result<Option<Url>, Failure> {
    let Some(text) = word(headers, LINK.as_str()) else { return Ok(None) };
    let next = text.split(',').find(|link| link.contains("rel=\"next\""));
    let Some(place) = next.and_then(|link| link.split_once('<')?.1.split_once('>')) else { return Ok(None) };
    match endpoint.join(place.0) {
        Ok(url) if url.origin() == endpoint.origin() => Ok(Some(url)),
        _ => Err(Failure::Nonsense("the next page of a list is said to lie on another server".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_and_nonsense_is_not() {
        assert_eq!(range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(range("bytes 0-0/*"), Some((0, None)));
        for bad in ["", "bytes", "bytes */10", "bytes 5-9", "bytes -1-2/3", "bytes 5-9/99999999999999999999999"] {
            assert_eq!(range(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_redirect_never_leaves_https() {
        let to = |from: &str, place: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, place.parse().unwrap());
            onward(&Url::parse(from).unwrap(), &headers).map(String::from)
        };
        assert_eq!(to("https://hub/a/b", "/c?d").unwrap(), "https://hub/c?d");
        assert_eq!(to("https://hub/a", "https://store/x").unwrap(), "https://store/x");
        for bad in ["http://store/x", "file:///etc/passwd", "//", "https://"] {
            assert!(to("https://hub/a", bad).is_err(), "{bad}");
        }
        assert!(onward(&Url::parse("http://hub").unwrap(), &HeaderMap::new()).is_err());
    }
}
