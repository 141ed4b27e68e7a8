//! The gRPC contract, generated from `shared/proto` by `cargo xtask gen`.

/// `galaxy.push.v1`: messages, client and server (SPEC §12). How it is used: docs/push.md.
#[allow(
    missing_docs,
    clippy::all,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "generated code: what it breaks depends on prost"
)]
#[rustfmt::skip]
pub mod push {
    include!("galaxy.push.v1.rs");
}

/// The serialised `FileDescriptorSet` of `galaxy.push.v1`, for gRPC server reflection.
pub const PUSH_DESCRIPTORS: &[u8] = include_bytes!("galaxy.push.v1.descriptors.bin");
