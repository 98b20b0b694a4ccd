// Geometry of a pool: which positions of the plane an output cell reads, and which cells read a position.
//
// Axes are shorter than 2^20. DILATED: dh or dw is not 1.
// Declares `params` at binding 0. VEC: an element is four channels (nhwc with c' a multiple of 4), else a single channel.
// ADAPTIVE: cell o of n reads floor(o * size / n) up to ceil((o + 1) * size / n); kh and kw are then the largest windows.
//#include "lib/divide.wgsl"
struct Params {
  // Threads; elements along the channels: c' / 4, or 1 for a single channel; real channels.
  count: u32, lanes: u32, channels: u32,
  h: i32, w: i32, oh: i32, ow: i32,
  kh: i32, kw: i32, sh: i32, sw: i32, dh: i32, dw: i32,
  top: i32, left: i32, bottom: i32, right: i32,
  // Blocks of sh x sw elements that cover the plane, the first one beginning with the padding.
  block_rows: i32, block_columns: i32,
}
@group(0) @binding(0) var<uniform> params: Params;

//#if VEC
alias T = vec4f;
alias U = vec4u;
//#else
alias T = f32;
alias U = u32;
//#endif

// An element of an nhwc tensor.
struct Place { n: i32, row: i32, column: i32, lane: i32 }

fn place_of(i: u32, rows: i32, columns: i32) -> Place {
  let pixel = divide(i, params.lanes);
  let line = divide(pixel, u32(columns));
  let n = divide(line, u32(rows));
  return Place(i32(n), i32(line - n * u32(rows)), i32(pixel) - i32(line) * columns, i32(i - pixel * params.lanes));
}

fn index_of(n: i32, row: i32, column: i32, rows: i32, columns: i32, lane: i32) -> i32 {
  return ((n * rows + row) * columns + column) * i32(params.lanes) + lane;
}

fn x_index(n: i32, y: i32, x: i32, lane: i32) -> i32 { return index_of(n, y, x, params.h, params.w, lane); }

fn y_index(n: i32, oy: i32, ox: i32, lane: i32) -> i32 { return index_of(n, oy, ox, params.oh, params.ow, lane); }

// Taps first .. end-1 of a window lie in the plane; tap k at start + k * dilation.
struct Window { start: i32, first: i32, end: i32 }

fn window(o: i32, size: i32, outputs: i32, kernel: i32, stride: i32, before: i32, dilation: i32) -> Window {
//#if ADAPTIVE
  let start = o * size / outputs;
  return Window(start, 0, ((o + 1) * size + outputs - 1) / outputs - start);
//#else
  let start = o * stride - before;
//#if DILATED
  let first = divide_small(max(-start, 0) + dilation - 1, dilation);
  return Window(start, first, min(kernel, divide_small(size - start + dilation - 1, dilation)));
//#else
  return Window(start, max(-start, 0), min(kernel, size - start));
//#endif
//#endif
}

fn rows_of(oy: i32) -> Window {
  return window(oy, params.h, params.oh, params.kh, params.sh, params.top, params.dh);
}

fn columns_of(ox: i32) -> Window {
  return window(ox, params.w, params.ow, params.kw, params.sw, params.left, params.dw);
}

// The first and the last cell whose window may read position p: with dilation it may also step over it.
fn cells(p: i32, size: i32, outputs: i32, kernel: i32, stride: i32, before: i32, dilation: i32) -> vec2i {
//#if ADAPTIVE
  return vec2i(p * outputs / size, ((p + 1) * outputs + size - 1) / size - 1);
//#else
  let q = p + before;
  let first = divide_small(max(q - (kernel - 1) * dilation, 0) + stride - 1, stride);
  return vec2i(first, min(divide_small(q, stride), outputs - 1));
//#endif
}

fn row_cells(y: i32) -> vec2i { return cells(y, params.h, params.oh, params.kh, params.sh, params.top, params.dh); }

fn column_cells(x: i32) -> vec2i { return cells(x, params.w, params.ow, params.kw, params.sw, params.left, params.dw); }

// The tap with which cell o reads position p; -1 where it steps over it.
fn tap(p: i32, o: i32, size: i32, outputs: i32, stride: i32, before: i32, dilation: i32) -> i32 {
//#if ADAPTIVE
  return p - o * size / outputs;
//#else
  let q = p + before - o * stride;
//#if DILATED
  let k = divide_small(q, dilation);
  return select(-1, k, k * dilation == q);
//#else
  return q;
//#endif
//#endif
}

fn row_tap(y: i32, oy: i32) -> i32 { return tap(y, oy, params.h, params.oh, params.sh, params.top, params.dh); }

fn column_tap(x: i32, ox: i32) -> i32 { return tap(x, ox, params.w, params.ow, params.sw, params.left, params.dw); }
