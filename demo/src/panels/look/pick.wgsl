// results[first + i] = element i, row-major, of a part of a tensor that lies in memory with any strides.
//
// Threads: one for each element of the part.
struct Params { offset: u32, height: u32, width: u32, count: u32, strides: vec3u, first: u32 }
@group(0) @binding(0) var<storage, read> data: array<f32>;
@group(0) @binding(1) var<storage, read_write> results: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= params.count) { return; }
  let at = vec3u(i / (params.width * params.height), i / params.width % params.height, i % params.width);
  let place = at * params.strides;
  results[params.first + i] = data[params.offset + place.x + place.y + place.z];
}
