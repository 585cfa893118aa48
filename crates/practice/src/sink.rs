//! Where the rows go.

use std::error::Error;
use std::fmt;

use bicuspid_model::Value;

/// Takes the rows of the practice.
pub trait RowSink {
    /// Takes one row: a value for each column of the table, in the order of the schema.
    ///
    /// Rows of different tables come mixed, in the order in which they became final, and keys are not in order.
    ///
    /// # Errors
    /// Ends the run with [`crate::PracticeError::Sink`].
    fn row(&mut self, table: &'static str, row: &[Value]) -> Result<(), SinkError>;
}

impl<F: FnMut(&'static str, &[Value]) -> Result<(), SinkError>> RowSink for F {
    fn row(&mut self, table: &'static str, row: &[Value]) -> Result<(), SinkError> {
        self(table, row)
    }
}

/// Why a sink did not take a row, in the sink's own words.
#[derive(Debug)]
pub struct SinkError(Box<dyn Error + Send + Sync>);

impl SinkError {
    /// Wraps the sink's error.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for SinkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
