//! How much memory does this process hold, and has it held at most? Linux only: elsewhere both are 0.

/// Resident now, in bytes.
pub fn resident() -> u64 {
    status("VmRSS:")
}

/// The most that was resident, in bytes.
pub fn peak() -> u64 {
    status("VmHWM:")
}

/// Makes what is resident now the peak, as far as the system allows it.
pub fn reset_peak() {
    // Where it isn't allowed, the peak stays that of the whole process: too high, never too low.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn status(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// In MB, as people read it.
pub fn megabytes(bytes: u64) -> f64 {
    (bytes as f64 / 1e4).round() / 100.0
}
