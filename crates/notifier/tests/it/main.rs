//! The notifier from the outside: a real feed, real sockets, receivers that behave as badly as real ones.

mod channels;
mod discovery;
mod egress;
mod feed;
mod mail;
mod manners;
mod rig;
mod telegram;
mod webhook;
