// How the elements of a tensor are spread: its histogram and counts are added to `results`; count, mean, sum of squares about
// the mean, least and largest of each chunk go to `partials`, which spread-join.wgsl joins.
//
// results[result_base ...]: 8 words of spread-join, BINS bins, elements below, above, not finite, saturated; then with UNITS
// the positive elements of each unit (a channel or a feature). Counts are integers, so the order of adding does not matter.
//
// Threads: a workgroup of 64 for each chunk of CHUNK elements in memory; they stride over it twice: a sum first, then squares
// about the chunk's own mean, which keeps the digits of a small deviation. Element p of memory belongs to unit
// (p / inner) % padded and is padding where there is no such unit (MASK, UNITS). Bin b is edges[b] <= v < edges[b + 1], the last one with its end.
//#include "lib/linear-id.wgsl"
//#include "lib/tree.wgsl"
struct Params {
  count: u32,
  inner: u32,
  padded: u32,
  units: u32,
  partial_base: u32,
  result_base: u32,
  saturation: f32,
  // Of the edges: where they begin and how many there are to a unit, on their own scale.
  scale_from: f32,
  bins_per_unit: f32,
  threshold: f32,
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> edges: array<f32>;
// Two vec4f for each chunk: (count, mean, squares, 0), (least, largest, 0, 0).
@group(0) @binding(2) var<storage, read_write> partials: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> results: array<atomic<u32>>;
@group(0) @binding(4) var<uniform> params: Params;

const HEADER = 8u;
const COUNTS = u32(BINS) + 4u;
const LARGEST = 3.4028234e38;

var<workgroup> counts: array<atomic<u32>, BINS + 4>;
var<workgroup> joined: array<vec4f, 64>;

fn is_finite(v: f32) -> bool { return (bitcast<u32>(v) & 0x7f800000u) != 0x7f800000u; }

fn is_used(p: u32) -> bool {
//#if MASK
  return (p / params.inner) % params.padded < params.units;
//#else
  return true;
//#endif
}

fn bin_of(v: f32) -> u32 {
  if (v < edges[0]) { return u32(BINS); }
  if (v > edges[BINS]) { return u32(BINS) + 1u; }
  // A guess by the formula of the edges, which need not be exact: the edges decide.
//#if SYMLOG
  let t = sign(v) * log(1.0 + abs(v) / params.threshold);
//#else
  let t = v;
//#endif
  var bin = u32(clamp((t - params.scale_from) * params.bins_per_unit, 0.0, f32(BINS - 1)));
  while (bin > 0u && v < edges[bin]) { bin--; }
  while (bin + 1u < u32(BINS) && v >= edges[bin + 1u]) { bin++; }
  return bin;
}

fn is_saturated(v: f32) -> bool {
//#if SATURATES==tanh
  return abs(v) > params.saturation;
//#elif SATURATES==sigmoid
  return abs(2.0 * v - 1.0) > params.saturation;
//#else
  return false;
//#endif
}

//#if UNITS
fn add_positive(unit: u32, count: u32) {
  if (count > 0u) { atomicAdd(&results[params.result_base + HEADER + COUNTS + unit], count); }
}
//#endif

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) workgroups: vec3u, @builtin(local_invocation_index) li: u32) {
  let chunk = linear_group(wg, workgroups);
  let first = min(chunk * CHUNK, params.count);
  let end = min(first + CHUNK, params.count);
  for (var b = li; b < COUNTS; b += 64u) { atomicStore(&counts[b], 0u); }
  workgroupBarrier();

  // (count, sum, least, largest)
  var own = vec4f(0.0, 0.0, LARGEST, -LARGEST);
//#if UNITS
  var unit = 0u;
  var positive = 0u;
//#endif
  for (var p = first + li; p < end; p += 64u) {
    if (!is_used(p)) { continue; }
    let v = x[p];
    if (!is_finite(v)) {
      atomicAdd(&counts[BINS + 2], 1u);
      continue;
    }
    own = vec4f(own.x + 1.0, own.y + v, min(own.z, v), max(own.w, v));
    atomicAdd(&counts[bin_of(v)], 1u);
    if (is_saturated(v)) { atomicAdd(&counts[BINS + 3], 1u); }
//#if UNITS
    if (v > 0.0) {
      let now = (p / params.inner) % params.padded;
      if (now != unit) {
        add_positive(unit, positive);
        unit = now;
        positive = 0u;
      }
      positive++;
    }
//#endif
  }
//#if UNITS
  add_positive(unit, positive);
//#endif
  joined[li] = own;
  for (var width = tree_half(end - first, 64u); width > 0u; width >>= 1u) {
    workgroupBarrier();
    if (li < width) {
      let a = joined[li];
      let b = joined[li + width];
      joined[li] = vec4f(a.xy + b.xy, min(a.z, b.z), max(a.w, b.w));
    }
  }
  workgroupBarrier();
  let all = joined[0];
  let mean = all.y / max(all.x, 1.0);

  var squares = 0.0;
  for (var p = first + li; p < end; p += 64u) {
    let v = x[p];
    if (is_used(p) && is_finite(v)) { squares += (v - mean) * (v - mean); }
  }
  workgroupBarrier();
  joined[li] = vec4f(squares, 0.0, 0.0, 0.0);
  for (var width = tree_half(end - first, 64u); width > 0u; width >>= 1u) {
    workgroupBarrier();
    if (li < width) { joined[li].x += joined[li + width].x; }
  }
  workgroupBarrier();
  if (li == 0u && first < end) {
    let at = 2u * (params.partial_base + chunk);
    partials[at] = vec4f(all.x, mean, joined[0].x, 0.0);
    partials[at + 1u] = vec4f(all.z, all.w, 0.0, 0.0);
  }
  for (var b = li; b < COUNTS; b += 64u) {
    let count = atomicLoad(&counts[b]);
    if (count > 0u) { atomicAdd(&results[params.result_base + HEADER + b], count); }
  }
}
