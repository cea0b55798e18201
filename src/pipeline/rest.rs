//! Cold. Requests of `venue`'s REST face, made. Everything here blocks.

use super::clock::Clock;
use crate::net::http::{Answer, HttpLimits, http_answer};
use crate::net::{Call, Endpoint};
use crate::venue::rest::{Method, Pass, Request, Topic, VenueRest};

/// Requests of one topic: a venue that names page after page comes to an end.
const REQUESTS_MAX: usize = 64;

/// Of a refusal so many bytes are shown.
const SHOWN: usize = 300;

/// The answer to one request. `base`: the venue's REST base.
pub fn fetch(base: &Endpoint, request: &Request, clock: &Clock) -> Result<Vec<u8>, String> {
    let headers: Vec<_> = request.headers.iter().map(|(name, v)| (*name, v.as_str())).collect();
    let method = match request.method {
        Method::Get => "GET",
        Method::Post => "POST",
    };
    let call = Call { method, headers: &headers, body: &request.body };
    let to = base.with_path(&request.path);
    let answer = http_answer(&to, &call, &HttpLimits::default(), &|| clock.stamp().0);
    match answer {
        Ok(Answer { status: 200, body }) => Ok(body),
        Ok(Answer { status, body }) => {
            Err(format!("{}: HTTP status {status}: {}", request.name(), shown(&body)))
        }
        Err(error) => Err(format!("{}: {error}", request.name())),
    }
}

/// The beginning of what a server said, for people.
fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(SHOWN)]);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The answers to everything that a topic asks.
pub fn ask(
    base: &Endpoint,
    rest: &VenueRest,
    topic: Topic<'_>,
    pass: &Pass,
    clock: &Clock,
) -> Result<Vec<Vec<u8>>, String> {
    let mut answers = Vec::new();
    while let Some(request) = rest.next(topic, &answers, pass).map_err(|error| error.to_string())? {
        if answers.len() == REQUESTS_MAX {
            return Err(format!("{}: the answers come to no end", request.path));
        }
        answers.push(fetch(base, &request, clock)?);
    }
    Ok(answers)
}
