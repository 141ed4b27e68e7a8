//! Protobuf: messages, client and server of `galaxy.push.v1`, without a `protoc` binary.

use std::path::Path;

use anyhow::Context as _;

use super::files;

const FILE: &str = "galaxy/push/v1/push.proto";

/// Writes `shared/src/proto/galaxy.push.v1.rs` and the descriptor set beside it that gRPC reflection serves.
///
/// # Errors
/// A fault in the proto file (with its place), or a file that cannot be written.
pub fn generate(root: &Path) -> anyhow::Result<()> {
    let (source, out) = (root.join("shared/proto"), files::fresh("proto")?);
    let mut compiler = protox::Compiler::new([&source])?;
    // The comments become the code's documentation; reflection does without, its set is a third of the size.
    let commented = compiler.include_source_info(true).open_file(FILE)?.file_descriptor_set();
    tonic_prost_build::configure()
        .out_dir(&out)
        // Payloads are shared by all the streams that carry them: cloning one must not copy it.
        .bytes(".galaxy.push.v1")
        .emit_rerun_if_changed(false)
        .compile_fds(commented)
        .context("generate galaxy.push.v1")?;
    let bare = compiler.include_source_info(false).encode_file_descriptor_set();
    std::fs::write(out.join("galaxy.push.v1.descriptors.bin"), bare).context("write the descriptor set")?;
    files::put_all(&out, &root.join("shared/src/proto"))
}
