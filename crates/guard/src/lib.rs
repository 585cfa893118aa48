//! The safety kernel of Bicuspid: pure decisions, no I/O.
