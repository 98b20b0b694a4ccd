// gradients[to + i] = the sum of parts[from + part * stride + i] over all parts, always in the same order: what kernels have
// left in parts, of all parameters in one dispatch.
//
// Threads: a workgroup of SIZE for each pair of rows of `jobs`: (from, to, vec4s, stride), (parts, 0, 0, 0), all in vec4s; one
// thread for each vec4.
//#include "lib/linear-id.wgsl"
struct Params { jobs: u32 }
@group(0) @binding(0) var<storage, read> parts: array<vec4f>;
@group(0) @binding(1) var<storage, read> jobs: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> gradients: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let j = linear_group(wg, groups);
  if (j >= params.jobs) { return; }
  let job = jobs[2u * j];
  if (li >= job.z) { return; }
  let count = jobs[2u * j + 1u].x;
  var at = job.x + li;
  var sum = vec4f();
  for (var part = 0u; part < count; part++) {
    sum += parts[at];
    at += job.w;
  }
  gradients[job.y + li] = sum;
}
