//! Which device a model runs on.

use candle_core::{Device, Result, utils};

/// The fastest device that this build and machine have. A build for GPUs on a machine without one runs on the CPU.
///
/// # Errors
/// If there is a GPU and it cannot be opened.
pub fn fastest_device() -> Result<Device> {
    let opened = if utils::cuda_is_available() {
        Device::new_cuda(0).inspect(prepare)
    } else if utils::metal_is_available() {
        Device::new_metal(0)
    } else {
        return Ok(Device::Cpu);
    };
    match opened {
        Err(error) if error.to_string().contains("NO_DEVICE") => {
            tracing::warn!("this build is for GPUs and no GPU is there; running on the CPU");
            Ok(Device::Cpu)
        }
        opened => opened,
    }
}

#[cfg(feature = "cuda")]
fn prepare(device: &Device) {
    if let Device::Cuda(device) = device {
        super::ops::cuda::prepare(device);
    }
}

#[cfg(not(feature = "cuda"))]
fn prepare(_: &Device) {}

/// Its kind, as messages and JSON have it.
pub fn device_name(device: &Device) -> &'static str {
    match device {
        Device::Cpu => "cpu",
        Device::Cuda(_) => "cuda",
        Device::Metal(_) => "metal",
    }
}

/// Bytes free and in all on the device, after what this process does not use was given back; `None` on a CPU or where the
/// device does not tell.
pub fn device_memory(device: &Device) -> Option<(u64, u64)> {
    match device {
        #[cfg(feature = "cuda")]
        Device::Cuda(cuda) => {
            super::ops::cuda::trim(cuda);
            let (free, total) = candle_core::cuda_backend::cudarc::driver::result::mem_get_info().ok()?;
            Some((free as u64, total as u64))
        }
        _ => None,
    }
}

/// What this process holds of the machine's memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessMemory {
    /// Bytes now.
    pub resident: u64,
    /// Bytes at most so far.
    pub peak: u64,
}

/// Memory of this process; 0 where the system does not tell.
pub fn process_memory() -> ProcessMemory {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() * 1024
    };
    ProcessMemory { resident: bytes("VmRSS:"), peak: bytes("VmHWM:") }
}
