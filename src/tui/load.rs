//! What the machine does, as a line: worked out elsewhere, shown wherever there is room.

/// A graphics processor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GpuLoad {
    /// 0 to 100.
    pub busy: u32,
    /// Bytes.
    pub used: u64,
    pub total: u64,
    /// Degrees Celsius.
    pub temperature: Option<u32>,
}

/// What a machine does at a moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MachineLoad {
    /// Of all processors together, 0 to 100.
    pub cpu: f32,
    /// Bytes of memory.
    pub used: u64,
    pub total: u64,
    pub gpus: Vec<GpuLoad>,
    /// Bytes that are free where the session lies.
    pub disk: Option<u64>,
}

const GIB: f64 = (1u64 << 30) as f64;

/// Under so much free disk space a line says so.
pub const LITTLE_DISK: u64 = 2 << 30;

impl MachineLoad {
    /// `cpu 97%  mem 3.1/23G  disk 27G  gpu 88% 61/80G 67C`, as much of it as fits into so many cells.
    pub fn line(&self, width: usize) -> String {
        let gib = |bytes: u64| match bytes as f64 / GIB {
            few if few < 10.0 => format!("{few:.1}"),
            many => format!("{many:.0}"),
        };
        let mut parts = vec![format!("cpu {:.0}%", self.cpu), format!("mem {}/{}G", gib(self.used), gib(self.total))];
        parts.extend(self.disk.map(|free| format!("disk {}G", gib(free))));
        if self.short_of_disk() {
            parts.rotate_right(1);
        }
        parts.extend(self.gpus.iter().map(|gpu| {
            let temperature = gpu.temperature.map_or(String::new(), |degrees| format!(" {degrees}C"));
            format!("gpu {}% {}/{}G{temperature}", gpu.busy, gib(gpu.used), gib(gpu.total))
        }));
        let mut line = String::new();
        for part in parts {
            let joint = if line.is_empty() { "" } else { "  " };
            if line.len() + joint.len() + part.len() > width {
                break;
            }
            line.push_str(joint);
            line.push_str(&part);
        }
        line
    }

    /// The disk is nearly full.
    pub fn short_of_disk(&self) -> bool {
        self.disk.is_some_and(|free| free < LITTLE_DISK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_what_is_known() {
        let mut load = MachineLoad { cpu: 96.6, used: 3 << 30, total: 23 << 30, ..MachineLoad::default() };
        assert_eq!(load.line(80), "cpu 97%  mem 3.0/23G");
        load.gpus = vec![GpuLoad { busy: 88, used: 61 << 30, total: 80 << 30, temperature: Some(67) }];
        load.disk = Some(30 << 30);
        assert_eq!(load.line(80), "cpu 97%  mem 3.0/23G  disk 30G  gpu 88% 61/80G 67C");
        assert_eq!(load.line(30), "cpu 97%  mem 3.0/23G  disk 30G");
        load.disk = Some(3 << 29);
        assert!(load.short_of_disk());
        assert_eq!(load.line(10), "disk 1.5G", "what matters goes first");
    }
}
