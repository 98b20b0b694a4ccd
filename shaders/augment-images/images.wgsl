// x[r] = the augmented image of sample r, normalised; images as bytes, NCHW. Without an augmentation that does anything the
// bits are those of gather-batch/images.wgsl.
//
// Threads: one for `run` pixels in a row, `runs` threads a sample; x is nhwc (VEC: 4 channels with their padding, else a
// single one). draws: see draw.wgsl. With TARGETS, the first threads of a sample also copy its target.
//#include "lib/linear-id.wgsl"
//#include "augment-images/sample.wgsl"
//#include "augment-images/pixel.wgsl"
//#if VEC
alias T = vec4f;
//#else
alias T = f32;
//#endif
@group(0) @binding(1) var<storage, read> draws: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> x: array<T>;
//#if TARGETS
//#include "gather-batch/targets.wgsl"
//#endif

//#if COLOUR
fn coloured(v: vec4f, brightness: f32, contrast: f32, grey: f32) -> vec4f {
  let bright = clamp(v * brightness, vec4f(), vec4f(255.0));
  return clamp(contrast * bright + (1.0 - contrast) * grey, vec4f(), vec4f(255.0));
}
//#endif

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  let r = i / params.runs;
  let sample = sample_of(r);
//#if TARGETS
  copy_target(r, sample, i % params.runs, params.runs);
//#endif
  let map_x = draws[4u * r];
  let map_y = draws[4u * r + 1u];
  let more = draws[4u * r + 2u];
  let mean = vec4f(params.mean0, params.mean1, params.mean2, params.mean3);
  let scale = vec4f(params.scale0, params.scale1, params.scale2, params.scale3);
  let plane = params.h * params.w;
  let begin = (i % params.runs) * params.run;
  let end = min(begin + params.run, plane);
  var column = begin % params.w;
  var row = begin / params.w;
  for (var p = begin; p < end; p++) {
    let at = vec2f(f32(column), f32(row));
    var v = pixel_at(sample, map_x, map_y, at);
//#if COLOUR
    v = coloured(v, more.z, more.w, draws[4u * r + 3u].x);
//#endif
    v = (v - mean) * scale;
//#if ERASE
    let corner = vec2f(map_y.w, map_x.w);
    if (all(at >= corner) && all(at < corner + more.yx)) { v = vec4f(params.erase_value); }
//#endif
//#if VEC
    x[r * plane + p] = select(vec4f(), v, vec4u(0u, 1u, 2u, 3u) < vec4u(CHANNELS));
//#else
    x[r * plane + p] = v.x;
//#endif
    column++;
    if (column == params.w) {
      column = 0u;
      row++;
    }
  }
}
