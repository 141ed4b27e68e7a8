//! The platform as the world sees it: a client written as a gateway would be, a mailbox, and the demo game that is played
//! through nothing else. The end-to-end tests stand on the same, and so does what breaks a stack under load.
#![expect(
    clippy::disallowed_methods,
    reason = "players live outside the platform: they have the machine's clock and its randomness"
)]

pub mod chaos;
pub mod demo;
mod fields;
pub mod gateway;
pub mod mailbox;
pub mod sign_in;
pub mod upgrade;
