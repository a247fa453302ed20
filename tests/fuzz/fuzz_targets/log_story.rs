//! `quietpulse_fuzz::log_story` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quietpulse_fuzz::log_story(data));
