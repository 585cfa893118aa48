//! What is known about Open Dental: tables, columns, keys, enumerations, flags, secrets.
