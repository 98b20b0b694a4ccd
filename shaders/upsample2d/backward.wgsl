// Gradient of resizing: dx[p] = sum of dy over the places that read p, each with its weight.
//
// Threads: one for each element of dx; rows outside, columns inside: a fixed order. Layouts: dy, dx nhwc, VEC: four
// channels an element.
//#include "lib/linear-id.wgsl"
//#include "upsample2d/params.wgsl"
@group(0) @binding(1) var<storage, read> dy: array<T>;
@group(0) @binding(2) var<storage, read_write> dx: array<T>;

struct Stretch { first: i32, end: i32 }

// The first place that reads at `units` / den or beyond.
fn place_from(units: i32, axis: Axis) -> i32 {
  return max(units - axis.b + axis.a - 1, 0) / axis.a;
}

// Places that may read element p: nearest from p to before p + 1, else between p - 1 and p + 1. With a = 0 all read the first.
fn stretch(p: i32, axis: Axis) -> Stretch {
  if (axis.a == 0) { return Stretch(0, axis.places); }
//#if NEAREST
  let first = p * axis.den;
//#else
  let first = (p - 1) * axis.den + 1;
//#endif
  return Stretch(place_from(first, axis), min(place_from((p + 1) * axis.den, axis), axis.places));
}

// How much place o takes of element p.
fn share(o: i32, p: i32, axis: Axis) -> f32 {
  let b = blend(o, axis);
  return select(0.0, 1.0 - b.weight, b.low == p) + select(0.0, b.weight, b.high == p);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  let at = place_of(i, params.lanes, vec2i(params.h, params.w));
  let down = stretch(at.row, rows());
  let across = stretch(at.column, columns());
  let size = vec2i(params.oh, params.ow);
  var sum = T();
  for (var row = down.first; row < down.end; row++) {
    var line = T();
    for (var column = across.first; column < across.end; column++) {
      let v = dy[index_of(at.n, row, column, at.lane, params.lanes, size)];
//#if NEAREST
      line += v;
//#else
      line += v * share(column, at.column, columns());
//#endif
    }
//#if NEAREST
    sum += line;
//#else
    sum += line * share(row, at.row, rows());
//#endif
  }
  dx[i] = sum;
}
