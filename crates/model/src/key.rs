//! Keys: how a table is walked and which rows a chunk holds.
