//! How a CUDA device is set up and gives memory back. Nothing here computes: candle does, on one stream.

use std::ffi::c_void;

use candle_core::CudaDevice;
use candle_core::cuda_backend::cudarc::driver::{DriverError, result, sys};

/// Makes allocations cheap: memory that was freed stays with the process until [`trim`], and tensors do not carry two events
/// each. Of what a device frees CUDA keeps nothing beyond the next synchronisation otherwise, and a training pass, which
/// synchronises for its losses, maps all of its memory again.
pub fn prepare(device: &CudaDevice) {
    // SAFETY: events order the use of a tensor by several streams. Devices are opened by `fastest_device` alone, which takes
    // the default stream, and no stream is ever made beside it.
    unsafe { device.disable_event_tracking() };
    let mut everything = u64::MAX;
    let kept = pool(device).and_then(|pool| {
        let attribute = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        // SAFETY: the pool is the device's own, and this attribute is a cuuint64_t that is read during the call.
        unsafe { result::mem_pool::set_attribute(pool, attribute, (&raw mut everything).cast::<c_void>()) }
    });
    if let Err(error) = kept {
        tracing::warn!(?error, "the device's memory pool cannot be set; training will be slower");
    }
}

/// Gives memory that is free in this process back to the device, so that what is free there can be told.
pub fn trim(device: &CudaDevice) {
    // SAFETY: the pool is the device's own; memory in use stays where it is.
    let trimmed = pool(device).and_then(|pool| unsafe { result::mem_pool::trim_to(pool, 0) });
    if let Err(error) = trimmed {
        tracing::warn!(?error, "the device's memory pool cannot be trimmed");
    }
}

fn pool(device: &CudaDevice) -> Result<sys::CUmemoryPool, DriverError> {
    let stream = device.cuda_stream();
    // SAFETY: the number comes from an open context.
    unsafe { result::device::get_default_mem_pool(stream.context().cu_device()) }
}
