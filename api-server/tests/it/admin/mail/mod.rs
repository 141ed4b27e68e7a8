//! Mail as administrators see it: `/api/v1/admin/mail`.

mod dead_letters;
mod deliveries;
