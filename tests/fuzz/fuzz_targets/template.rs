//! `quietpulse_fuzz::template` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quietpulse_fuzz::template(data));
