//! A small HTTP server of threads that answers well or in all the ways in which servers fail.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

/// A request for text as it came in.
#[derive(Clone)]
pub struct Asked {
    /// Requests for text to this server before this one.
    pub number: usize,
    /// Whether it is for a chat, and not for a prompt of tokens.
    pub chat: bool,
    /// The head, in small letters.
    pub head: String,
    pub body: Value,
}

impl Asked {
    pub fn streamed(&self) -> bool {
        self.body["stream"] == json!(true)
    }

    /// What a server that is well says to this.
    pub fn text(&self) -> String {
        if !self.chat {
            return format!("answer to {} tokens", self.body["prompt"].as_array().unwrap().len());
        }
        let messages = self.body["messages"].as_array().unwrap();
        format!("answer to {}", messages.last().unwrap()["content"].as_str().unwrap())
    }
}

/// A part of what is sent.
pub enum Piece {
    Bytes(Vec<u8>),
    Wait(Duration),
}

pub type Reply = Vec<Piece>;

pub fn bytes(bytes: impl Into<Vec<u8>>) -> Piece {
    Piece::Bytes(bytes.into())
}

pub fn wait(millis: u64) -> Piece {
    Piece::Wait(Duration::from_millis(millis))
}

/// A whole answer with its length. `headers` end with a line break each.
pub fn whole(status: u16, headers: &str, body: &str) -> Reply {
    let length = body.len();
    vec![bytes(format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"))]
}

pub fn json_reply(status: u16, body: &Value) -> Reply {
    whole(status, "Content-Type: application/json\r\n", &body.to_string())
}

/// A stream that ends when the connection does.
pub fn stream(mut pieces: Vec<Piece>) -> Reply {
    pieces.insert(
        0,
        bytes("HTTP/1.1 200 X\r\nContent-Type: text/event-stream; charset=utf-8\r\nConnection: close\r\n\r\n"),
    );
    pieces
}

/// One event with some text.
pub fn delta(text: &str) -> Piece {
    event(&json!({"index": 0, "delta": {"content": text}}))
}

/// One event of a stream.
pub fn event(choice: &Value) -> Piece {
    bytes(format!("data: {}\n\n", json!({"choices": [choice]})))
}

/// Prompts have 3 tokens and answers 4.
pub fn usage() -> Value {
    json!({"prompt_tokens": 3, "completion_tokens": 4})
}

/// The last events of a stream.
pub fn ending() -> Piece {
    let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let usage = json!({"choices": [], "usage": usage()});
    bytes(format!("data: {end}\n\ndata: {usage}\n\ndata: [DONE]\n\n"))
}

pub fn completion(text: &str, reason: &str) -> Reply {
    chosen(&json!({"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}))
}

/// A whole answer with its usage.
pub fn chosen(choice: &Value) -> Reply {
    json_reply(200, &json!({"choices": [choice], "usage": usage()}))
}

/// What a server that is well sends.
pub fn good(asked: &Asked) -> Reply {
    match (asked.chat, asked.streamed()) {
        (true, true) => stream(vec![delta(&asked.text()), ending()]),
        (true, false) => completion(&asked.text(), "stop"),
        (false, true) => stream(vec![event(&json!({"index": 0, "text": asked.text()})), ending()]),
        (false, false) => chosen(&json!({"index": 0, "text": asked.text(), "finish_reason": "stop"})),
    }
}

type Behaviour = dyn Fn(&Asked) -> Reply + Send + Sync;

struct Shared {
    models: Value,
    /// So many lists of models are refused first.
    refused: Mutex<usize>,
    behaviour: Box<Behaviour>,
    asked: Mutex<Vec<Asked>>,
    props: AtomicUsize,
    over: AtomicBool,
}

pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// A server of the model `m`.
    pub fn start(behaviour: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::of_model(json!({"id": "m", "owned_by": "test"}), 0, behaviour)
    }

    pub fn of_model(model: Value, refused: usize, behaviour: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            models: json!({"object": "list", "data": [model]}),
            refused: Mutex::new(refused),
            behaviour: Box::new(behaviour),
            asked: Mutex::default(),
            props: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        });
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if for_thread.over.load(Ordering::Acquire) {
                    return;
                }
                let shared = Arc::clone(&for_thread);
                if let Ok(connection) = connection {
                    // A client that goes away in the middle is part of the tests.
                    std::thread::spawn(move || drop(serve(connection, &shared)));
                }
            }
        });
        Self { address, shared, thread: Some(thread) }
    }

    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Release);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers the one request of a connection.
fn serve(mut connection: TcpStream, shared: &Shared) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    let mut body = vec![0u8; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    for piece in reply(&head, &body, shared) {
        match piece {
            Piece::Bytes(bytes) => connection.write_all(&bytes)?,
            Piece::Wait(long) => {
                let end = std::time::Instant::now() + long;
                while std::time::Instant::now() < end && !shared.over.load(Ordering::Acquire) {
                    std::thread::sleep(Duration::from_millis(2).min(long));
                }
            }
        }
    }
    Ok(())
}

fn reply(head: &str, body: &[u8], shared: &Shared) -> Reply {
    let path = head.split(' ').nth(1).unwrap_or_default();
    match path {
        "/v1/models" => {
            let mut refused = shared.refused.lock().unwrap();
            if *refused > 0 {
                *refused -= 1;
                return json_reply(503, &json!({"error": {"message": "loading"}}));
            }
            json_reply(200, &shared.models)
        }
        // As llama-server tells how many requests it works on at once; of a list each time another one.
        "/props" => {
            let slots = &shared.models["data"][0]["slots"];
            let time = shared.props.fetch_add(1, Ordering::AcqRel);
            json_reply(200, &json!({"total_slots": slots.get(time).unwrap_or(slots)}))
        }
        "/v1/chat/completions" | "/v1/completions" => {
            let asked = {
                let mut all = shared.asked.lock().unwrap();
                let body = serde_json::from_slice(body).unwrap();
                let chat = path == "/v1/chat/completions";
                let asked = Asked { number: all.len(), chat, head: head.to_owned(), body };
                all.push(asked.clone());
                asked
            };
            (shared.behaviour)(&asked)
        }
        _ => json_reply(404, &json!({"detail": "Not Found"})),
    }
}
