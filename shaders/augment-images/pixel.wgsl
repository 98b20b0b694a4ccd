// A pixel of an augmented image, in bytes 0..255, before colours change: bilinear, `fill` outside of the image.
@group(0) @binding(0) var<storage, read> images: array<u32>;

fn fill() -> vec4f {
  return vec4f(params.fill0, params.fill1, params.fill2, params.fill3);
}

fn byte_at(i: u32) -> f32 {
  return f32((images[i / 4u] >> (8u * (i % 4u))) & 255u);
}

fn tap(sample: u32, at: vec2i) -> vec4f {
  if (any(at < vec2i()) || any(at >= vec2i(i32(params.w), i32(params.h)))) { return fill(); }
  let plane = params.h * params.w;
  let pixel = sample * CHANNELS * plane + u32(at.y) * params.w + u32(at.x);
  var v = vec4f();
//#for C 0 CHANNELS
  v[$C] = byte_at(pixel + $Cu * plane);
//#endfor
  return v;
}

// Exact where a coordinate is whole: then the further tap counts for nothing.
fn pixel_at(sample: u32, map_x: vec4f, map_y: vec4f, at: vec2f) -> vec4f {
  let place = vec2f(map_x.x * at.x + map_x.y * at.y + map_x.z, map_y.x * at.x + map_y.y * at.y + map_y.z);
  // Far outside is outside; the bounds keep the integers below in range.
  let near = clamp(place, vec2f(-2.0), vec2f(f32(params.w), f32(params.h)) + 1.0);
  let low = floor(near);
  let part = near - low;
  let i = vec2i(low);
  let top = weigh(tap(sample, i), tap(sample, i + vec2i(1, 0)), part.x);
  let bottom = weigh(tap(sample, i + vec2i(0, 1)), tap(sample, i + vec2i(1, 1)), part.x);
  return weigh(top, bottom, part.y);
}

fn weigh(a: vec4f, b: vec4f, part: f32) -> vec4f {
  return a + (b - a) * part;
}
