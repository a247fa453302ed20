//! `quietpulse_fuzz::store_cell` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| quietpulse_fuzz::store_cell(data));
