//! Pure types and rules: no SQL, no I/O.
