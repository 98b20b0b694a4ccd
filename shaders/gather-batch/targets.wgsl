// y[r, :] = targets[sample, :]: the targets of a batch (labels, width 1, or rows of numbers), copied by the kernel that has
// found where its samples are. For includers with TARGETS; Params then has `target_width`.
@group(0) @binding(10) var<storage, read> targets: array<u32>;
@group(0) @binding(11) var<storage, read_write> y: array<u32>;

// By `threads` threads, of which this is number `own`.
fn copy_target(r: u32, sample: u32, own: u32, threads: u32) {
  for (var j = own; j < params.target_width; j += threads) {
    y[r * params.target_width + j] = targets[sample * params.target_width + j];
  }
}
