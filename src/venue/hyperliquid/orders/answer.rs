//! Hot. Answers to posts.
