// largest[slot] = max |data[i]|, i < count.
//
// Threads: one workgroup of 256 for the whole tensor, each takes every 256th element. Padding lanes hold zero and do no harm.
struct Params { count: u32, slot: u32 }
@group(0) @binding(0) var<storage, read> data: array<f32>;
@group(0) @binding(1) var<storage, read_write> largest: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;
var<workgroup> parts: array<f32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) li: u32) {
  var most = 0.0;
  for (var i = li; i < params.count; i += 256u) { most = max(most, abs(data[i])); }
  parts[li] = most;
  for (var half = 128u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (li < half) { parts[li] = max(parts[li], parts[li + half]); }
  }
  if (li == 0u) { largest[params.slot] = parts[0]; }
}
