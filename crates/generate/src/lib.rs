//! Puts the synthetic practice into the demo database, and refuses anything else.
