//! End to end: the real binary, as separate processes on real ports, over real databases. Each test has a world of its
//! own and reads as the story of who does what.
//!
//! `make test` builds the binary and the plugins first.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod api_server;
mod approvals;
mod attacks;
mod authors;
mod browsers;
mod catalog;
mod chromium;
mod clients;
mod contracts;
mod crashes;
mod departed;
mod distribution;
mod dns;
mod documents;
mod domains;
mod engines;
mod entitlements;
mod examples;
mod factors;
mod figures;
mod floods;
mod forge;
mod fuzz;
mod grants;
mod host_pages;
mod host_sign_in;
mod hostile;
mod integrations;
mod isolation;
mod journey;
mod kills;
mod kubernetes;
mod letters;
mod log;
mod mail;
mod market;
mod meters;
mod moderation;
mod money;
mod oci;
mod openapi;
mod operation;
mod passkeys;
mod people;
mod permissions;
mod person;
mod plans;
mod podman;
mod policies;
mod process;
mod provider;
mod races;
mod receiver;
mod replay;
mod replicas;
mod requests;
mod rights;
mod rules;
mod scim;
mod selling;
mod shop;
mod slurm;
mod sso;
mod stores;
mod strangers;
mod stripe;
mod subscriptions;
mod tampering;
mod trusted;
mod usage;
mod world;
