// What the augmentation does to each sample of the batch, drawn from the random numbers of (step.seed, sample): so it is
// the same wherever and in whichever batch of the step the sample lies. draws[4 r ...], vec4s:
//   (xx, xy, x0, erase top) (yx, yy, y0, erase left) (erase height, erase width, brightness, contrast) (mean grey, 0, 0, 0)
// Pixel (x, y) of the result shows the image at (xx x + xy y + x0, yx x + yy y + y0), in pixels from the centre of the first.
//
// Threads: one for each sample. The slot `transforms` calls the functions below in their order, `call` counts them.
//#include "lib/linear-id.wgsl"
//#include "lib/philox.wgsl"
//#include "augment-images/sample.wgsl"
@group(0) @binding(1) var<storage, read_write> draws: array<vec4f>;

// Rows of an affine map.
struct Map { x: vec3f, y: vec3f }

var<private> map: Map;
var<private> colour: vec2f;
// Top, left, height, width.
var<private> erased: vec4f;
var<private> sample: u32;

// Numbers in [0, 1): the fourth counter word keeps them apart from dropout, whose last word is 0.
fn uniforms(call: u32, block: u32) -> vec4f {
  return vec4f(philox(vec4u(sample, block, call, 1u), vec2u(step.seed, 0u)) >> vec4u(8u)) / 16777216.0;
}

fn between(low: f32, high: f32, u: f32) -> f32 {
  return low + u * (high - low);
}

// The map so far, behind another one.
fn append(next: Map) {
  let x = vec3f(map.x.x * next.x + map.x.y * next.y) + vec3f(0.0, 0.0, map.x.z);
  let y = vec3f(map.y.x * next.x + map.y.y * next.y) + vec3f(0.0, 0.0, map.y.z);
  map = Map(x, y);
}

// Sine and cosine of degrees, exact at multiples of 90. Taylor polynomials up to 45 degrees: errors below 1e-7.
fn sin_cos(degrees: f32) -> vec2f {
  let quarter = round(degrees / 90.0);
  let a = radians(degrees - 90.0 * quarter);
  let q = a * a;
  let s = a * (1.0 + q * (-1.0 / 6.0 + q * (1.0 / 120.0 + q * (-1.0 / 5040.0 + q / 362880.0))));
  let c = 1.0 + q * (-0.5 + q * (1.0 / 24.0 + q * (-1.0 / 720.0 + q / 40320.0)));
  switch i32(quarter) & 3 {
    case 0: { return vec2f(s, c); }
    case 1: { return vec2f(c, -s); }
    case 2: { return vec2f(-s, -c); }
    default: { return vec2f(-c, s); }
  }
}

fn flip_x(call: u32, p: f32) {
  if (uniforms(call, 0u).x < p) { append(Map(vec3f(-1.0, 0.0, f32(params.w - 1u)), vec3f(0.0, 1.0, 0.0))); }
}

fn flip_y(call: u32, p: f32) {
  if (uniforms(call, 0u).x < p) { append(Map(vec3f(1.0, 0.0, 0.0), vec3f(0.0, -1.0, f32(params.h - 1u)))); }
}

// A window of the image's own size out of the image with a border.
fn crop(call: u32, border_x: f32, border_y: f32) {
  let at = floor(uniforms(call, 0u).xy * (2.0 * vec2f(border_x, border_y) + 1.0)) - vec2f(border_x, border_y);
  append(Map(vec3f(1.0, 0.0, at.x), vec3f(0.0, 1.0, at.y)));
}

// The inverse of: shear, scale and rotate about the centre, then shift by whole pixels.
// Ranges: degrees, shift (largest, in pixels), scale, shear in degrees along x and y.
fn affine(call: u32, degrees: vec2f, shift: vec2f, scale: vec2f, shear_x: vec2f, shear_y: vec2f) {
  let u = uniforms(call, 0u);
  let v = uniforms(call, 1u);
  let angle = between(degrees.x, degrees.y, u.x);
  let moved = round(shift * (2.0 * u.yz - 1.0));
  let size = between(scale.x, scale.y, u.w);
  let along_x = sin_cos(between(shear_x.x, shear_x.y, v.x));
  let along_y_degrees = between(shear_y.x, shear_y.y, v.y);
  let along_y = sin_cos(along_y_degrees);
  let turned = sin_cos(angle);
  let rest = sin_cos(angle - along_y_degrees);
  let tan_x = along_x.x / along_x.y;
  // [a b; c d] is the rotation times both shears; its determinant is 1.
  let a = rest.y / along_y.y;
  let b = -a * tan_x - turned.x;
  let c = rest.x / along_y.y;
  let d = -c * tan_x + turned.y;
  let centre = 0.5 * vec2f(f32(params.w) - 1.0, f32(params.h) - 1.0);
  let to = centre + moved;
  let row_x = vec2f(d, -b) / size;
  let row_y = vec2f(-c, a) / size;
  append(Map(vec3f(row_x, centre.x - (row_x.x * to.x + row_x.y * to.y)), vec3f(row_y, centre.y - (row_y.x * to.x + row_y.y * to.y))));
}

fn jitter(call: u32, brightness: vec2f, contrast: vec2f) {
  let u = uniforms(call, 0u);
  colour = vec2f(between(brightness.x, brightness.y, u.x), between(contrast.x, contrast.y, u.y));
}

// The first of ten rectangles that is smaller than the image. `ratio`: logarithms.
fn erase(call: u32, p: f32, scale: vec2f, ratio: vec2f) {
  if (uniforms(call, 0u).x >= p) { return; }
  let size = vec2f(f32(params.h), f32(params.w));
  for (var attempt = 1u; attempt <= 10u; attempt++) {
    let u = uniforms(call, attempt);
    let area = size.x * size.y * between(scale.x, scale.y, u.x);
    let aspect = exp(between(ratio.x, ratio.y, u.y));
    let extent = round(sqrt(vec2f(area * aspect, area / aspect)));
    if (all(extent < size)) {
      erased = vec4f(floor(u.zw * (size - extent + 1.0)), extent);
      return;
    }
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = linear_group(wg, groups) * 64u + li;
  if (r >= params.batch) { return; }
  sample = sample_of(r);
  map = Map(vec3f(1.0, 0.0, 0.0), vec3f(0.0, 1.0, 0.0));
  colour = vec2f(1.0);
  erased = vec4f();
//#transforms
  draws[4u * r] = vec4f(map.x, erased.x);
  draws[4u * r + 1u] = vec4f(map.y, erased.y);
  draws[4u * r + 2u] = vec4f(erased.zw, colour);
  draws[4u * r + 3u] = vec4f();
}
