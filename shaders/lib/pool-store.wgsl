// The pooled value, four channels or one: y nhwc, or with PLAIN plain, where four channels lie a plane apart.
//#if PLAIN
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn store_y(i: u32, at: Place, v: T) {
  let plane = u32(params.oh * params.ow);
  let channel = 4u * u32(at.lane);
  let to = (u32(at.n) * params.channels + channel) * plane + u32(at.row * params.ow + at.column);
//#for J 0 4
  if (channel + $Ju < params.channels) { y[to + $Ju * plane] = v[$J]; }
//#endfor
}
//#else
@group(0) @binding(2) var<storage, read_write> y: array<T>;

fn store_y(i: u32, at: Place, v: T) { y[i] = v; }
//#endif
