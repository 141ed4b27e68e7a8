//! Games as administrators run them: `/api/v1/admin/games`.

mod end;
mod force;
mod pause;
mod resume;
mod timeline;
