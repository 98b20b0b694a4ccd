// dweight and dbias: the sums of the parts that backward-sums.wgsl made. Threads: one for each element of a row.
//#include "lib/linear-id.wgsl"
struct Params { length: u32, shares: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parts: array<f32>;
//#if DWEIGHT
@group(0) @binding(2) var<storage, read_write> dweight: array<f32>;
//#endif
//#if DBIAS
@group(0) @binding(3) var<storage, read_write> dbias: array<f32>;
//#endif

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let k = linear_group(wg, groups) * u32(SIZE) + li;
  if (k >= params.length) { return; }
  var sums = vec2f();
  for (var share = 0u; share < params.shares; share++) {
    let at = share * 2u * params.length + k;
    sums += vec2f(parts[at], parts[at + params.length]);
  }
//#if DWEIGHT
  dweight[k] = sums.x;
//#endif
//#if DBIAS
  dbias[k] = sums.y;
//#endif
}
