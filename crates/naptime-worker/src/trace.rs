//! What traces calls, if anything does. In the program that is OpenTelemetry, of which the worker knows no more than this.

use naptime_core::{Job, Run};

/// Traces calls.
pub trait CallTracer: Send + Sync + 'static {
    /// Begins the span of a call that is about to leave.
    fn begin(&self) -> Box<dyn CallSpan>;
}

/// The span of one call.
pub trait CallSpan: Send {
    /// What the target is told of it: the header `traceparent` of W3C Trace Context.
    fn parent(&self) -> String;

    /// Writes the call's line of the log as a part of the span.
    fn log(&self, write: &dyn Fn());

    /// Ends the span. There is no run if the call did not leave, because this machine had run out of something.
    fn end(self: Box<Self>, job: &Job, run: Option<&Run>);
}
