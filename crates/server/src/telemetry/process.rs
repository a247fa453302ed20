//! What the kernel knows of this process: memory and open files, for those who watch for leaks and limits.

use metrics::gauge;

/// Reads /proc; where there is none, says nothing.
pub fn observe() {
    if let Some(kib) = field("/proc/self/status", "VmRSS:") {
        gauge!("process_resident_memory_bytes").set(kib * 1024.0);
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        gauge!("process_open_fds").set(files.count() as f64);
    }
    if let Some(most) = field("/proc/self/limits", "Max open files") {
        gauge!("process_max_fds").set(most);
    }
}

/// The first number after `name` in the lines of a file.
fn field(path: &str, name: &str) -> Option<f64> {
    let text = std::fs::read_to_string(path).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells() {
        assert!(field("/proc/self/status", "VmRSS:").unwrap() > 100.0);
        assert!(field("/proc/self/limits", "Max open files").unwrap() >= 64.0);
        assert!(field("/proc/self/nothing", "x").is_none());
    }
}
