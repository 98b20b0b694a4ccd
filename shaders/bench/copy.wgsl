// The most bytes that an adapter moves: y = x, a vec4 at a time, `each` of them a thread and a workgroup's width apart.
//
// Threads: 64 to a workgroup. The size is a multiple of 64 * each vec4s.
struct Params { each: u32 }
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let first = wg.x * 64u * params.each + li;
  for (var i = 0u; i < params.each; i++) { y[first + 64u * i] = x[first + 64u * i]; }
}
