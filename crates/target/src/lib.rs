//! The PostgreSQL side: the only library that names its driver.
