//! The way into libFuzzer, and back. Built for `cargo xtask fuzz` alone.
#![expect(unsafe_code, reason = "libFuzzer is a program in C++; nothing else leads into it from a test")]

use std::cell::Cell;
use std::ffi::{CString, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};

// Links it.
use libfuzzer_sys as _;

type Run<'a> = &'a dyn Fn(&[u8]);

thread_local! {
    /// What a script is given to. libFuzzer calls back on the thread that it was called on.
    static RUN: Cell<Option<Run<'static>>> = const { Cell::new(None) };
}

unsafe extern "C" {
    fn LLVMFuzzerRunDriver(
        argc: *mut c_int,
        argv: *mut *mut *mut c_char,
        callback: extern "C" fn(*const u8, usize) -> c_int,
    ) -> c_int;
}

/// Runs scripts until the time is up, and ends the process. `GALAXY_FUZZ_LIBFUZZER` has libFuzzer's arguments, a line each.
pub(super) fn run(run: Run<'_>) -> ! {
    let arguments = std::env::var("GALAXY_FUZZ_LIBFUZZER").expect("`cargo xtask fuzz` sets GALAXY_FUZZ_LIBFUZZER");
    let words = std::iter::once("fuzz").chain(arguments.lines());
    let mut words: Vec<*mut c_char> = words.map(|word| CString::new(word).expect("no NUL").into_raw()).collect();
    let mut argc = c_int::try_from(words.len()).expect("a few arguments");
    words.push(std::ptr::null_mut());
    let mut argv = words.as_mut_ptr();
    // SAFETY: the process ends below, so `run` lives as long as the thread.
    RUN.set(Some(unsafe { std::mem::transmute::<Run<'_>, Run<'static>>(run) }));
    // SAFETY: as `main` would be called; the words and their list are never freed.
    let code = unsafe { LLVMFuzzerRunDriver(&raw mut argc, &raw mut argv, script) };
    std::process::exit(code)
}

extern "C" fn script(bytes: *const u8, length: usize) -> c_int {
    // SAFETY: libFuzzer gives so many bytes, and takes them back when this returns.
    let script = if length == 0 { &[][..] } else { unsafe { std::slice::from_raw_parts(bytes, length) } };
    let held = catch_unwind(AssertUnwindSafe(|| RUN.get().expect("set before")(script)));
    // The panic was printed, and its input: an abort is what libFuzzer keeps a script for.
    if held.is_err() { std::process::abort() } else { 0 }
}

/// The crate wants a target of its own kind. Nothing calls it.
#[unsafe(no_mangle)]
#[expect(improper_ctypes_definitions, reason = "as the crate declares it")]
extern "C" fn rust_fuzzer_test_input(_: &[u8]) -> i32 {
    0
}
