/**
 * GLSL of the three programs. The motion formula is that of `Marks.placeAt`. Marks are points, not instanced quads: a
 * software renderer pays for each instance like for a draw of its own (measured: 7 against 40 frames a second).
 *
 * - plain: a sprite from the atlas, or with `u_wedge` its heading wedge; thousands of marks, one fetch a pixel;
 * - marks: what stands out (selected, alarmed, SOS), shapes and rings computed in the pixel; few marks;
 * - track: a line of constant width.
 */
const PLACE = `
vec2 place_now() {
  float since = max(0.0, u_time - a_since);
  float u = min(1.0, since / 0.3);
  return a_place + a_velocity * min(since, 2.0) + a_error * (1.0 - u * u * (3.0 - 2.0 * u));
}`

export const PLAIN_VERTEX = `#version 300 es
layout(location = 0) in vec2 a_place;
layout(location = 1) in vec2 a_velocity;
layout(location = 2) in vec2 a_error;
layout(location = 3) in float a_since;
layout(location = 4) in vec4 a_rgba;
layout(location = 5) in uvec4 a_look; // icon, size, flags, heading/256
uniform mat4 u_local;
uniform float u_time;
uniform vec4 u_radii;
uniform float u_bearing;
uniform int u_wedge;
uniform float u_dpr;
uniform vec2 u_viewport;
flat out vec2 v_cell;
flat out vec2 v_turn; // cos, sin
flat out vec3 v_rgb;
flat out float v_alpha;
flat out float v_glyph;
flat out float v_lod;
${PLACE}
void main() {
  uint flags = a_look.z;
  // Hidden ones, and what stands out: that has its own program.
  if ((flags & 208u) != 0u || (u_wedge == 1 && (flags & 1u) == 0u)) {
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    return;
  }
  float radius = u_radii[a_look.y];
  if (u_wedge == 1 && radius < 4.0) {
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    return;
  }
  vec4 clip = u_local * vec4(place_now(), 0.0, 1.0);
  clip.z = 0.0;
  gl_Position = clip;
  float half_size = radius * 1.3;
  v_cell = vec2(float(a_look.x), (flags & 4u) != 0u ? 1.0 : 0.0);
  v_turn = vec2(1.0, 0.0);
  if (u_wedge == 1) {
    float turn = float(a_look.w) / 256.0 * 6.2831853 - u_bearing;
    v_turn = vec2(cos(turn), sin(turn));
    half_size = radius * 0.56 + 3.6;
    // The point goes to where the wedge is, so that it is no larger than the wedge.
    clip.xy += v_turn.yx * (radius + 2.2) * 2.0 / u_viewport * clip.w;
    gl_Position = clip;
    v_cell = vec2(7.0, 0.0);
  }
  gl_PointSize = half_size * 2.0 * u_dpr;
  v_rgb = a_rgba.rgb;
  v_alpha = (flags & 8u) != 0u ? 0.5 : 1.0;
  v_glyph = radius > 5.5 ? 1.0 : 0.0;
  // The level of the sprite whose pixels are about as large as the screen's.
  v_lod = clamp(log2(32.0 / (half_size * u_dpr)), 0.0, 4.0);
}`

export const PLAIN_FRAGMENT = `#version 300 es
precision mediump float;
flat in vec2 v_cell;
flat in vec2 v_turn;
flat in vec3 v_rgb;
flat in float v_alpha;
flat in float v_glyph;
flat in float v_lod;
uniform sampler2D u_atlas;
uniform vec3 u_border;
uniform vec3 u_glyph;
out vec4 color;
void main() {
  // x to the right, y ahead, from −1 to 1 over the sprite
  vec2 p = vec2(gl_PointCoord.x * 2.0 - 1.0, 1.0 - gl_PointCoord.y * 2.0);
  p = vec2(p.x * v_turn.x - p.y * v_turn.y, p.x * v_turn.y + p.y * v_turn.x);
  if (max(abs(p.x), abs(p.y)) > 1.0) discard;
  vec3 cover = textureLod(u_atlas, (v_cell + vec2(p.x * 0.5 + 0.5, 0.5 - p.y * 0.5)) / vec2(8.0, 2.0), v_lod).rgb;
  vec3 rgb = mix(v_rgb, u_glyph, cover.g * v_glyph) * cover.r + u_border * max(0.0, cover.b - cover.r);
  color = vec4(rgb, max(cover.b, cover.r)) * v_alpha;
}`

export const MARK_VERTEX = `#version 300 es
layout(location = 0) in vec2 a_place;
layout(location = 1) in vec2 a_velocity;
layout(location = 2) in vec2 a_error;
layout(location = 3) in float a_since;
layout(location = 4) in vec4 a_rgba;
layout(location = 5) in uvec4 a_look; // icon, size, flags, heading/256
uniform mat4 u_local;
uniform float u_time;
uniform vec4 u_radii;
uniform float u_bearing;
uniform float u_dpr;
flat out float v_radius;
flat out float v_half;
flat out vec4 v_rgba;
flat out uvec2 v_look;
flat out vec2 v_heading;

${PLACE}
void main() {
  uint flags = a_look.z;
  bool emphasis = (flags & 144u) != 0u;
  if ((flags & 64u) != 0u || !emphasis) {
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    return;
  }
  float radius = max(u_radii[a_look.y], 8.0);
  // The quad is no larger than what is drawn: pixels are the cost.
  float spread = radius + 2.0;
  if ((flags & 1u) != 0u) spread = radius * 1.25 + 7.5;
  if ((flags & 48u) != 0u) spread = max(spread, radius + 8.0);
  if ((flags & 2u) != 0u) spread = radius * 3.6;
  vec4 clip = u_local * vec4(place_now(), 0.0, 1.0);
  gl_PointSize = spread * 2.0 * u_dpr;
  clip.z = 0.0;
  gl_Position = clip;
  float turn = float(a_look.w) / 256.0 * 6.2831853 - u_bearing;
  v_radius = radius;
  v_half = spread;
  v_rgba = a_rgba;
  v_look = a_look.xz;
  v_heading = vec2(sin(turn), cos(turn));
}`

export const MARK_FRAGMENT = `#version 300 es
precision highp float;
flat in float v_radius;
flat in float v_half;
flat in vec4 v_rgba;
flat in uvec2 v_look;
flat in vec2 v_heading;
uniform sampler2D u_atlas;
uniform vec3 u_border;
uniform vec3 u_glyph;
uniform vec3 u_selected;
uniform float u_time;
uniform float u_animate;
uniform float u_soft; // half a device pixel, in CSS pixels
out vec4 color;

float rounded(vec2 p, vec2 half_size, float corner) {
  vec2 q = abs(p) - half_size + corner;
  return length(max(q, 0.0)) + min(max(q.x, q.y), 0.0) - corner;
}

float body(uint icon, vec2 p, float r) {
  if (icon == 1u) return rounded(p, vec2(r * 0.94), r * 0.34);
  if (icon == 2u) { // hexagon, point up
    vec2 q = abs(p);
    return max(q.x * 0.866 + q.y * 0.5, q.x) - r * 0.93;
  }
  if (icon == 3u) return rounded(p, vec2(r * 0.74, r * 0.92), r * 0.28);
  if (icon == 4u) return (abs(p.x) + abs(p.y)) * 0.7071 - r * 0.86;
  if (icon == 5u) return rounded(p, vec2(r * 0.95, r * 0.72), r * 0.2);
  return length(p) - r;
}

void over(inout vec4 below, vec3 rgb, float alpha) {
  below = vec4(rgb * alpha + below.rgb * (1.0 - alpha), alpha + below.a * (1.0 - alpha));
}

float cover(float distance) {
  return 1.0 - smoothstep(-u_soft, u_soft, distance);
}

void main() {
  vec2 v_px = vec2(gl_PointCoord.x * 2.0 - 1.0, 1.0 - gl_PointCoord.y * 2.0) * v_half;
  uint icon = v_look.x;
  uint flags = v_look.y;
  float r = v_radius;
  vec3 fill = v_rgba.rgb;
  vec4 sum = vec4(0.0);
  float outer = length(v_px);
  float d = body(icon, v_px, r);

  if ((flags & 2u) != 0u) { // SOS
    float phase = u_animate > 0.5 ? fract(u_time * 0.8) : 0.55;
    float ring = mix(r, v_half - 2.0, phase);
    over(sum, fill, cover(abs(outer - ring) - 2.2) * (1.0 - phase));
    over(sum, fill, cover(outer - ring) * 0.22 * (1.0 - phase));
  }
  if ((flags & 32u) != 0u) { // unacknowledged
    float lit = u_animate > 0.5 ? step(0.5, fract(u_time)) : 1.0;
    over(sum, fill, cover(abs(d - 4.6) - 1.3) * lit);
  }
  if ((flags & 16u) != 0u) {
    over(sum, u_border, cover(abs(d - 4.6) - 2.6));
    over(sum, u_selected, cover(abs(d - 4.6) - 1.6));
  }
  if ((flags & 1u) != 0u) { // heading
    vec2 q = vec2(dot(v_px, vec2(v_heading.y, -v_heading.x)), dot(v_px, v_heading));
    float tip = r * 1.25 + 5.5;
    float wedge = max(abs(q.x) - (tip - q.y) * 0.72, r * 0.4 - q.y);
    over(sum, u_border, cover(wedge - 1.2));
    over(sum, fill, cover(wedge));
  }
  float edge = r < 3.0 ? 0.4 : r < 6.0 ? 0.9 : 1.5;
  over(sum, u_border, cover(d - edge) * (r < 3.0 ? 0.6 : 1.0));
  if ((flags & 4u) != 0u) {
    over(sum, fill, cover(abs(d + 0.9) - max(0.5, min(0.9, r * 0.25))));
  } else {
    over(sum, fill, cover(d));
  }
  if (r > 5.5) {
    vec2 uv = v_px / (r * 2.6) + 0.5;
    if (all(greaterThan(uv, vec2(0.0))) && all(lessThan(uv, vec2(1.0)))) {
      vec2 at = vec2(float(icon) + uv.x, 1.0 - uv.y) / vec2(8.0, 2.0);
      over(sum, (flags & 4u) != 0u ? fill : u_glyph, texture(u_atlas, at).g);
    }
  }
  if ((flags & 8u) != 0u) sum *= 0.5;
  if (sum.a < 0.004) discard;
  color = sum;
}`

export const TRACK_VERTEX = `#version 300 es
layout(location = 0) in vec4 a_ends;
layout(location = 1) in vec2 a_corner; // far end or near one, side
uniform mat4 u_local;
uniform vec2 u_viewport;
uniform float u_width;
uniform float u_count;
out float v_across;
out float v_fresh;

void main() {
  vec4 a = u_local * vec4(a_ends.xy, 0.0, 1.0);
  vec4 b = u_local * vec4(a_ends.zw, 0.0, 1.0);
  vec2 along = (b.xy / b.w - a.xy / a.w) * u_viewport;
  vec2 unit = length(along) > 0.0001 ? normalize(along) : vec2(1.0, 0.0);
  vec2 normal = vec2(-unit.y, unit.x);
  bool far = a_corner.x > 0.5;
  float side = a_corner.y;
  vec4 clip = far ? b : a;
  vec2 grow = normal * side + unit * (far ? 0.5 : -0.5);
  clip.xy += grow * u_width / u_viewport * clip.w;
  clip.z = 0.0;
  gl_Position = clip;
  v_across = side;
  v_fresh = float(gl_VertexID / 6 + 1) / u_count;
}`

export const TRACK_FRAGMENT = `#version 300 es
precision highp float;
in float v_across;
in float v_fresh;
uniform vec3 u_rgb;
out vec4 color;
void main() {
  float alpha = (1.0 - smoothstep(0.6, 1.0, abs(v_across))) * mix(0.35, 0.95, v_fresh);
  color = vec4(u_rgb * alpha, alpha);
}`
