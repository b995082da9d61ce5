//! A server on this machine that answers as the Hub does, as well or as badly as a test wants it.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What somebody asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// With what follows a question mark.
    pub path: String,
    /// The first byte, of a part.
    pub from: Option<usize>,
    pub authorization: Option<String>,
}

/// An answer, and what of its body is sent.
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// After so many bytes of the body the connection is cut.
    pub cut: Option<usize>,
    /// The body is repeated until nobody reads it, and no length is said.
    pub endless: bool,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), cut: None, endless: false }
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

pub struct Server {
    pub address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(mut answer: impl FnMut(&Asked) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let over = Arc::new(AtomicBool::new(false));
        let (log, end) = (asked.clone(), over.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if end.load(Ordering::Acquire) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                // A connection on which nobody asks must not hold up the others.
                let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
                let Some(request) = read(&stream) else { continue };
                log.lock().unwrap().push(request.clone());
                // Whoever asked may be gone.
                let _ = send(stream, &answer(&request));
            }
        });
        Self { address, asked, over, thread: Some(thread) }
    }

    /// What was asked for so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How often a path was asked for that begins so.
    pub fn count(&self, begin: &str) -> usize {
        self.asked().iter().filter(|asked| asked.path.starts_with(begin)).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address.trim_start_matches("http://"));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let path = first.split(' ').nth(1)?.to_owned();
    let mut asked = Asked { path, from: None, authorization: None };
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "range" => asked.from = value.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok(),
            "authorization" => asked.authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    Some(asked)
}

fn send(mut stream: TcpStream, reply: &Reply) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} Some\r\nConnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !reply.endless {
        head.push_str(&format!("Content-Length: {}\r\n", reply.body.len()));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    if reply.endless {
        // Not quite without an end, so that a client that reads on fails instead of hanging.
        for _ in 0..10_000 {
            stream.write_all(&reply.body)?;
        }
    }
    stream.write_all(&reply.body[..reply.cut.unwrap_or(reply.body.len())])?;
    stream.flush()
}

/// A file of the repository `org/name`.
#[derive(Debug, Clone)]
pub struct Shelved {
    pub path: &'static str,
    pub content: Vec<u8>,
    /// Kept in a storage of its own, with a SHA-256.
    pub large: bool,
}

pub fn small(path: &'static str, content: &str) -> Shelved {
    Shelved { path, content: content.as_bytes().to_vec(), large: false }
}

pub fn large(path: &'static str, size: usize) -> Shelved {
    let content = (0..size).map(|at| (at * 7 + at / 256) as u8).collect();
    Shelved { path, content, large: true }
}

pub fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Answers as the Hub does for a repository at `main` that has these files. `twist` may change each answer.
pub fn hub(
    files: Vec<Shelved>,
    mut twist: impl FnMut(&Asked, Reply) -> Reply + Send + 'static,
) -> impl FnMut(&Asked) -> Reply + Send + 'static {
    move |asked: &Asked| {
        let reply = honest(&files, asked);
        twist(asked, reply)
    }
}

fn honest(files: &[Shelved], asked: &Asked) -> Reply {
    let path = asked.path.as_str();
    let missing = || Reply::new(404, "").with("X-Error-Code", "RepoNotFound");
    for kind in ["models", "datasets"] {
        if ["main", COMMIT].iter().any(|at| path == format!("/api/{kind}/org/name/revision/{at}")) {
            return Reply::new(200, json!({"id": "org/name", "sha": COMMIT, "siblings": []}).to_string());
        }
        if path == format!("/api/{kind}/org/name/tree/{COMMIT}?recursive=true") {
            return Reply::new(200, tree(files));
        }
    }
    let of = |begin: &str| {
        let rest = path.split('?').next()?.strip_prefix(begin)?;
        files.iter().find(|file| file.path == rest)
    };
    let resolve = format!("/org/name/resolve/{COMMIT}/");
    if let Some(file) = of(&resolve).or_else(|| of(&format!("/datasets{resolve}"))) {
        if !file.large {
            return content(file, asked).with("X-Repo-Commit", COMMIT);
        }
        return Reply::new(302, "")
            .with("X-Repo-Commit", COMMIT)
            .with("X-Linked-Etag", format!("\"{}\"", sha256(&file.content)))
            .with("Location", format!("/cdn/{}?signature=hidden", file.path));
    }
    of("/cdn/").map_or_else(missing, |file| content(file, asked))
}

fn tree(files: &[Shelved]) -> String {
    let entries = files.iter().map(|file| {
        let (hash, size) = (sha256(&file.content), file.content.len());
        let mut entry = json!({"type": "file", "oid": hash[..40], "size": size, "path": file.path});
        if file.large {
            entry["lfs"] = json!({"oid": hash, "size": size, "pointerSize": 130});
        }
        entry
    });
    serde_json::Value::Array(entries.collect()).to_string()
}

fn content(file: &Shelved, asked: &Asked) -> Reply {
    let size = file.content.len();
    match asked.from {
        Some(from) if from < size => {
            Reply::new(206, &file.content[from..]).with("Content-Range", format!("bytes {from}-{}/{size}", size - 1))
        }
        Some(_) => Reply::new(416, ""),
        None => Reply::new(200, file.content.clone()),
    }
}
