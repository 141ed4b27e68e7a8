//! Operations for the gateway: `/api/v1/internal`.

mod identities;
mod sessions;
mod users;
