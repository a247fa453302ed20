//! `quietpulse_fuzz::assertion` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quietpulse_fuzz::assertion(data));
