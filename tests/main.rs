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
    mod as_code;
    mod backup;
    mod bad_input;
    mod browser;
    mod bulk;
    mod charts;
    mod cli;
    mod client;
    mod clock;
    mod commands;
    mod conformance;
    mod deleted;
    mod descriptors;
    mod doors;
    mod down;
    mod embed;
    mod embedded;
    mod events;
    mod expect;
    mod explorer;
    mod forms;
    mod full_disk;
    mod guides;
    mod handing_over;
    mod idle;
    mod import;
    mod import_dumps;
    mod invariants;
    mod jobs;
    mod jobs_bulk;
    mod jobs_many;
    mod jobs_pages;
    mod keys;
    mod layers;
    mod login;
    mod memory;
    mod metrics;
    mod moving;
    mod names;
    mod newcomer;
    mod nginx;
    mod openapi;
    mod opening;
    mod orphans;
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
    mod stream;
    mod target;
    mod telemetry;
    mod throttle;
    mod timing;
    mod trying;
    mod unreadable;
    mod upgrade;
}
