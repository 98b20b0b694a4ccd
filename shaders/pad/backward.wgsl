// Gradient of padding: dx[n, row, column, c] = sum of dy wherever y took this element.
//
// Threads: one for each element of dx. Along an axis an element is taken once (MODE constant), by up to three places
// (reflect), or by a stretch (replicate, at the edges); rows outside, columns inside: a fixed order.
// Layouts: dy, dx nhwc, VEC: four channels an element.
//#include "lib/linear-id.wgsl"
//#include "pad/params.wgsl"
@group(0) @binding(1) var<storage, read> dy: array<T>;
@group(0) @binding(2) var<storage, read_write> dx: array<T>;

// The places along an axis of y that took element p: `first`, `first + 1`, ... with `count` of them; reflect: up to three,
// -1 where there is none.
//#if MODE==reflect
fn places(p: i32, size: i32, padded: i32, before: i32) -> array<i32, 3> {
  let here = p + before;
  // Mirrored at the first and at the last element, which themselves are not.
  let low = before - p;
  let high = 2 * (size - 1) - p + before;
  return array<i32, 3>(
    select(-1, here, here >= 0 && here < padded),
    select(-1, low, p > 0 && low >= 0 && low < padded),
    select(-1, high, p < size - 1 && high >= 0 && high < padded),
  );
}
//#else
struct Stretch { first: i32, end: i32 }

fn stretch(p: i32, size: i32, padded: i32, before: i32) -> Stretch {
  var first = p + before;
  var end = first + 1;
//#if MODE==replicate
  if (p == 0) { first = 0; }
  if (p == size - 1) { end = padded; }
//#endif
  return Stretch(max(first, 0), min(end, padded));
}
//#endif

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  let at = place_of(i, params.lanes, vec2i(params.h, params.w));
  let size = vec2i(params.oh, params.ow);
  var sum = T();
//#if MODE==reflect
  let rows = places(at.row, params.h, params.oh, params.top);
  let columns = places(at.column, params.w, params.ow, params.left);
//#for R 0 3
//#for C 0 3
  if (rows[$R] >= 0 && columns[$C] >= 0) {
    sum += dy[index_of(at.n, rows[$R], columns[$C], at.lane, params.lanes, size)];
  }
//#endfor
//#endfor
//#else
  let rows = stretch(at.row, params.h, params.oh, params.top);
  let columns = stretch(at.column, params.w, params.ow, params.left);
  for (var row = rows.first; row < rows.end; row++) {
    for (var column = columns.first; column < columns.end; column++) {
      sum += dy[index_of(at.n, row, column, at.lane, params.lanes, size)];
    }
  }
//#endif
  dx[i] = sum;
}
