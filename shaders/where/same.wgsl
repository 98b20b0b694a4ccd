// y = a where the condition is not 0, else b, element by element: all operands lie in memory as the result does.
//
// Threads: one for each vec4. Padding lanes of a and b are zero, and so are those of y.
//#include "lib/linear-id.wgsl"
struct Params { count4: u32 }
//#element
@group(0) @binding(0) var<storage, read> condition: array<vec4<ELEMENT>>;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count4) { return; }
  y[i] = select(b[i], a[i], condition[i] != vec4<ELEMENT>());
}
