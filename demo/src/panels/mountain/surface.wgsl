// The loss surface: a mesh of side x side points, shaded, coloured by height, with contour lines and the grid of measured points.
// Vertices: 6 for each cell of the grid, no vertex buffer; heights are row by row, 0..1, below -1 where there is no finite loss:
// cells with such a corner are left out. World: x along columns -1..1, z along rows -1..1, y up to RELIEF.

struct View {
  clip: mat4x4f,
  eye: vec3f,
  side: f32,
  // Of the picture, in pixels.
  size: vec2f,
  // Grid lines are drawn at every so many points.
  stride: f32,
  contourCount: f32,
  line: vec4f,
  // From low to high.
  stops: array<vec4f, 6>,
  contours: array<vec4f, 6>,
}

@group(0) @binding(0) var<uniform> view: View;
@group(0) @binding(1) var<storage, read> heights: array<f32>;

override RELIEF = 0.95;

struct Vertex {
  @builtin(position) position: vec4f,
  @location(0) world: vec3f,
  @location(1) normal: vec3f,
  @location(2) grid: vec2f,
  @location(3) height: f32,
}

fn height_at(column: i32, row: i32) -> f32 {
  let last = i32(view.side) - 1;
  return heights[clamp(row, 0, last) * (last + 1) + clamp(column, 0, last)];
}

// Difference of heights for each cell between two neighbours; those that are missing are passed over.
fn slope(before: f32, here: f32, after: f32, both: f32) -> f32 {
  let low = select(before, here, before < -1.0);
  let high = select(after, here, after < -1.0);
  return (high - low) / both;
}

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> Vertex {
  let last = i32(view.side) - 1;
  let cell = i32(index / 6u);
  // Both triangles have the edge from (0, 0) to (1, 1).
  var corners = array<vec2i, 6>(vec2i(0, 0), vec2i(1, 0), vec2i(1, 1), vec2i(0, 0), vec2i(1, 1), vec2i(0, 1));
  let base = vec2i(cell % last, cell / last);
  let at = base + corners[index % 6u];
  let lowest = min(
    min(height_at(base.x, base.y), height_at(base.x + 1, base.y)),
    min(height_at(base.x, base.y + 1), height_at(base.x + 1, base.y + 1)),
  );
  let h = height_at(at.x, at.y);
  let left = height_at(at.x - 1, at.y);
  let right = height_at(at.x + 1, at.y);
  let up = height_at(at.x, at.y - 1);
  let down = height_at(at.x, at.y + 1);
  let across = f32(min(at.x + 1, last) - max(at.x - 1, 0));
  let along = f32(min(at.y + 1, last) - max(at.y - 1, 0));
  let cell_size = 2.0 / f32(last);
  var out: Vertex;
  out.world = vec3f(cell_size * f32(at.x) - 1.0, RELIEF * h, cell_size * f32(at.y) - 1.0);
  out.normal = vec3f(
    -RELIEF * slope(left, h, right, across) / cell_size,
    1.0,
    -RELIEF * slope(up, h, down, along) / cell_size,
  );
  out.grid = vec2f(at);
  out.height = h;
  // A cell with a hole is put where nothing is drawn.
  out.position = select(view.clip * vec4f(out.world, 1.0), vec4f(2.0, 2.0, 2.0, 1.0), lowest < -1.0);
  return out;
}

fn color_of(height: f32) -> vec3f {
  let scaled = clamp(height, 0.0, 1.0) * 5.0;
  let low = min(4u, u32(scaled));
  return mix(view.stops[low].rgb, view.stops[low + 1u].rgb, scaled - f32(low));
}

@fragment
fn fragment(in: Vertex, @builtin(front_facing) front: bool) -> @location(0) vec4f {
  let slope_of_height = max(fwidth(in.height), 1e-5);
  let grid = in.grid / view.stride;
  let to_grid = abs(fract(grid - 0.5) - 0.5) / max(fwidth(grid), vec2f(1e-5));
  let to_eye = normalize(view.eye - in.world);
  var normal = normalize(in.normal);
  if (dot(normal, to_eye) < 0.0) { normal = -normal; }
  let light = normalize(vec3f(-0.45, 0.8, 0.4));
  let diffuse = 0.5 + 0.5 * dot(normal, light);
  let shine = pow(max(dot(reflect(-light, normal), to_eye), 0.0), 24.0);
  var color = color_of(in.height) * (0.5 + 0.58 * diffuse) + vec3f(0.06 * shine);
  color = mix(color, view.line.rgb, 0.1 * (1.0 - smoothstep(0.4, 1.2, min(to_grid.x, to_grid.y))));
  var contour = 0.0;
  for (var i = 0u; i < u32(view.contourCount); i++) {
    let distance = abs(in.height - view.contours[i / 4u][i % 4u]) / slope_of_height;
    contour = max(contour, 1.0 - smoothstep(0.5, 1.3, distance));
  }
  color = mix(color, view.line.rgb, 0.36 * contour);
  return vec4f(color, 1.0);
}
