// Lines of a width in pixels with round ends: an instance for each segment, 6 vertices each. What is hidden behind the surface is
// drawn by a second pipeline (HIDDEN), faintly. View as in surface.wgsl.

struct View {
  clip: mat4x4f,
  eye: vec3f,
  side: f32,
  size: vec2f,
  stride: f32,
  contourCount: f32,
}

struct Segment {
  // xyz; w: half the width in pixels.
  start: vec4f,
  // xyz; w: 1 where it shows through the surface.
  end: vec4f,
  color: vec4f,
}

@group(0) @binding(0) var<uniform> view: View;
@group(0) @binding(2) var<storage, read> segments: array<Segment>;

override HIDDEN = 0.0;

struct Vertex {
  @builtin(position) position: vec4f,
  // Pixels along the line from its start, and across from its middle.
  @location(0) at: vec2f,
  @location(1) @interpolate(flat) span: f32,
  @location(2) @interpolate(flat) half_width: f32,
  @location(3) @interpolate(flat) color: vec4f,
}

@vertex
fn vertex(@builtin(vertex_index) index: u32, @builtin(instance_index) instance: u32) -> Vertex {
  let segment = segments[instance];
  let a = view.clip * vec4f(segment.start.xyz, 1.0);
  let b = view.clip * vec4f(segment.end.xyz, 1.0);
  let to_pixels = 0.5 * view.size;
  let way = (b.xy / b.w - a.xy / a.w) * to_pixels;
  let span = length(way);
  let direction = select(vec2f(1.0, 0.0), way / max(span, 1e-6), span > 1e-3);
  let normal = vec2f(-direction.y, direction.x);
  let reach = segment.start.w + 1.0;
  var corners = array<vec2f, 6>(
    vec2f(0.0, -1.0), vec2f(1.0, -1.0), vec2f(1.0, 1.0), vec2f(0.0, -1.0), vec2f(1.0, 1.0), vec2f(0.0, 1.0),
  );
  let corner = corners[index];
  let anchor = select(a, b, corner.x > 0.5);
  let offset = direction * reach * (2.0 * corner.x - 1.0) + normal * reach * corner.y;
  var out: Vertex;
  // Slightly nearer than the surface that it lies on.
  out.position = vec4f(anchor.xy + offset / to_pixels * anchor.w, anchor.z - 0.0006 * anchor.w, anchor.w);
  if (HIDDEN > 0.5 && segment.end.w < 0.5) { out.position = vec4f(2.0, 2.0, 2.0, 1.0); }
  out.at = vec2f(mix(-reach, span + reach, corner.x), reach * corner.y);
  out.span = span;
  out.half_width = segment.start.w;
  out.color = segment.color;
  return out;
}

@fragment
fn fragment(in: Vertex) -> @location(0) vec4f {
  let beyond = in.at.x - clamp(in.at.x, 0.0, in.span);
  let distance = length(vec2f(beyond, in.at.y));
  var alpha = in.color.a * clamp(in.half_width - distance + 0.5, 0.0, 1.0);
  // Round ends overlap: of hidden lines, which are faint, one would see it.
  if (HIDDEN > 0.5) { alpha = select(0.45 * alpha, 0.0, in.span > 0.5 && abs(beyond) > 0.0); }
  if (alpha <= 0.0) { discard; }
  return vec4f(in.color.rgb, alpha);
}
