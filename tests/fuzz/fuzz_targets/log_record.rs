//! `quietpulse_fuzz::log_record` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quietpulse_fuzz::log_record(data));
