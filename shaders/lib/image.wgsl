// Elements of an nhwc tensor by their number. VEC: an element is four channels (c' a multiple of 4), else a single channel.
//#include "lib/divide.wgsl"
//#if VEC
alias T = vec4f;
//#else
alias T = f32;
//#endif

struct Place { n: i32, row: i32, column: i32, lane: i32 }

// `lanes` elements along the channels, rows and columns of the plane.
fn place_of(i: u32, lanes: u32, size: vec2i) -> Place {
  let pixel = divide(i, lanes);
  let line = divide(pixel, u32(size.y));
  let n = divide(line, u32(size.x));
  return Place(i32(n), i32(line - n * u32(size.x)), i32(pixel) - i32(line) * size.y, i32(i - pixel * lanes));
}

fn index_of(n: i32, row: i32, column: i32, lane: i32, lanes: u32, size: vec2i) -> i32 {
  return ((n * size.x + row) * size.y + column) * i32(lanes) + lane;
}
