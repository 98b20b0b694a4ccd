// The numbers of a convolution (src/ops/conv2d-geometry.ts): x [n, h, w, cs], y [n, oh, ow, os], weight [kh, kw, is, os],
// where cs, os and is are channels with padding and c, o and i (of one group) without.
struct Params {
  n: u32, h: u32, w: u32, c: u32, cs: u32,
  oh: u32, ow: u32, o: u32, os: u32,
  i: u32, is: u32, kh: u32, kw: u32,
  sy: u32, sx: u32, dy: u32, dx: u32,
  top: u32, left: u32, groups: u32,
  // Weight gradient: parts that the sum over pixels is cut into, and pixels (or rows of pixels) in each.
  splits: u32, share: u32,
}
