//! The groups that the document shows its operations in.

use poem_openapi::Tags as DeriveTags;

/// Groups of the document.
#[derive(DeriveTags)]
pub enum Tags {
    /// Anyone, through the gateway.
    Public,
    /// The gateway itself.
    Internal,
    /// The gateway on behalf of a user: bearer token and `X-User-ID`.
    User,
    /// Administrators.
    Admin,
}
