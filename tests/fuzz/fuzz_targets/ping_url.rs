//! `quietpulse_fuzz::ping_url` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quietpulse_fuzz::ping_url(data));
