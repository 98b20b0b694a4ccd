// Average of whole planes: y[n, c] = sum over h, w of x / divisor.
//
// Threads: a workgroup for each image and WIDTH elements along the channels (four channels each, or one): 256 / WIDTH
// threads stride over the pixels of an element, then a tree in workgroup memory: a fixed order. Layouts: x nhwc; y: lib/pool-store.wgsl.
//#include "lib/linear-id.wgsl"
//#include "lib/tree.wgsl"
//#include "lib/pool-window.wgsl"
//#include "avg-pool2d/divisor.wgsl"
@group(0) @binding(1) var<storage, read> x: array<T>;
//#include "lib/pool-store.wgsl"
const STRIDE = 256u / u32(WIDTH);
var<workgroup> partial: array<T, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let blocks = (params.lanes + u32(WIDTH) - 1u) / u32(WIDTH);
  let group = linear_group(wg, groups);
  let n = group / blocks;
  let lane = group % blocks * u32(WIDTH) + li % u32(WIDTH);
  // Folded grids have groups beyond the last image.
  let inside = lane < params.lanes && n * params.lanes + lane < params.count;
  let pixels = select(0u, u32(params.h * params.w), inside);
  let origin = n * u32(params.h * params.w) * params.lanes + lane;
  var sum = T();
  for (var p = li / u32(WIDTH); p < pixels; p += STRIDE) { sum += x[origin + p * params.lanes]; }
  partial[li] = sum;
  for (var width = tree_half(u32(params.h * params.w), STRIDE); width > 0u; width /= 2u) {
    workgroupBarrier();
    if (li < width * u32(WIDTH)) { partial[li] += partial[li + width * u32(WIDTH)]; }
  }
  if (li < u32(WIDTH) && inside) {
    store_y(n * params.lanes + lane, Place(i32(n), 0, 0, i32(lane)), partial[li] / divisor(0, 0));
  }
}
