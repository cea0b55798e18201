//! Cold. A client of the engine's door, and a binary that runs until its test ends.

#![allow(dead_code, reason = "each user takes a part of it")]

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// The status code and the whole answer.
pub fn ask(address: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let code = answer.split(' ').nth(1).and_then(|c| c.parse().ok()).expect("a status");
    (code, answer)
}

pub fn get(address: SocketAddr, path: &str) -> (u16, String) {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
}

pub fn post(address: SocketAddr, path: &str, token: &str) -> (u16, String) {
    let auth = format!("Authorization: Bearer {token}");
    ask(address, &format!("POST {path} HTTP/1.1\r\nHost: x\r\n{auth}\r\n\r\n"))
}

/// A token file as the engine wants it.
pub fn write_token(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt;
    let _ = std::fs::remove_file(path);
    let mut open = std::fs::OpenOptions::new();
    let mut file = open.write(true).create_new(true).mode(0o600).open(path).expect("a file");
    writeln!(file, "{TOKEN}").expect("a disk");
}

/// Ends the run if the test does not come to its end.
pub struct Run {
    pub child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Run {
    pub fn start(command: &mut Command) -> Run {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the test's own binary runs");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Run { child, lines }
    }

    /// The next line that it prints; `None` when it has ended.
    pub fn line(&mut self) -> Option<String> {
        Some(self.lines.next()?.expect("text"))
    }

    /// Where it says that it serves.
    pub fn door(&mut self) -> SocketAddr {
        loop {
            let line = self.line().expect("it says where it serves");
            let at = line.split_once("http://").and_then(|(_, rest)| rest.split_once("/health"));
            if let Some((address, _)) = at {
                return address.parse().expect("an address");
            }
        }
    }

    /// Everything that it still prints, and its exit code.
    pub fn end(mut self) -> (String, Option<i32>) {
        let mut text = String::new();
        while let Some(line) = self.line() {
            text.push_str(&line);
            text.push('\n');
        }
        (text, self.child.wait().expect("it ends").code())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
