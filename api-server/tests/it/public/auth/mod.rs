//! Sign-in: `/api/v1/public/auth`.

mod code_mails;
mod guarded;
pub mod sign_in;
