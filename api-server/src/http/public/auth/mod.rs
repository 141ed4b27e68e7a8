//! Sign-in by mailed code.

pub mod confirm_email_code;
pub mod send_email_code;
