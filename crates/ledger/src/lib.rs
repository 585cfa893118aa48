//! Hash-chained audit log and run records.
