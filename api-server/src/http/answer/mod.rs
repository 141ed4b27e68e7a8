//! What an answer is besides its object: 201 and 204, refusals, other people's JSON, files of lines, and the headers that all have.

pub mod by_the_frame;
pub mod cookie;
pub mod created;
pub mod csv;
pub mod deleted;
pub mod export;
pub mod headers;
pub mod masked;
pub mod opaque;
pub mod problem;
