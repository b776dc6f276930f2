//! All tests that need the real things: databases, browsers, processes, HTTP servers. One binary, so that one mongod
//! serves them all.

#![allow(clippy::disallowed_methods, reason = "it measures from outside, by the clock of this machine")]
#![allow(clippy::unwrap_used, missing_docs)] // Tests: a panic is how they fail.

mod scenarios {
    mod ground;
    mod web;

    mod accessible;
    mod alerts;
    mod align;
    mod api;
    mod bad_input;
    mod browser;
    mod bulk;
    mod charts;
    mod clock;
    mod commands;
    mod conformance;
    mod deleted;
    mod descriptors;
    mod doors;
    mod embedded;
    mod events;
    mod expect;
    mod forms;
    mod full_disk;
    mod idle;
    mod import;
    mod import_dumps;
    mod invariants;
    mod jobs;
    mod jobs_many;
    mod jobs_pages;
    mod layers;
    mod login;
    mod memory;
    mod names;
    mod newcomer;
    mod nginx;
    mod opening;
    mod outages;
    mod outcomes;
    mod plan;
    mod pools;
    mod pools_web;
    mod problems;
    mod procfile;
    mod prove;
    mod rules;
    mod runs;
    mod secrets;
    mod sessions;
    mod share;
    mod sign;
    mod sla;
    mod steering;
    mod throttle;
    mod timing;
    mod unreadable;
    mod upgrade;
}
