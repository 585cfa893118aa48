//! The clinic side: the only library that names the MySQL driver, and it can only read.
