//! Asks the machine what it does. A graphics processor is asked by NVIDIA's own library where there is one.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};

use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};
use tokio::sync::mpsc::UnboundedSender;

use super::super::load::{GpuLoad, MachineLoad};

/// A thread that asks: a driver may take its time to wake, a network disk may not answer at all, and the screen waits for neither.
pub struct Machine {
    ask: Sender<Option<PathBuf>>,
}

impl Machine {
    /// Starts it. `told` gets the answers.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start(told: UnboundedSender<MachineLoad>) -> std::io::Result<Self> {
        let (ask, asked) = channel::<Option<PathBuf>>();
        std::thread::Builder::new().name("machine".into()).spawn(move || {
            let mut asker = Asker::new();
            while let Ok(place) = asked.recv() {
                // Of many questions that came meanwhile one is answered.
                let place = asked.try_iter().last().unwrap_or(place);
                if told.send(asker.load(place.as_deref())).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { ask })
    }

    /// Asks what it does; `place`: where the session lies.
    pub fn ask(&self, place: Option<PathBuf>) {
        // A thread that is gone answers nothing: then nothing is shown.
        let _ = self.ask.send(place);
    }
}

struct Asker {
    system: System,
    nvml: Option<Nvml>,
}

impl Asker {
    /// The first answer of the processors is of the time since now.
    fn new() -> Self {
        let kinds = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing().with_cpu_usage())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        Self { system: System::new_with_specifics(kinds), nvml: Nvml::init().ok() }
    }

    fn load(&mut self, place: Option<&Path>) -> MachineLoad {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        MachineLoad {
            cpu: self.system.global_cpu_usage(),
            used: self.system.used_memory(),
            total: self.system.total_memory(),
            gpus: self.nvml.as_ref().map_or(Vec::new(), gpus),
            disk: place.and_then(|place| {
                let disk = rustix::fs::statvfs(place).ok()?;
                Some(disk.f_bavail.saturating_mul(disk.f_frsize))
            }),
        }
    }
}

/// What can be learnt of each; one that tells nothing of itself is left out.
fn gpus(nvml: &Nvml) -> Vec<GpuLoad> {
    let of = |index: u32| {
        let device = nvml.device_by_index(index).ok()?;
        let memory = device.memory_info().ok()?;
        Some(GpuLoad {
            busy: device.utilization_rates().ok()?.gpu,
            used: memory.used,
            total: memory.total,
            temperature: device.temperature(TemperatureSensor::Gpu).ok(),
        })
    };
    (0..nvml.device_count().unwrap_or_default()).filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_memory_and_a_disk() {
        let (told, mut loads) = tokio::sync::mpsc::unbounded_channel();
        let machine = Machine::start(told).unwrap();
        machine.ask(Some("/".into()));
        let load = loads.blocking_recv().unwrap();
        assert!(load.total > 0 && load.used <= load.total);
        assert!(load.disk.is_some());
        assert!((0.0..=100.0).contains(&load.cpu));
        drop(machine);
        assert_eq!(loads.blocking_recv(), None, "the thread ends with who asks");
    }
}
