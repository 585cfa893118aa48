//! The flow: preflight, plan, extract, stage, validate, publish, verify.
