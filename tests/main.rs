//! All tests that need the real things: databases, browsers, processes, HTTP servers. One binary, so that one mongod
//! serves them all.

#![allow(clippy::unwrap_used, missing_docs)] // Tests: a panic is how they fail.

mod scenarios {
    mod ground;
    mod web;

    mod api;
    mod bad_input;
    mod browser;
    mod commands;
    mod conformance;
    mod embedded;
    mod forms;
    mod invariants;
    mod layers;
    mod login;
    mod newcomer;
    mod outages;
    mod outcomes;
    mod procfile;
}
